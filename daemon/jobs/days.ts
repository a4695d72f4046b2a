// What each day tells of its backups, for a calendar and a curve: added up from the runs in any order, so that a year of them is read once and
// each new one only added. Pure. Days are those of one time zone; how long each of them was does not matter.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { HistoryDay } from '../../protocol/status.ts';
import type { HistoryEntry } from '../state/model.ts';

const dayMs = 86_400_000;

interface Tally {
  isGood: boolean;
  /** Of the newest run that left something out; `files` undefined where nobody wrote down how many. */
  partial?: { readonly at: string; readonly files: number | undefined };
  readonly failed: Map<ErrorCode, { count: number; newestAt: string }>;
  isCancelled: boolean;
  backups: number;
  bytesAdded: number;
  messagesNew?: number;
  /** The newest measure of the whole backup. */
  size?: { readonly at: string; readonly bytes: number };
}

export class Days {
  readonly #format: Intl.DateTimeFormat;
  /** By the name of the day. */
  readonly #tallies = new Map<string, Tally>();
  #first: string | undefined;

  /** @param timeZone IANA name */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  }

  add(entry: HistoryEntry): void {
    const ended = Date.parse(entry.at);
    if (Number.isNaN(ended)) return;
    const day = this.#dayOf(ended);
    if (this.#first === undefined || day < this.#first) this.#first = day;
    const tally = this.#tallies.get(day) ?? newTally();
    this.#tallies.set(day, tally);
    note(tally, entry);
  }

  /**
   * At most `count` days up to that of `now` (milliseconds since 1970), the oldest first, from the day of the first run on. Days that lie
   * ahead, from when the clock was wrong, are not told.
   */
  upTo(now: number, count: number): readonly HistoryDay[] {
    if (this.#first === undefined) return [];
    const days: HistoryDay[] = [];
    const today = Date.parse(this.#dayOf(now));
    const from = Math.max(Date.parse(this.#first), today - (count - 1) * dayMs);
    let sizeBytes = this.#sizeBefore(nameOf(from));
    // Names of days are times of UTC here, where every day has as many hours.
    for (let at = from; at <= today; at += dayMs) {
      const day = nameOf(at);
      const tally = this.#tallies.get(day);
      sizeBytes = tally?.size?.bytes ?? sizeBytes;
      days.push({ ...dayOf(day, tally), ...(sizeBytes !== undefined && { sizeBytes }) });
    }
    return days;
  }

  /** What was measured last before that day still lies there. */
  #sizeBefore(day: string): number | undefined {
    let newest: Tally['size'];
    for (const [name, { size }] of this.#tallies) {
      if (name < day && size !== undefined && (newest === undefined || size.at > newest.at)) newest = size;
    }
    return newest?.bytes;
  }

  #dayOf(ms: number): string {
    const parts = new Map(this.#format.formatToParts(ms).map(({ type, value }) => [type, value]));
    return `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`;
  }
}

function newTally(): Tally {
  return { isGood: false, failed: new Map(), isCancelled: false, backups: 0, bytesAdded: 0 };
}

function note(tally: Tally, { at, outcome, backup, error, sizeBytes, unreadable }: HistoryEntry): void {
  if (outcome === 'good' || outcome === 'nothing-new') tally.isGood = true;
  if (outcome === 'cancelled') tally.isCancelled = true;
  if (outcome === 'partial' && at >= (tally.partial?.at ?? '')) tally.partial = { at, files: unreadable };
  if (outcome === 'failed') {
    const code = error?.code ?? 'E_INTERNAL';
    const before = tally.failed.get(code) ?? { count: 0, newestAt: '' };
    const newestAt = at > before.newestAt ? at : before.newestAt;
    tally.failed.set(code, { count: before.count + 1, newestAt });
  }
  if (sizeBytes !== undefined && at >= (tally.size?.at ?? '')) tally.size = { at, bytes: sizeBytes };
  if (backup === undefined) return;
  tally.backups += 1;
  tally.bytesAdded += backup.bytesAdded;
  if (backup.messagesNew !== undefined) tally.messagesNew = (tally.messagesNew ?? 0) + backup.messagesNew;
}

function dayOf(day: string, tally: Tally | undefined): HistoryDay {
  if (tally === undefined) return { day, outcome: 'none', backups: 0, bytesAdded: 0 };
  const { backups, bytesAdded, messagesNew } = tally;
  const facts = { backups, bytesAdded, ...(messagesNew !== undefined && { messagesNew }) };
  return { day, ...outcomeOf(tally), ...facts };
}

/** The best run of a day says how it was. */
function outcomeOf({ isGood, partial, failed, isCancelled }: Tally): Pick<HistoryDay, 'outcome' | 'why'> {
  if (isGood) return { outcome: 'good' };
  if (partial !== undefined) {
    const { files } = partial;
    return { outcome: 'partial', ...(files !== undefined && { why: { kind: 'unreadable', files } }) };
  }
  const [code] = [...failed]
    .toSorted(([, a], [, b]) => b.count - a.count || (a.newestAt < b.newestAt ? 1 : -1))
    .map(([each]) => each);
  if (code !== undefined) return { outcome: 'none', why: { kind: 'failed', code } };
  return { outcome: 'none', ...(isCancelled && { why: { kind: 'cancelled' } }) };
}

/** @param at midnight in UTC */
function nameOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
