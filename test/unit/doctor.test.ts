import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { aroundFacts } from '../../daemon/jobs/around.ts';
import { type DoctorOptions, examine } from '../../daemon/jobs/doctor.ts';
import { countFolders, watchLimits } from '../../daemon/platform/watch-limits.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import type { DoctorCheck, PlaceStatus } from '../../protocol/status.ts';
import { someStatus } from '../support/fake-handlers.ts';
import { temporaryFolder, temporaryHome } from '../support/temporary-home.ts';

const now = Date.parse('2026-11-23T09:00:00Z');

interface Kit {
  readonly chats: string;
  readonly copies: string;
  readonly settings: Settings;
  /** The line of that name, with parts of the world as given. */
  look(name: string, changes?: Partial<DoctorOptions>): Promise<DoctorCheck>;
  all(changes?: Partial<DoctorOptions>): Promise<readonly DoctorCheck[]>;
}

async function kit(t: ExecutionContext): Promise<Kit> {
  const home = await temporaryHome(t);
  for (const folder of [home.state, home.runtime]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const folder = await temporaryFolder(t);
  const chats = join(folder, 'chats');
  const copies = join(folder, 'copies');
  mkdirSync(chats);
  mkdirSync(join(copies, 'snapshots'), { recursive: true });
  const source = { id: 'generic-abcd2345', profile: 'generic', label: 'Chats', root: chats };
  const settings: Settings = { ...defaultSettings('bench'), remote: `folder:${copies}`, sources: [source] };
  const all = (changes: Partial<DoctorOptions> = {}) =>
    examine({
      home,
      platform: 'linux',
      now: Date.now(),
      settingsFile: '/home/kim/.config/signet/settings.json',
      settings: async () => settings,
      status: someStatus(),
      check: async () => someStatus(),
      runtime: async () => [{ name: 'Node', ok: true, detail: '24.21.0' }],
      keychain: async () => ({ isWanted: true, kind: 'session', backend: 'keytar' }),
      autostart: async () => ({ manager: 'systemd', isCurrent: true }),
      limits: async () => ({ watches: 1000, instances: 128, openFiles: 65_536 }),
      countFolders: async () => 10,
      freeBytes: async () => 10e9,
      fact: () => undefined,
      places: [],
      googleRoot: undefined,
      ...changes,
    });
  const look = async (name: string, changes: Partial<DoctorOptions> = {}) => {
    const found = (await all(changes)).find(check => check.name === name);
    if (found === undefined) throw new Error(`there is no line ${name}`);
    return found;
  };
  return { chats, copies, settings, all, look };
}

test('a computer on which all is well has only good lines', async t => {
  const lines = await (await kit(t)).all();
  t.deepEqual(
    lines.filter(({ ok }) => !ok),
    [],
  );
  t.deepEqual(
    lines.map(({ name }) => name),
    [
      ...[
        'Node',
        'settings',
        'keychain',
        'connection',
        'disk',
        'lock',
        'start at login',
        'clock',
        'place of the copies',
      ],
      ...['chats 1', 'watching'],
    ],
  );
});

test('it works before anything is set up, and while locked', async t => {
  const { all, look } = await kit(t);
  const absent = {
    settings: async () => undefined,
    status: someStatus({ vault: 'absent', lastBackup: null, remote: null }),
  };
  t.true((await all(absent)).every(({ ok }) => ok));
  t.is((await look('lock', absent)).advice, 'run `signet setup`');
  t.is((await look('lock', { status: someStatus({ vault: 'locked' }) })).advice, 'run `signet unlock`');
});

test('a settings file that cannot be used is one line, and the rest is looked at', async t => {
  const { all } = await kit(t);
  const settings = async () => {
    throw new SignetError('E_SETTING', 'x', { params: { key: 'quietMs', problem: 'must be at least 0' } });
  };
  const lines = await all({ settings });
  t.like(
    lines.find(({ name }) => name === 'settings'),
    { ok: false, detail: 'The setting quietMs cannot be used: must be at least 0.' },
  );
  t.true(lines.length > 5);
});

test('one look that fails is a line, not the end of the others', async t => {
  const { look } = await kit(t);
  const check = async () => {
    throw Object.assign(new Error('secret words'), { code: 'EIO' });
  };
  t.like(await look('place of the copies', { check }), { ok: false, detail: 'could not be looked at (EIO)' });
});

test('each kind of keychain is told, and none of them is a fault', async t => {
  const { look } = await kit(t);
  t.is((await look('keychain')).detail, 'used (keytar): the password is asked for once in each login');
  for (const kind of ['memory-only', 'unavailable'] as const) {
    const found = await look('keychain', { keychain: async () => ({ isWanted: true, kind, backend: null }) });
    t.true(found.ok);
    t.true(found.advice?.includes('gnome-keyring'));
  }
  const off = await look('keychain', {
    keychain: async () => ({ isWanted: false, kind: 'memory-only', backend: null }),
  });
  t.true(off.detail.startsWith('not used, as you chose'));
});

test('a folder of the socket that others may enter is told', async t => {
  const { look } = await kit(t);
  const home = await temporaryHome(t);
  mkdirSync(home.runtime, { recursive: true });
  mkdirSync(home.state, { recursive: true });
  chmodSync(home.runtime, 0o755);
  t.like(await look('connection', { home }), { ok: false });
});

test('a full disk, an entry of another Signet, and a limit on watching are told with what to do', async t => {
  const { look } = await kit(t);
  t.like(await look('disk', { freeBytes: async () => 100e6 }), {
    ok: false,
    detail: "100 MB are free for Signet's own files",
  });
  t.like(await look('start at login', { autostart: async () => ({ manager: 'systemd', isCurrent: false }) }), {
    ok: false,
    advice: 'run `signet daemon install` again',
  });
  t.like(await look('start at login', { autostart: async () => undefined }), { ok: true });
  const many = await look('watching', { countFolders: async () => 801 });
  t.false(many.ok);
  t.true(many.advice?.includes('sudo sysctl fs.inotify.max_user_watches=4096'), many.advice);
  t.true((await look('watching', { countFolders: async () => 800 })).ok);
  const limits = { watches: 1000, instances: 128, openFiles: 65_536 };
  t.false((await look('watching', { limits: async () => ({ ...limits, instances: 1 }) })).ok);
  t.false((await look('watching', { limits: async () => ({ ...limits, openFiles: 256 }) })).ok);
  t.true((await look('watching', { limits: async () => undefined })).ok);
});

test('a source that is gone or may not be read is told by its label, on a Mac with the permission to give', async t => {
  const { look, settings } = await kit(t);
  const [source] = settings.sources;
  const at = (root: string) => ({
    settings: async () => ({ ...settings, sources: source === undefined ? [] : [{ ...source, root }] }),
  });
  const gone = await look('chats 1', at('/nowhere/at/all'));
  t.like(gone, { ok: false, detail: 'Chats: /nowhere/at/all is not there' });
  // A folder that root may read, too, cannot be made: a loop of links is refused to everybody.
  const loop = join(await temporaryFolder(t), 'loop');
  symlinkSync(loop, loop);
  t.true((await look('chats 1', { ...at(loop), platform: 'darwin' })).advice?.includes('Full Disk Access'));
});

test('a place that is away, gone or answers is told', async t => {
  const { look, settings } = await kit(t);
  const remote = { kind: 'folder', label: 'the folder Copies', reachable: false };
  t.like(await look('place of the copies', { check: async () => someStatus({ remote }) }), {
    ok: false,
    detail: 'the folder Copies cannot be reached',
  });
  const nowhere = { settings: async () => ({ ...settings, remote: 'folder:/nowhere/at/all' }) };
  t.like(await look('place of the copies', nowhere), { ok: false });
  t.true((await look('place of the copies')).detail.includes('can be read and written, 10 GB are free there'));
});

test('a clock that is more than two days behind what is stored is told', async t => {
  const { look, copies } = await kit(t);
  const newest = Date.parse(someStatus().lastBackup?.at ?? '');
  const hour = 3_600_000;
  utimesSync(join(copies, 'snapshots'), new Date(now), new Date(now));
  t.true((await look('clock', { now: newest - 47 * hour })).ok);
  t.like(await look('clock', { now: newest - 49 * hour }), { ok: false });
  utimesSync(join(copies, 'snapshots'), new Date(now + 60 * hour), new Date(now + 60 * hour));
  const ahead = await look('clock', { now });
  t.true(ahead.detail.startsWith('the place of the copies lies 3 days in the future'), ahead.detail);
});

test('programs around backups are looked for, and what went wrong with them is told without the address', async t => {
  const { all, settings, chats } = await kit(t);
  const program = join(chats, 'program');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o700 });
  const lines = await all({
    settings: async () => ({
      ...settings,
      beforeBackup: ['/nowhere/mount'],
      afterBackup: [program],
      healthCheckUrl: 'https://hc.example/secret-id',
    }),
    fact: name => ({ [aroundFacts.afterBackup]: 'ended with 7', [aroundFacts.healthCheckUrl]: 'answered 404' })[name],
  });
  t.deepEqual(
    lines.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`),
    [
      'program before backups: /nowhere/mount cannot be started (ENOENT)',
      `program after backups: ${program} ended with 7 the last time`,
      'health check: answered 404 the last time',
    ],
  );
  t.notRegex(JSON.stringify(lines), /secret-id/);
});

test('limits are read as Linux tells them, and are none elsewhere', async t => {
  const proc = await temporaryFolder(t);
  t.is(await watchLimits(proc), undefined);
  mkdirSync(join(proc, 'sys/fs/inotify'), { recursive: true });
  mkdirSync(join(proc, 'self'));
  writeFileSync(join(proc, 'sys/fs/inotify/max_user_watches'), '65536\n');
  writeFileSync(join(proc, 'sys/fs/inotify/max_user_instances'), '128\n');
  writeFileSync(
    join(proc, 'self/limits'),
    'Limit  Soft  Hard\nMax open files            1024       524288     files\n',
  );
  t.deepEqual(await watchLimits(proc), { watches: 65_536, instances: 128, openFiles: 1024 });
});

test('folders are counted with their root, and not further than asked', async t => {
  const root = await temporaryFolder(t);
  for (const path of ['a/b', 'c']) mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, 'a/file'), '');
  t.is(await countFolders(root, 100), 4);
  t.is(await countFolders(root, 2), 2);
  t.is(await countFolders(join(root, 'nothing'), 100), 1);
});

test('each cloud that is connected has a line, and one that needs its owner says what to run', async t => {
  const { look, all } = await kit(t);
  const place: PlaceStatus = { remote: 'drive:Signet', kind: 'drive', label: 'Google Drive', role: 'main', advice: [] };
  const asked = { account: 'anna@example.org', quota: { limit: 16e9, used: 6e9 } };
  const name = 'connection of drive:Signet';
  const fine = await look(name, { places: [{ ...place, ...asked }] });
  t.like(fine, { ok: true, detail: 'connected as anna@example.org, 10 GB were free when it was last asked' });
  const ended = await look(name, { places: [{ ...place, signIn: 'needed' }] });
  t.like(ended, { ok: false, advice: 'run `signet remote connect drive:Signet`' });
  const folder: PlaceStatus = { ...place, remote: 'folder:/copies', kind: 'folder' };
  t.deepEqual(
    (await all({ places: [folder] })).filter(line => line.name.startsWith('connection of')),
    [],
  );
});

test('a server in place of Google is shown', async t => {
  const { look } = await kit(t);
  const googleRoot = 'http://127.0.0.1:8080/';
  t.true((await look('SIGNET_GOOGLE_ROOT', { googleRoot })).detail.includes(googleRoot));
});

test('a cloud that could not be asked is not called unreachable', async t => {
  const { look, settings } = await kit(t);
  const remote = { kind: 'drive', label: 'Google Drive', reachable: null };
  const change = (vault: 'locked' | 'unlocked') => ({
    settings: async () => ({ ...settings, remote: 'drive:Signet' }),
    check: async () => someStatus({ remote, vault }),
  });
  t.like(await look('place of the copies', change('locked')), { ok: true });
  t.regex((await look('place of the copies', change('locked'))).detail, /locked/);
  t.regex((await look('place of the copies', change('unlocked'))).detail, /sign-in/);
});
