// Moving a backup and keeping further copies of it, on a machine with folders as its places.

import {
  chmodSync,
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
import { utf8 } from '../../daemon/base/bytes.ts';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import { removeSuperseded } from '../../daemon/jobs/copying.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import { treeOf } from '../support/archive.ts';
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
import { temporaryFolder } from '../support/repository.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.before(async () => {
  await setUpMachine(template);
});
test.after.always(() => rmSync(template, { recursive: true, force: true }));

async function machine(t: ExecutionContext): Promise<Machine> {
  const made = await startMachine(await copyOf(t, template));
  t.teardown(() => made.end());
  await made.jobs.unlock(given({ password }));
  return made;
}

async function restarted(t: ExecutionContext, before: Machine): Promise<Machine> {
  await before.end();
  const made = await startMachine(before.folder, before.clock.now() + 3_600_000);
  t.teardown(() => made.end());
  return made;
}

/** Two more backups after the one of the template. */
async function withHistory(made: Machine): Promise<void> {
  for (const text of ['second', 'third']) {
    writeFileSync(join(made.folder, 'chats', 'a.txt'), text);
    writeFileSync(join(made.folder, 'chats', `${text}.bin`), Buffer.alloc(200_000, text));
    await made.clock.advance(60_000);
    await made.jobs.backup('user');
  }
}

/** What each backup holds, by its id. */
async function everything(t: ExecutionContext, { jobs, clock }: Machine): Promise<Map<string, Map<string, string>>> {
  const { entries } = await jobs.browsing.snapshots({ offset: 0, limit: 100 }, call.signal);
  const found = new Map<string, Map<string, string>>();
  for (const { id, sources } of entries.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const target = join(await temporaryFolder(t), `${clock.now()}`);
    const { skipped } = await jobs.restore({ snapshot: id, target, include: [], dryRun: false }, call);
    t.deepEqual(skipped, []);
    found.set(id, treeOf(join(target, sources[0] ?? '')));
  }
  return found;
}

/** All files below a place, locks left out. */
function placeOf(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(path => !path.startsWith('locks') && statSync(join(root, path)).isFile())
    .sort();
  return new Map(files.map(path => [path, readFileSync(join(root, path)).toString('base64')]));
}

async function sound(t: ExecutionContext, made: Machine, place = made.remote()): Promise<void> {
  const { problems } = await made.jobs.verifying.verify(100, call);
  t.deepEqual(problems, []);
  if (!hasRestic) return;
  const { status, out } = await restic(place, await made.recoveryKey(), ['--no-lock', 'check', '--read-data']);
  t.is(status, 0, out);
}

async function refused(t: ExecutionContext, code: ErrorCode, work: Promise<unknown>): Promise<SignetError> {
  const error = await t.throwsAsync(work, { instanceOf: SignetError });
  t.is(error?.code, code, error?.message);
  return error as SignetError;
}

const move = (made: Machine, to: string) => made.jobs.moving.move(`folder:${to}`, call);
const addMirror = (made: Machine, to: string) => made.jobs.mirrors.add(`folder:${to}`, call);

test('a backup moves with its history; the old place stays as it is until its name is typed', async t => {
  const made = await machine(t);
  await withHistory(made);
  const old = made.remote();
  const [contents, oldPlace] = [await everything(t, made), placeOf(old)];
  const to = join(made.folder, 'disk');
  t.not(made.state.facts.get('packs.listed'), undefined);
  const result = await move(made, to);
  t.is(made.state.facts.get('packs.listed'), undefined, 'the packs of the new place were not looked through yet');
  t.is(result.left, 'copies');
  t.is(result.objects, oldPlace.size);
  t.deepEqual(result.problems, []);
  t.is(made.remote(), to);
  t.deepEqual(placeOf(old), oldPlace);
  t.deepEqual(placeOf(to), oldPlace);
  t.deepEqual(await everything(t, made), contents);
  await sound(t, made);

  writeFileSync(join(made.folder, 'chats', 'new.txt'), 'after the move');
  t.deepEqual((await made.jobs.backup('user')).alarms, []);
  t.deepEqual(placeOf(old), oldPlace, 'nothing is written there any more');
  t.true(placeOf(to).size > oldPlace.size);
  await sound(t, made);

  await refused(t, 'E_USAGE', made.jobs.left.delete('disk', given({ password })));
  await refused(t, 'E_WRONG_SECRET', made.jobs.left.delete('copies', given({ password: 'another one entirely' })));
  t.is((await made.jobs.left.delete('copies', given({ password }))).objects, oldPlace.size);
  t.false(existsSync(old));
  await refused(t, 'E_USAGE', made.jobs.left.delete('copies', given({ password })));

  const again = await restarted(t, made);
  await again.jobs.unlock(given({ password }));
  t.deepEqual(again.jobs.status().alarms, []);
  await sound(t, again);
});

test('where the new place is uploaded by an app, the state says so', async t => {
  const made = await machine(t);
  mkdirSync(join(made.folder, 'synced'));
  await move(made, join(made.folder, 'synced', 'copies'));
  t.is(made.jobs.status().remote?.synced, 'Dropbox');
  await move(made, join(made.folder, 'plain'));
  t.is(made.jobs.status().remote?.synced, undefined);
});

test('moving back to a place that was left tops it up, and it is no longer one that was left', async t => {
  const made = await machine(t);
  const old = made.remote();
  await move(made, join(made.folder, 'disk'));
  await withHistory(made);
  const contents = await everything(t, made);
  const back = await move(made, old);
  t.true(back.objects > 0 && back.objects < placeOf(old).size);
  t.deepEqual(await everything(t, made), contents);
  await refused(t, 'E_USAGE', made.jobs.left.delete('copies', given({ password })));
  await made.jobs.left.delete('disk', given({ password }));
  await sound(t, made);
});

test('a copy that broke off is topped up', async t => {
  const made = await machine(t);
  await withHistory(made);
  const to = join(made.folder, 'disk');
  cpSync(made.remote(), to, { recursive: true });
  for (const name of ['config', 'keys', 'signet', 'snapshots', 'locks']) rmSync(join(to, name), { recursive: true });
  const { objects } = await move(made, to);
  t.true(objects > 0 && objects < placeOf(to).size);
  await sound(t, made);
});

const taken: Readonly<Record<string, (folder: string) => unknown>> = {
  'another backup': folder => {
    mkdirSync(join(folder, 'disk', 'data', 'ab'), { recursive: true });
    writeFileSync(join(folder, 'disk', 'data', 'ab', 'ab'.repeat(32)), 'a pack of another');
    writeFileSync(join(folder, 'disk', 'config'), 'the config of another');
  },
  'a part of another backup': folder => {
    mkdirSync(join(folder, 'disk', 'data', 'ab'), { recursive: true });
    writeFileSync(join(folder, 'disk', 'data', 'ab', 'ab'.repeat(32)), 'a pack of another');
  },
  'other files': folder => {
    mkdirSync(join(folder, 'disk'));
    writeFileSync(join(folder, 'disk', 'holiday.jpg'), 'a photo');
  },
};
for (const [what, put] of Object.entries(taken)) {
  test(`a place that holds ${what} is not written to`, async t => {
    const made = await machine(t);
    put(made.folder);
    const disk = join(made.folder, 'disk');
    const before = placeOf(disk);
    await refused(t, 'E_TARGET_NOT_EMPTY', move(made, disk));
    await refused(t, 'E_TARGET_NOT_EMPTY', addMirror(made, disk));
    t.deepEqual(placeOf(disk), before);
    t.is(made.remote(), join(made.folder, 'copies'));
    t.deepEqual(made.jobs.status().mirrors, []);
    await sound(t, made);
  });
}

test('one place under two names is not taken for two', async t => {
  const made = await machine(t);
  const elsewhere = await temporaryFolder(t);
  symlinkSync(made.folder, join(elsewhere, 'link'));
  const alias = join(elsewhere, 'link', 'copies');
  await refused(t, 'E_USAGE', move(made, made.remote()));
  await refused(t, 'E_USAGE', move(made, alias));
  await refused(t, 'E_USAGE', addMirror(made, alias));
  await refused(t, 'E_USAGE', move(made, join(made.remote(), 'inside')));
  await refused(t, 'E_USAGE', addMirror(made, join(made.folder, 'chats', 'inside')));
  t.is(made.remote(), join(made.folder, 'copies'));

  const before = placeOf(made.remote());
  const old = join(made.folder, 'disk');
  await move(made, old);
  await move(made, join(made.folder, 'copies'));
  // A place whose name changed after it was left: what is behind it is the one in use.
  rmSync(old, { recursive: true });
  renameSync(join(made.folder, 'copies'), join(made.folder, 'real'));
  symlinkSync(join(made.folder, 'real'), join(made.folder, 'copies'));
  symlinkSync(join(made.folder, 'real'), old);
  await refused(t, 'E_REMOTE_DENIED', made.jobs.left.delete('disk', given({ password })));
  t.deepEqual(placeOf(made.remote()), before);
});

test('what was left is not deleted when it turns out to be the place in use', async t => {
  const made = await machine(t);
  const before = placeOf(made.remote());
  const parent = await temporaryFolder(t);
  mkdirSync(join(parent, 'a'));
  await move(made, join(parent, 'a', 'disk'));
  await move(made, made.remote().replace(/.*/, join(made.folder, 'copies')));
  rmSync(join(parent, 'a'), { recursive: true });
  symlinkSync(made.folder, join(parent, 'a'));
  renameSync(join(made.folder, 'copies'), join(made.folder, 'disk'));
  symlinkSync(join(made.folder, 'disk'), join(made.folder, 'copies'));
  const error = await refused(t, 'E_USAGE', made.jobs.left.delete('disk', given({ password })));
  t.regex(String(error.params['detail'] ?? error.message), /in use|lies now/);
  t.deepEqual(placeOf(join(made.folder, 'disk')), before);
});

test('what is damaged is named and not passed on; the next backup uploads afresh what is still here', async t => {
  const made = await machine(t);
  await withHistory(made);
  const [pack = ''] = [...placeOf(made.remote())]
    .filter(([path]) => path.startsWith('data/'))
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([path]) => path);
  writeFileSync(join(made.remote(), pack), 'rotten');
  const to = join(made.folder, 'disk');
  const { problems } = await move(made, to);
  t.deepEqual(
    problems.map(({ object, code }) => [object, code]),
    [[pack, 'E_OBJECT_ID']],
  );
  t.false(existsSync(join(to, pack)));
  writeFileSync(join(made.folder, 'chats', 'new.txt'), 'new');
  await made.jobs.backup('user');
  await made.jobs.backup('user');
  t.deepEqual(
    (await made.jobs.verifying.verify(100, call)).problems.filter(({ code }) => code !== 'E_MISSING'),
    [],
  );
  const target = join(await temporaryFolder(t), 'restored');
  t.deepEqual((await made.jobs.restore({ snapshot: 'latest', target, include: [], dryRun: false }, call)).skipped, []);
});

test('a place without its config is moved to nobody', async t => {
  const made = await machine(t);
  const place = join(made.remote(), 'config');
  writeFileSync(place, Buffer.alloc(200));
  await t.throwsAsync(move(made, join(made.folder, 'disk')));
  t.is(made.remote(), join(made.folder, 'copies'));
});

test('a second place is made whole at once and after each backup', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  const first = await addMirror(made, disk);
  t.is(first.objects, placeOf(made.remote()).size);
  const [status] = made.jobs.status().mirrors;
  t.like(status, { kind: 'folder', label: 'the folder disk', syncedAt: new Date(made.clock.now()).toISOString() });
  await refused(t, 'E_USAGE', addMirror(made, disk));
  await withHistory(made);
  await made.jobs.mirrors.follow(false);
  await made.jobs.idle();
  t.deepEqual(placeOf(disk), placeOf(made.remote()));

  const again = await restarted(t, made);
  await again.jobs.unlock(given({ password }));
  t.is(again.jobs.status().mirrors.length, 1);
  await again.jobs.mirrors.remove(`folder:${disk}`);
  t.deepEqual(again.jobs.status().mirrors, []);
  await refused(t, 'E_USAGE', again.jobs.mirrors.remove(`folder:${disk}`));
  const kept = placeOf(disk);
  writeFileSync(join(made.folder, 'chats', 'new.txt'), 'new');
  await again.jobs.backup('user');
  await again.jobs.idle();
  t.deepEqual(placeOf(disk), kept);
});

test('a second place that is away fails no backup; after some days a notice tells, and when it is back it is made whole', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  renameSync(disk, `${disk}-away`);
  await withHistory(made);
  await made.jobs.idle();
  t.is(made.jobs.status().mirrors[0]?.problem, 'E_UNREACHABLE');
  t.false(made.jobs.status().notices.some(({ kind }) => kind === 'mirror-behind'));
  t.is(made.jobs.status().lastError, null);
  await made.clock.advance(4 * 86_400_000);
  t.like(
    made.jobs.status().notices.find(({ kind }) => kind === 'mirror-behind'),
    {
      params: { place: 'the folder disk', code: 'E_UNREACHABLE' },
    },
  );
  renameSync(`${disk}-away`, disk);
  await made.jobs.backup('user');
  await made.jobs.idle();
  t.is(made.jobs.status().mirrors[0]?.problem, undefined);
  t.false(made.jobs.status().notices.some(({ kind }) => kind === 'mirror-behind'));
  t.deepEqual(placeOf(disk), placeOf(made.remote()));
});

test('an empty folder where the second place was is a disk that is not mounted: nothing is begun there', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  await made.end();
  renameSync(disk, `${disk}-away`);
  mkdirSync(disk);
  const again = await startMachine(made.folder, made.clock.now() + 3_600_000);
  t.teardown(() => again.end());
  await again.jobs.unlock(given({ password }));
  await withHistory(again);
  await again.jobs.idle();
  t.is(again.jobs.status().mirrors[0]?.problem, 'E_UNREACHABLE');
  await refused(t, 'E_UNREACHABLE', again.jobs.mirrors.sync(call));
  t.deepEqual(readdirSync(disk), []);
});

const newPassword = 'ablaze tidal frosty mango untie clock';
const vaultsOf = (place: string) => readdirSync(join(place, 'signet', 'vault')).sort();
const keysOf = (place: string) => readdirSync(join(place, 'keys')).sort();

test('a new password opens the second place, and the old one does no more', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  const before = vaultsOf(disk);
  await made.jobs.credentials.changePassword(given({ password, newPassword }));
  await made.jobs.idle();
  t.is(vaultsOf(disk).length, 1);
  t.deepEqual(vaultsOf(disk), vaultsOf(made.remote()));
  t.notDeepEqual(vaultsOf(disk), before);
  const oldKeys = keysOf(disk);
  await made.jobs.credentials.renewRecoveryKey(given({ password: newPassword }));
  await made.jobs.idle();
  t.deepEqual(vaultsOf(disk), vaultsOf(made.remote()));
  t.deepEqual(keysOf(disk), keysOf(made.remote()));
  t.notDeepEqual(keysOf(disk), oldKeys);
});

test('a second place that is away for a change loses the old lock when it is back, and one that was used before loses it too', async t => {
  const made = await machine(t);
  const old = made.remote();
  await move(made, join(made.folder, 'new'));
  const [disk, away] = [join(made.folder, 'disk'), join(made.folder, 'away')];
  await addMirror(made, disk);
  renameSync(disk, away);
  await made.jobs.credentials.changePassword(given({ password, newPassword }));
  await made.jobs.idle();
  renameSync(away, disk);
  t.is(vaultsOf(disk).length, 1);
  await made.jobs.mirrors.sync(call);
  t.deepEqual(vaultsOf(disk), vaultsOf(made.remote()));
  await addMirror(made, old);
  t.deepEqual(vaultsOf(old), vaultsOf(made.remote()));
});

test('a second place keeps the lock that the first one hides, and every lock while the first one hides backups', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  const before = vaultsOf(disk);
  const [lock, snapshots] = [join(made.remote(), 'signet', 'vault'), join(made.remote(), 'snapshots')];
  rmSync(lock, { recursive: true });
  writeFileSync(join(made.folder, 'chats', 'a.txt'), 'more');
  await made.jobs.backup('user');
  await made.jobs.idle();
  t.deepEqual(vaultsOf(disk), before);
  await made.jobs.mirrors.sync(call);
  t.deepEqual(vaultsOf(made.remote()), before, 'put back');

  const hidden = join(made.folder, 'hidden');
  renameSync(snapshots, hidden);
  mkdirSync(snapshots);
  await made.jobs.credentials.changePassword(given({ password, newPassword }));
  await made.jobs.idle();
  t.is(vaultsOf(made.remote()).length, 1);
  t.deepEqual(vaultsOf(disk), [...vaultsOf(made.remote()), ...before].sort(), 'the old one may prove what was there');
  rmSync(snapshots, { recursive: true });
  renameSync(hidden, snapshots);
  writeFileSync(join(made.folder, 'chats', 'a.txt'), 'and more');
  await made.jobs.backup('user');
  await made.jobs.idle();
  t.deepEqual(vaultsOf(disk), vaultsOf(made.remote()));
});

test('a second place that lacks the new lock keeps the old one', async t => {
  const mirror = createMemoryRemote(new Map([['keys/old', utf8('x')]]));
  const repository = { isGenuine: async () => true };
  const { signal } = call;
  const inUse = [`signet/vault/${'a'.repeat(64)}.json`];
  const [key = '', other = ''] = [`keys/${'b'.repeat(64)}`, `signet/vault/${'c'.repeat(64)}.json`];
  await mirror.put(key, utf8('an old key'));
  const order = { keys: [key, other], inUse };
  t.deepEqual(await removeSuperseded(mirror, { repository, signal }, order), { isDone: false });
  t.not(await mirror.stat(key), undefined);
  for (const strange of ['config', 'snapshots/x', inUse[0] ?? '']) {
    await refused(t, 'E_INTERNAL', removeSuperseded(mirror, { repository, signal }, { keys: [strange], inUse }));
  }
});

/** Everything a place can lose, one by one and all at once. */
const losses: Readonly<Record<string, (place: string) => unknown>> = {
  'all packs': place => rmSync(join(place, 'data'), { recursive: true }),
  'all indexes': place => rmSync(join(place, 'index'), { recursive: true }),
  'all snapshots': place => rmSync(join(place, 'snapshots'), { recursive: true }),
  'all heads': place => rmSync(join(place, 'signet', 'heads'), { recursive: true }),
  'its key file': place => rmSync(join(place, 'keys'), { recursive: true }),
  'its vault': place => rmSync(join(place, 'signet', 'vault'), { recursive: true }),
  'its config': place => rmSync(join(place, 'config')),
  'packs and indexes': place => {
    for (const name of ['data', 'index']) rmSync(join(place, name), { recursive: true });
  },
  'all but its config': place => {
    for (const name of ['data', 'index', 'snapshots', 'signet', 'keys']) rmSync(join(place, name), { recursive: true });
  },
};
for (const [what, lose] of Object.entries(losses)) {
  test(`a first place that lost ${what} gets it back from the second`, async t => {
    const made = await machine(t);
    const disk = join(made.folder, 'disk');
    await addMirror(made, disk);
    await withHistory(made);
    await made.jobs.idle();
    const [whole, mirror] = [placeOf(made.remote()), placeOf(disk)];
    lose(made.remote());
    const { healed, problems } = await made.jobs.mirrors.sync(call);
    t.deepEqual(problems, []);
    t.true(healed > 0);
    t.deepEqual(placeOf(disk), mirror, 'the copy loses nothing');
    t.deepEqual(placeOf(made.remote()), whole);
    await sound(t, made);
    t.is((await made.jobs.mirrors.sync(call)).healed, 0);
  });

  test(`a second place does not lose ${what} with the first`, async t => {
    const made = await machine(t);
    const disk = join(made.folder, 'disk');
    await addMirror(made, disk);
    const mirror = placeOf(disk);
    lose(made.remote());
    writeFileSync(join(made.folder, 'chats', 'new.txt'), 'new');
    await made.jobs.backup('user').catch(() => undefined); // some of what is gone is needed for a backup
    await made.jobs.idle();
    for (const [path, bytes] of mirror) t.is(placeOf(disk).get(path), bytes, path);
  });
}

for (const folder of ['data', 'index', 'snapshots', 'signet/heads', 'signet/vault', 'keys', 'config'] as const) {
  test(`what is damaged in the first place is put right from the second: ${folder}`, async t => {
    const made = await machine(t);
    const disk = join(made.folder, 'disk');
    await addMirror(made, disk);
    await withHistory(made);
    await made.jobs.idle();
    const whole = placeOf(made.remote());
    // The same size, as bits rot: no listing tells.
    for (const [path, bytes] of whole) {
      if (!path.startsWith(folder)) continue;
      const rotten = Buffer.from(bytes, 'base64');
      rotten[rotten.length >> 1] = (rotten[rotten.length >> 1] ?? 0) ^ 1;
      chmodSync(join(made.remote(), path), 0o600);
      writeFileSync(join(made.remote(), path), rotten);
    }
    t.true((await made.jobs.verifying.verify(100, call)).problems.length > 0);
    const { healed, problems } = await made.jobs.mirrors.sync(call);
    t.deepEqual(problems, []);
    t.true(healed > 0);
    t.deepEqual(placeOf(made.remote()), whole);
    await sound(t, made);
  });
}

test('what no place holds whole is named, and nothing is made worse', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  const pack = [...placeOf(disk).keys()].find(path => path.startsWith('data/')) ?? '';
  rmSync(join(made.remote(), pack));
  writeFileSync(join(disk, pack), 'rotten');
  const { healed, problems } = await made.jobs.mirrors.sync(call);
  t.is(healed, 0);
  t.deepEqual(
    problems.map(({ object, code }) => [object, code]),
    [[pack, 'E_MISSING']],
  );
  t.false(existsSync(join(made.remote(), pack)));
});

test('the second of two places helps where the first of them is damaged too', async t => {
  const made = await machine(t);
  const [one, two] = [join(made.folder, 'one'), join(made.folder, 'two')];
  await addMirror(made, one);
  await addMirror(made, two);
  const whole = placeOf(made.remote());
  const pack = [...whole.keys()].find(path => path.startsWith('data/')) ?? '';
  rmSync(join(made.remote(), pack));
  rmSync(join(one, pack));
  const { problems } = await made.jobs.mirrors.sync(call);
  t.deepEqual(problems, []);
  t.deepEqual(placeOf(made.remote()), whole);
  await made.jobs.mirrors.sync(call);
  t.deepEqual(placeOf(one), whole);
});

test('a restore goes through although the first place lost or damaged packs', async t => {
  const made = await machine(t);
  await withHistory(made);
  const contents = await everything(t, made);
  await addMirror(made, join(made.folder, 'disk'));
  for (const [path] of placeOf(made.remote())) {
    if (path.startsWith('data/')) rmSync(join(made.remote(), path));
  }
  const again = await restarted(t, made);
  await again.jobs.unlock(given({ password }));
  rmSync(join(again.home.cache, 'packs'), { recursive: true, force: true });
  t.deepEqual(await everything(t, again), contents);
});

test('while the first place is away, what is in the copy can be listed and restored; a backup is not made from it', async t => {
  const made = await machine(t);
  await withHistory(made);
  const contents = await everything(t, made);
  await addMirror(made, join(made.folder, 'disk'));
  const away = `${made.remote()}-away`;
  renameSync(made.remote(), away);
  rmSync(join(made.home.cache, 'packs'), { recursive: true, force: true });
  t.deepEqual(await everything(t, made), contents);
  await refused(t, 'E_UNREACHABLE', made.jobs.backup('user'));
  renameSync(away, made.remote());
  t.deepEqual((await made.jobs.backup('user')).alarms, []);
  await sound(t, made);
});

test('a first place that is lost is replaced by its copy, on a locked computer too', async t => {
  const made = await machine(t);
  await withHistory(made);
  const contents = await everything(t, made);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  rmSync(made.remote(), { recursive: true });
  const again = await restarted(t, made);
  await refused(t, 'E_UNREACHABLE', again.jobs.unlock(given({ password })));
  await refused(
    t,
    'E_WRONG_SECRET',
    again.jobs.moving.lost(`folder:${disk}`, given({ password: 'not it at all' }), call),
  );
  t.is(again.remote(), join(made.folder, 'copies'));
  const result = await again.jobs.moving.lost(`folder:${disk}`, given({ password }), call);
  t.deepEqual([result.left, result.problems], [null, []]);
  t.is(again.remote(), disk);
  t.deepEqual(again.jobs.status().mirrors, []);
  t.deepEqual(await everything(t, again), contents);
  await sound(t, again);
  writeFileSync(join(made.folder, 'chats', 'new.txt'), 'new');
  t.deepEqual((await again.jobs.backup('user')).alarms, []);
});

test('what a copy that lags is missing is said, and stands as an alarm', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  renameSync(disk, `${disk}-away`);
  await withHistory(made);
  await made.jobs.idle();
  renameSync(`${disk}-away`, disk);
  const result = await made.jobs.moving.lost(`folder:${disk}`, given({}), call);
  t.deepEqual([...new Set(result.problems.map(({ code }) => code))], ['E_ROLLBACK']);
  t.deepEqual([...new Set((await made.jobs.backup('user')).alarms.map(({ code }) => code))], ['E_ROLLBACK']);
});

test('a place with another backup does not take the part of a lost one', async t => {
  const made = await machine(t);
  const other = await startMachine(await temporaryFolder(t));
  t.teardown(() => other.end());
  mkdirSync(join(other.folder, 'chats'));
  const place = join(other.folder, 'copies');
  const order = { sources: [{ root: join(other.folder, 'chats') }], remote: `folder:${place}` };
  await other.jobs.setup(order, given({ password, phone }), call);
  const before = placeOf(place);
  const thrown = await t.throwsAsync(made.jobs.moving.lost(`folder:${place}`, given({}), call), {
    instanceOf: SignetError,
  });
  t.true(
    ['E_REPO_MISMATCH', 'E_WRONG_SECRET', 'E_MISSING'].some(code => isCode(thrown, code as ErrorCode)),
    thrown?.code,
  );
  t.is(made.remote(), join(made.folder, 'copies'));
  t.deepEqual(placeOf(place), before);
  await refused(t, 'E_USAGE', made.jobs.moving.lost(`folder:${join(made.folder, 'nowhere')}`, given({}), call));
  t.is(made.jobs.status().vault, 'unlocked', 'everything goes on where it was');
  await made.jobs.backup('user');
});

test('a new computer is set up from a copy', async t => {
  const made = await machine(t);
  await withHistory(made);
  const contents = await everything(t, made);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  rmSync(made.remote(), { recursive: true });
  const fresh = await startMachine(await temporaryFolder(t));
  t.teardown(() => fresh.end());
  const { joined } = await fresh.jobs.setup(
    { sources: [], remote: `folder:${disk}` },
    given({ password, phone }),
    call,
  );
  t.true(joined);
  t.deepEqual(await everything(t, fresh), contents);
});

test('a start afresh leaves the second places with the old backup, to be deleted by name', async t => {
  const made = await machine(t);
  const disk = join(made.folder, 'disk');
  await addMirror(made, disk);
  const newPassword = 'ablaze tidal frosty mango untie clock';
  await made.jobs.fresh.start(given({ password, newPassword }), call);
  t.deepEqual(made.jobs.status().mirrors, []);
  const kept = placeOf(disk);
  await made.jobs.backup('user');
  await made.jobs.idle();
  t.deepEqual(placeOf(disk), kept);
  await made.jobs.left.delete('disk', given({ password: newPassword }));
  t.false(existsSync(disk));
});

test('where the disk that holds the first place takes nothing any more, the backup moves away all the same', async t => {
  if (process.getuid?.() === 0) return skip(t, 'nothing is read-only for root', 'is root');
  const made = await machine(t);
  for (const name of ['locks', '.']) chmodSync(join(made.remote(), name), 0o500);
  t.teardown(() => chmodSync(join(made.folder, 'copies'), 0o700));
  await move(made, join(made.folder, 'disk'));
  await sound(t, made);
});
