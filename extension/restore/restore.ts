// Restore…: which backup, what of it, where to, a preview, then the work with its progress and a report. Whoever calls it with all it needs
// is asked nothing, except before files are overwritten where they are.

import * as vscode from 'vscode';
import { showSnapshot, snapshots, status } from '../../protocol/messages.ts';
import type { RestoreUndo, SnapshotEntry } from '../../protocol/status.ts';
import { unlocked } from '../keys-needed.ts';
import { isNewest } from '../set-up/newest.ts';
import type { Command, Shell } from '../shell.ts';
import { askInOrder, type Step } from '../steps.ts';
import { carryOut, type Restored, takeBack } from './carry-out.ts';
import type { Answers } from './dialogue.ts';
import { preview } from './preview.ts';
import { whatOfIt } from './what.ts';
import { whereTo } from './where.ts';
import { whichBackup } from './which.ts';
import { type Given, givenIn, whatGiven, whereGiven } from './wishes.ts';

/** The report; of a restore that was taken back, how that is undone; undefined when the person gave up. */
export const restoreBackup: Command<readonly [Given], Restored | RestoreUndo> = async (shell, ...[given]) => {
  const wish = givenIn(given);
  if (!(await isOpen(shell))) return undefined;
  const start = await startOf(shell, wish);
  if (start === undefined) return undefined;
  const { shown, what, where } = start;
  if (shown !== undefined && what !== undefined && where?.kind === 'folder') return carryOut(shell, shown, what, where);
  const answers = await askInOrder<Answers>(start, stepsFor(shell, start));
  if (answers?.undo !== undefined) return takeBack(shell, answers.undo);
  if (answers?.shown === undefined || answers.what === undefined || answers.where === undefined) return undefined;
  return carryOut(shell, answers.shown, answers.what, answers.where);
};

/** Those whose answers were not given. To take a restore back ends them all. */
function stepsFor(shell: Shell, { shown, what, where }: Answers): readonly Step<Answers>[] {
  const steps = [
    ...(shown === undefined ? [whichBackup(shell)] : []),
    ...(what === undefined ? [whatOfIt(shell)] : []),
    ...(where === undefined ? [whereTo(shell)] : []),
    preview(shell),
  ];
  return steps.map(
    step => (answers, place) => (answers.undo === undefined ? step(answers, place) : Promise.resolve(answers)),
  );
}

/** What the arguments say already; undefined where there is nothing to restore. */
async function startOf({ link }: Shell, wish: Given): Promise<Answers | undefined> {
  const where = whereGiven(wish);
  const isComplete = where !== undefined;
  const what = whatGiven(wish) ?? (isComplete ? { kind: 'everything' as const } : undefined);
  const id = wish.snapshot ?? (isComplete ? 'latest' : undefined);
  const known = { ...(what !== undefined && { what }), ...(where !== undefined && { where }) };
  if (id !== undefined) return { shown: await link.request(showSnapshot, { snapshot: id }), ...known };
  const { total } = await link.request(snapshots, { limit: 1 });
  if (total > 0) return known;
  vscode.window.showInformationMessage(vscode.l10n.t('Nothing has been backed up yet.'));
  return undefined;
}

/** Locked: unlocked first. Not set up: joined first, to look and restore only. */
async function isOpen(shell: Shell): Promise<boolean> {
  const { vault } = await shell.link.request(status, {});
  if (vault !== 'absent') return unlocked(shell);
  const { joinToRestore } = await import('../set-up/join.ts');
  const joined = await joinToRestore(shell);
  if (joined === undefined) return false;
  const newest = joined.newest ?? (await newestListed(shell));
  return newest === undefined || (await isNewest(newest, shell.reader()));
}

/** Where joining did not tell. */
async function newestListed({ link }: Shell): Promise<SnapshotEntry | undefined> {
  const { entries } = await link.request(snapshots, {});
  return entries.find(({ announced }) => announced);
}
