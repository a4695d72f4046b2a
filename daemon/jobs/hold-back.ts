// Whether an automatic backup that is due may begin, or what it waits for. A pure decision; a backup that a person asks for never asks here.

import type { Settings } from '../state/model.ts';

/** What holds a due backup back, and until when where that is known (milliseconds since 1970). */
export interface Hold {
  readonly reason: 'locked' | 'quiet' | 'retry' | 'paused' | 'network' | 'battery' | 'metered' | 'limit' | 'sign-in';
  readonly until?: number;
}

/** What the daemon knows without asking. Moments that are undefined or past hold nothing back. */
export interface HoldFacts {
  readonly now: number;
  readonly isUnlocked: boolean;
  readonly pausedUntil: number | undefined;
  readonly retryAt: number | undefined;
  /** Until when the place takes no more. */
  readonly limitUntil: number | undefined;
  /** The place lets nobody in before its owner has signed in. */
  readonly isSignInNeeded: boolean;
  /** Until when the computer may take to find its network again after sleep. */
  readonly restUntil: number | undefined;
  /** The random delay of this run. */
  readonly jitterUntil: number | undefined;
}

export function holdOf(facts: HoldFacts): Hold | undefined {
  const { now, pausedUntil, retryAt, limitUntil, restUntil, jitterUntil } = facts;
  if (pausedUntil !== undefined && now < pausedUntil) return { reason: 'paused', until: pausedUntil };
  if (!facts.isUnlocked) return { reason: 'locked' };
  if (facts.isSignInNeeded) return { reason: 'sign-in' };
  if (limitUntil !== undefined && now < limitUntil) return { reason: 'limit', until: limitUntil };
  if (retryAt !== undefined && now < retryAt) return { reason: 'retry', until: retryAt };
  if (restUntil !== undefined && now < restUntil) return { reason: 'network', until: restUntil };
  if (jitterUntil !== undefined && now < jitterUntil) return { reason: 'quiet', until: jitterUntil };
  return undefined;
}

/** What has to be asked: the system about its power and its connection, the place of the copies whether it answers. */
export interface WorldFacts {
  readonly onBattery: boolean | undefined;
  readonly isMetered: boolean | undefined;
  readonly isReachable: boolean | undefined;
}

/** What is unknown holds nothing back. */
export function worldHold(
  { onBattery, isMetered, isReachable }: WorldFacts,
  settings: Pick<Settings, 'waitOnBattery' | 'waitOnMetered' | 'remote' | 'syncedBy'>,
): Hold | undefined {
  if (settings.waitOnBattery && onBattery === true) return { reason: 'battery' };
  if (heedsMeter(settings) && isMetered === true) return { reason: 'metered' };
  return isReachable === false ? { reason: 'network' } : undefined;
}

/** Copies that stay in a folder of this computer use no connection. */
export function heedsMeter({ waitOnMetered, remote, syncedBy }: Parameters<typeof worldHold>[1]): boolean {
  return waitOnMetered && !(remote?.startsWith('folder:') === true && syncedBy === null);
}
