import test from 'ava';
import { drillLines } from '../../extension/drill-lines.ts';
import { planLines, planWords } from '../../extension/tidy-words.ts';
import type { DrillResult, ForgetEntry, ForgetResult, KeepReason, PruneResult } from '../../protocol/status.ts';
import { verifiedWords } from '../../protocol/verify-words.ts';
import { verifyResult } from '../support/fake-handlers.ts';

const reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };
const { locale } = reader;

const entry = (day: number, ...reasons: readonly KeepReason[]): ForgetEntry => ({
  id: String(day).padStart(2, '0').repeat(32),
  at: `2026-11-${String(day).padStart(2, '0')}T08:55:00Z`,
  device: 'Laptop',
  reasons,
});
const forgotten = (goes: number, stays: number): ForgetResult => ({
  type: 'result',
  forget: Array.from({ length: goes }, (_, index) => entry(10 - index)),
  keep: Array.from({ length: stays }, (_, index) => entry(23 - index, 'all')),
  dryRun: true,
});
const pruned = (changes: Partial<PruneResult> = {}): PruneResult => ({
  type: 'result',
  packsKept: 9,
  bytesKept: 90,
  packsDropped: 0,
  bytesDropped: 0,
  packsRepacked: 0,
  bytesRepacked: 0,
  packsDeleted: 0,
  bytesDeleted: 0,
  packsWaiting: 0,
  bytesWaiting: 0,
  dryRun: true,
  ...changes,
});

test('the plan says what goes, what stays and what waits, and asks before backups go', t => {
  const plan = planWords(forgotten(3, 4), pruned({ packsWaiting: 9, bytesWaiting: 1_200_000_000 }), reader);
  t.is(plan.question, 'Forget 3 backups?');
  t.false(plan.isEmpty);
  t.is(plan.text, '3 backups go, 4 stay. 1.2 GB more wait until it is sure that no backup needs them.');
});

test('a plan without backups asks nothing more, and an empty one says so', t => {
  const room = planWords(forgotten(0, 2), pruned({ packsDeleted: 1, bytesDeleted: 31_000_000 }), reader);
  t.deepEqual(room, { text: 'No backup goes, 2 stay. 31 MB can be freed now.', isEmpty: false });
  const nothing = planWords(forgotten(0, 1), pruned(), reader);
  t.true(nothing.isEmpty);
  t.regex(nothing.text, /^No backup goes, 1 stays\. Nothing is to be tidied up/);
});

test('the list names every backup with its reason, and how many it does not hold', t => {
  const result = { ...forgotten(1, 1), more: { keep: 40 } };
  t.deepEqual(planLines(result, 'The plan.', reader), [
    'The plan.',
    '',
    'goes: Tuesday 10 November 08:55 · Laptop',
    '',
    'stays: Monday 23 November 08:55 · Laptop (recent)',
    'and 40 more',
  ]);
});

const drilled: DrillResult = {
  type: 'result',
  ok: true,
  snapshot: 'ab'.repeat(32),
  at: '2026-11-23T08:55:00Z',
  sources: [
    { id: 'a', label: 'WhatsApp', files: 30, bytes: 30_000_000, ok: true },
    { id: 'b', label: 'Claude Code', files: 11, bytes: 1_000_000, ok: true },
  ],
  databases: [
    { path: 'a/msgstore.db', check: 'ok', messages: 10, messagesThen: 10 },
    { path: 'a/sealed.db', check: 'opaque' },
  ],
  problems: [],
};

test('the list of a trial restore names what did not come back, and databases that lack messages', t => {
  const failed: DrillResult = {
    ...drilled,
    ok: false,
    databases: [{ path: 'a/msgstore.db', check: 'ok', messages: 9, messagesThen: 10 }],
    problems: [{ path: 'a/photo.jpg', code: 'E_MISSING', detail: 'data/00' }],
    more: { problems: 4 },
  };
  t.deepEqual(drillLines(failed, locale), [
    'a/photo.jpg: A part of the backup is missing in the cloud.',
    'a/msgstore.db: 9 of 10 messages',
    'and 4 more',
  ]);
});

test('a verification tells what was compared by checksums of the place', t => {
  t.is(
    verifiedWords({ ...verifyResult, scrubbed: 9 }, locale),
    'No problems. 5 backups checked, 1.0 MB read. 9 stored files were compared by the checksums of the place.',
  );
});
