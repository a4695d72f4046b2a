// A vault in memory with a key derivation that is counted and, unless asked otherwise, cheap.

import { createHmac, randomBytes } from 'node:crypto';
import { utf8 } from '../../daemon/base/bytes.ts';
import type { Clock } from '../../daemon/base/clock.ts';
import type { DeriveRequest, KeyWork } from '../../daemon/vault/model.ts';
import { normalisePassword } from '../../daemon/vault/password.ts';
import { type NewVault, openVaultState, type Vault, type VaultOptions } from '../../daemon/vault/vault.ts';

/** Jumps to whatever is waited for. */
export class JumpingClock implements Clock {
  ms = 1_764_000_000_000;
  now = () => this.ms;
  monotonic = () => this.ms;
  timer(ms: number, callback: () => void): () => void {
    let cancelled = false;
    queueMicrotask(() => {
      if (cancelled) return;
      this.ms += ms;
      callback();
    });
    return () => {
      cancelled = true;
    };
  }
}

/** Stands in for Argon2id: as different for different inputs, and counted. */
export class CountedKeyWork implements KeyWork {
  readonly derived: Omit<DeriveRequest, 'password'>[] = [];

  async derive({ password, ...request }: DeriveRequest): Promise<Uint8Array> {
    this.derived.push(request);
    const { phone, salt, cost } = request;
    const mac = createHmac('sha256', salt)
      .update(normalisePassword(password))
      .update(`\0${phone}\0${cost.m},${cost.t},${cost.p}`);
    return new Uint8Array(mac.digest());
  }

  async deriveNew({ policy, ...request }: Parameters<KeyWork['deriveNew']>[0]) {
    const cost = { m: policy.m, t: policy.t, p: policy.p };
    return { ikm: await this.derive({ ...request, cost }), cost, verdict: 'good' as const };
  }

  judge = async () => 'good' as const;
  backend = async () => 'portable' as const;
}

/** The floor of the policy, without measuring. */
export const floor = { m: 65_536, t: 3, p: 4 };

export interface VaultKit {
  readonly vault: Vault;
  readonly keyWork: CountedKeyWork;
  readonly clock: JumpingClock;
  /** What the machine keeps. */
  readonly disk: { vault?: Uint8Array; phone?: string };
}

export async function makeKit(options: Partial<VaultOptions> & { disk?: VaultKit['disk'] } = {}): Promise<VaultKit> {
  const { disk = {}, ...rest } = options;
  const keyWork = new CountedKeyWork();
  const clock = new JumpingClock();
  const vault = await openVaultState({
    clock,
    keyWork,
    copy: {
      load: async () => disk.vault,
      save: async bytes => {
        disk.vault = bytes;
      },
    },
    phone: {
      recall: async () => disk.phone,
      remember: async e164 => {
        disk.phone = e164;
      },
    },
    memory: () => ({ totalBytes: 8 * 1024 ** 3, availableBytes: 4 * 1024 ** 3 }),
    writePolicy: floor,
    ...rest,
  });
  return { vault, keyWork, clock, disk };
}

export const password = utf8('velvet tunnel orbit mango');
export const phone = '+14155550123';

export function newVault(changes: Partial<NewVault> = {}): NewVault {
  return {
    password,
    phone,
    recoveryKey: randomBytes(32),
    repositoryId: 'a1'.repeat(32),
    keyFileId: 'b2'.repeat(32),
    masterKeyFingerprint: 'c3'.repeat(8),
    device: 'laptop',
    ...changes,
  };
}
