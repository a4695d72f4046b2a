// Which Argon2id costs are accepted and which are written. Reading: bounds that hold before anything is allocated or any
// password is used, against a cloud that edits the header. Writing: never taken from a header in the cloud.
// Sources: RFC 9106 §4 (second recommended option as the floor), age's cap on work factors.

import { fromBase64Url } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import type { KdfCost, WritePolicy } from './model.ts';

const MiB = 1024; // in KiB, the unit of `m`
const GiB = 1024 * MiB;

const bounds = { m: [64 * MiB, GiB], t: [3, 16], p: [1, 8] } as const;
const maxWork = 4 * GiB; // m·t
const saltBytes = [16, 32] as const;

/** Machines with less memory than this get the floor. */
const smallMachineBytes = 2 * 1024 ** 3;

export interface CheckedKdf {
  readonly cost: KdfCost;
  readonly salt: Uint8Array;
}

/** @throws E_KDF_POLICY for anything but {alg, ver, m, t, p, salt} inside the bounds */
export function checkKdf(kdf: unknown): CheckedKdf {
  if (typeof kdf !== 'object' || kdf === null || Array.isArray(kdf)) throw refused('no parameters');
  const { alg, ver, m, t, p, salt, ...others } = kdf as Record<string, unknown>;
  if (Object.keys(others).length > 0) throw refused('unknown parameters');
  if (alg !== 'argon2id' || ver !== 19) throw refused('another algorithm than argon2id version 19');
  const cost = { m: inBounds('m', m), t: inBounds('t', t), p: inBounds('p', p) };
  if (cost.m * cost.t > maxWork) throw refused(`m·t = ${cost.m * cost.t}, at most ${maxWork}`);
  const saltRaw = typeof salt === 'string' && salt.length <= 64 ? fromBase64Url(salt) : undefined;
  if (saltRaw === undefined || saltRaw.length < saltBytes[0] || saltRaw.length > saltBytes[1]) {
    throw refused(`the salt is not ${saltBytes[0]} to ${saltBytes[1]} bytes`);
  }
  return { cost, salt: saltRaw };
}

function inBounds(name: 'm' | 't' | 'p', value: unknown): number {
  const [min, max] = bounds[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw refused(`${name} is not an integer of ${min} to ${max}`);
  }
  return value;
}

function refused(why: string): SignetError {
  return new SignetError('E_KDF_POLICY', `vault header: key derivation refused, ${why}`, { params: { why } });
}

/** @throws E_KDF_RESOURCES when the run would take more than half of the memory there is; params need, have: bytes */
export function checkMemory(cost: KdfCost, availableBytes: number): void {
  const need = cost.m * 1024;
  if (need > availableBytes / 2) {
    throw new SignetError(
      'E_KDF_RESOURCES',
      `deriving the key takes ${need} bytes of memory, ${availableBytes} are available`,
      {
        params: { need, have: availableBytes },
      },
    );
  }
}

/** 256 MiB, 3 passes or more until a run takes 1.2 s; the floor of 64 MiB on machines with less than 2 GiB. */
export function defaultWritePolicy(totalMemoryBytes: number): WritePolicy {
  const m = totalMemoryBytes < smallMachineBytes ? 64 * MiB : 256 * MiB;
  return { m, t: 3, p: 4, targetMs: 1200 };
}

/** A rewrite is never cheaper than the vault it replaces, nor than the policy. */
export function atLeast(policy: WritePolicy, previous: KdfCost | undefined): WritePolicy {
  if (previous === undefined) return policy;
  const m = Math.max(policy.m, previous.m);
  const t = Math.min(Math.max(policy.t, previous.t), maxPasses(m));
  return { ...policy, m, t, p: Math.max(policy.p, previous.p) };
}

/** The most passes the read bounds allow with this memory. */
export function maxPasses(m: number): number {
  return Math.min(bounds.t[1], Math.floor(maxWork / m));
}
