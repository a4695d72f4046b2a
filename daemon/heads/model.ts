// What a head says, and what comparing heads with memory can find.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { ObjectProblem, RepositoryExtent, Snapshot, SnapshotId } from '../repository/model.ts';

/** One device's word about the repository after one backup. Chained by `previous`; numbers rise, and may skip after a crash. */
export interface Head {
  /** 16 hex digits. */
  readonly device: string;
  /** How the device calls itself, at most 64 characters. */
  readonly label: string;
  /** 1 for the first backup of the device. */
  readonly seq: number;
  /** RFC 3339. */
  readonly time: string;
  /** The newest snapshot of this device. */
  readonly snapshot: SnapshotId;
  /** All snapshots of this device that are to be there. */
  readonly live: readonly SnapshotId[];
  /** Snapshots forgotten since the previous head; other devices' too, when the user had them forgotten. */
  readonly gone: readonly { readonly id: SnapshotId; readonly reason: string }[];
  readonly extent: RepositoryExtent;
  /** SHA-256 of the vault file this device holds to be the newest; null when it was opened by recovery key. */
  readonly vaultSha256: string | null;
  /** SHA-256 of the head before; null for the first. */
  readonly previous: string | null;
  /** The newest head of each other device, listed after this device's previous head was written. */
  readonly seen: Readonly<Record<string, HeadMark>>;
  /** What the user decided about: ids of snapshots (foreign ones adopted, missing ones given up) and of findings. Copied from head to head. */
  readonly acknowledged: readonly string[];
  /** Versions of the cloud format; see docs/format.md "Versions". */
  readonly minReader: number;
  readonly minWriter: number;
}

export interface HeadMark {
  readonly seq: number;
  /** Of the head file. */
  readonly sha256: string;
}

export interface StoredHead {
  readonly key: string;
  readonly sha256: string;
  readonly head: Head;
}

/** A name in signet/heads/ that has the form of one. Says nothing about what lies there. */
export interface ListedHead extends HeadMark {
  readonly key: string;
  readonly device: string;
}

export type FindingCode = Extract<ErrorCode, 'E_ROLLBACK' | 'E_FORK' | 'E_WITHHELD' | 'E_FOREIGN_SNAPSHOT'>;

/** Something that an honest place would not show. Whether it is an alarm (a synced folder may lag) is decided by the caller. */
export interface Finding {
  /** 64 hex digits, the same as long as the same thing is found. */
  readonly id: string;
  /** The codes of objects stand for heads that are not what their names say. */
  readonly code: FindingCode | ObjectProblem['code'];
  /** The device whose things are missing or doubled; undefined for foreign snapshots. */
  readonly device?: string;
  /** E_FORK between two devices, each of which was shown another history: the second. A folder that syncs with delay does that too. */
  readonly other?: string;
  /** Numbers of backups (E_ROLLBACK, E_FORK): what was known, and what is there (0: nothing). */
  readonly expectedSeq?: number;
  readonly foundSeq?: number;
  /** E_ROLLBACK: the SHA-256 of the head that is missing, where that is known. */
  readonly head?: string;
  /** E_WITHHELD, E_FOREIGN_SNAPSHOT. */
  readonly snapshots?: readonly SnapshotId[];
  /** E_MISSING: how many packs. */
  readonly objects?: number;
  readonly detail: string;
}

export type SnapshotStanding = 'announced' | 'unannounced' | 'replayed' | 'foreign';

/** A snapshot of the repository with its standing; what `classifySnapshot` was asked about. */
export interface StandingSnapshot {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
  readonly standing: SnapshotStanding;
}

/** What a head is authenticated with. */
export interface HeadsKey {
  /** 32 bytes, label signet/heads/v1. */
  readonly key: Uint8Array;
  /** 64 hex digits. */
  readonly repositoryId: string;
}
