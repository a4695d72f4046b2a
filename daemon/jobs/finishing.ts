// Finishes what another tool restored: a database that was stored with its log apart (`x` and `x-wal`) becomes one file that can be copied
// anywhere. Each is merged in a copy beside it, looked at, and put in its place in one step; what would not be sound stays as it was.
// Repeating it is harmless: a log whose database holds it already says the same once more.

import { chmod, type FileHandle, lstat, open, readdir, rename, rm, utimes } from 'node:fs/promises';
import type { RestoredDatabase, SkippedEntry } from '../../protocol/status.ts';
import { displayPath } from '../archive/browse.ts';
import { asBuffer, concat, utf8 } from '../base/bytes.ts';
import { SignetError, systemCode } from '../base/errors.ts';
import { syncFolder } from '../base/files.ts';
import { looksLikeDatabase, type MergeVerdict } from '../capture/capture.ts';

const maxEntries = 20_000_000;
const logSuffix = '-wal';

const walMagic = [0x37, 0x7f, 0x06];

export interface FinishOptions {
  /** Copies a database and its log to `to`, merges them there, and says what SQLite finds. */
  readonly merge: (path: Uint8Array, to: Uint8Array) => Promise<MergeVerdict>;
  readonly mark: () => string;
  readonly signal: AbortSignal;
}

export interface Finished {
  readonly merged: readonly RestoredDatabase[];
  readonly skipped: readonly SkippedEntry[];
}

/** @param root absolute path of a folder that no app uses. @throws E_NOT_FOUND · E_USAGE · E_DISK_FULL */
export async function finishRestore(root: string, options: FinishOptions): Promise<Finished> {
  await assertFolder(root);
  const merged: RestoredDatabase[] = [];
  const skipped: SkippedEntry[] = [];
  for await (const database of pairsBelow(utf8(root), options.signal)) {
    options.signal.throwIfAborted();
    const path = displayPath(database.subarray(utf8(root).length + 1));
    const verdict = await finishOne(database, options);
    if (verdict === 'ok' || verdict === 'unknown') merged.push({ path, check: verdict === 'ok' ? 'ok' : 'opaque' });
    else skipped.push({ path, ...reasons[verdict] });
  }
  return { merged, skipped };
}

const reasons = {
  opaque: { reason: 'it cannot be opened here: its app opens it together with its log' },
  busy: { reason: 'it changed meanwhile: a program uses it' },
  'damaged-log': { reason: 'its log is damaged', code: 'E_OBJECT_TYPE' },
  damaged: { reason: 'the database would not be sound with this log', code: 'E_OBJECT_TYPE' },
} as const satisfies Readonly<Record<string, Omit<SkippedEntry, 'path'>>>;

async function finishOne(path: Uint8Array, { merge, mark }: FinishOptions): Promise<MergeVerdict | 'opaque' | 'busy'> {
  if (!looksLikeDatabase(await headOf(path))) return 'opaque';
  const log = concat(path, utf8(logSuffix));
  const before = [await lookOf(path), await lookOf(log)];
  const to = concat(path, utf8(`.signet-${mark()}`));
  try {
    const verdict = await merge(path, to);
    if (verdict !== 'ok' && verdict !== 'unknown') return verdict;
    const after = [await lookOf(path), await lookOf(log)];
    if (before.some((look, at) => look !== after[at])) return 'busy';
    const { mode, mtimeMs } = await lstat(asBuffer(path));
    await chmod(asBuffer(to), mode & 0o777);
    await utimes(asBuffer(to), mtimeMs / 1000, mtimeMs / 1000);
    await rename(asBuffer(to), asBuffer(path));
    await rm(asBuffer(log), { force: true });
    await rm(asBuffer(concat(path, utf8('-shm'))), { force: true });
    await syncFolder(asBuffer(path.subarray(0, path.lastIndexOf(0x2f))));
    return verdict;
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      await rm(asBuffer(concat(to, utf8(suffix))), { force: true });
    }
  }
}

/** Databases with a log beside them that is one. Links are not followed. */
async function* pairsBelow(folder: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const waiting = [folder];
  let entries = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const found = await readdir(asBuffer(next), { withFileTypes: true, encoding: 'buffer' });
    for (const entry of found) {
      signal.throwIfAborted();
      if (++entries > maxEntries) throw new SignetError('E_OBJECT_LIMIT', `more than ${maxEntries} entries`);
      const path = concat(next, utf8('/'), entry.name);
      if (entry.isDirectory()) waiting.push(path);
      if (!entry.isFile() || !asBuffer(entry.name).toString('latin1').endsWith(logSuffix)) continue;
      const database = path.subarray(0, path.length - logSuffix.length);
      const head = await headOf(path);
      if (walMagic.every((byte, at) => head[at] === byte) && (await isFile(database))) yield database;
    }
  }
}

async function isFile(path: Uint8Array): Promise<boolean> {
  try {
    return (await lstat(asBuffer(path))).isFile();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function headOf(path: Uint8Array): Promise<Uint8Array> {
  const file: FileHandle = await open(asBuffer(path), 'r');
  try {
    const head = new Uint8Array(16);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Equal as long as nobody changed the file. */
async function lookOf(path: Uint8Array): Promise<string> {
  const { size, mtimeNs, ino } = await lstat(asBuffer(path), { bigint: true });
  return `${size} ${mtimeNs} ${ino}`;
}

async function assertFolder(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isDirectory()) return;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new SignetError('E_NOT_FOUND', 'the folder to finish is not there', { params: { what: path }, cause: error });
  }
  throw new SignetError('E_USAGE', 'what is to be finished is not a folder', {
    params: { detail: `${path} is not a folder` },
  });
}
