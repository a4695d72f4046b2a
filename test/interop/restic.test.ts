// Stock restic is the independent judge of what we write, and we read what it wrote.

import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { asBuffer } from '../../daemon/base/bytes.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import type { BlobId, Repository, TreeNode } from '../../daemon/repository/model.ts';
import { encodeTree } from '../../daemon/repository/tree-codec.ts';
import { archiveBench, treeOf } from '../support/archive.ts';
import {
  type Bench,
  bench,
  fileNode,
  folderNode,
  linkNode,
  snapshotOf,
  temporaryFolder,
} from '../support/repository.ts';
import { succeeds, withRestic } from '../support/restic.ts';

interface Place extends Bench {
  readonly path: string;
}

async function folderBench(t: ExecutionContext): Promise<Place> {
  const path = join(await temporaryFolder(t), 'repository');
  await mkdir(path, { mode: 0o700 });
  return { ...(await bench(t, { remote: createFolderRemote(path) })), path };
}

async function saveFile(
  repository: Repository,
  name: string | Uint8Array,
  pieces: readonly Uint8Array[],
  changes: Partial<TreeNode> = {},
): Promise<TreeNode> {
  const content: BlobId[] = [];
  for (const piece of pieces) content.push((await repository.saveBlob('data', piece)).id);
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return fileNode(name, { content, sizeBytes, ...changes });
}

const oddNames: readonly (readonly [string, Uint8Array])[] = [
  ['plain', Buffer.from('plain.txt')],
  ['non-UTF-8', Buffer.from([0x66, 0xff, 0xfe, 0x78])],
  ['newline and tab', Buffer.from('a\nb\tc')],
  ['ZWJ emoji', Buffer.from('👩‍👩‍👧.jpg')],
  ['NBSP', Buffer.from('a\u00a0b')],
  ['quotes and backslash', Buffer.from('q"\\\'')],
  ['HTML characters', Buffer.from('<&>')],
  ['line separators', Buffer.from('x\u2028y\u2029z')],
  ['above the BMP sorts by bytes', Buffer.from('\u{1F600}')],
  ['private use below it', Buffer.from('\uFFFD')],
];

async function writeOddTree(repository: Repository): Promise<{ readonly contents: Map<string, Buffer> }> {
  const contents = new Map<string, Buffer>();
  const nodes: TreeNode[] = [];
  let mtimeNs = 1_700_000_000_000_000_001n;
  for (const [label, name] of oddNames) {
    const bytes = Buffer.from(`content of ${label}\n`);
    contents.set(asBuffer(name).toString('hex'), bytes);
    mtimeNs += 1_234_567_890_123n;
    nodes.push(await saveFile(repository, name, [bytes], { mtimeNs, permissions: 0o600 }));
  }
  nodes.push(await saveFile(repository, 'empty', []));
  nodes.push(await saveFile(repository, 'setuid', [Buffer.from('x')], { permissions: 0o4755 }));
  nodes.push(linkNode('link', 'plain.txt'));
  const inner = await repository.saveTree([await saveFile(repository, 'inner', [Buffer.from('inner')])]);
  nodes.push(folderNode('folder', inner.id));
  nodes.push(folderNode('empty folder', (await repository.saveTree([])).id));
  const tree = await repository.saveTree(nodes);
  await repository.commitIndex();
  await repository.saveSnapshot(snapshotOf(tree.id));
  return { contents };
}

withRestic('stock restic checks, restores, prunes and rewrites what we wrote', async (t, restic) => {
  const place = await folderBench(t);
  const repository = await place.create();
  const { contents } = await writeOddTree(repository);
  await repository.close();

  t.regex(succeeds(t, restic(place.path, ['check', '--read-data'])), /no errors were found/);
  t.regex(succeeds(t, restic(place.path, ['snapshots', '--json'])), /"hostname":"bench"/);
  const target = await temporaryFolder(t);
  succeeds(t, restic(place.path, ['restore', 'latest', '--target', target]));
  for (const [name, bytes] of contents) {
    const path = Buffer.concat([Buffer.from(`${target}/`), Buffer.from(name, 'hex')]);
    t.deepEqual(await readFile(path), bytes, name);
    t.is((await lstat(path)).mode & 0o777, 0o600);
  }
  const first = await lstat(join(target, 'plain.txt'), { bigint: true });
  t.is(first.mtimeNs, 1_700_000_000_000_000_001n + 1_234_567_890_123n);
  t.is((await lstat(join(target, 'empty'))).size, 0);
  t.is((await lstat(join(target, 'setuid'))).mode & 0o7777, 0o4755);
  t.is(await readlink(join(target, 'link')), 'plain.txt');
  t.is(await readFile(join(target, 'folder', 'inner'), 'utf8'), 'inner');
  t.true((await lstat(join(target, 'empty folder'))).isDirectory());

  succeeds(t, restic(place.path, ['prune', '--max-unused', '0']));
  t.regex(succeeds(t, restic(place.path, ['check', '--read-data'])), /no errors were found/);

  // What restic repacked is found again, nothing of it is stored twice, and restic accepts what is added to it.
  const again = await place.open();
  await again.refreshIndex();
  t.deepEqual(again.problems, []);
  for (const bytes of contents.values()) t.false((await again.saveBlob('data', bytes)).isNew);
  const more = await again.saveTree([await saveFile(again, 'more', [randomBytes(2_000_000)])]);
  t.deepEqual(await again.confirmUsed(), []);
  await again.saveSnapshot(snapshotOf(more.id));
  t.deepEqual(await again.checkPacks(), []);
  for (const id of again.packIds()) t.deepEqual(await again.checkPackData(id), []);
  await again.close();
  t.regex(succeeds(t, restic(place.path, ['check', '--read-data'])), /no errors were found/);
});

withRestic(
  'stock restic restores a backed-up folder of large and small files equal to the original',
  async (t, restic) => {
    const path = join(await temporaryFolder(t), 'repository');
    await mkdir(path, { mode: 0o700 });
    const made = await archiveBench(t, { remote: createFolderRemote(path), packTargetBytes: 4 << 20 });
    const text = Buffer.from('a message like many others, '.repeat(100_000));
    for (const [name, bytes] of [
      ['photo.jpg', randomBytes(700_000)],
      ['video.mp4', randomBytes(21_000_000)],
      ['log.txt', text],
      ['zeros', Buffer.alloc(9 << 20)],
      ['empty', Buffer.alloc(0)],
    ] as const) {
      await writeFile(join(made.root, name), bytes);
    }
    await mkdir(join(made.root, 'many'));
    for (let i = 0; i < 300; i++) await writeFile(join(made.root, 'many', `${i}`), `${i} `.repeat(i * 7));
    const run = await made.backUp();
    t.truthy(run.id);
    await writeFile(join(made.root, 'log.txt'), Buffer.concat([text, text]));
    const { id = '' } = await made.backUp(); // both have the time of a clock that stands still: "latest" could be either
    t.regex(succeeds(t, restic(path, ['check', '--read-data'])), /no errors were found/);
    const target = await temporaryFolder(t);
    succeeds(t, restic(path, ['restore', id, '--target', target]));
    t.deepEqual(treeOf(join(target, made.source.id)), treeOf(made.root));
  },
);

withRestic('a repository in the old format is refused by its version', async (t, restic) => {
  const place = await folderBench(t);
  succeeds(t, restic(place.path, ['init', '--repository-version', '1']));
  await t.throwsAsync(place.open(), { code: 'E_VERSION' });
});

withRestic('blobs of every frame size are read by stock restic, compressed and raw', async (t, restic) => {
  const place = await folderBench(t);
  const repository = await place.create();
  const lengths = [1, 2, 255, 256, 257, 65791, 65792, 131071, 131072, 131073, 262144, 300001, 8 * 1024 * 1024];
  const nodes: TreeNode[] = [];
  const expected = new Map<string, Buffer>();
  for (const length of lengths) {
    for (const [kind, bytes] of [
      ['random', randomBytes(length)],
      ['zeros', Buffer.alloc(length, 'ab')],
    ] as const) {
      const name = `${kind}-${length}`;
      expected.set(name, bytes);
      nodes.push(await saveFile(repository, name, [bytes]));
    }
  }
  const tree = await repository.saveTree(nodes);
  await repository.commitIndex();
  await repository.saveSnapshot(snapshotOf(tree.id));
  await repository.close();
  t.regex(succeeds(t, restic(place.path, ['check', '--read-data'])), /no errors were found/);
  const target = await temporaryFolder(t);
  succeeds(t, restic(place.path, ['restore', 'latest', '--target', target]));
  for (const [name, bytes] of expected) t.true(bytes.equals(await readFile(join(target, name))), name);

  const again = await place.open();
  await again.refreshIndex();
  for (const node of await again.loadTree(tree.id)) {
    const [id] = node.content ?? [];
    const bytes = expected.get(Buffer.from(node.name).toString());
    t.true(id !== undefined && bytes?.equals(await again.loadBlob('data', id)), Buffer.from(node.name).toString());
  }
  await again.close();
});

withRestic(
  'a repository that stock restic made is read, and its trees are encoded as Go encodes them',
  async (t, restic) => {
    const place = await folderBench(t);
    succeeds(t, restic(place.path, ['init']));
    const source = await temporaryFolder(t);
    await mkdir(join(source, 'sub'));
    for (const [, name] of oddNames) await writeFile(Buffer.concat([Buffer.from(`${source}/`), name]), name);
    const large = randomBytes(3 * 1024 * 1024 + 17);
    await writeFile(join(source, 'sub', 'large'), large);
    await writeFile(join(source, 'empty'), '');
    await symlink('empty', join(source, 'link'));
    await utimes(join(source, 'empty'), 1_600_000_000.25, 1_600_000_000.25);
    succeeds(t, restic(place.path, ['backup', '.'], { cwd: source }));

    const repository = await place.open();
    await repository.refreshIndex();
    const [snapshot] = (await repository.snapshots()).values();
    t.truthy(snapshot);
    if (snapshot === undefined) return;
    const nodes = await repository.loadTree(snapshot.tree);
    t.is(nodes.length, oddNames.length + 3);
    for (const node of nodes.filter(each => each.type === 'file' && each.sizeBytes !== 0)) {
      const [id] = node.content ?? [];
      if (id === undefined) throw new Error('not found');
      t.deepEqual(Buffer.from(await repository.loadBlob('data', id)), Buffer.from(node.name));
    }
    // Owners' names are the one thing of restic's nodes that ours do not keep.
    const theirs = Buffer.from(await repository.loadBlob('tree', snapshot.tree)).toString();
    const withoutNames = theirs.replace(/"(user|group)":"[^"]*",/g, '');
    t.is(Buffer.from(encodeTree(nodes)).toString(), withoutNames);
    const sub = nodes.find(node => node.type === 'dir');
    if (sub?.subtree === undefined) throw new Error('not found');
    const [file] = await repository.loadTree(sub.subtree);
    const pieces = await Promise.all((file?.content ?? []).map(id => repository.loadBlob('data', id)));
    t.true(large.equals(Buffer.concat(pieces)));
    t.is(repository.problems.length, 0, JSON.stringify(repository.problems));
    await repository.close();
  },
);

withRestic('stock restic adds a snapshot beside ours, and both are found', async (t, restic) => {
  const place = await folderBench(t);
  const repository = await place.create();
  await writeOddTree(repository);
  const source = await temporaryFolder(t);
  await writeFile(join(source, 'theirs'), 'theirs');
  succeeds(t, restic(place.path, ['backup', source]));
  const lock = await repository.lock('shared');
  await repository.refreshIndex();
  t.is((await repository.snapshots()).size, 2);
  await lock.release();
  await repository.close();
});

withRestic('a lock of ours stops restic check, and is gone after release', async (t, restic) => {
  const place = await folderBench(t);
  const repository = await place.create();
  const lock = await repository.lock('shared');
  t.not(restic(place.path, ['check']).status, 0);
  await lock.release();
  succeeds(t, restic(place.path, ['check']));
  await repository.close();
});
