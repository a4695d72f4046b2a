// The sentences for notices, by their kind: what happened, what it means for the chats, what to do. In the panel and in commands they name the
// app and the place; on the desktop, where others may look over a shoulder, they count and name nothing. What each is filled with:
// overdue {days, cause, place, code} · failed {code, place, tries} · shrunk {label, of, count} · missing-source {label} ·
// fewer-messages {label, count} · password-reminder, no-keychain {}.

import { capital, type Words, wordsFor } from './error-words.ts';
import { type ErrorParams, isErrorCode } from './errors.ts';
import { counted, type Locale, size } from './formats.ts';
import type { Alarm, Notice, NoticeKind, OverdueCause } from './status.ts';

interface Facts {
  readonly params: ErrorParams;
  readonly label: string;
  readonly place: string;
  readonly locale: Locale;
}

const overdueCauses: { readonly [cause in OverdueCause]: (place: string) => string } = {
  'sign-in': place => `${capital(place)} needs you to sign in again`,
  offline: place => `${capital(place)} could not be reached`,
  locked: () => 'Signet is locked, and backups wait for your password',
  full: place => `${capital(place)} is full`,
  'disk-full': () => "This computer's disk is full",
  failed: () => 'The backups stopped before they were done',
  'not-running': () => 'Signet was not running when they were due',
  paused: () => 'Automatic backups are paused',
  power: () => 'This computer was on battery or on a metered connection each time',
};

/** Why there was no good backup, as a sentence without its stop. */
export function overdueCause(cause: OverdueCause, place = 'the place of your backups'): string {
  return overdueCauses[cause](place);
}

const stillThere = 'What was backed up of it is still in your backups.';

const sentences: { readonly [kind in NoticeKind]: (facts: Facts) => Words } = {
  overdue: ({ params, place, locale }) => {
    const { days, cause, code } = params;
    const why = isOverdueCause(cause) ? `${overdueCause(cause, place)}.` : '';
    const failure = isErrorCode(code) ? wordsFor({ code, params: { place } }).message : '';
    const long =
      typeof days === 'number' && days > 0 ? `for ${counted(days, 'day', 'days', locale)}` : 'when one was due';
    return {
      message: [`No good backup ${long}.`, cause === 'failed' && failure !== '' ? failure : why].join(' ').trim(),
      advice: overdueAdvice(cause),
    };
  },
  failed: ({ params, place }) => {
    const { code } = params;
    const reason = isErrorCode(code) ? wordsFor({ code, params: { place } }) : undefined;
    return {
      message: `The backup stopped${reason === undefined ? '' : `: ${reason.message}`}`.replace(/([^.])$/, '$1.'),
      advice: `Nothing is lost; Signet tries again. ${reason?.advice ?? ''}`.trim(),
    };
  },
  shrunk: ({ params, label, locale }) => ({
    message: `${capital(label)} ${lossWords(params, locale)}. Its last full state is kept, and nothing newer of it is backed up until you decide.`,
    advice: 'If you removed that yourself, say so, and backups go on with what is there.',
  }),
  'missing-source': ({ label }) => ({
    message: `${capital(label)} is not where it was. ${stillThere}`,
    advice: 'Connect its disk or move it back; if it is gone for good, take it out of the backup.',
  }),
  'fewer-messages': ({ params, label, locale }) => {
    const { count } = params;
    const fewer = typeof count === 'number' ? counted(count, 'message', 'messages', locale) : 'messages';
    return { message: `${capital(label)} has ${fewer} fewer than before.`, advice: 'They are still in your backups.' };
  },
  'password-reminder': () => ({
    message: 'Do you still know your backup password?',
    advice: 'Typing it now makes sure. Nobody can reset it.',
  }),
  'no-keychain': () => ({
    message: 'This computer has no keychain that Signet can use.',
    advice: 'It will ask for the password each time it starts.',
  }),
};

/** The sentences for a notice, with the names of app and place. */
export function noticeWords({ kind, params }: Pick<Notice, 'kind' | 'params'>, locale: Locale = {}): Words {
  return sentences[kind]({
    params,
    label: named(params['label'], 'one of your folders with chats'),
    place: named(params['place'], 'the place of your backups'),
    locale,
  });
}

/** For the desktop: no name of an app, a folder, a place or a person. */
export function desktopNotice({ kind, params }: Pick<Notice, 'kind' | 'params'>, locale: Locale = {}): string {
  const { label: _label, place: _place, ...counts } = params;
  const { message, advice } = noticeWords({ kind, params: counts }, locale);
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
  if (typeof count !== 'number') return 'holds much less than before';
  if (measure === 'messages') return `has ${counted(count, 'message', 'messages', locale)} fewer than before`;
  if (measure === 'files') return `has ${counted(count, 'file', 'files', locale)} fewer than before`;
  return measure === 'bytes' ? `holds ${size(count, locale)} less than before` : 'holds much less than before';
}

function named(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

function isOverdueCause(cause: unknown): cause is OverdueCause {
  return typeof cause === 'string' && Object.hasOwn(overdueCauses, cause);
}
