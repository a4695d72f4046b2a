// The nouns of the archive: which source goes in, what came of it, and the manifest that travels with every snapshot (DESIGN D14).

import type { CaptureStrategy } from '../capture/capture.ts';
import type { BlobId, SnapshotId, TreeNode } from '../repository/model.ts';

export type EntryKind = 'file' | 'dir' | 'symlink';

/** What a profile leaves out and which text files only grow. Paths are relative to the source's root, bytes with '/'. */
export interface SourceRules {
  isExcluded(path: Uint8Array, kind: EntryKind): boolean;
  isAppendOnly(path: Uint8Array): boolean;
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
