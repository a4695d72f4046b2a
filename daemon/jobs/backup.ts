// One backup, in the order that makes a crash harmless: lock, index, what changed, packs, index, snapshot, head, read back. Until the head is
// read back nothing is reported as backed up; whatever was uploaded before a failure is used by the next run.

import type { UnreadableFile } from '../../protocol/status.ts';
import { productVersion } from '../../protocol/version.ts';
import { type ArchiveProgress, addExtents, archiveSources, isUnchanged, loadParent } from '../archive/archive.ts';
import type { ArchiveOutcome, ArchiveSource, ManifestSource, ParentSnapshot, SourceNews } from '../archive/model.ts';
import { type Clock, rfc3339 } from '../base/clock.ts';
import { isLoss, SignetError } from '../base/errors.ts';
import type { DatabaseCapture } from '../capture/capture.ts';
import { acknowledgedIn, type Finding, findingId, snapshotTags, writeHead } from '../heads/heads.ts';
import type { StandingSnapshot, StoredHead } from '../heads/model.ts';
import type { Remote } from '../remotes/remote.ts';
import type { BlobId, ObjectProblem, Repository, RepositoryLock, Snapshot, SnapshotId } from '../repository/model.ts';
import { rulesOf } from '../sources/sources.ts';
import type { Witness } from '../state/model.ts';
import { bounded, inStatus, moreOf } from './bounded.ts';
import { devicesOf, type KnownDevice } from './devices.ts';
import type { BackupOrder, BackupOutcome, EngineProgress } from './engine-messages.ts';
import { historyFolders, ofDevice, readHistory, type SnapshotHistory } from './history.ts';
import { lookOutcome } from './look.ts';
import { oneLook, type Shown } from './one-look.ts';

/** How often blobs that vanished under us are uploaded again before the backup is given up. */
const triesToCommit = 3;
/** How often packs are looked through where that is costly. */
const packLookMs = 7 * 24 * 3600 * 1000;

export interface BackupContext {
  readonly remote: Remote;
  readonly repository: Repository;
  readonly headsKey: Uint8Array;
  readonly order: BackupOrder;
  readonly startCapture: () => DatabaseCapture;
  readonly clock: Clock;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly onProgress: (step: EngineProgress) => void;
  /** Told of the newest snapshot of this computer, once it stands. */
  readonly onNewest?: (newest: NewestSnapshot) => void;
  readonly signal: AbortSignal;
}

export interface NewestSnapshot {
  readonly id: SnapshotId;
  readonly tree: BlobId;
}

/**
 * Whether a backup now would find nothing new, by a look at the sources alone: the place is asked for nothing that this computer has a copy
 * of. False where that cannot be told.
 */
export async function findsNothing({
  repository,
  newest,
  order,
  startCapture,
  signal,
}: Pick<BackupContext, 'repository' | 'startCapture' | 'signal'> & {
  readonly newest: NewestSnapshot;
  readonly order: Pick<BackupOrder, 'sources' | 'memory'>;
}): Promise<boolean> {
  let capture: DatabaseCapture | undefined;
  try {
    return await isUnchanged({
      repository,
      capture: () => {
        capture ??= startCapture();
        return capture;
      },
      sources: order.sources.map(archiveSource),
      parent: await loadParent(repository, newest.id, newest.tree, signal),
      memory: order.memory ?? undefined,
      onProgress: () => undefined,
      signal,
    });
  } finally {
    await capture?.stop();
  }
}

export async function runBackup(context: BackupContext): Promise<BackupOutcome> {
  const { repository, order, clock } = context;
  const startedAt = clock.monotonic();
  const before = { ...repository.traffic };
  const report = progressTo(context);
  report({ phase: 'preparing' });
  const { lock, shown } = await lockAndLook(context);
  const signal = AbortSignal.any([context.signal, lock.signal]);
  let capture: DatabaseCapture | undefined;
  try {
    await repository.refreshIndex({ shown, signal });
    const history = await readHistory({ ...context, witness: order.witness, shown, signal });
    if (!history.heads.isWritable) {
      throw new SignetError('E_VERSION', 'a newer version wrote here and asks older ones to read only');
    }
    const isDue = isPackLookDue(context);
    const missing = isDue ? await repository.setAsideMissing({ shown, signal }) : [];
    const packsListedAt = isDue ? rfc3339(clock.now()) : order.packsListedAt;
    const parent = await newestReadable(context, history, signal);
    const archive = async (): Promise<ArchiveOutcome> =>
      archiveSources({
        repository,
        capture: () => {
          capture ??= context.startCapture();
          return capture;
        },
        sources: order.sources.map(archiveSource),
        device: order.device.id,
        parent,
        memory: order.memory ?? undefined,
        now: () => clock.now(),
        onProgress: report,
        signal,
      });
    const startTime = rfc3339(clock.now());
    const stored = await storeUntilKept(context, archive, signal);
    const written = stored.changed ? await commit(context, history, parent?.id, stored, startTime, signal) : undefined;
    const latest = written ?? {
      id: parent?.id,
      at: parent?.time ?? startTime,
      ...(await takeIn(context, history, parent, signal)),
    };
    const tree = written === undefined ? parent?.tree : stored.tree;
    if (latest.id !== undefined && tree !== undefined) context.onNewest?.({ id: latest.id, tree });
    const after = repository.traffic;
    const unread = bounded(unreadable(stored.manifest.sources), inStatus);
    const unsure = bounded(notVerified(stored.manifest.sources), inStatus);
    const { stored: head } = latest;
    const number = head?.head.seq ?? 0;
    const made = written && { id: written.id, device: order.device.id, at: written.at, number };
    const remembered = [...order.remembered.map(({ id }) => id), ...(order.missedHeads ?? [])];
    const look = lookOutcome(history, remembered, head && { stored: head, made });
    return {
      ...(written !== undefined && { snapshot: written.id }),
      at: latest.at,
      reason: order.reason,
      filesNew: stored.counts.filesNew,
      filesChanged: stored.counts.filesChanged,
      filesUnreadable: unread.listed,
      notVerified: unsure.listed,
      bytesRead: stored.counts.bytesRead,
      bytesAdded: stored.counts.dataAddedPacked,
      bytesUploaded: after.bytesUploaded - before.bytesUploaded,
      requests: after.requests - before.requests,
      durationMs: Math.round(clock.monotonic() - startedAt),
      sources: stored.manifest.sources
        .filter(each => !each.removed)
        .map(each => sourceOutcome(each, stored.news.get(each.id))),
      ...newMessages(stored),
      memory: { snapshot: latest.id ?? '', ...stored.memory },
      witness: latest.witness,
      snapshots: history.snapshots.length + (written === undefined ? 0 : 1),
      repositoryBytes: repository.size().packBytes,
      ...look,
      findings: [...look.findings, ...packFindings(missing, history)],
      packsLooked: isDue,
      devices: devicesOf(history, ownDevice(order.device, latest)),
      ...(packsListedAt !== undefined && missing.length === 0 && { packsListedAt }),
      ...moreOf({ filesUnreadable: unread.more, notVerified: unsure.more }),
    };
  } finally {
    await capture?.stop();
    await lock.release();
  }
}

/**
 * Where one look shows the whole place, it is taken while the lock is judged: index and packs are then as they were at a moment when our
 * lock was there. Elsewhere they are listed once the lock is held.
 */
async function lockAndLook({ remote, repository, ...context }: BackupContext): Promise<{
  readonly lock: RepositoryLock;
  readonly shown: Shown;
}> {
  const { signal } = context;
  if (remote.listsTogether !== true) return { lock: await repository.lock('shared', { signal }), shown: remote };
  let shown: Shown = remote;
  const look = (): Shown => {
    const packs = isPackLookDue({ remote, ...context }) ? ['data'] : [];
    shown = oneLook(remote, ['locks', 'index', ...historyFolders, ...packs], { signal });
    return shown;
  };
  const lock = await repository.lock('shared', { signal, look });
  return { lock, shown };
}

/**
 * Packs are looked through at each backup, where that is costly once a week; and again and again while some are missing, as what is said of
 * them is what the last backup found.
 */
function isPackLookDue({ remote, order, clock }: Pick<BackupContext, 'remote' | 'order' | 'clock'>): boolean {
  if (remote.isCostlyToList !== true || order.packsListedAt === undefined) return true;
  const age = clock.now() - Date.parse(order.packsListedAt);
  return !(age >= 0 && age < packLookMs);
}

/** Stores and commits; when somebody pruned blobs that this backup counts on, stores them again (DESIGN D11). */
async function storeUntilKept(
  context: BackupContext,
  archive: () => Promise<ArchiveOutcome>,
  signal: AbortSignal,
): Promise<ArchiveOutcome> {
  for (let attempt = 1; ; attempt++) {
    const stored = await archive();
    if (!stored.changed) return stored;
    await context.repository.commitIndex({ signal });
    const gone = await context.repository.confirmUsed({ signal });
    if (gone.length === 0) return stored;
    if (attempt === triesToCommit) {
      throw new SignetError('E_MISSING', `${gone.length} blobs vanished from the repository while it was written`, {
        retryable: true,
      });
    }
  }
}

/** Snapshot, then head, then both read back: from here on the backup counts. */
async function commit(
  context: BackupContext,
  history: SnapshotHistory,
  parent: SnapshotId | undefined,
  stored: ArchiveOutcome,
  startTime: string,
  signal: AbortSignal,
): Promise<{ readonly id: SnapshotId; readonly at: string } & Announced> {
  const { repository, order, clock } = context;
  const { device } = order;
  if (stored.tree === undefined) throw new SignetError('E_INTERNAL', 'a changed archive has no tree');
  progressTo(context)({ phase: 'finishing' });
  const time = rfc3339(clock.now());
  const seq = nextSeq(context, history);
  const { counts, manifest } = stored;
  const snapshot: Snapshot = {
    time,
    tree: stored.tree,
    ...(parent !== undefined && { parent }),
    paths: manifest.sources.filter(each => !each.removed).map(each => `/${each.id}`),
    hostname: device.label,
    username: 'signet',
    tags: snapshotTags({ ...history.headsKey, device: device.id, seq, tree: stored.tree, time }),
    programVersion: `signet ${productVersion}`,
    summary: {
      backupStart: startTime,
      backupEnd: time,
      filesNew: counts.filesNew,
      filesChanged: counts.filesChanged,
      filesUnmodified: counts.filesUnmodified,
      dirsNew: counts.dirsNew,
      dirsChanged: counts.dirsChanged,
      dirsUnmodified: counts.dirsUnmodified,
      dataBlobs: counts.dataBlobs,
      treeBlobs: counts.treeBlobs,
      dataAdded: counts.dataAdded,
      dataAddedPacked: counts.dataAddedPacked,
      totalFilesProcessed: counts.totalFiles,
      totalBytesProcessed: counts.totalBytes,
    },
  };
  const id = await repository.saveSnapshot(snapshot, { signal });
  return { id, at: time, ...(await announce(context, history, { seq, snapshot: id, time }, signal)) };
}

interface Announced {
  readonly witness: Witness;
  /** Undefined where no head was written. */
  readonly stored?: StoredHead;
}

/**
 * Nothing is new, and yet a crash may have left the newest snapshot without the head that says it must be there: it gets one now. Where
 * this machine had written a head, and it is not shown, that one stays missed.
 */
async function takeIn(
  context: BackupContext,
  history: SnapshotHistory,
  newest: Pick<StandingSnapshot, 'id' | 'standing'> | undefined,
  signal: AbortSignal,
): Promise<Announced> {
  const { witness, device } = context.order;
  const isHidden = (witness.ownHead?.seq ?? 0) > (history.heads.of(device.id)?.seq ?? 0);
  if (newest?.standing !== 'unannounced' || isHidden) return { witness };
  progressTo(context)({ phase: 'finishing' });
  const time = rfc3339(context.clock.now());
  return announce(context, history, { seq: nextSeq(context, history), snapshot: newest.id, time }, signal);
}

/** Writes the head, reads it back, and answers what this machine is to remember. */
async function announce(
  { remote, repository, order, randomBytes }: BackupContext,
  history: SnapshotHistory,
  named: { readonly seq: number; readonly snapshot: SnapshotId; readonly time: string },
  signal: AbortSignal,
): Promise<Announced> {
  const known = order.remembered.filter(({ device }) => device === order.device.id);
  const written = await writeHead({
    ...history.headsKey,
    ...named,
    remote,
    heads: history.heads,
    snapshots: history.snapshots,
    device: order.device,
    witness: order.witness,
    extent: repository.extent(),
    known: known.map(({ id }) => id),
    randomBytes,
    signal,
  });
  // The new head stands: what falls off the end of the chain can go, unless something is wrong with the chain.
  const removable = history.findings.length > 0 ? [] : written.removable;
  // No failure of the backup: a place may forbid removing, and the next backup tries again.
  for (const key of removable) await remote.remove(key).catch(() => undefined);
  return written;
}

/** Without gaps: a snapshot that a crash left unannounced shares its number with the head that takes it in. */
function nextSeq({ order }: BackupContext, { heads }: SnapshotHistory): number {
  return Math.max(heads.of(order.device.id)?.seq ?? 0, order.witness.ownHead?.seq ?? 0) + 1;
}

/**
 * The newest snapshot of this device, announced or left unannounced by a crash: what the next one continues. One whose root is damaged is
 * passed over; without any, everything is stored as at the first backup.
 */
async function newestReadable(
  { repository, order }: BackupContext,
  history: SnapshotHistory,
  signal: AbortSignal,
): Promise<(ParentSnapshot & { readonly time: string } & Pick<StandingSnapshot, 'standing'>) | undefined> {
  for (const { id, snapshot, standing } of ofDevice(history.snapshots, order.device.id)) {
    if (!repository.has('tree', snapshot.tree)) continue; // only a copy in the cache is left
    try {
      return { ...(await loadParent(repository, id, snapshot.tree, signal)), time: snapshot.time, standing };
    } catch (error) {
      if (!isLoss(error)) throw error;
    }
  }
  return undefined;
}

/** Said once for all packs: which ones is for verify to tell. */
function packFindings(missing: readonly ObjectProblem[], { heads }: SnapshotHistory): readonly Finding[] {
  if (missing.length === 0) return [];
  const id = findingId({ code: 'E_MISSING', about: missing.map(({ key }) => key) });
  if (acknowledgedIn(heads.heads).has(id)) return [];
  const detail = `${missing.length} packs are missing or have another size`;
  return [{ id, code: 'E_MISSING', objects: missing.length, detail }];
}

function archiveSource(source: BackupOrder['sources'][number]): ArchiveSource {
  return { ...source, rules: rulesOf(source) };
}

function unreadable(sources: readonly ManifestSource[]): readonly UnreadableFile[] {
  return sources.flatMap((source): UnreadableFile[] => {
    const carried = source.carriedFrom;
    if (carried !== undefined && carried.reason !== 'not-due') return [{ path: source.id, reason: carried.reason }];
    return source.omitted
      .filter(each => each.reason !== 'special-file' && each.byRule === undefined)
      .map(each => ({ path: `${source.id}/${each.path}`, reason: each.reason }));
  });
}

function notVerified(sources: readonly ManifestSource[]): readonly string[] {
  return sources.flatMap(source =>
    source.databases.filter(each => each.checked === 'none').map(each => `${source.id}/${each.path}`),
  );
}

function sourceOutcome(source: ManifestSource, news: SourceNews = {}): BackupOutcome['sources'][number] {
  const { id, capturedAt, complete, carriedFrom, databases, counts, bytes, omitted } = source;
  const { files, bytes: bytesLeftOut } = omitted.reduce((sum, each) => addExtents(sum, each.byRule), addExtents());
  const { messagesFewer, loss, videos } = news;
  return {
    id,
    capturedAt,
    complete,
    verified: databases.every(each => each.checked !== 'none'),
    ...(carriedFrom !== undefined && { carriedFrom }),
    ...(bytes !== undefined && { sizeBytes: bytes }),
    ...counts,
    ...(files > 0 && { leftOut: { files, bytes: bytesLeftOut } }),
    ...(messagesFewer !== undefined && { messagesFewer }),
    ...(loss !== undefined && { loss }),
    ...(videos !== undefined && { videos }),
  };
}

/** Over all sources that were counted in this run; in how many conversations only where each of them can tell. */
function newMessages({ news }: ArchiveOutcome): Pick<BackupOutcome, 'messagesNew' | 'conversationsChanged'> {
  const counted = [...news.values()].filter(each => each.messagesNew !== undefined);
  if (counted.length === 0) return {};
  const messagesNew = counted.reduce((sum, each) => sum + (each.messagesNew ?? 0), 0);
  if (counted.some(each => each.conversationsChanged === undefined)) return { messagesNew };
  return {
    messagesNew,
    conversationsChanged: counted.reduce((sum, each) => sum + (each.conversationsChanged ?? 0), 0),
  };
}

/** This computer as its own head tells of it from now on. */
function ownDevice(
  { id, label }: BackupOrder['device'],
  { at, witness: { ownHead } }: { readonly at: string; readonly witness: Witness },
): KnownDevice | undefined {
  return ownHead === null ? undefined : { id, label, number: ownHead.seq, at };
}

function progressTo({ repository, onProgress }: BackupContext) {
  const uploadedBefore = repository.traffic.bytesUploaded;
  return (step: Partial<Omit<ArchiveProgress, 'phase'>> & { readonly phase: EngineProgress['phase'] }): void =>
    onProgress({
      filesDone: 0,
      filesTotal: 0,
      bytesDone: 0,
      bytesTotal: 0,
      item: '',
      ...step,
      bytesUploaded: repository.traffic.bytesUploaded - uploadedBefore,
    });
}
