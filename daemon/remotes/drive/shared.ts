// One piece of work for several callers: it runs once, each may stop waiting, and it is stopped when nobody waits any more.

export interface SharedWork<Result> {
  /** The work's outcome; rejects with the signal's reason when it aborts first. */
  wait(signal: AbortSignal | undefined): Promise<Result>;
  /** Resolves when it ended in whatever way; waits for nothing on behalf of a caller. */
  readonly ended: Promise<void>;
  /** Resolves when it ended badly, and only then. */
  readonly failed: Promise<void>;
  /** Nobody waited for it any more. */
  isStopped(): boolean;
}

export function sharedWork<Result>(start: (signal: AbortSignal) => Promise<Result>): SharedWork<Result> {
  const stop = new AbortController();
  let waiting = 0;
  const work = start(stop.signal);
  const failure = Promise.withResolvers<void>();
  const ended = work.then(
    () => undefined,
    () => failure.resolve(), // each caller is told by its own promise
  );
  return {
    ended,
    failed: failure.promise,
    isStopped: () => stop.signal.aborted,
    wait(signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      waiting++;
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      const onAbort = (): void => {
        reject(signal?.reason);
        waiting--;
        if (waiting === 0) stop.abort();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject);
      ended.then(() => signal?.removeEventListener('abort', onAbort));
      return promise;
    },
  };
}
