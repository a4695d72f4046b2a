// Heads: after each backup a device leaves a sealed, numbered, chained note of what is there now (docs/format.md "Heads"). The restic
// format cannot tell that newer snapshots were hidden; heads and this machine's memory of them can. This door writes and reads them;
// what they mean together is in compare.ts, and what to do about it is decided by the jobs.

import { SignetError } from '../base/errors.ts';
import { type Copies, putProven, type Remote, type RemoteKey } from '../remotes/remote.ts';
import type { ObjectProblem, RepositoryExtent, SnapshotId } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import {
  formatVersion,
  headKey,
  headSha256,
  headsFolder,
  maxHeadBytes,
  nonceBytes,
  openHead,
  parseHeadKey,
  sealHead,
} from './head-file.ts';
import { HeadSet, unannouncedOf } from './head-set.ts';
import type { Head, HeadMark, HeadsKey, ListedHead, StandingSnapshot, StoredHead } from './model.ts';

export {
  acknowledgedIn,
  classifySnapshot,
  compareWithWitness,
  findingId,
  type KnownHeads,
  settledIn,
} from './compare.ts';
export { formatVersion, headsLabel, parseHeadKey } from './head-file.ts';
export type { HeadSet } from './head-set.ts';
export type { Finding, Head, SnapshotStanding } from './model.ts';
export { claimedBackup, readTags, snapshotTags } from './tags.ts';

/** Names beyond this are not looked at; a device keeps 32, so this is room for hundreds of devices and much junk. */
const mostListed = 20_000;
const mostDevices = 256;
const keptPerDevice = 32;
/** What the head of a device names that made no backup yet, and only decides. */
export const noSnapshot = '0'.repeat(64) as SnapshotId;
/** A quarter of the largest head. */
const mostAcknowledged = 4000;
/** Authenticated heads read of each device, and objects tried for them: junk names must not cost a download each. */
const readPerDevice = 2;
const triedPerDevice = 16;

/** The place, and what opens its heads. */
export interface HeadsAccess extends HeadsKey {
  readonly remote: Pick<Remote, 'label' | 'put' | 'get'>;
  readonly signal?: AbortSignal | undefined;
}

export interface HeadsReading extends Omit<HeadsAccess, 'remote'> {
  readonly remote: Pick<Remote, 'get' | 'list' | 'local'>;
  /** What the place showed when it was looked at as a whole; without it the place is listed. */
  readonly shown?: Pick<Remote, 'list'> | undefined;
  /** 'remote' to read from the place what is at hand as well. */
  readonly copies?: Copies | undefined;
}

/** What one backup adds to what was known before it. */
export interface HeadOrder extends HeadsAccess {
  /** As read at the start of this backup, under its lock. */
  readonly heads: HeadSet;
  readonly snapshots: readonly StandingSnapshot[];
  readonly device: { readonly id: string; readonly label: string };
  /** Above every number this device used. */
  readonly seq: number;
  readonly snapshot: SnapshotId;
  /** RFC 3339. */
  readonly time: string;
  readonly witness: Witness;
  readonly extent: RepositoryExtent;
  /** Own snapshots that were removed since the previous head, or others' at the user's word. */
  readonly gone?: Head['gone'];
  /** Decisions of the user since the previous head: ids of snapshots and findings. */
  readonly acknowledged?: readonly string[];
  /** Own snapshots that this machine knows to have been announced, by a head that may be hidden now. */
  readonly known?: readonly SnapshotId[];
  readonly randomBytes: (count: number) => Uint8Array;
}

export interface WrittenHead {
  readonly stored: StoredHead;
  /** What this machine is to remember from now on. */
  readonly witness: Witness;
  /** Own heads beyond the last 32, to be removed now unless an alarm stands. */
  readonly removable: readonly RemoteKey[];
}

/**
 * Writes the next head of this device and reads it back; only then the backup counts.
 *
 * @throws E_VERSION when a head demands a newer writer · E_OBJECT_ID when the place gives other bytes back · E_OBJECT_LIMIT · what
 *   the remote throws
 */
export async function writeHead(order: HeadOrder): Promise<WrittenHead> {
  const { remote, key, repositoryId, signal } = order;
  if (!order.heads.isWritable) {
    throw new SignetError('E_VERSION', `a device demands a newer writer; this program writes format ${formatVersion}`);
  }
  const head = nextHead(order);
  const bytes = sealHead(key, repositoryId, head, order.randomBytes(nonceBytes));
  const sha256 = headSha256(bytes);
  const name = headKey(head.device, head.seq, sha256);
  await putProven(remote, name, bytes, { keep: true, signal });
  return {
    stored: { key: name, sha256, head },
    witness: { ...order.witness, ownHead: { seq: head.seq, sha256 }, seen: highestSeen(order) },
    removable: planHeadRemoval(order.heads.listed, head),
  };
}

/**
 * The head that follows. What the previous one named stays named, also when the place does not show it now: a snapshot leaves `live`
 * only by being forgotten here, so that one which was hidden stays missed.
 */
export function nextHead(order: Omit<HeadOrder, 'remote' | 'randomBytes' | keyof HeadsKey>): Head {
  const { heads, snapshots, device, seq, snapshot, time, witness, extent } = order;
  const own = heads.of(device.id);
  const gone = order.gone ?? [];
  const forgotten = new Set(gone.map(({ id }) => id));
  const cutOff = unannouncedOf(device.id, snapshots).map(({ id }) => id);
  // Another device's stay in its own head's `live`: that they are meant to be gone is carried on.
  const ofOthers = gone.map(({ id }) => id).filter(id => own?.live.includes(id) !== true);
  const decisions = [...(own?.acknowledged ?? []), ...ofOthers, ...(order.acknowledged ?? [])];
  const { acknowledged, dropped } = boundedDecisions(decisions);
  // What the newest head here names counts; only while that one is hidden, this machine's memory stands in for it.
  const isHidden = (witness.ownHead?.seq ?? 0) > (own?.seq ?? 0);
  const known = isHidden ? (order.known ?? []) : [];
  const present = new Set(snapshots.map(({ id }) => id));
  const beside = heads.besideOf(device.id).filter(id => present.has(id));
  const made = snapshot === noSnapshot ? [] : [snapshot];
  const named = new Set([...(own?.live ?? []), ...beside, ...known, ...cutOff, ...made]);
  const live = [...named].filter(id => !forgotten.has(id) && (id === snapshot || present.has(id) || !dropped.has(id)));
  return {
    device: device.id,
    label: device.label.slice(0, 64).toWellFormed(),
    seq,
    time,
    snapshot,
    live,
    gone,
    extent,
    vaultSha256: witness.vaultSha256,
    previous: previousHead(heads.markOf(device.id), witness),
    seen: seenMarks(heads, device.id),
    acknowledged,
    minReader: formatVersion,
    minWriter: formatVersion,
  };
}

/** A head stays readable however often its owner decides: the oldest decisions go, and missing snapshots they were about are not named any more. */
function boundedDecisions(ids: readonly string[]): {
  readonly acknowledged: readonly string[];
  readonly dropped: ReadonlySet<string>;
} {
  const all = [...new Set(ids)];
  const first = Math.max(0, all.length - mostAcknowledged);
  return { acknowledged: all.slice(first), dropped: new Set(all.slice(0, first)) };
}

/** The newest head this machine knows to be its own, shown or not: a hidden one must not drop out of the chain. */
function previousHead(found: HeadMark | undefined, { ownHead }: Witness): string | null {
  if (ownHead !== null && ownHead.seq >= (found?.seq ?? 0)) return ownHead.sha256;
  return found?.sha256 ?? null;
}

/** Newest mark of each other device; one that was seen before and is not shown now is still said to have been seen. */
function seenMarks(heads: HeadSet, self: string): Readonly<Record<string, HeadMark>> {
  const seen: Record<string, HeadMark> = { ...heads.of(self)?.seen };
  for (const device of heads.devices()) {
    const mark = heads.markOf(device);
    if (device !== self && mark !== undefined && mark.seq >= (seen[device]?.seq ?? 0)) seen[device] = mark;
  }
  return seen;
}

function highestSeen({ heads, device, witness }: HeadOrder): Readonly<Record<string, number>> {
  const seen: Record<string, number> = { ...witness.seen };
  for (const other of heads.devices()) {
    const seq = heads.of(other)?.seq ?? 0;
    if (other !== device.id) seen[other] = Math.max(seq, seen[other] ?? 0);
  }
  return seen;
}

/**
 * The newest heads of every device. Junk is reported and passed over; nothing is removed.
 *
 * @throws E_VERSION when an authenticated head demands a newer reader: then nothing may be done with this repository · what the
 *   remote throws
 */
export async function readHeads(access: HeadsReading): Promise<HeadSet> {
  const problems: ObjectProblem[] = [];
  const listed = await listHeads(access, problems);
  const names = new Set(listed.map(({ sha256 }) => sha256));
  await access.remote.local?.keepOnly(headsFolder, sha256 => names.has(sha256));
  const byDevice = Map.groupBy(listed, ({ device }) => device);
  const heads: StoredHead[] = [];
  for (const [device, own] of [...byDevice].slice(0, mostDevices)) {
    heads.push(...(await readDevice(access, { device, own, problems })));
  }
  if (byDevice.size > mostDevices) {
    problems.push({
      key: headsFolder,
      code: 'E_OBJECT_LIMIT',
      detail: `${byDevice.size} devices, ${mostDevices} were read`,
    });
  }
  return new HeadSet({ heads, problems, listed });
}

async function listHeads(
  { remote, shown = remote, signal }: HeadsReading,
  problems: ObjectProblem[],
): Promise<ListedHead[]> {
  const listed: ListedHead[] = [];
  let count = 0;
  for await (const { key, sizeBytes } of shown.list(headsFolder, { signal })) {
    if (++count > mostListed) {
      problems.push({ key: headsFolder, code: 'E_OBJECT_LIMIT', detail: `more than ${mostListed} objects` });
      break;
    }
    const entry = parseHeadKey(key);
    if (entry === undefined) problems.push({ key, code: 'E_OBJECT_ID', detail: 'not the name of a head' });
    else if (sizeBytes > maxHeadBytes)
      problems.push({ key, code: 'E_OBJECT_LIMIT', detail: `${sizeBytes} bytes, at most ${maxHeadBytes}` });
    else listed.push(entry);
  }
  return listed.sort((a, b) => b.seq - a.seq || (a.sha256 < b.sha256 ? -1 : 1));
}

interface DeviceReading {
  readonly device: string;
  /** Newest first. */
  readonly own: readonly ListedHead[];
  readonly problems: ObjectProblem[];
}

/** Reads down from the newest name until two numbers are known; all heads of one number are read, for two of them are a fork. */
async function readDevice(
  access: HeadsReading,
  { device, own, problems }: DeviceReading,
): Promise<readonly StoredHead[]> {
  const heads: StoredHead[] = [];
  let tried = 0;
  for (const entry of own) {
    const numbers = new Set(heads.map(({ head }) => head.seq));
    if (numbers.size === readPerDevice && !numbers.has(entry.seq)) break;
    if (++tried > triedPerDevice) {
      problems.push({
        key: `${headsFolder}/${device}`,
        code: 'E_OBJECT_LIMIT',
        detail: `no more than ${triedPerDevice} objects were tried`,
      });
      break;
    }
    const found = await readOne(access, entry);
    if ('head' in found) heads.push(found);
    else problems.push(found);
  }
  return heads;
}

async function readOne(
  { remote, key, repositoryId, copies, signal }: HeadsReading,
  entry: ListedHead,
): Promise<StoredHead | ObjectProblem> {
  try {
    const bytes = await remote.get(entry.key, { maxBytes: maxHeadBytes, copies, keep: true, signal });
    const sha256 = headSha256(bytes);
    if (sha256 !== entry.sha256)
      return { key: entry.key, code: 'E_OBJECT_ID', detail: `its bytes have the hash ${sha256.slice(0, 8)}…` };
    const head = openHead(key, { repositoryId, device: entry.device, seq: entry.seq }, bytes);
    return { key: entry.key, sha256, head };
  } catch (error) {
    if (!(error instanceof SignetError)) throw error;
    switch (error.code) {
      case 'E_OBJECT_AUTH':
      case 'E_OBJECT_TYPE':
      case 'E_OBJECT_LIMIT':
      case 'E_MISSING':
        return { key: entry.key, code: error.code, detail: error.message };
      default:
        throw error; // E_VERSION, and what the network says
    }
  }
}

/**
 * Which of a device's own heads may go, once `newest` is written and read back: all but the last 32. Measured from the head this
 * device wrote itself, never from the listing, where anyone may put a high number.
 */
export function planHeadRemoval(
  listed: readonly ListedHead[],
  newest: { readonly device: string; readonly seq: number },
): readonly RemoteKey[] {
  return listed
    .filter(({ device, seq }) => device === newest.device && seq <= newest.seq - keptPerDevice)
    .map(({ key }) => key);
}
