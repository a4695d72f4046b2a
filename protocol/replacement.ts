// At most one daemon a minute is replaced in a home, whatever the number and versions of its clients: each replacement is a numbered file
// that only one client can create. Without it, two installations that each start their own daemon would replace each other for ever.

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, ensurePrivate } from './claim.ts';
import type { Home } from './home.ts';

export const replacementEveryMs = 60_000;
/** How long others leave the place to the new daemon: asking the old one to end and starting take seconds. */
const handOverMs = 10_000;

const stamp = /^replaced-(\d{1,15})$/;

/** True for the one client that may replace the home's daemon now. */
export async function takeReplacement(home: Home, now = Date.now()): Promise<boolean> {
  await ensurePrivate(home.state);
  const last = numbersIn(home).at(-1) ?? 0;
  if (last > 0 && isYounger(join(home.state, `replaced-${last}`), replacementEveryMs, now)) return false;
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

/** Whether a client took the right to replace so lately that its daemon may not listen yet. */
export function isBeingReplaced(home: Home, now = Date.now()): boolean {
  const last = existsSync(home.state) ? numbersIn(home).at(-1) : undefined;
  return last !== undefined && isYounger(join(home.state, `replaced-${last}`), handOverMs, now);
}

/** A stamp from the future was made before the clock was set back: it must not hold for longer than others. */
function isYounger(path: string, ageMs: number, now: number): boolean {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now; // gone: another client is replacing
  return Math.abs(now - made) < ageMs;
}
