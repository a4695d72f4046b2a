// The one item in the status bar, as views.ts words it. It is written to only where something changed, and its label for screen readers is
// told anew only with each tenth of a job.

import * as vscode from 'vscode';
import { asMarkdown } from './plain-text.ts';
import { type BarItem, offeredCommands, type Reader } from './views.ts';

export class StatusItem implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Left);
  #drawn = '';
  #tenth: number | undefined;

  constructor() {
    this.#item.name = 'Signet';
  }

  show(shown: BarItem, reader: Reader): void {
    const drawn = JSON.stringify(shown);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const item = this.#item;
    item.text = shown.text;
    item.tooltip = markdown(shown, reader);
    item.command = shown.command;
    item.backgroundColor =
      shown.background === undefined ? undefined : new vscode.ThemeColor(`statusBarItem.${shown.background}Background`);
    if (shown.tenth === undefined || shown.tenth !== this.#tenth) {
      this.#tenth = shown.tenth;
      item.accessibilityInformation = { label: shown.label };
    }
    item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }
}

/** The first line in bold, then the facts, then what can be done; the links lead to our own commands and nowhere else. */
function markdown({ tooltip, offers }: BarItem, reader: Reader): vscode.MarkdownString {
  const [first = '', ...rest] = tooltip.map(asMarkdown);
  const links = offers.map(({ title, command }) => `[${title}](command:${command})`).join(' · ');
  const text = new vscode.MarkdownString([`**${first}**`, ...rest, links].filter(line => line !== '').join('\n\n'));
  text.isTrusted = { enabledCommands: offeredCommands(reader) };
  return text;
}
