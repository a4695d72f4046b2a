// When a trial restore begins by itself, and what it draws.

import test from 'ava';
import { drawSample, type RestorePlan } from '../../daemon/archive/restore.ts';
import { IdSet } from '../../daemon/base/id-set.ts';
import { type DrillFacts, nextDrill, sampledPercent } from '../../daemon/jobs/drill-schedule.ts';
import { JobQueue } from '../../daemon/jobs/job-queue.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { manualClock } from '../support/manual-clock.ts';

const minute = 60_000;
const day = 86_400_000;
const now = Date.parse('2026-11-23T12:00:00Z');

const facts = (changes: Partial<DrillFacts> = {}): DrillFacts => ({
  now,
  days: 7,
  lastAt: now - 8 * day,
  notBefore: undefined,
  lastGoodAt: now - day,
  hasLastRunFailed: false,
  isUnlocked: true,
  isBusy: false,
  quietSince: now - 30 * minute,
  ...changes,
});

test('a trial is made some days after the last, and the first once there is a backup', t => {
  t.is(nextDrill(facts()), 'now');
  t.is(nextDrill(facts({ lastAt: now - 6 * day })), now + day);
  t.is(nextDrill(facts({ lastAt: undefined })), 'now');
  t.is(nextDrill(facts({ lastAt: undefined, lastGoodAt: undefined })), undefined);
  t.is(nextDrill(facts({ days: 1, lastAt: now - day - 1 })), 'now');
});

test('with 0 days, locked, or after a failed backup nothing begins by itself', t => {
  t.is(nextDrill(facts({ days: 0 })), undefined);
  t.is(nextDrill(facts({ isUnlocked: false })), undefined);
  t.is(nextDrill(facts({ hasLastRunFailed: true })), undefined);
});

test('a backup that runs or waits goes first, and some minutes of quiet after it', t => {
  t.is(nextDrill(facts({ isBusy: true })), now + 10 * minute);
  t.is(nextDrill(facts({ quietSince: now - 4 * minute })), now + 6 * minute);
  t.is(nextDrill(facts({ notBefore: now + 30 * minute })), now + 30 * minute);
});

test('a trial dated in the future, made while the clock was wrong, holds nothing back for years', t => {
  t.is(nextDrill(facts({ lastAt: now + 400 * day })), 'now');
  t.is(nextDrill(facts({ quietSince: now + 400 * day })), now + 10 * minute);
});

test('about one pack in fifty is read in a week, and of a cloud no more than half a gigabyte at a time', t => {
  t.is(sampledPercent({ days: 7, isFar: false, repositoryBytes: 1e12 }), 2);
  t.is(sampledPercent({ days: 14, isFar: false, repositoryBytes: 1e12 }), 4);
  t.is(sampledPercent({ days: 3650, isFar: false, repositoryBytes: 1e12 }), 100);
  t.is(sampledPercent({ days: 7, isFar: true, repositoryBytes: 512 << 20 }), 2);
  t.is(sampledPercent({ days: 7, isFar: true, repositoryBytes: (512 << 20) * 1000 }), 0.1);
});

test('of each source at most one database is drawn, its log along with it, and files up to the bound', t => {
  const plan = planOf({
    'app-aaaaaaaa/msg.db': 50,
    'app-aaaaaaaa/msg.db-wal': 5,
    'app-aaaaaaaa/small.db': 1,
    ...Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`app-aaaaaaaa/media/${index}.jpg`, 10])),
    'other-bbbbbbbb/huge.db': 5000,
    'other-bbbbbbbb/note.txt': 10,
  });
  for (const seed of [0, 0.3, 0.6, 0.99]) {
    const drawn = paths(
      drawSample(plan, { maxBytes: 600, maxFiles: 400, turn: undefined, must: new Set(), random: turning(seed) }),
    );
    const databases = drawn.filter(path => path.endsWith('.db'));
    t.is(databases.length, 1, 'the huge one is beyond the bound');
    t.is(drawn.includes('app-aaaaaaaa/msg.db'), drawn.includes('app-aaaaaaaa/msg.db-wal'));
    t.true(drawn.filter(path => path.endsWith('.jpg')).length >= 24);
    t.true(drawn.filter(path => path.endsWith('.jpg')).length <= 30);
  }
});

test('of the source in turn a database is drawn however large it is, and what failed before is drawn again', t => {
  const plan = planOf({ 'app-aaaaaaaa/huge.db': 5000, 'app-aaaaaaaa/a/b/x.jpg': 900, 'app-aaaaaaaa/y.jpg': 1 });
  const order = { maxBytes: 100, maxFiles: 400, random: turning(0.5) };
  const none = new Set<string>();
  t.deepEqual(paths(drawSample(plan, { ...order, turn: 'app-aaaaaaaa', must: none })), [
    'app-aaaaaaaa/huge.db',
    'app-aaaaaaaa/y.jpg',
  ]);
  const again = drawSample(plan, { ...order, turn: undefined, must: new Set(['app-aaaaaaaa/a/b/x.jpg']) });
  t.true(paths(again).includes('app-aaaaaaaa/a/b/x.jpg'));
  t.deepEqual(
    again.folders.map(({ path }) => Buffer.from(path).toString()),
    ['app-aaaaaaaa', 'app-aaaaaaaa/a', 'app-aaaaaaaa/a/b'],
    'with the folders on the way, and no others',
  );
});

test('large databases are drawn more often than small ones', t => {
  const plan = planOf({ 'app-aaaaaaaa/large.db': 90, 'app-aaaaaaaa/small.db': 9 });
  const counts = { large: 0, small: 0 };
  for (let at = 0; at < 1; at += 0.01) {
    const [drawn = ''] = paths(
      drawSample(plan, { maxBytes: 1000, maxFiles: 1, turn: undefined, must: new Set(), random: () => at }),
    );
    counts[drawn.includes('large') ? 'large' : 'small']++;
  }
  t.deepEqual(counts, { large: 91, small: 9 });
});

test('a job that makes way ends when another is asked for, and does not begin while one waits', async t => {
  const queue = new JobQueue(manualClock(), () => undefined);
  const call = { progress: () => undefined, signal: new AbortController().signal };
  const until = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const trial = queue.run('drill', call, until, { makesWay: true });
  await Promise.resolve();
  await Promise.resolve();
  const backup = queue.run('backup', call, async () => 'done');
  t.is((await t.throwsAsync(trial))?.message, 'it made way for another job');
  t.is(await backup, 'done');

  const first = Promise.withResolvers<void>();
  const running = queue.run('verify', call, () => first.promise);
  const waiting = queue.run('drill', call, async () => 'never', { makesWay: true });
  const third = queue.run('backup', call, async () => 'third');
  first.resolve();
  await running;
  t.is((await t.throwsAsync(waiting))?.message, 'it made way for another job');
  t.is(await third, 'third');
});

test('a set of ids knows each once, also after it has grown', t => {
  const ids = Array.from({ length: 5000 }, (_, index) => sha256Hex(Buffer.from(String(index))));
  const set = new IdSet();
  t.true(ids.every(id => set.add(id)));
  t.true(ids.every(id => !set.add(id)));
  t.true(ids.every(id => set.has(id)));
  t.is(set.size, 5000);
  t.false(set.has(sha256Hex(Buffer.from('other'))));
  t.true(set.add('0'.repeat(64)));
  t.false(set.add('0'.repeat(64)));
});

/** Numbers that go round from the first on. */
function turning(seed: number): () => number {
  let value = seed;
  return () => {
    value = (value + 0.618) % 1;
    return value;
  };
}

function paths(plan: RestorePlan): readonly string[] {
  return plan.files.map(({ path }) => Buffer.from(path).toString());
}

function planOf(files: Readonly<Record<string, number>>): RestorePlan {
  const entry = (path: string, node: object) => ({ path: Buffer.from(path), node: node as never });
  const folders = new Set(
    Object.keys(files).flatMap(path => {
      const parts = path.split('/').slice(0, -1);
      return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    }),
  );
  const sources = [...new Set(Object.keys(files).map(path => path.split('/')[0] ?? ''))];
  return {
    folders: [...folders, 'app-aaaaaaaa/empty'].map(path => entry(path, {})),
    files: Object.entries(files).map(([path, sizeBytes]) => entry(path, { type: 'file', sizeBytes })),
    links: [],
    bytes: 0,
    skipped: [],
    manifest: {
      v: 1,
      device: 'bench',
      sources: sources.map(id => ({
        id,
        databases: Object.keys(files)
          .filter(path => path.startsWith(`${id}/`) && path.endsWith('.db'))
          .map(path => ({ path: path.slice(id.length + 1) })),
      })) as never,
    },
  };
}
