// Step 4: what would come of it, from a dry run; the list of it on a page; and before anything is overwritten, the question.

import { l10n, window } from 'vscode';
import { PeerError } from '../../protocol/errors.ts';
import { restore, restoreOriginal } from '../../protocol/messages.ts';
import type { OriginalRestoreResult, RestoreResult } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';
import { back, type Choice, cancelled, choose, type Growing, type Step } from '../steps.ts';
import { trail } from './browse-entries.ts';
import { closingApps } from './closing-apps.ts';
import type { Answers } from './dialogue.ts';
import { showList } from './list-page.ts';
import { dividedByPlace, includeOf, type Part, partsOf, type Shown, type What } from './wishes.ts';
import {
  folderList,
  folderPreview,
  originalList,
  originalPreview,
  overwriteWords,
  restoringNotes,
  totalOf,
} from './words.ts';

interface Plan {
  readonly preview: string;
  readonly lines: readonly string[];
  /** Nothing would change. */
  readonly isEmpty: boolean;
  /** Asked before: files are overwritten where they are. */
  readonly question?: { readonly message: string; readonly detail: string };
}

export function preview(shell: Shell): Step<Answers> {
  return async (answers, place) => {
    const { shown, what, where } = answers;
    if (shown === undefined || what === undefined || where === undefined) return back;
    const parts = partsOf(what, shown.sources);
    const notes = restoringNotes(
      parts.map(({ source }) => source),
      onlyHere(shell),
      shell.reader().locale,
    );
    const target = where.kind === 'folder' ? where.target : undefined;
    let plan: Plan | undefined;
    const items = (): readonly Choice<'restore' | 'cancel'>[] => {
      const stop = { label: l10n.t('Cancel'), answer: 'cancel' as const };
      if (plan === undefined) return [stop];
      const { lines, isEmpty } = plan;
      const go = {
        label: l10n.t('Restore'),
        ...(target !== undefined && { description: target }),
        ...(notes.length > 0 && { detail: notes.join(' ') }),
        answer: 'restore' as const,
      };
      const look = { label: l10n.t('Show the list'), act: () => showList(l10n.t('Restore'), lines) };
      return isEmpty ? [look, stop] : [go, look, stop];
    };
    const look = async (list: Growing<'restore' | 'cancel'>) => {
      plan ??=
        target === undefined
          ? await planInPlace(shell, shown, parts)
          : await planIntoFolder(shell, shown, what, target);
      list.show(items(), plan.preview);
    };
    for (;;) {
      const question = {
        title: l10n.t('Restore: Preview'),
        placeholder: plan?.preview ?? l10n.t('Looking at what comes back…'),
      };
      try {
        const chosen = await choose({ ...question, ...place }, items, undefined, look);
        if (chosen === back || chosen === cancelled) return chosen;
        if (chosen === 'cancel') return cancelled;
      } catch (error) {
        const wire = asWireError(error);
        if (wire.code !== 'E_TARGET_NOT_EMPTY') throw error;
        window.showErrorMessage(explain(wire));
        return back;
      }
      const asked = plan?.question;
      if (asked === undefined) return answers;
      const go = l10n.t('Restore');
      const detail = [asked.detail, ...notes].join('\n\n');
      if ((await window.showWarningMessage(asked.message, { modal: true, detail }, go)) === go) return answers;
    }
  };
}

/** Sources whose files open on the computer they are from alone. */
function onlyHere({ known }: Shell): ReadonlySet<string> {
  const now = known();
  const sources = now.kind === 'connected' ? now.status.sources : [];
  return new Set(sources.filter(({ opensOnlyHere }) => opensOnlyHere).map(({ id }) => id));
}

async function planIntoFolder({ link, reader }: Shell, shown: Shown, what: What, target: string): Promise<Plan> {
  const include = includeOf(what);
  const wish = { snapshot: shown.snapshot.id, target, ...(include !== undefined && { include }) };
  const result: RestoreResult = await link.request(restore, { ...wish, dryRun: true });
  const { locale } = reader();
  const words = folderPreview(result, locale);
  return {
    preview: words,
    lines: folderList(result, namesOf(what, shown), shown.sources, words, locale),
    isEmpty: result.files === 0 && result.skipped.length === 0,
  };
}

function namesOf(what: What, { sources }: Shown): readonly string[] {
  if (what.kind === 'globs') return what.include;
  if (what.kind === 'picked') return what.picked.map(({ path }) => trail(path, sources));
  return partsOf(what, sources).map(({ source }) => source.label);
}

async function planInPlace(shell: Shell, { snapshot }: Shown, parts: readonly Part[]): Promise<Plan> {
  const { here } = dividedByPlace(parts);
  // The dialogue offers it only where there is a place; a caller may ask for it anywhere.
  if (here.length === 0) throw new PeerError('E_USAGE', 'none of this has a place on this computer to go back into');
  const plans: OriginalRestoreResult[] = [];
  for (const { source, include } of here) {
    const wish = { snapshot: snapshot.id, source: source.id, ...(include !== undefined && { include }) };
    plans.push(await closingApps(shell, () => shell.link.request(restoreOriginal, { ...wish, dryRun: true })));
  }
  const reader = shell.reader();
  const total = totalOf(plans);
  const words = originalPreview(total, reader.locale);
  return {
    preview: words,
    lines: originalList(plans, words, reader.locale),
    isEmpty: total.comesBack + total.replaced === 0,
    ...(total.replaced > 0 && { question: overwriteWords(here, snapshot, total, reader) }),
  };
}
