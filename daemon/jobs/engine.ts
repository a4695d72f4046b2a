// The main thread's end of the engine: starts the worker thread, asks it, and ends it. Ending it is also how keys leave the process: a
// terminated thread's memory is gone. All errors come back as SignetErrors with their codes.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  CancellationTokenSource,
  createMessageConnection,
  type MessageConnection,
  PortMessageReader,
  PortMessageWriter,
  type RequestType,
} from 'vscode-jsonrpc/node';
import { type WireError, wireErrorOf } from '../../protocol/errors.ts';
import { SignetError, toSignetError } from '../base/errors.ts';
import type { Home } from '../state/model.ts';
import {
  announced,
  carried,
  close,
  type EngineProgress,
  type ForgetAnnounced,
  landed,
  progress,
  progressToken,
  type SignInAsked,
  signInAsked,
  signInToken,
} from './engine-messages.ts';

/** Short-lived objects of a job are small; a larger nursery only raises the peak. */
const youngGenerationMb = 8;
/** What the thread gets to end what it does and to wipe its keys before it is ended. */
const farewellMs = 2000;

export interface EngineCall {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: EngineProgress) => void) | undefined;
  readonly onSignInAsked?: ((asked: SignInAsked) => void) | undefined;
  /** The engine waits for it, and goes on only when it resolves. */
  readonly onAnnounced?: ((seen: ForgetAnnounced) => Promise<void>) | undefined;
}

interface RunningEngine {
  readonly worker: Worker;
  readonly connection: MessageConnection;
  /** What is under way, with the means to cancel it. */
  readonly asked: Map<CancellationTokenSource, Promise<unknown>>;
  /** What the thread died of. */
  failure?: SignetError;
}

/** What the thread is started with. */
export interface EngineWorld {
  readonly home: Home;
  /** SIGNET_GOOGLE_ROOT: tests put a server on this computer in Google's place. */
  readonly googleRoot: string | undefined;
}

export class Engine {
  readonly #program: URL;
  readonly #world: EngineWorld;
  readonly #onFailure: (error: SignetError) => void;
  #running: RunningEngine | undefined;

  /** @param options.onFailure the thread died of something nobody caught; the next call starts a new one, with no repository open */
  constructor({
    program,
    onFailure,
    ...world
  }: EngineWorld & { program: URL; onFailure: (error: SignetError) => void }) {
    this.#program = program;
    this.#world = world;
    this.#onFailure = onFailure;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  async ask<Params extends object, Result>(
    type: RequestType<Params, Result, WireError>,
    params: Params,
    { signal, onProgress, onSignInAsked, onAnnounced }: EngineCall = {},
  ): Promise<Result> {
    signal?.throwIfAborted();
    const running = this.#start();
    const { connection } = running;
    const cancellation = new CancellationTokenSource();
    const cancel = (): void => cancellation.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    let notRemembered: SignetError | undefined;
    const listening = [
      ...(onProgress === undefined ? [] : [connection.onProgress(progress, progressToken, onProgress)]),
      ...(onSignInAsked === undefined ? [] : [connection.onProgress(signInAsked, signInToken, onSignInAsked)]),
      ...(onAnnounced === undefined
        ? []
        : [
            connection.onRequest(announced, seen =>
              onAnnounced(seen).then(
                () => null,
                (error: unknown) => {
                  notRemembered = toSignetError(error); // the engine only learns that it must stop
                  throw error;
                },
              ),
            ),
          ]),
    ];
    try {
      const answer = connection.sendRequest<Result>(type.method, carried(params), cancellation.token);
      running.asked.set(cancellation, answer);
      return landed(await answer);
    } catch (error) {
      if (notRemembered !== undefined) throw notRemembered;
      const wire = wireErrorOf(error);
      if (wire !== undefined) {
        const { detail, ...others } = wire.params;
        throw new SignetError(wire.code, String(detail ?? wire.code), { params: others, retryable: wire.retryable });
      }
      if (running.failure !== undefined) throw running.failure;
      if (this.#running?.connection !== connection) {
        throw new SignetError('E_CANCELLED', 'the engine was stopped while it worked', { cause: error });
      }
      throw toSignetError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      for (const each of listening) each.dispose();
      running.asked.delete(cancellation);
      cancellation.dispose();
    }
  }

  /** Ends the thread with everything it knows and has staged. Requests under way end as cancelled. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await this.#wipe(running);
    running.connection.dispose();
    await running.worker.terminate();
    if (this.#running === undefined) this.#sweep();
  }

  /**
   * The memory of an ended thread is given back as it is, with the keys in it; so it wipes them itself first. Never while something runs
   * that could still seal: that is cancelled, and if it does not end in time, the thread is ended with what it has.
   */
  async #wipe({ connection, asked }: RunningEngine): Promise<void> {
    const late = new AbortController();
    const farewell = (async () => {
      for (const cancellation of asked.keys()) cancellation.cancel();
      await Promise.allSettled(asked.values());
      await connection.sendRequest(close.method, {}).catch(() => undefined); // a thread that cannot is ended all the same
    })();
    await Promise.race([farewell, pause(farewellMs, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
  }

  /** A thread that was ended in the middle of a capture leaves a plain copy of a database behind. */
  #sweep(): void {
    try {
      for (const name of readdirSync(this.#world.home.staging)) {
        rmSync(join(this.#world.home.staging, name), { recursive: true, force: true });
      }
    } catch {
      // Never made yet, or not to be read now: the next start of the daemon sweeps it too, and says so.
    }
  }

  #start(): RunningEngine {
    if (this.#running !== undefined) return this.#running;
    const worker = new Worker(this.#program, {
      workerData: this.#world satisfies EngineWorld,
      name: 'signet engine',
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    const connection = createMessageConnection(new PortMessageReader(worker), new PortMessageWriter(worker));
    const running: RunningEngine = { worker, connection, asked: new Map() };
    const end = (reason: unknown): void => {
      if (this.#running !== running) return;
      this.#running = undefined;
      running.failure = toSignetError(reason);
      connection.dispose();
      this.#sweep();
      this.#onFailure(running.failure);
    };
    worker.once('error', end);
    worker.once('exit', code => end(new SignetError('E_INTERNAL', `the engine thread ended with ${code}`)));
    connection.listen();
    this.#running = running;
    return running;
  }
}
