// Which snapshots of one device stay and which go, as a value: docs/retention.md. Pure; the moment, the time zone and what was read of the
// captures come in as arguments. Age is measured against the device's newest head, so that a computer that was off for a year finds its
// backups as it left them. The newest always stays, and so does what lies ahead of that moment or has no readable time: a clock that was
// wrong must cost nothing. To forget by the same moment twice forgets nothing more.

import type { KeepReason } from '../../protocol/status.ts';
import type { SnapshotStanding } from '../heads/model.ts';
import type { Settings } from '../state/model.ts';

export type RetentionRules = Pick<
  Settings,
  'keepAllHours' | 'keepHourlyDays' | 'keepDailyDays' | 'keepWeeklyWeeks' | 'keepMonthlyMonths'
>;

/** A snapshot that its device announced. */
export interface Dated<Id extends string = string> {
  readonly id: Id;
  /** Milliseconds since 1970; NaN where its time cannot be read. */
  readonly at: number;
  /** The number of the backup: it tells the order, times may lie. */
  readonly seq: number;
}

export interface Candidate<Id extends string = string> extends Dated<Id> {
  readonly standing: SnapshotStanding;
  /** Who signed for it; undefined for foreign ones. */
  readonly device: string | undefined;
}

export interface Moment {
  /** The time of the device's newest head, milliseconds since 1970. */
  readonly now: number;
  /** IANA name: hours, days, weeks and months are those of its owner. */
  readonly timeZone: string;
}

/** Per source the newest snapshot that holds a complete capture, and the newest that holds a verified one. */
export interface NewestCaptures<Id extends string = string> {
  readonly complete: ReadonlySet<Id>;
  readonly verified: ReadonlySet<Id>;
}

export interface RetentionPlan<Id extends string = string> {
  readonly keep: readonly { readonly id: Id; readonly reasons: readonly KeepReason[] }[];
  readonly forget: readonly Id[];
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A clock that moves by more than that was wrong before or is wrong now. */
export const jumpMs = 2 * dayMs;

type Period = 'hour' | 'day' | 'week' | 'month';

/** A span in which the last snapshot of each period stays. */
interface Rule {
  readonly reason: KeepReason;
  readonly period: Period;
  /** How long after it was made; undefined for ever. In whole months for months, else in milliseconds. */
  readonly lasts: number | undefined;
}

function rulesOf(rules: RetentionRules): readonly Rule[] {
  const { keepHourlyDays, keepDailyDays, keepWeeklyWeeks, keepMonthlyMonths } = rules;
  return [
    { reason: 'hourly', period: 'hour', lasts: keepHourlyDays * dayMs },
    { reason: 'daily', period: 'day', lasts: keepDailyDays * dayMs },
    { reason: 'weekly', period: 'week', lasts: keepWeeklyWeeks * 7 * dayMs },
    { reason: 'monthly', period: 'month', lasts: keepMonthlyMonths === 0 ? undefined : keepMonthlyMonths },
  ];
}

/**
 * The whole plan: of the snapshots of `device` those that its owner's numbers keep and those that go; everything else stays. What was
 * forgotten before and has come back ('replayed') goes again.
 */
export function planRetention<Id extends string>(asked: {
  readonly snapshots: readonly Candidate<Id>[];
  readonly device: string;
  readonly rules: RetentionRules;
  readonly moment: Moment;
  readonly newest: NewestCaptures<Id>;
}): RetentionPlan<Id> {
  const { snapshots, device, rules, moment, newest } = asked;
  const own = snapshots.filter(each => each.device === device && each.standing === 'announced');
  const byAge = keptByAge(own, rules, moment, newest);
  const keep: { readonly id: Id; readonly reasons: readonly KeepReason[] }[] = [];
  const forget: Id[] = [];
  for (const each of snapshots) {
    const reasons = reasonsOf(each);
    if (reasons.length === 0) forget.push(each.id);
    else keep.push({ id: each.id, reasons });
  }
  return { keep, forget };

  function reasonsOf({ id, standing, device: by }: Candidate<Id>): readonly KeepReason[] {
    if (standing === 'foreign' || by === undefined) return ['foreign'];
    if (by !== device) return ['other-device'];
    if (standing === 'unannounced') return ['not-announced'];
    if (standing === 'replayed') return [];
    return [
      ...(byAge.get(id) ?? []),
      ...(newest.complete.has(id) ? (['newest-complete'] as const) : []),
      ...(newest.verified.has(id) ? (['newest-verified'] as const) : []),
    ];
  }
}

/**
 * Of one device's announced snapshots those that its numbers keep, each with why.
 *
 * Where the clock was set back by days a new line begins: what is dated into the past there stands in nobody's place, nobody in its. When
 * what parted two lines goes, they are one, so the numbers are applied until nothing more goes.
 */
export function keptByAge<Id extends string>(
  own: readonly Dated<Id>[],
  rules: RetentionRules,
  moment: Moment,
  newest: NewestCaptures<Id> = { complete: new Set(), verified: new Set() },
): ReadonlyMap<Id, readonly KeepReason[]> {
  const periods = periodsIn(moment.timeZone);
  for (let left = own; ; ) {
    const kept = keptOnce(left, rules, moment.now, periods);
    const next = left.filter(({ id }) => kept.has(id) || newest.complete.has(id) || newest.verified.has(id));
    if (next.length === left.length) return kept;
    left = next;
  }
}

function keptOnce<Id extends string>(
  own: readonly Dated<Id>[],
  rules: RetentionRules,
  now: number,
  periods: (at: number) => Periods,
): ReadonlyMap<Id, readonly KeepReason[]> {
  const kept = new Map<Id, KeepReason[]>();
  const keep = ({ id }: Dated<Id>, reason: KeepReason): void => {
    kept.set(id, [...(kept.get(id) ?? []), reason]);
  };
  const newest = newestOf(own);
  for (const each of own) {
    const isRecent = !(now - each.at > rules.keepAllHours * hourMs); // of a time that cannot be read nothing is said
    if (isRecent || each === newest) keep(each, 'all');
  }
  const thisMonth = periods(now).month;
  for (const { reason, period, lasts } of rulesOf(rules)) {
    for (const { last } of lastOfEach(own, period, periods)) {
      const age = period === 'month' ? thisMonth - periods(last.at).month : now - last.at;
      if (lasts === undefined || (lasts > 0 && age <= lasts)) keep(last, reason);
    }
  }
  return kept;
}

/**
 * Until when the numbers keep each of one device's announced snapshots for certain, milliseconds since 1970. Absent are those that stay for
 * good, and those of which it depends on backups to come: the last one of a day, week or month that is not over.
 */
export function keptUntil<Id extends string>(
  own: readonly Dated<Id>[],
  rules: RetentionRules,
  { now, timeZone }: Moment,
): ReadonlyMap<Id, number> {
  const until = new Map(own.map(({ id, at }) => [id, at + rules.keepAllHours * hourMs]));
  const open = new Set<Id>();
  const newest = newestOf(own);
  if (newest !== undefined) open.add(newest.id);
  const periods = periodsIn(timeZone);
  const present = periods(now);
  for (const { period, lasts } of rulesOf(rules)) {
    if (lasts === 0) continue;
    for (const { name, last } of lastOfEach(own, period, periods)) {
      const { id, at } = last;
      if (lasts === undefined || name === present[period] || !(at <= now)) open.add(id);
      else if (period !== 'month') until.set(id, Math.max(until.get(id) ?? at, at + lasts));
      else until.set(id, Math.max(until.get(id) ?? at, beginOfMonth(periods(at).month + lasts + 1)));
    }
  }
  for (const id of open) until.delete(id);
  return until;
}

/** By number: a clock that was wrong for a day would otherwise make that day's backup the newest for ever. */
function newestOf<Id extends string>(own: readonly Dated<Id>[]): Dated<Id> | undefined {
  return own.reduce<Dated<Id> | undefined>(
    (best, each) => (best === undefined || each.seq > best.seq ? each : best),
    undefined,
  );
}

interface LastOf<Id extends string> {
  readonly name: Periods[Period];
  readonly last: Dated<Id>;
}

/** Of each line and each period in it. */
function lastOfEach<Id extends string>(
  own: readonly Dated<Id>[],
  period: Period,
  periods: (at: number) => Periods,
): readonly LastOf<Id>[] {
  return linesOf(own).flatMap(line => {
    const last = new Map<Periods[Period], Dated<Id>>();
    for (const each of line) {
      const name = periods(each.at)[period];
      const before = last.get(name);
      if (before === undefined || each.at >= before.at) last.set(name, each);
    }
    return [...last].map(([name, each]) => ({ name, last: each }));
  });
}

/** By number, parted where the time goes back by days. Without those whose time cannot be read. */
function linesOf<Id extends string>(own: readonly Dated<Id>[]): readonly (readonly Dated<Id>[])[] {
  const lines: Dated<Id>[][] = [];
  let highest = Number.POSITIVE_INFINITY;
  for (const each of own.filter(({ at }) => !Number.isNaN(at)).toSorted((a, b) => a.seq - b.seq)) {
    if (highest - each.at > jumpMs) {
      lines.push([]);
      highest = each.at;
    }
    lines.at(-1)?.push(each);
    highest = Math.max(highest, each.at);
  }
  return lines;
}

interface Periods {
  /** With its distance from UTC: the hour that comes twice in autumn is two. */
  readonly hour: string;
  /** Days and weeks (from Monday on, ISO 8601) since 1970, months since the year 0. */
  readonly day: number;
  readonly week: number;
  readonly month: number;
}

function periodsIn(timeZone: string): (at: number) => Periods {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const known = new Map<number, Periods>();
  return at => {
    const before = known.get(at);
    if (before !== undefined) return before;
    const found = periodsOf(format, at);
    known.set(at, found);
    return found;
  };
}

function periodsOf(format: Intl.DateTimeFormat, at: number): Periods {
  if (Number.isNaN(at)) return { hour: '', day: Number.NaN, week: Number.NaN, month: Number.NaN };
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
  const days = Math.floor(Date.UTC(year, month - 1, day) / dayMs);
  const offsetMinutes = Math.round(Date.UTC(year, month - 1, day, hour, minute) / 60_000) - Math.floor(at / 60_000);
  return {
    hour: `${days} ${hour} ${offsetMinutes}`,
    day: days,
    week: Math.floor((days + 3) / 7), // 1970 began on a Thursday
    month: year * 12 + month - 1,
  };
}

/** In UTC: nobody asks for the hour of a month's end. */
function beginOfMonth(month: number): number {
  return Date.UTC(Math.floor(month / 12), month % 12);
}
