// Snapshot files in restic 0.18's form. Only what Signet uses is kept when reading; `time` stays the text it was, since tags are
// computed over it.

import { goJsonString, parseGoTime } from './go-text.ts';
import { asBlobId, asSnapshotId, isId } from './ids.ts';
import type { Snapshot, SnapshotSummary } from './model.ts';

/** JSON as Go's encoder would write it, in the order of the entries; undefined values are left out. */
function goObject(fields: readonly (readonly [string, unknown])[]): string {
  const parts = fields.filter(([, value]) => value !== undefined).map(([name, value]) => `"${name}":${goValue(value)}`);
  return `{${parts.join(',')}}`;
}

function goValue(value: unknown): string {
  if (typeof value === 'string') return goJsonString(value);
  if (Array.isArray(value)) return `[${value.map(goValue).join(',')}]`;
  if (typeof value === 'object' && value !== null) return goObject(Object.entries(value));
  return String(value);
}

const summaryFields = [
  ['files_new', 'filesNew'],
  ['files_changed', 'filesChanged'],
  ['files_unmodified', 'filesUnmodified'],
  ['dirs_new', 'dirsNew'],
  ['dirs_changed', 'dirsChanged'],
  ['dirs_unmodified', 'dirsUnmodified'],
  ['data_blobs', 'dataBlobs'],
  ['tree_blobs', 'treeBlobs'],
  ['data_added', 'dataAdded'],
  ['data_added_packed', 'dataAddedPacked'],
  ['total_files_processed', 'totalFilesProcessed'],
  ['total_bytes_processed', 'totalBytesProcessed'],
] as const satisfies readonly (readonly [string, keyof SnapshotSummary])[];

export function encodeSnapshot(snapshot: Snapshot): string {
  const { summary } = snapshot;
  return goObject([
    ['time', snapshot.time],
    ['parent', snapshot.parent],
    ['tree', snapshot.tree],
    ['paths', snapshot.paths],
    ['hostname', snapshot.hostname],
    ['username', snapshot.username],
    ['tags', snapshot.tags.length === 0 ? undefined : snapshot.tags],
    ['program_version', snapshot.programVersion],
    [
      'summary',
      summary === undefined
        ? undefined
        : Object.fromEntries([
            ['backup_start', summary.backupStart],
            ['backup_end', summary.backupEnd],
            ...summaryFields.map(([stored, name]) => [stored, summary[name]]),
          ]),
    ],
  ]);
}

/** Lone surrogates would be written as something else than was read. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= 4096 && value.isWellFormed();
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const texts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.length <= 10_000 && value.every(isText) ? value : undefined;

function decodeSummary(value: unknown): SnapshotSummary | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Record<string, unknown>; // judged field by field
  const { backup_start: backupStart, backup_end: backupEnd } = record;
  if (!isText(backupStart) || !isText(backupEnd)) return undefined;
  const count = (stored: (typeof summaryFields)[number][0]): number => {
    const found = record[stored];
    return isCount(found) ? found : 0;
  };
  return {
    backupStart,
    backupEnd,
    filesNew: count('files_new'),
    filesChanged: count('files_changed'),
    filesUnmodified: count('files_unmodified'),
    dirsNew: count('dirs_new'),
    dirsChanged: count('dirs_changed'),
    dirsUnmodified: count('dirs_unmodified'),
    dataBlobs: count('data_blobs'),
    treeBlobs: count('tree_blobs'),
    dataAdded: count('data_added'),
    dataAddedPacked: count('data_added_packed'),
    totalFilesProcessed: count('total_files_processed'),
    totalBytesProcessed: count('total_bytes_processed'),
  };
}

/** @returns undefined when the JSON is no snapshot (another kind of object may have been filed as one) */
export function decodeSnapshot(parsed: unknown): Snapshot | undefined {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const record = parsed as Record<string, unknown>; // judged field by field
  const { time, tree, parent, program_version: programVersion } = record;
  if (!isText(time) || parseGoTime(time) === undefined || !isId(tree)) return undefined;
  const paths = texts(record['paths'] ?? []);
  const tags = texts(record['tags'] ?? []);
  const hostname = record['hostname'] ?? '';
  const username = record['username'] ?? '';
  if (paths === undefined || tags === undefined || !isText(hostname) || !isText(username)) return undefined;
  const summary = decodeSummary(record['summary']);
  return {
    time,
    tree: asBlobId(tree),
    ...(isId(parent) ? { parent: asSnapshotId(parent) } : {}),
    paths,
    hostname,
    username,
    tags,
    ...(isText(programVersion) ? { programVersion } : {}),
    ...(summary === undefined ? {} : { summary }),
  };
}
