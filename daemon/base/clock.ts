// Time as an argument: production passes systemClock, tests drive their own.

export interface Clock {
  /** Milliseconds since 1970, wall clock. */
  now(): number;
  /** Milliseconds that never run backwards, for durations. */
  monotonic(): number;
  /** Calls back once after `ms`; the answer cancels it. Never keeps the process alive by itself when `unref` is set. */
  timer(ms: number, callback: () => void, options?: { unref?: boolean }): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, callback, options) {
    const handle = setTimeout(callback, ms);
    if (options?.unref) handle.unref();
    return () => clearTimeout(handle);
  },
};

/** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = clock.timer(ms, () => {
    signal?.removeEventListener('abort', onAbort);
    resolve();
  });
  function onAbort(): void {
    cancel();
    reject(signal?.reason);
  }
  signal?.addEventListener('abort', onAbort, { once: true });
  return promise;
}

/** The time as restic writes it: RFC 3339 in UTC with trimmed fraction. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
