import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CancellationTokenSource, createMessageConnection, type MessageConnection } from 'vscode-jsonrpc/node';
import { SignetError } from '../../daemon/base/errors.ts';
import { type EndpointOptions, type Handlers, startEndpoint } from '../../daemon/endpoint/endpoint.ts';
import { readToken } from '../../protocol/claim.ts';
import { wireErrorOf } from '../../protocol/errors.ts';
import type { Home } from '../../protocol/home.ts';
import * as messages from '../../protocol/messages.ts';
import { Secrets } from '../../protocol/secrets.ts';
import { type Dialed, dial } from '../../protocol/socket.ts';
import type { JobProgress, Status } from '../../protocol/status.ts';
import { productVersion, protocolVersion } from '../../protocol/version.ts';
import { alarmOf } from '../support/alarms.ts';
import { startFakeDaemon } from '../support/daemon-process.ts';
import {
  type Asked,
  backupResult,
  fakeHandlers,
  recoveryKey,
  recoverySheet,
  someStatus,
} from '../support/fake-handlers.ts';
import { manualClock } from '../support/manual-clock.ts';
import { hello, proveOn } from '../support/raw-wire.ts';
import { temporaryFolder, temporaryHome } from '../support/temporary-home.ts';

interface Given {
  readonly home: Home;
  readonly asked: Asked[];
  readonly logged: string[];
  readonly endpoint: Awaited<ReturnType<typeof startEndpoint>>;
}

async function given(
  t: ExecutionContext,
  handlers: Partial<Handlers> = {},
  options: Partial<EndpointOptions> = {},
): Promise<Given> {
  const home = await temporaryHome(t);
  const asked: Asked[] = [];
  const logged: string[] = [];
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const endpoint = await startEndpoint({
    home,
    handlers: fakeHandlers(handlers, asked),
    log: { info: note, warn: note },
    ...options,
  });
  t.teardown(() => endpoint.stop());
  return { home, asked, logged, endpoint };
}

interface Client {
  readonly connection: MessageConnection;
  readonly dialed: Dialed;
}

async function client(t: ExecutionContext, home: Home, initialize: unknown = { protocolVersion }): Promise<Client> {
  const dialed = await dial(home);
  const connection = createMessageConnection(dialed.reader, dialed.writer);
  connection.onClose(() => connection.dispose());
  connection.listen();
  t.teardown(() => dialed.close());
  if (initialize !== null)
    await connection.sendRequest('initialize', { initializationOptions: initialize, processId: 1 });
  return { connection, dialed };
}

async function errorOf(promise: Promise<unknown>) {
  try {
    await promise;
  } catch (error) {
    return wireErrorOf(error);
  }
  return undefined;
}

const password = 'correct horse battery';

test('initialize tells the versions, and nothing is answered before it', async t => {
  const { home, asked } = await given(t);
  const { connection } = await client(t, home, null);
  t.like(await errorOf(connection.sendRequest(messages.status, {})), { code: 'E_USAGE' });
  const answer = await connection.sendRequest(messages.initialize, {});
  t.deepEqual(answer, {
    capabilities: {},
    serverInfo: { name: 'signet', version: productVersion },
    signet: { protocolVersion, daemonVersion: productVersion },
  });
  t.is(asked.length, 0);
});

test('a recovery sheet crosses sealed, and is wiped once it has', async t => {
  const sheet = new Uint8Array(Buffer.from(recoverySheet));
  const { home } = await given(t, { showRecoverySheet: async () => ({ sheet }) });
  const { connection, dialed } = await client(t, home);
  const { secrets: channel } = dialed;
  const { method } = messages.showRecoverySheet;
  const secrets = channel.seal(method, Secrets.of({ password: 'correct horse' }));
  const answer = await connection.sendRequest(messages.showRecoverySheet, { secrets });
  t.deepEqual(Object.keys(answer), ['sealedSheet']);
  t.is(Buffer.from(channel.open(method, answer.sealedSheet).get('sheet') ?? []).toString(), recoverySheet);
  t.true(sheet.every(byte => byte === 0));
});

test('every request reaches its handler with its parameters and comes back typed', async t => {
  const { home, asked } = await given(t);
  const { connection } = await client(t, home);
  t.deepEqual(await connection.sendRequest(messages.status, {}), someStatus());
  t.deepEqual(await connection.sendRequest(messages.backup, {}), backupResult);
  t.deepEqual(await connection.sendRequest(messages.cancel), { cancelled: false });
  await connection.sendRequest(messages.snapshots, { limit: 3 });
  await connection.sendRequest(messages.list, { snapshot: 'latest', path: '' });
  await connection.sendRequest(messages.read, { snapshot: 'abcd', path: 'a', offset: 0, length: 10 });
  await connection.sendRequest(messages.restore, { snapshot: 'latest', target: '/new', include: ['**/x'] });
  await connection.sendRequest(messages.verify, { readDataPercent: 5 });
  await connection.sendRequest(messages.lock);
  await connection.sendRequest(messages.history, { before: '2026-11-23T08:55:00.000Z', limit: 200 });
  await connection.sendRequest(messages.setSchedule, { kind: 'never' });
  await connection.sendRequest(messages.daemonInfo);
  await connection.sendRequest(messages.doctor);
  t.deepEqual(
    asked.map(({ name, params }) => [name, params]),
    [
      ['status', {}],
      ['backup', {}],
      ['cancel', {}],
      ['snapshots', { limit: 3 }],
      ['list', { snapshot: 'latest', path: '' }],
      ['read', { snapshot: 'abcd', path: 'a', offset: 0, length: 10 }],
      ['restore', { snapshot: 'latest', target: '/new', include: ['**/x'] }],
      ['verify', { readDataPercent: 5 }],
      ['lock', {}],
      ['history', { before: '2026-11-23T08:55:00.000Z', limit: 200 }],
      ['setSchedule', { kind: 'never' }],
      ['daemonInfo', {}],
      ['doctor', {}],
    ],
  );
});

test('secrets arrive as bytes, are wiped afterwards, and the recovery key comes back sealed', async t => {
  const kept: (Uint8Array | undefined)[] = [];
  const { home, asked } = await given(t, {
    setup: async (_params, { secrets }) => {
      const key = new Uint8Array(Buffer.from(recoveryKey));
      kept.push(secrets.get('password'), secrets.get('phone'), key);
      return { repositoryId: 'ff', joined: false, snapshots: 0, recoveryKey: key };
    },
  });
  const { connection, dialed } = await client(t, home);
  const sealed = dialed.secrets.seal('signet/setup', Secrets.of({ password, phone: '+15550100' }));
  const params = { sources: [{ root: '/chats' }], remote: 'folder:/backup', secrets: sealed };
  const answer = await connection.sendRequest(messages.setup, params);
  t.false(JSON.stringify(answer).includes(recoveryKey));
  t.truthy(answer.sealedKey);
  if (answer.sealedKey === undefined) return;
  const opened = dialed.secrets.open('signet/setup', answer.sealedKey);
  t.is(Buffer.from(opened.get('recoveryKey') ?? []).toString(), recoveryKey);
  t.deepEqual(asked[0]?.secrets, { password, phone: '+15550100' });
  t.deepEqual(asked[0]?.params, { sources: [{ root: '/chats' }], remote: 'folder:/backup' });
  t.is(kept.length, 3);
  for (const bytes of kept) t.true(bytes?.every(byte => byte === 0));
  t.like(await errorOf(connection.sendRequest(messages.setup, params)), { code: 'E_USAGE' }, 'the same box again');
  t.is(asked.length, 1);
});

const bad: readonly (readonly [string, string, unknown, string])[] = [
  ['a relative target', 'signet/restore', { snapshot: 'latest', target: 'here' }, 'target: expected an absolute path'],
  ['a field nobody knows', 'signet/restore', { snapshot: 'latest', target: '/x', dryrun: true }, 'dryrun: not known'],
  ['a field with an unsayable name', 'signet/backup', { [`\u0007${password}`]: 1 }, '(unknown field): not known'],
  ['a snapshot that is no id', 'signet/list', { snapshot: '../x', path: '' }, 'digits of an id'],
  ['NUL in a path', 'signet/list', { snapshot: 'latest', path: 'a\0b' }, 'path: expected no NUL'],
  ['too long a read', 'signet/read', { snapshot: 'latest', path: 'a', offset: 0, length: 131_073 }, 'length'],
  ['a read from before the start', 'signet/read', { snapshot: 'latest', path: 'a', offset: -1, length: 1 }, 'offset'],
  ['more than all packs', 'signet/verify', { readDataPercent: 101 }, 'readDataPercent'],
  ['a password outside its box', 'signet/unlock', { password }, 'expected'],
  ['no secrets', 'signet/unlock', {}, 'secrets'],
  ['a list in place of parameters', 'signet/status', [{ check: true }, 2], 'expected'],
  ['a source without folder or app', 'signet/sources/add', { label: 'x' }, 'expected a folder or a profile'],
  ['a relative source', 'signet/sources/add', { root: 'here' }, 'root: expected an absolute path'],
  ['a kind of media that is none', 'signet/sources/add', { root: '/a', leaveOut: ['film'] }, 'leaveOut'],
  ['a limit below one byte', 'signet/sources/change', { id: 'a-b', maxFileBytes: 0 }, 'maxFileBytes'],
  ['a choice that is not known', 'signet/sources/change', { id: 'a-b', root: '/a' }, 'not known'],
  ['an id with a path in it', 'signet/sources/remove', { id: '../a' }, 'id: expected a source id'],
  ['a time that is none', 'signet/schedule/set', { at: '24:00' }, 'at: expected HH:MM'],
  ['__proto__', 'signet/status', JSON.parse('{"__proto__": {"check": true}}'), 'expected'],
  [
    'a source that is nowhere',
    'signet/setup',
    { sources: [{}], remote: 'folder:/x', secrets: { iv: '', box: '' } },
    'a folder or a profile',
  ],
  ['257 patterns', 'signet/restore', { snapshot: 'latest', target: '/x', include: Array(257).fill('a') }, 'include'],
];
for (const [what, method, params, expected] of bad) {
  test(`${what} is a usage error that quotes nothing, and no handler runs`, async t => {
    const { home, asked } = await given(t);
    const { connection } = await client(t, home);
    const error = await errorOf(connection.sendRequest(method, params as object));
    t.is(error?.code, 'E_USAGE');
    t.true(
      String(error?.params['detail']).includes(expected) || method === 'signet/status',
      String(error?.params['detail']),
    );
    t.false(JSON.stringify(error).includes(password));
    t.is(asked.filter(({ name }) => name !== 'status').length, 0);
  });
}

test('an unknown request is a usage error, an unknown notification nothing', async t => {
  const { home } = await given(t);
  const { connection } = await client(t, home);
  await connection.sendNotification('workspace/didChangeConfiguration', {});
  t.like(await errorOf(connection.sendRequest('signet/explode', {})), { code: 'E_USAGE' });
  t.like(await errorOf(connection.sendRequest('constructor', {})), { code: 'E_USAGE' });
});

test('a failure crosses with its code, parameters and detail', async t => {
  const { home } = await given(t, {
    backup: async () => {
      throw new SignetError('E_REMOTE_FULL', 'put pack: no room', { params: { place: 'NAS', need: 12 } });
    },
  });
  const { connection } = await client(t, home);
  t.deepEqual(await errorOf(connection.sendRequest(messages.backup, {})), {
    code: 'E_REMOTE_FULL',
    params: { detail: 'put pack: no room', place: 'NAS', need: 12 },
    retryable: false,
  });
});

test('an unexpected error tells its kind and place, never its message', async t => {
  const { home, logged } = await given(t, {
    unlock: async (_params, { secrets }) => {
      throw new TypeError(`cannot use ${Buffer.from(secrets.get('password') ?? []).toString()}`);
    },
  });
  const { connection, dialed } = await client(t, home);
  const secrets = dialed.secrets.seal('signet/unlock', Secrets.of({ password }));
  const error = await errorOf(connection.sendRequest(messages.unlock, { secrets }));
  t.deepEqual(error, { code: 'E_INTERNAL', params: { detail: 'TypeError' }, retryable: false });
  t.false(logged.join().includes(password));
  t.true(logged.join().includes('endpoint.test.ts'));
});

test('a secret that got into an error of ours is cut out, even when the handler wiped its own copy', async t => {
  const { home, logged } = await given(t, {
    unlock: async (_params, { secrets }) => {
      const said = Buffer.from(secrets.get('password') ?? []).toString();
      secrets.wipe();
      throw new SignetError('E_WRONG_SECRET', `no match: ${said}`, { params: { tried: `<${said}>` } });
    },
  });
  const { connection, dialed } = await client(t, home);
  const secrets = dialed.secrets.seal('signet/unlock', Secrets.of({ password }));
  const error = await errorOf(connection.sendRequest(messages.unlock, { secrets }));
  t.deepEqual(error?.params, { detail: 'no match: [secret]', tried: '<[secret]>' });
  t.false(logged.join().includes(password));
});

test('an answer too long to send is an error, not silence', async t => {
  const { home } = await given(t, {
    doctor: async () => [{ name: 'x', ok: true, detail: 'x'.repeat(5 * 1024 * 1024) }],
  });
  const { connection } = await client(t, home);
  t.like(await errorOf(connection.sendRequest(messages.doctor)), { code: 'E_OBJECT_LIMIT' });
});

const step: JobProgress = {
  kind: 'restore',
  phase: 'restoring',
  filesDone: 0,
  filesTotal: 9,
  bytesDone: 0,
  bytesTotal: 90,
  bytesUploaded: 0,
  cancellable: true,
};

test('progress reaches the client that named a token: the first at once, then the newest each 100 ms, none after the answer', async t => {
  const clock = manualClock();
  const release = Promise.withResolvers<void>();
  const { home } = await given(
    t,
    {
      restore: async ({ target }, { progress }) => {
        for (let filesDone = 0; filesDone < 5; filesDone += 1) progress({ ...step, filesDone });
        clock.advance(100);
        progress({ ...step, filesDone: 5 });
        await release.promise;
        return { type: 'result', snapshot: 'x', target, files: 1, bytes: 1, databases: [], skipped: [], dryRun: false };
      },
    },
    { clock },
  );
  const { connection } = await client(t, home);
  const seen: number[] = [];
  const two = Promise.withResolvers<void>();
  connection.onProgress(messages.progress, 'p1', value => {
    seen.push(value.filesDone);
    if (seen.length === 2) two.resolve();
  });
  const done = connection.sendRequest(messages.restore, { snapshot: 'latest', target: '/x', progressToken: 'p1' });
  await two.promise;
  release.resolve();
  await done;
  clock.advance(1000);
  await connection.sendRequest(messages.status, {});
  t.deepEqual(seen, [0, 4]);
});

test('a cancelled restore aborts its signal and answers cancelled', async t => {
  const { home } = await given(t, {
    restore: (_params, { signal }) =>
      new Promise((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason))),
  });
  const { connection } = await client(t, home);
  const source = new CancellationTokenSource();
  const waiting = errorOf(connection.sendRequest(messages.restore, { snapshot: 'latest', target: '/x' }, source.token));
  await connection.sendRequest(messages.status, {});
  source.cancel();
  t.like(await waiting, { code: 'E_CANCELLED' });
});

test('a client that leaves aborts its restore but not its backup', async t => {
  const restoreEnded = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  let backupSignal: AbortSignal | undefined;
  const { home } = await given(t, {
    restore: (_params, { signal }) =>
      new Promise((_done, fail) => {
        signal.addEventListener('abort', () => {
          restoreEnded.resolve();
          fail(signal.reason);
        });
      }),
    backup: async (_params, { signal }) => {
      backupSignal = signal;
      await finish.promise;
      return backupResult;
    },
  });
  const { connection, dialed } = await client(t, home);
  errorOf(connection.sendRequest(messages.restore, { snapshot: 'latest', target: '/x' }));
  errorOf(connection.sendRequest(messages.backup, {}));
  await connection.sendRequest(messages.status, {});
  dialed.close();
  await restoreEnded.promise;
  t.false(backupSignal?.aborted);
  finish.resolve();
});

test('a client that cancels its backup request stops waiting; the job goes on', async t => {
  const finish = Promise.withResolvers<void>();
  let finished = false;
  const { home } = await given(t, {
    backup: async () => {
      await finish.promise;
      finished = true;
      return backupResult;
    },
  });
  const { connection } = await client(t, home);
  const source = new CancellationTokenSource();
  const waiting = errorOf(connection.sendRequest(messages.backup, {}, source.token));
  await connection.sendRequest(messages.status, {});
  source.cancel();
  t.like(await waiting, { code: 'E_CANCELLED' });
  t.false(finished);
  finish.resolve();
  await connection.sendRequest(messages.status, {});
  t.true(finished);
});

test('the newest status goes to all initialized clients, at most every 100 ms', async t => {
  const clock = manualClock();
  const { home, endpoint } = await given(t, {}, { clock });
  const [one, two, stranger] = [await client(t, home), await client(t, home), await client(t, home, null)];
  const seen: string[] = [];
  const listen = (name: string, { connection }: Client) =>
    connection.onNotification(messages.statusChanged, (status: Status) => void seen.push(`${name} ${status.nextRun}`));
  listen('one', one);
  listen('two', two);
  listen('stranger', stranger);
  for (const nextRun of ['a', 'b', 'c']) endpoint.broadcast(someStatus({ nextRun }));
  clock.advance(99);
  const settled = () => Promise.all([one, two].map(({ connection }) => connection.sendRequest(messages.lock)));
  await settled();
  t.deepEqual(seen.toSorted(), ['one a', 'two a']);
  clock.advance(1);
  await settled();
  t.deepEqual(seen.toSorted(), ['one a', 'one c', 'two a', 'two c']);
  clock.advance(1000);
  endpoint.broadcast(someStatus({ nextRun: 'd' }));
  await settled();
  t.is(seen.length, 6);
});

test('shutdown and exit end the connection of that client only', async t => {
  const { home, endpoint } = await given(t);
  const [leaving, staying] = [await client(t, home), await client(t, home)];
  const closed = new Promise<void>(done => leaving.connection.onClose(() => done()));
  t.is(await leaving.connection.sendRequest('shutdown'), null);
  t.like(await errorOf(leaving.connection.sendRequest(messages.status, {})), { code: 'E_USAGE' });
  await leaving.connection.sendNotification('exit');
  await closed;
  t.deepEqual(await staying.connection.sendRequest(messages.cancel), { cancelled: false });
  t.is(endpoint.clients(), 1);
});

test('a client of another protocol sees what runs and may replace it, and nothing else', async t => {
  const { home } = await given(t);
  const { connection } = await client(t, home, { protocolVersion: protocolVersion + 1, version: '9.0.0' });
  t.is((await connection.sendRequest(messages.status, {})).daemonVersion, productVersion);
  t.is((await connection.sendRequest(messages.daemonInfo)).protocolVersion, protocolVersion);
  t.like(await errorOf(connection.sendRequest(messages.backup, {})), {
    code: 'E_DAEMON_INCOMPATIBLE',
    params: { detail: 'client and daemon speak different protocols', protocolVersion, daemonVersion: productVersion },
  });
  await connection.sendRequest(messages.stopDaemon);
});

test('the daemon makes way for a newer client only, and not while another client waits', async t => {
  const finish = Promise.withResolvers<void>();
  const { home, asked } = await given(t, {
    lock: async () => {
      await finish.promise;
      return {};
    },
  });
  const newer = { protocolVersion, version: '99.0.0' };
  for (const initialize of [
    { protocolVersion, version: productVersion },
    { protocolVersion, version: '0.0.1' },
    { protocolVersion: protocolVersion - 1, version: '99.0.0' },
    { protocolVersion },
    {},
  ]) {
    const { connection } = await client(t, home, initialize);
    t.like(await errorOf(connection.sendRequest(messages.handOver)), {
      code: 'E_DAEMON_INCOMPATIBLE',
      params: { newer: 'daemon' },
    });
  }
  const waits = await client(t, home);
  const locked = waits.connection.sendRequest(messages.lock);
  const { connection } = await client(t, home, newer);
  t.like(await errorOf(connection.sendRequest(messages.handOver)), { code: 'E_BUSY', retryable: true });
  t.deepEqual(
    asked.map(({ name }) => name),
    ['lock'],
  );
  finish.resolve();
  await locked;
  await connection.sendRequest(messages.handOver);
});

test('a client that does not read is not told every state: it gets the newest when it reads again', async t => {
  const clock = manualClock();
  const { home, endpoint } = await given(t, {}, { clock });
  const socket = connect(endpoint.path);
  t.teardown(() => socket.destroy());
  proveOn(socket, await readToken(home), () => socket.write(hello()));
  let said = '';
  const take = (data: Buffer) => {
    said += data;
  };
  socket.on('data', take);
  while (endpoint.clients() === 0) await once(socket, 'data');
  socket.pause();
  const other = await client(t, home);
  let told = 0;
  other.connection.onNotification(messages.statusChanged, () => {
    told += 1;
  });
  const large = (count: number) =>
    someStatus({ alarms: [alarmOf('E_FORK', { since: `state ${count}`, detail: 'x'.repeat(200_000) })] });
  for (let count = 1; count <= 40; count += 1) {
    endpoint.broadcast(large(count));
    while (told < count) await other.connection.sendRequest(messages.cancel);
    clock.advance(100);
  }
  said = '';
  socket.resume();
  while (!said.includes('state 40')) await once(socket, 'data');
  const states = new Set(said.match(/state \d+/g));
  t.log([...states].join(', '));
  t.true(states.size < 20, `${states.size} of 40 waited for it`);
});

test('more than 32 waiting requests of one client are refused; another client is not affected', async t => {
  const finish = Promise.withResolvers<void>();
  const { home } = await given(t, {
    lock: async () => {
      await finish.promise;
      return {};
    },
  });
  const [greedy, modest] = [await client(t, home), await client(t, home)];
  const waiting = Array.from({ length: 33 }, () => greedy.connection.sendRequest(messages.lock));
  t.like(await errorOf(waiting[32] ?? Promise.resolve()), { code: 'E_BUSY', retryable: true });
  await modest.connection.sendRequest(messages.status, {});
  finish.resolve();
  await Promise.all(waiting.slice(0, 32));
});

test('a second endpoint for the same home is refused, and stopping frees the home', async t => {
  const { home, endpoint } = await given(t);
  const log = { info: () => {}, warn: () => {} };
  t.like(await t.throwsAsync(startEndpoint({ home, handlers: fakeHandlers(), log })), { code: 'E_BUSY' });
  await endpoint.stop();
  const next = await startEndpoint({ home, handlers: fakeHandlers(), log });
  await next.stop();
});

test('stopping lets cancelled requests answer before the connection closes', async t => {
  const { home, endpoint } = await given(t, {
    verify: (_params, { signal }) =>
      new Promise((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason))),
  });
  const { connection } = await client(t, home);
  const waiting = errorOf(connection.sendRequest(messages.verify, {}));
  await connection.sendRequest(messages.status, {});
  await endpoint.stop();
  t.like(await waiting, { code: 'E_CANCELLED' });
});

test('the socket of a killed daemon is replaced by the next', async t => {
  const root = await temporaryFolder(t);
  const first = await startFakeDaemon(t, root);
  await t.throwsAsync(startFakeDaemon(t, root), { message: /ended with/ });
  await first.end('SIGKILL');
  const second = await startFakeDaemon(t, root);
  await second.end('SIGTERM');
});

test('a daemon whose socket is gone, or in whose place another lies, is told so once', async t => {
  for (const takeAway of process.platform === 'win32'
    ? []
    : [
        (path: string) => rmSync(dirname(path), { recursive: true }),
        (path: string) => renameSync(path, `${path}.away`),
        (path: string) => {
          writeFileSync(`${path}.other`, '');
          renameSync(`${path}.other`, path);
        },
      ]) {
    const clock = manualClock();
    let lost = 0;
    const { endpoint } = await given(t, {}, { clock, onLost: () => void lost++ });
    clock.advance(60_000);
    t.is(lost, 0);
    takeAway(endpoint.path);
    clock.advance(60_000);
    t.is(lost, 1);
  }
  t.pass();
});
