// Stock restic opens through stock rclone, under another client id, what was written to Google Drive through our adapter.

import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { NetworkRemote } from '../../daemon/remotes/remote.ts';
import { type ArchiveBench, archiveBench, treeOf } from '../support/archive.ts';
import { driveBench } from '../support/drive-bench.ts';
import type { DriveFake } from '../support/drive-fake/drive-fake.ts';
import { hasRclone, rcloneOnDrive } from '../support/rclone.ts';
import { resticPassword, temporaryFolder } from '../support/repository.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, type ResticRun, restic } from '../support/stock-restic.ts';

interface Place {
  readonly fake: DriveFake;
  readonly remote: NetworkRemote;
  readonly made: ArchiveBench;
  /** With rclone as the permission lets it. */
  readonly restic: (args: readonly string[], scope?: 'drive' | 'drive.readonly') => Promise<ResticRun>;
}

async function place(t: ExecutionContext): Promise<Place> {
  const { fake, remote } = await driveBench(t);
  const made = await archiveBench(t, { remote, packTargetBytes: 12 << 20 });
  return {
    fake,
    remote,
    made,
    async restic(args, scope = 'drive') {
      const granted = fake.connection({
        clientId: fake.otherClient.id,
        scopes: [`https://www.googleapis.com/auth/${scope}`],
      });
      const rclone = await rcloneOnDrive(fake.root, granted, scope, await temporaryFolder(t));
      try {
        return await restic('rclone:drive:Signet', resticPassword, args, rclone.environment);
      } finally {
        await rclone.close();
      }
    },
  };
}

async function write(root: string, videoBytes: number): Promise<void> {
  await writeFile(join(root, 'video.mp4'), randomBytes(videoBytes));
  await writeFile(join(root, 'log.txt'), 'a message like many others, '.repeat(100_000));
  await mkdir(join(root, 'many'));
  for (let i = 0; i < 100; i++) await writeFile(join(root, 'many', `${i}`), `${i} `.repeat(i * 7));
}

function withRclone(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  test(title, async t => {
    t.timeout(150_000);
    if (!hasRestic) return skip(t, 'restic is not installed');
    return hasRclone ? body(t) : skip(t, 'rclone or openssl is not installed');
  });
}

withRclone('stock restic checks and restores through rclone what was written to Google Drive', async t => {
  const { fake, made, restic } = await place(t);
  await write(made.root, 30_000_000);
  const first = await made.backUp();
  await writeFile(join(made.root, 'log.txt'), 'another message');
  const { id = '' } = await made.backUp();
  t.true(fake.count('upload.start') > 0, 'a pack was large enough for a session');
  t.deepEqual(fake.violations, []);

  const checked = await restic(['check', '--read-data']);
  t.is(checked.status, 0, checked.out);
  t.regex(checked.out, /no errors were found/);
  for (const snapshot of [first.id ?? '', id]) {
    const target = await temporaryFolder(t);
    const restored = await restic(['restore', snapshot, '--target', target]);
    t.is(restored.status, 0, restored.out);
    if (snapshot === id) t.deepEqual(treeOf(join(target, made.source.id)), treeOf(made.root));
  }
});

withRclone('the permission to read is enough for stock restic to restore', async t => {
  const { fake, made, restic } = await place(t);
  await write(made.root, 1_000_000);
  await made.backUp();
  const before = fake.paths();
  for (const args of [['snapshots'], ['check', '--read-data']]) {
    const done = await restic(['--no-lock', ...args], 'drive.readonly');
    t.is(done.status, 0, done.out);
  }
  const target = await temporaryFolder(t);
  const restored = await restic(['--no-lock', 'restore', 'latest', '--target', target], 'drive.readonly');
  t.is(restored.status, 0, restored.out);
  t.deepEqual(treeOf(join(target, made.source.id)), treeOf(made.root));
  t.deepEqual(fake.paths(), before);
});

withRclone('what stock restic adds through rclone stands beside ours, and is not seen by our client', async t => {
  const { fake, remote, made, restic } = await place(t);
  await writeFile(join(made.root, 'one'), 'one');
  const { id: first = '' } = await made.backUp();
  const theirs = await temporaryFolder(t);
  await writeFile(join(theirs, 'theirs'), 'theirs');
  const added = await restic(['backup', theirs]);
  t.is(added.status, 0, added.out);
  const snapshots = () => fake.paths().filter(path => path.startsWith('Signet/snapshots/')).length;
  t.is(snapshots(), 2);

  await writeFile(join(made.root, 'two'), 'two');
  const run = await made.backUp();
  t.is(snapshots(), 3);
  const seen: string[] = [];
  for await (const { key } of remote.list('snapshots')) seen.push(key);
  t.deepEqual(seen.sort(), [`snapshots/${first}`, `snapshots/${run.id}`].sort());
  t.deepEqual(await made.repository.checkPacks(), []);
  const { target } = await made.restore(run);
  t.deepEqual(treeOf(join(target, made.source.id)), treeOf(made.root));
  const checked = await restic(['check', '--read-data']);
  t.is(checked.status, 0, checked.out);
});
