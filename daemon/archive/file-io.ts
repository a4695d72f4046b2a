// Reads and writes whole pieces at a position of an open file, at once or by one of Node's threads: the system may do less than it was asked for.

import { read, writev, writevSync } from 'node:fs';
import { asBuffer } from '../base/bytes.ts';

/** More than this is for a thread: handing work over costs several times a small call. */
export const atOnceBytes = 256 * 1024;

export function writeAtOnce(fd: number, parts: readonly Uint8Array[], position: number, length: number): void {
  const written = writevSync(fd, [...parts], position);
  if (written < length) writeAtOnce(fd, after(parts, written), position + written, length - written);
}

export async function writeByThread(
  fd: number,
  parts: readonly Uint8Array[],
  position: number,
  length: number,
): Promise<void> {
  const written = await new Promise<number>((resolve, reject) =>
    writev(fd, [...parts], position, (error, count) => (error === null ? resolve(count) : reject(error))),
  );
  if (written < length) await writeByThread(fd, after(parts, written), position + written, length - written);
}

/** What is left of the parts once so many bytes were taken: the disk was slow, or is nearly full and says so next time. */
function after(parts: readonly Uint8Array[], taken: number): readonly Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = taken;
  for (const part of parts) {
    if (skip < part.length) left.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return left;
}

/** Fewer bytes where the file ends. */
export async function readByThread(fd: number, target: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < target.length) {
    const count = await new Promise<number>((resolve, reject) =>
      read(fd, target, filled, target.length - filled, position + filled, (error, bytes) =>
        error === null ? resolve(bytes) : reject(error),
      ),
    );
    if (count === 0) break;
    filled += count;
  }
  return asBuffer(target.subarray(0, filled));
}
