// Rows 20 to 22: indexes, locks and listings. An index that lies hides and breaks nothing that is whole, locks hold nobody up for ever, and
// what a listing omits is never taken for deleted.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRange } from '../../daemon/archive/browse.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { sealUnpacked } from '../../daemon/repository/unpacked.ts';
import { treeOf } from '../support/archive.ts';
import { removedBesideOwnLocks } from '../support/hostile-remote.ts';
import { type JobBench, jobBench, sourceId, writeFiles } from '../support/job-bench.ts';
import { fixedRandom } from '../support/repository.ts';
import { row } from '../support/rows.ts';
import {
  type Expectation,
  judge,
  lostWithFirstIndex,
  masterKeyOf,
  newestFirst,
  type Scene,
  scene,
} from '../support/tampered-place.ts';

const random = fixedRandom(60);

/** Files JSON as whoever has the key can: a stolen computer, or a cloud by type confusion. */
async function sealedAs(place: Pick<JobBench, 'remote'>, folder: 'index' | 'locks', json: unknown): Promise<string> {
  const { id, bytes } = await sealUnpacked(await masterKeyOf(place), random, JSON.stringify(json));
  place.remote.planted(`${folder}/${id}`, bytes);
  return `${folder}/${id}`;
}

const idOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

const indexes: readonly (readonly [string, (place: Scene) => Promise<Expectation> | Expectation])[] = [
  [
    'one index gone',
    place => {
      place.remote.missing(place.firstIndex);
      return { lost: lostWithFirstIndex, named: ['E_MISSING'], repaired: true };
    },
  ],
  [
    'one index that is listed and not there',
    place => {
      place.remote.unreadable(place.firstIndex);
      return { lost: lostWithFirstIndex, named: ['E_MISSING'], repaired: true };
    },
  ],
  [
    'a junk index among them',
    place => {
      const junk = fixedRandom(61)(900);
      place.remote.planted(`index/${sha256Hex(junk)}`, junk);
      place.remote.planted(`index/${'1'.repeat(64)}`, junk);
      return { named: ['E_OBJECT_AUTH', 'E_OBJECT_ID'], repaired: true };
    },
  ],
  [
    'an index that says it supersedes all others',
    async place => {
      await sealedAs(place, 'index', { supersedes: place.keys('index').map(idOf), packs: [] });
      return { named: [], repaired: true };
    },
  ],
  [
    'an index that points outside of any pack',
    async place => {
      const { key } = place.placeOf('file video.mp4');
      const blobs = [
        { id: 'e1'.repeat(32), type: 'data', offset: 4_000_000_000, length: 500, uncompressed_length: 400 },
      ];
      await sealedAs(place, 'index', { packs: [{ id: idOf(key), blobs }] });
      return { named: ['E_OBJECT_LIMIT'], repaired: true };
    },
  ],
  [
    'an index with blobs that overlap',
    async place => {
      const { key, offset, sealedBytes } = place.placeOf('file video.mp4');
      const blob = { type: 'data', length: sealedBytes, uncompressed_length: 900 };
      const blobs = [
        { ...blob, id: 'e2'.repeat(32), offset },
        { ...blob, id: 'e3'.repeat(32), offset: offset + 1 },
      ];
      await sealedAs(place, 'index', { packs: [{ id: idOf(key), blobs }] });
      return { named: ['E_OBJECT_LIMIT'], repaired: true };
    },
  ],
  [
    'an index with a blob of no known type, with numbers that are none and with a prototype',
    async place => {
      const { key } = place.placeOf('file a.txt');
      const pack = { id: idOf(key), blobs: [{ id: 'e4'.repeat(32), type: 'snapshot', offset: 0, length: 99 }] };
      const odd = { id: idOf(key), blobs: [{ id: 'e5'.repeat(32), type: 'data', offset: -1, length: 1e300 }] };
      const json = `{"__proto__":{"polluted":1},"packs":[${JSON.stringify(pack)},${JSON.stringify(odd)},7,null,{"id":"x"}]}`;
      const { id, bytes } = await sealUnpacked(await masterKeyOf(place), random, json);
      place.remote.planted(`index/${id}`, bytes);
      return { named: ['E_OBJECT_LIMIT'], repaired: true };
    },
  ],
];

for (const [what, tamper] of indexes) {
  row(20, `${what}: exactly what only it knew is lost until the next backup, and it is named`, async t => {
    const place = await scene(t);
    await judge(t, place, await tamper(place));
    t.is(({} as Record<string, unknown>)['polluted'], undefined);
  });
}

row(20, 'an index that names blobs in a pack that lacks them: the true copies are read', async t => {
  const place = await scene(t);
  const honest = await place.open();
  await honest.repository.readIndex();
  const { key, offset, sealedBytes } = place.placeOf('file a.txt');
  const [id = ''] = (await filesContent(honest, 'd.txt')) as string[];
  await honest.close();
  // Listed first or last: either way the copy that opens is the one that counts.
  await sealedAs(place, 'index', {
    packs: [{ id: idOf(key), blobs: [{ id, type: 'data', offset, length: sealedBytes, uncompressed_length: 4 }] }],
  });
  const session = await place.open();
  t.deepEqual((await session.restore()).tree, place.files);
  t.false((await session.verify()).ok);
  await session.close();
});

/** Ids of the blobs of a file of the newest backup. */
async function filesContent(session: Awaited<ReturnType<JobBench['open']>>, name: string): Promise<readonly string[]> {
  const [newest] = [...(await session.repository.snapshots()).values()].sort((a, b) => (a.time < b.time ? 1 : -1));
  if (newest === undefined) throw new Error('there is no backup');
  for (const source of await session.repository.loadTree(newest.tree)) {
    if (`${Buffer.from(source.name)}` !== sourceId || source.subtree === undefined) continue;
    for (const node of await session.repository.loadTree(source.subtree)) {
      if (`${Buffer.from(node.name)}` === name) return node.content ?? [];
    }
  }
  throw new Error(`${name} is not in it`);
}

row(
  20,
  'all indexes gone: nothing can be restored until the next backup, which is whole, and no pack is removed',
  async t => {
    const place = await scene(t);
    place.remote.missing(place.firstIndex);
    for (const key of place.keys('index')) place.remote.missing(key);
    const packs = place.keys('data');
    const session = await place.open();
    await t.throwsAsync(session.restore(), { code: 'E_MISSING' });
    t.true((await session.verify()).problems.some(({ code }) => code === 'E_MISSING'));
    const { snapshot } = await session.backUp();
    t.truthy(snapshot);
    t.deepEqual((await session.restore()).tree, place.files);
    await session.close();
    for (const key of packs) t.true(place.remote.objects.has(key));
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  },
);

row(21, 'ten thousand locks: a bounded number is looked at, and the backup is made', async t => {
  const place = await scene(t);
  for (let number = 0; number < 10_000; number++) {
    place.remote.planted(`locks/${number.toString(16).padStart(64, '0')}`, random(200));
  }
  const session = await place.open();
  writeFiles(place.source, { 'later.txt': 'later' });
  const before = place.remote.calls.length;
  t.truthy((await session.backUp()).snapshot);
  const read = place.remote.calls.slice(before).filter(({ call, key }) => call === 'get' && key.startsWith('locks/'));
  t.true(read.length <= 256, `${read.length} locks were read`);
  t.true(session.repository.problems.some(({ key, code }) => key === 'locks' && code === 'E_OBJECT_LIMIT'));
  await session.close();
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});

const lock = (changes: Record<string, unknown>): Record<string, unknown> => ({
  time: '2026-11-23T09:00:00Z',
  exclusive: false,
  hostname: 'elsewhere',
  username: 'root',
  pid: 77,
  ...changes,
});

for (const [what, made] of [
  ['stale', lock({ time: '2020-01-01T00:00:00Z' })],
  ['of the year 2999', lock({ time: '2999-01-01T00:00:00Z' })],
  ['without a readable time', lock({ time: 'soon' })],
  ['with a process id that is none', lock({ pid: 1e300 })],
  ['exclusive and six years old', lock({ exclusive: true, time: '2020-01-01T00:00:00Z' })],
] as const) {
  row(21, `a lock of another computer that is ${what}: the backup is made, and the lock stays`, async t => {
    const place = await scene(t);
    const key = await sealedAs(place, 'locks', made);
    const session = await place.open();
    writeFiles(place.source, { 'later.txt': 'later' });
    t.truthy((await session.backUp()).snapshot);
    t.deepEqual((await session.restore()).tree, treeOf(place.source));
    await session.close();
    t.false(place.remote.removed.includes(key));
  });
}

row(21, 'a lock that cannot be opened or is none: reported, passed over, left where it is', async t => {
  const place = await scene(t);
  const junk = random(300);
  place.remote.planted(`locks/${sha256Hex(junk)}`, junk);
  place.remote.planted('locks/not-a-lock', junk);
  place.remote.planted(`locks/${'2'.repeat(64)}`, junk);
  const session = await place.open();
  writeFiles(place.source, { 'later.txt': 'later' });
  t.truthy((await session.backUp()).snapshot);
  await session.close();
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});

for (const [what, time] of [
  ['of now', '2026-11-23T09:00:00Z'],
  ['of the year 2999', '2999-01-01T00:00:00Z'],
] as const) {
  row(
    21,
    `an exclusive lock ${what} that is never renewed: refused at once for half an hour, and then passed over`,
    async t => {
      const place = await scene(t);
      const key = await sealedAs(place, 'locks', lock({ exclusive: true, time }));
      const session = await place.open();
      writeFiles(place.source, { 'later.txt': 'later' });
      await t.throwsAsync(session.backUp(), { code: 'E_REPOSITORY_LOCKED' });
      await t.throwsAsync(session.backUp(), { code: 'E_REPOSITORY_LOCKED' }, 'a minute later');
      await place.clock.advance(31 * 60_000);
      t.truthy((await session.backUp()).snapshot, 'whoever lives renews it every five minutes');
      await t.throwsAsync(session.repository.lock('exclusive'), { code: 'E_REPOSITORY_LOCKED' }, 'never for deleting');
      t.deepEqual((await session.restore()).tree, treeOf(place.source));
      await session.close();
      t.false(place.remote.removed.includes(key));
      t.deepEqual(removedBesideOwnLocks(place.remote), []);
    },
  );
}

row(21, 'a lock that is listed and never answered: the wait ends when it is stopped, and leaves nothing', async t => {
  const place = await scene(t);
  const key = await sealedAs(place, 'locks', lock({}));
  place.remote.silent(key);
  const session = await place.open();
  const stop = new AbortController();
  const taken = session.repository.lock('shared', { signal: stop.signal });
  await new Promise(resolve => setImmediate(resolve));
  stop.abort();
  await t.throwsAsync(taken, { name: 'AbortError' });
  await session.close();
  t.deepEqual(place.keys('locks'), []);
});

const listings: readonly (readonly [string, (place: Scene) => Expectation])[] = [
  [
    'a pack of files gone',
    place => {
      const { key } = place.placeOf('file a.txt');
      place.remote.missing(key);
      return {
        lost: place.filesWhere(each => each.key === key),
        named: ['E_MISSING'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  [
    'a pack of files that is listed and not there',
    place => {
      const { key } = place.placeOf('file a.txt');
      place.remote.unreadable(key);
      return { lost: place.filesWhere(each => each.key === key), named: ['E_MISSING'] };
    },
  ],
  [
    'listings in any order, with everything twice',
    place => {
      const bytes = fixedRandom(62);
      place.remote.disordered(() => (bytes(1)[0] ?? 0) / 256);
      return { named: [], repaired: true };
    },
  ],
];

for (const [what, tamper] of listings) {
  row(22, `${what}: exactly what is lost is named, and never taken for deleted`, async t => {
    const place = await scene(t);
    await judge(t, place, tamper(place));
  });
}

for (const folder of ['index/', 'data/', 'snapshots/', 'signet/heads/']) {
  row(22, `listings that omit what is new in ${folder}: backups are whole, and nothing is removed`, async t => {
    const place = await jobBench(t);
    writeFiles(place.source, { 'a.txt': 'one', 'photo.jpg': fixedRandom(63)(300_000) });
    const session = await place.open();
    await session.backUp();
    const stored = new Set(place.remote.objects.keys());
    // From here on nothing new appears in listings of that folder.
    place.remote.unlistedBut(folder, stored);
    for (const number of [1, 2, 3]) {
      writeFileSync(join(place.source, `${number}.txt`), `${number}`);
      t.truthy((await session.backUp()).snapshot, `backup ${number}`);
    }
    await session.close();
    place.remote.honest();
    const later = await place.open();
    t.deepEqual((await later.restore()).tree, treeOf(place.source));
    t.is((await newestFirst(later)).length, 4);
    const { problems } = await later.verify();
    t.deepEqual(
      problems.filter(({ code }) => code === 'E_MISSING' || code === 'E_WITHHELD'),
      [],
    );
    await later.close();
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  });
}

row(22, 'a part of a file that is gone fails each time it is read, and is never passed over', async t => {
  const place = await scene(t);
  place.remote.missing(place.placeOf('file video.mp4').key);
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

row(20, 'every index gone: written anew from the headers of the packs, and everything is back', async t => {
  const place = await scene(t);
  for (const key of place.keys('index')) place.remote.objects.delete(key);
  const session = await place.open();
  t.false((await session.verify()).ok);
  const { packsAdded } = await session.repository.repairIndex();
  t.true(packsAdded > 0);
  t.deepEqual((await session.restore()).tree, place.files);
  t.true((await session.verify()).ok);
  await session.close();
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});
