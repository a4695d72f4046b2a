// A computer that is new to a backup cannot tell an old copy of it from the newest: the number on the recovery sheet can. Asked once when a
// backup was joined, before anything is restored from it or added to it.

import * as vscode from 'vscode';
import type { Reader } from '../views.ts';
import { type Newest, newestWords } from './newest-words.ts';

/** False: its owner knows of a newer one, or wants to look first. */
export async function isNewest(newest: Newest, reader: Reader): Promise<boolean> {
  const { message, detail } = newestWords(newest, reader);
  const goOn: vscode.MessageItem = { title: vscode.l10n.t('Go On') };
  const stop: vscode.MessageItem = { title: vscode.l10n.t('Stop'), isCloseAffordance: true };
  return (await vscode.window.showInformationMessage(message, { modal: true, detail }, goOn, stop)) === goOn;
}
