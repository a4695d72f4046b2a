// Rows 13 to 16: packs, indexes, snapshots, trees and heads that are damaged, cut, exchanged or filed as something else. Everything wrong is
// named, what is whole still comes back, backups go on, and nothing in the cloud is deleted in the name of healing.

import test from 'ava';
import { headKey, headSha256, parseHeadKey } from '../../daemon/heads/head-file.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { open as openSealed, seal } from '../../daemon/kernel/seal.ts';
import { decodeHeader } from '../../daemon/repository/pack-format.ts';
import { flipped, hostileRemote } from '../support/hostile-remote.ts';
import { bench, fixedRandom } from '../support/repository.ts';
import { row } from '../support/rows.ts';
import {
  type Expectation,
  forgedSnapshot,
  judge,
  lostWithFirstIndex,
  masterKeyOf,
  newestFirst,
  refile,
  type Scene,
  scene,
} from '../support/tampered-place.ts';

type Case = readonly [row: number, what: string, tamper: (place: Scene) => Expectation];

/** The newest head of the place, by its name. */
const newestHead = (place: Scene): string =>
  place
    .keys('signet/heads')
    .map(key => ({ key, seq: parseHeadKey(key)?.seq ?? 0 }))
    .sort((a, b) => b.seq - a.seq)[0]?.key ?? '';

/** Takes the object away and files its changed bytes under the name that fits them. */
function renamed(place: Scene, key: string, change: (bytes: Uint8Array) => Uint8Array): void {
  const bytes = change(place.bytesOf(key));
  place.remote.missing(key);
  const head = parseHeadKey(key);
  const folder = key.slice(0, key.lastIndexOf('/'));
  const name = head === undefined ? `${folder}/${sha256Hex(bytes)}` : headKey(head.device, head.seq, headSha256(bytes));
  place.remote.planted(name, bytes);
}

const damage: readonly Case[] = [
  [
    13,
    'a bit of one file in a pack',
    place => {
      const { key, offset } = place.placeOf('file a.txt');
      place.flip(key, offset + 20);
      return { lost: ['a.txt'], named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'] };
    },
  ],
  [
    13,
    'a bit of the seal of one file in a pack',
    place => {
      const { key, offset, sealedBytes } = place.placeOf('file twin-1.bin');
      place.flip(key, offset + sealedBytes - 1);
      return { lost: ['twin-1.bin'], named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'] };
    },
  ],
  [
    13,
    'a bit of the header of a pack',
    place => {
      place.flip(place.placeOf('file inner/b.txt').key, -40);
      return { named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'], repaired: true };
    },
  ],
  [
    13,
    'a bit of the length of a pack’s header',
    place => {
      place.flip(place.placeOf('file inner/b.txt').key, -1);
      return { named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], repaired: true };
    },
  ],
  [
    13,
    'a bit of the tree of a folder',
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
    13,
    'a bit of the tree of a whole source',
    place => {
      const { key, offset } = place.placeOf('folder ');
      place.flip(key, offset + 20);
      const lost = [...place.files.keys()].map(path => path.slice(1));
      return { lost, named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'], repaired: true };
    },
  ],
  [
    13,
    'a bit of an index',
    place => {
      place.flip(place.firstIndex, 100);
      return { lost: lostWithFirstIndex, named: ['E_MISSING', 'E_OBJECT_ID'], repaired: true };
    },
  ],
  [
    13,
    'a bit of an index that is named for its damaged bytes',
    place => {
      renamed(place, place.firstIndex, flipped(100));
      return { lost: lostWithFirstIndex, named: ['E_MISSING', 'E_OBJECT_AUTH'], repaired: true };
    },
  ],
  [
    13,
    'a bit of the newest head',
    place => {
      place.flip(newestHead(place), 100);
      return { named: ['E_OBJECT_ID', 'E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true };
    },
  ],
  [
    13,
    'a bit of the newest head that is named for its damaged bytes',
    place => {
      renamed(place, newestHead(place), flipped(100));
      return { named: ['E_OBJECT_AUTH', 'E_ROLLBACK'], alarms: ['E_ROLLBACK'], repaired: true };
    },
  ],
  [
    14,
    'a pack that is one byte short',
    place => {
      const { key } = place.placeOf('file video.mp4');
      place.change(key, bytes => bytes.subarray(0, -1));
      return { named: ['E_OBJECT_ID', 'E_OBJECT_AUTH'], alarms: ['E_MISSING'], repaired: true };
    },
  ],
  [
    14,
    'a pack that is five bytes short',
    place => {
      const { key } = place.placeOf('file video.mp4');
      place.change(key, bytes => bytes.subarray(0, -5));
      return { named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], alarms: ['E_MISSING'], repaired: true };
    },
  ],
  [
    14,
    'half a pack',
    place => {
      const { key } = place.placeOf('file inner/photo.jpg');
      const half = Math.floor(place.bytesOf(key).length / 2);
      place.change(key, bytes => bytes.subarray(0, half));
      return {
        lost: place.filesWhere(each => each.key === key && each.offset + each.sealedBytes > half),
        named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  ...[0xff, 0x00].map(
    (byte): Case => [
      14,
      `a pack that is cut and whose header has the length ${byte === 0 ? '0' : '2^32−1'}`,
      place => {
        const { key, offset } = place.placeOf('file inner/photo.jpg');
        place.change(key, bytes => Buffer.concat([bytes.subarray(0, offset + 10), Buffer.alloc(4, byte)]));
        return {
          lost: place.filesWhere(each => each.key === key && each.offset >= offset),
          named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'],
          alarms: ['E_MISSING'],
          repaired: true,
        };
      },
    ],
  ),
  ...[0xff, 0x00].map(
    (byte): Case => [
      14,
      `a whole pack whose header has the length ${byte === 0 ? '0' : '2^32−1'}`,
      place => {
        const { key } = place.placeOf('file inner/photo.jpg');
        place.change(key, bytes => Buffer.concat([bytes.subarray(0, -4), Buffer.alloc(4, byte)]));
        return { named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], repaired: true };
      },
    ],
  ),
  [
    14,
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
    14,
    'a pack with bytes added',
    place => {
      const more = Buffer.from([1, 2, 3, 0, 0, 0, 0]);
      place.change(place.placeOf('file video.mp4').key, bytes => Buffer.concat([bytes, more]));
      return { named: ['E_OBJECT_ID', 'E_OBJECT_LIMIT'], alarms: ['E_MISSING'], repaired: true };
    },
  ],
  [
    15,
    'two packs of files under each other’s names',
    place => {
      const one = place.placeOf('file a.txt').key;
      const other = place
        .keys('data')
        .find(
          key =>
            place.bytesOf(key).length !== place.bytesOf(one).length &&
            place.filesWhere(each => each.key === key).length > 0,
        );
      if (other === undefined) throw new Error('there is one pack only');
      place.remote.exchanged(one, other);
      return {
        lost: place.filesWhere(({ key }) => key === one || key === other),
        named: ['E_OBJECT_ID'],
        alarms: ['E_MISSING'],
        repaired: true,
      };
    },
  ],
  [
    15,
    'two blobs of one length in each other’s places',
    place => {
      const [one, other] = [place.placeOf('file twin-1.bin'), place.placeOf('file twin-2.bin')];
      const sealedIn = ({ key, offset, sealedBytes }: typeof one): Uint8Array =>
        place.bytesOf(key).slice(offset, offset + sealedBytes);
      const [first, second] = [sealedIn(one), sealedIn(other)];
      for (const [at, sealed] of [
        [one, second],
        [other, first],
      ] as const) {
        place.change(at.key, bytes => {
          bytes.set(sealed, at.offset);
          return bytes;
        });
      }
      return { lost: ['twin-1.bin', 'twin-2.bin'], named: ['E_OBJECT_ID'] };
    },
  ],
  [
    16,
    'junk with the names of objects',
    place => {
      for (const folder of ['index', 'snapshots', 'locks', 'keys', 'data/00', 'signet/vault']) {
        place.remote.planted(`${folder}/${'0'.repeat(64)}`, fixedRandom(5)(700));
        refile(place, fixedRandom(6)(700), folder);
      }
      place.remote.planted(`signet/heads/0011223344556677/0000000099-${'0'.repeat(64)}`, fixedRandom(7)(4096));
      return { named: ['E_OBJECT_AUTH', 'E_OBJECT_ID'], repaired: true };
    },
  ],
  [
    16,
    'an index among the snapshots, a snapshot among the indexes, a lock among both',
    place => {
      const [index = ''] = place.keys('index');
      const [snapshot = ''] = place.keys('snapshots');
      const lock = [...place.remote.hoard.keys()].find(key => key.startsWith('locks/')) ?? '';
      const sealedLock = place.remote.hoard.get(lock) ?? new Uint8Array(0);
      refile(place, place.bytesOf(index), 'snapshots');
      refile(place, place.bytesOf(snapshot), 'index');
      for (const folder of ['snapshots', 'index']) refile(place, sealedLock, folder);
      return { named: ['E_OBJECT_TYPE'], repaired: true };
    },
  ],
  [
    16,
    'a contact’s message as a snapshot, an index, a lock and a key file',
    place => {
      const { key, offset, sealedBytes } = place.placeOf('file forged.json');
      const sealed = place.bytesOf(key).slice(offset, offset + sealedBytes);
      for (const folder of ['snapshots', 'index', 'locks', 'keys']) refile(place, sealed, folder);
      return { named: ['E_OBJECT_TYPE'], repaired: true };
    },
  ],
];

test('an honest place is restored, verified and backed up without a word', async t => {
  await judge(t, await scene(t), { named: [], repaired: true });
});

for (const [number, what, tamper] of damage) {
  row(number, `${what}: all of it is named, what is whole comes back`, async t => {
    const place = await scene(t);
    await judge(t, place, tamper(place));
  });
}

for (const [what, tamper, isNamed] of [
  ['a bit of the newest snapshot', (place: Scene, key: string) => place.flip(key, 50), 'E_OBJECT_ID'],
  [
    'a bit of the newest snapshot that is named for its damaged bytes',
    (place: Scene, key: string) => renamed(place, key, flipped(50)),
    'E_OBJECT_AUTH',
  ],
] as const) {
  row(13, `${what}: named and said to be withheld, the ones before can be restored, backups go on`, async t => {
    const place = await scene(t);
    const whole = await place.open();
    const [newest = ''] = await newestFirst(whole);
    await whole.close();
    tamper(place, `snapshots/${newest}`);
    const session = await place.open();
    t.deepEqual((await session.restore()).tree, new Map([...place.files].filter(([path]) => path !== '/d.txt')));
    const { problems } = await session.verify();
    t.deepEqual([...new Set(problems.map(({ code }) => code))].sort(), ['E_WITHHELD', isNamed].sort());
    const { snapshot, findings } = await session.backUp();
    t.truthy(snapshot);
    t.deepEqual(
      findings.map(({ code }) => code),
      ['E_WITHHELD'],
    );
    t.deepEqual((await session.restore()).tree, place.files);
    await session.close();
    t.true(place.remote.objects.has(`snapshots/${newest}`), 'what is damaged stays where it is');
  });
}

row(
  13,
  'a bit of the root of the newest backup: it cannot be restored, the one before can, the next is whole',
  async t => {
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
  },
);

row(15, 'a pack that is damaged: the copy of the blob in another pack is used, and the damage is told', async t => {
  const remote = hostileRemote();
  const place = await bench(t, { remote });
  const content = fixedRandom(21)(5000);
  const first = await place.create();
  const { id } = await first.saveBlob('data', content);
  await first.commitIndex();
  await first.close();
  remote.unlisted('index/'); // so that the next computer does not know of it, and stores it again
  const second = await place.open();
  await second.refreshIndex();
  t.true((await second.saveBlob('data', content)).isNew);
  await second.commitIndex();
  await second.close();
  remote.honest();
  const packs = [...remote.objects.keys()].filter(key => key.startsWith('data/'));
  t.is(packs.length, 2);
  for (const pack of packs) {
    remote.honest();
    for (const at of [20, 500, 2000, 4000]) remote.altered(pack, flipped(at));
    const reader = await place.open();
    await reader.readIndex();
    t.deepEqual(Buffer.from(await reader.loadBlob('data', id)), Buffer.from(content));
    const told = reader.problems.map(({ key, code }) => `${key} ${code}`);
    t.true(told.length === 0 || told.includes(`${pack} E_OBJECT_AUTH`));
    await reader.close();
  }
  for (const pack of packs) remote.altered(pack, flipped(500));
  const reader = await place.open();
  await reader.readIndex();
  await t.throwsAsync(reader.loadBlob('data', id), { code: 'E_OBJECT_AUTH' });
  await reader.close();
});

row(16, 'a contact’s message as the config: nothing opens, and nothing is put in its place', async t => {
  const place = await scene(t);
  const { key, offset, sealedBytes } = place.placeOf('file forged.json');
  const sealed = place.bytesOf(key).slice(offset, offset + sealedBytes);
  place.change('config', () => sealed);
  const before = [...place.remote.objects.keys()].sort();
  await t.throwsAsync(place.open(), { code: 'E_OBJECT_TYPE' });
  t.deepEqual([...place.remote.objects.keys()].sort(), before);
});

row(16, 'a snapshot stored uncompressed is refused even though it is sealed under the right key', async t => {
  const place = await scene(t);
  const key = refile(place, seal(await masterKeyOf(place), fixedRandom(8)(16), forgedSnapshot), 'snapshots');
  const session = await place.open();
  t.is((await newestFirst(session)).length, 3);
  t.deepEqual(
    (await session.verify()).problems.map(({ object, code }) => [object, code]),
    [[key, 'E_OBJECT_TYPE']],
  );
  await session.close();
});

row(
  16,
  'every blob that a backup writes begins as a zstd frame does, so that none can be filed as another object',
  async t => {
    const place = await scene(t);
    const masterKey = await masterKeyOf(place);
    const types = new Set<string>();
    let blobs = 0;
    for (const key of place.keys('data')) {
      const pack = place.bytesOf(key);
      const headerBytes = new DataView(pack.buffer, pack.byteOffset).getUint32(pack.length - 4, true);
      const contentBytes = pack.length - 4 - headerBytes;
      const header = openSealed(masterKey, pack.subarray(contentBytes, pack.length - 4), key);
      for (const { type, offset, sealedBytes } of decodeHeader(header, contentBytes, key)) {
        const frame = openSealed(masterKey, pack.subarray(offset, offset + sealedBytes), key);
        t.is(Buffer.from(frame.subarray(0, 4)).toString('hex'), '28b52ffd', `${type} blob in ${key}`);
        types.add(type);
        blobs++;
      }
    }
    t.deepEqual([...types].sort(), ['data', 'tree']);
    t.true(blobs > 20);
  },
);
