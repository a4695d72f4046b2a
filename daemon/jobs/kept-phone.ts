// The phone number that this computer remembers, so that unlocking asks for the password alone: in the keychain, and only where none works in a
// sealed file of the user's own. A file that is there is newer than what the keychain holds, and moves there as soon as it can.

import { fromUtf8, utf8, wipe } from '../base/bytes.ts';
import type { RememberedPhone } from '../state/state.ts';
import { phoneEnding } from '../vault/vault.ts';
import type { UsableKeychain } from './usable-keychain.ts';

export class KeptPhone {
  readonly #keychain: UsableKeychain;
  readonly #file: RememberedPhone;
  #ending: string | null = null;

  constructor(keychain: UsableKeychain, file: RememberedPhone) {
    this.#keychain = keychain;
    this.#file = file;
  }

  /** The last two digits, for screens; null until the number was recalled. */
  get ending(): string | null {
    return this.#ending;
  }

  /** The number; undefined when none is remembered, or the keychain does not give it now. */
  async recall(): Promise<string | undefined> {
    return this.#note((await this.#file.recall()) ?? (await this.#fromKeychain()));
  }

  async remember(e164: string): Promise<void> {
    this.#note(e164);
    if (await this.#intoKeychain(e164)) await this.#file.forget();
    else await this.#file.remember(e164);
  }

  /** Moves a number that lies in the file into the keychain, if it works by now. */
  async move(): Promise<void> {
    const phone = await this.#file.recall();
    if (phone !== undefined && (await this.#intoKeychain(phone))) await this.#file.forget();
  }

  /** Into the file and out of the keychain, which is not to be used any more. Not where it gives nothing now: then nothing would be left. */
  async leaveKeychain(): Promise<void> {
    if (!this.#keychain.works) return;
    const phone = await this.#fromKeychain();
    if (phone === undefined) return;
    if ((await this.#file.recall()) === undefined) await this.#file.remember(phone);
    await this.#keychain.remove('phone');
  }

  /** Nowhere any more. */
  async forget(): Promise<void> {
    this.#note(undefined);
    await this.#file.forget();
    if (await this.#keychain.look()) await this.#keychain.remove('phone');
  }

  async #fromKeychain(): Promise<string | undefined> {
    if (!(await this.#keychain.look())) return undefined;
    const value = await this.#keychain.get('phone');
    const phone = value === null ? undefined : fromUtf8(value);
    wipe(value ?? undefined);
    // Two while the number changes: see `Vault.adopt`.
    return phone !== undefined && /^\+\d{4,15}(?: \+\d{4,15})?$/.test(phone) ? phone : undefined;
  }

  async #intoKeychain(phone: string): Promise<boolean> {
    return this.#keychain.set('phone', utf8(phone));
  }

  #note(phone: string | undefined): string | undefined {
    this.#ending = phone === undefined ? null : phoneEnding(phone);
    return phone;
  }
}
