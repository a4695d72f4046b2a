// The guide on the screen. It is a document of its own, in memory, that goes when its page is closed.

import * as vscode from 'vscode';
import type { Shell } from '../shell.ts';
import type { SignInFlow } from './answers.ts';
import { guideText } from './guide.ts';

const scheme = 'signet-guide';

export async function openGuide({ reader }: Shell, flow: SignInFlow): Promise<void> {
  const text = guideText(flow, reader().locale);
  const uri = vscode.Uri.from({ scheme, path: `/${vscode.l10n.t('Google Drive')}.md` });
  const provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: () => text,
  });
  const closed = vscode.workspace.onDidCloseTextDocument(document => {
    if (document.uri.scheme !== scheme) return;
    provider.dispose();
    closed.dispose();
  });
  try {
    await vscode.commands.executeCommand('markdown.showPreview', uri);
  } catch {
    // An editor without its Markdown extension shows the text as it is written.
    await vscode.window.showTextDocument(uri, { preview: true });
  }
}
