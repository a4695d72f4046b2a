// What this machine recalls from one backup to the next, sealed under the state key: which databases it captured, and what it saw of the
// place last (the witness). The first only saves work; the second cannot be made again.

import type { CaptureMemory } from '../archive/model.ts';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { isCode } from '../base/errors.ts';
import type { Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { VaultIdentity } from '../vault/model.ts';
import type { Vault } from '../vault/vault.ts';

const memoryName = 'captures';

export async function loadMemory(state: State, stateKey: Uint8Array): Promise<CaptureMemory | null> {
  try {
    const bytes = await state.loadSealed(memoryName, stateKey);
    // Authenticated: only this program wrote it.
    return bytes === undefined ? null : (JSON.parse(fromUtf8(bytes) ?? 'null') as CaptureMemory | null);
  } catch (error) {
    if (!isCode(error, 'E_STATE_CORRUPT')) throw error;
    return null; // without it every database is captured again
  }
}

export async function saveMemory(state: State, stateKey: Uint8Array, memory: CaptureMemory): Promise<void> {
  await state.saveSealed(memoryName, stateKey, utf8(JSON.stringify(memory)));
}

/** What this machine knows of itself. */
export interface KnownHere {
  /** Of the open repository. */
  readonly identity: VaultIdentity;
  /** This machine's own copy; undefined without one. */
  readonly vault: Vault['known'];
  readonly device: string;
  readonly now: number;
  /** There is a memory, and it was not written with the key of this backup. */
  readonly onForged: () => void;
}

/**
 * What this machine saw last of the open repository; a new memory begins now where there is none, or one of another repository or machine.
 * Vault and key file are always the present ones: this machine's own copy of the vault says what they are.
 */
export async function loadWitness(
  state: State,
  stateKey: Uint8Array,
  { identity, vault, device, now, onForged }: KnownHere,
): Promise<Witness> {
  const present = { vaultSha256: vault?.sha256 ?? null, vaultGeneration: vault?.generation ?? 0 };
  const known = await state.loadWitness(stateKey);
  if (known === 'forged') onForged();
  const isOther = known === 'absent' || known === 'forged' || known.repositoryId !== identity.repositoryId;
  if (isOther || known.device !== device) {
    return { v: 1, since: new Date(now).toISOString(), ...identity, ...present, device, ownHead: null, seen: {} };
  }
  return { ...known, keyFileId: identity.keyFileId, ...present };
}
