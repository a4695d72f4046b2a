// Whole backups and restores over a Google Drive that fails all the time: what comes back is byte for byte what was there, and what is stored is
// there once. Repository, archive and remote are the real ones; only pruning is left out, which Signet does not do yet.

import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import anyTest, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { type ArchiveBench, archiveBench, treeOf } from '../support/archive.ts';
import { drive } from '../support/clouds.ts';
import type { RequestType, Settings } from '../support/drive-fake/drive-fake.ts';
import { type Device, type DriveKit, driveKit, folderName, keysOf } from '../support/drive-kit.ts';
import { password, phone } from '../support/installation.ts';
import { memoryJournal, temporaryFolder } from '../support/repository.ts';

// One after the other: each is work for a whole processor.
const test = anyTest.serial;
const mebi = 1024 * 1024;

interface Backups extends ArchiveBench {
  readonly kit: DriveKit;
  readonly device: Device;
}

/** A folder of chats that is backed up to the fake, with faults from the very first request of the repository on. */
async function backups(t: ExecutionContext, settings: Partial<Settings> = {}): Promise<Backups> {
  const kit = await driveKit(t);
  const device = await kit.device();
  kit.fake.clearLog();
  kit.fake.set(settings);
  kit.fake.expireAccessTokens();
  const remote = await cached(device.remote, await temporaryFolder(t));
  const made = await archiveBench(t, { remote, packTargetBytes: 16 * mebi });
  return { ...made, kit, device };
}

/** @param videoBytes more than 5 MiB make a pack that goes in a resumable upload */
function writeChats(root: string, videoBytes = 12 * mebi): void {
  mkdirSync(join(root, 'media', 'deep'), { recursive: true });
  writeFileSync(join(root, 'video.mp4'), randomBytes(videoBytes));
  writeFileSync(join(root, 'voice.opus'), randomBytes(mebi));
  for (let i = 0; i < 20; i++) writeFileSync(join(root, 'media', `${i}.jpg`), randomBytes(20_000 + i));
  writeFileSync(join(root, 'media', 'deep', 'empty'), '');
  writeFileSync(join(root, 'log.txt'), 'begun\n');
}

function changeChats(root: string): void {
  appendFileSync(join(root, 'log.txt'), 'went on\n');
  writeFileSync(join(root, 'media', 'new.jpg'), randomBytes(500_000));
  rmSync(join(root, 'media', '3.jpg'), { force: true });
}

/** One file for each path, one folder for each name, and every pack, index and snapshot is what its name says. */
function assertClean(t: ExecutionContext, { kit }: Backups): void {
  const files = kit.fake.files().filter(file => !file.isTrashed);
  const paths = files.map(({ path }) => path);
  t.deepEqual(
    paths.filter((path, i) => paths.indexOf(path) !== i),
    [],
    'nothing is there twice',
  );
  for (const { path, name, sha256, isFolder } of files) {
    if (isFolder || !/^Signet\/(data|index|snapshots|keys)\//.test(path)) continue;
    t.is(sha256, name);
  }
  const top = new Set(files.map(({ path }) => path.split('/')[1] ?? ''));
  t.deepEqual([...top].sort(), ['', 'config', 'data', 'index', 'keys', 'locks', 'snapshots']);
  t.deepEqual(
    files.filter(({ path }) => path.startsWith(`${folderName}/locks/`)),
    [],
  );
  t.deepEqual(kit.fake.violations, []);
  t.true(kit.fake.maxInFlight <= 4, `${kit.fake.maxInFlight} requests at a time`);
}

for (const seed of ['one', 'two', 'three']) {
  test(`with one request in five failing (${seed}) backups complete and come back byte for byte`, async t => {
    const work = await backups(t, { rates: { '*': 0.2 }, tokenTtlSec: 2, listLagMs: 5000 });
    writeChats(work.root);
    const first = await work.backUp();
    const asFirst = treeOf(work.root);
    changeChats(work.root);
    const second = await work.backUp();
    const asSecond = treeOf(work.root);
    const restored = [await work.restore(first), await work.restore(second)];
    for (const [i, tree] of [asFirst, asSecond].entries()) {
      t.deepEqual(treeOf(join(restored[i]?.target ?? '', 'generic-abcdefgh')), tree);
    }
    const { log } = work.kit.fake;
    const faults = log.filter(({ hadFault }) => hadFault).length;
    t.true(faults > log.length / 10, `${faults} of ${log.length} requests failed: chance gave too few`);
    t.true(work.kit.fake.count('oauth.token') > 5);
    // What lists were too late to show is put in order when all is quiet.
    work.kit.fake.clearFaults();
    work.kit.clock.pass(3_600_000);
    await keysOf(work.device.remote);
    assertClean(t, work);
    const other = await work.kit.device();
    t.deepEqual(await keysOf(other.remote), [...work.kit.stored().keys()].sort(), 'another computer sees the same');
  });
}

test('with one request in five failing, requests stay within what the faults cost', async t => {
  const calm = await backups(t);
  writeChats(calm.root);
  await calm.backUp();
  const rough = await backups(t, { rates: { '*': 0.2 } });
  writeChats(rough.root);
  await rough.backUp();
  const [fewer, more] = [calm.kit.fake.log.length, rough.kit.fake.log.length];
  t.true(more < 2 * fewer, `${fewer} requests without faults, ${more} with them`);
  t.true(rough.kit.fake.bytesUp() < 3 * calm.kit.fake.bytesUp());
});

test('an account that fills up half way keeps what is there restorable, and goes on when there is room', async t => {
  const work = await backups(t);
  writeChats(work.root);
  const first = await work.backUp();
  const asFirst = treeOf(work.root);
  const used = work.kit.fake.files().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  work.kit.fake.set({ quotaLimit: used + 20 * mebi });
  for (let i = 0; i < 3; i++) writeFileSync(join(work.root, `more-${i}.mp4`), randomBytes(12 * mebi));
  const error = await t.throwsAsync(work.backUp(), { instanceOf: SignetError });
  t.is(error?.code, 'E_REMOTE_FULL');
  t.deepEqual(treeOf(join((await work.restore(first)).target, 'generic-abcdefgh')), asFirst);
  const other = await work.kit.device();
  const looking = await work.bench.open({
    remote: other.remote,
    journal: memoryJournal(),
    outboxFolder: await temporaryFolder(t),
  });
  t.teardown(() => looking.close());
  await looking.readIndex();
  t.deepEqual(await looking.checkPacks(), [], 'no index names a pack that is not there');
  work.kit.fake.set({ quotaLimit: used + 90 * mebi });
  const last = await work.backUp();
  t.deepEqual(treeOf(join((await work.restore(last)).target, 'generic-abcdefgh')), treeOf(work.root));
  assertClean(t, work);
});

test('a backup of half a megabyte takes at most 12 requests, and an idle hour none', async t => {
  const work = await backups(t);
  writeChats(work.root);
  await work.backUp();
  changeChats(work.root);
  work.kit.clock.pass(3_600_000);
  await work.backUp();
  changeChats(work.root);
  // Well within the life of a token and of a listing, as the next backup of a day is.
  work.kit.clock.pass(900_000);
  work.kit.fake.clearLog();
  await work.backUp();
  // Each of the 256 folders of packs is made once in the life of a backup.
  const types = work.kit.fake.log.map(({ type }) => type).filter(type => type !== 'files.create.folder');
  t.true(types.length <= 12, inspect(types));
  work.kit.fake.clearLog();
  work.kit.clock.advance(3_600_000);
  await work.bench.clock.advance(3_600_000);
  t.deepEqual(work.kit.fake.log, []);
});

for (const error of ['quota', 'daily', 'insufficientPermissions', 'accessNotConfigured'] as const) {
  for (const on of [
    'files.create.folder',
    'files.create.multipart',
    'upload.start',
    'upload.chunk',
    'changes.list',
  ] as const satisfies readonly RequestType[]) {
    test(`a backup whose ${on} is answered ${error} ends after at most two tries, and the next one completes`, async t => {
      const work = await backups(t);
      writeChats(work.root, mebi);
      await work.backUp();
      changeChats(work.root);
      writeFileSync(join(work.root, 'more.mp4'), randomBytes(on.startsWith('upload.') ? 12 * mebi : mebi));
      work.kit.clock.pass(900_000);
      work.kit.fake.clearLog();
      work.kit.fake.fault({ do: 'error', on, error, times: 'always' });
      const code = { quota: 'E_REMOTE_FULL', daily: 'E_REMOTE_LIMIT' }[error as string] ?? 'E_REMOTE_DENIED';
      await t.throwsAsync(work.backUp(), { instanceOf: SignetError, code });
      const hit = work.kit.fake.log.filter(({ hadFault }) => hadFault).length;
      t.true(hit >= 1 && hit <= 2, `${hit} tries`);
      work.kit.fake.clearFaults();
      const last = await work.backUp();
      t.deepEqual(treeOf(join((await work.restore(last)).target, 'generic-abcdefgh')), treeOf(work.root));
      assertClean(t, work);
    });
  }
}

test('nothing secret is in an error of a backup, nor behind it', async t => {
  const work = await backups(t);
  writeChats(work.root);
  for (const error of ['quota', '401', 'insufficientPermissions'] as const) {
    work.kit.fake.fault({ do: 'error', on: 'upload.*', error, times: 'always' });
    const thrown = await t.throwsAsync(work.backUp());
    const whole = inspect(thrown, { depth: Number.POSITIVE_INFINITY, showHidden: true });
    t.notRegex(whole, /ya29\.|1\/\/0|GOCSPX|upload_id|ADPycd/);
    work.kit.fake.clearFaults();
  }
});

test('a whole Signet is set up, backs up and restores with one request in five failing, and asks little when none does', async t => {
  t.timeout(400_000);
  const { google, remote, connect, ...place } = await drive(t);
  const signet = await place.installation();
  writeChats(signet.source);
  await connect(signet);
  google.set({ rates: { '*': 0.2 }, tokenTtlSec: 2, listLagMs: 5000 });
  google.expireAccessTokens();
  await signet.ok(['setup', '--source', signet.source, '--remote', remote, '--new'], { password, phone });
  await signet.ok(['backup']);
  changeChats(signet.source);
  await signet.ok(['backup']);
  const target = join(signet.folder, 'restored');
  await signet.ok(['restore', 'latest', '--to', target]);
  const [source = ''] = readdirSync(target);
  t.deepEqual(treeOf(join(target, source)), treeOf(signet.source));
  t.true(google.log.filter(({ hadFault }) => hadFault).length > 10);
  const paths = google.paths();
  t.is(new Set(paths).size, paths.length, 'one file for each path');

  google.clearFaults();
  google.set({ tokenTtlSec: 3599, listLagMs: 0 });
  await signet.ok(['backup']);
  changeChats(signet.source);
  google.clearLog();
  await signet.ok(['backup']);
  // A new token comes once an hour, whatever is done in it.
  const types = google.log.map(({ type }) => type).filter(type => type !== 'oauth.token');
  t.true(types.length <= 12, inspect(types));
  t.deepEqual(google.violations, []);
});
