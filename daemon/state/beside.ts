// The state of a backup that is being made beside the one in use (`signet fresh`): vault copy, witness and sealed files in a folder of their
// own, so that nothing of either is ever mixed with the other. When the new backup is to count, its files replace the old ones; the old
// ones are set aside, not removed. Every step can be repeated after a crash.

import { lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { emptyFolder, ensurePrivateFolder, syncFolder } from '../base/files.ts';
import type { Home } from './model.ts';

/** What belongs to one repository and not to the computer. */
const ofRepository = ['vault.json', 'trust.json', 'sealed', 'copies'] as const;

export function besideHome(home: Home): Home {
  const state = join(home.state, 'fresh');
  // Staging stays shared: it is swept at start, whatever was captured for.
  return { ...home, state, cache: join(state, 'cache'), outbox: join(state, 'outbox') };
}

export async function removeBeside(home: Home): Promise<void> {
  await rm(besideHome(home).state, { recursive: true, force: true });
}

/**
 * Puts the files of the new backup in place and the old ones into `state/left-<name>`; sealed packs and cached objects of the old backup
 * go. Ends at once where all of that has happened.
 */
export async function takeOverFiles(home: Home, leftName: string): Promise<void> {
  const from = besideHome(home).state;
  const left = join(home.state, `left-${leftName}`);
  await ensurePrivateFolder(left);
  for (const name of ofRepository) {
    const [fresh, used, aside] = [join(from, name), join(home.state, name), join(left, name)];
    if (!(await isThere(fresh))) continue; // moved before a crash, or never made
    if (!(await isThere(aside))) await moveIfThere(used, aside);
    await rm(used, { recursive: true, force: true });
    await rename(fresh, used);
  }
  for (const folder of [left, home.state]) await syncFolder(folder);
  await emptyStores(home);
}

export async function removeLeft(home: Home, leftName: string): Promise<void> {
  await rm(join(home.state, `left-${leftName}`), { recursive: true, force: true });
}

/** Nothing of the repository in use stays on this computer; what belongs to the computer does. */
export async function removeRepositoryFiles(home: Home): Promise<void> {
  for (const name of ofRepository) await rm(join(home.state, name), { recursive: true, force: true });
  await syncFolder(home.state);
  await emptyStores(home);
}

async function emptyStores(home: Home): Promise<void> {
  for (const folder of [
    home.outbox,
    join(home.cache, 'index'),
    join(home.cache, 'snapshots'),
    join(home.cache, 'packs'),
    join(home.cache, 'heads'),
  ]) {
    if (await isThere(folder)) await emptyFolder(folder);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  if (await isThere(from)) await rename(from, to);
}
