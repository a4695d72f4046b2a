// The first thing on the panel: one state, one sentence, one thing to do. The sentences are those of every other surface
// (protocol/words.ts); here they get their mark, their buttons and, where the state explains itself, what it means.

import { alarmCalm } from '../../protocol/alarm-words.ts';
import { reasonWords } from '../../protocol/error-words.ts';
import { count, type Locale, percent, plural, say, size } from '../../protocol/formats.ts';
import { isHeldBack, isSource, newMessagesWords } from '../../protocol/source-words.ts';
import type { JobProgress, Overdue, Status } from '../../protocol/status.ts';
import { jobWords, sentenceFor, shareOf } from '../../protocol/words.ts';
import type { Known, Reader } from '../views.ts';
import { alarmText } from './alarms.ts';
import type { Action, Icon, Piece, StateModel, Tone } from './panel-model.ts';
import { cutMiddle, run } from './phrases.ts';

const longestFileList = 50;

/** @param chosen id of the alarm that is looked at, where several stand; default the first */
export function stateModel(known: Known, { now, locale }: Reader, chosen?: string): StateModel {
  if (known.kind === 'starting') {
    const heading = say(locale, 'Signet is starting');
    return { ...plain('sync', heading), isTurning: true, others: [run(say(locale, 'Show Log'), 'signet.showLog')] };
  }
  if (known.kind === 'notRunning') return notRunning(known, { now, locale });
  const status = withFirst(known.status, chosen);
  const words = sentenceFor(status, now, locale);
  const common = { ...plain('shield', words.sentence), lines: quietLines(words.below) };
  switch (words.state) {
    case 'alarm':
      return alarmState(status, words.sentence, { now, locale });
    case 'not running':
    case 'not set up':
      return {
        ...common,
        isTall: true,
        lines: lines(words.below),
        primary: run(say(locale, 'Set Up Backup…'), 'signet.setUp'),
        others: [run(say(locale, 'Restore from a Backup…'), 'signet.restore')],
      };
    case 'running':
      return status.job === null ? common : runningState(status, status.job, { now, locale });
    case 'overdue':
      return {
        ...common,
        icon: 'warning',
        tone: 'warn',
        lines: lines(words.below),
        ...(status.overdue !== null && overdueActions(status, status.overdue, locale)),
      };
    case 'locked':
      return { ...common, icon: 'lock', ...unlocking(locale) };
    case 'needs you':
      return { ...common, icon: 'warning', tone: 'warn', ...needActions(status, locale) };
    case 'good':
      return { ...common, lines: [...common.lines, ...trialLines(status, locale)], ...goodState(status, locale) };
  }
}

function notRunning(known: Known & { readonly kind: 'notRunning' }, { now, locale }: Reader): StateModel {
  const { sentence, below } = sentenceFor(null, now, locale);
  const { reason } = known;
  return {
    ...plain('unplugged', sentence),
    lines: [...quietLines(below), ...(reason === '' ? [] : quietLines(reason))],
    ...(known.isNewer
      ? { primary: run(say(locale, 'Update'), 'signet.extension.update') }
      : {
          primary: run(say(locale, 'Start'), 'signet.start'),
          others: [run(say(locale, 'Show Log'), 'signet.showLog')],
        }),
  };
}

function plain(icon: Icon, sentence: string): StateModel {
  return {
    icon,
    tone: 'plain' satisfies Tone,
    isTurning: false,
    isTall: false,
    heading: [{ text: sentence }],
    lines: [],
    others: [],
    spoken: '',
  };
}

function lines(text: string): StateModel['lines'] {
  return text === '' ? [] : [[{ text }]];
}

function quietLines(text: string): StateModel['lines'] {
  return text === '' ? [] : [[{ text, isQuiet: true }]];
}

/** The text with one part of it in the second voice, wherever a language puts it. */
function withQuiet(text: string, part: string): readonly Piece[] {
  const at = part === '' ? -1 : text.indexOf(part);
  if (at < 0) return [{ text }];
  const pieces: readonly Piece[] = [
    { text: text.slice(0, at) },
    { text: part, isQuiet: true },
    { text: text.slice(at + part.length) },
  ];
  return pieces.filter(piece => piece.text !== '');
}

function withFirst(status: Status, chosen: string | undefined): Status {
  const first = status.alarms.find(({ id }) => id === chosen);
  return first === undefined ? status : { ...status, alarms: [first, ...status.alarms.filter(each => each !== first)] };
}

function alarmState(status: Status, sentence: string, reader: Reader): StateModel {
  const { locale } = reader;
  const [alarm, ...further] = status.alarms;
  const common = { ...plain('error', sentence), tone: 'bad', isTall: true } as const;
  if (alarm === undefined) return common;
  const { means, todo, primary, others, backups } = alarmText(alarm, status, reader);
  const more =
    further.length === 0
      ? []
      : lines(plural(locale, further.length, 'There is {count} more alarm.', 'There are {count} more alarms.'));
  return {
    ...common,
    lines: [...lines(means), ...lines(alarmCalm(locale)), ...more],
    ...(backups !== undefined && { list: backups }),
    todo: { title: say(locale, 'What to do'), text: todo },
    primary,
    others: further.length === 0 ? others : [...others, run(say(locale, 'Show Another…'), 'signet.showAlarm')],
    alarm: { id: alarm.id, spoken: sentence },
  };
}

function runningState(status: Status, job: JobProgress, { now, locale }: Reader): StateModel {
  // What is worked on and what was sent stand below the bar, so the line above it goes without.
  const { item = '', ...bare } = job;
  const { sentence, below } = sentenceFor({ ...status, job: { ...bare, bytesUploaded: 0 } }, now, locale);
  if (job.phase === 'cancelling') {
    return { ...plain('sync', sentence), tone: 'data', isTurning: true, lines: quietLines(below), spoken: sentence };
  }
  const share = shareOf(job);
  const done = share === undefined ? '' : percent(share, locale);
  const label = jobWords(job.kind, locale);
  const eta = job.etaSeconds === undefined || share === undefined ? '' : below;
  const news = status.lastBackup === null ? '' : newMessagesWords(status.lastBackup, locale);
  return {
    ...plain('sync', sentence),
    tone: 'data',
    isTurning: true,
    heading: withQuiet(sentence, done),
    lines: quietLines(below),
    progress: {
      label,
      ...(share !== undefined && { percent: Math.floor(Math.min(1, Math.max(0, share)) * 100 + 1e-9) }),
      spoken: [done, eta].filter(text => text !== '').join(', '),
      item,
      sent: sentWords(job, locale),
    },
    ...(job.cancellable && { others: [run(say(locale, 'Cancel'), 'signet.cancelBackup')] }),
    spoken:
      share === undefined
        ? label
        : say(locale, '{job}, {percent}', { job: label, percent: percent(Math.floor(share * 10) / 10, locale) }),
    ...(job.kind === 'backup' && {
      spokenWhenDone: news === '' ? say(locale, 'Backup done.') : say(locale, 'Backup done. {news}.', { news }),
    }),
  };
}

function sentWords({ bytesUploaded, bytesTotal, kind }: JobProgress, locale: Locale): string {
  if (bytesUploaded <= 0) return '';
  const sent = size(bytesUploaded, locale);
  // Of a backup no more is sent than was read; other jobs may send more than they count.
  return kind === 'backup' && bytesTotal >= bytesUploaded
    ? say(locale, '{sent} of {total} uploaded', { sent, total: size(bytesTotal, locale) })
    : say(locale, '{size} uploaded', { size: sent });
}

type Buttons = Pick<StateModel, 'primary' | 'others'>;

function backUp(label: string): Action {
  return run(label, 'signet.backUpNow');
}

function unlocking(locale: Locale): Buttons {
  return {
    primary: run(say(locale, 'Unlock…'), 'signet.unlock'),
    others: [{ label: say(locale, 'Use Recovery Key…'), intent: { do: 'unlockWithKey' } }],
  };
}

function elsewhere(locale: Locale): Action {
  return run(say(locale, 'Back Up Elsewhere…'), 'signet.connectCloud');
}

/** Of what tidying up would take away. */
function showPlan(locale: Locale): Action {
  return run(say(locale, 'Show Plan…'), 'signet.tidyUp');
}

function overdueActions(status: Status, { cause, app }: Overdue, locale: Locale): Buttons {
  if (status.vault === 'locked') return unlocking(locale);
  switch (cause) {
    case 'sign-in':
      return { primary: run(say(locale, 'Sign In…'), 'signet.signIn'), others: [elsewhere(locale)] };
    case 'offline':
      return { primary: backUp(say(locale, 'Try Now')), others: [elsewhere(locale)] };
    case 'full':
      return { primary: showPlan(locale), others: [backUp(say(locale, 'Try Again')), elsewhere(locale)] };
    case 'disk-full':
      return { primary: backUp(say(locale, 'Try Again')), others: [] };
    case 'failed':
      return {
        primary: backUp(say(locale, 'Try Again')),
        others: [elsewhere(locale), run(say(locale, 'Show Log'), 'signet.showLog')],
      };
    case 'held-back': {
      const held = status.sources.find(source => source.label === app && isHeldBack(source.problem ?? ''));
      return {
        primary: backUp(say(locale, 'Back Up Now')),
        others: held === undefined ? [] : [accept(held.id, locale)],
      };
    }
    default:
      return { primary: backUp(say(locale, 'Back Up Now')), others: [] };
  }
}

/** That a source shrank was its owner's doing: backups go on with what is there. */
function accept(source: string, locale: Locale): Action {
  return { label: say(locale, 'That Was Me'), intent: { do: 'accept', source } };
}

function needActions({ remote, lastError }: Status, locale: Locale): Buttons {
  const code = remote?.signIn === 'needed' ? 'E_SIGN_IN' : lastError?.code;
  switch (code) {
    case 'E_SIGN_IN':
      return { primary: run(say(locale, 'Sign In…'), 'signet.signIn'), others: [elsewhere(locale)] };
    case 'E_REMOTE_FULL':
      return { primary: showPlan(locale), others: [backUp(say(locale, 'Try Again')), elsewhere(locale)] };
    default:
      return { primary: backUp(say(locale, 'Try Again')), others: [] };
  }
}

/** Why the mark warns although all is backed up. */
function trialLines({ lastDrill }: Status, locale: Locale): StateModel['lines'] {
  return lastDrill?.ok === false
    ? lines(
        say(locale, 'The newest trial restore failed: not all of it may come back. Back up now, and prove it again.'),
      )
    : [];
}

/** In the order of `sentenceFor`, whose words stand beside it. */
function goodState(status: Status, locale: Locale): Partial<StateModel> {
  const { sources, lastBackup, lastGoodAt, lastError, remote, waiting, lastDrill } = status;
  const now = backUp(say(locale, 'Back Up Now'));
  const restore = run(say(locale, 'Restore…'), 'signet.restore');
  if (sources.length === 0) {
    return { primary: restore, others: [run(say(locale, 'Add Chats…'), 'signet.addChats')] };
  }
  if (lastGoodAt === null && lastBackup === null) return { primary: now, others: [restore] };
  if (lastError?.code === 'E_UNREACHABLE' || remote?.reachable === false) {
    return { others: [backUp(say(locale, 'Try Now')), restore] };
  }
  if (waiting?.reason === 'limit') return { others: [restore] };
  const warned = { icon: 'warning', tone: 'warn' } as const;
  const unread = (lastBackup?.filesUnreadable ?? []).filter(each => !isSource(each));
  if (lastBackup !== null && unread.length > 0) {
    return {
      ...warned,
      primary: { label: say(locale, 'Show Them'), intent: 'reveal' },
      others: [now],
      files: unreadFiles(unread, lastBackup.more?.filesUnreadable ?? 0, locale),
    };
  }
  const troubled = sources.find(source => source.problem !== undefined);
  if (troubled !== undefined) {
    const others = isHeldBack(troubled.problem ?? '') ? [accept(troubled.id, locale), restore] : [restore];
    return { ...warned, primary: now, others };
  }
  const buttons = { primary: now, others: [restore] };
  if (sources.some(source => source.capturedAt === undefined)) return buttons;
  if (lastError !== null && (lastGoodAt === null || Date.parse(lastError.at) >= Date.parse(lastGoodAt))) {
    return { ...warned, ...buttons };
  }
  // Backed up, but the newest trial showed that not all of it comes back.
  if (lastDrill?.ok === false) return { ...warned, ...buttons };
  return { icon: 'shield-check', tone: 'good', ...buttons };
}

function unreadFiles(
  unread: readonly { readonly path: string; readonly reason: string }[],
  more: number,
  locale: Locale,
): NonNullable<StateModel['files']> {
  const shown = unread.slice(0, longestFileList);
  const hidden = unread.length - shown.length + more;
  const each = shown.map(({ path, reason }) => ({
    name: cutMiddle(path.slice(path.indexOf('/') + 1), 64),
    reason: reasonWords(reason, locale),
  }));
  const rest = { name: say(locale, 'and {count} more', { count: count(hidden, locale) }), reason: '' };
  return { title: say(locale, 'Files that could not be read'), each: hidden === 0 ? each : [...each, rest] };
}
