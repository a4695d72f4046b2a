// What a person is told when choosing chats and bringing them back: what of an app is not kept by wish, and what its files are good for.

import { counted, type Locale, listed, size } from './formats.ts';
import type { MediaClass, NextBackup, SourceStatus } from './status.ts';

const mediaNames: { readonly [kind in MediaClass]: string } = {
  image: 'pictures',
  video: 'videos',
  audio: 'sound',
  document: 'documents',
  sticker: 'stickers',
};

/** What its owner keeps out of a source: "videos and files over 100 MB"; undefined when nothing is. */
export function choiceWords(
  { leaveOut = [], maxFileBytes, excludes = 0 }: Pick<SourceStatus, 'leaveOut' | 'maxFileBytes' | 'excludes'>,
  locale: Locale = {},
): string | undefined {
  const parts = [
    ...leaveOut.map(kind => mediaNames[kind]),
    ...(maxFileBytes === undefined ? [] : [`files over ${size(maxFileBytes, locale)}`]),
    ...(excludes === 0 ? [] : [`what ${counted(excludes, 'pattern names', 'patterns name', locale)}`]),
  ];
  return parts.length === 0 ? undefined : listed(parts);
}

/** Of an app that seals its data with a key of this computer: what that means for a restore. */
export function onlyHereWords(label: string): string {
  return `${label} locks its messages with a key that lives in this computer's keychain. On another computer these files will not open.`;
}

/** Who makes the backup in which a change counts; empty where none is needed for it. */
export function nextBackupWords(next: NextBackup['nextBackup']): string {
  switch (next) {
    case 'by-itself':
      return 'That backup is made by itself soon; `signet status` tells if it has to wait.';
    case 'on-request':
      return 'Nothing is backed up by itself here: `signet backup` makes that backup.';
    default:
      return '';
  }
}

/** What one should know when choosing an app's chats, by its profile. */
export function choosingNote(profile: string): string | undefined {
  return { 'claude-code': 'This app removes chats after 30 days; the backup keeps them.' }[profile];
}

/** What bringing the files of an app back does not do by itself, by its profile; undefined when there is nothing to know. */
export function restoringNote(profile: string): string | undefined {
  const notes: { readonly [profile: string]: string } = {
    'whatsapp-android':
      'To use WhatsApp again with these chats, the phone needs the file msgstore.db.crypt15 (or crypt14) and its own key or password.',
    'whatsapp-apple': 'Close WhatsApp before its files are put back, or they are damaged.',
    'signal-desktop': onlyHereWords('Signal Desktop'),
    imessage: 'Close Messages before its files are put back, or they are damaged.',
    cursor: 'Close Cursor before its files are put back, or they are damaged.',
    'vscode-copilot':
      'A chat that is put back does not come into view by itself: in VS Code, run “Chat: Import Session…” on its file.',
  };
  return notes[profile];
}
