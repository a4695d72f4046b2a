// restic's locks (design.rst "Locks"): small sealed objects, shared or exclusive, refreshed every five minutes, stale after thirty.
// On clouds they are advice: deleting is safe by other rules too (docs/architecture.md). We remove only our own dead ones.
// restic tells whether a lock's owner lives by sending SIGHUP to its pid: the process must handle that signal.

import { type Clock, pause } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import type { Remote } from '../remotes/remote.ts';
import { goJsonString, parseGoTime } from './go-text.ts';
import { idInKey } from './ids.ts';
import { limits } from './limits.ts';
import type { ObjectProblem, RepositoryLock } from './model.ts';

const refreshMs = 5 * 60 * 1000;
const staleMs = 30 * 60 * 1000;
/** A lock that could not be refreshed for so long is given up, well before others may call it stale. */
const giveUpMs = 20 * 60 * 1000;
/** Beyond what any clock is wrong by: a lock of that date is stale by everyone's. */
const longDeadMs = 24 * 60 * 60 * 1000;
/** restic's own pause between writing a lock and looking again (internal/restic/lock.go). */
const settleMs = 200;
const ownName = 'signet';

export interface LockInfo {
  readonly timeMs: number;
  readonly isExclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
}

export interface LockOptions {
  readonly clock: Clock;
  readonly host: { readonly hostname: string; readonly pid: number };
  /** Whether a process of this machine lives. */
  readonly isAlive: (pid: number) => boolean;
  /** Seals and stores; answers the key. */
  readonly write: (json: string, signal: AbortSignal | undefined) => Promise<string>;
  readonly remove: (key: string) => Promise<void>;
  readonly remote: Pick<Remote, 'list'>;
  readonly exists: (key: string) => Promise<boolean>;
  /** The object's JSON, or undefined when it cannot be read (then reported) or was just removed. */
  readonly read: (key: string, id: string, signal: AbortSignal | undefined) => Promise<unknown>;
  readonly report: (problem: ObjectProblem) => void;
}

function decodeLock(parsed: unknown): LockInfo | undefined {
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { time, exclusive, hostname, username, pid } = parsed as Record<string, unknown>; // judged field by field below
  const ns = parseGoTime(time);
  if (ns === undefined || typeof exclusive !== 'boolean' || typeof pid !== 'number' || !Number.isSafeInteger(pid))
    return undefined;
  if (typeof hostname !== 'string' || typeof username !== 'string') return undefined;
  return { timeMs: Number(ns / 1_000_000n), isExclusive: exclusive, hostname, username, pid };
}

export class Locks {
  readonly #options: LockOptions;
  /** Locks never change, so each is read once. */
  readonly #known = new Map<string, LockInfo | undefined>();
  /** When each was first seen, by our own clock: whoever lives writes another one every five minutes. */
  readonly #firstSeen = new Map<string, number>();
  /** Keys of the locks this process holds now. */
  readonly #held = new Set<string>();

  constructor(options: LockOptions) {
    this.#options = options;
  }

  /**
   * Takes a lock, and removes our own dead ones.
   *
   * @param options.look what the place shows once our lock is there, where one look serves for more than locks. It is the look that counts;
   *   the one before, which only spares others the sight of a lock that cannot be, is left out then
   * @throws SignetError E_REPOSITORY_LOCKED (params: hostname, exclusive, ageMs) when another's lock forbids it
   */
  async take(
    kind: 'shared' | 'exclusive',
    options: { readonly signal?: AbortSignal | undefined; readonly look?: (() => Pick<Remote, 'list'>) | undefined },
  ): Promise<RepositoryLock> {
    const { clock, remote } = this.#options;
    const { signal, look } = options;
    if (look === undefined) await this.#judge(kind, remote, signal);
    const key = await this.#write(kind, signal);
    try {
      await pause(clock, settleMs, signal);
      await this.#judge(kind, look?.() ?? remote, signal);
    } catch (error) {
      await this.#drop(key);
      throw error;
    }
    return this.#hold(kind, key);
  }

  async #write(kind: 'shared' | 'exclusive', signal?: AbortSignal): Promise<string> {
    const { clock, host } = this.#options;
    const fields = [
      `"time":"${new Date(clock.now()).toISOString()}"`,
      `"exclusive":${kind === 'exclusive'}`,
      `"hostname":${goJsonString(host.hostname)}`,
      `"username":"${ownName}"`,
      `"pid":${host.pid}`,
    ];
    const key = await this.#options.write(`{${fields.join(',')}}`, signal);
    this.#held.add(key);
    return key;
  }

  async #drop(key: string): Promise<void> {
    await this.#options.remove(key);
    this.#held.delete(key);
  }

  /** The other locks. More lock files than anyone honest leaves are not read: a cloud must not be able to keep us busy. */
  async #others(shown: Pick<Remote, 'list'>, signal: AbortSignal | undefined): Promise<Map<string, LockInfo>> {
    const found = new Map<string, LockInfo>();
    let count = 0;
    for await (const { key } of shown.list('locks', { signal })) {
      const id = idInKey(key);
      if (id === undefined || this.#held.has(key)) continue;
      count++;
      if (count > limits.lockFiles) {
        const detail = `more than ${limits.lockFiles} lock files; the others are not read`;
        this.#options.report({ key: 'locks', code: 'E_OBJECT_LIMIT', detail });
        break;
      }
      if (!this.#known.has(key)) {
        const json = await this.#options.read(key, id, signal);
        const lock = decodeLock(json);
        if (json !== undefined && lock === undefined) {
          this.#options.report({ key, code: 'E_OBJECT_TYPE', detail: 'not a lock' });
        }
        this.#known.set(key, lock);
      }
      const lock = this.#known.get(key);
      if (lock === undefined) continue;
      if (!this.#firstSeen.has(key)) this.#firstSeen.set(key, this.#options.clock.monotonic());
      found.set(key, lock);
    }
    return found;
  }

  /** Removes our own dead locks. @throws E_REPOSITORY_LOCKED */
  async #judge(
    kind: 'shared' | 'exclusive',
    shown: Pick<Remote, 'list'>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, host, isAlive } = this.#options;
    const others = await this.#others(shown, signal);
    for (const [key, lock] of others) {
      if (lock.hostname !== host.hostname || lock.username !== ownName) continue;
      if (isAlive(lock.pid) && clock.now() - lock.timeMs <= staleMs) continue;
      await this.#options.remove(key);
      others.delete(key);
    }
    for (const [key, lock] of others) {
      if (kind === 'shared' && (!lock.isExclusive || this.#isDead(key, lock))) continue;
      const ageMs = this.#options.clock.now() - lock.timeMs;
      const form = lock.isExclusive ? 'an exclusive' : 'a';
      throw new SignetError(
        'E_REPOSITORY_LOCKED',
        `${lock.hostname} (process ${lock.pid}) holds ${form} lock that is ${Math.round(ageMs / 1000)} s old`,
        { params: { hostname: lock.hostname, exclusive: lock.isExclusive, ageMs } },
      );
    }
  }

  /**
   * An exclusive lock that nobody renews holds up no backup for ever: a cloud could show an old one again and again. It stays where it is, and
   * still keeps anyone from deleting.
   */
  #isDead(key: string, lock: LockInfo): boolean {
    const { clock } = this.#options;
    const seenMs = clock.monotonic() - (this.#firstSeen.get(key) ?? clock.monotonic());
    return seenMs > staleMs || clock.now() - lock.timeMs > longDeadMs;
  }

  #hold(kind: 'shared' | 'exclusive', first: string): RepositoryLock {
    const { clock } = this.#options;
    const lost = new AbortController();
    let key = first;
    let refreshedAt = clock.monotonic();
    let isReleased = false;
    let refreshing: Promise<void> = Promise.resolve();
    let cancel = clock.timer(refreshMs, tick, { unref: true });

    const lose = (why: string, cause?: unknown): void => {
      lost.abort(new SignetError('E_REPOSITORY_LOCKED', `our lock ${why}`, { cause }));
    };

    const refresh = async (): Promise<void> => {
      try {
        if (!(await this.#options.exists(key))) {
          lose('was removed by another program');
          return;
        }
        const next = await this.#write(kind);
        const old = key;
        key = next;
        refreshedAt = clock.monotonic();
        await this.#drop(old);
      } catch (error) {
        // A remote that is away for a while is no loss yet; the next tick tries again.
        if (clock.monotonic() - refreshedAt > giveUpMs) lose('could not be refreshed in time', error);
      }
    };

    function tick(): void {
      refreshing = refresh().then(() => {
        if (!isReleased && !lost.signal.aborted) cancel = clock.timer(refreshMs, tick, { unref: true });
      });
    }

    return {
      signal: lost.signal,
      get key() {
        return key;
      },
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        cancel();
        await refreshing;
        cancel();
        await this.#drop(key).catch(() => this.#held.delete(key)); // advice, and stale in half an hour: no reason to fail what was done
      },
    };
  }
}
