// The wire as a program of nobody's knows it from docs/protocol.md: not built of the code that it is used against.

import { createHmac, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

export const frame = (data: unknown): string => `${JSON.stringify({ type: 'rpc', data })}\f`;

export const request = (id: number, method: string, params: object = {}): string =>
  frame({ message: { jsonrpc: '2.0', id, method, params } });

export const hello = (): string =>
  request(0, 'initialize', { initializationOptions: { protocolVersion: 1, version: '0.1.0' } });

/** Proves itself as a client of this user would, then goes on; the daemon's own proof comes as the next frame. */
export function proveOn(socket: Socket, token: Uint8Array, then: () => void): void {
  let said = '';
  const listen = (data: Buffer): void => {
    said += data;
    if (!said.includes('\f')) return;
    socket.off('data', listen);
    const challenge = Buffer.from(JSON.parse(said.split('\f')[0] ?? '').data.challenge, 'base64url');
    const nonce = randomBytes(32);
    const proof = createHmac('sha256', token).update('signet/ipc/v1/client').update(challenge).update(nonce).digest();
    socket.write(frame({ nonce: nonce.toString('base64url'), proof: proof.toString('base64url') }));
    then();
  };
  socket.on('data', listen);
}
