// Counts the messages of a text whose lines are its records, while its bytes pass by on their way into the repository. Of a text that only
// grows, what was counted before is taken over when the bytes before that place are still the same.

import { asBuffer } from '../base/bytes.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { LineCount, MessageCounts, TextMemory } from './model.ts';

/** Of a longer line only the beginning is looked at. */
const mostOfLine = 1 << 20;
/** Compared to tell growth from a text written anew. */
const tailBytes = 4096;
const newline = 0x0a;
const carriageReturn = 0x0d;

/** A file that is open for storing. */
interface OpenText {
  readonly sizeBytes: number;
  read(target: Uint8Array, position: number): Promise<number>;
}

export class LineCounter {
  readonly #rule: LineCount;
  readonly #file: OpenText;
  #messages: number;
  #conversations: number;
  /** Complete lines end here. */
  #upTo: number;
  /** The beginning of a line whose end has not passed yet. */
  #begun: Uint8Array[] = [];
  #begunBytes = 0;

  private constructor(rule: LineCount, file: OpenText, from: TextMemory['upTo'] | undefined) {
    this.#rule = rule;
    this.#file = file;
    this.#messages = from?.messages ?? 0;
    this.#conversations = from?.conversations ?? 0;
    this.#upTo = from?.bytes ?? 0;
  }

  /** @param known what was counted of this text before */
  static async open(rule: LineCount, file: OpenText, known: TextMemory | undefined): Promise<LineCounter> {
    const from = known?.upTo;
    const isGrown =
      from !== undefined && from.bytes <= file.sizeBytes && (await tailOf(file, from.bytes)) === from.tail;
    return new LineCounter(rule, file, isGrown ? from : undefined);
  }

  /** Where counting begins: bytes before it need not pass by. */
  get position(): number {
    return this.#upTo + this.#begunBytes;
  }

  /** Pieces come in order and leave no gap behind `position`; the bytes stay the caller's. */
  take(bytes: Uint8Array, position: number): void {
    let at = Math.max(0, this.position - position);
    while (at < bytes.length) {
      const end = bytes.indexOf(newline, at);
      const piece = bytes.subarray(at, end < 0 ? bytes.length : end);
      this.#begin(piece, end < 0);
      if (end < 0) return;
      this.#line();
      this.#upTo += this.#begunBytes + 1;
      this.#begun = [];
      this.#begunBytes = 0;
      at = end + 1;
    }
  }

  async finish(): Promise<TextMemory> {
    const upTo = { bytes: this.#upTo, ...this.#counts(), tail: await tailOf(this.#file, this.#upTo) };
    // A last line without its end counts now, and again when it is whole.
    if (this.#begunBytes > 0) this.#line();
    return { ...this.#counts(), upTo };
  }

  #begin(piece: Uint8Array, isCopied: boolean): void {
    const room = mostOfLine - this.#begun.reduce((sum, each) => sum + each.length, 0);
    const kept = piece.subarray(0, Math.max(0, room));
    this.#begun.push(isCopied ? kept.slice() : kept);
    this.#begunBytes += piece.length;
  }

  #line(): void {
    const [only, ...more] = this.#begun;
    if (only === undefined) return;
    const bytes = more.length === 0 ? asBuffer(only) : Buffer.concat(this.#begun);
    const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
    const text = bytes.toString('latin1', 0, end);
    if (this.#rule.message.test(text)) this.#messages += 1;
    if (this.#rule.conversation?.test(text)) this.#conversations += 1;
  }

  #counts(): MessageCounts {
    const messages = this.#messages;
    const isOne = this.#rule.conversation === undefined;
    return { messages, conversations: isOne ? Math.min(messages, 1) : this.#conversations };
  }
}

async function tailOf(file: OpenText, end: number): Promise<string> {
  const tail = new Uint8Array(Math.min(end, tailBytes));
  await file.read(tail, end - tail.length);
  return sha256Hex(tail);
}
