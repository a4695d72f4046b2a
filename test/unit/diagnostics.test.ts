// What may be shown to strangers: nothing in it names a person, a place or a chat.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { logTail, openLog } from '../../daemon/base/log.ts';
import { type DiagnosticsFacts, diagnosticsText } from '../../daemon/jobs/diagnostics.ts';
import type { Status } from '../../protocol/status.ts';
import { alarmOf } from '../support/alarms.ts';
import { someStatus } from '../support/fake-handlers.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const at = '2026-11-23T08:55:00.000Z';
const secret = 'SECRET';
const told = someStatus();
/** Every text that could name something names the secret. */
const status: Status = {
  ...told,
  job: {
    kind: 'backup',
    phase: 'storing',
    filesDone: 1,
    filesTotal: 2,
    bytesDone: 1,
    bytesTotal: 2,
    bytesUploaded: 0,
    item: secret,
    cancellable: true,
  },
  lastBackup: told.lastBackup && {
    ...told.lastBackup,
    snapshot: secret,
    filesUnreadable: [{ path: secret, reason: secret }],
    notVerified: [secret],
  },
  lastError: { code: 'E_UNREACHABLE', params: { path: secret, detail: secret }, retryable: true, at },
  overdue: { since: at, cause: 'held-back', app: secret },
  sources: [{ id: secret, profile: secret, label: secret, root: secret, capturedAt: at, messages: 5 }],
  remote: { kind: 'drive', label: secret, reachable: true, synced: secret, account: secret },
  mirrors: [{ kind: 's3', label: secret, syncedAt: at }],
  repository: { id: secret, snapshots: 5, sizeBytes: 6 },
  device: { id: secret, label: secret },
  phoneEnding: secret,
  alarms: [alarmOf('E_ROLLBACK', { since: at, detail: secret })],
  notices: [{ id: secret, kind: 'shrunk', since: at, source: secret, params: { app: secret } }],
  devices: [{ id: secret, label: secret, isThis: true, number: 4, at }],
};
const facts: DiagnosticsFacts = {
  at,
  version: '1.2.3',
  protocolVersion: 1,
  runtime: { platform: 'linux', node: '24.21.0' },
  uptimeSeconds: 5,
  checks: [
    { name: 'SQLite', ok: true, detail: '3.50' },
    { name: 'disk', ok: false, detail: '5 MB are free' },
    { name: 'clock', ok: false, detail: `/home/${secret}: cannot be read` },
    { name: 'settings', ok: true, detail: `${secret}.json` },
    { name: 'place of the copies', ok: false, detail: `${secret} cannot be reached`, advice: secret },
    { name: `connection of drive:${secret}`, ok: true, detail: secret },
    { name: 'chats 1', ok: false, detail: secret },
    { name: secret, ok: true, detail: secret },
  ],
  status,
  log: ['{"msg":"backup done"}'],
};

test('diagnostics tell what is wrong, and name nobody and nothing', t => {
  const text = diagnosticsText(facts);
  t.false(text.includes(secret), text);
  for (const part of [
    '"version": "1.2.3"',
    'ok  SQLite: 3.50',
    'BAD disk: 5 MB are free',
    'BAD clock\n',
    'BAD place of the copies\n',
    'ok  connection of\n',
    'BAD chats\n',
    '"code": "E_UNREACHABLE"',
    '"cause": "held-back"',
    '"profile": "generic"',
    '"devices": 1',
    '"filesUnreadable": 1',
    '{"msg":"backup done"}',
  ]) {
    t.true(text.includes(part), `${part} in\n${text}`);
  }
});

test('before set-up there is as much to tell as there is', t => {
  const empty = someStatus({
    vault: 'absent',
    lastBackup: null,
    remote: null,
    repository: null,
    device: null,
    sources: [],
  });
  t.true(diagnosticsText({ ...facts, status: empty }).includes('"vault": "absent"'));
});

test('of a log that is too long the newest lines are told', t => {
  const log = Array.from({ length: 5000 }, (_, n) => JSON.stringify({ n, msg: 'x'.repeat(100) }));
  const text = diagnosticsText({ ...facts, log });
  t.true(text.length <= 256 * 1024);
  t.true(text.includes('"n":4999') && !text.includes('"n":0,'));
});

test('the end of the log holds whole lines, of the file before it, too, and nothing that a log may not say', async t => {
  const folder = await temporaryFolder(t);
  mkdirSync(folder, { recursive: true });
  t.deepEqual(logTail(folder, 'daemon', 1000), []);
  openLog(folder, 'daemon').info('backup done', { count: 3 });
  writeFileSync(
    join(folder, 'daemon.log.1'),
    `{"msg":"cut off at its beginning"}\n${'{"level":30,"msg":"older"}\n'.repeat(40)}`,
  );
  writeFileSync(
    join(folder, 'daemon.log'),
    `{"level":40,"time":"${at}","msg":"mail kim@example.org","path":"/home/kim","code":"E_BUSY"}\n{"level":30,"msg":"cut`,
  );
  const lines = logTail(folder, 'daemon', 1000);
  t.true(lines.length > 30 && lines.length < 40);
  t.is(lines.at(-1), '(left out)');
  t.deepEqual(JSON.parse(lines.at(-2) ?? ''), { time: at, level: 40, msg: '(left out)', code: 'E_BUSY' });
  t.false(lines.join().includes('kim'));
});
