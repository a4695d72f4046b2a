// Whether a program uses files below a folder: has one open for writing, or a database in any way. Files that are put back under a running
// app would be damaged by it, or it by them. Linux asks /proc, macOS lsof; Windows refuses to rename a file that is in use, so that is tried
// (each to its own name, which changes nothing). Only what this user's own programs do can be seen. The daemon and its children do not
// count. What cannot be found out counts as not in use: the swap itself never damages a file. macOS and Windows: not run there yet.

import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../base/errors.ts';

export interface OpenFile {
  readonly pid: number;
  readonly path: string;
  readonly isWritable: boolean;
}

/** What the probe reaches outside itself. */
export interface OpenFilesWorld {
  readonly platform: NodeJS.Platform;
  /** Of the daemon: it and its descendants do not count. */
  readonly pid: number;
  readonly uid: number | undefined;
  /** Linux: the folder of processes. */
  readonly proc: string;
  /** Runs a program and answers what it printed, '' where that fails. */
  readonly output: (program: string, args: readonly string[]) => Promise<string>;
}

/** @param used.files absolute paths that are to be replaced; needed on Windows alone */
export type OpenFilesProbe = (used: { readonly root: string; readonly files: readonly string[] }) => Promise<boolean>;

const lsofTimeoutMs = 20_000;

export function openFilesProbe(changes: Partial<OpenFilesWorld> = {}): OpenFilesProbe {
  const world: OpenFilesWorld = {
    platform: process.platform,
    pid: process.pid,
    uid: process.getuid?.(),
    proc: '/proc',
    output: outputOf,
    ...changes,
  };
  return async ({ root, files }) => {
    if (world.platform === 'win32') return anyInUse(files);
    const found = world.platform === 'linux' ? await openFilesOfProc(world) : await openFilesOfLsof(world);
    return found.some(file => isInUse(file, root));
  };
}

/** A database counts however it is open: a reader may hold a lock, or write its shared memory. */
export function isInUse({ path, isWritable }: Pick<OpenFile, 'path' | 'isWritable'>, root: string): boolean {
  if (!path.startsWith(root.endsWith('/') ? root : `${root}/`)) return false;
  return isWritable || /(?:\.(?:db|sqlite3?|vscdb|sqlitedb|db3|storedata)|-(?:wal|shm|journal))$/i.test(path);
}

async function openFilesOfProc({ proc, pid }: OpenFilesWorld): Promise<readonly OpenFile[]> {
  const pids = (await readdir(proc)).filter(name => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const each of pids) parents.set(each, parentOf(await textOf(join(proc, `${each}`, 'stat'))));
  const found: OpenFile[] = [];
  for (const each of pids) {
    if (isOurs(each, pid, parents)) continue;
    for (const fd of await namesIn(join(proc, `${each}`, 'fd'))) {
      const path = await linkAt(join(proc, `${each}`, 'fd', fd));
      if (!path?.startsWith('/') || path.endsWith(' (deleted)')) continue;
      found.push({ pid: each, path, isWritable: isWritable(await textOf(join(proc, `${each}`, 'fdinfo', fd))) });
    }
  }
  return found;
}

/** The fourth field, counted behind the name in parentheses, which may hold anything (proc_pid_stat(5)). */
function parentOf(stat: string): number {
  return Number(/^.*\) \S (\d+)/s.exec(stat)?.[1] ?? 0);
}

/** The lowest two bits of the flags, which are octal (proc_pid_fdinfo(5)). */
function isWritable(info: string): boolean {
  return (Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & 3) !== 0;
}

/** Machine-readable: a line for each field, `p` for a process and `f` for each of its files (lsof(8), OUTPUT FOR OTHER PROGRAMS). */
async function openFilesOfLsof({ output, pid, uid }: OpenFilesWorld): Promise<readonly OpenFile[]> {
  const who = uid === undefined ? [] : ['-u', `${uid}`];
  return parseLsof(await output('/usr/sbin/lsof', ['-w', '-n', '-P', ...who, '-F', 'pRan']), pid);
}

/** Exported for tests. */
export function parseLsof(printed: string, ownPid: number): readonly OpenFile[] {
  const found: OpenFile[] = [];
  const parents = new Map<number, number>();
  let pid = 0;
  let access = '';
  for (const line of printed.split('\n')) {
    const [field = '', value] = [line[0], line.slice(1)];
    if (field === 'p') pid = Number(value);
    if (field === 'R') parents.set(pid, Number(value));
    if (field === 'f') access = '';
    if (field === 'a') access = value;
    if (field === 'n' && value.startsWith('/')) {
      found.push({ pid, path: value, isWritable: access === 'w' || access === 'u' });
    }
  }
  return found.filter(file => !isOurs(file.pid, ownPid, parents));
}

function isOurs(pid: number, own: number, parents: ReadonlyMap<number, number>): boolean {
  const met = new Set<number>();
  for (let at = pid; at > 1 && !met.has(at); at = parents.get(at) ?? 0) {
    if (at === own) return true;
    met.add(at);
  }
  return false;
}

/** Windows lets nobody rename a file that another program opened without sharing that. */
async function anyInUse(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    try {
      await rename(file, file);
    } catch (error) {
      if (['EBUSY', 'EPERM', 'EACCES'].includes(systemCode(error) ?? '')) return true;
    }
  }
  return false;
}

// A process may end, or be another user's: then it tells nothing.

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function linkAt(path: string): Promise<string | undefined> {
  return readlink(path).catch(() => undefined);
}

async function outputOf(program: string, args: readonly string[]): Promise<string> {
  try {
    const options = { timeout: lsofTimeoutMs, maxBuffer: 64 << 20, windowsHide: true };
    return (await promisify(execFile)(program, [...args], options)).stdout;
  } catch (error) {
    // It ends with 1 when anything could not be looked at, and has told the rest.
    return error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' ? error.stdout : '';
  }
}
