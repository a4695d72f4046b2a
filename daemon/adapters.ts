// From the text of a remote to the adapter that speaks to it: the one place that names the adapters.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SignetError, systemCode } from './base/errors.ts';
import { createFolderRemote, prepareFolder } from './remotes/folder.ts';
import type { Remote } from './remotes/remote.ts';

const folderPrefix = 'folder:';

/** @throws E_USAGE for a kind that this version has no adapter for · E_UNREACHABLE */
export async function openRemote(spec: string): Promise<Remote> {
  return createFolderRemote(folderOf(spec));
}

/**
 * Whether the place is only missing: a folder that is not there inside one that is. A missing parent is more likely an unmounted disk, on
 * whose mount point nothing must be created.
 */
export async function isMissing(spec: string): Promise<boolean> {
  const folder = folderOf(spec);
  const isThere = async (path: string): Promise<boolean> => {
    try {
      return (await stat(path)).isDirectory();
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  };
  return !(await isThere(folder)) && (await isThere(dirname(folder)));
}

/** Makes the place ready for a new repository: creates the folder when only it is missing. @throws E_UNREACHABLE · E_REMOTE_DENIED */
export async function prepareRemote(spec: string): Promise<void> {
  if (await isMissing(spec)) await prepareFolder(folderOf(spec));
}

function folderOf(spec: string): string {
  if (!spec.startsWith(folderPrefix)) {
    throw new SignetError('E_USAGE', 'the remote is not of a kind that is known', {
      params: { option: '--remote', expected: 'folder:<path>' },
    });
  }
  return spec.slice(folderPrefix.length);
}
