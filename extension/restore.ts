// Restore…: which backup, what of it, where to, a preview, then the work with its progress and a report.

import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { counted, size } from '../protocol/formats.ts';
import { restore, snapshots, status as statusRequest } from '../protocol/messages.ts';
import { everyPage } from '../protocol/pages.ts';
import type { RestoreResult, SnapshotEntry, SourceStatus } from '../protocol/status.ts';
import { explain } from './explain.ts';
import { asWireError, type Link } from './link.ts';
import { askInOrder, back, type Choice, cancelled, choose, chooseMany, type Step } from './steps.ts';
import { unlockVault } from './unlock.ts';
import { dayOf, percentOf, type Reader, timeOf } from './views.ts';

interface Answers {
  readonly snapshot: SnapshotEntry | undefined;
  /** Source ids; none means everything. */
  readonly sources: readonly string[];
  readonly target: string;
}

/** The report, or undefined when the person gave up. */
export async function restoreBackup(link: Link, reader: () => Reader): Promise<RestoreResult | undefined> {
  const now = await link.request(statusRequest, {});
  if (now.vault === 'locked' && !(await unlockVault(link))) return undefined;
  const list = await everyPage(offset => link.request(snapshots, { offset }));
  if (list.length === 0) {
    vscode.window.showInformationMessage('Nothing has been backed up yet.');
    return undefined;
  }
  const start: Answers = { snapshot: undefined, sources: [], target: '' };
  const answers = await askInOrder(start, [
    whichBackup(list, reader),
    what(now.sources, reader),
    whereTo,
    preview(link, reader),
  ]);
  if (answers?.snapshot === undefined) return undefined;
  const result = await carryOut(link, answers, reader);
  if (result !== undefined) await report(result, reader);
  return result;
}

function whichBackup(list: readonly SnapshotEntry[], reader: () => Reader): Step<Answers> {
  const newestFirst = list.filter(entry => entry.announced).toSorted((a, b) => (a.at < b.at ? 1 : -1));
  const others = list.filter(entry => !entry.announced);
  return async (answers, place) => {
    const entry = (snapshot: SnapshotEntry, label: string): Choice<SnapshotEntry> => ({
      label,
      description: `${counted(snapshot.files, 'file', 'files', reader().locale)} · ${size(snapshot.sizeBytes, reader().locale)}`,
      detail: snapshot.device,
      answer: snapshot,
    });
    const items: Choice<SnapshotEntry>[] = [];
    let day = '';
    newestFirst.forEach((snapshot, index) => {
      const its = dayOf(snapshot.at, reader());
      if (its !== day) items.push({ label: its, kind: vscode.QuickPickItemKind.Separator });
      day = its;
      items.push(
        entry(
          snapshot,
          index === 0 ? `$(history) Newest, ${timeOf(snapshot.at, reader())}` : timeOf(snapshot.at, reader()),
        ),
      );
    });
    if (others.length > 0)
      items.push({ label: 'Reported by none of your devices', kind: vscode.QuickPickItemKind.Separator });
    for (const snapshot of others)
      items.push(entry(snapshot, `$(warning) ${dayOf(snapshot.at, reader())} ${timeOf(snapshot.at, reader())}`));
    const chosen = await choose(
      { title: 'Restore: Which Backup', placeholder: 'From which day? Type to search.', ...place },
      items,
    );
    return chosen === back || chosen === cancelled ? chosen : { ...answers, snapshot: chosen };
  };
}

function what(known: readonly SourceStatus[], reader: () => Reader): Step<Answers> {
  return async (answers, place) => {
    const { snapshot } = answers;
    if (snapshot === undefined) return back;
    const everything = '';
    const labels = new Map(known.map(source => [source.id, source]));
    const chosen = await chooseMany<string>(
      { title: 'Restore: What', placeholder: 'What do you want back?', ...place },
      [
        {
          label: 'Everything',
          description: size(snapshot.sizeBytes, reader().locale),
          answer: everything,
          picked: true,
        },
        ...snapshot.sources.map(id => ({
          label: labels.get(id)?.label ?? id,
          description: labels.get(id)?.root ?? '',
          answer: id,
        })),
      ],
    );
    if (chosen === back || chosen === cancelled) return chosen;
    return { ...answers, sources: chosen.includes(everything) ? [] : chosen };
  };
}

const whereTo: Step<Answers> = async (answers, place) => {
  const stamp = (answers.snapshot?.at ?? '').slice(0, 16).replace('T', ' ').replace(':', '.');
  const fresh = join(homedir(), `Signet Restore ${stamp}`);
  const kind = await choose<'new' | 'other'>({ title: 'Restore: Where', placeholder: 'Where to?', ...place }, [
    { label: 'A new folder', description: 'recommended', detail: `${fresh}. Nothing is overwritten`, answer: 'new' },
    { label: 'Another folder…', detail: 'An empty one', answer: 'other' },
  ]);
  if (kind === back || kind === cancelled) return kind;
  if (kind === 'new') return { ...answers, target: fresh };
  const chosen = await vscode.window.showOpenDialog({
    title: 'Restore: Where',
    openLabel: 'Restore Here',
    canSelectFiles: false,
    canSelectFolders: true,
  });
  const folder = chosen?.[0];
  return folder === undefined ? cancelled : { ...answers, target: folder.fsPath };
};

function paramsOf({ snapshot, sources, target }: Answers) {
  const include = sources.map(id => `${id}/**`);
  return { snapshot: snapshot?.id ?? 'latest', target, ...(include.length > 0 ? { include } : {}) };
}

function preview(link: Link, reader: () => Reader): Step<Answers> {
  return async (answers, place) => {
    const plan = await link.request(restore, { ...paramsOf(answers), dryRun: true });
    const { locale } = reader();
    const words = `${counted(plan.files, 'file comes', 'files come', locale)} back, ${size(plan.bytes, locale)}. Nothing is replaced or deleted.`;
    const chosen = await choose<'restore' | 'cancel'>({ title: 'Restore: Preview', placeholder: words, ...place }, [
      { label: 'Restore', detail: answers.target, answer: 'restore' },
      { label: 'Cancel', answer: 'cancel' },
    ]);
    if (chosen === 'cancel') return cancelled;
    return chosen === 'restore' ? answers : chosen;
  };
}

function carryOut(link: Link, answers: Answers, reader: () => Reader): Thenable<RestoreResult | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title: 'Restoring', cancellable: true };
  return vscode.window.withProgress(options, async (shown, token) => {
    let told = 0;
    try {
      return await link.request(restore, paramsOf(answers), {
        token,
        onProgress: job => {
          const share = percentOf(job) ?? told;
          shown.report({
            increment: share - told,
            message: `${size(job.bytesDone, reader().locale)} of ${size(job.bytesTotal, reader().locale)}`,
          });
          told = share;
        },
      });
    } catch (error) {
      const wire = asWireError(error);
      if (wire.code === 'E_CANCELLED' || token.isCancellationRequested)
        vscode.window.showInformationMessage('Stopped. The chats you had are as they were.');
      else vscode.window.showErrorMessage(explain(wire));
      return undefined;
    }
  });
}

async function report(result: RestoreResult, reader: () => Reader): Promise<void> {
  const lost = result.skipped.filter(entry => entry.code !== undefined);
  const broken = result.databases.filter(database => database.check !== 'ok' && database.check !== 'opaque');
  const sums = `Restored ${counted(result.files, 'file', 'files', reader().locale)}, ${size(result.bytes, reader().locale)}.`;
  const open = 'Open Folder';
  const gaps = [
    lost.length > 0
      ? `${counted(lost.length + (result.skipped.length === lost.length ? (result.more?.skipped ?? 0) : 0), 'file', 'files', reader().locale)} could not be restored.`
      : '',
    broken.length > 0
      ? `${counted(broken.length, 'database', 'databases', reader().locale)} did not pass the check.`
      : '',
  ].filter(gap => gap !== '');
  const answer =
    gaps.length === 0
      ? await vscode.window.showInformationMessage(`${sums} All are readable.`, open)
      : await vscode.window.showWarningMessage([sums, ...gaps].join(' '), open);
  if (answer !== open) return;
  const target = vscode.Uri.file(result.target);
  if (vscode.env.uiKind === vscode.UIKind.Desktop) await vscode.commands.executeCommand('revealFileInOS', target);
  else await vscode.commands.executeCommand('vscode.openFolder', target, { forceNewWindow: true });
}
