// What every command shares: a connection to the daemon, failures turned into sentences and exit codes, and what Ctrl-C means.

import {
  type CancellationToken,
  CancellationTokenSource,
  ErrorCodes,
  type RequestType,
  ResponseError,
} from 'vscode-jsonrpc/node';
import { wordsFor } from '../../protocol/error-words.ts';
import {
  type ErrorCode,
  type ErrorParams,
  exitCode,
  PeerError,
  type WireError,
  wireErrorOf,
} from '../../protocol/errors.ts';
import { resolveHome } from '../../protocol/home.ts';
import { type Connected, connect, connectOrLaunch } from '../../protocol/launch.ts';
import { progress, type WithProgress } from '../../protocol/messages.ts';
import { harmless, note, type ProgressView, progressView } from './terminal.ts';

export interface CommonOptions {
  readonly json?: boolean;
}

/** Runs with a connection to the daemon, started when none runs unless `start` is false. */
export async function withDaemon<T>(run: (daemon: Connected) => Promise<T>, { start = true } = {}): Promise<T> {
  const home = resolveHome();
  const daemon = start ? await connectOrLaunch({ home }) : await connect(home).catch(notRunning);
  try {
    return await run(daemon);
  } finally {
    daemon.close();
  }
}

/** Nothing is broken: it was only not started. */
function notRunning(error: unknown): never {
  if (wireErrorOf(error)?.code !== 'E_DAEMON_MISSING') throw error;
  const advice = '`signet daemon start` starts it';
  throw new PeerError('E_DAEMON_MISSING', 'the daemon does not run', { params: { advice }, cause: error });
}

const silent: ProgressView = { show: () => {}, end: () => {} };

/** A request whose progress is shown unless it `isQuiet`, and which Ctrl-C cancels or, with `detach`, leaves to the daemon. */
export async function longRequest<P extends WithProgress, R>(
  daemon: Connected,
  type: RequestType<P, R, WireError>,
  params: Omit<P, 'progressToken'>,
  options: CommonOptions & { readonly detach?: string; readonly isQuiet?: boolean },
): Promise<R> {
  const view = options.isQuiet === true ? silent : progressView(options.json === true);
  const progressToken = 'p';
  const listener = daemon.connection.onProgress(progress, progressToken, job => view.show(job));
  const source = new CancellationTokenSource();
  let interrupts = 0;
  const interrupted = () => {
    interrupts += 1;
    if (interrupts === 1 && options.detach !== undefined) {
      view.end();
      note(options.detach);
    }
    if (interrupts > 1) process.exit(exitCode('E_CANCELLED'));
    source.cancel();
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  try {
    return await send(daemon, type, { ...params, progressToken } as unknown as P, source.token);
  } catch (error) {
    if (wireErrorOf(error)?.code !== 'E_CANCELLED') throw error;
    if (interrupts > 0 && options.detach !== undefined) throw new Exit(exitCode('E_CANCELLED')); // all is said
    throw new PeerError('E_CANCELLED', 'stopped at the request of the user', {
      params: { job: type.method.replace('signet/', '') },
      cause: error,
    });
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    listener.dispose();
    view.end();
  }
}

async function send<P, R>(
  daemon: Connected,
  type: RequestType<P, R, WireError>,
  params: P,
  token: CancellationToken,
): Promise<R> {
  return daemon.connection.sendRequest<R>(type.method, params, token);
}

/** Thrown to end with an exit code after everything was said. */
export class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** A mistake in how the command was called; `detail` names the option. */
export function usage(detail: string, advice?: string): PeerError {
  return new PeerError('E_USAGE', detail, advice === undefined ? {} : { params: { advice } });
}

/** A backup as it is named on the command line. */
export function backupNamed(name: string): string {
  if (/^(?:latest|[0-9a-f]{4,64})$/.test(name)) return name;
  throw usage('a backup is named by latest, or by the first 4 or more digits of its id', 'See `signet snapshots`.');
}

/** Says what went wrong, on standard error, and answers the exit code. */
export function report(thrown: unknown, json: boolean): number {
  if (thrown instanceof Exit) return thrown.status;
  const wire = toWire(thrown);
  if (json) {
    const { code, retryable } = wire;
    process.stderr.write(`${JSON.stringify({ error: { code, ...inCommands(wire), retryable } })}\n`);
  } else {
    const { detail, ...params } = wire.params;
    const apart = detail !== undefined && showsDetails(wire);
    const { message, advice } = inCommands(apart ? { ...wire, params } : wire);
    note(
      [message, advice, apart ? `Details: ${wire.code}: ${detail}` : '']
        .filter(line => line !== '')
        .map(harmless)
        .join('\n'),
    );
  }
  return exitCode(wire.code);
}

/** The failure in the form that has sentences. */
export function toWire(thrown: unknown): WireError {
  const wire = wireErrorOf(thrown);
  if (wire !== undefined) return wire;
  if (thrown instanceof ResponseError && thrown.code === ErrorCodes.PendingResponseRejected) {
    return new PeerError('E_DAEMON_MISSING', 'the daemon ended while it was asked');
  }
  return new PeerError('E_INTERNAL', thrown instanceof Error ? thrown.name : 'unknown', { cause: thrown });
}

const complete: readonly ErrorCode[] = [
  'E_BUSY',
  'E_NOT_FOUND',
  'E_TARGET_NOT_EMPTY',
  'E_SOURCE_UNREADABLE',
  'E_COMMAND',
];

/** Whether the technical words stand below the sentence: where they can help to find the fault, and the sentence does not say it all. */
function showsDetails({ code, params }: WireError): boolean {
  if (code === 'E_DAEMON_MISSING' && params['advice'] !== undefined) return false;
  return !complete.includes(code) && [1, 14, 18].includes(exitCode(code));
}

/** The shared sentences, with the commands of this tool where they name the editor's. */
export function inCommands(wire: WireError): { readonly message: string; readonly advice: string } {
  const words = wordsFor(wire);
  const advice: { readonly [code in ErrorCode]?: string } = {
    E_NOT_SET_UP: wire.params['what'] === 'chats' ? '`signet sources add` adds some.' : 'Run `signet setup`.',
    E_VAULT_LOCKED: 'Run `signet unlock` first.',
    E_BUSY: 'Try again when it is done, or stop it with `signet cancel`.',
    E_NOT_FOUND: 'See `signet snapshots` and `signet ls` for what there is.',
    E_ALREADY_SET_UP: 'Nothing was changed. `signet status` shows how things are.',
  };
  if (wire.code === 'E_SIGN_IN') return { message: words.message, advice: connectAdvice(wire.params) ?? words.advice };
  const inWords = words.advice.replace('Verify the backups', 'Run `signet verify`');
  return { message: words.message, advice: advice[wire.code] ?? inWords };
}

/** Whoever never connected is told of the very place; to sign in again takes no name. Undefined where the shared words say it all. */
function connectAdvice({ why, when, remote }: ErrorParams): string | undefined {
  if (why === 'keys' && when === 'connecting') return undefined;
  if (why === 'declined' || why === 'late' || why === 'refused' || why === 'client') return undefined; // it was just tried
  const named = typeof remote === 'string' && /^(?:drive|s3):/.test(remote) ? ` ${remote}` : '';
  if (why === 'never') return `Run \`signet remote connect${named || ' drive:Signet'}\` first.`;
  return `Run \`signet remote connect${named}\`; backups wait until then.`;
}
