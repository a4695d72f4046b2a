// What stands in the frames of the socket, and the reader and writer that vscode-jsonrpc gets. One message is one frame; a long answer of
// the daemon goes in parts, since the parser of the frames is quadratic in their size.

import {
  AbstractMessageReader,
  AbstractMessageWriter,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageWriter,
} from 'vscode-jsonrpc/node';
import { PeerError } from './errors.ts';

export const maxFrameBytes = 256 * 1024;
/** An answer of the daemon, all parts together, in UTF-16 units of its JSON. */
export const maxAnswerLength = 4 * 1024 * 1024;
/** Units in one part: at most three UTF-8 bytes each once it is JSON again, so a part always fits a frame. */
const partLength = 64 * 1024;

export type Frame =
  | { readonly challenge: string }
  | { readonly nonce: string; readonly proof: string }
  | { readonly proof: string }
  | { readonly message: Message }
  | { readonly part: string; readonly more: boolean };

/** Hands messages to vscode-jsonrpc. `take` throws for what is no message: the caller closes the socket. */
export class FrameReader extends AbstractMessageReader {
  /** Messages handed over and not yet begun; kept by the daemon's side. */
  waiting = 0;
  onWaiting: ((waiting: number) => void) | undefined;
  readonly #joinsParts: boolean;
  #receive: DataCallback | undefined;
  #parts: string[] = [];
  #partsLength = 0;

  constructor(joinsParts: boolean) {
    super();
    this.#joinsParts = joinsParts;
  }

  override listen(callback: DataCallback): Disposable {
    this.#receive = callback;
    return { dispose: () => (this.#receive = undefined) };
  }

  take(frame: unknown): void {
    const message = this.#messageIn(frame);
    if (message === undefined) return;
    if (typeof message !== 'object' || message === null || !('jsonrpc' in message) || message.jsonrpc !== '2.0') {
      throw new Error('not a JSON-RPC message');
    }
    if (!('method' in message && message.method === '$/cancelRequest')) this.onWaiting?.(++this.waiting);
    this.#receive?.(message as Message);
  }

  #messageIn(frame: unknown): unknown {
    if (typeof frame !== 'object' || frame === null) throw new Error('not a frame');
    if ('message' in frame) return frame.message;
    if (!this.#joinsParts || !('part' in frame) || typeof frame.part !== 'string') throw new Error('not a frame');
    this.#partsLength += frame.part.length;
    if (this.#partsLength > maxAnswerLength) throw new Error('an answer in parts is too long');
    this.#parts.push(frame.part);
    if ('more' in frame && frame.more === true) return undefined;
    const text = this.#parts.join('');
    this.#parts = [];
    this.#partsLength = 0;
    return JSON.parse(text);
  }

  close(): void {
    this.fireClose();
  }
}

export class FrameWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #splits: boolean;
  readonly #send: (frame: Frame) => void;
  readonly #hangUp: () => void;

  /** @param send throws for a frame over its limit */
  constructor(splits: boolean, send: (frame: Frame) => void, hangUp: () => void) {
    super();
    this.#splits = splits;
    this.#send = send;
    this.#hangUp = hangUp;
  }

  async write(message: Message): Promise<void> {
    try {
      const text = JSON.stringify(message);
      if (!this.#splits || text.length <= partLength) return this.#send({ message });
      if (text.length > maxAnswerLength)
        throw new PeerError('E_OBJECT_LIMIT', `a message of ${text.length} characters is too long`);
      for (let start = 0; start < text.length; start += partLength) {
        this.#send({ part: text.slice(start, start + partLength), more: start + partLength < text.length });
      }
    } catch (error) {
      this.fireError(error, message, 1);
      throw error;
    }
  }

  end(): void {
    this.#hangUp();
  }

  override dispose(): void {
    super.dispose();
    this.#hangUp();
  }
}
