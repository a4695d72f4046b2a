// The nouns of the archive: which source goes in, what came of it, and the manifest that travels with every snapshot (DESIGN D14).

import type { MediaClass } from '../../protocol/status.ts';
import type { CaptureStrategy } from '../capture/capture.ts';
import type { BlobId, SnapshotId, TreeNode } from '../repository/model.ts';

export type EntryKind = 'file' | 'dir' | 'symlink';

/** One name in a source, as its rules see it. */
export interface RuleEntry {
  /** Relative to the source's root, bytes with '/'. */
  readonly path: Uint8Array;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Names in the same folder; asked only when a rule needs them. */
  siblings(): readonly Uint8Array[];
  /** The first 16 bytes, empty when they cannot be read; asked only for files whose name tells nothing. */
  head(): Uint8Array;
}

/**
 * Why a rule leaves something out. 'noise' is what nobody would miss (locks, shared memory, what systems put into every folder, and what
 * lies beside the chats): it is never listed. The rest is listed in the manifest. A folder that is left out is so with all it holds.
 */
export type LeftOut = 'noise' | 'profile' | 'excluded' | 'too-large' | 'older-copy' | MediaClass;

/** What a source's profile and its owner's choices say about each path: plain decisions, asked for each name of a walk. */
export interface SourceRules {
  /** Undefined: it is kept. */
  leftOut(entry: RuleEntry): LeftOut | undefined;
  /** Text that only grows: stored up to the size seen at its opening. */
  isAppendOnly(path: Uint8Array): boolean;
  /** Encrypted or otherwise closed: kept as bytes, never looked into. */
  isOpaque(path: Uint8Array): boolean;
  /** Dated copies of one another that come and go by rotation: not counted when a source seems to shrink. */
  isRotating(path: Uint8Array): boolean;
  /** How messages are counted cheaply; undefined: they are not. */
  readonly counting?: CountRule;
}

/** All paths are tested in their display form, relative to the source's root. */
export interface CountRule {
  readonly databases?: readonly DatabaseCount[];
  readonly lines?: readonly LineCount[];
}

export interface DatabaseCount {
  readonly path: RegExp;
  /** Of those whose tables are there, the one that finds the most messages counts. */
  readonly candidates: readonly CountQuery[];
}

/**
 * SQL for one way an app keeps its messages. Each statement answers one row; none reads the text of a message, and `since` touches only
 * what was added after the id it is given. Without `newest` and `since` what is new is the difference of the totals: the app writes a
 * message anew when it changes, so its ids tell nothing.
 */
export interface CountQuery {
  /** Tables, with the columns in them, without which the statements cannot run. */
  readonly requires: Readonly<Record<string, readonly string[]>>;
  /** `SELECT count(*) AS messages`. */
  readonly messages: string;
  /** `SELECT count(*) AS conversations`. */
  readonly conversations: string;
  /** `SELECT max(id) AS newest`; null without a message. */
  readonly newest?: string;
  /** `SELECT count(*) AS messages, count(DISTINCT …) AS conversations`, with `?1` the `newest` of the last capture (0 before the first). */
  readonly since?: string;
}

/** Text files: each line that fits is a message. Lines are tested byte for byte (latin1), without their end. */
export interface LineCount {
  readonly path: RegExp;
  readonly message: RegExp;
  /** Each line that fits begins a conversation; absent: each file with a message in it is one. */
  readonly conversation?: RegExp;
}

export interface ArchiveSource {
  readonly id: string;
  readonly profile: string;
  readonly label: string;
  /** Absolute path. */
  readonly root: string;
  readonly rules: SourceRules;
  /** False carries the source forward from the parent snapshot without looking at it. */
  readonly captureNow: boolean;
}

/** The snapshot that this backup continues, with what was written into it. */
export interface ParentSnapshot {
  readonly id: SnapshotId;
  readonly tree: BlobId;
  readonly nodes: readonly TreeNode[];
  /** Absent when another tool wrote the snapshot. */
  readonly manifest?: Manifest;
}

/** Why something a person may expect is not in the snapshot, or is there in an older version. */
export type OmissionReason = 'permission' | 'io' | 'special-file' | 'changing' | 'vanished' | 'name-too-long';

export interface Omission {
  /** Relative to the source's root, as `displayPath` writes it. */
  readonly path: string;
  readonly reason: OmissionReason;
  /** True when the version of the parent snapshot was kept in its place. */
  readonly kept?: boolean;
}

export type CarryReason = 'not-due' | 'missing' | 'unreadable' | 'empty';

export interface ManifestDatabase {
  readonly path: string;
  readonly layout: 'file' | 'pages' | 'delta';
  readonly pageSize: number;
  readonly nPage: number;
  readonly strategy: CaptureStrategy;
  readonly checked: 'full' | 'pages' | 'none';
  /** RFC 3339 of the last full check; absent when there was none. */
  readonly checkedAt?: string;
}

export interface ManifestSource {
  readonly id: string;
  readonly profile: string;
  readonly label: string;
  /** Where it was on the device; for the owner's eyes, sealed like everything else. */
  readonly root: string;
  readonly capturedAt: string;
  /** Present when the content is that of an earlier snapshot. */
  readonly carriedFrom?: { readonly snapshot: string; readonly reason: CarryReason };
  readonly complete: boolean;
  readonly omitted: readonly Omission[];
  readonly databases: readonly ManifestDatabase[];
  /** Present when the user took the source off the list: absent on purpose from later snapshots. */
  readonly removed?: true;
}

export interface Manifest {
  readonly v: 1;
  readonly device: string;
  readonly sources: readonly ManifestSource[];
}

/** What this machine knows about databases it captured into the parent snapshot; kept sealed, rebuilt when lost. */
export interface CaptureMemory {
  /** The snapshot these facts belong to; with another parent they mean nothing. */
  readonly snapshot: string;
  /** `<source id>/<display path>` → facts. */
  readonly databases: Readonly<Record<string, { readonly signature: string; readonly checkedAt?: string }>>;
}

/** How far a walk over many files has come; totals are 0 while they are not known. */
export interface FileProgress<Phase extends string> {
  readonly phase: Phase;
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** What is being worked on; '' for nothing in particular. */
  readonly item: string;
}

export interface ArchiveCounts {
  filesNew: number;
  filesChanged: number;
  filesUnmodified: number;
  dirsNew: number;
  dirsChanged: number;
  dirsUnmodified: number;
  /** Entries of the parent that are gone. */
  removed: number;
  dataBlobs: number;
  treeBlobs: number;
  /** Plain and stored bytes of the blobs this backup added. */
  dataAdded: number;
  dataAddedPacked: number;
  totalFiles: number;
  totalBytes: number;
  /** Bytes read from the sources: what scanning alone does not cost. */
  bytesRead: number;
}

export interface ArchiveOutcome {
  /** False: nothing differs from the parent, nothing was saved and there is no tree. */
  readonly changed: boolean;
  readonly tree?: BlobId;
  readonly manifest: Manifest;
  readonly counts: Readonly<ArchiveCounts>;
  readonly memory: CaptureMemory['databases'];
}
