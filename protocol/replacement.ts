// At most one daemon a minute is replaced in a home, whatever the number and versions of its clients: each replacement is a numbered file
// that only one client can create. Without it, two installations that each start their own daemon would replace each other for ever.

import { readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, ensurePrivate } from './claim.ts';
import type { Home } from './home.ts';

export const replacementEveryMs = 60_000;

const stamp = /^replaced-(\d{1,15})$/;

/** True for the one client that may replace the home's daemon now. */
export async function takeReplacement(home: Home, now = Date.now()): Promise<boolean> {
  await ensurePrivate(home.state);
  const last = numbersIn(home).at(-1) ?? 0;
  if (last > 0 && isRecent(join(home.state, `replaced-${last}`), now)) return false;
  const mine = last + 1;
  try {
    await (await open(join(home.state, `replaced-${mine}`), 'wx', 0o600)).close();
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false; // another client was quicker
    throw error;
  }
  const numbers = numbersIn(home);
  // Whoever slept between looking and creating finds a later one: the number it took had been used and tidied away.
  const isNewest = numbers.at(-1) === mine;
  for (const number of numbers) {
    if (isNewest ? number < mine : number === mine) rmSync(join(home.state, `replaced-${number}`), { force: true });
  }
  return isNewest;
}

function numbersIn(home: Home): readonly number[] {
  return readdirSync(home.state)
    .flatMap(name => {
      const number = stamp.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    })
    .sort((a, b) => a - b);
}

/** A stamp from the future was made before the clock was set back: it must not hold for longer than others. */
function isRecent(path: string, now: number): boolean {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now; // gone: another client is replacing
  return Math.abs(now - made) < replacementEveryMs;
}
