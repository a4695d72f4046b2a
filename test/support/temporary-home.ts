// A private home for one test, removed when the test ends.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Home, resolveHome } from '../../protocol/home.ts';

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'signet-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function temporaryHome(t: ExecutionContext): Promise<Home> {
  return resolveHome({ env: { SIGNET_HOME: await temporaryFolder(t) } });
}
