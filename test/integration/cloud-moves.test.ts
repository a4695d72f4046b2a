// A backup with history on its way through all kinds of places: a folder, Google Drive (a strict fake), an S3 server. After each move every
// backup is restored whole, and the place before stays as it is until it is deleted by name.

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import type { CopyResult, PlaceStatus } from '../../protocol/status.ts';
import { type DaemonClient, daemonClient } from '../support/daemon-client.ts';
import { type DriveFake, startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { type Installation, installation, password } from '../support/installation.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';

const longestMs = 300_000;

interface World {
  readonly signet: Installation;
  readonly client: DaemonClient;
  readonly google: DriveFake;
  readonly s3: S3Server;
  readonly drive: string;
  readonly bucket: string;
  readonly folder: string;
}

async function world(t: ExecutionContext, clock: Clock = systemClock): Promise<World> {
  t.timeout(longestMs);
  const google = await startDriveFake({ clock });
  const s3 = await startS3Server();
  t.teardown(async () => {
    await google.close();
    await s3.close();
  });
  const signet = await installation(t, { environment: { SIGNET_GOOGLE_ROOT: google.root } });
  mkdirSync(join(signet.source, 'media'));
  for (const [at, text] of ['first', 'second'].entries()) {
    writeFileSync(join(signet.source, 'a.txt'), text);
    writeFileSync(join(signet.source, 'media', `${text}.bin`), Buffer.alloc(150_000 + at, text));
    if (at === 0) await signet.setUp();
    await signet.ok(['backup']);
  }
  const client = await daemonClient(t, signet.home);
  const drive = 'drive:Signet';
  await client.connectRemote(
    { remote: drive, clientId: google.client.id },
    [['clientSecret', Buffer.from(google.client.secret)]],
    url => void fetch(url),
  );
  const bucket = `s3:${s3.endpoint}/${s3.bucket}/chats`;
  await client.connectRemote({ remote: bucket, accessKeyId: s3.accessKeyId }, [
    ['s3Secret', Buffer.from(s3.secretAccessKey)],
  ]);
  return { signet, client, google, s3, drive, bucket, folder: `folder:${signet.remote}` };
}

/** What each backup holds: newest first. */
async function everything(signet: Installation, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { id } of await signet.snapshots()) {
    const to = join(signet.folder, `${name}-${id.slice(0, 8)}`);
    await signet.ok(['restore', id, '--to', to]);
    const [source = ''] = readdirSync(to);
    const media = readdirSync(join(to, source, 'media')).sort();
    const sizes = media.map(file => `${file} ${statSync(join(to, source, 'media', file)).size}`);
    found.push([readFileSync(join(to, source, 'a.txt'), 'utf8'), ...sizes].join(', '));
  }
  return found;
}

async function roles(client: DaemonClient): Promise<Record<string, PlaceStatus['role']>> {
  const used = (await client.showRemote()).filter(({ role }) => role !== 'unused');
  return Object.fromEntries(used.map(({ remote, role }) => [remote, role]));
}

const ofBackup = (paths: readonly string[]) => paths.filter(path => !path.includes('locks/')).toSorted();

test('a backup moves from a folder to Google Drive and on to S3, whole after each move', async t => {
  const { signet, client, google, s3, drive, bucket, folder } = await world(t);
  const contents = await everything(signet, 'before');
  t.is(contents.length, 2);
  const inFolder = readdirSync(signet.remote, { recursive: true }).length;

  t.is((await signet.ok<CopyResult & { left: string }>(['remote', 'move', drive])).left, 'copies');
  t.deepEqual(await everything(signet, 'drive'), contents);
  await signet.ok(['verify', '--read-data']);
  t.is(readdirSync(signet.remote, { recursive: true }).length, inFolder);
  t.deepEqual(await roles(client), { [drive]: 'main', [folder]: 'left' });
  t.deepEqual(google.violations, []);

  writeFileSync(join(signet.source, 'a.txt'), 'third');
  await signet.ok(['backup']);
  const inDrive = ofBackup(google.paths());
  const three = await everything(signet, 'three');
  t.is(three.length, 3);

  t.is((await signet.ok<CopyResult & { left: string }>(['remote', 'move', bucket])).left, 'Signet');
  t.deepEqual(await everything(signet, 's3'), three);
  await signet.ok(['verify', '--read-data']);
  t.deepEqual(ofBackup(google.paths()), inDrive);
  t.is(ofBackup(await s3.keys()).length, inDrive.length);

  // The keys of the new place are there after a restart too, and it goes on there alone.
  await signet.killDaemon();
  await signet.ok(['unlock'], { password });
  writeFileSync(join(signet.source, 'a.txt'), 'fourth');
  await signet.ok(['backup']);
  t.deepEqual(ofBackup(google.paths()), inDrive);

  await signet.ok(['remote', 'delete-old', 'Signet'], { password });
  t.deepEqual(ofBackup(google.paths()), []);
  await signet.ok(['remote', 'delete-old', 'copies'], { password });
  t.is((await everything(signet, 'last')).length, 4);
  await signet.ok(['verify', '--read-data']);
});

test('one folder in Google Drive under two names is one place, although lists there are an hour late', async t => {
  let passed = 0;
  const { signet, client, google, drive } = await world(t, { ...systemClock, now: () => systemClock.now() + passed });
  await signet.ok(['remote', 'move', drive]);
  const root = google.files().find(({ path, isFolder }) => path === 'Signet' && isFolder);
  google.patchFile(root?.id ?? '', { name: 'Renamed' });
  const renamed = 'drive:Renamed';
  await client.connectRemote(
    { remote: renamed, clientId: google.client.id },
    [['clientSecret', Buffer.from(google.client.secret)]],
    url => void fetch(url),
  );
  passed = 86_400_000;
  google.set({ listLagMs: 3_600_000 });
  const before = ofBackup(google.paths());
  for (const command of [
    ['move', renamed],
    ['mirror', 'add', renamed],
  ]) {
    const ran = await signet.signet(['remote', ...command]);
    t.is(ran.errorCode(), 'E_USAGE', command.join(' '));
  }
  t.is((await signet.signet(['remote', 'delete-old', 'Signet'], { password })).errorCode(), 'E_USAGE');
  t.deepEqual(ofBackup(google.paths()), before);
});

test('an old place in Google Drive that is a second copy under another name is not deleted', async t => {
  const { signet, client, google, drive, bucket } = await world(t);
  await signet.ok(['remote', 'move', drive]);
  await signet.ok(['remote', 'move', bucket]);
  const root = google.files().find(({ path, isFolder }) => path === 'Signet' && isFolder);
  google.patchFile(root?.id ?? '', { name: 'Renamed' });
  await client.connectRemote(
    { remote: 'drive:Renamed', clientId: google.client.id },
    [['clientSecret', Buffer.from(google.client.secret)]],
    url => void fetch(url),
  );
  await signet.ok(['remote', 'mirror', 'add', 'drive:Renamed']);
  const before = ofBackup(google.paths());
  t.is((await signet.signet(['remote', 'delete-old', 'Signet'], { password })).errorCode(), 'E_USAGE');
  t.deepEqual(ofBackup(google.paths()), before);
});

test('a second copy in a bucket gives back what Google Drive lost', async t => {
  const { signet, client, google, s3, drive, bucket } = await world(t);
  await signet.ok(['remote', 'move', drive]);
  await signet.ok(['remote', 'mirror', 'add', bucket]);
  t.is((await roles(client))[bucket], 'mirror');
  // After a backup only what is new goes there, and when nothing is new nothing is asked.
  s3.log.length = 0;
  writeFileSync(join(signet.source, 'a.txt'), 'third');
  await signet.ok(['backup']);
  const isWhole = async () => ofBackup(await s3.keys()).length === ofBackup(google.paths()).length;
  while (!(await isWhole())) await signet.status();
  await signet.until('the copy is made', ({ job, mirrors }) => job === null && mirrors[0]?.problem === undefined);
  const puts = s3.log.filter(({ operation }) => operation === 'PutObject').length;
  t.true(puts <= 6 && s3.log.length - puts <= 14, `${puts} puts of ${s3.log.length} requests`);
  s3.log.length = 0;
  await signet.ok(['backup']);
  t.deepEqual(s3.log, []);
  const whole = ofBackup(google.paths());
  const isPack = (path: string): boolean => /\/data\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(path);
  const [lost, damaged] = google.files().filter(({ path }) => isPack(path));
  if (lost === undefined || damaged === undefined) return t.fail();
  google.deleteFile(lost.id);
  google.corrupt(damaged.id, { rehash: true });
  t.is((await signet.signet(['verify', '--read-data'])).code, 1);
  const { healed, problems } = await signet.ok<CopyResult>(['remote', 'mirror', 'sync']);
  t.deepEqual([healed, problems], [2, []]);
  t.deepEqual(ofBackup(google.paths()), whole);
  await signet.ok(['verify', '--read-data']);
});
