// What is said of chats and of what a backup holds of them: how many messages are new, what settings left out, what went missing. Used by
// the command line and the extension alike.

import { counted, type Locale, plural, say, size } from './formats.ts';
import type { RestoreResult, SourceStatus, UnreadableFile } from './status.ts';

/** `212 new messages in 9 chats`; empty where nothing was counted. */
export function newMessagesWords(
  news: { readonly messagesNew?: number; readonly conversationsChanged?: number },
  locale: Locale = {},
): string {
  const { messagesNew: messages, conversationsChanged: chats } = news;
  if (messages === undefined) return '';
  const told = counted(messages, 'new message', 'new messages', locale);
  if (messages === 0 || chats === undefined || chats === 0) return told;
  return plural(locale, chats, '{messages} in {count} chat', '{messages} in {count} chats', { messages: told });
}

/** `41,208 messages · 4.1 GB · 412 files left out`, as far as it is known. Of a plain folder nobody expects messages. */
export function sourceWords(source: SourceStatus, locale: Locale = {}): string {
  const { messages, sizeBytes, leftOut, profile, capturedAt } = source;
  const facts: string[] = [];
  if (messages !== undefined) facts.push(counted(messages, 'message', 'messages', locale));
  else if (profile !== 'generic' && capturedAt !== undefined) facts.push(say(locale, 'messages not counted'));
  if (sizeBytes !== undefined) facts.push(size(sizeBytes, locale));
  if (leftOut !== undefined)
    facts.push(plural(locale, leftOut.files, '{count} file left out', '{count} files left out'));
  return facts.join(' · ');
}

/** Among what could not be read: a whole source, named by its id, and not a file in one. */
export function isSource({ path }: Pick<UnreadableFile, 'path'>): boolean {
  return !path.includes('/');
}

/** Such a problem waits for the owner's word; the others are tried again by themselves. */
export function isHeldBack(problem: string): boolean {
  return problem === 'shrunk' || problem === 'empty';
}

/** What is wrong with a source, in the width of a row; of a problem that this version does not know, that there is one. */
export function problemWords(problem: string, locale: Locale = {}): string {
  switch (problem) {
    case 'missing':
      return say(locale, 'not there');
    case 'unreadable':
      return say(locale, 'cannot be read');
    case 'empty':
      return say(locale, 'is empty now');
    case 'shrunk':
      return say(locale, 'shrank');
    default:
      return say(locale, 'has a problem');
  }
}

/** A sentence for each reason: `412 videos were left out of this backup by your settings: 3.1 GB.` */
export function leftOutWords(leftOut: RestoreResult['leftOut'], locale: Locale = {}): readonly string[] {
  return Object.entries(leftOut?.byReason ?? {}).map(([reason, { files, bytes }]) =>
    leftOutFor(reason, files, { size: size(bytes, locale) }, locale),
  );
}

function leftOutFor(reason: string, files: number, values: { readonly size: string }, locale: Locale): string {
  switch (reason) {
    case 'image':
      return plural(
        locale,
        files,
        '{count} picture was left out of this backup by your settings: {size}.',
        '{count} pictures were left out of this backup by your settings: {size}.',
        values,
      );
    case 'video':
      return plural(
        locale,
        files,
        '{count} video was left out of this backup by your settings: {size}.',
        '{count} videos were left out of this backup by your settings: {size}.',
        values,
      );
    case 'audio':
      return plural(
        locale,
        files,
        '{count} voice message or sound was left out of this backup by your settings: {size}.',
        '{count} voice messages and sounds were left out of this backup by your settings: {size}.',
        values,
      );
    case 'document':
      return plural(
        locale,
        files,
        '{count} document was left out of this backup by your settings: {size}.',
        '{count} documents were left out of this backup by your settings: {size}.',
        values,
      );
    case 'sticker':
      return plural(
        locale,
        files,
        '{count} sticker was left out of this backup by your settings: {size}.',
        '{count} stickers were left out of this backup by your settings: {size}.',
        values,
      );
    case 'too-large':
      return plural(
        locale,
        files,
        '{count} large file was left out of this backup by your settings: {size}.',
        '{count} large files were left out of this backup by your settings: {size}.',
        values,
      );
    case 'excluded':
      return plural(
        locale,
        files,
        '{count} file that you excluded was left out of this backup: {size}.',
        '{count} files that you excluded were left out of this backup: {size}.',
        values,
      );
    case 'profile':
      return plural(
        locale,
        files,
        '{count} file that its app makes again was left out of this backup: {size}.',
        '{count} files that their apps make again were left out of this backup: {size}.',
        values,
      );
    case 'older-copy':
      return plural(
        locale,
        files,
        '{count} older copy that a newer one replaces was left out of this backup: {size}.',
        '{count} older copies that newer ones replace were left out of this backup: {size}.',
        values,
      );
    default:
      return plural(
        locale,
        files,
        '{count} file was left out of this backup on purpose: {size}.',
        '{count} files were left out of this backup on purpose: {size}.',
        values,
      );
  }
}
