// Step 1: which backup. The newest can be chosen at once; the others come a page at a time while the list is shown.

import { l10n } from 'vscode';
import { listUndos, showSnapshot, snapshots } from '../../protocol/messages.ts';
import type { RestoreUndo, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import type { Shell } from '../shell.ts';
import { hiddenIn } from '../snapshots/rows.ts';
import { back, type Choice, cancelled, choose, type Growing, type Step } from '../steps.ts';
import { type Answers, separator } from './dialogue.ts';
import { type WhichAnswer, whichEntries } from './entries.ts';

/** So that the first rows are there at once. */
const firstPage = 50;
const nextPages = 500;

export function whichBackup({ link, reader, known }: Shell): Step<Answers> {
  return async (answers, place) => {
    const { entries: first, total } = await link.request(snapshots, { limit: firstPage });
    let entries: readonly SnapshotEntry[] = first;
    let newest: readonly SnapshotSource[] | undefined;
    let undo: RestoreUndo | undefined;
    const now = known();
    const hidden = now.kind === 'connected' ? hiddenIn(now.status.alarms) : [];
    const items = () =>
      whichEntries(
        { entries, hidden, ...(newest !== undefined && { newest }), ...(undo !== undefined && { undo }) },
        separator,
        reader(),
      );
    const grow = async (list: Growing<WhichAnswer>) => {
      const shown = sameObjects<WhichAnswer>();
      [undo] = await link.request(listUndos);
      const id = entries.find(({ announced }) => announced)?.id;
      if (id !== undefined) newest = (await link.request(showSnapshot, { snapshot: id })).sources;
      list.show(shown(items()));
      while (list.isOpen() && entries.length < total) {
        const page = await link.request(snapshots, { offset: entries.length, limit: nextPages });
        if (page.entries.length === 0) return;
        entries = [...entries, ...page.entries];
        list.show(shown(items()));
      }
    };
    const question = { title: l10n.t('Restore: Which Backup'), placeholder: l10n.t('From which day? Type to search.') };
    const chosen = await choose<WhichAnswer>({ ...question, ...place }, items(), undefined, grow);
    if (chosen === back || chosen === cancelled) return chosen;
    if ('undo' in chosen) return { undo: chosen.undo };
    const isSame = answers.shown?.snapshot.id === chosen.snapshot;
    const shown = isSame ? answers.shown : await link.request(showSnapshot, { snapshot: chosen.snapshot });
    // What was chosen of another backup may not be in this one.
    return isSame ? answers : { ...(shown !== undefined && { shown }) };
  };
}

/** Rows that say the same are the same objects, so that the marked one stays marked when the list grows. */
function sameObjects<T>(): (items: readonly Choice<T>[]) => readonly Choice<T>[] {
  const known = new Map<string, Choice<T>>();
  return items =>
    items.map(item => {
      const text = JSON.stringify(item);
      const same = known.get(text);
      if (same !== undefined) return same;
      known.set(text, item);
      return item;
    });
}
