// A second key file for a master key that is open: how a recovery key is replaced without sealing anything anew. Old and new key file
// open the same master key until the old one is removed; what was copied before that stays open to the old key.

import { copySecret, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import { type SealKey, wipeSealKey } from '../kernel/seal.ts';
import type { Remote } from '../remotes/remote.ts';
import { isId } from './ids.ts';
import { createKeyFile, fingerprintOf, openMasterKey } from './master-key.ts';
import type { PreparedKeyFile } from './model.ts';

export interface KeyRing {
  readonly remote: Pick<Remote, 'get' | 'list' | 'put'>;
  readonly masterKey: SealKey;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** The remote key of a key file. @throws E_INTERNAL for what is no id: a name from elsewhere must not lead to another object */
export function keyFileKey(id: string): string {
  if (!isId(id)) throw new SignetError('E_INTERNAL', 'not the id of a key file');
  return `keys/${id}`;
}

export async function prepareKeyFile(ring: KeyRing, recoveryKey: Uint8Array): Promise<PreparedKeyFile> {
  const { id, bytes } = await createKeyFile(ring.masterKey, recoveryKey, ring.clock.now(), ring.randomBytes);
  const key = copySecret(recoveryKey);
  return {
    id,
    async write({ signal } = {}) {
      try {
        await ring.remote.put(keyFileKey(id), bytes, { signal });
        await checkKeyFile(ring, id, key, signal);
      } finally {
        wipe(key);
      }
    },
  };
}

/**
 * Opens this very key file as it lies in the remote.
 *
 * @throws E_REPO_MISMATCH when another one opens, or it holds another master key · what `openMasterKey` throws
 */
export async function checkKeyFile(
  { remote, masterKey }: KeyRing,
  id: string,
  recoveryKey: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const found = await openMasterKey(remote, recoveryKey, { keyFileId: id, report: () => undefined, signal });
  const isSame = found.keyFileId === id && fingerprintOf(found.masterKey) === fingerprintOf(masterKey);
  wipeSealKey(found.masterKey);
  if (!isSame) throw new SignetError('E_REPO_MISMATCH', `keys/${id}: does not hold the key of this repository`);
}
