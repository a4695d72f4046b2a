// A process that becomes another user and then tries the socket: arguments are the path of the socket, the path of the token, and the user's
// number. Says in one JSON line what it got.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [socketPath = '', tokenPath = '', uid = '65534'] = process.argv.slice(2);
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));

const answer = { uid: process.getuid?.(), token: '', connected: false, error: '', said: '', closed: false };
try {
  answer.token = readFileSync(tokenPath, 'latin1');
} catch (error) {
  answer.token = (error as NodeJS.ErrnoException).code ?? 'unreadable';
}

const frame = (data: unknown): string => `${JSON.stringify({ type: 'rpc', data })}\f`;
const socket = connect(socketPath);
socket.on('connect', () => {
  answer.connected = true;
  socket.write(frame({ nonce: 'A'.repeat(43), proof: 'A'.repeat(43) }));
  socket.write(frame({ message: { jsonrpc: '2.0', id: 1, method: 'signet/status', params: {} } }));
});
socket.on('data', data => {
  answer.said += data;
});
socket.on('error', error => {
  answer.error = (error as NodeJS.ErrnoException).code ?? error.message;
});
socket.on('close', () => {
  answer.closed = true;
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
