// Looking into backups: snapshots, ls, cat, diff.

import { PeerError } from '../../protocol/errors.ts';
import { count, counted, listed, moment, size } from '../../protocol/formats.ts';
import * as messages from '../../protocol/messages.ts';
import { everyPage } from '../../protocol/pages.ts';
import { newMessagesWords } from '../../protocol/source-words.ts';
import type { SnapshotDifference, SnapshotEntry, SnapshotSource } from '../../protocol/status.ts';
import { backupNamed, type CommonOptions, withDaemon } from './session.ts';
import { harmless, note, print, printJson, table } from './terminal.ts';

/** @param snapshot shows what this one holds in place of the list */
export async function snapshots(snapshot: string | undefined, options: CommonOptions): Promise<void> {
  if (snapshot !== undefined) return show(snapshot, options);
  const entries = await withDaemon(({ connection }) =>
    everyPage(offset => connection.sendRequest(messages.snapshots, { offset })),
  );
  if (options.json) return printJson(entries);
  if (entries.length === 0) return print('Nothing has been backed up yet.');
  print(listWords(entries));
}

export function listWords(entries: readonly SnapshotEntry[]): string {
  const rows = entries.map(entry => [
    entry.id.slice(0, 8),
    entry.number === undefined ? '' : String(entry.number),
    moment(entry.at),
    harmless(entry.device),
    count(entry.files),
    size(entry.sizeBytes),
    `+${size(entry.bytesAdded)}`,
    [newMessagesWords(entry), standingWords(entry)].filter(text => text !== '').join(', '),
  ]);
  return table([['ID', 'No.', 'Made', 'Device', 'Files', 'Size', 'Added', ''], ...rows], [1, 4, 5, 6]);
}

function standingWords({ announced, standing }: SnapshotEntry): string {
  if (standing === 'foreign') return 'reported by none of your devices: restored only when named';
  if (standing === 'replayed') return 'was forgotten and came back: restored only when named';
  return announced ? '' : 'not announced by any device';
}

async function show(named: string, options: CommonOptions): Promise<void> {
  const found = await withDaemon(({ connection }) =>
    connection.sendRequest(messages.showSnapshot, { snapshot: backupNamed(named) }),
  );
  if (options.json) return printJson(found);
  print(listWords([found.snapshot]));
  if (found.sources.length > 0) print(`\n${sourcesWords(found.sources)}`);
}

export function sourcesWords(sources: readonly SnapshotSource[]): string {
  const rows = sources.map(source => [
    source.id,
    harmless(source.label),
    count(source.files),
    size(source.sizeBytes),
    source.messages === undefined ? 'not counted' : count(source.messages),
    moment(source.capturedAt),
  ]);
  return table([['Source', 'Chats', 'Files', 'Size', 'Messages', 'As of'], ...rows], [2, 3, 4]);
}

export async function ls(snapshot: string, path: string | undefined, options: CommonOptions): Promise<void> {
  const entries = await withDaemon(({ connection }) =>
    everyPage(offset =>
      connection.sendRequest(messages.list, { snapshot: backupNamed(snapshot), path: inner(path), offset }),
    ),
  );
  if (options.json) return printJson(entries);
  if (entries.length === 0) return print('The folder is empty.');
  const rows = entries.map(entry => [
    entry.type === 'file' ? size(entry.sizeBytes) : '',
    moment(entry.modifiedAt),
    `${harmless(entry.name)}${entry.type === 'dir' ? '/' : entry.type === 'symlink' ? '@' : ''}`,
  ]);
  print(table(rows, [0]));
}

const marks = { added: '+', removed: '-', changed: '*' } as const satisfies Record<
  SnapshotDifference['change'],
  string
>;

/** The files in which two backups differ; with `--json` one result. */
export async function diff(
  before: string,
  after: string,
  path: string | undefined,
  options: CommonOptions,
): Promise<void> {
  const two = { before: backupNamed(before), after: backupNamed(after), path: inner(path) };
  let isMore = false;
  const entries = await withDaemon(({ connection }) =>
    everyPage(async offset => {
      const page = await connection.sendRequest(messages.compareSnapshots, { ...two, offset });
      isMore = page.isMore ?? false;
      return page;
    }),
  );
  if (options.json) return printJson({ type: 'result', entries, isMore });
  if (entries.length === 0) return print('No file differs.');
  const rows = entries.map(({ change, path: at, type, sizeBefore, sizeAfter }) => [
    marks[change],
    [sizeBefore, sizeAfter].flatMap(bytes => (bytes === undefined ? [] : [size(bytes)])).join(' → '),
    `${harmless(at)}${type === 'dir' ? '/' : type === 'symlink' ? '@' : ''}`,
  ]);
  print(table(rows, [1]));
  const sums = (['added', 'removed', 'changed'] as const).flatMap(change => {
    const its = entries.filter(each => each.change === change).length;
    return its === 0 ? [] : [`${count(its)} ${change}`];
  });
  note(`${counted(entries.length, 'file differs', 'files differ')}: ${listed(sums)}.`);
  if (isMore) note('More may differ. Name a folder to see what differs in it.');
}

const chunkBytes = 128 * 1024;

/** The bytes of one file to standard output; with `--json` as lines of base64. */
export async function cat(snapshot: string, path: string, options: CommonOptions): Promise<void> {
  await withDaemon(async ({ connection }) => {
    let offset = 0;
    for (;;) {
      const { base64, sizeBytes } = await connection.sendRequest(messages.read, {
        snapshot: backupNamed(snapshot),
        path: inner(path),
        offset,
        length: chunkBytes,
      });
      const bytes = Buffer.from(base64, 'base64');
      if (options.json) printJson({ type: 'chunk', offset, base64 });
      else if (!process.stdout.write(bytes))
        await new Promise<void>(done => process.stdout.once('drain', () => done()));
      offset += bytes.length;
      if (offset >= sizeBytes) {
        if (options.json) printJson({ type: 'result', path, sizeBytes });
        return;
      }
      if (bytes.length === 0)
        throw new PeerError('E_OBJECT_LIMIT', `the file ends after ${offset} of ${sizeBytes} bytes`);
    }
  });
}

/** Paths in a backup are `<source id>/<path>`; a slash at either end is forgiven. */
function inner(path = ''): string {
  return path.replace(/^\/+|\/+$/g, '');
}
