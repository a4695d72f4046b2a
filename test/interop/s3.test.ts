// Stock restic opens through its own s3 backend what was written through our adapter, and we read what restic wrote through its own.

import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../daemon/base/clock.ts';
import { createS3Remote, type S3Remote } from '../../daemon/remotes/s3/s3.ts';
import { archiveBench, treeOf } from '../support/archive.ts';
import { resticPassword, temporaryFolder } from '../support/repository.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import { type ResticRun, restic, type StockRestic, withEachRestic } from '../support/stock-restic.ts';

interface Place {
  readonly server: S3Server;
  readonly remote: S3Remote;
  readonly restic: (args: readonly string[]) => Promise<ResticRun>;
}

async function place(t: ExecutionContext, stock: StockRestic): Promise<Place> {
  const server = await startS3Server();
  t.teardown(() => server.close());
  const { accessKeyId, secretAccessKey, endpoint, bucket } = server;
  const prefix = 'signet/laptop';
  const remote = createS3Remote({
    place: { endpoint, bucket, prefix },
    connection: { v: 1, kind: 's3', region: null, pathStyle: true, keys: { accessKeyId, secretAccessKey } },
    clock: systemClock,
    randomBytes,
  });
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return {
    server,
    remote,
    restic: args => restic(`s3:${endpoint}/${bucket}/${prefix}`, resticPassword, args, keys, stock),
  };
}

withEachRestic(
  'stock restic checks and restores through its s3 backend what was written through ours',
  async (t, stock) => {
    const { server, remote, restic: run } = await place(t, stock);
    const made = await archiveBench(t, { remote, packTargetBytes: 40 << 20 });
    await writeFile(join(made.root, 'video.mp4'), randomBytes(75_000_000));
    await writeFile(join(made.root, 'log.txt'), 'a message like many others, '.repeat(100_000));
    await mkdir(join(made.root, 'many'));
    for (let i = 0; i < 100; i++) await writeFile(join(made.root, 'many', `${i}`), `${i} `.repeat(i * 7));
    const { id = '' } = await made.backUp();
    const operations = new Set(server.log.map(({ operation }) => operation));
    t.true(operations.has('CompleteMultipartUpload'), 'a pack was large enough for parts');

    const checked = await run(['check', '--read-data']);
    t.is(checked.status, 0, checked.out);
    t.regex(checked.out, /no errors were found/);
    const target = await temporaryFolder(t);
    const restored = await run(['restore', id, '--target', target]);
    t.is(restored.status, 0, restored.out);
    t.deepEqual(treeOf(join(target, made.source.id)), treeOf(made.root));
    for (const key of await server.keys()) t.true(key.startsWith('signet/laptop/'), key);
  },
);

withEachRestic('what stock restic wrote through its s3 backend is found and read through ours', async (t, stock) => {
  const { server, remote, restic: run } = await place(t, stock);
  const source = await temporaryFolder(t);
  const theirs = randomBytes(3_000_000);
  await writeFile(join(source, 'theirs'), theirs);
  for (const args of [['init'], ['backup', source]]) {
    const done = await run(args);
    t.is(done.status, 0, done.out);
  }
  const listed: string[] = [];
  for await (const { key, sizeBytes } of remote.list('')) {
    t.is((await remote.get(key, { maxBytes: 64 << 20 })).length, sizeBytes);
    listed.push(`signet/laptop/${key}`);
  }
  t.deepEqual(listed.sort(), await server.keys());
  t.true(listed.some(key => /^signet\/laptop\/data\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(key)));
});
