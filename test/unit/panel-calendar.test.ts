import test from 'ava';
import { drawCalendar, firstDayOfWeek, isOpen, lastDays } from '../../extension/panel/calendar.ts';
import type { HistoryDay } from '../../protocol/status.ts';

const now = Date.parse('2026-11-23T09:00:00Z'); // a Monday
const utc = { locale: 'en-GB', timeZone: 'UTC' } as const;

function dayOf(day: string, outcome: HistoryDay['outcome'] = 'good'): HistoryDay {
  return { day, outcome, backups: outcome === 'none' ? 0 : 1, bytesAdded: 1 };
}

/** Where the squares of a path begin. */
function places(path: string): readonly string[] {
  return [...path.matchAll(/M([\d.]+),([\d.]+)/g)].map(([, x, y]) => `${x} ${y}`);
}

test('weeks are columns: today is in the last one, a week ago one column before', t => {
  const { good } = drawCalendar([dayOf('2026-11-16'), dayOf('2026-11-23')], { now, locale: utc });
  // 36 + 12 × 16 + 2, and 16 more
  t.deepEqual(places(good), ['230 24', '246 24']);
});

test('the first day of the week is the one of the language', t => {
  t.is(firstDayOfWeek('en-GB'), 1);
  t.is(firstDayOfWeek('de'), 1);
  t.is(firstDayOfWeek('en-US'), 7);
  const american = drawCalendar([dayOf('2026-11-22'), dayOf('2026-11-23')], {
    now,
    locale: { locale: 'en-US', timeZone: 'UTC' },
  });
  // Sunday is on top, Monday below it, both in the last week
  t.deepEqual(places(american.good), ['246 24', '246 40']);
  t.deepEqual(
    american.labels.slice(0, 3).map(({ text }) => text),
    ['Sun', 'Tue', 'Thu'],
  );
});

test('each outcome has a shape of its own', t => {
  const drawn = drawCalendar([dayOf('2026-11-20'), dayOf('2026-11-21', 'partial'), dayOf('2026-11-22', 'none')], {
    now,
    locale: utc,
  });
  t.is(places(drawn.good).length, 1);
  t.is(places(drawn.partial).length, 1);
  t.is(places(drawn.partialHalf).length, 1);
  // a square and its stroke
  t.is(places(drawn.none).length, 2);
});

test('days before the first backup, and today while it is open, are places held free', t => {
  const drawn = drawCalendar([dayOf('2026-11-22'), dayOf('2026-11-23', 'none')], { now, locale: utc });
  t.is(places(drawn.blank).length, 89);
  t.true(places(drawn.blank).includes('248 28'), 'today');
  t.is(places(drawn.good).length, 1);
});

test('months are named above the week that holds their first day', t => {
  const { labels } = drawCalendar([], { now, locale: utc });
  t.deepEqual(
    labels.slice(3).map(({ x, text }) => `${text} ${x}`),
    ['Sept 52', 'Oct 116', 'Nov 180'],
  );
});

test('when the clocks change no day is lost or drawn twice', t => {
  // Europe changes on 25 October 2026, in the window
  const berlin = { locale: 'de', timeZone: 'Europe/Berlin' } as const;
  const first = Date.parse('2026-08-26T00:00:00Z');
  const days = Array.from({ length: 90 }, (_, index) =>
    dayOf(new Date(first + index * 86_400_000).toISOString().slice(0, 10)),
  );
  for (const at of ['2026-11-22T23:30:00Z', '2026-11-23T22:30:00Z']) {
    const shown = lastDays(days, 90, Date.parse(at), berlin);
    t.is(shown.length, 90);
    t.is(shown.at(-1)?.day, '2026-11-23');
    const drawn = places(drawCalendar(shown, { now: Date.parse(at), locale: berlin }).good);
    t.is(new Set(drawn).size, 90);
  }
});

test('today without a backup is open, with a failed one it is a day without', t => {
  const today = dayOf('2026-11-23', 'none');
  t.true(isOpen(today, now, utc));
  t.is(drawCalendar([today], { now, locale: utc }).none, '');
  t.false(isOpen({ ...today, why: { kind: 'failed', code: 'E_UNREACHABLE' } }, now, utc));
  t.false(isOpen(dayOf('2026-11-22', 'none'), now, utc));
});
