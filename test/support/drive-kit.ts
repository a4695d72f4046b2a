// The real Google Drive remote with the real sign-in and the real policy of trying again, in front of the fake: everything but the network and
// the passing of time. What the remote keeps on disk is kept in memory, and outlives it as a disk would.

import type { ExecutionContext } from 'ava';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import { DriveAuth } from '../../daemon/remotes/drive/auth.ts';
import {
  createDriveRemote,
  type DriveOptions,
  type ObjectTable,
  prepareDriveFolder,
} from '../../daemon/remotes/drive/drive.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import type { NetworkRemote } from '../../daemon/remotes/remote.ts';
import { patience, retrying } from '../../daemon/remotes/retrying.ts';
import { driveOptions } from './drive-bench.ts';
import { type DriveFake, type DriveFakeOptions, type StoredObject, startDriveFake } from './drive-fake/drive-fake.ts';
import { type HastyClock, hastyClock } from './hasty-clock.ts';
import { memoryObjects } from './memory-objects.ts';
import { fixedRandom } from './repository.ts';

export const folderName = 'Signet';
/** What a request takes in the life of tokens and lists. */
const requestMs = 150;

export interface Device {
  /** As the daemon uses it: failures that pass are tried again. */
  readonly remote: NetworkRemote;
  /** The adapter alone: every call is one try. */
  readonly bare: NetworkRemote;
  readonly table: ObjectTable;
  /** The same computer after a restart: what is on disk is there, nothing else. */
  restarted(): Promise<Device>;
  /** The connection as it is kept now. */
  connection(): DriveConnection;
}

export interface DriveKit {
  readonly fake: DriveFake;
  readonly clock: HastyClock;
  /** A computer that is connected, with the folder prepared. */
  device(changes?: DeviceOptions): Promise<Device>;
  /** Files in the folder by key, without the trash and what Google forgot; those of one key together. */
  stored(): ReadonlyMap<string, readonly StoredObject[]>;
  /** The one file of a key. Fails the test when there is none, or another. */
  single(key: string): StoredObject;
}

export interface DeviceOptions {
  readonly connection?: DriveConnection;
  /** Default: a job's. */
  readonly patienceMs?: number;
  readonly seed?: number;
}

export async function driveKit(t: ExecutionContext, options: DriveFakeOptions = {}): Promise<DriveKit> {
  let isBusy = (): boolean => false;
  const clock = hastyClock({ isBusy: () => isBusy() });
  const fake = await startDriveFake({ clock, seed: t.title, onRequest: () => clock.pass(requestMs), ...options });
  isBusy = fake.isBusy;
  t.teardown(() => fake.close());
  let devices = 0;

  function stored(): ReadonlyMap<string, readonly StoredObject[]> {
    const byKey = new Map<string, StoredObject[]>();
    for (const file of fake.files()) {
      if (
        file.isFolder ||
        file.isTrashed ||
        file.project !== fake.client.project ||
        !file.path.startsWith(`${folderName}/`)
      )
        continue;
      const key = file.path.slice(folderName.length + 1);
      byKey.set(key, [...(byKey.get(key) ?? []), file]);
    }
    return byKey;
  }

  return {
    fake,
    clock,
    async device({ patienceMs = patience.jobMs, seed = ++devices, connection: given = fake.connection() } = {}) {
      let connection = given;
      const table = memoryObjects();
      const randomBytes = fixedRandom(seed);
      const start = async (): Promise<Device> => {
        const options: DriveOptions = {
          ...driveOptions(fake, table, clock),
          folder: folderName,
          connection,
          auth: new DriveAuth({ connection, endpoints: googleEndpoints(fake.root), clock, place: 'Google Drive' }),
          saveConnection: async next => {
            connection = next;
          },
        };
        await prepareDriveFolder(options);
        const bare = createDriveRemote({ ...options, connection });
        const random = (): number => (randomBytes(1)[0] ?? 0) / 256;
        const remote = retrying(bare, { clock, random, patienceMs: () => patienceMs });
        return { remote, bare, table, restarted: start, connection: () => connection };
      };
      return start();
    },
    stored,
    single(key) {
      const files = stored().get(key) ?? [];
      const [file] = files;
      if (file === undefined || files.length > 1) throw new Error(`${key} is there ${files.length} times`);
      return file;
    },
  };
}

export async function keysOf(remote: NetworkRemote, folder = ''): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list(folder)) keys.push(key);
  return keys.sort();
}
