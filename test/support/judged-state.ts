// A repository of ours in one state, judged by stock restic: read whole, restored and compared, rewritten and repaired without finding
// anything to do, copied, and on a copy of its files pruned to the last byte.

import { existsSync, linkSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { treeOf } from './archive.ts';
import { restic, type StockRestic } from './stock-restic.ts';
import { temporaryFolder } from './temporary-home.ts';

export interface State {
  readonly name: string;
  readonly repository: string;
  readonly recoveryKey: string;
  /** By snapshot: what lies below the folder of each source, as `treeOf` tells it. All snapshots that are there. */
  readonly contents: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /** Also copied, and pruned by an old restic too; a newer one prunes in every state. Both read and restore in all of them. */
  readonly wholly?: boolean;
}

export async function judge(t: ExecutionContext, stock: StockRestic, state: State): Promise<void> {
  const { name, recoveryKey } = state;
  const folder = await temporaryFolder(t);
  const [twin, copies] = [join(folder, 'twin'), join(folder, 'copies')];
  linkTree(state.repository, twin);
  const ask = async (place: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const ran = await restic(place, recoveryKey, args, more, stock);
    t.is(ran.status, 0, `${name}: restic ${args.join(' ')}: ${ran.out}`);
    return ran.out;
  };

  t.regex(await ask(twin, ['check', '--read-data']), /no errors were found/, name);
  for (const [snapshot, sources] of state.contents) {
    const target = join(folder, `restored-${snapshot.slice(0, 8)}`);
    await ask(twin, ['restore', snapshot, '--target', target]);
    for (const [source, tree] of sources) t.deepEqual(treeOf(join(target, source)), tree, `${name}: ${source}`);
  }
  t.deepEqual(idsIn(twin, 'snapshots'), [...state.contents.keys()].sort(), `${name}: no snapshot is unaccounted for`);

  const before = filesOf(twin);
  // rewrite came with restic 0.15, repair snapshots with 0.16.
  if (!isBefore(stock, '0.15.0')) await ask(twin, ['rewrite', '--dry-run', '--exclude', 'nosuch']);
  if (!isBefore(stock, '0.16.0')) {
    const repaired = await ask(twin, ['repair', 'snapshots', '--dry-run']);
    if (state.contents.size > 0) t.regex(repaired, /no snapshots (?:were|would be) modified/, name);
  }
  t.deepEqual(filesOf(twin), before, `${name}: restic found nothing to change`);
  t.log(`judged: ${name}, ${state.contents.size} snapshots`);
  if (isBefore(stock, '0.15.0') && state.wholly !== true) return;
  if (state.wholly) {
    await ask(copies, ['init']);
    await ask(copies, ['copy'], { RESTIC_FROM_REPOSITORY: twin, RESTIC_FROM_PASSWORD: recoveryKey });
    t.regex(await ask(copies, ['check', '--read-data']), /no errors were found/, `${name}: a copy`);
    t.is(idsIn(copies, 'snapshots').length, state.contents.size, `${name}: all snapshots were copied`);
  }

  await ask(twin, ['prune', '--max-unused', '0']);
  t.regex(await ask(twin, ['check', '--read-data']), /no errors were found/, `${name}: pruned by restic`);
}

/** Whether the version is lower. Numbers below 100 only. */
function isBefore({ version }: StockRestic, other: string): boolean {
  const weight = (text: string) => text.split('.').reduce((sum, part) => sum * 100 + Number(part), 0);
  return weight(version) < weight(other);
}

function idsIn(repository: string, folder: string): readonly string[] {
  const path = join(repository, folder);
  return existsSync(path) ? readdirSync(path).sort() : [];
}

function filesOf(repository: string): readonly string[] {
  return readdirSync(repository, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort();
}

/** A copy that shares the files' bytes: neither restic nor Signet writes into a file that has its name. */
export function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else linkSync(source, target);
  }
}
