// Short-lived child processes for work that must not touch the daemon: one frame in on standard input, one frame out on standard output, then
// they end. A frame is four bytes of length (little-endian), that many bytes of JSON, then a secret up to the end of the stream. Nothing
// crosses in arguments or the environment; a child that hangs is killed; what it said is bounded.

import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { asBuffer, fromUtf8, utf8, wipe } from './bytes.ts';
import { SignetError } from './errors.ts';

const maxFrameBytes = 64 * 1024;

/** One frame in memory that cannot be swapped for a copy: the caller wipes it once it is written. */
export function packFrame(head: object, secret: Uint8Array): Uint8Array {
  const json = utf8(JSON.stringify(head));
  const frame = Buffer.allocUnsafeSlow(4 + json.length + secret.length);
  frame.writeUInt32LE(json.length, 0);
  frame.set(json, 4);
  frame.set(secret, 4 + json.length);
  return frame;
}

/** Head and secret of a whole frame; the secret is a view into it. Undefined for anything else. */
export function unpackFrame(frame: Uint8Array): { head: unknown; secret: Uint8Array } | undefined {
  if (frame.length < 4) return undefined;
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0, true);
  if (length > frame.length - 4) return undefined;
  try {
    return { head: JSON.parse(fromUtf8(frame.subarray(4, 4 + length)) ?? ''), secret: frame.subarray(4 + length) };
  } catch {
    return undefined; // not JSON: the caller treats the frame as broken
  }
}

/** The whole stream, at most 64 KiB of it, in memory that the caller wipes. @throws E_INTERNAL when there is more */
export async function readFrame(stream: Readable): Promise<Uint8Array> {
  const frame = Buffer.allocUnsafeSlow(maxFrameBytes);
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (length + chunk.length > maxFrameBytes) {
      throw new SignetError('E_INTERNAL', `a child process sends more than ${maxFrameBytes} bytes`);
    }
    frame.set(chunk, length);
    length += chunk.length;
    wipe(chunk);
  }
  return frame.subarray(0, length);
}

export interface ChildOrder {
  /** For errors: "key child". */
  readonly name: string;
  /** The child's file. */
  readonly path: string;
  /** Wiped when it is written. */
  readonly frame: Uint8Array;
  /** Variables it needs beside those that let a process start at all. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Then it is killed: it ended with SIGKILL. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a child and waits for its end.
 *
 * @returns what it wrote, the caller's to wipe, and its exit code or the signal that ended it
 * @throws E_INTERNAL when it cannot be started or writes too much · the signal's reason
 */
export async function askChild(
  order: ChildOrder,
): Promise<{ readonly reply: Uint8Array; readonly ended: number | NodeJS.Signals | null }> {
  const { name, path, frame, environment, timeoutMs, signal } = order;
  const child = spawn(process.execPath, ['--disable-sigusr1', '--no-warnings', path], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...pick(process.env, ['SystemRoot', 'ELECTRON_RUN_AS_NODE', 'NODE_COMPILE_CACHE']), ...environment },
    windowsHide: true,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const stop = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve(code ?? by));
  });
  let reply: Uint8Array | undefined;
  try {
    child.stdin.on('error', () => undefined); // a child that died early; its exit tells more
    child.stdin.end(asBuffer(frame));
    [reply] = await Promise.all([readFrame(child.stdout), ended]);
    signal?.throwIfAborted();
    return { reply, ended: await ended };
  } catch (error) {
    child.kill('SIGKILL');
    wipe(reply);
    if (error instanceof SignetError || signal?.aborted) throw error;
    throw new SignetError('E_INTERNAL', `${name}: it could not be started`, { cause: error });
  } finally {
    wipe(frame);
    signal?.removeEventListener('abort', stop);
  }
}

/** The variables of these names that are set. */
export function pick(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
