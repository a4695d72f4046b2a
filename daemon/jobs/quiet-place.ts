// A look at the place in which nothing is wrong, as deleting needs it: what is deleted while the place shows an old copy may be all that
// proves it.

import { SignetError } from '../base/errors.ts';
import type { Remote } from '../remotes/remote.ts';
import type { Repository } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import { latenessInHistory } from './alarm-of.ts';
import { readHistory, type SnapshotHistory } from './history.ts';

export interface QuietLook {
  readonly remote: Remote;
  readonly repository: Pick<Repository, 'id' | 'snapshots'>;
  readonly headsKey: Uint8Array;
  readonly witness: Witness;
  /** An app uploads the place: what is missing of other devices may still arrive. */
  readonly isSynced: boolean;
  readonly signal: AbortSignal;
}

/** @throws E_ALARM with `params.alarm`, and `params.arriving` where it may pass by itself · E_VERSION */
export async function quietHistory(look: QuietLook): Promise<SnapshotHistory> {
  const history = await readHistory(look);
  const [finding] = history.findings;
  if (finding !== undefined) {
    // Refused also for what is no alarm: what has yet to come may need what would be let go.
    const isArriving = latenessInHistory(finding, { self: look.witness.device, isSynced: look.isSynced }) !== 'no';
    throw new SignetError('E_ALARM', finding.detail, {
      params: { alarm: finding.code, ...(isArriving && { arriving: true }) },
    });
  }
  if (!history.heads.isWritable) {
    throw new SignetError('E_VERSION', 'a newer version wrote here and asks older ones to read only');
  }
  return history;
}
