// The engine's end of the language, without a thread: over a message channel, with a repository in memory.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { everyPage } from '../../protocol/pages.ts';
import { engineKit, sourceId } from '../support/engine-kit.ts';

test('looking into the latest backup while the next one runs does not keep that one hidden', async t => {
  const { connection, remote, source, backUp } = await engineKit(t);
  const names = async (): Promise<readonly string[]> =>
    (await connection.sendRequest(engine.list, { snapshot: 'latest', path: sourceId })).map(each => each.name);
  writeFileSync(join(source, 'one'), '1');
  await backUp();
  writeFileSync(join(source, 'two'), '2');
  const { put } = remote;
  remote.put = async (key, ...rest) => {
    if (key.startsWith('snapshots/')) t.deepEqual(await names(), ['one']);
    return put(key, ...rest);
  };
  await backUp();
  t.deepEqual(await names(), ['one', 'two']);
});

test('a backup of many small files tells every phase, and does not tell every file', async t => {
  const { connection, source, backUp } = await engineKit(t);
  for (let n = 0; n < 300; n++) writeFileSync(join(source, `${n}.txt`), `${n}`);
  const phases: string[] = [];
  connection.onProgress(engine.progress, engine.progressToken, ({ phase }) => void phases.push(phase));
  await backUp();
  t.deepEqual(phases, ['preparing', 'scanning', 'storing', 'finishing']);
});

test('pages of the snapshots are of one list, also when a backup ends between two of them', async t => {
  const { connection, source, backUp } = await engineKit(t);
  const made: (string | undefined)[] = [];
  const again = async (): Promise<void> => {
    writeFileSync(join(source, 'a'), `${made.length}`);
    made.unshift((await backUp()).snapshot);
  };
  for (let n = 0; n < 3; n++) await again();
  const page = async (offset: number, limit: number) => {
    const { entries, total } = await connection.sendRequest(engine.snapshots, { offset, limit });
    return { ids: entries.map(each => each.id), total };
  };
  t.deepEqual(await page(0, 2), { ids: made.slice(0, 2), total: 3 });
  const before = [...made];
  await again();
  t.deepEqual(await page(2, 2), { ids: before.slice(2), total: 3 });
  t.deepEqual(await page(3, 2), { ids: [], total: 3 });
  t.deepEqual(await page(0, 9), { ids: made, total: 4 });
});

for (const count of [0, 1, 2, 3, 4, 5]) {
  test(`a list of ${count} is put together from pages of two`, async t => {
    const all = Array.from({ length: count }, (_, n) => n);
    const asked: number[] = [];
    const found = await everyPage(async offset => {
      asked.push(offset);
      return { entries: all.slice(offset, offset + 2), total: count };
    });
    t.deepEqual(found, all);
    t.is(asked.length, Math.max(1, Math.ceil(count / 2)));
  });
}

test('a backup that another device ends while this one looks is no sign of tampering', async t => {
  const { connection, remote, source, backUp } = await engineKit(t);
  for (const name of ['one', 'two']) {
    writeFileSync(join(source, name), name);
    await backUp();
  }
  const newest = ['snapshots/', 'signet/heads/'].map(folder => {
    const [key = '', bytes = new Uint8Array(0)] =
      [...remote.objects].findLast(([name]) => name.startsWith(folder)) ?? [];
    remote.objects.delete(key);
    return { key, bytes };
  });
  // The check of single objects lists snapshots first; then heads and snapshots are held against each other.
  let listings = 0;
  const { list } = remote;
  remote.list = async function* arriving(folder, options) {
    yield* list(folder, options);
    const isLook = folder === 'snapshots' || folder === 'signet/heads';
    if (isLook && ++listings === 2) for (const { key, bytes } of newest) remote.objects.set(key, bytes);
  };
  const here = { repositoryId: '', keyFileId: '', masterKeyFingerprint: '', device: '8899aabbccddeeff' };
  const nothing = { since: '2026-11-23T09:00:00Z', vaultSha256: null, vaultGeneration: 0, ownHead: null, seen: {} };
  const witness = { v: 1, ...here, ...nothing } as const;
  const { problems, snapshots } = await connection.sendRequest(engine.verify, { readDataPercent: 0, witness });
  t.deepEqual(problems, []);
  t.is(snapshots, 2);
});
