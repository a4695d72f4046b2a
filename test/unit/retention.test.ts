import test from 'ava';
import fc from 'fast-check';
import {
  type Candidate,
  type Dated,
  keptByAge,
  keptUntil,
  planRetention,
  type RetentionRules,
} from '../../daemon/jobs/retention.ts';

const hour = 3_600_000;
const day = 24 * hour;
const usual: RetentionRules = {
  keepAllHours: 24,
  keepHourlyDays: 7,
  keepDailyDays: 30,
  keepWeeklyWeeks: 52,
  keepMonthlyMonths: 0,
};
const nothing: RetentionRules = { ...usual, keepHourlyDays: 0, keepDailyDays: 0, keepWeeklyWeeks: 0 };
const none = { complete: new Set<string>(), verified: new Set<string>() };
const berlin = 'Europe/Berlin';
const own = '0011223344556677';

/** One for each time, numbered in that order. */
function dated(times: readonly (number | string)[]): readonly Dated[] {
  return times.map((at, index) => ({
    id: `s${index + 1}`,
    at: typeof at === 'number' ? at : Date.parse(at),
    seq: index + 1,
  }));
}

function announced(of: readonly Dated[], device = own): readonly Candidate[] {
  return of.map(each => ({ ...each, standing: 'announced', device }));
}

const everyDay = (count: number, from: string): readonly Dated[] =>
  dated(Array.from({ length: count }, (_, index) => Date.parse(from) + index * day));

test('the last of each hour, day, week and month stays for as long as it was chosen', t => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  const snapshots = dated([
    '2026-07-15T08:00:00Z', // not the last of its month
    '2026-07-31T20:00:00Z',
    '2026-11-02T08:00:00Z', // Monday, five weeks are not over
    '2026-11-15T09:10:00Z', // Sunday of another week
    '2026-11-15T09:40:00Z',
    '2026-11-22T09:10:00Z', // the day before: the last of its hour stays
    '2026-11-22T09:40:00Z',
    '2026-11-22T11:00:00Z',
    '2026-11-23T11:00:00Z',
    '2026-11-23T11:30:00Z',
    '2026-11-23T12:00:00Z',
  ]);
  const kept = keptByAge(snapshots, usual, { now, timeZone: 'UTC' });
  t.deepEqual(Object.fromEntries(kept), {
    s2: ['weekly', 'monthly'],
    s1: ['weekly'],
    s3: ['daily', 'weekly'],
    s5: ['daily', 'weekly'],
    s7: ['hourly'],
    s8: ['hourly', 'daily', 'weekly'],
    s9: ['all'],
    s10: ['all', 'hourly'],
    s11: ['all', 'hourly', 'daily', 'weekly', 'monthly'],
  });
  t.false(kept.has('s4'), 'an earlier one of the same hour, eight days ago');
  t.false(kept.has('s6'), 'an earlier one of the same hour, more than a day ago');
});

test('what is not chosen keeps nothing, but the newest stays and so do those of the first hours', t => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  const snapshots = everyDay(40, '2026-10-15T12:00:00Z');
  const rules = { ...nothing, keepMonthlyMonths: 1 };
  const kept = keptByAge(snapshots, rules, { now, timeZone: 'UTC' });
  t.deepEqual([...kept.keys()].toSorted(), ['s17', 's39', 's40']);
  t.deepEqual([...keptByAge(snapshots, rules, { now: now + 900 * day, timeZone: 'UTC' }).keys()], ['s40']);
});

test('the hour that comes twice is two, and a day of 25 hours is one', t => {
  // 25 October 2026: 03:00 CEST becomes 02:00 CET.
  const snapshots = dated([
    '2026-10-25T00:30:00Z',
    '2026-10-25T01:30:00Z',
    '2026-10-25T22:59:00Z',
    '2026-10-25T23:01:00Z',
  ]);
  const moment = { now: Date.parse('2026-10-28T12:00:00Z'), timeZone: berlin };
  const hourly = keptByAge(snapshots, { ...usual, keepDailyDays: 0, keepWeeklyWeeks: 0 }, moment);
  t.deepEqual([...hourly.keys()].toSorted(), ['s1', 's2', 's3', 's4']);
  const daily = keptByAge(snapshots, { ...usual, keepHourlyDays: 0, keepWeeklyWeeks: 0 }, moment);
  t.deepEqual(
    [...daily].flatMap(([id, reasons]) => (reasons.includes('daily') ? [id] : [])).toSorted(),
    ['s3', 's4'],
    'two days in Berlin, one in UTC',
  );
});

test('the hour that is skipped in spring, and days of 23 hours, cost nothing', t => {
  const times = Array.from({ length: 96 }, (_, index) => Date.parse('2026-03-27T00:30:00Z') + index * hour);
  const kept = keptByAge(dated(times), usual, { now: times.at(-1) ?? 0, timeZone: berlin });
  t.is(kept.size, 96);
});

test('only what this device announced is forgotten by age', t => {
  const old = Date.parse('2020-01-01T00:00:00Z');
  const now = Date.parse('2026-11-23T12:00:00Z');
  const candidates: Candidate[] = [
    { id: 'newest', at: now, seq: 9, standing: 'announced', device: own },
    { id: 'old', at: old, seq: 1, standing: 'announced', device: own },
    { id: 'last of that month', at: old + day, seq: 2, standing: 'announced', device: own },
    { id: 'crash', at: old, seq: 10, standing: 'unannounced', device: own },
    { id: 'came back', at: now, seq: 3, standing: 'replayed', device: own },
    { id: 'theirs', at: old, seq: 1, standing: 'announced', device: 'ffff223344556677' },
    { id: 'theirs came back', at: old, seq: 1, standing: 'replayed', device: 'ffff223344556677' },
    { id: 'restic', at: old, seq: 0, standing: 'foreign', device: undefined },
  ];
  const asked = { snapshots: candidates, device: own, rules: usual, moment: { now, timeZone: 'UTC' } };
  const { keep, forget } = planRetention({ ...asked, newest: none });
  t.deepEqual(forget, ['old', 'came back']);
  t.deepEqual(
    keep.map(({ id, reasons }) => [id, reasons[0]]),
    [
      ['newest', 'all'],
      ['last of that month', 'monthly'],
      ['crash', 'not-announced'],
      ['theirs', 'other-device'],
      ['theirs came back', 'other-device'],
      ['restic', 'foreign'],
    ],
  );
  const held = planRetention({ ...asked, newest: { complete: new Set(['old']), verified: new Set<string>() } });
  t.deepEqual(held.forget, ['came back']);
  t.deepEqual(held.keep.find(({ id }) => id === 'old')?.reasons, ['newest-complete']);
});

test('a backup that a wrong clock dated into the past stands in the place of none', t => {
  const snapshots = dated([
    '2025-01-31T12:00:00Z', // the last of its month, until a clock was set back
    '2026-11-01T12:00:00Z',
    '2025-01-31T23:00:00Z',
    '2026-11-23T12:00:00Z',
  ]);
  const kept = keptByAge(snapshots, usual, { now: Date.parse('2026-11-23T12:00:00Z'), timeZone: 'UTC' });
  t.deepEqual([...kept.keys()].toSorted(), ['s1', 's2', 's3', 's4']);
});

test('until when a backup stays is told where it is certain', t => {
  const now = Date.parse('2026-11-25T12:00:00Z'); // a Wednesday
  const snapshots = dated([
    '2026-10-31T12:00:00Z', // the last of its month: for ever
    '2026-11-20T09:10:00Z', // an earlier one of its hour
    '2026-11-20T09:40:00Z', // the last of its hour
    '2026-11-20T12:00:00Z', // the last of its day
    '2026-11-22T12:00:00Z', // the last of its week
    '2026-11-24T12:00:00Z', // the last of its day, in a week that is not over
    '2026-11-25T12:00:00Z',
  ]);
  const until = keptUntil(snapshots, usual, { now, timeZone: 'UTC' });
  t.deepEqual(
    [...until].map(([id, at]) => [id, new Date(at).toISOString().slice(0, 10)]),
    [
      ['s2', '2026-11-21'],
      ['s3', '2026-11-27'],
      ['s4', '2026-12-20'],
      ['s5', '2027-11-21'],
      ['s6', '2026-12-24'],
    ],
  );
  const bounded = keptUntil(snapshots, { ...usual, keepMonthlyMonths: 24 }, { now, timeZone: 'UTC' });
  t.is(new Date(bounded.get('s1') ?? 0).toISOString(), '2028-11-01T00:00:00.000Z');
});

const begin = Date.parse('2025-11-01T00:00:00Z');
const rulesAny: fc.Arbitrary<RetentionRules> = fc.record({
  keepAllHours: fc.integer({ min: 1, max: 72 }),
  keepHourlyDays: fc.integer({ min: 0, max: 10 }),
  keepDailyDays: fc.integer({ min: 0, max: 40 }),
  keepWeeklyWeeks: fc.integer({ min: 0, max: 10 }),
  keepMonthlyMonths: fc.integer({ min: 0, max: 6 }),
});
/** As those that are chosen in practice: whatever is the last of a month is kept as the last of its day until the month is over. */
const nested = rulesAny.map(rules => ({ ...rules, keepDailyDays: rules.keepDailyDays + 31, keepMonthlyMonths: 0 }));
const zone = fc.constantFrom('UTC', berlin, 'America/St_Johns', 'Pacific/Auckland', 'Australia/Lord_Howe');
/** In any order: clocks are set back, and forward. */
const timesAny = fc.array(
  fc.integer({ min: 0, max: 400 * 24 * 4 }).map(quarter => begin + quarter * (hour / 4)),
  {
    minLength: 1,
    maxLength: 60,
  },
);
const rising = timesAny.map(times => times.toSorted((a, b) => a - b));

test('to forget twice forgets nothing more, whatever the clocks did', t => {
  const held = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 3 });
  fc.assert(
    fc.property(
      timesAny,
      rulesAny,
      zone,
      held,
      fc.integer({ min: 0, max: 500 }),
      (times, rules, timeZone, ids, days) => {
        const moment = { now: begin + days * day, timeZone };
        const newest = { complete: new Set(ids.map(seq => `s${seq}`)), verified: new Set<string>() };
        const asked = { device: own, rules, moment, newest };
        const snapshots = announced(dated(times));
        const once = planRetention({ ...asked, snapshots });
        const gone = new Set(once.forget);
        const again = planRetention({ ...asked, snapshots: snapshots.filter(({ id }) => !gone.has(id)) });
        t.deepEqual(again.forget, []);
        t.is(once.keep.length + once.forget.length, times.length);
      },
    ),
    { numRuns: 400 },
  );
});

test('the newest stays, and so does all that lies ahead, of the last hours, or without a time', t => {
  fc.assert(
    fc.property(timesAny, rulesAny, zone, fc.integer({ min: 0, max: 500 }), (times, rules, timeZone, days) => {
      const now = begin + days * day;
      const snapshots = [...dated(times), { id: 'unreadable', at: Number.NaN, seq: 0 }];
      const kept = keptByAge(snapshots, rules, { now, timeZone });
      t.true(kept.has(`s${times.length}`));
      t.true(kept.has('unreadable'));
      for (const { id, at } of snapshots) if (at >= now - rules.keepAllHours * hour) t.true(kept.has(id));
    }),
    { numRuns: 200 },
  );
});

test('who forgets every day keeps what somebody who forgets once would keep', t => {
  fc.assert(
    fc.property(rising, nested, zone, (times, rules, timeZone) => {
      const end = times.at(-1) ?? begin;
      const atOnce = keptByAge(dated(times), rules, { now: end, timeZone });
      let left: readonly Dated[] = [];
      for (const each of dated(times)) {
        left = [...left, each];
        const kept = keptByAge(left, rules, { now: each.at, timeZone });
        left = left.filter(({ id }) => kept.has(id));
      }
      const ids = new Set(left.map(({ id }) => id));
      for (const [id, reasons] of atOnce) t.true(ids.has(id), `${id}: ${reasons.join()}`);
    }),
    { numRuns: 200 },
  );
});

test('what is told to stay until a day does stay until then, whatever is backed up meanwhile', t => {
  fc.assert(
    fc.property(rising, rising, rulesAny, zone, (times, more, rules, timeZone) => {
      const now = times.at(-1) ?? begin;
      const later = more.map(at => at - begin + now);
      const end = later.at(-1) ?? now;
      const until = keptUntil(dated(times), rules, { now, timeZone });
      const kept = keptByAge(dated([...times, ...later]), rules, { now: end, timeZone });
      for (const [id, at] of until) if (end < at - day) t.true(kept.has(id), id);
    }),
    { numRuns: 200 },
  );
});
