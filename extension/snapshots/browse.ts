// Browse Snapshots… and what the rows of the tree do besides comparing: show a snapshot in the tree, restore from it, open one of its files.

import * as vscode from 'vscode';
import { size } from '../../protocol/formats.ts';
import { literal } from '../restore/wishes.ts';
import type { Command, Shell } from '../shell.ts';
import { nameOf } from './address.ts';
import { chooseSnapshot } from './choose-snapshot.ts';
import { Contents, maxShownBytes } from './contents.ts';
import { momentWords } from './rows.ts';
import { reveal, viewId } from './tree.ts';
import { uriOf } from './uri.ts';

/** What a row of the tree hands over, or whoever runs the command: the id of a snapshot, and `<source id>/<path>` for a file in it. */
export interface SnapshotPath {
  readonly snapshot: string;
  readonly path: string;
}

/** Leads to a backup in the tree; answers its id. */
export const browseSnapshots: Command<readonly [{ readonly snapshot?: string }], string> = async (
  shell,
  ...[given]
) => {
  const title = vscode.l10n.t('Browse Snapshots');
  const placeholder = vscode.l10n.t('Which backup do you want to look into? Type to search.');
  const snapshot = given?.snapshot ?? (await chooseSnapshot(shell, { title, placeholder }))?.id;
  if (snapshot === undefined) return undefined;
  await vscode.commands.executeCommand(`${viewId}.focus`);
  await vscode.commands.executeCommand(reveal, snapshot);
  return snapshot;
};

/** The restore command with this backup chosen already, and what of it where the row is of a part. */
export const restoreSnapshot: Command<readonly [Pick<SnapshotPath, 'snapshot'> & Partial<SnapshotPath>]> = async (
  _,
  ...[given]
) => {
  if (given === undefined) return undefined;
  const { snapshot, path } = given;
  const part = path === undefined ? {} : { include: [literal(path)] };
  return vscode.commands.executeCommand('signet.restore', { snapshot, ...part });
};

/** Opens a file in the editor that fits it; answers its address. */
export const openFile: Command<readonly [SnapshotPath], vscode.Uri> = async (shell, ...[given]) => {
  if (given === undefined) return undefined;
  const { snapshot, path } = given;
  const contents = new Contents(shell.link);
  const [{ snapshot: entry, sources }, file] = await Promise.all([
    contents.show(snapshot),
    contents.stat(snapshot, path),
  ]);
  const name = nameOf(path);
  if ((file?.sizeBytes ?? 0) > maxShownBytes) {
    tooLarge(shell, given, file?.sizeBytes ?? 0);
    return undefined;
  }
  const uri = uriOf(snapshot, sources, path);
  const title = vscode.l10n.t('{name} ({when})', { name, when: momentWords(entry.at, shell.reader()) });
  await vscode.commands.executeCommand('vscode.open', uri, { preview: true }, title);
  return uri;
};

/** Without the file's name: a notice may be read over a shoulder. */
function tooLarge(shell: Shell, file: SnapshotPath, bytes: number): void {
  const { locale } = shell.reader();
  const restore = vscode.l10n.t('Restore…');
  const words = vscode.l10n.t('This file has {size}. Files of more than {limit} are not opened from a backup.', {
    size: size(bytes, locale),
    limit: size(maxShownBytes, locale),
  });
  // Not waited for: the command has ended, whenever its notice is closed.
  vscode.window.showInformationMessage(words, restore).then(answer => {
    if (answer === restore) vscode.commands.executeCommand('signet.snapshot.restore', file);
  });
}
