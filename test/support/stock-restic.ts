// Stock restic as the judge of a repository that the daemon wrote. It runs without blocking: the test goes on watching meanwhile.
// Beside the restic of this system a newer one takes part, where scripts/test has fetched it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { canFetchNewerRestic, newerResticProgram, resticAt, type StockRestic } from '../../scripts/lib/newer-restic.ts';
import { skip } from './skip.ts';

export type { StockRestic } from '../../scripts/lib/newer-restic.ts';

const ofSystem = resticAt('restic');

export const hasRestic = ofSystem !== undefined;

/** A test once with the restic of this system, and once with a newer one; each is named with its version, or skipped. */
export function withEachRestic(title: string, body: (t: ExecutionContext, stock: StockRestic) => Promise<void>): void {
  const judges = [
    { role: 'the restic of this system', stock: ofSystem, isExpected: true },
    { role: 'a newer restic', stock: resticAt(newerResticProgram), isExpected: canFetchNewerRestic() },
  ];
  for (const { role, stock, isExpected } of judges) {
    test(`${title}: ${role}`, async t => {
      if (stock === undefined) return skip(t, `${role} is not there`, isExpected ? 'other' : 'other system');
      t.log(`restic ${stock.version}`);
      return body(t, stock);
    });
  }
}

export interface ResticRun {
  readonly status: number | null;
  readonly out: string;
}

/**
 * @param recoveryKey 64 hex digits: the repository's password
 * @param more of the environment: keys of a cloud
 * @param program another than the one of this system
 */
export async function restic(
  repository: string,
  recoveryKey: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
  { program }: Pick<StockRestic, 'program'> = { program: 'restic' },
): Promise<ResticRun> {
  const child = spawn(program, ['--no-cache', ...args], {
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

/** What it printed; fails the test with that when it did not end with 0. */
export function succeeded(t: ExecutionContext, { status, out }: ResticRun): string {
  t.is(status, 0, out);
  return out;
}
