// Secrets on the wire: AES-256-GCM under the session key of one connection, a key and a counter for each direction. A box opens once,
// in order, on its own connection, for the request it was sealed for. What comes out lies in buffers that are wiped after use; it never
// becomes a string in the daemon.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { inspect } from 'node:util';
import { PeerError } from './errors.ts';
import type { SealedSecrets } from './messages.ts';

export const secretNames = [
  'password',
  'newPassword',
  'phone',
  'newPhone',
  'recoveryKey',
  'clientSecret',
  's3Secret',
] as const;
/** What a client may give. */
export type SecretName = (typeof secretNames)[number];
/** What only the daemon gives, in an answer: the recovery sheet. */
export type SealedName = SecretName | 'sheet';

const sealedNames: readonly SealedName[] = [...secretNames, 'sheet'];

/** UTF-8 bytes of one secret at most. */
export const maxSecretBytes = 1024;
/** Of the recovery sheet, which is a page of HTML; what two bytes of length can tell. */
export const maxSheetBytes = 0xffff;

/** Characters of `box` at most: every secret at its longest, in base64url. */
export const maxBoxLength = base64Length((maxSecretBytes + 3) * secretNames.length);
const maxSheetBoxLength = base64Length(maxSheetBytes + 3);

const ivBytes = 12;
const tagBytes = 16;
const redacted = '[secrets]';

/** Of so many sealed bytes. */
function base64Length(bytes: number): number {
  return Math.ceil((bytes + 16) / 3) * 4;
}

/** Secret values by name. Printing, logging or serialising it shows that there are some, never what they are. */
export class Secrets {
  readonly #values: Map<SealedName, Uint8Array>;

  /** Takes the buffers over: `wipe` clears them. */
  constructor(values: Iterable<readonly [SealedName, Uint8Array]> = []) {
    this.#values = new Map(values);
  }

  /** From strings where there is no way round them (a prompt, standard input), or from buffers, which are copied. */
  static of(values: { readonly [name in SecretName]?: string | Uint8Array | undefined }): Secrets {
    const entries = secretNames.flatMap(name => {
      const value = values[name];
      return value === undefined ? [] : [[name, lasting(Buffer.from(value))] as const];
    });
    return new Secrets(entries);
  }

  /** The bytes themselves, cleared by the next `wipe`; undefined when this secret was not given. */
  get(name: SealedName): Uint8Array | undefined {
    return this.#values.get(name);
  }

  has(name: SealedName): boolean {
    return this.#values.has(name);
  }

  names(): readonly SealedName[] {
    return [...this.#values.keys()];
  }

  copy(): Secrets {
    return new Secrets([...this.#values].map(([name, value]) => [name, lasting(value)] as const));
  }

  wipe(): void {
    for (const value of this.#values.values()) value.fill(0);
    this.#values.clear();
  }

  toJSON(): string {
    return redacted;
  }

  toString(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}

/** A copy in memory of its own: V8 moves typed arrays of up to 64 bytes about in its heap, and the old bytes stay behind. */
function lasting(secret: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(secret.length));
  copy.set(secret);
  return copy;
}

export type Side = 'daemon' | 'client';

/** Both directions of one authenticated connection. */
export interface SecretChannel {
  /** `purpose` is the method of the request (or of the answer) the box travels in. The secrets stay the caller's to wipe. */
  seal(purpose: string, secrets: Secrets): SealedSecrets;
  /** Throws E_USAGE for anything that was not sealed for this purpose, by the other side, on this connection, after the last one opened. */
  open(purpose: string, sealed: SealedSecrets): Secrets;
  /** Wipes the keys; nothing can be sealed or opened afterwards. */
  close(): void;
}

/** @param salt both nonces of the handshake */
export function secretChannel(side: Side, token: Uint8Array, salt: Uint8Array): SecretChannel {
  const toDaemon = new Uint8Array(hkdfSync('sha256', token, salt, 'signet/ipc/v1/to-daemon', 32));
  const toClient = new Uint8Array(hkdfSync('sha256', token, salt, 'signet/ipc/v1/to-client', 32));
  const [outgoing, incoming] = side === 'daemon' ? [toClient, toDaemon] : [toDaemon, toClient];
  const gives = side === 'daemon' ? sealedNames : secretNames;
  const [takes, longestBox] = side === 'daemon' ? [secretNames, maxBoxLength] : [sealedNames, maxSheetBoxLength];
  let sent = 0n;
  let received = 0n;
  let closed = false;

  return {
    seal(purpose, secrets) {
      if (closed) throw new PeerError('E_USAGE', 'the connection these secrets were meant for is closed');
      sent += 1n;
      const iv = Buffer.alloc(ivBytes);
      iv.writeBigUInt64BE(sent, ivBytes - 8);
      const plain = encode(secrets, gives);
      try {
        const cipher = createCipheriv('aes-256-gcm', outgoing, iv).setAAD(Buffer.from(purpose));
        const box = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
        return { iv: iv.toString('base64url'), box: box.toString('base64url') };
      } finally {
        plain.fill(0);
      }
    },
    open(purpose, sealed) {
      const iv = Buffer.from(sealed.iv, 'base64url');
      const box = sealed.box.length <= longestBox ? Buffer.from(sealed.box, 'base64url') : Buffer.alloc(0);
      if (closed || iv.length !== ivBytes || box.length < tagBytes) throw refused();
      const counter = iv.readBigUInt64BE(ivBytes - 8);
      if (counter <= received) throw refused();
      const decipher = createDecipheriv('aes-256-gcm', incoming, iv, { authTagLength: tagBytes })
        .setAAD(Buffer.from(purpose))
        .setAuthTag(box.subarray(box.length - tagBytes));
      const plain = decipher.update(box.subarray(0, box.length - tagBytes));
      try {
        decipher.final();
      } catch {
        plain.fill(0);
        throw refused();
      }
      received = counter;
      try {
        return decode(plain, takes);
      } finally {
        plain.fill(0);
      }
    },
    close() {
      closed = true;
      toDaemon.fill(0);
      toClient.fill(0);
    },
  };
}

function refused(): PeerError {
  return new PeerError('E_USAGE', 'the sealed secrets do not belong to this request on this connection');
}

function longest(name: SealedName): number {
  return name === 'sheet' ? maxSheetBytes : maxSecretBytes;
}

/** Each secret as one byte for its name, two for its length (big-endian), and its bytes: JSON would need strings. */
function encode(secrets: Secrets, names: readonly SealedName[]): Buffer {
  const stray = secrets.names().find(name => !names.includes(name));
  if (stray !== undefined) throw new PeerError('E_USAGE', `${stray} is not sent from here`);
  const parts = names.flatMap((name, index) => {
    const value = secrets.get(name);
    if (value === undefined) return [];
    if (value.length > longest(name)) {
      throw new PeerError('E_USAGE', `${name}: ${value.length} bytes, at most ${longest(name)} are accepted`);
    }
    return [{ index, value }];
  });
  const plain = Buffer.from(new ArrayBuffer(parts.reduce((length, { value }) => length + 3 + value.length, 0)));
  let offset = 0;
  for (const { index, value } of parts) {
    plain.writeUInt8(index, offset);
    plain.writeUInt16BE(value.length, offset + 1);
    plain.set(value, offset + 3);
    offset += 3 + value.length;
  }
  return plain;
}

function decode(plain: Buffer, names: readonly SealedName[]): Secrets {
  const values = new Map<SealedName, Uint8Array>();
  let offset = 0;
  while (offset < plain.length) {
    const name = names[plain[offset] ?? names.length];
    const length = offset + 3 <= plain.length ? plain.readUInt16BE(offset + 1) : plain.length;
    const end = offset + 3 + length;
    if (name === undefined || values.has(name) || length > longest(name) || end > plain.length) {
      for (const value of values.values()) value.fill(0);
      throw refused();
    }
    values.set(name, lasting(plain.subarray(offset + 3, end)));
    offset = end;
  }
  return new Secrets(values);
}
