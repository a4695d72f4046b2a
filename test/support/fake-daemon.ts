// A daemon process with fake handlers, for tests of what stands outside it. Reads one JSON line with its part from standard input, says
// `ready` when it listens and then one JSON line for each request; ends on SIGTERM. With FAKE_VERSIONS ("<protocol> <version>") it says it
// is that one, and with FAKE_STARTS it adds a line with its version to that file when it listens.

import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SignetError } from '../../daemon/base/errors.ts';
import { type Handlers, type RequestName, startEndpoint } from '../../daemon/endpoint/endpoint.ts';
import type { ErrorCode, ErrorParams } from '../../protocol/errors.ts';
import { resolveHome } from '../../protocol/home.ts';
import type { JobProgress } from '../../protocol/status.ts';
import { ownVersions } from '../../protocol/version.ts';
import { type Asked, fakeHandlers, someStatus } from './fake-handlers.ts';

/** What one request does instead of the usual answer. */
export interface Part {
  readonly result?: unknown;
  readonly error?: { readonly code: ErrorCode; readonly params?: ErrorParams };
  readonly progress?: readonly JobProgress[];
  /** Never answers by itself; a cancelled request ends as cancelled. */
  readonly waits?: boolean;
}

export type Script = { readonly [name in RequestName]?: Part };

// Without a line (started by launch.ts, with no standard input) it plays the usual part.
const input = createInterface({ input: process.stdin });
const [line = '{}'] = await Promise.race([once(input, 'line'), once(input, 'close')]);
const script = JSON.parse(line) as Script;

const asked: Asked[] = [];
asked.push = (...entries) => {
  for (const entry of entries) process.stdout.write(`${JSON.stringify(entry)}\n`);
  return 0;
};

const played = Object.fromEntries(
  Object.entries(script).map(([name, part]) => [
    name,
    async (_params: unknown, { progress, signal }: { progress: (value: JobProgress) => void; signal: AbortSignal }) => {
      for (const step of part.progress ?? []) progress(step);
      if (part.waits) {
        await new Promise((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason)));
      }
      if (part.error !== undefined) {
        throw new SignetError(
          part.error.code,
          'made up by the test',
          part.error.params === undefined ? {} : { params: part.error.params },
        );
      }
      return part.result;
    },
  ]),
);

const [fakeProtocol, fakeProduct = ''] = process.env['FAKE_VERSIONS']?.split(' ') ?? [];
const versions =
  fakeProtocol === undefined ? ownVersions : { protocolVersion: Number(fakeProtocol), productVersion: fakeProduct };

const quiet = { info: () => {}, warn: () => {} };
const end = async () => {
  setTimeout(stop, 20);
  return {};
};
const handlers = fakeHandlers(
  {
    stopDaemon: end,
    handOver: end,
    // One that would not ask for the password again when it is replaced.
    ...(fakeProtocol !== undefined && { status: async () => someStatus({ keychain: 'session' }) }),
    ...(played as Partial<Handlers>),
  },
  asked,
);
const endpoint = await startEndpoint({ home: resolveHome(), log: quiet, handlers, versions }).catch(error => {
  process.stderr.write(`signet: the daemon could not start: ${error.message} (${error.code})\n`);
  process.exit(1);
});
if (process.env['FAKE_STARTS'] !== undefined)
  appendFileSync(process.env['FAKE_STARTS'], `${versions.productVersion}\n`);
process.stdout.write('"ready"\n');
process.on('SIGTERM', stop);

async function stop(): Promise<void> {
  await endpoint.stop();
  process.exit(0);
}
