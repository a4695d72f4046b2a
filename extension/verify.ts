// Verify Backups…: how much of the copies is read back, the work with its progress, and what was found, in words.

import * as vscode from 'vscode';
import { verify } from '../protocol/messages.ts';
import type { VerifyResult } from '../protocol/status.ts';
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
  vscode.window.showErrorMessage(text, details).then(answer => {
    if (answer === details) log.show();
  });
}
