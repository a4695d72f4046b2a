// One look at a database and its neighbours, by plain reads: what the fences compare and the signature is made of.
// A look opens and closes the files, which drops every POSIX lock this process holds on them: in the capture child never
// take one while a connection is open.

import { createHash, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { systemCode } from '../base/errors.ts';
import { databaseHeaderBytes, journalHeaderBytes, sameBytes, walHeaderBytes } from './sqlite-format.ts';

export interface FileLook {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly inode: bigint;
  readonly isFile: boolean;
  readonly head: Uint8Array;
}

export interface Look {
  readonly database: FileLook;
  /** Undefined when absent or empty: SQLite treats both alike, and our own read-only opens leave empty ones. */
  readonly wal: FileLook | undefined;
  readonly journal: FileLook | undefined;
  /** A file changed so shortly before that another change may carry the same time. */
  readonly isFresh: boolean;
}

/**
 * File times advance in ticks (4 to 10 ms on Linux), so a change right after a look can carry the time that was seen.
 * What is older than this when looked at cannot change unseen. (FAT and HFS+ count in seconds: there the sizes, counters
 * and salts are what is left.)
 */
const tickMs = 20;

/** A non-blocking open that follows no link: a pipe or a link put in place of the file must not hang or mislead us. */
export const readFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export function neighbour(path: Uint8Array, suffix: string): Buffer {
  return Buffer.concat([path, Buffer.from(suffix)]);
}

/** @throws the system error when the database itself cannot be opened */
export function lookAt(path: Uint8Array): Look {
  const database = lookAtFile(path, databaseHeaderBytes);
  const wal = lookAtNeighbour(neighbour(path, '-wal'), walHeaderBytes);
  const journal = lookAtNeighbour(neighbour(path, '-journal'), journalHeaderBytes);
  const isFresh = [database, wal, journal].some(file => file !== undefined && isFreshTime(file.mtimeNs));
  return { database, wal, journal, isFresh };
}

/** A change that comes now could carry the same time. */
export function isFreshTime(timeNs: bigint): boolean {
  return Math.abs(Date.now() - Number(timeNs / 1_000_000n)) < tickMs;
}

/** A look that waited, for a bounded time, until a following change could not go unseen. */
export async function settledLook(path: Uint8Array): Promise<Look> {
  let look = lookAt(path);
  for (let tries = 0; look.isFresh && tries < 3; tries++) {
    await wait(tickMs);
    look = lookAt(path);
  }
  return look;
}

/** Everything the eye can see is equal: files, sizes, times, header bytes. */
export function sameLook(a: Look, b: Look): boolean {
  return sameFile(a.database, b.database) && sameFile(a.wal, b.wal) && sameFile(a.journal, b.journal);
}

export function sameFile(a: FileLook | undefined, b: FileLook | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.inode === b.inode && sameBytes(a.head, b.head);
}

/** Hex; a fresh look gives one that equals no other, because a later change could look the same. */
export function signatureOf(look: Look): string {
  if (look.isFresh) return `fresh-${randomBytes(16).toString('hex')}`;
  const hash = createHash('sha256');
  for (const file of [look.database, look.wal, look.journal]) {
    hash.update(file ? `${file.sizeBytes} ${file.mtimeNs} ${file.inode} ${file.head.length}\n` : '-\n');
    if (file) hash.update(file.head);
  }
  return hash.digest('hex');
}

function lookAtNeighbour(path: Uint8Array, headBytes: number): FileLook | undefined {
  try {
    const look = lookAtFile(path, headBytes);
    return look.isFile && look.sizeBytes > 0 ? look : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function lookAtFile(path: Uint8Array, headBytes: number): FileLook {
  const fd = openSync(Buffer.from(path), readFlags);
  try {
    const stat = fstatSync(fd, { bigint: true });
    const head = new Uint8Array(headBytes);
    const length = stat.isFile() ? readAt(fd, head, 0) : 0;
    return {
      sizeBytes: Number(stat.size),
      mtimeNs: stat.mtimeNs,
      inode: stat.ino,
      isFile: stat.isFile(),
      head: head.subarray(0, length),
    };
  } finally {
    closeSync(fd);
  }
}

/** Fills `target` from `position` on as far as the file goes; answers the bytes read. */
export function readAt(fd: number, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const read = readSync(fd, target, filled, target.length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return filled;
}
