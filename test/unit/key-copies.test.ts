import test from 'ava';
import { isCode } from '../../daemon/base/errors.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import { keyFromCopies, renewCopies } from '../../daemon/repository/repository.ts';
import { bench, recoveryKey } from '../support/repository.ts';

const label = 'signet/credentials/v1';
const another = new Uint8Array(32).fill(8);

test('copies and the recovery key give the same keys as the repository itself', async t => {
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const copies = createMemoryRemote();
  await renewCopies(remote, copies, repository.keyFileId);
  t.deepEqual(await keyFromCopies(copies, recoveryKey, label), repository.deriveKey(label));
  t.deepEqual([...copies.objects.keys()].sort(), ['config', `keys/${repository.keyFileId}`]);
});

test('another recovery key opens the copies as little as the repository', async t => {
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const copies = createMemoryRemote();
  await renewCopies(remote, copies, repository.keyFileId);
  await t.throwsAsync(keyFromCopies(copies, another, label), { code: 'E_WRONG_SECRET' });
});

test('after a renewal the new recovery key opens the copies and the old one does not', async t => {
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const copies = createMemoryRemote();
  await renewCopies(remote, copies, repository.keyFileId);
  const renewed = await repository.prepareKeyFile(another);
  await renewed.write();
  await renewCopies(remote, copies, renewed.id);
  t.deepEqual(await keyFromCopies(copies, another, label), repository.deriveKey(label));
  await t.throwsAsync(keyFromCopies(copies, recoveryKey, label), { code: 'E_WRONG_SECRET' });
});

test('what is copied already is not asked for again', async t => {
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const copies = createMemoryRemote();
  await renewCopies(remote, copies, repository.keyFileId);
  const untouched = { get: () => t.fail() as never };
  await t.notThrowsAsync(renewCopies(untouched, copies, repository.keyFileId));
});

test('a key file that does not hash to its name is not copied', async t => {
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const copies = createMemoryRemote();
  remote.objects.get(`keys/${repository.keyFileId}`)?.fill(0, 0, 1);
  await t.throwsAsync(renewCopies(remote, copies, repository.keyFileId), { code: 'E_OBJECT_ID' });
});

test('without copies there are no keys, and damaged ones are named', async t => {
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const copies = createMemoryRemote();
  await t.throwsAsync(keyFromCopies(copies, recoveryKey, label), { code: 'E_NOT_FOUND' });
  await renewCopies(remote, copies, repository.keyFileId);
  copies.objects.get('config')?.fill(1, 0, 4);
  const error = await t.throwsAsync(keyFromCopies(copies, recoveryKey, label));
  t.true(isCode(error, 'E_OBJECT_AUTH') || isCode(error, 'E_OBJECT_TYPE'));
});
