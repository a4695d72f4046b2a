// Phone numbers as the key derivation sees them: E.164, "+" and digits. The number is a binding, not a secret: about 30 bits at
// most, and usually known to the cloud. It is never logged and never put into an error.

import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { SignetError } from '../base/errors.ts';

/** How numbers were normalised, recorded in each vault. */
export const phoneRule = 'e164-v1';

/** @throws E_PHONE_FORM for anything that is no possible number with a country code */
export function normalisePhone(text: string): string {
  const typed = text.normalize('NFKC').trim();
  const number =
    typed.length <= 64 && typed.startsWith('+') ? parsePhoneNumberFromString(typed, { extract: false }) : undefined;
  // Possible, not valid: numbering plans change, and a number that opened a vault once must open it for ever.
  if (number === undefined || !number.isPossible() || number.ext !== undefined || !isE164(number.number)) {
    throw new SignetError('E_PHONE_FORM', 'not a phone number with a country code (+ and digits)', {
      params: { problem: typed.startsWith('+') ? 'number' : 'plus' },
    });
  }
  return number.number;
}

export function isE164(text: string): boolean {
  return /^\+[1-9][0-9]{5,14}$/.test(text);
}

/** The last two digits, which screens may show. */
export function phoneEnding(e164: string): string {
  return e164.slice(-2);
}
