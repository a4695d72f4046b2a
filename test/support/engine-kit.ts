// The engine's own end without a thread: over a message channel, with a repository in a place in memory, and backups of one folder.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { ExecutionContext } from 'ava';
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
import type { Remote } from '../../daemon/remotes/remote.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import { noGrants, placeOver } from './engine-places.ts';
import { type DrivenClock, drivenClock, fixedRandom, memoryJournal } from './repository.ts';
import { temporaryHome } from './temporary-home.ts';

export const sourceId = 'generic-abcdefgh';
export const place = 'folder:/memory';

export interface EngineKit {
  readonly connection: MessageConnection;
  readonly remote: MemoryRemote;
  readonly clock: DrivenClock;
  /** What is backed up; exists. */
  readonly source: string;
  /** For an order; the engine wipes it. */
  recoveryKey(): Uint8Array;
  backUp(changes?: Partial<engine.BackupOrder>): Promise<engine.BackupOutcome>;
  /** By the usual numbers, in UTC, unless the order says otherwise. */
  forget(changes?: Partial<engine.ForgetOrder>): Promise<engine.ForgetOutcome>;
  /** What this machine does about a head of forgetting before files are removed; at first nothing. */
  onAnnounced: (seen: engine.ForgetAnnounced) => void;
  /** What an honest place would not show. @param witness of another machine */
  findings(witness?: engine.BackupOrder['witness']): Promise<engine.BackupOutcome['findings']>;
  /** What this machine remembers of the place. */
  readonly witness: engine.BackupOrder['witness'];
}

/** @param around what lies between the engine and the memory */
export async function engineKit(
  t: ExecutionContext,
  around: (memory: MemoryRemote) => Remote = memory => memory,
): Promise<EngineKit> {
  const home = await temporaryHome(t);
  const remote = createMemoryRemote();
  const clock = drivenClock();
  const source = join(home.state, '..', 'chats');
  mkdirSync(source, { recursive: true });
  for (const folder of [home.outbox, home.cache]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { port1, port2 } = new MessageChannel();
  const between = around(remote);
  serveEngine({
    port: port2,
    home,
    places: new EnginePlaces({
      home,
      placeOf: async () => placeOver(counted(between)),
      tables: () => t.fail() as never,
      folder: () => createMemoryRemote(),
      randomBytes: fixedRandom(5),
      now: () => clock.now(),
    }),
    grants: noGrants,
    keepCopies: inner => cached(inner, home.cache),
    withMirrors: mirrored,
    journal: memoryJournal(),
    startCapture: () => t.fail() as never,
    freeBytes: async () => 1e12,
    clock,
    randomBytes: fixedRandom(4),
    host: { hostname: 'bench', pid: process.pid },
  });
  const connection = createMessageConnection(new PortMessageReader(port1), new PortMessageWriter(port1));
  connection.onRequest(engine.announced, seen => {
    kit.onAnnounced(seen);
    return null;
  });
  connection.listen();
  t.teardown(() => {
    connection.dispose();
    port1.close();
  });
  const recoveryKey = (): Uint8Array => new Uint8Array(32).fill(7);
  await connection.sendRequest(engine.prepare, { remote: place, recoveryKey: recoveryKey() });
  const { repositoryId, keyFileId, masterKeyFingerprint } = await connection.sendRequest(engine.create, {});
  const device = { id: '0011223344556677', label: 'bench' };
  let packsListedAt: string | undefined;
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
  const kit: EngineKit = {
    connection,
    remote,
    clock,
    source,
    recoveryKey,
    onAnnounced: () => undefined,
    get witness() {
      return witness;
    },
    async findings(of = witness) {
      return (await connection.sendRequest(engine.look, { witness: of, remembered: [] })).findings;
    },
    async forget(changes = {}) {
      const { keepAllHours, keepHourlyDays, keepDailyDays, keepWeeklyWeeks, keepMonthlyMonths } =
        defaultSettings('bench');
      const outcome = await connection.sendRequest(engine.forget, {
        device,
        of: device.id,
        rules: { keepAllHours, keepHourlyDays, keepDailyDays, keepWeeklyWeeks, keepMonthlyMonths },
        timeZone: 'UTC',
        witness,
        remembered: [],
        isSynced: false,
        trustedUpTo: 0,
        dryRun: false,
        ...changes,
      });
      if (changes.dryRun !== true) ({ witness } = outcome);
      return outcome;
    },
    async backUp(changes = {}) {
      await clock.advance(60_000);
      const sources = [{ id: sourceId, profile: 'generic', label: 'chats', root: source, captureNow: true }];
      const known = packsListedAt === undefined ? {} : { packsListedAt };
      const plain = { reason: 'user', device, sources, memory: null, witness, remembered: [] } as const;
      const order = { ...plain, ...known, ...changes };
      const outcome = await connection.sendRequest(engine.backup, order);
      ({ witness, packsListedAt } = outcome);
      return outcome;
    },
  };
  return kit;
}
