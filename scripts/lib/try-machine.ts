// A computer of scripts/try: a home of its own, used through the command line, with the daemon that the commands start.

import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endpointOf, resolveHome } from '../../protocol/home.ts';
import type { ProgramOptions, Programs } from './programs.ts';

const cli = fileURLToPath(new URL('../../daemon/cli/main.ts', import.meta.url));

export class Machine {
  readonly #home: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #programs: Programs;
  #daemon: number | undefined;

  /**
   * @param home is made
   * @param settings of settings.json
   * @param environment added to that of the commands, and so of the daemon
   */
  constructor(
    home: string,
    settings: object,
    { programs, environment }: { readonly programs: Programs; readonly environment: NodeJS.ProcessEnv },
  ) {
    this.#home = home;
    this.#programs = programs;
    this.#env = { ...process.env, ...environment, SIGNET_HOME: home };
    const { config } = resolveHome({ env: this.#env });
    mkdirSync(config, { recursive: true, mode: 0o700 });
    writeFileSync(join(config, 'settings.json'), JSON.stringify({ v: 1, useKeychain: false, ...settings }), {
      mode: 0o600,
    });
  }

  /** A command with --json; answers its document, or the last line of a stream. Secrets go to its standard input. */
  async signet<T>(args: readonly string[], options: Omit<ProgramOptions, 'env'> = {}): Promise<T> {
    const output = await this.#run(args, options);
    // Whatever command it was, a daemon runs by now.
    this.#daemon ??= JSON.parse(await this.#run(['daemon', 'status'])).pid;
    const text = output.trim();
    return JSON.parse(text.startsWith('{"type"') ? text.slice(text.lastIndexOf('\n') + 1) : text) as T;
  }

  #run(args: readonly string[], options: Omit<ProgramOptions, 'env'> = {}): Promise<string> {
    const words = ['--no-warnings', cli, ...args, '--json'];
    return this.#programs.run(process.execPath, words, { ...options, env: this.#env });
  }

  /** Leaves no process and nothing outside the home, whatever happened before. */
  async clear(): Promise<void> {
    // Without a daemon there is nothing to stop, and a stuck one is ended below.
    await this.#run(['daemon', 'stop'], { signal: AbortSignal.timeout(10_000) }).catch(() => {});
    const pid = this.#daemon;
    if (pid !== undefined) {
      for (let tries = 0; tries < 60 && isAlive(pid); tries += 1) await pause(50);
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    // A long path moves the socket out of the home.
    const socketFolder = endpointOf(resolveHome({ env: this.#env })).folder;
    if (socketFolder === null || socketFolder.startsWith(this.#home)) return;
    rmSync(socketFolder, { recursive: true, force: true });
    const above = dirname(socketFolder);
    if (existsSync(above) && readdirSync(above).length === 0) rmdirSync(above);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
