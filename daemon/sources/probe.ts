// A bounded look into a folder, to tell whose it is: names and first bytes, nothing else.

import { constants } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { readFully } from '../base/files.ts';
import { looksLikeDatabase } from '../capture/capture.ts';

export interface FolderProbe {
  isFolder(path: string): Promise<boolean>;
  /** A file with SQLite's magic. */
  isDatabase(path: string): Promise<boolean>;
  /** Some name in the folder fits. */
  hasName(folder: string, fits: (name: string) => boolean): Promise<boolean>;
  /** Some file in the folder or one level below fits by name, and its first bytes by text. */
  someFileBelow(name: RegExp, text: RegExp): Promise<boolean>;
}

const namesLookedAt = 1000;
const filesLookedInto = 20;
const headBytes = 16 * 1024;

/** Whatever cannot be read counts as not there. */
export function probeFolder(root: string): FolderProbe {
  return {
    async isFolder(path) {
      return (await lstat(join(root, path)).catch(() => undefined))?.isDirectory() ?? false;
    },
    async isDatabase(path) {
      return looksLikeDatabase(await head(join(root, path), 16));
    },
    async hasName(folder, fits) {
      return (await names(join(root, folder))).some(each => fits(each.name));
    },
    async someFileBelow(name, text) {
      let looked = 0;
      const folders = (await names(root)).filter(each => each.isFolder).map(each => join(root, each.name));
      for (const folder of [root, ...folders]) {
        for (const each of await names(folder)) {
          if (each.isFolder || !name.test(each.name)) continue;
          if (text.test(Buffer.from(await head(join(folder, each.name), headBytes)).toString('utf8'))) return true;
          looked += 1;
          if (looked === filesLookedInto) return false;
        }
      }
      return false;
    },
  };
}

async function names(folder: string): Promise<{ readonly name: string; readonly isFolder: boolean }[]> {
  const found: { name: string; isFolder: boolean }[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      found.push({ name: entry.name, isFolder: entry.isDirectory() });
      if (found.length === namesLookedAt) break;
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
