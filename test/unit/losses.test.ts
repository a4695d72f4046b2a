// A source that vanished, was emptied or shrank stays in the newest snapshot as it was, until its owner says that the loss was meant.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { type ArchiveBench, archiveBench, type Run } from '../support/archive.ts';
import { rowsIn } from '../support/databases.ts';

const carried = (run: Run): string | undefined => run.manifest.sources[0]?.carriedFrom?.reason;
const newsOf = (run: Run) => [...run.news.values()][0];

function fill(root: string, count: number, bytes = 10, name = (n: number) => `${n}.txt`): void {
  for (let n = 0; n < count; n++) writeFileSync(join(root, name(n)), randomBytes(bytes));
}

/** A folder of an app that keeps one message in each row. */
function makeMessages(path: string, count: number): void {
  const database = new DatabaseSync(path);
  database.exec(
    `PRAGMA journal_mode=WAL; CREATE TABLE chat (_id INTEGER PRIMARY KEY, hidden INTEGER);
     CREATE TABLE message (_id INTEGER PRIMARY KEY AUTOINCREMENT, chat_row_id INTEGER, text_data TEXT);
     INSERT INTO chat VALUES (1, 0), (2, 0)`,
  );
  addMessages(database, count);
  database.close();
}

function addMessages(database: DatabaseSync, count: number): void {
  const insert = database.prepare("INSERT INTO message (chat_row_id, text_data) VALUES (1, 'x')");
  database.exec('BEGIN');
  for (let n = 0; n < count; n++) insert.run();
  database.exec('COMMIT');
}

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

const rules = rulesOf({ profile: 'whatsapp-android' });

async function phone(t: ExecutionContext, messages: number): Promise<ArchiveBench & { readonly database: string }> {
  const made = await archiveBench(t);
  const database = join(made.root, 'msgstore.db');
  makeMessages(database, messages);
  return { ...made, database };
}

test('a source that lost most of its files is held back whole, stays so, and is captured when the loss is accepted', async t => {
  const made = await archiveBench(t);
  fill(made.root, 20);
  const other = { ...made.source, id: 'generic-bbbbbbbb', root: join(made.folder, 'other') };
  mkdirSync(other.root);
  writeFileSync(join(other.root, 'b'), 'one');
  const before = await made.backUp({}, [made.source, other]);
  for (let n = 0; n < 12; n++) rmSync(join(made.root, `${n}.txt`));
  writeFileSync(join(made.root, '19.txt'), 'new text');

  writeFileSync(join(other.root, 'b'), 'two');
  const held = await made.backUp({}, [made.source, other]);
  t.deepEqual(held.manifest.sources[0]?.carriedFrom, { snapshot: before.id as string, reason: 'shrunk' });
  t.is(held.manifest.sources[0]?.capturedAt, before.manifest.sources[0]?.capturedAt);
  t.deepEqual(newsOf(held)?.loss, { of: 'files', count: 12 });
  t.is(held.counts.filesChanged, 1, 'the other source is captured');
  t.is(readdirSync(join((await made.restore(held)).target, made.source.id)).length, 20);

  const again = await made.backUp({}, [made.source, other]);
  t.false(again.changed, 'nothing but the loss differs');
  t.is(carried(again), 'shrunk');

  const accepted = await made.backUp({}, [{ ...made.source, lossAccepted: true }, other]);
  t.true(accepted.changed);
  t.is(carried(accepted), undefined);
  t.is(readdirSync(join((await made.restore(accepted)).target, made.source.id)).length, 8);
  t.false((await made.backUp({}, [made.source, other])).changed, 'what was accepted is the new measure');
});

test('a source that grew back is captured again by itself', async t => {
  const made = await archiveBench(t);
  fill(made.root, 20);
  await made.backUp();
  for (let n = 0; n < 12; n++) rmSync(join(made.root, `${n}.txt`));
  t.is(carried(await made.backUp()), 'shrunk');
  fill(made.root, 5, 10, n => `back ${n}.txt`);
  const after = await made.backUp();
  t.is(carried(after), undefined);
  t.is(after.manifest.sources[0]?.files, 13);
});

test('a source that is emptied is held back, also when only folders and what no one keeps are left', async t => {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'Media', 'deep'), { recursive: true });
  writeFileSync(join(made.root, 'Media', 'deep', 'a'), 'x');
  writeFileSync(join(made.root, 'b.excluded'), 'x');
  const before = await made.backUp();
  rmSync(join(made.root, 'Media', 'deep', 'a'));
  const after = await made.backUp();
  t.false(after.changed);
  t.is(carried(after), 'empty');
  t.true(existsSync(join((await made.restore(before)).target, made.source.id, 'Media', 'deep', 'a')));
  const accepted = await made.backUp({ lossAccepted: true });
  t.true(accepted.changed);
  t.is(accepted.manifest.sources[0]?.files, 0);
});

test('to accept that most of a source went is not to accept that it is emptied, as by a disk that is not there', async t => {
  const made = await archiveBench(t);
  fill(made.root, 20);
  await made.backUp();
  for (let n = 0; n < 12; n++) rmSync(join(made.root, `${n}.txt`));
  t.is(carried(await made.backUp()), 'shrunk');
  for (let n = 12; n < 20; n++) rmSync(join(made.root, `${n}.txt`));
  t.is(carried(await made.backUp({ lossAccepted: 'in part' })), 'empty');
  fill(made.root, 8);
  t.is(carried(await made.backUp({ lossAccepted: 'in part' })), undefined);
});

test('files gone with the folders above them count one by one', async t => {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'a', 'b', 'c'), { recursive: true });
  fill(join(made.root, 'a', 'b', 'c'), 9);
  fill(made.root, 8);
  await made.backUp();
  rmSync(join(made.root, 'a'), { recursive: true });
  const held = await made.backUp();
  t.is(carried(held), 'shrunk');
  t.deepEqual(newsOf(held)?.loss, { of: 'files', count: 9 });
});

test('a folder that was moved is no loss', async t => {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'a'));
  fill(join(made.root, 'a'), 20);
  await made.backUp();
  rmSync(join(made.root, 'a'), { recursive: true });
  mkdirSync(join(made.root, 'b'));
  fill(join(made.root, 'b'), 20);
  t.is(carried(await made.backUp()), undefined);
});

test('dated copies that rotate raise nothing, not even when all are gone but the newest', async t => {
  const made = await archiveBench(t);
  mkdirSync(join(made.root, 'Databases'));
  const copy = (day: number) => join(made.root, 'Databases', `msgstore-2026-11-${day}.1.db.crypt15`);
  for (let day = 10; day < 22; day++) writeFileSync(copy(day), randomBytes(300_000));
  writeFileSync(join(made.root, 'Databases', 'msgstore.db.crypt15'), randomBytes(300_000));
  const everyCopy = { ...rules, leftOut: () => undefined };
  await made.backUp({ rules: everyCopy });
  for (let day = 10; day < 21; day++) rmSync(copy(day));
  writeFileSync(copy(22), randomBytes(300_000));
  t.is(carried(await made.backUp({ rules: everyCopy })), undefined);
});

test('a database that lost most of its messages is held back before anything of it is stored', async t => {
  const made = await phone(t, 1000);
  const before = await made.backUp({ rules });
  t.deepEqual(before.manifest.sources[0]?.counts, { messages: 1000, conversations: 2 });
  change(made.database, 'DELETE FROM message WHERE _id > 50');
  const held = await made.backUp({ rules });
  t.false(held.changed);
  t.is(carried(held), 'shrunk');
  t.deepEqual(newsOf(held)?.loss, { of: 'messages', count: 950 });
  t.is(held.counts.bytesRead, 0);
  t.is(rowsIn(join((await made.restore(before)).target, made.source.id, 'msgstore.db'), 'message'), 1000);
  const accepted = await made.backUp({ rules, lossAccepted: true });
  t.is(accepted.manifest.sources[0]?.counts?.messages, 50);
  t.is(newsOf(accepted)?.messagesFewer, undefined, 'who accepted it need not be told');
});

test('a database that is gone while everything else stays takes its messages with it: held back', async t => {
  const made = await phone(t, 100);
  fill(made.root, 30);
  await made.backUp({ rules });
  rmSync(made.database);
  const held = await made.backUp({ rules });
  t.is(carried(held), 'shrunk');
  t.deepEqual(newsOf(held)?.loss, { of: 'messages', count: 100 });
});

test('a database that moved within its source lost nothing', async t => {
  const made = await phone(t, 100);
  await made.backUp({ rules });
  rmSync(made.database);
  mkdirSync(join(made.root, 'Databases'));
  makeMessages(join(made.root, 'Databases', 'msgstore.db'), 100);
  t.is(carried(await made.backUp({ rules })), undefined);
});

test('a smaller loss of messages is captured and told', async t => {
  const made = await phone(t, 1000);
  await made.backUp({ rules });
  change(made.database, 'DELETE FROM message WHERE _id <= 30');
  const after = await made.backUp({ rules });
  t.is(carried(after), undefined);
  t.is(after.manifest.sources[0]?.counts?.messages, 970);
  t.is(newsOf(after)?.messagesFewer, 30);
  change(made.database, 'DELETE FROM message WHERE _id = 31');
  t.is(newsOf(await made.backUp({ rules }))?.messagesFewer, undefined, 'a message is deleted now and then');
});

test('texts that lost most of their messages are held back', async t => {
  const made = await archiveBench(t);
  const line = '{"type":"user","message":{}}\n';
  const claude = rulesOf({ profile: 'claude-code' });
  for (let n = 0; n < 10; n++) writeFileSync(join(made.root, `${n}.jsonl`), line.repeat(n === 0 ? 500 : 10));
  const before = await made.backUp({ rules: claude });
  t.deepEqual(before.manifest.sources[0]?.counts, { messages: 590, conversations: 10 });
  rmSync(join(made.root, '0.jsonl'));
  const held = await made.backUp({ rules: claude });
  t.false(held.changed);
  t.is(carried(held), 'shrunk');
  t.deepEqual(newsOf(held)?.loss, { of: 'messages', count: 500 });
});

test('messages that a choice leaves out are no loss', async t => {
  const made = await archiveBench(t);
  const line = '{"type":"user","message":{}}\n';
  mkdirSync(join(made.root, 'office'));
  writeFileSync(join(made.root, 'office', 'a.jsonl'), line.repeat(500));
  writeFileSync(join(made.root, 'b.jsonl'), line.repeat(10));
  await made.backUp({ rules: rulesOf({ profile: 'claude-code' }) });
  const after = await made.backUp({ rules: rulesOf({ profile: 'claude-code', exclude: ['/office/'] }) });
  t.is(carried(after), undefined);
  t.is(after.manifest.sources[0]?.counts?.messages, 10);
  t.is(newsOf(after)?.messagesFewer, undefined);
});
