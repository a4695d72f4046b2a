// Whether the keychain of this computer can be used now, as far as is known: it is tried when something is to be kept, so that one that comes
// later (a keyring that is opened, a bus that starts) is used from then on. One that fails once counts as unusable until it is tried again.

import type { Status } from '../../protocol/status.ts';
import type { Keychain, KeychainFound } from '../platform/platform.ts';

export class UsableKeychain {
  readonly #keychain: Keychain;
  readonly #installId: string;
  #isWanted = true;
  #found: KeychainFound | undefined;

  constructor(keychain: Keychain, installId: string) {
    this.#keychain = keychain;
    this.#installId = installId;
  }

  /** Whether the user lets it be used; if not, it is not even asked. */
  want(isWanted: boolean): void {
    this.#isWanted = isWanted;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** False until it was tried. */
  get works(): boolean {
    return this.#isWanted && this.#found?.state === 'works';
  }

  /** Whether it was tried and cannot be used. */
  get isMissing(): boolean {
    return this.#isWanted && this.#found !== undefined && !this.works;
  }

  get kind(): Status['keychain'] {
    if (this.works) return 'session';
    return this.#isWanted && this.#found?.state === 'unavailable' ? 'unavailable' : 'memory-only';
  }

  /** The binding that loads; null without one. */
  get backend(): string | null {
    return this.#isWanted ? (this.#found?.backend ?? null) : null;
  }

  /** Whether it works. Tries it when that is not known, and with `again` also when it did not work the last time. */
  async look(again: 'again' | 'once' = 'once'): Promise<boolean> {
    const isKnown = again === 'once' ? this.#found !== undefined : this.works;
    if (this.#isWanted && !isKnown) this.#found = await this.#keychain.probe(this.#account('probe'));
    return this.works;
  }

  /** The value, the caller's to wipe; null when there is none or none is given now. */
  async get(name: 'session' | 'phone', options?: { readonly signal?: AbortSignal }): Promise<Uint8Array | null> {
    return this.works ? this.#keychain.get(this.#account(name), options) : null;
  }

  /** Whether it is kept. */
  async set(name: 'session' | 'phone', value: Uint8Array): Promise<boolean> {
    if (!(await this.look())) return false;
    if (await this.#keychain.set(this.#account(name), value)) return true;
    this.#found = await this.#keychain.probe(this.#account('probe'));
    return false;
  }

  async remove(name: 'session' | 'phone'): Promise<void> {
    if (this.works) await this.#keychain.remove(this.#account(name));
  }

  #account(name: string): string {
    return `${this.#installId}/${name}`;
  }
}
