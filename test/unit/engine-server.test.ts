// The engine's end of the language, without a thread: over a message channel, with a repository in memory.

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
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import { mirrored } from '../../daemon/remotes/mirrored.ts';
import { everyPage } from '../../protocol/pages.ts';
import { noGrants, placeOver } from '../support/engine-places.ts';
import { drivenClock, fixedRandom, memoryJournal } from '../support/repository.ts';
import { temporaryHome } from '../support/temporary-home.ts';

interface Kit {
  readonly connection: MessageConnection;
  readonly remote: MemoryRemote;
  /** What is backed up; exists. */
  readonly source: string;
  backUp(): Promise<engine.BackupOutcome>;
}

const sourceId = 'generic-abcdefgh';

async function kit(t: ExecutionContext): Promise<Kit> {
  const home = await temporaryHome(t);
  const remote = createMemoryRemote();
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
      placeOf: async () => placeOver(counted(remote)),
      tables: () => t.fail() as never,
      folder: () => createMemoryRemote(),
      randomBytes: fixedRandom(5),
      now: () => clock.now(),
    }),
    grants: noGrants,
    keepCopies: place => cached(place, home.cache),
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
  await connection.sendRequest(engine.prepare, { remote: 'folder:/memory', recoveryKey: new Uint8Array(32).fill(7) });
  const { repositoryId, keyFileId, masterKeyFingerprint } = await connection.sendRequest(engine.create, {});
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
    remote,
    source,
    async backUp() {
      await clock.advance(60_000);
      const sources = [{ id: sourceId, profile: 'generic', label: 'chats', root: source, captureNow: true }];
      const outcome = await connection.sendRequest(engine.backup, {
        reason: 'user',
        device,
        sources,
        memory: null,
        witness,
      });
      witness = outcome.witness;
      return outcome;
    },
  };
}

test('looking into the latest backup while the next one runs does not keep that one hidden', async t => {
  const { connection, remote, source, backUp } = await kit(t);
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
  const { connection, source, backUp } = await kit(t);
  for (let n = 0; n < 300; n++) writeFileSync(join(source, `${n}.txt`), `${n}`);
  const phases: string[] = [];
  connection.onProgress(engine.progress, engine.progressToken, ({ phase }) => void phases.push(phase));
  await backUp();
  t.deepEqual(phases, ['preparing', 'scanning', 'storing', 'finishing']);
});

test('pages of the snapshots are of one list, also when a backup ends between two of them', async t => {
  const { connection, source, backUp } = await kit(t);
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
  const { connection, remote, source, backUp } = await kit(t);
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
