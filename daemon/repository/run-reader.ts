// Loads many blobs one after the other. Neighbours in a pack are read together, in windows of at most 4 MiB; the next windows are on their
// way while one is opened, and their memory is used again and again. What is damaged or missing is left to whoever loads single blobs and
// knows of other copies. Seal, frame and length of each blob are checked here, its hash is not (model.ts, `loadBlobs`).

import { release } from '../base/bytes.ts';
import { isLoss } from '../base/errors.ts';
import { open, type SealKey } from '../kernel/seal.ts';
import { openFrameParts } from '../kernel/zstd.ts';
import type { Remote } from '../remotes/remote.ts';
import type { BlobCopy } from './blob-index.ts';
import { packKey } from './ids.ts';
import type { BlobId, LoadedBlob } from './model.ts';

const windowBytes = 4 * 1024 * 1024;
/** What is not wanted between two blobs is read along up to this size: less than what another request costs. */
const gapBytes = { near: 64 * 1024, far: 512 * 1024 } as const;
/** Windows under way besides the one that is opened. */
const windowsAhead = { near: 1, far: 3 } as const;
/** Blobs that are decoded at the same time; each holds a frame and its content, at most 8 MiB each. */
const decodedAhead = 3;

export interface RunReading {
  readonly remote: Pick<Remote, 'get'>;
  readonly key: SealKey;
  readonly isFar: boolean;
  /** Where the blob is best read from; undefined where only `alone` can tell. */
  copyOf(id: BlobId): BlobCopy | undefined;
  /** Loads and proves one blob, from wherever it can be had. */
  alone(id: BlobId): Promise<Uint8Array>;
}

/** Blobs that are read together; without a pack, one that is not read here. */
interface Run {
  readonly pack: BlobCopy['pack'] | undefined;
  readonly start: number;
  readonly end: number;
  readonly blobs: readonly { readonly id: BlobId; readonly copy?: BlobCopy }[];
}

interface Reading {
  readonly run: Run;
  readonly memory: Uint8Array | undefined;
  /** Undefined when the place has damaged bytes or none. */
  readonly bytes: Promise<Uint8Array | undefined>;
}

interface Decoding {
  readonly id: BlobId;
  readonly loaded: LoadedBlob | Promise<LoadedBlob>;
}

export async function* readRuns(
  reading: RunReading,
  ids: Iterable<BlobId>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LoadedBlob, undefined> {
  const { isFar } = reading;
  const decoding: Decoding[] = [];
  const free: Uint8Array[] = [];
  const ahead: Reading[] = [];
  const runs = runsOf(reading, ids, isFar ? gapBytes.far : gapBytes.near);
  const depth = 1 + (isFar ? windowsAhead.far : windowsAhead.near);
  const fill = (): void => {
    while (ahead.length < depth) {
      const next = runs.next();
      if (next.done === true) return;
      ahead.push(beginRead(reading, next.value, free, signal));
    }
  };
  for (fill(); ahead.length > 0; fill()) {
    const [first] = ahead.splice(0, 1);
    if (first === undefined) break;
    const bytes = await first.bytes;
    for (const { id, copy } of first.run.blobs) {
      signal?.throwIfAborted();
      decoding.push({ id, loaded: decode(reading, id, copy, bytes, first.run.start) });
      if (decoding.length > decodedAhead) yield await takeFirst(decoding);
    }
    // Every blob of the window was decrypted, into memory of its own.
    if (first.memory !== undefined) free.push(first.memory);
  }
  while (decoding.length > 0) yield await takeFirst(decoding);
  for (const memory of free) release(memory);
}

async function takeFirst(decoding: Decoding[]): Promise<LoadedBlob> {
  const [first] = decoding.splice(0, 1);
  if (first === undefined) throw new Error('a blob is being decoded');
  return first.loaded;
}

/** Groups what is wanted, as far as it follows one another in a pack. */
function* runsOf(reading: Pick<RunReading, 'copyOf'>, ids: Iterable<BlobId>, gap: number): Generator<Run, undefined> {
  let run: { pack: BlobCopy['pack']; start: number; end: number; blobs: { id: BlobId; copy: BlobCopy }[] } | undefined;
  for (const id of ids) {
    const copy = reading.copyOf(id);
    if (copy !== undefined && run !== undefined && run.pack === copy.pack) {
      const end = copy.offset + copy.sealedBytes;
      if (copy.offset >= run.end && copy.offset - run.end <= gap && end - run.start <= windowBytes) {
        run.end = end;
        run.blobs.push({ id, copy });
        continue;
      }
    }
    if (run !== undefined) yield run;
    run = undefined;
    if (copy === undefined) yield { pack: undefined, start: 0, end: 0, blobs: [{ id }] };
    else run = { pack: copy.pack, start: copy.offset, end: copy.offset + copy.sealedBytes, blobs: [{ id, copy }] };
  }
  if (run !== undefined) yield run;
  return undefined;
}

function beginRead({ remote }: RunReading, run: Run, free: Uint8Array[], signal: AbortSignal | undefined): Reading {
  const { pack, start, end } = run;
  if (pack === undefined) return { run, memory: undefined, bytes: Promise.resolve(undefined) };
  const length = end - start;
  // A place that answers in memory of its own leaves ours untouched, and untouched memory is none.
  const memory = length <= windowBytes ? (free.pop() ?? new Uint8Array(windowBytes)) : undefined;
  const bytes = remote
    .get(packKey(pack.id), { offset: start, length, maxBytes: length, into: memory, signal })
    .catch((error: unknown) => {
      if (isLoss(error)) return undefined; // each of its blobs is asked for by itself, and told of
      throw error;
    });
  bytes.catch(() => undefined); // awaited in order; until then a failure must not count as unhandled
  return { run, memory, bytes };
}

/** At once where that is all this thread's work; else a promise, which is awaited in order. */
function decode(
  reading: RunReading,
  id: BlobId,
  copy: BlobCopy | undefined,
  bytes: Uint8Array | undefined,
  start: number,
): LoadedBlob | Promise<LoadedBlob> {
  if (copy === undefined || bytes === undefined) return quiet(loadAlone(reading, id));
  try {
    const at = copy.offset - start;
    const what = `data blob ${id.slice(0, 16)}`;
    const opened = open(reading.key, bytes.subarray(at, at + copy.sealedBytes), what);
    const parts = copy.isCompressed ? openFrameParts(opened, { exactBytes: copy.plainBytes }, what) : [opened];
    if (!(parts instanceof Promise)) return { id, parts, memory: opened };
    const decoded = parts.then(
      (parts): LoadedBlob => {
        const [memory = opened] = parts;
        if (memory.buffer !== opened.buffer) release(opened);
        return { id, parts, memory };
      },
      error => aloneIfLost(reading, id, error),
    );
    return quiet(decoded);
  } catch (error) {
    return quiet(aloneIfLost(reading, id, error));
  }
}

async function aloneIfLost(reading: RunReading, id: BlobId, error: unknown): Promise<LoadedBlob> {
  if (!isLoss(error)) throw error;
  return loadAlone(reading, id);
}

async function loadAlone(reading: RunReading, id: BlobId): Promise<LoadedBlob> {
  try {
    const memory = await reading.alone(id);
    return { id, parts: [memory], memory };
  } catch (loss) {
    if (!isLoss(loss)) throw loss;
    return { id, loss };
  }
}

/** Awaited in its turn; until then a failure must not count as unhandled. */
function quiet<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}
