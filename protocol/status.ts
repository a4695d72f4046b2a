// What the daemon tells about itself: one whole state, never deltas; views are functions of it. Plain data, shared by the daemon
// that computes it and the two peers that show it. New fields are optional and say what absence means.

import type { ErrorCode, ErrorParams, WireError } from './errors.ts';

export type ScheduleKind = 'never' | 'manual' | 'daily' | 'weekly' | 'monthly';

export interface Schedule {
  readonly kind: ScheduleKind;
  /** "HH:MM" local time; means something for daily, weekly and monthly. */
  readonly at: string;
  /** Back up when chats change. Off with `never` and `manual`. */
  readonly onChange: boolean;
}

export type JobKind =
  | 'backup'
  | 'restore'
  | 'verify'
  | 'setup'
  | 'fresh'
  | 'keys'
  | 'connect'
  | 'move'
  | 'mirror'
  | 'delete'
  | 'drill'
  | 'tidy'
  | 'repair';

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
  /** RFC 3339: the place asked for patience until then; absent while it does not. */
  readonly waitingUntil?: string;
}

/** How many more there are than a list holds, by the name of the list; one that is whole is not named. */
export type More<List extends string> = { readonly [list in List]?: number };

export interface UnreadableFile {
  /** `<source id>/<path>`, escaped where bytes are not UTF-8. */
  readonly path: string;
  readonly reason: string;
}

export interface LastBackup
  extends Pick<
    BackupResult,
    | 'reason'
    | 'filesNew'
    | 'filesChanged'
    | 'filesUnreadable'
    | 'notVerified'
    | 'more'
    | 'bytesRead'
    | 'durationMs'
    | 'messagesNew'
    | 'conversationsChanged'
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
  readonly conversations?: number;
  readonly sizeBytes?: number;
  /** What the user's or the profile's rules left out of the last capture; absent when nothing was. */
  readonly leftOut?: { readonly files: number; readonly bytes: number };
  /** The app seals its data with a key of this computer, so the bytes open nowhere else. */
  readonly opensOnlyHere?: true;
  /** What its owner chose; absent means: everything, without limit. Of patterns only how many there are. */
  readonly leaveOut?: readonly MediaClass[];
  readonly maxFileBytes?: number;
  readonly excludes?: number;
  readonly capturedAt?: string;
  /** True when every database of it was verified at its last capture. */
  readonly verified?: boolean;
  /** Videos by their names in the last capture, kept or left out by choice; absent when none were seen or it is not known. */
  readonly videos?: { readonly files: number; readonly bytes: number };
  /** A `CarryReason` that concerns the user ('missing', 'unreadable', 'empty', 'shrunk'), or a watcher's problem. */
  readonly problem?: string;
}

/** What a source may hold, told by folder, then extension, then first bytes. */
export type MediaClass = 'image' | 'video' | 'audio' | 'document' | 'sticker';

/** Who makes the backup in which a change of what is kept counts. */
export interface NextBackup {
  /** 'by-itself': soon; 'on-request': the schedule makes none; absent when nothing more comes in. */
  readonly nextBackup?: 'by-itself' | 'on-request';
}

/** What the user chose for one source; absent means: everything, without limit. */
export interface SourceChoices {
  /** Kinds of media that are left out. */
  readonly leaveOut?: readonly MediaClass[];
  /** Larger files are left out. */
  readonly maxFileBytes?: number;
  /** gitignore patterns relative to the source's root. */
  readonly exclude?: readonly string[];
}

/** Why there was no good backup for longer than the schedule allows. */
export type OverdueCause =
  | 'sign-in'
  | 'offline'
  | 'locked'
  | 'full'
  | 'disk-full'
  | 'failed'
  | 'not-running'
  | 'paused'
  | 'power'
  | 'held-back';

export interface Overdue {
  /** RFC 3339: when a good backup should have been there. */
  readonly since: string;
  readonly cause: OverdueCause;
  /** RFC 3339: since when the cause has stood, where that is known. */
  readonly causeSince?: string;
  /** With 'failed': the tries since the last good backup, and the code of the last. */
  readonly tries?: number;
  readonly code?: ErrorCode;
  /** With 'held-back': the label of the source that is kept as it was until its owner decides; everything else is backed up. */
  readonly app?: string;
}

export type NoticeKind =
  | 'overdue'
  | 'locked-due'
  | 'failed'
  | 'half-restored'
  | 'shrunk'
  | 'missing-source'
  | 'fewer-messages'
  | 'password-reminder'
  | 'no-keychain'
  | 'mirror-behind'
  | 'signed-out'
  | 'cloud-full'
  | 'drill-failed'
  | 'clock-jumped';

/** Something a person should look at; no alarm. One per incident: `id` stays the same as long as it stands. */
export interface Notice {
  readonly id: string;
  readonly kind: NoticeKind;
  readonly since: string;
  /** Id of the source it concerns. */
  readonly source?: string;
  /** For the words: counts and labels, never names of files or people. */
  readonly params: ErrorParams;
}

/** Something an honest place would not show. It stands until its cause is gone or its owner decided about it with the password. */
export interface Alarm {
  /** 16 hex digits; stays the same as long as the same thing is wrong. */
  readonly id: string;
  readonly code: ErrorCode;
  /** RFC 3339: when it was first noticed. */
  readonly since: string;
  /** Technical, for the log and for details. */
  readonly detail: string;
  /** For the words: counts and labels, as `count` (backups, packs), `device` (its label), `place`, `number` and `found` (of backups), `at` (RFC 3339, of the newest one), `what` ('lock'), `bytes`. */
  readonly params: ErrorParams;
  /** The backups it is about, as far as this computer knows them, newest first; at most 20. */
  readonly backups?: readonly AlarmBackup[];
  /** What its owner may decide about it, the most likely first; empty: nothing but finding the cause helps. */
  readonly decisions: readonly AlarmDecision[];
}

export interface AlarmBackup {
  /** Snapshot id. */
  readonly id: string;
  /** RFC 3339 of when it was made; absent: not known here. */
  readonly at?: string;
  readonly number?: number;
  readonly device?: string;
}

/**
 * 'given-up': what is missing was removed on purpose, or is given up; 'restored-image': a computer was set back; 'adopt': the owner made
 * it with another tool; 'changed-elsewhere': the password was changed on another device; 'put-back': this computer's lock is written again.
 */
export type AlarmDecision = 'given-up' | 'restored-image' | 'adopt' | 'changed-elsewhere' | 'put-back';

export interface Status {
  readonly protocolVersion: number;
  readonly daemonVersion: string;
  readonly vault: 'absent' | 'locked' | 'unlocked';
  /**
   * Where the unlocked state is kept: 'session' in the OS keychain, until logout or reboot; 'memory-only' when there is one that cannot be
   * used now (locked, no bus, no keyring); 'unavailable' when none can even be loaded. With the last two a restart asks for the password.
   */
  readonly keychain: 'session' | 'memory-only' | 'unavailable';
  /** Which binding serves it ('keytar', '@napi-rs/keyring'); null without one. */
  readonly keychainBackend: string | null;
  readonly job: JobProgress | null;
  readonly lastBackup: LastBackup | null;
  /** RFC 3339 of the last moment at which everything was known to be backed up. */
  readonly lastGoodAt: string | null;
  readonly lastError: (WireError & { readonly at: string }) | null;
  /** A backup that is due but held back, and why; null when none is. */
  readonly waiting: {
    readonly reason:
      | 'locked'
      | 'quiet'
      | 'interval'
      | 'retry'
      | 'paused'
      | 'network'
      | 'battery'
      | 'metered'
      | 'limit'
      | 'sign-in';
    /** Changes seen since the last backup. */
    readonly changes: number;
    readonly until?: string;
  } | null;
  /** RFC 3339 of the next backup by the calendar; null when there is none. */
  readonly nextRun: string | null;
  /** With 'never' and 'manual' nothing is ever overdue. */
  readonly overdue: Overdue | null;
  /** RFC 3339 until when automatic backups pause at the user's wish. */
  readonly pausedUntil: string | null;
  readonly schedule: Schedule;
  readonly sources: readonly SourceStatus[];
  readonly remote: {
    readonly kind: string;
    readonly label: string;
    readonly reachable: boolean | null;
    /** The app that uploads the folder from here ("Dropbox"); absent for a plain folder. */
    readonly synced?: string;
    /** How the owner knows the account; absent for places without one. */
    readonly account?: string;
    /** Bytes, as of the last time the place was asked; absent where it does not tell. `limit` is null without one. */
    readonly quota?: { readonly limit: number | null; readonly used: number; readonly inTrash?: number };
    /** 'needed': the grant has ended or was never given, and nothing is sent until its owner signs in again. */
    readonly signIn?: 'needed';
  } | null;
  /** Further places that hold a whole copy. */
  readonly mirrors: readonly MirrorStatus[];
  readonly repository: {
    readonly id: string;
    readonly snapshots: number | null;
    readonly sizeBytes: number | null;
  } | null;
  readonly device: { readonly id: string; readonly label: string } | null;
  readonly phoneEnding: string | null;
  readonly alarms: readonly Alarm[];
  readonly notices: readonly Notice[];
  /** The computers that back up to this place, this one first; absent while none is known (not set up, never unlocked here). */
  readonly devices?: readonly DeviceStatus[];
  /** The newest check of the copies; absent when there was none. */
  readonly lastVerified?: LastVerified;
  /** The newest trial restore that ended; absent when there was none. */
  readonly lastDrill?: LastDrill;
  /** Absent fields are not known here. */
  readonly dates?: StatusDates;
}

export interface DeviceStatus {
  readonly id: string;
  readonly label: string;
  readonly isThis: boolean;
  /** The number of its newest backup, as on the recovery sheet. */
  readonly number: number;
  /** RFC 3339 of its newest backup; absent when not known. */
  readonly at?: string;
}

export interface LastVerified {
  /** RFC 3339. */
  readonly at: string;
  readonly bytesRead: number;
  /** 0: all was as it should be. */
  readonly problems: number;
}

/** A trial restore of a sample. */
export interface LastDrill {
  /** RFC 3339. */
  readonly at: string;
  readonly snapshot: string;
  /** Every file of the sample came back as it was backed up, and every database in it is sound. */
  readonly ok: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly databases: number;
  /** Ids of the sources of which something did not come back whole; absent when all did. */
  readonly failed?: readonly string[];
  /** The first thing that was wrong. */
  readonly code?: ErrorCode;
  /** Older backups are still being tried. */
  readonly isTryingOlder?: true;
  /** RFC 3339 of the newest backup that is known to have come back whole; absent: none. */
  readonly provenAt?: string;
}

/** RFC 3339 each. */
export interface StatusDates {
  readonly passwordSetAt?: string;
  /** When the password was last typed and opened the backup. */
  readonly passwordConfirmedAt?: string;
  /** When the recovery sheet was last shown or written; absent again when the recovery key was renewed. */
  readonly sheetAt?: string;
  /** Since when it is locked, as far as that is known; absent while it is not. */
  readonly lockedAt?: string;
}

export interface MirrorStatus {
  readonly kind: string;
  readonly label: string;
  /** RFC 3339: when it last held everything; null before it did. */
  readonly syncedAt: string | null;
  /** Why the last copy to it was not finished. */
  readonly problem?: ErrorCode;
  readonly signIn?: 'needed';
}

/** Where the copies go, in full: for the owner's screen. */
export interface PlaceStatus {
  /** As in `--remote`. */
  readonly remote: string;
  readonly kind: string;
  readonly label: string;
  /** 'unused': it is connected, and nothing of this computer is kept there yet. */
  readonly role: 'main' | 'mirror' | 'left' | 'unused';
  readonly account?: string;
  readonly clientId?: string;
  /** The place's own id of the folder, as Google Drive has one. */
  readonly folderId?: string;
  readonly quota?: { readonly limit: number | null; readonly used: number; readonly inTrash?: number };
  readonly signIn?: 'needed';
  /** What lay there when it was connected or last looked at; absent: not known, and for a place in use, which holds the backup. */
  readonly holds?: 'empty' | 'repository' | 'other';
  readonly syncedAt?: string | null;
  /** What would make the copies safer: 'versioning-off', 'object-lock-off', 'no-mirror', 'project-in-testing'; more may follow. */
  readonly advice: readonly string[];
}

/** Whole places compared and copied: by `remote move` and `remote mirror`. */
export interface CopyResult {
  readonly type: 'result';
  /** Objects that were copied, and their bytes. */
  readonly objects: number;
  readonly bytes: number;
  /** Objects of the first place that were lost or damaged there and were put back from the mirror. */
  readonly healed: number;
  /** Objects that no place holds whole. */
  readonly problems: readonly { readonly object: string; readonly code: ErrorCode; readonly detail: string }[];
  readonly more?: More<'problems'>;
}

/** The newest backup a place shows, so that its owner can compare with the recovery sheet. */
export interface NewestBackup {
  readonly number: number;
  /** How the device calls itself. */
  readonly device: string;
  /** RFC 3339. */
  readonly at: string;
}

export interface SetupResult {
  /** Of a backup that was joined; absent where no device ever announced one. */
  readonly newest?: NewestBackup;
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
  /** Absent when no source is counted. */
  readonly messagesNew?: number;
  readonly conversationsChanged?: number;
  readonly alarms: readonly Alarm[];
  /** Absent when all lists are whole. */
  readonly more?: More<'filesUnreadable' | 'notVerified' | 'alarms'>;
}

/** One run as the history tells it; newest first, a page at a time. */
export interface HistoryRun {
  /** RFC 3339. */
  readonly at: string;
  readonly outcome: 'good' | 'partial' | 'nothing-new' | 'failed' | 'cancelled';
  readonly snapshot?: string;
  readonly durationMs?: number;
  readonly filesNew?: number;
  readonly filesChanged?: number;
  readonly bytesAdded?: number;
  readonly messagesNew?: number;
  readonly code?: ErrorCode;
}

/** A folder with chats that was found on this computer. */
export interface FoundSource {
  readonly profile: string;
  readonly label: string;
  readonly root: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** True when the look was cut off at its limit: there is more. */
  readonly isMore: boolean;
  /** RFC 3339 of the newest file. */
  readonly newestAt?: string;
  readonly opensOnlyHere?: true;
  /** Already among the sources. */
  readonly isAdded: boolean;
}

/** A folder that an app on this computer uploads to a cloud. */
export interface SyncedFolder {
  /** "Google Drive", "iCloud Drive", "OneDrive", "Dropbox". */
  readonly app: string;
  readonly path: string;
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
  /** Which backup of its device this is, as on the recovery sheet; absent for those no device vouches for. */
  readonly number?: number;
  /** As counted when it was made, where this computer made it or counted it; absent: not counted. */
  readonly messagesNew?: number;
  readonly conversationsChanged?: number;
  /** True when every database in it was verified when it was made; absent: not known. */
  readonly verified?: boolean;
  /** No device vouches for it: 'foreign' (made by another tool or by nobody known) or 'replayed' (it was forgotten and came back). */
  readonly standing?: 'foreign' | 'replayed';
}

/** One source as one snapshot has it. */
export interface SnapshotSource {
  readonly id: string;
  readonly profile: string;
  readonly label: string;
  /** Where it lay on the computer that made the snapshot. */
  readonly root: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** Absent: not counted. */
  readonly messages?: number;
  readonly conversations?: number;
  /** RFC 3339. */
  readonly capturedAt: string;
  /** It was not captured for this snapshot but taken over from an older one. */
  readonly isCarried: boolean;
  readonly verified?: boolean;
  /**
   * The same source is set up on this computer, and its folder is there: 'live' where the app itself keeps its chats there, 'copy' for copies
   * of a phone and exports; absent where it cannot be put back into its place.
   */
  readonly here?: 'live' | 'copy';
}

/** What differs between two snapshots at one path. */
export interface SnapshotDifference {
  /** `<source id>/<path>`, escaped where bytes are not UTF-8. */
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly type: ListEntry['type'];
  readonly sizeBefore?: number;
  readonly sizeAfter?: number;
}

/** Of a file that is put back into its original place. */
export type OriginalChange = 'comes-back' | 'replaced';

/** Paths are `<source id>/<path>`, as in lists of a snapshot. */
export interface OriginalRestoreResult {
  readonly type: 'result';
  readonly snapshot: string;
  readonly source: string;
  /** The folder that files were put back into. */
  readonly root: string;
  /** Files that were not there any more. */
  readonly comesBack: number;
  /** Files that were there in another state; that state is kept. */
  readonly replaced: number;
  /** Files that were as the backup has them, and are left alone. */
  readonly same: number;
  /** Files that the backup does not have; they stay. */
  readonly untouched: number;
  readonly bytes: number;
  /** The changes, replaced files first. */
  readonly changes: readonly { readonly path: string; readonly change: OriginalChange }[];
  readonly databases: readonly RestoredDatabase[];
  readonly skipped: readonly SkippedEntry[];
  readonly more?: More<'changes' | 'databases' | 'skipped'>;
  readonly dryRun: boolean;
  /** Folder beside the source with what was replaced, for `undoRestore`; absent when nothing had to be kept. */
  readonly kept?: string;
}

/** A restore into an original place that can be taken back. */
export interface RestoreUndo {
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly source: string;
  readonly label: string;
  readonly root: string;
  /** Folder with what made way; absent where nothing had to. */
  readonly kept?: string;
  /** Files that the restore brought where there were none; undoing it takes them away. */
  readonly comesBack: number;
  readonly replaced: number;
  /** Files that made way with nothing in their place, as after the undo of files that came back; absent: none. */
  readonly takenAway?: number;
  /** It is itself the undo of a restore: taking it back brings back what the restore had brought. */
  readonly isUndo?: boolean;
  /** It was broken off in the middle; undoing it brings back the state before. */
  readonly isUnfinished: boolean;
}

/** What became of databases that another tool restored apart from their logs. */
export interface FinishResult {
  readonly type: 'result';
  readonly folder: string;
  /** Databases that are whole now, each in one file; paths are below the folder. */
  readonly merged: readonly RestoredDatabase[];
  /** Left as they were: a log that is not theirs, or a database that would not be sound. */
  readonly skipped: readonly SkippedEntry[];
  readonly more?: More<'merged' | 'skipped'>;
}

/** What a day tells of its backups, in the time zone of the daemon. */
export interface HistoryDay {
  /** `2026-11-23`. */
  readonly day: string;
  readonly outcome: 'good' | 'partial' | 'none';
  /** Why it is not good; absent for a good day and where it is not known (the computer was off, or Signet did not run). */
  readonly why?:
    | { readonly kind: 'failed'; readonly code: ErrorCode }
    | { readonly kind: 'unreadable'; readonly files: number }
    | { readonly kind: 'cancelled' };
  /** Snapshots that were made. */
  readonly backups: number;
  readonly bytesAdded: number;
  /** Absent: not counted. */
  readonly messagesNew?: number;
  /** Of the whole backup at the end of the day; absent while it was not measured. */
  readonly sizeBytes?: number;
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
  /**
   * What settings and profiles had kept out of the backup, of the part that was restored; absent when nothing. By reason: 'video' and the
   * other kinds of media, 'too-large', 'excluded', 'profile', 'older-copy'; later versions may know more.
   */
  readonly leftOut?: {
    readonly files: number;
    readonly bytes: number;
    readonly byReason: Readonly<Record<string, { readonly files: number; readonly bytes: number }>>;
  };
  /** Absent when all lists are whole; what was lost is listed before what was left out. */
  readonly more?: More<'databases' | 'skipped'>;
  /** True when nothing was written because a dry run was asked for. */
  readonly dryRun: boolean;
}

export interface VerifyResult {
  readonly type: 'result';
  readonly ok: boolean;
  readonly problems: readonly {
    readonly object: string;
    readonly code: ErrorCode;
    readonly detail: string;
    /** A mirror has it whole, and it was read from there. */
    readonly inMirror?: boolean;
  }[];
  /** Sources, of whichever backup, that need something of what was found lost or damaged; absent: none. */
  readonly affected?: readonly { readonly id: string; readonly label: string }[];
  /** Objects compared by checksums of the place itself, without reading them; absent where it has none. */
  readonly scrubbed?: number;
  /**
   * Pieces of files that another program stored uncompressed, a risk and no damage: the bytes of such a piece are its sender's choice, and
   * nothing but its place tells what it is. Absent when there are none, as in all that Signet wrote.
   */
  readonly uncompressed?: number;
  /** Absent when the list is whole; alarms are listed before damage. */
  readonly more?: More<'problems'>;
  readonly snapshots: number;
  readonly packs: number;
  readonly bytesRead: number;
}

/** A trial restore into a private folder that is gone when it ends. */
export interface DrillResult {
  readonly type: 'result';
  readonly ok: boolean;
  readonly snapshot: string;
  /** RFC 3339 of the snapshot. */
  readonly at: string;
  /** What was drawn of each source. */
  readonly sources: readonly {
    readonly id: string;
    readonly label: string;
    readonly files: number;
    readonly bytes: number;
    /** All of that came back as it was backed up. */
    readonly ok: boolean;
  }[];
  readonly databases: readonly {
    readonly path: string;
    /**
     * By `PRAGMA integrity_check`: 'ok', 'damaged', or 'unknown' where only its app can tell; 'opaque' where it cannot be opened here.
     */
    readonly check: string;
    /** Messages as counted in what came back, and when it was captured; absent where they are not counted. */
    readonly messages?: number;
    readonly messagesThen?: number;
  }[];
  readonly problems: readonly { readonly path: string; readonly code: ErrorCode; readonly detail: string }[];
  /** After one that failed: the newest older backup of which the same came back whole; absent: none of those that were tried. */
  readonly older?: { readonly snapshot: string; readonly at: string };
  readonly more?: More<'databases' | 'problems'>;
}

/** Why a snapshot is kept; see docs/retention.md. */
export type KeepReason =
  | 'all'
  | 'hourly'
  | 'daily'
  | 'weekly'
  | 'monthly'
  | 'newest-complete'
  | 'newest-verified'
  | 'other-device'
  | 'foreign'
  | 'not-announced'
  /** Others were named. */
  | 'not-named';

export interface ForgetEntry extends Pick<SnapshotEntry, 'id' | 'at' | 'device' | 'number'> {
  /** Empty for one that goes. */
  readonly reasons: readonly KeepReason[];
}

export interface ForgetResult {
  readonly type: 'result';
  /** Newest first. */
  readonly keep: readonly ForgetEntry[];
  readonly forget: readonly ForgetEntry[];
  readonly more?: More<'keep' | 'forget'>;
  readonly dryRun: boolean;
}

/** What tidying up does, or would do, with the objects that nothing needs any more. */
export interface PruneResult {
  readonly type: 'result';
  /** Packs that stay as they are. */
  readonly packsKept: number;
  readonly bytesKept: number;
  /** Taken out of the index now; deleted once no index has named them for 48 hours. */
  readonly packsDropped: number;
  readonly bytesDropped: number;
  /** Of those the ones whose blobs in use were collected into new packs. */
  readonly packsRepacked: number;
  readonly bytesRepacked: number;
  /** Taken out of the index at least 48 hours ago, and deleted now. */
  readonly packsDeleted: number;
  readonly bytesDeleted: number;
  /** Waiting for their 48 hours, those of now included; when the first may be deleted (RFC 3339). */
  readonly packsWaiting: number;
  readonly bytesWaiting: number;
  readonly deletableAt?: string;
  readonly dryRun: boolean;
}

/** An index written anew from what packs say of themselves. */
export interface RepairResult {
  readonly type: 'result';
  /** Packs whose own header was read because no readable index named them. */
  readonly packsRead: number;
  /** Packs that are named again. */
  readonly packsAdded: number;
  /** Names of packs that are not there any more, taken out of the index. */
  readonly packsRemoved: number;
  /** Index files that cannot be read; they stay where they are. */
  readonly junk: number;
  readonly problems: VerifyResult['problems'];
  readonly more?: More<'problems'>;
  readonly dryRun: boolean;
}

export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly advice?: string;
}
