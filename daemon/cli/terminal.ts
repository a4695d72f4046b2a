// What the commands need of the terminal: questions with hidden answers, one progress line, and text that cannot play tricks. Results go
// to standard output, everything else to standard error.

import { PeerError } from '../../protocol/errors.ts';
import { counted, duration, percent, size } from '../../protocol/formats.ts';
import { patienceWords, shortPauseMs } from '../../protocol/place-words.ts';
import type { JobProgress } from '../../protocol/status.ts';
import { jobWords, shareOf } from '../../protocol/words.ts';

/** Whether someone is there to answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A sentence that is the result: on a terminal its lines break between words. */
export function tell(text: string): void {
  print(folded(text, process.stdout));
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** For sentences: on a terminal their lines break between words. */
export function note(text: string): void {
  process.stderr.write(`${folded(text, process.stderr)}\n`);
}

/** Lines that are broken where the terminal would break words, each part as far in as its line; into a pipe, as they are. */
export function folded(text: string, { isTTY = false, columns = 80 }: { isTTY?: boolean; columns?: number }): string {
  if (!isTTY || columns < 20) return text;
  return text
    .split('\n')
    .map(line => {
      const [indent = ''] = /^ {0,8}/.exec(line) ?? [];
      const width = columns - indent.length;
      const narrow = new RegExp(`(?=.{${width}})(.{1,${width - 1}}) +`, 'g');
      return `${indent}${line.slice(indent.length).replace(narrow, `$1\n${indent}`)}`;
    })
    .join('\n');
}

/** Names in a backup were chosen by others: control and direction characters are shown, not obeyed. */
export function harmless(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    character => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** Below a list that was cut. */
export function moreWords(more = 0): readonly string[] {
  return more === 0 ? [] : [`  and ${counted(more, 'more', 'more')}`];
}

const enter = [0x0a, 0x0d];
const erase = [0x08, 0x7f];
const ctrlC = 0x03;
const ctrlD = 0x04;
const ctrlU = 0x15;
const escapeKey = 0x1b;

/** Longest answer, in bytes. */
const maxAnswer = 4096;

/**
 * Asks one question after another. What was typed ahead counts for the next one. Answers are bytes, the asker's to wipe.
 * `close` gives the terminal back; the shell's own line editing is off in between.
 */
export class Questions {
  #typed: number[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #listening = false;

  #onData = (data: Buffer | string): void => {
    this.#typed.push(...Buffer.from(data as Buffer));
    if (Buffer.isBuffer(data)) data.fill(0);
    this.#wake?.();
  };
  #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  /** Throws E_CANCELLED at Ctrl-C, or Ctrl-D with nothing typed. */
  async ask(question: string, { hidden }: { readonly hidden: boolean }): Promise<Buffer> {
    this.#listen();
    process.stderr.write(`${question} `);
    const answer: number[] = [];
    try {
      for (;;) {
        const key = this.#typed.shift() ?? (await this.#nextKey());
        if (key === undefined || key === ctrlC || (key === ctrlD && answer.length === 0)) {
          throw new PeerError('E_CANCELLED', 'the question was not answered', { params: { job: 'question' } });
        }
        if (enter.includes(key)) {
          if (key === 0x0d && this.#typed[0] === 0x0a) this.#typed.shift();
          return Buffer.from(answer);
        }
        if (key === escapeKey) this.#skipSequence();
        else if (erase.includes(key)) this.#eraseLast(answer, hidden);
        else if (key === ctrlU) while (answer.length > 0) this.#eraseLast(answer, hidden);
        else if (key >= 0x20 && answer.length < maxAnswer) {
          answer.push(key);
          if (!hidden) process.stderr.write(Buffer.of(key));
        }
      }
    } finally {
      answer.fill(0);
      process.stderr.write('\n');
    }
  }

  close(): void {
    this.#typed.fill(0);
    this.#typed = [];
    if (!this.#listening) return;
    this.#listening = false;
    process.stdin.off('data', this.#onData).off('end', this.#onEnd);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    process.stdin.setRawMode(true);
    process.stdin.on('data', this.#onData).on('end', this.#onEnd).resume();
  }

  async #nextKey(): Promise<number | undefined> {
    while (this.#typed.length === 0 && !this.#ended) {
      await new Promise<void>(done => {
        this.#wake = done;
      });
    }
    return this.#typed.shift();
  }

  /** An arrow or function key, which arrives in one piece. */
  #skipSequence(): void {
    if (this.#typed[0] !== 0x5b && this.#typed[0] !== 0x4f) return;
    this.#typed.shift();
    while (this.#typed.length > 0) {
      const key = this.#typed.shift() ?? 0;
      if (key >= 0x40 && key <= 0x7e) return;
    }
  }

  #eraseLast(answer: number[], hidden: boolean): void {
    if (answer.length === 0) return;
    while (answer.length > 0 && ((answer.pop() ?? 0) & 0xc0) === 0x80) {} // the bytes of one UTF-8 character
    if (!hidden) process.stderr.write('\b \b');
  }
}

export interface ProgressView {
  show(job: JobProgress): void;
  /** Takes the line away; what is printed next begins on a fresh one. */
  end(): void;
}

const phases = {
  waiting: 'waiting',
  preparing: 'preparing',
  scanning: 'looking for what is new',
  capturing: 'copying databases',
  storing: 'sealing and storing',
  finishing: 'finishing',
  restoring: 'restoring',
  checking: 'checking',
  deleting: 'deleting',
  cancelling: 'stopping',
} as const;

/** JSON lines on standard output; else one redrawn line on a terminal, or a plain line for each phase and tenth percent. */
export function progressView(json: boolean, now: () => number = () => performance.now()): ProgressView {
  if (json) return { show: job => printJson({ type: 'progress', ...job }), end: () => {} };
  return process.stderr.isTTY ? redrawn(now) : plain();
}

function redrawn(now: () => number): ProgressView {
  const began = now();
  let shown = false;
  return {
    show(job) {
      shown = true;
      process.stderr.write(`\r\u001b[K${progressLine(job, now() - began, (process.stderr.columns ?? 80) - 1)}`);
    },
    end() {
      if (shown) process.stderr.write('\r\u001b[K');
      shown = false;
    },
  };
}

function plain(): ProgressView {
  let last = '';
  return {
    show(job) {
      const share = shareOf(job);
      const isPaused = Date.parse(job.waitingUntil ?? '') - Date.now() > shortPauseMs;
      const key = `${job.phase} ${share === undefined ? '' : Math.floor(share * 10)} ${isPaused}`;
      if (key === last) return;
      last = key;
      if (isPaused) return note(progressLine(job, 0, 200));
      note(`${jobWords(job.kind)}: ${phases[job.phase]}${share === undefined ? '' : `, ${percent(share)}`}`);
    },
    end: () => {},
  };
}

/** `Backing up  [#######-------]  43%  31 MB of 73 MB  5.2 MB/s  about 2 minutes left  WhatsApp`, cut to the width. */
export function progressLine(job: JobProgress, elapsedMs: number, width: number, now = Date.now()): string {
  const share = shareOf(job);
  const cells = Math.max(5, Math.min(24, width - 60));
  const filled = share === undefined ? 0 : Math.floor(Math.min(1, share) * cells);
  const rate = elapsedMs > 1000 && job.bytesDone > 0 ? `${size((job.bytesDone / elapsedMs) * 1000)}/s` : '';
  if (job.waitingUntil !== undefined) {
    const { sentence, below } = patienceWords(job.waitingUntil, 'The place', now);
    const done = share === undefined ? '' : ` ${percent(share)}`;
    return cut(`${sentence === undefined ? `${jobWords(job.kind)}${done}` : sentence}: ${below}`, width);
  }
  const parts = [
    jobWords(job.kind),
    share === undefined ? phases[job.phase] : `[${'#'.repeat(filled)}${'-'.repeat(cells - filled)}] ${percent(share)}`,
    job.bytesTotal > 0 ? `${size(job.bytesDone)} of ${size(job.bytesTotal)}` : '',
    rate,
    job.etaSeconds === undefined || job.etaSeconds < 1 ? '' : `about ${duration(job.etaSeconds * 1000)} left`,
    harmless(job.item ?? ''),
  ];
  return cut(parts.filter(part => part !== '').join('  '), width);
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

/** Columns aligned by their longest cell; numbers (cells of `right`) to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows
    .map(row =>
      row
        .map((cell, column) =>
          right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
