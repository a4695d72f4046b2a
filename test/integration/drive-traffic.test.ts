// What a whole Signet sends to Google Drive: how often it asks, what it does while the account takes no more, and what a crash in the middle of
// an upload costs.

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult, RestoreResult } from '../../protocol/status.ts';
import { type Cloud, drive } from '../support/clouds.ts';
import { daemonClient } from '../support/daemon-client.ts';
import type { DriveFake } from '../support/drive-fake/drive-fake.ts';
import { type Installation, password, phone } from '../support/installation.ts';

interface Kit {
  readonly google: DriveFake;
  readonly place: Cloud;
  readonly signet: Installation;
}

/** Connected and set up, with one backup made. */
async function kit(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<Kit> {
  t.timeout(120_000);
  const place = await drive(t, { settings });
  const { google, remote, connect } = place;
  const signet = await place.installation();
  writeFileSync(join(signet.source, 'one.txt'), 'hello');
  await connect(signet);
  await signet.ok(['setup', '--new', '--source', signet.source, '--remote', remote], { password, phone });
  await signet.ok(['backup']);
  return { google, place, signet };
}

test('half a megabyte more costs at most twelve requests', async t => {
  const { google, signet } = await kit(t);
  google.clearLog();
  writeFileSync(join(signet.source, 'photo.jpg'), randomBytes(500_000));
  const { bytesUploaded, requests } = await signet.ok<BackupResult>(['backup']);
  t.true(bytesUploaded > 500_000);
  const asked = google.log.map(({ type }) => type);
  t.log(asked.join(', '));
  t.true(google.count('*') <= 12, asked.join(', '));
  t.true(requests <= google.count('*') && requests >= 8, 'it tells how many there were');
  t.deepEqual(google.violations, []);
});

test('after a restart half a megabyte more costs at most one request more', async t => {
  const { google, signet } = await kit(t);
  await signet.killDaemon();
  await signet.ok(['unlock'], { password });
  await signet.until('unlocked', ({ vault, job }) => vault === 'unlocked' && job === null);
  google.clearLog();
  writeFileSync(join(signet.source, 'photo.jpg'), randomBytes(500_000));
  await signet.ok(['backup']);
  const asked = google.log.map(({ type }) => type);
  t.log(asked.join(', '));
  t.true(google.count('*') <= 13, asked.join(', '));
});

test('nothing is asked while nothing happens, and a look at the state asks nothing', async t => {
  const { google, signet } = await kit(t, {
    watch: 'off',
    rescanMs: 1000,
    schedule: { kind: 'daily', at: '03:30', onChange: true },
    quietMs: 100,
    smallestIntervalMs: 100,
  });
  const client = await daemonClient(t, signet.home);
  await client.until('nothing under way', ({ job, waiting }) => job === null && waiting === null);
  google.clearLog();
  // Looks at the whole folder, as at the end of each hour.
  let last = '';
  for (let looks = 0; looks < 3; looks++) {
    const { lastGoodAt } = await client.until('a look', status => (status.lastGoodAt ?? '') > last);
    last = lastGoodAt ?? '';
  }
  await signet.status();
  t.deepEqual(
    google.log.map(({ type }) => type),
    [],
  );

  // Without an event the look alone finds what changed.
  const snapshots = (await client.status()).repository?.snapshots ?? 0;
  writeFileSync(join(signet.source, 'two.txt'), 'later');
  await client.until('it is backed up', ({ repository }) => (repository?.snapshots ?? 0) > snapshots);
  t.true(google.count('*') > 0);
});

test('a full account ends a backup with 15, keeps what is there, and is filled up when there is room again', async t => {
  const { google, place, signet } = await kit(t);
  const copies = await place.objects();
  const used = google.files().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  google.set({ quotaLimit: used + 1_000_000 });
  const video = randomBytes(4_000_000);
  writeFileSync(join(signet.source, 'video.mp4'), video);
  google.clearLog();
  const full = await signet.signet(['backup']);
  t.is(full.code, 15);
  t.is(full.errorCode(), 'E_REMOTE_FULL');
  t.true(google.log.filter(({ status }) => status === 403).length <= 4, 'it does not insist');
  for (const path of copies) if (!path.includes('/locks/')) t.true((await place.objects()).includes(path), path);
  await signet.ok<RestoreResult>(['restore', 'latest', '--to', join(signet.folder, 'before')]);
  t.is((await signet.status()).lastError?.code, 'E_REMOTE_FULL');

  google.set({ quotaLimit: null });
  await signet.ok(['backup']);
  t.is((await signet.status()).lastError, null);
  t.deepEqual((await signet.status()).alarms, []);
  const { target } = await signet.ok<RestoreResult>(['restore', 'latest', '--to', join(signet.folder, 'after')]);
  const [source = ''] = (await signet.status()).sources.map(({ id }) => id);
  t.true(video.equals(readFileSync(join(target, source, 'video.mp4'))));
});

test('the limit of a day makes what runs by itself wait until a time that is told, and nothing is asked meanwhile', async t => {
  const { google, signet } = await kit(t, { watch: 'chokidar', quietMs: 100, smallestIntervalMs: 0 });
  google.fault({ do: 'error', on: 'files.create.multipart', error: 'daily', times: 'always' });
  writeFileSync(join(signet.source, 'two.txt'), 'later');
  const { waiting } = await signet.until('waiting for the day to end', status => status.waiting?.reason === 'limit');
  t.true(Date.parse(waiting?.until ?? '') > Date.now());
  google.clearLog();
  t.is((await signet.status()).waiting?.reason, 'limit');
  t.is(google.log.length, 0);
  t.is((await signet.signet(['backup'])).errorCode(), 'E_REMOTE_LIMIT');

  google.clearFaults();
  await signet.ok(['backup']);
  const after = await signet.status();
  t.is(after.waiting, null);
  t.is(after.lastError, null);
});

test('a daemon that is killed while it sends 60 MiB goes on where it was: the same file, and less than twice the bytes', async t => {
  const { google, signet } = await kit(t, { packTargetBytes: 64 * 1024 * 1024 });
  const before = new Set(google.files().map(({ id }) => id));
  const video = randomBytes(60 * 1024 * 1024); // all of it in one pack
  writeFileSync(join(signet.source, 'video.mp4'), video);
  google.clearLog();
  google.set({ upBytesPerSec: 32 * 1024 * 1024 });
  signet.start(['backup', '--json']);
  const chunks = () => google.log.filter(({ type }) => type === 'upload.chunk');
  await google.until(() => chunks().some(({ bytesUp }) => bytesUp > video.length / 2));
  await signet.killDaemon();
  google.set({ upBytesPerSec: undefined });
  await google.until(() => chunks().every(({ endedAt }) => endedAt !== undefined));

  await signet.ok(['unlock'], { password });
  await signet.ok<BackupResult>(['backup']);
  const large = google.files().filter(({ id, sizeBytes }) => !before.has(id) && sizeBytes > 1_000_000);
  t.is(large.length, 1, 'one file');
  t.true((large[0]?.sizeBytes ?? 0) > video.length);
  const sent = chunks().reduce((sum, { bytesUp }) => sum + bytesUp, 0);
  t.log(`${sent} bytes sent for ${video.length}`);
  t.true(sent < 1.5 * video.length, `${sent} bytes were sent for ${video.length}`);
  t.is(google.count('upload.start'), 1, 'the same id: no second upload was begun');
  t.true(google.count('upload.status') >= 1, 'it asked how far it had come');
  t.is(google.unfinishedSessions(), 0);
  t.deepEqual(google.violations, []);
  t.deepEqual((await signet.status()).alarms, [], 'what was on its way when the place was looked at is not missed');

  const { target } = await signet.ok<RestoreResult>(['restore', 'latest', '--to', join(signet.folder, 'back')]);
  const [source = ''] = (await signet.status()).sources.map(({ id }) => id);
  t.true(video.equals(readFileSync(join(target, source, 'video.mp4'))));
});
