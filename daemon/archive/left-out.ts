// The list of what rules left out of a capture, for the manifest: each file or whole folder by name, with its reason and size. A source may
// leave out a hundred thousand videos: above a bound they are listed by the folder they lie in.

import { readdirSync, statSync } from 'node:fs';
import { asBuffer, concat, utf8 } from '../base/bytes.ts';
import { systemCode } from '../base/errors.ts';
import type { LeftOut, LeftOutExtent, Omission } from './model.ts';
import { displayPath } from './names.ts';

/** Entries by name in one source; the manifest travels with every snapshot. */
const mostNamed = 2_000;
/** Names that are looked at inside folders left out whole, for all of a source: their size is worth telling, not worth waiting for. */
const mostLookedAt = 20_000;

export class LeftOutList {
  readonly #entries: Omission[] = [];
  #looksLeft = mostLookedAt;

  /** @param item.sizeBytes of a file; a folder is measured, within bounds */
  add(item: {
    readonly path: Uint8Array;
    readonly reason: Exclude<LeftOut, 'noise'>;
    readonly absolute: Uint8Array;
    readonly isFolder: boolean;
    readonly sizeBytes: number;
  }): void {
    const byRule = item.isFolder ? this.#measure(item.absolute) : { files: 1, bytes: item.sizeBytes };
    this.#entries.push({ path: displayPath(item.path), reason: item.reason, byRule });
  }

  /** In the order of the walk. */
  listed(): readonly Omission[] {
    return this.#entries.length <= mostNamed ? this.#entries : byFolder(this.#entries);
  }

  #measure(root: Uint8Array): LeftOutExtent {
    let files = 0;
    let bytes = 0;
    const folders = [root];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      try {
        for (const entry of readdirSync(asBuffer(folder), { withFileTypes: true, encoding: 'buffer' })) {
          if (this.#looksLeft-- <= 0) return { files, bytes, isMore: true };
          const path = concat(folder, utf8('/'), entry.name);
          if (entry.isDirectory()) folders.push(path);
          else if (entry.isFile()) {
            bytes += statSync(asBuffer(path)).size;
            files += 1;
          }
        }
      } catch (error) {
        if (systemCode(error) === undefined) throw error;
        // It is left out either way: what cannot be measured is only not told.
      }
    }
    return { files, bytes };
  }
}

function byFolder(entries: readonly Omission[]): readonly Omission[] {
  const folded = new Map<string, Omission>();
  for (const { path, reason, byRule } of entries) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const key = `${reason} ${folder}`;
    folded.set(key, { path: folder, reason, byRule: addExtents(folded.get(key)?.byRule, byRule) });
  }
  return [...folded.values()];
}

export function addExtents(one?: LeftOutExtent, other?: LeftOutExtent): LeftOutExtent {
  return {
    files: (one?.files ?? 0) + (other?.files ?? 0),
    bytes: (one?.bytes ?? 0) + (other?.bytes ?? 0),
    ...((one?.isMore || other?.isMore) && { isMore: true }),
  };
}
