// The jobs of the engine on a repository in memory, without daemon or cache: a machine that backs up one folder to a cloud that a test may
// tamper with between two jobs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { restoreSnapshot } from '../../daemon/archive/restore.ts';
import { startDatabaseCapture } from '../../daemon/capture/capture.ts';
import { writeHead } from '../../daemon/heads/heads.ts';
import { runBackup } from '../../daemon/jobs/backup.ts';
import type { BackupOutcome, PruneOutcome } from '../../daemon/jobs/engine-messages.ts';
import { readHistory, resolveSnapshot, type SnapshotHistory } from '../../daemon/jobs/history.ts';
import { runPrune } from '../../daemon/jobs/pruning.ts';
import { runVerify } from '../../daemon/jobs/verify.ts';
import type { Repository, SnapshotId } from '../../daemon/repository/model.ts';
import type { Witness } from '../../daemon/state/model.ts';
import type { SkippedEntry, VerifyResult } from '../../protocol/status.ts';
import { restoringWith, treeOf } from './archive.ts';
import { type HostileRemote, hostileRemote } from './hostile-remote.ts';
import { bench, type DrivenClock, fixedRandom, temporaryFolder } from './repository.ts';

export const benchDevice = '0011223344556677';
export const sourceId = 'generic-abcdefgh';

export interface JobBench {
  /** Honest until a test scripts it. */
  readonly remote: HostileRemote;
  readonly clock: DrivenClock;
  /** The folder that is backed up; exists. */
  readonly source: string;
  /** A new session without memory of the place, as after a restart without a cache. */
  open(changes?: { readonly keyFileId?: string; readonly device?: string }): Promise<JobSession>;
}

export interface JobSession {
  readonly repository: Repository;
  backUp(): Promise<BackupOutcome>;
  verify(): Promise<VerifyResult>;
  /** The real job, with what this computer remembers. */
  prune(): Promise<Omit<PruneOutcome, 'type'>>;
  /** Snapshots with their standing, and what an honest place would not show. */
  history(): Promise<SnapshotHistory>;
  /** The next head names them as gone; their files go. Also the newest, which the job of that name would keep. */
  forget(snapshots: readonly SnapshotId[]): Promise<void>;
  /** What came back, by path below the source folder, and what did not. */
  restore(
    snapshot?: string,
  ): Promise<{ snapshot: SnapshotId; tree: Map<string, string>; skipped: readonly SkippedEntry[] }>;
  close(): Promise<void>;
}

export async function jobBench(t: ExecutionContext): Promise<JobBench> {
  const remote = hostileRemote();
  const place = await bench(t, { remote, packTargetBytes: 256 * 1024 });
  const folder = await temporaryFolder(t);
  const source = join(folder, 'chats');
  mkdirSync(source);
  const signal = new AbortController().signal;
  const randomBytes = fixedRandom(9);
  const startCapture = () =>
    startDatabaseCapture({ stagingFolder: join(folder, 'staging'), nodePath: process.execPath });
  /** What each computer remembers. */
  const witnesses = new Map<string, Witness>();
  const remembered = new Map<string, BackupOutcome['seen']['snapshots']>();
  let isNew = true;
  let restores = 0;

  return {
    remote,
    clock: place.clock,
    source,
    async open({ device: id = benchDevice, ...changes } = {}) {
      const device = { id, label: 'bench' };
      const repository = isNew ? await place.create() : await place.open(changes);
      isNew = false;
      const headsKey = repository.deriveKey('signet/heads/v1');
      const { id: repositoryId, keyFileId, masterKeyFingerprint } = repository;
      const known = { repositoryId, keyFileId, masterKeyFingerprint, vaultSha256: null, vaultGeneration: 0 };
      const context = { remote, repository, headsKey, randomBytes, signal, onProgress: () => undefined };
      return {
        repository,
        async backUp() {
          await place.clock.advance(60_000); // times tell backups apart
          const order = {
            reason: 'user' as const,
            device,
            sources: [{ id: sourceId, profile: 'generic', label: 'chats', root: source, captureNow: true }],
            memory: null,
            remembered: remembered.get(id) ?? [],
            witness: witnesses.get(id) ?? {
              v: 1,
              since: '2026-11-23T09:00:00Z',
              ...known,
              device: id,
              ownHead: null,
              seen: {},
            },
          } satisfies Parameters<typeof runBackup>[0]['order'];
          const outcome = await runBackup({ ...context, order, clock: place.clock, startCapture });
          witnesses.set(id, outcome.witness);
          remembered.set(id, outcome.seen.snapshots);
          return outcome;
        },
        prune() {
          const witness = witnesses.get(id);
          if (witness === undefined) throw new Error('there is no backup yet');
          const order = { witness, isSynced: false, dryRun: false, notes: {}, mayDelete: true };
          return runPrune({ ...context, clock: place.clock }, order);
        },
        verify: () => runVerify({ ...context, witness: witnesses.get(id), readDataPercent: 100 }),
        history: () => readHistory({ ...context, witness: witnesses.get(id) }),
        async forget(gone) {
          await repository.refreshIndex();
          const history = await readHistory({ ...context, witness: witnesses.get(id) });
          const witness = witnesses.get(id);
          const newest = history.heads.of(id);
          const snapshot = newest?.live.findLast(each => !gone.includes(each));
          if (witness === undefined || newest === undefined || snapshot === undefined)
            throw new Error('there is no backup yet');
          const written = await writeHead({
            ...history.headsKey,
            remote,
            heads: history.heads,
            snapshots: history.snapshots,
            device,
            seq: newest.seq + 1,
            snapshot,
            time: newest.time,
            witness,
            extent: repository.extent(),
            gone: gone.map(each => ({ id: each, reason: 'test' })),
            randomBytes,
          });
          witnesses.set(id, written.witness);
          for (const each of gone) remote.objects.delete(`snapshots/${each}`);
        },
        async restore(named = 'latest') {
          await repository.refreshIndex();
          const { snapshots } = await readHistory({ remote, repository, headsKey, signal });
          const { id, snapshot } = resolveSnapshot(snapshots, named);
          const target = join(folder, `restored-${restores++}`);
          const capture = startCapture();
          const { skipped } = await restoreSnapshot({
            repository,
            snapshot: { id, tree: snapshot.tree },
            target,
            ...restoringWith(capture),
          });
          await capture.stop();
          return { snapshot: id, tree: treeOf(join(target, sourceId)), skipped };
        },
        close: () => repository.close(),
      };
    },
  };
}

/** Writes files below a folder, making folders as needed. */
export function writeFiles(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}
