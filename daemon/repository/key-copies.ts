// Copies of config and key file outside the place of the repository. They are sealed by themselves, as they lie in the place, so that they may be
// kept anywhere; with the recovery key they give the repository's keys although the place cannot be asked yet, as with a cloud whose own
// credentials are sealed under one of these keys. All of it can be copied again.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { wipeSealKey } from '../kernel/seal.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { idInKey } from './ids.ts';
import { limits } from './limits.ts';
import { derivedKey, openConfig, openMasterKey } from './master-key.ts';

/**
 * A derived key (D15) of the repository whose copies these are; the caller wipes it.
 *
 * @throws E_NOT_FOUND, E_MISSING without copies · E_WRONG_SECRET · E_OBJECT_* when they are damaged
 */
export async function keyFromCopies(
  copies: Pick<Remote, 'get' | 'list'>,
  recoveryKey: Uint8Array,
  label: string,
  options: CallOptions = {},
): Promise<Uint8Array> {
  // What is no key file any more is told by the error when no other opens.
  const { masterKey } = await openMasterKey(copies, recoveryKey, { ...options, report: () => undefined });
  try {
    const { id } = openConfig(masterKey, await copies.get('config', { maxBytes: limits.configBytes, ...options }));
    return derivedKey(masterKey, id, label);
  } finally {
    wipeSealKey(masterKey);
  }
}

/**
 * Copies config and this key file, unless they are copied; the copies of other key files go. Config comes first: where the key file is
 * copied, all of it is. A new key file is there before an old one goes.
 */
export async function renewCopies(
  place: Pick<Remote, 'get'>,
  copies: Remote,
  keyFileId: string,
  options: CallOptions = {},
): Promise<void> {
  if ((await copies.stat(`keys/${keyFileId}`, options)) === undefined) {
    await copies.put('config', await place.get('config', { maxBytes: limits.configBytes, ...options }), options);
    await copyKeyFile(place, copies, keyFileId, options);
  }
  const others: string[] = [];
  for await (const { key } of copies.list('keys', options)) if (idInKey(key) !== keyFileId) others.push(key);
  for (const key of others) await copies.remove(key, options);
}

/** One more, beside those that are there. @throws E_OBJECT_ID when it is not the file of this name */
export async function copyKeyFile(
  place: Pick<Remote, 'get'>,
  copies: Pick<Remote, 'put' | 'stat'>,
  keyFileId: string,
  options: CallOptions = {},
): Promise<void> {
  const key = `keys/${keyFileId}`;
  if ((await copies.stat(key, options)) !== undefined) return;
  const bytes = await place.get(key, { maxBytes: limits.keyFileBytes, ...options });
  if (sha256Hex(bytes) !== keyFileId) throw new SignetError('E_OBJECT_ID', `${key}: its bytes do not hash to its name`);
  await copies.put(key, bytes, options);
}
