import { readFileSync } from 'node:fs';
import test from 'ava';
import type { Row } from '../../extension/rows.ts';
import { statusRows } from '../../extension/status-rows.ts';
import {
  contextOf,
  dayOf,
  type Known,
  nextChangeMs,
  offeredCommands,
  type Reader,
  stateOf,
  statusBar,
} from '../../extension/views.ts';
import { say } from '../../protocol/formats.ts';
import type { Status } from '../../protocol/status.ts';
import { alarmOf } from '../support/alarms.ts';

const reader: Reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };
const bundle = JSON.parse(
  readFileSync(new URL('../../extension/l10n/bundle.l10n.de.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, string>>;
const germanReader: Reader = {
  ...reader,
  locale: { locale: 'de', timeZone: 'UTC', translate: (text, values) => say({}, bundle[text] ?? text, values) },
};

const good: Status = {
  protocolVersion: 1,
  daemonVersion: '0.1.0',
  vault: 'unlocked',
  keychain: 'memory-only',
  keychainBackend: null,
  overdue: null,
  pausedUntil: null,
  notices: [],
  mirrors: [],
  job: null,
  lastBackup: {
    snapshot: 'ab'.repeat(32),
    at: '2026-11-23T08:55:00Z',
    durationMs: 900,
    filesNew: 2,
    filesChanged: 1,
    bytesRead: 5_000_000,
    bytesAdded: 1_200_000,
    reason: 'change',
    filesUnreadable: [],
    notVerified: [],
  },
  lastGoodAt: '2026-11-23T08:55:00Z',
  lastError: null,
  waiting: null,
  nextRun: null,
  schedule: { kind: 'manual', at: '03:30', onChange: true },
  sources: [
    {
      id: 'whatsapp-aaaaaaaa',
      profile: 'whatsapp-android',
      label: 'WhatsApp',
      capturedAt: '2026-11-23T08:55:00Z',
      root: '/chats',
      verified: true,
      messages: 41_208,
    },
  ],
  remote: { kind: 'folder', label: 'the folder Backup', reachable: true },
  repository: { id: 'cd'.repeat(32), snapshots: 3, sizeBytes: 103_000_000 },
  device: { id: '0011223344556677', label: 'Laptop' },
  phoneEnding: '23',
  alarms: [],
};

const connected = (change: Partial<Status> = {}): Known => ({ kind: 'connected', status: { ...good, ...change } });

const job = {
  kind: 'backup',
  phase: 'storing',
  filesDone: 1,
  filesTotal: 2,
  bytesDone: 43,
  bytesTotal: 100,
  bytesUploaded: 0,
  cancellable: true,
} as const;

const alarm = alarmOf('E_ROLLBACK', { since: '2026-11-23T08:00:00Z', detail: '' });
const overdue = { since: '2026-11-15T03:30:00Z', cause: 'offline' } as const;
const failed = { code: 'E_REMOTE_FULL', params: {}, retryable: false, at: '2026-11-23T08:58:00Z' } as const;

test('one state is shown at a time, the worst first', t => {
  const states: readonly (readonly [Known, ReturnType<typeof stateOf>])[] = [
    [{ kind: 'starting' }, 'starting'],
    [{ kind: 'notRunning', reason: '' }, 'not running'],
    [connected({ alarms: [alarm], vault: 'locked', job, lastError: failed }), 'alarm'],
    [connected({ vault: 'absent', job }), 'not set up'],
    [connected({ job, vault: 'locked', lastError: failed }), 'running'],
    [connected({ overdue, vault: 'locked', lastError: failed }), 'overdue'],
    [connected({ vault: 'locked', lastError: failed }), 'locked'],
    [connected({ lastError: failed }), 'needs you'],
    [connected(), 'good'],
  ];
  for (const [known, state] of states) t.is(stateOf(known, reader), state);
});

test('the status bar offers what fits the state', t => {
  const offersOf = (known: Known) => statusBar(known, reader).offers.map(({ title }) => title);
  t.deepEqual(offersOf(connected({ vault: 'absent' })), ['Set Up Backup…']);
  t.deepEqual(offersOf(connected({ vault: 'locked' })), ['Unlock…']);
  t.deepEqual(offersOf(connected({ job })), ['Cancel']);
  t.deepEqual(offersOf(connected()), ['Back Up Now', 'Restore…']);
  t.is(statusBar(connected({ job }), reader).text, '$(sync~spin) Signet 43%');
  t.is(statusBar(connected({ vault: 'locked' }), reader).command, 'signet.unlock');
});

test('overdue colours the status bar, counts in the tree, and offers what helps', t => {
  const status = { overdue, lastGoodAt: '2026-11-14T03:31:00Z' };
  t.like(statusBar(connected(status), reader), { text: '$(warning) Signet: 9 Days Old', background: 'warning' });
  const { rows, toActOn } = statusRows(connected(status), reader);
  t.like(rows[0], { icon: 'warning', label: 'No good backup', description: 'for 9 days', action: 'backUpNow' });
  t.is(toActOn, 1);
  const locked = connected({ ...status, vault: 'locked' });
  t.deepEqual(
    statusBar(locked, reader).offers.map(({ title }) => title),
    ['Unlock…'],
  );
  t.is(statusRows(locked, reader).rows[0]?.action, 'unlock');
});

test('a pause stands where the next backup would', t => {
  const known = connected({ pausedUntil: '2026-11-24T09:00:00Z', nextRun: '2026-11-24T03:30:00Z' });
  t.deepEqual(
    statusRows(known, reader)
      .rows.filter(({ label }) => ['Paused', 'Next backup'].includes(label))
      .map(({ description }) => description),
    ['until tomorrow at 09:00'],
  );
});

test('the next backup is told by what it waits for, or by its time', t => {
  const nextRun = '2026-11-24T03:30:00Z';
  const next = (waiting: Status['waiting'], more: Partial<Status> = {}) =>
    statusRows(connected({ nextRun, waiting, ...more }), reader).rows.find(({ id }) => id === 'next')?.description;
  t.is(next(null), 'tomorrow at 03:30');
  t.is(next({ reason: 'locked', changes: 3 }, { vault: 'locked' }), 'once unlocked');
  t.is(next({ reason: 'quiet', changes: 1, until: '2026-11-23T09:01:00Z' }), 'once apps are quiet');
  t.is(next({ reason: 'retry', changes: 1, until: '2026-11-23T09:10:00Z' }), '09:10');
  t.is(next(null, { nextRun: null }), undefined);
});

test('a click opens the panel, asks for the password while locked, and shows the alarm that stands', t => {
  t.is(statusBar(connected({ vault: 'locked' }), reader).command, 'signet.unlock');
  t.is(statusBar(connected({ alarms: [alarm] }), reader).command, 'signet.showAlarm');
  const others: readonly Known[] = [
    { kind: 'starting' },
    { kind: 'notRunning', reason: '' },
    connected({ vault: 'absent' }),
    connected({ overdue, vault: 'locked' }),
    connected(),
  ];
  for (const known of others) t.is(statusBar(known, reader).command, 'signet.openStatus');
});

test('what a screen reader is told of a job changes with each tenth', t => {
  const tenthAt = (bytesDone: number) => statusBar(connected({ job: { ...job, bytesDone } }), reader).tenth;
  t.deepEqual([0, 9, 10, 43, 49, 50, 100].map(tenthAt), [0, 0, 1, 4, 4, 5, 10]);
  t.is(statusBar(connected(), reader).tenth, undefined);
});

test('a newer background part is not called stopped, and offers the update alone', t => {
  const known: Known = { kind: 'notRunning', reason: 'no matter', isNewer: true };
  const shown = statusBar(known, reader);
  t.regex(shown.text, /Update/);
  t.regex(shown.tooltip.join(' '), /backups go on/);
  t.notRegex(shown.tooltip.join(' '), /not running/);
  t.deepEqual(
    shown.offers.map(({ title }) => title),
    ['Update'],
  );
  t.true(contextOf(known, reader)['isNewer']);
});

test('what tells of time is drawn anew when its words change, and not before', t => {
  const { now } = reader;
  const lastGoodAt = new Date(now - 5 * 60_000 - 20_000).toISOString();
  const quiet = { lastBackup: null, lastGoodAt, nextRun: null };
  t.is(nextChangeMs(connected(quiet), now), 40_000, 'the sixth minute');
  const yesterday = nextChangeMs(connected({ ...quiet, lastGoodAt: '2026-11-22T08:00:00Z' }), now) ?? 0;
  t.is(new Date(now + yesterday).getHours(), 0, 'at midnight');
  t.is(nextChangeMs(connected({ ...quiet, lastGoodAt: null }), now), undefined);
  t.is(nextChangeMs({ kind: 'starting' }, now), undefined);
});

test('nothing milder colours the status bar', t => {
  t.is(statusBar(connected({ alarms: [alarm] }), reader).background, 'error');
  for (const known of [connected(), connected({ vault: 'locked' }), connected({ lastError: failed })]) {
    t.is(statusBar(known, reader).background, undefined);
  }
});

test('the reason why the background part could not be started is told', t => {
  t.true(
    statusBar({ kind: 'notRunning', reason: 'No Node was found.' }, reader).tooltip.includes('No Node was found.'),
  );
});

test('every command that is offered is contributed by the manifest', t => {
  const { contributes } = JSON.parse(
    readFileSync(new URL('../../extension/manifest.json', import.meta.url), 'utf8'),
  ) as {
    contributes: {
      commands: { command: string }[];
      configuration: { properties: Record<string, { scope: string }> }[];
    };
  };
  const contributed = contributes.commands.map(({ command }) => command);
  for (const command of offeredCommands(reader)) t.true(contributed.includes(command), command);
  for (const [name, { scope }] of contributes.configuration.flatMap(({ properties }) => Object.entries(properties))) {
    t.true(['machine', 'application'].includes(scope), `${name}: a folder's own settings must not reach it`);
  }
});

const cloud = {
  remote: {
    kind: 'drive',
    label: 'Google Drive',
    reachable: true,
    account: 'kim@example.org',
    quota: { limit: 15_000_000_000, used: 9_500_000_000 },
  },
  nextRun: '2026-11-24T03:30:00Z',
  lastVerified: { at: '2026-11-19T10:00:00Z', bytesRead: 31_000_000, problems: 0 },
  devices: [
    { id: 'a', label: 'Laptop', isThis: true, number: 412, at: '2026-11-23T08:55:00Z' },
    { id: 'b', label: 'Studio', isThis: false, number: 90, at: '2026-11-23T07:00:00Z' },
  ],
} as const satisfies Partial<Status>;

const told = (rows: readonly Row[]) => rows.map(({ label, description }) => [label, description]);

test('the tree tells facts, and nothing before there are any', t => {
  t.deepEqual(statusRows({ kind: 'starting' }, reader).rows, []);
  t.deepEqual(statusRows({ kind: 'notRunning', reason: '' }, reader).rows, []);
  t.deepEqual(statusRows(connected({ vault: 'absent' }), reader).rows, []);
  t.deepEqual(told(statusRows(connected(), reader).rows), [
    ['All backed up', '5 minutes ago'],
    ['Newest backup', '3 files · 1.2 MB'],
    ['The folder Backup', '3 backups'],
    ['End-to-end encrypted', 'unlocked'],
    ['Chats', '1 app'],
  ]);
});

test('place, next backup, verification and computers have rows where they are known', t => {
  const lastBackup =
    good.lastBackup === null ? null : { ...good.lastBackup, messagesNew: 212, conversationsChanged: 9 };
  const { rows, toActOn } = statusRows(connected({ ...cloud, lastBackup }), reader);
  t.deepEqual(told(rows), [
    ['All backed up', '5 minutes ago'],
    ['New messages', '212 in 9 chats'],
    ['Next backup', 'tomorrow at 03:30'],
    ['Google Drive', '5.5 GB free of 15 GB'],
    ['End-to-end encrypted', 'unlocked'],
    ['Verified', '19 November'],
    ['Devices', '2'],
    ['Chats', '1 app'],
  ]);
  t.is(toActOn, 0);
  const devices = rows.find(({ id }) => id === 'devices')?.children ?? [];
  t.deepEqual(told(devices), [
    ['This computer', '5 minutes ago'],
    ['Studio', '07:00'],
  ]);
});

test('rows to act on come first, and all of them are counted', t => {
  const filesUnreadable = [{ path: 'whatsapp-aaaaaaaa/Media/holiday.mp4', reason: 'permission denied' }];
  const known = connected({
    ...cloud,
    lastBackup: good.lastBackup === null ? null : { ...good.lastBackup, filesUnreadable },
    devices: [...cloud.devices, { id: 'c', label: 'Attic', isThis: false, number: 7, at: '2026-11-14T08:00:00Z' }],
    notices: [
      {
        id: 'shrunk whatsapp',
        kind: 'shrunk',
        since: '2026-11-23T08:00:00Z',
        source: 'whatsapp-aaaaaaaa',
        params: { app: 'WhatsApp', of: 'messages', count: 950 },
      },
    ],
  });
  const { rows, toActOn } = statusRows(known, reader);
  t.deepEqual(told(rows.slice(0, 4)), [
    ['Backed up, except 1 file', ''],
    ['WhatsApp shrank', 'by 950 messages'],
    ['1 file not read', ''],
    ['Attic is silent', 'for 9 days'],
  ]);
  t.is(rows[0]?.color, 'charts.yellow');
  t.is(toActOn, 3);
  t.like(rows[1], { action: 'acceptSource', source: 'whatsapp-aaaaaaaa' });
  t.is(rows[2]?.children?.[0]?.label, 'holiday.mp4');
  t.is(rows[4]?.label, 'Last good backup');
});

test('a computer that fell silent long ago is not asked about for ever', t => {
  const devices = [{ id: 'c', label: 'Attic', isThis: false, number: 7, at: '2026-05-14T08:00:00Z' }];
  t.is(statusRows(connected({ devices }), reader).toActOn, 0);
});

test('every state has its first row, with the last good backup below it', t => {
  const states: readonly (readonly [Partial<Status>, string, string])[] = [
    [{ alarms: [alarm] }, 'Backups are hidden', 'show what to do'],
    [{ job }, 'Backing up', '43%'],
    [{ vault: 'locked' }, 'Locked', 'unlock'],
    [{ lastError: { ...failed, code: 'E_SIGN_IN' }, remote: cloud.remote }, 'Google Drive', 'sign in again'],
    [{ lastError: failed, remote: cloud.remote }, 'Google Drive', 'full'],
    [{ lastError: { ...failed, code: 'E_DISK_FULL' } }, "This computer's disk", 'full'],
  ];
  for (const [change, label, description] of states) {
    const { rows } = statusRows(connected(change), reader);
    t.like(rows[0], { label, description });
    t.is(rows[1]?.label, 'Last good backup', label);
  }
});

test('a row fits the side bar, whatever things are called', t => {
  const label = 'the folder Backup of everything on the NAS in the attic';
  const named = { ...good.sources[0], label: 'Signal Desktop (an older profile)', verified: false, sizeBytes: 3e8 };
  const sources = good.sources.map(source => ({ ...source, ...named }));
  const long = { label, kind: 'folder', reachable: true } as const;
  const signedOut = { ...failed, code: 'E_SIGN_IN' } as const;
  for (const change of [
    { ...cloud, remote: { ...cloud.remote, label }, sources },
    { ...cloud, remote: long, sources, lastError: signedOut },
    { ...cloud, remote: { ...long, reachable: false }, vault: 'locked' as const },
  ]) {
    const rows = [reader, germanReader].flatMap(each =>
      statusRows(connected(change), each).rows.filter(({ id }) => id !== 'state' || 'lastError' in change),
    );
    for (const row of [...rows, ...rows.flatMap(({ children = [] }) => children)]) {
      t.true(row.label.length + row.description.length <= 34, `${row.label} ${row.description}`);
      t.not(row.label, '');
    }
  }
});

test('how many backups are hidden is told in the tree and in the status bar, whoever made them', t => {
  const hidden = { ...alarm, params: { count: 2, device: 'Studio' } };
  const foreign = alarmOf('E_FOREIGN_SNAPSHOT', { id: 'ff00ff00ff00ff00', params: { count: 3 } });
  const known = connected({ alarms: [hidden, foreign] });
  const { rows, toActOn } = statusRows(known, reader);
  t.deepEqual(told(rows.slice(0, 2)), [
    ['2 backups are hidden', 'show'],
    ['3 unknown backups', 'show what to do'],
  ]);
  t.is(toActOn, 2);
  t.deepEqual(
    rows.slice(0, 2).map(({ action, alarm: id }) => [action, id]),
    [
      ['showAlarm', hidden.id],
      ['showAlarm', 'ff00ff00ff00ff00'],
    ],
  );
  const { text, tooltip } = statusBar(known, reader);
  t.is(text, '$(error) Signet: Backups Missing');
  t.is(tooltip[0], 'The cloud is hiding 2 backups that Studio made');
});

test('the tree tells the day of the last good trial restore, and that the newest failed', t => {
  const drill = { snapshot: 'ab'.repeat(32), files: 41, bytes: 31_000_000, databases: 5 };
  const row = (change: Partial<Status>) =>
    told(statusRows(connected(change), reader).rows.filter(({ id }) => id === 'proven'));
  const failed = { ...drill, at: '2026-11-22T02:40:00Z', ok: false } as const;
  t.deepEqual(row({ lastDrill: { ...drill, at: '2026-11-19T02:40:00Z', ok: true } }), [
    ['Proven restorable', '19 November'],
  ]);
  t.deepEqual(row({ lastDrill: failed }), [['Trial restore', 'failed']]);
  const notices = [{ id: 'd', kind: 'drill-failed', since: failed.at, params: { app: 'WhatsApp' } }] as const;
  t.deepEqual(row({ lastDrill: failed, notices }), [], 'its notice has a row');
  t.deepEqual(row({ lastDrill: { ...failed, provenAt: '2026-11-19T02:40:00Z' }, notices }), [
    ['Proven restorable', '19 November'],
  ]);
});

test('a source that was not verified says so', t => {
  const sources = good.sources.map(source => ({ ...source, verified: false, sizeBytes: 310_000_000 }));
  const chats = statusRows(connected({ sources }), reader).rows.find(({ id }) => id === 'chats')?.children ?? [];
  t.deepEqual(told(chats), [['WhatsApp', 'not verified · 310 MB']]);
  t.is(chats[0]?.color, 'charts.yellow');
});

test('a source that is held back says why, and can be taken as it is', t => {
  const sources = good.sources.map(source => ({ ...source, problem: 'shrunk' }));
  const chats = statusRows(connected({ sources }), reader).rows.find(({ id }) => id === 'chats')?.children ?? [];
  t.like(chats[0], { description: 'shrank', action: 'acceptSource', source: 'whatsapp-aaaaaaaa' });
});

test('days have the names people give them', t => {
  t.is(dayOf('2026-11-23T00:00:01Z', reader), 'Today');
  t.is(dayOf('2026-11-22T23:59:59Z', reader), 'Yesterday');
  t.is(dayOf('2026-11-21T12:00:00Z', reader), 'Saturday, 21 November 2026');
});
