// The Status view: the rows of views.ts as tree items. It draws anew only when a row changed.

import * as vscode from 'vscode';
import type { Row } from './views.ts';

export class StatusTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  #rows: readonly Row[] = [];
  #drawn = '';

  show(rows: readonly Row[]): void {
    const drawn = JSON.stringify(rows);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#rows = rows;
    this.#changed.fire();
  }

  getChildren(row?: Row): Row[] {
    return [...(row === undefined ? this.#rows : (row.children ?? []))];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const { None, Collapsed } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(row.label, (row.children?.length ?? 0) > 0 ? Collapsed : None);
    item.description = row.description;
    item.tooltip = row.tooltip;
    item.iconPath = new vscode.ThemeIcon(
      row.icon,
      row.color === undefined ? undefined : new vscode.ThemeColor(row.color),
    );
    item.accessibilityInformation = { label: row.description === '' ? row.label : `${row.label}, ${row.description}` };
    if (row.command !== undefined) item.command = { command: row.command, title: row.label };
    return item;
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
