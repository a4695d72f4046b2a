// Which snapshots there are and what to think of each: named by a device's head, still waiting for one, replayed, or foreign. The newest
// that a device vouches for is the default everywhere.

import { SignetError } from '../base/errors.ts';
import {
  claimedBackup,
  classifySnapshot,
  compareWithWitness,
  type Finding,
  type HeadSet,
  readHeads,
} from '../heads/heads.ts';
import type { HeadsKey, StandingSnapshot } from '../heads/model.ts';
import type { Copies, Remote } from '../remotes/remote.ts';
import type { Repository, Snapshot } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import { oneLook, type Shown } from './one-look.ts';

/** What `readHistory` lists. */
export const historyFolders = ['signet/heads', 'snapshots'] as const;

export interface SnapshotHistory {
  /** Newest first. */
  readonly snapshots: readonly StandingSnapshot[];
  readonly heads: HeadSet;
  readonly headsKey: HeadsKey;
  /** What an honest place would not show. */
  readonly findings: readonly Finding[];
}

/**
 * Heads are listed before snapshots, against the order in which they are written: a backup of another device that ends in between then
 * looks unannounced, never withheld. Forgetting goes the other way round, so what is missing is looked at once more before it is said.
 *
 * @param context.witness what this machine remembers; without it only contradictions inside the place are found
 * @param context.shown what the place showed when it was looked at as a whole; without it that is done here
 * @param context.copies 'remote' to read heads from the place that are at hand as well
 */
export async function readHistory(context: {
  readonly remote: Remote;
  readonly repository: Pick<Repository, 'id' | 'snapshots'>;
  readonly headsKey: Uint8Array;
  readonly witness?: Witness | undefined;
  readonly shown?: Shown | undefined;
  readonly copies?: Copies | undefined;
  readonly signal: AbortSignal;
}): Promise<SnapshotHistory> {
  const found = await readOnce(context);
  if (!found.findings.some(({ code }) => code === 'E_WITHHELD' || code === 'E_ROLLBACK')) return found;
  return readOnce({ ...context, shown: undefined });
}

async function readOnce(context: Parameters<typeof readHistory>[0]): Promise<SnapshotHistory> {
  const { remote, repository, witness, copies, signal } = context;
  const shown = context.shown ?? oneLook(remote, historyFolders, { signal });
  const headsKey = { key: context.headsKey, repositoryId: repository.id };
  const heads = await readHeads({ ...headsKey, remote, shown, copies, signal });
  const stored = await repository.snapshots({ shown, signal });
  const snapshots = [...stored].map(([id, snapshot]) => ({
    id,
    snapshot,
    standing: classifySnapshot({ ...headsKey, id, snapshot, heads }),
  }));
  snapshots.sort((a, b) => timeOf(b.snapshot) - timeOf(a.snapshot));
  return { snapshots, heads, headsKey, findings: compareWithWitness(witness, heads, snapshots) };
}

/**
 * The snapshot a person means: `latest`, an id, or the beginning of one (at least four digits). `latest` is the newest that a device
 * vouches for; only a repository in which no device ever did (made by stock restic) offers others.
 *
 * @throws E_NOT_FOUND with `params.what`, and `params.ambiguous` when the beginning fits several
 */
export function resolveSnapshot(snapshots: readonly StandingSnapshot[], named: string): StandingSnapshot {
  if (named === 'latest') {
    const latest = newestOfAll(snapshots) ?? snapshots.find(each => each.standing !== 'replayed');
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

/**
 * The snapshots that a device vouches for, its newest first. Numbers tell the order, not times: a clock that was wrong for a day would
 * otherwise make that day's backup the newest for ever.
 */
export function ofDevice(snapshots: readonly StandingSnapshot[], device: string): readonly StandingSnapshot[] {
  return snapshots
    .filter(each => isVouchedFor(each) && claimedBackup(each.snapshot)?.device === device)
    .toSorted((a, b) => seqOf(b) - seqOf(a));
}

/** Of the newest snapshots of all devices the one with the latest time. @param snapshots newest first by their times */
function newestOfAll(snapshots: readonly StandingSnapshot[]): StandingSnapshot | undefined {
  const newest = new Map<string | undefined, StandingSnapshot>();
  for (const each of snapshots) {
    if (!isVouchedFor(each)) continue;
    const device = claimedBackup(each.snapshot)?.device;
    const before = newest.get(device);
    if (before === undefined || seqOf(each) > seqOf(before)) newest.set(device, each);
  }
  return snapshots.find(each => newest.get(claimedBackup(each.snapshot)?.device) === each);
}

/** A device signed for it: its number counts. */
export function isVouchedFor({ standing }: StandingSnapshot): boolean {
  return standing === 'announced' || standing === 'unannounced';
}

function seqOf({ snapshot }: StandingSnapshot): number {
  return claimedBackup(snapshot)?.seq ?? 0;
}

function timeOf(snapshot: Snapshot): number {
  const time = Date.parse(snapshot.time);
  return Number.isNaN(time) ? 0 : time;
}
