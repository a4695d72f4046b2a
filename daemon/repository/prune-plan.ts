// What tidying up does, as values: which packs stay, which go, which are collected into new ones, and which of those that no index names
// may be deleted by now. Padding is not waste; a little waste stays, as moving everything around it would cost more than it takes.

import { padme } from '../kernel/padme.ts';
import type { PackFile, PackId } from './model.ts';
import { minPadding } from './open-pack.ts';
import { type PlacedBlob, packSize } from './pack-format.ts';

/** restic's own share (--max-unused 5%): what may lie unused of all that is used before packs are written anew for it. */
const maxUnusedShare = 0.05;
/** A pack that is mostly waste is collected even while the whole has little. */
const mostlyUnusedShare = 0.5;
/** A pack below this share of the size aimed at is small. */
export const smallShare = 0.25;
/** So many small packs are joined also when together they make no pack that is not small: each is then moved a few times at most. */
const manySmall = 16;
/** How long a pack is seen unnamed before it may go (DESIGN D11): longer than any backup trusts an index that it read (24 h), by far. */
export const unnamedMs = 48 * 3600 * 1000;

/** One pack as a walk over all snapshots found it. */
export interface PackUse extends PackFile {
  readonly type: 'data' | 'tree' | 'mixed';
  /** Sealed bytes that snapshots need, and are to be had nowhere better. */
  readonly usedBytes: number;
  readonly unusedBytes: number;
  /** Of our own making, to hide its length: neither used nor waste. */
  readonly paddingBytes: number;
  /** An index file names it that cannot be replaced, so it is left as it is. */
  readonly isFixed: boolean;
}

export interface PackChoice {
  readonly keep: readonly PackUse[];
  readonly drop: readonly PackUse[];
  readonly repack: readonly PackUse[];
}

/** @param order.collects false: packs go whole or stay */
export function choosePacks(
  packs: readonly PackUse[],
  order: { readonly packTargetBytes: number; readonly collects: boolean },
): PackChoice {
  const sorted = packs.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const drop = sorted.filter(pack => !pack.isFixed && pack.usedBytes === 0);
  const dropped = new Set(drop);
  const needed = sorted.filter(pack => !dropped.has(pack));
  const repack = order.collects ? chooseRepack(needed, order.packTargetBytes) : new Set<PackUse>();
  return {
    keep: needed.filter(pack => !repack.has(pack)),
    drop,
    repack: needed.filter(pack => repack.has(pack)),
  };
}

function chooseRepack(packs: readonly PackUse[], packTargetBytes: number): ReadonlySet<PackUse> {
  const chosen = new Set<PackUse>();
  const usedBytes = packs.reduce((sum, pack) => sum + pack.usedBytes, 0);
  let unusedBytes = packs.reduce((sum, pack) => sum + pack.unusedBytes, 0);
  const wasteOf = (pack: PackUse): number => pack.unusedBytes / (pack.usedBytes + pack.unusedBytes);
  const wasteful = packs
    .filter(pack => !pack.isFixed && pack.unusedBytes > 0)
    .sort((a, b) => wasteOf(b) - wasteOf(a) || (a.id < b.id ? -1 : 1));
  for (const pack of wasteful) {
    const isWorthIt = wasteOf(pack) > mostlyUnusedShare || unusedBytes > usedBytes * maxUnusedShare;
    // Two kinds of blobs in one pack are other programs' doing: trees in it are read with all that lies between them.
    if (!isWorthIt && pack.type !== 'mixed') continue;
    chosen.add(pack);
    unusedBytes -= pack.unusedBytes;
  }
  for (const type of ['data', 'tree'] as const) {
    const small = packs.filter(
      pack => pack.type === type && !pack.isFixed && pack.sizeBytes < packTargetBytes * smallShare,
    );
    // What is collected anyway takes small ones of its type along.
    const joined = new Set([...small, ...[...chosen].filter(pack => pack.type === type)]);
    const bytes = [...joined].reduce((sum, pack) => sum + pack.usedBytes, 0);
    const isWorthIt = joined.size > 1 && (bytes >= packTargetBytes * smallShare || small.length >= manySmall);
    if (isWorthIt) for (const pack of small) chosen.add(pack);
  }
  return chosen;
}

/**
 * Bytes of the blob that gives a pack its Padmé length: unused, the last one, and just as long as that takes.
 *
 * @param last the blob with the highest offset
 * @param counts of all blobs in the pack
 */
export function paddingIn(
  last: PlacedBlob,
  counts: { readonly compressed: number; readonly uncompressed: number },
): number {
  if (!last.isCompressed) return 0;
  const bare = packSize(last.offset, counts.compressed - 1, counts.uncompressed);
  const whole = packSize(last.offset + last.sealedBytes, counts.compressed, counts.uncompressed);
  return padme(bare + minPadding) === whole ? last.sealedBytes : 0;
}

/** Since when this computer has seen packs that no index names: milliseconds since 1970, by pack. */
export type UnnamedNotes = ReadonlyMap<PackId, number>;

export interface Deletable {
  /** Seen unnamed for 48 hours and longer. */
  readonly now: readonly PackFile[];
  readonly waiting: readonly PackFile[];
  /** When the first of those that wait may go; absent when none waits. */
  readonly nextAt?: number;
  /** To be remembered until the next time. */
  readonly notes: UnnamedNotes;
}

/**
 * Which of the packs that no index names may be deleted.
 *
 * @param unnamed those that there are now; of others the note is given up, as they were named meanwhile, or are gone
 * @param notes what the last call answered, for this repository
 */
export function deletable(unnamed: readonly PackFile[], notes: UnnamedNotes, now: number): Deletable {
  const next = new Map<PackId, number>();
  // A clock that was set back makes nothing older than it is.
  for (const { id } of unnamed) next.set(id, Math.min(notes.get(id) ?? now, now));
  const isDue = ({ id }: PackFile): boolean => now - (next.get(id) ?? now) >= unnamedMs;
  const waiting = unnamed.filter(pack => !isDue(pack));
  const since = waiting.map(({ id }) => next.get(id) ?? now);
  return {
    now: unnamed.filter(isDue),
    waiting,
    ...(since.length > 0 && { nextAt: since.reduce((a, b) => Math.min(a, b)) + unnamedMs }),
    notes: next,
  };
}
