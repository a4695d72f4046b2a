// From any Node >= 20 to the project's own: installs the locked packages when they are missing or changed, finds a Node that
// can run the sources (type stripping, node:sqlite, zstd: 24.12 and newer), and goes on there with the same arguments.
// Plain JavaScript on purpose: this is the one part that older versions of Node run.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Node 22.8 and newer have it. */
const { enableCompileCache } = nodeModule;

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const oldest = [24, 12];
/** Sources that were stripped and compiled before start in half the time. */
const compiled = join(root, 'node_modules', '.cache', 'signet', 'compiled');
/** What the CLI answers when its runtime or daemon is missing; see protocol/errors.ts. */
const exitRuntime = 18;

/** Runs a file of the project on Node 24 and ends this process with its result. Does not return, except by import. */
export async function goOnWithNode24(file) {
  try {
    ensureDependencies();
  } catch (error) {
    fail(error.message);
  }
  const args = process.argv.slice(2);
  const own = isRecent(process.versions.node);
  const candidates = nodeCandidates();
  if (own && candidates[0] === process.execPath) {
    enableCompileCache?.(compiled);
    process.env.NODE_COMPILE_CACHE ??= compiled; // for the daemon that may be started, too
    process.argv.splice(1, 1, join(root, file));
    await import(pathToFileURL(join(root, file)).href);
    return;
  }
  for (const node of candidates) {
    const outcome = await run(node, ['--disable-warning=ExperimentalWarning', join(root, file), ...args]);
    if (outcome !== undefined) process.exit(outcome);
  }
  fail(
    `Signet needs Node.js 24.12 or newer, and this is ${process.versions.node}. No packaged one fits ${process.platform} ${process.arch}: ` +
      'install it from https://nodejs.org, or name one: SIGNET_NODE=/path/to/node',
  );
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(exitRuntime);
}

/** True for "24.12.0" and later. */
export function isRecent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/** Programs to try, best first: the one the user named (and no other), the one in node_modules, the one running now. */
function nodeCandidates() {
  const named = process.env.SIGNET_NODE;
  if (named) {
    const answer = spawnSync(named, ['-p', 'process.versions.node'], { encoding: 'utf8' });
    const version = answer.status === 0 ? answer.stdout.trim() : undefined;
    if (version === undefined) fail(`SIGNET_NODE=${named} does not run.`);
    if (!isRecent(version)) fail(`SIGNET_NODE=${named} is Node.js ${version}; Signet needs 24.12 or newer.`);
    return [named];
  }
  const packaged = join(
    root,
    'node_modules',
    `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`,
  );
  const binary = join(packaged, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const found = [];
  if (isRecent(process.versions.node)) found.push(process.execPath);
  if (existsSync(binary)) found.unshift(binary);
  // The packaged one may be what runs already (npm puts it first in PATH).
  return found.length === 2 && isSameFile(binary, process.execPath) ? [process.execPath] : found;
}

function isSameFile(a, b) {
  const [left, right] = [statSync(a), statSync(b)];
  return left.ino === right.ino && left.dev === right.dev;
}

/** The exit status, or undefined when the program cannot be started here (built for another C library, say). */
function run(node, args) {
  const env = { NODE_COMPILE_CACHE: compiled, ...process.env };
  delete env.NODE_OPTIONS;
  return new Promise(done => {
    const child = spawn(node, args, { stdio: 'inherit', env });
    const pass = signal => child.kill(signal);
    const signals = ['SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    // A terminal sends Ctrl-C to both; only the child decides what it means.
    const wait = () => {};
    process.on('SIGINT', wait);
    child.once('error', () => done(undefined));
    child.once('exit', (code, signal) => {
      if (signal === null) return done(code ?? 1);
      for (const name of signals) process.off(name, pass);
      process.off('SIGINT', wait);
      process.kill(process.pid, signal);
    });
  });
}

/** Installs the locked packages unless node_modules already holds exactly them. */
function ensureDependencies() {
  if (isInstalled()) return;
  const folder = join(root, 'node_modules');
  if (existsSync(folder) && lstatSync(folder).isSymbolicLink()) {
    throw new Error(
      'node_modules is a link to a folder that does not hold the packages of package-lock.json. Run `npm ci` there.',
    );
  }
  process.stderr.write('Installing the packages of package-lock.json into node_modules (once)...\n');
  // Old temporary or half-installed folders are npm's to clear; --ignore-scripts is not needed, package.json denies each script.
  const flags = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];
  const npm = process.env.npm_execpath;
  const answer =
    npm?.endsWith('.js') === true
      ? spawnSync(process.execPath, [npm, ...flags], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
      : spawnSync('npm', flags, {
          cwd: root,
          stdio: ['ignore', 'ignore', 'inherit'],
          shell: process.platform === 'win32',
        });
  if (answer.error) throw new Error('npm was not found. It comes with Node.js: https://nodejs.org');
  if (answer.status !== 0)
    throw new Error('The packages could not be installed; npm says why above. Try `npm ci` in this folder.');
  if (!isInstalled())
    throw new Error(`npm ci ended well, but ${relative(process.cwd(), folder) || folder} is not complete. Try again.`);
}

/**
 * Compares npm's own record of what it installed with the lockfile. Optional packages may be missing (other platforms), every
 * other one must be there with the same version and checksum.
 */
export function isInstalled(base = root) {
  let wanted;
  let present;
  try {
    wanted = JSON.parse(readFileSync(join(base, 'package-lock.json'), 'utf8')).packages;
    present = JSON.parse(readFileSync(join(base, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false; // no node_modules, or one that an interrupted install left behind
  }
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    if (found === undefined) {
      if (entry.optional || entry.devOptional) continue;
      return false;
    }
    if (found.version !== entry.version || found.integrity !== entry.integrity) return false;
  }
  return readdirSync(join(base, 'node_modules')).length > 1;
}
