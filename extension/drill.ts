// Prove Restorable: a sample of the newest backup is restored into a private folder that is gone afterwards, and looked at. It ends with a
// sentence, and with the list of what did not come back as it should.

import * as vscode from 'vscode';
import { drillWords } from '../protocol/drill-words.ts';
import { drill } from '../protocol/messages.ts';
import type { DrillResult } from '../protocol/status.ts';
import { drillLines } from './drill-lines.ts';
import { unlocked } from './keys-needed.ts';
import { withoutLinks } from './plain-text.ts';
import { withJobProgress } from './progress.ts';
import { showList } from './restore/list-page.ts';
import type { Command } from './shell.ts';

/** With the id of a source, of that one alone. */
export const proveRestorable: Command<readonly [{ readonly source?: string }], DrillResult> = async (
  shell,
  ...[given]
) => {
  if (!(await unlocked(shell))) return undefined;
  const wish = typeof given?.source === 'string' ? { source: given.source } : {};
  const result = await withJobProgress(shell, vscode.l10n.t('Restoring a sample on trial'), drill, wish);
  const { now, locale } = shell.reader();
  const text = withoutLinks(drillWords(result, now, locale).replaceAll('\n', ' '));
  if (result.ok) {
    vscode.window.showInformationMessage(text);
    return result;
  }
  shell.log.warn(`drill: ${result.problems.map(({ code }) => code).join(' ')}`); // names of files are for the list alone
  const show = vscode.l10n.t('Show Them');
  const backUp = vscode.l10n.t('Back Up Now');
  // Not waited for: the command has ended, whenever its notice is closed.
  vscode.window.showErrorMessage(text, show, backUp).then(answer => {
    if (answer === show) showList(vscode.l10n.t('Trial restore'), drillLines(result, locale));
    if (answer === backUp) vscode.commands.executeCommand('signet.backUpNow');
  });
  return result;
};
