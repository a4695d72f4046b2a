// The rows of the Status tree, as functions of the daemon's whole state: the state and what to act on first (trouble-rows.ts), then the facts.

import { capital } from '../protocol/error-words.ts';
import { ago, count, counted, dayOf, type Locale, moment, percent, say, size } from '../protocol/formats.ts';
import { placeNamed, quotaWords } from '../protocol/place-words.ts';
import { isHeldBack, newMessagesWords, problemWords, sourceWords } from '../protocol/source-words.ts';
import type { SourceStatus, Status } from '../protocol/status.ts';
import { type State, sentenceFor, shareOf } from '../protocol/words.ts';
import { alarming, daysSince, fitting, forDays, joined, type Row, roomForNested, warning } from './rows.ts';
import { alarmRows, troubleRows } from './trouble-rows.ts';
import { isSignedOut, type Known, type Reader } from './views.ts';

/** `toActOn`: how many of the rows ask for something; the view's badge. */
export interface StatusRows {
  readonly rows: readonly Row[];
  readonly toActOn: number;
}

/** No rows while a welcome text says what there is to say. */
export function statusRows(known: Known, reader: Reader): StatusRows {
  if (known.kind !== 'connected' || known.status.vault === 'absent') return { rows: [], toActOn: 0 };
  const { status } = known;
  const { state } = sentenceFor(status, reader.now, reader.locale);
  const first = stateRow(status, reader);
  const isToAct = state === 'alarm' || state === 'overdue' || state === 'locked' || state === 'needs you';
  const troubles = [...alarmRows(status.alarms.slice(1), reader), ...troubleRows(status, reader)];
  const facts = [
    ...(isPlainlyGood(status, state) ? [] : [lastGoodRow(status, reader)]),
    ...newestRows(status, reader),
    ...nextRows(status, reader),
    ...placeRows(status, reader),
    encryptedRow(status, reader),
    ...verifiedRows(status, reader),
    ...provenRows(status, reader),
    ...deviceRows(status, reader),
    chatsRow(status, reader),
  ];
  return { rows: [first, ...troubles, ...facts], toActOn: (isToAct ? 1 : 0) + troubles.length };
}

const looks: { readonly [state in State]: Pick<Row, 'icon' | 'color'> } = {
  alarm: alarming,
  'not running': { icon: 'debug-disconnect' },
  'not set up': { icon: 'shield' },
  running: { icon: 'sync~spin' },
  overdue: warning,
  locked: { icon: 'lock', color: 'charts.yellow' },
  'needs you': warning,
  good: { icon: 'pass', color: 'charts.green' },
};

/** Everything is backed up, and nothing more is to be said of it. */
function isPlainlyGood({ lastError, lastBackup, lastGoodAt, remote, sources, waiting }: Status, state: State): boolean {
  if (state !== 'good' || lastGoodAt === null || lastBackup === null || sources.length === 0) return false;
  const isWhole = lastBackup.filesUnreadable.length === 0 && sources.every(({ problem }) => problem === undefined);
  return isWhole && lastError === null && waiting === null && remote?.reachable !== false;
}

function stateRow(status: Status, reader: Reader): Row {
  const { now, locale } = reader;
  const { state, sentence, below } = sentenceFor(status, now, locale);
  const row = {
    ...looks[state],
    id: 'state',
    label: sentence,
    description: '',
    tooltip: below === '' ? sentence : `${sentence}. ${below}`,
  };
  switch (state) {
    case 'alarm': {
      const [first] = alarmRows(status.alarms.slice(0, 1), reader);
      return { ...row, ...first, id: row.id, tooltip: row.tooltip };
    }
    case 'locked':
      return { ...row, label: say(locale, 'Locked'), description: say(locale, 'unlock'), action: 'unlock' };
    case 'overdue': {
      const days = status.lastGoodAt === null ? undefined : daysSince(status.lastGoodAt, now);
      return {
        ...row,
        label: say(locale, 'No good backup'),
        description: days === undefined ? say(locale, 'yet') : forDays(days, locale),
        action: status.vault === 'locked' ? 'unlock' : isSignedOut(status) ? 'signIn' : 'backUpNow',
      };
    }
    case 'needs you':
      return { ...row, ...needWords(status, locale), action: isSignedOut(status) ? 'signIn' : 'backUpNow' };
    case 'running': {
      const { job } = status;
      const share = job === null ? undefined : shareOf(job);
      const isPlain = job?.kind === 'backup' && job.phase !== 'cancelling' && job.waitingUntil === undefined;
      return {
        ...row,
        ...(isPlain && {
          label: say(locale, 'Backing up'),
          description: share === undefined ? '' : percent(share, locale),
        }),
        ...(job?.cancellable && { action: 'cancelBackup' as const }),
      };
    }
    case 'good':
      return { ...row, ...goodLook(status, reader), action: 'backUpNow' };
    default:
      return row;
  }
}

function goodLook(status: Status, { now, locale }: Reader): Partial<Row> {
  const { lastGoodAt, lastBackup } = status;
  if (isPlainlyGood(status, 'good') && lastGoodAt !== null) {
    const description = ago(lastGoodAt, now, { ...locale, bare: true });
    return { label: say(locale, 'All backed up'), description };
  }
  if (lastBackup === null) return { icon: 'circle-outline', color: undefined };
  const isPartial =
    lastBackup.filesUnreadable.length > 0 || status.sources.some(({ problem }) => problem !== undefined);
  return isPartial || status.lastError !== null ? warning : {};
}

function placeName(label: string | undefined, locale: Locale): string {
  return capital(label === undefined ? say(locale, 'the place of your backups') : placeNamed(label, locale));
}

function needWords(status: Status, locale: Locale): Partial<Row> {
  const place = placeName(status.remote?.label, locale);
  if (isSignedOut(status)) {
    return { icon: 'account', ...fitting(place, [say(locale, 'sign in again'), say(locale, 'sign in')]) };
  }
  switch (status.lastError?.code) {
    case 'E_REMOTE_FULL':
      return { icon: 'cloud', label: place, description: say(locale, 'full') };
    case 'E_DISK_FULL':
      return { icon: 'database', label: say(locale, "This computer's disk"), description: say(locale, 'full') };
    default:
      return {};
  }
}

function lastGoodRow({ lastGoodAt: at }: Status, { now, locale }: Reader): Row {
  return {
    id: 'last good',
    icon: 'history',
    label: say(locale, 'Last good backup'),
    description: at === null ? say(locale, 'none yet') : ago(at, now, { ...locale, bare: true }),
    tooltip:
      at === null
        ? say(locale, 'There is no good backup yet.')
        : say(locale, 'Last good backup: {when}', { when: moment(at, locale) }),
  };
}

/** Messages where they are counted and new; else the files. */
function newestRows({ lastBackup }: Status, { locale }: Reader): readonly Row[] {
  if (lastBackup === null) return [];
  const { messagesNew, conversationsChanged: chats, filesNew, filesChanged, bytesAdded, at } = lastBackup;
  const when = moment(at, locale);
  const files = (value: number) => counted(value, 'file', 'files', locale);
  const added = size(bytesAdded, locale);
  const of = { new: files(filesNew), changed: files(filesChanged), added, when };
  const facts = say(locale, 'Backup of {when}: {new} new, {changed} changed, {added} added', of);
  if (!messagesNew) {
    const description = `${files(filesNew + filesChanged)} · ${added}`;
    return [{ id: 'newest', icon: 'diff-added', label: say(locale, 'Newest backup'), description, tooltip: facts }];
  }
  const messages = count(messagesNew, locale);
  const where = chats
    ? say(locale, '{count} in {chats}', { count: messages, chats: counted(chats, 'chat', 'chats', locale) })
    : messages;
  return [
    {
      id: 'newest',
      icon: 'comment-discussion',
      ...fitting(say(locale, 'New messages'), [where, messages]),
      tooltip: `${newMessagesWords(lastBackup, locale)}\n${facts}`,
    },
  ];
}

function nextRows({ vault, waiting, nextRun, pausedUntil }: Status, { now, locale }: Reader): readonly Row[] {
  if (pausedUntil !== null) {
    const description = say(locale, 'until {time}', { time: ago(pausedUntil, now, { ...locale, bare: true }) });
    const tooltip = say(locale, 'Automatic backups pause until {time}.', { time: moment(pausedUntil, locale) });
    return [{ id: 'next', icon: 'debug-pause', label: say(locale, 'Paused'), description, tooltip }];
  }
  const label = say(locale, 'Next backup');
  const awaited =
    vault === 'locked'
      ? awaitedWords('locked', locale)
      : waiting === null || (waiting.until !== undefined && waiting.reason !== 'quiet')
        ? undefined
        : awaitedWords(waiting.reason, locale);
  if (awaited !== undefined) {
    const tooltip = say(locale, 'What changed is backed up {when}.', { when: awaited });
    return [{ id: 'next', icon: 'calendar', label, description: awaited, tooltip }];
  }
  const at = waiting?.until ?? nextRun;
  if (at === null) return [];
  const description = ago(at, now, { ...locale, bare: true });
  const tooltip = say(locale, 'Next backup: {when}', { when: moment(at, locale) });
  return [{ id: 'next', icon: 'calendar', label, description, tooltip }];
}

/** What a backup waits for, where no time can be told. */
function awaitedWords(reason: NonNullable<Status['waiting']>['reason'], locale: Locale): string | undefined {
  switch (reason) {
    case 'quiet':
    case 'interval':
      return say(locale, 'once apps are quiet');
    case 'locked':
      return say(locale, 'once unlocked');
    case 'network':
      return say(locale, 'once online again');
    case 'battery':
      return say(locale, 'once plugged in');
    case 'metered':
      return say(locale, 'once traffic is free');
    case 'sign-in':
      return say(locale, 'after the sign-in');
    case 'retry':
    case 'paused':
    case 'limit':
      return undefined;
  }
}

function placeRows({ remote, repository }: Status, { locale }: Reader): readonly Row[] {
  if (remote === null) return [];
  const { snapshots = null, sizeBytes = null } = repository ?? {};
  const label = placeName(remote.label, locale);
  const backups = snapshots === null ? '' : counted(snapshots, 'backup', 'backups', locale);
  const held = sizeBytes === null ? '' : size(sizeBytes, locale);
  const room = remote.quota === undefined ? '' : quotaWords(remote.quota, locale);
  const free =
    remote.quota === undefined || remote.quota.limit === null
      ? ''
      : say(locale, '{size} free', { size: size(Math.max(0, remote.quota.limit - remote.quota.used), locale) });
  const away = remote.reachable === false ? say(locale, 'cannot be reached') : '';
  const facts = [away, remote.account ?? '', room, backups, held].filter(fact => fact !== '');
  const choices =
    away === ''
      ? [room, free, joined(backups, held), backups].filter(fact => fact !== '')
      : [away, say(locale, 'away')];
  const tooltip = say(locale, '{place}: {facts}', {
    place: label,
    facts: facts.length === 0 ? say(locale, 'not looked at yet') : facts.join(' · '),
  });
  return [{ id: 'place', icon: 'cloud', ...fitting(label, [...choices, '']), tooltip }];
}

function encryptedRow({ vault }: Status, { locale }: Reader): Row {
  const isOpen = vault === 'unlocked';
  return {
    id: 'encrypted',
    icon: 'lock',
    label: say(locale, 'End-to-end encrypted'),
    description: isOpen ? say(locale, 'unlocked') : say(locale, 'locked'),
    tooltip: isOpen
      ? say(locale, 'Sealed on this computer, with a password that never leaves it. Signet is unlocked.')
      : say(locale, 'Sealed on this computer, with a password that never leaves it. Signet is locked.'),
  };
}

function verifiedRows({ lastVerified }: Status, { now, locale }: Reader): readonly Row[] {
  if (lastVerified === undefined) return [];
  const { at, bytesRead, problems } = lastVerified;
  const of = { when: moment(at, locale), size: size(bytesRead, locale) };
  const isWell = problems === 0;
  return [
    {
      id: 'verified',
      icon: isWell ? 'verified' : 'warning',
      color: isWell ? undefined : 'charts.yellow',
      label: say(locale, 'Verified'),
      description: isWell ? dayOf(at, now, locale) : counted(problems, 'problem', 'problems', locale),
      tooltip: isWell
        ? say(locale, 'The copies were verified: {when}, {size} read back', of)
        : say(locale, 'The copies were verified, and problems were found: {when}, {size} read back', of),
    },
  ];
}

/** The day of the newest good trial restore; that the newest failed is told by a row of its own while its notice stands. */
function provenRows({ lastDrill, notices }: Status, { now, locale }: Reader): readonly Row[] {
  if (lastDrill === undefined) return [];
  const { ok, at, provenAt } = lastDrill;
  const proven = ok ? at : provenAt;
  const failed = say(locale, 'The trial restore failed: {when}', { when: moment(at, locale) });
  if (!ok && notices.every(({ kind }) => kind !== 'drill-failed')) {
    const row = { label: say(locale, 'Trial restore'), description: say(locale, 'failed') };
    return [{ id: 'proven', icon: 'warning', color: 'charts.yellow', ...row, tooltip: failed }];
  }
  if (proven === undefined) return [];
  const good = say(locale, 'A sample was restored on trial and was as it was backed up: {when}', {
    when: moment(proven, locale),
  });
  return [
    {
      id: 'proven',
      icon: 'verified',
      label: say(locale, 'Proven restorable'),
      description: dayOf(proven, now, locale),
      tooltip: ok ? good : `${good}\n${failed}`,
    },
  ];
}

function deviceRows({ devices }: Status, { now, locale }: Reader): readonly Row[] {
  if (devices === undefined || devices.length === 0) return [];
  const children = devices.map(({ id, label, isThis, at, number }) => ({
    id: `device ${id}`,
    icon: 'vm',
    ...fitting(
      isThis ? say(locale, 'This computer') : label,
      [at === undefined ? say(locale, 'not known') : ago(at, now, { ...locale, bare: true }), ''],
      roomForNested,
    ),
    tooltip: say(locale, '{device}: backup number {number}, {when}', {
      device: label,
      number: count(number, locale),
      when: at === undefined ? say(locale, 'time not known') : moment(at, locale),
    }),
  }));
  return [
    {
      id: 'devices',
      icon: 'device-desktop',
      label: say(locale, 'Devices'),
      description: count(devices.length, locale),
      tooltip: say(locale, 'The computers that back up to this place'),
      children,
    },
  ];
}

function chatsRow({ sources }: Status, reader: Reader): Row {
  const { locale } = reader;
  const isApps = sources.every(({ profile }) => profile !== 'generic');
  return {
    id: 'chats',
    icon: 'folder-library',
    label: say(locale, 'Chats'),
    description: isApps
      ? counted(sources.length, 'app', 'apps', locale)
      : counted(sources.length, 'place', 'places', locale),
    tooltip: say(locale, 'What is backed up'),
    children: sources.map(source => sourceRow(source, reader)),
  };
}

function sourceRow(source: SourceStatus, { locale }: Reader): Row {
  const { id, label, root, problem, verified, messages, sizeBytes } = source;
  const isFine = problem === undefined && verified !== false;
  const trouble = problem === undefined ? say(locale, 'not verified') : problemWords(problem, locale);
  const counts = messages === undefined ? '' : counted(messages, 'message', 'messages', locale);
  const held = sizeBytes === undefined ? '' : size(sizeBytes, locale);
  const first = isFine ? counts : trouble;
  const facts = [isFine ? '' : trouble, sourceWords(source, locale)].filter(fact => fact !== '');
  return {
    id: `source ${id}`,
    icon: isFine ? 'pass' : 'warning',
    color: isFine ? 'charts.green' : 'charts.yellow',
    ...fitting(label, [joined(first, held), first, held, ''], roomForNested + 4),
    tooltip: say(locale, '{app} in {folder}: {facts}', {
      app: label,
      folder: root,
      facts: facts.length === 0 ? say(locale, 'not counted') : facts.join(' · '),
    }),
    ...(problem !== undefined && isHeldBack(problem) && { action: 'acceptSource' as const, source: id }),
  };
}
