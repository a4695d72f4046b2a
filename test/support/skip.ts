// Skipping a test while it runs, loudly: ava counts it as passed, scripts/test lists it by name and counts it as skipped.

import { appendFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

export interface Skip {
  readonly title: string;
  readonly reason: string;
  /**
   * What is no fault even in CI: fixtures are not part of the project, other systems have other parts, and only root can install the packages
   * that other tests need, while some refusals are made for everyone but root.
   */
  readonly why: 'no fixtures' | 'is root' | 'other system' | 'other';
}

/** Ends a test as skipped: `if (...) return skip(t, 'restic is not installed')`. */
export function skip(t: ExecutionContext, reason: string, why: Skip['why'] = 'other'): void {
  const line: Skip = { title: t.title, reason, why };
  const file = process.env['SIGNET_SKIPS'];
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
  t.log(`skipped: ${reason}`);
  t.pass();
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Absolute path of a fixture, or undefined when there are none: then `return skip(t, withoutFixtures, 'no fixtures')`. */
export function fixture(name: string): string | undefined {
  const folder = process.env['SIGNET_FIXTURES'] ?? join(root, '..', 'shared', 'fixtures');
  const path = join(folder, name);
  return existsSync(path) ? path : undefined;
}

export const withoutFixtures = 'the fixtures are not beside the checkout; SIGNET_FIXTURES names their folder';
