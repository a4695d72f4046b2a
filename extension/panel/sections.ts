// The sections that tell what is backed up, when, where and under which lock. What is not known is said to be so: never 0, never blank.

import { choiceWords } from '../../protocol/choice-words.ts';
import { reasonWords, wordsFor } from '../../protocol/error-words.ts';
import { ago, capital, count, counted, dayOf, type Locale, plural, say, size } from '../../protocol/formats.ts';
import { placeNamed } from '../../protocol/place-words.ts';
import { isHeldBack, problemWords } from '../../protocol/source-words.ts';
import type { FoundSource, PlaceStatus, SourceStatus, Status } from '../../protocol/status.ts';
import type { Reader } from '../views.ts';
import { unitOf } from './history.ts';
import {
  type Action,
  type AutomaticModel,
  type Cell,
  type ChatsModel,
  type Choice,
  type CloudModel,
  type EmptyModel,
  type EncryptionModel,
  type Fact,
  type Icon,
  type Mark,
  type Note,
  type PanelCommand,
  type Piece,
  type ProofModel,
  scheduleKinds,
  type TableModel,
} from './panel-model.ts';
import { cutMiddle } from './state.ts';

const longestName = 40;

function run(label: string, command: PanelCommand): Action {
  return { label, intent: { do: 'run', command } };
}

/** Under an hour in minutes, the same day a time, else the day. */
function when(at: string | undefined, { now, locale }: Reader): string {
  if (at === undefined) return say(locale, 'not known');
  const time = Date.parse(at);
  const isRecent = now - time < 3_600_000 || dayOf(at, now, locale) === dayOf(new Date(now).toISOString(), now, locale);
  return isRecent ? ago(at, now, { ...locale, bare: true }) : dayOf(at, now, locale);
}

// Automatic backup

export function automaticModel(
  status: Status,
  { quietMs, failed }: { readonly quietMs?: number; readonly failed?: AutomaticModel['failed'] },
  reader: Reader,
): AutomaticModel {
  const { locale } = reader;
  const labels: { readonly [kind in (typeof scheduleKinds)[number]]: string } = {
    never: say(locale, 'Never'),
    manual: say(locale, 'Only when I tap “Back up”'),
    daily: say(locale, 'Daily'),
    weekly: say(locale, 'Weekly'),
    monthly: say(locale, 'Monthly'),
  };
  const { schedule } = status;
  const videos = videosChoice(status.sources, locale);
  return {
    title: say(locale, 'Automatic backup'),
    legend: say(locale, 'How often'),
    schedules: scheduleKinds.map(kind => ({
      label: labels[kind],
      isChecked: schedule.kind === kind,
      intent: { do: 'schedule', kind },
    })),
    onChange: {
      label: say(locale, 'Also when chats change'),
      note: quietNote(quietMs, locale),
      isChecked: schedule.onChange,
      intent: { do: 'onChange', isOn: !schedule.onChange },
    },
    ...(videos !== undefined && { videos }),
    ...(failed !== undefined && { failed }),
    next: nextWords(status, reader),
    settings: run(say(locale, 'All settings'), 'signet.openSettings'),
  };
}

function quietNote(quietMs: number | undefined, locale: Locale): string {
  const seconds = quietMs === undefined ? undefined : Math.round(quietMs / 1000);
  return seconds === undefined || seconds < 1
    ? say(locale, 'Once the chats have been quiet for a while')
    : plural(
        locale,
        seconds,
        'Once a chat has been quiet for {count} second',
        'Once a chat has been quiet for {count} seconds',
      );
}

/** One box for all sources: half set where some keep their videos and some do not. */
function videosChoice(sources: readonly SourceStatus[], locale: Locale): Choice | undefined {
  if (sources.length === 0) return undefined;
  const without = sources.filter(({ leaveOut }) => leaveOut?.includes('video'));
  const isChecked = without.length === 0;
  const isMixed = !isChecked && without.length < sources.length;
  return {
    label: say(locale, 'Include videos'),
    note: videosNote(sources, isMixed ? without.length : 0, locale),
    isChecked,
    isMixed,
    intent: { do: 'videos', isOn: !isChecked },
  };
}

function videosNote(sources: readonly SourceStatus[], leaving: number, locale: Locale): string {
  const seen = sources.flatMap(({ videos }) => (videos === undefined ? [] : [videos]));
  const files = seen.reduce((sum, each) => sum + each.files, 0);
  const counts =
    seen.length === 0
      ? say(locale, 'not counted')
      : plural(locale, files, '{count} video, {size}', '{count} videos, {size}', {
          size: size(
            seen.reduce((sum, each) => sum + each.bytes, 0),
            locale,
          ),
        });
  if (leaving === 0) return seen.length === 0 ? capital(counts) : counts;
  const left = plural(locale, leaving, '{count} app leaves them out', '{count} apps leave them out');
  return `${capital(counts)} · ${left}`;
}

function nextWords({ schedule, vault, remote, pausedUntil, nextRun, overdue }: Status, reader: Reader): string {
  const { now, locale } = reader;
  if (pausedUntil !== null) {
    const until = ago(pausedUntil, now, { ...locale, bare: true });
    return say(locale, 'Automatic backups pause until {when}.', { when: until });
  }
  if (schedule.kind === 'never' && !schedule.onChange) return say(locale, 'Nothing is backed up by itself.');
  if (vault === 'locked') return say(locale, 'Next backup as soon as Signet is unlocked.');
  if (remote?.signIn === 'needed' || overdue?.cause === 'sign-in') {
    return say(locale, 'Next backup as soon as you are signed in.');
  }
  if (nextRun === null) {
    return schedule.onChange
      ? say(locale, 'Next backup when chats change.')
      : say(locale, 'Nothing is backed up by itself.');
  }
  const next = Date.parse(nextRun) <= now ? undefined : ago(nextRun, now, locale);
  if (next === undefined) return say(locale, 'The next backup is due.');
  return schedule.onChange
    ? say(locale, 'Next backup {when}, or sooner when chats change.', { when: next })
    : say(locale, 'Next backup {when}.', { when: next });
}

// Chats

export function chatsModel(status: Status, reader: Reader): ChatsModel {
  const { locale } = reader;
  const { sources } = status;
  const notes = sources.flatMap(source => sourceNotes(source, locale));
  return {
    title: say(locale, 'Chats'),
    ...(sources.length > 0 && { table: chatsTable(sources, reader) }),
    notes: sources.length > 0 ? notes : [{ text: say(locale, 'No chats of this computer are chosen for backup.') }],
    add: run(say(locale, 'Add chats…'), 'signet.addChats'),
  };
}

function chatsTable(sources: readonly SourceStatus[], reader: Reader): TableModel {
  const { locale } = reader;
  return {
    columns: [
      { label: say(locale, 'App') },
      { label: say(locale, 'Messages'), isNumber: true },
      { label: say(locale, 'Size'), isNumber: true },
      { label: say(locale, 'Captured') },
      { label: say(locale, 'Copy') },
    ],
    rows: sources.map(source => ({
      key: source.id,
      icon: iconOf(source),
      name: cutMiddle(source.label, longestName),
      cells: [
        messagesCell(source.messages, locale),
        {
          text: source.sizeBytes === undefined ? say(locale, 'not counted') : size(source.sizeBytes, locale),
          isNumber: true,
        },
        { text: source.capturedAt === undefined ? say(locale, 'not yet') : when(source.capturedAt, reader) },
      ],
      mark: markOf(source, locale),
    })),
  };
}

function messagesCell(messages: number | undefined, locale: Locale): Cell {
  if (messages === undefined) return { text: say(locale, 'not counted'), isNumber: true };
  const unit = unitOf(counted(messages, 'message', 'messages', locale), messages, locale);
  return { text: count(messages, locale), unit, isNumber: true };
}

/** Glyphs of our own, by the kind of app. */
export function iconOf({ profile, opensOnlyHere }: Pick<SourceStatus, 'profile' | 'opensOnlyHere'>): Icon {
  if (opensOnlyHere) return 'sealed-bubble';
  switch (profile) {
    case 'claude-code':
    case 'codex-cli':
    case 'vscode-copilot':
    case 'cursor':
      return 'terminal';
    case 'generic':
    case 'plain-logs':
      return 'folder';
    default:
      return /teams|slack|zoom/.test(profile) ? 'people' : /voice/.test(profile) ? 'voice' : 'bubble';
  }
}

function markOf({ problem, verified, capturedAt }: SourceStatus, locale: Locale): Mark {
  if (problem !== undefined) return { label: capital(problemWords(problem, locale)), icon: 'warning', tone: 'warn' };
  if (capturedAt === undefined) return { label: say(locale, 'Not yet copied') };
  if (verified === undefined) return { label: say(locale, 'Not known') };
  return verified
    ? { label: say(locale, 'Verified'), icon: 'check', tone: 'good' }
    : { label: say(locale, 'Not verified'), icon: 'warning', tone: 'warn' };
}

function sourceNotes(source: SourceStatus, locale: Locale): readonly Note[] {
  const { problem, opensOnlyHere, id, leaveOut, excludes, maxFileBytes } = source;
  const app = cutMiddle(source.label, longestName);
  const without = choiceWords(
    {
      ...(leaveOut !== undefined && { leaveOut }),
      ...(excludes !== undefined && { excludes }),
      ...(maxFileBytes !== undefined && { maxFileBytes }),
    },
    locale,
  );
  const notes: Note[] = [];
  if (problem !== undefined) {
    notes.push({
      text: say(locale, '{app}: {reason}.', { app, reason: reasonWords(problem, locale) }),
      ...(isHeldBack(problem) && {
        action: { label: say(locale, 'That was me'), intent: { do: 'accept', source: id } },
      }),
    });
  }
  if (opensOnlyHere) {
    notes.push({
      text: say(
        locale,
        '{app} keeps its messages under a key of its own. The files are backed up, but Signet cannot look inside to check them.',
        { app },
      ),
    });
  }
  if (without !== undefined) notes.push({ text: say(locale, 'Left out of {app}: {what}.', { app, what: without }) });
  return notes;
}

// Cloud

export function cloudModel(status: Status, places: readonly PlaceStatus[], reader: Reader): CloudModel {
  const { locale, now } = reader;
  const { remote, repository } = status;
  const title = say(locale, 'Cloud');
  if (remote === null) {
    return { title, place: say(locale, 'No place is chosen for the copies.'), about: '', room: [], facts: [] };
  }
  const main = places.find(({ role }) => role === 'main');
  const folder = remote.kind === 'drive' ? main?.remote.replace(/^drive:/, '') : undefined;
  const about = [
    folder === undefined || folder === '' ? '' : say(locale, 'folder “{folder}”', { folder }),
    remote.account ?? '',
  ];
  const warning = cloudWarning(status, reader);
  return {
    title,
    place: capital(placeNamed(remote.label, locale)),
    about: about.filter(text => text !== '').join(' · '),
    ...room(remote.quota, repository?.sizeBytes ?? null, locale),
    ...(warning !== undefined && { warning }),
    facts: status.mirrors.map(({ label, syncedAt, problem, signIn }) => ({
      name: say(locale, 'Second copy'),
      value:
        problem !== undefined || signIn !== undefined
          ? say(locale, '{place}: behind. {reason}', {
              place: capital(placeNamed(label, locale)),
              reason: wordsFor({ code: problem ?? 'E_SIGN_IN', params: { place: label } }, now, locale).message,
            })
          : syncedAt === null
            ? say(locale, '{place}: not complete yet', { place: capital(placeNamed(label, locale)) })
            : say(locale, '{place}: complete, {when}', {
                place: capital(placeNamed(label, locale)),
                when: when(syncedAt, reader),
              }),
    })),
  };
}

function cloudWarning({ remote, notices, overdue, lastError }: Status, { now, locale }: Reader): string | undefined {
  if (remote?.signIn === 'needed') {
    const since =
      notices.find(({ kind }) => kind === 'signed-out')?.since ??
      (overdue?.cause === 'sign-in' ? overdue.causeSince : undefined) ??
      (lastError?.code === 'E_SIGN_IN' ? lastError.at : undefined);
    return since === undefined
      ? say(locale, 'Signed out. The figures are from before.')
      : say(locale, 'Signed out since {day}. The figures are from before.', { day: dayOf(since, now, locale) });
  }
  if (remote?.reachable === false) {
    return say(locale, 'It cannot be reached now. The figures are from the last time it answered.');
  }
  return undefined;
}

function room(
  quota: { readonly limit: number | null; readonly used: number } | undefined,
  ours: number | null,
  locale: Locale,
): Pick<CloudModel, 'bar' | 'room'> {
  const sized = (bytes: number) => size(Math.max(0, bytes), locale);
  const mine: Piece =
    ours === null
      ? { text: say(locale, 'What Signet uses is not measured yet') }
      : { text: say(locale, 'Signet {size}', { size: sized(ours) }) };
  const dot: Piece = { text: ' · ' };
  if (quota === undefined) return { room: [mine, dot, { text: say(locale, 'the room left there is not known') }] };
  const { limit, used } = quota;
  const others: Piece =
    ours === null
      ? { text: say(locale, '{size} used in all', { size: sized(used) }) }
      : { text: say(locale, 'other things {size}', { size: sized(used - ours) }) };
  if (limit === null || limit <= 0) return { room: [mine, dot, others, dot, { text: say(locale, 'no limit') }] };
  const free = say(locale, '{size} free', { size: sized(limit - used) });
  const whole = say(locale, '{free} of {size}', { free, size: sized(limit) });
  const at = whole.indexOf(free);
  const share = (bytes: number) => Math.round(Math.min(100, Math.max(0, (100 * bytes) / limit)) * 10) / 10;
  return {
    bar: {
      ours: share(ours ?? 0),
      theirs: share(used - (ours ?? 0)),
      label:
        ours === null
          ? say(locale, 'Of {limit}, {used} are used, {free} are free.', {
              limit: sized(limit),
              used: sized(used),
              free: sized(limit - used),
            })
          : say(locale, 'Of {limit}, Signet uses {ours}, other things use {others}, {free} are free.', {
              limit: sized(limit),
              ours: sized(ours),
              others: sized(used - ours),
              free: sized(limit - used),
            }),
    },
    room: [
      mine,
      dot,
      others,
      dot,
      { text: whole.slice(0, at) },
      { text: free, isStrong: true as const },
      { text: whole.slice(at + free.length) },
    ].filter(({ text }) => text !== ''),
  };
}

// Encryption

export function encryptionModel(status: Status, reader: Reader): EncryptionModel {
  const { locale } = reader;
  return {
    title: say(locale, 'Encryption'),
    lead: [
      { text: say(locale, 'End-to-end encrypted.'), isStrong: true },
      {
        text: ` ${
          status.remote?.kind === 'drive'
            ? say(
                locale,
                'Only your password or your recovery key opens the backup. Google cannot read it, and neither can anyone who gets into the account.',
              )
            : say(
                locale,
                'Only your password or your recovery key opens the backup. Whoever keeps the copies cannot read it, and neither can anyone who gets at them.',
              )
        }`,
      },
    ],
    facts: [
      passwordFact(status, reader),
      sheetFact(status, reader),
      phoneFact(status, locale),
      sessionFact(status, reader),
    ],
  };
}

function passwordFact({ dates }: Status, { now, locale }: Reader): Fact {
  const day = (at: string) => dayOf(at, now, locale);
  const { passwordSetAt: set, passwordConfirmedAt: confirmed } = dates ?? {};
  const value =
    set !== undefined && confirmed !== undefined
      ? say(locale, 'Set {day}, confirmed {when}', { day: day(set), when: day(confirmed) })
      : set !== undefined
        ? say(locale, 'Set {day}', { day: day(set) })
        : confirmed !== undefined
          ? say(locale, 'Confirmed {when}', { when: day(confirmed) })
          : say(locale, 'When it was set is not known here');
  return { name: say(locale, 'Password'), value, action: run(say(locale, 'Change…'), 'signet.changePassword') };
}

function sheetFact({ dates }: Status, { now, locale }: Reader): Fact {
  const at = dates?.sheetAt;
  return {
    name: say(locale, 'Recovery key'),
    value:
      at === undefined
        ? say(locale, 'Whether the sheet was printed is not known here')
        : say(locale, 'Sheet last shown {day}', { day: dayOf(at, now, locale) }),
    action: run(at === undefined ? say(locale, 'Print…') : say(locale, 'Print again…'), 'signet.printRecoverySheet'),
  };
}

function phoneFact({ phoneEnding }: Status, locale: Locale): Fact {
  return {
    name: say(locale, 'Phone'),
    value:
      phoneEnding === null
        ? say(locale, 'Not remembered on this computer')
        : say(locale, 'Ending in {digits}', { digits: phoneEnding }),
    action: run(say(locale, 'Change…'), 'signet.changePhone'),
  };
}

function sessionFact({ vault, keychain, dates }: Status, reader: Reader): Fact {
  const { locale } = reader;
  const name = say(locale, 'This session');
  if (vault === 'locked') {
    const at = dates?.lockedAt;
    const value =
      at === undefined ? say(locale, 'Locked') : say(locale, 'Locked since {when}', { when: when(at, reader) });
    return { name, value, action: run(say(locale, 'Unlock…'), 'signet.unlock') };
  }
  return {
    name,
    value:
      keychain === 'session'
        ? say(locale, 'Unlocked until you log out')
        : say(locale, 'Unlocked until Signet is started again'),
    action: run(say(locale, 'Lock now'), 'signet.lock'),
  };
}

// Proof

export function proofModel({ lastVerified, devices }: Status, reader: Reader): ProofModel {
  const { now, locale } = reader;
  const at = lastVerified === undefined ? '' : capital(whenExactly(lastVerified.at, now, locale));
  const value =
    lastVerified === undefined
      ? say(locale, 'Not verified yet')
      : lastVerified.problems === 0
        ? say(locale, '{when}: {size} of stored data read back, all intact', {
            when: at,
            size: size(lastVerified.bytesRead, locale),
          })
        : plural(
            locale,
            lastVerified.problems,
            '{when}: {count} problem was found',
            '{when}: {count} problems were found',
            { when: at },
          );
  return {
    title: say(locale, 'Proof'),
    facts: [{ name: say(locale, 'Last verified'), value, action: run(say(locale, 'Verify…'), 'signet.verify') }],
    ...(devices === undefined || devices.length === 0
      ? { note: say(locale, 'Which computers back up to this place is not known here yet.') }
      : { devices: devicesTable(devices, reader) }),
  };
}

/** `today at 02:14`, else the day. */
function whenExactly(at: string, now: number, locale: Locale): string {
  const day = dayOf(at, now, locale);
  if (day !== dayOf(new Date(now).toISOString(), now, locale)) return day;
  const time = new Intl.DateTimeFormat(locale.locale ?? 'en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    timeZone: locale.timeZone,
  }).format(Date.parse(at));
  return say(locale, '{day} at {time}', { day, time });
}

function devicesTable(devices: NonNullable<Status['devices']>, reader: Reader): TableModel {
  const { locale } = reader;
  return {
    columns: [
      { label: say(locale, 'Device') },
      { label: say(locale, 'Backup'), isNumber: true },
      { label: say(locale, 'Last good') },
    ],
    rows: devices.map(({ id, label, isThis, number, at }) => ({
      key: id,
      icon: isThis ? 'laptop' : 'desktop',
      name: cutMiddle(label, longestName),
      ...(isThis && { aside: say(locale, 'this computer') }),
      cells: [
        { text: count(number, locale), isNumber: true },
        { text: at === undefined ? say(locale, 'not known') : when(at, reader) },
      ],
    })),
  };
}

// Before anything is set up

/** @param found undefined while it is being looked for */
export function emptyModel(found: readonly FoundSource[] | undefined, reader: Reader): EmptyModel {
  const { now, locale } = reader;
  const note =
    found === undefined
      ? say(locale, 'Looking for chats on this computer.')
      : found.length === 0
        ? say(locale, 'No chats that Signet knows were found here. You can choose any folder in the next step.')
        : say(locale, 'Nothing has been copied. You choose what to back up in the next step.');
  const rows = (found ?? []).map(source => {
    const files = count(source.files, locale);
    const sized = size(source.sizeBytes, locale);
    return {
      key: `${source.profile} ${source.root}`,
      icon: iconOf(source),
      name: cutMiddle(source.label, longestName),
      cells: [
        {
          text: source.isMore ? say(locale, 'more than {count}', { count: files }) : files,
          unit: unitOf(counted(source.files, 'file', 'files', locale), source.files, locale),
          isNumber: true as const,
        },
        { text: source.isMore ? say(locale, 'more than {count}', { count: sized }) : sized, isNumber: true as const },
        { text: source.newestAt === undefined ? say(locale, 'not known') : dayOf(source.newestAt, now, locale) },
      ],
    };
  });
  return {
    found: {
      title: say(locale, 'Found here'),
      ...(rows.length > 0 && {
        table: {
          columns: [
            { label: say(locale, 'App') },
            { label: say(locale, 'Files'), isNumber: true },
            { label: say(locale, 'Size'), isNumber: true },
            { label: say(locale, 'Newest') },
          ],
          rows,
        },
      }),
      note,
    },
    needs: {
      title: say(locale, 'What you need'),
      each: [
        say(locale, 'A place for the copies: Google Drive, an S3 store, or a folder that is synced or mounted.'),
        say(locale, 'A password you will remember, and your phone number. Both are asked for twice.'),
        say(locale, 'A printer or a pen, for the recovery key. It opens the backup if the password is ever lost.'),
      ],
    },
  };
}
