// The engine thread's entry: builds the adapters that reach outside and serves the main thread.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { isMissing, openRemote, prepareRemote } from './adapters.ts';
import { systemClock } from './base/clock.ts';
import { SignetError } from './base/errors.ts';
import { startDatabaseCapture } from './capture/capture.ts';
import { serveEngine } from './jobs/engine-server.ts';
import { freeDiskBytes } from './platform/platform.ts';
import type { PackId } from './repository/model.ts';
import type { Home } from './state/model.ts';
import { openPackJournal } from './state/state.ts';

if (parentPort === null) throw new SignetError('E_INTERNAL', 'the engine runs as a thread of the daemon only');
// The daemon's own main thread passes exactly this.
const { home } = workerData as { readonly home: Home };

serveEngine({
  port: parentPort,
  home,
  openRemote,
  prepareRemote,
  isMissing,
  journal: openPackJournal<PackId>(home),
  startCapture: () => startDatabaseCapture({ stagingFolder: home.staging, nodePath: process.execPath }),
  freeBytes: freeDiskBytes,
  clock: systemClock,
  randomBytes: count => new Uint8Array(randomBytes(count)),
  host: { hostname: hostname(), pid: process.pid },
});
