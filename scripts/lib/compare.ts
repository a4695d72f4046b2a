// Are two folders of chats the same? Files byte by byte; SQLite databases row by row, since a backup of a live database is the same
// content in another file: its log is merged, its free pages may differ.

import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface Comparison {
  readonly files: number;
  readonly databases: number;
  /** Rows in all tables of all databases of the original. */
  readonly rows: number;
  /** One sentence for each thing that is not the same; empty when all is. */
  readonly differences: readonly string[];
}

/**
 * @param isLeftOut paths (relative, with slashes) that a backup leaves out on purpose
 */
export async function compareFolders(
  original: string,
  copy: string,
  isLeftOut: (path: string, kind: 'file' | 'dir' | 'symlink') => boolean,
): Promise<Comparison> {
  const wanted = entriesOf(original, isLeftOut);
  const found = entriesOf(copy, () => false);
  const databases = [...wanted]
    .filter(([path, kind]) => kind === 'file' && isDatabase(join(original, path)))
    .map(([path]) => path);
  // What belongs to a database comes and goes with the programs that have it open.
  const parts = new Set(databases.flatMap(path => ['-wal', '-shm', '-journal'].map(ending => path + ending)));
  const differences: string[] = [];
  let files = 0;
  let rows = 0;
  for (const [path, kind] of wanted) {
    if (parts.has(path) || kind === 'dir') continue;
    files += 1;
    if (found.get(path) !== kind) differences.push(`${path} did not come back`);
    else if (databases.includes(path))
      rows += compareDatabases(path, join(original, path), join(copy, path), differences);
    else if (!(await isSame(join(original, path), join(copy, path), kind))) differences.push(`${path} is not the same`);
  }
  for (const path of found.keys()) {
    if (!wanted.has(path) && !parts.has(path)) differences.push(`${path} was not there before`);
  }
  return { files, databases: databases.length, rows, differences };
}

type Kind = 'file' | 'dir' | 'symlink';

function entriesOf(folder: string, isLeftOut: (path: string, kind: Kind) => boolean): Map<string, Kind> {
  const entries = new Map<string, Kind>();
  const visit = (at: string) => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const full = join(at, entry.name);
      const path = relative(folder, full).split(sep).join('/');
      const kind = entry.isFile()
        ? 'file'
        : entry.isDirectory()
          ? 'dir'
          : entry.isSymbolicLink()
            ? 'symlink'
            : undefined;
      if (kind === undefined || isLeftOut(path, kind)) continue;
      entries.set(path, kind);
      if (kind === 'dir') visit(full);
    }
  };
  visit(folder);
  return entries;
}

async function isSame(a: string, b: string, kind: Kind): Promise<boolean> {
  if (kind === 'symlink') return readlinkSync(a) === readlinkSync(b);
  if (statSync(a).size !== statSync(b).size) return false;
  return (await sha256(a)) === (await sha256(b));
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

const magic = 'SQLite format 3\0';

function isDatabase(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(magic.length);
    return readSync(file, head, 0, head.length, 0) === head.length && head.toString('latin1') === magic;
  } finally {
    closeSync(file);
  }
}

/** Adds what differs, and answers how many rows the original has. */
function compareDatabases(path: string, original: string, copy: string, differences: string[]): number {
  const before = fingerprints(original);
  const after = fingerprints(copy);
  const names = new Set([...before.keys(), ...after.keys()]);
  let rows = 0;
  for (const name of names) {
    const [left, right] = [before.get(name), after.get(name)];
    rows += left?.rows ?? 0;
    if (left?.hash === right?.hash && left?.rows === right?.rows) continue;
    differences.push(
      `${path}: ${name} has ${right?.rows ?? 'no'} rows that are not the ${left?.rows ?? 'missing'} of the original`,
    );
  }
  return rows;
}

/** Every table of a database with its number of rows and a hash over all of them, in the table's own order. */
function fingerprints(path: string): Map<string, { readonly rows: number; readonly hash: string }> {
  if (!existsSync(path)) return new Map();
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    // Virtual tables need their module; what they hold lies in ordinary tables beside them.
    const tables = database.prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
    );
    const all = tables.all().map(row => {
      const name = String(row['name']);
      const statement = database.prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`);
      statement.setReadBigInts(true);
      const hash = createHash('sha256');
      let rows = 0;
      for (const found of statement.iterate()) {
        rows += 1;
        for (const value of Object.values(found)) hashValue(hash, value);
      }
      return [name, { rows, hash: hash.digest('hex') }] as const;
    });
    return new Map(all);
  } finally {
    database.close();
  }
}

function hashValue(hash: ReturnType<typeof createHash>, value: unknown): void {
  if (value instanceof Uint8Array) hash.update(`b${value.length}:`).update(value);
  else {
    const text = String(value);
    hash.update(`${typeof value} ${text.length}:${text}`);
  }
}
