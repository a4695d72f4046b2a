// How a boot and a login are told from the next, on each platform, and the marker in the runtime folder.

import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { LoginMarker, loginSession, type System } from '../../daemon/platform/login-session.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const bootId = '01234567-89ab-cdef-0123-456789abcdef';

/** A system that answers as told, by the last word of what it is asked. */
const system = (platform: NodeJS.Platform, answers: Record<string, string>): System => ({
  platform,
  uid: 501,
  file: async path => answers[path] ?? '',
  output: async (_, args) => answers[args.at(-1) ?? ''] ?? '',
});

test('on Linux the boot has an id', async t => {
  const path = '/proc/sys/kernel/random/boot_id';
  t.is(await loginSession(system('linux', { [path]: `${bootId}\n` })), `linux ${bootId}`);
  for (const text of ['', 'unknown', bootId.slice(1), `${bootId}0`, bootId.toUpperCase()]) {
    t.is(await loginSession(system('linux', { [path]: text })), undefined, text);
  }
});

test('on macOS the boot has an id and the login an audit session', async t => {
  const boot = '5D3C6B4E-0B9F-4A3B-8C39-0E6F1B7A9D21';
  const login = 'gui/501 = {\n\ttype = login\n\tsecurity context = {\n\t\tuid = 501\n\t\tasid = 100012\n\t}\n}\n';
  const asked = (answers: Record<string, string>) => loginSession(system('darwin', answers));
  t.is(await asked({ 'kern.bootsessionuuid': `${boot}\n`, 'gui/501': login }), `darwin ${boot} 100012`);
  t.is(await asked({ 'kern.bootsessionuuid': `${boot}\n` }), `darwin ${boot} none`);
  t.is(await asked({ 'gui/501': login }), undefined);
});

test('on Windows the boot is counted and the login has a SID', async t => {
  const boot = '\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\…\\PrefetchParameters\r\n    BootId    REG_DWORD    0x1A\r\n\r\n';
  const asked = (answers: Record<string, string>) => loginSession(system('win32', answers));
  t.is(await asked({ BootId: boot, '/logonid': 'S-1-5-5-0-186537\r\n' }), 'win32 0x1a S-1-5-5-0-186537');
  t.is(await asked({ BootId: boot }), undefined);
  t.is(await asked({ '/logonid': 'S-1-5-5-0-186537\r\n' }), undefined);
});

test('a system that nobody knows has no login to keep anything for', async t => {
  t.is(await loginSession(system('freebsd', {})), undefined);
});

test('the marker is private, comes back whole or not at all, and can be touched when it is gone', async t => {
  const folder = await temporaryFolder(t);
  const marker = new LoginMarker(folder);
  const path = join(folder, 'session');
  t.is(await marker.load(), undefined);
  await marker.touch(1000);
  const half = new Uint8Array(32).fill(9);
  await marker.save(half);
  await marker.touch(1_764_000_000_000);
  const found = await marker.load();
  t.deepEqual([Uint8Array.from(found?.half ?? []), found?.usedAt], [half, 1_764_000_000_000]);
  if (process.platform !== 'win32') t.is(statSync(path).mode & 0o777, 0o600);
  for (const length of [0, 31, 33]) {
    writeFileSync(path, new Uint8Array(length));
    t.is(await marker.load(), undefined, `${length} bytes`);
  }
  await marker.remove();
  await marker.remove();
  mkdirSync(path);
  t.is(await marker.load(), undefined, 'a folder');
  rmSync(path, { recursive: true });
});
