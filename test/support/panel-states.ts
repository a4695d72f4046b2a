// One person's Signet in every state that the Status panel has, on one morning: what the daemon would say, and the panel made of it.

import { type Asked, panelModel } from '../../extension/panel/model.ts';
import type { PanelModel } from '../../extension/panel/panel-model.ts';
import type { Known, Reader } from '../../extension/views.ts';
import type { Translate } from '../../protocol/formats.ts';
import type {
  HistoryDay,
  HistoryRun,
  JobProgress,
  LastDrill,
  PlaceStatus,
  SourceStatus,
  Status,
} from '../../protocol/status.ts';
import { alarmOf } from './alarms.ts';
import { someStatus } from './fake-handlers.ts';

export const morning: Reader = {
  now: Date.parse('2026-11-23T09:00:00Z'),
  locale: { locale: 'en-GB', timeZone: 'UTC' },
};

const mib = 1_000_000;
const gib = 1_000_000_000;

const sources: readonly SourceStatus[] = [
  source('whatsapp-android', 'WhatsApp', {
    messages: 41_208,
    sizeBytes: 4.1 * gib,
    videos: { files: 184, bytes: 2.1 * gib },
  }),
  source('claude-code', 'Claude Code', { messages: 18_940, sizeBytes: 812 * mib }),
  source('telegram-export', 'Telegram Desktop', { messages: 7355, sizeBytes: 1.2 * gib }),
  source('generic', 'Photos and voice notes of the year', { sizeBytes: 64 * mib, capturedAt: '2026-11-22T20:10:00Z' }),
  source('signal-desktop', 'Signal Desktop', { sizeBytes: 310 * mib, opensOnlyHere: true, verified: false }),
];

function source(profile: string, label: string, more: Partial<SourceStatus>): SourceStatus {
  const id = `${profile}-0a1b2c3d`;
  return {
    id,
    profile,
    label,
    root: `/home/sam/${profile}`,
    capturedAt: '2026-11-23T08:55:00Z',
    verified: true,
    ...more,
  };
}

const drilled: LastDrill = {
  at: '2026-11-19T02:40:00Z',
  snapshot: 'ab'.repeat(32),
  ok: true,
  files: 41,
  bytes: 31 * mib,
  databases: 5,
  provenAt: '2026-11-19T02:40:00Z',
};

export const calm: Status = someStatus({
  vault: 'unlocked',
  keychain: 'session',
  keychainBackend: 'keytar',
  schedule: { kind: 'daily', at: '03:30', onChange: true },
  nextRun: '2026-11-24T03:30:00Z',
  lastGoodAt: '2026-11-23T08:55:00Z',
  lastError: null,
  lastBackup: {
    snapshot: 'ab'.repeat(32),
    at: '2026-11-23T08:55:00Z',
    durationMs: 42_000,
    reason: 'change',
    filesNew: 31,
    filesChanged: 4,
    bytesRead: 90 * mib,
    bytesAdded: 11 * mib,
    filesUnreadable: [],
    notVerified: [],
    messagesNew: 212,
    conversationsChanged: 9,
  },
  sources,
  remote: {
    kind: 'drive',
    label: 'Google Drive',
    reachable: true,
    account: 'sam@example.com',
    quota: { limit: 15 * gib, used: 9.5 * gib },
  },
  repository: { id: 'cd'.repeat(32), snapshots: 412, sizeBytes: 6.4 * gib },
  device: { id: '0011223344556677', label: 'Laptop' },
  phoneEnding: '23',
  devices: [
    { id: '0011223344556677', label: 'Laptop', isThis: true, number: 412, at: '2026-11-23T08:55:00Z' },
    { id: '8899aabbccddeeff', label: 'Studio', isThis: false, number: 96, at: '2026-11-23T07:00:00Z' },
  ],
  lastVerified: { at: '2026-11-23T02:14:00Z', bytesRead: 118 * mib, problems: 0 },
  lastDrill: drilled,
  dates: {
    passwordSetAt: '2026-03-12T10:00:00Z',
    passwordConfirmedAt: '2026-11-02T10:00:00Z',
    sheetAt: '2026-03-12T10:05:00Z',
  },
});

/** What nothing is known of yet: an older background part, or one that was not unlocked since it started. */
export const bare: Status = (() => {
  const { devices: _devices, lastVerified: _verified, lastDrill: _drill, dates: _dates, ...rest } = calm;
  return {
    ...rest,
    sources: sources.map(({ id, profile, label, root }) => ({ id, profile, label, root })),
    remote: { kind: 'folder', label: 'the folder Backup on NAS', reachable: null },
    repository: null,
    phoneEnding: null,
  };
})();

export const job: JobProgress = {
  kind: 'backup',
  phase: 'storing',
  filesDone: 40,
  filesTotal: 90,
  bytesDone: 31.4 * mib,
  bytesTotal: 73 * mib,
  bytesUploaded: 31.4 * mib,
  etaSeconds: 120,
  item: 'WhatsApp: photos and videos',
  cancellable: true,
};

const locked = {
  vault: 'locked',
  lastGoodAt: '2026-11-22T21:40:00Z',
  dates: { ...calm.dates, lockedAt: '2026-11-23T08:12:00Z' },
} as const;

const signedOut = {
  remote: { ...calm.remote, kind: 'drive', label: 'Google Drive', reachable: null, signIn: 'needed' },
  lastGoodAt: '2026-11-13T21:40:00Z',
  notices: [{ id: 'signed-out', kind: 'signed-out', since: '2026-11-14T08:00:00Z', params: { place: 'Google Drive' } }],
} as const;

const failure = (code: 'E_REMOTE_FULL' | 'E_DISK_FULL', params: Readonly<Record<string, number>>) =>
  ({ lastError: { code, params, retryable: false, at: '2026-11-23T08:58:00Z' } }) as const;

const connected = (change: Partial<Status> = {}): Known => ({ kind: 'connected', status: { ...calm, ...change } });

const longName = 'holiday-in-the-mountains-with-everyone-we-know-and-then-some-more-of-them-2026-11-21T18-22-31.mp4';

const hidden = alarmOf('E_WITHHELD', {
  since: '2026-11-23T09:00:00Z',
  params: { count: 2 },
  backups: [
    { id: '3f'.repeat(32), at: '2026-11-23T08:55:00Z', number: 412, device: 'Laptop' },
    { id: '7c'.repeat(32), at: '2026-11-21T08:12:00Z', number: 411, device: 'Laptop' },
  ],
  decisions: ['given-up'],
});

const foreign = alarmOf('E_FOREIGN_SNAPSHOT', {
  id: '00000000000000cc',
  since: '2026-11-23T09:00:00Z',
  params: { count: 1 },
  backups: [{ id: '5e'.repeat(32), at: '2026-11-23T08:30:00Z' }],
  decisions: ['adopt'],
});

/** Every state of the panel with its variants. */
export const panelStates = {
  good: connected(),
  'first-due': connected({ lastGoodAt: null, lastBackup: null }),
  partial: connected({
    lastBackup: calm.lastBackup && {
      ...calm.lastBackup,
      filesUnreadable: [
        { path: `whatsapp-android-0a1b2c3d/Media/${longName}`, reason: 'permission' },
        { path: 'claude-code-0a1b2c3d/projects/الصور/محادثة.jsonl', reason: 'io' },
      ],
    },
  }),
  shrunk: connected({
    sources: sources.map((each, index) => (index === 0 ? { ...each, problem: 'shrunk' } : each)),
  }),
  offline: connected({ remote: { ...calm.remote, kind: 'drive', label: 'Google Drive', reachable: false } }),
  running: connected({ job, lastGoodAt: '2026-11-22T21:40:00Z' }),
  waiting: connected({ job: { ...job, waitingUntil: '2026-11-23T09:00:40Z' } }),
  cancelling: connected({ job: { ...job, phase: 'cancelling', cancellable: false } }),
  locked: connected(locked),
  overdue: connected({
    ...signedOut,
    overdue: { since: '2026-11-15T03:30:00Z', cause: 'sign-in', causeSince: '2026-11-14T08:00:00Z' },
  }),
  'signed-out': connected({ ...signedOut, lastGoodAt: '2026-11-22T21:40:00Z' }),
  'cloud-full': connected(failure('E_REMOTE_FULL', { need: 1.2 * gib })),
  'disk-full': connected(failure('E_DISK_FULL', { need: 3 * gib })),
  alarm: connected({ alarms: [hidden] }),
  damage: connected({
    alarms: [
      alarmOf('E_OBJECT_AUTH', {
        id: '00000000000000bb',
        since: '2026-11-23T09:00:00Z',
        params: { bytes: 31 * mib },
        decisions: ['given-up'],
      }),
      foreign,
    ],
  }),
  foreign: connected({ alarms: [foreign, hidden] }),
  'lock-replaced': connected({
    alarms: [
      alarmOf('E_VAULT_CHANGED', {
        id: '00000000000000dd',
        since: '2026-11-23T09:00:00Z',
        decisions: ['put-back', 'changed-elsewhere'],
      }),
    ],
  }),
  unproven: connected({
    lastDrill: { ...drilled, ok: false, provenAt: '2026-11-12T02:40:00Z' },
    notices: [{ id: 'drill-failed', kind: 'drill-failed', since: '2026-11-19T02:40:00Z', params: { app: 'WhatsApp' } }],
  }),
  'not-running': { kind: 'notRunning', reason: 'There is no Node.js that is new enough on this computer.' },
  starting: { kind: 'starting' },
  empty: connected({ vault: 'absent' }),
  bare: { kind: 'connected', status: bare },
} as const satisfies Readonly<Record<string, Known>>;

export type PanelState = keyof typeof panelStates;

/** Ninety days up to today, the first at the 26th of August: two partial, one without, today with backups already. */
export function ninetyDays(): readonly HistoryDay[] {
  const first = Date.parse('2026-08-26T00:00:00Z');
  return Array.from({ length: 90 }, (_, index) => {
    const day = new Date(first + index * 86_400_000).toISOString().slice(0, 10);
    const sizeBytes = (2.7 + index * 0.037 + (index > 40 ? 0.7 : 0) - (index > 68 ? 0.4 : 0)) * gib;
    const bytesAdded = (8 + ((index * 37) % 29)) * mib;
    const counts = { backups: 3 + (index % 4), bytesAdded, sizeBytes, messagesNew: 40 + ((index * 13) % 170) };
    if (day === '2026-10-14') return { day, outcome: 'none', backups: 0, bytesAdded: 0, sizeBytes };
    if (day === '2026-11-02' || day === '2026-09-17') {
      return { day, outcome: 'partial', why: { kind: 'unreadable', files: 1 }, ...counts };
    }
    return { day, outcome: 'good', ...counts };
  });
}

export function lastRuns(): readonly HistoryRun[] {
  const added = [
    11, 18, 44, 14, 9, 15, 17, 10, 95, 7, 58, 21, 32, 20, 36, 55, 31, 17, 8, 184, 41, 15, 11, 4, 23, 11, 20, 9, 46, 6,
  ];
  return added.map((bytes, index) => ({
    at: new Date(morning.now - index * 7_200_000).toISOString(),
    outcome: 'good',
    snapshot: 'ab'.repeat(32),
    bytesAdded: bytes * mib,
  }));
}

const place: PlaceStatus = {
  remote: 'drive:Signet',
  kind: 'drive',
  label: 'Google Drive',
  role: 'main',
  advice: [],
};

const asked: Asked = { days: ninetyDays(), runs: lastRuns(), places: [place], quietMs: 30_000 };

const stale = new Set<PanelState>(['overdue']);
const found: Asked = {
  found: [
    {
      profile: 'whatsapp-android',
      label: 'WhatsApp',
      root: '/home/sam/WhatsApp',
      files: 12_408,
      sizeBytes: 4.1 * gib,
      isMore: false,
      newestAt: '2026-11-23T08:50:00Z',
      isAdded: false,
    },
    {
      profile: 'claude-code',
      label: 'Claude Code',
      root: '/home/sam/.claude',
      files: 812,
      sizeBytes: 812 * mib,
      isMore: true,
      newestAt: '2026-11-23T08:59:00Z',
      isAdded: false,
    },
  ],
};

/** @param translate another language; without it the texts are English */
export function panelOf(state: PanelState, translate?: Translate): PanelModel {
  const reader = translate === undefined ? morning : { ...morning, locale: { ...morning.locale, translate } };
  return panelModel(panelStates[state], askedFor(state), reader);
}

function askedFor(state: PanelState): Asked {
  if (state === 'empty') return found;
  if (state === 'bare') return {};
  if (!stale.has(state)) return asked;
  const days = ninetyDays().map((day): HistoryDay => {
    if (day.day < '2026-11-14') return day;
    const { messagesNew: _messages, ...rest } = day;
    return { ...rest, outcome: 'none', backups: 0, bytesAdded: 0 };
  });
  return { ...asked, days };
}
