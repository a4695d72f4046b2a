// Google's host names on this computer, for programs that cannot be told another root (rclone): a proxy ends their TLS with a certificate
// made for the occasion, and hands what they ask to the fake of Google Drive. Anything else is refused, so nothing leaves this computer.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

const names = ['www.googleapis.com', 'oauth2.googleapis.com', 'accounts.google.com'] as const;

export interface GoogleNames {
  /** For a program that trusts one more certificate: SSL_CERT_FILE, `--ca-cert`. */
  readonly certificate: string;
  /** HTTPS_PROXY. */
  readonly proxy: string;
  close(): Promise<void>;
}

/** @param root of the fake  @param folder where the certificate and its key are written; the caller removes it */
export async function startGoogleNames(root: string, folder: string): Promise<GoogleNames> {
  const { certificate, key } = makeCertificate(folder);
  const credentials = { cert: readFileSync(certificate), key: readFileSync(key) };
  const inner = createServer((asked, answer) => void forward(root, asked, answer));
  const outer = createServer((_, answer) => answer.writeHead(403).end());
  const sockets = new Set<Socket>();
  outer.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  outer.on('connect', ({ url = '' }: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy()); // a program that ends takes its connections along
    if (!names.some(name => url === `${name}:443`)) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    const secure = new TLSSocket(socket, { isServer: true, ...credentials });
    secure.on('error', () => secure.destroy());
    inner.emit('connection', secure);
  });
  await once(outer.listen(0, '127.0.0.1'), 'listening');
  return {
    certificate,
    proxy: `http://127.0.0.1:${(outer.address() as AddressInfo).port}`,
    async close() {
      const closed = once(outer, 'close');
      outer.close();
      inner.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function makeCertificate(folder: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [join(folder, 'google.crt'), join(folder, 'google.key')];
  const made = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=for a test', '-addext', `subjectAltName=${names.map(name => `DNS:${name}`).join(',')}`],
      ...['-keyout', key, '-out', certificate],
    ],
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr}`);
  return { certificate, key };
}

/** What comes back may name the fake's own address; it is on this computer too. */
function forward(root: string, asked: IncomingMessage, answer: ServerResponse): void {
  const onward = request(new URL(asked.url ?? '/', root), { method: asked.method ?? 'GET', headers: asked.headers });
  onward.on('response', found => {
    answer.writeHead(found.statusCode ?? 502, found.headers);
    found.pipe(answer);
    found.on('error', () => answer.destroy());
  });
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  asked.pipe(onward);
}
