// Backups beside an app that never stops writing, and peace when it does.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult, RestoreResult } from '../../protocol/status.ts';
import { generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { startLiveWriter } from '../../scripts/lib/live-writer.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { type Installation, installation } from '../support/installation.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const backups = 10;
const peaceMs = process.env['SIGNET_LONG'] === undefined ? 20_000 : 60_000;

/** Content of every file by its name, but for what reading a database may touch: its -shm, and a -wal that is there and empty. */
function bytesOf(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    const { size } = statSync(path);
    if (statSync(path).isDirectory() || name.endsWith('-shm') || (name.endsWith('-wal') && size === 0)) continue;
    found.set(name, createHash('sha256').update(readFileSync(path)).digest('hex'));
  }
  return found;
}

/** Rows of the restored database of messages, after a full check. */
async function restoredRows(
  t: ExecutionContext,
  signet: Installation,
  snapshot: string,
  source: string,
): Promise<number> {
  const target = join(signet.folder, `back-${snapshot.slice(0, 8)}-${source}`);
  const include = `${source}/Databases`;
  const restored = await signet.ok<RestoreResult>(['restore', snapshot, '--to', target, '--include', include]);
  for (const { path, check } of restored.databases) t.is(check, 'ok', path);
  const database = new DatabaseSync(join(target, source, 'Databases', 'msgstore.db'), { readOnly: true });
  try {
    t.is(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    return Number(database.prepare('SELECT count(*) AS n FROM message').get()?.['n']);
  } finally {
    database.close();
  }
}

test('ten backups beside a writer without pause are whole; when it rests nothing is backed up, and no byte of the chats changed', async t => {
  t.timeout(240_000 + peaceMs);
  const other = join(await temporaryFolder(t), 'other');
  mkdirSync(other);
  const signet = await installation(t, {
    settings: { watch: 'chokidar', quietMs: 200, longestWaitMs: 2000, smallestIntervalMs: 0, rescanMs: 0 },
  });
  const busy = generateWhatsApp(signet.source, { seed: 'busy', databaseBytes: 12_000_000, mediaBytes: 2_000_000 });
  const calm = generateWhatsApp(other, { seed: 'calm', databaseBytes: 3_000_000, mediaBytes: 500_000 });
  await signet.setUp(['--source', other, '--schedule', 'manual']);
  const client = await daemonClient(t, signet.home);
  const { sources } = await client.status();
  const idOf = (root: string): string => sources.find(source => source.root === root)?.id ?? '';
  const runs = (): number =>
    readFileSync(join(signet.home, 'logs', 'daemon.log'), 'utf8').split('"backup done"').length - 1;
  const backUp = async (): Promise<BackupResult> => {
    const result = await client.backup();
    if (typeof result === 'string') throw new Error(result);
    t.deepEqual([result.filesUnreadable, result.notVerified, result.alarms], [[], [], []]);
    return result;
  };

  const writer = await startLiveWriter({ folder: signet.source, everyMs: 0 });
  t.teardown(() => writer.stop());
  const made: { readonly snapshot: string; readonly atLeast: number }[] = [];
  for (let n = 0; n < backups; n++) {
    await writer.committed(writer.report.committed + 5);
    const atLeast = busy.messages + writer.report.committed;
    const { snapshot = '' } = await backUp();
    made.push({ snapshot, atLeast });
  }
  const during = writer.report.committed;
  await writer.stop();
  // The other app stays connected, with a message in its log that is not in its database yet.
  const idle = await startLiveWriter({ folder: other, everyMs: 3_600_000 });
  t.teardown(() => idle.stop());
  await idle.committed(1);

  const before = [bytesOf(signet.source), bytesOf(other)];
  t.true(before[1]?.has('Databases/msgstore.db-wal'));
  await signet.ok(['schedule', 'manual', '--on-change', 'on']);
  const last = await backUp();
  t.truthy(last.snapshot);
  const quietAt = runs();
  await pause(peaceMs);
  t.is(runs(), quietAt, 'no backup by itself');
  t.is((await client.status()).waiting, null);
  t.deepEqual([bytesOf(signet.source), bytesOf(other)], before);
  await idle.stop();
  await client.until('the watcher is awake', status => status.job === null && runs() > quietAt);

  let slack = 0;
  for (const { snapshot, atLeast } of made) {
    const rows = await restoredRows(t, signet, snapshot, idOf(signet.source));
    t.true(rows >= atLeast, `${rows} rows, ${atLeast} were committed before the backup began`);
    slack += rows - atLeast;
  }
  t.is(await restoredRows(t, signet, last.snapshot ?? '', idOf(other)), calm.messages + 1);
  t.log(`${during} messages written meanwhile, ${Math.round(slack / backups)} more than asked for in each backup`);
});
