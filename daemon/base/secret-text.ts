// Keys in their written forms without ever being text: JavaScript cannot wipe a string, and the collector leaves its bytes about long
// after the last use. Hex and base64 go from bytes to bytes, and secrets are lifted out of JSON before it is parsed.

import { copySecret, secretBytes } from './bytes.ts';

const hexDigits = new TextEncoder().encode('0123456789abcdef');
const base64Digits = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789');
const [quote, backslash, colon, padding, blank] = [0x22, 0x5c, 0x3a, 0x3d, 0x2a];

/** The two digits beyond the letters and figures, and whether the end is filled up. */
export type Base64 = 'base64' | 'base64url';
const lastDigits: Readonly<Record<Base64, readonly [number, number]>> = {
  base64: [0x2b, 0x2f],
  base64url: [0x2d, 0x5f],
};

/** Lower-case hex as ASCII bytes; the caller wipes them. */
export function hexBytes(secret: Uint8Array): Uint8Array {
  const text = secretBytes(secret.length * 2);
  for (const [index, byte] of secret.entries()) {
    text[2 * index] = hexDigits[byte >> 4] ?? 0;
    text[2 * index + 1] = hexDigits[byte & 15] ?? 0;
  }
  return text;
}

/** Of lower-case hex in ASCII bytes; undefined for anything else. */
export function fromHexBytes(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const secret = secretBytes(text.length / 2);
  for (const [index, digit] of text.entries()) {
    const value = hexDigits.indexOf(digit);
    if (value < 0) {
      secret.fill(0);
      return undefined;
    }
    secret[index >> 1] = ((secret[index >> 1] ?? 0) << 4) | value;
  }
  return secret;
}

/** As ASCII bytes, `base64` with its padding and `base64url` without; the caller wipes them. */
export function base64Bytes(secret: Uint8Array, form: Base64): Uint8Array {
  const digits = Math.ceil((secret.length * 4) / 3);
  const text = secretBytes(form === 'base64' ? Math.ceil(secret.length / 3) * 4 : digits).fill(padding);
  for (let index = 0; index < digits; index += 1) {
    const at = Math.floor((index * 6) / 8);
    const pair = ((secret[at] ?? 0) << 8) | (secret[at + 1] ?? 0);
    const value = (pair >> (10 - ((index * 6) % 8))) & 63;
    text[index] = base64Digits[value] ?? lastDigits[form][value - 62] ?? 0;
  }
  return text;
}

/** Of canonical base64 in ASCII bytes; undefined for anything else. */
export function fromBase64Bytes(text: Uint8Array, form: Base64): Uint8Array | undefined {
  let digits = text.length;
  if (form === 'base64') {
    if (digits % 4 !== 0) return undefined;
    for (let left = 2; left > 0 && text[digits - 1] === padding; left -= 1) digits -= 1;
  }
  const secret = secretBytes(Math.floor((digits * 3) / 4));
  let isCanonical = digits % 4 !== 1;
  let bits = 0;
  let count = 0;
  let at = 0;
  for (const digit of text.subarray(0, digits)) {
    const usual = base64Digits.indexOf(digit);
    const value = usual >= 0 ? usual : 62 + lastDigits[form].indexOf(digit);
    if (value < 62 && usual < 0) isCanonical = false;
    bits = ((bits << 6) | (value & 63)) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    secret[at++] = (bits >> count) & 0xff;
  }
  if (isCanonical && (bits & ((1 << count) - 1)) === 0) return secret;
  secret.fill(0);
  return undefined;
}

/** What stands in JSON in the place of a secret whose text has this many bytes. */
export function blankFor(text: Uint8Array): string {
  return String.fromCharCode(blank).repeat(text.length);
}

/** Puts the texts in the places of their blanks, in order; wipes them. The blanks come before anything that could look like one. */
export function fillBlanks(json: Uint8Array, texts: readonly Uint8Array[]): void {
  let from = 0;
  for (const text of texts) {
    const at = Buffer.from(json.buffer, json.byteOffset, json.byteLength).indexOf(blankFor(text), from, 'latin1');
    if (at < 0) throw new RangeError('there is no blank for a secret');
    json.set(text, at);
    from = at + text.length;
    text.fill(0);
  }
}

/**
 * Lifts the base64 strings that stand under these names out of JSON. What is left may become text: their places hold blanks.
 *
 * @returns a copy of the JSON, and the secrets by name, the caller's to wipe; a name whose value is none has no secret
 */
export function liftSecrets(
  json: Uint8Array,
  names: readonly string[],
  form: Base64,
): { readonly json: Uint8Array; readonly secrets: ReadonlyMap<string, Uint8Array> } {
  const rest = copySecret(json);
  const secrets = new Map<string, Uint8Array>();
  let name: string | undefined;
  for (let start = json.indexOf(quote); start >= 0; ) {
    let end = start + 1;
    while (end < json.length && json[end] !== quote) end += json[end] === backslash ? 2 : 1;
    const literal = json.subarray(start + 1, end);
    if (isName(json, end + 1)) {
      name = names.find(each => isText(literal, each));
    } else if (name !== undefined) {
      const secret = fromBase64Bytes(literal, form);
      secrets.get(name)?.fill(0);
      if (secret === undefined) secrets.delete(name);
      else secrets.set(name, secret);
      rest.fill(blank, start + 1, Math.min(end, rest.length));
      name = undefined;
    }
    start = json.indexOf(quote, end + 1);
  }
  return { json: rest, secrets };
}

function isName(json: Uint8Array, after: number): boolean {
  let at = after;
  while (at < json.length && [0x20, 0x09, 0x0a, 0x0d].includes(json[at] ?? 0)) at += 1;
  return json[at] === colon;
}

function isText(bytes: Uint8Array, text: string): boolean {
  return bytes.length === text.length && bytes.every((byte, index) => byte === text.charCodeAt(index));
}
