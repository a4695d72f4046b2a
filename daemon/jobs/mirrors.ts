// Further places that hold a whole copy: added, brought up to date after each backup, and asked to give back what the first place lost. A
// backup counts without them; what keeps a copy from being made is told in the state, and after some days by a notice.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { CopyResult, MirrorStatus, Notice } from '../../protocol/status.ts';
import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { ObjectProblem } from '../repository/model.ts';
import { vaultKey } from '../vault/vault.ts';
import type { CopyOccasion, CopyOutcome } from './copying.ts';
import type { EngineProgress } from './engine-messages.ts';
import * as engine from './engine-messages.ts';
import type { JobCall } from './job-queue.ts';
import { copyResult, type MovingOptions } from './move.ts';
import { checkFolders, normaliseRemote, remoteLabel } from './places.ts';
import { forgetTidied, noteTidied, supersededIn } from './superseded.ts';

/** As many as the settings hold. */
const mostMirrors = 8;
/** A place that was not brought up to date for so long is told of. */
const noticeMs = 3 * 86_400_000;
/** Until one that failed is tried again although no new backup was made. */
const againMs = 3_600_000;
/** An index that was put back names packs, and those may be lost too; then trees in them. */
const mostHealings = 6;
const mostSuspects = 1000;

const factsName = 'mirrors';
const suspectsName = 'mirrors.suspects';

interface Known {
  /** RFC 3339: when it last held everything. */
  readonly syncedAt: string | null;
  /** Something new is there that this one has not; also after the process that knew of it ended. */
  readonly isBehind?: true;
  readonly problem?: ErrorCode;
  /** RFC 3339: since when it could not be brought up to date. */
  readonly since?: string;
}

export interface MirrorsOptions extends Pick<MovingOptions, 'engine' | 'state' | 'homeFolders'> {
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly session: Pick<
    MovingOptions['session'],
    'queue' | 'settings' | 'stateKey' | 'witness' | 'ready' | 'reopen'
  > & {
    readonly changeSettings: MovingOptions['session']['changeSettings'];
    /** Those that stand since the last backup. */
    readonly alarms: () => readonly unknown[];
    /** What is wrong with the locks in the first place. */
    readonly lockFindings: (signal: AbortSignal) => Promise<readonly unknown[]>;
  };
  readonly onChanged: () => void;
}

export class Mirrors {
  readonly #options: MirrorsOptions;
  /** When those that lag were last tried, on the monotonic clock. */
  #triedAt: number | undefined;
  /** Being brought up to date by itself, or waiting for its turn. */
  #following: Promise<void> | undefined;

  constructor(options: MirrorsOptions) {
    this.#options = options;
  }

  status(mirrors: readonly string[]): readonly MirrorStatus[] {
    const known = this.#known();
    return mirrors.map(remote => {
      const { syncedAt = null, problem } = known[remote] ?? {};
      return {
        kind: remote.split(':', 1)[0] ?? '',
        label: remoteLabel(remote),
        syncedAt,
        ...(problem !== undefined && { problem }),
        ...(problem === 'E_SIGN_IN' && { signIn: 'needed' as const }),
      };
    });
  }

  synced(mirror: string): { readonly syncedAt: string | null } {
    return { syncedAt: this.#known()[mirror]?.syncedAt ?? null };
  }

  notices(mirrors: readonly string[]): readonly Notice[] {
    const { clock } = this.#options;
    const known = this.#known();
    return mirrors.flatMap((remote): Notice[] => {
      const { problem, since } = known[remote] ?? {};
      if (problem === undefined || since === undefined || clock.now() - Date.parse(since) < noticeMs) return [];
      const id = `mirror-behind:${sha256Hex(utf8(remote)).slice(0, 8)}`;
      return [{ id, kind: 'mirror-behind', since, params: { place: remoteLabel(remote), code: problem } }];
    });
  }

  /** A backup that was opened just now reads from them what its place cannot give. */
  async use(mirrors: readonly string[]): Promise<void> {
    await this.#options.engine.ask(engine.useMirrors, { mirrors });
  }

  /** The first copy; only when it is whole, the place is one of the mirrors. @throws as `Moving.move` */
  async add(spec: string, call: JobCall): Promise<CopyResult> {
    const { session, homeFolders } = this.#options;
    const remote = normaliseRemote(spec);
    await session.ready();
    return session.queue.run('mirror', call, async (signal, onProgress) => {
      session.stateKey(); // it may have been locked while others had their turn
      const { remote: main, mirrors, sources } = session.settings();
      if (remote === main || mirrors.includes(remote)) {
        const detail = remote === main ? 'the backup itself lies there' : 'it is a second place already';
        throw new SignetError('E_USAGE', 'this cannot be a second place', { params: { detail } });
      }
      if (mirrors.length === mostMirrors) {
        throw new SignetError('E_USAGE', 'there are too many second places', {
          params: { detail: `there are ${mostMirrors} second places already: remove one first` },
        });
      }
      await checkFolders({ remote, others: [main, ...mirrors], sources, home: homeFolders });
      const copied = await this.#copy(remote, 'new', signal, onProgress);
      await session.changeSettings(before => ({ ...before, mirrors: [...before.mirrors, remote] }));
      this.#note(remote);
      await this.use(session.settings().mirrors);
      return copyResult({ ...copied, healed: 0 });
    });
  }

  /** What lies there stays. @throws E_USAGE for what is none */
  async remove(spec: string): Promise<void> {
    const { session, state } = this.#options;
    const remote = normaliseRemote(spec);
    await session.ready();
    await session.changeSettings(before => {
      if (!before.mirrors.includes(remote)) throw noMirror(before.mirrors);
      return { ...before, mirrors: before.mirrors.filter(each => each !== remote) };
    });
    const { [remote]: _gone, ...others } = this.#known();
    state.facts.set(factsName, JSON.stringify(others));
    forgetTidied(state.facts, remote);
    await this.use(session.settings().mirrors);
    this.#options.onChanged();
  }

  /**
   * Puts back what the first place lost, then brings every mirror up to date. One that fails does not keep the others from it; it is among
   * the problems.
   *
   * @throws E_USAGE without mirrors · what the last one threw when all failed
   */
  async sync(call: JobCall): Promise<CopyResult> {
    const { session } = this.#options;
    await session.ready();
    return session.queue.run('mirror', call, async (signal, onProgress) => {
      const { mirrors } = session.settings();
      if (mirrors.length === 0) throw noMirror([]);
      const sum = { objects: 0, bytes: 0, healed: 0 };
      const problems = new Map<string, ObjectProblem>();
      const failures: { readonly key: string; readonly code: ErrorCode; readonly detail: string }[] = [];
      for (const remote of mirrors) {
        try {
          const { healed, problems: stay } = await this.#heal(remote, signal, onProgress);
          sum.healed += healed;
          problems.clear(); // what this one could not give back is all that is still wrong
          for (const problem of stay) problems.set(problem.key, problem);
          const copied = await this.#copy(remote, 'again', signal, onProgress);
          sum.objects += copied.objects;
          sum.bytes += copied.bytes;
          for (const problem of copied.problems) problems.set(problem.key, problem);
        } catch (thrown) {
          signal.throwIfAborted();
          const error = toSignetError(thrown);
          this.#note(remote, error.code);
          failures.push({ key: remoteLabel(remote), code: error.code, detail: error.message });
          if (failures.length === mirrors.length) throw error;
        }
      }
      this.#suspect([...problems.keys()], 'alone');
      return copyResult({ ...sum, problems: [...problems.values(), ...failures] });
    });
  }

  async #heal(
    mirror: string,
    signal: AbortSignal,
    onProgress: (step: EngineProgress) => void,
  ): Promise<{ readonly healed: number; readonly problems: readonly ObjectProblem[] }> {
    const { engine: worker, session } = this.#options;
    let healed = 0;
    for (let round = 1; ; round++) {
      session.stateKey();
      const order = { remote: mirror, witness: await session.witness(), suspects: this.#suspects() };
      const outcome = await worker.ask(engine.heal, order, { signal, onProgress });
      healed += outcome.healed;
      if (outcome.healed === 0 || round === mostHealings) return { healed, problems: outcome.problems };
      await session.reopen(); // what was refused is looked at again
    }
  }

  async #copy(
    to: string,
    occasion: CopyOccasion,
    signal: AbortSignal,
    onProgress: (step: EngineProgress) => void,
  ): Promise<CopyOutcome> {
    this.#options.session.stateKey();
    const copied = await this.#options.engine.ask(engine.copyTo, { remote: to, occasion }, { signal, onProgress });
    if (copied.problems.length === 0) await this.#removeSuperseded(to, signal);
    if (occasion !== 'new') this.#note(to);
    return copied;
  }

  /** Not while anything is wrong in the first place: what stands in a mirror may be all that proves it. */
  async #removeSuperseded(mirror: string, signal: AbortSignal): Promise<void> {
    const { engine: worker, session, state } = this.#options;
    const keys = supersededIn(state.facts, mirror);
    if (keys.length === 0 || session.alarms().length > 0) return;
    const witness = await session.witness();
    if (witness.vaultSha256 === null || (await session.lockFindings(signal)).length > 0) return;
    if ((await worker.ask(engine.look, { witness, remembered: [] }, { signal })).findings.length > 0) return;
    const order = { remote: mirror, keys, vault: vaultKey(witness.vaultSha256) };
    const { isDone } = await worker.ask(engine.removeSuperseded, order, { signal });
    if (isDone) noteTidied(state.facts, mirror, keys);
  }

  /**
   * After a backup that is good, when keys changed or were given: brings the mirrors up to date in a turn of its own. Where nothing is new, one that
   * failed is tried again now and then. Never rejects.
   */
  follow(isNew: boolean): Promise<void> {
    const { session, clock, state } = this.#options;
    const { mirrors } = session.settings();
    const known = this.#known();
    const isLagging = mirrors.some(remote => known[remote]?.isBehind ?? false);
    const isAgain = isLagging && (this.#triedAt === undefined || clock.monotonic() - this.#triedAt >= againMs);
    if (mirrors.length === 0 || !(isNew || isAgain)) return Promise.resolve();
    this.#triedAt = clock.monotonic();
    if (isNew) {
      const behind = mirrors.map(remote => [remote, { syncedAt: null, ...known[remote], isBehind: true }] as const);
      state.facts.set(factsName, JSON.stringify({ ...known, ...Object.fromEntries(behind) }));
    }
    // Who waits for its turn takes along what is new until then.
    this.#following ??= this.#follow().finally(() => {
      this.#following = undefined;
    });
    return this.#following;
  }

  async #follow(): Promise<void> {
    const { session, log, onChanged } = this.#options;
    const call = { progress: () => undefined, signal: new AbortController().signal };
    try {
      await session.queue.run('mirror', call, async (signal, onProgress) => {
        this.#following = undefined;
        for (const remote of session.settings().mirrors) {
          try {
            await this.#copy(remote, 'after-backup', signal, onProgress);
          } catch (thrown) {
            const { code } = toSignetError(thrown);
            if (code === 'E_VAULT_LOCKED') return; // the next unlock goes on
            log.warn('a second place was not brought up to date', { code });
            this.#note(remote, code);
            if (code === 'E_CANCELLED') return;
          }
        }
      });
    } catch (error) {
      log.warn('the second places were not brought up to date', { code: toSignetError(error).code });
    }
    onChanged();
  }

  /** Found damaged in the first place: looked at when the mirrors are synced next. */
  suspect(objects: readonly string[]): void {
    if (objects.length > 0) this.#suspect(objects, 'too');
  }

  #suspect(objects: readonly string[], how: 'alone' | 'too'): void {
    const { facts } = this.#options.state;
    const before = how === 'alone' ? [] : this.#suspects();
    const now = [...new Set([...objects, ...before])].slice(0, mostSuspects);
    if (now.length === 0) facts.remove(suspectsName);
    else facts.set(suspectsName, JSON.stringify(now));
  }

  #suspects(): readonly string[] {
    return JSON.parse(this.#options.state.facts.get(suspectsName) ?? '[]') as readonly string[]; // only this class writes it
  }

  /** @param problem why it is not up to date; absent when it is */
  #note(remote: string, problem?: ErrorCode): void {
    const { state, clock } = this.#options;
    const known = this.#known();
    const now = new Date(clock.now()).toISOString();
    const { syncedAt = null, since = now } = known[remote] ?? {};
    const next: Known = problem === undefined ? { syncedAt: now } : { syncedAt, isBehind: true, problem, since };
    state.facts.set(factsName, JSON.stringify({ ...known, [remote]: next }));
  }

  #known(): Readonly<Record<string, Known>> {
    return JSON.parse(this.#options.state.facts.get(factsName) ?? '{}') as Readonly<Record<string, Known>>; // only this class writes it
  }
}

function noMirror(mirrors: readonly string[]): SignetError {
  const detail =
    mirrors.length === 0
      ? 'there is no second place yet: `signet remote mirror add` makes one'
      : `this is no second place: there ${mirrors.length === 1 ? 'is' : 'are'} ${mirrors.map(each => `“${each}”`).join(', ')}`;
  return new SignetError('E_USAGE', 'there is no such second place', { params: { detail } });
}
