// From the text of a remote to the adapter that speaks to it: the one place that names the adapters.

import { SignetError } from './base/errors.ts';
import { createFolderRemote, prepareFolder } from './remotes/folder.ts';
import type { Remote } from './remotes/remote.ts';

const folderPrefix = 'folder:';

/** @throws E_USAGE for a kind that this version has no adapter for · E_UNREACHABLE */
export async function openRemote(spec: string): Promise<Remote> {
  return createFolderRemote(folderOf(spec));
}

/** Makes the place ready for a new repository: a folder is created when only it is missing. */
export async function prepareRemote(spec: string): Promise<void> {
  await prepareFolder(folderOf(spec));
}

function folderOf(spec: string): string {
  if (!spec.startsWith(folderPrefix)) {
    throw new SignetError('E_USAGE', 'the remote is not of a kind that is known', {
      params: { option: '--remote', expected: 'folder:<path>' },
    });
  }
  return spec.slice(folderPrefix.length);
}
