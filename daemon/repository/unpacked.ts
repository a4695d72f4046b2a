// Objects stored one to a file: snapshots, indexes, locks. Sealed 0x02 ‖ zstd(JSON), named by the SHA-256 of the stored bytes.
// The length a cloud sees is rounded up (Padmé, at least 1 KiB) by spaces after the JSON, as raw blocks at the end of the frame.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { padme } from '../kernel/padme.ts';
import { ivBytes, open, type SealKey, seal, sealOverhead } from '../kernel/seal.ts';
import { compressedFrame, extendFrame, minExtension, openFrame } from '../kernel/zstd.ts';
import { limits } from './limits.ts';

const compressedMark = 0x02;
const floorBytes = 1024;

/** The largest header a frame of ours has, less the smallest: what rewriting it may add. */
const headerGrowth = 9 - 6;

/** @param randomBytes source of the IV */
export async function sealUnpacked(
  key: SealKey,
  randomBytes: (length: number) => Uint8Array,
  json: string,
): Promise<{ readonly id: string; readonly bytes: Uint8Array }> {
  const frame = await compressedFrame(utf8(json));
  const around = sealOverhead + 1;
  const target = Math.max(floorBytes, padme(frame.length + around + minExtension + headerGrowth));
  const padded = extendFrame(frame, target - around, space => space.fill(0x20)).frame;
  const marked = new Uint8Array(padded.length + 1);
  marked[0] = compressedMark;
  marked.set(padded, 1);
  const bytes = seal(key, randomBytes(ivBytes), marked);
  return { id: sha256Hex(bytes), bytes };
}

export interface UnpackedObject {
  readonly json: unknown;
  /** Stored as plain JSON, which a repository of ours never does: a blob could have been re-filed as this object. */
  readonly isRaw: boolean;
}

/**
 * Opens stored bytes. The name is checked first, then the seal, then the form.
 *
 * @param allowRaw accept JSON without the 0x02 mark, as stock restic may write it
 * @throws SignetError E_OBJECT_ID · E_OBJECT_AUTH · E_OBJECT_TYPE · E_OBJECT_LIMIT
 */
export async function openUnpacked(
  key: SealKey,
  object: { readonly key: string; readonly id: string; readonly stored: Uint8Array },
  allowRaw: boolean,
): Promise<UnpackedObject> {
  const { stored, key: what } = object;
  if (sha256Hex(stored) !== object.id) {
    throw new SignetError('E_OBJECT_ID', `${what}: its ${stored.length} bytes do not hash to its name`);
  }
  const opened = open(key, stored, what);
  const mark = opened[0];
  const isRaw = mark === 0x7b || mark === 0x5b;
  if (mark !== compressedMark && !(isRaw && allowRaw)) {
    throw new SignetError('E_OBJECT_TYPE', `${what}: not stored as a snapshot, index or lock is`);
  }
  const plaintext = isRaw ? opened : await openFrame(opened.subarray(1), { maxBytes: limits.unpackedPlainBytes }, what);
  return { json: parseJson(plaintext, what), isRaw };
}

/** @throws SignetError E_OBJECT_TYPE */
export function parseJson(plaintext: Uint8Array, what: string): unknown {
  const text = fromUtf8(plaintext);
  try {
    if (text !== undefined) return JSON.parse(text);
  } catch (error) {
    throw new SignetError('E_OBJECT_TYPE', `${what}: not JSON`, { cause: error });
  }
  throw new SignetError('E_OBJECT_TYPE', `${what}: not UTF-8`);
}
