// A real S3 server for tests: s3rver keeps the objects, and a front of ours adds what it lacks: signatures that are checked, bodies that are
// taken whole or not at all, conditional put, unfinished uploads that are listed and ended, pages of a listing, versioning and object lock
// as a test wants them, faults on demand, and a log of what was asked.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import S3rver from 's3rver';
import { type Account, checkSignature, type Refusal } from './s3-signature.ts';

/** What happens to one request instead of, or after, what it asks for. */
export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly code: string; readonly headers?: IncomingHttpHeaders }
  /** The connection breaks before anything is done. */
  | { readonly kind: 'reset' }
  /** It is done, and the connection breaks before the answer. */
  | { readonly kind: 'lost-answer' }
  /** The answer's body ends early, with the connection broken. */
  | { readonly kind: 'broken-body'; readonly afterBytes: number }
  /** The request is taken and never answered. */
  | { readonly kind: 'silence' };

export interface S3Request {
  /** As Amazon names it: 'PutObject', 'ListObjectsV2'. */
  readonly operation: string;
  readonly bucket: string;
  /** '' for requests about the bucket. */
  readonly key: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the client: one for each connection. */
  readonly port: number | undefined;
}

export interface S3Behaviour {
  /** Asked for each request whose signature is right. */
  fault: (request: S3Request) => Fault | undefined;
  versioning: 'Enabled' | 'Suspended' | 'never' | 'unsupported';
  objectLock: 'Enabled' | 'off' | 'unsupported';
  /** What If-None-Match on a put does. */
  condition: 'kept' | 'ignored' | 'unsupported';
  /** Whether ETags are the MD5 of the object, as they are where the server does not encrypt by its own keys. */
  hasHashes: boolean;
  /** How far the server's clock is ahead. */
  clockAheadMs: number;
  pageKeys: number;
}

export interface UnfinishedUpload {
  readonly id: string;
  readonly key: string;
  readonly initiated: Date;
  readonly parts: Map<number, { readonly etag: string; readonly sizeBytes: number }>;
}

export interface S3Server extends S3Behaviour, Account {
  readonly endpoint: string;
  readonly bucket: string;
  readonly log: S3Request[];
  readonly uploads: Map<string, UnfinishedUpload>;
  /** The most bytes of parts that were on their way at one time. */
  readonly partsAtOnce: () => number;
  keys(): Promise<readonly string[]>;
  /** Puts objects of one byte where s3rver finds them: a thousand of them in no time. */
  plant(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface S3ServerOptions {
  readonly region?: string;
  readonly bucket?: string;
}

const minPartBytes = 5 * 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string | number>;
  readonly body?: Buffer | IncomingMessage;
}

const md5 = (bytes: Buffer): Buffer => createHash('md5').update(bytes).digest();
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const isRefusal = (value: object): value is Refusal => 'code' in value;

function xml(root: string, content: string): Answer {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(text) };
}

function refusal({ status, code, fields = {} }: Refusal): Answer {
  const more = Object.entries(fields).map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>refused</Message>${more.join('')}</Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(text) };
}

const operations: readonly (readonly [string, RegExp, boolean, string])[] = [
  ['PUT', /[?&]partNumber=/, true, 'UploadPart'],
  ['PUT', /^/, true, 'PutObject'],
  ['POST', /[?&]uploads/, true, 'CreateMultipartUpload'],
  ['POST', /[?&]uploadId=/, true, 'CompleteMultipartUpload'],
  ['DELETE', /[?&]uploadId=/, true, 'AbortMultipartUpload'],
  ['DELETE', /^/, true, 'DeleteObject'],
  ['GET', /^/, true, 'GetObject'],
  ['HEAD', /^/, true, 'HeadObject'],
  ['HEAD', /^/, false, 'HeadBucket'],
  ['GET', /[?&]uploads/, false, 'ListMultipartUploads'],
  ['GET', /[?&]versioning/, false, 'GetBucketVersioning'],
  ['GET', /[?&]object-lock/, false, 'GetObjectLockConfiguration'],
  ['GET', /[?&]location/, false, 'GetBucketLocation'],
  ['GET', /[?&]list-type=2/, false, 'ListObjectsV2'],
];

/** Listens on a free port of this computer. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'signet-s3-'));
  const { bucket = 'chats', region = 'us-east-1' } = options;
  const store = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    vhostBuckets: false,
    configureBuckets: [{ name: bucket }],
  });
  const { port: storePort } = await store.run();
  const log: S3Request[] = [];
  const uploads = new Map<string, UnfinishedUpload>();
  let partsNow = 0;
  let mostParts = 0;
  let turn: Promise<unknown> = Promise.resolve();

  /** s3rver makes and removes folders as objects come and go: writes and listings wait for each other. */
  function inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = turn.then(action);
    turn = result.catch(() => undefined);
    return result;
  }

  function forward(
    method: string,
    path: string,
    headers: Record<string, string | number> = {},
    body?: Buffer,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = send({ host: '127.0.0.1', port: storePort, method, path, headers }, resolve);
      request.on('error', reject);
      request.end(body);
    });
  }

  async function finished(message: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    return { status: message.statusCode ?? 500, headers: kept(message.headers), body: Buffer.concat(chunks) };
  }

  /** As s3rver keeps it: asking the folder is cheaper than asking the server. */
  async function sizeOf(path: string): Promise<number | undefined> {
    const name = `${decodeURIComponent(path.replace(/\?.*/s, ''))}._S3rver_object`;
    return stat(join(directory, name)).then(
      found => found.size,
      () => undefined,
    );
  }

  /** s3rver answers before the last bytes are in the file. */
  async function settled(path: string, sizeBytes: number): Promise<void> {
    for (let tries = 0; tries < 10_000 && (await sizeOf(path)) !== sizeBytes; tries++);
  }

  /** A put whose name is taken, as If-None-Match sees it. */
  async function isTaken(request: IncomingMessage, path: string): Promise<Refusal | undefined> {
    if (request.headers['if-none-match'] !== '*' || server.condition === 'ignored') return undefined;
    if (server.condition === 'unsupported') return { status: 501, code: 'NotImplemented' };
    return (await sizeOf(path)) === undefined ? undefined : { status: 412, code: 'PreconditionFailed' };
  }

  async function list(query: URLSearchParams): Promise<Answer> {
    const prefix = query.get('prefix') ?? '';
    const { objects } = await store.store.listObjects(bucket, { prefix });
    const token = query.get('continuation-token');
    const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64').toString();
    const sorted = objects.filter(({ key }) => key > after).sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = sorted.slice(0, Math.min(server.pageKeys, Number(query.get('max-keys') ?? 1000)));
    const isTruncated = page.length < sorted.length;
    const next = Buffer.from(page.at(-1)?.key ?? '').toString('base64');
    const contents = page.map(
      ({ key, size, lastModifiedDate, metadata }) =>
        `<Contents><Key>${escaped(key)}</Key><LastModified>${lastModifiedDate.toISOString()}</LastModified><ETag>${metadata.etag}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    return xml(
      'ListBucketResult',
      `<Name>${bucket}</Name><Prefix>${escaped(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>${isTruncated}</IsTruncated>${
        isTruncated ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''
      }${contents.join('')}`,
    );
  }

  function listUploads(prefix: string): Answer {
    const found = [...uploads.values()].filter(({ key }) => key.startsWith(prefix));
    const entries = found.map(
      ({ id, key, initiated }) =>
        `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
    );
    return xml(
      'ListMultipartUploadsResult',
      `<Bucket>${bucket}</Bucket><IsTruncated>false</IsTruncated>${entries.join('')}`,
    );
  }

  async function complete(
    request: IncomingMessage,
    path: string,
    upload: UnfinishedUpload,
    body: Buffer,
  ): Promise<Answer> {
    const taken = await isTaken(request, path);
    if (taken !== undefined) return refusal(taken);
    const named = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? '').replaceAll('&quot;', '').replaceAll('"', ''),
    }));
    const isRight = named.length > 0 && named.every(({ number, etag }) => upload.parts.get(number)?.etag === etag);
    if (!isRight) return refusal({ status: 400, code: 'InvalidPart' });
    const sizes = named.map(({ number }) => upload.parts.get(number)?.sizeBytes ?? 0);
    if (sizes.slice(0, -1).some(size => size < minPartBytes)) return refusal({ status: 400, code: 'EntityTooSmall' });
    const done = await finished(await forward('POST', path, { 'content-type': 'application/xml' }, body));
    uploads.delete(upload.id);
    await settled(
      path,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    return done;
  }

  async function dropUpload(id: string): Promise<Answer> {
    if (!uploads.delete(id)) return refusal({ status: 404, code: 'NoSuchUpload' });
    await rm(join(directory, bucket, '._S3rver_uploads', id), { recursive: true, force: true });
    return { status: 204 };
  }

  async function carryOut({ operation, key }: S3Request, request: IncomingMessage, body: Buffer): Promise<Answer> {
    const path = request.url ?? '/';
    const query = new URL(path, 'http://host').searchParams;
    const upload = uploads.get(query.get('uploadId') ?? '');
    switch (operation) {
      case 'PutObject': {
        const taken = await isTaken(request, path);
        if (taken !== undefined) return refusal(taken);
        const type = String(request.headers['content-type'] ?? 'binary/octet-stream');
        const done = await finished(
          await forward('PUT', path, { 'content-type': type, 'content-length': body.length }, body),
        );
        await settled(path, body.length);
        return done;
      }
      case 'CreateMultipartUpload': {
        const done = await finished(await forward('POST', path));
        const [, id = ''] = /<UploadId>(.*?)</.exec(String(done.body)) ?? [];
        uploads.set(id, { id, key, initiated: new Date(now()), parts: new Map() });
        return done;
      }
      case 'UploadPart': {
        if (upload === undefined) return refusal({ status: 404, code: 'NoSuchUpload' });
        const done = await finished(await forward('PUT', path, { 'content-length': body.length }, body));
        upload.parts.set(Number(query.get('partNumber')), { etag: md5(body).toString('hex'), sizeBytes: body.length });
        return done;
      }
      case 'CompleteMultipartUpload':
        if (upload === undefined) return refusal({ status: 404, code: 'NoSuchUpload' });
        return complete(request, path, upload, body);
      case 'AbortMultipartUpload':
        return dropUpload(query.get('uploadId') ?? '');
      case 'ListMultipartUploads':
        return listUploads(query.get('prefix') ?? '');
      case 'ListObjectsV2':
        return list(query);
      case 'DeleteObject':
        return finished(await forward('DELETE', path));
      case 'GetBucketVersioning': {
        const { versioning } = server;
        if (versioning === 'unsupported') return refusal({ status: 501, code: 'NotImplemented' });
        return xml('VersioningConfiguration', versioning === 'never' ? '' : `<Status>${versioning}</Status>`);
      }
      case 'GetObjectLockConfiguration':
        if (server.objectLock === 'unsupported') return refusal({ status: 501, code: 'NotImplemented' });
        if (server.objectLock === 'off') return refusal({ status: 404, code: 'ObjectLockConfigurationNotFoundError' });
        return xml('ObjectLockConfiguration', '<ObjectLockEnabled>Enabled</ObjectLockEnabled>');
      default:
        return read(request);
    }
  }

  /** s3rver takes `bytes=0-0` for the whole object. */
  async function read(request: IncomingMessage): Promise<Answer> {
    const { range } = request.headers;
    const path = request.url ?? '/';
    const isFirstByte = range === 'bytes=0-0';
    const answer = await forward(request.method ?? 'GET', path, range === undefined || isFirstByte ? {} : { range });
    const status = answer.statusCode ?? 500;
    const etag = request.headers['if-match'];
    if (status < 300 && etag !== undefined && etag !== answer.headers.etag) {
      answer.resume();
      return refusal({ status: 412, code: 'PreconditionFailed' });
    }
    if (!isFirstByte || status !== 200) return { status, headers: kept(answer.headers), body: answer };
    const whole = await finished(answer);
    const total = Number(whole.headers?.['content-length']);
    if (total === 0) return refusal({ status: 416, code: 'InvalidRange' });
    const body = Buffer.isBuffer(whole.body) ? whole.body.subarray(0, 1) : Buffer.alloc(0);
    return {
      status: 206,
      headers: { ...whole.headers, 'content-length': 1, 'content-range': `bytes 0-0/${total}` },
      body,
    };
  }

  const now = (): number => Date.now() + server.clockAheadMs;

  async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return undefined; // the client went away: nothing is stored
    }
    const length = request.headers['content-length'];
    const body = Buffer.concat(chunks);
    return length !== undefined && body.length !== Number(length) ? undefined : body;
  }

  /** The answer, or undefined when there is nobody to answer. */
  async function judge(
    request: IncomingMessage,
    asked: S3Request,
    fault: Fault | undefined,
  ): Promise<Answer | undefined> {
    const signed = checkSignature(request, server, now());
    const received = await bodyOf(request);
    if (received === undefined) return undefined;
    if (isRefusal(signed)) return refusal(signed);
    if (asked.bucket !== bucket) return refusal({ status: 404, code: 'NoSuchBucket' });
    if (fault?.kind === 'answer') return { ...refusal(fault), headers: kept(fault.headers ?? {}) };
    if (fault?.kind === 'reset' || fault?.kind === 'silence') return undefined;
    const { payloadHash } = signed;
    const body = payloadHash.startsWith('STREAMING-') ? signed.dechunk(received) : received;
    if (body === undefined) return refusal({ status: 403, code: 'SignatureDoesNotMatch' });
    const isHashed = /^[0-9a-f]{64}$/.test(payloadHash);
    if (isHashed && createHash('sha256').update(body).digest('hex') !== payloadHash) {
      return refusal({ status: 400, code: 'XAmzContentSHA256Mismatch' });
    }
    const told = request.headers['content-md5'];
    if (told !== undefined && md5(body).toString('base64') !== told) return refusal({ status: 400, code: 'BadDigest' });
    const isReading = /^(Get|Head)Object$/.test(asked.operation);
    return isReading ? carryOut(asked, request, body) : inTurn(() => carryOut(asked, request, body));
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const [, named = '', key = ''] = /^\/([^/?]*)\/?([^?]*)/.exec(url) ?? [];
    const [, , , operation = 'unknown'] =
      operations.find(
        ([method, query, isObject]) => method === request.method && isObject === (key !== '') && query.test(url),
      ) ?? [];
    const asked = {
      operation,
      bucket: named,
      key: decodeURIComponent(key),
      headers: request.headers,
      port: request.socket.remotePort,
    };
    log.push(asked);
    const isPart = operation === 'UploadPart';
    if (isPart) mostParts = Math.max(mostParts, ++partsNow);
    const fault = server.fault(asked);
    const given = await judge(request, asked, fault).finally(() => {
      if (isPart) partsNow--;
    });
    if (fault?.kind === 'silence') return;
    if (given === undefined || fault?.kind === 'lost-answer') return void request.socket.destroy();
    const { status, headers: answered = {}, body } = given;
    const headers = 'etag' in answered && !server.hasHashes ? { ...answered, etag: `"${'0'.repeat(32)}"` } : answered;
    const length = Buffer.isBuffer(body) && request.method !== 'HEAD' ? { 'content-length': body.length } : {};
    response.writeHead(status, {
      date: new Date(now()).toUTCString(),
      'x-amz-request-id': 'REQUEST',
      ...headers,
      ...length,
    });
    if (request.method === 'HEAD' || body === undefined) {
      if (body !== undefined && !Buffer.isBuffer(body)) body.resume();
      return void response.end();
    }
    if (Buffer.isBuffer(body) && fault?.kind !== 'broken-body') return void response.end(body);
    let left = fault?.kind === 'broken-body' ? fault.afterBytes : Number.POSITIVE_INFINITY;
    for await (const chunk of Buffer.isBuffer(body) ? [body] : (body as AsyncIterable<Buffer>)) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (response.destroyed) return;
      if (!response.write(part)) await drained(response);
      if (left === 0) break;
    }
    if (fault?.kind !== 'broken-body') return void response.end();
    // What was written is to arrive before the connection breaks.
    response.socket?.end();
  }

  const front = createServer((request, response) => {
    answer(request, response).catch(error => {
      process.stderr.write(`s3-server: ${error instanceof Error ? error.stack : error}\n`);
      request.socket.destroy();
    });
  });
  front.listen(0, '127.0.0.1');
  await new Promise(resolve => front.once('listening', resolve));
  const server: S3Server = {
    endpoint: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    bucket,
    region,
    accessKeyId: 'AKIATESTTESTTESTTEST',
    secretAccessKey: 'tHis+Is/tHe=Secret0of1the2Tests3Only4567',
    log,
    uploads,
    partsAtOnce: () => mostParts,
    fault: () => undefined,
    versioning: 'unsupported',
    objectLock: 'unsupported',
    condition: 'kept',
    hasHashes: true,
    clockAheadMs: 0,
    pageKeys: 1000,
    keys: () =>
      inTurn(async () => (await store.store.listObjects(bucket, { prefix: '' })).objects.map(({ key }) => key).sort()),
    async plant(keys) {
      for (const key of keys) {
        const path = join(directory, bucket, `${key}._S3rver_object`);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, 'x');
      }
    },
    async close() {
      front.closeAllConnections();
      await new Promise(resolve => front.close(resolve));
      await turn;
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return server;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

const passedOn = [
  'content-type',
  'content-length',
  'content-range',
  'etag',
  'last-modified',
  'retry-after',
  'x-amz-bucket-region',
];

function kept(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    passedOn.flatMap(name => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
}
