// The newest heads of every device as they were found, and the questions asked about them.

import type { ObjectProblem, SnapshotId } from '../repository/model.ts';
import { formatVersion } from './head-file.ts';
import type { Head, HeadMark, ListedHead, StandingSnapshot, StoredHead } from './model.ts';
import { claimedBackup } from './tags.ts';

export class HeadSet {
  /** Authenticated heads, of each device the newest ones, newest first. */
  readonly heads: readonly StoredHead[];
  /** Objects that are not what their names say. They are left where they are. */
  readonly problems: readonly ObjectProblem[];
  readonly listed: readonly ListedHead[];
  readonly #newest: ReadonlyMap<string, StoredHead>;
  readonly #live: ReadonlySet<SnapshotId>;

  constructor(found: {
    heads: readonly StoredHead[];
    problems: readonly ObjectProblem[];
    listed: readonly ListedHead[];
  }) {
    this.heads = found.heads;
    this.problems = found.problems;
    this.listed = found.listed;
    this.#newest = newestPerDevice(found.heads);
    this.#live = new Set(
      [...this.#newest.values()].flatMap(({ head }) => [...head.live, ...this.besideOf(head.device)]),
    );
  }

  /**
   * Snapshots that a device announced beside the chain of its newest head, on the other side of a fork: they were backed up all the same. Without
   * those that it forgot.
   */
  besideOf(device: string): readonly SnapshotId[] {
    const newest = this.#newest.get(device);
    if (newest === undefined) return [];
    const own = this.heads.filter(({ head }) => head.device === device);
    const beside = own.filter(({ sha256 }) => sha256 !== newest.sha256 && sha256 !== newest.head.previous);
    const gone = new Set(own.flatMap(({ head }) => head.gone.map(({ id }) => id)));
    const named = new Set([...newest.head.live, ...gone]);
    return [...new Set(beside.flatMap(({ head }) => head.live))].filter(id => !named.has(id));
  }

  /** False when a head demands a newer writer: then nothing may be written or removed, only read and restored. */
  get isWritable(): boolean {
    return this.heads.every(({ head }) => head.minWriter <= formatVersion);
  }

  /** The newest head of the device. */
  of(device: string): Head | undefined {
    return this.#newest.get(device)?.head;
  }

  markOf(device: string): HeadMark | undefined {
    const stored = this.#newest.get(device);
    return stored && { seq: stored.head.seq, sha256: stored.sha256 };
  }

  devices(): readonly string[] {
    return [...this.#newest.keys()];
  }

  /** Whether the newest head of some device names the snapshot, or one beside it. */
  isLive(id: SnapshotId): boolean {
    return this.#live.has(id);
  }
}

export function unannouncedOf(device: string, snapshots: readonly StandingSnapshot[]): readonly StandingSnapshot[] {
  return snapshots.filter(
    ({ standing, snapshot }) => standing === 'unannounced' && claimedBackup(snapshot)?.device === device,
  );
}

export function newestPerDevice(heads: readonly StoredHead[]): ReadonlyMap<string, StoredHead> {
  const newest = new Map<string, StoredHead>();
  for (const stored of heads) {
    const before = newest.get(stored.head.device);
    if (before === undefined || before.head.seq < stored.head.seq) newest.set(stored.head.device, stored);
  }
  return newest;
}
