// `signet sources`: which chats are backed up, what of them is left out, and what else this computer has.

import { isAbsolute, relative, sep } from 'node:path';
import { choiceWords, choosingNote, nextBackupWords, onlyHereWords } from '../../protocol/choice-words.ts';
import { reasonWords } from '../../protocol/error-words.ts';
import { ago, counted, size } from '../../protocol/formats.ts';
import type { Connected } from '../../protocol/launch.ts';
import * as messages from '../../protocol/messages.ts';
import type { FoundSource, SourceStatus, SyncedFolder } from '../../protocol/status.ts';
import { type CommonOptions, usage, withDaemon } from './session.ts';
import { type ChoiceOptions, choicesOf, sourceOf } from './source-spec.ts';
import { harmless, print, printJson, table, tell } from './terminal.ts';

export async function list(options: CommonOptions): Promise<void> {
  const { sources } = await withDaemon(({ connection }) => connection.sendRequest(messages.status, {}));
  if (options.json) printJson(sources);
  else if (sources.length === 0) print('No chats are chosen for backup. `signet sources discover` looks for some.');
  else print(sources.map(each => listedWords(each, Date.now())).join('\n\n'));
}

function listedWords(source: SourceStatus, now: number): string {
  const { label, id, root, sizeBytes, leftOut, problem, capturedAt } = source;
  const sized = sizeBytes === undefined ? [] : [size(sizeBytes)];
  // Of a plain folder nobody expects messages.
  const counts = source.profile === 'generic' && source.messages === undefined ? [] : [messagesWords(source)];
  const holds = capturedAt === undefined ? '' : [...counts, ...sized].join(', ');
  const choice = choiceWords(source);
  const last = leftOut === undefined ? '' : ` (${counted(leftOut.files, 'file', 'files')}, ${size(leftOut.bytes)})`;
  const facts = [
    ['Folder', root],
    ...(holds === '' ? [] : [['Holds', holds]]),
    ...(choice === undefined && leftOut === undefined
      ? []
      : [['Left out', `${choice ?? 'what its app makes anew'}${last}`]]),
    ['Backed up', capturedAt === undefined ? 'not yet' : ago(capturedAt, now, { bare: true })],
    ...(problem === undefined ? [] : [['Problem', reasonWords(problem)]]),
    ['Id', id],
  ];
  const notes = source.opensOnlyHere ? [onlyHereWords(label)] : [];
  const rows = table(facts.map(([name = '', value = '']) => [`  ${name}`, harmless(value)]));
  return [harmless(label), rows, ...notes.map(text => `  ${harmless(text)}`)].join('\n');
}

function messagesWords({ messages: count, conversations }: SourceStatus): string {
  if (count === undefined) return 'messages not counted';
  const words = counted(count, 'message', 'messages');
  return conversations === undefined ? words : `${words} in ${counted(conversations, 'chat', 'chats')}`;
}

export interface AddOptions extends CommonOptions, ChoiceOptions {
  readonly label?: string;
}

export async function add(spec: string, options: AddOptions): Promise<void> {
  const { label } = options;
  const params = { ...sourceOf(spec), ...(label !== undefined && { label }), ...choicesOf(options) };
  const { source, others } = await withDaemon(async ({ connection }) => {
    const source = await connection.sendRequest(messages.addSource, params);
    const { sources } = await connection.sendRequest(messages.status, {});
    return { source, others: sources.filter(({ id }) => id !== source.id) };
  });
  if (options.json) return printJson(source);
  const notes = [choosingNote(source.profile), source.opensOnlyHere && onlyHereWords(source.label)];
  tell(
    [
      `Added: ${harmless(source.label)}, ${harmless(source.root)}.`,
      ...notes.filter(text => typeof text === 'string').map(harmless),
      ...overlapping(source, others).map(harmless),
      `It is in the next backup. ${nextBackupWords(source.nextBackup)}`.trim(),
    ].join('\n'),
  );
}

/** Folders inside one another are backed up twice: stored once, but shown and counted twice. */
function overlapping({ root }: SourceStatus, others: readonly SourceStatus[]): readonly string[] {
  const holds = (outer: string, inner: string): boolean => {
    const way = relative(outer, inner);
    return !isAbsolute(way) && way.split(sep)[0] !== '..';
  };
  return others
    .filter(other => holds(root, other.root) || holds(other.root, root))
    .map(other => {
      const lies = holds(root, other.root) ? `It holds ${other.root}` : `It lies in ${other.root}`;
      return `${lies}, which is backed up as ${other.label}: what is in both is stored once, but counted twice.`;
    });
}

export async function remove(name: string, options: CommonOptions): Promise<void> {
  const source = await withDaemon(async daemon => {
    const found = await find(daemon, name);
    await daemon.connection.sendRequest(messages.removeSource, { id: found.id });
    return found;
  });
  if (options.json) printJson({ removed: source.id });
  else {
    tell(
      `${harmless(source.label)} is not backed up any more. The backups of it that are there stay and can be restored.`,
    );
  }
}

export async function change(name: string, options: AddOptions): Promise<void> {
  const { label } = options;
  const source = await withDaemon(async daemon => {
    const found = await find(daemon, name);
    const changes = { ...(label !== undefined && { label }), ...choicesOf(options, found.leaveOut ?? []) };
    if (Object.keys(changes).length === 0)
      throw usage('nothing to change was named', 'See `signet sources change --help`.');
    return daemon.connection.sendRequest(messages.changeSource, { id: found.id, ...changes });
  });
  if (options.json) return printJson(source);
  const choice = choiceWords(source);
  const kept =
    choice === undefined
      ? `${harmless(source.label)} is backed up whole from the next backup on.`
      : `From the next backup on ${harmless(source.label)} is backed up without ${choice}. Earlier backups keep what they have.`;
  tell(`${kept} ${nextBackupWords(source.nextBackup)}`.trim());
}

export async function accept(name: string, options: CommonOptions): Promise<void> {
  const { id, label, nextBackup } = await withDaemon(async daemon => {
    const found = await find(daemon, name);
    return { ...found, ...(await daemon.connection.sendRequest(messages.acceptSource, { id: found.id })) };
  });
  if (options.json) return printJson({ accepted: id, nextBackup });
  const taken = `The next backup takes ${harmless(label)} as it is now. Earlier backups keep what was there.`;
  tell(`${taken} ${nextBackupWords(nextBackup)}`.trim());
}

export async function discover(options: CommonOptions): Promise<void> {
  const [sources, places] = await withDaemon(({ connection }) =>
    Promise.all([connection.sendRequest(messages.discoverSources), connection.sendRequest(messages.syncedFolders)]),
  );
  if (options.json) printJson({ sources, places });
  else print(foundWords(sources, places, Date.now()));
}

function foundWords(sources: readonly FoundSource[], places: readonly SyncedFolder[], now: number): string {
  const lines: string[] = [];
  if (sources.length === 0) {
    lines.push('No chats were found in their usual places. `signet sources add <folder>` takes any folder.');
  } else {
    for (const found of sources) lines.push(`${found.isAdded ? '✓' : ' '} ${foundSourceWords(found, now)}`);
    if (sources.some(each => each.isAdded)) lines.push('', '✓ is backed up already.');
    lines.push('', '`signet sources add <profile>:<folder>` adds one.');
  }
  if (places.length > 0) {
    lines.push('', 'Folders here that another app uploads, as places for the copies:');
    lines.push(table(places.map(({ app, path }) => [`  ${app}`, harmless(path)])));
  }
  return lines.join('\n');
}

function foundSourceWords(found: FoundSource, now: number): string {
  const { label, profile, root, files, sizeBytes, isMore, newestAt, opensOnlyHere } = found;
  const extent = `${isMore ? 'more than ' : ''}${counted(files, 'file', 'files')}, ${size(sizeBytes)}`;
  const newest = newestAt === undefined ? '' : `, newest ${ago(newestAt, now, { bare: true })}`;
  const notes = [choosingNote(profile), opensOnlyHere && onlyHereWords(label)].filter(text => typeof text === 'string');
  return [`${label}: ${extent}${newest}`, `    ${profile}:${harmless(root)}`, ...notes.map(text => `    ${text}`)].join(
    '\n',
  );
}

/** By id, by label or by folder. */
async function find({ connection }: Connected, name: string): Promise<SourceStatus> {
  const { sources } = await connection.sendRequest(messages.status, {});
  const byId = sources.find(({ id }) => id === name);
  if (byId !== undefined) return byId;
  const found = sources.filter(
    ({ label, root, profile }) => root === name || profile === name || label.toLowerCase() === name.toLowerCase(),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw usage(
    found.length > 1 ? `more than one source is called ${name}` : `no source is called ${name}`,
    found.length > 1 ? 'Give its id; see `signet sources list`.' : 'See `signet sources list`.',
  );
}
