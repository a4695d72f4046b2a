// A folder in Google Drive as a place for copies: whether it is there, and how it is made. It is never taken away: files of the owner's that
// this app cannot see may lie in it.

import { cloudPlace } from '../cloud-place.ts';
import type { DriveConnection } from '../connection.ts';
import type { CallOptions, NetworkRemote } from '../remote.ts';
import { createDriveRemote, type DriveOptions, findDriveFolder, prepareDriveFolder } from './drive.ts';

export interface DrivePlaceOptions extends Omit<DriveOptions, 'connection'> {
  /** As it is now: the folder is found or made after the place was opened. */
  readonly connection: () => DriveConnection;
}

export function drivePlace(options: DrivePlaceOptions) {
  const now = (): DriveOptions => ({ ...options, connection: options.connection() });
  return {
    ...cloudPlace,
    remote: (): NetworkRemote => createDriveRemote(now()),
    isMissing: async (call?: CallOptions): Promise<boolean> => (await findDriveFolder(now(), call)) === undefined,
    async prepare(call?: CallOptions): Promise<void> {
      await prepareDriveFolder(now(), call);
    },
  };
}
