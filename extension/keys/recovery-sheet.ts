// Print Recovery Sheet…, and the sheet wherever a new key is shown: a page beside the others, with the key in memory only. It is dropped
// when the page is closed. A page of the editor cannot be printed: for that the sheet is opened in a browser, from a file that soon goes.

import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { resolveHome } from '../../protocol/home.ts';
import { showRecoverySheet as sheetRequest, writeRecoverySheet } from '../../protocol/messages.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Command, Shell } from '../shell.ts';
import { tabIcon } from '../tab-icon.ts';
import { layOut } from './passing-file.ts';
import { askUntilProven, nothingAsked, type Proof, proofOf, proofSteps, setUpStatus, working } from './proof.ts';
import { isSheetWish, sheetPage } from './sheet-page.ts';

const viewType = 'signet.recoverySheet';

/** True when it is on the screen. */
export const printRecoverySheet: Command<readonly [], boolean> = async shell => {
  const steps = proofSteps(shell, vscode.l10n.t('Print Recovery Sheet'), await setUpStatus(shell));
  const done = await askUntilProven(nothingAsked, steps, answers =>
    working(vscode.l10n.t('Making the recovery sheet'), () => showRecoverySheet(shell, proofOf(answers))),
  );
  return done === undefined ? undefined : true;
};

/** A recovery sheet on the screen. */
export interface ShownSheet {
  print(): Promise<void>;
  /** Where it was saved; undefined when it was not. */
  save(): Promise<vscode.Uri | undefined>;
  close(): void;
}

/** Opens the sheet beside. @throws when the proof does not hold */
export async function showRecoverySheet(shell: Shell, proof: Proof): Promise<ShownSheet> {
  const { link } = shell;
  const { sealedSheet } = await link.request(sheetRequest, { secrets: await link.seal(sheetRequest, { ...proof }) });
  const sheet = await link.openText(sheetRequest, sealedSheet);
  await closeOlder();
  const panel = vscode.window.createWebviewPanel(
    viewType,
    vscode.l10n.t('Recovery Sheet'),
    { viewColumn: vscode.ViewColumn.Beside, preserveFocus: false },
    { enableScripts: true, localResourceRoots: [], retainContextWhenHidden: false },
  );
  panel.iconPath = tabIcon(shell.extension);
  const shown: ShownSheet = {
    print: () => print(shell, sheet, shown),
    save: () => save(shell, proof),
    close: () => panel.dispose(),
  };
  const listening = panel.webview.onDidReceiveMessage((message: unknown) => {
    if (!isSheetWish(message)) return;
    const done: Promise<unknown> = message === 'print' ? shown.print() : shown.save();
    done.catch(error => vscode.window.showErrorMessage(explain(asWireError(error))));
  });
  panel.onDidDispose(() => listening.dispose());
  panel.webview.html = sheetPage(sheet, randomBytes(16).toString('hex'), {
    language: vscode.env.language,
    print: vscode.l10n.t('Print…'),
    save: vscode.l10n.t('Save…'),
    note: vscode.l10n.t(
      'Whoever has this sheet and can reach the copies can read your chats. Keep it away from this computer.',
    ),
  });
  return shown;
}

/** A sheet that was left open may be that of a key which opens nothing any more. */
async function closeOlder(): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap(group => group.tabs);
  // The editor writes the type of a page behind a name of its own.
  const older = tabs.filter(
    ({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith(viewType),
  );
  await vscode.window.tabGroups.close(older, true);
}

/** Only a browser on the computer that this runs on can open a file of it. */
function hasBrowser(shell: Shell): boolean {
  if (vscode.env.uiKind !== vscode.UIKind.Desktop) return false;
  const own = vscode.extensions.all.find(({ extensionUri }) => extensionUri.toString() === shell.extension.toString());
  return vscode.env.remoteName === undefined || own?.extensionKind === vscode.ExtensionKind.UI;
}

async function print(shell: Shell, sheet: string, shown: ShownSheet): Promise<void> {
  if (hasBrowser(shell)) {
    const path = await layOut(resolveHome().runtime, sheet, (ms, run) => setTimeout(run, ms));
    if (await vscode.env.openExternal(vscode.Uri.file(path))) return;
  }
  const saveIt = vscode.l10n.t('Save…');
  const answer = await vscode.window.showInformationMessage(
    vscode.l10n.t(
      'This editor cannot open the sheet for printing. Save it, then open the file in a browser and print it.',
    ),
    saveIt,
  );
  if (answer === saveIt) await shown.save();
}

/** The daemon writes it, and refuses a folder that travels to a cloud. */
async function save({ link }: Shell, proof: Proof): Promise<vscode.Uri | undefined> {
  const to = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Save Recovery Sheet'),
    defaultUri: vscode.Uri.file(join(homedir(), vscode.l10n.t('Signet recovery sheet.html'))),
    filters: { HTML: ['html'] },
  });
  if (to === undefined) return undefined;
  const secrets = await link.seal(writeRecoverySheet, { ...proof });
  await link.request(writeRecoverySheet, { to: to.fsPath, secrets });
  vscode.window.showInformationMessage(
    vscode.l10n.t('The recovery sheet is saved. Print it, keep it away from this computer, and delete the file.'),
  );
  return to;
}
