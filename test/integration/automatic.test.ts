// Backups that nobody asks for, and what interrupts backups: the real daemon, seen through its own status.

import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult, NextBackup, RestoreResult, SourceStatus } from '../../protocol/status.ts';
import { treeOf } from '../support/archive.ts';
import { type DaemonClient, daemonClient } from '../support/daemon-client.ts';
import { type Installation, installation } from '../support/installation.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const quietMs = 200;
const quick = { quietMs, longestWaitMs: 5000, smallestIntervalMs: 0, rescanMs: 0 } as const;
/** Much longer than a settled change needs to become a backup. */
const longAgoMs = 2000;
const isLong = process.env['SIGNET_LONG'] !== undefined;

interface Bench {
  readonly signet: Installation;
  readonly client: DaemonClient;
  readonly recoveryKey: string;
  /** Writes a small file into the (first) source. */
  write(name: string): void;
  /** Backups that ended well so far, also those that found nothing new. */
  runs(): number;
}

async function setUp(
  t: ExecutionContext,
  settings: Record<string, unknown>,
  changes: readonly string[] = [],
): Promise<Bench> {
  t.timeout(180_000);
  const signet = await installation(t, { settings: { ...quick, ...settings } });
  writeFileSync(join(signet.source, 'first'), 'first');
  const { recoveryKey = '' } = await signet.setUp(changes);
  const client = await daemonClient(t, signet.home);
  t.is(typeof (await client.backup()), 'object');
  const log = join(signet.home, 'logs', 'daemon.log');
  return {
    signet,
    client,
    recoveryKey,
    write: name => writeFileSync(join(signet.source, name), name),
    runs: () => readFileSync(log, 'utf8').split('"backup done"').length - 1,
  };
}

/** Every object of the place, to see that nothing was written. */
const objectsIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

function writeMedia(folder: string, files: number, sizeBytes: number): void {
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < files; n++) writeFileSync(join(folder, `media-${n}`), randomBytes(sizeBytes));
}

async function restored(t: ExecutionContext, signet: Installation): Promise<ReadonlyMap<string, string>> {
  const target = join(signet.folder, `back-${randomBytes(4).toString('hex')}`);
  const { skipped } = await signet.ok<RestoreResult>(['restore', 'latest', '--to', target]);
  t.deepEqual(skipped, []);
  return treeOf(target);
}

test.serial('the watcher alone: a burst of changes becomes one backup, a later change another', async t => {
  const { client, write, runs } = await setUp(t, { watch: 'chokidar' });
  for (let n = 0; n < 30; n++) write(`burst-${n}`);
  const first = await client.until('the burst is backed up', ({ job, lastBackup }) => {
    return job === null && lastBackup?.reason === 'change';
  });
  t.is(first.lastBackup?.filesNew, 30);
  t.is(first.repository?.snapshots, 2);
  write('later');
  const second = await client.until('the change is backed up', ({ job, repository }) => {
    return job === null && repository?.snapshots === 3;
  });
  t.is(second.lastBackup?.filesNew, 1);
  t.is(runs(), 3);
});

test.serial('a source that is added is backed up by itself, and its answer says so', async t => {
  const { signet, client } = await setUp(t, { watch: 'off' });
  const more = join(signet.folder, 'more');
  mkdirSync(more);
  writeFileSync(join(more, 'letter'), 'hello');
  const added = await signet.ok<SourceStatus & NextBackup>(['sources', 'add', more]);
  t.is(added.nextBackup, 'by-itself');
  const { lastBackup } = await client.until('it is backed up', ({ job, sources }) => {
    return job === null && sources[1]?.capturedAt !== undefined;
  });
  t.deepEqual([lastBackup?.reason, lastBackup?.filesNew], ['change', 1]);
});

test.serial('the rescan alone finds changes; without any it writes nothing', async t => {
  const { signet, client, write, runs } = await setUp(t, { watch: 'off', rescanMs: 1000 });
  write('unseen');
  const { lastBackup } = await client.until('the rescan finds it', ({ job, repository }) => {
    return job === null && repository?.snapshots === 2;
  });
  t.deepEqual([lastBackup?.reason, lastBackup?.filesNew], ['change', 1]);
  const before = objectsIn(signet.remote).filter(key => !key.startsWith('locks'));
  const looks = runs();
  await client.until('two more rescans', ({ job }) => job === null && runs() >= looks + 2);
  t.deepEqual(
    objectsIn(signet.remote).filter(key => !key.startsWith('locks')),
    before,
  );
});

test.serial('what changes while a backup runs leads to one more', async t => {
  const { signet, client, write, runs } = await setUp(t, { watch: 'chokidar' }, ['--schedule', 'manual']);
  writeMedia(join(signet.source, 'media'), 24, 4 << 20);
  await signet.ok(['schedule', 'manual', '--on-change', 'on']);
  let wrote = 0;
  const result = await client.backup(step => {
    if (wrote === 0 && step.phase === 'storing') write(`during-${++wrote}`);
  });
  t.is((result as BackupResult).filesNew, 24);
  t.is(wrote, 1);
  const { lastBackup } = await client.until('one more', ({ job, repository }) => {
    return job === null && repository?.snapshots === 3;
  });
  t.deepEqual([lastBackup?.reason, lastBackup?.filesNew], ['change', 1]);
  t.is(runs(), 3);
});

test.serial('"manual" and "never" switch backups on change off, --on-change switches them on', async t => {
  const { signet, client, write, runs } = await setUp(t, { watch: 'chokidar' });
  for (const kind of ['manual', 'never'] as const) {
    const snapshots = (await client.status()).repository?.snapshots ?? 0;
    t.like(await signet.ok(['schedule', kind]), { kind, onChange: false });
    const before = runs();
    write(`${kind}-off`);
    await pause(longAgoMs);
    t.is(runs(), before);
    t.like(await signet.ok(['schedule', 'manual', '--on-change', 'on']), { kind: 'manual', onChange: true });
    write(`${kind}-on`);
    const { lastBackup } = await client.until('the change is backed up', ({ job, repository }) => {
      return job === null && repository?.snapshots === snapshots + 1;
    });
    t.is(lastBackup?.filesNew, 2, 'and with it what changed before');
    t.is(runs(), before + 1);
  }
});

test.serial(
  'a pause holds back what changed, also after a restart; a backup by hand works, and going on backs up by itself',
  async t => {
    const { signet, client, recoveryKey, write, runs } = await setUp(t, { watch: 'chokidar' });
    const { pausedUntil } = await signet.ok<{ pausedUntil: string }>(['pause', '2h']);
    const inMs = Date.parse(pausedUntil) - Date.now();
    t.true(inMs > 7_100_000 && inMs <= 7_200_000, `${inMs} ms`);
    const before = runs();
    write('while-paused');
    const held = await client.until('the change waits', ({ waiting }) => waiting?.reason === 'paused');
    t.is(held.waiting?.until, pausedUntil);
    t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 1);
    t.is(runs(), before + 1);
    client.close();
    await signet.killDaemon();
    const again = await signet.until('it is there again', ({ vault }) => vault === 'locked');
    t.is(again.pausedUntil, pausedUntil);
    const next = await daemonClient(t, signet.home);
    await next.unlock(recoveryKey);
    write('after-restart');
    await next.until('the change waits again', ({ waiting }) => waiting?.reason === 'paused');
    t.is(runs(), before + 1);
    t.deepEqual(await signet.ok(['pause', '--resume']), { pausedUntil: null });
    const { lastBackup } = await next.until('it is backed up', ({ job, waiting, lastBackup: last }) => {
      return job === null && waiting === null && last?.reason === 'change';
    });
    t.is(lastBackup?.filesNew, 1);
  },
);

test.serial(
  'after set-up the default is daily at half past three and on change; the state tells the next run',
  async t => {
    const { signet, client } = await setUp(t, { watch: 'off', schedule: undefined });
    const { schedule, nextRun, overdue } = await client.status();
    t.deepEqual(schedule, { kind: 'daily', at: '03:30', onChange: true });
    const next = new Date(nextRun ?? '');
    t.deepEqual([next.getHours(), next.getMinutes()], [3, 30]);
    t.true(next.getTime() > Date.now() && next.getTime() - Date.now() <= 25 * 3_600_000);
    t.is(overdue, null);
    const weekly = await signet.ok(['schedule', 'weekly', '--at', '22:15']);
    t.deepEqual(weekly, { kind: 'weekly', at: '22:15', onChange: true });
    const sunday = new Date((await client.status()).nextRun ?? '');
    t.deepEqual([sunday.getDay(), sunday.getHours(), sunday.getMinutes()], [0, 22, 15]);
    t.deepEqual(await signet.ok(['schedule', 'never']), { kind: 'never', at: '22:15', onChange: false });
    t.is((await client.status()).nextRun, null);
  },
);

test.serial(
  'a cancelled backup ends with 130, leaves a clean place, and the next one uses what was uploaded',
  async t => {
    const { signet, client, recoveryKey } = await setUp(t, { watch: 'off' });
    const [files, sizeBytes] = [40, 4 << 20];
    writeMedia(join(signet.source, 'media'), files, sizeBytes);
    const waiting = signet.signet(['backup']);
    const { job } = await client.until('a third is uploaded', status => {
      return (status.job?.bytesUploaded ?? 0) > (files * sizeBytes) / 3;
    });
    t.true(await client.cancel());
    const ran = await waiting;
    t.is(ran.code, 130, ran.err);
    t.is(ran.errorCode(), 'E_CANCELLED');
    const status = await client.until('it stopped', each => each.job === null);
    t.is(status.repository?.snapshots, 1);
    t.is(status.waiting, null);
    t.deepEqual(readdirSync(join(signet.remote, 'locks')), []);
    t.deepEqual(readdirSync(join(signet.home, 'state', 'staging')), []);
    if (hasRestic) {
      const check = await restic(signet.remote, recoveryKey, ['check', '--read-data']);
      t.is(check.status, 0, check.out);
    }
    const next = await signet.ok<BackupResult>(['backup']);
    t.is(next.filesNew, files);
    const uploaded = job?.bytesUploaded ?? 0;
    const total = files * sizeBytes;
    t.true(next.bytesUploaded < total * 1.12 - uploaded, `${uploaded} and then ${next.bytesUploaded} of ${total}`);
    const back = await restored(t, signet);
    t.deepEqual([...back.values()].sort(), ['folder', ...treeOf(signet.source).values()].sort());
    t.like(await signet.ok(['verify', '--read-data']), { ok: true });
  },
);

test.serial('a source that is away is carried forward, and captured again when it is back', async t => {
  const other = await temporaryFolder(t);
  writeFileSync(join(other, 'theirs'), 'theirs');
  const { signet, client, write } = await setUp(t, { watch: 'chokidar' }, ['--source', other]);
  const all = await restored(t, signet);
  const lost = (await client.status()).sources.find(source => source.root === signet.source)?.id;

  renameSync(signet.source, `${signet.source}.away`);
  writeFileSync(join(other, 'more'), 'more');
  const asked = await signet.signet(['backup']);
  t.is(asked.code, 3, asked.err);
  t.deepEqual(asked.json<BackupResult>().filesUnreadable, [{ path: lost ?? '', reason: 'missing' }]);
  const away = await client.until('all is quiet', ({ job, waiting }) => job === null && waiting === null);
  t.is(away.sources.find(source => source.id === lost)?.problem, 'missing');
  t.false(existsSync(signet.source));
  const carried = await restored(t, signet);
  t.is(carried.size, all.size + 1);
  for (const [path, content] of all) t.is(carried.get(path), content, path);

  // As a mounted disk or a sync app brings it back: another folder of the same name.
  cpSync(`${signet.source}.away`, signet.source, { recursive: true, preserveTimestamps: true });
  await client.until('it is captured again', ({ job, sources }) => {
    return job === null && sources.find(source => source.id === lost)?.problem === undefined;
  });
  write('after');
  const back = await client.until(
    'the change is backed up',
    ({ job, lastBackup }) => job === null && lastBackup?.filesNew === 1,
  );
  t.deepEqual(back.lastBackup?.filesUnreadable, []);
  t.is((await restored(t, signet)).size, all.size + 2);
});

test.serial(
  'a place that is away: exit 14, nothing is made where it was, tried again, and it works when it is back',
  async t => {
    const { signet, client, write } = await setUp(t, { watch: 'chokidar' });
    renameSync(signet.remote, `${signet.remote}.away`);
    write('waits');
    const failed = await client.until('the try is to be repeated', ({ waiting }) => waiting?.reason === 'retry');
    t.is(failed.lastError?.code, 'E_UNREACHABLE');
    t.is(failed.remote?.reachable, false);
    const inMs = Date.parse(failed.waiting?.until ?? '') - Date.now();
    t.true(inMs > 0 && inMs <= 60_000, `in ${inMs} ms`);
    for (const args of [['backup'], ['snapshots'], ['restore', 'latest', '--to', join(signet.folder, 'none')]]) {
      const ran = await signet.signet(args);
      t.is(ran.code, 14, `${args[0]}: ${ran.err}${ran.out}`);
      t.is(ran.errorCode(), 'E_UNREACHABLE');
    }
    t.false(existsSync(signet.remote));
    t.false(existsSync(join(signet.folder, 'none')));

    renameSync(`${signet.remote}.away`, signet.remote);
    // The long form waits for the next try, the short one lets a change bring it forward.
    if (!isLong) write('another');
    const done = await client.until(
      'it works again',
      ({ job, lastBackup }) => job === null && lastBackup?.reason === 'change',
      isLong ? 90_000 : undefined,
    );
    t.is(done.lastBackup?.filesNew, isLong ? 1 : 2);
    t.deepEqual([done.waiting, done.lastError, done.remote?.reachable], [null, null, true]);
    t.like(await signet.ok(['verify', '--read-data']), { ok: true });
  },
);
