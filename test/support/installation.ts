// A whole Signet on a throw-away home, used as a person uses it: through the command line, with the real daemon behind it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { SetupResult, SnapshotEntry, Status } from '../../protocol/status.ts';
import { temporaryFolder } from './temporary-home.ts';

export const password = 'ostrich velvet canyon 42 mosaic';
export const phone = '+14155550123';

const ownCli = fileURLToPath(new URL('../../daemon/cli/main.ts', import.meta.url));
const longestMs = 60_000;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The last line of standard output as JSON: the result. */
  json<Result>(): Result;
  /** The code of the error on standard error, with --json. */
  errorCode(): string | undefined;
}

export interface Installation {
  readonly folder: string;
  /** SIGNET_HOME. */
  readonly home: string;
  /** An empty folder to put chats into, unless another was given. */
  readonly source: string;
  /** Where the copies go; not there before set-up. */
  readonly remote: string;
  /** Runs a command with --json; secrets go to its standard input. */
  signet(args: readonly string[], secrets?: object): Promise<Ran>;
  /** Starts a command and leaves it running; it is ended with the test. */
  start(args: readonly string[], secrets?: object): ChildProcess;
  setUp(changes?: readonly string[]): Promise<SetupResult>;
  /** Asserts exit 0. */
  ok<Result>(args: readonly string[], secrets?: object): Promise<Result>;
  status(): Promise<Status>;
  snapshots(): Promise<readonly SnapshotEntry[]>;
  /** Undefined when none runs. */
  daemonPid(): Promise<number | undefined>;
  /** kill -9, and waits until it is gone. */
  killDaemon(): Promise<void>;
  /** Asks for the status until it is as wanted; fails with the last one after `withinMs`. */
  until(what: string, isSo: (status: Status) => boolean, withinMs?: number): Promise<Status>;
}

export interface InstallationOptions {
  readonly source?: string;
  readonly remote?: string;
  /** Keys of settings.json, written before the daemon first starts. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The command line's entry file; default the one of the sources. It starts the daemon beside it. */
  readonly cli?: string;
  /** Put before `node`: to run as another user, or in a smaller world. */
  readonly wrapper?: readonly string[];
  /** Added to the environment of the commands and so of the daemon. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** For root, whom no permission stops: the commands and the daemon run without that power, as for everyone else. */
export function withoutPower(): Pick<InstallationOptions, 'wrapper'> {
  if (process.getuid?.() !== 0) return {};
  return {
    wrapper: [
      'setpriv',
      '--bounding-set',
      '-dac_override,-dac_read_search',
      '--inh-caps',
      '-dac_override,-dac_read_search',
      '--',
    ],
  };
}

export async function installation(t: ExecutionContext, options: InstallationOptions = {}): Promise<Installation> {
  const folder = await temporaryFolder(t);
  const home = join(folder, 'home');
  const source = options.source ?? join(folder, 'chats');
  const remote = options.remote ?? join(folder, 'copies');
  mkdirSync(join(home, 'config'), { recursive: true, mode: 0o700 });
  mkdirSync(source, { recursive: true });
  const settings = {
    v: 1,
    deviceLabel: 'bench',
    watch: 'off',
    rescanMs: 0,
    // No calendar: a test that runs at half past three would see one more backup.
    schedule: { kind: 'manual', onChange: true },
    jitterMs: 0,
    desktopNotices: false,
    // Whoever runs the tests has a keychain of their own: a test that is about one brings its own and says so.
    useKeychain: false,
    ...options.settings,
  };
  writeFileSync(join(home, 'config', 'settings.json'), JSON.stringify(settings), { mode: 0o600 });

  const running = new Set<ChildProcess>();
  const start = (args: readonly string[], secrets?: object): ChildProcess => {
    const words = [...(options.wrapper ?? []), process.execPath, '--no-warnings', options.cli ?? ownCli, ...args];
    const [program = '', ...rest] = words;
    const child = spawn(program, rest, {
      env: { ...process.env, ...options.environment, SIGNET_HOME: home },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.stdin?.on('error', () => undefined); // a command that fails early does not read
    child.stdin?.end(secrets === undefined ? '' : JSON.stringify(secrets));
    return child;
  };

  const made: Installation = {
    folder,
    home,
    source,
    remote,
    start,
    async signet(args, secrets) {
      const child = start([...args, '--json', ...(secrets === undefined ? [] : ['--secrets-stdin'])], secrets);
      let out = '';
      let err = '';
      child.stdout?.on('data', chunk => {
        out += chunk;
      });
      child.stderr?.on('data', chunk => {
        err += chunk;
      });
      const timer = setTimeout(() => child.kill('SIGKILL'), longestMs);
      const [code] = (await once(child, 'close')) as [number | null];
      clearTimeout(timer);
      return {
        code,
        out,
        err,
        json: () => JSON.parse(out.trim().split('\n').at(-1) ?? ''),
        errorCode: () => /"code":"(E_[A-Z_]+)"/.exec(err)?.[1],
      };
    },
    async ok(args, secrets) {
      const ran = await made.signet(args, secrets);
      t.is(ran.code, 0, `signet ${args.join(' ')}: ${ran.err}${ran.out.slice(-2000)}`);
      return ran.json();
    },
    setUp: (changes = []) =>
      made.ok(['setup', '--source', source, '--remote', `folder:${remote}`, ...changes], { password, phone }),
    status: async () => (await made.signet(['status'])).json(),
    snapshots: () => made.ok(['snapshots']),
    async daemonPid() {
      const ran = await made.signet(['daemon', 'status']);
      return ran.code === 0 ? ran.json<{ pid: number }>().pid : undefined;
    },
    async killDaemon() {
      const pid = await made.daemonPid();
      if (pid === undefined) return;
      process.kill(pid, 'SIGKILL');
      while (isAlive(pid)) await pause(5);
    },
    async until(what, isSo, withinMs = 30_000) {
      const end = Date.now() + withinMs;
      for (;;) {
        const status = await made.status();
        if (isSo(status)) return status;
        if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}; ${JSON.stringify(status)}`);
        await pause(50);
      }
    },
  };
  t.teardown(async () => {
    for (const child of running) child.kill('SIGKILL');
    await made.killDaemon();
  });
  return made;
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
