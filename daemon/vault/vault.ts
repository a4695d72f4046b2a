// The vault: who may open the backup. Holds the recovery key in memory while unlocked and nothing while locked. This machine
// unlocks from its own copy, so the cloud is no oracle for passwords and cannot slip in another vault.
//
// Wrong password and wrong phone number are one error after one key derivation: which of them it was cannot be known.

import { randomBytes as systemRandomBytes } from 'node:crypto';
import { copySecret, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isCode, SignetError } from '../base/errors.ts';
import { equalBytes } from '../kernel/hash.ts';
import { openNewest, relatives } from './cloud-vaults.ts';
import { atLeast, checkMemory, defaultWritePolicy } from './kdf-policy.ts';
import type {
  KeyWork,
  OpenedVault,
  SheetFacts,
  VaultCandidate,
  VaultFile,
  VaultIdentity,
  Verdict,
  WritePolicy,
} from './model.ts';
import { isE164, normalisePhone } from './phone.ts';
import type { SessionKeys } from './session-entry.ts';
import { Tries } from './tries.ts';
import {
  openVault,
  type ParsedVault,
  parseVault,
  sealVault,
  type VaultHeader,
  type VaultPayload,
  vaultKey,
  vaultSha256,
} from './vault-file.ts';

export { compareVaults, isVaultKey, listVaults } from './cloud-vaults.ts';
export { KeyProcess } from './key-process.ts';
export { normalisePhone, phoneEnding } from './phone.ts';
export { parseRecoveryKey, recoveryKeyGroups, resticPassword } from './recovery-key.ts';
export { clockSlackMs, openSession, type SessionKeys, type SessionTimes, sealSession } from './session-entry.ts';
export { vaultKey } from './vault-file.ts';

const keyBytes = 32;
const saltBytes = 16;

export interface VaultOptions {
  readonly clock: Clock;
  readonly keyWork: KeyWork;
  /** This machine's copy of the vault file. */
  readonly copy: { load(): Promise<Uint8Array | undefined>; save(bytes: Uint8Array): Promise<void> };
  /** The remembered number; while it changes, for some moments, the old and the new one with a space between. */
  readonly phone: { recall(): Promise<string | undefined>; remember(text: string): Promise<void> };
  /** Memory of this machine and what is left of it, in bytes, as limited by a container. */
  readonly memory: () => { readonly totalBytes: number; readonly availableBytes: number };
  /** Costs of new vaults; by default what the machine bears. */
  readonly writePolicy?: WritePolicy;
  readonly randomBytes?: (count: number) => Uint8Array;
}

export interface NewVault extends VaultIdentity {
  /** UTF-8, as typed; the caller wipes it. */
  readonly password: Uint8Array;
  readonly phone: string;
  /** 32 bytes; copied. */
  readonly recoveryKey: Uint8Array;
  /** How this device calls itself, at most 64 characters. */
  readonly device: string;
  /** Vaults that lie in the place: the new one continues the newest of them where this machine has none of its own that can be read. */
  readonly after?: readonly VaultCandidate[];
  /** The vault of another repository: a new chain begins, whatever this machine has. */
  readonly isFirst?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the local copy; no password is needed for that. */
export async function openVaultState(options: VaultOptions): Promise<Vault> {
  return new Vault(options, await options.copy.load());
}

export class Vault {
  readonly #options: VaultOptions;
  readonly #tries: Tries;
  /** Of the recovery key, apart: whoever forgot the password has tried that one often enough. */
  readonly #keyTries: Tries;
  readonly #random: (count: number) => Uint8Array;
  #local: Uint8Array | undefined;
  #recoveryKey: Uint8Array | undefined;
  #identity: VaultIdentity | undefined;
  #phone: string | undefined;
  /** Secrets of files that were made or opened and may be adopted. */
  readonly #payloads = new WeakMap<VaultFile, VaultPayload>();

  constructor(options: VaultOptions, local: Uint8Array | undefined) {
    this.#options = options;
    this.#tries = new Tries(options.clock);
    this.#keyTries = new Tries(options.clock);
    this.#random = options.randomBytes ?? systemRandomBytes;
    this.#local = local;
  }

  get state(): 'absent' | 'locked' | 'unlocked' {
    if (this.#recoveryKey !== undefined) return 'unlocked';
    return this.#local === undefined ? 'absent' : 'locked';
  }

  /** What the vault says about its repository, once a password opened it; to be compared with the opened one (E_REPO_MISMATCH). */
  get identity(): VaultIdentity | undefined {
    return this.#identity;
  }

  /** The number that is bound into the vault, once a password opened it (E.164). */
  get phone(): string | undefined {
    return this.#phone;
  }

  /** Hash and (unproven) generation of the local copy, for the witness; undefined without one or when it is unreadable. */
  get known(): { readonly sha256: string; readonly generation: number } | undefined {
    if (this.#local === undefined) return undefined;
    const header = tryParse(this.#local)?.header;
    return header === undefined ? undefined : { sha256: vaultSha256(this.#local), generation: header.generation };
  }

  /**
   * Makes a vault file: the first one, or the next generation when this machine has one. Nothing changes here until `adopt`; the
   * caller uploads the file and reads it back first, so that the old vault or the new one always opens.
   *
   * @throws E_WEAK_PASSWORD · E_PASSWORD_FORM · E_PHONE_FORM · E_KDF_RESOURCES
   */
  async create(from: NewVault): Promise<VaultFile> {
    if (from.recoveryKey.length !== keyBytes) throw new SignetError('E_INTERNAL', 'the recovery key is not 32 bytes');
    const phone = normalisePhone(from.phone);
    const own = newestOf(this.#local === undefined ? [] : [this.#local]);
    const continued = from.isFirst === true ? undefined : (own ?? newestOf((from.after ?? []).map(each => each.bytes)));
    const previous = continued?.header;
    const { totalBytes, availableBytes } = this.#options.memory();
    const policy = atLeast(this.#options.writePolicy ?? defaultWritePolicy(totalBytes), previous?.cost);
    checkMemory(policy, availableBytes);
    const salt = this.#random(saltBytes);
    const { ikm, cost } = await this.#options.keyWork.deriveNew({
      password: from.password,
      phone,
      salt,
      policy,
      signal: from.signal,
    });
    const header: VaultHeader = {
      cost,
      salt,
      id: previous?.id ?? this.#random(16),
      generation: (previous?.generation ?? 0) + 1,
      previous: continued === undefined ? null : vaultSha256(continued.bytes),
    };
    const payload: VaultPayload = {
      recoveryKey: copySecret(from.recoveryKey),
      identity: {
        repositoryId: from.repositoryId,
        keyFileId: from.keyFileId,
        masterKeyFingerprint: from.masterKeyFingerprint,
      },
      phone,
      created: new Date(this.#options.clock.now()).toISOString().slice(0, 10),
      device: from.device.slice(0, 64).toWellFormed(),
      epoch: 1,
    };
    try {
      const bytes = sealVault(header, payload, ikm, { nonce: this.#random(12) });
      return this.#offer(
        { ...place(bytes), bytes, generation: header.generation, identity: payload.identity },
        payload,
      );
    } finally {
      wipe(ikm);
    }
  }

  /**
   * Proves that what the cloud gave back opens with these secrets and holds what was put into it: one more derivation.
   *
   * @throws E_VAULT_CORRUPT when it does not
   */
  async checkOpens(file: VaultFile, bytes: Uint8Array, secrets: Pick<NewVault, 'password' | 'phone' | 'signal'>) {
    const wanted = this.#payloads.get(file);
    if (wanted === undefined) throw new SignetError('E_INTERNAL', 'only a vault made here can be checked');
    const vault = parseVault(bytes);
    const ikm = await this.#derive(vault, secrets.password, normalisePhone(secrets.phone), secrets.signal);
    let payload: VaultPayload | undefined;
    try {
      payload = openVault(vault, ikm);
    } catch (error) {
      if (!isCode(error, 'E_WRONG_SECRET')) throw error;
    } finally {
      wipe(ikm);
    }
    const isSame = payload !== undefined && equalBytes(payload.recoveryKey, wanted.recoveryKey);
    wipe(payload?.recoveryKey);
    if (!isSame) throw new SignetError('E_VAULT_CORRUPT', 'the new vault does not open with what it was made with');
  }

  /**
   * Makes a file of `create` or `openRemote` this machine's own: local copy, remembered phone number, unlocked. The replacement of the
   * copy is the moment from which the new secrets count; around it both numbers are remembered, so that after a crash on either side
   * the password alone opens.
   */
  async adopt(file: VaultFile): Promise<void> {
    const payload = this.#payloads.get(file);
    if (payload === undefined) throw new SignetError('E_INTERNAL', 'only a vault made or opened here can be adopted');
    const { copy, phone } = this.#options;
    const isKnown = (await phone.recall()) === payload.phone;
    const isChange = this.#local !== undefined && !isKnown;
    if (isChange) await this.rememberBesides(payload.phone);
    await copy.save(file.bytes).catch(async (error: unknown) => {
      // It may have been put in place before something failed, and then it is what counts.
      const found = await copy.load();
      if (found === undefined || !equalBytes(found, file.bytes)) throw error;
    });
    this.#local = file.bytes;
    // It counts from here on: where both numbers are remembered, the next unlock leaves the right one.
    if (isChange) await phone.remember(payload.phone).catch(() => undefined);
    else if (!isKnown) await phone.remember(payload.phone);
    this.#payloads.delete(file);
    this.#open(payload);
  }

  /** Forgets the secrets of a file that will not be adopted. */
  discard(file: VaultFile): void {
    wipe(this.#payloads.get(file)?.recoveryKey);
    this.#payloads.delete(file);
  }

  /**
   * Unlocks from this machine's copy. While unlocked it proves the password again and changes nothing if it is wrong.
   *
   * @param phone as typed; the remembered one if left out
   * @param options.newer what lies in the cloud, asked for only when the copy does not open: the password may have been changed on
   *   another device. It tells the cloud no more than that a password was typed that is not this machine's.
   * @returns undefined when the copy opened; else a newer generation of it that the password opens. Nothing has changed then: the
   *   caller looks whether it is for the same repository, and adopts it
   * @throws E_NOT_SET_UP without a copy · E_PHONE_FORM (params.problem 'needed') when no number is remembered · E_WRONG_SECRET with
   *   params.triesLeft, and params.phoneKnown when the remembered number was used, so that only the password can be wrong · E_TOO_MANY_TRIES · E_PASSWORD_FORM · E_KDF_RESOURCES · what `parseVault` throws for a damaged copy
   */
  async unlockWithPassword(
    password: Uint8Array,
    phone?: string,
    options: { signal?: AbortSignal | undefined; newer?: () => Promise<readonly VaultCandidate[]> } = {},
  ): Promise<OpenedVault | undefined> {
    const local = this.#local;
    if (local === undefined) throw new SignetError('E_NOT_SET_UP', 'no vault on this machine');
    const numbers = phone === undefined ? await this.#rememberedPhones() : [normalisePhone(phone)];
    const vault = parseVault(local);
    const opened = await this.#tries.attempt(async () => {
      const wrong = phone === undefined ? { params: { phoneKnown: true } } : {};
      for (const number of numbers) {
        const payload = await this.#tryOpen(vault, password, number, options.signal);
        if (payload !== undefined) return payload;
      }
      const newer = relatives(local, (await options.newer?.()) ?? []).newer;
      for (const number of newer.length === 0 ? [] : numbers) {
        const found = await this.#tryNewest(newer, password, number, options.signal);
        if (found !== undefined) return found;
      }
      throw new SignetError('E_WRONG_SECRET', 'the password or the phone number is wrong', wrong);
    }, options.signal);
    if ('key' in opened) return opened;
    if (phone !== undefined || numbers.length > 1) await this.#options.phone.remember(opened.phone);
    this.#open(opened);
    return undefined;
  }

  async #tryOpen(
    vault: ParsedVault,
    password: Uint8Array,
    phone: string,
    signal: AbortSignal | undefined,
  ): Promise<VaultPayload | undefined> {
    checkMemory(vault.header.cost, this.#options.memory().availableBytes);
    const ikm = await this.#derive(vault, password, phone, signal);
    try {
      return openVault(vault, ikm);
    } catch (error) {
      if (isCode(error, 'E_WRONG_SECRET')) return undefined;
      throw error;
    } finally {
      wipe(ikm);
    }
  }

  /** Undefined when none opens, whatever is the matter with them: this machine's own copy is what counts. */
  async #tryNewest(
    candidates: readonly VaultCandidate[],
    password: Uint8Array,
    phone: string,
    signal: AbortSignal | undefined,
  ): Promise<OpenedVault | undefined> {
    try {
      return await this.#openNewest(candidates, password, phone, signal);
    } catch (error) {
      if (error instanceof SignetError && /^E_(?:VAULT|KDF|WRONG)_/.test(error.code)) return undefined;
      throw error;
    }
  }

  /**
   * Opens a vault of the cloud on a machine that has none of its own. Changes nothing here; see `adopt`.
   *
   * @throws E_MISSING · E_WRONG_SECRET · E_VAULT_CORRUPT · E_VAULT_MALFORMED · E_VAULT_VERSION · E_KDF_POLICY · E_KDF_RESOURCES ·
   *   E_TOO_MANY_TRIES · E_PHONE_FORM · E_PASSWORD_FORM
   */
  async openRemote(
    candidates: readonly VaultCandidate[],
    password: Uint8Array,
    phone: string,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<OpenedVault> {
    const number = normalisePhone(phone);
    return this.#tries.attempt(() => this.#openNewest(candidates, password, number, options.signal), options.signal);
  }

  async #openNewest(
    candidates: readonly VaultCandidate[],
    password: Uint8Array,
    phone: string,
    signal: AbortSignal | undefined,
  ): Promise<OpenedVault> {
    const { payload, ...opened } = await openNewest(
      candidates,
      vault => this.#derive(vault, password, phone, signal),
      () => this.#options.memory().availableBytes,
    );
    return this.#offer({ ...opened, recoveryKey: copySecret(payload.recoveryKey) }, payload);
  }

  /** Of the cloud's vaults those of this one's own chain that are newer or older than this machine's copy. */
  relatives(candidates: readonly VaultCandidate[]): ReturnType<typeof relatives> {
    return this.#local === undefined ? { newer: [], older: [] } : relatives(this.#local, candidates);
  }

  /**
   * Unlocks with the recovery key itself. Whether it is the right one only the repository can tell: when it does not open, the
   * caller locks again.
   */
  unlockWithRecoveryKey(recoveryKey: Uint8Array): void {
    if (recoveryKey.length !== keyBytes) throw new SignetError('E_INTERNAL', 'the recovery key is not 32 bytes');
    this.lock();
    this.#recoveryKey = copySecret(recoveryKey);
  }

  /** Unlocks with what the daemon before kept for this login; no password is asked for and none is proved. */
  resume({ recoveryKey, identity }: SessionKeys): void {
    this.unlockWithRecoveryKey(recoveryKey);
    this.#identity = identity;
  }

  /**
   * While unlocked: whether this is the key that is in use. Changes nothing.
   *
   * @throws E_VAULT_LOCKED · E_WRONG_SECRET with params.secret · E_TOO_MANY_TRIES
   */
  async proveRecoveryKey(recoveryKey: Uint8Array): Promise<void> {
    await this.#keyTries.attempt(async () => {
      if (this.#recoveryKey === undefined) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
      if (equalBytes(this.#recoveryKey, recoveryKey)) return;
      const params = { secret: 'recovery-key' };
      throw new SignetError('E_WRONG_SECRET', 'this is not the recovery key of this backup', { params });
    });
  }

  /** A fresh copy of 32 bytes; the caller wipes it. @throws E_VAULT_LOCKED */
  recoveryKey(): Uint8Array {
    if (this.#recoveryKey === undefined) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
    return copySecret(this.#recoveryKey);
  }

  /**
   * The number that a new password is to be bound to where nobody says another: the one that a password opened the vault with, else the
   * remembered one; of two, while it changes, the newer, which screens show.
   *
   * @throws E_PHONE_FORM (params.problem 'needed') when none is remembered
   */
  async presentPhone(): Promise<string> {
    return this.#phone ?? (await this.#rememberedPhones()).at(-1) ?? '';
  }

  async judgePassword(password: Uint8Array, phone?: string): Promise<Verdict> {
    return this.#options.keyWork.judge(password, phone === undefined ? undefined : normalisePhone(phone));
  }

  /** The number of a vault that is about to count: with either, the password alone opens on this machine until `adopt`. */
  async rememberBesides(phone: string): Promise<void> {
    const before = (await this.#recalled()).filter(number => number !== phone);
    await this.#options.phone.remember([...before, phone].join(' '));
  }

  /** After the machine's copy was replaced by other hands than these; locks. */
  async reload(): Promise<void> {
    this.lock();
    this.#local = await this.#options.copy.load();
  }

  /** Six words for a password, as UTF-8; the caller wipes them. */
  async suggestPassword(): Promise<Uint8Array> {
    return this.#options.keyWork.suggest();
  }

  /** The recovery sheet as HTML in UTF-8, with the key of this vault; the caller wipes it. @throws E_VAULT_LOCKED */
  async recoverySheet(facts: SheetFacts): Promise<Uint8Array> {
    const key = this.recoveryKey();
    try {
      return await this.#options.keyWork.sheet(facts, key);
    } finally {
      wipe(key);
    }
  }

  lock(): void {
    wipe(this.#recoveryKey);
    this.#recoveryKey = undefined;
    this.#identity = undefined;
    this.#phone = undefined;
  }

  /** Takes the payload's key over. */
  #open(payload: VaultPayload): void {
    this.lock();
    this.#recoveryKey = payload.recoveryKey;
    this.#identity = payload.identity;
    this.#phone = payload.phone;
  }

  #offer<File extends VaultFile>(file: File, payload: VaultPayload): File {
    this.#payloads.set(file, payload);
    return file;
  }

  async #derive(
    vault: ParsedVault,
    password: Uint8Array,
    phone: string,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const { salt, cost } = vault.header;
    return this.#options.keyWork.derive({ password, phone, salt, cost, signal });
  }

  async #rememberedPhones(): Promise<readonly string[]> {
    const phones = await this.#recalled();
    if (phones.length === 0) {
      throw new SignetError('E_PHONE_FORM', 'this machine does not remember the phone number; it is needed', {
        params: { problem: 'needed' },
      });
    }
    return phones;
  }

  async #recalled(): Promise<readonly string[]> {
    return ((await this.#options.phone.recall()) ?? '').split(' ').filter(isE164);
  }
}

/**
 * Refuses to go on when a repository is not the one the vault was made for.
 *
 * @throws E_REPO_MISMATCH
 */
export function checkSameRepository(
  identity: VaultIdentity,
  repository: { readonly id: string; readonly keyFileId: string; readonly masterKeyFingerprint: string },
): void {
  if (identity.repositoryId !== repository.id || identity.masterKeyFingerprint !== repository.masterKeyFingerprint) {
    throw new SignetError(
      'E_REPO_MISMATCH',
      `the vault belongs to repository ${identity.repositoryId.slice(0, 8)}, the place holds ${repository.id.slice(0, 8)}`,
    );
  }
}

function place(bytes: Uint8Array): { key: string; sha256: string } {
  const sha256 = vaultSha256(bytes);
  return { key: vaultKey(sha256), sha256 };
}

/** Undefined for a damaged copy: a new vault then starts a new chain. A newer version goes up; it must not be overwritten. */
function tryParse(bytes: Uint8Array): ParsedVault | undefined {
  try {
    return parseVault(bytes);
  } catch (error) {
    if (isCode(error, 'E_VAULT_MALFORMED') || isCode(error, 'E_KDF_POLICY')) return undefined;
    throw error;
  }
}

/** The readable one with the highest generation. */
function newestOf(
  files: readonly Uint8Array[],
): { readonly header: VaultHeader; readonly bytes: Uint8Array } | undefined {
  let newest: { readonly header: VaultHeader; readonly bytes: Uint8Array } | undefined;
  for (const bytes of files) {
    const header = tryParse(bytes)?.header;
    if (header !== undefined && header.generation > (newest?.header.generation ?? 0)) newest = { header, bytes };
  }
  return newest;
}
