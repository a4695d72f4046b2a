// What locking hides: tabs with files of backups, alone or compared.

import * as vscode from 'vscode';
import { scheme } from './address.ts';

export async function closeFilesOfBackups(): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap(group => group.tabs);
  await vscode.window.tabGroups.close(
    tabs.filter(({ input }) => urisOf(input).some(uri => uri.scheme === scheme)),
    true,
  );
}

function urisOf(input: unknown): readonly vscode.Uri[] {
  if (input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom) return [input.uri];
  return input instanceof vscode.TabInputTextDiff ? [input.original, input.modified] : [];
}
