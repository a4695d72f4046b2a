// Every command of the manifest in a real editor: the palette offers what the state allows and nothing else, each command shows what it is
// about and goes away again, and neither Signet's log nor the editor's tells of an error. The panel is read by axe where it is really shown,
// and what Signet costs the editor is measured beside an editor without it. SIGNET_SCREENS=<folder> keeps a picture of each step.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Locator } from 'playwright-core';
import { type Desk, desk } from '../support/desk.ts';
import { password } from '../support/installation.ts';
import type { Workbench } from '../support/workbench.ts';

const require = createRequire(import.meta.url);
const manifest: Manifest = require('../../extension/manifest.json');
const texts: Readonly<Record<string, string>> = require('../../extension/package.nls.json');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] };
}

/** In any state. */
const always = [
  'openStatus',
  'openSettings',
  'showLog',
  'exportDiagnostics',
  'stopAndUninstall',
  'installCli',
] as const;
const whenSetUp = [
  ...always,
  ...['restore', 'addChats', 'connectCloud', 'signIn', 'changeAutomaticBackup', 'changePassword', 'changePhone'],
  ...['printRecoverySheet', 'renewRecoveryKey', 'verify', 'proveRestorable', 'tidyUp'],
] as const;
const offered = {
  'not set up': [...always, 'setUp', 'restore'],
  unlocked: [...whenSetUp, 'backUpNow', 'lock', 'browseSnapshots'],
  locked: [...whenSetUp, 'unlock'],
} as const;

/** What tells that a command has begun. */
type Sign = (workbench: Workbench) => Locator;
const question =
  (title: string): Sign =>
  workbench =>
    workbench.question(title);
const notice =
  (text: string | RegExp): Sign =>
  workbench =>
    workbench.notification(text);
const dialog =
  (text: string): Sign =>
  workbench =>
    workbench.dialog().filter({ hasText: text });
const panel: Sign = workbench => workbench.webview().locator('h1');

const signs: Readonly<Record<string, Sign>> = {
  openStatus: panel,
  openSettings: ({ page }) => page.locator('.settings-editor', { hasText: 'Settings Found' }),
  showLog: ({ page }) => page.locator('.part.panel .output-view'),
  exportDiagnostics: question('Export Diagnostics'),
  stopAndUninstall: dialog('Stop backing up?'),
  installCli: notice('The command signet is installed at'),
  setUp: question('Set Up Backup: Chats'),
  restore: question('Restore: '),
  addChats: question('Add Chats'),
  connectCloud: question('Connect a Cloud: Place'),
  signIn: notice('Google Drive is not in use on this computer.'),
  changeAutomaticBackup: question('Change Automatic Backup'),
  changePassword: dialog('Change the password?'),
  changePhone: dialog('Change the phone number?'),
  printRecoverySheet: question('Print Recovery Sheet'),
  renewRecoveryKey: dialog('Make a new recovery key?'),
  verify: question('Verify Backups'),
  proveRestorable: notice('Proven restorable: '),
  tidyUp: notice('No backup goes, '),
  browseSnapshots: question('Browse Snapshots'),
  backUpNow: workbench => workbench.row('All backed up').filter({ hasText: 'just now' }),
  lock: workbench => workbench.row('Locked'),
  unlock: question('Unlock Signet'),
};

/** Locked, these ask for the password first. */
const needKeys = ['restore', 'connectCloud', 'verify', 'proveRestorable', 'tidyUp', 'addChats'];

function titleOf(name: string): string {
  return texts[`signet.${name}.title`] ?? name;
}

test('each command shows what it is about, and the palette offers those that the state allows', async t => {
  t.timeout(300_000);
  const person = await desk(t);
  const { signet, workbench, picture } = person;
  writeFileSync(join(signet.source, 'note.txt'), 'the first message\n');
  const silent: string[] = [];
  const known = manifest.contributes.commands.map(({ command }) => command.replace('signet.', ''));
  t.deepEqual(
    [...new Set(Object.values(offered).flat())].filter(name => !known.includes(name)),
    [],
  );
  await workbench.page.setViewportSize({ width: 1280, height: 1000 });

  await workbench.status('Signet: Set Up').waitFor({ timeout: 60_000 });
  await workbench.runCommand('View: Show Signet');
  await offers(t, workbench, 'not set up');
  for (const name of offered['not set up']) await tryOut(silent, person, name, signs[name] ?? panel);
  await workbench.runCommand('View: Close All Editors');

  await signet.setUp();
  await signet.ok(['backup']);
  await workbench.row('All backed up').waitFor();
  await offers(t, workbench, 'unlocked');
  const last = 'lock';
  for (const name of [...offered.unlocked.filter(each => each !== last)])
    await tryOut(silent, person, name, signs[name] ?? panel);
  await rows(person);
  await workbench.runCommand('View: Close All Editors');
  await axeFindsNothing(t, person, 'unlocked', 'Everything is backed up');

  await tryOut(silent, person, last, signs[last] ?? panel);
  await workbench.status('Signet: Locked').waitFor();
  await offers(t, workbench, 'locked');
  for (const name of offered.locked) {
    const asksFirst = needKeys.includes(name);
    await tryOut(silent, person, name, asksFirst ? question('Unlock Signet') : (signs[name] ?? panel));
  }
  await axeFindsNothing(t, person, 'locked', 'Signet is locked');
  await picture('locked');

  t.deepEqual(silent, [], 'commands that did not show what they are about');
  t.deepEqual(complaints(person.log()), []);
  t.deepEqual(complaints(person.hostLog()), []);
  t.false(`${person.log()}${person.hostLog()}`.includes(password));
});

async function offers(t: ExecutionContext, workbench: Workbench, state: keyof typeof offered): Promise<void> {
  const own = (await workbench.offered('Signet')).filter(title => !title.startsWith('Focus on ')); // which the editor adds
  t.deepEqual(own, offered[state].map(titleOf).sort(), state);
}

async function tryOut(silent: string[], { workbench, picture, log }: Desk, name: string, sign: Sign): Promise<void> {
  await workbench.runCommand(`Signet: ${titleOf(name)}`);
  const isShown = async (timeout: number) =>
    sign(workbench)
      .first()
      .waitFor({ timeout })
      .then(
        () => true,
        () => false,
      );
  if (!(await isShown(15_000))) {
    // A notice for which the editor found no room at its edge waits in its list.
    await workbench.runCommand('Notifications: Show Notifications');
    // The others are of interest all the same.
    if (!(await isShown(15_000))) silent.push(`${name}; shown: ${await shown(workbench)}; log: ${log().slice(-600)}`);
    await workbench.runCommand('Notifications: Hide Notifications');
  }
  await picture(name);
  await workbench.dismiss();
  await workbench.runCommand('Notifications: Clear All Notifications');
}

/** What asks and tells at the moment, for whoever reads why a test failed. */
async function shown({ page }: Workbench): Promise<string> {
  const texts = await page
    .locator('.notification-list-item, .quick-input-widget, .monaco-dialog-box')
    .filter({ visible: true })
    .allInnerTexts();
  return JSON.stringify(texts.map(text => text.slice(0, 300)));
}

/** The commands that only rows of the Snapshots tree have. */
async function rows({ workbench, picture }: Desk): Promise<void> {
  const view = 'Snapshots';
  await workbench.expand('verified', view);
  await workbench.expand('chats', view);
  const note = 'note.txt';
  await workbench.row(note, view).dblclick();
  await workbench.tab(note).waitFor();
  await inline(workbench, note, 'snapshot.compareWithLive');
  await workbench.page.locator('.monaco-diff-editor').waitFor();
  await picture('rows');
  await inline(workbench, 'verified', 'snapshot.browse');
  await inline(workbench, 'verified', 'snapshot.restore');
  await workbench.question('Restore: ').waitFor();
  await workbench.dismiss();
}

/** A button of a row. */
async function inline(workbench: Workbench, text: string, name: string): Promise<void> {
  const row = workbench.row(text, 'Snapshots').first();
  await row.hover();
  await row.locator(`[aria-label^="${titleOf(name)}"]`).click();
}

/** In the window of the editor itself, in a light theme and one of high contrast. */
async function axeFindsNothing(t: ExecutionContext, desk: Desk, state: string, heading: string): Promise<void> {
  const { workbench, picture } = desk;
  await workbench.runCommand('Signet: Open Status');
  const page = workbench.webview();
  await page.locator('h1', { hasText: heading }).waitFor();
  const body = page.locator('body');
  for (const [theme, kind] of Object.entries(themes)) {
    // By its keys: the palette puts the themes of a marketplace before those that are installed.
    await workbench.page.keyboard.press('Control+K');
    await workbench.page.keyboard.press('Control+T');
    await workbench.question('').locator('input').first().fill(theme);
    await workbench.choose('', theme);
    await page.locator(`body.${kind}`).waitFor();
    await picture(`${state}-${kind}`);
    if (!(await body.evaluate('typeof axe === "object"'))) await body.evaluate(axe);
    const found = await body.evaluate(`axe.run().then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 120))))`);
    t.deepEqual(found, [], `${state}, ${theme}`);
  }
}

const themes = {
  'Dark High Contrast': 'vscode-high-contrast',
  'Light Modern': 'vscode-light',
} as const;

/** What says that something went wrong: errors, and traces of where. */
function complaints(log: string): readonly string[] {
  return log.split('\n').filter(line => /\[error\]|^\s+at |unhandled|rejected promise/i.test(line));
}
