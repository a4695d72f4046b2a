// restic's authenticated encryption: AES-256-CTR, then Poly1305-AES over the ciphertext (design.rst "Keys, Encryption and MAC";
// D. J. Bernstein, "The Poly1305-AES message-authentication code", 2005). A sealed object is IV(16) ‖ ciphertext ‖ tag(16).
// No associated data exists in this format: what an object is must be told by its content (see the zstd rule in repository/).

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { concat, copySecret, secretBytes, wipe } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { equalBytes } from './hash.ts';
import { poly1305 } from './poly1305.ts';

export const ivBytes = 16;
export const tagBytes = 16;
/** What sealing adds to the plaintext. */
export const sealOverhead = ivBytes + tagBytes;

/** The three parts of a restic key. `macR` is kept unmasked, as restic stores it; the clamp is part of Poly1305. */
export interface SealKey {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128 key of Poly1305-AES, 16 bytes. */
  readonly macK: Uint8Array;
  /** Multiplier of Poly1305, 16 bytes. */
  readonly macR: Uint8Array;
  /** The two AES keys in the form that costs a call 2 µs instead of 11; OpenSSL clears them when they are collected. */
  readonly handles?: { readonly encrypt: KeyObject; readonly macK: KeyObject };
}

const isZero = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0);

/**
 * Copies the parts out of 64 bytes `encrypt ‖ macK ‖ macR`, the layout of restic's scrypt output.
 *
 * @throws SignetError E_OBJECT_AUTH when a part is all zero: restic refuses such keys as uninitialised
 */
export function sealKeyFrom(bytes: Uint8Array): SealKey {
  if (bytes.length !== 64) throw new SignetError('E_INTERNAL', `a sealing key has 64 bytes, not ${bytes.length}`);
  // Not slice(): that of a Buffer is a view, and the caller wipes its bytes.
  const part = (from: number, to: number): Uint8Array => copySecret(bytes.subarray(from, to));
  const key = { encrypt: part(0, 32), macK: part(32, 48), macR: part(48, 64) };
  refuseZeroKey(key);
  return { ...key, handles: { encrypt: createSecretKey(key.encrypt), macK: createSecretKey(key.macK) } };
}

function refuseZeroKey(key: SealKey): void {
  if (isZero(key.encrypt) || isZero(key.macK) || isZero(key.macR)) {
    throw new SignetError('E_OBJECT_AUTH', 'a sealing key has a part that is all zero');
  }
}

export function wipeSealKey(key: SealKey): void {
  wipe(key.encrypt, key.macK, key.macR);
}

/** Poly1305 with the one-time key r ‖ AES-128_k(iv). */
export function poly1305Aes(
  key: Pick<SealKey, 'macK' | 'macR' | 'handles'>,
  iv: Uint8Array,
  ...message: readonly Uint8Array[]
): Uint8Array {
  const oneTimeKey = secretBytes(32);
  oneTimeKey.set(key.macR, 0);
  const block = createCipheriv('aes-128-ecb', key.handles?.macK ?? key.macK, null).setAutoPadding(false);
  oneTimeKey.set(block.update(iv), 16);
  try {
    return poly1305(oneTimeKey, message);
  } finally {
    wipe(oneTimeKey);
  }
}

/**
 * Seals the plaintext, given in parts, under a fresh IV: the answer is what to store, in order, without one more copy of it.
 *
 * @param iv 16 random bytes, never used before with this key; becomes the first part
 */
export function sealParts(key: SealKey, iv: Uint8Array, plaintext: readonly Uint8Array[]): readonly Uint8Array[] {
  if (iv.length !== ivBytes || isZero(iv))
    throw new SignetError('E_INTERNAL', 'an IV has 16 bytes that are not all zero');
  const cipher = createCipheriv('aes-256-ctr', key.handles?.encrypt ?? key.encrypt, iv);
  const ciphertext = plaintext.map(part => cipher.update(part));
  return [iv, ...ciphertext, poly1305Aes(key, iv, ...ciphertext)];
}

/** As sealParts, in one piece. */
export function seal(key: SealKey, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return concat(...sealParts(key, iv, [plaintext]));
}

/**
 * Checks the tag, then decrypts: nothing unauthenticated is ever decrypted or parsed.
 *
 * @param what names the object in the error
 * @throws SignetError E_OBJECT_AUTH
 */
export function open(key: SealKey, sealed: Uint8Array, what: string): Uint8Array {
  if (sealed.length < sealOverhead) {
    throw new SignetError(
      'E_OBJECT_AUTH',
      `${what}: ${sealed.length} bytes, sealed objects have at least ${sealOverhead}`,
    );
  }
  const iv = sealed.subarray(0, ivBytes);
  const ciphertext = sealed.subarray(ivBytes, sealed.length - tagBytes);
  const tag = sealed.subarray(sealed.length - tagBytes);
  if (isZero(iv) || !equalBytes(poly1305Aes(key, iv, ciphertext), tag)) {
    throw new SignetError('E_OBJECT_AUTH', `${what}: the seal does not match its ${sealed.length} bytes`);
  }
  return createDecipheriv('aes-256-ctr', key.handles?.encrypt ?? key.encrypt, iv).update(ciphertext);
}
