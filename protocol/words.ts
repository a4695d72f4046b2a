// The sentences for the state of Signet, chosen at the client; the daemon never speaks. Calm, plain, what happened, what it means, what to do.
// Never on screen: vault, repository, blob, pack, head, daemon, KDF, remote. Those for failures are in error-words.ts, those for notices in notice-words.ts.

import { reasonWords, wordsFor } from './error-words.ts';
import type { ErrorCode } from './errors.ts';
import {
  ago,
  capital,
  counted,
  dayOf,
  duration,
  type Locale,
  listed,
  percent,
  plural,
  say,
  size,
  withoutStop,
} from './formats.ts';
import { causeWords, noGoodBackup, noticeWords } from './notice-words.ts';
import { patienceWords, placeFactWords, placeNamed, signInWords } from './place-words.ts';
import { isHeldBack, isSource, newMessagesWords } from './source-words.ts';
import type { Alarm, JobKind, JobProgress, Overdue, Schedule, Status } from './status.ts';

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
      sentence: say(locale, 'Signet is not running'),
      below: say(locale, 'No backups are made until it is started.'),
    };
  }
  const [alarm] = status.alarms;
  if (alarm !== undefined) return alarmWords(alarm, status, now, locale);
  if (status.vault === 'absent') {
    return {
      state: 'not set up',
      sentence: say(locale, 'Your chats are not backed up yet'),
      below: say(
        locale,
        'Signet keeps copies of your chats in a cloud that cannot read them. They are sealed on this computer, with a password that never leaves it.',
      ),
    };
  }
  if (status.job !== null) return { state: 'running', ...runningWords(status.job, status, now, locale) };
  if (status.overdue !== null) return { state: 'overdue', ...overdueWords(status, status.overdue, now, locale) };
  const good = lastGood(status, now, locale);
  if (status.vault === 'locked') {
    const changes = status.waiting?.reason === 'locked' ? status.waiting.changes : 0;
    return {
      state: 'locked',
      sentence:
        changes > 0
          ? plural(
              locale,
              changes,
              'Signet is locked, {count} change waiting',
              'Signet is locked, {count} changes waiting',
            )
          : say(locale, 'Signet is locked'),
      below: sentences(
        say(locale, 'Backups wait for your password.'),
        askedFor(status, locale),
        status.remote?.reachable === false
          ? say(locale, '{place} cannot be reached at the moment.', { place: placeOf(status, locale) })
          : '',
        stopped(good),
      ),
    };
  }
  return needsYou(status, good, now, locale) ?? { state: 'good', ...goodWords(status, good, now, locale) };
}

/** Whole sentences after each other; empty ones are left out. */
function sentences(...each: readonly string[]): string {
  return each.filter(sentence => sentence !== '').join(' ');
}

function stopped(sentence: string): string {
  return `${sentence}.`;
}

/** When the password is asked for. */
function askedFor({ keychain }: Status, locale: Locale): string {
  return keychain === 'session'
    ? say(locale, 'It is asked for once after each login.')
    : say(locale, 'It is asked for each time Signet starts.');
}

/** What keeps Signet unlocked over a restart, or does not: a value for a table, without a stop. */
export function passwordWords({ keychain, keychainBackend: backend }: Status, locale: Locale = {}): string {
  switch (keychain) {
    case 'session':
      return backend === null
        ? say(locale, 'asked for once after each login; kept by the keychain')
        : say(locale, 'asked for once after each login; kept by the keychain ({backend})', { backend });
    case 'memory-only':
      return backend === null
        ? say(locale, 'asked for each time Signet starts; no keychain in use')
        : say(locale, 'asked for each time Signet starts; the keychain cannot be used now');
    case 'unavailable':
      return say(locale, 'asked for each time Signet starts; no keychain');
  }
}

/** After the password was given: when it is asked for again. */
export function askedAgainWords(status: Status, now: number, locale: Locale = {}): string {
  const missing = status.notices.find(({ kind }) => kind === 'no-keychain');
  if (missing !== undefined) return Object.values(noticeWords(missing, now, locale)).join(' ');
  return status.keychain === 'session'
    ? say(locale, 'The password is asked for once after each login.')
    : say(locale, 'The password is asked for each time Signet starts.');
}

function alarmWords(alarm: Alarm, status: Status, now: number, locale: Locale): StateWords {
  const place = status.remote?.label;
  const params = { ...alarm.params, ...(place !== undefined && { place }) };
  const { message, advice } = wordsFor({ code: alarm.code, params }, now, locale);
  return {
    state: 'alarm',
    sentence: withoutStop(message),
    below: sentences(say(locale, 'Noticed {when}.', { when: ago(alarm.since, now, locale) }), advice),
  };
}

/** What is going on, by the kind of job. */
export function jobWords(kind: JobKind, locale: Locale = {}): string {
  switch (kind) {
    case 'backup':
      return say(locale, 'Backing up');
    case 'restore':
      return say(locale, 'Restoring');
    case 'verify':
      return say(locale, 'Verifying');
    case 'setup':
      return say(locale, 'Setting up');
    case 'fresh':
      return say(locale, 'Starting afresh');
    case 'keys':
      return say(locale, 'Changing the keys');
    case 'connect':
      return say(locale, 'Connecting');
    case 'move':
      return say(locale, 'Moving the backup');
    case 'mirror':
      return say(locale, 'Copying to the second place');
    case 'delete':
      return say(locale, 'Deleting the copies');
    case 'drill':
      return say(locale, 'Restoring on trial');
    case 'tidy':
      return say(locale, 'Tidying up');
    case 'repair':
      return say(locale, 'Repairing the index');
  }
}

/** Share done, 0 to 1, or undefined while it cannot be told. */
export function shareOf(job: JobProgress): number | undefined {
  if (job.bytesTotal > 0) return job.bytesDone / job.bytesTotal;
  return job.filesTotal > 0 ? job.filesDone / job.filesTotal : undefined;
}

function runningWords(job: JobProgress, status: Status, now: number, locale: Locale): Omit<StateWords, 'state'> {
  if (job.phase === 'cancelling') {
    return {
      sentence: say(locale, 'Stopping'),
      below: say(locale, 'What is already uploaded is kept and need not be sent again.'),
    };
  }
  const share = shareOf(job);
  const what = jobWords(job.kind, locale);
  const sentence =
    share === undefined ? what : say(locale, '{job} {percent}', { job: what, percent: percent(share, locale) });
  if (job.waitingUntil !== undefined) {
    return { sentence, ...patienceWords(job.waitingUntil, placeOf(status, locale), now, locale) };
  }
  const left =
    job.etaSeconds === undefined || job.etaSeconds < 1
      ? []
      : [say(locale, 'About {time} left', { time: duration(job.etaSeconds * 1000, locale) })];
  const good = job.kind === 'backup' ? [lastGood(status, now, locale, left.length > 0)] : [];
  const item = job.item === undefined ? [] : [job.item];
  const sent = job.bytesUploaded > 0 ? [say(locale, '{size} uploaded', { size: size(job.bytesUploaded, locale) })] : [];
  return { sentence, below: capital([...left, ...good, ...item, ...sent].join(' · ')) };
}

/** The place of the copies, for the beginning of a sentence. */
function placeOf({ remote }: Status, locale: Locale): string {
  return capital(remote === null ? say(locale, 'the place of your backups') : placeNamed(remote.label, locale));
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
  if (cause === 'held-back') {
    return {
      sentence: noCompleteBackup(days, locale),
      below: sentences(stopped(causeWords(params, now, locale)), say(locale, 'Everything else is backed up.')),
    };
  }
  const { lastBackup } = status;
  if (code === 'E_SOURCE_UNREADABLE' && lastBackup !== null && Date.parse(lastBackup.at) >= Date.parse(overdue.since)) {
    return {
      sentence: noCompleteBackup(days, locale),
      below: sentences(
        causeSince === undefined
          ? say(locale, 'Some files could not be read.')
          : say(locale, 'Some files could not be read since {day}.', { day: dayOf(causeSince, now, locale) }),
        say(locale, 'Everything else is backed up.'),
      ),
    };
  }
  return {
    sentence: noGoodBackup(days, locale),
    below: sentences(
      stopped(causeWords(params, now, locale)),
      status.vault === 'locked' && cause !== 'locked' ? say(locale, 'It is locked now.') : '',
      say(locale, 'What is new since is on this computer only.'),
    ),
  };
}

/** As `noGoodBackup`, where backups are made that lack something. */
function noCompleteBackup(days: number | undefined, locale: Locale): string {
  return days === undefined
    ? say(locale, 'No complete backup yet')
    : plural(locale, days, 'No complete backup for {count} day', 'No complete backup for {count} days');
}

/** When backups are made by themselves: `daily at 03:30, and when chats change`. */
export function scheduleWords({ kind, at, onChange }: Schedule, locale: Locale = {}): string {
  switch (kind) {
    case 'never':
      return onChange ? say(locale, 'when chats change') : say(locale, 'never');
    case 'manual':
      return onChange ? say(locale, 'when chats change') : say(locale, 'only when asked');
    case 'daily':
      return onChange
        ? say(locale, 'daily at {time}, and when chats change', { time: at })
        : say(locale, 'daily at {time}', { time: at });
    case 'weekly':
      return onChange
        ? say(locale, 'Sundays at {time}, and when chats change', { time: at })
        : say(locale, 'Sundays at {time}', { time: at });
    case 'monthly':
      return onChange
        ? say(locale, 'the 1st at {time}, and when chats change', { time: at })
        : say(locale, 'the 1st at {time}', { time: at });
  }
}

function needsYou(status: Status, good: string, now: number, locale: Locale): StateWords | undefined {
  const place = placeOf(status, locale);
  const signedOut = (why: string): StateWords => ({
    state: 'needs you',
    sentence: say(locale, '{place} needs you to sign in again', { place }),
    below: sentences(
      why === 'weekly' ? signInWords(why, place, locale).message : say(locale, 'Backups wait until then.'),
      stopped(good),
    ),
  });
  const error = status.lastError;
  if (status.remote?.signIn === 'needed') {
    const told = status.notices.find(({ kind }) => kind === 'signed-out');
    return signedOut(String(told?.params['why'] ?? (error?.code === 'E_SIGN_IN' ? error.params['why'] : '') ?? ''));
  }
  if (error === null || (status.lastGoodAt !== null && Date.parse(error.at) < Date.parse(status.lastGoodAt)))
    return undefined;
  const need = typeof error.params['need'] === 'number' ? size(error.params['need'], locale) : undefined;
  switch (error.code) {
    case 'E_SIGN_IN':
      return signedOut(String(error.params['why'] ?? ''));
    case 'E_REMOTE_FULL':
      return {
        state: 'needs you',
        sentence: say(locale, '{place} is full', { place }),
        below:
          need === undefined
            ? say(locale, 'More room is needed. Free some space there.')
            : say(locale, '{need} is needed. Free some space there.', { need }),
      };
    case 'E_DISK_FULL':
      return {
        state: 'needs you',
        sentence: say(locale, "This computer's disk is full"),
        below:
          need === undefined
            ? say(locale, 'More room is needed for a safe copy of your chats. Backups go on when there is room.')
            : say(locale, '{need} is needed for a safe copy of your chats. Backups go on when there is room.', {
                need,
              }),
      };
    case 'E_REMOTE_DENIED':
    case 'E_SOURCE_UNREADABLE': {
      const params = { place: status.remote?.label ?? '', ...error.params };
      const { message, advice } = wordsFor({ code: error.code, params }, now, locale);
      return { state: 'needs you', sentence: withoutStop(message), below: sentences(advice, stopped(good)) };
    }
    default:
      return undefined;
  }
}

type WaitReason = NonNullable<Status['waiting']>['reason'];

/** What is said of changes that wait, where no time can be told. */
function waitWords(reason: WaitReason, locale: Locale): string {
  switch (reason) {
    case 'quiet':
    case 'interval':
      return say(locale, 'What changed since is backed up when the apps are quiet.');
    case 'network':
      return say(locale, 'What changed since is backed up when the place of your backups answers.');
    case 'battery':
      return say(locale, 'What changed since is backed up when the computer is plugged in.');
    case 'metered':
      return say(locale, 'What changed since is backed up when the connection is not paid by volume.');
    case 'locked':
      return say(locale, 'What changed since is backed up after you unlock Signet.');
    case 'sign-in':
      return say(locale, 'What changed since is backed up after you sign in again.');
    default:
      return say(locale, 'What changed since is backed up when Signet can.');
  }
}

function goodWords(status: Status, good: string, now: number, locale: Locale): Omit<StateWords, 'state'> {
  const last = status.lastBackup;
  if (status.sources.length === 0) {
    return {
      sentence: say(locale, 'Ready to restore'),
      below: say(locale, 'No chats of this computer are chosen for backup.'),
    };
  }
  const failed = status.lastError;
  const offline = failed?.code === 'E_UNREACHABLE' || status.remote?.reachable === false;
  if (isBeforeFirst(status)) {
    const total = status.sources.reduce((sum, source) => sum + (source.sizeBytes ?? 0), 0);
    const apps = listed(
      status.sources.map(source => source.label),
      locale,
    );
    return {
      sentence: say(locale, 'Ready for the first backup'),
      below:
        total > 0
          ? say(locale, '{size} in {apps}. You can keep working meanwhile.', { size: size(total, locale), apps })
          : say(locale, 'It will hold {apps}. You can keep working meanwhile.', { apps }),
    };
  }
  const upTo = upToWords(status.lastGoodAt ?? last?.at ?? '', now, locale);
  if (offline) {
    return {
      sentence: upTo,
      below: say(locale, '{place} cannot be reached. Signet tries again by itself.', {
        place: placeOf(status, locale),
      }),
    };
  }
  if (status.waiting?.reason === 'limit' && status.waiting.until !== undefined) {
    return { sentence: upTo, ...patienceWords(status.waiting.until, placeOf(status, locale), now, locale) };
  }
  const files = last?.filesUnreadable.filter(each => !isSource(each)) ?? [];
  const [unreadable] = files;
  if (last !== null && unreadable !== undefined) {
    return {
      sentence: plural(
        locale,
        files.length + (last.more?.filesUnreadable ?? 0),
        'Backed up, except {count} file',
        'Backed up, except {count} files',
      ),
      below: say(locale, '{file} could not be read: {reason}. It is tried again next time.', {
        file: fileName(unreadable.path),
        reason: reasonWords(unreadable.reason, locale),
      }),
    };
  }
  const troubled = status.sources.find(source => source.problem !== undefined);
  if (troubled !== undefined) {
    const { label: app, problem = '' } = troubled;
    const reason = reasonWords(problem, locale);
    return {
      sentence: exceptWords(app, locale),
      below: isHeldBack(problem)
        ? say(locale, '{app}: {reason}.', { app, reason })
        : say(locale, '{app}: {reason}. It is tried again next time.', { app, reason }),
    };
  }
  const added = status.sources.filter(source => source.capturedAt === undefined).map(({ label }) => label);
  if (added.length > 0 && failed === null) {
    return {
      sentence: exceptWords(listed(added, locale), locale),
      below: sentences(
        added.length === 1 ? say(locale, 'It is in the next backup.') : say(locale, 'They are in the next backup.'),
        stopped(good),
      ),
    };
  }
  if (failed !== null && (status.lastGoodAt === null || Date.parse(failed.at) >= Date.parse(status.lastGoodAt))) {
    const { message, advice } = wordsFor(failed, now, locale);
    return {
      sentence: upTo,
      below: sentences(say(locale, 'The last backup stopped: {reason}', { reason: message }), advice),
    };
  }
  if (status.waiting !== null) {
    const { reason, until } = status.waiting;
    return {
      sentence: upTo,
      below:
        until === undefined || reason === 'quiet'
          ? waitWords(reason, locale)
          : say(locale, 'What changed since is backed up {when}.', { when: ago(until, now, locale) }),
    };
  }
  if (!status.schedule.onChange && (status.schedule.kind === 'manual' || status.schedule.kind === 'never')) {
    return {
      sentence: good,
      below: say(locale, 'Nothing is backed up by itself. What changed since is on this computer only.'),
    };
  }
  const nothingNew =
    last === null ||
    (status.lastGoodAt !== null && Date.parse(status.lastGoodAt) > Date.parse(last.at) + last.durationMs + 1000);
  const below = `${good} · ${nothingNew ? say(locale, 'nothing new since') : newWords(last, locale)}`;
  if (status.remote?.synced !== undefined) {
    const { label, synced } = status.remote;
    return {
      sentence: say(locale, 'Everything is in {place}', { place: placeNamed(label, locale) }),
      below: sentences(
        say(locale, '{app} uploads it from there; Signet cannot see whether it has.', { app: synced }),
        below,
      ),
    };
  }
  return { sentence: say(locale, 'Everything is backed up'), below };
}

function upToWords(at: string, now: number, locale: Locale): string {
  const past = now - Date.parse(at);
  return past >= 0 && past < 60_000
    ? say(locale, 'Everything up to a minute ago is backed up')
    : say(locale, 'Everything up to {when} is backed up', { when: ago(at, now, { ...locale, bare: true }) });
}

function exceptWords(apps: string, locale: Locale): string {
  return say(locale, 'Backed up, except {apps}', { apps });
}

/** What came in with a backup. */
function newWords(last: NonNullable<Status['lastBackup']>, locale: Locale): string {
  const messages = last.messagesNew ? newMessagesWords(last, locale) : '';
  if (messages !== '') return messages;
  const changed = last.filesNew + last.filesChanged;
  return changed === 0
    ? say(locale, 'no new or changed files')
    : counted(changed, 'new or changed file', 'new or changed files', locale);
}

/** `Last good backup 5 minutes ago`: when the newest backup was made, or since then found to need nothing new. */
function lastGood({ lastGoodAt }: Status, now: number, locale: Locale, isInMiddle = false): string {
  if (lastGoodAt === null) return isInMiddle ? say(locale, 'no good backup yet') : say(locale, 'No good backup yet');
  const when = ago(lastGoodAt, now, locale);
  return isInMiddle
    ? say(locale, 'last good backup {when}', { when })
    : say(locale, 'Last good backup {when}', { when });
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
    label: sentences('Signet.', stopped(heading), below),
  };
  const named = (icon: string, name: string) => `$(${icon}) Signet: ${name}`;
  switch (state) {
    case 'alarm':
      return { ...item, text: named('error', alarmName(status?.alarms[0]?.code, locale)), background: 'error' };
    case 'not running':
      return { ...item, text: named('debug-disconnect', say(locale, 'Not Running')) };
    case 'not set up':
      return {
        ...item,
        text: named('shield', say(locale, 'Set Up')),
        tooltip: say(locale, 'Your chats are not backed up yet.'),
      };
    case 'running': {
      const share = status?.job ? shareOf(status.job) : undefined;
      return { ...item, text: `$(sync~spin) Signet${share === undefined ? '' : ` ${percent(share, locale)}`}` };
    }
    case 'overdue': {
      const days = status === null ? undefined : daysOld(status, now);
      const age = days === undefined ? say(locale, 'No Backup Yet') : counted(days, 'Day Old', 'Days Old', locale);
      return { ...item, text: named('warning', age), background: 'warning' };
    }
    case 'locked':
      return { ...item, text: named('lock', say(locale, 'Locked')) };
    case 'needs you': {
      const [icon, name] = needName(
        status?.remote?.signIn === 'needed' ? 'E_SIGN_IN' : status?.lastError?.code,
        locale,
      );
      return { ...item, text: named(icon, name) };
    }
    case 'good':
      // A check mark is for what is backed up.
      return { ...item, text: isBeforeFirst(status) ? '$(shield) Signet' : '$(check) Signet' };
  }
}

function isBeforeFirst(status: Status | null): boolean {
  return status !== null && status.lastGoodAt === null && status.lastBackup === null;
}

function tooltipFacts(status: Status, now: number, locale: Locale): string[] {
  const when = (at: string) => ago(at, now, { ...locale, bare: true });
  const { vault, pausedUntil, nextRun, remote } = status;
  const next =
    pausedUntil !== null
      ? [say(locale, 'Automatic backups pause until {when}', { when: when(pausedUntil) })]
      : nextRun === null || vault === 'locked' // a lock holds it back whatever the time
        ? []
        : [say(locale, 'Next: {when}', { when: when(nextRun) })];
  return [
    ...next,
    ...(remote === null ? [] : [[placeOf(status, locale), ...placeFactWords(remote, locale)].join(' · ')]),
  ];
}

function alarmName(code: ErrorCode | undefined, locale: Locale): string {
  switch (code) {
    case 'E_REPO_MISMATCH':
      return say(locale, 'Not Your Backup');
    case 'E_FOREIGN_SNAPSHOT':
      return say(locale, 'Unknown Backup');
    case 'E_VAULT_CHANGED':
    case 'E_VAULT_ROLLBACK':
      return say(locale, 'Lock Replaced');
    case 'E_FORK':
      return say(locale, 'Two Histories');
    case 'E_ROLLBACK':
    case 'E_WITHHELD':
      return say(locale, 'Backups Missing');
    default:
      return say(locale, 'Damaged');
  }
}

/** With the icon in front of it. */
function needName(code: ErrorCode | undefined, locale: Locale): readonly [icon: string, name: string] {
  switch (code) {
    case 'E_SIGN_IN':
      return ['account', say(locale, 'Sign In')];
    case 'E_REMOTE_FULL':
      return ['cloud', say(locale, 'Cloud Full')];
    case 'E_DISK_FULL':
      return ['database', say(locale, 'Disk Full')];
    case 'E_SOURCE_UNREADABLE':
      return ['warning', say(locale, 'Chats Not Readable')];
    default:
      return ['warning', say(locale, 'No Access')];
  }
}
