// Step 3: where to. A new folder, the original places where there are any, or another folder.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { l10n, window } from 'vscode';
import type { Shell } from '../shell.ts';
import { back, cancelled, choose, type Step } from '../steps.ts';
import type { Answers } from './dialogue.ts';
import { whereEntries } from './entries.ts';
import { newFolder, partsOf } from './wishes.ts';

export function whereTo({ reader }: Shell): Step<Answers> {
  return async (answers, place) => {
    const { shown, what } = answers;
    if (shown === undefined || what === undefined) return back;
    const proposed = newFolder(homedir(), shown.snapshot.at, existsSync, join);
    const shownPath = `~${proposed.slice(homedir().length)}`;
    const title = l10n.t('Restore: Where');
    for (;;) {
      const entries = whereEntries(partsOf(what, shown.sources), shownPath, reader());
      const answer = await choose({ title, placeholder: l10n.t('Where to?'), ...place }, entries);
      switch (answer) {
        case back:
        case cancelled:
          return answer;
        case 'new':
          return { ...answers, where: { kind: 'folder', target: proposed } };
        case 'original':
          return { ...answers, where: { kind: 'original' } };
        case 'other': {
          const chosen = await window.showOpenDialog({
            title,
            openLabel: l10n.t('Restore Here'),
            canSelectFiles: false,
            canSelectFolders: true,
          });
          const [folder] = chosen ?? [];
          if (folder !== undefined) return { ...answers, where: { kind: 'folder', target: folder.fsPath } };
        }
      }
    }
  };
}
