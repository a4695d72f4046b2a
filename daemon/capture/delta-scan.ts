// Which pages of an image differ from a stored state, by a tag of every page: the pages that do become frames for the stored log.
// The lock-byte page holds nothing: its tag is zeros and it never becomes a frame.

import { pageTagBytes, tagPages } from '../kernel/page-tags.ts';
import { type FrameWriter, startFrames } from './frames.ts';
import type { ImageSink } from './image.ts';
import type { CapturedDelta, DeltaOrder } from './model.ts';
import { lockBytePage, parseDatabaseHeader } from './sqlite-format.ts';

export interface DeltaScan extends ImageSink {
  /**
   * What came of it, once ended. 'unfit': the image is not whole pages of a database, so there are no tags to speak of.
   * 'image': it is wanted whole, since there is nothing to compare with, or too much differs.
   */
  readonly found: Found | 'unfit' | undefined;
}

export type Found = Pick<CapturedDelta, 'kind' | 'tags' | 'frames' | 'log'>;

export interface ScanOrder extends DeltaOrder {
  /** Where frames go. */
  readonly framesPath: string;
  /** Called as soon as it is certain that no frames come of it; may throw to end the pass. */
  readonly onImageWanted?: () => void;
}

export function createDeltaScan(order: ScanOrder): DeltaScan {
  const { key, from, maxPages } = order;
  let tags = new Uint8Array();
  let frames: FrameWriter | undefined;
  let firstPage = new Uint8Array();
  let pageSize = 0;
  let found: Found | 'unfit' | undefined;
  let changed = 0;

  const giveUp = (): void => {
    frames?.close();
    frames = undefined;
    order.onImageWanted?.();
  };

  const take = (part: Uint8Array, position: number): void => {
    if (position === 0) {
      if (parseDatabaseHeader(part)?.pageSize !== pageSize) found = 'unfit';
      firstPage = part.slice(0, pageSize);
    }
    if (found === 'unfit') {
      giveUp();
      return;
    }
    const first = position / pageSize;
    const pages = part.length / pageSize;
    const now = tags.subarray(first * pageTagBytes, (first + pages) * pageTagBytes);
    tagPages(key, part, pageSize, now);
    const lockPage = lockBytePage(pageSize) - 1 - first;
    if (lockPage >= 0 && lockPage < pages) now.fill(0, lockPage * pageTagBytes, (lockPage + 1) * pageTagBytes);
    if (frames === undefined || from === undefined) return;
    const known = Math.min(pages, Math.max(0, from.pageCount - first));
    const before = from.tags.subarray(first * pageTagBytes, (first + known) * pageTagBytes);
    if (known === pages && Buffer.compare(before, now) === 0) return;
    for (let page = 0; page < pages; page++) {
      if (page === lockPage || (page < known && isSameTag(before, now, page * pageTagBytes))) continue;
      if (++changed > maxPages) {
        giveUp();
        return;
      }
      frames.add(first + page + 1, part.subarray(page * pageSize, (page + 1) * pageSize));
    }
  };

  return {
    get found() {
      return found;
    },
    begin(size, sizeBytes) {
      pageSize = size;
      changed = 0;
      found = sizeBytes > 0 && sizeBytes % pageSize === 0 ? undefined : 'unfit';
      tags = new Uint8Array(found === 'unfit' ? 0 : (sizeBytes / pageSize) * pageTagBytes);
      if (found === undefined && from?.pageSize === pageSize) {
        frames = startFrames(order.framesPath, pageSize, from.log);
      } else giveUp();
    },
    take,
    end() {
      if (found === 'unfit') return;
      const pageCount = tags.length / pageTagBytes;
      if (frames === undefined || from === undefined) {
        found = { kind: 'image', tags, frames: 0 };
        return;
      }
      // Only a commit says how long the database is.
      if (changed === 0 && pageCount !== from.pageCount) frames.add(1, firstPage);
      const log = frames.finish(pageCount);
      found = { kind: 'frames', tags, frames: frames.frames, log };
    },
    close() {
      frames?.close();
      frames = undefined;
    },
  };
}

export function isSameTag(a: Uint8Array, b: Uint8Array, at: number): boolean {
  for (let i = at; i < at + pageTagBytes; i++) if (a[i] !== b[i]) return false;
  return true;
}
