// Turns a scan into blobs and trees. Databases of all sources come first, media after: a message that names a picture is never newer than
// the picture's chance to be kept (notes of SQLite: several databases are never atomic together). Reading fails per file, storing fails
// the backup: a file that cannot be read is named in the result and its version of the parent snapshot stays, a full disk stops everything.

import { concat, utf8 } from '../base/bytes.ts';
import {
  type CapturedImage,
  type DatabaseCapture,
  type FileFacts,
  openStableFile,
  type StableFile,
} from '../capture/capture.ts';
import type { Chunker } from '../kernel/chunker.ts';
import type { BlobId, Repository, TreeNode } from '../repository/model.ts';
import { LineCounter } from './line-count.ts';
import type {
  ArchiveCounts,
  ArchiveSource,
  CaptureMemory,
  DatabaseMemory,
  LineCount,
  ManifestDatabase,
  ManifestSource,
  MessageCounts,
  Omission,
  OmissionReason,
  SourceNews,
  TextMemory,
} from './model.ts';
import { displayPath } from './names.ts';
import type { DatabaseEntry, Entry, FileEntry, FolderEntry, Scan } from './scan.ts';
import type { Loss } from './shrinkage.ts';
import { fromSource, readExactly, sourceFailure } from './source-read.ts';
import { MessageTally } from './tally.ts';

/** Files up to this size are one blob (DESIGN D6). */
const wholeFileBytes = 512 << 10;
/** Database images are cut here, a multiple of every page size (DESIGN D5, fallback layout). */
const databaseChunkBytes = 64 << 10;
const databaseWindowBytes = 1 << 20;
/** The longest chunk (8 MiB) and half as much again, so that most cuts need no second read. */
const mediaWindowBytes = 12 << 20;
const filesAtOnce = 4;
const triesOfChangingFile = 3;
const fullCheckEveryMs = 24 * 3600_000;

export interface StoreContext {
  readonly repository: Pick<Repository, 'saveBlob' | 'saveTree'>;
  readonly capture: () => DatabaseCapture;
  readonly chunker: Chunker;
  readonly memory: Required<Omit<CaptureMemory, 'snapshot'>>;
  /** What the parent snapshot says of the source; absent when it does not hold it. */
  readonly before: ManifestSource | undefined;
  readonly counts: ArchiveCounts;
  readonly now: () => number;
  readonly onProgress: (step: {
    readonly phase: 'capturing' | 'storing';
    readonly files: number;
    readonly bytes: number;
    readonly item: string;
  }) => void;
  readonly signal: AbortSignal;
}

/** What became of one source. */
export interface StoredSource {
  readonly node: TreeNode;
  readonly omitted: readonly Omission[];
  readonly databases: readonly ManifestDatabase[];
  /** Undefined: not counted. */
  readonly messages: MessageCounts | undefined;
  readonly news: SourceNews;
  readonly memory: Required<Omit<CaptureMemory, 'snapshot'>>;
}

export class SourceStore {
  readonly #context: StoreContext;
  readonly #source: ArchiveSource;
  readonly #scan: Scan;
  readonly #root: Uint8Array;
  readonly #omitted: Omission[];
  readonly #databases: ManifestDatabase[] = [];
  readonly #previousDatabases: ReadonlyMap<string, ManifestDatabase>;
  readonly #memory: Record<string, DatabaseMemory> = {};
  readonly #tally: MessageTally;
  /** Nodes of captured databases, by entry: the image, and its log when both belong together. */
  readonly #captured = new Map<DatabaseEntry, readonly TreeNode[]>();
  /** Buffers for whole files, not in use; as many come to be as files are under way at once. */
  readonly #spare: Uint8Array[] = [];
  #mediaWindow: Uint8Array | undefined;
  #mediaTurn: Promise<unknown> = Promise.resolve();

  constructor(context: StoreContext, source: ArchiveSource, scan: Scan) {
    this.#context = context;
    this.#source = source;
    this.#scan = scan;
    this.#root = utf8(source.root);
    this.#omitted = [...scan.omitted];
    this.#previousDatabases = new Map(context.before?.databases.map(each => [each.path, each]));
    this.#tally = new MessageTally({ source, before: context.before, texts: context.memory.texts });
  }

  /** First pass: every database of the source. Answers the loss that holds the source back, before any of it is stored. */
  async storeDatabases(): Promise<Loss | undefined> {
    const entries = [...databasesIn(this.#scan.root)];
    this.#tally.beginDatabases(new Set(entries.map(entry => displayPath(entry.path))));
    const isCounted = (entry: DatabaseEntry) => this.#tally.candidates(displayPath(entry.path)) !== undefined;
    // Judged when all are counted: a database may have moved.
    let uncounted = entries.filter(isCounted).length;
    for (const entry of entries) {
      this.#context.signal.throwIfAborted();
      if (isCounted(entry)) uncounted -= 1;
      const nodes = entry.unchanged ? this.#again(entry) : await this.#captureOne(entry, uncounted === 0);
      if ('of' in nodes) return nodes;
      this.#captured.set(entry, nodes);
    }
    return this.#tally.expectedLoss();
  }

  /** Second pass: all other files, then the trees from the leaves up. Or the loss that holds the source back. */
  async storeTrees(): Promise<StoredSource | Loss> {
    const node = await this.#folder(this.#scan.root);
    const databases = this.#databases;
    const messages = await this.#tally.total(this.#scan.root, databases, (path, rule) => this.#countUnread(path, rule));
    const loss = this.#tally.loss(messages?.messages);
    if (loss !== undefined) return loss;
    return {
      node,
      omitted: this.#omitted,
      databases,
      messages,
      news: this.#tally.news(messages),
      memory: { databases: this.#memory, texts: this.#tally.texts },
    };
  }

  /** An unchanged text that is not remembered, after the memory was lost. */
  async #countUnread(path: Uint8Array, rule: LineCount): Promise<TextMemory | undefined> {
    const appendOnly = this.#source.rules.isAppendOnly(path);
    try {
      const file = await fromSource(() => openStableFile(this.#absolute(path), { appendOnly }));
      try {
        const counter = await LineCounter.open(rule, file, undefined);
        const piece = new Uint8Array(wholeFileBytes);
        for (let position = 0; position < file.sizeBytes; position += piece.length) {
          this.#context.signal.throwIfAborted();
          const part = piece.subarray(0, Math.min(piece.length, file.sizeBytes - position));
          await readExactly(file, part, position);
          counter.take(part, position);
        }
        return await counter.finish();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (sourceFailure(error) === undefined) throw error;
      return undefined; // a number is missing, nothing else: the file itself is in the snapshot
    }
  }

  /** An unchanged database: the nodes and facts of the parent stand. */
  #again(entry: DatabaseEntry): readonly TreeNode[] {
    const key = this.#key(entry.path);
    const facts = this.#previousDatabases.get(displayPath(entry.path));
    const known = this.#context.memory.databases[key];
    if (facts !== undefined) this.#databases.push(facts);
    if (known !== undefined) this.#memory[key] = known;
    return entry.previous === undefined ? [] : [entry.previous, ...entry.previousNeighbours];
  }

  /** @param isLastCounted then the loss of the whole source is known, and nothing of a source that is held back need be stored */
  async #captureOne(entry: DatabaseEntry, isLastCounted: boolean): Promise<readonly TreeNode[] | Loss> {
    const { capture, signal, now, onProgress } = this.#context;
    const key = this.#key(entry.path);
    const path = displayPath(entry.path);
    const memory = this.#context.memory.databases[key];
    const candidates = this.#tally.candidates(path);
    const count = candidates && { candidates, since: memory?.newest };
    onProgress({ phase: 'capturing', files: 0, bytes: 0, item: path });
    const sinceCheckMs = now() - Date.parse(memory?.checkedAt ?? '');
    // Also when there was none, or when it is said to be still to come because the clock was ahead.
    const fullCheck = !(sinceCheckMs >= 0 && sinceCheckMs < fullCheckEveryMs);
    try {
      const captured = await capture().capture(this.#absolute(entry.path), { fullCheck, count, signal });
      if (captured.kind === 'not-a-database') return await this.#asFiles(entry);
      const { strategy, checked, pageSize, pageCount, signature, companions, counts } = captured;
      const nodes: TreeNode[] = [];
      try {
        if (count !== undefined) this.#tally.addDatabase(path, counts);
        const loss = isLastCounted ? this.#tally.expectedLoss() : undefined;
        if (loss !== undefined) return loss;
        nodes.push(await this.#image(entry.name, entry.facts, captured.image));
        for (const { suffix, image } of companions) {
          nodes.push(await this.#image(concat(entry.name, utf8(suffix)), entry.facts, image));
        }
      } finally {
        await captured.image.close();
        for (const { image } of companions) await image.close();
      }
      this.#countFile(entry);
      const checkedAt = checked === 'full' ? new Date(now()).toISOString() : memory?.checkedAt;
      const when = checkedAt === undefined ? {} : { checkedAt };
      const counted = counts && { messages: counts.messages, conversations: counts.conversations };
      this.#databases.push({
        path,
        layout: 'pages',
        pageSize,
        nPage: pageCount,
        strategy,
        checked,
        ...when,
        ...(counted && { counts: counted }),
      });
      this.#memory[key] = { signature, ...when, ...(counts?.newest && { newest: counts.newest }) };
      onProgress({ phase: 'capturing', files: 1, bytes: entry.facts.sizeBytes, item: path });
      return nodes;
    } catch (error) {
      const reason = sourceFailure(error);
      if (reason === undefined) throw error;
      if (reason === 'vanished') return [];
      return this.#omit(entry, reason) ? this.#again(entry) : [];
    }
  }

  /** It only looked like a database: it and what lies beside it are plain files, captured as such. */
  async #asFiles(entry: DatabaseEntry): Promise<readonly TreeNode[]> {
    const nodes: TreeNode[] = [];
    for (const file of [{ ...entry, kind: 'file' as const }, ...entry.neighbours]) {
      const node = await this.#file(file);
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  }

  async #folder(entry: FolderEntry): Promise<TreeNode> {
    const { counts, repository, signal } = this.#context;
    if (entry.unchanged && entry.previous?.subtree !== undefined) {
      counts.dirsUnmodified += 1;
      return { ...entry.previous, name: entry.name };
    }
    // Folders one after the other: only the files of one folder are under way at once, so that memory has a bound.
    const folders = new Map<Entry, readonly TreeNode[]>();
    for (const each of entry.entries) if (each.kind === 'dir') folders.set(each, [await this.#folder(each)]);
    const groups = await mapConcurrently(entry.entries, filesAtOnce, async each =>
      each.kind === 'dir' ? (folders.get(each) ?? []) : this.#entry(each),
    );
    const saved = await repository.saveTree(groups.flat(), { signal });
    counts.treeBlobs += saved.isNew ? 1 : 0;
    counts.dataAddedPacked += saved.sealedBytes;
    if (entry.previous === undefined) counts.dirsNew += 1;
    else counts.dirsChanged += 1;
    return { ...commonOf(entry.name, entry.facts), type: 'dir', subtree: saved.id };
  }

  async #entry(entry: Exclude<Entry, FolderEntry>): Promise<readonly TreeNode[]> {
    this.#context.signal.throwIfAborted();
    switch (entry.kind) {
      case 'kept':
        return [entry.previous];
      case 'symlink':
        return [{ ...commonOf(entry.name, entry.facts), type: 'symlink', linkTarget: entry.target }];
      case 'database':
        return this.#captured.get(entry) ?? [];
      case 'file': {
        if (entry.unchanged && entry.previous !== undefined) {
          this.#context.counts.filesUnmodified += 1;
          return [entry.previous];
        }
        const node = await this.#file(entry);
        return node === undefined ? [] : [node];
      }
    }
  }

  /** Stores one plain file; undefined when it is gone or cannot be read and there is no earlier version. */
  async #file(entry: FileEntry): Promise<TreeNode | undefined> {
    const path = displayPath(entry.path);
    try {
      for (let attempt = 1; ; attempt++) {
        const appendOnly = this.#source.rules.isAppendOnly(entry.path);
        const file = await fromSource(() => openStableFile(this.#absolute(entry.path), { appendOnly }));
        try {
          const counter = await this.#tally.openText(entry.path, file);
          const content = await this.#content(file, counter);
          const counts = await counter?.finish();
          if ((await fromSource(() => file.finish())) === 'changed') {
            if (attempt < triesOfChangingFile) continue;
            this.#omitted.push({ path, reason: 'changing' });
          }
          if (counts !== undefined) this.#tally.addText(entry.path, counts, entry.previous !== undefined);
          this.#countFile(entry);
          this.#context.onProgress({ phase: 'storing', files: 1, bytes: entry.facts.sizeBytes, item: path });
          return { ...commonOf(entry.name, file.stat), type: 'file', sizeBytes: file.sizeBytes, content };
        } finally {
          await file.close();
        }
      }
    } catch (error) {
      const reason = sourceFailure(error);
      if (reason === undefined) throw error;
      if (reason === 'vanished') return undefined;
      return this.#omit(entry, reason) ? entry.previous : undefined;
    }
  }

  async #content(file: StableFile, counter: LineCounter | undefined): Promise<readonly BlobId[]> {
    if (file.sizeBytes === 0) return [];
    if (file.sizeBytes <= wholeFileBytes) {
      // Buffers go round: fresh ones for every file would keep the garbage collector busy (measured: a tenth of the backup).
      const buffer = this.#spare.pop() ?? new Uint8Array(wholeFileBytes);
      try {
        const bytes = buffer.subarray(0, file.sizeBytes);
        await readExactly(file, bytes, 0);
        counter?.take(bytes, 0);
        return [await this.#save(bytes)];
      } finally {
        this.#spare.push(buffer);
      }
    }
    // One large file at a time: the window is shared.
    const turn = this.#mediaTurn.then(() => this.#chunks(file, counter));
    this.#mediaTurn = turn.catch(() => undefined);
    return turn;
  }

  async #chunks(file: StableFile, counter: LineCounter | undefined): Promise<readonly BlobId[]> {
    this.#mediaWindow ??= new Uint8Array(mediaWindowBytes);
    const window = this.#mediaWindow;
    const ids: BlobId[] = [];
    let held = 0;
    for (let position = 0; position < file.sizeBytes || held > 0; ) {
      const wanted = Math.min(window.length - held, file.sizeBytes - position);
      await readExactly(file, window.subarray(held, held + wanted), position);
      counter?.take(window.subarray(held, held + wanted), position);
      position += wanted;
      held += wanted;
      const isLast = position === file.sizeBytes;
      const saves: Promise<BlobId>[] = [];
      let start = 0;
      while (start < held) {
        const end = this.#context.chunker.cut(window, start, held, isLast);
        if (end === undefined) break;
        saves.push(this.#save(window.subarray(start, end)));
        start = end;
        if (saves.length % filesAtOnce === 0) await allSaved(saves);
      }
      ids.push(...(await allSaved(saves)));
      window.copyWithin(0, start, held);
      held -= start;
    }
    return ids;
  }

  async #image(name: Uint8Array, facts: FileFacts, image: CapturedImage): Promise<TreeNode> {
    const window = new Uint8Array(Math.min(databaseWindowBytes, Math.max(image.sizeBytes, 1)));
    const content: BlobId[] = [];
    for (let position = 0; position < image.sizeBytes; ) {
      this.#context.signal.throwIfAborted();
      const piece = window.subarray(0, Math.min(window.length, image.sizeBytes - position));
      await readExactly(image, piece, position);
      const saves: Promise<BlobId>[] = [];
      for (let at = 0; at < piece.length; at += databaseChunkBytes) {
        saves.push(this.#save(piece.subarray(at, Math.min(at + databaseChunkBytes, piece.length))));
      }
      content.push(...(await allSaved(saves)));
      position += piece.length;
    }
    return { ...commonOf(name, facts), type: 'file', sizeBytes: image.sizeBytes, content };
  }

  async #save(plaintext: Uint8Array): Promise<BlobId> {
    const { counts, repository, signal } = this.#context;
    counts.bytesRead += plaintext.length;
    const saved = await repository.saveBlob('data', plaintext, { signal });
    if (saved.isNew) {
      counts.dataBlobs += 1;
      counts.dataAdded += plaintext.length;
      counts.dataAddedPacked += saved.sealedBytes;
    }
    return saved.id;
  }

  #omit(
    entry: { readonly path: Uint8Array; readonly previous: TreeNode | undefined },
    reason: OmissionReason,
  ): boolean {
    const kept = entry.previous !== undefined;
    this.#omitted.push({ path: displayPath(entry.path), reason, ...(kept && { kept }) });
    return kept;
  }

  #countFile(entry: { readonly previous: TreeNode | undefined }): void {
    if (entry.previous === undefined) this.#context.counts.filesNew += 1;
    else this.#context.counts.filesChanged += 1;
  }

  #absolute(path: Uint8Array): Uint8Array {
    return concat(this.#root, utf8('/'), path);
  }

  #key(path: Uint8Array): string {
    return databaseKey(this.#source.id, path);
  }
}

/** How a database is named across sources in the local memory. */
export function databaseKey(sourceId: string, path: Uint8Array): string {
  return `${sourceId}/${displayPath(path)}`;
}

function* databasesIn(folder: FolderEntry): Generator<DatabaseEntry> {
  for (const entry of folder.entries) {
    if (entry.kind === 'database') yield entry;
    else if (entry.kind === 'dir') yield* databasesIn(entry);
  }
}

/** What every node says of its entry. The access time is not kept: reading would change the snapshot (restic's default too). */
function commonOf(name: Uint8Array, facts: FileFacts): Omit<TreeNode, 'type'> {
  const { permissions, mtimeNs, ctimeNs, uid, gid, inode, links } = facts;
  return { name, permissions, mtimeNs, atimeNs: mtimeNs, ctimeNs, uid, gid, inode, links };
}

/**
 * As Promise.all, but a failure is told only once none of them runs any more: they read from a buffer that is filled anew, and a blob
 * that is compressed from other bytes than its id was taken from would be lost to every later backup.
 */
async function allSaved(saves: readonly Promise<BlobId>[]): Promise<readonly BlobId[]> {
  await Promise.allSettled(saves);
  return Promise.all(saves);
}

/**
 * As Promise.all over `work`, with at most `atOnce` under way; after a failure nothing new is begun, and it is told once nothing runs any
 * more: what goes on behind the caller's back would read and save beside the next backup.
 */
async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      const item = items[at];
      if (item === undefined) continue;
      try {
        results[at] = await work(item);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return results;
}
