// Restores of a person in a real editor window: back into the place of a live app, with the app still open at first; the way back and the way
// forth again; and on a new computer, from the copies alone. SIGNET_SCREENS=<folder> keeps a picture of each step.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { contents, desk } from '../support/desk.ts';
import { installation, password, phone } from '../support/installation.ts';

test('what was put back over a live app is taken back, and brought back, after the app is closed', async t => {
  t.timeout(180_000);
  const { signet, workbench, picture } = await desk(t);
  const chats = signet.source;
  mkdirSync(join(chats, 'older'));
  writeFileSync(join(chats, 'older', 'note.txt'), 'the first message\n');
  writeFileSync(join(chats, 'list.txt'), 'milk\n');
  const asBackedUp = contents(chats);
  await signet.setUp(['--schedule', 'manual']);
  await signet.ok(['backup']);
  await workbench.status(/^\s*Signet\s*$/).waitFor({ timeout: 60_000 });

  rmSync(join(chats, 'older'), { recursive: true });
  writeFileSync(join(chats, 'list.txt'), 'milk, bread\n');
  const before = contents(chats);
  // Only what may write counts as the app.
  const holds = "require('node:fs').openSync(process.argv[1], 'r+'); console.log('open'); setInterval(() => {}, 1e6)";
  const app = spawn(process.execPath, ['-e', holds, join(chats, 'list.txt')], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => app.kill());
  await once(app.stdout, 'data');

  await workbench.runCommand('Signet: Restore');
  // What Signet backed up by itself meanwhile is above it.
  const which = workbench.question('Restore: Which Backup (1/4)');
  await which.waitFor();
  await which.locator('.monaco-list-row').last().click();
  await workbench.accept('Restore: What (2/4)');
  await workbench.choose('Restore: Where (3/4)', 'Back into');
  const preview = workbench.question('Restore: Preview (4/4)');
  await preview.getByPlaceholder('1 file comes back, 1 is replaced, nothing is deleted.').waitFor();
  await picture('preview');
  await preview
    .locator('.monaco-list-row')
    .filter({ hasText: /^Restore/ })
    .click();
  const dialog = workbench.dialog();
  await dialog.filter({ hasText: 'What is there now is kept beside it, so you can go back.' }).waitFor();
  await picture('question');
  await dialog.locator('.monaco-button', { hasText: 'Restore' }).click();

  await dialog.filter({ hasText: 'is open.' }).waitFor();
  await picture('open');
  t.deepEqual(contents(chats), before, 'nothing is touched under an app that is open');
  const closed = once(app, 'exit');
  app.kill();
  await closed;
  await dialog.locator('.monaco-button', { hasText: 'It Is Closed' }).click();
  const report = workbench.notification('Restored 2 files');
  await report.waitFor();
  await picture('restored');
  t.deepEqual(contents(chats), asBackedUp);
  const kept = () => readdirSync(dirname(chats)).filter(name => name.startsWith('chats.signet-before-'));
  t.is(kept().length, 1);
  t.is(readFileSync(join(dirname(chats), kept()[0] ?? '', 'list.txt'), 'utf8'), 'milk, bread\n');

  await report.locator('.monaco-button', { hasText: 'Undo' }).click();
  await dialog.filter({ hasText: 'Take back the restore of' }).waitFor();
  await dialog.locator('.monaco-button', { hasText: 'Take Back' }).click();
  await workbench.notification('as it was before the restore.').waitFor();
  t.deepEqual(contents(chats), before);

  await workbench.runCommand('Signet: Restore');
  await workbench.choose('Restore: Which Backup (1/4)', 'Bring back the restore that was taken back');
  await dialog.filter({ hasText: 'that was taken back' }).waitFor();
  await picture('bring-back');
  await dialog.locator('.monaco-button', { hasText: 'Bring Back' }).click();
  await workbench.notification('as the restore had left it.').waitFor();
  t.deepEqual(contents(chats), asBackedUp);
});

test('a new computer asks for the number on the sheet, and gives everything back from the copies alone', async t => {
  t.timeout(180_000);
  const first = await installation(t);
  mkdirSync(join(first.source, 'photos'));
  writeFileSync(join(first.source, 'note.txt'), 'the first message\n');
  writeFileSync(join(first.source, 'photos', 'harbour.jpg'), 'a picture');
  await first.setUp(['--schedule', 'manual']);
  await first.ok(['backup']);

  const { signet, workbench, home, picture } = await desk(t);
  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await workbench.runCommand('Signet: Restore');
  await workbench.choose('Restore: Place (1/3)', 'A folder');
  await workbench.chooseFolder('Restore: Place', 'Restore from Here', first.remote);
  await workbench.answer('Restore: Password (2/3)', password);
  await workbench.answer('Restore: Phone (3/3)', phone);
  const dialog = workbench.dialog();
  await dialog.filter({ hasText: 'Newest backup: number 1, from bench, today.' }).waitFor({ timeout: 60_000 });
  await picture('number');
  await dialog.locator('.monaco-button', { hasText: 'Go On' }).click();
  await workbench.choose('Restore: Which Backup (1/4)', 'Newest');
  await workbench.accept('Restore: What (2/4)');
  await workbench.choose('Restore: Where (3/4)', 'A new folder');
  const preview = workbench.question('Restore: Preview (4/4)');
  await preview.getByPlaceholder('2 files come back').waitFor();
  await preview.locator('.monaco-list-row').first().click();
  await workbench.notification('Restored 2 files').waitFor({ timeout: 60_000 });
  await picture('restored-elsewhere');
  const restored = readdirSync(home).find(name => name.startsWith('Signet Restore')) ?? '';
  const [source = ''] = readdirSync(join(home, restored));
  t.deepEqual(contents(join(home, restored, source)), contents(first.source));
  const { vault, sources } = await signet.status();
  t.deepEqual([vault, sources], ['unlocked', []], 'it only looks and restores');
});
