// What heads, snapshots and this machine's memory say about each other. Pure; every finding is about authenticated heads only, so a
// cloud can cause "missing", never "there is more".

import type { Snapshot, SnapshotId } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import { type HeadSet, newestPerDevice } from './head-set.ts';
import type { Finding, HeadMark, HeadsKey, SnapshotStanding, StandingSnapshot, StoredHead } from './model.ts';
import { readTags } from './tags.ts';

/** The parts of the witness that heads are measured against. */
export type KnownHeads = Pick<Witness, 'device' | 'ownHead' | 'seen'>;

/**
 * Where a snapshot stands: named by its device's newest head (announced); made by a device of this repository after its newest head,
 * by a backup that is running or was cut off (unannounced); made earlier and no longer named, so it was forgotten and has come
 * back (replayed); or not made by Signet with this key (foreign).
 */
export function classifySnapshot(
  asked: HeadsKey & {
    readonly id: SnapshotId;
    readonly snapshot: Pick<Snapshot, 'tree' | 'time' | 'tags'>;
    readonly heads: HeadSet;
  },
): SnapshotStanding {
  const { id, snapshot, heads } = asked;
  if (heads.isLive(id)) return 'announced';
  const backup = readTags(snapshot, asked);
  if (backup === undefined) return 'foreign';
  return backup.seq > (heads.of(backup.device)?.seq ?? 0) ? 'unannounced' : 'replayed';
}

/**
 * Compares what the place shows with what this machine remembers and with what the heads say of each other. Whether a finding is an
 * alarm is decided by the caller, who knows whether the place may lag.
 *
 * @param known undefined on a machine without memory: then only contradictions inside the place are found
 * @param snapshots all that can be read, with their standing
 */
export function compareWithWitness(
  known: KnownHeads | undefined,
  { heads }: HeadSet,
  snapshots: readonly Pick<StandingSnapshot, 'id' | 'standing'>[],
): readonly Finding[] {
  return [
    ...(known === undefined ? [] : memoryFindings(known, heads)),
    ...twoHeadsOfOneNumber(heads),
    ...brokenChains(heads),
    ...seenFindings(heads),
    ...mutualBlindness(heads),
    ...withheld(heads, snapshots),
    ...foreign(heads, snapshots),
  ].filter(once());
}

function memoryFindings(known: KnownHeads, heads: readonly StoredHead[]): Finding[] {
  const findings: Finding[] = [];
  const newest = newestPerDevice(heads);
  if (known.ownHead !== null)
    findings.push(...markFindings(known.device, known.ownHead, heads, 'this machine wrote it'));
  for (const [device, seq] of Object.entries(known.seen)) {
    const foundSeq = newest.get(device)?.head.seq ?? 0;
    if (foundSeq < seq) findings.push(rollback(device, seq, foundSeq, 'this machine saw it'));
  }
  return findings;
}

/** A head that someone vouches for: it, or a later one of its device that does not contradict it, must be there. */
function markFindings(device: string, mark: HeadMark, heads: readonly StoredHead[], how: string): Finding[] {
  const own = heads.filter(({ head }) => head.device === device);
  const foundSeq = Math.max(0, ...own.map(({ head }) => head.seq));
  if (foundSeq < mark.seq) return [rollback(device, mark.seq, foundSeq, how)];
  const other = own.some(({ head, sha256 }) => head.seq === mark.seq && sha256 !== mark.sha256);
  const otherBefore = own.some(({ head }) => head.seq === mark.seq + 1 && head.previous !== mark.sha256);
  return other || otherBefore
    ? [fork(device, mark.seq, `backup ${mark.seq} is another one than was known: ${how}`)]
    : [];
}

function seenFindings(heads: readonly StoredHead[]): Finding[] {
  return heads.flatMap(({ head }) =>
    Object.entries(head.seen).flatMap(([device, mark]) => markFindings(device, mark, heads, `${head.device} saw it`)),
  );
}

function twoHeadsOfOneNumber(heads: readonly StoredHead[]): Finding[] {
  const first = new Map<string, string>();
  return heads.flatMap(({ head, sha256 }) => {
    const place = `${head.device}/${head.seq}`;
    const before = first.get(place);
    first.set(place, before ?? sha256);
    return before === undefined || before === sha256
      ? []
      : [fork(head.device, head.seq, `there are two backups ${head.seq}`)];
  });
}

/** Heads of one device that follow each other must name each other. */
function brokenChains(heads: readonly StoredHead[]): Finding[] {
  return heads.flatMap(({ head, sha256 }) => {
    const next = heads.filter(other => other.head.device === head.device && other.head.seq === head.seq + 1);
    const strangers = next.filter(other => other.head.previous !== sha256);
    return strangers.length === 0
      ? []
      : [fork(head.device, head.seq + 1, `backup ${head.seq + 1} does not follow backup ${head.seq}`)];
  });
}

/**
 * Two devices that were shown different histories. When A's later head does not know B's earlier one, that one was not there yet
 * when A's later backup listed; then A's earlier head was there before it, and B's later backup must know that. If neither knows the
 * other's earlier head, the place showed them different things. (A folder that syncs both ways with delay can do that too.)
 */
function mutualBlindness(heads: readonly StoredHead[]): Finding[] {
  const findings: Finding[] = [];
  for (const a of heads) {
    for (const b of heads) {
      if (a.head.device >= b.head.device) continue;
      const unseenOfB = b.head.seq - 1 - (a.head.seen[b.head.device]?.seq ?? 0);
      const unseenOfA = a.head.seq - 1 - (b.head.seen[a.head.device]?.seq ?? 0);
      if (unseenOfA > 0 && unseenOfB > 0) {
        findings.push(
          fork(
            a.head.device,
            a.head.seq,
            `${a.head.device} and ${b.head.device} were shown different backups of each other`,
          ),
        );
      }
    }
  }
  return findings;
}

function withheld(heads: readonly StoredHead[], snapshots: readonly Pick<StandingSnapshot, 'id'>[]): Finding[] {
  const settled = new Set(heads.flatMap(({ head }) => [...head.acknowledged, ...head.gone.map(({ id }) => id)]));
  const present = new Set(snapshots.map(({ id }) => id));
  return [...newestPerDevice(heads).values()].flatMap(({ head }): Finding[] => {
    const missing = head.live.filter(id => !present.has(id) && !settled.has(id));
    if (missing.length === 0) return [];
    const detail = `${missing.length} backups that ${head.device} reported are missing`;
    return [{ code: 'E_WITHHELD', device: head.device, snapshots: missing, detail }];
  });
}

function foreign(
  heads: readonly StoredHead[],
  snapshots: readonly Pick<StandingSnapshot, 'id' | 'standing'>[],
): Finding[] {
  const acknowledged = new Set(heads.flatMap(({ head }) => head.acknowledged));
  const found = snapshots
    .filter(({ id, standing }) => standing === 'foreign' && !acknowledged.has(id))
    .map(({ id }) => id);
  if (found.length === 0) return [];
  return [
    {
      code: 'E_FOREIGN_SNAPSHOT',
      snapshots: found,
      detail: `${found.length} snapshots were reported by none of the devices`,
    },
  ];
}

function rollback(device: string, expectedSeq: number, foundSeq: number, how: string): Finding {
  return {
    code: 'E_ROLLBACK',
    device,
    expectedSeq,
    foundSeq,
    detail: `backup ${expectedSeq} is missing, the newest there is ${foundSeq}: ${how}`,
  };
}

function fork(device: string, seq: number, detail: string): Finding {
  return { code: 'E_FORK', device, expectedSeq: seq, detail };
}

/** The same thing found in two ways is one finding. */
function once(): (finding: Finding) => boolean {
  const told = new Set<string>();
  return ({ code, device, expectedSeq }) => {
    const name = `${code} ${device} ${code === 'E_FORK' ? '' : expectedSeq}`;
    if (told.has(name)) return false;
    told.add(name);
    return true;
  };
}
