import { spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createMessageConnection, RequestType } from 'vscode-jsonrpc/node';
import { claimHome, ensureToken, readToken, wasKilled } from '../../protocol/claim.ts';
import { endpointOf, type Home, resolveHome, tokenFile } from '../../protocol/home.ts';
import { dial, maxStrangers, type Peer, serve } from '../../protocol/socket.ts';
import { temporaryFolder, temporaryHome } from '../support/temporary-home.ts';

const echo = new RequestType<{ readonly text: string }, { readonly text: string }, void>('echo');
const never = new RequestType<Record<string, never>, null, void>('never');
const repeat = new RequestType<{ readonly length: number }, string, void>('repeat');

async function listening(t: ExecutionContext, home: Home, options: { authenticateMs?: number } = {}) {
  const claim = await claimHome(home);
  const token = await ensureToken(home);
  const peers: Peer[] = [];
  const served = await serve({
    home,
    token,
    ...options,
    onPeer: peer => {
      peers.push(peer);
      peer.connection.onRequest(echo, params => params);
      peer.connection.onRequest(never, () => new Promise<null>(() => {}));
      peer.connection.onRequest(repeat, ({ length }) => 'é'.repeat(length));
    },
  });
  t.teardown(async () => {
    await served.stop();
    claim.release();
  });
  return { ...served, token, peers };
}

async function client(t: ExecutionContext, home: Home) {
  const dialed = await dial(home);
  const connection = createMessageConnection(dialed.reader, dialed.writer);
  connection.onClose(() => connection.dispose());
  connection.listen();
  t.teardown(() => dialed.close());
  return connection;
}

/** A raw connection that gathers what the daemon says until it hangs up. */
async function stranger(t: ExecutionContext, path: string) {
  const socket = connect(path);
  let said = '';
  socket.on('data', data => {
    said += data;
  });
  socket.on('error', () => {}); // being cut off is what is tested
  const closed = new Promise<void>(done => socket.once('close', () => done()));
  await once(socket, 'connect');
  t.teardown(() => socket.destroy());
  return { socket, said: () => said, closed };
}

const frame = (data: unknown, type = 'rpc') => `${JSON.stringify({ type, data })}\f`;

async function challengeFrom(socket: Socket): Promise<Buffer> {
  const [data] = await once(socket, 'data');
  return Buffer.from(JSON.parse(String(data).split('\f')[0] ?? '').data.challenge, 'base64url');
}

function answerTo(challenge: Buffer, token: Uint8Array, side = 'client') {
  const nonce = randomBytes(32);
  const proof = createHmac('sha256', token).update(`signet/ipc/v1/${side}`).update(challenge).update(nonce).digest();
  return { nonce: nonce.toString('base64url'), proof: proof.toString('base64url') };
}

const echoRequest = { message: { jsonrpc: '2.0', id: 1, method: 'echo', params: { text: 'hi' } } };

test('a client that knows the token is served, in a 0700 folder at a 0600 socket', async t => {
  const home = await temporaryHome(t);
  const { path } = await listening(t, home);
  t.is((await lstat(path)).mode & 0o777, 0o600);
  t.is((await lstat(home.runtime)).mode & 0o777, 0o700);
  t.is((await lstat(tokenFile(home))).mode & 0o777, 0o600);
  const connection = await client(t, home);
  t.deepEqual(await connection.sendRequest(echo, { text: 'grüße \f\u2028 𝄞' }), { text: 'grüße \f\u2028 𝄞' });
});

test('a home of 200 bytes is served from a private folder elsewhere', async t => {
  const home = resolveHome({ env: { SIGNET_HOME: join(await temporaryFolder(t), 'h'.repeat(200)) } });
  const { path } = await listening(t, home);
  t.true(Buffer.byteLength(path) <= 100);
  const folder = endpointOf(home).folder ?? '';
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  t.is((await lstat(folder)).mode & 0o777, 0o700);
  t.is((await lstat(join(folder, '..'))).mode & 0o777, 0o700);
  const connection = await client(t, home);
  t.deepEqual(await connection.sendRequest(echo, { text: 'far' }), { text: 'far' });
});

test('a second daemon is refused, whether it claims or only listens', async t => {
  const home = await temporaryHome(t);
  const { token } = await listening(t, home);
  await t.throwsAsync(claimHome(home), { message: /another daemon/ });
  await t.throwsAsync(serve({ home, token, onPeer: () => {} }), { message: /another daemon/ });
  const connection = await client(t, home);
  t.deepEqual(await connection.sendRequest(echo, { text: 'still here' }), { text: 'still here' });
});

test('a claim that was released can be taken again, and the endpoint with it', async t => {
  const home = await temporaryHome(t);
  const claim = await claimHome(home);
  const served = await serve({ home, token: await ensureToken(home), onPeer: () => {} });
  await served.stop();
  claim.release();
  claim.release();
  await t.throwsAsync(dial(home), { message: /no daemon runs/ });
  await listening(t, home);
  await client(t, home);
  t.pass();
});

test('what is not a socket is never removed from the place of the endpoint', async t => {
  const home = await temporaryHome(t);
  await mkdir(home.runtime, { recursive: true, mode: 0o700 });
  await writeFile(endpointOf(home).path, 'mine');
  await t.throwsAsync(serve({ home, token: randomBytes(32), onPeer: () => {} }), { message: /cannot be used/ });
  t.is(await readFile(endpointOf(home).path, 'utf8'), 'mine');
});

test('without a daemon dialling says that none runs', async t => {
  const home = await temporaryHome(t);
  const error = await t.throwsAsync(dial(home));
  t.like(error, { code: 'E_DAEMON_MISSING' });
});

test('a token is made once, and read only from a private file', async t => {
  const home = await temporaryHome(t);
  const token = await ensureToken(home);
  t.is(token.length, 32);
  t.deepEqual(await ensureToken(home), token);
  await chmod(tokenFile(home), 0o644);
  t.like(await t.throwsAsync(readToken(home)), { code: 'E_RUNTIME' });
  await chmod(tokenFile(home), 0o600);
  await writeFile(tokenFile(home), 'short');
  t.like(await t.throwsAsync(readToken(home)), { code: 'E_RUNTIME' });
  await rm(tokenFile(home));
  await writeFile(join(home.config, 'other'), 'ab'.repeat(32), { mode: 0o600 });
  await symlink('other', tokenFile(home));
  t.like(await t.throwsAsync(readToken(home)), { code: 'E_RUNTIME' });
});

for (const squat of ['a link to a folder', 'a file', 'a folder open to others'] as const) {
  test(`${squat} in the place of the endpoint's folder is refused by both sides`, async t => {
    const home = await temporaryHome(t);
    const token = await ensureToken(home);
    if (squat === 'a link to a folder') {
      await mkdir(`${home.runtime}-elsewhere`, { mode: 0o700 });
      await symlink(`${home.runtime}-elsewhere`, home.runtime);
    } else if (squat === 'a file') await writeFile(home.runtime, '');
    else {
      await mkdir(home.runtime);
      await chmod(home.runtime, 0o755);
    }
    t.like(await t.throwsAsync(serve({ home, token, onPeer: () => {} })), { code: 'E_RUNTIME' });
    t.like(await t.throwsAsync(dial(home)), { code: 'E_RUNTIME' });
  });
}

test('a client with another token is not served', async t => {
  const home = await temporaryHome(t);
  const { peers } = await listening(t, home);
  await writeFile(tokenFile(home), 'ab'.repeat(32));
  t.like(await t.throwsAsync(dial(home)), { code: 'E_RUNTIME' });
  t.is(peers.length, 0);
});

test('a client does not speak to a listener that does not know the token, and tells it nothing of the token', async t => {
  const home = await temporaryHome(t);
  const token = await ensureToken(home);
  await mkdir(home.runtime, { mode: 0o700 });
  let heard = '';
  const squatter = createServer(socket => {
    socket.write(frame({ challenge: randomBytes(32).toString('base64url') }));
    socket.on('data', data => {
      heard += data;
      socket.write(frame({ proof: randomBytes(32).toString('base64url') }));
    });
  });
  squatter.listen(endpointOf(home).path);
  await once(squatter, 'listening');
  t.teardown(() => squatter.close());
  t.like(await t.throwsAsync(dial(home)), { code: 'E_RUNTIME' });
  t.false(
    heard.includes(Buffer.from(token).toString('hex')) || heard.includes(Buffer.from(token).toString('base64url')),
  );
  t.false(heard.includes('jsonrpc'));
});

test('a listener that never answers is given up after the time limit', async t => {
  const home = await temporaryHome(t);
  await ensureToken(home);
  await mkdir(home.runtime, { mode: 0o700 });
  const silent = createServer(() => {});
  silent.listen(endpointOf(home).path);
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  t.like(await t.throwsAsync(dial(home, { timeoutMs: 50 })), { code: 'E_DAEMON_MISSING' });
});

test('a stranger that says nothing gets a challenge, no more, and is closed when its time is over', async t => {
  const { path, peers } = await listening(t, await temporaryHome(t), { authenticateMs: 50 });
  const { said, closed } = await stranger(t, path);
  await closed;
  t.regex(said(), /^\{"type":"rpc","data":\{"challenge":"[\w-]{43}"\}\}\f$/);
  t.is(peers.length, 0);
});

test('strangers without end cost the first of them their place, and a client is let in all the same', async t => {
  const home = await temporaryHome(t);
  const { path, peers } = await listening(t, home);
  let gone = 0;
  for (let count = 0; count < maxStrangers + 50; count += 1) {
    const { closed } = await stranger(t, path);
    void closed.then(() => {
      gone += 1;
    });
  }
  const good = await client(t, home);
  t.deepEqual(await good.sendRequest(echo, { text: 'in' }), { text: 'in' });
  t.is(peers.length, 1);
  t.true(gone >= 50 && gone < 100, `${gone} were sent away`);
});

const garbage: readonly (readonly [string, string | Buffer])[] = [
  ['a request before authentication', frame(echoRequest)],
  ['an empty proof', frame({ nonce: '', proof: '' })],
  ['another event', frame({}, 'connect')],
  ['__proto__ as the event', frame({}, '__proto__')],
  ['no frame', '{"type":"rpc"}\f'],
  ['null', 'null\f'],
  ['noise', Buffer.concat([randomBytes(1024), Buffer.from('\f')])],
  ['a long beginning of a frame', Buffer.alloc(64 * 1024, 'x')],
];
for (const [what, bytes] of garbage) {
  test(`${what} closes the stranger's connection, and the others are served on`, async t => {
    const home = await temporaryHome(t);
    const { path, peers } = await listening(t, home);
    const good = await client(t, home);
    const { socket, said, closed } = await stranger(t, path);
    socket.write(bytes);
    await closed;
    t.false(said().includes('jsonrpc'));
    t.is(peers.length, 1);
    t.deepEqual(await good.sendRequest(echo, { text: 'on' }), { text: 'on' });
  });
}

test('the answer to one challenge is not accepted for another, and the daemon side’s proof not from a client', async t => {
  const { path, token, peers } = await listening(t, await temporaryHome(t));
  const first = await stranger(t, path);
  const recorded = answerTo(await challengeFrom(first.socket), token);
  first.socket.write(frame(recorded));
  await once(first.socket, 'data');
  t.is(peers.length, 1);
  for (const side of ['replayed', 'daemon']) {
    const next = await stranger(t, path);
    const challenge = await challengeFrom(next.socket);
    next.socket.write(frame(side === 'replayed' ? recorded : answerTo(challenge, token, side)));
    await next.closed;
  }
  t.is(peers.length, 1);
});

const rude: readonly (readonly [string, string])[] = [
  [
    'a frame of 300 KiB',
    frame({ message: { jsonrpc: '2.0', id: 1, method: 'echo', params: { text: 'x'.repeat(300 * 1024) } } }),
  ],
  ['a part of a message', frame({ part: '{', more: true })],
  ['a message that is none', frame({ message: { hello: 1 } })],
  ['a message that is null', frame({ message: null })],
  ['a cancellation without parameters', frame({ message: { jsonrpc: '2.0', method: '$/cancelRequest' } })],
  ['bad JSON', '{"type":"rpc","data":\f'],
];
for (const [what, bytes] of rude) {
  test(`${what} from a proven client closes its connection and no other`, async t => {
    const home = await temporaryHome(t);
    const { path, token } = await listening(t, home);
    const good = await client(t, home);
    const bad = await stranger(t, path);
    bad.socket.write(frame(answerTo(await challengeFrom(bad.socket), token)));
    await once(bad.socket, 'data');
    bad.socket.write(bytes);
    await bad.closed;
    t.deepEqual(await good.sendRequest(echo, { text: 'on' }), { text: 'on' });
  });
}

test('odd but well-formed messages of a proven client end nothing', async t => {
  const home = await temporaryHome(t);
  const { path, token } = await listening(t, home);
  const odd = await stranger(t, path);
  odd.socket.write(frame(answerTo(await challengeFrom(odd.socket), token)));
  await once(odd.socket, 'data');
  const messages = [
    { jsonrpc: '2.0' },
    { jsonrpc: '2.0', id: 99, result: 1 },
    { jsonrpc: '2.0', id: {}, method: 'echo' },
    { jsonrpc: '2.0', method: '__proto__', params: [] },
    { jsonrpc: '2.0', method: '$/progress', params: {} },
    { jsonrpc: '2.0', id: 2, method: 'constructor', params: { __proto__: { x: 1 } } },
    { jsonrpc: '2.0', id: 3, method: 'echo', params: [1, 2, 3] },
    echoRequest.message,
  ];
  odd.socket.write(messages.map(message => frame({ message })).join(''));
  while (!odd.said().includes('"id":1,"result"')) await once(odd.socket, 'data');
  t.false(odd.socket.destroyed);
});

test('a flood of requests is read no faster than it is answered, and another client is served meanwhile', async t => {
  const home = await temporaryHome(t);
  const { path, token } = await listening(t, home);
  const good = await client(t, home);
  const flood = await stranger(t, path);
  flood.socket.write(frame(answerTo(await challengeFrom(flood.socket), token)));
  await once(flood.socket, 'data');
  const requests = Array.from({ length: 20_000 }, (_, id) => frame({ message: { ...echoRequest.message, id } }));
  let answers = 0;
  const all = new Promise<void>(done =>
    flood.socket.on('data', data => {
      answers += String(data).split('\f').length - 1;
      if (answers === requests.length) done();
    }),
  );
  flood.socket.write(requests.join(''));
  t.deepEqual(await good.sendRequest(echo, { text: 'on' }), { text: 'on' });
  t.true(answers < requests.length, 'the other client did not have to wait for the whole flood');
  await all;
});

for (const length of [64 * 1024 - 100, 64 * 1024, 200 * 1024, 1024 * 1024]) {
  test(`an answer of ${length} two-byte characters arrives whole`, async t => {
    const home = await temporaryHome(t);
    await listening(t, home);
    const connection = await client(t, home);
    t.is(await connection.sendRequest(repeat, { length }), 'é'.repeat(length));
  });
}

test('a request too large for a frame is refused to its sender, and the connection lives', async t => {
  const home = await temporaryHome(t);
  await listening(t, home);
  const connection = await client(t, home);
  await t.throwsAsync(connection.sendRequest(echo, { text: 'x'.repeat(300 * 1024) }));
  t.deepEqual(await connection.sendRequest(echo, { text: 'small' }), { text: 'small' });
});

test('requests that wait are rejected when the daemon goes away', async t => {
  const home = await temporaryHome(t);
  const { peers } = await listening(t, home);
  const connection = await client(t, home);
  const waiting = connection.sendRequest(never, {});
  await connection.sendRequest(echo, { text: 'the other one is under way' });
  peers[0]?.close();
  await t.throwsAsync(waiting);
});

test('a daemon that ended in good order left nothing behind, and one that was killed did', async t => {
  const home = await temporaryHome(t);
  t.false(await wasKilled(home), 'none ever ran');
  const claim = await claimHome(home);
  t.false(await wasKilled(home), 'it runs');
  claim.release();
  t.false(await wasKilled(home), 'it ended');
  const killed = spawnSync(process.execPath, [
    ...['--no-warnings', '--input-type=module-typescript', '-e'],
    `import { claimHome } from ${JSON.stringify(new URL('../../protocol/claim.ts', import.meta.url).href)};
     await claimHome(${JSON.stringify(home)});
     process.kill(process.pid, 'SIGKILL');`,
  ]);
  t.is(killed.signal, 'SIGKILL');
  t.true(await wasKilled(home));
});
