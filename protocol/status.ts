// What the daemon tells about itself: one whole state, never deltas; views are functions of it. Plain data, shared by the daemon
// that computes it and the two peers that show it. New fields are optional and say what absence means.

import type { ErrorCode, WireError } from './errors.ts';

export type ScheduleKind = 'never' | 'manual' | 'daily' | 'weekly' | 'monthly';

export interface Schedule {
  readonly kind: ScheduleKind;
  /** "HH:MM" local time; means something for daily, weekly and monthly. */
  readonly at: string;
  /** Back up when chats change. Off with `never` and `manual`. */
  readonly onChange: boolean;
}

export type JobKind = 'backup' | 'restore' | 'verify' | 'setup';

export type JobPhase =
  | 'waiting'
  | 'preparing'
  | 'scanning'
  | 'capturing'
  | 'storing'
  | 'finishing'
  | 'restoring'
  | 'checking'
  | 'cancelling';

export interface JobProgress {
  readonly kind: JobKind;
  readonly phase: JobPhase;
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesUploaded: number;
  /** Absent while it cannot be told. */
  readonly etaSeconds?: number;
  /** What is being worked on, in words of the person ("WhatsApp", a file's name); for the owner's screen only. */
  readonly item?: string;
  readonly cancellable: boolean;
}

export interface UnreadableFile {
  /** `<source id>/<path>`, escaped where bytes are not UTF-8. */
  readonly path: string;
  readonly reason: string;
}

export interface LastBackup
  extends Pick<
    BackupResult,
    'reason' | 'filesNew' | 'filesChanged' | 'filesUnreadable' | 'notVerified' | 'bytesRead' | 'durationMs'
  > {
  readonly snapshot: string;
  /** RFC 3339. */
  readonly at: string;
  readonly bytesAdded: number;
}

export type BackupReason = 'user' | 'change' | 'schedule' | 'setup';

export interface SourceStatus {
  readonly id: string;
  readonly profile: string;
  readonly label: string;
  readonly root: string;
  /** Messages counted, or undefined: "not counted". */
  readonly messages?: number;
  readonly sizeBytes?: number;
  readonly capturedAt?: string;
  /** True when every database of it was verified at its last capture. */
  readonly verified?: boolean;
  readonly problem?: string;
}

export interface Alarm {
  readonly code: ErrorCode;
  readonly since: string;
  readonly detail: string;
}

export interface Status {
  readonly protocolVersion: number;
  readonly daemonVersion: string;
  readonly vault: 'absent' | 'locked' | 'unlocked';
  /** Until the Service work uses the OS keychain this is always 'memory-only'. */
  readonly keychain: 'session' | 'memory-only' | 'unavailable';
  readonly job: JobProgress | null;
  readonly lastBackup: LastBackup | null;
  /** RFC 3339 of the last moment at which everything was known to be backed up. */
  readonly lastGoodAt: string | null;
  readonly lastError: (WireError & { readonly at: string }) | null;
  /** A backup that is due but held back: 'locked', 'quiet' (changes still settling), 'interval', 'retry'. */
  readonly waiting: {
    readonly reason: 'locked' | 'quiet' | 'interval' | 'retry';
    readonly changes: number;
    readonly until?: string;
  } | null;
  readonly nextRun: string | null;
  readonly schedule: Schedule;
  readonly sources: readonly SourceStatus[];
  readonly remote: { readonly kind: string; readonly label: string; readonly reachable: boolean | null } | null;
  readonly repository: {
    readonly id: string;
    readonly snapshots: number | null;
    readonly sizeBytes: number | null;
  } | null;
  readonly device: { readonly id: string; readonly label: string } | null;
  readonly phoneEnding: string | null;
  readonly alarms: readonly Alarm[];
}

export interface SetupResult {
  readonly repositoryId: string;
  /** 64 hex digits; shown once. Absent when an existing backup was joined by password. */
  readonly recoveryKey?: string;
  readonly joined: boolean;
  readonly snapshots: number;
}

export interface BackupResult {
  readonly type: 'result';
  /** Absent when nothing had changed: then nothing was written. */
  readonly snapshot?: string;
  /** What started it. */
  readonly reason: BackupReason;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnreadable: readonly UnreadableFile[];
  /** `<source id>/<path>` of databases whose image is not verified. */
  readonly notVerified: readonly string[];
  readonly bytesRead: number;
  readonly bytesUploaded: number;
  readonly requests: number;
  readonly durationMs: number;
  readonly alarms: readonly Alarm[];
}

export interface SnapshotEntry {
  readonly id: string;
  readonly at: string;
  readonly device: string;
  /** Source ids. */
  readonly sources: readonly string[];
  readonly files: number;
  readonly sizeBytes: number;
  readonly bytesAdded: number;
  /** False for a snapshot that no device's head names (made by another tool, or not announced yet). */
  readonly announced: boolean;
}

export interface ListEntry {
  /** Escaped where bytes are not UTF-8. */
  readonly name: string;
  readonly type: 'file' | 'dir' | 'symlink';
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  readonly permissions: number;
}

export interface SkippedEntry {
  readonly path: string;
  readonly reason: string;
  /** Present when data was lost rather than left out on purpose. */
  readonly code?: ErrorCode;
}

export interface RestoredDatabase {
  readonly path: string;
  /** 'ok', or what SQLite said; 'opaque' when it cannot be opened here. */
  readonly check: string;
}

export interface RestoreResult {
  readonly type: 'result';
  readonly snapshot: string;
  readonly target: string;
  readonly files: number;
  readonly bytes: number;
  readonly databases: readonly RestoredDatabase[];
  readonly skipped: readonly SkippedEntry[];
  /** True when nothing was written because a dry run was asked for. */
  readonly dryRun: boolean;
}

export interface VerifyResult {
  readonly type: 'result';
  readonly ok: boolean;
  readonly problems: readonly { readonly object: string; readonly code: ErrorCode; readonly detail: string }[];
  readonly snapshots: number;
  readonly packs: number;
  readonly bytesRead: number;
}

export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly advice?: string;
}
