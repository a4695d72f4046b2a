import test from 'ava';
import {
  entryRow,
  groupsOf,
  hiddenIn,
  hiddenRow,
  momentWords,
  moreRow,
  snapshotRow,
  sourceRow,
} from '../../extension/snapshots/rows.ts';
import type { SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import { alarmOf } from '../support/alarms.ts';

const reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };

const entry = (at: string, changes: Partial<SnapshotEntry> = {}): SnapshotEntry => ({
  id: 'a1b2c3d4'.repeat(8),
  at,
  device: 'Laptop',
  sources: ['whatsapp-android-abcd2345'],
  files: 1204,
  sizeBytes: 4_100_000_000,
  bytesAdded: 11_000_000,
  announced: true,
  ...changes,
});

const shape = (entries: readonly SnapshotEntry[], now = reader) =>
  groupsOf(entries, now).map(({ key, label, description, groups }) => [key, label, description, groups.length]);

test('backups are grouped by day, and by month when the month and a week are over', t => {
  const times = [
    '2026-11-23T08:55:00Z',
    '2026-11-23T00:00:00Z',
    '2026-11-22T23:59:59Z',
    '2026-11-21T08:12:00Z',
    '2026-11-01T08:12:00Z',
    '2026-10-31T08:12:00Z',
    '2026-10-31T07:12:00Z',
    '2026-10-02T08:12:00Z',
    '2025-12-24T08:12:00Z',
  ];
  t.deepEqual(shape(times.map(at => entry(at))), [
    ['2026-11-23', 'Today', '2 backups', 0],
    ['2026-11-22', 'Yesterday', '1 backup', 0],
    ['2026-11-21', 'Saturday 21 November', '1 backup', 0],
    ['2026-11-01', 'Sunday 1 November', '1 backup', 0],
    ['2026-10', 'October', '3 backups', 2],
    ['2025-12', 'December 2025', '1 backup', 1],
  ]);
  const [october] = groupsOf(
    times.map(at => entry(at)),
    reader,
  ).filter(({ kind }) => kind === 'month');
  t.deepEqual(
    october?.groups.map(({ key, label, snapshots }) => [key, label, snapshots.length]),
    [
      ['2026-10-31', 'Saturday 31 October', 2],
      ['2026-10-02', 'Friday 2 October', 1],
    ],
  );
});

test('in the first days of a month the week before still stands by day, and keys do not change overnight', t => {
  const times = ['2026-11-30T08:00:00Z', '2026-11-26T08:00:00Z', '2026-11-25T08:00:00Z'].map(at => entry(at));
  const on = (day: string) => ({ ...reader, now: Date.parse(day) });
  t.deepEqual(
    shape(times, on('2026-12-02T09:00:00Z')).map(([key, label]) => `${key} ${label}`),
    ['2026-11-30 Monday 30 November', '2026-11-26 Thursday 26 November', '2026-11 November'],
  );
  t.deepEqual(shape(times.slice(0, 1), on('2026-11-30T09:00:00Z'))[0]?.slice(0, 2), ['2026-11-30', 'Today']);
  t.deepEqual(shape(times.slice(0, 1), on('2026-12-01T09:00:00Z'))[0]?.slice(0, 2), ['2026-11-30', 'Yesterday']);
});

test('days are those of the reader’s time zone, also when a day has 25 hours', t => {
  const zurich = (now: string) => ({ now: Date.parse(now), locale: { locale: 'en-GB', timeZone: 'Europe/Zurich' } });
  const at = '2026-10-24T12:00:00Z';
  t.deepEqual(shape([entry(at)], zurich('2026-10-25T22:59:00Z'))[0]?.[1], 'Yesterday');
  t.deepEqual(shape([entry('2026-11-22T23:30:00Z')], zurich('2026-11-23T09:00:00Z'))[0]?.[1], 'Today');
});

test('what no device reported stands apart, last, with the reason', t => {
  const groups = groupsOf([entry('2026-11-23T08:55:00Z', { announced: false }), entry('2026-11-22T08:55:00Z')], reader);
  t.deepEqual(
    groups.map(({ kind, label, icon }) => [kind, label, icon]),
    [
      ['day', 'Yesterday', 'calendar'],
      ['apart', 'Reported by no device', 'warning'],
    ],
  );
  t.regex(groups[1]?.tooltip.join(' ') ?? '', /never restored by default/);
  t.is(
    snapshotRow(
      entry('2026-11-23T08:55:00Z', { announced: false }),
      { isOneOfSeveral: false, isUnderDay: false },
      reader,
    ).label,
    'Monday 23 November 08:55',
  );
});

test('what the cloud hides stands at its day, and apart where the day is not known', t => {
  const hidden = [
    { id: 'aa'.repeat(32), at: '2026-11-23T08:00:00Z', number: 411, device: 'Laptop' },
    { id: 'bb'.repeat(32), at: '2026-11-21T08:12:00Z' },
    { id: 'cc'.repeat(32) },
  ];
  const groups = groupsOf([entry('2026-11-23T08:55:00Z'), entry('2026-11-22T08:55:00Z')], reader, hidden);
  t.deepEqual(
    groups.map(({ label, description, icon }) => [label, description, icon]),
    [
      ['Today', '1 backup · 1 hidden by the cloud', 'warning'],
      ['Yesterday', '1 backup', 'calendar'],
      ['Saturday 21 November', '1 hidden by the cloud', 'warning'],
      ['Hidden by the cloud', '1 backup', 'warning'],
    ],
  );
  t.like(hiddenRow(hidden[0] ?? { id: '' }, true, reader), {
    label: '08:00',
    description: 'hidden by the cloud · Laptop',
    icon: 'error',
  });
  const known = entry('2026-11-23T08:55:00Z');
  t.is(
    groupsOf([known], reader, [{ id: known.id, at: known.at }])[0]?.snapshots.length,
    0,
    'hidden, and not there too',
  );
});

test('until when a backup is kept is told where that is known', t => {
  const tooltip = (changes: Partial<SnapshotEntry>) =>
    snapshotRow(entry('2026-11-23T08:55:00Z', changes), { isOneOfSeveral: false, isUnderDay: true }, reader).tooltip;
  t.true(tooltip({ keptUntil: '2026-12-24T08:55:00Z' }).includes('Kept until 24 December 2026'));
  t.false(tooltip({}).some(line => line.startsWith('Kept')));
});

test('hidden are the backups of alarms that tell of missing ones, each once', t => {
  const one = { id: 'aa'.repeat(32) };
  const alarms = [
    alarmOf('E_WITHHELD', { backups: [one] }),
    alarmOf('E_ROLLBACK', { backups: [one, { id: 'bb'.repeat(32) }] }),
    alarmOf('E_FOREIGN_SNAPSHOT', { backups: [{ id: 'cc'.repeat(32) }] }),
  ];
  t.deepEqual(
    hiddenIn(alarms).map(({ id }) => id.slice(0, 2)),
    ['aa', 'bb'],
  );
});

test('a year of backups every quarter of an hour is grouped whole', t => {
  const entries = Array.from({ length: 35_000 }, (_, index) =>
    entry(new Date(reader.now - index * 900_000).toISOString()),
  );
  const groups = groupsOf(entries, reader);
  const sum = groups.reduce(
    (all, { snapshots, groups: days }) =>
      all + snapshots.length + days.reduce((each, day) => each + day.snapshots.length, 0),
    0,
  );
  t.is(sum, entries.length);
  t.is(new Set(groups.map(({ key }) => key)).size, groups.length);
});

const describe = (changes: Partial<SnapshotEntry>, isOneOfSeveral = false) =>
  snapshotRow(entry('2026-11-23T08:55:00Z', changes), { isOneOfSeveral, isUnderDay: true }, reader).description;

test('a snapshot tells new messages, size, and whether it was verified; what was not counted is no zero', t => {
  t.is(describe({ messagesNew: 212 }), '212 new messages · 11 MB');
  t.is(describe({ messagesNew: 1, verified: true }), '1 new message · 11 MB · verified');
  t.is(describe({ messagesNew: 0, verified: false }), '11 MB');
  t.is(describe({}), 'messages not counted · 11 MB');
  t.is(describe({ sources: ['generic-abcd2345'] }), '11 MB');
  t.is(describe({ messagesNew: 19 }, true), '19 new messages · 11 MB · Laptop');
});

test('the tooltip of a snapshot tells everything, and what is not known as not known', t => {
  const tooltip = (changes: Partial<SnapshotEntry>) =>
    snapshotRow(entry('2026-11-23T08:55:00Z', changes), { isOneOfSeveral: false, isUnderDay: true }, reader).tooltip;
  t.deepEqual(tooltip({ messagesNew: 212, conversationsChanged: 9, verified: true, number: 412 }), [
    'Monday, 23 November 2026 at 08:55',
    'Backup number 412 of Laptop',
    '212 new messages in 9 chats',
    '1,204 files, 4.1 GB in all; 11 MB added',
    'Verified when it was made',
  ]);
  t.deepEqual(tooltip({ announced: false }).slice(1), [
    'Made by Laptop',
    'New messages were not counted',
    '1,204 files, 4.1 GB in all; 11 MB added',
    'Whether it was verified is not known here',
    'None of your devices reported it.',
  ]);
  t.false(
    tooltip({ sources: ['generic-abcd2345'] }).some(line => line.includes('message')),
    'nobody expects any',
  );
});

test('a source tells its messages, and its size where none are counted', t => {
  const source: SnapshotSource = {
    ...{ id: 'whatsapp-android-abcd2345', profile: 'whatsapp-android', label: 'WhatsApp', root: '/home/kim/WhatsApp' },
    ...{ files: 900, sizeBytes: 4_100_000_000, capturedAt: '2026-11-23T08:55:00Z', isCarried: false },
  };
  const row = sourceRow({ ...source, messages: 41_208, conversations: 128, verified: true }, reader.locale);
  t.deepEqual([row.label, row.description, row.icon], ['WhatsApp', '41,208 messages', 'comment-discussion']);
  t.deepEqual(row.tooltip, [
    'WhatsApp',
    '/home/kim/WhatsApp',
    '41,208 messages in 128 chats',
    '900 files, 4.1 GB',
    'Verified',
  ]);
  t.is(sourceRow(source, reader.locale).description, 'messages not counted · 4.1 GB');
  const folder = sourceRow({ ...source, profile: 'generic', isCarried: true }, reader.locale);
  t.deepEqual([folder.description, folder.icon], ['4.1 GB', 'folder-opened']);
  t.regex(folder.tooltip.join('\n'), /Taken over from an older backup, of 23 Nov 2026, 08:55/);
});

test('files tell their size, folders and links what they are', t => {
  const file = {
    name: 'note.txt',
    type: 'file',
    sizeBytes: 1234,
    modifiedAt: '2026-11-22T08:50:00Z',
    permissions: 0o600,
  } as const;
  t.like(entryRow(file, reader.locale), { label: 'note.txt', description: '1.2 kB', icon: 'file' });
  t.deepEqual(entryRow(file, reader.locale).tooltip, ['note.txt', '1,234 bytes', 'Changed 22 Nov 2026, 08:50']);
  t.is(entryRow({ ...file, name: 'a\u202etxt.exe' }, reader.locale).label, 'a\\u{202e}txt.exe');
  t.like(entryRow({ ...file, type: 'dir' }, reader.locale), { description: '', icon: 'folder' });
  t.like(entryRow({ ...file, type: 'symlink' }, reader.locale), { description: 'link' });
  t.like(moreRow(500, 12_340, reader.locale), { label: 'More…', description: '500 of 12,340 shown' });
});

test('titles name the day in full, whatever day it is today', t => {
  t.is(momentWords('2026-11-21T08:12:00Z', reader), 'Saturday 21 November 08:12');
  t.is(momentWords('2025-11-21T08:12:00Z', reader), 'Friday, 21 November 2025 08:12');
  t.is(momentWords('never', reader), 'unknown time');
});
