// Trial restores: asked for, or by themselves every few days together with reading a share of the packs. The engine tries one snapshot; when
// that does not come back whole, its owner is told at once, and older ones are tried until one does, so that it is known from which backup
// things can be had. One that nobody asked for makes way for every other job.

import type { DrillResult, LastDrill, Notice, VerifyResult } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PowerState } from '../platform/platform.ts';
import type { Settings } from '../state/model.ts';
import type { State } from '../state/state.ts';
import { isCloud } from './clouds.ts';
import type { DrillLook } from './drill.ts';
import { nextDrill, sampledPercent } from './drill-schedule.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { heedsMeter, worldHold } from './hold-back.ts';
import type { JobCall, JobManners, JobQueue } from './job-queue.ts';
import type { PastRuns } from './past-runs.ts';
import type { Remembered } from './remembered.ts';

/** Snapshots tried after the newest did not come back whole. */
const mostOlder = 5;
/** The number of trials so far: each source has its turn. */
const turnFact = 'drill.turn';
const powerMs = 30 * 60_000;
const cancelledMs = 60 * 60_000;
const failedMs = 6 * 60 * 60_000;
const longestTimerMs = 6 * 60 * 60_000;

export interface DrillsOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly queue: JobQueue;
  readonly facts: State['facts'];
  readonly deviceId: string;
  readonly past: Pick<PastRuns, 'lastGoodAt' | 'last'>;
  readonly remembered: Pick<Remembered, 'lastDrill' | 'drilled'>;
  readonly settings: () => Settings;
  readonly isUnlocked: () => boolean;
  /** A backup is due or held back, or automatic backups pause. */
  readonly isBackupWaiting: () => boolean;
  readonly repositoryBytes: () => number;
  /** Never rejects. */
  readonly power: () => Promise<PowerState>;
  /** @throws E_NOT_SET_UP · E_VAULT_LOCKED */
  readonly ready: () => Promise<unknown>;
  readonly verify: (percent: number, call: JobCall, manners: JobManners) => Promise<VerifyResult>;
}

export class Drills {
  readonly #options: DrillsOptions;
  #cancelTimer: () => void = () => undefined;
  #isRunning = false;
  #isStopped = false;
  /** When a job was last seen to run. */
  #busyAt: number;
  #notBefore: number | undefined;

  constructor(options: DrillsOptions) {
    this.#options = options;
    this.#busyAt = options.clock.now();
  }

  /** What did not come back whole, as long as no later trial says otherwise. */
  get notices(): readonly Notice[] {
    const { remembered, settings } = this.#options;
    return drillNotices(remembered.lastDrill, settings());
  }

  /** @throws E_NOT_FOUND without a backup, or one that holds the source */
  async run(source: string | undefined, call: JobCall, manners: JobManners = {}): Promise<DrillResult> {
    const { queue, ready, log } = this.#options;
    await ready();
    return queue.run(
      'drill',
      call,
      async (signal, onProgress) => {
        await ready(); // it may have been locked while others had their turn
        const turn = this.#nextTurn();
        const ask = (back: number, must: readonly string[]): Promise<DrillLook | null> =>
          this.#options.engine.ask(
            engine.drill,
            { device: this.#options.deviceId, back, turn, must, ...(source !== undefined && { source }) },
            { signal, onProgress },
          );
        const newest = await ask(0, []);
        if (newest === null) {
          throw new SignetError('E_NOT_FOUND', 'there is no backup to try', { params: { what: 'latest' } });
        }
        const result: DrillResult = newest.ok ? newest : await this.#tryOlder(newest, source, ask);
        this.#remember(newest, source, { provenAt: result.ok ? result.at : result.older?.at });
        const { bytes } = sumOf(newest);
        log.info('trial restore done', { ok: newest.ok, bytes, count: newest.problems.length });
        return result;
      },
      manners,
    );
  }

  /** To be called whenever something changed that may matter: cheap, and it never throws. */
  consider(): void {
    this.#cancelTimer();
    const { clock, queue } = this.#options;
    if (queue.progress !== null) this.#busyAt = clock.now();
    if (this.#isRunning || this.#isStopped) return;
    const next = nextDrill(this.#facts());
    if (next === 'now') void this.#runAlone();
    else if (next !== undefined) this.#lookAgain(next - clock.now());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  #lookAgain(ms: number): void {
    const { clock } = this.#options;
    this.#cancelTimer = clock.timer(Math.min(ms, longestTimerMs), () => this.consider(), { unref: true });
  }

  #facts(): Parameters<typeof nextDrill>[0] {
    const { clock, queue, past, remembered, settings, isUnlocked, isBackupWaiting } = this.#options;
    const { drillDays, remote } = settings();
    const lastAt = remembered.lastDrill?.at;
    return {
      now: clock.now(),
      days: remote === null ? 0 : drillDays,
      lastAt: lastAt === undefined ? undefined : Date.parse(lastAt),
      notBefore: this.#notBefore,
      lastGoodAt: past.lastGoodAt(),
      hasLastRunFailed: past.last(1)[0]?.outcome === 'failed',
      isUnlocked: isUnlocked(),
      isBusy: queue.progress !== null || isBackupWaiting(),
      quietSince: this.#busyAt,
    };
  }

  async #runAlone(): Promise<void> {
    const { clock, log } = this.#options;
    const nobody: JobCall = { progress: () => undefined, signal: new AbortController().signal };
    this.#isRunning = true;
    try {
      if (await this.#isOnScarcePower()) {
        this.#notBefore = clock.now() + powerMs;
        return;
      }
      await this.run(undefined, nobody, { makesWay: true });
      const { drillDays: days, remote } = this.#options.settings();
      const isFar = remote !== null && isCloud(remote);
      const percent = sampledPercent({ days, isFar, repositoryBytes: this.#options.repositoryBytes() });
      await this.#options.verify(percent, nobody, { makesWay: true });
    } catch (thrown) {
      const { code } = toSignetError(thrown);
      this.#notBefore = clock.now() + (code === 'E_CANCELLED' ? cancelledMs : failedMs);
      log.warn('trial restore was not carried through', { code });
    } finally {
      this.#isRunning = false;
      this.#busyAt = clock.now();
      this.consider();
    }
  }

  async #isOnScarcePower(): Promise<boolean> {
    const settings = this.#options.settings();
    if (!settings.waitOnBattery && !heedsMeter(settings)) return false;
    return worldHold({ ...(await this.#options.power()), isReachable: undefined }, settings) !== undefined;
  }

  async #tryOlder(
    newest: DrillLook,
    source: string | undefined,
    ask: (back: number, must: readonly string[]) => Promise<DrillLook | null>,
  ): Promise<DrillResult> {
    this.#remember(newest, source, { isTryingOlder: true });
    const must = newest.problems.map(({ path }) => path);
    for (let back = 1; back <= mostOlder; back++) {
      const look = await ask(back, must);
      if (look?.ok === true) return { ...newest, older: { snapshot: look.snapshot, at: look.at } };
    }
    return newest;
  }

  /** @param source the only one that was tried: of the others the last trial is still what is known */
  #remember(
    look: DrillLook,
    source: string | undefined,
    { provenAt: proven, isTryingOlder }: { readonly provenAt?: string | undefined; readonly isTryingOlder?: true },
  ): void {
    const { clock, remembered } = this.#options;
    const last = source === undefined ? undefined : remembered.lastDrill;
    const others = last?.failed?.filter(id => id !== source) ?? [];
    const failed = [...look.sources.filter(({ ok }) => !ok).map(({ id }) => id), ...others];
    const code = look.problems[0]?.code ?? (others.length > 0 ? last?.code : undefined);
    const provenAt = look.ok && others.length > 0 ? last?.provenAt : proven;
    remembered.drilled({
      at: new Date(clock.now()).toISOString(),
      snapshot: look.snapshot,
      ok: look.ok && others.length === 0,
      ...sumOf(look),
      databases: look.databases.length + (look.more?.databases ?? 0),
      ...(failed.length > 0 && { failed }),
      ...(code !== undefined && { code }),
      ...(isTryingOlder && { isTryingOlder }),
      ...(provenAt !== undefined && { provenAt }),
    });
  }

  #nextTurn(): number {
    const { facts } = this.#options;
    const turn = Number(facts.get(turnFact) ?? 0);
    facts.set(turnFact, String((turn + 1) % 1_000_000));
    return turn;
  }
}

/** One for each source that is still backed up; without a name where it is not known whose it was. */
export function drillNotices(last: LastDrill | undefined, settings: Pick<Settings, 'sources'>): readonly Notice[] {
  if (last === undefined || last.ok) return [];
  const { at, failed = [], code, isTryingOlder, provenAt } = last;
  const params = {
    ...(code !== undefined && { code }),
    ...(isTryingOlder && { isTryingOlder }),
    ...(provenAt !== undefined && { provenAt }),
  };
  if (failed.length === 0) return [{ id: 'drill-failed', kind: 'drill-failed', since: at, params }];
  return settings.sources
    .filter(({ id }) => failed.includes(id))
    .map(({ id, label }) => ({
      id: `drill-failed ${id}`,
      kind: 'drill-failed',
      since: at,
      source: id,
      params: { ...params, app: label },
    }));
}

function sumOf({ sources }: DrillLook): { readonly files: number; readonly bytes: number } {
  return {
    files: sources.reduce((sum, each) => sum + each.files, 0),
    bytes: sources.reduce((sum, each) => sum + each.bytes, 0),
  };
}
