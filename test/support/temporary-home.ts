// A private home for one test, removed when the test ends.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Home, resolveHome } from '../../protocol/home.ts';

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'signet-test-'));
  // A daemon that was told to end may write its last file while this runs.
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return folder;
}

export async function temporaryHome(t: ExecutionContext): Promise<Home> {
  return resolveHome({ env: { SIGNET_HOME: await temporaryFolder(t) } });
}
