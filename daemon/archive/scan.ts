// Looks at a source and compares it with the parent snapshot: sizes, times and inodes tell what is unchanged (as in restic); only the
// first bytes of new and changed files are read, to find databases and what cannot be read. A database is told by its signature, since in
// WAL mode it changes without its own size or time moving. The answer is a plan: what to store, what to keep, what was left out.
//
// Synchronous system calls on purpose: this runs on the engine thread, where they cost a fifth of the asynchronous ones; the walk yields
// after every folder, so that a cancel is heard.

import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { asBuffer, compareBytes, concat, utf8 } from '../base/bytes.ts';
import { isLoss, systemCode } from '../base/errors.ts';
import { type FileFacts, factsOf, looksLikeDatabase } from '../capture/capture.ts';
import type { Repository, TreeNode } from '../repository/model.ts';
import { LeftOutList } from './left-out.ts';
import type { ArchiveSource, Omission, OmissionReason, RuleEntry } from './model.ts';
import { displayPath, joinPath, nameKey } from './names.ts';
import type { Extent } from './shrinkage.ts';
import { reasonOf } from './source-read.ts';

/** Suffixes of the files that SQLite keeps beside a database. */
const neighbourSuffixes = ['-wal', '-shm', '-journal'] as const;
const maxNameBytes = 255;
const magicBytes = 16;

interface EntryBase {
  readonly name: Uint8Array;
  /** Relative to the source's root; empty for the root itself. */
  readonly path: Uint8Array;
  readonly facts: FileFacts;
  /** The entry of the same name in the parent snapshot. */
  readonly previous: TreeNode | undefined;
  /** The parent's node can be used again as it is, and all it names is in the repository. */
  readonly unchanged: boolean;
}

export interface FileEntry extends EntryBase {
  readonly kind: 'file';
}

/** A file that goes to the capture child: SQLite by its first bytes, or one with a write-ahead log beside it. */
export interface DatabaseEntry extends EntryBase {
  readonly kind: 'database';
  /** Beside it: folded into its image, or stored as files when it turns out not to be a database. */
  readonly neighbours: readonly FileEntry[];
  /** The parent's nodes of such neighbours, used again with an unchanged opaque database. */
  readonly previousNeighbours: readonly TreeNode[];
}

export interface LinkEntry extends EntryBase {
  readonly kind: 'symlink';
  readonly target: Uint8Array;
}

export interface FolderEntry extends EntryBase {
  readonly kind: 'dir';
  /** Sorted by the bytes of the names. */
  readonly entries: readonly Entry[];
}

/** Cannot be looked at now: the parent's version stays in the snapshot, and the omission says so. */
export interface KeptEntry {
  readonly kind: 'kept';
  readonly name: Uint8Array;
  readonly previous: TreeNode;
  readonly unchanged: true;
}

export type Entry = FileEntry | DatabaseEntry | LinkEntry | FolderEntry | KeptEntry;

export interface ScanTotals {
  files: number;
  bytes: number;
  changedFiles: number;
  changedBytes: number;
  /** What deserves a snapshot: any difference but the times of folders (captures and apps touch those without changing a thing). */
  differences: number;
  removed: number;
}

export interface Scan {
  readonly root: FolderEntry;
  readonly totals: Readonly<ScanTotals>;
  /** What cannot be stored. */
  readonly omitted: readonly Omission[];
  /** What the rules leave out. */
  readonly leftOut: readonly Omission[];
  /** For telling a loss: the parent snapshot's part that the present rules keep, and what there is of it; neither with what rotates. */
  readonly before: Extent;
  readonly after: Extent;
  readonly videos: Extent;
  /** Nothing is here any more, and something that the rules keep was. */
  readonly isEmptied: boolean;
}

export interface ScanContext {
  readonly repository: Pick<Repository, 'has' | 'loadTree'>;
  readonly source: ArchiveSource;
  /** The source's folder in the parent snapshot. */
  readonly previous: TreeNode | undefined;
  /** Display paths of databases in the parent snapshot. */
  readonly knownDatabases: ReadonlySet<string>;
  /** True when the database is as the parent snapshot has it. */
  readonly isDatabaseUnchanged: (path: Uint8Array, absolute: Uint8Array) => Promise<boolean>;
  readonly onProgress: (files: number) => void;
  readonly signal: AbortSignal;
}

/** @throws the system error when the root itself cannot be listed */
export async function scanSource(context: ScanContext): Promise<Scan> {
  const walk = new Walk(context);
  // A root may be named by a link, whose own permissions mean nothing. Links inside are stored as links.
  const facts = factsOf(statSync(context.source.root, { bigint: true }));
  const root = await walk.folder(utf8(context.source.id), new Uint8Array(0), facts, context.previous);
  const { totals, omitted, before, after, videos } = walk;
  const isEmptied = !walk.hasContent && walk.lost > 0;
  return { root, totals, omitted, leftOut: walk.leftOut.listed(), before, after, videos, isEmptied };
}

interface Looked {
  readonly name: Uint8Array;
  readonly path: Uint8Array;
  readonly kind: 'file' | 'dir' | 'symlink';
  readonly facts: FileFacts;
}

class Walk {
  readonly totals: ScanTotals = { files: 0, bytes: 0, changedFiles: 0, changedBytes: 0, differences: 0, removed: 0 };
  readonly omitted: Omission[] = [];
  readonly leftOut = new LeftOutList();
  readonly before = { files: 0, bytes: 0 };
  readonly after = { files: 0, bytes: 0 };
  /** Also of what the owner leaves out, so that it can be said what that is worth. */
  readonly videos = { files: 0, bytes: 0 };
  hasContent = false;
  /** Entries of the parent that are gone and that no rule leaves out. */
  lost = 0;
  readonly #context: ScanContext;
  readonly #root: Uint8Array;

  constructor(context: ScanContext) {
    this.#context = context;
    this.#root = utf8(context.source.root);
  }

  async folder(
    name: Uint8Array,
    path: Uint8Array,
    facts: FileFacts,
    previous: TreeNode | undefined,
  ): Promise<FolderEntry> {
    const { signal, onProgress } = this.#context;
    const names = readdirSync(this.absolute(path), { encoding: 'buffer' }).sort(compareBytes);
    const known = await this.#previousNodes(previous);
    const ruledOut = new Set<string>();
    const found = names.map(each => this.#look(path, each, names, known, ruledOut)).filter(each => each !== undefined);
    await this.#compare(path, names, known, found, ruledOut);
    const looked = found.filter(each => each.kind !== 'kept');
    const databases = await this.#findDatabases(looked, known);
    const neighbours = new Set([...databases.values()].flatMap(each => each.map(file => nameKey(file.name))));

    const entries: Entry[] = [];
    for (const item of found) {
      const key = nameKey(item.name);
      if (neighbours.has(key)) continue;
      const entry = item.kind === 'kept' ? item : await this.#entry(item, known, databases.get(key));
      if (entry === undefined) continue;
      known.delete(key);
      if (entry.kind === 'database') for (const node of entry.previousNeighbours) known.delete(nameKey(node.name));
      entries.push(entry);
    }
    this.totals.removed += known.size;
    this.totals.differences += known.size;
    if (path.length > 0 && (previous?.type !== 'dir' || previous.permissions !== facts.permissions)) {
      this.totals.differences += 1;
    }
    onProgress(this.totals.files);
    await setImmediate();
    signal.throwIfAborted();
    const unchanged =
      previous?.type === 'dir' &&
      previous.subtree !== undefined &&
      known.size === 0 &&
      entries.every(entry => entry.unchanged) &&
      sameFacts(previous, facts) &&
      this.#context.repository.has('tree', previous.subtree);
    return { kind: 'dir', name, path, facts, previous, entries, unchanged };
  }

  absolute(path: Uint8Array): Buffer {
    return asBuffer(path.length === 0 ? this.#root : concat(this.#root, utf8('/'), path));
  }

  async #previousNodes(previous: TreeNode | undefined): Promise<Map<string, TreeNode>> {
    const { repository, signal } = this.#context;
    if (previous?.subtree === undefined || !repository.has('tree', previous.subtree)) return new Map();
    try {
      const nodes = await repository.loadTree(previous.subtree, { signal });
      return new Map(nodes.map(node => [nameKey(node.name), node]));
    } catch (error) {
      if (!isLoss(error)) throw error;
      return new Map(); // what was here is stored again
    }
  }

  /** Stats one name; undefined when it is excluded, gone again, or of a kind that is not stored. */
  #look(
    folder: Uint8Array,
    name: Uint8Array,
    siblings: readonly Uint8Array[],
    known: ReadonlyMap<string, TreeNode>,
    ruledOut: Set<string>,
  ): Looked | KeptEntry | undefined {
    const path = joinPath(folder, name);
    if (name.length > maxNameBytes) return this.#omit(path, 'name-too-long', undefined);
    try {
      const stat = lstatSync(this.absolute(path), { bigint: true });
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'symlink' : undefined;
      const entry: RuleEntry = {
        path,
        kind: kind ?? 'file',
        sizeBytes: Number(stat.size),
        siblings: () => siblings,
        head: () => (kind === 'file' ? this.#headOrNothing(path) : new Uint8Array(0)),
      };
      const { rules } = this.#context.source;
      const reason = rules.leftOut(entry);
      if (kind === 'file' && reason !== 'noise' && (reason === 'video' || rules.isVideo(path))) {
        this.videos.files += 1;
        this.videos.bytes += entry.sizeBytes;
      }
      if (reason !== undefined) {
        ruledOut.add(nameKey(name));
        if (reason !== 'noise')
          this.leftOut.add({
            path,
            reason,
            absolute: this.absolute(path),
            isFolder: kind === 'dir',
            sizeBytes: entry.sizeBytes,
          });
        return undefined;
      }
      if (kind === undefined) return this.#omit(path, 'special-file', undefined);
      return { name, path, kind, facts: factsOf(stat) };
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      return this.#omit(path, reasonOf(error), known.get(nameKey(name)));
    }
  }

  /** Takes the folder's files into both sides of the comparison, with all that lay in folders that are gone. */
  async #compare(
    folder: Uint8Array,
    siblings: readonly Uint8Array[],
    known: ReadonlyMap<string, TreeNode>,
    found: readonly (Looked | KeptEntry)[],
    ruledOut: ReadonlySet<string>,
  ): Promise<void> {
    const { rules } = this.#context.source;
    const here = new Set(found.map(each => nameKey(each.name)));
    if (found.some(each => each.kind !== 'dir')) this.hasContent = true;
    for (const item of found) {
      // What cannot be looked at now is kept, and so as large as it was.
      const isFile = item.kind === 'kept' ? item.previous.type === 'file' : item.kind === 'file';
      if (!isFile || rules.isRotating(joinPath(folder, item.name))) continue;
      // What a log holds is folded into the image of its database, with which it is compared next time.
      this.after.bytes += item.kind === 'kept' ? (item.previous.sizeBytes ?? 0) : item.facts.sizeBytes;
      if (!isNeighbour(item.name, here)) this.after.files += 1;
    }
    for (const [key, node] of known) {
      if (ruledOut.has(key) || isNeighbour(node.name, known)) continue;
      const isHere = here.has(key);
      if (!isHere && this.#isLeftOut(joinPath(folder, node.name), node, siblings)) continue;
      if (!isHere) this.lost += 1;
      await this.#countBefore(joinPath(folder, node.name), node, !isHere);
    }
  }

  /** @param isGone then nothing of a folder will be walked, so what it held is counted here */
  async #countBefore(path: Uint8Array, node: TreeNode, isGone: boolean): Promise<void> {
    const { rules } = this.#context.source;
    if (node.type === 'file' && !rules.isRotating(path)) {
      this.before.files += 1;
      this.before.bytes += node.sizeBytes ?? 0;
    }
    if (node.type !== 'dir' || !isGone) return;
    this.#context.signal.throwIfAborted();
    const held = await this.#previousNodes(node);
    const names = [...held.values()].map(each => each.name);
    for (const each of held.values()) {
      const below = joinPath(path, each.name);
      if (!isNeighbour(each.name, held) && !this.#isLeftOut(below, each, names))
        await this.#countBefore(below, each, true);
    }
  }

  /** What the present rules say of an entry of the parent snapshot that is not here to be looked at. */
  #isLeftOut(path: Uint8Array, node: TreeNode, siblings: readonly Uint8Array[]): boolean {
    const reason = this.#context.source.rules.leftOut({
      path,
      kind: node.type === 'dir' || node.type === 'symlink' ? node.type : 'file',
      sizeBytes: node.sizeBytes ?? 0,
      siblings: () => siblings,
      head: () => new Uint8Array(0),
    });
    return reason !== undefined;
  }

  /** Which files of a folder go to the capture child, each with what lies beside it. */
  async #findDatabases(
    looked: readonly Looked[],
    known: ReadonlyMap<string, TreeNode>,
  ): Promise<ReadonlyMap<string, readonly Looked[]>> {
    const files = new Map(looked.filter(each => each.kind === 'file').map(each => [nameKey(each.name), each]));
    const databases = new Map<string, readonly Looked[]>();
    for (const [key, file] of files) {
      if (neighbourSuffixes.some(suffix => key.endsWith(suffix) && databases.has(key.slice(0, -suffix.length))))
        continue;
      const log = files.get(`${key}-wal`);
      const isDatabase =
        this.#context.knownDatabases.has(displayPath(file.path)) ||
        (log !== undefined && log.facts.sizeBytes > 0 && !this.#isKnownPair(known, file, log)) ||
        (!isSameFile(known.get(key), file.facts) && this.#hasMagic(file));
      if (isDatabase)
        databases.set(
          key,
          neighbourSuffixes.flatMap(suffix => files.get(key + suffix) ?? []),
        );
    }
    return databases;
  }

  /** Both are stored as plain files, as they are: what only looked like a database and its log did so at its capture, too. */
  #isKnownPair(known: ReadonlyMap<string, TreeNode>, file: Looked, log: Looked): boolean {
    return isSameFile(known.get(nameKey(file.name)), file.facts) && isSameFile(known.get(nameKey(log.name)), log.facts);
  }

  #hasMagic(file: Looked): boolean {
    return file.facts.sizeBytes >= magicBytes && looksLikeDatabase(this.#headOrNothing(file.path));
  }

  /** What cannot be opened is reported when its turn to be stored comes. */
  #headOrNothing(path: Uint8Array): Uint8Array {
    try {
      return this.#head(path);
    } catch {
      return new Uint8Array(0);
    }
  }

  #head(path: Uint8Array): Uint8Array {
    const head = new Uint8Array(magicBytes);
    const file = openSync(this.absolute(path), 'r');
    try {
      return head.subarray(0, readSync(file, head, 0, magicBytes, 0));
    } finally {
      closeSync(file);
    }
  }

  async #entry(
    item: Looked,
    known: ReadonlyMap<string, TreeNode>,
    neighbours: readonly Looked[] | undefined,
  ): Promise<Entry | undefined> {
    const { name, path, facts } = item;
    const previous = known.get(nameKey(name));
    if (item.kind === 'dir') {
      try {
        return await this.folder(name, path, facts, previous?.type === 'dir' ? previous : undefined);
      } catch (error) {
        if (systemCode(error) === undefined) throw error;
        const kept = this.#omit(path, reasonOf(error), previous);
        return kept ?? { kind: 'dir', name, path, facts, previous, entries: [], unchanged: false };
      }
    }
    if (item.kind === 'symlink') {
      let target: Uint8Array;
      try {
        target = readlinkSync(this.absolute(path), { encoding: 'buffer' });
      } catch (error) {
        return this.#omit(path, reasonOf(error), previous); // it went away, or is no link any more
      }
      const unchanged =
        previous?.type === 'symlink' && compareBytes(previous.linkTarget ?? new Uint8Array(0), target) === 0;
      if (!unchanged) this.totals.differences += 1;
      return {
        kind: 'symlink',
        name,
        path,
        facts,
        previous,
        target,
        unchanged: unchanged && sameFacts(previous, facts),
      };
    }
    return neighbours === undefined ? this.#file(item, previous) : this.#database(item, previous, neighbours, known);
  }

  #file(item: Looked, previous: TreeNode | undefined): Entry | undefined {
    const { name, path, facts } = item;
    const unchanged = isSameFile(previous, facts) && this.#hasContent(previous);
    if (!unchanged && facts.sizeBytes > 0) {
      try {
        this.#head(path);
      } catch (error) {
        return this.#omit(path, reasonOf(error), previous);
      }
    }
    this.#count(facts.sizeBytes, unchanged);
    return { kind: 'file', name, path, facts, previous, unchanged };
  }

  async #database(
    item: Looked,
    previous: TreeNode | undefined,
    neighbours: readonly Looked[],
    known: ReadonlyMap<string, TreeNode>,
  ): Promise<DatabaseEntry> {
    const { name, path, facts } = item;
    const unchanged =
      previous?.type === 'file' &&
      this.#hasContent(previous) &&
      (await this.#context.isDatabaseUnchanged(path, this.absolute(path)));
    this.#count(facts.sizeBytes, unchanged);
    const previousNeighbours = neighbourSuffixes.flatMap(suffix => known.get(nameKey(name) + suffix) ?? []);
    return {
      kind: 'database',
      name,
      path,
      facts,
      previous,
      unchanged,
      previousNeighbours,
      neighbours: neighbours.map(each => ({
        kind: 'file',
        name: each.name,
        path: each.path,
        facts: each.facts,
        previous: known.get(nameKey(each.name)),
        unchanged: false,
      })),
    };
  }

  #count(sizeBytes: number, unchanged: boolean): void {
    this.totals.files += 1;
    this.totals.bytes += sizeBytes;
    if (unchanged) return;
    this.totals.changedFiles += 1;
    this.totals.changedBytes += sizeBytes;
    this.totals.differences += 1;
  }

  #hasContent(node: TreeNode | undefined): boolean {
    return node?.content?.every(id => this.#context.repository.has('data', id)) ?? false;
  }

  /** Records what cannot be stored now; where the parent snapshot has it, that version stays. */
  #omit(path: Uint8Array, reason: OmissionReason, previous: TreeNode | undefined): KeptEntry | undefined {
    this.omitted.push({ path: displayPath(path), reason, ...(previous && { kept: true }) });
    return previous && { kind: 'kept', name: previous.name, previous, unchanged: true };
  }
}

/** A log, journal or index beside its database, which it belongs to. */
function isNeighbour(name: Uint8Array, names: { has(key: string): boolean }): boolean {
  const key = nameKey(name);
  return neighbourSuffixes.some(suffix => key.endsWith(suffix) && names.has(key.slice(0, -suffix.length)));
}

/** restic's test for an unchanged file: size, times of content and inode, and the inode itself. */
function isSameFile(node: TreeNode | undefined, facts: FileFacts): boolean {
  return node?.type === 'file' && node.sizeBytes === facts.sizeBytes && sameFacts(node, facts);
}

function sameFacts(node: TreeNode | undefined, facts: FileFacts): boolean {
  return node?.mtimeNs === facts.mtimeNs && node.ctimeNs === facts.ctimeNs && node.inode === facts.inode;
}
