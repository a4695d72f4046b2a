// The nouns of the vault: what the key child is asked and answers, what a vault holds, what its opening found.

import type { ErrorCode } from '../../protocol/errors.ts';

/** Argon2id costs: memory in KiB, passes, lanes (RFC 9106 §3.1). */
export interface KdfCost {
  readonly m: number;
  readonly t: number;
  readonly p: number;
}

/** What a new vault is made with. With `targetMs` the passes are raised on this machine until one run takes that long. */
export interface WritePolicy extends KdfCost {
  readonly targetMs?: number;
}

export type KdfBackend = 'argon2' | 'node:crypto' | 'portable';

export type Verdict = 'refused' | 'weak' | 'good' | 'strong';

/** The work done in the key child: it alone sees the password as text and loads the dictionaries. */
export interface KeyWork {
  /**
   * Argon2id over the normalised password; the answer is the caller's to wipe. Runs one at a time.
   *
   * @param request.password UTF-8, as typed; not kept, not wiped
   * @throws E_PASSWORD_FORM · E_KDF_RESOURCES · E_CANCELLED
   */
  derive(request: DeriveRequest): Promise<Uint8Array>;
  /** The same for a new vault: judges the password first, then finds the costs. @throws also E_WEAK_PASSWORD */
  deriveNew(
    request: DeriveNewRequest,
  ): Promise<{ readonly ikm: Uint8Array; readonly cost: KdfCost; readonly verdict: Verdict }>;
  judge(password: Uint8Array, phone?: string): Promise<Verdict>;
  /** Six words of the EFF's long list, drawn uniformly, with spaces between; the caller wipes them. */
  suggest(): Promise<Uint8Array>;
  /** The recovery sheet as HTML; the caller wipes it. @param recoveryKey 32 bytes; not kept, not wiped */
  sheet(facts: SheetFacts, recoveryKey: Uint8Array): Promise<Uint8Array>;
  /** Which implementation of Argon2 runs here, after it passed a known answer. */
  backend(): Promise<KdfBackend>;
}

export interface DeriveRequest {
  readonly password: Uint8Array;
  /** E.164. */
  readonly phone: string;
  readonly salt: Uint8Array;
  readonly cost: KdfCost;
  readonly signal?: AbortSignal | undefined;
}

export interface DeriveNewRequest {
  readonly password: Uint8Array;
  readonly phone: string;
  readonly salt: Uint8Array;
  readonly policy: WritePolicy;
  readonly signal?: AbortSignal | undefined;
}

/** What the recovery sheet says beside the key. */
export interface SheetFacts {
  /** The day, as people write it. */
  readonly date: string;
  /** Where the copies are, in words. */
  readonly place: string;
  /** The last part of the place's name, as restic is to be given it. */
  readonly folder: string;
  readonly device: string;
  /** Number of the newest backup of this device; null before the first. */
  readonly newest: number | null;
  readonly repositoryId: string;
  readonly keyFileId: string;
  /** For a place in a cloud: how it is written for `--remote`, and what its owner needs to find it again. */
  readonly cloud?: {
    readonly remote: string;
    readonly account?: string;
    readonly clientId?: string;
    readonly folderId?: string;
  };
}

/** Which repository a vault's recovery key belongs to. */
export interface VaultIdentity {
  readonly repositoryId: string;
  readonly keyFileId: string;
  readonly masterKeyFingerprint: string;
}

/** A vault file made or opened, and not yet this machine's own (see `Vault.adopt`). */
export interface VaultFile {
  /** 'signet/vault/<sha256>.json' */
  readonly key: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly generation: number;
  readonly identity: VaultIdentity;
}

/** A vault of the cloud that the password opened. */
export interface OpenedVault extends VaultFile {
  /** A copy; the caller wipes it. */
  readonly recoveryKey: Uint8Array;
  /** The device that wrote it, as it calls itself, and the day (YYYY-MM-DD). */
  readonly device: string;
  readonly created: string;
  /** Things about the other candidates that the user must hear of (E_FORK: another vault of the same generation opens too). */
  readonly findings: readonly VaultFinding[];
}

export interface VaultFinding {
  readonly code: Extract<
    ErrorCode,
    'E_VAULT_CHANGED' | 'E_VAULT_ROLLBACK' | 'E_WITHHELD' | 'E_FORK' | 'E_VAULT_CORRUPT'
  >;
  readonly detail: string;
}

/** A vault file as it was found in the cloud. */
export interface VaultCandidate {
  /** Its remote key, or the last part of it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}
