// What keeps Signet unlocked over a restart within one login: an entry in the keychain, and the other half of its key in the runtime folder. It
// ends with the login, at a lock, and when a limit that the user set has passed. An entry that does not fit is taken away; whatever else
// the keychain holds is not looked at.

import type { Status } from '../../protocol/status.ts';
import { utf8, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { LoginMarker } from '../platform/platform.ts';
import { clockSlackMs, openSession, type SessionKeys, type SessionTimes, sealSession } from '../vault/vault.ts';
import type { LockLimits } from './auto-lock.ts';
import type { UsableKeychain } from './usable-keychain.ts';

const halfBytes = 32;
const touchEveryMs = 60_000;

export interface KeptSessionOptions {
  readonly keychain: UsableKeychain;
  readonly marker: LoginMarker;
  /** Names this boot or login; undefined where the system does not say, and then nothing is kept. */
  readonly login: string | undefined;
  readonly installId: string;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
}

export class KeptSession {
  readonly #options: KeptSessionOptions;
  /** Unknown at first: the daemon before may have left one. */
  #mayBeKept = true;
  /** The last try to keep something failed although the keychain works. */
  #hasFailed = false;
  #touchedAt = Number.NEGATIVE_INFINITY;
  /** How often it was ended: what was being kept meanwhile must not outlive that. */
  #ends = 0;

  constructor(options: KeptSessionOptions) {
    this.#options = options;
  }

  /** 'session': a restart within this login does not ask for the password. */
  get kind(): Status['keychain'] {
    const { keychain, login } = this.#options;
    return keychain.works && (login === undefined || this.#hasFailed) ? 'memory-only' : keychain.kind;
  }

  /**
   * Keeps the keys for this login, if there is a keychain; in place of what was kept before. An `end` that comes meanwhile has the last word.
   *
   * @throws when the runtime folder takes no file; nothing is kept then
   */
  async keep(keys: SessionKeys, times: SessionTimes): Promise<void> {
    const { keychain, marker, login, installId, clock, randomBytes } = this.#options;
    const ends = this.#ends;
    if (!(await keychain.look()) || login === undefined || ends !== this.#ends) return;
    const half = randomBytes(halfBytes);
    this.#mayBeKept = true;
    this.#hasFailed = true;
    try {
      await marker.save(half);
      await marker.touch(clock.now());
      const entry = utf8(sealSession(keys, times, { installId, login }, half, randomBytes));
      this.#hasFailed = !(await keychain.set('session', entry));
      if (this.#hasFailed) await marker.remove();
    } finally {
      wipe(half);
      if (ends !== this.#ends) {
        this.#mayBeKept = true;
        await this.end();
      }
    }
  }

  /**
   * What the daemon before kept, if it is of this login and within the limits; else it is taken away, unless the keychain gives nothing
   * now: then it may give it later. The caller wipes the key.
   */
  async resume(
    limits: LockLimits,
    options: { readonly signal: AbortSignal },
  ): Promise<(SessionKeys & SessionTimes) | undefined> {
    const { keychain, marker, login, installId, clock } = this.#options;
    const found = await marker.load();
    try {
      if (!(await keychain.look())) return undefined;
      const entry = found === undefined ? null : await keychain.get('session', options);
      if (entry === null || found === undefined || login === undefined) {
        if (found === undefined) await this.end();
        return undefined;
      }
      const now = clock.now();
      const kept = openSession(entry, { installId, login }, found.half, now);
      wipe(entry);
      if (kept !== undefined && isWithin(limits, kept.givenAt, found.usedAt, now)) return kept;
      wipe(kept?.recoveryKey);
      await this.end();
      return undefined;
    } finally {
      wipe(found?.half);
    }
  }

  /** Notes on the disk that Signet is in use, for the limit on idle time; at most once a minute. */
  async touch(): Promise<void> {
    const { marker, clock } = this.#options;
    const now = clock.now();
    if (Math.abs(now - this.#touchedAt) < touchEveryMs) return;
    this.#touchedAt = now;
    await marker.touch(now);
  }

  /** Nothing is kept any more: first the half that is surely at hand, then the entry. */
  async end(): Promise<void> {
    this.#ends += 1;
    if (!this.#mayBeKept) return;
    this.#mayBeKept = false;
    const { marker, keychain } = this.#options;
    try {
      await marker.remove();
    } catch (error) {
      this.#mayBeKept = true; // not ended: whoever tries again must not be told that it is
      throw error;
    }
    await keychain.remove('session');
  }
}

/** A last use in the future: the clock was set back, and nobody knows how long ago it was. */
function isWithin({ idleMs, maxAgeMs }: LockLimits, givenAt: number, usedAt: number, now: number): boolean {
  const isIdle = now - usedAt >= idleMs || usedAt > now + clockSlackMs;
  return (maxAgeMs === 0 || now - givenAt < maxAgeMs) && (idleMs === 0 || !isIdle);
}
