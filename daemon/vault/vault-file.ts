// The vault file: the recovery key under a key from password and phone number. docs/format.md "Vault" is its description.
//
// The commitment binds password, phone number and every byte of the header, and is compared before anything is decrypted:
// AES-GCM alone would let one ciphertext open under many passwords (Len, Grubbs, Ristenpart 2021). All checks that need no
// password come before the key derivation.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import * as v from 'valibot';
import { concat, fromBase64Url, fromUtf8, toBase64Url, utf8, wipe } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { base64Bytes, blankFor, fillBlanks, liftSecrets } from '../base/secret-text.ts';
import { equalBytes, hkdfSha512, sha256, sha256Hex } from '../kernel/hash.ts';
import { checkKdf } from './kdf-policy.ts';
import type { KdfCost, VaultIdentity } from './model.ts';
import { isE164, phoneRule } from './phone.ts';

export const vaultFolder = 'signet/vault';
export const maxVaultBytes = 16 * 1024;

const encryption = 'HKDF-SHA512-COMMIT+A256GCM';
const payloadBytes = 1024;
const tagBytes = 16;
const nonceBytes = 12;
const keyBytes = 32;

export interface VaultHeader {
  readonly cost: KdfCost;
  readonly salt: Uint8Array;
  /** 16 bytes, the same for all generations of one vault. */
  readonly id: Uint8Array;
  /** Rises by one with each rewrite. Known before opening, believed only after. */
  readonly generation: number;
  /** SHA-256 of the generation before, 64 hex digits. */
  readonly previous: string | null;
}

export interface VaultPayload {
  readonly recoveryKey: Uint8Array;
  readonly identity: VaultIdentity;
  readonly phone: string;
  /** The day only. */
  readonly created: string;
  readonly device: string;
  readonly epoch: number;
}

/** A vault that passed every check that needs no password. */
export interface ParsedVault {
  readonly header: VaultHeader;
  /** Base64url text of the header exactly as stored: what is authenticated. */
  readonly protected: string;
  readonly commitment: Uint8Array;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

export function vaultSha256(bytes: Uint8Array): string {
  return sha256Hex(bytes);
}

export function vaultKey(sha256: string): string {
  return `${vaultFolder}/${sha256}.json`;
}

const base64 = (bytes: number) =>
  v.pipe(
    v.string(),
    v.maxLength(4 * Math.ceil(bytes / 3)),
    v.transform(fromBase64Url),
    v.custom<Uint8Array>(raw => raw instanceof Uint8Array && raw.length === bytes),
  );
const hexDigits = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));

const fileSchema = v.strictObject({
  protected: v.pipe(v.string(), v.maxLength(4096)),
  commit: base64(keyBytes),
  iv: base64(nonceBytes),
  ct: base64(payloadBytes + tagBytes),
});

const headerSchema = v.strictObject({
  fmt: v.literal('signet-vault'),
  v: v.literal(1),
  kdf: v.unknown(),
  enc: v.literal(encryption),
  id: base64(16),
  gen: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  prev: v.nullable(hexDigits(64)),
  slot: v.literal('password'),
});

const payloadSchema = v.strictObject({
  rk: v.string(), // blanked: the key itself never becomes text
  repoId: hexDigits(64),
  keyFileId: hexDigits(64),
  masterKeyFpr: hexDigits(16),
  phone: v.pipe(v.string(), v.check(isE164)),
  phoneRule: v.literal(phoneRule),
  created: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\d$/)),
  device: v.pipe(v.string(), v.maxLength(64)),
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
});

/**
 * Every check that needs no password, in this order: size, form, version, costs of the key derivation, the rest of the header.
 *
 * @throws E_VAULT_MALFORMED · E_VAULT_VERSION · E_KDF_POLICY
 */
export function parseVault(bytes: Uint8Array): ParsedVault {
  if (bytes.length > maxVaultBytes) throw malformed(`${bytes.length} bytes, at most ${maxVaultBytes}`);
  const file = checkedCanonical(fileSchema, bytes, 'the file');
  const headerText = fromBase64Url(file.protected);
  const header = headerText === undefined ? undefined : parseLenient(headerText);
  if (header === undefined || header['fmt'] !== 'signet-vault') throw malformed('the header is not one');
  if (header['v'] !== 1) {
    throw new SignetError('E_VAULT_VERSION', 'vault header: a version that this Signet does not know');
  }
  if (!Object.hasOwn(header, 'kdf')) throw malformed('the header names no key derivation');
  const { cost, salt } = checkKdf(header['kdf']);
  const rest = checkedCanonical(headerSchema, headerText ?? new Uint8Array(), 'the header');
  return {
    header: { cost, salt, id: rest.id, generation: rest.gen, previous: rest.prev },
    protected: file.protected,
    commitment: file.commit,
    nonce: file.iv,
    sealed: file.ct,
  };
}

/**
 * @param ikm from the key child, 32 bytes; not wiped here
 * @throws E_WRONG_SECRET when password or phone number (or a changed header) do not fit · E_VAULT_CORRUPT when they do and the
 *   content is damaged all the same
 */
export function openVault(vault: ParsedVault, ikm: Uint8Array): VaultPayload {
  const { commitment, wrappingKey } = vaultKeys(ikm, vault.protected);
  try {
    if (!equalBytes(commitment, vault.commitment)) throw wrongSecret();
    const decipher = createDecipheriv('aes-256-gcm', wrappingKey, vault.nonce, { authTagLength: tagBytes });
    decipher.setAAD(associatedData(vault.protected, commitment));
    decipher.setAuthTag(vault.sealed.subarray(payloadBytes));
    const padded = decipher.update(vault.sealed.subarray(0, payloadBytes));
    try {
      decipher.final();
      return parsePayload(padded);
    } catch (error) {
      throw error instanceof SignetError
        ? error
        : new SignetError('E_VAULT_CORRUPT', 'vault: the sealed content is damaged');
    } finally {
      wipe(padded);
    }
  } finally {
    wipe(wrappingKey);
  }
}

/** @param options.nonce 12 random bytes, never used twice; `ikm` has a fresh salt each time, so a repeat would do no harm */
export function sealVault(
  header: VaultHeader,
  payload: VaultPayload,
  ikm: Uint8Array,
  options: { nonce: Uint8Array },
): Uint8Array {
  const protectedHeader = toBase64Url(utf8(headerJson(header)));
  const { commitment, wrappingKey } = vaultKeys(ikm, protectedHeader);
  const padded = padPayload(payload);
  const cipher = createCipheriv('aes-256-gcm', wrappingKey, options.nonce);
  cipher.setAAD(associatedData(protectedHeader, commitment));
  const body = cipher.update(padded);
  cipher.final();
  wipe(wrappingKey, padded);
  return utf8(
    JSON.stringify({
      protected: protectedHeader,
      commit: toBase64Url(commitment),
      iv: toBase64Url(options.nonce),
      ct: toBase64Url(concat(body, cipher.getAuthTag())),
    }),
  );
}

/** Associated data of the Argon2id run: binds the phone number into the key. */
export function argon2AssociatedData(phone: string): Uint8Array {
  return concat(utf8('signet/vault/v1/argon2-ad'), new Uint8Array(1), utf8(phone));
}

/** Commitment and wrapping key, both bound to the header's bytes through the salt. */
export function vaultKeys(
  ikm: Uint8Array,
  protectedHeader: string,
): { commitment: Uint8Array; wrappingKey: Uint8Array } {
  const salt = sha256(utf8(protectedHeader));
  return {
    commitment: hkdfSha512(ikm, salt, utf8('signet/vault/v1/commit'), keyBytes),
    wrappingKey: hkdfSha512(ikm, salt, utf8('signet/vault/v1/wrap'), keyBytes),
  };
}

function wrongSecret(): SignetError {
  return new SignetError('E_WRONG_SECRET', 'the password or the phone number is wrong');
}

function associatedData(protectedHeader: string, commitment: Uint8Array): Uint8Array {
  return concat(utf8('signet/vault/v1/aad'), new Uint8Array(1), utf8(protectedHeader), commitment);
}

function headerJson(header: VaultHeader): string {
  const { m, t, p } = header.cost;
  return JSON.stringify({
    fmt: 'signet-vault',
    v: 1,
    kdf: { alg: 'argon2id', ver: 19, m, t, p, salt: toBase64Url(header.salt) },
    enc: encryption,
    id: toBase64Url(header.id),
    gen: header.generation,
    prev: header.previous,
    slot: 'password',
  });
}

/** JSON, then spaces up to 1024 bytes: every vault has the same size. */
function padPayload(payload: VaultPayload): Uint8Array {
  const key = base64Bytes(payload.recoveryKey, 'base64url');
  const json = JSON.stringify({
    rk: blankFor(key),
    repoId: payload.identity.repositoryId,
    keyFileId: payload.identity.keyFileId,
    masterKeyFpr: payload.identity.masterKeyFingerprint,
    phone: payload.phone,
    phoneRule,
    created: payload.created,
    device: payload.device,
    epoch: payload.epoch,
  });
  const padded = new Uint8Array(payloadBytes).fill(0x20);
  padded.set(utf8(json));
  fillBlanks(padded, [key]); // it comes first: a label of many asterisks is no blank
  return padded;
}

function parsePayload(padded: Uint8Array): VaultPayload {
  const { json, secrets } = liftSecrets(padded, ['rk'], 'base64url');
  const payload = v.safeParse(payloadSchema, parseLenient(json));
  const rk = secrets.get('rk');
  if (!payload.success || rk?.length !== keyBytes) {
    wipe(rk);
    throw new SignetError('E_VAULT_CORRUPT', 'vault: the sealed content is not what a vault holds');
  }
  const { repoId, keyFileId, masterKeyFpr, phone, created, device, epoch } = payload.output;
  return {
    recoveryKey: rk,
    identity: { repositoryId: repoId, keyFileId, masterKeyFingerprint: masterKeyFpr },
    phone,
    created,
    device,
    epoch,
  };
}

/**
 * The value, if it has the form, and only in the spelling of our writer: no spaces, no key twice, one way to write a number.
 * The form comes first: it has no depth, so that spelling it again is cheap.
 */
function checkedCanonical<const Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<Schema> {
  const value = parseLenient(bytes);
  const result = v.safeParse(schema, value);
  if (!result.success) throw malformed(`${what} does not have the form of one`);
  if (JSON.stringify(value) !== fromUtf8(bytes)) throw malformed(`${what} is not spelled as a writer of vaults does`);
  return result.output;
}

function parseLenient(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes) ?? '');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // the callers name what was expected
  }
}

function malformed(what: string): SignetError {
  return new SignetError('E_VAULT_MALFORMED', `vault: ${what}`);
}
