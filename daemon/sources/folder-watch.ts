// Events of one folder and everything below it, through chokidar.
//
// Where the system watches whole trees (macOS, Windows) one recursive watcher does it. Elsewhere each folder gets a watcher of its
// own, started one after the other: one recursive watcher of chokidar 6 looks into all folders at once when it starts, which took
// 356 MB for 50,000 files in 200 folders where this takes 120 (measured; about 12 kB a folder stay).

import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type ChokidarOptions, type FSWatcher, watch } from 'chokidar';
import { systemCode } from '../base/errors.ts';

const folderEvents = ['add', 'addDir', 'change', 'unlink', 'unlinkDir'] as const;
export type FolderEvent = (typeof folderEvents)[number];

export interface FolderListener {
  /** Absolute paths. `stats` is undefined when only the name is known; then the answer must hold for any kind of file. */
  isIgnored(path: string, stats: Stats | undefined): boolean;
  onEvent(event: FolderEvent, path: string, stats: Stats | undefined): void;
  onError(error: unknown): void;
}

export interface FolderWatch {
  /** Looks after what events may have missed: folders that were replaced so fast that nobody saw them go. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Resolves when the folder is watched. A root that is missing, or goes away, is waited for. Links are not followed.
 * @param isRecursive whether the system can watch a tree; given by tests
 */
export async function watchFolder(
  root: string,
  listener: FolderListener,
  isRecursive = process.platform === 'darwin' || process.platform === 'win32',
): Promise<FolderWatch> {
  if (isRecursive) {
    const watcher = watch(root, optionsFor(listener));
    for (const event of folderEvents) watcher.on(event, (path, stats) => listener.onEvent(event, path, stats));
    watcher.on('error', listener.onError);
    await started(watcher);
    return { refresh: async () => {}, close: () => watcher.close() };
  }
  return await new FolderTree(root, listener).open();
}

interface WatchedFolder {
  readonly watcher: FSWatcher;
  readonly inode: bigint;
}

/** One watcher for each folder; new folders join, vanished ones leave. */
class FolderTree implements FolderWatch {
  readonly #root: string;
  readonly #listener: FolderListener;
  readonly #folders = new Map<string, WatchedFolder>();
  /** Sees the root come and go, and nothing else. */
  #gate: FSWatcher | undefined;
  /** Folders join one after the other: the memory of a start is that of its largest folder. */
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(root: string, listener: FolderListener) {
    this.#root = root;
    this.#listener = listener;
  }

  async open(): Promise<this> {
    // Refused once its kind is known: chokidar asks about the name alone for the folders above as well, which it must see.
    const ignored = (path: string, stats?: Stats): boolean => stats !== undefined && path !== this.#root;
    const gate = watch(this.#root, { ...quietly, ignored });
    this.#gate = gate;
    gate.on('error', this.#listener.onError);
    gate.on('addDir', path => this.#joined(path));
    gate.on('unlinkDir', path => this.#left(path));
    await started(gate);
    await this.#grow(this.#root, () => {});
    return this;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    const watchers = [...this.#folders.values()].map(each => each.watcher);
    await Promise.all([this.#gate, ...watchers].map(watcher => watcher?.close()));
    this.#folders.clear();
  }

  async refresh(): Promise<void> {
    for (const [folder, { inode }] of [...this.#folders]) if ((await inodeOf(folder)) !== inode) this.#forget(folder);
    await this.#grow(this.#root, each => this.#listener.onEvent('addDir', each, undefined));
  }

  #joined(folder: string): void {
    this.#listener.onEvent('addDir', folder, undefined);
    // Told again when its watcher stands: what was put into it until then came without an event.
    void this.#grow(folder, each => this.#listener.onEvent('addDir', each, undefined));
  }

  #forget(gone: string): void {
    for (const [folder, { watcher }] of this.#folders) {
      if (folder !== gone && !folder.startsWith(`${gone}${sep}`)) continue;
      this.#folders.delete(folder);
      void watcher.close();
    }
  }

  #left(folder: string): void {
    this.#listener.onEvent('unlinkDir', folder, undefined);
    this.#forget(folder);
  }

  /** Watches the folder and those below it that are not watched yet. */
  #grow(folder: string, onWatched: (folder: string) => void): Promise<void> {
    this.#turn = this.#turn.then(() => this.#growNow(folder, onWatched)).catch(error => this.#listener.onError(error));
    return this.#turn;
  }

  async #growNow(start: string, onWatched: (folder: string) => void): Promise<void> {
    const waiting = [start];
    for (let folder = waiting.pop(); folder !== undefined && !this.#isClosed; folder = waiting.pop()) {
      const inode = await inodeOf(folder);
      if (inode === undefined) continue;
      if (!this.#folders.has(folder)) {
        await this.#watch(folder, inode);
        onWatched(folder);
      }
      // Listed after the watcher stands: what is made later comes as an event.
      for (const name of await subfolders(folder)) {
        const path = join(folder, name);
        if (!this.#listener.isIgnored(path, undefined)) waiting.push(path);
      }
    }
  }

  async #watch(folder: string, inode: bigint): Promise<void> {
    const watcher = watch(folder, { ...optionsFor(this.#listener), depth: 0 });
    this.#folders.set(folder, { watcher, inode });
    watcher.on('error', this.#listener.onError);
    for (const event of ['add', 'change', 'unlink'] as const) {
      watcher.on(event, (path, stats) => this.#listener.onEvent(event, path, stats));
    }
    // A folder's own coming and going is told by the watcher above it; only that one sees it return.
    watcher.on('addDir', path => path !== folder && this.#joined(path));
    watcher.on('unlinkDir', path => path !== folder && this.#left(path));
    await started(watcher);
  }
}

const quietly = {
  ignoreInitial: true,
  followSymlinks: false,
  ignorePermissionErrors: true,
  atomic: false,
} as const satisfies ChokidarOptions;

function optionsFor(listener: FolderListener): ChokidarOptions {
  return { ...quietly, ignored: (path, stats) => listener.isIgnored(path, stats), alwaysStat: true };
}

/** An error counts as started: it was reported, and what is not watched is left to the rescan. */
function started(watcher: FSWatcher): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  watcher.once('ready', resolve);
  watcher.once('error', () => resolve());
  return promise;
}

/** Whatever cannot be listed has no folders that could be watched: gone again, or not ours to read. */
async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

/** Undefined when there is no folder of that name. */
async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    const stat = await lstat(path, { bigint: true });
    return stat.isDirectory() ? stat.ino : undefined;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
