// The words for an alarm: what is wrong, what that means, what a person can do, and the decisions that they may take. The same in terminal
// and editor. What is said is that of WORDS: the place of the copies is "the cloud", and everything begins with the chats being safe.

import { wordsFor } from './error-words.ts';
import { ago, type Locale, moment, plural, say, size } from './formats.ts';
import { placeNamed } from './place-words.ts';
import type { Alarm, AlarmDecision, NewestBackup } from './status.ts';

/** Whole sentences each. */
export interface AlarmWords {
  readonly sentence: string;
  readonly meaning: string;
  readonly todo: string;
}

/** @param place its label; '' where none is known */
export function alarmWords(alarm: Alarm, place: string, now: number, locale: Locale = {}): AlarmWords {
  const named = place === '' ? say(locale, 'the place of your backups') : placeNamed(place, locale);
  return { sentence: alarmSentence(alarm, locale), ...explained(alarm, named, now, locale) };
}

export function alarmSentence(alarm: Pick<Alarm, 'code' | 'params'>, locale: Locale = {}): string {
  const { code, params } = alarm;
  if (isDamage(code)) {
    const { bytes } = params;
    return typeof bytes === 'number' && bytes > 0
      ? say(locale, '{size} of the backup is damaged in the cloud.', { size: size(bytes, locale) })
      : say(locale, 'A part of the backup is damaged in the cloud.');
  }
  return wordsFor({ code, params }, undefined, locale).message;
}

/** On joining: what whoever has a recovery sheet compares. */
export function newestWords({ number, device, at }: NewestBackup, locale: Locale = {}): string {
  const newest = { number, device, date: moment(at, locale) };
  return `${say(locale, 'Newest backup: number {number}, from {device}, {date}.', newest)} ${say(locale, 'Is there a higher number on your recovery sheet? Then the cloud is showing an old copy: do not restore from it, and look in its trash.')}`;
}

/** Said with every alarm. */
export function alarmCalm(locale: Locale = {}): string {
  return say(
    locale,
    'Your chats on this computer are safe. New backups go on. Nothing is deleted or tidied up until you decide.',
  );
}

/** A button for the decision, and what is asked once more before it counts. */
export interface DecisionWords {
  readonly button: string;
  readonly question: string;
  /** What it leads to. */
  readonly detail: string;
  readonly confirm: string;
}

export function decisionWords(decision: AlarmDecision, alarm: Alarm, locale: Locale = {}): DecisionWords {
  const count = numberIn(alarm, 'count') ?? 1;
  switch (decision) {
    case 'given-up':
      if (isDamage(alarm.code)) {
        return {
          button: say(locale, 'Give Up What Is Missing…'),
          question: say(locale, 'Give up what is missing there?'),
          detail: say(
            locale,
            'What is still on this computer is uploaded again by the next backup; the rest cannot be restored from there.',
          ),
          confirm: say(locale, 'Give It Up'),
        };
      }
      return {
        button: say(locale, 'I removed them myself…'),
        question: plural(locale, count, 'Forget {count} backup?', 'Forget {count} backups?'),
        detail: say(locale, "From now on the cloud's copy counts as complete."),
        confirm: say(locale, 'Forget Them'),
      };
    case 'restored-image':
      return {
        button: say(locale, 'A computer was restored from an image…'),
        question: say(locale, 'Was a computer restored from an image?'),
        detail: say(locale, 'Both histories stay, and from now on what the cloud shows counts.'),
        confirm: say(locale, 'It Was'),
      };
    case 'adopt':
      return {
        button: say(locale, 'I made it with restic…'),
        question: plural(locale, count, 'Keep {count} backup as your own?', 'Keep {count} backups as your own?'),
        detail: say(locale, 'It can be looked at and restored as before, and is not reported any more.'),
        confirm: say(locale, 'Keep as Mine'),
      };
    case 'changed-elsewhere':
      return {
        button: say(locale, 'I changed it on another device…'),
        question: say(locale, 'Was the password changed on another device?'),
        detail: say(locale, 'The new password is asked for; from now on it opens the backup on this computer too.'),
        confirm: say(locale, 'Use the New Password'),
      };
    case 'put-back':
      return {
        button: say(locale, 'Put Mine Back…'),
        question: say(locale, 'Put the password lock of this computer back?'),
        detail: say(locale, 'It is written to the cloud again. Nothing there is deleted.'),
        confirm: say(locale, 'Put It Back'),
      };
  }
}

function explained(alarm: Alarm, place: string, now: number, locale: Locale): Omit<AlarmWords, 'sentence'> {
  const account = say(
    locale,
    'If nobody you know did it, change the password of the account; keep a second copy in another place.',
  );
  if (alarm.params['what'] === 'lock' || alarm.code === 'E_VAULT_CHANGED' || alarm.code === 'E_VAULT_ROLLBACK') {
    return {
      meaning: say(
        locale,
        'This computer still opens the backup with the lock it knows. A new computer might be shown the wrong one.',
      ),
      todo: say(
        locale,
        'Put the lock of this computer back. If you changed the password on another device, say so instead, with the new password.',
      ),
    };
  }
  switch (alarm.code) {
    case 'E_ROLLBACK':
    case 'E_WITHHELD': {
      const days = alarm.params['at'];
      const what = {
        place,
        days: typeof days === 'string' ? ago(days, now, { ...locale, bare: true }) : '',
      };
      const isOne = numberIn(alarm, 'count') === 1;
      return {
        meaning: isOne ? reachedOne(what, locale) : reachedSeveral(what, locale),
        todo: `${say(locale, 'Look in the trash of {place}. What you put back there is found again at the next check.', what)} ${account}`,
      };
    }
    case 'E_FORK':
      return {
        meaning: say(
          locale,
          'Two histories exist where there should be one. That does not happen by accident unless a computer was restored from a disk image.',
        ),
        todo: `${say(locale, 'Think whether one of your computers was restored from an image of its disk.')} ${account}`,
      };
    case 'E_FOREIGN_SNAPSHOT':
      return {
        meaning: say(
          locale,
          'It opens with your key, but no device of yours signed for it. It is kept apart and never restored by default.',
        ),
        todo: say(
          locale,
          'If you made it yourself with restic, say so. If not, someone may know your password or your recovery key. Change the password.',
        ),
      };
    case 'E_REPO_MISMATCH':
      return {
        meaning: say(locale, 'The place holds another backup under the same name. Nothing was written there.'),
        todo: say(
          locale,
          'See whether the right account and the right folder are connected. If they are, choose another place.',
        ),
      };
    case 'E_STATE_CORRUPT':
      return {
        meaning: say(
          locale,
          'The file in which this computer notes which backups it saw was changed by something else than Signet. What else it knows of them still counts.',
        ),
        todo: say(
          locale,
          'Compare the number of the newest backup with your recovery sheet. If you restored this computer from a backup of its disk, all is well.',
        ),
      };
    default:
      return {
        meaning: say(
          locale,
          'Some files cannot be restored from there. What is still on this computer can be uploaded afresh.',
        ),
        todo: say(
          locale,
          'Back up now: what is still on this computer is uploaded again. Verify the backups to see what is affected.',
        ),
      };
  }
}

function reachedOne(what: { readonly place: string; readonly days: string }, locale: Locale): string {
  const reached =
    what.days === ''
      ? say(locale, 'It reached {place} and was read back.', what)
      : say(locale, 'It reached {place} and was read back ({days}).', what);
  return `${reached} ${say(locale, 'Now it is missing there. Either someone removed it, or {place} is showing an old copy.', what)}`;
}

function reachedSeveral(what: { readonly place: string; readonly days: string }, locale: Locale): string {
  const reached =
    what.days === ''
      ? say(locale, 'They reached {place} and were read back.', what)
      : say(locale, 'They reached {place} and were read back (the last one {days}).', what);
  return `${reached} ${say(locale, 'Now they are missing there. Either someone removed them, or {place} is showing an old copy.', what)}`;
}

function isDamage(code: string): boolean {
  return code === 'E_MISSING' || code.startsWith('E_OBJECT_');
}

function numberIn({ params }: Pick<Alarm, 'params'>, name: string): number | undefined {
  const value = params[name];
  return typeof value === 'number' ? value : undefined;
}
