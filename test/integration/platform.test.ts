// What stands around the backups, by the commands that people use: settings, programs before and after, start at login.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { DoctorCheck } from '../../protocol/status.ts';
import { installation, password } from '../support/installation.ts';
import { skip } from '../support/skip.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

function change(home: string, values: object): void {
  const path = join(home, 'config', 'settings.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...values }));
}

test('a setting is shown, changed at once and kept; what starts programs is refused with the file to edit', async t => {
  const signet = await installation(t);
  t.like(await signet.ok<object>(['settings', 'get']), { quietMs: 30_000, waitOnMetered: true, deviceLabel: 'bench' });
  await signet.ok(['settings', 'set', 'quietMs', '10m']);
  await signet.ok(['settings', 'set', 'waitOnMetered', 'off']);
  await signet.ok(['settings', 'set', 'deviceLabel', 'Kitchen']);
  t.is((await signet.status()).device?.label, 'Kitchen');
  await signet.killDaemon();
  t.deepEqual(await signet.ok(['settings', 'get', 'quietMs']), { quietMs: 600_000 });

  const refused = await signet.signet(['settings', 'set', 'beforeBackup', '/bin/true']);
  t.is(refused.code, 2);
  t.true(refused.err.includes(join(signet.home, 'config', 'settings.json')), refused.err);
  t.is((await signet.signet(['settings', 'set', 'quietMs', 'soon'])).code, 2);
  t.is((await signet.signet(['settings', 'set', 'quietMs', '30d'])).errorCode(), 'E_SETTING');
  t.is((await signet.signet(['settings', 'get', 'nothing'])).code, 2);
});

test('programs run around each backup, and one that says no stops it, in words', async t => {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'chat.txt'), 'hello\n');
  await signet.setUp();
  const out = join(signet.folder, 'out');
  change(signet.home, {
    beforeBackup: ['/bin/sh', '-c', 'echo before >> "$1"', 'sh', out],
    afterBackup: ['/bin/sh', '-c', 'echo "after $SIGNET_OUTCOME" >> "$1"', 'sh', out],
  });
  await signet.ok(['backup']);
  await signet.ok(['backup']);
  t.is(readFileSync(out, 'utf8'), 'before\nafter good\nbefore\nafter nothing-new\n');

  change(signet.home, { beforeBackup: ['/bin/sh', '-c', 'exit 5'] });
  writeFileSync(join(signet.source, 'chat.txt'), 'hello again\n');
  const failed = await signet.signet(['backup']);
  t.is(failed.code, 1);
  t.is(failed.errorCode(), 'E_COMMAND');
  t.true(failed.err.includes('ended with 5'), failed.err);
  t.is((await signet.status()).lastError?.code, 'E_COMMAND');
  t.true(readFileSync(out, 'utf8').endsWith('after failed\n'));
});

test('the daemon is started at login from then on, by an entry that starts this very one, and no longer', async t => {
  if (process.platform !== 'linux')
    return skip(t, 'other systems have managers that no test may change', 'other system');
  const user = await temporaryFolder(t);
  const bin = join(user, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\nexit 0\n');
  chmodSync(join(bin, 'systemctl'), 0o700);
  const environment = { HOME: user, XDG_CONFIG_HOME: join(user, '.config'), PATH: `${bin}:${process.env['PATH']}` };
  const signet = await installation(t, { environment });
  const { manager, file } = await signet.ok<{ manager: string; file: string }>(['daemon', 'install']);
  t.is(manager, 'systemd');
  t.true(file.startsWith(join(user, '.config', 'systemd', 'user', 'signet-')), file);
  const unit = readFileSync(file, 'utf8');
  t.true(unit.includes(`Environment="SIGNET_HOME=${signet.home}"`), unit);
  t.regex(
    unit,
    /ExecStart="[^"]+" "--disable-sigusr1" "--no-warnings" "--max-semi-space-size=4" "[^"]+daemon\/main\.ts"\n/,
  );
  t.deepEqual(await signet.ok(['daemon', 'install']), { manager, file });
  writeFileSync(file, unit.replace('daemon/main.ts', 'of-an-older-version/main.ts'));
  await signet.killDaemon();
  while (readFileSync(file, 'utf8') !== unit) await signet.status(); // the next start brings it up to date
  t.deepEqual(await signet.ok(['daemon', 'uninstall']), { removed: true });
  t.false(existsSync(file));
  t.deepEqual(await signet.ok(['daemon', 'uninstall']), { removed: false });
});

test('a second daemon for a served home ends as if nothing were wrong, so that no manager starts it again', async t => {
  const signet = await installation(t);
  await signet.ok(['daemon', 'start']);
  const child = signet.start(['daemon', 'run']);
  const [code] = await new Promise<[number | null]>(resolve => child.once('exit', code => resolve([code])));
  t.is(code, 0);
  t.is((await signet.signet(['daemon', 'status'])).code, 0);
});

test('the doctor looks at a computer before set-up and after, and names what is broken, one by one', async t => {
  const signet = await installation(t);
  const examine = async (code: number): Promise<string[]> => {
    const ran = await signet.signet(['doctor']);
    t.is(ran.code, code, ran.out + ran.err);
    return ran
      .json<DoctorCheck[]>()
      .filter(({ ok }) => !ok)
      .map(({ name }) => name);
  };
  t.deepEqual(await examine(0), []);
  writeFileSync(join(signet.source, 'chat.txt'), 'hello\n');
  await signet.setUp();
  await signet.ok(['backup']);
  t.deepEqual(await examine(0), []);

  renameSync(signet.source, `${signet.source}-away`);
  t.deepEqual(await examine(1), ['chats 1']);
  renameSync(`${signet.source}-away`, signet.source);
  renameSync(signet.remote, `${signet.remote}-away`);
  t.deepEqual(await examine(1), ['place of the copies']);
  renameSync(`${signet.remote}-away`, signet.remote);
  change(signet.home, { afterBackup: ['/nowhere/program'] });
  t.deepEqual(await examine(1), ['program after backups']);
  change(signet.home, { afterBackup: [] });
  await signet.ok(['lock']);
  t.deepEqual(await examine(0), []);

  change(signet.home, { quietMs: 'long' });
  t.deepEqual(await examine(1), ['settings']);
  await signet.killDaemon();
  t.deepEqual(await examine(2), ['background part']);
});

test('a changed setting counts at once: the watcher follows', async t => {
  const patient = { quietMs: 600_000, longestWaitMs: 600_000, smallestIntervalMs: 0 };
  const signet = await installation(t, { settings: { ...patient, watch: 'chokidar', rescanMs: 0 } });
  writeFileSync(join(signet.source, 'chat.txt'), 'hello\n');
  await signet.setUp();
  await signet.ok(['backup']);
  await signet.ok(['settings', 'set', 'quietMs', '100ms']);
  writeFileSync(join(signet.source, 'chat.txt'), 'hello again\n');
  const status = await signet.until('a backup of the change', ({ lastBackup }) => lastBackup?.reason === 'change');
  t.is(status.lastBackup?.filesChanged, 1);
});

test('the desktop is told of a source that is gone, once, and again only after it was back', async t => {
  if (process.platform !== 'linux') return skip(t, 'the tool of this desktop cannot be replaced', 'other system');
  const folder = await temporaryFolder(t);
  const shown = join(folder, 'shown');
  writeFileSync(join(folder, 'notify-send'), `#!/bin/sh\necho "$5" >> '${shown}'\n`, { mode: 0o700 });
  const environment = { PATH: `${folder}:${process.env['PATH']}` };
  const signet = await installation(t, { environment, settings: { desktopNotices: true } });
  const other = join(signet.folder, 'other');
  mkdirSync(other);
  writeFileSync(join(signet.source, 'chat.txt'), 'hello\n');
  writeFileSync(join(other, 'chat.txt'), 'hello\n');
  await signet.setUp(['--source', other]);
  await signet.ok(['backup']);
  const notices = () => (existsSync(shown) ? readFileSync(shown, 'utf8').trim().split('\n') : []);
  const backUpPartly = async () => {
    t.is((await signet.signet(['backup'])).code, 3);
    await signet.until('the notice in the state', ({ notices }) =>
      notices.some(({ kind }) => kind === 'missing-source'),
    );
  };

  renameSync(other, `${other}-away`);
  await backUpPartly();
  await backUpPartly();
  while (notices().length === 0) await signet.status();
  await signet.killDaemon();
  await signet.ok(['unlock'], { password });
  await backUpPartly();
  renameSync(`${other}-away`, other);
  t.is((await signet.signet(['backup'])).code, 0);
  t.is(notices().length, 1);
  renameSync(other, `${other}-away`);
  await backUpPartly();
  while (notices().length < 2) await signet.status();
  t.is(notices().length, 2);
  t.true(notices()[0]?.startsWith('One of your folders with chats is not where it was.'), notices()[0]);
});
