// The pin: a read transaction on a read-only connection, under which the raw files may be read.
// In WAL mode a held read transaction stops the log from being reset and stops checkpoints from writing pages the overlay
// does not replace; in rollback mode its SHARED lock keeps writers out of the file.
// Descriptors are opened before the connection closes and closed only after it: closing any descriptor of a file drops all
// POSIX locks this process holds on it (SQLite "How To Corrupt" §2.2).

import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { countIn } from './count.ts';
import { CopyAbandoned } from './image.ts';
import { deltaByLog, type PinnedLog } from './log-route.ts';
import { isFreshTime, neighbour, readAt, readFlags } from './look.ts';
import type { CountOrder, DatabaseCounts, LogPosition } from './model.ts';
import {
  backfillOffset,
  databaseHeaderBytes,
  parseBackfill,
  parseDatabaseHeader,
  parseWalIndex,
  sameBytes,
  type WalIndex,
  walIndexBytes,
} from './sqlite-format.ts';
import type { CaptureTarget } from './target.ts';
import { emptyOverlay, readOverlay } from './wal.ts';

/** A flat-out writer costs about one and a half tries for each pin (measured); this many failures mean something else is wrong. */
const pinTries = 500;

export interface PinOptions {
  readonly busyTimeoutMs: number;
  readonly pinMs: number;
}

/** A held read transaction: release it soon, since it keeps the app's log from being reset. */
export interface Pin {
  /**
   * Writes the image of the pinned moment.
   * @returns 'pinned', or 'backup' where the raw files could not be read as expected and SQLite copied them itself
   * @throws CopyAbandoned when it takes too long · SQLite's error · StagingFailed
   */
  copyTo(target: CaptureTarget): Promise<'pinned' | 'backup'>;
  /** Where the app's log stood; undefined where it keeps none, or the database file changed a moment ago. */
  readonly position: LogPosition | undefined;
  /** Of the pinned moment, by SQLite itself. */
  count(order: CountOrder): DatabaseCounts | undefined;
  release(): void;
}

/** @throws CopyAbandoned when it cannot be had · SQLite's error (with `errcode`) · the system error of an open */
export function takePin(path: Buffer, options: PinOptions): Pin {
  const held: number[] = [];
  const hold = (file: Uint8Array): number => {
    const fd = openSync(Buffer.from(file), readFlags);
    held.push(fd);
    return fd;
  };
  let connection: DatabaseSync | undefined;
  const release = () => {
    connection?.close();
    connection = undefined;
    for (const fd of held.splice(0)) closeSync(fd);
  };
  try {
    const databaseFd = hold(path);
    const source = new DatabaseSync(path, { readOnly: true, timeout: options.busyTimeoutMs, allowExtension: false });
    connection = source;
    touch(source);
    const isWal = journalMode(source) === 'wal';
    const start = performance.now();
    const stamp = stampOf(databaseFd);
    const snapshot = isWal ? pinWal(source, hold(neighbour(path, '-shm'))) : pinRollback(source);
    const logFd = isWal ? hold(neighbour(path, '-wal')) : undefined;
    if (fstatSync(databaseFd, { bigint: true }).ino !== statSync(path, { bigint: true }).ino) {
      throw new CopyAbandoned('the database was replaced');
    }
    const within = () => {
      const heldMs = performance.now() - start;
      if (heldMs > options.pinMs) throw new CopyAbandoned(`the copy took longer than ${options.pinMs} ms`);
    };
    const log = logFd === undefined ? undefined : pinnedLog(databaseFd, logFd, snapshot, stamp);
    return {
      async copyTo(target) {
        const delta = log && target.upon && deltaByLog(log, target.upon, within);
        if (delta) {
          target.accept(delta);
          return 'pinned';
        }
        if (copyRaw(databaseFd, logFd, snapshot, target, within)) return 'pinned';
        await backup(source, target.staging(), { rate: 2 ** 30 }); // one step: it cannot be restarted by a writer
        return 'backup';
      },
      position: log?.position,
      count: order => countIn(source, order),
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

interface Snapshot {
  readonly index: WalIndex | undefined;
  /** Frames of the log that the main file already holds. */
  readonly backfilled: number;
}

function pinRollback(connection: DatabaseSync): Snapshot {
  connection.exec('BEGIN');
  touch(connection);
  return { index: undefined, backfilled: 0 };
}

/** Pins a transaction whose end in the log is known: the wal-index header is the same before and after it began. */
function pinWal(connection: DatabaseSync, sharedMemory: number): Snapshot {
  for (let tries = 0; tries < pinTries; tries++) {
    const before = readIndex(sharedMemory);
    connection.exec('BEGIN');
    touch(connection);
    // nBackfill is read before the header: a reset of the log changes the header first, so an equal header vouches for it.
    const backfill = new Uint8Array(4);
    readAt(sharedMemory, backfill, backfillOffset);
    const after = readIndex(sharedMemory);
    if (before && after && sameBytes(before.raw, after.raw)) {
      return { index: after, backfilled: parseBackfill(backfill) };
    }
    connection.exec('ROLLBACK');
  }
  throw new CopyAbandoned(`the log moved on at each of ${pinTries} tries to pin it`);
}

/** False when the log is not what the wal-index said. */
function copyRaw(
  from: number,
  logFd: number | undefined,
  { index, backfilled }: Snapshot,
  target: CaptureTarget,
  within: () => void,
): boolean {
  const head = new Uint8Array(databaseHeaderBytes);
  const header = parseDatabaseHeader(head.subarray(0, readAt(from, head, 0)));
  const fileBytes = Number(fstatSync(from, { bigint: true }).size);
  let overlay = emptyOverlay;
  if (index && index.lastFrame > backfilled) {
    const found = logFd === undefined ? undefined : readOverlay(logFd, index, within);
    if (found === undefined) return false;
    overlay = found;
  }
  const pageSize = overlay.pageSize || header?.pageSize;
  if (pageSize === undefined) return false;
  const sizeBytes = index && index.lastFrame > 0 ? index.pageCount * pageSize : fileBytes;
  const log = logFd === undefined ? undefined : { fd: logFd, overlay };
  target.write({ from, pageSize, sizeBytes, log, onWindow: within });
  return true;
}

function pinnedLog(
  databaseFd: number,
  fd: number,
  { index, backfilled }: Snapshot,
  stamp: string | undefined,
): PinnedLog | undefined {
  if (index === undefined || index.lastFrame === 0 || stamp === undefined) return undefined;
  const { lastFrame, pageCount, salts, checksum } = index;
  const inode = (of: number) => String(fstatSync(of, { bigint: true }).ino);
  const position = {
    database: inode(databaseFd),
    log: inode(fd),
    salts: Buffer.from(salts).toString('hex'),
    frames: lastFrame,
    s0: checksum.s0,
    s1: checksum.s1,
    stamp,
    backfilled,
  };
  return { fd, lastFrame, pageCount, salts, checksum, position };
}

/** Undefined when a change right after it could carry the same times. */
function stampOf(fd: number): string | undefined {
  const { size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
  return isFreshTime(ctimeNs) ? undefined : `${size} ${mtimeNs} ${ctimeNs}`;
}

function readIndex(fd: number): WalIndex | undefined {
  const bytes = new Uint8Array(walIndexBytes);
  return parseWalIndex(bytes.subarray(0, readAt(fd, bytes, 0)));
}

/** The lightest read there is: it takes the read lock, runs recovery if need be, and does not parse the schema. */
function touch(connection: DatabaseSync): void {
  connection.prepare('PRAGMA schema_version').get();
}

function journalMode(connection: DatabaseSync): unknown {
  return connection.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
}
