// What heads, snapshots and this machine's memory say about each other. Pure; every finding is about authenticated heads only, so a
// cloud can cause "missing", never "there is more". What an owner of the backup decided about stands in some head's `acknowledged`, and is
// no finding any more on any device: snapshots by their ids, contradictions of heads by the id of the finding (docs/format.md "Heads").

import type { ErrorCode } from '../../protocol/errors.ts';
import { utf8 } from '../base/bytes.ts';
import { sha256Hex } from '../kernel/hash.ts';
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
  { heads }: Pick<HeadSet, 'heads'>,
  snapshots: readonly Pick<StandingSnapshot, 'id' | 'standing'>[],
): readonly Finding[] {
  const acknowledged = acknowledgedIn(heads);
  const found = [
    ...(known === undefined ? [] : memoryFindings(known, heads)),
    ...twoHeadsOfOneNumber(heads),
    ...brokenChains(heads),
    ...seenFindings(heads),
    ...mutualBlindness(heads),
    ...withheld(heads, snapshots),
    ...foreign(heads, snapshots),
  ];
  return found.filter(({ id }) => !acknowledged.has(id)).filter(once());
}

/** Of all devices: what its owner decided about on one counts on the others. */
export function acknowledgedIn(heads: readonly StoredHead[]): ReadonlySet<string> {
  return new Set(heads.flatMap(({ head }) => head.acknowledged));
}

/**
 * 64 hex digits that stay the same as long as the same thing is found: a head may carry them as acknowledged. Whoever words the finding
 * differently finds the same.
 *
 * @param found.about what tells it from others of its kind, such as snapshot ids; in any order
 */
export function findingId(
  found: Pick<Finding, 'device' | 'expectedSeq' | 'foundSeq'> & Named & { readonly code: ErrorCode },
): string {
  const { code, device = '', expectedSeq = '', foundSeq = '', about = [] } = found;
  return sha256Hex(utf8(`signet/finding/v1\n${[code, device, expectedSeq, foundSeq, ...about.toSorted()].join('\n')}`));
}

interface Named {
  readonly about?: readonly string[];
}

function identified({ about, ...found }: Omit<Finding, 'id'> & Named): Finding {
  return { id: findingId({ ...found, ...(about !== undefined && { about }) }), ...found };
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
  if (foundSeq < mark.seq) return [{ ...rollback(device, mark.seq, foundSeq, how), head: mark.sha256 }];
  const twins = own.filter(({ head, sha256 }) => head.seq === mark.seq && sha256 !== mark.sha256);
  const strangers = own.filter(
    ({ head }) => head.seq === mark.seq + 1 && head.previous !== mark.sha256 && !isOneOf(twins, head.previous),
  );
  const others = [...twins, ...strangers];
  if (others.length === 0) return [];
  const about = [mark.sha256, ...others.map(({ sha256 }) => sha256)];
  return [fork(device, mark.seq, `backup ${mark.seq} is another one than was known: ${how}`, { about })];
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
      : [fork(head.device, head.seq, `there are two backups ${head.seq}`, { about: [before, sha256] })];
  });
}

/**
 * Heads of one device that follow each other must name each other. One that follows the twin of a head says nothing new: that there are
 * two is told already, and when its owner has decided about that, the head with the decision follows one of them.
 */
function brokenChains(heads: readonly StoredHead[]): Finding[] {
  return heads.flatMap(({ head, sha256 }) => {
    const next = heads.filter(other => other.head.device === head.device && other.head.seq === head.seq + 1);
    const level = heads.filter(other => other.head.device === head.device && other.head.seq === head.seq);
    const strangers = next.filter(other => !isOneOf(level, other.head.previous));
    return strangers.length === 0
      ? []
      : [
          fork(head.device, head.seq + 1, `backup ${head.seq + 1} does not follow backup ${head.seq}`, {
            about: [sha256, ...strangers.map(each => each.sha256)],
          }),
        ];
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
            { about: [a.sha256, b.sha256], other: b.head.device },
          ),
        );
      }
    }
  }
  return findings;
}

function withheld(heads: readonly StoredHead[], snapshots: readonly Pick<StandingSnapshot, 'id'>[]): Finding[] {
  const settled = settledIn(heads);
  const present = new Set(snapshots.map(({ id }) => id));
  return [...newestPerDevice(heads).values()].flatMap(({ head }): Finding[] => {
    const missing = head.live.filter(id => !present.has(id) && !settled.has(id));
    if (missing.length === 0) return [];
    const detail = `${missing.length} backups that ${head.device} reported are missing`;
    return [identified({ code: 'E_WITHHELD', device: head.device, snapshots: missing, about: missing, detail })];
  });
}

/** Snapshots that nobody misses any more: forgotten, or decided about. */
export function settledIn(heads: readonly StoredHead[]): ReadonlySet<string> {
  return new Set(heads.flatMap(({ head }) => [...head.acknowledged, ...head.gone.map(({ id }) => id)]));
}

function foreign(
  heads: readonly StoredHead[],
  snapshots: readonly Pick<StandingSnapshot, 'id' | 'standing'>[],
): Finding[] {
  const acknowledged = acknowledgedIn(heads);
  const found = snapshots
    .filter(({ id, standing }) => standing === 'foreign' && !acknowledged.has(id))
    .map(({ id }) => id);
  if (found.length === 0) return [];
  const detail = `${found.length} snapshots were reported by none of the devices`;
  return [identified({ code: 'E_FOREIGN_SNAPSHOT', snapshots: found, about: found, detail })];
}

function isOneOf(heads: readonly StoredHead[], sha256: string | null): boolean {
  return heads.some(each => each.sha256 === sha256);
}

function rollback(device: string, expectedSeq: number, foundSeq: number, how: string): Finding {
  return identified({
    code: 'E_ROLLBACK',
    device,
    expectedSeq,
    foundSeq,
    detail: `backup ${expectedSeq} is missing, the newest there is ${foundSeq}: ${how}`,
  });
}

function fork(device: string, seq: number, detail: string, rest: Named & Pick<Finding, 'other'>): Finding {
  return identified({ code: 'E_FORK', device, expectedSeq: seq, detail, ...rest });
}

/** The same thing found in two ways is one finding; of a fork its owner decides about every trace. */
function once(): (finding: Finding) => boolean {
  const told = new Set<string>();
  return ({ id, code, device, expectedSeq }) => {
    const name = code === 'E_ROLLBACK' ? `${code} ${device} ${expectedSeq}` : id;
    if (told.has(name)) return false;
    told.add(name);
    return true;
  };
}
