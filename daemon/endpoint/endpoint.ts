// The daemon's door: clients' requests checked and handed to handlers, answers and errors in the protocol's form, one whole status to
// everybody when it changed. A client that misbehaves loses its own connection at most. What crosses outwards is results, codes and
// parameters; a secret given with a request is opened here, wiped here, and cut out of any error that would carry it.

import { lstatSync } from 'node:fs';
import * as v from 'valibot';
import {
  type CancellationToken,
  ErrorCodes,
  type NotificationType,
  type RequestType,
  type RequestType0,
  ResponseError,
} from 'vscode-jsonrpc/node';
import { claimHome, ensureToken, type HomeClaim } from '../../protocol/claim.ts';
import { type ErrorParams, PeerError, type WireError, wireErrorOf } from '../../protocol/errors.ts';
import { maxAnswerLength } from '../../protocol/frames.ts';
import type { Home } from '../../protocol/home.ts';
import * as messages from '../../protocol/messages.ts';
import { type SealedName, Secrets } from '../../protocol/secrets.ts';
import { type Peer, serve } from '../../protocol/socket.ts';
import type { JobProgress, SetupResult, Status } from '../../protocol/status.ts';
import { compareVersions, ownVersions, type Versions } from '../../protocol/version.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { toSignetError } from '../base/errors.ts';
import { complaint, initializeParams, paramsOf } from './params.ts';

export { claimHome, type HomeClaim } from '../../protocol/claim.ts';
export { Secrets } from '../../protocol/secrets.ts';

export const requests = {
  setup: messages.setup,
  status: messages.status,
  backup: messages.backup,
  cancel: messages.cancel,
  snapshots: messages.snapshots,
  compareSnapshots: messages.compareSnapshots,
  showSnapshot: messages.showSnapshot,
  list: messages.list,
  read: messages.read,
  restore: messages.restore,
  restoreOriginal: messages.restoreOriginal,
  listUndos: messages.listUndos,
  undoRestore: messages.undoRestore,
  finishRestore: messages.finishRestore,
  verify: messages.verify,
  showAlarms: messages.showAlarms,
  acknowledgeAlarm: messages.acknowledgeAlarm,
  unlock: messages.unlock,
  lock: messages.lock,
  history: messages.history,
  historyDays: messages.historyDays,
  setSchedule: messages.setSchedule,
  pause: messages.pause,
  discoverSources: messages.discoverSources,
  syncedFolders: messages.syncedFolders,
  inspectPlace: messages.inspectPlace,
  addSource: messages.addSource,
  removeSource: messages.removeSource,
  changeSource: messages.changeSource,
  acceptSource: messages.acceptSource,
  judgePassword: messages.judgePassword,
  changePassword: messages.changePassword,
  changePhone: messages.changePhone,
  showRecoveryKey: messages.showRecoveryKey,
  renewRecoveryKey: messages.renewRecoveryKey,
  writeRecoverySheet: messages.writeRecoverySheet,
  showRecoverySheet: messages.showRecoverySheet,
  startAfresh: messages.startAfresh,
  deleteOldBackup: messages.deleteOldBackup,
  connectRemote: messages.connectRemote,
  disconnectRemote: messages.disconnectRemote,
  showRemote: messages.showRemote,
  moveRemote: messages.moveRemote,
  addMirror: messages.addMirror,
  removeMirror: messages.removeMirror,
  syncMirrors: messages.syncMirrors,
  deleteBackup: messages.deleteBackup,
  suggestPassword: messages.suggestPassword,
  daemonInfo: messages.daemonInfo,
  stopDaemon: messages.stopDaemon,
  handOver: messages.handOver,
  doctor: messages.doctor,
  diagnostics: messages.diagnostics,
  getSettings: messages.getSettings,
  setSettings: messages.setSettings,
  installService: messages.installService,
  uninstallService: messages.uninstallService,
} as const;

type Requests = typeof requests;
export type RequestName = keyof Requests;

type ParamsOf<M> =
  M extends RequestType<infer P, infer _R, infer _E> ? Omit<P, 'secrets' | 'progressToken'> : Record<string, never>;
type ResultOf<M> =
  M extends RequestType<infer _P, infer R, infer _E> ? R : M extends RequestType0<infer R, infer _E> ? R : never;

type ParamsOfNotification<M> = M extends NotificationType<infer P> ? P : never;

/** What comes with a request beside its parameters. */
export interface Call {
  /** Opened for this call and wiped when it ends, whatever the end; a handler that needs them longer copies them. */
  readonly secrets: Secrets;
  /** At most every 100 ms reaches the client, the newest value; without a listener it goes nowhere. */
  readonly progress: (value: JobProgress) => void;
  /** Reaches the client of this request alone. */
  readonly signInAsked: (asked: ParamsOfNotification<typeof messages.signInAsked>) => void;
  /** Aborts when the client cancels the request or is gone. For `backup` it never does: the job ends by `cancel` alone. */
  readonly signal: AbortSignal;
}

/** The recovery key as the ASCII bytes of its 64 digits; the endpoint seals them for the client and wipes them. */
interface WithKey {
  readonly recoveryKey: Uint8Array;
}
export type SetupOutcome = Omit<SetupResult, 'recoveryKey'> & Partial<WithKey>;

/** What a handler answers: keys and words as bytes in place of what is sealed of them. */
type OutcomeOf<Result> = Result extends messages.KeyAnswer
  ? Omit<Result, 'sealedKey'> & WithKey
  : Result extends { readonly sealedPassword: messages.SealedSecrets }
    ? { readonly newPassword: Uint8Array }
    : Result extends { readonly sealedSheet: messages.SealedSecrets }
      ? { readonly sheet: Uint8Array }
      : Result;

/**
 * One function for each request. What it throws crosses as its `{code, params, retryable}` (a SignetError has them); anything else
 * as E_INTERNAL with nothing but the name of the error. `stopDaemon` and `handOver` answer first and stop afterwards; `handOver` is called
 * only for a client that may ask for it, and throws E_BUSY while a job runs.
 */
export type Handlers = {
  readonly [name in RequestName]: (
    params: ParamsOf<Requests[name]>,
    call: Call,
  ) => Promise<name extends 'setup' ? SetupOutcome : OutcomeOf<ResultOf<Requests[name]>>>;
};

/** pino's shape. Gets methods, codes and counts; no parameters, no results. */
export interface EndpointLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface EndpointOptions {
  readonly home: Home;
  readonly handlers: Handlers;
  readonly log: EndpointLog;
  /** The caller's claim of this home; without one the endpoint takes it and gives it back. A daemon claims before it opens its state. */
  readonly claim?: HomeClaim;
  /** Default: the home's token, made when there is none. */
  readonly token?: Uint8Array;
  readonly clock?: Clock;
  /** How long a stranger may take to prove itself; default 3 s. */
  readonly authenticateMs?: number;
  /** What this daemon says it is; default: this build. */
  readonly versions?: Versions;
  /** Called once when the socket is gone or another lies in its place: nobody can find this daemon any more. */
  readonly onLost?: () => void;
}

export interface Endpoint {
  readonly path: string;
  /** Clients past their `initialize`. */
  clients(): number;
  /** Tells all clients, at most every 100 ms, the newest. */
  broadcast(status: Status): void;
  /** Cancels what clients wait for, gives the answers a second to leave, and takes the endpoint away. */
  stop(): Promise<void>;
}

export const coalesceMs = 100;
export const maxInFlight = 32;
const farewellMs = 1000;
/** How often the socket is looked for: Linux takes the runtime folder away at logout, from a daemon that may outlive it. */
const lookMs = 5000;
/** What a client of another protocol may still ask: enough to see what runs and to replace it. */
export const ageless: readonly RequestName[] = ['status', 'daemonInfo', 'handOver', 'stopDaemon'];
/** Nobody is the worse for losing the answer to one of these: it is asked again. */
const passing: readonly RequestName[] = ['status', 'daemonInfo', 'handOver', 'doctor', 'diagnostics'];
/** Their results may hold a recovery key. */
const keyed: readonly RequestName[] = ['setup', 'showRecoveryKey', 'renewRecoveryKey', 'startAfresh'];
/** Their job belongs to the daemon: a client that cancels its request or leaves only stops waiting. */
const detachable: readonly RequestName[] = ['backup'];

/** LSP 3.17 `RequestCancelled`. */
const requestCancelled = -32800;
const failed = 1;

/** Throws E_BUSY when a daemon serves this home already, E_RUNTIME when the endpoint's place is not private. */
export async function startEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { home, log } = options;
  const clock = options.clock ?? systemClock;
  const ownClaim = options.claim === undefined ? await claimHome(home) : undefined;
  const clients = new Set<Client>();
  try {
    const token = options.token ?? (await ensureToken(home));
    const served = await serve({
      home,
      token,
      ...(options.authenticateMs === undefined ? {} : { authenticateMs: options.authenticateMs }),
      onPeer: peer => {
        const client = new Client(peer, {
          handlers: options.handlers,
          log,
          clock,
          versions: options.versions ?? ownVersions,
          isAwaited: () => [...clients].some(each => each.isWaiting),
        });
        clients.add(client);
        peer.connection.onDispose(() => {
          clients.delete(client);
          client.gone();
        });
      },
    });
    const stopLooking = lookFor(served.path, clock, options.onLost);
    const told = coalesce(clock, (status: Status) => {
      for (const client of clients) client.tell(status);
    });
    return {
      path: served.path,
      clients: () => [...clients].filter(client => client.initialized).length,
      broadcast: told.offer,
      async stop() {
        stopLooking();
        told.drop();
        for (const client of clients) client.abortAll();
        const { promise: late, resolve } = Promise.withResolvers<void>();
        const cancelTimer = clock.timer(farewellMs, resolve);
        await Promise.race([Promise.all([...clients].map(client => client.idle())), late]);
        cancelTimer();
        await new Promise<void>(done => setImmediate(done)); // an answer is written just after its request is done
        await served.stop();
        ownClaim?.release();
      },
    };
  } catch (error) {
    ownClaim?.release();
    throw error;
  }
}

/** On Windows the pipe is no file, and stays as long as its process. */
function lookFor(path: string, clock: Clock, onLost: (() => void) | undefined): () => void {
  if (onLost === undefined || process.platform === 'win32') return () => undefined;
  const inode = (): number | undefined => lstatSync(path, { throwIfNoEntry: false })?.ino;
  const own = inode();
  let cancel = (): void => undefined;
  const look = (): void => {
    if (inode() === own) cancel = clock.timer(lookMs, look, { unref: true });
    else onLost();
  };
  look();
  return () => cancel();
}

interface ClientOptions extends Pick<EndpointOptions, 'handlers' | 'log'> {
  readonly clock: Clock;
  readonly versions: Versions;
  /** Whether any client waits for an answer that would be missed. */
  readonly isAwaited: () => boolean;
}

class Client {
  initialized = false;
  readonly #peer: Peer;
  readonly #options: ClientOptions;
  readonly #running = new Map<AbortController, { readonly name: RequestName; readonly task: Promise<unknown> }>();
  #theirs: Versions | undefined;
  /** The newest state that it has not been told, as it had not taken what came before. */
  #untold: Status | undefined;
  #shutDown = false;

  constructor(peer: Peer, options: ClientOptions) {
    this.#peer = peer;
    this.#options = options;
    peer.connection.onRequest((method, params, token) => this.#answer(method, params, token));
    peer.connection.onNotification(method => {
      if (method === 'exit') peer.close(); // ends this client; the daemon outlives its windows
    });
    peer.connection.onError(() => peer.close());
  }

  get isWaiting(): boolean {
    return [...this.#running.values()].some(({ name }) => !passing.includes(name));
  }

  tell(status: Status): void {
    if (!this.initialized) return;
    const behind = this.#peer.behind();
    if (behind !== undefined) {
      // What it has not taken would pile up here: it gets the newest state when it has caught up.
      if (this.#untold === undefined) void behind.then(() => this.#tellNewest());
      this.#untold = status;
      return;
    }
    this.#peer.connection.sendNotification(messages.statusChanged, status).catch(() => this.#peer.close()); // cannot be written to: the client dials again
  }

  #tellNewest(): void {
    const status = this.#untold;
    this.#untold = undefined;
    if (status !== undefined) this.tell(status);
  }

  abortAll(): void {
    for (const controller of this.#running.keys()) controller.abort();
  }

  async idle(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(({ task }) => task));
  }

  gone(): void {
    this.initialized = false;
    this.#untold = undefined;
    this.abortAll();
  }

  async #answer(method: string, params: unknown, token: CancellationToken): Promise<unknown> {
    if (method === messages.initialize.method) return this.#initialize(params);
    if (method === 'shutdown') {
      this.#shutDown = true;
      return null;
    }
    const name = requestNames.get(method);
    if (!this.initialized || this.#shutDown)
      return refusal(ErrorCodes.ServerNotInitialized, 'the connection is not initialized');
    if (name === undefined) return refusal(ErrorCodes.MethodNotFound, 'the background part does not know this request');
    if (!this.#isCompatible && !ageless.includes(name)) {
      return response(
        new PeerError('E_DAEMON_INCOMPATIBLE', 'client and daemon speak different protocols', {
          params: { ...told(this.#options.versions) },
        }),
      );
    }
    if (name === 'handOver') {
      const refused = this.#refusesHandOver();
      if (refused !== undefined) return response(refused);
    }
    if (this.#running.size >= maxInFlight) {
      return response(new PeerError('E_BUSY', `${this.#running.size} requests are waiting, at most ${maxInFlight}`));
    }
    const controller = new AbortController();
    const task = this.#call(name, method, params, token, controller);
    this.#running.set(controller, { name, task });
    try {
      return await task;
    } finally {
      this.#running.delete(controller);
    }
  }

  #initialize(params: unknown): unknown {
    const parsed = v.safeParse(initializeParams, params ?? {});
    if (!parsed.success) return refusal(ErrorCodes.InvalidParams, `initialize: ${complaint(parsed.issues)}`);
    const said = parsed.output.initializationOptions;
    if (said?.protocolVersion !== undefined) {
      this.#theirs = { protocolVersion: said.protocolVersion, productVersion: said.version ?? '' };
    }
    this.initialized = true;
    const { log, versions } = this.#options;
    // Each command connects once: only what does not fit is worth a line among the backups.
    if (!this.#isCompatible) log.info({ compatible: false, version: said?.version }, 'client connected');
    const answer: messages.InitializeResult = {
      capabilities: {},
      serverInfo: { name: 'signet', version: versions.productVersion },
      signet: told(versions),
    };
    return answer;
  }

  get #isCompatible(): boolean {
    return this.#theirs === undefined || this.#theirs.protocolVersion === this.#options.versions.protocolVersion;
  }

  /** An older client never ends a newer daemon, and nobody ends one that someone waits for. */
  #refusesHandOver(): PeerError | undefined {
    const { versions, isAwaited } = this.#options;
    if (this.#theirs === undefined || compareVersions(this.#theirs, versions) <= 0) {
      return new PeerError('E_DAEMON_INCOMPATIBLE', 'only a newer client may ask the daemon to make way', {
        params: { ...told(versions), newer: 'daemon' },
      });
    }
    return isAwaited() ? new PeerError('E_BUSY', 'another client waits for an answer') : undefined;
  }

  async #call(
    name: RequestName,
    method: string,
    params: unknown,
    token: CancellationToken,
    controller: AbortController,
  ): Promise<unknown> {
    const parsed = v.safeParse(paramsOf[name], params ?? {});
    if (!parsed.success) return refusal(ErrorCodes.InvalidParams, complaint(parsed.issues));
    const {
      secrets: sealed,
      progressToken,
      ...rest
    } = parsed.output as Partial<messages.WithProgress> & {
      secrets?: messages.SealedSecrets;
    };
    let secrets = new Secrets();
    let given = secrets;
    const progress = coalesce(this.#options.clock, (value: JobProgress) => {
      if (progressToken === undefined) return;
      this.#peer.connection.sendProgress(messages.progress, progressToken, value).catch(() => this.#peer.close());
    });
    const signInAsked: Call['signInAsked'] = asked => {
      this.#peer.connection.sendNotification(messages.signInAsked, asked).catch(() => this.#peer.close());
    };
    const cancelled = Promise.withResolvers<never>();
    cancelled.promise.catch(() => {}); // nobody may be waiting for it any more
    const detached = detachable.includes(name);
    const stopWaiting = () =>
      cancelled.reject(new PeerError('E_CANCELLED', 'the client no longer waits for this request'));
    const onCancel = token.onCancellationRequested(() => controller.abort());
    if (detached) controller.signal.addEventListener('abort', stopWaiting, { once: true });
    const signal = detached ? new AbortController().signal : controller.signal;
    try {
      if (sealed !== undefined) secrets = this.#peer.secrets.open(method, sealed);
      given = secrets.copy(); // a handler may wipe its own before it fails
      // The parameters were parsed by the schema of this very name; the compiler cannot follow a name through two tables.
      const handler = this.#options.handlers[name] as (params: object, call: Call) => Promise<unknown>;
      const work = handler(rest, { secrets, progress: progress.offer, signInAsked, signal });
      if (detached) work.catch(() => {}); // when nobody waits any more, the job's own record tells how it ended
      const result = await (detached ? Promise.race([work, cancelled.promise]) : work);
      if (keyed.includes(name)) return this.#bounded(this.#sealKey(method, result as Partial<WithKey>));
      if (name === 'suggestPassword') {
        const { newPassword } = result as { readonly newPassword: Uint8Array };
        return { sealedPassword: this.#seal(method, 'newPassword', newPassword) };
      }
      if (name === 'showRecoverySheet') {
        return { sealedSheet: this.#seal(method, 'sheet', (result as { readonly sheet: Uint8Array }).sheet) };
      }
      return this.#bounded(result);
    } catch (error) {
      const wire = scrub(toWire(error), given);
      this.#options.log.warn({ method, code: wire.code, ...traceOf(error, wire) }, 'request failed');
      return response(wire);
    } finally {
      onCancel.dispose();
      progress.drop();
      secrets.wipe();
      given.wipe();
    }
  }

  #sealKey(method: string, outcome: Partial<WithKey>): { readonly sealedKey?: messages.SealedSecrets } {
    const { recoveryKey, ...rest } = outcome;
    if (recoveryKey === undefined) return rest;
    // What is shown has to be right: the raw key, or digits of digits, would never open anything.
    if (recoveryKey.length !== 64) {
      const { length } = recoveryKey;
      recoveryKey.fill(0);
      throw new PeerError('E_INTERNAL', `a recovery key of ${length} digits`);
    }
    return { ...rest, sealedKey: this.#seal(method, 'recoveryKey', recoveryKey) };
  }

  /** Wipes the value. */
  #seal(method: string, name: SealedName, value: Uint8Array): messages.SealedSecrets {
    const secrets = new Secrets([[name, value]]);
    try {
      return this.#peer.secrets.seal(method, secrets);
    } finally {
      secrets.wipe();
    }
  }

  #bounded(result: unknown): unknown {
    const length = JSON.stringify(result ?? null).length;
    if (length > maxAnswerLength - 1024) {
      throw new PeerError('E_OBJECT_LIMIT', `the answer has ${length} characters, at most ${maxAnswerLength} are sent`);
    }
    return result;
  }
}

function told({ protocolVersion, productVersion }: Versions): messages.InitializeResult['signet'] {
  return { protocolVersion, daemonVersion: productVersion };
}

const requestNames: ReadonlyMap<string, RequestName> = new Map(
  (Object.keys(requests) as RequestName[]).map(name => [requests[name].method, name]),
);

/** The newest value, at once when it has been quiet, else when the interval is over. */
function coalesce<T>(clock: Clock, send: (value: T) => void): { offer: (value: T) => void; drop: () => void } {
  let waiting: { value: T } | undefined;
  let cancelTimer: (() => void) | undefined;
  function next(): void {
    cancelTimer = undefined;
    if (waiting === undefined) return;
    const { value } = waiting;
    waiting = undefined;
    cancelTimer = clock.timer(coalesceMs, next, { unref: true });
    send(value);
  }
  return {
    offer(value) {
      waiting = { value };
      if (cancelTimer === undefined) next();
    },
    drop() {
      waiting = undefined;
      cancelTimer?.();
    },
  };
}

function refusal(jsonRpcCode: number, detail: string): ResponseError<WireError> {
  const { code, params, retryable } = new PeerError('E_USAGE', detail);
  return new ResponseError<WireError>(jsonRpcCode, code, { code, params, retryable });
}

function response({ code, params, retryable }: WireError): ResponseError<WireError> {
  return new ResponseError<WireError>(code === 'E_CANCELLED' ? requestCancelled : failed, code, {
    code,
    params,
    retryable,
  });
}

function toWire(thrown: unknown): WireError {
  if (hasToWire(thrown)) return thrown.toWire();
  const known = wireErrorOf(thrown);
  if (known !== undefined) return known;
  const wire = toSignetError(thrown).toWire();
  // A message nobody of ours wrote may hold anything; its kind is enough for a report.
  return wire.code === 'E_INTERNAL'
    ? { ...wire, params: { detail: thrown instanceof Error ? thrown.name : 'unknown' } }
    : wire;
}

function hasToWire(thrown: unknown): thrown is { toWire(): WireError } {
  return wireErrorOf(thrown) !== undefined && typeof (thrown as { toWire?: unknown }).toWire === 'function';
}

/** Cuts the request's own secrets out of the parameters, should a message have taken one up, and bounds their length. */
function scrub(wire: WireError, secrets: Secrets): WireError {
  const needles = secrets.names().flatMap(name => {
    const value = secrets.get(name);
    return value === undefined || value.length < 4 ? [] : [value];
  });
  const clean = (value: string | number | boolean) => {
    if (typeof value !== 'string') return value;
    const text = needles.reduce(without, value);
    return text.length > 2048 ? `${text.slice(0, 2048)}…` : text;
  };
  const params: ErrorParams = Object.fromEntries(
    Object.entries(wire.params)
      .slice(0, 32)
      .map(([key, value]) => [key, clean(value)]),
  );
  return { code: wire.code, params, retryable: wire.retryable };
}

/** Compares bytes: the secret itself must not become text here. */
function without(text: string, needle: Uint8Array): string {
  const bytes = Buffer.from(text);
  let clean = '';
  let from = 0;
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, from)) {
    clean += `${bytes.toString('utf8', from, at)}[secret]`;
    from = at + needle.length;
  }
  return from === 0 ? text : clean + bytes.toString('utf8', from);
}

/** Where an unexpected error came from: its frames without its message. */
function traceOf(thrown: unknown, wire: WireError): object {
  if (wire.code !== 'E_INTERNAL' || !(thrown instanceof Error)) return {};
  const frames = thrown.stack?.split('\n').filter(line => /^\s+at /.test(line)) ?? [];
  return { error: thrown.name, at: frames.slice(0, 8).map(line => line.trim()) };
}
