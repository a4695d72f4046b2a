// The way out that README.md promises: its commands as they stand there, run by a shell with stock restic.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { compareFolders } from '../../scripts/lib/compare.ts';
import { realSignet } from '../support/real-signet.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the three lines of README.md bring everything back with restic and the recovery key alone', async t => {
  t.timeout(120_000);
  const base = mkdtempSync(join(tmpdir(), 'signet-readme-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const [chats, cloud] = [join(base, 'chats'), join(base, 'cloud')];
  mkdirSync(join(chats, 'photos'), { recursive: true });
  writeFileSync(join(chats, 'note.txt'), 'the first message\n');
  writeFileSync(join(chats, 'photos', 'harbour.jpg'), Buffer.alloc(700_000, 7));

  const config = join(base, 'home', 'config');
  mkdirSync(config, { recursive: true, mode: 0o700 });
  const settings = { v: 1, useKeychain: false }; // whoever runs this has a keychain of their own
  writeFileSync(join(config, 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
  const signet = realSignet(t, join(base, 'home'));
  const secrets = JSON.stringify({ password: 'quiet harbour lantern 27 sails', phone: '+12025550123' });
  const answer = signet(['setup', '--source', chats, '--remote', `folder:${cloud}`, '--secrets-stdin'], secrets);
  signet(['backup']);

  const script = /## The way out[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  t.is(script.trim().split('\n').length, 3);
  t.true(script.includes('/media/disk/Backup'));
  writeFileSync(join(base, 'recovery-key.txt'), String(answer['recoveryKey']), { mode: 0o600 });
  execFileSync('sh', ['-euc', script.replace('/media/disk/Backup', cloud)], { cwd: base, encoding: 'utf8' });
  const [source = ''] = execFileSync('ls', [join(base, 'restored')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const { files, differences } = await compareFolders(chats, join(base, 'restored', source), () => false);
  t.is(files, 2);
  t.deepEqual(differences, []);
});
