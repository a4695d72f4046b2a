// The Status view: the rows of status-rows.ts as tree items. It draws anew only when a row changed. Rows are no buttons: what can be done
// stands in the row as an action, which the manifest gives it by its name.

import * as vscode from 'vscode';
import type { Row } from './rows.ts';

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
    item.id = row.id;
    item.description = row.description;
    item.tooltip = row.tooltip;
    item.iconPath = new vscode.ThemeIcon(
      row.icon,
      row.color === undefined ? undefined : new vscode.ThemeColor(row.color),
    );
    item.accessibilityInformation = { label: row.description === '' ? row.label : `${row.label}, ${row.description}` };
    if (row.action !== undefined) item.contextValue = row.action;
    return item;
  }

  dispose(): void {
    this.#changed.dispose();
  }
}
