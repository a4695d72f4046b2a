// The fake of Google Drive as a process of its own, for scripts: says its root and clients in one JSON line, then does what it is told line by line
// and answers each with one. Ends with its standard input, or on SIGTERM.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DriveFake, type Fault, type Settings, startDriveFake } from './drive-fake.ts';

/** A line of standard input: one of these, as JSON. */
export type Order =
  | { readonly do: 'set'; readonly settings: Partial<Settings> }
  | { readonly do: 'fault'; readonly fault: Fault }
  | { readonly do: 'clearFaults' | 'clearLog' | 'revokeRefreshTokens' | 'expireAccessTokens' | 'loseSessions' }
  /** Answers paths, sizes and hashes of all files. */
  | { readonly do: 'files' }
  /** Answers what a sign-in with that client leaves. */
  | { readonly do: 'connection'; readonly clientId: string; readonly scopes: readonly string[] }
  /** Writes all files below a folder, as who downloads My Drive. */
  | { readonly do: 'save'; readonly folder: string }
  /** Answers how many requests there were. */
  | { readonly do: 'count' }
  | { readonly do: 'log' }
  | { readonly do: 'violations' };

function carriedOut(fake: DriveFake, order: Order): unknown {
  switch (order.do) {
    case 'set':
      return fake.set(order.settings);
    case 'fault':
      return fake.fault(order.fault);
    case 'files':
      return fake.files().map(({ bytes, ...file }) => file);
    case 'connection':
      return fake.connection(order);
    case 'save':
      return save(fake, order.folder);
    case 'count':
      return fake.count('*');
    case 'log':
      return fake.log;
    case 'violations':
      return fake.violations;
    default:
      return fake[order.do]();
  }
}

function save(fake: DriveFake, folder: string): void {
  for (const { path, bytes, isTrashed } of fake.files()) {
    if (bytes === undefined || isTrashed) continue;
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

const fake = await startDriveFake();
const { root, client, deviceClient, otherClient, account, otherAccount } = fake;
say({ root, client, deviceClient, otherClient, account, otherAccount });
process.once('SIGTERM', () => process.exit(0));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say({ result: carriedOut(fake, JSON.parse(line) as Order) ?? null });
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
await fake.close();
