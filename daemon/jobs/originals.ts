// Restores into original places, and takes them back. Everything is staged and proven by the engine first; a journal of what is going to be
// moved is written; only then do files change places, by renames alone. A failure on the way is taken back at once, a crash is known at the
// next start and taken back on request, or by restoring again. One job at a time is the queue's rule: no backup sees the middle of it.

import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Notice, OriginalRestoreResult, RestoreUndo } from '../../protocol/status.ts';
import {
  type PlaceEntry,
  putInPlace,
  removeStaging,
  settleEntries,
  syncBeside,
  undoPlacing,
  undoSteps,
} from '../archive/into-place.ts';
import { stagingOf } from '../archive/restore.ts';
import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { SignetError, systemCode, toSignetError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { OpenFilesProbe } from '../platform/platform.ts';
import type { Settings, SourceSetting } from '../state/model.ts';
import type { State } from '../state/state.ts';
import { putBackName } from './backups.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import type { Engine } from './engine.ts';
import * as engine from './engine-messages.ts';
import type { JobCall, JobQueue } from './job-queue.ts';
import { physical } from './places.ts';
import { type PutBack, type RestoreRecords, undoOf } from './restore-records.ts';

export interface OriginalsOptions {
  readonly engine: Pick<Engine, 'ask'>;
  readonly state: Pick<State, 'facts'>;
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly log: Log;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly openFiles: OpenFilesProbe;
  readonly settings: () => Settings;
  readonly records: RestoreRecords;
  /** @throws E_NOT_SET_UP · E_VAULT_LOCKED */
  readonly ready: () => Promise<unknown>;
  /** @throws E_VAULT_LOCKED */
  readonly assertUnlocked: () => void;
  readonly onChanged: () => void;
}

export interface OriginalOrder {
  readonly snapshot: string;
  readonly source: string;
  readonly include: readonly string[];
  readonly dryRun: boolean;
}

const finishing = { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0, bytesUploaded: 0, item: '' } as const;

export class Originals {
  readonly #options: OriginalsOptions;
  #unfinished: readonly PutBack[] = [];

  constructor(options: OriginalsOptions) {
    this.#options = options;
  }

  /** Restores that broke off in the middle, as of the last look. */
  get unfinished(): readonly Pick<PutBack, 'source'>[] {
    return this.#unfinished;
  }

  get notices(): readonly Notice[] {
    return this.#unfinished.map(({ id, at, source, label }) => ({
      id: `half-restored ${id}`,
      kind: 'half-restored',
      since: at,
      source,
      params: { app: label },
    }));
  }

  /** At the start, and whenever something was put back or undone. */
  async look(): Promise<void> {
    const all = [...(await this.#options.records.putBacks()).values()];
    this.#unfinished = all.filter(({ step }) => step !== undefined);
    if (this.#unfinished.length > 0) {
      this.#options.log.warn('a restore into an original place is unfinished', { count: this.#unfinished.length });
    }
    this.#options.onChanged();
  }

  /** @throws E_NOT_FOUND · E_SOURCE_UNREADABLE · E_APP_OPEN · E_USAGE · E_DISK_FULL · E_CANCELLED: all as it was before, then */
  async restore(order: OriginalOrder, call: JobCall): Promise<OriginalRestoreResult> {
    await this.#options.ready();
    return this.#run(call, async (signal, onProgress) => {
      this.#options.assertUnlocked(); // it may have been locked while others had their turn
      const source = this.#source(order.source);
      const root = await originalRoot(source);
      if (!order.dryRun) {
        await this.assertClosed(root, source.label);
        await this.#takeBackUnfinished(root);
      }
      const mark = toHex(this.#options.randomBytes(6));
      const target = stagingOf(root, mark);
      const { records } = this.#options;
      const staging = order.dryRun ? [] : [target, stagingOf(target, mark)];
      return records.staging(mark, staging, async handOver => {
        const staged = await this.#options.engine.ask(
          engine.stage,
          { ...order, root, target, mark },
          { signal, onProgress },
        );
        if (order.dryRun) return resultOf(order, root, staged, staged.entries);
        const entries = await settleEntries(staged.entries, { root, from: join(target, source.id) });
        if (entries.length === 0 && staged.folders.length === 0) return resultOf(order, root, staged, []);
        await this.assertClosed(root, source.label, pathsOf(root, entries));
        signal.throwIfAborted();
        onProgress({ ...finishing, phase: 'finishing' });
        const name = `put-back-${mark}`;
        const putBack: PutBack = {
          v: 1,
          kind: 'put-back',
          id: mark,
          number: await records.nextNumber(),
          at: this.#now(),
          source: source.id,
          label: source.label,
          root,
          kept: await this.#freeKept(root),
          entries,
          made: staged.folders,
          gone: [],
          step: { kind: 'placing', staging: target, from: join(target, source.id) },
        };
        await records.save(name, putBack);
        await handOver();
        const { step, ...done } = putBack;
        await this.#place(name, putBack, target);
        await removeStaging(target); // only folders are left in it; noted as long as it is there
        await records.save(name, done);
        if (staged.databases.length > 0 || entries.some(isOlder)) this.#changed(source.id);
        this.#options.log.info('files put back into their place', { count: entries.length });
        const isKept = entries.some(({ kind }) => kind !== 'comes-back');
        return { ...resultOf(order, root, staged, entries), ...(isKept && { kept: putBack.kept }) };
      });
    });
  }

  /** Newest first; without those whose kept files somebody took away. */
  async list(): Promise<readonly RestoreUndo[]> {
    return (await this.#undoable()).map(([, record]) => undoOf(record));
  }

  /** Serves while locked, and carries on an undo that broke off. @throws E_NOT_FOUND · E_APP_OPEN */
  async undo(id: string | undefined, call: JobCall): Promise<RestoreUndo> {
    return this.#run(call, async (signal, onProgress) => {
      const [name, record] = (await this.#undoable()).find(([, each]) => id === undefined || each.id === id) ?? [];
      if (name === undefined || record === undefined) {
        throw new SignetError('E_NOT_FOUND', 'no such restore can be undone', { params: { kind: 'undo' } });
      }
      await this.assertClosed(record.root, record.label, pathsOf(record.root, record.entries));
      signal.throwIfAborted();
      onProgress({ ...finishing, phase: 'finishing' });
      return undoOf(await this.#undo(name, record));
    });
  }

  async #run<Result>(
    call: JobCall,
    work: (signal: AbortSignal, onProgress: (step: engine.EngineProgress) => void) => Promise<Result>,
  ): Promise<Result> {
    return this.#options.queue.run('restore', call, async (signal, onProgress) => {
      try {
        return await work(signal, onProgress);
      } finally {
        await this.look();
      }
    });
  }

  async #place(name: string, record: PutBack, staging: string): Promise<void> {
    const { root, kept, entries, made } = record;
    const from = join(staging, record.source);
    try {
      await putInPlace(entries, made, { root, from, to: kept });
      await syncBeside(root);
    } catch (error) {
      this.#options.log.warn('putting files back failed, what was done is taken back', {
        code: toSignetError(error).code,
      });
      await this.#takeBack(name, record, staging).catch(thrown =>
        // The journal stands: it is told as unfinished. What began it is the error to tell.
        this.#options.log.warn('what was done could not be taken back', { code: toSignetError(thrown).code }),
      );
      const isHeld = process.platform === 'win32' && ['EBUSY', 'EPERM', 'EACCES'].includes(systemCode(error) ?? '');
      throw isHeld ? appOpen(record.label, error) : error;
    }
  }

  /** All of it, at once: what was staged goes back to where it was staged, and away. */
  async #takeBack(name: string, record: PutBack, staging: string): Promise<void> {
    const { root, kept, entries } = record;
    const from = join(staging, record.source);
    const steps = await undoSteps(entries, { root, kept, staged: from });
    const { renamed } = await undoPlacing(steps, record, { root, from: kept, to: from });
    if (renamed === 0) await removeStaging(staging);
    await this.#options.records.remove(name);
  }

  async #undo(name: string, record: PutBack): Promise<PutBack> {
    const { records, randomBytes } = this.#options;
    const { root, kept, entries, isUndo, step, ...rest } = record;
    const undoing =
      step?.kind === 'undoing'
        ? step
        : {
            kind: 'undoing' as const,
            steps: await undoSteps(entries, { root, kept, staged: step?.from }),
            keptNow: await this.#freeKept(root),
            ...(step !== undefined && { staging: step.staging }),
          };
    await records.save(name, { ...record, step: undoing });
    const undone = await undoPlacing(undoing.steps, record, { root, from: kept, to: undoing.keptNow });
    await syncBeside(root);
    const next: PutBack = {
      ...rest,
      root,
      id: toHex(randomBytes(6)),
      number: await records.nextNumber(),
      at: this.#now(),
      kept: undoing.keptNow,
      entries: undone.entries,
      made: undone.made,
      gone: undone.gone,
      ...(!isUndo && { isUndo: true }),
    };
    if (undoing.staging !== undefined) await removeStaging(undoing.staging);
    if (next.entries.length + next.made.length + next.gone.length > 0) await records.save(name, next);
    else await records.remove(name);
    this.#changed(next.source);
    this.#options.log.info('a restore was undone', { count: next.entries.length });
    return next;
  }

  /** Whoever restores again where a restore broke off begins from the state before it. */
  async #takeBackUnfinished(root: string): Promise<void> {
    for (const [name, record] of await this.#options.records.putBacks()) {
      if (record.step !== undefined && record.root === root) await this.#undo(name, record);
    }
  }

  async #undoable(): Promise<readonly (readonly [string, PutBack])[]> {
    const found: (readonly [string, PutBack])[] = [];
    for (const [name, record] of await this.#options.records.putBacks()) {
      const needsKept = record.step === undefined && record.entries.some(({ kind }) => kind !== 'comes-back');
      if (!needsKept || (await isFolder(record.kept))) found.push([name, record]);
    }
    return found.sort(([, a], [, b]) => b.number - a.number);
  }

  #source(id: string): SourceSetting {
    const source = this.#options.settings().sources.find(each => each.id === id);
    if (source !== undefined) return source;
    throw new SignetError('E_NOT_FOUND', `source ${id} is not set up here`, { params: { what: id } });
  }

  /**
   * @param files to be replaced, where those are known
   * @throws E_APP_OPEN
   */
  async assertClosed(root: string, label: string, files: readonly string[] = []): Promise<void> {
    if (await this.#options.openFiles({ root, files })) throw appOpen(label);
  }

  /** The owner asked for older files: that there is less of something now is no loss to be held back for. */
  #changed(source: string): void {
    this.#options.state.facts.set(putBackName(source), this.#now());
  }

  /** Beside the source, as everything that a rename is to reach. */
  async #freeKept(root: string): Promise<string> {
    const stamp = this.#now().replace(/[-:]|\.\d+/g, '');
    for (let number = 1; ; number++) {
      const path = `${root}.signet-before-${stamp}${number === 1 ? '' : `-${number}`}`;
      if (!(await isThere(path))) return path;
    }
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }
}

function isOlder({ kind }: PlaceEntry): boolean {
  return kind !== 'comes-back';
}

function resultOf(
  { source, dryRun }: OriginalOrder,
  root: string,
  staged: engine.Staged,
  entries: readonly PlaceEntry[],
): OriginalRestoreResult {
  const counts = { 'comes-back': 0, replaced: 0, 'moved-away': 0 };
  for (const { kind } of entries) counts[kind] += 1;
  const changed = entries.flatMap(({ path, kind: change }) =>
    change === 'moved-away' ? [] : [{ path: `${source}/${path}`, change }],
  );
  const changes = bounded(changed, inAnswer, ({ change }) => change === 'replaced');
  const databases = bounded(staged.databases, inAnswer, ({ check }) => check !== 'ok' && check !== 'opaque');
  const skipped = bounded(staged.skipped, inAnswer, ({ code }) => code !== undefined);
  return {
    type: 'result',
    snapshot: staged.snapshot,
    source,
    root,
    comesBack: counts['comes-back'],
    replaced: counts.replaced,
    same: staged.same,
    untouched: staged.untouched,
    bytes: staged.bytes,
    changes: changes.listed,
    databases: databases.listed,
    skipped: skipped.listed,
    ...moreOf({ changes: changes.more, databases: databases.more, skipped: skipped.more }),
    dryRun,
  };
}

/** The folder itself, without links on the way. @throws E_SOURCE_UNREADABLE · E_USAGE */
async function originalRoot({ root, label }: SourceSetting): Promise<string> {
  const path = await physical(root);
  if (!(await isFolder(path))) {
    throw new SignetError('E_SOURCE_UNREADABLE', 'the folder to put files back into is not there', {
      params: { label, path, reason: 'missing' },
    });
  }
  if ((await lstat(path)).dev !== (await lstat(dirname(path))).dev || dirname(path) === path) {
    throw new SignetError('E_USAGE', 'the source is a file system of its own', {
      params: { detail: `${path} is a disk of its own, with no room beside it: restore to a new folder`, path },
    });
  }
  return path;
}

function pathsOf(root: string, entries: readonly PlaceEntry[]): readonly string[] {
  return entries.map(({ path }) => join(root, path));
}

function appOpen(app: string, cause?: unknown): SignetError {
  return new SignetError('E_APP_OPEN', 'a program has files of the source open', { params: { app }, cause });
}

async function isFolder(path: string): Promise<boolean> {
  return (await statOf(path))?.isDirectory() ?? false;
}

async function isThere(path: string): Promise<boolean> {
  return (await statOf(path)) !== undefined;
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
