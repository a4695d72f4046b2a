// Which chats: those that were found are marked, a folder can be added, and nobody waits for the look.

import * as vscode from 'vscode';
import { discoverSources } from '../../protocol/messages.ts';
import type { FoundSource } from '../../protocol/status.ts';
import type { Shell } from '../shell.ts';
import { type Answer, back, cancelled, chooseMany, type Place } from '../steps.ts';
import type { ChosenChats } from './answers.ts';
import { another, chatEntries, chatsPlaceholder, markedAtFirst } from './chat-entries.ts';
import { machineName } from './surroundings.ts';

/** Folders with chats that are not backed up yet; the look begins now and is taken once. */
export class FoundChats {
  readonly all: Promise<readonly FoundSource[]>;
  /** Undefined until they are known. */
  known: readonly FoundSource[] | undefined;

  constructor({ link }: Pick<Shell, 'link'>) {
    this.all = link.request(discoverSources).then(found => {
      this.known = found.filter(({ isAdded }) => !isAdded);
      return this.known;
    });
    this.all.catch(() => {}); // who asks for them is told
  }
}

/** @param chosen before; undefined at first  @param mayBeNone for who may join a backup that is there */
export async function askChats(
  { reader }: Shell,
  place: Place,
  found: FoundChats,
  chosen: readonly ChosenChats[] | undefined,
  mayBeNone: boolean,
): Promise<Answer<readonly ChosenChats[]>> {
  let marked = chosen;
  for (;;) {
    const machine = machineName();
    const listed = (known: readonly FoundSource[] | undefined) => ({
      items: chatEntries({ found: known ?? [], chosen: marked }, reader()),
      placeholder: chatsPlaceholder(
        { found: known, machine, isForMore: !mayBeNone, hasOwn: (marked ?? []).length > 0 },
        reader(),
      ),
    });
    const { items, placeholder } = listed(found.known);
    const later = found.known === undefined ? { later: found.all.then(listed) } : {};
    const answer = await chooseMany({ ...place, placeholder }, items, { ...later, mayBeNone });
    if (answer === back || answer === cancelled) return answer;
    const chats = answer.filter(each => each !== another);
    if (chats.length === answer.length) return chats;
    // Until the look was done nothing of it was marked: what it finds is to be.
    const isEarly = marked === undefined && found.known === undefined;
    const uris = await vscode.window.showOpenDialog({
      title: place.title,
      openLabel: vscode.l10n.t('Back Up This Folder'),
      canSelectFiles: false,
      canSelectFolders: true,
      canSelectMany: true,
    });
    const more = (uris ?? []).map(({ fsPath }) => ({ root: fsPath }));
    const before = isEarly ? markedAtFirst(await found.all) : chats;
    marked = [...before, ...more.filter(({ root }) => !before.some(each => each.root === root))];
  }
}
