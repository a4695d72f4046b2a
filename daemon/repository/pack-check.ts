// Reads one pack whole, a window at a time, so that checking takes the same few mebibytes whatever the pack's size: its name, its header and
// every blob in it. Reads from the place itself, never from a copy.

import { createHash } from 'node:crypto';
import { SignetError } from '../base/errors.ts';
import { open, type SealKey, sealOverhead } from '../kernel/seal.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { proveBlob } from './blob-reader.ts';
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

/**
 * @param pack.indexed the number of blobs the index knows in it
 * @param options.spare memory of checks before this one, to be used again: large pieces that come and go cost a tenth of the work (measured)
 */
export async function checkPackBytes(
  remote: Pick<Remote, 'get' | 'stat'>,
  sealKey: SealKey,
  pack: { readonly key: string; readonly indexed: number | undefined },
  { spare = [], ...options }: CallOptions & { readonly spare?: Uint8Array[] | undefined },
): Promise<readonly ObjectProblem[]> {
  const { key, indexed } = pack;
  const problems: ObjectProblem[] = [];
  const note = noteIn(problems, key);
  const read = (offset: number, length: number, into?: Uint8Array): Promise<Uint8Array> =>
    remote.get(key, { ...options, offset, length, maxBytes: length, into, copies: 'remote' });
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
    for await (const { window, bytes } of readAhead(windowsOf(blobs ?? [], sizeBytes), read, spare)) {
      hash.update(bytes);
      for (const blob of window.blobs) {
        const at = blob.offset - window.start;
        await proveBlob(sealKey, bytes.subarray(at, at + blob.sealedBytes), blob).catch(error => note(error, blob.id));
      }
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

/** One window is on its way while the one before is looked at; two pieces of memory take turns. */
async function* readAhead(
  windows: Generator<Window, undefined>,
  read: (offset: number, length: number, into: Uint8Array) => Promise<Uint8Array>,
  spare: Uint8Array[],
): AsyncGenerator<{ readonly window: Window; readonly bytes: Uint8Array }, undefined> {
  // What is not written to takes no memory: small packs, and places that answer in memory of their own.
  let memory = spare.pop() ?? new Uint8Array(windowBytes);
  let other = spare.pop() ?? new Uint8Array(windowBytes);
  const begin = (): { readonly window: Window; readonly bytes: Promise<Uint8Array> } | undefined => {
    const next = windows.next();
    if (next.done === true) return undefined;
    const { start, end } = next.value;
    const bytes = read(start, end - start, memory);
    bytes.catch(() => undefined); // awaited in the next turn
    [memory, other] = [other, memory];
    return { window: next.value, bytes };
  };
  for (let reading = begin(); reading !== undefined; ) {
    const bytes = await reading.bytes;
    const following = begin();
    yield { window: reading.window, bytes };
    reading = following;
  }
  spare.push(memory, other);
  return undefined;
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
function* windowsOf(blobs: readonly PlacedBlob[], sizeBytes: number): Generator<Window, undefined> {
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
  return undefined;
}
