// SQLite databases for tests: made small, asked about in temporary copies only, and written to by another process.

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

/** A temporary folder, removed at the end of the test. */
export function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'signet-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface DatabaseShape {
  readonly journalMode?: 'wal' | 'delete' | 'truncate' | 'persist';
  readonly pageSize?: number;
  readonly rows?: number;
  /** Bytes of incompressible text in each row. */
  readonly rowBytes?: number;
}

/** A database with a table `entry(id, body)` and an index that spreads writes over its pages; closed when done. */
export function makeDatabase(path: string, shape: DatabaseShape = {}): void {
  const { journalMode = 'wal', pageSize = 4096, rows = 100, rowBytes = 200 } = shape;
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA page_size=${pageSize}; PRAGMA journal_mode=${journalMode}`);
    database.exec('CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT); CREATE INDEX entry_body ON entry (body)');
    addRows(database, rows, rowBytes);
  } finally {
    database.close();
  }
}

/** Adds rows in one transaction. */
export function addRows(database: DatabaseSync, rows: number, rowBytes = 200): void {
  database.exec('BEGIN');
  const insert = database.prepare('INSERT INTO entry (body) VALUES (hex(randomblob(?)))');
  for (let i = 0; i < rows; i++) insert.run(rowBytes / 2);
  database.exec('COMMIT');
}

export function countRows(database: DatabaseSync, table = 'entry'): number {
  return Number(database.prepare(`SELECT count(*) AS n FROM "${table}"`).get()?.['n']);
}

/** Opens a copy of the database with the log and journal beside it, so that the original is never touched. */
export function inCopy<T>(path: string, look: (database: DatabaseSync) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'signet-copy-'));
  try {
    const copy = join(folder, basename(path));
    for (const suffix of ['', '-wal', '-journal']) if (existsSync(path + suffix)) cpSync(path + suffix, copy + suffix);
    const database = new DatabaseSync(copy);
    try {
      return look(database);
    } finally {
      database.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rows of the table, with those that are only in the log. */
export function rowsIn(path: string, table = 'entry'): number {
  return inCopy(path, database => countRows(database, table));
}

/** 'ok', or what SQLite finds wrong. */
export function integrityOf(path: string): string {
  return inCopy(path, database =>
    database
      .prepare('PRAGMA integrity_check')
      .all()
      .map(row => String(row['integrity_check']))
      .join('\n'),
  );
}

export function sha256Of(path: string | Buffer): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

export interface Writer {
  /** Rows this writer has committed so far, as far as it has reported. */
  readonly committed: number;
  /** Errors it met ("database is locked"). */
  readonly failures: number;
  /** Ends the process as a crash would: nothing is checkpointed, the log stays. */
  kill(): Promise<void>;
}

/** Another process that inserts one row per transaction; resolves after its first commit. */
export async function startWriter(t: ExecutionContext, path: string, everyMs: number): Promise<Writer> {
  const program = fileURLToPath(new URL('./database-writer.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', program, path, String(everyMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const state = { committed: 0, failures: 0 };
  const { promise: started, resolve, reject } = Promise.withResolvers<void>();
  if (child.stdout === null) throw new Error('the writer has no standard output');
  createInterface({ input: child.stdout }).on('line', line => {
    Object.assign(state, JSON.parse(line));
    if (state.committed > 0) resolve();
  });
  const exited = once(child, 'exit');
  void exited.then(() => reject(new Error('the writer ended before its first commit')));
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  t.teardown(kill);
  await started;
  return {
    get committed() {
      return state.committed;
    },
    get failures() {
      return state.failures;
    },
    kill,
  };
}
