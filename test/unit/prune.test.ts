// Letting go of what no snapshot needs: what is planned, and what a crash or an unseen backup leaves.

import test from 'ava';
import fc from 'fast-check';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import type { PackId } from '../../daemon/repository/model.ts';
import {
  choosePacks,
  deletable,
  type PackUse,
  type UnnamedNotes,
  unnamedMs,
} from '../../daemon/repository/prune-plan.ts';
import { faultyRemote } from '../support/faulty-remote.ts';
import { backUpFiles, expectWhole, type KeptSnapshot, pruneOnce, someFiles } from '../support/prune-kit.ts';
import { bench, fixedRandom, folderNode, snapshotOf } from '../support/repository.ts';

const target = 4 * 1024 * 1024;

const use = (n: number, changes: Partial<PackUse>): PackUse => ({
  id: n.toString(16).padStart(64, '0') as PackId,
  sizeBytes: 16 << 20,
  type: 'data',
  usedBytes: 16 << 20,
  unusedBytes: 0,
  paddingBytes: 0,
  isFixed: false,
  ...changes,
});
const order = { packTargetBytes: 16 << 20, collects: true };

test('of packs in use none goes, and each pack is decided once, whatever they hold', t => {
  const some = fc.record({
    usedBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20 << 20 })),
    unusedBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20 << 20 })),
    paddingBytes: fc.integer({ min: 0, max: 100_000 }),
    type: fc.constantFrom('data' as const, 'tree' as const, 'mixed' as const),
    isFixed: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(some, { maxLength: 60 }), fc.boolean(), (changes, collects) => {
      const packs = changes.map((change, n) =>
        use(n, { ...change, sizeBytes: change.usedBytes + change.unusedBytes + change.paddingBytes + 100 }),
      );
      const { keep, drop, repack } = choosePacks(packs, { ...order, collects });
      t.deepEqual([...keep, ...drop, ...repack].map(({ id }) => id).sort(), packs.map(({ id }) => id).sort());
      t.true(drop.every(pack => pack.usedBytes === 0 && !pack.isFixed));
      t.true(repack.every(pack => pack.usedBytes > 0 && !pack.isFixed));
      if (!collects) t.is(repack.length, 0);
      const used = keep.reduce((sum, pack) => sum + pack.usedBytes, 0);
      const movable = keep.filter(pack => !pack.isFixed);
      const unused = keep.reduce((sum, pack) => sum + pack.unusedBytes, 0);
      const all = used + repack.reduce((sum, pack) => sum + pack.usedBytes, 0);
      if (collects && movable.some(pack => pack.unusedBytes > 0)) t.true(unused <= all * 0.05);
    }),
    { numRuns: 300, seed: 11 },
  );
});

test('a little waste stays; padding is none; much waste in one pack is collected', t => {
  const full = Array.from({ length: 30 }, (_, n) => use(n, { paddingBytes: 500_000 }));
  t.is(choosePacks(full, order).repack.length, 0);
  const little = use(40, { usedBytes: 15 << 20, unusedBytes: 1 << 20 });
  t.is(choosePacks([...full, little], order).repack.length, 0);
  const half = use(41, { usedBytes: 7 << 20, unusedBytes: 9 << 20 });
  t.deepEqual(choosePacks([...full, little, half], order).repack, [half]);
});

test('small packs are joined when that is worth it, and not again and again', t => {
  const small = (n: number, bytes: number): PackUse => use(n, { sizeBytes: bytes, usedBytes: bytes });
  t.is(choosePacks([use(0, {}), small(1, 100_000)], order).repack.length, 0, 'alone');
  t.is(choosePacks([small(1, 100_000), small(2, 100_000)], order).repack.length, 0, 'a little');
  t.is(choosePacks([small(1, 3 << 20), small(2, 3 << 20)], order).repack.length, 2, 'together not small');
  const many = Array.from({ length: 16 }, (_, n) => small(n, 10_000));
  t.is(choosePacks(many, order).repack.length, 16);
  t.is(choosePacks([...many.slice(1), use(99, { ...small(99, 10_000), type: 'tree' })], order).repack.length, 0);
});

test('a pack may be deleted once it was seen unnamed for 48 hours on end', t => {
  const pack = { id: 'a'.repeat(64) as PackId, sizeBytes: 1 };
  const first = deletable([pack], new Map(), 1000);
  t.deepEqual([first.now, first.waiting, first.nextAt], [[], [pack], 1000 + unnamedMs]);
  t.deepEqual(deletable([pack], first.notes, 1000 + unnamedMs - 1).now, []);
  t.deepEqual(deletable([pack], first.notes, 1000 + unnamedMs).now, [pack]);
  const named = deletable([], first.notes, 5000);
  t.deepEqual(deletable([pack], named.notes, 1000 + unnamedMs).now, [], 'named in between');
  const back = deletable([pack], first.notes, 10);
  t.deepEqual(deletable([pack], back.notes, 1000 + unnamedMs).now, [pack], 'a clock that was set back');
  t.deepEqual(deletable([pack], new Map([[pack.id, 9e15]]), 2000).now, [], 'a note from a future that was none');
});

test('what a snapshot needs and cannot be read keeps everything where it is', async t => {
  const remote = createMemoryRemote();
  const place = await bench(t, { remote, packTargetBytes: target });
  const repository = await place.create();
  const one = await backUpFiles(repository, someFiles(1, { a: [100_000] }));
  await backUpFiles(repository, someFiles(2, { a: [100_000] }));
  await repository.removeSnapshots([one.id]);
  const held = new Map(remote.objects);
  const without = async (change: () => void, code: string): Promise<void> => {
    change();
    const there = [...remote.objects.keys()].filter(key => !key.startsWith('locks/'));
    const other = await place.open();
    await t.throwsAsync(other.planPrune(), { code });
    await other.close();
    t.deepEqual([...remote.objects.keys()], there);
    remote.objects.clear();
    for (const [key, bytes] of held) remote.objects.set(key, bytes);
  };
  const snapshot = [...held.keys()].find(key => key.startsWith('snapshots/')) ?? '';
  await without(() => remote.objects.set(snapshot, new Uint8Array(500)), 'E_OBJECT_ID');
  await without(() => remote.objects.set(`snapshots/${'0'.repeat(64)}`, new Uint8Array(500)), 'E_OBJECT_ID');
  const packs = [...held.keys()].filter(key => key.startsWith('data/'));
  let refused = 0;
  for (const key of packs) {
    remote.objects.delete(key);
    const other = await place.open();
    refused += await other.planPrune().then(
      () => 0,
      error => (error.code === 'E_MISSING' ? 1 : 0),
    );
    await other.close();
    remote.objects.set(key, held.get(key) ?? new Uint8Array(0));
  }
  t.is(refused, 2, 'the packs of the snapshot that stays');
  await repository.close();
});

test('packs that lost their index are named again before anything is let go', async t => {
  const remote = createMemoryRemote();
  const place = await bench(t, { remote, packTargetBytes: target });
  const repository = await place.create();
  const one = await backUpFiles(repository, someFiles(1, { a: [100_000] }));
  const two = await backUpFiles(repository, someFiles(2, { a: [100_000] }));
  for (const key of [...remote.objects.keys()]) if (key.startsWith('index/')) remote.objects.delete(key);
  const other = await place.open();
  const { plan, outcome } = await pruneOnce(other, place.clock.now());
  t.is(plan.rescue.length, 4);
  t.is(outcome.namedAgain, 4);
  t.deepEqual(outcome.unnamed, []);
  await other.close();
  const third = await place.open();
  await third.refreshIndex();
  await expectWhole(third, one);
  await expectWhole(third, two);
  await third.close();
  await repository.close();
});

test('stopped at any write of a prune, nothing is lost, and the next one ends clean', async t => {
  let points = 0;
  for (let stopAt = 1; ; stopAt++) {
    const remote = createMemoryRemote();
    const place = await bench(t, { remote, packTargetBytes: 1 << 20 });
    const repository = await place.create();
    const gone = await backUpFiles(repository, someFiles(1, { a: [500_000, 300_000], b: [200_000] }));
    const files = someFiles(1, { a: [500_000] });
    files.set('c', [fixedRandom(9)(200_000)]);
    const kept = [await backUpFiles(repository, files)];
    files.set('d', [fixedRandom(10)(100_000)]);
    kept.push(await backUpFiles(repository, files));
    await repository.removeSnapshots([gone.id]);
    await repository.close();
    let writes = 0;
    let isDown = false;
    const broken = faultyRemote(remote, call => {
      if (isDown) return 'before';
      if (call !== 'put' && call !== 'remove') return undefined;
      isDown = ++writes >= stopAt;
      return isDown ? (stopAt % 2 === 0 ? 'before' : 'after') : undefined;
    });
    const victim = await place.open({ remote: broken });
    const isThrough = await pruneOnce(victim, place.clock.now()).then(
      () => true,
      () => false,
    );
    await victim.close();
    const next = await place.open();
    for (const key of [...remote.objects.keys()]) if (key.startsWith('locks/')) remote.objects.delete(key);
    await next.readIndex();
    for (const each of kept) await expectWhole(next, each);
    await pruneOnce(next, place.clock.now());
    for (const each of kept) await expectWhole(next, each);
    t.deepEqual(await next.checkPacks(), []);
    await next.close();
    points = stopAt;
    if (isThrough && !isDown) break;
  }
  t.true(points > 6, `${points} points`);
  t.log(`${points - 1} writes`);
});

/** As a place shows it that hides locks. */
function withoutLocks(
  remote: Remote,
  before: (call: string, key: string) => Promise<void> = async () => undefined,
): Remote {
  return {
    ...remote,
    async put(key, body, options) {
      await before('put', key);
      return remote.put(key, body, options);
    },
    async remove(key, options) {
      await before('remove', key);
      return remote.remove(key, options);
    },
    async *list(folder, options) {
      if (folder !== 'locks') yield* remote.list(folder, options);
    },
  };
}

test('a backup that runs unseen beside a prune loses nothing, wherever in it the prune comes', async t => {
  let points = 0;
  for (let at = 1; ; at++) {
    const remote = createMemoryRemote();
    const place = await bench(t, { remote: withoutLocks(remote), packTargetBytes: 1 << 20 });
    const other = await bench(t, {
      remote: withoutLocks(remote),
      packTargetBytes: 1 << 20,
      seed: 2,
      clock: place.clock,
    });
    const repository = await place.create();
    const old = await backUpFiles(repository, someFiles(1, { a: [500_000, 300_000], b: [200_000] }));
    const kept = [await backUpFiles(repository, someFiles(2, { c: [100_000] }))];
    await repository.removeSnapshots([old.id]);
    await repository.close();
    let writes = 0;
    const pruner = await other.open();
    const racing = withoutLocks(remote, async () => {
      if (++writes === at) await pruneOnce(pruner, place.clock.now());
    });
    const session = await place.open({ remote: racing });
    // It counts on blobs of the forgotten snapshot, and lets the prune come before its write number `at`.
    const files = someFiles(1, { a: [500_000, 300_000], b: [200_000] });
    files.set('new', [fixedRandom(77)(50_000)]);
    const saved = await backUpFiles(session, files).catch(error => {
      if (!/blobs are gone/.test(error.message)) throw error;
      return undefined;
    });
    t.not(saved, undefined, `at ${at}`);
    if (saved !== undefined) kept.push(saved);
    await session.close();
    const reader = await place.open();
    await reader.readIndex();
    for (const each of kept) await expectWhole(reader, each);
    await reader.close();
    await pruner.close();
    points = at;
    if (writes < at) break;
  }
  t.true(points > 5, `${points} points`);
  t.log(`${points - 1} points of a backup`);
});

test('a prune that does not see a backup loses nothing, wherever in it the backup comes', async t => {
  let points = 0;
  for (let at = 1; ; at++) {
    const remote = createMemoryRemote();
    const place = await bench(t, { remote: withoutLocks(remote), packTargetBytes: 1 << 20 });
    const other = await bench(t, {
      remote: withoutLocks(remote),
      packTargetBytes: 1 << 20,
      seed: 2,
      clock: place.clock,
    });
    const repository = await place.create();
    const old = await backUpFiles(repository, someFiles(1, { a: [500_000, 300_000], b: [200_000] }));
    const files = someFiles(1, { a: [500_000] });
    const kept = [await backUpFiles(repository, files)];
    await repository.removeSnapshots([old.id]);
    await repository.close();
    const device = await other.open();
    let writes = 0;
    let isWithin = false;
    const racing = withoutLocks(remote, async () => {
      if (isWithin || ++writes !== at) return;
      isWithin = true;
      kept.push(await backUpFiles(device, someFiles(1, { a: [500_000, 300_000], b: [200_000] })));
      isWithin = false;
    });
    const pruner = await place.open({ remote: racing });
    const { notes } = await pruneOnce(pruner, place.clock.now());
    const reader = await place.open();
    await reader.readIndex();
    for (const each of kept) await expectWhole(reader, each);
    await place.clock.advance(unnamedMs);
    await pruneOnce(reader, place.clock.now(), notes);
    for (const each of kept) await expectWhole(reader, each);
    t.deepEqual(await reader.checkPacks(), []);
    for (const each of [reader, pruner, device]) await each.close();
    points = at;
    if (writes < at) break;
  }
  t.true(points > 5, `${points} points`);
  t.log(`${points - 1} points of a prune`);
});

test('a pack that lost its names is believed for a day; then its blobs are stored again', async t => {
  for (const [hours, isBelieved] of [
    [23, true],
    [25, false],
  ] as const) {
    const remote = createMemoryRemote();
    const place = await bench(t, { remote });
    const repository = await place.create();
    const old = await backUpFiles(repository, someFiles(1, { a: [100_000] }));
    const session = await place.open();
    await session.refreshIndex();
    const [piece = new Uint8Array(0)] = old.files.get('a') ?? [];
    const { id, isNew } = await session.saveBlob('data', piece);
    t.false(isNew);
    for (const key of [...remote.objects.keys()]) if (key.startsWith('index/')) remote.objects.delete(key);
    await place.clock.advance(hours * 3_600_000);
    t.deepEqual(await session.confirmUsed(), isBelieved ? [] : [id]);
    t.is((await session.saveBlob('data', piece)).isNew, !isBelieved);
    await session.close();
    await repository.close();
  }
});

test('what a backup carries forward unseen is confirmed with all that it names', async t => {
  const remote = createMemoryRemote();
  const place = await bench(t, { remote });
  const repository = await place.create();
  const old = await backUpFiles(repository, someFiles(1, { a: [100_000] }));
  const session = await place.open();
  await session.refreshIndex();
  const [carried] = await session.loadTree(old.tree);
  const { id: tree } = await session.saveTree([folderNode('carried', carried?.subtree)]);
  await repository.removeSnapshots([old.id]);
  const { outcome } = await pruneOnce(repository, place.clock.now());
  t.is(outcome.unnamed.length, 2);
  t.deepEqual(await session.confirmUsed({ tree }), []);
  await session.saveSnapshot(snapshotOf(tree));
  const { plan } = await pruneOnce(session, place.clock.now());
  t.deepEqual(plan.drop, []);
  t.deepEqual(plan.rescue, [], 'the backup had named them itself');
  await session.close();
  await repository.close();
});

test('random backups and prunes: what stands can be read, and the plan adds up', async t => {
  const step = fc.oneof(
    fc.record({ files: fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 5 }) }),
    fc.record({ forget: fc.nat() }),
    fc.record({ hours: fc.integer({ min: 1, max: 60 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async steps => {
      const remote = createMemoryRemote();
      const place = await bench(t, { remote, packTargetBytes: 1 << 18 });
      const repository = await place.create();
      const kept: KeptSnapshot[] = [];
      let notes: UnnamedNotes = new Map();
      for (const each of steps) {
        if ('files' in each) {
          const files = new Map(each.files.map(n => [`f${n}`, [fixedRandom(n + 1)((n + 1) * 20_000)]]));
          kept.push(await backUpFiles(repository, files, `2026-11-23T09:00:0${kept.length % 10}.${kept.length}Z`));
          continue;
        }
        if ('forget' in each) {
          const gone = kept.splice(each.forget % Math.max(1, kept.length), 1);
          await repository.removeSnapshots(gone.map(({ id }) => id));
          continue;
        }
        await place.clock.advance(each.hours * 3_600_000);
        const run = await pruneOnce(repository, place.clock.now(), notes);
        ({ notes } = run);
        const { plan } = run;
        const bytes = [...plan.keep, ...plan.rescue, ...plan.drop, ...plan.repack, ...plan.unnamed];
        t.is(new Set(bytes.map(({ id }) => id)).size, bytes.length, 'each pack once');
        t.true(plan.usedBytes + plan.unusedBytes <= bytes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
      }
      const reader = await place.open();
      await reader.refreshIndex();
      for (const each of kept) await expectWhole(reader, each);
      t.deepEqual([await reader.checkPacks(), reader.problems], [[], []]);
      for (const id of reader.packIds()) t.deepEqual(await reader.checkPackData(id), []);
      await reader.close();
      await repository.close();
    }),
    { numRuns: 12, seed: 5 },
  );
});
