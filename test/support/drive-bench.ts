// A Drive adapter over the fake, with everything it needs.

import { randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { DriveAuth } from '../../daemon/remotes/drive/auth.ts';
import {
  createDriveRemote,
  type DriveOptions,
  type ObjectTable,
  prepareDriveFolder,
} from '../../daemon/remotes/drive/drive.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import type { NetworkRemote } from '../../daemon/remotes/remote.ts';
import { type DriveFake, type DriveFakeOptions, startDriveFake } from './drive-fake/drive-fake.ts';
import { memoryObjects } from './memory-objects.ts';

export interface DriveBench {
  readonly fake: DriveFake;
  readonly objects: ObjectTable;
  readonly options: DriveOptions;
  readonly remote: NetworkRemote;
  /** The same place as seen after a restart, or by another computer with a table of its own. */
  open(changes?: Partial<DriveOptions>): NetworkRemote;
}

export interface DriveBenchOptions extends DriveFakeOptions {
  readonly inactivityMs?: number;
}

/** With a folder that is made, and a log that is empty. */
export async function driveBench(t: ExecutionContext, settings: DriveBenchOptions = {}): Promise<DriveBench> {
  const fake = await startDriveFake(settings);
  t.teardown(() => fake.close());
  const objects = memoryObjects();
  const base = driveOptions(fake, objects, settings.clock, settings.inactivityMs);
  const options: DriveOptions = { ...base, connection: await prepareDriveFolder(base) };
  fake.clearLog();
  const open = (changes: Partial<DriveOptions> = {}): NetworkRemote => createDriveRemote({ ...options, ...changes });
  return { fake, objects, options, open, remote: open() };
}

export function driveOptions(
  fake: DriveFake,
  objects: ObjectTable,
  clock: Clock = systemClock,
  inactivityMs?: number,
): DriveOptions {
  const endpoints = googleEndpoints(fake.root);
  const connection = fake.connection();
  return {
    folder: 'Signet',
    connection,
    saveConnection: async () => undefined,
    auth: new DriveAuth({ connection, endpoints, clock, place: 'Google Drive' }),
    objects,
    // Not readable by eye, which is what the tests look for.
    sealSession: bytes => bytes.map(byte => byte ^ 0xff),
    openSession: bytes => bytes.map(byte => byte ^ 0xff),
    endpoints,
    clock,
    randomBytes: length => new Uint8Array(randomBytes(length)),
    userAgent: 'signet/test',
    inactivityMs,
  };
}
