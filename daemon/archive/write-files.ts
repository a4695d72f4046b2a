// Writes the files of a restore into its staging folder, in the order in which their blobs lie in packs, so that each pack is read once and
// forwards however often a file is in it; and proves each file. What is proven when:
// - before it is written, that every blob is what somebody with the key sealed: its seal, frame and length (Repository.loadBlobs);
// - once the file is whole and synced, by reading it back: that what the file system gives is what the tree names. The SHA-256 of each piece
//   that was read back is compared with the id of its blob, which is the SHA-256 of what was sealed. One hash answers both whether the pack
//   held the right blob and whether the disk holds the right bytes; nothing of it is shown before the whole restore is published.
// Only where that fails the two are told apart: the blob is loaded again, alone and proven, from another copy if need be.
// Small calls are made at once, since handing one to a thread costs several times the work; large writes, syncs and large reads are not.

import {
  closeSync,
  constants,
  fchmodSync,
  fsync,
  ftruncateSync,
  futimesSync,
  openSync,
  read,
  readSync,
  rmSync,
  writev,
  writevSync,
} from 'node:fs';
import { asBuffer, release } from '../base/bytes.ts';
import { isLoss, SignetError } from '../base/errors.ts';
import { privateFile } from '../base/files.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { BlobId, PackId, Repository } from '../repository/model.ts';
import type { PlannedEntry } from './restore.ts';
import { dataRanges } from './sparse.ts';

/** More at once is handed to a thread. */
const atOnceBytes = 256 * 1024;
/** Read back at once; a larger blob is read whole. */
const readBackBytes = 1024 * 1024;
/** Writes under way; each holds one blob, at most 8 MiB. */
const writesAtOnce = 3;
/** Node has four threads for files: one stays free for packs and decoding. */
const syncsAtOnce = 3;
/** Whole files that wait for their sync: the disk writes several together. */
const finishingAtOnce = 32;
const openFiles = 64;
const noPack = 0xffffffff;

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

/** Each place in a file where a blob goes: by pack and offset, so that neighbours are loaded together. */
interface Places {
  readonly count: number;
  /** Places in the order of loading. */
  readonly order: Uint32Array;
  readonly pack: Uint32Array;
  readonly packOffset: Uint32Array;
  readonly file: Uint32Array;
  /** Which of its blobs. */
  readonly part: Uint32Array;
  readonly fileOffset: Float64Array;
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
  /** Files that do not fit into the buffer are read back one after the other. */
  #largeReads: Promise<void> = Promise.resolve();
  #readBuffer = Buffer.allocUnsafeSlow(readBackBytes);
  #failure: { readonly error: unknown } | undefined;

  constructor(files: readonly PlannedEntry[], writing: FileWriting) {
    this.#files = files;
    this.#writing = writing;
    this.#missing = new Uint32Array(files.length);
    this.#isMade = new Uint8Array(files.length);
    this.#isLost = new Uint8Array(files.length);
    this.#hasHoles = new Uint8Array(files.length);
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

  /** Where every blob goes. A file that announces another size than its blobs have is lost before anything of it is written. */
  #plan(): Places {
    const { repository } = this.#writing;
    let count = 0;
    for (const { node } of this.#files) count += node.content?.length ?? 0;
    const places = {
      count,
      order: new Uint32Array(count),
      pack: new Uint32Array(count),
      packOffset: new Uint32Array(count),
      file: new Uint32Array(count),
      part: new Uint32Array(count),
      fileOffset: new Float64Array(count),
    };
    const packs = new Map<PackId, number>();
    const inPack: number[] = [];
    let unknown = 0;
    let at = 0;
    for (const [number, entry] of this.#files.entries()) {
      const content = entry.node.content ?? [];
      let bytes = 0;
      let isKnown = true;
      for (const [part, id] of content.entries()) {
        const blob = repository.find('data', id);
        places.file[at] = number;
        places.part[at] = part;
        places.fileOffset[at] = bytes;
        if (blob === undefined) {
          places.pack[at] = noPack;
          isKnown = false;
          unknown++;
        } else {
          let pack = packs.get(blob.pack);
          if (pack === undefined) {
            pack = packs.size;
            packs.set(blob.pack, pack);
            inPack.push(0);
          }
          places.pack[at] = pack;
          places.packOffset[at] = blob.offset;
          inPack[pack] = (inPack[pack] ?? 0) + 1;
          bytes += blob.plainBytes;
        }
        at++;
      }
      this.#missing[number] = content.length;
      const announced = entry.node.sizeBytes ?? 0;
      if (isKnown && bytes !== announced) {
        const why = `a file announces ${announced} bytes, its blobs hold ${bytes}`;
        this.#lose(number, new SignetError('E_OBJECT_LIMIT', why));
      }
    }
    inPack.push(unknown);
    sortPlaces(places, inPack);
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
      await this.#readBack(fd, entry);
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

  /** Compares what the file has with the blobs' ids, which are SHA-256 of their content. */
  async #readBack(fd: number, entry: PlannedEntry): Promise<void> {
    const { content = [], sizeBytes = 0 } = entry.node;
    if (sizeBytes <= atOnceBytes) {
      const bytes = this.#readBuffer.subarray(0, sizeBytes);
      let filled = 0;
      while (filled < sizeBytes) {
        const count = readSync(fd, bytes, filled, sizeBytes - filled, filled);
        if (count === 0) break;
        filled += count;
      }
      const wrong = this.#wrongIn(bytes.subarray(0, filled), content);
      for (const { id, offset } of wrong) await this.#writeAgain(fd, id, offset);
      return;
    }
    const before = this.#largeReads;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#largeReads = promise;
    await before;
    try {
      await this.#readBackLarge(fd, content);
    } finally {
      resolve();
    }
  }

  /** Some blobs at a time; while they are hashed the next are read. */
  async #readBackLarge(fd: number, content: readonly BlobId[]): Promise<void> {
    const groups = this.#groupsOf(content);
    let spare: Buffer<ArrayBufferLike> = Buffer.allocUnsafeSlow(readBackBytes);
    let memory: Buffer<ArrayBufferLike> = Buffer.allocUnsafeSlow(readBackBytes);
    const begin = (): { readonly group: Group; readonly bytes: Promise<Buffer> } | undefined => {
      const next = groups.next();
      if (next.done === true) return undefined;
      const group = next.value;
      const target = spare.length < group.length ? Buffer.allocUnsafeSlow(group.length) : spare;
      [spare, memory] = [memory, target];
      const bytes = readByThread(fd, target.subarray(0, group.length), group.offset);
      bytes.catch(() => undefined); // awaited in the next turn
      return { group, bytes };
    };
    for (let reading = begin(); reading !== undefined; ) {
      const bytes = await reading.bytes;
      this.#writing.signal.throwIfAborted();
      const { group } = reading;
      const following = begin();
      for (const { id, offset } of this.#wrongIn(bytes, group.ids)) {
        await this.#writeAgain(fd, id, group.offset + offset);
      }
      reading = following;
    }
    release(spare);
    release(memory);
  }

  *#groupsOf(content: readonly BlobId[]): Generator<Group, undefined> {
    let group = { offset: 0, length: 0, ids: [] as BlobId[] };
    for (const id of content) {
      const { plainBytes = 0 } = this.#writing.repository.find('data', id) ?? {};
      if (group.length > 0 && group.length + plainBytes > readBackBytes) {
        yield group;
        group = { offset: group.offset + group.length, length: 0, ids: [] };
      }
      group.length += plainBytes;
      group.ids.push(id);
    }
    yield group;
    return undefined;
  }

  #wrongIn(bytes: Uint8Array, ids: readonly BlobId[]): readonly { readonly id: BlobId; readonly offset: number }[] {
    const wrong: { id: BlobId; offset: number }[] = [];
    let offset = 0;
    for (const id of ids) {
      const { plainBytes = 0 } = this.#writing.repository.find('data', id) ?? {};
      if (sha256Hex(bytes.subarray(offset, offset + plainBytes)) !== id) wrong.push({ id, offset });
      offset += plainBytes;
    }
    return wrong;
  }

  /** @throws the loss when no copy of the blob is what its id says, E_INTERNAL when the disk does not keep it */
  async #writeAgain(fd: number, id: BlobId, position: number): Promise<void> {
    const bytes = await this.#writing.repository.loadBlob('data', id, { signal: this.#writing.signal });
    await writeByThread(fd, [bytes], position, bytes.length);
    await this.#sync(fd);
    const found = await readByThread(fd, Buffer.allocUnsafeSlow(bytes.length), position);
    if (sha256Hex(found) === id) return;
    throw new SignetError('E_INTERNAL', 'a restored file reads back from the disk differently from what was written');
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
    if (entry === undefined) throw new Error('a place is in a file of the plan');
    return entry;
  }
}

interface Piece {
  readonly parts: readonly Uint8Array[];
  readonly position: number;
  readonly length: number;
}

/** Blobs that follow one another in a file. */
interface Group {
  readonly offset: number;
  readonly length: number;
  readonly ids: readonly BlobId[];
}

/** Fills `order`: pack by pack as they are first met, by offset in each, and last what no index knows. */
function sortPlaces({ count, order, pack, packOffset }: Places, inPack: readonly number[]): void {
  const begin: number[] = [];
  let sum = 0;
  for (const places of inPack) {
    begin.push(sum);
    sum += places;
  }
  const last = inPack.length - 1;
  const numberOf = (place: number): number => (pack[place] === noPack ? last : (pack[place] ?? last));
  const filled = [...begin];
  for (let place = 0; place < count; place++) {
    const number = numberOf(place);
    order[filled[number] ?? 0] = place;
    filled[number] = (filled[number] ?? 0) + 1;
  }
  for (const [number, from] of begin.entries()) {
    if (number === last) break;
    order.subarray(from, filled[number]).sort((a, b) => (packOffset[a] ?? 0) - (packOffset[b] ?? 0));
  }
}

/** Places of one blob stand together; one that no index knows stands alone. */
function endOfGroup({ count, order, pack, packOffset }: Places, from: number): number {
  const first = order[from] ?? 0;
  let to = from + 1;
  if (pack[first] === noPack) return to;
  for (; to < count; to++) {
    const next = order[to] ?? 0;
    if (pack[next] !== pack[first] || packOffset[next] !== packOffset[first]) break;
  }
  return to;
}

function writeAtOnce(fd: number, parts: readonly Uint8Array[], position: number, length: number): void {
  const written = writevSync(fd, [...parts], position);
  if (written < length) writeAtOnce(fd, after(parts, written), position + written, length - written);
}

async function writeByThread(
  fd: number,
  parts: readonly Uint8Array[],
  position: number,
  length: number,
): Promise<void> {
  const written = await new Promise<number>((resolve, reject) =>
    writev(fd, [...parts], position, (error, count) => (error === null ? resolve(count) : reject(error))),
  );
  if (written < length) await writeByThread(fd, after(parts, written), position + written, length - written);
}

/** What is left of the parts once so many bytes were taken: the disk was slow, or is nearly full and says so next time. */
function after(parts: readonly Uint8Array[], taken: number): readonly Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = taken;
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return left;
}

/** Fewer bytes where the file ends. */
async function readByThread(fd: number, target: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < target.length) {
    const count = await new Promise<number>((resolve, reject) =>
      read(fd, target, filled, target.length - filled, position + filled, (error, bytes) =>
        error === null ? resolve(bytes) : reject(error),
      ),
    );
    if (count === 0) break;
    filled += count;
  }
  return asBuffer(target.subarray(0, filled));
}
