// What every remote must do, whatever it stores objects in. A new adapter is one small test file that calls this.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import { temporaryFolder } from '../support/repository.ts';

const test = anyTest as TestFn;

async function listed(remote: Remote, folder: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key, sizeBytes } of remote.list(folder)) keys.push(`${key} ${sizeBytes}`);
  return keys.sort();
}

/**
 * Declares the tests.
 *
 * @param name begins each title
 * @param make a new, empty, reachable remote
 */
export function remoteContract(name: string, make: (t: ExecutionContext) => Promise<Remote>): void {
  const maxBytes = 64 * 1024 * 1024;

  test(`${name}: an object comes back as it was put`, async t => {
    const remote = await make(t);
    const bytes = randomBytes(300_001);
    await remote.put('data/3f/3fab', bytes);
    t.deepEqual(Buffer.from(await remote.get('data/3f/3fab', { maxBytes })), bytes);
    t.like(await remote.stat('data/3f/3fab'), { key: 'data/3f/3fab', sizeBytes: 300_001 }); // some places tell a hash, too
  });

  test(`${name}: an empty object is an object`, async t => {
    const remote = await make(t);
    await remote.put('index/empty', new Uint8Array(0));
    t.is((await remote.get('index/empty', { maxBytes: 0 })).length, 0);
    t.is((await remote.stat('index/empty'))?.sizeBytes, 0);
  });

  test(`${name}: the caller may reuse the bytes it put`, async t => {
    const remote = await make(t);
    const bytes = Buffer.from('before');
    await remote.put('keys/a', bytes);
    bytes.fill(0);
    t.is(Buffer.from(await remote.get('keys/a', { maxBytes })).toString(), 'before');
  });

  test(`${name}: a file is put as its bytes`, async t => {
    const remote = await make(t);
    const path = join(await temporaryFolder(t), 'pack');
    const bytes = randomBytes(5 * 1024 * 1024 + 3);
    await writeFile(path, bytes);
    await remote.put('data/aa/aabb', { path, sizeBytes: bytes.length });
    t.true(bytes.equals(await remote.get('data/aa/aabb', { maxBytes })));
  });

  test(`${name}: a file of another size than told is refused and leaves nothing`, async t => {
    const remote = await make(t);
    const path = join(await temporaryFolder(t), 'pack');
    await writeFile(path, 'short');
    await t.throwsAsync(remote.put('data/aa/aabb', { path, sizeBytes: 50 }));
    t.deepEqual(await listed(remote, ''), []);
  });

  test(`${name}: putting the same bytes again changes nothing`, async t => {
    const remote = await make(t);
    await remote.put('index/one', utf8('one'));
    await remote.put('index/one', utf8('one'));
    t.deepEqual(await listed(remote, ''), ['index/one 3']);
  });

  for (const [offset, length] of [
    [0, 1],
    [0, 100],
    [99, 1],
    [100, 0],
    [37, 5],
  ] as const) {
    test(`${name}: ${length} bytes from ${offset} on are those bytes`, async t => {
      const remote = await make(t);
      const bytes = randomBytes(100);
      await remote.put('data/aa/range', bytes);
      const part = await remote.get('data/aa/range', { offset, length, maxBytes: length });
      t.deepEqual(Buffer.from(part), bytes.subarray(offset, offset + length));
    });
  }

  for (const [offset, length] of [
    [0, 101],
    [100, 1],
    [99, 2],
    [101, 0],
  ] as const) {
    test(`${name}: ${length} bytes from ${offset} on of 100 are missing`, async t => {
      const remote = await make(t);
      await remote.put('data/aa/range', randomBytes(100));
      await t.throwsAsync(remote.get('data/aa/range', { offset, length, maxBytes }), { code: 'E_MISSING' });
    });
  }

  test(`${name}: an object larger than the caller takes is refused before it is read`, async t => {
    const remote = await make(t);
    await remote.put('index/large', randomBytes(1000));
    await t.throwsAsync(remote.get('index/large', { maxBytes: 999 }), { code: 'E_OBJECT_LIMIT' });
    t.is((await remote.get('index/large', { maxBytes: 1000 })).length, 1000);
  });

  test(`${name}: it answers for itself and has no mirrors`, async t => {
    const remote = await make(t);
    await remote.put('config', utf8('x'));
    t.is((await remote.get('config', { maxBytes, copies: 'remote' })).length, 1);
    await t.throwsAsync(remote.get('config', { maxBytes, copies: 'mirror' }), { code: 'E_MISSING' });
  });

  test(`${name}: an object that is not there is missing, has no size, and can be removed`, async t => {
    const remote = await make(t);
    await t.throwsAsync(remote.get('config', { maxBytes }), { code: 'E_MISSING' });
    await t.throwsAsync(remote.get('data/aa/none', { maxBytes }), { code: 'E_MISSING' });
    t.is(await remote.stat('config'), undefined);
    t.is(await remote.stat('data/aa/none'), undefined);
    await t.notThrowsAsync(remote.remove('data/aa/none'));
  });

  test(`${name}: a removed object is gone and others stay`, async t => {
    const remote = await make(t);
    await remote.put('locks/a', utf8('a'));
    await remote.put('locks/b', utf8('bb'));
    await remote.remove('locks/a');
    t.is(await remote.stat('locks/a'), undefined);
    t.deepEqual(await listed(remote, 'locks'), ['locks/b 2']);
  });

  test(`${name}: a folder lists all below it and nothing beside it`, async t => {
    const remote = await make(t);
    for (const key of ['config', 'data/aa/1', 'data/ab/2', 'data-x', 'signet/heads/dev/1-a', 'signet/vault/v']) {
      await remote.put(key, utf8(key));
    }
    t.deepEqual(await listed(remote, 'data'), ['data/aa/1 9', 'data/ab/2 9']);
    t.deepEqual(await listed(remote, 'signet/heads'), ['signet/heads/dev/1-a 20']);
    t.deepEqual(await listed(remote, 'snapshots'), []);
    t.is((await listed(remote, '')).length, 6);
  });

  test(`${name}: thousands of objects are listed each once`, async t => {
    const remote = await make(t);
    const keys = Array.from({ length: 700 }, (_, i) => `index/${i.toString(16).padStart(4, '0')}`);
    await Promise.all(keys.map(key => remote.put(key, utf8('x'))));
    t.deepEqual(await listed(remote, 'index'), keys.map(key => `${key} 1`).sort());
  });

  for (const key of [
    '',
    '/etc/x',
    '../x',
    'data/../../x',
    'data//x',
    'data/./x',
    'data/x\0',
    'data\\x',
    'a/..',
    'data/.tmp-1',
    'data/é',
  ]) {
    test(`${name}: ${JSON.stringify(key)} is no key`, async t => {
      const remote = await make(t);
      await t.throwsAsync(remote.put(key, utf8('x')), { code: 'E_USAGE' });
      await t.throwsAsync(remote.get(key, { maxBytes }), { code: 'E_USAGE' });
      await t.throwsAsync(remote.stat(key), { code: 'E_USAGE' });
      await t.throwsAsync(remote.remove(key), { code: 'E_USAGE' });
      t.deepEqual(await listed(remote, ''), []);
    });
  }

  test(`${name}: an aborted call does nothing`, async t => {
    const remote = await make(t);
    const signal = AbortSignal.abort();
    await t.throwsAsync(remote.put('config', utf8('x'), { signal }), { name: 'AbortError' });
    await t.throwsAsync(remote.get('config', { maxBytes, signal }), { name: 'AbortError' });
    t.deepEqual(await listed(remote, ''), []);
  });
}
