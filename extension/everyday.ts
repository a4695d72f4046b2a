// The commands that only ask the daemon, or show something of the editor.

import * as vscode from 'vscode';
import { acceptSource, backup, cancel, lock } from '../protocol/messages.ts';
import type { BackupResult, NextBackup } from '../protocol/status.ts';
import type { Command } from './shell.ts';

/** A backup shows in the status bar, the tree and the panel; no notice tells of it. */
export const backUpNow: Command<readonly [], BackupResult> = ({ link }) => link.request(backup, {});

export const cancelBackup: Command<readonly [], { readonly cancelled: boolean }> = ({ link }) => link.request(cancel);

export const lockVault: Command<readonly [], boolean> = async ({ link }) => {
  await link.request(lock);
  return true;
};

export const showLog: Command<readonly [], boolean> = async ({ log }) => {
  log.show();
  return true;
};

/** They belong to the computer that the extension runs on. @param key of one of them, without `signet.` */
export const openSettings: Command<readonly [string]> = async (_shell, key) => {
  const query = typeof key === 'string' ? `@id:signet.${key}` : '@ext:signet.signet';
  const isRemote = vscode.env.remoteName !== undefined;
  const command = isRemote ? 'workbench.action.openRemoteSettings' : 'workbench.action.openSettings';
  return vscode.commands.executeCommand(command, { query });
};

/** What was stopped for good goes on with this. */
export const start: Command<readonly [], boolean> = async ({ link, memory }) => {
  await memory.update('stopped', undefined);
  await link.start();
  return true;
};

/** The editor's own page of the extension, where its update stands. */
export const updateExtension: Command = async () => vscode.commands.executeCommand('extension.open', 'signet.signet');

/** From the row of a source, or with `{ source: <id> }`: that it shrank was its owner's own doing. */
export const acceptShrinking: Command<readonly [{ readonly source?: string }], NextBackup> = async ({ link }, given) =>
  given?.source === undefined ? undefined : link.request(acceptSource, { id: given.source });
