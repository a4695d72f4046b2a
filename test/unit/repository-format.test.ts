// The stored structures of a repository by themselves: what readers refuse, and the index in memory against a plain Map.

import test from 'ava';
import fc from 'fast-check';
import { concat, toHex, utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { open, seal, sealKeyFrom } from '../../daemon/kernel/seal.ts';
import { compressedFrame, openFrame, rawFrame } from '../../daemon/kernel/zstd.ts';
import { BlobIndex, packBytes } from '../../daemon/repository/blob-index.ts';
import { decodeIndex, encodeIndex, groupForIndexes } from '../../daemon/repository/index-codec.ts';
import { limits } from '../../daemon/repository/limits.ts';
import type { BlobId, BlobType, IndexId, PackId } from '../../daemon/repository/model.ts';
import { decodeHeader, encodeHeader, type PlacedBlob } from '../../daemon/repository/pack-format.ts';
import { decodeSnapshot, encodeSnapshot } from '../../daemon/repository/snapshot-codec.ts';
import { openUnpacked, sealUnpacked } from '../../daemon/repository/unpacked.ts';
import { fixedRandom, snapshotOf } from '../support/repository.ts';

const key = sealKeyFrom(fixedRandom(1)(64));
const idOf = (text: string): string => sha256Hex(utf8(text));
const blob = (name: string, changes: Partial<PlacedBlob> = {}): PlacedBlob => ({
  id: idOf(name) as BlobId,
  type: 'data',
  offset: 0,
  sealedBytes: 100,
  plainBytes: 200,
  isCompressed: true,
  ...changes,
});

test('an unpacked object comes back as its JSON, and its length is one of few', async t => {
  const random = fixedRandom(2);
  const lengths = new Set<number>();
  for (let i = 0; i < 60; i++) {
    const value = { list: Array.from({ length: i * 3 }, (_, n) => toHex(random(8)) + n) };
    const { id, bytes } = await sealUnpacked(key, random, JSON.stringify(value));
    t.is(id, sha256Hex(bytes));
    lengths.add(bytes.length);
    t.deepEqual((await openUnpacked(key, { key: `index/${id}`, id, stored: bytes }, false)).json, value);
    const opened = open(key, bytes, 'x');
    const text = Buffer.from(await openFrame(opened.subarray(1), { maxBytes: 1 << 20 }, 'x')).toString();
    t.is(opened[0], 2);
    t.is(text.trimEnd(), JSON.stringify(value));
  }
  t.true(lengths.size < 25, `${lengths.size} lengths`);
});

for (const [what, plaintext, allowRaw, code] of [
  ['JSON without the mark', utf8('{"packs":[]}'), false, 'E_OBJECT_TYPE'],
  ['a list without the mark', utf8('[]'), false, 'E_OBJECT_TYPE'],
  ['a bare frame', rawFrame(utf8('{}')), true, 'E_OBJECT_TYPE'],
  ['another mark', concat(Uint8Array.of(3), rawFrame(utf8('{}'))), true, 'E_OBJECT_TYPE'],
  ['a space first', utf8(' {}'), true, 'E_OBJECT_TYPE'],
  ['the mark and JSON', utf8('\u0002{}'), true, 'E_OBJECT_TYPE'],
  ['the mark alone', Uint8Array.of(2), true, 'E_OBJECT_TYPE'],
  ['nothing', new Uint8Array(0), true, 'E_OBJECT_TYPE'],
  ['two frames', concat(Uint8Array.of(2), rawFrame(utf8('{}')), rawFrame(utf8('{}'))), true, 'E_OBJECT_LIMIT'],
  ['no JSON', concat(Uint8Array.of(2), rawFrame(utf8('{'))), true, 'E_OBJECT_TYPE'],
  ['no UTF-8', concat(Uint8Array.of(2), rawFrame(Uint8Array.of(0x22, 0xff, 0x22))), true, 'E_OBJECT_TYPE'],
] as const) {
  test(`an unpacked object that is ${what} is refused`, async t => {
    const stored = seal(key, fixedRandom(3)(16), plaintext);
    await t.throwsAsync(openUnpacked(key, { key: 'x', id: sha256Hex(stored), stored }, allowRaw), { code });
  });
}

test('plain JSON is read only where it is allowed, and marked', async t => {
  const stored = seal(key, fixedRandom(4)(16), utf8('{"packs":[]}'));
  const object = { key: 'x', id: sha256Hex(stored), stored };
  t.like(await openUnpacked(key, object, true), { isRaw: true, json: { packs: [] } });
});

test('deep and poisoned JSON ends in an error or plain data', async t => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const stored = seal(key, fixedRandom(5)(16), concat(Uint8Array.of(2), await compressedFrame(utf8(deep))));
  const object = { key: 'x', id: sha256Hex(stored), stored };
  const result = await openUnpacked(key, object, false).catch((error: { code?: string }) => error.code);
  t.true(result === 'E_OBJECT_TYPE' || typeof result === 'object');
  t.is(decodeIndex(JSON.parse('{"__proto__":{"packs":[]}}')), undefined);
});

test('pack headers come back, and lengths that do not add up are refused', t => {
  const blobs = [blob('a'), blob('b', { offset: 100, sealedBytes: 300, type: 'tree' })];
  const header = encodeHeader(blobs);
  t.deepEqual(decodeHeader(header, 400, 'x'), blobs);
  for (const contentBytes of [0, 399, 401])
    t.throws(() => decodeHeader(header, contentBytes, 'x'), { code: 'E_OBJECT_LIMIT' });
  for (const length of [1, 40, 42, 81])
    t.throws(() => decodeHeader(header.subarray(0, length), 400, 'x'), { code: 'E_OBJECT_LIMIT' });
  const badType = new Uint8Array(header);
  badType[0] = 4;
  t.throws(() => decodeHeader(badType, 400, 'x'), { code: 'E_OBJECT_LIMIT' });
  const bomb = encodeHeader([blob('a', { plainBytes: 0x1000_0000 })]);
  t.throws(() => decodeHeader(bomb, 100, 'x'), { code: 'E_OBJECT_LIMIT' });
});

test('an index comes back; blobs that overlap or lie nowhere lose their pack alone', t => {
  const pack = (name: string, blobs: readonly PlacedBlob[]) => ({ id: idOf(name) as PackId, blobs });
  const good = pack('good', [blob('a'), blob('b', { offset: 100 })]);
  const bad = [
    pack('overlap', [blob('c'), blob('d', { offset: 99 })]),
    pack('far', [blob('e', { offset: 2 ** 32 - 50 })]),
    pack('bomb', [blob('f', { plainBytes: limits.dataBlobBytes + 1 })]),
    pack('lie', [blob('g', { isCompressed: false, plainBytes: 68, sealedBytes: 10 })]),
  ];
  const decoded = decodeIndex(JSON.parse(encodeIndex([good, ...bad])));
  t.deepEqual(decoded?.packs, [good]);
  t.is(decoded?.problems.length, 4);
  for (const value of [null, 1, [], {}, { packs: {} }, { time: 'x', tree: 'y' }]) t.is(decodeIndex(value), undefined);
  const odd = decodeIndex({ packs: [1, null, { id: 'x' }, { id: idOf('x'), blobs: [null, { id: 1 }] }] });
  t.deepEqual(odd?.packs, []);
  t.is(odd?.problems.length, 4);
});

test('an index that claims to replace others hides none of them', t => {
  const decoded = decodeIndex({ packs: [], supersedes: [idOf('other')] });
  t.deepEqual(decoded, { packs: [], problems: [] });
});

test('indexes name at most 50,000 blobs and never half a pack', t => {
  const packs = [20_000, 20_000, 10_000, 1, 16_000, 40_000].map((count, n) => ({
    id: idOf(String(n)) as PackId,
    blobs: Array.from({ length: count }, () => blob('same')),
  }));
  const groups = groupForIndexes(packs);
  t.deepEqual(
    groups.map(group => group.reduce((sum, pack) => sum + pack.blobs.length, 0)),
    [50_000, 16_001, 40_000],
  );
  t.deepEqual(groups.flat(), packs);
});

test('a snapshot is written as restic 0.18 writes it', t => {
  const summary = snapshotOf(idOf('t') as BlobId).summary;
  const json = encodeSnapshot(snapshotOf(idOf('t') as BlobId));
  t.is(
    json,
    `{"time":"2026-11-23T09:00:00.5Z","tree":"${idOf('t')}","paths":["/files-abcdefgh"],"hostname":"bench","username":"signet",` +
      `"tags":["signet-dev=0011223344556677"],"program_version":"signet 0.1.0","summary":{"backup_start":"2026-11-23T09:00:00.5Z",` +
      `"backup_end":"2026-11-23T09:00:00.5Z","files_new":1,"files_changed":0,"files_unmodified":0,"dirs_new":0,"dirs_changed":0,` +
      `"dirs_unmodified":0,"data_blobs":1,"tree_blobs":1,"data_added":1,"data_added_packed":1,"total_files_processed":1,` +
      `"total_bytes_processed":1}}`,
  );
  t.deepEqual(decodeSnapshot(JSON.parse(json))?.summary, summary);
});

for (const [what, value] of [
  ['an index', { packs: [] }],
  ['a lock', { time: '2026-11-23T09:00:00Z', exclusive: false, hostname: 'x', username: 'x', pid: 1 }],
  ['without a tree', { time: '2026-11-23T09:00:00Z' }],
  ['with a tree that is no id', { time: '2026-11-23T09:00:00Z', tree: '../x' }],
  ['without a time', { tree: idOf('t') }],
  ['with a time that is none', { time: 'yesterday', tree: idOf('t') }],
  ['with paths that are no texts', { time: '2026-11-23T09:00:00Z', tree: idOf('t'), paths: [1] }],
  ['null', null],
  ['a list', [1]],
] as const) {
  test(`a snapshot that is ${what} is none`, t => {
    t.is(decodeSnapshot(value), undefined);
  });
}

test('the index in memory agrees with a plain Map over random operations', t => {
  const step = fc.record({
    pack: fc.integer({ min: 0, max: 15 }),
    blobs: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 30 }),
    drop: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const index = new BlobIndex();
      const model = new Map<PackId, Map<number, { id: BlobId; type: BlobType }>>();
      for (const { pack, blobs, drop } of steps) {
        const id = idOf(`pack ${pack}`) as PackId;
        const known = index.pack(id);
        if (drop && known !== undefined) {
          index.drop(new Set([known]));
          model.delete(id);
          continue;
        }
        // A pack never changes, so the same number always holds the same blobs at the same places.
        const placed = [...new Set(blobs)].map(n =>
          blob(`${n}`, { offset: n * 100, type: n % 3 === 0 ? 'tree' : 'data' }),
        );
        index.add(id, placed, idOf('index') as IndexId);
        const held = model.get(id) ?? new Map<number, { id: BlobId; type: BlobType }>();
        for (const each of placed) held.set(each.offset, each);
        model.set(id, held);
      }
      for (let n = 0; n <= 60; n++) {
        const type: BlobType = n % 3 === 0 ? 'tree' : 'data';
        const found = index.copies(type, idOf(`${n}`) as BlobId).map(copy => copy.pack.id);
        const expected = [...model].filter(([, held]) => held.has(n * 100)).map(([id]) => id);
        t.deepEqual([...found].sort(), expected.sort());
        t.deepEqual(index.copies(type === 'tree' ? 'data' : 'tree', idOf(`${n}`) as BlobId), []);
      }
      const counts = index.counts();
      const total = [...model.values()].reduce((sum, held) => sum + held.size, 0);
      t.is(counts.dataBlobs + counts.treeBlobs, total);
      t.is(counts.packs, model.size);
    }),
    { numRuns: 100, seed: 3 },
  );
});

test('blobs are found among a hundred thousand', t => {
  const index = new BlobIndex();
  const random = fixedRandom(9);
  const ids: BlobId[] = [];
  for (let pack = 0; pack < 100; pack++) {
    const blobs = Array.from({ length: 1000 }, (_, n) => {
      const id = toHex(random(32)) as BlobId;
      if (n % 100 === 0) ids.push(id);
      return blob('x', { id, offset: n * 100 });
    });
    index.add(idOf(String(pack)) as PackId, blobs, idOf('index') as IndexId);
  }
  for (const id of ids) t.is(index.copies('data', id).length, 1);
  t.is(index.copies('data', idOf('absent') as BlobId).length, 0);
  t.is(index.counts().dataBlobs, 100_000);
  const [pack] = index.packs;
  t.is(pack === undefined ? 0 : packBytes(pack), 100 * 1000 + 32 + 41 * 1000 + 4);
});

test('used marks are kept through drops and cleared on demand', t => {
  const index = new BlobIndex();
  const [one, two] = ['one', 'two'].map(name => idOf(name) as PackId) as [PackId, PackId];
  index.add(one, [blob('a'), blob('b', { offset: 100 })], idOf('i') as IndexId);
  index.add(two, [blob('c')], idOf('i') as IndexId);
  t.true(index.markUsed('data', idOf('b') as BlobId));
  t.false(index.markUsed('data', idOf('nowhere') as BlobId));
  const gone = index.pack(two);
  if (gone !== undefined) index.drop(new Set([gone]));
  const kept = index.pack(one);
  if (kept === undefined) throw new Error('not found');
  const used = (): readonly boolean[] => (index.blobsOf(new Set([kept])).get(kept) ?? []).map(each => each.isUsed);
  t.deepEqual(used(), [false, true]);
  index.clearUsed();
  t.deepEqual(used(), [false, false]);
});
