// Sessions with a real keyring behind them: who is asked for the password again, and when.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { KeychainProcess } from '../../daemon/platform/keychain.ts';
import { isGone } from '../../protocol/launch.ts';
import { drive } from '../support/clouds.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { signIn } from '../support/drive-owner.ts';
import { type Installation, installation, password, phone } from '../support/installation.ts';
import { keyring, withoutKeyring } from '../support/keyring.ts';
import { skip } from '../support/skip.ts';

const settings = { useKeychain: true };
const longestMs = 180_000;

interface Made {
  readonly signet: Installation;
  /** The keyring as the daemon sees it. */
  readonly keychain: KeychainProcess;
  readonly environment: Readonly<Record<string, string>>;
}

async function made(
  t: ExecutionContext,
  kind: Parameters<typeof keyring>[1] = 'unlocked',
): Promise<Made & { readonly lock: () => void }> {
  t.timeout(longestMs);
  const { environment, lock } = await keyring(t, kind);
  const signet = await installation(t, { environment, settings });
  return { signet, environment, lock, keychain: new KeychainProcess({ environment }) };
}

const installId = ({ home }: Installation): string => readFileSync(join(home, 'config', 'install-id')).toString('hex');
const phoneFile = ({ home }: Installation): string => join(home, 'state', 'phone');
const marker = ({ home }: Installation): string => join(home, 'run', 'session');

async function state({ signet }: Pick<Made, 'signet'>): Promise<readonly [string, string]> {
  const { vault, keychain } = await signet.status();
  return [vault, keychain];
}

test.serial(
  'unlocked once, Signet stays unlocked over kill -9, over an orderly end and over an update, until it is locked',
  async t => {
    if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
    const one = await made(t);
    const { signet, keychain } = one;
    writeFileSync(join(signet.source, 'a.txt'), 'one');
    await signet.setUp();
    t.deepEqual(await state(one), ['unlocked', 'session']);
    t.is((await signet.status()).keychainBackend, 'keytar');

    await signet.killDaemon();
    await signet.ok(['backup']); // the very first request is not told "locked"
    await signet.ok(['daemon', 'stop']);
    const again = await signet.status();
    t.deepEqual([again.vault, again.phoneEnding, again.notices], ['unlocked', '23', []]);
    t.is((await signet.snapshots()).length, 1);

    await signet.ok(['lock']);
    t.is(await keychain.get(`${installId(signet)}/session`), null);
    t.throws(() => statSync(marker(signet)), { code: 'ENOENT' });
    await signet.killDaemon();
    t.deepEqual(await state(one), ['locked', 'session']);
    await signet.ok(['unlock'], { password }); // the phone number is not asked for
    await signet.killDaemon();
    t.deepEqual(await state(one), ['unlocked', 'session']);
  },
);

test.serial(
  'the session opens a cloud as it opens a folder; where its grant has ended it asks once, and goes on after the sign-in',
  async t => {
    if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
    t.timeout(longestMs);
    const { environment } = await keyring(t, 'unlocked');
    const { google, remote, connect, ...place } = await drive(t, { environment, settings });
    const signet = await place.installation();
    writeFileSync(join(signet.source, 'a.txt'), 'one');
    await connect(signet);
    const setUp = ['setup', '--source', signet.source, '--remote', remote, '--new'];
    await signet.ok(setUp, { password, phone });
    await signet.killDaemon();
    await signet.ok(['backup']);

    await signet.killDaemon();
    google.revokeRefreshTokens();
    google.expireAccessTokens();
    const ended = await signet.status();
    t.deepEqual([ended.vault, ended.remote?.signIn], ['locked', 'needed']);
    const asked = google.log.length;
    await signet.status();
    t.is(google.log.length, asked);
    const client = await daemonClient(t, signet.home);
    await signIn(client, google, remote);
    await signet.until(
      'the session goes on',
      ({ vault, remote: at }) => vault === 'unlocked' && at?.signIn === undefined,
    );
    await signet.ok(['backup']);
  },
);

test.serial('what the keyring gets is sealed, and the phone number lies nowhere else', async t => {
  if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
  const { signet, keychain } = await made(t);
  const { recoveryKey = '' } = await signet.setUp();
  const entry = await keychain.get(`${installId(signet)}/session`);
  const text = Buffer.from(entry ?? []).toString('utf8');
  t.regex(text, /^signet-session-1\.[\w-]+$/);
  const bytes = Buffer.from(text.slice('signet-session-1.'.length), 'base64url');
  t.false(bytes.includes(Buffer.from(recoveryKey, 'hex')));
  t.false(bytes.includes(password) || text.includes(recoveryKey));
  t.is(statSync(marker(signet)).mode & 0o777, 0o600);
  t.is(Buffer.from((await keychain.get(`${installId(signet)}/phone`)) ?? []).toString(), '+14155550123');
  t.throws(() => statSync(phoneFile(signet)), { code: 'ENOENT' });

  await signet.ok(['recovery-key', 'renew'], { password });
  await signet.killDaemon();
  t.deepEqual(await state({ signet }), ['unlocked', 'session'], 'the session follows a new key');
});

/** Starts the daemon of an installation in another world: on another boot, or without a library. */
async function startIn(t: ExecutionContext, { signet, environment }: Made, world: string): Promise<void> {
  const preload = new URL(`../support/other-world.ts?${world}`, import.meta.url).href;
  const main = fileURLToPath(new URL('../../daemon/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-sigusr1', '--no-warnings', '--import', preload, main], {
    env: { ...process.env, ...environment, SIGNET_HOME: signet.home },
    stdio: 'ignore',
  });
  t.teardown(() => child.kill('SIGKILL'));
  while ((await signet.daemonPid()) !== child.pid) t.is(child.exitCode, null, 'the daemon goes on starting');
}

test.serial(
  'after a reboot, and after a logout that empties the runtime folder, the password is asked for',
  async t => {
    if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
    const one = await made(t);
    const { signet, keychain } = one;
    await signet.setUp();
    await signet.killDaemon();
    await startIn(t, one, 'boot=01234567-89ab-cdef-0123-456789abcdef');
    t.deepEqual(await state(one), ['locked', 'session']);
    t.is(await keychain.get(`${installId(signet)}/session`), null, 'what does not fit is taken away');

    await signet.killDaemon();
    await signet.ok(['unlock'], { password });
    const pid = (await signet.daemonPid()) ?? 0;
    rmSync(join(signet.home, 'run'), { recursive: true });
    t.true(await isGone(pid), 'a daemon that outlives the login ends, and its keys with it');
    t.deepEqual(await state(one), ['locked', 'session']);
    t.is((await signet.status()).phoneEnding, '23', 'the phone number is still known');
  },
);

const worlds = [
  ['a locked keyring', 'locked', '', 'memory-only', 'keytar'],
  ['a bus without a keyring', 'none', '', 'memory-only', 'keytar'],
  ['a keyring and no binding that loads', 'unlocked', 'without=keytar&without=napi', 'unavailable', null],
] as const;
for (const [name, kind, world, keychain, backend] of worlds) {
  test.serial(`with ${name} the keys stay in memory, and everything else works`, async t => {
    if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
    const one = await made(t, kind);
    const { signet } = one;
    writeFileSync(join(signet.source, 'a.txt'), 'one');
    await startIn(t, one, world);
    await signet.setUp();
    const status = await signet.status();
    t.deepEqual([status.vault, status.keychain, status.keychainBackend], ['unlocked', keychain, backend]);
    t.deepEqual(
      status.notices.map(notice => notice.kind),
      ['no-keychain'],
    );
    t.is(statSync(phoneFile(signet)).mode & 0o777, 0o600);
    t.throws(() => statSync(marker(signet)), { code: 'ENOENT' });
    await signet.killDaemon();
    await startIn(t, one, world);
    t.deepEqual(await state(one), ['locked', keychain]);
    t.is((await signet.signet(['backup'])).errorCode(), 'E_VAULT_LOCKED');
    await signet.ok(['unlock'], { password });
    await signet.ok(['backup']);
  });
}

test.serial(
  'without a session bus the keys stay in memory, and a keyring that comes later takes phone number and session',
  async t => {
    if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
    t.timeout(longestMs);
    const bare = await installation(t, { settings, environment: { DBUS_SESSION_BUS_ADDRESS: 'disabled:' } });
    await bare.setUp();
    t.is((await bare.status()).keychain, 'memory-only');
    await bare.killDaemon();
    const { environment } = await keyring(t);
    const one = { signet: bare, environment, keychain: new KeychainProcess({ environment }) };
    await startIn(t, one, '');
    t.deepEqual(await state(one), ['locked', 'session']);
    t.true(existsSync(phoneFile(bare)));
    await bare.ok(['unlock'], { password });
    t.false(existsSync(phoneFile(bare)));
    const phone = await one.keychain.get(`${installId(bare)}/phone`);
    t.is(Buffer.from(phone ?? []).toString(), '+14155550123');
    await bare.killDaemon();
    await startIn(t, one, '');
    t.deepEqual(await state(one), ['unlocked', 'session']);
  },
);

test.serial('where keytar does not load, the other binding keeps the session', async t => {
  if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
  const one = await made(t);
  await startIn(t, one, 'without=keytar');
  await one.signet.setUp();
  t.is((await one.signet.status()).keychainBackend, '@napi-rs/keyring');
  await one.signet.killDaemon();
  await startIn(t, one, 'without=keytar');
  t.deepEqual(await state(one), ['unlocked', 'session']);
  // Each binding files its items in its own way: when the library comes, the person is asked once more.
  await one.signet.killDaemon();
  t.deepEqual(await state(one), ['locked', 'session']);
  await one.signet.ok(['unlock'], { password, phone });
  t.is((await one.signet.status()).keychainBackend, 'keytar');
});

test.serial(
  'a keyring that is locked meanwhile asks for password and phone, and is never taken for a computer that is not set up',
  async t => {
    if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
    const one = await made(t);
    const { signet } = one;
    await signet.setUp();
    await signet.killDaemon();
    one.lock();
    const status = await signet.status();
    t.deepEqual([status.vault, status.keychain, status.phoneEnding], ['locked', 'memory-only', null]);
    const refused = await signet.signet(['unlock'], { password });
    t.deepEqual([refused.code, refused.errorCode()], [2, 'E_USAGE']);
    await signet.ok(['unlock'], { password, phone });
    t.is((await signet.status()).phoneEnding, '23');
  },
);

test.serial('garbage in the keychain opens nothing and is taken away; what others keep there stays', async t => {
  if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
  const one = await made(t);
  const { signet, keychain } = one;
  await signet.setUp();
  await signet.killDaemon();
  const account = `${installId(signet)}/session`;
  await keychain.set(account, Buffer.from('garbage'));
  await keychain.set('somebody/session', Buffer.from('theirs'));
  t.deepEqual(await state(one), ['locked', 'session']);
  t.is(await keychain.get(account), null);
  t.is(Buffer.from((await keychain.get('somebody/session')) ?? []).toString(), 'theirs');
});

const restarts = process.env['SIGNET_LONG'] === undefined ? 4 : 100;
test.serial(`no crash and no question in ${restarts} restarts`, async t => {
  if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
  const { signet } = await made(t);
  t.timeout(25 * 60_000);
  await signet.setUp();
  const pids = new Set<number | undefined>();
  for (let at = 0; at < restarts; at += 1) {
    if (at % 2 === 0) await signet.killDaemon();
    else await signet.ok(['daemon', 'stop']);
    t.is((await signet.status()).vault, 'unlocked', `restart ${at}`);
    pids.add(await signet.daemonPid());
  }
  t.is(pids.size, restarts);
});
