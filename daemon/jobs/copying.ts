// Whole places on the engine's side: the opened backup copied to another place, and what the opened place lost or holds damaged put back from
// a copy of it. Only bytes are put back that are proven: by the hash in the name, which an index or a head of this backup vouches for, or
// by the backup's own seal. What a place lacks is deleted nowhere, so that one which hides something cannot have it taken from its copies;
// a mirror loses only the locks that this computer replaced itself and names.

import { isCode, SignetError } from '../base/errors.ts';
import { type HeadSet, readHeads, settledIn } from '../heads/heads.ts';
import type { Remote, RemoteEntry } from '../remotes/remote.ts';
import type { ObjectProblem, Repository, RepositoryLock, SnapshotId } from '../repository/model.ts';
import {
  type CopyProgress,
  configDigest,
  copyObjects,
  copyPlace,
  inspectTarget,
  isProven,
  listPlace,
  maxObjectBytes,
  type PlaceListing,
} from '../repository/repository.ts';
import type { Witness } from '../state/model.ts';
import { isVaultKey } from '../vault/vault.ts';
import type { EngineProgress } from './engine-messages.ts';
import { findLostTrees } from './verify.ts';

export interface CopyContext {
  /** Of the opened place, with its mirrors. */
  readonly remote: Remote;
  readonly repository: Repository;
  readonly temporaryFolder: string;
  readonly onProgress: (step: EngineProgress) => void;
  readonly signal: AbortSignal;
}

/** What proves an object. */
interface ProofContext extends Pick<CopyContext, 'signal'> {
  readonly repository: Pick<Repository, 'isGenuine'>;
}

export interface CopyOutcome {
  readonly objects: number;
  readonly bytes: number;
  /** What the opened place and its mirrors cannot give whole. */
  readonly problems: readonly ObjectProblem[];
  /** `configDigest`: says later which backup is meant. */
  readonly config: string;
}

/** 'new': nothing is known of the place yet; 'again': it holds a copy that is to be whole; 'after-backup': as cheaply as it goes. */
export type CopyOccasion = 'new' | 'again' | 'after-backup';

/**
 * @param order.occasion a new place is looked at whole, while prune by other computers is held off
 * @throws E_TARGET_NOT_EMPTY (params.what: 'another' | 'others') when it holds something else, E_USAGE when it is the opened place itself;
 *   nothing is written then · E_REPOSITORY_LOCKED · the problem of an object without which the copy would open for nobody · what the
 *   remotes throw; what was copied stays, and is not copied again
 */
export async function copyTo(
  other: Remote,
  context: CopyContext,
  order: { readonly occasion: CopyOccasion; readonly place: string },
): Promise<CopyOutcome> {
  const { remote, repository } = context;
  const lock = order.occasion === 'new' ? await sharedLock(repository, context.signal) : undefined;
  const signal = lock === undefined ? context.signal : AbortSignal.any([context.signal, lock.signal]);
  try {
    const isOwnConfig = (stored: Uint8Array): Promise<boolean> => repository.isGenuine('config', stored);
    await refuseOthers(other, remote, isOwnConfig, order, signal);
    if (lock !== undefined && (await other.stat(lock.key, { signal })) !== undefined) throw samePlace(other);
    const { objects, bytes, damaged } = await copyPlace({
      from: remote,
      to: other,
      isGenuine: (key, stored) => key !== 'config' || isOwnConfig(stored),
      temporaryFolder: context.temporaryFolder,
      onProgress: done => context.onProgress(stepOf(done)),
      isTrusted: order.occasion === 'after-backup',
      signal,
    });
    const vital = damaged.find(({ key }) => key === 'config' || key === `keys/${repository.keyFileId}`);
    if (vital !== undefined) throw new SignetError(vital.code, `${vital.key}: ${vital.detail}`);
    return { objects, bytes, problems: damaged, config: await configDigest(other, { signal }) };
  } finally {
    await lock?.release();
  }
}

/** A place that takes nothing any more is one to move away from: then copying does without the lock, which is advice. */
async function sharedLock(repository: Repository, signal: AbortSignal): Promise<RepositoryLock | undefined> {
  try {
    return await repository.lock('shared', { signal });
  } catch (error) {
    if (isCode(error, 'E_REMOTE_FULL') || isCode(error, 'E_REMOTE_DENIED')) return undefined;
    throw error;
  }
}

async function refuseOthers(
  other: Remote,
  remote: Remote,
  isOwnConfig: (stored: Uint8Array) => Promise<boolean>,
  { occasion, place }: Parameters<typeof copyTo>[2],
  signal: AbortSignal,
): Promise<void> {
  // What a copy broke off before is told by what the two have in common; a whole one by its config alone.
  const isWhole = occasion !== 'new' && (await other.stat('config', { signal })) !== undefined;
  const source: PlaceListing = isWhole ? new Map() : await listPlace(remote, { signal });
  const state = await inspectTarget(other, source, isOwnConfig, { signal });
  if (state === 'same' || state === 'unfinished' || (state === 'empty' && occasion === 'new')) return;
  if (state === 'empty') {
    // More likely a disk that is not mounted than a copy that somebody took away: nothing is begun in its place.
    throw new SignetError('E_UNREACHABLE', `${other.label} is empty, and held a copy before`, {
      params: { remote: other.label },
    });
  }
  const what = state === 'repository' ? 'another' : 'others';
  throw new SignetError(
    'E_TARGET_NOT_EMPTY',
    `${other.label} holds ${what === 'others' ? 'other things' : 'another backup'}`,
    {
      params: { place, what },
    },
  );
}

export function samePlace(other: Pick<Remote, 'label'>): SignetError {
  return new SignetError('E_USAGE', 'the two places are one', {
    params: { detail: `${other.label} is the very place where the backup lies now: give another one` },
  });
}

/**
 * Whether the other place is the opened one under another name: only then it shows a lock that was written just now.
 *
 * @throws what keeps the lock from being written: without it nothing is certain
 */
export async function isSamePlace(other: Pick<Remote, 'stat'>, { repository, signal }: CopyContext): Promise<boolean> {
  const lock = await repository.lock('shared', { signal });
  try {
    return (await other.stat(lock.key, { signal })) !== undefined;
  } finally {
    await lock.release();
  }
}

/**
 * Takes locks out of a mirror that were replaced: those that are named, and only once the mirror itself gives whole what replaced them.
 *
 * @param order.inUse the vault and the key file that open from now on
 */
export async function removeSuperseded(
  mirror: Remote,
  { repository, signal }: ProofContext,
  order: { readonly keys: readonly string[]; readonly inUse: readonly string[] },
): Promise<{ readonly isDone: boolean }> {
  const { keys, inUse } = order;
  if (keys.some(key => inUse.includes(key) || !(isVaultKey(key) || /^keys\/[0-9a-f]{64}$/.test(key)))) {
    throw new SignetError('E_INTERNAL', 'only locks that were replaced are removed so');
  }
  for (const key of inUse) if (!(await isWhole({ remote: mirror, repository, signal }, key))) return { isDone: false };
  for (const key of keys) await mirror.remove(key, { signal });
  return { isDone: true };
}

export interface HealContext extends CopyContext {
  readonly headsKey: Uint8Array;
  readonly witness: Witness;
  /** Objects that were found damaged; they are read before anything is done about them. */
  readonly suspects: readonly string[];
}

export interface HealOutcome {
  readonly healed: number;
  /** What is lost or damaged in the opened place, and not whole in the copy either. */
  readonly problems: readonly ObjectProblem[];
}

/** To be called again with the place opened anew as long as something was healed: an index that is back names packs that may be lost too. */
export async function healFrom(mirror: Remote, context: HealContext): Promise<HealOutcome> {
  const { remote, repository, signal } = context;
  const [here, there] = [await listPlace(remote, { signal }), await listPlace(mirror, { signal })];
  const wrong = new Map<string, ObjectProblem>();
  for (const problem of await findLosses(context, mirror, here, there)) wrong.set(problem.key, problem);
  const entries = [...wrong.keys()].flatMap((key): RemoteEntry[] => {
    const entry = there.get(key);
    return entry === undefined ? [] : [entry];
  });
  const isGenuine = repository.isGenuine.bind(repository);
  const copied = await copyObjects(entries, {
    from: mirror,
    to: remote,
    isGenuine,
    temporaryFolder: context.temporaryFolder,
    onProgress: done => context.onProgress(stepOf(done)),
    signal,
  });
  const stays = new Set(copied.damaged.map(({ key }) => key));
  let healed = 0;
  for (const { key } of entries) {
    if (stays.has(key) || !(await isWhole(context, key))) continue;
    wrong.delete(key);
    healed += 1;
  }
  return { healed, problems: [...wrong.values()] };
}

async function findLosses(
  context: HealContext,
  mirror: Remote,
  here: PlaceListing,
  there: PlaceListing,
): Promise<readonly ObjectProblem[]> {
  const { remote, repository, headsKey, witness, suspects, signal } = context;
  const lost = (key: string): ObjectProblem => ({ key, code: 'E_MISSING', detail: 'the place lacks it' });
  const found: ObjectProblem[] = [];
  await repository.readIndex({ signal });
  found.push(...(await repository.checkSingleObjects({ signal })), ...(await repository.checkPacks({ signal })));
  const access = { key: headsKey, repositoryId: repository.id, signal };
  const [own, other] = [
    await readHeads({ ...access, remote, copies: 'remote' }),
    await readHeads({ ...access, remote: mirror }),
  ];
  const hidden = await headsAbove(own, mirror, access);
  found.push(...own.problems, ...hidden.filter(key => !here.has(key)).map(lost));
  found.push(...liveIn(own, other).flatMap(id => (here.has(`snapshots/${id}`) ? [] : [lost(`snapshots/${id}`)])));
  const vault = witness.vaultSha256 === null ? [] : [`signet/vault/${witness.vaultSha256}.json`];
  for (const key of new Set([...vault, ...suspects])) {
    if (here.has(key) && !(await isWhole(context, key))) {
      found.push({ key, code: 'E_OBJECT_ID', detail: 'its bytes are not what its name promises' });
    }
  }
  const vital = ['config', `keys/${repository.keyFileId}`, ...vault];
  found.push(...vital.filter(key => !here.has(key)).map(lost));
  // An index that is only in the copy was tidied up here, or lost. Lost ones leave snapshots that name what no index knows.
  const indexes = [...there.keys()].filter(key => key.startsWith('index/') && !here.has(key));
  if (indexes.length > 0 && (await findLostTrees(repository, signal))) found.push(...indexes.map(lost));
  return found;
}

/**
 * Heads in the copy that are newer than the newest of their device here, and authenticated. What is older than that one may have been tidied
 * up here.
 */
async function headsAbove(
  own: HeadSet,
  mirror: Remote,
  access: Omit<Parameters<typeof readHeads>[0], 'remote'>,
): Promise<readonly string[]> {
  const found = new Set<string>();
  // Only the first few of each device are read at a time.
  const rest: Pick<Remote, 'get' | 'list'> = {
    get: mirror.get,
    async *list(folder, options) {
      for await (const entry of mirror.list(folder, options)) if (!found.has(entry.key)) yield entry;
    },
  };
  for (;;) {
    const { heads } = await readHeads({ ...access, remote: rest });
    const above = heads.filter(({ head }) => head.seq > (own.of(head.device)?.seq ?? 0));
    if (above.length === 0) return [...found];
    for (const { key } of above) found.add(key);
  }
}

/** What the newest heads of all devices say is to be there, without what an owner gave up or had forgotten for a device that is gone. */
function liveIn(own: HeadSet, other: HeadSet): readonly SnapshotId[] {
  const settled = settledIn([...own.heads, ...other.heads]);
  const devices = new Set([...own.devices(), ...other.devices()]);
  const live = [...devices].flatMap(device => {
    const heads = [own.of(device), other.of(device)].filter(head => head !== undefined);
    return heads.toSorted((a, b) => b.seq - a.seq)[0]?.live ?? [];
  });
  return [...new Set(live)].filter(id => !settled.has(id));
}

/** As the place itself gives it. */
async function isWhole(
  { remote, repository, signal }: ProofContext & Pick<CopyContext, 'remote'>,
  key: string,
): Promise<boolean> {
  try {
    const bytes = await remote.get(key, { maxBytes: maxObjectBytes(key), copies: 'remote', signal });
    return await isProven(key, bytes, repository.isGenuine.bind(repository));
  } catch (error) {
    if (!isCode(error, 'E_MISSING') && !isCode(error, 'E_OBJECT_LIMIT')) throw error;
    return false;
  }
}

function stepOf({ objectsDone, objectsTotal, bytesDone, bytesTotal }: CopyProgress): EngineProgress {
  const bytes = { bytesDone, bytesTotal, bytesUploaded: bytesDone };
  return { phase: 'storing', filesDone: objectsDone, filesTotal: objectsTotal, ...bytes, item: '' };
}
