// The lists of the restore dialogue: which backup, what of it, where to. Pure.

import { count, counted, type Locale, listed, plural, say, size } from '../../protocol/formats.ts';
import type { AlarmBackup, RestoreUndo, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import { withoutSymbols } from '../plain-text.ts';
import { hiddenReason, hiddenRow, momentWords, sourceRow } from '../snapshots/rows.ts';
import type { Choice } from '../steps.ts';
import { type Reader, timeOf } from '../views.ts';
import { dividedByPlace, type Part } from './wishes.ts';

const dayMs = 86_400_000;

/** A separator of the editor's lists, given since only the editor has its number. */
export interface Separator {
  readonly kind: number;
}

export type WhichAnswer = { readonly snapshot: string } | { readonly undo: RestoreUndo };

export interface Backups {
  /** Newest first; more may follow. */
  readonly entries: readonly SnapshotEntry[];
  /** What the newest holds, once it is known. */
  readonly newest?: readonly SnapshotSource[];
  readonly undo?: RestoreUndo;
  /** Those that the cloud hides; absent: none. */
  readonly hidden?: readonly AlarmBackup[];
}

/**
 * The newest, the way back from the last restore, then all by day; at the end those that no device reported, apart, and those that the cloud
 * hides, which cannot be chosen.
 */
export function whichEntries(
  { entries: all, newest, undo, hidden = [] }: Backups,
  separator: Separator,
  reader: Reader,
): readonly Choice<WhichAnswer>[] {
  const { locale } = reader;
  const entries = all.filter(({ id }) => hidden.every(each => each.id !== id));
  const reported = entries.filter(({ announced }) => announced);
  const apart = entries.filter(({ announced }) => !announced);
  const isOneOfSeveral = new Set(entries.map(({ device }) => device)).size > 1;
  const [first, ...others] = reported;
  const items: Choice<WhichAnswer>[] = [];
  if (first !== undefined) {
    items.push({
      label: `$(history) ${say(locale, 'Newest')}`,
      description: [moment(first.at, reader), ...(isOneOfSeveral ? [first.device] : [])].join(' · '),
      detail: newest === undefined ? extent(first, reader) : (messagesIn(newest, reader) ?? extent(first, reader)),
      answer: { snapshot: first.id },
    });
  }
  if (undo !== undefined) items.push(undoEntry(undo, reader));
  let day = '';
  for (const entry of others) {
    const its = fullDay(entry.at, reader);
    if (its !== day) items.push({ label: its, ...separator });
    day = its;
    items.push({
      label: moment(entry.at, reader),
      description: facts(entry, isOneOfSeveral, reader),
      answer: { snapshot: entry.id },
    });
  }
  if (apart.length > 0) items.push({ label: say(locale, 'Reported by none of your devices'), ...separator });
  for (const entry of apart) {
    items.push({
      label: `$(warning) ${moment(entry.at, reader)}`,
      description: facts(entry, true, reader),
      detail: say(locale, 'It opens with your key, but no device of yours signed for it.'),
      answer: { snapshot: entry.id },
    });
  }
  if (hidden.length > 0) items.push({ label: say(locale, 'Hidden by the cloud'), ...separator });
  for (const backup of hidden) {
    const { label, description } = hiddenRow(backup, false, reader);
    items.push({ label: `$(circle-slash) ${withoutSymbols(label)}`, description, detail: hiddenReason(locale) });
  }
  return items;
}

function undoEntry(undo: RestoreUndo, reader: Reader): Choice<WhichAnswer> {
  const { locale } = reader;
  return {
    label: undoLabel(undo, locale),
    description: [undo.label, moment(undo.at, reader)].join(' · '),
    answer: { undo },
  };
}

function undoLabel({ isUnfinished, isUndo }: RestoreUndo, locale: Locale): string {
  if (isUnfinished) return `$(discard) ${say(locale, 'Take back the restore that was broken off')}`;
  if (isUndo) return `$(redo) ${say(locale, 'Bring back the restore that was taken back')}`;
  return `$(discard) ${say(locale, 'Take back the last restore')}`;
}

/** `Today 08:55`, `Yesterday 21:40`, `Saturday 21 November 08:12`. */
function moment(at: string, reader: Reader): string {
  const { now, locale } = reader;
  const day = (time: number) => new Date(time).toLocaleDateString('en-CA', { timeZone: locale.timeZone });
  const its = day(Date.parse(at));
  if (its === day(now)) return say(locale, 'Today {time}', { time: timeOf(at, reader) });
  if (its === day(now - dayMs)) return say(locale, 'Yesterday {time}', { time: timeOf(at, reader) });
  return momentWords(at, reader);
}

/** Weekday and date, with the year when it is another. */
function fullDay(at: string, { now, locale: { locale = 'en-GB', timeZone } }: Reader): string {
  const yearOf = (time: number) => new Date(time).toLocaleDateString('en-CA', { year: 'numeric', timeZone });
  const year = yearOf(now) === yearOf(Date.parse(at)) ? {} : ({ year: 'numeric' } as const);
  return new Date(at).toLocaleDateString(locale, { weekday: 'long', day: 'numeric', month: 'long', ...year, timeZone });
}

/** `Laptop · 19 new messages · 2.1 MB new · 6.4 GB in all`. */
function facts(entry: SnapshotEntry, isOneOfSeveral: boolean, { locale }: Reader): string {
  const { device, messagesNew, bytesAdded, sizeBytes } = entry;
  return [
    ...(isOneOfSeveral ? [device] : []),
    ...(messagesNew === undefined ? [] : [plural(locale, messagesNew, '{count} new message', '{count} new messages')]),
    say(locale, '{size} new', { size: size(bytesAdded, locale) }),
    say(locale, '{size} in all', { size: size(sizeBytes, locale) }),
  ].join(' · ');
}

function extent({ files, sizeBytes }: SnapshotEntry, { locale }: Reader): string {
  return [counted(files, 'file', 'files', locale), size(sizeBytes, locale)].join(' · ');
}

/** `41,208 WhatsApp messages, 18,940 in Claude Code`; undefined where none were counted. */
function messagesIn(sources: readonly SnapshotSource[], { locale }: Reader): string | undefined {
  const counts = sources.flatMap(({ label, messages }) => (messages === undefined ? [] : [{ label, messages }]));
  if (counts.length === 0) return undefined;
  return counts
    .map(({ label, messages }, index) =>
      index === 0
        ? plural(locale, messages, '{count} {app} message', '{count} {app} messages', { app: label })
        : say(locale, '{number} in {app}', { number: count(messages, locale), app: label }),
    )
    .join(', ');
}

export type WhatAnswer = { readonly kind: 'everything' | 'files' } | { readonly kind: 'source'; readonly id: string };

/** @param chosen ids of whole sources chosen before; none means everything */
export function whatEntries(
  sources: readonly SnapshotSource[],
  chosen: readonly string[],
  separator: Separator,
  { locale }: Reader,
): readonly Choice<WhatAnswer>[] {
  const bytes = sources.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return [
    {
      label: `$(archive) ${say(locale, 'Everything')}`,
      description: size(bytes, locale),
      picked: chosen.length === 0,
      isAlone: true,
      answer: { kind: 'everything' },
    },
    ...sources.map(source => {
      const { icon, label } = sourceRow(source, locale);
      return {
        label: `$(${icon}) ${withoutSymbols(label)}`,
        description: whatIn(source, { locale }),
        ...(isSharedName(source, sources) && { detail: source.root }),
        picked: chosen.includes(source.id),
        answer: { kind: 'source', id: source.id } as const,
      };
    }),
    { label: '', ...separator },
    { label: `$(list-tree) ${say(locale, 'Single files…')}`, isOpener: true, answer: { kind: 'files' } },
  ];
}

/** `41,208 messages · 4.1 GB`. Of a plain folder nobody expects messages. */
function whatIn({ profile, messages, sizeBytes }: SnapshotSource, { locale }: Pick<Reader, 'locale'>): string {
  const told =
    messages !== undefined
      ? counted(messages, 'message', 'messages', locale)
      : profile === 'generic'
        ? ''
        : say(locale, 'messages not counted');
  return [told, size(sizeBytes, locale)].filter(fact => fact !== '').join(' · ');
}

function isSharedName({ id, label }: SnapshotSource, sources: readonly SnapshotSource[]): boolean {
  return sources.some(other => other.id !== id && other.label === label);
}

export type WhereAnswer = 'new' | 'original' | 'other';

/** @param folder that is proposed for a new one, as it is shown */
export function whereEntries(parts: readonly Part[], folder: string, reader: Reader): readonly Choice<WhereAnswer>[] {
  const { locale } = reader;
  const { here } = dividedByPlace(parts);
  return [
    {
      label: `$(new-folder) ${say(locale, 'A new folder')}`,
      description: say(locale, 'recommended · nothing is overwritten'),
      detail: folder,
      answer: 'new',
    },
    ...(here.length === 0 ? [] : [originalEntry(parts, reader)]),
    {
      label: `$(folder-opened) ${say(locale, 'Another folder…')}`,
      description: say(locale, 'an empty one'),
      answer: 'other',
    },
  ];
}

function originalEntry(parts: readonly Part[], { locale }: Reader): Choice<WhereAnswer> {
  const { here, away } = dividedByPlace(parts);
  const copies = here.filter(({ source }) => source.here === 'copy');
  const labels = listed(
    here.map(({ source }) => source.label),
    locale,
  );
  const isOneCopy = here.length === 1 && copies.length === 1;
  // What is not done comes first: a row cuts its end off.
  const detail = [
    ...(away.length === 0
      ? []
      : [
          say(locale, 'Not {apps}: on this computer there is no place for it.', {
            apps: listed(
              away.map(({ source }) => source.label),
              locale,
            ),
          }),
        ]),
    ...(copies.length === 0
      ? [say(locale, 'What is there now is kept beside it, so you can go back.')]
      : [say(locale, 'If a sync tool watches it, it may copy this to the phone.')]),
    ...(isOneCopy ? [here[0]?.source.root ?? ''] : []),
  ];
  return {
    label: `$(reply) ${isOneCopy ? say(locale, 'Back into this folder') : say(locale, 'Back into {app}', { app: labels })}`,
    description: say(locale, 'replaces what is there'),
    detail: detail.join(' '),
    answer: 'original',
  };
}
