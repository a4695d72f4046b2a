// What this computer knows of the objects in one folder of Google Drive: which id stands for which key. Names there are labels that can
// occur twice and lists lag behind, so this table is the truth about what we made ourselves, and the feed of changes keeps it true.
// An id is written down before it is used, so that a create whose answer was lost can be repeated without making a second file.

import type { RemoteKey } from '../remote.ts';

/** One object. A folder's key ends with a slash; the root folder itself is no row. */
export interface KnownObject {
  readonly key: string;
  readonly id: string;
  /** 'planned': the id was drawn and written down, nothing was sent yet; 'sent': it may be there; 'there': the place confirmed it. */
  readonly state: 'planned' | 'sent' | 'there';
  /** Null for a folder. */
  readonly sizeBytes: number | null;
  /** As the place tells it; of what is on its way, as we mean it, null while that is not computed. */
  readonly sha256: string | null;
  /** Sealed address of an upload that can be resumed, which is itself a capability; null without one. */
  readonly session: Uint8Array | null;
}

/** The table of one place. Each call is on disk when it returns. */
export interface ObjectTable {
  get(key: string): KnownObject | undefined;
  put(rows: readonly KnownObject[]): void;
  remove(keys: readonly string[]): void;
  /** Those whose key begins so, in no order. */
  below(prefix: string): readonly KnownObject[];
  /** Small values of the place: the position in its feed of changes, ids drawn and not used yet. */
  note(name: string): string | undefined;
  setNote(name: string, value: string | undefined): void;
}

/** The folder an object lies in: 'data/3f/' for 'data/3f/3fab…' and for 'data/3f/x/'; '' for what lies in the root. */
export function folderOf(key: string): string {
  const name = key.endsWith('/') ? key.slice(0, -1) : key;
  return name.slice(0, name.lastIndexOf('/') + 1);
}

export function nameOf(key: string): string {
  return key.slice(folderOf(key).length).replace(/\/$/, '');
}

/** The folders that must be there for the object, the outer ones first. */
export function foldersAbove(key: RemoteKey): readonly string[] {
  const folders: string[] = [];
  for (let folder = folderOf(key); folder !== ''; folder = folderOf(folder)) folders.unshift(folder);
  return folders;
}

/** Rows that begin so say of an id that we removed its file, until the feed has told so, too: a list that lags would show it again. */
const removedPrefix = '.tmp-removed/';

export function removedRow(id: string): KnownObject {
  return { key: `${removedPrefix}${id}`, id, state: 'there', sizeBytes: null, sha256: null, session: null };
}

export function isRemoved(table: ObjectTable, id: string): boolean {
  return table.get(`${removedPrefix}${id}`) !== undefined;
}

/** Rows of objects and folders, without those that only remember a removal. */
export function objectsBelow(table: ObjectTable, prefix: string): readonly KnownObject[] {
  const rows = table.below(prefix);
  return prefix === '' ? rows.filter(row => !row.key.startsWith(removedPrefix)) : rows;
}

/** A second folder of a name, while it is there: content may still come into it from a computer that does not know of the first. */
export interface Twin {
  readonly id: string;
  /** The key of both. */
  readonly key: string;
  /** When it was first found, milliseconds since 1970. */
  readonly since: number;
}

const twinsNote = 'twins';

export function twinsIn(table: Pick<ObjectTable, 'note'>): readonly Twin[] {
  // Written by nobody but us, a line for each.
  return (table.note(twinsNote) ?? '').split('\n').flatMap(line => {
    const [, id, since, key] = /^(\S+) (\d+) (.+)$/.exec(line) ?? [];
    return id === undefined || key === undefined ? [] : [{ id, key, since: Number(since) }];
  });
}

export function keepTwins(table: ObjectTable, twins: readonly Twin[]): void {
  const text = twins.map(({ id, since, key }) => `${id} ${since} ${key}`).join('\n');
  if (text !== (table.note(twinsNote) ?? '')) table.setNote(twinsNote, text === '' ? undefined : text);
}

/** Forgets everything: the table was kept for another folder. */
export function emptyTable(table: ObjectTable, notes: readonly string[]): void {
  table.remove(table.below('').map(row => row.key));
  for (const name of [...notes, twinsNote]) table.setNote(name, undefined);
}
