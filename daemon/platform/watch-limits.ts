// How many folders and files this process may watch and open at once, where the system says so (Linux), and how many folders there are.

import { opendir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface WatchLimits {
  /** fs.inotify.max_user_watches: shared by all programs of the user; one is used for each folder. */
  readonly watches: number;
  /** fs.inotify.max_user_instances: shared likewise; Signet uses one. */
  readonly instances: number;
  /** Files that this process may have open. */
  readonly openFiles: number;
}

/** Undefined where there are no such limits, or the system does not tell them. */
export async function watchLimits(proc = '/proc'): Promise<WatchLimits | undefined> {
  const numberIn = async (path: string, pattern: RegExp): Promise<number> => {
    const [, digits] = pattern.exec(await readFile(join(proc, path), 'latin1')) ?? [];
    return digits === undefined ? Number.POSITIVE_INFINITY : Number(digits);
  };
  try {
    return {
      watches: await numberIn('sys/fs/inotify/max_user_watches', /^(\d+)/),
      instances: await numberIn('sys/fs/inotify/max_user_instances', /^(\d+)/),
      openFiles: await numberIn('self/limits', /^Max open files +(\d+)/m),
    };
  } catch {
    return undefined; // no Linux, or a container that hides it
  }
}

/** Folders below the root with itself, at most `most`; what cannot be read counts as one. Links are not followed. */
export async function countFolders(root: string, most: number): Promise<number> {
  let count = 0;
  const waiting = [root];
  for (let folder = waiting.pop(); folder !== undefined && count < most; folder = waiting.pop()) {
    count += 1;
    try {
      for await (const entry of await opendir(folder)) {
        if (entry.isDirectory() && waiting.length + count < most) waiting.push(join(folder, entry.name));
      }
    } catch {
      // Gone meanwhile, or not readable: another line of the doctor tells it.
    }
  }
  return count;
}
