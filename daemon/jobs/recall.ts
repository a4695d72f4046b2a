// What this machine recalls from one backup to the next, sealed under the state key: which databases it captured, and what it saw of the
// place last (the witness). The first only saves work; the second cannot be made again.

import type { CaptureMemory } from '../archive/model.ts';
import { fromUtf8, utf8 } from '../base/bytes.ts';
import { isCode } from '../base/errors.ts';
import type { Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';

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

/**
 * The witness of this repository and device; `fresh` where there is none, or one of another repository or machine. Vault and key file are
 * always those of `fresh`: this machine's own copy of the vault says what they are now.
 */
export async function loadWitness(state: State, stateKey: Uint8Array, fresh: Witness): Promise<Witness> {
  const known = await state.loadWitness(stateKey);
  if (known === 'absent' || known === 'forged') return fresh;
  if (known.repositoryId !== fresh.repositoryId || known.device !== fresh.device) return fresh;
  const { keyFileId, vaultSha256, vaultGeneration } = fresh;
  return { ...known, keyFileId, vaultSha256, vaultGeneration };
}
