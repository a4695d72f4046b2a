// The nouns of the archive: which source goes in, what came of it, and the manifest that travels with every snapshot (DESIGN D14).

import type { MediaClass } from '../../protocol/status.ts';
import type { CaptureStrategy, CountedUpTo, CountQuery } from '../capture/capture.ts';
import type { BlobId, SnapshotId, TreeNode } from '../repository/model.ts';
import type { Extent, Loss } from './shrinkage.ts';

export type { CountQuery } from '../capture/capture.ts';
export type { Loss } from './shrinkage.ts';

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
  /** By its name alone: nothing is read for it. */
  isVideo(path: Uint8Array): boolean;
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
  /** The owner said that the loss was meant: the source is captured as it is, unless it is emptied and something was left ('in part'). */
  readonly lossAccepted?: boolean | 'in part';
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
  /** A reader takes any word: later versions may know more. */
  readonly reason: OmissionReason | Exclude<LeftOut, 'noise'> | (string & {});
  /** True when the version of the parent snapshot was kept in its place. */
  readonly kept?: boolean;
  /** Present when a rule left it out on purpose: how many files that is, and their bytes. */
  readonly byRule?: LeftOutExtent;
}

export interface LeftOutExtent {
  readonly files: number;
  readonly bytes: number;
  /** The look into a folder was cut off: it holds more. */
  readonly isMore?: true;
}

/** Why a source's content is that of an earlier snapshot. */
export type CarryReason = 'not-due' | 'missing' | 'unreadable' | 'empty' | 'shrunk';

export interface ManifestDatabase {
  readonly path: string;
  readonly layout: 'file' | 'pages' | 'delta';
  readonly pageSize: number;
  readonly nPage: number;
  readonly strategy: CaptureStrategy;
  readonly checked: 'full' | 'pages' | 'none';
  /** RFC 3339 of the last full check; absent when there was none. */
  readonly checkedAt?: string;
  /** Absent: not counted. */
  readonly counts?: MessageCounts;
}

export interface MessageCounts {
  readonly messages: number;
  readonly conversations: number;
}

export interface ManifestSource {
  readonly id: string;
  readonly profile: string;
  readonly label: string;
  /** Where it was on the device; for the owner's eyes, sealed like everything else. */
  readonly root: string;
  readonly capturedAt: string;
  /** Present when the content is that of an earlier snapshot. */
  readonly carriedFrom?: { readonly snapshot: string; readonly reason: CarryReason | (string & {}) };
  /** False when something is missing that no rule left out. */
  readonly complete: boolean;
  readonly omitted: readonly Omission[];
  readonly databases: readonly ManifestDatabase[];
  /** Files in the capture and their bytes; absent in snapshots of early versions. */
  readonly files?: number;
  readonly bytes?: number;
  /** Over all databases and texts of the source; absent: not counted. */
  readonly counts?: MessageCounts;
  /** Present when the user took the source off the list: absent on purpose from later snapshots. */
  readonly removed?: true;
}

export interface Manifest {
  readonly v: 1;
  readonly device: string;
  readonly sources: readonly ManifestSource[];
}

/** What this machine knows about what it captured into the parent snapshot; kept sealed, rebuilt when lost. */
export interface CaptureMemory {
  /** The snapshot these facts belong to; with another parent they mean nothing. */
  readonly snapshot: string;
  /** `<source id>/<display path>` → facts. */
  readonly databases: Readonly<Record<string, DatabaseMemory>>;
  /** Counted texts, named alike; absent where an earlier version wrote the memory. */
  readonly texts?: Readonly<Record<string, TextMemory>>;
}

export interface DatabaseMemory {
  readonly signature: string;
  readonly checkedAt?: string;
  /** Where counting goes on next time: the newest message by which of the profile's queries. */
  readonly newest?: CountedUpTo;
}

/** What was counted in a text that only grows, so that next time only what was added is. */
export interface TextMemory extends MessageCounts {
  /** Complete lines up to this byte, and what they hold. */
  readonly upTo: MessageCounts & { readonly bytes: number; readonly tail: string };
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

/** What a backup found in one source beyond what its manifest says. */
export interface SourceNews {
  /** Messages added since the capture before, and in how many conversations; absent: not known. */
  readonly messagesNew?: number;
  readonly conversationsChanged?: number;
  /** Messages that are gone although the source was captured as it is; absent: none worth telling. */
  readonly messagesFewer?: number;
  /** With the reason 'shrunk': what most of is gone. */
  readonly loss?: Loss;
  /** Seen by name in this look, kept or left out; absent: there were none, or it was not looked. */
  readonly videos?: Extent;
}

export interface ArchiveOutcome {
  /** False: nothing differs from the parent, nothing was saved and there is no tree. */
  readonly changed: boolean;
  readonly tree?: BlobId;
  readonly manifest: Manifest;
  readonly counts: Readonly<ArchiveCounts>;
  readonly memory: Omit<CaptureMemory, 'snapshot'>;
  /** By source id. */
  readonly news: ReadonlyMap<string, SourceNews>;
}
