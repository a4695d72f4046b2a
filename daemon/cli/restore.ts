// Bringing files back: into a new folder, into their original place and out of it again, and finishing what stock restic restored.

import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { restoringNote } from '../../protocol/choice-words.ts';
import { reasonWords } from '../../protocol/error-words.ts';
import { exitPartial } from '../../protocol/errors.ts';
import { counted, moment, size } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { leftOutWords } from '../../protocol/source-words.ts';
import type {
  FinishResult,
  OriginalRestoreResult,
  RestoredDatabase,
  RestoreResult,
  RestoreUndo,
  SkippedEntry,
} from '../../protocol/status.ts';
import { backupNamed, type CommonOptions, Exit, longRequest, usage, withDaemon } from './session.ts';
import { harmless, moreWords, print, printJson, tell } from './terminal.ts';

export interface RestoreOptions extends CommonOptions {
  readonly to?: string;
  readonly original?: string;
  readonly include?: readonly string[];
  readonly dryRun?: boolean;
}

export async function restore(snapshot: string, options: RestoreOptions): Promise<void> {
  const { to, original } = options;
  if (options.include?.includes('')) throw usage('--include is empty: name what to bring back, as <source id>/<path>');
  if (to !== undefined && original !== undefined) throw usage('--to and --original exclude one another: choose one');
  if (original !== undefined) return restoreOriginal(snapshot, original, options);
  if (to === undefined) throw usage('--to is missing: add --to <dir>, or --original <source>');
  if (to === '') throw usage('--to is empty: name a new or empty folder');
  const result = await withDaemon(daemon =>
    longRequest(
      daemon,
      messages.restore,
      { snapshot: backupNamed(snapshot), target: resolve(to), ...wishOf(options) },
      options,
    ),
  );
  if (options.json) printJson(result);
  else tell(restoreWords(result));
  if (isPartial(result)) throw new Exit(exitPartial);
}

async function restoreOriginal(snapshot: string, source: string, options: RestoreOptions): Promise<void> {
  if (!/^[a-z0-9-]{1,64}$/.test(source)) {
    throw usage('--original takes the id of a source', 'See `signet sources list`.');
  }
  const result = await withDaemon(daemon =>
    longRequest(
      daemon,
      messages.restoreOriginal,
      { snapshot: backupNamed(snapshot), source, ...wishOf(options) },
      options,
    ),
  );
  if (options.json) printJson(result);
  else tell(originalWords(result));
  if (isPartial(result)) throw new Exit(exitPartial);
}

function wishOf({ include, dryRun }: RestoreOptions): { include?: readonly string[]; dryRun?: true } {
  return { ...(include !== undefined && { include }), ...(dryRun && { dryRun: true }) };
}

interface Restored {
  readonly databases: readonly RestoredDatabase[];
  readonly skipped: readonly SkippedEntry[];
  readonly more?: { readonly databases?: number; readonly skipped?: number };
  readonly dryRun: boolean;
}

function isPartial(result: Restored): boolean {
  return result.skipped.length > 0 || unsound(result).length > 0;
}

function unsound({ databases }: Pick<Restored, 'databases'>): readonly RestoredDatabase[] {
  return databases.filter(({ check }) => check !== 'ok' && check !== 'opaque');
}

function restoreWords(result: RestoreResult): string {
  const what = `${counted(result.files, 'file', 'files')}, ${size(result.bytes)}`;
  const lines = [
    result.dryRun
      ? `${what} would come back to ${harmless(result.target)}. Nothing was written.`
      : `Restored ${what} to ${harmless(result.target)}.`,
    ...proofWords(result),
    ...leftOutWords(result.leftOut),
  ];
  if (!result.dryRun) lines.push(...notesFor(idsIn(result.target)));
  return lines.join('\n');
}

export function originalWords(result: OriginalRestoreResult): string {
  const { comesBack, replaced, same, untouched, dryRun, kept, more = {} } = result;
  const root = harmless(result.root);
  const nothing = comesBack + replaced === 0;
  const would = dryRun ? 'would come back' : 'came back';
  const lines = [
    nothing
      ? `Everything is as in the backup: nothing ${dryRun ? 'would be' : 'was'} changed in ${root}.`
      : `${counted(comesBack, 'file', 'files')} ${would} to ${root}, ${replaced} ${dryRun ? 'would be' : replaced === 1 ? 'was' : 'were'} replaced, nothing ${dryRun ? 'would be' : 'was'} deleted.`,
    ...(same + untouched === 0
      ? []
      : [
          `${counted(same, 'file is', 'files are')} as in the backup; ${counted(untouched, 'file', 'files')} that it does not have stay${untouched === 1 ? 's' : ''}.`,
        ]),
  ];
  if (dryRun) {
    for (const { path, change } of result.changes) {
      lines.push(`  ${change === 'replaced' ? 'replaced  ' : 'comes back'}  ${harmless(path)}`);
    }
    lines.push(...moreWords(more.changes), 'Nothing was written.');
  }
  lines.push(...proofWords(result));
  if (!dryRun && !nothing) {
    if (kept !== undefined) lines.push(`What was there before is kept in ${harmless(kept)}.`);
    lines.push('`signet undo` takes this back.', ...notesFor([result.source]));
  }
  return lines.join('\n');
}

function proofWords(result: Restored): readonly string[] {
  const bad = unsound(result);
  const { more = {} } = result;
  const databases = result.databases.length + (more.databases ?? 0);
  return [
    ...(!result.dryRun && databases > 0 && bad.length === 0
      ? [`${counted(databases, 'database was', 'databases were')} checked.`]
      : []),
    ...bad.map(({ path, check }) => `Damaged: ${harmless(path)}: ${harmless(check)}`),
    ...result.skipped.map(({ path, reason }) => `Left out: ${harmless(path)}: ${harmless(reasonWords(reason))}`),
    ...moreWords(more.skipped),
  ];
}

/** The folders of a restore bear the names of their sources. */
function idsIn(target: string): readonly string[] {
  return existsSync(target) ? readdirSync(target) : [];
}

/** What to know about the apps whose files came back, by the ids of their sources. */
function notesFor(ids: readonly string[]): readonly string[] {
  const profiles = new Set(ids.map(id => /^([a-z][a-z0-9-]*)-[a-z2-7]{8}$/.exec(id)?.[1] ?? ''));
  return [...profiles].map(profile => restoringNote(profile)).filter(note => note !== undefined);
}

export interface UndoOptions extends CommonOptions {
  readonly list?: boolean;
}

export async function undo(id: string | undefined, options: UndoOptions): Promise<void> {
  if (id !== undefined && !/^[0-9a-f]{12}$/.test(id)) {
    throw usage('a restore is named by its id of 12 digits', 'See `signet undo --list`.');
  }
  if (options.list) {
    const undos = await withDaemon(({ connection }) => connection.sendRequest(messages.listUndos));
    if (options.json) return printJson(undos);
    return print(undos.length === 0 ? 'There is nothing to take back.' : undos.map(listedUndo).join('\n'));
  }
  const params = id === undefined ? {} : { id };
  const undone = await withDaemon(daemon => longRequest(daemon, messages.undoRestore, params, options));
  if (options.json) printJson(undone);
  else tell(undoneWords(undone));
}

/** Of what an undo would do, the first words of each line an id to name it by. */
function listedUndo({ id, at, label, comesBack, replaced, takenAway = 0, isUndo, isUnfinished }: RestoreUndo): string {
  const what = [
    ...(isUndo ? ['a restore was taken back'] : []),
    ...(replaced > 0 ? [`${replaced} replaced`] : []),
    ...(comesBack > 0 ? [`${comesBack} came back`] : []),
    ...(takenAway > 0 ? [`${takenAway} taken away`] : []),
  ];
  return `${id}  ${moment(at)}  ${harmless(label)}: ${isUnfinished ? 'broke off in the middle' : what.join(', ')}`;
}

/** @param undone what the undo did, told as a restore */
export function undoneWords({ root, label, comesBack, replaced, takenAway = 0, kept }: RestoreUndo): string {
  const cameBack = comesBack + replaced;
  const did = [
    ...(cameBack > 0 ? [`${counted(cameBack, 'file is', 'files are')} as before`] : []),
    ...(takenAway > 0
      ? [`${counted(takenAway, 'file that had come back was', 'files that had come back were')} taken away`]
      : []),
  ];
  return [
    did.length === 0
      ? `${harmless(label)} is as it was: nothing had been changed in ${harmless(root)}.`
      : `In ${harmless(root)}, ${did.join(', and ')}.`,
    ...(kept === undefined ? [] : [`What made way is kept in ${harmless(kept)}; \`signet undo\` brings it back.`]),
  ].join('\n');
}

export async function finishRestore(folder: string, options: CommonOptions): Promise<void> {
  if (folder === '') throw usage('the folder is empty: name one that restic restored to');
  const params = { folder: resolve(folder) };
  const result = await withDaemon(daemon => longRequest(daemon, messages.finishRestore, params, options));
  if (options.json) printJson(result);
  else tell(finishWords(result));
  if (result.skipped.length > 0) throw new Exit(exitPartial);
}

export function finishWords({ folder, merged, skipped, more = {} }: FinishResult): string {
  const all = merged.length + (more.merged ?? 0);
  if (all + skipped.length === 0) return `No database in ${harmless(folder)} has its log apart. Nothing was changed.`;
  return [
    `${counted(all, 'database is whole now, in', 'databases are whole now, each in')} one file.`,
    ...merged.map(({ path, check }) => `  ${harmless(path)}${check === 'ok' ? '' : ': only its app can check it'}`),
    ...moreWords(more.merged),
    ...skipped.map(({ path, reason }) => `Left as it was: ${harmless(path)}: ${harmless(reason)}`),
    ...moreWords(more.skipped),
  ].join('\n');
}
