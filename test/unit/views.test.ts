import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  dayOf,
  type Known,
  offeredCommands,
  type Reader,
  stateOf,
  statusBar,
  statusRows,
} from '../../extension/views.ts';
import type { Status } from '../../protocol/status.ts';

const reader: Reader = { now: Date.parse('2026-11-23T09:00:00Z'), locale: { locale: 'en-GB', timeZone: 'UTC' } };

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

const alarm = { code: 'E_ROLLBACK', since: '2026-11-23T08:00:00Z', detail: '' } as const;
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
  const [row] = statusRows(connected(status), reader);
  t.like(row, { icon: 'warning', label: 'No good backup', description: 'for 9 days', command: 'signet.backUpNow' });
  const locked = connected({ ...status, vault: 'locked' });
  t.deepEqual(
    statusBar(locked, reader).offers.map(({ title }) => title),
    ['Unlock…'],
  );
  t.is(statusRows(locked, reader)[0]?.command, 'signet.unlock');
});

test('a pause stands where the next backup would', t => {
  const rows = statusRows(connected({ pausedUntil: '2026-11-24T09:00:00Z', nextRun: '2026-11-24T03:30:00Z' }), reader);
  t.deepEqual(
    rows.filter(({ label }) => ['Paused', 'Next backup'].includes(label)).map(({ description }) => description),
    ['until tomorrow at 09:00'],
  );
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
    contributes: { commands: { command: string }[]; configuration: { properties: Record<string, { scope: string }> } };
  };
  const contributed = contributes.commands.map(({ command }) => command);
  for (const command of offeredCommands) t.true(contributed.includes(command), command);
  for (const [name, { scope }] of Object.entries(contributes.configuration.properties)) {
    t.is(scope, 'machine', `${name}: a folder's own settings must not reach it`);
  }
});

test('the tree tells facts, and nothing before there are any', t => {
  t.deepEqual(statusRows({ kind: 'starting' }, reader), []);
  t.deepEqual(statusRows(connected({ vault: 'absent' }), reader), []);
  const rows = statusRows(connected(), reader).map(({ label, description }) => [label, description]);
  t.deepEqual(rows, [
    ['All backed up', ''],
    ['Last good backup', '5 minutes ago'],
    ['Newest backup', '3 files · 1.2 MB'],
    ['The folder Backup', '3 backups · 103 MB'],
    ['End-to-end encrypted', 'unlocked'],
    ['Chats', '1 place'],
  ]);
});

test('a file that could not be read is named, and the state is not green', t => {
  const filesUnreadable = [{ path: 'whatsapp-aaaaaaaa/Media/holiday.mp4', reason: 'permission denied' }];
  const lastBackup = good.lastBackup === null ? null : { ...good.lastBackup, filesUnreadable };
  const rows = statusRows(connected({ lastBackup }), reader);
  t.is(rows[0]?.color, 'charts.yellow');
  const named = rows.flatMap(row => row.children ?? []).map(({ label }) => label);
  t.true(named.includes('whatsapp-aaaaaaaa/Media/holiday.mp4'));
});

test('a source that was not verified says so', t => {
  const sources = good.sources.map(source => ({ ...source, verified: false }));
  const chats = statusRows(connected({ sources }), reader).find(({ label }) => label === 'Chats');
  t.is(chats?.children?.[0]?.description, 'not verified · 41,208 messages');
});

test('new messages have a row of their own where they are counted', t => {
  const rowOf = (news: { readonly messagesNew?: number; readonly conversationsChanged?: number }) => {
    const lastBackup = good.lastBackup && { ...good.lastBackup, ...news };
    return statusRows(connected({ lastBackup }), reader).find(({ label }) => label === 'New messages')?.description;
  };
  t.is(rowOf({ messagesNew: 1212, conversationsChanged: 9 }), '1,212 in 9 chats');
  t.is(rowOf({ messagesNew: 1 }), '1');
  t.is(rowOf({ messagesNew: 0, conversationsChanged: 0 }), undefined);
  t.is(rowOf({}), undefined);
});

test('a source that is held back says why', t => {
  const sources = good.sources.map(source => ({ ...source, verified: true, problem: 'shrunk' }));
  const chats = statusRows(connected({ sources }), reader).find(({ label }) => label === 'Chats');
  t.like(chats?.children?.[0], { icon: 'warning', description: 'shrank · 41,208 messages' });
});

test('days have the names people give them', t => {
  t.is(dayOf('2026-11-23T00:00:01Z', reader), 'Today');
  t.is(dayOf('2026-11-22T23:59:59Z', reader), 'Yesterday');
  t.is(dayOf('2026-11-21T12:00:00Z', reader), 'Saturday, 21 November 2026');
});
