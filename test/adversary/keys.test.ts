// Rows 10 to 12: key files and the config, the two objects that stand before all others and that a cloud can rewrite at will.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { createKeyFile, openMasterKey, randomMasterKey, sealConfig } from '../../daemon/repository/master-key.ts';
import type { ObjectProblem } from '../../daemon/repository/model.ts';
import { treeOf } from '../support/archive.ts';
import { hostileRemote, removedBesideOwnLocks } from '../support/hostile-remote.ts';
import { jobBench } from '../support/job-bench.ts';
import { bench, fixedRandom, recoveryKey } from '../support/repository.ts';
import { row } from '../support/rows.ts';
import { masterKeyOf, refile, type Scene, scene } from '../support/tampered-place.ts';

const text = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(Buffer.from(bytes).toString());
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const parameters: readonly (readonly [string, Record<string, unknown>])[] = [
  ['N=2^20', { N: 2 ** 20 }],
  ['N=2^30', { N: 2 ** 30 }],
  ['N=3', { N: 3 }],
  ['N=2', { N: 2 }],
  ['N=0', { N: 0 }],
  ['a negative N', { N: -32768 }],
  ['N as text', { N: '32768' }],
  ['r=2^20', { r: 2 ** 20 }],
  ['r=0.5', { r: 0.5 }],
  ['p=2^20', { p: 2 ** 20 }],
  ['p=1e308', { p: 1e308 }],
  ['a salt of 8 bytes', { salt: base64(new Uint8Array(8)) }],
  ['pbkdf2', { kdf: 'pbkdf2' }],
  ['no kdf', { kdf: null }],
];

for (const [what, change] of parameters) {
  row(10, `a key file that asks for ${what}: refused before anything is derived or allocated`, async t => {
    const place = await scene(t);
    const [own = ''] = place.keys('keys');
    const hostile = utf8(JSON.stringify({ ...text(place.bytesOf(own)), ...change }));
    place.remote.missing(own);
    place.remote.planted(`keys/${sha256Hex(hostile)}`, hostile);
    const problems: ObjectProblem[] = [];
    const before = process.memoryUsage().rss;
    await t.throwsAsync(openMasterKey(place.remote, recoveryKey, { report: each => problems.push(each) }), {
      code: 'E_OBJECT_LIMIT',
    });
    t.true(process.memoryUsage().rss - before < 64 * 1024 * 1024);
    t.deepEqual(
      problems.map(({ code }) => code),
      ['E_OBJECT_LIMIT'],
    );
    t.regex(problems[0]?.detail ?? '', /scrypt|salt/);
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  });
}

row(10, 'a hostile key file beside the right one: passed over, and the right one opens', async t => {
  const place = await scene(t);
  const [own = ''] = place.keys('keys');
  for (const [, change] of parameters) {
    refile(place, utf8(JSON.stringify({ ...text(place.bytesOf(own)), ...change })), 'keys');
  }
  const session = await place.open();
  t.is(`keys/${session.repository.keyFileId}`, own);
  t.deepEqual((await session.restore()).tree, place.files);
  await session.close();
  t.deepEqual(removedBesideOwnLocks(place.remote), []);
});

/** Key files of a stranger that are well made, so that only running the derivation tells that they do not open. */
function decoys(template: Uint8Array, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) =>
    utf8(JSON.stringify({ ...text(template), salt: base64(fixedRandom(index % 250)(64)), hostname: `d${index}` })),
  );
}

row(10, 'a thousand junk key files: the known one is tried first, and none else', async t => {
  const remote = hostileRemote();
  const place = await bench(t, { remote });
  const made = await place.create();
  const { keyFileId } = made;
  await made.close();
  const own = remote.objects.get(`keys/${keyFileId}`) ?? new Uint8Array(0);
  for (const bytes of decoys(own, 1000)) remote.planted(`keys/${sha256Hex(bytes)}`, bytes);
  remote.disordered(Math.random);
  const gets = (): readonly string[] => remote.calls.flatMap(({ call, key }) => (call === 'get' ? [key] : []));
  const before = gets().length;
  const opened = await place.open({ keyFileId });
  t.is(opened.keyFileId, keyFileId);
  t.deepEqual(gets().slice(before), [`keys/${keyFileId}`, 'config']);
  await opened.close();
});

row(10, 'a thousand junk key files where none is known: four derivations, no more', async t => {
  const remote = hostileRemote();
  const place = await bench(t, { remote });
  const made = await place.create();
  const own = remote.objects.get(`keys/${made.keyFileId}`) ?? new Uint8Array(0);
  await made.close();
  remote.missing(`keys/${made.keyFileId}`);
  for (const bytes of decoys(own, 1000)) remote.planted(`keys/${sha256Hex(bytes)}`, bytes);
  const error = await t.throwsAsync(openMasterKey(remote, recoveryKey, { report: () => undefined }), {
    code: 'E_WRONG_SECRET',
  });
  t.regex(error.message, /none of the 4 key files/);
  const read = remote.calls.filter(({ call, key }) => call === 'get' && key.startsWith('keys/'));
  t.is(read.length, 1 + 4 - 1, 'what is not derived is not read');
});

row(
  11,
  'a key file with another master key under the same recovery key: another backup, not a wrong password',
  async t => {
    const place = await scene(t);
    const [own = ''] = place.keys('keys');
    const keyFileId = own.slice('keys/'.length);
    const honest = await place.open({ keyFileId });
    const fingerprint = honest.repository.masterKeyFingerprint;
    await honest.close();
    const old = await createKeyFile(randomMasterKey(fixedRandom(40)), recoveryKey, 0, fixedRandom(41));
    // In its place: the known one is gone and this one opens, but what it holds opens nothing here.
    place.remote.missing(own);
    place.remote.planted(`keys/${old.id}`, old.bytes);
    await t.throwsAsync(place.open({ keyFileId }), { code: 'E_OBJECT_AUTH' });
    // With the config of its own time as well: it opens, as another repository, which whoever knows the fingerprint is told.
    const other = randomMasterKey(fixedRandom(40));
    const json = JSON.stringify({ version: 2, id: 'ab'.repeat(32), chunker_polynomial: '25b468838dcb75' });
    const config = sealConfig(other, fixedRandom(42), json);
    place.remote.altered('config', () => config);
    const session = await place.open({ keyFileId });
    t.not(session.repository.masterKeyFingerprint, fingerprint);
    await session.close();
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  },
);

row(11, 'a key file of another repository under a known name: E_REPO_MISMATCH where one is known', async t => {
  const place = await scene(t);
  const [own = ''] = place.keys('keys');
  const other = await jobBench(t);
  const theirs = await other.open();
  const bytes = other.remote.objects.get(`keys/${theirs.repository.keyFileId}`) ?? new Uint8Array(0);
  await theirs.close();
  place.remote.missing(own);
  refile(place, utf8(JSON.stringify({ ...text(bytes), salt: base64(fixedRandom(8)(64)) })), 'keys');
  await t.throwsAsync(place.open({ keyFileId: own.slice('keys/'.length) }), { code: 'E_REPO_MISMATCH' });
  await t.throwsAsync(place.open(), { code: 'E_WRONG_SECRET' });
});

for (const [what, code, tamper] of [
  ['a damaged config', 'E_OBJECT_AUTH', place => place.flip('config', 40)],
  ['an empty config', 'E_OBJECT_AUTH', place => place.change('config', () => new Uint8Array(0))],
  ['a missing config', 'E_MISSING', place => place.remote.missing('config')],
  ['a config that is listed and not there', 'E_MISSING', place => place.remote.unreadable('config')],
  [
    'a snapshot in the place of the config',
    'E_OBJECT_TYPE',
    place => place.change('config', () => place.bytesOf(place.keys('snapshots')[0] ?? '')),
  ],
  ['a damaged key file', 'E_OBJECT_ID', place => place.flip(place.keys('keys')[0] ?? '', 40)],
  ['a missing key file', 'E_MISSING', place => place.remote.missing(place.keys('keys')[0] ?? '')],
] as const satisfies readonly (readonly [string, string, (place: Scene) => void])[]) {
  row(12, `${what} stops opening with ${code}; an open session names it, goes on, and opens nothing new`, async t => {
    const place = await scene(t);
    const session = await place.open();
    const { keyFileId } = session.repository;
    const stored = new Map(['config', `keys/${keyFileId}`].map(key => [key, place.bytesOf(key)]));
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
    for (const [key, bytes] of stored) t.deepEqual(place.remote.objects.get(key), bytes);
    t.deepEqual(removedBesideOwnLocks(place.remote), []);
  });
}

for (const [what, code, config] of [
  ['version 1', 'E_VERSION', { version: 1, id: 'ab'.repeat(32), chunker_polynomial: '1' }],
  ['version 3', 'E_VERSION', { version: 3, id: 'ab'.repeat(32), chunker_polynomial: '1' }],
  ['version "2"', 'E_OBJECT_TYPE', { version: '2', id: 'ab'.repeat(32), chunker_polynomial: '1' }],
  ['no id', 'E_OBJECT_TYPE', { version: 2, chunker_polynomial: '1' }],
  ['an id that leads elsewhere', 'E_OBJECT_TYPE', { version: 2, id: '../config', chunker_polynomial: '1' }],
] as const) {
  row(12, `a config of ${what}, sealed under the right key: ${code}`, async t => {
    const place = await scene(t);
    const sealed = sealConfig(await masterKeyOf(place), fixedRandom(43), JSON.stringify(config));
    place.change('config', () => sealed);
    const { size } = place.remote.objects;
    await t.throwsAsync(place.open(), { code });
    t.is(place.remote.objects.size, size);
  });
}

row(
  12,
  'the config of another repository of the same owner: it opens under that id alone, and none of the heads is its',
  async t => {
    const place = await scene(t);
    const json = JSON.stringify({ version: 2, id: 'cd'.repeat(32), chunker_polynomial: '25b468838dcb75' });
    const honest = await place.open();
    const { id } = honest.repository;
    const other = sealConfig(await masterKeyOf(place), fixedRandom(44), json);
    place.change('config', () => other);
    t.true((await honest.verify()).problems.some(({ object, code }) => object === 'config' && code === 'E_OBJECT_ID'));
    await honest.close();
    const session = await place.open();
    t.not(session.repository.id, id, 'which the pinned id tells: E_REPO_MISMATCH in the machine’s own tests');
    const { heads, findings } = await session.history();
    t.is(heads.heads.length, 0, 'heads are bound to their repository');
    t.true(findings.some(({ code }) => code === 'E_ROLLBACK'));
    await session.close();
  },
);

test('a key file is 64 KiB at most, and a longer one is not even read', async t => {
  const place = await scene(t);
  const key = refile(place, new Uint8Array(64 * 1024 + 1).fill(0x20), 'keys');
  const session = await place.open();
  t.true(session.repository.problems.some(problem => problem.key === key && problem.code === 'E_OBJECT_LIMIT'));
  t.false(place.remote.calls.some(({ call, key: asked }) => call === 'get' && asked === key));
  await session.close();
});
