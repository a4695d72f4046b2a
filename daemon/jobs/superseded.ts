// Locks of our own that were replaced: the vaults and key files that a change of password, phone number or recovery key on this computer made
// worthless and took away. Remembered by name, so that mirrors lose exactly these; that a place lacks something is no reason ever.

import type { State } from '../state/state.ts';

type Facts = Pick<State['facts'], 'get' | 'set'>;

const supersededFact = 'keys.superseded';
/** By mirror the newest of them that it does not hold any more. */
const tidiedFact = 'mirrors.tidied';
/** Of each the bytes are long worthless; what is older stays in a mirror that was away for so many changes. */
const mostSuperseded = 64;

/** To be called before they are removed, and only for what will open nothing any more. */
export function noteSuperseded(facts: Facts, keys: readonly string[]): void {
  const before = superseded(facts);
  const fresh = keys.filter(key => !before.includes(key));
  if (fresh.length > 0) facts.set(supersededFact, JSON.stringify([...before, ...fresh].slice(-mostSuperseded)));
}

/** What the mirror may still hold. */
export function supersededIn(facts: Facts, mirror: string): readonly string[] {
  const all = superseded(facts);
  const last = tidied(facts)[mirror];
  return last === undefined ? all : all.slice(all.indexOf(last) + 1);
}

/** The mirror does not hold these any more. @param keys as `supersededIn` gave them, not none */
export function noteTidied(facts: Facts, mirror: string, keys: readonly string[]): void {
  facts.set(tidiedFact, JSON.stringify({ ...tidied(facts), [mirror]: keys.at(-1) }));
}

/** It holds again what it held once: a place that was left and is a mirror now, or was copied to by others meanwhile. */
export function forgetTidied(facts: Facts, mirror: string): void {
  const { [mirror]: _gone, ...others } = tidied(facts);
  facts.set(tidiedFact, JSON.stringify(others));
}

function superseded(facts: Facts): readonly string[] {
  return JSON.parse(facts.get(supersededFact) ?? '[]') as readonly string[]; // only this file writes it
}

function tidied(facts: Facts): Readonly<Record<string, string>> {
  return JSON.parse(facts.get(tidiedFact) ?? '{}') as Readonly<Record<string, string>>; // only this file writes it
}
