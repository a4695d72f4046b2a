// A large object in parts: two of them on their way at a time, everything given back when it fails, and what a process that died left
// behind ended by a later one. A server shows nothing of the object before the last call has put it together.

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type MultipartUpload,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Clock } from '../../base/clock.ts';
import { SignetError } from '../../base/errors.ts';
import type { CallOptions, RemoteBody } from '../remote.ts';
import { bodyBytes, pieceOf } from './body.ts';
import type { Wire } from './wire.ts';

/** S3 takes parts of 5 MiB to 5 GiB, and 10,000 of them. */
export const partBytes = 16 * 1024 * 1024;
const partsAtOnce = 2;
const staleMs = 24 * 3600 * 1000;
/** Putting many parts together may take minutes, in which AWS answers no more than blanks. */
const completeSilenceMs = 10 * 60 * 1000;
const maxListedPages = 100;

interface Target {
  readonly wire: Wire;
  readonly bucket: string;
  /** The whole name in the bucket. */
  readonly name: string;
}

/** Stores the object. @param ifNew refuses to replace one that is there (412) */
export async function uploadInParts(
  { wire, bucket, name }: Target,
  body: RemoteBody,
  { ifNew, signal, pace }: CallOptions & { readonly ifNew: boolean },
): Promise<void> {
  const object = { Bucket: bucket, Key: name };
  const created = await wire.exchange(
    `begin upload of ${name}`,
    { signal, isOfBucket: true },
    ({ client, abortSignal }) =>
      client.send(new CreateMultipartUploadCommand({ ...object, ContentType: 'application/octet-stream' }), {
        abortSignal,
      }),
  );
  const upload = { ...object, UploadId: uploadIdOf(created.UploadId, wire) };
  try {
    const parts = await sendParts(wire, upload, body, { signal, pace });
    await wire.exchange(
      `finish upload of ${name}`,
      { signal, silenceMs: completeSilenceMs },
      ({ client, abortSignal }) =>
        client.send(
          new CompleteMultipartUploadCommand({
            ...upload,
            MultipartUpload: { Parts: [...parts] },
            ...(ifNew ? { IfNoneMatch: '*' } : {}),
          }),
          { abortSignal },
        ),
    );
  } catch (error) {
    await giveBack(wire, upload);
    throw error;
  }
}

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

interface Part {
  readonly PartNumber: number;
  readonly ETag: string;
}

async function sendParts(
  wire: Wire,
  upload: Upload,
  body: RemoteBody,
  { signal, pace }: CallOptions,
): Promise<readonly Part[]> {
  const size = bodyBytes(body);
  const parts: Part[] = [];
  const failed = new AbortController();
  let next = 0;
  const stop = (): void => failed.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });

  async function sendSome(): Promise<void> {
    for (;;) {
      const index = next++;
      const start = index * partBytes;
      if (start >= size) return;
      const what = `upload part ${index + 1} of ${upload.Key}`;
      const piece = await pieceOf(body, start, Math.min(start + partBytes, size), failed.signal);
      const sent = await wire.exchange(what, { signal: failed.signal, pace }, ({ client, abortSignal, carry }) =>
        client.send(new UploadPartCommand({ ...upload, PartNumber: index + 1, ...carry(piece) }), { abortSignal }),
      );
      if (sent.ETag === undefined) throw new SignetError('E_UNREACHABLE', `${what}: the answer names no ETag`);
      parts.push({ PartNumber: index + 1, ETag: sent.ETag });
    }
  }

  const senders = Array.from({ length: partsAtOnce }, async () => {
    try {
      await sendSome();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  try {
    // Both end before the upload is given back: a part that arrives after that would stay.
    const ends = await Promise.allSettled(senders);
    signal?.throwIfAborted();
    const wrong = ends.find(end => end.status === 'rejected');
    if (wrong !== undefined) throw failed.signal.reason;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  return parts.sort((a, b) => a.PartNumber - b.PartNumber);
}

function uploadIdOf(id: string | undefined, wire: Wire): string {
  if (id !== undefined && id !== '') return id;
  throw new SignetError('E_UNREACHABLE', `${wire.label} began an upload without naming it`, {
    params: { remote: wire.label },
  });
}

/** A best effort, also when the caller was stopped: what stays is ended as a leftover, and the first error is the one to tell. */
async function giveBack(wire: Wire, upload: Upload): Promise<void> {
  await wire
    .exchange(`give up upload of ${upload.Key}`, {}, ({ client, abortSignal }) =>
      client.send(new AbortMultipartUploadCommand(upload), { abortSignal }),
    )
    .catch(() => undefined);
}

/**
 * Ends the uploads that are older than a day: nobody goes on with them, and they are paid for. Only those of objects that restic's
 * layout has below the prefix: a bucket may be shared with others.
 *
 * @param prefix of names in the bucket, with the slash at its end unless it is ''
 * @returns how many
 */
export async function endLeftovers(wire: Wire, bucket: string, prefix: string, clock: Clock): Promise<number> {
  let ended = 0;
  let after: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (let page = 0; page < maxListedPages; page++) {
    const listed = await wire.exchange('list unfinished uploads', {}, ({ client, abortSignal }) =>
      client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...after }), { abortSignal }),
    );
    for (const { Key, UploadId } of (listed.Uploads ?? []).filter(each => isLeftover(each, prefix, clock.now()))) {
      if (Key === undefined || UploadId === undefined) continue;
      await giveBack(wire, { Bucket: bucket, Key, UploadId });
      ended++;
    }
    if (listed.IsTruncated !== true || listed.NextKeyMarker === undefined) break;
    after = {
      KeyMarker: listed.NextKeyMarker,
      ...(listed.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: listed.NextUploadIdMarker }),
    };
  }
  return ended;
}

function isLeftover({ Key = '', Initiated }: MultipartUpload, prefix: string, now: number): boolean {
  const isOurs =
    Key.startsWith(prefix) && /^(?:data\/[0-9a-f]{2}|index|snapshots)\/[0-9a-f]{64}$/.test(Key.slice(prefix.length));
  return isOurs && Initiated !== undefined && now - Initiated.getTime() > staleMs;
}
