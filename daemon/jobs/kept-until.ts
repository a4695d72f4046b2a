// Until when the snapshots of a device stay for certain, for lists: by their times alone, since a list reads nothing but the snapshots.

import type { SnapshotEntry } from '../../protocol/status.ts';
import { claimedBackup } from '../heads/heads.ts';
import type { SnapshotId } from '../repository/model.ts';
import type { KeptBy } from './engine-messages.ts';
import { newestBackupAt, type SnapshotHistory } from './history.ts';
import { keptUntil } from './retention.ts';

/** Milliseconds since 1970; absent as `SnapshotEntry.keptUntil` is. */
export function keptUntilIn(
  history: Pick<SnapshotHistory, 'heads' | 'snapshots'>,
  { device, rules, timeZone }: KeptBy,
): ReadonlyMap<SnapshotId, number> {
  const now = newestBackupAt(history, device);
  if (now === undefined || Number.isNaN(now)) return new Map();
  const own = history.snapshots.flatMap(({ id, snapshot, standing }) => {
    const claimed = claimedBackup(snapshot);
    if (standing !== 'announced' || claimed?.device !== device) return [];
    return [{ id, at: Date.parse(snapshot.time), seq: claimed.seq }];
  });
  return keptUntil(own, rules, { now, timeZone });
}

export function withKeptUntil(entry: SnapshotEntry, until: ReadonlyMap<string, number> | undefined): SnapshotEntry {
  const at = until?.get(entry.id);
  return at === undefined || Number.isNaN(at) ? entry : { ...entry, keptUntil: new Date(at).toISOString() };
}
