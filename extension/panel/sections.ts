// What is backed up and when: the sections with the controls and the chats, and what stands there before anything is set up. What is not
// known is said to be so: never 0, never blank.

import { choiceWords } from '../../protocol/choice-words.ts';
import { reasonWords } from '../../protocol/error-words.ts';
import { ago, capital, count, counted, dayOf, type Locale, plural, say, size } from '../../protocol/formats.ts';
import { isHeldBack, problemWords } from '../../protocol/source-words.ts';
import type { FoundSource, SourceStatus, Status } from '../../protocol/status.ts';
import type { Reader } from '../views.ts';
import {
  type AutomaticModel,
  type Cell,
  type ChatsModel,
  type Choice,
  type EmptyModel,
  type Icon,
  type Mark,
  type Note,
  scheduleKinds,
  type TableModel,
} from './panel-model.ts';
import { cutMiddle, longestName, run, unitOf, when } from './phrases.ts';

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
        say(locale, 'A place for the copies: Google Drive, S3 storage, or a folder that is synced or mounted.'),
        say(locale, 'A password you will remember, and your phone number. Both are asked for twice.'),
        say(locale, 'A printer or a pen, for the recovery key. It opens the backup if the password is ever lost.'),
      ],
    },
  };
}
