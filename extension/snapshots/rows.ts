// What the Snapshots view says, as functions of what the daemon told: days and months, snapshots, sources, folders and files. No editor API, no
// state. What was not counted is said so, or left out; it is never 0.

import { count, counted, type Locale, plural, say, size } from '../../protocol/formats.ts';
import { newMessagesWords } from '../../protocol/source-words.ts';
import type { Alarm, AlarmBackup, ListEntry, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import { withoutTurns } from '../plain-text.ts';
import type { Reader } from '../views.ts';

export interface Row {
  readonly label: string;
  readonly description: string;
  /** Lines; the first says what it is. */
  readonly tooltip: readonly string[];
  /** A product icon. */
  readonly icon: string;
}

/** Snapshots of a day, days of a month, or what stands apart. */
export interface Group extends Row {
  /** Stays the same while the label turns from "Today" to "Yesterday". */
  readonly key: string;
  readonly kind: 'today' | 'day' | 'month' | 'hidden' | 'apart';
  readonly groups: readonly Group[];
  readonly snapshots: readonly SnapshotEntry[];
  /** Backups of the day that the cloud hides; absent: none. */
  readonly hidden?: readonly AlarmBackup[];
}

const dayMs = 86_400_000;
/** So many days back stand alone even when the month is over. */
const recentDays = 7;

/** Backups that are missing where they were, by the alarms that stand; each once. */
export function hiddenIn(alarms: readonly Alarm[]): readonly AlarmBackup[] {
  const hidden = alarms.filter(({ code }) => code === 'E_ROLLBACK' || code === 'E_WITHHELD');
  return [...new Map(hidden.flatMap(({ backups = [] }) => backups).map(each => [each.id, each])).values()];
}

/**
 * Newest first. What no device reported comes last, apart from the rest. @param entries newest first
 * @param hidden stand at their days, or apart where these are not known
 */
export function groupsOf(
  entries: readonly SnapshotEntry[],
  reader: Reader,
  hidden: readonly AlarmBackup[] = [],
): readonly Group[] {
  const isHidden = new Set(hidden.map(({ id }) => id));
  const there = entries.filter(({ id }) => !isHidden.has(id));
  const announced = there.filter(entry => entry.announced);
  const apart = there.filter(entry => !entry.announced);
  const { now, locale } = reader;
  const today = daysOf(locale)(now);
  const recent = dayBefore(today, recentDays - 1);
  const groups: Group[] = [];
  const months = new Map<string, Group[]>();
  const dated = hidden.flatMap(each => (each.at === undefined ? [] : [{ ...each, at: each.at }]));
  const hiddenByDay = byDay(dated, locale);
  const byDays = byDay(announced, locale);
  const days = new Set([...byDays.keys(), ...hiddenByDay.keys()]);
  for (const key of [...days].sort().reverse()) {
    const day = dayGroup(key, byDays.get(key) ?? [], hiddenByDay.get(key) ?? [], reader);
    const month = key.slice(0, 7);
    if (key >= recent || month >= today.slice(0, 7)) groups.push(day);
    else months.set(month, [...(months.get(month) ?? []), day]);
  }
  for (const [month, days] of months) groups.push(monthGroup(month, days, reader));
  if (dated.length < hidden.length)
    groups.push(
      hiddenGroup(
        hidden.filter(({ at }) => at === undefined),
        locale,
      ),
    );
  if (apart.length > 0) groups.push(apartGroup(apart, locale));
  return groups;
}

function byDay<Entry extends { readonly at: string }>(
  entries: readonly Entry[],
  locale: Locale,
): ReadonlyMap<string, readonly Entry[]> {
  const days = new Map<string, Entry[]>();
  const dayOf = daysOf(locale);
  for (const entry of entries) {
    const key = dayOf(Date.parse(entry.at));
    const day = days.get(key);
    if (day === undefined) days.set(key, [entry]);
    else day.push(entry);
  }
  return days;
}

function dayGroup(
  key: string,
  snapshots: readonly SnapshotEntry[],
  hidden: readonly AlarmBackup[],
  reader: Reader,
): Group {
  const { now, locale } = reader;
  const today = daysOf(locale)(now);
  const label =
    key === today
      ? say(locale, 'Today')
      : key === dayBefore(today, 1)
        ? say(locale, 'Yesterday')
        : dateWords(key, reader);
  const description = [
    ...(snapshots.length === 0 ? [] : [counted(snapshots.length, 'backup', 'backups', locale)]),
    ...(hidden.length === 0
      ? []
      : [plural(locale, hidden.length, '{count} hidden by the cloud', '{count} hidden by the cloud')]),
  ].join(' · ');
  const full = dateIn(key, { ...locale, timeZone: 'UTC' }, { dateStyle: 'full' });
  return {
    kind: key === today ? 'today' : 'day',
    key,
    label,
    description,
    tooltip: [full],
    icon: hidden.length === 0 ? 'calendar' : 'warning',
    groups: [],
    snapshots,
    ...(hidden.length > 0 && { hidden }),
  };
}

function monthGroup(key: string, groups: readonly Group[], { now, locale }: Reader): Group {
  const year = daysOf(locale)(now).slice(0, 4) === key.slice(0, 4) ? {} : ({ year: 'numeric' } as const);
  const label = dateIn(`${key}-01`, { ...locale, timeZone: 'UTC' }, { month: 'long', ...year });
  const backups = groups.reduce((sum, { snapshots }) => sum + snapshots.length, 0);
  const description = counted(backups, 'backup', 'backups', locale);
  const full = dateIn(`${key}-01`, { ...locale, timeZone: 'UTC' }, { month: 'long', year: 'numeric' });
  return { kind: 'month', key, label, description, tooltip: [full], icon: 'calendar', groups, snapshots: [] };
}

function hiddenGroup(hidden: readonly AlarmBackup[], locale: Locale): Group {
  return {
    kind: 'hidden',
    key: 'hidden',
    label: say(locale, 'Hidden by the cloud'),
    description: counted(hidden.length, 'backup', 'backups', locale),
    tooltip: [hiddenReason(locale)],
    icon: 'warning',
    groups: [],
    snapshots: [],
    hidden,
  };
}

export function hiddenReason(locale: Locale): string {
  return say(locale, 'It is missing in the cloud, so nothing can be restored from it. Show Alarm tells what to do.');
}

/** @param isUnderDay the row stands under its day */
export function hiddenRow({ id, at, device, number }: AlarmBackup, isUnderDay: boolean, reader: Reader): Row {
  const { locale } = reader;
  const named = say(locale, 'Backup {name}', { name: number ?? id.slice(0, 8) });
  return {
    label: at === undefined ? named : isUnderDay ? timeWords(at, locale) : momentWords(at, reader),
    description: [say(locale, 'hidden by the cloud'), device ?? ''].filter(fact => fact !== '').join(' · '),
    tooltip: [
      named,
      ...(device === undefined ? [] : [say(locale, 'Made by {device}', { device })]),
      hiddenReason(locale),
    ],
    icon: 'error',
  };
}

function apartGroup(snapshots: readonly SnapshotEntry[], locale: Locale): Group {
  const label = say(locale, 'Reported by no device');
  const description = counted(snapshots.length, 'backup', 'backups', locale);
  const tooltip = [
    say(locale, 'None of your devices reported these backups.'),
    say(
      locale,
      'They open with your key. Another program made them, or a device that has not finished reporting. They are kept apart and never restored by default.',
    ),
  ];
  return { kind: 'apart', key: 'apart', label, description, tooltip, icon: 'warning', groups: [], snapshots };
}

export interface SnapshotSurroundings {
  /** Several devices back up to this place: each snapshot names its own. */
  readonly isOneOfSeveral: boolean;
  /** The row stands under its day. */
  readonly isUnderDay: boolean;
}

export function snapshotRow(
  entry: SnapshotEntry,
  { isOneOfSeveral, isUnderDay }: SnapshotSurroundings,
  reader: Reader,
): Row {
  const { locale } = reader;
  const facts = [
    // The row is short: where no message is new, what was added says more. The tooltip has both.
    entry.messagesNew === 0 ? '' : newsWords(entry, locale),
    size(entry.bytesAdded, locale),
    entry.verified === true ? say(locale, 'verified') : '',
    isOneOfSeveral ? entry.device : '',
  ];
  return {
    label: isUnderDay ? timeWords(entry.at, locale) : momentWords(entry.at, reader),
    description: facts.filter(fact => fact !== '').join(' · '),
    tooltip: snapshotTooltip(entry, locale),
    icon: entry.announced ? 'history' : 'warning',
  };
}

function snapshotTooltip(entry: SnapshotEntry, locale: Locale): readonly string[] {
  const { at, device, number, verified, files, sizeBytes, bytesAdded, messagesNew } = entry;
  return [
    dateIn(at, locale, { dateStyle: 'full', timeStyle: 'short' }),
    number === undefined
      ? say(locale, 'Made by {device}', { device })
      : say(locale, 'Backup number {number} of {device}', { number, device }),
    messagesNew !== undefined || newsWords(entry, locale) === ''
      ? newMessagesWords(entry, locale)
      : say(locale, 'New messages were not counted'),
    say(locale, '{files}, {size} in all; {added} added', {
      files: counted(files, 'file', 'files', locale),
      size: size(sizeBytes, locale),
      added: size(bytesAdded, locale),
    }),
    verified === true
      ? say(locale, 'Verified when it was made')
      : verified === false
        ? say(locale, 'Not all of it was verified when it was made')
        : say(locale, 'Whether it was verified is not known here'),
    entry.keptUntil === undefined
      ? ''
      : say(locale, 'Kept until {day}', { day: dateIn(entry.keptUntil, locale, { dateStyle: 'long' }) }),
    entry.announced ? '' : say(locale, 'None of your devices reported it.'),
    entry.standing === 'replayed' ? say(locale, 'It was forgotten, and came back in the cloud.') : '',
  ].filter(line => line !== '');
}

/** Of plain folders nobody expects messages. */
function newsWords({ messagesNew, sources }: SnapshotEntry, locale: Locale): string {
  if (messagesNew !== undefined) return counted(messagesNew, 'new message', 'new messages', locale);
  return sources.every(isPlainFolder) ? '' : say(locale, 'messages not counted');
}

/** Ids are the profile and a random end. */
function isPlainFolder(source: string): boolean {
  return source.startsWith('generic-');
}

const profileIcons: { readonly [profile: string]: string } = {
  generic: 'folder-opened',
  'claude-code': 'terminal',
  'codex-cli': 'terminal',
  cursor: 'terminal',
  'vscode-copilot': 'terminal',
};

export function sourceRow(source: SnapshotSource, locale: Locale): Row {
  const { label, profile, messages, conversations, sizeBytes, files, root, isCarried, verified } = source;
  const bytes = size(sizeBytes, locale);
  const told = messages === undefined ? '' : counted(messages, 'message', 'messages', locale);
  const description =
    told !== '' ? told : profile === 'generic' ? bytes : [say(locale, 'messages not counted'), bytes].join(' · ');
  const tooltip = [
    label,
    root,
    told !== '' && conversations !== undefined
      ? plural(locale, conversations, '{messages} in {count} chat', '{messages} in {count} chats', { messages: told })
      : told,
    say(locale, '{files}, {size}', { files: counted(files, 'file', 'files', locale), size: bytes }),
    isCarried
      ? say(locale, 'Taken over from an older backup, of {moment}', { moment: exactWords(source.capturedAt, locale) })
      : '',
    verified === true ? say(locale, 'Verified') : verified === false ? say(locale, 'Not verified') : '',
  ];
  return {
    label,
    description,
    tooltip: tooltip.filter(line => line !== ''),
    icon: profileIcons[profile] ?? 'comment-discussion',
  };
}

export function entryRow(entry: ListEntry, locale: Locale): Row {
  const { type, sizeBytes, modifiedAt } = entry;
  const name = withoutTurns(entry.name);
  const changed = say(locale, 'Changed {moment}', { moment: exactWords(modifiedAt, locale) });
  if (type === 'dir') return { label: name, description: '', tooltip: [name, changed], icon: 'folder' };
  if (type === 'symlink') {
    const link = say(locale, 'link');
    return { label: name, description: link, tooltip: [name, link, changed], icon: 'file-symlink-file' };
  }
  const bytes = size(sizeBytes, locale);
  const exact = counted(sizeBytes, 'byte', 'bytes', locale);
  return { label: name, description: bytes, tooltip: [name, exact, changed], icon: 'file' };
}

/** The last row of a folder of which not all is shown. */
export function moreRow(shown: number, total: number, locale: Locale): Row {
  const values = { shown: count(shown, locale), total: count(total, locale) };
  const description = say(locale, '{shown} of {total} shown', values);
  return { label: say(locale, 'More…'), description, tooltip: [description], icon: 'ellipsis' };
}

/** `Saturday 21 November 08:12`: the same on every day, for titles. */
export function momentWords(at: string, reader: Reader): string {
  const { locale } = reader;
  if (Number.isNaN(Date.parse(at))) return say(locale, 'unknown time');
  const day = dateWords(daysOf(locale)(Date.parse(at)), reader);
  return say(locale, '{day} {time}', { day, time: timeWords(at, locale) });
}

export function timeWords(at: string, locale: Locale): string {
  return dateIn(at, locale, { hour: '2-digit', minute: '2-digit' });
}

/** Weekday and date, with the year when it is another. */
function dateWords(day: string, { now, locale }: Reader): string {
  const year = daysOf(locale)(now).slice(0, 4) === day.slice(0, 4) ? {} : ({ year: 'numeric' } as const);
  const zone = { ...locale, timeZone: 'UTC' };
  return dateIn(day, zone, { weekday: 'long', day: 'numeric', month: 'long', ...year });
}

function exactWords(at: string, locale: Locale): string {
  return dateIn(at, locale, { dateStyle: 'medium', timeStyle: 'short' });
}

function dateIn(
  at: string,
  { locale = 'en-GB', timeZone, ...rest }: Locale,
  options: Intl.DateTimeFormatOptions,
): string {
  const then = Date.parse(at);
  if (Number.isNaN(then)) return say(rest, 'unknown time');
  return new Intl.DateTimeFormat(locale, { ...options, timeZone }).format(then);
}

/** From milliseconds since 1970 to `2026-11-23` on the reader's calendar. */
function daysOf({ timeZone }: Locale): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone });
  return at => (Number.isNaN(at) ? '0000-00-00' : format.format(at));
}

function dayBefore(day: string, days: number): string {
  return new Date(Date.parse(day) - days * dayMs).toISOString().slice(0, 10);
}
