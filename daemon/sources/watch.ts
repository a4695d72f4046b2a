// Watches the folders of all sources and says when what changed has settled. Events are hints: the rescan is the truth and
// goes on when watching fails. Traces of our own captures (shared memory, empty logs, access times) are no changes.

import { closeSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import type { LeftOut, RuleEntry } from '../archive/model.ts';
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { SourceSetting } from '../state/model.ts';
import { type FolderWatch, watchFolder } from './folder-watch.ts';
import { rulesOf } from './rules.ts';
import { type NextRun, nextRun, type PendingChanges, type QuietSettings } from './timing.ts';

export interface ChangeSet {
  readonly reason: 'change' | 'rescan';
  /** Undefined at a rescan: anything may have changed. */
  readonly sourceIds: ReadonlySet<string> | undefined;
  /** Events that were counted; none at a rescan. */
  readonly changes: number;
}

export interface WatchOptions extends QuietSettings {
  readonly sources: readonly Omit<SourceSetting, 'label'>[];
  readonly clock: Clock;
  /** 'off' leaves the rescan alone. */
  readonly watch?: 'chokidar' | 'off';
  /** Milliseconds between looks at everything; 0: none. */
  readonly rescanMs: number;
  /** When a run last began for any reason, where the caller knows of others than those asked for here. */
  readonly lastRunAt?: () => number | undefined;
}

/** 'watch-limit': the system has no watches or handles left; 'watch-failed': anything else. */
export type WatchProblem = 'watch-limit' | 'watch-failed';

export interface WatchListener {
  onDue(changes: ChangeSet): void;
  /** The first change after a run, or after the start, was seen. */
  onSettling?(): void;
  /** Once for each source and code. */
  onProblem(code: WatchProblem, sourceId: string): void;
}

/** Changes that were seen and are not due yet. */
export interface SettlingChanges {
  readonly reason: NextRun['reason'];
  /** Milliseconds since 1970; moves on with each change. */
  readonly until: number;
  readonly sourceIds: ReadonlySet<string>;
  readonly changes: number;
}

export interface Watching {
  settling(): SettlingChanges | undefined;
  close(): Promise<void>;
}

/** Resolves when every source is being watched (or cannot be, which was reported). */
export async function watchSources(options: WatchOptions, listener: WatchListener): Promise<Watching> {
  let watching: readonly FolderWatch[] = [];
  const settling = new Settling(options, {
    onDue(changes) {
      listener.onDue(changes);
      if (changes.reason === 'rescan') for (const each of watching) void each.refresh();
    },
    onSettling: () => listener.onSettling?.(),
  });
  const watchers = options.watch === 'off' ? [] : options.sources.map(source => watchOne(source, settling, listener));
  watching = await Promise.all(watchers);
  return {
    settling: () => settling.seen(),
    async close() {
      settling.close();
      await Promise.all(watching.map(each => each.close()));
    },
  };
}

/** Collects changes until the pure decision says that they are due. */
class Settling {
  readonly #options: WatchOptions;
  readonly #listener: Pick<Required<WatchListener>, 'onDue' | 'onSettling'>;
  readonly #sourceIds = new Set<string>();
  #changes = 0;
  #pending: PendingChanges | undefined;
  #lastRunAt: number | undefined;
  #lastRescanAt: number;
  #cancelTimer: () => void = () => {};
  #isClosed = false;

  constructor(options: WatchOptions, listener: Pick<Required<WatchListener>, 'onDue' | 'onSettling'>) {
    this.#options = options;
    this.#listener = listener;
    this.#lastRescanAt = options.clock.now();
    this.#schedule();
  }

  changed(sourceId: string): void {
    if (this.#isClosed) return;
    const now = this.#options.clock.now();
    this.#sourceIds.add(sourceId);
    this.#changes += 1;
    const isFirst = this.#pending === undefined;
    this.#pending = { firstAt: this.#pending?.firstAt ?? now, lastAt: now };
    this.#schedule();
    if (isFirst) this.#listener.onSettling();
  }

  seen(): SettlingChanges | undefined {
    const next = this.#next(this.#options.clock.now());
    if (next === undefined || this.#isClosed) return undefined;
    return { reason: next.reason, until: next.at, sourceIds: new Set(this.#sourceIds), changes: this.#changes };
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  #schedule(): void {
    this.#cancelTimer();
    const { clock } = this.#options;
    const now = clock.now();
    const due = [this.#changesAt(now), this.#rescanAt(now)].filter(time => time !== undefined);
    if (due.length === 0) return;
    const waitMs = Math.min(Math.max(0, Math.min(...due) - now), longestTimerMs);
    this.#cancelTimer = clock.timer(waitMs, () => this.#wake(), { unref: true });
  }

  #wake(): void {
    const { clock } = this.#options;
    const now = clock.now();
    // A rescan looks at everything, so it takes the pending changes along.
    if ((this.#rescanAt(now) ?? Number.POSITIVE_INFINITY) <= now) {
      this.#lastRescanAt = now;
      this.#run(now, { reason: 'rescan', sourceIds: undefined, changes: this.#changes });
    } else if ((this.#changesAt(now) ?? Number.POSITIVE_INFINITY) <= now) {
      this.#run(now, { reason: 'change', sourceIds: new Set(this.#sourceIds), changes: this.#changes });
    }
    if (!this.#isClosed) this.#schedule();
  }

  #run(now: number, changes: ChangeSet): void {
    this.#lastRunAt = now;
    this.#pending = undefined;
    this.#sourceIds.clear();
    this.#changes = 0;
    this.#listener.onDue(changes);
  }

  #changesAt(now: number): number | undefined {
    return this.#next(now)?.at;
  }

  #next(now: number): NextRun | undefined {
    const known = this.#options.lastRunAt?.();
    const lastRunAt = Math.max(known ?? Number.NEGATIVE_INFINITY, this.#lastRunAt ?? Number.NEGATIVE_INFINITY);
    return nextRun(this.#pending, now, Number.isFinite(lastRunAt) ? lastRunAt : undefined, this.#options);
  }

  #rescanAt(now: number): number | undefined {
    const { rescanMs } = this.#options;
    return rescanMs === 0 ? undefined : Math.min(this.#lastRescanAt, now) + rescanMs;
  }
}

/** A timer counts in 32 bits; waking early only looks at the clock again. */
const longestTimerMs = 2 ** 31 - 1;

const bothKinds = ['dir', 'file'] as const;
/** Reasons that a name alone gives, whatever the file holds and however large it is or grows. */
const byName: readonly (LeftOut | undefined)[] = ['noise', 'profile', 'excluded'];

async function watchOne(
  source: WatchOptions['sources'][number],
  settling: Settling,
  listener: WatchListener,
): Promise<FolderWatch> {
  // Links inside are stored as links and not followed, but the folder itself may be named by one.
  const root = await realpath(source.root).catch(() => source.root);
  const reported = new Set<WatchProblem>();
  const logs = new LogTimes();
  const rules = rulesOf(source);
  const inside = (path: string): Uint8Array | undefined => {
    const below = relative(root, path);
    if (below === '' || below === '..' || below.startsWith(`..${sep}`)) return undefined;
    return utf8(sep === '/' ? below : below.replaceAll(sep, '/'));
  };
  return await watchFolder(root, {
    isIgnored(path, stats) {
      const bytes = inside(path);
      if (bytes === undefined) return false;
      if (stats !== undefined) logs.note(path, stats);
      // Asked by name alone: only what is left out either way can be skipped.
      const kinds = stats === undefined ? bothKinds : ([stats.isDirectory() ? 'dir' : 'file'] as const);
      return kinds.every(kind => byName.includes(rules.leftOut({ path: bytes, kind, ...nameOnly })));
    },
    onEvent(event, path, stats) {
      const bytes = inside(path);
      const isFile = event === 'add' || event === 'change' || event === 'unlink';
      const isKept = bytes === undefined || !isFile || rules.leftOut(entryOf(bytes, path, stats)) === undefined;
      if (isKept && !logs.isOwnTrace(event, path, stats)) settling.changed(source.id);
    },
    onError(error) {
      const code = problemOf(error);
      if (reported.has(code)) return;
      reported.add(code);
      listener.onProblem(code, source.id);
    },
  });
}

const nameOnly = { sizeBytes: 0, siblings: () => [], head: () => new Uint8Array(0) } as const;

/** The file an event is about, as the rules see it: what it holds and what lies beside it are looked at when they ask. */
function entryOf(bytes: Uint8Array, path: string, stats: Stats | undefined): RuleEntry {
  return {
    path: bytes,
    kind: 'file',
    sizeBytes: stats?.size ?? 0,
    siblings: () => siblingsOf(path),
    // A pipe under that name would make the look wait for its writer.
    head: () => (stats?.isFile() ? headOf(path) : new Uint8Array(0)),
  };
}

/** Gone again, or not ours to read: then nothing speaks against the file, and the backup that follows sees for itself. */
function siblingsOf(path: string): readonly Uint8Array[] {
  try {
    return readdirSync(dirname(path), { encoding: 'buffer' });
  } catch {
    return [];
  }
}

function headOf(path: string): Uint8Array {
  try {
    const file = openSync(path, 'r');
    try {
      const head = new Uint8Array(16);
      return head.subarray(0, readSync(file, head, 0, head.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return new Uint8Array(0); // as above
  }
}

/** Tells what the write-ahead logs of apps say from what our reading of their databases leaves behind. */
class LogTimes {
  /** Modification times as last seen. */
  readonly #seen = new Map<string, number>();

  /** Takes up a log before its first event: the watcher shows every entry to its filter first. */
  note(path: string, { mtimeMs }: Pick<Stats, 'mtimeMs'>): void {
    if (path.endsWith('-wal') && !this.#seen.has(path)) this.#seen.set(path, mtimeMs);
  }

  /**
   * Whether the event tells nothing new: an empty log, which a read-only open makes; a log that goes away, which was written back into its
   * database first, a change of its own; a log whose owner alone was set, as SQLite does at each open by root (`robustFchown` in
   * os_unix.c).
   */
  isOwnTrace(event: string, path: string, stats: Pick<Stats, 'size' | 'mtimeMs'> | undefined): boolean {
    if (!path.endsWith('-wal')) return false;
    if (stats === undefined) {
      this.#seen.delete(path);
      return event === 'unlink';
    }
    const before = this.#seen.get(path);
    this.#seen.set(path, stats.mtimeMs);
    return stats.size === 0 || (event === 'change' && stats.mtimeMs === before);
  }
}

/** inotify says ENOSPC when a user has no watch left, EMFILE when no instance. */
export function problemOf(error: unknown): WatchProblem {
  return ['ENOSPC', 'EMFILE', 'ENFILE'].includes(systemCode(error) ?? '') ? 'watch-limit' : 'watch-failed';
}
