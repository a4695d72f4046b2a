// Everything in the folder, listed level by level from the root, several folders in a request; the table is true to it afterwards.
// Lists lag: what the table knows and the list does not show is asked for by its id, which is always answered rightly, before it counts
// as gone. On the way, what occurs twice is put in order (healing.ts): content of the other folder moves to the one that all computers
// choose, the empty one and equal copies of ours go to the trash. Nothing else is changed, and nothing is deleted.

import type { CallOptions } from '../remote.ts';
import { isSame, isWhatWasMeant, keyOf, rowOf } from './feed.ts';
import type { DriveFile, FileCalls } from './files.ts';
import { chooseFile, chooseFolder } from './healing.ts';
import { folderOf, isRemoved, type KnownObject, keepTwins, type ObjectTable, objectsBelow, twinsIn } from './known.ts';

interface Found {
  readonly file: DriveFile;
  /** The one of its parents that is ours. */
  readonly parent: string;
}

interface Move {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

export interface ListingOptions {
  readonly calls: FileCalls;
  readonly table: ObjectTable;
  readonly rootId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Lists are late by seconds; after this time they show everything. */
export const settledMs = 10 * 60_000;
/** Folders in folders, more than any key has. */
const deepest = 8;

/** @returns whether everything that occurred twice could be put in order */
export async function listAll({ calls, table, rootId, now }: ListingOptions, options: CallOptions): Promise<boolean> {
  /** Keys of folders by id, of those that lose against another of the same name as well. */
  const keys = new Map([[rootId, '']]);
  const chosen = new Map([['', rootId]]);
  const taken = new Map<string, string>();
  const copies = new Map<string, Found[]>();
  const moves: Move[] = [];
  const losers: string[] = [];
  /** Keys of folders that were asked for by their ids. */
  const elsewhere = new Map<string, string>();

  for (let level: readonly string[] = [rootId]; level.length > 0; ) {
    const folders = new Map<string, Found[]>();
    for await (const page of calls.children(level, options)) {
      const rows: KnownObject[] = [];
      for (const file of page) {
        const parent = file.parents.find(id => keys.has(id));
        const folder = parent === undefined ? undefined : keys.get(parent);
        const key = folder === undefined ? undefined : keyOf(folder, file);
        if (parent === undefined || key === undefined || isRemoved(table, file.id)) continue;
        if (file.kind === 'folder') add(folders, key, { file, parent });
        else takeFile(key, { file, parent }, rows);
      }
      if (rows.length > 0) table.put(rows);
    }
    await addUnlisted(level, folders, options);
    level = chooseFolders(folders);
  }

  const spare = await chooseFiles(options);
  await forgetMissing(options);
  return heal([...spare], options);

  function takeFile(key: string, found: Found, rows: KnownObject[]): void {
    const { file } = found;
    if (taken.get(key) === file.id) return; // a page may repeat what moved meanwhile
    if (taken.has(key)) {
      add(copies, key, found);
      return;
    }
    taken.set(key, file.id);
    keepTogether(found);
    const row = table.get(key);
    const isOnItsWay = row?.id === file.id && row.state !== 'there' && !isWhatWasMeant(row, file);
    const next = rowOf(key, file);
    if (!isOnItsWay && (row === undefined || !isSame(row, next))) rows.push(next);
  }

  /** What lies in a folder that lost moves to the one that was chosen. */
  function keepTogether({ file, parent }: Found): void {
    const to = chosen.get(keys.get(parent) ?? '');
    if (to !== undefined && to !== parent) moves.push({ id: file.id, from: parent, to });
  }

  /** Folders of ours that the list does not show yet. */
  async function addUnlisted(
    level: readonly string[],
    folders: Map<string, Found[]>,
    call: CallOptions,
  ): Promise<void> {
    const listed = new Set([...folders.values()].flat().map(({ file }) => file.id));
    const above = new Set(level.map(id => keys.get(id)));
    for (const row of objectsBelow(table, '')) {
      if (!row.key.endsWith('/') || row.state !== 'there' || !above.has(folderOf(row.key)) || listed.has(row.id))
        continue;
      const file = await calls.find(row.id, call);
      const parent = file?.parents.find(id => level.includes(id));
      if (file === undefined || file.isTrashed || parent === undefined) continue;
      const key = keyOf(keys.get(parent) ?? '', file);
      if (key !== undefined) add(folders, key, { file, parent });
    }
  }

  function chooseFolders(folders: ReadonlyMap<string, readonly Found[]>): readonly string[] {
    const next: string[] = [];
    const rows: KnownObject[] = [];
    for (const [key, group] of folders) {
      const first = chooseFolder(group.map(({ file }) => file));
      for (const found of group) {
        const { file } = found;
        if (keys.has(file.id)) continue;
        keys.set(file.id, key);
        next.push(file.id);
        if (file.id !== first?.id) {
          losers.push(file.id);
          continue;
        }
        chosen.set(key, file.id);
        taken.set(key, file.id);
        keepTogether(found);
        const row = table.get(key);
        if (row === undefined || !isSame(row, rowOf(key, file))) rows.push(rowOf(key, file));
      }
    }
    if (rows.length > 0) table.put(rows);
    return next;
  }

  /** @returns equal copies that nobody needs */
  async function chooseFiles(call: CallOptions): Promise<readonly string[]> {
    const spare: string[] = [];
    for (const [key, others] of copies) {
      const first = await calls.find(taken.get(key) ?? '', call);
      const files = [...(first === undefined || first.isTrashed ? [] : [first]), ...others.map(({ file }) => file)];
      const choice = chooseFile(key, files);
      if (choice === undefined) continue;
      taken.set(key, choice.chosen.id);
      table.put([rowOf(key, choice.chosen)]);
      spare.push(...choice.spare.map(file => file.id));
      for (const found of others) if (!choice.spare.includes(found.file)) keepTogether(found);
    }
    return spare;
  }

  /** Ends the rows of what is not there any more. */
  async function forgetMissing(call: CallOptions): Promise<void> {
    const rows = objectsBelow(table, '').filter(({ key, id, state }) => state === 'there' && taken.get(key) !== id);
    let goneFolder: string | undefined;
    for (const { key, id } of rows.sort((a, b) => (a.key < b.key ? -1 : 1))) {
      const isInGone = goneFolder !== undefined && key.startsWith(goneFolder);
      // Found under the same key with another id meanwhile, or since put there by us: the row is newer than this look.
      if (table.get(key)?.id !== id) continue;
      if (!isInGone && (await isStillThere(key, id, call))) continue;
      if (key.endsWith('/') && !isInGone) goneFolder = key;
      if (table.get(key)?.id === id) table.remove([key]);
    }
  }

  async function isStillThere(key: string, id: string, call: CallOptions): Promise<boolean> {
    const file = await calls.find(id, call);
    const [parent] = file?.parents ?? [];
    if (file === undefined || parent === undefined || (file.isTrashed && !file.isTrashedAlong)) return false;
    const folder = await folderKey(parent, call);
    if (folder === undefined || keyOf(folder, file) !== key) return false;
    const to = chosen.get(folder);
    if (to !== undefined && to !== parent) moves.push({ id, from: parent, to });
    // Another computer took its folder for empty while it came: it is taken out of there again.
    return !file.isTrashed || (to !== undefined && to !== parent);
  }

  /** The key of a folder that the lists did not show, or showed elsewhere; of one in the trash as well. */
  async function folderKey(id: string, call: CallOptions, depth = 0): Promise<string | undefined> {
    const known = keys.get(id) ?? elsewhere.get(id);
    if (known !== undefined || depth > deepest) return known;
    const file = await calls.find(id, call);
    const [parent] = file?.parents ?? [];
    const above = parent === undefined ? undefined : await folderKey(parent, call, depth + 1);
    const key = file === undefined || above === undefined ? undefined : keyOf(above, file);
    if (key !== undefined) elsewhere.set(id, key);
    return key;
  }

  /** The table is right without it; what fails here is tried again with the next listing. */
  async function heal(spare: readonly string[], call: CallOptions): Promise<boolean> {
    const before = new Map(twinsIn(table).map(({ id, since }) => [id, since]));
    let twins = losers.map(id => ({ id, key: keys.get(id) ?? '', since: before.get(id) ?? Math.floor(now) }));
    keepTwins(table, twins);
    try {
      for (const { id, from, to } of moves) await calls.move(id, from, to, call);
      for (const id of spare) await calls.trash(id, true, call);
      // The inner ones first. Not one that was found just now: a list may not show yet what lies in it.
      for (const { id, since } of twins.toReversed()) {
        let isEmpty = since <= now - settledMs;
        if (isEmpty) for await (const page of calls.children([id], call)) isEmpty &&= page.length === 0;
        if (!isEmpty) continue;
        await calls.trash(id, true, call);
        twins = twins.filter(twin => twin.id !== id);
        keepTwins(table, twins);
      }
      return twins.length === 0;
    } catch {
      call.signal?.throwIfAborted();
      return false;
    }
  }
}

function add<Value>(groups: Map<string, Value[]>, key: string, value: Value): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
