// The pack file: sealed blobs one after the other, the sealed header, and the header's sealed length as u32 (design.rst "Pack Format").
// A header entry is type, sealed length, plain length (compressed blobs only), id. Nothing else may be in the file.

import { concat } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { sealOverhead } from '../kernel/seal.ts';
import { blobIdFrom, idBytes } from './ids.ts';
import { limits } from './limits.ts';
import type { BlobId, BlobType } from './model.ts';

/** A blob as a header or index tells it. */
export interface PlacedBlob {
  readonly id: BlobId;
  readonly type: BlobType;
  readonly offset: number;
  readonly sealedBytes: number;
  readonly plainBytes: number;
  readonly isCompressed: boolean;
}

const plainEntryBytes = 37;
export const entryBytes = 41;
export const trailerBytes = 4;
/** Of a zstd frame: magic, descriptor, content size, one block header. */
const minFrameBytes = 9;

/** Bytes of a pack that holds these blobs and no others. */
export function packSize(contentBytes: number, compressed: number, uncompressed: number): number {
  return contentBytes + sealOverhead + compressed * entryBytes + uncompressed * plainEntryBytes + trailerBytes;
}

/** Why a blob cannot be where a header or index says it is; undefined when it can. */
export function placeProblem(blob: PlacedBlob): string | undefined {
  const { offset, sealedBytes, plainBytes, isCompressed, type } = blob;
  const maxPlain = type === 'data' ? limits.dataBlobBytes : limits.treeBlobBytes;
  if (offset + sealedBytes > limits.packBytes) return `ends at ${offset + sealedBytes}, beyond any pack`;
  if (plainBytes < 0 || sealedBytes < sealOverhead) return `has ${sealedBytes} sealed bytes`;
  if (plainBytes > maxPlain) return `has ${plainBytes} bytes, ${type} blobs at most ${maxPlain}`;
  if (!isCompressed) return sealedBytes - sealOverhead === plainBytes ? undefined : 'has lengths that disagree';
  if (sealedBytes < sealOverhead + minFrameBytes) return `has ${sealedBytes} sealed bytes`;
  // A frame is at most a little longer than its content; more would be something hidden behind it.
  if (sealedBytes > sealOverhead + maxPlain + 64 * 1024) return `has ${sealedBytes} sealed bytes`;
  return undefined;
}

/** The header in the clear. */
export function encodeHeader(blobs: readonly PlacedBlob[]): Uint8Array {
  const header = new Uint8Array(blobs.length * entryBytes);
  const view = new DataView(header.buffer);
  blobs.forEach((blob, index) => {
    const at = index * entryBytes;
    view.setUint8(at, blob.type === 'data' ? 2 : 3);
    view.setUint32(at + 1, blob.sealedBytes, true);
    view.setUint32(at + 5, blob.plainBytes, true);
    header.set(idBytes(blob.id), at + 9);
  });
  return header;
}

function encodeTrailer(sealedHeaderBytes: number): Uint8Array {
  const trailer = new Uint8Array(trailerBytes);
  new DataView(trailer.buffer).setUint32(0, sealedHeaderBytes, true);
  return trailer;
}

export function sealedHeaderWithTrailer(sealedHeader: Uint8Array): Uint8Array {
  return concat(sealedHeader, encodeTrailer(sealedHeader.length));
}

/**
 * Parses an opened header.
 *
 * @param contentBytes bytes of the file before the header: the entries must fill them exactly
 * @throws SignetError E_OBJECT_LIMIT
 */
export function decodeHeader(header: Uint8Array, contentBytes: number, what: string): readonly PlacedBlob[] {
  const refuse = (why: string): SignetError => new SignetError('E_OBJECT_LIMIT', `${what}: pack header ${why}`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const blobs: PlacedBlob[] = [];
  let offset = 0;
  for (let at = 0; at < header.length; ) {
    const kind = view.getUint8(at);
    if (kind > 3) throw refuse(`has an entry of type ${kind}`);
    const isCompressed = kind >= 2;
    const length = isCompressed ? entryBytes : plainEntryBytes;
    if (at + length > header.length) throw refuse(`is cut off after ${header.length} bytes`);
    const sealedBytes = view.getUint32(at + 1, true);
    const plainBytes = isCompressed ? view.getUint32(at + 5, true) : sealedBytes - sealOverhead;
    const id = blobIdFrom(header.subarray(at + length - 32, at + length));
    const blob: PlacedBlob = {
      id,
      type: kind % 2 === 0 ? 'data' : 'tree',
      offset,
      sealedBytes,
      plainBytes,
      isCompressed,
    };
    const problem = placeProblem(blob);
    if (problem !== undefined) throw refuse(`has a blob that ${problem}`);
    blobs.push(blob);
    offset += sealedBytes;
    at += length;
  }
  if (offset !== contentBytes) throw refuse(`says ${offset} bytes of blobs, the file has ${contentBytes}`);
  return blobs;
}
