// Two hundred clients that connect, flood, send garbage and die do not keep the daemon from its work, nor other clients from the daemon.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { ListEntry } from '../../protocol/status.ts';
import { type DaemonClient, daemonClient } from '../support/daemon-client.ts';
import { installation } from '../support/installation.ts';
import { figuresOf, median, megabytes } from '../support/process-figures.ts';
import { skip } from '../support/skip.ts';

const rudeClients = fileURLToPath(new URL('../support/rude-clients.ts', import.meta.url));
const floodMs = process.env['SIGNET_LONG'] === undefined ? 12_000 : 60_000;
const quietMs = 4000;
/** A wide bound, for a machine that does other things, too; the figures are logged. On a quiet one the median is a tenth of it. */
const longestMedianMs = 1000;

/** Asks for the state all the time, and backs up a new file each time the last backup is done. */
async function useFor(t: ExecutionContext, client: DaemonClient, source: string, ms: number) {
  const end = Date.now() + ms;
  const took: number[] = [];
  const asking = (async () => {
    while (Date.now() < end) {
      const before = performance.now();
      await client.status();
      took.push(performance.now() - before);
      await pause(20);
    }
  })();
  let backups = 0;
  while (Date.now() < end) {
    const number = readdirSync(source).length;
    writeFileSync(join(source, `file-${number}`), randomBytes(4 << 20));
    const result = await client.backup();
    t.like(result, { filesNew: 1, filesUnreadable: [] }, `backup ${backups}`);
    backups += 1;
  }
  await asking;
  took.sort((a, b) => a - b);
  return { backups, asked: took.length, medianMs: median(took), p95Ms: took[Math.floor(took.length * 0.95)] ?? 0 };
}

test.serial(
  'while 200 clients connect, flood, send garbage and die, the state is told and every backup is whole',
  async t => {
    if (process.platform !== 'linux') return skip(t, 'reads /proc');
    t.timeout(floodMs + 120_000);
    const signet = await installation(t);
    await signet.setUp();
    const client = await daemonClient(t, signet.home);
    t.is(typeof (await client.backup()), 'object');
    const quiet = await useFor(t, client, signet.source, quietMs);
    const before = figuresOf(client.pid);

    const crowd = spawn(process.execPath, ['--no-warnings', rudeClients, signet.home, '200'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => crowd.kill('SIGKILL'));
    let came: Record<string, number> = {};
    createInterface({ input: crowd.stdout }).on('line', line => {
      came = JSON.parse(line);
    });
    await once(crowd.stdout, 'data');
    const flooded = await useFor(t, client, signet.source, floodMs);
    const during = figuresOf(client.pid);
    // A client that comes in the middle of it is let in, too.
    const late = await daemonClient(t, signet.home);
    t.is((await late.status()).vault, 'unlocked');
    crowd.kill('SIGKILL');
    await once(crowd, 'exit');

    await until(() => figuresOf(client.pid).files <= before.files + 2);
    const after = figuresOf(client.pid);
    const ms = (value: number): string => `${value.toFixed(1)} ms`;
    for (const [name, { medianMs, p95Ms, asked, backups }] of Object.entries({ quiet, flooded })) {
      t.log(`${name}: median ${ms(medianMs)}, 95 % within ${ms(p95Ms)} of ${asked} answers; ${backups} backups`);
    }
    t.log(`came: ${JSON.stringify(came)}`);
    t.log(`memory ${[before, during, after].map(({ rssBytes }) => megabytes(rssBytes)).join(' → ')}`);
    t.log(`files ${before.files} → ${during.files} → ${after.files}, threads ${before.threads} → ${after.threads}`);
    t.true(flooded.medianMs < longestMedianMs, ms(flooded.medianMs));
    t.true(flooded.backups > 0);
    t.is(Object.keys(came).length, 10);
    t.true(after.threads <= before.threads + 1);
    // What the allocator took for the flood it keeps for the next; a longer flood does not take more.
    t.true(after.rssBytes < before.rssBytes + (128 << 20), megabytes(after.rssBytes));

    const [{ sources = [] } = {}] = await signet.snapshots();
    const entries = await signet.ok<ListEntry[]>(['ls', 'latest', sources[0] ?? '']);
    t.deepEqual(new Set(entries.map(({ name }) => name)), new Set(readdirSync(signet.source)));
  },
);

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !isSo() && Date.now() < end; ) await pause(50);
}
