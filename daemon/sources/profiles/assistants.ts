// Assistants that keep their conversations as files on this computer: Claude Code, Codex, and the chats inside VS Code and Cursor. Formats:
// microsoft/vscode `chatSessionStore`, specstoryai/getspecstory for Codex and Cursor; Claude Code measured on real sessions.

import { join } from 'node:path';
import { patterns } from '../patterns.ts';
import type { FolderProbe } from '../probe.ts';
import type { Profile } from '../profile.ts';
import { appData } from './folders.ts';

export const claudeCode = {
  id: 'claude-code',
  label: 'Claude Code',
  isLive: true,
  defaultRoots: ({ home, env }) => [join(env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'), 'projects')],
  detect: folder =>
    folder.some({
      depth: 2,
      path: /(?:^|\/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$/,
      text: /"sessionId"\s*:/,
    }),
  excludes: patterns('statsig', 'ide', 'shell-snapshots'),
  appendOnly: patterns('**/*.jsonl'),
  opaque: patterns(),
  counting: {
    lines: [
      {
        path: /\.jsonl$/,
        // A line of progress quotes the message it is about. Quotation marks inside texts are escaped, so the keys are real ones.
        message: /^(?!.*"type":"progress").*"type":"(?:user|assistant)"/s,
      },
    ],
  },
} as const satisfies Profile;

export const codexCli = {
  id: 'codex-cli',
  label: 'Codex',
  isLive: true,
  defaultRoots: ({ home, env }) => [join(env['CODEX_HOME'] || join(home, '.codex'), 'sessions')],
  detect: folder => folder.some({ depth: 4, path: /(?:^|\/)\d{4}\/\d\d\/\d\d\/rollout-[^/]*\.jsonl$/ }),
  excludes: patterns(),
  appendOnly: patterns('**/*.jsonl'),
  opaque: patterns(),
  counting: {
    lines: [
      {
        path: /(?:^|\/)rollout-[^/]*\.jsonl$/,
        message:
          /^(?=[^{]*\{[^{]*"type":"response_item")[^{]*\{[^{]*"payload":\{(?=[^{]*"type":"message")[^{]*"role":"(?:user|assistant)"/s,
      },
    ],
  },
} as const satisfies Profile;

/** VS Code's own raw copy of a database, made at its close, is left out by not being named here. */
const stateFiles = ['state.vscdb', 'state.vscdb-wal', 'state.vscdb-journal'];
const ofWorkspaces = (...names: readonly string[]) => names.map(name => `workspaceStorage/*/${name}`);
const ofAll = (...names: readonly string[]) => names.map(name => `globalStorage/${name}`);

export const vscodeCopilot = {
  id: 'vscode-copilot',
  label: 'VS Code chat',
  isLive: true,
  defaultRoots: place => ['Code', 'Code - Insiders', 'VSCodium'].map(name => join(appData(place), name, 'User')),
  detect: async folder =>
    (await folder.isFolder('globalStorage/emptyWindowChatSessions')) ||
    folder.some({ depth: 3, path: /^workspaceStorage\/[^/]+\/chatSessions$/, into: /^workspaceStorage(?:\/[^/]+)?$/ }),
  includes: patterns(
    ...ofWorkspaces('workspace.json', 'chatSessions', 'chatEditingSessions', ...stateFiles),
    ...ofAll('emptyWindowChatSessions', 'transferredChatSessions', ...stateFiles),
  ),
  excludes: patterns(),
  // Its session logs are rewritten from time to time, so they do not only grow.
  appendOnly: patterns(),
  opaque: patterns(),
} as const satisfies Profile;

export const cursor = {
  id: 'cursor',
  label: 'Cursor',
  isLive: true,
  defaultRoots: place => [join(appData(place), 'Cursor', 'User'), join(place.home, '.cursor', 'chats')],
  detect: async folder =>
    (await isCursorState(folder)) || folder.some({ depth: 3, path: /^[0-9a-f]{32}\/[^/]+\/store\.db$/ }),
  includes: patterns(
    ...ofWorkspaces('workspace.json', 'chatSessions', ...stateFiles),
    ...ofAll('emptyWindowChatSessions', ...stateFiles),
    ...['store.db', 'store.db-wal', 'store.db-journal'].map(name => `*/*/${name}`),
  ),
  excludes: patterns(),
  appendOnly: patterns(),
  opaque: patterns(),
  counting: {
    databases: [
      {
        path: /^globalStorage\/state\.vscdb$/,
        candidates: [
          {
            requires: { cursorDiskKV: ['key'] },
            // Ranges of the key's own index; ';' follows ':'. A message that is written again gets a new row, so rows tell nothing new.
            messages: "SELECT count(*) AS messages FROM cursorDiskKV WHERE key >= 'bubbleId:' AND key < 'bubbleId;'",
            conversations:
              "SELECT count(*) AS conversations FROM cursorDiskKV WHERE key >= 'composerData:' AND key < 'composerData;'",
          },
        ],
      },
    ],
  },
} as const satisfies Profile;

async function isCursorState(folder: FolderProbe): Promise<boolean> {
  const file = 'globalStorage/state.vscdb';
  return (await folder.isDatabase(file)) && (await folder.hasText(file, /cursorDiskKV/));
}
