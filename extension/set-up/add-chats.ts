// Add Chats…: what was found and is not backed up yet, or another folder, on a computer that is set up.

import * as vscode from 'vscode';
import { addSource, status } from '../../protocol/messages.ts';
import type { NextBackup, SourceStatus } from '../../protocol/status.ts';
import { unlocked } from '../keys-needed.ts';
import { withoutLinks } from '../plain-text.ts';
import type { Command } from '../shell.ts';
import { back, cancelled } from '../steps.ts';
import type { ChosenChats } from './answers.ts';
import { addedWords, leaveOutLikeOthers } from './chat-entries.ts';
import { askChats, FoundChats } from './chats.ts';

/** @param folders to add, without asking */
export const addChats: Command<readonly [readonly string[]], readonly SourceStatus[]> = async (shell, folders) => {
  const { link, reader } = shell;
  if (!(await unlocked(shell))) return undefined;
  const chats: readonly ChosenChats[] | typeof back | typeof cancelled =
    folders?.map(root => ({ root })) ??
    (await askChats(shell, { title: vscode.l10n.t('Add Chats') }, new FoundChats(shell), undefined, false));
  if (chats === back || chats === cancelled) return undefined;
  const { sources } = await link.request(status, {});
  const leaveOut = leaveOutLikeOthers(sources);
  const added: (SourceStatus & NextBackup)[] = [];
  for (const each of chats) {
    added.push(await link.request(addSource, { ...each, ...(leaveOut.length > 0 && { leaveOut }) }));
  }
  if (folders === undefined) tell(added, reader().locale);
  return added;
};

/** Not waited for: the chats are added, whenever the notice is closed. */
function tell(added: readonly (SourceStatus & NextBackup)[], locale: Parameters<typeof addedWords>[1]): void {
  const backUpNow = vscode.l10n.t('Back Up Now');
  const offers = added.some(({ nextBackup }) => nextBackup === 'on-request') ? [backUpNow] : [];
  vscode.window.showInformationMessage(withoutLinks(addedWords(added, locale)), ...offers).then(answer => {
    if (answer === backUpNow) vscode.commands.executeCommand('signet.backUpNow');
  });
}
