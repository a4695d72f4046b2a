// Somebody deletes the newest backup from the folder of the copies by hand, with what announced it: the editor says so wherever people look, names
// the backup, and keeps it in sight where backups are listed, until its owner decided with the password. Before, a trial restore is made by command. SIGNET_SCREENS=<folder> keeps pictures.

import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { desk } from '../support/desk.ts';
import { password } from '../support/installation.ts';

test('a backup that disappears from its place is missed by name, and one that is there is proven restorable', async t => {
  t.timeout(240_000);
  const { signet, workbench, picture } = await desk(t, { settings: { watch: 'off' } });
  writeFileSync(join(signet.source, 'note.txt'), 'the first message\n');
  await signet.setUp();
  await signet.ok(['backup']);
  await workbench.runCommand('View: Show Signet');
  await workbench.row('All backed up').waitFor({ timeout: 60_000 });

  await workbench.runCommand('Signet: Prove Restorable');
  await workbench.notification('Proven restorable: 1 file came back whole.').waitFor();
  await workbench.row('Proven restorable').filter({ hasText: 'today' }).waitFor();
  await picture('proven');

  const heads = join(signet.remote, 'signet', 'heads');
  const before = new Set(readdirSync(heads));
  writeFileSync(join(signet.source, 'note.txt'), 'the second message\n');
  const { snapshot } = await signet.ok<{ readonly snapshot: string }>(['backup']);
  rmSync(join(signet.remote, 'snapshots', snapshot));
  for (const name of readdirSync(heads)) if (!before.has(name)) rmSync(join(heads, name));
  t.is((await signet.signet(['status'])).code, 17);

  await workbench.status('Signet: Backups Missing').waitFor();
  await workbench.row('1 backup is hidden').waitFor();
  await workbench.notification('The cloud is hiding 1 backup that this computer made.').waitFor();
  await workbench.row('hidden by the cloud', 'Snapshots').first().waitFor();
  await workbench.runCommand('Signet: Show Alarm');
  const panel = workbench.webview();
  await panel.locator('h1', { hasText: 'The cloud is hiding 1 backup that this computer made' }).waitFor();
  await panel.locator('.state li', { hasText: 'Backup 2' }).waitFor();
  await panel.locator('button', { hasText: 'Check Again' }).waitFor();
  await picture('alarm');

  await panel.locator('button', { hasText: 'I removed them myself' }).click();
  await workbench.answer('I removed them myself', password);
  const dialog = workbench.dialog().filter({ hasText: 'Forget 1 backup?' });
  await dialog.locator('.monaco-button', { hasText: 'Forget Them' }).click();
  await workbench.notification('The alarm is settled.').waitFor();
  await workbench.row('All backed up').waitFor();
  await panel.locator('h1', { hasText: 'Everything is backed up' }).waitFor();
  t.is((await signet.signet(['status', '--check'])).code, 0);
  await picture('settled');
});
