// What forgetting, freeing room and repairing the index did, or would do, in sentences: the counts first, then what follows from them.

import { ago, counted, type Locale, listed, plural, say, size } from './formats.ts';
import type { ForgetResult, KeepReason, PruneResult, RepairResult } from './status.ts';

/** `3 backups go, 41 stay.` */
export function forgetWords({ forget, keep, more, dryRun }: ForgetResult, locale: Locale = {}): readonly string[] {
  const goes = forget.length + (more?.forget ?? 0);
  const stays = keep.length + (more?.keep ?? 0);
  const stay = plural(locale, stays, '{count} stays', '{count} stay');
  if (goes === 0) return [say(locale, 'No backup goes, {stay}.', { stay })];
  if (dryRun) {
    const go = plural(locale, goes, '{count} backup goes', '{count} backups go');
    return [say(locale, '{go}, {stay}.', { go, stay })];
  }
  const gone = plural(locale, goes, '{count} backup is forgotten', '{count} backups are forgotten');
  return [
    say(locale, '{gone}, {stay}.', { gone, stay }),
    say(locale, 'The room they alone took is free once Signet has tidied up, two days later at the earliest.'),
  ];
}

/** Why a backup stays, as in a list: `last of the day, last of the week`. */
export function keepWords(reasons: readonly KeepReason[], locale: Locale = {}): string {
  return reasons.map(reason => reasonWords(reason, locale)).join(', ');
}

function reasonWords(reason: KeepReason, locale: Locale): string {
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
      return say(locale, 'not made by Signet');
    case 'not-announced':
      return say(locale, 'not finished yet');
    case 'not-named':
      return say(locale, 'not named');
  }
}

/** What is free now, what will be, and from when on. */
export function pruneWords(result: PruneResult, now: number, locale: Locale = {}): readonly string[] {
  const { dryRun, bytesDeleted, packsDeleted, packsDropped, packsRepacked, packsWaiting, bytesWaiting } = result;
  if (packsDeleted + packsDropped + packsWaiting === 0) {
    const bytes = size(result.bytesKept, locale);
    return [say(locale, 'Nothing is to be tidied up: all {size} are needed.', { size: bytes })];
  }
  const lines: string[] = [];
  if (packsDeleted > 0) {
    const freed = { size: size(bytesDeleted, locale) };
    lines.push(dryRun ? say(locale, '{size} can be freed now.', freed) : say(locale, '{size} are free now.', freed));
  }
  if (packsRepacked > 0) {
    const pieces = counted(packsRepacked, 'piece', 'pieces', locale);
    lines.push(
      dryRun
        ? say(locale, '{pieces} would be written anew without what nothing needs.', { pieces })
        : say(locale, '{pieces} were written anew without what nothing needs.', { pieces }),
    );
  }
  if (packsWaiting > 0) {
    const waits = { size: size(bytesWaiting, locale) };
    lines.push(
      result.deletableAt === undefined
        ? say(locale, '{size} more wait until it is sure that no backup needs them.', waits)
        : say(locale, '{size} more wait until it is sure that no backup needs them: they can be freed {when}.', {
            ...waits,
            when: ago(result.deletableAt, now, locale),
          }),
    );
  }
  return lines;
}

export function repairWords(result: RepairResult, locale: Locale = {}): readonly string[] {
  const { packsAdded, packsRemoved, junk, problems, more, dryRun } = result;
  const lines: string[] = [];
  if (packsAdded + packsRemoved > 0) {
    const changes = [
      ...(packsAdded > 0 ? [plural(locale, packsAdded, '{count} piece added', '{count} pieces added')] : []),
      ...(packsRemoved > 0
        ? [plural(locale, packsRemoved, '{count} piece taken out', '{count} pieces taken out')]
        : []),
    ];
    const what = { changes: listed(changes, locale) };
    lines.push(
      dryRun
        ? say(locale, 'The list of what is stored would be mended: {changes}.', what)
        : say(locale, 'The list of what is stored is mended: {changes}.', what),
    );
  } else lines.push(say(locale, 'The list of what is stored is right: nothing is to be mended.'));
  if (junk > 0) {
    lines.push(
      plural(
        locale,
        junk,
        '{count} part of the list cannot be read and stays where it is. Signet does without it.',
        '{count} parts of the list cannot be read and stay where they are. Signet does without them.',
      ),
    );
  }
  const others = problems.length + (more?.problems ?? 0) - junk;
  if (others > 0) {
    lines.push(
      plural(
        locale,
        others,
        '{count} piece is not what its name says, and was left alone.',
        '{count} pieces are not what their names say, and were left alone.',
      ),
    );
  }
  return lines;
}
