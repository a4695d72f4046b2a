// When the calendar asks for a backup, and since when there should have been a good one. Pure: the moment, the time zone and what was
// remembered come in as arguments. All times are milliseconds since 1970.
//
// The next run is reckoned from the last run that counts, never from the one before it in a list: a failure, a restart or a night without
// power leaves the missed slot due, and however many were missed, one run makes up for them. Croner knows the calendar: a time of day that
// a change of the clocks skips runs when the clocks go on, one that comes twice runs the first time.

import { Cron } from 'croner';
import type { Schedule, ScheduleKind } from '../../protocol/status.ts';

export type CalendarKind = 'daily' | 'weekly' | 'monthly';

const dayMs = 86_400_000;

/** The longest time between two slots; an hour more than the days, for the change to winter time. */
const longestPeriodMs: { readonly [kind in CalendarKind]: number } = {
  daily: dayMs + 3_600_000,
  weekly: 7 * dayMs + 3_600_000,
  monthly: 31 * dayMs + 3_600_000,
};

/**
 * How old the last good backup may grow before the person is told: one period, and a second day for a computer that was off, for offline
 * hours and for tries again. A day more for what comes seldom.
 */
const allowanceMs: { readonly [kind in CalendarKind]: number } = {
  daily: 2 * dayMs,
  weekly: 9 * dayMs,
  monthly: 33 * dayMs,
};

/** How long changes may wait where there is no calendar. */
const changesAllowanceMs = allowanceMs.daily;

export function calendarKind(kind: ScheduleKind): CalendarKind | undefined {
  return kind === 'never' || kind === 'manual' ? undefined : kind;
}

/** The first slot of the calendar after that moment; undefined without a calendar. @param timeZone IANA name; default the computer's */
export function slotAfter(schedule: Schedule, moment: number, timeZone?: string): number | undefined {
  const kind = calendarKind(schedule.kind);
  if (kind === undefined) return undefined;
  const [hour, minute] = schedule.at.split(':').map(Number);
  const days = { daily: '* * *', weekly: '* * 0', monthly: '1 * *' }[kind];
  const calendar = new Cron(`${minute} ${hour} ${days}`, {
    paused: true,
    ...(timeZone !== undefined && { timezone: timeZone }),
  });
  return calendar.nextRun(new Date(moment))?.getTime();
}

/** Where the clock stood when it was found set back, and what was remembered then. */
export interface Anchor {
  readonly of: number;
  readonly at: number;
}

/** What the calendar is reckoned from. */
export interface Reckoning {
  /** The end of the last run that counts; undefined before the first. */
  readonly lastRunAt: number | undefined;
  /** Since when the schedule is as it is: slots before are not made up for. */
  readonly since: number;
  /** As answered by `nextRun` before. */
  readonly anchor: Anchor | undefined;
  readonly now: number;
}

/**
 * The moment after which the next slot is looked for, and the anchor to remember. A last run that lies ahead of the clock is believed as
 * long as it is not further ahead than one period: the slot it served is not served again when the clock is set back by an hour. Further
 * ahead, it was made while the clock was wrong, and waiting for that date could take years: the calendar goes on from now.
 */
function reckonFrom(
  kind: CalendarKind,
  { lastRunAt, since, anchor, now }: Reckoning,
): { readonly from: number; readonly anchor: Anchor | undefined } {
  const known = Math.max(lastRunAt ?? Number.NEGATIVE_INFINITY, since);
  if (known <= now) return { from: known, anchor: undefined };
  const standing = anchor?.of === known ? anchor : undefined;
  if (standing === undefined && known - now <= longestPeriodMs[kind]) return { from: known, anchor: undefined };
  const next = { of: known, at: Math.min(standing?.at ?? now, now) };
  return { from: next.at, anchor: next };
}

/** When the next backup by the calendar is due; not later than `now` means at once. Undefined without a calendar. */
export function nextRun(
  schedule: Schedule,
  facts: Reckoning & { readonly timeZone?: string },
): { readonly at: number | undefined; readonly anchor: Anchor | undefined } | undefined {
  const kind = calendarKind(schedule.kind);
  if (kind === undefined) return undefined;
  const { from, anchor } = reckonFrom(kind, facts);
  return { at: slotAfter(schedule, from, facts.timeZone), anchor };
}

/** Since when a good backup is owed, and from when on that is too long. */
export interface Owed {
  /** The first slot that no good backup followed, or the first change that waits. */
  readonly since: () => number;
  readonly overdueAt: number;
}

/**
 * @param facts.lastGoodAt the last good backup; undefined before the first
 * @param facts.since when automatic backups began: nothing is owed from before
 * @param facts.changesSince the oldest change that is not backed up; undefined when none waits
 * @returns undefined when nothing can ever be owed: `never`, `manual`, and without a calendar as long as no change waits
 */
export function owed(
  schedule: Schedule,
  facts: {
    readonly lastGoodAt: number | undefined;
    readonly since: number;
    readonly anchor: Anchor | undefined;
    readonly changesSince: number | undefined;
    readonly timeZone?: string;
  },
): Owed | undefined {
  const { lastGoodAt, since, anchor, changesSince, timeZone } = facts;
  const good = Math.max(lastGoodAt ?? Number.NEGATIVE_INFINITY, since);
  const kind = calendarKind(schedule.kind);
  if (kind === undefined) {
    if (!schedule.onChange || changesSince === undefined) return undefined;
    return { since: () => changesSince, overdueAt: changesSince + changesAllowanceMs };
  }
  const from = anchor === undefined ? good : Math.min(good, anchor.at);
  return { since: () => slotAfter(schedule, from, timeZone) ?? from, overdueAt: from + allowanceMs[kind] };
}

/** The schedule after a change of some of its fields. */
export function changedSchedule(before: Schedule, change: Partial<Schedule>): Schedule {
  const { kind = before.kind, at = before.at } = change;
  return { kind, at, onChange: change.onChange ?? onChangeAfter(before, change.kind) };
}

/**
 * "Never" and "only when I tap" switch on-change off; a calendar that is chosen in their place brings it back. Either unless it is asked for
 * in the same breath.
 */
function onChangeAfter(before: Schedule, chosen: ScheduleKind | undefined): boolean {
  if (chosen === undefined) return before.onChange;
  if (calendarKind(chosen) === undefined) return false;
  return before.onChange || calendarKind(before.kind) === undefined;
}
