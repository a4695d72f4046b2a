// A whole Signet over a bucket that fails: every fifth request of every kind breaks in one of the ways a network has.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { BackupResult, RestoreResult } from '../../protocol/status.ts';
import { seeded } from '../../scripts/lib/seeded.ts';
import { treeOf } from '../support/archive.ts';
import { installation, password, phone } from '../support/installation.ts';
import { type Fault, startS3Server } from '../support/s3-server.ts';

const faults: readonly Fault[] = [
  { kind: 'answer', status: 503, code: 'SlowDown', headers: { 'retry-after': '1' } },
  { kind: 'answer', status: 500, code: 'InternalError' },
  { kind: 'reset' },
  { kind: 'lost-answer' },
  { kind: 'broken-body', afterBytes: 700 },
];

test('a backup through a bucket that fails at every fifth request is whole, and so is what is restored', async t => {
  t.timeout(300_000); // a bucket that asks for patience is waited for
  const server = await startS3Server();
  t.teardown(() => server.close());
  const { accessKeyId, secretAccessKey } = server;
  const place = `s3:${server.endpoint}/${server.bucket}/chats`;
  const signet = await installation(t);
  await signet.ok(['remote', 'connect', place, '--access-key-id', accessKeyId, '--path-style'], {
    s3Secret: secretAccessKey,
  });
  mkdirSync(join(signet.source, 'media'));
  writeFileSync(join(signet.source, 'media', 'photo.jpg'), randomBytes(3_000_000));
  for (let i = 0; i < 20; i++) writeFileSync(join(signet.source, `chat ${i}.txt`), `message ${i}\n`.repeat(1000 * i));
  await signet.ok(['setup', '--source', signet.source, '--remote', place], { password, phone });

  const chance = seeded('s3');
  let failed = 0;
  server.fault = () => {
    if (!chance.chance(0.2)) return undefined;
    failed++;
    return chance.pick(faults);
  };
  await signet.ok<BackupResult>(['backup']);
  const to = join(signet.folder, 'restored');
  const restored = await signet.ok<RestoreResult>(['restore', 'latest', '--to', to]);
  t.true(failed > 5, `${failed} requests failed`);
  server.fault = () => undefined;
  t.truthy(restored);
  const [source = ''] = readdirSync(to);
  t.deepEqual(treeOf(join(to, source)), treeOf(signet.source));
  await signet.ok(['verify']);
  t.is((await signet.snapshots()).length, 1);
  t.is(server.uploads.size, 0);
});
