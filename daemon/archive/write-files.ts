// Writes the files of a restore into its staging folder, in the order in which their blobs lie in packs, so that each pack is read once and
// forwards however often a file is in it; and proves each file. What is proven when:
// - before it is written, that every blob is what somebody with the key sealed: its seal, frame and length (Repository.loadBlobs);
// - once the file is whole and synced, by reading it back: that what the file system gives is what the tree names. The SHA-256 of each piece
//   that was read back is compared with the id of its blob, which is the SHA-256 of what was sealed. One hash answers both whether the pack
//   held the right blob and whether the disk holds the right bytes; nothing of it is shown before the whole restore is published.
// Only where that fails the two are told apart: the blob is loaded again, alone and proven, from another copy if need be.
// Small calls are made at once, since handing one to a thread costs several times the work; large writes, syncs and large reads are not.

import { closeSync, constants, fchmodSync, fsync, ftruncateSync, futimesSync, openSync, rmSync } from 'node:fs';
import { release } from '../base/bytes.ts';
import { isLoss, SignetError } from '../base/errors.ts';
import { privateFile } from '../base/files.ts';
import type { BlobId, Repository } from '../repository/model.ts';
import { atOnceBytes, writeAtOnce, writeByThread } from './file-io.ts';
import { endOfGroup, type Places, planPlaces } from './places.ts';
import { ReadBack } from './read-back.ts';
import type { PlannedEntry } from './restore.ts';
import { dataRanges } from './sparse.ts';

/** Writes under way; each holds one blob, at most 8 MiB. */
const writesAtOnce = 3;
/** Node has four threads for files: one stays free for packs and decoding. */
const syncsAtOnce = 3;
/** Whole files that wait for their sync: the disk writes several together. */
const finishingAtOnce = 32;
const openFiles = 64;

export interface FileWriting {
  readonly repository: Pick<Repository, 'find' | 'loadBlob' | 'loadBlobs'>;
  /** Where an entry goes; its folder is there if it could be made. */
  readonly absolute: (entry: PlannedEntry) => Buffer;
  /** The file is there, proven, with its times and permissions. */
  readonly onWritten: (entry: PlannedEntry) => void;
  /** Nothing is left of the file. Throws what is no reason to leave one out. */
  readonly onFailed: (entry: PlannedEntry, error: unknown) => void;
  readonly signal: AbortSignal;
}

/** @throws what `onFailed` throws, and what the repository throws beside losses; nothing is under way any more then */
export async function writeFiles(files: readonly PlannedEntry[], writing: FileWriting): Promise<void> {
  await new FileWriter(files, writing).run();
}

interface OpenFile {
  readonly fd: number;
  readonly number: number;
  /** Under way. */
  readonly writes: Set<Promise<void>>;
}

class FileWriter {
  readonly #files: readonly PlannedEntry[];
  readonly #writing: FileWriting;
  /** Blobs that each file still lacks. */
  readonly #missing: Uint32Array;
  readonly #isMade: Uint8Array;
  readonly #isLost: Uint8Array;
  readonly #hasHoles: Uint8Array;
  /** Least recently used first. */
  readonly #open = new Map<number, OpenFile>();
  readonly #finishing = new Set<Promise<void>>();
  readonly #writes = new Set<Promise<void>>();
  #freeSyncs = syncsAtOnce;
  readonly #syncQueue: (() => void)[] = [];
  readonly #readBack: ReadBack;
  #failure: { readonly error: unknown } | undefined;

  constructor(files: readonly PlannedEntry[], writing: FileWriting) {
    this.#files = files;
    this.#writing = writing;
    this.#missing = new Uint32Array(files.length);
    this.#isMade = new Uint8Array(files.length);
    this.#isLost = new Uint8Array(files.length);
    this.#hasHoles = new Uint8Array(files.length);
    const { repository, signal } = writing;
    this.#readBack = new ReadBack({ repository, signal, sync: fd => this.#sync(fd) });
  }

  async run(): Promise<void> {
    try {
      const places = this.#plan();
      for (const [number, entry] of this.#files.entries()) {
        if ((entry.node.content?.length ?? 0) > 0 || this.#isLost[number] !== 0) continue;
        await this.#checkpoint();
        const file = this.#use(number);
        if (file !== undefined) this.#finishLater(file);
      }
      await this.#writeAll(places);
      while (this.#finishing.size > 0) {
        await Promise.race(this.#finishing);
        await this.#checkpoint();
      }
    } finally {
      await Promise.allSettled([...this.#writes, ...this.#finishing]);
      for (const { fd } of this.#open.values()) closeSync(fd);
      this.#open.clear();
    }
  }

  /** A file that is not what it announces is lost before anything of it is written. */
  #plan(): Places {
    const { repository } = this.#writing;
    for (const [number, { node }] of this.#files.entries()) this.#missing[number] = node.content?.length ?? 0;
    const { places, wrongSizes } = planPlaces(this.#files, (type, id) => repository.find(type, id));
    for (const { number, announced, bytes } of wrongSizes) {
      const why = `a file announces ${announced} bytes, its blobs hold ${bytes}`;
      this.#lose(number, new SignetError('E_OBJECT_LIMIT', why));
    }
    return places;
  }

  async #writeAll(places: Places): Promise<void> {
    const { repository, signal } = this.#writing;
    const { order, count } = places;
    /** Ends of the groups of places that were asked for and have not come. */
    const asked: { readonly from: number; readonly to: number }[] = [];
    const files = this.#files;
    const isLost = this.#isLost;
    const ids = function* (): Generator<BlobId, undefined> {
      for (let from = 0; from < count; ) {
        const to = endOfGroup(places, from);
        const isWanted = order.subarray(from, to).some(place => isLost[places.file[place] ?? 0] === 0);
        const first = order[from] ?? 0;
        const id = files[places.file[first] ?? 0]?.node.content?.[places.part[first] ?? 0];
        if (isWanted && id !== undefined) {
          asked.push({ from, to });
          yield id;
        }
        from = to;
      }
      return undefined;
    };
    for await (const loaded of repository.loadBlobs(ids(), { signal })) {
      const [group] = asked.splice(0, 1);
      if (group === undefined) break;
      await this.#checkpoint();
      const writes: Promise<void>[] = [];
      for (const place of order.subarray(group.from, group.to)) {
        const number = places.file[place] ?? 0;
        if (this.#isLost[number] !== 0) continue;
        if ('loss' in loaded) {
          this.#lose(number, loaded.loss);
          continue;
        }
        const file = this.#use(number);
        if (file === undefined) continue;
        const write = this.#write(file, loaded.parts, places.fileOffset[place] ?? 0);
        if (write !== undefined) writes.push(write);
        this.#missing[number] = (this.#missing[number] ?? 0) - 1;
        if (this.#missing[number] === 0) this.#finishLater(file);
      }
      if ('loss' in loaded) continue;
      const free = (): void => release(loaded.memory);
      if (writes.length === 0) free();
      else void Promise.allSettled(writes).then(free);
    }
  }

  /** Holds the work up while too much is under way, and ends it when something failed or nobody wants it any more. */
  async #checkpoint(): Promise<void> {
    while (this.#failure === undefined && this.#writes.size >= writesAtOnce) await Promise.race(this.#writes);
    while (this.#failure === undefined && this.#finishing.size >= finishingAtOnce) await Promise.race(this.#finishing);
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#writing.signal.throwIfAborted();
  }

  /** The file, made at its first use; undefined when it cannot be, which was told. */
  #use(number: number): OpenFile | undefined {
    const known = this.#open.get(number);
    if (known !== undefined) {
      this.#open.delete(number);
      this.#open.set(number, known);
      return known;
    }
    const entry = this.#entry(number);
    const isNew = this.#isMade[number] === 0;
    // Made here or nowhere, and never through a link.
    const flags = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (isNew ? constants.O_CREAT | constants.O_EXCL : 0);
    let fd: number;
    try {
      fd = openSync(this.#writing.absolute(entry), flags, privateFile);
    } catch (error) {
      this.#isLost[number] = 1;
      this.#writing.onFailed(entry, error);
      return undefined;
    }
    this.#isMade[number] = 1;
    const file = { fd, number, writes: new Set<Promise<void>>() };
    this.#open.set(number, file);
    this.#closeIdle();
    return file;
  }

  #closeIdle(): void {
    if (this.#open.size <= openFiles) return;
    for (const [number, { fd, writes }] of this.#open) {
      if (writes.size > 0) continue;
      this.#open.delete(number);
      closeSync(fd);
      return;
    }
  }

  /** A promise where a thread does it. The parts must stay as they are until then. */
  #write(file: OpenFile, parts: readonly Uint8Array[], position: number): Promise<void> | undefined {
    const pieces = this.#piecesOf(file.number, parts, position);
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    if (bytes < atOnceBytes) {
      for (const piece of pieces) writeAtOnce(file.fd, piece.parts, piece.position, piece.length);
      return undefined;
    }
    const write = (async () => {
      for (const piece of pieces) await writeByThread(file.fd, piece.parts, piece.position, piece.length);
    })();
    const settled = write.then(
      () => undefined,
      error => this.#fail(error),
    );
    const done = settled.then(() => {
      file.writes.delete(done);
      this.#writes.delete(done);
    });
    file.writes.add(done);
    this.#writes.add(done);
    return done;
  }

  /** What is to be written where: all of it but runs of zeros, which a file has where nothing was written. */
  #piecesOf(number: number, parts: readonly Uint8Array[], position: number): readonly Piece[] {
    const [only] = parts;
    if (only === undefined) return [];
    if (parts.length > 1) {
      // What was stored as it is does not compress: no runs of zeros in it.
      return [{ parts, position, length: parts.reduce((sum, part) => sum + part.length, 0) }];
    }
    const ranges = dataRanges(only, position);
    const length = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    if (length < only.length) this.#hasHoles[number] = 1;
    return ranges.map(({ from, to }) => ({
      parts: [only.subarray(from, to)],
      position: position + from,
      length: to - from,
    }));
  }

  #finishLater(file: OpenFile): void {
    this.#open.delete(file.number);
    const finishing = this.#finish(file)
      .catch(error => this.#fail(error))
      .then(() => void this.#finishing.delete(finishing));
    this.#finishing.add(finishing);
  }

  async #finish(file: OpenFile): Promise<void> {
    const { fd, number } = file;
    const entry = this.#entry(number);
    const { permissions, mtimeNs, sizeBytes = 0 } = entry.node;
    try {
      await Promise.all(file.writes);
      if (this.#failure !== undefined) return;
      if (this.#hasHoles[number] !== 0) ftruncateSync(fd, sizeBytes); // it may end with a hole
      await this.#sync(fd);
      await this.#readBack.prove(fd, entry.node);
      fchmodSync(fd, permissions & 0o777);
      const seconds = Number(mtimeNs) / 1e9;
      futimesSync(fd, seconds, seconds);
    } catch (error) {
      closeSync(fd);
      if (!isLoss(error)) throw error;
      this.#lose(number, error);
      return;
    }
    closeSync(fd);
    this.#writing.onWritten(entry);
  }

  async #sync(fd: number): Promise<void> {
    while (this.#freeSyncs === 0) await new Promise<void>(resolve => this.#syncQueue.push(resolve));
    this.#freeSyncs--;
    try {
      await new Promise<void>((resolve, reject) => fsync(fd, error => (error === null ? resolve() : reject(error))));
    } finally {
      this.#freeSyncs++;
      this.#syncQueue.shift()?.();
    }
  }

  /** Part of a file is worse than none: it looks whole. */
  #lose(number: number, error: unknown): void {
    this.#isLost[number] = 1;
    const file = this.#open.get(number);
    this.#open.delete(number);
    const entry = this.#entry(number);
    const remove = (): void => {
      if (file !== undefined) closeSync(file.fd);
      if (this.#isMade[number] !== 0) rmSync(this.#writing.absolute(entry), { force: true });
    };
    if (file !== undefined && file.writes.size > 0) {
      const removing = Promise.all(file.writes)
        .then(remove)
        .catch(failure => this.#fail(failure))
        .then(() => void this.#finishing.delete(removing));
      this.#finishing.add(removing);
    } else {
      remove();
    }
    this.#writing.onFailed(entry, error);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  #entry(number: number): PlannedEntry {
    const entry = this.#files[number];
    if (entry === undefined) throw new SignetError('E_INTERNAL', 'a place is in no file of the plan');
    return entry;
  }
}

interface Piece {
  readonly parts: readonly Uint8Array[];
  readonly position: number;
  readonly length: number;
}
