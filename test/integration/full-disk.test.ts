// Disks that are full or refuse to be written: a clear error, nothing lost, and everything goes on once there is room.

import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult } from '../../protocol/status.ts';
import { generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { treeOf } from '../support/archive.ts';
import { type Installation, installation, password, phone, type Ran } from '../support/installation.ts';
import { skip } from '../support/skip.ts';
import { canMount, type SmallDisk, smallDisk, withoutMount } from '../support/small-disk.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const mib = 1 << 20;

/** A test that needs a disk of its own. */
function withDisk(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  test.serial(title, async t => {
    if (!canMount) return skip(t, withoutMount);
    t.timeout(180_000);
    await body(t);
  });
}

function writeMedia(folder: string, name: string, files: number, sizeBytes: number): void {
  mkdirSync(join(folder, name));
  for (let n = 0; n < files; n++) writeFileSync(join(folder, name, `media-${n}`), randomBytes(sizeBytes));
}

function fails(t: ExecutionContext, ran: Ran, exit: number, code: string, words: RegExp): void {
  t.is(ran.code, exit, ran.err + ran.out.slice(-500));
  const { error } = JSON.parse(ran.err.trim().split('\n').at(-1) ?? '');
  t.is(error.code, code);
  t.regex(error.message, words);
  t.true(error.advice.length > 0);
}

/** What the newest backup holds of the (one) source. */
async function latest(signet: Installation): Promise<ReadonlyMap<string, string>> {
  const target = join(signet.folder, `back-${randomBytes(4).toString('hex')}`);
  const ran = await signet.signet(['restore', 'latest', '--to', target]);
  if (ran.code !== 0) throw new Error(ran.err);
  return treeOf(join(target, readdirSync(target)[0] ?? ''));
}

async function isSound(t: ExecutionContext, signet: Installation, recoveryKey: string): Promise<void> {
  t.like(await signet.ok(['verify', '--read-data']), { ok: true });
  if (!hasRestic) return;
  const check = await restic(signet.remote, recoveryKey, ['check', '--read-data']);
  t.is(check.status, 0, check.out);
}

withDisk(
  'a full place of the copies: exit 15, earlier backups stand, and with more room the next one completes',
  async t => {
    const disk = smallDisk(t, join(await temporaryFolder(t), 'disk'), 12 * mib);
    const signet = await installation(t, { remote: join(disk.path, 'copies') });
    writeMedia(signet.source, 'first', 4, mib);
    const { recoveryKey = '' } = await signet.setUp();
    await signet.ok(['backup']);
    const first = treeOf(signet.source);

    writeMedia(signet.source, 'second', 20, mib);
    fails(t, await signet.signet(['backup']), 15, 'E_REMOTE_FULL', /^The folder copies is full/);
    t.is((await signet.status()).lastError?.code, 'E_REMOTE_FULL');
    t.is((await signet.snapshots()).length, 1);
    t.deepEqual(await latest(signet), first);
    t.deepEqual(readdirSync(join(signet.remote, 'locks')), []);

    disk.fill();
    fails(t, await signet.signet(['backup']), 15, 'E_REMOTE_FULL', /^The folder copies is full/);
    t.deepEqual(await latest(signet), first, 'nothing is written to restore');

    disk.free();
    disk.resize(64 * mib);
    await isSound(t, signet, recoveryKey);
    t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 20);
    t.is((await signet.status()).lastError, null);
    t.deepEqual(await latest(signet), treeOf(signet.source));
    await isSound(t, signet, recoveryKey);
  },
);

/** An installation whose own files lie on a small disk. */
async function onSmallDisk(
  t: ExecutionContext,
  sizeBytes: number,
): Promise<{ readonly signet: Installation; readonly disk: SmallDisk }> {
  const signet = await installation(t);
  const settings = join(signet.home, 'config', 'settings.json');
  const before = readFileSync(settings);
  const disk = smallDisk(t, signet.home, sizeBytes, () => signet.killDaemon());
  mkdirSync(join(signet.home, 'config'), { mode: 0o700 });
  writeFileSync(settings, before, { mode: 0o600 });
  return { signet, disk };
}

withDisk('no room for packs on their way: exit 15, and with more room the next backup completes', async t => {
  const { signet, disk } = await onSmallDisk(t, 24 * mib);
  writeMedia(signet.source, 'first', 2, mib);
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  const first = treeOf(signet.source);
  disk.resize(12 * mib);
  writeMedia(signet.source, 'second', 48, mib);
  fails(t, await signet.signet(['backup']), 15, 'E_DISK_FULL', /^This computer's disk is full/);
  t.is((await signet.status()).lastError?.code, 'E_DISK_FULL');
  t.is((await signet.snapshots()).length, 1);
  disk.resize(128 * mib);
  t.deepEqual(await latest(signet), first);
  t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 48);
  t.deepEqual(await latest(signet), treeOf(signet.source));
  await isSound(t, signet, recoveryKey);
});

withDisk('no room to stage a database: exit 15, nothing staged is left, and with more room it is captured', async t => {
  const { signet, disk } = await onSmallDisk(t, 10 * mib);
  generateWhatsApp(signet.source, { databaseBytes: 12 * mib, mediaBytes: mib, datedCopies: 0 });
  const { recoveryKey = '' } = await signet.setUp();
  fails(t, await signet.signet(['backup']), 15, 'E_DISK_FULL', /^This computer's disk is full/);
  t.deepEqual(readdirSync(join(signet.home, 'state', 'staging')), []);
  t.is((await signet.snapshots()).length, 0);
  disk.resize(128 * mib);
  t.deepEqual((await signet.ok<BackupResult>(['backup'])).filesUnreadable, []);
  t.deepEqual(await latest(signet), treeOf(signet.source));
  await isSound(t, signet, recoveryKey);
});

withDisk(
  'not a byte left for its own files: the daemon lives, says so, restores, and goes on when there is room',
  async t => {
    const { signet, disk } = await onSmallDisk(t, 64 * mib);
    writeMedia(signet.source, 'first', 2, mib);
    await signet.setUp(['--schedule', 'manual']); // no backup by itself after the unlock
    await signet.ok(['backup']);
    const first = treeOf(signet.source);
    const pid = await signet.daemonPid();
    writeMedia(signet.source, 'second', 2, mib);
    disk.fill();
    for (let n = 0; n < 3; n++) {
      fails(t, await signet.signet(['backup']), 15, 'E_DISK_FULL', /^This computer's disk is full/);
    }
    t.is((await signet.status()).lastError?.code, 'E_DISK_FULL');
    t.deepEqual(await latest(signet), first);
    fails(t, await signet.signet(['schedule', 'manual']), 15, 'E_DISK_FULL', /^This computer's disk is full/);
    t.is(await signet.daemonPid(), pid);
    await signet.ok(['daemon', 'stop']);
    const started = await signet.signet(['status']);
    fails(t, started, 15, 'E_DISK_FULL', /^This computer's disk is full/);

    disk.free();
    t.is((await signet.status()).vault, 'locked');
    await signet.ok(['unlock'], { password });
    t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 2);
    t.is((await signet.status()).lastError, null);
    t.deepEqual(await latest(signet), treeOf(signet.source));
  },
);

withDisk('a restore that does not fit leaves nothing behind, whether that is known before or not', async t => {
  const disk = smallDisk(t, join(await temporaryFolder(t), 'disk'), 2 * mib);
  const signet = await installation(t);
  writeMedia(signet.source, 'large', 4, mib);
  mkdirSync(join(signet.source, 'many'));
  for (let n = 0; n < 1000; n++) writeFileSync(join(signet.source, 'many', `${n}`), `${n}`);
  await signet.setUp();
  await signet.ok(['backup']);
  const isFull = /^This computer's disk is full/;
  const target = join(disk.path, 'a', 'b', 'back');
  fails(t, await signet.signet(['restore', 'latest', '--to', target]), 15, 'E_DISK_FULL', isFull);
  t.deepEqual(readdirSync(disk.path), []);
  // A thousand files of a few bytes each take a block each, more than their bytes let expect.
  fails(
    t,
    await signet.signet(['restore', 'latest', '--to', target, '--include', '*/many']),
    15,
    'E_DISK_FULL',
    isFull,
  );
  t.deepEqual(readdirSync(disk.path), []);
  disk.resize(32 * mib);
  await signet.ok(['restore', 'latest', '--to', target]);
  t.deepEqual(treeOf(join(target, readdirSync(target)[0] ?? '')), treeOf(signet.source));
});

withDisk(
  'a place that became read-only: exit 1, it can be restored from, and it goes on when it can be written again',
  async t => {
    const disk = smallDisk(t, join(await temporaryFolder(t), 'disk'), 64 * mib);
    const signet = await installation(t, { remote: join(disk.path, 'copies') });
    writeMedia(signet.source, 'first', 2, mib);
    const { recoveryKey = '' } = await signet.setUp();
    await signet.ok(['backup']);
    const first = treeOf(signet.source);
    writeMedia(signet.source, 'second', 2, mib);
    disk.setReadOnly(true);
    fails(t, await signet.signet(['backup']), 1, 'E_REMOTE_DENIED', /^The folder copies does not let Signet/);
    t.is((await signet.status()).lastError?.code, 'E_REMOTE_DENIED');
    t.deepEqual(await latest(signet), first);
    t.like(await signet.ok(['verify', '--read-data']), { ok: true });
    const other = await installation(t, { remote: signet.remote });
    await other.ok(['setup', '--remote', `folder:${signet.remote}`, '--read-only'], { recoveryKey });
    t.deepEqual(await latest(other), first, 'also by a new computer');
    await other.killDaemon();
    disk.setReadOnly(false);
    t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 2);
    t.deepEqual(await latest(signet), treeOf(signet.source));
    await isSound(t, signet, recoveryKey);
  },
);

test.serial('a place whose permissions were taken away: exit 1, and it goes on when they are back', async t => {
  t.timeout(120_000);
  const isRoot = process.getuid?.() === 0;
  if (process.platform === 'win32') return skip(t, 'permissions as on POSIX');
  // Root is refused nothing, so that everything runs as "nobody" then.
  const nobody = 65534;
  const wrapper = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
  const signet = await installation(t, isRoot ? { wrapper } : {});
  writeFileSync(join(signet.source, 'first'), 'first');
  if (isRoot) {
    const all = readdirSync(signet.folder, { recursive: true, encoding: 'utf8' });
    for (const path of ['', ...all]) chownSync(join(signet.folder, path), nobody, nobody);
  }
  const set = await signet.signet(['setup', '--source', signet.source, '--remote', `folder:${signet.remote}`], {
    password,
    phone,
  });
  if (isRoot && set.code !== 0 && /EACCES|MODULE_NOT_FOUND|Permission denied/i.test(set.err)) {
    return skip(t, 'the checkout cannot be read by another user');
  }
  t.is(set.code, 0, set.err);
  await signet.ok(['backup']);
  writeFileSync(join(signet.source, 'second'), 'second');
  for (const [folder, mode] of [
    ['', 0o500],
    ['', 0o000],
    ['locks', 0o500],
    ['data', 0o000],
  ] as const) {
    const path = join(signet.remote, folder);
    chmodSync(path, mode);
    const inner = folder === '' ? readdirSync(signet.remote).map(name => join(signet.remote, name)) : [];
    if (mode === 0o500) for (const each of inner) chmodSync(each, mode);
    fails(t, await signet.signet(['backup']), 1, 'E_REMOTE_DENIED', /^The folder copies does not let Signet/);
    chmodSync(path, 0o700);
    for (const each of inner) chmodSync(each, 0o700);
  }
  t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 1);
  t.deepEqual(await latest(signet), treeOf(signet.source));
  t.like(await signet.ok(['verify', '--read-data']), { ok: true });
  t.true(existsSync(join(signet.remote, 'config')));
});
