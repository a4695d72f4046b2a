// A bounded look into a folder, to tell whose it is: names and first bytes, nothing else.

import { constants } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { readFully } from '../base/files.ts';
import { looksLikeDatabase } from '../capture/capture.ts';

export interface FolderProbe {
  isFolder(path: string): Promise<boolean>;
  isFile(path: string): Promise<boolean>;
  /** A file with SQLite's magic. */
  isDatabase(path: string): Promise<boolean>;
  /** The first 64 KiB of the file fit. */
  hasText(path: string, text: RegExp): Promise<boolean>;
  /** Some name in the folder fits. */
  hasName(folder: string, fits: (name: string) => boolean): Promise<boolean>;
  some(wanted: Wanted): Promise<boolean>;
}

/** Something at most `depth` names below the folder, by its path with '/' between names and, for a file, by its first bytes. */
export interface Wanted {
  readonly depth: number;
  readonly path: RegExp;
  readonly text?: RegExp;
  /** Folders worth a look; default all. */
  readonly into?: RegExp;
}

const namesLookedAt = 5000;
const filesLookedInto = 20;
const headBytes = 64 * 1024;

/** Whatever cannot be read counts as not there. */
export function probeFolder(root: string): FolderProbe {
  const statOf = (path: string) => lstat(join(root, path)).catch(() => undefined);
  const hasText = async (path: string, text: RegExp): Promise<boolean> =>
    text.test(Buffer.from(await head(join(root, path), headBytes)).toString('utf8'));
  return {
    async isFolder(path) {
      return (await statOf(path))?.isDirectory() ?? false;
    },
    async isFile(path) {
      return (await statOf(path))?.isFile() ?? false;
    },
    async isDatabase(path) {
      return looksLikeDatabase(await head(join(root, path), 16));
    },
    hasText,
    async hasName(folder, fits) {
      return (await names(join(root, folder), namesLookedAt)).some(each => fits(each.name));
    },
    async some({ depth, path: wanted, text, into }) {
      let left = namesLookedAt;
      let looked = 0;
      // One level after the other: what tells an app lies near the top.
      let level = [''];
      for (let at = 1; at <= depth && level.length > 0; at++) {
        const next: string[] = [];
        for (const folder of level) {
          const found = await names(join(root, folder), left);
          left -= found.length;
          for (const { name, isFolder } of found) {
            const path = folder === '' ? name : `${folder}/${name}`;
            if (isFolder && (into === undefined || into.test(path))) next.push(path);
            if (!wanted.test(path)) continue;
            if (text === undefined) return true;
            if (isFolder) continue;
            if (await hasText(path, text)) return true;
            looked += 1;
            if (looked === filesLookedInto) return false;
          }
          if (left <= 0) return false;
        }
        level = next;
      }
      return false;
    },
  };
}

async function names(folder: string, limit: number): Promise<{ readonly name: string; readonly isFolder: boolean }[]> {
  const found: { name: string; isFolder: boolean }[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      found.push({ name: entry.name, isFolder: entry.isDirectory() });
      if (found.length >= limit) break;
    }
  } catch {
    return found; // no folder, or not ours to read: nothing is recognised in it
  }
  return found;
}

async function head(path: string, bytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      if (!(await file.stat()).isFile()) return new Uint8Array(0);
      const target = new Uint8Array(bytes);
      return target.subarray(0, await readFully(file, target, 0));
    } finally {
      await file.close();
    }
  } catch {
    return new Uint8Array(0); // as above
  }
}
