// A stretch of what is uploaded, from memory or from a file: hashed before it is sent, since its hashes go ahead of it in the headers,
// and then streamed, so that memory is bounded by the sockets and not by the object.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { SignetError } from '../../base/errors.ts';
import type { RemoteBody } from '../remote.ts';

const chunkBytes = 64 * 1024;

export interface Piece {
  readonly sizeBytes: number;
  readonly md5: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The bytes; `onChunk` is awaited before each piece of them. Destroy it when the request is over, whatever came of it. */
  stream(onChunk: (bytes: number) => Promise<void>): Readable;
}

export function bodyBytes(body: RemoteBody): number {
  return body instanceof Uint8Array ? body.length : body.sizeBytes;
}

/**
 * Hashes the bytes from `start` to before `end`.
 * @throws SignetError E_INTERNAL when the file is not the one that was told
 */
export async function pieceOf(body: RemoteBody, start: number, end: number, signal?: AbortSignal): Promise<Piece> {
  const md5 = createHash('md5'); // Content-MD5 is what every S3 server checks; SHA-256 is what authenticates
  const sha256 = createHash('sha256');
  const room = new Uint8Array(chunkBytes);
  for await (const chunk of chunksOf(body, start, end, () => room)) {
    signal?.throwIfAborted();
    md5.update(chunk);
    sha256.update(chunk);
  }
  return {
    sizeBytes: end - start,
    md5: md5.digest(),
    sha256: sha256.digest('hex'),
    stream: onChunk =>
      Readable.from(
        watched(
          chunksOf(body, start, end, () => new Uint8Array(chunkBytes)),
          onChunk,
        ),
        { objectMode: false },
      ),
  };
}

async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  onChunk: (bytes: number) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await onChunk(chunk.length);
    yield chunk;
  }
}

/** @param roomFor memory for the next chunk of a file */
async function* chunksOf(
  body: RemoteBody,
  start: number,
  end: number,
  roomFor: () => Uint8Array,
): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    for (let at = start; at < end; at += chunkBytes) yield body.subarray(at, Math.min(at + chunkBytes, end));
    return;
  }
  const file = await opened(body.path);
  try {
    const { size } = await file.stat();
    if (size !== body.sizeBytes) {
      throw new SignetError('E_INTERNAL', `the file to upload has ${size} bytes, ${body.sizeBytes} were told`);
    }
    for (let at = start; at < end; ) {
      const chunk = roomFor();
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - at), at);
      if (bytesRead === 0) throw new SignetError('E_INTERNAL', `the file to upload ended after ${at} of ${size} bytes`);
      yield chunk.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw new SignetError('E_INTERNAL', `${path}: the file to upload cannot be read`, { cause: error });
  }
}
