// Forgetting, pruning and repairing the index as jobs of the main thread: who may start one, what keeps it from beginning, and what is
// remembered of it: since when packs are seen unnamed, when it was done last. By itself only where its owner chose that (`tidyUp`), once
// a week after a good backup; then nothing is told but in the log. Mirrors are not touched: they keep what they were given.

import type { BackupResult, ForgetResult, PruneResult, RepairResult } from '../../protocol/status.ts';
import { copySecret, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isCode, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { Alarms } from './alarms.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { KeySession } from './credentials.ts';
import type { KnownDevice } from './devices.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall } from './job-queue.ts';
import type { RetentionRules } from './retention.ts';
import { type GivenSecrets, needed } from './setup.ts';

export interface ForgetWish {
  readonly snapshots?: readonly string[] | undefined;
  /** Another computer's, which takes the password. */
  readonly device?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly clockIsRight?: boolean | undefined;
}

export interface TidyingOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: Pick<State, 'facts' | 'sealedFacts' | 'saveWitness'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly deviceId: string;
  readonly session: Pick<KeySession, 'queue' | 'prove' | 'settings' | 'stateKey' | 'identity' | 'witness'> & {
    /** @throws E_NOT_SET_UP · E_VAULT_LOCKED */
    readonly ready: () => Promise<string>;
    readonly isUnlocked: () => boolean;
    readonly isPaused: () => boolean;
  };
  readonly alarms: Pick<Alarms, 'standing' | 'assertNone' | 'assertArrived' | 'seen' | 'saw' | 'look'>;
  readonly clockTrust: Pick<ClockTrust, 'assertRight' | 'doubtedSince' | 'confirm' | 'trustedUpTo'>;
  /** What lies in the place from now on. */
  readonly onPlace: (stored: { readonly snapshots?: number; readonly sizeBytes?: number }) => void;
  readonly sawDevices: (devices: readonly KnownDevice[]) => void;
}

/** The numbers that its owner chose, in the time zone that this computer is in now. */
export function keptBy(settings: RetentionRules): Pick<engine.KeptBy, 'rules' | 'timeZone'> {
  const { keepAllHours, keepHourlyDays, keepDailyDays, keepWeeklyWeeks, keepMonthlyMonths } = settings;
  return {
    rules: { keepAllHours, keepHourlyDays, keepDailyDays, keepWeeklyWeeks, keepMonthlyMonths },
    timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

type Progress = Parameters<Parameters<KeySession['queue']['run']>[2]>[1];

const weekMs = 7 * 24 * 3_600_000;
/** What failed by itself is tried again after so long. */
const againMs = 24 * 3_600_000;
const facts = { tidiedAt: 'tidy.at', unnamed: 'tidy.unnamed' } as const;

export class Tidying {
  readonly #options: TidyingOptions;
  /** When it was begun last by itself, on the monotonic clock. */
  #triedAt: number | undefined;

  constructor(options: TidyingOptions) {
    this.#options = options;
  }

  /** @throws E_ALARM · E_CLOCK · E_USAGE · E_NOT_FOUND · E_REPOSITORY_LOCKED */
  async forget(wish: ForgetWish, secrets: GivenSecrets, call: JobCall): Promise<ForgetResult> {
    const { session, deviceId } = this.#options;
    await session.ready();
    if (wish.device !== undefined && wish.device !== deviceId) {
      needed(secrets.password, 'password');
      await session.prove(secrets);
    }
    return this.#told(session.queue.run('tidy', call, (signal, onProgress) => this.#forget(wish, signal, onProgress)));
  }

  async #forget(wish: ForgetWish, signal: AbortSignal, onProgress: Progress): Promise<ForgetResult> {
    const { engine: worker, state, deviceId, clockTrust, alarms, onPlace, sawDevices } = this.#options;
    const { snapshots, device = deviceId, dryRun = false, clockIsRight = false } = wish;
    alarms.assertNone();
    if (snapshots === undefined && !clockIsRight) clockTrust.assertRight();
    return this.#withWitness(async ({ witness, stateKey }) => {
      const { settings } = this.#options.session;
      const order: engine.ForgetOrder = {
        device: { id: deviceId, label: settings().deviceLabel },
        of: device,
        ...(snapshots !== undefined && { snapshots }),
        ...keptBy(settings()),
        witness,
        remembered: alarms.seen.snapshots.map(({ id }) => id),
        isSynced: settings().syncedBy !== null,
        trustedUpTo: clockIsRight ? Number.MAX_SAFE_INTEGER : clockTrust.trustedUpTo,
        dryRun,
      };
      const onAnnounced = async ({ witness: announced, ...looked }: engine.ForgetAnnounced): Promise<void> => {
        await state.saveWitness(announced, stateKey);
        alarms.saw(looked);
      };
      const outcome = await worker.ask(engine.forget, order, { signal, onProgress, onAnnounced });
      const { witness: seen, snapshots: count, devices, newestAt, findings, seen: place, missing, ...result } = outcome;
      if (!dryRun) {
        await state.saveWitness(seen, stateKey);
        alarms.saw({ findings, seen: place, missing });
        if (clockIsRight) {
          clockTrust.confirm(newestAt === undefined ? undefined : Date.parse(newestAt));
          this.#noteUnnamed({}); // what was noted by the wrong clock says nothing of 48 hours
        }
        onPlace({ snapshots: count });
        this.#options.log.info('backups forgotten', { count: outcome.forget.length + (outcome.more?.forget ?? 0) });
      }
      sawDevices(devices);
      return { type: 'result', ...result, dryRun };
    });
  }

  /** @throws E_ALARM · E_REPOSITORY_LOCKED · E_MISSING and E_OBJECT_* when something that a backup needs cannot be read */
  async prune(dryRun: boolean, call: JobCall): Promise<PruneResult> {
    const { session } = this.#options;
    await session.ready();
    return this.#told(session.queue.run('tidy', call, (signal, onProgress) => this.#prune(dryRun, signal, onProgress)));
  }

  async #prune(dryRun: boolean, signal: AbortSignal, onProgress: Progress): Promise<PruneResult> {
    const { engine: worker, clockTrust, session, onPlace } = this.#options;
    this.#options.alarms.assertNone();
    return this.#withWitness(async ({ witness }) => {
      const order: engine.PruneOrder = {
        witness,
        isSynced: session.settings().syncedBy !== null,
        dryRun,
        notes: this.#unnamed(),
        mayDelete: clockTrust.doubtedSince() === undefined,
      };
      const { notes, sizeBytes, ...result } = await worker.ask(engine.prune, order, { signal, onProgress });
      if (!dryRun) {
        this.#noteUnnamed(notes);
        onPlace({ sizeBytes });
        this.#options.log.info('room freed', { count: result.packsDeleted, bytes: result.bytesDeleted });
      }
      return { type: 'result', ...result, dryRun };
    });
  }

  /** Also while an alarm stands, which it may be the way out of. @throws E_ALARM while things may only be late · E_REPOSITORY_LOCKED */
  async repairIndex(dryRun: boolean, call: JobCall): Promise<RepairResult> {
    const { session, engine: worker, alarms } = this.#options;
    await session.ready();
    return session.queue.run('repair', call, async (signal, onProgress) => {
      session.stateKey(); // it may have been locked while others had their turn
      if (!dryRun) alarms.assertArrived();
      return worker.ask(engine.repairIndex, { dryRun }, { signal, onProgress });
    });
  }

  /** What was found under the lock stands on the board before anybody is told; what broke off in the middle is looked at. */
  async #told<Result>(job: Promise<Result>): Promise<Result> {
    try {
      return await job;
    } catch (error) {
      const looked = this.#options.alarms.look({ isForced: true });
      if (isCode(error, 'E_ALARM')) await looked;
      throw error;
    }
  }

  /** After a backup: once a week, where its owner chose so and nothing speaks against it. Never rejects. */
  async follow(result: Pick<BackupResult, 'filesUnreadable' | 'alarms'>): Promise<void> {
    const { session, clock, log, state } = this.#options;
    if (!this.#mayFollow() || result.filesUnreadable.length > 0 || result.alarms.length > 0) return;
    this.#triedAt = clock.monotonic();
    const call = { progress: () => undefined, signal: new AbortController().signal };
    try {
      await session.queue.run('tidy', call, async (signal, onProgress) => {
        if (!this.#isFree()) return; // it waited for its turn
        await this.#forget({}, signal, onProgress);
        await this.#prune(false, signal, onProgress);
        state.facts.set(facts.tidiedAt, String(clock.now()));
      });
    } catch (thrown) {
      log.warn('tidying up waits', { code: toSignetError(thrown).code });
    }
  }

  #mayFollow(): boolean {
    const { session, clock, state } = this.#options;
    if (!session.settings().tidyUp || !this.#isFree()) return false;
    if (this.#triedAt !== undefined && clock.monotonic() - this.#triedAt < againMs) return false;
    const age = clock.now() - Number(state.facts.get(facts.tidiedAt) ?? Number.NaN);
    return !(age >= 0 && age < weekMs);
  }

  #isFree(): boolean {
    const { session, alarms, clockTrust } = this.#options;
    const isStill = alarms.standing.length === 0 && clockTrust.doubtedSince() === undefined;
    return isStill && session.isUnlocked() && !session.isPaused();
  }

  async #withWitness<Result>(
    work: (known: { readonly witness: Witness; readonly stateKey: Uint8Array }) => Promise<Result>,
  ): Promise<Result> {
    const { session } = this.#options;
    // A copy: locking wipes the key at once, and what is sealed at the end must not be sealed under zeros.
    const stateKey = copySecret(session.stateKey());
    try {
      return await work({ witness: await session.witness(), stateKey });
    } finally {
      wipe(stateKey);
    }
  }

  /** Of the repository that is open: in another one the same pack is another thing. */
  #unnamed(): Readonly<Record<string, number>> {
    const { state, session } = this.#options;
    const text = state.sealedFacts.get(facts.unnamed);
    if (text === undefined) return {};
    const kept = JSON.parse(text) as { readonly repository: string; readonly packs: Record<string, number> }; // sealed: only this class wrote it
    return kept.repository === session.identity().repositoryId ? kept.packs : {};
  }

  #noteUnnamed(packs: Readonly<Record<string, number>>): void {
    const { state, session, log } = this.#options;
    try {
      state.sealedFacts.set(facts.unnamed, JSON.stringify({ repository: session.identity().repositoryId, packs }));
    } catch (error) {
      // Their 48 hours begin at the next time.
      if (!isCode(toSignetError(error), 'E_DISK_FULL')) throw error;
      log.warn('what waits to be deleted could not be noted', { code: 'E_DISK_FULL' });
    }
  }
}
