// Repositories for tests: fixed randomness, a clock that is driven, temporary folders that go away.

import { createCipheriv } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import type { Clock } from '../../daemon/base/clock.ts';
import { cached } from '../../daemon/remotes/cached.ts';
import { counted } from '../../daemon/remotes/counted.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';
import type { JournaledPack, PackJournal, Repository, Snapshot, TreeNode } from '../../daemon/repository/model.ts';
import { createRepository, openRepository, type RepositoryOptions } from '../../daemon/repository/repository.ts';

/** A new temporary folder (mode 0700), removed when the test ends. */
export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'signet-test-'));
  t.teardown(async () => {
    await chmod(path, 0o700);
    await rm(path, { recursive: true, force: true });
  });
  return path;
}

/** The same bytes in every run: an AES-CTR stream under the seed. */
export function fixedRandom(seed = 1): (length: number) => Uint8Array {
  const stream = createCipheriv('aes-256-ctr', new Uint8Array(32).fill(seed), new Uint8Array(16));
  return length => new Uint8Array(stream.update(new Uint8Array(length)));
}

export interface DrivenClock extends Clock {
  /** Moves time on and runs the timers that fall due, in order. */
  advance(ms: number): Promise<void>;
  /** Timers of up to this many milliseconds end by themselves at once, moving time on. Default 1000; 0 for none. */
  patienceMs: number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands at 2026-11-23 09:00 UTC until it is driven; short pauses do not hold a test up. */
export function drivenClock(startMs = Date.UTC(2026, 10, 23, 9)): DrivenClock {
  let now = startMs;
  const timers = new Set<Timer>();
  const run = (timer: Timer): void => {
    if (!timers.delete(timer)) return;
    now = Math.max(now, timer.at);
    timer.callback();
  };
  const clock: DrivenClock = {
    patienceMs: 1000,
    now: () => now,
    monotonic: () => now - startMs,
    timer(ms, callback) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      if (ms <= clock.patienceMs) setImmediate(run, timer);
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        const [next] = [...timers].filter(timer => timer.at <= until).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        run(next);
        await settled();
      }
      now = until;
      await settled();
    },
  };
  return clock;
}

/** Waits for what is under way in threads and files, without a clock; the test's own timeout ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve));
  await settled();
}

/** Lets promises and file operations that are under way go on for a few turns. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
}

/** A journal that outlives a repository, as the state database does. */
export function memoryJournal(): PackJournal & { readonly all: Map<string, JournaledPack> } {
  const all = new Map<string, JournaledPack>();
  return {
    all,
    add: pack => void all.set(pack.id, pack),
    markUploaded(id, since) {
      const row = all.get(id);
      if (row !== undefined) all.set(id, { ...row, uploaded: true, since });
    },
    remove(ids) {
      for (const id of ids) all.delete(id);
    },
    rows: () => [...all.values()],
  };
}

export const recoveryKey = new Uint8Array(32).fill(7);
export const resticPassword = '07'.repeat(32);

/** A machine that backs up: what outlives a repository object. */
export interface Bench {
  readonly remote: Remote;
  readonly clock: DrivenClock;
  readonly journal: ReturnType<typeof memoryJournal>;
  readonly outboxFolder: string;
  readonly options: RepositoryOptions;
  create(): Promise<Repository>;
  open(changes?: Partial<RepositoryOptions>): Promise<Repository>;
}

/** @param remote where the repository lies; in memory unless given */
export async function bench(
  t: ExecutionContext,
  changes: Partial<RepositoryOptions> & { seed?: number; cacheFolder?: string } = {},
): Promise<Bench> {
  const { seed = 1, remote = createMemoryRemote(), cacheFolder, ...given } = changes;
  const place = async (inner: Remote): Promise<Remote> =>
    cacheFolder === undefined ? counted(inner) : cached(counted(inner), cacheFolder);
  const folder = await temporaryFolder(t);
  const outboxFolder = join(folder, 'outbox');
  await mkdir(outboxFolder, { mode: 0o700 });
  const clock = drivenClock();
  const journal = memoryJournal();
  const options: RepositoryOptions = {
    remote: await place(remote),
    recoveryKey,
    clock,
    randomBytes: fixedRandom(seed),
    outboxFolder,
    journal,
    host: { hostname: 'bench', pid: process.pid },
    ...given,
  };
  return {
    remote,
    clock,
    journal,
    outboxFolder,
    options,
    create: () => createRepository(options),
    async open(more = {}) {
      return openRepository({ ...options, ...more, remote: await place(more.remote ?? remote) });
    },
  };
}

const someTimeNs = 1_763_888_400_123_456_789n;

export function fileNode(name: string | Uint8Array, changes: Partial<TreeNode> = {}): TreeNode {
  return {
    name: typeof name === 'string' ? utf8(name) : name,
    type: 'file',
    permissions: 0o644,
    mtimeNs: someTimeNs,
    atimeNs: someTimeNs,
    ctimeNs: someTimeNs,
    uid: process.getuid?.() ?? 1000,
    gid: process.getgid?.() ?? 1000,
    inode: 42n,
    links: 1,
    sizeBytes: 0,
    content: [],
    ...changes,
  };
}

export function folderNode(name: string | Uint8Array, subtree: TreeNode['subtree']): TreeNode {
  const { sizeBytes, content, ...common } = fileNode(name);
  return { ...common, type: 'dir', permissions: 0o755, ...(subtree === undefined ? {} : { subtree }) };
}

export function linkNode(name: string, target: string | Uint8Array): TreeNode {
  const { sizeBytes, content, ...common } = fileNode(name);
  const linkTarget = typeof target === 'string' ? utf8(target) : target;
  return { ...common, type: 'symlink', permissions: 0o777, linkTarget };
}

export function snapshotOf(tree: Snapshot['tree'], changes: Partial<Snapshot> = {}): Snapshot {
  const time = '2026-11-23T09:00:00.5Z';
  return {
    time,
    tree,
    paths: ['/files-abcdefgh'],
    hostname: 'bench',
    username: 'signet',
    tags: ['signet-dev=0011223344556677'],
    programVersion: 'signet 0.1.0',
    summary: {
      backupStart: time,
      backupEnd: time,
      filesNew: 1,
      filesChanged: 0,
      filesUnmodified: 0,
      dirsNew: 0,
      dirsChanged: 0,
      dirsUnmodified: 0,
      dataBlobs: 1,
      treeBlobs: 1,
      dataAdded: 1,
      dataAddedPacked: 1,
      totalFilesProcessed: 1,
      totalBytesProcessed: 1,
    },
    ...changes,
  };
}
