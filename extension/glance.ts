// What of Signet is in view all the time: the status bar item, the Status tree with its badge, and the context keys that commands and views
// go by. They are drawn with each new state; "5 minutes ago" is drawn anew when its words change, while somebody looks at the window.

import * as vscode from 'vscode';
import { StatusItem } from './status-item.ts';
import { statusRows } from './status-rows.ts';
import { StatusTree } from './status-tree.ts';
import { contextOf, type Known, nextChangeMs, type Reader, statusBar } from './views.ts';

export class Glance implements vscode.Disposable {
  readonly #reader: () => Reader;
  readonly #item = new StatusItem();
  readonly #tree = new StatusTree();
  readonly #view = vscode.window.createTreeView('signet.status', { treeDataProvider: this.#tree });
  readonly #context = new Map<string, unknown>();
  readonly #focus: vscode.Disposable;
  #known: Known = { kind: 'starting' };
  #timer: NodeJS.Timeout | undefined;

  constructor(reader: () => Reader) {
    this.#reader = reader;
    this.#focus = vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) this.#draw();
      else clearTimeout(this.#timer);
    });
    this.#draw();
  }

  show(known: Known): void {
    this.#known = known;
    this.#draw();
  }

  #draw(): void {
    const reader = this.#reader();
    const shown = statusBar(this.#known, reader);
    this.#item.show(shown, reader);
    const { rows, toActOn } = statusRows(this.#known, reader);
    this.#tree.show(rows);
    const [sentence = ''] = shown.tooltip;
    if (this.#view.badge?.value !== (toActOn === 0 ? undefined : toActOn) || this.#view.badge?.tooltip !== sentence)
      this.#view.badge = toActOn === 0 ? undefined : { value: toActOn, tooltip: sentence };
    for (const [name, value] of Object.entries(contextOf(this.#known, reader))) this.#set(name, value);
    this.#drawLater(reader.now);
  }

  #drawLater(now: number): void {
    clearTimeout(this.#timer);
    const inMs = vscode.window.state.focused ? nextChangeMs(this.#known, now) : undefined;
    if (inMs !== undefined) this.#timer = setTimeout(() => this.#draw(), inMs);
  }

  #set(name: string, value: unknown): void {
    if (this.#context.get(name) === value) return;
    this.#context.set(name, value);
    vscode.commands.executeCommand('setContext', `signet.${name}`, value);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const each of [this.#focus, this.#item, this.#view, this.#tree]) each.dispose();
  }
}
