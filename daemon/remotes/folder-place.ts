// A folder as a place for copies: what set-up and deleting ask about it beside its objects. Only a folder that is missing inside one that is
// there can be made: a missing parent is more likely an unmounted disk, on whose mount point nothing must be created.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignetError, systemCode } from '../base/errors.ts';
import { prepareFolder, refuseLinkedFolder, removeEmptyFolders } from './folder.ts';

export interface FolderPlace {
  /** @throws E_USAGE when no waiting will make it a place */
  check(): Promise<void>;
  isMissing(): Promise<boolean>;
  /** Makes the folder when only it is missing. @throws E_UNREACHABLE · E_REMOTE_DENIED */
  prepare(): Promise<void>;
  /** @throws E_REMOTE_DENIED for a link */
  checkDeletable(): Promise<void>;
  removeEmpty(): Promise<void>;
}

/** @param path absolute */
export function folderPlace(path: string): FolderPlace {
  const isMissing = async (): Promise<boolean> => !(await isFolder(path)) && (await isFolder(dirname(path)));
  return {
    check: () => check(path),
    isMissing,
    async prepare() {
      if (await isMissing()) await prepareFolder(path);
    },
    checkDeletable: () => refuseLinkedFolder(path),
    removeEmpty: () => removeEmptyFolders(path),
  };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function check(path: string): Promise<void> {
  const [own, above] = await Promise.all([path, dirname(path)].map(each => stat(each).catch(() => undefined)));
  const detail =
    own !== undefined && !own.isDirectory()
      ? `${path} is a file: give a folder`
      : own === undefined && above?.isDirectory() !== true
        ? `there is no folder ${dirname(path)}: connect its disk, or make it first`
        : undefined;
  if (detail === undefined) return;
  throw new SignetError('E_USAGE', 'the place for the copies cannot be a folder', { params: { detail, path } });
}
