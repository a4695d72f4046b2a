// The session entry: what a restarted daemon of the same login opens the backup with, as one text for the operating system's keychain. It
// holds the recovery key, never the password, sealed under a key of which one half lies in the entry and the other in the runtime folder:
// neither the keychain nor the disk opens anything alone. What it is sealed for (installation, boot or login, times) is authenticated.
//
// Layout: "signet-session-1." and base64url of: half (32) ‖ given at (8) ‖ expires at (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16).

import { createCipheriv, createDecipheriv } from 'node:crypto';
import {
  asBuffer,
  concat,
  copySecret,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64Url,
  toHex,
  utf8,
  wipe,
} from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { hkdfSha512, sha256 } from '../kernel/hash.ts';
import type { VaultIdentity } from './model.ts';

const prefix = 'signet-session-1.';
const halfBytes = 32;
const timesBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const plainBytes = 32 + 32 + 32 + 8;
const entryBytes = halfBytes + timesBytes + nonceBytes + plainBytes + tagBytes;
const label = utf8('signet/session/v1');
/** A clock that is set right by so much changes nothing. */
export const clockSlackMs = 5 * 60_000;

export interface SessionKeys {
  /** 32 bytes; the holder wipes it. */
  readonly recoveryKey: Uint8Array;
  /** Of the repository that it opens. */
  readonly identity: VaultIdentity;
}

export interface SessionScope {
  /** 32 hex digits of this installation. */
  readonly installId: string;
  /** Names this boot or login. */
  readonly login: string;
}

export interface SessionTimes {
  /** Milliseconds since 1970: when the password was given. */
  readonly givenAt: number;
  /** Undefined: until logout. */
  readonly expiresAt: number | undefined;
}

/** @param randomBytes the entry's half (32) is asked for first, then the nonce (12) @param marker the other half, 32 bytes */
export function sealSession(
  keys: SessionKeys,
  times: SessionTimes,
  scope: SessionScope,
  marker: Uint8Array,
  randomBytes: (count: number) => Uint8Array,
): string {
  const half = randomBytes(halfBytes);
  const nonce = randomBytes(nonceBytes);
  const timesPart = packTimes(times);
  const { repositoryId, keyFileId, masterKeyFingerprint } = keys.identity;
  const plain = concat(keys.recoveryKey, hex(repositoryId), hex(keyFileId), hex(masterKeyFingerprint));
  const key = wrappingKey(half, marker, scope);
  try {
    if (plain.length !== plainBytes) throw new SignetError('E_INTERNAL', 'the session has keys of another length');
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(associated(scope, timesPart));
    const body = cipher.update(plain);
    cipher.final();
    return prefix + toBase64Url(concat(half, timesPart, nonce, body, cipher.getAuthTag()));
  } finally {
    wipe(plain, key);
  }
}

/** What was sealed, or undefined for anything that was not sealed by this installation in this login, or has expired. */
export function openSession(
  entry: Uint8Array,
  scope: SessionScope,
  marker: Uint8Array,
  now: number,
): (SessionKeys & SessionTimes) | undefined {
  const text = entry.length > 1024 ? undefined : fromUtf8(entry);
  const bytes = text?.startsWith(prefix) ? fromBase64Url(text.slice(prefix.length)) : undefined;
  if (bytes?.length !== entryBytes || marker.length !== halfBytes) return undefined;
  const half = bytes.subarray(0, halfBytes);
  const timesPart = bytes.subarray(halfBytes, halfBytes + timesBytes);
  const nonce = bytes.subarray(halfBytes + timesBytes, halfBytes + timesBytes + nonceBytes);
  const body = bytes.subarray(halfBytes + timesBytes + nonceBytes, entryBytes - tagBytes);
  const key = wrappingKey(half, marker, scope);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  wipe(key);
  decipher.setAAD(associated(scope, timesPart));
  decipher.setAuthTag(bytes.subarray(entryBytes - tagBytes));
  const plain = decipher.update(body);
  try {
    decipher.final();
    const times = unpackTimes(timesPart);
    const isOver = times.expiresAt !== undefined && times.expiresAt <= now;
    if (isOver || times.givenAt > now + clockSlackMs) return undefined; // a clock set back would make it last longer
    return {
      recoveryKey: copySecret(plain.subarray(0, 32)),
      identity: {
        repositoryId: toHex(plain.subarray(32, 64)),
        keyFileId: toHex(plain.subarray(64, 96)),
        masterKeyFingerprint: toHex(plain.subarray(96)),
      },
      ...times,
    };
  } catch {
    return undefined; // never authenticated
  } finally {
    wipe(plain, bytes);
  }
}

function wrappingKey(half: Uint8Array, marker: Uint8Array, { installId }: SessionScope): Uint8Array {
  const whole = concat(half, marker);
  try {
    return hkdfSha512(whole, hex(installId), label, 32);
  } finally {
    wipe(whole);
  }
}

function associated({ installId, login }: SessionScope, times: Uint8Array): Uint8Array {
  return concat(label, hex(installId), sha256(utf8(login)), times);
}

/** Unsigned 64-bit milliseconds, big-endian; 0 for "until logout". */
function packTimes({ givenAt, expiresAt }: SessionTimes): Uint8Array {
  const bytes = new Uint8Array(timesBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(Math.trunc(givenAt)));
  view.setBigUint64(8, BigInt(Math.trunc(expiresAt ?? 0)));
  return bytes;
}

function unpackTimes(bytes: Uint8Array): SessionTimes {
  const buffer = asBuffer(bytes);
  const expiresAt = Number(buffer.readBigUInt64BE(8));
  return { givenAt: Number(buffer.readBigUInt64BE(0)), expiresAt: expiresAt === 0 ? undefined : expiresAt };
}

function hex(digits: string): Uint8Array {
  const bytes = fromHex(digits);
  if (bytes === undefined) throw new SignetError('E_INTERNAL', 'an id is not hexadecimal');
  return bytes;
}
