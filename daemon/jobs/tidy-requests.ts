// What the engine is asked about the room that backups take: taking snapshots out. The opened backup and how it is told of progress are the
// server's.

import type { CaptureFacts } from '../archive/browse.ts';
import type { Clock } from '../base/clock.ts';
import type { SnapshotId } from '../repository/model.ts';
import * as engine from './engine-messages.ts';
import { runForget } from './forgetting.ts';
import type { Answer, PlaceRequestsOptions, Session } from './place-requests.ts';

export interface TidyRequestsOptions extends Pick<PlaceRequestsOptions, 'asJob' | 'onProgress'> {
  /** @throws E_VAULT_LOCKED */
  readonly opened: () => Session;
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
    answer(engine.forget, (order, signal) => this.#options.asJob('attended', () => this.#forget(order, signal)));
  }

  async #forget(order: engine.ForgetOrder, signal: AbortSignal): Promise<engine.ForgetOutcome> {
    const { opened, onRemoved, clock, randomBytes, onProgress } = this.#options;
    const session = opened();
    if (this.#captures?.of !== session) this.#captures = { of: session, known: new Map() };
    const captures = this.#captures.known;
    try {
      return await runForget({ ...session, order, captures, clock, randomBytes, onProgress, signal });
    } finally {
      if (!order.dryRun) onRemoved();
    }
  }
}
