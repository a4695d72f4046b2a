import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ResponseError } from 'vscode-jsonrpc/node';
import { claimHome, ensureToken } from '../../protocol/claim.ts';
import { type ErrorCode, PeerError } from '../../protocol/errors.ts';
import { type Home, resolveHome } from '../../protocol/home.ts';
import { type Connected, connect, connectOrLaunch, findNode, isNewEnough } from '../../protocol/launch.ts';
import { daemonInfo, handOver, initialize, status, stopDaemon } from '../../protocol/messages.ts';
import { serve } from '../../protocol/socket.ts';
import type { JobProgress, Status } from '../../protocol/status.ts';
import { productVersion, protocolVersion } from '../../protocol/version.ts';
import { someStatus } from '../support/fake-handlers.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const support = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

const someJob: JobProgress = {
  kind: 'backup',
  phase: 'storing',
  filesDone: 0,
  filesTotal: 1,
  bytesDone: 0,
  bytesTotal: 1,
  bytesUploaded: 0,
  cancellable: true,
};

async function homeFor(t: ExecutionContext) {
  const folder = await temporaryFolder(t);
  const home = resolveHome({ env: { SIGNET_HOME: folder } });
  const env = { ...process.env, SIGNET_HOME: folder, NODE_OPTIONS: '--no-such-option' };
  return { folder, home, launch: { home, env, entry: support('fake-daemon.ts') } };
}

async function pidOf({ connection }: Connected): Promise<number> {
  return (await connection.sendRequest(daemonInfo)).pid;
}

async function stop(home: Home): Promise<void> {
  const { connection } = await connect(home);
  const closed = new Promise<void>(done => connection.onClose(() => done()));
  await connection.sendRequest(stopDaemon);
  await closed;
}

test('a daemon that is started does not tell what it sends, though the environment asks Node to', async t => {
  if (process.platform !== 'linux') return skip(t, 'reads /proc');
  const { home, launch } = await homeFor(t);
  const daemon = await connectOrLaunch({
    ...launch,
    env: { ...launch.env, NODE_DEBUG: 'http', NODE_DEBUG_NATIVE: 'x' },
  });
  t.teardown(() => stop(home));
  const environment = readFileSync(`/proc/${await pidOf(daemon)}/environ`, 'utf8').split('\0');
  daemon.close();
  t.deepEqual(
    environment.filter(each => /^NODE_(DEBUG|OPTIONS)/.test(each)),
    [],
  );
  t.true(environment.some(each => each.startsWith('SIGNET_HOME=')));
});

test('a missing daemon is started, outlives the client, and is found by the next', async t => {
  const { home, launch } = await homeFor(t);
  const first = await connectOrLaunch(launch);
  t.teardown(() => stop(home));
  const pid = await pidOf(first);
  t.not(pid, process.pid);
  first.close();
  const second = await connectOrLaunch(launch);
  t.is(await pidOf(second), pid);
  second.close();
  t.deepEqual(await readdir(home.logs), []);
});

test('clients that start at once meet at one daemon', async t => {
  const { home, launch } = await homeFor(t);
  const clients = await Promise.all([1, 2, 3].map(() => connectOrLaunch(launch)));
  t.teardown(() => stop(home));
  const pids = await Promise.all(clients.map(pidOf));
  t.is(new Set(pids).size, 1);
  for (const client of clients) client.close();
});

test('a daemon that cannot start hands over its own error', async t => {
  const { launch } = await homeFor(t);
  const error = await t.throwsAsync(connectOrLaunch({ ...launch, entry: support('daemon-that-fails.ts') }));
  t.like(error, { code: 'E_RUNTIME', params: { detail: 'no zstd here' } });
});

test('a daemon that ends without a word is missing, and so is one that never listens', async t => {
  const { folder, launch } = await homeFor(t);
  const ends = join(folder, 'ends.mjs');
  await writeFile(ends, '');
  t.like(await t.throwsAsync(connectOrLaunch({ ...launch, entry: ends })), { code: 'E_DAEMON_MISSING' });
  const sleeps = join(folder, 'sleeps.mjs');
  await writeFile(sleeps, 'setTimeout(() => {}, 2000)');
  t.like(await t.throwsAsync(connectOrLaunch({ ...launch, entry: sleeps, deadlineMs: 100 })), {
    code: 'E_DAEMON_MISSING',
  });
});

test('connecting alone starts nothing', async t => {
  const { home } = await homeFor(t);
  t.like(await t.throwsAsync(connect(home)), { code: 'E_DAEMON_MISSING' });
});

/** A daemon of another protocol in this process; answers with what it was asked. */
async function otherDaemon(
  t: ExecutionContext,
  home: Home,
  theirs: number,
  { version = '0.0.9', ...changes }: Partial<Status> & { readonly version?: string; readonly refuses?: ErrorCode } = {},
) {
  const claim = await claimHome(home);
  const asked: string[] = [];
  const body = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']); // what ends when this daemon has ended
  const served = await serve({
    home,
    token: await ensureToken(home),
    onPeer: ({ connection }) => {
      connection.onRequest(method => {
        asked.push(method);
        switch (method) {
          case initialize.method:
            return { capabilities: {}, serverInfo: {}, signet: { protocolVersion: theirs, daemonVersion: version } };
          case status.method:
            return someStatus({ job: null, keychain: 'session', ...changes });
          case daemonInfo.method:
            return { pid: body.pid };
          case handOver.method:
            if (changes.refuses !== undefined) {
              const { code, params, retryable } = new PeerError(changes.refuses, 'not now');
              return new ResponseError(1, code, { code, params, retryable });
            }
            setTimeout(end, 20);
            return {};
          default:
            return new ResponseError(-32601, 'not asked in this test');
        }
      });
    },
  });
  async function end(): Promise<void> {
    await served.stop();
    claim.release();
    body.kill('SIGKILL');
  }
  t.teardown(end);
  return asked;
}

test('a newer daemon is left alone: the client says it has to be updated', async t => {
  const { home, launch } = await homeFor(t);
  const asked = await otherDaemon(t, home, protocolVersion + 1);
  t.like(await t.throwsAsync(connectOrLaunch(launch)), { code: 'E_DAEMON_INCOMPATIBLE', params: { newer: 'daemon' } });
  t.deepEqual(asked, ['initialize']);
});

test('an older daemon at work is left alone, too', async t => {
  const { home, launch } = await homeFor(t);
  const asked = await otherDaemon(t, home, protocolVersion - 1, { job: someJob });
  t.like(await t.throwsAsync(connectOrLaunch(launch)), {
    code: 'E_DAEMON_INCOMPATIBLE',
    params: { newer: 'client', reason: 'busy' },
  });
  t.deepEqual(asked, ['initialize', status.method]);
});

test('an older idle daemon is asked to make way, and replaced', async t => {
  const { home, launch } = await homeFor(t);
  const asked = await otherDaemon(t, home, protocolVersion - 1);
  const connected = await connectOrLaunch(launch);
  t.teardown(() => stop(home));
  t.is(connected.daemon.protocolVersion, protocolVersion);
  t.deepEqual(asked, ['initialize', status.method, daemonInfo.method, handOver.method]);
  connected.close();
});

for (const refuses of ['E_BUSY', 'E_USAGE'] as const) {
  test(`an older daemon that answers ${refuses} when it is asked to make way is left alone for a minute`, async t => {
    const { home, launch } = await homeFor(t);
    const asked = await otherDaemon(t, home, protocolVersion - 1, { refuses });
    t.like(await t.throwsAsync(connectOrLaunch(launch)), { params: { newer: 'client', reason: 'busy' } });
    t.like(await t.throwsAsync(connectOrLaunch(launch)), { params: { newer: 'client', reason: 'recent' } });
    t.is(asked.filter(method => method === handOver.method).length, 1);
  });
}

for (const [what, version, changes, replaced] of [
  ['an older idle daemon of the same protocol is replaced', '0.0.9', {}, true],
  ['an older daemon of the same protocol that works is used as it is', '0.0.9', { job: someJob }, false],
  [
    'an older daemon of the same protocol is used as it is when replacing it would lock the backup',
    '0.0.9',
    { vault: 'unlocked', keychain: 'memory-only' },
    false,
  ],
  ['a newer daemon of the same protocol is used as it is', '99.0.0', {}, false],
  ['a daemon of the same version is used as it is', productVersion, {}, false],
] as const) {
  test(what, async t => {
    const { home, launch } = await homeFor(t);
    const asked = await otherDaemon(t, home, protocolVersion, { version, ...changes });
    const connected = await connectOrLaunch(launch);
    if (replaced) t.teardown(() => stop(home));
    t.is(connected.daemon.daemonVersion, replaced ? productVersion : version);
    t.is(asked.includes(handOver.method), replaced);
    connected.close();
  });
}

for (const [version, fits] of [
  ['v24.11.9', false],
  ['v24.12.0', true],
  ['v24.21.0', true],
  ['v25.0.0', true],
  ['v22.99.0', false],
  ['', false],
] as const) {
  test(`Node ${version || 'that says nothing'} is ${fits ? '' : 'not '}new enough`, t =>
    t.is(isNewEnough(version), fits));
}

test('a Node named by the user is checked, and refused with how to install one', t => {
  const error = t.throws(() => findNode({ ...process.env, SIGNET_NODE: '/bin/false' }, support('fake-daemon.ts')));
  t.like(error, { code: 'E_DAEMON_MISSING' });
  t.true(JSON.stringify(error).includes('nodejs.org'));
  const own = findNode({ ...process.env, SIGNET_NODE: process.execPath }, support('fake-daemon.ts'));
  t.is(own.node, process.execPath);
  t.true(own.flags.includes('--disable-sigusr1'));
});
