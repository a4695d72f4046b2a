// Clouds on this computer for a whole Signet: a bucket, and a Google Drive that its owner signs in to.

import type { ExecutionContext } from 'ava';
import { type DaemonClient, daemonClient } from './daemon-client.ts';
import { type DriveFake, startDriveFake } from './drive-fake/drive-fake.ts';
import { signIn } from './drive-owner.ts';
import { type Installation, type InstallationOptions, installation } from './installation.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

export interface Cloud {
  /** For `--remote`. */
  readonly remote: string;
  /** What must be in no file of this computer. */
  readonly secret: string;
  installation(): Promise<Installation>;
  connect(signet: Installation): Promise<DaemonClient>;
  /** Of all that was sent to it so far, sign-in included. */
  requests(): number;
  /** Paths of objects. */
  objects(): Promise<readonly string[]>;
}

export async function bucket(
  t: ExecutionContext,
  options: InstallationOptions = {},
): Promise<Cloud & { readonly server: S3Server }> {
  const server = await startS3Server();
  t.teardown(() => server.close());
  const remote = `s3:${server.endpoint}/${server.bucket}/chats`;
  const { accessKeyId, secretAccessKey } = server;
  return {
    server,
    remote,
    secret: secretAccessKey,
    installation: () => installation(t, options),
    async connect(signet) {
      await signet.status(); // starts the daemon
      const client = await daemonClient(t, signet.home);
      await client.connectRemote({ remote, accessKeyId }, [['s3Secret', Buffer.from(secretAccessKey)]]);
      return client;
    },
    requests: () => server.log.length,
    objects: () => server.keys(),
  };
}

export async function drive(
  t: ExecutionContext,
  options: InstallationOptions = {},
): Promise<Cloud & { readonly google: DriveFake }> {
  const google = await startDriveFake();
  t.teardown(() => google.close());
  const remote = 'drive:chats';
  return {
    google,
    remote,
    secret: google.client.secret,
    installation: () =>
      installation(t, { ...options, environment: { ...options.environment, SIGNET_GOOGLE_ROOT: google.root } }),
    async connect(signet) {
      await signet.status();
      const client = await daemonClient(t, signet.home);
      await signIn(client, google, remote);
      return client;
    },
    requests: () => google.log.length,
    objects: async () => google.paths(),
  };
}
