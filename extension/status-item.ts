// The one item in the status bar, as views.ts words it.

import * as vscode from 'vscode';
import { type BarItem, offeredCommands } from './views.ts';

export class StatusItem implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Left);

  constructor() {
    this.#item.name = 'Signet';
  }

  show(shown: BarItem): void {
    const item = this.#item;
    item.text = shown.text;
    item.tooltip = markdown(shown);
    item.command = shown.command;
    item.backgroundColor =
      shown.background === undefined ? undefined : new vscode.ThemeColor(`statusBarItem.${shown.background}Background`);
    item.accessibilityInformation = { label: shown.label };
    item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }
}

/** The first line in bold, then the facts, then what can be done; the links lead to our own commands and nowhere else. */
function markdown({ tooltip, offers }: BarItem): vscode.MarkdownString {
  const [first = '', ...rest] = tooltip.map(line => line.replace(/[\\`*_{}[\]()#+!<>|~-]/g, '\\$&'));
  const links = offers.map(({ title, command }) => `[${title}](command:${command})`).join(' · ');
  const text = new vscode.MarkdownString([`**${first}**`, ...rest, links].join('\n\n'));
  text.isTrusted = { enabledCommands: offeredCommands };
  return text;
}
