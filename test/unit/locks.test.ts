import test, { type ExecutionContext } from 'ava';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Repository } from '../../daemon/repository/model.ts';
import type { RepositoryOptions } from '../../daemon/repository/repository.ts';
import { faultyRemote } from '../support/faulty-remote.ts';
import { networked } from '../support/network-remote.ts';
import { type Bench, bench, until } from '../support/repository.ts';

const minute = 60_000;

interface Machine {
  readonly repository: Repository;
  readonly place: Bench;
}

/** Machines that share one place and one time. The first creates the repository. */
async function machines(
  t: ExecutionContext,
  count: number,
  changes: Partial<RepositoryOptions> = {},
): Promise<{ remote: MemoryRemote; all: Machine[] }> {
  const remote = createMemoryRemote();
  const all: Machine[] = [];
  let clock: RepositoryOptions['clock'] | undefined;
  for (let i = 0; i < count; i++) {
    const shared = clock === undefined ? {} : { clock };
    const place = await bench(t, {
      remote,
      seed: i + 1,
      host: { hostname: `host-${i}`, pid: 1000 + i },
      isAlive: () => true,
      ...shared,
      ...changes,
    });
    clock = place.options.clock;
    const repository = i === 0 ? await place.create() : await place.open();
    all.push({ repository, place });
    t.teardown(() => repository.close());
  }
  return { remote, all };
}

const locksOf = (remote: MemoryRemote): string[] => [...remote.objects.keys()].filter(key => key.startsWith('locks/'));

test('two machines may hold shared locks at once', async t => {
  const { remote, all } = await machines(t, 2);
  const [one, two] = all as [Machine, Machine];
  const first = await one.repository.lock('shared');
  const second = await two.repository.lock('shared');
  t.is(locksOf(remote).length, 2);
  await first.release();
  await first.release();
  await second.release();
  t.is(locksOf(remote).length, 0);
});

for (const [held, wanted] of [
  ['exclusive', 'shared'],
  ['shared', 'exclusive'],
  ['exclusive', 'exclusive'],
] as const) {
  test(`beside a ${held} lock no ${wanted} one is given, and the refused one leaves nothing`, async t => {
    const { remote, all } = await machines(t, 2);
    const [one, two] = all as [Machine, Machine];
    const lock = await one.repository.lock(held);
    const error = await t.throwsAsync(two.repository.lock(wanted), { code: 'E_REPOSITORY_LOCKED' });
    t.like(error, { params: { hostname: 'host-0', exclusive: held === 'exclusive' } });
    t.is(locksOf(remote).length, 1);
    await lock.release();
    await (await two.repository.lock(wanted)).release();
  });
}

test('where one look shows the whole place, a lock is judged by that look alone', async t => {
  const { remote, all } = await machines(t, 2);
  const [one, two] = all as [Machine, Machine];
  const own = networked(remote);
  const look = () => {
    t.is(locksOf(remote).length, before + 1, 'our lock is there when it is taken');
    return own;
  };
  let before = 0;
  const shared = await two.repository.lock('shared', { look });
  t.deepEqual(own.calls, ['list locks']);
  await shared.release();
  const exclusive = await one.repository.lock('exclusive');
  before = 1;
  await t.throwsAsync(two.repository.lock('shared', { look }), { code: 'E_REPOSITORY_LOCKED' });
  t.is(locksOf(remote).length, 1, 'the refused one leaves nothing');
  await exclusive.release();
});

test('of two machines that lock exclusively at the same moment, at most one gets it', async t => {
  const { remote, all } = await machines(t, 2);
  const results = await Promise.allSettled(all.map(({ repository }) => repository.lock('exclusive')));
  t.true(results.filter(result => result.status === 'fulfilled').length <= 1);
  for (const result of results) if (result.status === 'fulfilled') await result.value.release();
  t.is(locksOf(remote).length, 0);
});

test('a held lock is renewed every five minutes and never missing meanwhile', async t => {
  const { remote, all } = await machines(t, 1);
  const [{ repository, place }] = all as [Machine];
  const lock = await repository.lock('shared');
  const seen = new Set(locksOf(remote));
  for (let i = 0; i < 12; i++) {
    await place.clock.advance(5 * minute + 1000);
    await until(() => {
      const now = locksOf(remote);
      t.true(now.length > 0);
      return now.length === 1 && now.every(key => !seen.has(key));
    });
    for (const key of locksOf(remote)) seen.add(key);
  }
  t.is(seen.size, 13);
  t.false(lock.signal.aborted);
  await lock.release();
  t.is(locksOf(remote).length, 0);
  await place.clock.advance(60 * minute);
  t.is(locksOf(remote).length, 0, 'no renewal after release');
});

test('a lock that another program removed is lost', async t => {
  const { remote, all } = await machines(t, 1);
  const [{ repository, place }] = all as [Machine];
  const lock = await repository.lock('shared');
  remote.objects.delete(locksOf(remote)[0] ?? '');
  await place.clock.advance(6 * minute);
  t.true(lock.signal.aborted);
  t.like(lock.signal.reason, { code: 'E_REPOSITORY_LOCKED' });
  t.is(locksOf(remote).length, 0);
  await lock.release();
});

test('a lock survives a remote that is away for ten minutes, and is lost before it is stale', async t => {
  const inner = createMemoryRemote();
  let isDown = false;
  const remote = faultyRemote(inner, () => (isDown ? 'before' : undefined));
  const place = await bench(t, { remote, isAlive: () => true });
  const repository = await place.create();
  const lock = await repository.lock('shared');
  isDown = true;
  await place.clock.advance(10 * minute);
  isDown = false;
  const [first = ''] = locksOf(inner);
  await place.clock.advance(6 * minute);
  await until(() => !inner.objects.has(first));
  t.false(lock.signal.aborted);
  isDown = true;
  await place.clock.advance(29 * minute);
  t.true(lock.signal.aborted);
  isDown = false;
  await lock.release();
  t.is(locksOf(inner).length, 0);
  await repository.close();
});

test('our own dead locks are removed, those of living and of other machines stay', async t => {
  const { remote, all } = await machines(t, 2);
  const [one, two] = all as [Machine, Machine];
  await one.repository.lock('exclusive'); // and its process dies
  await t.throwsAsync(two.repository.lock('shared'), { code: 'E_REPOSITORY_LOCKED' });
  const successor = (isAlive: () => boolean): Promise<Repository> =>
    one.place.open({ host: { hostname: 'host-0', pid: 77 }, isAlive });
  const beside = await successor(() => true);
  await t.throwsAsync(beside.lock('shared'), { code: 'E_REPOSITORY_LOCKED' });
  await beside.close();
  const after = await successor(() => false);
  await (await after.lock('exclusive')).release();
  await after.close();
  t.is(locksOf(remote).length, 0);
});

test('our own lock of more than thirty minutes is removed even if its process id lives again', async t => {
  const { remote, all } = await machines(t, 1);
  const [{ repository, place }] = all as [Machine];
  const [key, bytes] = await repository.lock('exclusive').then(async lock => {
    const [name = ''] = locksOf(remote);
    const content = remote.objects.get(name) as Uint8Array;
    await lock.release();
    return [name, content] as const;
  });
  remote.objects.set(key, bytes);
  const again = await place.open({ isAlive: () => true, host: { hostname: 'host-0', pid: 5 } });
  await t.throwsAsync(again.lock('shared'), { code: 'E_REPOSITORY_LOCKED' });
  await place.clock.advance(31 * minute);
  await (await again.lock('shared')).release();
  t.is(locksOf(remote).length, 0);
  await again.close();
});

test("another machine's lock that nobody renews stands for half an hour of looking, and against deleting for ever", async t => {
  const { remote, all } = await machines(t, 2);
  const [one, two] = all as [Machine, Machine];
  const lock = await one.repository.lock('exclusive');
  const kept = locksOf(remote).map(key => [key, remote.objects.get(key) as Uint8Array] as const);
  await lock.release();
  for (const [key, bytes] of kept) remote.objects.set(key, bytes);
  const { clock } = two.place.options;
  const pass = (ms: number): Promise<void> => one.place.clock.advance(ms);
  await pass(20 * 60 * minute);
  await t.throwsAsync(two.repository.lock('shared'), { code: 'E_REPOSITORY_LOCKED' }, 'its clock may be wrong');
  await pass(29 * minute);
  await t.throwsAsync(two.repository.lock('shared'), { code: 'E_REPOSITORY_LOCKED' });
  await pass(2 * minute);
  await (await two.repository.lock('shared')).release();
  await pass(4 * 60 * minute);
  const fresh = await two.place.open({ clock, host: { hostname: 'host-1', pid: 9 } });
  await (await fresh.lock('shared')).release();
  await t.throwsAsync(fresh.lock('exclusive'), { code: 'E_REPOSITORY_LOCKED' });
  await fresh.close();
  t.deepEqual(
    locksOf(remote),
    kept.map(([key]) => key),
  );
});

test('ten thousand lock files are not read one by one', async t => {
  const { remote, all } = await machines(t, 1);
  const [{ repository }] = all as [Machine];
  for (let i = 0; i < 10_000; i++) remote.objects.set(`locks/${i.toString(16).padStart(64, '0')}`, new Uint8Array(40));
  const before = repository.traffic.requests;
  const lock = await repository.lock('shared');
  t.true(repository.traffic.requests - before < 300);
  t.true(repository.problems.some(problem => problem.code === 'E_OBJECT_LIMIT'));
  await lock.release();
});

test('waiting for a lock ends when it is aborted, and leaves nothing', async t => {
  const { remote, all } = await machines(t, 1);
  const [{ repository, place }] = all as [Machine];
  place.clock.patienceMs = 0;
  const controller = new AbortController();
  const locking = repository.lock('shared', { signal: controller.signal });
  while (locksOf(remote).length === 0) await new Promise(resolve => setImmediate(resolve));
  controller.abort();
  await t.throwsAsync(locking, { name: 'AbortError' });
  t.is(locksOf(remote).length, 0);
});
