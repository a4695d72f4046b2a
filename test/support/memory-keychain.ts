// A keychain in memory, and what Jobs keep in one.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../../daemon/base/clock.ts';
import { KeptPhone } from '../../daemon/jobs/kept-phone.ts';
import { KeptSession } from '../../daemon/jobs/kept-session.ts';
import { UsableKeychain } from '../../daemon/jobs/usable-keychain.ts';
import { type Keychain, type KeychainFound, LoginMarker } from '../../daemon/platform/platform.ts';
import type { State } from '../../daemon/state/state.ts';
import type { Home } from '../../protocol/home.ts';

/** As measured: a keyring that is locked gives nothing back and takes nothing; one that is not there too. */
export class MemoryKeychain implements Keychain {
  state: KeychainFound['state'];
  readonly items = new Map<string, Uint8Array>();
  /** In the order they were asked. */
  readonly asked: string[] = [];

  constructor(state: KeychainFound['state'] = 'works') {
    this.state = state;
  }

  async probe(): Promise<KeychainFound> {
    this.asked.push('probe');
    return { state: this.state, backend: this.state === 'unavailable' ? null : 'keytar', detail: '' };
  }

  async get(account: string): Promise<Uint8Array | null> {
    this.asked.push(`get ${account}`);
    const value = this.items.get(account);
    return this.state === 'works' && value !== undefined ? Uint8Array.from(value) : null;
  }

  async set(account: string, value: Uint8Array): Promise<boolean> {
    this.asked.push(`set ${account}`);
    if (this.state === 'works') this.items.set(account, Uint8Array.from(value));
    return this.state === 'works';
  }

  async remove(account: string): Promise<void> {
    this.asked.push(`remove ${account}`);
    if (this.state === 'works') this.items.delete(account);
  }
}

export interface Kept {
  readonly keychain: UsableKeychain;
  readonly session: KeptSession;
  readonly phone: KeptPhone;
}

/** As the daemon builds it. */
export function keptIn(
  from: Keychain,
  { home, state, clock, login = 'boot 1' }: { home: Home; state: State; clock: Clock; login?: string },
): Kept {
  const { installId } = state;
  const keychain = new UsableKeychain(from, installId);
  const marker = new LoginMarker(home.runtime);
  const session = new KeptSession({ keychain, marker, login, installId, clock, randomBytes });
  return { keychain, session, phone: new KeptPhone(keychain, state.phone) };
}
