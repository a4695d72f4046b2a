// What opens clouds of a computer that is not set up yet, or cannot be unlocked before it is connected again: in the memory of this process
// alone, for an hour at most. Where it ends before, connecting has to be done again.

import { copySecret, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';

const longestMs = 3_600_000;

export class HeldConnections {
  readonly #clock: Clock;
  #bytes: Uint8Array | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the bytes over, in place of what was held. */
  hold(bytes: Uint8Array): void {
    this.forget();
    this.#bytes = bytes;
    this.#cancelTimer = this.#clock.timer(longestMs, () => this.forget(), { unref: true });
  }

  get isHolding(): boolean {
    return this.#bytes !== undefined;
  }

  /** The caller wipes it. */
  copy(): Uint8Array | undefined {
    return this.#bytes === undefined ? undefined : copySecret(this.#bytes);
  }

  forget(): void {
    this.#cancelTimer();
    wipe(this.#bytes);
    this.#bytes = undefined;
  }
}
