// The engine's part of a restore into the original place: compares the source with what is there, and restores what differs into a staging
// folder beside it, by the same restore as any other, every byte read back and every database looked at. Nothing is put in place here.

import { lookAtLive } from '../archive/into-place.ts';
import { type RestoreContext, type RestoreOutcome, restoreSnapshot } from '../archive/restore.ts';
import { SignetError } from '../base/errors.ts';
import type { Staged, StageOrder } from './engine-messages.ts';

export interface StagingContext extends Omit<RestoreContext, 'include' | 'choose'> {
  readonly order: StageOrder;
}

export async function stageOriginal({ order, ...context }: StagingContext): Promise<Staged> {
  const { source, root } = order;
  const include = withCompanions(source, order.include);
  let found: Awaited<ReturnType<typeof lookAtLive>> | undefined;
  const { databases, skipped } = await asAsked(order, {
    ...context,
    source,
    include,
    choose: async plan => {
      const total = { filesTotal: plan.files.length, bytesTotal: plan.bytes };
      found = await lookAtLive(plan, {
        repository: context.repository,
        source,
        root,
        include,
        onProgress: ({ files, bytes, item }) =>
          context.onProgress({ phase: 'scanning', filesDone: files, bytesDone: bytes, item, ...total }),
        signal: context.signal,
      });
      return found.wanted;
    },
  });
  // Chosen above, or restoreSnapshot had thrown.
  const { entries = [], folders = [], same = 0, untouched = 0, wanted } = found ?? {};
  const damaged = databases.filter(({ check }) => check === 'damaged').map(({ path }) => path);
  const isSound = (path: string): boolean => !damaged.some(each => isOfDatabase(`${source}/${path}`, each));
  return {
    snapshot: context.snapshot.id,
    entries: entries.filter(({ path }) => isSound(path)),
    folders,
    same,
    untouched,
    bytes: wanted?.bytes ?? 0,
    databases,
    skipped: [
      ...skipped,
      ...damaged.map(path => ({
        path,
        reason: 'the database in this backup is damaged',
        code: 'E_OBJECT_TYPE' as const,
      })),
    ],
  };
}

/** What nothing was found for is told as it was asked for. */
async function asAsked(order: StageOrder, context: RestoreContext): Promise<RestoreOutcome> {
  try {
    return await restoreSnapshot(context);
  } catch (error) {
    const isAbsent = error instanceof SignetError && error.code === 'E_NOT_FOUND';
    if (!isAbsent || order.include.length === 0) throw error;
    throw new SignetError('E_NOT_FOUND', error.message, { params: { what: order.include.join(', ') }, cause: error });
  }
}

/** A database that was kept with its log or journal apart is not brought back without them. */
export function withCompanions(source: string, include: readonly string[]): readonly string[] {
  const patterns = include.map(pattern => `${source}/${pattern.replace(/^\/+/, '').replace(/\/+$/, '')}`);
  if (patterns.length === 0) return [source];
  return patterns.flatMap(pattern => [pattern, `${pattern}-wal`, `${pattern}-journal`]);
}

function isOfDatabase(path: string, database: string): boolean {
  return path === database || ['-wal', '-shm', '-journal'].some(suffix => path === `${database}${suffix}`);
}
