// How often a place is asked by what a session does: ceilings of calls by kind and folder, and of what they cost on Drive.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import type { MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { NetworkRemote, Remote } from '../../daemon/remotes/remote.ts';
import { driveBench } from '../support/drive-bench.ts';
import { type EngineKit, engineKit, place } from '../support/engine-kit.ts';
import { type CalledRemote, networked } from '../support/network-remote.ts';
import { fixedRandom } from '../support/repository.ts';

interface Kit extends EngineKit {
  /** What was called since the last time, and what it cost on a place that tells. */
  calls(): { readonly counts: Readonly<Record<string, number>>; readonly requests: number };
  /** A new file among the chats. */
  save(name: string, sizeBytes: number): void;
}

/**
 * A place that costs what Drive does: listings at the same time share one read of the feed of changes, it tells the hash of what it
 * stored, and a pack in a folder of packs that is new makes that folder first; anything else is one request.
 */
function driveLike(memory: MemoryRemote): NetworkRemote {
  let requests = 0;
  let feed: Promise<void> | undefined;
  const foldersMade = new Set<string>();
  return {
    ...memory,
    listsTogether: true,
    requests: () => requests,
    about: async () => ({ advice: [] }),
    async *list(folder, options) {
      if (feed === undefined) {
        requests++;
        feed = new Promise<void>(resolve => setTimeout(resolve, 5)).then(() => {
          feed = undefined;
        });
      }
      await feed;
      yield* memory.list(folder, options);
    },
    stat(key, options) {
      requests++;
      return memory.stat(key, options);
    },
    async put(key, body, options) {
      const folder = key.slice(0, key.lastIndexOf('/'));
      requests += foldersMade.has(folder) ? 1 : 2;
      foldersMade.add(folder);
      await memory.put(key, body, options);
      const bytes = memory.objects.get(key) ?? new Uint8Array(0);
      return { key, sizeBytes: bytes.length, sha256: sha256Hex(bytes) };
    },
    get(key, options) {
      requests++;
      return memory.get(key, options);
    },
    remove(key, options) {
      requests++;
      return memory.remove(key, options);
    },
  };
}

/** One that began long ago: what is there is known, and its folders are made. */
async function backedUp(
  t: ExecutionContext,
  around: (memory: MemoryRemote) => Remote | NetworkRemote = memory => memory,
): Promise<Kit> {
  let inner: Remote | NetworkRemote | undefined;
  let called: CalledRemote | undefined;
  const kit = await engineKit(t, memory => {
    inner = around(memory);
    called = networked(inner);
    return called;
  });
  const random = fixedRandom(5);
  let before = 0;
  const all: Kit = {
    ...kit,
    calls() {
      const counts: Record<string, number> = {};
      for (const call of called?.calls ?? []) counts[call] = (counts[call] ?? 0) + 1;
      called?.forget();
      const sofar = inner !== undefined && 'requests' in inner ? inner.requests() : 0;
      const requests = sofar - before;
      before = sofar;
      return { counts, requests };
    },
    save: (name, sizeBytes) => writeFileSync(join(kit.source, name), random(sizeBytes)),
  };
  for (let n = 0; n < 20; n++) all.save(`${n}.jpg`, 10_000);
  await all.backUp();
  for (let n = 20; n < 23; n++) {
    all.save(`${n}.jpg`, 500_000);
    await all.backUp();
  }
  all.calls();
  return all;
}

/** Packs, index, snapshot and head, each once; a lock around them; the index looked at again before the snapshot. */
const increment = {
  'put locks': 1,
  'put data': 2,
  'put index': 1,
  'put snapshots': 1,
  'put signet/heads': 1,
  'list index': 3,
  'list signet/heads': 1,
  'list snapshots': 1,
  'list data': 1,
  'remove locks': 1,
};

test('a backup of 500 kB asks a folder for each thing once, and reads back what counts', async t => {
  const { save, backUp, calls } = await backedUp(t);
  save('new.jpg', 500_000);
  await backUp();
  t.deepEqual(calls().counts, { ...increment, 'list locks': 2, 'get snapshots': 1, 'get signet/heads': 1 });
});

test('a backup of 500 kB takes at most 12 requests on Drive, folders for new packs among them', async t => {
  const { save, backUp, calls } = await backedUp(t, driveLike);
  for (let n = 0; n < 5; n++) {
    save(`new-${n}.jpg`, 500_000);
    await backUp();
    const { counts, requests } = calls();
    t.deepEqual(counts, { ...increment, 'list locks': 1 });
    t.true(requests >= 10 && requests <= 12, `${requests} requests`);
  }
});

test('a backup without anything new looks and writes nothing but its lock', async t => {
  const folder = await backedUp(t);
  await folder.backUp();
  const listed = { 'list index': 1, 'list signet/heads': 1, 'list snapshots': 1, 'list data': 1 };
  t.deepEqual(folder.calls().counts, { ...listed, 'list locks': 2, 'put locks': 1, 'remove locks': 1 });
  const drive = await backedUp(t, driveLike);
  await drive.backUp();
  t.is(drive.calls().requests, 3);
});

test('opening reads key file and config, and of index, snapshots and heads what it has no copy of', async t => {
  const { connection, calls, recoveryKey, save, backUp } = await backedUp(t, driveLike);
  await connection.sendRequest(engine.open, { remote: place, recoveryKey: recoveryKey() });
  t.deepEqual(calls().counts, { 'list keys': 1, 'get keys': 1, 'get config': 1, 'list index': 1 });
  await connection.sendRequest(engine.measure, { devices: false });
  t.deepEqual(calls(), { counts: { 'list snapshots': 1 }, requests: 1 });
  // The manifest of the latest backup lies among the data.
  save('new.jpg', 500_000);
  await backUp();
  const { counts, requests } = calls();
  t.deepEqual(counts, { ...increment, 'list locks': 1, 'get data': 1 });
  t.true(requests <= 13, `${requests} requests`);
});

test('looking what is there is one look, and whether the place answers is one request', async t => {
  const { connection, calls } = await backedUp(t, driveLike);
  await connection.sendRequest(engine.snapshots, { offset: 0, limit: 10 });
  t.deepEqual(calls(), { counts: { 'list index': 1, 'list signet/heads': 1, 'list snapshots': 1 }, requests: 1 });
  t.true(await connection.sendRequest(engine.reachable, { remote: place }));
  t.deepEqual(calls(), { counts: { 'stat config': 1 }, requests: 1 });
});

test('where listing is costly packs are looked through once a week, and as long as some are missing', async t => {
  const { remote, backUp, calls, clock } = await backedUp(t, memory => ({ ...memory, isCostlyToList: true }));
  const looks = async (): Promise<boolean> => {
    await backUp();
    return calls().counts['list data'] === 1;
  };
  const day = 24 * 3600 * 1000;
  t.false(await looks());
  await clock.advance(6 * day);
  t.false(await looks());
  await clock.advance(day);
  t.true(await looks());
  t.false(await looks());
  const [pack = ''] = [...remote.objects.keys()].filter(key => key.startsWith('data/'));
  const bytes = remote.objects.get(pack) ?? new Uint8Array(0);
  remote.objects.delete(pack);
  t.false(await looks());
  await clock.advance(7 * day);
  t.true(await looks());
  t.true(await looks());
  remote.objects.set(pack, bytes);
  t.true(await looks(), 'it is not known yet that it came back');
  t.false(await looks());
});

test('on a strict fake of Google Drive a backup of 500 kB takes at most 12 requests', async t => {
  const { remote, fake } = await driveBench(t);
  const { save, backUp, calls } = await backedUp(t, () => remote);
  for (let n = 0; n < 3; n++) {
    save(`new-${n}.jpg`, 500_000);
    fake.clearLog();
    await backUp();
    const { counts, requests } = calls();
    t.deepEqual(counts, { ...increment, 'list locks': 1 });
    const sent = fake.log.map(({ type }) => type).filter(type => !type.startsWith('oauth'));
    t.is(requests, sent.length);
    t.true(sent.length <= 12, sent.join(', '));
  }
  fake.clearLog();
  await backUp();
  t.true(fake.log.length <= 4, 'without anything new');
  t.deepEqual(fake.violations, []);
});
