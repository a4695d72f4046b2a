// `fetch` for the official libraries, as far as they use it: one request on Node's own client, through the proxy that the environment names,
// and an answer that is read whole up to a bound. Node's own fetch looks at no proxy, and that of the libraries (node-fetch 3.3) ends the
// process when a request with a body is stopped after the body was sent. A redirect is an answer like any other: nothing follows it.

import { once } from 'node:events';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { ProxyVariables } from './transport.ts';

const defaultMaxBytes = 16 * 1024 * 1024;

/** @param proxies where HTTPS_PROXY and its kin are looked up; undefined: nowhere */
export function webFetch(proxies: ProxyVariables | undefined): typeof fetch {
  const plainAgent = new HttpAgent({ proxyEnv: { ...proxies } });
  // Said out loud: else a variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) lets anyone be Google.
  const tlsAgent = new HttpsAgent({ proxyEnv: { ...proxies }, rejectUnauthorized: true });
  return async (input, init = {}) => {
    const url = new URL(String(input));
    const headers = new Headers(init.headers);
    headers.delete('accept-encoding'); // these answers are small: as they are
    const body = bodyOf(init.body);
    if (init.body instanceof URLSearchParams) headers.set('content-type', 'application/x-www-form-urlencoded');
    if (body !== undefined) headers.set('content-length', String(body.length));
    const isTls = url.protocol === 'https:';
    const request = (isTls ? httpsRequest : httpRequest)(url, {
      method: init.method ?? 'GET',
      headers: Object.fromEntries(headers),
      agent: isTls ? tlsAgent : plainAgent,
      ...(init.signal == null ? {} : { signal: init.signal }),
    });
    request.on('error', () => undefined); // whoever waits is told by `once`; one that comes later belongs to nobody
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    const bytes = await whole(answer, sizeOf(init) ?? defaultMaxBytes);
    const status = answer.statusCode ?? 0;
    return new Response([204, 205, 304].includes(status) ? null : bytes, { status, headers: headersOf(answer) });
  };
}

function bodyOf(body: RequestInit['body']): Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string' || body instanceof URLSearchParams) return Buffer.from(String(body));
  if (body instanceof Uint8Array) return body;
  throw new TypeError('only text and bytes are sent this way');
}

/** The libraries' own option, in bytes. */
function sizeOf(init: RequestInit): number | undefined {
  return 'size' in init && typeof init.size === 'number' ? init.size : undefined;
}

async function whole(answer: IncomingMessage, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`); // which ends the connection, too
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function headersOf({ headers }: IncomingMessage): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of [value ?? []].flat()) found.append(name, each);
  }
  return found;
}
