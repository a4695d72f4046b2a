// Whether what a snapshot counts on is still named by an index, after another program may have pruned. A pack that lost its names and is
// still there is named again, but only while that is far from the 48 hours after which it may be deleted; else its blobs count as gone.

import { type BlobCopy, type BlobIndex, type IndexedPack, type Instant, msSince, packBytes } from './blob-index.ts';
import { packKey } from './ids.ts';
import { type IndexAccess, namePacks } from './index-rewrite.ts';
import type { BlobId } from './model.ts';
import type { PlacedBlob } from './pack-format.ts';

/** Half of the time that a pack is left alone once no index names it (DESIGN D11). */
export const trustedMs = 24 * 3600 * 1000;

export interface ConfirmAccess extends Pick<IndexAccess, 'index' | 'writeIndex'> {
  readonly remote: Pick<IndexAccess['remote'], 'stat'>;
  readonly now: Instant;
  readonly signal?: AbortSignal | undefined;
}

/** Packs that no index names and that do not wait for one. */
export function unnamedPacks(index: BlobIndex): Set<IndexedPack> {
  return new Set([...index.packs].filter(pack => pack.indexes.size === 0 && !pack.isPending));
}

/**
 * Names packs again that hold marked blobs which no other pack has, and forgets the other unnamed ones.
 *
 * @returns marked blobs that are really gone
 */
export async function confirmMarked(access: ConfirmAccess): Promise<readonly BlobId[]> {
  const { index, now, signal } = access;
  const unnamed = unnamedPacks(index);
  if (unnamed.size === 0) return [];
  const again: IndexedPack[] = [];
  const gone = new Set<IndexedPack>();
  const maybeGone: (PlacedBlob & { readonly isUsed: boolean })[] = [];
  for (const [pack, blobs] of index.blobsOf(unnamed)) {
    const used = blobs.filter(blob => blob.isUsed);
    const isNeeded = used.some(blob => copiesElsewhere(index, blob, unnamed).length === 0);
    const isTrusted = pack.namedAt !== undefined && msSince(pack.namedAt, now) < trustedMs;
    if (isNeeded && isTrusted && (await isThere(access, pack))) {
      again.push(pack);
      continue;
    }
    gone.add(pack);
    maybeGone.push(...used);
  }
  await namePacks(access, again, signal);
  index.drop(gone);
  return maybeGone.filter(({ type, id }) => !index.markUsed(type, id)).map(({ id }) => id);
}

function copiesElsewhere(index: BlobIndex, blob: PlacedBlob, unnamed: ReadonlySet<IndexedPack>): readonly BlobCopy[] {
  return index.copies(blob.type, blob.id).filter(({ pack }) => !unnamed.has(pack));
}

async function isThere({ remote, signal }: ConfirmAccess, pack: IndexedPack): Promise<boolean> {
  return (await remote.stat(packKey(pack.id), { signal }))?.sizeBytes === packBytes(pack);
}
