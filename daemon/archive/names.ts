// Paths as people see and type them. File systems allow any bytes but NUL and '/', so what is not plain UTF-8 is escaped: a backslash as
// `\\`, control characters and stray bytes as `\xNN`. The escaping is exact: parsing gives the same bytes back.

import { asBuffer, concat, fromUtf8, utf8 } from '../base/bytes.ts';

const slash = 0x2f;
const backslash = 0x5c;

/** A readable form of the bytes of one name or of a '/'-joined path. */
export function displayPath(path: Uint8Array): string {
  const text = fromUtf8(path);
  if (text !== undefined && !/[\\\p{Cc}]/u.test(text)) return text;
  let shown = '';
  for (let at = 0; at < path.length; ) {
    const length = sequenceLength(path, at);
    const character = length > 0 ? fromUtf8(path.subarray(at, at + length)) : undefined;
    if (character === undefined) {
      shown += escapeByte(path[at] ?? 0);
      at += 1;
      continue;
    }
    if (character === '\\') shown += '\\\\';
    else if (/\p{Cc}/u.test(character)) for (const byte of path.subarray(at, at + length)) shown += escapeByte(byte);
    else shown += character;
    at += length;
  }
  return shown;
}

/** The bytes a display form stands for; undefined when an escape is malformed. */
export function parsePath(shown: string): Uint8Array | undefined {
  if (!shown.includes('\\')) return utf8(shown);
  const parts: Uint8Array[] = [];
  const pattern = /\\\\|\\x([0-9a-f]{2})|\\|[^\\]+/g;
  for (const match of shown.matchAll(pattern)) {
    const [piece, hex] = match;
    if (hex !== undefined) parts.push(new Uint8Array([Number.parseInt(hex, 16)]));
    else if (piece === '\\\\') parts.push(new Uint8Array([backslash]));
    else if (piece === '\\') return undefined;
    else parts.push(utf8(piece));
  }
  return concat(...parts);
}

/** Parent and name joined by '/'; the root is empty. */
export function joinPath(folder: Uint8Array, name: Uint8Array): Uint8Array {
  if (folder.length === 0) return name;
  // Not `concat`: what is joined here is no secret, and short arrays in V8's own heap take a third of the memory. A plan holds all paths.
  const path = new Uint8Array(folder.length + 1 + name.length);
  path.set(folder);
  path[folder.length] = slash;
  path.set(name, folder.length + 1);
  return path;
}

/** The names of a '/'-joined path. */
export function splitPath(path: Uint8Array): readonly Uint8Array[] {
  const names: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at <= path.length; at++) {
    if (at < path.length && path[at] !== slash) continue;
    if (at > start) names.push(path.subarray(start, at));
    start = at + 1;
  }
  return names;
}

/** A key for maps: equal for equal bytes. */
export function nameKey(name: Uint8Array): string {
  return asBuffer(name).toString('latin1');
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** Length of the UTF-8 sequence that a lead byte announces, 0 when it is no lead byte. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  return at + length <= bytes.length ? length : 0;
}
