// The app's own log as the list of what changed: only its frames behind the position of the last capture are read, nothing of the database.
// Believed only while that log provably goes on from there; in any doubt the answer is undefined, and all pages are compared instead.

import { pageTagBytes, tagPages } from '../kernel/page-tags.ts';
import { isSameTag } from './delta-scan.ts';
import { startFrames } from './frames.ts';
import { readAt } from './look.ts';
import type { CapturedDelta, DeltaOrder, LogPosition } from './model.ts';
import { lockBytePage, parseWalHeader, sameBytes, walHeaderBytes } from './sqlite-format.ts';
import { type Overlay, readOverlay } from './wal.ts';

/** The app's log as pinned. */
export interface PinnedLog {
  readonly fd: number;
  readonly lastFrame: number;
  readonly pageCount: number;
  readonly salts: Uint8Array;
  readonly checksum: { readonly s0: number; readonly s1: number };
  readonly position: LogPosition;
}

/** @throws what `onWindow` throws · StagingFailed */
export function deltaByLog(
  log: PinnedLog,
  { order, framesPath }: { readonly order: DeltaOrder; readonly framesPath: string },
  onWindow: () => void,
): CapturedDelta | undefined {
  const { key, from, maxPages } = order;
  if (from?.position === undefined || !goesOn(from.position, log.position)) return undefined;
  const header = headerOf(log.fd);
  if (header?.pageSize !== from.pageSize || !sameBytes(header.salts, log.salts)) return undefined;
  const { frames: after, s0, s1 } = from.position;
  const overlay = readOverlay(log.fd, log, onWindow, { frame: after, checksum: { s0, s1 } });
  if (overlay === undefined || hasGaps(overlay, from, log.pageCount)) return undefined;

  const { pageSize } = from;
  const tags = new Uint8Array(log.pageCount * pageTagBytes);
  tags.set(from.tags.subarray(0, tags.length));
  const isOtherLength = log.pageCount !== from.pageCount;
  const bytes = new Uint8Array(pageSize);
  const frames = startFrames(framesPath, pageSize, from.log);
  try {
    for (const page of [...overlay.pages.keys()].sort((a, b) => a - b)) {
      if (page > log.pageCount || page === lockBytePage(pageSize)) continue;
      onWindow();
      if (readAt(log.fd, bytes, overlay.pages.get(page) ?? 0) < pageSize) return undefined;
      const at = (page - 1) * pageTagBytes;
      tagPages(key, bytes, pageSize, tags.subarray(at, at + pageTagBytes));
      const isSame = page <= from.pageCount && isSameTag(tags, from.tags, at);
      // Page 1 says how long the database is: with it there is always a commit where that changed.
      if (isSame && !(page === 1 && isOtherLength)) continue;
      frames.add(page, bytes);
      if (frames.frames >= maxPages) return undefined;
    }
    if (isOtherLength && !overlay.pages.has(1)) return undefined;
    const end = frames.finish(log.pageCount);
    // A log that was wholly checkpointed may be begun anew under the pin; its header is written before any frame is.
    if (!sameBytes(headerOf(log.fd)?.salts ?? new Uint8Array(), log.salts)) return undefined;
    return { kind: 'frames', tags, frames: frames.frames, log: end, route: 'log', position: log.position };
  } finally {
    frames.close();
  }
}

/**
 * The same files and the same generation of the log, no shorter. A database file that was written to since must have been by a checkpoint,
 * which moves the mark; anything else wrote past the log.
 */
function goesOn(then: LogPosition, now: LogPosition): boolean {
  if (then.database !== now.database || then.log !== now.log || then.salts !== now.salts) return false;
  return now.frames >= then.frames && (now.stamp === then.stamp || now.backfilled > then.backfilled);
}

/** A page that came into being without a frame: none known to be made by SQLite, but what it holds only the database file could tell. */
function hasGaps(overlay: Overlay, from: { readonly pageSize: number; readonly pageCount: number }, pageCount: number) {
  for (let page = Math.min(from.pageCount, overlay.fewestPages) + 1; page <= pageCount; page++) {
    if (!overlay.pages.has(page) && page !== lockBytePage(from.pageSize)) return true;
  }
  return false;
}

function headerOf(fd: number) {
  const head = new Uint8Array(walHeaderBytes);
  return parseWalHeader(head.subarray(0, readAt(fd, head, 0)));
}
