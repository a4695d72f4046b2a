import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type CompareBounds, compareTrees } from '../../daemon/archive/compare.ts';
import { utf8 } from '../../daemon/base/bytes.ts';
import { asBlobId } from '../../daemon/repository/ids.ts';
import type { BlobId, TreeNode } from '../../daemon/repository/model.ts';
import { archiveBench } from '../support/archive.ts';
import { makeDatabase } from '../support/databases.ts';

const signal = new AbortController().signal;
const usual: CompareBounds = { depth: 512, folders: 1000, entries: 1000, characters: 1 << 20 };

/** Two captures of a folder, with what happened in between. */
async function twoOf(t: ExecutionContext, first: (root: string) => void, then: (root: string) => void) {
  const bench = await archiveBench(t);
  first(bench.root);
  const { tree: before = t.fail() as never } = await bench.backUp();
  then(bench.root);
  const { tree: after = t.fail() as never } = await bench.backUp();
  const opened: BlobId[] = [];
  const repository = {
    loadTree: (id: BlobId) => {
      opened.push(id);
      return bench.repository.loadTree(id);
    },
  };
  return { ...bench, before, after, repository, opened };
}

test('files that came, went and changed are told with their sizes, and nothing of Signet’s own', async t => {
  const { repository, before, after, source } = await twoOf(
    t,
    root => {
      mkdirSync(join(root, 'old', 'deep'), { recursive: true });
      writeFileSync(join(root, 'old', 'deep', 'gone.txt'), 'gone');
      writeFileSync(join(root, 'note.txt'), 'one');
      writeFileSync(join(root, 'same.txt'), 'same');
      writeFileSync(join(root, 'turns'), 'a file');
      symlinkSync('note.txt', join(root, 'link'));
      makeDatabase(join(root, 'chat.db'));
    },
    root => {
      rmSync(join(root, 'old'), { recursive: true });
      writeFileSync(join(root, 'note.txt'), 'one and two');
      utimesSync(join(root, 'same.txt'), 1_600_000_000, 1_600_000_000);
      rmSync(join(root, 'turns'));
      mkdirSync(join(root, 'turns'));
      writeFileSync(join(root, 'turns', 'inside'), '');
      mkdirSync(join(root, 'empty'));
      writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x61])]), 'odd');
      rmSync(join(root, 'link'));
      symlinkSync('same.txt', join(root, 'link'));
      rmSync(join(root, 'chat.db'));
      makeDatabase(join(root, 'chat.db'), { rows: 5000 });
    },
  );
  const { entries, isMore } = await compareTrees(repository, { before, after }, '', { signal });
  t.false(isMore);
  const its = entries.map(({ path, ...entry }) => ({ path: path.replace(`${source.id}/`, ''), ...entry }));
  t.deepEqual(
    its.filter(({ path }) => path !== 'chat.db'),
    [
      { path: 'empty', change: 'added', type: 'dir' },
      { path: 'link', change: 'changed', type: 'symlink' },
      { path: 'note.txt', change: 'changed', type: 'file', sizeBefore: 3, sizeAfter: 11 },
      { path: 'old/deep/gone.txt', change: 'removed', type: 'file', sizeBefore: 4 },
      { path: 'turns', change: 'removed', type: 'file', sizeBefore: 6 },
      { path: 'turns/inside', change: 'added', type: 'file', sizeAfter: 0 },
      { path: '\\xffa', change: 'added', type: 'file', sizeAfter: 3 },
    ],
  );
  t.like(
    its.find(({ path }) => path === 'chat.db'),
    { change: 'changed', type: 'file' },
  );

  const backwards = await compareTrees(repository, { before: after, after: before }, '', { signal });
  t.is(backwards.entries.length, entries.length);
  const mirrored = { added: 'removed', removed: 'added', changed: 'changed' } as const;
  for (const { path, change, type } of entries) {
    t.true(
      backwards.entries.some(each => each.path === path && each.type === type && each.change === mirrored[change]),
    );
  }
});

test('folders that are the same are not opened', async t => {
  const { repository, opened, before, after, source } = await twoOf(
    t,
    root => {
      for (let folder = 0; folder < 50; folder += 1) {
        mkdirSync(join(root, `day ${folder}`));
        writeFileSync(join(root, `day ${folder}`, 'photo.jpg'), `photo ${folder}`);
      }
    },
    root => writeFileSync(join(root, 'day 7', 'photo.jpg'), 'another'),
  );
  const { entries } = await compareTrees(repository, { before, after }, '', { signal });
  t.deepEqual(
    entries.map(({ path }) => path),
    [`${source.id}/day 7/photo.jpg`],
  );
  t.is(opened.length, 6, 'root, source and the one day, of both');
  opened.length = 0;
  t.deepEqual(await compareTrees(repository, { before, after: before }, '', { signal }), {
    entries: [],
    isMore: false,
  });
  t.is(opened.length, 0);
});

test('what is below one path is compared, a folder or a single file, also where only one of the two has it', async t => {
  const { repository, before, after, source } = await twoOf(
    t,
    root => {
      mkdirSync(join(root, 'a'));
      writeFileSync(join(root, 'a', 'x'), '1');
      writeFileSync(join(root, 'y'), '1');
    },
    root => {
      writeFileSync(join(root, 'a', 'x'), '22');
      mkdirSync(join(root, 'b'));
      writeFileSync(join(root, 'b', 'z'), '333');
    },
  );
  const below = async (path: string) =>
    (await compareTrees(repository, { before, after }, path, { signal })).entries.map(
      each => `${each.change} ${each.path.replace(source.id, '…')}`,
    );
  t.deepEqual(await below(source.id), ['changed …/a/x', 'added …/b/z']);
  t.deepEqual(await below(`${source.id}/a`), ['changed …/a/x']);
  t.deepEqual(await below(`${source.id}/a/x`), ['changed …/a/x']);
  t.deepEqual(await below(`${source.id}/b`), ['added …/b/z']);
  t.deepEqual(await below(`${source.id}/y`), []);
  for (const path of ['nowhere', `${source.id}/a/x/y`, '.signet', '.signet/manifest.json', '\\q'])
    t.like(await t.throwsAsync(below(path)), { code: 'E_NOT_FOUND', params: { what: path } });
});

test('folders that hold themselves a million times end at a bound and say so', async t => {
  const node = (name: string, more: Partial<TreeNode>): TreeNode => ({
    ...{ name: utf8(name), type: 'dir', permissions: 0o700, mtimeNs: 0n, atimeNs: 0n, ctimeNs: 0n },
    ...{ uid: 0, gid: 0, inode: 0n },
    ...more,
  });
  const id = (text: string) => asBlobId(Buffer.from(text.padEnd(32, '.')).toString('hex'));
  const two = (side: string, at: number) => [
    node('x', { subtree: id(`${side} ${at}`) }),
    node('y', { subtree: id(`${side} ${at}`) }),
  ];
  const repository = {
    loadTree: async (of: BlobId) => {
      const [side = '', level = ''] = Buffer.from(of, 'hex').toString().replace(/\.+$/, '').split(' ');
      const at = Number(level);
      if (at > 0) return two(side, at - 1);
      return side === 'files' ? [node('f', { type: 'file', content: [], sizeBytes: 0 })] : [];
    },
  };
  const compare = (before: string, after: string, bounds: Partial<CompareBounds>) =>
    compareTrees(repository, { before: id(before), after: id(after) }, '', { signal, bounds: { ...usual, ...bounds } });
  const equal = await compare('left 40', 'right 40', {});
  t.deepEqual(equal, { entries: [], isMore: true });
  const listed = await compare('left 0', 'files 40', { folders: 1_000_000 });
  t.is(listed.entries.length, usual.entries);
  t.true(listed.isMore);
  const long = await compare('left 0', 'files 40', { folders: 1_000_000, characters: 5000 });
  t.true(long.isMore && long.entries.length < 100);
  const deep = await compare('left 0', 'files 40', { depth: 10 });
  t.deepEqual(deep, { entries: [], isMore: true });
  t.deepEqual(
    (await compare('left 2', 'files 2', {})).entries.map(({ path }) => path),
    ['x/x/f', 'x/y/f', 'y/x/f', 'y/y/f'],
  );

  const stop = new AbortController();
  stop.abort(new Error('enough'));
  const trees = { before: id('left 3'), after: id('right 3') };
  await t.throwsAsync(compareTrees(repository, trees, '', { signal: stop.signal }), { message: 'enough' });
});
