// Brings a snapshot back into a new folder. The tree is taken for hostile even though it is authenticated (a stolen device could have written
// it): names are checked one by one, files are made with O_EXCL inside a private staging folder beside the target, links come last and only
// when they stay inside, every byte is read back from the disk and compared with its hash (write-files.ts), and one rename makes the whole visible.
// What cannot be had is named, and everything else is restored. Ownership, set-uid bits and devices are not put back.

import { chmod, lstat, mkdir, readdir, rename, rm, rmdir, symlink, utimes } from 'node:fs/promises';
import { dirname, posix } from 'node:path';
import picomatch from 'picomatch';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { RestoredDatabase, RestoreResult, SkippedEntry } from '../../protocol/status.ts';
import { asBuffer, concat, fromUtf8, utf8 } from '../base/bytes.ts';
import { isLoss, SignetError, systemCode } from '../base/errors.ts';
import { makeFolders, privateFolder, syncFolder } from '../base/files.ts';
import type { BlobId, Repository, SnapshotId, TreeNode } from '../repository/model.ts';
import { loadManifest, manifestFolder, manifestName } from './manifest.ts';
import type { FileProgress, Manifest } from './model.ts';
import { displayPath, joinPath, nameKey } from './names.ts';
import { writeFiles } from './write-files.ts';

export { parsePath } from './names.ts';
export { drawSample, sourceOf } from './sample.ts';

const maxDepth = 512;
/** Looked at: folders that share their content can name more than anything could hold. */
const maxEntries = 20_000_000;
/** Planned and so held at once, about a kilobyte each (measured); many times what a phone with ten years of chats has. */
const maxPlanned = 2_000_000;

export interface RestoreContext {
  readonly repository: Pick<Repository, 'find' | 'loadBlob' | 'loadBlobs' | 'loadTree'>;
  readonly snapshot: { readonly id: SnapshotId; readonly tree: BlobId };
  /** Absolute path that does not exist or is an empty folder. */
  readonly target: string;
  /** Only what is of this source. */
  readonly source?: string;
  /** Globs over `<source id>/<path>`; none means everything. */
  readonly include: readonly string[];
  readonly dryRun: boolean;
  readonly platform: NodeJS.Platform;
  /** 12 hex digits, random: the end of the staging folder's name. */
  readonly mark: string;
  /** For a caller that puts what is restored elsewhere: what of the plan it wants. Folders stay private then, and can be written. */
  readonly choose?: (plan: RestorePlan) => Promise<RestorePlan>;
  /** What SQLite says of the file: 'ok' or its first complaint. */
  readonly checkDatabase: (path: Uint8Array) => Promise<string>;
  readonly freeBytes: (folder: string) => Promise<number>;
  readonly onProgress: (progress: RestoreProgress) => void;
  readonly signal: AbortSignal;
}

export type RestoreProgress = FileProgress<'scanning' | 'restoring' | 'checking'>;

export type RestoreOutcome = Pick<RestoreResult, 'files' | 'bytes' | 'databases' | 'skipped' | 'leftOut'>;

export interface PlannedEntry {
  /** `<source id>/<path>` as bytes. */
  readonly path: Uint8Array;
  readonly node: PlannedNode;
}

/** What putting it back takes: a plan holds every file of a snapshot at once. */
export type PlannedNode = Pick<TreeNode, 'type' | 'permissions' | 'mtimeNs' | 'sizeBytes' | 'content' | 'linkTarget'>;

export interface RestorePlan {
  /** Parents before children. */
  readonly folders: readonly PlannedEntry[];
  readonly files: readonly PlannedEntry[];
  readonly links: readonly PlannedEntry[];
  readonly bytes: number;
  readonly skipped: readonly SkippedEntry[];
  readonly manifest: Manifest | undefined;
}

/** @throws SignetError E_TARGET_NOT_EMPTY · E_DISK_FULL · E_NOT_FOUND (nothing matches) · E_CANCELLED; the target is untouched then */
export async function restoreSnapshot(context: RestoreContext): Promise<RestoreOutcome> {
  await atTarget(context.target, () => assertFree(context.target));
  const all = await planRestore(context);
  if (context.include.length > 0 && all.files.length + all.links.length + all.folders.length === 0) {
    throw new SignetError('E_NOT_FOUND', 'nothing in the snapshot matches the pattern', {
      params: { what: context.include.join(', ') },
    });
  }
  const plan = (await context.choose?.(all)) ?? all;
  const leftOut = leftOutOf(plan.manifest, context.include);
  if (context.dryRun) {
    return { files: plan.files.length, bytes: plan.bytes, databases: [], skipped: plan.skipped, ...leftOut };
  }
  const parent = dirname(context.target);
  const made = await atTarget(parent, () => makeFolders(parent));
  const staging = stagingOf(context.target, context.mark);
  try {
    const free = await context.freeBytes(parent);
    if (plan.bytes > free) {
      throw new SignetError('E_DISK_FULL', `restoring needs ${plan.bytes} bytes, ${free} are free`, {
        params: { need: plan.bytes, have: free },
      });
    }
    await atTarget(parent, () => mkdir(staging, { mode: privateFolder }));
    const outcome = await new Restoring(context, plan, staging).run();
    await publish(staging, context.target);
    return { ...outcome, ...leftOut };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (made !== undefined) await removeEmpty(parent, made);
    throw error;
  }
}

/** Where a restore collects what it brings back until all of it is proven: beside its target. */
export function stagingOf(target: string, mark: string): string {
  return `${target}.signet-${mark}`;
}

/** Removes the folders from `lowest` up to `highest` that were made for nothing; one that is in use by now stays. */
async function removeEmpty(lowest: string, highest: string): Promise<void> {
  for (let folder = lowest; folder.startsWith(highest); folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return; // a courtesy: the error before this one is the one to tell
    }
  }
}

/** Everything that would be written, and what would not and why. Reads trees only. */
async function planRestore(
  context: Pick<RestoreContext, 'repository' | 'snapshot' | 'source' | 'include' | 'platform' | 'signal'>,
): Promise<RestorePlan> {
  const { repository, signal, platform } = context;
  const includes = matcherOf(context.include);
  const mayHold = folderMatcherOf(context.include);
  const folders: PlannedEntry[] = [];
  const files: PlannedEntry[] = [];
  const links: PlannedEntry[] = [];
  const skipped: SkippedEntry[] = [];
  let bytes = 0;
  let entries = 0;

  const walk = async (
    nodes: readonly TreeNode[],
    folder: Uint8Array,
    depth: number,
    chosen: boolean,
  ): Promise<void> => {
    for (const node of nodes) {
      signal.throwIfAborted();
      if (++entries > maxEntries) {
        throw new SignetError('E_OBJECT_LIMIT', `the snapshot has more than ${maxEntries} entries`);
      }
      if (folders.length + files.length + links.length + skipped.length >= maxPlanned) {
        throw new SignetError(
          'E_OBJECT_LIMIT',
          `more than ${maxPlanned} entries at once: restore the snapshot in parts`,
        );
      }
      const path = joinPath(folder, node.name);
      const shown = displayPath(path);
      const unsafe = unsafeName(node.name, platform) ?? (depth > maxDepth ? 'too deep' : undefined);
      if (unsafe !== undefined) {
        skipped.push({ path: shown, reason: unsafe, code: 'E_UNSAFE_PATH' });
        continue;
      }
      const wanted = chosen || includes(shown);
      if (!wanted && node.type === 'dir' && !mayHold(shown)) continue;
      if (node.type === 'dir') {
        const at = folders.length;
        const before = files.length + links.length + folders.length;
        if (wanted) folders.push({ path, node: planned(node) });
        await walkInto(node, path, shown, depth, wanted);
        // A folder on the way to something chosen is made too, with its own times and permissions.
        if (!wanted && files.length + links.length + folders.length - at > before)
          folders.splice(at, 0, { path, node: planned(node) });
      } else if (wanted && node.type === 'file') {
        files.push({ path, node: planned(node) });
        bytes += node.sizeBytes ?? 0;
      } else if (wanted) {
        links.push({ path, node: planned(node) });
      }
    }
  };
  const walkInto = async (
    node: TreeNode,
    path: Uint8Array,
    shown: string,
    depth: number,
    chosen: boolean,
  ): Promise<void> => {
    if (node.subtree === undefined) return;
    let children: readonly TreeNode[];
    try {
      children = await repository.loadTree(node.subtree, { signal });
    } catch (error) {
      skipped.push({ path: `${shown}/`, ...lossOf(error) });
      return;
    }
    await walk(children, path, depth + 1, chosen);
  };

  const root = await repository.loadTree(context.snapshot.tree, { signal });
  let manifest: Manifest | undefined;
  try {
    manifest = await loadManifest(repository, root, { signal });
  } catch (error) {
    // Without it databases are not checked; the files themselves do not need it.
    skipped.push({ path: `${manifestFolder}/${manifestName}`, ...lossOf(error) });
  }
  const empty = new Uint8Array(0);
  const { source } = context;
  const roots = root.filter(({ name }) => nameKey(name) === source || (!source && nameKey(name) !== manifestFolder));
  if (source !== undefined && roots.length === 0) {
    throw new SignetError('E_NOT_FOUND', 'the snapshot does not hold the source', { params: { what: source } });
  }
  await walk(roots, empty, 0, context.include.length === 0);
  return { folders, files, links, bytes, skipped, manifest };
}

function planned({ type, permissions, mtimeNs, sizeBytes, content, linkTarget }: TreeNode): PlannedNode {
  return {
    type,
    permissions,
    mtimeNs,
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(content !== undefined && { content }),
    ...(linkTarget !== undefined && { linkTarget }),
  };
}

/** The name of an entry. */
export function lastPart(path: Uint8Array): Uint8Array {
  return path.subarray(path.lastIndexOf(0x2f) + 1);
}

class Restoring {
  readonly #context: RestoreContext;
  readonly #plan: RestorePlan;
  readonly #staging: Uint8Array;
  readonly #skipped: SkippedEntry[];
  readonly #written: PlannedEntry[] = [];
  #bytes = 0;

  constructor(context: RestoreContext, plan: RestorePlan, staging: string) {
    this.#context = context;
    this.#plan = plan;
    this.#staging = utf8(staging);
    this.#skipped = [...plan.skipped];
  }

  async run(): Promise<RestoreOutcome> {
    const folders = await this.#makeFolders();
    const { repository, signal } = this.#context;
    await writeFiles(this.#plan.files, {
      repository,
      signal,
      absolute: ({ path }) => this.#absolute(path),
      onWritten: entry => {
        this.#written.push(entry);
        this.#bytes += entry.node.sizeBytes ?? 0;
        this.#report('restoring', entry);
      },
      onFailed: (entry, error) => {
        if (isLoss(error)) this.#skipped.push({ path: displayPath(entry.path), ...lossOf(error) });
        else this.#skipOrThrow(entry, error);
      },
    });
    const databases = await this.#checkDatabases();
    for (const link of this.#plan.links) await this.#makeLink(link);
    if (this.#context.choose === undefined) for (const folder of folders.toReversed()) await this.#finish(folder);
    return { files: this.#written.length, bytes: this.#bytes, databases, skipped: this.#skipped };
  }

  async #makeFolders(): Promise<readonly PlannedEntry[]> {
    const made: PlannedEntry[] = [];
    for (const folder of this.#plan.folders) {
      try {
        await mkdir(this.#absolute(folder.path), { mode: privateFolder });
        made.push(folder);
      } catch (error) {
        this.#skipOrThrow(folder, error);
      }
    }
    return made;
  }

  async #checkDatabases(): Promise<readonly RestoredDatabase[]> {
    const written = new Map(this.#written.map(entry => [displayPath(entry.path), entry]));
    const databases: RestoredDatabase[] = [];
    for (const source of this.#plan.manifest?.sources ?? []) {
      for (const { path, pageSize } of source.databases) {
        const entry = written.get(`${source.id}/${path}`);
        if (entry === undefined) continue;
        this.#context.signal.throwIfAborted();
        this.#report('checking', entry);
        const check = pageSize === 0 ? 'opaque' : await this.#context.checkDatabase(this.#absolute(entry.path));
        databases.push({ path: `${source.id}/${path}`, check });
      }
    }
    return databases;
  }

  async #makeLink(entry: PlannedEntry): Promise<void> {
    const target = entry.node.linkTarget ?? new Uint8Array(0);
    if (!staysInside(entry.path, target)) {
      this.#skipped.push({ path: displayPath(entry.path), reason: 'a link that points outside' });
      return;
    }
    try {
      await symlink(asBuffer(target), this.#absolute(entry.path));
    } catch (error) {
      this.#skipOrThrow(entry, error);
    }
  }

  async #finish(folder: PlannedEntry): Promise<void> {
    const path = this.#absolute(folder.path);
    const seconds = Number(folder.node.mtimeNs) / 1e9;
    await utimes(path, seconds, seconds);
    await chmod(path, folder.node.permissions & 0o777);
  }

  /** Names that collide on this file system, or that it does not take, are left out by name; anything else stops the restore. */
  #skipOrThrow(entry: PlannedEntry, error: unknown): void {
    const code = systemCode(error);
    const reasons: Readonly<Record<string, string>> = {
      EEXIST: 'another entry has this name on this file system',
      ENOENT: 'its folder was left out',
      ENAMETOOLONG: 'the name is too long here',
      EILSEQ: 'the name is not possible here',
      EINVAL: 'the name is not possible here',
      EPERM: 'this file system does not allow it',
    };
    const reason = code === undefined ? undefined : reasons[code];
    if (reason === undefined) throw error;
    this.#skipped.push({ path: displayPath(entry.path), reason, code: 'E_UNSAFE_PATH' });
  }

  #report(phase: 'restoring' | 'checking', entry: PlannedEntry): void {
    this.#context.onProgress({
      phase,
      filesDone: this.#written.length,
      filesTotal: this.#plan.files.length,
      bytesDone: this.#bytes,
      bytesTotal: this.#plan.bytes,
      item: displayPath(lastPart(entry.path)),
    });
  }

  #absolute(path: Uint8Array): Buffer {
    return asBuffer(concat(this.#staging, utf8('/'), path));
  }
}

/**
 * Why a name of a tree must not be written, or undefined. '/', NUL, '.' and '..' are refused everywhere; what Windows reserves only there.
 */
export function unsafeName(name: Uint8Array, platform: NodeJS.Platform): string | undefined {
  if (name.length === 0) return 'an empty name';
  if (name.includes(0x2f) || name.includes(0)) return 'a name with a slash or a NUL';
  if (nameKey(name) === '.' || nameKey(name) === '..') return 'a name that points elsewhere';
  if (platform !== 'win32') return undefined;
  const text = fromUtf8(name);
  if (text === undefined) return 'a name that is not Unicode';
  if (/[<>:"\\|?*\p{Cc}]/u.test(text) || /[. ]$/.test(text)) return 'a name that Windows does not allow';
  if (/^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i.test(text)) return 'a name that Windows reserves';
  return undefined;
}

/** A relative link whose target, from its own folder, does not climb above the root of the restore. */
export function staysInside(path: Uint8Array, target: Uint8Array): boolean {
  const to = nameKey(target);
  if (to.length === 0 || to.startsWith('/') || to.includes('\0') || to.includes('\\')) return false;
  const from = posix.dirname(nameKey(path));
  const end = posix.normalize(posix.join(from, to));
  return end !== '..' && !end.startsWith('../') && !end.startsWith('/');
}

/** What rules had left out of the capture, of the part that was asked for. */
function leftOutOf(
  manifest: Manifest | undefined,
  include: readonly string[],
): { readonly leftOut?: NonNullable<RestoreResult['leftOut']> } {
  const matches = matcherOf(include);
  const isWanted = (path: string): boolean => include.length === 0 || pathsAbove(path).some(matches);
  const byReason: Record<string, { files: number; bytes: number }> = {};
  let files = 0;
  let bytes = 0;
  for (const source of manifest?.sources ?? []) {
    for (const { path, reason, byRule } of source.omitted) {
      if (byRule === undefined || !isWanted(`${source.id}/${path}`)) continue;
      const sum = byReason[reason] ?? { files: 0, bytes: 0 };
      byReason[reason] = { files: sum.files + byRule.files, bytes: sum.bytes + byRule.bytes };
      files += byRule.files;
      bytes += byRule.bytes;
    }
  }
  return files === 0 ? {} : { leftOut: { files, bytes, byReason } };
}

/** The path and every folder above it. */
function pathsAbove(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** A pattern matches a path when it matches it or a folder above it. */
export function matcherOf(patterns: readonly string[]): (path: string) => boolean {
  const matches = patterns.map(pattern => picomatch(pattern.replace(/\/+$/, ''), { dot: true }));
  return path => matches.some(match => match(path));
}

/**
 * Whether something below a folder can match one of the patterns: it lies on the way to what a pattern names before its first wildcard, or
 * below that. One file of a snapshot costs the trees on the way to it, not all of them.
 */
export function folderMatcherOf(patterns: readonly string[]): (folder: string) => boolean {
  const bases = patterns.map(pattern => (isPlain(pattern) ? picomatch.scan(pattern.replace(/\/+$/, '')).base : ''));
  return folder => bases.some(base => base === '' || isAtOrBelow(base, folder) || isAtOrBelow(folder, base));
}

/** Whether what stands before the first wildcard stands for itself. */
function isPlain(pattern: string): boolean {
  return !/^!|["\\]|\/\/|\.\//.test(pattern);
}

function isAtOrBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function lossOf(error: unknown): { readonly reason: string; readonly code: ErrorCode } {
  if (isLoss(error)) return { reason: error.message, code: error.code };
  throw error;
}

/** What keeps the folder from being used is for the person to solve, by choosing another. */
async function atTarget<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    const why = {
      ENOENT: 'is possible',
      ENOTDIR: 'is possible',
      EACCES: 'is allowed',
      EPERM: 'is allowed',
      EROFS: 'is allowed',
    };
    const code = systemCode(cause);
    if (code === undefined || !Object.hasOwn(why, code)) throw cause;
    throw new SignetError('E_USAGE', `the folder to restore to cannot be made (${code})`, {
      params: {
        detail: `no folder ${why[code as keyof typeof why]} at ${path}: choose another one to restore to`,
        path,
      },
      cause,
    });
  }
}

async function assertFree(target: string): Promise<void> {
  try {
    const found = await lstat(target);
    if (!found.isDirectory()) throw noFolder(target);
    if ((await readdir(target)).length === 0) return;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  throw new SignetError('E_TARGET_NOT_EMPTY', 'the folder to restore to is not empty', { params: { path: target } });
}

function noFolder(path: string): SignetError {
  const detail = `${path} is not a folder: name a new or empty one to restore to`;
  return new SignetError('E_USAGE', 'the place to restore to is not a folder', { params: { detail, path } });
}

async function publish(staging: string, target: string): Promise<void> {
  try {
    await rmdir(target);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') {
      throw new SignetError('E_TARGET_NOT_EMPTY', 'the folder to restore to was filled meanwhile', {
        params: { path: target },
      });
    }
    if (code !== 'ENOENT') throw error;
  }
  await rename(staging, target);
  await syncFolder(dirname(target));
}
