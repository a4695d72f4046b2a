// The engine's own end: an opened repository on a thread of its own, answering the main thread. It holds the keys; when the thread ends
// they are gone. One job at a time is the main thread's rule; looking into snapshots is allowed beside a job.

import type { MessagePort } from 'node:worker_threads';
import {
  type CancellationToken,
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
  type RequestType,
  ResponseError,
} from 'vscode-jsonrpc/node';
import type { WireError } from '../../protocol/errors.ts';
import type { RestoreResult, SnapshotEntry } from '../../protocol/status.ts';
import { listFolder, readRange } from '../archive/browse.ts';
import { restoreSnapshot } from '../archive/restore.ts';
import { toHex, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { DatabaseCapture } from '../capture/capture.ts';
import type { Remote } from '../remotes/remote.ts';
import type { PackJournal, PreparedKeyFile, Repository, Snapshot, SnapshotId } from '../repository/model.ts';
import {
  configDigest,
  deletePlace,
  holdsRepository,
  inspectPlace,
  openRepository,
  type PreparedRepository,
  prepareRepository,
  type RepositoryOptions,
} from '../repository/repository.ts';
import type { Home } from '../state/model.ts';
import { isVaultKey, listVaults } from '../vault/vault.ts';
import { runBackup } from './backup.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import * as engine from './engine-messages.ts';
import { historyFolders, readHistory, resolveSnapshot, type SnapshotHistory } from './history.ts';
import { oneLook } from './one-look.ts';
import { runVerify } from './verify.ts';

/** Everything the engine reaches outside itself. */
export interface EngineOptions {
  readonly port: MessagePort;
  readonly home: Home;
  readonly openRemote: (spec: string) => Promise<Remote>;
  /** The same place with copies kept on this computer: for the repository in use, never for another. */
  readonly keepCopies: (remote: Remote) => Promise<Remote>;
  readonly prepareRemote: (spec: string) => Promise<void>;
  /** Before set-up. @throws E_USAGE when the place can never be one */
  readonly checkPlace: (spec: string) => Promise<void>;
  /** Whether set-up could make the place. */
  readonly isMissing: (spec: string) => Promise<boolean>;
  /** Before a place is deleted. @throws E_REMOTE_DENIED for one that only a link leads to */
  readonly checkDeletable: (spec: string) => Promise<void>;
  /** Takes the folders away that a deleted repository left empty, and the place itself when nothing else is in it. */
  readonly removeEmpty: (spec: string) => Promise<void>;
  readonly journal: PackJournal;
  readonly startCapture: () => DatabaseCapture;
  readonly freeBytes: (folder: string) => Promise<number>;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly host: { readonly hostname: string; readonly pid: number };
}

const reportEveryMs = 100;

interface Session {
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
}

export function serveEngine(options: EngineOptions): void {
  const connection = createMessageConnection(new PortMessageReader(options.port), new PortMessageWriter(options.port));
  const server = new EngineServer(options, connection);
  server.listen();
  connection.listen();
}

class EngineServer {
  readonly #options: EngineOptions;
  readonly #connection: MessageConnection;
  #prepared: { readonly remote: Remote; readonly spec: string; readonly repository: PreparedRepository } | undefined;
  #preparedKey: PreparedKeyFile | undefined;
  #session: Session | undefined;
  #history: SnapshotHistory | undefined;
  #listed: readonly SnapshotEntry[] | undefined;
  #reported: { readonly phase: engine.EngineProgress['phase']; readonly at: number } | undefined;

  constructor(options: EngineOptions, connection: MessageConnection) {
    this.#options = options;
    this.#connection = connection;
  }

  listen(): void {
    this.#answer(engine.inspect, async ({ remote }, signal) => {
      await this.#options.checkPlace(remote);
      if (await this.#options.isMissing(remote)) return 'empty';
      return inspectPlace(await this.#options.openRemote(remote), { signal });
    });
    this.#answer(engine.prepare, order => this.#prepare(order));
    this.#answer(engine.create, () => this.#create());
    this.#answer(engine.open, (order, signal) => this.#open(order, signal));
    this.#answer(engine.putVault, (vault, signal) => this.#putVault(vault, signal));
    this.#answer(engine.vaults, async ({ remote }, signal) =>
      listVaults(await this.#options.openRemote(remote), { signal }),
    );
    this.#answer(engine.removeVault, async ({ name }, signal) => {
      if (!isVaultKey(name)) throw new SignetError('E_INTERNAL', 'only vaults are removed so');
      await this.#opened().remote.remove(name, { signal });
      return null;
    });
    this.#answer(engine.prepareKey, ({ recoveryKey }) => this.#prepareKey(recoveryKey));
    this.#answer(engine.writeKey, (_, signal) => this.#writeKey(signal));
    this.#answer(engine.useKey, async ({ recoveryKey, keyFileId }, signal) => {
      try {
        await this.#opened().repository.useKeyFile(keyFileId, recoveryKey, { signal });
      } finally {
        wipe(recoveryKey);
      }
      return null;
    });
    this.#answer(engine.removeKey, async ({ keyFileId }, signal) => {
      await this.#opened().repository.removeKeyFile(keyFileId, { signal });
      return null;
    });
    this.#answer(engine.digest, async ({ remote }, signal) => ({
      config: await configDigest(await this.#options.openRemote(remote), { signal }),
    }));
    this.#answer(engine.deletePlace, (order, signal) => this.#deletePlace(order, signal));
    this.#answer(engine.backup, (order, signal) => this.#backup(order, signal));
    this.#answer(engine.snapshots, async ({ offset, limit }, signal) => {
      // Later pages are of the list that the first was cut from, whatever was backed up meanwhile.
      if (offset === 0 || this.#listed === undefined) this.#listed = await this.#snapshots(signal);
      const found = this.#listed;
      return { entries: found.slice(offset, offset + limit), total: found.length };
    });
    this.#answer(engine.list, async ({ snapshot, path }, signal) => {
      const { repository } = this.#opened();
      return listFolder(repository, (await this.#find(snapshot, signal)).snapshot.tree, path, signal);
    });
    this.#answer(engine.read, async ({ snapshot, path, offset, length }, signal) => {
      const { repository } = this.#opened();
      return readRange(
        repository,
        (await this.#find(snapshot, signal)).snapshot.tree,
        path,
        { offset, length },
        signal,
      );
    });
    this.#answer(engine.restore, (order, signal) => this.#restore(order, signal));
    this.#answer(engine.verify, async (order, signal) => {
      const session = this.#opened();
      const { randomBytes } = this.#options;
      return runVerify({ ...session, ...order, randomBytes, signal, onProgress: step => this.#report(step) });
    });
    this.#answer(engine.measure, async () => {
      const { repository } = this.#opened();
      return { snapshots: (await repository.snapshots()).size, sizeBytes: repository.size().packBytes };
    });
    this.#answer(engine.close, async () => {
      await this.#closeSession();
      this.#prepared?.repository.forget();
      this.#prepared = undefined;
      return null;
    });
    this.#answer(engine.reachable, async ({ remote }, signal) => {
      try {
        return await holdsRepository(await this.#options.openRemote(remote), { signal });
      } catch (error) {
        if (toSignetError(error).code === 'E_UNREACHABLE') return false;
        throw error;
      }
    });
  }

  async #prepare({ remote: spec, recoveryKey }: engine.OpenOrder): Promise<Omit<engine.OpenedRepository, 'stateKey'>> {
    await this.#options.prepareRemote(spec);
    const remote = await this.#options.keepCopies(await this.#options.openRemote(spec));
    const repository = await prepareRepository({ ...this.#repositoryOptions(remote), recoveryKey });
    wipe(recoveryKey);
    this.#prepared = { remote, spec, repository };
    const { id, keyFileId, masterKeyFingerprint } = repository;
    return { repositoryId: id, keyFileId, masterKeyFingerprint };
  }

  async #create(): Promise<engine.OpenedRepository> {
    const prepared = this.#prepared;
    if (prepared === undefined) throw new SignetError('E_INTERNAL', 'no repository was prepared');
    this.#prepared = undefined;
    return this.#begin(prepared.remote, await prepared.repository.create());
  }

  async #open(order: engine.OpenOrder, signal: AbortSignal): Promise<engine.OpenedRepository> {
    const remote = await this.#options.keepCopies(await this.#options.openRemote(order.remote));
    const { recoveryKey, keyFileId } = order;
    const known = keyFileId === undefined ? {} : { keyFileId };
    try {
      const repository = await openRepository({ ...this.#repositoryOptions(remote), recoveryKey, ...known, signal });
      await repository.readIndex({ signal });
      return this.#begin(remote, repository);
    } finally {
      wipe(recoveryKey);
    }
  }

  async #begin(remote: Remote, repository: Repository): Promise<engine.OpenedRepository> {
    await this.#closeSession();
    this.#session = { remote, repository, headsKey: repository.deriveKey('signet/heads/v1') };
    return {
      repositoryId: repository.id,
      keyFileId: repository.keyFileId,
      masterKeyFingerprint: repository.masterKeyFingerprint,
      stateKey: repository.deriveKey('signet/state/v1'),
    };
  }

  async #closeSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#history = undefined;
    this.#listed = undefined;
    wipe(session?.headsKey);
    await session?.repository.close();
  }

  #repositoryOptions(remote: Remote): Omit<RepositoryOptions, 'recoveryKey'> {
    const { clock, randomBytes, home, journal, host } = this.#options;
    return { remote, clock, randomBytes, journal, host, outboxFolder: home.outbox };
  }

  /** Stored, then read back: a vault that did not arrive whole would lock its owner out. */
  async #putVault({ name, bytes }: engine.RemoteVault, signal: AbortSignal): Promise<null> {
    const remote = this.#prepared?.remote ?? this.#opened().remote;
    await remote.put(name, bytes, { signal });
    const back = await remote.get(name, { maxBytes: bytes.length, signal });
    if (toHex(back) !== toHex(bytes)) {
      throw new SignetError('E_VAULT_CORRUPT', 'the vault reads back differently from what was written');
    }
    return null;
  }

  async #prepareKey(recoveryKey: Uint8Array): Promise<{ readonly keyFileId: string }> {
    try {
      this.#preparedKey = await this.#opened().repository.prepareKeyFile(recoveryKey);
      return { keyFileId: this.#preparedKey.id };
    } finally {
      wipe(recoveryKey);
    }
  }

  async #writeKey(signal: AbortSignal): Promise<null> {
    const prepared = this.#preparedKey;
    if (prepared === undefined) throw new SignetError('E_INTERNAL', 'no key file was prepared');
    this.#preparedKey = undefined;
    await prepared.write({ signal });
    return null;
  }

  async #deletePlace(
    { remote: spec, config }: { readonly remote: string; readonly config: string | null },
    signal: AbortSignal,
  ): Promise<{ readonly objects: number; readonly bytes: number }> {
    if (await this.#options.isMissing(spec)) return { objects: 0, bytes: 0 };
    await this.#options.checkDeletable(spec);
    const deleted = await deletePlace(await this.#options.openRemote(spec), config ?? undefined, { signal });
    await this.#options.removeEmpty(spec);
    return deleted;
  }

  async #backup(order: engine.BackupOrder, signal: AbortSignal): Promise<engine.BackupOutcome> {
    const session = this.#opened();
    const { clock, startCapture, randomBytes } = this.#options;
    try {
      return await runBackup({
        ...session,
        order,
        clock,
        randomBytes,
        startCapture,
        signal,
        onProgress: step => this.#report(step),
      });
    } finally {
      this.#history = undefined; // read anew: whoever looked meanwhile did not see this backup
    }
  }

  async #snapshots(signal: AbortSignal): Promise<readonly SnapshotEntry[]> {
    const history = await this.#readHistory(signal);
    return history.snapshots.map(({ id, snapshot, standing }) => ({
      id,
      at: snapshot.time,
      device: snapshot.hostname,
      sources: snapshot.paths.map(path => path.replace(/^\//, '')),
      files: snapshot.summary?.totalFilesProcessed ?? 0,
      sizeBytes: snapshot.summary?.totalBytesProcessed ?? 0,
      bytesAdded: snapshot.summary?.dataAddedPacked ?? 0,
      announced: standing === 'announced',
    }));
  }

  async #find(named: string, signal: AbortSignal): Promise<{ readonly id: SnapshotId; readonly snapshot: Snapshot }> {
    return resolveSnapshot((this.#history ?? (await this.#readHistory(signal))).snapshots, named);
  }

  async #readHistory(signal: AbortSignal): Promise<SnapshotHistory> {
    const { remote, repository, headsKey } = this.#opened();
    const shown = oneLook(remote, ['index', ...historyFolders], { signal });
    await repository.readIndex({ shown, signal });
    this.#history = await readHistory({ remote, repository, headsKey, shown, signal });
    return this.#history;
  }

  async #restore(order: engine.RestoreOrder, signal: AbortSignal): Promise<RestoreResult> {
    const { repository } = this.#opened();
    await this.#readHistory(signal);
    const { id, snapshot } = await this.#find(order.snapshot, signal);
    const capture = this.#options.startCapture();
    try {
      const outcome = await restoreSnapshot({
        ...order,
        repository,
        snapshot: { id, tree: snapshot.tree },
        platform: process.platform,
        randomName: () => toHex(this.#options.randomBytes(6)),
        checkDatabase: path => capture.check(path, { signal }),
        freeBytes: this.#options.freeBytes,
        onProgress: step => this.#report({ ...step, bytesUploaded: 0 }),
        signal,
      });
      const { target, dryRun } = order;
      const databases = bounded(outcome.databases, inAnswer, ({ check }) => check !== 'ok' && check !== 'opaque');
      const skipped = bounded(outcome.skipped, inAnswer, ({ code }) => code !== undefined);
      return {
        type: 'result',
        snapshot: id,
        target,
        ...outcome,
        databases: databases.listed,
        skipped: skipped.listed,
        ...moreOf({ databases: databases.more, skipped: skipped.more }),
        dryRun,
      };
    } finally {
      await capture.stop();
    }
  }

  #opened(): Session {
    if (this.#session === undefined) throw new SignetError('E_VAULT_LOCKED', 'no repository is open');
    return this.#session;
  }

  /** Each step costs the main thread a state to be told, and a step may be one small file: only so many a second are told. */
  #report(step: engine.EngineProgress): void {
    const now = this.#options.clock.monotonic();
    if (step.phase === this.#reported?.phase && now - this.#reported.at < reportEveryMs) return;
    this.#reported = { phase: step.phase, at: now };
    void this.#connection.sendProgress(engine.progress, engine.progressToken, step);
  }

  #answer<Params, Result>(
    type: RequestType<Params, Result, WireError>,
    work: (params: Params, signal: AbortSignal) => Promise<Result>,
  ): void {
    const answer = async (params: Params, token: CancellationToken): Promise<unknown> => {
      const controller = new AbortController();
      token.onCancellationRequested(() =>
        controller.abort(new SignetError('E_CANCELLED', 'stopped at the request of the user')),
      );
      try {
        return engine.carried(await work(engine.landed(params), controller.signal));
      } catch (error) {
        const wire = toSignetError(controller.signal.aborted ? controller.signal.reason : error).toWire();
        return new ResponseError(1, wire.code, wire);
      }
    };
    this.#connection.onRequest(type.method, answer);
  }
}
