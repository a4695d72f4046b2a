// Messengers other than WhatsApp: Messages on a Mac, Signal Desktop, exports of Telegram, and the text logs of chat programs. Tables:
// ReagentX/imessage-exporter, carderne/signal-export; exports: core.telegram.org/import-export; logs: the programs' own manuals.

import { join } from 'node:path';
import { patterns } from '../patterns.ts';
import type { Profile } from '../profile.ts';
import { appData, xdgData } from './folders.ts';

export const imessage = {
  id: 'imessage',
  label: 'Messages (Mac)',
  isLive: true,
  defaultRoots: ({ platform, home }) => (platform === 'darwin' ? [join(home, 'Library', 'Messages')] : []),
  detect: async folder =>
    (await folder.isDatabase('chat.db')) &&
    ((await folder.isFolder('Attachments')) || (await folder.hasText('chat.db', /chat_message_join/))),
  excludes: patterns(),
  appendOnly: patterns(),
  opaque: patterns(),
  counting: {
    databases: [
      {
        path: /^chat\.db$/,
        candidates: [
          {
            requires: { message: ['ROWID'], chat: ['ROWID'], chat_message_join: ['chat_id', 'message_id'] },
            messages: 'SELECT count(*) AS messages FROM message',
            conversations: 'SELECT count(*) AS conversations FROM chat',
            newest: 'SELECT max(ROWID) AS newest FROM message',
            since:
              'SELECT count(DISTINCT m.ROWID) AS messages, count(DISTINCT j.chat_id) AS conversations FROM message m LEFT JOIN chat_message_join j ON j.message_id = m.ROWID WHERE m.ROWID > ?1',
          },
        ],
      },
    ],
  },
} as const satisfies Profile;

export const signalDesktop = {
  id: 'signal-desktop',
  label: 'Signal Desktop',
  isLive: true,
  defaultRoots: place => [
    join(appData(place), 'Signal'),
    ...(place.platform === 'linux' ? [join(place.home, '.var', 'app', 'org.signal.Signal', 'config', 'Signal')] : []),
  ],
  detect: async folder => (await folder.isFile('sql/db.sqlite')) && (await folder.isFile('config.json')),
  includes: patterns('sql', 'config.json', 'attachments.noindex', 'stickers.noindex', 'avatars.noindex'),
  excludes: patterns(),
  appendOnly: patterns(),
  // SQLCipher; the key in config.json is itself sealed by the system's keychain.
  opaque: patterns('sql/db.sqlite*'),
  mediaFolders: { 'stickers.noindex': 'sticker' },
  opensOnlyHere: true,
} as const satisfies Profile;

export const telegramExport = {
  id: 'telegram-export',
  label: 'Telegram export',
  // Telegram Desktop's own proposal; each export is a folder of its own.
  defaultRoots: ({ home }) =>
    ['ChatExport_*', 'DataExport_*'].map(name => join(home, 'Downloads', 'Telegram Desktop', name)),
  detect: folder =>
    folder.some({
      depth: 2,
      path: /(?:^|\/)result\.json$/,
      text: /"messages"\s*:\s*\[|"chats"\s*:\s*\{|"personal_information"\s*:/,
    }),
  excludes: patterns(),
  appendOnly: patterns(),
  opaque: patterns(),
  mediaFolders: {
    video_files: 'video',
    round_video_messages: 'video',
    photos: 'image',
    voice_messages: 'audio',
    files: 'document',
    stickers: 'sticker',
  },
  counting: {
    lines: [
      {
        // Not one that somebody sent.
        path: /^(?!(?:.*\/)?files\/)(?:.*\/)?result\.json$/s,
        message: /^\s*"type":\s*"message",?\s*$/,
        conversation: /^\s*"messages":\s*\[/,
      },
    ],
  },
} as const satisfies Profile;

/** Pidgin names a log by when it began: 2026-11-23.101112+0100CET.html */
const pidginLog = /\/\d{4}-\d\d-\d\d\.\d{6}[+-]\d{4}[A-Z]*\.(?:txt|html)$/;

export const plainLogs = {
  id: 'plain-logs',
  label: 'Chat logs',
  defaultRoots: place => {
    const { platform, home } = place;
    const hexchat = join(appData(place), platform === 'win32' ? 'HexChat' : 'hexchat', 'logs');
    if (platform === 'win32') return [join(appData(place), '.purple', 'logs'), hexchat];
    return [
      join(home, '.purple', 'logs'),
      join(xdgData(place), 'weechat', 'logs'),
      join(home, '.weechat', 'logs'),
      join(home, 'irclogs'),
      join(home, '.irssi', 'irclogs'),
      platform === 'darwin' ? join(home, '.config', 'hexchat', 'logs') : hexchat,
    ];
  },
  detect: async folder =>
    (await folder.some({ depth: 2, path: /\.weechatlog$/ })) ||
    (await folder.some({ depth: 4, path: pidginLog })) ||
    folder.some({ depth: 3, path: /\.log$/, text: /^(?:--- Log opened |\*\*\*\* BEGIN LOGGING AT )/ }),
  excludes: patterns(),
  appendOnly: patterns('**/*.log', '**/*.weechatlog', '**/*.txt', '**/*.html'),
  opaque: patterns(),
  counting: {
    lines: [
      // time, nick (no join, part or notice), text
      { path: /\.weechatlog$/, message: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\t(?!--|<--|=!=)[^\t]+\t/ },
      { path: /\.log$/, message: /^(?:\w{3} \d\d )?\d\d:\d\d(?::\d\d)?\s+<[^>]+>/ },
      {
        path: /\.(?:txt|html)$/,
        message: /^(?:\(\d|<font[^>]*><font[^>]*>\(\d)[\d:. /-]*(?: [AP]M)?\)(?:<\/font>)? (?:<b>)?[^:<]+:/,
      },
    ],
  },
} as const satisfies Profile;
