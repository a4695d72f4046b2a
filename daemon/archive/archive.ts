// One backup of all sources as one tree (DESIGN D14): a folder per source id and the manifest. What did not change is named again from the
// parent snapshot, what cannot be captured is carried forward with the reason. Nothing different anywhere means nothing is saved at all.

import { utf8 } from '../base/bytes.ts';
import { SignetError, systemCode } from '../base/errors.ts';
import type { DatabaseCapture } from '../capture/capture.ts';
import { createChunker } from '../kernel/chunker.ts';
import type { BlobId, Repository, SnapshotId, TreeNode } from '../repository/model.ts';
import { encodeManifest, loadManifest, manifestFolder, manifestName } from './manifest.ts';
import type {
  ArchiveCounts,
  ArchiveOutcome,
  ArchiveSource,
  CaptureMemory,
  CarryReason,
  FileProgress,
  Manifest,
  ManifestSource,
  ParentSnapshot,
  SourceNews,
} from './model.ts';
import { nameKey } from './names.ts';
import { type Scan, scanSource } from './scan.ts';
import { type Loss, shrinkage } from './shrinkage.ts';
import { databaseKey, SourceStore, type StoredSource } from './store.ts';

export { addExtents } from './left-out.ts';

export interface ArchiveContext {
  readonly repository: Pick<Repository, 'deriveKey' | 'has' | 'loadBlob' | 'loadTree' | 'saveBlob' | 'saveTree'>;
  /** Starts the capture child when the first database asks for it. */
  readonly capture: () => DatabaseCapture;
  readonly sources: readonly ArchiveSource[];
  readonly device: string;
  readonly parent: ParentSnapshot | undefined;
  readonly memory: CaptureMemory | undefined;
  readonly now: () => number;
  readonly onProgress: (progress: ArchiveProgress) => void;
  readonly signal: AbortSignal;
}

export type ArchiveProgress = FileProgress<'scanning' | 'capturing' | 'storing'>;

/** The parent snapshot with its root nodes and manifest, for `archiveSources`. */
export async function loadParent(
  repository: Pick<Repository, 'loadBlob' | 'loadTree'>,
  id: SnapshotId,
  tree: BlobId,
  signal: AbortSignal,
): Promise<ParentSnapshot> {
  const nodes = await repository.loadTree(tree, { signal });
  const manifest = await loadManifest(repository, nodes, { signal });
  return { id, tree, nodes, ...(manifest && { manifest }) };
}

/**
 * Saves what differs from the parent. The caller commits the index, writes the snapshot and keeps `memory` for the next run.
 * @throws SignetError E_SOURCE_UNREADABLE when no source can be captured and none was ever; errors of the repository
 */
export async function archiveSources(context: ArchiveContext): Promise<ArchiveOutcome> {
  const { parent, signal, now } = context;
  const at = new Date(now()).toISOString();
  const counts = emptyCounts();
  const known = context.memory?.snapshot === parent?.id ? context.memory : undefined;
  const memory: Memory = { databases: known?.databases ?? {}, texts: known?.texts ?? {} };
  const looks = await scanAll(context, memory.databases);
  const previousSources = new Map(parent?.manifest?.sources.map(each => [each.id, each]));

  if (looks.every(look => look.outcome === 'absent')) {
    const first = looks[0];
    throw new SignetError('E_SOURCE_UNREADABLE', `none of ${looks.length} sources can be read`, {
      params: { reason: first?.outcome === 'absent' ? first.reason : 'missing', label: first?.source.label ?? '' },
    });
  }
  for (const look of looks) {
    const { files, bytes } =
      look.outcome === 'scanned' ? look.scan.totals : extentOf(previousSources.get(look.source.id));
    counts.totalFiles += files;
    counts.totalBytes += bytes;
    if (look.outcome === 'scanned') counts.removed += look.scan.totals.removed;
  }
  const unchanged = (found: readonly Look[], continued: SnapshotId): ArchiveOutcome => ({
    changed: false,
    manifest: {
      v: 1,
      device: context.device,
      sources: found.map(look => carry(look, previousSources, continued)),
    },
    counts: { ...counts, filesUnmodified: counts.totalFiles },
    memory,
    news: new Map(found.map(look => [look.source.id, newsOf(look, previousSources.get(look.source.id))])),
  });
  if (parent !== undefined && !differs(looks, parent)) return unchanged(looks, parent.id);

  const stored = await storeAll(context, looks, { memory, previousSources, counts });
  // What was held back after a closer look may have been all that was new.
  if (parent !== undefined && !differs(stored.looks, parent)) return unchanged(stored.looks, parent.id);
  const nodes: TreeNode[] = [];
  const sources: ManifestSource[] = [];
  const news = new Map<string, SourceNews>();
  const newMemory = { databases: {}, texts: {} };
  for (const look of stored.looks) {
    signal.throwIfAborted();
    const { source } = look;
    const kept = stored.sources.get(source.id);
    if (look.outcome !== 'scanned' || kept === undefined) {
      sources.push(carry(look, previousSources, parent?.id));
      if (look.previous !== undefined) nodes.push(look.previous);
      news.set(source.id, newsOf(look, undefined));
      Object.assign(newMemory.databases, memoryOf(source.id, memory.databases));
      Object.assign(newMemory.texts, memoryOf(source.id, memory.texts));
      continue;
    }
    nodes.push(kept.node);
    Object.assign(newMemory.databases, kept.memory.databases);
    Object.assign(newMemory.texts, kept.memory.texts);
    news.set(source.id, { ...kept.news, ...videosOf(look.scan) });
    sources.push({
      id: source.id,
      profile: source.profile,
      label: source.label,
      root: source.root,
      capturedAt: at,
      complete: kept.omitted.every(omission => omission.reason === 'special-file'),
      omitted: [...kept.omitted, ...look.scan.leftOut],
      databases: kept.databases,
      files: look.scan.totals.files,
      bytes: look.scan.totals.bytes,
      ...(kept.messages !== undefined && { counts: kept.messages }),
    });
  }
  const listed = new Set(sources.map(each => each.id));
  for (const gone of parent?.manifest?.sources ?? []) {
    if (!listed.has(gone.id) && !gone.removed) sources.push({ ...gone, removed: true, databases: [], omitted: [] });
  }
  const manifest: Manifest = { v: 1, device: context.device, sources };
  nodes.push(await saveManifest(context, manifest, counts));
  const root = await context.repository.saveTree(
    nodes.toSorted((a, b) => (nameKey(a.name) < nameKey(b.name) ? -1 : 1)),
    { signal },
  );
  counts.treeBlobs += root.isNew ? 1 : 0;
  counts.dataAddedPacked += root.sealedBytes;
  return { changed: true, tree: root.id, manifest, counts, memory: newMemory, news };
}

/**
 * Whether the sources are as the parent snapshot has them, so that `archiveSources` would change nothing. Stores nothing. False where a
 * source cannot be captured now.
 */
export async function isUnchanged(context: Omit<ArchiveContext, 'device' | 'now'>): Promise<boolean> {
  const { parent, memory } = context;
  if (parent === undefined || memory?.snapshot !== parent.id) return false;
  const looks = await scanAll(context, memory.databases);
  return looks.every(({ outcome }) => outcome === 'scanned') && !differs(looks, parent);
}

type Memory = Required<Omit<CaptureMemory, 'snapshot'>>;

/** Databases of all sources, then everything else; a source whose messages turn out to be mostly gone is held back. */
async function storeAll(
  context: ArchiveContext,
  looks: readonly Look[],
  known: {
    readonly memory: Memory;
    readonly previousSources: ReadonlyMap<string, ManifestSource>;
    readonly counts: ArchiveCounts;
  },
): Promise<{ readonly looks: readonly Look[]; readonly sources: ReadonlyMap<string, StoredSource> }> {
  const gearKey = context.repository.deriveKey('signet/gear/v1');
  const shared = { ...context, memory: known.memory, chunker: createChunker(gearKey) };
  gearKey.fill(0);
  const onProgress = progressOf(looks, context.onProgress);
  const held = new Map<Look, Loss>();
  /** What was read and stored for nothing was read and stored; its files are not in the snapshot. */
  const holdBack = (look: Look, loss: Loss, counts: ArchiveCounts): void => {
    held.set(look, loss);
    const { bytesRead, dataBlobs, treeBlobs, dataAdded, dataAddedPacked } = counts;
    addCounts(known.counts, { ...emptyCounts(), bytesRead, dataBlobs, treeBlobs, dataAdded, dataAddedPacked });
  };
  const begun = new Map<Look, { readonly store: SourceStore; readonly counts: ArchiveCounts }>();
  for (const look of looks) {
    if (look.outcome !== 'scanned') continue;
    const counts = emptyCounts();
    const before = look.previous === undefined ? undefined : known.previousSources.get(look.source.id);
    const store = new SourceStore({ ...shared, counts, before, onProgress }, look.source, look.scan);
    const loss = await store.storeDatabases();
    if (loss === undefined) begun.set(look, { store, counts });
    else holdBack(look, loss, counts);
  }
  const sources = new Map<string, StoredSource>();
  for (const [look, { store, counts }] of begun) {
    context.signal.throwIfAborted();
    const stored = await store.storeTrees();
    if ('of' in stored) {
      holdBack(look, stored, counts);
      continue;
    }
    addCounts(known.counts, counts);
    sources.set(look.source.id, stored);
  }
  const found = looks.map((look): Look => {
    const loss = held.get(look);
    return loss === undefined ? look : { ...look, outcome: 'carried', reason: 'shrunk', loss };
  });
  return { looks: found, sources };
}

/** What looking at one source gave. */
type Look = {
  readonly source: ArchiveSource;
  /** The source's folder in the parent snapshot. */
  readonly previous: TreeNode | undefined;
} & Outcome;

type Outcome =
  | { readonly outcome: 'scanned'; readonly scan: Scan }
  | { readonly outcome: 'carried'; readonly reason: CarryReason; readonly loss?: Loss }
  /** Cannot be captured, and there is nothing to carry forward. */
  | { readonly outcome: 'absent'; readonly reason: CarryReason };

async function scanAll(
  context: Omit<ArchiveContext, 'device' | 'now'>,
  memory: Memory['databases'],
): Promise<readonly Look[]> {
  const { repository, parent, signal, onProgress } = context;
  const looks: Look[] = [];
  let filesBefore = 0;
  for (const source of context.sources) {
    const previous = parent?.nodes.find(node => node.type === 'dir' && nameKey(node.name) === source.id);
    if (!source.captureNow && previous !== undefined) {
      looks.push({ source, previous, outcome: 'carried', reason: 'not-due' });
      continue;
    }
    const described = parent?.manifest?.sources.find(each => each.id === source.id);
    try {
      const scan = await scanSource({
        repository,
        source,
        previous,
        signal,
        knownDatabases: new Set(described?.databases.map(each => each.path)),
        isDatabaseUnchanged: async (path, absolute) => {
          const known = memory[databaseKey(source.id, path)];
          return known !== undefined && (await context.capture().signature(absolute)) === known.signature;
        },
        onProgress: files =>
          onProgress({
            phase: 'scanning',
            filesDone: filesBefore + files,
            filesTotal: 0,
            bytesDone: 0,
            bytesTotal: 0,
            item: source.label,
          }),
      });
      filesBefore += scan.totals.files;
      looks.push({ source, previous, ...judge(source, previous, scan) });
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined || code === 'ENOSPC') throw error;
      const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
      looks.push({ source, previous, outcome: previous === undefined ? 'absent' : 'carried', reason });
    }
  }
  return looks;
}

/** Whether what is left of the source is to be followed. */
function judge(source: ArchiveSource, previous: TreeNode | undefined, scan: Scan): Outcome {
  if (previous === undefined) return { outcome: 'scanned', scan };
  if (scan.isEmptied && source.lossAccepted !== true) return { outcome: 'carried', reason: 'empty' };
  if (source.lossAccepted) return { outcome: 'scanned', scan };
  const loss = shrinkage(scan.before, scan.after);
  return loss === undefined ? { outcome: 'scanned', scan } : { outcome: 'carried', reason: 'shrunk', loss };
}

/** Whether anything deserves a snapshot: entries that differ, other things left out than before, sources that came or went. */
function differs(looks: readonly Look[], parent: ParentSnapshot): boolean {
  if (parent.manifest === undefined) return true;
  const before = parent.manifest.sources.filter(each => !each.removed);
  if (before.length !== looks.length) return true;
  return looks.some(look => {
    const described = before.find(each => each.id === look.source.id);
    if (described === undefined) return true;
    if (look.outcome !== 'scanned') return false;
    // What rules leave out changes nothing that is kept: it is listed anew with the next snapshot.
    const missing = described.omitted.filter(each => each.byRule === undefined);
    const lacking = new Set(missing.filter(each => each.reason !== 'changing').map(each => each.path));
    const sameOmissions =
      lacking.size === look.scan.omitted.length && look.scan.omitted.every(each => lacking.has(each.path));
    const torn = missing.some(each => each.reason === 'changing');
    return look.scan.totals.differences > 0 || !sameOmissions || torn;
  });
}

function carry(
  look: Look,
  previousSources: ReadonlyMap<string, ManifestSource>,
  parent: SnapshotId | undefined,
): ManifestSource {
  const { id, profile, label, root } = look.source;
  const previous = previousSources.get(id);
  const described = previous ?? { capturedAt: '', complete: false, omitted: [], databases: [] };
  const { carriedFrom, ...same } = { carriedFrom: undefined, ...described, id, profile, label, root };
  if (look.outcome === 'scanned') {
    const missing = same.omitted.filter(each => each.byRule === undefined);
    return { ...same, omitted: [...missing, ...look.scan.leftOut] };
  }
  const snapshot = carriedFrom?.snapshot ?? parent ?? '';
  return { ...same, carriedFrom: { snapshot, reason: look.reason } };
}

/** Of a source that is not captured now. */
function newsOf(look: Look, unchanged: ManifestSource | undefined): SourceNews {
  if (look.outcome === 'carried' && look.loss !== undefined) return { loss: look.loss };
  if (look.outcome !== 'scanned') return {};
  const counted = unchanged?.counts === undefined ? {} : { messagesNew: 0, conversationsChanged: 0 };
  return { ...counted, ...videosOf(look.scan) };
}

function videosOf({ videos }: Scan): Pick<SourceNews, 'videos'> {
  return videos.files === 0 ? {} : { videos };
}

function extentOf(source: ManifestSource | undefined): { readonly files: number; readonly bytes: number } {
  return { files: source?.files ?? 0, bytes: source?.bytes ?? 0 };
}

function memoryOf<Facts>(source: string, memory: Readonly<Record<string, Facts>>): Readonly<Record<string, Facts>> {
  return Object.fromEntries(Object.entries(memory).filter(([key]) => key.startsWith(`${source}/`)));
}

async function saveManifest(context: ArchiveContext, manifest: Manifest, counts: ArchiveCounts): Promise<TreeNode> {
  const { repository, signal, now } = context;
  const bytes = encodeManifest(manifest);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 1 << 20) pieces.push(bytes.subarray(at, at + (1 << 20)));
  const content: BlobId[] = [];
  for (const piece of pieces) {
    const saved = await repository.saveBlob('data', piece, { signal, keep: true }); // the next backup reads it
    content.push(saved.id);
    counts.dataBlobs += saved.isNew ? 1 : 0;
    counts.dataAddedPacked += saved.sealedBytes;
  }
  const time = BigInt(now()) * 1_000_000n;
  const common = { mtimeNs: time, atimeNs: time, ctimeNs: time, uid: 0, gid: 0, inode: 0n };
  const file: TreeNode = {
    ...common,
    name: utf8(manifestName),
    type: 'file',
    permissions: 0o600,
    sizeBytes: bytes.length,
    content,
  };
  const folder = await repository.saveTree([file], { signal });
  counts.treeBlobs += folder.isNew ? 1 : 0;
  counts.dataAddedPacked += folder.sealedBytes;
  return { ...common, name: utf8(manifestFolder), type: 'dir', permissions: 0o700, subtree: folder.id };
}

/** Adds up what the stores report, over all sources. */
function progressOf(
  looks: readonly Look[],
  report: ArchiveContext['onProgress'],
): (step: { phase: 'capturing' | 'storing'; files: number; bytes: number; item: string }) => void {
  let filesDone = 0;
  let bytesDone = 0;
  let filesTotal = 0;
  let bytesTotal = 0;
  for (const look of looks) {
    if (look.outcome !== 'scanned') continue;
    filesTotal += look.scan.totals.changedFiles;
    bytesTotal += look.scan.totals.changedBytes;
  }
  return ({ phase, files, bytes, item }) => {
    filesDone += files;
    bytesDone = Math.min(bytesDone + bytes, bytesTotal);
    report({ phase, filesDone, filesTotal, bytesDone, bytesTotal, item });
  };
}

function addCounts(sum: ArchiveCounts, more: Readonly<ArchiveCounts>): void {
  for (const name of Object.keys(more) as (keyof ArchiveCounts)[]) sum[name] += more[name];
}

function emptyCounts(): ArchiveCounts {
  return {
    filesNew: 0,
    filesChanged: 0,
    filesUnmodified: 0,
    dirsNew: 0,
    dirsChanged: 0,
    dirsUnmodified: 0,
    removed: 0,
    dataBlobs: 0,
    treeBlobs: 0,
    dataAdded: 0,
    dataAddedPacked: 0,
    totalFiles: 0,
    totalBytes: 0,
    bytesRead: 0,
  };
}
