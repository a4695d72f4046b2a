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
  ManifestDatabase,
  ManifestSource,
  ParentSnapshot,
} from './model.ts';
import { nameKey } from './names.ts';
import { type Scan, scanSource } from './scan.ts';
import { databaseKey, SourceStore } from './store.ts';

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
  const memory = context.memory?.snapshot === parent?.id ? (context.memory?.databases ?? {}) : {};
  const looks = await scanAll(context, memory);
  const previousSources = new Map(parent?.manifest?.sources.map(each => [each.id, each]));

  if (looks.every(look => look.outcome === 'absent')) {
    const first = looks[0];
    throw new SignetError('E_SOURCE_UNREADABLE', `none of ${looks.length} sources can be read`, {
      params: { reason: first?.outcome === 'absent' ? first.reason : 'missing', label: first?.source.label ?? '' },
    });
  }
  for (const look of looks) {
    if (look.outcome !== 'scanned') continue;
    counts.totalFiles += look.scan.totals.files;
    counts.totalBytes += look.scan.totals.bytes;
    counts.removed += look.scan.totals.removed;
  }
  if (parent !== undefined && !differs(looks, parent)) {
    counts.filesUnmodified = counts.totalFiles;
    const manifest = {
      v: 1 as const,
      device: context.device,
      sources: looks.map(look => carry(look, previousSources, parent.id)),
    };
    return { changed: false, manifest, counts, memory };
  }

  const progress = progressOf(looks, context.onProgress);
  const gearKey = context.repository.deriveKey('signet/gear/v1');
  const storeContext = {
    ...context,
    memory,
    counts,
    chunker: createChunker(gearKey),
    previousDatabases: databasesOf(parent?.manifest),
  };
  gearKey.fill(0);
  const stores = new Map<Look, SourceStore>();
  for (const look of looks) {
    if (look.outcome !== 'scanned') continue;
    const store = new SourceStore({ ...storeContext, onProgress: progress }, look.source, look.scan);
    stores.set(look, store);
    await store.storeDatabases();
  }
  const nodes: TreeNode[] = [];
  const sources: ManifestSource[] = [];
  const newMemory: Record<string, CaptureMemory['databases'][string]> = {};
  for (const look of looks) {
    signal.throwIfAborted();
    const store = stores.get(look);
    if (store === undefined) {
      sources.push(carry(look, previousSources, parent?.id));
      if (look.previous !== undefined) nodes.push(look.previous);
      for (const [key, facts] of Object.entries(memory))
        if (key.startsWith(`${look.source.id}/`)) newMemory[key] = facts;
      continue;
    }
    const { source } = look;
    const stored = await store.storeTrees();
    nodes.push(stored.node);
    Object.assign(newMemory, stored.memory);
    sources.push({
      id: source.id,
      profile: source.profile,
      label: source.label,
      root: source.root,
      capturedAt: at,
      complete: stored.omitted.every(omission => omission.reason === 'special-file'),
      omitted: stored.omitted,
      databases: stored.databases,
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
  return { changed: true, tree: root.id, manifest, counts, memory: newMemory };
}

/** What looking at one source gave. */
type Look = {
  readonly source: ArchiveSource;
  /** The source's folder in the parent snapshot. */
  readonly previous: TreeNode | undefined;
} & (
  | { readonly outcome: 'scanned'; readonly scan: Scan }
  | { readonly outcome: 'carried'; readonly reason: CarryReason }
  /** Cannot be captured, and there is nothing to carry forward. */
  | { readonly outcome: 'absent'; readonly reason: CarryReason }
);

async function scanAll(context: ArchiveContext, memory: CaptureMemory['databases']): Promise<readonly Look[]> {
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
      const emptied = scan.root.entries.length === 0 && previous !== undefined && scan.totals.removed > 0;
      looks.push(
        emptied
          ? { source, previous, outcome: 'carried', reason: 'empty' }
          : { source, previous, outcome: 'scanned', scan },
      );
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined || code === 'ENOSPC') throw error;
      const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
      looks.push({ source, previous, outcome: previous === undefined ? 'absent' : 'carried', reason });
    }
  }
  return looks;
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
    const leftOut = new Set(described.omitted.filter(each => each.reason !== 'changing').map(each => each.path));
    const sameOmissions =
      leftOut.size === look.scan.omitted.length && look.scan.omitted.every(each => leftOut.has(each.path));
    const torn = described.omitted.some(each => each.reason === 'changing');
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
  const { capturedAt, complete, omitted, databases, carriedFrom } = { carriedFrom: undefined, ...described };
  const same = { id, profile, label, root, capturedAt, complete, omitted, databases };
  if (look.outcome === 'scanned') return same;
  const snapshot = carriedFrom?.snapshot ?? parent ?? '';
  return { ...same, carriedFrom: { snapshot, reason: look.reason } };
}

async function saveManifest(context: ArchiveContext, manifest: Manifest, counts: ArchiveCounts): Promise<TreeNode> {
  const { repository, signal, now } = context;
  const bytes = encodeManifest(manifest);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 1 << 20) pieces.push(bytes.subarray(at, at + (1 << 20)));
  const content: BlobId[] = [];
  for (const piece of pieces) {
    const saved = await repository.saveBlob('data', piece, { signal });
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

function databasesOf(manifest: Manifest | undefined): ReadonlyMap<string, ManifestDatabase> {
  const databases = new Map<string, ManifestDatabase>();
  for (const source of manifest?.sources ?? []) {
    for (const database of source.databases) databases.set(`${source.id}/${database.path}`, database);
  }
  return databases;
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
