// One afternoon of a person in a real editor window, with Signet from its package and a real keyring: set up, see chats backed up by
// themselves while their app writes, look into a backup, bring it back, lock, unlock, and find the background part gone.
// SIGNET_SCREENS=<folder> keeps a picture of each step.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Schedule } from '../../protocol/status.ts';
import { generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { compareFolders } from '../../scripts/lib/compare.ts';
import { startLiveWriter } from '../../scripts/lib/live-writer.ts';
import { desk } from '../support/desk.ts';
import { keyring, withoutKeyring } from '../support/keyring.ts';
import { skip } from '../support/skip.ts';

const password = 'quiet harbour lantern 27 sails';
const phone = '+41 44 668 18 00';

/** One pixel, a PNG. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

test('a person backs up, loses nothing, and gets everything back, all in the editor', async t => {
  t.timeout(360_000);
  if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
  const { environment } = await keyring(t);
  const { signet, workbench, home, installed, picture, openWindow } = await desk(t, {
    environment,
    settings: { useKeychain: true },
  });
  const chats = signet.source;
  generateWhatsApp(chats, { databaseBytes: 1_000_000, mediaBytes: 500_000, datedCopies: 0 });
  writeFileSync(join(chats, 'note.txt'), 'the first message\n');
  mkdirSync(join(chats, 'photos'));
  writeFileSync(join(chats, 'photos', 'harbour.png'), png);
  mkdirSync(signet.remote);

  // Not set up: the status bar says so, the views have one sentence and one button.
  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await workbench.runCommand('View: Show Signet');
  await workbench.page.locator('.part.sidebar', { hasText: 'Your chats are not backed up yet.' }).waitFor();
  await picture('not-set-up');

  await workbench.runCommand('Signet: Set Up Backup');
  await workbench.choose('Set Up Backup: Chats (1/', 'Another folder');
  await workbench.chooseFolder('Set Up Backup: Chats', 'Back Up This Folder', chats);
  await workbench.question('Set Up Backup: Chats (1/7)').waitFor();
  await picture('set-up-chats');
  await workbench.accept('Set Up Backup: Chats (1/7)');
  await workbench.choose('Set Up Backup: Place (2/7)', 'A folder');
  await picture('set-up-folder');
  await workbench.chooseFolder('Set Up Backup: Place', 'Keep the Copies Here', signet.remote);
  await workbench.answer('Set Up Backup: Password (3/7)', 'password');
  await workbench.question('Too easy to guess. Add a word or two.').waitFor();
  await picture('set-up-password');
  await workbench.answer('Set Up Backup: Password (3/7)', password);
  await workbench.answer('Set Up Backup: Password Again (4/7)', `${password}!`);
  await workbench.question('The two are not the same.').waitFor();
  await workbench.answer('Set Up Backup: Password Again (4/7)', password);
  await workbench.answer('Set Up Backup: Phone (5/7)', phone);
  await workbench.answer('Set Up Backup: Phone Again (6/7)', `${phone.slice(0, -2)}10`);
  await workbench.question('The last two digits differ: 00 and 10.').waitFor();
  await workbench.answer('Set Up Backup: Phone Again (6/7)', phone);
  await picture('set-up-how-often');
  await workbench.choose('Set Up Backup: How Often (7/7)', 'Daily');

  const dialog = workbench.dialog();
  await dialog.waitFor({ timeout: 60_000 });
  await picture('recovery-key');
  const groups = (await dialog.innerText()).match(/\b[0-9a-f]{4}\b/g) ?? [];
  t.is(groups.length, 17, 'sixteen groups of four and the check group');
  await dialog.locator('.monaco-button', { hasText: 'I Wrote It Down' }).click();
  const question = workbench.question('To make sure it is readable, type group');
  await question.waitFor();
  await picture('recovery-sheet');
  const asked = Number(/type group (\d+)/.exec(await question.innerText())?.[1]);
  await workbench.answer('type group', groups[asked - 1] ?? '');

  await workbench.row('All backed up').waitFor({ timeout: 60_000 });
  await workbench.status(/^\s*Signet\s*$/).waitFor();
  await picture('backed-up');
  t.regex(await daemonProgram(signet.daemonPid), new RegExp(installed));

  // An app that writes: it is backed up by itself, and the status bar tells of it.
  const heard = await workbench.listenToStatus();
  const before = (await signet.snapshots()).length;
  const writer = await startLiveWriter({ folder: chats, everyMs: 20 });
  await writer.committed(25);
  await writer.stop();
  writeFileSync(join(chats, 'note.txt'), 'the first message\nand an answer\n');
  await signet.until('backed up by itself', status => status.job === null && status.waiting === null, 60_000);
  await workbench.status(/^\s*Signet\s*$/).waitFor();
  t.true((await signet.snapshots()).length > before);
  const labels = await heard();
  t.true(
    labels.some(label => label.includes('Backing up')),
    labels.join(' | '),
  );
  await picture('changed');

  // What is asked for in one place is told by all of them.
  const { lastGoodAt: goodBefore } = await signet.status();
  await workbench.runCommand('Signet: Back Up Now');
  await signet.until('good again', ({ lastGoodAt, job }) => job === null && lastGoodAt !== goodBefore);
  await workbench.row('All backed up').filter({ hasText: 'just now' }).waitFor();
  await workbench.runCommand('Signet: Open Status');
  const panel = workbench.webview();
  await panel.locator('h1', { hasText: 'Everything is backed up' }).waitFor();
  await panel.getByLabel('Weekly').check();
  const weekly: Schedule['kind'] = 'weekly';
  await signet.until('weekly', ({ schedule }) => schedule.kind === weekly);
  await panel.getByLabel('Weekly').and(panel.locator(':checked')).waitFor();

  const other = await openWindow();
  await other.status(/^\s*Signet\s*$/).waitFor({ timeout: 60_000 });
  const locked = Promise.all([workbench, other].map(window => window.status('Signet: Locked').waitFor()));
  await signet.ok(['lock']);
  const lockedAt = performance.now();
  await locked;
  t.log(`both windows heard of the lock within ${Math.round(performance.now() - lockedAt)} ms`);
  await other.close();
  await picture('locked');

  await workbench.runCommand('Signet: Unlock');
  await workbench.answer('Unlock Signet', 'not the password');
  await workbench.question(/wrong/).waitFor({ timeout: 60_000 });
  await picture('unlock-wrong');
  await workbench.answer('Unlock Signet', password);
  await workbench.status(/^\s*Signet\s*$/).waitFor({ timeout: 60_000 });

  // Looking into the newest backup: a text, a picture, and what changed since.
  const view = 'Snapshots';
  await workbench.expand('verified', view);
  await picture('snapshots');
  await workbench.expand('WhatsApp', view);
  await workbench.row('note.txt', view).dblclick();
  await workbench.tab('note.txt').waitFor();
  await workbench.page.locator('.monaco-editor .view-line', { hasText: 'and an answer' }).first().waitFor();
  await picture('browsed');
  await workbench.expand('photos', view);
  await workbench.row('harbour.png', view).dblclick();
  await workbench.tab('harbour.png').waitFor();
  await workbench.webview().locator('img').waitFor();
  await picture('browsed-picture');
  const note = workbench.row('note.txt', view).first();
  await note.hover();
  await note.locator('[aria-label^="Compare With This Computer"]').click();
  await workbench.page.locator('.monaco-diff-editor').waitFor();
  await picture('compared');

  await workbench.runCommand('Signet: Restore');
  await workbench.question('Restore: Which Backup (1/4)').waitFor();
  await picture('restore-which');
  await workbench.choose('Restore: Which Backup (1/4)', 'Newest');
  await picture('restore-what');
  await workbench.accept('Restore: What (2/4)');
  await picture('restore-where');
  await workbench.choose('Restore: Where (3/4)', 'A new folder');
  await workbench.question('Restore: Preview (4/4)').waitFor();
  await picture('restore-preview');
  await workbench.question('Restore: Preview (4/4)').locator('.monaco-list-row').first().click();
  await workbench.notification(/Restored .* All are readable\./).waitFor({ timeout: 60_000 });
  await picture('restored');
  const restored = readdirSync(home).find(name => name.startsWith('Signet Restore')) ?? '';
  const [source = ''] = readdirSync(join(home, restored));
  const same = await compareFolders(chats, join(home, restored, source), () => false);
  t.deepEqual(same.differences, []);
  t.true(same.rows > 1000);

  // The background part is killed: it is back by itself, and the keychain opens the backup again.
  const pid = (await signet.daemonPid()) ?? 0;
  process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  await workbench.status('Signet: Not Running').waitFor();
  await workbench.status(/^\s*Signet\s*$/).waitFor();
  t.log(`back ${Math.round(performance.now() - killedAt)} ms after it was killed`);
  t.not(await signet.daemonPid(), pid);
});

/** The command line of the background part. */
async function daemonProgram(daemonPid: () => Promise<number | undefined>): Promise<string> {
  return readFileSync(`/proc/${await daemonPid()}/cmdline`, 'utf8').replaceAll('\0', ' ');
}
