// Putting files back into the place where an app keeps them, with the real daemon: what comes back, what makes way and is kept, what is left
// alone, and how all of it is taken back. Stopped at each step in original-crash.test.ts.

import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { BackupResult, FinishResult, OriginalRestoreResult, RestoreUndo } from '../../protocol/status.ts';
import { treeOf as wholeTreeOf } from '../support/archive.ts';
import {
  type Installation,
  type InstallationOptions,
  installation,
  password,
  withoutPower,
} from '../support/installation.ts';
import { skip } from '../support/skip.ts';
import { canMount, smallDisk, withoutMount } from '../support/small-disk.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const session = 'projects/-home-kim-work/0b9f0c1e-6f0e-4f43-9d3c-0f7a1f6f2f11.jsonl';
const lines = (count: number): string =>
  Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ type: 'user', uuid: `u${n}`, text: `message ${n}` })}\n`,
  ).join('');

/** Contents by their digest: what fails is told in few words. */
const treeOf = (root: string): Map<string, string> =>
  new Map([...wholeTreeOf(root)].map(([path, is]) => [path, is.length < 60 ? is : hash('sha256', is)]));

/** A folder as Claude Code keeps it, with a database in WAL mode beside. */
function writeChats(root: string): void {
  mkdirSync(join(root, session, '..'), { recursive: true });
  writeFileSync(join(root, session), lines(30));
  writeFileSync(join(root, 'history.jsonl'), lines(5));
  writeFileSync(join(root, 'settings.json'), '{}');
  mkdirSync(join(root, 'empty'));
  const database = openDatabase(root);
  database.exec('CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)');
  addMessages(database, 0, 200);
  database.close();
}

function openDatabase(root: string): DatabaseSync {
  const database = new DatabaseSync(join(root, 'chat.db'));
  database.exec('PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0');
  return database;
}

function addMessages(database: DatabaseSync, from: number, count: number): void {
  const insert = database.prepare('INSERT INTO message (id, text) VALUES (?, ?)');
  for (let n = from; n < from + count; n++) insert.run(n, `message ${n}`);
}

/** As it lies there: a look that leaves no trace. */
function messagesIn(path: string): number {
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    return Number(database.prepare('SELECT count(*) AS n FROM message').get()?.['n']);
  } finally {
    database.close();
  }
}

/** An app that died: its database is left with the log beside it. */
function leaveLog(root: string, from: number, count: number): void {
  const database = openDatabase(root);
  addMessages(database, from, count);
  const [log, index] = [readFileSync(join(root, 'chat.db-wal')), readFileSync(join(root, 'chat.db-shm'))];
  const file = readFileSync(join(root, 'chat.db'));
  database.close();
  writeFileSync(join(root, 'chat.db'), file);
  writeFileSync(join(root, 'chat.db-wal'), log);
  writeFileSync(join(root, 'chat.db-shm'), index);
}

interface Kit {
  readonly signet: Installation;
  readonly id: string;
  readonly recoveryKey: string;
  readonly root: string;
  restore(args?: readonly string[], snapshot?: string): Promise<OriginalRestoreResult>;
  undo(id?: string): Promise<RestoreUndo>;
  /** Names beside the folder with the chats that Signet made. */
  beside(): readonly string[];
}

async function kit(t: ExecutionContext, options: InstallationOptions = {}): Promise<Kit> {
  t.timeout(240_000);
  const signet = await installation(t, options);
  writeChats(signet.source);
  const { recoveryKey = '' } = await signet.setUp(['--schedule', 'manual']);
  await signet.ok<BackupResult>(['backup']);
  const [source] = (await signet.status()).sources;
  const id = source?.id ?? '';
  return {
    signet,
    id,
    recoveryKey,
    root: signet.source,
    restore: (args = [], snapshot = 'latest') => signet.ok(['restore', snapshot, '--original', id, ...args]),
    undo: undone => signet.ok(['undo', ...(undone === undefined ? [] : [undone])]),
    beside: () => readdirSync(join(signet.source, '..')).filter(name => name.startsWith('chats.signet-')),
  };
}

test('what went and what changed comes back as it was, the rest stays, and undo brings back the state before, again and again', async t => {
  const { signet, root, id, recoveryKey, restore, undo, beside } = await kit(t);
  const asBackedUp = treeOf(root);
  unlinkSync(join(root, 'history.jsonl'));
  rmSync(join(root, 'empty'), { recursive: true });
  appendFileSync(join(root, session), lines(3));
  leaveLog(root, 1000, 50);
  writeFileSync(join(root, 'new.jsonl'), 'newer than the backup\n');
  chmodSync(join(root, session), 0o444);
  const before = treeOf(root);

  const planned = await restore(['--dry-run']);
  t.like(planned, { comesBack: 1, replaced: 2, same: 1, untouched: 1, skipped: [], databases: [], dryRun: true });
  t.deepEqual(planned.changes, [
    { path: `${id}/chat.db`, change: 'replaced' },
    { path: `${id}/${session}`, change: 'replaced' },
    { path: `${id}/history.jsonl`, change: 'comes-back' },
  ]);
  t.is(planned.kept, undefined);
  t.deepEqual(treeOf(root), before, 'a dry run writes nothing');
  t.deepEqual(beside(), []);

  const result = await restore();
  t.like(result, { comesBack: 1, replaced: 2, same: 1, untouched: 1, skipped: [], root });
  t.deepEqual(result.databases, [{ path: `${id}/chat.db`, check: 'ok' }]);
  const now = treeOf(root);
  t.is(Buffer.from(now.get('/new.jsonl') ?? '', 'base64').toString(), 'newer than the backup\n');
  now.delete('/new.jsonl');
  t.deepEqual(now, asBackedUp);
  t.is(messagesIn(join(root, 'chat.db')), 200, 'no log of the database before is left beside it');
  const kept = result.kept ?? '';
  t.deepEqual(
    beside().map(name => join(root, '..', name)),
    [kept],
  );
  t.is(statSync(kept).mode & 0o777, 0o700);
  t.deepEqual(
    [...treeOf(kept).keys()].filter(path => treeOf(kept).get(path) !== 'folder').toSorted(),
    ['/chat.db', '/chat.db-shm', '/chat.db-wal', `/${session}`].toSorted(),
  );
  const text = await signet.ok<readonly RestoreUndo[]>(['undo', '--list']);
  t.like(text, [{ source: id, kept, comesBack: 1, replaced: 2, isUnfinished: false }]);

  const undone = await undo();
  t.true(undone.isUndo);
  t.deepEqual(treeOf(root), before);
  t.deepEqual(
    beside().map(name => join(root, '..', name)),
    [undone.kept],
    'the folder of what was kept is empty and gone',
  );
  t.is((await undo()).isUndo, undefined, 'the restore is back');
  const again = treeOf(root);
  again.delete('/new.jsonl');
  t.deepEqual(again, asBackedUp);
  await undo();
  t.deepEqual(treeOf(root), before);
  t.is(statSync(join(root, session)).mode & 0o777, 0o444);

  const backup = await signet.ok<BackupResult>(['backup']);
  t.deepEqual(backup.filesUnreadable, []);
  if (hasRestic) t.is((await restic(signet.remote, recoveryKey, ['--no-lock', 'check', '--read-data'])).status, 0);
});

test('older and fewer messages that were put back on purpose are backed up, not held back', async t => {
  const { signet, root, restore } = await kit(t);
  const [first] = await signet.snapshots();
  const database = openDatabase(root);
  addMessages(database, 1000, 20_000);
  database.close();
  appendFileSync(join(root, session), lines(20_000));
  await signet.ok(['backup']);
  t.like(await restore([], first?.id ?? ''), { replaced: 2, comesBack: 0 });
  const backup = await signet.ok<BackupResult>(['backup']);
  t.deepEqual(backup.filesUnreadable, []);
  t.not(backup.snapshot, undefined);
  t.deepEqual(
    (await signet.status()).notices.filter(({ source }) => source !== undefined),
    [],
  );

  // What shrinks afterwards is held back as ever.
  rmSync(join(root, 'projects'), { recursive: true });
  unlinkSync(join(root, 'chat.db'));
  writeFileSync(join(root, 'history.jsonl'), '');
  const shrunk = await signet.signet(['backup']);
  t.is(shrunk.code, 0);
});

test('only what is asked for is touched', async t => {
  const { root, restore } = await kit(t);
  unlinkSync(join(root, 'history.jsonl'));
  unlinkSync(join(root, 'settings.json'));
  writeFileSync(join(root, session), 'other');
  t.like(await restore(['--include', 'projects/**', '--include', '*.json']), { comesBack: 1, replaced: 1, same: 0 });
  t.false(existsSync(join(root, 'history.jsonl')));
  t.is(readFileSync(join(root, session), 'utf8'), lines(30));
  t.is(readFileSync(join(root, 'settings.json'), 'utf8'), '{}');
});

test('nothing is put back while a program has a file of it open, and it is when the program is gone', async t => {
  const { signet, root, id, restore, beside } = await kit(t);
  if (process.platform !== 'linux') return skip(t, 'asks /proc');
  unlinkSync(join(root, 'history.jsonl'));
  const holder = spawn(
    process.execPath,
    ['--no-warnings', new URL('../support/pin-holder.ts', import.meta.url).pathname, join(root, 'chat.db')],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  t.teardown(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const refused = await signet.signet(['restore', 'latest', '--original', id]);
  t.is(refused.errorCode(), 'E_APP_OPEN', refused.err);
  t.false(existsSync(join(root, 'history.jsonl')));
  t.deepEqual(beside(), []);
  t.like(await restore(['--dry-run']), { comesBack: 1 });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  t.like(await restore(), { comesBack: 1, replaced: 0 });
});

test('a link in the live folder never leads a restore elsewhere', async t => {
  const { signet, root, id, restore, undo } = await kit(t);
  const outside = join(signet.folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'history.jsonl'), 'not of the chats');
  renameSync(join(root, 'projects'), join(signet.folder, 'elsewhere'));
  symlinkSync(outside, join(root, 'projects'));
  unlinkSync(join(root, 'history.jsonl'));
  symlinkSync(join(outside, 'history.jsonl'), join(root, 'history.jsonl'));
  const ran = await signet.signet(['restore', 'latest', '--original', id]);
  t.is(ran.code, 3, ran.err);
  const result = ran.json<OriginalRestoreResult>();
  t.like(result, { comesBack: 0, replaced: 1 });
  t.like(result.skipped, [{ path: `${id}/${session}`, code: 'E_UNSAFE_PATH' }]);
  t.deepEqual(readdirSync(outside), ['history.jsonl']);
  t.is(readFileSync(join(outside, 'history.jsonl'), 'utf8'), 'not of the chats');
  t.is(readFileSync(join(root, 'history.jsonl'), 'utf8'), lines(5));
  // And none that is put in the way of an undo.
  const kept = result.kept ?? '';
  t.true(existsSync(kept));
  await undo();
  t.is(readFileSync(join(root, 'history.jsonl'), 'utf8'), 'not of the chats', 'the link itself is back');
  await restore(['--include', 'history.jsonl']);
});

test('files and folders that may not be written are put back as any, and stay so', async t => {
  if (process.platform === 'win32') return skip(t, 'permissions as on POSIX');
  const { signet, root, id } = await kit(t, withoutPower());
  const folder = join(root, session, '..');
  writeFileSync(join(root, session), 'other');
  chmodSync(join(root, session), 0o400);
  chmodSync(folder, 0o500);
  t.teardown(() => chmodSync(folder, 0o700));
  const result = await signet.ok<OriginalRestoreResult>(['restore', 'latest', '--original', id]);
  t.like(result, { replaced: 1 });
  t.is(readFileSync(join(root, session), 'utf8'), lines(30));
  t.is(statSync(folder).mode & 0o777, 0o500);
  await signet.ok(['undo']);
  t.is(readFileSync(join(root, session), 'utf8'), 'other');
  t.is(statSync(join(root, session)).mode & 0o777, 0o400);
  t.is(statSync(folder).mode & 0o777, 0o500);
});

test('an undo keeps what changed since, and serves while Signet is locked', async t => {
  const { signet, root, restore, undo } = await kit(t);
  writeFileSync(join(root, 'history.jsonl'), 'before');
  unlinkSync(join(root, 'settings.json'));
  await restore();
  writeFileSync(join(root, 'history.jsonl'), 'since');
  writeFileSync(join(root, 'settings.json'), 'since, too');
  await signet.ok(['lock']);
  const { kept = '' } = await undo();
  t.is(readFileSync(join(root, 'history.jsonl'), 'utf8'), 'before');
  t.false(existsSync(join(root, 'settings.json')));
  t.is(readFileSync(join(kept, 'history.jsonl'), 'utf8'), 'since');
  t.is(readFileSync(join(kept, 'settings.json'), 'utf8'), 'since, too');
  rmSync(kept, { recursive: true });
  t.is((await signet.signet(['undo'])).errorCode(), 'E_NOT_FOUND', 'what was kept is gone');
  t.is(readFileSync(join(root, 'history.jsonl'), 'utf8'), 'before');
  await signet.ok(['unlock'], { password });
});

test('a database that is damaged in the backup takes no place', async t => {
  t.timeout(240_000);
  const signet = await installation(t);
  const path = join(signet.source, 'chat.db');
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)');
  addMessages(database, 0, 5000);
  database.close();
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(20_480, 0x55), whole.subarray(28_672)]));
  writeFileSync(join(signet.source, 'note'), 'a note');
  await signet.setUp(['--schedule', 'manual']);
  await signet.ok(['backup']);
  writeFileSync(path, whole);
  unlinkSync(join(signet.source, 'note'));
  const id = (await signet.status()).sources[0]?.id ?? '';
  const ran = await signet.signet(['restore', 'latest', '--original', id]);
  t.is(ran.code, 3, ran.err);
  t.like(ran.json<OriginalRestoreResult>(), {
    comesBack: 1,
    replaced: 0,
    databases: [{ path: `${id}/chat.db`, check: 'damaged' }],
    skipped: [{ path: `${id}/chat.db`, code: 'E_OBJECT_TYPE' }],
  });
  t.true(readFileSync(path).equals(whole));
  t.true(existsSync(join(signet.source, 'note')));
});

test('what is not set up here, not in the backup or not there is refused', async t => {
  const { signet, root, id } = await kit(t);
  const code = async (args: readonly string[]) => (await signet.signet(['restore', 'latest', ...args])).errorCode();
  t.is(await code(['--original', 'generic-22222222']), 'E_NOT_FOUND');
  t.is(await code(['--original', id, '--include', 'nothing/**']), 'E_NOT_FOUND');
  t.is(await code(['--original', id, '--to', join(signet.folder, 'x')]), 'E_USAGE');
  t.is(await code([]), 'E_USAGE');
  t.is((await signet.signet(['undo'])).errorCode(), 'E_NOT_FOUND');
  renameSync(root, `${root}-gone`);
  t.is(await code(['--original', id]), 'E_SOURCE_UNREADABLE');
  t.deepEqual(
    readdirSync(signet.folder).filter(name => name.includes('signet-')),
    [],
  );
});

test('a disk without room: nothing is changed, and nothing is left', async t => {
  if (!canMount) return skip(t, withoutMount);
  t.timeout(240_000);
  let signet: Installation | undefined;
  const folder = (await import('../support/temporary-home.ts')).temporaryFolder(t);
  const disk = smallDisk(t, join(await folder, 'disk'), 8 << 20, async () => signet?.killDaemon());
  const source = join(disk.path, 'chats');
  mkdirSync(source);
  writeFileSync(join(source, 'large'), Buffer.alloc(3 << 20, 7));
  writeFileSync(join(source, 'small'), 'small');
  signet = await installation(t, { source });
  await signet.setUp(['--schedule', 'manual']);
  await signet.ok(['backup']);
  const id = (await signet.status()).sources[0]?.id ?? '';
  writeFileSync(join(source, 'large'), Buffer.alloc(3 << 20, 8));
  writeFileSync(join(source, 'small'), 'other');
  disk.fill();
  const before = treeOf(source);
  t.is((await signet.signet(['restore', 'latest', '--original', id])).errorCode(), 'E_DISK_FULL');
  t.deepEqual(treeOf(source), before);
  t.deepEqual(readdirSync(disk.path).toSorted(), ['chats', 'filler']);
  disk.free();
  t.like(await signet.ok<OriginalRestoreResult>(['restore', 'latest', '--original', id]), { replaced: 2 });
  t.is(readFileSync(join(source, 'small'), 'utf8'), 'small');
});

test('databases that came back apart from their logs are merged, without any set-up', async t => {
  t.timeout(240_000);
  const signet = await installation(t);
  const folder = join(signet.folder, 'restored');
  mkdirSync(join(folder, 'inner'), { recursive: true });
  for (const root of [folder, join(folder, 'inner')]) {
    const database = openDatabase(root);
    database.exec('CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)');
    addMessages(database, 0, 20);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
    leaveLog(root, 1000, 500);
    rmSync(join(root, 'chat.db-shm'));
  }
  // One whose log was cut off, one that no program here can open, and a file that only bears the name.
  const cut = readFileSync(join(folder, 'inner', 'chat.db-wal'));
  writeFileSync(join(folder, 'inner', 'chat.db-wal'), cut.subarray(0, cut.length - 1000));
  writeFileSync(join(folder, 'sealed.db'), Buffer.alloc(8192, 9));
  writeFileSync(join(folder, 'sealed.db-wal'), cut);
  writeFileSync(join(folder, 'notes-wal'), 'a note');
  const before = treeOf(join(folder, 'inner'));

  if (process.platform === 'linux') {
    const held = openSync(join(folder, 'chat.db'), 'r');
    const all = treeOf(folder);
    const refused = await signet.signet(['finish-restore', folder]);
    closeSync(held);
    t.is(refused.errorCode(), 'E_APP_OPEN', refused.err);
    t.deepEqual(treeOf(folder), all, 'a program that has a database open goes on with the same file');
  }

  const ran = await signet.signet(['finish-restore', folder]);
  t.is(ran.code, 3, ran.err);
  const result = ran.json<FinishResult>();
  t.deepEqual(result.merged, [{ path: 'chat.db', check: 'ok' }]);
  t.deepEqual(result.skipped.map(({ path }) => path).toSorted(), ['inner/chat.db', 'sealed.db']);
  t.is(messagesIn(join(folder, 'chat.db')), 520);
  t.deepEqual(
    readdirSync(folder).toSorted(),
    ['chat.db', 'inner', 'notes-wal', 'sealed.db', 'sealed.db-wal'],
    'the log went into the database, and nothing else is left',
  );
  t.deepEqual(treeOf(join(folder, 'inner')), before, 'a damaged pair stays as it was');

  const { signet: other, root } = await kit(t);
  t.is((await other.signet(['finish-restore', root])).errorCode(), 'E_USAGE', 'never what is backed up');
  t.is((await other.signet(['finish-restore', join(root, 'gone')])).errorCode(), 'E_USAGE');
  t.is((await other.signet(['finish-restore', join(other.folder, 'gone')])).errorCode(), 'E_NOT_FOUND');
});
