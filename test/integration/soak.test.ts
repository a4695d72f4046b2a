// Real load for a long time: an app that writes to its database without end, a large folder in which things change in bursts, clients
// that come and go. The daemon stays as it was in memory and handles, no burst is missed, and when the load ends it does nothing. Ten minutes
// over 50,000 files with SIGNET_LONG, else a sample of a minute over 5,000.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { resolveHome } from '../../protocol/home.ts';
import { connect } from '../../protocol/launch.ts';
import * as messages from '../../protocol/messages.ts';
import type { ListEntry } from '../../protocol/status.ts';
import { daemonClient } from '../support/daemon-client.ts';
import { makeDatabase, startWriter } from '../support/databases.ts';
import { installation } from '../support/installation.ts';
import { figuresOf, megabytes, type ProcessFigures } from '../support/process-figures.ts';
import { skip } from '../support/skip.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;
const size = isLong
  ? { files: 50_000, loadMs: 570_000, warmUpMs: 90_000, idleMs: 60_000 }
  : { files: 5000, loadMs: 44_000, warmUpMs: 14_000, idleMs: 10_000 };
const filesInFolder = 250;
const burstEveryMs = 200;
const timing = { quietMs: 300, longestWaitMs: 2000, smallestIntervalMs: 1000 } as const;
/** From a burst to the snapshot that has it: what the settings allow, a backup that ran just then, and the next one. */
const allowedMs = timing.longestWaitMs + timing.smallestIntervalMs + 12_000;
/** Growth of the mean memory from the first third to the last; a minute is too short for the collector to have settled. */
const allowedGrowth = isLong ? 0.1 : 0.25;
const idleShare = 0.005;

interface Burst {
  readonly name: string;
  readonly at: number;
}

test.serial(
  'under load for long, memory and handles stay, every burst is in a backup soon, and rest is rest',
  async t => {
    if (process.platform !== 'linux') return skip(t, 'reads /proc');
    t.timeout(size.loadMs + size.idleMs + 300_000);
    const signet = await installation(t, { settings: { ...timing, watch: 'chokidar', rescanMs: 3_600_000 } });
    const { source } = signet;
    writeTree(join(source, 'tree'), size.files);
    for (const folder of ['bursts', 'work']) mkdirSync(join(source, folder));
    makeDatabase(join(source, 'chat.sqlite'), { rows: 5000 });
    await signet.setUp(['--on-change', 'on']);
    const client = await daemonClient(t, signet.home);
    t.is(typeof (await client.backup()), 'object');
    const atRest = figuresOf(client.pid);

    const writer = await startWriter(t, join(source, 'chat.sqlite'), 100);
    const load = new AbortController();
    const samples: ProcessFigures[] = [];
    const started = Date.now();
    const [bursts, visits] = await Promise.all([
      burstUntil(load.signal, source),
      comeAndGo(load.signal, signet.home),
      (async () => {
        while (Date.now() < started + size.loadMs) {
          await pause(500);
          if (Date.now() > started + size.warmUpMs) samples.push(figuresOf(client.pid));
        }
        load.abort();
      })(),
    ]);
    await writer.kill();
    const lastBurst = bursts.at(-1)?.name ?? '';
    await client.until('rest', ({ job, waiting }) => job === null && waiting === null, 60_000);
    await client.backup();

    const third = Math.floor(samples.length / 3);
    const [first, last] = [meanRss(samples.slice(0, third)), meanRss(samples.slice(-third))];
    await pause(3000); // the allocator and the collector tidy up
    const before = figuresOf(client.pid);
    await pause(size.idleMs);
    const after = figuresOf(client.pid);
    const idle = (after.cpuMs - before.cpuMs) / size.idleMs;

    const covered = await coverage(signet.home, bursts);
    t.log(
      `${size.files} files, ${bursts.length} bursts, ${writer.committed} rows, ${visits} visits, ${covered.snapshots} snapshots`,
    );
    t.log(
      `memory ${megabytes(atRest.rssBytes)} → ${megabytes(first)} … ${megabytes(last)} → ${megabytes(after.rssBytes)}`,
    );
    t.log(`files ${atRest.files} → ${after.files}, threads ${atRest.threads} → ${after.threads}`);
    t.log(
      `a burst is backed up within ${covered.medianMs} ms, at most ${covered.longestMs} ms; idle: ${(idle * 100).toFixed(2)} % of a core`,
    );
    t.deepEqual(covered.missing, [], 'bursts that no snapshot has in time');
    t.true(covered.newest.has(lastBurst));
    t.deepEqual(
      bursts.filter(({ name }) => !covered.newest.has(name)),
      [],
      'bursts that the newest snapshot lacks',
    );
    t.true(last <= first * (1 + allowedGrowth), `${megabytes(first)}, then ${megabytes(last)}`);
    t.true(after.files <= atRest.files + 3, `${atRest.files} open files, then ${after.files}`);
    t.true(after.threads <= atRest.threads + 1);
    t.true(idle < idleShare, `${(idle * 100).toFixed(2)} %`);
  },
);

function writeTree(folder: string, files: number): void {
  for (let index = 0; index < files; index += 1) {
    const inside = join(folder, `folder-${Math.floor(index / filesInFolder)}`);
    if (index % filesInFolder === 0) mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `file-${index}`), `content of ${index}`);
  }
}

/** Each burst is a numbered file, and some of what apps do beside it: temporary files, renames, appended and rewritten files. */
async function burstUntil(signal: AbortSignal, source: string): Promise<readonly Burst[]> {
  const bursts: Burst[] = [];
  while (!signal.aborted) {
    const number = bursts.length;
    for (let index = 0; index < 10; index += 1) {
      const temporary = join(source, 'work', `download-${number}-${index}.part`);
      writeFileSync(temporary, `${number} `.repeat(500));
      if (index < 5) renameSync(temporary, join(source, 'work', `media-${index}`));
      else rmSync(temporary);
    }
    writeFileSync(join(source, 'tree', 'folder-0', `file-${number % filesInFolder}`), `changed by ${number}`);
    const name = String(number).padStart(5, '0');
    writeFileSync(join(source, 'bursts', name), name);
    bursts.push({ name, at: Date.now() });
    await pause(burstEveryMs * (0.5 + Math.random()));
  }
  return bursts;
}

async function comeAndGo(signal: AbortSignal, folder: string): Promise<number> {
  const home = resolveHome({ env: { SIGNET_HOME: folder } });
  let visits = 0;
  while (!signal.aborted) {
    const guests = await Promise.all([1, 2, 3].map(() => connect(home)));
    const [one, other] = guests;
    await one?.connection.sendRequest(messages.status, {});
    await other?.connection.sendRequest(messages.snapshots, { limit: 5 });
    for (const guest of guests) guest.close();
    visits += guests.length;
    await pause(200);
  }
  return visits;
}

const meanRss = (figures: readonly ProcessFigures[]): number =>
  figures.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / figures.length;

/** When each burst was first in a snapshot. Snapshots are taken from the oldest on: what one has, its followers keep. */
async function coverage(folder: string, bursts: readonly Burst[]) {
  const { connection, close } = await connect(resolveHome({ env: { SIGNET_HOME: folder } }));
  const times = new Map<string, number>();
  let newest: ReadonlySet<string> = new Set();
  let count = 0;
  try {
    for (let offset = 0; ; ) {
      const { entries: snapshots, total } = await connection.sendRequest(messages.snapshots, { offset, limit: 500 });
      for (const { id, at, sources } of snapshots) {
        const names = await listAll(id, `${sources[0]}/bursts`);
        if (count === 0) newest = new Set(names);
        for (const name of names) times.set(name, Date.parse(at)); // newest first: the oldest that has it stays
        count += 1;
      }
      offset += snapshots.length;
      if (offset >= total || snapshots.length === 0) break;
    }
  } finally {
    close();
  }
  async function listAll(snapshot: string, path: string): Promise<readonly string[]> {
    const found: ListEntry[] = [];
    for (;;) {
      const { entries, total } = await connection.sendRequest(messages.list, { snapshot, path, offset: found.length });
      found.push(...entries);
      if (found.length >= total || entries.length === 0) return found.map(({ name }) => name);
    }
  }
  const waited = bursts.map(({ name, at }) => (times.get(name) ?? Number.POSITIVE_INFINITY) - at);
  const inOrder = waited.toSorted((a, b) => a - b);
  return {
    newest,
    snapshots: count,
    missing: bursts.filter((_, index) => (waited[index] ?? 0) > allowedMs).map(({ name }) => name),
    medianMs: inOrder[inOrder.length >> 1],
    longestMs: inOrder.at(-1),
  };
}
