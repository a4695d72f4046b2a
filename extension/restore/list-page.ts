// A list on a page of its own: text that lies in memory, cannot be changed, and goes when the page is closed.

import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { listScheme } from '../snapshots/address.ts';

export async function showList(title: string, lines: readonly string[]): Promise<void> {
  const scheme = `${listScheme}-${randomUUID()}`;
  const uri = vscode.Uri.from({ scheme, path: `/${title.replaceAll('/', ' ')}.txt` });
  const provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: () => `${lines.join('\n')}\n`,
  });
  const closed = vscode.workspace.onDidCloseTextDocument(document => {
    if (document.uri.scheme !== scheme) return;
    provider.dispose();
    closed.dispose();
  });
  await vscode.window.showTextDocument(uri, { preview: true, preserveFocus: true });
}
