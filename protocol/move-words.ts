// What is said after a backup moved and after second copies were made, brought up to date or given up. Shared by the command line and the
// editor; names of commands are the command line's and may be replaced.

import { wordsFor } from './error-words.ts';
import { ago, capital, type Locale, plural, say, size } from './formats.ts';
import { placeNamed } from './place-words.ts';
import type { CopyResult, MirrorStatus } from './status.ts';

/** What was copied: the middle of a sentence. */
function copied({ objects, bytes }: CopyResult, locale: Locale): string {
  if (objects === 0) return say(locale, 'everything was there already');
  return plural(locale, objects, '{count} object copied, {size}', '{count} objects copied, {size}', {
    size: size(bytes, locale),
  });
}

/** How many pieces are whole nowhere. */
function problemsOf({ problems, more }: CopyResult): number {
  return problems.length + (more?.problems ?? 0);
}

function uploadsAfresh(locale: Locale): string {
  return say(
    locale,
    'The next backup uploads afresh what it needs of that and finds on this computer; earlier backups may lack it for good.',
  );
}

/** @param left name of the old place */
export function movedWords(result: CopyResult, place: string, left: string, locale: Locale = {}): readonly string[] {
  const problems = problemsOf(result);
  return [
    say(locale, 'The backup has moved to {place}: {copied}. Password, recovery key and history stay as they are.', {
      place,
      copied: copied(result, locale),
    }),
    ...(problems === 0
      ? []
      : [
          `${plural(
            locale,
            problems,
            '{count} piece of the backup is damaged or missing in the old place, and could not be copied.',
            '{count} pieces of the backup are damaged or missing in the old place, and could not be copied.',
          )} ${uploadsAfresh(locale)}`,
        ]),
    say(locale, 'Other computers still back up to the old place until they are moved too.'),
    say(
      locale,
      'The old copies in “{left}” stay as they are. When you are sure that you need them no more: `signet remote delete-old {left}`.',
      { left },
    ),
  ];
}

export function lostWords({ problems }: CopyResult, place: string, locale: Locale = {}): readonly string[] {
  return [
    say(locale, 'From now on your backups are in {place}. Nothing was copied: what is there is what there is.', {
      place,
    }),
    ...(problems.length === 0
      ? []
      : [
          say(
            locale,
            'It lacks newer backups that this computer made or saw. The next backup takes up everything that is on this computer now.',
          ),
        ]),
    say(locale, 'A second place keeps your backups when this one is lost too.'),
  ];
}

export function mirrorAddedWords(result: CopyResult, place: string, locale: Locale = {}): readonly string[] {
  const problems = problemsOf(result);
  return [
    say(locale, '{place} holds a whole copy now: {copied}. It is brought up to date after each backup.', {
      place: capital(place),
      copied: copied(result, locale),
    }),
    ...(problems === 0
      ? []
      : [
          `${plural(
            locale,
            problems,
            '{count} piece of the backup is damaged or missing in the first place, so the copy lacks that too.',
            '{count} pieces of the backup are damaged or missing in the first place, so the copy lacks that too.',
          )} ${uploadsAfresh(locale)}`,
        ]),
  ];
}

export function mirrorRemovedWords(place: string, locale: Locale = {}): string {
  return say(locale, 'No copy is kept in {place} any longer. What is there stays.', { place });
}

export function mirrorsSyncedWords(result: CopyResult, locale: Locale = {}): readonly string[] {
  const { healed } = result;
  const problems = problemsOf(result);
  return [
    ...(healed === 0
      ? []
      : [
          plural(
            locale,
            healed,
            '{count} piece of the backup that the first place had lost or damaged is back there.',
            '{count} pieces of the backup that the first place had lost or damaged are back there.',
          ),
        ]),
    ...(problems === 0
      ? []
      : [
          `${plural(
            locale,
            problems,
            '{count} piece of the backup is damaged or missing in the first place, and the copies could not be used for it.',
            '{count} pieces of the backup are damaged or missing in the first place, and the copies could not be used for it.',
          )} ${uploadsAfresh(locale)}`,
        ]),
    say(locale, 'The copies are up to date: {copied}.', { copied: copied(result, locale) }),
  ];
}

/** How whole a second copy is: a value for a table. */
export function mirrorWords({ label, syncedAt, problem }: MirrorStatus, now: number, locale: Locale = {}): string {
  const place = placeNamed(label, locale);
  const whole =
    syncedAt === null
      ? say(locale, '{place}, not complete yet', { place })
      : say(locale, '{place}, complete {when}', { place, when: ago(syncedAt, now, { ...locale, bare: true }) });
  if (problem === undefined) return whole;
  const { message: reason } = wordsFor({ code: problem, params: { place: label } }, now, locale);
  return say(locale, '{copy}; behind: {reason}', { copy: whole, reason });
}
