// Making an image: the main file's bytes, pages of the log laid over them, the lock-byte page as zeros. Where it goes is up to the sinks:
// the staged file, the delta scan, or both in one pass.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { SignetError } from '../base/errors.ts';
import { readAt } from './look.ts';
import { lockBytePage } from './sqlite-format.ts';
import { emptyOverlay, type Overlay } from './wal.ts';

/** A multiple of every page size. */
const windowBytes = 4 * 2 ** 20;
const zeros = new Uint8Array(64 * 1024);

/** Why a copy was given up; the ladder in strategies.ts goes on from there. */
export class CopyAbandoned extends Error {}

/** The staging disk refused a write: no other strategy would fare better. */
export class StagingFailed extends Error {}

export interface CopyPlan {
  readonly from: number;
  readonly pageSize: number;
  /** Length of the image; the source may be shorter where the log holds the rest. */
  readonly sizeBytes: number;
  readonly log?: { readonly fd: number; readonly overlay: Overlay } | undefined;
  /** Called before each window; throws CopyAbandoned when going on is useless. */
  readonly onWindow?: (() => void) | undefined;
}

/** Takes an image part by part, in order and without a gap. */
export interface ImageSink {
  /** Whatever was taken before is void. */
  begin(pageSize: number, sizeBytes: number): void;
  /** Whole pages but for a torn last one; the bytes are the sink's only until it returns. */
  take(part: Uint8Array, position: number): void;
  end(): void;
  /** Frees what `begin` took, also after a failure; may be called twice. */
  close(): void;
}

/** @throws CopyAbandoned · StagingFailed · the system error of a failed read · what a sink throws */
export function writeImage(plan: CopyPlan, sinks: readonly ImageSink[]): void {
  const { from, pageSize, sizeBytes } = plan;
  const overlay = plan.log?.overlay ?? emptyOverlay;
  const window = new Uint8Array(Math.min(windowBytes, Math.max(sizeBytes, pageSize)));
  const sortedPages = [...overlay.pages.keys()].sort((a, b) => a - b);
  let next = 0;
  try {
    for (const sink of sinks) sink.begin(pageSize, sizeBytes);
    for (let position = 0; position < sizeBytes; position += window.length) {
      plan.onWindow?.();
      const part = window.subarray(0, Math.min(window.length, sizeBytes - position));
      fill(from, part, position, pageSize);
      for (; next < sortedPages.length; next++) {
        const page = sortedPages[next] ?? 0;
        const at = (page - 1) * pageSize - position;
        if (at >= part.length) break;
        overlayPage(plan, part.subarray(at, at + pageSize), overlay.pages.get(page) ?? 0);
      }
      zeroLockPage(part, position, pageSize);
      for (const sink of sinks) sink.take(part, position);
    }
    for (const sink of sinks) sink.end();
  } finally {
    for (const sink of sinks) sink.close();
  }
}

/** The staged file, made by the parent with mode 0600 and overwritten here. */
export function stagedImage(path: string): ImageSink {
  let fd: number | undefined;
  let length = 0;
  const opened = (): number => fd ?? raise('a staged image that was not begun');
  return {
    begin(_pageSize, sizeBytes) {
      fd = staged(() => openSync(path, 'r+', 0o600));
      length = sizeBytes;
      staged(() => ftruncateSync(opened(), 0));
    },
    take: (part, position) => writeUnlessZero(opened(), part, position),
    end: () => staged(() => ftruncateSync(opened(), length)),
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/** Lays the log over an image that is already written, and cuts it to `pageCount` pages. */
export function applyOverlay(to: string, logFd: number, overlay: Overlay): void {
  if (overlay.pageCount === 0) return;
  const page = new Uint8Array(overlay.pageSize);
  writing(to, 'r+', fd => {
    for (const [number, offset] of overlay.pages) {
      if (number > overlay.pageCount || number === lockBytePage(overlay.pageSize)) continue;
      if (readAt(logFd, page, offset) < page.length)
        throw new CopyAbandoned('the log became shorter while it was read');
      staged(() => writeSync(fd, page, 0, page.length, (number - 1) * overlay.pageSize));
    }
    staged(() => ftruncateSync(fd, overlay.pageCount * overlay.pageSize));
  });
}

/** A plain copy of at most `sizeBytes`; answers how many there were. */
export function copyBytes(from: number, to: string, sizeBytes: number, onWindow?: () => void): number {
  const window = new Uint8Array(Math.min(windowBytes, Math.max(sizeBytes, 1)));
  let position = 0;
  writing(to, 'w', fd => {
    while (position < sizeBytes) {
      onWindow?.();
      const part = window.subarray(0, Math.min(window.length, sizeBytes - position));
      const read = readAt(from, part, position);
      staged(() => writeSync(fd, part, 0, read, position));
      position += read;
      if (read < part.length) break;
    }
  });
  return position;
}

/** Reads a window of the main file; what lies behind its end is zeros until the log fills it. */
function fill(from: number, part: Uint8Array, position: number, pageSize: number): void {
  const lockStart = (lockBytePage(pageSize) - 1) * pageSize - position;
  if (process.platform === 'win32' && lockStart >= 0 && lockStart < part.length) {
    // A mandatory lock there would fail the whole read; the page is zeroed anyway.
    const before = readAt(from, part.subarray(0, lockStart), position);
    const behind = Math.min(lockStart + pageSize, part.length);
    const after = before < lockStart ? 0 : readAt(from, part.subarray(behind), position + behind);
    part.fill(0, behind + after);
    if (before < lockStart) part.fill(0, before);
    return;
  }
  part.fill(0, readAt(from, part, position));
}

function overlayPage(plan: CopyPlan, target: Uint8Array, offset: number): void {
  if (plan.log === undefined || readAt(plan.log.fd, target, offset) < target.length) {
    throw new CopyAbandoned('the log became shorter while it was read');
  }
}

function zeroLockPage(part: Uint8Array, position: number, pageSize: number): void {
  const start = (lockBytePage(pageSize) - 1) * pageSize - position;
  if (start >= 0 && start < part.length) part.fill(0, start, start + pageSize);
}

/** Zeros become a hole (the file was cut to nothing first), so a sparse database costs no staging space. */
function writeUnlessZero(fd: number, part: Uint8Array, position: number): void {
  if (isZero(part)) return;
  staged(() => {
    for (let written = 0; written < part.length; ) {
      written += writeSync(fd, part, written, part.length - written, position + written);
    }
  });
}

function isZero(part: Uint8Array): boolean {
  for (let at = 0; at < part.length; at += zeros.length) {
    const piece = part.subarray(at, at + zeros.length);
    if (Buffer.compare(piece, zeros.subarray(0, piece.length)) !== 0) return false;
  }
  return true;
}

function writing(path: string, flags: 'r+' | 'w', write: (fd: number) => void): void {
  const fd = staged(() => openSync(path, flags, 0o600));
  try {
    write(fd);
  } finally {
    closeSync(fd);
  }
}

function raise(what: string): never {
  throw new SignetError('E_INTERNAL', what);
}

/** Marks what goes wrong with our own files, which another way of capturing would not mend. */
export function staged<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new StagingFailed('cannot write to the staging folder', { cause: error });
  }
}
