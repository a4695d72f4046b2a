// The one board of alarms: what looks at the place found goes in, what a person is told comes out. It is kept sealed, bound to the backup in
// use, and so told while locked and after a restart. An alarm stands until a later look does not find its cause any more, or its owner
// decided about it; nothing is deleted anywhere meanwhile, and nothing is ever mended by deleting.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { Alarm } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { findingId } from '../heads/heads.ts';
import type { Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';
import {
  type BoardFacts,
  type Found,
  groupOf,
  judge,
  type Origin,
  remembering,
  type Surroundings,
  thingsOf,
  withBackups,
} from './alarm-of.ts';
import type { LookOutcome, SeenPlace } from './look.ts';
import { pinnedRepository } from './opening.ts';
import { isBackByNames, lockByNames, missingByNames, type PlaceNames } from './presence.ts';

const name = 'alarms';
/** The place is looked at so often although nobody asks. */
const dailyMs = 24 * 3_600_000;
/** Longest that somebody waits for a place that does not answer. */
const patienceMs = 3000;
/** Of a place that was opened and is not what is expected; by names alone it is known which it is instead. */
const otherBackup = findingId({ code: 'E_REPO_MISMATCH' });
const nowhere: SeenPlace = { heads: [], snapshots: [] };

interface Board extends BoardFacts {
  /** Which repository all of it is about. */
  readonly repository: string;
  /** `PlaceNames.digest` at the newest look with a key; absent when what was seen since is not known. */
  readonly digest?: string;
  /** `configDigest`, once the place was opened. */
  readonly config?: string;
  /** Vaults in the place that are not this computer's, and of which its owner said that its own counts. */
  readonly refused?: readonly string[];
}

export interface AlarmsOptions {
  readonly state: Pick<State, 'facts' | 'sealedFacts'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** Device id of this computer. */
  readonly self: string;
  readonly place: () => Pick<Surroundings, 'place' | 'isSynced'>;
  /** What the place shows without a key; undefined where it cannot be asked so, or not now. */
  readonly names: () => Promise<PlaceNames | undefined>;
  /** A look with the key; undefined while locked. */
  readonly look: () => Promise<(LookOutcome & { readonly lock: readonly Found[] }) | undefined>;
  /** The remote key of this computer's own lock; undefined without one. */
  readonly ownLock: () => string | undefined;
  /** Whether a job runs: what it changes is no alarm, and it looks by itself. */
  readonly isBusy: () => boolean;
  readonly onChanged: () => void;
}

export class Alarms {
  readonly #options: AlarmsOptions;
  #board: Board | undefined;
  #looking: { readonly isForced: boolean; readonly done: Promise<void> } | undefined;
  /** How often something else than a look put something on the board. */
  #intakes = 0;
  #cancelDaily: () => void = () => undefined;

  constructor(options: AlarmsOptions) {
    this.#options = options;
    const text = options.state.sealedFacts.get(name);
    this.#board = text === undefined ? undefined : (JSON.parse(text) as Board); // sealed: only this class wrote it
  }

  /** Those that stand, the gravest first. */
  get standing(): readonly Alarm[] {
    return this.#judged().alarms;
  }

  /** Newest known of the place: what is to be there. */
  get seen(): SeenPlace {
    return this.#present()?.seen ?? nowhere;
  }

  /**
   * Own heads that went missing. The next backup continues from this computer's memory, so that heads alone do not tell any more what is
   * missing below its new one: it stays an alarm until they are back or its owner decides.
   */
  get missedHeads(): readonly string[] {
    return ownMissed(this.#present()?.found.history ?? [], this.#options.self).map(({ head }) => head);
  }

  /** Before anything is deleted, and once more under its lock. @throws E_ALARM with `params.alarm`, the code of the first */
  assertNone(): void {
    const [first] = this.#judged().alarms;
    if (first !== undefined)
      throw new SignetError('E_ALARM', `${first.code} stands`, { params: { alarm: first.code } });
    this.assertArrived();
  }

  /** What an app has yet to bring here would be taken for lost. @throws E_ALARM with `params.arriving` */
  assertArrived(): void {
    const [late] = this.#judged().arriving;
    if (late === undefined) return;
    throw new SignetError('E_ALARM', `${late.code} may only be late`, { params: { alarm: late.code, arriving: true } });
  }

  /** What an alarm is about. */
  findings(id: string): { readonly origin: Origin; readonly findings: readonly Found[] } | undefined {
    const board = this.#present();
    const alarm = this.standing.find(each => each.id === id);
    if (board === undefined || alarm === undefined) return undefined;
    for (const [origin, found] of Object.entries(board.found) as [Origin, readonly Found[]][]) {
      for (const group of new Set(found.map(each => groupOf(origin, each)))) {
        const findings = found.filter(each => groupOf(origin, each) === group);
        const judged = judge({ ...board, found: { [origin]: findings } }, this.#around());
        if (judged.alarms.some(each => each.id === id)) return { origin, findings };
      }
    }
    return undefined;
  }

  /** Looks daily from now on. */
  start(): void {
    this.#cancelDaily();
    this.#cancelDaily = this.#options.clock.timer(
      dailyMs,
      () => {
        this.start();
        void this.look({ isForced: true });
      },
      { unref: true },
    );
  }

  stop(): void {
    this.#cancelDaily();
  }

  /**
   * Whether everything is there. Without `isForced` it costs no more than listing names, as long as they are what they were. Looks that are
   * asked for at once are one. Never rejects.
   */
  look({ isForced = false }: { readonly isForced?: boolean } = {}): Promise<void> {
    if (this.#looking === undefined || (isForced && !this.#looking.isForced)) {
      const before = this.#looking?.done ?? Promise.resolve();
      const looking = { isForced, done: before.then(() => this.#look(isForced)) };
      this.#looking = looking;
      void looking.done.then(() => {
        if (this.#looking === looking) this.#looking = undefined;
      });
    }
    return this.#looking.done;
  }

  /** As `look`, for who waits for an answer: a place that does not answer keeps nobody waiting, and is looked at all the same. */
  async lookPatiently(how: { readonly isForced?: boolean } = {}): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancelTimer = this.#options.clock.timer(patienceMs, resolve, { unref: true });
    await Promise.race([this.look(how), late]);
    cancelTimer();
  }

  /** Never rejects: what keeps the place from being looked at is no alarm, and whoever backs up there is told. */
  async #look(isForced: boolean): Promise<void> {
    try {
      await this.#lookNow(isForced);
    } catch (error) {
      this.#options.log.warn('the place was not looked at', { code: toSignetError(error).code });
    }
  }

  async #lookNow(isForced: boolean): Promise<void> {
    const { isBusy, look } = this.#options;
    if (pinnedRepository(this.#options.state.facts) === undefined || isBusy()) return;
    const intakes = this.#intakes;
    const isStale = (): boolean => isBusy() || intakes !== this.#intakes;
    const names = await this.#options.names();
    if (isStale()) return;
    if (names !== undefined && !this.#isSamePlace(names)) return;
    if (!isForced && names !== undefined && names.digest === this.#present()?.digest) return;
    if (!isForced && names === undefined) return;
    const looked = await look().catch((error: unknown) => {
      this.#options.log.warn('the place was not looked at with the key', { code: toSignetError(error).code });
      return undefined;
    });
    if (isStale()) return;
    if (looked !== undefined) this.#intake({ ...looked, history: looked.findings, digest: names?.digest });
    else if (names !== undefined) this.#intakeNames(names);
  }

  /** Another repository under the same name is an alarm, and says nothing about the backups of this one. */
  #isSamePlace({ config }: PlaceNames): boolean {
    const known = this.#present()?.config;
    if (known === undefined || known === config) {
      if (this.#present()?.found.place?.some(({ id }) => id !== otherBackup)) this.#found({ place: [] });
      return true;
    }
    this.sawAnotherBackup(config);
    return false;
  }

  /** The place was opened, and is this computer's backup. */
  opened(names: PlaceNames | undefined): void {
    this.#found({ place: [] }, names === undefined ? {} : { config: names.config });
  }

  /** The place holds another backup than the one of this computer. @param config `configDigest` where it is known */
  sawAnotherBackup(config?: string): void {
    const id = config === undefined ? otherBackup : findingId({ code: 'E_REPO_MISMATCH', about: [config] });
    this.#found({ place: [{ id, code: 'E_REPO_MISMATCH', detail: 'the place holds another backup' }] });
  }

  /** This computer's own note of what it saw was not written by it. */
  sawForgedMemory(): void {
    if (this.#present()?.found.memory?.length) return;
    const detail = 'trust.json was not written with the key of this backup';
    this.#found({ memory: [{ id: findingId({ code: 'E_STATE_CORRUPT' }), code: 'E_STATE_CORRUPT', detail }] });
  }

  /** Before a backup writes: @throws E_REPO_MISMATCH where another repository lies in the place */
  async beforeBackup(): Promise<void> {
    const names = await this.#options.names().catch(() => undefined); // the backup itself says what is wrong with the place
    if (names !== undefined && !this.#isSamePlace(names)) {
      throw new SignetError('E_REPO_MISMATCH', 'the place holds another backup than the one of this computer');
    }
  }

  /**
   * What a backup, or another job that looked with the key, found and left.
   *
   * @param decided ids of findings that its owner decided about just now
   */
  saw(
    { findings, packsLooked, ...looked }: LookOutcome & { readonly packsLooked?: boolean },
    decided: readonly string[] = [],
  ): void {
    const isOfPack = ({ code }: { readonly code: ErrorCode }): boolean =>
      code === 'E_MISSING' || code.startsWith('E_OBJECT_');
    this.#intake({
      ...looked,
      decided,
      history: findings.filter(each => !isOfPack(each)),
      ...(packsLooked === true && { packs: findings.filter(isOfPack) }),
    });
  }

  /** What its owner decided about and no look at heads tells. */
  settle(origin: 'lock' | 'memory', refused: readonly string[] = []): void {
    const known = this.#present()?.refused ?? [];
    this.#found({ [origin]: [] }, { refused: [...new Set([...known, ...refused])].slice(-100) });
  }

  /** What its owner decided about packs. What was found of them since is another thing, and stays. */
  settlePacks(decided: readonly string[]): void {
    const packs = this.#present()?.found.packs ?? [];
    this.#found({ packs: packs.filter(({ id }) => !decided.includes(id)) });
  }

  /** Whether its owner said of a vault in the place that this computer's own counts. @param key its remote key */
  isRefused(key: string): boolean {
    return this.#present()?.refused?.includes(key) ?? false;
  }

  /** What this computer remembers, with what it saw beside its backups: a memory that was lost does not make it forget. */
  witnessed(witness: Witness): Witness {
    const board = this.#present();
    if (board === undefined || board.repository !== witness.repositoryId) return witness;
    const seen: Record<string, number> = { ...witness.seen };
    let { ownHead } = witness;
    for (const { device, seq, sha256 } of board.seen.heads) {
      if (device !== witness.device) seen[device] = Math.max(seq, seen[device] ?? 0);
      else if (seq > (ownHead?.seq ?? 0)) ownHead = { seq, sha256 };
    }
    return { ...witness, ownHead, seen };
  }

  /** There is no backup any more, or another one. */
  forget(): void {
    this.#intakes += 1;
    this.#board = undefined;
  }

  #intakeNames(names: PlaceNames): void {
    const board = this.#present();
    if (board === undefined) return;
    const { self, ownLock } = this.#options;
    const before = board.found.history ?? [];
    const missing = missingByNames(board.seen, names, self);
    const isNamed = (each: Found): boolean => each.code === 'E_ROLLBACK' || each.code === 'E_WITHHELD';
    const stay = before.filter(each => !isNamed(each) || !isBackByNames(each, names));
    const ids = new Set(stay.map(({ id }) => id));
    const key = ownLock();
    const lock = key === undefined ? [] : lockByNames(key, names);
    const locks = lock.length > 0 ? lock : (board.found.lock ?? []).filter(({ code }) => code === 'E_VAULT_CHANGED');
    this.#found({ history: [...stay, ...missing.filter(({ id }) => !ids.has(id))], lock: locks });
  }

  #intake({
    seen,
    missing,
    history,
    lock,
    packs,
    digest,
    decided = [],
  }: Pick<LookOutcome, 'seen' | 'missing'> & {
    readonly history: readonly Found[];
    readonly lock?: readonly Found[];
    readonly packs?: readonly Found[];
    readonly digest?: string | undefined;
    readonly decided?: readonly string[];
  }): void {
    const before = this.seen;
    const stood = ownMissed(this.#present()?.found.history ?? [], this.#options.self);
    const stay = stood.filter(
      ({ id, head }) => missing.includes(head) && !decided.includes(id) && !history.some(each => each.id === id),
    );
    const found = {
      history: [...stay, ...withBackups(history, before, missing)],
      ...(lock !== undefined && { lock }),
      ...(packs !== undefined && { packs }),
    };
    this.#found(found, { seen: remembering(before, seen, history), digest });
  }

  /** @param changes of what else is known; undefined takes it away */
  #found(
    found: Board['found'],
    changes: { readonly [key in Exclude<keyof Board, 'repository' | 'found' | 'since'>]?: Board[key] | undefined } = {},
  ): void {
    this.#intakes += 1;
    const { state, clock, log, onChanged } = this.#options;
    const repository = pinnedRepository(state.facts);
    if (repository === undefined) return;
    const before = this.#judged();
    const board = { seen: nowhere, since: {}, ...this.#present(), repository };
    const all = { ...board.found, ...found };
    const now = new Date(clock.now()).toISOString();
    const since = new Map<string, string>();
    for (const [origin, findings] of Object.entries(all) as [Origin, readonly Found[]][]) {
      for (const each of findings) {
        for (const thing of [groupOf(origin, each), ...thingsOf(each)]) since.set(thing, board.since[thing] ?? now);
      }
    }
    const next: Board = { ...board, ...defined(changes), found: all, since: Object.fromEntries(since) };
    if ('digest' in changes && changes.digest === undefined) delete (next as { digest?: string }).digest;
    if (JSON.stringify(next) === JSON.stringify(this.#board)) return;
    this.#board = next;
    const after = this.#judged();
    this.#tell(before.alarms, after.alarms, log);
    try {
      state.sealedFacts.set(name, JSON.stringify(next));
    } catch (error) {
      // A full disk: it is told as long as this process runs, and found again by the next one.
      log.warn('the alarms could not be written', { code: toSignetError(error).code });
    }
    if (JSON.stringify(before.alarms) !== JSON.stringify(after.alarms)) onChanged();
  }

  #tell(before: readonly Alarm[], after: readonly Alarm[], log: AlarmsOptions['log']): void {
    const [had, have] = [new Set(before.map(({ id }) => id)), new Set(after.map(({ id }) => id))];
    for (const { id, code } of after) if (!had.has(id)) log.warn('an alarm is raised', { code, id });
    for (const { id, code } of before) if (!have.has(id)) log.info('an alarm is over', { code, id });
  }

  #judged(): ReturnType<typeof judge> {
    const board = this.#present();
    return board === undefined ? { alarms: [], arriving: [] } : judge(board, this.#around());
  }

  #around(): Surroundings {
    const { self, place, clock } = this.#options;
    return { self, ...place(), now: clock.now() };
  }

  #present(): Board | undefined {
    return this.#board?.repository === pinnedRepository(this.#options.state.facts) ? this.#board : undefined;
  }
}

function ownMissed(findings: readonly Found[], self: string): readonly (Found & { readonly head: string })[] {
  return findings.flatMap(each => {
    const { code, device, head } = each;
    return code === 'E_ROLLBACK' && device === self && head !== undefined ? [{ ...each, head }] : [];
  });
}

function defined<Fields extends object>(fields: Fields): { [key in keyof Fields]: Exclude<Fields[key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [key in keyof Fields]: Exclude<Fields[key], undefined>;
  };
}
