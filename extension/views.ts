// What the status bar and the Status tree say, as functions of the daemon's whole state: no editor API, no state of their own.

import type { Status } from '../protocol/status.ts';

/** What the extension knows at any time. */
export type Known =
  | { readonly kind: 'starting' }
  | { readonly kind: 'notRunning'; readonly reason: string }
  | { readonly kind: 'connected'; readonly status: Status };

export type State = 'starting' | 'notRunning' | 'alarm' | 'notSetUp' | 'running' | 'locked' | 'needsYou' | 'good';

/** The one state that is shown, the first that holds. */
export function stateOf(known: Known): State {
  if (known.kind !== 'connected') return known.kind;
  const { status } = known;
  if (status.alarms.length > 0) return 'alarm';
  if (status.vault === 'absent') return 'notSetUp';
  if (status.job !== null && status.job.kind !== 'setup') return 'running';
  if (status.vault === 'locked') return 'locked';
  if (status.lastError !== null) return 'needsYou';
  return 'good';
}

/** When "now" is, and whose words for times and numbers are used (undefined: the system's). */
export interface Reader {
  readonly now: Date;
  readonly locale?: string | undefined;
}

export interface BarItem {
  readonly text: string;
  /** Lines of Markdown; the first is the state's sentence. */
  readonly tooltip: readonly string[];
  readonly command: string;
  readonly isAlarm: boolean;
}

export interface Row {
  /** A product icon and, on state rows only, its colour. */
  readonly icon: string;
  readonly color?: 'charts.green' | 'charts.yellow' | 'charts.red';
  readonly label: string;
  readonly description: string;
  /** The whole sentence, with the exact time where there is one. */
  readonly tooltip: string;
  readonly command?: string;
  readonly children?: readonly Row[];
}

export function statusBar(known: Known, reader: Reader): BarItem {
  const state = stateOf(known);
  const item = (text: string, tooltip: readonly string[], command: string): BarItem => ({
    text,
    tooltip: tooltip.filter(line => line !== ''),
    command,
    isAlarm: state === 'alarm',
  });
  if (known.kind === 'starting') return item('$(sync~spin) Signet', ['Signet is starting'], 'signet.showLog');
  if (known.kind === 'notRunning') {
    return item('$(debug-disconnect) Signet: Not Running', [notRunning, known.reason, link('Start')], 'signet.start');
  }
  const { status } = known;
  const last = lastGood(status, reader);
  const actions = `${link('Back Up Now')} ${link('Restore…')}`;
  switch (state) {
    case 'alarm':
      return item(
        `$(error) Signet: ${alarmWords(status).short}`,
        [alarmWords(status).sentence, last],
        'signet.showStatus',
      );
    case 'notSetUp':
      return item(
        '$(shield) Signet: Set Up',
        ['Your chats are not backed up yet.', link('Set Up Backup…')],
        'signet.setUp',
      );
    case 'running':
      return item(
        `$(sync~spin) Signet${percentOf(status)}`,
        [jobWords(status), jobLine(status, reader), link('Cancel Backup')],
        'signet.showStatus',
      );
    case 'locked':
      return item(
        '$(lock) Signet: Locked',
        ['Backups wait for your password.', last, link('Unlock…')],
        'signet.unlock',
      );
    case 'needsYou':
      return item(
        `${needs(status).icon} Signet: ${needs(status).short}`,
        [needs(status).sentence, last, actions],
        'signet.showStatus',
      );
    default:
      return item(
        '$(check) Signet',
        [goodSentence(status), last, nextLine(status, reader), actions],
        'signet.showStatus',
      );
  }
}

/** Rows of the Status tree; none while a welcome text says what there is to say. */
export function statusRows(known: Known, reader: Reader): readonly Row[] {
  if (known.kind !== 'connected' || known.status.vault === 'absent') return [];
  const { status } = known;
  return [
    stateRow(status, stateOf(known), reader),
    ...(status.lastError !== null && stateOf(known) !== 'needsYou' ? [problemRow(status)] : []),
    lastGoodRow(status, reader),
    ...newestRows(status, reader),
    ...nextRows(status, reader),
    ...remoteRows(status, reader),
    {
      icon: 'lock',
      label: 'End-to-end encrypted',
      description: status.vault,
      tooltip:
        status.vault === 'unlocked'
          ? 'Sealed on this computer; Signet is unlocked.'
          : 'Sealed on this computer; Signet is locked.',
    },
    chatsRow(status, reader),
  ];
}

function stateRow(status: Status, state: State, reader: Reader): Row {
  const row = (icon: string, label: string, description: string, more: Partial<Row> = {}): Row => ({
    icon,
    label,
    description,
    tooltip: `${label}. ${lastGood(status, reader)}`,
    ...more,
  });
  switch (state) {
    case 'alarm':
      return row('error', alarmWords(status).short, 'see the log', {
        color: 'charts.red',
        tooltip: alarmWords(status).sentence,
      });
    case 'running':
      return row('sync~spin', jobWords(status), percentOf(status).trim(), { tooltip: jobLine(status, reader) });
    case 'locked':
      return row('lock', 'Locked', 'unlock', { color: 'charts.yellow', command: 'signet.unlock' });
    case 'needsYou':
      return { ...problemRow(status), color: 'charts.yellow' };
    default: {
      const partial = (status.lastBackup?.filesUnreadable.length ?? 0) > 0;
      if (status.lastGoodAt === null) return row('circle-outline', 'Ready for the first backup', '');
      return partial
        ? row('warning', goodSentence(status), '', { color: 'charts.yellow' })
        : row('pass', 'All backed up', '', { color: 'charts.green' });
    }
  }
}

function problemRow(status: Status): Row {
  const { icon, short, sentence } = needs(status);
  return { icon: icon.slice(2, -1), label: short, description: '', tooltip: sentence };
}

function lastGoodRow(status: Status, reader: Reader): Row {
  const at = status.lastGoodAt;
  return {
    icon: 'history',
    label: 'Last good backup',
    description: at === null ? 'none yet' : ago(at, reader),
    tooltip: at === null ? 'There is no good backup yet.' : `Last good backup: ${exact(at, reader)}`,
  };
}

function newestRows({ lastBackup }: Status, reader: Reader): readonly Row[] {
  if (lastBackup === null) return [];
  const files = lastBackup.filesNew + lastBackup.filesChanged;
  const rows: Row[] = [
    {
      icon: 'diff-added',
      label: 'Newest backup',
      description: `${count(files, 'file', reader)} · ${size(lastBackup.bytesAdded, reader)}`,
      tooltip: `${exact(lastBackup.at, reader)}: ${count(lastBackup.filesNew, 'new file', reader)}, ${count(lastBackup.filesChanged, 'changed file', reader)}, ${size(lastBackup.bytesAdded, reader)} added`,
    },
  ];
  const unreadable = lastBackup.filesUnreadable;
  if (unreadable.length > 0) {
    rows.push({
      icon: 'warning',
      color: 'charts.yellow',
      label: `${count(unreadable.length, 'file', reader)} not read`,
      description: '',
      tooltip: 'They are tried again next time.',
      children: unreadable.map(({ path, reason }) => ({
        icon: 'file',
        label: path,
        description: reason,
        tooltip: `${path} could not be read: ${reason}`,
      })),
    });
  }
  return rows;
}

function nextRows(status: Status, reader: Reader): readonly Row[] {
  const words = nextWords(status, reader);
  return words === ''
    ? []
    : [{ icon: 'calendar', label: 'Next backup', description: words, tooltip: `Next backup: ${words}` }];
}

function remoteRows({ remote, repository }: Status, reader: Reader): readonly Row[] {
  if (remote === null) return [];
  const held = repository?.snapshots ?? null;
  const facts = [
    remote.reachable === false ? 'cannot be reached' : '',
    held === null ? '' : count(held, 'backup', reader),
    repository?.sizeBytes == null ? '' : size(repository.sizeBytes, reader),
  ].filter(fact => fact !== '');
  return [
    {
      icon: 'cloud',
      label: remote.label,
      description: facts.join(' · '),
      tooltip: `${remote.label}: ${facts.join(', ') || 'not looked at yet'}`,
    },
  ];
}

function chatsRow({ sources }: Status, reader: Reader): Row {
  return {
    icon: 'folder-library',
    label: 'Chats',
    description: count(sources.length, 'place', reader),
    tooltip: 'What is backed up',
    children: sources.map(source => {
      const facts = [
        source.problem ?? '',
        source.verified === false ? 'not verified' : '',
        source.messages === undefined ? '' : count(source.messages, 'message', reader),
        source.sizeBytes === undefined ? '' : size(source.sizeBytes, reader),
      ].filter(fact => fact !== '');
      const isFine = source.problem === undefined && source.verified !== false;
      return {
        icon: isFine ? 'pass' : 'warning',
        color: isFine ? ('charts.green' as const) : ('charts.yellow' as const),
        label: source.label,
        description: facts.join(' · '),
        tooltip: `${source.label} in ${source.root}: ${facts.join(', ') || 'not counted'}`,
      };
    }),
  };
}

const notRunning = 'No backups are made until Signet is started.';

const titles = {
  Start: 'signet.start',
  'Set Up Backup…': 'signet.setUp',
  'Back Up Now': 'signet.backUpNow',
  'Cancel Backup': 'signet.cancelBackup',
  'Restore…': 'signet.restore',
  'Unlock…': 'signet.unlock',
} as const;

function link(title: keyof typeof titles): string {
  return `[${title}](command:${titles[title]})`;
}

/** The commands that a tooltip may offer; nothing else in it can be clicked. */
export const linkedCommands: readonly string[] = Object.values(titles);

function goodSentence(status: Status): string {
  const lost = status.lastBackup?.filesUnreadable.length ?? 0;
  if (status.lastGoodAt === null && status.lastBackup === null) return 'Ready for the first backup';
  return lost === 0 ? 'Everything is backed up' : `Backed up, except ${lost} ${lost === 1 ? 'file' : 'files'}`;
}

function lastGood(status: Status, reader: Reader): string {
  return status.lastGoodAt === null
    ? 'There is no good backup yet.'
    : `Last good backup ${ago(status.lastGoodAt, reader)}.`;
}

function jobWords({ job }: Status): string {
  if (job?.phase === 'cancelling') return 'Stopping';
  return job?.kind === 'restore' ? 'Restoring' : job?.kind === 'verify' ? 'Verifying' : 'Backing up';
}

function percentOf({ job }: Status): string {
  if (job === null || job.bytesTotal === 0) return '';
  return ` ${Math.min(100, Math.floor((100 * job.bytesDone) / job.bytesTotal))}%`;
}

function jobLine(status: Status, reader: Reader): string {
  const { job } = status;
  if (job === null) return '';
  if (job.phase === 'cancelling') return 'What is already uploaded is kept and need not be sent again.';
  const parts = [
    job.item ?? '',
    job.bytesTotal > 0 ? `${size(job.bytesDone, reader)} of ${size(job.bytesTotal, reader)}` : '',
  ];
  return parts.filter(part => part !== '').join(' · ');
}

function nextLine(status: Status, reader: Reader): string {
  const words = nextWords(status, reader);
  return words === '' ? '' : `Next: ${words}`;
}

function nextWords({ waiting, nextRun }: Status, reader: Reader): string {
  if (waiting?.reason === 'quiet') return 'when your chats are quiet for a moment';
  if (waiting?.until !== undefined) return moment(waiting.until, reader);
  return nextRun === null ? '' : moment(nextRun, reader);
}

interface Needs {
  readonly icon: string;
  readonly short: string;
  readonly sentence: string;
}

function needs({ lastError, remote }: Status): Needs {
  const place = remote?.label ?? 'The place of your backups';
  switch (lastError?.code) {
    case 'E_SIGN_IN':
      return { icon: '$(account)', short: 'Sign In', sentence: `${place} needs you to sign in again.` };
    case 'E_REMOTE_FULL':
      return { icon: '$(cloud)', short: 'Cloud Full', sentence: `${place} is full.` };
    case 'E_DISK_FULL':
      return { icon: '$(database)', short: 'Disk Full', sentence: "This computer's disk is full." };
    case 'E_UNREACHABLE':
      return {
        icon: '$(cloud)',
        short: 'Offline',
        sentence: `${place} cannot be reached. Signet tries again by itself.`,
      };
    default:
      return {
        icon: '$(warning)',
        short: 'Backup Failed',
        sentence: 'The last backup stopped before its end. Nothing is lost; Signet tries again.',
      };
  }
}

function alarmWords({ alarms }: Status): Omit<Needs, 'icon'> {
  const safe =
    'Your chats on this computer are safe. New backups go on. Nothing is deleted or tidied up until you decide.';
  const words = (short: string, sentence: string) => ({ short, sentence: `${sentence} ${safe}` });
  switch (alarms[0]?.code) {
    case 'E_FORK':
      return words('Two Histories', 'The cloud shows this computer and another device different backups.');
    case 'E_FOREIGN_SNAPSHOT':
      return words('Unknown Backup', 'There is a backup here that none of your devices reported.');
    case 'E_VAULT_CHANGED':
    case 'E_VAULT_ROLLBACK':
      return words('Lock Replaced', 'The password lock in the cloud was replaced.');
    case 'E_REPO_MISMATCH':
      return words('Not Your Backup', 'This is not your backup.');
    case 'E_ROLLBACK':
    case 'E_WITHHELD':
      return words('Backups Missing', 'The cloud is hiding backups that this computer made.');
    default:
      return words('Damaged', 'Part of the backup is damaged in the cloud.');
  }
}

/** "5 minutes ago" under an hour, the time on the same day, day and month this year, else the full date. */
export function ago(at: string, { now, locale }: Reader): string {
  const then = new Date(at);
  const minutes = Math.round((now.getTime() - then.getTime()) / 60_000);
  if (minutes < 1 && minutes > -60) return 'just now';
  if (minutes > 0 && minutes < 60)
    return new Intl.RelativeTimeFormat(locale, { numeric: 'always' }).format(-minutes, 'minute');
  return `${isSameDay(then, now) ? 'at ' : ''}${moment(at, { now, locale })}`;
}

/** A moment before or after now: a time today, a day and a time this year, else the full date. */
export function moment(at: string, { now, locale }: Reader): string {
  const then = new Date(at);
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  if (isSameDay(then, now)) return then.toLocaleTimeString(locale, time);
  if (then.getFullYear() === now.getFullYear())
    return then.toLocaleString(locale, { day: 'numeric', month: 'long', ...time });
  return then.toLocaleDateString(locale, { day: 'numeric', month: 'long', year: 'numeric' });
}

/** A day as people name it: "Today", "Yesterday", else weekday and date. */
export function dayOf(at: string, { now, locale }: Reader): string {
  const then = new Date(at);
  if (isSameDay(then, now)) return 'Today';
  if (isSameDay(then, new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return 'Yesterday';
  return then.toLocaleDateString(locale, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
}

export function exact(at: string, { locale }: Reader): string {
  return new Date(at).toLocaleString(locale, { dateStyle: 'full', timeStyle: 'medium' });
}

function isSameDay(a: Date, b: Date): boolean {
  return a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();
}

/** "812 MB", "4.1 GB": decimal units, two digits of meaning. */
export function size(bytes: number, { locale }: Reader): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  const digits = step > 0 && value < 10 ? 1 : 0;
  const style: Intl.NumberFormatOptions = {
    style: 'unit',
    unit: units[step] ?? 'byte',
    unitDisplay: step === 0 ? 'long' : 'short',
  };
  return value.toLocaleString(locale, { ...style, maximumFractionDigits: digits });
}

/** "1 file", "2,310 messages". */
export function count(number: number, noun: string, { locale }: Reader): string {
  return `${number.toLocaleString(locale)} ${noun}${number === 1 ? '' : 's'}`;
}
