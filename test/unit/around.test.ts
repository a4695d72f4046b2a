import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AroundBackups, aroundFacts, healthAddress } from '../../daemon/jobs/around.ts';
import { defaultSettings, openState } from '../../daemon/state/state.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryFolder, temporaryHome } from '../support/temporary-home.ts';

/** With programs that Windows does not have. */
const posix = process.platform === 'win32' ? test.skip : test;

const never = new AbortController().signal;

async function kit(t: ExecutionContext, settings: object) {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  await state.settings.save(defaultSettings('bench'));
  // As a person does it: the file alone names programs.
  writeFileSync(state.settings.path, JSON.stringify({ v: 1, deviceLabel: 'bench', ...settings }));
  const told: string[] = [];
  const log = { warn: (event: string, fields?: object) => void told.push(`${event} ${JSON.stringify(fields)}`) };
  const env = { PATH: process.env['PATH'], HOME: home.state, SIGNET_HOME: home.state, SECRET: 'x' };
  const around = new AroundBackups({ state, clock, log, env });
  return { around, clock, state, told };
}

/** A program of the user's: its own words say where to write. */
const shell = (script: string, ...words: string[]) => ['/bin/sh', '-c', script, 'sh', ...words];

test('without programs and an address nothing runs', async t => {
  const { around, told } = await kit(t, {});
  await around.before(never);
  await around.after('good');
  t.deepEqual(told, []);
});

posix('a program gets its words as they are, and an environment with the outcome and nothing of Signet', async t => {
  const out = join(await temporaryFolder(t), 'out');
  const words = ['$HOME; rm -rf x', '*'];
  const { around, told } = await kit(t, {
    afterBackup: shell('env > "$1"; printf "%s|" "$@" >> "$1"', out, ...words),
  });
  await around.after('partial');
  const text = readFileSync(out, 'utf8');
  t.true(text.includes('SIGNET_OUTCOME=partial\n'));
  t.true(text.includes('$HOME; rm -rf x|*|'));
  t.notRegex(text, /SECRET|SIGNET_HOME/);
  t.deepEqual(told, []);
});

posix('a program that fails before the backup stops it and names its status', async t => {
  const { around } = await kit(t, { beforeBackup: shell('exit 3') });
  const error = await t.throwsAsync(around.before(never));
  t.like(error, { code: 'E_COMMAND', retryable: true, params: { when: 'before', problem: 'ended with 3' } });
});

test('a program that is not there is told, not run by a shell', async t => {
  const { around } = await kit(t, { beforeBackup: ['/nowhere/mount it'] });
  t.like(await t.throwsAsync(around.before(never)), { params: { problem: 'cannot be started (ENOENT)' } });
});

posix('a program that takes too long is ended, with what it started', async t => {
  const out = join(await temporaryFolder(t), 'out');
  const { around, clock } = await kit(t, {
    beforeBackup: shell('sleep 600 & echo $! > "$1.new"; mv "$1.new" "$1"; wait', out),
  });
  const ended = t.throwsAsync(around.before(never));
  await clock.timerWithin(10 * 60_000);
  while (!existsSync(out)) await new Promise(resolve => setImmediate(resolve));
  clock.advance(10 * 60_000);
  t.like(await ended, { code: 'E_COMMAND', params: { problem: 'took too long' } });
  const pid = Number(readFileSync(out, 'utf8'));
  while (runs(pid)) await new Promise(resolve => setImmediate(resolve));
  t.false(runs(pid));
});

posix('stopping the backup ends the program before it', async t => {
  const { around } = await kit(t, { beforeBackup: shell('sleep 600') });
  const stop = new AbortController();
  const ended = t.throwsAsync(around.before(stop.signal));
  stop.abort(new Error('stopped'));
  t.is((await ended)?.message, 'stopped');
});

posix('when the daemon ends, a program afterwards gets three seconds more', async t => {
  const { around, clock, state } = await kit(t, { afterBackup: shell('sleep 600') });
  const ended = around.after('good');
  await clock.timerWithin(10 * 60_000);
  around.end();
  await clock.timerWithin(3000);
  clock.advance(3000);
  await ended;
  t.is(state.facts.get(aroundFacts.afterBackup), 'took too long');
});

posix('a program that fails afterwards is told and changes nothing; the next that succeeds takes it back', async t => {
  const { around, state, told } = await kit(t, { afterBackup: shell('exit 7') });
  await around.after('good');
  t.deepEqual(told, ['what follows a backup failed {"job":"afterBackup","reason":"ended with 7"}']);
  t.is(state.facts.get(aroundFacts.afterBackup), 'ended with 7');
  writeFileSync(state.settings.path, JSON.stringify({ v: 1, deviceLabel: 'bench', afterBackup: shell('exit 0') }));
  await around.after('good');
  t.is(state.facts.get(aroundFacts.afterBackup), undefined);
});

test('a settings file that cannot be read fails the backup before, and is told after', async t => {
  const { around, state, told } = await kit(t, {});
  writeFileSync(state.settings.path, '{');
  t.like(await t.throwsAsync(around.before(never)), { code: 'E_SETTING' });
  await around.after('failed');
  t.deepEqual(told, ['settings could not be read after a backup {"code":"E_SETTING"}']);
});

test('the address of a failure is one below', t => {
  t.is(healthAddress('https://hc.example/abc', 'good').href, 'https://hc.example/abc');
  t.is(healthAddress('https://hc.example/abc', 'partial').href, 'https://hc.example/abc');
  t.is(healthAddress('https://hc.example/abc/?x=1', 'failed').href, 'https://hc.example/abc/fail?x=1');
});

async function healthServer(t: ExecutionContext, status: number) {
  const asked: string[] = [];
  const server = createServer((request, answer) => {
    asked.push(`${request.method} ${request.url} ${Object.keys(request.headers).sort().join(' ')}`);
    answer.writeHead(status, status >= 300 ? { location: '/elsewhere' } : {});
    answer.end('x'.repeat(1000));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { asked, url: `http://127.0.0.1:${port}/abc` };
}

test('the health check is one bare GET, none for what a person stopped', async t => {
  const { asked, url } = await healthServer(t, 200);
  const { around, told } = await kit(t, { healthCheckUrl: url });
  for (const outcome of ['good', 'nothing-new', 'cancelled', 'failed'] as const) await around.after(outcome);
  t.deepEqual(asked, ['GET /abc connection host', 'GET /abc connection host', 'GET /abc/fail connection host']);
  t.deepEqual(told, []);
});

test('a health check that answers otherwise is told without its address, and no other address is asked', async t => {
  const { asked, url } = await healthServer(t, 302);
  const { around, state, told } = await kit(t, { healthCheckUrl: url });
  await around.after('good');
  t.is(asked.length, 1);
  t.deepEqual(told, ['what follows a backup failed {"job":"healthCheckUrl","reason":"answered 302"}']);
  t.is(state.facts.get(aroundFacts.healthCheckUrl), 'answered 302');
});

test('a health check that nobody answers is told', async t => {
  const { around, state } = await kit(t, { healthCheckUrl: 'http://127.0.0.1:1/abc' });
  await around.after('good');
  t.is(state.facts.get(aroundFacts.healthCheckUrl), 'did not answer');
});

function runs(pid: number): boolean {
  try {
    // A zombie still has a number: what it was is gone all the same.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
