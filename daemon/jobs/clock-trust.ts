// Whether this computer's clock can tell how old a backup is. Within one boot the wall clock and the time since the boot, which counts sleep
// too, move together: when they part by more than two days the clock was set. And when the newest backup of this computer lies more than two
// days ahead, the clock was wrong then or is wrong now. Nothing is forgotten by age until the clock fits again or its owner says that it is
// right. A clock that was set while the computer was off shows only in the second way.

import * as v from 'valibot';
import type { Notice } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Memory } from './calendar.ts';
import { jumpMs } from './retention.ts';

/** This boot of the computer. */
export interface Boot {
  /** Another one at each boot; undefined where the system does not say, and then only what lies ahead is seen. */
  readonly name: string | undefined;
  /** Since then, sleep included. */
  readonly uptimeMs: () => number;
}

const moment = v.pipe(v.number(), v.finite());
const schema = v.strictObject({
  boot: v.nullable(v.string()),
  /** The wall clock less the time since the boot, when it was last known to be right. */
  offset: moment,
  /** Backups up to then may lie ahead. */
  trustedUpTo: v.nullable(moment),
  /** Since when it is in doubt. */
  since: v.nullable(moment),
  /** It moved in this boot, or in an earlier one: of that nothing more can be learned. */
  hasMoved: v.boolean(),
  hadMoved: v.boolean(),
});
type Kept = v.InferOutput<typeof schema>;

const name = 'clock';

export interface ClockTrustOptions {
  readonly memory: Memory;
  readonly clock: Pick<Clock, 'now'>;
  readonly boot: Boot;
  readonly log: Pick<Log, 'warn'>;
  /** The time of this computer's newest backup, milliseconds since 1970. */
  readonly newestAt: () => number | undefined;
}

export class ClockTrust {
  readonly #options: ClockTrustOptions;
  #kept: Kept | undefined;

  constructor(options: ClockTrustOptions) {
    this.#options = options;
    const found = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), options.memory.get(name));
    this.#kept = found.success ? found.output : undefined; // what does not fit was not written by this version
  }

  /** Backups up to then may lie ahead: their owner said that the clock was wrong when they were made. */
  get trustedUpTo(): number {
    return this.#kept?.trustedUpTo ?? 0;
  }

  get notices(): readonly Notice[] {
    const since = this.doubtedSince();
    if (since === undefined) return [];
    return [{ id: name, kind: 'clock-jumped', since: new Date(since).toISOString(), params: {} }];
  }

  /** @throws E_CLOCK while it is in doubt */
  assertRight(): void {
    if (this.doubtedSince() !== undefined) throw new SignetError('E_CLOCK', 'the clock moved by more than two days');
  }

  /** Looks at the clocks; undefined while nothing speaks against them. */
  doubtedSince(): number | undefined {
    const { clock, boot, newestAt } = this.#options;
    const now = clock.now();
    const before = this.#kept;
    const offset = this.#offset(now);
    const isSameBoot = before !== undefined && boot.name !== undefined && before.boot === boot.name;
    const hasMoved = isSameBoot && Math.abs(offset - before.offset) > jumpMs;
    const hadMoved = before !== undefined && (before.hadMoved || (!isSameBoot && before.hasMoved));
    const newest = newestAt() ?? 0;
    const isAhead = newest - now > jumpMs && newest > this.trustedUpTo;
    this.#keep({
      boot: boot.name ?? null,
      offset: isSameBoot ? before.offset : offset,
      trustedUpTo: before?.trustedUpTo ?? null,
      since: hasMoved || hadMoved || isAhead ? (before?.since ?? now) : null,
      hasMoved,
      hadMoved,
    });
    return this.#kept?.since ?? undefined;
  }

  /** Its owner says so. @param newestAt the newest backup, where it is known better */
  confirm(newestAt = this.#options.newestAt()): void {
    const { clock, boot } = this.#options;
    const trustedUpTo = newestAt === undefined ? null : newestAt;
    const offset = this.#offset(clock.now());
    this.#keep({ boot: boot.name ?? null, offset, trustedUpTo, since: null, hasMoved: false, hadMoved: false });
  }

  #offset(now: number): number {
    const { boot } = this.#options;
    return boot.name === undefined ? 0 : now - boot.uptimeMs();
  }

  #keep(next: Kept): void {
    if (JSON.stringify(next) === JSON.stringify(this.#kept)) return;
    this.#kept = next;
    try {
      this.#options.memory.set(name, JSON.stringify(next));
    } catch (error) {
      // With a full disk the process goes on with what it knows.
      this.#options.log.warn('what is known of the clock could not be written', { code: toSignetError(error).code });
    }
  }
}
