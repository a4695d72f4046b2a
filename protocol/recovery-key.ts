// The recovery key as people write it: 64 lower-case hex digits in 16 groups of four, and a 17th group that catches typing mistakes. The
// check group is the first 16 bits of SHA-256 over the 64 characters; it is no part of the key.

import { createHash } from 'node:crypto';
import { PeerError } from './errors.ts';

const keyLength = 64;
const checkLength = 4;

/** `0123 4567 … check`, in one line. */
export function groupsOf(key: string): readonly string[] {
  return (key + checkOf(key)).match(/.{4}/g) ?? [];
}

/** The 64 digits of what was typed, with or without the check group, spaces and hyphens of any kind. Throws E_RECOVERY_KEY_FORM. */
export function parseRecoveryKey(typed: string): string {
  const digits = typed.replace(/[\s\u00a0\u200b\u2010-\u2015\u2212-]/g, '').toLowerCase();
  if (!/^[0-9a-f]*$/.test(digits)) throw malformed('character', 0);
  if (digits.length !== keyLength && digits.length !== keyLength + checkLength) {
    throw malformed(digits.length < keyLength + checkLength ? 'short' : 'long', digits.length);
  }
  const key = digits.slice(0, keyLength);
  if (digits.length > keyLength && digits.slice(keyLength) !== checkOf(key)) {
    throw malformed('check', digits.length);
  }
  return key;
}

function checkOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, checkLength);
}

/** With the parameters the daemon uses for the same mistakes, so that they read the same. */
function malformed(problem: 'character' | 'short' | 'long' | 'check', count: number): PeerError {
  return new PeerError('E_RECOVERY_KEY_FORM', `recovery key: ${problem}`, { params: { problem, count } });
}
