// A disk that is soon full: a tmpfs of a given size. Mounting needs root on Linux; elsewhere the tests that need one are skipped by name.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export const canMount = process.platform === 'linux' && process.getuid?.() === 0 && tries(['mount', '--version']);

export const withoutMount = 'mounting a small disk needs root on Linux';

export interface SmallDisk {
  readonly path: string;
  /** Leaves no block free. */
  fill(): void;
  /** Takes away what `fill` wrote. */
  free(): void;
  resize(sizeBytes: number): void;
  setReadOnly(isReadOnly: boolean): void;
}

/** @param before runs at the end of the test, before the disk goes: to end what uses it */
export function smallDisk(
  t: ExecutionContext,
  path: string,
  sizeBytes: number,
  before: () => Promise<void> = async () => undefined,
): SmallDisk {
  mkdirSync(path, { recursive: true });
  must(['mount', '-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', path]);
  t.teardown(async () => {
    await before();
    must(['umount', path]);
  });
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      for (;;) {
        const { bavail, bsize } = statfsSync(path);
        if (bavail === 0) return;
        writeFileSync(filler, Buffer.alloc(bavail * bsize, 1), { flag: 'a' });
      }
    },
    free: () => rmSync(filler, { force: true }),
    resize: size => must(['mount', '-o', `remount,size=${size}`, path]),
    setReadOnly: isReadOnly => must(['mount', '-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, path]),
  };
}

function tries([program = '', ...args]: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}

function must([program = '', ...args]: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}
