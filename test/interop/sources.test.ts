// What a place of copies really holds of sources whose videos are left out, that shrank or that are gone: told by stock restic.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { type ArchiveBench, archiveBench, treeOf } from '../support/archive.ts';
import { temporaryFolder } from '../support/repository.ts';
import { type Restic, succeeds, withRestic } from '../support/restic.ts';

async function place(t: ExecutionContext): Promise<ArchiveBench & { readonly path: string }> {
  const path = join(await temporaryFolder(t), 'repository');
  await mkdir(path, { mode: 0o700 });
  return { ...(await archiveBench(t, { remote: createFolderRemote(path) })), path };
}

/** Every data blob of the repository, as restic opens it. */
function allBlobs(t: ExecutionContext, restic: Restic, path: string): Map<string, Buffer> {
  const ids = succeeds(t, restic(path, ['list', 'blobs'])).match(/(?<=^data )[0-9a-f]{64}$/gm) ?? [];
  return new Map(
    ids.map(id => [id, Buffer.from(succeeds(t, restic(path, ['cat', 'blob', id], { encoding: 'latin1' })), 'latin1')]),
  );
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

withRestic('with videos left out no byte of one reaches the place; included again, they follow', async (t, restic) => {
  const made = await place(t);
  const marker = randomBytes(64);
  const videos = join(made.root, 'Media', 'WhatsApp Video');
  await mkdir(videos, { recursive: true });
  await writeFile(join(videos, 'short.mp4'), Buffer.concat([randomBytes(1000), marker, randomBytes(1000)]));
  const long = Buffer.concat([marker, randomBytes(3_000_000), marker]);
  await writeFile(join(videos, 'long.mp4'), long);
  await writeFile(join(made.root, 'photo.jpg'), randomBytes(5000));

  const without = await made.backUp({ rules: rulesOf({ profile: 'whatsapp-android', leaveOut: ['video'] }) });
  const { id = '' } = without;
  t.notRegex(succeeds(t, restic(made.path, ['ls', '--recursive', id])), /\.mp4/);
  const stored = allBlobs(t, restic, made.path);
  t.true(stored.size >= 2, 'the picture and the manifest at least');
  t.false([...stored.values()].some(blob => blob.includes(marker)));
  for (const [id, bytes] of stored) t.is(sha256(bytes), id, 'restic gave the bytes unharmed');

  const { id: again = '' } = await made.backUp({ rules: rulesOf({ profile: 'whatsapp-android' }) });
  const target = await temporaryFolder(t);
  succeeds(t, restic(made.path, ['restore', again, '--target', target]));
  t.deepEqual(treeOf(join(target, made.source.id)), treeOf(made.root));
  t.true([...allBlobs(t, restic, made.path).values()].some(blob => blob.includes(marker)));
  t.regex(succeeds(t, restic(made.path, ['check', '--read-data'])), /no errors were found/);
});

withRestic('the newest snapshot holds a shrunken, an emptied and a vanished source as they were', async (t, restic) => {
  const made = await place(t);
  const sources = ['shrunken', 'emptied', 'vanished', 'lively'].map((label, n) => ({
    ...made.source,
    id: `generic-${'abcd'.charAt(n).repeat(8)}`,
    label,
    root: join(made.folder, label),
  }));
  for (const { root } of sources) {
    await mkdir(root);
    for (let n = 0; n < 20; n++) await writeFile(join(root, `${n}.txt`), randomBytes(50));
  }
  const [shrunken = made.source, emptied = made.source, vanished = made.source, lively = made.source] = sources;
  const before = new Map(sources.map(({ id, root }) => [id, treeOf(root)]));
  await made.backUp({}, sources);
  for (let n = 0; n < 15; n++) await rm(join(shrunken.root, `${n}.txt`));
  await rm(emptied.root, { recursive: true });
  await mkdir(emptied.root);
  await rm(vanished.root, { recursive: true });
  await writeFile(join(lively.root, 'new.txt'), 'hello');

  const run = await made.backUp({}, sources);
  t.deepEqual(
    run.manifest.sources.map(each => each.carriedFrom?.reason),
    ['shrunk', 'empty', 'missing', undefined],
  );
  const byRestic = await temporaryFolder(t);
  succeeds(t, restic(made.path, ['restore', run.id ?? '', '--target', byRestic]));
  const byUs = (await made.restore(run)).target;
  for (const { id } of [shrunken, emptied, vanished]) {
    t.deepEqual(treeOf(join(byRestic, id)), before.get(id), id);
    t.deepEqual(treeOf(join(byUs, id)), before.get(id), id);
  }
  t.true(treeOf(join(byRestic, lively.id)).has('/new.txt'));

  await rm(join(lively.root, 'new.txt'));
  await made.backUp({}, sources);
  t.false((await made.backUp({}, sources)).changed, 'a loss alone makes no snapshot');
  const accepted = await made.backUp({}, [{ ...shrunken, lossAccepted: true }, emptied, vanished, lively]);
  const target = await temporaryFolder(t);
  succeeds(t, restic(made.path, ['restore', accepted.id ?? '', '--target', target]));
  t.deepEqual(treeOf(join(target, shrunken.id)), treeOf(shrunken.root));
  t.deepEqual(treeOf(join(target, vanished.id)), before.get(vanished.id));
  t.regex(succeeds(t, restic(made.path, ['check', '--read-data'])), /no errors were found/);
});
