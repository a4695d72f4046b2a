// Reads objects and parts of them. Memory is taken once the answer has told how much there is, and never more than the caller allows; a read
// that breaks goes on from its last good byte for as long as there is progress.

import { GetObjectCommand } from '@aws-sdk/client-s3';
import { isCode, SignetError } from '../../base/errors.ts';
import { checkKey, refuseMirror } from '../keys.ts';
import type { CallOptions, GetOptions, RemoteKey } from '../remote.ts';
import { type Bucket, bodyOf, lengthOf } from './bucket.ts';
import { reasonOf } from './classify.ts';

/** Tries at all: a connection that brings a few bytes each time is no connection. */
const triesPerRead = 32;

export function createDownload({
  wire,
  object,
  find,
  seen,
}: Bucket): (key: RemoteKey, options: GetOptions) => Promise<Uint8Array> {
  const { label } = wire;

  /** One request for bytes; what came is in `target` up to the answered position, also when the rest did not. */
  async function read(
    key: RemoteKey,
    range: { readonly start: number; readonly end: number | undefined; readonly etag: string | undefined },
    into: (total: Answer) => Uint8Array,
    call: CallOptions,
  ): Promise<{ readonly position: number; readonly error?: unknown; readonly answer: Answer | undefined }> {
    const { start, end, etag } = range;
    let position = start;
    let answer: Answer | undefined;
    try {
      await wire.exchange(`get ${key}`, call, async ({ client, abortSignal, moved }) => {
        const isWhole = start === 0 && end === undefined;
        const got = await client.send(
          new GetObjectCommand({
            ...object(key),
            ...(isWhole ? {} : { Range: `bytes=${start}-${end === undefined ? '' : end - 1}` }),
            ...(etag === undefined ? {} : { IfMatch: etag }),
          }),
          { abortSignal },
        );
        seen();
        const body = bodyOf(got.Body);
        try {
          answer = answerOf(got, key, start);
          const target = into(answer);
          let skip = start - answer.start;
          for await (const chunk of body as AsyncIterable<Uint8Array>) {
            await moved(chunk.length);
            const useful = chunk.subarray(Math.min(skip, chunk.length));
            skip -= chunk.length - useful.length;
            const room = target.length - (position - start);
            target.set(useful.subarray(0, room), position - start);
            position += Math.min(useful.length, room);
            if (useful.length > room) break; // more than was asked for; reading to the end keeps the connection
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
    { maxBytes, offset = 0, length, copies, signal, pace }: GetOptions,
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
    for (let tries = 1; ; tries++) {
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
        { signal, pace },
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
      if (position === begun || tries === triesPerRead || !isCode(part.error, 'E_UNREACHABLE')) throw part.error;
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

  return get;
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

function beyond(key: RemoteKey, offset: number, end: number, total: number): SignetError {
  return new SignetError('E_MISSING', `${key}: bytes ${offset} to ${end} were asked for, it has ${total}`);
}
