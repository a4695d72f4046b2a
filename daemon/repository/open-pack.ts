// A pack that is being filled: sealed blobs go to a file in the outbox in pieces of about 1 MiB, so that a pack costs little memory.
// Not to be finished while an `add` is running.

import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { concat, release } from '../base/bytes.ts';
import { privateFile, readFully, syncFolder } from '../base/files.ts';
import { padme } from '../kernel/padme.ts';
import { ivBytes, type SealKey, seal, sealOverhead, sealParts } from '../kernel/seal.ts';
import { extendFrame } from '../kernel/zstd.ts';
import { asPackId, blobIdFrom } from './ids.ts';
import type { BlobType, PackId } from './model.ts';
import { encodeHeader, entryBytes, type PlacedBlob, packSize, sealedHeaderWithTrailer } from './pack-format.ts';

const flushBytes = 1024 * 1024;
/** Frame header with a 4-byte size, one block header, one byte. */
const minPaddingFrame = 9 + 3 + 1;
export const minPadding = sealOverhead + entryBytes + minPaddingFrame;
/** A pack is padded unless that would cost more than this share of it; only packs below about 5 KiB are ever left out. */
const maxPaddingShare = 0.08;

/** Open packs and other unfinished files of the outbox begin so; a crash leaves them behind and they are swept. */
export const openPackPrefix = '.open-';

export interface SealedPack {
  readonly id: PackId;
  readonly sizeBytes: number;
  readonly path: string;
  readonly sealedHeader: Uint8Array;
  readonly blobs: readonly PlacedBlob[];
}

export class OpenPack {
  readonly type: BlobType;
  readonly blobs: PlacedBlob[] = [];
  contentBytes = 0;
  readonly #folder: string;
  readonly #path: string;
  #hash = createHash('sha256');
  #file: FileHandle | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> = Promise.resolve();

  /** @param name random, unique in the outbox */
  constructor(type: BlobType, outboxFolder: string, name: string) {
    this.type = type;
    this.#folder = outboxFolder;
    this.#path = join(outboxFolder, `${openPackPrefix}${name}`);
  }

  /** Its name in the outbox while it is open. */
  get fileName(): string {
    return basename(this.#path);
  }

  /** Takes over the sealed blob, whose memory is given back once it is written. Resolves once little enough waits to be written. */
  async add(blob: Omit<PlacedBlob, 'offset'>, sealed: readonly Uint8Array[]): Promise<void> {
    this.blobs.push({ ...blob, offset: this.contentBytes });
    this.contentBytes += blob.sealedBytes;
    await this.#write(...sealed);
  }

  #write(...parts: readonly Uint8Array[]): Promise<void> | undefined {
    for (const part of parts) {
      this.#waiting.push(part);
      this.#waitingBytes += part.length;
    }
    return this.#waitingBytes >= flushBytes ? this.#flush() : undefined;
  }

  #flush(): Promise<void> {
    const parts = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writing = this.#writing.then(async () => {
      if (parts.length === 0) return;
      for (const part of parts) this.#hash.update(part);
      this.#file ??= await open(this.#path, 'wx+', privateFile);
      await append(this.#file, parts);
      for (const part of parts) release(part);
    });
    return this.#writing;
  }

  /** Appends another open pack's blobs to this one and discards the other: small leftovers make one pack. */
  async absorb(other: OpenPack): Promise<void> {
    await other.#flush();
    for (const blob of other.blobs) this.blobs.push({ ...blob, offset: this.contentBytes + blob.offset });
    for (let at = 0; at < other.contentBytes && other.#file !== undefined; at += flushBytes) {
      const piece = Buffer.allocUnsafe(Math.min(flushBytes, other.contentBytes - at));
      await readFully(other.#file, piece, at);
      await this.#write(piece);
    }
    this.contentBytes += other.contentBytes;
    await other.discard();
  }

  /** Pads, writes the header, syncs, and gives the file its name. Durable on return. */
  async finish(key: SealKey, randomBytes: (length: number) => Uint8Array): Promise<SealedPack> {
    await this.#pad(key, randomBytes);
    const sealedHeader = seal(key, randomBytes(ivBytes), encodeHeader(this.blobs));
    const end = sealedHeaderWithTrailer(sealedHeader);
    const sizeBytes = this.contentBytes + end.length;
    void this.#write(end);
    await this.#flush();
    const file = this.#file;
    if (file === undefined) throw new Error('a pack with a header has a file');
    await file.sync();
    await file.close();
    this.#file = undefined;
    const id = asPackId(this.#hash.digest('hex'));
    const path = join(this.#folder, id);
    await rename(this.#path, path);
    await syncFolder(this.#folder);
    return { id, sizeBytes, path, sealedHeader, blobs: this.blobs };
  }

  /** One random blob that no tree names brings the file to a Padmé length (docs/format.md "Padding"). */
  async #pad(key: SealKey, randomBytes: (length: number) => Uint8Array): Promise<void> {
    const bare = packSize(this.contentBytes, this.blobs.length, 0);
    const target = padme(bare + minPadding);
    if (target - bare > bare * maxPaddingShare) return;
    const hash = createHash('sha256');
    const { frame, plainBytes } = extendFrame(undefined, target - bare - sealOverhead - entryBytes, space => {
      space.set(randomBytes(space.length));
      hash.update(space);
    });
    const id = blobIdFrom(hash.digest());
    const sealed = sealParts(key, randomBytes(ivBytes), [frame]);
    const sealedBytes = frame.length + sealOverhead;
    await this.add({ id, type: this.type, sealedBytes, plainBytes, isCompressed: true }, sealed);
  }

  /** Closes and removes the file. The blobs are lost. */
  async discard(): Promise<void> {
    await this.#writing.catch(() => undefined); // whoever flushed was told
    await this.#file?.close();
    this.#file = undefined;
    await rm(this.#path, { force: true });
  }
}

/** Writes all parts at the end of the file in one call; what a full disk left over fails in the second. */
async function append(file: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const { bytesWritten } = await file.writev(parts);
  if (bytesWritten < bytes) await file.appendFile(concat(...parts).subarray(bytesWritten));
}
