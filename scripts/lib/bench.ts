// npm run bench [-- --rounds N]: what a backup costs, side by side with stock restic on the same bytes in one run, order rotated. Ratios are the
// result: machines are shared and noisy, so seconds of one run mean nothing beside those of another. CPU is user plus system time of all
// processes that take part: for Signet the command line, the daemon and its children. Linux only, since it reads /proc.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { appendMessages, generateWhatsApp } from './chat-generator.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const rounds = Number(values.rounds);
const cli = fileURLToPath(new URL('../signet.mjs', import.meta.url));
const clockTicks = 100; // USER_HZ, the unit of /proc/<pid>/stat on every Linux
const password = 'ostrich velvet canyon 42 mosaic';
const idleSeconds = 10;
/** The daemon's process of each round. */
const daemons = new Map<number, number>();

interface Cost {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly addedBytes: number;
  readonly peakKiB: number;
}

interface Tool {
  readonly name: string;
  setUp(): Promise<void>;
  backUp(): Promise<Cost>;
  restore(to: string): Promise<Cost>;
  tearDown(): Promise<void>;
}

if (process.platform !== 'linux' || spawnSync('restic', ['version']).status !== 0) {
  process.stderr.write('The benchmark needs Linux and restic.\n');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'signet-bench-'));
try {
  await run();
} finally {
  for (const pid of daemons.values()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended as it was told to
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const source = join(folder, 'WhatsApp');
  const profile = generateWhatsApp(source, { seed: 'bench', datedCopies: 0 });
  print(
    `${bytes(folderBytes(source))} of chats and media · ${cpus().length} cores · load ${loadavg()[0]?.toFixed(1)} · Node ${process.versions.node}`,
  );
  const costs = new Map<string, Map<string, Cost[]>>();
  const note = (step: string, tool: string, cost: Cost): void => {
    const ofStep = costs.get(step) ?? new Map<string, Cost[]>();
    costs.set(step, ofStep.set(tool, [...(ofStep.get(tool) ?? []), cost]));
  };
  let idle = 0;
  for (let round = 0; round < rounds; round++) {
    const tools = [signet(source, round), restic(source, round)];
    if (round % 2 === 1) tools.reverse();
    for (const tool of tools) await tool.setUp();
    for (const tool of tools) note('first backup', tool.name, await tool.backUp());
    for (const tool of tools) note('nothing changed', tool.name, await tool.backUp());
    const database = new DatabaseSync(profile.database);
    appendMessages(database, 200, { seed: `bench ${round}` });
    database.close();
    for (const tool of tools) note('200 new messages', tool.name, await tool.backUp());
    for (const tool of tools)
      note('restore', tool.name, await tool.restore(join(folder, `restored-${tool.name}-${round}`)));
    idle += await idleTicks(round);
    for (const tool of tools) await tool.tearDown();
  }
  print('');
  print(['step', 'CPU: Signet / restic', 'wall', 'added: Signet / restic', 'peak memory: daemon / restic'].join(' · '));
  for (const [step, ofStep] of costs) {
    const [ours, theirs] = ['signet', 'restic'].map(name => ofStep.get(name) ?? []);
    if (ours === undefined || theirs === undefined) continue;
    const column = (of: (cost: Cost) => number, show: (value: number) => string): string => {
      const [a, b] = [median(ours.map(of)), median(theirs.map(of))];
      return `${show(a)} / ${show(b)} = ${b === 0 ? '–' : (a / b).toFixed(2)}`;
    };
    print(
      [
        step.padEnd(17),
        column(
          cost => cost.cpuSeconds,
          value => `${value.toFixed(2)} s`,
        ),
        column(
          cost => cost.wallSeconds,
          value => `${value.toFixed(2)} s`,
        ),
        column(cost => cost.addedBytes, bytes),
        column(cost => cost.peakKiB * 1024, bytes),
      ].join(' · '),
    );
  }
  print(`idle daemon: ${(idle / clockTicks).toFixed(2)} s of CPU in ${idleSeconds * rounds} s`);
  print(
    `medians of ${rounds} rounds; restic ${resticVersion()}, compression auto; load now ${loadavg()[0]?.toFixed(1)}`,
  );
}

function signet(source: string, round: number): Tool {
  const home = join(folder, `home-${round}`);
  const remote = join(folder, `signet-${round}`);
  const env = { ...process.env, SIGNET_HOME: home };
  mkdirSync(join(home, 'config'), { recursive: true, mode: 0o700 });
  const settings = { v: 1, deviceLabel: 'bench', watch: 'off', rescanMs: 0 };
  writeFileSync(join(home, 'config', 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
  const command = (
    args: readonly string[],
    input = '',
  ): Promise<{ readonly cpuSeconds: number; readonly out: string }> =>
    timed([process.execPath, '--no-warnings', cli, ...args, '--json'], env, input);
  const measured = async (args: readonly string[]): Promise<Cost> => {
    const pid = daemonPid(round);
    const before = { ticks: ticksOf(pid), bytes: folderBytes(remote), at: performance.now() };
    const { cpuSeconds } = await command(args);
    return {
      cpuSeconds: cpuSeconds + (ticksOf(pid) - before.ticks) / clockTicks,
      wallSeconds: (performance.now() - before.at) / 1000,
      addedBytes: folderBytes(remote) - before.bytes,
      peakKiB: statusOf(pid, 'VmHWM'),
    };
  };
  return {
    name: 'signet',
    async setUp() {
      const secrets = JSON.stringify({ password, phone: '+14155550123' });
      await command(['setup', '--source', source, '--remote', `folder:${remote}`, '--secrets-stdin'], secrets);
      daemons.set(round, JSON.parse((await command(['daemon', 'status'])).out).pid);
    },
    backUp: () => measured(['backup']),
    restore: to => measured(['restore', 'latest', '--to', to]),
    async tearDown() {
      await command(['daemon', 'stop']);
    },
  };
}

function daemonPid(round: number): number {
  const pid = daemons.get(round);
  if (pid === undefined) throw new Error('the daemon does not run');
  return pid;
}

async function idleTicks(round: number): Promise<number> {
  const pid = daemonPid(round);
  const before = ticksOf(pid);
  await pause(idleSeconds * 1000);
  return ticksOf(pid) - before;
}

function restic(source: string, round: number): Tool {
  const repository = join(folder, `restic-${round}`);
  const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: repository };
  const measured = async (args: readonly string[]): Promise<Cost> => {
    const before = { bytes: folderBytes(repository), at: performance.now() };
    const { cpuSeconds, peakKiB } = await timed(['restic', '-q', '--no-cache', ...args], env);
    const wallSeconds = (performance.now() - before.at) / 1000;
    return { cpuSeconds, wallSeconds, addedBytes: folderBytes(repository) - before.bytes, peakKiB };
  };
  return {
    name: 'restic',
    async setUp() {
      await timed(['restic', '-q', 'init'], env);
    },
    backUp: () => measured(['backup', '--compression', 'auto', source]),
    restore: to => measured(['restore', 'latest', '--target', to]),
    async tearDown() {},
  };
}

/** Runs a command to its end; CPU from the shell's `times`, which counts ended children to the hundredth of a second. */
async function timed(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
): Promise<{ readonly cpuSeconds: number; readonly peakKiB: number; readonly out: string }> {
  const child = spawn('sh', ['-c', '"$@"; status=$?; times >&3; exit $status', 'sh', ...words], {
    env,
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  child.stdin?.end(input);
  const out = collect(child, 1);
  const times = collect(child, 3);
  let peakKiB = 0;
  const poll = setInterval(() => {
    for (const pid of childrenOf(child.pid ?? 0)) peakKiB = Math.max(peakKiB, statusOf(pid, 'VmHWM'));
  }, 20);
  const [code] = await once(child, 'close');
  clearInterval(poll);
  if (code !== 0) throw new Error(`${words.slice(0, 3).join(' ')} ended with ${code}`);
  const spent = [...(await times).matchAll(/(\d+)m([\d.]+)s/g)].slice(2);
  const cpuSeconds = spent.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
  return { cpuSeconds, peakKiB, out: await out };
}

async function collect(child: ChildProcess, fd: 1 | 3): Promise<string> {
  let text = '';
  for await (const chunk of child.stdio[fd] as NodeJS.ReadableStream) text += chunk;
  return text;
}

function childrenOf(pid: number): readonly number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** User and system time of a process and of its ended children (proc(5), fields 14 to 17). */
function ticksOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

function statusOf(pid: number, name: string): number {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process ended between two looks
  }
}

function folderBytes(path: string): number {
  let total = 0;
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) total += statSync(join(entry.parentPath, entry.name)).size;
  }
  return total;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function bytes(value: number): string {
  return `${(value / 1e6).toFixed(value < 1e7 ? 2 : 0)} MB`;
}

function resticVersion(): string {
  return spawnSync('restic', ['version'], { encoding: 'utf8' }).stdout.split(' ')[1] ?? 'of unknown version';
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
