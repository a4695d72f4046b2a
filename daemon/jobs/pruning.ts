// Freeing the room of what no snapshot needs, in two steps that are 48 hours apart: what is not needed is taken out of the index now, and its
// packs are deleted once this computer has seen them unnamed for so long. How that is done safely is the repository's; here is the order
// around it: exclusive lock, a fresh look in which nothing is wrong, the plan, what is due to go, then what is to be let go.

import type { RepairResult } from '../../protocol/status.ts';
import type { Clock } from '../base/clock.ts';
import { isCode } from '../base/errors.ts';
import type { Remote } from '../remotes/remote.ts';
import type { PackFile, PackId, PrunePlan, Repository, SnapshotId, Upkeep, UpkeepStep } from '../repository/model.ts';
import { deletable, type UnnamedNotes, unnamedMs } from '../repository/repository.ts';
import type { Witness } from '../state/model.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import type { EngineProgress, PruneOrder, PruneOutcome } from './engine-messages.ts';
import { quietHistory } from './quiet-place.ts';

/** More than any place holds; what goes beyond waits. */
const mostNotes = 200_000;

export interface PruneContext {
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
  readonly clock: Pick<Clock, 'now'>;
  readonly onProgress: (step: EngineProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * @throws E_ALARM when the place shows what an honest one would not, also under the lock · E_REPOSITORY_LOCKED · E_MISSING and E_OBJECT_*
 *   when anything that a snapshot needs cannot be read: then nothing is let go · E_VERSION
 */
export async function runPrune(context: PruneContext, order: PruneOrder): Promise<PruneOutcome> {
  return underLock(context, order, async (held, known) => {
    const { repository, clock } = held;
    const calls = { signal: held.signal, onProgress: stepTo(held), known };
    const plan = await repository.planPrune(calls);
    const seen = deletable(plan.unnamed, notesOf(order), clock.now());
    const due = order.mayDelete ? seen.now : [];
    const stays = order.mayDelete ? seen.waiting : plan.unnamed;
    if (order.dryRun) {
      const waiting = [...stays, ...plan.drop, ...plan.repack];
      const nextAt = seen.nextAt ?? (waiting.length > stays.length ? clock.now() + unnamedMs : undefined);
      return {
        ...resultOf(plan, due, waiting, order.mayDelete ? nextAt : undefined),
        notes: noted(seen.notes),
        sizeBytes: repository.size().packBytes,
      };
    }
    // First what frees room: what is collected needs some.
    const deleted = due.length === 0 ? [] : await repository.deleteUnnamed(due, calls);
    const { done, unnamed } = await letGo(held, plan, calls);
    const gone = new Set(deleted.map(({ id }) => id));
    const after = deletable(
      unnamed.filter(({ id }) => !gone.has(id)),
      seen.notes,
      clock.now(),
    );
    const nextAt = order.mayDelete ? (after.nextAt ?? (after.now.length > 0 ? clock.now() : undefined)) : undefined;
    const waiting = [...after.now, ...after.waiting];
    return {
      ...resultOf(done, deleted, waiting, nextAt),
      notes: noted(after.notes),
      sizeBytes: repository.size().packBytes,
    };
  });
}

/** Where the place has no room for what would be collected, packs are let go whole. */
async function letGo(
  { repository }: PruneContext,
  plan: PrunePlan,
  calls: Parameters<Upkeep['planPrune']>[0] & object,
): Promise<{ readonly done: PrunePlan; readonly unnamed: readonly PackFile[] }> {
  if (plan.drop.length + plan.repack.length + plan.rescue.length + plan.indexes.length === 0) {
    return { done: plan, unnamed: plan.unnamed };
  }
  try {
    return { done: plan, unnamed: (await repository.prune(plan, calls)).unnamed };
  } catch (error) {
    if (!isCode(error, 'E_REMOTE_FULL') || plan.repack.length === 0) throw error;
    const whole = await repository.planPrune({ ...calls, collects: false });
    return { done: whole, unnamed: (await repository.prune(whole, calls)).unnamed };
  }
}

export async function runRepair(
  context: Omit<PruneContext, 'headsKey' | 'remote' | 'clock'>,
  { dryRun }: { readonly dryRun: boolean },
): Promise<RepairResult> {
  const lock = await context.repository.lock('exclusive', { signal: context.signal });
  const held = { ...context, signal: AbortSignal.any([context.signal, lock.signal]) };
  try {
    const calls = { signal: held.signal, onProgress: stepTo(held), dryRun };
    const { packsRead, packsAdded, packsRemoved, junk, problems } = await held.repository.repairIndex(calls);
    const told = bounded(
      [...junk, ...problems].map(({ key, code, detail }) => ({ object: key, code, detail })),
      inAnswer,
    );
    return {
      type: 'result',
      packsRead,
      packsAdded,
      packsRemoved,
      junk: junk.length,
      problems: told.listed,
      ...moreOf({ problems: told.more }),
      dryRun,
    };
  } finally {
    await lock.release();
  }
}

async function underLock<Result>(
  context: PruneContext,
  { witness, isSynced }: { readonly witness: Witness; readonly isSynced: boolean },
  work: (held: PruneContext, known: readonly SnapshotId[]) => Promise<Result>,
): Promise<Result> {
  const lock = await context.repository.lock('exclusive', { signal: context.signal });
  const held = { ...context, signal: AbortSignal.any([context.signal, lock.signal]) };
  try {
    const { snapshots } = await quietHistory({ ...held, witness, isSynced });
    return await work(
      held,
      snapshots.map(({ id }) => id),
    );
  } finally {
    await lock.release();
  }
}

function resultOf(
  plan: PrunePlan,
  deleted: readonly PackFile[],
  waiting: readonly PackFile[],
  nextAt: number | undefined,
): Omit<PruneOutcome, 'notes' | 'sizeBytes'> {
  const kept = [...plan.keep, ...plan.rescue];
  const dropped = [...plan.drop, ...plan.repack];
  return {
    packsKept: kept.length,
    bytesKept: bytesOf(kept),
    packsDropped: dropped.length,
    bytesDropped: bytesOf(dropped),
    packsRepacked: plan.repack.length,
    bytesRepacked: bytesOf(plan.repack),
    packsDeleted: deleted.length,
    bytesDeleted: bytesOf(deleted),
    packsWaiting: waiting.length,
    bytesWaiting: bytesOf(waiting),
    ...(nextAt !== undefined && { deletableAt: new Date(nextAt).toISOString() }),
  };
}

function bytesOf(packs: readonly PackFile[]): number {
  return packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function notesOf({ notes }: PruneOrder): UnnamedNotes {
  return new Map(Object.entries(notes) as [PackId, number][]);
}

/** The oldest first: what is left out begins its 48 hours anew. */
function noted(notes: UnnamedNotes): Readonly<Record<string, number>> {
  return Object.fromEntries([...notes].toSorted((a, b) => a[1] - b[1]).slice(0, mostNotes));
}

function stepTo({ onProgress }: Pick<PruneContext, 'onProgress'>): (step: UpkeepStep) => void {
  const phases = { looking: 'checking', collecting: 'storing', deleting: 'deleting' } as const;
  return ({ phase, done, total }) =>
    onProgress({
      phase: phases[phase],
      filesDone: done,
      filesTotal: total,
      bytesDone: done,
      bytesTotal: total,
      bytesUploaded: 0,
      item: '',
    });
}
