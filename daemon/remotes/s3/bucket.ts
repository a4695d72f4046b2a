// A bucket as the adapter sees it: how keys are named in it, and what is known of one object without reading it.

import type { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { isCode, SignetError } from '../../base/errors.ts';
import { checkKey } from '../keys.ts';
import type { RemoteKey } from '../remote.ts';
import { createWire, type Wire, type WireOptions } from './wire.ts';

export interface Found {
  readonly sizeBytes: number;
  /** Without its quotes. */
  readonly etag: string | undefined;
}

export interface Bucket {
  readonly wire: Wire;
  readonly name: string;
  /** What all names begin with: the prefix with a slash, or ''. */
  readonly base: string;
  /** @throws SignetError E_USAGE for what is no key */
  object(key: RemoteKey): { readonly Bucket: string; readonly Key: string };
  /** Undefined where there is no such object. */
  find(key: RemoteKey, signal: AbortSignal | undefined): Promise<Found | undefined>;
  /** To be called when an answer proved that the bucket is there: from then on "not found" is about the object. */
  seen(): void;
}

export function openBucket(options: WireOptions): Bucket {
  const { bucket: name, prefix } = options.place;
  const base = prefix === '' ? '' : `${prefix}/`;
  const wire = createWire(options);
  let isSeen = false;

  const object = (key: RemoteKey): { readonly Bucket: string; readonly Key: string } => {
    checkKey(key);
    return { Bucket: name, Key: `${base}${key}` };
  };

  async function find(key: RemoteKey, signal: AbortSignal | undefined): Promise<Found | undefined> {
    const named = object(key);
    try {
      const { ContentLength, ETag } = await wire.exchange(`stat ${key}`, { signal }, ({ client, abortSignal }) =>
        client.send(new HeadObjectCommand(named), { abortSignal }),
      );
      isSeen = true;
      return { sizeBytes: lengthOf(ContentLength, key), etag: bareEtag(ETag) };
    } catch (error) {
      const isAbsent = isCode(error, 'E_MISSING');
      if (isAbsent && isSeen) return undefined;
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
      isSeen = true;
      return { sizeBytes: lengthOf(open.ContentLength, key), etag: bareEtag(open.ETag) };
    } catch (error) {
      if (!isCode(error, 'E_MISSING')) throw error;
      isSeen = true;
      return undefined;
    }
  }

  return {
    wire,
    name,
    base,
    object,
    find,
    seen: () => {
      isSeen = true;
    },
  };
}

export const isLength = (value: number | undefined): value is number =>
  Number.isSafeInteger(value) && (value ?? -1) >= 0;

export function lengthOf(value: number | undefined, key: RemoteKey): number {
  if (isLength(value)) return value;
  throw new SignetError('E_UNREACHABLE', `${key}: the answer does not say how long it is`);
}

export const bareEtag = (etag: string | undefined): string | undefined => etag?.replace(/^"(.*)"$/, '$1').toLowerCase();

/** In Node the client answers with Node's stream, of type union of all platforms. */
export function bodyOf(body: unknown): Readable {
  if (typeof body === 'object' && body !== null && 'destroy' in body) return body as Readable;
  throw new SignetError('E_UNREACHABLE', 'the answer has no body');
}
