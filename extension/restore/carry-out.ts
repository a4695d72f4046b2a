// The restore itself: progress in a notice that can stop it, and a report when it is done.

import * as vscode from 'vscode';
import { listed } from '../../protocol/formats.ts';
import { listUndos, restore, restoreOriginal, undoRestore } from '../../protocol/messages.ts';
import type {
  JobProgress,
  OriginalRestoreResult,
  RestoreResult,
  RestoreUndo,
  SnapshotSource,
} from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import { withoutLinks } from '../plain-text.ts';
import { withJobProgress } from '../progress.ts';
import type { Shell } from '../shell.ts';
import type { Reader } from '../views.ts';
import { closingApps } from './closing-apps.ts';
import { showList } from './list-page.ts';
import { dividedByPlace, includeOf, type Part, partsOf, type Shown, type What, type Where } from './wishes.ts';
import { bringsBack, gapLines, outcomeOf, progressWords, reportWords, undoneWords, undoWords } from './words.ts';

export type Restored = RestoreResult | readonly OriginalRestoreResult[];

/** Undefined when it was stopped. Returns before anyone has answered the report. */
export async function carryOut(shell: Shell, shown: Shown, what: What, where: Where): Promise<Restored | undefined> {
  try {
    return where.kind === 'folder'
      ? await intoFolder(shell, shown, what, where.target)
      : await intoPlace(shell, shown, what);
  } catch (error) {
    const wire = asWireError(error);
    if (wire.code !== 'E_CANCELLED') throw error;
    vscode.window.showInformationMessage(vscode.l10n.t('Stopped. The chats you had are as they were.'));
    return undefined;
  }
}

async function intoFolder(
  shell: Shell,
  { snapshot, sources }: Shown,
  what: What,
  target: string,
): Promise<RestoreResult> {
  const include = includeOf(what);
  const parts = partsOf(what, sources);
  const wish = { snapshot: snapshot.id, target, ...(include !== undefined && { include }) };
  const result = await withJobProgress(shell, titleOf(shell, parts), restore, wish, words);
  const whole = parts.some(part => part.include !== undefined) ? [] : parts.map(({ source }) => source);
  report(shell, [result], sources, whole, {
    title: vscode.l10n.t('Open Folder'),
    run: () => openFolder(result.target),
  });
  return result;
}

async function intoPlace(
  shell: Shell,
  { snapshot, sources }: Shown,
  what: What,
): Promise<readonly OriginalRestoreResult[]> {
  const { here } = dividedByPlace(partsOf(what, sources));
  const results: OriginalRestoreResult[] = [];
  try {
    for (const { source, include } of here) {
      const wish = { snapshot: snapshot.id, source: source.id, ...(include !== undefined && { include }) };
      const one = () => withJobProgress(shell, titleOf(shell, [{ source }]), restoreOriginal, wish, words);
      results.push(await closingApps(shell, one));
    }
  } finally {
    // Of several, those before the one that failed are done, and can be taken back.
    const changed = results.filter(({ comesBack, replaced }) => comesBack + replaced > 0);
    const undo = { title: vscode.l10n.t('Undo'), run: () => undoAll(shell, changed) };
    if (results.length > 0) report(shell, results, sources, [], changed.length > 0 ? undo : undefined);
  }
  return results;
}

function titleOf({ reader }: Shell, parts: readonly Part[]): string {
  if (parts.length === 0) return vscode.l10n.t('Restoring');
  const app = listed(
    parts.map(({ source }) => source.label),
    reader().locale,
  );
  return vscode.l10n.t('Restoring {app}', { app });
}

const words = (job: JobProgress, { locale }: Reader) => progressWords(job, locale);

interface Offer {
  readonly title: string;
  readonly run: () => Promise<unknown>;
}

function report(
  { reader }: Shell,
  results: readonly (RestoreResult | OriginalRestoreResult)[],
  sources: readonly SnapshotSource[],
  whole: readonly SnapshotSource[],
  offer: Offer | undefined,
): void {
  const { locale } = reader();
  const outcome = outcomeOf(results, whole);
  const { text, hasGaps } = reportWords(outcome, locale);
  const gaps: Offer = {
    title: vscode.l10n.t('Show Them'),
    run: () => showList(vscode.l10n.t('Not restored'), gapLines(outcome, sources, locale)),
  };
  const offers = [...(hasGaps ? [gaps] : []), ...(offer === undefined ? [] : [offer])];
  const show = hasGaps ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  Promise.resolve(show(withoutLinks(text), ...offers))
    .then(answer => answer?.run())
    .catch((error: unknown) => vscode.window.showErrorMessage(explain(asWireError(error))));
}

async function openFolder(path: string): Promise<void> {
  const target = vscode.Uri.file(path);
  if (vscode.env.uiKind === vscode.UIKind.Desktop) await vscode.commands.executeCommand('revealFileInOS', target);
  else await vscode.commands.executeCommand('vscode.openFolder', target, { forceNewWindow: true });
}

/** After a yes. What makes way is kept in turn, so that this can be taken back as well. */
export async function takeBack(shell: Shell, undo: RestoreUndo): Promise<RestoreUndo | undefined> {
  const { message, detail } = undoWords(undo, shell.reader());
  const isAgain = bringsBack(undo);
  const go = isAgain ? vscode.l10n.t('Bring Back') : vscode.l10n.t('Take Back');
  if ((await vscode.window.showWarningMessage(message, { modal: true, detail }, go)) !== go) return undefined;
  const title = isAgain
    ? vscode.l10n.t('Bringing back the restore of {app}', { app: undo.label })
    : vscode.l10n.t('Taking back the restore of {app}', { app: undo.label });
  const one = () => withJobProgress(shell, title, undoRestore, { id: undo.id }, words);
  const answer = await closingApps(shell, one);
  vscode.window.showInformationMessage(withoutLinks(undoneWords(undo, shell.reader().locale)));
  return answer;
}

/** The last first. Where nothing made way, the newest of the source is the one. */
async function undoAll(shell: Shell, results: readonly OriginalRestoreResult[]): Promise<void> {
  const undos = await shell.link.request(listUndos);
  for (const { source, kept } of results.toReversed()) {
    const undo = undos.find(each => each.source === source && (kept === undefined || each.kept === kept));
    if (undo !== undefined) await takeBack(shell, undo);
  }
}
