// How the messages of each app are counted: its queries on databases of its shape, its lines in texts as it writes them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import type { CountQuery, LineCount } from '../../daemon/archive/model.ts';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { inCopy, scratch } from '../support/databases.ts';
import { fixture, skip, withoutFixtures } from '../support/skip.ts';

function queriesOf(profile: string, path: string): readonly CountQuery[] {
  return rulesOf({ profile }).counting?.databases?.find(each => each.path.test(path))?.candidates ?? [];
}

interface Counted {
  readonly messages: number;
  readonly conversations: number;
  readonly newest?: number;
}

function count(database: DatabaseSync, { messages, conversations, newest }: CountQuery): Counted {
  const one = (sql: string, column: string) => Number(database.prepare(sql).get()?.[column] ?? Number.NaN);
  return {
    messages: one(messages, 'messages'),
    conversations: one(conversations, 'conversations'),
    ...(newest !== undefined && { newest: one(newest, 'newest') }),
  };
}

function since(database: DatabaseSync, query: CountQuery, newest: number): readonly number[] {
  const row = database.prepare(query.since ?? '').get(newest);
  return [Number(row?.['messages']), Number(row?.['conversations'])];
}

/** What the query looks through, as SQLite says it; the tables it names must be there. */
function plan(database: DatabaseSync, sql = ''): string {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...(sql.includes('?1') ? [0] : []))
    .map(row => row['detail'])
    .join('; ');
}

function requirementsHold(t: ExecutionContext, database: DatabaseSync, { requires }: CountQuery): void {
  for (const [table, columns] of Object.entries(requires)) {
    for (const column of columns) t.notThrows(() => database.prepare(`SELECT "${column}" FROM "${table}"`), column);
  }
}

test('WhatsApp on Android: of the two tables the one with more rows counts, and new messages by their ids', t => {
  const [modern, legacy] = queriesOf('whatsapp-android', 'Databases/msgstore.db');
  if (modern === undefined || legacy === undefined) return t.fail();
  const { database: path, messages } = generateWhatsApp(scratch(t), { databaseBytes: 400_000, mediaBytes: 1000 });
  const database = new DatabaseSync(path);
  t.teardown(() => database.close());
  for (const query of [modern, legacy]) requirementsHold(t, database, query);
  const { newest = 0, ...before } = count(database, modern);
  t.is(before.messages, messages);
  t.true(before.conversations > 0 && before.conversations <= 160);
  t.true(count(database, legacy).messages < messages);
  t.deepEqual(since(database, modern, newest), [0, 0]);
  t.deepEqual(since(database, modern, newest - 1), [1, 1]);
  t.is(since(database, modern, 0)[0], messages);
  t.regex(plan(database, modern.since), /SEARCH message USING INTEGER PRIMARY KEY \(rowid>\?\)/);
  t.regex(plan(database, modern.messages), /COVERING INDEX/, 'no text is read');
});

test('a document that somebody sent is not counted, whatever its name', t => {
  for (const folder of ['', 'Databases/', 'com.whatsapp/WhatsApp/Databases/', 'MediaOfMine/']) {
    t.is(queriesOf('whatsapp-android', `${folder}msgstore.db`).length, 2, folder);
  }
  for (const folder of [
    'Media/',
    'Media/WhatsApp Documents/',
    'com.whatsapp/WhatsApp/Media/WhatsApp Documents/Sent/',
  ]) {
    t.deepEqual(queriesOf('whatsapp-android', `${folder}msgstore.db`), [], folder);
  }
  const lines = rulesOf({ profile: 'telegram-export' }).counting?.lines ?? [];
  for (const folder of ['', 'ChatExport_2026-11-23/', 'myfiles/'])
    t.true(lines[0]?.path.test(`${folder}result.json`), folder);
  for (const folder of ['files/', 'ChatExport_2026-11-23/files/', 'chats/chat_001/files/']) {
    t.false(lines[0]?.path.test(`${folder}result.json`), folder);
  }
});

test('WhatsApp on Android before 2021: rows of the number -1 are no messages', t => {
  const [, legacy] = queriesOf('whatsapp-android', 'msgstore.db');
  if (legacy === undefined) return t.fail();
  const database = new DatabaseSync(':memory:');
  database.exec(`
    CREATE TABLE messages (_id INTEGER PRIMARY KEY, key_remote_jid TEXT, key_id TEXT, data TEXT);
    CREATE UNIQUE INDEX messages_key ON messages (key_remote_jid, key_id);
    INSERT INTO messages (key_remote_jid, key_id) VALUES ('-1', '0'), ('a', '1'), ('a', '2'), ('b', '3')`);
  t.deepEqual(count(database, legacy), { messages: 3, conversations: 2, newest: 4 });
  t.deepEqual(since(database, legacy, 2), [2, 2]);
  t.regex(plan(database, legacy.messages), /COVERING INDEX/);
});

test('WhatsApp on a Mac: rows are counted, not the counters of the chats', t => {
  const [query] = queriesOf('whatsapp-apple', 'ChatStorage.sqlite');
  const folder = fixture('whatsapp-ios');
  if (folder === undefined) return skip(t, withoutFixtures, 'no fixtures');
  if (query === undefined) return t.fail();
  inCopy(join(folder, 'ChatStorage.sqlite'), database => {
    requirementsHold(t, database, query);
    const { messages, conversations, newest = 0 } = count(database, query);
    t.is(messages, 32);
    t.true(conversations > 0);
    t.is(since(database, query, 0)[0], 32);
    t.deepEqual(since(database, query, newest), [0, 0]);
    t.regex(plan(database, query.since), /SEARCH ZWAMESSAGE USING INTEGER PRIMARY KEY \(rowid>\?\)/);
  });
  t.deepEqual(queriesOf('whatsapp-apple', 'Other/ChatStorage.sqlite'), []);
});

test('Messages on a Mac: a message in two chats is one', t => {
  const [query] = queriesOf('imessage', 'chat.db');
  if (query === undefined) return t.fail();
  const database = new DatabaseSync(':memory:');
  database.exec(`
    CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE, text TEXT);
    CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT);
    CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER, PRIMARY KEY (chat_id, message_id));
    CREATE INDEX chat_message_join_idx ON chat_message_join (message_id, chat_id);
    INSERT INTO chat (guid) VALUES ('a'), ('b');
    INSERT INTO message (guid) VALUES ('1'), ('2'), ('3');
    INSERT INTO chat_message_join VALUES (1, 1), (1, 2), (2, 2), (2, 3)`);
  requirementsHold(t, database, query);
  t.deepEqual(count(database, query), { messages: 3, conversations: 2, newest: 3 });
  t.deepEqual(since(database, query, 1), [2, 2]);
  t.deepEqual(since(database, query, 2), [1, 1]);
  t.regex(plan(database, query.since), /SEARCH m USING INTEGER PRIMARY KEY \(rowid>\?\)/);
});

test('Cursor: messages and conversations by their keys', t => {
  const [query] = queriesOf('cursor', 'globalStorage/state.vscdb');
  if (query === undefined) return t.fail();
  const database = new DatabaseSync(':memory:');
  const [one, two] = ['11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222'];
  database.exec(`
    CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
    INSERT INTO cursorDiskKV (key) VALUES ('composerData:${one}'), ('composerData:${two}'), ('bubbleId:${one}:a'),
      ('bubbleId:${one}:b'), ('bubbleId:${two}:a'), ('bubbleIdx'), ('checkpointId:1')`);
  requirementsHold(t, database, query);
  t.deepEqual(count(database, query), { messages: 3, conversations: 2 });
  t.regex(plan(database, query.messages), /SEARCH cursorDiskKV USING COVERING INDEX/);
  t.deepEqual(queriesOf('cursor', 'workspaceStorage/1/state.vscdb'), [], 'nothing is counted twice');
});

function ruleOf(profile: string, path: string): LineCount | undefined {
  return rulesOf({ profile }).counting?.lines?.find(each => each.path.test(path));
}

/** Lines that are messages, and lines that begin a conversation, in the file. */
function linesIn(rule: LineCount | undefined, text: string): readonly [number, number] {
  const lines = text.split('\n');
  const { message, conversation } = rule ?? { message: /(?!)/ };
  return [
    lines.filter(line => message.test(line)).length,
    conversation === undefined ? 1 : lines.filter(line => conversation.test(line)).length,
  ];
}

test('Claude Code: lines of user and assistant, not those about progress that quote them', t => {
  const folder = fixture('claude-code');
  if (folder === undefined) return skip(t, withoutFixtures, 'no fixtures');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.jsonl'));
  let told = 0;
  let real = 0;
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'latin1');
    told += linesIn(ruleOf('claude-code', file), text)[0];
    for (const line of text.split('\n')) {
      if (line !== '' && ['user', 'assistant'].includes(JSON.parse(line).type)) real += 1;
    }
  }
  t.is(told, real);
  t.is(real, 118);
});

test('Telegram: messages and conversations of one export or of all', t => {
  const folder = fixture('chat-exports/telegram');
  if (folder === undefined) return skip(t, withoutFixtures, 'no fixtures');
  for (const name of ['test_single_export.json', 'test_batch_export.json']) {
    const text = readFileSync(join(folder, name), 'utf8');
    t.deepEqual(linesIn(ruleOf('telegram-export', 'ChatExport/result.json'), text), [2, 1], name);
  }
});

const codex = (payload: object): string =>
  JSON.stringify({ timestamp: '2026-11-23T10:00:00Z', type: 'response_item', payload });

for (const { profile, path, line, isMessage } of [
  {
    profile: 'codex-cli',
    path: '2026/11/23/rollout-1.jsonl',
    line: codex({ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }),
    isMessage: true,
  },
  {
    profile: 'codex-cli',
    path: '2026/11/23/rollout-1.jsonl',
    line: codex({ type: 'message', role: 'assistant', content: [] }),
    isMessage: true,
  },
  {
    profile: 'codex-cli',
    path: '2026/11/23/rollout-1.jsonl',
    line: codex({ type: 'message', id: 'm', role: 'assistant', content: [] }),
    isMessage: true,
  },
  {
    profile: 'codex-cli',
    path: '2026/11/23/rollout-1.jsonl',
    line: codex({ type: 'message', role: 'developer', content: [] }),
    isMessage: false,
  },
  {
    profile: 'codex-cli',
    path: '2026/11/23/rollout-1.jsonl',
    line: codex({ type: 'function_call', arguments: '"role":"user"' }),
    isMessage: false,
  },
  {
    profile: 'codex-cli',
    path: '2026/11/23/rollout-1.jsonl',
    line: '{"timestamp":"x","type":"session_meta","payload":{"id":"a"}}',
    isMessage: false,
  },
  {
    profile: 'claude-code',
    path: 'p/a.jsonl',
    line: '{"type":"user","message":{"role":"user","content":"hi"}}',
    isMessage: true,
  },
  {
    profile: 'claude-code',
    path: 'p/a.jsonl',
    line: '{"type":"summary","summary":"about \\"type\\":\\"user\\""}',
    isMessage: false,
  },
  {
    profile: 'claude-code',
    path: 'p/a.jsonl',
    line: '{"type":"progress","data":{"message":{"type":"user"}}}',
    isMessage: false,
  },
  { profile: 'plain-logs', path: 'irc.libera.#a.weechatlog', line: '2026-11-23 10:00:00\tkim\thello', isMessage: true },
  {
    profile: 'plain-logs',
    path: 'irc.libera.#a.weechatlog',
    line: '2026-11-23 10:00:00\t-->\tkim joined',
    isMessage: false,
  },
  {
    profile: 'plain-logs',
    path: 'irc.libera.#a.weechatlog',
    line: '2026-11-23 10:00:00\t--\tkim is away',
    isMessage: false,
  },
  { profile: 'plain-logs', path: 'libera/#a.log', line: '10:00 <kim> hello', isMessage: true },
  { profile: 'plain-logs', path: 'libera/#a.log', line: '10:00 <@kim> hello', isMessage: true },
  { profile: 'plain-logs', path: 'libera/#a.log', line: 'Nov 23 10:00:00 <kim>\thello', isMessage: true },
  { profile: 'plain-logs', path: 'libera/#a.log', line: '10:00 -!- kim has joined #a', isMessage: false },
  { profile: 'plain-logs', path: 'libera/#a.log', line: '--- Log opened Mon Nov 23 10:00:00 2026', isMessage: false },
  { profile: 'plain-logs', path: 'a/b/c/x.txt', line: '(10:00:00) kim: hello', isMessage: true },
  { profile: 'plain-logs', path: 'a/b/c/x.txt', line: '(10:00:00 AM) Kim Example: hello', isMessage: true },
  { profile: 'plain-logs', path: 'a/b/c/x.txt', line: 'Conversation with kim at Mon 23 Nov 2026', isMessage: false },
  {
    profile: 'plain-logs',
    path: 'a/b/c/x.html',
    line: '<font color="#16569E"><font size="2">(10:00:00)</font> <b>kim:</b></font> hello<br/>',
    isMessage: true,
  },
  { profile: 'telegram-export', path: 'result.json', line: '   "type": "message",', isMessage: true },
  { profile: 'telegram-export', path: 'result.json', line: '   "type": "service",', isMessage: false },
]) {
  test(`${profile} ${path}: ${line} ${isMessage ? 'is a message' : 'is none'}`, t => {
    t.is(linesIn(ruleOf(profile, path), line)[0], isMessage ? 1 : 0);
  });
}
