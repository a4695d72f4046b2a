// Backups that nobody asked for: changes that the watcher saw, the rescan as its safety net, and tries again after a failure. While Signet is
// locked nothing is lost: what changed stays noted and is backed up after the next unlock. What changes while a backup runs may have been
// looked at already, so it leads to one more.

import type { BackupReason, Status } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { toSignetError } from '../base/errors.ts';
import type { Settings, SourceSetting } from '../state/model.ts';

/** What has settled and is to be backed up now. */
export interface DueChanges {
  /** Undefined after a rescan: anything may have changed. */
  readonly sourceIds: ReadonlySet<string> | undefined;
  readonly changes: number;
}

export interface WatchSettings
  extends Pick<Settings, 'quietMs' | 'longestWaitMs' | 'smallestIntervalMs' | 'rescanMs' | 'watch'> {
  readonly sources: readonly SourceSetting[];
}

export type StartWatching = (
  settings: WatchSettings,
  listener: { readonly onDue: (due: DueChanges) => void; readonly onProblem: (code: string) => void },
) => Promise<{ close(): Promise<void> }>;

export interface AutomaticOptions {
  readonly clock: Clock;
  readonly startWatching: StartWatching;
  /** Looks at the sources after the call began: it never joins a backup that runs. */
  readonly backUp: (reason: BackupReason, sourceIds: ReadonlySet<string> | undefined) => Promise<void>;
  readonly isUnlocked: () => boolean;
  readonly onProblem: (code: string) => void;
  readonly onChanged: () => void;
}

const retryMs = [60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000] as const;

export class AutomaticBackups {
  readonly #options: AutomaticOptions;
  #watching: { close(): Promise<void> } | undefined;
  #followed = '';
  /** The end of the last `follow` or `stop`: two at once would leave a watcher behind. */
  #turn: Promise<void> = Promise.resolve();
  #pending: DueChanges | undefined;
  #isRunning = false;
  #failures = 0;
  #retryAt: number | undefined;
  #cancelRetry: () => void = () => undefined;

  constructor(options: AutomaticOptions) {
    this.#options = options;
  }

  /** What is held back and why. */
  get waiting(): Status['waiting'] {
    if (this.#pending === undefined) return null;
    const { changes } = this.#pending;
    if (!this.#options.isUnlocked()) return { reason: 'locked', changes };
    if (this.#retryAt === undefined) return null;
    return { reason: 'retry', changes, until: new Date(this.#retryAt).toISOString() };
  }

  /** Watches what the settings say, from now on. */
  follow(settings: Settings | undefined): Promise<void> {
    const wanted = settings === undefined ? undefined : watchSettingsOf(settings);
    const key = JSON.stringify(wanted ?? null);
    if (key === this.#followed) return this.#turn;
    this.#followed = key;
    if (wanted === undefined) this.#settle();
    return this.#watch(wanted);
  }

  #watch(wanted: WatchSettings | undefined): Promise<void> {
    const turn = this.#turn.then(async () => {
      await this.#watching?.close();
      this.#watching = undefined;
      if (wanted === undefined) return;
      this.#watching = await this.#options.startWatching(wanted, {
        onDue: due => this.#due(due),
        onProblem: this.#options.onProblem,
      });
    });
    this.#turn = turn.catch(() => undefined); // the caller of this turn is told
    return turn;
  }

  /** Everything may have changed while the daemon was away or locked: one look at all of it. */
  unlocked(): void {
    if (this.#watching === undefined && this.#pending === undefined) return;
    this.#due({ sourceIds: undefined, changes: this.#pending?.changes ?? 0 });
  }

  stop(): Promise<void> {
    this.#settle();
    this.#followed = '';
    return this.#watch(undefined);
  }

  #due(due: DueChanges): void {
    this.#pending = merge(this.#pending, due);
    this.#options.onChanged();
    if (this.#options.isUnlocked()) void this.#run();
  }

  /** One at a time; what falls due meanwhile is taken up at its end. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#pending !== undefined && (await this.#runOnce())) this.#options.onChanged();
    } finally {
      this.#isRunning = false;
      this.#options.onChanged();
    }
  }

  /** Whether to go on with what fell due meanwhile. */
  async #runOnce(): Promise<boolean> {
    const pending = this.#pending;
    if (pending === undefined) return false;
    this.#settle();
    try {
      await this.#options.backUp('change', pending.sourceIds);
      this.#failures = 0;
      return true;
    } catch (thrown) {
      const error = toSignetError(thrown);
      this.#pending = merge(this.#pending, pending);
      // Stopped on purpose: the next change or rescan takes it up again. Locked: the next unlock does.
      if (error.code === 'E_CANCELLED' || error.code === 'E_VAULT_LOCKED') return false;
      const wait = retryMs[Math.min(this.#failures, retryMs.length - 1)] ?? retryMs[0];
      this.#failures += 1;
      this.#retryAt = this.#options.clock.now() + wait;
      this.#cancelRetry = this.#options.clock.timer(wait, () => void this.#run(), { unref: true });
      return false;
    }
  }

  #settle(): void {
    this.#pending = undefined;
    this.#retryAt = undefined;
    this.#cancelRetry();
  }
}

function watchSettingsOf(settings: Settings): WatchSettings | undefined {
  const { sources, quietMs, longestWaitMs, smallestIntervalMs, rescanMs, watch } = settings;
  if (settings.remote === null || !settings.schedule.onChange || sources.length === 0) return undefined;
  return { sources, quietMs, longestWaitMs, smallestIntervalMs, rescanMs, watch };
}

function merge(one: DueChanges | undefined, other: DueChanges): DueChanges {
  if (one === undefined) return other;
  const sourceIds =
    one.sourceIds === undefined || other.sourceIds === undefined
      ? undefined
      : new Set([...one.sourceIds, ...other.sourceIds]);
  return { sourceIds, changes: one.changes + other.changes };
}
