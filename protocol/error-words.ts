// The sentences for failures, by their code: what happened and what to do. Filled in from the parameters of the error; a code has words
// even when it comes without any. The words for states are in words.ts, those for notices in notice-words.ts.

import type { ErrorCode, ErrorParams, WireError } from './errors.ts';
import { ago, counted, duration, type Locale, size } from './formats.ts';
import { deniedWords, placeNamed, signInWords } from './place-words.ts';

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
  time(name: string): string | undefined;
  readonly place: string;
  readonly detail: string;
}

const say =
  (message: string, advice = ''): Sentence =>
  () => ({ message, advice });

const alarmAdvice =
  'Your chats on this computer are safe. New backups go on. Nothing is deleted or tidied up until you decide.';

const damaged: Sentence = ({ detail }) => ({
  message: `A part of the backup is damaged in the cloud${detail}.`,
  advice:
    'It was not used. Verify the backups to see what is affected; what is still on this computer can be uploaded afresh.',
});
const notWhatItClaims = say(
  'A piece of the backup is not what it claims to be, so it was not used.',
  'Verify the backups to see what is affected.',
);
const lockDamaged: Sentence = ({ place }) => ({
  message: `The password lock in ${place} is damaged.`,
  advice: 'This computer can put back its own copy; the recovery key opens the backup in any case.',
});
const newerBackup = say('This backup was made by a newer Signet.', 'Update, then try again.');
const hidden = say(
  'The cloud is hiding backups that this computer made.',
  `Look in its trash; if nobody you know removed them, change the password of that account. ${alarmAdvice}`,
);
const lockReplaced = say(
  'The password lock in the cloud was replaced.',
  `If you changed the password on another computer, unlock here once with the new one. ${alarmAdvice}`,
);

const sentences: { readonly [code in ErrorCode]: Sentence } = {
  E_INTERNAL: ({ detail }) => ({
    message: `Something went wrong inside Signet${detail}.`,
    advice: 'Nothing was lost. Try again; if it happens again, report it with the log.',
  }),
  E_BUSY: say('Signet is busy with something else.', 'Try again when it is done, or cancel it.'),
  E_NOT_FOUND: ({ text }) =>
    text('ambiguous', 'false') === 'true'
      ? { message: `More than one backup begins with “${text('what', '')}”.`, advice: 'Give more digits of its id.' }
      : {
          message:
            text('what', '') === '' ? 'What you asked for was not found.' : `“${text('what', '')}” was not found.`,
          advice: 'Look at the list of backups for what there is.',
        },
  E_TARGET_NOT_EMPTY: ({ text, place }) => {
    // Where a whole backup was to be copied to.
    if (text('what', '') === 'another') {
      return {
        message: `${capital(place)} holds another backup. Nothing was written there.`,
        advice: 'Choose another place, or an empty one.',
      };
    }
    if (text('what', '') === 'others') {
      return {
        message: `${capital(place)} holds other things. Nothing was written there.`,
        advice: 'Choose another place, or an empty one.',
      };
    }
    const folder = text('path', '') === '' ? 'The folder' : `The folder ${text('path', '')}`;
    if (text('what', '') === 'repository') {
      return { message: `${folder} holds a backup already.`, advice: 'Join that backup, or choose another folder.' };
    }
    return {
      message: `${folder} ${text('what', '') === 'other' ? 'holds other files' : 'is not empty'}. Nothing was written there.`,
      advice: 'Choose another, or an empty one inside it.',
    };
  },
  E_SOURCE_UNREADABLE: ({ text }) => ({
    message: `${text('label', text('path', 'The folder with your chats'))} could not be read${reason(text('reason', ''))}.`,
    advice: 'See that it is there and that Signet may read it.',
  }),
  E_APP_OPEN: ({ text }) => ({
    message: `${capital(text('app', 'a program'))} is open.`,
    advice: 'Close it, then go on. Restoring under a running app would damage its data.',
  }),
  E_COMMAND: ({ text }) => ({
    message: `The program that runs ${text('when', 'before')} each backup ${text('problem', 'failed')}, so no backup was made.`,
    advice: 'It is named in the settings file, under beforeBackup. See what it says, then try again.',
  }),
  E_REMOTE_DENIED: ({ place, text }) =>
    deniedWords(text('reason', ''), capital(place), text('account', ''), text('region', '')),
  E_OBJECT_AUTH: damaged,
  E_OBJECT_ID: damaged,
  E_OBJECT_TYPE: notWhatItClaims,
  E_OBJECT_LIMIT: notWhatItClaims,
  E_MISSING: ({ detail }) => ({
    message: `A part of the backup is missing in the cloud${detail}.`,
    advice: 'Verify the backups to see what is affected; what is still on this computer can be uploaded afresh.',
  }),
  E_UNSAFE_PATH: ({ text }) => ({
    message: `A name in the backup would have been written outside the folder you chose. It was left out: ${text('name', 'see the details')}.`,
    advice: 'Signet never makes such names: someone may have changed the backup. Verify the backups.',
  }),
  E_VERSION: newerBackup,
  E_STATE_NEWER: say('The files on this computer were written by a newer Signet.', 'Update, then try again.'),
  E_STATE_CORRUPT: ({ detail }) => ({
    message: `Signet's own files on this computer are damaged${detail}.`,
    advice: 'Your backups are not affected. Set up again with the same place to go on with them.',
  }),
  E_VAULT_CORRUPT: lockDamaged,
  E_VAULT_MALFORMED: lockDamaged,
  E_VAULT_VERSION: newerBackup,
  E_KDF_POLICY: say(
    'The password lock asks for settings that Signet does not accept. It may have been tampered with. Your password was not used.',
    'Use the recovery key.',
  ),
  E_KDF_RESOURCES: ({ size: sized }) => ({
    message: `Opening the lock needs ${sized('need') ?? 'more memory'}${sized('need') === undefined ? ' than is free' : ` of memory, and ${sized('have') ?? 'less'} is free`}.`,
    advice: 'Close some programs and try again.',
  }),
  E_USAGE: ({ text }) => ({
    message: sentence(text('detail', 'this was not understood')),
    advice: sentence(text('advice', 'nothing was changed')),
  }),
  E_WEAK_PASSWORD: say('The password is too easy to guess.', 'Add a word or two.'),
  E_PASSWORD_FORM: ({ text }) => ({
    message: passwordProblems[text('problem', '')] ?? 'This cannot be used as a password.',
    advice: 'Use letters, digits, signs and spaces, up to 1,024 bytes.',
  }),
  E_PHONE_FORM: ({ text }) => ({
    message: phoneProblems[text('problem', 'plus')] ?? 'This cannot be used as a phone number.',
    advice: `Example: ${examplePhone}`,
  }),
  E_SECOND_TYPING: say('The two are not the same.', 'Nothing was changed. Try again.'),
  E_RECOVERY_KEY_FORM: ({ text }) => ({
    message: keyProblem(text('problem', ''), text('count', '?')),
    advice: 'Type the 16 groups, then the check group. Spaces do not matter.',
  }),
  E_SETTING: ({ text }) => {
    const key = text('key', '') === '' ? 'The settings file' : `The setting ${text('key', '')}`;
    // A background part that could not start for it sends no more than the detail, whose end is the advice below.
    const problem = text('problem', text('detail', '').replace(/;[^;]*$/, ''));
    return {
      message: `${key} cannot be used${problem === '' ? '' : `: ${problem}`}.`,
      advice: 'It was left as it is; correct it or remove it.',
    };
  },
  E_ALREADY_SET_UP: say('Signet is already set up on this computer.', 'Nothing was changed.'),
  E_NOT_SET_UP: ({ text }) =>
    text('what', '') === 'chats'
      ? { message: 'No chats of this computer are chosen for backup.', advice: 'Add some first.' }
      : { message: 'Signet is not set up on this computer.', advice: 'Run Set Up Backup.' },
  E_REPOSITORY_LOCKED: ({ text, time, place }) => ({
    message: `${text('device', 'Another computer')} is tidying up in ${place}.`,
    advice: `Signet goes on when it is done${time('until') === undefined ? '' : `, ${time('until')} at the latest`}.`,
  }),
  E_WRONG_SECRET: ({ text }) => {
    const left = Number(text('triesLeft', '-1'));
    const tries =
      left > 0
        ? `${counted(left, 'more try', 'more tries')}, then a short wait.`
        : left === 0
          ? 'Wait a little before the next try.'
          : 'Try again.';
    if (text('secret', '') === 'recovery-key') {
      return {
        message: 'The recovery key does not open this backup. Nothing was changed.',
        advice: 'See whether it belongs to this place. The password opens the backup too.',
      };
    }
    return {
      message:
        text('phoneKnown', '') === 'true'
          ? 'The password is wrong.'
          : 'The password or the phone number is wrong. Signet cannot tell which.',
      advice: `${tries} The recovery key opens the backup too.`,
    };
  },
  E_TOO_MANY_TRIES: ({ text }) => {
    const seconds = Number(text('seconds', ''));
    return {
      message: 'There were too many wrong tries.',
      advice: seconds > 0 ? `Try again in ${duration(seconds * 1000)}.` : 'Wait a little, then try again.',
    };
  },
  E_VAULT_LOCKED: say('Signet is locked.', 'Unlock it first.'),
  E_UNREACHABLE: ({ place, text }) => ({
    message: `${capital(place)} cannot be reached.`,
    advice:
      text('when', '') === 'connecting'
        ? 'Nothing was changed. Check its address and the network, then try again.'
        : 'See that its disk or the network is connected; Signet tries again by itself.',
  }),
  E_REMOTE_LIMIT: ({ place, text }) => ({
    message: `${capital(place)} takes no more today.`,
    advice: `What is uploaded stays; the rest follows by itself${until(text('until', ''))}.`,
  }),
  E_REMOTE_FULL: ({ place, size: sized }) => ({
    message: `${capital(place)} is full${needed(sized('need'), sized('have'))}.`,
    advice: 'Free some space there, then try again.',
  }),
  E_DISK_FULL: ({ size: sized }) => ({
    message: "This computer's disk is full.",
    advice: `Signet needs ${sized('need') ?? 'some room'} for a safe copy. Backups go on when there is room.`,
  }),
  E_SIGN_IN: ({ place, text }) =>
    text('why', '') === 'keys' && text('when', '') === 'connecting'
      ? {
          message: `${capital(place)} does not accept these keys, or was given none.`,
          advice: 'Nothing was changed. See that the access key id and the secret key were copied whole.',
        }
      : signInWords(text('why', ''), capital(place)),
  E_ROLLBACK: hidden,
  E_WITHHELD: hidden,
  E_FORK: say(
    'The cloud shows two different histories of the backups of this computer.',
    `That happens when a computer was restored from an image; otherwise someone changed the backup. ${alarmAdvice}`,
  ),
  E_FOREIGN_SNAPSHOT: say(
    'There is a backup here that none of your devices reported.',
    'It is kept apart and never restored by default. Your chats on this computer are safe.',
  ),
  E_REPO_MISMATCH: say(
    'This is not your backup.',
    'The place holds another backup under the same name. Nothing was written there. Choose the right place.',
  ),
  E_VAULT_CHANGED: lockReplaced,
  E_VAULT_ROLLBACK: lockReplaced,
  E_DAEMON_MISSING: ({ text }) => ({
    message: "Signet's background part is not running.",
    advice: sentence(text('advice', 'start it again, or reinstall')),
  }),
  E_DAEMON_INCOMPATIBLE: ({ text }) => ({
    message: "Signet's background part does not fit this version.",
    advice:
      text('newer', '') === 'daemon'
        ? 'It is the newer of the two: update what you started. Backups go on.'
        : (olderStays[text('reason', '')] ?? 'Start it again, or reinstall.'),
  }),
  E_RUNTIME: ({ detail }) => ({
    message: `Signet's background part cannot run here${detail}.`,
    advice: 'See what `signet doctor` says.',
  }),
  E_CANCELLED: ({ text }) => ({
    message: 'Stopped at your request.',
    advice: leftBehind[text('job', '')] ?? 'What is uploaded is kept.',
  }),
};

/** Why the older background part was not replaced. */
const olderStays: Readonly<Record<string, string>> = {
  busy: 'It is the older of the two and at work: the new one takes over when that is done. Try again then.',
  recent: 'It is the older of the two, and one was replaced less than a minute ago. Try again in a minute.',
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
  return {
    text,
    size: name => (typeof params[name] === 'number' ? size(params[name], locale) : undefined),
    time: name => (typeof params[name] === 'string' ? ago(params[name], now, locale) : undefined),
    place: placeNamed(text('place', text('remote', 'the place of your backups'))),
    detail: params['detail'] === undefined ? '' : `: ${params['detail']}`,
  };
}

const passwordProblems: { readonly [problem: string]: string } = {
  empty: 'The password is empty.',
  long: 'The password is too long.',
  control: 'The password contains a character that cannot be typed everywhere.',
  encoding: 'The password is not text in UTF-8.',
};

const phoneProblems: { readonly [problem: string]: string } = {
  plus: 'A number starts with + and the country code.',
  number: 'No phone number looks like this: see whether a digit is missing, and which country code it has.',
  needed: 'This computer does not remember the phone number, so it is needed too.',
};

/** What is so after a stop, by what was stopped. */
const leftBehind: { readonly [job: string]: string } = {
  question: 'Nothing was changed.',
  verify: 'Nothing was changed.',
  'remote/connect': 'Nothing was changed.',
  restore: 'The chats you had are as they were.',
};

function keyProblem(problem: string, typed: string): string {
  if (problem === 'character') return 'Only 0 to 9 and a to f belong into the recovery key.';
  if (problem === 'short' || problem === 'long') return `${typed} of 68 characters were typed.`;
  return 'The check group does not fit: somewhere there is a typing mistake.';
}

const reasons: { readonly [code: string]: string } = {
  permission: 'Signet may not read it',
  io: 'the disk gives an error',
  vanished: 'it is not there',
  missing: 'it is not there',
  unreadable: 'Signet may not read it',
  empty: 'it was empty, so the last backup of it is kept',
  shrunk: 'most of it is gone, so the last backup of it is kept',
  changing: 'it was written without a pause',
  'special-file': 'it is not a regular file',
  'name-too-long': 'its name is too long',
};

/** Why a file or a folder was left out; what is no code is words already. */
export function reasonWords(code: string): string {
  return reasons[code] ?? code;
}

/** ", from 08:10 on": the time of day is enough, since no place asks to wait longer than a day. */
function until(at: string): string {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return '';
  return `, from ${new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(time)} on`;
}

function reason(code: string): string {
  return code === '' ? '' : `: ${reasonWords(code)}`;
}

function needed(need: string | undefined, have: string | undefined): string {
  if (need === undefined) return '';
  return have === undefined ? `: ${need} more is needed` : `: ${need} needed, ${have} free`;
}

/** The text with a large first letter. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** A sentence of a fragment: begins large, ends with a stop. */
function sentence(fragment: string): string {
  if (fragment === '') return '';
  return /[.?!]$/.test(fragment) ? capital(fragment) : `${capital(fragment)}.`;
}
