// One request to Google's sign-in, tried once: a form goes out, a small JSON object comes back (RFC 6749 §5). What travels here is secret
// in both directions, so nothing of it reaches an error: neither the library's own (they carry the whole request) nor a text of the answer.

import { type gaxios, OAuth2Client, type OAuth2ClientOptions } from 'google-auth-library';
import type { Clock } from '../../base/clock.ts';
import { SignetError } from '../../base/errors.ts';
import type { ProxyVariables } from './transport.ts';
import { webFetch } from './web-fetch.ts';

/** The one scope: files that this very client id made, and nothing else of the account. */
export const driveScope = 'https://www.googleapis.com/auth/drive.file';

/** What the endpoint decided. A code is one of RFC 6749 §5.2 and RFC 8628 §3.5, or Google's own. */
export type OAuthAnswer =
  | { readonly outcome: 'granted'; readonly values: Readonly<Record<string, unknown>> }
  | { readonly outcome: 'refused'; readonly error: string };

export interface OAuthWire {
  readonly transporter: gaxios.Gaxios;
  readonly clock: Clock;
  /** How words name the place. */
  readonly place: string;
}

const longestMs = 30_000;
const maxAnswerBytes = 64 * 1024;

/**
 * For the constructor of OAuth2Client. Its interceptors would log tokens where GOOGLE_SDK_NODE_LOGGING is set, and its own way to proxies
 * belongs to a fetch that is not used here.
 */
export function clientOptions(proxies: ProxyVariables | undefined): OAuth2ClientOptions {
  return {
    useAuthRequestParameters: false,
    transporterOptions: { retry: false, fetchImplementation: webFetch(proxies) },
  };
}

/** A wire without a grant: for signing in. */
export function oauthWire({
  clock,
  place,
  proxies,
}: Pick<OAuthWire, 'clock' | 'place'> & { readonly proxies?: ProxyVariables | undefined }): OAuthWire {
  return { transporter: new OAuth2Client(clientOptions(proxies)).transporter, clock, place };
}

/**
 * @throws SignetError E_UNREACHABLE (retryable) when nobody answered within 30 seconds, when the server is in trouble, and when the answer
 *   is none of the endpoint (a page of a hotel's network); the signal's reason when it aborts
 */
export async function askOAuth(
  { transporter, clock, place }: OAuthWire,
  url: string,
  form: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<OAuthAnswer> {
  signal?.throwIfAborted();
  const unreachable = (why: string): SignetError =>
    new SignetError('E_UNREACHABLE', `signing in to google: ${why}`, { params: { place } });
  const late = new AbortController();
  const cancelTimer = clock.timer(longestMs, () => late.abort(), { unref: true });
  let status: number;
  let text: string;
  try {
    const answer = await transporter.request<string>({
      url,
      method: 'POST',
      data: new URLSearchParams(form),
      responseType: 'text',
      validateStatus: () => true,
      retry: false,
      size: maxAnswerBytes,
      signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    });
    status = answer.status;
    text = answer.data;
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(late.signal.aborted ? `no answer within ${longestMs / 1000} seconds` : wireProblem(error));
  } finally {
    cancelTimer();
  }
  if (status >= 500 || status === 429 || status === 408) throw unreachable(`the answer was ${status}`);
  const values = objectIn(text);
  if (values === undefined && status === 200 && text.trim() === '') return { outcome: 'granted', values: {} };
  if (values === undefined) throw unreachable(`the answer ${status} is not google's`);
  if (status >= 200 && status < 300) return { outcome: 'granted', values };
  const { error } = values;
  if (typeof error !== 'string') throw unreachable(`the answer ${status} gives no reason`);
  return { outcome: 'refused', error: /^[a-z_]{1,40}$/.test(error) ? error : 'unknown' };
}

/** The first code of the system or of Node among the error and its causes; a message may quote the request. */
export function wireProblem(thrown: unknown): string {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if ('code' in error && typeof error.code === 'string' && /^[A-Z_]{1,40}$/.test(error.code)) return error.code;
  }
  return 'the connection failed';
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined; // no JSON: the caller says what that means
  }
}
