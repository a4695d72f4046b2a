// zstd frames (RFC 8878 §3.1.1). Every blob is exactly one frame: a compressed one, or raw blocks where compressing gains nothing,
// so that no stored plaintext can begin with bytes another object type would accept.
// Node's decoder drops whatever follows the first frame without a word, so frames are walked here before they are decoded.

import {
  constants,
  type InputType,
  type ZstdOptions,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { concat } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';

const magic = 0xfd2fb528;
/** RFC 8878 §3.1.1.2.4. restic's decoder refuses larger raw blocks; Node's does not, and is no oracle here. */
const maxBlockBytes = 128 * 1024;
const maxWindowLog = 23;
const blockHeaderBytes = 3;
const blockRaw = 0;
const blockRle = 1;
const blockCompressed = 2;

/** Header of a single-segment frame with the content size in the fewest bytes that hold it. */
function frameHeader(plainBytes: number, sizeField?: 4): Uint8Array {
  const view = new DataView(new ArrayBuffer(9));
  view.setUint32(0, magic, true);
  if (sizeField === undefined && plainBytes < 256) {
    view.setUint8(4, 0b0010_0000);
    view.setUint8(5, plainBytes);
    return new Uint8Array(view.buffer, 0, 6);
  }
  if (sizeField === undefined && plainBytes < 65536 + 256) {
    view.setUint8(4, 0b0110_0000);
    view.setUint16(5, plainBytes - 256, true);
    return new Uint8Array(view.buffer, 0, 7);
  }
  view.setUint8(4, 0b1010_0000);
  view.setUint32(5, plainBytes, true);
  return new Uint8Array(view.buffer, 0, 9);
}

function writeBlockHeader(target: Uint8Array, at: number, isLast: boolean, bytes: number): void {
  const value = (isLast ? 1 : 0) | (blockRaw << 1) | (bytes << 3);
  target[at] = value & 0xff;
  target[at + 1] = (value >>> 8) & 0xff;
  target[at + 2] = (value >>> 16) & 0xff;
}

/** A frame that holds the bytes as they are, in raw blocks of at most 128 KiB: the frame's parts in order, views of the plaintext among them. */
export function rawFrameParts(plaintext: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [frameHeader(plaintext.length)];
  const blocks = Math.max(1, Math.ceil(plaintext.length / maxBlockBytes));
  for (let block = 0; block < blocks; block++) {
    const piece = plaintext.subarray(block * maxBlockBytes, (block + 1) * maxBlockBytes);
    const header = new Uint8Array(blockHeaderBytes);
    writeBlockHeader(header, 0, block === blocks - 1, piece.length);
    parts.push(header, piece);
  }
  return parts;
}

/** As rawFrameParts, in one piece. */
export function rawFrame(plaintext: Uint8Array): Uint8Array {
  return concat(...rawFrameParts(plaintext));
}

/** Above this, compressing is worth the way to another thread; below, the way costs a third as much as the work (measured). */
const syncBytes = 128 * 1024;

/** For small blobs, tables that fit the first cache level: a third less time than level 3 for 1.6 % more bytes (SQLite pages, measured). */
const smallTables = {
  [constants.ZSTD_c_compressionLevel]: 2,
  [constants.ZSTD_c_windowLog]: 17,
  [constants.ZSTD_c_hashLog]: 14,
  [constants.ZSTD_c_chainLog]: 14,
};

/** Compresses at level 3 (2 when small): one frame with content size, without checksum. */
export async function compressedFrame(plaintext: Uint8Array): Promise<Uint8Array> {
  const input: InputType = plaintext;
  // One output buffer that always suffices saves Node the concatenation: 5 to 8 % of the time, measured.
  const chunkSize = plaintext.length + (plaintext.length >>> 7) + 512;
  const isSmall = plaintext.length <= syncBytes;
  const params = {
    ...(isSmall ? smallTables : { [constants.ZSTD_c_compressionLevel]: 3 }),
    [constants.ZSTD_c_checksumFlag]: 0,
    [constants.ZSTD_c_contentSizeFlag]: 1,
  };
  const options = { chunkSize, pledgedSrcSize: plaintext.length, params };
  if (isSmall) return zstdCompressSync(input, options);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  zstdCompress(input, options, (error, frame) => (error ? reject(error) : resolve(frame)));
  return promise;
}

/** What walking a frame tells without decoding it. */
interface FrameOutline {
  readonly headerBytes: number;
  /** Content size of the header, undefined when it has none. */
  readonly plainBytes: number | undefined;
  /** Start of each block's header. */
  readonly lastBlockAt: number;
  readonly isRaw: boolean;
  readonly hasChecksum: boolean;
}

/**
 * Walks one frame and proves that it ends where the input ends.
 *
 * @throws SignetError E_OBJECT_TYPE when it is not a frame · E_OBJECT_LIMIT for truncated or trailing bytes, large blocks or windows
 */
function outlineFrame(frame: Uint8Array, what: string): FrameOutline {
  const refuse = (why: string): SignetError => new SignetError('E_OBJECT_LIMIT', `${what}: zstd frame ${why}`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== magic) {
    throw new SignetError('E_OBJECT_TYPE', `${what}: not a zstd frame`);
  }
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0b0010_0000) !== 0;
  const hasChecksum = (descriptor & 0b0000_0100) !== 0;
  if ((descriptor & 0b0000_1000) !== 0) throw refuse('has its reserved bit set');
  if ((descriptor & 0b0000_0011) !== 0) throw refuse('needs a dictionary');
  const sizeFlag = descriptor >>> 6;
  const sizeFieldBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 2 ** sizeFlag;
  const headerBytes = 5 + (isSingleSegment ? 0 : 1) + sizeFieldBytes;
  if (frame.length < headerBytes + blockHeaderBytes) throw refuse(`is cut off after ${frame.length} bytes`);
  if (!isSingleSegment) {
    const window = view.getUint8(5);
    const windowBytes = 2 ** (10 + (window >>> 3)) * (1 + (window & 7) / 8);
    if (windowBytes > 2 ** maxWindowLog) throw refuse(`asks for a window of ${windowBytes} bytes`);
  }
  const sizeAt = headerBytes - sizeFieldBytes;
  let plainBytes: number | undefined;
  if (sizeFieldBytes === 1) plainBytes = view.getUint8(sizeAt);
  else if (sizeFieldBytes === 2) plainBytes = view.getUint16(sizeAt, true) + 256;
  else if (sizeFieldBytes === 4) plainBytes = view.getUint32(sizeAt, true);
  else if (sizeFieldBytes === 8) plainBytes = Number(view.getBigUint64(sizeAt, true));

  let at = headerBytes;
  let isRaw = true;
  for (;;) {
    if (at + blockHeaderBytes > frame.length) throw refuse(`is cut off after ${frame.length} bytes`);
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    const type = (header >>> 1) & 3;
    const bytes = header >>> 3;
    if (bytes > maxBlockBytes) throw refuse(`has a block of ${bytes} bytes`);
    if (type !== blockRaw && type !== blockRle && type !== blockCompressed) throw refuse('has a reserved block type');
    if (type !== blockRaw) isRaw = false;
    const end = at + blockHeaderBytes + (type === blockRle ? 1 : bytes);
    const isLast = (header & 1) !== 0;
    if (isLast) {
      const frameEnd = end + (hasChecksum ? 4 : 0);
      if (frameEnd !== frame.length) throw refuse(`ends at ${frameEnd}, the object has ${frame.length} bytes`);
      return { headerBytes, plainBytes, lastBlockAt: at, isRaw, hasChecksum };
    }
    at = end;
  }
}

/** The content of a frame of raw blocks, as views of the frame. */
function rawBlocks(frame: Uint8Array, outline: FrameOutline, plainBytes: number, what: string): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = outline.headerBytes;
  let filled = 0;
  while (at <= outline.lastBlockAt) {
    const bytes = ((frame[at] ?? 0) | ((frame[at + 1] ?? 0) << 8) | ((frame[at + 2] ?? 0) << 16)) >>> 3;
    if (filled + bytes > plainBytes) break;
    if (bytes > 0) parts.push(frame.subarray(at + blockHeaderBytes, at + blockHeaderBytes + bytes));
    filled += bytes;
    at += blockHeaderBytes + bytes;
  }
  if (at <= outline.lastBlockAt || filled !== plainBytes) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: zstd blocks do not add up to ${plainBytes} bytes`);
  }
  return parts;
}

/** Copies the content out of a frame of raw blocks. */
function joinRawBlocks(frame: Uint8Array, outline: FrameOutline, plainBytes: number, what: string): Uint8Array {
  const plaintext = Buffer.allocUnsafe(plainBytes);
  let filled = 0;
  for (const part of rawBlocks(frame, outline, plainBytes, what)) {
    plaintext.set(part, filled);
    filled += part.length;
  }
  return plaintext;
}

/**
 * Decodes exactly one frame. Never yields more than it was allowed to.
 *
 * @param size.exactBytes the length the content must have (blobs), or
 * @param size.maxBytes the most it may have (objects whose length nothing else tells)
 * @throws SignetError E_OBJECT_TYPE · E_OBJECT_LIMIT
 */
export async function openFrame(
  frame: Uint8Array,
  size: { readonly exactBytes: number } | { readonly maxBytes: number },
  what: string,
): Promise<Uint8Array> {
  const outline = outlineFrame(frame, what);
  const bound = 'exactBytes' in size ? size.exactBytes : size.maxBytes;
  const told = outline.plainBytes;
  if (told !== undefined && ('exactBytes' in size ? told !== bound : told > bound)) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: zstd frame tells ${told} bytes, ${bound} are allowed`);
  }
  const expected = told ?? ('exactBytes' in size ? bound : undefined);
  if (outline.isRaw && !outline.hasChecksum && expected !== undefined)
    return joinRawBlocks(frame, outline, expected, what);
  const maxOutputLength = Math.max(1, expected ?? bound);
  const chunkSize = expected === undefined ? 256 * 1024 : expected + 64;
  const options = { maxOutputLength, chunkSize, params: { [constants.ZSTD_d_windowLogMax]: maxWindowLog } };
  let plaintext: Uint8Array;
  try {
    plaintext = bound <= syncBytes ? zstdDecompressSync(frame, options) : await decompressElsewhere(frame, options);
  } catch (cause) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: zstd frame of ${frame.length} bytes does not decode`, { cause });
  }
  if (expected !== undefined && plaintext.length !== expected) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: ${plaintext.length} bytes after decoding, ${expected} were told`);
  }
  return plaintext;
}

/**
 * As openFrame, in parts for who only passes them on: those of a raw frame are views of it, so that nothing is copied. Whoever gets a promise
 * has the decoding done by another thread.
 *
 * @throws as openFrame, at once or by the promise
 */
export function openFrameParts(
  frame: Uint8Array,
  size: { readonly exactBytes: number },
  what: string,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const outline = outlineFrame(frame, what);
  const isPlain = outline.isRaw && !outline.hasChecksum && outline.plainBytes === size.exactBytes;
  if (isPlain) return rawBlocks(frame, outline, size.exactBytes, what);
  return openFrame(frame, size, what).then(plaintext => [plaintext]);
}

function decompressElsewhere(frame: Uint8Array, options: ZstdOptions): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  zstdDecompress(frame, options, (error, plaintext) => (error ? reject(error) : resolve(plaintext)));
  return promise;
}

/** The fewest bytes by which `extendFrame` can make a frame of ours longer. */
export const minExtension = 3 + blockHeaderBytes + 1;

/**
 * Makes a frame of ours exactly `frameBytes` long by adding raw blocks of `filler` after its content, so that the length a cloud sees
 * can be chosen although the content was compressed.
 *
 * @param frame from rawFrame or compressedFrame (content size, no checksum), or undefined for filler alone
 * @param frameBytes at least minExtension more than the frame, or 13 without one
 * @param filler fills the bytes it is given
 */
export function extendFrame(
  frame: Uint8Array | undefined,
  frameBytes: number,
  filler: (target: Uint8Array) => void,
): { readonly frame: Uint8Array; readonly plainBytes: number } {
  const outline = frame === undefined ? undefined : outlineFrame(frame, 'frame to extend');
  const body = frame === undefined || outline === undefined ? new Uint8Array(0) : frame.subarray(outline.headerBytes);
  const room = frameBytes - 9 - body.length;
  if (
    room < blockHeaderBytes + 1 ||
    (outline !== undefined && (outline.hasChecksum || outline.plainBytes === undefined))
  ) {
    throw new SignetError('E_INTERNAL', `a frame cannot be extended to ${frameBytes} bytes`);
  }
  const blocks = Math.ceil(room / (maxBlockBytes + blockHeaderBytes));
  const fill = room - blocks * blockHeaderBytes;
  const plainBytes = (outline?.plainBytes ?? 0) + fill;
  const extended = Buffer.allocUnsafe(frameBytes);
  extended.set(frameHeader(plainBytes, 4), 0);
  extended.set(body, 9);
  if (outline !== undefined) {
    const lastFlagAt = 9 + outline.lastBlockAt - outline.headerBytes;
    extended[lastFlagAt] = (extended[lastFlagAt] ?? 0) & 0xfe;
  }
  let at = 9 + body.length;
  for (let block = 0; block < blocks; block++) {
    const bytes = Math.floor((fill * (block + 1)) / blocks) - Math.floor((fill * block) / blocks);
    writeBlockHeader(extended, at, block === blocks - 1, bytes);
    filler(extended.subarray(at + blockHeaderBytes, at + blockHeaderBytes + bytes));
    at += blockHeaderBytes + bytes;
  }
  return { frame: extended, plainBytes };
}
