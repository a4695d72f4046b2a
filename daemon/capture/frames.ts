// Frames to append to a stored log: a page each, in the form of SQLite's write-ahead log, the last one a commit that names the size of the
// database (docs/format.md "Delta log"). Goes on from where the log ends; nothing of the log itself is needed.

import { closeSync, openSync, writeSync } from 'node:fs';
import { staged } from './image.ts';
import type { LogEnd } from './model.ts';
import { frameHeaderBytes, walHeaderBytes, writeFrame, writeWalHeader } from './sqlite-format.ts';

/** Bytes held before they are written out, when they are more than one frame. */
const bufferBytes = 2 ** 20;

export interface FrameWriter {
  readonly frames: number;
  /** Copies the page. */
  add(page: number, bytes: Uint8Array): void;
  /** @returns where the log ends with these frames; as it was when there are none */
  finish(pageCount: number): LogEnd;
  /** Frees the file, finished or not; may be called twice. */
  close(): void;
}

/** @param path a file in the staging folder; overwritten */
export function startFrames(path: string, pageSize: number, end: LogEnd): FrameWriter {
  const fd = staged(() => openSync(path, 'w', 0o600));
  const frameBytes = frameHeaderBytes + pageSize;
  const buffer = new Uint8Array(walHeaderBytes + Math.max(1, Math.floor(bufferBytes / frameBytes)) * frameBytes);
  const salts = end.salts.slice();
  // Only the last frame is a commit, and which one that is shows when nothing follows it: one page is held back.
  const held = new Uint8Array(pageSize);
  let heldPage = 0;
  let sum = end.checksum && { ...end.checksum };
  let filled = 0;
  let frames = 0;
  let isOpen = true;

  const flush = (): void => {
    for (let at = 0; at < filled; ) {
      const start = at;
      at += staged(() => writeSync(fd, buffer, start, filled - start));
    }
    filled = 0;
  };
  const sealHeld = (commitPages: number): void => {
    if (heldPage === 0) return;
    if (sum === undefined) {
      sum = writeWalHeader(buffer.subarray(0, walHeaderBytes), pageSize, salts);
      filled = walHeaderBytes;
    }
    if (filled + frameBytes > buffer.length) flush();
    const into = buffer.subarray(filled, filled + frameBytes);
    writeFrame(into, { page: heldPage, commitPages, bytes: held }, salts, sum);
    filled += frameBytes;
    frames += 1;
  };
  return {
    get frames() {
      return frames;
    },
    add(page, bytes) {
      sealHeld(0);
      held.set(bytes);
      heldPage = page;
    },
    finish(pageCount) {
      sealHeld(pageCount);
      heldPage = 0;
      flush();
      return sum === undefined ? { salts } : { salts, checksum: { s0: sum.s0, s1: sum.s1 } };
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}
