// The rows of one folder of a backup, to walk through and to mark what is wanted. Pure.

import { plural, say } from '../../protocol/formats.ts';
import type { ListEntry, SnapshotSource } from '../../protocol/status.ts';
import { withoutSymbols } from '../plain-text.ts';
import { entryRow, moreRow, sourceRow } from '../snapshots/rows.ts';
import type { Choice } from '../steps.ts';
import type { Reader } from '../views.ts';
import type { Picked } from './wishes.ts';

export type BrowseAnswer = { readonly open: string } | { readonly up: true } | { readonly done: true };

/** One folder as far as it was asked for. */
export interface Folder {
  /** `<source id>/<path>`; '' holds the sources. */
  readonly path: string;
  readonly entries: readonly ListEntry[];
  readonly total: number;
}

export interface Browsing {
  readonly folder: Folder;
  readonly sources: readonly SnapshotSource[];
  readonly picked: ReadonlyMap<string, Picked>;
  /** Marks it, or takes the mark away. */
  readonly toggle: (picked: Picked) => void;
  readonly more: () => Promise<void>;
}

export function browseEntries(
  { folder, sources, picked, toggle, more }: Browsing,
  separator: { readonly kind: number },
  { locale }: Reader,
): readonly Choice<BrowseAnswer>[] {
  const items: Choice<BrowseAnswer>[] = [];
  if (picked.size > 0) {
    items.push({
      label: `$(arrow-right) ${plural(locale, picked.size, 'Go on with {count} chosen', 'Go on with {count} chosen')}`,
      alwaysShow: true,
      answer: { done: true },
    });
  }
  if (folder.path !== '') {
    const whole: Picked = { path: folder.path, type: 'dir' };
    items.push(
      { label: '$(arrow-up) ..', description: say(locale, 'one folder up'), alwaysShow: true, answer: { up: true } },
      {
        label: `$(${mark(picked, folder.path)}) ${say(locale, 'All of this folder')}`,
        description: markWords(picked, folder.path, locale),
        act: () => toggle(whole),
      },
    );
  }
  if (items.length > 0) items.push({ label: '', ...separator });
  if (folder.path === '') {
    items.push(
      ...sources.map(source => {
        const { icon, label, description } = sourceRow(source, locale);
        return { label: `$(${icon}) ${withoutSymbols(label)}`, description, answer: { open: source.id } };
      }),
    );
  }
  for (const entry of folder.path === '' ? [] : folder.entries) {
    const path = `${folder.path}/${entry.name}`;
    const { label, description } = entryRow(entry, locale);
    if (entry.type === 'dir') {
      items.push({
        label: `$(folder) ${withoutSymbols(label)}`,
        description: inside(picked, path, locale),
        answer: { open: path },
      });
    } else {
      const facts = [description, markWords(picked, path, locale)].filter(fact => fact !== '').join(' · ');
      items.push({
        label: `$(${mark(picked, path)}) ${withoutSymbols(label)}`,
        description: facts,
        act: () => toggle({ path, type: entry.type }),
      });
    }
  }
  if (folder.entries.length < folder.total) {
    const { icon, label, description } = moreRow(folder.entries.length, folder.total, locale);
    items.push({ label: `$(${icon}) ${label}`, description, alwaysShow: true, act: more });
  }
  return items;
}

/** Whether it comes back: it was marked itself, or a folder above it was. */
function isIncluded(picked: ReadonlyMap<string, Picked>, path: string): boolean {
  const parts = path.split('/');
  return parts.some((_, index) => picked.has(parts.slice(0, index + 1).join('/')));
}

function mark(picked: ReadonlyMap<string, Picked>, path: string): string {
  return isIncluded(picked, path) ? 'pass-filled' : 'circle-large-outline';
}

/** The mark, for those who do not see it. */
function markWords(picked: ReadonlyMap<string, Picked>, path: string, locale: Reader['locale']): string {
  return isIncluded(picked, path) ? say(locale, 'chosen') : '';
}

function inside(picked: ReadonlyMap<string, Picked>, path: string, locale: Reader['locale']): string {
  if (isIncluded(picked, path)) return say(locale, 'chosen');
  const within = [...picked.keys()].filter(each => each.startsWith(`${path}/`)).length;
  return within === 0 ? '' : plural(locale, within, '{count} chosen', '{count} chosen');
}

/** What is marked after a click: a folder takes in what was marked below it, and one below a marked folder changes nothing. */
export function toggled(picked: ReadonlyMap<string, Picked>, one: Picked): ReadonlyMap<string, Picked> {
  const next = new Map(picked);
  if (next.delete(one.path)) return next;
  if (isIncluded(picked, one.path)) return picked;
  for (const path of picked.keys()) if (path.startsWith(`${one.path}/`)) next.delete(path);
  next.set(one.path, one);
  return next;
}

/** `WhatsApp › Media › Images`. */
export function trail(path: string, sources: readonly SnapshotSource[]): string {
  const [id = '', ...names] = path.split('/');
  return [sources.find(source => source.id === id)?.label ?? id, ...names].join(' › ');
}

export function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}
