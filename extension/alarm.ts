// Show Alarm: the panel with the alarm that stands; where several stand, the one that is chosen. And what its owner decides about it, with the
// password, after a last question of what that leads to.

import * as vscode from 'vscode';
import { alarmSentence, decisionWords } from '../protocol/alarm-words.ts';
import { ago } from '../protocol/formats.ts';
import { acknowledgeAlarm, showAlarms } from '../protocol/messages.ts';
import type { Alarm, AlarmDecision } from '../protocol/status.ts';
import { askUntilProven, nothingAsked, proofOf, proofSteps, setUpStatus, working } from './keys/proof.ts';
import { panelOf } from './panel/panel.ts';
import { withoutSymbols } from './plain-text.ts';
import type { Command, Shell } from './shell.ts';
import { type Choice, choose } from './steps.ts';

/** With the id of an alarm, of that one. Answers the id; undefined where none stands, or the person gave up. */
export const showAlarm: Command<readonly [{ readonly alarm?: string }], string> = async (shell, ...[given]) => {
  const known = shell.known();
  const standing = known.kind === 'connected' ? known.status.alarms : [];
  const alarms = standing.length > 0 ? standing : (await shell.link.request(showAlarms)).alarms;
  if (alarms.length === 0) {
    vscode.window.showInformationMessage(vscode.l10n.t('No alarm stands.'));
    return undefined;
  }
  const id = alarms.find(each => each.id === given?.alarm)?.id ?? (await whichAlarm(shell, alarms));
  if (id !== undefined) panelOf(shell).show(id);
  return id;
};

async function whichAlarm({ reader }: Shell, alarms: readonly Alarm[]): Promise<string | undefined> {
  const [first] = alarms;
  if (alarms.length === 1) return first?.id;
  const { now, locale } = reader();
  const items = alarms.map(
    (alarm): Choice<string> => ({
      label: `$(error) ${withoutSymbols(alarmSentence(alarm, locale))}`,
      description: vscode.l10n.t('Noticed {when}.', { when: ago(alarm.since, now, locale) }),
      answer: alarm.id,
    }),
  );
  const question = { title: vscode.l10n.t('Show Alarm'), placeholder: vscode.l10n.t('Which one?') };
  const chosen = await choose(question, items);
  return typeof chosen === 'string' ? chosen : undefined;
}

export interface Decision {
  readonly alarm: string;
  readonly decision: AlarmDecision;
}

/** Answers the alarms that still stand; undefined when the person gave up. */
export const decideAlarm: Command<readonly [Decision], readonly Alarm[]> = async (shell, ...[given]) => {
  if (given === undefined) return undefined;
  const { link, reader } = shell;
  const now = await setUpStatus(shell);
  const alarm = now.alarms.find(({ id, decisions }) => id === given.alarm && decisions.includes(given.decision));
  if (alarm === undefined) {
    vscode.window.showInformationMessage(vscode.l10n.t('This alarm does not stand any more.'));
    return undefined;
  }
  const { decision } = given;
  const { button, question, detail, confirm } = decisionWords(decision, alarm, reader().locale);
  const title = button.replace(/…$/, '');
  const prompt =
    decision === 'changed-elsewhere'
      ? vscode.l10n.t('The new backup password, as it was set on the other device. It stays on this computer.')
      : undefined;
  let isSure = false;
  const done = await askUntilProven(nothingAsked, proofSteps(shell, title, now, { prompt }), async answers => {
    const go = { title: confirm };
    isSure ||= (await vscode.window.showWarningMessage(question, { modal: true, detail }, go)) === go;
    if (!isSure) return undefined;
    const secrets = await link.seal(acknowledgeAlarm, proofOf(answers));
    const wish = { id: alarm.id, decision, secrets };
    return working(vscode.l10n.t('Telling your devices'), () => link.request(acknowledgeAlarm, wish));
  });
  const alarms = done?.result?.alarms;
  if (alarms === undefined) return undefined;
  const words = alarms.some(({ id }) => id === alarm.id)
    ? vscode.l10n.t('This alarm still stands.')
    : vscode.l10n.t('The alarm is settled.');
  vscode.window.showInformationMessage(words);
  return alarms;
};
