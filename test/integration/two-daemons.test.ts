// Two computers, each with its own home and daemon, back up into one folder at once whenever their chats change, while the daemons are killed and
// started again: no error, no alarm, everything comes back. What both got at the same moment may be stored twice, once by each; what an
// index named when a backup began is never stored by it again.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import type { RestoreResult, SetupResult } from '../../protocol/status.ts';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { treeOf } from '../support/archive.ts';
import { type DaemonClient, daemonClient } from '../support/daemon-client.ts';
import { type Installation, installation, password, phone } from '../support/installation.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const lastsMs = process.env['SIGNET_LONG'] === undefined ? 20_000 : 300_000;
const sharedBytes = 60_000;
const quick = { watch: 'chokidar', quietMs: 200, longestWaitMs: 2000, smallestIntervalMs: 0 } as const;

interface Computer {
  readonly signet: Installation;
  client: DaemonClient;
  restarts: number;
}

const seed = process.env['SIGNET_SEED'] ?? 'two daemons';

test('two daemons that back up into one place at once disturb each other in nothing', async t => {
  if (!hasRestic) return skip(t, 'restic is not installed');
  t.timeout(lastsMs + 600_000);
  const random = seeded(seed);
  const one = await installation(t, { settings: { ...quick, deviceLabel: 'one' } });
  writeFileSync(join(one.source, 'first'), 'first of one');
  const { recoveryKey = '' } = await one.setUp();
  const two = await installation(t, { remote: one.remote, settings: { ...quick, deviceLabel: 'two' } });
  writeFileSync(join(two.source, 'first'), 'first of two');
  const joined = await two.ok<SetupResult>(['setup', '--source', two.source, '--remote', `folder:${one.remote}`], {
    password,
    phone,
  });
  t.true(joined.joined);
  const computers: Computer[] = [];
  for (const signet of [one, two]) {
    await signet.ok(['backup']);
    computers.push({ signet, client: await daemonClient(t, signet.home), restarts: 0 });
  }

  const shared: Buffer[] = [];
  const end = Date.now() + lastsMs;
  let rounds = 0;
  for (; Date.now() < end; rounds += 1) {
    await change(computers, rounds, random, shared);
    await pause(300 + random.below(900));
    if (rounds % 8 !== 7) continue;
    const restarted = random.pick(computers);
    await startAgain(t, restarted, recoveryKey);
  }
  for (const { client } of computers) {
    await client.until('no backup runs', ({ job }) => job === null, 60_000);
    const last = await client.backup();
    if (typeof last === 'string') throw new Error(last);
    t.deepEqual([last.alarms, last.filesUnreadable], [[], []]);
  }

  const snapshots = await one.snapshots();
  for (const { signet, client } of computers) {
    const { alarms, lastGoodAt } = await client.status();
    t.deepEqual(alarms, []);
    t.true(Date.parse(lastGoodAt ?? '') > end - 60_000);
    const own = snapshots.find(({ device }) => device === (signet === one ? 'one' : 'two'));
    const target = join(signet.folder, 'newest');
    await signet.ok(['restore', own?.id ?? '', '--to', target]);
    const [source = ''] = readdirSync(target);
    t.deepEqual(differences(treeOf(join(target, source)), treeOf(signet.source)), []);
  }
  for (const { id } of snapshots) {
    const target = join(one.folder, 'back');
    t.deepEqual((await one.ok<RestoreResult>(['restore', id, '--to', target])).skipped, []);
    rmSync(target, { recursive: true });
  }
  const judged = async (...args: readonly string[]): Promise<string> => {
    const { status, out } = await restic(one.remote, recoveryKey, ['--no-lock', ...args]);
    t.is(status, 0, out);
    return out;
  };
  t.regex(await judged('check', '--read-data'), /no errors were found/);
  const blobs = (await judged('list', 'blobs')).trim().split('\n');
  const copies = new Map<string, number>();
  for (const each of blobs) copies.set(each, (copies.get(each) ?? 0) + 1);
  t.true(Math.max(...copies.values()) <= 2, 'at most once by each');
  const twice = [...copies.values()].filter(count => count > 1).length;
  const restarts = computers.map(each => each.restarts).join(' and ');
  t.log(
    `${lastsMs / 1000} s, ${rounds} rounds of changes, ${snapshots.length} snapshots, restarts ${restarts}; ` +
      `${shared.length} media that both got, ${twice} of ${copies.size} blobs stored by both`,
  );
  t.true(snapshots.length > 8);

  await one.ok(['prune']);
  const kept = (await judged('list', 'blobs')).trim().split('\n');
  t.is(new Set(kept).size, kept.length, 'what both had stored is there once');
  t.regex(await judged('check', '--read-data'), /no errors were found/);
});

/** Something of its own for each, and now and then the same photo for both: at once, or for the other one later. */
async function change(computers: readonly Computer[], round: number, random: Seeded, shared: Buffer[]): Promise<void> {
  const put = ({ signet }: Computer, name: string, bytes: Uint8Array): void => {
    const folder = join(signet.source, 'media');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), bytes);
  };
  for (const computer of computers) put(computer, `own-${round % 20}`, random.bytes(500 + random.below(20_000)));
  if (round % 3 !== 0) return;
  const photo = random.bytes(sharedBytes);
  shared.push(photo);
  const later = shared[shared.length - 4];
  for (const [at, computer] of computers.entries()) {
    if (at === 0 || round % 2 === 0) put(computer, `shared-${shared.length}`, photo);
    else if (later !== undefined) put(computer, `shared-${shared.length - 3}`, later);
  }
}

async function startAgain(
  t: Parameters<typeof daemonClient>[0],
  computer: Computer,
  recoveryKey: string,
): Promise<void> {
  computer.client.close();
  await computer.signet.killDaemon();
  await computer.signet.ok(['status']);
  computer.client = await daemonClient(t, computer.signet.home);
  if ((await computer.client.status()).vault === 'locked') await computer.client.unlock(recoveryKey);
  computer.restarts += 1;
}

function differences(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter(path => one.get(path) !== other.get(path));
}
