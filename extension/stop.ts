// Stop and Uninstall…: ends backing up on this computer. The copies stay, unless their owner types the name of their folder and the password.
// What has no undo is asked in a dialogue of its own; nothing of this can be given as an argument.

import * as vscode from 'vscode';
import { say } from '../protocol/formats.ts';
import { deleteBackup, lock, showRemote, status, stopDaemon, uninstallService } from '../protocol/messages.ts';
import { placeNamed } from '../protocol/place-words.ts';
import type { Status } from '../protocol/status.ts';
import { explain } from './explain.ts';
import { asWireError } from './link.ts';
import { withJobProgress } from './progress.ts';
import type { Command, Shell } from './shell.ts';
import { ask } from './steps.ts';
import type { Reader } from './views.ts';

export interface Stopped {
  readonly stopped: true;
  /** What was deleted of the copies, when that was wanted. */
  readonly deleted?: { readonly objects: number; readonly bytes: number };
}

export const stopAndUninstall: Command<readonly [], Stopped> = async shell => {
  const now = await shell.link.request(status, {});
  const stop = vscode.l10n.t('Stop');
  const stopAndDelete = vscode.l10n.t('Stop and Delete the Copies…');
  const isSetUp = now.vault !== 'absent';
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Stop backing up?'),
    { modal: true, detail: whatStays(now, shell.reader()) },
    ...(isSetUp ? [stop, stopAndDelete] : [stop]),
  );
  if (answer === undefined) return undefined;
  if (answer === stop) {
    await stopHere(shell, isSetUp);
    offerToUninstall(vscode.l10n.t('Signet has stopped. No backups are made on this computer.'));
    return { stopped: true };
  }
  const deleted = await deleteCopies(shell);
  if (deleted === undefined) return undefined;
  await stopHere(shell, false);
  offerToUninstall(vscode.l10n.t('Signet has stopped, and the copies are deleted.'));
  return { stopped: true, deleted };
};

function whatStays({ vault, remote }: Status, { locale }: Reader): string {
  if (vault === 'absent') return vscode.l10n.t('Nothing is backed up yet, so there are no copies.');
  const place = remote === null ? say(locale, 'the place of your backups') : placeNamed(remote.label, locale);
  return vscode.l10n.t('The copies in {place} stay and can be restored with the password or the recovery key.', {
    place,
  });
}

/** No start at login, no keys in memory or keychain, no background part; and no window starts one by itself. */
async function stopHere({ link, memory }: Shell, isSetUp: boolean): Promise<void> {
  await link.request(uninstallService);
  if (isSetUp) await link.request(lock);
  await link.request(stopDaemon);
  await memory.update('stopped', true);
}

/** Undefined when the person gave up. */
async function deleteCopies(shell: Shell): Promise<Stopped['deleted'] | undefined> {
  const { link } = shell;
  const { places } = await link.request(showRemote);
  const main = places.find(({ role }) => role === 'main');
  const folder = folderName(main?.remote ?? '');
  const title = vscode.l10n.t('Delete the Copies');
  const name = await ask({
    title,
    step: 1,
    totalSteps: 2,
    prompt: vscode.l10n.t(
      'Everything in it is deleted for good. Type the name of the folder with the copies: {folder}',
      {
        folder,
      },
    ),
    check: async value =>
      value.trim() === folder ? undefined : vscode.l10n.t('That is not the name. Nothing was deleted.'),
  });
  if (typeof name !== 'string') return undefined;
  let deleted: Stopped['deleted'];
  const answer = await ask({
    title,
    step: 2,
    totalSteps: 2,
    prompt: vscode.l10n.t('Your backup password. After it, the copies are deleted.'),
    hidden: true,
    check: async password => {
      try {
        const params = { name: folder, secrets: await link.seal(deleteBackup, { password }) };
        deleted = await withJobProgress(shell, vscode.l10n.t('Deleting the copies'), deleteBackup, params);
        return undefined;
      } catch (error) {
        return explain(asWireError(error));
      }
    },
  });
  return typeof answer === 'string' ? deleted : undefined;
}

/** As its owner sees it in the place: the last part of the path, the folder in the drive, or the last part of the prefix. */
export function folderName(remote: string): string {
  const [, path = ''] = /^[a-z0-9]+:(.*)$/s.exec(remote) ?? [];
  return path.split(/[\\/]/).findLast(part => part !== '') ?? '';
}

function offerToUninstall(text: string): void {
  const uninstall = vscode.l10n.t('Uninstall Extension');
  vscode.window.showInformationMessage(text, uninstall).then(answer => {
    if (answer === uninstall)
      vscode.commands.executeCommand('workbench.extensions.uninstallExtension', 'signet.signet');
  });
}
