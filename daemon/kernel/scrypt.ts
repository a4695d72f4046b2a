// scrypt as restic's key files use it. The parameters come from the cloud, so they are judged before any memory is taken.

import { scrypt } from 'node:crypto';
import { SignetError } from '../base/errors.ts';

export interface ScryptParameters {
  /** Cost, a power of two. */
  readonly n: number;
  /** Block size. */
  readonly r: number;
  /** Passes. */
  readonly p: number;
}

const mebibyte = 1024 * 1024;
/** 128·N·r bytes are taken. restic's calibration stays below 60 MiB (internal/crypto/kdf.go). */
const maxMemoryBytes = 128 * mebibyte;
/** N·r·p: about 64 times our own cost, a few seconds. restic calibrates to half a second. */
const maxWork = 2 ** 24;

/**
 * @throws SignetError E_KDF_POLICY for parameters outside scrypt's own rules, below restic's floor or beyond our bounds
 */
export function checkScrypt(parameters: ScryptParameters, salt: Uint8Array, what: string): void {
  const { n, r, p } = parameters;
  const whole = [n, r, p].every(value => Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 30);
  const powerOfTwo = whole && (n & (n - 1)) === 0;
  if (!powerOfTwo || n < 1024 || 128 * n * r > maxMemoryBytes || n * r * p > maxWork) {
    throw new SignetError('E_KDF_POLICY', `${what}: scrypt parameters N=${n} r=${r} p=${p} are refused`);
  }
  if (salt.length !== 64) {
    throw new SignetError('E_KDF_POLICY', `${what}: the salt has ${salt.length} bytes, 64 are needed`);
  }
}

/** Runs scrypt off the thread. Parameters are checked first. The caller wipes the answer. */
export async function deriveScrypt(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: ScryptParameters,
  lengthBytes: number,
): Promise<Uint8Array> {
  checkScrypt(parameters, salt, 'key file');
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const { n: N, r, p } = parameters;
  scrypt(password, salt, lengthBytes, { N, r, p, maxmem: 2 * maxMemoryBytes }, (error, key) =>
    error ? reject(error) : resolve(key),
  );
  return promise;
}
