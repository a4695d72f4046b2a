// What became of the backups of each day: history.

import { wordsFor } from '../../protocol/error-words.ts';
import { counted, size } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { newMessagesWords } from '../../protocol/source-words.ts';
import type { HistoryDay } from '../../protocol/status.ts';
import { type CommonOptions, usage, withDaemon } from './session.ts';
import { harmless, print, printJson, table } from './terminal.ts';

const mostDays = 400;

export async function history(options: CommonOptions & { readonly days: string }): Promise<void> {
  const days = /^\d{1,3}$/.test(options.days) ? Number(options.days) : 0;
  if (days < 1 || days > mostDays) throw usage(`--days takes a number from 1 to ${mostDays}`);
  const found = await withDaemon(({ connection }) => connection.sendRequest(messages.historyDays, { days }));
  if (options.json) return printJson(found.days);
  if (found.days.length === 0) return print('Nothing has been backed up yet.');
  print(historyWords(found.days));
}

/** The newest day first, as in other lists. */
export function historyWords(days: readonly HistoryDay[]): string {
  const rows = days
    .toReversed()
    .map(day => [
      day.day,
      day.backups === 0 ? '' : String(day.backups),
      day.bytesAdded === 0 ? '' : `+${size(day.bytesAdded)}`,
      day.sizeBytes === undefined ? '' : size(day.sizeBytes),
      harmless([outcomeWords(day), newMessagesWords(day)].filter(text => text !== '').join(', ')),
    ]);
  return table([['Day', 'Backups', 'Added', 'Size', ''], ...rows], [1, 2, 3]);
}

function outcomeWords({ outcome, why, backups }: HistoryDay): string {
  switch (why?.kind) {
    case 'failed':
      return `no backup: ${wordsFor({ code: why.code, params: {} }).message}`;
    case 'unreadable':
      return `${counted(why.files, 'file', 'files')} could not be read`;
    case 'cancelled':
      return 'no backup: stopped';
    case undefined:
      if (outcome === 'none') return 'no backup';
      if (outcome === 'partial') return 'some files could not be read';
      return backups === 0 ? 'nothing was new' : 'good';
  }
}
