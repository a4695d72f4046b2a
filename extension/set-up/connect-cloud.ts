// Connect a Cloud…: another place for the copies of a computer that is set up. The backup moves there, or a second copy is kept there from now
// on; either is copied whole and compared before anything changes, and the old place stays as it is.

import * as vscode from 'vscode';
import { addMirror, inspectPlace, moveRemote, showRemote, status } from '../../protocol/messages.ts';
import { mirrorAddedWords, movedWords } from '../../protocol/move-words.ts';
import { placeNamed } from '../../protocol/place-words.ts';
import type { CopyResult } from '../../protocol/status.ts';
import { unlocked } from '../keys-needed.ts';
import { withoutLinks } from '../plain-text.ts';
import { withJobProgress } from '../progress.ts';
import type { Command, Shell } from '../shell.ts';
import { type Answer, askSteps, back, cancelled, choose, type Step } from '../steps.ts';
import type { FoundPlace, PlaceDraft } from './answers.ts';
import { askPlace } from './place.ts';
import { type UseOfPlace, useEntries } from './place-entries.ts';
import { connectTitles } from './titles.ts';

/** A place that is connected already, and what for; secrets are always asked for. */
export interface CloudGiven {
  readonly remote: string;
  readonly use: Exclude<UseOfPlace, 'later'>;
}

export interface CloudConnected {
  readonly remote: string;
  readonly use: UseOfPlace;
  readonly copied?: CopyResult;
}

interface Wish {
  readonly place: PlaceDraft;
  readonly use?: UseOfPlace;
}

export const connectCloud: Command<readonly [CloudGiven], CloudConnected> = async (shell, given) => {
  const { link } = shell;
  if (!(await unlocked(shell))) return undefined;
  const { sources } = await link.request(status, {});
  const roots = sources.map(({ root }) => root);
  if (given !== undefined) await link.request(inspectPlace, { remote: given.remote, roots });
  const wish = given ?? (await asked(shell, roots));
  if (wish === undefined) return undefined;
  const { remote, use } = wish;
  if (use === 'later') return { remote, use };
  const copied = use === 'move' ? await move(shell, remote) : await mirror(shell, remote);
  return { remote, use, copied };
};

async function asked(
  shell: Shell,
  roots: readonly string[],
): Promise<{ readonly remote: string; readonly use: UseOfPlace } | undefined> {
  const { link, reader } = shell;
  const titles = connectTitles(reader().locale);
  const { places } = await link.request(showRemote);
  const inUse = places.filter(({ role }) => role === 'main' || role === 'mirror').map(({ remote }) => remote);
  const where: Step<Wish> = async (wish, counter) => {
    const question = {
      titles,
      placeholder: vscode.l10n.t('Which other place should hold the copies?'),
      openLabel: vscode.l10n.t('Keep the Copies Here'),
      kinds: ['drive', 's3', 'folder'],
      roots,
      accepts: (found: FoundPlace) => isOther(found, inUse),
    } as const;
    const place = await askPlace(shell, question, counter, wish.place);
    return place === back || place === cancelled ? place : { ...wish, place };
  };
  const whatFor: Step<Wish> = async (wish, counter) => {
    const isCloud = wish.place.kind !== 'folder';
    const use: Answer<UseOfPlace> = await choose(
      { ...counter, title: titles.use, placeholder: vscode.l10n.t('What is this place for?') },
      useEntries(isCloud, reader().locale),
    );
    return use === back || use === cancelled ? use : { ...wish, use };
  };
  const wish = await askSteps<Wish>({ place: {} }, () => [where, whatFor]);
  if (wish === back || wish === cancelled || wish.use === undefined || wish.place.found === undefined) return undefined;
  return { remote: wish.place.found.remote, use: wish.use };
}

async function isOther({ remote }: FoundPlace, inUse: readonly string[]): Promise<boolean> {
  if (!inUse.includes(remote)) return true;
  vscode.window.showInformationMessage(vscode.l10n.t('Your backups are in this place already.'));
  return false;
}

async function move(shell: Shell, to: string): Promise<CopyResult> {
  const { locale } = shell.reader();
  const { left, ...result } = await withJobProgress(shell, vscode.l10n.t('Moving the backup'), moveRemote, { to });
  // The last line is the command line's: here the old copies are deleted in their own folder, by their owner.
  const lines = movedWords(result, shown(to, shell), left ?? '', locale).slice(0, -1);
  tell(result, [...lines, vscode.l10n.t('The old copies in “{left}” stay as they are.', { left: left ?? '' })]);
  return result;
}

async function mirror(shell: Shell, remote: string): Promise<CopyResult> {
  const title = vscode.l10n.t('Copying to the second place');
  const result = await withJobProgress(shell, title, addMirror, { remote });
  tell(result, mirrorAddedWords(result, shown(remote, shell), shell.reader().locale));
  return result;
}

function shown(remote: string, { reader }: Shell): string {
  return placeNamed(remote.replace(/^folder:/, ''), reader().locale);
}

/** Not waited for: it is done, whenever the notice is closed. */
function tell({ problems }: CopyResult, lines: readonly string[]): void {
  const text = withoutLinks(lines.join(' '));
  if (problems.length > 0) vscode.window.showWarningMessage(text);
  else vscode.window.showInformationMessage(text);
}
