// How often: one list with the times and, below them, what is switched on and off in the same step.

import * as vscode from 'vscode';
import type { ScheduleKind } from '../../protocol/status.ts';
import type { Shell } from '../shell.ts';
import { type Answer, back, cancelled, choose, type Place } from '../steps.ts';
import { frequencyEntries, type Switches } from './frequency-entries.ts';

export interface ChosenFrequency extends Switches {
  readonly kind: ScheduleKind;
}

export async function askFrequency(
  { reader }: Shell,
  place: Place,
  start: {
    readonly at: string;
    /** Chosen at present. */
    readonly now?: ScheduleKind;
    /** Chosen in this dialogue. */
    readonly before?: ScheduleKind;
    readonly switches: Switches;
  },
): Promise<Answer<ChosenFrequency>> {
  let { switches } = start;
  const separator = { kind: vscode.QuickPickItemKind.Separator };
  const flip = (change: Partial<Switches>) => {
    switches = { ...switches, ...change };
  };
  const marked = start.before ?? start.now;
  const kind = await choose<ScheduleKind>(
    { ...place, placeholder: vscode.l10n.t('When should Signet back up?') },
    () => frequencyEntries({ ...start, switches, flip, separator }, reader().locale),
    item => item.answer !== undefined && item.answer === marked,
  );
  return kind === back || kind === cancelled ? kind : { kind, ...switches };
}
