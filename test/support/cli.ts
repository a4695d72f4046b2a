// Runs the command line as people and scripts do: in a process, or on a pseudo terminal.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';
import type { ExecutionContext } from 'ava';

const main = fileURLToPath(new URL('../../daemon/cli/main.ts', import.meta.url));
const argsFor = (args: readonly string[]) => ['--no-warnings', main, ...args];

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Written to standard input, which is then closed; `open` leaves it open for ever, as a service's may be. */
  readonly input?: string | 'open';
  readonly started?: (child: ChildProcess) => void;
  readonly env?: Readonly<Record<string, string>>;
}

export function runCli(
  t: ExecutionContext,
  home: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, argsFor(args), {
    env: { ...process.env, SIGNET_HOME: home, TZ: 'UTC', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => {}); // a command that does not read closes it
  if (options.input !== 'open') child.stdin.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', data => {
    stdout += data;
  });
  child.stderr.on('data', data => {
    stderr += data;
  });
  options.started?.(child);
  return new Promise(done => child.on('close', status => done({ status, stdout, stderr })));
}

export interface TerminalRun {
  /** Resolves when the screen has shown the text since the last one that was waited for. */
  see(text: string): Promise<void>;
  type(text: string): void;
  /** Everything that was on the screen, and the exit code. */
  ended: Promise<{ readonly status: number; readonly screen: string }>;
}

/** The shell around it keeps the terminal open until its last words were read: a closing one may lose them. */
const lastWords = /\r\n<ended with (\d+)>$/;
const wrapper = '"$@"; printf "\\n<ended with %s>" "$?"; read -r line';

export function runOnTerminal(t: ExecutionContext, home: string, args: readonly string[]): TerminalRun {
  const pty = spawnPty('/bin/sh', ['-c', wrapper, 'sh', process.execPath, ...argsFor(args)], {
    cols: 100,
    rows: 30,
    env: { ...process.env, SIGNET_HOME: home, TZ: 'UTC' } as Record<string, string>,
  });
  let gone = false;
  pty.onExit(() => {
    gone = true;
  });
  t.teardown(() => gone || pty.kill('SIGKILL'));
  let screen = '';
  let seen = 0;
  let look = () => {};
  const ended = Promise.withResolvers<{ status: number; screen: string }>();
  pty.onData(data => {
    screen += data;
    look();
    const [words, status] = lastWords.exec(screen) ?? [];
    if (words !== undefined) ended.resolve({ status: Number(status), screen: screen.slice(0, -words.length) });
  });
  return {
    ended: ended.promise,
    type: text => pty.write(text),
    see(text) {
      return new Promise((done, fail) => {
        look = () => {
          const at = screen.indexOf(text, seen);
          if (at !== -1) {
            seen = at + text.length;
            look = () => {};
            done();
          } else if (lastWords.test(screen)) fail(new Error(`ended without showing “${text}”:\n${screen}`));
        };
        look();
      });
    },
  };
}
