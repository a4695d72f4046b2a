import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { createFolderRemote, prepareFolder, sweepTemporaries } from '../../daemon/remotes/folder.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { remoteContract } from '../contracts/remote.ts';
import { temporaryFolder } from '../support/repository.ts';
import { skip } from '../support/skip.ts';

remoteContract('memory', async () => createMemoryRemote());
remoteContract('folder', async t => createFolderRemote(await temporaryFolder(t)));

async function keysOf(remote: Remote): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list('')) keys.push(key);
  return keys.sort();
}

test('a folder remote names itself after its folder', async t => {
  const root = join(await temporaryFolder(t), 'Chats');
  t.is(createFolderRemote(root).label, 'the folder Chats');
});

test('a missing root is unreachable for every call and is not created', async t => {
  const root = join(await temporaryFolder(t), 'unplugged');
  const remote = createFolderRemote(root);
  await t.throwsAsync(remote.put('config', utf8('x')), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(remote.get('config', { maxBytes: 10 }), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(remote.stat('config'), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(remote.remove('config'), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(keysOf(remote), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(readdir(root), { code: 'ENOENT' });
});

test('preparing a folder creates it once and keeps what is in it', async t => {
  const root = join(await temporaryFolder(t), 'new', 'place');
  await prepareFolder(root);
  await createFolderRemote(root).put('config', utf8('x'));
  await prepareFolder(root);
  t.deepEqual(await readdir(root), ['config']);
});

test('a root that is a file is unreachable', async t => {
  const root = join(await temporaryFolder(t), 'file');
  await writeFile(root, 'x');
  await t.throwsAsync(createFolderRemote(root).put('config', utf8('x')), { code: 'E_UNREACHABLE' });
});

test('an empty folder in place of the one used before is an unmounted disk', async t => {
  const parent = await temporaryFolder(t);
  const root = join(parent, 'disk');
  await mkdir(root);
  const remote = createFolderRemote(root);
  await remote.put('config', utf8('x'));
  await rename(root, join(parent, 'away'));
  await mkdir(root);
  await t.throwsAsync(remote.put('index/a', utf8('x')), { code: 'E_UNREACHABLE' });
  t.deepEqual(await readdir(root), []);
  await rm(root, { recursive: true });
  await rename(join(parent, 'away'), root);
  await t.notThrowsAsync(remote.put('index/a', utf8('x')));
});

test('temporary files and conflict copies are not listed; other files are', async t => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, 'index'));
  for (const name of ['.tmp-1234', 'a (1)', "b (host's conflicted copy 2026-11-23)", 'README.txt', '0a']) {
    await writeFile(join(root, 'index', name), 'x');
  }
  t.deepEqual(await keysOf(createFolderRemote(root)), ['index/0a', 'index/README.txt']);
});

test('links inside the folder are neither listed nor followed', async t => {
  const root = await temporaryFolder(t);
  const outside = await temporaryFolder(t);
  await writeFile(join(outside, 'secret'), 'secret');
  await symlink(outside, join(root, 'data'));
  await symlink(join(outside, 'secret'), join(root, 'config'));
  const remote = createFolderRemote(root);
  t.deepEqual(await keysOf(remote), []);
  await t.throwsAsync(remote.get('data/secret', { maxBytes: 10 }), { code: 'E_REMOTE_DENIED' });
  await t.throwsAsync(remote.get('config', { maxBytes: 10 }), { code: 'E_REMOTE_DENIED' });
  await t.throwsAsync(remote.put('data/planted', utf8('x')), { code: 'E_REMOTE_DENIED' });
  await t.throwsAsync(remote.put('data/aa/planted', utf8('x')), { code: 'E_REMOTE_DENIED' });
  t.is(await remote.stat('config'), undefined);
  t.deepEqual(await readdir(outside), ['secret']);
});

test('a root that is itself a link is used', async t => {
  const parent = await temporaryFolder(t);
  await mkdir(join(parent, 'real'));
  await symlink(join(parent, 'real'), join(parent, 'link'));
  const remote = createFolderRemote(join(parent, 'link'));
  await remote.put('data/aa/x', utf8('x'));
  t.deepEqual(await keysOf(remote), ['data/aa/x']);
});

test('a read-only folder denies, and reading goes on', async t => {
  if (process.getuid?.() === 0) return skip(t, 'root may write anywhere', 'is root');
  const root = await temporaryFolder(t);
  const remote = createFolderRemote(root);
  await remote.put('config', utf8('x'));
  await chmod(root, 0o500);
  await t.throwsAsync(remote.put('index/a', utf8('x')), { code: 'E_REMOTE_DENIED' });
  t.is((await remote.get('config', { maxBytes: 1 })).length, 1);
});

test('a place that takes no more bytes is told as full, and keeps no part of the object', async t => {
  if (process.platform !== 'linux') return skip(t, 'needs ulimit');
  const root = await temporaryFolder(t);
  // A limit on the size of files fails a write midway as a full disk does, and needs no disk.
  const script = `
    const { createFolderRemote } = await import(${JSON.stringify(new URL('../../daemon/remotes/folder.ts', import.meta.url).href)});
    try {
      await createFolderRemote(${JSON.stringify(root)}).put('index/large', new Uint8Array(1 << 20));
    } catch (error) {
      process.stdout.write(error.code);
    }`;
  const shell = `trap '' XFSZ; ulimit -f 16; exec "$0" --input-type=module -e "$1"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' });
  t.is(stdout, 'E_REMOTE_FULL', stderr);
  t.deepEqual(await readdir(join(root, 'index')), []);
});

test('a body whose file is gone is no fault of the remote', async t => {
  const root = await temporaryFolder(t);
  const remote = createFolderRemote(root);
  await t.throwsAsync(remote.put('index/a', { path: join(root, 'absent'), sizeBytes: 1 }), { code: 'E_INTERNAL' });
  t.deepEqual(await readdir(join(root, 'index')), []);
});

test('only temporary files older than a day are swept', async t => {
  const root = await mkdtemp(join(await temporaryFolder(t), 'r-'));
  await mkdir(join(root, 'data', 'aa'), { recursive: true });
  for (const name of ['.tmp-old', '.tmp-new', 'aabb']) await writeFile(join(root, 'data', 'aa', name), 'x');
  const now = Date.now();
  const old = now / 1000 - 25 * 3600;
  for (const name of ['.tmp-old', 'aabb']) await utimes(join(root, 'data', 'aa', name), old, old);
  t.is(await sweepTemporaries(root, now), 1);
  t.deepEqual((await readdir(join(root, 'data', 'aa'))).sort(), ['.tmp-new', 'aabb']);
});

test('a folder remote sweeps what killed uploads left before it first writes, and never when it only reads', async t => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, 'data'));
  const left = join(root, 'data', '.tmp-0011');
  await writeFile(left, 'half a pack');
  const old = Date.now() / 1000 - 25 * 3600;
  await utimes(left, old, old);
  const remote = createFolderRemote(root);
  await remote.stat('config');
  t.deepEqual(await readdir(join(root, 'data')), ['.tmp-0011']);
  await remote.put('config', utf8('x'));
  t.deepEqual(await readdir(join(root, 'data')), []);
});

test('a place where no folder can be made is refused, and lacks no part of a backup', async t => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  const error = await t.throwsAsync(prepareFolder(join(file, 'Backup')));
  t.like(error, { code: 'E_REMOTE_DENIED', params: { remote: 'the folder Backup' } });
});
