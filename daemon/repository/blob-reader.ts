// Reads blobs out of packs. Neighbouring blobs are mostly wanted one after the other, so a pack that is read forwards gets a window
// that grows to 4 MiB; a blob wanted alone costs no more than itself. Every blob is checked in this order: seal, frame, length, hash.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { open, type SealKey } from '../kernel/seal.ts';
import { openFrame } from '../kernel/zstd.ts';
import type { Remote } from '../remotes/remote.ts';
import type { BlobCopy } from './blob-index.ts';
import { packKey } from './ids.ts';
import type { PackId } from './model.ts';
import type { PlacedBlob } from './pack-format.ts';

const maxWindowBytes = 4 * 1024 * 1024;
const windows = 4;
/** A reader may skip this much forwards and still count as reading on. */
const nearBytes = 512 * 1024;

/** A part of a pack that was read, or is being read. */
interface Window {
  readonly pack: PackId;
  readonly start: number;
  readonly end: number;
  readonly bytes: Promise<Uint8Array>;
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
  if (plaintext.length !== blob.plainBytes) {
    throw new SignetError('E_OBJECT_LIMIT', `${what}: ${plaintext.length} bytes, the index says ${blob.plainBytes}`);
  }
  if (sha256Hex(plaintext) !== blob.id)
    throw new SignetError('E_OBJECT_ID', `${what}: its content does not hash to its id`);
  return plaintext;
}

/** Takes a place in memory of at most four windows of 4 MiB (one more, larger, while a larger blob is read). */
export class BlobReader {
  readonly #remote: Pick<Remote, 'get'>;
  readonly #key: SealKey;
  /** Least recently used first. */
  #windows: Window[] = [];

  constructor(remote: Pick<Remote, 'get'>, key: SealKey) {
    this.#remote = remote;
    this.#key = key;
  }

  /** @throws SignetError as openBlob, and what the remote throws */
  async load(copy: BlobCopy, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const window = this.#windowFor(copy, signal);
    try {
      const bytes = await window.bytes;
      const at = copy.offset - window.start;
      return await openBlob(this.#key, bytes.subarray(at, at + copy.sealedBytes), copy);
    } catch (error) {
      this.#windows = this.#windows.filter(other => other !== window); // reading again asks the remote again
      throw error;
    }
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
    const before = this.#windows.find(
      ({ pack, end: to }) => pack === id && copy.offset >= to && copy.offset - to <= nearBytes,
    );
    const aheadBytes =
      before === undefined ? 0 : Math.min(maxWindowBytes, Math.max(256 * 1024, (before.end - before.start) * 2));
    const start = copy.offset;
    const to = Math.max(end, Math.min(copy.pack.contentBytes, start + aheadBytes));
    const maxBytes = to - start;
    const bytes = this.#remote.get(packKey(id), { offset: start, length: maxBytes, maxBytes, signal });
    bytes.catch(() => undefined); // whoever awaits the window is told
    const window = { pack: id, start, end: to, bytes };
    this.#windows = this.#windows.filter(other => other !== before);
    this.#windows.push(window);
    if (this.#windows.length > windows) this.#windows.shift();
    return window;
  }
}
