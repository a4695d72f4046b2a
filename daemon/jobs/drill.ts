// A trial restore of one snapshot, in the engine: a sample of it comes back by the very restore that people use, into a private folder that is
// gone when this ends, however it ends. Every byte is read back and compared by that restore; each database is opened and checked whole here, and
// its messages are counted where its app's are and compared with what was counted when it was captured.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DrillResult } from '../../protocol/status.ts';
import { describeSources } from '../archive/browse.ts';
import { parsePath } from '../archive/names.ts';
import { type RestoreContext, type RestorePlan, restoreSnapshot, stagingOf } from '../archive/restore.ts';
import { drawSample, sourceOf } from '../archive/sample.ts';
import { asBuffer, utf8 } from '../base/bytes.ts';
import { isLoss } from '../base/errors.ts';
import { ensurePrivateFolder } from '../base/files.ts';
import type { CountOrder, DatabaseCapture } from '../capture/capture.ts';
import type { StandingSnapshot } from '../heads/model.ts';
import type { Snapshot } from '../repository/model.ts';
import { rulesOf } from '../sources/sources.ts';
import { bounded, inAnswer, moreOf } from './bounded.ts';
import { isVouchedFor, ofDevice } from './history.ts';

/**
 * The snapshot to try: of this device so far back, its newest first; where it has none, of those that any device vouches for; where there are
 * none of these either (another tool made all), of all.
 */
export function snapshotBack(
  snapshots: readonly StandingSnapshot[],
  device: string,
  back: number,
): StandingSnapshot | undefined {
  const [tried = []] = [
    ofDevice(snapshots, device),
    snapshots.filter(isVouchedFor),
    snapshots.filter(({ standing }) => standing !== 'replayed'),
  ].filter(each => each.length > 0);
  return tried[back];
}

/** Of what is drawn of all sources together; a folder is near, a cloud counts what is fetched. */
const sampleBytes = { near: 256 << 20, far: 64 << 20 } as const;
const sampleFiles = 400;

export interface DrillContext
  extends Pick<RestoreContext, 'platform' | 'freeBytes' | 'onProgress' | 'signal' | 'snapshot'> {
  readonly repository: RestoreContext['repository'];
  readonly at: Snapshot['time'];
  readonly capture: Pick<DatabaseCapture, 'check' | 'count'>;
  /** Private, and swept whenever a run was killed. */
  readonly folder: string;
  /** 12 hex digits, random. */
  readonly mark: string;
  readonly isFar: boolean;
  /** Only of this source. */
  readonly source?: string | undefined;
  /** Grows with each trial, so that each source has its turn. */
  readonly turn: number;
  /** What did not come back whole in a newer snapshot. */
  readonly must: readonly string[];
  readonly random: () => number;
}

type Problem = DrillResult['problems'][number];

export type DrillLook = Omit<DrillResult, 'more' | 'older'> & Pick<DrillResult, 'more'>;

export async function runDrill(context: DrillContext): Promise<DrillLook> {
  const { source, ...surroundings } = context;
  const { repository, snapshot, signal, folder, mark } = context;
  const all = await describeSources(repository, snapshot.tree, signal).catch(unlessLost);
  const known = all.filter(({ id }) => source === undefined || id === source);
  const inTurn = known.toSorted((a, b) => (a.id < b.id ? -1 : 1))[context.turn % Math.max(1, known.length)]?.id;
  await ensurePrivateFolder(folder);
  const target = join(folder, `drill-${mark}`);
  let plan: RestorePlan | undefined;
  const problems: Problem[] = [];
  try {
    const outcome = await restoreSnapshot({
      ...surroundings,
      ...(source === undefined ? {} : { source }),
      target,
      include: [],
      dryRun: false,
      choose: async whole => {
        plan = await draw(context, whole, inTurn);
        return plan;
      },
      checkDatabase: path => context.capture.check(path, { signal, isWhole: true }),
    });
    for (const { path, code, reason } of outcome.skipped) {
      if (code !== undefined && code !== 'E_UNSAFE_PATH') problems.push({ path, code, detail: reason });
    }
    const databases: DrillResult['databases'][number][] = [];
    for (const { path, check } of outcome.databases) {
      if (check === 'damaged') problems.push({ path, code: 'E_OBJECT_TYPE', detail: 'the database is damaged' });
      const counts = check === 'ok' ? await recount(context, plan, target, path) : undefined;
      databases.push({ path, check, ...counts });
      const { messages, messagesThen } = counts ?? {};
      if (messages === undefined || messages === messagesThen) continue;
      const detail = `${messages} messages came back, ${messagesThen} were counted when it was captured`;
      problems.push({ path, code: 'E_MISSING', detail });
    }
    return resultOf(context, { plan, databases, problems, labels: new Map(all.map(({ id, label }) => [id, label])) });
  } catch (error) {
    if (!isLoss(error)) throw error;
    problems.push({ path: '', code: error.code, detail: error.message }); // the list of what there is cannot be read
    return resultOf(context, { plan, databases: [], problems, labels: new Map() });
  } finally {
    await rm(stagingOf(target, mark), { recursive: true, force: true });
    await rm(target, { recursive: true, force: true });
  }
}

/** That nothing can be told of the sources is told by the restore itself. */
function unlessLost(error: unknown): readonly [] {
  if (!isLoss(error)) throw error;
  return [];
}

/** Half of the free room stays free: then the one in turn waits for another day. */
async function draw(context: DrillContext, whole: RestorePlan, turn: string | undefined): Promise<RestorePlan> {
  const { isFar, must, random, folder } = context;
  const order = {
    maxBytes: isFar ? sampleBytes.far : sampleBytes.near,
    maxFiles: sampleFiles,
    must: new Set(must),
    random,
  };
  const drawn = drawSample(whole, { ...order, turn });
  return drawn.bytes * 2 <= (await context.freeBytes(folder))
    ? drawn
    : drawSample(whole, { ...order, turn: undefined });
}

/** Undefined where the messages were not counted then, or cannot be now. */
async function recount(
  { capture, signal }: DrillContext,
  plan: RestorePlan | undefined,
  target: string,
  path: string,
): Promise<{ readonly messages: number; readonly messagesThen: number } | undefined> {
  const id = sourceOf(path);
  const source = plan?.manifest?.sources.find(each => each.id === id);
  const inner = path.slice(id.length + 1);
  const then = source?.databases.find(each => each.path === inner)?.counts;
  const bytes = parsePath(path);
  if (source === undefined || then === undefined || bytes === undefined) return undefined;
  const rule = rulesOf(source).counting?.databases?.find(each => each.path.test(inner));
  if (rule === undefined) return undefined;
  const order: CountOrder = { candidates: rule.candidates };
  const now = await capture.count(Buffer.concat([utf8(`${target}/`), asBuffer(bytes)]), order, { signal });
  return now === undefined ? undefined : { messages: now.messages, messagesThen: then.messages };
}

function resultOf(
  { snapshot, at }: DrillContext,
  found: {
    readonly plan: RestorePlan | undefined;
    readonly databases: DrillResult['databases'];
    readonly problems: readonly Problem[];
    readonly labels: ReadonlyMap<string, string>;
  },
): DrillLook {
  const failed = new Set(found.problems.map(({ path }) => sourceOf(path)).filter(id => found.labels.has(id)));
  const drawn = new Map<string, { files: number; bytes: number }>();
  for (const { path, node } of found.plan?.files ?? []) {
    const id = sourceOf(asBuffer(path).toString('latin1')); // ids are ASCII
    const sum = drawn.get(id) ?? { files: 0, bytes: 0 };
    drawn.set(id, { files: sum.files + 1, bytes: sum.bytes + (node.sizeBytes ?? 0) });
  }
  for (const id of failed) if (!drawn.has(id)) drawn.set(id, { files: 0, bytes: 0 });
  const problems = bounded(found.problems, inAnswer);
  const isBad = ({ check, messages, messagesThen }: DrillResult['databases'][number]): boolean =>
    check === 'damaged' || messages !== messagesThen;
  const databases = bounded(found.databases, inAnswer, isBad);
  return {
    type: 'result',
    ok: found.problems.length === 0,
    snapshot: snapshot.id,
    at,
    sources: [...drawn].map(([id, sum]) => ({
      id,
      label: found.labels.get(id) ?? id,
      ...sum,
      ok: !failed.has(id),
    })),
    databases: databases.listed,
    problems: problems.listed,
    ...moreOf({ databases: databases.more, problems: problems.more }),
  };
}
