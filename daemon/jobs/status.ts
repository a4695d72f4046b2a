// The whole state as one value, computed from facts. A pure function: what it says depends on nothing but its argument.

import type { Alarm, JobProgress, SourceStatus, Status } from '../../protocol/status.ts';
import { productVersion, protocolVersion } from '../../protocol/version.ts';
import { profileOf } from '../sources/sources.ts';
import type { HistoryEntry, Settings, SourceSetting } from '../state/model.ts';
import { deviceStatus, type KnownDevice } from './devices.ts';
import type { KnownSource, KnownSources } from './source-facts.ts';

export interface StatusFacts {
  readonly settings: Settings | undefined;
  readonly isUnlocked: boolean;
  readonly job: JobProgress | null;
  /** Newest first. */
  readonly history: readonly HistoryEntry[];
  readonly lastGood: HistoryEntry | undefined;
  readonly waiting: Status['waiting'];
  readonly sources: KnownSources;
  readonly remote: { readonly label: string; readonly reachable: boolean | null } | null;
  readonly mirrors: Status['mirrors'];
  readonly repository: Status['repository'];
  readonly deviceId: string;
  readonly phoneEnding: string | null;
  readonly alarms: readonly Alarm[];
  readonly keychain: { readonly kind: Status['keychain']; readonly backend: string | null };
  readonly nextRun: string | null;
  readonly overdue: Status['overdue'];
  readonly pausedUntil: string | null;
  readonly notices: Status['notices'];
  readonly devices: readonly KnownDevice[] | undefined;
  readonly lastVerified: Status['lastVerified'];
  readonly lastDrill: Status['lastDrill'];
  readonly dates: Status['dates'];
}

export function statusOf(facts: StatusFacts): Status {
  const { settings, history } = facts;
  const isSetUp = settings !== undefined && settings.remote !== null;
  const newest = history[0];
  const failed = newest?.outcome === 'failed' ? newest : undefined;
  return {
    protocolVersion,
    daemonVersion: productVersion,
    vault: !isSetUp ? 'absent' : facts.isUnlocked ? 'unlocked' : 'locked',
    keychain: facts.keychain.kind,
    keychainBackend: facts.keychain.backend,
    job: facts.job,
    lastBackup: history.find(entry => entry.backup !== undefined)?.backup ?? null,
    lastGoodAt: facts.lastGood?.at ?? null,
    lastError: failed?.error === undefined ? null : { ...failed.error, at: failed.at },
    waiting: facts.waiting,
    nextRun: facts.nextRun,
    overdue: facts.overdue,
    pausedUntil: facts.pausedUntil,
    schedule: settings?.schedule ?? { kind: 'manual', at: '03:30', onChange: false },
    sources: (settings?.sources ?? []).map(source => sourceStatus(source, facts.sources.get(source.id))),
    remote:
      settings === undefined || settings.remote === null || facts.remote === null
        ? null
        : {
            kind: settings.remote.split(':', 1)[0] ?? '',
            ...facts.remote,
            ...(settings.syncedBy !== null && { synced: settings.syncedBy }),
          },
    mirrors: facts.mirrors,
    repository: facts.repository,
    device: settings === undefined ? null : { id: facts.deviceId, label: settings.deviceLabel },
    phoneEnding: facts.phoneEnding,
    alarms: facts.alarms,
    notices: facts.notices,
    ...(isSetUp && facts.devices?.length && { devices: deviceStatus(facts.devices, facts.deviceId) }),
    ...(isSetUp && facts.lastVerified && { lastVerified: facts.lastVerified }),
    ...(isSetUp && facts.lastDrill && { lastDrill: facts.lastDrill }),
    ...(isSetUp && facts.dates && { dates: facts.dates }),
  };
}

/** What is shown of a source; `known` is empty before its first backup. */
export function sourceStatus(source: SourceSetting, known: KnownSource = {}): SourceStatus {
  const { id, profile, label, root, leaveOut, maxFileBytes, exclude } = source;
  const { problemSince, loss, fewer, ...facts } = known;
  const { opensOnlyHere } = profileOf(profile);
  return {
    id,
    profile,
    label,
    root,
    ...(opensOnlyHere && { opensOnlyHere }),
    ...(leaveOut?.length && { leaveOut }),
    ...(maxFileBytes !== undefined && { maxFileBytes }),
    ...(exclude?.length && { excludes: exclude.length }),
    ...facts,
  };
}
