// Looks for bytes in the whole memory of another process, all threads and heaps of it, as its owner or root may. Linux only.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

export interface Needle {
  readonly what: string;
  readonly bytes: Uint8Array;
}

const windowBytes = 8 << 20;

/** How often each needle occurs in what the process may write to: its heaps, stacks and buffers. Undefined when it may not be read. */
export function findInMemory(pid: number, needles: readonly Needle[]): ReadonlyMap<string, number> | undefined {
  const longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  const found = new Map<string, number>();
  let memory: number;
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    return undefined; // kernel.yama.ptrace_scope
  }
  try {
    const window = Buffer.alloc(windowBytes);
    for (const { start, end } of writableRegions(pid)) {
      for (let at = start; at < end; at += windowBytes - longest + 1) {
        const length = readAt(memory, window, at, Math.min(windowBytes, end - at));
        const bytes = window.subarray(0, length);
        for (const needle of needles) {
          for (let hit = bytes.indexOf(needle.bytes); hit >= 0; hit = bytes.indexOf(needle.bytes, hit + 1)) {
            found.set(needle.what, (found.get(needle.what) ?? 0) + 1);
          }
        }
        if (length < windowBytes) break;
      }
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

function readAt(memory: number, window: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, window, 0, length, at);
  } catch {
    return 0; // a region that has gone meanwhile, or cannot be read at all ([vvar])
  }
}

function writableRegions(pid: number): readonly { readonly start: number; readonly end: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'latin1')
    .split('\n')
    .flatMap(line => {
      const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      return start === undefined || end === undefined
        ? []
        : [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }];
    });
}
