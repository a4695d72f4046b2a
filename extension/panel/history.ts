// The History section: a calendar of ninety days with its exceptions and their reasons beside it, two charts, and the same figures as a table.

import { wordsFor } from '../../protocol/error-words.ts';
import { count, counted, type Locale, listed, plural, say, size } from '../../protocol/formats.ts';
import type { HistoryDay, HistoryRun, Overdue } from '../../protocol/status.ts';
import type { Reader } from '../views.ts';
import { dayNumber, drawCalendar, isOpen, lastDays, noonOf, today } from './calendar.ts';
import { drawBars, drawLine, median, sizeAxis } from './charts.ts';
import type { ChartModel, Exception, HistoryModel, TableModel } from './panel-model.ts';
import { unitOf } from './phrases.ts';

export const historyDayCount = 90;
const barCount = 30;
const longestExceptionList = 6;

/** @param days undefined while they are not known @param runs newest first */
export function historyModel(
  days: readonly HistoryDay[] | undefined,
  runs: readonly HistoryRun[],
  { now, locale }: Reader,
  overdue: Pick<Overdue, 'cause'> | null = null,
): HistoryModel {
  const shown = lastDays(days ?? [], historyDayCount, now, locale);
  const common = {
    title: say(locale, 'History'),
    calendarTitle: say(locale, 'Backups of the last {days} days', { days: count(historyDayCount, locale) }),
    browse: {
      label: say(locale, 'Browse snapshots'),
      intent: { do: 'run', command: 'signet.browseSnapshots' },
    },
  } as const;
  if (days === undefined) {
    return { ...common, finding: say(locale, 'The history is not known yet.'), exceptions: [], charts: [] };
  }
  if (shown.length === 0) {
    return { ...common, finding: say(locale, 'There is no backup yet to tell of.'), exceptions: [], charts: [] };
  }
  return {
    ...common,
    calendar: drawCalendar(shown, { now, locale }),
    finding: findingOf(shown, { now, locale }),
    exceptions: exceptionsOf(shown, overdue, { now, locale }),
    charts: [sizeChart(shown, { now, locale }), addedChart(runs, locale)],
    table: { title: say(locale, 'The same as a table'), each: monthTable(shown, locale) },
  };
}

function findingOf(days: readonly HistoryDay[], { now, locale }: Reader): string {
  const open = days.some(day => isOpen(day, now, locale));
  const closed = days.filter(day => !isOpen(day, now, locale));
  const of = (outcome: HistoryDay['outcome']) => closed.filter(day => day.outcome === outcome).length;
  const [good, partial, none] = [of('good'), of('partial'), of('none')];
  const goodDays = plural(
    locale,
    good,
    '{count} of the last {days} days has a good backup',
    '{count} of the last {days} days have a good backup',
    { days: count(days.length, locale) },
  );
  const partials = plural(locale, partial, '{count} a partial one', '{count} a partial one');
  const nones = plural(locale, none, '{count} has none', '{count} have none');
  const finding =
    closed.length === 0
      ? ''
      : partial === 0 && none === 0
        ? closed.length === 1
          ? say(locale, 'The one day so far has a good backup.')
          : plural(
              locale,
              closed.length,
              'The last {count} day has a good backup.',
              'Each of the last {count} days has a good backup.',
            )
        : partial > 0 && none > 0
          ? say(locale, '{good}, {partial}, and {none}.', { good: goodDays, partial: partials, none: nones })
          : say(locale, '{good}, and {others}.', { good: goodDays, others: partial > 0 ? partials : nones });
  return [finding, open ? say(locale, 'Today is still open.') : ''].filter(text => text !== '').join(' ');
}

/** Days that are not good, those with one reason together, the newest first. */
function exceptionsOf(
  days: readonly HistoryDay[],
  overdue: Pick<Overdue, 'cause'> | null,
  { now, locale }: Reader,
): readonly Exception[] {
  // The days up to now without a backup stand by themselves.
  let isCurrent = true;
  const groups = new Map<
    string,
    { readonly kind: 'partial' | 'none'; readonly why: string; readonly days: number[] }
  >();
  for (const day of [...days].reverse()) {
    if (isOpen(day, now, locale)) continue;
    isCurrent &&= day.outcome === 'none';
    if (day.outcome === 'good') continue;
    const why = (isCurrent && day.why === undefined && causeOf(overdue, locale)) || reasonOf(day, locale);
    const key = `${day.outcome} ${isCurrent} ${why}`;
    const group = groups.get(key) ?? { kind: day.outcome, why, days: [] };
    group.days.push(dayNumber(day.day));
    groups.set(key, group);
  }
  const all = [...groups.values()];
  const shown = all.slice(0, longestExceptionList).map(({ kind, why, days: each }): Exception => {
    const when = spans(each, { now, locale });
    const text =
      kind === 'partial'
        ? say(locale, '{days}: partial.', { days: when })
        : say(locale, '{days}: none.', { days: when });
    return { kind, pieces: [{ text: `${text} ` }, { text: why, isQuiet: true }] };
  });
  const hidden = all.slice(longestExceptionList).reduce((sum, group) => sum + group.days.length, 0);
  if (hidden === 0) return shown;
  const text = plural(locale, hidden, 'And {count} more day.', 'And {count} more days.');
  return [...shown, { kind: 'none', pieces: [{ text, isQuiet: true }] }];
}

/** Why there is none just now, where that is known; empty where it is not. */
function causeOf(overdue: Pick<Overdue, 'cause'> | null, locale: Locale): string {
  switch (overdue?.cause) {
    case 'sign-in':
      return say(locale, 'Signed out.');
    case 'offline':
      return say(locale, 'The place could not be reached.');
    case 'locked':
      return say(locale, 'Signet was locked.');
    case 'full':
      return say(locale, 'There was no room left in the cloud.');
    case 'disk-full':
      return say(locale, 'There was no room left on this computer.');
    case 'paused':
      return say(locale, 'Backups were paused.');
    default:
      return '';
  }
}

function reasonOf({ outcome, why }: HistoryDay, locale: Locale): string {
  switch (why?.kind) {
    case 'unreadable':
      return plural(locale, why.files, '{count} file could not be read.', '{count} files could not be read.');
    case 'failed':
      return wordsFor({ code: why.code, params: {} }, undefined, locale).message;
    case 'cancelled':
      return say(locale, 'It was stopped at your request.');
    default:
      return outcome === 'none'
        ? say(locale, 'The computer was off, or Signet did not run.')
        : say(locale, 'The reason is not known.');
  }
}

/** `14 to 22 November, 2 November and 17 September`: days in a row as one. @param days newest first */
function spans(days: readonly number[], { now, locale }: Reader): string {
  const language = locale.locale ?? 'en-GB';
  const year = today(now, locale).slice(0, 4);
  const long = days.some(day => !new Date(noonOf(day)).toISOString().startsWith(year));
  const format = new Intl.DateTimeFormat(language, {
    day: 'numeric',
    month: 'long',
    ...(long && { year: 'numeric' }),
    timeZone: 'UTC',
  });
  const found: { last: number; first: number }[] = [];
  for (const day of days) {
    const span = found.at(-1);
    if (span !== undefined && span.first === day + 1) span.first = day;
    else found.push({ last: day, first: day });
  }
  const yesterday = dayNumber(today(now, locale)) - 1;
  const texts = found.map(({ first, last }) => {
    if (first === last) return format.format(noonOf(first));
    if (last >= yesterday) return say(locale, 'Since {day}', { day: format.format(noonOf(first)) });
    return format.formatRange(noonOf(first), noonOf(last));
  });
  return listed(texts, locale);
}

function sizeChart(days: readonly HistoryDay[], { now, locale }: Reader): ChartModel {
  const title = say(locale, 'Size in the cloud');
  const points = days.flatMap(({ day, sizeBytes }) =>
    sizeBytes === undefined ? [] : [{ at: dayNumber(day), value: sizeBytes }],
  );
  const last = points.at(-1);
  if (last === undefined) return { title, caption: say(locale, 'Not measured yet.') };
  const caption = sizeCaption(points, last, locale);
  const line = drawLine(points);
  if (line === undefined) return { title, caption };
  const [first] = points;
  const short = new Intl.DateTimeFormat(locale.locale ?? 'en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const when = (day: number) =>
    day === dayNumber(today(now, locale)) ? say(locale, 'Today') : short.format(noonOf(day));
  return {
    title,
    caption,
    drawing: {
      ...line,
      y: sizeAxis(
        points.map(({ value }) => value),
        locale,
      ),
      x: [when(first?.at ?? last.at), when(last.at)],
    },
  };
}

function sizeCaption(
  points: readonly { readonly at: number; readonly value: number }[],
  last: { readonly at: number; readonly value: number },
  locale: Locale,
): string {
  const now = size(last.value, locale);
  const before = points.findLast(({ at }) => at <= last.at - 30);
  if (before === undefined) return say(locale, '{size} now', { size: now });
  const difference = last.value - before.value;
  const by = size(Math.abs(difference), locale);
  if (Math.abs(difference) < last.value / 1000) {
    return say(locale, '{size} now, as much as 30 days ago', { size: now });
  }
  return difference > 0
    ? say(locale, '{size} now, {difference} more than 30 days ago', { size: now, difference: by })
    : say(locale, '{size} now, {difference} less than 30 days ago', { size: now, difference: by });
}

function addedChart(runs: readonly HistoryRun[], locale: Locale): ChartModel {
  const title = say(locale, 'Added per backup');
  const added = runs
    .flatMap(({ snapshot, bytesAdded }) => (snapshot === undefined || bytesAdded === undefined ? [] : [bytesAdded]))
    .slice(0, barCount)
    .reverse();
  const last = added.at(-1);
  const usual = median(added);
  const bars = drawBars(added);
  if (last === undefined || usual === undefined || bars === undefined) {
    return { title, caption: say(locale, 'Not counted yet.') };
  }
  const caption =
    added.length === 1
      ? say(locale, '{last} last time', { last: size(last, locale) })
      : say(locale, '{last} last time, {usual} usually', { last: size(last, locale), usual: size(usual, locale) });
  const from = added.length === 1 ? '' : plural(locale, added.length - 1, '{count} backup ago', '{count} backups ago');
  return { title, caption, drawing: { bars, y: sizeAxis(added, locale), x: [from, say(locale, 'Last')] } };
}

function monthTable(days: readonly HistoryDay[], locale: Locale): TableModel {
  const name = new Intl.DateTimeFormat(locale.locale ?? 'en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
  const months = Map.groupBy([...days].reverse(), ({ day }) => day.slice(0, 7));
  const rows = [...months].map(([month, each]) => {
    const backups = each.reduce((sum, day) => sum + day.backups, 0);
    const added = each.reduce((sum, day) => sum + day.bytesAdded, 0);
    const sized = each.find(day => day.sizeBytes !== undefined)?.sizeBytes;
    return {
      key: month,
      name: name.format(noonOf(dayNumber(`${month}-01`))),
      cells: [
        { text: count(backups, locale), unit: unitOf(counted(backups, 'backup', 'backups', locale), backups, locale) },
        { text: size(added, locale), unit: say(locale, 'added') },
        { text: sized === undefined ? say(locale, 'not measured') : size(sized, locale) },
      ].map(cell => ({ ...cell, isNumber: true as const })),
    };
  });
  return {
    columns: [
      { label: say(locale, 'Month') },
      { label: say(locale, 'Backups'), isNumber: true },
      { label: say(locale, 'Added'), isNumber: true },
      { label: say(locale, 'Size'), isNumber: true },
    ],
    rows,
  };
}
