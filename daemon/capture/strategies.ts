// The ladder: which way a database is captured, from the most to the least certain. Runs in the capture child.
// Files and neighbours are looked at before SQLite touches anything, because opening a database destroys a neighbour that
// only looks like its log; and everything is opened read-only, so the source is never checkpointed or rolled back.

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { utf8 } from '../base/bytes.ts';
import { systemCode } from '../base/errors.ts';
import { type CapturedFacts, type CaptureOutcome, imageName } from './child-messages.ts';
import { countImage } from './count.ts';
import { applyOverlay, CopyAbandoned, copyBytes, StagingFailed, stagedImage, writeImage } from './image.ts';
import { type Look, lookAt, neighbour, readFlags, sameFile, sameLook, settledLook, signatureOf } from './look.ts';
import type { CaptureStrategy, CountOrder, DatabaseCounts, DeltaOrder, LogPosition } from './model.ts';
import { type PinOptions, takePin } from './pinned.ts';
import { checkImage } from './quick-check.ts';
import { hasWalMagic, journalState, looksLikeDatabase, parseDatabaseHeader, sameBytes } from './sqlite-format.ts';
import { type CaptureTarget, captureTarget } from './target.ts';
import { readOverlay } from './wal.ts';

export interface LadderOptions extends PinOptions {
  /** Holds an empty file `image`. */
  readonly folder: string;
  readonly fullCheck: boolean;
  readonly delta?: DeltaOrder | undefined;
  /** Takes over the source as it was captured, when no image of it is staged: it must be released soon. */
  readonly hold?: ((source: HeldSource) => void) | undefined;
}

/** A source that is as it was captured, or that says so when it no longer is. */
export interface HeldSource {
  /** Undefined, too, when it did not hold still. */
  count(order: CountOrder): DatabaseCounts | undefined;
  release(): void;
}

interface Run {
  readonly target: CaptureTarget;
  readonly options: LadderOptions;
}

/** Back-off between the tries of a fence; an insert each 20 ms lets about four of ten tries through without any (measured). */
const fenceWaitsMs = [0, 10, 20, 40, 80, 160];

/** SQLite's primary result codes that are told apart here. */
const busy = 5;
const notADatabase = 26;
const readonlyRollback = 776;

interface Copied {
  readonly strategy: CaptureStrategy;
  /** The copy may be torn. */
  readonly isTorn?: boolean;
  readonly position?: LogPosition | undefined;
}

/** @throws the system error of the source · StagingFailed */
export async function captureDatabase(path: Buffer, options: LadderOptions): Promise<CaptureOutcome> {
  const look = await settledLook(path);
  const { database, wal, journal } = look;
  if (!database.isFile) return { kind: 'not-a-database', reason: 'no-magic' };
  if (database.sizeBytes === 0) return { kind: 'not-a-database', reason: 'empty' };
  const isLog = wal !== undefined && hasWalMagic(wal.head);
  if (!looksLikeDatabase(database.head)) {
    return isLog ? await captureOpaque(path, look, options) : { kind: 'not-a-database', reason: 'no-magic' };
  }
  if ((wal && !isLog) || journalState(journal?.head ?? new Uint8Array()) === 'foreign') {
    return { kind: 'not-a-database', reason: 'foreign-wal' };
  }
  const header = parseDatabaseHeader(database.head);
  if (header === undefined) return await captureOpaque(path, look, options);

  const run = { target: captureTarget(options), options };
  const copied = header.isWal || isLog ? await copyWal(path, look, run) : await copyRollback(path, look, run);
  if (copied === 'opaque') return await captureOpaque(path, await settledLook(path), options);
  return describe(copied, signatureOf(look), run);
}

async function copyWal(path: Buffer, look: Look, run: Run): Promise<Copied | 'opaque'> {
  if (look.wal === undefined && (await copyBetweenLooks(path, look, run, closedFence))) {
    return { strategy: 'immutable' };
  }
  try {
    return await copyPinned(path, run);
  } catch (error) {
    if (error instanceof StagingFailed) throw error;
    if (sqliteCode(error) === notADatabase) return 'opaque';
    if (sqliteCode(error) === undefined && !(error instanceof CopyAbandoned) && !isUnreachable(error)) throw error;
  }
  if (await copyBehindSaltFence(path, run)) return { strategy: 'salt-fence' };
  return await copyAnyhow(path, run);
}

async function copyRollback(path: Buffer, look: Look, run: Run): Promise<Copied | 'opaque'> {
  if (await copyBetweenLooks(path, look, run, counterFence)) return { strategy: 'counter-fence' };
  try {
    return await copyPinned(path, run);
  } catch (error) {
    if (error instanceof StagingFailed) throw error;
    const code = sqliteCode(error);
    if (code === notADatabase) return 'opaque';
    if (code === undefined && !(error instanceof CopyAbandoned) && !isUnreachable(error)) throw error;
    if (code !== undefined && (code & 0xff) === busy) return await copyAnyhow(path, run);
    if (code === readonlyRollback || lookAt(path).journal) {
      if (await copyAndRollBack(path, run)) return { strategy: 'copy' };
    }
  }
  return await copyAnyhow(path, run);
}

async function copyPinned(path: Buffer, { target, options }: Run): Promise<Copied> {
  const pin = takePin(path, options);
  let isHeld = false;
  try {
    const strategy = await pin.copyTo(target);
    if (strategy === 'pinned' && options.hold && !target.isStaged) {
      options.hold(pin);
      isHeld = true;
    }
    return { strategy, position: strategy === 'pinned' ? pin.position : undefined };
  } finally {
    if (!isHeld) pin.release();
  }
}

/** A copy without locks is good when the looks before and after it agree. */
interface Fence {
  /** Times alone must tell a change, so the first look has to be old enough that a change cannot carry the same time. */
  readonly needsSettledLook: boolean;
  holds(before: Look, after: Look): boolean;
}

/** No log came into being and nothing moved: the main file was whole by itself all the time. */
const closedFence: Fence = {
  needsSettledLook: true,
  holds: (before, after) => before.wal === undefined && sameLook(before, after),
};

/** No journal that could be rolled back at either end, and size, time and change counter stood still: every commit moves the counter. */
const counterFence: Fence = {
  needsSettledLook: false,
  holds: (before, after) => isQuiet(before) && isQuiet(after) && sameFile(before.database, after.database),
};

function isQuiet({ wal, journal }: Look): boolean {
  return wal === undefined && journalState(journal?.head ?? new Uint8Array()) === 'none';
}

async function copyBetweenLooks(path: Buffer, first: Look, { target, options }: Run, fence: Fence): Promise<boolean> {
  let before = first;
  for (const waitMs of fenceWaitsMs) {
    if (waitMs > 0) {
      await wait(waitMs);
      before = fence.needsSettledLook ? await settledLook(path) : lookAt(path);
    }
    if (before.wal !== undefined) return false; // the main file alone is not all any more
    if ((fence.needsSettledLook && before.isFresh) || !fence.holds(before, before)) continue;
    const header = parseDatabaseHeader(before.database.head);
    if (header === undefined) return false;
    const onWindow = () => {
      if (!fence.holds(before, lookAt(path))) throw new CopyAbandoned('the database changed while it was copied');
    };
    try {
      reading(path, from => {
        const { sizeBytes } = before.database;
        target.write({ from, pageSize: header.pageSize, sizeBytes, onWindow });
      });
      onWindow();
      if (!target.isStaged) options.hold?.(behindFence(path, before, fence));
      return true;
    } catch (error) {
      if (!(error instanceof CopyAbandoned)) throw error;
    }
  }
  return false;
}

/** Counts without locks, as it was copied, and believes it when nothing moved meanwhile. */
function behindFence(path: Buffer, before: Look, fence: Fence): HeldSource {
  return {
    count(order) {
      const counts = countImage(path, order);
      return fence.holds(before, lookAt(path)) ? counts : undefined;
    },
    release: () => {},
  };
}

/**
 * Salt fence: main file first, then the log, and the log's header unchanged around both. While its salts stand, every page
 * that a checkpoint writes is still in the log, so laying the log over the copy mends whatever was read half-written.
 */
async function copyBehindSaltFence(path: Buffer, { target }: Run): Promise<boolean> {
  for (const waitMs of fenceWaitsMs) {
    await wait(waitMs);
    const before = await settledLook(path);
    copyFolded(path, before, target.staging());
    const after = lookAt(path);
    const held = before.wal
      ? after.wal && sameBytes(before.wal.head, after.wal.head)
      : sameLook(before, after) && !before.isFresh;
    if (held && before.database.inode === after.database.inode) return true;
  }
  return false;
}

function copyFolded(path: Buffer, look: Look, image: string): void {
  const pageSize = parseDatabaseHeader(look.database.head)?.pageSize ?? 512;
  reading(path, from => writeImage({ from, pageSize, sizeBytes: look.database.sizeBytes }, [stagedImage(image)]));
  try {
    reading(neighbour(path, '-wal'), log => {
      const overlay = readOverlay(log);
      if (overlay) applyOverlay(image, log, overlay);
    });
  } catch (error) {
    // Gone or cut short: the fence around this sees it and tries again.
    if (systemCode(error) !== 'ENOENT' && !(error instanceof CopyAbandoned)) throw error;
  }
}

/** A hot journal (its app died): both files are copied and SQLite rolls the copy back; the source stays as it is. */
async function copyAndRollBack(path: Buffer, { target }: Run): Promise<boolean> {
  const image = target.staging();
  for (const waitMs of fenceWaitsMs) {
    await wait(waitMs);
    const before = await settledLook(path);
    if (before.isFresh) continue;
    copyWhole(path, image, before.database.sizeBytes);
    if (before.journal) copyWhole(neighbour(path, '-journal'), `${image}-journal`, before.journal.sizeBytes);
    if (!sameLook(before, lookAt(path))) continue;
    const copy = new DatabaseSync(image, { allowExtension: false });
    try {
      copy.prepare('PRAGMA schema_version').get();
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error;
      return false;
    } finally {
      copy.close();
    }
    return true;
  }
  return false;
}

/** The last resort for a database that never holds still: kept, and said to be unverified. */
async function copyAnyhow(path: Buffer, { target }: Run): Promise<Copied> {
  copyFolded(path, await settledLook(path), target.staging());
  return { strategy: 'copy', isTorn: true };
}

/** Not readable as SQLite (encrypted, damaged header): the file and its log or journal, as one consistent whole. */
export async function captureOpaque(path: Buffer, first: Look, options: LadderOptions): Promise<CaptureOutcome> {
  let before = first;
  for (const waitMs of fenceWaitsMs) {
    if (waitMs > 0) {
      await wait(waitMs);
      before = await settledLook(path);
    }
    const companions = copyOpaque(path, before, options);
    if (isHeld(before, lookAt(path))) return opaque(before, companions, 'opaque');
  }
  before = await settledLook(path);
  return opaque(before, copyOpaque(path, before, options), 'busy');
}

/** While the log's salts stand the pair is good, however much was appended or checkpointed; without a log nothing may move. */
function isHeld(before: Look, after: Look): boolean {
  if (before.wal === undefined) return sameLook(before, after) && !before.isFresh;
  return (
    after.wal !== undefined &&
    sameBytes(before.wal.head, after.wal.head) &&
    before.database.inode === after.database.inode &&
    sameFile(before.journal, after.journal)
  );
}

function copyOpaque(path: Buffer, look: Look, options: LadderOptions): ('-wal' | '-journal')[] {
  copyWhole(path, imageOf(options), look.database.sizeBytes);
  const companions: ('-wal' | '-journal')[] = [];
  for (const suffix of ['-wal', '-journal'] as const) {
    try {
      // The log's present length, not the one seen: frames appended since are what mends pages checkpointed since.
      const bytes = copyWhole(neighbour(path, suffix), `${imageOf(options)}${suffix}`, Number.MAX_SAFE_INTEGER);
      if (bytes > 0) companions.push(suffix);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
  return companions;
}

function opaque(look: Look, companions: ('-wal' | '-journal')[], reason: 'opaque' | 'busy'): CapturedFacts {
  return {
    kind: 'database',
    strategy: reason === 'busy' ? 'copy' : 'salt-fence',
    checked: 'none',
    reason,
    pageSize: 0,
    pageCount: 0,
    folded: ['-shm'],
    companions,
    signature: signatureOf(look),
  };
}

function describe({ strategy, isTorn, position }: Copied, signature: string, { target, options }: Run): CapturedFacts {
  const { pageSize, sizeBytes, delta } = target.settle();
  const base = {
    kind: 'database',
    strategy,
    pageSize,
    pageCount: pageSize === 0 ? 0 : Math.floor(sizeBytes / pageSize),
    folded: ['-wal', '-journal', '-shm'],
    companions: [],
    signature,
    ...(delta && { delta: { ...delta, ...(position && { position }) } }),
  } as const;
  const found = options.fullCheck ? checkImage(utf8(imageOf(options))) : 'unknown';
  if (found === 'damaged') return { ...base, checked: 'none', reason: isTorn ? 'busy' : 'damaged' };
  if (isTorn) return { ...base, checked: 'none', reason: 'busy' };
  return { ...base, checked: found === 'ok' ? 'full' : 'pages' };
}

function copyWhole(path: Buffer, to: string, sizeBytes: number): number {
  let bytes = 0;
  reading(path, from => {
    bytes = copyBytes(from, to, sizeBytes);
  });
  return bytes;
}

function reading(path: Buffer, read: (fd: number) => void): void {
  const fd = openSync(path, readFlags);
  try {
    read(fd);
  } finally {
    closeSync(fd);
  }
}

function imageOf(options: LadderOptions): string {
  return join(options.folder, imageName);
}

/** SQLite's extended result code of an error thrown by node:sqlite. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** -shm or -wal went or cannot be opened: another way is open. */
function isUnreachable(error: unknown): boolean {
  return ['ENOENT', 'EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '');
}
