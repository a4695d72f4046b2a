// The extension: one status bar item, one tree, and the commands. It shows what the daemon says and asks what the daemon needs to
// know; it holds no key, no password and no state of its own. The line to the daemon is loaded after the item shows.

import { join } from 'node:path';
import * as vscode from 'vscode';
import { backup, cancel, lock } from '../protocol/messages.ts';
import { explain } from './explain.ts';
import type { DaemonCommand, Link } from './link.ts';
import {
  type BarItem,
  type Known,
  offeredCommands,
  type Reader,
  type Row,
  stateOf,
  statusBar,
  statusRows,
} from './views.ts';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Signet', { log: true });
  const item = vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Left);
  item.name = 'Signet';
  const rows = new StatusTree();
  const view = vscode.window.createTreeView('signet.status', { treeDataProvider: rows });
  let known: Known = { kind: 'starting' };

  const show = (next: Known) => {
    known = next;
    const shown = statusBar(known, reader());
    const [sentence = ''] = shown.tooltip;
    item.text = shown.text;
    item.tooltip = markdown(shown);
    item.command = shown.command;
    item.backgroundColor =
      shown.background === undefined ? undefined : new vscode.ThemeColor(`statusBarItem.${shown.background}Background`);
    item.accessibilityInformation = { label: shown.label };
    rows.show(statusRows(known, reader()));
    const state = stateOf(known, reader());
    view.badge =
      state === 'alarm' || state === 'overdue' || state === 'needs you' ? { value: 1, tooltip: sentence } : undefined;
    setContext(known, state);
  };
  show(known);
  item.show();

  // Loading the language client takes longer than all the rest: it comes after the item is there.
  const lazy = import('./link.ts').then(
    ({ Link }) => new Link({ daemon: () => daemonCommand(context), log, onChange: show }),
  );
  lazy.then(
    link => link.connect({ start: true }),
    (error: unknown) => log.error(error instanceof Error ? error : String(error)),
  );
  // "5 minutes ago" grows old while nothing else happens.
  const clock = setInterval(() => show(known), 60_000);

  const commands: Record<string, (link: Link) => Promise<unknown>> = {
    setUp: async link => (await import('./set-up.ts')).setUp(link),
    backUpNow: link => link.request(backup, {}),
    cancelBackup: link => link.request(cancel),
    unlock: async link => (await import('./unlock.ts')).unlockVault(link),
    lock: link => link.request(lock),
    restore: async link => (await import('./restore.ts')).restoreBackup(link, reader),
    start: link => link.start(),
    showStatus: async () => vscode.commands.executeCommand('signet.status.focus'),
    showLog: async () => log.show(),
  };
  const registered = Object.entries(commands).map(([name, run]) =>
    vscode.commands.registerCommand(`signet.${name}`, async () => {
      try {
        return await run(await lazy);
      } catch (error) {
        const { asWireError } = await import('./link.ts');
        const wire = asWireError(error);
        if (wire.code === 'E_CANCELLED') return undefined;
        log.error(`${name}: ${wire.code}`);
        const showLog = 'Show Log';
        const answer = await vscode.window.showErrorMessage(explain(wire), showLog);
        if (answer === showLog) log.show();
        return undefined;
      }
    }),
  );
  context.subscriptions.push(log, item, view, rows, ...registered, {
    dispose: () => {
      clearInterval(clock);
      lazy.then(link => link.dispose()).catch(() => {}); // the window closes; the daemon notices by itself
    },
  });
}

function reader(): Reader {
  return { now: Date.now(), locale: { locale: vscode.env.language } };
}

/** What the person set, else the one that came with the extension. */
function daemonCommand(context: vscode.ExtensionContext): DaemonCommand {
  const settings = vscode.workspace.getConfiguration('signet');
  return {
    entry: settings.get<string>('daemonPath') || join(context.extensionPath, 'daemon', 'main.mjs'),
    node: settings.get<string>('nodePath') || undefined,
  };
}

function setContext(known: Known, state: ReturnType<typeof stateOf>): void {
  const vault = known.kind === 'connected' ? known.status.vault : 'absent';
  const facts = {
    state,
    locked: vault === 'locked',
    unlocked: vault === 'unlocked',
    canBackUp: vault === 'unlocked' && known.kind === 'connected' && known.status.job === null,
  };
  for (const [name, value] of Object.entries(facts))
    vscode.commands.executeCommand('setContext', `signet.${name}`, value);
}

/** The first line in bold, then the facts, then what can be done; the links lead to our own commands and nowhere else. */
function markdown({ tooltip, offers }: BarItem): vscode.MarkdownString {
  const [first = '', ...rest] = tooltip.map(line => line.replace(/[\\`*_{}[\]()#+!<>|~-]/g, '\\$&'));
  const links = offers.map(({ title, command }) => `[${title}](command:${command})`).join(' · ');
  const text = new vscode.MarkdownString([`**${first}**`, ...rest, links].join('\n\n'));
  text.isTrusted = { enabledCommands: offeredCommands };
  return text;
}

class StatusTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
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
