// SHA-256, HMAC and HKDF by Node's own crypto: one-shot calls, which are the fastest there for blobs of our sizes.

import { createHash, createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto';

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** Of bytes given in parts. */
export function sha256HexOf(parts: Iterable<Uint8Array>): string {
  const whole = createHash('sha256');
  for (const part of parts) whole.update(part);
  return whole.digest('hex');
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/**
 * HKDF with SHA-512 (RFC 5869), extract and expand.
 *
 * @param lengthBytes 1 to 16320
 */
export function hkdfSha512(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha512', ikm, salt, info, lengthBytes));
}

/** Comparison in constant time; the lengths may show. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
