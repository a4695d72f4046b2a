// Looking into a snapshot without restoring it: list a folder, read a part of a file. Decrypted bytes stay in memory.

import type { ListEntry, SnapshotSource } from '../../protocol/status.ts';
import { SignetError } from '../base/errors.ts';
import type { BlobId, Repository, TreeNode } from '../repository/model.ts';
import { loadManifest, manifestFolder } from './manifest.ts';
import type { ManifestDatabase } from './model.ts';
import { displayPath, nameKey, parsePath, splitPath } from './names.ts';

export { displayPath } from './names.ts';

export type Reader = Pick<Repository, 'find' | 'loadBlob' | 'loadTree'>;

/** The entries of a folder of a snapshot by its shown path ('' is the root). @throws E_NOT_FOUND */
export async function listFolder(
  repository: Reader,
  tree: BlobId,
  shownPath: string,
  signal: AbortSignal,
): Promise<readonly ListEntry[]> {
  const node = await findNode(repository, tree, shownPath, signal);
  if (node === undefined) {
    const nodes = await repository.loadTree(tree, { signal });
    return nodes.filter(each => nameKey(each.name) !== manifestFolder).map(listEntryOf);
  }
  if (node.subtree === undefined) return [listEntryOf(node)];
  return (await repository.loadTree(node.subtree, { signal })).map(listEntryOf);
}

/**
 * What a snapshot holds of each source, as its manifest tells; none where another tool made it. One that could not be read then and is not
 * in it is not told.
 */
export async function describeSources(
  repository: Reader,
  tree: BlobId,
  signal: AbortSignal,
): Promise<readonly Omit<SnapshotSource, 'here'>[]> {
  const nodes = await repository.loadTree(tree, { signal });
  const manifest = await loadManifest(repository, nodes, { signal });
  const folders = new Map(nodes.map(node => [nameKey(node.name), node]));
  const described: Omit<SnapshotSource, 'here'>[] = [];
  for (const { id, profile, label, root, capturedAt, databases, counts, ...source } of manifest?.sources ?? []) {
    const folder = folders.get(id);
    if (folder?.subtree === undefined || source.removed) continue;
    const { files, bytes } =
      source.files === undefined || source.bytes === undefined
        ? await extentOf(repository, folder.subtree, signal)
        : { files: source.files, bytes: source.bytes };
    described.push({
      id,
      profile,
      label,
      root,
      files,
      sizeBytes: bytes,
      ...counts,
      capturedAt,
      isCarried: source.carriedFrom !== undefined,
      verified: isVerified(databases),
    });
  }
  return described;
}

/** How whole the capture of one source in a snapshot is. */
export interface CaptureFacts {
  readonly source: string;
  /** Nothing is missing that no rule left out. */
  readonly isComplete: boolean;
  /** Every database in it was checked. */
  readonly isVerified: boolean;
}

/** By the manifest alone; none where another tool made the snapshot. */
export async function captureFacts(
  repository: Pick<Repository, 'loadTree' | 'loadBlob'>,
  tree: BlobId,
  signal: AbortSignal,
): Promise<readonly CaptureFacts[]> {
  const manifest = await loadManifest(repository, await repository.loadTree(tree, { signal }), { signal });
  return (manifest?.sources ?? [])
    .filter(({ removed }) => removed === undefined)
    .map(({ id, complete, databases }) => ({
      source: id,
      isComplete: complete,
      isVerified: isVerified(databases),
    }));
}

function isVerified(databases: readonly Pick<ManifestDatabase, 'checked'>[]): boolean {
  return databases.every(({ checked }) => checked !== 'none');
}

/** Of a folder that an early version stored, which wrote down no totals. */
async function extentOf(
  repository: Reader,
  tree: BlobId,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let files = 0;
  let bytes = 0;
  const folders = [tree];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const node of await repository.loadTree(folder, { signal })) {
      if (node.subtree !== undefined) folders.push(node.subtree);
      if (node.type !== 'file') continue;
      files += 1;
      bytes += node.sizeBytes ?? 0;
    }
  }
  return { files, bytes };
}

/** One entry alone. @throws E_NOT_FOUND, also for the root, which has no entry */
export async function statEntry(
  repository: Reader,
  tree: BlobId,
  shownPath: string,
  signal: AbortSignal,
): Promise<ListEntry> {
  const node = await findNode(repository, tree, shownPath, signal);
  if (node === undefined) throw notFound(shownPath);
  return listEntryOf(node);
}

/** At most `length` bytes of a file from `offset` on, and the size of the whole. @throws E_NOT_FOUND */
export async function readRange(
  repository: Reader,
  tree: BlobId,
  shownPath: string,
  range: { readonly offset: number; readonly length: number },
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly sizeBytes: number }> {
  const node = await findNode(repository, tree, shownPath, signal);
  if (node?.type !== 'file') throw node?.type === 'symlink' ? notFound(shownPath) : isFolder(shownPath);
  const sizeBytes = node.sizeBytes ?? 0;
  const end = Math.min(range.offset + range.length, sizeBytes);
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const id of node.content ?? []) {
    if (start >= end) break;
    const length = repository.find('data', id)?.plainBytes;
    // Of unknown length: loading it says why. To pass over it would shift everything behind it.
    if (length === undefined || start + length > range.offset) {
      const bytes = await repository.loadBlob('data', id, { signal });
      parts.push(bytes.subarray(Math.max(0, range.offset - start), end - start));
      start += bytes.length;
    } else {
      start += length;
    }
  }
  return { bytes: Buffer.concat(parts), sizeBytes };
}

/** The entry at a shown path; undefined is the root. @throws E_NOT_FOUND */
export async function findNode(
  repository: Pick<Reader, 'loadTree'>,
  tree: BlobId,
  shownPath: string,
  signal: AbortSignal,
): Promise<TreeNode | undefined> {
  const path = parsePath(shownPath);
  if (path === undefined) throw notFound(shownPath);
  let at: BlobId | undefined = tree;
  let node: TreeNode | undefined;
  for (const name of splitPath(path)) {
    if (at === undefined) throw notFound(shownPath);
    const nodes: readonly TreeNode[] = await repository.loadTree(at, { signal });
    node = nodes.find(each => nameKey(each.name) === nameKey(name));
    if (node === undefined) throw notFound(shownPath);
    at = node.subtree;
  }
  return node;
}

function listEntryOf(node: TreeNode): ListEntry {
  return {
    name: displayPath(node.name),
    type: node.type,
    sizeBytes: node.sizeBytes ?? 0,
    modifiedAt: new Date(Number(node.mtimeNs / 1_000_000n)).toISOString(),
    permissions: node.permissions,
  };
}

function isFolder(what: string): SignetError {
  const detail = `${what === '' ? 'that' : what} is a folder: name a file in it`;
  return new SignetError('E_USAGE', 'a folder is no file', { params: { detail, advice: '`signet ls` lists it' } });
}

export function notFound(what: string): SignetError {
  return new SignetError('E_NOT_FOUND', 'no such file or folder in the snapshot', { params: { what } });
}
