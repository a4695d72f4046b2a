// What outlives a restart of the schedule: since when it is as it is, the user's pause, since when Signet is locked, and where the clock
// was found set back. Keeps it in the small facts of the state and answers with the pure functions of schedule.ts.

import * as v from 'valibot';
import type { Schedule } from '../../protocol/status.ts';
import { toSignetError } from '../base/errors.ts';
import { calendarKind, nextRun, type Owed, owed, slotAfter } from './schedule.ts';

/** Text by name that outlives the process; fits the state's facts. */
export interface Memory {
  get(name: string): string | undefined;
  set(name: string, value: string): void;
  remove(name: string): void;
}

export interface CalendarOptions {
  readonly memory: Memory;
  /** IANA name; default the computer's. */
  readonly timeZone?: string;
  /** The end of the last backup after which nothing was owed; milliseconds since 1970. */
  readonly lastGoodAt: () => number | undefined;
}

/** A pause that would last longer stands there because the clock was set back. */
const longestPauseMs = 30 * 86_400_000;

const moment = v.pipe(v.number(), v.finite());
const kept = v.strictObject({
  /** Kind and time of day. */
  schedule: v.string(),
  /** Since when automatic backups are wanted, and since when at these times. */
  begun: moment,
  changed: moment,
  anchor: v.exactOptional(v.strictObject({ of: moment, at: moment })),
});
const keptPause = v.strictObject({ since: moment, until: moment });

const names = { schedule: 'schedule', pause: 'schedule.pause', locked: 'schedule.locked' } as const;

export class Calendar {
  readonly #options: CalendarOptions;
  #schedule: Schedule | undefined;
  #kept: v.InferOutput<typeof kept> | undefined;
  #pause: v.InferOutput<typeof keptPause> | undefined;
  #lockedSince: number | undefined;
  /** The last answer of `next`, and what it was reckoned from; none while that lies ahead of the clock. */
  #slot:
    | {
        readonly schedule: Schedule;
        readonly lastRunAt: number | undefined;
        readonly since: number;
        readonly at: number | undefined;
      }
    | undefined;

  constructor(options: CalendarOptions) {
    this.#options = options;
    const { memory } = options;
    this.#kept = parsed(kept, memory.get(names.schedule));
    this.#pause = parsed(keptPause, memory.get(names.pause));
    this.#lockedSince = parsed(moment, memory.get(names.locked));
  }

  /** The schedule that holds from now on; undefined when nothing is backed up by itself here. A slot that is due already stays due. */
  follow(schedule: Schedule | undefined, lastRunAt: number | undefined, now: number): void {
    const isDue = (this.next(lastRunAt, now) ?? Number.POSITIVE_INFINITY) <= now;
    this.#schedule = schedule;
    const before = this.#kept;
    if (schedule === undefined) {
      this.#kept = undefined;
      if (before !== undefined) this.#remember(names.schedule, undefined);
      return;
    }
    const text = calendarKind(schedule.kind) === undefined ? 'on change' : `${schedule.kind} ${schedule.at}`;
    if (before?.schedule === text) return;
    this.#keep({ schedule: text, begun: before?.begun ?? now, changed: isDue && before ? before.changed : now });
  }

  /** When the next backup by the calendar is due; past when it was missed. @param lastRunAt the end of the last run that counts */
  next(lastRunAt: number | undefined, now: number): number | undefined {
    const [schedule, state, slot] = [this.#schedule, this.#kept, this.#slot];
    if (schedule === undefined || state === undefined) return undefined;
    // Asked each minute, and the calendar is the costly part of it.
    const isKnown = slot?.schedule === schedule && slot.lastRunAt === lastRunAt && slot.since === state.changed;
    const isAhead = Math.max(lastRunAt ?? Number.NEGATIVE_INFINITY, state.changed) > now;
    if (isKnown && !isAhead) return slot.at;
    const { timeZone } = this.#options;
    const facts = { lastRunAt, since: state.changed, anchor: state.anchor, now };
    const next = nextRun(schedule, { ...facts, ...(timeZone !== undefined && { timeZone }) });
    const anchor = next?.anchor;
    if (anchor?.of !== state.anchor?.of || anchor?.at !== state.anchor?.at) {
      const { anchor: _, ...rest } = state;
      this.#keep({ ...rest, ...(anchor !== undefined && { anchor: { ...anchor } }) });
    }
    this.#slot = isAhead ? undefined : { schedule, lastRunAt, since: state.changed, at: next?.at };
    return next?.at;
  }

  /** The first slot that lies ahead. */
  ahead(lastRunAt: number | undefined, now: number): number | undefined {
    const next = this.next(lastRunAt, now);
    if (next === undefined || next > now || this.#schedule === undefined) return next;
    return slotAfter(this.#schedule, now, this.#options.timeZone);
  }

  /** @param changesSince the oldest change that waits */
  owed(changesSince: number | undefined): Owed | undefined {
    const { timeZone, lastGoodAt } = this.#options;
    if (this.#schedule === undefined || this.#kept === undefined) return undefined;
    const { begun, anchor } = this.#kept;
    const facts = { lastGoodAt: lastGoodAt(), since: begun, anchor, changesSince };
    return owed(this.#schedule, { ...facts, ...(timeZone !== undefined && { timeZone }) });
  }

  /** @returns until when; null when the pause ends. @throws E_DISK_FULL: a pause that a restart would forget is none */
  pause(ms: number, now: number): number | null {
    const next = ms === 0 ? undefined : { since: now, until: now + Math.min(ms, longestPauseMs) };
    const { memory } = this.#options;
    try {
      if (next === undefined) memory.remove(names.pause);
      else memory.set(names.pause, JSON.stringify(next));
    } catch (error) {
      throw toSignetError(error);
    }
    this.#pause = next;
    return next?.until ?? null;
  }

  paused(now: number): { readonly since: number; readonly until: number } | undefined {
    const pause = this.#pause;
    return pause !== undefined && now < pause.until && pause.until - now <= longestPauseMs ? pause : undefined;
  }

  /** Since when Signet has been locked, restarts included. */
  get lockedSince(): number | undefined {
    return this.#lockedSince;
  }

  noteLock(isUnlocked: boolean, now: number): void {
    if (isUnlocked === (this.#lockedSince === undefined)) return;
    this.#lockedSince = isUnlocked ? undefined : now;
    this.#remember(names.locked, isUnlocked ? undefined : String(now));
  }

  #keep(state: v.InferOutput<typeof kept>): void {
    this.#kept = state;
    this.#remember(names.schedule, JSON.stringify(state));
  }

  /** With a full disk the process goes on with what it knows; only after a restart would it reckon from less. */
  #remember(name: string, value: string | undefined): void {
    const { memory } = this.#options;
    try {
      if (value === undefined) memory.remove(name);
      else memory.set(name, value);
    } catch (error) {
      if (toSignetError(error).code !== 'E_DISK_FULL') throw error;
    }
  }
}

/** What does not fit was not written by this version, and counts as nothing. */
function parsed<T>(schema: v.GenericSchema<unknown, T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined; // JSON.parse throws nothing but that it is no JSON
  }
}
