// Letting go of what no snapshot needs, in two phases 48 hours apart (DESIGN D11). Phase 1 changes index files only, and adds packs; phase 2
// deletes packs that no index has named for long. The order at each step is such that a crash, or a backup that nobody sees, loses
// nothing: what is new is written and proven before what it replaces is removed, and what a snapshot needs is named again afterwards.

import { isLoss, SignetError } from '../base/errors.ts';
import type { SealKey } from '../kernel/seal.ts';
import { type IndexedPack, packBytes } from './blob-index.ts';
import type { BlobReader } from './blob-reader.ts';
import { packKey } from './ids.ts';
import { forgetIndexes, type IndexAccess, inGroups, namePacks, proveWritten, removeIndexes } from './index-rewrite.ts';
import { limits } from './limits.ts';
import type {
  BlobId,
  BlobType,
  IndexId,
  PackFile,
  PackId,
  PruneOrder,
  PruneOutcome,
  PrunePlan,
  Snapshot,
  SnapshotId,
  UpkeepOptions,
} from './model.ts';
import { markNeeded } from './needed-blobs.ts';
import type { Outbox } from './outbox.ts';
import type { PlacedBlob } from './pack-format.ts';
import { listPacks, readPackHeader } from './pack-headers.ts';
import { choosePacks, type PackUse, paddingIn, smallShare } from './prune-plan.ts';

const parallelHeaders = 4;
/** Deletions between two looks at the index. */
const deletedPerLook = 100;
/** So many small index files become one. */
const manySmallIndexes = 16;

export interface PruneAccess extends IndexAccess {
  readonly sealKey: SealKey;
  readonly packTargetBytes: number;
  readonly outbox: Pick<Outbox, 'add' | 'commit'>;
  readonly reader: Pick<BlobReader, 'loadSealed'>;
  readonly refreshIndex: (options: { readonly signal?: AbortSignal | undefined }) => Promise<void>;
  /** All that are listed. @throws for one that cannot be read */
  readonly allSnapshots: (options: {
    readonly signal?: AbortSignal | undefined;
  }) => Promise<ReadonlyMap<SnapshotId, Snapshot>>;
  readonly load: (type: BlobType, id: BlobId, signal?: AbortSignal) => Promise<Uint8Array>;
  /** Saves a blob that lies open in its pack as every blob of ours is: a sealed frame. */
  readonly seal: (type: BlobType, id: BlobId, plaintext: Uint8Array, signal?: AbortSignal) => Promise<unknown>;
  /** Names packs again that hold marked blobs and that no index names any more; forgets the others. */
  readonly nameMarked: (signal?: AbortSignal) => Promise<unknown>;
  /** Gives up copies on this computer of packs that the index does not know. */
  readonly tidyCopies: () => Promise<void>;
}

/** What one plan found, for those who carry it out. */
export class Pruner {
  readonly #access: PruneAccess;
  readonly #plan: PrunePlan;
  /** Of data/, when the plan was made. */
  readonly #sizes: ReadonlyMap<PackId, number>;
  /** Snapshots whose blobs are marked. */
  readonly #walked: Set<SnapshotId>;

  private constructor(
    access: PruneAccess,
    plan: PrunePlan,
    found: { readonly sizes: ReadonlyMap<PackId, number>; readonly walked: Set<SnapshotId> },
  ) {
    this.#access = access;
    this.#plan = plan;
    this.#sizes = found.sizes;
    this.#walked = found.walked;
  }

  get plan(): PrunePlan {
    return this.#plan;
  }

  static async look(access: PruneAccess, order: PruneOrder): Promise<Pruner> {
    const { index, remote } = access;
    const { signal, known = [], without = new Set(), collects = true } = order;
    // Snapshots before the index, here and below: what a snapshot needs was named before it came.
    const snapshots = await access.allSnapshots({ signal });
    await access.refreshIndex({ signal });
    const sizes = await listPacks(remote, { signal });
    const isThere = (pack: IndexedPack): boolean => sizes.get(pack.id) === packBytes(pack);
    for (const pack of index.packs) pack.isMissing = !isThere(pack);
    const walked = new Set<SnapshotId>();
    await walkNew(access, snapshots, { ...order, walked, sizes, without });
    const unseen = known.filter(id => !walked.has(id) && !without.has(id));
    if (unseen.length > 0) {
      const detail = `snapshots/${unseen[0]}: ${remote.label} showed it before, and not any more`;
      throw new SignetError('E_MISSING', detail, { retryable: true });
    }
    const scores = scoresOf(access);
    index.settleCopies((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0) || (a.id < b.id ? -1 : 1));
    const uses = usesOf(access);
    const named = uses.filter(({ id }) => (index.pack(id)?.indexes.size ?? 0) > 0);
    const rescue = uses.filter(({ id }) => index.pack(id)?.isFound === true);
    const chosen = choosePacks(named, { packTargetBytes: access.packTargetBytes, collects });
    const stay = [...chosen.keep, ...rescue];
    const plan: PrunePlan = {
      keep: chosen.keep.map(fileOf),
      drop: chosen.drop.map(fileOf),
      repack: chosen.repack.map(fileOf),
      rescue: rescue.map(fileOf),
      unnamed: unnamedIn(access, sizes),
      usedBytes: sum(uses, use => use.usedBytes),
      unusedBytes: sum(stay, use => use.unusedBytes),
      collectedBytes: sum(chosen.repack, use => use.usedBytes),
      indexes: chooseIndexes(access, new Set([...chosen.drop, ...chosen.repack].map(({ id }) => id))),
    };
    return new Pruner(access, plan, { sizes, walked });
  }

  async prune(options: UpkeepOptions): Promise<PruneOutcome> {
    const { signal } = options;
    const access = this.#access;
    const { index, indexIds } = access;
    const before = { indexes: new Set(indexIds), packs: new Set([...index.packs].map(({ id }) => id)) };
    let namedAgain = await this.#nameFound(signal);
    await this.#collect(options);
    const newPacks = [...index.packs].filter(({ id }) => !before.packs.has(id));
    const replaced = new Set(this.#plan.indexes);
    const going = new Set([...this.#plan.drop, ...this.#plan.repack].map(({ id }) => id));
    const unnamedThen = [...index.packs].filter(
      pack => !going.has(pack.id) && !pack.isMissing && pack.indexes.size > 0 && isOnlyIn(pack, replaced),
    );
    await namePacks(access, unnamedThen, signal);
    await proveWritten(access, before, signal);
    // Others may have written meanwhile: what they named or need is known before anything is removed.
    const standing = await access.allSnapshots({ signal });
    await access.reconcile({ signal });
    forgetIndexes(access, this.#plan.indexes);
    namedAgain += await this.#takeIn(standing, options);
    await removeIndexes(access, this.#plan.indexes, signal);
    const late = await access.allSnapshots({ signal });
    await access.reconcile({ signal });
    namedAgain += await this.#takeIn(late, options);
    await access.reconcile({ signal });
    await access.nameMarked(signal);
    const unnamed = unnamedIn(access, this.#sizes);
    await access.tidyCopies();
    return { unnamed, newPacks: newPacks.length, newBytes: sum(newPacks, packBytes), namedAgain };
  }

  async deleteUnnamed(packs: readonly PackFile[], options: UpkeepOptions): Promise<readonly PackFile[]> {
    const { index, remote, reconcile, allSnapshots } = this.#access;
    const { signal, onProgress } = options;
    const deleted: PackFile[] = [];
    for (const [done, pack] of packs.entries()) {
      signal?.throwIfAborted();
      if (done % deletedPerLook === 0) {
        const snapshots = await allSnapshots({ signal });
        await reconcile({ signal });
        await this.#takeIn(snapshots, options);
      }
      onProgress?.({ phase: 'deleting', done, total: packs.length });
      const known = index.pack(pack.id);
      const isNamed = known !== undefined && (known.indexes.size > 0 || known.isPending || known.isFound);
      if (isNamed || !this.#sizes.has(pack.id)) continue;
      await remote.remove(packKey(pack.id), { signal });
      deleted.push(pack);
    }
    return deleted;
  }

  /** Marks what snapshots need that came since, and names what they need and no index does. */
  async #takeIn(snapshots: ReadonlyMap<SnapshotId, Snapshot>, options: UpkeepOptions): Promise<number> {
    await walkNew(this.#access, snapshots, {
      ...options,
      walked: this.#walked,
      sizes: this.#sizes,
      without: new Set(),
    });
    return this.#nameFound(options.signal);
  }

  async #nameFound(signal: AbortSignal | undefined): Promise<number> {
    const found = [...this.#access.index.packs].filter(pack => pack.isFound && pack.indexes.size === 0);
    await namePacks(this.#access, found, signal);
    return found.length;
  }

  /** Puts what is needed of the packs that go into new ones, sealed as it is, each blob opened and proven before. */
  async #collect({ signal, onProgress }: UpkeepOptions): Promise<void> {
    const { index, outbox, reader, load, seal } = this.#access;
    const packs = this.#plan.repack.map(({ id }) => index.pack(id)).filter(pack => pack !== undefined);
    let done = 0;
    for (const group of inGroups(packs)) {
      for (const [pack, blobs] of index.blobsOf(group)) {
        onProgress?.({ phase: 'collecting', done: done++, total: packs.length });
        for (const { isUsed, ...blob } of blobs) {
          signal?.throwIfAborted();
          if (!isUsed) continue;
          // Stored without a frame by another program: a cloud could pass it off as something else (DESIGN D2).
          const sealed = blob.isCompressed ? await unlessLost(reader.loadSealed({ ...blob, pack }, signal)) : undefined;
          if (sealed !== undefined) await outbox.add(withoutPlace(blob), [sealed], signal);
          else await seal(blob.type, blob.id, await load(blob.type, blob.id, signal), signal);
        }
      }
    }
    if (packs.length > 0) await outbox.commit(signal);
  }
}

interface WalkOrder extends UpkeepOptions {
  readonly walked: Set<SnapshotId>;
  readonly sizes: ReadonlyMap<PackId, number>;
  readonly without: ReadonlySet<SnapshotId>;
}

/** Marks the blobs of snapshots that were not walked yet. */
async function walkNew(
  access: PruneAccess,
  all: ReadonlyMap<SnapshotId, Snapshot>,
  { walked, sizes, without, signal, onProgress }: WalkOrder,
): Promise<void> {
  const snapshots = [...all].filter(([id]) => !without.has(id) && !walked.has(id));
  let reading: Promise<void> | undefined;
  const readUnnamed = (): Promise<void> => {
    reading ??= readHeaders(access, sizes, signal);
    return reading;
  };
  for (const [done, [id, { tree }]] of snapshots.entries()) {
    onProgress?.({ phase: 'looking', done, total: snapshots.length });
    const loadTree = (blob: BlobId): Promise<Uint8Array> => access.load('tree', blob, signal);
    await markNeeded([tree], { index: access.index, load: loadTree, readUnnamed, signal });
    walked.add(id);
  }
}

/** Adds what the packs hold that no index names, as their headers tell it; it does not count until something needs it. */
async function readHeaders(
  { remote, index, sealKey }: Pick<PruneAccess, 'remote' | 'index' | 'sealKey'>,
  sizes: ReadonlyMap<PackId, number>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unknown = [...sizes].filter(([id]) => index.pack(id) === undefined).values();
  const work = async (): Promise<void> => {
    for (const [id, sizeBytes] of unknown) {
      const blobs = await readPackHeader(remote, sealKey, { id, sizeBytes }, { signal });
      if (!('code' in blobs)) index.add(id, blobs, 'header');
    }
  };
  await Promise.all(Array.from({ length: parallelHeaders }, work));
}

/** Of two packs that hold the same blob the fuller one keeps it. */
function scoresOf({ index }: Pick<PruneAccess, 'index'>): ReadonlyMap<IndexedPack, number> {
  const scores = new Map<IndexedPack, number>();
  for (const [pack, { usedBytes, unusedBytes }] of index.tally()) {
    // One that an index names comes before any that would have to be named again.
    scores.set(pack, usedBytes / (usedBytes + unusedBytes) + (pack.indexes.size > 0 ? 1 : 0));
  }
  return scores;
}

function usesOf({ index, flawedIndexes }: Pick<PruneAccess, 'index' | 'flawedIndexes'>): readonly PackUse[] {
  return [...index.tally()].flatMap(([pack, { usedBytes, unusedBytes, last }]): PackUse[] => {
    if (pack.isMissing) return [];
    const paddingBytes = last === undefined || last.isUsed ? 0 : paddingIn(last, pack);
    return [
      {
        id: pack.id,
        sizeBytes: packBytes(pack),
        type: pack.type,
        usedBytes,
        unusedBytes: unusedBytes - paddingBytes,
        paddingBytes,
        isFixed: [...pack.indexes].some(id => flawedIndexes.has(id)),
      },
    ];
  });
}

/** Index files that name what goes or what is not there; and small ones, where there are many. */
function chooseIndexes(
  { index, indexIds, flawedIndexes }: Pick<PruneAccess, 'index' | 'indexIds' | 'flawedIndexes'>,
  going: ReadonlySet<PackId>,
): readonly IndexId[] {
  const chosen = new Set<IndexId>();
  const blobs = new Map<IndexId, number>([...indexIds].map(id => [id, 0]));
  for (const pack of index.packs) {
    for (const id of pack.indexes) {
      blobs.set(id, (blobs.get(id) ?? 0) + pack.compressed + pack.uncompressed);
      if (going.has(pack.id) || pack.isMissing) chosen.add(id);
    }
  }
  const small = [...blobs].filter(([, count]) => count < limits.indexBlobs * smallShare).map(([id]) => id);
  if (small.length >= manySmallIndexes) for (const id of small) chosen.add(id);
  return [...chosen].filter(id => !flawedIndexes.has(id)).sort();
}

function isOnlyIn(pack: IndexedPack, replaced: ReadonlySet<IndexId>): boolean {
  return [...pack.indexes].every(id => replaced.has(id));
}

function unnamedIn({ index }: Pick<PruneAccess, 'index'>, sizes: ReadonlyMap<PackId, number>): readonly PackFile[] {
  const unnamed: PackFile[] = [];
  for (const [id, sizeBytes] of sizes) {
    const pack = index.pack(id);
    if (pack === undefined || (pack.indexes.size === 0 && !pack.isPending && !pack.isFound))
      unnamed.push({ id, sizeBytes });
  }
  return unnamed;
}

/** Undefined for what is damaged: another copy may be whole. */
async function unlessLost(sealed: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await sealed;
  } catch (error) {
    if (!isLoss(error)) throw error;
    return undefined;
  }
}

function fileOf({ id, sizeBytes }: PackFile): PackFile {
  return { id, sizeBytes };
}

function withoutPlace({ offset: _, ...blob }: PlacedBlob): Omit<PlacedBlob, 'offset'> {
  return blob;
}

function sum<Item>(items: readonly Item[], bytes: (item: Item) => number): number {
  return items.reduce((total, item) => total + bytes(item), 0);
}

/** @throws E_INTERNAL for a plan of another session, or one that was made before the last */
export function plannedBy(pruner: Pruner | undefined, plan?: PrunePlan): Pruner {
  if (pruner !== undefined && (plan === undefined || pruner.plan === plan)) return pruner;
  throw new SignetError('E_INTERNAL', 'only the newest plan of this session is carried out');
}
