// Which frame of a write-ahead log holds the newest version of each page, checked frame by frame.

import { readAt } from './look.ts';
import {
  type Checksum,
  frameHeaderBytes,
  parseWalHeader,
  readFrame,
  sameBytes,
  type WalHeader,
  walHeaderBytes,
} from './sqlite-format.ts';

/** Bytes held at once; a whole number of frames is read into it. */
const windowBytes = 2 ** 21;

export interface Overlay {
  /** Page number → offset of the page's bytes in the log. */
  readonly pages: ReadonlyMap<number, number>;
  /** Size of the database after the last commit; 0: the log says nothing. */
  readonly pageCount: number;
  /** The smallest size that any of its commits names; Infinity without one. */
  readonly fewestPages: number;
  readonly pageSize: number;
}

/** Of an empty log. */
export const emptyOverlay: Overlay = {
  pages: new Map(),
  pageCount: 0,
  fewestPages: Number.POSITIVE_INFINITY,
  pageSize: 0,
};

/** What a snapshot pinned through the wal-index must be confirmed by. */
export interface ExpectedEnd {
  readonly lastFrame: number;
  readonly salts: Uint8Array;
  readonly checksum: Readonly<Checksum>;
}

/** The end of a commit from which on the log is read, and the running checksum there. */
export interface LogStart {
  readonly frame: number;
  readonly checksum: Readonly<Checksum>;
}

/**
 * Reads the log from its start, or from `after` on. With `expected`, exactly that many frames must be good and end in that checksum;
 * without, it goes to the last commit of the unbroken run of good frames, as SQLite's own recovery does.
 * @returns undefined when the log is not the one expected
 */
export function readOverlay(
  fd: number,
  expected?: ExpectedEnd,
  onWindow: () => void = () => {},
  after?: LogStart,
): Overlay | undefined {
  const head = new Uint8Array(walHeaderBytes);
  const header = parseWalHeader(head.subarray(0, readAt(fd, head, 0)));
  if (header === undefined) return expected ? undefined : emptyOverlay;
  if (expected && !sameBytes(header.salts, expected.salts)) return undefined;

  const frameBytes = frameHeaderBytes + header.pageSize;
  const perWindow = Math.floor(windowBytes / frameBytes);
  const window = new Uint8Array(perWindow * frameBytes);
  const sum = { ...(after?.checksum ?? header.checksum) };
  const pages = new Map<number, number>();
  let pageCount = 0;
  let fewestPages = Number.POSITIVE_INFINITY;
  let uncommitted: [page: number, offset: number][] = [];
  const limit = expected?.lastFrame ?? Number.POSITIVE_INFINITY;

  for (let frame = after?.frame ?? 0; frame < limit; ) {
    onWindow();
    const wanted = window.subarray(0, Math.min(perWindow, limit - frame) * frameBytes);
    const start = walHeaderBytes + frame * frameBytes;
    const whole = Math.floor(readAt(fd, wanted, start) / frameBytes);
    const good = takeFrames(window, whole, header, sum, (page, at, commitPages) => {
      uncommitted.push([page, start + at]);
      if (commitPages === 0) return;
      for (const [number, offset] of uncommitted) pages.set(number, offset);
      uncommitted = [];
      pageCount = commitPages;
      fewestPages = Math.min(fewestPages, commitPages);
    });
    frame += good;
    if (good < perWindow && frame < limit) break;
  }
  if (expected) {
    const ended = uncommitted.length === 0 && sum.s0 === expected.checksum.s0 && sum.s1 === expected.checksum.s1;
    if (!ended) return undefined;
  }
  return { pages, pageCount, fewestPages, pageSize: header.pageSize };
}

/** Answers how many of the `count` frames in the window are good; offsets point at the page behind the frame header. */
function takeFrames(
  window: Uint8Array,
  count: number,
  header: WalHeader,
  sum: Checksum,
  take: (page: number, offset: number, commitPages: number) => void,
): number {
  const frameBytes = frameHeaderBytes + header.pageSize;
  for (let i = 0; i < count; i++) {
    const frame = readFrame(window, i * frameBytes, header, sum);
    if (frame === undefined) return i;
    take(frame.page, i * frameBytes + frameHeaderBytes, frame.commitPages);
  }
  return count;
}
