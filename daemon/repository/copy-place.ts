// A whole repository from one place to another, objects as they are: no key is needed, and nothing is deleted anywhere. What there is to do is
// a value (`planCopy`); doing it proves every object by the hash in its name on the way, so that what is damaged is named and never
// passed on. The order is the write order, so that a copy that broke off is no backup yet, and doing it again goes on where it ended.
// At most two objects are under way; a large one passes through a private file, not through memory.

import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { release, toHex } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { ensurePrivateFolder, privateFile } from '../base/files.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { CallOptions, Copies, Remote, RemoteBody, RemoteEntry, RemoteKey } from '../remotes/remote.ts';
import { limits } from './limits.ts';
import type { ObjectProblem } from './model.ts';
import { type CopiedKind, copiedKind, hashInName, isLitter, maxBytesOf, ownNames, writeOrder } from './own-objects.ts';
import { problemFrom } from './problems.ts';

const parallelCopies = 2;
/** Larger objects are read in pieces of so much and pass through a file. */
const inMemoryBytes = 32 * 1024 * 1024;
/** How often the two places are compared again: other computers may write meanwhile, and what was put must be seen to be there. */
const mostRounds = 4;

/** What of restic's and Signet's own lies in a place, locks left out. */
export type PlaceListing = ReadonlyMap<RemoteKey, RemoteEntry>;

/** What names things is listed before the things are: whatever a listed object names was there when its turn came. */
export async function listPlace(
  remote: Pick<Remote, 'list' | 'stat'>,
  options: CallOptions = {},
): Promise<PlaceListing> {
  const found = new Map<RemoteKey, RemoteEntry>();
  for (const kind of writeOrder.toReversed()) {
    if (kind === 'config') {
      const config = await remote.stat('config', options);
      if (config !== undefined) found.set('config', config);
      continue;
    }
    for await (const entry of remote.list(kind, options)) {
      if (ownNames[kind].test(entry.key)) found.set(entry.key, entry);
      if (found.size > limits.listedObjects) {
        throw new SignetError('E_OBJECT_LIMIT', `more than ${limits.listedObjects} objects are listed`);
      }
    }
  }
  return found;
}

export interface CopyPlan {
  /** As the first place lists them, in write order: what the second lacks, or has with another size or hash. */
  readonly entries: readonly RemoteEntry[];
  readonly bytes: number;
  /** What only the second place holds; it stays. */
  readonly onlyThere: readonly RemoteKey[];
}

export function planCopy(from: PlaceListing, to: PlaceListing): CopyPlan {
  const entries = writeOrder.flatMap(kind =>
    [...from.values()].filter(entry => copiedKind(entry.key) === kind && !isSame(entry, to.get(entry.key))),
  );
  return {
    entries,
    bytes: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    onlyThere: [...to.keys()].filter(key => !from.has(key)),
  };
}

/** As far as listings tell. */
function isSame(entry: RemoteEntry, there: RemoteEntry | undefined): boolean {
  if (there === undefined || there.sizeBytes !== entry.sizeBytes) return false;
  const wanted = hashInName(entry.key) ?? entry.sha256;
  return wanted === undefined || there.sha256 === undefined || there.sha256 === wanted;
}

/** 'same': this very repository; 'unfinished': a part of it, from a copy that broke off; the last two are not to be written to. */
export type TargetState = 'empty' | 'same' | 'unfinished' | 'repository' | 'other';

/**
 * What a place is that a repository is to be copied to. Without a config, which is copied last, it is known by its objects: their names are
 * hashes of sealed bytes, so that another repository has none in common.
 *
 * @param source what is to be copied
 * @param isOwnConfig whether these bytes are the config of this repository
 */
export async function inspectTarget(
  remote: Pick<Remote, 'get' | 'list' | 'stat'>,
  source: PlaceListing,
  isOwnConfig: (stored: Uint8Array) => boolean | Promise<boolean>,
  options: CallOptions = {},
): Promise<TargetState> {
  const config = await remote.stat('config', options);
  if (config !== undefined) {
    if (config.sizeBytes > limits.configBytes) return 'repository';
    return (await isOwnConfig(await remote.get('config', { ...options, maxBytes: limits.configBytes })))
      ? 'same'
      : 'repository';
  }
  let isShared = false;
  let isOthers = false;
  let isForeign = false;
  for await (const { key } of remote.list('', options)) {
    const kind = copiedKind(key);
    // Key files and vaults alone are what a set-up that broke off leaves behind.
    if (isLitter(key) || kind === 'keys' || kind === 'signet/vault' || ownNames.locks.test(key)) continue;
    if (kind === undefined) isForeign = true;
    else if (source.has(key)) isShared = true;
    else isOthers = true;
  }
  if (isShared) return 'unfinished';
  if (isOthers) return 'repository';
  return isForeign ? 'other' : 'empty';
}

export interface CopyOrder {
  readonly from: Pick<Remote, 'get' | 'list' | 'stat'>;
  readonly to: Pick<Remote, 'get' | 'put' | 'list' | 'stat' | 'label'>;
  /** Beyond the hash in its name: config has none, and what heals a place must be known to be of this repository. */
  readonly isGenuine: (key: RemoteKey, stored: Uint8Array) => boolean | Promise<boolean>;
  /** Private; sealed bytes lie there while they are under way. */
  readonly temporaryFolder: string;
  readonly onProgress: (done: CopyProgress) => void;
  readonly signal: AbortSignal;
}

export interface CopyProgress {
  readonly objectsDone: number;
  readonly objectsTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface Copied {
  readonly objects: number;
  readonly bytes: number;
  /** What the first place cannot give whole. */
  readonly damaged: readonly ObjectProblem[];
  /** Bytes of what the second place holds whole with another size than the first one lists. */
  readonly otherSizes: ReadonlyMap<RemoteKey, number>;
}

/**
 * Copies everything of one place into the other, until a comparison finds nothing more to copy.
 *
 * @param order.isTrusted what was put is believed to be there, and not listed again: for a place that is compared another time
 * @throws what the remotes throw; to be repeated then · E_MISSING when the second place does not show what was put there
 */
export async function copyPlace(order: CopyOrder & { readonly isTrusted?: boolean }): Promise<Copied> {
  const { from, to, signal } = order;
  const damaged = new Map<RemoteKey, ObjectProblem>();
  const otherSizes = new Map<RemoteKey, number>();
  let objects = 0;
  let bytes = 0;
  for (let round = 0; ; round++) {
    const [source, target] = [await listPlace(from, { signal }), await listPlace(to, { signal })];
    const isSettled = (key: RemoteKey): boolean =>
      damaged.has(key) || (otherSizes.has(key) && target.get(key)?.sizeBytes === otherSizes.get(key));
    const entries = planCopy(source, target).entries.filter(({ key }) => !isSettled(key));
    if (entries.length === 0) {
      // What another computer removed meanwhile is missed by nobody.
      return { objects, bytes, damaged: [...damaged.values()].filter(({ key }) => source.has(key)), otherSizes };
    }
    if (round === mostRounds) {
      throw new SignetError('E_MISSING', `${to.label} does not show ${entries.length} objects that were put there`, {
        retryable: true,
      });
    }
    const copied = await copyObjects(entries, order);
    objects += copied.objects;
    bytes += copied.bytes;
    for (const problem of copied.damaged) damaged.set(problem.key, problem);
    for (const [key, size] of copied.otherSizes) otherSizes.set(key, size);
    if (order.isTrusted === true) return { objects, bytes, damaged: [...damaged.values()], otherSizes };
  }
}

/** Copies these objects. @param entries in any order; they are written in the write order */
export async function copyObjects(entries: readonly RemoteEntry[], order: CopyOrder): Promise<Copied> {
  await ensurePrivateFolder(order.temporaryFolder);
  const failed = new AbortController();
  const signal = AbortSignal.any([order.signal, failed.signal]);
  const damaged: ObjectProblem[] = [];
  const otherSizes = new Map<RemoteKey, number>();
  const bytesTotal = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let objects = 0;
  let bytes = 0;
  let passed = 0;
  let passedBytes = 0;
  for (const kind of writeOrder) {
    const stage = entries.filter(({ key }) => copiedKind(key) === kind).values();
    const work = async (): Promise<void> => {
      for (const entry of stage) {
        signal.throwIfAborted();
        const done = await copyObject(entry, kind, { ...order, signal });
        if ('code' in done) damaged.push(done);
        else if (done.sizeBytes !== entry.sizeBytes) otherSizes.set(entry.key, done.sizeBytes);
        if ('isCopied' in done && done.isCopied) {
          objects += 1;
          bytes += done.sizeBytes;
        }
        passed += 1;
        passedBytes += entry.sizeBytes;
        order.onProgress({ objectsDone: passed, objectsTotal: entries.length, bytesDone: passedBytes, bytesTotal });
      }
    };
    const workers = Array.from({ length: parallelCopies }, () =>
      work().catch((error: unknown) => {
        failed.abort(error); // the other one ends too; the first error is the one to tell
      }),
    );
    await Promise.all(workers);
    if (failed.signal.aborted) throw failed.signal.reason;
  }
  return { objects, bytes, damaged, otherSizes };
}

/** What the second place holds then, or what is wrong with the object, which is not written then. */
async function copyObject(
  entry: RemoteEntry,
  kind: CopiedKind,
  order: CopyOrder,
): Promise<{ readonly isCopied: boolean; readonly sizeBytes: number } | ObjectProblem> {
  const { from, to, signal } = order;
  let found = await fetchProven(from, entry, kind, 'remote', order);
  if (!('body' in found)) {
    // Whatever keeps a mirror from helping, where the place has one: the problem is the one of the place.
    const elsewhere = await fetchProven(from, entry, kind, 'mirror', order).catch(() => undefined);
    signal.throwIfAborted();
    if (elsewhere !== undefined && 'body' in elsewhere) found = elsewhere;
  }
  if (!('body' in found)) {
    // Where the two differ it may be the second one that is whole.
    const there = await fetchProven(to, entry, kind, 'any', order);
    if (!('body' in there)) return found;
    await there.forget();
    return { isCopied: false, sizeBytes: there.sizeBytes };
  }
  try {
    await to.put(entry.key, found.body, { signal });
  } finally {
    await found.forget();
  }
  return { isCopied: true, sizeBytes: found.sizeBytes };
}

interface Fetched {
  readonly body: RemoteBody;
  readonly sizeBytes: number;
  /** Gives back the memory or the file. */
  readonly forget: () => Promise<void>;
}

/** Whether these bytes are the object of this name: by the hash in it, and by what the order asks for beyond. */
export async function isProven(
  key: RemoteKey,
  stored: Uint8Array,
  isGenuine: CopyOrder['isGenuine'],
): Promise<boolean> {
  const hash = hashInName(key);
  return (hash === undefined || sha256Hex(stored) === hash) && (await isGenuine(key, stored));
}

async function fetchProven(
  remote: Pick<Remote, 'get'>,
  entry: RemoteEntry,
  kind: CopiedKind,
  copies: Copies,
  order: CopyOrder,
): Promise<Fetched | ObjectProblem> {
  const { key } = entry;
  const { isGenuine, signal } = order;
  try {
    if (entry.sizeBytes > inMemoryBytes && kind === 'data') return await fetchByFile(remote, entry, copies, order);
    const bytes = await remote.get(key, { maxBytes: maxBytesOf[kind], copies, signal });
    if (!(await isProven(key, bytes, isGenuine))) return unproven(key, bytes.length);
    return { body: bytes, sizeBytes: bytes.length, forget: async () => release(bytes) };
  } catch (error) {
    const problem = problemFrom(key, error);
    if (problem === undefined) throw error;
    return problem;
  }
}

async function fetchByFile(
  remote: Pick<Remote, 'get'>,
  { key, sizeBytes }: RemoteEntry,
  copies: Copies,
  { temporaryFolder, signal }: CopyOrder,
): Promise<Fetched | ObjectProblem> {
  if (sizeBytes > maxBytesOf.data) {
    const detail = `${sizeBytes} bytes, packs have at most ${maxBytesOf.data}`;
    return { key, code: 'E_OBJECT_LIMIT', detail };
  }
  const path = join(temporaryFolder, `copy-${hashInName(key)}`);
  const forget = (): Promise<void> => rm(path, { force: true });
  try {
    const hash = createHash('sha256');
    const file = await open(path, 'w', privateFile);
    try {
      for (let offset = 0; offset < sizeBytes; offset += inMemoryBytes) {
        const length = Math.min(inMemoryBytes, sizeBytes - offset);
        const piece = await remote.get(key, { maxBytes: length, offset, length, copies, signal });
        hash.update(piece);
        await file.writeFile(piece);
        release(piece);
      }
    } finally {
      await file.close();
    }
    if (toHex(hash.digest()) === hashInName(key)) return { body: { path, sizeBytes }, sizeBytes, forget };
  } catch (error) {
    await forget();
    throw error;
  }
  await forget();
  return unproven(key, sizeBytes);
}

function unproven(key: RemoteKey, sizeBytes: number): ObjectProblem {
  return { key, code: 'E_OBJECT_ID', detail: `its ${sizeBytes} bytes are not what its name promises` };
}
