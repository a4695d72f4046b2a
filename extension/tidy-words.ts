// The plan of tidying up, and what came of it: the words of the terminal, and the list that can be looked at. Pure.

import { plural, say } from '../protocol/formats.ts';
import type { ForgetEntry, ForgetResult, PruneResult } from '../protocol/status.ts';
import { forgetWords, keepWords, pruneWords } from '../protocol/tidy-words.ts';
import { momentWords } from './snapshots/rows.ts';
import type { Reader } from './views.ts';

export interface PlanWords {
  /** `3 backups go, 41 stay. 1.2 GB more wait until it is sure that no backup needs them.` */
  readonly text: string;
  /** There is nothing to do. */
  readonly isEmpty: boolean;
  /** Asked before backups go; absent when only room is freed. */
  readonly question?: string;
}

export function planWords(forgotten: ForgetResult, pruned: PruneResult, reader: Reader): PlanWords {
  const { locale } = reader;
  const goes = forgotten.forget.length + (forgotten.more?.forget ?? 0);
  const isPruned = pruned.packsDeleted + pruned.packsDropped + pruned.packsWaiting > 0;
  const text = tidiedWords(forgotten, pruned, reader);
  if (goes === 0) return { text, isEmpty: !isPruned };
  return { text, isEmpty: false, question: plural(locale, goes, 'Forget {count} backup?', 'Forget {count} backups?') };
}

/** What goes and what stays, each with its reason, newest first. */
export function planLines({ forget, keep, more }: ForgetResult, plan: string, reader: Reader): readonly string[] {
  const { locale } = reader;
  const named = (entry: ForgetEntry) => `${momentWords(entry.at, reader)} · ${entry.device}`;
  const rest = (value = 0) => (value === 0 ? [] : [plural(locale, value, 'and {count} more', 'and {count} more')]);
  return [
    plan,
    '',
    ...forget.map(entry => say(locale, 'goes: {backup}', { backup: named(entry) })),
    ...rest(more?.forget),
    '',
    ...keep.map(entry =>
      say(locale, 'stays: {backup} ({reasons})', { backup: named(entry), reasons: keepWords(entry.reasons, locale) }),
    ),
    ...rest(more?.keep),
  ];
}

export function tidiedWords(forgotten: ForgetResult, pruned: PruneResult, { now, locale }: Reader): string {
  const [backups = '', ...room] = forgetWords(forgotten, locale);
  const freed = pruneWords(pruned, now, locale);
  // What is free now and from when on says more than that it takes two days.
  return [backups, ...(pruned.packsWaiting > 0 ? [] : room), ...freed].join(' ');
}
