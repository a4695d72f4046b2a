import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { looksLikeDatabase } from '../../daemon/capture/capture.ts';
import {
  addToChecksum,
  frameHeaderBytes,
  hasWalMagic,
  journalState,
  lockBytePage,
  parseDatabaseHeader,
  parseWalHeader,
  parseWalIndex,
  readFrame,
  walHeaderBytes,
} from '../../daemon/capture/sqlite-format.ts';
import { addRows, makeDatabase, scratch } from '../support/databases.ts';

for (const [pageSize, page] of [
  [512, 2_097_153],
  [4096, 262_145],
  [65_536, 16_385],
] as const) {
  test(`the lock-byte page of ${pageSize}-byte pages is ${page}`, t => t.is(lockBytePage(pageSize), page));
}

test('the magic needs all its sixteen bytes', t => {
  const magic = Buffer.from('SQLite format 3\0');
  t.true(looksLikeDatabase(magic));
  t.false(looksLikeDatabase(magic.subarray(0, 15)));
  t.false(looksLikeDatabase(Buffer.from('SQLite format 3 ')));
});

for (const [field, pageSize] of [
  [1, 65_536],
  [512, 512],
  [32_768, 32_768],
  [256, undefined],
  [0, undefined],
  [1000, undefined],
] as const) {
  test(`page size field ${field} of a database header means ${pageSize ?? 'no database'}`, t => {
    const header = Buffer.alloc(100);
    header.write('SQLite format 3\0', 'latin1');
    header.writeUInt16BE(field, 16);
    t.is(parseDatabaseHeader(header)?.pageSize, pageSize);
    t.is(parseDatabaseHeader(header.subarray(0, 99)), undefined);
  });
}

for (const [title, head, state] of [
  ['no journal', Buffer.alloc(0), 'none'],
  ['a journal whose header PERSIST zeroed', Buffer.alloc(28), 'none'],
  ['a journal', Buffer.from('d9d505f920a163d700000001', 'hex'), 'journal'],
  ['a text', Buffer.from('dear diary'), 'foreign'],
] as const) {
  test(`beside a database, ${title} is ${state}`, t => t.is(journalState(head), state));
}

test('both log magics are known and nothing near them', t => {
  t.true(hasWalMagic(Buffer.from('377f0682', 'hex')));
  t.true(hasWalMagic(Buffer.from('377f0683', 'hex')));
  t.false(hasWalMagic(Buffer.from('377f0684', 'hex')));
  t.false(hasWalMagic(Buffer.from('377f06', 'hex')));
});

test('a running sum is the same in one piece, in two, aligned or not', t => {
  const bytes = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff));
  const shifted = Buffer.alloc(65);
  shifted.set(bytes, 1);
  for (const bigEndian of [false, true]) {
    const whole = { s0: 0, s1: 0 };
    addToChecksum(whole, bytes, 0, 64, bigEndian);
    const pieces = { s0: 0, s1: 0 };
    addToChecksum(pieces, shifted, 1, 24, bigEndian);
    addToChecksum(pieces, shifted, 25, 40, bigEndian);
    t.deepEqual(pieces, whole);
  }
});

test('SQLite and we agree on header, frames and wal-index of a log it wrote, and a flipped bit ends the log', t => {
  const folder = scratch(t);
  const path = join(folder, 'x.db');
  makeDatabase(path);
  const app = new DatabaseSync(path);
  addRows(app, 30);
  for (const suffix of ['-wal', '-shm']) cpSync(path + suffix, path + suffix.toUpperCase());
  app.close();
  const log = readFileSync(`${path}-WAL`);
  const index = parseWalIndex(readFileSync(`${path}-SHM`));
  const header = parseWalHeader(log);
  if (header === undefined || index === undefined) return t.fail();
  t.deepEqual(index.salts, header.salts);

  const sum = { ...header.checksum };
  const frameBytes = frameHeaderBytes + header.pageSize;
  let last = { page: 0, commitPages: 0 };
  for (let frame = 0; frame < index.lastFrame; frame++) {
    const found = readFrame(log, walHeaderBytes + frame * frameBytes, header, sum);
    if (found === undefined) return t.fail(`frame ${frame}`);
    last = found;
  }
  t.deepEqual(sum, index.checksum);
  t.is(last.commitPages, index.pageCount);

  const flipped = Buffer.from(log);
  flipped.writeUInt8(flipped.readUInt8(walHeaderBytes + 100) ^ 1, walHeaderBytes + 100);
  t.is(readFrame(flipped, walHeaderBytes, header, { ...header.checksum }), undefined);
  flipped.writeUInt8(flipped.readUInt8(17) ^ 1, 17);
  t.is(parseWalHeader(flipped), undefined, 'the header carries a checksum too');
});

test('a wal-index whose two copies differ is being written and not believed', t => {
  t.is(parseWalIndex(Buffer.alloc(96)), undefined);
  t.is(parseWalIndex(Buffer.alloc(95)), undefined);
});
