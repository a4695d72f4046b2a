// Writing a restore's files: what is fetched, what lies on the disk, and what proves it.

import fs, {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { folderMatcherOf, matcherOf, type RestoreContext } from '../../daemon/archive/restore.ts';
import { dataRanges } from '../../daemon/archive/sparse.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import type { BlobId } from '../../daemon/repository/model.ts';
import { archiveBench, treeOf } from '../support/archive.ts';
import { fixedRandom } from '../support/repository.ts';
import { standIns } from '../support/stand-in.ts';

test('a restore fetches each pack once, whatever the order of its files and however often they share a blob', async t => {
  const { root, backUp, restore, source, repository } = await archiveBench(t, { packTargetBytes: 512 * 1024 });
  const random = fixedRandom(3);
  // Written in one order, named in another, so that neighbours in a folder lie in different packs.
  for (const round of [1, 2, 3]) {
    for (let number = 0; number < 12; number++) writeFileSync(join(root, `${number}-${round}.bin`), random(90_000));
    writeFileSync(join(root, `copy-${round}.bin`), readFileSync(join(root, '5-1.bin')));
    await backUp();
  }
  writeFileSync(join(root, 'large.bin'), random(3_000_000));
  const run = await backUp();
  await restore(run, { dryRun: true }); // reads the trees
  const before = { ...readings(repository.traffic) };
  const { target, files } = await restore(run);
  t.is(files, 40);
  t.deepEqual(treeOf(join(target, source.id)), treeOf(root));
  const after = readings(repository.traffic);
  const { packBytes, packs } = repository.size();
  t.true(after.bytesDownloaded - before.bytesDownloaded <= packBytes, 'no byte twice');
  t.true(
    after.requests - before.requests <= 2 * packs,
    `${after.requests - before.requests} requests for ${packs} packs`,
  );
});

function readings({ bytesDownloaded, requests }: { readonly bytesDownloaded: number; readonly requests: number }) {
  return { bytesDownloaded, requests };
}

test('runs of zeros come back as holes, also at the end of a file', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  const sparse = openSync(join(root, 'sparse.bin'), 'w');
  ftruncateSync(sparse, 4 << 20);
  closeSync(sparse);
  const mixed = Buffer.concat([
    Buffer.alloc(100, 1),
    Buffer.alloc(900_000),
    fixedRandom(1)(5000),
    Buffer.alloc(700_000),
  ]);
  writeFileSync(join(root, 'mixed.bin'), mixed);
  chmodSync(join(root, 'mixed.bin'), 0o400);
  const { target } = await restore(await backUp());
  const restored = join(target, source.id);
  t.deepEqual(treeOf(restored), treeOf(root));
  t.is(statSync(join(restored, 'sparse.bin')).size, 4 << 20);
  if (process.platform === 'win32') return;
  t.true(statSync(join(restored, 'sparse.bin')).blocks * 512 < 64 * 1024);
  t.true(statSync(join(restored, 'mixed.bin')).blocks * 512 < mixed.length / 2);
  t.is(statSync(join(restored, 'mixed.bin')).mode & 0o777, 0o400);
});

test('what is left out of writing is zeros, whole units of the file, and nothing else', t => {
  const unit = 64 * 1024;
  const random = fixedRandom(8);
  for (let round = 0; round < 60; round++) {
    const draw = (): number => Buffer.from(random(4)).readUInt32LE();
    const position = draw() % (3 * unit);
    const bytes = Buffer.alloc(draw() % (5 * unit));
    for (let marks = draw() % 4; marks > 0 && bytes.length > 0; marks--) bytes[draw() % bytes.length] = 1;
    const written = Buffer.alloc(bytes.length);
    let end = 0;
    for (const { from, to } of dataRanges(bytes, position)) {
      t.true(from >= end && to > from);
      t.true(from === end || (position + from) % unit === 0);
      bytes.copy(written, from, from, to);
      end = to;
    }
    t.true(written.equals(bytes), `round ${round}`);
  }
  t.deepEqual(dataRanges(new Uint8Array(3 * unit), 0), []);
  t.deepEqual(dataRanges(new Uint8Array(unit), 1), [{ from: 0, to: unit }]);
});

test('a blob that a pack holds under the id of another is read from elsewhere, and else costs its file by name', async t => {
  const { root, backUp, restore, source, repository } = await archiveBench(t);
  for (const name of ['good', 'healed', 'lost', 'wide']) writeFileSync(join(root, name), name.padEnd(900, name));
  writeFileSync(join(root, 'large'), fixedRandom(4)(3_000_000));
  const run = await backUp();
  const tree = await repository.loadTree(run.tree ?? (t.fail() as never));
  const chats = tree.find(node => Buffer.from(node.name).toString() === source.id)?.subtree ?? (t.fail() as never);
  const contentOf = new Map(
    (await repository.loadTree(chats)).map(node => [Buffer.from(node.name).toString(), node.content ?? []]),
  );
  const wrong = new Set<BlobId | undefined>([
    contentOf.get('healed')?.[0],
    contentOf.get('lost')?.[0],
    contentOf.get('large')?.[1],
  ]);
  const alone: BlobId[] = [];
  const lying: RestoreContext['repository'] = {
    find: (type, id) => repository.find(type, id),
    loadTree: id => repository.loadTree(id),
    async loadBlob(type, id) {
      alone.push(id);
      if (id === contentOf.get('lost')?.[0])
        throw new SignetError('E_OBJECT_ID', 'its content does not hash to its id');
      return repository.loadBlob(type, id);
    },
    async *loadBlobs(ids) {
      for await (const loaded of repository.loadBlobs(ids)) {
        if (wrong.has(loaded.id) && 'parts' in loaded) for (const part of loaded.parts) part.fill(0x2a);
        yield loaded;
      }
    },
  };
  alone.length = 0;
  const { target, skipped, files } = await restore(run, { repository: lying });
  t.deepEqual(
    skipped.map(({ path, code }) => [path, code]),
    [[`${source.id}/lost`, 'E_OBJECT_ID']],
  );
  t.is(files, 4);
  t.deepEqual(alone.filter(id => wrong.has(id)).sort(), ([...wrong] as BlobId[]).sort());
  const expected = treeOf(root);
  expected.delete('/lost');
  t.deepEqual(treeOf(join(target, source.id)), expected);
});

test('one file of many costs the trees on the way to it', async t => {
  const { root, backUp, restore, source, repository } = await archiveBench(t);
  for (let folder = 0; folder < 20; folder++) {
    mkdirSync(join(root, `folder-${folder}`, 'inner'), { recursive: true });
    writeFileSync(join(root, `folder-${folder}`, 'inner', 'note.txt'), `note ${folder}`);
  }
  const run = await backUp();
  const loaded: BlobId[] = [];
  const counting: RestoreContext['repository'] = {
    find: (type, id) => repository.find(type, id),
    loadBlob: (type, id) => repository.loadBlob(type, id),
    loadBlobs: (ids, options) => repository.loadBlobs(ids, options),
    loadTree(id, options) {
      loaded.push(id);
      return repository.loadTree(id, options);
    },
  };
  const outcome = await restore(run, { repository: counting, include: [`${source.id}/folder-7/inner/note.txt`] });
  t.is(outcome.files, 1);
  // The root, what the manifest lies in, the source, its folder, and the one inside.
  t.true(loaded.length <= 5, `${loaded.length} trees`);
});

test('no folder is passed over that holds what a pattern matches', t => {
  const paths = ['a/b/c.txt', 'a/bc/d', 'a/x (1)/y.jpg', 'a/[z]/q', '!n/m', 'a/b\\x0ac/d', 'e/f/g/h'];
  const patterns = [
    'a/b',
    'a/b/',
    '**/c.txt',
    'a/*/d',
    'a/x (1)/*',
    'a/\\[z\\]/q',
    '!a/b',
    './a/b',
    '{a,e}/**',
    'e/f/g/h',
    '*',
    '(a|e)/f',
  ];
  for (const pattern of patterns) {
    const [matches, mayHold] = [matcherOf([pattern]), folderMatcherOf([pattern])];
    for (const path of paths) {
      const parts = path.split('/');
      const above = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
      const first = [...above, path].findIndex(matches);
      if (first === -1) continue;
      for (const folder of above.slice(0, first)) t.true(mayHold(folder), `${pattern} matches ${path} below ${folder}`);
    }
  }
});

test.serial('a disk that gives back other bytes than were written ends the restore, and nothing is shown', async t => {
  const { root, backUp, restore, folder } = await archiveBench(t);
  writeFileSync(join(root, 'small'), 'small');
  writeFileSync(join(root, 'large'), fixedRandom(4)(3_000_000));
  const run = await backUp();
  const { readSync, read } = fs;
  const disk = standIns();
  t.teardown(disk.giveBack);
  const spoil = (bytes: unknown): void => {
    if (bytes instanceof Uint8Array && bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 1;
  };
  disk.replace(fs, 'readSync', ((...args: Parameters<typeof readSync>) => {
    const count = Reflect.apply(readSync, fs, args);
    spoil(args[1]);
    return count;
  }) as typeof readSync);
  disk.replace(fs, 'read', ((...args: unknown[]) => {
    const done = args.pop() as (error: Error | null, count: number, bytes: Uint8Array) => void;
    const spoiled = (error: Error | null, count: number, bytes: Uint8Array): void => {
      spoil(bytes);
      done(error, count, bytes);
    };
    Reflect.apply(read, fs, [...args, spoiled]);
  }) as typeof read);
  disk.begin();
  const target = join(folder, 'spoiled');
  for (const name of ['small', 'large']) {
    await t.throwsAsync(restore(run, { target, include: [`*/${name}`] }), {
      code: 'E_INTERNAL',
      message: /reads back/,
    });
  }
  disk.giveBack();
  t.deepEqual(
    fs.readdirSync(folder).filter(name => name.startsWith('spoiled')),
    [],
  );
});
