// Files in the state folder that only a key of the repository opens: `state/sealed/<name>`, each bound to its name. Used by the main thread
// (through State) and by the engine, each for names of its own.

import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SignetError } from '../base/errors.ts';
import { ensurePrivateFolder, readBounded, replaceFile, syncFolder } from '../base/files.ts';
import type { Home } from './model.ts';
import { openBox, sealBox } from './sealed.ts';

const maxSealedBytes = 512 * 1024 * 1024;

export class SealedFiles {
  readonly #folder: string;

  constructor(home: Pick<Home, 'state'>) {
    this.#folder = join(home.state, 'sealed');
  }

  /**
   * Replaced in one step.
   *
   * @param name lower-case letters, digits, '.', '_' and '-'; it is bound to the content
   * @param key 32 bytes
   */
  async save(name: string, key: Uint8Array, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    await ensurePrivateFolder(dirname(path));
    await replaceFile(path, sealBox(key, name, bytes));
  }

  /**
   * @returns undefined when there is no such file
   * @throws E_STATE_CORRUPT when it does not open under this key and name; the file is left where it is
   */
  async load(name: string, key: Uint8Array): Promise<Uint8Array | undefined> {
    const path = this.#path(name);
    const box = await readBounded(path, maxSealedBytes);
    if (box === undefined) return undefined;
    const bytes = openBox(key, name, box);
    if (bytes === undefined) {
      throw new SignetError('E_STATE_CORRUPT', `${path}: does not open under its key`, { params: { path } });
    }
    return bytes;
  }

  /** Out of the way of a new one, and kept: `<name>.damaged-<now>`. */
  async setAside(name: string, now: number): Promise<void> {
    const path = this.#path(name);
    await rename(path, `${path}.damaged-${now}`);
    await syncFolder(dirname(path));
  }

  isThere(name: string): boolean {
    return existsSync(this.#path(name));
  }

  #path(name: string): string {
    if (!/^[a-z0-9][a-z0-9._-]{0,120}$/.test(name))
      throw new SignetError('E_INTERNAL', `"${name}" is no name for a sealed file`);
    return join(this.#folder, name);
  }
}
