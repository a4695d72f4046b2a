// The engine thread's entry: the one place that names the adapters of remotes and builds what reaches outside; then it serves the main thread.

import { randomFillSync } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { secretBytes } from './base/bytes.ts';
import { systemClock } from './base/clock.ts';
import { SignetError, systemCode } from './base/errors.ts';
import { startDatabaseCapture } from './capture/capture.ts';
import { serveEngine } from './jobs/engine-server.ts';
import { freeDiskBytes } from './platform/platform.ts';
import { cached } from './remotes/cached.ts';
import { counted } from './remotes/counted.ts';
import { createFolderRemote, prepareFolder, refuseLinkedFolder, removeEmptyFolders } from './remotes/folder.ts';
import { mirrored } from './remotes/mirrored.ts';
import type { Remote } from './remotes/remote.ts';
import type { PackId } from './repository/model.ts';
import type { Home } from './state/model.ts';
import { openPackJournal } from './state/state.ts';

const folderPrefix = 'folder:';

if (parentPort === null) throw new SignetError('E_INTERNAL', 'the engine runs as a thread of the daemon only');
// The daemon's own main thread passes exactly this.
const { home } = workerData as { readonly home: Home };

serveEngine({
  port: parentPort,
  home,
  openRemote,
  keepCopies: remote => cached(remote, home.cache),
  prepareRemote,
  withMirrors: mirrored,
  checkPlace,
  isMissing,
  checkDeletable: spec => refuseLinkedFolder(folderOf(spec)),
  removeEmpty: spec => removeEmptyFolders(folderOf(spec)),
  journal: openPackJournal<PackId>(home),
  startCapture: () => startDatabaseCapture({ stagingFolder: home.staging, nodePath: process.execPath }),
  freeBytes: freeDiskBytes,
  clock: systemClock,
  randomBytes: count => randomFillSync(secretBytes(count)),
  host: { hostname: hostname(), pid: process.pid },
});

/** @throws E_USAGE for a kind that this version has no adapter for · E_UNREACHABLE */
async function openRemote(spec: string): Promise<Remote> {
  return counted(createFolderRemote(folderOf(spec)));
}

/**
 * Whether the place is only missing: a folder that is not there inside one that is. A missing parent is more likely an unmounted disk, on
 * whose mount point nothing must be created.
 */
async function isMissing(spec: string): Promise<boolean> {
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

/**
 * A place that set-up cannot use and that no waiting will make usable.
 * @throws E_USAGE
 */
async function checkPlace(spec: string): Promise<void> {
  const folder = folderOf(spec);
  const [own, above] = await Promise.all([folder, dirname(folder)].map(path => stat(path).catch(() => undefined)));
  const detail =
    own !== undefined && !own.isDirectory()
      ? `${folder} is a file: give a folder`
      : own === undefined && above?.isDirectory() !== true
        ? `there is no folder ${dirname(folder)}: connect its disk, or make it first`
        : undefined;
  if (detail === undefined) return;
  throw new SignetError('E_USAGE', 'the place for the copies cannot be a folder', { params: { detail, path: folder } });
}

/** Makes the place ready for a new repository: creates the folder when only it is missing. @throws E_UNREACHABLE · E_REMOTE_DENIED */
async function prepareRemote(spec: string): Promise<void> {
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
