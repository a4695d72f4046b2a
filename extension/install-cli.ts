// Install 'signet' Command in PATH: a small launcher for the command line that came with the extension, in a folder of the person's own. A
// file that Signet did not write is never replaced. After an update the launcher is brought up to date, as the old folder is gone then.

import { randomBytes } from 'node:crypto';
import { access, chmod, constants, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { PeerError } from '../protocol/errors.ts';
import { chooseFolder, isOurs, launcherText, namesToInstall } from './launcher.ts';
import type { Part } from './parts.ts';
import { withoutLinks } from './plain-text.ts';
import type { Command, Shell } from './shell.ts';
import { nodeForDaemon } from './user-node.ts';

export interface Installed {
  readonly path: string;
  readonly isInPath: boolean;
}

export const installCli: Command<readonly [], Installed> = async shell => {
  const { platform, env } = process;
  const path = (env['PATH'] ?? '').split(delimiter);
  const { folder, isInPath } = await chooseFolder({ platform, env, home: homedir(), path, isWritable });
  const file = join(folder, namesToInstall[platform === 'win32' ? 'windows' : 'posix']);
  const before = await contents(file);
  if (before !== undefined && !isOurs(before)) {
    throw new PeerError('E_USAGE', 'another program has the name signet there', {
      params: {
        detail: vscode.l10n.t('there is another program at {file}, which was left alone', { file }),
        advice: vscode.l10n.t('move it away, then run the command again'),
      },
    });
  }
  await place(file, await launcher(shell));
  await shell.memory.update('launcher', file);
  tell(file, folder, isInPath);
  return { path: file, isInPath };
};

/** Keeps a launcher that was installed here up to date. */
export const launcherKept: Part = async shell => {
  const file = shell.memory.get<string>('launcher');
  if (file !== undefined) await renew(shell, file);
  return { dispose: () => {} };
};

async function renew(shell: Shell, file: string): Promise<void> {
  const before = await contents(file);
  if (before === undefined || !isOurs(before) || before.includes(entryOf(shell))) return;
  await place(file, await launcher(shell));
}

function entryOf({ extension }: Pick<Shell, 'extension'>): string {
  return join(extension.fsPath, 'daemon', 'cli.mjs');
}

async function launcher(shell: Shell): Promise<string> {
  const named = vscode.workspace.getConfiguration('signet').get<string>('nodePath') || undefined;
  const runtime = await nodeForDaemon(named ?? process.env['SIGNET_NODE'], homedir());
  return launcherText({ platform: process.platform, entry: entryOf(shell), runtime });
}

async function place(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { flag: 'wx', flush: true });
    await chmod(temporary, 0o755);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Of whatever is there: a link or a folder counts as something of others. */
async function contents(file: string): Promise<string | undefined> {
  const found = await lstat(file).catch(() => undefined); // nothing is there
  if (found === undefined) return undefined;
  return found.isFile() && found.size < 4096 ? await readFile(file, 'utf8') : '';
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false, // not there, or somebody else's
  );
}

function tell(file: string, folder: string, isInPath: boolean): void {
  const done = isInPath
    ? vscode.l10n.t('The command signet is installed at {file}. New terminals find it.', { file })
    : vscode.l10n.t(
        'The command signet is installed at {file}. Add the folder {folder} to PATH, so that terminals find it.',
        {
          file,
          folder,
        },
      );
  vscode.window.showInformationMessage(withoutLinks(done));
}
