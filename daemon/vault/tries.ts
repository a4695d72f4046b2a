// How fast passwords may be tried: one a second, and after five wrong ones a pause that doubles. It slows down someone at an
// unattended screen; it is no barrier to who can read the vault file.

import { type Clock, pause } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';

const freeTries = 5;
const spacingMs = 1000;
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;

export class Tries {
  readonly #clock: Clock;
  #failures = 0;
  #blockedUntil = 0;
  #lastAt = Number.NEGATIVE_INFINITY;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs one try, after those that were asked for before it. E_WRONG_SECRET counts as a failure and gets `params.triesLeft`;
   * a success resets the count; any other error counts as nothing.
   *
   * @throws E_TOO_MANY_TRIES with params.seconds while the pause lasts; the try is then not made
   */
  async attempt<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#turn.then(() => this.#attempt(work, signal));
    this.#turn = turn.catch(() => undefined); // its own caller hears of it
    return turn;
  }

  async #attempt<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const now = this.#clock.monotonic();
    if (now < this.#blockedUntil) {
      const seconds = Math.ceil((this.#blockedUntil - now) / 1000);
      throw new SignetError('E_TOO_MANY_TRIES', `too many wrong tries; the next one is possible in ${seconds} s`, {
        params: { seconds },
      });
    }
    const wait = this.#lastAt + spacingMs - now;
    if (wait > 0) await pause(this.#clock, wait, signal);
    this.#lastAt = this.#clock.monotonic();
    try {
      const result = await work();
      this.#failures = 0;
      return result;
    } catch (error) {
      throw error instanceof SignetError && error.code === 'E_WRONG_SECRET' ? this.#failed(error) : error;
    }
  }

  #failed(error: SignetError): SignetError {
    this.#failures++;
    const over = this.#failures - freeTries;
    if (over >= 0) this.#blockedUntil = this.#clock.monotonic() + Math.min(longestPauseMs, firstPauseMs * 2 ** over);
    return new SignetError(error.code, error.message, { params: { ...error.params, triesLeft: Math.max(0, -over) } });
  }
}
