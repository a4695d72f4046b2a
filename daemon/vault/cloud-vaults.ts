// The vaults that lie in the cloud: listing them within bounds, opening the right one on a new machine, and judging on a
// configured machine whether the cloud still holds what this machine knows.

import { SignetError } from '../base/errors.ts';
import { equalBytes } from '../kernel/hash.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { checkMemory } from './kdf-policy.ts';
import type { OpenedVault, VaultCandidate, VaultFile, VaultFinding } from './model.ts';
import {
  maxVaultBytes,
  openVault,
  type ParsedVault,
  parseVault,
  type VaultHeader,
  type VaultPayload,
  vaultFolder,
  vaultKey,
  vaultSha256,
} from './vault-file.ts';

/** More files than this are not even looked at; more key derivations than this are not run for one password. */
const mostCandidates = 50;
const mostDerivations = 4;

/** Downloads what lies in signet/vault/, at most 50 files of at most 16 KiB; others are left out. */
export async function listVaults(
  remote: Pick<Remote, 'list' | 'get'>,
  options: CallOptions = {},
): Promise<readonly VaultCandidate[]> {
  const keys: string[] = [];
  for await (const { key, sizeBytes } of remote.list(vaultFolder, options)) {
    if (sizeBytes <= maxVaultBytes && isVaultKey(key)) keys.push(key);
    if (keys.length === mostCandidates) break;
  }
  const found: VaultCandidate[] = [];
  for (const name of keys.sort()) {
    try {
      found.push({ name, bytes: await remote.get(name, { ...options, maxBytes: maxVaultBytes }) });
    } catch (error) {
      // Listed and yet not there, or larger than listed: one candidate less. What the network said goes to the caller.
      if (!(error instanceof SignetError) || (error.code !== 'E_MISSING' && error.code !== 'E_OBJECT_LIMIT'))
        throw error;
    }
  }
  return found;
}

/** Whether an object of this name is a vault: the only ones that a change of the password may remove. */
export function isVaultKey(key: string): boolean {
  return /^signet\/vault\/[0-9a-f]{64}\.json$/.test(key);
}

/**
 * The readable files of the same chain (vault id) as the known one, above and below its generation. Ids and generations are not proven:
 * a newer one counts for nothing until a password opens it, an older one is good for nothing but being removed.
 */
export function relatives(
  known: Uint8Array,
  candidates: readonly VaultCandidate[],
): { readonly newer: readonly VaultCandidate[]; readonly older: readonly VaultCandidate[] } {
  const own = headerOf(known);
  const newer: VaultCandidate[] = [];
  const older: VaultCandidate[] = [];
  for (const candidate of own === undefined ? [] : candidates) {
    const header = headerOf(candidate.bytes);
    const isNamed = candidate.name.endsWith(`${vaultSha256(candidate.bytes)}.json`);
    if (own === undefined || header === undefined || !isNamed || !equalBytes(header.id, own.id)) continue;
    if (header.generation > own.generation) newer.push(candidate);
    if (header.generation < own.generation) older.push(candidate);
  }
  return { newer, older };
}

interface Readable {
  readonly vault: ParsedVault;
  readonly file: Omit<VaultFile, 'identity'>;
}

/** Name and every check without a password. */
function readCandidate({ name, bytes }: VaultCandidate): Readable {
  const sha256 = vaultSha256(bytes);
  if (!name.endsWith(`${sha256}.json`)) {
    throw new SignetError('E_VAULT_CORRUPT', 'vault: its name is not the hash of its bytes');
  }
  const vault = parseVault(bytes);
  return { vault, file: { key: vaultKey(sha256), sha256, bytes, generation: vault.header.generation } };
}

/**
 * Opens the newest vault that the password opens: highest generation first, at most four derivations whatever the cloud serves.
 *
 * @param derive the key for this salt and these costs
 * @throws E_MISSING when there is none · else, when none opens, E_VAULT_CORRUPT if the password was right, E_WRONG_SECRET if one was
 *   tried, and otherwise what was wrong with the first
 */
export async function openNewest(
  candidates: readonly VaultCandidate[],
  derive: (vault: ParsedVault) => Promise<Uint8Array>,
  availableBytes: () => number,
): Promise<Omit<OpenedVault, 'recoveryKey'> & { readonly payload: VaultPayload }> {
  const unreadable: SignetError[] = [];
  const refused: SignetError[] = [];
  const readable: Readable[] = [];
  for (const candidate of candidates.slice(0, mostCandidates)) {
    await keepError(unreadable, async () => readable.push(readCandidate(candidate)));
  }
  readable.sort((a, b) => b.file.generation - a.file.generation || (a.file.sha256 < b.file.sha256 ? -1 : 1));

  let opened: (Readable & { payload: VaultPayload }) | undefined;
  const findings: VaultFinding[] = [];
  let derivations = 0;
  for (const candidate of readable) {
    if (derivations === mostDerivations) break;
    if (opened !== undefined && candidate.file.generation !== opened.file.generation) break;
    await keepError(refused, async () => {
      checkMemory(candidate.vault.header.cost, availableBytes());
      derivations++;
      const ikm = await derive(candidate.vault);
      const payload = openWith(candidate.vault, ikm);
      if (opened === undefined) opened = { ...candidate, payload };
      else
        findings.push({
          code: 'E_FORK',
          detail: `two vaults of generation ${candidate.file.generation} open with this password`,
        });
    });
  }
  if (opened === undefined) throw worst(refused, unreadable);
  const { file, payload } = opened;
  return { ...file, identity: payload.identity, device: payload.device, created: payload.created, findings, payload };
}

function openWith(vault: ParsedVault, ikm: Uint8Array): VaultPayload {
  try {
    return openVault(vault, ikm);
  } finally {
    ikm.fill(0);
  }
}

async function keepError(errors: SignetError[], work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // One bad file must not hide a good one beside it; what failed for another reason than the file goes up at once.
    if (!(error instanceof SignetError) || !/^E_(?:VAULT|KDF|WRONG)_/.test(error.code)) throw error;
    errors.push(error);
  }
}

function worst(refused: readonly SignetError[], unreadable: readonly SignetError[]): SignetError {
  // A file that is damaged behind a right commitment tells that the password is right; that outweighs those it does not open.
  return (
    refused.find(error => error.code === 'E_VAULT_CORRUPT') ??
    refused.find(error => error.code === 'E_WRONG_SECRET') ??
    refused[0] ??
    unreadable[0] ??
    new SignetError('E_MISSING', 'no vault lies in this place', { params: { object: vaultFolder } })
  );
}

/**
 * What the cloud's vaults say beside the one this machine knows. No password needed, so nothing of the headers is believed: the
 * findings say that something changed, and never make this machine leave its own copy.
 */
export function compareVaults(
  known: { readonly sha256: string; readonly generation: number },
  candidates: readonly VaultCandidate[],
): readonly VaultFinding[] {
  const others: number[] = [];
  let present = false;
  const findings: VaultFinding[] = [];
  for (const candidate of candidates) {
    const sha256 = vaultSha256(candidate.bytes);
    if (sha256 === known.sha256) present = true;
    else if (!candidate.name.endsWith(`${sha256}.json`)) {
      findings.push({ code: 'E_VAULT_CORRUPT', detail: `${candidate.name}: its name is not the hash of its bytes` });
    } else others.push(headerOf(candidate.bytes)?.generation ?? Number.POSITIVE_INFINITY);
  }
  if (present) {
    // Older ones are left over from a change of the password; an equal or newer one is someone else's doing.
    if (others.some(generation => generation >= known.generation)) {
      findings.push({
        code: 'E_VAULT_CHANGED',
        detail: `another vault of generation ${known.generation} or newer lies beside the known one`,
      });
    }
  } else if (others.length === 0) {
    findings.push({
      code: 'E_WITHHELD',
      detail: `the vault of generation ${known.generation} is missing and no other is there`,
    });
  } else if (others.every(generation => generation < known.generation)) {
    findings.push({
      code: 'E_VAULT_ROLLBACK',
      detail: `only vaults older than generation ${known.generation} are there`,
    });
  } else {
    findings.push({ code: 'E_VAULT_CHANGED', detail: `the vault of generation ${known.generation} was replaced` });
  }
  return findings;
}

function headerOf(bytes: Uint8Array): VaultHeader | undefined {
  try {
    return parseVault(bytes).header;
  } catch {
    return undefined; // unreadable: of no chain and no known generation
  }
}
