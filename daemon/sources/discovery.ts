// Which chats this computer has, and about how much of them: each app's usual folders, recognised by what lies in them, and a bounded walk
// that counts what a backup of them would keep. Reads names, sizes and times only.

import type { Dirent } from 'node:fs';
import { lstat, opendir, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import type { FoundSource } from '../../protocol/status.ts';
import { asBuffer, concat, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { foldersOf } from './default-roots.ts';
import { probeFolder } from './probe.ts';
import type { Place } from './profile.ts';
import { profiles } from './profiles.ts';
import { rulesOf } from './rules.ts';

export interface Found extends FoundSource {}

export interface DiscoveryOptions {
  readonly place: Place;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Roots of the sources there are. */
  readonly known: readonly string[];
  /** Limits of the look into each folder; default 100,000 names and 3 s. */
  readonly mostNames?: number;
  readonly mostMs?: number;
}

/** Apps whose usual folder exists on this computer and is recognised, in the order of the profiles. */
export async function discoverSources(options: DiscoveryOptions): Promise<readonly FoundSource[]> {
  const { place, known } = options;
  const physical = (path: string) => realpath(path).catch(() => path);
  const added = await Promise.all(known.map(physical));
  const found: FoundSource[] = [];
  for (const { id, label, defaultRoots, detect, opensOnlyHere } of Object.values(profiles)) {
    for (const root of await foldersOf(defaultRoots(place))) {
      if (!(await detect(probeFolder(root)))) continue;
      const path = await physical(root);
      found.push({
        profile: id,
        label,
        root,
        ...(await measure(root, id, options)),
        ...(opensOnlyHere && { opensOnlyHere }),
        isAdded: added.some(other => path === other || path.startsWith(other + sep)),
      });
    }
  }
  return found;
}

type Extent = Pick<FoundSource, 'files' | 'sizeBytes' | 'isMore' | 'newestAt'>;

/** Folder by folder, the upper ones first, until all is seen or a limit is reached. */
async function measure(
  root: string,
  profile: string,
  { place, clock, mostNames = 100_000, mostMs = 3000 }: DiscoveryOptions,
): Promise<Extent> {
  const rules = rulesOf({ profile }, place.platform);
  const end = clock.monotonic() + mostMs;
  let [files, sizeBytes, newestMs, seen] = [0, 0, Number.NEGATIVE_INFINITY, 0];
  const extent = (isMore: boolean): Extent => ({
    files,
    sizeBytes,
    isMore,
    ...(Number.isFinite(newestMs) && { newestAt: new Date(newestMs).toISOString() }),
  });
  const folders: Uint8Array[] = [new Uint8Array(0)];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const entries = await entriesOf(absolute(root, folder), mostNames - seen);
    if (entries === undefined) continue;
    seen += entries.length;
    const siblings = () => entries.map(({ name }) => name);
    for (const entry of entries) {
      if (clock.monotonic() > end) return extent(true);
      const path = folder.length === 0 ? entry.name : concat(folder, utf8('/'), entry.name);
      const kind = entry.isDirectory() ? 'dir' : entry.isFile() ? 'file' : undefined;
      if (kind === undefined) continue;
      const facts = kind === 'file' ? await lstat(absolute(root, path)).catch(() => undefined) : undefined;
      const sized = { path, kind, sizeBytes: facts?.size ?? 0, siblings, head: () => new Uint8Array(0) } as const;
      if (rules.leftOut(sized) !== undefined) continue;
      if (kind === 'dir') folders.push(path);
      if (facts === undefined) continue; // gone again
      files += 1;
      sizeBytes += facts.size;
      newestMs = Math.max(newestMs, facts.mtimeMs);
    }
    if (seen >= mostNames) return extent(true);
  }
  return extent(false);
}

function absolute(root: string, path: Uint8Array): Buffer {
  return asBuffer(path.length === 0 ? utf8(root) : concat(utf8(root), utf8('/'), path));
}

/** At most so many; undefined when the folder cannot be listed. */
async function entriesOf(folder: Buffer, limit: number): Promise<readonly Dirent<Buffer>[] | undefined> {
  const entries: Dirent<Buffer>[] = [];
  try {
    const open = await opendir(folder, { encoding: 'buffer' as never });
    for await (const entry of open) {
      entries.push(entry as unknown as Dirent<Buffer>);
      if (entries.length >= limit) break;
    }
    return entries;
  } catch {
    return undefined;
  }
}
