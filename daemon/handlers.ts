// What the daemon answers to each request: the one place where the language of the protocol meets the jobs. Takes secrets out of their
// envelope and puts keys into answers; decides nothing.

import { productVersion, protocolVersion } from '../protocol/version.ts';
import { asBuffer, wipe } from './base/bytes.ts';
import type { Clock } from './base/clock.ts';
import { SignetError } from './base/errors.ts';
import type { Handlers, Secrets } from './endpoint/endpoint.ts';
import type { GivenSecrets, Jobs } from './jobs/jobs.ts';
import { resticPassword, type Vault } from './vault/vault.ts';

const historyPage = 200;

export interface HandlersOptions {
  readonly jobs: Jobs;
  readonly vault: Pick<Vault, 'judgePassword' | 'suggestPassword'>;
  readonly clock: Clock;
  readonly pid: number;
  /** Ends the daemon, once the answer is given. */
  readonly stop: () => void;
  readonly installService: Handlers['installService'];
  readonly uninstallService: Handlers['uninstallService'];
  readonly doctor: Handlers['doctor'];
  readonly diagnostics: Handlers['diagnostics'];
}

export function handlersOf({ jobs, vault, clock, pid, stop, ...asGiven }: HandlersOptions): Handlers {
  const startedAt = clock.monotonic();
  return {
    ...asGiven,
    setup: async (params, call) => {
      const { recoveryKey, ...result } = await jobs.setup(params, given(call.secrets), call);
      if (recoveryKey === undefined) return result;
      const digits = resticPassword(recoveryKey);
      wipe(recoveryKey);
      return { ...result, recoveryKey: digits };
    },
    status: async ({ check }) => {
      await jobs.settled();
      return check ? jobs.check() : jobs.looked();
    },
    backup: (_, call) => jobs.backup('user', undefined, call),
    cancel: async () => ({ cancelled: jobs.cancel() }),
    snapshots: (page, { signal }) => jobs.browsing.snapshots(page, signal),
    showSnapshot: ({ snapshot }, { signal }) => jobs.browsing.show(snapshot, signal),
    history: async ({ before, limit = historyPage }) => jobs.history(before, limit),
    compareSnapshots: (two, { signal }) => jobs.browsing.compare(two, signal),
    historyDays: async ({ days }) => ({ days: await jobs.historyDays(days) }),
    list: (folder, { signal }) => jobs.browsing.list(folder, signal),
    read: async (range, { signal }) => {
      const part = await jobs.browsing.read(range, signal);
      return { base64: asBuffer(part.bytes).toString('base64'), sizeBytes: part.sizeBytes };
    },
    restore: (params, call) => jobs.restore({ include: [], dryRun: false, ...params }, call),
    restoreOriginal: (params, call) => jobs.originals.restore({ include: [], dryRun: false, ...params }, call),
    listUndos: () => jobs.originals.list(),
    undoRestore: ({ id }, call) => jobs.originals.undo(id, call),
    finishRestore: ({ folder }, call) => jobs.finishRestore(folder, call),
    verify: ({ readDataPercent }, call) => jobs.verifying.verify(readDataPercent ?? 0, call),
    drill: ({ source }, call) => jobs.drills.run(source, call),
    showAlarms: async () => ({ alarms: await jobs.checkedAlarms() }),
    acknowledgeAlarm: async (decision, call) => ({
      alarms: await jobs.acknowledging.decide(decision, given(call.secrets), call),
    }),
    forget: (wish, call) => jobs.tidying.forget(wish, given(call.secrets), call),
    prune: ({ dryRun = false }, call) => jobs.tidying.prune(dryRun, call),
    repairIndex: ({ dryRun = false }, call) => jobs.tidying.repairIndex(dryRun, call),
    unlock: async (_, { secrets }) => {
      await jobs.unlock(given(secrets));
      return {};
    },
    lock: async () => {
      await jobs.lock();
      return {};
    },
    discoverSources: () => jobs.sources.discover(),
    syncedFolders: () => jobs.sources.syncedFolders(),
    inspectPlace: ({ remote, roots = [] }, { signal }) => jobs.inspectPlace(remote, roots, signal),
    addSource: wish => jobs.sources.add(wish),
    removeSource: async ({ id }) => {
      await jobs.sources.remove(id);
      return {};
    },
    changeSource: change => jobs.sources.change(change),
    acceptSource: ({ id }) => jobs.sources.accept(id),
    setSchedule: change => jobs.setSchedule(change),
    pause: async ({ ms }) => ({ pausedUntil: jobs.pause(ms) }),
    judgePassword: async (_, { secrets }) => {
      const { password, phone } = given(secrets);
      if (password === undefined)
        throw new SignetError('E_USAGE', 'there is no password to judge', { params: { missing: 'password' } });
      const number = phone === undefined ? undefined : asBuffer(phone).toString('utf8');
      return { verdict: await vault.judgePassword(password, number) };
    },
    changePassword: async (_, { secrets }) => {
      await jobs.credentials.changePassword(given(secrets));
      return {};
    },
    changePhone: async (_, { secrets }) => {
      await jobs.credentials.changePhone(given(secrets));
      return {};
    },
    showRecoveryKey: async (_, { secrets }) => ({
      recoveryKey: await jobs.credentials.showRecoveryKey(given(secrets)),
    }),
    renewRecoveryKey: async (_, { secrets }) => ({
      recoveryKey: await jobs.credentials.renewRecoveryKey(given(secrets)),
    }),
    writeRecoverySheet: async ({ to }, { secrets }) => {
      await jobs.credentials.writeSheet(to, given(secrets));
      return {};
    },
    showRecoverySheet: async (_, { secrets }) => ({ sheet: await jobs.credentials.showSheet(given(secrets)) }),
    startAfresh: (_, call) => jobs.fresh.start(given(call.secrets), call),
    connectRemote: (wish, { secrets, ...call }) => {
      const [clientSecret, s3Secret] = [secrets.get('clientSecret'), secrets.get('s3Secret')];
      return jobs.clouds.connect(wish, { clientSecret, s3Secret }, call);
    },
    disconnectRemote: async ({ remote }) => ({ isRevoked: await jobs.clouds.disconnect(remote) }),
    showRemote: async () => ({ places: jobs.places() }),
    deleteOldBackup: ({ name }, { secrets }) => jobs.left.delete(name, given(secrets)),
    deleteBackup: ({ name }, call) => jobs.deleting.delete(name, given(call.secrets), call),
    moveRemote: ({ to, lost }, call) =>
      lost ? jobs.moving.lost(to, given(call.secrets), call) : jobs.moving.move(to, call),
    addMirror: ({ remote }, call) => jobs.mirrors.add(remote, call),
    removeMirror: async ({ remote }) => {
      await jobs.mirrors.remove(remote);
      return {};
    },
    syncMirrors: (_, call) => jobs.mirrors.sync(call),
    suggestPassword: async () => ({ newPassword: await vault.suggestPassword() }),
    daemonInfo: async () => ({
      pid,
      version: productVersion,
      protocolVersion,
      uptimeSeconds: Math.round((clock.monotonic() - startedAt) / 1000),
    }),
    stopDaemon: async () => {
      stop();
      return {};
    },
    handOver: async () => {
      if (jobs.status().job !== null)
        throw new SignetError('E_BUSY', 'a job runs; the daemon makes way when it is done');
      stop();
      return {};
    },
    getSettings: async () => jobs.chosenSettings(),
    setSettings: ({ values }) => jobs.setSettings(values),
  };
}

function given(secrets: Secrets): GivenSecrets {
  const [password, phone, recoveryKey] = [secrets.get('password'), secrets.get('phone'), secrets.get('recoveryKey')];
  return { password, phone, recoveryKey, newPassword: secrets.get('newPassword'), newPhone: secrets.get('newPhone') };
}
