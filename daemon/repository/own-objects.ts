// The exact names that restic and Signet give to what they write, and what follows from a name alone: which kind of object it is, how large
// it may be, and for all but config and locks the SHA-256 of its bytes, so that whoever carries an object can prove it without any key.

import type { RemoteKey } from '../remotes/remote.ts';
import { limits } from './limits.ts';

const id = '[0-9a-f]{64}';

export const ownNames = {
  data: new RegExp(`^data/[0-9a-f]{2}/${id}$`),
  index: new RegExp(`^index/${id}$`),
  snapshots: new RegExp(`^snapshots/${id}$`),
  'signet/heads': new RegExp(`^signet/heads/[0-9a-f]{16}/[0-9]{1,16}-${id}$`),
  'signet/vault': new RegExp(`^signet/vault/${id}\\.json$`),
  keys: new RegExp(`^keys/${id}$`),
  locks: new RegExp(`^locks/${id}$`),
} as const satisfies Readonly<Record<string, RegExp>>;

export type OwnFolder = keyof typeof ownNames;

/**
 * What a whole place is made of, in the order in which it is written: what names things comes after the things, and config last, so that a
 * place which is only half written counts as none. Locks belong to a moment and are not carried.
 */
export const writeOrder = ['data', 'index', 'snapshots', 'signet/heads', 'signet/vault', 'keys', 'config'] as const;

export type CopiedKind = (typeof writeOrder)[number];

/** Files that operating systems and sync apps leave in folders by themselves. */
const litter = new Set(['.DS_Store', 'desktop.ini', 'Desktop.ini', 'Thumbs.db', '.dropbox', 'Icon\r']);

export function isLitter(key: RemoteKey): boolean {
  return litter.has(key);
}

/** What an object of this name is; undefined for locks and for what neither restic nor Signet names so. */
export function copiedKind(key: RemoteKey): CopiedKind | undefined {
  return writeOrder.find(kind => (kind === 'config' ? key === 'config' : ownNames[kind].test(key)));
}

/** The SHA-256 that the name promises, 64 hex digits; undefined for config. */
export function hashInName(key: RemoteKey): string | undefined {
  return /(?:^|[/-])([0-9a-f]{64})(?:\.json)?$/.exec(key)?.[1];
}

/** Larger ones are not read: nobody honest wrote them. 0 for what is not ours. */
export function maxObjectBytes(key: RemoteKey): number {
  const kind = copiedKind(key);
  return kind === undefined ? 0 : maxBytesOf[kind];
}

export const maxBytesOf: Readonly<Record<CopiedKind, number>> = {
  data: limits.packBytes,
  index: limits.unpackedSealedBytes,
  snapshots: limits.unpackedSealedBytes,
  'signet/heads': limits.headBytes,
  'signet/vault': limits.vaultBytes,
  keys: limits.keyFileBytes,
  config: limits.configBytes,
};
