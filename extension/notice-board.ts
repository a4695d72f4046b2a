// Shows what notices.ts decides: in the window in use alone, one at a time, alarms at once. What was told, and what nobody wants to hear of,
// is remembered for all windows of this editor.

import * as vscode from 'vscode';
import { ownVersions } from '../protocol/version.ts';
import { dueNotices, stillTold, type Told, type WindowNotice } from './notices.ts';
import type { Part } from './parts.ts';
import { withoutLinks } from './plain-text.ts';
import type { Shell } from './shell.ts';
import type { Known } from './views.ts';

const toldKey = 'notices.told';
const silencedKey = 'notices.silenced';
/** More than any computer has at once; keeps the editor's memory small. */
const mostTold = 200;

export const notices: Part = shell => {
  const board = new NoticeBoard(shell);
  return vscode.Disposable.from(
    shell.onDidChange(() => board.look()),
    vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) board.look();
    }),
  );
};

class NoticeBoard {
  readonly #shell: Shell;
  #isShowing = false;

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  look(): void {
    if (!vscode.window.state.focused) return; // the window in use says it, or this one when it is
    const known: Known = this.#shell.known();
    const before = this.#told.ids;
    const ids = stillTold(known, before);
    if (ids.length !== before.length) this.#remember(ids);
    const told: Told = { ids, silenced: this.#told.silenced };
    for (const notice of dueNotices(known, told, ownVersions, this.#shell.reader())) {
      const isAlarm = notice.kind === undefined;
      if (this.#isShowing && !isAlarm) continue;
      this.#remember([...this.#told.ids, notice.id]);
      if (!isAlarm) this.#isShowing = true;
      this.#show(notice).then(
        () => this.#done(isAlarm),
        (error: unknown) => {
          this.#shell.log.error(error instanceof Error ? error : String(error));
          this.#done(isAlarm);
        },
      );
    }
  }

  #done(isAlarm: boolean): void {
    if (isAlarm) return;
    this.#isShowing = false;
    this.look();
  }

  get #told(): Told {
    const { memory } = this.#shell;
    return { ids: memory.get(toldKey, []), silenced: memory.get(silencedKey, []) };
  }

  #remember(ids: readonly string[]): void {
    this.#shell.memory.update(toldKey, ids.slice(-mostTold));
  }

  async #show({ kind, severity, text, actions }: WindowNotice): Promise<void> {
    const never = vscode.l10n.t("Don't Show Again");
    const titles = [...actions.map(({ title }) => title), ...(kind === undefined ? [] : [never])];
    const answer = await { error, warning, info }[severity](withoutLinks(text), ...titles);
    const { memory } = this.#shell;
    if (answer === never && kind !== undefined) {
      await memory.update(silencedKey, [...new Set([...this.#told.silenced, kind])]);
      return;
    }
    const action = actions.find(({ title }) => title === answer);
    if (action === undefined) return;
    // Not waited for: a backup takes its time, and the next notice need not.
    vscode.commands.executeCommand(action.command, ...(action.given === undefined ? [] : [action.given]));
  }
}

const error = (text: string, ...titles: readonly string[]) => vscode.window.showErrorMessage(text, ...titles);
const warning = (text: string, ...titles: readonly string[]) => vscode.window.showWarningMessage(text, ...titles);
const info = (text: string, ...titles: readonly string[]) => vscode.window.showInformationMessage(text, ...titles);
