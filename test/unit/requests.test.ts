// How often a place is asked by what a session does: ceilings of calls by kind and folder, and of what they cost on Drive.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import {
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
} from 'vscode-jsonrpc/node';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { EnginePlaces } from '../../daemon/jobs/engine-places.ts';
import { serveEngine } from '../../daemon/jobs/engine-server.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import { mirrored } from '../../daemon/remotes/mirrored.ts';
import type { NetworkRemote, Remote } from '../../daemon/remotes/remote.ts';
import { noGrants, placeOver } from '../support/engine-places.ts';
import { networked } from '../support/network-remote.ts';
import { type DrivenClock, drivenClock, fixedRandom, memoryJournal } from '../support/repository.ts';
import { temporaryHome } from '../support/temporary-home.ts';

interface Kit {
  readonly connection: MessageConnection;
  readonly clock: DrivenClock;
  /** What was called since the last time, and what it cost on a place that tells. */
  calls(): { readonly counts: Readonly<Record<string, number>>; readonly requests: number };
  /** A new file among the chats. */
  save(name: string, sizeBytes: number): void;
  recoveryKey(): Uint8Array;
  backUp(): Promise<engine.BackupOutcome>;
}

/**
 * A place that costs what Drive does: listings at the same time share one read of the feed of changes, what it stored is known by heart
 * with its hash, a pack in a folder of packs that is new makes that folder first; anything else is one request.
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
    async stat(key) {
      const bytes = memory.objects.get(key);
      return bytes && { key, sizeBytes: bytes.length, sha256: sha256Hex(bytes) };
    },
    put(key, body, options) {
      const folder = key.slice(0, key.lastIndexOf('/'));
      requests += foldersMade.has(folder) ? 1 : 2;
      foldersMade.add(folder);
      return memory.put(key, body, options);
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

async function kit(t: ExecutionContext, place: (memory: MemoryRemote) => Remote = same => same): Promise<Kit> {
  const home = await temporaryHome(t);
  const inner = place(createMemoryRemote());
  const called = networked(inner);
  const clock = drivenClock();
  const source = join(home.state, '..', 'chats');
  mkdirSync(source, { recursive: true });
  for (const folder of [home.outbox, home.cache]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { port1, port2 } = new MessageChannel();
  serveEngine({
    port: port2,
    home,
    places: new EnginePlaces({
      home,
      placeOf: async () => placeOver(counted(called)),
      tables: () => t.fail() as never,
      folder: () => createMemoryRemote(),
      randomBytes: fixedRandom(6),
      now: () => clock.now(),
    }),
    grants: noGrants,
    keepCopies: remote => cached(remote, home.cache),
    withMirrors: mirrored,
    journal: memoryJournal(),
    startCapture: () => t.fail() as never,
    freeBytes: async () => 1e12,
    clock,
    randomBytes: fixedRandom(4),
    host: { hostname: 'bench', pid: process.pid },
  });
  const connection = createMessageConnection(new PortMessageReader(port1), new PortMessageWriter(port1));
  connection.listen();
  t.teardown(() => {
    connection.dispose();
    port1.close();
  });
  let before = 0;
  const random = fixedRandom(5);
  const recoveryKey = (): Uint8Array => new Uint8Array(32).fill(7);
  await connection.sendRequest(engine.prepare, { remote: 'folder:/memory', recoveryKey: recoveryKey() });
  const { repositoryId, keyFileId, masterKeyFingerprint } = await connection.sendRequest(engine.create, {});
  let packsListedAt: string | undefined;
  const device = { id: '0011223344556677', label: 'bench' };
  let witness: engine.BackupOrder['witness'] = {
    v: 1,
    since: '2026-11-23T09:00:00Z',
    repositoryId,
    keyFileId,
    masterKeyFingerprint,
    vaultSha256: null,
    vaultGeneration: 0,
    device: device.id,
    ownHead: null,
    seen: {},
  };
  return {
    connection,
    calls() {
      const counts: Record<string, number> = {};
      for (const call of called.calls) counts[call] = (counts[call] ?? 0) + 1;
      const requests = (inner as Partial<NetworkRemote>).requests?.() ?? 0;
      const taken = { counts, requests: requests - before };
      before = requests;
      called.forget();
      return taken;
    },
    save: (name, sizeBytes) => writeFileSync(join(source, name), random(sizeBytes)),
    recoveryKey,
    clock,
    async backUp() {
      await clock.advance(60_000);
      const sources = [{ id: 'generic-abcdefgh', profile: 'generic', label: 'chats', root: source, captureNow: true }];
      const order = { reason: 'user', device, sources, memory: null, witness } as const;
      const known = packsListedAt === undefined ? {} : { packsListedAt };
      const outcome = await connection.sendRequest(engine.backup, { ...order, ...known });
      witness = outcome.witness;
      packsListedAt = outcome.packsListedAt;
      return outcome;
    },
  };
}

/** One that began long ago: what is there is known, and its folders are made. */
async function backedUp(t: ExecutionContext, place?: (memory: MemoryRemote) => Remote): Promise<Kit> {
  const all = await kit(t, place);
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
  'list index': 2,
  'list signet/heads': 1,
  'list snapshots': 1,
  'list data': 1,
  'stat snapshots': 1,
  'stat signet/heads': 1,
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
    t.true(requests >= 9 && requests <= 11, `${requests} requests`);
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
  await connection.sendRequest(engine.open, { remote: 'folder:/memory', recoveryKey: recoveryKey() });
  t.deepEqual(calls().counts, { 'list keys': 1, 'get keys': 1, 'get config': 1, 'list index': 1 });
  await connection.sendRequest(engine.measure, {});
  t.deepEqual(calls(), { counts: { 'list snapshots': 1 }, requests: 1 });
  // The manifest of the latest backup lies among the data.
  save('new.jpg', 500_000);
  await backUp();
  const { counts, requests } = calls();
  t.deepEqual(counts, { ...increment, 'list locks': 1, 'get data': 1 });
  t.true(requests <= 12, `${requests} requests`);
});

test('looking what is there is one look, and whether the place answers is one request', async t => {
  const { connection, calls } = await backedUp(t, driveLike);
  await connection.sendRequest(engine.snapshots, { offset: 0, limit: 10 });
  t.deepEqual(calls(), { counts: { 'list index': 1, 'list signet/heads': 1, 'list snapshots': 1 }, requests: 1 });
  t.true(await connection.sendRequest(engine.reachable, { remote: 'folder:/memory' }));
  t.deepEqual(calls(), { counts: { 'stat config': 1, 'list keys': 1 }, requests: 1 });
});

test('where listing is costly packs are looked through once a week, and as long as some are missing', async t => {
  const memory = createMemoryRemote();
  const { backUp, calls, clock } = await backedUp(t, () => ({ ...memory, isCostlyToList: true }));
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
  const [pack = ''] = [...memory.objects.keys()].filter(key => key.startsWith('data/'));
  const bytes = memory.objects.get(pack) ?? new Uint8Array(0);
  memory.objects.delete(pack);
  t.false(await looks());
  await clock.advance(7 * day);
  t.true(await looks());
  t.true(await looks());
  memory.objects.set(pack, bytes);
  t.true(await looks(), 'it is not known yet that it came back');
  t.false(await looks());
});
