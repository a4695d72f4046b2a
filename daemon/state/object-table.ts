// What is known of the objects of a cloud that names them by ids of its own, as rows of state.db; each place has rows of its own. All of it
// can be learned from the place again, but for uploads under way. Addresses of uploads arrive sealed.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { inTransaction } from './database.ts';
import type { ObjectRow, ObjectRows } from './model.ts';

export class ObjectTable implements ObjectRows {
  readonly #database: DatabaseSync;
  readonly #place: string;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #below: StatementSync;
  readonly #note: StatementSync;
  readonly #setNote: StatementSync;
  readonly #removeNote: StatementSync;

  /** @param place tells one place from another, and stays the same as long as its objects have their ids */
  constructor(database: DatabaseSync, place: string) {
    this.#database = database;
    this.#place = place;
    const columns = 'key, id, state, size_bytes, sha256, session';
    this.#get = database.prepare(`SELECT ${columns} FROM object WHERE place = ? AND key = ?`);
    this.#put = database.prepare(
      `INSERT INTO object (place, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (place, key) DO UPDATE SET
         id = excluded.id, state = excluded.state, size_bytes = excluded.size_bytes,
         sha256 = excluded.sha256, session = excluded.session`,
    );
    this.#remove = database.prepare('DELETE FROM object WHERE place = ? AND key = ?');
    // Keys are ASCII: no key that begins with the prefix comes after it with this behind.
    this.#below = database.prepare(
      `SELECT ${columns} FROM object WHERE place = ? AND key >= ? AND key < ? || char(127)`,
    );
    this.#note = database.prepare('SELECT value FROM place_note WHERE place = ? AND name = ?');
    this.#setNote = database.prepare(
      'INSERT INTO place_note (place, name, value) VALUES (?, ?, ?) ON CONFLICT (place, name) DO UPDATE SET value = excluded.value',
    );
    this.#removeNote = database.prepare('DELETE FROM place_note WHERE place = ? AND name = ?');
  }

  get(key: string): ObjectRow | undefined {
    const row = this.#get.get(this.#place, key);
    return row === undefined ? undefined : objectRow(row);
  }

  put(rows: readonly ObjectRow[]): void {
    inTransaction(this.#database, () => {
      for (const { key, id, state, sizeBytes, sha256, session } of rows) {
        this.#put.run(this.#place, key, id, state, sizeBytes, sha256, session);
      }
    });
  }

  remove(keys: readonly string[]): void {
    inTransaction(this.#database, () => {
      for (const key of keys) this.#remove.run(this.#place, key);
    });
  }

  below(prefix: string): readonly ObjectRow[] {
    return this.#below.all(this.#place, prefix, prefix).map(objectRow);
  }

  note(name: string): string | undefined {
    const value = this.#note.get(this.#place, name)?.['value'];
    return typeof value === 'string' ? value : undefined;
  }

  setNote(name: string, value: string | undefined): void {
    if (value === undefined) this.#removeNote.run(this.#place, name);
    else this.#setNote.run(this.#place, name, value);
  }
}

/** Only `put` writes them. */
function objectRow(row: Record<string, unknown>): ObjectRow {
  const session = row['session'] as Uint8Array | null;
  return {
    key: String(row['key']),
    id: String(row['id']),
    state: row['state'] as ObjectRow['state'],
    sizeBytes: row['size_bytes'] as number | null,
    sha256: row['sha256'] as string | null,
    session: session === null ? null : new Uint8Array(session),
  };
}
