// A whole Signet with its copies in a cloud: connected, set up, backed up, locked, started again, restored, joined from another machine.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { BackupResult, RestoreResult, SetupResult, Status, VerifyResult } from '../../protocol/status.ts';
import { bucket, drive } from '../support/clouds.ts';
import { signIn } from '../support/drive-owner.ts';
import { type Installation, password, phone } from '../support/installation.ts';

const clouds = { S3: bucket, 'Google Drive': drive };

/** Each command is a process of its own. */
const longestMs = 240_000;

const chats = { 'one.txt': 'hello', 'more/two.txt': 'how are you' };

function write(signet: Installation, files: Readonly<Record<string, string>> = chats): void {
  mkdirSync(join(signet.source, 'more'), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(signet.source, path), text);
}

const setUp = (signet: Installation, remote: string, ...more: readonly string[]): Promise<SetupResult> =>
  signet.ok(['setup', '--source', signet.source, '--remote', remote, ...more], { password, phone });

async function restored(signet: Installation, name: string): Promise<Record<string, string>> {
  const target = join(signet.folder, name);
  await signet.ok<RestoreResult>(['restore', 'latest', '--to', target]);
  const [source = ''] = readdirSync(target);
  return Object.fromEntries(Object.keys(chats).map(path => [path, readFileSync(join(target, source, path), 'utf8')]));
}

/** Every file of the home that is not a socket. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
}

for (const [name, start] of Object.entries(clouds)) {
  test(`${name}: connect, set up, back up, restart, lock, unlock, restore`, async t => {
    t.timeout(longestMs);
    const place = await start(t);
    const { remote, connect } = place;
    const signet = await place.installation();
    write(signet);
    await connect(signet);
    await setUp(signet, remote, '--new');
    await signet.ok<BackupResult>(['backup']);
    t.deepEqual(await restored(signet, 'first'), chats);

    // The keys of the storage are sealed: a new process knows them only after the password.
    await signet.killDaemon();
    t.is((await signet.status()).vault, 'locked');
    const early = await signet.signet(['backup']);
    t.is(early.errorCode(), 'E_VAULT_LOCKED');
    await signet.ok(['unlock'], { password });
    write(signet, { ...chats, 'one.txt': 'hello again' });
    await signet.ok<BackupResult>(['backup']);
    await signet.ok(['lock']);
    await signet.ok(['unlock'], { password });
    t.deepEqual(await restored(signet, 'second'), { ...chats, 'one.txt': 'hello again' });

    for (const file of filesBelow(signet.home)) {
      const bytes = readFileSync(file);
      t.false(bytes.includes(place.secret), file);
      t.is(statSync(file).mode & 0o077, 0, file);
    }
  });

  test(`${name}: setting up in a cloud before it is connected says so, with its own exit status`, async t => {
    t.timeout(longestMs);
    const place = await start(t);
    const { remote } = place;
    const signet = await place.installation();
    write(signet);
    const ran = await signet.signet(['setup', '--source', signet.source, '--remote', remote], { password, phone });
    t.is(ran.code, 16);
    t.is(ran.errorCode(), 'E_SIGN_IN');
    t.is(place.requests(), 0);
  });

  test(`${name}: a second machine joins by password and phone once it is connected`, async t => {
    t.timeout(longestMs);
    const place = await start(t);
    const { remote, connect } = place;
    const first = await place.installation();
    write(first);
    await connect(first);
    await setUp(first, remote, '--new');
    await first.ok(['backup']);

    const second = await place.installation();
    const client = await connect(second);
    const result = await setUp(second, remote);
    t.true(result.joined);
    t.is((await client.status()).repository?.snapshots, 1);
    t.deepEqual(await restored(second, 'back'), chats);
  });

  test(`${name}: while locked nothing is asked of the cloud, and the state says that it is not known`, async t => {
    t.timeout(longestMs);
    const place = await start(t);
    const { remote, connect } = place;
    const signet = await place.installation();
    write(signet);
    await connect(signet);
    await setUp(signet, remote, '--new');
    await signet.ok(['lock']);
    const before = place.requests();
    const ran = await signet.signet(['status', '--check']);
    t.is(ran.json<Status>().remote?.reachable, null);
    // Whether another device set a new password cannot be looked up either: this computer's own copy alone decides.
    t.is((await signet.signet(['unlock'], { password: 'not this one at all' })).errorCode(), 'E_WRONG_SECRET');
    t.is(place.requests(), before);
  });

  test(`${name}: a renewed recovery key opens after a restart, and the old one does not`, async t => {
    t.timeout(longestMs);
    const place = await start(t);
    const { remote, connect } = place;
    const signet = await place.installation();
    write(signet);
    await connect(signet);
    const { recoveryKey: old = '' } = await setUp(signet, remote, '--new');
    const { recoveryKey } = await signet.ok<{ recoveryKey: string }>(['recovery-key', 'renew'], { password });
    await signet.killDaemon();
    t.is((await signet.signet(['unlock'], { recoveryKey: old })).errorCode(), 'E_WRONG_SECRET');
    await signet.ok(['unlock'], { recoveryKey });
    await signet.ok(['backup']);
  });

  test(`${name}: a fresh backup beside the old one, and the old one deleted`, async t => {
    t.timeout(longestMs);
    const place = await start(t);
    const { remote, connect } = place;
    const signet = await place.installation();
    write(signet);
    const client = await connect(signet);
    await setUp(signet, remote, '--new');
    await signet.ok(['backup']);
    const newPassword = 'seven other words make another password';
    const fresh = await signet.ok<{ remote: string; left: string }>(['fresh'], { password, newPassword, phone });
    t.regex(fresh.remote, /[/:]chats-\d{8}-[0-9a-f]{4}$/);
    await signet.killDaemon();
    await signet.ok(['unlock'], { password: newPassword });
    t.deepEqual(await restored(signet, 'fresh'), chats);
    await signet.ok(['fresh', '--delete-old', fresh.left], { password: newPassword });
    t.deepEqual(
      (await place.objects()).filter(path => path.includes('chats/')),
      [],
    );
    client.close();
  });
}

test('a recovery key that was renewed on another computer is taken over, and opens after a restart', async t => {
  t.timeout(longestMs);
  const place = await bucket(t);
  const { remote, connect } = place;
  const first = await place.installation();
  write(first);
  await connect(first);
  await setUp(first, remote, '--new');
  const second = await place.installation();
  write(second);
  await connect(second);
  await setUp(second, remote);
  await second.ok(['recovery-key', 'renew'], { password });
  for (const _ of ['takes it over', 'opens with it']) {
    await first.killDaemon();
    await first.ok(['unlock'], { password });
    await first.ok(['backup']);
  }
});

test('Google Drive: an ended grant stops what runs by itself, and signing in again lets it go on', async t => {
  t.timeout(longestMs);
  const { google, remote, connect, ...place } = await drive(t);
  const signet = await place.installation();
  write(signet);
  const client = await connect(signet);
  await setUp(signet, remote, '--new');
  await signet.ok(['backup']);
  google.revokeRefreshTokens();
  google.expireAccessTokens();
  write(signet, { ...chats, 'one.txt': 'later' });
  t.is((await signet.signet(['backup'])).code, 16);
  const ended = await signet.status();
  t.like(ended.remote, { signIn: 'needed', account: google.account.email });

  // Nothing is asked of it any more, by no timer and no look at the state.
  const before = google.log.length;
  t.is((await signet.signet(['status', '--check'])).json<Status>().remote?.reachable, null);
  t.is(google.log.length, before);

  // Who is locked out meanwhile is not locked out for good.
  await signet.ok(['lock']);
  t.is((await signet.signet(['unlock'], { password })).code, 16);
  google.set({ account: google.otherAccount.email });
  await t.throwsAsync(signIn(client, google, remote));
  google.set({ account: google.account.email });
  await signIn(client, google, remote);
  await signet.ok(['unlock'], { password });
  await signet.ok(['backup']);
  const after = await signet.status();
  t.is(after.remote?.signIn, undefined);
  t.deepEqual(await restored(signet, 'after'), { ...chats, 'one.txt': 'later' });
  t.deepEqual(google.violations, []);
});

test('Google Drive: who disconnects keeps the copies, and can go on after signing in again', async t => {
  t.timeout(longestMs);
  const { google, remote, connect, ...place } = await drive(t);
  const signet = await place.installation();
  write(signet);
  const client = await connect(signet);
  await setUp(signet, remote, '--new');
  await signet.ok(['backup']);
  const copies = google.paths();
  await client.disconnectRemote();
  t.is((await client.status()).remote?.signIn, 'needed');
  t.is((await signet.signet(['backup'])).code, 16);
  t.deepEqual(google.paths(), copies);
  await signIn(client, google, remote);
  await signet.ok(['backup']);
  const [main] = await client.showRemote();
  t.like(main, { remote, role: 'main', account: google.account.email, clientId: google.client.id });
  t.is(main?.signIn, undefined);
});

test('a backup that is cancelled in the middle of an upload ends at once, and the next one goes on with what was sealed', async t => {
  t.timeout(120_000);
  const cloud = await drive(t);
  const signet = await cloud.installation();
  writeFileSync(join(signet.source, 'a.txt'), 'the first message');
  await cloud.connect(signet);
  await signet.ok(['setup', '--source', signet.source, '--remote', cloud.remote, '--new'], { password, phone });
  await signet.ok(['backup']);

  writeFileSync(join(signet.source, 'b.bin'), randomBytes(12_000_000));
  cloud.google.set({ upBytesPerSec: 10_000 }); // the rest would take twenty minutes
  const running = signet.signet(['backup']);
  await signet.until('only the line is waited for', ({ job }) => job?.bytesDone === 12_000_000);
  await signet.ok(['cancel']);
  const { code, err } = await running;
  t.is(code, 130, err);

  cloud.google.set({ upBytesPerSec: undefined });
  t.is((await signet.ok<BackupResult>(['backup'])).filesNew, 1);
  t.true((await signet.ok<VerifyResult>(['verify', '--read-data'])).ok);
});
