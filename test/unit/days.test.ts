// What a day of backups is told to have been.

import test, { type ExecutionContext } from 'ava';
import { historyWords } from '../../daemon/cli/history.ts';
import { Days } from '../../daemon/jobs/days.ts';
import { PastRuns } from '../../daemon/jobs/past-runs.ts';
import type { HistoryEntry } from '../../daemon/state/model.ts';
import { openState } from '../../daemon/state/state.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { LastBackup } from '../../protocol/status.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const snapshot = 'dd'.repeat(32);
const madeOf = (at: string, changes: Partial<LastBackup> = {}): LastBackup => ({
  snapshot,
  at,
  reason: 'change',
  durationMs: 1,
  filesNew: 1,
  filesChanged: 0,
  filesUnreadable: [],
  notVerified: [],
  bytesRead: 1,
  bytesAdded: 100,
  ...changes,
});
const good = (at: string, changes: Partial<LastBackup> = {}): HistoryEntry => ({
  at,
  outcome: 'good',
  backup: madeOf(at, changes),
});
const nothingNew = (at: string): HistoryEntry => ({ at, outcome: 'nothing-new' });
const partial = (at: string, unreadable?: number): HistoryEntry => ({
  at,
  outcome: 'partial',
  ...(unreadable !== undefined && { unreadable }),
});
const failed = (at: string, code: ErrorCode): HistoryEntry => ({
  at,
  outcome: 'failed',
  error: { code, params: {}, retryable: true },
});
const cancelled = (at: string): HistoryEntry => ({ at, outcome: 'cancelled' });

function daysOf(entries: readonly HistoryEntry[], now: string, count = 400, timeZone = 'UTC') {
  const forwards = new Days(timeZone);
  const backwards = new Days(timeZone);
  for (const entry of entries) forwards.add(entry);
  for (const entry of entries.toReversed()) backwards.add(entry);
  const found = forwards.upTo(Date.parse(now), count);
  return { found, backwards: backwards.upTo(Date.parse(now), count) };
}

const noon = '2026-11-23T12:00:00.000Z';
const at = (time: string): string => `2026-11-23T${time}:00.000Z`;
const nothing = { backups: 0, bytesAdded: 0 };
const one = { backups: 1, bytesAdded: 100 };
const oneDay: readonly (readonly [string, readonly HistoryEntry[], object])[] = [
  ['a backup', [good(at('01:00'))], { outcome: 'good', ...one }],
  ['a look that found nothing new', [nothingNew(at('01:00'))], { outcome: 'good', ...nothing }],
  [
    'failures before and after a look that found nothing new',
    [failed(at('01:00'), 'E_UNREACHABLE'), nothingNew(at('02:00')), failed(at('03:00'), 'E_REMOTE_FULL')],
    { outcome: 'good', ...nothing },
  ],
  [
    'a backup with a gap, and failures',
    [failed(at('01:00'), 'E_UNREACHABLE'), partial(at('02:00'), 5), partial(at('03:00'), 2), cancelled(at('04:00'))],
    { outcome: 'partial', why: { kind: 'unreadable', files: 2 }, ...nothing },
  ],
  ['a gap of which nobody wrote down how large it was', [partial(at('01:00'))], { outcome: 'partial', ...nothing }],
  [
    'failures, most of them of one kind',
    [
      failed(at('01:00'), 'E_UNREACHABLE'),
      failed(at('02:00'), 'E_UNREACHABLE'),
      failed(at('03:00'), 'E_REMOTE_FULL'),
      cancelled(at('04:00')),
    ],
    { outcome: 'none', why: { kind: 'failed', code: 'E_UNREACHABLE' }, ...nothing },
  ],
  [
    'as many failures of two kinds: the newer one',
    [failed(at('01:00'), 'E_UNREACHABLE'), failed(at('03:00'), 'E_REMOTE_FULL')],
    { outcome: 'none', why: { kind: 'failed', code: 'E_REMOTE_FULL' }, ...nothing },
  ],
  ['a run that was stopped', [cancelled(at('01:00'))], { outcome: 'none', why: { kind: 'cancelled' }, ...nothing }],
  [
    'two backups, one of them counted',
    [good(at('01:00')), good(at('02:00'), { messagesNew: 7, bytesAdded: 900 })],
    { outcome: 'good', backups: 2, bytesAdded: 1000, messagesNew: 7 },
  ],
];
for (const [what, entries, told] of oneDay) {
  test(`a day of ${what}`, t => {
    const { found, backwards } = daysOf(entries, noon);
    t.deepEqual(found, [{ day: '2026-11-23', ...told }] as never);
    t.deepEqual(backwards, found, 'in whatever order the runs are read');
  });
}

test('days without any run are told as such, from the first run to today', t => {
  t.deepEqual(daysOf([], noon).found, []);
  const entries = [good('2026-11-20T23:59:59.999Z'), good('2026-11-22T00:00:00.000Z')];
  const days = (count: number) =>
    daysOf(entries, noon, count).found.map(({ day, outcome }) => [day.slice(-2), outcome]);
  t.deepEqual(days(400), [
    ['20', 'good'],
    ['21', 'none'],
    ['22', 'good'],
    ['23', 'none'],
  ]);
  t.deepEqual(days(2), [
    ['22', 'good'],
    ['23', 'none'],
  ]);
  t.deepEqual(days(1), [['23', 'none']]);
});

test('what a clock that was wrong wrote into the future is not told, nor more than was asked for', t => {
  const { found } = daysOf([good('1970-01-01T00:00:00.000Z'), good('2031-01-01T00:00:00.000Z')], noon, 400);
  t.is(found.length, 400);
  t.is(found.at(-1)?.day, '2026-11-23');
  t.is(found.at(0)?.day, '2025-10-20');
});

test('the size of a day is what was measured last, until it is measured anew', t => {
  const sized = (time: string, sizeBytes: number): HistoryEntry => ({ ...good(time), sizeBytes });
  const entries = [
    good('2026-11-18T01:00:00.000Z'),
    sized('2026-11-19T01:00:00.000Z', 10),
    sized('2026-11-19T02:00:00.000Z', 30),
    sized('2026-11-22T01:00:00.000Z', 20),
  ];
  const { found, backwards } = daysOf(entries, noon);
  t.deepEqual(
    found.map(({ sizeBytes }) => sizeBytes),
    [undefined, 30, 30, 30, 20, 20],
  );
  t.deepEqual(backwards, found);
  t.deepEqual(
    daysOf(entries, noon, 3).found.map(({ sizeBytes }) => sizeBytes),
    [30, 20, 20],
    'also where the measure lies before what was asked for',
  );
});

for (const [timeZone, first, last] of [
  ['Europe/Berlin', '2026-03-28T23:30:00.000Z', '2026-03-29T22:30:00.000Z'],
  ['Europe/Berlin', '2026-10-24T22:30:00.000Z', '2026-10-25T23:30:00.000Z'],
  ['America/New_York', '2026-03-08T05:30:00.000Z', '2026-03-09T04:30:00.000Z'],
  ['Pacific/Apia', '2026-03-08T05:30:00.000Z', '2026-03-09T04:30:00.000Z'],
] as const) {
  test(`each day of ${timeZone} is told once around ${first}`, t => {
    const now = new Date(Date.parse(last) + 2 * 86_400_000).toISOString();
    const { found } = daysOf([good(first), good(last)], now, 400, timeZone);
    const names = found.map(({ day }) => day);
    t.deepEqual(names, [...new Set(names)].toSorted());
    for (const [index, day] of names.entries()) {
      const before = names[index - 1];
      if (before !== undefined) t.is(Date.parse(day) - Date.parse(before), 86_400_000, `${before} ${day}`);
    }
    const inZone = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
    t.deepEqual(
      found.filter(({ backups }) => backups > 0).map(({ day }) => day),
      [...new Set([first, last].map(each => inZone.format(Date.parse(each))))],
    );
  });
}

async function pastOfYear(t: ExecutionContext) {
  const state = await openState(await temporaryHome(t), { clock: manualClock(), hostLabel: 'bench' });
  t.teardown(() => state.close());
  const hour = (n: number): string => new Date(Date.parse('2026-01-01T00:30:00Z') + n * 3_600_000).toISOString();
  for (let n = 0; n < 1000; n++) state.history.append(n % 4 === 0 ? good(hour(n)) : nothingNew(hour(n)));
  return { past: new PastRuns(state.history), state, hour };
}

test('a long history is read once, and what is recorded meanwhile and later is added to it', async t => {
  const { past, state, hour } = await pastOfYear(t);
  let pages = 0;
  const { page } = state.history;
  state.history.page = (...order) => {
    pages++;
    return page.apply(state.history, order);
  };
  const now = Date.parse(hour(1010));
  const asked = [past.days(now, 400, 'UTC'), past.days(now, 400, 'UTC')];
  past.record(good(hour(1000)));
  const [found = [], again] = await Promise.all(asked);
  t.deepEqual(again, found);
  t.is(
    found.reduce((sum, { backups }) => sum + backups, 0),
    251,
  );
  t.is(found.length, Math.floor(1010 / 24) + 1);
  t.is(pages, 5);
  past.record(good(hour(1009)));
  t.is((await past.days(now, 1, 'UTC'))[0]?.backups, 1);
  t.is(pages, 5);
  await past.days(now, 400, 'Asia/Tokyo');
  t.is(pages, 10, 'another zone has other days');
});

test('the command line tells each day in a line, the newest first', t => {
  const entries = [
    good('2026-11-21T01:00:00.000Z', { messagesNew: 19 }),
    failed('2026-11-23T01:00:00.000Z', 'E_UNREACHABLE'),
  ];
  const lines = historyWords(daysOf(entries, noon).found).split('\n');
  t.is(lines.length, 4);
  t.regex(lines[1] ?? '', /^2026-11-23 +no backup: .*cannot be reached/);
  t.regex(lines[2] ?? '', /^2026-11-22 +no backup$/);
  t.regex(lines[3] ?? '', /^2026-11-21 +1 +\+100 bytes +good, 19 new messages$/);
});
