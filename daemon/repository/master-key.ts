// config and key files: the two objects that stand before all others (design.rst "Keys, Encryption and MAC").
// Key files are plain JSON that a cloud may rewrite at will: their names and parameters are judged before the KDF runs.

import { asBuffer, concat, fromHex, fromUtf8, toHex, utf8, wipe } from '../base/bytes.ts';
import { isCode, SignetError } from '../base/errors.ts';
import { base64Bytes, blankFor, fillBlanks, hexBytes, liftSecrets } from '../base/secret-text.ts';
import { hkdfSha512, sha256Hex } from '../kernel/hash.ts';
import { randomPolynomial53 } from '../kernel/polynomial.ts';
import { checkScrypt, deriveScrypt, type ScryptParameters } from '../kernel/scrypt.ts';
import { ivBytes, open, type SealKey, seal, sealKeyFrom, wipeSealKey } from '../kernel/seal.ts';
import type { Remote } from '../remotes/remote.ts';
import { readCopies } from './copies.ts';
import { idInKey, isId } from './ids.ts';
import { limits } from './limits.ts';
import type { ObjectProblem } from './model.ts';
import { parseJson } from './unpacked.ts';

type RandomBytes = (length: number) => Uint8Array;

const keyBytes = 64;
const saltBytes = 64;
/** The recovery key has 256 random bits, so the KDF need not be slow: restic's smallest usual cost. */
const ownParameters: ScryptParameters = { n: 32768, r: 8, p: 1 };

/** restic's password: the recovery key as 64 lower-case hex digits. The caller wipes it. */
function passwordFrom(recoveryKey: Uint8Array): Uint8Array {
  if (recoveryKey.length !== 32) throw new SignetError('E_RECOVERY_KEY_FORM', 'a recovery key has 32 bytes');
  return hexBytes(recoveryKey);
}

const base64 = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64');

/** Go's encoding of []byte; undefined for anything it would not read. */
function fromBase64(text: unknown, lengthBytes?: number): Uint8Array | undefined {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return lengthBytes === undefined || bytes.length === lengthBytes ? bytes : undefined;
}

/** encrypt(32) ‖ mac.k(16) ‖ mac.r(16), the input of every derived key (docs/format.md). The caller wipes it. */
export function masterBytes({ encrypt, macK, macR }: SealKey): Uint8Array {
  return concat(encrypt, macK, macR);
}

/** First 16 hex digits of SHA-256 over the master key under a label: tells one from another and reveals neither. */
export function fingerprintOf(masterKey: SealKey): string {
  const secret = masterBytes(masterKey);
  const labelled = concat(utf8('signet/fingerprint/v1'), secret);
  try {
    return sha256Hex(labelled).slice(0, 16);
  } finally {
    wipe(secret, labelled);
  }
}

/** HKDF-SHA512 over the master key, salted with the repository id (docs/format.md). The caller wipes it. */
export function derivedKey(masterKey: SealKey, repositoryId: string, label: string, lengthBytes = 32): Uint8Array {
  const secret = masterBytes(masterKey);
  try {
    return hkdfSha512(secret, fromHex(repositoryId) ?? new Uint8Array(0), utf8(label), lengthBytes);
  } finally {
    wipe(secret);
  }
}

export function randomMasterKey(randomBytes: RandomBytes): SealKey {
  return sealKeyFrom(randomBytes(keyBytes));
}

/**
 * A key file that opens the master key with the recovery key, and its name.
 *
 * @param createdMs shown in the clear to the cloud, so it is cut to the day
 */
export async function createKeyFile(
  masterKey: SealKey,
  recoveryKey: Uint8Array,
  createdMs: number,
  randomBytes: RandomBytes,
): Promise<{ readonly id: string; readonly bytes: Uint8Array }> {
  const salt = randomBytes(saltBytes);
  const password = passwordFrom(recoveryKey);
  const derived = await deriveScrypt(password, salt, ownParameters, keyBytes);
  const userKey = sealKeyFrom(derived);
  const plaintext = keyJson(masterKey);
  const data = seal(userKey, randomBytes(ivBytes), plaintext);
  wipe(password, derived, plaintext);
  wipeSealKey(userKey);
  const bytes = utf8(
    JSON.stringify({
      created: `${new Date(createdMs).toISOString().slice(0, 10)}T00:00:00Z`,
      username: 'signet',
      hostname: 'signet',
      kdf: 'scrypt',
      N: ownParameters.n,
      r: ownParameters.r,
      p: ownParameters.p,
      salt: base64(salt),
      data: base64(data),
    }),
  );
  return { id: sha256Hex(bytes), bytes };
}

export interface KeyFile {
  readonly parameters: ScryptParameters;
  readonly salt: Uint8Array;
  readonly data: Uint8Array;
}

/** @throws SignetError E_OBJECT_TYPE · E_KDF_POLICY */
export function parseKeyFile(bytes: Uint8Array, what: string): KeyFile {
  const parsed = parseJson(bytes, what);
  const record = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>; // judged below
  const { kdf, N, r, p } = record;
  const salt = fromBase64(record['salt']);
  const data = fromBase64(record['data']);
  if (salt === undefined || data === undefined || data.length > limits.keyFileBytes) {
    throw new SignetError('E_OBJECT_TYPE', `${what}: not a key file`);
  }
  if (kdf !== 'scrypt' || typeof N !== 'number' || typeof r !== 'number' || typeof p !== 'number') {
    throw new SignetError('E_KDF_POLICY', `${what}: its key derivation is not scrypt`);
  }
  const parameters = { n: N, r, p };
  checkScrypt(parameters, salt, what);
  return { parameters, salt, data };
}

/** `{"mac":{"k":…,"r":…},"encrypt":…}`, as restic writes it; the caller wipes it. */
function keyJson({ macK, macR, encrypt }: SealKey): Uint8Array {
  const [k, r, data] = [macK, macR, encrypt].map(part => base64Bytes(part, 'base64')) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const json = utf8(JSON.stringify({ mac: { k: blankFor(k), r: blankFor(r) }, encrypt: blankFor(data) }));
  fillBlanks(json, [k, r, data]);
  return json;
}

function parseMasterKey(plaintext: Uint8Array, what: string): SealKey {
  const { json, secrets } = liftSecrets(plaintext, ['k', 'r', 'encrypt'], 'base64');
  const [macK, macR, encrypt] = ['k', 'r', 'encrypt'].map(name => secrets.get(name));
  let bytes: Uint8Array | undefined;
  try {
    const refused = new SignetError('E_OBJECT_TYPE', `${what}: does not hold a master key`);
    if (fromUtf8(json) === undefined) throw refused;
    const parsed = parseJson(json, what);
    const record = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>; // judged below
    const mac = record['mac'];
    const isKey = typeof mac === 'object' && mac !== null && 'k' in mac && 'r' in mac && 'encrypt' in record;
    if (!isKey || encrypt?.length !== 32 || macK?.length !== 16 || macR?.length !== 16) throw refused;
    bytes = concat(encrypt, macK, macR);
    return sealKeyFrom(bytes);
  } finally {
    wipe(bytes, encrypt, macK, macR);
  }
}

/**
 * Finds the key file that the recovery key opens: the pinned one first, then others, with at most four KDF runs in all.
 *
 * @param report takes what cannot be a key file; reading goes on
 * @throws SignetError E_NOT_FOUND without any key file · E_WRONG_SECRET · with a pinned key file E_MISSING, E_OBJECT_ID and the like when
 *   it is damaged, E_REPO_MISMATCH when only others are there · what the remote throws
 */
export async function openMasterKey(
  remote: Pick<Remote, 'get' | 'list'>,
  recoveryKey: Uint8Array,
  options: {
    readonly keyFileId?: string | undefined;
    readonly report: (problem: ObjectProblem) => void;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ readonly masterKey: SealKey; readonly keyFileId: string }> {
  const { keyFileId, report, signal } = options;
  const ids: string[] = [];
  for await (const { key, sizeBytes } of remote.list('keys', { signal })) {
    const id = idInKey(key);
    if (id === undefined || key !== `keys/${id}`) continue;
    if (sizeBytes > limits.keyFileBytes) {
      report({
        key,
        code: 'E_OBJECT_LIMIT',
        detail: `${sizeBytes} bytes, key files have at most ${limits.keyFileBytes}`,
      });
    } else if (id === keyFileId) {
      ids.unshift(id);
    } else if (ids.length <= limits.keyFiles) {
      ids.push(id);
    }
  }
  if (ids.length === 0) {
    if (keyFileId !== undefined) throw new SignetError('E_MISSING', `keys/${keyFileId}: no key file is there any more`);
    throw new SignetError('E_NOT_FOUND', 'no key file is there: this place holds no repository');
  }
  const password = passwordFrom(recoveryKey);
  const damaged = new Map<string, ObjectProblem>();
  let runs = 0;
  try {
    for (const id of ids.slice(0, limits.keyFiles)) {
      if (runs === limits.keyRuns) break;
      signal?.throwIfAborted();
      const key = `keys/${id}`;
      try {
        const judge = (bytes: Uint8Array): KeyFile => {
          if (sha256Hex(bytes) === id) return parseKeyFile(bytes, key);
          throw new SignetError('E_OBJECT_ID', `${key}: its bytes do not hash to its name`);
        };
        const file = await readCopies({ remote, report }, { key, judge, maxBytes: limits.keyFileBytes, signal });
        runs++;
        const derived = await deriveScrypt(password, file.salt, file.parameters, keyBytes);
        const userKey = sealKeyFrom(derived);
        wipe(derived);
        const plaintext = openOrUndefined(userKey, file.data, key);
        wipeSealKey(userKey);
        if (plaintext === undefined) continue;
        try {
          return { masterKey: parseMasterKey(plaintext, key), keyFileId: id };
        } finally {
          wipe(plaintext);
        }
      } catch (error) {
        const problem = keyProblem(key, error);
        damaged.set(id, problem);
        report(problem);
      }
    }
  } finally {
    wipe(password);
  }
  // A known key file tells that the recovery key fits: what is wrong is the file, or the place.
  const [broken] = keyFileId === undefined ? (runs === 0 ? damaged.values() : []) : [damaged.get(keyFileId)];
  if (broken !== undefined) throw new SignetError(broken.code, broken.detail);
  if (keyFileId !== undefined && !ids.includes(keyFileId)) {
    throw new SignetError('E_REPO_MISMATCH', `keys/${keyFileId} is not there, and no other key file opens`);
  }
  throw new SignetError('E_WRONG_SECRET', `the recovery key opens none of the ${runs} key files that were tried`, {
    params: { secret: 'recovery-key' },
  });
}

function openOrUndefined(key: SealKey, sealed: Uint8Array, what: string): Uint8Array | undefined {
  try {
    return open(key, sealed, what);
  } catch (error) {
    if (isCode(error, 'E_OBJECT_AUTH')) return undefined; // another password's key file
    throw error;
  }
}

/** Problems of one key file; anything that is not about the object itself is thrown on. */
function keyProblem(key: string, error: unknown): ObjectProblem {
  if (error instanceof SignetError) {
    switch (error.code) {
      case 'E_KDF_POLICY':
        return { key, code: 'E_OBJECT_LIMIT', detail: error.message };
      case 'E_OBJECT_AUTH':
      case 'E_OBJECT_ID':
      case 'E_OBJECT_TYPE':
      case 'E_OBJECT_LIMIT':
      case 'E_MISSING':
        return { key, code: error.code, detail: error.message };
      default:
    }
  }
  throw error;
}

export interface Config {
  /** 64 hex digits. */
  readonly id: string;
}

export function createConfig(randomBytes: RandomBytes): { readonly config: Config; readonly json: string } {
  const id = toHex(randomBytes(32));
  const polynomial = randomPolynomial53(randomBytes).toString(16);
  return { config: { id }, json: JSON.stringify({ version: 2, id, chunker_polynomial: polynomial }) };
}

/** config is sealed, but by format neither compressed nor named by its hash. */
export function sealConfig(key: SealKey, randomBytes: RandomBytes, json: string): Uint8Array {
  return seal(key, randomBytes(ivBytes), utf8(json));
}

/** @throws SignetError E_OBJECT_AUTH · E_OBJECT_TYPE · E_VERSION */
export function openConfig(key: SealKey, stored: Uint8Array): Config {
  const plaintext = open(key, stored, 'config');
  if (plaintext[0] !== 0x7b) throw new SignetError('E_OBJECT_TYPE', 'config: not stored as a config is');
  const parsed = parseJson(plaintext, 'config');
  const record = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>; // judged below
  const { version, id } = record;
  if (typeof version !== 'number' || !isId(id) || typeof record['chunker_polynomial'] !== 'string') {
    throw new SignetError('E_OBJECT_TYPE', 'config: not a config');
  }
  if (version !== 2) throw new SignetError('E_VERSION', `config: repository format ${version}, this program reads 2`);
  if (fromHex(id)?.length !== 32) throw new SignetError('E_OBJECT_TYPE', 'config: its id is not 32 bytes');
  return { id };
}
