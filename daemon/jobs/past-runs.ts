// What is remembered of the runs of this machine: the history on disk, and in memory what a full disk kept out of it, since the state must
// tell of the newest run all the same and the calendar must not run it again.

import { setImmediate } from 'node:timers/promises';
import type { HistoryDay } from '../../protocol/status.ts';
import { toSignetError } from '../base/errors.ts';
import type { HistoryEntry } from '../state/model.ts';
import { Days } from './days.ts';
import { afterRun, type FailedTries, triesIn } from './overdue.ts';

/** As the state keeps them; newest first. */
export interface HistoryOnDisk {
  append(entry: HistoryEntry): void;
  last(count: number): readonly HistoryEntry[];
  before(at: string | undefined, count: number): readonly HistoryEntry[];
  made(from: string, to: string, count: number): readonly HistoryEntry[];
  page(place: number | undefined, count: number): { readonly entries: readonly HistoryEntry[]; readonly place: number };
  lastGood(): HistoryEntry | undefined;
  lastRunAt(): string | undefined;
}

/** Read at once when days are told for the first time: a few milliseconds. */
const pageOfRuns = 250;
/** Enough for the sentence "the last {count} tries failed". */
const triesCounted = 200;

export class PastRuns {
  readonly #history: HistoryOnDisk;
  #unrecorded: HistoryEntry | undefined;
  #lastGood: HistoryEntry | undefined;
  /** Milliseconds since 1970. */
  #lastRunAt: number | undefined;
  #tries: FailedTries | undefined;
  /** Added up once somebody asks for them. */
  #days: { readonly timeZone: string; readonly tallied: Days; readonly isWhole: Promise<void> } | undefined;

  constructor(history: HistoryOnDisk) {
    this.#history = history;
    this.#lastGood = history.lastGood();
    const ranAt = history.lastRunAt();
    this.#lastRunAt = ranAt === undefined ? undefined : Date.parse(ranAt);
    this.#tries = triesIn(history.last(triesCounted));
  }

  /** The history was cleared. */
  forget(): void {
    this.#unrecorded = undefined;
    this.#lastGood = undefined;
    this.#lastRunAt = undefined;
    this.#tries = undefined;
    this.#days = undefined;
  }

  /** @throws what keeps the history from being written, other than a full disk */
  record(entry: HistoryEntry): void {
    const { outcome } = entry;
    this.#tries = afterRun(this.#tries, entry);
    this.#days?.tallied.add(entry);
    if (outcome === 'good' || outcome === 'nothing-new') this.#lastGood = entry;
    if (outcome !== 'failed' && outcome !== 'cancelled') this.#lastRunAt = Date.parse(entry.at);
    try {
      this.#history.append(entry);
      this.#unrecorded = undefined;
    } catch (error) {
      if (toSignetError(error).code !== 'E_DISK_FULL') throw error;
      this.#unrecorded = entry;
    }
  }

  /** Newest first. */
  last(count: number): readonly HistoryEntry[] {
    return [...(this.#unrecorded === undefined ? [] : [this.#unrecorded]), ...this.#history.last(count)];
  }

  /** The runs before the one at that time (RFC 3339; the newest without it), newest first. */
  before(at: string | undefined, count: number): readonly HistoryEntry[] {
    return at === undefined ? this.last(count).slice(0, count) : this.#history.before(at, count);
  }

  /** At most `count` runs that ended in that time (milliseconds since 1970) and may have made a snapshot. */
  made(from: number, to: number, count: number): readonly HistoryEntry[] {
    return this.#history.made(new Date(from).toISOString(), new Date(to).toISOString(), count);
  }

  /** At most `count` days up to now, the oldest first. @param timeZone IANA name */
  async days(now: number, count: number, timeZone: string): Promise<readonly HistoryDay[]> {
    if (this.#days?.timeZone !== timeZone) {
      const tallied = new Days(timeZone);
      if (this.#unrecorded !== undefined) tallied.add(this.#unrecorded);
      // The first page is read at once: what is recorded from here on is added by `record`.
      const isWhole = this.#tally(tallied).catch(error => {
        this.#days = undefined; // begun anew the next time
        throw error;
      });
      this.#days = { timeZone, tallied, isWhole };
    }
    const { tallied, isWhole } = this.#days;
    await isWhole;
    return tallied.upTo(now, count);
  }

  /** Twenty thousand runs at most, with a breath for others between pages. */
  async #tally(days: Days): Promise<void> {
    let place: number | undefined;
    for (;;) {
      const page = this.#history.page(place, pageOfRuns);
      for (const entry of page.entries) days.add(entry);
      if (page.entries.length < pageOfRuns) return;
      place = page.place;
      await setImmediate();
    }
  }

  /** The newest run after which everything was known to be backed up. */
  lastGood(): HistoryEntry | undefined {
    return this.#lastGood;
  }

  /** Milliseconds since 1970. */
  lastGoodAt(): number | undefined {
    return this.#lastGood === undefined ? undefined : Date.parse(this.#lastGood.at);
  }

  /** The end of the newest run that went through, files that could not be read or not. */
  lastRunAt(): number | undefined {
    return this.#lastRunAt;
  }

  tries(): FailedTries | undefined {
    return this.#tries;
  }
}
