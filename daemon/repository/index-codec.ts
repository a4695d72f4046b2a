// Index files: which blobs lie where in which packs (design.rst "Indexing").

import { asBlobId, asPackId, isId } from './ids.ts';
import { limits } from './limits.ts';
import type { PackId } from './model.ts';
import { type PlacedBlob, placeProblem } from './pack-format.ts';

export interface PackListing {
  readonly id: PackId;
  readonly blobs: readonly PlacedBlob[];
}

export function encodeIndex(packs: readonly PackListing[]): string {
  return JSON.stringify({
    packs: packs.map(({ id, blobs }) => ({
      id,
      blobs: blobs.map(blob => ({
        id: blob.id,
        type: blob.type,
        offset: blob.offset,
        length: blob.sealedBytes,
        ...(blob.isCompressed ? { uncompressed_length: blob.plainBytes } : {}),
      })),
    })),
  });
}

/** Splits packs over index files so that none names more than 50,000 blobs and none is split itself. */
export function groupForIndexes(packs: readonly PackListing[]): readonly (readonly PackListing[])[] {
  const groups: PackListing[][] = [];
  let blobs = 0;
  for (const pack of packs) {
    const last = groups.at(-1);
    if (last === undefined || blobs + pack.blobs.length > limits.indexBlobs) {
      groups.push([pack]);
      blobs = pack.blobs.length;
    } else {
      last.push(pack);
      blobs += pack.blobs.length;
    }
  }
  return groups;
}

const whole = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 0xffffffff ? value : undefined;

function decodeBlob(value: unknown): PlacedBlob | string {
  if (typeof value !== 'object' || value === null) return 'is not an object';
  const { id, type, offset, length, uncompressed_length: plain } = value as Record<string, unknown>; // judged field by field below
  if (!isId(id)) return 'has no id';
  if (type !== 'data' && type !== 'tree') return 'has an unknown type';
  const at = whole(offset);
  const sealedBytes = whole(length);
  const told = plain === undefined ? 0 : whole(plain);
  if (at === undefined || sealedBytes === undefined || told === undefined) return 'has no readable place';
  const isCompressed = told !== 0;
  const plainBytes = isCompressed ? told : sealedBytes - 32;
  const blob: PlacedBlob = { id: asBlobId(id), type, offset: at, sealedBytes, plainBytes, isCompressed };
  return placeProblem(blob) ?? blob;
}

/** A decoded index: the packs that can be used, and why others cannot. */
export interface DecodedIndex {
  readonly packs: readonly PackListing[];
  readonly problems: readonly string[];
}

/**
 * Judges a parsed index file. A pack with blobs that overlap or cannot be in it is left out alone; `supersedes` is ignored, since
 * a hostile index must not be able to hide others.
 *
 * @returns undefined when it is no index at all
 */
export function decodeIndex(parsed: unknown): DecodedIndex | undefined {
  const list = typeof parsed === 'object' && parsed !== null && 'packs' in parsed ? parsed.packs : undefined;
  if (!Array.isArray(list)) return undefined;
  const packs: PackListing[] = [];
  const problems: string[] = [];
  for (const entry of list) {
    const { id, blobs } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>; // judged below
    if (!isId(id) || !Array.isArray(blobs)) {
      problems.push('a pack without id or blobs');
      continue;
    }
    const decoded = blobs.map(decodeBlob);
    const wrong = decoded.find(blob => typeof blob === 'string');
    const placed = decoded.filter(blob => typeof blob !== 'string').sort((a, b) => a.offset - b.offset);
    const overlaps = placed.some((blob, i) => {
      const next = placed[i + 1];
      return next !== undefined && next.offset < blob.offset + blob.sealedBytes;
    });
    if (wrong !== undefined) problems.push(`pack ${id.slice(0, 8)}: a blob ${wrong}`);
    else if (overlaps) problems.push(`pack ${id.slice(0, 8)}: blobs overlap`);
    else packs.push({ id: asPackId(id), blobs: placed });
  }
  return { packs, problems };
}
