// A bucket of S3 or of a server that speaks its language, as a place for objects. Names are prefix and restic's path one to one, so that
// restic's own s3 backend opens the repository. Nothing is tried twice here (retrying.ts does that), but a read goes on from its last
// good byte. An object that is there already is looked at, not replaced, where the server can refuse to replace.

import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { toHex } from '../../base/bytes.ts';
import { isCode, SignetError } from '../../base/errors.ts';
import { checkKey, refuseMirror } from '../keys.ts';
import type { CallOptions, GetOptions, NetworkRemote, RemoteBody, RemoteEntry, RemoteKey } from '../remote.ts';
import { bodyBytes, type Piece, pieceOf } from './body.ts';
import { endLeftovers, uploadInParts } from './multipart.ts';
import { createWire, type WireOptions } from './wire.ts';

/** Above it an object goes in parts: what a broken upload has to send again stays small. */
const largeBytes = 32 * 1024 * 1024;
const probeBytes = 64;

export interface S3RemoteOptions extends WireOptions {
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface S3Remote extends NetworkRemote {
  /**
   * Finds out whether a backup could be kept here: lists the prefix, then writes an object of 64 random bytes named `signet-probe-…` below it,
   * reads it and deletes it. What was there stays; with versioning the deleted probe stays as an old version.
   *
   * @throws SignetError E_REMOTE_DENIED with params.reason, where a permission is missing with params.step 'list', 'put', 'get' or 'delete'
   *   · E_SIGN_IN · E_UNREACHABLE · E_REMOTE_FULL
   */
  check(options?: CallOptions): Promise<void>;
}

interface Found {
  readonly sizeBytes: number;
  /** Without its quotes. */
  readonly etag: string | undefined;
}

/** Lies in one bucket; makes no request before it is used. */
export function createS3Remote(options: S3RemoteOptions): S3Remote {
  const { place, clock, randomBytes } = options;
  const { bucket } = place;
  const base = place.prefix === '' ? '' : `${place.prefix}/`;
  const wire = createWire(options);
  const { label } = wire;
  /** Until the server says that it does not know the condition. */
  let refusesReplacing = true;
  /** Once an ETag was the MD5 of what was sent: servers that encrypt by their own keys make others. */
  let isEtagMd5 = false;
  /** An answer proved that the bucket is there: then "not found" is about the object. */
  let isBucketSeen = false;
  let swept: Promise<unknown> | undefined;

  const object = (key: RemoteKey): { readonly Bucket: string; readonly Key: string } => {
    checkKey(key);
    return { Bucket: bucket, Key: `${base}${key}` };
  };

  async function find(key: RemoteKey, signal: AbortSignal | undefined): Promise<Found | undefined> {
    const named = object(key);
    try {
      const { ContentLength, ETag } = await wire.exchange(`stat ${key}`, { signal }, ({ client, abortSignal }) =>
        client.send(new HeadObjectCommand(named), { abortSignal }),
      );
      isBucketSeen = true;
      return { sizeBytes: lengthOf(ContentLength, key), etag: bareEtag(ETag) };
    } catch (error) {
      const isAbsent = isCode(error, 'E_MISSING');
      if (isAbsent && isBucketSeen) return undefined;
      if (!isAbsent && !isCode(error, 'E_REMOTE_DENIED') && !isCode(error, 'E_SIGN_IN')) throw error;
      return explain(key, signal);
    }
  }

  /** The answer to HEAD has no body, so it does not say what is missing or refused; that to GET does. */
  async function explain(key: RemoteKey, signal: AbortSignal | undefined): Promise<Found | undefined> {
    try {
      const open = await wire.exchange(`stat ${key}`, { signal }, async ({ client, abortSignal }) => {
        const answer = await client.send(new GetObjectCommand(object(key)), { abortSignal });
        bodyOf(answer.Body).destroy();
        return answer;
      });
      isBucketSeen = true;
      return { sizeBytes: lengthOf(open.ContentLength, key), etag: bareEtag(open.ETag) };
    } catch (error) {
      if (!isCode(error, 'E_MISSING')) throw error;
      isBucketSeen = true;
      return undefined;
    }
  }

  async function putWhole(
    key: RemoteKey,
    piece: Piece,
    ifNew: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const condition = ifNew ? { IfNoneMatch: '*' } : {};
    const { ETag } = await wire.exchange(`put ${key}`, { signal }, ({ client, abortSignal, carry }) =>
      client.send(
        new PutObjectCommand({
          ...object(key),
          ContentType: 'application/octet-stream',
          ...condition,
          ...carry(piece),
        }),
        { abortSignal },
      ),
    );
    const etag = bareEtag(ETag);
    if (etag === toHex(piece.md5)) isEtagMd5 = true;
    else if (isEtagMd5 && isMd5(etag)) throw differs(key, 'the hash of what was stored is another');
  }

  async function putParts(
    key: RemoteKey,
    body: RemoteBody,
    ifNew: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let failure: unknown;
    try {
      await uploadInParts({ wire, bucket, name: object(key).Key }, body, { ifNew, signal });
    } catch (error) {
      // The answer to the last call may have been lost with the object in its place.
      if (!isCode(error, 'E_UNREACHABLE')) throw error;
      failure = error;
    }
    const found = await find(key, signal).catch(error => {
      throw failure ?? error;
    });
    if (found?.sizeBytes === bodyBytes(body)) return;
    throw failure ?? differs(key, `${found?.sizeBytes ?? 0} bytes were stored of ${bodyBytes(body)}`);
  }

  const differs = (key: RemoteKey, why: string): SignetError =>
    new SignetError('E_UNREACHABLE', `put ${key}: ${why}`, { params: { remote: label } });

  /**
   * What to do where an object has that name already. Names that end in the hash of their content can mean one content only: another size
   * or hash is damage, and is written anew. `config` alone has no such name: it is never replaced.
   */
  async function settle(
    key: RemoteKey,
    body: RemoteBody,
    signal: AbortSignal | undefined,
  ): Promise<'there' | 'replace'> {
    const found = await find(key, signal);
    if (found === undefined) return 'replace';
    const whole = await pieceOf(body, 0, bodyBytes(body), signal);
    const isOther = isEtagMd5 && isMd5(found.etag) && found.etag !== toHex(whole.md5);
    if (found.sizeBytes === whole.sizeBytes && !isOther) return 'there';
    if (key.endsWith(whole.sha256)) return 'replace';
    throw new SignetError('E_REMOTE_DENIED', `put ${key}: ${label} holds another object of that name`, {
      params: { remote: label, reason: 'exists' },
    });
  }

  async function store(key: RemoteKey, body: RemoteBody, signal: AbortSignal | undefined): Promise<void> {
    const size = bodyBytes(body);
    const piece = size > largeBytes ? undefined : await pieceOf(body, 0, size, signal);
    // Asking costs one request; finding out at the last of its parts costs them all.
    if (piece === undefined && (await settle(key, body, signal)) === 'there') return;
    const send = (ifNew: boolean): Promise<void> =>
      piece === undefined ? putParts(key, body, ifNew, signal) : putWhole(key, piece, ifNew, signal);
    if (!refusesReplacing) return send(false);
    try {
      await send(true);
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === 'unsupported') {
        refusesReplacing = false;
        return send(false);
      }
      if (reason !== 'there') throw error;
      if ((await settle(key, body, signal)) === 'replace') await send(false);
    }
  }

  /** One request for bytes; what came is in `target` up to the answered position, also when the rest did not. */
  async function read(
    key: RemoteKey,
    range: { readonly start: number; readonly end: number | undefined; readonly etag: string | undefined },
    into: (total: Answer) => Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly position: number; readonly error?: unknown; readonly answer: Answer | undefined }> {
    const { start, end, etag } = range;
    let position = start;
    let answer: Answer | undefined;
    try {
      await wire.exchange(`get ${key}`, { signal }, async ({ client, abortSignal, moved }) => {
        const isWhole = start === 0 && end === undefined;
        const got = await client.send(
          new GetObjectCommand({
            ...object(key),
            ...(isWhole ? {} : { Range: `bytes=${start}-${end === undefined ? '' : end - 1}` }),
            ...(etag === undefined ? {} : { IfMatch: etag }),
          }),
          { abortSignal },
        );
        isBucketSeen = true;
        const body = bodyOf(got.Body);
        try {
          answer = answerOf(got, key, start);
          const target = into(answer);
          let skip = start - answer.start;
          for await (const chunk of body as AsyncIterable<Uint8Array>) {
            moved();
            const useful = chunk.subarray(Math.min(skip, chunk.length));
            skip -= chunk.length - useful.length;
            const room = target.length - (position - start);
            target.set(useful.subarray(0, room), position - start);
            position += Math.min(useful.length, room);
            if (useful.length >= room) break;
          }
          if (position - start < target.length) {
            throw new SignetError(
              'E_UNREACHABLE',
              `get ${key}: ended after ${position - start} of ${target.length} bytes`,
              {
                params: { remote: label },
              },
            );
          }
        } finally {
          body.destroy();
        }
      });
      return { position, answer };
    } catch (error) {
      return { position, error, answer };
    }
  }

  async function get(
    key: RemoteKey,
    { maxBytes, offset = 0, length, copies, signal }: GetOptions,
  ): Promise<Uint8Array> {
    signal?.throwIfAborted();
    checkKey(key);
    refuseMirror(key, copies);
    if (length === 0) return nothing(key, offset, signal);
    const tooLarge = (bytes: number): SignetError =>
      new SignetError('E_OBJECT_LIMIT', `${key}: ${bytes} bytes, at most ${maxBytes} are read`);
    if (length !== undefined && length > maxBytes) throw tooLarge(length);
    let bytes: Uint8Array | undefined;
    let etag: string | undefined;
    let position = offset;
    for (;;) {
      const end = length !== undefined ? offset + length : bytes === undefined ? undefined : offset + bytes.length;
      const begun = position;
      const part = await read(
        key,
        { start: position, end, etag },
        ({ total }) => {
          const last = end ?? total;
          if (last > total) throw beyond(key, offset, last, total);
          if (last - offset > maxBytes) throw tooLarge(last - offset);
          bytes ??= new Uint8Array(last - offset);
          return bytes.subarray(begun - offset);
        },
        signal,
      );
      position = part.position;
      if (part.error === undefined && bytes !== undefined) return bytes;
      // Bytes from the end on are an empty range, and S3 refuses it as it refuses one beyond the end.
      const isAtEnd = begun === offset && length === undefined && offset > 0 && isCode(part.error, 'E_MISSING');
      if (isAtEnd && part.answer === undefined) return nothing(key, offset, signal);
      if (etag !== undefined && reasonOf(part.error) === 'there') {
        throw new SignetError('E_UNREACHABLE', `get ${key}: it was exchanged while it was read`, {
          params: { remote: label },
        });
      }
      if (position === begun || !isCode(part.error, 'E_UNREACHABLE')) throw part.error;
      etag ??= part.answer?.etag;
    }
  }

  /** No bytes of an object; that it is there and reaches so far is still to be shown. */
  async function nothing(key: RemoteKey, offset: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const found = await find(key, signal);
    if (found === undefined)
      throw new SignetError('E_MISSING', `${key}: no such object`, { params: { remote: label } });
    if (offset > found.sizeBytes) throw beyond(key, offset, offset, found.sizeBytes);
    return new Uint8Array(0);
  }

  async function* list(folder: string, callOptions?: CallOptions): AsyncGenerator<RemoteEntry> {
    const signal = callOptions?.signal;
    signal?.throwIfAborted();
    if (folder !== '') checkKey(folder);
    const prefix = folder === '' ? base : `${base}${folder}/`;
    let token: string | undefined;
    do {
      const page = await wire.exchange(`list ${folder}/`, { signal }, ({ client, abortSignal }) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      );
      isBucketSeen = true;
      for (const { Key = '', Size } of page.Contents ?? []) {
        const key = Key.startsWith(prefix) ? Key.slice(base.length) : '';
        if (isKey(key) && isLength(Size)) yield { key, sizeBytes: Size };
      }
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (page.IsTruncated === true && (next === undefined || next === token)) {
        throw new SignetError('E_UNREACHABLE', `list ${folder}/: ${label} does not say how it goes on`, {
          params: { remote: label },
        });
      }
      token = next;
    } while (token !== undefined);
  }

  async function remove(key: RemoteKey, signal: AbortSignal | undefined): Promise<void> {
    const named = object(key);
    try {
      await wire.exchange(`remove ${key}`, { signal }, ({ client, abortSignal }) =>
        client.send(new DeleteObjectCommand(named), { abortSignal }),
      );
    } catch (error) {
      if (!isCode(error, 'E_MISSING')) throw error;
    }
  }

  async function put(key: RemoteKey, body: RemoteBody, signal: AbortSignal | undefined): Promise<undefined> {
    signal?.throwIfAborted();
    checkKey(key);
    await store(key, body, signal);
    isBucketSeen = true;
    // Once for each adapter, and only for one that writes. Best effort: keys without that permission still make backups.
    swept ??= endLeftovers(wire, bucket, base, clock).catch(() => undefined);
    await swept;
  }

  /** Whether a setting of the bucket is off, or undefined where the server or the keys do not let one know. */
  async function isOff(ask: () => Promise<boolean>): Promise<boolean | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (isCode(error, 'E_UNREACHABLE') || isCode(error, 'E_SIGN_IN') || !(error instanceof SignetError)) throw error;
      return undefined;
    }
  }

  async function check(signal: AbortSignal | undefined): Promise<void> {
    const step = async <Result>(name: string, action: () => Promise<Result>): Promise<Result> => {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof SignetError) || reasonOf(error) !== 'permission') throw error;
        const params = { ...error.params, step: name };
        throw new SignetError('E_REMOTE_DENIED', error.message, { params, cause: error.cause });
      }
    };
    await step('list', () => list('', { signal }).next());
    const key = `signet-probe-${toHex(randomBytes(8))}`;
    const bytes = randomBytes(probeBytes);
    await step('put', () => store(key, bytes, signal));
    let read: Uint8Array;
    try {
      read = await step('get', () => get(key, { maxBytes: probeBytes, signal }));
    } finally {
      await step('delete', () => remove(key, signal));
    }
    if (toHex(read) !== toHex(bytes)) {
      throw new SignetError('E_REMOTE_DENIED', `${label} does not give back what was written`, {
        params: { remote: label, reason: 'altered' },
      });
    }
  }

  return {
    kind: 's3',
    label,
    isCostlyToList: true,
    requests: wire.requests,
    put: (key, body, callOptions) => put(key, body, callOptions?.signal),
    get,
    async stat(key, callOptions) {
      callOptions?.signal?.throwIfAborted();
      const found = await find(key, callOptions?.signal);
      return found === undefined ? undefined : { key, sizeBytes: found.sizeBytes };
    },
    list,
    remove: (key, callOptions) => remove(key, callOptions?.signal),
    check: callOptions => check(callOptions?.signal),

    async about(callOptions) {
      const signal = callOptions?.signal;
      const isVersioningOff = await isOff(async () => {
        const { Status } = await wire.exchange('ask for versioning', { signal }, ({ client, abortSignal }) =>
          client.send(new GetBucketVersioningCommand({ Bucket: bucket }), { abortSignal }),
        );
        return Status !== 'Enabled';
      });
      const isLockOff = await isOff(async () => {
        try {
          const { ObjectLockConfiguration } = await wire.exchange(
            'ask for object lock',
            { signal },
            ({ client, abortSignal }) =>
              client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }), { abortSignal }),
          );
          return ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled';
        } catch (error) {
          if (reasonOf(error) === 'no-lock') return true;
          throw error;
        }
      });
      return {
        advice: [
          ...(isVersioningOff === true ? ['versioning-off'] : []),
          ...(isLockOff === true ? ['object-lock-off'] : []),
        ],
      };
    },
  };
}

interface Answer {
  /** Of the bytes that follow, within the object. */
  readonly start: number;
  /** Of the whole object. */
  readonly total: number;
  readonly etag: string | undefined;
}

/** @throws SignetError E_UNREACHABLE for an answer that does not say what it holds */
function answerOf(
  got: {
    readonly ContentRange?: string | undefined;
    readonly ContentLength?: number | undefined;
    readonly ETag?: string | undefined;
  },
  key: RemoteKey,
  asked: number,
): Answer {
  const [, first, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(got.ContentRange ?? '') ?? [];
  // Without a range in it the answer is the whole object, whatever was asked for.
  const answer =
    got.ContentRange === undefined
      ? { start: 0, total: lengthOf(got.ContentLength, key), etag: got.ETag }
      : { start: Number(first ?? -1), total: Number(total ?? -1), etag: got.ETag };
  if (answer.start >= 0 && answer.start <= asked) return answer;
  throw new SignetError('E_UNREACHABLE', `get ${key}: bytes from ${asked} on were asked for, others came`);
}

const reasonOf = (error: unknown): unknown => (error instanceof SignetError ? error.params['reason'] : undefined);

function beyond(key: RemoteKey, offset: number, end: number, total: number): SignetError {
  return new SignetError('E_MISSING', `${key}: bytes ${offset} to ${end} were asked for, it has ${total}`);
}

const isLength = (value: number | undefined): value is number => Number.isSafeInteger(value) && (value ?? -1) >= 0;

function lengthOf(value: number | undefined, key: RemoteKey): number {
  if (isLength(value)) return value;
  throw new SignetError('E_UNREACHABLE', `${key}: the answer does not say how long it is`);
}

function isKey(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false; // someone else's object: not listed
  }
}

const bareEtag = (etag: string | undefined): string | undefined => etag?.replace(/^"(.*)"$/, '$1').toLowerCase();
const isMd5 = (etag: string | undefined): boolean => etag !== undefined && /^[0-9a-f]{32}$/.test(etag);

/** In Node the client answers with Node's stream, of type union of all platforms. */
function bodyOf(body: unknown): Readable {
  if (typeof body === 'object' && body !== null && 'destroy' in body) return body as Readable;
  throw new SignetError('E_UNREACHABLE', 'the answer has no body');
}
