// The Drive adapter against the strict fake: the contract of all remotes, and what only Google Drive does.

import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { type ObjectTable, prepareDriveFolder } from '../../daemon/remotes/drive/drive.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import type { NetworkRemote } from '../../daemon/remotes/remote.ts';
import { remoteContract } from '../contracts/remote.ts';
import { type DriveBench, driveBench, driveOptions } from '../support/drive-bench.ts';
import { type Fault, startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { manualClock } from '../support/manual-clock.ts';
import { memoryObjects } from '../support/memory-objects.ts';
import { temporaryFolder } from '../support/repository.ts';

remoteContract('drive', async t => (await driveBench(t)).remote);

const maxBytes = 64 * 1024 * 1024;
const mebibyte = 1024 * 1024;

async function keysOf(remote: NetworkRemote, folder = ''): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list(folder)) keys.push(key);
  return keys.sort();
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** An object named for its content, as packs are. */
function pack(sizeBytes: number): { readonly key: string; readonly bytes: Buffer } {
  const bytes = randomBytes(sizeBytes);
  const hash = hashOf(bytes);
  return { key: `data/${hash.slice(0, 2)}/${hash}`, bytes };
}

async function packFile(t: ExecutionContext, sizeBytes: number) {
  const { key, bytes } = pack(sizeBytes);
  const path = join(await temporaryFolder(t), 'pack');
  await writeFile(path, bytes);
  return { key, bytes, body: { path, sizeBytes } };
}

/** Types of the requests since the log was emptied. */
const requests = ({ fake }: DriveBench): readonly string[] =>
  fake.log.map(({ type }) => type).filter(type => !type.startsWith('oauth'));

function assertStored(t: ExecutionContext, { fake }: DriveBench, key: string, bytes: Uint8Array): void {
  const stored = fake.files().filter(file => file.path === `Signet/${key}` && !file.isTrashed);
  t.is(stored.length, 1, `${key} is stored once`);
  t.true(stored[0]?.bytes !== undefined && Buffer.from(stored[0].bytes).equals(bytes), 'with the bytes that were put');
}

/* Uploads */

test('a small object is one request, and a large one two', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('x'));
  bench.fake.clearLog();
  await bench.remote.put('keys', utf8('x'));
  t.deepEqual(requests(bench), ['files.create.multipart']);
  bench.fake.clearLog();
  await bench.remote.put('large', randomBytes(6 * mebibyte));
  t.deepEqual(requests(bench), ['upload.start', 'upload.chunk']);
  t.deepEqual(bench.fake.violations, []);
});

test('a create whose answer was lost is repeated and makes no second file', async t => {
  const bench = await driveBench(t);
  const { key, bytes } = pack(3000);
  bench.fake.fault({ do: 'dropResponse', on: 'files.create.multipart', times: 2 });
  await t.throwsAsync(bench.remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(bench.remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  await bench.remote.put(key, bytes);
  assertStored(t, bench, key, bytes);
  t.deepEqual(await keysOf(bench.remote), [key]);
  t.deepEqual(bench.fake.violations, []);
});

test('a folder whose answer was lost is not made twice', async t => {
  const bench = await driveBench(t);
  const { key, bytes } = pack(30);
  bench.fake.fault({ do: 'dropResponse', on: 'files.create.folder', times: 2 });
  await t.throwsAsync(bench.remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(bench.remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  await bench.remote.put(key, bytes);
  t.is(bench.fake.files().filter(({ isFolder }) => isFolder).length, 3, 'Signet, data and the one in it');
});

const interruptions: readonly (readonly [string, readonly Fault[]])[] = [
  ['the lost answer of its last byte', [{ do: 'dropResponse', on: 'upload.chunk' }]],
  ['a connection that breaks in the middle', [{ do: 'resetMidUpload', share: 0.6 }]],
  ['connections that break twice', [{ do: 'resetMidUpload', times: 2 }]],
  ['a server that keeps half of what is sent, three times', [{ do: 'partialAccept', share: 0.5, times: 3 }]],
  ['a server in trouble after the body', [{ do: 'error', on: 'upload.chunk', error: '503' }]],
  ['a session that is lost', [{ do: 'sessionLost' }]],
  ['a token that ends during the body', [{ do: 'error', on: 'upload.chunk', error: '401' }]],
];
for (const [name, faults] of interruptions) {
  test(`a large upload survives ${name}, in one put`, async t => {
    const bench = await driveBench(t);
    const { key, bytes, body } = await packFile(t, 7 * mebibyte + 123);
    bench.fake.fault(...faults);
    await bench.remote.put(key, body);
    assertStored(t, bench, key, bytes);
    t.is(bench.fake.faultsLeft(), 0);
    t.deepEqual(bench.fake.violations, []);
    t.true(bench.fake.bytesUp() < 2.2 * bytes.length, `${bench.fake.bytesUp()} bytes were sent`);
  });
}

test('an upload that a crash broke off goes on after a restart, by asking how far it got, under the same id', async t => {
  const bench = await driveBench(t);
  const { key, bytes, body } = await packFile(t, 8 * mebibyte);
  bench.fake.fault({ do: 'resetMidUpload', share: 0.7 }, { do: 'error', on: 'upload.status', error: '503' });
  await t.throwsAsync(bench.remote.put(key, body), { code: 'E_UNREACHABLE' });
  const id = bench.objects.get(key)?.id;
  bench.fake.fault({ do: 'error', on: 'files.create.multipart', error: '500' });
  const before = bench.fake.log.length;
  await bench.open().put(key, body);
  t.deepEqual(
    bench.fake.log
      .slice(before)
      .map(({ type }) => type)
      .filter(type => type !== 'oauth.token'),
    ['upload.status', 'upload.chunk'],
  );
  assertStored(t, bench, key, bytes);
  t.is(bench.objects.get(key)?.id, id);
  t.true(bench.fake.bytesUp() < 1.5 * bytes.length);
});

test('the address of an upload is in the table only sealed, and gone when it is done', async t => {
  const bench = await driveBench(t);
  const { key, body } = await packFile(t, 6 * mebibyte);
  bench.fake.fault({ do: 'resetMidUpload' }, { do: 'error', on: 'upload.status', error: '503' });
  const error = await t.throwsAsync(bench.remote.put(key, body));
  const session = bench.objects.get(key)?.session;
  t.truthy(session);
  t.false(Buffer.from(session ?? []).includes('upload_id'));
  t.false(JSON.stringify(error instanceof SignetError && error.toWire()).includes('upload_id'));
  await bench.remote.put(key, body);
  t.is(bench.objects.get(key)?.session, null);
});

test('an answer 201 ends an upload as well', async t => {
  const bench = await driveBench(t, { settings: { createdStatus: 201 } });
  await bench.remote.put('small', utf8('x'));
  await bench.remote.put('large', randomBytes(6 * mebibyte));
  t.deepEqual(await keysOf(bench.remote), ['large', 'small']);
});

test('many puts at once make each folder once and keep to four requests at a time', async t => {
  const bench = await driveBench(t);
  const keys = Array.from({ length: 40 }, (_, i) => `data/${(i % 8).toString(16).padStart(2, '0')}/${i}`);
  await Promise.all(keys.map(key => bench.remote.put(key, utf8(key))));
  t.is(bench.fake.files().filter(({ isFolder }) => isFolder).length, 10);
  t.deepEqual(await keysOf(bench.remote), keys.toSorted());
  t.true(bench.fake.maxInFlight <= 4, `${bench.fake.maxInFlight} at a time`);
  t.is(bench.fake.count('files.generateIds'), 0, 'the ids were drawn with the folder');
});

test('an object that was put before is asked for by its id and not sent again', async t => {
  const bench = await driveBench(t);
  const { key, bytes } = pack(500);
  await bench.remote.put(key, bytes);
  bench.fake.clearLog();
  await bench.remote.put(key, bytes);
  t.deepEqual(requests(bench), ['files.get']);
  bench.fake.patchFile(bench.objects.get(key)?.id ?? '', { trashed: true });
  await bench.remote.put(key, bytes);
  assertStored(t, bench, key, bytes);
});

/** A wire that flips a bit in the middle of each object that goes up, as long as it is told so. */
async function badWire(t: ExecutionContext, bench: DriveBench) {
  const wire = { isBad: true };
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const middle = body.length >> 1;
    if (wire.isBad && request.url?.startsWith('/upload/')) body.writeUInt8(body.readUInt8(middle) ^ 1, middle);
    const { method = 'GET', headers } = request;
    const to = httpRequest(new URL(request.url ?? '/', bench.fake.root), { method, headers }, async from => {
      response.writeHead(from.statusCode ?? 500, from.headers);
      response.end(Buffer.concat(await from.toArray()));
    });
    to.end(body);
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => void server.close().closeAllConnections());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { wire, remote: bench.open({ endpoints: googleEndpoints(`http://127.0.0.1:${port}/`) }) };
}

test('bytes that arrived damaged are not trusted: once it is tried again, twice it is said', async t => {
  const bench = await driveBench(t);
  const { wire, remote } = await badWire(t, bench);
  const { key, bytes } = pack(5000);
  await t.throwsAsync(remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(remote.put(key, bytes), { code: 'E_OBJECT_ID' });
  t.deepEqual(await keysOf(remote), []);
  t.deepEqual(bench.fake.paths(), [], 'what was damaged is in the trash');
  wire.isBad = false;
  await remote.put(key, bytes);
  assertStored(t, bench, key, bytes);
});

test('a file that changes while it is sent is not stored under its name', async t => {
  const bench = await driveBench(t);
  const { key, bytes, body } = await packFile(t, 5000);
  // Between the look at the bytes and their sending lies the note of what is meant.
  const objects: ObjectTable = {
    ...bench.objects,
    put(rows) {
      if (rows.some(row => row.key === key && row.state === 'sent'))
        writeFileSync(body.path, randomBytes(bytes.length));
      bench.objects.put(rows);
    },
  };
  await t.throwsAsync(bench.open({ objects }).put(key, body), { code: 'E_INTERNAL' });
  t.deepEqual(await keysOf(bench.remote), []);
  await writeFile(body.path, bytes);
  await bench.remote.put(key, body).catch(() => bench.remote.put(key, body));
  assertStored(t, bench, key, bytes);
});

/* Refusals */

for (const [error, code, params] of [
  ['userRateLimitExceeded', 'E_UNREACHABLE', { retryAfterMs: 0 }],
  ['403q', 'E_UNREACHABLE', { retryAfterMs: 0 }],
  ['429', 'E_UNREACHABLE', { retryAfterMs: 0 }],
  ['502', 'E_UNREACHABLE', {}],
  ['quota', 'E_REMOTE_FULL', { need: 1 }],
  ['insufficientPermissions', 'E_REMOTE_DENIED', { reason: 'scope' }],
  ['accessNotConfigured', 'E_REMOTE_DENIED', { reason: 'api-off' }],
] as const) {
  test(`a put answered ${error} asks once and is ${code}`, async t => {
    const bench = await driveBench(t);
    await bench.remote.put('first', utf8('x'));
    bench.fake.clearLog();
    bench.fake.fault({ do: 'error', on: 'files.create.multipart', error, times: 'always' });
    const thrown = await t.throwsAsync<SignetError>(bench.remote.put('config', utf8('x')), { code });
    t.like(thrown?.params, { remote: 'Google Drive', ...params });
    t.is(requests(bench).length, 1);
    bench.fake.clearFaults();
    await bench.remote.put('config', utf8('x'));
    t.deepEqual(await keysOf(bench.remote), ['config', 'first']);
  });
}

test('the limit of a day says until when', async t => {
  const bench = await driveBench(t);
  bench.fake.fault({ do: 'error', on: 'upload.start', error: 'daily' });
  const thrown = await t.throwsAsync<SignetError>(bench.remote.put('x', randomBytes(6 * mebibyte)), {
    code: 'E_REMOTE_LIMIT',
  });
  t.true(Date.parse(String(thrown?.params['until'])) > Date.now());
});

test('a place that says how long to wait is quoted', async t => {
  const bench = await driveBench(t, { settings: { retryAfterSec: 2 } });
  bench.fake.fault({ do: 'error', on: 'changes.list', error: '429' }, { do: 'error', on: 'files.list', error: '429' });
  const thrown = await t.throwsAsync<SignetError>(keysOf(bench.remote), { code: 'E_UNREACHABLE' });
  t.is(thrown?.params['retryAfterMs'], 2000);
});

test('a token that ended is renewed once for all who need it', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('a', utf8('a'));
  bench.fake.clearLog();
  bench.fake.expireAccessTokens();
  const keys = ['b', 'c', 'd'];
  await Promise.all(keys.map(key => bench.remote.put(key, utf8(key))));
  t.is(bench.fake.count('oauth.token'), 1);
  t.deepEqual(await keysOf(bench.remote), ['a', ...keys]);
});

test('silence for a minute ends a request', async t => {
  const clock = manualClock();
  const bench = await driveBench(t);
  const remote = bench.open({ clock });
  await remote.put('a', utf8('a'));
  for (const fault of [
    { do: 'hang', on: 'files.create.multipart' },
    { do: 'hang', on: 'files.get' },
  ] as const) {
    bench.fake.fault(fault);
    const before = bench.fake.count(fault.on);
    const put = remote.put(fault.on === 'files.get' ? 'a' : 'b', utf8('a'));
    await bench.fake.until(() => bench.fake.count(fault.on) > before);
    clock.advance(59_000);
    clock.advance(1000);
    await t.throwsAsync(put, { code: 'E_UNREACHABLE', message: /silent for 60 s/ });
  }
});

/* Listing */

test('a list is one request to the feed of changes, shared by lists at the same time, and nothing is asked in between', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('index/a', utf8('a'));
  await keysOf(bench.remote);
  bench.fake.clearLog();
  const clock = manualClock();
  const remote = bench.open({ clock });
  await Promise.all([keysOf(remote, 'index'), keysOf(remote, 'snapshots'), remote.stat('config')]);
  t.deepEqual(requests(bench), ['changes.list']);
  clock.advance(999);
  await keysOf(remote);
  t.deepEqual(requests(bench), ['changes.list']);
  clock.advance(1);
  await keysOf(remote);
  t.deepEqual(requests(bench), ['changes.list', 'changes.list']);
});

test('what was written just now is looked for beyond any shared look', async t => {
  const bench = await driveBench(t);
  const clock = manualClock();
  const one = bench.open({ clock });
  const other = bench.open({ clock, objects: memoryObjects() });
  await keysOf(other);
  await one.put('locks/one', utf8('1'));
  await other.put('locks/other', utf8('2'));
  t.deepEqual(await keysOf(one, 'locks'), ['locks/one', 'locks/other']);
  t.deepEqual(await keysOf(other, 'locks'), ['locks/one', 'locks/other']);
});

for (const listLagOn of ['all', 'names'] as const) {
  test(`lists that lag (${listLagOn}) hide nothing of ours and bring nothing back`, async t => {
    const bench = await driveBench(t, { settings: { listLagMs: 3_600_000, listLagOn } });
    const { remote, fake } = bench;
    await remote.put('data/aa/1', utf8('1'));
    await remote.put('data/aa/2', utf8('2'));
    t.deepEqual(await keysOf(remote), ['data/aa/1', 'data/aa/2']);
    await remote.remove('data/aa/1');
    t.deepEqual(await keysOf(remote), ['data/aa/2']);
    const restarted = bench.open();
    t.deepEqual(await keysOf(restarted), ['data/aa/2']);
    bench.objects.setNote('position', undefined); // a feed that cannot be followed: all is listed, and the list shows nothing yet
    t.deepEqual(await keysOf(bench.open()), ['data/aa/2']);
    await restarted.put('data/aa/3', utf8('3'));
    fake.set({ listLagMs: 0 });
    bench.objects.setNote('position', undefined);
    t.deepEqual(await keysOf(bench.open()), ['data/aa/2', 'data/aa/3']);
    t.is(fake.files().filter(({ isFolder }) => isFolder).length, 3);
  });
}

test('another computer sees what was stored, follows what changes, and tells the hash of each object', async t => {
  const bench = await driveBench(t);
  const { key, bytes } = pack(1000);
  await bench.remote.put(key, bytes);
  const objects = memoryObjects();
  const other = bench.open({ objects });
  t.deepEqual(await other.stat(key), { key, sizeBytes: 1000, sha256: hashOf(bytes) });
  t.true(bytes.equals(await other.get(key, { maxBytes })));
  await bench.remote.put('index/new', utf8('new'));
  await bench.remote.remove(key);
  t.deepEqual(await keysOf(bench.open({ objects })), ['index/new']);
  await other.put('signet/heads/d/1', utf8('head'));
  t.deepEqual(await keysOf(bench.remote), ['index/new', 'signet/heads/d/1']);
  t.deepEqual(bench.fake.violations, []);
});

test('pages may be short or empty, and none is left out', async t => {
  const bench = await driveBench(t, { settings: { shortPages: true } });
  const root = bench.options.connection.folderId ?? '';
  const index = bench.fake.seedFolder('index', { parent: root });
  for (let i = 0; i < 1200; i++) bench.fake.seedFile(String(i).padStart(4, '0'), utf8('x'), { parent: index });
  t.is((await keysOf(bench.remote, 'index')).length, 1200);
  for (let i = 1200; i < 2400; i++) bench.fake.seedFile(String(i).padStart(4, '0'), utf8('x'), { parent: index });
  t.is((await keysOf(bench.open(), 'index')).length, 2400, 'by the feed');
  t.deepEqual(bench.fake.violations, []);
});

test('what is not ours is not listed and not touched', async t => {
  const bench = await driveBench(t);
  const parent = bench.options.connection.folderId ?? '';
  bench.fake.seedFile('Größe.txt', utf8('x'), { parent });
  bench.fake.seedFile('a/b', utf8('x'), { parent });
  bench.fake.seedFile('note', utf8('x'));
  await bench.remote.put('config', utf8('c'));
  t.deepEqual(await keysOf(bench.remote), ['config']);
  t.deepEqual(bench.fake.paths(), ['Signet/Größe.txt', 'Signet/a/b', 'Signet/config', 'note'].sort());
});

test('a position in the feed that Google does not know any more is replaced by a whole listing', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  await keysOf(bench.remote);
  bench.objects.setNote('position', '999999');
  t.deepEqual(await keysOf(bench.open()), ['config']);
  t.not(bench.objects.note('position'), '999999');
});

test('all is listed again ten minutes after the first time, then once a week', async t => {
  const bench = await driveBench(t);
  const clock = manualClock();
  const remote = bench.open({ clock });
  const listings = async (): Promise<number> => {
    bench.fake.clearLog();
    await keysOf(remote);
    return bench.fake.count('files.list');
  };
  await remote.put('index/a', utf8('a'));
  t.is(await listings(), 0, 'it was listed for the folder');
  clock.jumpTo(clock.now() + 9 * 60_000);
  t.is(await listings(), 0);
  clock.jumpTo(clock.now() + 60_000);
  t.not(await listings(), 0);
  clock.jumpTo(clock.now() + 7 * 86_400_000 - 1);
  clock.advance(0);
  t.is(await listings(), 0);
  clock.jumpTo(clock.now() + 1);
  t.not(await listings(), 0);
  clock.jumpTo(clock.now() - 30 * 86_400_000);
  t.not(await listings(), 0, 'a clock that was wrong postpones nothing');
});

/* Duplicates */

test('two folders of one name become one, the same for every computer, and nothing in them is lost', async t => {
  const bench = await driveBench(t);
  const { fake } = bench;
  const clock = manualClock();
  const remote = bench.open({ clock });
  const root = bench.options.connection.folderId ?? '';
  const packs = [pack(100), pack(200), pack(300)];
  for (const { key, bytes } of packs) await remote.put(key, bytes);
  const older = fake.seedFolder('data', { parent: root, createdTime: '2020-01-01T00:00:00.000Z' });
  const theirs = pack(400);
  const inner = fake.seedFolder(theirs.key.slice(5, 7), { parent: older });
  fake.seedFile(theirs.key.slice(8), theirs.bytes, { parent: inner });
  const same = fake.seedFolder(packs[0]?.key.slice(5, 7) ?? '', { parent: older });
  fake.seedFile('x', utf8('x'), { parent: same });
  const expected = [...packs, theirs]
    .map(({ key }) => key)
    .concat(`${packs[0]?.key.slice(0, 8)}x`)
    .sort();
  t.deepEqual(await keysOf(remote), expected);
  const other = bench.open({ clock, objects: memoryObjects() });
  t.deepEqual(await keysOf(other), expected);
  t.true(
    fake.files().every(({ isTrashed }) => !isTrashed),
    'what a list shows as empty may not be so yet',
  );
  clock.advance(10 * 60_000);
  t.deepEqual(await keysOf(remote), expected);
  t.deepEqual(await keysOf(other), expected);
  t.deepEqual(
    fake.paths(),
    expected.map(key => `Signet/${key}`),
  );
  const live = fake
    .files()
    .filter(file => !file.isTrashed && file.isFolder)
    .map(({ path }) => path);
  t.is(new Set(live).size, live.length, 'no path occurs twice');
  t.true(
    fake.files().some(({ id, isTrashed }) => id === older && !isTrashed),
    'the oldest stays',
  );
  for (const { key, bytes } of [...packs, theirs]) t.true(bytes.equals(await remote.get(key, { maxBytes })), key);
  await remote.put('data/ff/new', utf8('new'));
  t.true(fake.paths().includes('Signet/data/ff/new'));
});

test('what lies in a folder that another computer took for empty is taken out of the trash by whoever put it there', async t => {
  const bench = await driveBench(t);
  const { fake, remote } = bench;
  const { key, bytes } = pack(100);
  await remote.put(key, bytes);
  await remote.put('data/zz/old', utf8('old'));
  const inner = bench.objects.get(key.slice(0, 8))?.id ?? '';
  const parent = bench.objects.get('data/')?.id ?? '';
  fake.seedFolder(key.slice(5, 7), { parent, createdTime: '2020-01-01T00:00:00.000Z' });
  fake.patchFile(inner, { trashed: true });
  fake.patchFile(bench.objects.get('data/zz/old')?.id ?? '', { trashed: true });
  t.deepEqual(await keysOf(bench.open()), [key]);
  assertStored(t, bench, key, bytes);
  t.true(bytes.equals(await bench.open().get(key, { maxBytes })));
});

test('of several files of one name the right one is read, equal copies go to the trash and others stay', async t => {
  const bench = await driveBench(t);
  const { fake, remote } = bench;
  const { key, bytes } = pack(5000);
  await remote.put(key, bytes);
  const parent = fake.files().find(({ path }) => path === `Signet/${key}`)?.parent ?? '';
  const name = key.slice(8);
  const old = { parent, createdTime: '2020-01-01T00:00:00.000Z' };
  const cut = fake.seedFile(name, bytes.subarray(0, 1000), old);
  const equal = fake.seedFile(name, bytes, { parent });
  for (const each of [remote, bench.open({ objects: memoryObjects() })]) {
    t.deepEqual(await keysOf(each), [key]);
    t.is((await each.stat(key))?.sizeBytes, 5000);
    t.true(bytes.equals(await each.get(key, { maxBytes })));
  }
  const stays = fake.files().filter(file => file.path === `Signet/${key}` && !file.isTrashed);
  t.is(stays.length, 2);
  t.true(
    stays.some(({ id }) => id === cut),
    'what differs is not touched',
  );
  t.true(
    stays.every(({ id, sha256 }) => id === cut || sha256 === hashOf(bytes)),
    equal,
  );
});

/* The wire */

test('bytes go both ways at the pace of the caller, and waiting for it is no silence', async t => {
  const clock = manualClock();
  const bench = await driveBench(t);
  const remote = bench.open({ clock });
  const bytes = randomBytes(6 * mebibyte);
  const paced = () => {
    const pieces: number[] = [];
    const pace = async (count: number): Promise<void> => {
      if (pieces.length === 1) clock.advance(10 * 60_000);
      pieces.push(count);
    };
    return { pieces, pace };
  };
  const up = paced();
  await remote.put('large', bytes, { pace: up.pace });
  const down = paced();
  t.true(bytes.equals(await remote.get('large', { maxBytes, pace: down.pace })));
  for (const { pieces } of [up, down]) {
    const sum = pieces.reduce((total, count) => total + count, 0);
    t.true(sum >= bytes.length && sum < bytes.length + 5000, `${sum}`);
    t.true(Math.max(...pieces) <= 256 * 1024);
  }
});

test('an upload that is cancelled stops, and goes on where it was', async t => {
  const bench = await driveBench(t);
  const { key, bytes, body } = await packFile(t, 8 * mebibyte);
  const stop = new AbortController();
  let sent = 0;
  const pace = async (count: number): Promise<void> => {
    sent += count;
    if (sent > 4 * mebibyte) stop.abort();
  };
  await t.throwsAsync(bench.remote.put(key, body, { signal: stop.signal, pace }), { name: 'AbortError' });
  t.deepEqual(await keysOf(bench.remote), []);
  await bench.remote.put(key, body);
  assertStored(t, bench, key, bytes);
  t.true(bench.fake.bytesUp() < 2 * bytes.length);
});

test('one who stops waiting for a look does not stop it for another', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('index/a', utf8('a'));
  const remote = bench.open();
  const stop = new AbortController();
  const one = remote.stat('index/a', { signal: stop.signal });
  const other = remote.stat('index/a');
  stop.abort();
  await t.throwsAsync(one, { name: 'AbortError' });
  t.is((await other)?.sizeBytes, 1);
  t.is((await remote.stat('index/a'))?.sizeBytes, 1);
});

test('a computer without network is told so, once for each call', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  await bench.fake.close();
  for (const call of [
    () => bench.remote.put('x', utf8('x')),
    () => bench.remote.get('config', { maxBytes }),
    () => keysOf(bench.remote),
    () => bench.remote.about(),
  ]) {
    const before = bench.remote.requests();
    const error = await t.throwsAsync<SignetError>(call(), { code: 'E_UNREACHABLE' });
    t.true(error?.retryable);
    t.is(error?.params['retryAfterMs'], undefined);
    t.is(bench.remote.requests(), before + 1);
  }
});

test('a proxy of the environment is used', async t => {
  const bench = await driveBench(t);
  const asked: string[] = [];
  const proxy = createServer(async (request, response) => {
    asked.push(new URL(request.url ?? '').pathname);
    const { method = 'GET', headers } = request;
    const to = httpRequest(new URL(request.url ?? ''), { method, headers }, from => {
      response.writeHead(from.statusCode ?? 500, from.headers);
      from.pipe(response);
    });
    request.pipe(to);
  });
  await new Promise<void>(listening => proxy.listen(0, '127.0.0.1', listening));
  t.teardown(() => void proxy.close().closeAllConnections());
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const remote = bench.open({ proxies: { http_proxy: `http://127.0.0.1:${port}` } });
  await remote.put('config', utf8('c'));
  t.is(Buffer.from(await remote.get('config', { maxBytes })).toString(), 'c');
  t.true(asked.includes('/upload/drive/v3/files'));
});

/* Downloads */

for (const [name, faults] of [
  ['breaks off', [{ do: 'resetMidDownload', share: 0.4 }]],
  ['breaks off three times', [{ do: 'resetMidDownload', share: 0.4, times: 3 }]],
  ['ends early without saying so', [{ do: 'truncateDownload', isHonest: false, share: 0.3 }]],
  ['has a flipped bit', [{ do: 'corruptDownload' }]],
] as const satisfies readonly (readonly [string, readonly Fault[]])[]) {
  test(`a download that ${name} is right in the end`, async t => {
    const bench = await driveBench(t);
    const { key, bytes } = pack(3 * mebibyte);
    await bench.remote.put(key, bytes);
    bench.fake.clearLog();
    bench.fake.fault(...faults);
    t.true(bytes.equals(await bench.remote.get(key, { maxBytes })));
    t.is(bench.fake.faultsLeft(), 0);
    const first = bench.fake.log.filter(({ type }) => type === 'files.download')[1];
    if (name.startsWith('breaks')) t.regex(first?.range ?? '', /^bytes=[1-9]/, 'it goes on with the last good byte');
  });
}

test('a download that never brings more is given up, and one that is wrong each time is named', async t => {
  const bench = await driveBench(t);
  const { key, bytes } = pack(3000);
  await bench.remote.put(key, bytes);
  bench.fake.clearLog();
  bench.fake.fault({ do: 'truncateDownload', isHonest: true, share: 0, times: 'always' });
  await t.throwsAsync(bench.remote.get(key, { maxBytes }), { code: 'E_UNREACHABLE' });
  t.true(bench.fake.count('files.download') <= 4);
  bench.fake.clearFaults();
  bench.fake.fault({ do: 'corruptDownload', times: 'always' });
  await t.throwsAsync(bench.remote.get(key, { maxBytes }), { code: 'E_OBJECT_ID' });
});

test('what Google takes for malware is downloaded all the same', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('sealed'));
  bench.fake.patchFile(bench.objects.get('config')?.id ?? '', { isAbusive: true });
  t.is(Buffer.from(await bench.remote.get('config', { maxBytes })).toString(), 'sealed');
});

/* What others do to the files */

test('a file that is gone, in the trash or forgotten by Google is missing, and only that one', async t => {
  const bench = await driveBench(t);
  const keys = ['deleted', 'forgotten', 'stays', 'trashed'];
  for (const key of keys) await bench.remote.put(key, utf8(key));
  const id = (key: string): string => bench.objects.get(key)?.id ?? '';
  await keysOf(bench.remote);
  bench.fake.deleteFile(id('deleted'));
  bench.fake.patchFile(id('forgotten'), { project: null });
  bench.fake.patchFile(id('trashed'), { trashed: true });
  await t.throwsAsync(bench.remote.get('deleted', { maxBytes }), { code: 'E_MISSING' });
  await t.throwsAsync(bench.remote.get('forgotten', { maxBytes }), { code: 'E_MISSING' });
  t.deepEqual(await keysOf(bench.open()), ['stays']);
  bench.objects.setNote('position', undefined);
  t.deepEqual(await keysOf(bench.open()), ['stays']);
  await bench.open().put('forgotten', utf8('forgotten'));
  t.deepEqual(await keysOf(bench.open()), ['forgotten', 'stays']);
});

test('bytes that were changed in the cloud are told with the hash they have now', async t => {
  const bench = await driveBench(t);
  const { key, bytes } = pack(1000);
  await bench.remote.put(key, bytes);
  bench.fake.corrupt(bench.objects.get(key)?.id ?? '', { rehash: true });
  const entry = await bench.open({ objects: memoryObjects() }).stat(key);
  t.not(entry?.sha256, hashOf(bytes));
  t.is(typeof entry?.sha256, 'string');
});

test('a folder that its owner renamed or moved is found by its id', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  const id = bench.options.connection.folderId ?? '';
  bench.fake.patchFile(id, { name: 'My chats', parent: bench.fake.seedFolder('Backups', { project: null }) });
  t.deepEqual(await keysOf(bench.open()), ['config']);
  await bench.open().put('index/a', utf8('a'));
  t.true(bench.fake.paths().includes('Backups/My chats/index/a'));
});

test('a folder in the trash is no empty place: it is told, nothing is made, and out of the trash all is well', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  const id = bench.options.connection.folderId ?? '';
  bench.fake.patchFile(id, { trashed: true });
  const before = bench.fake.files().length;
  for (const remote of [bench.open(), bench.open({ objects: memoryObjects() }), bench.open()]) {
    const thrown = await t.throwsAsync<SignetError>(keysOf(remote), { code: 'E_REMOTE_DENIED' });
    t.is(thrown?.params['reason'], 'trashed');
    await t.throwsAsync(remote.put('index/a', utf8('a')), { code: 'E_REMOTE_DENIED' });
  }
  await t.throwsAsync(prepareDriveFolder(bench.options), { code: 'E_REMOTE_DENIED' });
  t.is(bench.fake.files().length, before);
  bench.fake.patchFile(id, { trashed: false });
  t.deepEqual(await keysOf(bench.open()), ['config']);
});

test('a folder that is gone is told as gone', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('config', utf8('c'));
  bench.fake.uninstallApp({ forget: true });
  const options = { ...bench.options, ...driveOptions(bench.fake, bench.objects) };
  const connection = { ...options.connection, folderId: bench.options.connection.folderId };
  const thrown = await t.throwsAsync<SignetError>(keysOf(bench.open({ ...options, connection })), {
    code: 'E_REMOTE_DENIED',
  });
  t.is(thrown?.params['reason'], 'gone');
});

test('a folder inside that went to the trash takes its objects along, and the next one is made anew', async t => {
  const bench = await driveBench(t);
  for (const key of ['index/a', 'data/aa/1', 'data/bb/2']) await bench.remote.put(key, utf8(key));
  bench.fake.patchFile(bench.objects.get('data/')?.id ?? '', { trashed: true });
  t.deepEqual(await keysOf(bench.open()), ['index/a']);
  await bench.open().put('data/aa/3', utf8('3'));
  t.deepEqual(await keysOf(bench.open()), ['data/aa/3', 'index/a']);
});

test('an object put into a folder that just went to the trash is not taken for stored', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('data/aa/1', utf8('1'));
  bench.fake.patchFile(bench.objects.get('data/')?.id ?? '', { trashed: true });
  await t.throwsAsync(bench.remote.put('data/aa/2', utf8('2')), { code: 'E_UNREACHABLE' });
  await bench.remote.put('data/aa/2', utf8('2'));
  t.deepEqual(await keysOf(bench.remote), ['data/aa/2']);
  t.true(bench.fake.paths().includes('Signet/data/aa/2'));
});

test('a file that went to the trash before its answer came is made once more, though the feed is late', async t => {
  const bench = await driveBench(t, { settings: { changesLagMs: 3_600_000 } });
  const { key, bytes } = pack(100);
  bench.fake.fault({ do: 'dropResponse', on: 'files.create.multipart' });
  await t.throwsAsync(bench.remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  bench.fake.patchFile(bench.objects.get(key)?.id ?? '', { trashed: true });
  await t.throwsAsync(bench.remote.put(key, bytes), { code: 'E_UNREACHABLE' });
  await bench.remote.put(key, bytes);
  assertStored(t, bench, key, bytes);
});

/* The account and its folder */

test('the account and its quota are told as numbers', async t => {
  const bench = await driveBench(t, { settings: { usedElsewhere: 1000 } });
  await bench.remote.put('config', utf8('1234'));
  const facts = await bench.remote.about();
  t.deepEqual(facts.quota, { limit: 15 * 1024 ** 3, used: 1004, inTrash: 0 });
  t.is(facts.account, 'anna@example.org');
  t.is(facts.folderId, bench.options.connection.folderId ?? '');
  bench.fake.set({ quotaLimit: null });
  t.is((await bench.remote.about()).quota?.limit, null);
});

test('another account is refused', async t => {
  const bench = await driveBench(t);
  const connection = { ...bench.options.connection, accountId: '42' };
  const thrown = await t.throwsAsync<SignetError>(bench.open({ connection }).about(), { code: 'E_REMOTE_DENIED' });
  t.is(thrown?.params['reason'], 'other-account');
});

test('every request but those of the sign-in is counted, failed ones as well', async t => {
  const bench = await driveBench(t);
  bench.fake.fault({ do: 'error', on: 'changes.startPageToken', error: '503' });
  await t.throwsAsync(keysOf(bench.remote));
  await bench.remote.put('data/aa/1', utf8('1'));
  await bench.remote.get('data/aa/1', { maxBytes });
  await keysOf(bench.remote);
  t.is(bench.remote.requests(), requests(bench).length);
});

test('the folder is made once, found again after a crash, a reinstall and a new name, and told apart from others', async t => {
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  const options = driveOptions(fake, memoryObjects());
  fake.fault({ do: 'dropResponse', on: 'files.create.folder' });
  fake.set({ listLagMs: 3_600_000 });
  await t.throwsAsync(prepareDriveFolder(options), { code: 'E_UNREACHABLE' });
  const saved: (string | null)[] = [];
  const made = await prepareDriveFolder({
    ...options,
    saveConnection: async ({ folderId }) => void saved.push(folderId),
  });
  t.deepEqual(saved, [made.folderId]);
  fake.set({ listLagMs: 0 });
  const anew = driveOptions(fake, memoryObjects());
  t.is((await prepareDriveFolder(anew)).folderId, made.folderId);
  fake.patchFile(made.folderId ?? '', { name: 'Renamed' });
  t.is((await prepareDriveFolder(anew)).folderId, made.folderId);
  t.not((await prepareDriveFolder({ ...anew, folder: 'signet' })).folderId, made.folderId);
  t.is(fake.files().length, 2);
});

test('a folder inside the copies is never taken for the place of others', async t => {
  const bench = await driveBench(t);
  await bench.remote.put('data/aa/1', utf8('1'));
  const connection = { ...bench.options.connection, folderId: null };
  const made = await prepareDriveFolder({ ...bench.options, connection, folder: 'data' });
  t.deepEqual(
    bench.fake
      .files()
      .filter(({ id }) => id === made.folderId)
      .map(({ path }) => path),
    ['data'],
  );
  const byHand = bench.fake.seedFolder('Restored');
  t.is((await prepareDriveFolder({ ...bench.options, connection, folder: 'Restored' })).folderId, byHand);
});

test('a very long name of the folder is taken', async t => {
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  const folder = `It's "ours" \\ ${'ü'.repeat(150)}`;
  const made = await prepareDriveFolder({ ...driveOptions(fake, memoryObjects()), folder });
  t.is((await prepareDriveFolder({ ...driveOptions(fake, memoryObjects()), folder })).folderId, made.folderId);
});

test('without a folder nothing is made and nothing is empty', async t => {
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  const bench = await driveBench(t);
  const connection = { ...bench.options.connection, folderId: null };
  t.deepEqual(await keysOf(bench.open({ connection, objects: memoryObjects() })), [], 'found by its name');
  const nowhere = bench.open({ connection, objects: memoryObjects(), folder: 'Elsewhere' });
  await t.throwsAsync(keysOf(nowhere), { code: 'E_REMOTE_DENIED' });
  await t.throwsAsync(nowhere.put('config', utf8('c')), { code: 'E_REMOTE_DENIED' });
});
