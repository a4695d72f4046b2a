// kill -9 in cycles of backing up, forgetting and pruning, wherever in them it comes, prune's deletions after 48 hours included: each backup that
// was ever reported and not forgotten comes back byte by byte, nobody is alarmed by what a dead process left, and stock restic finds no fault.

import { randomInt } from 'node:crypto';
import { existsSync, type FSWatcher, mkdirSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { treeOf } from '../support/archive.ts';
import { type DaemonClient, daemonClient } from '../support/daemon-client.ts';
import { type Installation, installation, isAlive } from '../support/installation.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;
const moments = isLong ? 200 : 7;
/** Drawn anew in the long form: each run of it tries others. */
const seed = process.env['SIGNET_SEED'] ?? (isLong ? String(randomInt(1e9)) : 'kill cycles');
const mostKept = 6;

const jobs = ['backup', 'forget', 'prune'] as const;
type Job = (typeof jobs)[number];
/** Where a job can be hit: as something appears in one of these folders of the place, or goes from there. */
const places: { readonly [job in Job]: readonly Folder[] } = {
  backup: ['locks', 'data', 'index', 'snapshots', 'heads'],
  forget: ['locks', 'heads', 'snapshots'],
  prune: ['locks', 'index', 'data'],
};
type Folder = 'locks' | 'data' | 'index' | 'snapshots' | 'heads';
type Hit = `${Job} ${Folder}`;
const hits: readonly Hit[] = jobs.flatMap(job => places[job].map(folder => `${job} ${folder}` as const));

type Contents = ReadonlyMap<string, string>;

/** The computer slept for a while: when the daemon starts again, its clock is that much later, and so long has passed since the boot. */
class LaterClock {
  readonly environment: { readonly SIGNET_NODE: string };
  #hours = 0;

  /** @param folder that is there */
  constructor(folder: string) {
    this.environment = { SIGNET_NODE: join(folder, 'node') };
    this.pass(0);
  }

  pass(hours: number): void {
    this.#hours += hours;
    const shift = `import os from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      const { now } = Date;
      const { uptime } = os;
      Date.now = () => now() + ${this.#hours * 3_600_000};
      os.uptime = () => uptime() + ${this.#hours * 3600};
      syncBuiltinESMExports();`;
    const program = `exec '${process.execPath}' '--import=data:text/javascript,${encodeURIComponent(shift).replaceAll("'", '%27')}' "$@"`;
    const { SIGNET_NODE: path } = this.environment;
    writeFileSync(path, `#!/bin/sh\n${program}\n`, { mode: 0o700 });
  }
}

class Cycles {
  readonly random: Seeded = seeded(`kill cycles ${seed}`);
  readonly clock: LaterClock;
  /** What each backup that was reported must give back. */
  readonly good = new Map<string, Contents>();
  readonly counts = new Map<string, number>();
  readonly #t: ExecutionContext;
  readonly #signet: Installation;
  readonly #recoveryKey: string;
  client: DaemonClient;
  #files = 0;

  constructor(t: ExecutionContext, signet: Installation, recoveryKey: string, client: DaemonClient, clock: LaterClock) {
    this.#t = t;
    this.#signet = signet;
    this.#recoveryKey = recoveryKey;
    this.client = client;
    this.clock = clock;
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** New files, a changed one, one gone. */
  change(): void {
    const { random } = this;
    const put = (name: string): void =>
      writeFileSync(join(this.#signet.source, name), random.bytes(2000 + random.below(150_000)));
    for (let n = 0; n < 3; n++) put(`file-${++this.#files}`);
    const names = readdirSync(this.#signet.source);
    put(random.pick(names));
    if (names.length > 12)
      for (let n = 0; n < 3; n++) rmSync(join(this.#signet.source, random.pick(names)), { force: true });
  }

  /** One job; with `where` the daemon is killed in it. @returns where it was hit, or undefined when it lived */
  async run(job: Job, where?: Folder): Promise<Folder | undefined> {
    const killer = where === undefined ? undefined : this.#killer(where);
    const done = { backup: () => this.#backUp(), forget: () => this.#forget(), prune: () => this.#prune() };
    const result = await done[job]();
    const hit = await killer?.end();
    if (hit === undefined) this.#t.is(typeof result, 'object', `${job}: ${String(result)}`);
    else if (typeof result !== 'string') this.count('came when it was done');
    return hit;
  }

  async #backUp(): Promise<object | string> {
    this.change();
    const contents = treeOf(this.#signet.source);
    const result = await this.client.backup();
    if (typeof result === 'string') return result;
    this.#t.deepEqual([result.alarms, result.filesUnreadable], [[], []]);
    this.#t.truthy(result.snapshot, 'there was a change');
    this.good.set(result.snapshot ?? '', contents);
    this.count('backups');
    return result;
  }

  /** All but a few; what a dead backup left unreported goes too. Right after a backup: that is the newest. */
  async #forget(): Promise<object | string> {
    const stay = [...this.good.keys()].slice(-1);
    for (const id of [...this.good.keys()].slice(0, -1)) {
      if (stay.length < mostKept && this.random.chance(0.6)) stay.push(id);
    }
    const gone = this.listed().filter(id => !stay.includes(id));
    if (gone.length === 0) return {};
    for (const id of gone) this.good.delete(id);
    const result = await this.client.forget(gone);
    this.count('forgotten', gone.length);
    return result;
  }

  async #prune(): Promise<object | string> {
    const result = await this.client.prune();
    if (typeof result === 'string') return result;
    this.count('prunes');
    this.count('packs dropped', result.packsDropped);
    this.count('packs deleted', result.packsDeleted);
    return result;
  }

  listed(): readonly string[] {
    return readdirSync(join(this.#signet.remote, 'snapshots')).filter(name => /^[0-9a-f]{64}$/.test(name));
  }

  #killer(where: Folder): { end(): Promise<Folder | undefined> } {
    const { remote } = this.#signet;
    const { pid } = this.client;
    const watchers: FSWatcher[] = [];
    let left = 1 + this.random.below(where === 'data' || where === 'index' ? 6 : 3);
    const delayMs = this.random.pick([0, 0, 1, 3]);
    let hit: Folder | undefined;
    const heard = (): void => {
      if (hit !== undefined || --left > 0) return;
      hit = where;
      if (delayMs === 0) process.kill(pid, 'SIGKILL');
      else setTimeout(() => isAlive(pid) && process.kill(pid, 'SIGKILL'), delayMs);
    };
    for (const path of foldersOf(remote, where)) watchers.push(watch(path, heard));
    return {
      async end() {
        for (const watcher of watchers) watcher.close();
        if (hit !== undefined) while (isAlive(pid)) await pause(2);
        return hit;
      },
    };
  }

  /** A day later. */
  async startAgain(): Promise<void> {
    const { pid } = this.client;
    this.client.close();
    if (isAlive(pid)) await this.#signet.ok(['daemon', 'stop']);
    while (isAlive(pid)) await pause(10);
    this.clock.pass(25);
    await this.#signet.ok(['status']); // starts it, and tells what is missing while locked
    this.client = await daemonClient(this.#t, this.#signet.home);
    if ((await this.client.status()).vault === 'locked') await this.client.unlock(this.#recoveryKey);
    await this.client.until('nothing runs', ({ job }) => job === null);
    await this.#signet.ok(['status', '--check']);
  }

  async restores(ids: Iterable<string>): Promise<void> {
    for (const id of ids) {
      const target = join(this.#signet.folder, 'back');
      this.#t.true(this.listed().includes(id), `${id} is lost`);
      const { skipped } = await this.client.restore(target, id);
      this.#t.deepEqual(skipped, []);
      const [source = ''] = readdirSync(target);
      const [found, expected] = [treeOf(join(target, source)), this.good.get(id) ?? new Map()];
      const differ = [...new Set([...found.keys(), ...expected.keys()])].filter(
        path => found.get(path) !== expected.get(path),
      );
      this.#t.deepEqual(differ, [], `${id} came back different`);
      rmSync(target, { recursive: true });
      this.count('restored');
    }
  }

  async judged(): Promise<void> {
    const { status, out } = await restic(this.#signet.remote, this.#recoveryKey, ['check', '--read-data', '--no-lock']);
    this.#t.is(status, 0, out);
    this.#t.regex(out, /no errors were found/);
  }
}

function foldersOf(remote: string, where: Folder): readonly string[] {
  const path = where === 'heads' ? join(remote, 'signet', 'heads') : join(remote, where);
  if (!existsSync(path)) mkdirSync(path, { recursive: true });
  const below = where === 'heads' || where === 'data' ? readdirSync(path).map(name => join(path, name)) : [];
  return below.filter(each => /^(?:[0-9a-f]{2}|[0-9a-f]{16})$/.test(basename(each))).concat(path);
}

test('killed at any moment of backing up, forgetting and pruning, nothing that was reported good is lost', async t => {
  if (!hasRestic) return skip(t, 'restic is not installed');
  t.timeout(60_000 + moments * 30_000);
  t.log(`seed ${seed} (SIGNET_SEED repeats it)`);
  const clock = new LaterClock(await temporaryFolder(t));
  const signet = await installation(t, { environment: clock.environment });
  writeFileSync(join(signet.source, 'first'), 'first');
  const { recoveryKey = '' } = await signet.setUp(['--schedule', 'manual']); // nothing by itself after an unlock
  const cycles = new Cycles(t, signet, recoveryKey, await daemonClient(t, signet.home), clock);
  const { random, good } = cycles;
  for (let n = 0; n < 3; n++) await cycles.run('backup');

  const hitIn = new Map<Hit, number>(hits.map(hit => [hit, 0]));
  let killed = 0;
  for (let misses = 0; killed < moments; ) {
    const least = Math.min(...hitIn.values());
    const target = random.pick(hits.filter(each => (hitIn.get(each) ?? 0) <= least + (misses % 3)));
    const [job, where] = target.split(' ') as [Job, Folder];
    for (const each of jobs.slice(0, jobs.indexOf(job))) await cycles.run(each);
    if ((await cycles.run(job, where)) === undefined) {
      misses += 1;
      t.true(misses <= moments * 2, `only ${killed} moments came before the end of a job`);
      continue;
    }
    killed += 1;
    hitIn.set(target, (hitIn.get(target) ?? 0) + 1);
    if (killed % 20 === 0) {
      await cycles.judged();
      t.log(`${killed} times so far`);
    }
    await cycles.startAgain();
    const ids = [...good.keys()];
    await cycles.restores(killed % 10 === 0 ? ids : new Set([ids.at(-1) ?? '', random.pick(ids)]));
  }

  await cycles.restores(good.keys());
  await cycles.judged();
  for (const job of jobs) await cycles.run(job);
  await cycles.startAgain();
  await cycles.startAgain();
  await cycles.run('prune');
  await cycles.restores(good.keys());
  await cycles.judged();
  t.like(await signet.ok(['verify', '--read-data']), { ok: true });
  const told = [...hitIn].map(([hit, count]) => `${hit} ${count}`).join(', ');
  const counts = [...cycles.counts].map(([what, count]) => `${what} ${count}`).join(', ');
  t.log(`kill -9: ${killed} times, phases ${told}, snapshots lost 0; ${counts}`);
  t.true((cycles.counts.get('packs deleted') ?? 0) > 0, 'prunes deleted nothing');
});
