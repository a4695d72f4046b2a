// Merges a database that was stored apart from its log: both are copied, SQLite takes the log in, and the copy is looked at. The pair itself
// is only read. For the capture child: what is merged may be anybody's.

import { chmodSync, closeSync, constants, copyFileSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { systemCode } from '../base/errors.ts';
import { readAt } from './look.ts';
import type { MergeVerdict } from './model.ts';
import { checkImage } from './quick-check.ts';

const walHeader = 32;
const frameHeader = 24;

/** @param to a path where nothing is; the merged copy is there afterwards, its owner's alone and synced, where the answer is 'ok' or 'unknown' */
export function mergeLog(path: Uint8Array, to: Uint8Array): MergeVerdict {
  const at = (base: Uint8Array, suffix: string): Buffer => Buffer.concat([base, Buffer.from(suffix)]);
  for (const suffix of ['', '-wal']) {
    copyFileSync(at(path, suffix), at(to, suffix), constants.COPYFILE_EXCL);
    chmodSync(at(to, suffix), 0o600);
  }
  const frames = takeIn(at(to, ''));
  if (frames === undefined || endsEarly(at(path, '-wal'), frames)) return 'damaged-log';
  for (const suffix of ['-wal', '-shm']) rmSync(at(to, suffix), { force: true });
  const merged = openSync(at(to, ''), 'r+');
  try {
    fsyncSync(merged);
  } finally {
    closeSync(merged);
  }
  return checkImage(to);
}

/** How many frames of the log SQLite took; undefined where it took none, or not all of them into the file. */
function takeIn(path: Buffer): number | undefined {
  try {
    const database = new DatabaseSync(path, { allowExtension: false });
    try {
      database.exec('PRAGMA trusted_schema=OFF; PRAGMA locking_mode=EXCLUSIVE');
      const { log, checkpointed } = database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() ?? {};
      if (typeof log !== 'number' || log <= 0 || log !== checkpointed) return undefined;
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      return log;
    } finally {
      database.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ERR_SQLITE_ERROR') return undefined;
    throw error;
  }
}

/** A frame that SQLite did not take although it is of this log (its salts say so): what came after the damage is lost. */
function endsEarly(log: Buffer, frames: number): boolean {
  const fd = openSync(log, 'r');
  try {
    const header = new Uint8Array(walHeader);
    readAt(fd, header, 0);
    const pageSize = new DataView(header.buffer).getUint32(8);
    const frame = new Uint8Array(frameHeader);
    const start = walHeader + frames * (frameHeader + pageSize);
    if (readAt(fd, frame, start) < frameHeader) return statSync(log).size > start;
    return [0, 1, 2, 3, 4, 5, 6, 7].every(n => header[16 + n] === frame[8 + n]);
  } finally {
    closeSync(fd);
  }
}
