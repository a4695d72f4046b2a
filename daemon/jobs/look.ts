// A look whether the place shows what it must: what heads, snapshots and this computer's memory say of each other, and what is to be
// remembered of it for the next time. On the engine's side, where the keys are.

import { claimedBackup, type Finding, noSnapshot, settledIn, writeHead } from '../heads/heads.ts';
import type { StandingSnapshot, StoredHead } from '../heads/model.ts';
import type { Remote } from '../remotes/remote.ts';
import type { Repository, SnapshotId } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import { isVouchedFor, ofDevice, readHistory, type SnapshotHistory } from './history.ts';

/** What is to be there, by the newest heads that were seen. */
export interface SeenPlace {
  /** Of each device the newest. */
  readonly heads: readonly SeenHead[];
  /** Announced and neither forgotten nor given up, newest first; no more than are needed to name what goes missing. */
  readonly snapshots: readonly SeenSnapshot[];
}

export interface SeenHead {
  readonly device: string;
  /** How the device calls itself. */
  readonly label: string;
  readonly seq: number;
  readonly sha256: string;
}

export interface SeenSnapshot {
  readonly id: SnapshotId;
  readonly device: string;
  /** RFC 3339; absent where only a head names it. */
  readonly at?: string;
  readonly number?: number;
}

export interface LookOutcome {
  readonly findings: readonly Finding[];
  readonly seen: SeenPlace;
  /** Of what the order names, those that the place does not show. */
  readonly missing: readonly string[];
}

export interface LookContext {
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
  readonly witness: Witness;
  /** Ids of snapshots that this computer knew of, and SHA-256 of heads that it misses. */
  readonly remembered: readonly string[];
  readonly signal: AbortSignal;
}

/** What is missed later must have a name and a date; older ones are named by the head that is found. */
const mostSeen = 1000;

export async function lookAtPlace(context: LookContext): Promise<LookOutcome> {
  return lookOutcome(await readHistory(context), context.remembered);
}

/** @param own the head that was written after the look, and the snapshot it announces where that is a new one */
export function lookOutcome(
  history: Pick<SnapshotHistory, 'heads' | 'snapshots' | 'findings'>,
  remembered: readonly string[],
  own?: { readonly stored: StoredHead; readonly made?: SeenSnapshot | undefined },
): LookOutcome {
  const shown = new Set<string>(history.snapshots.map(({ id }) => id));
  for (const { sha256 } of history.heads.listed) shown.add(sha256);
  if (own?.made !== undefined) shown.add(own.made.id);
  return {
    findings: history.findings,
    seen: seenOf(history, own),
    missing: remembered.filter(id => !shown.has(id)),
  };
}

function seenOf(
  { heads, snapshots }: Pick<SnapshotHistory, 'heads' | 'snapshots'>,
  own: Parameters<typeof lookOutcome>[2],
): SeenPlace {
  const written = own?.stored;
  const others = heads.devices().filter(device => device !== written?.head.device);
  const newest = heads.heads.filter(
    ({ sha256, head }) => others.includes(head.device) && heads.markOf(head.device)?.sha256 === sha256,
  );
  const all = [...(written === undefined ? [] : [written]), ...newest];
  const settled = settledIn([...heads.heads, ...(written === undefined ? [] : [written])]);
  const known = new Map<string, SeenSnapshot>(snapshots.map(each => [each.id, seenSnapshot(each)]));
  if (own?.made !== undefined) known.set(own.made.id, own.made);
  const expected = all.flatMap(({ head }) =>
    head.live.filter(id => !settled.has(id)).map(id => ({ device: head.device, ...known.get(id), id })),
  );
  return {
    heads: all.map(({ sha256, head: { device, label, seq } }) => ({ device, label, seq, sha256 })),
    snapshots: expected.toSorted((a, b) => timeOf(b) - timeOf(a)).slice(0, mostSeen),
  };
}

function seenSnapshot({ id, snapshot, standing }: StandingSnapshot): SeenSnapshot {
  const claimed = isVouchedFor({ id, snapshot, standing }) ? claimedBackup(snapshot) : undefined;
  return { id, at: snapshot.time, device: claimed?.device ?? '', ...(claimed && { number: claimed.seq }) };
}

/** One that only a head names is as new as can be: it is what goes missing first. */
function timeOf({ at }: SeenSnapshot): number {
  const time = at === undefined ? Number.NaN : Date.parse(at);
  return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time;
}

export interface AcknowledgeContext extends LookContext {
  readonly device: { readonly id: string; readonly label: string };
  /** Ids of snapshots and findings that its owner decided about. */
  readonly ids: readonly string[];
  /** Own snapshots that were announced, by a head that may be hidden now. */
  readonly known: readonly SnapshotId[];
  /** RFC 3339. */
  readonly time: string;
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * Writes the next head of this device with the decision in it and reads it back: from here on it counts on every device. Nothing is
 * removed.
 *
 * @throws E_VERSION when a device demands a newer writer · what locking and the remote throw
 */
export async function acknowledge(context: AcknowledgeContext): Promise<LookOutcome & { readonly witness: Witness }> {
  const { remote, repository, witness, device, ids, known, time, randomBytes } = context;
  const lock = await repository.lock('shared', { signal: context.signal });
  try {
    const signal = AbortSignal.any([context.signal, lock.signal]);
    await repository.refreshIndex({ signal });
    const history = await readHistory({ ...context, signal });
    const { heads, snapshots, headsKey } = history;
    const own = heads.of(device.id);
    const written = await writeHead({
      ...headsKey,
      remote,
      heads,
      snapshots,
      device,
      seq: Math.max(own?.seq ?? 0, witness.ownHead?.seq ?? 0) + 1,
      snapshot: ofDevice(snapshots, device.id)[0]?.id ?? own?.snapshot ?? noSnapshot,
      time,
      witness,
      extent: repository.extent(),
      acknowledged: ids,
      known,
      randomBytes,
      signal,
    });
    const after = await readHistory({ ...context, witness: written.witness, signal });
    return { ...lookOutcome(after, context.remembered), witness: written.witness };
  } finally {
    await lock.release();
  }
}
