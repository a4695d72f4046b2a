// kill -9 in the middle of backups, in every phase. After each: stock restic finds the place sound as it was left, the next backup goes on
// from there, nothing was sealed twice, and what comes back equals what was there.

import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { appendMessages, generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { treeOf } from '../support/archive.ts';
import { type DaemonClient, daemonClient } from '../support/daemon-client.ts';
import { type Installation, installation } from '../support/installation.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const moments = process.env['SIGNET_LONG'] === undefined ? 20 : 100;
/** A backup that ends before its moment came does not count; so many may do so. */
const mostMisses = moments;

const phases = ['preparing', 'scanning', 'capturing', 'storing', 'finishing'] as const;
type Phase = (typeof phases)[number];
/** Where the moments lie: most where most is written. */
const plan: Readonly<Record<Phase, number>> = { preparing: 2, scanning: 2, capturing: 4, storing: 7, finishing: 5 };

interface Bench {
  readonly signet: Installation;
  readonly recoveryKey: string;
  readonly random: Seeded;
  /** How long each phase took in the last whole backup, in milliseconds. */
  readonly lasted: Map<Phase, number>;
}

/** What the app and its user did since the last backup: messages, a few new photos, one replaced, one gone. */
function change({ signet, random }: Bench, round: number): void {
  const database = new DatabaseSync(join(signet.source, 'Databases', 'msgstore.db'));
  appendMessages(database, 40 + random.below(200), { seed: `round ${round}`, transactions: 'one' });
  database.close();
  const folder = join(signet.source, 'Media', 'crash');
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < 3; n++) {
    writeFileSync(join(folder, `photo-${round}-${n}`), random.bytes(200_000 + random.below(1_500_000)));
  }
  if (round > 1) writeFileSync(join(folder, `photo-${round - 1}-0`), random.bytes(700_000));
  if (round > 2) rmSync(join(folder, `photo-${round - 2}-1`), { force: true });
}

/** Backs up, telling each phase as it begins; a new snapshot in the place tells of the last one too. */
async function backUp(
  signet: Installation,
  client: DaemonClient,
  onPhase: (phase: Phase) => void,
): Promise<Awaited<ReturnType<DaemonClient['backup']>>> {
  let last: Phase | undefined;
  const heard = (phase: Phase): void => {
    if (phase === last) return;
    last = phase;
    onPhase(phase);
  };
  const folder = join(signet.remote, 'snapshots');
  const watcher = existsSync(folder) ? watch(folder, () => heard('finishing')) : undefined;
  try {
    return await client.backup(({ phase }) => {
      const known = phases.find(each => each === phase);
      if (known !== undefined) heard(known);
    });
  } finally {
    watcher?.close();
  }
}

/** A backup that nobody disturbs; measures its phases. */
async function whole(t: ExecutionContext, { signet, lasted }: Bench, client: DaemonClient): Promise<void> {
  const began = new Map<Phase, number>();
  const result = await backUp(signet, client, phase => began.set(phase, performance.now()));
  const end = performance.now();
  if (typeof result === 'string') throw new Error(result);
  t.deepEqual([result.filesUnreadable, result.notVerified, result.alarms], [[], [], []]);
  const times = [...began].sort(([, a], [, b]) => a - b);
  for (const [at, [phase, time]] of times.entries()) lasted.set(phase, (times[at + 1]?.[1] ?? end) - time);
}

/** Kills the daemon at a share of the phase; answers the phase it was in, or undefined when the backup was over before. */
async function killIn(bench: Bench, client: DaemonClient, target: Phase): Promise<Phase | undefined> {
  const { signet, random, lasted } = bench;
  const delayMs = (random.below(1000) / 1000) * (lasted.get(target) ?? 0);
  let last: Phase = 'preparing';
  let isKilled = false;
  const kill = (): void => {
    isKilled = true;
    process.kill(client.pid, 'SIGKILL');
  };
  let timer: NodeJS.Timeout | undefined;
  const result = await backUp(signet, client, phase => {
    if (isKilled) return;
    last = phase;
    if (phases.indexOf(phase) < phases.indexOf(target) || timer !== undefined) return;
    // The end is short: there each moment is as good as at once.
    if (delayMs < 5 || target === 'finishing') kill();
    else timer = setTimeout(kill, delayMs);
  });
  clearTimeout(timer);
  if (isKilled) while (isAlive(client.pid)) await pause(2);
  client.close();
  return result === 'gone' ? last : undefined;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function judged(t: ExecutionContext, { signet, recoveryKey }: Bench, args: readonly string[]): Promise<string> {
  const { status, out } = await restic(signet.remote, recoveryKey, args);
  t.is(status, 0, `restic ${args.join(' ')}: ${out}`);
  return out;
}

test('killed at any moment of a backup, nothing that was backed up is lost and nothing is sealed twice', async t => {
  if (!hasRestic) return skip(t, 'restic is not installed');
  t.timeout(moments * 30_000);
  const seed = process.env['SIGNET_SEED'] ?? String(randomInt(1e9));
  t.log(`seed ${seed} (SIGNET_SEED repeats it)`);
  const signet = await installation(t);
  generateWhatsApp(signet.source, { seed, databaseBytes: 10_000_000, mediaBytes: 16_000_000, datedCopies: 0 });
  const { recoveryKey = '' } = await signet.setUp(['--schedule', 'manual']); // no backup by itself after an unlock
  const random = seeded(`crash ${seed}`);
  const bench: Bench = { signet, recoveryKey, random, lasted: new Map() };
  const staging = join(signet.home, 'state', 'staging');
  let client = await daemonClient(t, signet.home);
  await whole(t, bench, client);

  const hits = new Map<Phase, number>(phases.map(phase => [phase, 0]));
  const missing = (phase: Phase): number => plan[phase] - (hits.get(phase) ?? 0);
  let swept = 0;
  let misses = 0;
  for (let round = 1, killed = 0; killed < moments; round++) {
    change(bench, round);
    const wanted = phases.filter(phase => missing(phase) > 0);
    const phase = await killIn(bench, client, random.pick(wanted.length > 0 ? wanted : phases));
    if (phase === undefined) {
      misses += 1;
      t.true(misses <= mostMisses, `only ${killed} moments came before the end of a backup`);
      await signet.ok(['status']); // a kill may have come when the answer was already out: then the daemon is gone all the same
      client = await daemonClient(t, signet.home);
      if ((await client.status()).vault === 'locked') await client.unlock(recoveryKey);
      continue;
    }
    killed += 1;
    hits.set(phase, (hits.get(phase) ?? 0) + 1);
    swept += readdirSync(staging).length;

    // As it was left: sound for a stranger's eyes, but for the lock of a process that is gone.
    // Removing that is left to restic and to the next backup in turn.
    if (killed % 2 === 0) await judged(t, bench, ['unlock']);
    const check = await judged(t, bench, ['check', '--read-data', ...(killed % 2 === 0 ? [] : ['--no-lock'])]);
    t.regex(check, /no errors were found/, `after ${phase}`);

    await signet.ok(['status']);
    t.deepEqual(readdirSync(staging), []);
    client = await daemonClient(t, signet.home);
    await client.unlock(recoveryKey);
    await whole(t, bench, client);
    // Killed in the middle of writing a lock: what was begun is no lock, and goes when it is old enough to be nobody's any more.
    const locks = readdirSync(join(signet.remote, 'locks')).filter(name => !name.startsWith('.tmp-'));
    t.deepEqual(locks, []);

    const blobs = (await judged(t, bench, ['list', 'blobs'])).trim().split('\n');
    t.is(new Set(blobs).size, blobs.length, `a blob is there twice after ${phase}`);
    t.true(blobs.length > 100);
    const target = join(signet.folder, `back-${round}`);
    const { skipped, databases } = await client.restore(target);
    t.deepEqual(skipped, []);
    t.true(databases.every(({ check }) => check === 'ok' || check === 'opaque'));
    const [source = ''] = readdirSync(target);
    t.deepEqual(changesBetween(treeOf(join(target, source)), treeOf(signet.source)), []);
    rmSync(target, { recursive: true });
  }
  const left = await judged(t, bench, ['check', '--read-data']);
  t.regex(left, /no errors were found/);
  t.notRegex(left, /additional files|not referenced/);
  t.like(await signet.ok(['verify', '--read-data']), { ok: true });
  for (const phase of phases) t.true((hits.get(phase) ?? 0) > 0, `never killed while ${phase}`);
  const told = phases.map(phase => `${phase} ${hits.get(phase)}`).join(', ');
  t.log(`killed while ${told}; ${misses} came too late; ${swept} staged copies were left and swept`);
});

/** Paths that differ: whole trees in a failure would be megabytes. */
function changesBetween(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): readonly string[] {
  const paths = new Set([...one.keys(), ...other.keys()]);
  return [...paths].filter(path => one.get(path) !== other.get(path));
}
