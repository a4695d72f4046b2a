// Backing up and restoring a folder without a daemon: archive and repository alone, in memory.

import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { archiveSources, loadParent } from '../../daemon/archive/archive.ts';
import type { ArchiveOutcome, ArchiveSource, CaptureMemory } from '../../daemon/archive/model.ts';
import { type RestoreOutcome, restoreSnapshot } from '../../daemon/archive/restore.ts';
import { type DatabaseCapture, startDatabaseCapture } from '../../daemon/capture/capture.ts';
import type { Repository, SnapshotId } from '../../daemon/repository/model.ts';
import { type Bench, bench, snapshotOf, temporaryFolder } from './repository.ts';

export interface ArchiveBench {
  readonly bench: Bench;
  readonly repository: Repository;
  readonly folder: string;
  /** A source folder that exists. */
  readonly root: string;
  readonly source: ArchiveSource;
  /** Backs up as the job does: archive, index, snapshot; the next run continues this one. */
  backUp(changes?: Partial<ArchiveSource>, sources?: readonly ArchiveSource[]): Promise<Run>;
  restore(
    run: Run,
    changes?: Partial<Parameters<typeof restoreSnapshot>[0]>,
  ): Promise<RestoreOutcome & { target: string }>;
}

export interface Run extends ArchiveOutcome {
  readonly id: SnapshotId | undefined;
}

export async function archiveBench(
  t: ExecutionContext,
  changes: Parameters<typeof bench>[1] = {},
): Promise<ArchiveBench> {
  const made = await bench(t, changes);
  const repository = await made.create();
  t.teardown(() => repository.close());
  const folder = await temporaryFolder(t);
  const root = join(folder, 'chats');
  mkdirSync(root);
  const source: ArchiveSource = {
    id: 'generic-abcdefgh',
    profile: 'generic',
    label: 'chats',
    root,
    rules: {
      leftOut: ({ path }) => (/\.excluded$/.test(Buffer.from(path).toString()) ? 'excluded' : undefined),
      isAppendOnly: () => false,
      isOpaque: () => false,
      isRotating: () => false,
      isVideo: () => false,
    },
    captureNow: true,
  };
  const captures: DatabaseCapture[] = [];
  t.teardown(() => Promise.all(captures.map(capture => capture.stop())));
  const startCapture = (): DatabaseCapture => {
    const capture = startDatabaseCapture({ stagingFolder: join(folder, 'staging'), nodePath: process.execPath });
    captures.push(capture);
    return capture;
  };
  let parent: { readonly id: SnapshotId; readonly tree: NonNullable<ArchiveOutcome['tree']> } | undefined;
  let memory: CaptureMemory | undefined;
  let restores = 0;
  let runs = 0;
  const signal = new AbortController().signal;

  return {
    bench: made,
    repository,
    folder,
    root,
    source,
    async backUp(sourceChanges = {}, sources = [{ ...source, ...sourceChanges }]) {
      let capture: DatabaseCapture | undefined;
      const lock = await repository.lock('shared');
      try {
        await repository.refreshIndex();
        const outcome = await archiveSources({
          repository,
          capture: () => {
            capture ??= startCapture();
            return capture;
          },
          sources,
          device: '0011223344556677',
          parent: parent && (await loadParent(repository, parent.id, parent.tree, signal)),
          memory,
          now: () => made.clock.now(),
          onProgress: () => undefined,
          signal,
        });
        if (outcome.tree === undefined) return { ...outcome, id: undefined };
        await repository.commitIndex();
        // A second apart, so that stock restic knows which one is the latest.
        const time = new Date(made.clock.now() + 1000 * runs++).toISOString();
        const id = await repository.saveSnapshot(snapshotOf(outcome.tree, { time }));
        parent = { id, tree: outcome.tree };
        memory = { snapshot: id, ...outcome.memory };
        return { ...outcome, id };
      } finally {
        await capture?.stop();
        await lock.release();
      }
    },
    async restore({ id, tree }, restoreChanges = {}) {
      if (id === undefined || tree === undefined) throw new Error('this run made no snapshot');
      const target = join(folder, `restored-${restores++}`);
      const capture = startCapture();
      const outcome = await restoreSnapshot({
        repository,
        snapshot: { id, tree },
        target,
        ...restoringWith(capture),
        ...restoreChanges,
      });
      return { ...outcome, target };
    },
  };
}

/** What a restore of everything needs of its surroundings. */
export function restoringWith(capture: DatabaseCapture) {
  return {
    include: [],
    dryRun: false,
    platform: 'linux' as const,
    mark: 'aaaaaaaaaaaa',
    checkDatabase: (path: Uint8Array) => capture.check(path),
    freeBytes: async () => 1e12,
    onProgress: () => undefined,
    signal: new AbortController().signal,
  };
}

/** Every entry of a folder by its path as latin1: content in base64, link targets, or 'folder'. */
export function treeOf(root: string, below = Buffer.from('')): Map<string, string> {
  const found = new Map<string, string>();
  const slash = Buffer.from('/');
  for (const entry of readdirSync(Buffer.concat([Buffer.from(root), below]), {
    withFileTypes: true,
    encoding: 'buffer',
  })) {
    const path = Buffer.concat([below, slash, entry.name]);
    const absolute = Buffer.concat([Buffer.from(root), path]);
    const key = path.toString('latin1');
    if (entry.isDirectory()) {
      found.set(key, 'folder');
      for (const [name, content] of treeOf(root, path)) found.set(name, content);
    } else if (entry.isSymbolicLink()) {
      found.set(key, `link ${readlinkSync(absolute)}`);
    } else {
      found.set(key, readFileSync(absolute).toString('base64'));
    }
  }
  return found;
}
