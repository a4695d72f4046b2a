// The few facts of SQLite's file formats that a capture needs, as pure functions over bytes: database header, write-ahead log,
// wal-index header, rollback journal. Sources: SQLite "Database File Format" §1.3, §4; "WAL-mode File Format" §2.1.

const databaseMagic = new Uint8Array(Buffer.from('SQLite format 3\0', 'latin1'));
const journalMagic = new Uint8Array([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);

export const databaseHeaderBytes = 100;
export const walHeaderBytes = 32;
export const frameHeaderBytes = 24;
export const journalHeaderBytes = 28;
/** Both copies of the wal-index header. */
export const walIndexBytes = 96;
/** Where nBackfill lies in the wal-index; it ends below byte 120, where Windows keeps its locks. */
export const backfillOffset = 96;

const walVersion = 3007000;
const indexCopyBytes = 48;
const lockByte = 2 ** 30;
const hostIsLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** @param first16 the first bytes of a file; fewer than 16 are never a database */
export function looksLikeDatabase(first16: Uint8Array): boolean {
  return startsWith(first16, databaseMagic);
}

export interface DatabaseHeader {
  readonly pageSize: number;
  /** The header says write-ahead log (2) and not rollback journal (1). */
  readonly isWal: boolean;
  readonly changeCounter: number;
}

/** Undefined when the magic is missing or the page size is none of SQLite's. */
export function parseDatabaseHeader(bytes: Uint8Array): DatabaseHeader | undefined {
  if (bytes.length < databaseHeaderBytes || !looksLikeDatabase(bytes)) return undefined;
  const view = viewOf(bytes);
  const pageSize = pageSizeOf(view.getUint16(16));
  if (pageSize === undefined) return undefined;
  return { pageSize, isWal: bytes[18] === 2 || bytes[19] === 2, changeCounter: view.getUint32(24) };
}

/** The page that holds the lock bytes at 1 GiB, counted from 1; SQLite stores nothing there. */
export function lockBytePage(pageSize: number): number {
  return lockByte / pageSize + 1;
}

export function hasWalMagic(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && (viewOf(bytes).getUint32(0) & 0xfffffffe) === 0x377f0682;
}

/** 'none': no transaction can be rolled back from it (absent, empty, or its header zeroed by PERSIST or not yet synced). */
export function journalState(head: Uint8Array): 'none' | 'journal' | 'foreign' {
  if (head.length === 0 || head[0] === 0) return 'none';
  return startsWith(head, journalMagic) ? 'journal' : 'foreign';
}

/** The running checksum of a log: two words. */
export interface Checksum {
  s0: number;
  s1: number;
}

export interface WalHeader {
  readonly pageSize: number;
  /** Words are summed as big-endian ones (magic …83). */
  readonly bigEndian: boolean;
  /** Both salts, as they lie in the file. */
  readonly salts: Uint8Array;
  /** The sum the first frame continues. */
  readonly checksum: Checksum;
}

/** The header of a log whose words are summed as little-endian ones; `into` takes 32 bytes, `salts` has 8. Answers the sum its first frame continues. */
export function writeWalHeader(into: Uint8Array, pageSize: number, salts: Uint8Array): Checksum {
  const view = viewOf(into);
  [0x377f0682, walVersion, pageSize, 0].forEach((word, i) => {
    view.setUint32(4 * i, word);
  });
  into.set(salts, 16);
  const sum = { s0: 0, s1: 0 };
  addToChecksum(sum, into, 0, 24, false);
  view.setUint32(24, sum.s0);
  view.setUint32(28, sum.s1);
  return sum;
}

/** The frame of `page` for such a log: `into` takes 24 bytes and the page, whose length is a multiple of 8; `sum` is carried on. */
export function writeFrame(
  into: Uint8Array,
  frame: WalFrame & { readonly bytes: Uint8Array },
  salts: Uint8Array,
  sum: Checksum,
): void {
  const view = viewOf(into);
  view.setUint32(0, frame.page);
  view.setUint32(4, frame.commitPages);
  into.set(salts, 8);
  into.set(frame.bytes, frameHeaderBytes);
  addToChecksum(sum, into, 0, 8, false);
  addToChecksum(sum, into, frameHeaderBytes, frame.bytes.length, false);
  view.setUint32(16, sum.s0);
  view.setUint32(20, sum.s1);
}

/** Undefined when SQLite would find no frame behind this header: bad magic, version, page size or checksum. */
export function parseWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.length < walHeaderBytes || !hasWalMagic(bytes)) return undefined;
  const view = viewOf(bytes);
  const pageSize = pageSizeOf32(view.getUint32(8));
  if (view.getUint32(4) !== walVersion || pageSize === undefined) return undefined;
  const bigEndian = (view.getUint32(0) & 1) === 1;
  const checksum = { s0: 0, s1: 0 };
  addToChecksum(checksum, bytes, 0, 24, bigEndian);
  if (checksum.s0 !== view.getUint32(24) || checksum.s1 !== view.getUint32(28)) return undefined;
  return { pageSize, bigEndian, salts: bytes.slice(16, 24), checksum };
}

export interface WalFrame {
  readonly page: number;
  /** Size of the database in pages after this commit; 0 when the frame does not end a transaction. */
  readonly commitPages: number;
}

/**
 * Reads the frame at `offset` and carries the running checksum on; undefined (and the checksum spoilt) when the frame
 * belongs to another generation or is torn, which is where the log ends.
 */
export function readFrame(bytes: Uint8Array, offset: number, header: WalHeader, sum: Checksum): WalFrame | undefined {
  const view = viewOf(bytes);
  for (let i = 0; i < 8; i++) if (bytes[offset + 8 + i] !== header.salts[i]) return undefined;
  addToChecksum(sum, bytes, offset, 8, header.bigEndian);
  addToChecksum(sum, bytes, offset + frameHeaderBytes, header.pageSize, header.bigEndian);
  if (sum.s0 !== view.getUint32(offset + 16) || sum.s1 !== view.getUint32(offset + 20)) return undefined;
  const page = view.getUint32(offset);
  return page === 0 ? undefined : { page, commitPages: view.getUint32(offset + 4) };
}

export interface WalIndex {
  /** Last frame of the snapshot; 0: the log holds nothing. */
  readonly lastFrame: number;
  /** Size of the database in pages; 0 when `lastFrame` is 0. */
  readonly pageCount: number;
  readonly salts: Uint8Array;
  /** Running checksum after `lastFrame`. */
  readonly checksum: Checksum;
  /** One copy as it lies in shared memory, to compare two readings. */
  readonly raw: Uint8Array;
}

/** Undefined when a writer is just changing it (the copies differ) or it was never initialised. */
export function parseWalIndex(bytes: Uint8Array): WalIndex | undefined {
  if (bytes.length < walIndexBytes) return undefined;
  const raw = bytes.slice(0, indexCopyBytes);
  for (let i = 0; i < indexCopyBytes; i++) if (raw[i] !== bytes[indexCopyBytes + i]) return undefined;
  const view = viewOf(raw);
  const word = (offset: number) => view.getUint32(offset, hostIsLittleEndian);
  const checksum = { s0: 0, s1: 0 };
  addToChecksum(checksum, raw, 0, 40, !hostIsLittleEndian);
  if (checksum.s0 !== word(40) || checksum.s1 !== word(44)) return undefined;
  if (word(0) !== walVersion || raw[12] === 0) return undefined;
  return {
    lastFrame: word(16),
    pageCount: word(20),
    salts: raw.slice(32, 40),
    checksum: { s0: word(24), s1: word(28) },
    raw,
  };
}

/** nBackfill as it lies at `backfillOffset`. */
export function parseBackfill(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(0, hostIsLittleEndian);
}

/** Two running sums over pairs of words, as in "WAL-mode File Format"; `length` is a multiple of 8. */
export function addToChecksum(
  sum: Checksum,
  bytes: Uint8Array,
  offset: number,
  length: number,
  bigEndian: boolean,
): void {
  let { s0, s1 } = sum;
  const start = bytes.byteOffset + offset;
  if (bigEndian !== hostIsLittleEndian && start % 4 === 0) {
    // The host's own word order: a typed array is some ten times faster than a DataView here.
    const words = new Uint32Array(bytes.buffer, start, length / 4);
    for (let i = 0; i < words.length; i += 2) {
      s0 = (s0 + (words[i] ?? 0) + s1) | 0;
      s1 = (s1 + (words[i + 1] ?? 0) + s0) | 0;
    }
  } else {
    const view = viewOf(bytes);
    for (let i = offset; i < offset + length; i += 8) {
      s0 = (s0 + view.getUint32(i, !bigEndian) + s1) | 0;
      s1 = (s1 + view.getUint32(i + 4, !bigEndian) + s0) | 0;
    }
  }
  sum.s0 = s0 >>> 0;
  sum.s1 = s1 >>> 0;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && startsWith(a, b);
}

function pageSizeOf(field: number): number | undefined {
  return pageSizeOf32(field === 1 ? 65536 : field);
}

function pageSizeOf32(size: number): number | undefined {
  return size >= 512 && size <= 65536 && (size & (size - 1)) === 0 ? size : undefined;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  if (bytes.length < prefix.length) return false;
  return prefix.every((byte, i) => bytes[i] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
