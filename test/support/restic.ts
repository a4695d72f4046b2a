// Stock restic as the judge of repositories that tests made without a daemon, under the password of the bench.

import { spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { resticPassword } from './repository.ts';
import { skip } from './skip.ts';
import { hasRestic } from './stock-restic.ts';

/** A test that stock restic takes part in. */
export function withRestic(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  test(title, async t => (hasRestic ? body(t) : skip(t, 'restic is not installed')));
}

export interface ResticRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param encoding 'latin1' for raw bytes */
export function restic(
  repository: string,
  args: readonly string[],
  { cwd, encoding = 'utf8' }: { readonly cwd?: string; readonly encoding?: 'utf8' | 'latin1' } = {},
): ResticRun {
  const env = { ...process.env, RESTIC_PASSWORD: resticPassword, RESTIC_REPOSITORY: repository };
  const { status, stdout, stderr } = spawnSync('restic', ['--no-cache', ...args], {
    env,
    cwd,
    encoding,
    maxBuffer: 64 << 20,
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

export function succeeds(t: ExecutionContext, run: ResticRun): string {
  t.is(run.status, 0, run.stderr + run.stdout);
  return run.stdout;
}
