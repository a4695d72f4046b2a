// An opened repository: what is known (index), what is on its way (outbox), how blobs come back (reader), and who else is here (locks).

import { release, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isLoss, SignetError } from '../base/errors.ts';
import { looksIncompressible } from '../kernel/entropy.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { ivBytes, type SealKey, sealParts, wipeSealKey } from '../kernel/seal.ts';
import { compressedFrame, rawFrameParts } from '../kernel/zstd.ts';
import type { Remote, TrafficCount } from '../remotes/remote.ts';
import { BlobIndex, type IndexedPack, type Instant, packBytes } from './blob-index.ts';
import { BlobReader } from './blob-reader.ts';
import { checkPackSizes, checkSingleObjects } from './checks.ts';
import { confirmMarked, unnamedPacks } from './confirm-used.ts';
import { asBlobId, asIndexId, asPackId, asSnapshotId, blobKey, idInKey, packKey } from './ids.ts';
import { decodeIndex, encodeIndex, groupForIndexes, type PackListing } from './index-codec.ts';
import { checkKeyFile, type KeyRing, keyFileKey, prepareKeyFile } from './key-files.ts';
import { limits } from './limits.ts';
import { Locks } from './locks.ts';
import { derivedKey, fingerprintOf, openConfig } from './master-key.ts';
import type {
  BlobId,
  BlobType,
  IndexId,
  IndexRepair,
  LoadedBlob,
  LookOptions,
  ObjectProblem,
  PackedBlob,
  PackFile,
  PackId,
  PackJournal,
  PreparedKeyFile,
  PruneOrder,
  PruneOutcome,
  PrunePlan,
  Repository,
  RepositoryExtent,
  RepositoryLock,
  SavedBlob,
  Snapshot,
  SnapshotId,
  TreeNode,
  UpkeepOptions,
} from './model.ts';
import { markNeeded } from './needed-blobs.ts';
import { ObjectStore } from './object-store.ts';
import { Outbox } from './outbox.ts';
import { checkPackBytes } from './pack-check.ts';
import { problemFrom } from './problems.ts';
import { type PruneAccess, Pruner, plannedBy } from './prune.ts';
import { RecentBlobs } from './recent-blobs.ts';
import { junkIndex, repairIndex } from './repair-index.ts';
import { readRuns } from './run-reader.ts';
import { scrub } from './scrub.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts';
import { decodeTree, encodeTree, nameText } from './tree-codec.ts';
import { openUnpacked } from './unpacked.ts';

/** Compressions under way at once; each holds a blob and its frame. */
const parallelSaves = 2;
const parallelLoads = 4;
const noTraffic: TrafficCount = { bytesUploaded: 0, bytesDownloaded: 0, requests: 0 };

export interface OpenedOptions {
  readonly remote: Remote;
  readonly id: string;
  readonly keyFileId: string;
  readonly masterKey: SealKey;
  readonly problems: ObjectProblem[];
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly outboxFolder: string;
  readonly journal: PackJournal;
  readonly host: { readonly hostname: string; readonly pid: number };
  readonly isAlive: (pid: number) => boolean;
  readonly packTargetBytes: number;
  readonly outboxLimitBytes: number;
  readonly allowRawObjects: boolean;
  readonly signal?: AbortSignal | undefined;
}

type Call = { readonly signal?: AbortSignal | undefined };

export class OpenedRepository implements Repository {
  readonly id: string;
  readonly masterKeyFingerprint: string;
  readonly traffic: TrafficCount;
  readonly #options: OpenedOptions;
  #keyFileId: string;
  readonly #remote: Remote;
  readonly #key: SealKey;
  readonly #index = new BlobIndex();
  readonly #outbox: Outbox;
  readonly #reader: BlobReader;
  readonly #isFar: boolean;
  readonly #locks: Locks;
  readonly #objects: ObjectStore;
  /** Blobs on their way into a pack or in an open one. */
  readonly #unsealed = new Map<string, Promise<number>>();
  /** Blobs the index names and the remote cannot give: saved again when they come along. */
  readonly #unusable = new Set<string>();
  readonly #indexIds = new Set<IndexId>();
  /** Of those the ones that name packs which were left out. */
  readonly #flawedIndexes = new Set<IndexId>();
  /** Listed, and not to be read. */
  #junkIndexes: readonly IndexId[] = [];
  #pruner: Pruner | undefined;
  readonly #snapshots = new Map<SnapshotId, Snapshot>();
  readonly #recent = new RecentBlobs();
  #freeSlots = parallelSaves;
  readonly #slotQueue: (() => void)[] = [];

  constructor(options: OpenedOptions) {
    this.#options = options;
    this.#remote = options.remote;
    this.#key = options.masterKey;
    this.id = options.id;
    this.#keyFileId = options.keyFileId;
    this.traffic = options.remote.traffic ?? noTraffic;
    this.#objects = new ObjectStore(options);
    const report = (problem: ObjectProblem): void => this.#objects.report(problem);
    this.#isFar = options.remote.kind === 'drive' || options.remote.kind === 's3';
    this.#reader = new BlobReader({ remote: options.remote, report }, options.masterKey, this.#isFar);
    this.masterKeyFingerprint = fingerprintOf(options.masterKey);
    this.#outbox = new Outbox({
      key: options.masterKey,
      remote: options.remote,
      folder: options.outboxFolder,
      journal: options.journal,
      clock: options.clock,
      randomBytes: options.randomBytes,
      packTargetBytes: options.packTargetBytes,
      limitBytes: options.outboxLimitBytes,
      signal: options.signal,
      onSealed: (id, blobs, from) => {
        this.#index.add(id, blobs, 'pending', { markUsed: from === 'session' });
        for (const blob of blobs) this.#unsealed.delete(blobKey(blob.type, blob.id));
      },
      onForgotten: id => {
        const pack = this.#index.pack(id);
        if (pack !== undefined) this.#index.drop(new Set([pack]));
      },
      onLost: blobs => {
        for (const blob of blobs) this.#unsealed.delete(blobKey(blob.type, blob.id));
      },
      writeIndex: packs => this.#writeIndex(packs),
    });
    this.#locks = new Locks({
      clock: options.clock,
      host: options.host,
      isAlive: options.isAlive,
      write: (json, signal) => this.#objects.save('locks', json, signal),
      remove: key => this.#remote.remove(key),
      remote: options.remote,
      exists: async key => (await this.#remote.stat(key)) !== undefined,
      read: (key, id, signal) => this.#objects.load(key, id, signal),
      report,
    });
  }

  get problems(): readonly ObjectProblem[] {
    return this.#options.problems;
  }

  deriveKey(label: string, lengthBytes = 32): Uint8Array {
    return derivedKey(this.#key, this.id, label, lengthBytes);
  }

  get keyFileId(): string {
    return this.#keyFileId;
  }

  prepareKeyFile(recoveryKey: Uint8Array): Promise<PreparedKeyFile> {
    return prepareKeyFile(this.#keyRing(), recoveryKey);
  }

  async useKeyFile(id: string, recoveryKey: Uint8Array, options: Call = {}): Promise<void> {
    await checkKeyFile(this.#keyRing(), id, recoveryKey, options.signal);
    this.#keyFileId = id;
  }

  async removeKeyFile(id: string, options: Call = {}): Promise<void> {
    if (id === this.#keyFileId) throw new SignetError('E_INTERNAL', 'the key file in use is not removed');
    await this.#remote.remove(keyFileKey(id), options);
  }

  #keyRing(): KeyRing {
    const { clock, randomBytes } = this.#options;
    return { remote: this.#remote, masterKey: this.#key, clock, randomBytes };
  }

  lock(kind: 'shared' | 'exclusive', options: Parameters<Repository['lock']>[1] = {}): Promise<RepositoryLock> {
    return this.#locks.take(kind, options);
  }

  readIndex(options: LookOptions = {}): Promise<void> {
    this.#countAll();
    return this.#reconcileIndex(options);
  }

  /** What a plan thought of packs holds as long as the plan. */
  #countAll(): void {
    this.#pruner = undefined;
    for (const pack of this.#index.packs) {
      pack.isMissing = false;
      pack.isFound = false;
    }
  }

  async refreshIndex(options: LookOptions = {}): Promise<void> {
    this.#countAll();
    this.#index.clearUsed();
    this.#unusable.clear();
    await this.#reconcileIndex(options);
    this.#index.drop(unnamedPacks(this.#index));
    await this.#outbox.recover(id => (this.#index.pack(id)?.indexes.size ?? 0) > 0, options.signal);
    await this.#tidyCopies();
  }

  async #tidyCopies(): Promise<void> {
    const { local } = this.#remote;
    await local?.keepOnly('index', id => this.#indexIds.has(asIndexId(id)));
    await local?.keepOnly('data', id => this.#index.pack(asPackId(id)) !== undefined);
  }

  find(type: BlobType, id: BlobId): PackedBlob | undefined {
    const [copy] = this.#index.copies(type, id);
    if (copy === undefined) return undefined;
    this.#index.markUsed(type, id);
    const { pack, offset, sealedBytes, plainBytes } = copy;
    return { id, type, pack: pack.id, offset, sealedBytes, plainBytes };
  }

  has(type: BlobType, id: BlobId): boolean {
    return !this.#unusable.has(blobKey(type, id)) && this.#index.markUsed(type, id);
  }

  async saveBlob(type: BlobType, plaintext: Uint8Array, options: Call & { keep?: boolean } = {}): Promise<SavedBlob> {
    options.signal?.throwIfAborted();
    this.#outbox.throwIfFailed();
    const maxBytes = type === 'data' ? limits.dataBlobBytes : limits.treeBlobBytes;
    if (plaintext.length > maxBytes) {
      throw new SignetError('E_OBJECT_LIMIT', `a ${type} blob of ${plaintext.length} bytes: at most ${maxBytes} fit`);
    }
    const id = asBlobId(sha256Hex(plaintext));
    const name = blobKey(type, id);
    if (options.keep === true) this.#recent.keep(name, new Uint8Array(plaintext));
    if (this.has(type, id)) return { id, isNew: false, sealedBytes: 0 };
    const underWay = this.#unsealed.get(name);
    if (underWay !== undefined) {
      await underWay;
      return { id, isNew: false, sealedBytes: 0 };
    }
    const saving = this.#sealBlob(type, id, plaintext, options.signal);
    this.#unsealed.set(name, saving);
    try {
      const sealedBytes = await saving;
      this.#unusable.delete(name);
      return { id, isNew: true, sealedBytes };
    } catch (error) {
      this.#unsealed.delete(name);
      throw error;
    }
  }

  async #sealBlob(type: BlobType, id: BlobId, plaintext: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    await this.#takeSlot(signal);
    try {
      const compressed = looksIncompressible(plaintext) ? undefined : await compressedFrame(plaintext);
      const isSmaller = compressed !== undefined && compressed.length < plaintext.length;
      const frame = isSmaller ? [compressed] : rawFrameParts(plaintext);
      const sealed = sealParts(this.#key, this.#options.randomBytes(ivBytes), frame);
      if (compressed !== undefined) release(compressed);
      const sealedBytes = sealed.reduce((sum, part) => sum + part.length, 0);
      await this.#outbox.add(
        { id, type, sealedBytes, plainBytes: plaintext.length, isCompressed: true },
        sealed,
        signal,
      );
      return sealedBytes;
    } finally {
      this.#freeSlots++;
      this.#slotQueue.shift()?.();
    }
  }

  async #takeSlot(signal: AbortSignal | undefined): Promise<void> {
    while (this.#freeSlots === 0) {
      await new Promise<void>(resolve => this.#slotQueue.push(resolve));
    }
    if (signal?.aborted === true) {
      this.#slotQueue.shift()?.();
      signal.throwIfAborted();
    }
    this.#freeSlots--;
  }

  async loadBlob(type: BlobType, id: BlobId, options: Call = {}): Promise<Uint8Array> {
    const name = blobKey(type, id);
    const known = this.#recent.get(name);
    if (known !== undefined) return new Uint8Array(known);
    if (this.#unsealed.has(name)) await this.#outbox.commit();
    const copies = this.#index.copies(type, id);
    if (copies.some(copy => copy.pack.isPending)) await this.#outbox.settle();
    let failure: unknown = new SignetError('E_MISSING', `${type} blob ${id}: no index names it`);
    for (const copy of copies) {
      try {
        const plaintext = await this.#reader.load(copy, options.signal);
        if (type !== 'tree') return plaintext;
        this.#recent.keep(name, plaintext);
        return new Uint8Array(plaintext);
      } catch (error) {
        const problem = problemFrom(packKey(copy.pack.id), error);
        if (problem === undefined) throw error;
        this.#objects.report(problem);
        failure = error;
      }
    }
    this.#unusable.add(name);
    throw failure;
  }

  loadBlobs(ids: Iterable<BlobId>, { signal }: Call = {}): AsyncIterable<LoadedBlob> {
    const reading = {
      remote: this.#remote,
      key: this.#key,
      isFar: this.#isFar,
      alone: (id: BlobId) => this.loadBlob('data', id, { signal }),
      // The first copy, as `find` tells it; what is still on its way to the place is waited for by `alone`.
      copyOf: (id: BlobId) => {
        const [copy] = this.#index.copies('data', id);
        return copy === undefined || copy.pack.isPending || this.#unsealed.has(blobKey('data', id)) ? undefined : copy;
      },
    };
    return readRuns(reading, ids, signal);
  }

  saveTree(nodes: readonly TreeNode[], options: Call = {}): Promise<SavedBlob> {
    return this.saveBlob('tree', encodeTree(nodes), options);
  }

  async loadTree(id: BlobId, options: Call = {}): Promise<readonly TreeNode[]> {
    const what = `tree ${id.slice(0, 16)}`;
    const { nodes, skipped } = decodeTree(await this.loadBlob('tree', id, options), what);
    for (const { name, type } of skipped) {
      this.#objects.report({
        key: `tree/${id}/${nameText(name)}`,
        code: 'E_OBJECT_TYPE',
        detail: `a ${type} is left out`,
      });
    }
    return nodes;
  }

  commitIndex(options: Call = {}): Promise<void> {
    return this.#outbox.commit(options.signal);
  }

  async confirmUsed(options: LookOptions & { readonly tree?: BlobId } = {}): Promise<readonly BlobId[]> {
    const { tree, signal } = options;
    await this.#outbox.commit(signal);
    await this.#reconcileIndex(options);
    if (unnamedPacks(this.#index).size === 0) return [];
    const lost = new Set<BlobId>();
    if (tree !== undefined) {
      this.#index.clearUsed();
      const load = (id: BlobId): Promise<Uint8Array> => this.loadBlob('tree', id, { signal });
      const readUnnamed = async (): Promise<void> => undefined; // what this session never saw named is not named by it
      await markNeeded([tree], { index: this.#index, load, readUnnamed, onLost: id => lost.add(id), signal });
    }
    for (const id of await this.#confirmMarked(this.#instant(), signal)) lost.add(id);
    return [...lost];
  }

  #confirmMarked(now: Instant, signal: AbortSignal | undefined): Promise<readonly BlobId[]> {
    const writeIndex = (packs: readonly PackListing[]): Promise<void> => this.#writeIndex(packs);
    return confirmMarked({ index: this.#index, remote: this.#remote, writeIndex, now, signal });
  }

  #instant(): Instant {
    const { clock } = this.#options;
    return { now: clock.now(), monotonic: clock.monotonic() };
  }

  async saveSnapshot(snapshot: Snapshot, options: Call = {}): Promise<SnapshotId> {
    await this.#outbox.commit(options.signal);
    if (!this.#index.has('tree', snapshot.tree)) {
      throw new SignetError('E_MISSING', `snapshot: its tree ${snapshot.tree} is in no index`);
    }
    const key = await this.#objects.save('snapshots', encodeSnapshot(snapshot), options.signal);
    const id = asSnapshotId(idInKey(key) ?? '');
    this.#snapshots.set(id, snapshot);
    return id;
  }

  async snapshots(options: LookOptions = {}): Promise<ReadonlyMap<SnapshotId, Snapshot>> {
    await this.#listSnapshots(options);
    return new Map(this.#snapshots);
  }

  /** @throws for one that is listed and cannot be read */
  async #allSnapshots(options: LookOptions): Promise<ReadonlyMap<SnapshotId, Snapshot>> {
    for (const id of await this.#listSnapshots(options)) {
      if (this.#snapshots.has(asSnapshotId(id))) continue;
      const key = `snapshots/${id}`;
      const problem = this.problems.findLast(each => each.key === key);
      throw new SignetError(problem?.code ?? 'E_MISSING', problem?.detail ?? `${key} cannot be read`);
    }
    return new Map(this.#snapshots);
  }

  async #listSnapshots(options: LookOptions): Promise<ReadonlySet<string>> {
    const listed = await this.#objects.list('snapshots', options);
    for (const id of this.#snapshots.keys()) if (!listed.has(id)) this.#snapshots.delete(id);
    const missing = [...listed].map(asSnapshotId).filter(id => !this.#snapshots.has(id));
    await inParallel(missing, parallelLoads, async id => {
      const key = `snapshots/${id}`;
      const json = await this.#objects.load(key, id, options.signal);
      if (json === undefined) return;
      const snapshot = decodeSnapshot(json);
      if (snapshot === undefined) this.#objects.refuse({ key, code: 'E_OBJECT_TYPE', detail: 'not a snapshot' });
      else this.#snapshots.set(id, snapshot);
    });
    if (missing.length > 0) {
      await this.#remote.local?.keepOnly('snapshots', id => listed.has(id));
    }
    return listed;
  }

  async removeSnapshots(ids: readonly SnapshotId[], { signal }: Call = {}): Promise<void> {
    for (const id of ids) {
      signal?.throwIfAborted();
      await this.#remote.remove(`snapshots/${id}`, { signal });
      this.#snapshots.delete(id);
    }
    await this.#remote.local?.keepOnly('snapshots', id => !ids.includes(asSnapshotId(id)));
  }

  async planPrune(order: PruneOrder = {}): Promise<PrunePlan> {
    this.#pruner = await Pruner.look(this.#pruneAccess(), order);
    return this.#pruner.plan;
  }

  prune(plan: PrunePlan, options: UpkeepOptions = {}): Promise<PruneOutcome> {
    return plannedBy(this.#pruner, plan).prune(options);
  }

  deleteUnnamed(packs: readonly PackFile[], options: UpkeepOptions = {}): Promise<readonly PackFile[]> {
    return plannedBy(this.#pruner).deleteUnnamed(packs, options);
  }

  async repairIndex(options: UpkeepOptions & { readonly dryRun?: boolean } = {}): Promise<IndexRepair> {
    const { signal } = options;
    await this.refreshIndex({ signal });
    const access = this.#pruneAccess();
    return repairIndex(
      {
        ...access,
        junkIndexes: () => this.#junkIndexes.map(id => junkIndex(id, this.problems)),
        isAllThere: async () => {
          try {
            const roots = [...(await this.#allSnapshots({ signal })).values()].map(({ tree }) => tree);
            const load = (id: BlobId): Promise<Uint8Array> => this.loadBlob('tree', id, { signal });
            await markNeeded(roots, { index: this.#index, load, readUnnamed: async () => undefined, signal });
            return true;
          } catch (error) {
            if (!isLoss(error)) throw error;
            return false;
          }
        },
      },
      options,
    );
  }

  #pruneAccess(): PruneAccess {
    return {
      remote: this.#remote,
      index: this.#index,
      indexIds: this.#indexIds,
      flawedIndexes: this.#flawedIndexes,
      sealKey: this.#key,
      packTargetBytes: this.#options.packTargetBytes,
      outbox: this.#outbox,
      reader: this.#reader,
      reconcile: options => this.#reconcileIndex(options),
      writeIndex: packs => this.#writeIndex(packs),
      refreshIndex: options => this.refreshIndex(options),
      allSnapshots: options => this.#allSnapshots(options),
      load: (type, id, signal) => this.loadBlob(type, id, { signal }),
      seal: (type, id, plaintext, signal) => this.#sealBlob(type, id, plaintext, signal),
      nameMarked: signal => this.#confirmMarked(this.#instant(), signal),
      tidyCopies: () => this.#tidyCopies(),
    };
  }

  async setAsideMissing({ shown = this.#remote, signal }: LookOptions = {}): Promise<readonly ObjectProblem[]> {
    const unseen = await checkPackSizes(shown, this.#index.packs, { signal });
    // A look that was taken earlier lacks what has been uploaded since, such as packs that a crash had left behind.
    const isOld = shown !== this.#remote && unseen.length > 0;
    const wrong = isOld ? await checkPackSizes(this.#remote, this.#index.packs, { signal }) : unseen;
    const packs = new Set(wrong.map(({ pack }) => pack));
    const lost = new Set<IndexedPack>();
    for (const [pack, blobs] of this.#index.blobsOf(packs)) {
      for (const { type, id } of blobs) {
        if (this.#index.copies(type, id).some(copy => !packs.has(copy.pack))) continue;
        this.#unusable.add(blobKey(type, id));
        lost.add(pack);
      }
    }
    return wrong.filter(({ pack }) => lost.has(pack)).map(({ problem }) => problem);
  }

  async checkPacks(options: Call = {}): Promise<readonly ObjectProblem[]> {
    return (await checkPackSizes(this.#remote, this.#index.packs, options)).map(({ problem }) => problem);
  }

  checkPackData(id: PackId, options: Call & { spare?: Uint8Array[] } = {}): Promise<readonly ObjectProblem[]> {
    const pack = this.#index.pack(id);
    const indexed = pack === undefined ? undefined : pack.compressed + pack.uncompressed;
    return checkPackBytes(this.#remote, this.#key, { key: packKey(id), indexed }, options);
  }

  async isGenuine(key: string, stored: Uint8Array): Promise<boolean> {
    const id = idInKey(key);
    try {
      if (key === 'config') return openConfig(this.#key, stored).id === this.id;
      if (id === undefined || !/^(?:index|snapshots)\//.test(key)) return true;
      const { json } = await openUnpacked(this.#key, { key, id, stored }, this.#options.allowRawObjects);
      return (key.startsWith('index/') ? decodeIndex(json) : decodeSnapshot(json)) !== undefined;
    } catch (error) {
      if (problemFrom(key, error) === undefined) throw error;
      return false;
    }
  }

  checkSingleObjects(options: Call = {}): Promise<readonly ObjectProblem[]> {
    const { id, keyFileId } = this;
    const { allowRawObjects } = this.#options;
    return checkSingleObjects(this.#remote, { id, keyFileId, sealKey: this.#key, allowRawObjects }, options);
  }

  scrub(options: Call = {}): ReturnType<Repository['scrub']> {
    return scrub(this.#remote, options);
  }

  packIds(): readonly PackId[] {
    return [...this.#index.packs].filter(pack => pack.indexes.size > 0).map(pack => pack.id);
  }

  size(): ReturnType<Repository['size']> {
    return this.#index.counts();
  }

  extent(): RepositoryExtent {
    const ids = [...this.#indexIds].sort();
    const packs = [...this.#index.packs].filter(pack => pack.indexes.size > 0);
    return {
      indexSetSha256: sha256Hex(utf8(ids.join(''))),
      packCount: packs.length,
      packBytes: packs.reduce((sum, pack) => sum + packBytes(pack), 0),
    };
  }

  async close(): Promise<void> {
    try {
      await this.#outbox.close();
    } finally {
      wipeSealKey(this.#key);
      this.#recent.clear();
      this.#snapshots.clear();
    }
  }

  /** Loads new index files and takes the names of vanished ones off their packs. */
  async #reconcileIndex({ shown, signal }: LookOptions): Promise<void> {
    const lookedAt = this.#instant();
    const known = [...this.#indexIds]; // one that is written while the listing is under way is not missing
    const listed = await this.#objects.list('index', { shown, signal });
    for (const id of known) {
      if (listed.has(id)) continue;
      this.#indexIds.delete(id);
      this.#flawedIndexes.delete(id);
      for (const pack of this.#index.packs) pack.indexes.delete(id);
    }
    const missing = [...listed].map(asIndexId).filter(id => !this.#indexIds.has(id));
    await inParallel(missing, parallelLoads, async id => {
      const key = `index/${id}`;
      const json = await this.#objects.load(key, id, signal);
      if (json === undefined) return;
      const index = decodeIndex(json);
      if (index === undefined) {
        this.#objects.refuse({ key, code: 'E_OBJECT_TYPE', detail: 'not an index' });
        return;
      }
      for (const detail of index.problems) this.#objects.report({ key, code: 'E_OBJECT_LIMIT', detail });
      if (index.problems.length > 0) this.#flawedIndexes.add(id);
      for (const pack of index.packs) this.#index.add(pack.id, pack.blobs, id);
      this.#indexIds.add(id);
    });
    this.#junkIndexes = missing.filter(id => !this.#indexIds.has(id));
    for (const pack of this.#index.packs) if (pack.indexes.size > 0) pack.namedAt = lookedAt;
  }

  async #writeIndex(packs: readonly PackListing[]): Promise<void> {
    for (const group of groupForIndexes(packs)) {
      const key = await this.#objects.save('index', encodeIndex(group), this.#options.signal);
      const id = asIndexId(idInKey(key) ?? '');
      for (const { id: packId, blobs } of group) {
        const pack = this.#index.add(packId, blobs, id);
        pack.isPending = false;
        pack.isFound = false;
        pack.namedAt = this.#instant();
      }
      this.#indexIds.add(id);
    }
  }
}

async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
