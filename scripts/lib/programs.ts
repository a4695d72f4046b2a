// Programs that a script starts: each is run to its end and answers what it printed, and none outlives the script.

import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Written to standard input, which is then closed. */
  readonly input?: string | undefined;
  /** Ends the program; the signal of all programs unless given. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each line of standard output as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export class Programs {
  readonly #signal: AbortSignal;
  readonly #running = new Set<ChildProcess>();

  /** @param signal ends whatever runs */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @throws Error with the program's own complaint when it fails; the signal's reason when it is ended */
  async run(
    program: string,
    args: readonly string[],
    { env, input = '', signal = this.#signal, onLine }: ProgramOptions,
  ): Promise<string> {
    signal.throwIfAborted();
    const child = this.#started(spawn(program, args, { env, stdio: 'pipe' }));
    const end = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    try {
      child.stdin.on('error', () => {}); // it may end before it has read everything, and says itself why
      child.stdin.end(input);
      if (onLine !== undefined) createInterface({ input: child.stdout }).on('line', onLine);
      const [output, complaint, code] = await Promise.all([
        child.stdout.setEncoding('utf8').reduce((all: string, part: string) => all + part, ''),
        child.stderr.setEncoding('utf8').reduce((all: string, part: string) => all + part, ''),
        new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done)),
      ]);
      signal.throwIfAborted();
      if (code === 0) return output;
      const named = args.find(arg => !/^-|\.[mc]?[jt]s$/.test(arg)) ?? '';
      throw new Error(`${basename(program)} ${named} ended with ${code}: ${complaint.trim()}`);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** Starts a program that serves until its standard input ends, and answers with the first line that it says. */
  async serve(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Server> {
    this.#signal.throwIfAborted();
    const child = this.#started(spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] }));
    child.stdin.on('error', () => {}); // that it is gone is told by its end
    const ended = new Promise<void>(done => child.once('close', done));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${basename(args.at(-1) ?? program)} ended before it answered`);
      return value;
    };
    return {
      hello: await line(),
      ask(order) {
        child.stdin.write(`${order}\n`);
        return line();
      },
      async close() {
        child.stdin.end();
        await ended;
      },
    };
  }

  /** Ends whatever still runs, at once. */
  end(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }

  #started<Child extends ChildProcess>(child: Child): Child {
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }
}

export interface Server {
  readonly hello: string;
  /** One line for one line; one at a time. */
  ask(order: string): Promise<string>;
  close(): Promise<void>;
}
