// scripts/test [--install] [suite...]: runs the suites, each within its printed budget, and ends with what was skipped and with
// `N passed, N failed`. A suite without tests fails; with CI set a skip fails too, except one for want of the fixtures, of another system, or for
// being root (see test/support/skip.ts). Debian packages are installed only by root, and only with CI or --install.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Skip } from '../../test/support/skip.ts';
import { AvaOutput } from './ava-output.ts';
import { canFetchNewerRestic, fetchNewerRestic } from './newer-restic.ts';
import { type Suite, type SystemPackage, suites, systemPackages } from './suites.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const inCi = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
const windows = process.platform === 'win32';

interface Total {
  passed: number;
  failed: number;
  skipped: string[];
}

const total: Total = { passed: 0, failed: 0, skipped: [] };
let running: ChildProcess | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    if (running) endGroup(running, 'SIGKILL');
    process.exit(130);
  });
}

const names = process.argv.slice(2).filter(argument => argument !== '--install');
const unknown = names.find(name => !suites.some(suite => suite.name === name));
if (unknown !== undefined) {
  console.error(`scripts/test: there is no suite ${unknown}; there are ${suites.map(suite => suite.name).join(', ')}`);
  process.exit(2);
}
/** Suites with tests that run once with the restic of this system and once with a newer one. */
const judgedByRestic: readonly string[] = ['integration', 'interop'];
const chosen = names.length === 0 ? suites : suites.filter(suite => names.includes(suite.name));

provideSystemPackages(chosen);
if (chosen.some(suite => judgedByRestic.includes(suite.name))) provideNewerRestic();
const scratch = mkdtempSync(join(tmpdir(), 'signet-test-'));
try {
  for (const suite of chosen) await runSuite(suite);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const line of total.skipped) console.log(`skipped: ${line}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

function provideSystemPackages(wanted: readonly Suite[]): void {
  const install = inCi || process.argv.includes('--install');
  // In CI everything, so that the machine is the same whichever suites run; else only what the chosen ones need.
  const needed: readonly SystemPackage[] = install
    ? Object.values(systemPackages)
    : wanted.flatMap(suite => suite.needs);
  const missing = [...new Set(needed.filter(isMissing))];
  if (missing.length === 0) return;
  const list = missing.map(found => found.name).join(' ');
  const canInstall = install && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (!canInstall) {
    if (wanted.some(suite => suite.needs.some(isMissing))) console.log(`not installed on this computer: ${list}`);
    return;
  }
  console.log(`installing ${list}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) =>
    spawnSync('/usr/bin/apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  apt('update');
  const answer = apt('install', '-y', '--no-install-recommends', ...missing.map(found => found.name));
  if (answer.status !== 0) console.log(`apt-get could not install ${list}`);
}

/** Under the rule of the packages; without it the tests that want it skip themselves by name. */
function provideNewerRestic(): void {
  if (!(inCi || process.argv.includes('--install')) || !canFetchNewerRestic()) return;
  try {
    const { program, version } = fetchNewerRestic();
    console.log(`restic ${version} beside the one of the system: ${program}`);
  } catch (error) {
    console.log(`a newer restic could not be fetched: ${String(error)}`);
  }
}

function isMissing(wanted: SystemPackage): boolean {
  return !wanted.provides.some(file => existsSync(file));
}

async function runSuite(suite: Suite): Promise<void> {
  const missing = suite.needs.filter(isMissing).map(found => found.name);
  if (missing.length > 0) {
    total.skipped.push(`${suite.name} (needs ${missing.join(', ')})`);
    if (inCi) total.failed += 1;
    return;
  }
  console.log(`\n${suite.name}: at most ${suite.budgetSeconds} s`);
  const began = performance.now();
  const counts = 'tool' in suite.run ? await runTool(suite, suite.run.tool) : await runTests(suite, suite.run.tests);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped.push(...counts.skipped);
  console.log(`${suite.name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds} s`);
}

/** A checker that passes or fails as a whole; what it prints is shown. */
async function runTool(suite: Suite, [tool, ...args]: readonly [string, ...string[]]): Promise<Total> {
  const end = await start(suite, entryOf(tool), args, {}, line => console.log(line));
  if (end.overBudget) console.log(`${suite.name}: ended, its ${suite.budgetSeconds} s are over`);
  const passed = end.code === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: [] };
}

async function runTests(suite: Suite, globs: readonly string[]): Promise<Total> {
  const skipFile = join(scratch, `${suite.name}.skips`);
  const output = new AvaOutput();
  const end = await start(suite, entryOf('ava'), globs, { SIGNET_SKIPS: skipFile }, line => {
    if (output.read(line)) console.log(line);
  });
  const skips = readSkips(skipFile);
  const counts = { ...output.counts, skipped: output.counts.skipped.map(title => `${suite.name}: ${title}`) };
  // A test that skips itself ends as passed for ava.
  counts.passed -= skips.length;
  for (const skip of skips) counts.skipped.push(`${suite.name}: ${skip.title} (${skip.reason})`);
  if (inCi) counts.failed += output.counts.skipped.length + skips.filter(skip => skip.why === 'other').length;
  if (end.overBudget) {
    console.log(`${suite.name}: ended, its ${suite.budgetSeconds} s are over`);
    counts.failed += 1;
  } else if (counts.passed + output.counts.failed + counts.skipped.length === 0) {
    console.log(`${suite.name}: there is no test`);
    counts.failed += 1;
  } else if (end.code !== 0 && output.counts.failed === 0) {
    console.log(`${suite.name}: ava ended with ${end.code} although no test failed`);
    counts.failed += 1;
  }
  return counts;
}

function readSkips(file: string): readonly Skip[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map(line => JSON.parse(line) as Skip);
}

/** The JavaScript file behind a program of node_modules, as its package names it. */
function entryOf(tool: string): string {
  const name = { tsc: 'typescript', biome: '@biomejs/biome', ava: 'ava' }[tool] ?? tool;
  const folder = join(root, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  const entry = typeof bin === 'string' ? bin : bin[tool];
  if (entry === undefined) throw new Error(`${name} has no program ${tool}`);
  return join(folder, entry);
}

/** Runs a script in a process group of its own; the group is ended with the budget, and when the script left something behind. */
function start(
  suite: Suite,
  script: string,
  args: readonly string[],
  extra: Record<string, string>,
  onLine: (line: string) => void,
): Promise<{ readonly code: number | null; readonly overBudget: boolean }> {
  const path = `${dirname(process.execPath)}${windows ? ';' : ':'}${process.env['PATH'] ?? ''}`;
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    detached: !windows,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...extra, PATH: path, NO_COLOR: '1' },
  });
  running = child;
  createInterface({ input: child.stdout }).on('line', onLine);
  createInterface({ input: child.stderr }).on('line', line => console.log(line));
  let overBudget = false;
  const timer = setTimeout(() => {
    overBudget = true;
    endGroup(child, 'SIGTERM');
    setTimeout(() => endGroup(child, 'SIGKILL'), 5_000).unref();
  }, suite.budgetSeconds * 1000);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('exit', () => {
      // Whatever still holds the output open would keep this waiting for ever.
      clearTimeout(timer);
      endGroup(child, 'SIGKILL');
    });
    child.once('close', code => {
      running = undefined;
      done({ code, overBudget });
    });
  });
}

function endGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    if (windows) spawnSync('taskkill', ['/pid', String(child.pid), '/t', '/f']);
    else process.kill(-child.pid, signal);
  } catch (error) {
    // Nothing of the group is left: what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
