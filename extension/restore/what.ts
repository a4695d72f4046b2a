// Step 2: what of the backup. Everything, whole sources, or single files and folders.

import { l10n } from 'vscode';
import type { Shell } from '../shell.ts';
import { back, cancelled, chooseMany, type Step } from '../steps.ts';
import { browse } from './browse.ts';
import { type Answers, separator } from './dialogue.ts';
import { whatEntries } from './entries.ts';

export function whatOfIt(shell: Shell): Step<Answers> {
  return async (answers, place) => {
    const { shown } = answers;
    if (shown === undefined) return back;
    const title = l10n.t('Restore: What');
    for (let before = answers.what; ; ) {
      const ids = before?.kind === 'sources' ? before.ids : [];
      const entries = whatEntries(shown.sources, ids, separator, shell.reader());
      const chosen = await chooseMany({ title, placeholder: l10n.t('What do you want back?'), ...place }, entries);
      if (chosen === back || chosen === cancelled) return chosen;
      if (chosen.some(({ kind }) => kind === 'files')) {
        const known = before?.kind === 'picked' ? before.picked : [];
        const picked = await browse(shell, shown, known, { ...place, title });
        if (picked === cancelled) return cancelled;
        if (picked === back) continue;
        return { ...answers, what: { kind: 'picked', picked } };
      }
      const wanted = chosen.flatMap(each => (each.kind === 'source' ? [each.id] : []));
      before = wanted.length === 0 ? { kind: 'everything' } : { kind: 'sources', ids: wanted };
      return { ...answers, what: before };
    }
  };
}
