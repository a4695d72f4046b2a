// What is said after a backup moved and after second copies were made, brought up to date or given up. Shared by the command line and the
// editor; names of commands are the command line's and may be replaced.

import { capital, wordsFor } from './error-words.ts';
import { ago, counted, type Locale, size } from './formats.ts';
import type { CopyResult, MirrorStatus } from './status.ts';

const copied = ({ objects, bytes }: CopyResult, locale: Locale): string =>
  objects === 0
    ? 'everything was there already'
    : `${counted(objects, 'object', 'objects', locale)} copied, ${size(bytes, locale)}`;

/** How many pieces are whole nowhere; '' for none. */
function problemWords({ problems, more }: CopyResult, where: string, then: string, locale: Locale): readonly string[] {
  const count = problems.length + (more?.problems ?? 0);
  if (count === 0) return [];
  const pieces = counted(count, 'piece of the backup is', 'pieces of the backup are', locale);
  return [`${capital(pieces)} damaged or missing in ${where}${then}`];
}

const uploadsAfresh =
  'The next backup uploads afresh what it needs of that and finds on this computer; earlier backups may lack it for good.';

/** @param left name of the old place */
export function movedWords(result: CopyResult, place: string, left: string, locale: Locale = {}): readonly string[] {
  return [
    `The backup has moved to ${place}: ${copied(result, locale)}. Password, recovery key and history stay as they are.`,
    ...problemWords(result, 'the old place', `, and could not be copied. ${uploadsAfresh}`, locale),
    'Other computers still back up to the old place until they are moved too.',
    `The old copies in “${left}” stay as they are. When you are sure that you need them no more: \`signet remote delete-old ${left}\`.`,
  ];
}

export function lostWords({ problems }: CopyResult, place: string): readonly string[] {
  return [
    `From now on your backups are in ${place}. Nothing was copied: what is there is what there is.`,
    ...(problems.length === 0
      ? []
      : [
          'It lacks newer backups that this computer made or saw. The next backup takes up everything that is on this computer now.',
        ]),
    'A second place keeps your backups when this one is lost too.',
  ];
}

export function mirrorAddedWords(result: CopyResult, place: string, locale: Locale = {}): readonly string[] {
  return [
    `${capital(place)} holds a whole copy now: ${copied(result, locale)}. It is brought up to date after each backup.`,
    ...problemWords(result, 'the first place', `, so the copy lacks that too. ${uploadsAfresh}`, locale),
  ];
}

export function mirrorRemovedWords(place: string): string {
  return `No copy is kept in ${place} any longer. What is there stays.`;
}

export function mirrorsSyncedWords(result: CopyResult, locale: Locale = {}): readonly string[] {
  const { healed } = result;
  const back = counted(healed, 'piece of the backup', 'pieces of the backup', locale);
  return [
    ...(healed === 0
      ? []
      : [`${capital(back)} that the first place had lost or damaged ${healed === 1 ? 'is' : 'are'} back there.`]),
    ...problemWords(result, 'the first place', `, and the copies could not be used for it. ${uploadsAfresh}`, locale),
    `The copies are up to date: ${copied(result, locale)}.`,
  ];
}

/** How whole a second copy is: a value for a table. */
export function mirrorWords({ label, syncedAt, problem }: MirrorStatus, now: number, locale: Locale = {}): string {
  const whole = syncedAt === null ? 'not complete yet' : `complete ${ago(syncedAt, now, { ...locale, bare: true })}`;
  const why =
    problem === undefined
      ? ''
      : `; behind: ${wordsFor({ code: problem, params: { place: label } }, now, locale).message}`;
  return `${label}, ${whole}${why}`;
}
