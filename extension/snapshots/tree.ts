// The Snapshots view: days, snapshots, sources, folders and files, each asked for when it is opened, folders a page at a time. A new backup
// draws it anew without closing what is open. While the backup is locked it is empty, and nothing that it showed is kept.

import * as vscode from 'vscode';
import { snapshots } from '../../protocol/messages.ts';
import { everyPage } from '../../protocol/pages.ts';
import type { ListEntry, SnapshotEntry } from '../../protocol/status.ts';
import { explain } from '../explain.ts';
import { asWireError } from '../link.ts';
import type { Shell } from '../shell.ts';
import type { Known } from '../views.ts';
import { Contents } from './contents.ts';
import { closeFilesOfBackups } from './hide.ts';
import {
  findSnapshot,
  groupNode,
  hiddenNode,
  moreNode,
  type PathNode,
  pathNode,
  snapshotNode,
  type TreeNode,
} from './nodes.ts';
import {
  entryRow,
  type Group,
  groupsOf,
  hiddenIn,
  hiddenRow,
  moreRow,
  type Row,
  snapshotRow,
  sourceRow,
} from './rows.ts';
import { uriOf } from './uri.ts';

export const viewId = 'signet.snapshots';
/** Commands of the tree itself, for its rows and for the commands that lead to it. */
export const showMore = 'signet.snapshot.more';
export const reveal = 'signet.snapshot.reveal';

/** What the view has to say when it has no rows; the manifest's welcome texts go by it. */
type Emptiness = 'unknown' | 'none' | 'some' | 'signIn';

interface Listed {
  readonly entries: readonly ListEntry[];
  readonly total: number;
}

export class SnapshotTree implements vscode.TreeDataProvider<TreeNode>, vscode.Disposable {
  readonly #shell: Shell;
  readonly #contents: Contents;
  readonly #changed = new vscode.EventEmitter<TreeNode | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #view: vscode.TreeView<TreeNode>;
  readonly #subscriptions: vscode.Disposable;
  #snapshots: Promise<readonly SnapshotEntry[]> | undefined;
  #seen: string;
  /** What is shown of folders that are open, by their node. */
  readonly #folders = new Map<string, Promise<Listed>>();

  constructor(shell: Shell) {
    this.#shell = shell;
    this.#contents = new Contents(shell.link);
    this.#seen = fingerprint(shell.known());
    this.#view = vscode.window.createTreeView(viewId, { treeDataProvider: this, showCollapseAll: true });
    this.#subscriptions = vscode.Disposable.from(
      this.#changed,
      this.#view,
      this.#view.onDidCollapseElement(({ element }) => this.#folders.delete(element.id)),
      shell.onDidChange(known => this.#follow(known)),
      vscode.commands.registerCommand(showMore, (node: TreeNode) => this.#more(node)),
      vscode.commands.registerCommand(reveal, (snapshot: string) => this.#reveal(snapshot)),
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  #follow(known: Known): void {
    const seen = fingerprint(known);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#snapshots = undefined;
    if (!isUnlocked(known)) {
      this.#folders.clear();
      this.#contents.forget();
    }
    if (known.kind === 'connected' && known.status.vault === 'locked')
      closeFilesOfBackups().catch(() => this.#shell.log.warn('files of backups stay open'));
    this.#changed.fire(undefined);
  }

  getParent(node: TreeNode): TreeNode | undefined {
    return node.parent;
  }

  async getChildren(node?: TreeNode): Promise<TreeNode[]> {
    try {
      if (node === undefined) return (await this.#groups()).map(group => groupNode(group, undefined));
      if (node.kind === 'group') {
        const { groups, snapshots: entries, hidden = [] } = node.group;
        return [
          ...groups.map(group => groupNode(group, node)),
          ...hidden.map(backup => hiddenNode(backup, node)),
          ...entries.map(entry => snapshotNode(entry, node)),
        ];
      }
      if (node.kind === 'snapshot') return await this.#sources(node.snapshot, node);
      return node.kind === 'more' || node.kind === 'hidden' ? [] : await this.#files(node);
    } catch (error) {
      return this.#failed(error, node);
    }
  }

  async #groups(): Promise<readonly Group[]> {
    if (!isUnlocked(this.#shell.known())) {
      this.#say('unknown', '');
      return [];
    }
    const entries = await this.#load();
    const hidden = hiddenIn(statusOf(this.#shell.known()).status?.alarms ?? []);
    this.#say(entries.length + hidden.length === 0 ? 'none' : 'some', '');
    return groupsOf(entries, this.#shell.reader(), hidden);
  }

  #load(): Promise<readonly SnapshotEntry[]> {
    const { link } = this.#shell;
    this.#snapshots ??= everyPage(offset => link.request(snapshots, { offset }));
    return this.#snapshots;
  }

  async #sources(snapshot: string, node: TreeNode): Promise<TreeNode[]> {
    const { sources } = await this.#contents.show(snapshot);
    const { locale } = this.#shell.reader();
    if (sources.length === 0) return await this.#foreign(snapshot, node);
    return sources.map(source =>
      pathNode(node, {
        kind: 'source',
        snapshot,
        path: source.id,
        type: 'dir',
        row: sourceRow(source, locale),
        sources,
      }),
    );
  }

  /** What another program made has no sources, only folders and files. */
  async #foreign(snapshot: string, node: TreeNode): Promise<TreeNode[]> {
    const { locale } = this.#shell.reader();
    return [...(await this.#contents.all(snapshot, ''))].sort(foldersFirst).map(entry =>
      pathNode(node, {
        kind: 'entry',
        snapshot,
        path: entry.name,
        type: entry.type,
        row: entryRow(entry, locale),
        sources: [],
      }),
    );
  }

  async #files(node: PathNode): Promise<TreeNode[]> {
    if (node.type !== 'dir') return [];
    const { entries, total } = await this.#list(node);
    const { locale } = this.#shell.reader();
    const { snapshot, sources } = node;
    const shown: TreeNode[] = [...entries].sort(foldersFirst).map(entry =>
      pathNode(node, {
        kind: 'entry',
        snapshot,
        path: `${node.path}/${entry.name}`,
        type: entry.type,
        row: entryRow(entry, locale),
        sources,
      }),
    );
    return entries.length < total ? [...shown, moreNode(node, moreRow(entries.length, total, locale))] : shown;
  }

  #list(node: PathNode): Promise<Listed> {
    const known = this.#folders.get(node.id);
    if (known !== undefined) return known;
    const asked = this.#contents.page(node.snapshot, node.path, 0);
    this.#folders.set(node.id, asked);
    asked.catch(() => this.#folders.delete(node.id)); // told where it is shown; opened again, it is asked again
    return asked;
  }

  async #more({ parent }: TreeNode): Promise<void> {
    if (parent?.kind !== 'source' && parent?.kind !== 'entry') return;
    const before = await this.#list(parent);
    const { entries, total } = await this.#contents.page(parent.snapshot, parent.path, before.entries.length);
    this.#folders.set(parent.id, Promise.resolve({ entries: [...before.entries, ...entries], total }));
    this.#changed.fire(parent);
  }

  async #reveal(snapshot: string): Promise<boolean> {
    const node = findSnapshot(await this.#groups(), snapshot);
    if (node === undefined) return false;
    await this.#view.reveal(node, { expand: true, select: true, focus: true });
    return true;
  }

  /** Of the whole view it is said above the rows; of one row below it. Locking meanwhile is no failure. */
  #failed(error: unknown, node: TreeNode | undefined): TreeNode[] {
    const wire = asWireError(error);
    if (node === undefined) this.#snapshots = undefined;
    if (wire.code === 'E_VAULT_LOCKED' || wire.code === 'E_NOT_SET_UP' || wire.code === 'E_CANCELLED') return [];
    this.#shell.log.warn(`snapshots: ${wire.code}`);
    if (node !== undefined) {
      const words = explain(wire);
      return [moreNode(node, { label: words, description: '', tooltip: [words], icon: 'warning' })];
    }
    if (wire.code === 'E_SIGN_IN') this.#say('signIn', '');
    else this.#say('unknown', explain(wire));
    return [];
  }

  #say(emptiness: Emptiness, message: string): void {
    this.#view.message = message;
    vscode.commands.executeCommand('setContext', viewId, emptiness);
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    const row = this.#rowOf(node);
    const item = new vscode.TreeItem(row.label, this.#stateOf(node));
    item.id = node.id;
    item.description = row.description;
    item.tooltip = new vscode.MarkdownString().appendText(row.tooltip.join('\n'));
    item.iconPath = new vscode.ThemeIcon(
      row.icon,
      row.icon === 'warning' ? new vscode.ThemeColor('charts.yellow') : undefined,
    );
    item.accessibilityInformation = { label: row.description === '' ? row.label : `${row.label}, ${row.description}` };
    const context = this.#contextOf(node);
    if (context !== '') item.contextValue = context;
    if (node.kind === 'entry') {
      item.resourceUri = uriOf(node.snapshot, node.sources, node.path);
      // The editor's own icons, by the name of the file.
      if (node.type === 'file') item.iconPath = vscode.ThemeIcon.File;
      if (node.type === 'dir') item.iconPath = vscode.ThemeIcon.Folder;
      if (node.type === 'file')
        item.command = { command: 'signet.snapshot.openFile', title: vscode.l10n.t('Open'), arguments: [node] };
    }
    if (node.kind === 'more' && row.icon === 'ellipsis')
      item.command = { command: showMore, title: row.label, arguments: [node] };
    return item;
  }

  #rowOf(node: TreeNode): Row {
    if (node.kind === 'group') return node.group;
    if (node.kind === 'hidden') {
      return hiddenRow(
        node.backup,
        node.parent?.kind === 'group' && node.parent.group.kind !== 'hidden',
        this.#shell.reader(),
      );
    }
    if (node.kind !== 'snapshot') return node.row;
    const { parent, entry } = node;
    const { status } = statusOf(this.#shell.known());
    const surroundings = {
      isOneOfSeveral: (status?.devices?.length ?? 1) > 1 || entry.device !== (status?.device?.label ?? entry.device),
      isUnderDay: parent?.kind === 'group' && parent.group.kind !== 'apart',
    };
    return snapshotRow(entry, surroundings, this.#shell.reader());
  }

  #stateOf(node: TreeNode): vscode.TreeItemCollapsibleState {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    if (node.kind === 'more' || node.kind === 'hidden') return None;
    if (node.kind === 'entry') return node.type === 'dir' ? Collapsed : None;
    return node.kind === 'group' && node.group.kind === 'today' ? Expanded : Collapsed;
  }

  /** Which actions a row has, for the manifest: words with spaces between them. */
  #contextOf(node: TreeNode): string {
    if (node.kind === 'snapshot') return node.entry.announced ? 'snapshot' : 'apart';
    if (node.kind === 'source') return 'source';
    if (node.kind === 'hidden') return 'hidden';
    if (node.kind !== 'entry') return '';
    const [id] = node.path.split('/');
    const { status } = statusOf(this.#shell.known());
    const isHere = status?.sources.some(source => source.id === id) ?? false;
    return node.type === 'file' && isHere ? 'file here' : node.type;
  }
}

function foldersFirst(a: ListEntry, b: ListEntry): number {
  return Number(b.type === 'dir') - Number(a.type === 'dir');
}

function statusOf(known: Known) {
  return known.kind === 'connected' ? known : { status: undefined };
}

function isUnlocked(known: Known): boolean {
  return known.kind === 'connected' && known.status.vault === 'unlocked';
}

/** Changes whenever the snapshots may have; not with each step of a job. */
function fingerprint(known: Known): string {
  if (known.kind !== 'connected') return known.kind;
  const { vault, lastBackup, repository, devices, sources, device, alarms } = known.status;
  const numbers = devices?.map(({ id, number }) => [id, number]);
  const here = sources.map(({ id }) => id);
  return JSON.stringify([
    vault,
    lastBackup?.snapshot,
    lastBackup?.at,
    repository,
    numbers,
    here,
    device,
    alarms.map(({ id, backups }) => [id, backups]),
  ]);
}
