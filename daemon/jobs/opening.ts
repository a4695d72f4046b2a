// From a password to an opened repository, on a computer that is set up. It opens with this computer's own copy of the vault; only when
// that does not open, or names a recovery key that was renewed on another device, is a newer vault of the cloud looked at, and taken over
// when it is for the very repository that this computer knows.

import { wipe } from '../base/bytes.ts';
import { isCode, SignetError, toSignetError } from '../base/errors.ts';
import type { State } from '../state/state.ts';
import type { OpenedVault, VaultCandidate, VaultIdentity } from '../vault/model.ts';
import { checkSameRepository, type Vault } from '../vault/vault.ts';
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

/** Proves the password and opens the repository with what the vault holds. @throws as `provePassword` · what the engine throws */
export async function openByPassword(secrets: GivenSecrets, place: KnownPlace): Promise<engine.OpenedRepository> {
  const { vault } = place;
  await provePassword(secrets, place);
  try {
    return await openWithVault(place);
  } catch (error) {
    const { phone } = vault;
    const isKeyGone = ['E_REPO_MISMATCH', 'E_MISSING', 'E_WRONG_SECRET'].some(
      code => toSignetError(error).code === code,
    );
    if (!isKeyGone || phone === undefined) throw error;
    // Renewed on another device: the same password opens the newer vault, which names the new key.
    const { newer } = vault.relatives(await lyingVaults(place));
    if (newer.length === 0) throw error;
    const found = await vault.openRemote(newer, needed(secrets.password, 'password'), phone).catch(wrong => {
      throw isCode(wrong, 'E_WRONG_SECRET') ? error : wrong;
    });
    await takeOver(found, place);
    return openWithVault(place);
  }
}

async function openWithVault({ vault, engine: worker, remote }: KnownPlace): Promise<engine.OpenedRepository> {
  const { identity } = vault;
  if (identity === undefined) throw new SignetError('E_VAULT_LOCKED', 'the vault is locked');
  const recoveryKey = vault.recoveryKey();
  try {
    const opened = await worker.ask(engine.open, { remote, recoveryKey, keyFileId: identity.keyFileId });
    checkSameRepository(identity, { id: opened.repositoryId, ...opened });
    return opened;
  } finally {
    wipe(recoveryKey);
  }
}

async function takeOver(found: OpenedVault, { vault, facts }: KnownPlace): Promise<void> {
  wipe(found.recoveryKey);
  const { repositoryId, masterKeyFingerprint } = found.identity;
  if (facts.get(repositoryFact) !== repositoryId || facts.get(masterKeyFact) !== masterKeyFingerprint) {
    throw new SignetError('E_VAULT_CHANGED', 'a newer vault opens with this password, and is for another repository');
  }
  await vault.adopt(found);
}

/** None when the place cannot be asked: then it is this computer's own copy alone that says whether the password is right. */
async function lyingVaults({ engine: worker, remote }: KnownPlace): Promise<readonly VaultCandidate[]> {
  try {
    return await worker.ask(engine.vaults, { remote });
  } catch (error) {
    const { code } = toSignetError(error);
    if (code === 'E_UNREACHABLE' || code === 'E_REMOTE_DENIED' || code === 'E_SIGN_IN') return [];
    throw error;
  }
}
