// A server on this computer that answers forms as the test says, and remembers them: for what stands before Google's sign-in.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';

export interface Form {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly values: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON; `undefined` cuts the connection. */
  readonly body: object | string | undefined;
}

export interface TokenServer {
  /** For googleEndpoints. */
  readonly root: string;
  readonly asked: readonly Form[];
}

export async function tokenServer(
  t: ExecutionContext,
  answer: (form: Form, count: number) => Reply | Promise<Reply>,
): Promise<TokenServer> {
  const asked: Form[] = [];
  const server = createServer(async (request, response) => {
    const values = Object.fromEntries(new URLSearchParams(await text(request)));
    const form = { path: request.url ?? '', method: request.method ?? '', headers: request.headers, values };
    asked.push(form);
    const { status = 200, headers = {}, body } = await answer(form, asked.length);
    if (body === undefined) return request.socket.destroy();
    const isJson = typeof body === 'object';
    response.writeHead(status, { 'content-type': isJson ? 'application/json' : 'text/html', ...headers });
    return response.end(isJson ? JSON.stringify(body) : body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { root: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}
