// The .vsix as it is given away: what lies in it, under which licences, and that the command line in it works with no checkout beside it.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { productVersion } from '../../protocol/version.ts';
import { mistakesIn } from '../../scripts/lib/contents.ts';
import { filesIn, type Packaged, packageExtension } from '../../scripts/lib/package.ts';
import { notices, type ThirdParty } from '../../scripts/lib/third-party.ts';

const run = promisify(execFile);
const platform = `${process.platform}-${process.arch}`;
const base = mkdtempSync(join(tmpdir(), 'signet-package-'));
let made: Packaged;
/** The extension, away from where it was built. */
const installed = join(base, 'installed');

test.before(async () => {
  made = await packageExtension(join(base, 'dist'));
  renameSync(made.folder, installed);
});
test.after.always(() => rmSync(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

test('the .vsix holds what belongs there and nothing else', t => {
  const files = filesIn(made.vsix);
  t.true(files.length > 50, 'the list was read');
  t.deepEqual(mistakesIn(files, platform), []);
});

for (const stranger of [
  'extension/test/e2e/workbench.test.ts',
  'extension/daemon/cli/main.ts',
  'extension/main.cjs.map',
  'extension/.env',
  'extension/settings.json',
  'extension/daemon/node_modules/argon2/binding.gyp',
]) {
  test(`${stranger} would be found in it`, t => {
    t.deepEqual(mistakesIn([...filesIn(made.vsix), stranger], platform), [`${stranger} does not belong there`]);
  });
}

test('a package without its command line or its keychain would be noticed', t => {
  const files = filesIn(made.vsix).filter(file => !/cli\.mjs|keytar\.node/.test(file));
  t.deepEqual(mistakesIn(files, platform), [
    'extension/daemon/cli.mjs is missing',
    `extension/daemon/node_modules/keytar/prebuilds/${platform}/keytar.node is missing`,
  ]);
});

test('the manifest has the version of the product, and a picture that is large enough', t => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    version: string;
    icon: string;
    main: string;
  };
  t.is(manifest.version, productVersion);
  t.true(existsSync(join(installed, manifest.main)));
  const icon = readFileSync(join(installed, manifest.icon));
  t.is(icon.toString('latin1', 1, 4), 'PNG');
  const [width, height] = [icon.readUInt32BE(16), icon.readUInt32BE(20)];
  t.is(width, height);
  t.true(width >= 128, `${width}`);
});

const party: ThirdParty = { name: 'a', version: '1.0.0', licence: 'MIT', text: 'x'.repeat(300) };

test('every package inside is named with its licence, and one that may not be there stops the packaging', t => {
  const text = readFileSync(join(installed, 'THIRD_PARTY_NOTICES.txt'), 'utf8');
  for (const name of ['vscode-languageclient', 'node-ipc', 'argon2', '@github/keytar', '@aws-sdk/nested-clients']) {
    t.true(text.includes(`\n${name} `), name);
  }
  t.notThrows(() => notices([party]));
  t.throws(() => notices([party, { ...party, name: 'b', licence: 'GPL-3.0' }]), { message: /b is under GPL-3\.0/ });
  t.throws(() => notices([{ ...party, licence: 'BlueOak-1.0.0' }]), { message: /a is under BlueOak/ });
  t.throws(() => notices([{ ...party, text: '' }]), { message: /a comes without the text/ });
});

test('the command line in it works by itself', async t => {
  const home = join(base, 'home');
  mkdirSync(home, { mode: 0o700 });
  const env = { HOME: home, SIGNET_HOME: join(home, 'signet'), PATH: process.env['PATH'] ?? '' };
  const signet = async (...args: readonly string[]) => {
    const entry = join(installed, 'daemon', 'cli.mjs');
    // What is not as it should be has a status of its own, and is said all the same.
    const { stdout } = await run(process.execPath, ['--no-warnings', entry, ...args], { env, cwd: home }).catch(
      (error: { readonly stdout: string }) => error,
    );
    return stdout;
  };
  t.is(await signet('--version'), `${productVersion}\n`);
  t.regex(await signet('--help'), /Usage: signet/);
  try {
    t.regex(await signet('status'), /Your chats are not backed up yet/);
  } finally {
    await signet('daemon', 'stop');
  }
});
