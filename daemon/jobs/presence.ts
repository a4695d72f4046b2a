// Whether the names are there that must be: without a key, so also while locked, and as cheap as listing three small folders. Names prove
// nothing: what is missing by them is missing, what is new has to be opened before it counts.

import { utf8 } from '../base/bytes.ts';
import { isCode } from '../base/errors.ts';
import { findingId, parseHeadKey } from '../heads/heads.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { Remote } from '../remotes/remote.ts';
import { configDigest } from '../repository/repository.ts';
import type { Found } from './alarm-of.ts';
import type { SeenPlace } from './look.ts';

export interface PlaceNames {
  readonly keys: ReadonlySet<string>;
  /** Another one when any name or size is. */
  readonly digest: string;
  /** `configDigest`: which backup lies there. */
  readonly config: string;
}

const folders = ['signet/heads', 'snapshots', 'signet/vault'] as const;

/** Undefined where no backup is to be seen, as when a disk is not connected. @throws what the place throws */
export async function namesIn(
  remote: Pick<Remote, 'get' | 'list'>,
  signal?: AbortSignal,
): Promise<PlaceNames | undefined> {
  let config: string;
  try {
    config = await configDigest(remote, { signal });
  } catch (error) {
    if (isCode(error, 'E_MISSING') || isCode(error, 'E_UNREACHABLE')) return undefined;
    throw error;
  }
  const keys = new Set<string>();
  const lines: string[] = [config];
  for (const folder of folders) {
    for await (const { key, sizeBytes } of remote.list(folder, { signal })) {
      keys.add(key);
      lines.push(`${key} ${sizeBytes}`);
    }
  }
  return { keys, config, digest: sha256Hex(utf8(lines.toSorted().join('\n'))) };
}

/**
 * What is missing by names alone. What belongs to another device may be gone because that device said so, in a head that is newer than the one
 * known here: that is for the next look with a key.
 */
export function missingByNames(seen: SeenPlace, { keys }: PlaceNames, self: string): readonly Found[] {
  const listed = [...keys].map(parseHeadKey).filter(each => each !== undefined);
  return seen.heads.flatMap(({ device, seq, sha256 }): Found[] => {
    const own = listed.filter(each => each.device === device);
    const newest = Math.max(0, ...own.map(each => each.seq));
    if (device !== self && newest > seq) return [];
    const hidden = seen.snapshots
      .filter(each => each.device === device && !keys.has(`snapshots/${each.id}`))
      .map(({ id }) => id);
    if (own.some(each => each.seq === seq && each.sha256 === sha256)) {
      if (hidden.length === 0) return [];
      const found = { code: 'E_WITHHELD', device, snapshots: hidden } as const;
      const detail = `${hidden.length} backups that ${device} reported are missing`;
      return [{ id: findingId({ ...found, about: hidden }), ...found, detail }];
    }
    const foundSeq = Math.max(0, ...own.map(each => each.seq).filter(each => each < seq));
    const found = { code: 'E_ROLLBACK', device, expectedSeq: seq, foundSeq } as const;
    const detail = `backup ${seq} is missing, the newest there is ${foundSeq}: this machine saw it`;
    return [{ id: findingId(found), ...found, head: sha256, ...(hidden.length > 0 && { snapshots: hidden }), detail }];
  });
}

/** Whether what a finding misses is there by its name again. */
export function isBackByNames({ code, device, expectedSeq, snapshots = [] }: Found, { keys }: PlaceNames): boolean {
  if (!snapshots.every(id => keys.has(`snapshots/${id}`))) return false;
  if (code === 'E_WITHHELD') return true;
  if (code !== 'E_ROLLBACK') return false;
  return [...keys].some(key => {
    const head = parseHeadKey(key);
    return head !== undefined && head.device === device && head.seq >= (expectedSeq ?? 0);
  });
}

/** By names alone, what an own lock that is not listed means. @param key of this computer's own */
export function lockByNames(key: string, { keys }: PlaceNames): readonly Found[] {
  if (keys.has(key)) return [];
  const hasOther = [...keys].some(each => each.startsWith('signet/vault/'));
  const code = hasOther ? 'E_VAULT_CHANGED' : 'E_WITHHELD';
  const detail = hasOther ? 'the known vault was replaced' : 'the vault is missing and no other is there';
  return [{ id: findingId({ code, about: [key] }), code, detail }];
}
