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
import type { FinishResult, RestoreResult, SnapshotEntry } from '../../protocol/status.ts';
import { describeSources, listFolder, readRange, statEntry } from '../archive/browse.ts';
import { type Comparison, compareTrees } from '../archive/compare.ts';
import { type RestoreContext, restoreSnapshot } from '../archive/restore.ts';
import { toHex, wipe } from '../base/bytes.ts';
import { type Clock, rfc3339 } from '../base/clock.ts';
import { isCode, SignetError, toSignetError } from '../base/errors.ts';
import type { DatabaseCapture } from '../capture/capture.ts';
import { claimedBackup } from '../heads/heads.ts';
import type { StandingSnapshot } from '../heads/model.ts';
import { isAbsence, type Remote, type RemoteKind } from '../remotes/remote.ts';
import type { PackJournal, PreparedKeyFile, Repository } from '../repository/model.ts';
import {
  openRepository,
  type PreparedRepository,
  prepareRepository,
  type RepositoryOptions,
} from '../repository/repository.ts';
import type { Home } from '../state/model.ts';
import { isVaultKey, listVaults } from '../vault/vault.ts';
import { findsNothing, type NewestSnapshot, runBackup } from './backup.ts';
import { bounded, inAnswer, inPage, moreOf } from './bounded.ts';
import type { Grants } from './connect.ts';
import { devicesOf, type KnownDevice } from './devices.ts';
import { type DrillLook, runDrill, snapshotBack } from './drill.ts';
import * as engine from './engine-messages.ts';
import type { EnginePlaces } from './engine-places.ts';
import { finishRestore } from './finishing.ts';
import { historyFolders, isVouchedFor, readHistory, resolveSnapshot, type SnapshotHistory } from './history.ts';
import { keptUntilIn, withKeptUntil } from './kept-until.ts';
import { snapshotEntry } from './listed-snapshots.ts';
import { acknowledge, lookAtPlace } from './look.ts';
import { oneLook } from './one-look.ts';
import { PlaceRequests, type Session } from './place-requests.ts';
import { stageOriginal } from './staging.ts';
import { TidyRequests } from './tidy-requests.ts';
import { runVerify } from './verify.ts';

/** Everything the engine reaches outside itself. */
export interface EngineOptions {
  readonly port: MessagePort;
  readonly home: Home;
  readonly places: EnginePlaces;
  readonly grants: Grants;
  /** The same place with copies kept on this computer: for the repository in use, never for another. */
  readonly keepCopies: (remote: Remote) => Promise<Remote>;
  /** The place, with others to read from what it cannot give. */
  readonly withMirrors: (main: Remote, mirrors: () => readonly (() => Promise<Remote>)[]) => Remote;
  readonly journal: PackJournal;
  readonly startCapture: () => DatabaseCapture;
  readonly freeBytes: (folder: string) => Promise<number>;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly host: { readonly hostname: string; readonly pid: number };
}

const reportEveryMs = 100;
/** Few large objects suit a cloud that takes two or three new ones a second. */
const packTargetBytes: { readonly [kind in RemoteKind]?: number } = { drive: 32 * 1024 * 1024 };

export function serveEngine(options: EngineOptions): void {
  const connection = createMessageConnection(new PortMessageReader(options.port), new PortMessageWriter(options.port));
  const server = new EngineServer(options, connection);
  server.listen();
  connection.listen();
}

interface ListedSnapshots {
  readonly entries: readonly SnapshotEntry[];
  readonly devices: readonly KnownDevice[];
}

class EngineServer {
  readonly #options: EngineOptions;
  readonly #connection: MessageConnection;
  #prepared: { readonly remote: Remote; readonly spec: string; readonly repository: PreparedRepository } | undefined;
  #preparedKey: PreparedKeyFile | undefined;
  #session: Session | undefined;
  #history: SnapshotHistory | undefined;
  /** Kept for as long as pages of it are asked for. */
  #compared: ({ readonly of: string } & Comparison) | undefined;
  #listed: ListedSnapshots | undefined;
  /** What the last backup of the opened repository left as this computer's newest. */
  #newest: (NewestSnapshot & { readonly of: Repository }) | undefined;
  /** Of the opened place; opened when they are needed. */
  #mirrors: readonly { readonly spec: string; readonly open: () => Promise<Remote> }[] = [];
  #reported:
    | { readonly phase: engine.EngineProgress['phase']; readonly at: number; readonly step: engine.EngineProgress }
    | undefined;
  /** RFC 3339: the place asked for patience until then. */
  #waitingUntil: string | undefined;

  constructor(options: EngineOptions, connection: MessageConnection) {
    this.#options = options;
    this.#connection = connection;
    options.places.onWait = until => this.#waits(until);
  }

  listen(): void {
    const { places, grants, home } = this.#options;
    new PlaceRequests({
      places,
      grants,
      temporaryFolder: home.staging,
      session: () => this.#session,
      mirrors: () => this.#mirrors.map(({ spec }) => spec),
      asJob: (who, work) => this.#asJob(who, work),
      onProgress: step => this.#report(step),
      onSignInAsked: asked => void this.#connection.sendProgress(engine.signInAsked, engine.signInToken, asked),
    }).listen((type, work) => this.#answer(type, work));
    new TidyRequests({
      ...this.#options,
      opened: () => this.#opened(),
      asJob: (who, work) => this.#asJob(who, work),
      onProgress: step => this.#report(step),
      onAnnounced: async seen => {
        await this.#connection.sendRequest(engine.announced, seen);
      },
      onRemoved: () => {
        this.#history = undefined;
        this.#listed = undefined;
      },
    }).listen((type, work) => this.#answer(type, work));
    this.#answer(engine.prepare, (order, signal) => this.#prepare(order, signal));
    this.#answer(engine.create, () => this.#create());
    this.#answer(engine.open, (order, signal) => this.#open(order, signal));
    this.#answer(engine.putVault, (vault, signal) => this.#putVault(vault, signal));
    this.#answer(engine.vaults, async ({ remote }, signal) =>
      listVaults(await places.remote(remote, { signal }), { signal }),
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
        const { spec, repository } = this.#opened();
        await repository.useKeyFile(keyFileId, recoveryKey, { signal });
        await places.keyFileUsed(spec, keyFileId);
      } finally {
        wipe(recoveryKey);
      }
      return null;
    });
    this.#answer(engine.copyKey, async ({ remote, keyFileId }) => {
      await places.copyKeyFile(remote, keyFileId);
      return null;
    });
    this.#answer(engine.removeKey, async ({ keyFileId }, signal) => {
      await this.#opened().repository.removeKeyFile(keyFileId, { signal });
      return null;
    });
    this.#answer(engine.findsNothing, async (order, signal) => {
      const { repository } = this.#opened();
      const { startCapture } = this.#options;
      const newest = this.#newest;
      if (newest?.of !== repository) return false;
      return this.#asJob('alone', () => findsNothing({ repository, newest, order, startCapture, signal }));
    });
    this.#answer(engine.backup, (order, signal) =>
      this.#asJob(order.reason === 'user' ? 'attended' : 'alone', () => this.#backup(order, signal)),
    );
    this.#answer(engine.snapshots, async ({ offset, limit, keptBy }, signal) => {
      // Later pages are of the list that the first was cut from, whatever was backed up meanwhile.
      if (offset === 0 || this.#listed === undefined) this.#listed = await this.#snapshots(keptBy, signal);
      const { entries, devices } = this.#listed;
      return { entries: entries.slice(offset, offset + limit), total: entries.length, devices };
    });
    this.#answer(engine.showSnapshot, async ({ snapshot }, signal) => {
      const { repository } = this.#opened();
      const found = await this.#find(snapshot, signal);
      return {
        snapshot: snapshotEntry(found),
        sources: await describeSources(repository, found.snapshot.tree, signal),
      };
    });
    this.#answer(engine.compare, (order, signal) => this.#compare(order, signal));
    this.#answer(engine.list, async ({ snapshot, path, self }, signal) => {
      const { repository } = this.#opened();
      const { tree } = (await this.#find(snapshot, signal)).snapshot;
      return self ? [await statEntry(repository, tree, path, signal)] : listFolder(repository, tree, path, signal);
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
    this.#answer(engine.restore, (order, signal) => this.#asJob('attended', () => this.#restore(order, signal)));
    this.#answer(engine.stage, (order, signal) => this.#asJob('attended', () => this.#stage(order, signal)));
    this.#answer(engine.finishRestore, ({ folder }, signal) => this.#finishRestore(folder, signal));
    this.#answer(engine.drill, (order, signal) => this.#asJob('alone', () => this.#drill(order, signal)));
    this.#answer(engine.verify, async (order, signal) => {
      const session = this.#opened();
      const { randomBytes } = this.#options;
      const onProgress = (step: engine.EngineProgress): void => this.#report(step);
      return this.#asJob('attended', () => runVerify({ ...session, ...order, randomBytes, signal, onProgress }));
    });
    this.#answer(engine.useMirrors, async ({ mirrors }) => {
      this.#mirrors = mirrors.map(spec => ({ spec, open: () => places.remote(spec) }));
      return null;
    });
    this.#answer(engine.look, (order, signal) => lookAtPlace({ ...this.#opened(), ...order, signal }));
    this.#answer(engine.acknowledge, async (order, signal) => {
      const { clock, randomBytes } = this.#options;
      const time = rfc3339(clock.now());
      const context = { ...this.#opened(), ...order, time, randomBytes, signal };
      return this.#asJob('attended', () => acknowledge(context));
    });
    this.#answer(engine.others, async ({ device }, signal) => {
      const { heads, snapshots } = await readHistory({ ...this.#opened(), signal });
      const devices = new Set([
        ...heads.devices(),
        ...snapshots.map(({ snapshot }) => claimedBackup(snapshot)?.device),
      ]);
      const unsigned = snapshots.filter(each => !isVouchedFor(each)).length;
      return [...devices].filter(each => each !== undefined && each !== device).length + unsigned;
    });
    this.#answer(engine.measure, async ({ devices }, signal) => {
      const session = this.#opened();
      const sizeBytes = session.repository.size().packBytes;
      if (!devices) return { snapshots: (await session.repository.snapshots()).size, sizeBytes };
      const history = await readHistory({ ...session, signal }).catch(unlessNewer);
      if (history === undefined) return { snapshots: (await session.repository.snapshots()).size, sizeBytes };
      return { snapshots: history.snapshots.length, sizeBytes, devices: devicesOf(history) };
    });
    this.#answer(engine.close, async () => {
      await this.#closeSession();
      this.#prepared?.repository.forget();
      this.#prepared = undefined;
      await places.close();
      return null;
    });
    this.#answer(engine.setLimits, async () => null); // `#answer` takes them
  }

  async #prepare(
    { remote: spec, recoveryKey }: engine.OpenOrder,
    signal: AbortSignal,
  ): Promise<Omit<engine.OpenedRepository, 'stateKey'>> {
    const { places } = this.#options;
    await (await places.place(spec)).prepare({ signal });
    const remote = await this.#openWithMirrors(spec, signal);
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
    return this.#begin(prepared.spec, prepared.remote, await prepared.repository.create());
  }

  async #open(order: engine.OpenOrder, signal: AbortSignal): Promise<engine.OpenedRepository> {
    const { places } = this.#options;
    const { recoveryKey, keyFileId, remote: spec } = order;
    const known = keyFileId === undefined ? {} : { keyFileId };
    try {
      await places.unseal(spec, recoveryKey, { signal });
      const remote = await this.#openWithMirrors(spec, signal);
      const repository = await openRepository({ ...this.#repositoryOptions(remote), recoveryKey, ...known, signal });
      await repository.readIndex({ signal });
      return await this.#begin(spec, remote, repository);
    } finally {
      wipe(recoveryKey);
    }
  }

  async #openWithMirrors(spec: string, signal: AbortSignal): Promise<Remote> {
    const { places, withMirrors, keepCopies } = this.#options;
    return keepCopies(withMirrors(await places.remote(spec, { signal }), () => this.#mirrors.map(({ open }) => open)));
  }

  async #begin(spec: string, remote: Remote, repository: Repository): Promise<engine.OpenedRepository> {
    await this.#closeSession();
    try {
      await this.#options.places.opened(spec, repository);
    } catch (error) {
      await repository.close();
      throw error;
    }
    this.#session = { spec, remote, repository, headsKey: repository.deriveKey('signet/heads/v1') };
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
    this.#compared = undefined;
    wipe(session?.headsKey);
    await session?.repository.close();
  }

  #repositoryOptions(remote: Remote): Omit<RepositoryOptions, 'recoveryKey'> {
    const { clock, randomBytes, home, journal, host, places } = this.#options;
    const target = places.limits.packTargetBytes || packTargetBytes[remote.kind];
    return {
      remote,
      clock,
      randomBytes,
      journal,
      host,
      outboxFolder: home.outbox,
      ...(target !== undefined && { packTargetBytes: target }),
    };
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
    // Before anything counts on it: with the old copy alone, the new recovery key would not open what opens the cloud.
    await this.#options.places.copyKeyFile(this.#opened().spec, prepared.id);
    return null;
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
        onNewest: newest => {
          this.#newest = { ...newest, of: session.repository };
        },
      });
    } catch (error) {
      throw this.#withNeed(error);
    } finally {
      this.#history = undefined; // read anew: whoever looked meanwhile did not see this backup
    }
  }

  /** A full place is told with what waits to be sent: so much at least has to be free. */
  #withNeed(error: unknown): unknown {
    if (!(error instanceof SignetError) || error.code !== 'E_REMOTE_FULL' || 'need' in error.params) return error;
    const waiting = this.#options.journal.rows().filter(({ uploaded }) => !uploaded);
    const need = waiting.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return need === 0 ? error : new SignetError(error.code, error.message, { params: { ...error.params, need } });
  }

  async #snapshots(keptBy: engine.KeptBy | undefined, signal: AbortSignal): Promise<ListedSnapshots> {
    const history = await this.#readHistory(signal);
    const until = keptBy === undefined ? undefined : keptUntilIn(history, keptBy);
    const entries = history.snapshots.map(each => withKeptUntil(snapshotEntry(each), until));
    return { entries, devices: devicesOf(history) };
  }

  async #compare(
    { before, after, path, offset }: engine.CompareOrder,
    signal: AbortSignal,
  ): Promise<Comparison & { readonly total: number }> {
    const { repository } = this.#opened();
    const [older, newer] = [await this.#find(before, signal), await this.#find(after, signal)];
    const of = JSON.stringify([older.id, newer.id, path]);
    const trees = { before: older.snapshot.tree, after: newer.snapshot.tree };
    const kept = this.#compared?.of === of ? this.#compared : undefined;
    const compared = kept ?? { of, ...(await compareTrees(repository, trees, path, { signal })) };
    const { entries, isMore } = compared;
    const { listed, more } = bounded(entries.slice(offset), inPage);
    this.#compared = more > 0 ? compared : undefined;
    return { entries: listed, total: entries.length, isMore };
  }

  async #find(named: string, signal: AbortSignal): Promise<StandingSnapshot> {
    return resolveSnapshot((this.#history ?? (await this.#readHistory(signal))).snapshots, named);
  }

  /** What there is to look at and to restore; while the place does not answer, what a copy of it holds. */
  async #readHistory(signal: AbortSignal): Promise<SnapshotHistory> {
    const { remote } = this.#opened();
    try {
      return await this.#historyOf(remote, signal);
    } catch (error) {
      if (!isAbsence(error)) throw error;
      for (const { open } of this.#mirrors) {
        try {
          return await this.#historyOf(await open(), signal);
        } catch {
          signal.throwIfAborted(); // what is wrong with the place itself is told
        }
      }
      throw error;
    }
  }

  /** @param listed names what there is; everything is read, and proven, as always */
  async #historyOf(listed: Remote, signal: AbortSignal): Promise<SnapshotHistory> {
    const { remote, repository, headsKey } = this.#opened();
    const shown = oneLook(listed, ['index', ...historyFolders], { signal });
    await repository.readIndex({ shown, signal });
    this.#history = await readHistory({ remote, repository, headsKey, shown, signal });
    return this.#history;
  }

  async #restore(order: engine.RestoreOrder, signal: AbortSignal): Promise<RestoreResult> {
    return this.#restoring(order, signal, async context => {
      const outcome = await restoreSnapshot({ ...order, ...context });
      const { target, dryRun } = order;
      const databases = bounded(outcome.databases, inAnswer, ({ check }) => check !== 'ok' && check !== 'opaque');
      const skipped = bounded(outcome.skipped, inAnswer, ({ code }) => code !== undefined);
      return {
        type: 'result',
        snapshot: context.snapshot.id,
        target,
        ...outcome,
        databases: databases.listed,
        skipped: skipped.listed,
        ...moreOf({ databases: databases.more, skipped: skipped.more }),
        dryRun,
      };
    });
  }

  async #stage(order: engine.StageOrder, signal: AbortSignal): Promise<engine.Staged> {
    const { target, dryRun, mark } = order;
    return this.#restoring(order, signal, context => stageOriginal({ ...context, target, dryRun, mark, order }));
  }

  /** What every restore needs of its surroundings; `named.snapshot` is looked for anew. */
  async #restoring<Result>(
    named: { readonly snapshot: string },
    signal: AbortSignal,
    work: (context: Omit<RestoreContext, 'target' | 'include' | 'dryRun' | 'mark'>) => Promise<Result>,
  ): Promise<Result> {
    const { repository } = this.#opened();
    await this.#readHistory(signal);
    const { id, snapshot } = await this.#find(named.snapshot, signal);
    const capture = this.#options.startCapture();
    try {
      return await work({
        repository,
        snapshot: { id, tree: snapshot.tree },
        platform: process.platform,
        checkDatabase: path => capture.check(path, { signal }),
        freeBytes: this.#options.freeBytes,
        onProgress: step => this.#report({ ...step, bytesUploaded: 0 }),
        signal,
      });
    } finally {
      await capture.stop();
    }
  }

  async #drill(order: engine.DrillOrder, signal: AbortSignal): Promise<DrillLook | null> {
    const { remote, repository } = this.#opened();
    const { home, randomBytes } = this.#options;
    const { snapshots } = await this.#readHistory(signal);
    const found = snapshotBack(snapshots, order.device, order.back);
    if (found === undefined) return null;
    const capture = this.#options.startCapture();
    try {
      return await runDrill({
        ...order,
        repository,
        snapshot: { id: found.id, tree: found.snapshot.tree },
        at: found.snapshot.time,
        platform: process.platform,
        capture,
        folder: home.staging,
        mark: toHex(randomBytes(6)),
        isFar: remote.kind === 'drive' || remote.kind === 's3',
        random: () => Buffer.from(randomBytes(6)).readUIntBE(0, 6) / 2 ** 48,
        freeBytes: this.#options.freeBytes,
        onProgress: step => this.#report({ ...step, bytesUploaded: 0 }),
        signal,
      });
    } catch (error) {
      // A source that was added later is not in older snapshots.
      if (order.back > 0 && isCode(error, 'E_NOT_FOUND')) return null;
      throw error;
    } finally {
      await capture.stop();
    }
  }

  async #finishRestore(folder: string, signal: AbortSignal): Promise<FinishResult> {
    const capture = this.#options.startCapture();
    try {
      const found = await finishRestore(folder, {
        merge: (path, to) => capture.merge(path, to, { signal }),
        mark: () => toHex(this.#options.randomBytes(6)),
        signal,
      });
      const merged = bounded(found.merged, inAnswer);
      const skipped = bounded(found.skipped, inAnswer);
      return {
        type: 'result',
        folder,
        merged: merged.listed,
        skipped: skipped.listed,
        ...moreOf({ merged: merged.more, skipped: skipped.more }),
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
    this.#reported = { phase: step.phase, at: now, step };
    const waiting = this.#waitingUntil === undefined ? {} : { waitingUntil: this.#waitingUntil };
    void this.#connection.sendProgress(engine.progress, engine.progressToken, { ...step, ...waiting });
  }

  /** Told at once, and with every step until it is over. */
  #waits(until: number | undefined): void {
    this.#waitingUntil = until === undefined ? undefined : new Date(until).toISOString();
    const last = this.#reported?.step;
    if (last === undefined || this.#options.places.jobs === 0) return;
    this.#reported = undefined;
    this.#report(last);
  }

  /** Work that has time to wait for a place; where somebody looks on, for one that is known to be there. */
  async #asJob<Result>(kind: 'attended' | 'alone', work: () => Promise<Result>): Promise<Result> {
    const { places } = this.#options;
    places.jobBegins(kind === 'attended');
    this.#reported = undefined;
    try {
      return await work();
    } finally {
      places.jobEnds();
      this.#waitingUntil = undefined;
    }
  }

  /** What comes with orders that name a place. */
  #takeIn(order: unknown): void {
    if (typeof order !== 'object' || order === null) return;
    const { connections, limits } = order as Partial<engine.PlaceOrder>; // the main thread builds them
    if (limits !== undefined) this.#options.places.limits = limits;
    if (connections === undefined) return;
    try {
      this.#options.places.give(connections);
    } finally {
      wipe(connections);
    }
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
        const order = engine.landed(params);
        this.#takeIn(order);
        return engine.carried(await work(order, controller.signal));
      } catch (error) {
        const wire = toSignetError(controller.signal.aborted ? controller.signal.reason : error).toWire();
        return new ResponseError(1, wire.code, wire);
      }
    };
    this.#connection.onRequest(type.method, answer);
  }
}

/** A newer version wrote here, and forbids reading on; whoever does more than look is told. */
function unlessNewer(error: unknown): undefined {
  if (!isCode(error, 'E_VERSION')) throw error;
}
