import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import test, { type ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { pieceOf } from '../../daemon/remotes/s3/body.ts';
import { errorFor, failureFrom, retryAfterMs } from '../../daemon/remotes/s3/classify.ts';
import { createS3Remote, type S3Remote, type S3RemoteOptions } from '../../daemon/remotes/s3/s3.ts';
import { createWire, type KeyChain, regionOf } from '../../daemon/remotes/s3/wire.ts';
import { remoteContract } from '../contracts/remote.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryFolder, until } from '../support/repository.ts';
import { type Fault, type S3Server, startS3Server } from '../support/s3-server.ts';

const mebibyte = 1024 * 1024;
const maxBytes = 64 * mebibyte;

interface Changes {
  readonly bucket?: string;
  readonly prefix?: string;
  readonly region?: string;
  readonly keys?: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  readonly clock?: Clock;
  readonly chain?: KeyChain;
}

function optionsOf(server: S3Server, changes: Changes = {}): S3RemoteOptions {
  const { accessKeyId, secretAccessKey } = server;
  const { keys = { accessKeyId, secretAccessKey }, clock = systemClock, chain } = changes;
  return {
    place: {
      endpoint: server.endpoint,
      bucket: changes.bucket ?? server.bucket,
      prefix: changes.prefix ?? 'signet/laptop',
    },
    connection: { v: 1, kind: 's3', region: changes.region ?? null, pathStyle: true, keys },
    clock,
    randomBytes,
    chain,
  };
}

const remoteOf = (server: S3Server, changes: Changes = {}): S3Remote => createS3Remote(optionsOf(server, changes));

async function serverFor(t: ExecutionContext, options: { readonly region?: string } = {}): Promise<S3Server> {
  const server = await startS3Server(options);
  t.teardown(() => server.close());
  return server;
}

async function place(t: ExecutionContext, changes: Changes = {}): Promise<{ server: S3Server; remote: S3Remote }> {
  const server = await serverFor(t);
  return { server, remote: remoteOf(server, changes) };
}

async function keysOf(remote: Remote): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list('')) keys.push(key);
  return keys.sort();
}

const asked = (server: S3Server): readonly string[] => server.log.map(({ operation }) => operation);
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const refused = (status: number, code: string, headers = {}): Fault => ({ kind: 'answer', status, code, headers });

/** The fault meets the n-th request of the operation, from 1 on; all of them without a number. */
function meets(server: S3Server, operation: string, fault: Fault, number?: number): void {
  let seen = 0;
  server.fault = request => {
    if (request.operation !== operation) return undefined;
    seen++;
    return number === undefined || seen === number ? fault : undefined;
  };
}

async function fileOf(t: ExecutionContext, bytes: Uint8Array): Promise<{ path: string; sizeBytes: number }> {
  const path = join(await temporaryFolder(t), 'pack');
  await writeFile(path, bytes);
  return { path, sizeBytes: bytes.length };
}

let shared: Promise<S3Server> | undefined;
let places = 0;
remoteContract('S3', async () => {
  shared ??= startS3Server().then(server => Object.assign(server, { pageKeys: 300 }));
  const own = `contract/${places++}`;
  return remoteOf(await shared, { prefix: own });
});
test.after.always(async () => (await shared)?.close());

test('the key of an object is the prefix and restic’s path', async t => {
  const { server, remote } = await place(t);
  await remote.put('data/3f/3fab', utf8('x'));
  await remoteOf(server, { prefix: '' }).put('config', utf8('x'));
  t.deepEqual(await server.keys(), ['config', 'signet/laptop/data/3f/3fab']);
  t.is(remote.kind, 's3');
  t.is(remote.label, 'the bucket chats');
});

test('keys outside the prefix and names that no backup has are not listed', async t => {
  const { server, remote } = await place(t);
  await remote.put('config', utf8('x'));
  const { endpoint, bucket, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  for (const Key of [
    'signet/laptop2/config',
    'signet/laptop/.tmp-1',
    'signet/laptop/é',
    'other',
    'signet/laptop/a&b<c',
  ]) {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
  }
  t.deepEqual(await keysOf(remote), ['a&b<c', 'config']);
});

test('more than a thousand objects are listed in pages, each request counted', async t => {
  const { server, remote } = await place(t);
  const keys = Array.from({ length: 1005 }, (_, i) => `index/${i.toString(16).padStart(4, '0')}`);
  await server.plant(keys.map(key => `signet/laptop/${key}`));
  const before = remote.requests();
  t.deepEqual(await keysOf(remote), keys);
  t.is(remote.requests() - before, 2);
  t.is(remote.requests(), server.log.length);
});

test('a listing that does not say how it goes on is not taken for a whole one', async t => {
  const { server, remote } = await place(t);
  await remote.put('index/a', utf8('x'));
  await remote.put('index/b', utf8('x'));
  server.pageKeys = 0;
  await t.throwsAsync(keysOf(remote), { code: 'E_UNREACHABLE' });
});

test('what is there already is looked at and not sent over', async t => {
  const { server, remote } = await place(t);
  await remote.put('config', utf8('one'));
  server.log.length = 0;
  await remote.put('config', utf8('one'));
  t.deepEqual(asked(server), ['PutObject', 'HeadObject']);
  t.is(server.log[0]?.headers['if-none-match'], '*');
});

test('an object whose name does not tell its content is never replaced by another', async t => {
  const { remote } = await place(t);
  await remote.put('config', utf8('one'));
  for (const other of ['two', 'longer']) {
    const error = await t.throwsAsync(remote.put('config', utf8(other)), { code: 'E_REMOTE_DENIED' });
    t.like(error, { params: { reason: 'exists' } });
  }
  t.is(Buffer.from(await remote.get('config', { maxBytes })).toString(), 'one');
});

test('a damaged object whose name is the hash of its content is written anew', async t => {
  const { server, remote } = await place(t);
  const bytes = utf8('as it should be');
  const key = `data/aa/${hashOf(bytes)}`;
  server.condition = 'ignored';
  for (const damage of ['as it should bE', 'cut']) {
    await remote.put(key, utf8(damage));
    server.condition = 'kept';
    await remote.put(key, bytes);
    t.deepEqual(new Uint8Array(await remote.get(key, { maxBytes })), bytes);
    server.condition = 'ignored';
  }
});

test('a damaged object of the same size is written anew also by one that has stored nothing before', async t => {
  const { server, remote } = await place(t);
  const bytes = utf8('as it should be');
  const names = [`data/aa/${hashOf(bytes)}`, `signet/vault/${hashOf(bytes)}.json`];
  server.condition = 'ignored';
  for (const key of names) await remote.put(key, utf8('as it should bE'));
  server.condition = 'kept';
  for (const key of names) {
    await remoteOf(server).put(key, bytes);
    t.deepEqual(new Uint8Array(await remote.get(key, { maxBytes })), bytes);
  }
});

test('a damaged object that went in parts is written anew, and a whole one is not', async t => {
  const { server, remote } = await place(t);
  const bytes = randomBytes(33 * mebibyte);
  const body = await fileOf(t, bytes);
  const key = `data/aa/${hashOf(bytes)}`;
  const damaged = Buffer.from(bytes);
  damaged[20 * mebibyte] = (damaged[20 * mebibyte] ?? 0) ^ 1;
  await remote.put(key, await fileOf(t, damaged));
  await remoteOf(server).put(key, body);
  t.is(hashOf(await remote.get(key, { maxBytes })), hashOf(bytes));
  server.log.length = 0;
  await remoteOf(server).put(key, body);
  t.false(asked(server).includes('UploadPart'));
});

test('a damaged vault is written anew, as its name holds the hash of its content', async t => {
  const { server, remote } = await place(t);
  const bytes = utf8('as it should be');
  const key = `signet/vault/${hashOf(bytes)}.json`;
  server.condition = 'ignored';
  await remote.put(key, utf8('cut'));
  server.condition = 'kept';
  await remote.put(key, bytes);
  t.deepEqual(new Uint8Array(await remote.get(key, { maxBytes })), bytes);
});

for (const condition of ['ignored', 'unsupported'] as const) {
  test(`a server by which the condition of a put is ${condition} is used without it`, async t => {
    const { server, remote } = await place(t);
    server.condition = condition;
    await remote.put('index/a', utf8('one'));
    await remote.put('index/a', utf8('one'));
    const puts = server.log.filter(({ operation }) => operation === 'PutObject');
    const conditions = puts.map(({ headers }) => headers['if-none-match']);
    t.deepEqual(conditions, condition === 'ignored' ? ['*', '*'] : ['*', undefined, undefined]);
    t.deepEqual(await keysOf(remote), ['index/a']);
  });
}

test('a put whose answer was lost is found done when it is sent again', async t => {
  const { server, remote } = await place(t);
  meets(server, 'PutObject', { kind: 'lost-answer' }, 1);
  await t.throwsAsync(remote.put('index/a', utf8('one')), { code: 'E_UNREACHABLE' });
  await remote.put('index/a', utf8('one'));
  t.deepEqual(asked(server).slice(0, 3), ['PutObject', 'PutObject', 'HeadObject']);
});

test('every body goes with its hashes, and nothing tells about this computer', async t => {
  const { server, remote } = await place(t);
  const bytes = randomBytes(100_000);
  await remote.put('index/a', bytes);
  const headers = server.log[0]?.headers ?? {};
  t.is(headers['x-amz-content-sha256'], hashOf(bytes));
  t.is(headers['content-md5'], createHash('md5').update(bytes).digest('base64'));
  t.is(headers['expect'], undefined);
  t.regex(String(headers['user-agent']), /^signet\/\d+\.\d+\.\d+[^()]*$/);
  t.notRegex(String(headers['user-agent']), /linux|node|darwin|win/i);
});

test('a file that changes between hashing and sending is refused, and nothing is stored', async t => {
  const { server, remote } = await place(t);
  const body = await fileOf(t, randomBytes(3 * mebibyte));
  const hashed = await pieceOf(body, 0, body.sizeBytes);
  await writeFile(body.path, new Uint8Array(body.sizeBytes));
  const wire = createWire(optionsOf(server));
  const sending = wire.exchange('put a', {}, ({ client, abortSignal, carry }) =>
    client.send(new PutObjectCommand({ Bucket: server.bucket, Key: 'a', ...carry(hashed) }), { abortSignal }),
  );
  await t.throwsAsync(sending, { code: 'E_UNREACHABLE' });
  await truncate(body.path, 5);
  const short = wire.exchange('put a', {}, ({ client, abortSignal, carry }) =>
    client.send(new PutObjectCommand({ Bucket: server.bucket, Key: 'a', ...carry(hashed) }), { abortSignal }),
  );
  await t.throwsAsync(short, { code: 'E_INTERNAL' });
  t.deepEqual(await keysOf(remote), []);
});

test('a large object goes in parts of 16 MiB, two at a time', async t => {
  const { server, remote } = await place(t);
  const bytes = randomBytes(2.5 * 16 * mebibyte);
  const key = `data/aa/${hashOf(bytes)}`;
  await remote.put(key, await fileOf(t, bytes));
  const count = (operation: string): number => asked(server).filter(each => each === operation).length;
  t.is(count('UploadPart'), 3);
  t.is(count('PutObject'), 0);
  t.is(server.partsAtOnce(), 2);
  t.is(server.uploads.size, 0);
  t.true(bytes.equals(await remote.get(key, { maxBytes })));
  server.log.length = 0;
  await remote.put(key, bytes);
  t.deepEqual(asked(server), ['HeadObject']);
});

test('an object in parts that another has put there meanwhile is not replaced, and its parts are given back', async t => {
  const { server, remote } = await place(t);
  const body = await fileOf(t, new Uint8Array(33 * mebibyte));
  let planted: Promise<void> | undefined;
  server.fault = ({ operation }) => {
    if (operation === 'UploadPart') planted ??= server.plant(['signet/laptop/data/aa/aabb']);
    return undefined;
  };
  const error = await t.throwsAsync(remote.put('data/aa/aabb', body), { code: 'E_REMOTE_DENIED' });
  await planted;
  t.like(error, { params: { reason: 'exists' } });
  t.is(server.uploads.size, 0);
  t.is((await remote.stat('data/aa/aabb'))?.sizeBytes, 1);
});

test('a part that fails ends the upload, and nothing of it stays', async t => {
  const { server, remote } = await place(t);
  meets(server, 'UploadPart', refused(500, 'InternalError'), 2);
  const body = await fileOf(t, new Uint8Array(3 * 16 * mebibyte));
  await t.throwsAsync(remote.put('data/aa/aabb', body), { code: 'E_UNREACHABLE' });
  t.is(server.uploads.size, 0);
  t.deepEqual(await server.keys(), []);
  t.false(asked(server).includes('CompleteMultipartUpload'));
});

test('an upload in parts that its caller stops leaves nothing', async t => {
  const { server, remote } = await place(t);
  const stop = new AbortController();
  server.fault = ({ operation }) => {
    if (operation === 'UploadPart') stop.abort();
    return undefined;
  };
  const body = await fileOf(t, new Uint8Array(3 * 16 * mebibyte));
  await t.throwsAsync(remote.put('data/aa/aabb', body, { signal: stop.signal }), { name: 'AbortError' });
  t.is(server.uploads.size, 0);
  t.deepEqual(await server.keys(), []);
});

test('parts that were put together although the answer was lost are a stored object', async t => {
  const { server, remote } = await place(t);
  meets(server, 'CompleteMultipartUpload', { kind: 'lost-answer' });
  await remote.put('data/aa/aabb', await fileOf(t, new Uint8Array(33 * mebibyte)));
  t.is((await remote.stat('data/aa/aabb'))?.sizeBytes, 33 * mebibyte);
});

test('uploads that a crash left are ended after a day, and only those of this place', async t => {
  const { server, remote } = await place(t);
  const id = 'ab'.repeat(32);
  const old = Date.now() - 25 * 3600 * 1000;
  const leave = (name: string, key: string, initiated: number): void =>
    void server.uploads.set(name, { id: name, key, initiated: new Date(initiated), parts: new Map() });
  leave('ours', `signet/laptop/data/ab/${id}`, old);
  leave('young', `signet/laptop/data/ab/${id}`, old + 2 * 3600 * 1000);
  leave('other-device', `signet/laptop2/data/ab/${id}`, old);
  leave('not-ours', 'signet/laptop/video.mp4', old);
  await remote.stat('config');
  t.is(server.uploads.size, 4);
  await remote.put('config', utf8('x'));
  t.deepEqual([...server.uploads.keys()].sort(), ['not-ours', 'other-device', 'young']);
  server.log.length = 0;
  await remote.put('index/a', utf8('x'));
  t.deepEqual(asked(server), ['PutObject']);
});

test('keys that may not list uploads still make backups', async t => {
  const { server, remote } = await place(t);
  meets(server, 'ListMultipartUploads', refused(403, 'AccessDenied'));
  await remote.put('config', utf8('x'));
  t.deepEqual(await keysOf(remote), ['config']);
});

test('a download that breaks goes on from its last good byte', async t => {
  const { server, remote } = await place(t);
  const bytes = randomBytes(900_000);
  await remote.put('data/aa/a', bytes);
  for (const [offset, length, rest] of [
    [0, undefined, 'bytes=500000-899999'],
    [100_000, undefined, 'bytes=600000-899999'],
    [100_000, 700_000, 'bytes=600000-799999'],
  ] as const) {
    server.log.length = 0;
    meets(server, 'GetObject', { kind: 'broken-body', afterBytes: 500_000 }, 1);
    const got = await remote.get('data/aa/a', { maxBytes, offset, ...(length === undefined ? {} : { length }) });
    t.true(bytes.subarray(offset, offset + (length ?? bytes.length)).equals(got));
    t.is(server.log.length, 2);
    t.is(server.log[1]?.headers['range'], rest);
    t.truthy(server.log[1]?.headers['if-match']);
  }
});

test('a download that makes no progress ends, and one of an object that was exchanged meanwhile, too', async t => {
  const { server, remote } = await place(t);
  await remote.put('data/aa/a', randomBytes(1000));
  meets(server, 'GetObject', { kind: 'broken-body', afterBytes: 0 });
  await t.throwsAsync(remote.get('data/aa/a', { maxBytes }), { code: 'E_UNREACHABLE' });
  let requests = 0;
  server.fault = ({ operation }) => {
    if (operation !== 'GetObject' || ++requests > 2) return undefined;
    return requests === 1 ? { kind: 'broken-body', afterBytes: 10 } : refused(412, 'PreconditionFailed');
  };
  await t.throwsAsync(remote.get('data/aa/a', { maxBytes }), { code: 'E_UNREACHABLE' });
});

test('one connection serves one read after another', async t => {
  const { server, remote } = await place(t);
  await remote.put('data/aa/a', randomBytes(300_000));
  for (let again = 0; again < 5; again++) await remote.get('data/aa/a', { maxBytes, offset: again, length: 200_000 });
  t.is(new Set(server.log.map(({ port }) => port)).size, 1);
});

test('a server that says nothing for a minute is unreachable', async t => {
  const clock = manualClock(Date.now());
  const { server, remote } = await place(t, { clock });
  server.fault = () => ({ kind: 'silence' });
  const running = remote.get('config', { maxBytes });
  await until(() => server.log.length === 1);
  clock.advance(60_000);
  const error = await t.throwsAsync(running, { code: 'E_UNREACHABLE' });
  t.regex(error?.message ?? '', /said nothing for 60 s/);
});

test('bodies are held to a pace piece by piece, and that is no silence of the server', async t => {
  const clock = manualClock(Date.now());
  const { remote } = await place(t, { clock });
  const bytes = randomBytes(300_000);
  let moved = 0;
  let longest = 0;
  const pace = async (count: number): Promise<void> => {
    moved += count;
    longest = Math.max(longest, count);
    clock.advance(50_000);
    await new Promise(resolve => setImmediate(resolve));
    clock.advance(50_000);
  };
  await remote.put('data/aa/a', bytes, { pace });
  t.is(moved, bytes.length);
  t.true(bytes.equals(await remote.get('data/aa/a', { maxBytes, pace })));
  t.is(moved, 2 * bytes.length);
  t.true(longest <= 64 * 1024);
  t.true(remote.isCostlyToList);
});

test('a call that is stopped ends although the server says nothing', async t => {
  const { server, remote } = await place(t);
  const stop = new AbortController();
  server.fault = () => ({ kind: 'silence' });
  const running = remote.put('config', utf8('x'), { signal: stop.signal });
  await until(() => server.log.length === 1);
  stop.abort();
  await t.throwsAsync(running, { name: 'AbortError' });
});

for (const [fault, code, params] of [
  [refused(503, 'SlowDown', { 'retry-after': '7' }), 'E_UNREACHABLE', { retryAfterMs: 7000 }],
  [refused(503, 'SlowDown'), 'E_UNREACHABLE', { retryAfterMs: 0 }],
  [refused(429, 'TooManyRequests'), 'E_UNREACHABLE', { retryAfterMs: 0 }],
  [refused(500, 'InternalError'), 'E_UNREACHABLE', {}],
  [refused(502, 'BadGateway'), 'E_UNREACHABLE', {}],
  [refused(400, 'RequestTimeout'), 'E_UNREACHABLE', {}],
  [refused(403, 'AccessDenied'), 'E_REMOTE_DENIED', { reason: 'permission' }],
  [refused(403, 'QuotaExceeded'), 'E_REMOTE_FULL', {}],
  [refused(507, 'XMinioStorageFull'), 'E_REMOTE_FULL', {}],
  [refused(400, 'ExpiredToken'), 'E_SIGN_IN', { why: 'keys' }],
  [refused(403, 'RequestTimeTooSkewed'), 'E_REMOTE_DENIED', { reason: 'clock' }],
  [{ kind: 'reset' }, 'E_UNREACHABLE', {}],
] as const satisfies readonly (readonly [Fault, string, object])[]) {
  const name = 'code' in fault ? `${fault.status} ${fault.code}` : 'a reset connection';
  test(
    `${name} is ${code} for put, get, list and remove, and is tried once ${'headers' in fault && 'retry-after' in fault.headers ? 'with the wait told' : ''}`.trim(),
    async t => {
      const { server, remote } = await place(t);
      await remote.put('index/a', utf8('x'));
      server.fault = () => fault;
      for (const action of [
        () => remote.put('index/b', utf8('x')),
        () => remote.get('index/a', { maxBytes }),
        () => keysOf(remote),
        () => remote.remove('index/a'),
        () => remote.about(),
      ]) {
        server.log.length = 0;
        const error = await action().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error === undefined) {
          t.regex(code, /E_REMOTE/); // what the place does not let one know is no advice
          continue;
        }
        t.true(isCode(error, code), inspect(error));
        t.like(error, {
          params: { ...params, remote: 'the bucket chats' },
        });
        t.is(server.log.length, 1);
      }
      server.fault = () => undefined;
      t.deepEqual(await keysOf(remote), ['index/a']);
    },
  );
}

test('a refused stat says why, although the answer to it has no words', async t => {
  const { server, remote } = await place(t);
  for (const [fault, code] of [
    [refused(400, 'ExpiredToken'), 'E_SIGN_IN'],
    [refused(403, 'AccessDenied'), 'E_REMOTE_DENIED'],
    [refused(403, 'InvalidAccessKeyId'), 'E_SIGN_IN'],
  ] as const) {
    server.fault = () => fault;
    await t.throwsAsync(remote.stat('config'), { code });
  }
});

test('wrong keys, a wrong secret, region, bucket or clock are each told for what they are', async t => {
  const server = await serverFor(t, { region: 'eu-central-1' });
  const { accessKeyId, secretAccessKey } = server;
  const right = { region: 'eu-central-1' };
  for (const [changes, code, params] of [
    [{ ...right, keys: { accessKeyId: 'AKIAOTHER', secretAccessKey } }, 'E_SIGN_IN', {}],
    [{ ...right, keys: { accessKeyId, secretAccessKey: `${secretAccessKey}x` } }, 'E_SIGN_IN', {}],
    [{}, 'E_REMOTE_DENIED', { reason: 'region', region: 'eu-central-1' }],
    [{ ...right, bucket: 'nowhere' }, 'E_REMOTE_DENIED', { reason: 'no-bucket' }],
  ] as const satisfies readonly (readonly [Changes, string, object])[]) {
    for (const action of [
      (remote: S3Remote) => remote.check(),
      (remote: S3Remote) => remote.stat('config'),
      (remote: S3Remote) => remote.get('config', { maxBytes }),
      (remote: S3Remote) => remote.remove('config'),
    ]) {
      const error = await t.throwsAsync(action(remoteOf(server, changes)), { code });
      t.like(error, { params: { ...params, remote: `the bucket ${'bucket' in changes ? changes.bucket : 'chats'}` } });
    }
  }
  for (const clockAheadMs of [16 * 60_000, -16 * 60_000]) {
    server.clockAheadMs = clockAheadMs;
    const remote = remoteOf(server, right);
    for (let again = 0; again < 2; again++) {
      const error = await t.throwsAsync(remote.put('config', utf8('x')), { code: 'E_REMOTE_DENIED' });
      t.like(error, { params: { reason: 'clock' } });
    }
  }
  t.deepEqual(await server.keys(), []);
});

test('no secret is in any error, nor in what it was caused by', async t => {
  const { server, remote } = await place(t);
  const { accessKeyId, secretAccessKey } = server;
  const errors: unknown[] = [];
  const note = (action: Promise<unknown>): Promise<unknown> => action.catch(error => errors.push(error));
  await note(remoteOf(server, { keys: { accessKeyId, secretAccessKey: 'anotherSecret0123456789' } }).check());
  await note(remoteOf(server, { keys: { accessKeyId: 'AKIAANOTHERKEY000000', secretAccessKey } }).check());
  await note(remoteOf(server, { region: 'eu-west-9' }).check());
  for (const fault of [
    refused(500, 'InternalError'),
    refused(418, 'Teapot'),
    { kind: 'reset' },
    { kind: 'lost-answer' },
  ] as const) {
    server.fault = () => fault;
    await note(remote.put('config', utf8('x')));
    await note(remote.get('config', { maxBytes }));
    await note(remote.stat('config'));
    await note(keysOf(remote));
  }
  const chain = (): Promise<never> => Promise.reject(new Error(`cannot open ${secretAccessKey}`));
  await note(remoteOf(server, { keys: null, chain }).check());
  t.true(errors.length > 15);
  for (const error of errors) {
    t.true(error instanceof SignetError, inspect(error));
    const all = inspect(error, { depth: 20, showHidden: true, maxStringLength: null }) + JSON.stringify(error);
    for (const secret of [secretAccessKey, 'anotherSecret', accessKeyId, 'AKIAANOTHER', 'AWS4-HMAC', 'Signature=']) {
      t.false(all.includes(secret), all);
    }
  }
});

test('keys of the environment serve a connection that has none, and without any it is a sign-in', async t => {
  const server = await serverFor(t);
  const { accessKeyId, secretAccessKey } = server;
  const chain: KeyChain = async () => ({ accessKeyId, secretAccessKey });
  await t.notThrowsAsync(remoteOf(server, { keys: null, chain }).check());
  const folder = await temporaryFolder(t);
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE', 'AWS_SESSION_TOKEN'];
  for (const name of names) delete process.env[name];
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  process.env['AWS_CONFIG_FILE'] = process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(folder, 'none');
  await t.throwsAsync(remoteOf(server, { keys: null }).check(), { code: 'E_SIGN_IN' });
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
  await t.notThrowsAsync(remoteOf(server, { keys: null }).check());
  for (const name of names) delete process.env[name];
});

test('a check writes, reads and deletes one small object and leaves nothing', async t => {
  const { server, remote } = await place(t);
  await remote.check();
  t.deepEqual(asked(server), ['ListObjectsV2', 'PutObject', 'GetObject', 'DeleteObject']);
  t.deepEqual(await server.keys(), []);
});

for (const [operation, step] of [
  ['ListObjectsV2', 'list'],
  ['PutObject', 'put'],
  ['GetObject', 'get'],
  ['DeleteObject', 'delete'],
] as const) {
  test(`a check names the permission to ${step} when it is missing`, async t => {
    const { server, remote } = await place(t);
    meets(server, operation, refused(403, 'AccessDenied'));
    const error = await t.throwsAsync(remote.check(), { code: 'E_REMOTE_DENIED' });
    t.like(error, { params: { reason: 'permission', step } });
    if (step !== 'delete') t.deepEqual(await server.keys(), []);
  });
}

for (const [versioning, objectLock, advice] of [
  ['Enabled', 'Enabled', []],
  ['Suspended', 'Enabled', ['versioning-off']],
  ['never', 'off', ['versioning-off', 'object-lock-off']],
  ['Enabled', 'off', ['object-lock-off']],
  ['unsupported', 'unsupported', []],
] as const) {
  test(`versioning ${versioning} and object lock ${objectLock} lead to the advice ${JSON.stringify(advice)}`, async t => {
    const { server, remote } = await place(t);
    Object.assign(server, { versioning, objectLock });
    t.deepEqual(await remote.about(), { advice });
  });
}

test('no advice is given about what the keys may not see', async t => {
  const { server, remote } = await place(t);
  server.fault = () => refused(403, 'AccessDenied');
  t.deepEqual(await remote.about(), { advice: [] });
});

test('an answer that is none of S3 stores nothing and lists nothing', async t => {
  const { server, remote } = await place(t);
  server.fault = () => ({ kind: 'answer', status: 200, code: 'Welcome' });
  await t.throwsAsync(remote.put('config', utf8('x')), { code: 'E_UNREACHABLE' });
  await t.throwsAsync(keysOf(remote), { code: 'E_UNREACHABLE' });
});

test('not found without a word is about the bucket where it cannot be about an object', async t => {
  const { server, remote } = await place(t);
  server.fault = () => refused(404, 'Oops');
  for (const action of [() => remote.put('config', utf8('x')), () => keysOf(remote)]) {
    t.like(await t.throwsAsync(action(), { code: 'E_REMOTE_DENIED' }), { params: { reason: 'no-bucket' } });
  }
});

test('a server whose ETags are no hashes is used all the same', async t => {
  const { server, remote } = await place(t);
  server.hasHashes = false;
  await remote.put('config', utf8('one'));
  await remote.put('config', utf8('one'));
  t.deepEqual(await keysOf(remote), ['config']);
});

test('a server that stored other bytes than were sent is told from one whose ETags are no hashes', async t => {
  const { server, remote } = await place(t);
  await remote.put('config', utf8('one'));
  server.hasHashes = false;
  await t.throwsAsync(remote.put('index/a', utf8('x')), { code: 'E_UNREACHABLE', message: /hash/ });
});

test('the region of Amazon’s own hosts is in their name, and all others take the first', t => {
  t.is(regionOf('https://s3.eu-central-1.amazonaws.com'), 'eu-central-1');
  t.is(regionOf('https://s3.dualstack.us-west-2.amazonaws.com'), 'us-west-2');
  t.is(regionOf('https://s3-ap-south-1.amazonaws.com'), 'ap-south-1');
  for (const host of ['s3.amazonaws.com', 'minio.example.org', 's3.eu-central-1.amazonaws.com.example.org.evil']) {
    t.is(regionOf(`https://${host}`), 'us-east-1');
  }
});

test('waits are read as seconds or as a date, and never exceed an hour', t => {
  const now = Date.UTC(2026, 10, 23, 9);
  for (const [header, ms] of [
    [undefined, 0],
    ['', 0],
    ['soon', 0],
    ['0', 0],
    ['30', 30_000],
    ['3600', 3_600_000],
    ['3601', 3_600_000],
    ['99999999999', 0],
    ['-5', 0],
    ['Mon, 23 Nov 2026 09:00:10 GMT', 10_000],
    ['Mon, 23 Nov 2026 08:00:00 GMT', 0],
  ] as const) {
    t.is(retryAfterMs(header, now), ms, header);
  }
});

test('what a hostile server writes into its refusal does not come into an error', t => {
  const thrown = Object.assign(new Error('secret words of the server'), {
    name: 'Evil code\nwith lines',
    Region: 'x\ny',
    $metadata: { httpStatusCode: 400 },
    $response: { headers: { 'retry-after': '5', authorization: 'AWS4' } },
  });
  const failure = failureFrom(thrown);
  t.deepEqual(failure, { code: '', status: 400, retryAfter: '5', region: undefined });
  if (failure === undefined) return;
  const error = errorFor(failure, { what: 'get x', place: 'the bucket b' }, 0);
  t.is(error.message, 'get x: the bucket b refuses it (HTTP 400)');
  t.is(error.cause, undefined);
});

test('a certificate that does not fit is no passing failure', t => {
  const thrown = Object.assign(new Error('self signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const failure = failureFrom(thrown);
  t.truthy(failure);
  if (failure !== undefined)
    t.is(errorFor(failure, { what: 'get x', place: 'the bucket b' }, 0).params['reason'], 'certificate');
  t.is(failureFrom(new TypeError('a bug of ours')), undefined);
});

test('the memory that an upload takes does not grow with its object', async t => {
  const server = await serverFor(t);
  const path = join(await temporaryFolder(t), 'pack');
  await writeFile(path, '');
  await truncate(path, 160 * mebibyte);
  const { place: where, connection } = optionsOf(server);
  // Another process, since the server of this one holds whole parts.
  const script = `
    const { createS3Remote } = await import(${JSON.stringify(new URL('../../daemon/remotes/s3/s3.ts', import.meta.url).href)});
    const { systemClock } = await import(${JSON.stringify(new URL('../../daemon/base/clock.ts', import.meta.url).href)});
    const remote = createS3Remote({ place: ${JSON.stringify(where)}, connection: ${JSON.stringify(connection)}, clock: systemClock });
    await remote.put('data/aa/small', new Uint8Array(1 << 20));
    const before = process.memoryUsage.rss();
    let most = before;
    const looking = setInterval(() => { most = Math.max(most, process.memoryUsage.rss()); }, 5);
    await remote.put('data/aa/large', { path: ${JSON.stringify(path)}, sizeBytes: 160 << 20 });
    clearInterval(looking);
    process.stdout.write(String((most - before) >> 10));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let grownKiB = '';
  for await (const chunk of child.stdout) grownKiB += chunk;
  t.is((await server.keys()).length, 2);
  // What is read goes in pieces of 128 KiB, which the collector takes back at its leisure.
  t.true(grownKiB !== '' && Number(grownKiB) < 80 * 1024, `${grownKiB} KiB`);
});

test('the server for scripts says where it is, serves, and ends with its input', async t => {
  const program = fileURLToPath(new URL('../support/s3-server-main.ts', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify({ bucket: 'tried' })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const { endpoint, bucket, accessKeyId, secretAccessKey } = JSON.parse(String(line));
  const remote = createS3Remote({
    place: { endpoint, bucket, prefix: '' },
    connection: { v: 1, kind: 's3', region: null, pathStyle: true, keys: { accessKeyId, secretAccessKey } },
    clock: systemClock,
    randomBytes,
  });
  await t.notThrowsAsync(remote.check());
  child.stdin.end();
  t.deepEqual(await once(child, 'exit'), [0, null]);
});
