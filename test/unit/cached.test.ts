import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import { remoteContract } from '../contracts/remote.ts';
import { networked } from '../support/network-remote.ts';
import { temporaryFolder } from '../support/repository.ts';

const maxBytes = 1024 * 1024;

remoteContract('counted', async () => counted(createMemoryRemote()));
remoteContract('cached', async t => cached(createMemoryRemote(), join(await temporaryFolder(t), 'cache')));

async function bench(t: ExecutionContext) {
  const above = await temporaryFolder(t);
  const folder = join(above, 'cache');
  const memory = createMemoryRemote();
  const place = networked(memory);
  const remote = await cached(place, folder);
  const bytes = randomBytes(10_000);
  const id = sha256Hex(bytes);
  return {
    above,
    folder,
    memory,
    place,
    remote,
    bytes,
    id,
    pack: `data/${id.slice(0, 2)}/${id}`,
    index: `index/${id}`,
  };
}

test('what was put to be kept is not read from the place again, whole or in parts', async t => {
  const { remote, place, bytes, index } = await bench(t);
  await remote.put(index, bytes, { keep: true });
  t.deepEqual(Buffer.from(await remote.get(index, { maxBytes })), bytes);
  const part = await remote.get(index, { offset: 9_000, length: 500, maxBytes: 500 });
  t.deepEqual(Buffer.from(part), bytes.subarray(9_000, 9_500));
  t.deepEqual(place.calls, ['put index']);
});

test('what nobody wants to keep is read from the place each time', async t => {
  const { remote, place, bytes, index } = await bench(t);
  await remote.put(index, bytes);
  for (let i = 0; i < 3; i++) await remote.get(index, { maxBytes });
  t.deepEqual(place.calls, ['put index', 'get index', 'get index', 'get index']);
});

test('a part of an object that is worth keeping brings the whole of it once', async t => {
  const { remote, place, memory, bytes, pack } = await bench(t);
  await memory.put(pack, bytes);
  for (const offset of [0, 5000, 9999]) {
    const part = await remote.get(pack, { offset, length: 1, maxBytes: 1, keep: true });
    t.deepEqual([...part], [bytes[offset]]);
  }
  t.deepEqual(place.calls, ['get data']);
});

test('a file is kept as a second name of the same bytes, and stays when the first goes', async t => {
  const { remote, above, folder, place, bytes, id, pack } = await bench(t);
  const path = join(above, 'pack');
  await writeFile(path, bytes);
  await remote.put(pack, { path, sizeBytes: bytes.length }, { keep: true });
  t.is((await stat(join(folder, 'packs', id))).ino, (await stat(path)).ino);
  await remote.put(pack, { path, sizeBytes: bytes.length }, { keep: true });
  await rm(path);
  await remote.get(pack, { maxBytes });
  t.deepEqual(place.calls, ['put data', 'put data']);
  t.deepEqual(await readdir(join(folder, 'packs')), [id]);
});

test('a copy that is damaged, shortened or lost is read from the place and kept anew', async t => {
  const { remote, folder, place, bytes, id, index } = await bench(t);
  await remote.put(index, bytes, { keep: true });
  const path = join(folder, 'index', id);
  for (const damage of [randomBytes(10_000), bytes.subarray(0, 100), undefined]) {
    place.forget();
    if (damage === undefined) await rm(path);
    else await writeFile(path, damage);
    t.deepEqual(Buffer.from(await remote.get(index, { maxBytes, keep: true })), bytes);
    t.deepEqual(place.calls, ['get index']);
    t.deepEqual(await readFile(path), bytes);
  }
});

test('a part that its reader found damaged is given up for what the place has', async t => {
  const { remote, folder, place, bytes, id, pack } = await bench(t);
  await remote.put(pack, bytes, { keep: true });
  await writeFile(join(folder, 'packs', id), randomBytes(10_000));
  const part = { offset: 10, length: 20, maxBytes: 20, keep: true };
  t.notDeepEqual(Buffer.from(await remote.get(pack, part)), bytes.subarray(10, 30));
  t.deepEqual(Buffer.from(await remote.get(pack, { ...part, copies: 'remote' })), bytes.subarray(10, 30));
  t.deepEqual(Buffer.from(await remote.get(pack, part)), bytes.subarray(10, 30));
  t.deepEqual(place.calls, ['put data', 'get data']);
});

test('whoever checks the place sees the place, and the copy stays', async t => {
  const { remote, memory, place, bytes, index } = await bench(t);
  await remote.put(index, bytes, { keep: true });
  memory.objects.set(index, randomBytes(10));
  t.is((await remote.get(index, { maxBytes, copies: 'remote' })).length, 10);
  await t.throwsAsync(remote.get(index, { maxBytes, copies: 'mirror' }), { code: 'E_MISSING' });
  t.deepEqual(Buffer.from(await remote.get(index, { maxBytes })), bytes);
  t.is(place.calls.length, 3);
});

test('what the place has under a wrong name is handed on and not kept', async t => {
  const { remote, folder, memory, index, pack } = await bench(t);
  for (const key of [index, pack]) memory.objects.set(key, randomBytes(500));
  t.is((await remote.get(index, { maxBytes, keep: true })).length, 500);
  t.is((await remote.get(pack, { offset: 1, length: 5, maxBytes: 5, keep: true })).length, 5);
  t.deepEqual(await readdir(join(folder, 'index')), []);
  t.deepEqual(await readdir(join(folder, 'packs')), []);
});

test('a range beyond what is kept is missing as it is in the place', async t => {
  const { remote, bytes, pack } = await bench(t);
  await remote.put(pack, bytes, { keep: true });
  const beyond = { offset: 9_999, length: 2, maxBytes };
  await t.throwsAsync(remote.get(pack, beyond), { code: 'E_MISSING' });
  await t.throwsAsync(remote.get(pack, { ...beyond, keep: true }), { code: 'E_MISSING' });
});

test('an object larger than its reader takes is refused though a copy is at hand', async t => {
  const { remote, bytes, index } = await bench(t);
  await remote.put(index, bytes, { keep: true });
  await t.throwsAsync(remote.get(index, { maxBytes: 9_999 }), { code: 'E_OBJECT_LIMIT' });
});

test('copies of what is removed or not wanted any more are given up, and nothing else', async t => {
  const { remote, folder, bytes, id, index, pack } = await bench(t);
  const snapshot = `snapshots/${id}`;
  for (const key of [index, pack, snapshot]) await remote.put(key, bytes, { keep: true });
  await writeFile(join(folder, 'packs', 'left.1234.tmp'), 'x');
  await remote.local?.keepOnly('index', () => true);
  await remote.local?.keepOnly('data', sha256 => sha256 !== id);
  await remote.remove(snapshot);
  t.deepEqual(await readdir(join(folder, 'index')), [id]);
  t.deepEqual(await readdir(join(folder, 'packs')), []);
  t.deepEqual(await readdir(join(folder, 'snapshots')), []);
});

test('a head is kept by the hash in its name', async t => {
  const { remote, place, bytes, id } = await bench(t);
  const head = `signet/heads/0011223344556677/41-${id}`;
  await remote.put(head, bytes, { keep: true });
  t.deepEqual(Buffer.from(await remote.get(head, { maxBytes, keep: true })), bytes);
  await remote.local?.keepOnly('signet/heads', () => false);
  await remote.get(head, { maxBytes });
  t.deepEqual(place.calls, ['put signet/heads', 'get signet/heads']);
});

test('keys, locks, vaults and odd names are never kept', async t => {
  const { remote, folder, bytes, id } = await bench(t);
  const keys = [
    'config',
    `keys/${id}`,
    `locks/${id}`,
    `signet/vault/${id}.json`,
    `data/zz/${id}`,
    `index/x/${id}`,
    'index/short',
  ];
  for (const key of keys) await remote.put(key, bytes, { keep: true });
  const kept = await Promise.all(['index', 'snapshots', 'packs', 'heads'].map(name => readdir(join(folder, name))));
  t.deepEqual(kept.flat(), []);
});

test('where no copy can be kept everything works without', async t => {
  const { remote, folder, place, bytes, index } = await bench(t);
  // A folder that is gone fails every write, as a full disk does.
  await rm(folder, { recursive: true });
  await remote.put(index, bytes, { keep: true });
  t.deepEqual(Buffer.from(await remote.get(index, { maxBytes, keep: true })), bytes);
  await t.notThrowsAsync(async () => remote.local?.keepOnly('index', () => false));
  t.deepEqual(place.calls, ['put index', 'get index']);
});

test('a folder that others may enter is refused', async t => {
  const folder = join(await temporaryFolder(t), 'cache');
  await mkdir(folder);
  await chmod(folder, 0o755);
  await t.throwsAsync(cached(createMemoryRemote(), folder), { code: 'E_RUNTIME' });
});

test('calls and bytes of objects are counted, and a copy at hand costs nothing', async t => {
  const { bytes, index, above } = await bench(t);
  const inner = counted(createFolderRemote(await temporaryFolder(t)));
  const remote = await cached(inner, join(above, 'other'));
  await remote.put(index, bytes, { keep: true });
  await remote.get(index, { maxBytes });
  await remote.get(index, { maxBytes, copies: 'remote' });
  await remote.stat(index);
  for await (const _ of remote.list('index')) t.pass();
  await remote.remove(index);
  t.deepEqual({ ...remote.traffic }, { bytesUploaded: 10_000, bytesDownloaded: 10_000, requests: 5 });
});

test('of a place behind a network the requests it was sent are counted', async t => {
  let requests = 7;
  const remote = counted({ ...networked(createMemoryRemote()), requests: () => requests });
  await remote.stat('config');
  requests += 3;
  t.is(remote.traffic.requests, 10);
});
