// How long a job will still take, from what it did so far.

/** Below this share of the work, or this much time, a guess would only jump about. */
const leastShare = 0.02;
const leastMs = 1500;

/** Whole seconds, or undefined while it cannot be told. */
export function estimateSeconds(
  done: { readonly bytesDone: number; readonly bytesTotal: number },
  elapsedMs: number,
): number | undefined {
  const share = done.bytesTotal > 0 ? done.bytesDone / done.bytesTotal : 0;
  if (share < leastShare || elapsedMs < leastMs) return undefined;
  return Math.max(0, Math.round((elapsedMs * (1 / share - 1)) / 1000));
}
