// The backups as a list tells of them, and what this computer knows of those that it made itself. What a device vouches for has its number; nothing here reads more than the snapshots themselves, of
// which there may be ten thousand.

import { stat } from 'node:fs/promises';
import type { SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import { claimedBackup } from '../heads/heads.ts';
import type { StandingSnapshot } from '../heads/model.ts';
import { profileOf } from '../sources/sources.ts';
import type { HistoryEntry, SourceSetting } from '../state/model.ts';
import { isVouchedFor } from './history.ts';

export function snapshotEntry(each: StandingSnapshot): SnapshotEntry {
  const { id, snapshot, standing } = each;
  const number = isVouchedFor(each) ? claimedBackup(snapshot)?.seq : undefined;
  return {
    id,
    at: snapshot.time,
    device: snapshot.hostname,
    sources: snapshot.paths.map(path => path.replace(/^\//, '')),
    files: snapshot.summary?.totalFilesProcessed ?? 0,
    sizeBytes: snapshot.summary?.totalBytesProcessed ?? 0,
    bytesAdded: snapshot.summary?.dataAddedPacked ?? 0,
    announced: standing === 'announced',
    ...(number !== undefined && { number }),
    ...((standing === 'foreign' || standing === 'replayed') && { standing }),
  };
}

/** A run is written down once its snapshot was read back. */
const longestReadBackMs = 24 * 3_600_000;

/** What the runs of this computer tell of the snapshots they made. */
export function withRuns(
  entries: readonly SnapshotEntry[],
  made: (from: number, to: number, count: number) => readonly HistoryEntry[],
): readonly SnapshotEntry[] {
  const times = entries.map(({ at }) => Date.parse(at)).filter(at => !Number.isNaN(at));
  if (times.length === 0) return entries;
  const [from, to] = [Math.min(...times), Math.max(...times) + longestReadBackMs];
  const runs = made(from, to, 2 * entries.length + 100);
  const bySnapshot = new Map(runs.flatMap(({ backup }) => (backup === undefined ? [] : [[backup.snapshot, backup]])));
  return entries.map(entry => {
    const backup = bySnapshot.get(entry.id);
    if (backup === undefined) return entry;
    const { messagesNew, conversationsChanged, notVerified } = backup;
    return {
      ...entry,
      ...(messagesNew !== undefined && { messagesNew }),
      ...(conversationsChanged !== undefined && { conversationsChanged }),
      verified: notVerified.length === 0,
    };
  });
}

/** How the source could be put back into its place on this computer; undefined where it cannot. */
export async function hereOf(
  { id, profile }: Pick<SnapshotSource, 'id' | 'profile'>,
  sources: readonly SourceSetting[],
): Promise<SnapshotSource['here']> {
  // Ids are random, and each computer has its own.
  const setting = sources.find(each => each.id === id && each.profile === profile);
  if (setting === undefined) return undefined;
  const isFolder = await stat(setting.root).then(
    found => found.isDirectory(),
    () => false, // not connected, or no right to look: then nothing is put there either
  );
  if (!isFolder) return undefined;
  return profileOf(profile).isLive ? 'live' : 'copy';
}
