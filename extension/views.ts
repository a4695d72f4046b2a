// What the status bar and the Status tree show, as functions of the daemon's whole state: no editor API, no state of their own. The
// sentences are those of the command line (protocol/words.ts); here they get icons, colours and the commands that go with them.

import { ago, count, counted, type Locale, moment, size } from '../protocol/formats.ts';
import { newMessagesWords, problemWords, sourceWords } from '../protocol/source-words.ts';
import type { SourceStatus, Status } from '../protocol/status.ts';
import { type State, sentenceFor, shareOf, statusBarText } from '../protocol/words.ts';

/** What the extension knows at any time. */
export type Known =
  | { readonly kind: 'starting' }
  /** Why it could not be started; empty when nobody tried. `isNewer`: it runs, and this extension is too old for it. */
  | { readonly kind: 'notRunning'; readonly reason: string; readonly isNewer?: true }
  | { readonly kind: 'connected'; readonly status: Status };

/** When "now" is (milliseconds since 1970), and how numbers and times are written. */
export interface Reader {
  readonly now: number;
  readonly locale: Locale;
}

export function stateOf(known: Known, { now, locale }: Reader): State | 'starting' {
  if (known.kind === 'starting') return 'starting';
  return sentenceFor(known.kind === 'connected' ? known.status : null, now, locale).state;
}

/** A command of the extension with its title. */
export interface Offer {
  readonly title: string;
  readonly command: string;
}

const offers = {
  start: { title: 'Start', command: 'signet.start' },
  setUp: { title: 'Set Up Backup…', command: 'signet.setUp' },
  backUpNow: { title: 'Back Up Now', command: 'signet.backUpNow' },
  cancel: { title: 'Cancel', command: 'signet.cancelBackup' },
  restore: { title: 'Restore…', command: 'signet.restore' },
  unlock: { title: 'Unlock…', command: 'signet.unlock' },
  showLog: { title: 'Show Log', command: 'signet.showLog' },
} as const satisfies Record<string, Offer>;

/** The commands that a tooltip may offer; nothing else in it can be clicked. */
export const offeredCommands: readonly string[] = Object.values(offers).map(({ command }) => command);

const offersOf: { readonly [state in State | 'starting']: readonly Offer[] } = {
  starting: [offers.showLog],
  alarm: [offers.showLog],
  'not running': [offers.start, offers.showLog],
  'not set up': [offers.setUp],
  running: [offers.cancel],
  overdue: [offers.backUpNow, offers.showLog],
  locked: [offers.unlock],
  'needs you': [offers.backUpNow, offers.showLog],
  good: [offers.backUpNow, offers.restore],
};

export interface BarItem {
  readonly text: string;
  /** Plain lines; the first is the state's sentence. */
  readonly tooltip: readonly string[];
  readonly offers: readonly Offer[];
  /** What a screen reader says. */
  readonly label: string;
  /** What a click does. */
  readonly command: string;
  readonly background?: 'warning' | 'error';
}

const showStatus = 'signet.openStatus';
const clicks: { readonly [state in State]?: string } = {
  locked: offers.unlock.command,
  'not set up': offers.setUp.command,
  'not running': offers.start.command,
};

export function statusBar(known: Known, reader: Reader): BarItem {
  const state = stateOf(known, reader);
  if (known.kind === 'starting' || state === 'starting') {
    const words = 'Signet is starting';
    return {
      text: '$(sync~spin) Signet',
      tooltip: [words],
      offers: offersOf.starting,
      label: words,
      command: showStatus,
    };
  }
  const reason = known.kind === 'notRunning' && known.reason !== '' ? [known.reason] : [];
  const { tooltip, ...words } = statusBarText(
    known.kind === 'connected' ? known.status : null,
    reader.now,
    reader.locale,
  );
  return {
    ...words,
    tooltip: [...tooltip.split('\n'), ...reason],
    offers: known.kind === 'connected' ? offersFor(state, known.status) : offersOf[state],
    command: clicks[state] ?? showStatus,
  };
}

/** Overdue because it is locked, or locked as well: unlocking comes first. */
function offersFor(state: State, { vault }: Status): readonly Offer[] {
  return state === 'overdue' && vault === 'locked' ? offersOf.locked : offersOf[state];
}

export interface Row {
  /** A product icon; its colour on state rows only. */
  readonly icon: string;
  readonly color?: 'charts.green' | 'charts.yellow' | 'charts.red' | undefined;
  readonly label: string;
  readonly description: string;
  /** The whole sentence, with the exact time where there is one. */
  readonly tooltip: string;
  readonly command?: string;
  readonly children?: readonly Row[];
}

/** Rows of the Status tree; none while a welcome text says what there is to say. */
export function statusRows(known: Known, reader: Reader): readonly Row[] {
  if (known.kind !== 'connected' || known.status.vault === 'absent') return [];
  const { status } = known;
  return [
    stateRow(status, reader),
    lastGoodRow(status, reader),
    ...newestRows(status, reader),
    ...nextRows(status, reader),
    ...remoteRows(status, reader),
    {
      icon: 'lock',
      label: 'End-to-end encrypted',
      description: status.vault,
      tooltip: `Sealed on this computer, with a password that never leaves it. Signet is ${status.vault}.`,
    },
    chatsRow(status, reader),
  ];
}

const looks: { readonly [state in State]: Pick<Row, 'icon' | 'color'> } = {
  alarm: { icon: 'error', color: 'charts.red' },
  'not running': { icon: 'debug-disconnect' },
  'not set up': { icon: 'shield' },
  running: { icon: 'sync~spin' },
  overdue: { icon: 'warning', color: 'charts.yellow' },
  locked: { icon: 'lock', color: 'charts.yellow' },
  'needs you': { icon: 'warning', color: 'charts.yellow' },
  good: { icon: 'pass', color: 'charts.green' },
};

function stateRow(status: Status, { now, locale }: Reader): Row {
  const { state, sentence, below } = sentenceFor(status, now, locale);
  const text = { tooltip: below === '' ? sentence : `${sentence}. ${below}` };
  const row = { ...looks[state], label: sentence, description: '', ...text };
  if (state === 'locked') return { ...row, label: 'Locked', description: 'unlock', command: offers.unlock.command };
  if (state === 'overdue') {
    const [label = sentence, description = ''] = sentence.split(/(?<= backup) (?=for |yet)/);
    return {
      ...row,
      label,
      description,
      command: offersFor(state, status)[0]?.command ?? showStatus,
    };
  }
  if (state !== 'good') return row;
  if (sentence === 'Everything is backed up') return { ...row, label: 'All backed up' };
  if (status.lastBackup === null) return { ...row, icon: 'circle-outline', color: undefined };
  const isComplete = status.lastError === null && status.lastBackup?.filesUnreadable.length === 0;
  return isComplete ? row : { ...row, icon: 'warning', color: 'charts.yellow' };
}

function lastGoodRow({ lastGoodAt: at }: Status, { now, locale }: Reader): Row {
  return {
    icon: 'history',
    label: 'Last good backup',
    description: at === null ? 'none yet' : ago(at, now, { ...locale, bare: true }),
    tooltip: at === null ? 'There is no good backup yet.' : `Last good backup: ${moment(at, locale)}`,
  };
}

function newestRows({ lastBackup }: Status, { locale }: Reader): readonly Row[] {
  if (lastBackup === null) return [];
  const { filesNew, filesChanged, bytesAdded, filesUnreadable, more } = lastBackup;
  const files = (value: number, kind = '') => counted(value, `${kind}file`, `${kind}files`, locale);
  const added = size(bytesAdded, locale);
  const newest: Row = {
    icon: 'diff-added',
    label: 'Newest backup',
    description: `${files(filesNew + filesChanged)} · ${added}`,
    tooltip: `${moment(lastBackup.at, locale)}: ${files(filesNew, 'new ')}, ${files(filesChanged, 'changed ')}, ${added} added`,
  };
  const rows = [...messagesRow(lastBackup, locale), newest];
  if (filesUnreadable.length === 0) return rows;
  const children = filesUnreadable.map(({ path, reason }) => ({
    icon: 'file',
    label: path,
    description: reason,
    tooltip: `${path} could not be read: ${reason}`,
  }));
  const unreadable: Row = {
    icon: 'warning',
    color: 'charts.yellow',
    label: `${files(filesUnreadable.length + (more?.filesUnreadable ?? 0))} not read`,
    description: '',
    tooltip: 'They are tried again next time.',
    children,
  };
  return [unreadable, ...rows];
}

/** Only where something was counted and is new; the label has said "new messages". */
function messagesRow(backup: NonNullable<Status['lastBackup']>, locale: Locale): readonly Row[] {
  const { messagesNew, conversationsChanged } = backup;
  if (!messagesNew) return [];
  const chats = conversationsChanged ? ` in ${counted(conversationsChanged, 'chat', 'chats', locale)}` : '';
  return [
    {
      icon: 'comment-discussion',
      label: 'New messages',
      description: `${count(messagesNew, locale)}${chats}`,
      tooltip: `${newMessagesWords(backup, locale)}, backed up ${moment(backup.at, locale)}`,
    },
  ];
}

function nextRows({ waiting, nextRun, pausedUntil }: Status, { now, locale }: Reader): readonly Row[] {
  if (pausedUntil !== null) {
    const until = ago(pausedUntil, now, { ...locale, bare: true });
    const tooltip = `Automatic backups pause until ${moment(pausedUntil, locale)}.`;
    return [{ icon: 'debug-pause', label: 'Paused', description: `until ${until}`, tooltip }];
  }
  const at = waiting?.until ?? nextRun;
  const when =
    waiting?.reason === 'quiet'
      ? 'when the apps are quiet'
      : at === null
        ? ''
        : ago(at, now, { ...locale, bare: true });
  if (when === '') return [];
  return [{ icon: 'calendar', label: 'Next backup', description: when, tooltip: `Next backup: ${when}` }];
}

function remoteRows({ remote, repository }: Status, { locale }: Reader): readonly Row[] {
  if (remote === null) return [];
  const { snapshots = null, sizeBytes = null } = repository ?? {};
  const facts = [
    remote.reachable === false ? 'cannot be reached' : '',
    snapshots === null ? '' : counted(snapshots, 'backup', 'backups', locale),
    sizeBytes === null ? '' : size(sizeBytes, locale),
  ].filter(fact => fact !== '');
  const label = remote.label.slice(0, 1).toUpperCase() + remote.label.slice(1);
  const tooltip = `${label}: ${facts.join(', ') || 'not looked at yet'}`;
  return [{ icon: 'cloud', label, description: facts.join(' · '), tooltip }];
}

function chatsRow({ sources }: Status, reader: Reader): Row {
  return {
    icon: 'folder-library',
    label: 'Chats',
    description: counted(sources.length, 'place', 'places', reader.locale),
    tooltip: 'What is backed up',
    children: sources.map(source => sourceRow(source, reader)),
  };
}

function sourceRow(source: SourceStatus, { locale }: Reader): Row {
  const { label, root, problem, verified } = source;
  const facts = [
    problem === undefined ? '' : problemWords(problem, locale),
    verified === false ? 'not verified' : '',
    sourceWords(source, locale),
  ].filter(fact => fact !== '');
  const isFine = problem === undefined && verified !== false;
  return {
    icon: isFine ? 'pass' : 'warning',
    color: isFine ? 'charts.green' : 'charts.yellow',
    label,
    description: facts.join(' · '),
    tooltip: `${label} in ${root}: ${facts.join(', ') || 'not counted'}`,
  };
}

/** Percent of the running job for a progress notice; undefined while it cannot be told. */
export function percentOf(job: NonNullable<Status['job']>): number | undefined {
  const share = shareOf(job);
  return share === undefined ? undefined : 100 * Math.min(1, share);
}

/** A day as people name it: "Today", "Yesterday", else weekday and date. */
export function dayOf(at: string, { now, locale: { locale = 'en-GB', timeZone } }: Reader): string {
  const day = (time: number) => new Date(time).toLocaleDateString('en-CA', { timeZone });
  const then = Date.parse(at);
  if (day(then) === day(now)) return 'Today';
  if (day(then) === day(now - 24 * 3_600_000)) return 'Yesterday';
  return new Date(then).toLocaleDateString(locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone,
  });
}

/** Hours and minutes. */
export function timeOf(at: string, { locale: { locale = 'en-GB', timeZone } }: Reader): string {
  return new Date(at).toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit', timeZone });
}
