// What locking hides: tabs with files of backups, alone or compared, and pages that list their names.

import * as vscode from 'vscode';
import { isOfBackups } from './address.ts';

export async function closeFilesOfBackups(): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap(group => group.tabs);
  await vscode.window.tabGroups.close(
    tabs.filter(({ input }) => urisOf(input).some(uri => isOfBackups(uri.scheme))),
    true,
  );
}

function urisOf(input: unknown): readonly vscode.Uri[] {
  const { TabInputCustom, TabInputNotebook, TabInputNotebookDiff, TabInputText, TabInputTextDiff } = vscode;
  if (input instanceof TabInputText || input instanceof TabInputCustom || input instanceof TabInputNotebook) {
    return [input.uri];
  }
  const isPair = input instanceof TabInputTextDiff || input instanceof TabInputNotebookDiff;
  return isPair ? [input.original, input.modified] : [];
}
