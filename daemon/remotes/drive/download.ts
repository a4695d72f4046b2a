// Reading one object, or a part of it, into memory of known size. Guarantees: a body that breaks off goes on with the byte after the
// last good one; what comes short, or long, is noticed by its length, and a whole object by the SHA-256 that Google tells of it.

import { createHash } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import { isCode, SignetError } from '../../base/errors.ts';
import type { CallOptions } from '../remote.ts';
import { isRefused, placeName } from './classify.ts';
import { servedRange } from './resumption.ts';
import type { Answer, Transport } from './transport.ts';

/** Tries in a row that brought no byte; waiting longer is the caller's decision. */
const fruitlessTries = 2;
/** Tries at all: a connection that brings a few bytes each time is no connection. */
const triesPerRead = 32;

export interface Wanted {
  /** Begins messages. */
  readonly key: string;
  readonly id: string;
  /** Of the whole file, as it is known. */
  readonly sizeBytes: number;
  readonly offset: number;
  readonly length: number;
  /** Of the whole file; null when it is not known. */
  readonly sha256: string | null;
}

export interface DownloadsOptions {
  readonly transport: Transport;
  /** Ends with a slash. */
  readonly apiRoot: string;
}

export interface Downloads {
  /**
   * @throws SignetError E_MISSING also when the file has another size than is known · E_OBJECT_ID when its bytes are not those that Google
   *   tells the hash of, twice · E_UNREACHABLE
   */
  read(wanted: Wanted, options: CallOptions): Promise<Uint8Array>;
}

export function createDownloads({ transport, apiRoot }: DownloadsOptions): Downloads {
  async function read(wanted: Wanted, options: CallOptions): Promise<Uint8Array> {
    const { key, sha256 } = wanted;
    const isWhole = wanted.offset === 0 && wanted.length === wanted.sizeBytes && sha256 !== null;
    for (let isAgain = false; ; isAgain = true) {
      const bytes = await fill(wanted, options);
      if (!isWhole || sha256Of(bytes) === sha256) return bytes;
      if (isAgain) {
        throw new SignetError('E_OBJECT_ID', `${key}: google drive serves other bytes than it tells the hash of`, {
          params: { remote: placeName, key },
        });
      }
    }
  }

  async function fill(wanted: Wanted, options: CallOptions): Promise<Uint8Array> {
    const { key, id, offset, length, sizeBytes } = wanted;
    const bytes = new Uint8Array(length);
    let filled = 0;
    let isAcknowledged = false;
    let fruitless = 0;
    for (let tries = 0; filled < length; tries++) {
      const start = offset + filled;
      const before = filled;
      const isPart = start > 0 || length < sizeBytes;
      const answer = await transport.send({
        what: key,
        method: 'GET',
        url: `${apiRoot}drive/v3/files/${id}?alt=media${isAcknowledged ? '&acknowledgeAbuse=true' : ''}`,
        // Never for a whole or an empty file: a range of nothing fails always.
        headers: isPart ? { range: `bytes=${start}-${offset + length - 1}` } : {},
        ...options,
      });
      if (answer.status !== 200 && answer.status !== 206) {
        const refusal = await transport.refusal({ what: key }, answer);
        if (isRefused(refusal, 403) && refusal.reasons.includes('cannotDownloadAbusiveFile') && !isAcknowledged) {
          isAcknowledged = true; // ours, and sealed: whatever a scanner takes it for
          continue;
        }
        if (isRefused(refusal, 416)) throw otherSize(key);
        throw refusal;
      }
      const skip = skipped(answer, start, wanted);
      if (skip === undefined) {
        answer.drop();
        throw otherSize(key);
      }
      filled = await copyInto(bytes, filled, skip, answer);
      fruitless = filled > before ? 0 : fruitless + 1;
      if (filled < length && (fruitless > fruitlessTries || tries >= triesPerRead)) {
        throw new SignetError('E_UNREACHABLE', `${key}: the download ended after ${filled} of ${length} bytes`, {
          params: { remote: placeName },
        });
      }
      options.signal?.throwIfAborted();
    }
    return bytes;
  }

  return { read };
}

/** Bytes of the body to leave out, because it begins before `start`; undefined when it is not of the file that is known. */
function skipped(answer: Answer, start: number, { sizeBytes }: Wanted): number | undefined {
  if (answer.status === 200) return start;
  const range = servedRange(answer.header('content-range'));
  if (range === undefined || range.total !== sizeBytes || range.start > start) return undefined;
  return start - range.start;
}

/** @returns how far `bytes` is filled now; a body that breaks off ends it early, and what is beyond `bytes` is not read */
async function copyInto(bytes: Uint8Array, filled: number, skip: number, answer: Answer): Promise<number> {
  let at = filled;
  let left = skip;
  try {
    for await (const piece of answer.pieces) {
      const start = Math.min(left, piece.length);
      left -= start;
      const part = piece.subarray(start, start + bytes.length - at);
      bytes.set(part, at);
      at += part.length;
      if (at === bytes.length) break;
    }
  } catch (error) {
    if (!isCode(error, 'E_UNREACHABLE')) throw error;
  }
  return at;
}

function otherSize(key: string): SignetError {
  return new SignetError('E_MISSING', `${key}: the file in google drive is another one than is known`, {
    params: { remote: placeName },
  });
}

function sha256Of(bytes: Uint8Array): string {
  return toHex(createHash('sha256').update(bytes).digest());
}
