// Index files in place of others: written, read back as they lie in the place, and only then the replaced ones are removed. A crash in
// between leaves both, and packs that two index files name are named all the same.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { Remote } from '../remotes/remote.ts';
import { type BlobIndex, type IndexedPack, packBytes } from './blob-index.ts';
import { packKey } from './ids.ts';
import type { PackListing } from './index-codec.ts';
import { limits } from './limits.ts';
import type { IndexId, LookOptions, PackId } from './model.ts';

/** What the parts of an opened repository share that keep its index in order. */
export interface IndexAccess {
  readonly remote: Remote;
  readonly index: BlobIndex;
  /** Files that are loaded into the index. */
  readonly indexIds: Set<IndexId>;
  /** Of those the ones that name packs which were left out: replaced only where the packs themselves are asked. */
  readonly flawedIndexes: ReadonlySet<IndexId>;
  /** Loads new index files and takes the names of vanished ones off their packs. */
  readonly reconcile: (options: LookOptions) => Promise<void>;
  /** Writes index files naming the packs; durable on return. */
  readonly writeIndex: (packs: readonly PackListing[]) => Promise<void>;
}

/** Writes index files that name these packs, of few at a time, so that their blobs are never in memory all at once. */
export async function namePacks(
  { index, writeIndex }: Pick<IndexAccess, 'index' | 'writeIndex'>,
  packs: Iterable<IndexedPack>,
  signal?: AbortSignal,
): Promise<void> {
  for (const group of inGroups(packs)) {
    signal?.throwIfAborted();
    const listings = [...index.blobsOf(group)].map(([pack, blobs]) => ({ id: pack.id, blobs }));
    await writeIndex(listings);
  }
}

/** Sets of packs of as many blobs as one index file names. */
export function* inGroups(packs: Iterable<IndexedPack>): Generator<ReadonlySet<IndexedPack>> {
  let group = new Set<IndexedPack>();
  let blobs = 0;
  for (const pack of packs) {
    const more = pack.compressed + pack.uncompressed;
    if (group.size > 0 && blobs + more > limits.indexBlobs) {
      yield group;
      group = new Set();
      blobs = 0;
    }
    group.add(pack);
    blobs += more;
  }
  if (group.size > 0) yield group;
}

/**
 * Reads back what was written since `before`: index files whole, and of packs that they are there with their size.
 *
 * @throws SignetError E_OBJECT_ID · E_MISSING, and what the remote throws
 */
export async function proveWritten(
  { remote, index, indexIds }: Pick<IndexAccess, 'remote' | 'index' | 'indexIds'>,
  before: { readonly indexes: ReadonlySet<IndexId>; readonly packs: ReadonlySet<PackId> },
  signal?: AbortSignal,
): Promise<void> {
  for (const id of indexIds) {
    if (before.indexes.has(id)) continue;
    const key = `index/${id}`;
    const bytes = await remote.get(key, { maxBytes: limits.unpackedSealedBytes, copies: 'remote', signal });
    if (sha256Hex(bytes) === id) continue;
    throw new SignetError('E_OBJECT_ID', `${key}: ${remote.label} holds other bytes than were written`);
  }
  for (const pack of index.packs) {
    if (before.packs.has(pack.id)) continue;
    const found = await remote.stat(packKey(pack.id), { signal });
    if (found?.sizeBytes === packBytes(pack)) continue;
    throw new SignetError('E_MISSING', `${packKey(pack.id)}: ${remote.label} does not show what was written`);
  }
}

/** From now on these index files name nothing here; whether they are there any more is for `removeIndexes`. */
export function forgetIndexes({ index, indexIds }: IndexAccess, ids: readonly IndexId[]): void {
  for (const id of ids) indexIds.delete(id);
  for (const pack of index.packs) for (const id of ids) pack.indexes.delete(id);
}

export async function removeIndexes(
  { remote, indexIds }: Pick<IndexAccess, 'remote' | 'indexIds'>,
  ids: readonly IndexId[],
  signal?: AbortSignal,
): Promise<void> {
  for (const id of ids) {
    signal?.throwIfAborted();
    await remote.remove(`index/${id}`, { signal });
  }
  await remote.local?.keepOnly('index', id => indexIds.has(id as IndexId));
}
