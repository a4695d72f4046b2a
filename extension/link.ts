// The extension's line to the daemon: dials it, starts it when asked to, and dials again when the line breaks. What comes back is
// the whole status each time. vscode-languageclient carries the requests; it is loaded with this file, after the status bar shows.

import type { CancellationToken, LogOutputChannel } from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type RequestType,
  type RequestType0,
  RevealOutputChannelOn,
} from 'vscode-languageclient/node';
import { PeerError, type WireError, wireErrorOf } from '../protocol/errors.ts';
import { type Home, resolveHome } from '../protocol/home.ts';
import { dialFitting, dialOrLaunch } from '../protocol/launch.ts';
import { progress, type SealedSecrets, statusChanged, status as statusRequest } from '../protocol/messages.ts';
import { type SecretName, Secrets } from '../protocol/secrets.ts';
import { type Dialed, dial } from '../protocol/socket.ts';
import type { JobProgress } from '../protocol/status.ts';
import { productVersion, protocolVersion } from '../protocol/version.ts';
import { explain } from './explain.ts';
import type { Known } from './views.ts';

/** How to start the daemon: its main file, and the Node the person named for it. */
export interface DaemonCommand {
  readonly entry: string;
  readonly node: string | undefined;
}

export interface LinkOptions {
  readonly daemon: () => DaemonCommand;
  readonly log: LogOutputChannel;
  readonly onChange: (known: Known) => void;
}

/** Milliseconds before each further try to reach a daemon that was lost; the last one repeats. */
const redialMs = [500, 1000, 2000, 5000, 10_000];

interface Line {
  readonly client: LanguageClient;
  readonly dialed: Dialed;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #home: Home = resolveHome();
  #line: Line | undefined;
  #redial: NodeJS.Timeout | undefined;
  #connecting: Promise<void> | undefined;
  #failure: unknown = new PeerError('E_DAEMON_MISSING', 'no line to the daemon');
  #tokens = 0;
  #disposed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Like `connect`, for whom a failure matters: throws what stood in the way. */
  async start(): Promise<void> {
    await this.#needLine();
  }

  /** Reaches the daemon, and starts it when none runs and `start` is set. What fails is told through onChange as not running. */
  connect(options: { readonly start: boolean }): Promise<void> {
    if (this.#line !== undefined) return Promise.resolve();
    clearTimeout(this.#redial);
    this.#connecting ??= this.#open(options.start).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  request<P extends object, R>(
    type: RequestType<P, R, WireError>,
    params: P,
    options?: { readonly onProgress?: (value: JobProgress) => void; readonly token?: CancellationToken },
  ): Promise<R>;
  request<R>(type: RequestType0<R, WireError>): Promise<R>;
  async request(
    type: { readonly method: string },
    params: object = {},
    options: { readonly onProgress?: (value: JobProgress) => void; readonly token?: CancellationToken } = {},
  ): Promise<unknown> {
    const { client } = await this.#needLine();
    // Without a token the argument has to be absent: the library would send `undefined` as a second parameter.
    const token = options.token === undefined ? [] : [options.token];
    if (options.onProgress === undefined) return await client.sendRequest(type.method, params, ...token);
    this.#tokens += 1;
    const progressToken = `${process.pid}-${this.#tokens}`;
    const listener = client.onProgress(progress, progressToken, options.onProgress);
    try {
      return await client.sendRequest(type.method, { ...params, progressToken }, ...token);
    } finally {
      listener.dispose();
    }
  }

  /** Seals secrets for one request on the line that stands now. */
  async seal(
    type: { readonly method: string },
    values: { readonly [name in SecretName]?: string },
  ): Promise<SealedSecrets> {
    const { dialed } = await this.#needLine();
    const secrets = Secrets.of(values);
    try {
      return dialed.secrets.seal(type.method, secrets);
    } finally {
      secrets.wipe();
    }
  }

  /** Opens the recovery key that came back with an answer; the text lives as long as its caller keeps it. */
  async openKey(type: { readonly method: string }, sealed: SealedSecrets): Promise<string> {
    return await this.openText(type, sealed);
  }

  /** Opens what came back sealed with an answer, which is one secret; the text lives as long as its caller keeps it. */
  async openText(type: { readonly method: string }, sealed: SealedSecrets): Promise<string> {
    const { dialed } = await this.#needLine();
    const secrets = dialed.secrets.open(type.method, sealed);
    try {
      const [name] = secrets.names();
      return Buffer.from((name === undefined ? undefined : secrets.get(name)) ?? []).toString('utf8');
    } finally {
      secrets.wipe();
    }
  }

  /** Leaves the daemon running. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#redial);
    const line = this.#line;
    this.#line = undefined;
    await line?.client.dispose().catch(() => line.dialed.close()); // it is gone already
  }

  async #needLine(): Promise<Line> {
    await this.connect({ start: true });
    if (this.#line === undefined) throw this.#failure;
    return this.#line;
  }

  async #open(start: boolean): Promise<void> {
    const { log, onChange } = this.#options;
    try {
      const dialed = await this.#dial(start);
      // A window that closed meanwhile wants no line any more.
      if (this.#disposed) return dialed.close();
      const client = this.#clientOn(dialed);
      await client.start();
      client.onNotification(statusChanged, status => onChange({ kind: 'connected', status }));
      this.#line = { client, dialed };
      onChange({ kind: 'connected', status: await client.sendRequest(statusRequest, {}) });
    } catch (error) {
      const wire = asWireError(error);
      this.#failure = error;
      log.warn(`no line to the background part: ${wire.code}`);
      onChange({ kind: 'notRunning', reason: start ? explain(wire) : '' });
      this.#tryAgain(0);
    }
  }

  #dial(start: boolean): Promise<Dialed> {
    if (!start) return dialFitting(this.#home);
    const { node, entry } = this.#options.daemon();
    const env = node === undefined ? process.env : { ...process.env, SIGNET_NODE: node };
    return dialOrLaunch({ home: this.#home, entry, env });
  }

  #clientOn(dialed: Dialed): LanguageClient {
    return new LanguageClient('signet', 'Signet', async () => dialed, {
      documentSelector: [],
      outputChannel: this.#options.log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { protocolVersion, version: productVersion },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Shutdown, handled: true }),
        closed: () => {
          this.#lost();
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
    });
  }

  /** A daemon that was stopped stays stopped until someone starts it; one that comes back is found again. */
  #lost(): void {
    this.#line = undefined;
    if (this.#disposed) return;
    this.#options.onChange({ kind: 'notRunning', reason: '' });
    this.#tryAgain(0);
  }

  #tryAgain(tries: number): void {
    if (this.#disposed) return;
    clearTimeout(this.#redial);
    this.#redial = setTimeout(
      async () => {
        const dialed = await dial(this.#home).catch(() => undefined); // still not there: what the screen says already
        dialed?.close();
        if (dialed === undefined) this.#tryAgain(tries + 1);
        else await this.connect({ start: false });
      },
      redialMs[Math.min(tries, redialMs.length - 1)],
    );
  }
}

/** The protocol's error in whatever a request or a dial threw. */
export function asWireError(error: unknown): WireError {
  return wireErrorOf(error) ?? new PeerError('E_INTERNAL', error instanceof Error ? error.name : 'unknown');
}
