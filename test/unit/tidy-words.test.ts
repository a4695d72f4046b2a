import test from 'ava';
import { drillLines } from '../../extension/drill-lines.ts';
import { planLines, planWords, tidiedWords } from '../../extension/tidy-words.ts';
import { repairedWords } from '../../protocol/repair-words.ts';
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

test('the plan says what goes, what stays and what is freed when, and asks before backups go', t => {
  const plan = planWords(forgotten(3, 4), pruned({ bytesDropped: 900_000_000, bytesWaiting: 1_200_000_000 }), reader);
  t.deepEqual(plan, {
    text: '3 backups go, 4 stay. At least 1.2 GB is freed after two days.',
    isEmpty: false,
    question: 'Forget 3 backups?',
  });
  t.is(
    planWords(forgotten(1, 4), pruned(), reader).text,
    '1 backup goes, 4 stay. What only they needed is freed after two days.',
  );
});

test('a plan without backups asks nothing more, and an empty one says so', t => {
  t.deepEqual(planWords(forgotten(0, 2), pruned({ bytesDeleted: 31_000_000 }), reader), {
    text: 'No backup goes, 2 backups stay. 31 MB is freed now.',
    isEmpty: false,
  });
  t.deepEqual(planWords(forgotten(0, 1), pruned(), reader), {
    text: 'There is nothing to tidy up: 1 backup stays.',
    isEmpty: true,
  });
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

test('afterwards it tells what is gone, what was freed and from when on the rest is', t => {
  const done = pruned({ bytesDeleted: 31_000_000, bytesWaiting: 1_200_000_000, deletableAt: '2026-11-25T09:00:00Z' });
  t.is(
    tidiedWords(forgotten(3, 4), done, reader),
    '3 backups are gone. 31 MB was freed. 1.2 GB is freed from 25 November on, with the next tidying up.',
  );
  t.is(tidiedWords(forgotten(0, 4), pruned(), reader), 'There was nothing to tidy up.');
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

test('a verification tells what was compared by checksums, and a repair what it found', t => {
  t.is(
    verifiedWords({ ...verifyResult, scrubbed: 9 }, locale),
    'No problems. 5 backups checked, 1.0 MB read. 9 stored files were compared by the checksums of the place.',
  );
  const repaired = { type: 'result', packsRead: 3, packsAdded: 3, packsRemoved: 1, junk: 0, problems: [] } as const;
  t.is(
    repairedWords({ ...repaired, dryRun: false }, locale),
    'The index is written anew. 3 stored files are found again. 1 stored file that is not there any more is named no longer.',
  );
  t.is(repairedWords({ ...repaired, packsAdded: 0, packsRemoved: 0, dryRun: false }, locale), 'The index was whole.');
});
