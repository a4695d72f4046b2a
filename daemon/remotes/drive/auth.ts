// The grant at work: access tokens from the refresh token, for all calls to Google Drive. Guarantees: callers that need a new token at
// the same time share one request; a token is renewed before it ends by our own clock, and at once when the server no longer takes it;
// a grant that has ended is asked for once and never again; the library's own retries and its second refresh after a 403 stay off.
// What is left to callers is to repeat a call that was answered 401, once.

import { type gaxios, OAuth2Client } from 'google-auth-library';
import type { Clock } from '../../base/clock.ts';
import { SignetError } from '../../base/errors.ts';
import type { DriveConnection } from '../connection.ts';
import type { CallOptions } from '../remote.ts';
import type { GoogleEndpoints } from './endpoints.ts';
import { askOAuth, clientOptions, type OAuthWire } from './oauth.ts';
import type { ProxyVariables } from './transport.ts';

export interface DriveAuthOptions {
  readonly connection: DriveConnection;
  readonly endpoints: GoogleEndpoints;
  readonly clock: Clock;
  /** How words name the place. */
  readonly place: string;
  /** Where HTTPS_PROXY and its kin are looked up; absent: nowhere. */
  readonly proxies?: ProxyVariables | undefined;
}

interface AccessToken {
  readonly value: string;
  /** By the wall clock, which goes on while the computer sleeps, and by the steady one, which nobody sets back. */
  readonly until: { readonly now: number; readonly monotonic: number };
}

/** A token is renewed this long before its end, or a tenth of its life where that is shorter. */
const marginMs = 5 * 60_000;

export class DriveAuth {
  /**
   * For `drive({version: 'v3', auth})`, and for calls of our own by `client.request`: signed, tried once, stopped by `signal`,
   * answers of at most 16 MiB. A 401 has been noted when it is thrown. Its errors carry the request: never a `cause`.
   */
  readonly client: OAuth2Client;
  readonly #options: DriveAuthOptions;
  readonly #wire: OAuthWire;
  #token: AccessToken | undefined;
  #renewal: Promise<string> | undefined;
  #ended: EndedGrant | undefined;

  constructor(options: DriveAuthOptions) {
    this.#options = options;
    this.client = new SigningClient(this, options.proxies);
    this.#wire = { transporter: this.client.transporter, clock: options.clock, place: options.place };
  }

  /**
   * A token that is good now.
   *
   * @throws SignetError E_SIGN_IN (params.why: 'revoked', 'weekly', 'client') once the grant has ended, without asking again ·
   *   E_UNREACHABLE (retryable)
   */
  async accessToken({ signal }: CallOptions = {}): Promise<string> {
    signal?.throwIfAborted();
    if (this.#ended !== undefined) throw this.#signInNeeded(this.#ended);
    if (this.#token !== undefined && this.#isFresh(this.#token)) return this.#token.value;
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return orAborted(this.#renewal, signal); // the renewal itself goes on: others may wait for it
  }

  /** The server answered 401 to this token: the next call gets another. A token that was replaced meanwhile changes nothing. */
  refused(token: string): void {
    if (this.#token?.value === token) this.#token = undefined;
  }

  #isFresh({ until }: AccessToken): boolean {
    const { clock } = this.#options;
    return clock.now() < until.now && clock.monotonic() < until.monotonic;
  }

  async #renew(): Promise<string> {
    const { connection, endpoints, clock } = this.#options;
    const asked = { now: clock.now(), monotonic: clock.monotonic() };
    const answer = await askOAuth(this.#wire, endpoints.token, {
      grant_type: 'refresh_token',
      client_id: connection.clientId,
      client_secret: connection.clientSecret,
      refresh_token: connection.refreshToken,
    });
    if (answer.outcome === 'refused') {
      this.#token = undefined;
      this.#ended = { why: whyEnded(answer.error, connection, clock.now()), error: answer.error };
      throw this.#signInNeeded(this.#ended);
    }
    const { access_token: value, expires_in: seconds } = answer.values;
    if (typeof value !== 'string' || value === '') {
      throw new SignetError('E_UNREACHABLE', 'signing in to google: the answer holds no token', {
        params: { place: this.#options.place },
      });
    }
    const lifeMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 3_600_000;
    const usableMs = lifeMs - Math.min(marginMs, lifeMs / 10);
    this.#token = { value, until: { now: asked.now + usableMs, monotonic: asked.monotonic + usableMs } };
    return value;
  }

  #signInNeeded({ why, error }: EndedGrant): SignetError {
    return new SignetError('E_SIGN_IN', `google no longer accepts the sign-in (${error})`, {
      params: { place: this.#options.place, why },
    });
  }
}

interface EndedGrant {
  readonly why: 'revoked' | 'weekly' | 'client';
  /** What the token endpoint called it. */
  readonly error: string;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * Why a refresh token is refused. Google does not say; a project in testing is told by the end that its grants have from the start, or,
 * where that was not told, by their age: seven days (developers.google.com/identity/protocols/oauth2#expiration).
 */
export function whyEnded(
  error: string,
  { grantedAt, endsAt }: Pick<DriveConnection, 'grantedAt' | 'endsAt'>,
  now: number,
): EndedGrant['why'] {
  if (error !== 'invalid_grant') return 'client'; // invalid_client, deleted_client, unauthorized_client, …
  if (grantedAt === undefined) return 'revoked';
  const isOver = now >= (endsAt ?? grantedAt + 7 * dayMs) - hourMs;
  const isWeekly = endsAt === undefined ? now <= grantedAt + 8 * dayMs : endsAt <= grantedAt + 8 * dayMs;
  return isOver && isWeekly ? 'weekly' : 'revoked';
}

/** The library's client with our tokens: what it holds of its own is empty, which keeps all its ways to refresh shut. */
class SigningClient extends OAuth2Client {
  readonly #auth: DriveAuth;

  constructor(auth: DriveAuth, proxies: ProxyVariables | undefined) {
    super(clientOptions(proxies));
    this.#auth = auth;
  }

  protected override async getRequestMetadataAsync(): Promise<{ headers: Headers }> {
    return { headers: new Headers({ authorization: `Bearer ${await this.#auth.accessToken()}` }) };
  }

  protected override async requestAsync<T>(options: gaxios.GaxiosOptions): Promise<gaxios.GaxiosResponse<T>> {
    const { retryConfig: _, ...rest } = options;
    const token = await this.#auth.accessToken({ signal: options.signal ?? undefined });
    const headers = new Headers(options.headers);
    headers.set('authorization', `Bearer ${token}`);
    try {
      return await this.transporter.request<T>({ ...rest, headers, retry: false });
    } catch (error) {
      if (typeof error === 'object' && error !== null && 'status' in error && error.status === 401) {
        this.#auth.refused(token);
      }
      throw error;
    }
  }
}

/** The work's outcome, or the signal's reason as soon as it aborts; the work goes on. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  return promise;
}
