// A remote that is tried again. One policy for all places, by the kind of error: adapters say once what happened (remote.ts) and try
// nothing themselves. While a place asked for patience no call is sent to it, whoever makes it.
// Waits follow Google's rule for its API, min(2^n s + at most 1 s, 64 s), and whatever longer time the place itself names.

import { type Clock, pause } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import type { CallOptions, GetOptions, NetworkRemote, RemoteKey } from './remote.ts';

const firstWaitMs = 1000;
const jitterMs = 1000;
const longestWaitMs = 64_000;
/** What nobody has named is tried once more: it may have been chance, and no endless loop. */
const triesOfUnknown = 2;

/**
 * For how long a call is tried again after it first failed. Someone who waits before a screen is told soon; a backup at night outlasts a
 * router that restarts, and ends before its lock is stale for others (20 minutes).
 */
export const patience = { personMs: 20_000, jobMs: 15 * 60_000 } as const;

export type Decision = { readonly waitMs: number } | 'give-up';

export interface Failure {
  readonly error: unknown;
  /** Tries so far that ended so, from 1. */
  readonly tries: number;
  /** Since the first of them. */
  readonly elapsedMs: number;
}

/** @param random from 0 to below 1 */
export function decide({ error, tries, elapsedMs }: Failure, patienceMs: number, random: number): Decision {
  if (!isPassing(error) && !(isUnknown(error) && tries < triesOfUnknown)) return 'give-up';
  const jitter = random * jitterMs;
  const backoffMs = Math.min(firstWaitMs * 2 ** (tries - 1) + jitter, longestWaitMs);
  // Not at the very moment that was named: others were told the same one.
  const askedMs = askedPatienceMs(error);
  const waitMs = askedMs === undefined ? backoffMs : Math.max(backoffMs, askedMs + jitter);
  return elapsedMs + waitMs > patienceMs ? 'give-up' : { waitMs };
}

/** A full place, a daily limit, an ended sign-in or a refusal stays what it is for hours: jobs decide about those. */
function isPassing(error: unknown): boolean {
  return error instanceof SignetError && error.code === 'E_UNREACHABLE' && error.retryable;
}

/** What is no error of the taxonomy, and not the caller's own wish to stop. */
function isUnknown(error: unknown): boolean {
  return !(error instanceof SignetError) && !(error instanceof Error && error.name === 'AbortError');
}

/** What the place asked for: 0 when it named no time, undefined when it did not ask for patience at all. */
function askedPatienceMs(error: unknown): number | undefined {
  const asked = error instanceof SignetError ? error.params['retryAfterMs'] : undefined;
  return typeof asked === 'number' && asked >= 0 ? asked : undefined;
}

/** Of one call. */
type Options = CallOptions & Pick<GetOptions, 'patienceMs'>;

export interface Retrying {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Asked at every failure: what runs now, a job or a request that someone waits for. See `patience`. */
  readonly patienceMs: () => number;
  /** The place asked for patience until then (milliseconds since 1970), or nobody waits for it any more. */
  readonly onWait?: ((untilMs: number | undefined) => void) | undefined;
  /** The place did what it was asked, or asked for patience: it is there. */
  readonly onAnswer?: (() => void) | undefined;
}

/** Work on a place that is none of a remote's calls, by the same policy; it must be such as may be done again. */
export async function persistently<Result>(
  { clock, random, patienceMs }: Omit<Retrying, 'onWait' | 'onAnswer'>,
  work: () => Promise<Result>,
  { signal }: CallOptions = {},
): Promise<Result> {
  let firstAt: number | undefined;
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      firstAt ??= clock.monotonic();
      const decision = decide({ error, tries, elapsedMs: clock.monotonic() - firstAt }, patienceMs(), random());
      if (decision === 'give-up') throw error;
      await pause(clock, decision.waitMs, signal);
    }
  }
}

/**
 * The same place with passing failures tried again. A call that is given up throws its last error; a wait ends at once when its caller
 * stops. A listing that breaks is begun anew and yields no key twice, for which it remembers the keys.
 */
export function retrying(remote: NetworkRemote, policy: Retrying): NetworkRemote {
  const { clock } = policy;
  /** On the monotonic clock; with what the place said when it asked. */
  let quiet: { readonly until: number; readonly error: unknown } | undefined;
  let waiters = 0;

  const announce = (): void => {
    if (quiet !== undefined) policy.onWait?.(clock.now() + Math.max(0, quiet.until - clock.monotonic()));
  };

  /** What the caller allows may change while it waits. */
  const patienceOf = ({ patienceMs = Number.POSITIVE_INFINITY }: Options = {}): number =>
    Math.min(policy.patienceMs(), patienceMs);

  async function waitForPlace(options: Options | undefined): Promise<void> {
    while (quiet !== undefined && quiet.until > clock.monotonic()) {
      const leftMs = quiet.until - clock.monotonic();
      if (leftMs > patienceOf(options)) throw quiet.error;
      waiters++;
      announce();
      try {
        await pause(clock, leftMs, options?.signal);
      } finally {
        waiters--;
        if (waiters === 0) policy.onWait?.(undefined);
      }
    }
  }

  /** Counts the failures of one call, and waits or throws. */
  function attempts(options: Options | undefined) {
    const signal = options?.signal;
    let tries = 0;
    let firstAt = 0;
    return {
      /** What came through proves that the place answers. */
      progressed(): void {
        tries = 0;
      },
      async failed(error: unknown): Promise<void> {
        signal?.throwIfAborted();
        if (tries === 0) firstAt = clock.monotonic();
        tries++;
        const askedMs = isPassing(error) ? askedPatienceMs(error) : undefined;
        if (askedMs !== undefined) policy.onAnswer?.();
        const failure = { error, tries, elapsedMs: clock.monotonic() - firstAt };
        const decision = decide(failure, patienceOf(options), policy.random());
        if (askedMs !== undefined) {
          const waitMs = decision === 'give-up' ? askedMs : decision.waitMs;
          const until = clock.monotonic() + waitMs;
          if (until > (quiet?.until ?? 0)) quiet = { until, error };
          if (waiters > 0) announce();
        }
        if (decision === 'give-up') throw error;
        if (askedMs === undefined) await pause(clock, decision.waitMs, signal);
      },
    };
  }

  async function persist<Result>(options: Options | undefined, call: () => Promise<Result>): Promise<Result> {
    const tried = attempts(options);
    for (;;) {
      await waitForPlace(options);
      try {
        const result = await call();
        policy.onAnswer?.();
        return result;
      } catch (error) {
        await tried.failed(error);
      }
    }
  }

  return {
    kind: remote.kind,
    label: remote.label,
    isCostlyToList: remote.isCostlyToList,
    listsTogether: remote.listsTogether,
    requests: remote.requests,
    about: options => persist(options, () => remote.about(options)),
    put: (key, body, options) => persist(options, () => remote.put(key, body, options)),
    get: (key, options) => persist(options, () => remote.get(key, options)),
    stat: (key, options) => persist(options, () => remote.stat(key, options)),
    remove: (key, options) => persist(options, () => remote.remove(key, options)),

    async *list(folder, options) {
      const tried = attempts(options);
      const listed = new Set<RemoteKey>();
      for (;;) {
        await waitForPlace(options);
        const entries = remote.list(folder, options)[Symbol.asyncIterator]();
        try {
          for (;;) {
            // Only what the place does is tried again: what the reader throws ends the listing.
            const next = await entries.next().catch(async error => {
              await tried.failed(error);
              return 'broken' as const;
            });
            if (next === 'broken') break;
            policy.onAnswer?.();
            if (next.done === true) return;
            if (listed.has(next.value.key)) continue;
            listed.add(next.value.key);
            tried.progressed();
            yield next.value;
          }
        } finally {
          await entries.return?.();
        }
      }
    },
  };
}
