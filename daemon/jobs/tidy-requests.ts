// What the engine is asked about the room that backups take: taking snapshots out, letting go of what nothing needs, and
// writing the index anew. The opened backup and how it is told of progress are the server's.

import type { CaptureFacts } from '../archive/browse.ts';
import type { Clock } from '../base/clock.ts';
import type { SnapshotId } from '../repository/model.ts';
import * as engine from './engine-messages.ts';
import { runForget } from './forgetting.ts';
import type { Answer, PlaceRequestsOptions, Session } from './place-requests.ts';
import { runPrune, runRepair } from './pruning.ts';

export interface TidyRequestsOptions extends Pick<PlaceRequestsOptions, 'asJob' | 'onProgress'> {
  /** @throws E_VAULT_LOCKED */
  readonly opened: () => Session;
  /** Before the files of forgotten snapshots are removed: resolves when that is remembered. */
  readonly onAnnounced: (seen: engine.ForgetAnnounced) => Promise<void>;
  /** What is known of the snapshots holds no more. */
  readonly onRemoved: () => void;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
}

export class TidyRequests {
  readonly #options: TidyRequestsOptions;
  /** By snapshot, of the repository that is open. */
  #captures: { readonly of: Session; readonly known: Map<SnapshotId, readonly CaptureFacts[]> } | undefined;

  constructor(options: TidyRequestsOptions) {
    this.#options = options;
  }

  listen(answer: Answer): void {
    const { asJob, opened, clock, onProgress } = this.#options;
    answer(engine.forget, (order, signal) => asJob('attended', () => this.#forget(order, signal)));
    answer(engine.prune, (order, signal) =>
      asJob('attended', () => runPrune({ ...opened(), clock, onProgress, signal }, order)),
    );
    answer(engine.repairIndex, (order, signal) =>
      asJob('attended', () => runRepair({ ...opened(), onProgress, signal }, order)),
    );
  }

  async #forget(order: engine.ForgetOrder, signal: AbortSignal): Promise<engine.ForgetOutcome> {
    const { opened, onRemoved, onAnnounced, clock, randomBytes, onProgress } = this.#options;
    const session = opened();
    if (this.#captures?.of !== session) this.#captures = { of: session, known: new Map() };
    const captures = this.#captures.known;
    try {
      return await runForget({ ...session, order, captures, clock, randomBytes, onProgress, onAnnounced, signal });
    } finally {
      if (!order.dryRun) onRemoved();
    }
  }
}
