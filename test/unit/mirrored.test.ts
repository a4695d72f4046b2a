import { createHash } from 'node:crypto';
import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import { mirrored } from '../../daemon/remotes/mirrored.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import { remoteContract } from '../contracts/remote.ts';
import { type Fault, faultyRemote } from '../support/faulty-remote.ts';

remoteContract('mirrored', async () => mirrored(createMemoryRemote(), () => [async () => createMemoryRemote()]));

const whole = Buffer.from('a pack');
const hash = createHash('sha256').update(whole).digest('hex');
const key = `data/${hash.slice(0, 2)}/${hash}`;
const maxBytes = 100;
const holding = (bytes: Uint8Array) => createMemoryRemote(new Map([[key, bytes]]));
const textOf = async (bytes: Promise<Uint8Array>) => Buffer.from(await bytes).toString();

function failing(code: ErrorCode): Remote {
  return {
    ...createMemoryRemote(),
    get: async () => {
      throw new SignetError(code, 'as asked');
    },
  };
}

for (const code of ['E_UNREACHABLE', 'E_SIGN_IN', 'E_REMOTE_LIMIT'] as const) {
  test(`what the place cannot give is read from a copy: ${code}`, async t => {
    const remote = mirrored(failing(code), () => [async () => createMemoryRemote(), async () => holding(whole)]);
    t.is(await textOf(remote.get(key, { maxBytes })), 'a pack');
    t.is(await textOf(remote.get(key, { maxBytes, offset: 2, length: 4 })), 'pack');
    await t.throwsAsync(remote.get(key, { maxBytes, copies: 'remote' }), { code });
  });
}

test('where no copy has it either, the place itself is to blame', async t => {
  const remote = mirrored(failing('E_UNREACHABLE'), () => [async () => createMemoryRemote()]);
  await t.throwsAsync(remote.get(key, { maxBytes }), { code: 'E_UNREACHABLE' });
});

test('a place that is away is tried as long as somebody would wait, then once, until it answers', async t => {
  const asked: (number | undefined)[] = [];
  let isAway = true;
  const main: Remote = {
    ...holding(whole),
    get: async (_key, options) => {
      asked.push(options.patienceMs);
      if (isAway) throw new SignetError('E_UNREACHABLE', 'as asked');
      return whole;
    },
  };
  let mirrors = [async () => holding(whole)];
  const remote = mirrored(main, () => mirrors);
  for (let reads = 0; reads < 2; reads++) t.is(await textOf(remote.get(key, { maxBytes })), 'a pack');
  isAway = false;
  for (let reads = 0; reads < 2; reads++) t.is(await textOf(remote.get(key, { maxBytes })), 'a pack');
  t.deepEqual(asked, [20_000, 0, 0, 20_000]);
  mirrors = [];
  await remote.get(key, { maxBytes });
  t.is(asked.at(-1), undefined, 'where there is no other, a job has time');
});

test('the bounds of a read are not a reason to ask the copies', async t => {
  let asked = 0;
  const remote = mirrored(holding(whole), () => [
    async () => {
      asked++;
      return holding(whole);
    },
  ]);
  await t.throwsAsync(remote.get(key, { maxBytes: 2 }), { code: 'E_OBJECT_LIMIT' });
  t.is(asked, 0);
});

test('the copies alone are asked on demand, and one that is damaged is passed over', async t => {
  const remote = mirrored(createMemoryRemote(), () => [
    async () => holding(Buffer.from('rotten')),
    async () => holding(whole),
  ]);
  t.is(await textOf(remote.get(key, { maxBytes, copies: 'mirror' })), 'a pack');
  const damaged = mirrored(holding(whole), () => [async () => holding(Buffer.from('rotten'))]);
  await t.throwsAsync(damaged.get(key, { maxBytes, copies: 'mirror' }), { code: 'E_OBJECT_ID' });
  const alone = mirrored(holding(whole), () => []);
  await t.throwsAsync(alone.get(key, { maxBytes, copies: 'mirror' }), { code: 'E_MISSING' });
});

test('a copy that cannot be opened is asked again the next time', async t => {
  let opens = 0;
  const remote = mirrored(failing('E_SIGN_IN'), () => [
    async () => {
      if (opens++ === 0) throw new SignetError('E_UNREACHABLE', 'not now');
      return holding(whole);
    },
  ]);
  await t.throwsAsync(remote.get(key, { maxBytes }), { code: 'E_SIGN_IN' });
  t.is(await textOf(remote.get(key, { maxBytes })), 'a pack');
});

test('what the place lost is told as lost, and had from a copy by who asks for that', async t => {
  const remote = mirrored(createMemoryRemote(), () => [async () => holding(whole)]);
  await t.throwsAsync(remote.get(key, { maxBytes }), { code: 'E_MISSING' });
  t.is(await textOf(remote.get(key, { maxBytes, copies: 'mirror' })), 'a pack');
});

test('writing, listing, asking and removing concern the place alone', async t => {
  const calls: string[] = [];
  const watch = (name: string, remote: Remote) =>
    faultyRemote(remote, (call, of): Fault => {
      calls.push(`${name} ${call} ${of}`);
      return undefined;
    });
  const copy = holding(whole);
  const remote = mirrored(watch('place', createMemoryRemote()), () => [async () => watch('copy', copy)]);
  await remote.put('config', whole);
  t.is(await remote.stat(key), undefined);
  for await (const entry of remote.list('')) t.is(entry.key, 'config');
  await remote.remove(key);
  t.deepEqual(calls, ['place put config', `place stat ${key}`, 'place list ', `place remove ${key}`]);
  t.true(copy.objects.has(key));
});
