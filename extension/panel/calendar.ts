// Days of backups as a calendar: squares of 12 in steps of 16, weeks as columns, the reader's first day of the week on top. Days are counted
// as dates, never as spans of 24 hours, so a change of the clock moves nothing.

import type { Locale } from '../../protocol/formats.ts';
import type { HistoryDay } from '../../protocol/status.ts';
import type { CalendarDrawing } from './panel-model.ts';

const cell = 12;
const step = 16;
const left = 36;
const top = 24;
const dayMs = 86_400_000;

/** Days since 1970 of `2026-11-23`. */
export function dayNumber(day: string): number {
  return Math.round(Date.parse(`${day}T00:00:00Z`) / dayMs);
}

/** The date that it is for the reader. */
export function today(now: number, { timeZone }: Locale): string {
  return new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone }).format(now);
}

/** Noon there in UTC, for formatting with `timeZone: 'UTC'`. */
export function noonOf(day: number): number {
  return day * dayMs + dayMs / 2;
}

/** 1 is Monday, 7 Sunday. */
export function firstDayOfWeek(language: string): number {
  // getWeekInfo is the newer form of the same; neither is in the compiler's library yet.
  const locale = new Intl.Locale(language) as Intl.Locale & {
    getWeekInfo?(): { readonly firstDay: number };
    readonly weekInfo?: { readonly firstDay: number };
  };
  return (locale.getWeekInfo?.() ?? locale.weekInfo)?.firstDay ?? 1;
}

/** The days of the window that ends today, the oldest first; those before the first backup are left out. */
export function lastDays(
  days: readonly HistoryDay[],
  count: number,
  now: number,
  locale: Locale,
): readonly HistoryDay[] {
  const last = dayNumber(today(now, locale));
  return days.filter(({ day }) => dayNumber(day) > last - count && dayNumber(day) <= last);
}

/** Today without a backup: it may still get one, so it is no day without. */
export function isOpen({ day, outcome, backups, why }: HistoryDay, now: number, locale: Locale): boolean {
  return outcome === 'none' && backups === 0 && why === undefined && day === today(now, locale);
}

/** @param days as from `lastDays` @param span how many days there is room for; those without a day are dots */
export function drawCalendar(
  days: readonly HistoryDay[],
  { now, locale, span = 90 }: { readonly now: number; readonly locale: Locale; readonly span?: number },
): CalendarDrawing {
  const language = locale.locale ?? 'en-GB';
  const weeks = Math.ceil((span + 6) / 7);
  const first = firstDayOfWeek(language);
  const end = dayNumber(today(now, locale));
  const row = (day: number) => (((day + 3 - (first - 1)) % 7) + 7) % 7;
  const lastWeek = end - row(end);
  const place = (day: number) => ({
    x: left + (weeks - 1 - Math.round((lastWeek - (day - row(day))) / 7)) * step,
    y: top + row(day) * step,
  });
  const paths = { blank: '', good: '', partial: '', partialHalf: '', none: '' };
  const told = days.filter(each => !isOpen(each, now, locale));
  const known = new Set(told.map(({ day }) => dayNumber(day)));
  for (let day = end - span + 1; day <= end; day += 1) {
    const { x, y } = place(day);
    if (!known.has(day)) paths.blank += `M${x + 4},${y + 4}h4v4h-4z`;
  }
  for (const each of told) {
    const { x, y } = place(dayNumber(each.day));
    if (each.outcome === 'good') {
      paths.good += `M${x + 2},${y}h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2z`;
    } else if (each.outcome === 'partial') {
      paths.partialHalf += `M${x},${y + cell}V${y}l${cell},${cell}z`;
      paths.partial += `M${x + 0.75},${y + 0.75}h10.5v10.5h-10.5z`;
    } else {
      paths.none += `M${x + 1},${y + 1}h10v10h-10zM${x + 1},${y + 11}l10-10`;
    }
  }
  const labels = [...weekdayLabels(language, first), ...monthLabels(language, lastWeek, weeks)];
  return { width: left + weeks * step + 4, height: top + 7 * step, labels, ...paths };
}

function weekdayLabels(language: string, first: number): CalendarDrawing['labels'] {
  const weekday = new Intl.DateTimeFormat(language, { weekday: 'short', timeZone: 'UTC' });
  // Day 4 of 1970 was a Monday.
  return [0, 2, 4].map(line => ({
    x: 0,
    y: top + line * step + 10,
    text: weekday.format(noonOf(4 + first - 1 + line)),
  }));
}

/** Above the week that holds the first of a month, where there is room for the name. */
function monthLabels(language: string, lastWeek: number, weeks: number): CalendarDrawing['labels'] {
  const month = new Intl.DateTimeFormat(language, { month: 'short', timeZone: 'UTC' });
  return Array.from({ length: weeks - 1 }, (_, column) => column).flatMap(column => {
    const start = lastWeek - (weeks - 1 - column) * 7;
    const turn = Array.from({ length: 7 }, (_, day) => start + day).find(
      day => new Date(noonOf(day)).getUTCDate() === 1,
    );
    return turn === undefined ? [] : [{ x: left + column * step, y: 12, text: month.format(noonOf(turn)) }];
  });
}
