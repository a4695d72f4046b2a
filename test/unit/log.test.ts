import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type LogFields, openLog } from '../../daemon/base/log.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const hasModes = process.platform !== 'win32';

async function kit(t: ExecutionContext) {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'daemon.log');
  return { folder, path, log: openLog(folder, 'daemon'), text: () => readFileSync(path, 'utf8') };
}

test('an event has a time, a level and its fields, in one line that only its user may read', async t => {
  const { log, path, text } = await kit(t);
  log.info('backup done', { job: 'change', ms: 12, id: 'a1b2c3d4'.repeat(8), ok: true, method: 'signet/backup' });
  const line = JSON.parse(text()) as Record<string, unknown>;
  t.like(line, {
    level: 30,
    msg: 'backup done',
    job: 'change',
    ms: 12,
    id: 'a1b2c3d4',
    ok: true,
    method: 'signet/backup',
  });
  t.regex(String(line['time']), /^\d{4}-\d\d-\d\dT/);
  if (hasModes) t.is(statSync(path).mode & 0o777, 0o600);
});

test('paths, addresses and numbers of people never appear, whatever field brings them', async t => {
  const { log, text } = await kit(t);
  const secrets = [
    '/home/kim/Chats/Anna.txt',
    'C:\\Users\\kim\\Chats',
    '~/Chats',
    'Anna/chat.db',
    'https://hc.example/secret-id',
    'kim@example.org',
    '+14155550123',
    '+1 (415) 555-0123',
    '4155550123',
  ];
  const names = [
    'code',
    'system',
    'job',
    'reason',
    'version',
    'error',
    'method',
    'count',
    'ok',
    'at',
    'path',
    'detail',
  ];
  for (const secret of secrets) {
    for (const name of names) log.warn('something', { [name]: secret } as LogFields);
    log.warn('something', { at: [secret, `at x (${secret})`] });
    log.warn('something', { reason: `could not read ${secret} just now` });
  }
  t.notRegex(text(), /kim|Anna|hc\.example|secret|555-?0123/);
});

test('an unforeseen error tells where it came from, not where the program lies', async t => {
  const { log, text } = await kit(t);
  const at = [
    'at run (file:///home/kim/signet/daemon/jobs/jobs.ts:12:3)',
    '    at async Jobs.backup (/home/kim/signet/daemon/jobs/jobs.ts:40:5)',
    'at file:///C:/Users/kim/main.mjs:1:2',
    'at node:internal/process/task_queues:103:5',
    'at <anonymous> (C:\\Users\\kim\\x.ts:1:1)',
  ];
  log.error('request failed', { error: 'TypeError', at });
  t.deepEqual((JSON.parse(text()) as { at: string[] }).at, [
    'run jobs.ts:12:3',
    'Jobs.backup jobs.ts:40:5',
    'main.mjs:1:2',
    'task_queues:103:5',
    '<anonymous> x.ts:1:1',
  ]);
});

test('fields that nobody allowed are left out, and long ones are cut', async t => {
  const { log, text } = await kit(t);
  log.info('x', { message: 'a chat', reason: 'w'.repeat(5000) } as LogFields);
  const line = JSON.parse(text()) as Record<string, unknown>;
  t.deepEqual(Object.keys(line).sort(), ['level', 'msg', 'reason', 'time']);
  t.is(String(line['reason']).length, 80);
});

test('the log turns over at a mebibyte while it is written, keeps three files, and loses no line of them', async t => {
  const { log, folder } = await kit(t);
  for (let count = 0; count < 40_000; count += 1) log.info('tick', { count, reason: 'w'.repeat(60) });
  const files = ['daemon.log', 'daemon.log.1', 'daemon.log.2'].map(name => join(folder, name));
  for (const file of files) {
    t.true(existsSync(file), file);
    t.true(statSync(file).size < 1.1 * 2 ** 20, `${statSync(file).size}`);
    if (hasModes) t.is(statSync(file).mode & 0o777, 0o600);
  }
  t.false(existsSync(join(folder, 'daemon.log.3')));
  const counts = files
    .toReversed()
    .flatMap(file => readFileSync(file, 'utf8').trim().split('\n'))
    .map(line => (JSON.parse(line) as { count: number }).count);
  t.deepEqual(
    counts,
    Array.from(counts, (_, at) => 40_000 - counts.length + at),
  );
});

test('a log that is over half full turns over at the next start', async t => {
  const { log, folder } = await kit(t);
  for (let count = 0; count < 6000; count += 1) log.info('tick', { reason: 'w'.repeat(60) });
  openLog(folder, 'daemon').info('started');
  t.true(readFileSync(join(folder, 'daemon.log'), 'utf8').split('\n').length < 3);
  t.true(existsSync(join(folder, 'daemon.log.1')));
});
