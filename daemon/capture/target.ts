// What one capture leaves in the staging folder: the image, or the frames that lead to it from a stored state, or (for a full check) both.
// Every way of capturing writes through this, so that each gives a delta.

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { pageTagBytes } from '../kernel/page-tags.ts';
import { framesName, imageName } from './child-messages.ts';
import { createDeltaScan, type DeltaScan } from './delta-scan.ts';
import { type CopyPlan, stagedImage, writeImage } from './image.ts';
import { lookAt } from './look.ts';
import type { CapturedDelta, DeltaOrder } from './model.ts';
import { parseDatabaseHeader } from './sqlite-format.ts';

export interface TargetOptions {
  /** Holds an empty file `image`. */
  readonly folder: string;
  /** The image is staged even when frames are enough. */
  readonly fullCheck: boolean;
  readonly delta?: DeltaOrder | undefined;
}

export interface Settled {
  /** 0: no database header. */
  readonly pageSize: number;
  readonly sizeBytes: number;
  readonly delta?: CapturedDelta;
}

export interface CaptureTarget {
  /** Present when less than the image will do: what a shorter way to the frames needs. */
  readonly upon: { readonly order: DeltaOrder; readonly framesPath: string } | undefined;
  /** As much as is wanted, by one plan; begun anew when it is called again. */
  write(plan: CopyPlan): void;
  /** For ways that write the image themselves: where, all of it. Voids what was written before. */
  staging(): string;
  /** Takes a delta that was found without looking at all pages. */
  accept(delta: CapturedDelta): void;
  /** Whether the image is there, rather than frames alone. */
  readonly isStaged: boolean;
  settle(): Settled;
}

class ImageWanted extends Error {}

export function captureTarget({ folder, fullCheck, delta: order }: TargetOptions): CaptureTarget {
  const imagePath = join(folder, imageName);
  const framesPath = join(folder, framesName);
  const canDoWithFrames = order?.from !== undefined && !fullCheck;
  let settled: Settled | undefined;
  let isStaged = true;

  const pass = (plan: CopyPlan, orderOfPass: DeltaOrder | undefined, isImageStaged: boolean, isImageThere: boolean) => {
    const scan =
      orderOfPass &&
      createDeltaScan({
        ...orderOfPass,
        framesPath,
        onImageWanted: () => {
          if (!isImageStaged && !isImageThere) throw new ImageWanted();
        },
      });
    writeImage(plan, [...(isImageStaged ? [stagedImage(imagePath)] : []), ...(scan ? [scan] : [])]);
    settled = settledBy(scan, plan) ?? settledImage();
  };
  const settledImage = (): Settled => {
    const { head, sizeBytes } = lookAt(Buffer.from(imagePath)).database;
    return { pageSize: parseDatabaseHeader(head)?.pageSize ?? 0, sizeBytes };
  };

  return {
    upon: order && canDoWithFrames ? { order, framesPath } : undefined,
    write(plan) {
      settled = undefined;
      isStaged = true;
      if (!canDoWithFrames) return pass(plan, order, true, true);
      try {
        pass(plan, order, false, false);
        isStaged = false;
      } catch (error) {
        if (!(error instanceof ImageWanted)) throw error;
        pass(plan, order && { ...order, from: undefined }, true, true);
      }
    },
    staging() {
      settled = undefined;
      isStaged = true;
      return imagePath;
    },
    get isStaged() {
      return isStaged;
    },
    accept(delta) {
      const pageSize = order?.from?.pageSize ?? 0;
      isStaged = false;
      settled = { pageSize, sizeBytes: (delta.tags.length / pageTagBytes) * pageSize, delta };
    },
    settle() {
      if (settled !== undefined) return settled;
      const { pageSize, sizeBytes } = settledImage();
      if (order === undefined || pageSize === 0) return { pageSize, sizeBytes };
      const from = openSync(imagePath, 'r');
      try {
        pass({ from, pageSize, sizeBytes }, order, false, true);
      } finally {
        closeSync(from);
      }
      return settled ?? { pageSize, sizeBytes };
    },
  };
}

function settledBy(scan: DeltaScan | undefined, { pageSize, sizeBytes }: CopyPlan): Settled | undefined {
  if (scan?.found === undefined || scan.found === 'unfit') return undefined;
  return { pageSize, sizeBytes, delta: { ...scan.found, route: 'scan' } };
}
