import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { RestoreResult } from '../../protocol/status.ts';
import { treeOf } from '../support/archive.ts';
import { installation, password, phone } from '../support/installation.ts';

/** Every object of a remote folder, to see that nothing was written. */
const objectsIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

test('a daemon restarted without the password answers "locked" and writes nothing; after unlock the waiting change is backed up', async t => {
  const signet = await installation(t, {
    settings: { watch: 'chokidar', quietMs: 100, longestWaitMs: 1000, smallestIntervalMs: 0 },
  });
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  await signet.setUp();
  await signet.ok(['backup']);
  await signet.killDaemon();

  t.is((await signet.status()).vault, 'locked');
  const before = objectsIn(signet.remote);
  const refused = await signet.signet(['backup']);
  t.is(refused.code, 13);
  t.is(refused.errorCode(), 'E_VAULT_LOCKED');
  writeFileSync(join(signet.source, 'b.txt'), 'two');
  const waiting = await signet.until('the change waits', status => status.waiting !== null);
  t.is(waiting.waiting?.reason, 'locked');
  t.deepEqual(objectsIn(signet.remote), before);

  await signet.ok(['unlock'], { password });
  const done = await signet.until(
    'the change is backed up',
    status => status.lastBackup?.reason === 'change' && status.job === null,
  );
  t.is(done.lastBackup?.filesNew, 1);
  t.is(done.waiting, null);
  t.is((await signet.snapshots()).length, 2);
});

test('a new machine with password and phone lists and restores; so does one with the recovery key alone', async t => {
  const first = await installation(t);
  writeFileSync(join(first.source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await first.setUp();
  t.regex(recoveryKey, /^[0-9a-f]{64}$/);
  await first.ok(['backup']);

  const second = await installation(t, { remote: first.remote });
  const wrong = await second.signet(['setup', '--remote', `folder:${first.remote}`], {
    password,
    phone: '+14155550124',
  });
  t.is(wrong.code, 12);
  t.is((await second.status()).vault, 'absent');
  const joined = await second.ok<{ joined: boolean; snapshots: number }>(
    ['setup', '--remote', `folder:${first.remote}`],
    { password, phone },
  );
  t.deepEqual([joined.joined, joined.snapshots], [true, 1]);
  const { target } = await second.ok<RestoreResult>(['restore', 'latest', '--to', join(second.folder, 'back')]);
  const [source = ''] = readdirSync(target);
  t.deepEqual(treeOf(join(target, source)), treeOf(first.source));

  const third = await installation(t, { remote: first.remote });
  await third.ok(['setup', '--remote', `folder:${first.remote}`, '--read-only'], { recoveryKey });
  await third.ok(['restore', 'latest', '--to', join(third.folder, 'back')]);
  t.deepEqual(treeOf(join(third.folder, 'back', source)), treeOf(first.source));

  const fourth = await installation(t, { remote: first.remote });
  const newPassword = 'another long phrase of 7 words';
  await fourth.ok(['setup', '--remote', `folder:${first.remote}`], { recoveryKey, password: newPassword, phone });
  await fourth.ok(['lock']);
  await fourth.ok(['unlock'], { password: newPassword });
  t.is((await fourth.snapshots()).length, 1);
});

test('a wrong password and a wrong phone number have the same exit status and the same words', async t => {
  const signet = await installation(t);
  await signet.setUp();
  await signet.ok(['lock']);
  const answers = [];
  for (const secrets of [
    { password: `${password}!`, phone },
    { password, phone: '+14155550124' },
  ]) {
    const { code, err } = await signet.signet(['unlock'], secrets);
    const { code: errorCode, message, advice } = JSON.parse(err).error;
    answers.push([code, errorCode, message, advice.replace(/\d+ more/, 'n more')]);
  }
  t.deepEqual(answers[0], answers[1]);
  t.is(answers[0]?.[0], 12);
  // Where the number is remembered and only the password was typed, only the password can be wrong.
  const { code, err } = await signet.signet(['unlock'], { password: `${password}!` });
  t.deepEqual([code, JSON.parse(err).error.message], [12, 'The password is wrong.']);
});

test('asking for the daemon does not start one; ended on request, it is gone, and the next command starts another', async t => {
  const signet = await installation(t);
  t.is(await signet.daemonPid(), undefined);
  await signet.status();
  const pid = await signet.daemonPid();
  t.truthy(pid);
  await signet.ok(['daemon', 'stop']);
  t.is(await signet.daemonPid(), undefined);
  t.throws(() => process.kill(pid ?? 0, 0));
  await signet.status();
  t.not(await signet.daemonPid(), pid);
});
