// A process full of clients that connect, flood, send garbage and die, without end, until it is killed. Arguments: the home, how many at
// a time. Says once a second, as JSON lines, how often each kind has come.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { endpointOf, resolveHome, tokenFile } from '../../protocol/home.ts';
import { frame, hello, proveOn, request } from './raw-wire.ts';

const [folder = '', count = '200'] = process.argv.slice(2);
const home = resolveHome({ env: { SIGNET_HOME: folder } });
const token = Buffer.from(readFileSync(tokenFile(home), 'latin1'), 'hex');
const { path } = endpointOf(home);

/** Writes the text again and again, as fast as it is taken. */
function pour(socket: Socket, text: (round: number) => string): void {
  let round = 0;
  const more = (): void => {
    while (!socket.destroyed && socket.write(text(round++)));
  };
  socket.on('drain', more);
  more();
}

const soon = (socket: Socket, ms: number): void => void setTimeout(() => socket.destroy(), ms * (0.5 + Math.random()));

const kinds: Readonly<Record<string, (socket: Socket) => void>> = {
  'says nothing': socket => soon(socket.resume(), 4000),
  'dies at once': socket => soon(socket, 20),
  'sends noise': socket => pour(socket.resume(), () => randomBytes(1024).toString('latin1')),
  'sends the beginning of a frame': socket => pour(socket.resume(), () => 'x'.repeat(1024)),
  'proves itself wrongly': socket => {
    socket.resume().write(frame({ nonce: 'A'.repeat(43), proof: 'A'.repeat(43) }));
  },
  'floods and reads': socket =>
    proveOn(socket, token, () => {
      socket.resume().write(hello());
      pour(socket, round => request(round + 1, 'signet/status'));
      soon(socket, 3000);
    }),
  'floods and does not read': socket =>
    proveOn(socket, token, () => {
      socket.write(hello());
      socket.pause();
      pour(socket, round => request(round + 1, 'signet/status'));
      soon(socket, 3000);
    }),
  'sends noise once it is let in': socket => proveOn(socket, token, () => socket.resume().write(`${hello()}{{{{\f`)),
  'asks for much and dies': socket =>
    proveOn(socket, token, () => {
      socket.resume().write(hello());
      for (let id = 1; id < 40; id += 1) {
        socket.write(
          request(
            id,
            id % 2 === 0 ? 'signet/list' : 'signet/snapshots',
            id % 2 === 0 ? { snapshot: 'latest', path: '' } : {},
          ),
        );
      }
      soon(socket, 50);
    }),
  'stays and listens': socket =>
    proveOn(socket, token, () => {
      socket.resume().write(hello());
      soon(socket, 2000);
    }),
};

const came: Record<string, number> = {};
const names = Object.keys(kinds);

function come(name: string): void {
  came[name] = (came[name] ?? 0) + 1;
  const socket = connect(path);
  socket.on('error', () => {}); // being cut off is what it deserves
  socket.once('connect', () => kinds[name]?.(socket));
  socket.once('close', () => setTimeout(come, 5, name));
}

for (let index = 0; index < Number(count); index += 1) come(names[index % names.length] ?? '');
setInterval(() => process.stdout.write(`${JSON.stringify(came)}\n`), 1000);
