// Puts proven files into their original place, one by one, and takes that back. What is there makes way by a rename into a private folder
// beside the source, with its path kept; what was staged comes in by a rename. No byte is written or deleted here, and a name is moved only
// within one file system, so that whatever breaks off in the middle left each file whole, in one of three folders: in place, kept, staged.
// From what lies where the way back is found again. Folders are walked without following links (base/beneath.ts).

import { chmod, lstat, mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Beneath, beneath, splitLast } from '../base/beneath.ts';
import { concat, utf8 } from '../base/bytes.ts';
import { isCode, SignetError, systemCode } from '../base/errors.ts';
import { privateFolder, syncFolder } from '../base/files.ts';
import { nameKey, parsePath } from './names.ts';
import { entryOf, type PlaceEntry, planUndo, type Seen, type UndoStep } from './place-plan.ts';

export { lookAtLive } from './live-look.ts';
export type { PlaceEntry, PlaceKind, UndoStep } from './place-plan.ts';
export { entryOf } from './place-plan.ts';

/** The folders that names are moved between; absolute, without links, on one file system. */
export interface Folders {
  readonly root: string;
  /** Where what comes in lies. */
  readonly from: string;
  /** Where what makes way goes; made, private, when the first does. */
  readonly to: string;
}

export interface MissingFolder {
  readonly path: string;
  readonly mode: number;
}

/** How it is right now: what came or went since it was planned is told as it is. What was not staged is left out. */
export async function settleEntries(entries: readonly PlaceEntry[], { root, from }: Omit<Folders, 'to'>) {
  const [live, staged] = [new Beneath(root), new Beneath(from)];
  const settled: PlaceEntry[] = [];
  try {
    for (const { path, kind } of entries) {
      const isLive = await isThere(live, bytesOf(path)).catch(isBarred);
      if (isLive === undefined) continue;
      if (kind === 'moved-away') {
        if (isLive) settled.push({ path, kind });
      } else if (await isThere(staged, bytesOf(path))) {
        settled.push({ path, kind: isLive ? 'replaced' : 'comes-back' });
      }
    }
    return settled;
  } finally {
    await live.close();
    await staged.close();
  }
}

/** @throws the first failure; what was done until then stays, for `undoSteps` to take back */
export async function putInPlace(
  entries: readonly PlaceEntry[],
  folders: readonly MissingFolder[],
  places: Folders,
): Promise<void> {
  const steps = entries.map(({ path, kind }) => ({ path, out: kind !== 'comes-back', in: kind !== 'moved-away' }));
  await exchange(steps, folders, places);
}

/** What brings back the state before, from what lies where now. @param staged undefined where nothing waits to be put in place any more */
export async function undoSteps(
  entries: readonly PlaceEntry[],
  { root, kept, staged }: { readonly root: string; readonly kept: string; readonly staged?: string | undefined },
): Promise<readonly UndoStep[]> {
  const places = { live: root, kept, staged };
  const seen = new Map<string, Seen>(entries.map(({ path }) => [path, { live: false, kept: false, staged: false }]));
  for (const [name, folder] of Object.entries(places)) {
    if (folder === undefined) continue;
    await beneath(folder, async below => {
      for (const [path, what] of seen) {
        const isHere = await isThere(below, bytesOf(path)).catch(isBarred);
        if (isHere === undefined) seen.delete(path);
        else seen.set(path, { ...what, [name]: isHere });
      }
    });
  }
  return planUndo(
    entries.filter(({ path }) => seen.has(path)),
    path => seen.get(path) ?? { live: false, kept: false, staged: false },
  );
}

export interface Undone {
  readonly entries: readonly PlaceEntry[];
  /** Folders that were made, and those that went: an undo does the one for the other. */
  readonly made: readonly MissingFolder[];
  readonly gone: readonly MissingFolder[];
  /** How many files got another name where they were put aside, because something was there. */
  readonly renamed: number;
}

/**
 * Carries out the steps, or what is left of them after a crash.
 *
 * @param changed what is taken back: all its entries, and the folders that had been made and gone
 * @returns what was done, to be taken back in turn
 */
export async function undoPlacing(
  steps: readonly UndoStep[],
  changed: Omit<Undone, 'renamed'>,
  places: Folders,
): Promise<Undone> {
  const renamed = await exchange(steps, changed.gone, places, true);
  const gone: MissingFolder[] = [];
  await beneath(places.root, async live => {
    for (const folder of changed.made.toReversed()) {
      if (await removeEmpty(live, bytesOf(folder.path))) gone.unshift(folder);
    }
  });
  await removeEmptied(changed.entries, places.from);
  return { entries: steps.map(entryOf), made: changed.gone, gone, renamed };
}

/** @param isOver whether parts of it may have been done before: then what made way already does not make way again */
async function exchange(
  steps: readonly UndoStep[],
  folders: readonly MissingFolder[],
  { root, from, to }: Folders,
  isOver = false,
): Promise<number> {
  let renamed = 0;
  const modes = new Map(folders.map(({ path, mode }) => [nameKey(bytesOf(path)), mode]));
  const modeOf = (folder: Uint8Array): number => modes.get(nameKey(folder)) ?? privateFolder;
  const [live, source, aside] = [new Beneath(root), new Beneath(from), new Beneath(to)];
  try {
    for (const { path } of folders) await live.make(bytesOf(path), modeOf);
    for (const [folder, group] of byFolder(steps)) {
      const comingIn = group.some(step => step.in);
      if (comingIn) await live.make(folder, modeOf);
      for (const { name, path, out } of group) {
        if (!out || !(await isThere(live, path))) continue;
        const isAside = await isThere(aside, path);
        const isDone = isOver && isAside && !(await isThere(source, path));
        if (isDone) continue; // it came in, or nothing was to: what is there now is not what made way
        await makeAside(to, aside, folder);
        if (isAside) renamed += 1;
        await move(live, aside, folder, name, isAside ? await freeName(aside, folder, name) : name);
      }
      // Nothing comes in before what made way is safe where it went.
      if (group.some(({ out }) => out)) await syncIfThere(aside, folder);
      for (const { name, path, in: isIn } of group) {
        if (!isIn || !(await isThere(source, path))) continue;
        if (await isThere(live, path)) {
          // Made anew by somebody within this moment: it is kept, too.
          await makeAside(to, aside, folder);
          await move(live, aside, folder, name, await freeName(aside, folder, name));
        }
        await move(source, live, folder, name, name);
      }
      await syncIfThere(live, folder);
      await syncIfThere(source, folder);
    }
    return renamed;
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error;
    const detail = 'a part of the folder lies on another disk: restore to a new folder';
    throw new SignetError('E_USAGE', 'a part of the source is on another file system', {
      params: { detail },
      cause: error,
    });
  } finally {
    for (const each of [live, source, aside]) await each.close();
  }
}

async function makeAside(to: string, aside: Beneath, folder: Uint8Array): Promise<void> {
  try {
    await mkdir(to, { mode: privateFolder });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  await aside.make(folder, () => privateFolder);
}

async function move(
  out: Beneath,
  into: Beneath,
  folder: Uint8Array,
  name: Uint8Array,
  newName: Uint8Array,
): Promise<void> {
  await out.writing(folder, atOld => into.writing(folder, atNew => rename(atOld(name), atNew(newName))));
}

/** Never over something that is kept already. */
async function freeName(aside: Beneath, folder: Uint8Array, name: Uint8Array): Promise<Uint8Array> {
  for (let number = 0; ; number++) {
    const free = number === 0 ? name : concat(name, utf8(`.${number}`));
    const path = folder.length === 0 ? free : concat(folder, utf8('/'), free);
    if (!(await isThere(aside, path))) return free;
  }
}

/** Takes away the folders of what was kept, once nothing is in them. */
async function removeEmptied(entries: readonly PlaceEntry[], kept: string): Promise<void> {
  const folders = new Map<string, Uint8Array>();
  for (const { path } of entries) {
    for (let [folder] = splitLast(bytesOf(path)); folder.length > 0; [folder] = splitLast(folder)) {
      folders.set(nameKey(folder), folder);
    }
  }
  const deepestFirst = [...folders.values()].sort((a, b) => b.length - a.length);
  await beneath(kept, async below => {
    for (const folder of deepestFirst) await removeEmpty(below, folder);
  });
  await rmdir(kept).catch(stays);
}

async function removeEmpty(below: Beneath, path: Uint8Array): Promise<boolean> {
  const [folder, name] = splitLast(path);
  try {
    await below.writing(folder, at => rmdir(at(name)));
    return true;
  } catch (error) {
    stays(error);
    return false;
  }
}

/** A folder that is in use, or gone already. */
function stays(error: unknown): void {
  const codes = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EBUSY'];
  if (!codes.includes(systemCode(error) ?? '') && !isCode(error, 'E_UNSAFE_PATH')) throw error;
}

async function isThere(below: Beneath, path: Uint8Array): Promise<boolean> {
  const [folder, name] = splitLast(path);
  try {
    await below.in(folder, at => lstat(at(name)));
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Where a link lies in the place of a folder by now: nothing goes there, and what is kept stays kept. */
function isBarred(error: unknown): undefined {
  if (!isCode(error, 'E_UNSAFE_PATH')) throw error;
}

async function syncIfThere(below: Beneath, folder: Uint8Array): Promise<void> {
  try {
    await below.sync(folder);
  } catch (error) {
    if (!['ENOENT', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) throw error; // a folder that may not be read is as durable as it gets
  }
}

interface Step {
  readonly name: Uint8Array;
  readonly path: Uint8Array;
  readonly out: boolean;
  readonly in: boolean;
}

/** In the order in which each folder is met first. */
function byFolder(steps: readonly UndoStep[]): readonly (readonly [Uint8Array, readonly Step[]])[] {
  const groups = new Map<string, [Uint8Array, Step[]]>();
  for (const step of steps) {
    const path = bytesOf(step.path);
    const [folder, name] = splitLast(path);
    const group = groups.get(nameKey(folder)) ?? [folder, []];
    group[1].push({ name, path, out: step.out, in: step.in });
    groups.set(nameKey(folder), group);
  }
  return [...groups.values()];
}

function bytesOf(shown: string): Uint8Array {
  const path = parsePath(shown);
  if (path === undefined) throw new SignetError('E_INTERNAL', 'a path of our own does not parse');
  return path;
}

/** A staging folder of ours with all that is in it, whatever permissions its folders have. */
export async function removeStaging(path: string): Promise<void> {
  try {
    await chmod(path, privateFolder);
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error; // it was never made, or is gone
  }
}

/** Makes the renames beside the source durable. */
export async function syncBeside(root: string): Promise<void> {
  await syncFolder(dirname(root));
}
