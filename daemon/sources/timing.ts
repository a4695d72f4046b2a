// When changes that were seen become a run: after quiet, but not for ever, and not too often. A pure decision.

export interface QuietSettings {
  /** Milliseconds without a change before a run. */
  readonly quietMs: number;
  /** Milliseconds after the first change when a run starts although changes go on. */
  readonly longestWaitMs: number;
  /** Milliseconds between the starts of two runs. */
  readonly smallestIntervalMs: number;
}

/** Milliseconds since 1970, as all times here. */
export interface PendingChanges {
  readonly firstAt: number;
  readonly lastAt: number;
}

/** What a run waits for: that changes end, or that the one before is long enough ago. */
export interface NextRun {
  readonly reason: 'quiet' | 'interval';
  readonly at: number;
}

/**
 * The time of the next run; not later than `now` means at once. Undefined: nothing is pending.
 * A clock that was set back cannot postpone a run: times in the future count as now.
 */
export function nextRun(
  pending: PendingChanges | undefined,
  now: number,
  lastRunAt: number | undefined,
  settings: QuietSettings,
): NextRun | undefined {
  if (pending === undefined) return undefined;
  const firstAt = Math.min(pending.firstAt, now);
  const lastAt = Math.min(pending.lastAt, now);
  const settled = Math.min(lastAt + settings.quietMs, firstAt + settings.longestWaitMs);
  const free = lastRunAt === undefined || lastRunAt > now ? settled : lastRunAt + settings.smallestIntervalMs;
  return free > settled ? { reason: 'interval', at: free } : { reason: 'quiet', at: settled };
}
