// What the daemon does for people, on its main thread: set up, unlock, back up, restore, verify, and keep the one state that everybody is
// shown. The heavy work is the engine's; here is who may start what, one job at a time, and what is remembered afterwards.

import { resolve } from 'node:path';
import type {
  BackupReason,
  BackupResult,
  ListEntry,
  RestoreResult,
  Schedule,
  SetupResult,
  SnapshotEntry,
  Status,
  VerifyResult,
} from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PowerState } from '../platform/platform.ts';
import type { Settings, Witness } from '../state/model.ts';
import { defaultSettings, type State } from '../state/state.ts';
import { compareVaults } from '../vault/vault.ts';
import type { AroundBackups } from './around.ts';
import { AutomaticBackups, type StartWatching } from './automatic.ts';
import { Backups } from './backups.ts';
import { type ChosenSettings, chosenSettings, SettingsChanges } from './chosen-settings.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { type JobCall, JobQueue } from './job-queue.ts';
import type { KeptPhone } from './kept-phone.ts';
import type { KeptSession } from './kept-session.ts';
import { backupNotices } from './overdue.ts';
import { PastRuns } from './past-runs.ts';
import { checkFolders, remoteLabel } from './places.ts';
import { loadWitness } from './recall.ts';
import { changedSchedule } from './schedule.ts';
import { type GivenSecrets, type NewPlace, type SetupOptions, type SetupOrder, setUp } from './setup.ts';
import { SourceList, type SourceListOptions } from './source-list.ts';
import { statusOf } from './status.ts';
import { Unlocking } from './unlocking.ts';
import type { UsableKeychain } from './usable-keychain.ts';

const historyShown = 20;

export interface JobsOptions
  extends Omit<SetupOptions, 'signal'>,
    Pick<SourceListOptions, 'discover' | 'syncedFolders'> {
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  readonly machineId: string;
  readonly keychain: UsableKeychain;
  readonly session: KeptSession;
  readonly phone: KeptPhone;
  readonly startWatching: StartWatching;
  /** Never rejects. */
  readonly power: () => Promise<PowerState>;
  readonly onStatus: (status: Status) => void;
  readonly around: Pick<AroundBackups, 'before' | 'after' | 'end'>;
}

export class Jobs {
  readonly #options: JobsOptions;
  readonly #automatic: AutomaticBackups;
  readonly #queue: JobQueue;
  readonly #past: PastRuns;
  readonly #unlocking: Unlocking;
  readonly #deviceId: string;
  readonly #backups: Backups;
  readonly #changes: SettingsChanges;
  /** Which chats are backed up, and what of them. */
  readonly sources: SourceList;
  #settings: Settings | undefined;
  #repository: Status['repository'] = null;
  #reachable: boolean | null = null;

  private constructor(options: JobsOptions, settings: Settings | undefined) {
    this.#options = options;
    this.#settings = settings;
    this.#changes = new SettingsChanges(options.state, options.hostLabel);
    this.#deviceId = options.state.device(options.machineId).id;
    this.#queue = new JobQueue(options.clock, () => {
      this.#unlocking.used();
      this.#changed();
    });
    this.#past = new PastRuns(options.state.history);
    this.#unlocking = new Unlocking({
      ...options,
      queue: this.#queue,
      remote: () => this.#settings?.remote ?? undefined,
      onOpened: opened => this.#measure(opened),
      onUnlocked: () => this.#automatic.unlocked(),
      onChanged: () => this.#changed(),
    });
    this.#automatic = new AutomaticBackups({
      clock: options.clock,
      startWatching: options.startWatching,
      backUp: async (reason, sourceIds) => {
        if (reason === 'change') await this.#backups.ended();
        await this.backup(reason, sourceIds);
      },
      past: this.#past,
      memory: options.state.facts,
      power: options.power,
      // What keeps the question from being answered keeps the backup from being made.
      isReachable: () => this.#lookForPlace().catch(() => false),
      random: () => new DataView(Uint8Array.from(options.randomBytes(4)).buffer).getUint32(0) / 2 ** 32,
      isUnlocked: () => this.#unlocking.isUnlocked,
      onProblem: code => options.log.warn('watching has a problem', { reason: code }),
      onChanged: () => this.#changed(),
    });
    this.#backups = new Backups({
      ...options,
      queue: this.#queue,
      past: this.#past,
      deviceId: this.#deviceId,
      settings: () => this.#settings,
      stateKey: () => this.#assertUnlocked(),
      witness: stateKey => this.#witness(stateKey),
      onPlace: (isReachable, stored) => {
        this.#reachable = isReachable;
        if (stored !== undefined && this.#repository !== null) this.#repository = { ...this.#repository, ...stored };
      },
      onChanged: () => this.#changed(),
    });
    this.sources = new SourceList({
      ...options,
      facts: options.state.facts,
      settings: () => {
        this.#remote();
        return this.#settings;
      },
      keep: async settings => {
        await options.state.settings.save(settings);
        await this.#follow(settings);
      },
      status: () => this.status(),
      onChanged: () => this.#changed(),
    });
  }

  static async open(options: JobsOptions): Promise<Jobs> {
    const jobs = new Jobs(options, await options.state.settings.load());
    await jobs.#unlocking.follow(jobs.#settings);
    await jobs.#automatic.follow(jobs.#settings);
    jobs.#unlocking.start();
    return jobs;
  }

  status(): Status {
    const { keychain, session, phone, clock } = this.#options;
    const remote = this.#settings?.remote ?? null;
    const past = this.#past;
    const { nextRun, overdue, pausedUntil, waiting } = this.#automatic;
    const place = remote === null ? '' : remoteLabel(remote);
    const incidents = { overdue, lastGoodAt: past.lastGoodAt(), tries: past.tries(), place };
    return statusOf({
      settings: this.#settings,
      isUnlocked: this.#unlocking.isUnlocked,
      job: this.#queue.progress,
      history: past.last(historyShown),
      lastGood: past.lastGood(),
      waiting,
      sources: this.#backups.sources,
      remote: remote === null ? null : { label: place, reachable: this.#reachable },
      repository: this.#repository,
      deviceId: this.#deviceId,
      phoneEnding: phone.ending,
      alarms: this.#backups.alarms,
      keychain: { kind: session.kind, backend: keychain.backend },
      nextRun,
      overdue,
      pausedUntil,
      notices: [
        ...backupNotices({ ...incidents, now: clock.now() }),
        ...this.#backups.notices,
        ...this.#unlocking.notices,
      ],
    });
  }

  /** Until a daemon that just started knows whether its session goes on, a few seconds at most. */
  settled(): Promise<void> {
    return this.#unlocking.settled();
  }

  /** As `status`, after a look whether the place of the copies answers. */
  async check(): Promise<Status> {
    if (this.#settings !== undefined && this.#settings.remote !== null) {
      await this.#lookForPlace();
      await this.#unlocking.rest();
    }
    return this.status();
  }

  /** Whether the place of the copies answers. */
  async #lookForPlace(): Promise<boolean> {
    const remote = this.#remote();
    this.#reachable = await this.#options.engine.ask(engine.reachable, { remote });
    return this.#reachable;
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
        await this.#unlocking.forget();
        throw error;
      }
    });
  }

  async #configure(place: NewPlace, schedule: Partial<Schedule> | undefined): Promise<void> {
    const { state, hostLabel } = this.#options;
    const { remote, sources, opened, syncedBy } = place;
    const before = this.#settings ?? defaultSettings(hostLabel);
    const settings = {
      ...before,
      remote,
      sources,
      syncedBy,
      schedule: changedSchedule(before.schedule, schedule ?? {}),
    };
    await state.settings.save(settings);
    this.#settings = settings;
    await this.#unlocking.follow(settings);
    await this.#unlocking.takeOver(opened);
    await this.#automatic.follow(settings);
  }

  async #measure(opened: engine.OpenedRepository): Promise<void> {
    this.#reachable = true;
    const { snapshots, sizeBytes } = await this.#options.engine.ask(engine.measure, {});
    this.#repository = { id: opened.repositoryId, snapshots, sizeBytes };
  }

  unlock(secrets: GivenSecrets): Promise<void> {
    return this.#unlocking.unlock(secrets);
  }

  lock(): Promise<void> {
    return this.#unlocking.lock();
  }

  /** Backs up all sources, or the named ones and the rest carried forward; joins a backup of all that is running. */
  async backup(
    reason: BackupReason,
    sourceIds?: ReadonlySet<string>,
    call?: Pick<JobCall, 'progress'>,
  ): Promise<BackupResult> {
    await this.#ready();
    return this.#backups.run(reason, sourceIds, call);
  }

  /** What this machine saw last of the open repository; a new memory begins now where there is none. */
  async #witness(stateKey: Uint8Array): Promise<Witness> {
    const { vault, state, clock } = this.#options;
    const { repositoryId, keyFileId, masterKeyFingerprint } = this.#unlocking.opened;
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

  history(before: string | undefined, limit: number): ReturnType<Backups['history']> {
    this.#remote();
    return this.#backups.history(before, limit);
  }

  /** A page of the snapshots, newest first; pages after the first are of what the first saw. */
  async snapshots(
    page: { readonly offset: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly entries: readonly SnapshotEntry[]; readonly total: number }> {
    await this.#ready();
    this.#unlocking.used();
    return this.#options.engine.ask(engine.snapshots, page, { signal });
  }

  async list(snapshot: string, path: string, signal: AbortSignal): Promise<readonly ListEntry[]> {
    await this.#ready();
    this.#unlocking.used();
    return this.#options.engine.ask(engine.list, { snapshot, path }, { signal });
  }

  async read(
    range: { readonly snapshot: string; readonly path: string; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly sizeBytes: number }> {
    await this.#ready();
    this.#unlocking.used();
    return this.#options.engine.ask(engine.read, range, { signal });
  }

  async restore(order: engine.RestoreOrder, call: JobCall): Promise<RestoreResult> {
    const remote = await this.#ready();
    const target = resolve(order.target);
    await checkFolders({ remote, sources: this.#settings?.sources ?? [], home: this.#options.homeFolders, target });
    return this.#queue.run('restore', call, (signal, onProgress) => {
      this.#assertUnlocked(); // it may have been locked while others had their turn
      return this.#options.engine.ask(engine.restore, { ...order, target }, { signal, onProgress });
    });
  }

  async verify(readDataPercent: number, call: JobCall): Promise<VerifyResult> {
    const remote = await this.#ready();
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
    const schedule = changedSchedule(settings.schedule, change);
    const next = { ...settings, schedule };
    await this.#options.state.settings.save(next);
    await this.#follow(next);
    return schedule;
  }

  /** No automatic backups for so long; 0 goes on at once. */
  pause(ms: number): string | null {
    this.#remote();
    this.#automatic.pause(ms);
    return this.#automatic.pausedUntil;
  }

  /** What a client may choose, as it is now. */
  chosenSettings(): ChosenSettings {
    return chosenSettings(this.#settings ?? defaultSettings(this.#options.hostLabel));
  }

  /** @throws E_USAGE · E_SETTING; nothing is changed then */
  async setSettings(values: Readonly<Record<string, unknown>>): Promise<ChosenSettings> {
    const next = await this.#changes.set(this.#settings, values);
    await this.#follow(next);
    return this.chosenSettings();
  }

  /** What was chosen counts from now on. */
  async #follow(settings: Settings): Promise<void> {
    this.#settings = settings;
    await this.#unlocking.follow(settings);
    await this.#automatic.follow(settings);
    this.#changed();
  }

  /** Ends watching and jobs; what a job had uploaded is kept and need not be sent again. */
  async stop(): Promise<void> {
    await this.#automatic.stop();
    this.#options.around.end();
    await this.#unlocking.close();
    await this.#queue.idle();
  }

  /** The engine died of an unforeseen error: nothing is open any more, and the state says so. */
  engineFailed(error: SignetError): void {
    this.#options.log.error('the engine failed', { code: error.code });
    void this.#unlocking.engineFailed();
  }

  #remote(): string {
    const remote = this.#settings?.remote;
    if (remote === null || remote === undefined) {
      throw new SignetError('E_NOT_SET_UP', 'this computer is not set up');
    }
    return remote;
  }

  /** Where the copies are, once it is sure whether they can be opened. @throws E_NOT_SET_UP · E_VAULT_LOCKED */
  async #ready(): Promise<string> {
    const remote = this.#remote();
    await this.#unlocking.settled();
    this.#assertUnlocked();
    return remote;
  }

  #assertNotSetUp(): void {
    if (this.#settings !== undefined && this.#settings.remote !== null) {
      throw new SignetError('E_ALREADY_SET_UP', 'this computer is set up already');
    }
  }

  #assertUnlocked(): Uint8Array {
    return this.#unlocking.opened.stateKey;
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
