// What the schedule remembers, without a disk: the history of runs, and facts by name.

import type { Memory } from '../../daemon/jobs/calendar.ts';
import { PastRuns } from '../../daemon/jobs/past-runs.ts';
import type { HistoryEntry } from '../../daemon/state/model.ts';

/** @param entries oldest first; what is recorded is added to it */
export function pastOf(entries: HistoryEntry[]): PastRuns {
  const newest = (isWanted: (entry: HistoryEntry) => boolean) => entries.findLast(isWanted);
  return new PastRuns({
    append: entry => entries.push(entry),
    last: count => entries.slice(-count).reverse(),
    before: (at, count) =>
      entries
        .filter(entry => at === undefined || entry.at < at)
        .slice(-count)
        .reverse(),
    page: () => ({ entries: [...entries].reverse(), place: 0 }),
    made: (from, to, count) =>
      entries
        .filter(({ at, backup }) => backup !== undefined && at >= from && at <= to)
        .slice(-count)
        .reverse(),
    lastGood: () => newest(({ outcome }) => outcome === 'good' || outcome === 'nothing-new'),
    lastRunAt: () => newest(({ outcome }) => outcome !== 'failed' && outcome !== 'cancelled')?.at,
  });
}

export function textMemory(): Memory {
  const facts = new Map<string, string>();
  return {
    get: name => facts.get(name),
    set: (name, value) => void facts.set(name, value),
    remove: name => void facts.delete(name),
  };
}
