// What a person is told when choosing chats and bringing them back: what of an app is not kept by wish, and what its files are good for.

import { type Locale, listed, plural, say, size } from './formats.ts';
import type { MediaClass, NextBackup, SourceStatus } from './status.ts';

function mediaName(kind: MediaClass, locale: Locale): string {
  switch (kind) {
    case 'image':
      return say(locale, 'pictures');
    case 'video':
      return say(locale, 'videos');
    case 'audio':
      return say(locale, 'sound');
    case 'document':
      return say(locale, 'documents');
    case 'sticker':
      return say(locale, 'stickers');
  }
}

/** What its owner keeps out of a source: "videos and files over 100 MB"; undefined when nothing is. */
export function choiceWords(
  { leaveOut = [], maxFileBytes, excludes = 0 }: Pick<SourceStatus, 'leaveOut' | 'maxFileBytes' | 'excludes'>,
  locale: Locale = {},
): string | undefined {
  const parts = [
    ...leaveOut.map(kind => mediaName(kind, locale)),
    ...(maxFileBytes === undefined ? [] : [say(locale, 'files over {size}', { size: size(maxFileBytes, locale) })]),
    ...(excludes === 0 ? [] : [plural(locale, excludes, 'what {count} pattern names', 'what {count} patterns name')]),
  ];
  return parts.length === 0 ? undefined : listed(parts, locale);
}

/** Of an app that seals its data with a key of this computer: what that means for a restore. */
export function onlyHereWords(label: string, locale: Locale = {}): string {
  return say(
    locale,
    "{app} locks its messages with a key that lives in this computer's keychain. On another computer these files will not open.",
    { app: label },
  );
}

/** Who makes the backup in which a change counts; empty where none is needed for it. */
export function nextBackupWords(next: NextBackup['nextBackup'], locale: Locale = {}): string {
  switch (next) {
    case 'by-itself':
      return say(locale, 'That backup is made by itself soon; `signet status` tells if it has to wait.');
    case 'on-request':
      return say(locale, 'Nothing is backed up by itself here: `signet backup` makes that backup.');
    default:
      return '';
  }
}

/** What one should know when choosing an app's chats, by its profile. */
export function choosingNote(profile: string, locale: Locale = {}): string | undefined {
  return profile === 'claude-code'
    ? say(locale, 'This app removes chats after 30 days; the backup keeps them.')
    : undefined;
}

/** What bringing the files of an app back does not do by itself, by its profile; undefined when there is nothing to know. */
export function restoringNote(profile: string, locale: Locale = {}): string | undefined {
  switch (profile) {
    case 'whatsapp-android':
      return say(
        locale,
        'To use WhatsApp again with these chats, the phone needs the file msgstore.db.crypt15 (or crypt14) and its own key or password.',
      );
    case 'whatsapp-apple':
      return say(locale, 'Close WhatsApp before its files are put back, or they are damaged.');
    case 'signal-desktop':
      return onlyHereWords('Signal Desktop', locale);
    case 'imessage':
      return say(locale, 'Close Messages before its files are put back, or they are damaged.');
    case 'cursor':
      return say(locale, 'Close Cursor before its files are put back, or they are damaged.');
    case 'vscode-copilot':
      return say(
        locale,
        'A chat that is put back does not come into view by itself: in VS Code, run “Chat: Import Session…” on its file.',
      );
    default:
      return undefined;
  }
}
