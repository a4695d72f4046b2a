// What is said of chats and of what a backup holds of them: how many messages are new, what settings left out, what went missing. Used by
// the command line and the extension alike.

import { counted, type Locale, size } from './formats.ts';
import type { RestoreResult, SourceStatus } from './status.ts';

/** `212 new messages in 9 chats`; empty where nothing was counted. */
export function newMessagesWords(
  news: { readonly messagesNew?: number; readonly conversationsChanged?: number },
  locale: Locale = {},
): string {
  const { messagesNew: messages, conversationsChanged: chats } = news;
  if (messages === undefined) return '';
  const told = counted(messages, 'new message', 'new messages', locale);
  return messages === 0 || chats === undefined || chats === 0
    ? told
    : `${told} in ${counted(chats, 'chat', 'chats', locale)}`;
}

/** `41,208 messages · 4.1 GB · 412 files left out`, as far as it is known. Of a plain folder nobody expects messages. */
export function sourceWords(source: SourceStatus, locale: Locale = {}): string {
  const { messages, sizeBytes, leftOut, profile, capturedAt } = source;
  const facts: string[] = [];
  if (messages !== undefined) facts.push(counted(messages, 'message', 'messages', locale));
  else if (profile !== 'generic' && capturedAt !== undefined) facts.push('messages not counted');
  if (sizeBytes !== undefined) facts.push(size(sizeBytes, locale));
  if (leftOut !== undefined) facts.push(`${counted(leftOut.files, 'file', 'files', locale)} left out`);
  return facts.join(' · ');
}

/** What is wrong with a source, in the width of a row; of a problem that this version does not know, that there is one. */
export function problemWords(problem: string): string {
  const known: { readonly [problem: string]: string } = {
    missing: 'not there',
    unreadable: 'cannot be read',
    empty: 'is empty now',
    shrunk: 'shrank',
  };
  return known[problem] ?? 'has a problem';
}

const kinds: { readonly [reason: string]: readonly [string, string, string] } = {
  image: ['picture', 'pictures', 'by your settings'],
  video: ['video', 'videos', 'by your settings'],
  audio: ['voice message or sound', 'voice messages and sounds', 'by your settings'],
  document: ['document', 'documents', 'by your settings'],
  sticker: ['sticker', 'stickers', 'by your settings'],
  'too-large': ['large file', 'large files', 'by your settings'],
  excluded: ['file that you excluded', 'files that you excluded', ''],
  profile: ['file that its app makes again', 'files that their apps make again', ''],
  'older-copy': ['older copy that a newer one replaces', 'older copies that newer ones replace', ''],
};

/** A sentence for each reason: `412 videos were left out of this backup by your settings: 3.1 GB.` */
export function leftOutWords(leftOut: RestoreResult['leftOut'], locale: Locale = {}): readonly string[] {
  return Object.entries(leftOut?.byReason ?? {}).map(([reason, { files, bytes }]) => {
    const [one, many, by] = kinds[reason] ?? ['file', 'files', 'on purpose'];
    const what = counted(files, `${one} was`, `${many} were`, locale);
    return `${what} left out of this backup${by === '' ? '' : ` ${by}`}: ${size(bytes, locale)}.`;
  });
}
