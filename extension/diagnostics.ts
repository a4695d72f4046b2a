// Export Diagnostics…: what helps to find a fault, as the daemon wrote it without names, numbers, paths or secrets, into a file that only
// its owner can read.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { PeerError } from '../protocol/errors.ts';
import { diagnostics } from '../protocol/messages.ts';
import type { Command } from './shell.ts';

/** With a path nothing is asked, and a file that is there stays: only a person who chose it may replace it. */
export const exportDiagnostics: Command<readonly [string], { readonly path: string }> = async (shell, given) => {
  const { text } = await shell.link.request(diagnostics);
  const path = typeof given === 'string' ? given : await whereTo(shell.reader().now);
  if (path === undefined) return undefined;
  if (typeof given === 'string' && existsSync(path))
    throw new PeerError('E_USAGE', 'this file is there already', { params: { advice: 'name another' } });
  await writePrivate(path, text);
  tell(path);
  return { path };
};

async function whereTo(now: number): Promise<string | undefined> {
  const name = `signet-diagnostics-${new Date(now).toISOString().slice(0, 10)}.txt`;
  const chosen = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Export Diagnostics'),
    saveLabel: vscode.l10n.t('Save'),
    defaultUri: vscode.Uri.file(join(homedir(), name)),
  });
  return chosen?.fsPath;
}

async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function tell(path: string): void {
  const show = vscode.l10n.t('Open File');
  const text = vscode.l10n.t(
    'The diagnostics are saved. They hold no names, numbers, paths or secrets; look through them before you send them.',
  );
  vscode.window.showInformationMessage(text, show).then(answer => {
    if (answer === show) vscode.window.showTextDocument(vscode.Uri.file(path));
  });
}
