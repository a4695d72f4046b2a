// Devices that write heads and snapshots into one place in memory.

import { createHash, randomBytes } from 'node:crypto';
import type { HeadSet } from '../../daemon/heads/heads.ts';
import { classifySnapshot, readHeads, snapshotTags, writeHead } from '../../daemon/heads/heads.ts';
import type { HeadsKey, StandingSnapshot, StoredHead } from '../../daemon/heads/model.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { BlobId, RepositoryExtent, Snapshot, SnapshotId } from '../../daemon/repository/model.ts';
import type { Witness } from '../../daemon/state/model.ts';

export const repositoryId = '5e'.repeat(32);
export const extent: RepositoryExtent = { indexSetSha256: '1f'.repeat(32), packCount: 3, packBytes: 50_000_000 };

export interface Place {
  readonly remote: MemoryRemote;
  readonly by: HeadsKey;
  readonly snapshots: Map<SnapshotId, Snapshot>;
}

export function makePlace(): Place {
  return { remote: createMemoryRemote(), by: { key: randomBytes(32), repositoryId }, snapshots: new Map() };
}

export function freshWitness(device: string): Witness {
  return {
    v: 1,
    since: '2026-11-23T10:00:00.000Z',
    repositoryId,
    keyFileId: '2a'.repeat(32),
    masterKeyFingerprint: '3b'.repeat(8),
    vaultSha256: '4c'.repeat(32),
    vaultGeneration: 1,
    device,
    ownHead: null,
    seen: {},
  };
}

export interface View {
  readonly heads: HeadSet;
  readonly snapshots: readonly StandingSnapshot[];
}

export async function look({ remote, by, snapshots }: Place): Promise<View> {
  const heads = await readHeads({ remote, ...by });
  return {
    heads,
    snapshots: [...snapshots].map(([id, snapshot]) => ({
      id,
      snapshot,
      standing: classifySnapshot({ ...by, id, snapshot, heads }),
    })),
  };
}

/** Puts a snapshot there as a backup does; `tags` replaces its own. */
export function addSnapshot(place: Place, device: string, seq: number, tags?: readonly string[]): SnapshotId {
  const tree = randomBytes(32).toString('hex') as BlobId;
  const time = '2026-11-23T10:00:00.000Z';
  const snapshot: Snapshot = {
    time,
    tree,
    paths: ['/whatsapp-abcd2345'],
    hostname: 'laptop',
    username: 'signet',
    tags: tags ?? snapshotTags({ ...place.by, device, seq, tree, time }),
  };
  const id = createHash('sha256').update(JSON.stringify(snapshot)).digest('hex') as SnapshotId;
  place.snapshots.set(id, snapshot);
  return id;
}

export class Device {
  readonly id: string;
  readonly place: Place;
  witness: Witness;
  /** What this device was shown last; a hostile place may differ between devices. */
  removable: readonly string[] = [];

  constructor(place: Place, id: string) {
    this.place = place;
    this.id = id;
    this.witness = freshWitness(id);
  }

  /** One backup, as the backup job does it. */
  async backUp(changes: Partial<Parameters<typeof writeHead>[0]> = {}): Promise<StoredHead> {
    const { remote, by } = this.place;
    const view = await look(this.place);
    const seq = Math.max(view.heads.of(this.id)?.seq ?? 0, this.witness.ownHead?.seq ?? 0) + 1;
    const snapshot = addSnapshot(this.place, this.id, seq);
    const written = await writeHead({
      remote,
      ...by,
      ...view,
      device: { id: this.id, label: 'laptop' },
      seq,
      snapshot,
      time: '2026-11-23T10:00:00.000Z',
      witness: this.witness,
      extent,
      randomBytes,
      ...changes,
    });
    this.witness = written.witness;
    this.removable = written.removable;
    return written.stored;
  }
}

/** A second place with the same key and the same objects, which then goes its own way. */
export function forkOf(place: Place): Place {
  return {
    remote: createMemoryRemote(new Map(place.remote.objects)),
    by: place.by,
    snapshots: new Map(place.snapshots),
  };
}
