// Keyed content-defined chunking for files above 512 KiB (docs/format.md "Chunking"). A 64-bit gear hash runs over the bytes; where 22 or 18
// of its bits are zero, a chunk ends. The table is secret, so that chunk sizes tell a cloud little about known files.
// Normalised to 2 bits (Xia et al., "FastCDC", USENIX ATC 2016, §3.4): harder to cut before the average length, easier after.

import { utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { hkdfSha512 } from './hash.ts';

export const minChunkBytes = 512 * 1024;
export const averageChunkBytes = 1024 * 1024;
export const maxChunkBytes = 8 * 1024 * 1024;

/** A byte leaves the 64-bit hash after 64 shifts, so hashing may start this far before the first place a chunk can end. */
const windowBytes = 64;
/**
 * Bits of the hash that must be zero where a chunk ends: 61…40 (22 of them) before the average length, 61…44 (18) after it. Bits 63
 * and 62 are left out so that plain JavaScript can run the hash in two 32-bit integers (see `scan`).
 */
const strictMask = 0xfffffc00 | 0;
const looseMask = 0xffffc000 | 0;

export interface Chunker {
  /**
   * Finds the end of the chunk that begins at `start`.
   *
   * @param end end of the bytes at hand; 8 MiB after `start` are always enough
   * @param isLast whether the file ends at `end`
   * @returns the position after the chunk's last byte, or undefined when more bytes are needed (or none are left)
   */
  cut(buffer: Uint8Array, start: number, end: number, isLast: boolean): number | undefined;
}

/** The 256 table entries as 2048 bytes of little-endian 64-bit numbers: HKDF-SHA512(gear key, no salt, "signet/gear/v1/table"). */
export function gearTable(gearKey: Uint8Array): Uint8Array {
  if (gearKey.length !== 32) throw new SignetError('E_INTERNAL', `a gear key has 32 bytes, not ${gearKey.length}`);
  return hkdfSha512(gearKey, new Uint8Array(0), utf8('signet/gear/v1/table'), 2048);
}

export function createChunker(gearKey: Uint8Array): Chunker {
  const bytes = gearTable(gearKey);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = new Int32Array(256);
  const high = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    const entry = view.getBigUint64(i * 8, true);
    low[i] = Number(BigInt.asUintN(30, entry));
    high[i] = Number(BigInt.asIntN(32, entry >> 30n));
  }

  const state = { lo: 0, hi: 0 };
  /**
   * The first position in (from, to] with all bits of the mask zero, or -1; sets the hash of everything before it in `state`.
   * h = (h << 1) + table[byte] mod 2^64, as its bits 0…29 in `lo`, whose carry then shows in the two bits above, and 30…61 in `hi`.
   * Four bytes a turn: 790 MB/s against 560 with one, and 380 with two full halves and a computed carry.
   */
  function scan(buffer: Uint8Array, from: number, to: number, mask: number): number {
    let { lo, hi } = state;
    let sum = 0;
    let at = from;
    // `as number`: positions are below `to`, which is within the buffer, and the tables have an entry for every byte.
    for (const unrolledTo = to - 3; at < unrolledTo; at += 4) {
      let byte = buffer[at] as number;
      sum = ((lo << 1) + (low[byte] as number)) | 0;
      hi = ((hi << 1) + (high[byte] as number) + (sum >>> 30)) | 0;
      lo = sum & 0x3fffffff;
      if ((hi & mask) === 0) return at + 1;
      byte = buffer[at + 1] as number;
      sum = ((lo << 1) + (low[byte] as number)) | 0;
      hi = ((hi << 1) + (high[byte] as number) + (sum >>> 30)) | 0;
      lo = sum & 0x3fffffff;
      if ((hi & mask) === 0) return at + 2;
      byte = buffer[at + 2] as number;
      sum = ((lo << 1) + (low[byte] as number)) | 0;
      hi = ((hi << 1) + (high[byte] as number) + (sum >>> 30)) | 0;
      lo = sum & 0x3fffffff;
      if ((hi & mask) === 0) return at + 3;
      byte = buffer[at + 3] as number;
      sum = ((lo << 1) + (low[byte] as number)) | 0;
      hi = ((hi << 1) + (high[byte] as number) + (sum >>> 30)) | 0;
      lo = sum & 0x3fffffff;
      if ((hi & mask) === 0) return at + 4;
    }
    for (; at < to; at++) {
      const byte = buffer[at] as number;
      sum = ((lo << 1) + (low[byte] as number)) | 0;
      hi = ((hi << 1) + (high[byte] as number) + (sum >>> 30)) | 0;
      lo = sum & 0x3fffffff;
      if ((hi & mask) === 0) return at + 1;
    }
    state.lo = lo;
    state.hi = hi;
    return -1;
  }

  /** Runs the hash over bytes where no chunk may end. */
  function warm(buffer: Uint8Array, from: number, to: number): void {
    let lo = 0;
    let hi = 0;
    for (let at = from; at < to; at++) {
      const byte = buffer[at] as number; // as in scan
      const sum = ((lo << 1) + (low[byte] as number)) | 0;
      hi = ((hi << 1) + (high[byte] as number) + (sum >>> 30)) | 0;
      lo = sum & 0x3fffffff;
    }
    state.lo = lo;
    state.hi = hi;
  }

  return {
    cut(buffer, start, end, isLast) {
      const available = end - start;
      if (available <= 0) return undefined;
      if (available > minChunkBytes) {
        const first = start + minChunkBytes;
        const normal = Math.min(end, start + averageChunkBytes);
        warm(buffer, first - windowBytes, first);
        const early = scan(buffer, first, normal, strictMask);
        if (early !== -1) return early;
        const late = scan(buffer, normal, Math.min(end, start + maxChunkBytes), looseMask);
        if (late !== -1) return late;
      }
      if (available >= maxChunkBytes) return start + maxChunkBytes;
      return isLast ? end : undefined;
    },
  };
}
