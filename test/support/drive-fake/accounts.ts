// Google's sign-in: clients of cloud projects, people's accounts, grants and the tokens on them. Consent is given at once, as by a person who
// clicks through, or as a test wants it. What a client gets wrong is refused as the real endpoints refuse it.

import { createHash } from 'node:crypto';
import { type Answer, oauthError, Refused, refuseNamed } from './answers.ts';

export interface Client {
  readonly id: string;
  readonly secret: string;
  /** 'limited-input' is what Google calls "TVs and Limited Input devices"; only it may use the device flow. */
  readonly type: 'desktop' | 'limited-input';
  /** Digits before the first dash of the id. Files belong to the project, not to one client of it. */
  readonly project: string;
  /** A consent screen in "Testing": refresh tokens live a week. */
  readonly isInTesting?: boolean;
}

export interface Account {
  readonly email: string;
  readonly permissionId: string;
  readonly displayName: string;
}

/** How the person behaves who is asked for consent. */
export interface Consent {
  readonly deny: boolean;
  /** The scopes that are left ticked; undefined for all that were asked for. */
  readonly grantScopes: readonly string[] | undefined;
  readonly wrongState: boolean;
  /** E-mail address of who signs in. */
  readonly account: string;
  /** The browser calls the redirect address twice. */
  readonly secondRedirect: boolean;
  /** How often the device flow answers "pending" before the person is done. */
  readonly pendingPolls: number;
}

export interface Lifetimes {
  readonly tokenTtlSec: number;
  /** What `expires_in` says; undefined for the truth. */
  readonly tokenTtlToldSec: number | undefined;
  /** Null: until revoked. */
  readonly refreshTtlSec: number | null;
  readonly deviceIntervalSec: number;
}

interface Grant {
  readonly client: Client;
  readonly account: string;
  readonly scopes: readonly string[];
}

interface Live {
  readonly grant: Grant;
  readonly until: number;
}

interface Code {
  readonly grant: Grant;
  readonly redirectUri: string;
  readonly challenge: string | undefined;
  readonly isPlain: boolean;
  readonly isOffline: boolean;
  readonly until: number;
}

interface DeviceCode {
  readonly client: Client;
  readonly scopes: readonly string[];
  readonly until: number;
  pendingPolls: number;
  lastPoll: number;
}

export const scopePrefix = 'https://www.googleapis.com/auth/';
const driveFile = `${scopePrefix}drive.file`;
const knownScopes = new Set([
  'openid',
  'email',
  'profile',
  ...['drive', 'drive.file', 'drive.appdata', 'drive.readonly', 'drive.metadata', 'drive.metadata.readonly'].map(
    name => `${scopePrefix}${name}`,
  ),
  `${scopePrefix}userinfo.email`,
  `${scopePrefix}userinfo.profile`,
]);
const deviceScopes = new Set(['openid', 'email', 'profile', driveFile, `${scopePrefix}drive.appdata`]);

const codeTtlMs = 10 * 60_000;
const testingTtlMs = 7 * 86_400_000;
const mostRefreshTokens = 100;

export interface SignInOptions {
  readonly now: () => number;
  readonly seed: string;
  readonly clients: readonly Client[];
  readonly accounts: readonly Account[];
  readonly consent: () => Consent;
  readonly lifetimes: () => Lifetimes;
  /** Told of what works but should not be done. */
  readonly violation: (rule: string) => void;
}

export class Accounts {
  /** All tokens and codes that were ever given out. */
  readonly issued: string[] = [];
  readonly #options: SignInOptions;
  readonly #access = new Map<string, Live>();
  readonly #refresh = new Map<string, Live>();
  readonly #codes = new Map<string, Code>();
  readonly #devices = new Map<string, DeviceCode>();
  /** Which accounts gave which client their consent before. */
  readonly #consented = new Set<string>();
  #made = 0;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  #token(prefix: string): string {
    this.#made++;
    const bytes = createHash('sha512').update(`${this.#options.seed} token ${this.#made}`).digest('base64url');
    const token = `${prefix}${bytes}`;
    this.issued.push(token);
    return token;
  }

  account(email: string): Account {
    const found = this.#options.accounts.find(account => account.email === email);
    if (found === undefined) throw new Error(`there is no account ${email}`);
    return found;
  }

  /** A grant made without any sign-in. */
  grant(clientId: string, account: string, scopes: readonly string[]): { readonly refreshToken: string } {
    const client = this.#client(clientId);
    if (client === undefined) throw new Error(`there is no client ${clientId}`);
    return { refreshToken: this.#newRefreshToken({ client, account: this.account(account).email, scopes }) };
  }

  #client(id: string | null): Client | undefined {
    return this.#options.clients.find(client => client.id === id);
  }

  /** Where the browser goes, or the page that tells a developer what is wrong. */
  authorize(params: URLSearchParams): Answer & { readonly location?: string } {
    const page = (status: number, error: string): Answer => ({
      status,
      reason: error,
      headers: { 'content-type': 'text/html; charset=UTF-8' },
      body: `<!DOCTYPE html><title>Sign in</title><p>Error ${status}: ${error}`,
    });
    const client = this.#client(params.get('client_id'));
    if (client === undefined) return page(401, 'invalid_client');
    if (client.type !== 'desktop') return page(400, 'invalid_request');
    const redirectUri = params.get('redirect_uri') ?? '';
    if (!isLoopbackUri(redirectUri)) return page(400, 'redirect_uri_mismatch');
    if (params.get('response_type') !== 'code') return page(400, 'invalid_request');
    const asked = (params.get('scope') ?? '').split(' ').filter(scope => scope !== '');
    if (asked.length === 0) return page(400, 'invalid_request');
    if (asked.some(scope => !knownScopes.has(scope))) return page(400, 'invalid_scope');
    const challenge = params.get('code_challenge') ?? undefined;
    const method = params.get('code_challenge_method') ?? 'plain';
    if (!['plain', 'S256'].includes(method)) return page(400, 'invalid_request');
    if (challenge !== undefined && !/^[A-Za-z0-9_~.-]{43,128}$/.test(challenge)) return page(400, 'invalid_request');
    if (challenge === undefined || method !== 'S256') this.#options.violation('sign-in without PKCE S256');
    const state = params.get('state');
    if ((state ?? '').length < 16) this.#options.violation('sign-in without a state that cannot be guessed');
    if (asked.some(scope => scope === `${scopePrefix}drive`)) this.#options.violation('scope drive asked for');

    const consent = this.#options.consent();
    const target = new URL(redirectUri);
    if (state !== null) target.searchParams.set('state', consent.wrongState ? `${state.slice(0, -1)}!` : state);
    if (consent.deny) {
      target.searchParams.set('error', 'access_denied');
    } else {
      const scopes = consent.grantScopes ?? asked;
      const code = this.#token('4/0A');
      const isFirst = !this.#consented.has(`${client.id} ${consent.account}`);
      this.#codes.set(code, {
        grant: { client, account: this.account(consent.account).email, scopes },
        redirectUri,
        challenge,
        isPlain: method === 'plain',
        // A refresh token comes with the first consent only, unless consent is asked for again.
        isOffline:
          params.get('access_type') === 'offline' && (isFirst || /\bconsent\b/.test(params.get('prompt') ?? '')),
        until: this.#options.now() + codeTtlMs,
      });
      target.searchParams.set('code', code);
      target.searchParams.set('scope', scopes.join(' '));
    }
    return { status: 302, headers: { location: target.href }, location: target.href };
  }

  /** @throws Refused */
  token(params: URLSearchParams): Answer {
    const client = this.#client(params.get('client_id'));
    if (client === undefined) throw new Refused(oauthError(401, 'invalid_client', 'The OAuth client was not found.'));
    const secret = params.get('client_secret');
    if (secret === null || secret === '') {
      throw new Refused(oauthError(400, 'invalid_request', 'client_secret is missing.'));
    }
    if (secret !== client.secret) throw new Refused(oauthError(401, 'invalid_client', 'Unauthorized'));
    switch (params.get('grant_type')) {
      case 'authorization_code':
        return this.#exchange(client, params);
      case 'refresh_token':
        return this.#refreshed(client, params.get('refresh_token') ?? '');
      case 'urn:ietf:params:oauth:grant-type:device_code':
        return this.#poll(client, params.get('device_code') ?? '');
      default:
        throw new Refused(oauthError(400, 'unsupported_grant_type', 'Invalid grant_type'));
    }
  }

  #exchange(client: Client, params: URLSearchParams): Answer {
    const given = params.get('code') ?? '';
    const code = this.#codes.get(given);
    // Once only, whatever comes of it.
    this.#codes.delete(given);
    if (code === undefined || code.until < this.#options.now() || code.grant.client !== client) {
      throw invalidGrant('Malformed auth code.');
    }
    if (params.get('redirect_uri') !== code.redirectUri) {
      throw new Refused(oauthError(400, 'redirect_uri_mismatch', 'Bad Request'));
    }
    const verifier = params.get('code_verifier');
    if (code.challenge !== undefined) {
      if (verifier === null) throw invalidGrant('Missing code verifier.');
      const made = code.isPlain ? verifier : createHash('sha256').update(verifier).digest('base64url');
      if (made !== code.challenge || verifier.length < 43) throw invalidGrant('Invalid code verifier.');
    } else if (verifier !== null) {
      throw invalidGrant('code_verifier or verifier is not needed.');
    }
    return this.#answer(code.grant, code.isOffline);
  }

  #answer(grant: Grant, withRefresh: boolean): Answer {
    this.#consented.add(`${grant.client.id} ${grant.account}`);
    const { refreshTtlSec } = this.#options.lifetimes();
    return {
      status: 200,
      body: {
        ...this.#newAccessToken(grant),
        ...(withRefresh && { refresh_token: this.#newRefreshToken(grant) }),
        ...(withRefresh && refreshTtlSec !== null && { refresh_token_expires_in: refreshTtlSec }),
      },
    };
  }

  #newAccessToken(grant: Grant): object {
    const { tokenTtlSec, tokenTtlToldSec = tokenTtlSec } = this.#options.lifetimes();
    const token = this.#token('ya29.');
    this.#access.set(token, { grant, until: this.#options.now() + tokenTtlSec * 1000 });
    return {
      access_token: token,
      expires_in: tokenTtlToldSec,
      scope: grant.scopes.join(' '),
      token_type: 'Bearer',
    };
  }

  #newRefreshToken(grant: Grant): string {
    const token = this.#token('1//0');
    const { refreshTtlSec } = this.#options.lifetimes();
    const ttlMs =
      refreshTtlSec === null ? (grant.client.isInTesting === true ? testingTtlMs : Infinity) : refreshTtlSec * 1000;
    this.#refresh.set(token, { grant, until: this.#options.now() + ttlMs });
    const same = [...this.#refresh].filter(
      ([, live]) => live.grant.client === grant.client && live.grant.account === grant.account,
    );
    // The oldest dies silently.
    for (const [old] of same.slice(0, Math.max(0, same.length - mostRefreshTokens))) this.#refresh.delete(old);
    return token;
  }

  #refreshed(client: Client, token: string): Answer {
    const live = this.#refresh.get(token);
    if (live === undefined || live.until < this.#options.now()) {
      throw invalidGrant('Token has been expired or revoked.');
    }
    if (live.grant.client !== client) throw new Refused(oauthError(401, 'unauthorized_client', 'Unauthorized'));
    return { status: 200, body: this.#newAccessToken(live.grant) };
  }

  /** @throws Refused */
  deviceCode(params: URLSearchParams): Answer {
    const client = this.#client(params.get('client_id'));
    if (client?.type !== 'limited-input') {
      throw new Refused(oauthError(401, 'invalid_client', 'Invalid client type.'));
    }
    const scopes = (params.get('scope') ?? '').split(' ').filter(scope => scope !== '');
    if (scopes.length === 0 || scopes.some(scope => !deviceScopes.has(scope))) {
      throw new Refused(oauthError(400, 'invalid_scope', 'Invalid device flow scope'));
    }
    const code = this.#token('AH-1');
    const userCode = createHash('sha256').update(code).digest('hex').slice(0, 8).toUpperCase();
    this.#devices.set(code, {
      client,
      scopes,
      until: this.#options.now() + 1_800_000,
      pendingPolls: this.#options.consent().pendingPolls,
      lastPoll: -Infinity,
    });
    return {
      status: 200,
      body: {
        device_code: code,
        user_code: `${userCode.slice(0, 4)}-${userCode.slice(4)}`,
        expires_in: 1800,
        interval: this.#options.lifetimes().deviceIntervalSec,
        verification_url: 'https://www.google.com/device',
      },
    };
  }

  #poll(client: Client, given: string): Answer {
    const device = this.#devices.get(given);
    if (device === undefined || device.client !== client) throw invalidGrant('Malformed device code.');
    const now = this.#options.now();
    if (now > device.until) throw new Refused(oauthError(400, 'expired_token', 'The device code has expired.'));
    const sinceMs = now - device.lastPoll;
    device.lastPoll = now;
    // A little earlier than told is still in time: clocks differ.
    if (sinceMs < this.#options.lifetimes().deviceIntervalSec * 1000 - 100) {
      this.#options.violation('device code asked for faster than told');
      throw new Refused(oauthError(403, 'slow_down', 'Forbidden'));
    }
    if (device.pendingPolls > 0) {
      device.pendingPolls--;
      throw new Refused(oauthError(428, 'authorization_pending', 'Precondition Required'));
    }
    this.#devices.delete(given);
    const consent = this.#options.consent();
    if (consent.deny) throw new Refused(oauthError(403, 'access_denied', 'Forbidden'));
    const scopes = consent.grantScopes ?? device.scopes;
    return this.#answer({ client, account: this.account(consent.account).email, scopes }, true);
  }

  /** @throws Refused */
  revoke(params: URLSearchParams): Answer {
    const token = params.get('token') ?? '';
    const live = this.#refresh.get(token) ?? this.#access.get(token);
    if (live === undefined) throw new Refused(oauthError(400, 'invalid_token', 'Token expired or revoked'));
    this.revokeGrants(live.grant.client.project, live.grant.account);
    return { status: 200, body: {} };
  }

  /** Any token takes the whole grant of its project with it. */
  revokeGrants(project: string, account: string): void {
    for (const tokens of [this.#refresh, this.#access]) {
      for (const [token, { grant }] of tokens) {
        if (grant.client.project === project && grant.account === account) tokens.delete(token);
      }
    }
    for (const key of this.#consented) {
      const [client, email] = key.split(' ');
      if (email === account && client?.startsWith(`${project}-`)) this.#consented.delete(key);
    }
  }

  revokeRefreshTokens(): void {
    this.#refresh.clear();
  }

  expireAccessTokens(): void {
    this.#access.clear();
  }

  /**
   * Who a request is from.
   * @throws Refused 401
   */
  bearer(authorization: string | undefined): Grant {
    const [, token = ''] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? [];
    const live = this.#access.get(token);
    if (live === undefined || live.until <= this.#options.now()) throw refuseNamed('401');
    return live.grant;
  }
}

function invalidGrant(description: string): Refused {
  return new Refused(oauthError(400, 'invalid_grant', description));
}

function isLoopbackUri(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname) && url.hash === '';
}
