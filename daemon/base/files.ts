// Files that Signet owns: private modes, and replacement that survives a crash (write aside, fsync, rename, fsync folder).

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SignetError, systemCode } from './errors.ts';

export const privateFile = 0o600;
export const privateFolder = 0o700;

/** Creates the folder (and parents) with mode 0700 and refuses one that is a link, not a folder, or another user's. */
export async function ensurePrivateFolder(path: string): Promise<void> {
  await makeFolders(path, privateFolder);
  const found = await lstat(path);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && (found.uid !== uid || (found.mode & 0o077) !== 0))) {
    throw new SignetError('E_RUNTIME', `${path} is not a private folder of this user (mode 0700 is needed)`, {
      params: { path },
    });
  }
}

/**
 * Creates the folder and those above it that are missing; answers the topmost that was made, or undefined. Unlike mkdir's own recursion
 * it ends where nothing can be made although the folder above is there (/proc).
 */
export async function makeFolders(path: string, mode = 0o777): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
    const above = dirname(path);
    if (systemCode(error) !== 'ENOENT' || above === path) throw error;
    const made = await makeFolders(above, mode);
    await mkdir(path, { mode });
    return made ?? path;
  }
}

/** Makes renames and new names inside the folder durable. Windows has no such call and needs none. */
export async function syncFolder(path: string | Buffer): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Replaces the file's content as one step: after a crash it holds the old bytes or the new, never a mixture. */
export async function replaceFile(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', privateFile);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** The whole file, or undefined when it does not exist; refuses to read more than `maxBytes`. */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size > maxBytes) {
      throw new SignetError('E_OBJECT_LIMIT', `${path}: ${size} bytes, at most ${maxBytes} are read`);
    }
    return await readFile(file);
  } finally {
    await file.close();
  }
}

/** Fills `target` from `position` on; answers how many bytes there were. */
export async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const { bytesRead } = await file.read(target, filled, target.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Removes what earlier runs left in a folder of temporary files; answers how many there were. */
export async function emptyFolder(path: string): Promise<number> {
  const names = await readdir(path);
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
  return names.length;
}
