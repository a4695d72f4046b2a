// What state.db holds, as objects: packs on their way, the history of runs, small facts.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../base/bytes.ts';
import { inTransaction } from './database.ts';
import type { HistoryEntry, PackRow, PackRows } from './model.ts';
import { openBox, sealBox } from './sealed.ts';

export class PackTable<Id extends string> implements PackRows<Id> {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #mark: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    // A pack sealed again after a crash has the same name and the same bytes: its row is simply kept.
    this.#insert = database.prepare(
      'INSERT INTO pack (id, size_bytes, header, uploaded) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    );
    this.#mark = database.prepare('UPDATE pack SET uploaded = ? WHERE id = ?');
    this.#delete = database.prepare('DELETE FROM pack WHERE id = ?');
    this.#select = database.prepare('SELECT id, size_bytes, header, uploaded FROM pack ORDER BY place');
  }

  add(pack: PackRow<Id>): void {
    this.#insert.run(pack.id, pack.sizeBytes, pack.header, columnOf(pack.uploaded, pack.since));
  }

  markUploaded(id: Id, at: number): void {
    this.#mark.run(columnOf(true, at), id);
  }

  remove(ids: readonly Id[]): void {
    inTransaction(this.#database, () => {
      for (const id of ids) this.#delete.run(id);
    });
  }

  rows(): readonly PackRow<Id>[] {
    return this.#select.all().map(row => ({
      id: row['id'] as Id, // written by `add`, which takes nothing else
      sizeBytes: Number(row['size_bytes']),
      header: new Uint8Array(row['header'] as Uint8Array),
      ...packState(Number(row['uploaded'])),
    }));
  }
}

/** The moment, below zero before the upload. Older versions wrote 0 and 1 there, which says of no moment. */
function columnOf(isUploaded: boolean, since = 1): number {
  const moment = Math.max(1, Math.floor(since));
  return isUploaded ? moment : -moment;
}

function packState(column: number): Pick<PackRow<string>, 'uploaded' | 'since'> {
  const moment = Math.abs(column);
  return { uploaded: column > 0, ...(moment > 1 && { since: moment }) };
}

const historyKept = 20_000;
const historyName = 'history';

/** The runs of this machine, newest last. Entries name files of the user, so they lie sealed under the machine's local key. */
export class History {
  readonly #key: Uint8Array;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #last: StatementSync;
  readonly #lastOf: StatementSync;
  readonly #lastRun: StatementSync;
  readonly #before: StatementSync;
  readonly #made: StatementSync;
  readonly #page: StatementSync;
  readonly #clear: StatementSync;

  constructor(database: DatabaseSync, localKey: Uint8Array) {
    this.#key = localKey;
    this.#insert = database.prepare('INSERT INTO history (at, outcome, sealed) VALUES (?, ?, ?)');
    this.#trim = database.prepare('DELETE FROM history WHERE place <= ?');
    this.#last = database.prepare('SELECT at, outcome, sealed FROM history ORDER BY place DESC LIMIT ?');
    this.#lastOf = database.prepare(
      `SELECT at, outcome, sealed FROM history WHERE outcome IN ('good', 'nothing-new') ORDER BY place DESC LIMIT 1`,
    );
    // In the order in which they ran, whatever the clock did; a run that was trimmed away meanwhile is told by its time.
    this.#before = database.prepare(
      `SELECT at, outcome, sealed FROM history
       WHERE place < coalesce((SELECT min(place) FROM history WHERE at = ?), (SELECT max(place) + 1 FROM history WHERE at < ?))
       ORDER BY place DESC LIMIT ?`,
    );
    this.#clear = database.prepare('DELETE FROM history');
    this.#page = database.prepare(
      `SELECT place, at, outcome, iif(outcome = 'nothing-new', NULL, sealed) AS sealed FROM history
       WHERE place < ? ORDER BY place DESC LIMIT ?`,
    );
    this.#made = database.prepare(
      `SELECT at, outcome, sealed FROM history
       WHERE at >= ? AND at <= ? AND outcome IN ('good', 'partial') ORDER BY place DESC LIMIT ?`,
    );
    this.#lastRun = database.prepare(
      `SELECT at FROM history WHERE outcome IN ('good', 'nothing-new', 'partial') ORDER BY place DESC LIMIT 1`,
    );
  }

  append(entry: HistoryEntry): void {
    const sealed = sealBox(this.#key, historyName, utf8(JSON.stringify(entry)));
    const { lastInsertRowid } = this.#insert.run(entry.at, entry.outcome, sealed);
    this.#trim.run(Number(lastInsertRowid) - historyKept);
  }

  clear(): void {
    this.#clear.run();
  }

  /** The newest `count` runs, newest first. */
  last(count: number): readonly HistoryEntry[] {
    return this.#last.all(count).map(row => this.#entry(row));
  }

  /** At most `count` runs before the one that ended at `before` (RFC 3339; the newest without it), newest first. */
  before(before: string | undefined, count: number): readonly HistoryEntry[] {
    if (before === undefined) return this.last(count);
    return this.#before.all(before, before, count).map(row => this.#entry(row));
  }

  /** At most `count` runs that ended in that time (RFC 3339 in UTC, to the millisecond) and may have made a snapshot, newest first. */
  made(from: string, to: string, count: number): readonly HistoryEntry[] {
    return this.#made.all(from, to, count).map(row => this.#entry(row));
  }

  /**
   * All runs, newest first, in pages: the ones before `place`, which the page before gave (the newest without it). Of those that found
   * nothing new there is only what they were.
   */
  page(
    place: number | undefined,
    count: number,
  ): { readonly entries: readonly HistoryEntry[]; readonly place: number } {
    const rows = this.#page.all(place ?? Number.MAX_SAFE_INTEGER, count);
    return { entries: rows.map(row => this.#entry(row)), place: Number(rows.at(-1)?.['place'] ?? 0) };
  }

  /** The newest run after which everything was known to be backed up. */
  lastGood(): HistoryEntry | undefined {
    const row = this.#lastOf.get();
    return row === undefined ? undefined : this.#entry(row);
  }

  /** RFC 3339: the end of the newest run that went through, files that could not be read or not. */
  lastRunAt(): string | undefined {
    const at = this.#lastRun.get()?.['at'];
    return typeof at === 'string' ? at : undefined;
  }

  /** Where it was not asked for, and with another local key (a lost file), only the two plain columns are left of an entry. */
  #entry(row: Record<string, unknown>): HistoryEntry {
    const sealed = row['sealed'];
    const bytes = sealed instanceof Uint8Array ? openBox(this.#key, historyName, sealed) : undefined;
    const text = bytes === undefined ? undefined : fromUtf8(bytes);
    if (text !== undefined) return JSON.parse(text) as HistoryEntry; // authenticated: `append` wrote it
    return { at: String(row['at']), outcome: row['outcome'] as HistoryEntry['outcome'] };
  }
}

/** Small values that outlive a restart, such as when a check ran last. Never secrets, never names of the user's files. */
export class Facts {
  readonly #set: StatementSync;
  readonly #get: StatementSync;
  readonly #remove: StatementSync;
  readonly #names: StatementSync;

  constructor(database: DatabaseSync) {
    this.#set = database.prepare(
      'INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    );
    this.#get = database.prepare('SELECT value FROM fact WHERE name = ?');
    this.#remove = database.prepare('DELETE FROM fact WHERE name = ?');
    this.#names = database.prepare('SELECT name FROM fact');
  }

  get(name: string): string | undefined {
    const value = this.#get.get(name)?.['value'];
    return typeof value === 'string' ? value : undefined;
  }

  set(name: string, value: string): void {
    this.#set.run(name, value);
  }

  remove(name: string): void {
    this.#remove.run(name);
  }

  /** All others go. */
  keepOnly(names: readonly string[]): void {
    for (const row of this.#names.all()) {
      const name = String(row['name']);
      if (!names.includes(name)) this.remove(name);
    }
  }
}

/** Facts that tell more, such as how other computers are called: sealed under the machine's local key, as the history is. */
export class SealedFacts {
  readonly #facts: Facts;
  readonly #key: Uint8Array;

  constructor(facts: Facts, localKey: Uint8Array) {
    this.#facts = facts;
    this.#key = localKey;
  }

  /** Undefined also where it was sealed under another key. */
  get(name: string): string | undefined {
    const box = fromBase64Url(this.#facts.get(name) ?? '');
    const bytes = box === undefined ? undefined : openBox(this.#key, `fact/${name}`, box);
    return bytes === undefined ? undefined : fromUtf8(bytes);
  }

  set(name: string, value: string): void {
    this.#facts.set(name, toBase64Url(sealBox(this.#key, `fact/${name}`, utf8(value))));
  }
}
