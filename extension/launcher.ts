// The file that makes `signet` a command: where it goes, what is in it, and how it is told from a file of somebody else.

import { posix, win32 } from 'node:path';
import type { Runtime } from '../protocol/launch.ts';

export const namesToInstall = { posix: 'signet', windows: 'signet.cmd' } as const;

const mark = "Signet's command line, as it came with the editor's extension.";

export function isOurs(text: string): boolean {
  return text.includes(mark);
}

/** The first usual folder that is in PATH and may be written to; else the usual one, which is not in PATH then. */
export async function chooseFolder(around: {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** The folders of PATH. */
  readonly path: readonly string[];
  readonly isWritable: (folder: string) => Promise<boolean>;
}): Promise<{ readonly folder: string; readonly isInPath: boolean }> {
  const { platform, env, home, path, isWritable } = around;
  const { join, normalize } = platform === 'win32' ? win32 : posix;
  const local = env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local');
  const usual =
    platform === 'win32'
      ? [join(local, 'Microsoft', 'WindowsApps')]
      : [
          ...[join(home, '.local', 'bin'), join(home, 'bin')],
          // On a Mac these are often the person's own; elsewhere they are everybody's, even where they may be written to.
          ...(platform === 'darwin' ? ['/opt/homebrew/bin', '/usr/local/bin'] : []),
        ];
  const inPath = new Set(path.map(folder => normalize(folder).replace(/(?<=.)[\\/]$/, '')));
  for (const folder of usual) if (inPath.has(folder) && (await isWritable(folder))) return { folder, isInPath: true };
  const folder = platform === 'win32' ? join(local, 'Signet') : join(home, '.local', 'bin');
  return { folder, isInPath: inPath.has(folder) };
}

/** Says what to do when the extension is gone, in place of the runtime's own complaint. */
export function launcherText(wish: {
  readonly platform: NodeJS.Platform;
  /** The command line's main file. */
  readonly entry: string;
  readonly runtime: Runtime;
}): string {
  const { platform, entry, runtime } = wish;
  const { node, extraEnv } = runtime;
  const gone = 'Signet is not where it was. Open the editor, and install its command in PATH once more.';
  if (platform === 'win32') {
    const lines = [
      '@echo off',
      `rem ${mark}`,
      'setlocal',
      ...Object.entries(extraEnv).map(([name, value]) => `set "${name}=${value}"`),
      `if not exist ${batchText(entry)} (echo ${gone}>&2 & exit /b 18)`,
      `${batchText(node)} --no-warnings ${batchText(entry)} %*`,
    ];
    return `${lines.join('\r\n')}\r\n`;
  }
  const settings = Object.entries(extraEnv).map(([name, value]) => `${name}=${shellText(value)} `);
  return [
    '#!/bin/sh',
    `# ${mark}`,
    `entry=${shellText(entry)}`,
    `[ -f "$entry" ] || { echo ${shellText(gone)} >&2; exit 18; }`,
    `${settings.join('')}exec ${shellText(node)} --no-warnings "$entry" "$@"`,
    '',
  ].join('\n');
}

function shellText(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Paths on Windows hold no quotes; a percent sign would be taken for a variable. */
function batchText(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}
