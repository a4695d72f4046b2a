import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { SignetError } from '../../daemon/base/errors.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { copiedKind, type OwnFolder, writeOrder } from '../../daemon/repository/own-objects.ts';
import { copyPlace, inspectPlace, inspectTarget, listPlace, planCopy } from '../../daemon/repository/repository.ts';
import { type Fault, faultyRemote } from '../support/faulty-remote.ts';
import { temporaryFolder } from '../support/repository.ts';

const config = Buffer.from('the config of this place');
const folders: readonly OwnFolder[] = ['data', 'index', 'snapshots', 'signet/heads', 'signet/vault', 'keys'];

/** The key under which these bytes lie in the folder. */
function keyOf(folder: OwnFolder, bytes: Uint8Array): string {
  const hash = createHash('sha256').update(bytes).digest('hex');
  switch (folder) {
    case 'data':
      return `data/${hash.slice(0, 2)}/${hash}`;
    case 'signet/heads':
      return `signet/heads/0011223344556677/12-${hash}`;
    case 'signet/vault':
      return `signet/vault/${hash}.json`;
    default:
      return `${folder}/${hash}`;
  }
}

function placeWith(texts: readonly string[], hasConfig = true): MemoryRemote {
  const remote = createMemoryRemote();
  for (const [at, text] of texts.entries()) {
    const bytes = Buffer.from(text);
    remote.objects.set(keyOf(folders[at % folders.length] ?? 'data', bytes), bytes);
  }
  if (hasConfig) remote.objects.set('config', config);
  return remote;
}

async function copy(
  t: ExecutionContext,
  from: Remote,
  to: Remote,
  changes: Partial<Parameters<typeof copyPlace>[0]> = {},
) {
  return copyPlace({
    from,
    to,
    isGenuine: (key, stored) => key !== 'config' || config.equals(stored),
    temporaryFolder: join(await temporaryFolder(t), 'copies'),
    onProgress: () => undefined,
    signal: new AbortController().signal,
    ...changes,
  });
}

const stageOf = (kind: ReturnType<typeof copiedKind>): number => (kind === undefined ? -1 : writeOrder.indexOf(kind));
const some = Array.from({ length: 14 }, (_, at) => `object ${at}`);
const sorted = (remote: MemoryRemote) =>
  [...remote.objects].map(([key, bytes]) => [key, Buffer.from(bytes).toString()]).sort();

test('a plan names what the other place lacks or holds otherwise, in write order, and nothing else', async t => {
  const names = fc.uniqueArray(fc.string({ maxLength: 6 }), { maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(names, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), async (texts, fates) => {
      const from = placeWith(texts);
      const to = createMemoryRemote();
      const wanted = new Set<string>();
      for (const [key, bytes] of from.objects) {
        const fate = fates.next().value;
        if (fate === 0) to.objects.set(key, bytes);
        else wanted.add(key);
        if (fate === 1) to.objects.set(key, Buffer.concat([bytes, Buffer.from('x')]));
      }
      const extra = keyOf('data', Buffer.from('only there, and longer than the others'));
      to.objects.set(extra, Buffer.from('only there, and longer than the others'));
      const plan = planCopy(await listPlace(from), await listPlace(to));
      t.deepEqual(plan.entries.map(({ key }) => key).sort(), [...wanted].sort());
      t.deepEqual(plan.onlyThere, [extra]);
      t.is(
        plan.bytes,
        [...wanted].reduce((sum, key) => sum + (from.objects.get(key)?.length ?? 0), 0),
      );
      const stages = plan.entries.map(({ key }) => stageOf(copiedKind(key)));
      t.deepEqual(
        stages,
        stages.toSorted((a, b) => a - b),
      );
    }),
  );
});

test('whatever fails on the way, doing it again ends with both places holding the same, and config comes last', async t => {
  const names = fc.uniqueArray(fc.string({ maxLength: 6 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(names, fc.infiniteStream(fc.integer({ min: 0, max: 9 })), async (texts, dice) => {
      const from = placeWith(texts);
      const to = createMemoryRemote();
      let luck = 40; // then the weather is fine
      const fault = (): Fault => {
        const thrown = luck-- > 0 ? dice.next().value : 9;
        return thrown === 0 ? 'before' : thrown === 1 ? 'after' : undefined;
      };
      for (;;) {
        try {
          const { damaged } = await copy(t, faultyRemote(from, fault), faultyRemote(to, fault));
          t.deepEqual(damaged, []);
          break;
        } catch (error) {
          t.is((error as SignetError).code, 'E_UNREACHABLE');
          if (to.objects.has('config')) t.deepEqual(sorted(to), sorted(from), 'with a config it is whole');
        }
      }
      t.deepEqual(sorted(to), sorted(from));
    }),
    { numRuns: 40 },
  );
});

test('nothing is written before what it stands on', async t => {
  const from = placeWith(some);
  const to = createMemoryRemote();
  const kinds: ReturnType<typeof copiedKind>[] = [];
  const watched = faultyRemote(to, (call, key) => {
    if (call === 'put') kinds.push(copiedKind(key));
    return undefined;
  });
  const { objects, bytes } = await copy(t, from, watched);
  t.is(objects, from.objects.size);
  t.is(
    bytes,
    [...from.objects.values()].reduce((sum, each) => sum + each.length, 0),
  );
  const order = kinds.map(stageOf);
  t.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  t.is(kinds.at(-1), 'config');
});

test('locks and what is not ours stay where they are', async t => {
  const from = placeWith(some);
  const whole = sorted(from);
  from.objects.set(`locks/${'ab'.repeat(32)}`, Buffer.from('a lock'));
  from.objects.set('holiday.jpg', Buffer.from('a photo'));
  from.objects.set(`data/3f/${'ab'.repeat(32)} (conflicted copy)`, Buffer.from('a conflict'));
  const to = createMemoryRemote();
  await copy(t, from, to);
  t.deepEqual(sorted(to), whole);
});

test('a damaged object is named, is not passed on, and stops nothing', async t => {
  const from = placeWith(some);
  const [bad = '', gone = ''] = [...from.objects.keys()].filter(key => key.startsWith('data/'));
  from.objects.set(bad, Buffer.from('rotten'));
  const hiding = faultyRemote(from, () => undefined);
  const to = createMemoryRemote();
  const { damaged } = await copy(
    t,
    { ...hiding, get: (key, options) => (key === gone ? from.get('nowhere', options) : from.get(key, options)) },
    to,
  );
  t.deepEqual(damaged.map(({ key, code }) => `${code} ${key}`).sort(), [`E_MISSING ${gone}`, `E_OBJECT_ID ${bad}`]);
  const rest = [...from.objects.keys()].filter(key => key !== bad && key !== gone);
  t.deepEqual([...to.objects.keys()].sort(), rest.sort());
});

test('a config that is not of this place is not passed on', async t => {
  const from = placeWith(some);
  from.objects.set('config', Buffer.from('another config'));
  const to = createMemoryRemote();
  const { damaged } = await copy(t, from, to);
  t.deepEqual(
    damaged.map(({ key }) => key),
    ['config'],
  );
  t.false(to.objects.has('config'));
});

test('what is damaged in the place is taken from its mirrors', async t => {
  const from = placeWith(some);
  const whole = sorted(from);
  const mirror = createMemoryRemote(new Map(from.objects));
  const [bad = ''] = [...from.objects.keys()];
  from.objects.set(bad, Buffer.from('rotten'));
  const to = createMemoryRemote();
  const asked: string[] = [];
  const both: Remote = {
    ...from,
    get(key, options) {
      if (options.copies !== 'mirror') return from.get(key, options);
      asked.push(key);
      return mirror.get(key, { ...options, copies: 'any' });
    },
  };
  const { damaged } = await copy(t, both, to);
  t.deepEqual([damaged, asked], [[], [bad]]);
  t.deepEqual(sorted(to), whole);
});

test('where the two differ and the second is the whole one, it stays', async t => {
  const from = placeWith(some);
  const to = createMemoryRemote(new Map(from.objects));
  const whole = sorted(to);
  const [bad = ''] = [...from.objects.keys()];
  from.objects.set(bad, Buffer.from('cut'));
  t.deepEqual((await copy(t, from, to)).damaged, []);
  t.deepEqual(sorted(to), whole);
});

test('what another computer writes meanwhile is taken along', async t => {
  const from = placeWith(some);
  const to = createMemoryRemote();
  const late = Buffer.from('late');
  const busy = faultyRemote(to, call => {
    if (call === 'put') from.objects.set(keyOf('index', late), late);
    return undefined;
  });
  await copy(t, from, busy);
  t.deepEqual(sorted(to), sorted(from));
});

test('a place that does not show what was put there is not taken for a copy', async t => {
  const to = createMemoryRemote();
  const forgetful: Remote = { ...to, put: async () => undefined };
  const error = await t.throwsAsync(copy(t, placeWith(some), forgetful), { instanceOf: SignetError });
  t.deepEqual([error?.code, error?.retryable], ['E_MISSING', true]);
});

test('a large pack passes through a private file that is gone afterwards, in pieces', async t => {
  const bytes = Buffer.alloc(33 * 1024 * 1024, 'pack');
  const from = createMemoryRemote(
    new Map([
      [keyOf('data', bytes), bytes],
      ['config', config],
    ]),
  );
  const to = createMemoryRemote();
  const temporaryFolder_ = join(await temporaryFolder(t), 'copies');
  const largest: number[] = [];
  const watched: Remote = {
    ...to,
    async put(key, body, options) {
      if (!(body instanceof Uint8Array)) {
        largest.push(body.sizeBytes);
        t.true(existsSync(body.path));
      }
      await to.put(key, body, options);
    },
  };
  await copy(t, from, watched, { temporaryFolder: temporaryFolder_ });
  t.deepEqual(largest, [bytes.length]);
  t.true(Buffer.from(to.objects.get(keyOf('data', bytes)) ?? []).equals(bytes));
  t.deepEqual(readdirSync(temporaryFolder_), []);

  from.objects.set(keyOf('data', bytes), Buffer.alloc(bytes.length, 'rots'));
  const { damaged } = await copy(t, from, createMemoryRemote(), { temporaryFolder: temporaryFolder_ });
  t.deepEqual(
    damaged.map(({ code }) => code),
    ['E_OBJECT_ID'],
  );
  t.deepEqual(readdirSync(temporaryFolder_), []);
});

test('cancelling ends it at the next object, and doing it again goes on from there', async t => {
  const from = placeWith(some);
  const to = createMemoryRemote();
  const controller = new AbortController();
  const why = new SignetError('E_CANCELLED', 'enough');
  const stopping = faultyRemote(to, call => {
    if (call === 'put' && to.objects.size === 4) controller.abort(why);
    return undefined;
  });
  t.is(await t.throwsAsync(copy(t, from, stopping, { signal: controller.signal })), why);
  t.true(to.objects.size < 8);
  const before = to.objects.size;
  t.is((await copy(t, from, to)).objects, from.objects.size - before);
  t.deepEqual(sorted(to), sorted(from));
});

test('progress counts objects and bytes up to all of them', async t => {
  const from = placeWith(some);
  const steps: string[] = [];
  await copy(t, from, createMemoryRemote(), {
    onProgress: ({ objectsDone, objectsTotal, bytesDone, bytesTotal }) =>
      steps.push(`${objectsDone}/${objectsTotal} ${bytesDone === bytesTotal}`),
  });
  t.is(steps.length, from.objects.size);
  t.is(steps.at(-1), `${from.objects.size}/${from.objects.size} true`);
});

const source = placeWith(some);
const [aPack = ''] = source.objects.keys();
const foreignPack = Buffer.from('of another repository');
const places = {
  'an empty place': [[], 'empty'],
  'what systems leave in folders': [[['.DS_Store', 'x']], 'empty'],
  'what a set-up that broke off left': [[[keyOf('keys', Buffer.from('k')), 'k']], 'empty'],
  'this very repository': [[['config', config]], 'same'],
  'a part of this repository': [[[aPack, source.objects.get(aPack) ?? '']], 'unfinished'],
  'a part of it and something of another time': [
    [
      [aPack, source.objects.get(aPack) ?? ''],
      [keyOf('data', foreignPack), foreignPack],
    ],
    'unfinished',
  ],
  'another repository': [[['config', 'another']], 'repository'],
  'a part of another one': [[[keyOf('data', foreignPack), foreignPack]], 'repository'],
  'other things': [[['holiday.jpg', 'x']], 'other'],
} as const satisfies Record<string, readonly [readonly (readonly [string, string | Uint8Array])[], string]>;

for (const [name, [objects, state]] of Object.entries(places)) {
  test(`${name}: ${state}`, async t => {
    const remote = createMemoryRemote(new Map(objects.map(([key, content]) => [key, Buffer.from(content)])));
    t.is(await inspectTarget(remote, await listPlace(source), stored => config.equals(stored)), state);
  });
}

test('a copy that broke off before its config counts as no backup that could be joined', async t => {
  const from = placeWith(some);
  const to = createMemoryRemote();
  const broken = faultyRemote(to, (call, key) => (call === 'put' && key === 'config' ? 'before' : undefined));
  await t.throwsAsync(copy(t, from, broken));
  t.false(to.objects.has('config'));
  t.is(await inspectPlace(to), 'repository', 'and yet nothing is ever created over it');
  t.is(await inspectTarget(to, await listPlace(from), stored => config.equals(stored)), 'unfinished');
});
