// A file of its own, since it gives up root: root reads everything. ava runs each test file in a process of its own.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { archiveBench, treeOf } from '../support/archive.ts';

if (process.getuid?.() === 0) {
  process.setgid?.(65534);
  process.setuid?.(65534);
}

test('a file that cannot be read is named, its earlier version stays, and the next run tries again', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  writeFileSync(join(root, 'holiday.mp4'), 'first');
  writeFileSync(join(root, 'other'), 'x');
  await backUp();
  writeFileSync(join(root, 'holiday.mp4'), 'second, longer');
  chmodSync(join(root, 'holiday.mp4'), 0);
  const second = await backUp();
  t.deepEqual(second.manifest.sources[0]?.omitted, [{ path: 'holiday.mp4', reason: 'permission', kept: true }]);
  const { target } = await restore(second);
  t.is(treeOf(join(target, source.id)).get('/holiday.mp4'), Buffer.from('first').toString('base64'));
  t.false((await backUp()).changed, 'the same omission again is nothing new');
  chmodSync(join(root, 'holiday.mp4'), 0o600);
  t.deepEqual((await backUp()).manifest.sources[0]?.omitted, []);
});

test('a folder that cannot be listed is named and its earlier content stays', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  mkdirSync(join(root, 'Media'));
  writeFileSync(join(root, 'Media', 'a.jpg'), 'a');
  await backUp();
  chmodSync(join(root, 'Media'), 0);
  writeFileSync(join(root, 'new'), 'n');
  const second = await backUp();
  chmodSync(join(root, 'Media'), 0o700);
  t.deepEqual(second.manifest.sources[0]?.omitted, [{ path: 'Media', reason: 'permission', kept: true }]);
  const { target } = await restore(second);
  t.true(treeOf(join(target, source.id)).has('/Media/a.jpg'));
});

test('a new file that cannot be read is named each time and makes no snapshot of its own', async t => {
  const { root, backUp } = await archiveBench(t);
  writeFileSync(join(root, 'a'), 'a');
  await backUp();
  writeFileSync(join(root, 'secret'), 's', { mode: 0 });
  const second = await backUp();
  t.deepEqual(second.manifest.sources[0]?.omitted, [{ path: 'secret', reason: 'permission' }]);
  const third = await backUp();
  t.false(third.changed);
  t.deepEqual(third.manifest.sources[0]?.omitted, [{ path: 'secret', reason: 'permission' }]);
});

test('files that cannot be looked at are no loss: each is named and kept, and the rest of the source is captured', async t => {
  const { root, backUp, restore, source } = await archiveBench(t);
  const media = join(root, 'Media');
  mkdirSync(media);
  for (let n = 0; n < 20; n++) writeFileSync(join(media, `${n}.jpg`), `picture ${n}`);
  writeFileSync(join(root, 'log'), 'one');
  await backUp();
  writeFileSync(join(root, 'log'), 'one, two');
  chmodSync(media, 0o400); // its names can be listed, nothing more
  const second = await backUp();
  chmodSync(media, 0o700);
  const [found] = second.manifest.sources;
  t.is(found?.carriedFrom, undefined);
  t.is(found?.omitted.length, 20);
  const restored = join((await restore(second)).target, source.id);
  chmodSync(join(restored, 'Media'), 0o700);
  const tree = treeOf(restored);
  t.is(tree.get('/log'), Buffer.from('one, two').toString('base64'));
  t.true(tree.has('/Media/19.jpg'));
});
