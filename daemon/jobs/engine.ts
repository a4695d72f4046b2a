// The main thread's end of the engine: starts the worker thread, asks it, and ends it. Ending it is also how keys leave the process: a
// terminated thread's memory is gone. All errors come back as SignetErrors with their codes.

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
import { type EngineProgress, progress, progressToken } from './engine-messages.ts';

/** Short-lived objects of a job are small; a larger nursery only raises the peak. */
const youngGenerationMb = 8;

export interface EngineCall {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: EngineProgress) => void) | undefined;
}

export class Engine {
  readonly #program: URL;
  readonly #home: Home;
  readonly #onFailure: (error: SignetError) => void;
  #running: { readonly worker: Worker; readonly connection: MessageConnection } | undefined;

  /** @param options.onFailure the thread died of something nobody caught; the next call starts a new one, with no repository open */
  constructor(options: { program: URL; home: Home; onFailure: (error: SignetError) => void }) {
    this.#program = options.program;
    this.#home = options.home;
    this.#onFailure = options.onFailure;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  async ask<Params extends object, Result>(
    type: RequestType<Params, Result, WireError>,
    params: Params,
    { signal, onProgress }: EngineCall = {},
  ): Promise<Result> {
    signal?.throwIfAborted();
    const { connection } = this.#start();
    const cancellation = new CancellationTokenSource();
    const cancel = (): void => cancellation.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const listening = onProgress && connection.onProgress(progress, progressToken, onProgress);
    try {
      return await connection.sendRequest<Result>(type.method, params, cancellation.token);
    } catch (error) {
      const wire = wireErrorOf(error);
      if (wire !== undefined) {
        const { detail, ...others } = wire.params;
        throw new SignetError(wire.code, String(detail ?? wire.code), { params: others, retryable: wire.retryable });
      }
      if (this.#running?.connection !== connection) {
        throw new SignetError('E_CANCELLED', 'the engine was stopped while it worked', { cause: error });
      }
      throw toSignetError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      listening?.dispose();
      cancellation.dispose();
    }
  }

  /** Ends the thread with everything it knows. Requests under way end as cancelled. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.connection.dispose();
    await running.worker.terminate();
  }

  #start(): { readonly worker: Worker; readonly connection: MessageConnection } {
    if (this.#running !== undefined) return this.#running;
    const worker = new Worker(this.#program, {
      workerData: { home: this.#home },
      name: 'signet engine',
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    const connection = createMessageConnection(new PortMessageReader(worker), new PortMessageWriter(worker));
    const running = { worker, connection };
    const end = (reason: unknown): void => {
      if (this.#running !== running) return;
      this.#running = undefined;
      connection.dispose();
      this.#onFailure(toSignetError(reason));
    };
    worker.once('error', end);
    worker.once('exit', code => end(new SignetError('E_INTERNAL', `the engine thread ended with ${code}`)));
    connection.listen();
    this.#running = running;
    return running;
  }
}
