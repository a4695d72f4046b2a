// WhatsApp: the folder of its Android app, pulled from a phone, and the container of its Mac app, which an iPhone's has the shape of.
// Excludes of the Android folder follow what phone-backup scripts leave out. Tables: KnugiHK/WhatsApp-Chat-Exporter, ALEAPP, iLEAPP.

import { join } from 'node:path';
import type { MediaClass } from '../../../protocol/status.ts';
import { patterns } from '../patterns.ts';
import type { FolderProbe } from '../probe.ts';
import type { Profile } from '../profile.ts';

const named: Readonly<Record<string, MediaClass>> = {
  video: 'video',
  'video notes': 'video',
  'animated gifs': 'video',
  images: 'image',
  'voice notes': 'audio',
  audio: 'audio',
  documents: 'document',
  stickers: 'sticker',
  'sticker packs': 'sticker',
};
const mediaFolders: Readonly<Record<string, MediaClass>> = {
  ...Object.fromEntries(
    Object.entries(named).flatMap(([name, kind]) => [
      [`whatsapp ${name}`, kind],
      [`whatsapp business ${name}`, kind],
    ]),
  ),
  stickers: 'sticker',
};

export const whatsappAndroid = {
  id: 'whatsapp-android',
  label: 'WhatsApp (Android)',
  // A computer has no usual place for a phone's folder: these are the ones docs/phones.md proposes.
  defaultRoots: ({ home }) => [join(home, 'Phone', 'WhatsApp'), join(home, 'WhatsApp')],
  // The folder of the app, or the one above it (com.whatsapp) that phones copy out.
  detect: async folder =>
    (await isAndroidFolder(folder, '')) ||
    (await isAndroidFolder(folder, 'WhatsApp/')) ||
    isAndroidFolder(folder, 'WhatsApp Business/'),
  excludes: patterns(
    '**/.Shared',
    '**/.StickerThumbs',
    '**/.trash',
    '**/.Thumbs',
    '**/Media/.Statuses',
    '**/Media/.Links',
  ),
  appendOnly: patterns(),
  opaque: patterns('**/*.crypt*'),
  mediaFolders,
  datedCopiesKept: 2,
  counting: {
    databases: [
      {
        // What lies among the media was sent by others: a document of this name holds no messages of this phone.
        path: /^(?!(?:.*\/)?Media\/)(?:.*\/)?msgstore\.db$/s,
        // Both tables stand in databases of either age, one of them with a placeholder row.
        candidates: [
          {
            requires: { message: ['_id', 'chat_row_id'], chat: ['hidden'] },
            messages: 'SELECT count(*) AS messages FROM message',
            conversations: 'SELECT count(*) AS conversations FROM chat WHERE hidden IS NOT 1',
            newest: 'SELECT max(_id) AS newest FROM message',
            since:
              'SELECT count(*) AS messages, count(DISTINCT chat_row_id) AS conversations FROM message WHERE _id > ?1',
          },
          {
            // Rows with the number "-1" are no messages.
            requires: { messages: ['_id', 'key_remote_jid'] },
            messages: "SELECT count(*) AS messages FROM messages WHERE key_remote_jid <> '-1'",
            conversations:
              "SELECT count(DISTINCT key_remote_jid) AS conversations FROM messages WHERE key_remote_jid <> '-1'",
            newest: 'SELECT max(_id) AS newest FROM messages',
            since:
              "SELECT count(*) AS messages, count(DISTINCT key_remote_jid) AS conversations FROM messages WHERE _id > ?1 AND key_remote_jid <> '-1'",
          },
        ],
      },
    ],
  },
} as const satisfies Profile;

async function isAndroidFolder(folder: FolderProbe, prefix: string): Promise<boolean> {
  return (
    (await folder.hasName(`${prefix}Databases`, name => /^msgstore.*\.db/.test(name))) ||
    (await folder.isFolder(`${prefix}Media/WhatsApp Images`)) ||
    (await folder.isFolder(`${prefix}Media/WhatsApp Business Images`)) ||
    (await folder.isDatabase(`${prefix}msgstore.db`))
  );
}

export const whatsappApple = {
  id: 'whatsapp-apple',
  label: 'WhatsApp (Mac, iPhone copy)',
  isLive: true,
  defaultRoots: ({ platform, home }) =>
    platform === 'darwin' ? [join(home, 'Library', 'Group Containers', 'group.net.whatsapp.WhatsApp.shared')] : [],
  detect: folder => folder.isDatabase('ChatStorage.sqlite'),
  // Search index, caches and logs are made anew by the app; putting an old Axolotl session store back breaks sessions.
  excludes: patterns('fts', 'Logs', 'FieldStats2', 'Library/Caches', 'emoji.sqlite*', 'Axolotl.sqlite*'),
  appendOnly: patterns(),
  opaque: patterns(),
  mediaFolders,
  counting: {
    databases: [
      {
        path: /^ChatStorage\.sqlite$/,
        candidates: [
          {
            requires: { ZWAMESSAGE: ['Z_PK', 'ZCHATSESSION'], ZWACHATSESSION: ['ZSESSIONTYPE'] },
            // Rows, not the sessions' own counters: those count what was deleted, too.
            messages: 'SELECT count(*) AS messages FROM ZWAMESSAGE',
            conversations: 'SELECT count(*) AS conversations FROM ZWACHATSESSION WHERE ZSESSIONTYPE IN (0, 1)',
            newest: 'SELECT max(Z_PK) AS newest FROM ZWAMESSAGE',
            since:
              'SELECT count(*) AS messages, count(DISTINCT ZCHATSESSION) AS conversations FROM ZWAMESSAGE WHERE Z_PK > ?1',
          },
        ],
      },
    ],
  },
} as const satisfies Profile;
