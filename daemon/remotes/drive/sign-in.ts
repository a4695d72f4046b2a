// How an owner lets Signet into their Google Drive: in the browser of this computer (authorization code with PKCE, RFC 8252 and RFC 7636),
// or with a code typed on any other device (RFC 8628) where no browser reaches this process. The answer is a grant for the one scope that
// shows Signet nothing but its own files, of the account that is expected. Nothing is written down here.

import { createHash } from 'node:crypto';
import { drive } from '@googleapis/drive';
import { wordsFor } from '../../../protocol/error-words.ts';
import { toBase64Url, utf8 } from '../../base/bytes.ts';
import { type Clock, pause, rfc3339 } from '../../base/clock.ts';
import { isCode, SignetError, toSignetError } from '../../base/errors.ts';
import type { DriveConnection } from '../connection.ts';
import type { CallOptions } from '../remote.ts';
import { DriveAuth } from './auth.ts';
import type { GoogleEndpoints } from './endpoints.ts';
import { askOAuth, driveScope, type OAuthAnswer, type OAuthWire, oauthWire, wireProblem } from './oauth.ts';
import { listenForRedirect } from './redirect.ts';
import type { ProxyVariables } from './transport.ts';

export interface SignInAsked {
  /** The page to open: Google's own, or where the code is typed. */
  readonly url: string;
  readonly userCode?: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

export interface SignInOptions extends CallOptions {
  readonly clientId: string;
  /** Google gives one to desktop apps too and asks for it, though no installed program can keep it secret (RFC 8252 §8.5). */
  readonly clientSecret: string;
  readonly flow: 'browser' | 'device';
  readonly endpoints: GoogleEndpoints;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  /** How words name the place. */
  readonly place: string;
  /** Called once, when the owner can begin. */
  readonly onAsked: (asked: SignInAsked) => void;
  /** The account that holds the copies: another one is refused, and its grant given back. */
  readonly expectedAccountId?: string;
  /** Where HTTPS_PROXY and its kin are looked up; absent: nowhere. */
  readonly proxies?: ProxyVariables | undefined;
  /** The address of the account to be offered first. */
  readonly loginHint?: string;
}

/** For the browser; the other flow is told by Google. */
const longestMs = 10 * 60_000;

/**
 * Waits for the owner, at most 10 minutes, or as long as Google keeps a code alive.
 *
 * @throws SignetError E_SIGN_IN (params.why: 'declined', 'late', 'client' for a client id or secret that Google does not know, 'refused') ·
 *   E_REMOTE_DENIED (params.reason: 'scope', 'other-account', 'api-off') · E_UNREACHABLE (retryable) · the signal's reason
 */
export async function signIn(options: SignInOptions): Promise<DriveConnection> {
  options.signal?.throwIfAborted();
  return options.flow === 'device' ? byDevice(options) : byBrowser(options);
}

/**
 * Gives the grant back: Google forgets it at once (RFC 7009), for everything that uses this client id in this account. One that is over
 * already is no error.
 */
export async function revoke(
  { refreshToken }: Pick<DriveConnection, 'refreshToken'>,
  options: CallOptions & Pick<SignInOptions, 'endpoints' | 'clock' | 'place' | 'proxies'>,
): Promise<void> {
  const wire = oauthWire(options);
  await insist(options, () => askOAuth(wire, options.endpoints.revoke, { token: refreshToken }, options.signal));
}

async function byBrowser(options: SignInOptions): Promise<DriveConnection> {
  const { clientId, clientSecret, endpoints, clock, randomBytes, loginHint, signal } = options;
  const state = toBase64Url(randomBytes(32));
  const verifier = toBase64Url(randomBytes(32)); // 43 characters, the least that RFC 7636 §4.1 takes: 256 bits
  const challenge = toBase64Url(createHash('sha256').update(utf8(verifier)).digest());
  const listener = await listenForRedirect(state);
  try {
    const query = new URLSearchParams({
      client_id: clientId,
      redirect_uri: listener.uri,
      response_type: 'code',
      scope: driveScope,
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      access_type: 'offline', // with a refresh token
      prompt: 'consent', // without it an account that agreed before gets none
      ...(loginHint === undefined ? {} : { login_hint: loginHint }),
    });
    options.onAsked({
      url: `${endpoints.authorize}?${query}`,
      expiresAt: rfc3339(clock.now() + longestMs),
    });
    const visit = await within(longestMs, listener.visit, options);
    try {
      if (visit.outcome === 'refused') throw refused(visit.error, options);
      const wire = oauthWire(options);
      const form = {
        grant_type: 'authorization_code',
        client_id: clientId,
        client_secret: clientSecret,
        code: visit.code,
        code_verifier: verifier,
        redirect_uri: listener.uri,
      };
      const answer = await insist(options, () => askOAuth(wire, endpoints.token, form, signal));
      if (answer.outcome === 'refused') throw refused(answer.error, options);
      const connection = await connectionOf(answer.values, options, wire);
      await visit.reply({ outcome: 'connected', account: connection.account });
      return connection;
    } catch (error) {
      const known = toSignetError(error);
      await visit.reply(
        known.params['why'] === 'declined' ? { outcome: 'declined' } : { outcome: 'failed', ...wordsFor(known) },
      );
      throw error;
    }
  } finally {
    listener.close();
  }
}

async function byDevice(options: SignInOptions): Promise<DriveConnection> {
  const { clientId, clientSecret, endpoints, clock, signal } = options;
  const wire = oauthWire(options);
  const asked = await insist(options, () =>
    askOAuth(wire, endpoints.deviceCode, { client_id: clientId, scope: driveScope }, signal),
  );
  if (asked.outcome === 'refused') throw refused(asked.error, options);
  const code = deviceCode(asked.values, options.place);
  const end = clock.monotonic() + code.lifeMs;
  options.onAsked({ url: code.url, userCode: code.userCode, expiresAt: rfc3339(clock.now() + code.lifeMs) });
  let intervalMs = code.intervalMs;
  for (;;) {
    await pause(clock, intervalMs, signal);
    if (clock.monotonic() >= end) throw late(options.place);
    let answer: OAuthAnswer | undefined;
    try {
      answer = await askOAuth(
        wire,
        endpoints.token,
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          client_id: clientId,
          client_secret: clientSecret,
          device_code: code.secret,
        },
        signal,
      );
    } catch (error) {
      if (!isCode(error, 'E_UNREACHABLE')) throw error;
      intervalMs = Math.min(intervalMs * 2, 60_000); // RFC 8628 §3.5: back off, and go on asking
      continue;
    }
    if (answer.outcome === 'granted') return connectionOf(answer.values, options, wire);
    if (answer.error === 'slow_down')
      intervalMs += 5000; // RFC 8628 §3.5
    else if (answer.error !== 'authorization_pending') throw refused(answer.error, options);
  }
}

interface DeviceCode {
  readonly url: string;
  readonly userCode: string;
  readonly secret: string;
  readonly lifeMs: number;
  readonly intervalMs: number;
}

/** Google says `verification_url` where RFC 8628 §3.2 has `verification_uri`. */
function deviceCode(values: Readonly<Record<string, unknown>>, place: string): DeviceCode {
  const { device_code: secret, user_code: userCode, expires_in: life, interval = 5 } = values;
  const url = values['verification_url'] ?? values['verification_uri'];
  const isUsable =
    typeof secret === 'string' &&
    typeof userCode === 'string' &&
    /^[\w -]{1,40}$/.test(userCode) &&
    typeof url === 'string' &&
    URL.canParse(url) &&
    /^https?:$/.test(new URL(url).protocol) &&
    typeof life === 'number' &&
    typeof interval === 'number';
  if (!isUsable) throw malformed('the answer holds no code to type', place);
  return {
    url: new URL(url).href,
    userCode,
    secret,
    lifeMs: Math.min(Math.max(life, 1), 3600) * 1000,
    intervalMs: Math.min(Math.max(interval, 1), 60) * 1000,
  };
}

/** What a token answer is worth: the scope, the grant, and whose it is. */
async function connectionOf(
  values: Readonly<Record<string, unknown>>,
  options: SignInOptions,
  wire: OAuthWire,
): Promise<DriveConnection> {
  const { clientId, clientSecret, clock, place, endpoints, expectedAccountId } = options;
  const { scope, refresh_token: refreshToken, refresh_token_expires_in: endsIn } = values;
  // Owners may untick what was asked for; RFC 6749 §5.1 has the scope in the answer whenever it differs.
  if (scope !== undefined && !String(scope).split(' ').includes(driveScope)) {
    throw new SignetError('E_REMOTE_DENIED', 'signing in to google: the owner did not allow files to be kept', {
      params: { place, reason: 'scope' },
    });
  }
  if (typeof refreshToken !== 'string' || refreshToken === '') {
    throw malformed('the answer holds no lasting grant', place);
  }
  const grantedAt = clock.now();
  const granted: DriveConnection = {
    v: 1,
    kind: 'drive',
    clientId,
    clientSecret,
    refreshToken,
    accountId: '',
    account: '',
    grantedAt,
    ...(typeof endsIn === 'number' && endsIn > 0 ? { endsAt: grantedAt + endsIn * 1000 } : {}),
    folderId: null,
  };
  const { accountId, account } = await whose(granted, options);
  if (expectedAccountId === undefined || accountId === expectedAccountId) return { ...granted, accountId, account };
  await askOAuth(wire, endpoints.revoke, { token: refreshToken }).catch(() => undefined); // nobody holds it any longer in any case
  throw new SignetError('E_REMOTE_DENIED', 'signing in to google: this is another account than before', {
    params: { place, reason: 'other-account', account },
  });
}

/** Asked with a token of the new grant, so that one which cannot be renewed shows at once. */
async function whose(
  granted: DriveConnection,
  options: SignInOptions,
): Promise<Pick<DriveConnection, 'accountId' | 'account'>> {
  const { endpoints, clock, place, signal } = options;
  const auth = new DriveAuth({ connection: granted, endpoints, clock, place, proxies: options.proxies });
  const { about } = drive({
    version: 'v3',
    auth: auth.client,
    rootUrl: endpoints.apiRoot,
    universeDomain: 'googleapis.com',
  });
  const user = await insist(options, async () => {
    try {
      const { data } = await about.get(
        { fields: 'user(permissionId,emailAddress,displayName)' },
        { retry: false, timeout: 30_000, ...(signal === undefined ? {} : { signal }) },
      );
      return data.user;
    } catch (error) {
      signal?.throwIfAborted();
      throw aboutProblem(error, place);
    }
  });
  const { permissionId, emailAddress, displayName } = user ?? {};
  if (typeof permissionId !== 'string' || permissionId === '') throw malformed('the answer names no account', place);
  return { accountId: permissionId, account: emailAddress || displayName || 'a Google account' };
}

/** The error itself carries the request: it goes no further. */
function aboutProblem(error: unknown, place: string): SignetError {
  if (error instanceof SignetError) return error;
  const { status, response } = error as { readonly status?: unknown; readonly response?: { readonly data?: unknown } };
  if (status === 403 && /accessNotConfigured|SERVICE_DISABLED/.test(JSON.stringify(response?.data ?? ''))) {
    return new SignetError('E_REMOTE_DENIED', 'google drive is not switched on for this client id', {
      params: { place, reason: 'api-off' },
    });
  }
  const why = typeof status === 'number' ? `the answer was ${status}` : wireProblem(error);
  return new SignetError('E_UNREACHABLE', `asking google drive for the account: ${why}`, { params: { place } });
}

/** What the owner or Google answered in place of a grant. */
function refused(error: string, { place }: SignInOptions): SignetError {
  if (error === 'expired_token') return late(place);
  const isClient = /^(?:invalid|unauthorized|deleted|disabled)_client$/.test(error);
  const why = error === 'access_denied' ? 'declined' : isClient ? 'client' : 'refused';
  return new SignetError('E_SIGN_IN', `google did not grant access (${error})`, { params: { place, why } });
}

function late(place: string): SignetError {
  return new SignetError('E_SIGN_IN', 'nobody agreed in time', { params: { place, why: 'late' } });
}

function malformed(what: string, place: string): SignetError {
  return new SignetError('E_UNREACHABLE', `signing in to google: ${what}`, { params: { place } });
}

/** One that waits at a screen is not sent back for a single lost answer: four tries within some seconds. */
async function insist<T>(
  { clock, signal }: Pick<SignInOptions, 'clock' | 'signal'>,
  call: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isCode(error, 'E_UNREACHABLE') || tries === 4) throw error;
      await pause(clock, 500 * 2 ** tries, signal);
    }
  }
}

/** @throws SignetError E_SIGN_IN (why 'late') after that long, or the signal's reason */
async function within<T>(ms: number, work: Promise<T>, { clock, signal, place }: SignInOptions): Promise<T> {
  const ended = new AbortController();
  const stop = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
  try {
    return await Promise.race([
      work,
      pause(clock, ms, stop).then(() => {
        throw late(place);
      }),
    ]);
  } finally {
    ended.abort();
  }
}
