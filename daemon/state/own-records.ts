// Small records that this installation writes for itself and reads again after a restart, locked or not: `state/restores/<name>`, each sealed
// under the machine's local key and bound to its name, since they name files of the user. What does not open is left where it is.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SignetError, systemCode } from '../base/errors.ts';
import { ensurePrivateFolder, readBounded, replaceFile, syncFolder } from '../base/files.ts';
import type { Home } from './model.ts';
import { openBox, sealBox } from './sealed.ts';

const maxBytes = 512 * 1024 * 1024;
const namePattern = /^[a-z0-9][a-z0-9-]{0,60}$/;

export class OwnRecords {
  readonly #folder: string;
  readonly #key: Uint8Array;

  constructor(home: Pick<Home, 'state'>, localKey: Uint8Array) {
    this.#folder = join(home.state, 'restores');
    this.#key = localKey;
  }

  /** Replaced in one step. @param name lower-case letters, digits and '-' */
  async save(name: string, bytes: Uint8Array): Promise<void> {
    if (!namePattern.test(name)) throw new SignetError('E_INTERNAL', `"${name}" is no name for a record`);
    await ensurePrivateFolder(this.#folder);
    await replaceFile(join(this.#folder, name), sealBox(this.#key, `restores/${name}`, bytes));
  }

  /** By name, in no order; those that do not open under the local key are passed over. */
  async all(): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const name of await this.#names()) {
      const box = await readBounded(join(this.#folder, name), maxBytes);
      const bytes = box === undefined ? undefined : openBox(this.#key, `restores/${name}`, box);
      if (bytes !== undefined) found.set(name, bytes);
    }
    return found;
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
    await syncFolder(this.#folder);
  }

  async #names(): Promise<readonly string[]> {
    try {
      return (await readdir(this.#folder)).filter(name => namePattern.test(name));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}
