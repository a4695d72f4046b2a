// Why there was no good backup for too long, from what was seen since the last one, and the notices that go with it. Pure. What stands in
// the way now comes before what failed earlier: it is what the person can do something about.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { Notice, Overdue, OverdueCause } from '../../protocol/status.ts';
import type { HistoryEntry } from '../state/model.ts';
import type { CalendarKind, Owed } from './schedule.ts';

/** The tries since the last good backup that ended without one. */
export interface FailedTries {
  readonly count: number;
  /** RFC 3339 of the first. */
  readonly firstAt: string;
  /** Of the newest. */
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Bytes that the place or the disk lacked at the newest, where that was told. */
  readonly need?: number;
  readonly cause: OverdueCause;
  /** RFC 3339: since when all tries had that cause. */
  readonly causeSince: string;
}

/** What one more run makes of it; a cancelled one is no try. */
export function afterRun(before: FailedTries | undefined, entry: HistoryEntry): FailedTries | undefined {
  if (entry.outcome === 'good' || entry.outcome === 'nothing-new') return undefined;
  if (entry.outcome === 'cancelled') return before;
  const code = entry.error?.code ?? (entry.outcome === 'partial' ? 'E_SOURCE_UNREADABLE' : 'E_INTERNAL');
  const cause = causes[code] ?? 'failed';
  const need = entry.error?.params['need'];
  return {
    count: (before?.count ?? 0) + 1,
    firstAt: before?.firstAt ?? entry.at,
    code,
    retryable: entry.error?.retryable ?? true,
    ...(typeof need === 'number' && { need }),
    cause,
    causeSince: before?.cause === cause ? before.causeSince : entry.at,
  };
}

/** @param history newest first */
export function triesIn(history: readonly HistoryEntry[]): FailedTries | undefined {
  const good = history.findIndex(({ outcome }) => outcome === 'good' || outcome === 'nothing-new');
  const since = good === -1 ? history : history.slice(0, good);
  return since.reduceRight(afterRun, undefined as FailedTries | undefined);
}

const causes: { readonly [code in ErrorCode]?: OverdueCause } = {
  E_SIGN_IN: 'sign-in',
  E_UNREACHABLE: 'offline',
  E_REMOTE_FULL: 'full',
  E_DISK_FULL: 'disk-full',
  E_VAULT_LOCKED: 'locked',
};

export interface OverdueFacts {
  readonly now: number;
  readonly owed: Owed | undefined;
  /** Since when automatic backups pause at the user's wish; undefined when they do not. */
  readonly pausedSince: number | undefined;
  readonly lockedSince: number | undefined;
  /** Since when the battery or a metered connection holds a due backup back. */
  readonly powerSince: number | undefined;
  /** Since when nothing can be sent before the owner of the place signs in. */
  readonly signInSince: number | undefined;
  readonly tries: FailedTries | undefined;
  /** A source that lost most of what it held, whose owner has not decided yet. */
  readonly heldBack: HeldBack | undefined;
}

export interface HeldBack {
  readonly app: string;
  /** RFC 3339. */
  readonly since: string;
}

/** Null while the last good backup is not older than the schedule allows. */
export function overdueOf(facts: OverdueFacts): Overdue | null {
  const { owed, now } = facts;
  if (owed === undefined || now <= owed.overdueAt) return null;
  return { since: new Date(owed.since()).toISOString(), ...causeOf(facts, owed) };
}

function causeOf(facts: OverdueFacts, { overdueAt }: Owed): Omit<Overdue, 'since'> {
  const { pausedSince, lockedSince, powerSince, signInSince, tries, heldBack } = facts;
  const standing = (cause: OverdueCause, since: number) => ({ cause, causeSince: new Date(since).toISOString() });
  if (pausedSince !== undefined) return standing('paused', pausedSince);
  // Locked only after it was too late already, as at the first start after a holiday: that is not why.
  if (lockedSince !== undefined && lockedSince <= overdueAt) return standing('locked', lockedSince);
  if (signInSince !== undefined) return standing('sign-in', signInSince);
  if (powerSince !== undefined) return standing('power', powerSince);
  if (tries === undefined) return { cause: 'not-running' };
  if (tries.code === 'E_SOURCE_UNREADABLE' && heldBack !== undefined) {
    return { cause: 'held-back', causeSince: heldBack.since, app: heldBack.app };
  }
  const { cause, causeSince } = tries;
  return cause === 'failed' ? { cause, causeSince, tries: tries.count, code: tries.code } : { cause, causeSince };
}

/** A backup that nothing but the password keeps from being made. Milliseconds since 1970. */
export interface LockedDue {
  /** The calendar's, or 'changes'. */
  readonly schedule: CalendarKind | 'changes';
  readonly lockedSince: number;
  /** Since when it is both due and locked out. */
  readonly since: number;
}

/** What lets nobody in before its owner has signed in, or has given other keys. */
export interface SignedOut {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** `params.why` of E_SIGN_IN; 'disconnected' when its owner ended it here. */
  readonly why: string;
}

/** Who unlocks within this time needs no reminder. */
const lockedPatienceMs = 3_600_000;

/**
 * What a person should look at: that backups are overdue, that one waits for the password, or that they fail for something that does not pass
 * by itself. What passes (a place that is away for an hour) is told when it has lasted too long. One incident keeps its id.
 */
export function backupNotices(facts: {
  readonly now: number;
  readonly overdue: Overdue | null;
  /** What was missed while nothing ran is being made up for. */
  readonly isCatchingUp: boolean;
  readonly lastGoodAt: number | undefined;
  readonly tries: FailedTries | undefined;
  readonly lockedDue: LockedDue | undefined;
  readonly signedOut?: SignedOut | undefined;
  readonly place: string;
}): readonly Notice[] {
  const { now, overdue, lastGoodAt, tries, lockedDue, place } = facts;
  if (overdue?.cause === 'not-running' && facts.isCatchingUp) return [];
  if (overdue?.cause === 'held-back') return []; // the source has a notice of its own
  if (overdue !== null) {
    const { since, cause, causeSince, code } = overdue;
    const days = Math.floor((now - (lastGoodAt ?? Date.parse(since))) / 86_400_000);
    const more = { ...(causeSince !== undefined && { causeSince }), ...(code !== undefined && { code }) };
    const params = { place, days, cause, ...(overdue.tries !== undefined && { tries: overdue.tries }), ...more };
    return [{ id: `overdue ${since}`, kind: 'overdue', since, params }];
  }
  const standing =
    facts.signedOut === undefined ? failedNotices(tries, place) : signedOutNotices(facts.signedOut, place);
  return [...lockedNotices(lockedDue, now), ...standing];
}

/** Whether a person is to be told. */
export function isLockedLong({ since }: LockedDue, now: number): boolean {
  return now - since > lockedPatienceMs;
}

/** One for each time that Signet is locked. */
function lockedNotices(due: LockedDue | undefined, now: number): readonly Notice[] {
  if (due === undefined || !isLockedLong(due, now)) return [];
  const [id, since] = [due.lockedSince, due.since].map(at => new Date(at).toISOString());
  return [{ id: `locked-due ${id}`, kind: 'locked-due', since: since ?? '', params: { schedule: due.schedule } }];
}

function failedNotices(tries: FailedTries | undefined, place: string): readonly Notice[] {
  if (tries === undefined || tries.retryable) return [];
  const { firstAt, code, count, cause, causeSince, need } = tries;
  if (code === 'E_SIGN_IN') return []; // the owner has signed in since: the next try goes through
  if (cause === 'full') {
    const params = { place, ...(need !== undefined && { need }) };
    return [{ id: `cloud-full ${causeSince}`, kind: 'cloud-full', since: causeSince, params }];
  }
  return [{ id: `failed ${firstAt}`, kind: 'failed', since: firstAt, params: { place, code, tries: count } }];
}

/** Nobody is told of what they did themselves. */
function signedOutNotices({ since: at, why }: SignedOut, place: string): readonly Notice[] {
  if (why === 'disconnected') return [];
  const since = new Date(at).toISOString();
  return [{ id: `signed-out ${since}`, kind: 'signed-out', since, params: { place, why } }];
}
