import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { archiveSources } from '../../daemon/archive/archive.ts';
import { listFolder, readRange, statEntry } from '../../daemon/archive/browse.ts';
import { loadManifest } from '../../daemon/archive/manifest.ts';
import { displayPath, parsePath } from '../../daemon/archive/names.ts';
import { staysInside, unsafeName } from '../../daemon/archive/restore.ts';
import { utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { asBlobId } from '../../daemon/repository/ids.ts';
import type { Repository } from '../../daemon/repository/model.ts';
import { archiveBench, treeOf } from '../support/archive.ts';
import { addRows, integrityOf, makeDatabase, rowsIn } from '../support/databases.ts';

const signal = new AbortController().signal;

test('a restored folder equals the one backed up: names of any bytes, empty files and folders, links, modes and times', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  mkdirSync(join(root, 'Media', 'empty'), { recursive: true });
  writeFileSync(join(root, 'Media', 'photo.jpg'), randomBytes(300_000));
  writeFileSync(join(root, 'Media', 'video.mp4'), randomBytes(3_000_000));
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'new\nline 👩‍👩‍👧 "quoted" \\ <&>'), 'odd');
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x61])]), 'not UTF-8');
  symlinkSync('Media/photo.jpg', join(root, 'link'));
  chmodSync(join(root, 'empty'), 0o640);
  utimesSync(join(root, 'empty'), 1_600_000_000.123456, 1_600_000_000.123456);

  const { target, files, skipped } = await restore(await backUp());
  const restored = join(target, source.id);
  t.deepEqual(treeOf(restored), treeOf(root));
  t.is(files, 5);
  t.deepEqual(skipped, []);
  t.is(statSync(join(restored, 'empty')).mode & 0o777, 0o640);
  t.true(Math.abs(statSync(join(restored, 'empty')).mtimeMs - 1_600_000_000_123.456) < 0.01);
  t.true(Math.abs(statSync(join(restored, 'Media')).mtimeMs - statSync(join(root, 'Media')).mtimeMs) < 0.01);
  t.is(statSync(target).mode & 0o777, 0o700);
});

test('a backup of an unchanged source saves nothing and reads no file', async t => {
  const { root, backUp, bench } = await archiveBench(t);
  writeFileSync(join(root, 'a.txt'), 'one');
  makeDatabase(join(root, 'chat.db'));
  await backUp();
  const objects = bench.journal.all.size;
  const again = await backUp();
  t.false(again.changed);
  t.is(again.tree, undefined);
  t.is(again.counts.bytesRead, 0);
  t.is(again.counts.filesUnmodified, 2);
  t.is(bench.journal.all.size, objects);
});

test('touching a folder alone makes no snapshot, a changed mode of a file does', async t => {
  const { root, backUp } = await archiveBench(t);
  writeFileSync(join(root, 'a.txt'), 'one');
  await backUp();
  utimesSync(root, 1, 1);
  t.false((await backUp()).changed);
  chmodSync(join(root, 'a.txt'), 0o600);
  t.true((await backUp()).changed);
});

test('an increment reads only what changed and names the rest again', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  for (let n = 0; n < 20; n++) writeFileSync(join(root, `${n}.jpg`), randomBytes(10_000));
  await backUp();
  writeFileSync(join(root, 'new.jpg'), randomBytes(5_000));
  rmSync(join(root, '3.jpg'));
  const second = await backUp();
  t.is(second.counts.bytesRead, 5_000);
  t.is(second.counts.filesNew, 1);
  t.is(second.counts.removed, 1);
  t.is(second.counts.filesUnmodified, 19);
  const { target } = await restore(second);
  t.deepEqual(treeOf(join(target, source.id)), treeOf(root));
});

test('a database in use is captured with its log and restored as one clean file', async t => {
  const { root, backUp, restore, source, repository } = await archiveBench(t);
  const path = join(root, 'msgstore.db');
  makeDatabase(path, { rows: 2000 });
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  app.exec('PRAGMA wal_autocheckpoint=0');
  addRows(app, 500);
  const first = await backUp();
  t.deepEqual(
    first.manifest.sources[0]?.databases.map(each => [each.path, each.strategy, each.checked]),
    [['msgstore.db', 'pinned', 'full']],
  );
  const { target, databases } = await restore(first);
  const restored = join(target, source.id, 'msgstore.db');
  t.is(rowsIn(restored), 2500);
  t.is(integrityOf(restored), 'ok');
  t.false(existsSync(`${restored}-wal`));
  t.deepEqual(databases, [{ path: `${source.id}/msgstore.db`, check: 'ok' }]);

  t.false((await backUp()).changed, 'nothing was written since');
  addRows(app, 10);
  const second = await backUp();
  t.true(second.changed, 'a commit that only the log holds is a change');
  t.is(second.counts.filesChanged, 1);
  const stored = await loadManifest(repository, await repository.loadTree(second.tree ?? (t.fail() as never)));
  t.is(stored?.sources[0]?.databases[0]?.layout, 'pages');
  t.is(rowsIn(join((await restore(second)).target, source.id, 'msgstore.db')), 2510);
});

test('a source that vanished or was emptied is carried forward with the reason', async t => {
  const { root, backUp, restore, source, folder } = await archiveBench(t);
  writeFileSync(join(root, 'a'), 'kept');
  const second = { ...source, id: 'generic-bbbbbbbb', root: join(folder, 'other') };
  mkdirSync(second.root);
  writeFileSync(join(second.root, 'b'), 'one');
  const before = await backUp({}, [source, second]);
  rmSync(root, { recursive: true });
  writeFileSync(join(second.root, 'b'), 'two!');
  const after = await backUp({}, [source, second]);
  const [gone] = after.manifest.sources;
  t.deepEqual(gone?.carriedFrom, { snapshot: before.id as string, reason: 'missing' });
  t.is(gone?.capturedAt, before.manifest.sources[0]?.capturedAt);
  const { target } = await restore(after);
  t.deepEqual([...treeOf(target).keys()].sort(), [
    '/generic-abcdefgh',
    '/generic-abcdefgh/a',
    '/generic-bbbbbbbb',
    '/generic-bbbbbbbb/b',
  ]);

  mkdirSync(root);
  writeFileSync(join(second.root, 'b'), 'three');
  t.deepEqual((await backUp({}, [source, second])).manifest.sources[0]?.carriedFrom?.reason, 'empty');
  await t.throwsAsync(backUp({}, [{ ...source, id: 'generic-cccccccc', root: join(folder, 'nowhere') }]), {
    message: /none of 1 sources/,
  });
});

test('a source named by a link has the permissions of its folder, not those of the link', async t => {
  const { root, backUp, restore, source, folder } = await archiveBench(t);
  writeFileSync(join(root, 'a'), 'x');
  chmodSync(root, 0o700);
  symlinkSync(root, join(folder, 'link'));
  const { target } = await restore(await backUp({ root: join(folder, 'link') }));
  t.is(statSync(join(target, source.id)).mode & 0o777, 0o700);
});

test('a file that only looks as if it had a log is stored once', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  writeFileSync(join(root, 'a'), 'no database');
  writeFileSync(join(root, 'a-wal'), 'no log');
  await backUp();
  t.false((await backUp()).changed);
  writeFileSync(join(root, 'a-wal'), 'no log, changed');
  const third = await backUp();
  t.true(third.changed);
  t.deepEqual(treeOf(join((await restore(third)).target, source.id)), treeOf(root));
  t.false((await backUp()).changed);
});

test('a database is checked in full again when its last check seems to lie in the future', async t => {
  const { root, backUp, bench } = await archiveBench(t);
  const path = join(root, 'chat.db');
  makeDatabase(path);
  const now = bench.clock.now.bind(bench.clock);
  bench.clock.now = () => now() + 365 * 24 * 3600_000;
  await backUp();
  bench.clock.now = now;
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  addRows(app, 10);
  t.is((await backUp()).manifest.sources[0]?.databases[0]?.checked, 'full');
});

test('a removed source is absent on purpose and marked so once', async t => {
  const { root, backUp, source, folder } = await archiveBench(t);
  writeFileSync(join(root, 'a'), 'x');
  const second = { ...source, id: 'generic-bbbbbbbb', root: join(folder, 'other') };
  mkdirSync(second.root);
  writeFileSync(join(second.root, 'b'), 'one');
  await backUp({}, [source, second]);
  const after = await backUp({}, [source]);
  t.deepEqual(
    after.manifest.sources.map(each => [each.id, each.removed]),
    [
      ['generic-abcdefgh', undefined],
      ['generic-bbbbbbbb', true],
    ],
  );
  t.false((await backUp({}, [source])).changed);
});

test('a backup that is cancelled lets no buffer be filled anew while a blob is still made from it', async t => {
  const { root, source, repository } = await archiveBench(t);
  for (const name of ['a', 'b']) writeFileSync(join(root, name), randomBytes(12_000_000));
  const controller = new AbortController();
  const held = Promise.withResolvers<void>();
  const altered: string[] = [];
  let saves = 0;
  let underWay = 0;
  const backup = archiveSources({
    repository: {
      deriveKey: label => repository.deriveKey(label),
      has: (type, id) => repository.has(type, id),
      loadBlob: (type, id) => repository.loadBlob(type, id),
      loadTree: id => repository.loadTree(id),
      saveTree: nodes => repository.saveTree(nodes),
      // As the repository does: the id at once, the content later; what has not begun when the backup is cancelled fails.
      async saveBlob(_, plaintext) {
        const id = sha256Hex(plaintext);
        saves += 1;
        if (saves > 1) {
          controller.abort(new Error('cancelled'));
          throw new Error('cancelled');
        }
        underWay += 1;
        await held.promise;
        underWay -= 1;
        if (sha256Hex(plaintext) !== id) altered.push(id);
        return { id: asBlobId(id), isNew: true, sealedBytes: 1 };
      },
    },
    capture: () => t.fail() as never,
    sources: [source],
    device: '0011223344556677',
    parent: undefined,
    memory: undefined,
    now: () => 0,
    onProgress: () => undefined,
    signal: controller.signal,
  });
  const ended = backup.catch((error: Error) => error.message);
  const early = await Promise.race([ended, pause(100, 'runs on')]);
  held.resolve();
  t.is(await ended, 'cancelled');
  t.is(early, 'runs on', 'it ended while a save was under way');
  t.is(underWay, 0);
  t.deepEqual(altered, []);
});

test('excluded names and special files stay out and are listed', async t => {
  const { root, backUp } = await archiveBench(t);
  writeFileSync(join(root, 'a.excluded'), 'x');
  writeFileSync(join(root, 'a'), 'x');
  const { createServer } = await import('node:net');
  const server = createServer().listen(join(root, 'socket'));
  await new Promise(resolve => server.once('listening', resolve));
  const run = await backUp();
  server.close();
  t.deepEqual(run.manifest.sources[0]?.omitted, [
    { path: 'socket', reason: 'special-file' },
    { path: 'a.excluded', reason: 'excluded', byRule: { files: 1, bytes: 1 } },
  ]);
  t.is(run.counts.totalFiles, 1);
});

test('include patterns choose files and whole folders, with the folders on the way to them', async t => {
  const { root, backUp, restore } = await archiveBench(t);
  mkdirSync(join(root, 'Media', '.hidden'), { recursive: true });
  mkdirSync(join(root, 'Databases'));
  writeFileSync(join(root, 'Media', '.hidden', 'a.jpg'), 'x');
  writeFileSync(join(root, 'Media', 'b.jpg'), 'x');
  writeFileSync(join(root, 'Databases', 'c'), 'x');
  const run = await backUp();
  const names = async (...include: string[]) => [...treeOf((await restore(run, { include })).target).keys()].sort();
  t.deepEqual(await names('*/Media/*.jpg'), [
    '/generic-abcdefgh',
    '/generic-abcdefgh/Media',
    '/generic-abcdefgh/Media/b.jpg',
  ]);
  t.deepEqual(await names('generic-abcdefgh/Media/'), [
    '/generic-abcdefgh',
    '/generic-abcdefgh/Media',
    '/generic-abcdefgh/Media/.hidden',
    '/generic-abcdefgh/Media/.hidden/a.jpg',
    '/generic-abcdefgh/Media/b.jpg',
  ]);
  t.is((await names('**/a.jpg')).length, 4);
  await t.throwsAsync(restore(run, { include: ['nothing/like/this'] }), { message: /nothing in the snapshot/ });
});

test('a restore refuses a folder that is not empty and leaves nothing behind when it is cancelled', async t => {
  const { root, backUp, restore, folder } = await archiveBench(t);
  writeFileSync(join(root, 'a'), 'x');
  const run = await backUp();
  const target = join(folder, 'full');
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), 'precious');
  await t.throwsAsync(restore(run, { target }), { message: /not empty/ });
  const stop = new AbortController();
  await t.throwsAsync(
    restore(run, { target: join(folder, 'stopped'), signal: stop.signal, onProgress: () => stop.abort() }),
  );
  await t.throwsAsync(restore(run, { target: join(folder, 'no-room'), freeBytes: async () => 0 }), {
    message: /0 are free/,
  });
  t.deepEqual(
    [...treeOf(folder).keys()].filter(name => /^\/(?:stopped|no-room|full)/.test(name)),
    ['/full', '/full/mine'],
  );
  t.is((await restore(run, { dryRun: true })).files, 1);
});

test('a lost blob loses its file by name, all others are restored', async t => {
  const { root, backUp, restore, source, repository } = await archiveBench(t);
  writeFileSync(join(root, 'good'), 'good');
  writeFileSync(join(root, 'lost'), 'lost');
  const run = await backUp();
  const nodes = await repository.loadTree(
    (await repository.loadTree(run.tree ?? (t.fail() as never))).find(
      each => each.type === 'dir' && Buffer.from(each.name).toString() === source.id,
    )?.subtree ?? (t.fail() as never),
  );
  const lostBlob = nodes.find(node => Buffer.from(node.name).toString() === 'lost')?.content?.[0];
  const { SignetError } = await import('../../daemon/base/errors.ts');
  const lying: Pick<Repository, 'find' | 'loadBlob' | 'loadBlobs' | 'loadTree'> = {
    find: (type, id) => repository.find(type, id),
    loadBlob: (type, id) => repository.loadBlob(type, id),
    loadTree: id => repository.loadTree(id),
    async *loadBlobs(ids) {
      for await (const loaded of repository.loadBlobs(ids)) {
        const loss = new SignetError('E_OBJECT_AUTH', 'pack 3f2a: does not authenticate');
        yield loaded.id === lostBlob ? { id: loaded.id, loss } : loaded;
      }
    },
  };
  const { target, skipped, files } = await restore(run, { repository: lying });
  t.deepEqual(
    skipped.map(each => [each.path, each.code]),
    [[`${source.id}/lost`, 'E_OBJECT_AUTH']],
  );
  t.is(files, 1);
  t.deepEqual([...treeOf(join(target, source.id)).keys()], ['/good']);
});

test('links that point outside are left out by name', async t => {
  const { root, backUp, restore } = await archiveBench(t);
  symlinkSync('/etc/passwd', join(root, 'absolute'));
  symlinkSync('../../../etc', join(root, 'climbs'));
  symlinkSync('a', join(root, 'fine'));
  const { target, skipped, files } = await restore(await backUp());
  t.is(files, 0);
  t.deepEqual(
    skipped.map(each => each.path),
    ['generic-abcdefgh/absolute', 'generic-abcdefgh/climbs'],
  );
  t.true(lstatSync(join(target, 'generic-abcdefgh', 'fine')).isSymbolicLink());
});

const unsafe: readonly [name: string, linux: boolean, windows: boolean][] = [
  ['', true, true],
  ['.', true, true],
  ['..', true, true],
  ['a/b', true, true],
  ['a\0b', true, true],
  ['a\\b', false, true],
  ['C:x', false, true],
  ['con', false, true],
  ['CON.txt', false, true],
  ['COM1', false, true],
  ['x.', false, true],
  ['x ', false, true],
  ['new\nline', false, true],
  ['...', false, true],
  ['console', false, false],
  ['ordinary.db', false, false],
];
for (const [name, linux, windows] of unsafe) {
  test(`the name ${JSON.stringify(name)} is ${linux ? 'unsafe' : 'safe'} on Linux and ${windows ? 'unsafe' : 'safe'} on Windows`, t => {
    t.is(unsafeName(utf8(name), 'linux') !== undefined, linux);
    t.is(unsafeName(utf8(name), 'win32') !== undefined, windows);
  });
}

test('a link stays inside only when it never leaves the restored folder', t => {
  const inside = (path: string, target: string) => staysInside(utf8(path), utf8(target));
  t.true(inside('a/b', 'c'));
  t.true(inside('a/b', '../c'));
  t.false(inside('a/b', '../../c'));
  t.false(inside('b', '../c'));
  t.false(inside('a/b', '/c'));
  t.false(inside('a/b', 'c/../../../d'));
  t.false(inside('a/b', ''));
});

test('shown paths stand for exactly one path of bytes', t => {
  const paths = [
    utf8('plain/ü/👩‍👩‍👧'),
    utf8('back\\slash'),
    utf8('tab\there'),
    new Uint8Array([0xff, 0x2f, 0x61, 0x80]),
    utf8('\\x41'),
    utf8('\u0085'),
  ];
  for (const path of paths) t.deepEqual(parsePath(displayPath(path)), new Uint8Array(path));
  t.is(displayPath(utf8('plain/ü')), 'plain/ü');
  t.is(displayPath(utf8('a\nb')), 'a\\x0ab');
  t.is(parsePath('\\q'), undefined);
});

test('a snapshot can be looked into: folders listed, any range of a file read', async t => {
  const { root, backUp, repository, source } = await archiveBench(t);
  const bytes = randomBytes(2_500_000);
  mkdirSync(join(root, 'Media'));
  writeFileSync(join(root, 'Media', 'clip.mp4'), bytes);
  const { tree = t.fail() as never } = await backUp();
  t.deepEqual(
    (await listFolder(repository, tree, '', signal)).map(each => each.name),
    [source.id],
  );
  const [clip] = await listFolder(repository, tree, `${source.id}/Media`, signal);
  t.deepEqual([clip?.name, clip?.type, clip?.sizeBytes], ['clip.mp4', 'file', bytes.length]);
  t.deepEqual(await statEntry(repository, tree, `${source.id}/Media/clip.mp4`, signal), clip);
  t.is((await statEntry(repository, tree, `${source.id}/Media`, signal)).type, 'dir');
  for (const nothing of ['', `${source.id}/nowhere`])
    t.like(await t.throwsAsync(statEntry(repository, tree, nothing, signal)), { code: 'E_NOT_FOUND' });
  const folder = readRange(repository, tree, `${source.id}/Media`, { offset: 0, length: 1 }, signal);
  t.like(await t.throwsAsync(folder), {
    code: 'E_USAGE',
    params: { detail: `${source.id}/Media is a folder: name a file in it` },
  });
  for (const [offset, length] of [
    [0, 10],
    [1_000_000, 600_000],
    [2_499_990, 100],
    [2_500_000, 5],
  ] as const) {
    const read = await readRange(repository, tree, `${source.id}/Media/clip.mp4`, { offset, length }, signal);
    t.deepEqual(Buffer.from(read.bytes), bytes.subarray(offset, offset + length));
    t.is(read.sizeBytes, bytes.length);
  }
  await t.throwsAsync(listFolder(repository, tree, 'nowhere', signal), { message: /no such file/ });
});
