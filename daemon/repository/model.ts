// The nouns of restic's repository format v2 as Signet holds them in memory (doc/design.rst "Repository Format").
// Stored JSON is parsed into these once, at the door; nothing else in the daemon sees restic's field names.

import type { SignetError } from '../base/errors.ts';
import type { CallOptions, Remote, TrafficCount } from '../remotes/remote.ts';

declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** 64 lower-case hex digits: SHA-256 of the plaintext. */
export type BlobId = Id<'blob'>;
/** 64 lower-case hex digits: SHA-256 of the pack file. */
export type PackId = Id<'pack'>;
/** 64 lower-case hex digits: SHA-256 of the stored snapshot file. */
export type SnapshotId = Id<'snapshot'>;
export type IndexId = Id<'index'>;

export type BlobType = 'data' | 'tree';

/** One blob's place in a pack. `plainBytes` is the length after opening and decompressing. */
export interface PackedBlob {
  readonly id: BlobId;
  readonly type: BlobType;
  readonly pack: PackId;
  readonly offset: number;
  readonly sealedBytes: number;
  readonly plainBytes: number;
}

/** Of `loadBlobs`: its content in parts, views of memory that is the caller's own to release; or why it cannot be had. */
export type LoadedBlob =
  | { readonly id: BlobId; readonly parts: readonly Uint8Array[]; readonly memory: Uint8Array }
  | { readonly id: BlobId; readonly loss: SignetError };

export interface SavedBlob {
  readonly id: BlobId;
  /** False when the repository had it already. */
  readonly isNew: boolean;
  /** Bytes it takes in its pack; 0 when not new. */
  readonly sealedBytes: number;
}

export type NodeType = 'file' | 'dir' | 'symlink';

/** A directory entry of a snapshot. Names are bytes: file systems allow what UTF-8 does not. */
export interface TreeNode {
  readonly name: Uint8Array;
  readonly type: NodeType;
  /** Permission bits as in st_mode & 0o7777; the codec turns them into Go's FileMode. */
  readonly permissions: number;
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  readonly deviceId?: bigint;
  readonly links?: number;
  /** Bytes of a file; absent on folders and links. Equals the sum of its blobs' plain sizes. */
  readonly sizeBytes?: number;
  /** Data blobs of a file in order; [] for an empty file. */
  readonly content?: readonly BlobId[];
  /** Tree blob of a folder. */
  readonly subtree?: BlobId;
  readonly linkTarget?: Uint8Array;
}

/** restic 0.18's summary, all counts of the backup that wrote the snapshot. */
export interface SnapshotSummary {
  readonly backupStart: string;
  readonly backupEnd: string;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  readonly dataAdded: number;
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
}

export interface Snapshot {
  /** RFC 3339, as stored: the head tags are computed over exactly this text. */
  readonly time: string;
  readonly tree: BlobId;
  readonly parent?: SnapshotId;
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly username: string;
  readonly tags: readonly string[];
  readonly programVersion?: string;
  readonly summary?: SnapshotSummary;
}

/** An object that was left out because it is not what it claims to be; reading goes on without it. */
export interface ObjectProblem {
  /** Remote key of the object. */
  readonly key: string;
  readonly code: 'E_OBJECT_AUTH' | 'E_OBJECT_ID' | 'E_OBJECT_TYPE' | 'E_OBJECT_LIMIT' | 'E_MISSING' | 'E_VERSION';
  readonly detail: string;
  /** A mirror still has it whole, and that is what was read. */
  readonly isInMirror?: boolean;
  /** The blob in it that is lost, where it is only that. */
  readonly blob?: BlobId;
}

/** A sealed pack that still waits for its upload or for an index that names it: the row that makes a crash cost nothing. */
export interface JournaledPack {
  readonly id: PackId;
  readonly sizeBytes: number;
  /** The pack's encrypted header as it stands in the file, from which the blobs are known after a crash. */
  readonly header: Uint8Array;
  readonly uploaded: boolean;
  /** When it was uploaded, or before that when it was sealed, milliseconds since 1970; absent where that is not known. */
  readonly since?: number | undefined;
}

/** Durable list of packs between "sealed" and "named by a committed index". Each call is on disk when it returns. */
export interface PackJournal {
  add(pack: JournaledPack): void;
  markUploaded(id: PackId, at: number): void;
  remove(ids: readonly PackId[]): void;
  rows(): readonly JournaledPack[];
}

/** A key file that is drawn but not written. */
export interface PreparedKeyFile {
  readonly id: string;
  /** Stores it, reads it back and opens it. To be called once. @throws as `Repository.useKeyFile`, and what the remote throws */
  write(options?: { signal?: AbortSignal | undefined }): Promise<void>;
}

export interface RepositoryLock {
  /** Aborts (with SignetError E_REPOSITORY_LOCKED) when the lock could not be refreshed in time or was removed. */
  readonly signal: AbortSignal;
  /** Name of the object that is the lock at the moment. */
  readonly key: string;
  release(): Promise<void>;
}

export interface LookOptions extends CallOptions {
  /** What the place showed when it was looked at as a whole; without it the place is listed. */
  readonly shown?: Pick<Remote, 'list'> | undefined;
}

/** A pack by its name and the bytes of its file. */
export interface PackFile {
  readonly id: PackId;
  readonly sizeBytes: number;
}

/** How far tidying up came; `total` is 0 where it cannot be known before. */
export interface UpkeepStep {
  readonly phase: 'looking' | 'collecting' | 'deleting';
  readonly done: number;
  readonly total: number;
}

export interface UpkeepOptions extends CallOptions {
  readonly onProgress?: ((step: UpkeepStep) => void) | undefined;
}

export interface PruneOrder extends UpkeepOptions {
  /** Snapshots that were there at a look in which nothing was wrong: a listing that lacks one of them is not believed. Default none */
  readonly known?: readonly SnapshotId[] | undefined;
  /** Counted as gone already: what a prune would do once they are forgotten. Default none */
  readonly without?: ReadonlySet<SnapshotId> | undefined;
  /** False where nothing can be written for lack of room: packs are let go whole, and none is collected. Default true */
  readonly collects?: boolean | undefined;
}

/** What phase 1 is about to do. Each pack of data/ is in exactly one of the first five lists. */
export interface PrunePlan {
  /** Stay named and stay where they are. */
  readonly keep: readonly PackFile[];
  /** Hold nothing that a snapshot needs: no index will name them. */
  readonly drop: readonly PackFile[];
  /** What snapshots need of them goes into new packs; then no index will name them. */
  readonly repack: readonly PackFile[];
  /** No readable index names them, and snapshots need them: they are named again. */
  readonly rescue: readonly PackFile[];
  /** No index names them, and nothing needs them: they wait for their 48 hours. */
  readonly unnamed: readonly PackFile[];
  /** Sealed bytes of blobs that snapshots need, each once. */
  readonly usedBytes: number;
  /** Of the packs that stay: sealed bytes that nothing needs. Padding is not among them. */
  readonly unusedBytes: number;
  /** Sealed bytes that are collected into new packs. */
  readonly collectedBytes: number;
  /** Index files that are replaced. */
  readonly indexes: readonly IndexId[];
}

export interface PruneOutcome {
  /** Packs that no index names now and nothing needs: those of the plan and those that were let go. */
  readonly unnamed: readonly PackFile[];
  /** Made of what was collected. */
  readonly newPacks: number;
  readonly newBytes: number;
  /** Named again, because snapshots need them: of the plan, and for snapshots that came while this ran. */
  readonly namedAgain: number;
}

export interface IndexRepair {
  /** Whose own header was read. */
  readonly packsRead: number;
  /** Named again, or with other blobs than before. */
  readonly packsAdded: number;
  /** Named by an index, and gone or of another size: named no more. */
  readonly packsRemoved: number;
  /** Index files that cannot be read. They stay; stock restic refuses to work until they are taken away by hand. */
  readonly junk: readonly ObjectProblem[];
  /** Objects in data/ that are no packs of this repository. They stay. */
  readonly problems: readonly ObjectProblem[];
  /** Index files that were replaced. */
  readonly indexesReplaced: number;
}

/**
 * Letting go of what is not needed, and naming again what is. All of it under the exclusive lock, and none of it relies on that:
 * a backup that runs unseen beside it loses nothing. Nothing here looks at alarms; that is the caller's.
 */
export interface Upkeep {
  /** Removes the snapshot files. What they named is let go by `prune`. The head that says so comes first, and is the caller's. */
  removeSnapshots(ids: readonly SnapshotId[], options?: CallOptions): Promise<void>;
  /**
   * Looks at index, packs and the trees of every snapshot, and says what there is to do. Finishes what an earlier run left in the outbox;
   * deletes nothing.
   *
   * @throws E_MISSING · E_OBJECT_* when anything that a snapshot needs, or a snapshot itself, cannot be read: then nothing may be let go
   */
  planPrune(order?: PruneOrder): Promise<PrunePlan>;
  /**
   * Phase 1 of a plan of this session: names what was rescued, collects, writes the new index files and reads them back, removes those they
   * replace, and looks once more whether a snapshot came meanwhile that needs what was let go. Deletes no pack. Broken off at any
   * point it leaves a sound repository, and the next plan goes on from there.
   */
  prune(plan: PrunePlan, options?: UpkeepOptions): Promise<PruneOutcome>;
  /**
   * Phase 2: deletes packs that no index names and nothing needs, of those that the caller saw unnamed for 48 hours (`deletable`). Looks
   * afresh at index and snapshots first: what is named or needed by now stays. Call after `planPrune`, before or after `prune`.
   *
   * @returns the packs that were deleted
   */
  deleteUnnamed(packs: readonly PackFile[], options?: UpkeepOptions): Promise<readonly PackFile[]>;
  /** Writes the index anew where index files are lost, cannot be read, or name packs that are not there. Deletes no pack. */
  repairIndex(options?: UpkeepOptions & { readonly dryRun?: boolean }): Promise<IndexRepair>;
}

/**
 * An opened repository: the only door to restic's format. Not for use from two jobs at once.
 *
 * Write order is kept inside: packs, then index, then snapshot. The order around it (lock → refreshIndex → saveBlob… →
 * commitIndex → confirmUsed → saveSnapshot → head → release) is the backup job's.
 */
export interface Repository extends Upkeep {
  /** The id in restic's config, 64 hex digits. */
  readonly id: string;
  /** Name of the key file that the recovery key opened, or of the one that `useKeyFile` put in its place. */
  readonly keyFileId: string;
  /** First 16 hex digits of SHA-256 over the master key under a label: tells one master key from another, reveals nothing. */
  readonly masterKeyFingerprint: string;
  /** Since the place was opened; a job takes the difference. Zeros where nobody counts. */
  readonly traffic: TrafficCount;
  /** Objects left out so far; grows as objects are read. */
  readonly problems: readonly ObjectProblem[];

  /** HKDF-SHA512 over the master key, salted with the repository id (D15). The caller wipes it. */
  deriveKey(label: string, lengthBytes?: number): Uint8Array;

  /** Draws a second key file for the same master key, so that what names it can be written before it exists. Writes nothing. */
  prepareKeyFile(recoveryKey: Uint8Array): Promise<PreparedKeyFile>;
  /**
   * From now on this session's key file is that one; it must open with this recovery key and hold this master key.
   * @throws E_MISSING · E_WRONG_SECRET · E_REPO_MISMATCH and what damage makes `openMasterKey` throw
   */
  useKeyFile(id: string, recoveryKey: Uint8Array, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Removes another key file than the session's own; the recovery key in it opens nothing from then on. */
  removeKeyFile(id: string, options?: { signal?: AbortSignal | undefined }): Promise<void>;

  /**
   * Writes a lock and looks whether another's forbids it.
   * @param options.look what the place shows once the lock is written: instead of a look before it and one after
   */
  lock(
    kind: 'shared' | 'exclusive',
    options?: CallOptions & { look?: (() => Pick<Remote, 'list'>) | undefined },
  ): Promise<RepositoryLock>;
  /** Lists index/ and loads what is new. For looking: writes nothing, needs no lock, and may run beside a backup. */
  readIndex(options?: LookOptions): Promise<void>;
  /** Lists index/, loads what is new, drops entries whose index vanished, finishes journalled packs. Call under the lock. */
  refreshIndex(options?: LookOptions): Promise<void>;

  find(type: BlobType, id: BlobId): PackedBlob | undefined;
  /** Whether the blob need not be saved again: an index names it, and so far nothing says that the remote cannot give it. */
  has(type: BlobType, id: BlobId): boolean;
  /**
   * Compresses, seals and packs the blob unless it is known. The bytes may be reused once the promise settles.
   * @param options.keep it will be loaded in this session, and is worth a place in memory
   */
  saveBlob(
    type: BlobType,
    plaintext: Uint8Array,
    options?: { signal?: AbortSignal | undefined; keep?: boolean },
  ): Promise<SavedBlob>;
  /** @throws E_MISSING · E_OBJECT_AUTH · E_OBJECT_ID · E_OBJECT_LIMIT; a second copy in another pack is tried first */
  loadBlob(type: BlobType, id: BlobId, options?: { signal?: AbortSignal | undefined }): Promise<Uint8Array>;

  /**
   * Loads many data blobs, in the order in which they are asked for. Those of one pack that follow one another are read together, each byte
   * once; so ask for them by pack and offset (`find`). What `ids` yields is asked for a few windows ahead.
   * The bytes are authentic (seal, frame and length were checked), and NOT yet proven to be the blob of this id: the caller compares their
   * SHA-256 with the id itself, where it has them for good, or nothing tells it of a blob that is filed under another's id.
   * A blob that no copy gives comes as the loss that it is; one for which other copies had to be asked is proven already.
   */
  loadBlobs(ids: Iterable<BlobId>, options?: { signal?: AbortSignal | undefined }): AsyncIterable<LoadedBlob>;

  saveTree(nodes: readonly TreeNode[], options?: { signal?: AbortSignal | undefined }): Promise<SavedBlob>;
  loadTree(id: BlobId, options?: { signal?: AbortSignal | undefined }): Promise<readonly TreeNode[]>;

  /** Seals the open packs, uploads what the outbox holds and writes an index naming them. No-op when nothing is open. */
  commitIndex(options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * D11: lists index/ again and checks that every blob this session saved or found through `find` is still indexed; packs that
   * exist but lost their index are indexed again, unless this session saw them named for the last time 24 hours ago or longer: those
   * may be deleted any time. Answers the blobs that are really gone (empty when the snapshot, or its head, may be written); those
   * are forgotten here, so that saving them again uploads them. Costs one listing of index/ while nothing vanished.
   *
   * @param options.tree the snapshot's: when something vanished, all that it names is looked at, also what this run carried forward unseen
   */
  confirmUsed(options?: LookOptions & { readonly tree?: BlobId }): Promise<readonly BlobId[]>;
  saveSnapshot(snapshot: Snapshot, options?: { signal?: AbortSignal | undefined }): Promise<SnapshotId>;
  /** All readable snapshots; unreadable ones land in `problems`. Cached by id: a second call costs one listing. */
  snapshots(options?: LookOptions): Promise<ReadonlyMap<SnapshotId, Snapshot>>;

  /**
   * Looks which packs are gone from data/ or have another size than the index says. `has` denies their blobs until the next
   * refreshIndex, so that saving them again uploads them; so it does blobs that loadBlob could not give. Answers the packs that hold
   * a blob which no other pack has.
   */
  setAsideMissing(options?: LookOptions): Promise<readonly ObjectProblem[]>;
  /** Every pack the index names, against the listing of data/: missing and wrongly sized ones. */
  checkPacks(options?: { signal?: AbortSignal | undefined }): Promise<readonly ObjectProblem[]>;
  /**
   * Reads the pack whole and checks its name, header and every blob.
   * @param options.spare memory that goes from one pack to the next: an empty list at first, and nobody else's
   */
  checkPackData(
    id: PackId,
    options?: { signal?: AbortSignal | undefined; spare?: Uint8Array[] },
  ): Promise<readonly ObjectProblem[]>;
  /** Reads config, the key file, every index and every snapshot from the remote, whatever the cache holds. */
  checkSingleObjects(options?: { signal?: AbortSignal | undefined }): Promise<readonly ObjectProblem[]>;
  /** Compares the hashes that the place itself tells of its objects with their names; `objects` is 0 where it tells none. */
  scrub(options?: {
    signal?: AbortSignal | undefined;
  }): Promise<{ readonly objects: number; readonly problems: readonly ObjectProblem[] }>;
  /** The packs the index names. */
  packIds(): readonly PackId[];
  /** Blobs the index knows, by type, and the bytes of all packs. */
  size(): {
    readonly dataBlobs: number;
    readonly treeBlobs: number;
    /** Data blobs without a zstd frame: not ours, and bytes that their sender chose (docs/format.md "Blobs and packs"). */
    readonly unframedBlobs: number;
    readonly packBytes: number;
    readonly packs: number;
  };

  /** What a head vouches for, as of the last refreshIndex and the indexes written since. */
  extent(): RepositoryExtent;

  /** Whether these bytes are a config, an index or a snapshot of this repository, sealed under its key; of other keys nothing is said. */
  isGenuine(key: string, stored: Uint8Array): Promise<boolean>;

  /** Wipes the keys, closes the outbox files. */
  close(): Promise<void>;
}

/** SHA-256 over the sorted ids of all index files, the count and the bytes of all packs: what a head vouches for. */
export interface RepositoryExtent {
  readonly indexSetSha256: string;
  readonly packCount: number;
  readonly packBytes: number;
}
