// Which snapshots there are and what to think of each: named by a device's head, still waiting for one, replayed, or foreign. The newest
// that a device vouches for is the default everywhere.

import { SignetError } from '../base/errors.ts';
import { classifySnapshot, type Finding, type HeadSet, readHeads, type SnapshotStanding } from '../heads/heads.ts';
import type { Remote } from '../remotes/remote.ts';
import type { Repository, Snapshot, SnapshotId } from '../repository/model.ts';

export interface KnownSnapshot {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
  readonly standing: SnapshotStanding;
}

export interface SnapshotHistory {
  /** Newest first. */
  readonly snapshots: readonly KnownSnapshot[];
  readonly heads: HeadSet;
  readonly findings: readonly Pick<Finding, 'code' | 'detail'>[];
}

/** Snapshots are listed before heads: a backup that ends in between then looks unannounced, never withheld. */
export async function readHistory(context: {
  readonly remote: Remote;
  readonly repository: Pick<Repository, 'id' | 'snapshots'>;
  readonly headsKey: Uint8Array;
  readonly signal: AbortSignal;
}): Promise<SnapshotHistory> {
  const { remote, repository, headsKey, signal } = context;
  const stored = await repository.snapshots({ signal });
  const heads = await readHeads({ remote, key: headsKey, repositoryId: repository.id, signal });
  const snapshots = [...stored].map(([id, snapshot]) => ({
    id,
    snapshot,
    standing: classifySnapshot({ id, snapshot, heads, key: headsKey, repositoryId: repository.id }),
  }));
  snapshots.sort((a, b) => timeOf(b.snapshot) - timeOf(a.snapshot));
  return { snapshots, heads, findings: heads.problems };
}

/**
 * The snapshot a person means: `latest`, an id, or the beginning of one (at least four digits). `latest` is the newest that a device
 * vouches for; only a repository in which no device ever did (made by stock restic) offers others.
 *
 * @throws E_NOT_FOUND with `params.what`, and `params.ambiguous` when the beginning fits several
 */
export function resolveSnapshot(snapshots: readonly KnownSnapshot[], named: string): KnownSnapshot {
  if (named === 'latest') {
    const trusted = snapshots.filter(each => each.standing === 'announced' || each.standing === 'unannounced');
    const latest = trusted[0] ?? snapshots.find(each => each.standing !== 'replayed');
    if (latest !== undefined) return latest;
    throw new SignetError('E_NOT_FOUND', 'there is no backup yet', { params: { what: named } });
  }
  const fits = /^[0-9a-f]{4,64}$/.test(named) ? snapshots.filter(each => each.id.startsWith(named)) : [];
  const [found] = fits;
  if (found === undefined || fits.length > 1) {
    throw new SignetError('E_NOT_FOUND', fits.length > 1 ? 'several snapshots begin like this' : 'no such snapshot', {
      params: { what: named, ambiguous: fits.length > 1 },
    });
  }
  return found;
}

export function timeOf(snapshot: Snapshot): number {
  const time = Date.parse(snapshot.time);
  return Number.isNaN(time) ? 0 : time;
}
