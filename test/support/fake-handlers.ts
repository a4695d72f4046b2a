// Handlers that answer like a daemon with one small backup, and remember what they were asked; each can be replaced.

import { SignetError } from '../../daemon/base/errors.ts';
import type { Call, Handlers, RequestName } from '../../daemon/endpoint/endpoint.ts';
import { type SecretName, secretNames } from '../../protocol/secrets.ts';
import type {
  BackupResult,
  CopyResult,
  HistoryDay,
  OriginalRestoreResult,
  PlaceStatus,
  RestoreResult,
  RestoreUndo,
  SnapshotEntry,
  SnapshotSource,
  Status,
  VerifyResult,
} from '../../protocol/status.ts';
import { productVersion, protocolVersion } from '../../protocol/version.ts';

export interface Asked {
  readonly name: RequestName;
  readonly params: unknown;
  /** The secrets that came with the request, as text, copied before they were wiped. */
  readonly secrets: { readonly [name in SecretName]?: string };
}

export const snapshotId = 'a1b2c3d4'.repeat(8);
/** Looks like a number, and is refused. */
export const noPhone = '+1 555 0100';
export const suggested = 'ablaze tidal frosty mango untie clock';
export const recoveryKey = '0123456789abcdef'.repeat(4);

export const recoverySheet = '<!doctype html><title>Signet recovery sheet</title>';

export function someStatus(changes: Partial<Status> = {}): Status {
  return {
    protocolVersion,
    daemonVersion: productVersion,
    vault: 'unlocked',
    keychain: 'memory-only',
    keychainBackend: null,
    overdue: null,
    pausedUntil: null,
    notices: [],
    mirrors: [],
    job: null,
    lastBackup: {
      snapshot: snapshotId,
      at: '2026-11-23T08:55:00.000Z',
      durationMs: 4200,
      filesNew: 3,
      filesChanged: 1,
      bytesRead: 5_000_000,
      bytesAdded: 812_000,
      reason: 'change',
      filesUnreadable: [],
      notVerified: [],
    },
    lastGoodAt: '2026-11-23T08:55:00.000Z',
    lastError: null,
    waiting: null,
    nextRun: null,
    schedule: { kind: 'manual', at: '03:30', onChange: true },
    sources: [
      {
        id: 'folder-abcd2345',
        profile: 'folder',
        label: 'Chats',
        root: '/home/kim/Chats',
        capturedAt: '2026-11-23T08:55:00Z',
        sizeBytes: 4_100_000_000,
      },
    ],
    remote: { kind: 'folder', label: 'the folder Backup on NAS', reachable: true },
    repository: { id: 'ff'.repeat(32), snapshots: 5, sizeBytes: 6_400_000_000 },
    device: { id: '0011223344556677', label: 'Laptop' },
    phoneEnding: '00',
    alarms: [],
    ...changes,
  };
}

export const someSettings = { deviceLabel: 'Laptop', watch: 'chokidar', quietMs: 30_000, waitOnBattery: false };

export const signInPage = {
  url: 'https://accounts.google.com/o/oauth2/v2/auth?client_id=example',
  expiresAt: '2026-11-23T09:10:00.000Z',
};

export const connectedPlace: PlaceStatus = {
  remote: 'drive:Signet',
  kind: 'drive',
  label: 'Google Drive',
  role: 'main',
  account: 'kim@example.org',
  clientId: '1234.apps.googleusercontent.com',
  quota: { limit: 16_000_000_000, used: 9_500_000_000 },
  advice: [],
};

export const backupResult: BackupResult = {
  type: 'result',
  snapshot: snapshotId,
  reason: 'user',
  filesNew: 3,
  filesChanged: 1,
  filesUnreadable: [],
  notVerified: [],
  bytesRead: 5_000_000,
  bytesUploaded: 812_000,
  requests: 6,
  durationMs: 4200,
  alarms: [],
};

export const copyResult: CopyResult = {
  type: 'result',
  objects: 120,
  bytes: 5_000_000,
  healed: 0,
  problems: [],
};

export const restoreResult: RestoreResult = {
  type: 'result',
  snapshot: snapshotId,
  target: '/home/kim/Restored',
  files: 4,
  bytes: 5_000_000,
  databases: [{ path: 'folder-abcd2345/chat.db', check: 'ok' }],
  skipped: [],
  dryRun: false,
};

export const originalResult: OriginalRestoreResult = {
  type: 'result',
  snapshot: snapshotId,
  source: 'folder-abcd2345',
  root: '/home/kim/Chats',
  comesBack: 3,
  replaced: 1,
  same: 120,
  untouched: 2,
  bytes: 5_000_000,
  changes: [
    { path: 'folder-abcd2345/chat.db', change: 'replaced' },
    { path: 'folder-abcd2345/media/1.jpg', change: 'comes-back' },
  ],
  databases: [{ path: 'folder-abcd2345/chat.db', check: 'ok' }],
  skipped: [],
  dryRun: false,
  kept: '/home/kim/Chats.signet-before-20261123T090000Z',
};

export const someUndo: RestoreUndo = {
  id: 'ab12cd34ef56',
  at: '2026-11-23T09:00:00.000Z',
  source: 'folder-abcd2345',
  label: 'Chats',
  root: '/home/kim/Chats',
  kept: '/home/kim/Chats.signet-before-20261123T090000Z',
  comesBack: 3,
  replaced: 1,
  isUnfinished: false,
};

export const verifyResult: VerifyResult = {
  type: 'result',
  ok: true,
  problems: [],
  snapshots: 5,
  packs: 9,
  bytesRead: 1_000_000,
};

export const snapshotEntry: SnapshotEntry = {
  id: snapshotId,
  at: '2026-11-23T08:55:00.000Z',
  device: 'Laptop',
  sources: ['folder-abcd2345'],
  files: 4,
  sizeBytes: 5_000_000,
  bytesAdded: 812_000,
  announced: true,
};

export const historyDay: HistoryDay = {
  day: '2026-11-23',
  outcome: 'good',
  backups: 3,
  bytesAdded: 812_000,
  messagesNew: 19,
  sizeBytes: 6_400_000_000,
};

export const snapshotSource: SnapshotSource = {
  id: 'folder-abcd2345',
  profile: 'folder',
  label: 'Chats',
  root: '/home/kim/Chats',
  files: 4,
  sizeBytes: 5_000_000,
  messages: 1234,
  conversations: 12,
  capturedAt: '2026-11-23T08:55:00Z',
  isCarried: false,
  verified: true,
  here: 'copy',
};

export const fileText = 'hello from a backup\n'.repeat(20_000);

export function fakeHandlers(changes: Partial<Handlers> = {}, asked: Asked[] = []): Handlers {
  const usual: Handlers = {
    setup: async (_params, { secrets }) => ({
      repositoryId: 'ff'.repeat(32),
      joined: secrets.has('recoveryKey'),
      snapshots: 0,
      ...(secrets.has('recoveryKey') ? {} : { recoveryKey: new Uint8Array(Buffer.from(recoveryKey)) }),
    }),
    status: async () => someStatus(),
    backup: async () => backupResult,
    cancel: async () => ({ cancelled: false }),
    snapshots: async () => ({ entries: [snapshotEntry], total: 1 }),
    showSnapshot: async () => ({ snapshot: snapshotEntry, sources: [snapshotSource] }),
    history: async () => ({ runs: [], isMore: false }),
    historyDays: async () => ({ days: [historyDay] }),
    list: async () => ({
      entries: [
        { name: 'chat.db', type: 'file', sizeBytes: 4096, modifiedAt: '2026-11-23T08:50:00.000Z', permissions: 0o600 },
        { name: 'media', type: 'dir', sizeBytes: 0, modifiedAt: '2026-11-22T08:50:00.000Z', permissions: 0o700 },
      ],
      total: 2,
    }),
    compareSnapshots: async () => ({
      entries: [
        { path: 'folder-abcd2345/chat.db', change: 'changed', type: 'file', sizeBefore: 4096, sizeAfter: 8192 },
        { path: 'folder-abcd2345/media/new.jpg', change: 'added', type: 'file', sizeAfter: 812_000 },
      ],
      total: 2,
    }),
    read: async ({ offset, length }) => {
      const bytes = Buffer.from(fileText);
      return { base64: bytes.subarray(offset, offset + length).toString('base64'), sizeBytes: bytes.length };
    },
    restore: async ({ target, dryRun }) => ({ ...restoreResult, target, dryRun: dryRun ?? false }),
    restoreOriginal: async ({ dryRun }) => ({ ...originalResult, dryRun: dryRun ?? false }),
    listUndos: async () => [someUndo],
    undoRestore: async ({ id = 'ab12cd34ef56' }) => ({ ...someUndo, id }),
    finishRestore: async ({ folder }) => ({
      type: 'result',
      folder,
      merged: [{ path: 'chat.db', check: 'ok' }],
      skipped: [],
    }),
    verify: async () => verifyResult,
    showAlarms: async () => ({ alarms: [] }),
    acknowledgeAlarm: async () => ({ alarms: [] }),
    unlock: async () => ({}),
    lock: async () => ({}),
    discoverSources: async () => [],
    syncedFolders: async () => [],
    inspectPlace: async () => ({ holds: 'empty' }),
    addSource: async ({ root = '/home/kim/Chats', profile = 'generic', label = 'Chats' }) => ({
      id: `${profile}-abcd2345`,
      profile,
      label,
      root,
      nextBackup: 'by-itself',
    }),
    removeSource: async () => ({}),
    changeSource: async ({ id, label = 'Chats' }) => ({ id, profile: 'generic', label, root: '/home/kim/Chats' }),
    acceptSource: async () => ({ nextBackup: 'on-request' }),
    setSchedule: async params => ({ kind: 'manual', at: '03:30', onChange: true, ...params }),
    pause: async ({ ms }) => ({ pausedUntil: ms === 0 ? null : '2026-11-24T09:00:00.000Z' }),
    judgePassword: async (_params, { secrets }) => {
      if (Buffer.from(secrets.get('phone') ?? []).toString() === noPhone) {
        throw new SignetError('E_PHONE_FORM', 'too short', { params: { problem: 'number' } });
      }
      return { verdict: (secrets.get('password')?.length ?? 0) < 8 ? 'refused' : 'good' };
    },
    changePassword: async () => ({}),
    changePhone: async () => ({}),
    showRecoveryKey: async () => ({ recoveryKey: new Uint8Array(Buffer.from(recoveryKey)) }),
    renewRecoveryKey: async () => ({ recoveryKey: new Uint8Array(Buffer.from(recoveryKey)) }),
    writeRecoverySheet: async () => ({}),
    showRecoverySheet: async () => ({ sheet: new Uint8Array(Buffer.from(recoverySheet)) }),
    startAfresh: async () => ({
      repositoryId: 'ee'.repeat(32),
      remote: 'folder:/media/disk/Backup-20261123-ab12',
      left: 'Backup',
      recoveryKey: new Uint8Array(Buffer.from(recoveryKey)),
    }),
    deleteBackup: async () => ({ objects: 12, bytes: 5_000_000 }),
    deleteOldBackup: async () => ({ objects: 12, bytes: 5_000_000 }),
    connectRemote: async ({ remote }, { signInAsked }) => {
      if (remote.startsWith('drive:')) signInAsked({ remote, ...signInPage });
      return { ...connectedPlace, remote, holds: 'empty' };
    },
    disconnectRemote: async () => ({ isRevoked: true }),
    showRemote: async () => ({ places: [connectedPlace] }),
    moveRemote: async ({ lost }) => ({ ...copyResult, left: lost ? null : 'Backup' }),
    addMirror: async () => copyResult,
    removeMirror: async () => ({}),
    syncMirrors: async () => copyResult,
    suggestPassword: async () => ({ newPassword: new Uint8Array(Buffer.from(suggested)) }),
    daemonInfo: async () => ({ pid: process.pid, version: productVersion, protocolVersion, uptimeSeconds: 12 }),
    stopDaemon: async () => ({}),
    handOver: async () => ({}),
    getSettings: async () => someSettings,
    setSettings: async ({ values }) => ({ ...someSettings, ...values }),
    installService: async () => ({ manager: 'systemd', file: '/home/kim/.config/systemd/user/signet.service' }),
    uninstallService: async () => ({ removed: true }),
    diagnostics: async () => ({ text: 'Signet diagnostics.\n' }),
    doctor: async () => [{ name: 'sqlite', ok: true, detail: '3.50' }],
  };
  const all = { ...usual, ...changes };
  const names = Object.keys(all) as RequestName[];
  return Object.fromEntries(
    names.map(name => [
      name,
      (params: never, call: Call) => {
        asked.push({ name, params, secrets: textOf(call) });
        return (all[name] as (params: never, call: Call) => Promise<unknown>)(params, call);
      },
    ]),
  ) as unknown as Handlers;
}

function textOf({ secrets }: Call): Asked['secrets'] {
  return Object.fromEntries(
    secretNames.flatMap(name => {
      const value = secrets.get(name);
      return value === undefined ? [] : [[name, Buffer.from(value).toString('utf8')]];
    }),
  );
}
