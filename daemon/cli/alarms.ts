// Alarms at the command line: what stands, what it means and what can be done, and the owner's word about it. Each asks before it decides;
// a decision needs the password, whatever is unlocked.

import { alarmCalm, alarmWords, decisionWords } from '../../protocol/alarm-words.ts';
import { exitCode, PeerError } from '../../protocol/errors.ts';
import { ago, counted, moment } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import type { Alarm, AlarmDecision } from '../../protocol/status.ts';
import { givenSecrets, type SecretOptions, secretsForUnlock } from './secrets.ts';
import { type CommonOptions, Exit, longRequest, usage, withDaemon } from './session.ts';
import { canAsk, folded, harmless, note, print, printJson, Questions } from './terminal.ts';

const mostListed = 10;

export async function show(options: CommonOptions): Promise<void> {
  const { alarms } = await withDaemon(({ connection }) => connection.sendRequest(messages.showAlarms));
  if (options.json) printJson({ alarms });
  else print(folded(alarmsText(alarms, Date.now()), process.stdout));
  if (alarms.length > 0) throw new Exit(exitCode('E_ALARM'));
}

export interface AcknowledgeOptions extends CommonOptions, SecretOptions {
  readonly decision?: AlarmDecision;
}

export async function acknowledge(id: string | undefined, options: AcknowledgeOptions): Promise<void> {
  const given = await givenSecrets(options);
  await withDaemon(async daemon => {
    const { alarms } = await daemon.connection.sendRequest(messages.showAlarms);
    const alarm = alarmNamed(alarms, id);
    const decision = decisionFor(alarm, options.decision);
    await confirm(alarm, decision, options);
    const { phoneEnding } = await daemon.connection.sendRequest(messages.status, {});
    const secrets = await secretsForUnlock(options, given, phoneEnding !== null);
    try {
      const params = {
        id: alarm.id,
        decision,
        secrets: daemon.secrets.seal(messages.acknowledgeAlarm.method, secrets),
      };
      const left = await longRequest(daemon, messages.acknowledgeAlarm, params, options);
      if (options.json) return printJson(left);
      note(left.alarms.length === 0 ? 'No alarm stands any more.' : alarmsLeft(left.alarms.length));
    } finally {
      secrets.wipe();
    }
  });
}

export function alarmsText(alarms: readonly Alarm[], now: number): string {
  if (alarms.length === 0) return 'No alarm stands.';
  return [...alarms.map(alarm => alarmText(alarm, now)), alarmCalm()].join('\n\n');
}

function alarmText(alarm: Alarm, now: number): string {
  const place = String(alarm.params['place'] ?? '');
  const { sentence, meaning, todo } = alarmWords(alarm, place, now);
  const backups = alarm.backups ?? [];
  const listed = backups.slice(0, mostListed).map(({ id, at, number, device }) => {
    const named = [number === undefined ? id.slice(0, 8) : `number ${number}`, device, at && moment(at)];
    return `  ${named.filter(part => part !== undefined && part !== '').join(', ')}`;
  });
  const more = backups.length - listed.length;
  const ways = alarm.decisions.map(
    each =>
      `  ${decisionWords(each, alarm).button.replace(/…$/, '')}: \`signet alarms acknowledge ${alarm.id} --decision ${each}\``,
  );
  return [
    `${sentence} Noticed ${ago(alarm.since, now)}.`,
    meaning,
    ...listed,
    ...(more > 0 ? [`  and ${counted(more, 'more', 'more')}`] : []),
    todo,
    ...ways,
  ]
    .map(harmless)
    .join('\n');
}

function alarmNamed(alarms: readonly Alarm[], id: string | undefined): Alarm {
  const [first] = alarms;
  if (id !== undefined) {
    const fits = alarms.filter(each => each.id.startsWith(id));
    const [found] = fits;
    if (found !== undefined && fits.length === 1) return found;
    throw new PeerError('E_NOT_FOUND', 'no such alarm stands', { params: { what: id } });
  }
  if (first === undefined) throw usage('no alarm stands');
  if (alarms.length > 1) throw usage('several alarms stand: name one of them', '`signet alarms show` lists them.');
  return first;
}

function decisionFor({ decisions: possible }: Alarm, wanted: AlarmDecision | undefined): AlarmDecision {
  const [first] = possible;
  if (first === undefined) {
    throw usage('nothing can be decided about this alarm', '`signet alarms show` tells what can be done.');
  }
  if (wanted !== undefined && !possible.includes(wanted)) {
    throw usage(`about this alarm the decision is one of: ${possible.join(', ')}`);
  }
  if (wanted === undefined && possible.length > 1) throw usage(`add --decision, one of: ${possible.join(', ')}`);
  return wanted ?? first;
}

/** On a terminal; a script has said it all by calling this. */
async function confirm(alarm: Alarm, decision: AlarmDecision, { json }: CommonOptions): Promise<void> {
  if (json || !canAsk()) return;
  const { question, detail } = decisionWords(decision, alarm);
  note(`${alarmText(alarm, Date.now())}\n\n${question} ${detail}`);
  const questions = new Questions();
  try {
    const typed = await questions.ask('Type yes to go on:', { hidden: false });
    if (typed.toString('utf8').trim().toLowerCase() === 'yes') return;
  } finally {
    questions.close();
  }
  throw new PeerError('E_CANCELLED', 'nothing was decided', { params: { job: 'question' } });
}

function alarmsLeft(count: number): string {
  return `${counted(count, 'alarm stands', 'alarms stand')} still: \`signet alarms show\` tells more.`;
}
