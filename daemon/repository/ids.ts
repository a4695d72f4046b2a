// The one place where text or bytes become branded ids.

import { fromHex, toHex } from '../base/bytes.ts';
import type { BlobId, BlobType, IndexId, PackId, SnapshotId } from './model.ts';

const idForm = /^[0-9a-f]{64}$/;

export function isId(text: unknown): text is string {
  return typeof text === 'string' && idForm.test(text);
}

// The casts below are the brand: text was checked by isId, or is a SHA-256 in hex.
export const asBlobId = (text: string): BlobId => text as BlobId;
export const asPackId = (text: string): PackId => text as PackId;
export const asIndexId = (text: string): IndexId => text as IndexId;
export const asSnapshotId = (text: string): SnapshotId => text as SnapshotId;

export function idBytes(id: string): Uint8Array {
  return fromHex(id) ?? new Uint8Array(0);
}

export function blobIdFrom(bytes: Uint8Array): BlobId {
  return asBlobId(toHex(bytes));
}

export function packKey(id: PackId): string {
  return `data/${id.slice(0, 2)}/${id}`;
}

/** The last part of a key when it has the form of an id; sync apps' and people's own files do not. */
export function idInKey(key: string): string | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return isId(name) ? name : undefined;
}

export function blobKey(type: BlobType, id: BlobId): string {
  return type === 'data' ? `d${id}` : `t${id}`;
}
