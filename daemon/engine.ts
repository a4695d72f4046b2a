// The engine thread's entry: the one place that names the adapters of remotes and builds what reaches outside; then it serves the main thread.

import { randomFillSync } from 'node:crypto';
import { hostname } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { secretBytes } from './base/bytes.ts';
import { systemClock } from './base/clock.ts';
import { SignetError } from './base/errors.ts';
import { startDatabaseCapture } from './capture/capture.ts';
import { type CloudContext, EnginePlaces, type Place } from './jobs/engine-places.ts';
import { serveEngine } from './jobs/engine-server.ts';
import { freeDiskBytes } from './platform/platform.ts';
import { cached } from './remotes/cached.ts';
import { counted } from './remotes/counted.ts';
import { createFolderRemote } from './remotes/folder.ts';
import { folderPlace } from './remotes/folder-place.ts';
import { mirrored } from './remotes/mirrored.ts';
import type { PlaceSpec } from './remotes/spec.ts';
import type { PackId } from './repository/model.ts';
import type { Home } from './state/model.ts';
import { openObjectTables, openPackJournal } from './state/state.ts';

if (parentPort === null) throw new SignetError('E_INTERNAL', 'the engine runs as a thread of the daemon only');
// The daemon's own main thread passes exactly this.
const { home } = workerData as { readonly home: Home };
const randomBytes = (count: number): Uint8Array => randomFillSync(secretBytes(count));
const tables = openObjectTables(home);

serveEngine({
  port: parentPort,
  home,
  places: new EnginePlaces({ home, placeOf, tables: tables.of, folder: createFolderRemote, randomBytes }),
  grants: {
    ask: async () => {
      throw unknownKind();
    },
    end: async () => false,
  },
  keepCopies: remote => cached(remote, home.cache),
  withMirrors: mirrored,
  journal: openPackJournal<PackId>(home),
  startCapture: () => startDatabaseCapture({ stagingFolder: home.staging, nodePath: process.execPath }),
  freeBytes: freeDiskBytes,
  clock: systemClock,
  randomBytes,
  host: { hostname: hostname(), pid: process.pid },
});

/** Adapters of clouds are loaded when there is one, so that nobody else's memory holds them. */
async function placeOf(place: PlaceSpec, _context: CloudContext | undefined): Promise<Place> {
  if (place.kind === 'folder')
    return { ...folderPlace(place.path), open: async () => counted(createFolderRemote(place.path)) };
  throw unknownKind();
}

function unknownKind(): SignetError {
  return new SignetError('E_USAGE', 'the remote is not of a kind that is known', {
    params: { option: '--remote', expected: 'folder:<path>' },
  });
}
