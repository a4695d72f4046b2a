// The whole language between the daemon and its two peers, on one page. Each message is a typed constant with its params and
// result beside it; both ends infer from the constant. Secrets never stand in params: they ride in `secrets`, sealed under the
// connection's session key (see secrets.ts), and a returned key comes back the same way.

import { NotificationType, ProgressType, RequestType, RequestType0 } from 'vscode-jsonrpc/node';
import type { WireError } from './errors.ts';
import type {
  Alarm,
  AlarmDecision,
  BackupResult,
  CopyResult,
  DoctorCheck,
  DrillResult,
  FinishResult,
  ForgetResult,
  FoundSource,
  HistoryDay,
  HistoryRun,
  JobProgress,
  ListEntry,
  NextBackup,
  OriginalRestoreResult,
  PlaceStatus,
  PruneResult,
  RepairResult,
  RestoreResult,
  RestoreUndo,
  Schedule,
  SetupResult,
  SnapshotDifference,
  SnapshotEntry,
  SnapshotSource,
  SourceChoices,
  SourceStatus,
  Status,
  SyncedFolder,
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
  /** With another protocol number only `status`, `daemonInfo`, `handOver` and `stopDaemon` are served; the rest answers E_DAEMON_INCOMPATIBLE. */
  readonly signet: { readonly protocolVersion: number; readonly daemonVersion: string };
}
/** First on every connection. */
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
  readonly sources: readonly ({
    readonly root?: string | undefined;
    readonly profile?: string | undefined;
  } & SourceChoices)[];
  /** `folder:<absolute path>`, `drive:<folder name>` or `s3:<endpoint>/<bucket>[/<prefix>]`; the last two once they are connected. */
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
/** From the client to the daemon: open a new backup or join the one that is there. */
export const setup = new RequestType<SetupParams, SetupAnswer, WireError>('signet/setup');

/** From the client to the daemon, for the whole state; `check` looks at the remote first. */
export const status = new RequestType<{ readonly check?: boolean }, Status, WireError>('signet/status');
/** From the daemon to every client, whenever the state changed (coalesced). */
export const statusChanged = new NotificationType<Status>('signet/statusChanged');

/** From the client to the daemon: back up now; joins a backup that is running. */
export const backup = new RequestType<WithProgress, BackupResult, WireError>('signet/backup');
/** From the client to the daemon: stop the running job; answers whether there was one. */
export const cancel = new RequestType0<{ readonly cancelled: boolean }, WireError>('signet/cancel');

/** From the client to the daemon: the backups that are kept, newest first, a page at a time (at most 500). */
export const snapshots = new RequestType<
  { readonly offset?: number; readonly limit?: number },
  { readonly entries: readonly SnapshotEntry[]; readonly total: number },
  WireError
>('signet/snapshots');
/** From the client to the daemon: what one snapshot holds of each source; no sources are told of one that another tool made. */
export const showSnapshot = new RequestType<
  { readonly snapshot: string },
  { readonly snapshot: SnapshotEntry; readonly sources: readonly SnapshotSource[] },
  WireError
>('signet/snapshots/show');
/**
 * From the client to the daemon: the files in which two snapshots differ, at `path` and below it (default: everywhere), a page at a time (at
 * most 500). Times and permissions do not count. A folder that is in one alone is listed only when it is empty.
 */
export const compareSnapshots = new RequestType<
  { readonly before: string; readonly after: string; readonly path?: string; readonly offset?: number },
  {
    readonly entries: readonly SnapshotDifference[];
    readonly total: number;
    /** More may differ than is listed on all pages (at most 50,000): a folder as `path` tells of it. */
    readonly isMore?: true;
  },
  WireError
>('signet/snapshots/compare');
/**
 * From the client to the daemon: the entries of a folder of a snapshot, a page at a time (at most 500); of a file, the file. With `self` the
 * entry at the path alone, also of a folder.
 */
export const list = new RequestType<
  { readonly snapshot: string; readonly path: string; readonly offset?: number; readonly self?: boolean },
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
/** From the client to the daemon: bring files back into a new folder; nothing that is there is touched. */
export const restore = new RequestType<RestoreParams, RestoreResult, WireError>('signet/restore');

/**
 * From the client to the daemon: put files of one source back into the folder that is backed up here. What is replaced is kept beside it;
 * nothing is deleted. Refused with E_APP_OPEN while a program has files in it open.
 */
export const restoreOriginal = new RequestType<
  WithProgress & {
    readonly snapshot: string;
    readonly source: string;
    /** Globs over the path within the source; none means everything. */
    readonly include?: readonly string[];
    readonly dryRun?: boolean;
  },
  OriginalRestoreResult,
  WireError
>('signet/restore/original');
/** From the client to the daemon: restores into original places that can be taken back, newest first; those undone are among them. */
export const listUndos = new RequestType0<readonly RestoreUndo[], WireError>('signet/restore/undos');
/**
 * From the client to the daemon: bring back the state before such a restore; without an id the newest. Answers how that is undone in turn: what
 * makes way now is kept as well. Serves while locked; refused with E_APP_OPEN as the restore is.
 */
export const undoRestore = new RequestType<WithProgress & { readonly id?: string }, RestoreUndo, WireError>(
  'signet/restore/undo',
);

/**
 * From the client to the daemon: merge databases that another tool restored with their logs apart (`x` and `x-wal`), in a folder that is not
 * backed up. Serves without being set up.
 */
export const finishRestore = new RequestType<WithProgress & { readonly folder: string }, FinishResult, WireError>(
  'signet/restore/finish',
);

/** From the client to the daemon: check the structure, and with `readDataPercent` that share of the packs' bytes. */
export const verify = new RequestType<WithProgress & { readonly readDataPercent?: number }, VerifyResult, WireError>(
  'signet/verify',
);

/** From the client to the daemon: the alarms that stand, after a new look at the place where it can be looked at. Serves while locked. */
export const showAlarms = new RequestType0<{ readonly alarms: readonly Alarm[] }, WireError>('signet/alarms');
/**
 * From the client to the daemon: the owner's word about an alarm; answers those that still stand. `decision` must be one of the alarm's
 * own. Secrets: password (and phone where it is not remembered), always, also while unlocked; with 'changed-elsewhere' the new password.
 */
export const acknowledgeAlarm = new RequestType<
  WithProgress & { readonly id: string; readonly decision: AlarmDecision; readonly secrets: SealedSecrets },
  { readonly alarms: readonly Alarm[] },
  WireError
>('signet/alarms/acknowledge');

/** From the client to the daemon: restore a sample of the newest backup (of one source, or of all) into a private folder, and look whether it is whole. */
export const drill = new RequestType<WithProgress & { readonly source?: string }, DrillResult, WireError>(
  'signet/drill',
);

/**
 * From the client to the daemon: take snapshots of this computer out of the backup, by the plan of the settings or those that are named. `device`: of that
 * device instead, which asks for the password (secrets). Nothing is deleted of what other snapshots use, and nothing at all before `prune`. E_ALARM while an alarm stands.
 */
export const forget = new RequestType<
  WithProgress & {
    readonly snapshots?: readonly string[];
    readonly device?: string;
    readonly dryRun?: boolean;
    /** The clock jumped since the last backup, and its owner says that it is right now. */
    readonly clockIsRight?: boolean;
    readonly secrets?: SealedSecrets;
  },
  ForgetResult,
  WireError
>('signet/forget');
/** From the client to the daemon: free the room of what no snapshot needs, in two steps 48 hours apart. E_ALARM while an alarm stands. */
export const prune = new RequestType<WithProgress & { readonly dryRun?: boolean }, PruneResult, WireError>(
  'signet/prune',
);
/** From the client to the daemon: write the index anew where index files are lost, unreadable or name packs that are gone. Deletes no pack. */
export const repairIndex = new RequestType<WithProgress & { readonly dryRun?: boolean }, RepairResult, WireError>(
  'signet/index/repair',
);

/** From the client to the daemon: secrets hold password (and phone on a machine that does not remember it) or recoveryKey. */
export const unlock = new RequestType<{ readonly secrets: SealedSecrets }, Record<string, never>, WireError>(
  'signet/unlock',
);
/** From the client to the daemon: forget the keys at once; what runs is broken off cleanly. */
export const lock = new RequestType0<Record<string, never>, WireError>('signet/lock');

/** From the client to the daemon: another schedule; a field left out stays. */
export const setSchedule = new RequestType<Partial<Schedule>, Schedule, WireError>('signet/schedule/set');

/** From the client to the daemon: no automatic backups for that long (at most 30 days); 0 goes on at once. */
export const pause = new RequestType<{ readonly ms: number }, { readonly pausedUntil: string | null }, WireError>(
  'signet/pause',
);

/** From the client to the daemon: the runs before `before` (RFC 3339; the newest without it), newest first, at most 200. */
export const history = new RequestType<
  { readonly before?: string; readonly limit?: number },
  { readonly runs: readonly HistoryRun[]; readonly isMore: boolean },
  WireError
>('signet/history');

/** From the client to the daemon: the last `days` days (at most 400), the oldest first, from the day of the first run on. */
export const historyDays = new RequestType<
  { readonly days: number },
  { readonly days: readonly HistoryDay[] },
  WireError
>('signet/history/days');

/** From the client to the daemon: folders with chats that this computer has; looks at names and sizes only. */
export const discoverSources = new RequestType0<readonly FoundSource[], WireError>('signet/sources/discover');
/** From the client to the daemon: folders here that other apps upload to a cloud, as places for the copies. */
export const syncedFolders = new RequestType0<readonly SyncedFolder[], WireError>('signet/places/synced');
/** From the client to the daemon: what lies in a place, before set-up asks for more. E_USAGE when one of `roots` lies in it or it in one of them. */
export const inspectPlace = new RequestType<
  { readonly remote: string; readonly roots?: readonly string[] },
  { readonly holds: 'empty' | 'repository' | 'other' },
  WireError
>('signet/places/inspect');
/** From the client to the daemon: one more source; without a root the profile's own folder, without a profile recognised. */
export const addSource = new RequestType<
  { readonly root?: string; readonly profile?: string; readonly label?: string } & SourceChoices,
  SourceStatus & NextBackup,
  WireError
>('signet/sources/add');
/** From the client to the daemon: leave the source out from now on; what is backed up of it stays. */
export const removeSource = new RequestType<{ readonly id: string }, Record<string, never>, WireError>(
  'signet/sources/remove',
);
/** From the client to the daemon: other choices for a source; a field left out stays, null takes a limit away. */
export const changeSource = new RequestType<
  {
    readonly id: string;
    readonly label?: string;
    readonly leaveOut?: SourceChoices['leaveOut'];
    readonly maxFileBytes?: number | null;
    readonly exclude?: SourceChoices['exclude'];
  },
  SourceStatus & NextBackup,
  WireError
>('signet/sources/change');
/** From the client to the daemon: that the source shrank was the user's own doing; the next backup takes it as it is. */
export const acceptSource = new RequestType<{ readonly id: string }, NextBackup, WireError>('signet/sources/accept');

/** From the client to the daemon: what can be chosen, by key. */
export const getSettings = new RequestType0<Readonly<Record<string, unknown>>, WireError>('signet/settings/get');
/** From the client to the daemon: new values by key; keys that start programs or name hosts are refused (E_USAGE). */
export const setSettings = new RequestType<
  { readonly values: Readonly<Record<string, unknown>> },
  Readonly<Record<string, unknown>>,
  WireError
>('signet/settings/set');

/**
 * From the client to the daemon: a new password. Secrets: password (the present one), newPassword, phone where it is not remembered; or
 * recoveryKey in place of a forgotten password, and then newPhone for another number.
 */
export const changePassword = new RequestType<{ readonly secrets: SealedSecrets }, Record<string, never>, WireError>(
  'signet/password/change',
);
/** From the client to the daemon: a new phone number. Secrets: password, newPhone, phone where it is not remembered. */
export const changePhone = new RequestType<{ readonly secrets: SealedSecrets }, Record<string, never>, WireError>(
  'signet/phone/change',
);
/** `sealedKey` holds the recovery key, sealed for this connection under the method's name. */
export interface KeyAnswer {
  readonly sealedKey: SealedSecrets;
}
/** From the client to the daemon. Secrets: password, phone where it is not remembered. */
export const showRecoveryKey = new RequestType<{ readonly secrets: SealedSecrets }, KeyAnswer, WireError>(
  'signet/recoveryKey/show',
);
/** From the client to the daemon: a new recovery key; the old one opens the backup no longer. Secrets as for showing it. */
export const renewRecoveryKey = new RequestType<{ readonly secrets: SealedSecrets }, KeyAnswer, WireError>(
  'signet/recoveryKey/renew',
);
/** From the client to the daemon: write the recovery sheet (HTML, 0600) to a new file. Secrets as for showing the key. */
export const writeRecoverySheet = new RequestType<
  { readonly to: string; readonly secrets: SealedSecrets },
  Record<string, never>,
  WireError
>('signet/recoverySheet/write');
/**
 * From the client to the daemon: the recovery sheet (HTML) for the owner's screen, sealed for this connection under the method's name as
 * `sheet`. Secrets as for showing the key.
 */
export const showRecoverySheet = new RequestType<
  { readonly secrets: SealedSecrets },
  { readonly sealedSheet: SealedSecrets },
  WireError
>('signet/recoverySheet/show');
/**
 * From the client to the daemon: a new backup under new keys beside the old one (DESIGN D17), with a first backup into it. Secrets:
 * password (the present one), newPassword, phone or newPhone.
 */
export const startAfresh = new RequestType<
  WithProgress & { readonly secrets: SealedSecrets },
  { readonly repositoryId: string; readonly remote: string; readonly left: string } & KeyAnswer,
  WireError
>('signet/fresh');
/** From the client to the daemon: delete the backup that `startAfresh` or `moveRemote` left. `name` is its folder's name, typed. Secrets: password. */
export const deleteOldBackup = new RequestType<
  { readonly name: string; readonly secrets: SealedSecrets },
  { readonly objects: number; readonly bytes: number },
  WireError
>('signet/fresh/deleteOld');
/**
 * From the client to the daemon: sign in to the place, or give its keys, so that it can be used. For a cloud that asks in a browser the
 * daemon first sends `signInAsked`, and answers when the owner has agreed. Secrets: clientSecret (Drive), s3Secret (S3; without keys the
 * system's own chain is used). A computer that is set up must be unlocked for it.
 */
export const connectRemote = new RequestType<
  WithProgress & {
    readonly remote: string;
    readonly clientId?: string;
    /** 'device': a code typed on any other device, where no browser of this computer reaches the daemon. Default 'browser'. */
    readonly flow?: 'browser' | 'device';
    readonly accessKeyId?: string;
    readonly region?: string;
    readonly pathStyle?: boolean;
    readonly secrets: SealedSecrets;
  },
  PlaceStatus & { readonly holds: 'empty' | 'repository' | 'other' },
  WireError
>('signet/remote/connect');
/** From the daemon to the client that connects: where its owner agrees. Opening the page is the client's part. */
export const signInAsked = new NotificationType<{
  readonly remote: string;
  /** The page to open: with the redirect to this computer for 'browser', to type the code at for 'device'. */
  readonly url: string;
  readonly userCode?: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}>('signet/remote/signInAsked');
/**
 * From the client to the daemon: end the grant and forget it here; the copies stay. Without a name: the place in use. `isRevoked` is false
 * where the place could not be told, or cannot be: its owner ends the grant there.
 */
export const disconnectRemote = new RequestType<
  { readonly remote?: string },
  { readonly isRevoked: boolean },
  WireError
>('signet/remote/disconnect');
/** From the client to the daemon: the places in use and what they tell about themselves. */
export const showRemote = new RequestType0<{ readonly places: readonly PlaceStatus[] }, WireError>(
  'signet/remote/show',
);
/**
 * From the client to the daemon: from now on the copies go there. Everything is copied as it is, and compared; the old place stays until
 * `deleteOldBackup`. `lost`: the old place is gone, and what the new one (a mirror) holds is what there is; what this computer knows to be
 * missing there is among the problems. Secrets, with `lost` while locked: password (and phone on a computer that does not remember it) or recoveryKey.
 */
export const moveRemote = new RequestType<
  WithProgress & { readonly to: string; readonly lost?: boolean; readonly secrets?: SealedSecrets },
  CopyResult & { readonly left: string | null },
  WireError
>('signet/remote/move');
/** From the client to the daemon: keep a whole copy there too, from now on; the first copy is made at once. */
export const addMirror = new RequestType<WithProgress & { readonly remote: string }, CopyResult, WireError>(
  'signet/remote/mirror/add',
);
/** From the client to the daemon: keep no copy there any longer; what is there stays. */
export const removeMirror = new RequestType<{ readonly remote: string }, Record<string, never>, WireError>(
  'signet/remote/mirror/remove',
);
/** From the client to the daemon: bring every mirror up to date, and put back what the first place lost or damaged. Nothing is deleted. */
export const syncMirrors = new RequestType<WithProgress, CopyResult, WireError>('signet/remote/mirror/sync');

/**
 * From the client to the daemon: stop backing up for good and delete the copies in the place in use. `name` is its folder's name, typed.
 * This computer is not set up afterwards. Refused while there are mirrors, copies that were left, or other devices in it. Secrets: password.
 */
export const deleteBackup = new RequestType<
  WithProgress & { readonly name: string; readonly secrets: SealedSecrets },
  { readonly objects: number; readonly bytes: number },
  WireError
>('signet/remote/deleteCopies');

/** From the client to the daemon: six words for a password, sealed for this connection under the method's name as `newPassword`. */
export const suggestPassword = new RequestType0<{ readonly sealedPassword: SealedSecrets }, WireError>(
  'signet/password/suggest',
);

/** From the client to the daemon: how strong a password would be, for set-up screens. Secrets: password. */
export const judgePassword = new RequestType<
  { readonly secrets: SealedSecrets },
  { readonly verdict: 'refused' | 'weak' | 'good' | 'strong' },
  WireError
>('signet/password/judge');

/** From the client to the daemon: who it is. */
export const daemonInfo = new RequestType0<
  { readonly pid: number; readonly version: string; readonly protocolVersion: number; readonly uptimeSeconds: number },
  WireError
>('signet/daemon/info');
/** From the client to the daemon: finish or break off the running job cleanly and end. */
export const stopDaemon = new RequestType0<Record<string, never>, WireError>('signet/daemon/stop');
/**
 * From a newer client to an older daemon: end now, so that the client's own daemon takes over. Refused with E_DAEMON_INCOMPATIBLE unless
 * the versions told in `initialize` are newer than the daemon's, and with E_BUSY while a job runs or another client waits for an answer.
 */
export const handOver = new RequestType0<Record<string, never>, WireError>('signet/daemon/handOver');
/** From the client to the daemon: start by itself at each login from now on. */
export const installService = new RequestType0<{ readonly manager: string; readonly file: string }, WireError>(
  'signet/daemon/install',
);
/** From the client to the daemon: start by itself no longer. */
export const uninstallService = new RequestType0<{ readonly removed: boolean }, WireError>('signet/daemon/uninstall');
/** From the client to the daemon: whether everything works that Signet builds on, and what to do where it does not. */
export const doctor = new RequestType0<readonly DoctorCheck[], WireError>('signet/doctor');

/** From the client to the daemon: what helps to find a fault, as text without names, numbers, paths or secrets (at most 256 KiB). */
export const diagnostics = new RequestType0<{ readonly text: string }, WireError>('signet/diagnostics');

/** Values of `$/progress` for a request that named a token. */
export const progress = new ProgressType<JobProgress>();
