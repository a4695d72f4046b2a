// The commands that only ask the daemon, or show something of the editor.

import * as vscode from 'vscode';
import { backup, cancel, lock } from '../protocol/messages.ts';
import type { BackupResult } from '../protocol/status.ts';
import type { Command } from './shell.ts';

/** A backup shows in the status bar, the tree and the panel; no notice tells of it. */
export const backUpNow: Command<readonly [], BackupResult> = ({ link }) => link.request(backup, {});

export const cancelBackup: Command<readonly [], { readonly cancelled: boolean }> = ({ link }) => link.request(cancel);

export const lockVault: Command<readonly [], boolean> = async ({ link }) => {
  await link.request(lock);
  return true;
};

export const openStatus: Command = async () => vscode.commands.executeCommand('signet.status.focus');

export const showLog: Command<readonly [], boolean> = async ({ log }) => {
  log.show();
  return true;
};

export const openSettings: Command = async () =>
  vscode.commands.executeCommand('workbench.action.openSettings', '@ext:signet.signet');

/** What was stopped for good goes on with this. */
export const start: Command<readonly [], boolean> = async ({ link, memory }) => {
  await memory.update('stopped', undefined);
  await link.start();
  return true;
};
