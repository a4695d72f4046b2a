// Stock restic as the judge of repositories that tests made without a daemon, under the password of the bench.

import { spawnSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { resticPassword } from './repository.ts';
import { withEachRestic } from './stock-restic.ts';

/** A test that stock restic takes part in, once for each that there is. */
export function withRestic(title: string, body: (t: ExecutionContext, restic: Restic) => Promise<void>): void {
  withEachRestic(title, async (t, { program }) =>
    body(t, (repository, args, options) => run(program, repository, args, options)),
  );
}

/** @param options.encoding 'latin1' for raw bytes */
export type Restic = (repository: string, args: readonly string[], options?: Options) => ResticRun;

interface Options {
  readonly cwd?: string;
  readonly encoding?: 'utf8' | 'latin1';
}

export interface ResticRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  program: string,
  repository: string,
  args: readonly string[],
  { cwd, encoding = 'utf8' }: Options = {},
): ResticRun {
  const env = { ...process.env, RESTIC_PASSWORD: resticPassword, RESTIC_REPOSITORY: repository };
  const { status, stdout, stderr } = spawnSync(program, ['--no-cache', ...args], {
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
