// Copies of index, snapshot and tree-pack files as they are in the remote, sealed, so that an unchanged repository is opened without
// reading it again. Nothing here is trusted more than the remote is: names and seals are checked on every use, and a copy that is
// damaged or missing is read from the remote. Files are not synced: a crash costs a download.

import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { ensurePrivateFolder, privateFile, privateFolder, readBounded, readFully } from '../base/files.ts';
import { isId } from './ids.ts';

export type CachedKind = 'index' | 'snapshots' | 'packs';
const kinds: readonly CachedKind[] = ['index', 'snapshots', 'packs'];

export class SealedCache {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<SealedCache> {
    await ensurePrivateFolder(folder);
    for (const kind of kinds) await mkdir(join(folder, kind), { recursive: true, mode: privateFolder });
    return new SealedCache(folder);
  }

  #path(kind: CachedKind, id: string): string {
    return join(this.#folder, kind, id);
  }

  /** The copy, or undefined when there is none that can be read. */
  async get(kind: CachedKind, id: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return readBounded(this.#path(kind, id), maxBytes).catch(() => undefined); // unreadable is as good as absent
  }

  /** `length` bytes of the copy, or undefined when it lacks them. */
  async getRange(kind: CachedKind, id: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    const file = await open(this.#path(kind, id), 'r').catch(() => undefined); // as in `get`
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.allocUnsafe(length);
      return (await readFully(file, bytes, offset)) === length ? bytes : undefined;
    } finally {
      await file.close();
    }
  }

  /** Keeps a copy. A full disk is no reason to fail what is being done: then there is none. */
  async put(kind: CachedKind, id: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(kind, id);
    const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      await writeFile(temporary, bytes, { flag: 'wx', mode: privateFile });
      await rename(temporary, path);
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      await rm(temporary, { force: true });
    }
  }

  /** Takes over a file of ours as the copy; removes it where it cannot be moved. */
  async adopt(kind: CachedKind, id: string, path: string): Promise<void> {
    try {
      await rename(path, this.#path(kind, id));
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      await rm(path, { force: true });
    }
  }

  async drop(kind: CachedKind, id: string): Promise<void> {
    await rm(this.#path(kind, id), { force: true });
  }

  /** Removes copies of what the repository no longer has. */
  async keepOnly(kind: CachedKind, isWanted: (id: string) => boolean): Promise<void> {
    for (const name of await readdir(join(this.#folder, kind))) {
      if (!isId(name) || !isWanted(name)) await rm(join(this.#folder, kind, name), { force: true });
    }
  }
}
