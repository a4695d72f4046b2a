// Compares what a restore would bring with what lies in the original place now, by content: a live file is read in the pieces whose hashes
// the backup names, so that nothing is fetched for it. Reads alone; the place is taken for hostile, and no link in it is followed.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import type { SkippedEntry } from '../../protocol/status.ts';
import { Beneath, splitLast } from '../base/beneath.ts';
import { concat, toHex, utf8 } from '../base/bytes.ts';
import { isCode, systemCode } from '../base/errors.ts';
import { looksLikeDatabase } from '../capture/capture.ts';
import { sha256 } from '../kernel/hash.ts';
import type { Repository } from '../repository/model.ts';
import { displayPath, joinPath, nameKey } from './names.ts';
import { type Found, type Live, type PlaceEntry, planPlacing } from './place-plan.ts';
import { lastPart, matcherOf, type PlannedEntry, type PlannedNode, type RestorePlan, staysInside } from './restore.ts';

const sidecarSuffixes = ['-wal', '-shm', '-journal'] as const;
const walMagic = [0x37, 0x7f, 0x06];
const journalMagic = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const mostBelow = 20_000_000;
const readFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export interface LiveLookOptions {
  readonly repository: Pick<Repository, 'find'>;
  /** The source in the snapshot. */
  readonly source: string;
  /** The folder on this computer, without links. */
  readonly root: string;
  /** Globs over `<source id>/<path>`. */
  readonly include: readonly string[];
  readonly onProgress: (done: { readonly files: number; readonly bytes: number; readonly item: string }) => void;
  readonly signal: AbortSignal;
}

export interface LiveLook {
  readonly entries: readonly PlaceEntry[];
  /** The plan, of what has to come back alone. */
  readonly wanted: RestorePlan;
  /** Below the source; those that are not there, parents first. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
  readonly same: number;
  /** Files of the place that the backup does not have. */
  readonly untouched: number;
}

export async function lookAtLive(plan: RestorePlan, options: LiveLookOptions): Promise<LiveLook> {
  const look = new Look(options, plan);
  try {
    return await look.run();
  } finally {
    await look.close();
  }
}

class Look {
  readonly #options: LiveLookOptions;
  readonly #plan: RestorePlan;
  readonly #live: Beneath;
  /** By path below the source. */
  readonly #planned: ReadonlyMap<string, PlannedEntry>;
  readonly #databases: ReadonlySet<string>;
  #buffer = new Uint8Array(1 << 20);

  constructor(options: LiveLookOptions, plan: RestorePlan) {
    this.#options = options;
    this.#plan = plan;
    this.#live = new Beneath(options.root);
    this.#planned = new Map([...plan.files, ...plan.links].map(entry => [nameKey(below(entry.path)), entry]));
    const source = plan.manifest?.sources.find(({ id }) => id === options.source);
    this.#databases = new Set(source?.databases.map(({ path }) => path));
  }

  close(): Promise<void> {
    return this.#live.close();
  }

  async run(): Promise<LiveLook> {
    const { signal, onProgress } = this.#options;
    const found: Found[] = [];
    const outside: SkippedEntry[] = [];
    let bytes = 0;
    for (const [at, entry] of [...this.#plan.files, ...this.#plan.links].entries()) {
      signal.throwIfAborted();
      const path = below(entry.path);
      const target = entry.node.linkTarget;
      const live = await this.#liveAt(path, entry.node);
      if (entry.node.type !== 'file' && live !== 'same' && !staysInside(path, target ?? new Uint8Array(0))) {
        outside.push({ path: displayPath(path), reason: 'a link that points outside' });
        continue;
      }
      found.push({ path: displayPath(path), live, ...(await this.#sidecarsOf(path, live)) });
      bytes += entry.node.sizeBytes ?? 0;
      onProgress({ files: at + 1, bytes, item: displayPath(lastPart(entry.path)) });
    }
    const { entries, same, skipped } = planPlacing(found);
    const coming = new Set(entries.map(({ path }) => path));
    const isComing = (entry: PlannedEntry): boolean => coming.has(displayPath(below(entry.path)));
    const files = this.#plan.files.filter(isComing);
    const moved = new Set(entries.filter(({ kind }) => kind === 'moved-away').map(({ path }) => path));
    return {
      entries,
      wanted: {
        ...this.#plan,
        files,
        links: this.#plan.links.filter(isComing),
        bytes: files.reduce((sum, { node }) => sum + (node.sizeBytes ?? 0), 0),
        skipped: [
          ...this.#plan.skipped,
          ...[...outside, ...skipped].map(each => ({ ...each, path: `${this.#options.source}/${each.path}` })),
        ],
      },
      folders: await this.#missingFolders(),
      same,
      untouched: await this.#others(moved),
    };
  }

  async #liveAt(path: Uint8Array, node: PlannedNode): Promise<Live> {
    const [folder, name] = splitLast(path);
    try {
      return await this.#live.in(folder, async at => {
        const found = await lstat(at(name));
        if (found.isDirectory()) return 'folder';
        if (node.type !== 'file') {
          const isSame = found.isSymbolicLink() && sameLink(await readlink(at(name), 'buffer'), node);
          return isSame ? 'same' : 'other';
        }
        if (!found.isFile() || found.size !== (node.sizeBytes ?? 0)) return 'other';
        return (await this.#isSame(at(name), node)) ? 'same' : 'other';
      });
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return 'absent';
      if (isCode(error, 'E_UNSAFE_PATH')) return 'barred';
      throw error;
    }
  }

  /** By the backup's own hashes; what cannot be read is something else. */
  async #isSame(path: Buffer, node: PlannedNode): Promise<boolean> {
    let file: FileHandle;
    try {
      file = await open(path, readFlags);
    } catch (error) {
      if (['EACCES', 'EPERM', 'ELOOP', 'EBUSY'].includes(systemCode(error) ?? '')) return false;
      throw error;
    }
    try {
      if (!(await file.stat()).isFile()) return false;
      for (const id of node.content ?? []) {
        this.#options.signal.throwIfAborted();
        const length = this.#options.repository.find('data', id)?.plainBytes;
        if (length === undefined) return false; // a part of the backup is lost: the restore tells which
        if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
        const bytes = this.#buffer.subarray(0, length);
        for (let at = 0; at < length; ) {
          const { bytesRead } = await file.read(bytes, at, length - at, null);
          if (bytesRead === 0) return false;
          at += bytesRead;
        }
        if (toHex(sha256(bytes)) !== id) return false;
      }
      return (await file.read(new Uint8Array(1), 0, 1, null)).bytesRead === 0;
    } catch (error) {
      if (systemCode(error) === 'EIO') return false;
      throw error;
    } finally {
      await file.close();
    }
  }

  async #sidecarsOf(path: Uint8Array, live: Live): Promise<Pick<Found, 'isDatabase' | 'sidecars'>> {
    const sidecars: Found['sidecars'][number][] = [];
    if (live === 'folder' || live === 'barred') return { isDatabase: false, sidecars };
    let isDatabase = this.#databases.has(displayPath(path));
    for (const suffix of sidecarSuffixes) {
      const beside = concat(path, utf8(suffix));
      if (this.#planned.has(nameKey(beside))) continue; // the backup brings its own
      const head = await this.#headOf(beside);
      if (head === undefined) continue;
      const isActive =
        (suffix === '-wal' && startsWith(head, walMagic)) || (suffix === '-journal' && startsWith(head, journalMagic));
      sidecars.push({ path: displayPath(beside), isActive });
    }
    // A backup that another tool made names no databases: then the file that is there tells.
    if (!isDatabase && sidecars.length > 0) {
      const head = await this.#headOf(path);
      isDatabase = sidecars.some(({ isActive }) => isActive) || (head !== undefined && looksLikeDatabase(head));
    }
    return { isDatabase, sidecars };
  }

  /** The first bytes of a file, none where it cannot be read; undefined where there is none. */
  async #headOf(path: Uint8Array): Promise<Uint8Array | undefined> {
    const [folder, name] = splitLast(path);
    try {
      return await this.#live.in(folder, async at => {
        if (!(await lstat(at(name))).isFile()) return undefined;
        const file = await open(at(name), readFlags);
        try {
          const head = new Uint8Array(16);
          const { bytesRead } = await file.read(head, 0, head.length, 0);
          return head.subarray(0, bytesRead);
        } finally {
          await file.close();
        }
      });
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || isCode(error, 'E_UNSAFE_PATH')) return undefined;
      if (code === 'EACCES' || code === 'EPERM') return new Uint8Array(0);
      throw error;
    }
  }

  async #missingFolders(): Promise<LiveLook['folders']> {
    const missing: LiveLook['folders'][number][] = [];
    for (const { path, node } of this.#plan.folders) {
      const folder = below(path);
      if (folder.length === 0) continue;
      try {
        await this.#live.in(folder, async () => undefined);
      } catch (error) {
        if (systemCode(error) === 'ENOENT') missing.push({ path: displayPath(folder), mode: node.permissions & 0o777 });
        else if (!isCode(error, 'E_UNSAFE_PATH')) throw error;
      }
    }
    return missing;
  }

  /** Files in the part that was asked for that the backup does not have. */
  async #others(moved: ReadonlySet<string>): Promise<number> {
    const { include, source, signal } = this.#options;
    const includes = matcherOf(include);
    let count = 0;
    let entries = 0;
    const walk = async (folder: Uint8Array): Promise<void> => {
      signal.throwIfAborted();
      const names = await this.#live.in(folder, at =>
        readdir(at(utf8('.')), { withFileTypes: true, encoding: 'buffer' }),
      );
      for (const entry of names) {
        if (++entries > mostBelow) return;
        const path = joinPath(folder, entry.name);
        if (entry.isDirectory()) await walk(path).catch(passOver);
        else if (!this.#planned.has(nameKey(path)) && !moved.has(displayPath(path))) {
          if (isChosen(includes, `${source}/${displayPath(path)}`)) count += 1;
        }
      }
    };
    await walk(new Uint8Array(0)).catch(passOver);
    return count;
  }
}

/** A folder that went meanwhile, or that may not be read, counts as empty: the number is for a person's eye. */
function passOver(error: unknown): void {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EPERM' || isCode(error, 'E_UNSAFE_PATH')) return;
  throw error;
}

function isChosen(includes: (path: string) => boolean, path: string): boolean {
  const parts = path.split('/');
  return parts.some((_, at) => includes(parts.slice(0, at + 1).join('/')));
}

/** Without the source's own folder. */
function below(path: Uint8Array): Uint8Array {
  const at = path.indexOf(0x2f);
  return at === -1 ? new Uint8Array(0) : path.subarray(at + 1);
}

function sameLink(target: Uint8Array, node: PlannedNode): boolean {
  return nameKey(target) === nameKey(node.linkTarget ?? new Uint8Array(0));
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, at) => bytes[at] === byte);
}
