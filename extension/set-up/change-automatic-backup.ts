// Change Automatic Backup…: how often, whether when chats change too, and whether videos come along, in one list. What the daemon answers counts.

import * as vscode from 'vscode';
import { PeerError } from '../../protocol/errors.ts';
import { changeSource, setSchedule, status } from '../../protocol/messages.ts';
import type { Schedule } from '../../protocol/status.ts';
import type { Command } from '../shell.ts';
import { back, cancelled } from '../steps.ts';
import { askFrequency } from './frequency.ts';
import { includesVideos, scheduleOf, videoChanges } from './frequency-entries.ts';

/** What is given is set without asking; a field left out stays. */
export interface AutomaticBackup extends Partial<Schedule> {
  readonly includeVideos?: boolean;
}

export const changeAutomaticBackup: Command<readonly [AutomaticBackup], Schedule> = async (shell, given) => {
  const { link } = shell;
  const { vault, schedule, sources } = await link.request(status, {});
  if (vault === 'absent') throw new PeerError('E_NOT_SET_UP', 'this computer is not set up');
  const wanted = given ?? (await asked(shell, schedule, includesVideos(sources)));
  if (wanted === undefined) return undefined;
  const { includeVideos, ...change } = wanted;
  const now = Object.keys(change).length === 0 ? schedule : await link.request(setSchedule, change);
  for (const each of includeVideos === undefined ? [] : videoChanges(sources, includeVideos)) {
    await link.request(changeSource, each);
  }
  return now;
};

async function asked(
  shell: Parameters<typeof askFrequency>[0],
  { kind, at, onChange }: Schedule,
  includeVideos: boolean,
): Promise<AutomaticBackup | undefined> {
  const title = vscode.l10n.t('Change Automatic Backup');
  const chosen = await askFrequency(shell, { title }, { at, now: kind, switches: { includeVideos, onChange } });
  if (chosen === back || chosen === cancelled) return undefined;
  return { ...scheduleOf(chosen.kind, chosen.onChange), includeVideos: chosen.includeVideos };
}
