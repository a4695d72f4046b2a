// What the daemon does for people, on its main thread: set up, unlock, back up, restore, verify, and keep the one state that everybody is
// shown. The heavy work is the engine's; here is who may start what, one job at a time, and what is remembered afterwards.

import { basename, resolve } from 'node:path';
import type {
  Alarm,
  BackupReason,
  BackupResult,
  FinishResult,
  HistoryDay,
  PlaceStatus,
  RestoreResult,
  Schedule,
  SetupResult,
  Status,
} from '../../protocol/status.ts';
import { stagingOf } from '../archive/restore.ts';
import { toHex, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isCode, SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { OpenFilesProbe, PowerState } from '../platform/platform.ts';
import type { Remote } from '../remotes/remote.ts';
import type { Home, Settings, Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { VaultIdentity } from '../vault/model.ts';
import { vaultKey } from '../vault/vault.ts';
import { Acknowledging } from './acknowledging.ts';
import { Alarms } from './alarms.ts';
import type { AroundBackups } from './around.ts';
import { AutomaticBackups, type StartWatching } from './automatic.ts';
import { Backups } from './backups.ts';
import { Browsing } from './browsing.ts';
import { type ChosenSettings, chosenSettings } from './chosen-settings.ts';
import { type Boot, ClockTrust } from './clock-trust.ts';
import { Clouds, isCloud } from './clouds.ts';
import { Credentials } from './credentials.ts';
import { DeleteBackup } from './delete-backup.ts';
import { newestOf } from './devices.ts';
import { Drills } from './drills.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { type Beside, Fresh } from './fresh.ts';
import { type JobCall, JobQueue } from './job-queue.ts';
import type { KeptPhone } from './kept-phone.ts';
import type { KeptSession } from './kept-session.ts';
import { LeftPlaces } from './left-places.ts';
import { Mirrors } from './mirrors.ts';
import { Moving } from './move.ts';
import { Originals } from './originals.ts';
import { backupNotices } from './overdue.ts';
import { passwordProved, passwordReminder } from './password-reminder.ts';
import { PastRuns } from './past-runs.ts';
import { PlaceLooks } from './place-looks.ts';
import { checkFolders, physical, remoteLabel } from './places.ts';
import { loadWitness } from './recall.ts';
import { Remembered } from './remembered.ts';
import { RestoreRecords } from './restore-records.ts';
import { changedSchedule } from './schedule.ts';
import { SettingsInUse } from './settings-in-use.ts';
import {
  type GivenSecrets,
  inspectPlace,
  type NewPlace,
  type SetupOptions,
  type SetupOrder,
  setUp,
  syncedByOf,
} from './setup.ts';
import { SourceList, type SourceListOptions } from './source-list.ts';
import { statusOf } from './status.ts';
import { keptBy, Tidying } from './tidying.ts';
import { Unlocking } from './unlocking.ts';
import type { UsableKeychain } from './usable-keychain.ts';
import { Verifying } from './verifying.ts';

export type { GivenSecrets } from './setup.ts';

const historyShown = 20;

export interface JobsOptions
  extends Omit<SetupOptions, 'signal'>,
    Pick<SourceListOptions, 'discover' | 'syncedFolders'> {
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  readonly home: Home;
  /** An engine and a state apart from those in use, for a backup that is started afresh. */
  readonly openBeside: () => Promise<Beside>;
  readonly machineId: string;
  readonly boot: Boot;
  readonly keychain: UsableKeychain;
  readonly session: KeptSession;
  readonly phone: KeptPhone;
  readonly startWatching: StartWatching;
  /** Never rejects. */
  readonly power: () => Promise<PowerState>;
  readonly onStatus: (status: Status) => void;
  readonly around: Pick<AroundBackups, 'before' | 'after' | 'end'>;
  /** A place in a folder, to list what lies there without a key. */
  readonly openFolder: (path: string) => Pick<Remote, 'get' | 'list'>;
  /** Whether a program uses files below a folder. */
  readonly openFiles: OpenFilesProbe;
}

export class Jobs {
  /** What an honest place would not show. */
  readonly alarms: Alarms;
  /** What is said to them. */
  readonly acknowledging: Acknowledging;
  /** Passwords in use. */
  readonly credentials: Credentials;
  readonly fresh: Fresh;
  /** Places in clouds. */
  readonly clouds: Clouds;
  /** From one place to another, further copies, and what was left. */
  readonly moving: Moving;
  readonly mirrors: Mirrors;
  readonly left: LeftPlaces;
  readonly deleting: DeleteBackup;
  /** What is kept of the backups, and the room they take. */
  readonly tidying: Tidying;
  /** Restores into original places, and how they are undone. */
  readonly originals: Originals;
  readonly verifying: Verifying;
  /** Trial restores. */
  readonly drills: Drills;
  readonly #options: JobsOptions;
  readonly #settings: SettingsInUse;
  readonly #automatic: AutomaticBackups;
  readonly #queue: JobQueue;
  readonly #past: PastRuns;
  readonly #unlocking: Unlocking;
  readonly #deviceId: string;
  readonly #backups: Backups;
  readonly #restores: RestoreRecords;
  /** Which chats are backed up, and what of them. */
  readonly sources: SourceList;
  /** Into the backups that are kept. */
  readonly browsing: Browsing;
  readonly #remembered: Remembered;
  readonly #looks: PlaceLooks;
  readonly #clockTrust: ClockTrust;
  #repository: Status['repository'] = null;
  #reachable: boolean | null = null;
  /** Nothing begins by itself before. */
  #isOpen = false;

  private constructor(given: JobsOptions, settings: Settings | undefined) {
    this.#settings = new SettingsInUse(settings, {
      file: given.state.settings,
      hostLabel: given.hostLabel,
      follow: next => this.#follow(next),
    });
    this.#queue = new JobQueue(given.clock, () => {
      this.#unlocking.used();
      this.#changed();
    });
    this.clouds = new Clouds({
      ...given,
      facts: given.state.facts,
      queue: this.#queue,
      settings: () => this.#settings.orDefault,
      isUnlocked: () => this.#unlocking.isUnlocked,
      reopen: () => this.#reopen(),
      onConnectedLocked: () => this.#unlocking.start(),
      onChanged: () => this.#changed(),
    });
    const options = { ...given, engine: this.clouds.engine };
    this.#options = options;
    this.#deviceId = options.state.device(options.machineId).id;
    this.#looks = new PlaceLooks({
      ...options,
      remote: () => this.#settings.orDefault.remote,
      isUnlocked: () => this.#unlocking.isUnlocked,
      witness: () => this.#witness(this.#assertUnlocked()),
      lockFindings: signal => this.credentials.findings(signal),
      alarms: () => this.alarms,
    });
    this.alarms = new Alarms({
      ...options,
      self: this.#deviceId,
      place: () => {
        const { remote, syncedBy } = this.#settings.orDefault;
        return { place: remote === null ? '' : remoteLabel(remote), isSynced: syncedBy !== null };
      },
      names: () => this.#looks.names(),
      look: () => this.#looks.withKey(),
      ownLock: () => options.vault.known && vaultKey(options.vault.known.sha256),
      isBusy: () => this.#queue.progress !== null,
      onChanged: () => this.#changed(),
    });
    this.#restores = new RestoreRecords(options.state.restores);
    this.#past = new PastRuns(options.state.history);
    this.#remembered = new Remembered({ ...options, onChanged: () => this.#changed() });
    this.#clockTrust = new ClockTrust({
      ...options,
      memory: options.state.facts,
      newestAt: () => {
        const own = this.#remembered.devices?.find(({ id }) => id === this.#deviceId);
        return own === undefined ? undefined : Date.parse(own.at);
      },
    });
    this.#unlocking = new Unlocking({
      ...options,
      queue: this.#queue,
      remote: () => this.#settings.current?.remote ?? undefined,
      onOpened: opened => this.#measure(opened),
      onUnreachable: () => {
        this.#reachable = false;
      },
      onUnlocked: async () => {
        await this.credentials.settle();
        await this.fresh.sweep();
        this.#automatic.unlocked();
        void this.alarms.look({ isForced: true });
        void this.mirrors.follow(false);
      },
      beforeSecret: () => this.fresh.resume(),
      onPasswordProved: () => passwordProved(options.state.facts, options.clock.now()),
      onLocked: () => this.#remembered.locked(),
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
      heldBack: () => this.#backups.heldBack,
      memory: options.state.facts,
      power: options.power,
      // What keeps the question from being answered keeps the backup from being made.
      isReachable: () => this.#lookForPlace().catch(() => false),
      signInSince: () => {
        const { remote } = this.#settings.orDefault;
        return remote === null ? undefined : this.clouds.signedOut(remote)?.since;
      },
      random: () => new DataView(Uint8Array.from(options.randomBytes(4)).buffer).getUint32(0) / 2 ** 32,
      isUnlocked: () => this.#unlocking.isUnlocked,
      onProblem: code => options.log.warn('watching has a problem', { reason: code }),
      onChanged: () => this.#changed(),
    });
    this.#backups = new Backups({
      ...options,
      queue: this.#queue,
      past: this.#past,
      alarms: this.alarms,
      deviceId: this.#deviceId,
      settings: () => this.#settings.current,
      isHalfRestored: id => this.originals.unfinished.some(({ source }) => source === id),
      stateKey: () => this.#assertUnlocked(),
      witness: stateKey => this.#witness(stateKey),
      settle: async isNew => {
        await this.credentials.settle();
        if (isNew) await this.clouds.stored(this.#remote());
      },
      onPlace: (isReachable, stored) => {
        this.#reachable = isReachable;
        if (stored !== undefined && this.#repository !== null) this.#repository = { ...this.#repository, ...stored };
      },
      sawDevices: devices => this.#remembered.sawDevices(devices),
      onChanged: () => this.#changed(),
    });
    const session = {
      queue: this.#queue,
      // Whoever asks proves the password; a recovery key beside it is not looked at.
      prove: ({ password, phone }: GivenSecrets) => this.unlock({ password, phone }),
      proveKey: (recoveryKey: Uint8Array) => this.unlock({ recoveryKey }),
      identity: () => this.#identity,
      settings: () => ({ ...this.#settings.orDefault, remote: this.#remote() }),
      stateKey: () => this.#assertUnlocked(),
      witness: () => this.#witness(this.#assertUnlocked()),
      told: (remote: string) => this.clouds.told(remote),
      remembered: this.#remembered,
      keysChanged: () => this.#keysChanged(),
      rewriteSettings: (work: () => Promise<unknown>) => this.#settings.rewrite(work),
      switched: (outcome: engine.BackupOutcome | undefined) => this.#switched(outcome),
      forget: () => this.#unlocking.forget(),
      ready: () => this.#ready(),
      changeSettings: (make: (before: Settings) => Settings) => this.#settings.change(make),
      reopen: () => this.#reopen(),
      openElsewhere: (...order: Parameters<Unlocking['openElsewhere']>) => this.#unlocking.openElsewhere(...order),
      isUnlocked: () => this.#unlocking.isUnlocked,
    };
    this.credentials = new Credentials({ ...options, isRefused: key => this.alarms.isRefused(key), session });
    this.acknowledging = new Acknowledging({
      ...options,
      alarms: this.alarms,
      credentials: this.credentials,
      deviceId: this.#deviceId,
      session,
    });
    this.fresh = new Fresh({ ...options, deviceId: this.#deviceId, session });
    this.moving = new Moving({ ...options, session });
    const standing = {
      alarms: () => this.alarms.standing,
      lockFindings: (signal: AbortSignal) => this.credentials.findings(signal),
    };
    this.tidying = new Tidying({
      ...options,
      deviceId: this.#deviceId,
      session: { ...session, isPaused: () => this.#automatic.pausedUntil !== null },
      alarms: this.alarms,
      clockTrust: this.#clockTrust,
      onPlace: stored => {
        if (this.#repository !== null) this.#repository = { ...this.#repository, ...stored };
      },
      sawDevices: devices => this.#remembered.sawDevices(devices),
    });
    this.mirrors = new Mirrors({ ...options, session: { ...session, ...standing }, onChanged: () => this.#changed() });
    this.left = new LeftPlaces({ ...options, session });
    const unset = { ...session, unset: () => this.#unset() };
    this.deleting = new DeleteBackup({ ...options, deviceId: this.#deviceId, session: unset });
    this.originals = new Originals({
      ...options,
      records: this.#restores,
      queue: this.#queue,
      settings: () => this.#settings.orDefault,
      ready: () => this.#ready(),
      assertUnlocked: () => this.#assertUnlocked(),
      onChanged: () => this.#changed(),
    });
    this.verifying = new Verifying({
      ...options,
      queue: this.#queue,
      ready: () => this.#ready(),
      witness: onForged => this.#witness(this.#assertUnlocked(), onForged),
      lockFindings: signal => this.credentials.findings(signal),
      mirrors: this.mirrors,
      remembered: this.#remembered,
    });
    this.drills = new Drills({
      ...options,
      facts: options.state.facts,
      queue: this.#queue,
      past: this.#past,
      deviceId: this.#deviceId,
      remembered: this.#remembered,
      settings: () => this.#settings.orDefault,
      isUnlocked: () => this.#unlocking.isUnlocked,
      isBackupWaiting: () => this.#automatic.waiting !== null || this.#automatic.pausedUntil !== null,
      repositoryBytes: () => this.#repository?.sizeBytes ?? 0,
      ready: () => this.#ready(),
      verify: (percent, call, manners) => this.verifying.verify(percent, call, manners),
    });
    this.browsing = new Browsing({
      ...options,
      past: this.#past,
      sources: () => this.#settings.orDefault.sources,
      keptBy: () => {
        const settings = this.#settings.orDefault;
        return settings.tidyUp ? { keptBy: { device: this.#deviceId, ...keptBy(settings) } } : {};
      },
      use: async () => {
        await this.#ready();
        this.#unlocking.used();
      },
      sawDevices: devices => this.#remembered.sawDevices(devices),
    });
    this.sources = new SourceList({
      ...options,
      facts: options.state.facts,
      change: make => {
        this.#remote();
        return this.#settings.change(make);
      },
      status: () => this.status(),
      sourceDue: id => this.#automatic.sourceDue(id),
      onChanged: () => this.#changed(),
    });
  }

  static async open(options: JobsOptions): Promise<Jobs> {
    const jobs = new Jobs(options, await options.state.settings.load());
    await jobs.#unlocking.follow(jobs.#settings.current);
    await jobs.#automatic.follow(jobs.#settings.current);
    await jobs.originals.look();
    jobs.#isOpen = true;
    jobs.#unlocking.start();
    void jobs.#lookForSyncApp();
    jobs.alarms.start();
    void jobs.#unlocking.settled().then(() => jobs.alarms.look());
    return jobs;
  }

  /** An app may have been set to upload the place since set-up, or by a version that did not look for it. Never rejects. */
  async #lookForSyncApp(): Promise<void> {
    const { remote, syncedBy } = this.#settings.orDefault;
    if (remote === null || syncedBy !== null) return;
    try {
      const app = await syncedByOf(remote, this.#options.syncAppOf);
      if (app !== null) {
        await this.#settings.change(before => (before.remote === remote ? { ...before, syncedBy: app } : before));
      }
    } catch (error) {
      this.#options.log.warn('whether an app uploads the place is not known', { code: toSignetError(error).code });
    }
  }

  status(): Status {
    const { keychain, session, phone, clock } = this.#options;
    const remote = this.#settings.current?.remote ?? null;
    const past = this.#past;
    const { nextRun, overdue, isCatchingUp, pausedUntil, waiting, lockedDue } = this.#automatic;
    const place = remote === null ? '' : remoteLabel(remote);
    const signedOut = remote === null ? undefined : this.clouds.signedOut(remote);
    const facts = { overdue, isCatchingUp, lockedDue, signedOut, lastGoodAt: past.lastGoodAt(), tries: past.tries() };
    const incidents = { ...facts, place };
    return statusOf({
      settings: this.#settings.current,
      isUnlocked: this.#unlocking.isUnlocked,
      job: this.#queue.progress,
      history: past.last(historyShown),
      lastGood: past.lastGood(),
      waiting,
      sources: this.#backups.sources,
      remote: remote === null ? null : { label: place, reachable: this.#reachable, ...this.clouds.status(remote) },
      mirrors: this.mirrors.status(this.#settings.orDefault.mirrors),
      repository: this.#repository,
      deviceId: this.#deviceId,
      phoneEnding: phone.ending,
      alarms: this.alarms.standing,
      keychain: { kind: session.kind, backend: keychain.backend },
      nextRun,
      overdue,
      pausedUntil,
      devices: this.#remembered.devices,
      lastVerified: this.#remembered.lastVerified,
      lastDrill: this.#remembered.lastDrill,
      dates: this.#remembered.dates,
      notices: [
        ...backupNotices({ ...incidents, now: clock.now() }),
        ...this.#backups.notices,
        ...this.drills.notices,
        ...this.#clockTrust.notices,
        ...this.originals.notices,
        ...this.#unlocking.notices,
        ...this.mirrors.notices(this.#settings.orDefault.mirrors),
        ...this.#reminders(),
      ],
    });
  }

  #reminders(): Status['notices'] {
    const { state, clock } = this.#options;
    const settings = this.#settings.current;
    if (settings === undefined || settings.remote === null || !settings.passwordReminder) return [];
    const reminder = passwordReminder(state.facts, clock.now());
    return reminder === undefined ? [] : [reminder];
  }

  /** Until a daemon that just started knows whether its session goes on, a few seconds at most. */
  settled(): Promise<void> {
    return this.#unlocking.settled();
  }

  /** As `status`, after a look whether everything is there, as far as that costs nothing. */
  async looked(): Promise<Status> {
    if (this.#isSetUp) await this.alarms.lookPatiently();
    return this.status();
  }

  /** The alarms that stand, after a look as `check` does. */
  async checkedAlarms(): Promise<readonly Alarm[]> {
    this.#remote();
    await this.#unlocking.settled();
    await this.alarms.lookPatiently({ isForced: true });
    return this.alarms.standing;
  }

  /** As `status`, after a look whether the place of the copies answers and shows what it must. */
  async check(): Promise<Status> {
    if (this.#isSetUp) {
      await this.#lookForPlace();
      await this.alarms.lookPatiently({ isForced: true });
      await this.#unlocking.rest();
    }
    return this.status();
  }

  /** Whether the place of the copies answers. */
  async #lookForPlace(): Promise<boolean> {
    const remote = this.#remote();
    if (!isCloud(remote)) this.#reachable = await this.#options.engine.ask(engine.reachable, { remote });
    else this.#reachable = this.#unlocking.isUnlocked ? await this.clouds.look(remote) : null;
    return this.#reachable ?? false;
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
        const { vault, state, clock } = this.#options;
        if (vault.known !== undefined) passwordProved(state.facts, clock.now());
        // Of a backup that was joined by its password nobody here knows since when it has it.
        const isNewPassword = !made.joined || (vault.known !== undefined && secrets.recoveryKey !== undefined);
        if (isNewPassword) this.#remembered.passwordSet();
        const snapshots = this.#repository?.snapshots ?? 0;
        const newest = made.joined ? newestOf(this.#remembered.devices) : undefined;
        return { ...made, snapshots, ...newest, ...(recoveryKey !== undefined && { recoveryKey }) };
      } catch (error) {
        await this.#unlocking.forget();
        throw error;
      }
    });
  }

  /** What lies in a place, with the rules of where it may lie. */
  async inspectPlace(
    remote: string,
    roots: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly holds: 'empty' | 'repository' | 'other' }> {
    const sources = roots.map(root => ({ root }));
    return { holds: await inspectPlace(remote, sources, { ...this.#options, signal }) };
  }

  async #configure(place: NewPlace, schedule: Partial<Schedule> | undefined): Promise<void> {
    const { remote, sources, opened, syncedBy } = place;
    const make = (before: Settings): Settings => ({
      ...before,
      remote,
      sources,
      syncedBy,
      schedule: changedSchedule(before.schedule, schedule ?? {}),
    });
    // Open before changes are followed: what fell due in between would wait for the next unlock.
    await this.#settings.change(make, async settings => {
      await this.#unlocking.follow(settings);
      await this.#unlocking.takeOver(opened);
      await this.#automatic.follow(settings);
    });
  }

  async #measure(opened: engine.OpenedRepository): Promise<void> {
    this.#reachable = true;
    this.clouds.opened();
    const { mirrors } = this.#settings.orDefault;
    if (mirrors.length > 0) await this.mirrors.use(mirrors);
    this.#remembered.unlocked();
    const isNew = this.#remembered.devices === undefined;
    const { snapshots, sizeBytes, devices } = await this.#options.engine.ask(engine.measure, { devices: isNew });
    if (devices !== undefined) this.#remembered.sawDevices(devices);
    this.#repository = { id: opened.repositoryId, snapshots, sizeBytes };
    void this.#looks.noteOpened();
  }

  async unlock(secrets: GivenSecrets): Promise<void> {
    try {
      await this.#unlocking.unlock(secrets);
    } catch (error) {
      if (isCode(error, 'E_REPO_MISMATCH')) this.alarms.sawAnotherBackup();
      throw error;
    }
  }

  /** Called in the turn of a job, after the vault was replaced. That something of it cannot be kept is no failure of the change. */
  async #keysChanged(): Promise<void> {
    const { state, clock, log } = this.#options;
    passwordProved(state.facts, clock.now());
    try {
      await this.#unlocking.keysChanged();
    } catch (error) {
      log.warn('the open backup still names its old key', { code: toSignetError(error).code });
    }
    void this.mirrors.follow(true); // they are to open with the new keys too
  }

  /** After a switch to a fresh backup, whose first run was `outcome` where this process made it. */
  async #switched(outcome: engine.BackupOutcome | undefined): Promise<void> {
    const { state, vault, engine: worker, log, clock } = this.#options;
    const { identity } = vault;
    if (!this.#unlocking.isUnlocked || identity === undefined) return this.#unlocking.forget();
    const recoveryKey = vault.recoveryKey();
    try {
      const { keyFileId } = identity;
      const opened = await worker.ask(engine.open, { remote: this.#remote(), recoveryKey, keyFileId });
      await this.#unlocking.takeOver(opened);
      if (outcome !== undefined) this.#backups.adopt(outcome);
      passwordProved(state.facts, clock.now());
      this.#remembered.passwordSet();
      await this.#follow(this.#settings.orDefault);
    } catch (error) {
      log.warn('the fresh backup could not be opened', { code: toSignetError(error).code });
      await this.#unlocking.forget(); // it is made and counts; the new password opens it
    } finally {
      wipe(recoveryKey);
    }
  }

  /** The copies are deleted: this computer is as before set-up, but for what was chosen of its behaviour. */
  async #unset(): Promise<void> {
    const { state, vault, phone } = this.#options;
    await this.#unlocking.lock();
    await phone.forget();
    // The settings decide: from here on nothing is set up, and what is left of the old backup is of no use to anyone.
    await this.#settings.change(before => ({ ...before, remote: null, sources: [], mirrors: [], syncedBy: null }));
    await state.forgetRepository();
    await vault.reload();
    this.#past.forget();
    this.#backups.forget();
    this.#repository = null;
    this.#reachable = null;
    this.#changed();
  }

  /** The places of the copies: in use, mirrors, and those that hold an old backup. */
  places(): readonly PlaceStatus[] {
    const { remote, mirrors } = this.#settings.orDefault;
    const places = this.clouds.places(this.left.remotes([...(remote === null ? [] : [remote]), ...mirrors]));
    return places.map(place => (place.role === 'mirror' ? { ...place, ...this.mirrors.synced(place.remote) } : place));
  }

  /** The place in use is opened in another way from now on. */
  async #reopen(): Promise<void> {
    await this.#unlocking.reopen();
    this.#automatic.unlocked();
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
    this.deleting.assertNotBegun();
    const result = await this.#backups.run(reason, sourceIds, call);
    void this.mirrors.follow(result.snapshot !== undefined);
    await this.alarms.lookPatiently();
    const alarms = this.alarms.standing;
    void this.tidying.follow({ ...result, alarms });
    return { ...result, alarms };
  }

  /** What this machine saw last of the open repository; a new memory begins now where there is none. */
  async #witness(stateKey: Uint8Array, tellForged = (): void => undefined): Promise<Witness> {
    const { vault, state, clock } = this.#options;
    const machine = { device: this.#deviceId, identity: this.#identity, vault: vault.known, now: clock.now() };
    const onForged = (): void => {
      this.alarms.sawForgedMemory();
      tellForged();
    };
    return this.alarms.witnessed(await loadWitness(state, stateKey, { ...machine, onForged }));
  }

  /** Of the open repository. @throws E_VAULT_LOCKED */
  get #identity(): VaultIdentity {
    const { repositoryId, keyFileId, masterKeyFingerprint } = this.#unlocking.opened;
    return { repositoryId, keyFileId, masterKeyFingerprint };
  }

  /** Until what was asked for so far has ended. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Stops the running job, which cleans up after itself; false when none runs. */
  cancel(): boolean {
    return this.#queue.cancel();
  }

  history(before: string | undefined, limit: number): ReturnType<Backups['history']> {
    this.#remote();
    return this.#backups.history(before, limit);
  }

  /** In the time zone that this computer is in now. */
  historyDays(count: number): Promise<readonly HistoryDay[]> {
    this.#remote();
    return this.#past.days(this.#options.clock.now(), count, new Intl.DateTimeFormat().resolvedOptions().timeZone);
  }

  async restore(wish: Omit<engine.RestoreOrder, 'mark'>, call: JobCall): Promise<RestoreResult> {
    const remote = await this.#ready();
    const target = resolve(wish.target);
    const mark = toHex(this.#options.randomBytes(6));
    const { sources, mirrors: others } = this.#settings.orDefault;
    await checkFolders({ remote, others, sources, home: this.#options.homeFolders, target });
    return this.#queue.run('restore', call, (signal, onProgress) => {
      this.#assertUnlocked(); // it may have been locked while others had their turn
      return this.#restores.staging(mark, wish.dryRun ? [] : [stagingOf(target, mark)], () =>
        this.#options.engine.ask(engine.restore, { ...wish, target, mark }, { signal, onProgress }),
      );
    });
  }

  /** Merges databases that another tool restored with their logs apart; also before set-up. @throws E_APP_OPEN */
  async finishRestore(folder: string, call: JobCall): Promise<FinishResult> {
    const { remote, sources, mirrors: others } = this.#settings.orDefault;
    const target = resolve(folder);
    await checkFolders({ remote, others, sources, home: this.#options.homeFolders, target });
    return this.#queue.run('restore', call, async signal => {
      // A program that has a database open would go on writing into the file that the merged one takes the place of.
      await this.originals.assertClosed(await physical(target), basename(target));
      return this.#options.engine.ask(engine.finishRestore, { folder: target }, { signal });
    });
  }

  async setSchedule(change: Partial<Schedule>): Promise<Schedule> {
    this.#remote();
    const make = (before: Settings): Settings => ({ ...before, schedule: changedSchedule(before.schedule, change) });
    return (await this.#settings.change(make)).schedule;
  }

  /** No automatic backups for so long; 0 goes on at once. */
  pause(ms: number): string | null {
    this.#remote();
    this.#automatic.pause(ms);
    return this.#automatic.pausedUntil;
  }

  /** What a client may choose, as it is now. */
  chosenSettings(): ChosenSettings {
    return chosenSettings(this.#settings.orDefault);
  }

  /** @throws E_USAGE · E_SETTING; nothing is changed then */
  async setSettings(values: Readonly<Record<string, unknown>>): Promise<ChosenSettings> {
    return chosenSettings(await this.#settings.choose(values));
  }

  /** What was chosen counts from now on. */
  async #follow(settings: Settings): Promise<void> {
    await this.#unlocking.follow(settings);
    await this.#automatic.follow(settings);
    const places = [...(settings.remote === null ? [] : [settings.remote]), ...settings.mirrors];
    if (this.#unlocking.isUnlocked && places.some(isCloud)) await this.clouds.follow(settings);
    this.#changed();
  }

  /** Ends watching and jobs; what a job had uploaded is kept and need not be sent again. */
  async stop(): Promise<void> {
    this.alarms.stop();
    await this.#automatic.stop();
    this.drills.stop();
    this.#options.around.end();
    await this.#unlocking.close();
    await this.#queue.idle();
    this.clouds.stop();
  }

  /** The engine died of an unforeseen error: nothing is open any more, and the state says so. */
  engineFailed(error: SignetError): void {
    this.#options.log.error('the engine failed', { code: error.code });
    void this.#unlocking.engineFailed();
  }

  #remote(): string {
    const remote = this.#settings.current?.remote;
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

  get #isSetUp(): boolean {
    return this.#settings.orDefault.remote !== null;
  }

  #assertNotSetUp(): void {
    if (this.#isSetUp) {
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
      if (this.#isOpen) this.drills.consider();
    } catch (error) {
      this.#options.log.warn('the state could not be told', { code: toSignetError(error).code });
    }
  }
}
