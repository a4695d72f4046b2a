// One afternoon of a person in a real editor window: set up, change a file, see it backed up, restore it, lock, unlock, and find
// the background part gone. SIGNET_SCREENS=<folder> keeps a picture of each step.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createMessageConnection } from 'vscode-jsonrpc/node';
import { resolveHome } from '../../protocol/home.ts';
import { daemonInfo, initialize } from '../../protocol/messages.ts';
import { dial } from '../../protocol/socket.ts';
import { protocolVersion } from '../../protocol/version.ts';
import { packageExtension } from '../../scripts/lib/package.ts';
import { startCodeServer } from '../support/code-server.ts';
import { Workbench } from '../support/workbench.ts';

const password = 'quiet harbour lantern 27 sails';
const phone = '+41 44 668 18 00';

test('a person backs up, loses nothing, and gets everything back, all in the editor', async t => {
  t.timeout(360_000);
  const base = mkdtempSync(join(tmpdir(), 'signet-e2e-'));
  t.teardown(() => rmSync(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  const [chats, copies, home] = ['chats', 'copies', 'home'].map(name => join(base, name)) as [string, string, string];
  for (const folder of [chats, copies, home]) mkdirSync(folder, { mode: 0o700 });
  const signetHome = join(home, 'signet');
  const daemonHome = resolveHome({ env: { SIGNET_HOME: signetHome } });
  mkdirSync(daemonHome.config, { recursive: true, mode: 0o700 });
  const fast = {
    v: 1,
    deviceLabel: 'Test computer',
    useKeychain: false,
    quietMs: 300,
    longestWaitMs: 3000,
    smallestIntervalMs: 0,
  };
  writeFileSync(join(daemonHome.config, 'settings.json'), JSON.stringify(fast), { mode: 0o600 });
  writeFileSync(join(chats, 'note.txt'), 'the first message\n');
  mkdirSync(join(chats, 'photos'));
  writeFileSync(join(chats, 'photos', 'harbour.jpg'), Buffer.alloc(300_000, 7));

  const { vsix } = await packageExtension(join(base, 'dist'));
  const editor = await startCodeServer({ home, vsix, env: { SIGNET_HOME: signetHome } });
  t.teardown(async () => {
    await endDaemon(daemonHome);
    await editor.stop();
  });
  const workbench = await Workbench.open(editor.url);
  t.teardown(() => workbench.close());
  const picture = pictures(workbench);
  t.teardown(() => picture('end'));

  // Not set up: the status bar says so, the tree has one sentence and one button.
  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await workbench.runCommand('View: Show Signet');
  await workbench.page.locator('.part.sidebar', { hasText: 'Your chats are not backed up yet.' }).waitFor();
  await picture('not-set-up');

  await workbench.runCommand('Signet: Set Up Backup');
  await workbench.chooseFolder('Set Up Backup: Chats', 'Back Up This Folder', chats);
  await workbench.question('Set Up Backup: Chats (1/7)').waitFor();
  await picture('set-up-chats');
  await workbench.accept('Set Up Backup: Chats');
  await workbench.choose('Set Up Backup: Place (2/7)', 'A folder');
  await workbench.chooseFolder('Set Up Backup: Place', 'Keep the Copies Here', copies);
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
  await workbench.choose('Set Up Backup: How Often (7/7)', 'Daily');

  const dialog = workbench.dialog();
  await dialog.waitFor({ timeout: 60_000 });
  await picture('recovery-key');
  const words = await dialog.innerText();
  const groups = words.match(/\b[0-9a-f]{4}\b/g) ?? [];
  t.is(groups.length, 17, 'sixteen groups of four and the check group');
  await dialog.locator('.monaco-button', { hasText: 'I Wrote It Down' }).click();
  const question = workbench.question('To make sure it is readable, type group');
  await question.waitFor();
  const asked = Number(/type group (\d+)/.exec(await question.innerText())?.[1]);
  await workbench.answer('type group', groups[asked - 1] ?? '');

  await workbench.row('All backed up').waitFor({ timeout: 60_000 });
  await workbench.status(/^\s*Signet\s*$/).waitFor();
  await picture('backed-up');

  // A change is backed up by itself, and the status bar tells of it.
  const heard = await workbench.listenToStatus();
  const before = await snapshotCount(workbench);
  writeFileSync(join(chats, 'note.txt'), 'the first message\nand an answer\n');
  await workbench.row(new RegExp(`(?<!\\d)${before + 1} backups`)).waitFor({ timeout: 60_000 });
  await workbench.status(/^\s*Signet\s*$/).waitFor();
  const labels = await heard();
  t.true(
    labels.some(label => label.includes('Backing up')),
    labels.join(' | '),
  );
  await picture('changed');

  await workbench.runCommand('Signet: Restore');
  await workbench.question('Restore: Which Backup (1/4)').waitFor();
  await picture('restore-which');
  await workbench.choose('Restore: Which Backup (1/4)', 'Newest');
  await workbench.accept('Restore: What (2/4)');
  await workbench.choose('Restore: Where (3/4)', 'A new folder');
  await workbench.question('Restore: Preview (4/4)').waitFor();
  await picture('restore-preview');
  await workbench.question('Restore: Preview (4/4)').locator('.monaco-list-row').first().click();
  await workbench.notification(/Restored .* All are readable\./).waitFor({ timeout: 60_000 });
  await picture('restored');
  const restored = readdirSync(home).find(name => name.startsWith('Signet Restore')) ?? '';
  const [source = ''] = readdirSync(join(home, restored));
  t.deepEqual(contents(join(home, restored, source)), contents(chats));

  await workbench.runCommand('Signet: Lock');
  await workbench.status('Signet: Locked').waitFor();
  await picture('locked');
  await workbench.runCommand('Signet: Unlock');
  await workbench.answer('Unlock Signet', 'not the password');
  await workbench.question(/wrong/).waitFor({ timeout: 60_000 });
  await picture('unlock-wrong');
  await workbench.answer('Unlock Signet', password);
  await workbench.status(/^\s*Signet\s*$/).waitFor({ timeout: 60_000 });

  // The background part is killed: the editor says so, starts it again when asked, and nothing was lost.
  const pid = await daemonPid(daemonHome);
  process.kill(pid, 'SIGKILL');
  await workbench.status('Signet: Not Running').waitFor();
  await picture('not-running');
  await workbench.runCommand('Signet: Start');
  await workbench.status('Signet: Locked').waitFor({ timeout: 60_000 });
  t.not(await daemonPid(daemonHome), pid);
});

type Home = ReturnType<typeof resolveHome>;

async function daemonPid(home: Home): Promise<number> {
  const dialed = await dial(home);
  const connection = createMessageConnection(dialed.reader, dialed.writer);
  try {
    connection.listen();
    await connection.sendRequest(initialize, { initializationOptions: { protocolVersion } });
    return (await connection.sendRequest(daemonInfo)).pid;
  } finally {
    connection.dispose();
    dialed.close();
  }
}

/** It outlives the editor on purpose, so the test ends it. */
async function endDaemon(home: Home): Promise<void> {
  const pid = await daemonPid(home).catch(() => undefined); // none runs
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  for (const end = Date.now() + 10_000; Date.now() < end && isAlive(pid); )
    await new Promise(wake => setTimeout(wake, 50));
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function snapshotCount(workbench: Workbench): Promise<number> {
  const text = await workbench
    .row(/\d+ backups?\b/)
    .first()
    .innerText();
  return Number(/(\d+) backups?\b/.exec(text)?.[1]);
}

/** Relative path → bytes of every file below a folder. */
function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const entries = files.map(entry => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length), readFileSync(path, 'base64')] as const;
  });
  return Object.fromEntries(entries.sort());
}

function pictures(workbench: Workbench): (name: string) => Promise<void> {
  const folder = process.env['SIGNET_SCREENS'];
  let taken = 0;
  return async name => {
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    taken += 1;
    await workbench.page.screenshot({ path: join(folder, `${String(taken).padStart(2, '0')}-${name}.png`) });
  };
}
