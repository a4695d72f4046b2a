// state.db: the journal of packs on their way, the history of runs, small facts, and what is known of objects in clouds. SQLite in WAL mode with
// synchronous=FULL, so a call that returned is on disk. Opened by the main thread and by the engine worker at once.
//
// Migrations go forward only, in one transaction, after a copy of the file. A database of a newer Signet is refused and a
// damaged one is moved aside; neither is ever deleted. No column here holds a name of the user's files in the clear.

import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { SignetError } from '../base/errors.ts';
import { privateFile } from '../base/files.ts';

/** One step forward: `migrations[n]` takes a database from user_version n to n + 1. */
export type Migration = string;

const migrations: readonly Migration[] = [
  `CREATE TABLE pack (
     place INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     size_bytes INTEGER NOT NULL,
     header BLOB NOT NULL,
     uploaded INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE history (
     place INTEGER PRIMARY KEY AUTOINCREMENT,
     at TEXT NOT NULL,
     outcome TEXT NOT NULL,
     sealed BLOB NOT NULL
   ) STRICT;
   CREATE TABLE fact (
     name TEXT PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE object (
     place TEXT NOT NULL,
     key TEXT NOT NULL,
     id TEXT NOT NULL,
     state TEXT NOT NULL,
     size_bytes INTEGER,
     sha256 TEXT,
     session BLOB,
     PRIMARY KEY (place, key)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE place_note (
     place TEXT NOT NULL,
     name TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (place, name)
   ) STRICT, WITHOUT ROWID;`,
];

const busyTimeoutMs = 10_000;
/** SQLite result codes (sqlite.org/rescode.html). */
const sqliteCorrupt = 11;
const sqliteNotADatabase = 26;

/**
 * Opens state.db, creates it or brings it forward.
 *
 * @param options.now milliseconds, for the names of copies
 * @param options.steps the migrations; tests pass longer lists
 * @throws E_STATE_NEWER when a newer Signet wrote it · E_STATE_CORRUPT when it is damaged; it is then kept beside under the name in
 *   `params.keptAs`, and the next start makes a new one
 */
export function openDatabase(path: string, options: { now: number; steps?: readonly Migration[] }): DatabaseSync {
  const steps = options.steps ?? migrations;
  // SQLite would create the file with 0644; -wal and -shm take the mode of the database.
  closeSync(openSync(path, 'a', privateFile));
  try {
    const database = connect(path);
    try {
      bringForward(database, path, steps, options.now);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw corrupt(path, setAside(path, options.now), error);
  }
}

/**
 * A second connection to a database that `openDatabase` opened earlier: never migrates, never moves anything.
 *
 * @throws E_STATE_NEWER · E_STATE_CORRUPT
 */
export function joinDatabase(path: string): DatabaseSync {
  if (!existsSync(path)) throw corrupt(path, undefined, undefined);
  let database: DatabaseSync | undefined;
  try {
    database = connect(path);
    const version = userVersion(database);
    if (version > migrations.length) throw newer(path, version, migrations.length);
    if (version < migrations.length) {
      throw new SignetError(
        'E_INTERNAL',
        `${path}: joined at version ${version}, before it was brought to ${migrations.length}`,
      );
    }
    return database;
  } catch (error) {
    database?.close();
    throw isDamage(error) ? corrupt(path, undefined, error) : error;
  }
}

/** Runs the work as one transaction; takes the write lock at once, so that it never fails half-way for a busy database. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs, allowExtension: false });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    const check = database.prepare('PRAGMA quick_check(1)').get();
    if (check?.['quick_check'] !== 'ok') {
      throw Object.assign(new Error(`quick_check: ${String(check?.['quick_check'])}`), { errcode: sqliteCorrupt });
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function bringForward(database: DatabaseSync, path: string, steps: readonly Migration[], now: number): void {
  const found = userVersion(database);
  if (found > steps.length) throw newer(path, found, steps.length);
  if (found === steps.length) return;
  if (found > 0) copyBefore(database, path, found, now);
  inTransaction(database, () => {
    // Asked again under the write lock: another opener may have been faster.
    for (let version = userVersion(database); version < steps.length; version++) {
      database.exec(steps[version] ?? '');
    }
    database.exec(`PRAGMA user_version = ${steps.length}`);
  });
}

/** VACUUM INTO copies what is committed, the WAL included, which a copy of the file alone would not. */
function copyBefore(database: DatabaseSync, path: string, version: number, now: number): void {
  const copy = freeName(`${path}.v${version}-${now}`);
  closeSync(openSync(copy, 'wx', privateFile));
  database.prepare('VACUUM INTO ?').run(copy);
}

function userVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** Moves the database and its companions out of the way; answers the new name. */
function setAside(path: string, now: number): string {
  const aside = freeName(`${path}.damaged-${now}`);
  for (const companion of ['', '-wal', '-shm']) {
    if (existsSync(path + companion)) renameSync(path + companion, aside + companion);
  }
  return aside;
}

function freeName(wanted: string): string {
  let name = wanted;
  for (let n = 1; existsSync(name); n++) name = `${wanted}.${n}`;
  return name;
}

function isDamage(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  const primary = Number(error.errcode) & 0xff;
  return primary === sqliteCorrupt || primary === sqliteNotADatabase;
}

function newer(path: string, found: number, known: number): SignetError {
  return new SignetError(
    'E_STATE_NEWER',
    `${path}: written by a newer Signet (version ${found}, this one knows ${known})`,
    {
      params: { path, found, known },
    },
  );
}

function corrupt(path: string, keptAs: string | undefined, cause: unknown): SignetError {
  return new SignetError(
    'E_STATE_CORRUPT',
    keptAs === undefined
      ? `${path}: missing or damaged`
      : `${path}: damaged; kept as ${keptAs}, the next start makes a new one`,
    { params: keptAs === undefined ? { path } : { path, keptAs }, cause },
  );
}
