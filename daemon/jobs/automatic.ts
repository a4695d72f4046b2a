// Backups that nobody asked for: by the calendar, for changes that the watcher saw, by the rescan as its safety net, and again after a
// failure. While Signet is locked, paused or without its network nothing is lost: what is due stays due and runs once when it may. What
// changes while a backup runs may have been looked at already, so it leads to one more.
//
// One check a minute looks at both clocks and at what is due; in between nothing happens. When and what is decided is pure: schedule.ts,
// hold-back.ts, overdue.ts.

import type { BackupReason, Overdue, Status } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { toSignetError } from '../base/errors.ts';
import type { PowerState } from '../platform/platform.ts';
import type { Settings, SourceSetting } from '../state/model.ts';
import { Calendar, type Memory } from './calendar.ts';
import { ClockWatch } from './clock-watch.ts';
import { type Hold, heedsMeter, holdOf, worldHold } from './hold-back.ts';
import { type HeldBack, isLockedLong, type LockedDue, overdueOf } from './overdue.ts';
import type { PastRuns } from './past-runs.ts';
import { calendarKind } from './schedule.ts';

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

export interface Watching {
  /** What was seen and is not due yet; `until` in milliseconds since 1970. */
  settling(): (DueChanges & { readonly reason: 'quiet' | 'interval'; readonly until: number }) | undefined;
  close(): Promise<void>;
}

export type StartWatching = (
  settings: WatchSettings,
  listener: {
    readonly onDue: (due: DueChanges) => void;
    /** Something settles now that did not; not called for each change. */
    readonly onSettling: () => void;
    readonly onProblem: (code: string) => void;
  },
) => Promise<Watching>;

export interface AutomaticOptions {
  readonly clock: Clock;
  readonly startWatching: StartWatching;
  /** For a change it looks at the sources after the call began; for the calendar it may join a backup of all that runs. */
  readonly backUp: (reason: BackupReason, sourceIds: ReadonlySet<string> | undefined) => Promise<void>;
  readonly isUnlocked: () => boolean;
  readonly onProblem: (code: string) => void;
  readonly onChanged: () => void;
  readonly past: Pick<PastRuns, 'lastGoodAt' | 'lastRunAt' | 'tries'>;
  /** A source that waits for its owner's decision. */
  readonly heldBack: () => HeldBack | undefined;
  readonly memory: Memory;
  /** Neither rejects. */
  readonly power: () => Promise<PowerState>;
  /** Whether the place of the copies answers. */
  readonly isReachable: () => Promise<boolean>;
  /** Since when the place lets nobody in before its owner signs in; undefined when it does. */
  readonly signInSince: () => number | undefined;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** IANA name; default the computer's. */
  readonly timeZone?: string;
}

const retryMs = [60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000] as const;
const minuteMs = 60_000;
/** After sleep nothing is tried for so long, and after that only when the place of the copies answers, up to so long. */
const restMs = 30_000;
const networkMs = 10 * 60_000;

export class AutomaticBackups {
  readonly #options: AutomaticOptions;
  readonly #calendar: Calendar;
  readonly #clocks: ClockWatch;
  #settings: Settings | undefined;
  #watching: Watching | undefined;
  #watched = '';
  /** The end of the last `follow` or `stop`: two at once would leave a watcher behind. */
  #turn: Promise<void> = Promise.resolve();
  #pending: (DueChanges & { readonly since: number }) | undefined;
  /** Stopped by the user: what is pending waits for the next change, rescan or unlock. */
  #isStopped = false;
  /** In `#run`, asking or backing up. */
  #isRunning = false;
  #isBackingUp = false;
  /** The end of the last run here that is not to be repeated, should it not be in the history. */
  #ranAt: number | undefined;
  #failures = 0;
  #retryAt: number | undefined;
  /** Until when the place takes no more, by its own word. */
  #limit: { readonly until: number; readonly since: number } | undefined;
  #jitterUntil: number | undefined;
  #slotJitter: { readonly slot: number; readonly ms: number } | undefined;
  /** On the monotonic clock: until when to rest after sleep, and until when to wait for the network after sleep and after a start. */
  #restUntil = Number.NEGATIVE_INFINITY;
  #networkUntil = Number.NEGATIVE_INFINITY;
  #startUntil = Number.NEGATIVE_INFINITY;
  /** What the last look at power and network found. */
  #world: { readonly hold: Hold; readonly since: number } | undefined;
  #cancelCheck: () => void = () => undefined;
  #told = '';

  constructor(options: AutomaticOptions) {
    const { past, memory, timeZone } = options;
    this.#options = options;
    const zone = timeZone === undefined ? {} : { timeZone };
    this.#calendar = new Calendar({ memory, lastGoodAt: () => past.lastGoodAt(), ...zone });
    this.#clocks = new ClockWatch(options.clock);
  }

  /** What is held back and why; what still settles would be held back as well. */
  get waiting(): Status['waiting'] {
    const settling = this.#watching?.settling();
    const isDue = this.#isBackingUp ? this.#hasChanges() : this.#hasWork();
    if (!isDue && settling === undefined) return null;
    const hold = this.#hold() ?? (isDue ? this.#world?.hold : undefined) ?? settling;
    if (hold === undefined) return null;
    const { reason, until } = hold;
    const changes = (this.#pending?.changes ?? 0) + (settling?.changes ?? 0);
    return { reason, changes, ...(until !== undefined && { until: new Date(until).toISOString() }) };
  }

  /** The next slot of the calendar that lies ahead. */
  get nextRun(): string | null {
    const at = this.#calendar.ahead(this.#lastRunAt(), this.#options.clock.now());
    return at === undefined ? null : new Date(at).toISOString();
  }

  get pausedUntil(): string | null {
    const pause = this.#calendar.paused(this.#options.clock.now());
    return pause === undefined ? null : new Date(pause.until).toISOString();
  }

  get overdue(): Overdue | null {
    const { clock, past } = this.#options;
    const now = clock.now();
    const isPower = this.#world?.hold.reason === 'battery' || this.#world?.hold.reason === 'metered';
    return overdueOf({
      now,
      owed: this.#calendar.owed(this.#pending?.since),
      pausedSince: this.#calendar.paused(now)?.since,
      lockedSince: this.#calendar.lockedSince,
      powerSince: isPower ? this.#world?.since : undefined,
      signInSince: this.#options.signInSince(),
      tries: past.tries(),
      heldBack: this.#options.heldBack(),
    });
  }

  /** What is due and waits for the password alone. */
  get lockedDue(): LockedDue | undefined {
    const { lockedSince } = this.#calendar;
    if (lockedSince === undefined || this.#hold()?.reason !== 'locked' || !this.#hasWork()) return undefined;
    const slotAt = this.#isSlotDue() ? this.#slot()?.at : undefined;
    const schedule = (slotAt !== undefined && calendarKind(this.#settings?.schedule.kind ?? 'never')) || 'changes';
    const never = Number.POSITIVE_INFINITY;
    const dueSince = Math.min(slotAt ?? never, this.#hasChanges() ? (this.#pending?.since ?? never) : never);
    return { schedule, lockedSince, since: Math.max(lockedSince, dueSince) };
  }

  /** Just started or woken, and free to make up for what was missed: for some minutes nobody needs to be told that it was. */
  get isCatchingUp(): boolean {
    const { clock, isUnlocked } = this.#options;
    return isUnlocked() && clock.monotonic() < Math.max(this.#networkUntil, this.#startUntil);
  }

  /** Does what the settings say, from now on. */
  follow(settings: Settings | undefined): Promise<void> {
    const isOn = settings !== undefined && wantsBackups(settings);
    if (this.#settings === undefined && isOn) this.#startUntil = this.#options.clock.monotonic() + networkMs;
    this.#settings = isOn ? settings : undefined;
    this.#calendar.follow(this.#settings?.schedule, this.#lastRunAt(), this.#options.clock.now());
    const wanted = this.#settings === undefined ? undefined : watchSettingsOf(this.#settings);
    const key = JSON.stringify(wanted ?? null);
    if (key === this.#watched) {
      this.#consider();
      return this.#turn;
    }
    this.#watched = key;
    if (wanted === undefined) this.#settle();
    this.#consider();
    return this.#watch(wanted);
  }

  #watch(wanted: WatchSettings | undefined): Promise<void> {
    const turn = this.#turn.then(async () => {
      const settling = this.#watching?.settling();
      await this.#watching?.close();
      this.#watching = undefined;
      if (wanted === undefined) return;
      // The next watcher knows nothing of what this one saw.
      if (settling !== undefined) this.#due(settling, wanted.quietMs);
      this.#watching = await this.#options.startWatching(wanted, {
        onDue: due => this.#due(due, this.#jitter(Math.min(wanted.quietMs, this.#settings?.jitterMs ?? 0))),
        onSettling: () => this.#options.onChanged(),
        onProblem: this.#options.onProblem,
      });
    });
    this.#turn = turn.catch(() => undefined); // the caller of this turn is told
    return turn;
  }

  /** Everything may have changed while the daemon was away or locked: one look at all of it. */
  unlocked(): void {
    if (this.#watching === undefined && this.#pending === undefined) this.#consider();
    else this.#due({ sourceIds: undefined, changes: 0 }, 0);
  }

  /**
   * What is to be kept of a source is another by now, at its owner's wish: it is backed up after the quiet time, in which more may be chosen.
   *
   * @returns false where nothing is backed up by itself
   */
  sourceDue(id: string): boolean {
    if (this.#settings === undefined) return false;
    this.#due({ sourceIds: new Set([id]), changes: 0 }, this.#settings.quietMs);
    return true;
  }

  /** No automatic backups for so long; 0 goes on at once. */
  pause(ms: number): void {
    this.#calendar.pause(ms, this.#options.clock.now());
    this.#options.onChanged();
    this.#consider();
  }

  stop(): Promise<void> {
    this.#settings = undefined;
    this.#settle();
    this.#cancelCheck();
    this.#watched = '';
    return this.#watch(undefined);
  }

  /** @param delayMs until it may run, unless something waits already */
  #due(due: DueChanges, delayMs: number): void {
    const now = this.#options.clock.now();
    if (this.#pending === undefined && delayMs > 0) this.#jitterUntil = now + delayMs;
    this.#pending = { ...merge(this.#pending, due), since: this.#pending?.since ?? now };
    this.#isStopped = false;
    this.#retryAt = undefined;
    this.#options.onChanged();
    this.#consider();
  }

  /** Runs what may run, and comes back at the latest in a minute. @param expectedMs of the check's own timer */
  #consider(expectedMs?: number): void {
    this.#cancelCheck();
    if (this.#settings === undefined) return;
    this.#lookAtClocks(expectedMs);
    this.#calendar.noteLock(this.#options.isUnlocked(), this.#options.clock.now());
    void this.#run();
    if (!this.#isRunning) this.#arm();
    this.#tell();
  }

  #lookAtClocks(expectedMs?: number): void {
    const found = this.#clocks.look(expectedMs);
    if (found === 'slept') {
      const now = this.#options.clock.monotonic();
      this.#restUntil = now + restMs;
      this.#networkUntil = now + restMs + networkMs;
    } else if (found === 'set-back') {
      this.#retryAt = undefined; // it would come late by as much
      this.#jitterUntil = undefined;
    }
  }

  #arm(): void {
    this.#cancelCheck();
    if (this.#settings === undefined) return;
    this.#lookAtClocks(); // a backup may have run since
    const { clock } = this.#options;
    const now = clock.now();
    const soon = [this.#slot()?.dueAt, this.#hold()?.until].filter(at => at !== undefined).filter(at => at > now);
    const waitMs = Math.min(minuteMs, ...soon.map(at => at - now));
    this.#cancelCheck = clock.timer(waitMs, () => this.#consider(waitMs), { unref: true });
  }

  /** Clients hear of what time alone has changed. */
  #tell(): void {
    const { waiting, nextRun, pausedUntil, overdue, isCatchingUp, lockedDue } = this;
    const isLong = lockedDue !== undefined && isLockedLong(lockedDue, this.#options.clock.now());
    const told = JSON.stringify([waiting, nextRun, pausedUntil, overdue, isCatchingUp, isLong]);
    if (told === this.#told) return;
    this.#told = told;
    this.#options.onChanged();
  }

  /** One at a time; what falls due meanwhile is taken up at its end. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    if (!this.#hasWork() || this.#hold() !== undefined) return;
    this.#isRunning = true;
    try {
      while (this.#hasWork() && (await this.#runOnce())) this.#options.onChanged();
    } finally {
      this.#isRunning = false;
      this.#arm();
      this.#options.onChanged();
    }
  }

  /** Whether to go on with what fell due meanwhile. */
  async #runOnce(): Promise<boolean> {
    if (this.#hold() !== undefined || (this.#hasToAsk() && (await this.#askWorld()))) return false;
    const isSlot = this.#isSlotDue();
    if (!isSlot && !this.#hasChanges()) return false; // somebody else was faster while the world was asked
    const pending = this.#pending;
    this.#settle();
    this.#isBackingUp = true;
    try {
      await (isSlot ? this.#options.backUp('schedule', undefined) : this.#options.backUp('change', pending?.sourceIds));
      this.#failures = 0;
      this.#limit = undefined;
      if (isSlot) this.#ranAt = this.#options.clock.now();
      return true;
    } catch (thrown) {
      const error = toSignetError(thrown);
      if (pending !== undefined) this.#pending = { ...merge(this.#pending, pending), since: pending.since };
      // Locked: the next unlock takes it up again.
      if (error.code === 'E_VAULT_LOCKED' || !this.#options.isUnlocked()) return false;
      if (error.code === 'E_CANCELLED') {
        // Stopped on purpose: the next change, rescan or slot takes it up again.
        this.#isStopped = true;
        this.#ranAt = this.#options.clock.now();
        return false;
      }
      const until = error.code === 'E_REMOTE_LIMIT' ? Date.parse(String(error.params['until'])) : Number.NaN;
      if (until > this.#options.clock.now()) {
        this.#limit = { until, since: this.#options.clock.now() };
        return false;
      }
      const wait = retryMs[Math.min(this.#failures, retryMs.length - 1)] ?? retryMs[0];
      this.#failures += 1;
      this.#retryAt = this.#options.clock.now() + wait;
      return false;
    } finally {
      this.#isBackingUp = false;
    }
  }

  #hasWork(): boolean {
    return this.#hasChanges() || this.#isSlotDue();
  }

  #hasChanges(): boolean {
    return this.#pending !== undefined && !this.#isStopped;
  }

  #isSlotDue(): boolean {
    const slot = this.#slot();
    return slot !== undefined && slot.dueAt <= this.#options.clock.now();
  }

  /** The slot that is next or was missed, with the delay that it was given. */
  #slot(): { readonly at: number; readonly dueAt: number } | undefined {
    const at = this.#calendar.next(this.#lastRunAt(), this.#options.clock.now());
    if (at === undefined) return undefined;
    if (this.#slotJitter?.slot !== at) this.#slotJitter = { slot: at, ms: this.#jitter(this.#settings?.jitterMs ?? 0) };
    return { at, dueAt: at + this.#slotJitter.ms };
  }

  #lastRunAt(): number | undefined {
    const at = Math.max(
      this.#options.past.lastRunAt() ?? Number.NEGATIVE_INFINITY,
      this.#ranAt ?? Number.NEGATIVE_INFINITY,
    );
    return Number.isFinite(at) ? at : undefined;
  }

  #hold(): Hold | undefined {
    const { clock, isUnlocked } = this.#options;
    const now = clock.now();
    return holdOf({
      now,
      isUnlocked: isUnlocked(),
      pausedUntil: this.#calendar.paused(now)?.until,
      retryAt: this.#retryAt,
      limitUntil: this.#limitUntil(),
      isSignInNeeded: this.#options.signInSince() !== undefined,
      restUntil: now + this.#restUntil - clock.monotonic(),
      jitterUntil: this.#jitterUntil,
    });
  }

  /** A backup that was asked for and went through shows that it is over. */
  #limitUntil(): number | undefined {
    const { until, since } = this.#limit ?? {};
    const isOver = since !== undefined && (this.#options.past.lastGoodAt() ?? Number.NEGATIVE_INFINITY) > since;
    return isOver ? undefined : until;
  }

  #hasToAsk(): boolean {
    const settings = this.#settings;
    if (settings === undefined) return false;
    return settings.waitOnBattery || heedsMeter(settings) || this.#waitsForNetwork();
  }

  /** After sleep everything waits for the network; after a start only the calendar, as at a login that brings the network later. */
  #waitsForNetwork(): boolean {
    const now = this.#options.clock.monotonic();
    return now < this.#networkUntil || (now < this.#startUntil && this.#isSlotDue());
  }

  /** Whether power or network hold the backup back. */
  async #askWorld(): Promise<boolean> {
    const { clock, power, isReachable } = this.#options;
    const settings = this.#settings;
    if (settings === undefined) return true;
    const asksPower = settings.waitOnBattery || heedsMeter(settings);
    const state = asksPower ? await power() : { onBattery: undefined, isMetered: undefined };
    const reachable = this.#waitsForNetwork() ? await isReachable() : undefined;
    const hold = worldHold({ ...state, isReachable: reachable }, settings);
    const before = this.#world;
    const since = before !== undefined && before.hold.reason === hold?.reason ? before.since : clock.now();
    this.#world = hold === undefined ? undefined : { hold, since };
    return hold !== undefined || this.#hold() !== undefined;
  }

  #settle(): void {
    this.#pending = undefined;
    this.#retryAt = undefined;
    this.#jitterUntil = undefined;
    this.#world = undefined;
  }

  #jitter(longestMs: number): number {
    return Math.floor(this.#options.random() * longestMs);
  }
}

/** Whether anything is backed up by itself here. */
function wantsBackups({ remote, sources, schedule }: Settings): boolean {
  return remote !== null && sources.length > 0 && (schedule.onChange || calendarKind(schedule.kind) !== undefined);
}

function watchSettingsOf(settings: Settings): WatchSettings | undefined {
  const { sources, quietMs, longestWaitMs, smallestIntervalMs, rescanMs, watch } = settings;
  if (!settings.schedule.onChange) return undefined;
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
