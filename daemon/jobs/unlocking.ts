// Who opens the backup and who closes it: the keys in memory from the moment a secret proved right until they are wiped. Opening and closing
// happen one after the other, or two unlocks would close each other's repository; wiping what this thread holds happens at once.

import { wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import { checkSameRepository, parseRecoveryKey, type Vault } from '../vault/vault.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobQueue } from './job-queue.ts';
import { type GivenSecrets, needed, phoneText } from './setup.ts';

/** What a job gets to clean up after itself (restored or staged files, locks) before locking ends its thread. */
const graceMs = 10_000;

export interface UnlockingOptions {
  readonly vault: Vault;
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly clock: Clock;
  readonly queue: Pick<JobQueue, 'cancel' | 'idle' | 'progress'>;
  /** The place of the copies. @throws E_NOT_SET_UP */
  readonly remote: () => string;
  /** Looks into the repository that was just opened. */
  readonly onOpened: (opened: engine.OpenedRepository) => Promise<void>;
  readonly onChanged: () => void;
}

export class Unlocking {
  readonly #options: UnlockingOptions;
  #opened: engine.OpenedRepository | undefined;
  /** The end of the last opening or closing. */
  #gate: Promise<unknown> = Promise.resolve();

  constructor(options: UnlockingOptions) {
    this.#options = options;
  }

  get isUnlocked(): boolean {
    return this.#opened !== undefined;
  }

  /** What is open; its state key is wiped when it is locked. @throws E_VAULT_LOCKED */
  get opened(): engine.OpenedRepository {
    if (this.#opened === undefined) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
    return this.#opened;
  }

  /** Takes over what an opened repository gives; from here on the vault counts as unlocked. */
  async takeOver(opened: engine.OpenedRepository): Promise<void> {
    if (this.#opened !== opened) wipe(this.#opened?.stateKey);
    this.#opened = opened;
    await this.#options.onOpened(opened);
    this.#options.onChanged();
  }

  /** While unlocked it proves the secret again and changes nothing. @returns whether it was locked before */
  unlock(secrets: GivenSecrets): Promise<boolean> {
    return this.#inOrder(() => this.#unlock(secrets));
  }

  async #unlock(secrets: GivenSecrets): Promise<boolean> {
    const { vault } = this.#options;
    const remote = this.#options.remote();
    if (secrets.recoveryKey !== undefined) {
      const key = parseRecoveryKey(secrets.recoveryKey);
      try {
        if (this.isUnlocked) vault.proveRecoveryKey(key);
        else vault.unlockWithRecoveryKey(key);
      } finally {
        wipe(key);
      }
    } else {
      const phone = secrets.phone === undefined ? undefined : phoneText(secrets.phone);
      await vault.unlockWithPassword(needed(secrets.password, 'password'), phone);
    }
    if (this.isUnlocked) return false;
    await this.#open(remote);
    return true;
  }

  /** Opens the repository with the key that the vault holds now. */
  async #open(remote: string): Promise<void> {
    const { vault, engine: worker } = this.#options;
    const recoveryKey = vault.recoveryKey();
    try {
      const { identity } = vault;
      const known = identity === undefined ? {} : { keyFileId: identity.keyFileId };
      const opened = await worker.ask(engine.open, { remote, recoveryKey, ...known });
      if (identity !== undefined) checkSameRepository(identity, { id: opened.repositoryId, ...opened });
      await this.takeOver(opened);
    } catch (error) {
      await this.forget();
      throw error;
    } finally {
      wipe(recoveryKey);
    }
  }

  /** Forgets the keys here at once, and those of the engine as soon as what runs has cleaned up after itself. */
  lock(): Promise<void> {
    const { queue, clock } = this.#options;
    queue.cancel();
    this.#wipeKeys();
    this.#options.onChanged();
    return this.#inOrder(async () => {
      const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
      const cancelTimer = clock.timer(graceMs, giveUp);
      await Promise.race([queue.idle(), late]);
      cancelTimer();
      await this.forget();
    });
  }

  /** Nothing is open any more, here or in the engine. For work that failed while it opened or made something. */
  async forget(): Promise<void> {
    this.#wipeKeys();
    await this.#options.engine.stop();
    this.#options.onChanged();
  }

  /** Ends the engine's thread when nothing is open and nothing runs. */
  rest(): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.isUnlocked && this.#options.queue.progress === null) await this.#options.engine.stop();
    });
  }

  #wipeKeys(): void {
    this.#options.vault.lock();
    wipe(this.#opened?.stateKey);
    this.#opened = undefined;
  }

  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#gate.then(work);
    this.#gate = turn.catch(() => undefined); // its own caller is told
    return turn;
  }
}
