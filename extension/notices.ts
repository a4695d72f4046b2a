// Which notices a window shows: what the daemon found and alarms, a background part that is newer or does not run, each incident once, with
// what helps. Pure; what was told and what its owner wants to hear no more of comes in. Notices count and name apps and places, never chats.

import { alarmCalm, alarmSentence } from '../protocol/alarm-words.ts';
import { plural, say } from '../protocol/formats.ts';
import { noticeWords } from '../protocol/notice-words.ts';
import { isSource } from '../protocol/source-words.ts';
import type { Alarm, Notice, NoticeKind, Status } from '../protocol/status.ts';
import { compareVersions, type Versions } from '../protocol/version.ts';
import { isSignedOut, type Known, newerWords, type Offer, type Reader } from './views.ts';

/** A command with what it is given. */
export interface Action extends Offer {
  readonly given?: unknown;
}

export interface WindowNotice {
  /** The same as long as the incident stands. */
  readonly id: string;
  /** What "Don't Show Again" is about; absent for alarms, which cannot be silenced. */
  readonly kind?: NoticeKind | 'partial' | 'newer' | 'not-running';
  readonly severity: 'error' | 'warning' | 'info';
  readonly text: string;
  readonly actions: readonly Action[];
}

export interface Told {
  /** Ids of what was shown, by this window or another. */
  readonly ids: readonly string[];
  /** Kinds that nobody wants to hear of. */
  readonly silenced: readonly string[];
}

/** What is to be shown now, the worst first. */
export function dueNotices(
  known: Known,
  { ids, silenced }: Told,
  own: Versions,
  reader: Reader,
): readonly WindowNotice[] {
  return incidentsOf(known, own, reader).filter(
    ({ id, kind }) => !ids.includes(id) && (kind === undefined || !silenced.includes(kind)),
  );
}

/** What is over and was told may be told again when it comes back. Incidents of the daemon have an id each, so theirs are kept. */
export function stillTold(known: Known, ids: readonly string[]): readonly string[] {
  if (known.kind !== 'connected') return ids;
  const { lastBackup } = known.status;
  const isWhole = lastBackup !== null && lastBackup.filesUnreadable.length === 0;
  return ids.filter(id => id !== notRunningId && !(id === partialId && isWhole));
}

const notRunningId = 'not running';
const partialId = 'partial';

function incidentsOf(known: Known, own: Versions, reader: Reader): readonly WindowNotice[] {
  switch (known.kind) {
    case 'starting':
      return [];
    case 'notRunning':
      if (known.isNewer) return [newer('newer', reader)];
      return known.reason === '' ? [] : [notRunning(known.reason, reader)];
    case 'connected': {
      const { status } = known;
      const its = { protocolVersion: status.protocolVersion, productVersion: status.daemonVersion };
      return [
        ...status.alarms.map(alarm => alarmed(alarm, reader)),
        ...status.notices.map(notice => told(notice, status, reader)),
        ...partial(status, reader),
        ...(compareVersions(its, own) > 0 ? [newer(`newer ${status.daemonVersion}`, reader)] : []),
      ];
    }
  }
}

function alarmed(alarm: Alarm, { locale }: Reader): WindowNotice {
  const { id } = alarm;
  const show = { title: say(locale, 'Show…'), command: 'signet.showAlarm', given: { alarm: id } };
  const text = `${alarmSentence(alarm, locale)} ${alarmCalm(locale)}`;
  return { id: `alarm ${id}`, severity: 'error', text, actions: [show] };
}

function told(notice: Notice, status: Status, reader: Reader): WindowNotice {
  const { message, advice } = noticeWords(notice, reader.now, reader.locale);
  const { id, kind } = notice;
  const text = advice === '' ? message : `${message} ${advice}`;
  const severity = kind === 'password-reminder' || kind === 'no-keychain' ? 'info' : 'warning';
  return { id, kind, severity, text, actions: actionsOf(notice, status, reader) };
}

function actionsOf({ kind, source }: Notice, status: Status, { locale }: Reader): readonly Action[] {
  const openStatus = { title: say(locale, 'Open Status'), command: 'signet.openStatus' };
  const showThem = { title: say(locale, 'Show Them'), command: 'signet.openStatus' };
  const signIn = { title: say(locale, 'Sign In…'), command: 'signet.signIn' };
  const unlock = { title: say(locale, 'Unlock…'), command: 'signet.unlock' };
  switch (kind) {
    case 'overdue':
      if (status.vault === 'locked') return [unlock, openStatus];
      return isSignedOut(status)
        ? [signIn, openStatus]
        : [{ title: say(locale, 'Back Up Now'), command: 'signet.backUpNow' }, openStatus];
    case 'locked-due':
      return [unlock];
    case 'failed':
      return [
        { title: say(locale, 'Try Now'), command: 'signet.backUpNow' },
        { title: say(locale, 'Show Log'), command: 'signet.showLog' },
      ];
    case 'shrunk': {
      const wasMe = { title: say(locale, 'That Was Me'), command: 'signet.source.accept', given: { source } };
      return source === undefined ? [showThem] : [showThem, wasMe];
    }
    case 'fewer-messages':
      return [showThem];
    case 'drill-failed':
      return [
        { ...openStatus, title: say(locale, 'Show') },
        { title: say(locale, 'Back Up Now'), command: 'signet.backUpNow' },
      ];
    case 'password-reminder':
      return [{ title: say(locale, 'Check…'), command: 'signet.unlock' }];
    case 'no-keychain':
      return [];
    case 'signed-out':
      return [signIn];
    case 'half-restored':
      return [{ title: say(locale, 'Restore…'), command: 'signet.restore' }, openStatus];
    case 'cloud-full':
      return [{ title: say(locale, 'Show Plan…'), command: 'signet.tidyUp' }, openStatus];
    case 'clock-jumped':
      return [{ title: say(locale, 'Tidy Up…'), command: 'signet.tidyUp' }, openStatus];
    case 'missing-source':
    case 'mirror-behind':
      return [openStatus];
  }
}

function partial({ lastBackup }: Status, { locale }: Reader): readonly WindowNotice[] {
  const files = lastBackup?.filesUnreadable.filter(each => !isSource(each)).length ?? 0;
  if (files === 0) return [];
  const total = files + (lastBackup?.more?.filesUnreadable ?? 0);
  const text = plural(
    locale,
    total,
    'Backed up, except {count} file that could not be read. It is tried again next time.',
    'Backed up, except {count} files that could not be read. They are tried again next time.',
  );
  const show = { title: say(locale, 'Show Them'), command: 'signet.openStatus' };
  return [{ id: partialId, kind: 'partial', severity: 'warning', text, actions: [show] }];
}

function newer(id: string, reader: Reader): WindowNotice {
  const update = { title: say(reader.locale, 'Update'), command: 'signet.extension.update' };
  return { id, kind: 'newer', severity: 'info', text: newerWords(reader).join(' '), actions: [update] };
}

function notRunning(reason: string, { locale }: Reader): WindowNotice {
  return {
    id: notRunningId,
    kind: 'not-running',
    severity: 'error',
    text: say(locale, 'Signet is not running and could not be started: {reason}', { reason }),
    actions: [
      { title: say(locale, 'Try Again'), command: 'signet.start' },
      { title: say(locale, 'Show Log'), command: 'signet.showLog' },
    ],
  };
}
