// Loaded before every test file (package.json, ava.nodeArguments) and, through NODE_OPTIONS, into the Node processes that tests
// start: no test talks to anything but this computer. A try fails the call and, since callers may swallow that, the process.

import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

const loopback = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|\[::1\]|::ffff:127(\.\d{1,3}){3}|0\.0\.0\.0|::)$/i;

export function isLoopback(host: string): boolean {
  return loopback.test(host);
}

function refuse(host: string): never {
  const error = new Error(`a test tried to reach ${host}; tests talk to this computer only`);
  queueMicrotask(() => {
    throw error;
  });
  throw error;
}

function check(host: unknown): void {
  if (typeof host === 'string' && host !== '' && !isLoopback(host)) refuse(host);
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Puts a look at the arguments before a method; the method itself stays as it was. */
function guard(target: object, name: string, look: (args: readonly unknown[]) => void): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') return;
  const guarded: Method = function (...args) {
    look(args);
    return Reflect.apply(original, this, args);
  };
  Reflect.set(target, name, guarded);
}

/** connect(port, host?), connect({host}), connect(path), and net's own call with its normalized arguments as one array. */
function checkConnect(args: readonly unknown[]): void {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof first === 'object' && first !== null && 'host' in first) check(first.host);
  else if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))) check(args[1]);
}

guard(net.Socket.prototype, 'connect', checkConnect);
for (const resolver of [dns, dns.promises]) {
  for (const name of [
    'lookup',
    'resolve',
    'resolve4',
    'resolve6',
    'resolveAny',
    'resolveTxt',
    'resolveSrv',
    'reverse',
  ]) {
    guard(resolver, name, args => check(args[0]));
  }
}
guard(dgram.Socket.prototype, 'connect', args => check(args[1]));
// send(message, [offset, length,] port, [address,] [callback]): the address is the only string after the message.
guard(dgram.Socket.prototype, 'send', args => check(args.slice(1).find(argument => typeof argument === 'string')));

const already = process.env['NODE_OPTIONS'] ?? '';
if (!already.includes(import.meta.url)) process.env['NODE_OPTIONS'] = `${already} --import=${import.meta.url}`.trim();
