// One job at a time, whatever asks: what runs, how far it is, how long it will still take, and how it is stopped.

import type { JobKind, JobProgress } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError } from '../base/errors.ts';
import type { EngineProgress } from './engine-messages.ts';

export interface JobCall {
  readonly progress: (value: JobProgress) => void;
  readonly signal: AbortSignal;
}

export interface JobManners {
  /** Nobody waits for it: it ends as soon as another job is asked for, and does not begin while one waits. */
  readonly makesWay?: boolean;
}

interface RunningJob {
  readonly kind: JobKind;
  readonly makesWay: boolean;
  readonly controller: AbortController;
  readonly startedAt: number;
  readonly report: (value: JobProgress) => void;
  progress: JobProgress;
}

const nothingDone = { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0, bytesUploaded: 0 } as const;

export class JobQueue {
  readonly #clock: Clock;
  readonly #onChanged: () => void;
  #job: RunningJob | null = null;
  /** The end of the job before, whatever it was. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, onChanged: () => void) {
    this.#clock = clock;
    this.#onChanged = onChanged;
  }

  /** Of the job that runs. */
  get progress(): JobProgress | null {
    return this.#job?.progress ?? null;
  }

  /** Resolves when the jobs asked for so far have ended, however they end. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  /**
   * Runs the work when its turn comes.
   *
   * @param call.signal of the client: when it aborts, the job is cancelled, or does not begin
   */
  async run<Result>(
    kind: JobKind,
    call: JobCall,
    work: (signal: AbortSignal, onProgress: (step: EngineProgress) => void) => Promise<Result>,
    { makesWay = false }: JobManners = {},
  ): Promise<Result> {
    if (this.#job?.makesWay === true) this.#job.controller.abort(madeWay());
    const before = this.#turn;
    const turn = Promise.withResolvers<void>();
    this.#turn = turn.promise;
    try {
      await before;
      call.signal.throwIfAborted();
      if (makesWay && this.#turn !== turn.promise) throw madeWay();
      const controller = new AbortController();
      const job: RunningJob = {
        kind,
        makesWay,
        controller,
        startedAt: this.#clock.monotonic(),
        report: call.progress,
        progress: { kind, ...nothingDone, phase: 'preparing', cancellable: true },
      };
      const abort = (): void => controller.abort(new SignetError('E_CANCELLED', 'the client stopped waiting'));
      call.signal.addEventListener('abort', abort, { once: true });
      this.#job = job;
      this.#onChanged();
      try {
        return await work(controller.signal, step => this.#step(job, step));
      } finally {
        call.signal.removeEventListener('abort', abort);
        this.#job = null;
        this.#onChanged();
      }
    } finally {
      turn.resolve();
    }
  }

  /** Stops the running job, which cleans up after itself; false when none runs, or it is past the point where it can be stopped. */
  cancel(): boolean {
    const job = this.#job;
    if (job === null || !job.progress.cancellable) return false;
    job.progress = { ...job.progress, phase: 'cancelling', cancellable: false };
    job.controller.abort(new SignetError('E_CANCELLED', 'stopped at the request of the user'));
    this.#onChanged();
    return true;
  }

  #step(job: RunningJob, { item, ...step }: EngineProgress): void {
    if (job.progress.phase === 'cancelling') return;
    const etaSeconds = estimateSeconds(step, this.#clock.monotonic() - job.startedAt);
    job.progress = {
      kind: job.kind,
      cancellable: step.phase !== 'finishing',
      ...step,
      ...(item !== '' && { item }),
      ...(etaSeconds !== undefined && { etaSeconds }),
    };
    job.report(job.progress);
    this.#onChanged();
  }
}

function madeWay(): SignetError {
  return new SignetError('E_CANCELLED', 'it made way for another job');
}

/** Below this share of the work, or this much time, a guess would only jump about. */
const leastShare = 0.02;
const leastMs = 1500;

/** Whole seconds, or undefined while it cannot be told. */
function estimateSeconds(
  done: { readonly bytesDone: number; readonly bytesTotal: number },
  elapsedMs: number,
): number | undefined {
  const share = done.bytesTotal > 0 ? done.bytesDone / done.bytesTotal : 0;
  if (share < leastShare || elapsedMs < leastMs) return undefined;
  return Math.max(0, Math.round((elapsedMs * (1 / share - 1)) / 1000));
}
