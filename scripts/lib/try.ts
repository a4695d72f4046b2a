// scripts/try [folder] [--remote folder|drive|s3] [--json] [--yes]: Signet on a machine that never saw it, in a home that is thrown away. Sets
// up, backs up, lets an app write on, waits for the automatic backup, restores, joins from a second machine and restores there, compares
// everything, and asks stock restic for its opinion. Without a folder it makes itself a WhatsApp folder; with one it works on a copy.
// Everything goes through the command line, as a person would do it. Clouds are played on this computer.

import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { rulesOf } from '../../daemon/sources/sources.ts';
import { size } from '../../protocol/formats.ts';
import type { BackupResult, RestoreResult, SetupResult, SnapshotEntry, Status } from '../../protocol/status.ts';
import { generateWhatsApp } from './chat-generator.ts';
import { type Comparison, compareFolders } from './compare.ts';
import { startLiveWriter } from './live-writer.ts';
import { Programs } from './programs.ts';
import { systemPackages } from './suites.ts';
import { Machine } from './try-machine.ts';
import { openPlace, type PlaceKind, placeKinds, type TryPlace } from './try-places.ts';

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
    remote: { type: 'string', default: 'folder' },
    help: { type: 'boolean', short: 'h' },
  },
});
const say = (text: string) => {
  if (!options.json) console.log(text);
};

async function tryOut(): Promise<number> {
  const kind = placeKinds.find(name => name === options.remote);
  if (kind === undefined) {
    console.error(`scripts/try: --remote is ${placeKinds.join(', ')}; a folder of yours is named without it`);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const place = throwAwayPlace();
  const trial = new Trial(place.folder, stop.signal);
  let isOk = false;
  try {
    isOk = await trial.run(kind, positionals[0]);
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
  readonly #signal: AbortSignal;
  readonly #programs: Programs;
  readonly #steps: Step[] = [];
  readonly #machines: Machine[] = [];
  readonly #secrets = {
    password: randomBytes(18).toString('base64url'),
    phone: '+12025550123', // of the range that is reserved for films and books
  };
  #place: TryPlace | undefined;

  constructor(base: string, signal: AbortSignal) {
    this.#base = base;
    this.#signal = signal;
    this.#programs = new Programs(signal);
  }

  /** True when everything came back as it was. */
  async run(kind: PlaceKind, folder: string | undefined): Promise<boolean> {
    const from = folder === undefined ? undefined : resolve(folder);
    if (from !== undefined) refuseTooMuch(from, this.#base);
    const chats = join(this.#base, from === undefined ? 'WhatsApp' : basename(from));
    const place = await openPlace(kind, { folder: join(this.#base, 'cloud'), programs: this.#programs });
    this.#place = place;
    say('Trying Signet out in a home of its own, which is removed at the end.');
    if (place.words !== undefined) say(place.words);
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
    // Without a calendar and its random delay: nothing but the change leads to the automatic backup that is shown.
    const schedule = { kind: 'manual', onChange: true };
    const machine = this.#machine(place, 'home', { deviceLabel: 'Throw-away', schedule, jitterMs: 0, ...timing });
    await this.#connect('connect', place, machine);
    const recoveryKey = await this.#setUp(place, machine, chats);
    await this.#backUp(machine);
    if (from === undefined) await this.#automatic(place, machine, chats);
    const { sources } = await machine.signet<Status>(['status']);
    const profile = sources[0]?.profile ?? 'generic';
    const restored = await this.#restore('restore', machine, 'restored');
    await this.#compare('compare with the original', { chats, profile, copy: restored });
    await this.#newMachine(place, { chats, profile });
    await this.#restic(place, { chats, profile, recoveryKey });
    return this.#report();
  }

  #machine(place: TryPlace, home: string, settings: object): Machine {
    const machine = new Machine(join(this.#base, home), settings, {
      programs: this.#programs,
      environment: place.environment,
    });
    this.#machines.push(machine);
    return machine;
  }

  async #connect(step: string, { connect }: TryPlace, machine: Machine): Promise<void> {
    if (connect !== undefined) await this.#step(step, async () => ({ result: await connect(machine) }));
  }

  async #setUp({ remote }: TryPlace, machine: Machine, chats: string): Promise<string> {
    return await this.#step('set up', async () => {
      const args = ['setup', '--new', '--source', chats, '--remote', remote, '--secrets-stdin'];
      const { recoveryKey } = await machine.signet<SetupResult>(args, { input: JSON.stringify(this.#secrets) });
      if (recoveryKey === undefined) throw new Error('set-up gave no recovery key');
      return { result: 'password made up, keys on this computer only', value: recoveryKey };
    });
  }

  /** A computer that knows nothing but where the copies are, the password and the phone number. */
  async #newMachine(place: TryPlace, original: { readonly chats: string; readonly profile: string }): Promise<void> {
    const schedule = { kind: 'never', onChange: false };
    const machine = this.#machine(place, 'new-home', { deviceLabel: 'New machine', schedule });
    await this.#connect('new machine: connect', place, machine);
    await this.#step('new machine: join', async () => {
      const args = ['setup', '--remote', place.remote, '--secrets-stdin'];
      const { joined, snapshots } = await machine.signet<SetupResult>(args, { input: JSON.stringify(this.#secrets) });
      return { isOk: joined && snapshots > 0, result: `with the password and the phone number: ${snapshots} backups` };
    });
    const restored = await this.#restore('new machine: restore', machine, 'restored-there');
    await this.#compare('compare that with the original', { ...original, copy: restored });
  }

  async #backUp(machine: Machine): Promise<void> {
    await this.#step('back up', async () => {
      const answer = await machine.signet<BackupResult>(['backup']);
      const isOk = answer.filesUnreadable.length === 0 && answer.notVerified.length === 0;
      return { ...traffic(answer.bytesRead, answer.bytesUploaded), isOk, result: `${answer.filesNew} files` };
    });
  }

  /** The app writes on while the daemon watches; nobody asks for a backup. */
  async #automatic({ requests }: TryPlace, machine: Machine, chats: string): Promise<void> {
    const before = (await machine.signet<readonly SnapshotEntry[]>(['snapshots'])).length;
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
    const asked = await requests?.();
    await this.#step('automatic backup', async () => {
      for (;;) {
        const status = await machine.signet<Status>(['status']);
        const { lastBackup, lastGoodAt } = status;
        const isDone =
          status.job === null && status.waiting === null && lastGoodAt !== null && Date.parse(lastGoodAt) >= since;
        if (isDone && lastBackup?.reason === 'change') {
          const made = (await machine.signet<readonly SnapshotEntry[]>(['snapshots'])).length - before;
          const files = lastBackup.filesNew + lastBackup.filesChanged;
          const count = made === 1 ? '' : `the last of ${made}: `;
          const cost = asked === undefined || made > 1 ? '' : `, ${((await requests?.()) ?? 0) - asked} requests`;
          return {
            ...traffic(lastBackup.bytesRead, lastBackup.bytesAdded),
            isOk: made > 0,
            result: `${count}${files} files, by itself${cost}`,
          };
        }
        if (Date.now() - since > automaticDeadlineMs) throw new Error('no automatic backup came');
        await pause(250, undefined, { signal: this.#signal });
      }
    });
  }

  async #restore(step: string, machine: Machine, name: string): Promise<string> {
    const target = join(this.#base, name);
    return await this.#step(step, async () => {
      const answer = await machine.signet<RestoreResult>(['restore', 'latest', '--to', target]);
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

  async #compare(
    step: string,
    { chats, profile, copy }: { readonly chats: string; readonly profile: string; readonly copy: string },
  ): Promise<void> {
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
  async #restic(
    place: TryPlace,
    { recoveryKey, ...original }: { readonly chats: string; readonly profile: string; readonly recoveryKey: string },
  ): Promise<void> {
    const restic = systemPackages.restic.provides.find(file => existsSync(file));
    if (restic === undefined) {
      say('restic is not installed: its check and restore are left out.');
      return;
    }
    const keyFile = join(this.#base, 'recovery-key');
    writeFileSync(keyFile, recoveryKey, { mode: 0o600 });
    const { repository, environment, way, close } = await place.forRestic();
    try {
      const env = {
        ...process.env,
        ...environment,
        RESTIC_PASSWORD_FILE: keyFile,
        RESTIC_REPOSITORY: repository,
      };
      const target = join(this.#base, 'restic');
      const run = (...args: string[]) => this.#programs.run(restic, ['--no-cache', '--no-lock', ...args], { env });
      await this.#step('restic check --read-data', async () => {
        await run('check', '--read-data');
        return { result: `no errors were found${way}` };
      });
      await this.#step('restic restore latest', async () => {
        await run('restore', 'latest', '--target', target);
        return { result: 'with the recovery key alone' };
      });
      await this.#compare('compare that with the original', { ...original, copy: join(target, onlyFolder(target)) });
    } finally {
      await close();
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

  #aborted(): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // the race may be over already
    this.#signal.addEventListener('abort', () => reject(this.#signal.reason), { once: true });
    return promise;
  }

  /** Leaves no process and nothing outside the folder, whatever happened before. */
  async clear(): Promise<void> {
    for (const machine of this.#machines) await machine.clear();
    this.#programs.end();
    await this.#place?.close();
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
    [
      'scripts/try [folder] [--remote folder|drive|s3] [--json] [--yes]\n',
      'Backs up, changes, restores and compares a made-up WhatsApp folder, or a copy of yours, in a home that is thrown away;',
      'then joins and restores on a second machine, with password and phone number alone.',
      '--remote drive signs in to a Google Drive that is played on this computer; --remote s3 uses an S3 server on it.',
      '--yes also copies more than 2 GB, or more than half of the free space.',
    ].join('\n'),
  );
} else process.exitCode = await tryOut();
