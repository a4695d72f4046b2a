// Lists that can be of any length, cut to what an answer, a state and a line of the history can hold. The result says how many more there
// are, and what matters most is listed first.

import type { More } from '../../protocol/status.ts';

export interface Bounds {
  readonly entries: number;
  /** Of the entries as JSON; the first one is listed however long it is. */
  readonly characters: number;
}

/** For what stands in every state and in the history. */
export const inStatus: Bounds = { entries: 100, characters: 32 * 1024 };
/** For what one answer carries alone. */
export const inAnswer: Bounds = { entries: 1000, characters: 512 * 1024 };
/** For one page of a list. */
export const inPage: Bounds = { entries: 500, characters: 1 << 20 };

interface Listed<Entry> {
  readonly listed: readonly Entry[];
  readonly more: number;
}

/** @param matters what is listed before the others */
export function bounded<Entry>(
  entries: readonly Entry[],
  bounds: Bounds,
  matters: (entry: Entry) => boolean = () => false,
): Listed<Entry> {
  const listed: Entry[] = [];
  let characters = 0;
  for (const wanted of [true, false]) {
    for (const entry of entries) {
      if (matters(entry) !== wanted) continue;
      characters += JSON.stringify(entry).length + 1;
      const fits = listed.length < bounds.entries && (characters <= bounds.characters || listed.length === 0);
      if (!fits) return { listed, more: entries.length - listed.length };
      listed.push(entry);
    }
  }
  return { listed, more: 0 };
}

/** The field of a result for what its lists leave out; no field when they are whole. */
export function moreOf<Name extends string>(counts: Readonly<Record<Name, number>>): { readonly more?: More<Name> } {
  const left = Object.entries<number>(counts).filter(([, count]) => count > 0);
  return left.length === 0 ? {} : { more: Object.fromEntries(left) as More<Name> };
}
