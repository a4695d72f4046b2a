// Which blobs the snapshots need: a walk over their trees that marks blobs in the index, so that millions of them cost no memory beyond it.
// What no index names is looked for in packs that none names, by their headers, before anything is called missing.

import { release } from '../base/bytes.ts';
import { isLoss, SignetError } from '../base/errors.ts';
import type { BlobIndex } from './blob-index.ts';
import type { BlobId, BlobType } from './model.ts';
import { referencesIn } from './tree-codec.ts';

const parallelTrees = 4;

export interface NeededWalk {
  readonly index: BlobIndex;
  readonly load: (tree: BlobId) => Promise<Uint8Array>;
  /** Adds to the index what packs say of themselves that no index names; called when something is missing, at most once. */
  readonly readUnnamed: () => Promise<void>;
  /** Told of what is nowhere, or cannot be read; without it that ends the walk. */
  readonly onLost?: ((id: BlobId) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Marks every blob that the trees need, in all its copies. Packs that no index names count (`isFound`) from then on where they are needed.
 * Trees that are marked before were walked before.
 *
 * @throws E_MISSING when something is nowhere · E_OBJECT_* for a tree that cannot be read
 */
export async function markNeeded(roots: readonly BlobId[], walk: NeededWalk): Promise<void> {
  const { index, load, signal } = walk;
  let reading: Promise<void> | undefined;
  const mark = async (type: BlobType, id: BlobId): Promise<boolean> => {
    const answer = index.markAll(type, id);
    if (answer !== 'absent') return answer === 'new';
    reading ??= walk.readUnnamed();
    if (!index.adopt(type, id)) await reading;
    if (!index.adopt(type, id)) {
      if (walk.onLost !== undefined) {
        walk.onLost(id);
        return false;
      }
      throw new SignetError('E_MISSING', `${type} blob ${id}: a snapshot needs it, and no pack that is there holds it`);
    }
    return index.markAll(type, id) === 'new';
  };
  const waiting: BlobId[] = [];
  for (const root of roots) if (await mark('tree', root)) waiting.push(root);
  while (waiting.length > 0) {
    signal?.throwIfAborted();
    const some = waiting.splice(-parallelTrees);
    const found = await Promise.all(
      some.map(async id => {
        try {
          const bytes = await load(id);
          const references = referencesIn(bytes, `tree ${id.slice(0, 16)}`);
          release(bytes);
          return references;
        } catch (error) {
          if (walk.onLost === undefined || !isLoss(error)) throw error;
          walk.onLost(id);
          return { trees: [], data: [] };
        }
      }),
    );
    for (const { trees, data } of found) {
      for (const id of data) await mark('data', id);
      for (const id of trees) if (await mark('tree', id)) waiting.push(id);
    }
  }
}
