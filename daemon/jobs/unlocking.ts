// Who opens the backup and who closes it: the keys in memory from the moment a secret proved right until they are wiped. Opening and closing
// happen one after the other, or two unlocks would close each other's repository; wiping what this thread holds happens at once. A daemon
// that starts again within the same login takes up what the one before kept.

import type { Notice } from '../../protocol/status.ts';
import { wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isCode, SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Settings } from '../state/model.ts';
import type { State } from '../state/state.ts';
import { checkSameRepository, parseRecoveryKey, type Vault } from '../vault/vault.ts';
import { AutoLock } from './auto-lock.ts';
import { needsSignIn } from './clouds.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobQueue } from './job-queue.ts';
import type { KeptPhone } from './kept-phone.ts';
import type { KeptSession } from './kept-session.ts';
import { checkPinned, followRenewal, type KnownPlace, pinRepository, provePassword } from './opening.ts';
import type { GivenSecrets } from './setup.ts';
import type { UsableKeychain } from './usable-keychain.ts';

/** What a job gets to clean up after itself (restored or staged files, locks) before locking ends its thread. */
const graceMs = 10_000;
/** How long a question waits for the session to be taken up; the keychain may be waiting for a person. */
const settleMs = 8000;
/** Until the session is tried again, when the place of the copies could not be opened. */
const resumeAgainMs = [10_000, 60_000, 5 * 60_000, 15 * 60_000] as const;

export interface UnlockingOptions {
  readonly vault: Vault;
  readonly engine: Pick<Engine, 'ask' | 'stop'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly state: State;
  readonly keychain: UsableKeychain;
  readonly session: KeptSession;
  readonly phone: KeptPhone;
  readonly queue: Pick<JobQueue, 'cancel' | 'idle' | 'progress'>;
  /** The place of the copies; undefined before set-up. */
  readonly remote: () => string | undefined;
  /** Looks into the repository that was just opened. */
  readonly onOpened: (opened: engine.OpenedRepository) => Promise<void>;
  /** The session would open the place, which does not answer. */
  readonly onUnreachable: () => void;
  /** It was locked before. Never rejects. */
  readonly onUnlocked: () => Promise<void>;
  /** Before a secret is tried: what decides which backup it is for may still have to be carried through. */
  readonly beforeSecret: () => Promise<void>;
  readonly onPasswordProved: () => void;
  /** Somebody or a limit locked it, or it was locked when this daemon began. Comes again while it stays so. */
  readonly onLocked: () => void;
  readonly onChanged: () => void;
}

export class Unlocking {
  readonly #options: UnlockingOptions;
  readonly #autoLock: AutoLock;
  #opened: engine.OpenedRepository | undefined;
  #givenAt = 0;
  /** The end of the last opening or closing. */
  #gate: Promise<unknown> = Promise.resolve();
  /** The end of a look whether the session goes on, while there is one. */
  #settled: Promise<void> | undefined;
  #isClosed = false;
  #reading = new AbortController();
  #resumes = 0;
  #cancelResume: () => void = () => undefined;
  #keychainMissingSince: string | undefined;

  constructor(options: UnlockingOptions) {
    this.#options = options;
    this.#autoLock = new AutoLock({
      clock: options.clock,
      isBusy: () => options.queue.progress !== null,
      lock: () => this.#lockByItself(),
    });
  }

  get isUnlocked(): boolean {
    return this.#opened !== undefined;
  }

  /** What is open; its state key is wiped when it is locked. @throws E_VAULT_LOCKED */
  get opened(): engine.OpenedRepository {
    if (this.#opened === undefined) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
    return this.#opened;
  }

  get notices(): readonly Notice[] {
    const since = this.#keychainMissingSince;
    return since === undefined ? [] : [{ id: 'no-keychain', kind: 'no-keychain', since, params: {} }];
  }

  /** Limits and the use of the keychain, from now on. */
  async follow(settings: Settings | undefined): Promise<void> {
    const { keychain } = this.#options;
    const { lockAfterIdleMs: idleMs = 0, lockAfterMs: maxAgeMs = 0, useKeychain = true } = settings ?? {};
    const before = this.#autoLock.limits;
    this.#autoLock.follow({ idleMs, maxAgeMs });
    if (!useKeychain && keychain.isWanted) await this.#leaveKeychain();
    keychain.want(useKeychain);
    this.#noteKeychain();
    if (before.maxAgeMs !== maxAgeMs) await this.#inOrder(() => this.#keep());
  }

  /** Takes up the session of the daemon before, if this is still the same login. Answers at once; see `settled`. */
  start(): void {
    if (this.#options.remote() === undefined) return;
    const looked = Promise.all([this.#resume(), this.#options.phone.recall()]);
    const problem = (error: unknown): void =>
      this.#options.log.warn('the session was not looked at', { code: toSignetError(error).code });
    this.#settled = looked
      .then(() => undefined, problem)
      .then(() => {
        this.#settled = undefined;
        if (this.#isClosed) return; // nobody is there to be told
        if (!this.isUnlocked) this.#options.onLocked();
        this.#options.onChanged();
      });
  }

  /** Until it is known whether the session goes on, or some seconds: asked at once after a start, "locked" would be wrong. */
  async settled(): Promise<void> {
    if (this.#settled === undefined) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancelTimer = this.#options.clock.timer(settleMs, resolve);
    await Promise.race([this.#settled, late]);
    cancelTimer();
  }

  /** While locked. The key is tried on the repository; a place that does not answer now is tried again later. */
  async #resume(): Promise<void> {
    const { session, vault, log } = this.#options;
    this.#reading = new AbortController();
    const kept = await session.resume(this.#autoLock.limits, { signal: this.#reading.signal });
    this.#noteKeychain();
    if (kept === undefined) return;
    try {
      await this.#inOrder(async () => {
        if (this.isUnlocked || this.#reading.signal.aborted) return;
        vault.resume(kept);
        await this.#open(kept.givenAt);
        log.info('the session goes on');
        await this.#options.onUnlocked();
      });
    } catch (thrown) {
      const error = toSignetError(thrown);
      log.warn('the session could not be taken up', { code: error.code });
      if (isCode(error, 'E_UNREACHABLE')) this.#options.onUnreachable();
      if (isCode(error, 'E_WRONG_SECRET')) await session.end();
      // Nothing but its owner's sign-in changes that, after which it is tried again.
      else if (!needsSignIn(error)) this.#resumeLater();
    } finally {
      wipe(kept.recoveryKey);
    }
  }

  #resumeLater(): void {
    const wait = resumeAgainMs[Math.min(this.#resumes, resumeAgainMs.length - 1)] ?? resumeAgainMs[0];
    this.#resumes += 1;
    this.#cancelResume();
    this.#cancelResume = this.#options.clock.timer(wait, () => this.start(), { unref: true });
  }

  /** A secret decides from here on, not the session. */
  #stopResuming(): void {
    this.#reading.abort();
    this.#cancelResume();
    this.#resumes = 0;
  }

  /**
   * Takes over what an opened repository gives, with the key that the vault holds; from here on the vault counts as unlocked, also after a
   * restart within this login. For whoever made or renewed keys.
   */
  async takeOver(opened: engine.OpenedRepository): Promise<void> {
    this.#stopResuming();
    await this.#adopt(opened, this.#options.clock.now());
    await this.#options.keychain.look('again');
    await this.#keep();
  }

  async #adopt(opened: engine.OpenedRepository, givenAt: number): Promise<void> {
    if (this.#opened?.stateKey !== opened.stateKey) wipe(this.#opened?.stateKey);
    this.#opened = opened;
    this.#givenAt = givenAt;
    pinRepository(this.#options.state, opened);
    await this.#options.onOpened(opened);
    this.#autoLock.opened(givenAt);
    this.#options.onChanged();
  }

  /** The open backup anew, from where the settings say that it lies now; the session goes on as it is. */
  async reopen(): Promise<void> {
    if (!this.isUnlocked) return;
    const opened = await this.#openWithVault();
    if (this.isUnlocked) await this.#adopt(opened, this.#givenAt);
    else wipe(opened.stateKey); // it was locked meanwhile
  }

  /**
   * Opens this computer's backup in another place than the settings name, where that one is gone. While locked the secrets are needed.
   *
   * @param decide makes it the place in use; when that fails and the one before cannot be opened, everything is locked
   * @throws E_REPO_MISMATCH where another backup lies there · what opening throws
   */
  openElsewhere(remote: string, secrets: GivenSecrets, decide: () => Promise<void>): Promise<void> {
    this.#stopResuming();
    return this.#inOrder(async () => {
      await this.#options.beforeSecret();
      const place = { ...this.#place(), remote };
      const wasUnlocked = this.isUnlocked;
      const givenAt = wasUnlocked ? this.#givenAt : this.#options.clock.now();
      if (!wasUnlocked) await this.#prove(secrets, place);
      try {
        const opened = await this.#openWithVault(place);
        checkPinned(this.#options.state.facts, opened);
        await decide();
        await this.#adopt(opened, givenAt);
      } catch (error) {
        // Where the place in use answers after all, everything goes on there.
        const isOpen =
          wasUnlocked &&
          (await this.reopen().then(
            () => true,
            () => false, // what kept the other place from being opened is told
          ));
        if (!isOpen) await this.forget();
        throw error;
      }
      await this.#keep();
      if (!wasUnlocked) await this.#options.onUnlocked();
    });
  }

  /** While unlocked it proves the secret again and changes nothing, but the limit on age begins anew. */
  unlock(secrets: GivenSecrets): Promise<void> {
    this.#stopResuming();
    return this.#inOrder(async () => {
      if (this.#options.remote() === undefined) throw notSetUp();
      await this.#options.beforeSecret();
      await this.#options.keychain.look('again');
      await this.#prove(secrets);
      const wasUnlocked = this.isUnlocked;
      if (!wasUnlocked) await this.#open(this.#options.clock.now(), secrets.password);
      else {
        this.#givenAt = this.#options.clock.now();
        await this.#useKeyOfVault();
      }
      if (secrets.recoveryKey === undefined) this.#options.onPasswordProved();
      this.#autoLock.opened(this.#givenAt);
      await this.#keep();
      await this.#movePhone();
      this.#options.onChanged();
      if (!wasUnlocked) await this.#options.onUnlocked();
    });
  }

  /**
   * The vault of the open repository was replaced, which the present password has just allowed: another recovery key, key file or phone
   * number may be in it. What is kept for this login follows.
   */
  async keysChanged(): Promise<void> {
    if (!this.isUnlocked) return;
    await this.#useKeyOfVault();
    this.#givenAt = this.#options.clock.now();
    this.#autoLock.opened(this.#givenAt);
    await this.#keep();
    this.#options.onChanged();
  }

  /** The open repository goes on; its recovery key may be another one by now, also by the doing of another device. */
  async #useKeyOfVault(): Promise<void> {
    const { vault, engine: worker } = this.#options;
    const keyFileId = vault.identity?.keyFileId;
    const opened = this.#opened;
    if (opened === undefined || keyFileId === undefined || keyFileId === opened.keyFileId) return;
    const recoveryKey = vault.recoveryKey();
    try {
      await worker.ask(engine.useKey, { recoveryKey, keyFileId });
      if (this.#opened !== opened) throw new SignetError('E_VAULT_LOCKED', 'it was locked meanwhile');
      this.#opened = { ...opened, keyFileId };
    } finally {
      wipe(recoveryKey);
    }
  }

  #place(): KnownPlace {
    const { vault, engine: worker, state } = this.#options;
    const remote = this.#options.remote();
    if (remote === undefined) throw notSetUp();
    return { vault, engine: worker, facts: state.facts, remote };
  }

  async #prove(secrets: GivenSecrets, place = this.#place()): Promise<void> {
    const { vault } = this.#options;
    if (secrets.recoveryKey === undefined) {
      try {
        await provePassword(secrets, place);
      } catch (error) {
        // A wrong password made the engine look at the place; it does not stay for that.
        if (!this.isUnlocked && this.#options.queue.progress === null) await this.#options.engine.stop();
        throw error;
      }
      return;
    }
    const key = parseRecoveryKey(secrets.recoveryKey);
    try {
      if (this.isUnlocked) await vault.proveRecoveryKey(key);
      else vault.unlockWithRecoveryKey(key);
    } finally {
      wipe(key);
    }
  }

  /** Opens the repository with the key that the vault holds now. @param password where it was given just now */
  async #open(givenAt: number, password?: Uint8Array): Promise<void> {
    const { phone } = this.#options.vault;
    try {
      let opened: engine.OpenedRepository;
      try {
        opened = await this.#openWithVault();
      } catch (error) {
        await followRenewal(error, { password, phone }, this.#place());
        opened = await this.#openWithVault();
      }
      await this.#adopt(opened, givenAt);
    } catch (error) {
      await this.forget();
      throw error;
    }
  }

  async #openWithVault(place = this.#place()): Promise<engine.OpenedRepository> {
    const { vault, engine: worker, remote } = place;
    const { identity } = vault;
    const known = identity === undefined ? {} : { keyFileId: identity.keyFileId };
    const recoveryKey = vault.recoveryKey();
    try {
      const opened = await worker.ask(engine.open, { remote, recoveryKey, ...known });
      if (identity !== undefined) checkSameRepository(identity, { id: opened.repositoryId, ...opened });
      else checkPinned(this.#options.state.facts, opened); // the recovery key tells nothing of what it belongs to
      return opened;
    } finally {
      wipe(recoveryKey);
    }
  }

  /** That it cannot be kept stops nobody from working: the state says that the next start asks for the password. */
  async #keep(): Promise<void> {
    if (this.#opened === undefined) return; // it was locked meanwhile
    const { session, vault, log } = this.#options;
    const { repositoryId, keyFileId, masterKeyFingerprint } = this.#opened;
    const recoveryKey = vault.recoveryKey();
    const { maxAgeMs } = this.#autoLock.limits;
    const expiresAt = maxAgeMs === 0 ? undefined : this.#givenAt + maxAgeMs;
    try {
      const identity = { repositoryId, keyFileId, masterKeyFingerprint };
      await session.keep({ recoveryKey, identity }, { givenAt: this.#givenAt, expiresAt });
    } catch (error) {
      log.warn('the session could not be kept', { code: toSignetError(error).code });
    } finally {
      wipe(recoveryKey);
      this.#noteKeychain();
    }
  }

  /** The file stays as it is where moving fails, and is tried again at the next unlock. */
  async #movePhone(): Promise<void> {
    try {
      await this.#options.phone.move();
    } catch (error) {
      this.#options.log.warn('the phone number stays in its file', { code: toSignetError(error).code });
    }
  }

  /** Nothing stays there when it is not to be used any more; a number that no file takes does, rather than being lost. */
  async #leaveKeychain(): Promise<void> {
    const { session, phone, log } = this.#options;
    await session.end();
    try {
      await phone.leaveKeychain();
    } catch (error) {
      log.warn('the phone number stays in the keychain', { code: toSignetError(error).code });
    }
  }

  #noteKeychain(): void {
    if (!this.#options.keychain.isMissing) this.#keychainMissingSince = undefined;
    else this.#keychainMissingSince ??= new Date(this.#options.clock.now()).toISOString();
  }

  /** Somebody uses Signet, or it works for somebody. */
  used(): void {
    this.#autoLock.used();
    if (this.#autoLock.limits.idleMs === 0 || !this.isUnlocked) return;
    // Only for the case that the daemon is ended meanwhile; without it the session ends earlier.
    this.#options.session.touch().catch(() => undefined);
  }

  #lockByItself(): void {
    this.#options.log.info('locks by itself');
    this.lock().catch((error: unknown) => {
      this.#options.log.error('the session could not be taken away', { code: toSignetError(error).code });
    });
  }

  /** Forgets the keys here and the session at once, and the keys of the engine as soon as what runs has cleaned up after itself. */
  lock(): Promise<void> {
    const { session } = this.#options;
    const ended = session.end();
    ended.catch(() => undefined); // told below
    this.#options.onLocked();
    return this.#close(async () => {
      await ended;
      await session.end(); // an unlock that was under way may have kept another
    });
  }

  /** As `lock`, but the session goes on: the next daemon of this login takes it up. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#close(async () => undefined);
  }

  #close(after: () => Promise<void>): Promise<void> {
    const { queue, clock } = this.#options;
    this.#stopResuming();
    queue.cancel();
    this.#wipeKeys();
    this.#options.onChanged();
    return this.#inOrder(async () => {
      const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
      const cancelTimer = clock.timer(graceMs, giveUp);
      await Promise.race([queue.idle(), late]);
      cancelTimer();
      await this.forget();
      await after();
    });
  }

  /** The engine died of itself: the session, if there is one, opens the backup again. */
  async engineFailed(): Promise<void> {
    await this.forget();
    this.#resumeLater();
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
    this.#autoLock.closed();
  }

  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#gate.then(work);
    this.#gate = turn.catch(() => undefined); // its own caller is told
    return turn;
  }
}

function notSetUp(): SignetError {
  return new SignetError('E_NOT_SET_UP', 'this computer is not set up');
}
