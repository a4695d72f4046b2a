// Single files…: a walk through the folders of a backup in which files and folders are marked, a page of a folder at a time.

import { l10n } from 'vscode';
import { list } from '../../protocol/messages.ts';
import type { Shell } from '../shell.ts';
import { type Answer, back, cancelled, choose, type Place } from '../steps.ts';
import { type BrowseAnswer, browseEntries, type Folder, parentOf, toggled, trail } from './browse-entries.ts';
import { separator } from './dialogue.ts';
import type { Picked, Shown } from './wishes.ts';

/** @param before marked already  @returns at least one; `back` when nothing is to be walked through */
export async function browse(
  { link, reader }: Shell,
  { snapshot, sources }: Shown,
  before: readonly Picked[],
  place: Place,
): Promise<Answer<readonly Picked[]>> {
  let picked: ReadonlyMap<string, Picked> = new Map(before.map(one => [one.path, one]));
  const page = async ({ path, entries }: Pick<Folder, 'path' | 'entries'>): Promise<Folder> => {
    if (path === '') return { path, entries: [], total: 0 };
    const { entries: more, total } = await link.request(list, { snapshot: snapshot.id, path, offset: entries.length });
    return { path, entries: [...entries, ...more], total: more.length === 0 ? entries.length : total };
  };
  const [only] = sources.length === 1 ? sources : [];
  const top = only?.id ?? '';
  let folder = await page({ path: top, entries: [] });
  let from = '';
  for (;;) {
    const rows = () =>
      browseEntries(
        {
          folder,
          sources,
          picked,
          toggle: one => {
            picked = toggled(picked, one);
          },
          more: async () => {
            folder = await page(folder);
          },
        },
        separator,
        reader(),
      );
    const placeholder =
      folder.path === ''
        ? l10n.t('Open a folder, then choose the files that you want back.')
        : l10n.t('In {folder}: choose files, or open a folder.', { folder: trail(folder.path, sources) });
    const question = { ...place, placeholder, hasBack: true };
    const comesFrom = from;
    const chosen = await choose<BrowseAnswer>(question, rows, item => isOf(item.answer, comesFrom));
    if (chosen === cancelled) return cancelled;
    if (chosen !== back && 'done' in chosen) return [...picked.values()];
    if (chosen !== back && 'open' in chosen) {
      folder = await page({ path: chosen.open, entries: [] });
      from = '';
      continue;
    }
    if (folder.path === top) return back;
    from = folder.path;
    const above = parentOf(folder.path);
    folder = await page({ path: above === '' ? '' : above, entries: [] });
  }
}

/** The folder that was left is the one to go on from. */
function isOf(answer: BrowseAnswer | undefined, path: string): boolean {
  return answer !== undefined && 'open' in answer && answer.open === path;
}
