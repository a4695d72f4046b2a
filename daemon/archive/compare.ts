// What differs between two snapshots: files, links and empty folders that are in one alone, and those whose content is another. Folders with
// one id are equal and are not opened, so that the cost grows with what differs. Times and permissions do not count. The trees are taken for
// hostile, as in a restore: a folder may hold itself a million times over, so depth, folders and the list have bounds.

import type { SnapshotDifference } from '../../protocol/status.ts';
import { compareBytes } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import type { BlobId, TreeNode } from '../repository/model.ts';
import { findNode, notFound, type Reader } from './browse.ts';
import { manifestFolder } from './manifest.ts';
import { displayPath, joinPath, nameKey, parsePath, splitPath } from './names.ts';

export interface CompareBounds {
  readonly depth: number;
  /** Folders that are opened, of both sides together. */
  readonly folders: number;
  readonly entries: number;
  /** Of all paths together. */
  readonly characters: number;
}

const usualBounds: CompareBounds = { depth: 512, folders: 1_000_000, entries: 50_000, characters: 8 << 20 };

export interface Comparison {
  /** In the order of the folders. */
  readonly entries: readonly SnapshotDifference[];
  /** A bound was met: more may differ than is listed. */
  readonly isMore: boolean;
}

/**
 * Compares what two snapshots have at a shown path ('' is everything) and below it.
 *
 * @throws SignetError E_NOT_FOUND when neither has anything there, and what a damaged tree makes `loadTree` throw
 */
export async function compareTrees(
  repository: Pick<Reader, 'loadTree'>,
  trees: { readonly before: BlobId; readonly after: BlobId },
  shownPath: string,
  { signal, bounds = usualBounds }: { readonly signal: AbortSignal; readonly bounds?: CompareBounds },
): Promise<Comparison> {
  const path = parsePath(shownPath);
  const [first] = path === undefined ? [] : splitPath(path);
  if (path === undefined || (first !== undefined && nameKey(first) === manifestFolder)) throw notFound(shownPath);
  const comparing = new Comparing(repository, bounds, signal);
  if (first === undefined) await comparing.folders(trees.before, trees.after, path, 0);
  else {
    const before = await nodeAt(repository, trees.before, shownPath, signal);
    const after = await nodeAt(repository, trees.after, shownPath, signal);
    if (before === undefined && after === undefined) throw notFound(shownPath);
    await comparing.nodes(before, after, path, 0);
  }
  return { entries: comparing.found, isMore: comparing.isMore };
}

async function nodeAt(
  repository: Pick<Reader, 'loadTree'>,
  tree: BlobId,
  shownPath: string,
  signal: AbortSignal,
): Promise<TreeNode | undefined> {
  try {
    return await findNode(repository, tree, shownPath, signal);
  } catch (error) {
    if (error instanceof SignetError && error.code === 'E_NOT_FOUND') return undefined;
    throw error;
  }
}

class Comparing {
  readonly found: SnapshotDifference[] = [];
  isMore = false;
  readonly #repository: Pick<Reader, 'loadTree'>;
  readonly #bounds: CompareBounds;
  readonly #signal: AbortSignal;
  #folders = 0;
  #characters = 0;

  constructor(repository: Pick<Reader, 'loadTree'>, bounds: CompareBounds, signal: AbortSignal) {
    this.#repository = repository;
    this.#bounds = bounds;
    this.#signal = signal;
  }

  /** Trees are sorted by the bytes of their names, each of which occurs once: one walk along both. */
  async folders(before: BlobId | undefined, after: BlobId | undefined, path: Uint8Array, depth: number): Promise<void> {
    if (before === after || this.isMore) return;
    if (depth > this.#bounds.depth) {
      this.isMore = true;
      return;
    }
    const [left, right] = [await this.#open(before, depth), await this.#open(after, depth)];
    let [l, r] = [0, 0];
    while (!this.isMore) {
      const [older, newer] = [left[l], right[r]];
      const name = older?.name ?? newer?.name;
      if (name === undefined) return;
      const order = older === undefined ? 1 : newer === undefined ? -1 : compareBytes(older.name, newer.name);
      if (order <= 0) l += 1;
      if (order >= 0) r += 1;
      const at = joinPath(path, order > 0 && newer !== undefined ? newer.name : name);
      await this.nodes(order <= 0 ? older : undefined, order >= 0 ? newer : undefined, at, depth);
    }
  }

  async nodes(
    before: TreeNode | undefined,
    after: TreeNode | undefined,
    path: Uint8Array,
    depth: number,
  ): Promise<void> {
    if (before !== undefined && after !== undefined && before.type === after.type) {
      if (before.type === 'dir') await this.folders(before.subtree, after.subtree, path, depth + 1);
      else if (!isSame(before, after)) this.#note('changed', path, before, after);
      return;
    }
    if (before !== undefined) await this.#alone('removed', before, path, depth);
    if (after !== undefined) await this.#alone('added', after, path, depth);
  }

  /** What is in one of the two only; a folder stands for what is in it, and for itself when that is nothing. */
  async #alone(change: 'added' | 'removed', node: TreeNode, path: Uint8Array, depth: number): Promise<void> {
    const [before, after] = change === 'removed' ? [node, undefined] : [undefined, node];
    const listed = this.found.length;
    if (node.type === 'dir') await this.folders(before?.subtree, after?.subtree, path, depth + 1);
    if (this.found.length === listed && !this.isMore) this.#note(change, path, before, after);
  }

  #note(
    change: SnapshotDifference['change'],
    path: Uint8Array,
    before: TreeNode | undefined,
    after: TreeNode | undefined,
  ): void {
    const node = after ?? before;
    if (node === undefined) return;
    const shown = displayPath(path);
    this.#characters += shown.length;
    if (this.found.length >= this.#bounds.entries || this.#characters > this.#bounds.characters) {
      this.isMore = true;
      return;
    }
    this.found.push({
      path: shown,
      change,
      type: node.type,
      ...(before?.sizeBytes !== undefined && { sizeBefore: before.sizeBytes }),
      ...(after?.sizeBytes !== undefined && { sizeAfter: after.sizeBytes }),
    });
  }

  async #open(id: BlobId | undefined, depth: number): Promise<readonly TreeNode[]> {
    if (id === undefined) return [];
    this.#signal.throwIfAborted();
    this.#folders += 1;
    if (this.#folders > this.#bounds.folders) {
      this.isMore = true;
      return [];
    }
    const nodes = await this.#repository.loadTree(id, { signal: this.#signal });
    return depth === 0 ? nodes.filter(({ name }) => nameKey(name) !== manifestFolder) : nodes;
  }
}

/** Of two files, or two links. Equal bytes are cut into equal pieces, as long as both were stored by the same rules. */
function isSame(before: TreeNode, after: TreeNode): boolean {
  if (before.type === 'symlink') return nameKey(before.linkTarget ?? empty) === nameKey(after.linkTarget ?? empty);
  const [older, newer] = [before.content ?? [], after.content ?? []];
  return older.length === newer.length && older.every((id, index) => id === newer[index]);
}

const empty = new Uint8Array(0);
