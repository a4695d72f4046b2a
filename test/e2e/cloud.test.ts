// A person whose copies go to Google Drive, in a real editor and with the strict fake of Google: set up with a client id of their own and the
// page of the sign-in, told how much room is left, a long upload cancelled, asked to sign in again when Google ends the access, and good again.
// SIGNET_SCREENS=<folder> keeps a picture of each step.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Desk, desk } from '../support/desk.ts';
import { type DriveFake, startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { password, phone } from '../support/installation.ts';
import type { Workbench } from '../support/workbench.ts';

test('a person keeps the copies in Google Drive, and signs in again when Google ends the access', async t => {
  t.timeout(300_000);
  const google = await startDriveFake({ settings: { usedElsewhere: 3 * 1024 ** 3 } });
  t.teardown(() => google.close());
  const first = await desk(t, { environment: { SIGNET_GOOGLE_ROOT: google.root } });
  const { signet, workbench, picture } = first;
  writeFileSync(join(signet.source, 'note.txt'), 'the first message\n');

  const connected = await chooseDrive(first, google);
  t.regex(connected, /Google Drive is connected/);
  await workbench.answer('Set Up Backup: Password', password);
  await workbench.answer('Set Up Backup: Password Again', password);
  await workbench.answer('Set Up Backup: Phone', phone);
  await workbench.answer('Set Up Backup: Phone Again', phone);
  await workbench.choose('Set Up Backup: How Often', 'Daily');
  await keepRecoveryKey(workbench);
  await workbench.row('All backed up').waitFor({ timeout: 60_000 });
  await workbench.status(/^\s*Signet\s*$/).waitFor();
  // 15 GiB of which mail and photos take 3.
  await workbench.row('Google Drive').filter({ hasText: '13 GB free of 16 GB' }).waitFor();
  t.is((await signet.status()).remote?.account, google.account.email);
  await picture('backed-up');

  // A long upload, cancelled from the palette: what was there stays good.
  const { lastGoodAt: goodBefore } = await signet.status();
  google.set({ upBytesPerSec: 600_000 });
  writeFileSync(join(signet.source, 'film.bin'), randomBytes(8_000_000));
  await signet.until('under way', ({ job }) => job?.cancellable === true && (job.bytesDone ?? 0) > 0);
  await workbench.row('Backing up').waitFor();
  await workbench.runCommand('Signet: Cancel Backup');
  const cancelledAt = performance.now();
  const { lastGoodAt } = await signet.until('cancelled', ({ job }) => job === null);
  t.log(`ended ${Math.round(performance.now() - cancelledAt)} ms after it was cancelled`);
  t.is(lastGoodAt, goodBefore);
  await workbench.row('Backing up').waitFor({ state: 'hidden' });
  await picture('cancelled');
  google.set({ upBytesPerSec: undefined });
  await workbench.runCommand('Signet: Back Up Now');
  await signet.until('good again', status => status.job === null && status.lastGoodAt !== goodBefore);
  await workbench.row('All backed up').waitFor();

  // Its owner removes the access in their Google account: every surface asks for the same, once.
  google.revokeRefreshTokens();
  google.expireAccessTokens();
  writeFileSync(join(signet.source, 'note.txt'), 'the first message\nand an answer\n');
  await workbench.status('Signet: Sign In').waitFor({ timeout: 60_000 });
  await workbench
    .row('Google Drive')
    .filter({ hasText: /sign in/ })
    .first()
    .waitFor();
  await workbench.runCommand('Signet: Open Status');
  const panel = workbench.webview();
  await panel.locator('h1', { hasText: 'Google Drive needs you to sign in again' }).waitFor();
  const notice = workbench.notification('Sign In…');
  await picture('signed-out');
  t.log(`notices: ${(await notice.allInnerTexts()).join(' | ')}`);
  google.clearLog();
  const again = await agree(workbench, async () => {
    await panel.getByRole('button', { name: 'Sign In…' }).click();
    await workbench.choose('Sign In to Google Drive', 'Its page brings you back by itself');
  });
  t.regex(again, /Google Drive is connected/);
  await workbench.status(/^\s*Signet\s*$/).waitFor({ timeout: 60_000 });
  await panel.locator('h1', { hasText: 'Everything is backed up' }).waitFor();
  await workbench.row('All backed up').waitFor();
  await picture('good-again');
  t.deepEqual(google.violations, []);
  for (const secret of google.secrets()) t.false(first.log().includes(secret), 'no secret in the log of the extension');
});

/** From the palette to the answer of what lies in the Drive. @returns what the page of the sign-in says at last */
async function chooseDrive({ signet, workbench, picture }: Desk, google: DriveFake): Promise<string> {
  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await workbench.runCommand('View: Show Signet');
  await workbench.runCommand('Signet: Set Up Backup');
  await workbench.choose('Set Up Backup: Chats (1/', 'Another folder');
  await workbench.chooseFolder('Set Up Backup: Chats', 'Back Up This Folder', signet.source);
  await workbench.question('Set Up Backup: Chats (1/7)').waitFor();
  await workbench.accept('Set Up Backup: Chats (1/7)');
  await workbench.choose('Set Up Backup: Place', 'Google Drive, directly');
  await workbench.question('Set Up Backup: Google Drive').waitFor();
  await picture('where-the-browser-is');
  await workbench.choose('Set Up Backup: Google Drive', 'Its page brings you back by itself');
  await workbench.answer('Client id, then client secret', 'not a client id');
  await workbench.question('A client id ends with .apps.googleusercontent.com.').waitFor();
  await picture('client-id');
  await workbench.answer('Set Up Backup: Google Drive', google.client.id);
  await workbench.question('Client secret. It stays on this computer').waitFor();
  await picture('client-secret');
  return agree(workbench, () => workbench.answer('Client secret. It stays on this computer', google.client.secret));
}

/** The owner of the account agrees on the page that opens. @returns what it says at last */
async function agree(workbench: Workbench, start: () => Promise<void>): Promise<string> {
  const opened = workbench.page.context().waitForEvent('page', { timeout: 60_000 });
  opened.catch(() => undefined); // what failed before says more
  await start();
  const page = await opened;
  await page.getByText('You can close this page').waitFor();
  const text = await page.innerText('body');
  await page.close();
  return text;
}

async function keepRecoveryKey(workbench: Workbench): Promise<void> {
  const dialog = workbench.dialog();
  await dialog.waitFor({ timeout: 60_000 });
  const groups = (await dialog.innerText()).match(/\b[0-9a-f]{4}\b/g) ?? [];
  await dialog.locator('.monaco-button', { hasText: 'I Wrote It Down' }).click();
  const question = workbench.question('To make sure it is readable, type group');
  await question.waitFor();
  const asked = Number(/type group (\d+)/.exec(await question.innerText())?.[1]);
  await workbench.answer('type group', groups[asked - 1] ?? '');
}
