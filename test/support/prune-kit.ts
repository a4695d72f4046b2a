// Repositories with much to let go: backups of generated files, forgotten by number, and the whole of a prune as the job does it.

import type {
  BlobId,
  PackFile,
  PackId,
  PruneOutcome,
  PrunePlan,
  Repository,
  SnapshotId,
} from '../../daemon/repository/model.ts';
import { deletable, type UnnamedNotes } from '../../daemon/repository/repository.ts';
import { fileNode, fixedRandom, folderNode, snapshotOf } from './repository.ts';

export interface KeptSnapshot {
  readonly id: SnapshotId;
  readonly tree: BlobId;
  /** What each file holds. */
  readonly files: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** One backup of these files, each of pieces, in two folders; unchanged pieces are stored once. */
export async function backUpFiles(
  repository: Repository,
  files: ReadonlyMap<string, readonly Uint8Array[]>,
  time = '2026-11-23T09:00:00.5Z',
): Promise<KeptSnapshot> {
  const lock = await repository.lock('shared');
  try {
    await repository.refreshIndex();
    const nodes = [];
    for (const [name, pieces] of files) {
      const content: BlobId[] = [];
      for (const piece of pieces) content.push((await repository.saveBlob('data', piece)).id);
      nodes.push(fileNode(name, { content, sizeBytes: pieces.reduce((sum, piece) => sum + piece.length, 0) }));
    }
    const inner = await repository.saveTree(nodes);
    const { id: tree } = await repository.saveTree([folderNode('chats', inner.id)]);
    await repository.commitIndex();
    const gone = await repository.confirmUsed({ tree });
    if (gone.length > 0) throw new Error(`${gone.length} blobs are gone`);
    const id = await repository.saveSnapshot(snapshotOf(tree, { time }));
    if ((await repository.confirmUsed({ tree })).length > 0) throw new Error('blobs are gone behind the snapshot');
    return { id, tree, files: new Map(files) };
  } finally {
    await lock.release();
  }
}

/** Files of random pieces, by a seed. */
export function someFiles(seed: number, sizes: Readonly<Record<string, readonly number[]>>): Map<string, Uint8Array[]> {
  const random = fixedRandom(seed);
  return new Map(Object.entries(sizes).map(([name, lengths]) => [name, lengths.map(length => random(length))]));
}

/** Every file of the snapshot, compared byte by byte. @throws when something is missing or other than it was */
export async function expectWhole(repository: Repository, { tree, files }: KeptSnapshot): Promise<void> {
  const [folder] = await repository.loadTree(tree);
  if (folder?.subtree === undefined) throw new Error('the snapshot has no folder');
  const nodes = await repository.loadTree(folder.subtree);
  if (nodes.length !== files.size) throw new Error(`${nodes.length} files instead of ${files.size}`);
  for (const node of nodes) {
    const pieces = files.get(Buffer.from(node.name).toString()) ?? [];
    const stored: Uint8Array[] = [];
    for (const id of node.content ?? []) stored.push(await repository.loadBlob('data', id));
    if (!Buffer.concat(stored).equals(Buffer.concat(pieces))) throw new Error(`${Buffer.from(node.name)} differs`);
  }
}

export interface PruneRun {
  readonly plan: PrunePlan;
  readonly outcome: PruneOutcome;
  readonly deleted: readonly PackFile[];
  readonly notes: UnnamedNotes;
}

/** As the job does it: lock, plan, what is due is deleted, then phase 1. @param notes what the last run answered */
export async function pruneOnce(
  repository: Repository,
  now: number,
  notes: UnnamedNotes = new Map<PackId, number>(),
): Promise<PruneRun> {
  const lock = await repository.lock('exclusive');
  try {
    const { signal } = lock;
    const plan = await repository.planPrune({ signal });
    const deleted = await repository.deleteUnnamed(deletable(plan.unnamed, notes, now).now, { signal });
    const outcome = await repository.prune(plan, { signal });
    const isDeleted = new Set(deleted.map(({ id }) => id));
    const left = outcome.unnamed.filter(({ id }) => !isDeleted.has(id));
    return { plan, outcome, deleted, notes: deletable(left, notes, now).notes };
  } finally {
    await lock.release();
  }
}
