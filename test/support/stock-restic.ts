// Stock restic as the judge of a repository that the daemon wrote. It runs without blocking: the test goes on watching meanwhile.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

export const hasRestic = spawnSync('restic', ['version'], { encoding: 'utf8' }).status === 0;

export interface ResticRun {
  readonly status: number | null;
  readonly out: string;
}

/**
 * @param recoveryKey 64 hex digits: the repository's password
 * @param more of the environment: keys of a cloud
 */
export async function restic(
  repository: string,
  recoveryKey: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<ResticRun> {
  const child = spawn('restic', ['--no-cache', ...args], {
    env: { ...process.env, ...more, RESTIC_PASSWORD: recoveryKey, RESTIC_REPOSITORY: repository },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      out += chunk;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out };
}
