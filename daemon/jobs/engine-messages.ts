// The language between the daemon's main thread and its engine, the worker thread that holds an opened repository. Both ends are ours and
// of one version; vscode-jsonrpc carries requests, cancellation and progress over the thread's message port, bytes travel as they are.

import { ProgressType, RequestType } from 'vscode-jsonrpc/node';
import type { WireError } from '../../protocol/errors.ts';
import type {
  BackupReason,
  BackupResult,
  FinishResult,
  ForgetResult,
  ListEntry,
  PruneResult,
  RepairResult,
  RestoredDatabase,
  RestoreResult,
  SkippedEntry,
  SnapshotDifference,
  SnapshotEntry,
  SnapshotSource,
  SourceStatus,
  VerifyResult,
} from '../../protocol/status.ts';
import type { MissingFolder, PlaceEntry } from '../archive/into-place.ts';
import type { ArchiveSource, CaptureMemory, FileProgress, ManifestSource, SourceNews } from '../archive/model.ts';
import { copySecret } from '../base/bytes.ts';
import { maxConnectionBytes } from '../remotes/connection.ts';
import type { PlaceFacts } from '../remotes/remote.ts';
import type { SnapshotId } from '../repository/model.ts';
import type { SourceSetting, Witness } from '../state/model.ts';
import type { CopyOccasion, CopyOutcome, HealOutcome } from './copying.ts';
import type { KnownDevice } from './devices.ts';
import type { DrillLook } from './drill.ts';
import type { LookOutcome, SeenSnapshot } from './look.ts';
import type { RetentionRules } from './retention.ts';

/** What an opened repository tells about itself. */
export interface OpenedRepository {
  readonly repositoryId: string;
  readonly keyFileId: string;
  readonly masterKeyFingerprint: string;
  /** 32 bytes under `signet/state/v1`, for the sealed files of this machine; the main thread wipes it when it locks. */
  readonly stateKey: Uint8Array;
}

/** What the settings say of traffic with clouds; 0 for the usual. */
export interface PlaceLimits {
  readonly packTargetBytes: number;
  readonly maxUploadBytesPerSecond: number;
  readonly maxDownloadBytesPerSecond: number;
}

/** What every order brings along that names a place. */
export interface PlaceOrder {
  readonly remote: string;
  /** What opens clouds that nothing is sealed of yet (`connectionsBytes`); the engine wipes its copy. */
  readonly connections?: Uint8Array;
  readonly limits?: PlaceLimits;
}

export interface OpenOrder extends PlaceOrder {
  /** 32 bytes; the engine wipes its copy. */
  readonly recoveryKey: Uint8Array;
  /** The key file this machine knows, tried first. */
  readonly keyFileId?: string;
}

export interface BackupOrder {
  readonly reason: BackupReason;
  readonly device: { readonly id: string; readonly label: string };
  readonly sources: readonly (SourceSetting & Pick<ArchiveSource, 'captureNow' | 'lossAccepted'>)[];
  readonly memory: CaptureMemory | null;
  readonly witness: Witness;
  /** When all packs were last looked through and found there (RFC 3339); absent for never. */
  readonly packsListedAt?: string;
  /** Snapshots that this computer saw announced. */
  readonly remembered: readonly Pick<SeenSnapshot, 'id' | 'device'>[];
  /** SHA-256 of heads that are missed. */
  readonly missedHeads?: readonly string[];
}

/** One step of a job, without what only the main thread knows. */
export interface EngineProgress
  extends FileProgress<
    'preparing' | 'scanning' | 'capturing' | 'storing' | 'finishing' | 'restoring' | 'checking' | 'deleting'
  > {
  readonly bytesUploaded: number;
  /** RFC 3339: the place asked for patience until then. */
  readonly waitingUntil?: string;
}

/** What a backup tells its caller, and what the main thread keeps of it. */
export interface BackupOutcome extends Omit<BackupResult, 'type' | 'alarms'>, LookOutcome {
  /** RFC 3339, of the snapshot. */
  readonly at: string;
  readonly bytesAdded: number;
  readonly sources: readonly (Pick<ManifestSource, 'id' | 'capturedAt' | 'complete' | 'carriedFrom'> & {
    readonly verified: boolean;
  } & Pick<SourceStatus, 'sizeBytes' | 'messages' | 'conversations' | 'leftOut'> &
    Pick<SourceNews, 'messagesFewer' | 'loss' | 'videos'>)[];
  readonly memory: CaptureMemory;
  readonly witness: Witness;
  readonly snapshots: number;
  readonly repositoryBytes: number;
  readonly packsListedAt?: string;
  /** Of packs there are findings only where they were looked through. */
  readonly packsLooked: boolean;
  readonly devices: readonly KnownDevice[];
}

export interface ForgetOrder {
  readonly device: { readonly id: string; readonly label: string };
  /** Whose snapshots: this computer's, or at its owner's word another's. */
  readonly of: string;
  /** Those that are named; absent: by their age. */
  readonly snapshots?: readonly string[];
  readonly rules: RetentionRules;
  /** IANA name. */
  readonly timeZone: string;
  readonly witness: Witness;
  /** Snapshots that this computer knew of. */
  readonly remembered: readonly string[];
  /** An app uploads the place: what is missing of other devices may still arrive, and nothing is forgotten meanwhile. */
  readonly isSynced: boolean;
  /** Milliseconds since 1970: the owner said that heads up to then lie ahead because the clock was wrong when they were written. */
  readonly trustedUpTo: number;
  readonly dryRun: boolean;
}

/** By what the snapshots of a device are forgotten by themselves. */
export interface KeptBy {
  readonly device: string;
  readonly rules: RetentionRules;
  /** IANA name. */
  readonly timeZone: string;
}

export interface PruneOrder extends Pick<ForgetOrder, 'witness' | 'isSynced' | 'dryRun'> {
  /** By pack: since when this computer has seen that no index names it, milliseconds since 1970. */
  readonly notes: Readonly<Record<string, number>>;
  /** False while the clock is in doubt: then nobody can tell 48 hours. */
  readonly mayDelete: boolean;
}

export interface PruneOutcome extends Omit<PruneResult, 'type' | 'dryRun'> {
  /** To be kept for the next time. */
  readonly notes: Readonly<Record<string, number>>;
  /** Of the whole place, as the index has it now. */
  readonly sizeBytes: number;
}

/** What went, or would go, and what this machine is to remember. */
export interface ForgetOutcome extends Omit<ForgetResult, 'type' | 'dryRun'>, LookOutcome {
  readonly witness: Witness;
  /** How many there are now. */
  readonly snapshots: number;
  readonly devices: readonly KnownDevice[];
  /** RFC 3339: of this computer's newest backup. */
  readonly newestAt?: string;
}

export interface ForgetAnnounced extends LookOutcome {
  readonly witness: Witness;
}

export interface CompareOrder {
  readonly before: string;
  readonly after: string;
  readonly path: string;
  readonly offset: number;
}

export interface RestoreOrder {
  readonly snapshot: string;
  readonly target: string;
  readonly include: readonly string[];
  readonly dryRun: boolean;
  /** 12 hex digits: the end of the staging folder's name. */
  readonly mark: string;
}

export interface StageOrder extends RestoreOrder {
  readonly source: string;
  /** The folder of the source, without links. */
  readonly root: string;
}

/** What a restore into the original place would do, and what was staged for it. Paths are below the source, as `displayPath` writes them. */
export interface Staged {
  readonly snapshot: string;
  readonly entries: readonly PlaceEntry[];
  readonly folders: readonly MissingFolder[];
  readonly same: number;
  readonly untouched: number;
  readonly bytes: number;
  readonly databases: readonly RestoredDatabase[];
  readonly skipped: readonly SkippedEntry[];
}

export interface RemoteVault {
  /** The remote key. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Signing in to a cloud, or its keys. */
export interface ConnectOrder extends PlaceOrder {
  readonly flow: 'browser' | 'device';
  /** Google Drive; without them those of the present connection. */
  readonly clientId?: string;
  readonly clientSecret?: Uint8Array;
  /** The account that the place was connected to; another one is refused, also while what is sealed cannot be read. */
  readonly accountId?: string;
  /** S3; without keys the system's own chain is used. */
  readonly accessKeyId?: string;
  readonly s3Secret?: Uint8Array;
  readonly region?: string;
  readonly pathStyle?: boolean;
}

export interface Connected extends PlaceFacts {
  readonly holds: 'empty' | 'repository' | 'other';
  readonly clientId?: string;
  /** The place's own id of the account. */
  readonly accountId?: string;
  /** What opens the place, for the main thread to keep as long as no repository is open; absent once it is sealed. */
  readonly connections?: Uint8Array;
}

/** Where the owner of an account agrees. */
export interface SignInAsked {
  readonly url: string;
  readonly userCode?: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

type Nothing = Record<string, never>;
const request = <Params, Result>(method: string) => new RequestType<Params, Result, WireError>(method);

export const inspect = request<PlaceOrder, 'empty' | 'repository' | 'other'>('inspect');
/** Draws the keys of a new repository without writing anything, so that its vault can be in the place before it is. */
export const prepare = request<OpenOrder, Omit<OpenedRepository, 'stateKey'>>('prepare');
/** Writes the repository that was prepared. */
export const create = request<Nothing, OpenedRepository>('create');
export const open = request<OpenOrder, OpenedRepository>('open');
export const putVault = request<RemoteVault, null>('putVault');
export const vaults = request<PlaceOrder, readonly RemoteVault[]>('vaults');
/** Removes one vault of the opened place; other names than a vault's are refused. */
export const removeVault = request<{ readonly name: string }, null>('removeVault');
/** Draws a second key file of the opened repository without writing it. */
export const prepareKey = request<{ readonly recoveryKey: Uint8Array }, { readonly keyFileId: string }>('prepareKey');
/** Writes the key file that was prepared, reads it back and opens it. */
export const writeKey = request<Nothing, null>('writeKey');
/** From now on this is the key file of the opened repository. */
export const useKey = request<{ readonly recoveryKey: Uint8Array; readonly keyFileId: string }, null>('useKey');
/** Takes a copy of a key file of a cloud, beside those that there are, so that its recovery key opens what is sealed here. */
export const copyKey = request<PlaceOrder & { readonly keyFileId: string }, null>('copyKey');
export const removeKey = request<{ readonly keyFileId: string }, null>('removeKey');
/** Says which repository lies in a place, without a key. */
export const digest = request<PlaceOrder, { readonly config: string }>('digest');
/** How many devices, and snapshots that no device signed for, there are beside this one. */
export const others = request<{ readonly device: string }, number>('others');
export interface DeleteOrder extends PlaceOrder {
  /** Says which backup is meant; null for one that was never finished. */
  readonly config: string | null;
  /** It was the one in use until now; no repository may be open. */
  readonly wasInUse?: true;
}
/** Deletes a repository that is not open here, and the folders that are empty then. */
export const deletePlace = request<DeleteOrder, { readonly objects: number; readonly bytes: number }>('deletePlace');
export const backup = request<BackupOrder, BackupOutcome>('backup');
/** Whether a backup would find nothing new, by a look at the sources alone. */
export const findsNothing = request<Pick<BackupOrder, 'sources' | 'memory'>, boolean>('findsNothing');
export const snapshots = request<
  { readonly offset: number; readonly limit: number; readonly keptBy?: KeptBy },
  { readonly entries: readonly SnapshotEntry[]; readonly total: number; readonly devices: readonly KnownDevice[] }
>('snapshots');
/** One snapshot and what it holds of each source. */
export const showSnapshot = request<
  { readonly snapshot: string },
  { readonly snapshot: SnapshotEntry; readonly sources: readonly Omit<SnapshotSource, 'here'>[] }
>('showSnapshot');
export const list = request<
  { readonly snapshot: string; readonly path: string; readonly self?: boolean },
  readonly ListEntry[]
>('list');
export const read = request<
  { readonly snapshot: string; readonly path: string; readonly offset: number; readonly length: number },
  { readonly bytes: Uint8Array; readonly sizeBytes: number }
>('read');
export const compare = request<
  CompareOrder,
  { readonly entries: readonly SnapshotDifference[]; readonly total: number; readonly isMore: boolean }
>('compare');
export const restore = request<RestoreOrder, RestoreResult>('restore');
/** Compares the source with its original place, and brings what differs into a staging folder, proven. */
export const stage = request<StageOrder, Staged>('stage');
/** Merges what stock restic restored apart: databases and their logs. */
export const finishRestore = request<{ readonly folder: string }, FinishResult>('finishRestore');
export interface DrillOrder {
  /** Whose snapshots; those of all devices where it has none. */
  readonly device: string;
  readonly source?: string;
  /** 0: the newest, 1: the one before, … */
  readonly back: number;
  readonly turn: number;
  readonly must: readonly string[];
}
/** Restores a sample of one snapshot on trial; null when there is none so far back, or it does not hold the source. */
export const drill = request<DrillOrder, DrillLook | null>('drill');
export const verify = request<{ readonly readDataPercent: number; readonly witness: Witness }, VerifyResult>('verify');
/** Takes snapshots out of the backup; their content stays until it is pruned. */
export const forget = request<ForgetOrder, ForgetOutcome>('forget');
/**
 * Asked by the engine in the middle of forgetting, when the head that no longer names them is in the place and their files still are: what was
 * remembered of them must not outlive them, whatever happens in between.
 */
export const announced = request<ForgetAnnounced, null>('announced');
/** Frees the room of what no snapshot needs, in two steps 48 hours apart. */
export const prune = request<PruneOrder, PruneOutcome>('prune');
/** Writes the index anew where it is lost, unreadable or wrong. */
export const repairIndex = request<{ readonly dryRun: boolean }, RepairResult>('repairIndex');
/** With the devices the heads are read, too: there are none in the answer where a newer version forbids that. */
export const measure = request<
  { readonly devices: boolean },
  { readonly snapshots: number; readonly sizeBytes: number; readonly devices?: readonly KnownDevice[] }
>('measure');
/** Of a folder; a cloud is asked what it tells of itself. */
export const reachable = request<PlaceOrder, boolean>('reachable');
/** What a cloud tells of itself, asked now: one request; null for a folder. */
export const about = request<PlaceOrder, (PlaceFacts & Pick<Connected, 'clientId' | 'accountId'>) | null>('about');
/** Signs in, or checks keys, and takes them into use: the repository of an open place must be the same there. */
export const connect = request<ConnectOrder, Connected>('connect');
/** Ends the grant where the place can, and forgets what opens it. */
export const disconnect = request<PlaceOrder, { readonly isRevoked: boolean }>('disconnect');
/** What opens all clouds that are connected, for another engine; the caller wipes it. */
export const lend = request<Nothing, { readonly connections: Uint8Array }>('lend');
/** From now on, for all places. */
export const setLimits = request<{ readonly limits: PlaceLimits }, null>('setLimits');
/** Copies the opened repository to another place, whole. */
export const copyTo = request<PlaceOrder & { readonly occasion: CopyOccasion }, CopyOutcome>('copyTo');
/** From now on these places may be read from what the opened one cannot give. */
export const useMirrors = request<{ readonly mirrors: readonly string[] }, null>('useMirrors');
/** Puts back into the opened place what it lost or holds damaged and the mirror has whole. */
export const heal = request<
  PlaceOrder & { readonly witness: Witness; readonly suspects: readonly string[] },
  HealOutcome
>('heal');
/** Takes out of a mirror what is known to be superseded, once it has what is in use; false when it has not, and nothing is removed. */
export const removeSuperseded = request<
  PlaceOrder & { readonly keys: readonly string[]; readonly vault: string },
  { readonly isDone: boolean }
>('removeSuperseded');
interface LookOrder {
  readonly witness: Witness;
  /** Ids of snapshots that this computer saw announced, and SHA-256 of heads that are missed. */
  readonly remembered: readonly string[];
}
/** What an honest place would not show. */
export const look = request<LookOrder, LookOutcome>('look');
/** Writes a head that carries what its owner decided about, and looks again. */
export const acknowledge = request<
  LookOrder & {
    readonly device: BackupOrder['device'];
    readonly ids: readonly string[];
    /** Those of `remembered` that are this computer's own. */
    readonly known: readonly SnapshotId[];
  },
  LookOutcome & { readonly witness: Witness }
>('acknowledge');

/** Forgets the repository and wipes its keys; the thread is ended afterwards. */
export const close = request<Nothing, null>('close');

/** Keys are among the fields of a message itself, and no longer than this: what opens some clouds is the longest. */
const longestKeyBytes = 16 * maxConnectionBytes;

/**
 * The message with its keys in shared memory: a port copies other bytes into memory of its own, which it gives back unwiped. The keys
 * that were given stay the caller's to wipe.
 */
export function carried<Message>(message: Message): Message {
  return withKeys(message, key => {
    const shared = new Uint8Array(new SharedArrayBuffer(key.length));
    shared.set(key);
    return shared;
  });
}

/** The message with its keys in memory of this thread alone; what carried them is wiped. */
export function landed<Message>(message: Message): Message {
  return withKeys(message, shared => {
    if (!(shared.buffer instanceof SharedArrayBuffer)) return shared;
    const key = copySecret(shared);
    shared.fill(0);
    return key;
  });
}

function withKeys<Message>(message: Message, change: (key: Uint8Array) => Uint8Array): Message {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return message;
  const fields = Object.entries(message);
  if (!fields.some(([, value]) => isKey(value))) return message;
  return Object.fromEntries(fields.map(([name, value]) => [name, isKey(value) ? change(value) : value])) as Message;
}

function isKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= longestKeyBytes;
}

/** One job runs at a time, so one token is enough. */
export const progressToken = 'job';
export const progress = new ProgressType<EngineProgress>();
/** From the engine while it connects a place. */
export const signInToken = 'sign-in';
export const signInAsked = new ProgressType<SignInAsked>();
