// What can be done about an alarm: its buttons, by its code and by what its owner may decide, and the backups that it is about. The words are
// those of protocol/alarm-words.ts, the same as in the terminal.

import { alarmWords, decisionWords } from '../../protocol/alarm-words.ts';
import { moment, say } from '../../protocol/formats.ts';
import type { Alarm, AlarmBackup, Status } from '../../protocol/status.ts';
import type { Reader } from '../views.ts';
import type { Action, StateModel } from './panel-model.ts';
import { run } from './phrases.ts';

export interface AlarmText {
  readonly means: string;
  readonly todo: string;
  readonly primary: Action;
  readonly others: readonly Action[];
  readonly backups?: NonNullable<StateModel['list']>;
}

export function alarmText(alarm: Alarm, { remote }: Pick<Status, 'remote'>, reader: Reader): AlarmText {
  const { locale, now } = reader;
  const { meaning, todo } = alarmWords(alarm, remote?.label ?? '', now, locale);
  const [first, ...rest] = [...actionsFor(alarm, reader), ...decisionsOf(alarm, reader)];
  const { backups = [] } = alarm;
  return {
    means: meaning,
    todo,
    primary: first ?? checkAgain(reader),
    others: rest,
    ...(backups.length > 0 && {
      backups: { title: say(locale, 'The backups it is about'), each: backups.map(each => backupWords(each, reader)) },
    }),
  };
}

function checkAgain({ locale }: Reader): Action {
  return { label: say(locale, 'Check Again'), intent: { do: 'check' } };
}

function decisionsOf(alarm: Alarm, { locale }: Reader): readonly Action[] {
  return alarm.decisions.map(decision => ({
    label: decisionWords(decision, alarm, locale).button,
    intent: { do: 'decide', alarm: alarm.id, decision },
  }));
}

/** What helps without a decision; of the password lock nothing comes before putting it back. */
function actionsFor(alarm: Alarm, reader: Reader): readonly Action[] {
  const { locale } = reader;
  const check = checkAgain(reader);
  const [newest] = alarm.backups ?? [];
  const look = (label: string, act: 'browse' | 'compare'): readonly Action[] =>
    newest === undefined ? [] : [{ label, intent: { do: 'snapshot', act, snapshot: newest.id } }];
  if (alarm.params['what'] === 'lock') return alarm.decisions.length > 0 ? [] : [check];
  switch (alarm.code) {
    case 'E_ROLLBACK':
    case 'E_WITHHELD':
      return [check, run(say(locale, 'Add a Second Place…'), 'signet.connectCloud')];
    case 'E_FORK':
      return [...look(say(locale, 'Compare…'), 'compare'), check];
    case 'E_FOREIGN_SNAPSHOT':
      return [...look(say(locale, 'Look at It'), 'browse'), check];
    case 'E_VAULT_CHANGED':
    case 'E_VAULT_ROLLBACK':
      return alarm.decisions.length > 0 ? [] : [check];
    case 'E_REPO_MISMATCH':
      return [check, run(say(locale, 'Choose a Place…'), 'signet.connectCloud')];
    case 'E_STATE_CORRUPT':
      return [check];
    default:
      return [
        run(say(locale, 'Upload Again'), 'signet.backUpNow'),
        run(say(locale, 'Show What Is Affected'), 'signet.verify'),
      ];
  }
}

/** `Backup 412` and, beside it, where and when it was made, as far as that is known here. */
export function backupWords(
  { id, number, device, at }: AlarmBackup,
  { locale }: Reader,
): { readonly name: string; readonly reason: string } {
  return {
    name:
      number === undefined
        ? say(locale, 'Backup {name}', { name: id.slice(0, 8) })
        : say(locale, 'Backup {name}', { name: number }),
    reason: [device ?? '', at === undefined ? '' : moment(at, locale)].filter(fact => fact !== '').join(' · '),
  };
}
