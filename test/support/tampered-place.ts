// Three backups in a place that a test then scripts to be hostile, and the judgement that every script is held to: exactly what is lost is lost
// and named, backups go on, nothing in the place is removed or replaced, and the files of this computer are as they were.

import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import type { SealKey } from '../../daemon/kernel/seal.ts';
import { openMasterKey } from '../../daemon/repository/master-key.ts';
import type { BlobId } from '../../daemon/repository/model.ts';
import { treeOf } from './archive.ts';
import { flipped, removedBesideOwnLocks } from './hostile-remote.ts';
import { type JobBench, type JobSession, jobBench, sourceId, writeFiles } from './job-bench.ts';
import { fixedRandom, recoveryKey } from './repository.ts';

/** A chat contact may choose these bytes: a message that reads as a snapshot. */
export const forgedSnapshot = utf8(`{"time":"2030-01-01T00:00:00Z","tree":"${'0'.repeat(64)}","paths":["/x"]}`);

export interface Scene extends JobBench {
  readonly files: ReadonlyMap<string, string>;
  /** The index of the first backup. */
  readonly firstIndex: string;
  /** Keys below the folder, sorted. */
  keys(folder: string): readonly string[];
  /** The stored bytes. */
  bytesOf(key: string): Uint8Array;
  change(key: string, how: (bytes: Uint8Array) => Uint8Array): void;
  flip(key: string, at: number): void;
  /** Where the first blob of a file lies, of a folder below the source (its tree; '' is the source itself), or of the root. */
  placeOf(what: `file ${string}` | `folder ${string}` | 'root'): Place;
  /** Files with a blob for which this holds. */
  filesWhere(holds: (place: Place) => boolean): readonly string[];
}

export interface Place {
  /** Of the pack. */
  readonly key: string;
  readonly offset: number;
  readonly sealedBytes: number;
}

/** Three backups of a folder with small and large files; the newest one adds a file. */
export async function scene(t: ExecutionContext): Promise<Scene> {
  const made = await jobBench(t);
  writeFiles(made.source, {
    'a.txt': 'one',
    'forged.json': forgedSnapshot,
    'inner/b.txt': 'two '.repeat(2000),
    'inner/photo.jpg': fixedRandom(3)(400_000),
    'twin-1.bin': fixedRandom(11)(3000),
    'twin-2.bin': fixedRandom(12)(3000),
    'video.mp4': fixedRandom(4)(1_500_000),
  });
  const session = await made.open();
  await session.backUp();
  const firstIndex = [...made.remote.objects.keys()].find(key => key.startsWith('index/')) ?? '';
  writeFiles(made.source, { 'inner/c.txt': 'three' });
  await session.backUp();
  writeFiles(made.source, { 'd.txt': 'four' });
  await session.backUp();
  const places = await placesIn(session);
  await session.close();
  const { objects } = made.remote;
  const bytesOf = (key: string): Uint8Array => {
    const bytes = objects.get(key);
    if (bytes === undefined) throw new Error(`there is no ${key}`);
    return bytes;
  };
  return {
    ...made,
    files: treeOf(made.source),
    firstIndex,
    keys: folder => [...objects.keys()].filter(key => key.startsWith(`${folder}/`)).sort(),
    bytesOf,
    change: (key, how) => made.remote.altered(key, how),
    flip: (key, at) => made.remote.altered(key, flipped(at)),
    placeOf(what) {
      const [place] = places.get(what) ?? [];
      if (place === undefined) throw new Error(`nothing was stored as ${what}`);
      return place;
    },
    filesWhere: holds =>
      [...places].flatMap(([what, all]) => (what.startsWith('file ') && all.some(holds) ? [what.slice(5)] : [])),
  };
}

/** Where everything of the newest backup lies. */
async function placesIn({ repository }: JobSession): Promise<ReadonlyMap<string, readonly Place[]>> {
  const places = new Map<string, Place[]>();
  const note = (what: string, type: 'data' | 'tree', id: BlobId): void => {
    const packed = repository.find(type, id);
    if (packed === undefined) throw new Error(`${what} is not in the index`);
    const { pack, offset, sealedBytes } = packed;
    places.set(what, [...(places.get(what) ?? []), { key: `data/${pack.slice(0, 2)}/${pack}`, offset, sealedBytes }]);
  };
  const walk = async (tree: BlobId, path: string): Promise<void> => {
    for (const node of await repository.loadTree(tree)) {
      const name = `${path}${Buffer.from(node.name)}`;
      for (const id of node.content ?? []) note(`file ${name}`, 'data', id);
      if (node.subtree === undefined) continue;
      note(`folder ${name}`, 'tree', node.subtree);
      await walk(node.subtree, `${name}/`);
    }
  };
  const [newest] = [...(await repository.snapshots()).values()].sort((a, b) => (a.time < b.time ? 1 : -1));
  if (newest === undefined) throw new Error('there is no backup');
  note('root', 'tree', newest.tree);
  for (const node of await repository.loadTree(newest.tree)) {
    if (`${Buffer.from(node.name)}` !== sourceId || node.subtree === undefined) continue;
    note('folder ', 'tree', node.subtree);
    await walk(node.subtree, '');
  }
  return places;
}

export interface Expectation {
  /** Files that do not come back, below the source; exactly these. */
  readonly lost?: readonly string[];
  /** Codes with which verify names what was done, in any order; with the object where the key is known. */
  readonly named: readonly string[];
  /** Codes of the alarms of the next backup. */
  readonly alarms?: readonly string[];
  /** After the next backup the newest snapshot is whole again, for the files are still on this computer. */
  readonly repaired?: boolean;
}

/** Restore, verify and back up a tampered place, and hold them to what is expected. */
export async function judge(t: ExecutionContext, place: Scene, expected: Expectation): Promise<void> {
  const stored = new Map(place.remote.objects);
  const untouched = unchanged(place.source);
  const session = await place.open();
  const { lost = [] } = expected;
  const back = await session.restore();
  const kept = [...place.files].filter(([path]) => !lost.includes(path.slice(1)));
  t.deepEqual([...back.tree.keys()].sort(), kept.map(([path]) => path).sort(), 'exactly what is lost is lost');
  for (const [path, content] of kept) t.true(back.tree.get(path) === content, path);
  t.is(back.skipped.length > 0, lost.length > 0);
  for (const { path, code } of back.skipped) t.truthy(code, `${path} is named with a code`);

  const checked = await session.verify();
  t.is(checked.ok, expected.named.length === 0);
  const codes = new Set<string>(checked.problems.map(({ code }) => code));
  t.deepEqual([...codes].sort(), [...expected.named].sort());

  t.true(untouched(), 'looking, checking and restoring change nothing on this computer');
  writeFileSync(join(place.source, 'later.txt'), 'still backed up');
  const later = unchanged(place.source);
  const outcome = await session.backUp();
  t.truthy(outcome.snapshot, 'backups go on');
  t.deepEqual(outcome.findings.map(({ code }) => code).sort(), [...(expected.alarms ?? [])].sort());
  const after = await session.restore(outcome.snapshot);
  t.true(after.tree.has('/later.txt'));
  if (expected.repaired) t.deepEqual(after.tree, treeOf(place.source));
  await session.close();
  const beside = readdirSync(join(place.source, '..'));
  t.deepEqual(
    beside.filter(name => name.includes('.signet-')),
    [],
    'nothing half restored is left',
  );
  t.true(later(), 'nor does a backup');
  for (const [key, bytes] of stored) t.deepEqual(place.remote.objects.get(key), bytes, `${key} is left as it is`);
  t.deepEqual(removedBesideOwnLocks(place.remote), [], 'nothing is mended by deleting');
}

/** What only the index of the first backup knows. */
export const lostWithFirstIndex = [
  ...['a.txt', 'forged.json', 'inner/b.txt', 'inner/photo.jpg', 'twin-1.bin', 'twin-2.bin', 'video.mp4'],
];

/** Opens the seals of a place the way its owner can; a stolen computer can, too. */
export async function masterKeyOf({ remote }: Pick<JobBench, 'remote'>): Promise<SealKey> {
  return (await openMasterKey(remote, recoveryKey, { report: () => undefined })).masterKey;
}

/** Files an object under the hash of its bytes in another folder. */
export function refile(place: Pick<JobBench, 'remote'>, sealed: Uint8Array, folder: string): string {
  const key = `${folder}/${sha256Hex(sealed)}`;
  place.remote.planted(key, sealed);
  return key;
}

/** Ids of all readable snapshots, newest first. */
export async function newestFirst({ repository }: JobSession): Promise<readonly string[]> {
  return [...(await repository.snapshots())].sort(([, a], [, b]) => (a.time < b.time ? 1 : -1)).map(([id]) => id);
}

/** Tells whether every file below is as it is now: content, size, permissions, time of change. */
export function unchanged(root: string): () => boolean {
  const look = (): string => {
    const stats = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .sort()
      .map(name => {
        const { mode, size, mtimeMs, ino } = lstatSync(join(root, name));
        return `${name} ${mode} ${size} ${mtimeMs} ${ino}`;
      });
    return JSON.stringify([stats, [...treeOf(root)].sort()]);
  };
  const before = look();
  return () => look() === before;
}
