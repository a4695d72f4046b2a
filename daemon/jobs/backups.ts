// The backup as a job of the main thread: who may start one, which one is joined, what it is told, and what is remembered of it. Nothing is
// remembered of a run before the engine read its head back.

import type { Alarm, BackupReason, BackupResult, HistoryRun, JobProgress, Notice } from '../../protocol/status.ts';
import { copySecret, wipe } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { HistoryEntry, Settings, Witness } from '../state/model.ts';
import type { State } from '../state/state.ts';
import type { Alarms } from './alarms.ts';
import type { AroundBackups } from './around.ts';
import { isCloud } from './clouds.ts';
import type { KnownDevice } from './devices.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall, JobQueue } from './job-queue.ts';
import type { PastRuns } from './past-runs.ts';
import { loadMemory, saveMemory } from './recall.ts';
import { acceptable, afterBackup, decodeKnown, encodeKnown, type KnownSources, sourceNotices } from './source-facts.ts';

/** A cloud that nothing was new for is asked all the same after so long, as it may have lost something. */
const longestUnaskedMs = 24 * 3600 * 1000;
/** The fact that holds what is known of the sources. */
const knownName = 'sources';
/** When all packs of the place were last looked through and found there. */
export const packsListedName = 'packs.listed';
/** Set when the user says that a source's loss was meant; taken away by the next backup that looks at it. */
export const acceptedName = (sourceId: string): string => `source.accepted.${sourceId}`;

/** Set when files of the source were put back into their place; taken away by the next backup that looks at it. */
export const putBackName = (sourceId: string): string => `source.put-back.${sourceId}`;

export interface BackupsOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: State;
  readonly clock: Clock;
  readonly log: Log;
  readonly queue: JobQueue;
  readonly past: PastRuns;
  readonly alarms: Pick<Alarms, 'standing' | 'seen' | 'missedHeads' | 'saw' | 'beforeBackup' | 'forget'>;
  readonly deviceId: string;
  readonly settings: () => Settings | undefined;
  /** A restore into its place broke off in the middle: what lies there is no state to be kept. */
  readonly isHalfRestored: (sourceId: string) => boolean;
  /** @throws E_VAULT_LOCKED */
  readonly stateKey: () => Uint8Array;
  /** What the user has run before and after. */
  readonly around: Pick<AroundBackups, 'before' | 'after'>;
  /** What this machine saw last of the place. */
  readonly witness: (stateKey: Uint8Array) => Promise<Witness>;
  /** Under way when a backup is good: what earlier changes of the keys left is seen through. Never rejects. */
  readonly settle: (isNew: boolean) => Promise<void>;
  /** Whether the place answered, and after a backup what lies in it. */
  readonly onPlace: (isReachable: boolean, stored?: { readonly snapshots: number; readonly sizeBytes: number }) => void;
  readonly sawDevices: (devices: readonly KnownDevice[]) => void;
  readonly onChanged: () => void;
}

export class Backups {
  readonly #options: BackupsOptions;
  #sources: KnownSources;
  /** The backup that runs or waits for its turn. */
  #running:
    | {
        readonly result: Promise<BackupResult>;
        readonly listeners: Set<(value: JobProgress) => void>;
        readonly isOfAll: boolean;
      }
    | undefined;

  /** When the place was last asked by a backup, in milliseconds since 1970. */
  #askedAt: number | undefined;

  constructor(options: BackupsOptions) {
    this.#options = options;
    this.#sources = decodeKnown(options.state.facts.get(knownName));
  }

  /** What the last backup said of each source, by its id. */
  get sources(): KnownSources {
    return this.#sources;
  }

  /** What a person should look at among the sources. */
  get notices(): readonly Notice[] {
    const sources = this.#options.settings()?.sources ?? [];
    return sourceNotices(sources, this.#sources, id => this.#isAccepted(id));
  }

  /** Of sources that are kept as they were until their owner decides, the first. */
  get heldBack(): { readonly app: string; readonly since: string } | undefined {
    const told = this.notices.find(({ kind }) => kind === 'shrunk');
    return told && { app: String(told.params['app']), since: told.since };
  }

  /** The runs before `before` (RFC 3339; the newest without it), newest first. */
  history(
    before: string | undefined,
    limit: number,
  ): { readonly runs: readonly HistoryRun[]; readonly isMore: boolean } {
    const found = this.#options.past.before(before, limit + 1);
    return { runs: found.slice(0, limit).map(historyRun), isMore: found.length > limit };
  }

  /** Backs up all sources, or the named ones and the rest carried forward; joins a backup of all that is running. */
  async run(
    reason: BackupReason,
    sourceIds?: ReadonlySet<string>,
    call?: Pick<JobCall, 'progress'>,
  ): Promise<BackupResult> {
    while (this.#running !== undefined && !this.#running.isOfAll) await this.ended();
    if (this.#running !== undefined) {
      if (call !== undefined) this.#running.listeners.add(call.progress);
      return this.#running.result;
    }
    const never = new AbortController().signal;
    const listeners = new Set(call === undefined ? [] : [call.progress]);
    const progress = (value: JobProgress): void => {
      for (const listener of listeners) listener(value);
    };
    const result = this.#options.queue.run('backup', { progress, signal: never }, (signal, onProgress) =>
      this.#backUp(reason, sourceIds, signal, onProgress),
    );
    this.#running = { result, listeners, isOfAll: sourceIds === undefined };
    try {
      return await result;
    } finally {
      this.#running = undefined;
      this.#options.onChanged();
    }
  }

  /** There is no backup any more. */
  forget(): void {
    this.#sources = new Map();
    this.#options.alarms.forget();
    this.#askedAt = undefined;
  }

  /** The first backup of a place that was made beside the one in use, once it is the one in use. */
  adopt(outcome: engine.BackupOutcome): void {
    this.#remember(outcome, []);
  }

  /** Until no backup runs, however it ends. */
  async ended(): Promise<void> {
    while (this.#running !== undefined) await this.#running.result.catch(() => undefined); // whoever asked for it is told
  }

  async #backUp(
    reason: BackupReason,
    sourceIds: ReadonlySet<string> | undefined,
    signal: AbortSignal,
    onProgress: (step: engine.EngineProgress) => void,
  ): Promise<BackupResult> {
    const { state, log, deviceId } = this.#options;
    const settings = this.#options.settings();
    if (settings === undefined || settings.sources.length === 0) {
      const params = settings?.remote ? { what: 'chats' } : {};
      throw new SignetError('E_NOT_SET_UP', 'there is nothing to back up: no source is set up', { params });
    }
    // A copy: locking wipes the key at once, and what is sealed at the end must not be sealed under zeros.
    const stateKey = copySecret(this.#options.stateKey());
    const { isHalfRestored } = this.#options;
    const isDue = (id: string): boolean => (sourceIds?.has(id) ?? true) && !isHalfRestored(id);
    const accepted = settings.sources.map(({ id }) => id).filter(id => isDue(id) && this.#isAccepted(id));
    const putBack = settings.sources
      .map(({ id }) => id)
      .filter(id => isDue(id) && state.facts.get(putBackName(id)) !== undefined);
    try {
      await this.#options.around.before(signal);
      await this.#options.alarms.beforeBackup();
      const packsListedAt = state.facts.get(packsListedName);
      const order: engine.BackupOrder = {
        reason,
        device: { id: deviceId, label: settings.deviceLabel },
        sources: settings.sources.map(source => ({
          ...source,
          captureNow: isDue(source.id),
          // What was said of one loss does not hold for the next.
          lossAccepted:
            (accepted.includes(source.id) && acceptable(this.#sources.get(source.id))) ||
            (putBack.includes(source.id) && 'in part'),
        })),
        memory: await loadMemory(state, stateKey),
        witness: await this.#options.witness(stateKey),
        ...(packsListedAt !== undefined && { packsListedAt }),
        missedHeads: this.#options.alarms.missedHeads,
        remembered: this.#options.alarms.seen.snapshots.map(({ id, device }) => ({ id, device })),
      };
      const isPlain = accepted.length === 0 && !settings.sources.some(({ id }) => isHalfRestored(id));
      if (reason === 'change' && sourceIds === undefined && isPlain && this.#mayLookHereAlone(settings)) {
        const { sources, memory } = order;
        if (await this.#options.engine.ask(engine.findsNothing, { sources, memory }, { signal })) {
          this.#options.past.record({ at: this.#now(), outcome: 'nothing-new' });
          return nothingNew(reason);
        }
      }
      const outcome = await this.#options.engine.ask(engine.backup, order, { signal, onProgress });
      this.#askedAt = this.#options.clock.now();
      await state.saveWitness(outcome.witness, stateKey);
      await saveMemory(state, stateKey, outcome.memory);
      this.#remember(withoutOwnLosses(outcome, putBack), accepted, putBack);
      await this.#options.settle(outcome.snapshot !== undefined);
      log.info('backup done', {
        job: reason,
        ms: outcome.durationMs,
        bytes: outcome.bytesUploaded,
        count: outcome.filesNew + outcome.filesChanged,
      });
      return resultOf(outcome, this.#options.alarms.standing);
    } catch (thrown) {
      const error = toSignetError(thrown);
      const outcome = error.code === 'E_CANCELLED' ? 'cancelled' : 'failed';
      this.#options.past.record({ at: this.#now(), outcome, error: error.toWire() });
      if (error.code === 'E_UNREACHABLE') this.#options.onPlace(false);
      log.warn('backup failed', { job: reason, code: error.code });
      throw error;
    } finally {
      wipe(stateKey);
      await this.#options.around.after(this.#options.past.last(1)[0]?.outcome ?? 'failed');
    }
  }

  /**
   * A look at everything, just in case, need not bother a cloud while nothing is new: one that was asked within a day, by this process, with
   * nothing wrong anywhere.
   */
  #mayLookHereAlone({ remote }: Settings): boolean {
    const sinceAsked = this.#options.clock.now() - (this.#askedAt ?? Number.NEGATIVE_INFINITY);
    const last = this.#options.past.last(1)[0]?.outcome;
    return (
      remote !== null &&
      isCloud(remote) &&
      sinceAsked >= 0 &&
      sinceAsked < longestUnaskedMs &&
      (last === 'good' || last === 'nothing-new') &&
      this.#options.alarms.standing.length === 0 &&
      this.notices.length === 0
    );
  }

  /**
   * @param accepted sources of which the user had said, before this run, that their loss was meant
   * @param putBack sources that files had been put back into
   */
  #remember(outcome: engine.BackupOutcome, accepted: readonly string[], putBack: readonly string[] = []): void {
    const at = this.#now();
    this.#options.alarms.saw(outcome);
    this.#options.sawDevices(outcome.devices);
    this.#options.onPlace(true, { snapshots: outcome.snapshots, sizeBytes: outcome.repositoryBytes });
    const known = outcome.sources.map(source => {
      const { fewer, ...before } = this.#sources.get(source.id) ?? {};
      const standing = fewer === undefined || accepted.includes(source.id) ? before : { ...before, fewer };
      return [source.id, afterBackup(standing, source, at)] as const;
    });
    this.#sources = new Map(known);
    this.#keepKnown([...accepted.map(acceptedName), ...putBack.map(putBackName)], outcome);
    const hasProblem = outcome.sources.some(({ id }) => this.#sources.get(id)?.problem !== undefined);
    const isHalf = outcome.sources.some(({ id }) => this.#options.isHalfRestored(id));
    const isPartial = hasProblem || isHalf || outcome.filesUnreadable.length > 0;
    const unreadable = outcome.filesUnreadable.length + (outcome.more?.filesUnreadable ?? 0);
    const seen = { sizeBytes: outcome.repositoryBytes, ...(isPartial && { unreadable }) };
    if (outcome.snapshot === undefined) {
      this.#options.past.record({ at, outcome: isPartial ? 'partial' : 'nothing-new', ...seen });
      return;
    }
    const {
      snapshot,
      reason,
      durationMs,
      filesNew,
      filesChanged,
      bytesRead,
      bytesAdded,
      filesUnreadable,
      notVerified,
      more,
      messagesNew,
      conversationsChanged,
    } = outcome;
    this.#options.past.record({
      at,
      outcome: isPartial ? 'partial' : 'good',
      ...seen,
      backup: {
        snapshot,
        at: outcome.at,
        durationMs,
        filesNew,
        filesChanged,
        bytesRead,
        bytesAdded,
        reason,
        filesUnreadable,
        notVerified,
        ...(more !== undefined && { more }),
        ...(messagesNew !== undefined && { messagesNew }),
        ...(conversationsChanged !== undefined && { conversationsChanged }),
      },
    });
  }

  /** @param settled facts that this backup answered */
  #keepKnown(settled: readonly string[], { packsListedAt }: engine.BackupOutcome): void {
    const { state } = this.#options;
    try {
      state.setFacts({
        [knownName]: encodeKnown(this.#sources),
        [packsListedName]: packsListedAt,
        ...Object.fromEntries(settled.map(name => [name, undefined])),
      });
    } catch (error) {
      // The backup is made: after a restart the next one finds out again what a full disk did not take.
      if (toSignetError(error).code !== 'E_DISK_FULL') throw error;
    }
  }

  #isAccepted(id: string): boolean {
    return this.#options.state.facts.get(acceptedName(id)) !== undefined;
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}

function nothingNew(reason: BackupReason): BackupResult {
  return {
    type: 'result',
    reason,
    filesNew: 0,
    filesChanged: 0,
    filesUnreadable: [],
    notVerified: [],
    bytesRead: 0,
    bytesUploaded: 0,
    requests: 0,
    durationMs: 0,
    alarms: [],
  };
}

/** That older files hold fewer messages is nothing to tell whoever put them back. */
function withoutOwnLosses(outcome: engine.BackupOutcome, putBack: readonly string[]): engine.BackupOutcome {
  const sources = outcome.sources.map(source => {
    const { messagesFewer, ...rest } = source;
    return putBack.includes(source.id) ? rest : source;
  });
  return { ...outcome, sources };
}

/** What the client is told: not what this machine keeps for itself. */
function resultOf(outcome: engine.BackupOutcome, alarms: readonly Alarm[]): BackupResult {
  const { at, bytesAdded, sources, memory, witness, snapshots, repositoryBytes, devices, ...rest } = outcome;
  const { packsListedAt, packsLooked, findings, seen, missing, ...result } = rest;
  return { type: 'result', ...result, alarms };
}

function historyRun({ at, outcome, backup, error }: HistoryEntry): HistoryRun {
  if (backup === undefined) return { at, outcome, ...(error !== undefined && { code: error.code }) };
  const { snapshot, durationMs, filesNew, filesChanged, bytesAdded, messagesNew } = backup;
  const news = messagesNew === undefined ? {} : { messagesNew };
  return { at, outcome, snapshot, durationMs, filesNew, filesChanged, bytesAdded, ...news };
}
