// How things are, and the small switches: status, unlock, lock, schedule.

import { reasonWords } from '../../protocol/error-words.ts';
import { exitCode, PeerError } from '../../protocol/errors.ts';
import { ago, counted, moment, size } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { mirrorWords } from '../../protocol/move-words.ts';
import { noticeWords } from '../../protocol/notice-words.ts';
import { placeFactWords } from '../../protocol/place-words.ts';
import { Secrets } from '../../protocol/secrets.ts';
import { sourceWords } from '../../protocol/source-words.ts';
import type {
  DeviceStatus,
  LastDrill,
  LastVerified,
  Notice,
  NoticeKind,
  Overdue,
  OverdueCause,
  Schedule,
  ScheduleKind,
  SourceStatus,
  Status,
} from '../../protocol/status.ts';
import { askedAgainWords, passwordWords, scheduleWords, sentenceFor } from '../../protocol/words.ts';
import { givenSecrets, type SecretOptions, secretsForUnlock } from './secrets.ts';
import { type CommonOptions, Exit, usage, withDaemon } from './session.ts';
import { folded, harmless, print, printJson, table, tell } from './terminal.ts';

export interface StatusOptions extends CommonOptions {
  readonly check?: boolean;
  readonly maxAge?: string;
}

export async function status(options: StatusOptions): Promise<void> {
  if (options.maxAge !== undefined && !options.check) throw usage('--max-age needs --check');
  const maxAgeMs = options.maxAge === undefined ? undefined : ageOf(options.maxAge);
  const found = await withDaemon(({ connection }) =>
    connection.sendRequest(messages.status, options.check ? { check: true } : {}),
  );
  const now = Date.now();
  if (options.json) printJson(found);
  else print(statusWords(found, now));
  const code = statusExit(found, options.check === true, maxAgeMs, now);
  if (code !== 0) throw new Exit(code);
}

/** 17 if an alarm stands, also while locked; else 10; with `--check` else 13 when locked and 1 when overdue or older than `--max-age`. */
export function statusExit(found: Status, check: boolean, maxAgeMs: number | undefined, now: number): number {
  if (found.alarms.length > 0) return exitCode('E_ROLLBACK');
  if (found.vault === 'absent') return exitCode('E_NOT_SET_UP');
  if (!check) return 0;
  if (found.vault === 'locked') return exitCode('E_VAULT_LOCKED');
  if (found.overdue !== null) return 1;
  if (maxAgeMs === undefined) return 0;
  return found.lastGoodAt === null || now - Date.parse(found.lastGoodAt) > maxAgeMs ? 1 : 0;
}

function ageOf(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw usage('--max-age takes a number with s, m, h or d, such as 26h');
  return ms;
}

/** Milliseconds of `90s`, `30m`, `26h`, `7d`; undefined for anything else. */
function durationOf(text: string): number | undefined {
  const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
  const [, digits, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return digits === undefined || unit === undefined ? undefined : Number(digits) * units[unit as keyof typeof units];
}

export function statusWords(found: Status, now: number): string {
  const { state, sentence, below } = sentenceFor(found, now);
  const facts: string[][] = [];
  if (found.vault !== 'absent') {
    if (found.remote !== null) {
      facts.push(['Place', harmless([found.remote.label, ...placeFactWords(found.remote)].join(', '))]);
    }
    for (const [index, mirror] of found.mirrors.entries()) {
      facts.push([index === 0 ? 'Second copy' : '', harmless(mirrorWords(mirror, now))]);
    }
    if (found.repository?.snapshots != null) {
      const stored = found.repository.sizeBytes === null ? '' : `, ${size(found.repository.sizeBytes)}`;
      facts.push(['Backups', found.repository.snapshots === 0 ? 'none yet' : `${found.repository.snapshots}${stored}`]);
    }
    if (found.lastVerified !== undefined) facts.push(['Checked', verifiedWords(found.lastVerified, now)]);
    if (found.lastDrill !== undefined) facts.push(['Restorable', drilledWords(found.lastDrill, now)]);
    const devices = found.devices ?? [];
    for (const [index, device] of (devices.length > 1 ? devices : []).entries()) {
      facts.push([index === 0 ? 'Computers' : '', harmless(deviceWords(device, now))]);
    }
    for (const [index, source] of found.sources.entries()) {
      const isAdded = source.capturedAt === undefined && found.lastBackup !== null;
      const words = isAdded ? 'not backed up yet' : sourceWords(source);
      const held = words === '' ? '' : `, ${words}`;
      const problem = source.problem === undefined ? '' : `, ${harmless(reasonWords(source.problem))}`;
      facts.push([index === 0 ? 'Chats' : '', `${harmless(source.label)}${held}${problem}`]);
    }
    if (found.sources.length > 0) facts.push(['Automatic', scheduleWords(found.schedule)]);
    if (found.pausedUntil !== null) facts.push(['Paused', `until ${ago(found.pausedUntil, now, { bare: true })}`]);
    if (found.nextRun !== null) facts.push(['Next', ago(found.nextRun, now, { bare: true })]);
    if (state !== 'locked')
      facts.push(['Lock', found.vault === 'locked' ? 'locked' : 'end-to-end encrypted, unlocked']);
    facts.push(['Password', passwordWords(found)]);
  }
  const others =
    found.alarms.length > 1 ? [`${counted(found.alarms.length - 1, 'more alarm stands', 'more alarms stand')}.`] : [];
  const isFirst =
    state === 'good' && found.sources.length > 0 && found.lastGoodAt === null && found.lastBackup === null;
  const overdue = state === 'overdue' && found.overdue !== null ? [overdueAdvice(found, found.overdue)] : undefined;
  const signsIn = state === 'needs you' && (found.remote?.signIn === 'needed' || found.lastError?.code === 'E_SIGN_IN');
  const next =
    overdue ??
    (signsIn ? [signInCommand] : undefined) ??
    {
      'not set up': ['Run `signet setup`.'],
      locked: ['Run `signet unlock`.'],
      alarm: ['`signet alarms show` tells more, and what you can do.'],
    }[state as string] ??
    (isFirst ? ['Run `signet backup`.'] : []);
  // What is overdue or failed stands in the heading, a missing keychain in the table.
  const inHeading: readonly NoticeKind[] = ['overdue', 'failed', 'no-keychain'];
  const alsoInHeading: readonly NoticeKind[] = state === 'needs you' ? ['signed-out', 'cloud-full'] : [];
  const noticed = found.notices
    .filter(({ kind }) => !inHeading.includes(kind) && !alsoInHeading.includes(kind))
    .map(notice => harmless(noticeInCommands(notice, found.sources, now)));
  // A notice about the source that the heading names says more than the line below it.
  const isToldBelow = found.notices.some(
    ({ source, kind }) =>
      kind !== 'fewer-messages' &&
      found.sources.some(({ id, label }) => id === source && sentence === `Backed up, except ${label}`),
  );
  const heading = [`${harmless(sentence)}.`, isToldBelow ? '' : harmless(below), ...noticed, ...others, ...next].filter(
    line => line !== '',
  );
  return [folded(heading.join('\n'), process.stdout), ...(facts.length === 0 ? [] : ['', table(facts)])].join('\n');
}

function verifiedWords({ at, problems }: LastVerified, now: number): string {
  const found = problems === 0 ? 'all was as it should be' : counted(problems, 'problem', 'problems');
  return `${ago(at, now, { bare: true })}, ${found}`;
}

function drilledWords({ at, ok, provenAt }: LastDrill, now: number): string {
  const tried = `tried ${ago(at, now)}`;
  if (ok) return `proven, ${tried}`;
  const proven = provenAt === undefined ? '' : `; the backup made ${ago(provenAt, now)} is`;
  return `not all of the newest backup, ${tried}${proven}`;
}

function deviceWords({ label, isThis, number, at }: DeviceStatus, now: number): string {
  const made = at === undefined ? '' : `, ${ago(at, now, { bare: true })}`;
  return `${label}${isThis ? ' (this one)' : ''}: newest backup is number ${number}${made}`;
}

const signInCommand = 'Run `signet remote connect`.';

/** What ends the delay, by its cause. */
function overdueAdvice({ vault }: Status, { cause }: Overdue): string {
  if (vault === 'locked') return 'Run `signet unlock`.';
  const commands: { readonly [cause in OverdueCause]?: string } = {
    'sign-in': signInCommand,
    paused: 'Run `signet pause --resume`, or `signet backup` for one now.',
    'not-running': 'Run `signet backup`; `signet daemon install` has Signet started at each login.',
    full: 'Free some space there, then run `signet backup`.',
    'disk-full': 'Free some space, then run `signet backup`.',
    power: 'Run `signet backup` for one now.',
  };
  return commands[cause] ?? 'Run `signet backup` to try now; `signet doctor` looks for what is in the way.';
}

/** The shared words, with the commands that do what they advise. */
function noticeInCommands(notice: Notice, sources: readonly SourceStatus[], now: number): string {
  const { message, advice } = noticeWords(notice, now);
  const label = sources.find(({ id }) => id === notice.source)?.label ?? '';
  const name = /^[\w-]+$/.test(label) ? label : (notice.source ?? '');
  const commands: { readonly [kind in NoticeKind]?: string } = {
    shrunk: `If you removed that yourself, say so with \`signet sources accept ${name}\`, and backups go on with what is there.`,
    'missing-source': `Connect its disk or move it back. If it is gone for good: \`signet sources remove ${name}\`.`,
    'signed-out': `${advice} ${signInCommand}`,
    'password-reminder': '`signet unlock` asks for it and says whether it is right. Nobody can reset it.',
  };
  return `${message} ${commands[notice.kind] ?? advice}`;
}

export async function unlock(options: CommonOptions & SecretOptions): Promise<void> {
  const given = await givenSecrets(options);
  const { before, found } = await withDaemon(async ({ connection, secrets: channel }) => {
    const before = await connection.sendRequest(messages.status, {});
    // Not set up, nothing is asked: the daemon says so.
    const secrets =
      before.vault === 'absent' ? undefined : await secretsForUnlock(options, given, before.phoneEnding !== null);
    try {
      await connection.sendRequest(messages.unlock, {
        secrets: channel.seal(messages.unlock.method, secrets ?? new Secrets()),
      });
    } finally {
      secrets?.wipe();
    }
    return { before, found: await connection.sendRequest(messages.status, {}) };
  });
  const byKey = given.recoveryKey !== undefined || options.recoveryKey === true;
  if (options.json) printJson({ vault: 'unlocked', keychain: found.keychain });
  else if (before.vault === 'unlocked') tell(`The ${byKey ? 'recovery key' : 'password'} is right.`);
  else tell(`Unlocked. ${askedAgainWords(found, Date.now())}`);
}

export async function lock(options: CommonOptions): Promise<void> {
  await withDaemon(async ({ connection }) => {
    const { vault } = await connection.sendRequest(messages.status, {});
    if (vault === 'absent') throw new PeerError('E_NOT_SET_UP', 'there is nothing to lock');
    await connection.sendRequest(messages.lock);
  });
  if (options.json) printJson({ vault: 'locked' });
  else print('Locked. Backups wait for your password.');
}

export interface ScheduleOptions extends CommonOptions {
  readonly at?: string;
  readonly onChange?: 'on' | 'off';
}

/** What was said of a schedule; the rest is for the daemon to decide. */
export function scheduleOf(
  kind: ScheduleKind | undefined,
  { at, onChange }: Pick<ScheduleOptions, 'at' | 'onChange'>,
): Partial<Schedule> {
  if (at !== undefined && !/^(?:[01]\d|2[0-3]):[0-5]\d$/.test(at)) {
    throw usage('--at takes a time of the day from 00:00 to 23:59, such as 03:30');
  }
  if (at !== undefined && (kind === 'never' || kind === 'manual')) {
    throw usage('--at needs a schedule with a time: daily, weekly or monthly');
  }
  return {
    ...(kind !== undefined && { kind }),
    ...(at !== undefined && { at }),
    ...(onChange !== undefined && { onChange: onChange === 'on' }),
  };
}

export async function schedule(kind: ScheduleKind, options: ScheduleOptions): Promise<void> {
  const params = scheduleOf(kind, options);
  const result = await withDaemon(({ connection }) => connection.sendRequest(messages.setSchedule, params));
  if (options.json) printJson(result);
  else print(`Automatic backup: ${scheduleWords(result)}.`);
}

export interface PauseOptions extends CommonOptions {
  readonly resume?: boolean;
}

/** Automatic backups alone; `signet backup` works meanwhile. */
export async function pause(given: string | undefined, options: PauseOptions): Promise<void> {
  if ((given === undefined) === (options.resume !== true)) throw usage('say for how long, such as 2h, or --resume');
  const ms = given === undefined || given === '0' ? 0 : durationOf(given);
  if (ms === undefined) throw usage('a pause takes a number with s, m, h or d, such as 2h; 0 ends it');
  if (ms > 30 * 86_400_000)
    throw usage('a pause lasts 30 days at most: `signet schedule never` ends automatic backups');
  const result = await withDaemon(({ connection }) => connection.sendRequest(messages.pause, { ms }));
  if (options.json) return printJson(result);
  if (result.pausedUntil === null) return print('Automatic backups go on.');
  tell(`Automatic backups pause until ${moment(result.pausedUntil)}. \`signet backup\` works meanwhile.`);
}
