// Several devices over one place in memory, each with the engine's own end (without a thread), its own chats and its own memory. A device can
// be made to die at any of its calls to the place, and somebody else can act right before any of them. Locks of others can be hidden.

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
import { SignetError } from '../../daemon/base/errors.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { EnginePlaces } from '../../daemon/jobs/engine-places.ts';
import { serveEngine } from '../../daemon/jobs/engine-server.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import { mirrored } from '../../daemon/remotes/mirrored.ts';
import type { Remote, RemoteKey } from '../../daemon/remotes/remote.ts';
import { decodeIndex } from '../../daemon/repository/index-codec.ts';
import { openMasterKey } from '../../daemon/repository/master-key.ts';
import { openUnpacked } from '../../daemon/repository/unpacked.ts';
import type { Witness } from '../../daemon/state/model.ts';
import { resolveHome } from '../../protocol/home.ts';
import { noGrants, placeOver } from './engine-places.ts';
import { type DrivenClock, drivenClock, fixedRandom, memoryJournal, recoveryKey } from './repository.ts';
import { temporaryFolder } from './temporary-home.ts';

export const placeName = 'folder:/memory';
export const sourceId = 'generic-abcdefgh';
const key = (): Uint8Array => new Uint8Array(recoveryKey);

export interface SharedPlace {
  readonly remote: MemoryRemote;
  readonly clock: DrivenClock;
  /** Blobs that a readable index names, each with how many packs hold it. */
  indexed(): Promise<ReadonlyMap<string, number>>;
}

/** A call to the place that is about to be made. */
export type Call = { readonly kind: 'put' | 'get' | 'stat' | 'list' | 'remove'; readonly key: RemoteKey };

export function sharedPlace(): SharedPlace {
  const remote = createMemoryRemote();
  const read = new Map<string, readonly string[]>();
  let opening: ReturnType<typeof openMasterKey> | undefined;
  return {
    remote,
    clock: drivenClock(),
    async indexed() {
      opening ??= openMasterKey(remote, key(), { report: () => undefined });
      const { masterKey } = await opening;
      const blobs = new Map<string, number>();
      for (const [name, stored] of remote.objects) {
        if (!name.startsWith('index/')) continue;
        let known = read.get(name);
        if (known === undefined) {
          const { json } = await openUnpacked(masterKey, { key: name, id: name.slice('index/'.length), stored }, false);
          const packs = decodeIndex(json)?.packs ?? [];
          known = packs.flatMap(pack => pack.blobs.map(blob => `${pack.id} ${blob.type} ${blob.id}`));
          read.set(name, known);
        }
        for (const each of new Set(known)) blobs.set(each, 1);
      }
      const copies = new Map<string, number>();
      for (const each of blobs.keys()) {
        const blob = each.slice(each.indexOf(' ') + 1);
        copies.set(blob, (copies.get(blob) ?? 0) + 1);
      }
      return copies;
    },
  };
}

/** A process that lives only in these tests: no other has such a number. */
let processes = 2 ** 22;

export class Device {
  readonly name: string;
  readonly id: string;
  readonly source: string;
  readonly folder: string;
  witness: Witness;
  packsListedAt: string | undefined;
  /** Since when it has seen packs unnamed. */
  notes: Readonly<Record<string, number>> = {};
  hidesLocks = false;
  /** Calls to the place so far. */
  calls = 0;
  /** Asked before each call: acts first, or throws to die there. */
  beforeCall: ((number: number, call: Call) => Promise<void> | void) | undefined;
  /** After a call that changed the place. */
  afterCall: ((number: number, call: Call) => void) | undefined;
  readonly #place: SharedPlace;
  readonly #journal = memoryJournal();
  readonly #ownLocks = new Set<RemoteKey>();
  #session: { readonly connection: MessageConnection; readonly end: () => void } | undefined;

  private constructor(place: SharedPlace, name: string, id: string, folder: string) {
    this.#place = place;
    this.name = name;
    this.id = id;
    this.folder = folder;
    this.source = join(folder, 'chats');
    mkdirSync(this.source);
    this.witness = undefined as never; // set by `make`, which alone calls this
  }

  /** The first device makes the repository; the others open it. */
  static async make(t: ExecutionContext, place: SharedPlace, name: string): Promise<Device> {
    const id = Buffer.from(name.padEnd(8)).toString('hex').slice(0, 16);
    const device = new Device(place, name, id, await temporaryFolder(t));
    t.teardown(() => device.kill());
    const connection = device.#begin();
    let opened: Pick<engine.OpenedRepository, 'repositoryId' | 'keyFileId' | 'masterKeyFingerprint'>;
    if (place.remote.objects.size === 0) {
      await connection.sendRequest(engine.prepare, { remote: placeName, recoveryKey: key() });
      opened = await connection.sendRequest(engine.create, {});
    } else opened = await connection.sendRequest(engine.open, { remote: placeName, recoveryKey: key() });
    const { repositoryId, keyFileId, masterKeyFingerprint } = opened;
    const since = new Date(place.clock.now()).toISOString();
    const vault = { vaultSha256: null, vaultGeneration: 0 };
    const own = { device: id, ownHead: null, seen: {} };
    device.witness = { v: 1, since, repositoryId, keyFileId, masterKeyFingerprint, ...vault, ...own };
    return device;
  }

  get label(): { readonly id: string; readonly label: string } {
    return { id: this.id, label: this.name };
  }

  get connection(): MessageConnection {
    if (this.#session === undefined) throw new Error(`${this.name} does not run`);
    return this.#session.connection;
  }

  /** Packs that an earlier run sealed are not in the place yet, or not in an index. */
  get waitsToSend(): boolean {
    return this.#journal.all.size > 0;
  }

  async backUp(): Promise<engine.BackupOutcome> {
    const sources = [{ id: sourceId, profile: 'generic', label: 'chats', root: this.source, captureNow: true }];
    const known = this.packsListedAt === undefined ? {} : { packsListedAt: this.packsListedAt };
    const { witness, label: device } = this;
    const outcome = await this.connection.sendRequest(engine.backup, {
      reason: 'user',
      device,
      sources,
      memory: null,
      witness,
      remembered: [],
      ...known,
    });
    this.witness = outcome.witness;
    this.packsListedAt = outcome.packsListedAt;
    return outcome;
  }

  /** @returns where the source was put */
  async restore(snapshot: string, target: string): Promise<string> {
    const order = { snapshot, target, include: [], dryRun: false, mark: '0123456789ab' };
    const { skipped } = await this.connection.sendRequest(engine.restore, order);
    if (skipped.length > 0) throw new Error(`${snapshot}: ${JSON.stringify(skipped)}`);
    return join(target, sourceId);
  }

  async findings(): Promise<engine.BackupOutcome['findings']> {
    return (await this.connection.sendRequest(engine.look, { witness: this.witness, remembered: [] })).findings;
  }

  /** Takes these backups of this device out; their content stays until it is pruned. */
  async forget(snapshots: readonly string[]): Promise<void> {
    const { id, label: device, witness } = this;
    const rules = {
      keepAllHours: 24,
      keepHourlyDays: 7,
      keepDailyDays: 30,
      keepWeeklyWeeks: 52,
      keepMonthlyMonths: 12,
    };
    const order = {
      of: id,
      device,
      witness,
      snapshots,
      rules,
      timeZone: 'UTC',
      isSynced: false,
      trustedUpTo: 0,
      remembered: [],
    };
    const outcome = await this.connection.sendRequest(engine.forget, { ...order, dryRun: false });
    this.witness = outcome.witness;
  }

  /** Both steps: lets go what nothing needs, and deletes what this device saw unnamed for 48 hours. */
  async prune(): Promise<engine.PruneOutcome> {
    const { witness, notes } = this;
    const order = { witness, notes, isSynced: false, dryRun: false, mayDelete: true };
    const outcome = await this.connection.sendRequest(engine.prune, order);
    this.notes = outcome.notes;
    return outcome;
  }

  /** The process is gone; nothing it still does reaches the place. */
  kill(): void {
    this.#session?.end();
    this.#session = undefined;
  }

  /** The process starts again on what its files are. */
  async start(): Promise<void> {
    const connection = this.#begin();
    const { keyFileId } = this.witness;
    await connection.sendRequest(engine.open, { remote: placeName, recoveryKey: key(), keyFileId });
  }

  #begin(): MessageConnection {
    const home = resolveHome({ env: { SIGNET_HOME: join(this.folder, 'home') } });
    for (const folder of [home.outbox, home.cache]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { port1, port2 } = new MessageChannel();
    const life = { isOver: false };
    const between = this.#watched(life);
    const { clock } = this.#place;
    const pid = ++processes;
    const { add, markUploaded, remove, rows } = this.#journal;
    const unlessOver =
      <Args extends unknown[]>(write: (...args: Args) => void) =>
      (...args: Args): void => {
        if (!life.isOver) write(...args);
      };
    serveEngine({
      port: port2,
      home,
      places: new EnginePlaces({
        home,
        placeOf: async () => placeOver(counted(between)),
        tables: () => {
          throw new Error('no cloud here');
        },
        folder: () => createMemoryRemote(),
        randomBytes: fixedRandom(pid % 251),
        now: () => clock.now(),
      }),
      grants: noGrants,
      keepCopies: inner => cached(inner, home.cache),
      withMirrors: mirrored,
      journal: { rows, add: unlessOver(add), markUploaded: unlessOver(markUploaded), remove: unlessOver(remove) },
      startCapture: () => ({ stop: async () => undefined }) as never, // nothing here is a database
      freeBytes: async () => 1e12,
      clock,
      randomBytes: length => crypto.getRandomValues(new Uint8Array(length)),
      host: { hostname: this.name, pid },
    });
    const connection = createMessageConnection(new PortMessageReader(port1), new PortMessageWriter(port1));
    connection.onRequest(engine.announced, ({ witness }) => {
      this.witness = witness;
      return null;
    });
    connection.listen();
    this.#session = {
      connection,
      end() {
        life.isOver = true;
        connection.dispose();
        port1.close();
        port2.close();
      },
    };
    return connection;
  }

  #watched(life: { readonly isOver: boolean }): Remote {
    const { remote } = this.#place;
    const own = this.#ownLocks;
    const before = async (call: Call): Promise<number> => {
      const number = this.calls++;
      const throwIfOver = (): void => {
        if (life.isOver) throw new SignetError('E_UNREACHABLE', 'this process is gone');
      };
      throwIfOver();
      await this.beforeCall?.(number, call);
      throwIfOver();
      return number;
    };
    const after = (number: number, call: Call): void => this.afterCall?.(number, call);
    const isHidden = (name: RemoteKey): boolean => this.hidesLocks && name.startsWith('locks/') && !own.has(name);
    return {
      kind: remote.kind,
      label: remote.label,
      async put(name, body, options) {
        const number = await before({ kind: 'put', key: name });
        if (name.startsWith('locks/')) own.add(name);
        const stored = await remote.put(name, body, options);
        after(number, { kind: 'put', key: name });
        return stored;
      },
      async get(name, options) {
        await before({ kind: 'get', key: name });
        return remote.get(name, options);
      },
      async stat(name, options) {
        await before({ kind: 'stat', key: name });
        return remote.stat(name, options);
      },
      async remove(name, options) {
        const number = await before({ kind: 'remove', key: name });
        await remote.remove(name, options);
        after(number, { kind: 'remove', key: name });
      },
      async *list(folder, options) {
        await before({ kind: 'list', key: folder });
        for await (const entry of remote.list(folder, options)) if (!isHidden(entry.key)) yield entry;
      },
    };
  }
}
