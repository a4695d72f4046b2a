// A remote that is a folder: a disk, a mounted share, or one that a sync app carries to a cloud.
// An object appears under its name only when it is whole and on the disk: written aside, synced, renamed, its folder synced.
// A root that is missing is unreachable and is never created here, or an unplugged disk would be "backed up" to its mount point;
// only prepareFolder, at set-up, creates one. Symbolic links below the root are not followed.

import { randomBytes } from 'node:crypto';
import { constants, type Dirent, type Stats } from 'node:fs';
import {
  access,
  copyFile,
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SignetError, systemCode } from '../base/errors.ts';
import { makeFolders, privateFile, privateFolder, readFully, syncFolder } from '../base/files.ts';
import { checkKey, refuseMirror, temporaryPrefix } from './keys.ts';
import type { Remote, RemoteBody, RemoteEntry, RemoteKey } from './remote.ts';

/** How sync apps name the second version of a file ("x (conflicted copy 2026-01-02)", "x (1)"). Never a finished object's name. */
const conflictName = /conflict|\(\d+\)$/i;
/** Temporary files of ours that are older than this belong to a process that died. */
const staleTemporaryMs = 24 * 3600 * 1000;

/** Creates the folder for a new repository (and its parents). Existing content stays. */
export async function prepareFolder(path: string): Promise<void> {
  try {
    const made = await makeFolders(path, privateFolder);
    const found = await stat(path);
    if (!found.isDirectory()) throw new SignetError('E_REMOTE_DENIED', `${path} is not a folder`, { params: { path } });
    // Else a loss of power would take the place away, name and all, although everything in it was synced.
    for (let each = path; made !== undefined; each = dirname(each)) {
      await syncFolder(dirname(each));
      if (each === made || each === dirname(each)) break;
    }
  } catch (error) {
    // Where nothing was stored nothing can be missing: file systems such as /proc say so of a folder they do not let one make.
    const isRefused = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
    if (!isRefused) throw classify(error, path, label(path));
    const params = { remote: label(path) };
    throw new SignetError('E_REMOTE_DENIED', `${path}: no folder can be made there`, { params, cause: error });
  }
}

/** What is deleted must be the folder that was named, not one that a link put in its place. @throws E_REMOTE_DENIED */
export async function refuseLinkedFolder(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isDirectory()) return;
  } catch (error) {
    throw classify(error, path, label(path));
  }
  throw new SignetError('E_REMOTE_DENIED', `${path} is a link: what it leads to is not deleted`, {
    params: { remote: label(path) },
  });
}

/**
 * The folders a repository makes, the inner ones first, once their objects are deleted; unfinished uploads of ours in them go too. Other
 * folders stay, and so does everything that is not empty.
 */
export async function removeEmptyFolders(root: string): Promise<void> {
  const inner = ['signet/heads', 'signet/vault', 'signet', 'data', 'index', 'snapshots', 'keys', 'locks'];
  for (const folder of inner) {
    const path = join(root, folder);
    if ((await realpath(path).catch(() => undefined)) !== join(await realpath(root), folder)) continue; // not there, or a link
    const isOfData = folder === 'data' || folder === 'signet/heads';
    for (const name of isOfData ? await readdir(path) : []) {
      if (/^(?:[0-9a-f]{2}|[0-9a-f]{16})$/.test(name)) await removeIfEmpty(join(path, name));
    }
    await removeIfEmpty(path);
  }
  await removeIfEmpty(root);
}

/** rmdir removes nothing but an empty folder, and follows no link. */
async function removeIfEmpty(path: string): Promise<void> {
  try {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.isFile() && entry.name.startsWith(temporaryPrefix)) await rm(join(path, entry.name), { force: true });
    }
    await rmdir(path);
  } catch (error) {
    const stays = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'ENOENT', 'EBUSY', 'EPERM', 'EACCES'];
    if (!stays.includes(systemCode(error) ?? '')) throw classify(error, path, label(path));
  }
}

const label = (root: string): string => `the folder ${basename(resolve(root))}`;

/** The one place where a system error becomes an error of the taxonomy. */
function classify(error: unknown, what: string, place: string): unknown {
  const code = systemCode(error);
  if (code === undefined || error instanceof SignetError) return error;
  const params = { remote: place };
  switch (code) {
    case 'ENOENT':
      return new SignetError('E_MISSING', `${what}: no such object`, { params, cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ELOOP':
      return new SignetError('E_REMOTE_DENIED', `${what}: ${place} refuses it (${code})`, { params, cause: error });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new SignetError('E_REMOTE_FULL', `${what}: ${place} is full (${code})`, { params, cause: error });
    default:
      return new SignetError('E_UNREACHABLE', `${what}: ${place} does not answer (${code})`, { params, cause: error });
  }
}

/** @param root absolute path of an existing folder */
export function createFolderRemote(root: string): Remote {
  const place = label(root);
  let identity: Pick<Stats, 'dev' | 'ino'> | undefined;
  let swept: Promise<number> | undefined;

  const unreachable = (why: string, cause?: unknown): SignetError =>
    new SignetError('E_UNREACHABLE', `${place} ${why}`, { params: { remote: place }, cause });

  /** The real path of the root. A root that became another folder must hold the repository, else its disk is not mounted. */
  async function reachRoot(): Promise<string> {
    let found: Stats;
    try {
      found = await stat(root);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EACCES' || code === 'EPERM') throw classify(error, root, place);
      throw unreachable(`is not there (${code})`, error);
    }
    if (!found.isDirectory()) throw unreachable('is not a folder');
    if (identity !== undefined && (identity.dev !== found.dev || identity.ino !== found.ino)) {
      const config = await lstat(join(root, 'config')).catch(() => undefined);
      if (config?.isFile() !== true) throw unreachable('is another folder than before and holds no backup');
    }
    identity = { dev: found.dev, ino: found.ino };
    return realpath(root);
  }

  const leadsOut = (key: RemoteKey): SignetError =>
    new SignetError('E_REMOTE_DENIED', `${key}: a link leads out of ${place}`, { params: { remote: place } });

  /** The object's path, after making sure that no link leads its folder out of the root. */
  async function locate(key: RemoteKey): Promise<string> {
    checkKey(key);
    const path = join(await reachRoot(), key);
    const folder = dirname(path);
    if ((await realpath(folder)) !== folder) throw leadsOut(key);
    return path;
  }

  async function call<Result>(what: string, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      throw classify(error, what, place);
    }
  }

  /** As `locate`, for an object to be written: missing folders are made, each synced into the one above it. */
  async function locateOrMake(key: RemoteKey): Promise<string> {
    try {
      return await locate(key);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
    let folder = await reachRoot();
    for (const name of key.split('/').slice(0, -1)) {
      const above = folder;
      folder = join(above, name);
      try {
        await mkdir(folder, { mode: privateFolder });
        await syncFolder(above);
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
        if (!(await lstat(folder)).isDirectory()) throw leadsOut(key);
      }
    }
    return locate(key);
  }

  async function writeAside(temporary: string, body: RemoteBody): Promise<void> {
    if (body instanceof Uint8Array) {
      const file = await open(temporary, 'wx', privateFile);
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      return;
    }
    const { path } = body;
    await access(path).catch(error => {
      throw new SignetError('E_INTERNAL', `${path}: the file to upload cannot be read`, { cause: error });
    });
    await copyFile(path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const file = await open(temporary, 'r+');
    try {
      const { size } = await file.stat();
      if (size !== body.sizeBytes) {
        throw new SignetError('E_INTERNAL', `the file to upload has ${size} bytes, ${body.sizeBytes} were told`);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async function* walk(path: string, prefix: string, signal: AbortSignal | undefined): AsyncGenerator<RemoteEntry> {
    let entries: AsyncIterable<Dirent>;
    try {
      entries = await opendir(path, { bufferSize: 256 });
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return;
      throw error;
    }
    for await (const entry of entries) {
      signal?.throwIfAborted();
      const { name } = entry;
      if (name.startsWith(temporaryPrefix) || conflictName.test(name)) continue;
      const key = `${prefix}${name}`;
      if (entry.isDirectory()) {
        yield* walk(join(path, name), `${key}/`, signal);
      } else if (entry.isFile()) {
        const found = await lstat(join(path, name)).catch(() => undefined); // vanished meanwhile: not listed
        if (found?.isFile()) yield { key, sizeBytes: found.size };
      }
    }
  }

  return {
    kind: 'folder',
    label: place,

    put(key, body, options) {
      return call<undefined>(key, async () => {
        options?.signal?.throwIfAborted();
        // Once for each adapter, before it first writes: looking changes nothing. A folder that forbids it forbids the put as well.
        swept ??= sweepTemporaries(root, Date.now()).catch(() => 0);
        await swept;
        const path = await locateOrMake(key);
        const temporary = join(dirname(path), `${temporaryPrefix}${randomBytes(8).toString('hex')}`);
        try {
          await writeAside(temporary, body);
          options?.signal?.throwIfAborted();
          await rename(temporary, path);
        } catch (error) {
          await rm(temporary, { force: true }).catch(() => undefined); // a best effort: the first error is the one to tell
          throw error;
        }
        await syncFolder(dirname(path));
      });
    },

    get(key, { maxBytes, offset = 0, length, into, copies, signal }) {
      return call(key, async () => {
        signal?.throwIfAborted();
        refuseMirror(key, copies);
        const path = await locate(key);
        const file: FileHandle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
        try {
          const found = await file.stat();
          if (!found.isFile()) throw new SignetError('E_MISSING', `${key}: not a file`);
          const end = length === undefined ? found.size : offset + length;
          if (offset > found.size || end > found.size) {
            throw new SignetError(
              'E_MISSING',
              `${key}: bytes ${offset} to ${end} were asked for, it has ${found.size}`,
            );
          }
          if (end - offset > maxBytes) {
            throw new SignetError('E_OBJECT_LIMIT', `${key}: ${end - offset} bytes, at most ${maxBytes} are read`);
          }
          const wanted = end - offset;
          const bytes = into !== undefined && into.length >= wanted ? into.subarray(0, wanted) : new Uint8Array(wanted);
          const filled = await readFully(file, bytes, offset);
          if (filled !== bytes.length)
            throw new SignetError('E_MISSING', `${key}: ended after ${offset + filled} bytes`);
          return bytes;
        } finally {
          await file.close();
        }
      });
    },

    stat(key, options) {
      return call(key, async () => {
        options?.signal?.throwIfAborted();
        try {
          const found = await lstat(await locate(key));
          return found.isFile() ? { key, sizeBytes: found.size } : undefined;
        } catch (error) {
          if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
          throw error;
        }
      });
    },

    async *list(folder, options) {
      options?.signal?.throwIfAborted();
      try {
        const realRoot = await reachRoot();
        if (folder === '') {
          yield* walk(realRoot, '', options?.signal);
        } else {
          checkKey(folder);
          const path = join(realRoot, folder);
          const real = await realpath(path).catch(() => undefined);
          if (real === path) yield* walk(path, `${folder}/`, options?.signal);
        }
      } catch (error) {
        throw classify(error, folder, place);
      }
    },

    remove(key, options) {
      return call(key, async () => {
        options?.signal?.throwIfAborted();
        try {
          const path = await locate(key);
          await rm(path, { force: true });
          await syncFolder(dirname(path));
        } catch (error) {
          if (systemCode(error) !== 'ENOENT') throw error;
        }
      });
    },
  };
}

/**
 * Removes temporary files of writers that died more than a day ago; answers how many. They are not objects: no reader sees them.
 *
 * @param now milliseconds since 1970
 */
export async function sweepTemporaries(root: string, now: number): Promise<number> {
  let swept = 0;
  async function sweep(path: string): Promise<void> {
    for await (const entry of await opendir(path)) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) {
        await sweep(below);
      } else if (entry.isFile() && entry.name.startsWith(temporaryPrefix)) {
        const found = await lstat(below);
        if (now - found.mtimeMs > staleTemporaryMs) {
          await rm(below, { force: true });
          swept++;
        }
      }
    }
  }
  await sweep(root).catch(error => {
    throw classify(error, root, label(root));
  });
  return swept;
}
