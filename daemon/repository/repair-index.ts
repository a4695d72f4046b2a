// The index written anew from what packs say of themselves, where index files are lost, cannot be read, or name what is not there. Packs are
// asked by their headers; nothing is deleted but readable index files whose packs the new ones name. Junk stays where it is.

import type { SealKey } from '../kernel/seal.ts';
import { type IndexedPack, packBytes } from './blob-index.ts';
import type { PackListing } from './index-codec.ts';
import { forgetIndexes, type IndexAccess, namePacks, proveWritten, removeIndexes } from './index-rewrite.ts';
import type { IndexRepair, ObjectProblem, PackFile, PackId, UpkeepOptions } from './model.ts';
import { listPacks, readPackHeader } from './pack-headers.ts';

const parallelHeaders = 4;

export interface RepairAccess extends IndexAccess {
  readonly sealKey: SealKey;
  /** Index files that are listed and cannot be read. */
  readonly junkIndexes: () => readonly ObjectProblem[];
  /** Whether all is there that snapshots need, were the packs counted that the index has from headers; lets those count that are needed. */
  readonly isAllThere: () => Promise<boolean>;
}

export async function repairIndex(
  access: RepairAccess,
  { signal, onProgress, dryRun = false }: UpkeepOptions & { readonly dryRun?: boolean },
): Promise<IndexRepair> {
  const { remote, index, indexIds, flawedIndexes, sealKey } = access;
  const sizes = await listPacks(remote, { signal });
  const isSound = (pack: IndexedPack | undefined): boolean =>
    pack !== undefined && pack.indexes.size > 0 && sizes.get(pack.id) === packBytes(pack);
  const asked = [...sizes].filter(([id]) => !isSound(index.pack(id))).map(([id, sizeBytes]) => ({ id, sizeBytes }));
  let found: PackListing[] = [];
  const problems: ObjectProblem[] = [];
  await askAll(asked, async pack => {
    onProgress?.({ phase: 'looking', done: found.length + problems.length, total: asked.length });
    const blobs = await readPackHeader(remote, sealKey, pack, { signal });
    if ('code' in blobs) problems.push(blobs);
    else found.push({ id: pack.id, blobs });
  });
  const wrong = [...index.packs].filter(pack => pack.indexes.size > 0 && !isSound(pack));
  // Where nothing else is wrong, what a prune took out of the index is not put back.
  if (wrong.length === 0) {
    for (const { id, blobs } of found) index.add(id, blobs, 'header');
    if (await access.isAllThere()) found = found.filter(({ id }) => index.pack(id)?.isFound === true);
  }
  const told = new Set<PackId>(found.map(({ id }) => id));
  const gone = wrong.filter(({ id }) => !told.has(id));
  const replaced = new Set([...flawedIndexes, ...wrong.flatMap(pack => [...pack.indexes])]);
  const repair: IndexRepair = {
    packsRead: asked.length,
    packsAdded: found.length,
    packsRemoved: gone.length,
    junk: access.junkIndexes(),
    problems,
    indexesReplaced: replaced.size,
  };
  if (dryRun || (found.length === 0 && replaced.size === 0)) return repair;
  const before = { indexes: new Set(indexIds), packs: new Set([...index.packs].map(({ id }) => id)) };
  const kept = [...index.packs].filter(pack => isSound(pack) && [...pack.indexes].every(id => replaced.has(id)));
  await namePacks(access, kept, signal);
  index.drop(new Set(wrong));
  await access.writeIndex(found);
  await proveWritten(access, before, signal);
  forgetIndexes(access, [...replaced]);
  await removeIndexes(access, [...replaced], signal);
  return repair;
}

async function askAll(packs: readonly PackFile[], ask: (pack: PackFile) => Promise<void>): Promise<void> {
  const queue = packs.values();
  const work = async (): Promise<void> => {
    for (const pack of queue) await ask(pack);
  };
  await Promise.all(Array.from({ length: parallelHeaders }, work));
}

/** What is wrong with an index file that could not be read, where it was not said before. */
export function junkIndex(id: string, known: readonly ObjectProblem[]): ObjectProblem {
  const key = `index/${id}`;
  return known.find(problem => problem.key === key) ?? { key, code: 'E_MISSING', detail: `${key} cannot be read` };
}
