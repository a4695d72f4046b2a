// The whole panel as a function of what is known: no editor API, no page, no state of its own. What only the panel asks the daemon for
// (history, places, what was found) comes beside the status and may be missing.

import type { FoundSource, HistoryDay, HistoryRun, PlaceStatus } from '../../protocol/status.ts';
import type { Known, Reader } from '../views.ts';
import { historyModel } from './history.ts';
import type { AutomaticModel, PanelModel } from './panel-model.ts';
import { cloudModel, encryptionModel, proofModel } from './safety.ts';
import { automaticModel, chatsModel, emptyModel } from './sections.ts';
import { stateModel } from './state.ts';

/** What the panel asked for beside the status; absent until the answer is there. */
export interface Asked {
  readonly days?: readonly HistoryDay[];
  /** Newest first. */
  readonly runs?: readonly HistoryRun[];
  readonly places?: readonly PlaceStatus[];
  readonly found?: readonly FoundSource[];
  /** How long chats are quiet before a change is backed up. */
  readonly quietMs?: number;
  /** Id of the alarm that somebody wants to look at, where several stand. */
  readonly alarm?: string;
  /** The last control that could not be set, and why. */
  readonly failed?: AutomaticModel['failed'];
}

export function panelModel(known: Known, asked: Asked, reader: Reader): PanelModel {
  const language = reader.locale.locale ?? 'en-GB';
  const common = { language, direction: directionOf(language), state: stateModel(known, reader, asked.alarm) };
  if (known.kind !== 'connected') return common;
  const { status } = known;
  if (status.vault === 'absent') return { ...common, empty: emptyModel(asked.found, reader) };
  return {
    ...common,
    sections: {
      automatic: automaticModel(status, asked, reader),
      chats: chatsModel(status, reader),
      cloud: cloudModel(status, asked.places ?? [], reader),
      encryption: encryptionModel(status, reader),
      proof: proofModel(status, reader),
      history: historyModel(asked.days, asked.runs ?? [], reader, status.overdue),
    },
  };
}

const rightToLeft = new Set(['ar', 'dv', 'fa', 'he', 'ku', 'ps', 'sd', 'ug', 'ur', 'yi']);

function directionOf(language: string): 'ltr' | 'rtl' {
  return rightToLeft.has(new Intl.Locale(language).language) ? 'rtl' : 'ltr';
}
