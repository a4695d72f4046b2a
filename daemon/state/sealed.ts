// Boxes for what this machine keeps on disk under a key: AES-256-GCM with the box's name as associated data, so that a box
// cannot be passed off as another one. Layout: "SGB1", 12 bytes of random nonce, ciphertext, 16 bytes of tag.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { concat, utf8 } from '../base/bytes.ts';

const magic = utf8('SGB1');
const nonceBytes = 12;
const tagBytes = 16;

/** @param key 32 bytes */
export function sealBox(key: Uint8Array, name: string, plaintext: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(associated(name));
  const body = cipher.update(plaintext);
  cipher.final();
  return concat(magic, nonce, body, cipher.getAuthTag());
}

/** The plaintext, or undefined for anything that `sealBox` did not make with this key and name. */
export function openBox(key: Uint8Array, name: string, box: Uint8Array): Uint8Array | undefined {
  const bodyStart = magic.length + nonceBytes;
  if (box.length < bodyStart + tagBytes || magic.some((byte, i) => box[i] !== byte)) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(magic.length, bodyStart), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(associated(name));
  decipher.setAuthTag(box.subarray(box.length - tagBytes));
  const plaintext = decipher.update(box.subarray(bodyStart, box.length - tagBytes));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0); // never authenticated, so never shown
    return undefined;
  }
  return plaintext;
}

function associated(name: string): Uint8Array {
  return concat(utf8('signet/box/v1'), new Uint8Array(1), utf8(name));
}
