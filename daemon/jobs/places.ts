// Where things may lie relative to each other. Chats, their copies, restored files and Signet's own folders must not contain one another:
// a repository inside a source would back itself up, a restore into a source would change what is never changed.

import { realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { SignetError, systemCode } from '../base/errors.ts';
import { formatPlace, parsePlace, placeLabel, placeName, siblingPlace } from '../remotes/spec.ts';
import type { SourceSetting } from '../state/model.ts';

/** The one way to write the place: what settings keep and what is compared. @throws E_USAGE for what names no place */
export function normaliseRemote(spec: string): string {
  return formatPlace(parsePlace(spec));
}

/** The local folder a remote is kept in, or undefined when it is elsewhere. */
export function folderOfRemote(remote: string): string | undefined {
  const place = parsePlace(remote);
  return place.kind === 'folder' ? place.path : undefined;
}

/** The same without links, as far as it exists. */
export async function physicalFolderOf(remote: string): Promise<string | undefined> {
  const folder = folderOfRemote(remote);
  return folder === undefined ? undefined : physical(folder);
}

/** How words name the place. */
export function remoteLabel(remote: string): string {
  return placeLabel(parsePlace(remote));
}

/** The last part of a remote's spec: the name of the folder itself, which a person types to confirm. */
export function remoteName(remote: string): string {
  return placeName(parsePlace(remote));
}

/**
 * Where a fresh backup goes: beside the old one.
 *
 * @param day YYYYMMDD
 * @param mark 4 hex digits
 */
export function siblingOf(remote: string, day: string, mark: string): string {
  return formatPlace(siblingPlace(parsePlace(remote), `${day}-${mark}`));
}

/** @throws E_USAGE naming both paths when one lies inside the other */
export async function checkFolders(places: {
  /** Null: none yet. */
  readonly remote: string | null;
  /** Further places of copies. */
  readonly others?: readonly string[];
  readonly sources: readonly Pick<SourceSetting, 'root'>[];
  readonly home: readonly string[];
  readonly target?: string;
  /** A file that holds the recovery key. */
  readonly sheet?: string;
}): Promise<void> {
  const named = async (name: string, paths: readonly (string | undefined)[]): Promise<readonly Place[]> =>
    Promise.all(paths.filter(path => path !== undefined).map(async path => ({ name, path: await physical(path) })));
  // In each group the folders may lie inside one another, across groups they may not.
  const groups = [
    await named(
      'the chats',
      places.sources.map(source => source.root),
    ),
    await named('the copies', [places.remote === null ? undefined : folderOfRemote(places.remote)]),
    await named('other copies', (places.others ?? []).map(folderOfRemote)),
    await named('the restored files', [places.target]),
    await named('the recovery sheet', [places.sheet]),
    await named('Signet itself', places.home),
  ];
  for (const [at, group] of groups.entries()) {
    for (const one of group) for (const other of groups.slice(at + 1).flat()) refuseNesting(one, other);
  }
}

interface Place {
  readonly name: string;
  readonly path: string;
}

function refuseNesting(one: Place, other: Place): void {
  const [inner, outer] = contains(one.path, other.path) ? [other, one] : [one, other];
  if (!contains(outer.path, inner.path)) return;
  const [ofInner, ofOuter] = [inner, outer].map(({ name }) =>
    name === 'the recovery sheet' ? name : `the folder of ${name}`,
  );
  const how =
    inner.path === outer.path
      ? `${ofInner} and ${ofOuter} are the same, ${inner.path}`
      : `${ofInner}, ${inner.path}, lies inside ${ofOuter}, ${outer.path}`;
  throw new SignetError('E_USAGE', 'two folders that must be apart lie inside one another', {
    params: { detail: `${how}: choose another folder`, inside: inner.path, folder: outer.path },
  });
}

function contains(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/** The path without links, as far as it exists. */
export async function physical(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
    const parent = dirname(path);
    return parent === path ? path : join(await physical(parent), basename(path));
  }
}
