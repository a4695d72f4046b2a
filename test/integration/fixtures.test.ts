// Real chat data of five apps through a whole Signet and back, and through stock restic.

import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import type { RestoreResult } from '../../protocol/status.ts';
import { treeOf } from '../support/archive.ts';
import { inCopy, integrityOf, rowsIn } from '../support/databases.ts';
import { installation, password, phone } from '../support/installation.ts';
import { fixture, skip, withoutFixtures } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const secrets = { password, phone };
const folders = [
  'whatsapp-ios',
  'mewe-ios',
  'wal-only-rows',
  'googlevoice-ios',
  'teams-ios',
  'claude-code',
  'chat-exports',
];
/** What SQLite keeps beside a database; a capture takes it in, so a restored database stands alone. */
const isCompanion = (path: string): boolean => /-(?:wal|shm|journal)$/.test(path);

test('real chats come back whole: every row that the write-ahead log held, every other byte', async t => {
  const originals = folders.map(fixture).filter(path => path !== undefined);
  if (originals.length !== folders.length) return skip(t, withoutFixtures, 'no fixtures');
  const apps = await temporaryFolder(t);
  for (const path of originals) cpSync(path, join(apps, basename(path)), { recursive: true });
  const before = treeOf(apps);
  const rowsBefore = rowsOfAll(apps);
  t.is(rowsBefore.size, 7);

  const signet = await installation(t);
  const sources = folders.flatMap(name => ['--source', join(apps, name)]);
  const remote = `folder:${signet.remote}`;
  const { recoveryKey = '' } = await signet.ok<{ recoveryKey: string }>(
    ['setup', ...sources, '--remote', remote],
    secrets,
  );
  await signet.ok(['backup']);
  const after = treeOf(apps);
  t.deepEqual([...after.keys()], [...before.keys()]);
  // Shared memory is rebuilt by whoever opens a database that nobody else has open; it holds nothing of its own.
  for (const [path, content] of before) if (!path.endsWith('-shm')) t.true(after.get(path) === content, path);

  const { target, databases, skipped } = await signet.ok<RestoreResult>([
    'restore',
    'latest',
    '--to',
    join(signet.folder, 'back'),
  ]);
  t.deepEqual(skipped, []);
  const idOf = new Map((await signet.status()).sources.map(({ id, root }) => [id, basename(root)]));
  const back = byApp(target, idOf);
  const rowsBack = new Map([...rowsOfAll(target)].map(([path, rows]) => [namedByApp(path, idOf), rows]));
  t.deepEqual([...rowsBack.keys()].sort(), [...rowsBefore.keys()].sort());
  for (const [path, rows] of rowsBefore) t.deepEqual(rowsBack.get(path), rows, path);
  t.deepEqual(
    databases.map(({ path, check }) => [namedByApp(`/${path}`, idOf), check]).sort(),
    [...rowsBefore.keys()].map(path => [path, 'ok']).sort(),
  );
  const notes = [...idOf].find(([, name]) => name === 'wal-only-rows')?.[0] ?? '';
  t.is(rowsIn(join(target, notes, 'NoteStore.sqlite'), 'ACHANGE'), 9);

  const expected = new Map([...before].filter(([path]) => !isCompanion(path)));
  t.deepEqual([...back.keys()].sort(), [...expected.keys()].sort(), 'the same entries, without logs');
  for (const [path, content] of expected) if (!rowsBefore.has(path)) t.true(back.get(path) === content, path);
  for (const path of rowsOfAll(target).keys()) t.is(integrityOf(join(target, path)), 'ok', path);

  const found = spawnSync('restic', ['version'], { encoding: 'utf8' });
  if (found.status !== 0) return skip(t, 'restic is not installed');
  const passwordFile = join(signet.folder, 'recovery-key');
  writeFileSync(passwordFile, `${recoveryKey}\n`, { mode: 0o600 });
  const restic = (...args: string[]): string => {
    const options = ['--no-cache', '-r', signet.remote, '--password-file', passwordFile];
    const { status, stdout, stderr } = spawnSync('restic', [...options, ...args], { encoding: 'utf8' });
    t.is(status, 0, stderr + stdout);
    return stdout;
  };
  t.regex(restic('check', '--read-data'), /no errors were found/);
  const stock = join(signet.folder, 'stock');
  restic('restore', 'latest', '--target', stock);
  const ours = treeOf(target);
  const theirs = treeOf(stock);
  for (const path of [...theirs.keys()]) if (/^\/\.signet(?:\/|$)/.test(path)) theirs.delete(path);
  t.deepEqual([...theirs.keys()].sort(), [...ours.keys()].sort());
  for (const [path, content] of ours) t.true(theirs.get(path) === content, path);
  for (const [path, rows] of rowsOfAll(target)) t.deepEqual(tablesOf(join(stock, path)), rows, path);
});

/** `/<folder>/<path>` of every database below the folder, with its tables and their rows, those of the log among them. */
function rowsOfAll(root: string): Map<string, Record<string, number>> {
  const all = new Map<string, Record<string, number>>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || readFileSync(path).toString('latin1', 0, 15) !== 'SQLite format 3') continue;
    all.set(path.slice(root.length), tablesOf(path));
  }
  return all;
}

function tablesOf(path: string): Record<string, number> {
  return inCopy(path, database => {
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    return Object.fromEntries(
      names.map(({ name }) => [
        String(name),
        Number(database.prepare(`SELECT count(*) AS n FROM "${name}"`).get()?.['n']),
      ]),
    );
  });
}

/** The restored tree with the source ids replaced by the names of the folders they stand for. */
function byApp(target: string, idOf: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...treeOf(target)].map(([path, content]) => [namedByApp(path, idOf), content]));
}

function namedByApp(path: string, idOf: ReadonlyMap<string, string>): string {
  return path.replace(/^\/([^/]+)/, (_, id: string) => `/${idOf.get(id) ?? id}`);
}
