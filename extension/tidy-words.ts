// The plan of tidying up, and what came of it, in words. Pure.

import { dayOf, plural, say, size } from '../protocol/formats.ts';
import type { ForgetEntry, ForgetResult, KeepReason, PruneResult } from '../protocol/status.ts';
import { momentWords } from './snapshots/rows.ts';
import type { Reader } from './views.ts';

export interface PlanWords {
  /** `3 backups go, 41 stay; 1.2 GB is freed after two days.` */
  readonly text: string;
  /** There is nothing to do. */
  readonly isEmpty: boolean;
  /** Asked before backups go; absent when only room is freed. */
  readonly question?: string;
}

export function planWords(forgotten: ForgetResult, pruned: PruneResult, { locale }: Reader): PlanWords {
  const goes = forgotten.forget.length + (forgotten.more?.forget ?? 0);
  const stays = forgotten.keep.length + (forgotten.more?.keep ?? 0);
  const later = pruned.bytesWaiting; // what is dropped now is among it
  const staying = plural(locale, stays, '{count} backup stays', '{count} backups stay');
  if (goes === 0 && pruned.bytesDeleted + later === 0) {
    return { text: say(locale, 'There is nothing to tidy up: {backups}.', { backups: staying }), isEmpty: true };
  }
  const going =
    goes === 0
      ? say(locale, 'No backup goes, {backups}.', { backups: staying })
      : plural(locale, goes, '{count} backup goes, {stay} stay.', '{count} backups go, {stay} stay.', { stay: stays });
  const freed = [
    ...(pruned.bytesDeleted === 0
      ? []
      : [say(locale, '{size} is freed now.', { size: size(pruned.bytesDeleted, locale) })]),
    ...(later === 0
      ? goes === 0
        ? []
        : [say(locale, 'What only they needed is freed after two days.')]
      : [say(locale, 'At least {size} is freed after two days.', { size: size(later, locale) })]),
  ];
  return {
    text: [going, ...freed].join(' '),
    isEmpty: false,
    ...(goes > 0 && { question: plural(locale, goes, 'Forget {count} backup?', 'Forget {count} backups?') }),
  };
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
      say(locale, 'stays: {backup} ({reasons})', {
        backup: named(entry),
        reasons: entry.reasons.map(reason => reasonOf(reason, reader)).join(', '),
      }),
    ),
    ...rest(more?.keep),
  ];
}

function reasonOf(reason: KeepReason, { locale }: Reader): string {
  switch (reason) {
    case 'all':
      return say(locale, 'recent');
    case 'hourly':
      return say(locale, 'last of its hour');
    case 'daily':
      return say(locale, 'last of its day');
    case 'weekly':
      return say(locale, 'last of its week');
    case 'monthly':
      return say(locale, 'last of its month');
    case 'newest-complete':
      return say(locale, 'newest that is complete');
    case 'newest-verified':
      return say(locale, 'newest that is verified');
    case 'other-device':
      return say(locale, 'of another computer');
    case 'foreign':
      return say(locale, 'not yours to forget here');
    case 'not-announced':
      return say(locale, 'not reported yet');
    default:
      return say(locale, 'not chosen');
  }
}

/** `3 backups are gone. 1.2 GB is freed on 25 November at the earliest.` */
export function tidiedWords(forgotten: ForgetResult, pruned: PruneResult, { now, locale }: Reader): string {
  const gone = forgotten.forget.length + (forgotten.more?.forget ?? 0);
  const { bytesDeleted, bytesWaiting, deletableAt } = pruned;
  return [
    ...(gone === 0 ? [] : [plural(locale, gone, '{count} backup is gone.', '{count} backups are gone.')]),
    ...(bytesDeleted === 0 ? [] : [say(locale, '{size} was freed.', { size: size(bytesDeleted, locale) })]),
    ...(bytesWaiting === 0
      ? []
      : [
          deletableAt === undefined
            ? say(locale, '{size} is freed after two days.', { size: size(bytesWaiting, locale) })
            : say(locale, '{size} is freed from {day} on, with the next tidying up.', {
                size: size(bytesWaiting, locale),
                day: dayOf(deletableAt, now, locale),
              }),
        ]),
    ...(gone === 0 && bytesDeleted === 0 && bytesWaiting === 0 ? [say(locale, 'There was nothing to tidy up.')] : []),
  ].join(' ');
}
