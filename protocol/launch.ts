// Finds the daemon of a home, or starts one. Clients that start one at the same time may start two processes: only one gets the home's
// claim, the other ends with E_BUSY, and every client ends up with the one that listens. A newer client asks an older daemon to make way,
// never while it works, and at most once a minute whatever the number of clients; an older client leaves a newer daemon alone.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createMessageConnection, type MessageConnection, NullLogger } from 'vscode-jsonrpc/node';
import { ensurePrivate, isAlive } from './claim.ts';
import { exitCode, isErrorCode, PeerError, wireErrorOf } from './errors.ts';
import type { Home } from './home.ts';
import { daemonInfo, handOver, initialize, status } from './messages.ts';
import { isBeingReplaced, takeReplacement } from './replacement.ts';
import { daemonFlags, frugalEnvironment } from './runtime.ts';
import type { SecretChannel } from './secrets.ts';
import { type Dialed, dial } from './socket.ts';
import { compareVersions, ownVersions, type Versions } from './version.ts';

/** First Node that runs our sources and has what the daemon uses. */
export const oldestNode = [24, 12] as const;

export interface LaunchOptions {
  readonly home: Home;
  /** The daemon's main file; default: beside this one, as source or bundled. */
  readonly entry?: string;
  /** How long a new daemon may take until it listens; default 20 s. */
  readonly deadlineMs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What a new daemon runs on; asked for only when one is started. Default: `findNode`. */
  readonly runtime?: () => Promise<Runtime>;
  /** What this client is; default: this build. Its daemon is of the same. */
  readonly versions?: Versions;
}

/** A connection past its `initialize`. */
export interface Connected {
  readonly connection: MessageConnection;
  readonly secrets: SecretChannel;
  readonly daemon: { readonly protocolVersion: number; readonly daemonVersion: string };
  close(): void;
}

/** Connects to the daemon that runs. Throws E_DAEMON_MISSING when there is none. */
export async function connect(home: Home, versions: Versions = ownVersions): Promise<Connected> {
  const dialed = await dial(home);
  const connection = createMessageConnection(dialed.reader, dialed.writer, NullLogger);
  connection.onClose(() => connection.dispose()); // only dispose() rejects the requests still pending
  connection.listen();
  try {
    const { signet } = await connection.sendRequest(initialize, {
      initializationOptions: { protocolVersion: versions.protocolVersion, version: versions.productVersion },
    });
    return { connection, secrets: dialed.secrets, daemon: signet, close: () => dialed.close() };
  } catch (error) {
    dialed.close();
    throw wireErrorOf(error)
      ? error
      : new PeerError('E_DAEMON_MISSING', 'the daemon ended the connection', { cause: error });
  }
}

/**
 * Connects, starting a daemon when none runs and replacing an older one that does nothing. An older one of the same protocol that cannot
 * be replaced now is used as it is. Throws E_DAEMON_INCOMPATIBLE when the protocols differ and the daemon is the newer (`params.newer`
 * 'daemon') or cannot make way now ('client', with `params.reason` 'busy' or 'recent'); E_DAEMON_MISSING or the daemon's own error when it
 * cannot be started.
 */
export async function connectOrLaunch(options: LaunchOptions): Promise<Connected> {
  const { versions = ownVersions } = options;
  const connected = await reach(options);
  const fits = connected.daemon.protocolVersion === versions.protocolVersion;
  if (isNewer(connected, versions) || compareVersions(versionsOf(connected), versions) === 0) {
    return fits ? connected : refuse(connected, versions);
  }
  const reason = await retire(options, connected).catch((error: unknown) => {
    if (wireErrorOf(error) !== undefined) throw error;
    return undefined; // the connection ended: it is gone already
  });
  if (reason !== undefined) return fits ? connected : refuse(connected, versions, reason);
  connected.close();
  const next = await reach(options, launch);
  // Should another client's older daemon stand there all the same, the next minute may replace it.
  return next.daemon.protocolVersion === versions.protocolVersion ? next : refuse(next, versions, 'recent');
}

/** For vscode-languageclient's ServerOptions: the transports of the daemon that runs and fits, or of a new one. Throws as `connectOrLaunch`. */
export async function dialOrLaunch(options: LaunchOptions): Promise<Dialed> {
  (await connectOrLaunch(options)).close();
  return dial(options.home);
}

/** Connects to the daemon that runs or to a new one. One that ends just then, to make way for a newer, is looked for again. */
async function reach(options: LaunchOptions, start = launchUnlessReplaced): Promise<Connected> {
  for (let triesLeft = 3; ; triesLeft -= 1) {
    if (!(await answers(options.home))) await start(options);
    try {
      return await connect(options.home, options.versions);
    } catch (error) {
      if (triesLeft <= 1 || wireErrorOf(error)?.code !== 'E_DAEMON_MISSING') throw error;
    }
  }
}

/** The transports of the daemon that runs. Throws E_DAEMON_INCOMPATIBLE when it speaks another protocol. */
export async function dialFitting(home: Home): Promise<Dialed> {
  const connected = await connect(home);
  if (connected.daemon.protocolVersion !== ownVersions.protocolVersion) return refuse(connected, ownVersions);
  connected.close();
  return dial(home);
}

/**
 * A daemon that made way a moment ago is followed by that of the client that asked it to. Whoever finds none meanwhile waits for that one:
 * an older client that was quicker would put its old daemon back.
 */
async function launchUnlessReplaced(options: LaunchOptions): Promise<void> {
  while (isBeingReplaced(options.home)) {
    await pause(50);
    if (await answers(options.home)) return;
  }
  await launch(options);
}

/** Whether a daemon serves the home. Throws when something else does, or the place is not private. */
async function answers(home: Home): Promise<boolean> {
  try {
    (await dial(home)).close();
    return true;
  } catch (error) {
    if (wireErrorOf(error)?.code === 'E_DAEMON_MISSING') return false;
    throw error;
  }
}

/**
 * Asks an older daemon to make way and waits until it is gone; the connection is closed then. Answers why not when it stays. Nobody is
 * asked for the password because of a mere update: a daemon that alone knows the key goes on while the protocols are the same.
 */
async function retire(
  options: LaunchOptions,
  { connection, daemon }: Connected,
): Promise<'busy' | 'recent' | undefined> {
  const { home, versions = ownVersions } = options;
  const { job, vault, keychain } = await connection.sendRequest(status, {});
  const wouldLock = vault === 'unlocked' && keychain !== 'session';
  if (job !== null || (wouldLock && daemon.protocolVersion === versions.protocolVersion)) return 'busy';
  const { pid } = await connection.sendRequest(daemonInfo);
  if (!(await takeReplacement(home))) return 'recent';
  try {
    await connection.sendRequest(handOver); // it looks once more itself: a job may have begun
  } catch (error) {
    const code = wireErrorOf(error)?.code;
    if (code === 'E_BUSY' || code === 'E_DAEMON_INCOMPATIBLE' || code === 'E_USAGE') return 'busy';
    throw error;
  }
  if (!(await isGone(pid))) return 'busy';
  return undefined;
}

/** Waits for a process to end, at most ten seconds; false when it still runs then. */
export async function isGone(pid: number): Promise<boolean> {
  const deadline = Date.now() + 10_000;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await pause(25);
  }
  return true;
}

function versionsOf({ daemon }: Connected): Versions {
  return { protocolVersion: daemon.protocolVersion, productVersion: daemon.daemonVersion };
}

function isNewer(connected: Connected, versions: Versions): boolean {
  return compareVersions(versionsOf(connected), versions) > 0;
}

function refuse(connected: Connected, versions: Versions, reason?: 'busy' | 'recent'): never {
  connected.close();
  const { protocolVersion, daemonVersion } = connected.daemon;
  throw new PeerError(
    'E_DAEMON_INCOMPATIBLE',
    `the daemon speaks protocol ${protocolVersion} (version ${daemonVersion}), this client ${versions.protocolVersion}`,
    {
      params: {
        newer: isNewer(connected, versions) ? 'daemon' : 'client',
        ...(reason !== undefined && { reason }),
      },
    },
  );
}

/**
 * Starts a daemon that outlives this process and waits until it, or another that was quicker, listens. It gets no terminal, no
 * NODE_OPTIONS, and no argument but its file. What it says before it listens tells why it could not.
 */
async function launch(options: LaunchOptions): Promise<void> {
  const { home, env = process.env } = options;
  const entry = options.entry ?? findEntry();
  const { node, flags, extraEnv } = await (options.runtime?.() ?? findNode(env, entry));
  for (const folder of [home.state, home.logs, home.cache]) await ensurePrivate(folder);
  const said = join(home.logs, `start-${randomBytes(6).toString('hex')}.log`);
  const output = openSync(said, 'wx', 0o600);
  try {
    const child = privately(() =>
      spawn(node, [...flags, entry], {
        detached: true,
        cwd: home.state,
        env: { ...frugalEnvironment(home), ...cleaned(env), ...extraEnv },
        stdio: ['ignore', output, output],
        windowsHide: true,
      }),
    );
    let ended: string | undefined;
    let status: number | null = null;
    child.on('error', error => {
      ended = error.message;
    });
    child.on('exit', (code, signal) => {
      ended = `it ended with ${signal ?? code}`;
      status = code;
    });
    child.unref();
    const deadline = Date.now() + (options.deadlineMs ?? 20_000);
    for (let waitMs = 20; ; waitMs = Math.min(100, waitMs * 1.3)) {
      const over = ended; // read before dialling: another daemon may have been quicker
      if (await answers(home)) {
        // Ours may still be starting: it would become a daemon nobody asked for as soon as the quicker one ends.
        if (over === undefined && (await isAnother(home, child.pid))) child.kill();
        return;
      }
      if (over !== undefined) {
        // On a full disk it has no file to say so in; its exit status tells it all the same.
        const isFull = status === exitCode('E_DISK_FULL');
        const why =
          failureIn(said) ?? (isFull ? new PeerError('E_DISK_FULL', 'the daemon could not start') : undefined);
        // E_BUSY: another start was quicker, and is about to listen.
        if (why?.code !== 'E_BUSY') throw why ?? new PeerError('E_DAEMON_MISSING', `the daemon did not start: ${over}`);
      }
      if (Date.now() > deadline) throw new PeerError('E_DAEMON_MISSING', 'the daemon does not listen in time');
      await pause(waitMs);
    }
  } finally {
    closeSync(output);
    rmSync(said, { force: true }); // from here on the daemon writes its own log
  }
}

/** Whether the daemon that listens is certainly not the process just started. */
async function isAnother(home: Home, pid: number | undefined): Promise<boolean> {
  try {
    const { connection, close } = await connect(home);
    try {
      return (await connection.sendRequest(daemonInfo)).pid !== pid;
    } finally {
      close();
    }
  } catch {
    return false; // it ended meanwhile: then ours may be wanted
  }
}

/** A daemon that cannot start says why in a line that people can read too, and that ends with the code in brackets. */
function failureIn(path: string): PeerError | undefined {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.min(statSync(path).size, 64 * 1024));
    readSync(file, bytes, 0, bytes.length, 0);
    for (const line of bytes.toString('utf8').split('\n')) {
      const [, detail, code] = /^signet: (?:the daemon could not start: )?(.*) \((E_[A-Z_]+)\)$/.exec(line) ?? [];
      if (detail !== undefined && isErrorCode(code)) return new PeerError(code, detail);
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

function cleaned(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  // NODE_DEBUG=http would write every header of every request to what it says, tokens as well.
  // What runs on an Electron is told so again.
  const foreign = new Set([
    'ELECTRON_RUN_AS_NODE',
    'NODE_OPTIONS',
    'NODE_INSPECT_RESUME_ON_START',
    'NODE_DEBUG',
    'NODE_DEBUG_NATIVE',
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.has(name)));
}

/** What is started makes files for its user alone from its first moment on: Node itself keeps compiled code before any line of ours runs. */
function privately<Result>(start: () => Result): Result {
  const before = process.umask(0o077);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

/** The daemon's main file: a source beside this one, or bundled beside the bundle that this is part of. */
export function findEntry(): string {
  const candidates = ['../daemon/main.ts', './daemon/main.mjs', '../daemon/main.mjs', './main.mjs'];
  const found = candidates.map(path => fileURLToPath(new URL(path, import.meta.url))).find(path => existsSync(path));
  if (found === undefined) throw new PeerError('E_DAEMON_MISSING', 'the daemon is not installed beside this program');
  return found;
}

export interface Runtime {
  readonly node: string;
  readonly flags: readonly string[];
  readonly extraEnv: Readonly<Record<string, string>>;
}

/** A Node that is new enough: the one named in SIGNET_NODE, the one that runs this, or the one that npm brought along. */
export function findNode(env: Readonly<Record<string, string | undefined>>, entry: string): Runtime {
  const flags = daemonFlags;
  const named = env['SIGNET_NODE'];
  if (named !== undefined && named !== '') {
    const version = spawnSync(named, ['--version'], {
      encoding: 'utf8',
      timeout: 10_000,
      env: cleaned(env) as NodeJS.ProcessEnv,
    }).stdout;
    if (!isNewEnough(version ?? '')) {
      throw new PeerError(
        'E_DAEMON_MISSING',
        `SIGNET_NODE names ${version?.trim() || 'no Node'}, ${oldestNode.join('.')} or newer is needed`,
        {
          params: { advice: installAdvice },
        },
      );
    }
    return { node: named, flags, extraEnv: {} };
  }
  if (isNewEnough(process.version)) return ownRuntime();
  const brought = broughtAlong(entry);
  if (brought !== undefined) return { node: brought, flags, extraEnv: {} };
  throw new PeerError(
    'E_DAEMON_MISSING',
    `this is Node ${process.version}, ${oldestNode.join('.')} or newer is needed`,
    {
      params: { advice: installAdvice },
    },
  );
}

/** The Node that runs this. An Electron is one only when it is told to be, and knows no flag that is Node's alone. */
export function ownRuntime(): Runtime {
  const electron = process.versions['electron'] !== undefined;
  return {
    node: process.execPath,
    flags: electron ? ['--no-warnings'] : daemonFlags,
    extraEnv: electron ? { ELECTRON_RUN_AS_NODE: '1' } : {},
  };
}

const installAdvice = `install Node ${oldestNode.join('.')} or newer from nodejs.org, or name one in SIGNET_NODE`;

function broughtAlong(entry: string): string | undefined {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  try {
    const manifest = createRequire(entry).resolve(`node-${platform}-${process.arch}/package.json`);
    const path = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // not installed: npm leaves optional dependencies out where they do not fit
  }
}

export function isNewEnough(version: string): boolean {
  const [, major = 0, minor = 0] = /^v(\d+)\.(\d+)\./.exec(version)?.map(Number) ?? [];
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}
