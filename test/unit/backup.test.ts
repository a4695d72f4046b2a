import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { jobBench, writeFiles } from '../support/job-bench.ts';

const heads = (objects: ReadonlyMap<string, Uint8Array>): number =>
  [...objects.keys()].filter(key => key.startsWith('signet/heads/')).length;

test('a snapshot that a crash left without a head gets one from the next backup, also when nothing has changed', async t => {
  const { remote, source, open } = await jobBench(t);
  const session = await open();
  writeFiles(source, { 'a.txt': 'one' });
  await session.backUp();
  writeFiles(source, { 'a.txt': 'two!' });
  const { put } = remote;
  remote.put = async (key, ...rest) => {
    if (key.startsWith('signet/heads/')) throw new SignetError('E_UNREACHABLE', 'the cable is out');
    return put(key, ...rest);
  };
  await t.throwsAsync(session.backUp(), { message: 'the cable is out' });
  remote.put = put;
  t.is(heads(remote.objects), 1);

  const next = await session.backUp();
  t.is(next.snapshot, undefined);
  t.is(heads(remote.objects), 2);
  t.is(next.witness.ownHead?.seq, 2);
  const { snapshot } = await session.restore();
  remote.objects.delete(`snapshots/${snapshot}`);
  t.deepEqual(
    (await session.backUp()).findings.map(each => each.code),
    ['E_WITHHELD'],
  );
  await session.close();
});

test('a clock that was ahead for one backup does not make that backup the newest for ever', async t => {
  const { clock, source, open } = await jobBench(t);
  const session = await open();
  const now = clock.now.bind(clock);
  writeFiles(source, { 'a.txt': 'of the wrong year' });
  clock.now = () => now() + 4 * 365 * 24 * 3600_000;
  await session.backUp();
  clock.now = now;
  writeFiles(source, { 'a.txt': 'of today' });
  const today = await session.backUp();
  const { snapshot, tree } = await session.restore('latest');
  t.is(snapshot, today.snapshot as typeof snapshot);
  t.is(tree.get('/a.txt'), Buffer.from('of today').toString('base64'));
  t.is((await session.backUp()).snapshot, undefined, 'compared with the one of the wrong year there would be a change');
  await session.close();
});

test('a place that lets nothing be removed is backed up to all the same', async t => {
  const { remote, source, open } = await jobBench(t);
  const session = await open();
  for (let n = 0; n < 34; n++) {
    if (n === 32) {
      remote.remove = async () => {
        throw new SignetError('E_REMOTE_DENIED', 'objects are kept');
      };
    }
    writeFileSync(join(source, 'a.txt'), `${n}`.repeat(n + 1));
    t.truthy((await session.backUp()).snapshot);
  }
  t.is(heads(remote.objects), 34);
  await session.close();
});
