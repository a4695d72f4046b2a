import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { readCopies } from '../../daemon/repository/copies.ts';
import type { BlobId, ObjectProblem } from '../../daemon/repository/model.ts';
import { networked } from '../support/network-remote.ts';
import { type Bench, bench, fileNode, fixedRandom, snapshotOf, temporaryFolder } from '../support/repository.ts';

const key = 'index/a';

/** A place whose mirror is another map of objects. */
function withMirror(place: MemoryRemote, mirror: Pick<Remote, 'get'>): MemoryRemote {
  return {
    ...place,
    get: (asked, options) =>
      options.copies === 'mirror' ? mirror.get(asked, { ...options, copies: 'any' }) : place.get(asked, options),
  };
}

/** What each copy holds: good bytes, bad ones, or none. */
function reading(copies: Readonly<Record<'any' | 'remote' | 'mirror', 'good' | 'bad' | 'none' | 'away'>>) {
  const asked: string[] = [];
  const problems: ObjectProblem[] = [];
  const remote: Pick<Remote, 'get'> = {
    async get(name, { copies: which = 'any' }) {
      asked.push(which);
      const code = ({ none: 'E_MISSING', away: 'E_UNREACHABLE', good: undefined, bad: undefined } as const)[
        copies[which]
      ];
      if (code !== undefined) throw new SignetError(code, `${name} in ${which}`);
      return new TextEncoder().encode(`${copies[which]} ${which}`);
    },
  };
  const judge = (bytes: Uint8Array): string => {
    const text = new TextDecoder().decode(bytes);
    if (text.startsWith('bad')) throw new SignetError('E_OBJECT_AUTH', text);
    return text;
  };
  const report = (problem: ObjectProblem): void => void problems.push(problem);
  return { asked, problems, read: () => readCopies({ remote, report }, { key, judge, maxBytes: 100 }) };
}

test('what is good at hand is read once', async t => {
  const { read, asked, problems } = reading({ any: 'good', remote: 'bad', mirror: 'bad' });
  t.is(await read(), 'good any');
  t.deepEqual(asked, ['any']);
  t.deepEqual(problems, []);
});

test('what is damaged at hand is read from the place, and nobody is told', async t => {
  const { read, asked, problems } = reading({ any: 'bad', remote: 'good', mirror: 'good' });
  t.is(await read(), 'good remote');
  t.deepEqual(asked, ['any', 'remote']);
  t.deepEqual(problems, []);
});

test('what the place has damaged or lost is had from a mirror, and the place is told of', async t => {
  const damaged = reading({ any: 'bad', remote: 'bad', mirror: 'good' });
  t.is(await damaged.read(), 'good mirror');
  t.deepEqual(damaged.problems, [{ key, code: 'E_OBJECT_AUTH', detail: 'bad remote', isInMirror: true }]);
  const lost = reading({ any: 'none', remote: 'none', mirror: 'good' });
  t.is(await lost.read(), 'good mirror');
  t.deepEqual(lost.asked, ['any', 'mirror']);
  t.deepEqual(lost.problems, [{ key, code: 'E_MISSING', detail: 'index/a in any', isInMirror: true }]);
});

test('where no copy is good the place is told of, whatever the mirror said', async t => {
  for (const mirror of ['bad', 'none', 'away'] as const) {
    const { read, problems } = reading({ any: 'bad', remote: 'none', mirror });
    await t.throwsAsync(read(), { code: 'E_MISSING', message: 'index/a in remote' });
    t.deepEqual(problems, []);
  }
});

test('a place that does not answer is no damage: nothing else is asked', async t => {
  const { read, asked } = reading({ any: 'away', remote: 'good', mirror: 'good' });
  await t.throwsAsync(read(), { code: 'E_UNREACHABLE' });
  t.deepEqual(asked, ['any']);
  const later = reading({ any: 'bad', remote: 'away', mirror: 'good' });
  await t.throwsAsync(later.read(), { code: 'E_UNREACHABLE' });
});

// Through a repository.

async function mirrored(
  t: ExecutionContext,
): Promise<{ main: MemoryRemote; mirror: MemoryRemote; place: Bench; tree: BlobId; data: BlobId }> {
  const main = createMemoryRemote();
  const mirror = createMemoryRemote();
  const place = await bench(t, { remote: withMirror(main, mirror) });
  const repository = await place.create();
  const { id: data } = await repository.saveBlob('data', fixedRandom(5)(50_000));
  const tree = await repository.saveTree([fileNode('file', { content: [data], sizeBytes: 50_000 })]);
  await repository.commitIndex();
  await repository.saveSnapshot(snapshotOf(tree.id));
  await repository.close();
  for (const [name, bytes] of main.objects) mirror.objects.set(name, new Uint8Array(bytes));
  return { main, mirror, place, tree: tree.id, data };
}

const damages = {
  'are damaged': (bytes: Uint8Array) => bytes.fill(1, Math.floor(bytes.length / 3), Math.ceil(bytes.length / 2)),
  'are cut short': (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 3),
};

for (const [what, damage] of Object.entries(damages)) {
  test(`a repository whose objects ${what} is read from its mirror, and each is named`, async t => {
    const { main, place, tree, data } = await mirrored(t);
    for (const [name, bytes] of main.objects) main.objects.set(name, damage(new Uint8Array(bytes)));
    const repository = await place.open();
    await repository.readIndex();
    t.is((await repository.snapshots()).size, 1);
    t.is((await repository.loadTree(tree)).length, 1);
    t.deepEqual(Buffer.from(await repository.loadBlob('data', data)), Buffer.from(fixedRandom(5)(50_000)));
    t.true(repository.problems.every(({ isInMirror }) => isInMirror));
    t.deepEqual([...new Set(repository.problems.map(({ key: name }) => name))].sort(), [...main.objects.keys()].sort());
    await repository.close();
  });
}

test('what the mirror lacks as well is told as it was found in the place', async t => {
  const { main, mirror, place, data } = await mirrored(t);
  mirror.objects.clear();
  const repository = await place.open();
  await repository.readIndex();
  for (const [name, bytes] of main.objects) if (name.startsWith('data/')) bytes.fill(1);
  await t.throwsAsync(repository.loadBlob('data', data), { code: 'E_OBJECT_AUTH' });
  t.deepEqual(
    [...new Set(repository.problems.map(each => `${each.code} ${each.isInMirror}`))],
    ['E_OBJECT_AUTH undefined'],
  );
  await repository.close();
});

test('checking a place takes neither its mirror nor copies on this computer for it', async t => {
  const { main, place } = await mirrored(t);
  const repository = await place.open({ remote: await cached(place.remote, join(await temporaryFolder(t), 'cache')) });
  await repository.readIndex();
  await repository.snapshots();
  for (const bytes of main.objects.values()) bytes.fill(1);
  const single = await repository.checkSingleObjects();
  const packs = await Promise.all(repository.packIds().map(id => repository.checkPackData(id)));
  t.deepEqual([...new Set([...single, ...packs.flat()].map(each => each.key))].sort(), [...main.objects.keys()].sort());
  await repository.close();
});

test('a damaged copy of trees on this computer costs one read and heals', async t => {
  const { place, tree } = await mirrored(t);
  const folder = join(await temporaryFolder(t), 'cache');
  const called = networked(place.remote);
  const reads = async (): Promise<number> => {
    called.forget();
    const repository = await place.open({ remote: await cached(called, folder) });
    await repository.readIndex();
    await repository.loadTree(tree);
    await repository.close();
    t.deepEqual(repository.problems, []);
    return called.calls.filter(call => call === 'get data').length;
  };
  t.is(await reads(), 1);
  t.is(await reads(), 0);
  for (const name of await readdir(join(folder, 'packs'))) {
    await writeFile(join(folder, 'packs', name), fixedRandom(9)(70_000));
  }
  t.is(await reads(), 1);
  t.is(await reads(), 0);
});
