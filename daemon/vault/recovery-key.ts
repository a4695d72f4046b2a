// The recovery key: 32 random bytes. As restic's password it is 64 lower-case hex digits; for people it is 16 groups of four
// and a 17th check group, the first 16 bits of SHA-256 over the 64 characters, so that a typing mistake shows without a trial.

import { createHash } from 'node:crypto';
import { fromHex, toHex, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';

const keyDigits = 64;
const checkDigits = 4;

/** What restic is given: 64 ASCII bytes. The caller wipes it. */
export function resticPassword(recoveryKey: Uint8Array): Uint8Array {
  return utf8(toHex(recoveryKey));
}

/** The 17 groups, the check group last. */
export function recoveryKeyGroups(recoveryKey: Uint8Array): readonly string[] {
  const digits = toHex(recoveryKey);
  return (digits + checkGroup(digits)).match(/.{4}/g) ?? [];
}

/**
 * Reads a key as people type it: upper or lower case, with any spaces, dashes or line ends, with or without the check group.
 *
 * @throws E_RECOVERY_KEY_FORM; params.problem is 'character' (+ group: 1 to 17), 'short' or 'long' (+ count, expected), 'check'
 */
export function parseRecoveryKey(text: string): Uint8Array {
  const typed = text.replace(/[\s\u00a0\u200b\u2010-\u2015\u2212-]/g, '').toLowerCase();
  const stray = typed.search(/[^0-9a-f]/);
  if (stray >= 0) {
    throw malformed('character', 'only the digits 0 to 9 and a to f occur in it', { group: Math.floor(stray / 4) + 1 });
  }
  if (typed.length !== keyDigits && typed.length !== keyDigits + checkDigits) {
    const problem = typed.length < keyDigits + checkDigits ? 'short' : 'long';
    throw malformed(problem, `${typed.length} digits, ${keyDigits} and ${checkDigits} for the check are expected`, {
      count: typed.length,
      expected: keyDigits + checkDigits,
    });
  }
  const digits = typed.slice(0, keyDigits);
  if (typed.length > keyDigits && typed.slice(keyDigits) !== checkGroup(digits)) {
    throw malformed('check', 'the check group does not fit: somewhere there is a typing mistake', {});
  }
  const key = fromHex(digits);
  if (key === undefined) throw malformed('character', 'not hexadecimal', {});
  return key;
}

function checkGroup(digits: string): string {
  return createHash('sha256').update(digits, 'ascii').digest('hex').slice(0, checkDigits);
}

function malformed(problem: string, message: string, params: Record<string, number>): SignetError {
  return new SignetError('E_RECOVERY_KEY_FORM', `recovery key: ${message}`, { params: { problem, ...params } });
}
