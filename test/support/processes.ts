// What every user of a machine may see of a process while it runs: its command line, and for the same user its environment.

import { readdirSync, readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';

export interface SeenProcess {
  readonly pid: number;
  /** Arguments, each ended by NUL. */
  readonly commandLine: string;
  readonly environment: string;
}

const everyMs = 5;

/**
 * Looks at the daemon of the home and at everything below it until stopped, as often as it can. Linux only.
 *
 * @param home SIGNET_HOME: whatever has it in its environment, other than the command line, counts as the daemon
 */
export function watchProcesses(t: ExecutionContext, home: string): { stop(): readonly SeenProcess[] } {
  const seen = new Map<string, SeenProcess>();
  const ours = new Set<number>();
  const look = (): void => {
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      const process = lookAt(pid);
      if (process === undefined) continue;
      const { commandLine, environment, parent } = process;
      const isDaemon = environment.includes(`SIGNET_HOME=${home}\0`) && /daemon\/main\.ts/.test(commandLine);
      if (!isDaemon && !ours.has(parent)) continue;
      ours.add(pid);
      seen.set(`${pid} ${commandLine}`, { pid, commandLine, environment });
    }
  };
  const timer = setInterval(look, everyMs);
  t.teardown(() => clearInterval(timer));
  return {
    stop() {
      look();
      clearInterval(timer);
      return [...seen.values()];
    },
  };
}

function lookAt(pid: number): { commandLine: string; environment: string; parent: number } | undefined {
  try {
    const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
    const [commandLine, environment] = ['cmdline', 'environ'].map(file => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
    return { commandLine: commandLine ?? '', environment: environment ?? '', parent };
  } catch {
    return undefined; // it ended, or is not ours to see
  }
}
