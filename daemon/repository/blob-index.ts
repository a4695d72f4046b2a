// Every blob of the repository in memory: 48 bytes each and a hash slot, in typed arrays, since a backup may have millions.
// The same blob may lie in several packs; copies follow each other along the probe sequence. Packs know the index files that name
// them; a pack that none names is pending (sealed by us, its index not yet written), found (needed, so an index will name it again), or not
// counted on.

import { asBuffer } from '../base/bytes.ts';
import { blobIdFrom, idBytes } from './ids.ts';
import type { BlobId, BlobType, IndexId, PackId } from './model.ts';
import { type PlacedBlob, packSize } from './pack-format.ts';

/** A pack as its index files describe it. */
export interface IndexedPack {
  readonly id: PackId;
  readonly indexes: Set<IndexId>;
  /** Uploaded or on its way, waiting for an index of ours. */
  isPending: boolean;
  /** No index names it, and a snapshot needs it. */
  isFound: boolean;
  /** An index names it, and the place does not show it with its size. */
  isMissing: boolean;
  /** When it was last known that an index names it. */
  namedAt: Instant | undefined;
  /** End of the last blob. */
  contentBytes: number;
  compressed: number;
  uncompressed: number;
  type: BlobType | 'mixed';
}

/** By both clocks: one that is set back or stands still while the computer sleeps makes no time shorter than it was. */
export interface Instant {
  readonly now: number;
  readonly monotonic: number;
}

export function msSince(then: Instant, now: Instant): number {
  return Math.max(now.now - then.now, now.monotonic - then.monotonic);
}

/** What a walk over all marks says of a pack. */
export interface PackTally {
  usedBytes: number;
  unusedBytes: number;
  /** The blob with the highest offset. */
  last: (PlacedBlob & { readonly isUsed: boolean }) | undefined;
}

/** Where one copy of a blob lies. */
export interface BlobCopy extends PlacedBlob {
  readonly pack: IndexedPack;
}

const segmentEntries = 8192;
const entryWords = 12;
/** After the eight words of the id: pack number, offset, sealed length, plain length with flags. */
const packWord = 8;
const offsetWord = 9;
const sealedWord = 10;
const plainWord = 11;
const treeFlag = 0x80000000;
const compressedFlag = 0x40000000;
const usedFlag = 0x20000000;
const plainMask = 0x1fffffff;

interface Segment {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
}

export function packBytes(pack: IndexedPack): number {
  return packSize(pack.contentBytes, pack.compressed, pack.uncompressed);
}

export class BlobIndex {
  #segments: Segment[] = [];
  #slots = new Uint32Array(1024);
  #count = 0;
  #packNumbers = new Map<PackId, number>();
  #packs: (IndexedPack | undefined)[] = [];

  get packs(): Iterable<IndexedPack> {
    return this.#packs.filter(pack => pack !== undefined);
  }

  pack(id: PackId): IndexedPack | undefined {
    const number = this.#packNumbers.get(id);
    return number === undefined ? undefined : this.#packs[number];
  }

  /** Adds the pack's blobs that are not known in it yet. Bounds were checked by the caller (placeProblem). */
  add(
    id: PackId,
    blobs: readonly PlacedBlob[],
    from: IndexId | 'pending' | 'header',
    options: { markUsed?: boolean } = {},
  ): IndexedPack {
    let number = this.#packNumbers.get(id);
    if (number === undefined) {
      number = this.#packs.length;
      this.#packNumbers.set(id, number);
      const type = blobs[0]?.type ?? 'data';
      this.#packs.push({
        id,
        indexes: new Set(),
        isPending: false,
        isFound: false,
        isMissing: false,
        namedAt: undefined,
        contentBytes: 0,
        compressed: 0,
        uncompressed: 0,
        type,
      });
    }
    const pack = this.#packs[number];
    if (pack === undefined) throw new Error('a numbered pack is in the list');
    if (from === 'pending') pack.isPending = true;
    else if (from !== 'header') pack.indexes.add(from);
    const isKnown = pack.compressed + pack.uncompressed > 0;
    for (const blob of blobs) {
      if (isKnown && this.#hasAt(number, blob)) continue;
      this.#append(number, blob, options.markUsed === true);
      pack.contentBytes = Math.max(pack.contentBytes, blob.offset + blob.sealedBytes);
      if (blob.isCompressed) pack.compressed++;
      else pack.uncompressed++;
      if (blob.type !== pack.type) pack.type = 'mixed';
    }
    return pack;
  }

  /** All copies, the one added first first. */
  copies(type: BlobType, id: BlobId): readonly BlobCopy[] {
    const found: BlobCopy[] = [];
    for (const entry of this.#offered(type, id)) {
      const copy = this.#read(entry);
      if (copy !== undefined) found.push(copy);
    }
    return found;
  }

  has(type: BlobType, id: BlobId): boolean {
    return !this.#offered(type, id).next().done;
  }

  /** Notes that this session's snapshot will need the blob; answers whether it is known. */
  markUsed(type: BlobType, id: BlobId): boolean {
    const first = this.#offered(type, id).next();
    if (first.done) return false;
    this.#mark(first.value, true);
    return true;
  }

  /** Marks every copy that counts. 'marked' when they were before. */
  markAll(type: BlobType, id: BlobId): 'new' | 'marked' | 'absent' {
    let answer: 'new' | 'marked' | 'absent' = 'absent';
    for (const entry of this.#offered(type, id)) {
      if (this.#isMarked(entry)) {
        if (answer === 'absent') answer = 'marked';
        continue;
      }
      this.#mark(entry, true);
      answer = 'new';
    }
    return answer;
  }

  /** Lets a pack that no index names count from now on, if one of them holds the blob. */
  adopt(type: BlobType, id: BlobId): boolean {
    for (const entry of this.#matches(type, id)) {
      const pack = this.#packOf(entry);
      if (pack === undefined || pack.isMissing) continue;
      if (pack.indexes.size === 0 && !pack.isPending) pack.isFound = true;
      return true;
    }
    return false;
  }

  /** Of several marked copies of a blob one stays marked: the one in the pack that is first by this order. */
  settleCopies(compare: (a: IndexedPack, b: IndexedPack) => number): void {
    for (let entry = 0; entry < this.#count; entry++) {
      if (!this.#isMarked(entry)) continue;
      const own = this.#packOf(entry);
      const { bytes, words, at } = this.#locate(entry);
      const isTree = ((words[at + plainWord] ?? 0) & treeFlag) !== 0;
      for (const other of this.#same(bytes, at, isTree)) {
        if (other === entry || !this.#isMarked(other)) continue;
        const theirs = this.#packOf(other);
        const order = own === undefined || theirs === undefined ? 0 : compare(own, theirs);
        const isOther = order > 0 || (order === 0 && other < entry);
        this.#mark(isOther ? entry : other, false);
        if (isOther) break;
      }
    }
  }

  /** Sealed bytes of each pack, by their marks. */
  tally(): ReadonlyMap<IndexedPack, PackTally> {
    const found = new Map<IndexedPack, PackTally>();
    for (let entry = 0; entry < this.#count; entry++) {
      const pack = this.#packOf(entry);
      if (pack === undefined) continue;
      const { words, at } = this.#locate(entry);
      let tally = found.get(pack);
      if (tally === undefined) {
        tally = { usedBytes: 0, unusedBytes: 0, last: undefined };
        found.set(pack, tally);
      }
      const sealedBytes = words[at + sealedWord] ?? 0;
      const isUsed = this.#isMarked(entry);
      if (isUsed) tally.usedBytes += sealedBytes;
      else tally.unusedBytes += sealedBytes;
      if ((words[at + offsetWord] ?? 0) + sealedBytes < pack.contentBytes) continue;
      const copy = this.#read(entry);
      if (copy !== undefined) tally.last = { ...copy, isUsed };
    }
    return found;
  }

  clearUsed(): void {
    for (let entry = 0; entry < this.#count; entry++) this.#mark(entry, false);
  }

  /** The blobs of the packs, in the order of their offsets; `isUsed` as marked. One walk over the whole index. */
  blobsOf(
    packs: ReadonlySet<IndexedPack>,
  ): ReadonlyMap<IndexedPack, readonly (PlacedBlob & { readonly isUsed: boolean })[]> {
    const found = new Map<IndexedPack, (PlacedBlob & { readonly isUsed: boolean })[]>();
    for (const pack of packs) found.set(pack, []);
    for (let entry = 0; entry < this.#count; entry++) {
      const wanted = this.#packOf(entry);
      const list = wanted === undefined ? undefined : found.get(wanted);
      const copy = list === undefined ? undefined : this.#read(entry);
      if (copy === undefined) continue;
      const { pack: _pack, ...blob } = copy;
      list?.push({ ...blob, isUsed: this.#isMarked(entry) });
    }
    for (const blobs of found.values()) blobs.sort((a, b) => a.offset - b.offset);
    return found;
  }

  /** Forgets packs and their blobs. */
  drop(packs: ReadonlySet<IndexedPack>): void {
    if (packs.size === 0) return;
    const old = { segments: this.#segments, count: this.#count };
    for (const pack of packs) {
      const number = this.#packNumbers.get(pack.id);
      if (number !== undefined) this.#packs[number] = undefined;
      this.#packNumbers.delete(pack.id);
    }
    this.#segments = [];
    this.#slots = new Uint32Array(1024);
    this.#count = 0;
    for (let entry = 0; entry < old.count; entry++) {
      const segment = old.segments[Math.floor(entry / segmentEntries)];
      const at = (entry % segmentEntries) * entryWords;
      if (segment === undefined || this.#packs[segment.words[at + packWord] ?? -1] === undefined) continue;
      const target = this.#newEntry();
      target.words.set(segment.words.subarray(at, at + entryWords), target.at);
      this.#link(this.#count - 1);
    }
  }

  counts(): {
    readonly dataBlobs: number;
    readonly treeBlobs: number;
    readonly unframedBlobs: number;
    readonly packs: number;
    readonly packBytes: number;
  } {
    let treeBlobs = 0;
    let unframedBlobs = 0;
    for (let entry = 0; entry < this.#count; entry++) {
      const { words, at } = this.#locate(entry);
      const flags = words[at + plainWord] ?? 0;
      if ((flags & treeFlag) !== 0) treeBlobs++;
      else if ((flags & compressedFlag) === 0) unframedBlobs++;
    }
    let bytes = 0;
    for (const pack of this.packs) bytes += packBytes(pack);
    const dataBlobs = this.#count - treeBlobs;
    return { dataBlobs, treeBlobs, unframedBlobs, packs: this.#packNumbers.size, packBytes: bytes };
  }

  #locate(entry: number): { readonly bytes: Buffer; readonly words: Uint32Array; readonly at: number } {
    const segment = this.#segments[Math.floor(entry / segmentEntries)];
    if (segment === undefined) throw new Error('an entry lies in a segment');
    return { bytes: segment.bytes, words: segment.words, at: (entry % segmentEntries) * entryWords };
  }

  #read(entry: number): BlobCopy | undefined {
    const { bytes, words, at } = this.#locate(entry);
    const pack = this.#packs[words[at + packWord] ?? -1];
    if (pack === undefined) return undefined;
    const plain = words[at + plainWord] ?? 0;
    return {
      id: blobIdFrom(bytes.subarray(at * 4, at * 4 + 32)),
      type: (plain & treeFlag) !== 0 ? 'tree' : 'data',
      pack,
      offset: words[at + offsetWord] ?? 0,
      sealedBytes: words[at + sealedWord] ?? 0,
      plainBytes: plain & plainMask,
      isCompressed: (plain & compressedFlag) !== 0,
    };
  }

  /** Matches in packs that an index names or that wait for one. A pack whose indexes vanished is remembered, not counted on. */
  *#offered(type: BlobType, id: BlobId): Generator<number, undefined> {
    for (const entry of this.#matches(type, id)) {
      const { words, at } = this.#locate(entry);
      const pack = this.#packs[words[at + packWord] ?? -1];
      if (pack === undefined || pack.isMissing) continue;
      if (pack.isPending || pack.isFound || pack.indexes.size > 0) yield entry;
    }
    return undefined;
  }

  #matches(type: BlobType, id: BlobId): Generator<number, undefined> {
    return this.#same(asBuffer(idBytes(id)), 0, type === 'tree');
  }

  /** Entries of the blob whose id stands in `wanted` at this word. */
  *#same(wanted: Buffer, wantedAt: number, isTree: boolean): Generator<number, undefined> {
    const mask = this.#slots.length - 1;
    const from = wantedAt * 4;
    for (let slot = wanted.readUInt32LE(from) & mask; ; slot = (slot + 1) & mask) {
      const stored = this.#slots[slot] ?? 0;
      if (stored === 0) return undefined;
      const { bytes, words, at } = this.#locate(stored - 1);
      if ((((words[at + plainWord] ?? 0) & treeFlag) !== 0) !== isTree) continue;
      if (wanted.compare(bytes, at * 4, at * 4 + 32, from, from + 32) === 0) yield stored - 1;
    }
  }

  #packOf(entry: number): IndexedPack | undefined {
    const { words, at } = this.#locate(entry);
    return this.#packs[words[at + packWord] ?? -1];
  }

  #isMarked(entry: number): boolean {
    const { words, at } = this.#locate(entry);
    return ((words[at + plainWord] ?? 0) & usedFlag) !== 0;
  }

  #mark(entry: number, isUsed: boolean): void {
    const { words, at } = this.#locate(entry);
    const bits = words[at + plainWord] ?? 0;
    words[at + plainWord] = (isUsed ? bits | usedFlag : bits & ~usedFlag) >>> 0;
  }

  #hasAt(packNumber: number, blob: PlacedBlob): boolean {
    for (const entry of this.#matches(blob.type, blob.id)) {
      const { words, at } = this.#locate(entry);
      if (words[at + packWord] === packNumber && words[at + offsetWord] === blob.offset) return true;
    }
    return false;
  }

  #newEntry(): { readonly words: Uint32Array; readonly bytes: Buffer; readonly at: number } {
    if (this.#count === this.#segments.length * segmentEntries) {
      const words = new Uint32Array(segmentEntries * entryWords);
      this.#segments.push({ words, bytes: Buffer.from(words.buffer) });
    }
    return this.#locate(this.#count++);
  }

  #append(packNumber: number, blob: PlacedBlob, isUsed: boolean): void {
    const { words, bytes, at } = this.#newEntry();
    bytes.set(idBytes(blob.id), at * 4);
    words[at + packWord] = packNumber;
    words[at + offsetWord] = blob.offset;
    words[at + sealedWord] = blob.sealedBytes;
    const flags =
      (blob.type === 'tree' ? treeFlag : 0) | (blob.isCompressed ? compressedFlag : 0) | (isUsed ? usedFlag : 0);
    words[at + plainWord] = (blob.plainBytes | flags) >>> 0;
    this.#link(this.#count - 1);
  }

  /** Puts the newest entry into a slot; the table stays at most two thirds full. */
  #link(entry: number): void {
    if (this.#count * 3 > this.#slots.length * 2) {
      this.#slots = new Uint32Array(this.#slots.length * 2);
      for (let older = 0; older < entry; older++) this.#occupy(older);
    }
    this.#occupy(entry);
  }

  #occupy(entry: number): void {
    const { bytes, at } = this.#locate(entry);
    const mask = this.#slots.length - 1;
    let slot = bytes.readUInt32LE(at * 4) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }
}
