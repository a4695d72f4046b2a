// Stopping for good, on a whole machine in this process: the copies go, the chats stay, and this computer is not set up any more.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { SignetError } from '../../daemon/base/errors.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { treeOf } from '../support/archive.ts';
import { refuseRemoval } from '../support/dying-disk.ts';
import {
  call,
  copyOf,
  given,
  type Machine,
  password,
  phone,
  setUpMachine,
  startMachine,
} from '../support/key-bench.ts';
import { bench, snapshotOf } from '../support/repository.ts';
import { temporaryFolder } from '../support/temporary-home.ts';
import { fails } from '../support/vault-kit.ts';

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.before(() => setUpMachine(template));
test.after.always(() => rmSync(template, { recursive: true, force: true }));

async function machine(t: ExecutionContext, folder?: string): Promise<Machine> {
  const made = await startMachine(folder ?? (await copyOf(t, template)));
  t.teardown(() => made.end());
  return made;
}

const remove = ({ jobs }: Machine, name = 'copies', secrets = given({ password })) =>
  jobs.deleting.delete(name, secrets, call);

test('the copies are deleted, the chats stay, and nothing of the backup is told or kept here', async t => {
  const made = await machine(t);
  const chats = treeOf(join(made.folder, 'chats'));
  await made.jobs.unlock(given({ password }));
  await made.jobs.verifying.verify(0, call);
  const { objects, bytes } = await remove(made);
  t.true(objects > 5 && bytes > 0);
  t.false(existsSync(join(made.folder, 'copies', 'config')));
  t.deepEqual(treeOf(join(made.folder, 'chats')), chats);
  const isGone = ({ jobs, state }: Machine): void => {
    const { vault, sources, lastBackup, lastGoodAt, repository, phoneEnding, devices, lastVerified, dates } =
      jobs.status();
    t.deepEqual([vault, sources, lastBackup, lastGoodAt], ['absent', [], null, null]);
    t.deepEqual([repository, phoneEnding, devices, lastVerified, dates], [null, null, undefined, undefined, undefined]);
    t.is(state.history.last(1).length, 0);
  };
  isGone(made);
  for (const name of ['vault.json', 'trust.json', 'sealed', 'copies']) {
    t.false(existsSync(join(made.home.state, name)), name);
  }
  t.is(await made.state.phone.recall(), undefined);
  await fails(t, 'E_NOT_SET_UP', () => made.jobs.backup('user'));
  await fails(t, 'E_NOT_SET_UP', () => remove(made));
  await made.end();
  isGone(await machine(t, made.folder));
});

test('nothing is deleted without the name and the password', async t => {
  const made = await machine(t);
  const before = treeOf(join(made.folder, 'copies'));
  await fails(t, 'E_USAGE', () => remove(made, 'Copies'));
  await fails(t, 'E_USAGE', () => remove(made, 'copies', given({})));
  await fails(t, 'E_WRONG_SECRET', () => remove(made, 'copies', given({ password: 'not the password' })));
  t.deepEqual(treeOf(join(made.folder, 'copies')), before);
  await made.jobs.unlock(given({ password }));
  await t.notThrowsAsync(made.jobs.backup('user'));
});

test('nothing is deleted while a second place is kept', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  await made.jobs.mirrors.add(`folder:${join(made.folder, 'second')}`, call);
  await fails(t, 'E_USAGE', () => remove(made));
  t.true(existsSync(join(made.folder, 'copies', 'config')));
});

/** @param why what the person is told */
async function refused(t: ExecutionContext, work: () => Promise<unknown>, why: RegExp): Promise<void> {
  const error = await t.throwsAsync<SignetError>(work, { code: 'E_USAGE' });
  t.regex(String(error?.params['detail']), why);
}

test('nothing is deleted while an older place still holds copies that were left', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const newPassword = `${password} 27 sails`;
  await made.jobs.fresh.start(given({ password, newPassword }), call);
  const place = made.remote();
  const afresh = () => remove(made, basename(place), given({ password: newPassword }));
  await refused(t, afresh, /older place/);
  t.true(existsSync(join(place, 'config')));
  await made.jobs.left.delete('copies', given({ password: newPassword }));
  await afresh();
  t.false(existsSync(join(place, 'config')));
});

test('nothing is deleted while another computer has a backup in the place', async t => {
  const made = await machine(t);
  const folder = await temporaryFolder(t);
  const other = await machine(t, folder);
  const chats = join(folder, 'chats');
  mkdirSync(chats);
  const remote = `folder:${join(made.folder, 'copies')}`;
  await other.jobs.setup(
    { sources: [{ root: chats }], remote, schedule: { kind: 'manual', onChange: false } },
    given({ password, phone }),
    call,
  );
  await other.jobs.backup('user');
  await other.end();
  await made.jobs.unlock(given({ password }));
  const before = treeOf(join(made.folder, 'copies'));
  await refused(t, () => remove(made), /other computers/);
  t.deepEqual(treeOf(join(made.folder, 'copies')), before);
});

test('nothing is deleted while there is a backup that no device signed for', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const key = Buffer.from((await made.recoveryKey()).slice(0, 64), 'hex');
  const { open } = await bench(t, { remote: createFolderRemote(join(made.folder, 'copies')), recoveryKey: key });
  const repository = await open();
  await repository.readIndex();
  const [known] = (await repository.snapshots()).values();
  if (known === undefined) return t.fail();
  await repository.saveSnapshot(snapshotOf(known.tree));
  const before = treeOf(join(made.folder, 'copies'));
  await refused(t, () => remove(made), /other programs/);
  t.deepEqual(treeOf(join(made.folder, 'copies')), before);
});

test('what broke off is carried through by whoever asks again, and nothing is backed up meanwhile', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const [key = ''] = readdirSync(join(made.folder, 'copies', 'keys'));
  const allow = refuseRemoval(join(made.folder, 'copies', 'keys', key));
  t.teardown(allow);
  await t.throwsAsync(() => remove(made));
  t.is(readdirSync(join(made.folder, 'copies', 'snapshots')).length, 0);
  t.true(existsSync(join(made.folder, 'copies', 'config')), 'what it was is still known');
  t.is(made.jobs.status().vault, 'locked');
  await made.end();
  const again = await machine(t, made.folder);
  t.is(again.jobs.status().vault, 'locked');
  await again.jobs.unlock(given({ password })).catch(() => undefined);
  await t.throwsAsync(() => again.jobs.backup('user'));
  await fails(t, 'E_WRONG_SECRET', () => remove(again, 'copies', given({ password: 'not the password' })));
  allow();
  await remove(again);
  t.false(existsSync(join(made.folder, 'copies', 'config')));
  t.is(again.jobs.status().vault, 'absent');
});

test('a crash after the copies are gone leaves nothing of them to be told after the next start', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  made.state.forgetRepository = async () => {
    throw new Error('the power went');
  };
  await t.throwsAsync(() => remove(made));
  await made.end();
  const again = await machine(t, made.folder);
  const { vault, lastGoodAt, lastBackup } = again.jobs.status();
  t.deepEqual([vault, lastGoodAt, lastBackup], ['absent', null, null]);
  t.false(existsSync(join(again.home.state, 'vault.json')));
  t.is(again.vault.known, undefined);
});
