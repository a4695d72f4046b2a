// Locking by itself: so long after the last use, or so long after the password was given. Time is measured by both clocks and the longer one
// counts: the steady one stands still while the computer sleeps, the other one can be set back.

import type { Clock } from '../base/clock.ts';

/** Milliseconds; 0 is no limit. */
export interface LockLimits {
  readonly idleMs: number;
  readonly maxAgeMs: number;
}

export interface AutoLockOptions {
  readonly clock: Clock;
  /** A running job is use. */
  readonly isBusy: () => boolean;
  readonly lock: () => void;
}

interface Moment {
  readonly wall: number;
  readonly steady: number;
}

/** How often time is looked at: a timer alone would oversleep with the computer. */
const lookEveryMs = 60_000;

export class AutoLock {
  readonly #options: AutoLockOptions;
  #limits: LockLimits = { idleMs: 0, maxAgeMs: 0 };
  #givenAt: Moment | undefined;
  #usedAt: Moment;
  #cancelTimer: () => void = () => undefined;

  constructor(options: AutoLockOptions) {
    this.#options = options;
    this.#usedAt = this.#now();
  }

  get limits(): LockLimits {
    return this.#limits;
  }

  follow(limits: LockLimits): void {
    this.#limits = limits;
    this.#look();
  }

  /** @param givenAt when the password was given, milliseconds since 1970 */
  opened(givenAt: number): void {
    const { wall, steady } = this.#now();
    this.#givenAt = { wall: givenAt, steady: steady - Math.max(0, wall - givenAt) };
    this.#usedAt = { wall, steady };
    this.#look();
  }

  closed(): void {
    this.#givenAt = undefined;
    this.#cancelTimer();
  }

  used(): void {
    this.#usedAt = this.#now();
  }

  #look(): void {
    this.#cancelTimer();
    if (this.#givenAt === undefined) return;
    if (this.#options.isBusy()) this.used();
    const left = Math.min(
      leftOf(this.#limits.idleMs, this.#since(this.#usedAt)),
      leftOf(this.#limits.maxAgeMs, this.#since(this.#givenAt)),
    );
    if (left <= 0) this.#options.lock();
    else if (left < Number.POSITIVE_INFINITY) this.#lookIn(Math.min(left, lookEveryMs));
  }

  #lookIn(ms: number): void {
    this.#cancelTimer = this.#options.clock.timer(ms, () => this.#look(), { unref: true });
  }

  #since(moment: Moment): number {
    const { wall, steady } = this.#now();
    return Math.max(wall - moment.wall, steady - moment.steady);
  }

  #now(): Moment {
    return { wall: this.#options.clock.now(), steady: this.#options.clock.monotonic() };
  }
}

function leftOf(limitMs: number, passedMs: number): number {
  return limitMs === 0 ? Number.POSITIVE_INFINITY : limitMs - passedMs;
}
