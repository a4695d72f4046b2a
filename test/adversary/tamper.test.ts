// A cloud that changes, cuts, hides and plants objects (rows 12 to 18, 20 to 22 and 27 of the threat list): everything wrong is named, what
// is whole still comes back, backups go on, and nothing in the cloud is deleted in the name of healing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readRange } from '../../daemon/archive/browse.ts';
import { utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { open as openSealed, type SealKey, seal } from '../../daemon/kernel/seal.ts';
import { openMasterKey } from '../../daemon/repository/master-key.ts';
import type { BlobId } from '../../daemon/repository/model.ts';
import { decodeHeader } from '../../daemon/repository/pack-format.ts';
import { treeOf } from '../support/archive.ts';
import { type JobBench, type JobSession, jobBench, sourceId, writeFiles } from '../support/job-bench.ts';
import { fixedRandom, recoveryKey } from '../support/repository.ts';

/** A chat contact may choose these bytes: a message that reads as a snapshot. */
const forgedSnapshot = utf8(`{"time":"2030-01-01T00:00:00Z","tree":"${'0'.repeat(64)}","paths":["/x"]}`);

interface Scene extends JobBench {
  readonly files: ReadonlyMap<string, string>;
  /** The index of the first backup. */
  readonly firstIndex: string;
  /** Keys below the folder, sorted. */
  keys(folder: string): readonly string[];
  change(key: string, how: (bytes: Uint8Array) => Uint8Array): void;
  flip(key: string, at: number): void;
  /** Where the first blob of a file lies, of a folder below the source (its tree; '' is the source itself), or of the root. */
  placeOf(what: `file ${string}` | `folder ${string}` | 'root'): Place;
  /** Files with a blob for which this holds. */
  filesWhere(holds: (place: Place) => boolean): readonly string[];
}

interface Place {
  /** Of the pack. */
  readonly key: string;
  readonly offset: number;
  readonly sealedBytes: number;
}

/** Three backups of a folder with small and large files; the newest one adds a file. */
async function scene(t: ExecutionContext): Promise<Scene> {
  const made = await jobBench(t);
  writeFiles(made.source, {
    'a.txt': 'one',
    'forged.json': forgedSnapshot,
    'inner/b.txt': 'two '.repeat(2000),
    'inner/photo.jpg': fixedRandom(3)(400_000),
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
  const change: Scene['change'] = (key, how) => {
    const bytes = objects.get(key);
    if (bytes === undefined) throw new Error(`there is no ${key}`);
    objects.set(key, how(new Uint8Array(bytes)));
  };
  return {
    ...made,
    files: treeOf(made.source),
    firstIndex,
    keys: folder => [...objects.keys()].filter(key => key.startsWith(`${folder}/`)).sort(),
    change,
    flip: (key, at) =>
      change(key, bytes => {
        const where = at < 0 ? bytes.length + at : at;
        bytes[where] = (bytes[where] ?? 0) ^ 1;
        return bytes;
      }),
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

interface Expectation {
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
async function judge(t: ExecutionContext, place: Scene, expected: Expectation): Promise<void> {
  const tampered = new Map(place.remote.objects);
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

  writeFileSync(join(place.source, 'later.txt'), 'still backed up');
  const outcome = await session.backUp();
  t.truthy(outcome.snapshot, 'backups go on');
  t.deepEqual(outcome.findings.map(({ code }) => code).sort(), [...(expected.alarms ?? [])].sort());
  const after = await session.restore(outcome.snapshot);
  t.true(after.tree.has('/later.txt'));
  if (expected.repaired) t.deepEqual(after.tree, treeOf(place.source));
  await session.close();
  for (const [key, bytes] of tampered) t.deepEqual(place.remote.objects.get(key), bytes, `${key} is left as it is`);
}

const cases: readonly (readonly [string, (place: Scene) => Expectation])[] = [
  ['nothing', () => ({ named: [], repaired: true })],
  [
    'a byte of one file in a pack',
    place => {
      const { key, offset } = place.placeOf('file a.txt');
      place.flip(key, offset + 20);
      return { lost: ['a.txt'], named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'] };
    },
  ],
  [
    "a byte of a pack's header",
    place => {
      place.flip(place.placeOf('file inner/b.txt').key, -40);
      return { named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'], repaired: true };
    },
  ],
  [
    "a pack's header length",
    place => {
      place.flip(place.placeOf('file inner/b.txt').key, -1);
      return { named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], repaired: true };
    },
  ],
  [
    'a byte of the tree of a folder',
    place => {
      const { key, offset } = place.placeOf('folder inner');
      place.flip(key, offset + 20);
      return {
        lost: ['inner/b.txt', 'inner/c.txt', 'inner/photo.jpg'],
        named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'],
        repaired: true,
      };
    },
  ],
  [
    'a byte of the tree of a whole source',
    place => {
      const { key, offset } = place.placeOf('folder ');
      place.flip(key, offset + 20);
      const lost = [...place.files.keys()].map(path => path.slice(1));
      return { lost, named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'], repaired: true };
    },
  ],
  [
    'a pack that is cut and ends in an absurd header length',
    place => {
      const { key, offset } = place.placeOf('file inner/photo.jpg');
      place.change(key, bytes => Buffer.concat([bytes.subarray(0, offset + 10), Buffer.alloc(4, 0xff)]));
      return {
        lost: place.filesWhere(each => each.key === key && each.offset >= offset),
        named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  [
    'a pack of no bytes',
    place => {
      const { key } = place.placeOf('file inner/photo.jpg');
      place.change(key, () => new Uint8Array(0));
      return {
        lost: place.filesWhere(each => each.key === key),
        named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  [
    'a pack with bytes added',
    place => {
      const more = Buffer.from([1, 2, 3, 0, 0, 0, 0]);
      place.change(place.placeOf('file video.mp4').key, bytes => Buffer.concat([bytes, more]));
      return { named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], alarms: ['E_MISSING'], repaired: true };
    },
  ],
  [
    'a pack of files that is gone',
    place => {
      const { key } = place.placeOf('file a.txt');
      place.remote.objects.delete(key);
      return {
        lost: place.filesWhere(each => each.key === key),
        named: ['E_MISSING'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  [
    'two packs of files under each other’s names',
    place => {
      const one = place.placeOf('file a.txt').key;
      const size = (key: string): number => place.remote.objects.get(key)?.length ?? 0;
      const other = place
        .keys('data')
        .find(key => size(key) !== size(one) && place.filesWhere(each => each.key === key).length > 0);
      const [bytes, others] = [place.remote.objects.get(one), place.remote.objects.get(other ?? '')];
      if (other === undefined || bytes === undefined || others === undefined) throw new Error('there is one pack only');
      place.change(one, () => others);
      place.change(other, () => bytes);
      const lost = place.filesWhere(({ key }) => key === one || key === other);
      return {
        lost,
        named: ['E_OBJECT_ID'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  [
    'a byte of an index',
    place => {
      const key = place.firstIndex;
      place.flip(key, 100);
      return { lost: lostWithFirstIndex, named: ['E_MISSING', 'E_OBJECT_ID'], repaired: true };
    },
  ],
  [
    'an index under the right name for its damaged bytes',
    place => {
      const key = place.firstIndex;
      const bytes = new Uint8Array(place.remote.objects.get(key) ?? []);
      bytes[100] = (bytes[100] ?? 0) ^ 1;
      place.remote.objects.delete(key);
      place.remote.objects.set(`index/${sha256Hex(bytes)}`, bytes);
      return { lost: lostWithFirstIndex, named: ['E_MISSING', 'E_OBJECT_AUTH'], repaired: true };
    },
  ],
  [
    'an index that is gone',
    place => {
      const key = place.firstIndex;
      place.remote.objects.delete(key);
      return { lost: lostWithFirstIndex, named: ['E_MISSING'], repaired: true };
    },
  ],
  [
    'the newest head',
    place => {
      place.flip(place.keys('signet/heads').at(-1) ?? '', 100);
      return { named: ['E_OBJECT_ID', 'E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true };
    },
  ],
  [
    'the newest head that is gone',
    place => {
      place.remote.objects.delete(place.keys('signet/heads').at(-1) ?? '');
      return { named: ['E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true };
    },
  ],
  [
    'all heads gone',
    place => {
      for (const key of place.keys('signet/heads')) place.remote.objects.delete(key);
      return { named: ['E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true };
    },
  ],
  [
    'junk with the names of objects',
    place => {
      for (const folder of ['index', 'snapshots', 'locks', 'keys', 'data/00', 'signet/vault']) {
        place.remote.objects.set(`${folder}/${'0'.repeat(64)}`, fixedRandom(5)(700));
        const named = fixedRandom(6)(700);
        place.remote.objects.set(`${folder}/${sha256Hex(named)}`, named);
      }
      place.remote.objects.set(`signet/heads/0011223344556677/0000000099-${'0'.repeat(64)}`, fixedRandom(7)(4096));
      return { named: ['E_OBJECT_AUTH', 'E_OBJECT_ID'], repaired: true };
    },
  ],
  [
    'an index filed among the snapshots, a snapshot among the indexes',
    place => {
      const [index = ''] = place.keys('index');
      const [snapshot = ''] = place.keys('snapshots');
      refile(place, index, 'snapshots');
      refile(place, snapshot, 'index');
      return { named: ['E_OBJECT_TYPE'], repaired: true };
    },
  ],
  [
    "a contact's message filed as a snapshot, an index, a lock and a key",
    place => {
      const { key, offset, sealedBytes } = place.placeOf('file forged.json');
      const sealed = place.remote.objects.get(key)?.subarray(offset, offset + sealedBytes) ?? new Uint8Array(0);
      for (const folder of ['snapshots', 'index', 'locks', 'keys'])
        place.remote.objects.set(`${folder}/${sha256Hex(sealed)}`, sealed);
      return { named: ['E_OBJECT_TYPE'], repaired: true };
    },
  ],
];

/** What only the index of the first backup knows. */
const lostWithFirstIndex = ['a.txt', 'forged.json', 'inner/b.txt', 'inner/photo.jpg', 'video.mp4'];

function refile(place: Scene, key: string, folder: string): void {
  const bytes = place.remote.objects.get(key);
  if (bytes === undefined) throw new Error(`there is no ${key}`);
  place.remote.objects.set(`${folder}/${sha256Hex(bytes)}`, bytes);
}

for (const [what, tamper] of cases) {
  test(`tampered: ${what}`, async t => {
    const place = await scene(t);
    await judge(t, place, tamper(place));
  });
}

test('a newest backup whose root is damaged cannot be restored, the one before can, and the next one is whole', async t => {
  const place = await scene(t);
  const { key, offset } = place.placeOf('root');
  place.flip(key, offset + 20);
  const session = await place.open();
  await t.throwsAsync(session.restore(), { code: 'E_OBJECT_AUTH' });
  const [, before] = await newestFirst(session);
  const { tree } = await session.restore(before);
  t.deepEqual(tree, new Map([...place.files].filter(([path]) => path !== '/d.txt')));
  t.true((await session.verify()).problems.some(({ object, code }) => object === key && code === 'E_OBJECT_AUTH'));
  const { snapshot, findings } = await session.backUp();
  t.deepEqual([snapshot !== undefined, findings.length], [true, 0]);
  t.deepEqual((await session.restore()).tree, place.files);
  t.is((await newestFirst(session)).length, 4);
  await session.close();
});

for (const [what, tamper] of [
  ['damaged', (place: Scene, key: string) => place.flip(key, 50)],
  ['gone', (place: Scene, key: string) => place.remote.objects.delete(key)],
] as const) {
  test(`a newest snapshot that is ${what} is said to be withheld, the ones before can be restored, and backups go on`, async t => {
    const place = await scene(t);
    const whole = await place.open();
    const [newest = ''] = await newestFirst(whole);
    await whole.close();
    const key = `snapshots/${newest}`;
    tamper(place, key);
    const session = await place.open();
    t.deepEqual((await session.restore()).tree, new Map([...place.files].filter(([path]) => path !== '/d.txt')));
    const { problems } = await session.verify();
    t.true(problems.some(({ code }) => code === 'E_WITHHELD'));
    t.is(
      problems.some(({ object, code }) => object === key && code === 'E_OBJECT_ID'),
      what === 'damaged',
    );
    const { snapshot, findings } = await session.backUp();
    t.truthy(snapshot);
    t.deepEqual(
      findings.map(({ code }) => code),
      ['E_WITHHELD'],
    );
    t.deepEqual((await session.restore()).tree, place.files);
    t.is(place.remote.objects.has(key), what === 'damaged');
    await session.close();
  });
}

/** Ids of all readable snapshots. */
async function newestFirst({ repository }: JobSession): Promise<readonly string[]> {
  return [...(await repository.snapshots())].sort(([, a], [, b]) => (a.time < b.time ? 1 : -1)).map(([id]) => id);
}

for (const [what, code, tamper] of [
  ['damaged config', 'E_OBJECT_AUTH', place => place.flip('config', 40)],
  ['missing config', 'E_MISSING', place => place.remote.objects.delete('config')],
  [
    'snapshot in the place of the config',
    'E_OBJECT_TYPE',
    place =>
      place.change('config', () => place.remote.objects.get(place.keys('snapshots')[0] ?? '') ?? new Uint8Array(0)),
  ],
  ['damaged key file', 'E_OBJECT_ID', place => place.flip(place.keys('keys')[0] ?? '', 40)],
  ['missing key file', 'E_MISSING', place => place.remote.objects.delete(place.keys('keys')[0] ?? '')],
] as const satisfies readonly (readonly [string, string, (place: Scene) => void])[]) {
  test(`a ${what} stops opening with ${code}; an open session names it, goes on, and opens nothing new`, async t => {
    const place = await scene(t);
    const session = await place.open();
    const { keyFileId } = session.repository;
    tamper(place);
    await t.throwsAsync(place.open({ keyFileId }), { code });
    t.deepEqual(
      (await session.verify()).problems.map(problem => problem.code),
      [code],
    );
    writeFileSync(join(place.source, 'later.txt'), 'still backed up');
    t.truthy((await session.backUp()).snapshot);
    t.deepEqual((await session.restore()).tree, treeOf(place.source));
    await session.close();
    await t.throwsAsync(place.open({ keyFileId }), { code }, 'nothing was put in its place');
  });
}

test('a key file of another repository under a known vault is another backup, not a wrong password', async t => {
  const place = await scene(t);
  const [own = ''] = place.keys('keys');
  const other = await jobBench(t);
  const theirs = await other.open();
  const bytes = other.remote.objects.get(`keys/${theirs.repository.keyFileId}`) ?? new Uint8Array(0);
  const text = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  const changed = utf8(JSON.stringify({ ...text, salt: Buffer.from(fixedRandom(8)(64)).toString('base64') }));
  await theirs.close();
  place.remote.objects.delete(own);
  place.remote.objects.set(`keys/${sha256Hex(changed)}`, changed);
  await t.throwsAsync(place.open({ keyFileId: own.slice('keys/'.length) }), { code: 'E_REPO_MISMATCH' });
  await t.throwsAsync(place.open(), { code: 'E_WRONG_SECRET' });
});

test('a part of a file that is gone fails each time it is read, and is never passed over', async t => {
  const place = await scene(t);
  const { key } = place.placeOf('file video.mp4');
  place.remote.objects.delete(key);
  const session = await place.open();
  await session.repository.refreshIndex();
  const [newest] = [...(await session.repository.snapshots()).values()].sort((a, b) => (a.time < b.time ? 1 : -1));
  if (newest === undefined) throw new Error('there is no backup');
  const range = { offset: 0, length: 2_000_000 };
  const { signal } = new AbortController();
  for (let attempt = 1; attempt <= 2; attempt++) {
    const reading = readRange(session.repository, newest.tree, `${sourceId}/video.mp4`, range, signal);
    await t.throwsAsync(reading, { code: 'E_MISSING' }, `time ${attempt}`);
  }
  await session.close();
});

/** Opens the seals of a place the way its owner can. */
async function masterKeyOf(place: Pick<JobBench, 'remote'>): Promise<SealKey> {
  return (await openMasterKey(place.remote, recoveryKey, { report: () => undefined })).masterKey;
}

test('snapshots stored uncompressed are refused even when they are sealed under the right key', async t => {
  const place = await scene(t);
  const sealed = seal(await masterKeyOf(place), fixedRandom(8)(16), forgedSnapshot);
  const key = `snapshots/${sha256Hex(sealed)}`;
  place.remote.objects.set(key, sealed);
  const session = await place.open();
  t.is((await newestFirst(session)).length, 3);
  t.deepEqual(
    (await session.verify()).problems.map(({ object, code }) => [object, code]),
    [[key, 'E_OBJECT_TYPE']],
  );
  await session.close();
});

test('every blob that a backup writes begins as a zstd frame does, so that none can be filed as another object', async t => {
  const place = await scene(t);
  const masterKey = await masterKeyOf(place);
  const types = new Set<string>();
  for (const key of place.keys('data')) {
    const pack = place.remote.objects.get(key) ?? new Uint8Array(0);
    const headerBytes = new DataView(pack.buffer, pack.byteOffset).getUint32(pack.length - 4, true);
    const contentBytes = pack.length - 4 - headerBytes;
    const header = openSealed(masterKey, pack.subarray(contentBytes, pack.length - 4), key);
    for (const { type, offset, sealedBytes } of decodeHeader(header, contentBytes, key)) {
      const frame = openSealed(masterKey, pack.subarray(offset, offset + sealedBytes), key);
      t.is(Buffer.from(frame.subarray(0, 4)).toString('hex'), '28b52ffd', `${type} blob in ${key}`);
      types.add(type);
    }
  }
  t.deepEqual([...types].sort(), ['data', 'tree']);
});
