// The way of a blob from "sealed" to "named by an index": open packs → sealed pack in the outbox folder, journalled → uploaded →
// index. Packs upload in the background, two at a time; the journal row stays until an index names the pack. What is in the folder
// is bounded (256 MiB): beyond that, `add` waits for uploads.
// The first failure in the background is kept and thrown to whoever comes next; `recover` starts over from the journal.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import { open, type SealKey, sealOverhead } from '../kernel/seal.ts';
import type { Remote } from '../remotes/remote.ts';
import { trustedMs } from './confirm-used.ts';
import { asPackId, isId, packKey } from './ids.ts';
import { limits } from './limits.ts';
import type { BlobType, PackId, PackJournal } from './model.ts';
import { OpenPack, openPackPrefix, type SealedPack } from './open-pack.ts';
import { decodeHeader, type PlacedBlob, trailerBytes } from './pack-format.ts';

const parallelUploads = 2;
const indexIntervalMs = 10 * 60 * 1000;
/** Data blobs go to one of two open packs at random, so that a pack's size tells less about neighbouring chunks (restic PR 5295). */
const openDataPacks = 2;

/** A pack whose blobs are known here but not yet named by an index. */
export interface UploadedPack {
  readonly id: PackId;
  readonly blobs: readonly PlacedBlob[];
}

export interface OutboxOptions {
  readonly key: SealKey;
  readonly remote: Pick<Remote, 'put' | 'stat'>;
  readonly folder: string;
  readonly journal: PackJournal;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly packTargetBytes: number;
  /** `add` waits while more than this lies in the folder. */
  readonly limitBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** A pack was sealed and journalled: its blobs may be found from now on. */
  readonly onSealed: (id: PackId, blobs: readonly PlacedBlob[], from: 'session' | 'journal') => void;
  /** An open pack could not be written or sealed: its blobs are gone. */
  readonly onLost: (blobs: readonly PlacedBlob[]) => void;
  /** A journalled pack turned out to be nowhere. */
  readonly onForgotten: (id: PackId) => void;
  /** Writes index files naming the packs; durable on return. */
  readonly writeIndex: (packs: readonly UploadedPack[]) => Promise<void>;
}

interface WrittenPack extends UploadedPack {
  /** Milliseconds since 1970. */
  readonly uploadedAt: number;
}

interface WaitingPack {
  readonly id: PackId;
  readonly sizeBytes: number;
  readonly blobs: readonly PlacedBlob[];
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #dataPacks: (OpenPack | undefined)[] = [];
  #treePack: OpenPack | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Bytes in the folder that are full or sealed, and not uploaded. */
  #sealedBytes = 0;
  #uploadQueue: WaitingPack[] = [];
  #uploading = 0;
  #uploaded: WrittenPack[] = [];
  #lastIndexAt: number;
  #indexing: Promise<void> = Promise.resolve();
  readonly #tasks = new Set<Promise<void>>();
  #changed = Promise.withResolvers<void>();
  /** Of what is being uploaded; another after it was broken off. */
  #uploads = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#lastIndexAt = options.clock.monotonic();
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Puts a sealed blob into an open pack; a full pack is sealed and uploaded in the background. */
  async add(blob: Omit<PlacedBlob, 'offset'>, sealed: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    this.throwIfFailed();
    await this.#breakable(signal, async () => {
      while (this.#sealedBytes + this.#openBytes() > this.#options.limitBytes && this.#tasks.size > 0) {
        await this.#changed.promise;
        this.throwIfFailed();
      }
    });
    const pack = this.#choose(blob.type);
    const written = pack.add(blob, sealed);
    const isFull = pack.contentBytes >= this.#options.packTargetBytes || pack.blobs.length >= limits.packBlobs;
    if (isFull) {
      this.#detach(pack);
      const { contentBytes } = pack;
      this.#sealedBytes += contentBytes;
      const release = (): void => {
        this.#sealedBytes -= contentBytes;
      };
      this.#background(this.#seal(pack).finally(release));
    }
    try {
      await written;
    } catch (error) {
      this.#failure ??= { error };
      this.#detach(pack);
      if (!isFull) await this.#lose(pack);
      throw error;
    }
  }

  async #lose(pack: OpenPack): Promise<void> {
    this.#options.onLost(pack.blobs);
    await pack.discard().catch(() => undefined); // the error before this one is the one to tell
  }

  #openBytes(): number {
    return [...this.#dataPacks, this.#treePack].reduce((sum, pack) => sum + (pack?.contentBytes ?? 0), 0);
  }

  #choose(type: BlobType): OpenPack {
    const create = (): OpenPack => new OpenPack(type, this.#options.folder, toHex(this.#options.randomBytes(8)));
    if (type === 'tree') {
      this.#treePack ??= create();
      return this.#treePack;
    }
    const [byte = 0] = this.#options.randomBytes(1);
    const which = byte % openDataPacks;
    const pack = this.#dataPacks[which] ?? create();
    this.#dataPacks[which] = pack;
    return pack;
  }

  #detach(pack: OpenPack): void {
    if (this.#treePack === pack) this.#treePack = undefined;
    const which = this.#dataPacks.indexOf(pack);
    if (which !== -1) this.#dataPacks[which] = undefined;
  }

  /** Runs a task whose failure stops the session. */
  #background(task: Promise<void>): void {
    const guarded = task
      .catch(error => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#tasks.delete(guarded);
        this.#wake();
      });
    this.#tasks.add(guarded);
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #seal(pack: OpenPack): Promise<void> {
    let sealed: SealedPack;
    try {
      sealed = await pack.finish(this.#options.key, this.#options.randomBytes);
      const { id, sizeBytes, sealedHeader } = sealed;
      this.#options.journal.add({
        id,
        sizeBytes,
        header: sealedHeader,
        uploaded: false,
        since: this.#options.clock.now(),
      });
    } catch (error) {
      await this.#lose(pack);
      throw error;
    }
    const { id, sizeBytes, blobs } = sealed;
    this.#options.onSealed(id, blobs, 'session');
    this.#enqueue({ id, sizeBytes, blobs });
  }

  #enqueue(pack: WaitingPack): void {
    this.#sealedBytes += pack.sizeBytes;
    this.#uploadQueue.push(pack);
    this.#startUploads();
  }

  #startUploads(): void {
    while (this.#uploading < parallelUploads && this.#failure === undefined) {
      const pack = this.#uploadQueue.shift();
      if (pack === undefined) return;
      this.#uploading++;
      this.#background(
        this.#upload(pack).finally(() => {
          this.#uploading--;
          this.#startUploads();
        }),
      );
    }
  }

  async #upload(pack: WaitingPack): Promise<void> {
    const { remote, journal, folder } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#uploads.signal].filter(each => each !== undefined));
    const path = join(folder, pack.id);
    try {
      const keep = pack.blobs[0]?.type === 'tree'; // trees are read again by the next backup
      await remote.put(packKey(pack.id), { path, sizeBytes: pack.sizeBytes }, { keep, signal });
    } catch (error) {
      this.#sealedBytes -= pack.sizeBytes; // it stays in the folder and the journal, and `recover` counts it again
      this.#failure ??= { error }; // before the next upload would start
      throw error;
    }
    const uploadedAt = this.#options.clock.now();
    journal.markUploaded(pack.id, uploadedAt);
    await rm(path, { force: true });
    this.#sealedBytes -= pack.sizeBytes;
    this.#uploaded.push({ id: pack.id, blobs: pack.blobs, uploadedAt });
    await this.#indexIfDue();
  }

  async #indexIfDue(): Promise<void> {
    const blobs = this.#uploaded.reduce((sum, pack) => sum + pack.blobs.length, 0);
    const isDue = this.#options.clock.monotonic() - this.#lastIndexAt >= indexIntervalMs;
    if (blobs >= limits.indexBlobs || (isDue && blobs > 0)) await this.#index();
  }

  /** One index at a time, each naming all packs uploaded by then. */
  #index(): Promise<void> {
    const run = this.#indexing.then(async () => {
      const packs = this.#uploaded;
      if (packs.length === 0) return;
      if (!packs.every(pack => this.#isFresh(pack.uploadedAt))) {
        throw new SignetError('E_MISSING', 'packs were uploaded too long ago to be counted on', { retryable: true });
      }
      this.#uploaded = [];
      try {
        await this.#options.writeIndex(packs);
      } catch (error) {
        this.#uploaded = [...packs, ...this.#uploaded];
        throw error;
      }
      this.#options.journal.remove(packs.map(pack => pack.id));
      this.#lastIndexAt = this.#options.clock.monotonic();
    });
    this.#indexing = run.catch(() => undefined); // the caller of this run is told
    return run;
  }

  /** No index names it, so that another device may be about to delete it: only what is far from the 48 hours is counted on (DESIGN D11). */
  #isFresh(uploadedAt: number | undefined): boolean {
    const age = this.#options.clock.now() - (uploadedAt ?? Number.NEGATIVE_INFINITY);
    return Math.abs(age) < trustedMs;
  }

  /** Seals what is open. Two small leftovers of data become one pack. */
  async #sealOpen(): Promise<void> {
    const data = this.#dataPacks.filter(pack => pack !== undefined).sort((a, b) => b.contentBytes - a.contentBytes);
    const tree = this.#treePack;
    this.#dataPacks.length = 0;
    this.#treePack = undefined;
    const [larger, smaller] = data;
    let failure: { readonly error: unknown } | undefined;
    if (larger !== undefined && smaller !== undefined) {
      const isSmall = larger.contentBytes + smaller.contentBytes <= this.#options.packTargetBytes;
      if (isSmall && larger.blobs.length + smaller.blobs.length <= limits.packBlobs) {
        data.pop();
        await larger.absorb(smaller).catch(async error => {
          failure = { error };
          await this.#lose(smaller);
        });
      }
    }
    for (const pack of [...data, tree]) {
      if (pack === undefined) continue;
      await this.#seal(pack).catch(error => {
        failure ??= { error };
      });
    }
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Seals, uploads and indexes everything; on return the outbox is empty.
   *
   * @param signal breaks off what is being uploaded: it stays in the folder and the journal, and `recover` goes on with it
   */
  async commit(signal?: AbortSignal): Promise<void> {
    this.throwIfFailed();
    await this.#breakable(signal, async () => {
      try {
        await this.#sealOpen();
      } catch (error) {
        this.#failure ??= { error };
      }
      await this.#drain();
      await this.#index();
    });
  }

  /** On a slow line nobody who cancels waits for the rest of a pack. */
  async #breakable(signal: AbortSignal | undefined, work: () => Promise<void>): Promise<void> {
    signal?.throwIfAborted();
    const breakOff = (): void => {
      this.#failure ??= { error: signal?.reason };
      this.#uploads.abort(signal?.reason);
    };
    signal?.addEventListener('abort', breakOff, { once: true });
    try {
      await work();
    } finally {
      signal?.removeEventListener('abort', breakOff);
    }
  }

  /** Waits until every sealed pack is on the remote. */
  settle(): Promise<void> {
    return this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    this.throwIfFailed();
  }

  /**
   * Finishes what earlier runs (or a failed one of this session) left: journalled packs are uploaded or, when their file is not whole
   * and the remote lacks them, or they have lain there unnamed for a day, forgotten; files without a journal row are taken up if whole, else removed. Then an index is written.
   *
   * @param isIndexed whether an index names the pack already
   */
  recover(isIndexed: (id: PackId) => boolean, signal?: AbortSignal): Promise<void> {
    return this.#breakable(signal, () => this.#finish(isIndexed));
  }

  async #finish(isIndexed: (id: PackId) => boolean): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    this.#failure = undefined;
    if (this.#uploads.signal.aborted) this.#uploads = new AbortController();
    this.#uploadQueue = [];
    this.#sealedBytes = 0;
    const { journal, folder, remote, signal } = this.#options;
    await this.#adoptFiles();
    this.#uploaded = this.#uploaded.filter(pack => this.#isFresh(pack.uploadedAt));
    const known = new Set(this.#uploaded.map(pack => pack.id));
    for (const { id, sizeBytes, header, uploaded, since } of journal.rows()) {
      signal?.throwIfAborted();
      if (known.has(id)) continue;
      const path = join(folder, id);
      const blobs = this.#blobsFrom(header, sizeBytes, id);
      if (blobs === undefined || isIndexed(id)) {
        journal.remove([id]);
        await rm(path, { force: true });
        continue;
      }
      const isThere = (await remote.stat(packKey(id), { signal }))?.sizeBytes === sizeBytes;
      if (isThere && this.#isFresh(since)) {
        if (!uploaded) journal.markUploaded(id, since ?? 0);
        await rm(path, { force: true });
        this.#options.onSealed(id, blobs, 'journal');
        this.#uploaded.push({ id, blobs, uploadedAt: since ?? 0 });
      } else if (!isThere && (await isWhole(path, id, sizeBytes))) {
        this.#options.onSealed(id, blobs, 'journal');
        this.#enqueue({ id, sizeBytes, blobs });
      } else {
        journal.remove([id]);
        this.#options.onForgotten(id);
        await rm(path, { force: true });
      }
    }
    await this.#drain();
    await this.#index();
  }

  /** Journals whole packs whose row was lost between the rename and the journal; removes other leftovers. */
  async #adoptFiles(): Promise<void> {
    const { journal, folder } = this.#options;
    const rows = new Set<string>(journal.rows().map(row => row.id));
    const own = new Set([...this.#dataPacks, this.#treePack].map(pack => pack?.fileName));
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      if (rows.has(name) || own.has(name)) continue;
      const isPack = isId(name);
      if (isPack) {
        const { size } = await stat(path);
        const header = (await isWhole(path, name, size)) ? await readSealedHeader(path, size) : undefined;
        if (header !== undefined && this.#blobsFrom(header, size, asPackId(name)) !== undefined) {
          journal.add({ id: asPackId(name), sizeBytes: size, header, uploaded: false });
          continue;
        }
      }
      if (name.startsWith(openPackPrefix) || isPack) await rm(path, { force: true });
    }
  }

  /** The blobs of a pack of this repository, or undefined when the header is not one that this key sealed. */
  #blobsFrom(sealedHeader: Uint8Array, sizeBytes: number, id: PackId): readonly PlacedBlob[] | undefined {
    try {
      const header = open(this.#options.key, sealedHeader, `pack ${id}`);
      return decodeHeader(header, sizeBytes - sealedHeader.length - trailerBytes, `pack ${id}`);
    } catch (error) {
      if (error instanceof SignetError) return undefined; // another repository's, or damaged
      throw error;
    }
  }

  /** Seals open packs into the folder and the journal, so that the next run need not seal them again; uploads nothing more. */
  async close(): Promise<void> {
    this.#uploadQueue = [];
    const failure = this.#failure;
    this.#failure = { error: new SignetError('E_INTERNAL', 'the repository is closed') };
    if (failure === undefined) {
      await this.#sealOpen();
    } else {
      for (const pack of [...this.#dataPacks, this.#treePack]) if (pack !== undefined) await this.#lose(pack);
    }
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    await this.#indexing;
  }
}

/** Whether the file is there and holds exactly the pack of that name. */
async function isWhole(path: string, id: string, sizeBytes: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size !== sizeBytes) return false;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Buffer);
  return hash.digest('hex') === id;
}

async function readSealedHeader(path: string, sizeBytes: number): Promise<Uint8Array | undefined> {
  const read = async (start: number, end: number): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for await (const part of createReadStream(path, { start, end: end - 1 })) parts.push(part as Buffer);
    return Buffer.concat(parts);
  };
  if (sizeBytes < sealOverhead + trailerBytes) return undefined;
  const length = (await read(sizeBytes - trailerBytes, sizeBytes)).readUInt32LE(0);
  if (length < sealOverhead || length > limits.packHeaderBytes || length > sizeBytes - trailerBytes) return undefined;
  return new Uint8Array(await read(sizeBytes - trailerBytes - length, sizeBytes - trailerBytes));
}
