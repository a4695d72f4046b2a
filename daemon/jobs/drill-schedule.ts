// When a sample is restored on trial without being asked for. A pure decision: some days after the last time, with a good backup to try,
// and at a quiet moment, so that it never delays a backup.

const dayMs = 86_400_000;
/** Nothing ran for so long. */
const quietMs = 10 * 60_000;
const busyMs = 10 * 60_000;

export interface DrillFacts {
  /** Milliseconds since 1970, as all moments here. */
  readonly now: number;
  /** 0: only when asked. */
  readonly days: number;
  /** When the last one ended, good or not; undefined before the first. */
  readonly lastAt: number | undefined;
  /** Not before then: one could not be carried through. */
  readonly notBefore: number | undefined;
  /** Undefined: there is no backup to try. */
  readonly lastGoodAt: number | undefined;
  readonly hasLastRunFailed: boolean;
  readonly isUnlocked: boolean;
  /** A job runs, a backup is due or held back, or automatic backups pause. */
  readonly isBusy: boolean;
  /** Since when no job has run. */
  readonly quietSince: number;
}

/** 'now', when to ask again at the latest, or undefined: not before something else changes. */
export function nextDrill(facts: DrillFacts): 'now' | number | undefined {
  const { now, days, lastAt, notBefore, lastGoodAt, quietSince } = facts;
  if (days === 0 || lastGoodAt === undefined || facts.hasLastRunFailed || !facts.isUnlocked) return undefined;
  // One that lies ahead was made while the clock was wrong: nobody waits years for that date.
  const due = lastAt === undefined || lastAt > now + dayMs ? now : lastAt + days * dayMs;
  const at = Math.max(due, Math.min(quietSince, now) + quietMs, notBefore ?? now, facts.isBusy ? now + busyMs : now);
  return at <= now ? 'now' : at;
}

/** About one in fifty packs a week, and of a cloud no more than so many bytes at a time. */
const weeklyPercent = 2;
const mostFarBytes = 512 << 20;

/** The share of the packs that is read after a trial, in percent. */
export function sampledPercent({
  days,
  isFar,
  repositoryBytes,
}: {
  readonly days: number;
  readonly isFar: boolean;
  readonly repositoryBytes: number;
}): number {
  const share = Math.min(100, (weeklyPercent * days) / 7);
  return isFar && repositoryBytes > 0 ? Math.min(share, (100 * mostFarBytes) / repositoryBytes) : share;
}
