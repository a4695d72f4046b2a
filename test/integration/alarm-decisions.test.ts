// What ends each alarm: its owner's word with the right password, and nothing else; afterwards everything goes on and nothing is told any more.

import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Alarm, AlarmDecision, BackupResult, RestoreResult, Status } from '../../protocol/status.ts';
import { type Installation, installation, password } from '../support/installation.ts';

const manual = { settings: { schedule: { kind: 'manual', onChange: false } } };

async function backedUp(t: ExecutionContext): Promise<Installation> {
  const signet = await installation(t, manual);
  writeFileSync(join(signet.source, 'a.txt'), 'one '.repeat(20));
  await signet.setUp();
  await signet.ok(['backup']);
  return signet;
}

async function backUp({ source, ok }: Installation, name: string): Promise<BackupResult> {
  writeFileSync(join(source, name), `${name} `.repeat(30));
  return ok<BackupResult>(['backup']);
}

/** Exactly this one stands, and a wrong password does not end it. */
async function stands(
  t: ExecutionContext,
  { signet }: Pick<Installation, 'signet'>,
  code: Alarm['code'],
  decision: AlarmDecision,
): Promise<void> {
  const status = await signet(['status', '--check']);
  t.is(status.code, 17);
  const { alarms } = status.json<Status>();
  t.deepEqual(
    alarms.map(each => each.code),
    [code],
  );
  t.true(alarms[0]?.decisions.includes(decision));
  const wrong = await signet(['alarms', 'acknowledge', '--decision', decision], { password: 'not this one at all' });
  t.is(wrong.code, 12);
  t.is((await signet(['status'])).code, 17, 'a wrong password decides nothing');
}

async function ends(
  t: ExecutionContext,
  signet: Installation,
  decision: AlarmDecision,
  secrets: object = { password },
): Promise<void> {
  const left = await signet.ok<{ alarms: readonly Alarm[] }>(
    ['alarms', 'acknowledge', '--decision', decision],
    secrets,
  );
  t.deepEqual(left.alarms, []);
  const { snapshot, alarms } = await backUp(signet, 'afterwards.txt');
  t.deepEqual([snapshot !== undefined, alarms], [true, []]);
  t.is((await signet.signet(['status', '--check'])).code, 0);
}

/** Files below a folder of the place, by key. */
const keysBelow = (remote: string, folder: string): readonly string[] =>
  readdirSync(join(remote, folder), { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(key => statSync(join(remote, key)).isFile());

function move(from: string, to: string, keys: readonly string[]): void {
  for (const key of keys) {
    mkdirSync(dirname(join(to, key)), { recursive: true });
    renameSync(join(from, key), join(to, key));
  }
}

test('a computer set back to an older state, that backed up once more meanwhile, is one computer again by its owner’s word', async t => {
  const signet = await backedUp(t);
  const { remote, folder, home } = signet;
  await signet.killDaemon();
  const image = join(folder, 'image');
  cpSync(home, image, { recursive: true });
  for (const name of ['.', ...readdirSync(image, { recursive: true, encoding: 'utf8' })]) {
    if (statSync(join(image, name)).isDirectory()) chmodSync(join(image, name), 0o700); // copying goes by the umask
  }
  const before = new Set([...keysBelow(remote, 'snapshots'), ...keysBelow(remote, 'signet/heads')]);
  await signet.ok(['unlock'], { password });
  await backUp(signet, 'before.txt');
  await signet.killDaemon();
  const made = [...keysBelow(remote, 'snapshots'), ...keysBelow(remote, 'signet/heads')].filter(
    key => !before.has(key),
  );
  t.is(made.length, 2);
  move(remote, join(folder, 'aside'), made);
  rmSync(home, { recursive: true });
  renameSync(image, home);
  await signet.ok(['unlock'], { password });
  await backUp(signet, 'again.txt');
  move(join(folder, 'aside'), remote, made);

  await stands(t, signet, 'E_FORK', 'restored-image');
  await ends(t, signet, 'restored-image');
  t.is((await signet.snapshots()).length, 4);
});

test('a lock that another computer changed is taken over with the new password', async t => {
  const signet = await backedUp(t);
  const other = await installation(t, { ...manual, remote: signet.remote });
  await other.setUp();
  const newPassword = 'granite 7 lantern orbit walrus';
  await other.ok(['password', 'change'], { password, newPassword });

  await stands(t, signet, 'E_VAULT_CHANGED', 'changed-elsewhere');
  await ends(t, signet, 'changed-elsewhere', { password: newPassword });
  await signet.ok(['lock']);
  t.is((await signet.signet(['unlock'], { password })).code, 12);
  await signet.ok(['unlock'], { password: newPassword });
});

test('a forged memory is believed no more, and its owner says that the computer was set back', async t => {
  const signet = await backedUp(t);
  await signet.killDaemon();
  const trust = keysBelow(signet.home, '.').find(key => key.endsWith('trust.json')) ?? '';
  const text = readFileSync(join(signet.home, trust), 'utf8');
  const forged = text.replace(/seq(\W+)1\b/, 'seq$10');
  t.not(forged, text);
  writeFileSync(join(signet.home, trust), forged);
  await signet.ok(['unlock'], { password });

  await stands(t, signet, 'E_STATE_CORRUPT', 'restored-image');
  await ends(t, signet, 'restored-image');
});

/** Two backups, of which only the second's file is still on this computer; then every pack is gone. */
async function packsLost(t: ExecutionContext): Promise<Installation> {
  const signet = await backedUp(t);
  rmSync(join(signet.source, 'a.txt'));
  await backUp(signet, 'b.txt');
  for (const key of keysBelow(signet.remote, 'data')) rmSync(join(signet.remote, key));
  const { snapshot, alarms } = await backUp(signet, 'c.txt');
  t.truthy(snapshot, 'backups go on');
  t.deepEqual(
    alarms.map(({ code }) => code),
    ['E_MISSING'],
  );
  return signet;
}

test('contents that are lost for good are given up; what still has them on this computer stores them again', async t => {
  const signet = await packsLost(t);
  t.is((await signet.signet(['prune'])).errorCode(), 'E_ALARM');
  await stands(t, signet, 'E_MISSING', 'given-up');
  await ends(t, signet, 'given-up');
  const { files } = await signet.ok<RestoreResult>(['restore', 'latest', '--to', join(signet.folder, 'back')]);
  t.is(files, 3);
  // Nothing is deleted while a backup lacks something.
  t.is((await signet.signet(['prune'])).errorCode(), 'E_MISSING');
  t.is((await signet.signet(['verify'])).code, 1, 'what is lost stays told to who checks');
});

test('where the index was repaired nothing names lost packs any more, and the next backup ends their alarm', async t => {
  const signet = await packsLost(t);
  await signet.ok(['repair', 'index']);
  t.is((await signet.signet(['status'])).code, 17, 'not before a look');
  const { alarms } = await backUp(signet, 'd.txt');
  t.deepEqual(alarms, []);
  t.is((await signet.signet(['status', '--check'])).code, 0);
  t.is((await signet.signet(['verify'])).code, 1, 'what is lost stays told to who checks');
});
