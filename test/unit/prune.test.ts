// Letting go of what no snapshot needs: what is planned, what a crash or an unseen backup leaves, and stock restic as the judge.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import type { PackId } from '../../daemon/repository/model.ts';
import { choosePacks, deletable, type PackUse, unnamedMs } from '../../daemon/repository/prune-plan.ts';
import { faultyRemote } from '../support/faulty-remote.ts';
import { backUpFiles, expectWhole, pruneOnce, someFiles } from '../support/prune-kit.ts';
import { bench, fixedRandom, temporaryFolder } from '../support/repository.ts';
import { type Restic, succeeds, withRestic } from '../support/restic.ts';

const target = 4 * 1024 * 1024;
const hour = 3_600_000;

/** A folder that stock restic can judge. */
async function folderBench(t: ExecutionContext) {
  const path = await temporaryFolder(t);
  const place = await bench(t, { remote: createFolderRemote(path), packTargetBytes: target });
  return { ...place, path };
}

/** What restic 0.14 has to say: nothing. */
function judge(t: ExecutionContext, restic: Restic, path: string): void {
  const out = succeeds(t, restic(path, ['check', '--read-data', '--no-lock']));
  t.regex(out, /no errors were found/);
  t.notRegex(out, /contained in several indexes|not referenced/);
}

async function keys(remote: Remote, folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of remote.list(folder)) found.push(key);
  return found.sort();
}

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

withRestic(
  'what a forgotten snapshot alone needed goes in two phases, and everything else stays readable',
  async (t, restic) => {
    const { remote, clock, path, ...place } = await folderBench(t);
    const repository = await place.create();
    const files = someFiles(1, { a: [900_000, 900_000], b: [300_000] });
    const first = await backUpFiles(repository, files);
    const kept = [];
    for (let n = 0; n < 4; n++) {
      files.set('a', [fixedRandom(50 + n)(800_000), ...(files.get('a') ?? []).slice(1)]);
      files.set(`c${n}`, [fixedRandom(60 + n)(2_500_000)]);
      kept.push(await backUpFiles(repository, new Map(files)));
    }
    const gone = kept.splice(1, 2).map(({ id }) => id);
    await repository.removeSnapshots([first.id, ...gone]);
    judge(t, restic, path);

    const packsBefore = await keys(remote, 'data');
    const before = repository.size().packBytes;
    const one = await pruneOnce(repository, clock.now());
    t.true(one.plan.drop.length + one.plan.repack.length > 0);
    t.is(one.deleted.length, 0);
    t.true(
      packsBefore.every(key => key !== ''),
      'listed',
    );
    t.true((await keys(remote, 'data')).length >= packsBefore.length, 'no pack was deleted');
    t.true(repository.size().packBytes < before);
    succeeds(t, restic(path, ['check', '--read-data', '--no-lock']));
    for (const each of kept) await expectWhole(repository, each);

    await clock.advance(47 * hour);
    const two = await pruneOnce(repository, clock.now(), one.notes);
    t.is(two.deleted.length, 0, 'still waiting');
    t.is(two.plan.drop.length + two.plan.repack.length, 0, 'nothing is done twice');
    await clock.advance(hour);
    const three = await pruneOnce(repository, clock.now(), two.notes);
    t.deepEqual(three.deleted.map(({ id }) => id).sort(), one.outcome.unnamed.map(({ id }) => id).sort());
    judge(t, restic, path);
    const other = await place.open();
    await other.refreshIndex();
    for (const each of kept) await expectWhole(other, each);
    t.deepEqual(await other.checkPacks(), []);
    t.deepEqual(repository.problems, []);
    await other.close();
    await repository.close();
  },
);

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
