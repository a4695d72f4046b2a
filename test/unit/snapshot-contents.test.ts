import { randomBytes } from 'node:crypto';
import test from 'ava';
import { Contents, maxShownBytes } from '../../extension/snapshots/contents.ts';
import { kindOfFile } from '../../extension/snapshots/kind-of-file.ts';
import { liveNames } from '../../extension/snapshots/live-path.ts';
import { findSnapshot, groupNode, pathNode } from '../../extension/snapshots/nodes.ts';
import { groupsOf } from '../../extension/snapshots/rows.ts';
import type { ListEntry } from '../../protocol/status.ts';
import { snapshotEntry } from '../support/fake-handlers.ts';

type Params = { readonly offset: number; readonly length: number; readonly path: string };

/** A daemon with one file. */
function linkTo(bytes: Uint8Array, sizeBytes = bytes.length) {
  const asked: Params[] = [];
  const request = async (_: unknown, params: Params) => {
    asked.push(params);
    const { offset, length } = params;
    return { base64: Buffer.from(bytes.subarray(offset, offset + length)).toString('base64'), sizeBytes };
  };
  return { asked, contents: new Contents({ request } as unknown as ConstructorParameters<typeof Contents>[0]) };
}

const piece = 128 * 1024;

for (const length of [0, 1, piece - 1, piece, piece + 1, 5 * piece, 6 * piece + 17]) {
  test(`a file of ${length} bytes is read whole, piece by piece`, async t => {
    const bytes = randomBytes(length);
    const { contents, asked } = linkTo(bytes);
    t.deepEqual(Buffer.from((await contents.read('a1b2', 'x')) ?? []), bytes);
    t.is(asked.length, Math.max(1, Math.ceil(length / piece)));
    t.true(asked.every(each => each.length <= piece));
  });
}

test('a file that is too large is given up after its first piece, before room is made for it', async t => {
  const { contents, asked } = linkTo(new Uint8Array(piece), maxShownBytes + 1);
  t.is(await contents.read('a1b2', 'x'), undefined);
  t.is(asked.length, 1);
});

test('a daemon that answers more than was asked for writes nowhere else', async t => {
  const { contents } = linkTo(new Uint8Array(10).fill(7), 4);
  t.deepEqual([...((await contents.read('a1b2', 'x')) ?? [])], [7, 7, 7, 7]);
});

test('what a snapshot holds is asked once, and again after a failure or when it was forgotten', async t => {
  let asked = 0;
  let fails = true;
  const request = async () => {
    asked += 1;
    if (fails) throw new Error('away');
    return { snapshot: snapshotEntry, sources: [] };
  };
  const contents = new Contents({ request } as unknown as ConstructorParameters<typeof Contents>[0]);
  await t.throwsAsync(contents.show('a1b2'));
  fails = false;
  await Promise.all([contents.show('a1b2'), contents.show('a1b2')]);
  t.is(asked, 2);
  contents.forget();
  await contents.show('a1b2');
  t.is(asked, 3);
});

test('text and pictures are shown side by side, databases are recognised by what they are', t => {
  const text = Buffer.from('hello');
  t.is(kindOfFile('note.txt', text), 'text');
  t.is(kindOfFile('empty', new Uint8Array()), 'text');
  t.is(kindOfFile('Photo.JPG', Buffer.from([0xff, 0xd8, 0])), 'picture');
  t.is(kindOfFile('msgstore', Buffer.from('SQLite format 3\0\x10\0')), 'database');
  t.is(kindOfFile('photo.jpg', Buffer.from('SQLite format 3\0\x10\0')), 'database');
  t.is(kindOfFile('voice.opus', Buffer.from([0x4f, 0x67, 0])), 'other');
});

test('a name that this computer would read otherwise leads to no file here', t => {
  t.deepEqual(liveNames('Media/holiday.jpg', 'linux'), ['Media', 'holiday.jpg']);
  t.deepEqual(liveNames('a:b.txt', 'linux'), ['a:b.txt']);
  t.deepEqual(liveNames('con.txt', 'linux'), ['con.txt']);
  t.deepEqual(liveNames('console.txt', 'win32'), ['console.txt']);
  for (const path of ['', 'a//b', '..', 'a/../b', './a', 'odd\\xff', 'back\\\\slash'])
    t.is(liveNames(path, 'linux'), undefined, path);
  for (const path of ['C:x', 'a.', 'a ', 'a?', 'NUL', 'Media/con.txt', 'com1 .log', 'lpt¹'])
    t.is(liveNames(path, 'win32'), undefined, path);
});

test('a node is found below its day and month, with the ids that the tree has for them', t => {
  const reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };
  const old = { ...snapshotEntry, id: 'ff'.repeat(32), at: '2026-08-01T08:00:00Z' };
  const groups = groupsOf([snapshotEntry, old], reader);
  const node = findSnapshot(groups, old.id);
  t.deepEqual(
    [node?.id, node?.parent?.id, node?.parent?.parent?.id],
    [`snapshot ${old.id}`, 'group 2026-08-01', 'group 2026-08'],
  );
  t.is(findSnapshot(groups, 'ee'.repeat(32)), undefined);
  const [today] = groups;
  if (today === undefined) return t.fail();
  const entry: ListEntry['type'] = 'file';
  const row = { label: 'x', description: '', tooltip: [], icon: 'file' };
  const at = { kind: 'entry', snapshot: old.id, path: 'a/x', type: entry, row, sources: [] } as const;
  t.is(pathNode(groupNode(today, undefined), at).id, `path ${old.id} a/x`);
});
