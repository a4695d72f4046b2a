// The sentences for the state of Signet, chosen at the client; the daemon never speaks. Calm, plain, what happened, what it means, what to do.
// Never on screen: vault, repository, blob, pack, head, daemon, KDF, remote. Those for failures are in error-words.ts, those for notices in notice-words.ts.

import { capital, reasonWords, wordsFor } from './error-words.ts';
import type { ErrorCode } from './errors.ts';
import { ago, counted, dayOf, duration, type Locale, listed, percent, size } from './formats.ts';
import { causeWords, noGoodBackup, noticeWords } from './notice-words.ts';
import { patienceWords, placeFactWords, signInWords } from './place-words.ts';
import { isHeldBack, isSource, newMessagesWords } from './source-words.ts';
import type { Alarm, JobProgress, Overdue, Schedule, Status } from './status.ts';

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
  if (status.job !== null) return { state: 'running', ...runningWords(status.job, status, now, locale) };
  if (status.overdue !== null) return { state: 'overdue', ...overdueWords(status, status.overdue, now, locale) };
  if (status.vault === 'locked') {
    const changes = status.waiting?.reason === 'locked' ? status.waiting.changes : 0;
    const waiting = changes > 0 ? `, ${counted(changes, 'change', 'changes', locale)} waiting` : '';
    const away =
      status.remote?.reachable === false ? `${capital(status.remote.label)} cannot be reached at the moment. ` : '';
    return {
      state: 'locked',
      sentence: `Signet is locked${waiting}`,
      below: `Backups wait for your password. It is asked for ${whenAsked(status)}. ${away}${capital(good)}.`,
    };
  }
  return needsYou(status, good, locale) ?? { state: 'good', ...goodWords(status, good, now, locale) };
}

/** When the password is asked for: `once after each login`. */
function whenAsked({ keychain }: Status): string {
  return keychain === 'session' ? 'once after each login' : 'each time Signet starts';
}

/** What keeps Signet unlocked over a restart, or does not: a value for a table, without a stop. */
export function passwordWords(status: Status): string {
  const { keychain, keychainBackend } = status;
  const why = { session: 'kept by the keychain', 'memory-only': 'no keychain in use', unavailable: 'no keychain' }[
    keychain
  ];
  const by = keychain === 'session' && keychainBackend !== null ? ` (${keychainBackend})` : '';
  const cannot = keychain === 'memory-only' && keychainBackend !== null ? 'the keychain cannot be used now' : why;
  return `asked for ${whenAsked(status)}; ${cannot}${by}`;
}

/** After the password was given: when it is asked for again. */
export function askedAgainWords(status: Status, now: number): string {
  const missing = status.notices.find(({ kind }) => kind === 'no-keychain');
  if (missing === undefined) return `The password is asked for ${whenAsked(status)}.`;
  return Object.values(noticeWords(missing, now)).join(' ');
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

/** What is going on, by the kind of job. */
export const jobVerbs = {
  backup: 'Backing up',
  restore: 'Restoring',
  verify: 'Verifying',
  setup: 'Setting up',
  fresh: 'Starting afresh',
  keys: 'Changing the keys',
  connect: 'Connecting',
  move: 'Moving the backup',
  mirror: 'Copying to the second place',
} as const;

/** Share done, 0 to 1, or undefined while it cannot be told. */
export function shareOf(job: JobProgress): number | undefined {
  if (job.bytesTotal > 0) return job.bytesDone / job.bytesTotal;
  return job.filesTotal > 0 ? job.filesDone / job.filesTotal : undefined;
}

function runningWords(job: JobProgress, status: Status, now: number, locale: Locale): Omit<StateWords, 'state'> {
  const good = lastGood(status, now, locale);
  if (job.phase === 'cancelling') {
    return { sentence: 'Stopping', below: 'What is already uploaded is kept and need not be sent again.' };
  }
  const share = shareOf(job);
  const sentence = share === undefined ? jobVerbs[job.kind] : `${jobVerbs[job.kind]} ${percent(share, locale)}`;
  if (job.waitingUntil !== undefined) {
    return { sentence, ...patienceWords(job.waitingUntil, placeOf(status), now, locale) };
  }
  const left =
    job.etaSeconds === undefined || job.etaSeconds < 1 ? [] : [`About ${duration(job.etaSeconds * 1000, locale)} left`];
  const item = job.item === undefined ? [] : [job.item];
  const sent = job.bytesUploaded > 0 ? [`${size(job.bytesUploaded, locale)} uploaded`] : [];
  return {
    sentence,
    below: capital([...left, ...(job.kind === 'backup' ? [good] : []), ...item, ...sent].join(' · ')),
  };
}

/** The place of the copies, for the beginning of a sentence. */
function placeOf({ remote }: Status): string {
  return capital(remote?.label ?? 'the place of your backups');
}

/** Whole days since the last good backup; undefined when there never was one. */
function daysOld({ lastGoodAt }: Status, now: number): number | undefined {
  return lastGoodAt === null ? undefined : Math.max(0, Math.floor((now - Date.parse(lastGoodAt)) / 86_400_000));
}

function overdueWords(status: Status, overdue: Overdue, now: number, locale: Locale): Omit<StateWords, 'state'> {
  const days = daysOld(status, now);
  const place = status.remote?.label;
  const { cause, causeSince, code, tries, app } = overdue;
  const params = {
    cause,
    ...(place !== undefined && { place }),
    ...(causeSince !== undefined && { causeSince }),
    ...(code !== undefined && { code }),
    ...(tries !== undefined && { tries }),
    ...(app !== undefined && { app }),
  };
  const incomplete = noGoodBackup(days, locale).replace('good', 'complete');
  if (cause === 'held-back') {
    const why = causeWords(params, now, locale);
    return { sentence: incomplete, below: `${why}. Everything else is backed up.` };
  }
  const { lastBackup } = status;
  if (code === 'E_SOURCE_UNREADABLE' && lastBackup !== null && Date.parse(lastBackup.at) >= Date.parse(overdue.since)) {
    const since = causeSince === undefined ? '' : ` since ${dayOf(causeSince, now, locale)}`;
    return {
      sentence: incomplete,
      below: `Some files could not be read${since}. Everything else is backed up.`,
    };
  }
  const alsoLocked = status.vault === 'locked' && cause !== 'locked' ? ' It is locked now.' : '';
  return {
    sentence: noGoodBackup(days, locale),
    below: `${causeWords(params, now, locale)}.${alsoLocked} What is new since is on this computer only.`,
  };
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
  const place = placeOf(status);
  const signedOut = (why: string): StateWords => ({
    state: 'needs you',
    sentence: `${place} needs you to sign in again`,
    below: `${why === 'weekly' ? signInWords(why, place).message : 'Backups wait until then.'} ${capital(good)}.`,
  });
  const error = status.lastError;
  if (status.remote?.signIn === 'needed') {
    const told = status.notices.find(({ kind }) => kind === 'signed-out');
    return signedOut(String(told?.params['why'] ?? (error?.code === 'E_SIGN_IN' ? error.params['why'] : '') ?? ''));
  }
  if (error === null || (status.lastGoodAt !== null && Date.parse(error.at) < Date.parse(status.lastGoodAt)))
    return undefined;
  const need = typeof error.params['need'] === 'number' ? size(error.params['need'], locale) : 'More room';
  switch (error.code) {
    case 'E_SIGN_IN':
      return signedOut(String(error.params['why'] ?? ''));
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
  'sign-in': 'after you sign in again',
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
  const upToWhen = ago(status.lastGoodAt ?? last?.at ?? '', now, { ...locale, bare: true });
  const upTo = `Everything up to ${upToWhen === 'just now' ? 'a minute ago' : upToWhen} is backed up`;
  if (offline) {
    const place = capital(status.remote?.label ?? 'the place of your backups');
    return { sentence: upTo, below: `${place} cannot be reached. Signet tries again by itself.` };
  }
  if (status.waiting?.reason === 'limit' && status.waiting.until !== undefined) {
    return { sentence: upTo, ...patienceWords(status.waiting.until, placeOf(status), now, locale) };
  }
  const files = last?.filesUnreadable.filter(each => !isSource(each)) ?? [];
  const [unreadable] = files;
  if (last !== null && unreadable !== undefined) {
    return {
      sentence: `Backed up, except ${counted(files.length + (last.more?.filesUnreadable ?? 0), 'file', 'files', locale)}`,
      below: `${fileName(unreadable.path)} could not be read: ${reasonWords(unreadable.reason)}. It is tried again next time.`,
    };
  }
  const troubled = status.sources.find(source => source.problem !== undefined);
  if (troubled !== undefined) {
    const { label, problem = '' } = troubled;
    const again = isHeldBack(problem) ? '' : ' It is tried again next time.';
    return { sentence: `Backed up, except ${label}`, below: `${label}: ${reasonWords(problem)}.${again}` };
  }
  const added = status.sources.filter(source => source.capturedAt === undefined);
  if (added.length > 0 && failed === null) {
    return {
      sentence: `Backed up, except ${listed(added.map(({ label }) => label))}`,
      below: `${added.length === 1 ? 'It is' : 'They are'} in the next backup. ${capital(good)}.`,
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
  const changed = last === null ? 0 : last.filesNew + last.filesChanged;
  const messages = last?.messagesNew ? newMessagesWords(last, locale) : '';
  const what = nothingNew
    ? 'nothing new since'
    : messages ||
      (changed === 0
        ? 'no new or changed files'
        : counted(changed, 'new or changed file', 'new or changed files', locale));
  if (status.remote?.synced !== undefined) {
    const { label, synced } = status.remote;
    return {
      sentence: `Everything is in ${label}`,
      below: `${synced} uploads it from there; Signet cannot see whether it has. ${capital(good)} · ${what}`,
    };
  }
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
      return { ...item, text: needName(status?.remote?.signIn === 'needed' ? 'E_SIGN_IN' : status?.lastError?.code) };
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
  return [
    ...next,
    ...(status.remote === null
      ? []
      : [[capital(status.remote.label), ...placeFactWords(status.remote, locale)].join(' · ')]),
  ];
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
