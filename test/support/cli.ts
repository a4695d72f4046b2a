// Runs the command line as people and scripts do: in a process, or on a pseudo terminal.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn as spawnPty } from '@lydell/node-pty';
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
}

export function runCli(
  t: ExecutionContext,
  home: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, argsFor(args), {
    env: { ...process.env, SIGNET_HOME: home, TZ: 'UTC' },
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
  readonly pty: IPty;
  /** Resolves when the screen has shown the text since the last one that was waited for. */
  see(text: string): Promise<void>;
  type(text: string): void;
  /** Everything that was on the screen, and the exit code. */
  ended: Promise<{ readonly status: number; readonly screen: string }>;
}

export function runOnTerminal(t: ExecutionContext, home: string, args: readonly string[]): TerminalRun {
  const pty = spawnPty(process.execPath, argsFor(args), {
    cols: 100,
    rows: 30,
    env: { ...process.env, SIGNET_HOME: home, TZ: 'UTC' } as Record<string, string>,
  });
  let running = true;
  t.teardown(() => running && pty.kill('SIGKILL'));
  let screen = '';
  let seen = 0;
  let look = () => {};
  pty.onData(data => {
    screen += data;
    look();
  });
  const ended = new Promise<{ status: number; screen: string }>(done =>
    pty.onExit(({ exitCode }) => {
      running = false;
      look();
      done({ status: exitCode, screen });
    }),
  );
  return {
    pty,
    ended,
    type: text => pty.write(text),
    see(text) {
      return new Promise((done, fail) => {
        look = () => {
          const at = screen.indexOf(text, seen);
          if (at !== -1) {
            seen = at + text.length;
            look = () => {};
            done();
          } else if (!running) fail(new Error(`ended without showing “${text}”:\n${screen}`));
        };
        look();
      });
    },
  };
}
