// Stock rclone on the fake of Google Drive: a configuration of its own, and an environment in which Google's names lead to the fake.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import { hasOpenssl, startGoogleNames } from './google-names.ts';

/** Also what it takes to stand in for Google: rclone 1.60 cannot be told another root. */
export const hasRclone = hasOpenssl && spawnSync('rclone', ['version']).status === 0;

export interface Rclone {
  /** For `restic -r rclone:drive:<folder>`. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * @param root of the fake
 * @param granted to rclone's own client id
 * @param folder for the configuration and the certificate; the caller removes it
 */
export async function rcloneOnDrive(
  root: string,
  { clientId, clientSecret, refreshToken }: Pick<DriveConnection, 'clientId' | 'clientSecret' | 'refreshToken'>,
  scope: 'drive' | 'drive.readonly',
  folder: string,
): Promise<Rclone> {
  const names = await startGoogleNames(root, folder);
  const config = join(folder, 'rclone.conf');
  // Over already, so that the first thing asked is a new one.
  const token = {
    access_token: 'over',
    token_type: 'Bearer',
    refresh_token: refreshToken,
    expiry: '2020-01-01T00:00:00Z',
  };
  const lines = [
    '[drive]',
    'type = drive',
    `client_id = ${clientId}`,
    `client_secret = ${clientSecret}`,
    `scope = ${scope}`,
    `token = ${JSON.stringify(token)}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  return {
    environment: {
      RCLONE_CONFIG: config,
      RCLONE_CA_CERT: names.certificate,
      HTTPS_PROXY: names.proxy,
      NO_PROXY: '',
    },
    close: () => names.close(),
  };
}
