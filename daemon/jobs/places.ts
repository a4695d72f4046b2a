// Where things may lie relative to each other. Chats, their copies, restored files and Signet's own folders must not contain one another:
// a repository inside a source would back itself up, a restore into a source would change what is never changed.

import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { SignetError, systemCode } from '../base/errors.ts';
import type { SourceSetting } from '../state/model.ts';

const folderPrefix = 'folder:';

/** @throws E_USAGE for a spec that this version has no adapter for */
export async function normaliseRemote(spec: string): Promise<string> {
  if (!spec.startsWith(folderPrefix) || spec.length === folderPrefix.length) {
    throw new SignetError('E_USAGE', 'the remote is not of a kind that is known', {
      params: { option: '--remote', expected: 'folder:<path>' },
    });
  }
  const path = spec.slice(folderPrefix.length);
  if (!isAbsolute(path)) {
    throw new SignetError('E_USAGE', 'the folder of the remote is not an absolute path', {
      params: { option: '--remote', expected: 'folder:<absolute path>' },
    });
  }
  return folderPrefix + resolve(path);
}

/** The local folder a remote is kept in, or undefined when it is elsewhere. */
export function folderOfRemote(remote: string): string | undefined {
  return remote.startsWith(folderPrefix) ? remote.slice(folderPrefix.length) : undefined;
}

/** How words name the place. */
export function remoteLabel(remote: string): string {
  const folder = folderOfRemote(remote);
  return folder === undefined ? remote : `the folder ${basename(folder)}`;
}

/** @throws E_USAGE naming both paths when one lies inside the other */
export async function checkFolders(places: {
  readonly remote: string;
  readonly sources: readonly Pick<SourceSetting, 'root'>[];
  readonly home: readonly string[];
  readonly target?: string;
}): Promise<void> {
  const sources = await Promise.all(places.sources.map(source => physical(source.root)));
  const folder = folderOfRemote(places.remote);
  const others = await Promise.all(
    [folder, places.target, ...places.home].filter(each => each !== undefined).map(physical),
  );
  for (const source of sources) {
    for (const other of others) refuseNesting(source, other);
  }
  if (folder === undefined || places.target === undefined) return;
  refuseNesting(await physical(folder), await physical(places.target));
}

function refuseNesting(one: string, other: string): void {
  if (!contains(one, other) && !contains(other, one)) return;
  throw new SignetError('E_USAGE', 'one of two folders that must be apart lies inside the other', {
    params: { inside: one, folder: other },
  });
}

function contains(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/** The path without links, as far as it exists. */
async function physical(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const parent = dirname(path);
    return parent === path ? path : join(await physical(parent), basename(path));
  }
}
