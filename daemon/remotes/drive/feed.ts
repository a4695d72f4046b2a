// What the feed of changes says about the table: which rows it adds, changes and ends. Pure.
// The feed names files, not paths, each with its last state only; so folders are placed before what lies in them. What it cannot tell by
// itself (two files of one name, a folder that comes with content from elsewhere) makes it unclear, and all is listed anew.

import { checkKey } from '../keys.ts';
import type { DriveChange, DriveFile } from './files.ts';
import { isRemoved, type KnownObject, type ObjectTable, objectsBelow, removedRow, twinsIn } from './known.ts';

export interface FeedFold {
  readonly put: readonly KnownObject[];
  readonly remove: readonly string[];
  /** What became of the root folder; undefined: nothing was said. */
  readonly root: 'there' | 'trashed' | 'gone' | undefined;
  readonly isUnclear: boolean;
}

/** A folder whose last change is its creation holds nothing that the feed does not name, too. */
const newFolderMs = 10_000;

/** The key of a file in a folder, or undefined for what is none of ours: documents, and names no object has. */
export function keyOf(folder: string, file: DriveFile): string | undefined {
  if (file.kind === 'document' || file.name.includes('/')) return undefined;
  const key = `${folder}${file.name}`;
  try {
    checkKey(key);
  } catch {
    return undefined; // a foreign name: left alone
  }
  return file.kind === 'folder' ? `${key}/` : key;
}

export function foldChanges(changes: readonly DriveChange[], table: ObjectTable, rootId: string): FeedFold {
  const rows = new Map(objectsBelow(table, '').map(row => [row.key, row]));
  const keys = new Map([...rows.values()].map(row => [row.id, row.key]));
  const put = new Map<string, KnownObject>();
  const removed = new Set<string>();
  let root: FeedFold['root'];
  let isUnclear = false;
  const twins = new Map(twinsIn(table).map(twin => [twin.id, twin.key]));

  function drop(key: string): void {
    const below = key.endsWith('/') ? [...rows.keys()].filter(other => other.startsWith(key)) : [key];
    for (const each of below) {
      const row = rows.get(each);
      if (row === undefined) continue;
      if (keys.get(row.id) === each) keys.delete(row.id);
      rows.delete(each);
      put.delete(each);
      removed.add(each);
    }
  }

  function set(row: KnownObject): void {
    rows.set(row.key, row);
    keys.set(row.id, row.key);
    put.set(row.key, row);
    removed.delete(row.key);
  }

  const folderKey = (id: string): string | undefined => {
    const key = id === rootId ? '' : (keys.get(id) ?? twins.get(id));
    return key === '' || key?.endsWith('/') ? key : undefined;
  };

  function end(id: string, isAlong: boolean): void {
    const key = keys.get(id);
    // Another folder of the name may be there, where its content is or belongs: the listing finds out.
    if (key !== undefined && (isAlong || key.endsWith('/'))) isUnclear = true;
    else if (key !== undefined) drop(key);
    // What we removed has been told by the feed, too: nothing can show it again.
    if (isRemoved(table, id)) removed.add(removedRow(id).key);
  }

  /** @returns whether its folder is known, so that it could be placed */
  function place({ id, at }: DriveChange, file: DriveFile): boolean {
    if (isRemoved(table, id)) return true; // told late: it is gone already
    const known = keys.get(id);
    const folder = file.parents.map(folderKey).find(key => key !== undefined);
    const key = folder === undefined ? undefined : keyOf(folder, file);
    if (key === undefined) {
      if (known !== undefined) drop(known); // moved away, or renamed to what is no object
      return folder !== undefined;
    }
    if (known !== undefined && known !== key) {
      drop(known);
      isUnclear ||= file.kind === 'folder';
    }
    if (twins.get(id) === key) return true;
    const row = rows.get(key);
    const isFolder = file.kind === 'folder';
    // What came into a second folder of a name is to be moved.
    if (file.parents.some(parent => twins.has(parent))) isUnclear = true;
    if (row !== undefined && row.id !== id && row.state === 'there') {
      if (isFolder) twins.set(id, key);
      isUnclear = true;
      return true;
    }
    const isExpected = row?.id === id && row.state !== 'there';
    if (isExpected && !isFolder && !isWhatWasMeant(row, file)) return true; // its upload looks for itself
    if (isFolder && row === undefined && !(Date.parse(at) - Date.parse(file.createdAt) < newFolderMs)) isUnclear = true;
    const found = rowOf(key, file);
    if (row === undefined || !isSame(row, found)) set(found);
    return true;
  }

  for (const change of changes) {
    if (change.id === rootId) root = change.file === undefined ? 'gone' : change.file.isTrashed ? 'trashed' : 'there';
    else if (change.file === undefined || change.file.isTrashed) end(change.id, change.file?.isTrashedAlong === true);
  }
  const isLive = ({ id, file }: DriveChange): boolean => id !== rootId && file !== undefined && !file.isTrashed;
  let folders = changes.filter(change => isLive(change) && change.file?.kind === 'folder');
  for (let count = -1; folders.length !== count; ) {
    count = folders.length;
    folders = folders.filter(change => change.file === undefined || !place(change, change.file));
  }
  for (const change of changes) {
    if (isLive(change) && change.file !== undefined && change.file.kind !== 'folder') place(change, change.file);
  }
  return { put: [...put.values()], remove: [...removed], root, isUnclear };
}

export function rowOf(key: string, file: DriveFile): KnownObject {
  const isFolder = file.kind === 'folder';
  const sizeBytes = isFolder ? null : file.sizeBytes;
  return { key, id: file.id, state: 'there', sizeBytes, sha256: isFolder ? null : file.sha256, session: null };
}

/** Whether a file is what the row of an upload meant to make. */
export function isWhatWasMeant(row: KnownObject, file: DriveFile): boolean {
  return (
    row.sizeBytes === file.sizeBytes &&
    (row.sha256 === null ? file.sha256 !== null && row.key.endsWith(file.sha256) : row.sha256 === file.sha256)
  );
}

export function isSame(a: KnownObject, b: KnownObject): boolean {
  return a.id === b.id && a.state === b.state && a.sizeBytes === b.sizeBytes && a.sha256 === b.sha256;
}
