// Messages and conversations of a backup, counted on the way.

import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { LineCounter } from '../../daemon/archive/line-count.ts';
import type { LineCount, TextMemory } from '../../daemon/archive/model.ts';
import { startDatabaseCapture } from '../../daemon/capture/capture.ts';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { appendMessages, generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { archiveBench, type Run } from '../support/archive.ts';
import { inCopy, scratch } from '../support/databases.ts';
import { fixture, skip, withoutFixtures } from '../support/skip.ts';

const newsOf = (run: Run) => [...run.news.values()][0];
const countsOf = (run: Run) => run.manifest.sources[0]?.counts;
const numberOf = (path: string, sql: string): number =>
  inCopy(path, database => Number(database.prepare(sql).get()?.['n']));

test('a generated WhatsApp is counted by its present table, and then by what was added', async t => {
  const { root, backUp } = await archiveBench(t);
  const rules = rulesOf({ profile: 'whatsapp-android' });
  const { database, messages } = generateWhatsApp(root, { databaseBytes: 2_000_000, mediaBytes: 100_000 });
  t.is(numberOf(database, 'SELECT count(*) AS n FROM messages'), 1, 'the table of old holds a placeholder');
  const chats = numberOf(database, 'SELECT count(*) AS n FROM chat WHERE hidden IS NOT 1');
  const first = await backUp({ rules });
  t.deepEqual(countsOf(first), { messages, conversations: chats });
  t.deepEqual(first.manifest.sources[0]?.databases.find(each => /msgstore/.test(each.path))?.counts, countsOf(first));
  t.like(newsOf(first), { messagesNew: messages });

  const app = new DatabaseSync(database);
  t.teardown(() => app.close());
  const last = numberOf(database, 'SELECT max(_id) AS n FROM message');
  appendMessages(app, 212, { seed: 'more' });
  const second = await backUp({ rules });
  t.is(countsOf(second)?.messages, messages + 212);
  t.deepEqual(newsOf(second), {
    messagesNew: 212,
    conversationsChanged: numberOf(
      database,
      `SELECT count(DISTINCT chat_row_id) AS n FROM message WHERE _id > ${last}`,
    ),
  });
  const idle = await backUp({ rules });
  t.false(idle.changed);
  t.deepEqual(newsOf(idle), { messagesNew: 0, conversationsChanged: 0 });
});

test('a WhatsApp that was not migrated is counted by its old table', async t => {
  const { root, backUp } = await archiveBench(t);
  const database = new DatabaseSync(join(root, 'msgstore.db'));
  database.exec(
    `CREATE TABLE chat (_id INTEGER PRIMARY KEY, hidden INTEGER);
     CREATE TABLE message (_id INTEGER PRIMARY KEY, chat_row_id INTEGER);
     INSERT INTO message VALUES (1, 0);
     CREATE TABLE messages (_id INTEGER PRIMARY KEY, key_remote_jid TEXT);
     INSERT INTO messages (key_remote_jid) VALUES ('-1'), ('a'), ('a'), ('b')`,
  );
  const rules = rulesOf({ profile: 'whatsapp-android' });
  t.deepEqual(countsOf(await backUp({ rules })), { messages: 3, conversations: 2 });
  database.exec("INSERT INTO messages (key_remote_jid) VALUES ('b'), ('b')");
  database.close();
  t.deepEqual(newsOf(await backUp({ rules })), { messagesNew: 2, conversationsChanged: 1 });
});

test('a WhatsApp of an iPhone is counted in rows, not by the counters of its chats', async t => {
  const from = fixture('whatsapp-ios');
  if (from === undefined) return skip(t, withoutFixtures, 'no fixtures');
  const { root, backUp } = await archiveBench(t);
  cpSync(from, root, { recursive: true });
  const run = await backUp({ rules: rulesOf({ profile: 'whatsapp-apple' }) });
  t.is(countsOf(run)?.messages, 32);
  const chats = 'SELECT count(*) AS n FROM ZWACHATSESSION WHERE ZSESSIONTYPE IN (0, 1)';
  t.is(countsOf(run)?.conversations, numberOf(join(from, 'ChatStorage.sqlite'), chats));
});

test('sessions of Claude Code are counted by their lines, and only what is appended is counted again', async t => {
  const from = fixture('claude-code');
  if (from === undefined) return skip(t, withoutFixtures, 'no fixtures');
  const { root, backUp } = await archiveBench(t);
  cpSync(from, root, { recursive: true });
  const rules = rulesOf({ profile: 'claude-code' });
  const first = await backUp({ rules });
  t.deepEqual(countsOf(first), { messages: 118, conversations: 11 });
  const session = join(root, '-Users-roblou-code-debugtest', 'b02ed4d8-1f00-45cc-949f-3ea63b2dbde2.jsonl');
  appendFileSync(session, '{"type":"user","message":{}}\n{"type":"progress","data":{}}\n{"type":"assistant"}\n');
  const second = await backUp({ rules });
  t.is(countsOf(second)?.messages, 120);
  t.deepEqual(newsOf(second), { messagesNew: 2, conversationsChanged: 1 });
});

test('what cannot be counted is not counted, never none', async t => {
  const { root, backUp } = await archiveBench(t);
  const database = new DatabaseSync(join(root, 'msgstore.db'));
  database.exec('CREATE TABLE something_else (a)');
  database.close();
  const run = await backUp({ rules: rulesOf({ profile: 'whatsapp-android' }) });
  t.is(countsOf(run), undefined);
  t.deepEqual(newsOf(run), {});
  writeFileSync(join(root, 'a.txt'), 'x');
  t.is(countsOf(await backUp({ rules: rulesOf({ profile: 'generic' }) })), undefined);
});

test('a count that takes too long is given up, and the capture goes on', async t => {
  const folder = scratch(t);
  const path = join(folder, 'chat.db');
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE message (a)');
  database.close();
  const capture = startDatabaseCapture({
    stagingFolder: join(folder, 'staging'),
    nodePath: process.execPath,
    countMs: 300,
  });
  t.teardown(() => capture.stop());
  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS messages FROM n';
  const query = { requires: { message: ['a'] }, messages: endless, conversations: 'SELECT 0 AS conversations' };
  const captured = await capture.capture(Buffer.from(path), { fullCheck: false, count: { candidates: [query] } });
  if (captured.kind !== 'database') return t.fail();
  t.is(captured.counts, undefined);
  t.is(captured.image.sizeBytes, readFileSync(path).length);
  await captured.image.close();
  const again = await capture.capture(Buffer.from(path), { fullCheck: false });
  t.is(again.kind, 'database', 'a new process goes on');
  if (again.kind === 'database') await again.image.close();
});

test('texts whose counts were forgotten are counted once more, without being stored', async t => {
  const { root, backUp } = await archiveBench(t);
  const rules = rulesOf({ profile: 'claude-code' });
  mkdirSync(join(root, 'p'));
  writeFileSync(join(root, 'p', 'a.jsonl'), '{"type":"user"}\n'.repeat(5));
  writeFileSync(join(root, 'p', 'b.jsonl'), '{"type":"user"}\n'.repeat(7));
  const first = await backUp({ rules: { ...rules, counting: {} } });
  t.is(countsOf(first), undefined, 'nobody counted');
  writeFileSync(join(root, 'p', 'c.jsonl'), '{"type":"user"}\n');
  const second = await backUp({ rules });
  t.deepEqual(countsOf(second), { messages: 13, conversations: 3 });
  t.is(second.counts.filesNew, 1);
  t.is(second.counts.bytesRead, 16);
});

const lines: LineCount = { path: /./, message: /m/, conversation: /c/ };
const each: LineCount = { path: /./, message: /m/ };

/** Counts the text as it passes by in pieces of `size`, beginning where the counter says that it may. */
async function counted(rule: LineCount, text: string, size: number, known?: TextMemory): Promise<TextMemory> {
  const bytes = Buffer.from(text, 'latin1');
  const file = {
    sizeBytes: bytes.length,
    read: async (target: Uint8Array, position: number) => bytes.copy(target, 0, position),
  };
  const counter = await LineCounter.open(rule, file, known);
  for (let at = 0; at < bytes.length; at += size) counter.take(bytes.subarray(at, at + size), at);
  return counter.finish();
}

for (const [text, messages, conversations] of [
  ['', 0, 0],
  ['m', 1, 0],
  ['m\n', 1, 0],
  ['\n\nm\r\n\n', 1, 0],
  ['m\nx\nmc\nc', 2, 2],
  ['mm\nm', 2, 0],
  ['x\xff\xfem\n', 1, 0],
] as const) {
  test(`${JSON.stringify(text)} holds ${messages} messages, in whatever pieces it comes`, async t => {
    for (const size of [1, 2, 3, 100]) {
      const found = await counted(lines, text, size);
      t.deepEqual([found.messages, found.conversations], [messages, conversations], `pieces of ${size}`);
    }
  });
}

test('a text that grew is counted from where it ended, and a last line that was not whole is not counted twice', async t => {
  const before = await counted(each, 'm\nx\nm', 2);
  t.deepEqual([before.messages, before.upTo.bytes, before.upTo.messages], [2, 4, 1]);
  const after = await counted(each, 'm\nx\nmore m\nm\n', 3, before);
  t.deepEqual([after.messages, after.conversations], [3, 1]);
});

test('a text that was written anew is counted anew, longer or shorter', async t => {
  const before = await counted(each, 'm\nm\nm\n', 4);
  t.is((await counted(each, 'x\nm\n', 4, before)).messages, 1);
  t.is((await counted(each, 'x\nx\nx\nm\n', 4, before)).messages, 1);
});
