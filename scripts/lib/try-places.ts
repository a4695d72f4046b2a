// The places that scripts/try keeps copies in: a folder, or a cloud that a program of this project plays on this computer. Each tells what
// connects it, and how stock restic gets at it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import type { Order } from '../../test/support/drive-fake/main.ts';
import { hasRclone, rcloneOnDrive } from '../../test/support/rclone.ts';
import type { Programs } from './programs.ts';
import type { Machine } from './try-machine.ts';

export const placeKinds = ['folder', 'drive', 's3'] as const;
export type PlaceKind = (typeof placeKinds)[number];

export interface TryPlace {
  /** --remote. */
  readonly remote: string;
  /** What is said before anything begins; undefined for a folder, of which there is nothing to say. */
  readonly words: string | undefined;
  /** For the commands of Signet. */
  readonly environment: NodeJS.ProcessEnv;
  /** Lets a computer in, and answers how; undefined where nothing has to be connected. */
  readonly connect: ((machine: Machine) => Promise<string>) | undefined;
  /** How many requests it was asked, as it counted them itself; undefined where nobody counts. */
  readonly requests: (() => Promise<number>) | undefined;
  forRestic(): Promise<ForRestic>;
  close(): Promise<void>;
}

export interface ForRestic {
  readonly repository: string;
  readonly environment: NodeJS.ProcessEnv;
  /** How restic got at it, as the end of a sentence. */
  readonly way: string;
  close(): Promise<void>;
}

export interface PlaceOptions {
  /** For everything that it writes. */
  readonly folder: string;
  readonly programs: Programs;
}

export async function openPlace(kind: PlaceKind, options: PlaceOptions): Promise<TryPlace> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  if (kind === 'drive') return drivePlace(options);
  if (kind === 's3') return s3Place(options);
  const cloud = join(options.folder, 'copies');
  return {
    remote: `folder:${cloud}`,
    words: undefined,
    environment: {},
    connect: undefined,
    requests: undefined,
    forRestic: async () => ({ repository: cloud, environment: {}, way: '', close: async () => {} }),
    close: async () => {},
  };
}

/** What they write goes along with the folder. */
const serve = ({ programs, folder }: PlaceOptions, file: string) =>
  programs.serve(
    process.execPath,
    ['--no-warnings', fileURLToPath(new URL(`../../test/support/${file}`, import.meta.url))],
    { ...process.env, TMPDIR: folder },
  );

interface Client {
  readonly id: string;
  readonly secret: string;
}

async function drivePlace(options: PlaceOptions): Promise<TryPlace> {
  const server = await serve(options, 'drive-fake/main.ts');
  const { root, client, otherClient } = JSON.parse(server.hello) as {
    readonly root: string;
    readonly client: Client;
    readonly otherClient: Client;
  };
  const ask = async <T>(order: Order): Promise<T> => {
    const answer = JSON.parse(await server.ask(JSON.stringify(order))) as {
      readonly result: T;
      readonly error?: string;
    };
    if (answer.error !== undefined) throw new Error(`the stand-in for Google Drive: ${answer.error}`);
    return answer.result;
  };
  const remote = 'drive:Signet';
  return {
    remote,
    words: 'Google Drive is played by a program on this computer; no account is needed, and nothing leaves it.',
    environment: { SIGNET_GOOGLE_ROOT: root },
    requests: () => ask<number>({ do: 'count' }),
    async connect(machine) {
      const visits: Promise<unknown>[] = [];
      const { account } = await machine.signet<{ readonly account: string }>(
        ['remote', 'connect', remote, '--client-id', client.id, '--secrets-stdin', '--no-browser'],
        {
          input: JSON.stringify({ clientSecret: client.secret }),
          onLine(line) {
            const said = JSON.parse(line) as { readonly type: string; readonly url?: string };
            // As the browser of somebody who agrees at once: to Google's page, and from there back to this computer.
            if (said.type === 'signIn' && said.url !== undefined)
              visits.push(fetch(said.url).then(page => page.text()));
          },
        },
      );
      await Promise.all(visits);
      return `signed in as ${account}`;
    },
    async forRestic() {
      if (hasRclone) {
        const scope = 'https://www.googleapis.com/auth/drive.readonly';
        const granted = await ask<DriveConnection>({ do: 'connection', clientId: otherClient.id, scopes: [scope] });
        const { environment, close } = await rcloneOnDrive(root, granted, 'drive.readonly', options.folder);
        return { repository: 'rclone:drive:Signet', environment, way: ', through rclone', close };
      }
      const folder = join(options.folder, 'downloaded');
      await ask({ do: 'save', folder });
      return {
        repository: join(folder, 'Signet'),
        environment: {},
        way: ', with all files downloaded',
        close: async () => {},
      };
    },
    close: () => server.close(),
  };
}

async function s3Place(options: PlaceOptions): Promise<TryPlace> {
  const server = await serve(options, 's3-server-main.ts');
  const { endpoint, bucket, accessKeyId, secretAccessKey } = JSON.parse(server.hello) as Record<
    'endpoint' | 'bucket' | 'accessKeyId' | 'secretAccessKey',
    string
  >;
  const place = `s3:${endpoint}/${bucket}/laptop`;
  return {
    remote: place,
    words: 'The S3 storage is a server on this computer; nothing leaves it.',
    environment: {},
    requests: undefined,
    async connect(machine) {
      await machine.signet(
        ['remote', 'connect', place, '--access-key-id', accessKeyId, '--path-style', '--secrets-stdin'],
        { input: JSON.stringify({ s3Secret: secretAccessKey }) },
      );
      return 'with an access key';
    },
    forRestic: async () => ({
      repository: place,
      environment: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      way: ', through its own S3 client',
      close: async () => {},
    }),
    close: () => server.close(),
  };
}
