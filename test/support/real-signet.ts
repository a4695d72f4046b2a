// The real thing for a test: the command line with a home of its own, and the daemon it starts, ended by its process id.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

const cli = fileURLToPath(new URL('../../daemon/cli/main.ts', import.meta.url));

/** Runs a command with --json and answers its document, or the last line of a stream. Throws when it fails. */
export type RunSignet = (args: readonly string[], input?: string) => Record<string, unknown>;

export function realSignet(t: ExecutionContext, home: string): RunSignet {
  const { NODE_OPTIONS: _, ...rest } = process.env;
  const env = { ...rest, SIGNET_HOME: home };
  const run: RunSignet = (args, input = '') => {
    const output = execFileSync(process.execPath, ['--no-warnings', cli, ...args, '--json'], {
      env,
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    }).trim();
    return JSON.parse(output.startsWith('{"type"') ? output.slice(output.lastIndexOf('\n') + 1) : output);
  };
  t.teardown(() => {
    const pid = daemonPid(run);
    if (pid !== undefined) end(pid);
  });
  return run;
}

/** Undefined when none runs: then the command fails. */
function daemonPid(run: RunSignet): number | undefined {
  try {
    return Number(run(['daemon', 'status'])['pid']);
  } catch {
    return undefined;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // gone already: what was wanted
  }
}
