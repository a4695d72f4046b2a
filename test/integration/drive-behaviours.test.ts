// What Google Drive does to those who keep backups in it, one test each, against the real remote: what is stored afterwards, how many requests
// that took, and what went over the wire. Waits cost no time here (hasty-clock.ts).

import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { patience } from '../../daemon/remotes/retrying.ts';
import { remoteContract } from '../contracts/remote.ts';
import type { Fault, LoggedRequest } from '../support/drive-fake/drive-fake.ts';
import { type Device, type DriveKit, driveKit, folderName, keysOf } from '../support/drive-kit.ts';
import { temporaryFolder } from '../support/repository.ts';

interface Context {
  /** What is looked at when the test is over. */
  kit?: DriveKit;
}

const test = anyTest as TestFn<Context>;
const maxBytes = 64 * 1024 * 1024;
const mebi = 1024 * 1024;
/** Goes in one request. */
const small = 100_000;
/** Goes in a resumable upload. */
const large = 6 * mebi + 12_345;

remoteContract('drive', async t => (await (await driveKit(t)).device()).remote);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const packKey = (bytes: Uint8Array): string => `data/${sha256(bytes).slice(0, 2)}/${sha256(bytes)}`;
const requests = (kit: DriveKit, type: string): readonly LoggedRequest[] =>
  kit.fake.log.filter(entry => entry.type === type);

/** Puts a pack, and asserts that it is there once and whole, with nothing beside it. */
async function putsOnce(t: ExecutionContext, kit: DriveKit, device: Device, bytes: Uint8Array): Promise<string> {
  const key = packKey(bytes);
  await device.remote.put(key, bytes);
  assertOnly(t, kit, [[key, bytes]]);
  return key;
}

/** The account holds these objects, each once, in folders that are there once. */
function assertOnly(t: ExecutionContext, kit: DriveKit, objects: readonly (readonly [string, Uint8Array])[]): void {
  const folders = new Set([folderName]);
  for (const [key, bytes] of objects) {
    t.is(kit.single(key).sha256, sha256(bytes));
    for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) {
      folders.add(`${folderName}/${key.slice(0, at)}`);
    }
  }
  const untrashed = kit.fake.files().filter(file => !file.isTrashed);
  const expected = [...folders, ...objects.map(([key]) => `${folderName}/${key}`)];
  t.deepEqual(untrashed.map(({ path }) => path).sort(), expected.sort());
}

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SignetError> {
  const error = await t.throwsAsync(work, { instanceOf: SignetError });
  if (error === undefined) throw new Error('nothing was thrown');
  const whole = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
  t.notRegex(whole, /ya29\.|1\/\/0|GOCSPX|upload_id|ADPycd/, 'nothing secret is in the error, nor behind it');
  return error;
}

test.afterEach('the remote does nothing that the real service punishes later', t => {
  const { kit } = t.context;
  if (kit === undefined) return;
  t.deepEqual(kit.fake.violations, []);
  t.true(kit.fake.maxInFlight <= 4, `${kit.fake.maxInFlight} requests at a time`);
  t.is(kit.fake.faultsLeft(), 0, 'every fault of the test happened');
});

async function connected(t: ExecutionContext<Context>): Promise<{ kit: DriveKit; device: Device }> {
  const kit = await driveKit(t);
  const device = await kit.device();
  kit.fake.clearLog();
  t.context.kit = kit;
  return { kit, device };
}

// 1. An answer is lost after the work was done.

for (const times of [1, 2, 3]) {
  for (const [on, size] of [
    ['files.create.folder', small],
    ['files.create.multipart', small],
    ['upload.start', large],
  ] as const) {
    test(`an object is there once when ${times} answers of ${on} are lost`, async t => {
      const { kit, device } = await connected(t);
      kit.fake.fault({ do: 'dropResponse', on, times });
      await putsOnce(t, kit, device, randomBytes(size));
    });
  }
}

test('an object is there once when the answer to its last byte is lost, and so is what is asked then', async t => {
  const { kit, device } = await connected(t);
  kit.fake.fault({ do: 'dropResponse', on: 'upload.chunk' }, { do: 'dropResponse', on: 'upload.status', times: 2 });
  const bytes = randomBytes(large);
  await putsOnce(t, kit, device, bytes);
  t.true(kit.fake.bytesUp() < 1.1 * bytes.length);
});

test('ids whose answer is lost are drawn anew', async t => {
  const { kit, device } = await connected(t);
  device.table.setNote('ids', undefined);
  kit.fake.fault({ do: 'dropResponse', on: 'files.generateIds', times: 2 });
  await putsOnce(t, kit, device, randomBytes(small));
});

// 2. and 3. Uploads that break.

test('an upload that a restart interrupts goes on under the same id and where it stood', async t => {
  const { kit, device } = await connected(t);
  const path = join(await temporaryFolder(t), 'pack');
  const bytes = randomBytes(4 * large);
  await writeFile(path, bytes);
  const body = { path, sizeBytes: bytes.length };
  const key = packKey(bytes);
  const stop = new AbortController();
  const broken = t.throwsAsync(device.remote.put(key, body, { signal: stop.signal }));
  await kit.fake.until(() => kit.fake.bytesUp() > 2 * large);
  stop.abort();
  await broken;
  const id = device.table.get(key)?.id;
  await kit.fake.until(() => !kit.fake.isBusy());
  const again = await device.restarted();
  const before = kit.fake.log.length;
  await again.remote.put(key, body);
  const uploads = kit.fake.log.slice(before).filter(({ type }) => type.startsWith('upload.'));
  t.is(uploads[0]?.type, 'upload.status', 'it asks first how far it got');
  t.is(requests(kit, 'upload.start').length, 1);
  assertOnly(t, kit, [[key, bytes]]);
  t.is(kit.single(key).id, id ?? '');
  t.true(kit.fake.bytesUp() < 2 * bytes.length, `${kit.fake.bytesUp()} bytes for ${bytes.length}`);
});

for (const [what, faults] of [
  ['keeps half of what it gets', [{ do: 'partialAccept', share: 0.5, times: 3 }]],
  [
    'breaks off in the middle',
    [
      { do: 'resetMidUpload', share: 0.3 },
      { do: 'resetMidUpload', share: 0.7, skip: 1 },
    ],
  ],
  ['breaks off and keeps half', [{ do: 'resetMidUpload' }, { do: 'partialAccept', share: 0.4, skip: 1 }]],
  ['breaks off before anything came', [{ do: 'resetMidUpload', share: 0 }]],
] as const satisfies readonly (readonly [string, readonly Fault[]])[]) {
  test(`an upload goes on with the byte after the last one kept when the server ${what}`, async t => {
    const { kit, device } = await connected(t);
    kit.fake.fault(...faults);
    const bytes = randomBytes(large);
    await putsOnce(t, kit, device, bytes);
    t.is(requests(kit, 'upload.start').length, 1);
    t.true(kit.fake.bytesUp() < 3 * bytes.length);
  });
}

// 4. Sessions that are gone.

for (const on of ['upload.chunk', 'upload.status'] as const) {
  test(`a session that is lost at ${on} is begun anew under the same id`, async t => {
    const { kit, device } = await connected(t);
    if (on === 'upload.status') kit.fake.fault({ do: 'resetMidUpload' });
    kit.fake.fault({ do: 'sessionLost', skip: on === 'upload.status' ? 1 : 0 });
    const bytes = randomBytes(large);
    const key = await putsOnce(t, kit, device, bytes);
    t.is(requests(kit, 'upload.start').length, 2);
    t.is(device.table.get(key)?.id, kit.single(key).id);
    t.is(requests(kit, 'files.generateIds').length <= 1, true);
  });
}

test('a session that died within a week of silence is begun anew', async t => {
  const { kit, device } = await connected(t);
  kit.fake.fault({ do: 'resetMidUpload' }, { do: 'error', on: 'upload.status', error: 'daily' });
  const bytes = randomBytes(large);
  await t.throwsAsync(device.remote.put(packKey(bytes), bytes));
  kit.clock.pass(8 * 86_400_000);
  await putsOnce(t, kit, device, bytes);
  t.is(requests(kit, 'upload.start').length, 2);
});

// 5. Passing refusals.

for (const error of [
  'userRateLimitExceeded',
  'rateLimitExceeded',
  '403q',
  '429',
  '500',
  '502',
  '503',
  '504',
  '408',
] as const) {
  test(`${error} passes: everything is tried again, after growing waits`, async t => {
    const { kit, device } = await connected(t);
    const bytes = randomBytes(small);
    const key = packKey(bytes);
    kit.fake.fault({ do: 'error', on: 'files.create.multipart', error, times: 3 });
    await putsOnce(t, kit, device, bytes);
    t.is(requests(kit, 'files.create.multipart').length, 4);
    const starts = requests(kit, 'files.create.multipart').map(({ at }) => at);
    const gaps = starts.slice(1).map((at, i) => at - (starts[i] ?? 0));
    t.true((gaps[1] ?? 0) > (gaps[0] ?? 0) && (gaps[2] ?? 0) > (gaps[1] ?? 0), inspect(gaps));
    for (const on of ['files.download', 'changes.list', 'upload.start', 'upload.chunk', 'files.delete'] as const) {
      kit.fake.fault({ do: 'error', on, error });
    }
    t.is(sha256(await device.remote.get(key, { maxBytes })), sha256(bytes));
    await device.remote.put('data/aa/large', randomBytes(large));
    t.is((await device.remote.stat(key))?.sizeBytes, small);
    await device.remote.remove(key);
    t.deepEqual(await keysOf(device.remote), ['data/aa/large']);
  });
}

test('nobody asks before the time that Retry-After named is over', async t => {
  const { kit, device } = await connected(t);
  kit.fake.set({ retryAfterSec: 20 });
  kit.fake.fault({ do: 'error', on: 'files.create.multipart', error: '429', times: 2 });
  kit.fake.fault({ do: 'error', on: 'upload.chunk', error: '503' });
  const objects = Array.from({ length: 12 }, (_, i) => randomBytes(i < 2 ? large : small + i));
  await Promise.all([
    ...objects.map(bytes => device.remote.put(packKey(bytes), bytes)),
    keysOf(device.remote),
    device.remote.about(),
  ]);
  assertOnly(
    t,
    kit,
    objects.map(bytes => [packKey(bytes), bytes]),
  );
});

test('with 5 % of all requests failing every object arrives once, and no request is tried without end', async t => {
  const { kit, device } = await connected(t);
  kit.fake.set({ rates: { '*': 0.05 }, retryAfterSec: 2 });
  const objects = Array.from({ length: 40 }, (_, i) => randomBytes(1000 + i));
  await Promise.all(objects.map(bytes => device.remote.put(packKey(bytes), bytes)));
  kit.fake.clearFaults();
  assertOnly(
    t,
    kit,
    objects.map(bytes => [packKey(bytes), bytes]),
  );
  t.true(kit.fake.log.length < 40 * 5, `${kit.fake.log.length} requests`);
});

// 6. Refusals that stay.

for (const [error, code, reason] of [
  ['quota', 'E_REMOTE_FULL', undefined],
  ['daily', 'E_REMOTE_LIMIT', undefined],
  ['insufficientPermissions', 'E_REMOTE_DENIED', 'scope'],
  ['accessNotConfigured', 'E_REMOTE_DENIED', 'api-off'],
  ['insufficientFilePermissions', 'E_REMOTE_DENIED', 'permission'],
] as const) {
  test(`${error} is not asked for again, and what was to be stored can be stored later`, async t => {
    const { kit, device } = await connected(t);
    const bytes = randomBytes(small);
    kit.fake.fault({ do: 'error', on: 'files.create.multipart', error, times: 1 });
    const { code: found, params } = await failure(t, device.remote.put(packKey(bytes), bytes));
    t.is(found, code);
    t.is(params['reason'], reason);
    if (code === 'E_REMOTE_LIMIT') t.true(Date.parse(String(params['until'])) > kit.clock.now());
    t.true(requests(kit, 'files.create.multipart').length <= 2);
    await putsOnce(t, kit, device, bytes);
  });
}

test('750 GB in a day, which Google calls a rate like any other, ends as a limit that names a time', async t => {
  const { kit, device } = await connected(t);
  kit.fake.fault({ do: 'error', on: 'upload.start', error: 'uploadLimit', times: 'always' });
  const bytes = randomBytes(large);
  const { code, params } = await failure(t, device.remote.put(packKey(bytes), bytes));
  t.is(code, 'E_REMOTE_LIMIT');
  t.true(Date.parse(String(params['until'])) > kit.clock.now());
  const tries = requests(kit, 'upload.start').length;
  t.true(tries < 15, `${tries} tries`);
  kit.fake.clearFaults();
  await putsOnce(t, kit, device, bytes);
});

// 8. and 9. Tokens.

test('a token that lives two seconds is renewed once for all who need it', async t => {
  const { kit, device } = await connected(t);
  kit.fake.set({ tokenTtlSec: 2 });
  kit.fake.expireAccessTokens();
  const objects = Array.from({ length: 30 }, (_, i) => randomBytes(2000 + i));
  await Promise.all(objects.map(bytes => device.remote.put(packKey(bytes), bytes)));
  assertOnly(
    t,
    kit,
    objects.map(bytes => [packKey(bytes), bytes]),
  );
  const tokens = requests(kit, 'oauth.token');
  t.true(tokens.length > 2);
  const tooEarly = tokens.filter(({ at }, i) => i > 1 && at - (tokens[i - 1]?.at ?? 0) < 1000);
  t.deepEqual(tooEarly, [], 'one for each expiry');
});

test('a token that ends before its time costs one more, also in the middle of an upload', async t => {
  const { kit, device } = await connected(t);
  const bytes = randomBytes(large);
  kit.fake.fault({ do: 'error', on: 'upload.chunk', error: '401' });
  await putsOnce(t, kit, device, bytes);
  t.is(requests(kit, 'oauth.token').length, 1);
  kit.fake.expireAccessTokens();
  const all = await Promise.all(
    Array.from({ length: 4 }, () => device.remote.get(packKey(bytes), { maxBytes, offset: 5, length: 10 })),
  );
  t.is(new Set(all.map(part => Buffer.from(part).toString('hex'))).size, 1);
  t.is(requests(kit, 'oauth.token').length, 2);
});

test('an ended grant says so at once, and is asked for no more', async t => {
  const { kit, device } = await connected(t);
  const bytes = randomBytes(small);
  await device.remote.put(packKey(bytes), bytes);
  kit.fake.revokeRefreshTokens();
  kit.fake.expireAccessTokens();
  kit.fake.clearLog();
  for (let i = 0; i < 5; i++) {
    t.is((await failure(t, device.remote.get(packKey(bytes), { maxBytes }))).code, 'E_SIGN_IN');
    t.is((await failure(t, device.remote.put('index/x', utf8('x')))).code, 'E_SIGN_IN');
  }
  t.true(kit.fake.count('oauth.token') <= 2);
  t.true(kit.fake.log.length <= 4, `${kit.fake.log.length} requests`);
  assertOnly(t, kit, [[packKey(bytes), bytes]]);
});

test('a refresh token that dies with the week of a project in testing is an ended grant', async t => {
  const kit = await driveKit(t, {});
  kit.fake.set({ refreshTtlSec: 1 });
  const device = await kit.device();
  kit.fake.expireAccessTokens();
  kit.clock.pass(5000);
  t.is((await failure(t, device.remote.put('config', utf8('x')))).code, 'E_SIGN_IN');
});

// 10. Lists that lag.

for (const listLagOn of ['all', 'names'] as const) {
  test(`what was just stored is there, once, though lists of ${listLagOn} are late`, async t => {
    const { kit, device } = await connected(t);
    kit.fake.set({ listLagMs: 5000, listLagOn });
    const bytes = randomBytes(small);
    const key = packKey(bytes);
    await device.remote.put(key, bytes);
    t.deepEqual(await keysOf(device.remote), [key]);
    const again = await device.restarted();
    await again.remote.put(key, bytes);
    await again.remote.put('index/one', utf8('one'));
    t.deepEqual(await keysOf(again.remote), [key, 'index/one']);
    await again.remote.remove('index/one');
    t.deepEqual(await keysOf(again.remote), [key]);
    t.is(await again.remote.stat('index/one'), undefined);
    assertOnlyFiles(t, kit, [key]);
    kit.clock.pass(20_000);
    t.deepEqual(await keysOf(again.remote), [key]);
  });
}

function assertOnlyFiles(t: ExecutionContext, kit: DriveKit, keys: readonly string[]): void {
  t.deepEqual(kit.fake.paths(), keys.map(key => `${folderName}/${key}`).sort());
}

test('what another computer stored is found as soon as lists tell of it', async t => {
  const { kit, device } = await connected(t);
  const other = await kit.device();
  kit.fake.set({ listLagMs: 5000 });
  await device.remote.put('snapshots/a', utf8('a'));
  kit.clock.pass(6000);
  t.deepEqual(await keysOf(other.remote), ['snapshots/a']);
  await other.remote.put('snapshots/b', utf8('b'));
  await other.remote.remove('snapshots/a');
  kit.clock.pass(6000);
  t.deepEqual(await keysOf(device.remote), ['snapshots/b']);
});

test('two computers that begin at once end with one folder of each name', async t => {
  const { kit, device } = await connected(t);
  const other = await kit.device();
  kit.fake.set({ listLagMs: 5000 });
  const [one, two] = [randomBytes(small), randomBytes(small)];
  await Promise.all([
    device.remote.put(packKey(one), one),
    other.remote.put(packKey(two), two),
    device.remote.put('data/00/one', one),
    other.remote.put('data/00/two', two),
  ]);
  // Lists that are late hide from each look what the one before it did.
  for (let round = 0; round < 4; round++) {
    kit.clock.pass(3_600_000);
    await keysOf(device.remote);
    await keysOf(other.remote);
  }
  const expected = [packKey(one), packKey(two), 'data/00/one', 'data/00/two'].sort();
  t.deepEqual(await keysOf(other.remote), expected);
  t.deepEqual(await keysOf(device.remote), expected);
  const folders = kit.fake.files().filter(file => file.isFolder && !file.isTrashed);
  t.is(new Set(folders.map(({ path }) => path)).size, folders.length, inspect(folders.map(({ path }) => path)));
});

// 11. Duplicates.

async function withDuplicates(kit: DriveKit, device: Device) {
  const packs = Array.from({ length: 4 }, (_, i) => randomBytes(5000 + i));
  for (const bytes of packs) await device.remote.put(packKey(bytes), bytes);
  const root = kit.fake.files().find(({ path }) => path === folderName)?.id ?? '';
  const folderId = (key: string): string =>
    kit.fake.files().find(({ path, isTrashed }) => path === `${folderName}/${key}` && !isTrashed)?.id ?? '';
  // A second data folder, as a race makes it, that holds half of the packs; made later, so it loses.
  const second = kit.fake.seedFolder('data', { parent: root, createdTime: '2026-12-01T00:00:00Z' });
  for (const bytes of packs.slice(0, 2)) {
    const key = packKey(bytes);
    const inner = kit.fake.seedFolder(key.slice(5, 7), { parent: second, createdTime: '2026-12-01T00:00:00Z' });
    kit.fake.patchFile(kit.single(key).id, { parent: inner });
  }
  // An equal copy of the third, and a newer, shortened copy of the fourth.
  const [, , third = new Uint8Array(), fourth = new Uint8Array()] = packs;
  kit.fake.seedFile(sha256(third), third, { parent: folderId(packKey(third).slice(0, 7)) });
  kit.fake.seedFile(sha256(fourth), fourth.subarray(0, 999), {
    parent: folderId(packKey(fourth).slice(0, 7)),
    createdTime: '2026-12-01T00:00:00Z',
  });
  return packs;
}

test('folders and files that occur twice are put in order, and everything is read whole', async t => {
  const { kit, device } = await connected(t);
  const packs = await withDuplicates(kit, device);
  const other = await kit.device();
  t.deepEqual(await keysOf(other.remote), packs.map(packKey).sort());
  for (const bytes of packs) {
    t.is(sha256(await other.remote.get(packKey(bytes), { maxBytes })), sha256(bytes));
  }
  // Only then it is sure that what lists show as empty is empty.
  kit.clock.pass(10 * 60_000);
  t.deepEqual(await keysOf(other.remote), packs.map(packKey).sort());
  const folders = kit.fake
    .files()
    .filter(file => file.isFolder && !file.isTrashed)
    .map(({ path }) => path);
  t.is(new Set(folders).size, folders.length, inspect(folders));
  for (const bytes of packs.slice(0, 3)) t.is(kit.single(packKey(bytes)).sha256, sha256(bytes));
  t.deepEqual(await keysOf(device.remote), packs.map(packKey).sort());
  for (const bytes of packs) {
    t.is(sha256(await device.remote.get(packKey(bytes), { maxBytes })), sha256(bytes));
  }
});

test('two computers that put the same duplicates in order do not undo each other', async t => {
  const { kit, device } = await connected(t);
  const packs = await withDuplicates(kit, device);
  const [one, two] = [await kit.device(), await kit.device()];
  await Promise.all([keysOf(one.remote), keysOf(two.remote)]);
  kit.clock.pass(86_400_000);
  await keysOf(one.remote);
  await keysOf(two.remote);
  const third = await kit.device();
  t.deepEqual(await keysOf(third.remote), packs.map(packKey).sort());
  for (const bytes of packs) {
    t.is(sha256(await third.remote.get(packKey(bytes), { maxBytes })), sha256(bytes));
  }
  const folders = kit.fake
    .files()
    .filter(file => file.isFolder && !file.isTrashed)
    .map(({ path }) => path);
  t.is(new Set(folders).size, folders.length, inspect(folders));
});

// 12. Pages and masks.

test('thousands of files on short and empty pages are listed each once, by calls that name their fields', async t => {
  const { kit, device } = await connected(t);
  await device.remote.put('index/first', utf8('x'));
  const index = kit.fake.files().find(({ path }) => path === `${folderName}/index`)?.id ?? '';
  for (let i = 0; i < 2300; i++) {
    kit.fake.seedFile(sha256(utf8(`${i}`)), utf8(`${i}`), { parent: index });
  }
  kit.fake.set({ shortPages: true });
  const other = await kit.device();
  kit.fake.clearLog();
  t.is((await keysOf(other.remote)).length, 2301);
  const lists = requests(kit, 'files.list');
  t.true(lists.length > 3);
  t.true(lists.every(({ hadFields, q }) => hadFields && /trashed ?= ?false/.test(q ?? '')));
  t.true(kit.fake.log.filter(({ type }) => type.startsWith('files.')).every(({ hadFields }) => hadFields));
});

test('every call without content is made by the official client, and no content is', async t => {
  const kit = await driveKit(t);
  t.context.kit = kit;
  const device = await kit.device();
  const bytes = randomBytes(large);
  await device.remote.put(packKey(bytes), bytes);
  await device.remote.put('config', utf8('x'));
  await device.remote.get('config', { maxBytes });
  await keysOf(device.remote);
  await device.remote.remove('config');
  await device.remote.about();
  const other = await kit.device();
  await keysOf(other.remote);
  const metadata = [
    'about',
    'files.generateIds',
    'files.list',
    'files.create.folder',
    'files.delete',
    'changes.startPageToken',
    'changes.list',
  ];
  for (const type of metadata) t.true(requests(kit, type).length > 0, `${type} was asked for`);
  const foreign = kit.fake.log.filter(
    ({ type, userAgent }) => metadata.includes(type) && !/google-api-nodejs-client/.test(userAgent),
  );
  t.deepEqual([...new Set(foreign.map(({ type, userAgent }) => `${type} by ${userAgent}`))], []);
});

// 13. Downloads that lie or break.

for (const [what, fault] of [
  ['breaks off', { do: 'resetMidDownload', share: 0.4 }],
  ['comes short and says so', { do: 'truncateDownload', isHonest: true, share: 0.9 }],
  ['comes short and says it is whole', { do: 'truncateDownload', isHonest: false, share: 0.5 }],
  ['has another bit', { do: 'corruptDownload' }],
] as const satisfies readonly (readonly [string, Fault])[]) {
  test(`a download that ${what} once is read right`, async t => {
    const { kit, device } = await connected(t);
    const bytes = randomBytes(2 * mebi);
    await device.remote.put(packKey(bytes), bytes);
    kit.fake.clearLog();
    kit.fake.fault(fault);
    t.is(sha256(await device.remote.get(packKey(bytes), { maxBytes })), sha256(bytes));
    const [, second] = requests(kit, 'files.download');
    if (fault.do !== 'corruptDownload') t.regex(second?.range ?? '', /^bytes=[1-9]\d*-/, 'it goes on where it broke');
    t.true(kit.fake.bytesDown() < 2.5 * bytes.length);
  });

  test(`a download that ${what} each time ends as an error, and never as other bytes`, async t => {
    const { kit } = await connected(t);
    const device = await kit.device({ patienceMs: patience.personMs });
    const bytes = randomBytes(mebi);
    await device.remote.put(packKey(bytes), bytes);
    kit.fake.fault({ ...fault, share: 0, times: 'always' } as Fault);
    const { code } = await failure(t, device.remote.get(packKey(bytes), { maxBytes }));
    t.true(code === 'E_UNREACHABLE' || code === 'E_OBJECT_ID', code);
    kit.fake.clearFaults();
    t.is(sha256(await device.remote.get(packKey(bytes), { maxBytes })), sha256(bytes));
  });
}

test('a file that Google takes for malware is read all the same: it is ours, and sealed', async t => {
  const { kit, device } = await connected(t);
  const bytes = randomBytes(small);
  await device.remote.put(packKey(bytes), bytes);
  kit.fake.patchFile(kit.single(packKey(bytes)).id, { isAbusive: true });
  t.is(sha256(await device.remote.get(packKey(bytes), { maxBytes })), sha256(bytes));
});

// 14. What people and Google do to files that lie there.

async function withThree(t: ExecutionContext<Context>) {
  const { kit, device } = await connected(t);
  const objects = ['config', 'index/a', 'data/aa/b'].map(key => [key, utf8(`content of ${key}`)] as const);
  for (const [key, bytes] of objects) await device.remote.put(key, bytes);
  const root = kit.fake.files().find(({ path }) => path === folderName)?.id ?? '';
  return { kit, device, objects, root };
}

for (const [what, change] of [
  ['renamed', { name: 'Chats, old' }],
  ['moved', { parent: 'elsewhere' }],
] as const) {
  test(`a folder that its owner ${what} is the same place`, async t => {
    const { kit, device, root } = await withThree(t);
    const parent = kit.fake.seedFolder('Backups', { project: null });
    kit.fake.patchFile(root, 'parent' in change ? { parent } : change);
    const again = await device.restarted();
    t.is((await keysOf(again.remote)).length, 3);
    await again.remote.put('index/new', utf8('new'));
    t.is(kit.fake.files().filter(({ isFolder, parent: above }) => isFolder && above === root).length, 2);
    t.is(kit.fake.files().filter(({ appProperties }) => Object.keys(appProperties).length > 0).length, 1);
  });
}

for (const [what, spoil, reason] of [
  ['in the trash', (kit: DriveKit, root: string) => kit.fake.patchFile(root, { trashed: true }), 'trashed'],
  ['deleted', (kit: DriveKit, root: string) => kit.fake.deleteFile(root), 'gone'],
  ['no longer known as ours', (kit: DriveKit, root: string) => kit.fake.patchFile(root, { project: null }), 'gone'],
] as const) {
  test(`a folder that is ${what} is no empty place, and no other is made for it`, async t => {
    const { kit, device, root } = await withThree(t);
    spoil(kit, root);
    kit.clock.pass(60_000);
    const before = kit.fake.files().length;
    for (const ask of [
      () => keysOf(device.remote),
      () => device.remote.stat('config'),
      () => device.remote.put('index/new', utf8('new')),
    ]) {
      const { code, params } = await failure(t, ask());
      t.is(code, 'E_REMOTE_DENIED');
      t.is(params['reason'], reason);
    }
    t.like(await failure(t, device.restarted()), { code: 'E_REMOTE_DENIED' });
    t.is(kit.fake.files().length, before);
    if (reason !== 'trashed') return;
    kit.fake.patchFile(root, { trashed: false });
    kit.clock.pass(60_000);
    t.is((await keysOf(device.remote)).length, 3);
  });
}

for (const [what, spoil] of [
  ['deleted', (kit: DriveKit, id: string) => kit.fake.deleteFile(id)],
  ['put in the trash', (kit: DriveKit, id: string) => kit.fake.patchFile(id, { trashed: true })],
  ['renamed', (kit: DriveKit, id: string) => kit.fake.patchFile(id, { name: 'b (1)' })],
  ['moved away', (kit: DriveKit, id: string) => kit.fake.patchFile(id, { parent: 'root' })],
  ['forgotten by Google', (kit: DriveKit, id: string) => kit.fake.patchFile(id, { project: null })],
] as const) {
  test(`an object that was ${what} is missing, and can be stored again`, async t => {
    const { kit, device } = await withThree(t);
    spoil(kit, kit.single('data/aa/b').id);
    kit.clock.pass(60_000);
    t.false((await keysOf(device.remote)).includes('data/aa/b'));
    t.is((await failure(t, device.remote.get('data/aa/b', { maxBytes }))).code, 'E_MISSING');
    await device.remote.put('data/aa/b', utf8('content of data/aa/b'));
    t.true((await keysOf(device.remote)).includes('data/aa/b'));
    t.is(kit.single('data/aa/b').sizeBytes, 20);
    t.is(Buffer.from(await device.remote.get('data/aa/b', { maxBytes })).toString(), 'content of data/aa/b');
  });
}

test('an object that was put into the trash is stored again without a look before', async t => {
  const { kit, device } = await withThree(t);
  const { id } = kit.single('data/aa/b');
  kit.fake.patchFile(id, { trashed: true });
  await device.remote.put('data/aa/b', utf8('content of data/aa/b'));
  t.not(kit.single('data/aa/b').id, id);
});

test('a folder of packs in the trash is not written into', async t => {
  const { kit, device } = await withThree(t);
  const folder = kit.fake.files().find(({ path }) => path === `${folderName}/data/aa`)?.id ?? '';
  kit.fake.patchFile(folder, { trashed: true });
  await device.remote.put('data/aa/c', utf8('c'));
  t.is(kit.single('data/aa/c').sha256, sha256(utf8('c')));
  t.deepEqual(await keysOf(device.remote), ['config', 'data/aa/c', 'index/a']);
});

test('bytes that changed where they lie are told by the list, or refused when they are read', async t => {
  const { kit } = await withThree(t);
  kit.fake.corrupt(kit.single('index/a').id, { rehash: true });
  kit.fake.corrupt(kit.single('data/aa/b').id, { rehash: false });
  const other = await kit.device();
  const told = new Map<string, string | undefined>();
  for await (const { key, sha256: hash } of other.remote.list('')) told.set(key, hash);
  t.not(told.get('index/a'), sha256(utf8('content of index/a')));
  t.is(told.get('config'), sha256(utf8('content of config')));
  t.is((await failure(t, other.remote.get('data/aa/b', { maxBytes }))).code, 'E_OBJECT_ID');
});

// 15. Manners.

test('nothing is asked while nothing is to be done', async t => {
  const { kit, device } = await connected(t);
  await device.remote.put('config', utf8('x'));
  await keysOf(device.remote);
  kit.fake.clearLog();
  kit.clock.advance(3_600_000);
  t.deepEqual(kit.fake.log, []);
});

test('a look at a place that did not change is one request, and another folder at the same time is none', async t => {
  const { kit, device } = await connected(t);
  await device.remote.put('config', utf8('x'));
  await keysOf(device.remote);
  kit.clock.pass(3_600_000);
  await keysOf(device.remote);
  kit.clock.pass(60_000);
  kit.fake.clearLog();
  await Promise.all([keysOf(device.remote, 'index'), keysOf(device.remote, 'snapshots'), device.remote.stat('config')]);
  t.deepEqual(
    kit.fake.log.map(({ type }) => type),
    ['changes.list'],
  );
});

// More that happens.

test('a connection that says nothing for a minute is given up and tried again', async t => {
  const { kit, device } = await connected(t);
  const bytes = randomBytes(small);
  await device.remote.put(packKey(bytes), bytes);
  for (const on of ['files.download', 'changes.list'] as const) {
    kit.fake.clearLog();
    kit.fake.fault({ do: 'hang', on });
    const work =
      on === 'files.download' ? device.remote.get(packKey(bytes), { maxBytes }) : keysOf(device.remote, 'data');
    await kit.fake.until(() => kit.fake.count(on) === 1);
    kit.clock.advance(61_000);
    t.truthy(await work);
    t.is(kit.fake.count(on), 2);
  }
});

test('201 ends an upload like 200', async t => {
  const { kit, device } = await connected(t);
  kit.fake.set({ createdStatus: 201 });
  const [one, two] = [randomBytes(small), randomBytes(large)];
  await device.remote.put(packKey(one), one);
  await device.remote.put(packKey(two), two);
  assertOnly(t, kit, [
    [packKey(one), one],
    [packKey(two), two],
  ]);
});

test('a removal whose answer was lost is a removal', async t => {
  const { kit, device } = await connected(t);
  await device.remote.put('locks/a', utf8('a'));
  kit.fake.fault({ do: 'dropResponse', on: 'files.delete' });
  await device.remote.remove('locks/a');
  t.deepEqual(await keysOf(device.remote), []);
  t.is(kit.stored().size, 0);
});

test('an app that was uninstalled is signed out, and its folder is found again after signing in', async t => {
  const { kit, device } = await withThree(t);
  kit.fake.uninstallApp();
  t.is((await failure(t, keysOf(device.remote))).code, 'E_SIGN_IN');
  const again = await kit.device();
  t.is((await keysOf(again.remote)).length, 3);
  t.is(again.connection().folderId, device.connection().folderId);
});

test('nobody answers: the place is unreachable, and is there again when somebody does', async t => {
  const { kit } = await connected(t);
  const device = await kit.device({ patienceMs: patience.personMs });
  kit.fake.fault({ do: 'reset', on: '*', times: 'always' });
  t.like(await failure(t, keysOf(device.remote)), { code: 'E_UNREACHABLE', retryable: true });
  kit.fake.clearFaults();
  t.deepEqual(await keysOf(device.remote), []);
});

test('a clock that is off by a day changes nothing', async t => {
  const { kit, device } = await withThree(t);
  // The fake keeps its own time: hours and days of the remote are no business of its tokens.
  kit.clock.pass(86_400_000);
  t.is((await keysOf(device.remote)).length, 3);
  t.is(Buffer.from(await device.remote.get('config', { maxBytes })).toString(), 'content of config');
});

test('another client id sees nothing of it and disturbs nothing', async t => {
  const { kit, device } = await withThree(t);
  const stranger = await kit.device({ connection: kit.fake.connection({ clientId: kit.fake.otherClient.id }) });
  t.deepEqual(await keysOf(stranger.remote), []);
  await stranger.remote.put('config', utf8('mine'));
  t.is(Buffer.from(await device.remote.get('config', { maxBytes })).toString(), 'content of config');
  t.deepEqual(await keysOf(stranger.remote), ['config']);
});

test('another account than at the beginning is refused', async t => {
  const { kit } = await connected(t);
  const mine = kit.fake.connection();
  const theirs = { ...kit.fake.connection({ account: kit.fake.otherAccount.email }), accountId: mine.accountId };
  const device = await kit.device({ connection: theirs });
  t.like(await failure(t, device.remote.about()), { code: 'E_REMOTE_DENIED' });
});

test('the place tells its account, its room and its folder', async t => {
  const { kit, device } = await connected(t);
  kit.fake.set({ quotaLimit: 1000, usedElsewhere: 300 });
  await device.remote.put('config', utf8('x'.repeat(100)));
  t.like(await device.remote.about(), {
    account: 'anna@example.org',
    quota: { limit: 1000, used: 400, inTrash: 0 },
    folderId: kit.fake.files()[0]?.id,
  });
  kit.fake.set({ quotaLimit: null });
  t.is((await device.remote.about()).quota?.limit, null);
});
