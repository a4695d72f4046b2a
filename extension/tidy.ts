// Tidy Up Old Backups…: first the plan, from a dry run, to be looked at; then it is done, with its progress. Nothing goes while an alarm stands,
// nor by age after the clock jumped, unless its owner says that it is right now.

import * as vscode from 'vscode';
import { forget, prune } from '../protocol/messages.ts';
import type { ForgetResult, PruneResult } from '../protocol/status.ts';
import { explain } from './explain.ts';
import { unlocked } from './keys-needed.ts';
import { asWireError } from './link.ts';
import { withJobProgress } from './progress.ts';
import { showList } from './restore/list-page.ts';
import type { Command, Shell } from './shell.ts';
import { type Choice, choose } from './steps.ts';
import { planLines, planWords, tidiedWords } from './tidy-words.ts';

export interface Tidied {
  readonly forgotten: ForgetResult;
  readonly pruned: PruneResult;
}

interface Plan extends Tidied {
  /** Its owner said so, after it had jumped. */
  readonly clockIsRight?: true;
}

export const tidyUp: Command<readonly [], Tidied> = async shell => {
  if (!(await unlocked(shell))) return undefined;
  try {
    const plan = await planned(shell);
    if (plan === undefined) return undefined;
    return (await agreed(shell, plan)) ? await done(shell, plan) : undefined;
  } catch (error) {
    const wire = asWireError(error);
    if (wire.code !== 'E_ALARM') throw error;
    const show = vscode.l10n.t('Show Alarm');
    // Not waited for: the command has ended, whenever its notice is closed.
    vscode.window.showErrorMessage(explain(wire), show).then(answer => {
      if (answer === show) vscode.commands.executeCommand('signet.showAlarm');
    });
    return undefined;
  }
};

async function planned(shell: Shell): Promise<Plan | undefined> {
  const { link } = shell;
  const title = vscode.l10n.t('Looking at what can go');
  const look = (clockIsRight: { readonly clockIsRight?: true }) =>
    withJobProgress(shell, title, forget, { dryRun: true, ...clockIsRight });
  try {
    return { forgotten: await look({}), pruned: await link.request(prune, { dryRun: true }) };
  } catch (error) {
    if (asWireError(error).code !== 'E_CLOCK') throw error;
    if (!(await isClockRight(shell))) return undefined;
    const right = { clockIsRight: true } as const;
    return { forgotten: await look(right), pruned: await link.request(prune, { dryRun: true }), ...right };
  }
}

async function isClockRight({ reader }: Shell): Promise<boolean> {
  const { now, locale } = reader();
  const when = new Intl.DateTimeFormat(locale.locale, {
    dateStyle: 'full',
    timeStyle: 'short',
    timeZone: locale.timeZone,
  }).format(now);
  const right = vscode.l10n.t('It Is Right');
  const answer = await vscode.window.showWarningMessage(
    vscode.l10n.t('Is it {when} now?', { when }),
    {
      modal: true,
      detail: vscode.l10n.t(
        'The clock of this computer jumped by more than two days. By a clock that is wrong, too many backups would count as old.',
      ),
    },
    right,
  );
  return answer === right;
}

/** The plan is looked at, and what is taken away for good is asked once more. */
async function agreed(shell: Shell, { forgotten, pruned }: Plan): Promise<boolean> {
  const reader = shell.reader();
  const words = planWords(forgotten, pruned, reader);
  if (words.isEmpty) {
    vscode.window.showInformationMessage(words.text);
    return false;
  }
  const title = vscode.l10n.t('Tidy Up Old Backups');
  const items: readonly Choice<boolean>[] = [
    { label: vscode.l10n.t('Tidy Up'), answer: true },
    { label: vscode.l10n.t('Show the list'), act: () => showList(title, planLines(forgotten, words.text, reader)) },
    { label: vscode.l10n.t('Cancel'), answer: false },
  ];
  if ((await choose({ title, placeholder: words.text }, items)) !== true) return false;
  if (words.question === undefined) return true;
  const go = vscode.l10n.t('Tidy Up');
  const detail = vscode.l10n.t('They cannot be restored any more. All the others stay whole.');
  return (await vscode.window.showWarningMessage(words.question, { modal: true, detail }, go)) === go;
}

/** What was looked at goes: a backup that grew too old meanwhile waits for the next time. */
async function done(shell: Shell, { forgotten, clockIsRight }: Plan): Promise<Tidied> {
  const title = vscode.l10n.t('Tidying up');
  const { forget: goes, more } = forgotten;
  // A plan too long to be listed is made anew.
  const wish = {
    ...(more?.forget === undefined && { snapshots: goes.map(({ id }) => id) }),
    ...(clockIsRight !== undefined && { clockIsRight }),
  };
  const gone = forgotten.forget.length === 0 ? forgotten : await withJobProgress(shell, title, forget, wish);
  const pruned = await withJobProgress(shell, title, prune, {});
  vscode.window.showInformationMessage(tidiedWords(gone, pruned, shell.reader()));
  return { forgotten: gone, pruned };
}
