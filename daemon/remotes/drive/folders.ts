// The folders objects lie in, made when the first object needs them: one at a time and under ids drawn in advance, because folders made
// side by side, or twice, are two folders of one name.

import { SignetError } from '../../base/errors.ts';
import type { CallOptions, RemoteKey } from '../remote.ts';
import type { Catalog } from './catalog.ts';
import { isRefused, placeName } from './classify.ts';
import { type DriveFile, type FileCalls, isMadeAs, takenId } from './files.ts';
import type { IdPool } from './ids.ts';
import { folderOf, foldersAbove, type KnownObject, nameOf, type ObjectTable } from './known.ts';

/** A folder that another computer made within this time may be made twice, which the next listing puts in order. */
const lookAgainMs = 60_000;

export interface Folders {
  /** The id of the folder an object lies in, made with those above it when it is not there. */
  above(key: RemoteKey, options?: CallOptions): Promise<string>;
  /** The folder did not take an object: says why, and forgets it, so that the next try finds out where the object belongs. */
  lost(key: RemoteKey, options?: CallOptions): Promise<SignetError>;
}

export interface FoldersOptions {
  readonly calls: FileCalls;
  readonly table: ObjectTable;
  readonly ids: IdPool;
  readonly catalog: Catalog;
}

export function createFolders({ calls, table, ids, catalog }: FoldersOptions): Folders {
  let last: Promise<unknown> = Promise.resolve();

  async function make(key: string, parent: string, options: CallOptions): Promise<string> {
    const planned = table.get(key);
    const id = planned?.id ?? (await ids.take(options));
    const row: KnownObject = { key, id, state: 'sent', sizeBytes: null, sha256: null, session: null };
    if (planned === undefined) table.put([row]);
    let made: DriveFile | undefined;
    try {
      made = await calls.createFolder({ id, name: nameOf(key), parent }, options);
    } catch (error) {
      if (isRefused(error, 404)) throw await lost(key, options);
      if (!isRefused(error, 409)) throw error;
      made = await calls.find(id, options); // an earlier answer was lost
      if (made !== undefined && !isMadeAs(made, 'folder', nameOf(key))) {
        table.remove([key]);
        ids.giveUp();
        throw takenId(key);
      }
    }
    if (made === undefined || made.isTrashed) {
      table.remove([key]);
      throw await lost(key, options);
    }
    table.put([{ ...row, state: 'there' }]);
    catalog.wrote();
    return id;
  }

  async function lost(key: string, options?: CallOptions): Promise<SignetError> {
    await catalog.checkRoot(options); // throws when it is the root that is gone
    const folder = folderOf(key);
    if (folder !== '') table.remove([folder]);
    catalog.distrust();
    return new SignetError('E_UNREACHABLE', `${key}: its folder in google drive went away`, {
      params: { remote: placeName },
    });
  }

  function idOf(folder: string): string | undefined {
    const row = table.get(folder);
    return row?.state === 'there' ? row.id : undefined;
  }

  async function ensure(key: RemoteKey, options: CallOptions): Promise<string> {
    const folders = foldersAbove(key);
    // Another computer may have made the missing ones, or one of the others may be gone.
    if (folders.some(folder => idOf(folder) === undefined)) await catalog.refreshAfter(lookAgainMs, options);
    let parent = catalog.rootId;
    for (const folder of folders) parent = idOf(folder) ?? (await make(folder, parent, options));
    return parent;
  }

  return {
    above(key, options = {}) {
      const known = idOf(folderOf(key));
      if (known !== undefined) return Promise.resolve(known);
      const turn = last.then(() => ensure(key, options));
      last = turn.catch(() => undefined); // its caller is told; the next one goes on
      return turn;
    },
    lost,
  };
}
