// Text as Go writes it, since restic's ids are hashes over exactly these bytes: strconv.Quote for names, encoding/json for
// strings, time.RFC3339Nano for times.

import { asBuffer, fromUtf8 } from '../base/bytes.ts';

const simpleName = /^[ !#-[\]-~]*$/;
/** Go's strconv.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const shortEscapes: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function quotePoint(point: number, text: string): string {
  const short = shortEscapes[point];
  if (short !== undefined) return short;
  if (point < 0x20 || point === 0x7f) return `\\x${hex(point, 2)}`;
  if (printable.test(text)) return text;
  return point < 0x10000 ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`;
}

/** Length of the valid UTF-8 sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length =
    first < 0x80
      ? 1
      : first >= 0xc2 && first < 0xe0
        ? 2
        : first >= 0xe0 && first < 0xf0
          ? 3
          : first >= 0xf0 && first < 0xf5
            ? 4
            : 0;
  return length > 0 && at + length <= bytes.length && fromUtf8(bytes.subarray(at, at + length)) !== undefined
    ? length
    : 0;
}

/** strconv.Quote without the quotation marks, of bytes that may be no UTF-8 (those become \xNN). */
export function goQuote(bytes: Uint8Array): string {
  const whole = fromUtf8(bytes);
  if (whole !== undefined) {
    if (simpleName.test(whole)) return whole;
    let quoted = '';
    for (const char of whole) quoted += quotePoint(char.codePointAt(0) ?? 0, char);
    return quoted;
  }
  let quoted = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      quoted += `\\x${hex(bytes[at] ?? 0, 2)}`;
      at++;
      continue;
    }
    const char = fromUtf8(bytes.subarray(at, at + length)) ?? '';
    quoted += quotePoint(char.codePointAt(0) ?? 0, char);
    at += length;
  }
  return quoted;
}

const escapeForm = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;
const escapeValues: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  '\\': 0x5c,
  '"': 0x22,
};

/** strconv.Unquote of the text between quotation marks; undefined for what Go would refuse. */
export function goUnquote(text: string): Uint8Array | undefined {
  if (!text.includes('\\')) {
    return text.includes('"') || text.includes('\n') ? undefined : new Uint8Array(Buffer.from(text, 'utf8'));
  }
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\\', at);
    const plain = text.slice(at, next === -1 ? text.length : next);
    if (plain.includes('"') || plain.includes('\n')) return undefined;
    if (plain !== '') parts.push(Buffer.from(plain, 'utf8'));
    if (next === -1) break;
    escapeForm.lastIndex = next;
    const match = escapeForm.exec(text);
    if (match === null) return undefined;
    const [, short, byte, octal, point4, point8] = match;
    const point = point4 ?? point8;
    if (point !== undefined) {
      const value = Number.parseInt(point, 16);
      if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return undefined;
      parts.push(Buffer.from(String.fromCodePoint(value), 'utf8'));
    } else {
      const value =
        short !== undefined ? escapeValues[short] : Number.parseInt(byte ?? octal ?? '', byte !== undefined ? 16 : 8);
      if (value === undefined || value > 0xff) return undefined;
      parts.push(Buffer.from([value]));
    }
    at = escapeForm.lastIndex;
  }
  return new Uint8Array(Buffer.concat(parts));
}

const plainJson = /^[ !#-%'-;=?-[\]-~]*$/;

/** A JSON string as encoding/json writes it: < > & and U+2028/9 escaped, lone surrogates replaced. */
export function goJsonString(text: string): string {
  if (plainJson.test(text)) return `"${text}"`;
  return JSON.stringify(text.toWellFormed()).replace(/[<>&\u2028\u2029]/g, char => `\\u${hex(char.charCodeAt(0), 4)}`);
}

/** Go can write years 0 to 9999 only; restic moves others to the nearest. */
const earliestNs = BigInt(Date.parse('0000-01-01T00:00:00Z')) * 1_000_000n;
const latestNs = BigInt(Date.parse('9999-12-31T23:59:59Z')) * 1_000_000n + 999_999_999n;
const nsPerSecond = 1_000_000_000n;

/** RFC 3339 in UTC with the fraction's trailing zeros trimmed, as time.RFC3339Nano. */
export function goTime(ns: bigint): string {
  const within = ns < earliestNs ? earliestNs : ns > latestNs ? latestNs : ns;
  const fractionNs = ((within % nsPerSecond) + nsPerSecond) % nsPerSecond;
  const seconds = (within - fractionNs) / nsPerSecond;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (fractionNs === 0n) return `${whole}Z`;
  return `${whole}.${fractionNs.toString().padStart(9, '0').replace(/0+$/, '')}Z`;
}

const timeForm = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(Z|[+-]\d{2}:\d{2})$/;

/** Nanoseconds since 1970 of an RFC 3339 time, or undefined. */
export function parseGoTime(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || text.length > 64) return undefined;
  const match = timeForm.exec(text);
  if (match === null) return undefined;
  const [, whole, fraction = '', zone] = match;
  const ms = Date.parse(`${whole}${zone}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** Base64 as Go's []byte is written in JSON. */
export function goBytes(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}
