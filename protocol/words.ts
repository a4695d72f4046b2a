// Every sentence a person meets, chosen at the client from codes and states; the daemon never speaks. Calm, plain, what happened, what it
// means, what to do. Never on screen: vault, repository, blob, pack, head, daemon, KDF, remote.

import { type ErrorCode, type ErrorParams, isErrorCode, type WireError } from './errors.ts';
import { ago, counted, dayOf, duration, type Locale, listed, percent, size } from './formats.ts';
import type { Alarm, JobProgress, Notice, Overdue, OverdueCause, Schedule, Status } from './status.ts';

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
const lockReplaced = say('The password lock in the cloud was replaced.', alarmAdvice);

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
  E_TARGET_NOT_EMPTY: ({ text }) => {
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
  E_REMOTE_DENIED: ({ place }) => ({
    message: `${capital(place)} does not let Signet read or write there.`,
    advice: 'Check the permissions of the place, then try again.',
  }),
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
  E_NOT_SET_UP: say('Signet is not set up on this computer.', 'Run Set Up Backup.'),
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
  E_UNREACHABLE: ({ place }) => ({
    message: `${capital(place)} cannot be reached.`,
    advice: 'See that its disk or the network is connected; Signet tries again by itself.',
  }),
  E_REMOTE_FULL: ({ place, size: sized }) => ({
    message: `${capital(place)} is full${needed(sized('need'), sized('have'))}.`,
    advice: 'Free some space there, then try again.',
  }),
  E_DISK_FULL: ({ size: sized }) => ({
    message: "This computer's disk is full.",
    advice: `Signet needs ${sized('need') ?? 'some room'} for a safe copy. Backups go on when there is room.`,
  }),
  E_SIGN_IN: ({ place }) => ({
    message: `${capital(place)} needs you to sign in again.`,
    advice: 'Backups wait until then.',
  }),
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
        : 'Start it again, or reinstall.',
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

function filled(params: ErrorParams, now: number, locale: Locale): Params {
  const text = (name: string, fallback: string) => {
    const value = params[name];
    return value === undefined || value === '' ? fallback : String(value);
  };
  return {
    text,
    size: name => (typeof params[name] === 'number' ? size(params[name], locale) : undefined),
    time: name => (typeof params[name] === 'string' ? ago(params[name], now, locale) : undefined),
    place: text('place', text('remote', 'the place of your backups')),
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
  changing: 'it was written without a pause',
  'special-file': 'it is not a regular file',
  'name-too-long': 'its name is too long',
};

/** Why a file or a folder was left out; what is no code is words already. */
export function reasonWords(code: string): string {
  return reasons[code] ?? code;
}

function reason(code: string): string {
  return code === '' ? '' : `: ${reasonWords(code)}`;
}

function needed(need: string | undefined, have: string | undefined): string {
  if (need === undefined) return '';
  return have === undefined ? `: ${need} more is needed` : `: ${need} needed, ${have} free`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** A sentence of a fragment: begins large, ends with a stop. */
function sentence(fragment: string): string {
  if (fragment === '') return '';
  return /[.?!]$/.test(fragment) ? capital(fragment) : `${capital(fragment)}.`;
}

export type State = 'alarm' | 'not running' | 'not set up' | 'running' | 'overdue' | 'locked' | 'needs you' | 'good';

export interface StateWords {
  readonly state: State;
  readonly sentence: string;
  /** The line below it; may be empty. */
  readonly below: string;
}

/**
 * One state is shown: the first that holds of alarm, not running, not set up, running, overdue, locked, needs you, good.
 * @param status null when no daemon answers
 * @param now milliseconds since 1970
 */
export function sentenceFor(status: Status | null, now: number, locale: Locale = {}): StateWords {
  if (status === null) {
    return {
      state: 'not running',
      sentence: 'Signet is not running',
      below: 'No backups are made until it is started.',
    };
  }
  const [alarm] = status.alarms;
  if (alarm !== undefined) return alarmWords(alarm, status, now, locale);
  if (status.vault === 'absent') {
    return {
      state: 'not set up',
      sentence: 'Your chats are not backed up yet',
      below:
        'Signet keeps copies of your chats in a cloud that cannot read them. They are sealed on this computer, with a password that never leaves it.',
    };
  }
  const good = lastGood(status, now, locale);
  if (status.job !== null) return { state: 'running', ...runningWords(status.job, good, locale) };
  if (status.overdue !== null) return { state: 'overdue', ...overdueWords(status, status.overdue, now, locale) };
  if (status.vault === 'locked') {
    const when = status.keychain === 'session' ? 'once after each login' : 'each time Signet starts';
    return {
      state: 'locked',
      sentence: 'Signet is locked',
      below: `Backups wait for your password. It is asked for ${when}. ${capital(good)}.`,
    };
  }
  return needsYou(status, good, locale) ?? { state: 'good', ...goodWords(status, good, now, locale) };
}

function alarmWords(alarm: Alarm, status: Status, now: number, locale: Locale): StateWords {
  const place = status.remote?.label;
  const { message, advice } = wordsFor({ code: alarm.code, params: place === undefined ? {} : { place } }, now, locale);
  return {
    state: 'alarm',
    sentence: message.replace(/\.$/, ''),
    below: `Noticed ${ago(alarm.since, now, locale)}. ${advice}`,
  };
}

const verbs = {
  backup: 'Backing up',
  restore: 'Restoring',
  verify: 'Verifying',
  setup: 'Setting up',
  fresh: 'Starting afresh',
} as const;

/** Share done, 0 to 1, or undefined while it cannot be told. */
export function shareOf(job: JobProgress): number | undefined {
  if (job.bytesTotal > 0) return job.bytesDone / job.bytesTotal;
  return job.filesTotal > 0 ? job.filesDone / job.filesTotal : undefined;
}

function runningWords(job: JobProgress, good: string, locale: Locale): Omit<StateWords, 'state'> {
  if (job.phase === 'cancelling') {
    return { sentence: 'Stopping', below: 'What is already uploaded is kept and need not be sent again.' };
  }
  const share = shareOf(job);
  const left =
    job.etaSeconds === undefined || job.etaSeconds < 1 ? [] : [`About ${duration(job.etaSeconds * 1000, locale)} left`];
  const item = job.item === undefined ? [] : [job.item];
  const sent = job.bytesUploaded > 0 ? [`${size(job.bytesUploaded, locale)} uploaded`] : [];
  return {
    sentence: share === undefined ? verbs[job.kind] : `${verbs[job.kind]} ${percent(share, locale)}`,
    below: capital([...left, ...(job.kind === 'backup' ? [good] : []), ...item, ...sent].join(' · ')),
  };
}

/** Whole days since the last good backup; undefined when there never was one. */
function daysOld({ lastGoodAt }: Status, now: number): number | undefined {
  return lastGoodAt === null ? undefined : Math.max(0, Math.floor((now - Date.parse(lastGoodAt)) / 86_400_000));
}

function overdueWords(status: Status, overdue: Overdue, now: number, locale: Locale): Omit<StateWords, 'state'> {
  const days = daysOld(status, now);
  const place = status.remote?.label;
  const { cause, causeSince, code, tries } = overdue;
  const params = {
    cause,
    ...(place !== undefined && { place }),
    ...(causeSince !== undefined && { causeSince }),
    ...(code !== undefined && { code }),
    ...(tries !== undefined && { tries }),
  };
  const alsoLocked = status.vault === 'locked' && cause !== 'locked' ? ' It is locked now.' : '';
  return {
    sentence: noGoodBackup(days, locale),
    below: `${causeWords(params, now, locale)}.${alsoLocked} What is new since is on this computer only.`,
  };
}

function noGoodBackup(days: number | undefined, locale: Locale): string {
  return days === undefined ? 'No good backup yet' : `No good backup for ${counted(days, 'day', 'days', locale)}`;
}

/** Why there was no good backup for so long, without the stop at the end. @param params of an overdue state or its notice */
function causeWords(params: ErrorParams, now: number, locale: Locale): string {
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
  }
}

/** The text of a notice; undefined where this version has none for it. */
export function noticeWords({ kind, params }: Notice, now: number, locale: Locale = {}): string | undefined {
  if (kind === 'overdue') {
    const days = typeof params['days'] === 'number' ? params['days'] : undefined;
    return `${noGoodBackup(days, locale)}. ${causeWords(params, now, locale)}.`;
  }
  if (kind !== 'failed') return undefined;
  const { code } = params;
  const { message } = wordsFor({ code: isErrorCode(code) ? code : 'E_INTERNAL', params }, now, locale);
  return `The backup stopped: ${message} Nothing is lost; Signet tries again by itself.`;
}

/** When backups are made by themselves: `daily at 03:30, and when chats change`. */
export function scheduleWords({ kind, at, onChange }: Schedule): string {
  const timed = {
    never: 'never',
    manual: 'only when asked',
    daily: `daily at ${at}`,
    weekly: `Sundays at ${at}`,
    monthly: `the 1st at ${at}`,
  }[kind];
  if (!onChange) return timed;
  return kind === 'manual' || kind === 'never' ? 'when chats change' : `${timed}, and when chats change`;
}

function needsYou(status: Status, good: string, locale: Locale): StateWords | undefined {
  const error = status.lastError;
  if (error === null || (status.lastGoodAt !== null && Date.parse(error.at) < Date.parse(status.lastGoodAt)))
    return undefined;
  const place = capital(status.remote?.label ?? 'the place of your backups');
  const need = typeof error.params['need'] === 'number' ? size(error.params['need'], locale) : 'More room';
  switch (error.code) {
    case 'E_SIGN_IN':
      return {
        state: 'needs you',
        sentence: `${place} needs you to sign in again`,
        below: `Backups wait until then. ${capital(good)}.`,
      };
    case 'E_REMOTE_FULL':
      return { state: 'needs you', sentence: `${place} is full`, below: `${need} is needed. Free some space there.` };
    case 'E_DISK_FULL':
      return {
        state: 'needs you',
        sentence: "This computer's disk is full",
        below: `${need} is needed for a safe copy of your chats. Backups go on when there is room.`,
      };
    case 'E_REMOTE_DENIED':
    case 'E_SOURCE_UNREADABLE': {
      const { message, advice } = wordsFor({ code: error.code, params: { place, ...error.params } });
      return { state: 'needs you', sentence: message.replace(/\.$/, ''), below: `${advice} ${capital(good)}.` };
    }
    default:
      return undefined;
  }
}

/** When what waits is backed up, where no time can be told. */
const waitWords: { readonly [reason in NonNullable<Status['waiting']>['reason']]?: string } = {
  quiet: 'when the apps are quiet',
  interval: 'when the apps are quiet',
  network: 'when the place of your backups answers',
  battery: 'when the computer is plugged in',
  metered: 'when the connection is not paid by volume',
  locked: 'after you unlock Signet',
};

function goodWords(status: Status, good: string, now: number, locale: Locale): Omit<StateWords, 'state'> {
  const last = status.lastBackup;
  if (status.sources.length === 0) {
    return { sentence: 'Ready to restore', below: 'No chats of this computer are chosen for backup.' };
  }
  const failed = status.lastError;
  const offline = failed?.code === 'E_UNREACHABLE' || status.remote?.reachable === false;
  if (status.lastGoodAt === null && last === null) {
    const total = status.sources.reduce((sum, source) => sum + (source.sizeBytes ?? 0), 0);
    const labels = listed(status.sources.map(source => source.label));
    return {
      sentence: 'Ready for the first backup',
      below: `${total > 0 ? `${size(total, locale)} in` : 'It will hold'} ${labels}. You can keep working meanwhile.`,
    };
  }
  const upTo = `Everything up to ${ago(status.lastGoodAt ?? last?.at ?? '', now, { ...locale, bare: true })} is backed up`;
  if (offline) {
    const place = capital(status.remote?.label ?? 'the place of your backups');
    return { sentence: upTo, below: `${place} cannot be reached. Signet tries again by itself.` };
  }
  const [unreadable] = last?.filesUnreadable ?? [];
  if (last !== null && unreadable !== undefined) {
    return {
      sentence: `Backed up, except ${counted(last.filesUnreadable.length, 'file', 'files', locale)}`,
      below: `${fileName(unreadable.path)} could not be read: ${reasonWords(unreadable.reason)}. It is tried again next time.`,
    };
  }
  const troubled = status.sources.find(source => source.problem !== undefined);
  if (troubled !== undefined) {
    return {
      sentence: `Backed up, except ${troubled.label}`,
      below: `${troubled.label}: ${reasonWords(troubled.problem ?? '')}. It is tried again next time.`,
    };
  }
  if (failed !== null && (status.lastGoodAt === null || Date.parse(failed.at) >= Date.parse(status.lastGoodAt))) {
    const { message, advice } = wordsFor(failed, now, locale);
    return { sentence: upTo, below: `The last backup stopped: ${message} ${advice}`.trim() };
  }
  if (status.waiting !== null) {
    const { reason, until } = status.waiting;
    const when = until === undefined || reason === 'quiet' ? waitWords[reason] : ago(until, now, locale);
    return { sentence: upTo, below: `What changed since is backed up ${when ?? 'when Signet can'}.` };
  }
  if (!status.schedule.onChange && (status.schedule.kind === 'manual' || status.schedule.kind === 'never')) {
    return {
      sentence: capital(good),
      below: 'Nothing is backed up by itself. What changed since is on this computer only.',
    };
  }
  const nothingNew =
    last === null ||
    (status.lastGoodAt !== null && Date.parse(status.lastGoodAt) > Date.parse(last.at) + last.durationMs + 1000);
  const news = last === null ? 0 : last.filesNew + last.filesChanged;
  const what = nothingNew
    ? 'nothing new since'
    : `${counted(news, 'new or changed file', 'new or changed files', locale)}`;
  return { sentence: 'Everything is backed up', below: `${capital(good)} · ${what}` };
}

/** `last good backup 5 minutes ago`: when the newest backup was made, or since then found to need nothing new. */
function lastGood(status: Status, now: number, locale: Locale): string {
  return status.lastGoodAt === null ? 'no good backup yet' : `last good backup ${ago(status.lastGoodAt, now, locale)}`;
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export interface StatusBarWords {
  /** With a `$(codicon)` in front. */
  readonly text: string;
  /** Plain text: the sentence, then facts, one a line. */
  readonly tooltip: string;
  readonly background?: 'warning' | 'error';
  /** What a screen reader says. */
  readonly label: string;
}

/** The one item in the editor's status bar. */
export function statusBarText(status: Status | null, now: number, locale: Locale = {}): StatusBarWords {
  const { state, sentence: heading, below } = sentenceFor(status, now, locale);
  const facts = status === null || state === 'alarm' || state === 'not set up' ? [] : tooltipFacts(status, now, locale);
  const item = {
    tooltip: [heading, below, ...facts].filter(line => line !== '').join('\n'),
    label: `Signet. ${heading}. ${below}`,
  };
  switch (state) {
    case 'alarm':
      return { ...item, text: `$(error) Signet: ${alarmName(status?.alarms[0]?.code)}`, background: 'error' };
    case 'not running':
      return { ...item, text: '$(debug-disconnect) Signet: Not Running' };
    case 'not set up':
      return { ...item, text: '$(shield) Signet: Set Up', tooltip: 'Your chats are not backed up yet.' };
    case 'running': {
      const share = status?.job ? shareOf(status.job) : undefined;
      return { ...item, text: `$(sync~spin) Signet${share === undefined ? '' : ` ${percent(share, locale)}`}` };
    }
    case 'overdue': {
      const days = status === null ? undefined : daysOld(status, now);
      const age = days === undefined ? 'No Backup Yet' : counted(days, 'Day Old', 'Days Old', locale);
      return { ...item, text: `$(warning) Signet: ${age}`, background: 'warning' };
    }
    case 'locked':
      return { ...item, text: '$(lock) Signet: Locked' };
    case 'needs you':
      return { ...item, text: needName(status?.lastError?.code) };
    case 'good':
      return { ...item, text: '$(check) Signet' };
  }
}

function tooltipFacts(status: Status, now: number, locale: Locale): string[] {
  const when = (at: string) => ago(at, now, { ...locale, bare: true });
  const next =
    status.pausedUntil !== null
      ? [`Automatic backups pause until ${when(status.pausedUntil)}`]
      : status.nextRun === null
        ? []
        : [`Next: ${when(status.nextRun)}`];
  return [...next, ...(status.remote === null ? [] : [capital(status.remote.label)])];
}

function alarmName(code: ErrorCode | undefined): string {
  switch (code) {
    case 'E_REPO_MISMATCH':
      return 'Not Your Backup';
    case 'E_FOREIGN_SNAPSHOT':
      return 'Unknown Backup';
    case 'E_VAULT_CHANGED':
    case 'E_VAULT_ROLLBACK':
      return 'Lock Replaced';
    case 'E_FORK':
      return 'Two Histories';
    case 'E_ROLLBACK':
    case 'E_WITHHELD':
      return 'Backups Missing';
    default:
      return 'Damaged';
  }
}

function needName(code: ErrorCode | undefined): string {
  switch (code) {
    case 'E_SIGN_IN':
      return '$(account) Signet: Sign In';
    case 'E_REMOTE_FULL':
      return '$(cloud) Signet: Cloud Full';
    case 'E_DISK_FULL':
      return '$(database) Signet: Disk Full';
    case 'E_SOURCE_UNREADABLE':
      return '$(warning) Signet: Chats Not Readable';
    default:
      return '$(warning) Signet: No Access';
  }
}
