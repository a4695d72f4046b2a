// Taking snapshots out of the backup, in the order that makes a crash harmless: exclusive lock, a fresh look in which nothing is wrong, the
// plan, a head that no longer names them, read back, this computer's memory of them, and only then their files. What a crash in between leaves are snapshots that no head
// names ('replayed'); the next time takes them. Which ones go is decided in retention.ts; their content stays until it is pruned.

import type { ForgetEntry, KeepReason } from '../../protocol/status.ts';
import { type CaptureFacts, captureFacts } from '../archive/browse.ts';
import { type Clock, rfc3339 } from '../base/clock.ts';
import { isLoss, SignetError } from '../base/errors.ts';
import { claimedBackup, noSnapshot, writeHead } from '../heads/heads.ts';
import type { StandingSnapshot } from '../heads/model.ts';
import type { Remote } from '../remotes/remote.ts';
import type { Repository, SnapshotId } from '../repository/model.ts';
import type { Witness } from '../state/model.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import { devicesOf } from './devices.ts';
import type { EngineProgress, ForgetAnnounced, ForgetOrder, ForgetOutcome } from './engine-messages.ts';
import { newestBackupAt, ofDevice, readHistory, resolveSnapshot, type SnapshotHistory } from './history.ts';
import { lookOutcome } from './look.ts';
import { quietHistory } from './quiet-place.ts';
import { type Candidate, jumpMs, keptByAge, type NewestCaptures, planRetention } from './retention.ts';

/** A head holds a megabyte; what goes beyond this takes further ones. */
const mostInOneHead = 2000;

export interface ForgetContext {
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
  readonly order: ForgetOrder;
  /** What was read of the captures in snapshots before: they never change. */
  readonly captures: Map<SnapshotId, readonly CaptureFacts[]>;
  readonly clock: Pick<Clock, 'now'>;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly onProgress: (step: EngineProgress) => void;
  /** The head is written, the files are still there. What is remembered of the place must follow first: a look by names cannot read heads. */
  readonly onAnnounced: (seen: ForgetAnnounced) => Promise<void>;
  readonly signal: AbortSignal;
}

interface Plan {
  readonly keep: readonly { readonly id: SnapshotId; readonly reasons: readonly KeepReason[] }[];
  readonly forget: readonly SnapshotId[];
}

/**
 * @throws E_ALARM when the place shows what an honest one would not, also under the lock · E_CLOCK when ages cannot be told · E_USAGE and
 *   E_NOT_FOUND for what may not be forgotten so · E_REPOSITORY_LOCKED · E_VERSION
 */
export async function runForget(context: ForgetContext): Promise<ForgetOutcome> {
  const { repository, order } = context;
  report(context, 'preparing');
  if (order.dryRun) {
    await repository.readIndex({ signal: context.signal });
    const history = await look(context, order.witness);
    return outcomeOf(context, history, await planOf(context, history), order.witness);
  }
  const lock = await repository.lock('exclusive', { signal: context.signal });
  const held = { ...context, signal: AbortSignal.any([context.signal, lock.signal]) };
  try {
    await repository.refreshIndex({ signal: held.signal });
    return await carryOut(held);
  } finally {
    await lock.release();
  }
}

async function carryOut(context: ForgetContext): Promise<ForgetOutcome> {
  let { witness } = context.order;
  const history = await look(context, witness);
  const plan = await planOf(context, history);
  const goes = new Set(plan.forget);
  const remembered = context.order.remembered.filter(id => !goes.has(id as SnapshotId));
  for (let now = history; ; now = await look(context, witness)) {
    const left = now.snapshots.filter(({ id }) => goes.has(id));
    const batch = left.slice(0, mostInOneHead);
    if (batch.length > 0) {
      witness = await announceGone(context, now, batch, witness);
      const seen = lookOutcome(await readHistory({ ...context, witness }), remembered);
      await context.onAnnounced({ ...seen, witness });
      report(context, 'deleting', goes.size - left.length, goes.size);
      await context.repository.removeSnapshots(
        batch.map(({ id }) => id),
        { signal: context.signal },
      );
    }
    if (batch.length < left.length) continue;
    const after = await readHistory({ ...context, witness });
    const outcome = outcomeOf(context, history, plan, witness);
    return { ...outcome, ...lookOutcome(after, remembered), snapshots: after.snapshots.length };
  }
}

function look({ order, ...context }: ForgetContext, witness: Witness): Promise<SnapshotHistory> {
  return quietHistory({ ...context, witness, isSynced: order.isSynced });
}

async function planOf(context: ForgetContext, history: SnapshotHistory): Promise<Plan> {
  const { order } = context;
  if (order.snapshots !== undefined) return planNamed(order, order.snapshots, history);
  const { of, rules, timeZone } = order;
  const moment = { now: momentOf(context, history), timeZone };
  const snapshots = history.snapshots.map(candidateOf);
  const own = snapshots.filter(each => each.device === of && each.standing === 'announced');
  const goes = keptByAge(own, rules, moment).size < own.length;
  const newest = goes
    ? await newestCaptures(context, history)
    : { complete: new Set<never>(), verified: new Set<never>() };
  return planRetention({ snapshots, device: of, rules, moment, newest });
}

/**
 * What ages are measured against: the newest backup of the device, or the clock where that is behind. A backup that lies days ahead says
 * that the clock was wrong, then or now.
 */
function momentOf({ order, clock }: ForgetContext, history: SnapshotHistory): number {
  const newestAt = newestBackupAt(history, order.of);
  if (newestAt === undefined && order.of !== order.device.id) {
    throw new SignetError('E_USAGE', 'no such device', {
      params: {
        detail: `no computer with the id ${order.of} backs up here`,
        advice: '`signet status --json` lists them under `devices`.',
      },
    });
  }
  const now = clock.now();
  const at = newestAt ?? now;
  if (at - now > jumpMs && !(at <= order.trustedUpTo)) {
    throw new SignetError('E_CLOCK', 'the newest backup lies days ahead of the clock', { params: { ahead: at - now } });
  }
  return Math.min(at, now);
}

function planNamed(order: ForgetOrder, names: readonly string[], { snapshots }: SnapshotHistory): Plan {
  const [newest] = ofDevice(snapshots, order.device.id);
  const forget = new Set<SnapshotId>();
  for (const name of names) {
    const found = resolveSnapshot(snapshots, name);
    const { device } = candidateOf(found);
    if (device !== undefined && device !== order.of) {
      const whose = device === order.device.id ? '' : ` --device ${device}`;
      throw refused(`the backup ${name} is of another computer`, `Forget it with \`signet forget ${name}${whose}\`.`);
    }
    if (found.id === newest?.id) {
      throw refused(`the backup ${name} is the newest of this computer`, 'It stays: the next backup continues it.');
    }
    forget.add(found.id);
  }
  const keep = snapshots.filter(({ id }) => !forget.has(id)).map(({ id }) => ({ id, reasons: ['not-named'] as const }));
  return { keep, forget: snapshots.filter(({ id }) => forget.has(id)).map(({ id }) => id) };
}

function refused(detail: string, advice: string): SignetError {
  return new SignetError('E_USAGE', detail, { params: { detail, advice } });
}

function candidateOf({ id, snapshot, standing }: StandingSnapshot): Candidate<SnapshotId> {
  const claimed = standing === 'foreign' ? undefined : claimedBackup(snapshot);
  return { id, standing, at: Date.parse(snapshot.time), device: claimed?.device, seq: claimed?.seq ?? 0 };
}

/**
 * Per source the newest snapshot with a complete capture, and with a verified one. Manifests are read from the newest snapshot on, until
 * each source has both; one that is damaged says nothing.
 */
async function newestCaptures(
  context: ForgetContext,
  { snapshots }: SnapshotHistory,
): Promise<NewestCaptures<SnapshotId>> {
  const own = ofDevice(snapshots, context.order.of).filter(({ standing }) => standing === 'announced');
  const sought = new Map<string, { isComplete: boolean; isVerified: boolean }>();
  for (const source of own.flatMap(sourcesOf)) sought.set(source, { isComplete: true, isVerified: true });
  const complete = new Set<SnapshotId>();
  const verified = new Set<SnapshotId>();
  for (const [done, each] of own.entries()) {
    if (sought.size === 0) break;
    if (!sourcesOf(each).some(source => sought.has(source))) continue;
    report(context, 'checking', done, own.length);
    for (const { source, isComplete, isVerified } of await capturesIn(context, each)) {
      const wanted = sought.get(source);
      if (wanted?.isComplete && isComplete) {
        complete.add(each.id);
        wanted.isComplete = false;
      }
      if (wanted?.isVerified && isVerified) {
        verified.add(each.id);
        wanted.isVerified = false;
      }
      if (wanted?.isComplete === false && !wanted.isVerified) sought.delete(source);
    }
  }
  return { complete, verified };
}

function sourcesOf({ snapshot }: StandingSnapshot): readonly string[] {
  return snapshot.paths.map(path => path.replace(/^\//, ''));
}

async function capturesIn(
  { repository, captures, signal }: ForgetContext,
  { id, snapshot }: StandingSnapshot,
): Promise<readonly CaptureFacts[]> {
  const known = captures.get(id);
  if (known !== undefined) return known;
  signal.throwIfAborted();
  try {
    const facts = await captureFacts(repository, snapshot.tree, signal);
    captures.set(id, facts);
    return facts;
  } catch (error) {
    if (!isLoss(error)) throw error;
    return [];
  }
}

/** The head that no longer names them, read back; what came back after it was forgotten needs none. */
async function announceGone(
  context: ForgetContext,
  history: SnapshotHistory,
  batch: readonly StandingSnapshot[],
  witness: Witness,
): Promise<Witness> {
  const { remote, repository, order, clock, randomBytes, signal } = context;
  const { device } = order;
  const isNamed = ({ standing, snapshot }: StandingSnapshot): boolean =>
    standing !== 'replayed' || claimedBackup(snapshot)?.device !== device.id;
  const named = batch.filter(isNamed);
  if (named.length === 0) return witness;
  const goes = new Set(named.map(({ id }) => id));
  const newest = ofDevice(history.snapshots, device.id).find(({ id }) => !goes.has(id));
  const own = history.heads.of(device.id);
  const reason = order.snapshots === undefined ? 'age' : 'named';
  const written = await writeHead({
    ...history.headsKey,
    remote,
    heads: history.heads,
    snapshots: history.snapshots,
    device,
    seq: Math.max(own?.seq ?? 0, witness.ownHead?.seq ?? 0) + 1,
    snapshot: newest?.id ?? noSnapshot,
    // Of the backup, not of now: ages are measured against it, and nothing grows older by being looked at.
    time: own?.time ?? newest?.snapshot.time ?? rfc3339(clock.now()),
    witness,
    extent: repository.extent(),
    gone: named.map(({ id }) => ({ id, reason })),
    // The other device's head goes on naming its own, for good where that device is lost: this says that it was meant.
    acknowledged: order.of === device.id ? [] : [...goes],
    randomBytes,
    signal,
  });
  // No failure: a place may forbid removing, and the next backup tries again.
  for (const key of written.removable) await remote.remove(key).catch(() => undefined);
  return written.witness;
}

function outcomeOf(
  { order }: ForgetContext,
  history: SnapshotHistory,
  { keep, forget }: Plan,
  witness: Witness,
): ForgetOutcome {
  const byId = new Map(history.snapshots.map(each => [each.id, each]));
  const entry = (id: SnapshotId, reasons: readonly KeepReason[]): ForgetEntry[] => {
    const found = byId.get(id);
    if (found === undefined) return [];
    const { snapshot, standing } = found;
    const number = standing === 'foreign' ? undefined : claimedBackup(snapshot)?.seq;
    const named = number === undefined ? {} : { number };
    return [{ id, at: snapshot.time, device: snapshot.hostname, ...named, reasons }];
  };
  const goes = bounded(
    forget.flatMap(id => entry(id, [])),
    inAnswer,
  );
  const stays = bounded(
    keep.flatMap(({ id, reasons }) => entry(id, reasons)),
    inAnswer,
  );
  const newestAt = newestBackupAt(history, witness.device);
  return {
    keep: stays.listed,
    forget: goes.listed,
    ...moreOf({ keep: stays.more, forget: goes.more }),
    ...lookOutcome(history, order.remembered),
    witness,
    snapshots: history.snapshots.length,
    devices: devicesOf(history),
    ...(newestAt !== undefined && !Number.isNaN(newestAt) && { newestAt: rfc3339(newestAt) }),
  };
}

function report({ onProgress }: ForgetContext, phase: EngineProgress['phase'], filesDone = 0, filesTotal = 0): void {
  onProgress({
    phase,
    filesDone,
    filesTotal,
    bytesDone: filesDone,
    bytesTotal: filesTotal,
    bytesUploaded: 0,
    item: '',
  });
}
