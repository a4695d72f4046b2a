// Rows 32 and 33: stock restic reads what Signet writes, and what a cloud can learn from sizes, order and names.

import { padme } from '../../daemon/kernel/padme.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { treeOf } from '../support/archive.ts';
import { jobBench, writeFiles } from '../support/job-bench.ts';
import {
  bench,
  fileNode,
  fixedRandom,
  folderNode,
  resticPassword,
  snapshotOf,
  temporaryFolder,
} from '../support/repository.ts';
import { row } from '../support/rows.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';
import { scene } from '../support/tampered-place.ts';

row(32, 'stock restic checks every byte of ours and restores the same files', async t => {
  if (!hasRestic) return skip(t, 'restic is not installed');
  const place = await temporaryFolder(t);
  const made = await bench(t, { remote: createFolderRemote(place) });
  const repository = await made.create();
  const content = fixedRandom(80)(50_000);
  const { id } = await repository.saveBlob('data', content);
  const tree = await repository.saveTree([fileNode('a.bin', { sizeBytes: content.length, content: [id] })]);
  const root = await repository.saveTree([folderNode('chats', tree.id)]);
  await repository.commitIndex();
  await repository.saveSnapshot(snapshotOf(root.id));
  await repository.close();
  const checked = await restic(place, resticPassword, ['check', '--read-data', '--no-lock']);
  t.is(checked.status, 0, checked.out);
  const back = await temporaryFolder(t);
  const restored = await restic(place, resticPassword, ['restore', 'latest', '--target', back, '--no-lock']);
  t.is(restored.status, 0, restored.out);
  t.is(treeOf(back).get('/chats/a.bin'), Buffer.from(content).toString('base64'));
});

/** Packs smaller than this are not padded: what hides their size would be a large share of them. */
const leastPaddedBytes = 8 * 1024;

row(33, 'the sizes of packs, indexes and snapshots are few: all are Padmé lengths', async t => {
  const place = await scene(t);
  const packs = place.keys('data').map(key => place.bytesOf(key).length);
  t.true(packs.length >= 4);
  for (const size of packs) if (size >= leastPaddedBytes) t.is(padme(size), size, `a pack of ${size} bytes`);
  for (const folder of ['index', 'snapshots']) {
    for (const key of place.keys(folder)) {
      const { length } = place.bytesOf(key);
      t.true(length >= 1024 && padme(length) === length, `${key}: ${length} bytes`);
    }
  }
  for (const key of place.keys('signet/heads')) t.is(place.bytesOf(key).length, 4096 + 32);
});

row(33, 'a message more or less changes no size', async t => {
  const sizes: string[] = [];
  for (const messages of [100, 101]) {
    const place = await jobBench(t);
    writeFiles(place.source, { 'chat.txt': Buffer.from(fixedRandom(81)(40_000 + messages)).toString('base64') });
    const session = await place.open();
    await session.backUp();
    await session.close();
    const lengths = [...place.remote.objects].flatMap(([key, { length }]) =>
      /^(data|index|snap)/.test(key) ? [length] : [],
    );
    sizes.push(JSON.stringify(lengths.sort((a, b) => a - b).filter(length => length >= leastPaddedBytes)));
  }
  t.is(sizes[0], sizes[1]);
});

/** For one degree of freedom, p = 10^-6. */
const chiSquareBound = 23.9;

row(33, 'which of the two open packs takes a chunk is a coin that is fair and has no memory', async t => {
  const place = await bench(t);
  const repository = await place.create();
  const ids = [];
  const random = fixedRandom(82);
  for (let number = 0; number < 800; number++) ids.push((await repository.saveBlob('data', random(2000))).id);
  // Larger than what small leftovers are joined for, so that two packs stay two.
  for (let number = 0; number < 20; number++) await repository.saveBlob('data', random(1_000_000));
  await repository.commitIndex();
  const packs = ids.map(id => repository.find('data', id)?.pack ?? '');
  await repository.close();
  const names = [...new Set(packs)];
  t.true(names.length >= 2, `${names.length} packs`);
  const first = packs.filter(pack => pack === names[0]).length;
  const changes = packs.filter((pack, index) => index > 0 && pack !== packs[index - 1]).length;
  const chi = (seen: number, of: number): number => (2 * (seen - of / 2) ** 2) / (of / 2);
  t.true(chi(first, packs.length) < chiSquareBound, `${first} of ${packs.length}`);
  t.true(chi(changes, packs.length - 1) < chiSquareBound, `${changes} changes`);
});

row(33, 'no name, path, host or message in any byte or name of the place', async t => {
  const place = await jobBench(t);
  writeFiles(place.source, { 'Anna Example/secret-name.txt': 'the cassowary sleeps '.repeat(50) });
  const session = await place.open();
  await session.backUp();
  await session.close();
  for (const [key, bytes] of place.remote.hoard) {
    for (const needle of ['cassowary', 'secret-name', 'Anna', 'bench', place.source, 'generic-']) {
      t.false(key.includes(needle) || Buffer.from(bytes).includes(needle), `${needle} in ${key}`);
    }
  }
});
