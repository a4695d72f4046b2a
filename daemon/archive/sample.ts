// What a trial restore brings back of a snapshot: of each source at most one database, the larger ones more often, and files as chance wants,
// up to a bound. Of one source in turn a database is drawn among all of them, however large it is. Pure: chance comes in as an argument.

import { displayPath } from './names.ts';
import type { PlannedEntry, RestorePlan } from './restore.ts';

export interface SampleOrder {
  /** Of all sources together; what is taken whatever its size is not reckoned. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** Id of the source whose turn it is. */
  readonly turn: string | undefined;
  /** `<source id>/<path>` of what is taken in any case, where it is there. */
  readonly must: ReadonlySet<string>;
  /** From 0 to below 1. */
  readonly random: () => number;
}

interface Shown {
  readonly entry: PlannedEntry;
  readonly path: string;
  readonly bytes: number;
}

const companions = ['-wal', '-journal'];

export function drawSample(plan: RestorePlan, order: SampleOrder): RestorePlan {
  const bySource = new Map<string, Shown[]>();
  for (const entry of plan.files) {
    const path = displayPath(entry.path);
    const id = sourceOf(path);
    const shown = { entry, path, bytes: entry.node.sizeBytes ?? 0 };
    const files = bySource.get(id);
    if (files === undefined) bySource.set(id, [shown]);
    else files.push(shown);
  }
  const share = { bytes: order.maxBytes / bySource.size, files: Math.max(1, order.maxFiles / bySource.size) };
  const taken = [...bySource].flatMap(([id, files]) => {
    const databases = plan.manifest?.sources.find(source => source.id === id)?.databases ?? [];
    return ofSource(files, new Set(databases.map(({ path }) => `${id}/${path}`)), share, order.turn === id, order);
  });
  const files = taken.map(({ entry }) => entry);
  const needed = new Set(taken.flatMap(({ path }) => foldersAbove(path)));
  return {
    folders: plan.folders.filter(({ path }) => needed.has(displayPath(path))),
    files,
    links: [],
    bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0),
    skipped: plan.skipped.filter(({ code }) => code !== undefined),
    manifest: plan.manifest,
  };
}

export function sourceOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

function ofSource(
  files: readonly Shown[],
  databases: ReadonlySet<string>,
  share: { readonly bytes: number; readonly files: number },
  isInTurn: boolean,
  { must, random }: SampleOrder,
): readonly Shown[] {
  const taken = new Map<string, Shown>();
  const take = (shown: Shown): void => void taken.set(shown.path, shown);
  for (const shown of files) if (must.has(shown.path)) take(shown);
  const fits = files.filter(({ path, bytes }) => databases.has(path) && (isInTurn || bytes <= share.bytes));
  const database = weighted(fits, random);
  const isDatabaseTaken = [...taken.keys()].some(path => databases.has(path));
  if (database !== undefined && !isDatabaseTaken) take(database);
  // A database that was kept with its log apart is sound only together with it.
  for (const { path } of [...taken.values()]) {
    const beside = files.filter(each => companions.some(suffix => each.path === `${path}${suffix}`));
    if (databases.has(path)) for (const each of beside) take(each);
  }
  const isBesideDatabase = (path: string): boolean =>
    databases.has(path) ||
    companions.some(suffix => path.endsWith(suffix) && databases.has(path.slice(0, -suffix.length)));
  let left = share.bytes - (isInTurn ? 0 : (database?.bytes ?? 0));
  for (const shown of shuffled(files, random)) {
    if (taken.size >= share.files) break;
    if (taken.has(shown.path) || isBesideDatabase(shown.path) || shown.bytes > left) continue;
    take(shown);
    left -= shown.bytes;
  }
  return [...taken.values()];
}

/** One of them, the more likely the larger it is. */
function weighted(files: readonly Shown[], random: () => number): Shown | undefined {
  let at = random() * files.reduce((sum, { bytes }) => sum + bytes + 1, 0);
  for (const file of files) {
    at -= file.bytes + 1;
    if (at < 0) return file;
  }
  return files.at(-1);
}

function* shuffled<Item>(items: readonly Item[], random: () => number): Generator<Item> {
  const left = [...items];
  for (let count = left.length; count > 0; count--) {
    const at = Math.floor(random() * count);
    const [item, last] = [left[at], left[count - 1]];
    if (item === undefined || last === undefined) return;
    left[at] = last;
    yield item;
  }
}

function foldersAbove(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
