// Comparing: two backups, or a file of a backup with what lies on this computer now. Text and pictures are shown side by side by the editor's own
// means; of databases and other files nothing can be read there, so their sizes and times are told.

import * as vscode from 'vscode';
import { count, plural, size } from '../../protocol/formats.ts';
import { compareSnapshots } from '../../protocol/messages.ts';
import type { ListEntry, SnapshotDifference, SnapshotEntry } from '../../protocol/status.ts';
import { withoutSymbols } from '../plain-text.ts';
import type { Command, Shell } from '../shell.ts';
import { back, type Choice, cancelled, choose } from '../steps.ts';
import { liveScheme, nameOf, segmentOf } from './address.ts';
import type { SnapshotPath } from './browse.ts';
import { chooseSnapshot } from './choose-snapshot.ts';
import { Contents, maxShownBytes, type Shown } from './contents.ts';
import { type FileKind, headBytes, kindOfFile } from './kind-of-file.ts';
import { liveNames } from './live-path.ts';
import { momentWords } from './rows.ts';
import { uriOf } from './uri.ts';

/** So many differences are listed; a longer list helps nobody. */
const maxListed = 5000;

export interface Compared {
  readonly before: string;
  readonly after: string;
  /** All that differ. */
  readonly differences: number;
  /** The file that was looked at. */
  readonly path?: string;
}

/** The files in which two backups differ, and one of them side by side. What is given is not asked for. */
export const compareTwo: Command<
  readonly [{ readonly snapshot: string; readonly with?: string; readonly path?: string }],
  Compared
> = async (shell, ...[given]) => {
  if (given === undefined) return undefined;
  const contents = new Contents(shell.link);
  const one = await contents.show(given.snapshot);
  const other = given.with ?? (await chooseOther(shell, one.snapshot))?.id;
  if (other === undefined) return undefined;
  const two = [one, await contents.show(other)].sort((a, b) => Date.parse(a.snapshot.at) - Date.parse(b.snapshot.at));
  const [older = one, newer = one] = two;
  const [before, after] = [older.snapshot.id, newer.snapshot.id];
  const at = given.path === undefined ? {} : { path: given.path };
  const { found, total } = await differencesOf(shell, { before, after, ...at });
  const result = { before, after, differences: total };
  if (total === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t('No file differs between these two backups.'));
    return result;
  }
  const [only] = found;
  const difference =
    total === 1 && only?.path === given.path ? only : await chooseDifference(shell, older, newer, { found, total });
  if (difference === undefined) return result;
  await showDifference(shell, contents, older, newer, difference);
  return { ...result, path: difference.path };
};

function chooseOther(shell: Shell, entry: SnapshotEntry): Promise<SnapshotEntry | undefined> {
  const when = momentWords(entry.at, shell.reader());
  const title = vscode.l10n.t('Compare {when}', { when });
  const placeholder = vscode.l10n.t('With which backup? Type to search.');
  return chooseSnapshot(shell, { title, placeholder }, ({ id }) => id !== entry.id);
}

interface Differences {
  readonly found: readonly SnapshotDifference[];
  readonly total: number;
}

async function differencesOf(
  { link }: Shell,
  two: { readonly before: string; readonly after: string; readonly path?: string },
): Promise<Differences> {
  const work = async (token: vscode.CancellationToken) => {
    const found: SnapshotDifference[] = [];
    for (;;) {
      const { entries, total } = await link.request(compareSnapshots, { ...two, offset: found.length }, { token });
      found.push(...entries);
      if (entries.length === 0 || found.length >= Math.min(total, maxListed)) return { found, total };
    }
  };
  const title = vscode.l10n.t('Comparing backups');
  const location = vscode.ProgressLocation.Notification;
  return await vscode.window.withProgress({ location, title, cancellable: true }, (_, token) => work(token));
}

const icons = { added: 'diff-added', removed: 'diff-removed', changed: 'diff-modified' } as const;

async function chooseDifference(
  shell: Shell,
  older: Shown,
  newer: Shown,
  { found, total }: Differences,
): Promise<SnapshotDifference | undefined> {
  const reader = shell.reader();
  const { locale } = reader;
  const [before, after] = [momentWords(older.snapshot.at, reader), momentWords(newer.snapshot.at, reader)];
  const placeholder =
    found.length < total
      ? vscode.l10n.t('{total} files differ; the first {listed} are listed. Which one do you want to see?', {
          total: count(total, locale),
          listed: count(found.length, locale),
        })
      : plural(
          locale,
          total,
          '{count} file differs. Do you want to see it?',
          '{count} files differ. Which one do you want to see?',
        );
  const sources = [...newer.sources, ...older.sources];
  const items = found.map((difference): Choice<SnapshotDifference> => {
    const { path, change, sizeBefore, sizeAfter } = difference;
    const [source = '', ...names] = path.split('/');
    const folder = [segmentOf(sources, source), ...names.slice(0, -1)].join('/');
    const sizes = [sizeBefore, sizeAfter].flatMap(bytes => (bytes === undefined ? [] : [size(bytes, locale)]));
    return {
      label: `$(${icons[change]}) ${withoutSymbols(nameOf(path))}`,
      description: withoutSymbols([folder, sizes.join(' → ')].filter(part => part !== '').join(' · ')),
      answer: difference,
    };
  });
  const title = vscode.l10n.t('{before} ↔ {after}', { before, after });
  const chosen = await choose({ title, placeholder }, items);
  return chosen === back || chosen === cancelled ? undefined : chosen;
}

async function showDifference(
  shell: Shell,
  contents: Contents,
  older: Shown,
  newer: Shown,
  { path, change, type }: SnapshotDifference,
): Promise<void> {
  const name = nameOf(path);
  if (change !== 'changed') {
    const { snapshot } = change === 'added' ? newer : older;
    if (type === 'file')
      await vscode.commands.executeCommand('signet.snapshot.openFile', { snapshot: snapshot.id, path });
    return;
  }
  const [before, after] = [older.snapshot.id, newer.snapshot.id];
  const [left, right] = await Promise.all([contents.stat(before, path), contents.stat(after, path)]);
  if (left === undefined || right === undefined || type !== 'file') return;
  const kind = kindOfFile(name, await contents.head(after, path, headBytes));
  if (!isShown(kind, left, right)) return tellSizes(shell, kind, left, right);
  const reader = shell.reader();
  const title = vscode.l10n.t('{name} ({before} ↔ {after})', {
    name,
    before: momentWords(older.snapshot.at, reader),
    after: momentWords(newer.snapshot.at, reader),
  });
  const [from, to] = [uriOf(before, older.sources, path), uriOf(after, newer.sources, path)];
  await vscode.commands.executeCommand('vscode.diff', from, to, title, { preview: true });
}

/** A file of a backup beside the one on this computer; answers whether there is one. */
export const compareWithLive: Command<readonly [SnapshotPath], boolean> = async (shell, ...[given]) => {
  if (given === undefined) return undefined;
  const { snapshot, path } = given;
  const name = nameOf(path);
  const contents = new Contents(shell.link);
  const [shown, left] = await Promise.all([contents.show(snapshot), contents.stat(snapshot, path)]);
  const live = liveUri(shell, path);
  const right = live === undefined ? undefined : await liveEntry(live, name);
  if (live === undefined || right === undefined || left === undefined) {
    vscode.window.showInformationMessage(vscode.l10n.t('This file is not on this computer now.'));
    return false;
  }
  const kind = kindOfFile(name, await contents.head(snapshot, path, headBytes));
  if (!isShown(kind, left, right)) {
    tellSizes(shell, kind, left, right);
    return true;
  }
  const when = momentWords(shown.snapshot.at, shell.reader());
  const title = vscode.l10n.t('{name} ({when} ↔ now)', { name, when });
  await vscode.commands.executeCommand(
    'vscode.diff',
    uriOf(snapshot, shown.sources, path),
    live.with({ scheme: liveScheme }),
    title,
    {
      preview: true,
    },
  );
  return true;
};

/** Where the source is backed up from on this computer; undefined when it is none of its sources. */
function liveUri(shell: Shell, path: string): vscode.Uri | undefined {
  const known = shell.known();
  const [id, ...names] = path.split('/');
  const source = known.kind === 'connected' ? known.status.sources.find(each => each.id === id) : undefined;
  const below = liveNames(names.join('/'), process.platform);
  if (source === undefined || below === undefined) return undefined;
  return vscode.Uri.joinPath(vscode.Uri.file(source.root), ...below);
}

async function liveEntry(uri: vscode.Uri, name: string): Promise<ListEntry | undefined> {
  try {
    const { size: sizeBytes, mtime, type } = await vscode.workspace.fs.stat(uri);
    if ((type & vscode.FileType.File) === 0) return undefined;
    return { name, type: 'file', sizeBytes, modifiedAt: new Date(mtime).toISOString(), permissions: 0 };
  } catch (error) {
    if (error instanceof vscode.FileSystemError && error.code === 'FileNotFound') return undefined;
    throw error;
  }
}

function isShown(kind: FileKind, ...files: readonly ListEntry[]): boolean {
  return (kind === 'text' || kind === 'picture') && files.every(({ sizeBytes }) => sizeBytes <= maxShownBytes);
}

/** Without the file's name: a notice may be read over a shoulder. */
function tellSizes(shell: Shell, kind: FileKind, left: ListEntry, right: ListEntry): void {
  const reader = shell.reader();
  const told = ({ sizeBytes, modifiedAt }: ListEntry) =>
    vscode.l10n.t('{size}, changed {when}', {
      size: size(sizeBytes, reader.locale),
      when: momentWords(modifiedAt, reader),
    });
  const values = { before: told(left), after: told(right) };
  const words =
    kind === 'database'
      ? vscode.l10n.t(
          'This file is a database, which is compared by size and time only. Before: {before}. After: {after}.',
          values,
        )
      : vscode.l10n.t('This file cannot be shown side by side. Before: {before}. After: {after}.', values);
  // With a button the notice shows all of its text.
  vscode.window.showInformationMessage(words, vscode.l10n.t('OK'));
}
