// Where the browser comes back to after its owner agreed: a listener on 127.0.0.1 at a port that the system picks (RFC 8252 §7.3), there
// for one visit that knows the state of this sign-in (RFC 6749 §10.12). Whatever else knocks gets a page and changes nothing.

import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type SignInPage, signInPageHtml } from '../../../protocol/sign-in-words.ts';
import { utf8 } from '../../base/bytes.ts';

/** What the browser brought; `reply` ends its visit with a page. */
export type Visit = { readonly reply: (page: SignInPage) => Promise<void> } & (
  | { readonly outcome: 'agreed'; readonly code: string }
  | { readonly outcome: 'refused'; readonly error: string }
);

export interface RedirectListener {
  /** `http://127.0.0.1:<port>/` */
  readonly uri: string;
  /** The one visit that counts. */
  readonly visit: Promise<Visit>;
  close(): void;
}

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer', // the address holds the code
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  connection: 'close',
};

export async function listenForRedirect(state: string): Promise<RedirectListener> {
  const { promise: visit, resolve } = Promise.withResolvers<Visit>();
  let host = '';
  let isUsed = false;

  const server = createServer({ maxHeaderSize: 16 * 1024, headersTimeout: 10_000 }, (request, response) => {
    response.on('error', () => undefined); // the browser left: nobody is there to be told
    const url = URL.canParse(request.url ?? '', 'http://signet')
      ? new URL(request.url ?? '', 'http://signet')
      : undefined;
    // A name that was made to point to this computer (DNS rebinding) is not the address that was given to Google.
    if (url?.pathname !== '/' || request.method !== 'GET' || request.headers.host !== host) {
      response.writeHead(404, headers).end();
      return;
    }
    const { searchParams: values } = url;
    if (!isSame(values.get('state') ?? '', state)) {
      void send(response, 400, { outcome: 'foreign' });
      return;
    }
    const code = values.get('code') ?? '';
    if (isUsed || (code === '' && !values.has('error'))) {
      void send(response, 400, { outcome: 'over' });
      return;
    }
    isUsed = true;
    const reply = (page: SignInPage) => send(response, 200, page);
    const error = values.get('error');
    if (error === null) resolve({ outcome: 'agreed', code, reply });
    else resolve({ outcome: 'refused', error: /^[a-z_]{1,40}$/.test(error) ? error : 'unknown', reply });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    uri: `http://${host}/`,
    visit,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Resolves when the page has left this process, or when nobody waits for it any longer. */
function send(response: ServerResponse, status: number, page: SignInPage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once('close', resolve);
  response.writeHead(status, headers).end(signInPageHtml(page), resolve);
  return promise;
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [utf8(one), utf8(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
