// One backup from a list by day, as the Snapshots view has them.

import * as vscode from 'vscode';
import { snapshots } from '../../protocol/messages.ts';
import { everyPage } from '../../protocol/pages.ts';
import type { SnapshotEntry } from '../../protocol/status.ts';
import type { Shell } from '../shell.ts';
import { back, type Choice, cancelled, choose } from '../steps.ts';
import { type Group, groupsOf, snapshotRow } from './rows.ts';

/** Undefined when the person gave up. */
export async function chooseSnapshot(
  shell: Shell,
  question: { readonly title: string; readonly placeholder: string },
  isOffered: (entry: SnapshotEntry) => boolean = () => true,
): Promise<SnapshotEntry | undefined> {
  const all = await everyPage(offset => shell.link.request(snapshots, { offset }));
  const offered = all.filter(isOffered);
  if (offered.length === 0) {
    vscode.window.showInformationMessage(
      all.length === 0
        ? vscode.l10n.t('Nothing has been backed up yet.')
        : vscode.l10n.t('There is no other backup to compare with yet.'),
    );
    return undefined;
  }
  const chosen = await choose(question, choicesOf(groupsOf(offered, shell.reader()), shell));
  return chosen === back || chosen === cancelled ? undefined : chosen;
}

function choicesOf(groups: readonly Group[], shell: Shell): readonly Choice<SnapshotEntry>[] {
  const reader = shell.reader();
  const devices = new Set(groups.flatMap(({ snapshots: entries }) => entries.map(({ device }) => device)));
  return groups.flatMap(({ label, kind, groups: days, snapshots: entries }): readonly Choice<SnapshotEntry>[] => {
    if (days.length > 0) return choicesOf(days, shell);
    const rows = entries.map((entry): Choice<SnapshotEntry> => {
      const surroundings = { isOneOfSeveral: devices.size > 1, isUnderDay: kind !== 'apart' };
      const row = snapshotRow(entry, surroundings, reader);
      // The day too, so that typing it finds the backup.
      const name = kind === 'apart' ? `$(warning) ${row.label}` : `${label} ${row.label}`;
      return { label: name, description: row.description, answer: entry };
    });
    return [{ label, kind: vscode.QuickPickItemKind.Separator }, ...rows];
  });
}
