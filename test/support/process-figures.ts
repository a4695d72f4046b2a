// What the kernel says of a running process: memory, open files, threads, time. Linux only.

import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFigures {
  readonly rssBytes: number;
  readonly files: number;
  readonly threads: number;
  /** Of all threads, user and system; to 10 ms. */
  readonly cpuMs: number;
}

export function figuresOf(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const value = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  // proc(5): the name in parentheses may hold anything; utime and stime are fields 14 and 15, in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return {
    rssBytes: value('VmRSS') * 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
    threads: value('Threads'),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
  };
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MB`;

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
