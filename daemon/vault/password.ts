// The password as the key derivation sees it (after RFC 8265 OpaqueString): UTF-8 of the NFC form, nothing trimmed. Runs in the
// key child only, because text cannot be wiped from memory.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';

const maxBytes = 1024;

/**
 * @param typed UTF-8; lone surrogates cannot be written in it and are refused with everything else that is not UTF-8
 * @throws E_PASSWORD_FORM; params.problem is 'empty', 'long', 'control' or 'encoding'
 */
export function normalisePassword(typed: Uint8Array): Uint8Array {
  // NFC can grow text threefold at most; the bound before keeps it cheap, the one after is the rule.
  if (typed.length > 4 * maxBytes) throw malformed('long', `more than ${maxBytes} bytes`);
  const text = fromUtf8(typed);
  if (text === undefined || !text.isWellFormed()) throw malformed('encoding', 'not Unicode text');
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) throw malformed('control', 'it contains a control character');
  const bytes = utf8(text.normalize('NFC'));
  if (bytes.length === 0) throw malformed('empty', 'it is empty');
  if (bytes.length > maxBytes) throw malformed('long', `${bytes.length} bytes, at most ${maxBytes}`);
  return bytes;
}

function malformed(problem: string, message: string): SignetError {
  return new SignetError('E_PASSWORD_FORM', `password: ${message}`, { params: { problem } });
}
