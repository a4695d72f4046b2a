// A remote that is asked no faster than it likes, and moved to and from no faster than its owner allows. First come, first served: two
// uploads at once share a limit piece by piece. A body is paid for in the pieces in which an adapter moves it (CallOptions.pace), so that
// a line is never filled beyond the limit; an adapter that moves bodies whole is held to the limit on average, by a pause after each.

import { type Clock, pause } from '../base/clock.ts';
import type { CallOptions, NetworkRemote } from './remote.ts';

export interface Rate {
  readonly perSecond: number;
  /** What may be spent at once after a time of rest. */
  readonly burst: number;
}

/** What Google's API bears from one user: rclone's pacer and its measured rate of creates (rclone issues 2880, 7384). */
export const driveRates = { requests: { perSecond: 10, burst: 20 }, puts: { perSecond: 3, burst: 3 } } as const;

export interface Throttling {
  readonly clock: Clock;
  /** Of all requests. */
  readonly requests?: Rate | undefined;
  /** Of new objects. */
  readonly puts?: Rate | undefined;
  /** Settings, asked each time; 0 for no limit. */
  readonly uploadBytesPerSecond: () => number;
  readonly downloadBytesPerSecond: () => number;
}

/** What a limit on bytes lets through at once: long enough that timers are accurate, too short to be felt. */
const byteBurstSeconds = 0.25;

export function throttled(remote: NetworkRemote, limits: Throttling): NetworkRemote {
  const { clock } = limits;
  const calls = new Bucket(clock, () => limits.requests);
  const puts = new Bucket(clock, () => limits.puts);
  const upload = new Bucket(clock, byteRate(limits.uploadBytesPerSecond));
  const download = new Bucket(clock, byteRate(limits.downloadBytesPerSecond));
  let underWay = 0;
  let charged = remote.requests();

  /** A call may take several requests, or none: what the last ones really took is charged to the next. */
  async function admitted<Result>(signal: AbortSignal | undefined, call: () => Promise<Result>): Promise<Result> {
    const owed = Math.max(0, remote.requests() + underWay + 1 - charged);
    charged += owed;
    underWay++;
    try {
      await calls.take(owed, signal);
      return await call();
    } finally {
      underWay--;
    }
  }

  async function paced<Result>(
    bucket: Bucket,
    options: CallOptions | undefined,
    call: (pace: CallOptions['pace']) => Promise<Result>,
    size: (result: Result) => number,
  ): Promise<Result> {
    const signal = options?.signal;
    let isPacedInside = false;
    const pace = async (bytes: number): Promise<void> => {
      isPacedInside = true;
      await bucket.take(bytes, signal);
    };
    const result = await admitted(signal, () => call(bucket.isLimited ? pace : undefined));
    // The object has moved: whoever stops now has it all the same.
    if (!isPacedInside) await bucket.take(size(result), signal).catch(() => undefined);
    return result;
  }

  return {
    kind: remote.kind,
    label: remote.label,
    isCostlyToList: remote.isCostlyToList,
    listsTogether: remote.listsTogether,
    requests: remote.requests,
    about: options => admitted(options?.signal, () => remote.about(options)),
    stat: (key, options) => admitted(options?.signal, () => remote.stat(key, options)),
    remove: (key, options) => admitted(options?.signal, () => remote.remove(key, options)),

    async put(key, body, options) {
      await puts.take(1, options?.signal);
      const sizeBytes = body instanceof Uint8Array ? body.length : body.sizeBytes;
      return paced(
        upload,
        options,
        pace => remote.put(key, body, { ...options, pace }),
        () => sizeBytes,
      );
    },

    get(key, options) {
      return paced(
        download,
        options,
        pace => remote.get(key, { ...options, pace }),
        bytes => bytes.length,
      );
    },

    async *list(folder, options) {
      await admitted(options?.signal, async () => undefined);
      yield* remote.list(folder, options);
    },
  };
}

const byteRate = (setting: () => number) => (): Rate | undefined => {
  const perSecond = setting();
  return perSecond > 0 ? { perSecond, burst: perSecond * byteBurstSeconds } : undefined;
};

/** Each taker is given its time when it comes, after those before it: first come, first served, and no timer but its own. */
class Bucket {
  readonly #clock: Clock;
  readonly #rate: () => Rate | undefined;
  /** On the monotonic clock: when all that was taken is made up for. */
  #evenAt = 0;

  constructor(clock: Clock, rate: () => Rate | undefined) {
    this.#clock = clock;
    this.#rate = rate;
  }

  get isLimited(): boolean {
    return this.#rate() !== undefined;
  }

  /** Returns when `amount` may be spent. One larger than the burst is let through, and those after it wait for it. */
  async take(amount: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const rate = this.#rate();
    if (rate === undefined || amount <= 0) return;
    const now = this.#clock.monotonic();
    const costMs = (amount / rate.perSecond) * 1000;
    const burstMs = (rate.burst / rate.perSecond) * 1000;
    const evenAt = Math.max(now, this.#evenAt) + costMs;
    this.#evenAt = evenAt;
    // What exceeds the burst by itself would never be let through: it waits for those before it alone.
    const waitMs = evenAt - Math.max(burstMs, costMs) - now;
    if (waitMs <= 0) return;
    try {
      await pause(this.#clock, waitMs, signal);
    } catch (error) {
      this.#evenAt -= costMs; // not spent
      throw error;
    }
  }
}
