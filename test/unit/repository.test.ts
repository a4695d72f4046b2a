import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { toHex, utf8 } from '../../daemon/base/bytes.ts';
import { isCode } from '../../daemon/base/errors.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { padme } from '../../daemon/kernel/padme.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { packKey } from '../../daemon/repository/ids.ts';
import type { BlobId, Repository } from '../../daemon/repository/model.ts';
import { inspectPlace } from '../../daemon/repository/repository.ts';
import { faultyRemote } from '../support/faulty-remote.ts';
import { type Bench, bench, fileNode, fixedRandom, snapshotOf, temporaryFolder } from '../support/repository.ts';

interface MemoryBench extends Bench {
  readonly remote: MemoryRemote;
}

async function memoryBench(t: ExecutionContext, changes: Parameters<typeof bench>[1] = {}): Promise<MemoryBench> {
  const remote = createMemoryRemote();
  return { ...(await bench(t, { remote, ...changes })), remote };
}

const random = (length: number, seed: number): Uint8Array => fixedRandom(seed)(length);

async function saveAll(repository: Repository, pieces: readonly Uint8Array[]): Promise<readonly BlobId[]> {
  const ids: BlobId[] = [];
  for (const piece of pieces) ids.push((await repository.saveBlob('data', piece)).id);
  return ids;
}

/** Saves the pieces as one file in one snapshot, as a backup does. */
async function backUp(
  repository: Repository,
  pieces: readonly Uint8Array[],
): Promise<{ ids: readonly BlobId[]; tree: BlobId }> {
  const ids = await saveAll(repository, pieces);
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const tree = await repository.saveTree([fileNode('file', { content: ids, sizeBytes })]);
  await repository.commitIndex();
  await repository.saveSnapshot(snapshotOf(tree.id));
  return { ids, tree: tree.id };
}

const keysIn = (remote: MemoryRemote, folder: string): string[] =>
  [...remote.objects.keys()].filter(key => key.startsWith(`${folder}/`));

function flip(remote: MemoryRemote, key: string, at: number): void {
  const bytes = remote.objects.get(key);
  if (bytes === undefined) throw new Error(`no ${key}`);
  const where = at < 0 ? bytes.length + at : at;
  bytes[where] = (bytes[where] ?? 0) ^ 1;
}

for (const kind of ['memory', 'folder'] as const) {
  const make = async (t: ExecutionContext): Promise<Remote> =>
    kind === 'memory' ? createMemoryRemote() : createFolderRemote(await temporaryFolder(t));

  test(`${kind}: what one session saved, another loads`, async t => {
    const place = await bench(t, { remote: await make(t) });
    const pieces = [
      utf8('a'),
      utf8('text '.repeat(5000)),
      random(700_000, 1),
      new Uint8Array(1),
      new Uint8Array(100_000),
    ];
    const first = await place.create();
    const { ids, tree } = await backUp(first, pieces);
    await first.close();

    const second = await place.open();
    t.is(second.id, first.id);
    t.is(second.masterKeyFingerprint, first.masterKeyFingerprint);
    await second.refreshIndex();
    for (const [i, id] of ids.entries())
      t.deepEqual(Buffer.from(await second.loadBlob('data', id)), Buffer.from(pieces[i] ?? []));
    t.deepEqual(
      (await second.loadTree(tree)).map(node => node.content),
      [ids],
    );
    t.is((await second.snapshots()).size, 1);
    t.deepEqual(await second.checkPacks(), []);
    for (const id of second.packIds()) t.deepEqual(await second.checkPackData(id), []);
    t.deepEqual(second.problems, []);
    t.deepEqual(second.extent(), first.extent());
    await second.close();
  });
}

test('the same place cannot be created twice, nor where other files are', async t => {
  const place = await memoryBench(t);
  t.is(await inspectPlace(place.remote), 'empty');
  await (await place.create()).close();
  t.is(await inspectPlace(place.remote), 'repository');
  await t.throwsAsync(place.create(), { code: 'E_ALREADY_SET_UP' });
  place.remote.objects.delete('config');
  place.remote.objects.set('signet/vault/v', new Uint8Array(1));
  t.is(await inspectPlace(place.remote), 'empty', 'only a key file and a vault: a set-up that broke off');
  place.remote.objects.set(`data/00/${'0'.repeat(64)}`, new Uint8Array(1));
  t.is(await inspectPlace(place.remote), 'repository', 'damaged, but never to be created over');
  const hiding = await memoryBench(t);
  await (await hiding.create()).close();
  const config = hiding.remote.objects.get('config');
  const remote: Remote = { ...hiding.remote, async *list() {} };
  const blind = await bench(t, { remote });
  await t.throwsAsync(blind.create(), { code: 'E_ALREADY_SET_UP' }, 'a listing that hides everything');
  t.is(hiding.remote.objects.get('config'), config);
  const other = await memoryBench(t);
  other.remote.objects.set('Holiday.jpg', new Uint8Array(1));
  await t.throwsAsync(other.create(), { code: 'E_TARGET_NOT_EMPTY' });
  const littered = await memoryBench(t);
  littered.remote.objects.set('.DS_Store', new Uint8Array(1));
  await t.notThrowsAsync(littered.create());
});

test('another recovery key opens nothing, and an empty place holds no repository', async t => {
  const place = await memoryBench(t);
  await t.throwsAsync(place.open(), { code: 'E_NOT_FOUND' });
  await (await place.create()).close();
  await t.throwsAsync(place.open({ recoveryKey: new Uint8Array(32).fill(8) }), { code: 'E_WRONG_SECRET' });
});

test('a known blob is not stored again, also while its first copy is on its way', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const bytes = random(300_000, 2);
  const both = await Promise.all([repository.saveBlob('data', bytes), repository.saveBlob('data', bytes)]);
  t.deepEqual(both.map(saved => saved.isNew).sort(), [false, true]);
  t.false((await repository.saveBlob('data', bytes)).isNew);
  t.true((await repository.saveBlob('tree', bytes)).isNew, 'a tree is another blob');
  await repository.commitIndex();
  t.false((await repository.saveBlob('data', bytes)).isNew);
  const [saved] = both;
  t.deepEqual(Buffer.from(await repository.loadBlob('data', saved?.id as BlobId)), Buffer.from(bytes));
  await repository.close();
});

test('a blob can be loaded before its pack is full', async t => {
  const repository = await (await memoryBench(t)).create();
  const { id } = await repository.saveBlob('data', utf8('just saved'));
  t.is(Buffer.from(await repository.loadBlob('data', id)).toString(), 'just saved');
  await repository.close();
});

test('blobs beyond the bounds are refused, and the largest are not', async t => {
  const repository = await (await memoryBench(t)).create();
  await t.throwsAsync(repository.saveBlob('data', new Uint8Array(8 * 1024 * 1024 + 1)), { code: 'E_OBJECT_LIMIT' });
  const { id } = await repository.saveBlob('data', random(8 * 1024 * 1024, 3));
  await repository.commitIndex();
  t.is((await repository.loadBlob('data', id)).length, 8 * 1024 * 1024);
  await repository.close();
});

test('an increment makes one data pack and one tree pack, each with a Padmé length', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const pieces = Array.from({ length: 40 }, (_, i) => random(1000 + i * 777, 40 + i));
  const ids = await saveAll(repository, pieces);
  const names = Array.from({ length: 200 }, (_, i) =>
    fileNode(`file ${i}`, { content: [ids[i % 40] as BlobId], sizeBytes: 1 }),
  );
  await repository.saveTree(names);
  await repository.commitIndex();
  const packs = keysIn(place.remote, 'data').map(key => place.remote.objects.get(key)?.length ?? 0);
  t.is(packs.length, 2);
  for (const size of packs) t.is(size, padme(size));
  t.is(keysIn(place.remote, 'index').length, 1);
  t.deepEqual(await repository.checkPacks(), []);
  await repository.close();
});

test('large backups fill two data packs at random', async t => {
  const place = await memoryBench(t, { packTargetBytes: 1 << 20 });
  const repository = await place.create();
  const ids = await saveAll(
    repository,
    Array.from({ length: 60 }, (_, i) => random(100_000, 100 + i)),
  );
  await repository.commitIndex();
  const packs = ids.map(id => repository.find('data', id)?.pack);
  const changes = packs.filter((pack, i) => i > 0 && pack !== packs[i - 1]).length;
  t.true(changes > 12, `neighbours share no order with packs: ${changes} changes`);
  for (const key of keysIn(place.remote, 'data')) {
    const size = place.remote.objects.get(key)?.length ?? 0;
    t.is(size, padme(size));
  }
  t.is((await readdir(place.outboxFolder)).length, 0);
  t.is(place.journal.all.size, 0);
  await repository.close();
});

test('snapshots and indexes show only padded lengths', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  for (let i = 0; i < 30; i++) await repository.saveBlob('data', random(20_000 + i, i + 1));
  await backUp(repository, [utf8('x')]);
  for (const key of [...keysIn(place.remote, 'index'), ...keysIn(place.remote, 'snapshots')]) {
    const size = place.remote.objects.get(key)?.length ?? 0;
    t.true(size >= 1024 && size === padme(size), `${key} ${size}`);
  }
  await repository.close();
});

for (const [region, at, code] of [
  ["a blob's IV", 3, 'E_OBJECT_AUTH'],
  ["a blob's content", 40, 'E_OBJECT_AUTH'],
  ["a blob's tag", -1, 'E_OBJECT_AUTH'],
] as const) {
  test(`a flipped bit in ${region} loses that blob alone`, async t => {
    const place = await memoryBench(t);
    const repository = await place.create();
    const { ids } = await backUp(repository, [random(50_000, 1), random(60_000, 2), random(70_000, 3)]);
    await repository.close();
    const again = await place.open();
    await again.refreshIndex();
    const [first, second, third] = ids as [BlobId, BlobId, BlobId];
    const packed = again.find('data', second);
    if (packed === undefined) throw new Error('not found');
    const key = `data/${packed.pack.slice(0, 2)}/${packed.pack}`;
    flip(place.remote, key, packed.offset + (at < 0 ? packed.sealedBytes + at : at));
    await t.throwsAsync(again.loadBlob('data', second), { code });
    t.is((await again.loadBlob('data', first)).length, 50_000);
    t.is((await again.loadBlob('data', third)).length, 70_000);
    t.deepEqual(
      again.problems.map(problem => [problem.key, problem.code]),
      [[key, code]],
    );
    const codes = (await again.checkPackData(packed.pack)).map(problem => problem.code);
    t.deepEqual(codes, ['E_OBJECT_ID', code]);
    flip(place.remote, key, packed.offset + (at < 0 ? packed.sealedBytes + at : at));
    t.is((await again.loadBlob('data', second)).length, 60_000, 'a healed remote is read again');
    await again.close();
  });
}

test('a damaged header, header length or size is named, and allocates nothing large', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  await backUp(repository, [random(50_000, 1)]);
  const key = keysIn(place.remote, 'data').find(name => (place.remote.objects.get(name)?.length ?? 0) > 20_000) ?? '';
  const id = key.slice(8) as (typeof repository extends Repository ? ReturnType<Repository['packIds']> : never)[number];
  const whole = new Uint8Array(place.remote.objects.get(key) ?? []);
  const check = async (): Promise<readonly string[]> =>
    (await repository.checkPackData(id)).map(problem => problem.code);
  t.deepEqual(await check(), []);
  flip(place.remote, key, -10);
  t.deepEqual(await check(), ['E_OBJECT_ID', 'E_OBJECT_AUTH']);
  const withLength = (length: number): Uint8Array => {
    const bytes = new Uint8Array(whole);
    new DataView(bytes.buffer).setUint32(bytes.length - 4, length, true);
    return bytes;
  };
  for (const length of [0, 31, whole.length, 2 ** 32 - 1]) {
    place.remote.objects.set(key, withLength(length));
    t.deepEqual(await check(), ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], String(length));
  }
  for (const size of [0, 3, 4, whole.length - 1, whole.length >> 1]) {
    place.remote.objects.set(key, whole.slice(0, size));
    t.is((await check())[0], 'E_OBJECT_ID', String(size));
    t.deepEqual(
      (await repository.checkPacks()).map(problem => problem.code),
      ['E_OBJECT_ID'],
    );
  }
  place.remote.objects.delete(key);
  t.deepEqual(await check(), ['E_MISSING']);
  t.deepEqual(
    (await repository.checkPacks()).map(problem => [problem.key, problem.code]),
    [[key, 'E_MISSING']],
  );
  await repository.close();
});

test('a missing pack loses its blobs and no others', async t => {
  const place = await memoryBench(t, { packTargetBytes: 1 });
  const repository = await place.create();
  const { ids } = await backUp(repository, [random(50_000, 1), random(60_000, 2)]);
  const [first, second] = ids as [BlobId, BlobId];
  const pack = repository.find('data', first)?.pack ?? '';
  place.remote.objects.delete(`data/${pack.slice(0, 2)}/${pack}`);
  await t.throwsAsync(repository.loadBlob('data', first), { code: 'E_MISSING' });
  t.is((await repository.loadBlob('data', second)).length, 60_000);
  await repository.close();
});

test('a second copy in another pack is used when the first is damaged', async t => {
  const place = await memoryBench(t);
  const one = await place.create();
  const two = await (await bench(t, { remote: place.remote, seed: 2 })).open();
  const bytes = random(50_000, 1);
  const { id } = await one.saveBlob('data', bytes);
  await two.saveBlob('data', bytes);
  await one.commitIndex();
  await two.commitIndex();
  await two.refreshIndex();
  const packed = two.find('data', id);
  if (packed === undefined) throw new Error('not found');
  flip(place.remote, `data/${packed.pack.slice(0, 2)}/${packed.pack}`, packed.offset + 30);
  t.deepEqual(Buffer.from(await two.loadBlob('data', id)), Buffer.from(bytes));
  t.is(two.problems.length, 1);
  await one.close();
  await two.close();
});

test('two packs under each other’s names give no wrong bytes', async t => {
  const place = await memoryBench(t, { packTargetBytes: 1 });
  const repository = await place.create();
  const { ids } = await backUp(repository, [random(50_000, 1), random(50_000, 2)]);
  const [first, second] = ids
    .map(id => repository.find('data', id)?.pack ?? '')
    .map(pack => `data/${pack.slice(0, 2)}/${pack}`) as [string, string];
  const swapped = place.remote.objects.get(first) as Uint8Array;
  place.remote.objects.set(first, place.remote.objects.get(second) as Uint8Array);
  place.remote.objects.set(second, swapped);
  for (const id of ids) await t.throwsAsync(repository.loadBlob('data', id), { code: 'E_OBJECT_ID' });
  await repository.close();
});

test('junk under object names is reported and never fatal', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { ids } = await backUp(repository, [utf8('still here')]);
  await repository.close();
  const { objects } = place.remote;
  const junk = random(500, 9);
  const named = sha256Hex(junk);
  const [index = ''] = keysIn(place.remote, 'index');
  const [snapshot = ''] = keysIn(place.remote, 'snapshots');
  const indexBytes = objects.get(index) as Uint8Array;
  const snapshotBytes = objects.get(snapshot) as Uint8Array;
  for (const folder of ['index', 'snapshots', 'locks']) {
    objects.set(`${folder}/${named}`, junk);
    objects.set(`${folder}/${'0'.repeat(64)}`, utf8('{}'));
    objects.set(`${folder}/README`, utf8('not ours'));
  }
  // Right seal and right name, but filed as something else.
  objects.set(`snapshots/${index.slice(6)}`, indexBytes);
  objects.set(`index/${snapshot.slice(10)}`, snapshotBytes);
  objects.set(`locks/${snapshot.slice(10)}`, snapshotBytes);
  const again = await place.open();
  await again.refreshIndex();
  t.is((await again.snapshots()).size, 1);
  const lock = await again.lock('exclusive');
  await lock.release();
  t.is(Buffer.from(await again.loadBlob('data', ids[0] as BlobId)).toString(), 'still here');
  const found = again.problems.map(({ key, code }) => `${key.slice(0, key.indexOf('/') + 5)} ${code}`).sort();
  const junkName = named.slice(0, 4);
  t.deepEqual(
    found,
    [
      'index/0000 E_OBJECT_ID',
      `index/${junkName} E_OBJECT_AUTH`,
      `index/${snapshot.slice(10, 14)} E_OBJECT_TYPE`,
      'locks/0000 E_OBJECT_ID',
      `locks/${junkName} E_OBJECT_AUTH`,
      `locks/${snapshot.slice(10, 14)} E_OBJECT_TYPE`,
      'snapshots/0000 E_OBJECT_ID',
      `snapshots/${index.slice(6, 10)} E_OBJECT_TYPE`,
      `snapshots/${junkName} E_OBJECT_AUTH`,
    ].sort(),
  );
  await again.close();
});

test('a chat attachment that looks like a snapshot cannot be re-filed as one', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const forged = utf8(
    JSON.stringify({ time: '2030-01-01T00:00:00Z', tree: 'a'.repeat(64), paths: ['/'], hostname: 'x', username: 'x' }),
  );
  for (const plaintext of [forged, new Uint8Array([2, ...forged])]) {
    const { id } = await repository.saveBlob('data', plaintext);
    await repository.commitIndex();
    const packed = repository.find('data', id);
    if (packed === undefined) throw new Error('not found');
    const pack = place.remote.objects.get(`data/${packed.pack.slice(0, 2)}/${packed.pack}`) as Uint8Array;
    const sealed = pack.slice(packed.offset, packed.offset + packed.sealedBytes);
    place.remote.objects.set(`snapshots/${sha256Hex(sealed)}`, sealed);
    place.remote.objects.set(`index/${sha256Hex(sealed)}`, sealed);
  }
  t.is((await repository.snapshots()).size, 0);
  await repository.refreshIndex();
  t.is(repository.problems.length, 4);
  t.true(repository.problems.every(problem => problem.code === 'E_OBJECT_TYPE'));
  await repository.close();
});

for (const [what, change, code] of [
  ['missing', (objects: Map<string, Uint8Array>) => objects.delete('config'), 'E_MISSING'],
  ['damaged', (objects: Map<string, Uint8Array>) => flip({ objects } as MemoryRemote, 'config', 20), 'E_OBJECT_AUTH'],
  [
    'a snapshot',
    (objects: Map<string, Uint8Array>) => {
      const key = [...objects.keys()].find(name => name.startsWith('snapshots/')) ?? '';
      objects.set('config', objects.get(key) as Uint8Array);
    },
    'E_OBJECT_TYPE',
  ],
] as const) {
  test(`a config that is ${what} stops opening, and nothing is created over it`, async t => {
    const place = await memoryBench(t);
    const repository = await place.create();
    await backUp(repository, [utf8('x')]);
    await repository.close();
    change(place.remote.objects);
    await t.throwsAsync(place.open(), { code });
    await t.throwsAsync(place.create(), { code: 'E_ALREADY_SET_UP' });
  });
}

test('junk key files cost at most four KDF runs, and the pinned one is tried first', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  await repository.close();
  const { objects } = place.remote;
  const real = JSON.parse(Buffer.from(objects.get(`keys/${repository.keyFileId}`) as Uint8Array).toString()) as Record<
    string,
    unknown
  >;
  const plant = (changes: Record<string, unknown>): void => {
    const bytes = utf8(JSON.stringify({ ...real, ...changes }));
    objects.set(`keys/${sha256Hex(bytes)}`, bytes);
  };
  for (const changes of [
    { N: 2 ** 20 },
    { N: 2 ** 30 },
    { N: 3 },
    { r: 2 ** 20 },
    { p: 2 ** 20 },
    { salt: 'AAAA' },
    { kdf: 'pbkdf2' },
  ])
    plant(changes);
  const opened = await place.open();
  t.true(opened.problems.every(problem => problem.code === 'E_OBJECT_LIMIT'));
  await opened.close();
  // Key files that parse, but are another password's: found only because it is pinned.
  for (let i = 0; i < 60; i++) plant({ data: Buffer.from(random(200, i + 1)).toString('base64') });
  const entries = [...objects].filter(([key]) => key !== `keys/${repository.keyFileId}`);
  const own = objects.get(`keys/${repository.keyFileId}`) as Uint8Array;
  objects.clear();
  for (const [key, bytes] of entries) objects.set(key, bytes);
  objects.set(`keys/${repository.keyFileId}`, own);
  await t.throwsAsync(place.open(), { code: 'E_WRONG_SECRET', message: /4 key files/ });
  await (await place.open({ keyFileId: repository.keyFileId })).close();
});

test('an index that vanished takes its blobs along, so that they are stored again', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { ids } = await backUp(repository, [random(5000, 1)]);
  for (const key of keysIn(place.remote, 'index')) place.remote.objects.delete(key);
  await repository.refreshIndex();
  t.is(repository.find('data', ids[0] as BlobId), undefined);
  t.true((await repository.saveBlob('data', random(5000, 1))).isNew);
  await repository.close();
});

test('a pack that lost its index during a backup is indexed again', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { ids } = await backUp(repository, [random(5000, 1)]);
  await repository.refreshIndex();
  t.false((await repository.saveBlob('data', random(5000, 1))).isNew);
  for (const key of keysIn(place.remote, 'index')) place.remote.objects.delete(key);
  t.deepEqual(await repository.confirmUsed(), []);
  t.is(keysIn(place.remote, 'index').length, 1);
  const other = await place.open();
  await other.refreshIndex();
  t.is((await other.loadBlob('data', ids[0] as BlobId)).length, 5000);
  await repository.close();
  await other.close();
});

test('a pack that was pruned during a backup is told, and its blobs are stored again', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { ids } = await backUp(repository, [random(5000, 1), random(6000, 2)]);
  const [used] = ids as [BlobId, BlobId];
  await repository.refreshIndex();
  t.truthy(repository.find('data', used));
  for (const key of [...keysIn(place.remote, 'index'), ...keysIn(place.remote, 'data')])
    place.remote.objects.delete(key);
  t.deepEqual(await repository.confirmUsed(), [used], 'the other blob was not used by this session');
  t.true((await repository.saveBlob('data', random(5000, 1))).isNew);
  t.deepEqual(await repository.confirmUsed(), []);
  t.is((await repository.loadBlob('data', used)).length, 5000);
  await repository.close();
});

test('looking at the index beside a backup hides nothing from it: what was pruned meanwhile is still told', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { ids } = await backUp(repository, [random(5000, 1), random(6000, 2)]);
  const [used, other] = ids as [BlobId, BlobId];
  await repository.refreshIndex();
  t.truthy(repository.find('data', used));
  for (const key of [...keysIn(place.remote, 'index'), ...keysIn(place.remote, 'data')])
    place.remote.objects.delete(key);
  await repository.readIndex();
  t.is(repository.find('data', other), undefined, 'no index names it any more');
  t.deepEqual(await repository.confirmUsed(), [used]);
  await repository.close();
});

test('looking at the index writes nothing, also when packs wait for their upload', async t => {
  let isFull = false;
  const place = await memoryBench(t);
  const remote = faultyRemote(place.remote, call => (isFull && call === 'put' ? 'before' : undefined));
  const machine = await bench(t, { remote });
  const repository = await machine.create();
  const { ids } = await backUp(repository, [random(5000, 1)]);
  isFull = true;
  await saveAll(repository, [random(6000, 2)]);
  await t.throwsAsync(repository.commitIndex(), { code: 'E_UNREACHABLE' });
  await repository.readIndex();
  t.is((await repository.snapshots()).size, 1);
  t.is((await repository.loadBlob('data', ids[0] as BlobId)).length, 5000);
  await repository.close();
});

test('a blob whose pack another device repacked needs nothing', async t => {
  const place = await memoryBench(t);
  const one = await place.create();
  const bytes = random(5000, 1);
  const { id } = await one.saveBlob('data', bytes);
  await one.commitIndex();
  await one.refreshIndex();
  t.truthy(one.find('data', id));
  const before = [...keysIn(place.remote, 'index'), ...keysIn(place.remote, 'data')];
  const two = await (await bench(t, { remote: place.remote, seed: 2 })).open();
  await two.saveBlob('data', bytes);
  await two.commitIndex();
  for (const key of before) place.remote.objects.delete(key);
  t.deepEqual(await one.confirmUsed(), []);
  t.is((await one.loadBlob('data', id)).length, 5000);
  await one.close();
  await two.close();
});

test('a snapshot is refused while its tree is in no index', async t => {
  const repository = await (await memoryBench(t)).create();
  await t.throwsAsync(repository.saveSnapshot(snapshotOf('a'.repeat(64) as BlobId)), { code: 'E_MISSING' });
  await repository.close();
});

test('a snapshot comes back with every field and its time as text', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { id: tree } = await repository.saveTree([]);
  const snapshot = snapshotOf(tree, {
    time: '2026-11-23T10:00:00.120+01:00',
    parent: 'b'.repeat(64) as never,
    tags: ['signet-dev=00', 'a "b" <c>'],
    hostname: 'Zoë’s laptop',
  });
  const id = await repository.saveSnapshot(snapshot);
  const again = await place.open();
  t.deepEqual((await again.snapshots()).get(id), snapshot);
  await repository.close();
  await again.close();
});

test('a remote that stores something else than it was given is caught at the snapshot', async t => {
  const place = await memoryBench(t);
  const lying: Remote = {
    ...place.remote,
    put: (key, body, options) =>
      place.remote.put(
        key,
        key.startsWith('snapshots/') && body instanceof Uint8Array ? new Uint8Array(body).fill(1) : body,
        options,
      ),
  };
  await (await place.create()).close();
  const repository = await place.open({ remote: lying });
  const { id } = await repository.saveTree([]);
  await t.throwsAsync(repository.saveSnapshot(snapshotOf(id)), { code: 'E_OBJECT_ID' });
  await repository.close();
});

test('the outbox is bounded: saving waits for the upload', async t => {
  const place = await memoryBench(t);
  await (await place.create()).close();
  const gate = Promise.withResolvers<void>();
  let started = 0;
  const slow: Remote = {
    ...place.remote,
    put: async (key, body, options) => {
      if (key.startsWith('data/')) {
        started++;
        await gate.promise;
      }
      await place.remote.put(key, body, options);
    },
  };
  const repository = await place.open({ remote: slow, packTargetBytes: 50_000, outboxLimitBytes: 250_000 });
  let saved = 0;
  const saving = (async () => {
    for (let i = 0; i < 30; i++) {
      await repository.saveBlob('data', random(20_000, i + 1));
      saved++;
    }
  })();
  while (started < 2) await new Promise(resolve => setImmediate(resolve));
  for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve));
  t.true(saved < 20, `${saved} blobs of 20 kB were taken`);
  gate.resolve();
  await saving;
  t.is(saved, 30);
  await repository.commitIndex();
  await repository.close();
});

test('an index is written every ten minutes of a long backup', async t => {
  const place = await memoryBench(t, { packTargetBytes: 30_000 });
  const repository = await place.create();
  await saveAll(
    repository,
    Array.from({ length: 6 }, (_, i) => random(20_000, i + 1)),
  );
  t.is(keysIn(place.remote, 'index').length, 0);
  await place.clock.advance(10 * 60_000);
  await saveAll(
    repository,
    Array.from({ length: 6 }, (_, i) => random(20_000, i + 50)),
  );
  while (keysIn(place.remote, 'index').length === 0) await new Promise(resolve => setImmediate(resolve));
  t.pass();
  await repository.close();
});

test('a pack that lay in the place unnamed for a day is not counted on: another device may be about to delete it', async t => {
  for (const isMarked of [true, false]) {
    for (const hours of [1, 30]) {
      const place = await memoryBench(t);
      const repository = await place.create();
      await repository.saveBlob('data', random(30_000, 1));
      await repository.close();
      const [row] = place.journal.rows();
      if (row === undefined) return t.fail();
      const file = join(place.outboxFolder, row.id);
      place.remote.objects.set(packKey(row.id), await readFile(file));
      if (isMarked) {
        place.journal.markUploaded(row.id, place.clock.now());
        await rm(file);
      }
      await place.clock.advance(hours * 3_600_000);
      const again = await place.open();
      await again.refreshIndex();
      t.is(again.packIds().includes(row.id), hours === 1, `${hours} hours`);
      t.is(place.journal.all.size, 0);
      t.is((await readdir(place.outboxFolder)).length, 0);
      t.is((await again.saveBlob('data', random(30_000, 1))).isNew, hours !== 1);
      await again.close();
    }
  }
});

test('closing keeps what was sealed: the next run uploads it without sealing again', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const { id } = await repository.saveBlob('data', random(30_000, 1));
  await repository.close();
  t.is(place.journal.all.size, 1);
  t.is(keysIn(place.remote, 'data').length, 0);
  const again = await place.open();
  await again.refreshIndex();
  t.is(place.journal.all.size, 0);
  t.false((await again.saveBlob('data', random(30_000, 1))).isNew);
  t.is((await again.loadBlob('data', id)).length, 30_000);
  t.is((await readdir(place.outboxFolder)).length, 0);
  await again.close();
});

test('leftovers in the outbox are swept or taken up, and files of others stay', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  await repository.saveBlob('data', random(30_000, 1));
  await repository.close();
  const [row] = place.journal.rows();
  place.journal.all.clear(); // the crash came between the rename and the journal
  await writeFile(join(place.outboxFolder, '.open-dead'), 'half a pack');
  await writeFile(join(place.outboxFolder, 'f'.repeat(64)), 'no pack');
  await writeFile(join(place.outboxFolder, 'note.txt'), 'not ours');
  const again = await place.open();
  await again.refreshIndex();
  t.deepEqual(again.packIds(), row === undefined ? [] : [row.id]);
  t.deepEqual(await readdir(place.outboxFolder), ['note.txt']);
  await again.close();
});

test('a journalled pack of another repository, or one whose file is damaged, is dropped', async t => {
  const place = await memoryBench(t);
  await (await place.create()).close();
  const other = await memoryBench(t, { seed: 5 });
  const stranger = await other.create();
  await stranger.saveBlob('data', random(30_000, 1));
  await stranger.close();
  for (const row of other.journal.rows()) place.journal.add(row);
  const own = await place.open();
  const { id } = await own.saveBlob('data', random(30_000, 2));
  await own.close();
  for (const row of place.journal.rows()) await writeFile(join(place.outboxFolder, row.id), 'damaged');
  const again = await place.open();
  await again.refreshIndex();
  t.is(place.journal.all.size, 0);
  t.deepEqual(again.packIds(), []);
  t.is(again.find('data', id), undefined);
  t.is(keysIn(place.remote, 'data').length, 0);
  await again.close();
});

for (const when of ['before', 'after'] as const) {
  test(`a crash ${when} any write loses nothing, stores nothing twice and leaves no orphan`, async t => {
    const pieces = Array.from({ length: 8 }, (_, i) => random(20_000, i + 1));
    const base = await memoryBench(t);
    const created = await base.create();
    await created.close();
    const { keyFileId } = created;
    let finished = false;
    for (let crashAt = 0; !finished; crashAt++) {
      const place = await memoryBench(t, { packTargetBytes: 50_000, seed: 2, keyFileId });
      for (const [key, bytes] of base.remote.objects) place.remote.objects.set(key, bytes);
      let writes = 0;
      let isDead = false;
      const remote = faultyRemote(place.remote, call => {
        if (isDead) return 'before';
        if (call !== 'put' || writes++ !== crashAt) return undefined;
        isDead = true;
        return when;
      });
      const dying = await place.open({
        remote,
        journal: {
          ...place.journal,
          add: row => {
            if (isDead) throw new Error('dead');
            place.journal.add(row);
          },
          markUploaded: (id, at) => {
            if (isDead) throw new Error('dead');
            place.journal.markUploaded(id, at);
          },
          remove: ids => {
            if (isDead) throw new Error('dead');
            place.journal.remove(ids);
          },
        },
      });
      finished = await backUp(dying, pieces).then(
        () => true,
        error =>
          isCode(error, 'E_UNREACHABLE') || (error instanceof Error && error.message === 'dead')
            ? false
            : t.fail(String(error)),
      );
      const sealedPacks = place.journal.rows().map(row => row.id);
      // A dead process has no tasks: wait for those of the repository that plays it.
      await dying.close().catch(() => undefined);

      const next = await place.open();
      await next.refreshIndex();
      for (const id of sealedPacks) t.true(next.packIds().includes(id), `crash at write ${crashAt}: pack sealed once`);
      const { ids } = await backUp(next, pieces);
      t.deepEqual(await next.confirmUsed(), []);
      const named = new Set<string>(next.packIds().map(id => `data/${id.slice(0, 2)}/${id}`));
      t.deepEqual(
        keysIn(place.remote, 'data').filter(key => !named.has(key)),
        [],
        `crash at write ${crashAt}: no orphan`,
      );
      for (const [i, id] of ids.entries())
        t.is(sha256Hex(await next.loadBlob('data', id)), sha256Hex(pieces[i] ?? new Uint8Array(0)));
      t.deepEqual(await next.checkPacks(), []);
      t.is(place.journal.all.size, 0);
      await next.close();
    }
  });
}

test('an upload that failed is finished by the next session of the same repository', async t => {
  const place = await memoryBench(t);
  await (await place.create()).close();
  let isDown = true;
  const remote = faultyRemote(place.remote, (call, key) =>
    call === 'put' && key.startsWith('data/') && isDown ? 'before' : undefined,
  );
  const repository = await place.open({ remote });
  await repository.saveBlob('data', random(30_000, 1));
  await t.throwsAsync(repository.commitIndex(), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(repository.saveBlob('data', random(30_000, 2)), { code: 'E_UNREACHABLE' });
  isDown = false;
  await repository.refreshIndex();
  t.false((await repository.saveBlob('data', random(30_000, 1))).isNew);
  t.true((await repository.saveBlob('data', random(30_000, 2))).isNew);
  await repository.commitIndex();
  t.deepEqual(await repository.checkPacks(), []);
  await repository.close();
});

for (const when of ['while a pack is written', 'when it is sealed'] as const) {
  test(`an outbox that fails ${when} fails the session, and nothing lost counts as stored`, async t => {
    const place = await memoryBench(t);
    const repository = await place.create();
    if (when === 'while a pack is written') await rm(place.outboxFolder, { recursive: true });
    // 1 MiB is what an open pack gathers before it writes.
    const saving = repository.saveBlob('data', random(1_500_000, 1));
    if (when === 'when it is sealed') {
      await saving;
      await rm(place.outboxFolder, { recursive: true });
      await t.throwsAsync(repository.commitIndex(), { code: 'ENOENT' });
    } else {
      await t.throwsAsync(saving, { code: 'ENOENT' });
    }
    await t.throwsAsync(repository.saveBlob('data', random(10, 2)), { code: 'ENOENT' }, 'the session is over');
    await mkdir(place.outboxFolder, { mode: 0o700 });
    await repository.refreshIndex();
    t.true((await repository.saveBlob('data', random(1_500_000, 1))).isNew);
    await repository.commitIndex();
    t.deepEqual(await repository.checkPacks(), []);
    t.is(place.journal.all.size, 0);
    await repository.close();
  });
}

test('with a cache, an unchanged repository is read with a few requests, and damage in it is healed', async t => {
  const folder = await temporaryFolder(t);
  const cacheFolder = join(folder, 'cache');
  await mkdir(cacheFolder, { mode: 0o700 });
  const place = await memoryBench(t, { cacheFolder });
  const first = await place.create();
  const { tree } = await backUp(first, [random(30_000, 1)]);
  await first.close();
  const reads = async (): Promise<number> => {
    const repository = await place.open();
    const before = repository.traffic.bytesDownloaded;
    await repository.refreshIndex();
    t.is((await repository.snapshots()).size, 1);
    t.is((await repository.loadTree(tree)).length, 1);
    const bytes = repository.traffic.bytesDownloaded - before;
    await repository.close();
    return bytes;
  };
  t.is(await reads(), 0);
  for (const kind of ['index', 'snapshots', 'packs']) {
    for (const name of await readdir(join(cacheFolder, kind)))
      await writeFile(join(cacheFolder, kind, name), random(5000, 3));
  }
  t.true((await reads()) > 0);
  t.is(await reads(), 0, 'copied again');
});

for (const { kind, most, aloneBytes } of [
  { kind: 'folder', most: 12, aloneBytes: 70_000 },
  { kind: 's3', most: 8, aloneBytes: 70_000 + 1024 * 1024 },
] as const) {
  test(`${kind}: reading a file of many blobs in order asks the remote far less often than once a blob`, async t => {
    const place = await memoryBench(t, { remote: { ...createMemoryRemote(), kind } });
    const repository = await place.create();
    const ids = await saveAll(
      repository,
      Array.from({ length: 128 }, (_, i) => random(65_536, i + 1)),
    );
    await repository.commitIndex();
    const { requests, bytesDownloaded } = repository.traffic;
    for (const id of ids) await repository.loadBlob('data', id);
    t.true(repository.traffic.requests - requests <= most, `${repository.traffic.requests - requests} requests`);
    const read = repository.traffic.bytesDownloaded - bytesDownloaded;
    // The pack was joined from two leftovers: where the first half ends, one window of 4 MiB may be read in vain.
    t.true(read < 13 << 20, `${read} bytes`);
    const other = await place.open();
    await other.refreshIndex();
    const opened = { ...other.traffic };
    await other.loadBlob('data', ids[64] as BlobId);
    t.true(other.traffic.bytesDownloaded - opened.bytesDownloaded < aloneBytes, 'what one blob costs');
    t.is(other.traffic.requests - opened.requests, 1);
    await repository.close();
    await other.close();
  });
}

test('keys are derived from the master key, the repository and the label', async t => {
  const place = await memoryBench(t);
  const repository = await place.create();
  const heads = repository.deriveKey('signet/heads/v1');
  t.is(heads.length, 32);
  t.deepEqual(heads, repository.deriveKey('signet/heads/v1'));
  t.notDeepEqual(heads, repository.deriveKey('signet/state/v1'));
  t.is(repository.deriveKey('signet/gear/v1', 64).length, 64);
  t.regex(repository.masterKeyFingerprint, /^[0-9a-f]{16}$/);
  t.false(toHex(heads).startsWith(repository.masterKeyFingerprint));
  await repository.close();
});

test('a reader that goes away does not take what another waits for', async t => {
  const { create, open, remote } = await bench(t);
  const first = await create();
  const { id } = await first.saveBlob('data', new Uint8Array(1000).fill(3));
  await first.commitIndex();
  await first.close();
  const repository = await open();
  await repository.readIndex();
  const { get } = remote;
  let reads = 0;
  remote.get = async (key, options) => {
    reads += 1;
    await new Promise(setImmediate);
    options.signal?.throwIfAborted();
    return get(key, options);
  };
  const controller = new AbortController();
  const gone = repository.loadBlob('data', id, { signal: controller.signal });
  const stays = repository.loadBlob('data', id);
  controller.abort(new Error('not wanted any more'));
  await t.throwsAsync(gone, { message: 'not wanted any more' });
  t.is((await stays).length, 1000);
  t.is(reads, 2);
  await repository.close();
});
