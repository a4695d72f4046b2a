// How a file of a running app becomes bytes that are safe to keep. SQLite databases are captured in a child process
// (POSIX locks are per process: any close of the file elsewhere drops them), other files are read here, stably.
// The source is never written to; staged plaintext is private, unlinked while open, and swept at start.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asBuffer, toHex } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { emptyFolder, ensurePrivateFolder, privateFile, privateFolder, readFully } from '../base/files.ts';
import {
  type CaptureAnswer,
  type CapturedFacts,
  type CaptureFailure,
  type CaptureRequest,
  type CheckRequest,
  type CountRequest,
  framesName,
  imageName,
  type MergeRequest,
} from './child-messages.ts';
import { settledLook, signatureOf } from './look.ts';
import type {
  CapturedDatabase,
  CapturedImage,
  CaptureOptions,
  CountOrder,
  DatabaseCapture,
  DatabaseCounts,
  NotADatabase,
} from './model.ts';

export type * from './model.ts';
export { looksLikeDatabase } from './sqlite-format.ts';
export { factsOf, openStableFile } from './stable-file.ts';

export interface CaptureSettings {
  /** A private folder on a disk with room for the largest database; one job at a time uses it. */
  readonly stagingFolder: string;
  /** The Node that runs the child. */
  readonly nodePath: string;
  readonly execArgv?: readonly string[];
  /** How long SQLite waits for the app's locks; default 5 s. */
  readonly busyTimeoutMs?: number;
  /** How long a read transaction may be held on the source before another way is taken; default 30 s. */
  readonly pinMs?: number;
  /** After this the capture of one database is given up; default 30 min. */
  readonly deadlineMs?: number;
  /** After this the messages of one database stay uncounted; default 10 s. */
  readonly countMs?: number;
  /** The child's program where it is not beside this file (a bundle). */
  readonly childFile?: string;
}

/** Removes what a killed run left in the staging folder; answers how many entries there were. */
export async function sweepStaging(stagingFolder: string): Promise<number> {
  await ensurePrivateFolder(stagingFolder);
  return await emptyFolder(stagingFolder);
}

/** The child is started by the first capture, and again after one that was cancelled. */
export function startDatabaseCapture(settings: CaptureSettings): DatabaseCapture {
  let child: CaptureChild | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let isStopped = false;

  async function captureNow(path: Uint8Array, options: CaptureOptions): Promise<CapturedDatabase | NotADatabase> {
    if (isStopped) throw new SignetError('E_CANCELLED', 'capture of a database asked for after the end of the run');
    options.signal?.throwIfAborted();
    await ensurePrivateFolder(settings.stagingFolder);
    const folder = join(settings.stagingFolder, toHex(randomBytes(12)));
    await mkdir(folder, { mode: privateFolder });
    try {
      await (await open(join(folder, imageName), 'wx', privateFile)).close();
      if (child === undefined || child.isGone) child = startChild(settings);
      const question = {
        path: asBuffer(path).toString('base64'),
        folder,
        fullCheck: options.fullCheck,
        busyTimeoutMs: settings.busyTimeoutMs ?? 5_000,
        pinMs: settings.pinMs ?? 30_000,
        delta: options.delta && { from: options.delta.from, maxPages: options.delta.maxPages },
        willCount: options.count !== undefined,
      };
      if (options.delta) child.handOver(options.delta.key);
      const answer = await child.ask(path, question, options.signal);
      if ('failed' in answer) throw failed(answer.failed, path);
      if (!('ok' in answer)) throw unreadable(path, 'io', 'the capture process answered another question');
      if (answer.ok.kind !== 'database') return answer.ok;
      const counts =
        options.count === undefined || answer.ok.pageSize === 0
          ? undefined
          : await count(
              child,
              answer.isHeld ? null : Buffer.from(join(folder, imageName)),
              options.count,
              options.signal,
            );
      return await openImages({ ...answer.ok, ...(counts && { counts }) }, folder);
    } finally {
      // The open handles keep the bytes; the names go.
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** A backup does not fail for a number: whatever goes wrong, the messages are not counted. */
  async function count(
    by: CaptureChild,
    path: Uint8Array | null,
    order: CountOrder,
    signal: AbortSignal | undefined,
  ): Promise<DatabaseCounts | undefined> {
    try {
      const question = { count: path && asBuffer(path).toString('base64'), order };
      const answer = await by.ask(path ?? new Uint8Array(), question, signal, settings.countMs ?? 10_000);
      return ('counted' in answer ? answer.counted : null) ?? undefined;
    } catch (error) {
      if (signal?.aborted) throw error;
      return undefined;
    }
  }

  return {
    capture(path, options) {
      const turn = queue.then(() => captureNow(path, options));
      queue = turn.catch(() => {});
      return turn.catch(error => {
        throw isStopped || options.signal?.aborted ? cancelled(error) : error;
      });
    },
    async check(path, { signal, isWhole = false } = {}) {
      signal?.throwIfAborted();
      if (child === undefined || child.isGone) child = startChild(settings);
      const answer = await child.ask(path, { check: asBuffer(path).toString('base64'), isWhole }, signal);
      if ('failed' in answer) throw failed(answer.failed, path);
      return 'checked' in answer ? answer.checked : 'unknown';
    },
    async count(path, order, { signal } = {}) {
      signal?.throwIfAborted();
      if (child === undefined || child.isGone) child = startChild(settings);
      return count(child, path, order, signal);
    },
    async merge(path, to, { signal } = {}) {
      signal?.throwIfAborted();
      if (child === undefined || child.isGone) child = startChild(settings);
      const question = { merge: asBuffer(path).toString('base64'), to: asBuffer(to).toString('base64') };
      const answer = await child.ask(path, question, signal);
      if ('failed' in answer) throw failed(answer.failed, path);
      return 'merged' in answer ? answer.merged : 'damaged';
    },
    async signature(path) {
      try {
        const look = await settledLook(path);
        return look.isFresh || !look.database.isFile ? undefined : signatureOf(look);
      } catch {
        return undefined; // whatever is wrong with the file, capturing it will say so
      }
    },
    async stop() {
      isStopped = true;
      await child?.stop();
      await queue;
    },
  };
}

async function openImages(
  facts: CapturedFacts & Pick<CapturedDatabase, 'counts'>,
  folder: string,
): Promise<CapturedDatabase> {
  const opened: CapturedImage[] = [];
  const openOne = async (name: string): Promise<CapturedImage> => {
    const image = await openImage(join(folder, name));
    opened.push(image);
    return image;
  };
  try {
    const image = await openOne(facts.delta?.kind === 'frames' ? framesName : imageName);
    const companions = [];
    for (const suffix of facts.companions) companions.push({ suffix, image: await openOne(`${imageName}${suffix}`) });
    return { ...facts, image, companions };
  } catch (error) {
    for (const image of opened) await image.close();
    throw error;
  }
}

async function openImage(path: string): Promise<CapturedImage> {
  const file: FileHandle = await open(path, 'r');
  const { size } = await file.stat();
  return {
    sizeBytes: size,
    read: (target, position) => readFully(file, target, position),
    close: () => file.close(),
  };
}

type Question =
  | Omit<CaptureRequest, 'id'>
  | Omit<CheckRequest, 'id'>
  | Omit<MergeRequest, 'id'>
  | Omit<CountRequest, 'id'>;

interface CaptureChild {
  readonly isGone: boolean;
  /** @param deadlineMs after which the child is ended; default that of the settings */
  ask(
    path: Uint8Array,
    question: Question,
    signal: AbortSignal | undefined,
    deadlineMs?: number,
  ): Promise<CaptureAnswer>;
  /** Gives the child the tag key of the request that is asked next. */
  handOver(key: Uint8Array): void;
  stop(): Promise<void>;
}

function startChild(settings: CaptureSettings): CaptureChild {
  const program = settings.childFile ?? fileURLToPath(new URL('./child.ts', import.meta.url));
  const process_: ChildProcess = spawn(
    settings.nodePath,
    [...(settings.execArgv ?? []), '--disable-sigusr1', '--no-warnings', '--max-semi-space-size=4', program],
    {
      stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced', // tags are bytes
      env: childEnvironment(settings.stagingFolder),
      windowsHide: true,
    },
  );
  // That the child is gone shows by its exit.
  process_.stdin?.on('error', () => {});
  let isGone = false;
  let nextId = 1;
  const ended = new Promise<string>(resolve => {
    const end = (reason: string) => {
      isGone = true;
      resolve(reason);
    };
    process_.once('error', error => end(error.message));
    process_.once('exit', (code, signal) => end(signal ?? `exit status ${code}`));
  });

  return {
    get isGone() {
      return isGone;
    },
    async ask(path, question, signal, deadlineMs = settings.deadlineMs ?? 30 * 60_000) {
      const request = { id: nextId++, ...question };
      const { promise, resolve, reject } = Promise.withResolvers<CaptureAnswer>();
      const onMessage = (message: unknown) => {
        if (isAnswer(message) && message.id === request.id) resolve(message);
      };
      // The child may be deep in a synchronous read: ending it is the one prompt way to stop.
      let isKilled = false;
      const kill = () => {
        isKilled = true;
        process_.kill('SIGKILL');
      };
      signal?.throwIfAborted();
      const timer = setTimeout(kill, deadlineMs);
      process_.on('message', onMessage);
      signal?.addEventListener('abort', kill, { once: true });
      void ended.then(how => {
        const why = isKilled ? `it took longer than ${deadlineMs} ms` : `the capture process ended (${how})`;
        reject(signal?.aborted ? cancelled(signal.reason) : unreadable(path, 'io', why));
      });
      try {
        if (!isGone) process_.send(request, error => error && kill());
        return await promise;
      } finally {
        clearTimeout(timer);
        process_.off('message', onMessage);
        signal?.removeEventListener('abort', kill);
        // Wait until it is gone, or it could still be writing into the folder that is removed next.
        if (isKilled) await ended;
      }
    },
    handOver(key) {
      const copy = key.slice();
      process_.stdin?.write(copy, () => copy.fill(0));
    },
    async stop() {
      if (!isGone) process_.kill('SIGKILL');
      await ended;
    },
  };
}

/** Nothing is inherited but what a process needs to run at all: no NODE_OPTIONS, no tokens of the user's shell. */
function childEnvironment(stagingFolder: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { SQLITE_TMPDIR: stagingFolder, TMPDIR: stagingFolder };
  for (const name of ['SystemRoot', 'SYSTEMROOT', 'ELECTRON_RUN_AS_NODE', 'LD_LIBRARY_PATH', 'NODE_COMPILE_CACHE']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

function isAnswer(message: unknown): message is CaptureAnswer {
  return (
    typeof message === 'object' &&
    message !== null &&
    'id' in message &&
    ['ok', 'checked', 'merged', 'counted', 'failed'].some(kind => kind in message)
  );
}

function failed({ reason, message }: CaptureFailure, path: Uint8Array): SignetError {
  if (reason === 'disk-full') {
    return new SignetError('E_DISK_FULL', `no room to stage a copy of the database ${textOf(path)}`);
  }
  return unreadable(path, reason, message);
}

function unreadable(path: Uint8Array, reason: 'permission' | 'vanished' | 'io', message: string): SignetError {
  return new SignetError('E_SOURCE_UNREADABLE', `capture of a database failed: ${message}`, {
    params: { reason, path: textOf(path) },
    retryable: reason === 'io',
  });
}

function cancelled(cause: unknown): SignetError {
  if (cause instanceof SignetError) return cause;
  return new SignetError('E_CANCELLED', 'capture of a database was stopped', { cause });
}

function textOf(path: Uint8Array): string {
  return asBuffer(path).toString('utf8');
}
