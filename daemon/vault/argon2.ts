// Argon2id by the first implementation that works here: npm argon2 (native), Node's own, or portable code. Each is trusted only
// after it gave a known answer. Runs in the key child only.

import * as crypto from 'node:crypto';
import { compareBytes, fromHex, utf8 } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { type Argon2Request, argon2idPortable } from './argon2-portable.ts';
import type { KdfBackend } from './model.ts';

export type Argon2 = (request: Argon2Request) => Promise<Uint8Array>;

/** m in KiB; the answer all three implementations gave (test/unit/argon2.test.ts compares them on many more). */
const knownRequest: Argon2Request = {
  password: utf8('signet'),
  salt: new Uint8Array(16).fill(1),
  associatedData: utf8('known answer'),
  m: 64,
  t: 3,
  p: 4,
  length: 32,
};
const knownAnswer = fromHex('423ed4471accdd5b70b66d9021d9a2e807ed9f4332b55211bba9c64b97cbcf3d');

export const backends: Readonly<Record<KdfBackend, () => Promise<Argon2>>> = {
  argon2: async () => {
    const { default: argon2 } = await import('argon2');
    return ({ password, salt, associatedData, m, t, p, length }) =>
      argon2.hash(Buffer.from(password), {
        raw: true,
        type: argon2.argon2id,
        version: 0x13,
        memoryCost: m,
        timeCost: t,
        parallelism: p,
        salt: Buffer.from(salt),
        associatedData: Buffer.from(associatedData),
        hashLength: length,
      });
  },
  'node:crypto': async () => {
    const { argon2 } = crypto; // absent in Electron, whose BoringSSL has no Argon2
    if (typeof argon2 !== 'function') throw new Error('this runtime has no crypto.argon2');
    return ({ password, salt, associatedData, m, t, p, length }) => {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      argon2(
        'argon2id',
        { message: password, nonce: salt, associatedData, memory: m, passes: t, parallelism: p, tagLength: length },
        (error, key) => (error === null ? resolve(key) : reject(error)),
      );
      return promise;
    };
  },
  portable: async () => argon2idPortable,
};

/** @throws E_RUNTIME when none of them works */
export async function chooseArgon2(): Promise<{ backend: KdfBackend; argon2: Argon2 }> {
  for (const backend of ['argon2', 'node:crypto', 'portable'] as const) {
    try {
      const argon2 = await backends[backend]();
      const answer = await argon2(knownRequest);
      if (knownAnswer !== undefined && compareBytes(answer, knownAnswer) === 0) return { backend, argon2 };
    } catch {
      // not on this machine: the next one is asked
    }
  }
  throw new SignetError('E_RUNTIME', 'no implementation of Argon2id works here', { params: { part: 'argon2' } });
}
