// What this machine remembers between runs. All of it can be rebuilt from the remote and the recovery key, except the witness.

import type { WireError } from '../../protocol/errors.ts';
import type { LastBackup, Schedule, SourceChoices } from '../../protocol/status.ts';

export type { Home } from '../../protocol/home.ts';

export interface SourceSetting extends SourceChoices {
  /** `<profile>-<8 base32>`, random, never reused. */
  readonly id: string;
  readonly profile: string;
  readonly label: string;
  /** Absolute path. */
  readonly root: string;
}

/** The settings file: JSON, schema-checked, unknown keys kept. Holds no secret. */
export interface Settings {
  readonly v: 1;
  /** How this machine calls itself in snapshots. */
  readonly deviceLabel: string;
  readonly remote: string | null;
  /** Further places that hold a whole copy. */
  readonly mirrors: readonly string[];
  /** Bytes a second to and from a cloud at most; 0: as fast as it goes (default). */
  readonly maxUploadBytesPerSecond: number;
  readonly maxDownloadBytesPerSecond: number;
  /** Size of the objects that data is collected in, 4 to 128 MiB; 0: 32 MiB on Google Drive, else 16 (default). */
  readonly packTargetBytes: number;
  readonly sources: readonly SourceSetting[];
  readonly schedule: Schedule;
  /** Milliseconds; defaults 30 s, 10 min, 15 min (DESIGN §9). */
  readonly quietMs: number;
  readonly longestWaitMs: number;
  readonly smallestIntervalMs: number;
  /** How often everything is scanned although no change was seen; 0 switches the safety net off (tests). Default 1 h. */
  readonly rescanMs: number;
  readonly watch: 'chokidar' | 'off';
  /** Up to so much is added at random to when an automatic backup begins, so that many computers do not come at once. Default 30 s. */
  readonly jitterMs: number;
  /** Locks after so long without a backup, a look or a request of a person; 0: never (default). */
  readonly lockAfterIdleMs: number;
  /** Locks so long after the password was given; 0: never (default). */
  readonly lockAfterMs: number;
  /** Keeps Signet unlocked until logout by the system's keychain (default true); without it each start asks for the password. */
  readonly useKeychain: boolean;
  /** Whether automatic backups wait while on battery (default false) or on a metered connection (default true). */
  readonly waitOnBattery: boolean;
  readonly waitOnMetered: boolean;
  /** The app that uploads the place of the copies from here; null for a plain folder. */
  readonly syncedBy: string | null;
  /** Asks now and then whether the password is still known (default true). */
  readonly passwordReminder: boolean;
  /** Shows notices on the desktop (default true). */
  readonly desktopNotices: boolean;
  /** Forgets by itself what the numbers below let go, once a week after a good backup (default false: only when asked). */
  readonly tidyUp: boolean;
  /** Of this computer's snapshots all of so many hours are kept (default 24), then one an hour for so many days (7), one a day (30), … */
  readonly keepAllHours: number;
  readonly keepHourlyDays: number;
  readonly keepDailyDays: number;
  /** … one a week (52), and one a month for so many months; 0: for ever (default). */
  readonly keepWeeklyWeeks: number;
  readonly keepMonthlyMonths: number;
  /** A sample is restored on trial so many days after the last time; 0: only when asked. Default 7. */
  readonly drillDays: number;
  /** Programs with their arguments, run around each backup; only in the file, never by a client. Default none. */
  readonly beforeBackup: readonly string[];
  readonly afterBackup: readonly string[];
  /** Asked with GET after each good backup, and with `/fail` behind it after a failed one; only in the file. Default null. */
  readonly healthCheckUrl: string | null;
}

/** trust.json: what this machine saw last, so that a cloud cannot show it older things unnoticed. Authenticated under the state key. */
export interface Witness {
  readonly v: 1;
  readonly since: string;
  readonly repositoryId: string;
  readonly keyFileId: string;
  readonly masterKeyFingerprint: string;
  readonly vaultSha256: string | null;
  readonly vaultGeneration: number;
  readonly device: string;
  readonly ownHead: { readonly seq: number; readonly sha256: string } | null;
  /** Highest seq seen per other device. */
  readonly seen: Readonly<Record<string, number>>;
}

export interface HistoryEntry {
  readonly at: string;
  readonly outcome: 'good' | 'partial' | 'nothing-new' | 'failed' | 'cancelled';
  readonly backup?: LastBackup;
  readonly error?: WireError;
  /** Of the whole backup in the place, where the run saw it. */
  readonly sizeBytes?: number;
  /** With 'partial': files, and sources that are kept as they were. */
  readonly unreadable?: number;
}

/** A sealed pack on its way, as a row of state.db. The shape of the repository's `JournaledPack`; this floor may not name it. */
export interface PackRow<Id extends string> {
  readonly id: Id;
  readonly sizeBytes: number;
  readonly header: Uint8Array;
  readonly uploaded: boolean;
  /** When it was uploaded, or before that when it was sealed, milliseconds since 1970; absent where that is not known. */
  readonly since?: number | undefined;
}

/** Fits the repository's `PackJournal` when `Id` is its `PackId`. Each call is on disk when it returns. */
export interface PackRows<Id extends string> {
  add(pack: PackRow<Id>): void;
  markUploaded(id: Id, at: number): void;
  remove(ids: readonly Id[]): void;
  /** In the order in which they were added. */
  rows(): readonly PackRow<Id>[];
}

/**
 * What is known of one object in a cloud that names objects by ids of its own. The shape of the Drive adapter's `KnownObject`; this floor
 * may not name it.
 */
export interface ObjectRow {
  readonly key: string;
  readonly id: string;
  /** 'planned': the id was drawn and written down, nothing was sent yet; 'sent': it may be there; 'there': the place confirmed it. */
  readonly state: 'planned' | 'sent' | 'there';
  /** Null for a folder. */
  readonly sizeBytes: number | null;
  readonly sha256: string | null;
  /** Sealed address of an upload that can be resumed, which is itself a capability; null without one. */
  readonly session: Uint8Array | null;
}

/** The table of one place. Each call is on disk when it returns. */
export interface ObjectRows {
  get(key: string): ObjectRow | undefined;
  put(rows: readonly ObjectRow[]): void;
  remove(keys: readonly string[]): void;
  /** Those whose key begins so, in no order. */
  below(prefix: string): readonly ObjectRow[];
  /** Small values of the place: the position in its feed of changes, ids drawn and not used yet. */
  note(name: string): string | undefined;
  setNote(name: string, value: string | undefined): void;
}

/** What one machine is called in heads and tags. */
export interface DeviceIdentity {
  /** 16 hex digits. */
  readonly id: string;
  /** True when it was made just now: there was no state, or the state came from another machine. */
  readonly isNew: boolean;
}
