// From a password to an opened repository, on a computer that is set up. It opens with this computer's own copy of the vault; only when
// that does not open, or names a recovery key that was renewed on another device, is a newer vault of the cloud looked at, and taken over
// when it is for the very repository that this computer knows.

import type { ErrorCode } from '../../protocol/errors.ts';
import { wipe } from '../base/bytes.ts';
import { isCode, SignetError, toSignetError } from '../base/errors.ts';
import type { State } from '../state/state.ts';
import type { OpenedVault, VaultCandidate, VaultIdentity } from '../vault/model.ts';
import { type Vault, vaultKey } from '../vault/vault.ts';
import { isCloud } from './clouds.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import { type GivenSecrets, needed, phoneText } from './setup.ts';

export interface KnownPlace {
  readonly vault: Vault;
  readonly engine: Pick<Engine, 'ask'>;
  readonly facts: State['facts'];
  readonly remote: string;
}

const repositoryFact = 'pinned.repository';
const masterKeyFact = 'pinned.master-key';

/** Which repository is this computer's, as facts of its state; a newer vault counts only for the same one. */
export function pinFacts({
  repositoryId,
  masterKeyFingerprint,
}: Pick<VaultIdentity, 'repositoryId' | 'masterKeyFingerprint'>): Readonly<Record<string, string>> {
  return { [repositoryFact]: repositoryId, [masterKeyFact]: masterKeyFingerprint };
}

/** The repository that was opened here last, if one ever was. */
export function pinnedRepository(facts: State['facts']): string | undefined {
  return facts.get(repositoryFact);
}

/**
 * A place that opens with this computer's recovery key must hold the backup that this computer knows; where none was ever opened here,
 * there is nothing to compare with.
 *
 * @throws E_REPO_MISMATCH
 */
export function checkPinned(facts: State['facts'], identity: Parameters<typeof pinFacts>[0]): void {
  const isOther = Object.entries(pinFacts(identity)).some(([name, value]) => (facts.get(name) ?? value) !== value);
  if (isOther) throw new SignetError('E_REPO_MISMATCH', 'the place holds another backup than the one of this computer');
}

/** To be called whenever this computer's repository was opened. */
export function pinRepository(state: State, identity: VaultIdentity): void {
  const facts = pinFacts(identity);
  if (Object.entries(facts).some(([name, value]) => state.facts.get(name) !== value)) state.setFacts(facts);
}

/**
 * Proves the password; the vault is unlocked afterwards.
 *
 * @throws E_VAULT_CHANGED when a newer vault opens and is for another repository · what `Vault.unlockWithPassword` throws
 */
export async function provePassword(secrets: GivenSecrets, place: KnownPlace): Promise<void> {
  const phone = secrets.phone === undefined ? undefined : phoneText(secrets.phone);
  const password = needed(secrets.password, 'password');
  const found = await place.vault.unlockWithPassword(password, phone, { newer: () => lyingVaults(place) });
  if (found !== undefined) await takeOver(found, place);
}

/**
 * What to do when the repository did not open with what this computer's copy of the vault holds: where the recovery key was renewed on
 * another device, the same password opens a newer vault, which is taken over.
 *
 * @param failed what opening threw; thrown again when there is no such vault
 * @param phone the number in the vault that the password opened
 */
export async function followRenewal(
  failed: unknown,
  secrets: { readonly password: Uint8Array | undefined; readonly phone: string | undefined },
  place: KnownPlace,
): Promise<void> {
  const { code } = toSignetError(failed);
  const { password, phone } = secrets;
  const isKeyGone = code === 'E_REPO_MISMATCH' || code === 'E_MISSING' || code === 'E_WRONG_SECRET';
  if (!isKeyGone || password === undefined || phone === undefined) throw failed;
  const { newer } = place.vault.relatives(await lyingVaults(place));
  if (newer.length === 0) throw failed;
  const found = await place.vault.openRemote(newer, password, phone).catch((wrong: unknown) => {
    throw isCode(wrong, 'E_WRONG_SECRET') ? failed : wrong;
  });
  await takeOver(found, place);
}

/**
 * A newer vault of this very backup, made on another device, takes the place of this computer's copy.
 *
 * @throws E_WRONG_SECRET when these secrets do not open it · E_VAULT_CHANGED when there is none of this backup
 */
export async function takeOverNewer(secrets: GivenSecrets, place: KnownPlace): Promise<void> {
  const { vault } = place;
  const lying = await lyingVaults(place);
  const { newer } = vault.relatives(lying);
  if (newer.length === 0) {
    const own = vaultKey(vault.known?.sha256 ?? '');
    if (lying.some(({ name }) => name === own)) return; // the password was proved with it just now
    throw new SignetError('E_VAULT_CHANGED', 'what replaced the vault was not made from it');
  }
  const phone = secrets.phone === undefined ? await vault.presentPhone() : phoneText(secrets.phone);
  await takeOver(await vault.openRemote(newer, needed(secrets.password, 'password'), phone), place);
}

async function takeOver(found: OpenedVault, { vault, facts, engine: worker, remote }: KnownPlace): Promise<void> {
  wipe(found.recoveryKey);
  const { repositoryId, masterKeyFingerprint, keyFileId } = found.identity;
  if (facts.get(repositoryFact) !== repositoryId || facts.get(masterKeyFact) !== masterKeyFingerprint) {
    vault.discard(found);
    throw new SignetError('E_VAULT_CHANGED', 'a newer vault opens with this password, and is for another repository');
  }
  // Before this computer opens with that vault alone: else the key in it would not open what opens the cloud.
  if (isCloud(remote)) await worker.ask(engine.copyKey, { remote, keyFileId });
  await vault.adopt(found);
}

/** E_VAULT_LOCKED: what opens a cloud is sealed under the very keys that are wanted. */
const silent: ReadonlySet<ErrorCode> = new Set(['E_UNREACHABLE', 'E_REMOTE_DENIED', 'E_SIGN_IN', 'E_VAULT_LOCKED']);

/** None when the place cannot be asked: then it is this computer's own copy alone that says whether the password is right. */
async function lyingVaults({ engine: worker, remote }: KnownPlace): Promise<readonly VaultCandidate[]> {
  try {
    return await worker.ask(engine.vaults, { remote });
  } catch (error) {
    if (silent.has(toSignetError(error).code)) return [];
    throw error;
  }
}
