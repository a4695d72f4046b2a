// The backups as a list tells of them. What a device vouches for has its number; nothing here reads more than the snapshots themselves, of
// which there may be ten thousand.

import type { SnapshotEntry } from '../../protocol/status.ts';
import { claimedBackup } from '../heads/heads.ts';
import type { StandingSnapshot } from '../heads/model.ts';
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
  };
}
