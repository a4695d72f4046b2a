// scripts/try [folder] [--json] [--yes]: Signet on a machine that never saw it, in a home that is thrown away. Sets up, backs up, lets an
// app write on, waits for the automatic backup, restores, compares everything, and asks stock restic for its opinion. Without a folder it
// makes itself a WhatsApp folder; with one it works on a copy. Everything goes through the command line, as a person would do it.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { size } from '../../protocol/formats.ts';
import { endpointOf, resolveHome } from '../../protocol/home.ts';
import type { BackupResult, RestoreResult, SetupResult, SnapshotEntry, Status } from '../../protocol/status.ts';
import { generateWhatsApp } from './chat-generator.ts';
import { type Comparison, compareFolders } from './compare.ts';
import { startLiveWriter } from './live-writer.ts';
import { systemPackages } from './suites.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Lower than a person would want, so that the automatic backup comes while one looks on. */
const timing = { quietMs: 1500, longestWaitMs: 20_000, smallestIntervalMs: 1000 };
const usual = { quietMs: 30_000, longestWaitMs: 600_000, smallestIntervalMs: 900_000 };

const liveMessages = 200;
const livePhotos = 3;
const maxCopyBytes = 2_000_000_000;
const automaticDeadlineMs = 120_000;

interface Step {
  readonly step: string;
  readonly seconds: number;
  readonly bytesRead?: number;
  readonly bytesUploaded?: number;
  readonly ok: boolean;
  readonly result: string;
}

class Refusal extends Error {}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
const say = (text: string) => {
  if (!options.json) console.log(text);
};

async function tryOut(): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const place = throwAwayPlace();
  const trial = new Trial(place.folder, stop.signal);
  let isOk = false;
  try {
    isOk = await trial.run(positionals[0]);
  } catch (error) {
    if (!stop.signal.aborted) console.error(error instanceof Error ? `scripts/try: ${error.message}` : error);
    if (error instanceof Refusal) return 2;
  } finally {
    await trial.clear();
    rmSync(place.remove, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
  if (stop.signal.aborted) return 130;
  return isOk ? 0 : 1;
}

/** A fresh folder, inside SIGNET_HOME when there is one; `remove` also takes what had to be made above it. */
function throwAwayPlace(): { readonly folder: string; readonly remove: string } {
  const above = resolve(process.env['SIGNET_HOME'] || tmpdir());
  const made = mkdirSync(above, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(realpathSync(above), 'signet-try-'));
  return { folder, remove: made ?? folder };
}

class Trial {
  readonly #base: string;
  readonly #home: string;
  readonly #cloud: string;
  readonly #signal: AbortSignal;
  readonly #steps: Step[] = [];
  readonly #children = new Set<ChildProcess>();
  #daemon: number | undefined;

  constructor(base: string, signal: AbortSignal) {
    this.#base = base;
    this.#home = join(base, 'home');
    this.#cloud = join(base, 'cloud');
    this.#signal = signal;
  }

  /** True when everything came back as it was. */
  async run(folder: string | undefined): Promise<boolean> {
    const from = folder === undefined ? undefined : resolve(folder);
    if (from !== undefined) refuseTooMuch(from, this.#base);
    const chats = join(this.#base, from === undefined ? 'WhatsApp' : basename(from));
    say('Trying Signet out in a home of its own, which is removed at the end.');
    say(
      `Quiet time is ${timing.quietMs / 1000} s instead of ${usual.quietMs / 1000} s, longest wait ${timing.longestWaitMs / 1000} s instead of ${usual.longestWaitMs / 1000} s, smallest interval ${timing.smallestIntervalMs / 1000} s instead of ${usual.smallestIntervalMs / 1000} s.\n`,
    );

    await this.#step(from === undefined ? 'make a WhatsApp folder' : 'copy your folder', async () => {
      if (from === undefined) {
        const made = generateWhatsApp(chats);
        return {
          result: `${made.messages.toLocaleString('en')} messages, ${made.mediaFiles} media files, ${size(sizeOf(chats))}`,
        };
      }
      cpSync(from, chats, { recursive: true, mode: 1, verbatimSymlinks: true, filter: isCopied });
      return { result: `${size(sizeOf(chats))}; the original is not touched` };
    });
    const recoveryKey = await this.#setUp(chats);
    await this.#backUp();
    if (from === undefined) await this.#automatic(chats);
    const restored = await this.#restore();
    await this.#compare('compare with the original', chats, restored);
    await this.#restic(chats, recoveryKey);
    return this.#report();
  }

  async #setUp(chats: string): Promise<string> {
    const config = resolveHome({ env: { SIGNET_HOME: this.#home } }).config;
    mkdirSync(config, { recursive: true, mode: 0o700 });
    // Without a calendar and its random delay: nothing but the change leads to the automatic backup that is shown.
    const schedule = { kind: 'manual', onChange: true };
    const settings = { v: 1, deviceLabel: 'Throw-away', schedule, jitterMs: 0, useKeychain: false, ...timing };
    writeFileSync(join(config, 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
    return await this.#step('set up', async () => {
      // A number of the range that is reserved for films and books.
      const secrets = { password: randomBytes(18).toString('base64url'), phone: '+12025550123' };
      const args = ['setup', '--source', chats, '--remote', `folder:${this.#cloud}`, '--secrets-stdin'];
      const answer = await this.#signet<SetupResult>(args, JSON.stringify(secrets));
      this.#daemon = (await this.#signet<{ readonly pid: number }>(['daemon', 'status'])).pid;
      if (answer.recoveryKey === undefined) throw new Error('set-up gave no recovery key');
      return { result: 'password made up, keys on this computer only', value: answer.recoveryKey };
    });
  }

  async #backUp(): Promise<void> {
    await this.#step('back up', async () => {
      const answer = await this.#signet<BackupResult>(['backup']);
      const isOk = answer.filesUnreadable.length === 0 && answer.notVerified.length === 0;
      return { ...traffic(answer.bytesRead, answer.bytesUploaded), isOk, result: `${answer.filesNew} files` };
    });
  }

  /** The app writes on while the daemon watches; nobody asks for a backup. */
  async #automatic(chats: string): Promise<void> {
    const before = (await this.#signet<readonly SnapshotEntry[]>(['snapshots'])).length;
    await this.#step(`${liveMessages} new messages, ${livePhotos} photos`, async () => {
      const photoEvery = Math.floor(liveMessages / livePhotos);
      const writer = await startLiveWriter({
        folder: chats,
        count: liveMessages,
        everyMs: 10,
        photoEvery,
        seed: 'try',
      });
      try {
        await Promise.race([writer.committed(liveMessages), this.#aborted()]);
      } finally {
        await writer.stop();
      }
      return { result: 'written by an app that keeps its database open' };
    });
    const since = Date.now();
    await this.#step('automatic backup', async () => {
      for (;;) {
        const status = await this.#signet<Status>(['status']);
        const { lastBackup, lastGoodAt } = status;
        const isDone =
          status.job === null && status.waiting === null && lastGoodAt !== null && Date.parse(lastGoodAt) >= since;
        if (isDone && lastBackup?.reason === 'change') {
          const made = (await this.#signet<readonly SnapshotEntry[]>(['snapshots'])).length - before;
          const files = lastBackup.filesNew + lastBackup.filesChanged;
          const count = made === 1 ? '' : `the last of ${made}: `;
          return {
            ...traffic(lastBackup.bytesRead, lastBackup.bytesAdded),
            isOk: made > 0,
            result: `${count}${files} files, by itself`,
          };
        }
        if (Date.now() - since > automaticDeadlineMs) throw new Error('no automatic backup came');
        await pause(250, undefined, { signal: this.#signal });
      }
    });
  }

  async #restore(): Promise<string> {
    const target = join(this.#base, 'restored');
    return await this.#step('restore', async () => {
      const answer = await this.#signet<RestoreResult>(['restore', 'latest', '--to', target]);
      const broken = answer.databases.filter(({ check }) => check !== 'ok' && check !== 'opaque');
      const isOk = broken.length === 0 && answer.skipped.every(entry => entry.code === undefined);
      const sound = answer.databases.length - broken.length;
      return {
        bytesRead: answer.bytes,
        isOk,
        result: `${answer.files} files${sound === 0 ? '' : `, ${sound} databases sound`}`,
        value: join(target, onlyFolder(target)),
      };
    });
  }

  async #compare(step: string, chats: string, copy: string): Promise<void> {
    const status = await this.#signet<Status>(['status']);
    const profile = status.sources[0]?.profile ?? 'generic';
    await this.#step(step, async () => {
      const rules = rulesOf({ profile });
      const answer = await compareFolders(
        chats,
        copy,
        (path, kind) =>
          rules.leftOut({
            path: Buffer.from(path),
            kind,
            sizeBytes: 0,
            siblings: () => readdirSync(dirname(join(chats, path)), { encoding: 'buffer' }),
            head: () => new Uint8Array(0),
          }) !== undefined,
      );
      return verdict(answer);
    });
  }

  /** The way out: the same backup, opened by another program with nothing but the recovery key. */
  async #restic(chats: string, recoveryKey: string): Promise<void> {
    const restic = systemPackages.restic.provides.find(file => existsSync(file));
    if (restic === undefined) {
      say('restic is not installed: its check and restore are left out.');
      return;
    }
    const keyFile = join(this.#base, 'recovery-key');
    writeFileSync(keyFile, recoveryKey, { mode: 0o600 });
    try {
      const env = { ...process.env, RESTIC_PASSWORD_FILE: keyFile, RESTIC_REPOSITORY: this.#cloud };
      const target = join(this.#base, 'restic');
      await this.#step('restic check --read-data', async () => {
        await this.#program(restic, ['--no-cache', 'check', '--read-data'], { env });
        return { result: 'no errors were found' };
      });
      await this.#step('restic restore latest', async () => {
        await this.#program(restic, ['--no-cache', 'restore', 'latest', '--target', target], { env });
        return { result: 'with the recovery key alone' };
      });
      await this.#compare('compare that with the original', chats, join(target, onlyFolder(target)));
    } finally {
      rmSync(keyFile, { force: true });
    }
  }

  #report(): boolean {
    const isOk = this.#steps.every(step => step.ok);
    if (options.json) {
      const total = this.#steps.reduce((sum, step) => sum + step.seconds, 0);
      console.log(JSON.stringify({ ok: isOk, seconds: rounded(total), timing, steps: this.#steps }, null, 2));
    } else {
      const rows = this.#steps.map(step => [
        step.step,
        step.seconds.toFixed(1),
        bytes(step.bytesRead),
        bytes(step.bytesUploaded),
        step.result,
      ]);
      console.log(`\n${table(['step', 'seconds', 'read', 'uploaded', 'result'], rows)}\n`);
      console.log(isOk ? 'Everything came back as it was.' : 'Something did not come back as it was; see above.');
    }
    return isOk;
  }

  async #step<T = undefined>(
    name: string,
    run: () => Promise<{
      readonly result: string;
      readonly isOk?: boolean;
      readonly bytesRead?: number;
      readonly bytesUploaded?: number;
      readonly value?: T;
    }>,
  ): Promise<T> {
    this.#signal.throwIfAborted();
    say(`${name} …`);
    const began = performance.now();
    const { result, isOk = true, value, ...moved } = await run();
    this.#signal.throwIfAborted();
    this.#steps.push({ step: name, seconds: rounded((performance.now() - began) / 1000), ...moved, ok: isOk, result });
    return value as T;
  }

  /** A command of Signet with --json; answers its document, or the last line of a stream. */
  async #signet<T>(args: readonly string[], input = ''): Promise<T> {
    const cli = join(root, 'daemon', 'cli', 'main.ts');
    const env = { ...process.env, SIGNET_HOME: this.#home };
    const output = await this.#program(process.execPath, ['--no-warnings', cli, ...args, '--json'], { env, input });
    const text = output.trim();
    return JSON.parse(text.startsWith('{"type"') ? text.slice(text.lastIndexOf('\n') + 1) : text) as T;
  }

  /** Runs a program to its end and answers what it printed; throws with its complaint when it fails, or when the trial is stopped. */
  async #program(
    program: string,
    args: readonly string[],
    { env, input = '', signal = this.#signal }: { env: NodeJS.ProcessEnv; input?: string; signal?: AbortSignal },
  ): Promise<string> {
    signal.throwIfAborted();
    const child = spawn(program, args, { env, stdio: 'pipe' });
    this.#children.add(child);
    const end = () => child.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    try {
      child.stdin.on('error', () => {}); // it may end before it has read everything, and says itself why
      child.stdin.end(input);
      const [output, complaint, code] = await Promise.all([
        child.stdout.setEncoding('utf8').reduce((all: string, part: string) => all + part, ''),
        child.stderr.setEncoding('utf8').reduce((all: string, part: string) => all + part, ''),
        new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done)),
      ]);
      signal.throwIfAborted();
      if (code !== 0)
        throw new Error(
          `${basename(program)} ${args.at(program === process.execPath ? 2 : 1)} ended with ${code}: ${complaint.trim()}`,
        );
      return output;
    } finally {
      signal.removeEventListener('abort', end);
      this.#children.delete(child);
    }
  }

  #aborted(): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // the race may be over already
    this.#signal.addEventListener('abort', () => reject(this.#signal.reason), { once: true });
    return promise;
  }

  /** Leaves no process and nothing outside the folder, whatever happened before. */
  async clear(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    const env = { ...process.env, SIGNET_HOME: this.#home };
    const cli = join(root, 'daemon', 'cli', 'main.ts');
    const inTime = AbortSignal.timeout(10_000);
    // Without a daemon there is nothing to stop, and a stuck one is ended below.
    await this.#program(process.execPath, ['--no-warnings', cli, 'daemon', 'stop', '--json'], {
      env,
      signal: inTime,
    }).catch(() => {});
    const pid = this.#daemon;
    if (pid !== undefined) {
      for (let tries = 0; tries < 60 && isAlive(pid); tries += 1) await pause(50);
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    // A long path moves the socket out of the home.
    const socketFolder = endpointOf(resolveHome({ env: { ...process.env, SIGNET_HOME: this.#home } })).folder;
    if (socketFolder === null || socketFolder.startsWith(this.#base)) return;
    rmSync(socketFolder, { recursive: true, force: true });
    const above = dirname(socketFolder);
    if (existsSync(above) && readdirSync(above).length === 0) rmdirSync(above);
  }
}

function refuseTooMuch(from: string, base: string): void {
  if (!existsSync(from) || !lstatSync(from).isDirectory()) throw new Refusal(`${from} is not a folder`);
  const total = sizeOf(from);
  const { bavail, bsize } = statfsSync(base);
  if (options.yes) return;
  if (total > maxCopyBytes)
    throw new Refusal(`${from} has ${size(total)}; --yes copies more than ${size(maxCopyBytes)}`);
  // The copy, its backup, and two restored ones.
  if (total > (bavail * bsize) / 2)
    throw new Refusal(`${from} has ${size(total)}, and ${size(bavail * bsize)} are free; --yes tries all the same`);
}

function isCopied(path: string): boolean {
  const found = lstatSync(path);
  return found.isFile() || found.isDirectory() || found.isSymbolicLink();
}

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return files.reduce((sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).size, 0);
}

/** A restore makes one folder for each source, and this trial has one source. */
function onlyFolder(target: string): string {
  const [name, ...more] = readdirSync(target).filter(entry => entry !== '.signet');
  if (name === undefined || more.length > 0) throw new Error(`one folder was expected in ${target}`);
  return name;
}

function verdict({ files, databases, rows, differences }: Comparison) {
  for (const difference of differences.slice(0, 20)) say(`  ${difference}`);
  const isOk = differences.length === 0;
  const inside = databases === 0 ? '' : `, ${rows.toLocaleString('en')} rows in ${databases} databases`;
  const counts = `${files} files${inside}`;
  return { isOk, result: isOk ? `${counts}: all the same` : `${differences.length} differences in ${counts}` };
}

function traffic(bytesRead: number, bytesUploaded: number) {
  return { bytesRead, bytesUploaded };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

function bytes(value: number | undefined): string {
  return value === undefined ? '' : size(value);
}

/** Columns as wide as they need to be; the middle three are figures. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column > 0 && column < 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

if (options.help) {
  console.log(
    'scripts/try [folder] [--json] [--yes]\n\nBacks up, changes, restores and compares a made-up WhatsApp folder, or a copy of yours, in a home that is thrown away.\n--yes also copies more than 2 GB, or more than half of the free space.',
  );
} else process.exitCode = await tryOut();
