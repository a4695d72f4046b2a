// Heads: after each backup a device leaves a sealed, numbered, chained note of what is there now (docs/format.md "Heads"). The restic
// format cannot tell that newer snapshots were hidden; heads and this machine's memory of them can. This door writes and reads them;
// what they mean together is in compare.ts, and what to do about it is decided by the jobs.

import { randomBytes } from 'node:crypto';
import { compareBytes } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import type { CallOptions, Remote, RemoteKey } from '../remotes/remote.ts';
import type { ObjectProblem } from '../repository/model.ts';
import { newestPerDevice } from './compare.ts';
import {
  formatVersion,
  headKey,
  headSha256,
  headsFolder,
  maxHeadBytes,
  openHead,
  parseHeadKey,
  sealHead,
} from './head-file.ts';
import type { Head, HeadMark, HeadsFound, ListedHead, StoredHead } from './model.ts';

export { classifySnapshot, compareWithWitness, type KnownHeads, newestPerDevice } from './compare.ts';
export { formatVersion, headsLabel } from './head-file.ts';
export { readTags, snapshotTags, type TaggedBackup, type TagKey } from './tags.ts';

/** Names beyond this are not looked at; a device keeps 32, so this is room for hundreds of devices and much junk. */
const mostListed = 20_000;
const mostDevices = 256;
const keptPerDevice = 32;
/** Authenticated heads read of each device, and objects tried for them: junk names must not cost a download each. */
const readPerDevice = 2;
const triedPerDevice = 16;

/**
 * Writes the head and reads it back.
 *
 * @param key 32 bytes, label signet/heads/v1
 * @throws E_OBJECT_ID when the place gives other bytes back · E_OBJECT_LIMIT · what the remote throws
 */
export async function writeHead(
  remote: Pick<Remote, 'put' | 'get'>,
  key: Uint8Array,
  repositoryId: string,
  head: Head,
  options: CallOptions & { randomBytes?: (count: number) => Uint8Array } = {},
): Promise<StoredHead> {
  const { signal } = options;
  const bytes = sealHead(key, repositoryId, head, (options.randomBytes ?? randomBytes)(12));
  const sha256 = headSha256(bytes);
  const name = headKey(head.device, head.seq, sha256);
  await remote.put(name, bytes, { signal });
  const stored = await remote.get(name, { signal, maxBytes: maxHeadBytes });
  if (compareBytes(stored, bytes) !== 0) {
    throw new SignetError(
      'E_OBJECT_ID',
      `${name}: read back ${stored.length} bytes that are not the ${bytes.length} written`,
    );
  }
  return { key: name, sha256, head };
}

/**
 * The newest heads of every device. Junk is reported and passed over; nothing is removed.
 *
 * @param key 32 bytes, label signet/heads/v1
 * @throws E_VERSION when an authenticated head demands a newer reader: then nothing may be done with this repository · what the
 *   remote throws
 */
export async function readHeads(
  remote: Pick<Remote, 'list' | 'get'>,
  key: Uint8Array,
  repositoryId: string,
  options: CallOptions = {},
): Promise<HeadsFound> {
  const problems: ObjectProblem[] = [];
  const listed = await listHeads(remote, problems, options);
  const byDevice = Map.groupBy(listed, ({ device }) => device);
  const heads: StoredHead[] = [];
  for (const [device, own] of [...byDevice].slice(0, mostDevices)) {
    heads.push(...(await readDevice(remote, key, repositoryId, { device, own, problems, options })));
  }
  if (byDevice.size > mostDevices) {
    problems.push({
      key: headsFolder,
      code: 'E_OBJECT_LIMIT',
      detail: `${byDevice.size} devices, ${mostDevices} were read`,
    });
  }
  return { heads, problems, listed, writable: heads.every(({ head }) => head.minWriter <= formatVersion) };
}

async function listHeads(
  remote: Pick<Remote, 'list'>,
  problems: ObjectProblem[],
  options: CallOptions,
): Promise<ListedHead[]> {
  const listed: ListedHead[] = [];
  let count = 0;
  for await (const { key, sizeBytes } of remote.list(headsFolder, options)) {
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
  readonly options: CallOptions;
}

/** Reads down from the newest name until two numbers are known; all heads of one number are read, for two of them are a fork. */
async function readDevice(
  remote: Pick<Remote, 'get'>,
  key: Uint8Array,
  repositoryId: string,
  { device, own, problems, options }: DeviceReading,
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
    const found = await readOne(remote, key, repositoryId, entry, options);
    if ('head' in found) heads.push(found);
    else problems.push(found);
  }
  return heads;
}

async function readOne(
  remote: Pick<Remote, 'get'>,
  key: Uint8Array,
  repositoryId: string,
  entry: ListedHead,
  options: CallOptions,
): Promise<StoredHead | ObjectProblem> {
  try {
    const bytes = await remote.get(entry.key, { ...options, maxBytes: maxHeadBytes });
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

/**
 * What the next head of `self` says it has seen: the newest authenticated head of each other device. One that was seen before and is
 * not shown now is still said to have been seen, so that hiding it stays visible.
 */
export function seenMarks(heads: readonly StoredHead[], self: string): Readonly<Record<string, HeadMark>> {
  const newest = newestPerDevice(heads);
  const seen: Record<string, HeadMark> = { ...newest.get(self)?.head.seen };
  for (const [device, { head, sha256 }] of newest) {
    if (device !== self && head.seq >= (seen[device]?.seq ?? 0)) seen[device] = { seq: head.seq, sha256 };
  }
  return seen;
}
