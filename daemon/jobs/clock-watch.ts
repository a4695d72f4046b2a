// Tells from two clocks what happened between two looks. During sleep the wall clock goes on while timers stand still; whether the
// monotonic clock goes on, too, differs between systems, so a timer that comes much too late counts as sleep as well. A clock that was set
// forward looks the same, and is treated the same.

import type { Clock } from '../base/clock.ts';

/** Less than that is a busy machine, or a clock that is kept right. */
const noticedMs = 60_000;

export class ClockWatch {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  #wall: number;
  #elapsed: number;

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock;
    this.#wall = clock.now();
    this.#elapsed = clock.monotonic();
  }

  /** @param expectedMs how long the timer was to take that calls now; without it the monotonic clock is believed */
  look(expectedMs = Number.POSITIVE_INFINITY): 'steady' | 'slept' | 'set-back' {
    const [wall, elapsed] = [this.#clock.now(), this.#clock.monotonic()];
    const [wallMs, elapsedMs] = [wall - this.#wall, elapsed - this.#elapsed];
    this.#wall = wall;
    this.#elapsed = elapsed;
    if (elapsedMs - wallMs > noticedMs) return 'set-back';
    return wallMs - Math.min(elapsedMs, expectedMs) > noticedMs ? 'slept' : 'steady';
  }
}
