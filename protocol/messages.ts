// The whole language between the daemon and its two peers, on one page. Each message is a typed constant with its params and
// result beside it; both ends infer from the constant. Secrets never stand in params: they ride in `secrets`, sealed under the
// connection's session key (see secrets.ts), and a returned key comes back the same way.

import { NotificationType, ProgressType, RequestType, RequestType0 } from 'vscode-jsonrpc/node';
import type { WireError } from './errors.ts';
import type {
  BackupResult,
  DoctorCheck,
  JobProgress,
  ListEntry,
  RestoreResult,
  Schedule,
  SetupResult,
  SnapshotEntry,
  Status,
  VerifyResult,
} from './status.ts';

/** From the client to the daemon, first on every connection, as in the language server protocol. Unknown fields are ignored. */
export interface InitializeParams {
  readonly initializationOptions?: {
    readonly protocolVersion?: number;
    readonly version?: string;
    readonly [more: string]: unknown;
  };
  readonly [more: string]: unknown;
}
export interface InitializeResult {
  readonly capabilities: Record<string, never>;
  readonly serverInfo: { readonly name: string; readonly version: string };
  /** With another protocol number only `status`, `daemonInfo` and `stopDaemon` are served; the rest answers E_DAEMON_INCOMPATIBLE. */
  readonly signet: { readonly protocolVersion: number; readonly daemonVersion: string };
}
export const initialize = new RequestType<InitializeParams, InitializeResult, WireError>('initialize');

/** AES-256-GCM under the session key of this connection; base64url. */
export interface SealedSecrets {
  readonly iv: string;
  readonly box: string;
}

/** Lets the client receive `progress` notifications for a long request. */
export interface WithProgress {
  readonly progressToken?: string;
}

/** From the client to the daemon, to open a new or join an existing backup. Secrets: password, phone | recoveryKey (+ password, phone). */
export interface SetupParams extends WithProgress {
  /** Without a root: the profile's own folder on this computer; without a profile: recognised from the folder. */
  readonly sources: readonly { readonly root?: string | undefined; readonly profile?: string | undefined }[];
  /** `folder:<absolute path>` and, later, other kinds. */
  readonly remote: string;
  readonly schedule?: Partial<Schedule>;
  /** Refuse to join: only create. */
  readonly createOnly?: boolean;
  /** Join only to look and restore: no new password, no sources. */
  readonly readOnly?: boolean;
  readonly secrets: SealedSecrets;
}
/** `sealedKey` holds the recovery key, sealed for this connection under the method's name. */
export type SetupAnswer = Omit<SetupResult, 'recoveryKey'> & { readonly sealedKey?: SealedSecrets };
export const setup = new RequestType<SetupParams, SetupAnswer, WireError>('signet/setup');

/** From the client to the daemon, for the whole state; `check` looks at the remote first. */
export const status = new RequestType<{ readonly check?: boolean }, Status, WireError>('signet/status');
/** From the daemon to every client, whenever the state changed (coalesced). */
export const statusChanged = new NotificationType<Status>('signet/statusChanged');

/** From the client to the daemon: back up now; joins a backup that is running. */
export const backup = new RequestType<WithProgress, BackupResult, WireError>('signet/backup');
/** From the client to the daemon: stop the running job; answers whether there was one. */
export const cancel = new RequestType0<{ readonly cancelled: boolean }, WireError>('signet/cancel');

export const snapshots = new RequestType<{ readonly limit?: number }, readonly SnapshotEntry[], WireError>(
  'signet/snapshots',
);
/** From the client to the daemon: the entries of a folder of a snapshot, a page at a time (at most 500). */
export const list = new RequestType<
  { readonly snapshot: string; readonly path: string; readonly offset?: number },
  { readonly entries: readonly ListEntry[]; readonly total: number },
  WireError
>('signet/list');
/** From the client to the daemon: at most 128 KiB of a file in a snapshot. */
export const read = new RequestType<
  { readonly snapshot: string; readonly path: string; readonly offset: number; readonly length: number },
  { readonly base64: string; readonly sizeBytes: number },
  WireError
>('signet/read');

export interface RestoreParams extends WithProgress {
  /** Snapshot id, a unique prefix of at least 4 digits, or `latest`. */
  readonly snapshot: string;
  /** Absolute path; absent or an empty folder. */
  readonly target: string;
  /** Globs over `<source id>/<path>`; none means everything. */
  readonly include?: readonly string[];
  readonly dryRun?: boolean;
}
export const restore = new RequestType<RestoreParams, RestoreResult, WireError>('signet/restore');

/** From the client to the daemon: check the structure, and with `readDataPercent` that share of the packs' bytes. */
export const verify = new RequestType<WithProgress & { readonly readDataPercent?: number }, VerifyResult, WireError>(
  'signet/verify',
);

/** From the client to the daemon: secrets hold password (and phone on a machine that does not remember it) or recoveryKey. */
export const unlock = new RequestType<{ readonly secrets: SealedSecrets }, Record<string, never>, WireError>(
  'signet/unlock',
);
export const lock = new RequestType0<Record<string, never>, WireError>('signet/lock');

export const setSchedule = new RequestType<Partial<Schedule>, Schedule, WireError>('signet/schedule/set');

/** From the client to the daemon: how strong a password would be, for set-up screens. Secrets: password. */
export const judgePassword = new RequestType<
  { readonly secrets: SealedSecrets },
  { readonly verdict: 'refused' | 'weak' | 'good' | 'strong' },
  WireError
>('signet/password/judge');

export const daemonInfo = new RequestType0<
  { readonly pid: number; readonly version: string; readonly protocolVersion: number; readonly uptimeSeconds: number },
  WireError
>('signet/daemon/info');
/** From the client to the daemon: finish or break off the running job cleanly and end. */
export const stopDaemon = new RequestType0<Record<string, never>, WireError>('signet/daemon/stop');
export const doctor = new RequestType0<readonly DoctorCheck[], WireError>('signet/doctor');

/** Values of `$/progress` for a request that named a token. */
export const progress = new ProgressType<JobProgress>();
