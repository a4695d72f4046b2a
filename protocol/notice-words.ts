// The sentences for notices, by their kind: what happened, what it means for the chats, what to do. In the panel and in commands they name the
// app and the place; on the desktop, where others may look over a shoulder, they count and name nothing. What each is filled with:
// overdue {days, cause, causeSince, place, code, tries} · locked-due {schedule} · failed {code, place, tries} · shrunk {app, of, count} · missing-source {app} ·
// fewer-messages {app, count} · password-reminder, no-keychain {} · mirror-behind {code, place} ·
// signed-out {place, why} · cloud-full {place, need}.

import { capital, filled, type Words, wordsFor } from './error-words.ts';
import { type ErrorParams, isErrorCode } from './errors.ts';
import { ago, counted, dayOf, type Locale, size } from './formats.ts';
import { signInWords } from './place-words.ts';
import type { Alarm, Notice, NoticeKind, OverdueCause } from './status.ts';

interface Facts {
  readonly params: ErrorParams;
  readonly app: string;
  readonly now: number;
  readonly locale: Locale;
}

const stillThere = 'What was backed up of it is still in your backups.';

const sentences: { readonly [kind in NoticeKind]: (facts: Facts) => Words } = {
  overdue: ({ params, now, locale }) => {
    const { days, cause } = params;
    const long = noGoodBackup(typeof days === 'number' ? days : undefined, locale);
    const why = cause === undefined ? '' : ` ${causeWords(params, now, locale)}.`;
    return { message: `${long}.${why}`, advice: overdueAdvice(cause) };
  },
  'locked-due': ({ params }) => {
    const { schedule } = params;
    const isCalendar = schedule === 'daily' || schedule === 'weekly' || schedule === 'monthly';
    const due = isCalendar ? `the ${schedule} backup is due` : 'what changed waits to be backed up';
    return { message: `Signet is locked, and ${due}.`, advice: 'Unlock it, and the backup is made by itself.' };
  },
  failed: ({ params, now, locale }) => {
    const { code } = params;
    const known = isErrorCode(code) ? code : 'E_INTERNAL';
    const { message, advice } = wordsFor({ code: known, params }, now, locale);
    return {
      message: `The backup stopped: ${message}`,
      advice: `Nothing is lost; Signet tries again by itself. ${advice}`.trim(),
    };
  },
  shrunk: ({ params, app, locale }) => ({
    message: `${capital(app)} ${lossWords(params, locale)}. Its last full state is kept, and nothing newer of it is backed up until you decide.`,
    advice: 'If you removed that yourself, say so, and backups go on with what is there.',
  }),
  'missing-source': ({ app }) => ({
    message: `${capital(app)} is not where it was. ${stillThere}`,
    advice: 'Connect its disk or move it back; if it is gone for good, take it out of the backup.',
  }),
  'fewer-messages': ({ params, app, locale }) => {
    const { count } = params;
    const fewer = typeof count === 'number' ? counted(count, 'message', 'messages', locale) : 'messages';
    return { message: `${capital(app)} has ${fewer} fewer than before.`, advice: 'They are still in your backups.' };
  },
  'password-reminder': () => ({
    message: 'Do you still know your backup password?',
    advice: 'Typing it now makes sure. Nobody can reset it.',
  }),
  'no-keychain': () => ({
    message: 'This computer has no keychain that Signet can use.',
    advice: 'It will ask for the password each time it starts.',
  }),
  'mirror-behind': ({ params, now, locale }) => {
    const { code, place } = params;
    const named = typeof place === 'string' && place !== '' ? place : 'a second place';
    const known = isErrorCode(code) ? code : 'E_INTERNAL';
    const { message, advice } = wordsFor({ code: known, params: { place: named } }, now, locale);
    return {
      message: `The second copy in ${named} is behind: ${message}`,
      advice: `The backup itself is up to date. ${advice}`.trim(),
    };
  },
  'signed-out': ({ params, now, locale }) => {
    const { text, place } = filled(params, now, locale);
    const why = text('why', '');
    const isNamed = typeof params['place'] === 'string';
    if (why === 'weekly' && !isNamed) {
      const message = 'This sign-in ends every 7 days, because the project behind it is still in testing.';
      return { message, advice: signInWords(why, '').advice };
    }
    const isKnown = why === 'never' || why === 'keys' || (isNamed && (why === 'weekly' || why === 'client'));
    if (isKnown) return signInWords(why, capital(place));
    return { message: `${capital(place)} ended the sign-in.`, advice: 'Backups wait until you sign in again.' };
  },
  'cloud-full': ({ params, now, locale }) => {
    const { size: sized, place } = filled(params, now, locale);
    return {
      message: `${capital(place)} is full. ${sized('need') ?? 'Some room'} more is needed for the next backup.`,
      advice: 'Free some space there; backups go on by themselves.',
    };
  },
};

/** The sentences for a notice, with the names of app and place. */
export function noticeWords(
  { kind, params }: Pick<Notice, 'kind' | 'params'>,
  now: number,
  locale: Locale = {},
): Words {
  const { app } = params;
  const named = typeof app === 'string' && app !== '' ? app : 'one of your folders with chats';
  return sentences[kind]({ params, app: named, now, locale });
}

/** For the desktop: no name of an app, a folder, a place or a person. */
export function desktopNotice(
  { kind, params }: Pick<Notice, 'kind' | 'params'>,
  now: number,
  locale: Locale = {},
): string {
  const { app: _app, place: _place, ...counts } = params;
  const { message, advice } = noticeWords({ kind, params: counts }, now, locale);
  return `${message} ${advice}`;
}

/** As `desktopNotice`, for an alarm. */
export function desktopAlarm({ code }: Pick<Alarm, 'code'>): string {
  const { message } = wordsFor({ code, params: {} });
  return `${message} Your chats on this computer are safe. Open Signet to see what to do.`;
}

function overdueAdvice(cause: unknown): string {
  switch (cause) {
    case 'locked':
      return 'Unlock Signet once, and they go on.';
    case 'paused':
      return 'Go on with them when it suits you.';
    case 'power':
      return 'Connect this computer to power or another network, or back up now.';
    case 'full':
    case 'disk-full':
      return 'Free some space there; they go on by themselves.';
    case 'not-running':
      return 'Have Signet started at each login.';
    default:
      return 'See what Signet says, then back up.';
  }
}

function lossWords({ of: measure, count }: ErrorParams, locale: Locale): string {
  if (measure === 'everything') return 'is empty now';
  if (typeof count !== 'number') return 'holds much less than before';
  if (measure === 'messages') return `has ${counted(count, 'message', 'messages', locale)} fewer than before`;
  if (measure === 'files') return `has ${counted(count, 'file', 'files', locale)} fewer than before`;
  return measure === 'bytes' ? `holds ${size(count, locale)} less than before` : 'holds much less than before';
}

/** The heading of what is overdue. @param days since the last good backup; undefined when there never was one */
export function noGoodBackup(days: number | undefined, locale: Locale): string {
  return days === undefined ? 'No good backup yet' : `No good backup for ${counted(days, 'day', 'days', locale)}`;
}

/** Why there was no good backup for so long (of a cause this version does not know, that it is not known), without the stop at the end. @param params of an overdue state or its notice */
export function causeWords(params: ErrorParams, now: number, locale: Locale): string {
  const { text, place } = filled(params, now, locale);
  const at = text('causeSince', '');
  const since = at === '' ? '' : ` since ${dayOf(at, now, locale)}`;
  switch (text('cause', '') as OverdueCause) {
    case 'sign-in':
      return `${capital(place)} ended the sign-in${at === '' ? '' : ` ${ago(at, now, locale)}`}, so nothing has been uploaded since`;
    case 'offline':
      return place.startsWith('the folder ')
        ? `${capital(place)} cannot be reached${since}`
        : `The computer has been offline${since}`;
    case 'locked':
      return `Signet has been locked${since}`;
    case 'full':
      return `${capital(place)} is full${since}`;
    case 'disk-full':
      return `This computer's disk is full${since}`;
    case 'paused':
      return `Automatic backups pause at your wish${since}`;
    case 'power':
      return `Backups wait for mains power or an unmetered connection${since}`;
    case 'held-back':
      return `${capital(text('app', 'one of your folders with chats'))} is held back until you decide${since === '' ? '' : `,${since}`}`;
    case 'not-running':
      return 'Signet was not running';
    case 'failed': {
      const code = text('code', '');
      const message = wordsFor(
        { code: isErrorCode(code) ? code : 'E_INTERNAL', params: { place } },
        now,
        locale,
      ).message;
      const tries = Number(text('tries', '1'));
      return `The last ${tries === 1 ? 'try' : `${counted(tries, 'try', 'tries', locale)}`} failed: ${message.replace(/\.$/, '')}`;
    }
    default:
      return 'Why is not known here';
  }
}
