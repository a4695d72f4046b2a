// How the daemon's process is started, whoever starts it: a client, the platform's service manager, or a person in a terminal.

import { join } from 'node:path';
import type { Home } from './home.ts';

/** A signal of any process of this user would otherwise open a debugger port. */
export const daemonFlags: readonly string[] = ['--disable-sigusr1', '--no-warnings'];

/**
 * Compiled code is kept, so that a start costs half the time and a quarter less memory (86 MB for 114, measured). The others are for glibc:
 * two arenas are enough for threads that mostly wait, and buffers up to 16 MiB come from memory that is used again instead of fresh
 * pages each time (half the CPU of sealing, measured).
 */
export function frugalEnvironment(home: Pick<Home, 'cache'>): Readonly<Record<string, string>> {
  return {
    NODE_COMPILE_CACHE: join(home.cache, 'compiled'),
    MALLOC_ARENA_MAX: '2',
    MALLOC_MMAP_THRESHOLD_: String(16 << 20),
    MALLOC_TRIM_THRESHOLD_: String(32 << 20),
  };
}
