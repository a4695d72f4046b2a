// Devices that write heads and snapshots into one place in memory.

import { createHash, randomBytes } from 'node:crypto';
import {
  classifySnapshot,
  newestPerDevice,
  planHeadRemoval,
  readHeads,
  readTags,
  seenMarks,
  snapshotTags,
  type TagKey,
  writeHead,
} from '../../daemon/heads/heads.ts';
import type { Head, HeadsFound, SnapshotStanding, StoredHead } from '../../daemon/heads/model.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { BlobId, RepositoryExtent, Snapshot, SnapshotId } from '../../daemon/repository/model.ts';
import type { Witness } from '../../daemon/state/model.ts';

export const repositoryId = '5e'.repeat(32);
export const extent: RepositoryExtent = { indexSetSha256: '1f'.repeat(32), packCount: 3, packBytes: 50_000_000 };

export interface Place {
  readonly remote: MemoryRemote;
  readonly by: TagKey;
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
  readonly found: HeadsFound;
  readonly standings: ReadonlyMap<SnapshotId, SnapshotStanding>;
}

export async function look({ remote, by, snapshots }: Place): Promise<View> {
  const found = await readHeads(remote, by.key, by.repositoryId);
  const standings = new Map(
    [...snapshots].map(([id, snapshot]) => [id, classifySnapshot(id, snapshot, found.heads, by)]),
  );
  return { found, standings };
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
    tags: tags ?? snapshotTags({ device, seq, tree, time }, place.by),
  };
  const id = createHash('sha256').update(JSON.stringify(snapshot)).digest('hex') as SnapshotId;
  place.snapshots.set(id, snapshot);
  return id;
}

export class Device {
  readonly id: string;
  readonly place: Place;
  witness: Witness;
  removable: readonly string[] = [];

  constructor(place: Place, id: string) {
    this.place = place;
    this.id = id;
    this.witness = freshWitness(id);
  }

  /** One backup, as the backup job does it. @param view what was read at its start, when that was not just now */
  async backUp(
    changes: Partial<Head> = {},
    view?: View,
    remote: Pick<MemoryRemote, 'put' | 'get'> = this.place.remote,
  ): Promise<StoredHead> {
    const { by, snapshots } = this.place;
    const { found, standings } = view ?? (await look(this.place));
    const own = newestPerDevice(found.heads).get(this.id);
    const cutOff = [...snapshots].flatMap(([id, snapshot]) => {
      const backup = standings.get(id) === 'unannounced' ? readTags(snapshot, by) : undefined;
      return backup?.device === this.id ? [{ id, seq: backup.seq }] : [];
    });
    const remembered = this.witness.ownHead;
    const seq = Math.max(own?.head.seq ?? 0, remembered?.seq ?? 0, ...cutOff.map(each => each.seq)) + 1;
    const snapshot = addSnapshot(this.place, this.id, seq);
    const gone = new Set((changes.gone ?? []).map(({ id }) => id));
    const head: Head = {
      device: this.id,
      label: 'laptop',
      seq,
      time: '2026-11-23T10:00:00.000Z',
      snapshot,
      live: [...(own?.head.live ?? []), ...cutOff.map(each => each.id), snapshot].filter(id => !gone.has(id)),
      gone: [],
      extent,
      vaultSha256: this.witness.vaultSha256,
      previous:
        (remembered !== null && remembered.seq >= (own?.head.seq ?? 0) ? remembered.sha256 : own?.sha256) ?? null,
      seen: seenMarks(found.heads, this.id),
      acknowledged: own?.head.acknowledged ?? [],
      minReader: 1,
      minWriter: 1,
      ...changes,
    };
    const written = await writeHead(remote, by.key, by.repositoryId, head);
    const seen = Object.fromEntries(Object.entries(head.seen).map(([other, mark]) => [other, mark.seq]));
    this.witness = {
      ...this.witness,
      ownHead: { seq, sha256: written.sha256 },
      seen: { ...this.witness.seen, ...seen },
    };
    this.removable = planHeadRemoval(found.listed, head);
    return written;
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
