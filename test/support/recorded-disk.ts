// A disk that remembers what was written to it in which order, and what of that was synced. From the record of one run it makes what a loss of
// power at any moment of that run may leave behind: names stand once their folder was synced, bytes once their file was; of what was not,
// anything may be there. state.db counts as synced with each statement, as SQLite does that itself (synchronous=FULL). Linux alone.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Seeded } from '../../scripts/lib/seeded.ts';
import { physicalOf, standIns } from './stand-in.ts';

type NodeId = number;
/** One name in a folder; without a node it goes away. */
type Naming = { readonly folder: NodeId; readonly name: string; readonly node?: NodeId };

type Write = { readonly path: string } & (
  | { readonly kind: 'make'; readonly node: NodeId; readonly isFolder: boolean; readonly names: readonly Naming[] }
  | { readonly kind: 'bytes'; readonly node: NodeId; readonly bytes: Buffer }
  | { readonly kind: 'names'; readonly names: readonly Naming[] }
  | { readonly kind: 'sync' | 'sync-folder'; readonly node: NodeId }
  | { readonly kind: 'stored'; readonly node: NodeId; readonly names: readonly Naming[]; readonly bytes: Buffer }
);

export type Kept =
  /** The process alone is gone. */
  | { readonly kind: 'all' }
  /** The power is gone, and with it all that was not synced. */
  | { readonly kind: 'synced' }
  /** The power is gone; later things are there, earlier ones are not. */
  | { readonly kind: 'some'; readonly random: Seeded };

/** Where a moment lies: `remote` for objects in the folder that stands for the cloud. */
export type Moment = 'remote before' | 'remote half-way' | 'remote after' | 'local';

export interface Recording {
  /** Moments are counted from 0, before the first write, to this: after the last. */
  readonly writes: number;
  /** By which a failure is told. */
  named(moment: number): string;
  momentOf(moment: number, remoteFolder: string): Moment;
  /** Whether something was not synced then. */
  isLoose(moment: number): boolean;
  /** What is there after the death. */
  remains(moment: number, kept: Kept): Remains;
}

export interface Remains {
  /** The same for the same files with the same bytes. */
  readonly digest: string;
  /** Puts it where the run was, in place of what is there. */
  write(): void;
}

interface Live {
  readonly id: NodeId;
  readonly names?: Map<string, Live>;
}

const namesOf = (node: Live | undefined): Map<string, Live> => node?.names ?? new Map();

/** Runs the work; what it does to files below the folder is recorded. Only one at a time in a process. */
export async function recorded(folder: string, work: () => Promise<unknown>): Promise<Recording> {
  const writes: Write[] = [];
  let nodes = 0;
  const first = new Map<NodeId, Buffer | readonly Naming[]>();
  const scan = (path: string): Live => {
    const id = nodes++;
    const names = new Map<string, Live>();
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) names.set(entry.name, scan(join(path, entry.name)));
      else if (entry.isFile() && !entry.name.endsWith('.db-shm')) {
        const node = { id: nodes++ };
        first.set(node.id, readFileSync(join(path, entry.name)));
        names.set(entry.name, node);
      }
    }
    first.set(
      id,
      [...names].map(([name, node]) => ({ folder: id, name, node: node.id })),
    );
    return { id, names };
  };
  const root = scan(folder);
  const giveBack = watchFiles(folder, new Recorder(folder, root, writes, () => nodes++));
  try {
    await work();
  } finally {
    giveBack();
  }
  return recordingOf(folder, root.id, first, writes);
}

class Recorder {
  readonly #folder: string;
  readonly #root: Live;
  readonly #writes: Write[];
  readonly #next: () => NodeId;
  readonly #databases = new Map<string, string>();

  constructor(folder: string, root: Live, writes: Write[], next: () => NodeId) {
    this.#folder = folder;
    this.#root = root;
    this.#writes = writes;
    this.#next = next;
    for (const path of this.#databaseFiles()) this.#databases.set(path, digestOf(readFileSync(path)));
  }

  at(path: string): Live | undefined {
    let node: Live | undefined = this.#root;
    for (const name of relative(this.#folder, path).split(sep)) if (name !== '') node = namesOf(node).get(name);
    return node;
  }

  #above(path: string): { readonly folder: Live; readonly name: string } {
    const folder = this.at(dirname(path));
    if (folder?.names === undefined) throw new Error(`${path}: its folder was made unseen`);
    return { folder, name: path.slice(dirname(path).length + 1) };
  }

  made(path: string, isFolder: boolean): void {
    if (this.at(path) !== undefined) return;
    const { folder, name } = this.#above(path);
    const node: Live = { id: this.#next(), ...(isFolder && { names: new Map() }) };
    namesOf(folder).set(name, node);
    const names = [{ folder: folder.id, name, node: node.id }];
    this.#writes.push({ kind: 'make', path, node: node.id, isFolder, names });
  }

  filled(path: string, bytes: Buffer): void {
    const node = this.at(path);
    if (node !== undefined) this.#writes.push({ kind: 'bytes', path, node: node.id, bytes });
  }

  moved(from: string, to: string): void {
    const node = this.at(from);
    if (node === undefined) throw new Error(`${from}: was made unseen`);
    const [old, next] = [this.#above(from), this.#above(to)];
    namesOf(old.folder).delete(old.name);
    namesOf(next.folder).set(next.name, node);
    const names = [
      { folder: next.folder.id, name: next.name, node: node.id },
      { folder: old.folder.id, name: old.name },
    ];
    this.#writes.push({ kind: 'names', path: to, names });
  }

  linked(from: string, to: string): void {
    const node = this.at(from);
    if (node === undefined) throw new Error(`${from}: was made unseen`);
    const { folder, name } = this.#above(to);
    namesOf(folder).set(name, node);
    this.#writes.push({ kind: 'names', path: to, names: [{ folder: folder.id, name, node: node.id }] });
  }

  gone(path: string): void {
    if (this.at(path) === undefined) return;
    const { folder, name } = this.#above(path);
    namesOf(folder).delete(name);
    this.#writes.push({ kind: 'names', path, names: [{ folder: folder.id, name }] });
  }

  synced(path: string): void {
    const node = this.at(path);
    if (node === undefined) return;
    this.#writes.push({ kind: node.names === undefined ? 'sync' : 'sync-folder', path, node: node.id });
  }

  /** A statement was run: what SQLite wrote for it is on the disk. */
  stored(): void {
    for (const path of this.#databaseFiles()) {
      const bytes = readFileSync(path);
      const digest = digestOf(bytes);
      if (this.#databases.get(path) === digest) continue;
      this.#databases.set(path, digest);
      const { folder, name } = this.#above(path);
      const known = namesOf(folder).get(name);
      const node = known ?? { id: this.#next() };
      namesOf(folder).set(name, node);
      const names = [{ folder: folder.id, name, node: node.id }];
      this.#writes.push({ kind: 'stored', path, node: node.id, names, bytes });
    }
  }

  #databaseFiles(): readonly string[] {
    const state = join(this.#folder, 'home', 'state');
    return [state, join(state, 'fresh')]
      .flatMap(each => ['state.db', 'state.db-wal'].map(name => join(each, name)))
      .filter(path => existsSync(path));
  }
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

/** Stands in front of Node's own functions until it is given back. */
function watchFiles(folder: string, disk: Recorder): () => void {
  const { replace, begin, giveBack } = standIns();
  const files = fs as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  /** @param after told where the paths lead, once the call was made */
  const follow = (name: string, paths: 1 | 2, after: (from: string, to: string) => void): void => {
    const real = files[name];
    if (real === undefined) throw new Error(`no ${name}`);
    replace(files, name, async (...args) => {
      const [from, to] = [physicalOf(args[0]), physicalOf(args[paths - 1])];
      const answer = await real(...args);
      if (isBelow(folder, to)) after(from ?? '', to);
      return answer;
    });
  };
  const fill = (path: string): void => disk.filled(path, readFileSync(path));
  follow('mkdir', 1, path => {
    const above = (at: string): void => {
      if (disk.at(at) === undefined) {
        above(dirname(at));
        disk.made(at, true);
      }
    };
    above(path);
  });
  for (const name of ['rm', 'rmdir', 'unlink']) follow(name, 1, path => disk.gone(path));
  follow('rename', 2, (from, to) => disk.moved(from, to));
  follow('link', 2, (from, to) => disk.linked(from, to));
  for (const name of ['copyFile', 'writeFile']) {
    follow(name, name === 'copyFile' ? 2 : 1, (_, path) => {
      disk.made(path, false);
      fill(path);
    });
  }
  const { open } = fs;
  replace(fs, 'open', async (...args: Parameters<typeof open>) => {
    const path = physicalOf(args[0]);
    const handle = await open(...args);
    if (!isBelow(folder, path)) return handle;
    const isThere = disk.at(path) !== undefined;
    const writes = typeof args[1] === 'string' ? !/^r$/.test(args[1]) : ((args[1] ?? 0) & 3) !== 0;
    if (writes && !isThere) disk.made(path, false);
    followHandle(handle, path, disk);
    return handle;
  });
  const { run } = StatementSync.prototype;
  replace(StatementSync.prototype, 'run', function (this: StatementSync, ...args: Parameters<typeof run>) {
    const answer = run.apply(this, args);
    disk.stored();
    return answer;
  } as typeof run);
  const { exec } = DatabaseSync.prototype;
  replace(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql) {
    exec.call(this, sql);
    disk.stored();
  });
  begin();
  return giveBack;
}

function followHandle(handle: FileHandle, path: string, disk: Recorder): void {
  const calls = handle as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const name of ['write', 'writev', 'writeFile', 'appendFile', 'truncate']) {
    const real = calls[name]?.bind(handle);
    if (real === undefined) continue;
    calls[name] = async (...args) => {
      const answer = await real(...args);
      disk.filled(path, readFileSync(`/proc/self/fd/${handle.fd}`));
      return answer;
    };
  }
  for (const name of ['sync', 'datasync']) {
    const real = calls[name]?.bind(handle);
    calls[name] = async () => {
      await real?.();
      disk.synced(path);
    };
  }
}

const isBelow = (folder: string, path: string | undefined): path is string =>
  path === folder || path?.startsWith(folder + sep) === true;

/** The disk after so many of the writes. */
class Disk {
  readonly #bytes = new Map<NodeId, { synced: Buffer | undefined; now: Buffer }>();
  readonly #names = new Map<NodeId, Map<string, NodeId>>();
  /** Changes of names in folders that were not synced since; what belongs together comes true together. */
  #loose: (readonly Naming[])[] = [];

  constructor(first: ReadonlyMap<NodeId, Buffer | readonly Naming[]>) {
    for (const [id, is] of first) {
      if (Buffer.isBuffer(is)) this.#bytes.set(id, { synced: is, now: is });
      else this.#names.set(id, new Map(is.map(({ name, node }) => [name, node ?? -1])));
    }
  }

  apply(write: Write): void {
    switch (write.kind) {
      case 'make':
        if (write.isFolder) this.#names.set(write.node, new Map());
        else this.#bytes.set(write.node, { synced: undefined, now: Buffer.alloc(0) });
        this.#loose.push(write.names);
        break;
      case 'bytes': {
        const synced = this.#bytes.get(write.node)?.synced;
        this.#bytes.set(write.node, { synced, now: write.bytes });
        break;
      }
      case 'names':
        this.#loose.push(write.names);
        break;
      case 'sync': {
        const now = this.#bytes.get(write.node)?.now;
        if (now !== undefined) this.#bytes.set(write.node, { synced: now, now });
        break;
      }
      case 'sync-folder': {
        const isOfFolder = (names: readonly Naming[]): boolean => names.some(({ folder }) => folder === write.node);
        this.#settle(this.#loose.filter(isOfFolder));
        this.#loose = this.#loose.filter(names => !isOfFolder(names));
        break;
      }
      case 'stored':
        this.#bytes.set(write.node, { synced: write.bytes, now: write.bytes });
        this.#settle([write.names]);
        break;
    }
  }

  #settle(changes: readonly (readonly Naming[])[], into = this.#names): void {
    for (const { folder, name, node } of changes.flat()) {
      if (node === undefined) into.get(folder)?.delete(name);
      else into.get(folder)?.set(name, node);
    }
  }

  get isLoose(): boolean {
    return this.#loose.length > 0 || [...this.#bytes.values()].some(({ synced, now }) => synced !== now);
  }

  /** Files with their bytes, folders with undefined, by path. */
  remains(root: NodeId, kept: Kept): Map<string, Buffer | undefined> {
    const names = new Map([...this.#names].map(([id, each]) => [id, new Map(each)]));
    const isKept = (): boolean => kept.kind === 'all' || (kept.kind === 'some' && kept.random.chance(0.5));
    this.#settle(
      this.#loose.filter(() => isKept()),
      names,
    );
    const bytesOf = (id: NodeId): Buffer => {
      const { synced = Buffer.alloc(0), now } = this.#bytes.get(id) ?? { now: Buffer.alloc(0) };
      if (kept.kind === 'all' || synced === now) return now;
      if (kept.kind === 'synced') return synced;
      // Sizes may be written before bytes, and bytes in any order.
      return kept.random.pick([synced, now, Buffer.alloc(now.length), now.subarray(0, now.length >> 1)]);
    };
    const found = new Map<string, Buffer | undefined>();
    const walk = (id: NodeId, path: string): void => {
      for (const [name, node] of names.get(id) ?? []) {
        const below = join(path, name);
        if (!names.has(node)) found.set(below, bytesOf(node));
        else {
          found.set(below, undefined);
          walk(node, below);
        }
      }
    };
    walk(root, '');
    return found;
  }
}

function recordingOf(
  folder: string,
  root: NodeId,
  first: ReadonlyMap<NodeId, Buffer | readonly Naming[]>,
  writes: readonly Write[],
): Recording {
  const diskAt = (moment: number): Disk => {
    const disk = new Disk(first);
    for (const write of writes.slice(0, moment)) disk.apply(write);
    return disk;
  };
  return {
    writes: writes.length,
    named(moment) {
      const write = writes[moment - 1];
      return write === undefined ? 'before all' : `after ${moment}: ${write.kind} ${relative(folder, write.path)}`;
    },
    momentOf(moment, remoteFolder) {
      const isRemote = (write: Write | undefined): write is Write => write?.path.startsWith(remoteFolder) === true;
      const [last, next] = [writes[moment - 1], writes[moment]];
      if (isRemote(last)) {
        const isFinished = !last.path.includes('.tmp-') && !(last.kind === 'make' && last.isFolder);
        return isFinished ? 'remote after' : 'remote half-way';
      }
      return isRemote(next) ? 'remote before' : 'local';
    },
    isLoose: moment => diskAt(moment).isLoose,
    remains(moment, kept) {
      const found = diskAt(moment).remains(root, kept);
      const hash = createHash('sha256');
      for (const [path, bytes] of [...found].sort(([a], [b]) => (a < b ? -1 : 1))) {
        hash.update(`${path}\0${bytes === undefined ? 'folder' : digestOf(bytes)}\n`);
      }
      return {
        digest: hash.digest('hex'),
        write() {
          rmSync(folder, { recursive: true, force: true });
          mkdirSync(folder, { mode: 0o700 });
          for (const [path, bytes] of found) {
            if (bytes === undefined) mkdirSync(join(folder, path), { mode: 0o700 });
            else writeFileSync(join(folder, path), bytes, { mode: 0o600 });
          }
        },
      };
    },
  };
}
