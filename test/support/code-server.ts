// A real VS Code workbench without a desktop: code-server from the npm registry, installed once into a cache beside the other
// packages (no install script runs, so nothing is compiled; its terminal and a few native parts are missing and not needed).

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const version = '4.139.1';
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, 'node_modules', '.cache', 'signet-e2e', `code-server-${version}`);
const run = promisify(execFile);

/** A first screen without anything that moves or asks. */
const quietSettings = {
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.reduceMotion': 'on',
  'workbench.editor.useModal': 'off',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'security.workspace.trust.enabled': false,
  'chat.disableAIFeatures': true,
  'git.enabled': false,
};

/** Surroundings of children: this Node first in the path, and nothing that would guard or steer them. */
function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    ...extra,
  };
  for (const name of Object.keys(env))
    if (/^(NODE_OPTIONS|npm_.*|VSCODE_.*|SIGNET_SKIPS)$/i.test(name)) delete env[name];
  return env;
}

/** The folder code-server is in; installs it (10 to 40 s, 610 MB) when it is not there yet. */
export async function installCodeServer(): Promise<string> {
  if (existsSync(cache)) return cache;
  const half = `${cache}.${process.pid}.part`;
  mkdirSync(half, { recursive: true });
  writeFileSync(join(half, 'package.json'), '{"name":"code-server-home","private":true}\n');
  const env = environment();
  const npm = async (cwd: string, ...args: string[]) => {
    const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...args];
    await run('npm', flags, { cwd, env, maxBuffer: 16 * 1024 * 1024 });
  };
  try {
    await npm(half, '--save-exact', `code-server@${version}`);
    const vscode = join(half, 'node_modules', 'code-server', 'lib', 'vscode');
    await npm(vscode, '--omit=dev');
    await npm(join(vscode, 'extensions'), '--omit=dev');
    // Another test may have been quicker.
    if (!existsSync(cache)) renameSync(half, cache);
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
  return cache;
}

export interface CodeServer {
  readonly url: string;
  /** Of the server, and of the group of processes it starts. */
  readonly pid: number;
  log(): string;
  stop(): Promise<void>;
}

/** Starts it on loopback with a home of its own and one extension installed, or with none. */
export async function startCodeServer(options: {
  readonly home: string;
  readonly vsix?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<CodeServer> {
  const { home, vsix } = options;
  const entry = join(await installCodeServer(), 'node_modules', 'code-server', 'out', 'node', 'entry.js');
  const [data, extensions, folder] = ['data', 'extensions', 'folder'].map(name => join(home, 'editor', name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(data, 'User'), { recursive: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(data, 'User', 'settings.json'),
    JSON.stringify({ ...quietSettings, ...options.settings }, null, 2),
  );
  const env = environment({
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_CACHE_HOME: join(home, '.cache'),
    ...options.env,
  });
  const common = ['--user-data-dir', data, '--extensions-dir', extensions];
  if (vsix !== undefined)
    await run(process.execPath, [entry, ...common, '--install-extension', vsix, '--force'], { env });

  const port = await freePort();
  const quiet = [
    '--disable-telemetry',
    '--disable-update-check',
    '--disable-workspace-trust',
    '--disable-getting-started-override',
  ];
  const args = [entry, ...common, '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', ...quiet, folder];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  const exited = new Promise<void>(done => child.once('exit', () => done()));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    // Its extension host would wait a while for the window to come back.
    endGroup(child);
  };
  try {
    await untilHealthy(`http://127.0.0.1:${port}/healthz`, child, () => log);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`;
  return { url, pid: child.pid ?? 0, log: () => log, stop };
}

/** The newest process that runs extensions, among those that the server of this id started. Linux only. */
export function extensionHost(server: number): number {
  const found = readdirSync('/proc')
    .map(Number)
    .filter(pid => Number.isInteger(pid) && isExtensionHost(pid, server));
  const pid = found.toSorted((a, b) => a - b).at(-1);
  if (pid === undefined) throw new Error('no process runs extensions');
  return pid;
}

function isExtensionHost(pid: number, server: number): boolean {
  try {
    // proc(5): the name in parentheses may hold anything; state, parent and group follow it.
    const group = Number(/.*\) \S \d+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]);
    return group === server && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=extensionHost');
  } catch {
    return false; // it ended meanwhile
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function untilHealthy(url: string, child: ChildProcess, log: () => string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`code-server ended with ${child.exitCode}:\n${log()}`);
    const isUp = await fetch(url).then(
      answer => answer.ok,
      () => false, // not listening yet
    );
    if (isUp) return;
    await new Promise(wake => setTimeout(wake, 100));
  }
  throw new Error(`code-server did not answer:\n${log()}`);
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? done(address.port) : fail(new Error('no port')),
      );
    });
  });
}
