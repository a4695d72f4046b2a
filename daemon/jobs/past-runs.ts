// What is remembered of the runs of this machine: the history on disk, and in memory what a full disk kept out of it, since the state must
// tell of the newest run all the same and the calendar must not run it again.

import { toSignetError } from '../base/errors.ts';
import type { HistoryEntry } from '../state/model.ts';
import { afterRun, type FailedTries, triesIn } from './overdue.ts';

/** As the state keeps them; newest first. */
export interface HistoryOnDisk {
  append(entry: HistoryEntry): void;
  last(count: number): readonly HistoryEntry[];
  before(at: string | undefined, count: number): readonly HistoryEntry[];
  made(from: string, to: string, count: number): readonly HistoryEntry[];
  lastGood(): HistoryEntry | undefined;
  lastRunAt(): string | undefined;
}

/** Enough for the sentence "the last {count} tries failed". */
const triesCounted = 200;

export class PastRuns {
  readonly #history: HistoryOnDisk;
  #unrecorded: HistoryEntry | undefined;
  #lastGood: HistoryEntry | undefined;
  /** Milliseconds since 1970. */
  #lastRunAt: number | undefined;
  #tries: FailedTries | undefined;

  constructor(history: HistoryOnDisk) {
    this.#history = history;
    this.#lastGood = history.lastGood();
    const ranAt = history.lastRunAt();
    this.#lastRunAt = ranAt === undefined ? undefined : Date.parse(ranAt);
    this.#tries = triesIn(history.last(triesCounted));
  }

  /** @throws what keeps the history from being written, other than a full disk */
  record(entry: HistoryEntry): void {
    const { outcome } = entry;
    this.#tries = afterRun(this.#tries, entry);
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
