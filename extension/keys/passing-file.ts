// A page that another program has to open lies for a short while in a file that only this user can read, in the folder that is gone at
// logout where there is such a folder. It goes after a minute, when this process ends, or, after a crash, when the editor is there again.

import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, ensurePrivate } from '../../protocol/claim.ts';
import { resolveHome } from '../../protocol/home.ts';

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
  for (const left of leftIn(folder)) rmSync(left, { force: true });
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

/** A part of the extension: what a crash left is gone soon after the editor is there again. */
export function nothingLeft(): { dispose(): void } {
  const timers: NodeJS.Timeout[] = [];
  clearLeft(resolveHome().runtime, Date.now(), (ms, run) => timers.push(setTimeout(run, ms)));
  return { dispose: () => timers.forEach(clearTimeout) };
}

/** Takes away what a crash left, now or when its minute is over, since another window may have just laid it out. */
export function clearLeft(folder: string, now: number, after: (ms: number, run: () => void) => unknown): void {
  for (const left of leftIn(folder)) {
    const since = now - (statSync(left, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (since >= 0 && since < passingMs) after(passingMs - since, () => rmSync(left, { force: true }));
    else rmSync(left, { force: true });
  }
}

function leftIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).flatMap(each => (name.test(each) ? [join(folder, each)] : []));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []; // nothing ever passed
    throw error;
  }
}
