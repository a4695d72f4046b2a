// A page that another program has to open lies for a short while in a file that only this user can read, in the folder that is gone at
// logout. It goes after a minute, when this process ends, or, after a crash, when the next one is laid out.

import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivate } from '../../protocol/claim.ts';

/** Long enough for a browser that has to be started first. */
export const passingMs = 60_000;

const name = /^sheet-[0-9a-f]{16}\.html$/;

/** @param after calls once, that many milliseconds later @returns the file's path */
export async function layOut(
  folder: string,
  page: string,
  after: (ms: number, run: () => void) => unknown,
): Promise<string> {
  await ensurePrivate(folder);
  for (const left of readdirSync(folder)) if (name.test(left)) rmSync(join(folder, left), { force: true });
  const path = join(folder, `sheet-${randomBytes(8).toString('hex')}.html`);
  await writeFile(path, page, { mode: 0o600, flag: 'wx' });
  const remove = () => {
    rmSync(path, { force: true });
    process.removeListener('exit', remove);
  };
  process.once('exit', remove);
  after(passingMs, remove);
  return path;
}
