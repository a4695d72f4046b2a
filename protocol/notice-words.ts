// The sentences for notices, by their kind: what happened, what it means for the chats, what to do. In the panel and in commands they name the
// app and the place; on the desktop, where others may look over a shoulder, they count and name nothing. What each is filled with:
// overdue {days, cause, causeSince, place, code, tries} · locked-due {schedule} · failed {code, place, tries} · shrunk {app, of, count} · missing-source {app} ·
// fewer-messages {app, count} · password-reminder, no-keychain {} · mirror-behind {code, place} ·
// half-restored {app} · signed-out {place, why} · cloud-full {place, need}.

import { filled, type Words, wordsFor } from './error-words.ts';
import { type ErrorParams, isErrorCode } from './errors.ts';
import { ago, capital, dayOf, type Locale, plural, say, size, withoutStop } from './formats.ts';
import { placeNamed, signInWords } from './place-words.ts';
import type { Alarm, Notice, NoticeKind, OverdueCause } from './status.ts';

interface Facts {
  readonly params: ErrorParams;
  readonly app: string;
  readonly now: number;
  readonly locale: Locale;
}

const sentences: { readonly [kind in NoticeKind]: (facts: Facts) => Words } = {
  overdue: ({ params, now, locale }) => {
    const { days, cause } = params;
    const long = noGoodBackup(typeof days === 'number' ? days : undefined, locale);
    const why = cause === undefined ? '' : ` ${causeWords(params, now, locale)}.`;
    return { message: `${long}.${why}`, advice: overdueAdvice(cause, locale) };
  },
  'locked-due': ({ params, locale }) => ({
    message: lockedDue(params['schedule'], locale),
    advice: say(locale, 'Unlock it, and the backup is made by itself.'),
  }),
  failed: ({ params, now, locale }) => {
    const { code } = params;
    const known = isErrorCode(code) ? code : 'E_INTERNAL';
    const { message: reason, advice } = wordsFor({ code: known, params }, now, locale);
    return {
      message: say(locale, 'The backup stopped: {reason}', { reason }),
      advice: `${say(locale, 'Nothing is lost; Signet tries again by itself.')} ${advice}`.trim(),
    };
  },
  shrunk: ({ params, app, locale }) => ({
    message: `${lossWords(capital(app), params, locale)} ${say(
      locale,
      'Its last full state is kept, and nothing newer of it is backed up until you decide.',
    )}`,
    advice: say(locale, 'If you removed that yourself, say so, and backups go on with what is there.'),
  }),
  'half-restored': ({ app, locale }) => ({
    message: say(locale, 'Putting files back into {app} broke off in the middle.', { app }),
    advice: say(
      locale,
      'Undo it, or restore again: until then nothing newer of it is backed up. What was there before is kept.',
    ),
  }),
  'missing-source': ({ app, locale }) => ({
    message: say(locale, '{app} is not where it was. What was backed up of it is still in your backups.', {
      app: capital(app),
    }),
    advice: say(locale, 'Connect its disk or move it back; if it is gone for good, take it out of the backup.'),
  }),
  'fewer-messages': ({ params, app: named, locale }) => {
    const app = capital(named);
    const { count } = params;
    return {
      message:
        typeof count === 'number'
          ? plural(
              locale,
              count,
              '{app} has {count} message fewer than before.',
              '{app} has {count} messages fewer than before.',
              { app },
            )
          : say(locale, '{app} has fewer messages than before.', { app }),
      advice: say(locale, 'They are still in your backups.'),
    };
  },
  'password-reminder': ({ locale }) => ({
    message: say(locale, 'Do you still know your backup password?'),
    advice: say(locale, 'Typing it now makes sure. Nobody can reset it.'),
  }),
  'no-keychain': ({ locale }) => ({
    message: say(locale, 'This computer has no keychain that Signet can use.'),
    advice: say(locale, 'It will ask for the password each time it starts.'),
  }),
  'mirror-behind': ({ params, now, locale }) => {
    const { code, place: given } = params;
    const place = typeof given === 'string' && given !== '' ? given : say(locale, 'a second place');
    const known = isErrorCode(code) ? code : 'E_INTERNAL';
    const { message: reason, advice } = wordsFor({ code: known, params: { place } }, now, locale);
    return {
      message: say(locale, 'The second copy in {place} is behind: {reason}', {
        place: placeNamed(place, locale),
        reason,
      }),
      advice: `${say(locale, 'The backup itself is up to date.')} ${advice}`.trim(),
    };
  },
  'signed-out': ({ params, now, locale }) => {
    const { text, place } = filled(params, now, locale);
    const why = text('why', '');
    const isNamed = typeof params['place'] === 'string';
    if (why === 'weekly' && !isNamed) {
      const message = say(locale, 'This sign-in ends every 7 days, because the project behind it is still in testing.');
      return { message, advice: signInWords(why, '', locale).advice };
    }
    const isKnown = why === 'never' || why === 'keys' || (isNamed && (why === 'weekly' || why === 'client'));
    if (isKnown) return signInWords(why, capital(place), locale);
    return {
      message: say(locale, '{place} ended the sign-in.', { place: capital(place) }),
      advice: say(locale, 'Backups wait until you sign in again.'),
    };
  },
  'cloud-full': ({ params, now, locale }) => {
    const { size: sized, place: named } = filled(params, now, locale);
    const [place, need] = [capital(named), sized('need')];
    return {
      message:
        need === undefined
          ? say(locale, '{place} is full. More room is needed for the next backup.', { place })
          : say(locale, '{place} is full. {need} more is needed for the next backup.', { place, need }),
      advice: say(locale, 'Free some space there; backups go on by themselves.'),
    };
  },
  'drill-failed': ({ app, locale }) => ({
    message: say(locale, 'A trial restore of {app} failed.', { app }),
    advice: say(locale, 'Older backups are being checked.'),
  }),
  'clock-jumped': ({ locale }) => ({
    message: say(locale, 'The clock of this computer jumped by more than two days.'),
    advice: say(locale, 'Backups go on. No backup is forgotten by its age until you say that the clock is right.'),
  }),
};

/** The sentences for a notice, with the names of app and place. */
export function noticeWords(
  { kind, params }: Pick<Notice, 'kind' | 'params'>,
  now: number,
  locale: Locale = {},
): Words {
  const { app } = params;
  const named = typeof app === 'string' && app !== '' ? app : someApp(locale);
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
export function desktopAlarm({ code, params }: Pick<Alarm, 'code' | 'params'>, locale: Locale = {}): string {
  const { count, what } = params; // no names of computers and places
  const plain = { ...(count !== undefined && { count }), ...(what !== undefined && { what }) };
  const { message } = wordsFor({ code, params: plain }, undefined, locale);
  return `${message} ${say(locale, 'Your chats on this computer are safe. Open Signet to see what to do.')}`;
}

function someApp(locale: Locale): string {
  return say(locale, 'one of your folders with chats');
}

function lockedDue(schedule: unknown, locale: Locale): string {
  switch (schedule) {
    case 'daily':
      return say(locale, 'Signet is locked, and the daily backup is due.');
    case 'weekly':
      return say(locale, 'Signet is locked, and the weekly backup is due.');
    case 'monthly':
      return say(locale, 'Signet is locked, and the monthly backup is due.');
    default:
      return say(locale, 'Signet is locked, and what changed waits to be backed up.');
  }
}

function overdueAdvice(cause: unknown, locale: Locale): string {
  switch (cause) {
    case 'locked':
      return say(locale, 'Unlock Signet once, and they go on.');
    case 'paused':
      return say(locale, 'Go on with them when it suits you.');
    case 'power':
      return say(locale, 'Connect this computer to power or another network, or back up now.');
    case 'full':
    case 'disk-full':
      return say(locale, 'Free some space there; they go on by themselves.');
    case 'not-running':
      return say(locale, 'Have Signet started at each login.');
    default:
      return say(locale, 'See what Signet says, then back up.');
  }
}

function lossWords(app: string, { of: measure, count }: ErrorParams, locale: Locale): string {
  if (measure === 'everything') return say(locale, '{app} is empty now.', { app });
  if (typeof count === 'number') {
    if (measure === 'messages') {
      return plural(
        locale,
        count,
        '{app} has {count} message fewer than before.',
        '{app} has {count} messages fewer than before.',
        { app },
      );
    }
    if (measure === 'files') {
      return plural(
        locale,
        count,
        '{app} has {count} file fewer than before.',
        '{app} has {count} files fewer than before.',
        { app },
      );
    }
    if (measure === 'bytes') {
      return say(locale, '{app} holds {size} less than before.', { app, size: size(count, locale) });
    }
  }
  return say(locale, '{app} holds much less than before.', { app });
}

/** The heading of what is overdue. @param days since the last good backup; undefined when there never was one */
export function noGoodBackup(days: number | undefined, locale: Locale): string {
  return days === undefined
    ? say(locale, 'No good backup yet')
    : plural(locale, days, 'No good backup for {count} day', 'No good backup for {count} days');
}

/** Why there was no good backup for so long (of a cause this version does not know, that it is not known), without the stop at the end. @param params of an overdue state or its notice */
export function causeWords(params: ErrorParams, now: number, locale: Locale): string {
  const { text, place: named } = filled(params, now, locale);
  const place = capital(named);
  const at = text('causeSince', '');
  const day = at === '' ? '' : dayOf(at, now, locale);
  const isDated = day !== '';
  switch (text('cause', '') as OverdueCause) {
    case 'sign-in':
      return isDated
        ? say(locale, '{place} ended the sign-in {when}, so nothing has been uploaded since', {
            place,
            when: ago(at, now, locale),
          })
        : say(locale, '{place} ended the sign-in, so nothing has been uploaded since', { place });
    case 'offline':
      if (text('place', text('remote', '')).startsWith('the folder ')) {
        return isDated
          ? say(locale, '{place} cannot be reached since {day}', { place, day })
          : say(locale, '{place} cannot be reached', { place });
      }
      return isDated
        ? say(locale, 'The computer has been offline since {day}', { day })
        : say(locale, 'The computer has been offline');
    case 'locked':
      return isDated
        ? say(locale, 'Signet has been locked since {day}', { day })
        : say(locale, 'Signet has been locked');
    case 'full':
      return isDated
        ? say(locale, '{place} is full since {day}', { place, day })
        : say(locale, '{place} is full', { place });
    case 'disk-full':
      return isDated
        ? say(locale, "This computer's disk is full since {day}", { day })
        : say(locale, "This computer's disk is full");
    case 'paused':
      return isDated
        ? say(locale, 'Automatic backups pause at your wish since {day}', { day })
        : say(locale, 'Automatic backups pause at your wish');
    case 'power':
      return isDated
        ? say(locale, 'Backups wait for mains power or an unmetered connection since {day}', { day })
        : say(locale, 'Backups wait for mains power or an unmetered connection');
    case 'held-back': {
      const app = capital(text('app', someApp(locale)));
      return isDated
        ? say(locale, '{app} is held back until you decide, since {day}', { app, day })
        : say(locale, '{app} is held back until you decide', { app });
    }
    case 'not-running':
      return say(locale, 'Signet was not running');
    case 'failed': {
      const code = text('code', '');
      const known = isErrorCode(code) ? code : 'E_INTERNAL';
      const { message } = wordsFor({ code: known, params: { place: named } }, now, locale);
      const reason = withoutStop(message);
      const tries = Number(text('tries', '1'));
      return tries === 1
        ? say(locale, 'The last try failed: {reason}', { reason })
        : plural(locale, tries, 'The last {count} try failed: {reason}', 'The last {count} tries failed: {reason}', {
            reason,
          });
    }
    default:
      return say(locale, 'Why is not known here');
  }
}
