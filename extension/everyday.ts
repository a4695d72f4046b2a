// The commands that only ask the daemon, or show something of the editor.

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

export const showLog: Command<readonly [], boolean> = async ({ log }) => {
  log.show();
  return true;
};

export const start: Command<readonly [], boolean> = async ({ link }) => {
  await link.start();
  return true;
};
