// The engine thread's entry: the one place that names the adapters of remotes and builds what reaches outside; then it serves the main thread.

import { randomFillSync } from 'node:crypto';
import { hostname } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { productVersion } from '../protocol/version.ts';
import { secretBytes } from './base/bytes.ts';
import { systemClock } from './base/clock.ts';
import { SignetError } from './base/errors.ts';
import { startDatabaseCapture } from './capture/capture.ts';
import { grantsOf } from './cloud-grants.ts';
import type { EngineWorld } from './jobs/engine.ts';
import { type CloudContext, EnginePlaces, type Place } from './jobs/engine-places.ts';
import { serveEngine } from './jobs/engine-server.ts';
import { freeDiskBytes } from './platform/platform.ts';
import { cached } from './remotes/cached.ts';
import { cloudPlace } from './remotes/cloud-place.ts';
import type { DriveConnection } from './remotes/connection.ts';
import { counted } from './remotes/counted.ts';
import { createFolderRemote } from './remotes/folder.ts';
import { folderPlace } from './remotes/folder-place.ts';
import { mirrored } from './remotes/mirrored.ts';
import type { NetworkRemote } from './remotes/remote.ts';
import { patience, persistently, type Retrying, retrying } from './remotes/retrying.ts';
import { type PlaceSpec, placeLabel } from './remotes/spec.ts';
import { driveRates, type Throttling, throttled } from './remotes/throttled.ts';
import type { PackId } from './repository/model.ts';
import { openObjectTables, openPackJournal } from './state/state.ts';

if (parentPort === null) throw new SignetError('E_INTERNAL', 'the engine runs as a thread of the daemon only');
// The daemon's own main thread passes exactly this.
const { home, googleRoot } = workerData as EngineWorld;
const randomBytes = (count: number): Uint8Array => randomFillSync(secretBytes(count));
/** Of Google; a server on this computer is behind none. */
const proxies = (googleRoot ?? '') === '' ? process.env : undefined;
const random = (): number => new DataView(randomBytes(4).buffer).getUint32(0) / 2 ** 32;

serveEngine({
  port: parentPort,
  home,
  places: new EnginePlaces({
    home,
    placeOf,
    tables: openObjectTables(home).of,
    folder: createFolderRemote,
    randomBytes,
    now: () => systemClock.now(),
  }),
  keepCopies: remote => cached(remote, home.cache),
  withMirrors: mirrored,
  grants: grantsOf({ googleRoot, clock: systemClock, randomBytes, proxies }),
  journal: openPackJournal<PackId>(home),
  startCapture: () => startDatabaseCapture({ stagingFolder: home.staging, nodePath: process.execPath }),
  freeBytes: freeDiskBytes,
  clock: systemClock,
  randomBytes,
  host: { hostname: hostname(), pid: process.pid },
});

/** Adapters of clouds are loaded when there is one, so that nobody else's memory holds them. */
async function placeOf(place: PlaceSpec, context: CloudContext | undefined): Promise<Place> {
  if (place.kind === 'folder') {
    return { ...folderPlace(place.path), open: async () => counted(createFolderRemote(place.path)) };
  }
  if (context === undefined) throw new SignetError('E_INTERNAL', 'a cloud is opened by what connects it');
  const connection = context.connection();
  if (place.kind === 'drive') return drivePlaceOf(place.folder, context);
  if (place.kind === 's3' && connection.kind === 's3') {
    const { createS3Remote } = await import('./remotes/s3/s3.ts');
    const adapter = createS3Remote({ place, connection, clock: systemClock, randomBytes });
    const network = polite(adapter, context);
    return {
      ...cloudPlace,
      open: async () => counted(network),
      about: options => network.about(options),
      probe: options => adapter.check(options),
    };
  }
  throw new SignetError('E_INTERNAL', `a place of kind ${place.kind} is opened with something else`);
}

async function drivePlaceOf(folder: string, context: CloudContext): Promise<Place> {
  const [{ drivePlace }, { DriveAuth }, { googleEndpoints }] = await Promise.all([
    import('./remotes/drive/place.ts'),
    import('./remotes/drive/auth.ts'),
    import('./remotes/drive/endpoints.ts'),
  ]);
  const connection = driveConnection(context);
  const endpoints = googleEndpoints(googleRoot);
  const auth = new DriveAuth({
    connection,
    endpoints,
    clock: systemClock,
    place: placeLabel({ kind: 'drive', folder }),
    proxies,
  });
  const place = drivePlace({
    folder,
    connection: () => driveConnection(context),
    saveConnection: context.changed,
    auth,
    objects: context.rows(),
    sealSession: context.seal,
    openSession: context.unseal,
    endpoints,
    clock: systemClock,
    randomBytes,
    userAgent: `signet/${productVersion}`,
    proxies,
  });
  let network: NetworkRemote | undefined;
  const wire = (): NetworkRemote => {
    network ??= polite(place.remote(), context, driveRates);
    return network;
  };
  const policy = policyOf(context);
  return {
    ...place,
    isMissing: options => persistently(policy, () => place.isMissing(options), options),
    async prepare(options) {
      await persistently(policy, () => place.prepare(options), options);
      network = undefined; // it has its folder now
    },
    open: async () => counted(wire()),
    about: options => wire().about(options),
  };
}

function driveConnection(context: CloudContext): DriveConnection {
  const connection = context.connection();
  if (connection.kind === 'drive') return connection;
  throw new SignetError('E_INTERNAL', `google drive is opened with what connects a place of kind ${connection.kind}`);
}

/** Tries again what passes, as fast as the place likes and its owner allows. */
function polite(
  adapter: NetworkRemote,
  context: CloudContext,
  rates: Pick<Throttling, 'requests' | 'puts'> = {},
): NetworkRemote {
  const { limits, onWait, onAnswer } = context;
  return retrying(
    throttled(adapter, {
      clock: systemClock,
      ...rates,
      uploadBytesPerSecond: () => limits().maxUploadBytesPerSecond,
      downloadBytesPerSecond: () => limits().maxDownloadBytesPerSecond,
    }),
    { ...policyOf(context), onWait, onAnswer },
  );
}

function policyOf({ isPatient }: CloudContext): Omit<Retrying, 'onWait' | 'onAnswer'> {
  return { clock: systemClock, random, patienceMs: () => (isPatient() ? patience.jobMs : patience.personMs) };
}
