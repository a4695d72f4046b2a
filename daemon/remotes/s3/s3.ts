// A bucket of S3 or of a server that speaks its language, as a place for objects. Names are prefix and restic's path one to one, so that
// restic's own s3 backend opens the repository. Nothing is tried twice here (retrying.ts does that), but a read goes on from its last
// good byte. An object that is there already is looked at, not replaced, where the server can refuse to replace.

import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { toHex } from '../../base/bytes.ts';
import { isCode, SignetError } from '../../base/errors.ts';
import { checkKey } from '../keys.ts';
import type { CallOptions, NetworkRemote, RemoteBody, RemoteEntry, RemoteKey } from '../remote.ts';
import { bodyBytes, type Piece, pieceOf } from './body.ts';
import { bareEtag, isLength, openBucket } from './bucket.ts';
import { reasonOf } from './classify.ts';
import { createDownload } from './download.ts';
import { endLeftovers, uploadInParts } from './multipart.ts';
import type { WireOptions } from './wire.ts';

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

/** Lies in one bucket; makes no request before it is used. */
export function createS3Remote(options: S3RemoteOptions): S3Remote {
  const { clock, randomBytes } = options;
  const place = openBucket(options);
  const { wire, name: bucket, base, object, find, seen } = place;
  const { label } = wire;
  const get = createDownload(place);
  /** Until the server says that it does not know the condition. */
  let refusesReplacing = true;
  /** Once an ETag was the MD5 of what was sent: servers that encrypt by their own keys make others. */
  let isEtagMd5 = false;
  let swept: Promise<unknown> | undefined;

  async function putWhole(key: RemoteKey, piece: Piece, ifNew: boolean, call: CallOptions): Promise<void> {
    const condition = ifNew ? { IfNoneMatch: '*' } : {};
    const { ETag } = await wire.exchange(
      `put ${key}`,
      { ...call, isOfBucket: true },
      ({ client, abortSignal, carry }) =>
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
    if (etag === undefined) throw noS3(`put ${key}`);
    if (etag === toHex(piece.md5)) isEtagMd5 = true;
    else if (isEtagMd5 && isMd5(etag)) throw differs(key, 'the hash of what was stored is another');
  }

  async function putParts(key: RemoteKey, body: RemoteBody, ifNew: boolean, call: CallOptions): Promise<void> {
    let failure: unknown;
    try {
      await uploadInParts({ wire, bucket, name: object(key).Key }, body, { ...call, ifNew });
    } catch (error) {
      // The answer to the last call may have been lost with the object in its place.
      if (!isCode(error, 'E_UNREACHABLE')) throw error;
      failure = error;
    }
    const found = await find(key, call.signal).catch(error => {
      throw failure ?? error;
    });
    if (found?.sizeBytes === bodyBytes(body)) return;
    throw failure ?? differs(key, `${found?.sizeBytes ?? 0} bytes were stored of ${bodyBytes(body)}`);
  }

  /** Whoever answers with success and not as S3 does, such as the sign-in page of a network, has stored and listed nothing. */
  const noS3 = (what: string): SignetError =>
    new SignetError('E_UNREACHABLE', `${what}: ${label} gave no answer of S3`, { params: { remote: label } });

  const differs = (key: RemoteKey, why: string): SignetError =>
    new SignetError('E_UNREACHABLE', `put ${key}: ${why}`, { params: { remote: label } });

  /**
   * What to do where an object has that name already. Names that end in the hash of their content can mean one content only: another size
   * or hash is damage, and is written anew. `config` alone has no such name: it is never replaced.
   */
  async function settle(key: RemoteKey, body: RemoteBody, call: CallOptions): Promise<'there' | 'replace'> {
    const found = await find(key, call.signal);
    if (found === undefined) return 'replace';
    const whole = await pieceOf(body, 0, bodyBytes(body), call.signal);
    const isNamed = key.endsWith(whole.sha256) || key.endsWith(`${whole.sha256}.json`);
    // Before it is known whether ETags are hashes here, one more upload is the lesser evil than damage that is taken for the object.
    const isOther = (isEtagMd5 || isNamed) && isMd5(found.etag) && found.etag !== toHex(whole.md5);
    if (found.sizeBytes === whole.sizeBytes && !isOther) return 'there';
    if (isNamed) return 'replace';
    throw new SignetError('E_REMOTE_DENIED', `put ${key}: ${label} holds another object of that name`, {
      params: { remote: label, reason: 'exists' },
    });
  }

  async function store(key: RemoteKey, body: RemoteBody, call: CallOptions): Promise<void> {
    const size = bodyBytes(body);
    const piece = size > largeBytes ? undefined : await pieceOf(body, 0, size, call.signal);
    // Asking costs one request; finding out at the last of its parts costs them all.
    if (piece === undefined && (await settle(key, body, call)) === 'there') return;
    const send = (ifNew: boolean): Promise<void> =>
      piece === undefined ? putParts(key, body, ifNew, call) : putWhole(key, piece, ifNew, call);
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
      if ((await settle(key, body, call)) === 'replace') await send(false);
    }
  }

  async function* list(folder: string, callOptions?: CallOptions): AsyncGenerator<RemoteEntry> {
    const signal = callOptions?.signal;
    signal?.throwIfAborted();
    if (folder !== '') checkKey(folder);
    const prefix = folder === '' ? base : `${base}${folder}/`;
    let token: string | undefined;
    do {
      const page = await wire.exchange(`list ${folder}/`, { signal, isOfBucket: true }, ({ client, abortSignal }) =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      );
      seen();
      if (page.Name === undefined && page.KeyCount === undefined) throw noS3(`list ${folder}/`);
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

  async function put(key: RemoteKey, body: RemoteBody, call: CallOptions): Promise<undefined> {
    call.signal?.throwIfAborted();
    checkKey(key);
    await store(key, body, call);
    seen();
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
    await step('put', () => store(key, bytes, { signal }));
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
    put: (key, body, callOptions = {}) => put(key, body, callOptions),
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

function isKey(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false; // someone else's object: not listed
  }
}

const isMd5 = (etag: string | undefined): boolean => etag !== undefined && /^[0-9a-f]{32}$/.test(etag);
