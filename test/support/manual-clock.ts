// A clock that stands still until a test moves it.

import type { Clock } from '../../daemon/base/clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on, firing what falls due in order. */
  advance(ms: number): void;
  /** Sets the wall clock without firing anything, as a user or the network does. */
  jumpTo(now: number): void;
  /**
   * Lets the wall clock go on while no timer runs, as while the computer sleeps.
   * @param monotonic whether the monotonic clock goes on, too: it does on macOS and Windows, not on Linux
   */
  sleep(ms: number, monotonic?: boolean): void;
  /** Resolves when a timer that is not further off than `ms` is waiting. */
  timerWithin(ms: number): Promise<void>;
}

export function manualClock(start = Date.UTC(2026, 10, 23)): ManualClock {
  let now = start;
  let elapsed = 0;
  const timers = new Set<{ at: number; readonly callback: () => void }>();
  let waiting: { readonly ms: number; readonly resolve: () => void }[] = [];

  function wake(): void {
    const nearest = Math.min(...[...timers].map(timer => timer.at - elapsed));
    for (const each of waiting) if (nearest <= each.ms) each.resolve();
    waiting = waiting.filter(each => nearest > each.ms);
  }

  return {
    now: () => now,
    monotonic: () => elapsed,
    timer(ms, callback) {
      const timer = { at: elapsed + ms, callback };
      timers.add(timer);
      wake();
      return () => timers.delete(timer);
    },
    advance(ms) {
      const until = elapsed + ms;
      for (;;) {
        const due = [...timers].filter(timer => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        now += due.at - elapsed;
        elapsed = due.at;
        due.callback();
      }
      now += until - elapsed;
      elapsed = until;
    },
    jumpTo(time) {
      now = time;
    },
    sleep(ms, monotonic = false) {
      now += ms;
      if (!monotonic) return;
      elapsed += ms;
      for (const timer of timers) timer.at += ms;
    },
    timerWithin(ms) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ ms, resolve });
      wake();
      return promise;
    },
  };
}
