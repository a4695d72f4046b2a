// A clock for work that waits a lot: whoever pauses goes on as soon as nothing else is under way, and time is later by that much. So an hour of
// patience takes a test a few milliseconds, and everything still happens in its order. Timers that watch over something (`unref`) never fire
// by themselves: that work takes no time here is no sign of silence.

import type { Clock } from '../../daemon/base/clock.ts';

/** Real time after which nothing is taken to be under way: enough for an answer to reach the other end of a connection on this computer. */
const lullMs = 3;

export interface HastyClock extends Clock {
  /** Time goes on; pauses that are over end, watches do not fire. */
  pass(ms: number): void;
  /** As `pass`, and watches fire that are due. */
  advance(ms: number): void;
  /** What was paused for so far, in order. */
  readonly pauses: readonly number[];
}

export interface HastyClockOptions {
  readonly startMs?: number;
  /** Something is under way that does not wait for this clock. */
  readonly isBusy?: () => boolean;
}

interface Timer {
  readonly at: number;
  readonly isWatch: boolean;
  readonly callback: () => void;
}

export function hastyClock(options: HastyClockOptions = {}): HastyClock {
  const { startMs = Date.UTC(2026, 10, 23, 9), isBusy = () => false } = options;
  let now = startMs;
  let happened = 0;
  let isWaiting = false;
  const timers = new Set<Timer>();
  const pauses: number[] = [];

  const next = (isDue: (timer: Timer) => boolean): Timer | undefined =>
    [...timers].filter(isDue).sort((a, b) => a.at - b.at)[0];

  function run(timer: Timer): void {
    timers.delete(timer);
    now = Math.max(now, timer.at);
    happened++;
    timer.callback();
  }

  /** Ends the pause that is over first, once nothing has happened for a moment. */
  function hurry(): void {
    if (isWaiting) return;
    isWaiting = true;
    const before = happened;
    setTimeout(() => {
      isWaiting = false;
      const first = next(timer => !timer.isWatch);
      if (first === undefined) return;
      if (happened === before && !isBusy()) run(first);
      hurry();
    }, lullMs);
  }

  function move(ms: number, withWatches: boolean): void {
    const until = now + ms;
    happened++;
    for (;;) {
      const due = next(timer => timer.at <= until && (withWatches || !timer.isWatch));
      if (due === undefined) break;
      run(due);
    }
    now = until;
  }

  return {
    now: () => now,
    monotonic: () => now - startMs,
    timer(ms, callback, { unref: isWatch = false } = {}) {
      const timer = { at: now + ms, isWatch, callback };
      timers.add(timer);
      if (!isWatch) {
        pauses.push(ms);
        hurry();
      }
      return () => timers.delete(timer);
    },
    pass: ms => move(ms, false),
    advance: ms => move(ms, true),
    pauses,
  };
}
