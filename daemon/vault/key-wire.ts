// What passes between the daemon and its key child, one request and one answer over pipes: four bytes of length (little-endian),
// that many bytes of JSON, then the secret (password or recovery key one way, derived key, words or sheet the other) up to the end of the stream.

import type { ErrorParams } from '../../protocol/errors.ts';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import type { KdfBackend, KdfCost, SheetFacts, Verdict, WritePolicy } from './model.ts';

export const maxWireBytes = 64 * 1024;

export type KeyRequest =
  | { readonly op: 'derive'; readonly phone: string; readonly salt: string; readonly cost: KdfCost }
  | { readonly op: 'derive-new'; readonly phone: string; readonly salt: string; readonly policy: WritePolicy }
  | { readonly op: 'judge'; readonly phone?: string }
  | { readonly op: 'suggest' }
  | { readonly op: 'sheet'; readonly facts: SheetFacts }
  | { readonly op: 'backend' };

export type KeyAnswer =
  | { readonly ok: true; readonly backend?: KdfBackend; readonly cost?: KdfCost; readonly verdict?: Verdict }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly params: ErrorParams };

/** One frame in memory that cannot be swapped for a copy: the caller wipes it once it is written. */
export function packFrame(head: KeyRequest | KeyAnswer, secret: Uint8Array): Uint8Array {
  const json = utf8(JSON.stringify(head));
  const frame = Buffer.allocUnsafeSlow(4 + json.length + secret.length);
  frame.writeUInt32LE(json.length, 0);
  frame.set(json, 4);
  frame.set(secret, 4 + json.length);
  return frame;
}

/** Head and secret of a whole frame; the secret is a view into it. Undefined for anything else. */
export function unpackFrame(frame: Uint8Array): { head: unknown; secret: Uint8Array } | undefined {
  if (frame.length < 4) return undefined;
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0, true);
  if (length > frame.length - 4) return undefined;
  try {
    return { head: JSON.parse(fromUtf8(frame.subarray(4, 4 + length)) ?? ''), secret: frame.subarray(4 + length) };
  } catch {
    return undefined; // not JSON: the caller treats the frame as broken
  }
}
