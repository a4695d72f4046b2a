// A vault in memory with a key derivation that is counted and, unless asked otherwise, cheap.

import { createHmac, randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../../daemon/base/bytes.ts';
import type { Clock } from '../../daemon/base/clock.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import type { DeriveRequest, KeyWork, SheetFacts, VaultFile } from '../../daemon/vault/model.ts';
import { normalisePassword } from '../../daemon/vault/password.ts';
import { recoverySheet } from '../../daemon/vault/recovery-sheet.ts';
import { type NewVault, openVaultState, type Vault, type VaultOptions } from '../../daemon/vault/vault.ts';
import { vaultKey, vaultSha256 } from '../../daemon/vault/vault-file.ts';
import type { ErrorCode } from '../../protocol/errors.ts';

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
  suggest = async () => utf8('six words that nobody has drawn');
  sheet = async (facts: SheetFacts, recoveryKey: Uint8Array) => utf8(recoverySheet(facts, recoveryKey));
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

export async function fails(t: ExecutionContext, code: ErrorCode, work: () => unknown): Promise<SignetError> {
  const error = await t.throwsAsync(async () => work(), { instanceOf: SignetError });
  t.is(error?.code, code);
  return error as SignetError;
}

/** A machine that was set up: created, uploaded, adopted, locked. */
export async function setUp(changes = {}) {
  const kit = await makeKit();
  const from = newVault(changes);
  const file = await kit.vault.create(from);
  await kit.vault.adopt(file);
  kit.vault.lock();
  kit.keyWork.derived.length = 0;
  return { ...kit, file, from };
}

export function candidate(bytes: Uint8Array) {
  return { name: vaultKey(vaultSha256(bytes)), bytes };
}

/** The file with its parts as JSON, changed and put together again. */
export function edited(
  file: VaultFile | Uint8Array,
  edit: (parts: Record<string, string>, header: Record<string, unknown>) => void,
): Uint8Array {
  const bytes = file instanceof Uint8Array ? file : file.bytes;
  const parts = JSON.parse(fromUtf8(bytes) ?? '');
  const header = JSON.parse(fromUtf8(fromBase64Url(parts.protected) ?? new Uint8Array()) ?? '');
  const before = JSON.stringify(header);
  edit(parts, header);
  if (JSON.stringify(header) !== before) parts.protected = toBase64Url(utf8(JSON.stringify(header)));
  return utf8(JSON.stringify(parts));
}

export function flip(text: string, bit: number): string {
  const bytes = fromBase64Url(text) ?? new Uint8Array();
  const index = (bit >> 3) % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit & 7));
  return toBase64Url(bytes);
}
