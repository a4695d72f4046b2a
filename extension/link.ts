// The extension's line to the daemon: dials it, starts it when asked to or when it was killed, and dials again when the line breaks. What
// comes back is the whole status each time. vscode-languageclient carries the requests; it is loaded with this file, after the status bar
// shows. While the window is not looked at, nobody looks for a daemon that was stopped.

import type { CancellationToken, Disposable, LogOutputChannel, window } from 'vscode';
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type NotificationType,
  type RequestType,
  type RequestType0,
  RevealOutputChannelOn,
} from 'vscode-languageclient';
import { wasKilled } from '../protocol/claim.ts';
import { PeerError, type WireError, wireErrorOf } from '../protocol/errors.ts';
import { type Home, resolveHome } from '../protocol/home.ts';
import { dialFitting, dialOrLaunch, type Runtime } from '../protocol/launch.ts';
import { progress, type SealedSecrets, statusChanged, status as statusRequest } from '../protocol/messages.ts';
import { type SecretName, Secrets } from '../protocol/secrets.ts';
import { type Dialed, dial } from '../protocol/socket.ts';
import type { JobProgress } from '../protocol/status.ts';
import { productVersion, protocolVersion } from '../protocol/version.ts';
import { explain } from './explain.ts';
import { nextLook } from './line-policy.ts';
import { withoutTrace } from './no-trace.ts';
import type { Known } from './views.ts';

/** How to start the daemon: its main file, and what it runs on. */
export interface DaemonCommand {
  readonly entry: string;
  readonly runtime: () => Promise<Runtime>;
}

export interface LinkOptions {
  readonly daemon: () => DaemonCommand;
  readonly log: LogOutputChannel;
  readonly onChange: (known: Known) => void;
  readonly window: Pick<typeof window, 'state' | 'onDidChangeWindowState'>;
}

interface Line {
  readonly client: LanguageClient;
  readonly dialed: Dialed;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #home: Home = resolveHome();
  readonly #focus: Disposable;
  #line: Line | undefined;
  #redial: NodeJS.Timeout | undefined;
  #tries = 0;
  readonly #restarts: number[] = [];
  #connecting: Promise<void> | undefined;
  #failure: unknown = new PeerError('E_DAEMON_MISSING', 'no line to the daemon');
  #tokens = 0;
  #disposed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#focus = options.window.onDidChangeWindowState(({ focused }) => {
      if (focused && this.#line === undefined && this.#tries > 0) this.#lookAgain({ tries: 0 });
    });
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

  /** What the daemon tells this window meanwhile, until the listener is disposed. */
  async listen<P>(type: NotificationType<P>, heard: (told: P) => void): Promise<Disposable> {
    const { client } = await this.#needLine();
    return client.onNotification(type.method, heard);
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
    this.#focus.dispose();
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
      this.#tries = 0;
      onChange({ kind: 'connected', status: await client.sendRequest(statusRequest, {}) });
    } catch (error) {
      const wire = asWireError(error);
      this.#failure = error;
      log.warn(`no line to the background part: ${wire.code}`);
      const isNewer = wire.code === 'E_DAEMON_INCOMPATIBLE' && wire.params['newer'] === 'daemon';
      onChange({ kind: 'notRunning', reason: start ? explain(wire) : '', ...(isNewer && { isNewer }) });
      this.#lookAgain({ tries: this.#tries + 1, failure: wire });
    }
  }

  #dial(start: boolean): Promise<Dialed> {
    if (!start) return dialFitting(this.#home);
    return dialOrLaunch({ home: this.#home, ...this.#options.daemon() });
  }

  #clientOn(dialed: Dialed): LanguageClient {
    return new LanguageClient('signet', 'Signet', async () => dialed, {
      documentSelector: [],
      outputChannel: this.#options.log,
      traceOutputChannel: withoutTrace(this.#options.log),
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

  #lost(): void {
    this.#line = undefined;
    if (this.#disposed) return;
    this.#options.onChange({ kind: 'notRunning', reason: '' });
    this.#lookAgain({ tries: 0 });
  }

  /** Decides when it comes to it: a daemon that ends takes a moment until it is gone. */
  #lookAgain(now: { readonly tries: number; readonly failure?: WireError }): void {
    if (this.#disposed) return;
    clearTimeout(this.#redial);
    this.#tries = now.tries;
    const loss = { ...now, restarts: this.#restarts, now: Date.now() };
    this.#redial = setTimeout(
      async () => {
        const { start } = nextLook({ ...loss, wasKilled: await wasKilled(this.#home), now: Date.now() });
        if (!start && !this.#options.window.state.focused) {
          this.#tries += 1; // goes on when the window is looked at
          return;
        }
        // Still not there, and nobody is to start it: the screen says so already.
        const isThere = await dial(this.#home).then(
          dialed => dialed.close() === undefined,
          () => false,
        );
        if (!isThere && !start) return this.#lookAgain({ ...now, tries: now.tries + 1 });
        if (!isThere) this.#restarts.push(Date.now());
        await this.connect({ start });
      },
      nextLook({ ...loss, wasKilled: false }).inMs,
    );
  }
}

/** The protocol's error in whatever a request or a dial threw. */
export function asWireError(error: unknown): WireError {
  return wireErrorOf(error) ?? new PeerError('E_INTERNAL', error instanceof Error ? error.name : 'unknown');
}
