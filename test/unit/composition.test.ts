// All decorators on each other, in the order of the daemon's engine: over a place that fails, is slow and asks for patience.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { sha256Hex } from '../../daemon/kernel/hash.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import { mirrored } from '../../daemon/remotes/mirrored.ts';
import type { NetworkRemote, Remote } from '../../daemon/remotes/remote.ts';
import { patience, retrying } from '../../daemon/remotes/retrying.ts';
import { driveRates, throttled } from '../../daemon/remotes/throttled.ts';
import { remoteContract } from '../contracts/remote.ts';
import { type Fault, faultyRemote } from '../support/faulty-remote.ts';
import { networked } from '../support/network-remote.ts';
import { bench, drivenClock, fileNode, fixedRandom, snapshotOf, temporaryFolder } from '../support/repository.ts';

const maxBytes = 1024 * 1024;

async function composed(t: ExecutionContext, adapter: NetworkRemote, mirrors: readonly Remote[] = []): Promise<Remote> {
  const clock = Object.assign(drivenClock(), { patienceMs: Number.POSITIVE_INFINITY });
  const limits = { uploadBytesPerSecond: () => 1_000_000, downloadBytesPerSecond: () => 1_000_000 };
  const polite = retrying(throttled(adapter, { clock, ...driveRates, ...limits }), {
    clock,
    random: () => 0.5,
    patienceMs: () => patience.jobMs,
  });
  const opened = mirrored(counted(polite), () => mirrors.map(mirror => async () => mirror));
  return cached(opened, join(await temporaryFolder(t), 'cache'));
}

/** Every third call fails before or after its work, and some of those ask for patience. */
function unsteady(remote: Remote): Remote {
  let calls = 0;
  const faults: readonly Fault[] = ['before', undefined, undefined, 'after', undefined, undefined];
  const flaky = faultyRemote(remote, () => faults[calls++ % faults.length]);
  return {
    ...flaky,
    async get(key, options) {
      if (calls % 4 !== 3) return flaky.get(key, options);
      calls++;
      throw new SignetError('E_UNREACHABLE', 'slower (injected)', { params: { retryAfterMs: 5000 } });
    },
  };
}

remoteContract('composed', async t => composed(t, networked(createMemoryRemote())));
remoteContract('composed over an unsteady place', async t => composed(t, networked(unsteady(createMemoryRemote()))));
remoteContract('a folder, counted and cached', async t =>
  cached(counted(createFolderRemote(await temporaryFolder(t))), join(await temporaryFolder(t), 'cache')),
);

test('a repository in an unsteady place is written and read whole', async t => {
  const memory = createMemoryRemote();
  const remote = await composed(t, networked(unsteady(memory)));
  const place = await bench(t, { remote });
  place.clock.patienceMs = Number.POSITIVE_INFINITY;
  const repository = await place.create();
  const content = fixedRandom(3)(700_000);
  const { id } = await repository.saveBlob('data', content);
  const tree = await repository.saveTree([fileNode('file', { content: [id], sizeBytes: content.length })]);
  await repository.commitIndex();
  await repository.saveSnapshot(snapshotOf(tree.id));
  await repository.close();
  const again = await place.open();
  await again.readIndex();
  t.is((await again.snapshots()).size, 1);
  t.deepEqual(Buffer.from(await again.loadBlob('data', id)), Buffer.from(content));
  for (const pack of again.packIds()) t.deepEqual(await again.checkPackData(pack), []);
  t.deepEqual(again.problems, []);
  await again.close();
});

test('requests are those that were sent, tries included, and bytes those that were wanted', async t => {
  const adapter = networked(unsteady(createMemoryRemote()));
  const remote = await composed(t, adapter);
  const bytes = randomBytes(10_000);
  const key = `index/${sha256Hex(bytes)}`;
  for (let i = 0; i < 5; i++) await remote.put(key, bytes);
  t.is(remote.traffic?.bytesUploaded, 50_000);
  t.is(remote.traffic?.requests, adapter.requests());
  t.true(adapter.requests() > 5);
});

test('what is put to be kept is kept once it is in the place, and read from there no more', async t => {
  const adapter = networked(createMemoryRemote());
  const remote = await composed(t, adapter);
  const bytes = randomBytes(10_000);
  const id = sha256Hex(bytes);
  const path = join(await temporaryFolder(t), 'pack');
  await writeFile(path, bytes);
  const key = `data/${id.slice(0, 2)}/${id}`;
  await remote.put(key, { path, sizeBytes: bytes.length }, { keep: true });
  t.deepEqual(Buffer.from(await remote.get(key, { maxBytes })), bytes);
  t.deepEqual(adapter.calls, ['put data']);
});

test('while the place is away copies of this computer and mirrors serve, and only checks say so', async t => {
  const bytes = randomBytes(500);
  const id = sha256Hex(bytes);
  const key = `index/${id}`;
  const mirror = createMemoryRemote(new Map([[key, bytes]]));
  const away = faultyRemote(createMemoryRemote(), () => 'before');
  const remote = await composed(t, networked(away), [mirror]);
  t.deepEqual(Buffer.from(await remote.get(key, { maxBytes, keep: true })), bytes);
  mirror.objects.clear();
  t.deepEqual(Buffer.from(await remote.get(key, { maxBytes })), bytes, 'a copy was kept');
  await t.throwsAsync(remote.get(key, { maxBytes, copies: 'remote' }), { code: 'E_UNREACHABLE' });
});
