// A process that dies at a chosen write: from then on nothing it does reaches a disk. Counts every change it makes to files and to
// state.db, the folder remote's included, by standing in front of Node's own functions. One at a time, in a test process of its own.

import fs from 'node:fs/promises';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { physicalOf, standIns } from './stand-in.ts';

export interface DyingDisk {
  /** Runs the work; from the write with this number on (0 is the first) none is made any more. Answers how many were asked for. */
  dieAt(point: number, work: () => Promise<unknown>): Promise<{ readonly writes: number; readonly died: boolean }>;
  /** Runs the work; the write with this number fails as a bad disk fails, all others are made. Answers what the work threw. */
  failAt(point: number, work: () => Promise<unknown>): Promise<unknown>;
}

const changing = ['rename', 'rm', 'rmdir', 'unlink', 'link', 'mkdir', 'copyFile', 'writeFile', 'truncate'] as const;

export class Died extends Error {
  override readonly name = 'Died';
}

/** @param folder what lies below it is what dies; other files are written as ever */
export function dyingDisk(folder: string): DyingDisk {
  return {
    async dieAt(point, work) {
      let writes = 0;
      const write = (): void => {
        if (writes++ >= point) throw new Died(`dead since write ${point}`);
      };
      const giveBack = patch(folder, write);
      try {
        await work().catch(() => undefined); // nobody is left to be told
      } finally {
        giveBack();
      }
      return { writes, died: writes > point };
    },
    async failAt(point, work) {
      let writes = 0;
      const giveBack = patch(folder, () => {
        if (writes++ === point) throw Object.assign(new Error(`bad at write ${point}`), { code: 'EIO' });
      });
      try {
        return await work().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      } finally {
        giveBack();
      }
    },
  };
}

/** Until it is given back, this file cannot be removed, as in a place that forbids it. */
export function refuseRemoval(file: string): () => void {
  const { rm } = fs;
  const { replace, begin, giveBack } = standIns();
  replace(fs, 'rm', async (path, options) => {
    if (path === file) throw Object.assign(new Error('read-only'), { code: 'EROFS' });
    await rm(path, options);
  });
  begin();
  return giveBack;
}

function patch(folder: string, write: () => void): () => void {
  const { replace, begin, giveBack } = standIns();
  const isOurs = (path: unknown): boolean => physicalOf(path)?.startsWith(folder) === true;
  const files = fs as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const name of changing) {
    const real = files[name];
    if (real === undefined) continue;
    replace(files, name, async (...args) => {
      if (isOurs(args[0])) write();
      return real(...args);
    });
  }
  const { open } = fs;
  replace(fs, 'open', async (...args: Parameters<typeof open>) => {
    const writes = typeof args[1] === 'string' ? !/^r$/.test(args[1]) : ((args[1] ?? 0) & 3) !== 0;
    if (isOurs(args[0]) && writes) write();
    return open(...args);
  });
  const { run } = StatementSync.prototype;
  replace(StatementSync.prototype, 'run', function (this: StatementSync, ...args: Parameters<typeof run>) {
    write();
    return run.apply(this, args);
  } as typeof run);
  const { exec } = DatabaseSync.prototype;
  replace(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql) {
    if (sql === 'COMMIT') write();
    exec.call(this, sql);
  });
  begin();
  return giveBack;
}
