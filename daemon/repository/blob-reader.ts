// Reads blobs out of packs. Neighbouring blobs are mostly wanted one after the other, so a pack that is read forwards gets a window
// that grows to 4 MiB; a blob wanted alone costs no more than itself where the place is near, and up to a mebibyte more where it is far.
// Every blob is checked in this order: seal, frame, length, hash.

import { release } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { sha256Hex, sha256HexOf } from '../kernel/hash.ts';
import { open, type SealKey } from '../kernel/seal.ts';
import { openFrame, openFrameParts } from '../kernel/zstd.ts';
import { type BlobCopy, type IndexedPack, packBytes } from './blob-index.ts';
import { type CopyReading, readOtherCopies } from './copies.ts';
import { packKey } from './ids.ts';
import type { PackId } from './model.ts';
import type { PlacedBlob } from './pack-format.ts';

const maxWindowBytes = 4 * 1024 * 1024;
const windows = 4;
/** What is read of a far place beyond a blob that may be wanted alone: on most lines less time than another request. */
const farAheadBytes = 1024 * 1024;
/** A reader may skip this much forwards and still count as reading on. */
const nearBytes = 512 * 1024;
/** Packs of trees up to this size (other programs' may be larger) are worth a copy on this computer. */
const maxKeptPackBytes = 40 * 1024 * 1024;

/** A part of a pack that was read, or is being read. */
interface Window {
  readonly pack: PackId;
  readonly start: number;
  readonly end: number;
  readonly bytes: Promise<Uint8Array>;
  /** Of the load that began the read. */
  readonly signal: AbortSignal | undefined;
  /** Loads that still need the bytes; when there are none and the window has gone, its memory goes too. */
  readers: number;
  isGone: boolean;
}

/**
 * Opens a sealed blob and proves that it is the one that was asked for.
 *
 * @throws SignetError E_OBJECT_AUTH · E_OBJECT_TYPE · E_OBJECT_LIMIT · E_OBJECT_ID
 */
export async function openBlob(
  key: SealKey,
  sealed: Uint8Array,
  blob: Omit<PlacedBlob, 'offset'>,
): Promise<Uint8Array> {
  const what = `${blob.type} blob ${blob.id.slice(0, 16)}`;
  const opened = open(key, sealed, what);
  const plaintext = blob.isCompressed ? await openFrame(opened, { exactBytes: blob.plainBytes }, what) : opened;
  if (plaintext.buffer !== opened.buffer) release(opened);
  if (plaintext.length !== blob.plainBytes) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: ${plaintext.length} bytes, the index says ${blob.plainBytes}`);
  }
  if (sha256Hex(plaintext) !== blob.id)
    throw new SignetError('E_OBJECT_ID', `${what}: its content does not hash to its id`);
  return plaintext;
}

/** As openBlob for who only wants to know: nothing is put together. @throws as openBlob */
export async function proveBlob(key: SealKey, sealed: Uint8Array, blob: Omit<PlacedBlob, 'offset'>): Promise<void> {
  const what = `${blob.type} blob ${blob.id.slice(0, 16)}`;
  const opened = open(key, sealed, what);
  const parts = blob.isCompressed ? await openFrameParts(opened, { exactBytes: blob.plainBytes }, what) : [opened];
  const id = parts.length === 1 && parts[0] !== undefined ? sha256Hex(parts[0]) : sha256HexOf(parts);
  for (const part of parts) release(part);
  release(opened);
  if (id !== blob.id) throw new SignetError('E_OBJECT_ID', `${what}: its content does not hash to its id`);
}

function releaseUnused(window: Window): void {
  if (!window.isGone || window.readers > 0) return;
  window.bytes.then(release, () => undefined); // what could not be read holds no memory
}

/** Takes a place in memory of at most four windows of 4 MiB (one more, larger, while a larger blob is read). */
export class BlobReader {
  readonly #reading: CopyReading;
  readonly #key: SealKey;
  readonly #leastAheadBytes: number;
  /** Least recently used first. */
  #windows: Window[] = [];

  /** @param isFar each request costs a way over the network, and a place may hold its number against us */
  constructor(reading: CopyReading, key: SealKey, isFar: boolean) {
    this.#reading = reading;
    this.#key = key;
    this.#leastAheadBytes = isFar ? farAheadBytes : 0;
  }

  /** @throws SignetError as openBlob, and what the remote throws */
  load(copy: BlobCopy, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return this.#read(copy, sealed => openBlob(this.#key, sealed, copy), signal);
  }

  /** The blob as it lies in its pack, in memory of the caller's own, once it was opened and proven. @throws as `load` */
  loadSealed(copy: BlobCopy, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const judge = async (sealed: Uint8Array): Promise<Uint8Array> => {
      release(await openBlob(this.#key, sealed, copy));
      return new Uint8Array(sealed);
    };
    return this.#read(copy, judge, signal);
  }

  async #read(
    copy: BlobCopy,
    judge: (sealed: Uint8Array) => Promise<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const window = this.#windowFor(copy, signal);
    window.readers += 1;
    try {
      const bytes = await window.bytes;
      const at = copy.offset - window.start;
      return await judge(bytes.subarray(at, at + copy.sealedBytes));
    } catch (error) {
      this.#drop(window); // reading again asks the remote again
      const isAnothers = window.signal !== signal && window.signal?.aborted === true;
      if (isAnothers) return await this.#read(copy, judge, signal); // whoever began the read does not want it any more
      const { offset, sealedBytes: length } = copy;
      return await readOtherCopies(this.#reading, { ...this.#part(copy.pack, offset, length), judge, signal }, error);
    } finally {
      window.readers -= 1;
      releaseUnused(window);
    }
  }

  #drop(window: Window): void {
    this.#windows = this.#windows.filter(other => other !== window);
    window.isGone = true;
    releaseUnused(window);
  }

  #windowFor(copy: BlobCopy, signal: AbortSignal | undefined): Window {
    const { id } = copy.pack;
    const end = copy.offset + copy.sealedBytes;
    const index = this.#windows.findIndex(
      ({ pack, start, end: to }) => pack === id && start <= copy.offset && end <= to,
    );
    const [found] = index === -1 ? [] : this.#windows.splice(index, 1);
    if (found !== undefined) {
      this.#windows.push(found);
      return found;
    }
    // Where one window ends in the middle of a blob, the next begins with that blob.
    const before = this.#windows.find(
      ({ pack, start, end: to }) => pack === id && copy.offset >= start && copy.offset - to <= nearBytes,
    );
    const aheadBytes =
      before === undefined
        ? this.#leastAheadBytes
        : Math.min(maxWindowBytes, Math.max(256 * 1024, (before.end - before.start) * 2));
    const start = copy.offset;
    const to = Math.max(end, Math.min(copy.pack.contentBytes, start + aheadBytes));
    const maxBytes = to - start;
    const { key, ...part } = this.#part(copy.pack, start, maxBytes);
    const bytes = this.#reading.remote.get(key, { ...part, signal });
    bytes.catch(() => undefined); // whoever awaits the window is told
    const window: Window = { pack: id, start, end: to, bytes, signal, readers: 0, isGone: false };
    if (before !== undefined) this.#drop(before);
    this.#windows.push(window);
    const [oldest] = this.#windows;
    if (this.#windows.length > windows && oldest !== undefined) this.#drop(oldest);
    return window;
  }

  /** Trees are read over and over: their packs are kept whole. */
  #part(pack: IndexedPack, offset: number, length: number) {
    const keep = pack.type === 'tree' && packBytes(pack) <= maxKeptPackBytes;
    return { key: packKey(pack.id), offset, length, maxBytes: length, keep };
  }
}
