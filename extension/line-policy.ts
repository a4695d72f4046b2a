// What happens after the line to the daemon was lost, or could not be had: whether one is started, and when to look again. A daemon that was
// killed is started at once; one that ended as it should was stopped by somebody, and stays so until somebody starts it.

import type { WireError } from '../protocol/errors.ts';

export interface Loss {
  /** The daemon that was there did not end in good order. */
  readonly wasKilled: boolean;
  /** Milliseconds since 1970 of the starts that followed a kill. */
  readonly restarts: readonly number[];
  /** Why there is no line; absent when it was simply lost. */
  readonly failure?: Pick<WireError, 'code' | 'params'>;
  /** Looks since then that found none. */
  readonly tries: number;
  readonly now: number;
}

export interface NextLook {
  readonly inMs: number;
  /** Start one when there is none. */
  readonly start: boolean;
}

/** One that falls again and again is left alone: whoever wants it says so. */
const mostRestarts = 3;
const restartWindowMs = 10 * 60_000;
/** The last one repeats. */
const lookMs = [500, 1000, 2000, 5000, 10_000] as const;
const longMs = 60_000;

export function nextLook({ wasKilled, restarts, failure, tries, now }: Loss): NextLook {
  const inMs = lookMs[Math.min(tries, lookMs.length - 1)] ?? longMs;
  if (failure?.code === 'E_DAEMON_INCOMPATIBLE') {
    // A newer one is left alone; an older one that is at work makes way when it is asked again later.
    return failure.params['newer'] === 'daemon' ? { inMs: longMs, start: false } : { inMs: 10_000, start: true };
  }
  if (!wasKilled) return { inMs, start: false };
  const lately = restarts.filter(at => now - at < restartWindowMs).length;
  return { inMs: Math.min(inMs, 2000), start: lately < mostRestarts };
}
