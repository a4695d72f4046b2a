// The recovery key: 32 random bytes. As restic's password it is 64 lower-case hex digits; for people it is 16 groups of four
// and a 17th check group, the first 16 bits of SHA-256 over the 64 characters, so that a typing mistake shows without a trial.

import { fromUtf8, secretBytes, toHex, utf8, wipe } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { fromHexBytes, hexBytes } from '../base/secret-text.ts';
import { equalBytes, sha256Hex } from '../kernel/hash.ts';

const keyDigits = 64;
const checkDigits = 4;

/** What restic is given: 64 ASCII bytes. The caller wipes it. */
export function resticPassword(recoveryKey: Uint8Array): Uint8Array {
  return hexBytes(recoveryKey);
}

/** The 17 groups, the check group last. */
export function recoveryKeyGroups(recoveryKey: Uint8Array): readonly string[] {
  const digits = toHex(recoveryKey);
  return (digits + checkGroup(utf8(digits))).match(/.{4}/g) ?? [];
}

/**
 * Reads a key as people type it: upper or lower case, with any spaces, dashes or line ends, with or without the check group. It never
 * becomes text here, as text cannot be wiped.
 *
 * @param typed UTF-8; not wiped here
 * @throws E_RECOVERY_KEY_FORM; params.problem is 'character' (+ group: 1 to 17), 'short' or 'long' (+ count, expected), 'check'
 */
export function parseRecoveryKey(typed: Uint8Array): Uint8Array {
  const digits = digitsOf(typed);
  try {
    const key = fromHexBytes(digits.subarray(0, keyDigits));
    if (key === undefined) throw malformed('character', 'not hexadecimal', {});
    if (digits.length === keyDigits) return key;
    if (equalBytes(digits.subarray(keyDigits), utf8(checkGroup(digits.subarray(0, keyDigits))))) return key;
    wipe(key);
    throw malformed('check', 'the check group does not fit: somewhere there is a typing mistake', {});
  } finally {
    wipe(digits);
  }
}

/** The 64 or 68 digits as lower-case ASCII bytes. */
function digitsOf(typed: Uint8Array): Uint8Array {
  const digits = secretBytes(keyDigits + checkDigits);
  try {
    return digits.subarray(0, takeDigits(typed, digits));
  } catch (error) {
    wipe(digits);
    throw error;
  }
}

/** Answers how many there are. */
function takeDigits(typed: Uint8Array, digits: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < typed.length; ) {
    const first = typed[at] ?? 0;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const character = fromUtf8(typed.subarray(at, at + length));
    at += length;
    if (character === undefined) throw malformed('character', 'not text', { group: Math.floor(count / 4) + 1 });
    if (/^[\s\u00a0\u200b\u2010-\u2015\u2212-]$/.test(character)) continue;
    const digit = first | 0x20; // lower case; the figures have this bit already
    if (!/^[0-9a-fA-F]$/.test(character)) {
      throw malformed('character', 'only the digits 0 to 9 and a to f occur in it', {
        group: Math.floor(count / 4) + 1,
      });
    }
    if (count < digits.length) digits[count] = digit;
    count += 1;
  }
  if (count === keyDigits || count === keyDigits + checkDigits) return count;
  const problem = count < keyDigits + checkDigits ? 'short' : 'long';
  throw malformed(problem, `${count} digits, ${keyDigits} and ${checkDigits} for the check are expected`, {
    count,
    expected: keyDigits + checkDigits,
  });
}

function checkGroup(digits: Uint8Array): string {
  return sha256Hex(digits).slice(0, checkDigits);
}

function malformed(problem: string, message: string, params: Record<string, number>): SignetError {
  return new SignetError('E_RECOVERY_KEY_FORM', `recovery key: ${message}`, { params: { problem, ...params } });
}
