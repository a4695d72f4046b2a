// Verify Backups…: how much of the copies is read back, the work with its progress, and what was found, in words. Where the index is what is
// wrong, it can be written anew from what is stored: that deletes nothing.

import * as vscode from 'vscode';
import { repairIndex, verify } from '../protocol/messages.ts';
import type { RepairResult, VerifyResult } from '../protocol/status.ts';
import { repairWords } from '../protocol/tidy-words.ts';
import { damageWords, verifiedWords } from '../protocol/verify-words.ts';
import { unlocked } from './keys-needed.ts';
import { withoutLinks } from './plain-text.ts';
import { withJobProgress } from './progress.ts';
import type { Command } from './shell.ts';
import { type Choice, choose } from './steps.ts';

/** With a share to read back (0 to 100 percent; 0: the structure alone) nothing is asked. */
export const verifyBackups: Command<readonly [number], VerifyResult> = async (shell, given) => {
  if (!(await unlocked(shell))) return undefined;
  const percent = typeof given === 'number' ? Math.min(100, Math.max(0, given)) : await howMuch();
  if (typeof percent !== 'number') return undefined;
  const params = percent === 0 ? {} : { readDataPercent: percent };
  const result = await withJobProgress(shell, vscode.l10n.t('Verifying backups'), verify, params);
  report(shell, result);
  return result;
};

function howMuch() {
  const items: readonly Choice<number>[] = [
    {
      label: vscode.l10n.t('Structure only'),
      description: vscode.l10n.t('quickest'),
      detail: vscode.l10n.t('Sees that everything each backup needs is there'),
      answer: 0,
    },
    {
      label: vscode.l10n.t('A tenth of the data'),
      detail: vscode.l10n.t('Reads back another tenth each time, and compares it'),
      answer: 10,
    },
    {
      label: vscode.l10n.t('All data'),
      description: vscode.l10n.t('surest'),
      detail: vscode.l10n.t('Reads everything back, as a full restore would'),
      answer: 100,
    },
  ];
  const title = vscode.l10n.t('Verify Backups');
  return choose({ title, placeholder: vscode.l10n.t('How much should be read back?') }, items);
}

/** Not waited for: the command has ended, whenever its notice is closed. */
function report({ log, reader }: Parameters<typeof verifyBackups>[0], result: VerifyResult): void {
  const { now, locale } = reader();
  const heading = verifiedWords(result, locale);
  if (result.ok) {
    vscode.window.showInformationMessage(heading);
    return;
  }
  for (const { object, code, detail } of result.problems) log.warn(`verify: ${code}: ${object}: ${detail}`);
  const [worst] = damageWords(result, now, locale);
  const text = worst === undefined ? heading : withoutLinks(`${heading} ${worst.message} ${worst.advice}`);
  const details = vscode.l10n.t('Show Details');
  const repair = vscode.l10n.t('Repair…');
  const offers = result.problems.some(isOfIndex) ? [repair, details] : [details];
  vscode.window.showErrorMessage(text, ...offers).then(answer => {
    if (answer === details) log.show();
    if (answer === repair) vscode.commands.executeCommand('signet.index.repair');
  });
}

/** An index that cannot be read, or one that names what is not there. */
function isOfIndex({ object, code }: VerifyResult['problems'][number]): boolean {
  return object.startsWith('index/') || (code === 'E_MISSING' && object.startsWith('data/'));
}

export const repairBackupIndex: Command<readonly [], RepairResult> = async shell => {
  if (!(await unlocked(shell))) return undefined;
  const repair = vscode.l10n.t('Repair');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Write the index of the backup anew?'),
    {
      modal: true,
      detail: vscode.l10n.t(
        'It tells where everything lies. What is stored says so itself, and is read for it. Nothing is deleted; no other computer should be tidying up meanwhile.',
      ),
    },
    repair,
  );
  if (answer !== repair) return undefined;
  const result = await withJobProgress(shell, vscode.l10n.t('Repairing the index'), repairIndex, {});
  for (const { object, code, detail } of result.problems) shell.log.warn(`repair: ${code}: ${object}: ${detail}`);
  const show = result.problems.length > 0 ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  show(repairWords(result, shell.reader().locale).join(' '));
  return result;
};
