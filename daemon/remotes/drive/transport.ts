// One HTTP request to Google Drive, sent once. Guarantees: a bearer token goes to Google's own hosts only; silence in either direction for
// a minute ends the request; bodies stream, and one that breaks off is an error; a 401 renews the token, once. All that goes to Drive
// goes through here, the official client's calls too, so that they are counted and time out alike. It waits and retries nothing; before a
// time that Google named it sends nothing.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Clock } from '../../base/clock.ts';
import { SignetError, systemCode } from '../../base/errors.ts';
import type { CallOptions } from '../remote.ts';
import { classify, placeName, type Refusal, reasonsIn, retryAfter } from './classify.ts';

const unzip = promisify(gunzip);

/** Connections at a time; more requests wait for one. */
const maxConnections = 4;
export const defaultInactivityMs = 60_000;
/** Of an answer that is read whole: a page of 1000 files has about 400 kB. */
const maxAnswerBytes = 16 * 1024 * 1024;
const maxErrorBytes = 256 * 1024;

export interface TokenSource {
  accessToken(options?: CallOptions): Promise<string>;
  /** The server answered 401 to it. */
  refused(token: string): void;
}

/** A body that can be sent again from its start. */
export interface StreamedBody {
  readonly sizeBytes: number;
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

export interface Ask extends CallOptions {
  /** Begins the message of an error: what is attempted, on which key. Never an address. */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** The body as it comes. @throws SignetError E_UNREACHABLE when it breaks off */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** The body whole, unpacked when it came compressed, at most so many bytes. Reading or dropping it is the caller's duty. */
  bytes(maxBytes?: number): Promise<Uint8Array>;
  drop(): void;
}

export interface Transport {
  /** One request with whatever status comes back; a 401 was reported to the token source. @throws SignetError E_UNREACHABLE · E_SIGN_IN */
  once(ask: Ask): Promise<Answer>;
  /** As `once`, and once more with a new token after a 401. */
  send(ask: Ask): Promise<Answer>;
  /** Reads the answer of a refused request and says what it means. */
  refusal(ask: Pick<Ask, 'what'>, answer: Answer): Promise<SignetError>;
  /** Whether an address that an answer named is one of Google's own, and so may be asked. */
  mayAsk(address: string): boolean;
  /** Requests sent so far. */
  count(): number;
}

export type ProxyVariables = Readonly<Record<string, string | undefined>>;

export interface TransportOptions {
  readonly tokens: TokenSource;
  /** The origins that get the token. */
  readonly roots: readonly string[];
  readonly clock: Clock;
  readonly userAgent: string;
  /** Where HTTPS_PROXY and its kin are looked up; absent: nowhere. */
  readonly proxies?: ProxyVariables | undefined;
  readonly inactivityMs?: number | undefined;
}

export function createTransport(options: TransportOptions): Transport {
  const { tokens, clock, userAgent, inactivityMs = defaultInactivityMs } = options;
  const origins = new Set(options.roots.map(root => new URL(root).origin));
  // Idle connections go after a minute, too: one that slept through a night would hang the next request.
  const kept = { keepAlive: true, maxSockets: maxConnections, timeout: 60_000, proxyEnv: { ...options.proxies } };
  const plainAgent = new HttpAgent(kept);
  // Said out loud: else a variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) lets anyone be Google.
  const tlsAgent = new HttpsAgent({ ...kept, rejectUnauthorized: true });
  let requests = 0;
  /** The time that Retry-After named last, on the monotonic clock: until then nothing is sent, whoever asks. */
  let quietUntil = Number.NEGATIVE_INFINITY;

  async function once(ask: Ask): Promise<Answer> {
    const { what, signal } = ask;
    const url = URL.parse(ask.url); // what is none would be quoted by the error of `new URL`
    if (url === null || !origins.has(url.origin)) {
      // An upload address of another host would be handed the grant.
      throw new SignetError('E_UNREACHABLE', `${what}: google drive names an address that is not its own`, {
        params: { remote: placeName },
      });
    }
    const token = await tokens.accessToken({ signal });
    signal?.throwIfAborted();
    const retryAfterMs = Math.ceil(quietUntil - clock.monotonic());
    if (retryAfterMs > 0) {
      throw new SignetError('E_UNREACHABLE', `${what}: google drive asked for patience`, {
        params: { remote: placeName, retryAfterMs },
      });
    }
    requests++;
    const answer = await exchange({ ...ask, headers: { ...ask.headers, authorization: `Bearer ${token}` } }, url);
    if (answer.status === 401) tokens.refused(token);
    return answer;
  }

  function exchange(ask: Ask, url: URL): Promise<Answer> {
    const { what, signal, body } = ask;
    const lost = (cause: unknown): unknown => {
      if (signal?.aborted) return signal.reason;
      if (cause instanceof SignetError) return cause;
      const code = systemCode(cause) ?? 'the connection broke';
      return new SignetError('E_UNREACHABLE', `${what}: google drive does not answer (${code})`, {
        params: { remote: placeName },
        cause,
      });
    };
    const sizeBytes = body === undefined ? 0 : body instanceof Uint8Array ? body.length : body.sizeBytes;
    const isTls = url.protocol === 'https:';
    const request = (isTls ? httpsRequest : httpRequest)(url, {
      method: ask.method,
      agent: isTls ? tlsAgent : plainAgent,
      headers: {
        'user-agent': userAgent,
        ...ask.headers,
        ...(ask.method === 'GET' ? {} : { 'content-length': String(sizeBytes) }),
      },
    });
    const watch = silenceWatch(clock, inactivityMs, () => {
      const silence = new SignetError(
        'E_UNREACHABLE',
        `${what}: google drive was silent for ${inactivityMs / 1000} s`,
        {
          params: { remote: placeName },
        },
      );
      request.destroy(silence);
      response?.destroy(silence);
    });
    const onAbort = (): void => {
      const reason = signal?.reason instanceof Error ? signal.reason : new Error('aborted');
      request.destroy(reason);
      response?.destroy(reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    request.once('socket', () => watch.start()); // until then it waits for a connection that others use
    let response: IncomingMessage | undefined;
    let isOver = false;
    const end = (): void => {
      isOver = true;
      watch.stop();
      signal?.removeEventListener('abort', onAbort);
    };

    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    request.on('error', error => {
      end();
      reject(lost(error));
      response?.destroy(error);
    });
    request.on('response', incoming => {
      response = incoming;
      watch.progress();
      incoming.once('close', () => {
        end();
        // Refused before all was sent: what is left of the body has nowhere to go.
        if (!request.writableFinished) request.destroy();
      });
      incoming.on('error', () => undefined); // whoever reads the body is told; without a listener it would end the process
      resolve(answerOf(incoming));
    });

    function answerOf(incoming: IncomingMessage): Answer {
      async function* pieces(): AsyncGenerator<Uint8Array> {
        try {
          for await (const piece of incoming) {
            watch.progress((piece as Uint8Array).length);
            await keepPace((piece as Uint8Array).length);
            yield piece as Uint8Array;
          }
        } catch (error) {
          throw lost(error);
        } finally {
          incoming.destroy();
        }
      }
      return {
        status: incoming.statusCode ?? 0,
        header: name => {
          const value = incoming.headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
        get pieces() {
          return pieces();
        },
        async bytes(maxBytes = maxAnswerBytes) {
          const parts: Uint8Array[] = [];
          let length = 0;
          for await (const piece of pieces()) {
            length += piece.length;
            if (length > maxBytes) throw lost(new SignetError('E_UNREACHABLE', `${what}: the answer has no end`));
            parts.push(piece);
          }
          const bytes = Buffer.concat(parts);
          if (incoming.headers['content-encoding'] !== 'gzip') return bytes;
          return unzip(bytes, { maxOutputLength: maxBytes }).catch(error => {
            throw lost(error);
          });
        },
        drop: () => void incoming.destroy(),
      };
    }

    /** Waiting for its turn is no silence of the place. */
    async function keepPace(bytes: number): Promise<void> {
      if (ask.pace === undefined) return;
      watch.hold(true);
      await ask.pace(bytes).finally(() => watch.hold(false));
    }

    /** Ends early when the answer came before all was sent. */
    async function sendBody(): Promise<void> {
      if (body instanceof Uint8Array) {
        request.end(body);
        return;
      }
      if (body !== undefined) {
        for await (const piece of body.pieces()) {
          if (isOver || response !== undefined || request.destroyed) return;
          await keepPace(piece.length);
          await new Promise<void>(written => request.write(piece, () => written()));
          watch.progress();
        }
      }
      if (!isOver && response === undefined) request.end();
    }
    sendBody().catch(error => {
      // Our own file could not be read: that is the error to tell, not the request it broke.
      end();
      reject(error);
      request.destroy();
    });
    return promise;
  }

  return {
    once,
    async send(ask) {
      const answer = await once(ask);
      if (answer.status !== 401) return answer;
      answer.drop();
      return once(ask);
    },
    async refusal({ what }, answer) {
      const body = await answer.bytes(maxErrorBytes).catch(() => new Uint8Array(0)); // the status says enough
      const retryAfterMs = retryAfter(answer.header('retry-after'), clock.now());
      if (retryAfterMs !== undefined) quietUntil = Math.max(quietUntil, clock.monotonic() + retryAfterMs);
      const refusal: Refusal = {
        status: answer.status,
        reasons: reasonsIn(jsonIn(body)),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
      return classify(refusal, what, clock.now());
    },
    mayAsk: address => origins.has(URL.parse(address)?.origin ?? ''),
    count: () => requests,
  };
}

/** The value of a JSON text, or undefined for anything else. */
export function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined; // not an answer of Google's: the caller says what that means
  }
}

interface SilenceWatch {
  start(): void;
  /** @param bytes absent for what is progress by itself */
  progress(bytes?: number): void;
  /** While held no silence counts. */
  hold(isHeld: boolean): void;
  stop(): void;
}

/** Fewer bytes than these are as good as none: a server that drips would hold a job for years. */
const leastBytes = 4096;

/** Calls back once when `ms` pass without `progress`, from `start` on. */
function silenceWatch(clock: Clock, ms: number, onSilence: () => void): SilenceWatch {
  let last = 0;
  let few = 0;
  let heldSince = 0;
  let isStopped = false;
  let isHeld = false;
  let cancel = (): void => undefined;
  const arm = (wait: number): void => {
    cancel = clock.timer(
      wait,
      () => {
        const silence = clock.monotonic() - last;
        if (isHeld) arm(ms);
        else if (silence >= ms) onSilence();
        else arm(ms - silence);
      },
      { unref: true },
    );
  };
  return {
    start: () => {
      last = clock.monotonic();
      if (!isStopped) arm(ms);
    },
    progress(bytes = leastBytes) {
      few += bytes;
      if (few < leastBytes) return;
      few = 0;
      last = clock.monotonic();
    },
    hold(held) {
      if (held && !isHeld) heldSince = clock.monotonic();
      if (!held && isHeld) last += clock.monotonic() - heldSince;
      isHeld = held;
    },
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
