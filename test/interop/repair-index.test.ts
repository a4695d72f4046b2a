// The index made anew from what packs say of themselves: index files lost, one or all, junk among them, packs gone or cut off.

import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { backUpFiles, expectWhole, type KeptSnapshot, pruneOnce, someFiles } from '../support/prune-kit.ts';
import { bench, temporaryFolder } from '../support/repository.ts';
import { type Restic, succeeds, withRestic } from '../support/restic.ts';

/** Three snapshots in a folder, each with an index file of its own. */
async function threeBackups(t: ExecutionContext) {
  const path = await temporaryFolder(t);
  const place = await bench(t, { remote: createFolderRemote(path), packTargetBytes: 1 << 20 });
  const repository = await place.create();
  const kept: KeptSnapshot[] = [];
  for (const seed of [1, 2, 3]) {
    kept.push(await backUpFiles(repository, someFiles(seed, { a: [400_000, 900_000], b: [50_000] })));
  }
  await repository.close();
  const indexes = (await readdir(join(path, 'index'))).map(name => join(path, 'index', name));
  return { place, path, kept, indexes };
}

async function expectRepaired(
  t: ExecutionContext,
  restic: Restic,
  { place, path, kept }: Awaited<ReturnType<typeof threeBackups>>,
): Promise<void> {
  t.regex(succeeds(t, restic(path, ['check', '--read-data', '--no-lock'])), /no errors were found/);
  const repository = await place.open();
  await repository.refreshIndex();
  for (const each of kept) await expectWhole(repository, each);
  t.deepEqual(await repository.checkPacks(), []);
  const again = await repository.repairIndex();
  t.like(again, { packsRead: 0, packsAdded: 0, packsRemoved: 0, indexesReplaced: 0 }, 'nothing is left to do');
  await repository.close();
}

for (const [what, lost] of [
  ['one index file', 1],
  ['all index files', 99],
] as const) {
  withRestic(`${what} lost: the packs tell what they hold, and stock restic finds nothing wrong`, async (t, restic) => {
    const backups = await threeBackups(t);
    for (const path of backups.indexes.slice(0, lost)) await rm(path);
    t.not(restic(backups.path, ['check', '--no-lock']).status, 0, 'it was broken');
    const repository = await backups.place.open();
    const before = (await readdir(join(backups.path, 'index'))).sort();
    const planned = await repository.repairIndex({ dryRun: true });
    t.deepEqual((await readdir(join(backups.path, 'index'))).sort(), before, 'a dry run writes nothing');
    const repaired = await repository.repairIndex();
    t.deepEqual(planned, repaired);
    t.true(repaired.packsAdded > 0 && repaired.packsAdded === repaired.packsRead);
    t.deepEqual([repaired.packsRemoved, repaired.junk, repaired.problems], [0, [], []]);
    await repository.close();
    await expectRepaired(t, restic, backups);
  });
}

withRestic('an index file that cannot be read stays where it is, and is named', async (t, restic) => {
  const backups = await threeBackups(t);
  const [damaged = ''] = backups.indexes;
  await truncate(damaged, 300);
  const junk = join(backups.path, 'index', '0'.repeat(64));
  await writeFile(junk, 'junk');
  const repository = await backups.place.open();
  const repaired = await repository.repairIndex();
  t.deepEqual(repaired.junk.map(({ key }) => key).sort(), [
    `index/${'0'.repeat(64)}`,
    `index/${damaged.slice(damaged.lastIndexOf('/') + 1)}`,
  ]);
  t.true(repaired.packsAdded > 0);
  const there = (await readdir(join(backups.path, 'index'))).map(name => join(backups.path, 'index', name));
  t.true(there.includes(junk) && there.includes(damaged));
  await repository.refreshIndex();
  for (const each of backups.kept) await expectWhole(repository, each);
  await repository.close();
  t.not(restic(backups.path, ['check', '--no-lock']).status, 0, 'stock restic stops at junk');
  await rm(junk);
  await rm(damaged);
  await expectRepaired(t, restic, backups);
});

withRestic('packs that are gone or cut off are named no more; nothing in data/ is touched', async (t, restic) => {
  const backups = await threeBackups(t);
  const { path, place, kept } = backups;
  const repository = await place.open();
  await repository.refreshIndex();
  const packOf = ({ tree }: KeptSnapshot): string => repository.find('tree', tree)?.pack ?? '';
  const pathOf = (pack: string): string => join(path, 'data', pack.slice(0, 2), pack);
  const [first, second, third] = kept as [KeptSnapshot, KeptSnapshot, KeptSnapshot];
  const [gone, cut] = [packOf(first), packOf(second)];
  await rm(pathOf(gone));
  await truncate(pathOf(cut), 200);
  const noise = join(path, 'data', '00', '0'.repeat(64));
  await writeFile(noise, 'noise', { flag: 'wx' }).catch(async () => undefined);
  const repaired = await repository.repairIndex();
  t.is(repaired.packsRemoved, 2);
  t.true(repaired.problems.some(({ key }) => key.endsWith(cut)));
  t.true((await readdir(join(path, 'data', cut.slice(0, 2)))).includes(cut), 'it stays');
  t.deepEqual(await repository.checkPacks(), []);
  await repository.refreshIndex();
  await expectWhole(repository, third);
  t.is(repository.find('tree', first.tree), undefined);
  await t.throwsAsync(repository.planPrune(), { code: 'E_MISSING' }, 'and nothing is let go meanwhile');
  await repository.removeSnapshots([first.id, second.id]);
  await pruneOnce(repository, place.clock.now());
  await expectWhole(repository, third);
  succeeds(t, restic(path, ['check', '--read-data', '--no-lock']));
  await repository.close();
});

test('what a prune took out of the index is not put back', async t => {
  const { place, kept } = await threeBackups(t);
  const repository = await place.open();
  await repository.removeSnapshots(kept.slice(0, 1).map(({ id }) => id));
  const { outcome } = await pruneOnce(repository, place.clock.now());
  t.true(outcome.unnamed.length > 0);
  const repaired = await repository.repairIndex();
  t.like(repaired, { packsAdded: 0, indexesReplaced: 0 });
  t.is(repaired.packsRead, outcome.unnamed.length);
  await repository.close();
});
