// Reads one pack whole, a window at a time, so that checking takes the same few mebibytes whatever the pack's size: its name, its header and
// every blob in it. Reads from the place itself, never from a copy.

import { createHash } from 'node:crypto';
import { release } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { open, type SealKey, sealOverhead } from '../kernel/seal.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { openBlob } from './blob-reader.ts';
import { idInKey } from './ids.ts';
import { limits } from './limits.ts';
import type { ObjectProblem } from './model.ts';
import { decodeHeader, type PlacedBlob, trailerBytes } from './pack-format.ts';
import { noteIn } from './problems.ts';

/** A window is larger where one blob is. */
const windowBytes = 4 * 1024 * 1024;
/** Read for the header at first: enough for most. */
const tailBytes = 64 * 1024;

interface Window {
  readonly start: number;
  readonly end: number;
  /** Those that lie in it, whole. */
  readonly blobs: readonly PlacedBlob[];
}

/** @param pack.indexed the number of blobs the index knows in it */
export async function checkPackBytes(
  remote: Pick<Remote, 'get' | 'stat'>,
  sealKey: SealKey,
  pack: { readonly key: string; readonly indexed: number | undefined },
  options: CallOptions,
): Promise<readonly ObjectProblem[]> {
  const { key, indexed } = pack;
  const problems: ObjectProblem[] = [];
  const note = noteIn(problems, key);
  const read = (offset: number, length: number): Promise<Uint8Array> =>
    remote.get(key, { ...options, offset, length, maxBytes: length, copies: 'remote' });
  try {
    const { sizeBytes } = (await remote.stat(key, options)) ?? { sizeBytes: undefined };
    if (sizeBytes === undefined) throw new SignetError('E_MISSING', `${key}: the remote lacks it`);
    if (sizeBytes > limits.packBytes) {
      throw new SignetError('E_OBJECT_LIMIT', `${key}: ${sizeBytes} bytes, packs have at most ${limits.packBytes}`);
    }
    const blobs = await readHeader(sealKey, read, sizeBytes, key).catch(error => {
      note(error);
      return undefined;
    });
    const hash = createHash('sha256');
    for (const { start, end, blobs: inside } of windowsOf(blobs ?? [], sizeBytes)) {
      const bytes = await read(start, end - start);
      hash.update(bytes);
      for (const blob of inside) {
        const at = blob.offset - start;
        await openBlob(sealKey, bytes.subarray(at, at + blob.sealedBytes), blob).then(release, error =>
          note(error, blob.id),
        );
      }
      release(bytes);
    }
    if (hash.digest('hex') !== idInKey(key)) {
      problems.unshift({ key, code: 'E_OBJECT_ID', detail: `its ${sizeBytes} bytes do not hash to its name` });
    }
    if (blobs !== undefined && indexed !== undefined && indexed !== blobs.length) {
      const detail = `${blobs.length} blobs in the header, ${indexed} in the index`;
      problems.push({ key, code: 'E_OBJECT_ID', detail });
    }
  } catch (error) {
    note(error);
  }
  return problems;
}

async function readHeader(
  sealKey: SealKey,
  read: (offset: number, length: number) => Promise<Uint8Array>,
  sizeBytes: number,
  what: string,
): Promise<readonly PlacedBlob[]> {
  let tail = await read(Math.max(0, sizeBytes - tailBytes), Math.min(sizeBytes, tailBytes));
  const length =
    tail.length < trailerBytes
      ? 0
      : new DataView(tail.buffer, tail.byteOffset).getUint32(tail.length - trailerBytes, true);
  if (length < sealOverhead || length > limits.packHeaderBytes || length > sizeBytes - trailerBytes) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: header says ${length} bytes, remote has ${sizeBytes}`);
  }
  const contentBytes = sizeBytes - trailerBytes - length;
  if (length + trailerBytes > tail.length) tail = await read(contentBytes, length + trailerBytes);
  const sealed = tail.subarray(tail.length - trailerBytes - length, tail.length - trailerBytes);
  return decodeHeader(open(sealKey, sealed, what), contentBytes, what);
}

/** The whole pack, cut between blobs; blobs follow one another without gaps. */
function* windowsOf(blobs: readonly PlacedBlob[], sizeBytes: number): Generator<Window> {
  let start = 0;
  let inside: PlacedBlob[] = [];
  for (const blob of blobs) {
    if (inside.length > 0 && blob.offset + blob.sealedBytes - start > windowBytes) {
      yield { start, end: blob.offset, blobs: inside };
      start = blob.offset;
      inside = [];
    }
    inside.push(blob);
  }
  const last = inside.at(-1);
  if (last !== undefined) {
    const end = last.offset + last.sealedBytes;
    yield { start, end, blobs: inside };
    start = end;
  }
  for (; start < sizeBytes; start += windowBytes) {
    yield { start, end: Math.min(sizeBytes, start + windowBytes), blobs: [] };
  }
}
