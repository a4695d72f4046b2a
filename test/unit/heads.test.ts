import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import { headKey, headSha256, maxHeadBytes, openHead, parseHeadKey, sealHead } from '../../daemon/heads/head-file.ts';
import { compareWithWitness, planHeadRemoval, readHeads, readTags, snapshotTags } from '../../daemon/heads/heads.ts';
import type { Head } from '../../daemon/heads/model.ts';
import type { BlobId, SnapshotId } from '../../daemon/repository/model.ts';
import {
  addSnapshot,
  Device,
  extent,
  forkOf,
  freshWitness,
  look,
  makePlace,
  type Place,
  repositoryId,
} from '../support/heads-kit.ts';

const a = 'aaaaaaaaaaaaaaaa';
const b = 'bbbbbbbbbbbbbbbb';

const head: Head = {
  device: a,
  label: 'laptop',
  seq: 7,
  time: '2026-11-23T10:00:00.000Z',
  snapshot: 'cd'.repeat(32) as SnapshotId,
  live: ['cd'.repeat(32) as SnapshotId, 'ce'.repeat(32) as SnapshotId],
  gone: [{ id: 'cf'.repeat(32) as SnapshotId, reason: 'retention' }],
  extent,
  vaultSha256: null,
  previous: 'd0'.repeat(32),
  seen: { [b]: { seq: 3, sha256: 'e1'.repeat(32) } },
  acknowledged: [],
  minReader: 1,
  minWriter: 1,
};

async function findings(device: Device | undefined, place: Place): Promise<readonly string[]> {
  const { heads, snapshots } = await look(place);
  return compareWithWitness(device?.witness, heads, snapshots).map(({ code }) => code);
}

function remove(place: Place, key: string): void {
  if (!place.remote.objects.delete(key)) throw new Error(`${key} is not there`);
}

function countDownloads({ remote }: Place) {
  const keys: string[] = [];
  const get = async (...args: Parameters<typeof remote.get>) => {
    keys.push(args[0]);
    return remote.get(...args);
  };
  return { keys, remote: { ...remote, get } };
}

test('open after seal gives the same head back', t => {
  const key = randomBytes(32);
  const bytes = sealHead(key, repositoryId, head, randomBytes(12));
  t.deepEqual(openHead(key, { repositoryId, device: a, seq: 7 }, bytes), head);
});

test('a head opens only in its repository, under its device and number, with its key', t => {
  const key = randomBytes(32);
  const bytes = sealHead(key, repositoryId, head, randomBytes(12));
  const place = { repositoryId, device: a, seq: 7 };
  for (const other of [
    { ...place, repositoryId: '00'.repeat(32) },
    { ...place, device: b },
    { ...place, seq: 8 },
  ]) {
    t.true(
      isCode(
        t.throws(() => openHead(key, other, bytes)),
        'E_OBJECT_AUTH',
      ),
    );
  }
  t.true(
    isCode(
      t.throws(() => openHead(randomBytes(32), place, bytes)),
      'E_OBJECT_AUTH',
    ),
  );
});

test('a head is padded to a power of two of 4 KiB or more, up to a megabyte', t => {
  const key = randomBytes(32);
  const sizes = [0, 1, 40, 100, 1000, 14_000].map(count => {
    const live = Array.from({ length: count }, (_, n) => n.toString(16).padStart(64, '0') as SnapshotId);
    return sealHead(key, repositoryId, { ...head, live }, randomBytes(12)).length - 32;
  });
  t.deepEqual(sizes, [4096, 4096, 4096, 8192, 131_072, 1_048_576]);
  const live = Array.from({ length: 16_000 }, (_, n) => n.toString(16).padStart(64, '0') as SnapshotId);
  t.true(
    isCode(
      t.throws(() => sealHead(key, repositoryId, { ...head, live }, randomBytes(12))),
      'E_OBJECT_LIMIT',
    ),
  );
});

test('any change of a head ends in an error of the taxonomy (row 34)', t => {
  const key = randomBytes(32);
  const bytes = sealHead(key, repositoryId, head, randomBytes(12));
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(
      fc.nat(bytes.length - 1),
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (at, insert, cut) => {
        const changed = Buffer.concat([
          bytes.subarray(0, at),
          insert,
          cut ? new Uint8Array() : bytes.subarray(at + insert.length),
        ]);
        if (changed.equals(bytes)) return;
        try {
          openHead(key, { repositoryId, device: a, seq: 7 }, changed);
          outcomes.add('opened');
        } catch (error) {
          outcomes.add(error instanceof SignetError ? error.code : String(error));
        }
      },
    ),
    { numRuns: 1500, seed: 34 },
  );
  t.deepEqual([...outcomes], ['E_OBJECT_AUTH']);
});

test('an authenticated head is still checked like any other input', t => {
  const key = randomBytes(32);
  const odd: readonly (readonly [Partial<Record<keyof Head, unknown>>, string])[] = [
    [{ live: ['../x'] }, 'E_OBJECT_TYPE'],
    [{ time: 'yesterday' }, 'E_OBJECT_TYPE'],
    [{ seen: { __proto__x: { seq: 1, sha256: 'x' } } }, 'E_OBJECT_TYPE'],
    [{ minReader: 0 }, 'E_OBJECT_TYPE'],
    [{ minReader: 2 }, 'E_VERSION'],
  ];
  for (const [change, code] of odd) {
    const bytes = sealHead(key, repositoryId, { ...head, ...change } as Head, randomBytes(12));
    const error = t.throws(() => openHead(key, { repositoryId, device: a, seq: 7 }, bytes), {
      instanceOf: SignetError,
    });
    t.is(error?.code, code as SignetError['code']);
  }
});

for (const name of [
  '',
  'x',
  `${a}/1-${'0'.repeat(63)}`,
  `${a}/01-${'0'.repeat(64)}`,
  `${a}/0-${'0'.repeat(64)}`,
  `A${a}/1-${'0'.repeat(64)}`,
  `${a}/9999999999999999-${'0'.repeat(64)}`,
]) {
  test(`"${name}" is not the name of a head`, t => t.is(parseHeadKey(`signet/heads/${name}`), undefined));
}

test('the name of a head says device, number and hash', t => {
  const key = headKey(a, 12, '0'.repeat(64));
  t.deepEqual(parseHeadKey(key), { key, device: a, seq: 12, sha256: '0'.repeat(64) });
});

test('heads chain, name all own snapshots and what they saw of others', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  const first = await one.backUp();
  const second = await two.backUp();
  const third = await one.backUp();
  t.is(first.head.previous, null);
  t.is(third.head.previous, first.sha256);
  t.deepEqual(third.head.live, [first.head.snapshot, third.head.snapshot]);
  t.deepEqual(third.head.seen, { [b]: { seq: 1, sha256: second.sha256 } });
  t.deepEqual(one.witness.seen, { [b]: 1 });
  t.deepEqual(one.witness.ownHead, { seq: 2, sha256: third.sha256 });
  const { heads, snapshots } = await look(place);
  t.deepEqual(new Set(heads.devices()), new Set([a, b]));
  t.deepEqual(heads.of(a), third.head);
  t.true(snapshots.every(({ standing }) => standing === 'announced'));
  t.deepEqual(await findings(one, place), []);
  t.deepEqual(await findings(two, place), []);
  t.deepEqual(await findings(undefined, place), []);
});

test('a snapshot that is forgotten leaves the head, and stays in the record of this one', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  const first = await device.backUp();
  place.snapshots.delete(first.head.snapshot);
  const second = await device.backUp({ gone: [{ id: first.head.snapshot, reason: 'retention' }] });
  t.deepEqual(second.head.live, [second.head.snapshot]);
  t.deepEqual(await findings(device, place), []);
});

test('a head that is written is read back', async t => {
  const place = makePlace();
  const liar = { ...place.remote, put: async () => undefined };
  t.true(isCode(await t.throwsAsync(new Device(place, a).backUp({ remote: liar })), 'E_MISSING'));
  const garbler = { ...place.remote, get: async () => new Uint8Array(5) };
  t.true(isCode(await t.throwsAsync(new Device(place, a).backUp({ remote: garbler })), 'E_OBJECT_ID'));
});

test('a snapshot whose backup was cut off is unannounced, raises no finding and is named by the next head', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const orphan = addSnapshot(place, a, 2);
  const { snapshots } = await look(place);
  t.is(snapshots.find(({ id }) => id === orphan)?.standing, 'unannounced');
  t.deepEqual(await findings(device, place), []);
  const next = await device.backUp();
  t.is(next.head.seq, 2);
  t.true(next.head.live.includes(orphan));
  t.deepEqual(await findings(device, place), []);
});

test('a forgotten snapshot that comes back is a replay: noted, no finding (row 18)', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  const { head: first } = await device.backUp();
  const kept = place.snapshots.get(first.snapshot);
  place.snapshots.delete(first.snapshot);
  await device.backUp({ gone: [{ id: first.snapshot, reason: 'retention' }] });
  if (kept !== undefined) place.snapshots.set(first.snapshot, kept);
  const { snapshots } = await look(place);
  t.is(snapshots.find(({ id }) => id === first.snapshot)?.standing, 'replayed');
  t.deepEqual(await findings(device, place), []);
});

test('a snapshot that no device made is foreign until the user decides', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const planted = addSnapshot(place, a, 99, []);
  const copied = addSnapshot(place, a, 99, [
    'signet-dev=aaaaaaaaaaaaaaaa',
    'signet-seq=99',
    `signet-mac=${'0'.repeat(32)}`,
  ]);
  const { heads, snapshots } = await look(place);
  t.deepEqual(
    snapshots.filter(({ standing }) => standing === 'foreign').map(({ id }) => id),
    [planted, copied],
  );
  const [finding] = compareWithWitness(device.witness, heads, snapshots);
  t.like(finding, { code: 'E_FOREIGN_SNAPSHOT', snapshots: [planted, copied] });
  await device.backUp({ acknowledged: [planted, copied] });
  t.deepEqual(await findings(device, place), []);
  await device.backUp();
  t.deepEqual(await findings(device, place), [], 'for good');
});

test('a hidden newest snapshot is withheld (row 17)', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const { head: second } = await device.backUp();
  place.snapshots.delete(second.snapshot);
  const { heads, snapshots } = await look(place);
  t.like(compareWithWitness(device.witness, heads, snapshots)[0], {
    code: 'E_WITHHELD',
    device: a,
    snapshots: [second.snapshot],
  });
  t.deepEqual(await findings(undefined, place), ['E_WITHHELD'], 'a new machine sees it too');
  await device.backUp();
  t.deepEqual(await findings(device, place), ['E_WITHHELD'], 'a new backup does not cover it up');
  await device.backUp({ acknowledged: [second.snapshot] });
  t.deepEqual(await findings(device, place), []);
});

test('hidden heads are a rollback for whoever saw them (row 17)', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  await one.backUp();
  const second = await one.backUp();
  await two.backUp();
  remove(place, second.key);
  place.snapshots.delete(second.head.snapshot);
  const { heads, snapshots } = await look(place);
  t.like(compareWithWitness(one.witness, heads, snapshots)[0], {
    code: 'E_ROLLBACK',
    device: a,
    expectedSeq: 2,
    foundSeq: 1,
  });
  t.like(compareWithWitness(two.witness, heads, snapshots)[0], {
    code: 'E_ROLLBACK',
    device: a,
    expectedSeq: 2,
    foundSeq: 1,
  });
  t.deepEqual(await findings(undefined, place), ['E_ROLLBACK'], "another device's head tells a new machine");
});

test('a place that lost all heads is a rollback to nothing (row 17)', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  const { key } = await device.backUp();
  remove(place, key);
  const { heads, snapshots } = await look(place);
  t.like(compareWithWitness(device.witness, heads, snapshots)[0], { code: 'E_ROLLBACK', expectedSeq: 1, foundSeq: 0 });
});

test('a backup after hidden heads takes a new number and keeps the hidden one in the chain', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const second = await device.backUp();
  remove(place, second.key);
  const third = await device.backUp();
  t.is(third.head.seq, 3);
  t.is(third.head.previous, second.sha256);
  place.remote.objects.set(second.key, sealHead(place.by.key, repositoryId, second.head, randomBytes(12)));
  t.deepEqual(await findings(device, place), [], 'a head under a wrong name is no head');
});

test('a witness that is one backup behind its own head is a crash, not a fork', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const before = device.witness;
  await device.backUp();
  device.witness = before;
  t.deepEqual(await findings(device, place), []);
});

test('two heads of one number are a fork', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const before = device.witness;
  const side = forkOf(place);
  await device.backUp();
  const twin = new Device(side, a);
  twin.witness = before;
  await twin.backUp();
  t.deepEqual(await findings(device, side), ['E_FORK'], 'the device was shown the other one');
  for (const [key, bytes] of side.remote.objects) place.remote.objects.set(key, bytes);
  t.true((await findings(undefined, place)).includes('E_FORK'));
});

test('what either side of a fork announced stays announced, and goes on so in the next head; what was forgotten does not', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  const { head: first } = await device.backUp();
  const before = device.witness;
  const side = forkOf(place);
  const { head: here } = await device.backUp();
  const twin = new Device(side, a);
  twin.witness = before;
  const { head: there } = await twin.backUp();
  for (const [key, bytes] of side.remote.objects) place.remote.objects.set(key, bytes);
  for (const [id, snapshot] of side.snapshots) place.snapshots.set(id, snapshot);
  const standings = async (): Promise<readonly string[]> => {
    const { snapshots } = await look(place);
    return [here, there].map(({ snapshot }) => snapshots.find(({ id }) => id === snapshot)?.standing ?? 'nowhere');
  };
  t.deepEqual(await standings(), ['announced', 'announced']);
  const next = await device.backUp({ gone: [{ id: first.snapshot, reason: 'named' }] });
  t.deepEqual(next.head.live.toSorted(), [here.snapshot, there.snapshot, next.head.snapshot].toSorted());
  t.deepEqual(await standings(), ['announced', 'announced']);
  const { snapshots } = await look(place);
  t.is(snapshots.find(({ id }) => id === first.snapshot)?.standing, 'replayed');
});

test('a head that does not follow the one before it is a fork', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  device.witness = { ...device.witness, ownHead: { seq: 1, sha256: 'ff'.repeat(32) } };
  await device.backUp();
  t.deepEqual(await findings(undefined, place), ['E_FORK']);
});

test('two devices that were shown different histories find out when the views meet (row 19)', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  await one.backUp();
  await two.backUp();
  const side = forkOf(place);
  const two2 = new Device(side, b);
  two2.witness = two.witness;
  await one.backUp();
  await one.backUp();
  await two2.backUp();
  await two2.backUp();
  t.deepEqual(await findings(one, place), []);
  t.deepEqual(await findings(two2, side), []);
  for (const [key, bytes] of side.remote.objects) place.remote.objects.set(key, bytes);
  for (const [id, snapshot] of side.snapshots) place.snapshots.set(id, snapshot);
  t.deepEqual(await findings(one, place), ['E_FORK']);
  t.deepEqual(await findings(two2, place), ['E_FORK']);
});

test('two devices that back up at the same time, over and over, are no fork', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  for (let round = 0; round < 4; round++) {
    const view = await look(place);
    const shared = { heads: view.heads, snapshots: view.snapshots };
    await one.backUp(shared);
    await two.backUp(shared);
    t.deepEqual(await findings(one, place), []);
    t.deepEqual(await findings(two, place), []);
  }
});

test('one device that backs up often beside one that rarely does is no fork', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  await two.backUp();
  for (let n = 0; n < 5; n++) await one.backUp();
  await two.backUp();
  for (let n = 0; n < 5; n++) await one.backUp();
  t.deepEqual(await findings(one, place), []);
  t.deepEqual(await findings(two, place), []);
});

test('a snapshot of another device that the user had forgotten is not missed', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  const { head: lost } = await two.backUp();
  await one.backUp();
  place.snapshots.delete(lost.snapshot);
  t.deepEqual(await findings(one, place), ['E_WITHHELD']);
  await one.backUp({ gone: [{ id: lost.snapshot, reason: 'device' }] });
  t.deepEqual(await findings(one, place), []);
  for (let n = 0; n < 3; n++) await one.backUp();
  t.deepEqual(await findings(one, place), [], 'also when the head that said so is no longer read');
});

test('what its owner decided about on one device is no finding on another, and what is new is one again', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  await two.backUp();
  const second = await two.backUp();
  await one.backUp();
  remove(place, second.key);
  place.snapshots.delete(second.head.snapshot);
  const found = async (device: Device | undefined) => {
    const view = await look(place);
    return compareWithWitness(device?.witness, view.heads, view.snapshots);
  };
  const before = await found(one);
  t.deepEqual(
    before.map(({ code }) => code),
    ['E_ROLLBACK'],
  );
  t.deepEqual((await found(one))[0]?.id, before[0]?.id, 'the same thing has the same id');
  await one.backUp({ acknowledged: before.map(({ id }) => id) });
  await one.backUp();
  t.deepEqual(await found(one), []);
  t.deepEqual(await found(undefined), [], 'a new device believes it');
  for (const { key, device } of (await look(place)).heads.listed) if (device === b) remove(place, key);
  const [more] = await found(one);
  t.like(more, { code: 'E_ROLLBACK', device: b, foundSeq: 0 });
  t.not(more?.id, before[0]?.id);
});

test('a fork that its owner explained is settled on every device', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  device.witness = { ...device.witness, ownHead: { seq: 1, sha256: 'ff'.repeat(32) } };
  await device.backUp();
  const view = await look(place);
  const ids = compareWithWitness(undefined, view.heads, view.snapshots).map(({ id }) => id);
  const other = new Device(place, b);
  await other.backUp({ acknowledged: ids });
  t.deepEqual(await findings(undefined, place), []);
});

test('a hidden backup stays named when its head is hidden too, and counts again when it comes back', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const second = await device.backUp();
  const kept = place.snapshots.get(second.head.snapshot);
  remove(place, second.key);
  place.snapshots.delete(second.head.snapshot);
  t.deepEqual(await findings(device, place), ['E_ROLLBACK']);
  await device.backUp({ known: [second.head.snapshot] });
  t.deepEqual(await findings(device, place), ['E_WITHHELD'], 'a new backup does not cover it up');
  await device.backUp({ acknowledged: [second.head.snapshot] });
  t.deepEqual(await findings(device, place), []);
  if (kept !== undefined) place.snapshots.set(second.head.snapshot, kept);
  t.is((await look(place)).snapshots.find(({ id }) => id === second.head.snapshot)?.standing, 'announced');
});

test('a head stays small however often its owner decides', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  const missing = Array.from({ length: 9000 }, () => randomBytes(32).toString('hex') as SnapshotId);
  await device.backUp();
  for (const { key } of (await look(place)).heads.listed) remove(place, key);
  await device.backUp({ known: missing, acknowledged: missing });
  const { head } = await device.backUp();
  t.is(head.acknowledged.length, 4000);
  t.deepEqual(await findings(device, place), []);
});

test('junk among the heads is reported and passed over, and costs a bounded number of downloads', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  await device.backUp();
  const good = await device.backUp();
  const junk = randomBytes(5000);
  const { objects } = place.remote;
  objects.set(headKey(a, 99, headSha256(junk)), junk);
  objects.set(headKey(a, 98, '0'.repeat(64)), junk);
  objects.set(headKey(a, 97, headSha256(new Uint8Array())), new Uint8Array());
  objects.set('signet/heads/README', junk);
  objects.set(headKey(a, 100, '1'.repeat(64)), new Uint8Array(maxHeadBytes + 1));
  const seven = objects.get(good.key) ?? junk;
  objects.set(headKey(b, 5, good.sha256), seven);
  const { heads } = await look(place);
  t.deepEqual(heads.of(a), good.head);
  t.deepEqual(heads.devices(), [a]);
  t.deepEqual(heads.problems.map(({ code }) => code).sort(), [
    'E_OBJECT_AUTH',
    'E_OBJECT_AUTH',
    'E_OBJECT_AUTH',
    'E_OBJECT_ID',
    'E_OBJECT_ID',
    'E_OBJECT_LIMIT',
  ]);
  t.deepEqual(await findings(device, place), []);

  for (let n = 0; n < 1000; n++) objects.set(headKey(a, 1000 + n, '2'.repeat(64)), junk);
  const counting = countDownloads(place);
  const flooded = await readHeads({ remote: counting.remote, ...place.by });
  t.true(counting.keys.length <= 20, `${counting.keys.length}`);
  t.true(flooded.problems.some(({ code }) => code === 'E_OBJECT_LIMIT'));
});

test('an idle look at a device downloads two heads', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  for (let n = 0; n < 10; n++) await device.backUp();
  const counting = countDownloads(place);
  await readHeads({ remote: counting.remote, ...place.by });
  t.is(counting.keys.length, 2);
});

test('what the network says goes to the caller', async t => {
  const place = makePlace();
  await new Device(place, a).backUp();
  const away = { ...place.remote, get: async () => Promise.reject(new SignetError('E_UNREACHABLE', 'no network')) };
  t.true(isCode(await t.throwsAsync(readHeads({ remote: away, ...place.by })), 'E_UNREACHABLE'));
});

async function plant(place: Place, change: Partial<Head>): Promise<void> {
  const bytes = sealHead(place.by.key, repositoryId, { ...head, device: b, ...change }, randomBytes(12));
  place.remote.objects.set(headKey(b, head.seq, headSha256(bytes)), bytes);
}

test('a head that demands a newer reader stops everything (D16)', async t => {
  const place = makePlace();
  await plant(place, { minReader: 2 });
  t.true(isCode(await t.throwsAsync(look(place)), 'E_VERSION'));
});

test('a head that demands a newer writer stops writing only (D16)', async t => {
  const place = makePlace();
  await plant(place, { minWriter: 2 });
  const { heads } = await look(place);
  t.false(heads.isWritable);
  t.is(heads.of(b)?.seq, 7);
  t.true(isCode(await t.throwsAsync(new Device(place, a).backUp()), 'E_VERSION'));
});

test('a device keeps its last 32 heads, measured from its own and not from the listing', async t => {
  const place = makePlace();
  const device = new Device(place, a);
  const keys: string[] = [];
  for (let n = 0; n < 34; n++) {
    keys.push((await device.backUp()).key);
    t.is(device.removable.length, n < 32 ? 0 : n - 31);
  }
  t.deepEqual([...device.removable].sort(), keys.slice(0, 2).sort());
  const listed = [headKey(a, 9_999_999, '0'.repeat(64)), headKey(b, 1, '0'.repeat(64))].flatMap(
    key => parseHeadKey(key) ?? [],
  );
  t.deepEqual(planHeadRemoval(listed, { device: a, seq: 34 }), []);
});

const tagged = { device: a, seq: 7, tree: '6f'.repeat(32) as BlobId, time: '2026-11-23T10:00:00.000Z' };

function reads(
  t: ExecutionContext,
  change: object,
  tags: readonly string[],
  by = { key: new Uint8Array(32), repositoryId },
): void {
  t.is(readTags({ tree: tagged.tree, time: tagged.time, tags, ...change }, by), undefined);
}

test('tags are read back, and fit nothing but their snapshot, device, number and repository', t => {
  const by = { key: new Uint8Array(32), repositoryId };
  const tags = snapshotTags({ ...by, ...tagged });
  t.deepEqual(readTags({ tree: tagged.tree, time: tagged.time, tags: ['mine', ...tags, 'other'] }, by), {
    device: a,
    seq: 7,
  });
  const [dev = '', seq = '', mac = ''] = tags;
  reads(t, { tree: '70'.repeat(32) }, tags);
  reads(t, { time: '2026-11-23T10:00:00.001Z' }, tags);
  reads(t, {}, [dev, 'signet-seq=8', mac]);
  reads(t, {}, [`signet-dev=${b}`, seq, mac]);
  reads(t, {}, [dev, seq]);
  reads(t, {}, [dev, seq, mac, mac]);
  reads(t, {}, [dev, seq, 'signet-seq=7', mac]);
  reads(t, {}, [dev, 'signet-seq=07', mac]);
  reads(t, {}, [dev, seq, mac.toUpperCase()]);
  reads(t, { tree: 'x' }, tags);
  reads(t, {}, tags, { key: new Uint8Array(32).fill(1), repositoryId });
  reads(t, {}, tags, { key: new Uint8Array(32), repositoryId: '00'.repeat(32) });
});

test('memory of another device is kept when its heads are hidden', async t => {
  const place = makePlace();
  const [one, two] = [new Device(place, a), new Device(place, b)];
  const theirs = await two.backUp();
  await one.backUp();
  remove(place, theirs.key);
  const next = await one.backUp();
  t.deepEqual(next.head.seen, { [b]: { seq: 1, sha256: theirs.sha256 } });
  t.deepEqual(one.witness.seen, { [b]: 1 });
  t.true((await findings(one, place)).includes('E_ROLLBACK'));
  t.deepEqual(freshWitness(a).seen, {});
});
