// Passwords in use: another password, another phone number, another recovery key, and looking at the one there is. Each asks for the present
// password, whatever is unlocked; in place of a forgotten one the recovery key allows another password, and nothing else.
//
// A change writes the new vault (and key file), reads it back, opens it with the new secrets, and only then replaces this computer's own
// copy: that one step decides. What it is about to write is noted before, so that after a crash at any point this computer knows what in
// the cloud is its own doing: with the old copy the new files go again, with the new copy the old ones do. Either opens until then.

import { open, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { PlaceStatus } from '../../protocol/status.ts';
import { wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, systemCode, toSignetError } from '../base/errors.ts';
import { privateFile, syncFolder } from '../base/files.ts';
import type { Log } from '../base/log.ts';
import type { Settings, Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { VaultCandidate, VaultIdentity } from '../vault/model.ts';
import { compareVaults, resticPassword, type Vault, vaultKey } from '../vault/vault.ts';
import { isCloud } from './clouds.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobQueue } from './job-queue.ts';
import { checkFolders, physical, remoteLabel, remoteName } from './places.ts';
import type { Remembered } from './remembered.ts';
import { type GivenSecrets, needed, phoneText } from './setup.ts';
import { noteSuperseded } from './superseded.ts';

/** What the jobs of one installation share with whoever changes its keys. */
export interface KeySession {
  readonly queue: Pick<JobQueue, 'run'>;
  /** Proves the present password (not the key in memory), and unlocks if locked. */
  readonly prove: (secrets: GivenSecrets) => Promise<void>;
  /** Proves the recovery key: on the repository while locked, which unlocks it, else against the one in memory. */
  readonly proveKey: (recoveryKey: Uint8Array) => Promise<void>;
  /** Of the open repository. @throws E_VAULT_LOCKED */
  readonly identity: () => VaultIdentity;
  /** @throws E_NOT_SET_UP */
  readonly settings: () => Settings & { readonly remote: string };
  /** @throws E_VAULT_LOCKED */
  readonly stateKey: () => Uint8Array;
  /** Of a place in a cloud: what it is found by. */
  readonly told: (remote: string) => Pick<PlaceStatus, 'account' | 'clientId' | 'folderId'>;
  readonly witness: () => Promise<Witness>;
  /** The recovery key in memory is another one, or the phone number is: whatever is kept of them elsewhere is renewed. */
  readonly keysChanged: () => Promise<void>;
  /** When the owner last set and saw what. */
  readonly remembered: Pick<Remembered, 'passwordSet' | 'sheetSeen' | 'keyRenewed'>;
}

export interface CredentialsOptions {
  readonly vault: Vault;
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: State;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
  readonly homeFolders: readonly string[];
  /** The app that uploads what lies at a path, if one does. */
  readonly syncAppOf: (path: string) => Promise<string | undefined>;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Of a vault that its owner decided about: this computer's own counts. */
  readonly isRefused: (key: string) => boolean;
  readonly session: KeySession;
}

const unfinishedFact = 'vault.unfinished';
const nothing: Left = { vaults: [], keyFiles: [] };
const never = new AbortController().signal;
const noProgress = { progress: () => undefined, signal: never };

/** What a change was about to leave in the cloud. */
interface Unfinished {
  readonly vault: string;
  readonly keyFile?: string;
  readonly oldKeyFile?: string;
  /** Of changes before it, what could not be removed so far. */
  readonly left?: Left;
}

interface Left {
  readonly vaults: readonly string[];
  readonly keyFiles: readonly string[];
}

/** What opens from now on. */
interface NewLock {
  readonly password: Uint8Array;
  readonly phone: string;
  /** With another recovery key. */
  readonly renew?: boolean;
}

export class Credentials {
  readonly #options: CredentialsOptions;
  /** The end of the last look at what a change left: a change that begins meanwhile must not lose its own note to it. */
  #settled: Promise<void> = Promise.resolve();

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  /**
   * With the recovery key in place of the present password it is bound to the number that is given, if one is: nobody has proved the
   * remembered one.
   */
  async changePassword(secrets: GivenSecrets): Promise<void> {
    const password = needed(secrets.newPassword, 'newPassword');
    const { recoveryKey } = secrets;
    const { vault, session } = this.#options;
    if (recoveryKey === undefined) {
      await this.#change(secrets, () => ({ password, phone: this.#phone() }));
      return session.remembered.passwordSet();
    }
    const typed = secrets.newPhone ?? secrets.phone;
    const phone = typed === undefined ? await vault.presentPhone() : phoneText(typed);
    await session.proveKey(recoveryKey);
    await this.#inTurn({ password, phone });
    session.remembered.passwordSet();
  }

  async changePhone(secrets: GivenSecrets): Promise<void> {
    const phone = phoneText(needed(secrets.newPhone, 'newPhone'));
    await this.#change(secrets, password => ({ password, phone }));
  }

  /** The 64 digits as ASCII, the caller's to wipe. */
  async showRecoveryKey(secrets: GivenSecrets): Promise<Uint8Array> {
    needed(secrets.password, 'password');
    await this.#options.session.prove(secrets);
    return this.#digits();
  }

  /** @returns the new key as `showRecoveryKey` does; the old one opens nothing any more, except where a removal is still to be repeated */
  async renewRecoveryKey(secrets: GivenSecrets): Promise<Uint8Array> {
    await this.#change(secrets, password => ({ password, phone: this.#phone(), renew: true }));
    this.#options.session.remembered.keyRenewed();
    return this.#digits();
  }

  /**
   * Writes the recovery sheet to a new file that only this user can read.
   *
   * @param to absolute; nothing may be there
   * @throws E_TARGET_NOT_EMPTY · E_USAGE where it would travel to the cloud or lie among Signet's own files
   */
  async writeSheet(to: string, secrets: GivenSecrets): Promise<void> {
    const { session, homeFolders, syncAppOf } = this.#options;
    const { remote, sources } = session.settings();
    await checkFolders({ remote, sources, home: homeFolders, sheet: to });
    const app = await syncAppOf(await physical(to));
    if (app !== undefined) {
      throw new SignetError('E_USAGE', 'the recovery sheet would be uploaded', {
        params: { detail: `${app} uploads what lies in the folder of ${to}: choose another one`, path: to },
      });
    }
    const sheet = await this.#sheet(secrets);
    try {
      await writeNew(to, sheet);
      session.remembered.sheetSeen();
    } finally {
      wipe(sheet);
    }
  }

  /** The recovery sheet (HTML), the caller's to wipe. */
  async showSheet(secrets: GivenSecrets): Promise<Uint8Array> {
    const sheet = await this.#sheet(secrets);
    this.#options.session.remembered.sheetSeen();
    return sheet;
  }

  async #sheet(secrets: GivenSecrets): Promise<Uint8Array> {
    const { vault, session, clock } = this.#options;
    needed(secrets.password, 'password');
    const { remote, deviceLabel } = session.settings();
    await session.prove(secrets);
    const { repositoryId, keyFileId, ownHead } = await session.witness();
    return vault.recoverySheet({
      date: new Intl.DateTimeFormat('en-GB', { dateStyle: 'long' }).format(clock.now()),
      place: remoteLabel(remote),
      folder: remoteName(remote),
      device: deviceLabel,
      newest: ownHead?.seq ?? null,
      repositoryId,
      keyFileId,
      ...(isCloud(remote) && { cloud: { remote, ...session.told(remote) } }),
    });
  }

  /** Of this computer's own doing in the cloud: a change was about to write it and did not come to its end. */
  isOwnUnfinished(candidate: VaultCandidate): boolean {
    const { vaults } = this.#left();
    return vaults.some(sha256 => candidate.name === vaultKey(sha256));
  }

  /** What an honest place would not show beside this computer's own lock. None where it has none of its own. */
  async findings(signal: AbortSignal): Promise<ReturnType<typeof compareVaults>> {
    const { vault, engine: worker, session } = this.#options;
    if (vault.known === undefined) return [];
    const lying = await worker.ask(engine.vaults, { remote: session.settings().remote }, { signal });
    return compareVaults(
      vault.known,
      lying.filter(each => !this.#isDecided(each)),
    );
  }

  /** This computer's own lock is written again, beside whatever lies there. @returns the remote keys of all others */
  async putBack(signal: AbortSignal): Promise<readonly string[]> {
    const { vault, state, engine: worker, session } = this.#options;
    const bytes = await state.vaultCopy.load();
    if (vault.known === undefined || bytes === undefined)
      throw new SignetError('E_NOT_SET_UP', 'no vault is known here');
    const name = vaultKey(vault.known.sha256);
    await worker.ask(engine.putVault, { name, bytes }, { signal });
    const lying = await worker.ask(engine.vaults, { remote: session.settings().remote }, { signal });
    return lying.map(each => each.name).filter(each => each !== name);
  }

  #isDecided(candidate: VaultCandidate): boolean {
    return this.isOwnUnfinished(candidate) || this.#options.isRefused(candidate.name);
  }

  /**
   * Sees through what a change left: the old files go when this computer's copy is the new one, else the new files do. Call with the
   * repository open. What cannot be removed now is tried again the next time; the change itself has long counted or failed by then.
   */
  settle(): Promise<void> {
    this.#settled = this.#settled.then(() => this.#settle());
    return this.#settled;
  }

  /** Never rejects. */
  async #settle(): Promise<void> {
    const { vault, state, log } = this.#options;
    const unfinished = this.#unfinished();
    if (unfinished === undefined) return;
    try {
      if (vault.known?.sha256 === unfinished.vault) await this.#finish(unfinished);
      else await this.#rollBack(unfinished);
      await this.#remove(unfinished.left ?? nothing);
      state.facts.remove(unfinishedFact);
    } catch (error) {
      log.warn('old keys are still to be removed', { code: toSignetError(error).code });
    }
  }

  async #change(secrets: GivenSecrets, to: (present: Uint8Array) => NewLock): Promise<void> {
    const present = needed(secrets.password, 'password');
    await this.#options.session.prove(secrets);
    await this.#inTurn(to(present));
  }

  /** Right after a proof of the present keys. */
  async #inTurn(to: NewLock): Promise<void> {
    const { session, vault } = this.#options;
    const proved = vault.known?.sha256;
    await session.queue.run('keys', noProgress, async signal => {
      // Written with what was the present password before, the vault would take another client's change back.
      if (vault.known?.sha256 !== proved) throw new SignetError('E_BUSY', 'the keys were changed by another client');
      await this.#replace(to, signal);
    });
  }

  async #replace(to: NewLock, signal: AbortSignal): Promise<void> {
    const { vault, engine: worker, state, randomBytes, session } = this.#options;
    const { remote, deviceLabel: device } = session.settings();
    const identity = session.identity(); // it may have been locked while others had their turn
    const { known } = vault;
    await this.settle();
    const lying = (await worker.ask(engine.vaults, { remote }, { signal })).filter(each => !this.#isDecided(each));
    // Without a copy of its own, as after joining by recovery key to look only, this computer continues what lies there.
    const findings = known === undefined ? [] : compareVaults(known, lying);
    const changed = findings.find(({ code }) => code === 'E_VAULT_CHANGED');
    // A second vault of one generation would leave two devices with one each.
    if (changed !== undefined) throw new SignetError('E_VAULT_CHANGED', changed.detail);
    const recoveryKey = to.renew === true ? randomBytes(32) : vault.recoveryKey();
    try {
      const { keyFileId } = to.renew === true ? await worker.ask(engine.prepareKey, { recoveryKey }) : identity;
      const file = await vault.create({ ...identity, ...to, keyFileId, recoveryKey, device, after: lying, signal });
      const keys = to.renew === true ? { keyFile: keyFileId, oldKeyFile: identity.keyFileId } : {};
      const left = this.#left();
      state.facts.set(unfinishedFact, JSON.stringify({ vault: file.sha256, ...keys, left } satisfies Unfinished));
      try {
        if (to.renew === true) await worker.ask(engine.writeKey, {}, { signal });
        await worker.ask(engine.putVault, { name: file.key, bytes: file.bytes }, { signal });
        const back = (await worker.ask(engine.vaults, { remote }, { signal })).find(({ name }) => name === file.key);
        if (back === undefined) throw new SignetError('E_MISSING', `${file.key}: was written and is not listed`);
        await vault.checkOpens(file, back.bytes, { ...to, signal });
        signal.throwIfAborted();
        await vault.adopt(file);
      } catch (error) {
        vault.discard(file);
        await this.settle();
        throw error;
      }
    } finally {
      wipe(recoveryKey);
    }
    await session.keysChanged();
    await this.settle();
  }

  async #finish({ keyFile, oldKeyFile }: Unfinished): Promise<void> {
    const { vault, engine: worker, session, state } = this.#options;
    const { remote } = session.settings();
    await state.saveWitness(await session.witness(), session.stateKey());
    const { older } = vault.relatives(await worker.ask(engine.vaults, { remote }));
    const oldKeys = oldKeyFile === undefined ? [] : [`keys/${oldKeyFile}`];
    noteSuperseded(state.facts, [...older.map(({ name }) => name), ...oldKeys]);
    for (const { name } of older) await worker.ask(engine.removeVault, { name });
    if (keyFile === undefined || oldKeyFile === undefined) return;
    const recoveryKey = vault.recoveryKey();
    try {
      await worker.ask(engine.useKey, { recoveryKey, keyFileId: keyFile });
    } finally {
      wipe(recoveryKey);
    }
    await worker.ask(engine.removeKey, { keyFileId: oldKeyFile });
  }

  /** A key file that is in use was taken on by another device, from which this one has it: then the old one goes. */
  async #rollBack({ vault, keyFile, oldKeyFile }: Unfinished): Promise<void> {
    const isTakenOn = keyFile === this.#options.vault.identity?.keyFileId;
    const key = isTakenOn ? oldKeyFile : keyFile;
    await this.#remove({ vaults: [vault], keyFiles: key === undefined ? [] : [key] });
  }

  async #remove({ vaults, keyFiles }: Left): Promise<void> {
    const { engine: worker } = this.#options;
    for (const sha256 of vaults) await worker.ask(engine.removeVault, { name: vaultKey(sha256) });
    for (const keyFileId of keyFiles) await worker.ask(engine.removeKey, { keyFileId });
  }

  /** What the unfinished change will leave for the next one to remove. */
  #left(): Left {
    const unfinished = this.#unfinished();
    if (unfinished === undefined) return nothing;
    const { vault, keyFile, oldKeyFile, left = nothing } = unfinished;
    const counts = this.#options.vault.known?.sha256 === vault;
    const key = counts ? oldKeyFile : keyFile;
    return {
      vaults: counts ? left.vaults : [...left.vaults, vault],
      keyFiles: key === undefined ? left.keyFiles : [...left.keyFiles, key],
    };
  }

  #unfinished(): Unfinished | undefined {
    const text = this.#options.state.facts.get(unfinishedFact);
    return text === undefined ? undefined : (JSON.parse(text) as Unfinished); // only this class writes it
  }

  #phone(): string {
    return needed(this.#options.vault.phone, 'phone');
  }

  #digits(): Uint8Array {
    const key = this.#options.vault.recoveryKey();
    try {
      return resticPassword(key);
    } finally {
      wipe(key);
    }
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  try {
    const file = await open(path, 'wx', privateFile);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await syncFolder(folder);
  } catch (error) {
    const detail = whyNot[systemCode(error) ?? ''];
    if (detail === undefined) throw error;
    throw new SignetError('E_USAGE', `${basename(path)} cannot be written`, {
      params: { detail: `${path}: ${detail}`, path },
      cause: error,
    });
  }
}

const whyNot: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of this name already; give another name',
  ENOENT: 'there is no such folder; make it first',
  ENOTDIR: 'there is no such folder; make it first',
  EACCES: 'Signet may not write there; choose another folder',
  EPERM: 'Signet may not write there; choose another folder',
  EROFS: 'nothing can be written there; choose another folder',
};
