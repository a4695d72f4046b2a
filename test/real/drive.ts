// The tests of the Google Drive remote that make sense on a real account, run by scripts/real-drive: what every remote must do, and a whole backup
// with its restore. Each works in a folder of its own inside the one that the script made and removes.

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drive } from '@googleapis/drive';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../daemon/base/clock.ts';
import type { DriveConnection } from '../../daemon/remotes/connection.ts';
import { DriveAuth } from '../../daemon/remotes/drive/auth.ts';
import { createDriveRemote } from '../../daemon/remotes/drive/drive.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import type { NetworkRemote } from '../../daemon/remotes/remote.ts';
import { patience, retrying } from '../../daemon/remotes/retrying.ts';
import { driveRates, throttled } from '../../daemon/remotes/throttled.ts';
import { remoteContract } from '../contracts/remote.ts';
import { archiveBench, treeOf } from '../support/archive.ts';
import { memoryObjects } from '../support/memory-objects.ts';

interface Handed {
  readonly connection: DriveConnection;
  /** Id of the folder for everything. */
  readonly folder: string;
}

const handed = JSON.parse(readFileSync(process.env['SIGNET_REAL_DRIVE'] ?? '', 'utf8')) as Handed;
const googleRoot = process.env['SIGNET_GOOGLE_ROOT'];
const endpoints = googleEndpoints(googleRoot);
const auth = new DriveAuth({ connection: handed.connection, endpoints, clock: systemClock, place: 'Google Drive' });
const { files } = drive({ version: 'v3', auth: auth.client, rootUrl: endpoints.apiRoot });
const folderType = 'application/vnd.google-apps.folder';
/** An imitation on this computer bears any rate. */
const rates = googleRoot === undefined ? driveRates : {};

/** As the daemon puts it together, in a new folder. */
async function newRemote(t: ExecutionContext): Promise<NetworkRemote> {
  const requestBody = { name: t.title.slice(0, 100), mimeType: folderType, parents: [handed.folder] };
  const { data } = await files.create({ requestBody, fields: 'id' }, { retry: false });
  return open({ ...handed.connection, folderId: data.id ?? null });
}

function open(connection: DriveConnection): NetworkRemote {
  const adapter = createDriveRemote({
    folder: 'unused: the connection names it by id',
    connection,
    saveConnection: async () => undefined,
    auth,
    objects: memoryObjects(),
    sealSession: bytes => bytes,
    openSession: bytes => bytes,
    endpoints,
    clock: systemClock,
    randomBytes: length => new Uint8Array(randomBytes(length)),
    userAgent: 'signet/test',
  });
  return retrying(
    throttled(adapter, {
      clock: systemClock,
      ...rates,
      uploadBytesPerSecond: () => 0,
      downloadBytesPerSecond: () => 0,
    }),
    { clock: systemClock, random: Math.random, patienceMs: () => patience.jobMs },
  );
}

remoteContract('Google Drive', newRemote);

test('two backups are restored byte for byte', async t => {
  const remote = await newRemote(t);
  const work = await archiveBench(t, { remote });
  for (const name of ['photo.jpg', 'voice.opus']) writeFileSync(join(work.root, name), randomBytes(300_000));
  // More than 5 MiB go in a resumable upload.
  writeFileSync(join(work.root, 'video.mp4'), randomBytes(20_000_000));
  const first = await work.backUp();
  const asFirst = treeOf(work.root);
  writeFileSync(join(work.root, 'voice.opus'), randomBytes(400_000));
  const before = remote.requests();
  const second = await work.backUp();
  t.log(`the second backup, of 400 kB, took ${remote.requests() - before} requests`);
  for (const [run, tree] of [
    [first, asFirst],
    [second, treeOf(work.root)],
  ] as const) {
    const { target } = await work.restore(run);
    t.deepEqual(treeOf(join(target, work.source.id)), tree);
  }
  const problems = await work.repository.checkPacks();
  t.deepEqual(problems, []);
});

test('the place tells whose it is and how much room there is', async t => {
  const remote = await newRemote(t);
  const { account, quota } = await remote.about();
  t.is(account, handed.connection.account);
  t.true((quota?.used ?? -1) >= 0);
});
