// The sentences for failures, by their code: what happened and what to do. Filled in from the parameters of the error; a code has words
// even when it comes without any. The words for states are in words.ts, those for notices in notice-words.ts.

import { type ErrorCode, type ErrorParams, isErrorCode, type WireError } from './errors.ts';
import { ago, capital, duration, type Locale, plural, say, size, timeOfDay, withoutStop } from './formats.ts';
import { deniedWords, placeNamed, signInWords } from './place-words.ts';

export { capital } from './formats.ts';

/** What happened, and what the person can do; the advice is empty where the message says it all. */
export interface Words {
  readonly message: string;
  readonly advice: string;
}

type Sentence = (param: Params) => Words;

/** What a sentence may be filled with; a fallback stands in where the daemon gave no such parameter. */
interface Params {
  text(name: string, fallback: string): string;
  size(name: string): string | undefined;
  count(name: string): number | undefined;
  time(name: string): string | undefined;
  readonly place: string;
  /** Technical words, or ''. */
  readonly detail: string;
  readonly locale: Locale;
}

const alarmAdvice = (locale: Locale): string =>
  say(
    locale,
    'Your chats on this computer are safe. New backups go on. Nothing is deleted or tidied up until you decide.',
  );

const damaged: Sentence = ({ detail, locale }) => ({
  message: because(say(locale, 'A part of the backup is damaged in the cloud.'), detail, locale),
  advice: say(
    locale,
    'It was not used. Verify the backups to see what is affected; what is still on this computer can be uploaded afresh.',
  ),
});
const notWhatItClaims: Sentence = ({ locale }) => ({
  message: say(locale, 'A piece of the backup is not what it claims to be, so it was not used.'),
  advice: say(locale, 'Verify the backups to see what is affected.'),
});
const lockDamaged: Sentence = ({ place, locale }) => ({
  message: say(locale, 'The password lock in {place} is damaged.', { place }),
  advice: say(locale, 'This computer can put back its own copy; the recovery key opens the backup in any case.'),
});
const newerBackup: Sentence = ({ locale }) => ({
  message: say(locale, 'This backup was made by a newer Signet.'),
  advice: say(locale, 'Update, then try again.'),
});
const hidden: Sentence = ({ text, count, locale }) => {
  if (text('what', '') === 'lock') {
    return {
      message: say(locale, 'The password lock is missing in the cloud.'),
      advice: `${say(locale, 'This computer can put back its own copy; the recovery key opens the backup in any case.')} ${alarmAdvice(locale)}`,
    };
  }
  return {
    message: hiddenWords(count('count'), text('device', ''), locale),
    advice: `${say(locale, 'Look in its trash; if nobody you know did it, change the password of that account.')} ${alarmAdvice(locale)}`,
  };
};
/** @param device empty for this computer */
function hiddenWords(count: number | undefined, device: string, locale: Locale): string {
  if (device !== '') {
    return count === undefined
      ? say(locale, 'The cloud is hiding backups that {device} made.', { device })
      : plural(
          locale,
          count,
          'The cloud is hiding {count} backup that {device} made.',
          'The cloud is hiding {count} backups that {device} made.',
          { device },
        );
  }
  return count === undefined
    ? say(locale, 'The cloud is hiding backups that this computer made.')
    : plural(
        locale,
        count,
        'The cloud is hiding {count} backup that this computer made.',
        'The cloud is hiding {count} backups that this computer made.',
      );
}
const lockReplaced: Sentence = ({ locale }) => ({
  message: say(locale, 'The password lock in the cloud was replaced.'),
  advice: `${say(locale, 'If you changed the password on another computer, unlock here once with the new one.')} ${alarmAdvice(locale)}`,
});

const sentences: { readonly [code in ErrorCode]: Sentence } = {
  E_INTERNAL: ({ detail, locale }) => ({
    message: because(say(locale, 'Something went wrong inside Signet.'), detail, locale),
    advice: say(locale, 'Nothing was lost. Try again; if it happens again, report it with the log.'),
  }),
  E_BUSY: ({ locale }) => ({
    message: say(locale, 'Signet is busy with something else.'),
    advice: say(locale, 'Try again when it is done, or cancel it.'),
  }),
  E_NOT_FOUND: ({ text, locale }) => {
    const what = text('what', '');
    if (text('ambiguous', 'false') === 'true') {
      return {
        message: say(locale, 'More than one backup begins with “{what}”.', { what }),
        advice: say(locale, 'Give more digits of its id.'),
      };
    }
    if (text('kind', '') === 'undo') {
      return {
        message: say(locale, 'There is no such restore that could be undone.'),
        advice: say(locale, 'What was kept beside the chats may have been moved away.'),
      };
    }
    return {
      message:
        what === ''
          ? say(locale, 'What you asked for was not found.')
          : say(locale, '“{what}” was not found.', { what }),
      advice: say(locale, 'Look at the list of backups for what there is.'),
    };
  },
  E_TARGET_NOT_EMPTY: ({ text, place: named, locale }) => {
    const what = text('what', '');
    // Where a whole backup was to be copied to.
    if (what === 'another' || what === 'others') {
      const place = capital(named);
      return {
        message:
          what === 'another'
            ? say(locale, '{place} holds another backup. Nothing was written there.', { place })
            : say(locale, '{place} holds other things. Nothing was written there.', { place }),
        advice: say(locale, 'Choose another place, or an empty one.'),
      };
    }
    const path = text('path', '');
    const folder = path === '' ? say(locale, 'The folder') : say(locale, 'The folder {path}', { path });
    if (what === 'repository') {
      return {
        message: say(locale, '{folder} holds a backup already.', { folder }),
        advice: say(locale, 'Join that backup, or choose another folder.'),
      };
    }
    return {
      message:
        what === 'other'
          ? say(locale, '{folder} holds other files. Nothing was written there.', { folder })
          : say(locale, '{folder} is not empty. Nothing was written there.', { folder }),
      advice: say(locale, 'Choose another, or an empty one inside it.'),
    };
  },
  E_SOURCE_UNREADABLE: ({ text, locale }) => {
    const what = text('label', text('path', ''));
    const why = text('reason', '');
    return {
      message: because(
        what === ''
          ? say(locale, 'The folder with your chats could not be read.')
          : say(locale, '{what} could not be read.', { what }),
        why === '' ? '' : reasonWords(why, locale),
        locale,
      ),
      advice: say(locale, 'See that it is there and that Signet may read it.'),
    };
  },
  E_APP_OPEN: ({ text, locale }) => {
    const app = text('app', '');
    return {
      message: app === '' ? say(locale, 'A program is open.') : say(locale, '{app} is open.', { app: capital(app) }),
      advice: say(locale, 'Close it, then go on. Restoring under a running app would damage its data.'),
    };
  },
  E_COMMAND: ({ text, locale }) => {
    const problem = text('problem', say(locale, 'failed'));
    return {
      message:
        text('when', 'before') === 'before'
          ? say(locale, 'The program that runs before each backup {problem}, so no backup was made.', { problem })
          : say(locale, 'The program that runs after each backup {problem}, so no backup was made.', { problem }),
      advice: say(locale, 'It is named in the settings file, under beforeBackup. See what it says, then try again.'),
    };
  },
  E_REMOTE_DENIED: ({ place, text, locale }) =>
    deniedWords(text('reason', ''), capital(place), text('account', ''), text('region', ''), locale),
  E_OBJECT_AUTH: damaged,
  E_OBJECT_ID: damaged,
  E_OBJECT_TYPE: notWhatItClaims,
  E_OBJECT_LIMIT: notWhatItClaims,
  E_MISSING: ({ detail, locale }) => ({
    message: because(say(locale, 'A part of the backup is missing in the cloud.'), detail, locale),
    advice: say(
      locale,
      'Verify the backups to see what is affected; what is still on this computer can be uploaded afresh.',
    ),
  }),
  E_UNSAFE_PATH: ({ text, locale }) => ({
    message: say(
      locale,
      'A name in the backup would have been written outside the folder you chose. It was left out: {name}.',
      { name: text('name', say(locale, 'see the details')) },
    ),
    advice: say(locale, 'Signet never makes such names: someone may have changed the backup. Verify the backups.'),
  }),
  E_VERSION: newerBackup,
  E_STATE_NEWER: ({ locale }) => ({
    message: say(locale, 'The files on this computer were written by a newer Signet.'),
    advice: say(locale, 'Update, then try again.'),
  }),
  E_STATE_CORRUPT: ({ detail, locale }) => ({
    message: because(say(locale, "Signet's own files on this computer are damaged."), detail, locale),
    advice: say(locale, 'Your backups are not affected. Set up again with the same place to go on with them.'),
  }),
  E_VAULT_CORRUPT: lockDamaged,
  E_VAULT_MALFORMED: lockDamaged,
  E_VAULT_VERSION: newerBackup,
  E_KDF_POLICY: ({ locale }) => ({
    message: say(
      locale,
      'The password lock asks for settings that Signet does not accept. It may have been tampered with. Your password was not used.',
    ),
    advice: say(locale, 'Use the recovery key.'),
  }),
  E_KDF_RESOURCES: ({ size: sized, locale }) => {
    const [need, have] = [sized('need'), sized('have')];
    const message =
      need === undefined
        ? say(locale, 'Opening the lock needs more memory than is free.')
        : have === undefined
          ? say(locale, 'Opening the lock needs {need} of memory, and less is free.', { need })
          : say(locale, 'Opening the lock needs {need} of memory, and {have} is free.', { need, have });
    return { message, advice: say(locale, 'Close some programs and try again.') };
  },
  // The detail and its advice are written where a command was misunderstood, in English.
  E_USAGE: ({ text, locale }) => ({
    message: sentence(text('detail', say(locale, 'This was not understood.'))),
    advice: sentence(text('advice', say(locale, 'Nothing was changed.'))),
  }),
  E_WEAK_PASSWORD: ({ locale }) => ({
    message: say(locale, 'The password is too easy to guess.'),
    advice: say(locale, 'Add a word or two.'),
  }),
  E_PASSWORD_FORM: ({ text, locale }) => ({
    message: passwordProblem(text('problem', ''), locale),
    advice: say(locale, 'Use letters, digits, signs and spaces, up to 1,024 bytes.'),
  }),
  E_PHONE_FORM: ({ text, locale }) => ({
    message: phoneProblem(text('problem', 'plus'), locale),
    advice: say(locale, 'Example: {phone}', { phone: examplePhone }),
  }),
  E_SECOND_TYPING: ({ locale }) => ({
    message: say(locale, 'The two are not the same.'),
    advice: say(locale, 'Nothing was changed. Try again.'),
  }),
  E_RECOVERY_KEY_FORM: ({ text, locale }) => ({
    message: keyProblem(text('problem', ''), text('count', '?'), locale),
    advice: say(locale, 'Type the 16 groups, then the check group. Spaces do not matter.'),
  }),
  E_SETTING: ({ text, locale }) => {
    const key = text('key', '');
    // A background part that could not start for it sends no more than the detail, whose end is the advice below.
    const problem = text('problem', text('detail', '').replace(/;[^;]*$/, ''));
    return {
      message: because(
        key === ''
          ? say(locale, 'The settings file cannot be used.')
          : say(locale, 'The setting {key} cannot be used.', { key }),
        problem,
        locale,
      ),
      advice: say(locale, 'It was left as it is; correct it or remove it.'),
    };
  },
  E_ALREADY_SET_UP: ({ locale }) => ({
    message: say(locale, 'Signet is already set up on this computer.'),
    advice: say(locale, 'Nothing was changed.'),
  }),
  E_NOT_SET_UP: ({ text, locale }) =>
    text('what', '') === 'chats'
      ? {
          message: say(locale, 'No chats of this computer are chosen for backup.'),
          advice: say(locale, 'Add some first.'),
        }
      : {
          message: say(locale, 'Signet is not set up on this computer.'),
          advice: say(locale, 'Run Set Up Backup.'),
        },
  E_REPOSITORY_LOCKED: ({ text, time, place, locale }) => {
    const device = text('device', '');
    const until = time('until');
    return {
      message:
        device === ''
          ? say(locale, 'Another computer is tidying up in {place}.', { place })
          : say(locale, '{device} is tidying up in {place}.', { device, place }),
      advice:
        until === undefined
          ? say(locale, 'Signet goes on when it is done.')
          : say(locale, 'Signet goes on when it is done, {until} at the latest.', { until }),
    };
  },
  E_WRONG_SECRET: ({ text, locale }) => {
    const left = Number(text('triesLeft', '-1'));
    const tries =
      left > 0
        ? plural(locale, left, '{count} more try, then a short wait.', '{count} more tries, then a short wait.')
        : left === 0
          ? say(locale, 'Wait a little before the next try.')
          : say(locale, 'Try again.');
    if (text('secret', '') === 'recovery-key') {
      return {
        message: say(locale, 'The recovery key does not open this backup. Nothing was changed.'),
        advice: say(locale, 'See whether it belongs to this place. The password opens the backup too.'),
      };
    }
    return {
      message:
        text('phoneKnown', '') === 'true'
          ? say(locale, 'The password is wrong.')
          : say(locale, 'The password or the phone number is wrong. Signet cannot tell which.'),
      advice: `${tries} ${say(locale, 'The recovery key opens the backup too.')}`,
    };
  },
  E_TOO_MANY_TRIES: ({ text, locale }) => {
    const seconds = Number(text('seconds', ''));
    return {
      message: say(locale, 'There were too many wrong tries.'),
      advice:
        seconds > 0
          ? say(locale, 'Try again in {time}.', { time: duration(seconds * 1000, locale) })
          : say(locale, 'Wait a little, then try again.'),
    };
  },
  E_VAULT_LOCKED: ({ locale }) => ({
    message: say(locale, 'Signet is locked.'),
    advice: say(locale, 'Unlock it first.'),
  }),
  E_UNREACHABLE: ({ place, text, locale }) => ({
    message: say(locale, '{place} cannot be reached.', { place: capital(place) }),
    advice:
      text('when', '') === 'connecting'
        ? say(locale, 'Nothing was changed. Check its address and the network, then try again.')
        : say(locale, 'See that its disk or the network is connected; Signet tries again by itself.'),
  }),
  E_REMOTE_LIMIT: ({ place, text, locale }) => ({
    message: say(locale, '{place} takes no more today.', { place: capital(place) }),
    advice: limitAdvice(text('until', ''), locale),
  }),
  E_REMOTE_FULL: ({ place: named, size: sized, locale }) => {
    const [place, need, have] = [capital(named), sized('need'), sized('have')];
    const message =
      need === undefined
        ? say(locale, '{place} is full.', { place })
        : have === undefined
          ? say(locale, '{place} is full: {need} more is needed.', { place, need })
          : say(locale, '{place} is full: {need} needed, {have} free.', { place, need, have });
    return { message, advice: say(locale, 'Free some space there, then try again.') };
  },
  E_DISK_FULL: ({ size: sized, locale }) => {
    const need = sized('need');
    return {
      message: say(locale, "This computer's disk is full."),
      advice:
        need === undefined
          ? say(locale, 'Signet needs some room for a safe copy. Backups go on when there is room.')
          : say(locale, 'Signet needs {need} for a safe copy. Backups go on when there is room.', { need }),
    };
  },
  E_SIGN_IN: ({ place, text, locale }) =>
    text('why', '') === 'keys' && text('when', '') === 'connecting'
      ? {
          message: say(locale, '{place} does not accept these keys, or was given none.', { place: capital(place) }),
          advice: say(locale, 'Nothing was changed. See that the access key id and the secret key were copied whole.'),
        }
      : signInWords(text('why', ''), capital(place), locale),
  E_ALARM: ({ text, locale }) => {
    const code = text('alarm', '');
    if (text('arriving', '') !== '') {
      return {
        message: say(locale, 'Backups of another computer are still arriving in the folder.'),
        advice: say(locale, 'Nothing is deleted or tidied up meanwhile. Try again tomorrow.'),
      };
    }
    const isKnown = isErrorCode(code) && code !== 'E_ALARM';
    return {
      message: isKnown
        ? say(locale, 'An alarm stands: {sentence}', {
            sentence: wordsFor({ code, params: {} }, undefined, locale).message,
          })
        : say(locale, 'An alarm stands.'),
      advice: say(
        locale,
        'Nothing is deleted or tidied up until you decide: `signet alarms show` tells what can be done.',
      ),
    };
  },
  E_CLOCK: ({ locale }) => ({
    message: say(
      locale,
      'The clock of this computer jumped by more than two days, so no backup is forgotten by its age.',
    ),
    advice: say(locale, 'See that date and time are right, then say so: `signet forget --clock-is-right`.'),
  }),
  E_ROLLBACK: hidden,
  E_WITHHELD: hidden,
  E_FORK: ({ text, locale }) => ({
    message:
      text('device', '') === ''
        ? say(locale, 'The cloud shows two different histories of the backups of this computer.')
        : say(locale, 'The cloud shows this computer and {device} different backups.', { device: text('device', '') }),
    advice: `${say(locale, 'That happens when a computer was restored from an image; otherwise someone changed the backup.')} ${alarmAdvice(locale)}`,
  }),
  E_FOREIGN_SNAPSHOT: ({ count, locale }) => ({
    message:
      (count('count') ?? 1) === 1
        ? say(locale, 'There is a backup here that none of your devices reported.')
        : plural(
            locale,
            count('count') ?? 1,
            'There is {count} backup here that none of your devices reported.',
            'There are {count} backups here that none of your devices reported.',
          ),
    advice: say(locale, 'It is kept apart and never restored by default. Your chats on this computer are safe.'),
  }),
  E_REPO_MISMATCH: ({ locale }) => ({
    message: say(locale, 'This is not your backup.'),
    advice: say(
      locale,
      'The place holds another backup under the same name. Nothing was written there. Choose the right place.',
    ),
  }),
  E_VAULT_CHANGED: lockReplaced,
  E_VAULT_ROLLBACK: lockReplaced,
  E_DAEMON_MISSING: ({ text, locale }) => ({
    message: say(locale, "Signet's background part is not running."),
    advice: sentence(text('advice', say(locale, 'Start it again, or reinstall.'))),
  }),
  E_DAEMON_INCOMPATIBLE: ({ text, locale }) => ({
    message: say(locale, "Signet's background part does not fit this version."),
    advice:
      text('newer', '') === 'daemon'
        ? say(locale, 'It is the newer of the two: update what you started. Backups go on.')
        : olderStays(text('reason', ''), locale),
  }),
  E_RUNTIME: ({ detail, locale }) => ({
    message: because(say(locale, "Signet's background part cannot run here."), detail, locale),
    advice: say(locale, 'See what `signet doctor` says.'),
  }),
  E_CANCELLED: ({ text, locale }) => ({
    message: say(locale, 'Stopped at your request.'),
    advice: leftBehind(text('job', ''), locale),
  }),
};

/** Made for examples: nobody has it, and Signet takes it. */
export const examplePhone = '+1 202 555 0100';

/** The sentences for a failure. */
export function wordsFor(
  { code, params }: Pick<WireError, 'code' | 'params'>,
  now = Date.now(),
  locale: Locale = {},
): Words {
  return sentences[code](filled(params, now, locale));
}

export function filled(params: ErrorParams, now: number, locale: Locale): Params {
  const text = (name: string, fallback: string) => {
    const value = params[name];
    return value === undefined || value === '' ? fallback : String(value);
  };
  const place = text('place', text('remote', ''));
  return {
    text,
    size: name => (typeof params[name] === 'number' ? size(params[name], locale) : undefined),
    count: name => (typeof params[name] === 'number' ? params[name] : undefined),
    time: name => (typeof params[name] === 'string' ? ago(params[name], now, locale) : undefined),
    place: place === '' ? say(locale, 'the place of your backups') : placeNamed(place, locale),
    detail: params['detail'] === undefined ? '' : String(params['detail']),
    locale,
  };
}

/** A whole sentence with its reason, where there is one. */
function because(what: string, why: string, locale: Locale): string {
  return why === '' ? what : say(locale, '{what}: {why}.', { what: withoutStop(what), why });
}

/** Why the older background part was not replaced. */
function olderStays(reason: string, locale: Locale): string {
  switch (reason) {
    case 'busy':
      return say(
        locale,
        'It is the older of the two and at work: the new one takes over when that is done. Try again then.',
      );
    case 'recent':
      return say(
        locale,
        'It is the older of the two, and one was replaced less than a minute ago. Try again in a minute.',
      );
    default:
      return say(locale, 'Start it again, or reinstall.');
  }
}

function passwordProblem(problem: string, locale: Locale): string {
  switch (problem) {
    case 'empty':
      return say(locale, 'The password is empty.');
    case 'long':
      return say(locale, 'The password is too long.');
    case 'control':
      return say(locale, 'The password contains a character that cannot be typed everywhere.');
    case 'encoding':
      return say(locale, 'The password is not text in UTF-8.');
    default:
      return say(locale, 'This cannot be used as a password.');
  }
}

function phoneProblem(problem: string, locale: Locale): string {
  switch (problem) {
    case 'plus':
      return say(locale, 'A number starts with + and the country code.');
    case 'number':
      return say(
        locale,
        'No phone number looks like this: see whether a digit is missing, and which country code it has.',
      );
    case 'needed':
      return say(locale, 'This computer does not remember the phone number, so it is needed too.');
    default:
      return say(locale, 'This cannot be used as a phone number.');
  }
}

/** What is so after a stop, by what was stopped. */
function leftBehind(job: string, locale: Locale): string {
  switch (job) {
    case 'question':
    case 'verify':
    case 'remote/connect':
      return say(locale, 'Nothing was changed.');
    case 'restore':
      return say(locale, 'The chats you had are as they were.');
    default:
      return say(locale, 'What is uploaded is kept.');
  }
}

function keyProblem(problem: string, typed: string, locale: Locale): string {
  if (problem === 'character') return say(locale, 'Only 0 to 9 and a to f belong into the recovery key.');
  if (problem === 'short' || problem === 'long') {
    return say(locale, '{count} of 68 characters were typed.', { count: typed });
  }
  return say(locale, 'The check group does not fit: somewhere there is a typing mistake.');
}

/** Why a file or a folder was left out; what is no code is words already. */
export function reasonWords(code: string, locale: Locale = {}): string {
  switch (code) {
    case 'permission':
    case 'unreadable':
      return say(locale, 'Signet may not read it');
    case 'io':
      return say(locale, 'the disk gives an error');
    case 'vanished':
    case 'missing':
      return say(locale, 'it is not there');
    case 'empty':
      return say(locale, 'it was empty, so the last backup of it is kept');
    case 'shrunk':
      return say(locale, 'most of it is gone, so the last backup of it is kept');
    case 'changing':
      return say(locale, 'it was written without a pause');
    case 'special-file':
      return say(locale, 'it is not a regular file');
    case 'name-too-long':
      return say(locale, 'its name is too long');
    default:
      return code;
  }
}

/** The time of day is enough, since no place asks to wait longer than a day. */
function limitAdvice(until: string, locale: Locale): string {
  const at = Date.parse(until);
  return Number.isNaN(at)
    ? say(locale, 'What is uploaded stays; the rest follows by itself.')
    : say(locale, 'What is uploaded stays; the rest follows by itself, from {time} on.', {
        time: timeOfDay(at, locale),
      });
}

/** A sentence of a fragment: begins large, ends with a stop. */
function sentence(fragment: string): string {
  if (fragment === '') return '';
  return /[.?!]$/.test(fragment) ? capital(fragment) : `${capital(fragment)}.`;
}
