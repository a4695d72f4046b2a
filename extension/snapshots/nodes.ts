// The nodes of the Snapshots tree. A node has everything that an action on its row needs; its id stays the same when the tree is drawn anew, so
// that what is open stays open.

import type { AlarmBackup, ListEntry, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import type { Group, Row } from './rows.ts';

interface Node {
  readonly id: string;
  readonly parent: TreeNode | undefined;
}

export interface GroupNode extends Node {
  readonly kind: 'group';
  readonly group: Group;
}

export interface SnapshotNode extends Node {
  readonly kind: 'snapshot';
  /** Its id. */
  readonly snapshot: string;
  readonly entry: SnapshotEntry;
}

/** A source, or a folder, file or link in one. */
export interface PathNode extends Node {
  readonly kind: 'source' | 'entry';
  readonly snapshot: string;
  /** `<source id>/<path>` */
  readonly path: string;
  readonly type: ListEntry['type'];
  readonly row: Row;
  /** Of the snapshot. */
  readonly sources: readonly SnapshotSource[];
}

/** A backup that the cloud hides: there is nothing in it to look at. */
export interface HiddenNode extends Node {
  readonly kind: 'hidden';
  readonly backup: AlarmBackup;
}

export interface MoreNode extends Node {
  readonly kind: 'more';
  readonly row: Row;
}

export type TreeNode = GroupNode | SnapshotNode | HiddenNode | PathNode | MoreNode;

export function groupNode(group: Group, parent: GroupNode | undefined): GroupNode {
  return { kind: 'group', id: `group ${group.key}`, parent, group };
}

export function snapshotNode(entry: SnapshotEntry, parent: GroupNode | undefined): SnapshotNode {
  return { kind: 'snapshot', id: `snapshot ${entry.id}`, parent, snapshot: entry.id, entry };
}

export function hiddenNode(backup: AlarmBackup, parent: GroupNode): HiddenNode {
  return { kind: 'hidden', id: `hidden ${backup.id}`, parent, backup };
}

export function pathNode(
  parent: TreeNode,
  at: Pick<PathNode, 'kind' | 'snapshot' | 'path' | 'type' | 'row' | 'sources'>,
): PathNode {
  return { ...at, id: `path ${at.snapshot} ${at.path}`, parent };
}

export function moreNode(parent: TreeNode, row: Row): MoreNode {
  return { kind: 'more', id: `more ${parent.id}`, parent, row };
}

/** The node of a snapshot among the groups, with the groups above it. */
export function findSnapshot(groups: readonly Group[], snapshot: string, parent?: GroupNode): SnapshotNode | undefined {
  for (const group of groups) {
    const node = groupNode(group, parent);
    const entry = group.snapshots.find(({ id }) => id === snapshot);
    if (entry !== undefined) return snapshotNode(entry, node);
    const deeper = findSnapshot(group.groups, snapshot, node);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
