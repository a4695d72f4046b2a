// A plain file read as it was when it was opened, with an answer at the end whether that held.

import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { asBuffer } from '../base/bytes.ts';
import { SignetError, systemCode } from '../base/errors.ts';
import { readFully } from '../base/files.ts';
import type { FileFacts, StableFile } from './model.ts';

/** File times advance in ticks of up to 10 ms: what is younger than this could change again unseen. */
const tickMs = 20;
/** A last line without newline this old is finished, not torn. */
const tornLineMs = 2_000;
const scanBytes = 64 * 1024;
/** How far back a line end is looked for. */
const maxLineBytes = 64 * 2 ** 20;
/** Compared again at the end, at both ends of an append-only file. */
const witnessBytes = 4096;

const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export function factsOf(stat: BigIntStats): FileFacts {
  return {
    sizeBytes: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    atimeNs: stat.atimeNs,
    inode: stat.ino,
    deviceId: stat.dev,
    links: Number(stat.nlink),
    permissions: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
}

/**
 * Opens a regular file for storing; never follows a link in the last step and never hangs on a pipe.
 * @param path absolute path as bytes
 * @param options.appendOnly text that only grows (JSONL, logs): a line being written just now is left for the next run
 * @throws SignetError E_SOURCE_UNREADABLE (params.reason: 'permission' | 'vanished' | 'io')
 */
export async function openStableFile(path: Uint8Array, options: { readonly appendOnly: boolean }): Promise<StableFile> {
  const file = await open(asBuffer(path), flags).catch(error => {
    throw unreadable(path, error);
  });
  try {
    const { stat, isYoung } = await settled(file);
    const sizeBytes = options.appendOnly ? await endOfLines(file, stat) : stat.sizeBytes;
    const witness = options.appendOnly ? await readWitness(file, sizeBytes) : undefined;
    return {
      sizeBytes,
      stat,
      async read(target, position) {
        const part = target.subarray(0, Math.max(0, Math.min(target.length, sizeBytes - position)));
        return await readFully(file, part, position).catch(error => {
          throw unreadable(path, error);
        });
      },
      async finish() {
        const now = factsOf(await file.stat({ bigint: true }));
        if (sameContent(stat, now)) return isYoung ? 'changed' : 'stable';
        if (witness === undefined || now.sizeBytes < stat.sizeBytes) return 'changed';
        return asBuffer(witness).equals(await readWitness(file, sizeBytes)) ? 'stable' : 'changed';
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error instanceof SignetError ? error : unreadable(path, error);
  }
}

/** Waits, for a bounded time, until a following change could not carry the times that were seen. */
async function settled(file: FileHandle): Promise<{ stat: FileFacts; isYoung: boolean }> {
  for (let tries = 0; ; tries++) {
    const found = await file.stat({ bigint: true });
    if (!found.isFile()) throw new Error('it is not a regular file');
    const stat = factsOf(found);
    const ageMs = Date.now() - Number(stat.ctimeNs / 1_000_000n);
    const isYoung = Math.abs(ageMs) < tickMs;
    if (!isYoung || tries === 3) return { stat, isYoung };
    await wait(tickMs);
  }
}

/** Where the last complete line ends; the whole size when nothing was added for a while, or no line end is near. */
async function endOfLines(file: FileHandle, stat: FileFacts): Promise<number> {
  const { sizeBytes } = stat;
  if (Math.abs(Date.now() - Number(stat.mtimeNs / 1_000_000n)) >= tornLineMs) return sizeBytes;
  const window = Buffer.alloc(scanBytes);
  for (let end = sizeBytes; end > 0; end -= scanBytes) {
    const start = Math.max(0, end - scanBytes);
    const part = window.subarray(0, await readFully(file, window.subarray(0, end - start), start));
    const newline = part.lastIndexOf(0x0a);
    if (newline >= 0) return start + newline + 1;
    if (sizeBytes - start >= maxLineBytes) break;
  }
  return sizeBytes;
}

/** The first and last bytes of what is stored: tells growth from a file written anew. */
async function readWitness(file: FileHandle, sizeBytes: number): Promise<Uint8Array> {
  const length = Math.min(witnessBytes, sizeBytes);
  const witness = new Uint8Array(2 * length);
  await readFully(file, witness.subarray(0, length), 0);
  await readFully(file, witness.subarray(length), sizeBytes - length);
  return witness;
}

function sameContent(a: FileFacts, b: FileFacts): boolean {
  return a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

function unreadable(path: Uint8Array, cause: unknown): SignetError {
  const reason = reasonOf(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SignetError('E_SOURCE_UNREADABLE', `reading a file failed: ${message}`, {
    params: { reason, path: asBuffer(path).toString('utf8') },
    retryable: reason === 'io',
    cause,
  });
}

function reasonOf(cause: unknown): 'permission' | 'vanished' | 'io' {
  const code = systemCode(cause);
  if (code === 'EACCES' || code === 'EPERM') return 'permission';
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'vanished' : 'io';
}
