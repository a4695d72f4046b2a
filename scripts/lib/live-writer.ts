// A chat app at work, for tests, scripts/try and the benchmark: a process of its own that opens msgstore.db as the app would and
// commits one message at a time. It reports what is committed as JSON lines on standard output, and stops when its input ends.
//
//     node scripts/lib/live-writer.ts <WhatsApp folder> [--count n] [--every ms] [--photo-every n] [--killed] [--seed s]

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait, setImmediate as yieldOnce } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openApp, putMedia } from './chat-generator.ts';
import { seeded } from './seeded.ts';

export interface LiveWriterOptions {
  /** The WhatsApp folder, as generateWhatsApp made it. */
  readonly folder: string;
  /** Messages after which it stops by itself; without, when told to. */
  readonly count?: number;
  /** Milliseconds between two messages; 0 is flat out. Default 20. */
  readonly everyMs?: number;
  /** Each so manieth message brings a photo file; 0: none. */
  readonly photoEvery?: number;
  /** It ends as a killed app does: nothing is checkpointed, the log stays. Else the database is closed properly. */
  readonly killed?: boolean;
  /** Draws the messages; a different one for each writer on a database. */
  readonly seed?: string;
}

/** What a writer says after each commit, and when it starts. */
export interface LiveReport {
  /** Messages this writer has committed. */
  readonly committed: number;
  readonly photos: number;
  /** Commits that found the database locked. */
  readonly locked: number;
}

export interface LiveWriter {
  readonly report: LiveReport;
  /** Resolves when at least so many are committed; rejects when it ended before. */
  committed(count: number): Promise<void>;
  /** Tells it to stop, and resolves with its last report when it is gone. */
  stop(): Promise<LiveReport>;
}

/** Resolves when the database is open. */
export async function startLiveWriter(options: LiveWriterOptions): Promise<LiveWriter> {
  const { folder, count, everyMs = 20, photoEvery = 0, killed = false, seed } = options;
  const args = ['--no-warnings', fileURLToPath(import.meta.url), folder, '--every', String(everyMs)];
  if (count !== undefined) args.push('--count', String(count));
  if (photoEvery > 0) args.push('--photo-every', String(photoEvery));
  if (killed) args.push('--killed');
  if (seed !== undefined) args.push('--seed', seed);
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return await follow(child);
}

async function follow(child: ChildProcess): Promise<LiveWriter> {
  if (child.stdin === null || child.stdout === null) throw new Error('the live writer has no pipes');
  const { stdin, stdout } = child;
  let report: LiveReport | undefined;
  let waiting: { readonly count: number; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const lines = createInterface({ input: stdout });
  // The last line may come after the exit: what counts is the end of the output.
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
  lines.on('line', line => {
    const heard: LiveReport = JSON.parse(line);
    report = heard;
    for (const each of waiting) if (heard.committed >= each.count) each.resolve();
    waiting = waiting.filter(each => heard.committed < each.count);
  });
  stdin.on('error', () => {}); // it may be gone before it is told to stop
  let hasEnded = false;
  const tooFew = () => new Error(`the live writer ended after ${report?.committed ?? 0} messages`);
  void ended.then(() => {
    hasEnded = true;
    for (const each of waiting) each.reject(tooFew());
  });
  const until = (count: number): Promise<void> => {
    if ((report?.committed ?? -1) >= count) return Promise.resolve();
    if (hasEnded) return Promise.reject(tooFew());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ count, resolve, reject });
    return promise;
  };
  await until(0);
  return {
    get report() {
      return report ?? nothing;
    },
    committed: until,
    async stop() {
      stdin.end();
      await ended;
      return report ?? nothing;
    },
  };
}

const nothing: LiveReport = { committed: 0, photos: 0, locked: 0 };

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: 'string' },
      every: { type: 'string', default: '20' },
      'photo-every': { type: 'string', default: '0' },
      killed: { type: 'boolean', default: false },
      seed: { type: 'string', default: String(process.pid) },
    },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new Error('which folder?');
  const limit = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
  const everyMs = Number(values.every);
  const photoEvery = Number(values['photo-every']);

  // As Android opens it: write-ahead log, NORMAL, SQLite's own automatic checkpoints, no patience with locks.
  const database = new DatabaseSync(join(folder, 'Databases', 'msgstore.db'), { timeout: 0 });
  database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL');
  const random = seeded(`live ${values.seed}`);
  const app = openApp(database, random);
  const stopping = new AbortController();
  process.stdin.resume().once('end', () => stopping.abort());

  let report = nothing;
  say(report);
  while (!stopping.signal.aborted && report.committed < limit) {
    const next = report.committed + 1;
    const brings = photoEvery > 0 && next % photoEvery === 0;
    try {
      const at = Date.now();
      const media = brings
        ? putMedia(folder, random, { kind: 'image', at, n: next, sizeBytes: 120_000 + random.below(200_000) })
        : undefined;
      app.send({ at, media });
      report = { ...report, committed: next, photos: report.photos + (brings ? 1 : 0) };
    } catch (error) {
      if (!isLocked(error)) throw error;
      report = { ...report, locked: report.locked + 1 };
    }
    say(report);
    await pauseFor(everyMs, stopping.signal);
  }
  if (values.killed) process.kill(process.pid, 'SIGKILL');
  database.close();
  process.stdin.destroy();
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0) return await yieldOnce();
  await wait(ms, undefined, { signal }).catch(() => {}); // stopped while waiting
}

/** Synchronous, so that what was said is true of the database at that moment; ends quietly when nobody listens any more. */
function say(report: LiveReport): void {
  try {
    writeSync(1, `${JSON.stringify(report)}\n`);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) process.exit(0);
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

if (import.meta.main) await run();
