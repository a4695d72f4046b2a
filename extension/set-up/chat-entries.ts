// The list of chats to choose from: what was found on this computer, folders that were named, and another one. Pure.

import { choosingNote, onlyHereWords } from '../../protocol/choice-words.ts';
import { dayOf, type Locale, listed, say, size } from '../../protocol/formats.ts';
import type { FoundSource, MediaClass, NextBackup, SourceStatus } from '../../protocol/status.ts';
import { withoutSymbols } from '../plain-text.ts';
import type { Choice } from '../steps.ts';
import type { Reader } from '../views.ts';
import type { ChosenChats } from './answers.ts';

/** Another folder is wanted. */
export const another = 'another';

export type ChatsAnswer = ChosenChats | typeof another;

const icons: { readonly [profile: string]: string } = {
  'claude-code': 'terminal',
  codex: 'terminal',
  cursor: 'terminal',
  'vscode-copilot': 'terminal',
  generic: 'folder-opened',
};

export interface ChatEntries {
  /** What was found and is not backed up yet. */
  readonly found: readonly FoundSource[];
  /** What was chosen before; undefined on the first look, when what was found is marked. */
  readonly chosen: readonly ChosenChats[] | undefined;
}

/** Found folders first, then those that were named, then the way to one more. */
export function chatEntries({ found, chosen }: ChatEntries, reader: Reader): readonly Choice<ChatsAnswer>[] {
  const { locale } = reader;
  const marked = chosen ?? markedAtFirst(found);
  const named = (chosen ?? []).filter(({ root }) => !found.some(each => each.root === root));
  return [
    ...found.map(source => ({
      label: `$(${icons[source.profile] ?? 'comment-discussion'}) ${withoutSymbols(source.label)}`,
      description: extent(source, reader),
      detail: details(source, found, reader),
      picked: marked.some(({ root }) => root === source.root),
      answer: { root: source.root, profile: source.profile },
    })),
    ...named.map(chats => ({ label: `$(folder-opened) ${withoutSymbols(chats.root)}`, picked: true, answer: chats })),
    { label: `$(folder-opened) ${say(locale, 'Another folder…')}`, isOpener: true, answer: another },
  ];
}

/** What nobody would want to miss: every app that has anything. */
export function markedAtFirst(found: readonly FoundSource[]): readonly ChosenChats[] {
  return found.filter(({ files }) => files > 0).map(({ root, profile }) => ({ root, profile }));
}

function extent({ sizeBytes, isMore, files }: FoundSource, { locale }: Reader): string {
  if (files === 0) return say(locale, 'empty');
  const bytes = size(sizeBytes, locale);
  return isMore ? say(locale, 'at least {size}', { size: bytes }) : bytes;
}

/** What one should know of it; where two have one name, where they lie. */
function details(source: FoundSource, found: readonly FoundSource[], { locale, now }: Reader): string {
  const isOneOfMany = found.filter(({ label }) => label === source.label).length > 1;
  const note = choosingNote(source.profile, locale);
  return [
    ...(isOneOfMany ? [source.root] : []),
    ...(source.newestAt === undefined
      ? []
      : [say(locale, 'Newest from {day}', { day: dayOf(source.newestAt, now, locale) })]),
    ...(note === undefined ? [] : [note.replace(/\.$/, '')]),
    ...(source.opensOnlyHere ? [onlyHereWords(source.label, locale).replace(/\.$/, '')] : []),
  ].join(' · ');
}

export interface ChatsHeading {
  /** Undefined while it is looked for. */
  readonly found: readonly FoundSource[] | undefined;
  /** Whose chats these are, where that is not the computer in front of the person. */
  readonly machine: string | undefined;
  /** Some are backed up already. */
  readonly isForMore: boolean;
  /** A folder was chosen by hand: what to do next is no longer to choose one. */
  readonly hasOwn?: boolean;
}

/** What stands above the list, in the width of its box. */
export function chatsPlaceholder(
  { found, machine, isForMore, hasOwn = false }: ChatsHeading,
  { locale }: Reader,
): string {
  if (found?.length === 0 && !hasOwn) {
    if (isForMore) return say(locale, 'No other chats were found. Choose a folder.');
    return machine === undefined
      ? say(locale, 'No chats were found. Choose a folder.')
      : say(locale, 'No chats were found on {machine}. Choose a folder.', { machine });
  }
  return machine === undefined
    ? say(locale, 'Which chats do you want to back up?')
    : say(locale, 'Which chats on {machine} do you want to back up?', { machine });
}

/** What a new source leaves out, as the others do. */
export function leaveOutLikeOthers(sources: readonly Pick<SourceStatus, 'leaveOut'>[]): readonly MediaClass[] {
  const isUsual = sources.length > 0 && sources.every(({ leaveOut }) => leaveOut?.includes('video'));
  return isUsual ? ['video'] : [];
}

/** After chats were added: who makes the backup that takes them in. */
export function addedWords(added: readonly (Pick<SourceStatus, 'label'> & NextBackup)[], locale: Locale): string {
  const apps = listed([...new Set(added.map(({ label }) => label))], locale);
  return added.some(({ nextBackup }) => nextBackup === 'on-request')
    ? say(locale, 'Added: {apps}. Nothing is backed up by itself here, so start the next backup when it suits you.', {
        apps,
      })
    : say(locale, 'Added: {apps}. The next backup takes it in, by itself and soon.', { apps });
}
