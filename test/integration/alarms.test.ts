// What a person is told who looks after someone removed the newest backup from the place: in plain words, locked or not, until it is back or
// they said what happened. Stock restic sees nothing wrong there.

import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Alarm, BackupResult, SetupResult, Status } from '../../protocol/status.ts';
import { type Installation, installation, password, phone } from '../support/installation.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

interface Hidden {
  readonly keys: readonly string[];
  restore(): void;
}

/** The newest snapshot and its head, moved out of the place as by hand. */
function hideNewest({ folder, remote }: Installation, snapshot: string): Hidden {
  const heads = readdirSync(join(remote, 'signet', 'heads')).flatMap(device =>
    readdirSync(join(remote, 'signet', 'heads', device)).map(name => join('signet', 'heads', device, name)),
  );
  const newest = heads.toSorted((a, b) => seqOf(b) - seqOf(a))[0] ?? '';
  const keys = [newest, join('snapshots', snapshot)];
  const aside = (key: string): string => join(folder, 'aside', key);
  for (const key of keys) {
    mkdirSync(dirname(aside(key)), { recursive: true });
    renameSync(join(remote, key), aside(key));
  }
  return {
    keys,
    restore() {
      for (const key of keys) renameSync(aside(key), join(remote, key));
    },
  };
}

const seqOf = (key: string): number => Number(key.split('/').at(-1)?.split('-')[0]);

async function twoBackups(t: ExecutionContext) {
  const settings = { schedule: { kind: 'manual', onChange: false } };
  const signet = await installation(t, { settings });
  writeFileSync(join(signet.source, 'a.txt'), 'one');
  const { recoveryKey = '' } = await signet.setUp();
  await signet.ok(['backup']);
  writeFileSync(join(signet.source, 'a.txt'), 'two, and longer');
  const { snapshot = '' } = await signet.ok<BackupResult>(['backup']);
  t.is((await signet.signet(['status'])).code, 0);
  return { signet, snapshot, recoveryKey };
}

/** What a person reads, on one line. */
async function plainly(signet: Installation, args: readonly string[]): Promise<string> {
  const child = signet.start(args);
  let out = '';
  child.stdout?.on('data', chunk => {
    out += chunk;
  });
  await once(child, 'close');
  return out.replaceAll(/\s+/g, ' ').trim();
}

async function alarmed(t: ExecutionContext, signet: Installation, how: string): Promise<Alarm | undefined> {
  const ran = await signet.signet(['status']);
  t.is(ran.code, 17, how);
  const { alarms } = ran.json<Status>();
  t.like(alarms, [{ params: { count: 1 }, decisions: ['given-up'] }], how);
  // By itself it backs up again at times: then the new head says what is missing.
  t.true(['E_ROLLBACK', 'E_WITHHELD'].includes(alarms[0]?.code ?? ''), how);
  return alarms[0];
}

test('a newest backup that was removed by hand is told by every status, and is no alarm any more when it is back', async t => {
  const { signet, snapshot, recoveryKey } = await twoBackups(t);
  const hidden = hideNewest(signet, snapshot);
  const first = await alarmed(t, signet, 'unlocked');
  t.like(first?.backups?.[0], { id: snapshot, number: 2, device: 'bench' });

  if (hasRestic) {
    const { status, out } = await restic(signet.remote, recoveryKey, ['check']);
    t.is(status, 0, out);
    t.true(out.includes('no errors'), 'stock restic sees nothing');
  }

  await signet.ok(['lock']);
  t.is((await alarmed(t, signet, 'locked'))?.id, first?.id);
  await signet.killDaemon();
  t.is((await alarmed(t, signet, 'after a restart'))?.since, first?.since);
  await signet.ok(['unlock'], { password });
  t.is((await alarmed(t, signet, 'unlocked again'))?.id, first?.id);

  hidden.restore();
  t.is((await signet.signet(['status'])).code, 0, 'it is over by itself');
  t.is((await signet.signet(['alarms', 'show'])).code, 0);

  const again = hideNewest(signet, snapshot);
  await signet.ok(['lock']);
  t.not((await alarmed(t, signet, 'locked'))?.id, first?.id, 'another time it is another alarm');
  again.restore();
  t.is((await signet.signet(['status'])).code, 0);
});

test('status and alarms show say in plain words what is missing, what that means and what can be done', async t => {
  const { signet, snapshot } = await twoBackups(t);
  hideNewest(signet, snapshot);
  const status = await plainly(signet, ['status']);
  t.regex(status, /^The cloud is hiding 1 backup that this computer made\. Noticed just now\./);
  t.regex(status, /Your chats on this computer are safe\. .* `signet alarms show` tells more, and what you can do\./);
  const shown = await plainly(signet, ['alarms', 'show']);
  t.regex(
    shown,
    /^The cloud is hiding 1 backup that this computer made\. Noticed just now\. It reached the folder copies/,
  );
  t.regex(shown, /Now it is missing there\. Either someone removed it, or the folder copies is showing an old copy\./);
  t.regex(shown, /number 2, bench, .* Look in the trash of the folder copies\./);
  t.regex(shown, /`signet alarms acknowledge [0-9a-f]{16} --decision given-up` Your chats on this computer are safe\./);
});

test('what is missing while locked is told by names alone', async t => {
  const { signet, snapshot } = await twoBackups(t);
  await signet.ok(['lock']);
  await signet.killDaemon();
  hideNewest(signet, snapshot);
  await alarmed(t, signet, 'locked, by a daemon that never had the keys');
});

test('whoever removed it says so with the password, and everything goes on', async t => {
  const { signet, snapshot } = await twoBackups(t);
  hideNewest(signet, snapshot);
  const alarm = await alarmed(t, signet, 'hidden');
  const id = alarm?.id ?? '';
  const shown = await signet.signet(['alarms', 'show']);
  t.is(shown.code, 17);
  t.is(shown.json<{ alarms: readonly Alarm[] }>().alarms[0]?.id, id);

  const wrong = await signet.signet(['alarms', 'acknowledge', id], { password: 'not this one at all' });
  t.is(wrong.code, 12);
  await alarmed(t, signet, 'a wrong password decides nothing');

  writeFileSync(join(signet.source, 'b.txt'), 'three');
  const during = await signet.ok<BackupResult>(['backup']);
  t.truthy(during.snapshot, 'backups go on');
  t.is(during.alarms.length, 1);
  const still = await signet.status();
  t.is(still.alarms[0]?.id, id, 'a new backup does not cover it up');

  const said = await signet.ok<{ alarms: readonly Alarm[] }>(['alarms', 'acknowledge', '--decision', 'given-up'], {
    password,
  });
  t.deepEqual(said.alarms, []);
  t.is((await signet.signet(['status', '--check'])).code, 0);
  writeFileSync(join(signet.source, 'c.txt'), 'four');
  const next = await signet.ok<BackupResult>(['backup']);
  t.deepEqual([next.snapshot !== undefined, next.alarms], [true, []]);
  t.is((await signet.signet(['verify'])).code, 0);
  t.is((await signet.signet(['alarms', 'acknowledge', id], { password })).code, 1, 'nothing is left to decide');

  const other = await installation(t, { remote: signet.remote, settings: { deviceLabel: 'second' } });
  const joined = await other.setUp();
  t.like(joined satisfies SetupResult, { joined: true, newest: { device: 'bench' } });
  t.true((joined.newest?.number ?? 0) >= 4);
  t.is((await other.signet(['status', '--check'])).code, 0, 'another computer believes it');
});

test('a lock that was removed is put back', async t => {
  const { signet } = await twoBackups(t);
  const folder = join(signet.remote, 'signet', 'vault');
  const [name = ''] = readdirSync(folder);
  renameSync(join(folder, name), join(signet.folder, name));
  const status = await signet.signet(['status']);
  t.is(status.code, 17);
  t.like(status.json<Status>().alarms, [{ params: { what: 'lock' }, decisions: ['put-back'] }]);
  const { alarms } = await signet.ok<{ alarms: readonly Alarm[] }>(['alarms', 'acknowledge'], { password });
  t.deepEqual(alarms, []);
  t.true(existsSync(join(folder, name)));
});

test('another backup under the same name is told, locked or not, and nothing is written there', async t => {
  const { signet } = await twoBackups(t);
  const other = await installation(t);
  writeFileSync(join(other.source, 'x.txt'), 'x');
  await other.setUp();
  await other.ok(['backup']);
  const away = `${signet.remote}-away`;
  renameSync(signet.remote, away);
  renameSync(other.remote, signet.remote);
  const snapshots = () => readdirSync(join(signet.remote, 'snapshots')).length;
  const before = snapshots();
  writeFileSync(join(signet.source, 'd.txt'), 'five');
  t.is((await signet.signet(['backup'])).errorCode(), 'E_REPO_MISMATCH');
  t.is(snapshots(), before);
  for (const command of ['status', 'lock', 'status']) {
    const ran = await signet.signet([command]);
    if (command === 'status') t.like(ran.json<Status>().alarms, [{ code: 'E_REPO_MISMATCH', decisions: [] }]);
  }
  renameSync(signet.remote, other.remote);
  renameSync(away, signet.remote);
  t.is((await signet.signet(['status'])).code, 0);
  t.is((await signet.signet(['unlock'], { password, phone })).code, 0);
});
