// Passwords in use, on a whole machine in this process.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
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
import { MemoryKeychain } from '../support/memory-keychain.ts';
import { temporaryFolder } from '../support/temporary-home.ts';
import { fails } from '../support/vault-kit.ts';

const newPassword = 'ablaze tidal frosty mango untie clock';
const newPhone = '+12025550100';

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.before(() => setUpMachine(template));
test.after.always(() => rmSync(template, { recursive: true, force: true }));

async function machine(t: ExecutionContext, folder?: string): Promise<Machine> {
  const made = await startMachine(folder ?? (await copyOf(t, template)));
  t.teardown(() => made.end());
  return made;
}

const verified = async (t: ExecutionContext, { jobs }: Machine): Promise<void> => {
  const { problems } = await jobs.verifying.verify(100, call);
  t.deepEqual(problems, []);
};

async function opensWith(t: ExecutionContext, { jobs }: Machine, values: Parameters<typeof given>[0]): Promise<void> {
  await jobs.lock();
  await t.notThrowsAsync(jobs.unlock(given(values)));
}

async function isRefused(t: ExecutionContext, { jobs }: Machine, values: Parameters<typeof given>[0]): Promise<void> {
  await jobs.lock();
  await fails(t, 'E_WRONG_SECRET', () => jobs.unlock(given(values)));
}

test('after a change of the password the new one opens, the old one does not, and nothing alarms', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const before = made.objects('signet/vault');
  await made.jobs.credentials.changePassword(given({ password, newPassword }));
  const after = made.objects('signet/vault');
  t.is(after.length, 1);
  t.notDeepEqual(after, before);
  t.is(made.vault.known?.generation, 2);
  await verified(t, made);
  t.deepEqual((await made.jobs.backup('user')).alarms, []);
  await isRefused(t, made, { password });
  await opensWith(t, made, { password: newPassword });
  await verified(t, made);
});

test('after a change of the phone number the password alone opens, and the new number is the one that counts', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  await made.jobs.credentials.changePhone(given({ password, newPhone }));
  t.is(made.jobs.status().phoneEnding, '00');
  await opensWith(t, made, { password });
  await isRefused(t, made, { password, phone });
  await opensWith(t, made, { password, phone: newPhone });
  t.is(await made.state.phone.recall(), newPhone);
  await verified(t, made);
});

test('a renewed recovery key opens, the old one does not, and nothing alarms', async t => {
  const made = await machine(t);
  const old = await made.recoveryKey();
  const [oldFile] = made.objects('keys');
  const key = Buffer.from(await made.jobs.credentials.renewRecoveryKey(given({ password }))).toString('latin1');
  t.regex(key, /^[0-9a-f]{64}$/);
  t.not(key, old);
  t.is(made.objects('keys').length, 1);
  t.not(made.objects('keys')[0], oldFile);
  await verified(t, made);
  t.deepEqual((await made.jobs.backup('user')).alarms, []);
  await opensWith(t, made, { recoveryKey: key });
  await isRefused(t, made, { recoveryKey: old });
  await opensWith(t, made, { password });
  t.is(await made.recoveryKey(), key);
});

for (const [name, change] of [
  ['change the password', ({ credentials }) => credentials.changePassword(given({ password: 'x', newPassword }))],
  ['change the phone number', ({ credentials }) => credentials.changePhone(given({ password: 'x', newPhone }))],
  ['show the recovery key', ({ credentials }) => credentials.showRecoveryKey(given({ password: 'x' }))],
  ['renew the recovery key', ({ credentials }) => credentials.renewRecoveryKey(given({ password: 'x' }))],
  ['start afresh', ({ fresh }) => fresh.start(given({ password: 'x', newPassword }), call)],
  ['delete an old backup', ({ left }) => left.delete('copies', given({ password: 'x' }))],
] as const satisfies readonly (readonly [string, (jobs: Machine['jobs']) => Promise<unknown>])[]) {
  test(`a wrong password does not ${name}, and nothing is changed`, async t => {
    const made = await machine(t);
    await made.jobs.unlock(given({ password }));
    const everything = (): readonly string[] => [
      ...readdirSync(made.folder, { recursive: true, encoding: 'utf8' }).filter(path => !/state\.db/.test(path)),
      readFileSync(join(made.home.state, 'vault.json'), 'utf8'),
    ];
    const before = everything();
    await fails(t, 'E_WRONG_SECRET', () => change(made.jobs));
    t.deepEqual(everything(), before);
    await verified(t, made);
  });
}

for (const state of ['locked', 'unlocked', 'unlocked by the key itself'] as const) {
  test(`while ${state}, the recovery key sets a new password in place of a forgotten one`, async t => {
    const made = await machine(t);
    const recoveryKey = await made.recoveryKey();
    if (state !== 'unlocked') await made.jobs.lock();
    if (state === 'unlocked by the key itself') await made.jobs.unlock(given({ recoveryKey }));
    await made.jobs.credentials.changePassword(given({ recoveryKey, newPassword }));
    t.is(made.vault.known?.generation, 2);
    t.is(made.objects('signet/vault').length, 1);
    await verified(t, made);
    t.deepEqual((await made.jobs.backup('user')).alarms, []);
    await isRefused(t, made, { password });
    await opensWith(t, made, { password: newPassword });
    t.is(await made.recoveryKey(given({ password: newPassword })), recoveryKey);
    t.is(made.jobs.status().phoneEnding, '23');
  });
}

test('the recovery key takes another phone number along, and needs one where none is remembered', async t => {
  const made = await machine(t);
  const recoveryKey = await made.recoveryKey();
  await made.state.phone.forget();
  await made.jobs.lock();
  const error = await fails(t, 'E_PHONE_FORM', () =>
    made.jobs.credentials.changePassword(given({ recoveryKey, newPassword })),
  );
  t.is(error.params['problem'], 'needed');
  await made.jobs.credentials.changePassword(given({ recoveryKey, newPassword, phone: newPhone }));
  await verified(t, made);
  await opensWith(t, made, { password: newPassword });
  await isRefused(t, made, { password: newPassword, phone });
  t.is(await made.state.phone.recall(), newPhone);
});

test('a wrong recovery key sets no password, locked or unlocked, and may be tried so often', async t => {
  const made = await machine(t);
  const right = await made.recoveryKey();
  const wrong = `${right[0] === 'a' ? 'b' : 'a'}${right.slice(1)}`;
  const vaults = made.objects('signet/vault');
  const refuse = async (code: 'E_WRONG_SECRET' | 'E_TOO_MANY_TRIES'): Promise<void> => {
    const order = given({ recoveryKey: wrong, newPassword });
    await fails(t, code, () => made.jobs.credentials.changePassword(order));
    t.deepEqual(made.objects('signet/vault'), vaults);
    await made.clock.advance(1000);
  };
  await made.jobs.lock();
  await refuse('E_WRONG_SECRET');
  t.is(made.vault.state, 'locked');
  await made.jobs.unlock(given({ password }));
  for (let tries = 0; tries < 5; tries++) await refuse('E_WRONG_SECRET');
  await refuse('E_TOO_MANY_TRIES');
  await made.jobs.unlock(given({ password })); // the password has tries of its own
  await verified(t, made);
});

test('whoever joined with the recovery key to look only gets a password by it', async t => {
  const first = await machine(t);
  const recoveryKey = await first.recoveryKey();
  await first.jobs.lock();
  const made = await machine(t, await temporaryFolder(t));
  const order = { sources: [], remote: `folder:${first.remote()}`, readOnly: true };
  await made.jobs.setup(order, given({ recoveryKey }), call);
  await made.jobs.credentials.changePassword(given({ recoveryKey, newPassword, phone: newPhone }));
  t.is(made.vault.known?.generation, 2);
  await opensWith(t, made, { password: newPassword });
  await verified(t, made);
});

test('the recovery key in place of the password shows and renews nothing', async t => {
  const made = await machine(t);
  const recoveryKey = await made.recoveryKey();
  const { credentials, fresh } = made.jobs;
  await fails(t, 'E_USAGE', () => credentials.changePhone(given({ recoveryKey, newPhone })));
  await fails(t, 'E_USAGE', () => credentials.showRecoveryKey(given({ recoveryKey })));
  await fails(t, 'E_USAGE', () => credentials.renewRecoveryKey(given({ recoveryKey })));
  await fails(t, 'E_USAGE', () => fresh.start(given({ recoveryKey, newPassword }), call));
});

test('a new password is made at the costs of this machine, whatever the vault before asked for', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  made.keyWork.derived.length = 0;
  await made.jobs.credentials.changePassword(given({ password, newPassword }));
  t.deepEqual([...new Set(made.keyWork.derived.map(({ cost }) => cost.m))], [65_536]);
  t.is(made.keyWork.derived.length, 3, 'the proof, the new vault, and the look whether it opens');
});

test.serial('an old vault that cannot be removed is no failure: it goes with the next backup', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const [old = ''] = made.objects('signet/vault');
  const giveBack = refuseRemoval(join(made.remote(), 'signet/vault', old));
  try {
    await made.jobs.credentials.changePassword(given({ password, newPassword }));
  } finally {
    giveBack();
  }
  t.is(made.objects('signet/vault').length, 2);
  await verified(t, made);
  await made.jobs.backup('user');
  t.false(made.objects('signet/vault').includes(old));
  t.is(made.objects('signet/vault').length, 1);
});

test('of two changes asked for at the same moment the second does not take the first back', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const { credentials } = made.jobs;
  const [first, second] = await Promise.allSettled([
    credentials.changePassword(given({ password, newPassword })),
    credentials.changePhone(given({ password, newPhone })),
  ]);
  t.is(first.status, 'fulfilled');
  t.true(second.status === 'rejected' && isCode(second.reason, 'E_BUSY'));
  await isRefused(t, made, { password });
  await opensWith(t, made, { password: newPassword });
  t.is(await made.state.phone.recall(), phone);
});

test.serial('an old key file that could not be removed is not forgotten over the next change', async t => {
  const made = await machine(t);
  const oldKey = await made.recoveryKey();
  const [oldFile = ''] = made.objects('keys');
  const giveBack = refuseRemoval(join(made.remote(), 'keys', oldFile));
  try {
    await made.jobs.credentials.renewRecoveryKey(given({ password }));
    await made.jobs.credentials.changePassword(given({ password, newPassword }));
  } finally {
    giveBack();
  }
  t.true(made.objects('keys').includes(oldFile));
  await made.jobs.backup('user');
  t.false(made.objects('keys').includes(oldFile));
  t.is(made.objects('keys').length, 1);
  await isRefused(t, made, { recoveryKey: oldKey });
  await opensWith(t, made, { password: newPassword });
  await verified(t, made);
});

test.serial('the vault of a failed change that could not be removed neither alarms later nor stays', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  let giveBack: () => void = () => undefined;
  const { checkOpens } = made.vault;
  made.vault.checkOpens = async ({ key }) => {
    giveBack = refuseRemoval(join(made.remote(), key));
    throw new SignetError('E_VAULT_CORRUPT', 'as a place that alters what it is given');
  };
  try {
    await fails(t, 'E_VAULT_CORRUPT', () => made.jobs.credentials.changePassword(given({ password, newPassword })));
    made.vault.checkOpens = checkOpens;
    await made.jobs.credentials.changePassword(given({ password, newPassword }));
    await verified(t, made);
  } finally {
    giveBack();
  }
  await made.jobs.backup('user');
  t.is(made.objects('signet/vault').length, 1);
  await verified(t, made);
  await made.jobs.credentials.changePassword(given({ password: newPassword, newPassword: password }));
  await opensWith(t, made, { password });
});

test('a new vault that was in place before saving it failed is the one that counts', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const { vaultCopy } = made.state;
  const { save } = vaultCopy;
  Object.assign(vaultCopy, {
    async save(bytes: Uint8Array) {
      await save.call(vaultCopy, bytes);
      throw Object.assign(new Error('the folder could not be synced'), { code: 'EIO' });
    },
  });
  await made.jobs.credentials.renewRecoveryKey(given({ password }));
  await made.end();
  const again = await machine(t, made.folder);
  await opensWith(t, again, { password });
  await verified(t, again);
});

test.serial(
  'a renewed key that another device took on stays when this one follows it, and the old one goes',
  async t => {
    const first = await machine(t);
    const [oldFile = ''] = first.objects('keys');
    const giveBack = refuseRemoval(join(first.remote(), 'keys', oldFile));
    await first.jobs.credentials.renewRecoveryKey(given({ password }));
    const folder = await copyOf(t, first.folder);
    const file = join(folder, 'home', 'config', 'settings.json');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(join(folder, 'copies'), first.remote()));
    const other = await machine(t, folder);
    await other.jobs.unlock(given({ password }));
    await other.jobs.credentials.changePassword(given({ password, newPassword }));
    await other.end();
    giveBack();
    t.is(first.objects('keys').length, 2);
    await opensWith(t, first, { password: newPassword });
    await first.jobs.backup('user');
    t.is(first.objects('keys').length, 1);
    t.not(first.objects('keys')[0], oldFile);
    await verified(t, first);
    await opensWith(t, first, { password: newPassword });
  },
);

test('a second computer opens with the new password, and is told until then', async t => {
  const first = await machine(t);
  const second = await machine(t, await copyOf(t, first.folder));
  // The copy is another computer on the same place.
  const settings = await second.state.settings.load();
  await second.end();
  const shared = await startMachine(second.folder);
  t.teardown(() => shared.end());
  if (settings === undefined) return t.fail();
  await shared.state.settings.save({ ...settings, remote: `folder:${first.remote()}` });
  await shared.end();
  const other = await startMachine(second.folder);
  t.teardown(() => other.end());

  await first.jobs.unlock(given({ password }));
  await first.jobs.credentials.changePassword(given({ password, newPassword }));
  await other.jobs.unlock(given({ password }));
  const { problems } = await other.jobs.verifying.verify(0, call);
  t.deepEqual(
    problems.map(({ code }) => code),
    ['E_VAULT_CHANGED'],
  );
  await fails(t, 'E_VAULT_CHANGED', () =>
    other.jobs.credentials.changePassword(given({ password, newPassword: `${newPassword} too` })),
  );
  await opensWith(t, other, { password: newPassword });
  await verified(t, other);
  await isRefused(t, other, { password });

  await first.jobs.credentials.renewRecoveryKey(given({ password: newPassword }));
  await opensWith(t, other, { password: newPassword });
  await verified(t, other);
  t.is(
    await other.recoveryKey(given({ password: newPassword })),
    await first.recoveryKey(given({ password: newPassword })),
  );
});

test('a newer vault of another repository is not taken over, although the password opens it', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  await made.jobs.credentials.changePassword(given({ password, newPassword }));
  // As if it had been made for another place: what this computer knows of its repository says otherwise.
  const [name = ''] = made.objects('signet/vault');
  const newer = readFileSync(join(made.remote(), 'signet/vault', name));
  const rolled = await machine(t);
  writeFileSync(join(rolled.remote(), 'signet/vault', name), newer);
  rolled.state.facts.set('pinned.repository', 'ab'.repeat(32));
  await fails(t, 'E_VAULT_CHANGED', () => rolled.jobs.unlock(given({ password: newPassword })));
  t.is(rolled.vault.state, 'locked');
  t.is(rolled.vault.known?.generation, 1);
});

test('with a keychain, a restart within the login opens with the new key, the new number, and the fresh backup', async t => {
  const keychain = new MemoryKeychain();
  const folder = await copyOf(t, template);
  const restarted = async (at?: number): Promise<Machine> => {
    const made = await startMachine(folder, at, keychain);
    t.teardown(() => made.end());
    await made.jobs.settled();
    return made;
  };
  const first = await restarted();
  await first.jobs.unlock(given({ password }));
  await first.jobs.credentials.changePhone(given({ password, newPhone }));
  const [, kept] = [...keychain.items].find(([name]) => name.endsWith('/phone')) ?? [];
  t.is(Buffer.from(kept ?? []).toString(), newPhone);
  await first.jobs.credentials.renewRecoveryKey(given({ password }));
  await first.end();

  const second = await restarted(first.clock.now() + 60_000);
  t.is(second.jobs.status().vault, 'unlocked');
  await verified(t, second);
  const { repositoryId } = await second.jobs.fresh.start(given({ password, newPassword }), call);
  await second.end();

  const third = await restarted(second.clock.now() + 60_000);
  t.is(third.jobs.status().vault, 'unlocked');
  t.is(third.jobs.status().repository?.id, repositoryId);
  await verified(t, third);
});

test('with the keychain switched off nothing stays in it, and the number is still known', async t => {
  const keychain = new MemoryKeychain();
  const made = await startMachine(await copyOf(t, template), undefined, keychain);
  t.teardown(() => made.end());
  await made.jobs.settled();
  await made.jobs.unlock(given({ password }));
  t.deepEqual([...keychain.items.keys()].map(name => name.split('/')[1]).sort(), ['phone', 'session']);
  t.is(await made.state.phone.recall(), undefined);
  await made.jobs.setSettings({ useKeychain: false });
  t.deepEqual([...keychain.items.keys()], []);
  t.is(await made.state.phone.recall(), phone);
  await opensWith(t, made, { password });
  await made.jobs.setSettings({ useKeychain: true });
  await opensWith(t, made, { password });
  t.is(await made.state.phone.recall(), undefined, 'and back again');
});

test('the recovery sheet is a new private file that loads nothing, and names what it opens', async t => {
  const made = await machine(t);
  const key = await made.recoveryKey();
  const to = join(made.folder, 'sheet.html');
  await made.jobs.credentials.writeSheet(to, given({ password }));
  t.is(statSync(to).mode & 0o777, 0o600);
  const html = readFileSync(to, 'utf8');
  const plain = html.replace(/<[^>]*>/g, '');
  t.true(plain.includes(key.slice(0, 4)) && plain.replace(/\s/g, '').includes(key));
  t.true(html.includes('when backup 1 was the newest'));
  t.true(html.includes('the folder copies'));
  t.notRegex(html, /<script|https?:|src=|@import|url\(/);
  await fails(t, 'E_USAGE', () => made.jobs.credentials.writeSheet(to, given({ password })));
});

test('the recovery sheet that is shown is the one that is written, to who knows the password', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  t.is(made.jobs.status().dates?.sheetAt, undefined);
  const to = join(made.folder, 'sheet.html');
  const shown = await made.jobs.credentials.showSheet(given({ password }));
  t.truthy(made.jobs.status().dates?.sheetAt);
  await made.jobs.credentials.writeSheet(to, given({ password }));
  t.deepEqual(Buffer.from(shown), readFileSync(to));
  await fails(t, 'E_WRONG_SECRET', () => made.jobs.credentials.showSheet(given({ password: 'not the password' })));
  await fails(t, 'E_USAGE', () => made.jobs.credentials.showSheet(given({})));
});

test('the recovery sheet is never written where it would be backed up or uploaded', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  symlinkSync(join(made.folder, 'chats'), join(made.folder, 'elsewhere'));
  mkdirSync(join(made.folder, 'synced'));
  symlinkSync(join(made.folder, 'synced'), join(made.folder, 'linked'));
  for (const folder of ['synced', 'linked', 'chats', 'copies', 'elsewhere', 'home/state', 'nowhere']) {
    const to = join(made.folder, folder, 'sheet.html');
    await fails(t, 'E_USAGE', () => made.jobs.credentials.writeSheet(to, given({ password })));
    t.false(existsSync(to));
  }
});

test('the password is asked for after thirty days without it, then after ninety, and never where that is switched off', async t => {
  const made = await machine(t);
  const day = 86_400_000;
  const stands = (): boolean => made.jobs.status().notices.some(({ kind }) => kind === 'password-reminder');
  await made.jobs.unlock(given({ password }));
  t.false(stands());
  await made.clock.advance(30 * day - 1);
  t.false(stands());
  await made.clock.advance(1);
  t.true(stands());
  await fails(t, 'E_WRONG_SECRET', () => made.jobs.unlock(given({ password: 'wrong' })));
  t.true(stands());
  await made.jobs.unlock(given({ password }));
  t.false(stands());
  await made.clock.advance(89 * day);
  t.false(stands());
  await made.clock.advance(day);
  t.true(stands());
  const settings = await made.state.settings.load();
  if (settings === undefined) return t.fail();
  await made.state.settings.save({ ...settings, passwordReminder: false });
  await made.end();
  const again = await startMachine(made.folder, made.clock.now());
  t.teardown(() => again.end());
  t.deepEqual(again.jobs.status().notices, []);
});

test('a fresh backup lies beside the old one, under a new key and password; the old one stays until its name is typed', async t => {
  const made = await machine(t);
  const oldKey = await made.recoveryKey();
  const old = made.remote();
  const made2 = await made.jobs.fresh.start(given({ password, newPassword }), call);
  t.regex(made2.remote, /copies-[0-9]{8}-[0-9a-f]{4}$/);
  t.is(made2.left, 'copies');
  t.is(`folder:${made.remote()}`, made2.remote);
  t.not(Buffer.from(made2.recoveryKey).toString('latin1'), oldKey);
  t.is(made.jobs.status().repository?.snapshots, 1);
  t.is(made.jobs.status().repository?.id, made2.repositoryId);
  await verified(t, made);
  t.is((await made.jobs.backup('user')).snapshot, undefined, 'nothing is new after the first backup');
  await isRefused(t, made, { password });
  await opensWith(t, made, { password: newPassword });
  t.true(existsSync(join(old, 'config')));

  const deleteOld = (name: string): Promise<{ objects: number }> =>
    made.jobs.left.delete(name, given({ password: newPassword }));
  for (const name of ['copies2', '', '..', old, made2.remote, made.remote().split('/').at(-1) ?? '']) {
    const error = await t.throwsAsync(deleteOld(name));
    t.true(isCode(error, 'E_USAGE'));
  }
  writeFileSync(join(old, 'mine.txt'), 'kept');
  t.true((await deleteOld('copies')).objects > 5);
  t.deepEqual(readdirSync(old), ['mine.txt']);
  await fails(t, 'E_USAGE', () => deleteOld('copies'));
  await verified(t, made);
});

test('a fresh backup that is being made is not swept away by an unlock meanwhile', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const { checkOpens } = made.vault;
  made.vault.checkOpens = async (...given) => {
    await checkOpens.apply(made.vault, given);
    await made.jobs.fresh.sweep();
  };
  await made.jobs.fresh.start(given({ password, newPassword }), call);
  t.is(made.objects('signet/vault').length, 1);
  await verified(t, made);
});

test('a change of the password waits for what still looks at the one before', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const [old = ''] = made.objects('signet/vault');
  made.state.facts.set('vault.unfinished', JSON.stringify({ vault: 'ab'.repeat(32) }));
  const { remove } = made.state.facts;
  const looking = made.jobs.credentials.settle();
  const notes: (string | undefined)[] = [];
  Object.assign(made.state.facts, {
    remove(name: string) {
      if (name === 'vault.unfinished') notes.push(made.state.facts.get(name));
      remove.call(made.state.facts, name);
    },
  });
  await Promise.all([looking, made.jobs.credentials.changePassword(given({ password, newPassword }))]);
  t.true(notes[0]?.includes('ab'.repeat(32)));
  t.is(notes.length, 2, 'each look takes away its own note');
  t.false(made.objects('signet/vault').includes(old));
});

test('an old backup that is another one by now, or a link, is not deleted', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const old = made.remote();
  await made.jobs.fresh.start(given({ password, newPassword }), call);
  const config = readFileSync(join(old, 'config'));
  writeFileSync(join(old, 'config'), 'the config of another backup');
  const before = readdirSync(old, { recursive: true }).length;
  await fails(t, 'E_REPO_MISMATCH', () => made.jobs.left.delete('copies', given({ password: newPassword })));
  t.is(readdirSync(old, { recursive: true }).length, before);
  writeFileSync(join(old, 'config'), config);
  renameSync(old, `${old} elsewhere`);
  symlinkSync(`${old} elsewhere`, old);
  await fails(t, 'E_REMOTE_DENIED', () => made.jobs.left.delete('copies', given({ password: newPassword })));
  t.is(readdirSync(`${old} elsewhere`, { recursive: true }).length, before);
  rmSync(old);
  renameSync(`${old} elsewhere`, old);
  await made.jobs.left.delete('copies', given({ password: newPassword }));
  t.false(existsSync(old));
});

test('an old backup without its config is not deleted: nothing says that it is the one', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const old = made.remote();
  await made.jobs.fresh.start(given({ password, newPassword }), call);
  rmSync(join(old, 'config'));
  const before = readdirSync(old, { recursive: true }).length;
  await fails(t, 'E_REPO_MISMATCH', () => made.jobs.left.delete('copies', given({ password: newPassword })));
  t.is(readdirSync(old, { recursive: true }).length, before);
});

test('a note of an unfinished fresh backup, as of an older state that was put back, does not take away one that is in use', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  writeFileSync(join(made.folder, 'chats', 'c.txt'), 'three');
  await made.jobs.backup('user');
  const inUse = `${made.remote()}-20260101-abcd`;
  cpSync(made.remote(), inUse, { recursive: true });
  const before = readdirSync(inUse, { recursive: true }).length;
  made.state.facts.set('fresh.unfinished', `folder:${inUse}`);
  await opensWith(t, made, { password });
  t.is(readdirSync(inUse, { recursive: true }).length, before);
});

test('a fresh backup that would lack something is not switched to, and nothing of it is left', async t => {
  const made = await machine(t);
  await made.jobs.unlock(given({ password }));
  const before = readdirSync(made.folder).sort();
  const settings = await made.state.settings.load();
  if (settings === undefined) return t.fail();
  const gone = { id: 'generic-zzzzzzzz', profile: 'generic', label: 'gone', root: join(made.folder, 'gone') };
  await made.state.settings.save({ ...settings, sources: [...settings.sources, gone] });
  await made.end();
  const again = await startMachine(made.folder);
  t.teardown(() => again.end());
  await fails(t, 'E_SOURCE_UNREADABLE', () => again.jobs.fresh.start(given({ password, newPassword }), call));
  t.deepEqual(readdirSync(again.folder).sort(), before);
  await opensWith(t, again, { password });
  await verified(t, again);
});
