// A machine that was set up and has a backup, in this process: real state, real engine (without a thread), a folder as the cloud, and a
// key derivation that costs nothing. It can be copied, so that each crash meets the same machine, and started again on what a crash left.

import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import type { ExecutionContext } from 'ava';
import {
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
  type RequestType,
} from 'vscode-jsonrpc/node';
import { SignetError } from '../../daemon/base/errors.ts';
import { startDatabaseCapture } from '../../daemon/capture/capture.ts';
import { finishDeletion } from '../../daemon/jobs/delete-backup.ts';
import type { Engine, EngineCall } from '../../daemon/jobs/engine.ts';
import { announced, carried, landed } from '../../daemon/jobs/engine-messages.ts';
import { EnginePlaces } from '../../daemon/jobs/engine-places.ts';
import { serveEngine } from '../../daemon/jobs/engine-server.ts';
import { finishSwitch } from '../../daemon/jobs/fresh.ts';
import { Jobs } from '../../daemon/jobs/jobs.ts';
import { RestoreRecords } from '../../daemon/jobs/restore-records.ts';
import type { GivenSecrets } from '../../daemon/jobs/setup.ts';
import type { OpenFilesProbe } from '../../daemon/platform/platform.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { folderPlace } from '../../daemon/remotes/folder-place.ts';
import { mirrored } from '../../daemon/remotes/mirrored.ts';
import type { PackId } from '../../daemon/repository/model.ts';
import type { Home } from '../../daemon/state/model.ts';
import { besideHome, openPackJournal, openState, type State } from '../../daemon/state/state.ts';
import { openVaultState, type Vault } from '../../daemon/vault/vault.ts';
import { wireErrorOf } from '../../protocol/errors.ts';
import { resolveHome } from '../../protocol/home.ts';
import { noGrants } from './engine-places.ts';
import { keptIn, MemoryKeychain } from './memory-keychain.ts';
import { type DrivenClock, drivenClock } from './repository.ts';
import { temporaryFolder } from './temporary-home.ts';
import { CountedKeyWork, floor } from './vault-kit.ts';

export const password = 'velvet tunnel orbit mango';
export const phone = '+14155550123';
export const call = { progress: () => undefined, signal: new AbortController().signal };

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** Secrets as a client gives them. */
export function given(values: { readonly [name in keyof GivenSecrets]?: string }): GivenSecrets {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, bytes(value)]));
}

export interface Machine {
  readonly folder: string;
  readonly home: Home;
  readonly jobs: Jobs;
  readonly vault: Vault;
  readonly state: State;
  readonly clock: DrivenClock;
  readonly keyWork: CountedKeyWork;
  /** Where the copies lie now. */
  remote(): string;
  /** Names in a folder of the copies; none when it is not there. */
  objects(folder: string): readonly string[];
  /** The recovery key as restic's password. */
  recoveryKey(secrets?: GivenSecrets): Promise<string>;
  /** As a process ends: nothing is written any more, nothing is tidied up. */
  end(): Promise<void>;
}

interface InlineEngine extends Pick<Engine, 'ask' | 'stop'> {
  end(): void;
}

function inlineEngine(home: Home, clock: DrivenClock): InlineEngine {
  let running: { readonly connection: MessageConnection; readonly end: () => void } | undefined;
  const start = (): NonNullable<typeof running> => {
    const { port1, port2 } = new MessageChannel();
    const journal = openPackJournal<PackId>(home);
    serveEngine({
      port: port2,
      home,
      places: new EnginePlaces({
        home,
        placeOf: async place => {
          if (place.kind !== 'folder') throw new Error(`no ${place.kind} here`);
          return {
            ...folderPlace(place.path),
            open: async () => counted(createFolderRemote(place.path)),
            check: async () => undefined,
            isMissing: async () => !existsSync(place.path),
          };
        },
        tables: () => {
          throw new Error('no cloud here');
        },
        folder: createFolderRemote,
        randomBytes: random,
        now: () => clock.now(),
      }),
      grants: noGrants,
      keepCopies: remote => cached(remote, home.cache),
      withMirrors: mirrored,
      journal,
      startCapture: () => startDatabaseCapture({ stagingFolder: home.staging, nodePath: process.execPath }),
      freeBytes: async () => 1e12,
      clock,
      randomBytes: random,
      host: { hostname: 'bench', pid: process.pid },
    });
    const connection = createMessageConnection(new PortMessageReader(port1), new PortMessageWriter(port1));
    connection.listen();
    return {
      connection,
      end() {
        connection.dispose();
        port1.close();
        port2.close();
        journal.close();
      },
    };
  };
  const end = (): void => {
    running?.end();
    running = undefined;
  };
  return {
    async ask<Params extends object, Result>(
      type: RequestType<Params, Result, never>,
      params: Params,
      { signal, onAnnounced }: EngineCall = {},
    ): Promise<Result> {
      signal?.throwIfAborted();
      running ??= start();
      const answering =
        onAnnounced && running.connection.onRequest(announced, seen => onAnnounced(seen).then(() => null));
      try {
        return landed(await running.connection.sendRequest<Result>(type.method, carried(params)));
      } catch (error) {
        const wire = wireErrorOf(error);
        if (wire === undefined) throw error;
        throw new SignetError(wire.code, String(wire.params['detail'] ?? wire.code), { params: wire.params });
      } finally {
        answering?.dispose();
      }
    },
    async stop() {
      end();
    },
    end,
  } as InlineEngine;
}

const random = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

/** Starts what a daemon starts, on what lies in the folder. */
export async function startMachine(
  folder: string,
  at?: number,
  keychain = new MemoryKeychain('none'),
  openFiles: OpenFilesProbe = async () => false,
): Promise<Machine> {
  const home = resolveHome({ env: { SIGNET_HOME: join(folder, 'home') } });
  const clock = drivenClock(at);
  const options = { clock, hostLabel: 'bench' };
  const state = await openState(home, options);
  await finishSwitch(state, home);
  await finishDeletion(state);
  await new RestoreRecords(state.restores).sweep();
  const keyWork = new CountedKeyWork();
  const kept = keptIn(keychain, { home, state, clock });
  const vault = await openVaultState({
    clock,
    keyWork,
    copy: state.vaultCopy,
    phone: kept.phone,
    memory: () => ({ totalBytes: 8 * 1024 ** 3, availableBytes: 8 * 1024 ** 3 }),
    writePolicy: floor,
  });
  const engines: InlineEngine[] = [inlineEngine(home, clock)];
  const states: State[] = [state];
  const [engine] = engines as [InlineEngine];
  let source = 0;
  const jobs = await Jobs.open({
    home,
    openBeside: async () => {
      const beside = {
        engine: inlineEngine(besideHome(home), clock),
        state: await openState(besideHome(home), options),
      };
      engines.push(beside.engine);
      states.push(beside.state);
      return beside;
    },
    state,
    vault,
    ...kept,
    discover: async () => [],
    syncedFolders: async () => [],
    syncAppOf: async path => (path.startsWith(join(folder, 'synced')) ? 'Dropbox' : undefined),
    power: async () => ({ onBattery: undefined, isMetered: undefined }),
    openFolder: createFolderRemote,
    openFiles,
    around: { before: async () => undefined, after: async () => undefined, end: () => undefined },
    engine,
    clock,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    boot: { name: undefined, uptimeMs: () => 0 },
    machineId: 'bench',
    hostLabel: 'bench',
    homeFolders: [home.config, home.state, home.cache],
    newSource: async ({ root = '' }) => ({
      id: `generic-${'abcdefgh'.slice(0, 7)}${'abcdefgh'[source++ % 8]}`,
      profile: 'generic',
      label: 'chats',
      root,
    }),
    startWatching: async () => ({ settling: () => undefined, close: async () => undefined }),
    randomBytes: random,
    onStatus: () => undefined,
  });
  const machine: Machine = {
    folder,
    home,
    jobs,
    vault,
    state,
    clock,
    keyWork,
    remote() {
      const { remote } = JSON.parse(readFileSync(join(home.config, 'settings.json'), 'utf8')) as { remote: string };
      return remote.slice('folder:'.length);
    },
    objects(name) {
      const path = join(machine.remote(), name);
      return existsSync(path) ? readdirSync(path).filter(each => !each.startsWith('.tmp-')) : [];
    },
    async recoveryKey(secrets = given({ password })) {
      return Buffer.from(await jobs.credentials.showRecoveryKey(secrets)).toString('latin1');
    },
    async end() {
      await jobs.settled(); // what looks for a session must not find the state closed
      jobs.drills.stop(); // nor what begins by itself
      jobs.alarms.stop();
      for (const each of engines) each.end();
      for (const each of states) {
        try {
          each.close();
        } catch {
          // closed already, as a state beside is when it was taken over
        }
      }
    },
  };
  return machine;
}

/** Makes a machine with one backup of one folder below an empty folder; locked and ended. */
export async function setUpMachine(folder: string): Promise<void> {
  const chats = join(folder, 'chats');
  mkdirSync(chats);
  writeFileSync(join(chats, 'a.txt'), 'one');
  writeFileSync(join(chats, 'b.txt'), 'two');
  const machine = await startMachine(folder);
  await machine.jobs.setup(
    {
      sources: [{ root: chats }],
      remote: `folder:${join(folder, 'copies')}`,
      schedule: { kind: 'manual', onChange: false },
    },
    given({ password, phone }),
    call,
  );
  await machine.jobs.backup('user');
  await machine.jobs.lock();
  await machine.end();
}

/** The same machine once more, in another folder. */
export async function copyOf(t: ExecutionContext, template: string): Promise<string> {
  const folder = await temporaryFolder(t);
  cpSync(template, folder, { recursive: true, preserveTimestamps: true });
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o700);
  }
  const path = join(folder, 'home', 'config', 'settings.json');
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(template, folder));
  return folder;
}
