// kill -9 in the middle of an upload to Google Drive: the next daemon asks how far it got and sends the rest.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { RestoreResult, SetupResult } from '../../protocol/status.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { signIn } from '../support/drive-owner.ts';
import { installation, password, phone } from '../support/installation.ts';

const mebi = 1024 * 1024;

test('a daemon that is killed in the middle of an upload is followed by one that sends only the rest', async t => {
  t.timeout(240_000);
  const google = await startDriveFake();
  t.teardown(() => google.close());
  const signet = await installation(t, { environment: { SIGNET_GOOGLE_ROOT: google.root } });
  mkdirSync(signet.source, { recursive: true });
  const video = randomBytes(12 * mebi);
  writeFileSync(join(signet.source, 'video.mp4'), video);
  await signet.status(); // starts the daemon
  await signIn(await daemonClient(t, signet.home), google, 'drive:chats');
  await signet.ok<SetupResult>(['setup', '--source', signet.source, '--remote', 'drive:chats', '--new'], {
    password,
    phone,
  });
  google.clearLog();
  google.set({ upBytesPerSec: 4 * mebi });

  const backup = signet.signet(['backup']);
  await google.until(() => google.log.some(({ type, bytesUp }) => type === 'upload.chunk' && bytesUp > 5 * mebi));
  await signet.killDaemon();
  t.not((await backup).code, 0);
  await google.until(() => google.log.every(({ endedAt }) => endedAt !== undefined));
  google.set({ upBytesPerSec: undefined });
  const before = google.log.length;
  await signet.ok(['unlock'], { password });
  await signet.ok(['backup']);

  const uploads = google.log.filter(({ type }) => type.startsWith('upload.'));
  const after = google.log.slice(before).filter(({ type }) => type.startsWith('upload.'));
  t.is(after[0]?.type, 'upload.status', 'it asks first how far it got');
  const [chunk] = after.filter(({ type }) => type === 'upload.chunk');
  t.regex(chunk?.range ?? '', /^bytes [1-9]/, 'and goes on there');
  const whole = uploads.findIndex(({ type, status }) => type === 'upload.chunk' && status === 200);
  const sent = uploads.slice(0, whole + 1).reduce((sum, { bytesUp }) => sum + bytesUp, 0);
  t.true(sent < 2 * video.length, `${sent} bytes for ${video.length}`);
  t.is(new Set(google.paths()).size, google.paths().length, 'nothing is there twice');
  t.deepEqual(google.violations, []);
  const target = join(signet.folder, 'restored');
  await signet.ok<RestoreResult>(['restore', 'latest', '--to', target]);
  const [source = ''] = readdirSync(target);
  t.true(video.equals(readFileSync(join(target, source, 'video.mp4'))));
});
