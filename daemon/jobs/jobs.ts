// What the daemon does for people, on its main thread: set up, unlock, back up, restore, verify, and keep the one state that everybody is
// shown. The heavy work is the engine's; here is who may start what, one job at a time, and what is remembered afterwards.

import { resolve } from 'node:path';
import type {
  BackupReason,
  BackupResult,
  JobProgress,
  ListEntry,
  RestoreResult,
  Schedule,
  SetupResult,
  SnapshotEntry,
  Status,
  VerifyResult,
} from '../../protocol/status.ts';
import { copySecret, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { HistoryEntry, Settings, Witness } from '../state/model.ts';
import { defaultSettings, type State } from '../state/state.ts';
import { checkSameRepository, compareVaults, parseRecoveryKey, phoneEnding } from '../vault/vault.ts';
import { AutomaticBackups, type StartWatching } from './automatic.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { type JobCall, JobQueue } from './job-queue.ts';
import { checkFolders, remoteLabel } from './places.ts';
import { loadMemory, loadWitness, saveMemory } from './recall.ts';
import {
  type GivenSecrets,
  type NewPlace,
  needed,
  phoneText,
  type SetupOptions,
  type SetupOrder,
  setUp,
} from './setup.ts';
import { type SourceFacts, statusOf } from './status.ts';

const historyShown = 20;
/** What a job gets to clean up after itself (restored or staged files, locks) before locking ends its thread. */
const graceMs = 10_000;

export interface JobsOptions extends Omit<SetupOptions, 'signal'> {
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  readonly machineId: string;
  readonly startWatching: StartWatching;
  readonly onStatus: (status: Status) => void;
}

export class Jobs {
  readonly #options: JobsOptions;
  readonly #automatic: AutomaticBackups;
  readonly #queue: JobQueue;
  readonly #deviceId: string;
  readonly #sourceFacts = new Map<string, SourceFacts>();
  #settings: Settings | undefined;
  #stateKey: Uint8Array | undefined;
  /** Of the open repository: what a new witness is made with. */
  #identity: engine.OpenedRepository | undefined;
  #repository: Status['repository'] = null;
  #phoneEnding: string | null = null;
  #alarms: Status['alarms'] = [];
  #reachable: boolean | null = null;
  /** The newest run, when the full disk of this computer did not take its entry: the state tells it all the same. */
  #unrecorded: HistoryEntry | undefined;
  /** The backup that runs or waits for its turn. */
  #backup:
    | {
        readonly result: Promise<BackupResult>;
        readonly listeners: Set<(value: JobProgress) => void>;
        readonly isOfAll: boolean;
      }
    | undefined;
  /** The end of the last locking or unlocking: one at a time, or two unlocks would close each other's repository. */
  #gate: Promise<unknown> = Promise.resolve();

  private constructor(options: JobsOptions, settings: Settings | undefined, phone: string | undefined) {
    this.#options = options;
    this.#settings = settings;
    this.#phoneEnding = phone === undefined ? null : phoneEnding(phone);
    this.#deviceId = options.state.device(options.machineId).id;
    this.#queue = new JobQueue(options.clock, () => this.#changed());
    this.#automatic = new AutomaticBackups({
      clock: options.clock,
      startWatching: options.startWatching,
      backUp: async (reason, sourceIds) => {
        await this.#backupEnd();
        await this.backup(reason, sourceIds);
      },
      isUnlocked: () => this.#stateKey !== undefined,
      onProblem: code => options.log.warn('watching has a problem', { reason: code }),
      onChanged: () => this.#changed(),
    });
  }

  static async open(options: JobsOptions): Promise<Jobs> {
    const jobs = new Jobs(options, await options.state.settings.load(), await options.state.phone.recall());
    await jobs.#automatic.follow(jobs.#settings);
    return jobs;
  }

  status(): Status {
    const { state } = this.#options;
    const remote = this.#settings?.remote ?? null;
    return statusOf({
      settings: this.#settings,
      isUnlocked: this.#stateKey !== undefined,
      job: this.#queue.progress,
      history: [...(this.#unrecorded === undefined ? [] : [this.#unrecorded]), ...state.history.last(historyShown)],
      lastGood: state.history.lastGood(),
      waiting: this.#automatic.waiting,
      sources: this.#sourceFacts,
      remote: remote === null ? null : { label: remoteLabel(remote), reachable: this.#reachable },
      repository: this.#repository,
      deviceId: this.#deviceId,
      phoneEnding: this.#phoneEnding,
      alarms: this.#alarms,
      keychain: { kind: 'memory-only', backend: null },
      nextRun: null,
      overdue: null,
      pausedUntil: null,
      notices: [],
    });
  }

  /** As `status`, after a look whether the place of the copies answers. */
  async check(): Promise<Status> {
    const remote = this.#settings?.remote;
    if (remote !== null && remote !== undefined) {
      this.#reachable = await this.#options.engine.ask(engine.reachable, { remote });
      await this.#inOrder(async () => {
        if (this.#stateKey === undefined && this.#queue.progress === null) await this.#options.engine.stop();
      });
    }
    return this.status();
  }

  /**
   * Opens a new backup in an empty place or joins the one that is there.
   * @returns with `recoveryKey` (32 bytes, the caller's to wipe) when the backup is new
   */
  async setup(
    order: SetupOrder,
    secrets: GivenSecrets,
    call: JobCall,
  ): Promise<Omit<SetupResult, 'recoveryKey'> & { readonly recoveryKey?: Uint8Array }> {
    this.#assertNotSetUp();
    return this.#queue.run('setup', call, async signal => {
      this.#assertNotSetUp(); // another client may have set up before it was this one's turn
      try {
        const { place, recoveryKey, ...made } = await setUp(order, secrets, { ...this.#options, signal });
        await this.#configure(place, order.schedule);
        const snapshots = this.#repository?.snapshots ?? 0;
        return { ...made, snapshots, ...(recoveryKey !== undefined && { recoveryKey }) };
      } catch (error) {
        await this.#forget();
        throw error;
      }
    });
  }

  async #configure(place: NewPlace, schedule: Partial<Schedule> | undefined): Promise<void> {
    const { state, hostLabel } = this.#options;
    const { remote, sources, opened, phone } = place;
    const before = this.#settings ?? defaultSettings(hostLabel);
    const settings = { ...before, remote, sources, schedule: { ...onChangeOnly, at: before.schedule.at, ...schedule } };
    await state.settings.save(settings);
    this.#settings = settings;
    this.#phoneEnding = phone === undefined ? null : phoneEnding(phone);
    await this.#opened(opened);
    await this.#automatic.follow(settings);
  }

  /** Takes over what an opened repository gives; from here on the vault counts as unlocked. */
  async #opened(opened: engine.OpenedRepository): Promise<void> {
    this.#stateKey = opened.stateKey;
    this.#reachable = true;
    const { snapshots, sizeBytes } = await this.#options.engine.ask(engine.measure, {});
    this.#repository = { id: opened.repositoryId, snapshots, sizeBytes };
    this.#identity = opened;
    this.#changed();
  }
  unlock(secrets: GivenSecrets): Promise<void> {
    return this.#inOrder(() => this.#unlock(secrets));
  }

  async #unlock(secrets: GivenSecrets): Promise<void> {
    const { vault, engine: worker } = this.#options;
    const remote = this.#remote();
    if (secrets.recoveryKey !== undefined) {
      const key = parseRecoveryKey(secrets.recoveryKey);
      try {
        if (this.#stateKey !== undefined) vault.proveRecoveryKey(key);
        else vault.unlockWithRecoveryKey(key);
      } finally {
        wipe(key);
      }
    } else {
      const phone = secrets.phone === undefined ? undefined : phoneText(secrets.phone);
      await vault.unlockWithPassword(needed(secrets.password, 'password'), phone);
    }
    if (this.#stateKey !== undefined) return;
    const recoveryKey = vault.recoveryKey();
    try {
      const { identity } = vault;
      const known = identity === undefined ? {} : { keyFileId: identity.keyFileId };
      const opened = await worker.ask(engine.open, { remote, recoveryKey, ...known });
      if (identity !== undefined) checkSameRepository(identity, { id: opened.repositoryId, ...opened });
      await this.#opened(opened);
    } catch (error) {
      await this.#forget();
      throw error;
    } finally {
      wipe(recoveryKey);
    }
    this.#automatic.unlocked();
  }

  /** Forgets the keys here at once, and those of the engine as soon as what runs has cleaned up after itself. */
  lock(): Promise<void> {
    this.cancel();
    this.#wipeKeys();
    this.#changed();
    return this.#inOrder(async () => {
      const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
      const cancelTimer = this.#options.clock.timer(graceMs, giveUp);
      await Promise.race([this.#queue.idle(), late]);
      cancelTimer();
      await this.#forget();
    });
  }

  #wipeKeys(): void {
    this.#options.vault.lock();
    wipe(this.#stateKey);
    this.#stateKey = undefined;
    this.#identity = undefined;
  }

  async #forget(): Promise<void> {
    this.#wipeKeys();
    await this.#options.engine.stop();
    this.#changed();
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const turn = this.#gate.then(work);
    this.#gate = turn.catch(() => undefined); // its own caller is told
    return turn;
  }

  /** Backs up all sources, or the named ones and the rest carried forward; joins a backup of all that is running. */
  async backup(
    reason: BackupReason,
    sourceIds?: ReadonlySet<string>,
    call?: Pick<JobCall, 'progress'>,
  ): Promise<BackupResult> {
    this.#remote();
    this.#assertUnlocked();
    while (this.#backup !== undefined && !this.#backup.isOfAll) await this.#backupEnd();
    if (this.#backup !== undefined) {
      if (call !== undefined) this.#backup.listeners.add(call.progress);
      return this.#backup.result;
    }
    const never = new AbortController().signal;
    const listeners = new Set(call === undefined ? [] : [call.progress]);
    const progress = (value: JobProgress): void => {
      for (const listener of listeners) listener(value);
    };
    const result = this.#queue.run('backup', { progress, signal: never }, (signal, onProgress) =>
      this.#backUp(reason, sourceIds, signal, onProgress),
    );
    this.#backup = { result, listeners, isOfAll: sourceIds === undefined };
    try {
      return await result;
    } finally {
      this.#backup = undefined;
      this.#changed();
    }
  }

  /** Until no backup runs, however it ends. */
  async #backupEnd(): Promise<void> {
    while (this.#backup !== undefined) await this.#backup.result.catch(() => undefined); // whoever asked for it is told
  }

  async #backUp(
    reason: BackupReason,
    sourceIds: ReadonlySet<string> | undefined,
    signal: AbortSignal,
    onProgress: (step: engine.EngineProgress) => void,
  ): Promise<BackupResult> {
    const { state, clock, log } = this.#options;
    const settings = this.#settings;
    if (settings === undefined || settings.sources.length === 0) {
      throw new SignetError('E_NOT_SET_UP', 'there is nothing to back up: no source is set up');
    }
    // A copy: locking wipes the key at once, and what is sealed at the end must not be sealed under zeros.
    const stateKey = copySecret(this.#assertUnlocked());
    try {
      const order: engine.BackupOrder = {
        reason,
        device: { id: this.#deviceId, label: settings.deviceLabel },
        sources: settings.sources.map(source => ({ ...source, captureNow: sourceIds?.has(source.id) ?? true })),
        memory: await loadMemory(state, stateKey),
        witness: await this.#witness(stateKey),
      };
      const outcome = await this.#options.engine.ask(engine.backup, order, { signal, onProgress });
      await state.saveWitness(outcome.witness, stateKey);
      await saveMemory(state, stateKey, outcome.memory);
      this.#remember(outcome);
      log.info('backup done', {
        job: reason,
        ms: outcome.durationMs,
        bytes: outcome.bytesUploaded,
        count: outcome.filesNew + outcome.filesChanged,
      });
      return resultOf(outcome);
    } catch (thrown) {
      const error = toSignetError(thrown);
      const at = new Date(clock.now()).toISOString();
      const outcome = error.code === 'E_CANCELLED' ? 'cancelled' : 'failed';
      this.#record({ at, outcome, error: error.toWire() });
      if (error.code === 'E_UNREACHABLE') this.#reachable = false;
      log.warn('backup failed', { job: reason, code: error.code });
      throw error;
    } finally {
      wipe(stateKey);
    }
  }

  #remember(outcome: engine.BackupOutcome): void {
    const { clock } = this.#options;
    this.#reachable = true;
    this.#alarms = outcome.alarms;
    if (this.#repository !== null) {
      this.#repository = { ...this.#repository, snapshots: outcome.snapshots, sizeBytes: outcome.repositoryBytes };
    }
    for (const { id, capturedAt, carriedFrom, verified, sizeBytes } of outcome.sources) {
      const before = this.#sourceFacts.get(id);
      // Not looked at this time: what was wrong with it still is, as far as anyone knows.
      const problem = carriedFrom?.reason === 'not-due' ? before?.problem : carriedFrom?.reason;
      const size = sizeBytes ?? before?.sizeBytes;
      this.#sourceFacts.set(id, {
        capturedAt,
        verified,
        ...(size !== undefined && { sizeBytes: size }),
        ...(problem !== undefined && { problem }),
      });
    }
    const at = new Date(clock.now()).toISOString();
    const hasProblem = outcome.sources.some(({ id }) => this.#sourceFacts.get(id)?.problem !== undefined);
    const isPartial = hasProblem || outcome.filesUnreadable.length > 0;
    if (outcome.snapshot === undefined) {
      this.#record({ at, outcome: isPartial ? 'partial' : 'nothing-new' });
      return;
    }
    const {
      snapshot,
      reason,
      durationMs,
      filesNew,
      filesChanged,
      bytesRead,
      bytesAdded,
      filesUnreadable,
      notVerified,
    } = outcome;
    this.#record({
      at,
      outcome: isPartial ? 'partial' : 'good',
      backup: {
        snapshot,
        at: outcome.at,
        durationMs,
        filesNew,
        filesChanged,
        bytesRead,
        bytesAdded,
        reason,
        filesUnreadable,
        notVerified,
      },
    });
  }

  #record(entry: HistoryEntry): void {
    try {
      this.#options.state.history.append(entry);
      this.#unrecorded = undefined;
    } catch (error) {
      if (toSignetError(error).code !== 'E_DISK_FULL') throw error;
      this.#unrecorded = entry;
    }
  }

  /** What this machine saw last of the open repository; a new memory begins now where there is none. */
  async #witness(stateKey: Uint8Array): Promise<Witness> {
    const { vault, state, clock } = this.#options;
    if (this.#identity === undefined) throw new SignetError('E_VAULT_LOCKED', 'no repository is open');
    const { repositoryId, keyFileId, masterKeyFingerprint } = this.#identity;
    return loadWitness(state, stateKey, {
      v: 1,
      since: new Date(clock.now()).toISOString(),
      repositoryId,
      keyFileId,
      masterKeyFingerprint,
      vaultSha256: vault.known?.sha256 ?? null,
      vaultGeneration: vault.known?.generation ?? 0,
      device: this.#deviceId,
      ownHead: null,
      seen: {},
    });
  }

  /** Stops the running job, which cleans up after itself; false when none runs. */
  cancel(): boolean {
    return this.#queue.cancel();
  }

  async snapshots(limit: number, signal: AbortSignal): Promise<readonly SnapshotEntry[]> {
    this.#remote();
    this.#assertUnlocked();
    return this.#options.engine.ask(engine.snapshots, { limit }, { signal });
  }

  async list(snapshot: string, path: string, signal: AbortSignal): Promise<readonly ListEntry[]> {
    this.#remote();
    this.#assertUnlocked();
    return this.#options.engine.ask(engine.list, { snapshot, path }, { signal });
  }

  async read(
    range: { readonly snapshot: string; readonly path: string; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly sizeBytes: number }> {
    this.#remote();
    this.#assertUnlocked();
    return this.#options.engine.ask(engine.read, range, { signal });
  }

  async restore(order: engine.RestoreOrder, call: JobCall): Promise<RestoreResult> {
    const remote = this.#remote();
    this.#assertUnlocked();
    const target = resolve(order.target);
    await checkFolders({ remote, sources: this.#settings?.sources ?? [], home: this.#options.homeFolders, target });
    return this.#queue.run('restore', call, (signal, onProgress) => {
      this.#assertUnlocked(); // it may have been locked while others had their turn
      return this.#options.engine.ask(engine.restore, { ...order, target }, { signal, onProgress });
    });
  }

  async verify(readDataPercent: number, call: JobCall): Promise<VerifyResult> {
    const remote = this.#remote();
    this.#assertUnlocked();
    const { engine: worker, vault } = this.#options;
    return this.#queue.run('verify', call, async (signal, onProgress) => {
      const witness = await this.#witness(this.#assertUnlocked());
      const result = await worker.ask(engine.verify, { readDataPercent, witness }, { signal, onProgress });
      const { known } = vault;
      if (known === undefined) return result;
      const found = compareVaults(known, await worker.ask(engine.vaults, { remote }, { signal }));
      const problems = found.map(({ code, detail }) => ({ object: 'signet/vault', code, detail }));
      return { ...result, ok: result.ok && problems.length === 0, problems: [...result.problems, ...problems] };
    });
  }

  async setSchedule(change: Partial<Schedule>): Promise<Schedule> {
    const settings = this.#settings;
    if (settings === undefined || settings.remote === null) {
      throw new SignetError('E_NOT_SET_UP', 'there is no backup to schedule');
    }
    // "Never" and "only when I tap" switch on-change off, unless it is asked for in the same breath.
    const onChange = change.onChange ?? (change.kind === undefined && settings.schedule.onChange);
    const schedule = { ...settings.schedule, ...change, onChange };
    const next = { ...settings, schedule };
    await this.#options.state.settings.save(next);
    this.#settings = next;
    await this.#automatic.follow(next);
    this.#changed();
    return schedule;
  }

  /** Ends watching and jobs; what a job had uploaded is kept and need not be sent again. */
  async stop(): Promise<void> {
    await this.#automatic.stop();
    await this.lock();
    await this.#queue.idle();
  }

  /** The engine died of an unforeseen error: nothing is open any more, and the state says so. */
  engineFailed(error: SignetError): void {
    this.#options.log.error('the engine failed', { code: error.code });
    void this.#forget();
  }

  #remote(): string {
    const remote = this.#settings?.remote;
    if (remote === null || remote === undefined) {
      throw new SignetError('E_NOT_SET_UP', 'this computer is not set up');
    }
    return remote;
  }

  #assertNotSetUp(): void {
    if (this.#settings !== undefined && this.#settings.remote !== null) {
      throw new SignetError('E_ALREADY_SET_UP', 'this computer is set up already');
    }
  }

  #assertUnlocked(): Uint8Array {
    if (this.#stateKey === undefined) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
    return this.#stateKey;
  }

  /** Whoever listens is told. That the state cannot be read now must stop nothing, least of all locking. */
  #changed(): void {
    try {
      this.#options.onStatus(this.status());
    } catch (error) {
      this.#options.log.warn('the state could not be told', { code: toSignetError(error).code });
    }
  }
}

/** Until calendars are kept, automatic means: when chats change. */
const onChangeOnly = { kind: 'manual', onChange: true } as const;

/** What the client is told: not what this machine keeps for itself. */
function resultOf(outcome: engine.BackupOutcome): BackupResult {
  const { at, bytesAdded, sources, memory, witness, snapshots, repositoryBytes, ...result } = outcome;
  return { type: 'result', ...result };
}
