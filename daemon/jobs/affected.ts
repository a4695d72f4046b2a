// Which apps damage concerns: the sources, of whichever snapshot, that need a blob which is lost. Reads trees and the index only, and only
// when something is lost.

import type { VerifyResult } from '../../protocol/status.ts';
import { loadManifest, manifestFolder } from '../archive/manifest.ts';
import { nameKey } from '../archive/names.ts';
import { isLoss } from '../base/errors.ts';
import { IdSet } from '../base/id-set.ts';
import type { BlobId, BlobType, ObjectProblem, Repository, Snapshot, TreeNode } from '../repository/model.ts';

/** What cannot be had any more: single blobs, and packs with all they hold. */
export interface Lost {
  readonly blobs: ReadonlySet<string>;
  readonly packs: ReadonlySet<string>;
}

type Reader = Pick<Repository, 'find' | 'loadTree' | 'loadBlob'>;

/** @param snapshots newest first: a source is called what the newest calls it */
export async function affectedSources(
  repository: Reader,
  snapshots: readonly Pick<Snapshot, 'tree'>[],
  lost: Lost,
  signal: AbortSignal,
): Promise<NonNullable<VerifyResult['affected']>> {
  const isLost = (type: BlobType, id: BlobId): boolean => {
    const found = repository.find(type, id);
    return found === undefined || lost.blobs.has(id) || lost.packs.has(found.pack);
  };
  const labels = new Map<string, string>();
  const affected = new Set<string>();
  const seen = new Map<string, IdSet>();

  const needsLost = async (tree: BlobId, known: IdSet): Promise<boolean> => {
    if (!known.add(tree)) return false;
    signal.throwIfAborted();
    if (isLost('tree', tree)) return true;
    for (const node of await repository.loadTree(tree, { signal })) {
      if ((node.content ?? []).some(id => isLost('data', id))) return true;
      if (node.subtree !== undefined && (await needsLost(node.subtree, known))) return true;
    }
    return false;
  };

  for (const { tree } of snapshots) {
    const roots = await orNothing(() => repository.loadTree(tree, { signal }));
    const folders = roots?.filter(node => node.subtree !== undefined && nameKey(node.name) !== manifestFolder) ?? [];
    if (folders.every(node => affected.has(nameKey(node.name)))) continue;
    await nameSources(roots ?? [], labels);
    for (const { name, subtree } of folders) {
      const id = nameKey(name);
      if (subtree === undefined || affected.has(id)) continue;
      const known = seen.get(id) ?? new IdSet();
      seen.set(id, known);
      if ((await orNothing(() => needsLost(subtree, known))) ?? true) affected.add(id);
    }
  }
  return [...affected].map(id => ({ id, label: labels.get(id) ?? id }));

  async function nameSources(nodes: readonly TreeNode[], into: Map<string, string>): Promise<void> {
    const manifest = await orNothing(() => loadManifest(repository, nodes, { signal }));
    for (const { id, label } of manifest?.sources ?? []) if (!into.has(id)) into.set(id, label);
  }
}

/** Undefined for what is damaged itself. */
async function orNothing<Value>(load: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await load();
  } catch (error) {
    if (!isLoss(error)) throw error;
    return undefined;
  }
}

/** Adds what the problems of one pack say: the blobs that were found damaged, or all of it where that cannot be told. */
export function addLost(
  lost: { readonly blobs: Set<string>; readonly packs: Set<string> },
  problems: readonly ObjectProblem[],
): void {
  const blobs = problems.map(({ blob }) => blob).filter(blob => blob !== undefined);
  for (const blob of blobs) lost.blobs.add(blob);
  const [first] = problems;
  if (blobs.length === 0 && first !== undefined) lost.packs.add(first.key.slice(first.key.lastIndexOf('/') + 1));
}
