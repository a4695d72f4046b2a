import test from 'ava';
import fc from 'fast-check';
import { type Anchor, changedSchedule, nextRun, owed, slotAfter } from '../../daemon/jobs/schedule.ts';
import type { Schedule } from '../../protocol/status.ts';
import { wallSlots, wallTime } from '../support/wall-calendar.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const utc = (text: string): number => Date.parse(`${text}Z`);
const text = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();
const daily: Schedule = { kind: 'daily', at: '03:30', onChange: true };

const kinds = fc.constantFrom('daily', 'weekly', 'monthly');
const times = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(parts => parts.map(part => String(part).padStart(2, '0')).join(':'));
const schedules = fc.record({ kind: kinds, at: times, onChange: fc.constant(false) });
const zones = fc.constantFrom(
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago', 'Africa/Cairo'],
  ...['Asia/Kathmandu', 'Pacific/Auckland', 'America/St_Johns', 'Asia/Gaza'],
);
const moments = fc.integer({ min: utc('2024-01-01T00:00:00'), max: utc('2032-01-01T00:00:00') });

test('the next slot is the first of the calendar after the moment, at the right time of the wall', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(schedules, zones, moments, (schedule, timeZone, moment) => {
        const expected = wallSlots(schedule, timeZone, moment + 1, moment + 33 * dayMs)[0];
        const found = slotAfter(schedule, moment, timeZone);
        if (found !== expected) throw new Error(`${text(found)} instead of ${text(expected)}`);
      }),
      { numRuns: 300, seed: 3 },
    ),
  );
});

test('slots follow one another: a later moment never has an earlier slot, and no two lie in one day', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(schedules, zones, moments, fc.nat(40 * dayMs), (schedule, timeZone, moment, later) => {
        const first = slotAfter(schedule, moment, timeZone) ?? 0;
        const second = slotAfter(schedule, first, timeZone) ?? 0;
        const other = slotAfter(schedule, moment + later, timeZone) ?? 0;
        const day = (at: number) => Math.floor(wallTime(at, timeZone) / dayMs);
        if (first <= moment || other < first) throw new Error('a slot of the past, or an order turned round');
        if (day(second) <= day(first)) throw new Error(`${text(first)} and ${text(second)} are of one day`);
      }),
      { numRuns: 300, seed: 4 },
    ),
  );
});

const changes: readonly (readonly [string, string, string, readonly string[]])[] = [
  // Skipped in spring: it runs when the clocks go on. Shown twice in autumn: it runs the first time.
  ['Europe/Berlin', '02:30', '2026-03-28T12:00:00', ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']],
  ['Europe/Berlin', '02:30', '2026-10-24T12:00:00', ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']],
  ['America/New_York', '02:15', '2026-03-08T06:00:00', ['2026-03-08T07:00:00.000Z', '2026-03-09T06:15:00.000Z']],
  ['America/New_York', '01:15', '2026-11-01T04:00:00', ['2026-11-01T05:15:00.000Z', '2026-11-02T06:15:00.000Z']],
  ['Australia/Lord_Howe', '02:15', '2026-10-03T00:00:00', ['2026-10-03T15:30:00.000Z', '2026-10-04T15:15:00.000Z']],
  ['Australia/Lord_Howe', '01:45', '2026-04-04T00:00:00', ['2026-04-04T14:45:00.000Z', '2026-04-05T15:15:00.000Z']],
  // From within the hour that comes twice, after its first time, the day is served.
  ['Europe/Berlin', '02:30', '2026-10-25T00:31:00', ['2026-10-26T01:30:00.000Z']],
  ['Europe/Berlin', '02:30', '2026-10-25T01:29:00', ['2026-10-26T01:30:00.000Z']],
];
for (const [timeZone, at, from, expected] of changes) {
  test(`daily at ${at} in ${timeZone} after ${from} runs at ${expected.join(', ')}`, t => {
    let moment = utc(from);
    for (const slot of expected) {
      moment = slotAfter({ ...daily, at }, moment, timeZone) ?? 0;
      t.is(text(moment), slot);
    }
  });
}

test('weekly is Sunday, monthly is the first, and "never" and "manual" have no next run', t => {
  const after = (kind: Schedule['kind']) => text(slotAfter({ ...daily, kind }, utc('2026-11-23T09:00:00'), 'UTC'));
  t.is(after('daily'), '2026-11-24T03:30:00.000Z');
  t.is(after('weekly'), '2026-11-29T03:30:00.000Z');
  t.is(after('monthly'), '2026-12-01T03:30:00.000Z');
  t.is(after('manual'), undefined);
  t.is(after('never'), undefined);
});

test('whatever was missed, one run makes up for it: the next is reckoned from the last that counts', t => {
  const facts = { since: utc('2026-01-01T00:00:00'), anchor: undefined, timeZone: 'UTC' };
  const next = (lastRunAt: string | undefined, now: string) =>
    text(
      nextRun(daily, { ...facts, lastRunAt: lastRunAt === undefined ? undefined : utc(lastRunAt), now: utc(now) })?.at,
    );
  t.is(next('2026-11-20T03:31:00', '2026-11-23T09:00:00'), '2026-11-21T03:30:00.000Z', 'past: at once');
  t.is(next('2026-11-23T09:01:00', '2026-11-23T09:02:00'), '2026-11-24T03:30:00.000Z');
  t.is(next(undefined, '2026-11-23T09:00:00'), '2026-01-01T03:30:00.000Z', 'never yet: since it was chosen');
  t.is(next('2026-11-23T03:29:59', '2026-11-23T03:29:59'), '2026-11-23T03:30:00.000Z');
  t.is(next('2026-11-23T03:30:00', '2026-11-23T03:30:00'), '2026-11-24T03:30:00.000Z');
});

test('a clock set back by less than a period serves no slot again; one set back further goes on from now, and never waits two periods', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(kinds, moments, fc.integer({ min: 1, max: 900 * dayMs }), (kind, now, aheadMs) => {
        const lastRunAt = now + aheadMs;
        const periodMs = { daily: 1, weekly: 7, monthly: 31 }[kind] * dayMs + hourMs;
        const schedule = { ...daily, kind };
        const next = (now: number, anchor: Anchor | undefined) =>
          nextRun(schedule, { lastRunAt, since: 0, anchor, now, timeZone: 'UTC' });
        const found = next(now, undefined);
        const first = found?.at ?? 0;
        if (aheadMs <= periodMs && first <= lastRunAt) throw new Error('the slot that was served is due again');
        if (first - now > 2 * periodMs) throw new Error('it waits for a date that only a wrong clock saw');
        // Time goes on, and the slot stays where it is until it is due.
        let anchor = found?.anchor;
        for (const passed of [0.2, 0.7, 1]) {
          const then = now + Math.floor((first - now) * passed);
          const again = next(then, anchor);
          anchor = again?.anchor;
          if (then < lastRunAt && again?.at !== first)
            throw new Error(`moved from ${text(first)} to ${text(again?.at)}`);
        }
      }),
      { numRuns: 300, seed: 5 },
    ),
  );
});

test('a good backup is owed for two days, nine days, thirty-three days; changes without a calendar for two', t => {
  const lastGoodAt = utc('2026-11-20T03:31:00');
  const facts = { lastGoodAt, since: 0, anchor: undefined, changesSince: undefined, timeZone: 'UTC' };
  const days = (kind: Schedule['kind']) => {
    const found = owed({ ...daily, kind }, facts);
    return found === undefined ? undefined : (found.overdueAt - lastGoodAt) / dayMs;
  };
  t.deepEqual(
    ['daily', 'weekly', 'monthly'].map(kind => days(kind as Schedule['kind'])),
    [2, 9, 33],
  );
  t.deepEqual([days('never'), days('manual')], [undefined, undefined], 'no change waits');
  t.is(text(owed(daily, facts)?.since()), '2026-11-21T03:30:00.000Z', 'since the first slot that was missed');
  const changesSince = utc('2026-11-22T10:00:00');
  const onChange = owed({ ...daily, kind: 'manual' }, { ...facts, changesSince });
  t.deepEqual([onChange?.since(), onChange?.overdueAt], [changesSince, changesSince + 2 * dayMs]);
  t.is(owed({ ...daily, kind: 'manual', onChange: false }, { ...facts, changesSince }), undefined);
});

for (const [before, change, onChange] of [
  ['daily', { kind: 'never' }, false],
  ['daily', { kind: 'manual' }, false],
  ['daily', { kind: 'manual', onChange: true }, true],
  ['daily', { kind: 'weekly' }, true],
  ['daily', { at: '05:00' }, true],
  ['never', { kind: 'daily' }, true],
  ['never', { kind: 'daily', onChange: false }, false],
  ['never', { at: '05:00' }, false],
] as const) {
  test(`from ${before}, ${JSON.stringify(change)} leaves backups on change ${onChange ? 'on' : 'off'}`, t => {
    const schedule = changedSchedule({ kind: before, at: '03:30', onChange: before === 'daily' }, change);
    t.is(schedule.onChange, onChange);
    t.is(schedule.at, 'at' in change ? change.at : '03:30');
  });
}
