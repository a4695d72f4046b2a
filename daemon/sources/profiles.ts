// The apps whose chats Signet keeps. One table; everything else is a function of it.

import { patterns } from './patterns.ts';
import type { Profile } from './profile.ts';
import { claudeCode, codexCli, cursor, vscodeCopilot } from './profiles/assistants.ts';
import { imessage, plainLogs, signalDesktop, telegramExport } from './profiles/messengers.ts';
import { whatsappAndroid, whatsappApple } from './profiles/whatsapp.ts';

export type ProfileId =
  | 'generic'
  | 'whatsapp-android'
  | 'whatsapp-apple'
  | 'signal-desktop'
  | 'imessage'
  | 'telegram-export'
  | 'claude-code'
  | 'codex-cli'
  | 'cursor'
  | 'vscode-copilot'
  | 'plain-logs';

const generic = {
  id: 'generic',
  label: 'Folder',
  defaultRoots: () => [],
  detect: async () => true,
  excludes: patterns(),
  appendOnly: patterns('**/*.jsonl', '**/*.ndjson', '**/*.log', '**/*.weechatlog'),
  opaque: patterns(),
} as const satisfies Profile;

/** In the order in which folders are compared with them: Cursor is made from VS Code, and its folder has the same shape. */
export const profiles: Readonly<Record<ProfileId, Profile & { readonly id: ProfileId }>> = {
  'whatsapp-android': whatsappAndroid,
  'whatsapp-apple': whatsappApple,
  'signal-desktop': signalDesktop,
  imessage,
  'telegram-export': telegramExport,
  'claude-code': claudeCode,
  'codex-cli': codexCli,
  cursor,
  'vscode-copilot': vscodeCopilot,
  'plain-logs': plainLogs,
  generic,
};

export function isProfileId(text: string): text is ProfileId {
  return Object.hasOwn(profiles, text);
}

/** The profile of that name; a name this version does not know (settings of a newer one) is treated as a plain folder. */
export function profileOf(id: string): Profile & { readonly id: ProfileId } {
  return isProfileId(id) ? profiles[id] : profiles.generic;
}
