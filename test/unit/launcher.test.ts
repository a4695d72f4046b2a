import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { chooseFolder, isOurs, launcherText } from '../../extension/launcher.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const home = '/home/kim';
const everywhere = async () => true;

test('the launcher goes into a folder of the person that is in PATH', async t => {
  const around = { platform: 'linux', env: {}, home, isWritable: everywhere } as const;
  const folderIn = async (path: readonly string[], isWritable = everywhere) =>
    chooseFolder({ ...around, path, isWritable });
  t.deepEqual(await folderIn(['/usr/bin', '/home/kim/bin/', '/home/kim/.local/bin']), {
    folder: '/home/kim/.local/bin',
    isInPath: true,
  });
  t.deepEqual(await folderIn(['/usr/bin', '/home/kim/bin/']), { folder: '/home/kim/bin', isInPath: true });
  t.deepEqual(await folderIn(['/usr/bin', '/home/kim/.nvm/versions/node/v24.1.0/bin']), {
    folder: '/home/kim/.local/bin',
    isInPath: false,
  });
  t.deepEqual(await folderIn(['/usr/local/bin']), { folder: '/home/kim/.local/bin', isInPath: false }, 'for everybody');
  t.deepEqual(await folderIn(['/home/kim/bin'], async () => false), {
    folder: '/home/kim/.local/bin',
    isInPath: false,
  });
  const mac = { ...around, platform: 'darwin', path: ['/usr/local/bin'] } as const;
  t.deepEqual(await chooseFolder(mac), { folder: '/usr/local/bin', isInPath: true });
});

test('the launcher runs the command line with the arguments as they are, and the environment its runtime needs', async t => {
  const folder = join(await temporaryFolder(t), "it's a place");
  mkdirSync(folder);
  const entry = join(folder, 'cli.mjs');
  const shown = 'process.stdout.write(JSON.stringify([process.argv.slice(2), process.env.ELECTRON_RUN_AS_NODE]))';
  writeFileSync(entry, shown);
  const runtime = { node: process.execPath, flags: [], extraEnv: { ELECTRON_RUN_AS_NODE: '1' } };
  const file = join(folder, 'signet');
  writeFileSync(file, launcherText({ platform: 'linux', entry, runtime }));
  chmodSync(file, 0o755);
  t.deepEqual(JSON.parse(execFileSync(file, ['cat', 'two words', '$HOME'], { encoding: 'utf8' })), [
    ['cat', 'two words', '$HOME'],
    '1',
  ]);
});

test('a launcher whose extension is gone says so', async t => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'signet');
  const runtime = { node: process.execPath, flags: [], extraEnv: {} };
  writeFileSync(file, launcherText({ platform: 'linux', entry: join(folder, 'gone.mjs'), runtime }), { mode: 0o755 });
  const ran = spawnSync(file, [], { encoding: 'utf8' });
  t.is(ran.status, 18);
  t.regex(ran.stderr, /install its command in PATH once more/);
});

test('only files that Signet wrote are its own', t => {
  const runtime = { node: '/node', flags: [], extraEnv: {} };
  for (const platform of ['linux', 'darwin', 'win32'] as const)
    t.true(isOurs(launcherText({ platform, entry: '/cli.mjs', runtime })), platform);
  t.false(isOurs('#!/bin/sh\nexec /opt/other/signet "$@"\n'));
  t.false(isOurs(''));
});
