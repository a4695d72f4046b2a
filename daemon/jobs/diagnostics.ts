// What helps to find a fault and may be shown to strangers: versions, checks, the state and the end of the log. Everything in it is picked by
// name; what is not picked is left out. So no name, path, address, number of a person or id of a backup is in it, whatever is added to the
// state later. Pure.

import type { DoctorCheck, SourceStatus, Status } from '../../protocol/status.ts';
import { profileOf } from '../sources/sources.ts';

/** Of all of it, in characters. */
const longest = 256 * 1024;

export interface DiagnosticsFacts {
  readonly at: string;
  readonly version: string;
  readonly protocolVersion: number;
  /** Names and versions of system and runtime. */
  readonly runtime: Readonly<Record<string, string>>;
  readonly uptimeSeconds: number;
  readonly checks: readonly DoctorCheck[];
  readonly status: Status;
  /** Lines of JSON that hold nothing but what a log may say; newest last. */
  readonly log: readonly string[];
}

export function diagnosticsText({ checks, status, log, ...about }: DiagnosticsFacts): string {
  const parts = [
    'Signet diagnostics. Names, numbers, paths and what chats say are left out.',
    JSON.stringify(about, null, 2),
    'Checks',
    ...checks.map(checkLine),
    'State',
    JSON.stringify(stateWithoutNames(status), null, 2),
    'Log',
  ];
  const head = `${parts.join('\n')}\n`;
  const lines: string[] = [];
  let room = longest - head.length;
  for (const line of log.toReversed()) {
    room -= line.length + 1;
    if (room < 0) break;
    lines.unshift(line);
  }
  return `${head}${lines.join('\n')}\n`.slice(0, longest);
}

/** Those whose details are about this system and program, not about what is backed up where. */
const spoken = [
  'keychain',
  'disk',
  'lock',
  'start at login',
  'clock',
  'watching',
  'Node',
  'zstd',
  'SQLite',
  'WebAssembly',
  'debugger port',
  'password hashing',
];
const named = [...spoken, 'settings', 'connection', 'place of the copies', 'health check'];
const namedInPart = ['chats', 'connection of', 'program before', 'program after'];

function checkLine({ name, ok, detail }: DoctorCheck): string {
  const known = named.includes(name)
    ? name
    : (namedInPart.find(each => name.startsWith(`${each} `)) ?? 'another check');
  const isPlain = spoken.includes(name) && !/[/\\@~]/.test(detail);
  return `${ok ? 'ok ' : 'BAD'} ${known}${isPlain ? `: ${detail}` : ''}`;
}

function stateWithoutNames(status: Status): object {
  const { job, lastBackup, lastError, overdue, remote, repository } = status;
  return {
    vault: status.vault,
    keychain: status.keychain,
    keychainBackend: status.keychainBackend,
    job: job && { kind: job.kind, phase: job.phase, filesDone: job.filesDone, bytesDone: job.bytesDone },
    lastBackup: lastBackup && {
      at: lastBackup.at,
      reason: lastBackup.reason,
      durationMs: lastBackup.durationMs,
      filesNew: lastBackup.filesNew,
      filesChanged: lastBackup.filesChanged,
      filesUnreadable: lastBackup.filesUnreadable.length,
      notVerified: lastBackup.notVerified.length,
      bytesRead: lastBackup.bytesRead,
      bytesAdded: lastBackup.bytesAdded,
    },
    lastGoodAt: status.lastGoodAt,
    lastError: lastError && { code: lastError.code, at: lastError.at },
    waiting: status.waiting,
    nextRun: status.nextRun,
    overdue: overdue && { since: overdue.since, cause: overdue.cause, code: overdue.code, tries: overdue.tries },
    pausedUntil: status.pausedUntil,
    schedule: status.schedule,
    sources: status.sources.map(sourceWithoutNames),
    remote: remote && {
      kind: remote.kind,
      reachable: remote.reachable,
      isSynced: remote.synced !== undefined,
      signIn: remote.signIn,
      quota: remote.quota,
    },
    mirrors: status.mirrors.map(({ kind, syncedAt, problem, signIn }) => ({ kind, syncedAt, problem, signIn })),
    repository: repository && { snapshots: repository.snapshots, sizeBytes: repository.sizeBytes },
    devices: status.devices?.length,
    isPhoneKnown: status.phoneEnding !== null,
    alarms: status.alarms.map(({ code, since }) => ({ code, since })),
    notices: status.notices.map(({ kind, since }) => ({ kind, since })),
    lastVerified: status.lastVerified,
    dates: status.dates,
  };
}

function sourceWithoutNames(source: SourceStatus): object {
  const { profile, sizeBytes, messages, leftOut, leaveOut, maxFileBytes, excludes, capturedAt, verified, problem } =
    source;
  return {
    // One that this version does not know may be called as its owner likes.
    profile: profileOf(profile).id,
    sizeBytes,
    isCounted: messages !== undefined,
    leftOut,
    leaveOut,
    maxFileBytes,
    excludes,
    capturedAt,
    verified,
    problem,
  };
}
