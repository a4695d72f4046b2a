// The door to Google Drive: a remote whose objects are files in one folder that its owner sees, restic's layout one to one. The folder is
// found by its id, so it may be renamed and moved; which id stands for which key is kept in a table on this computer (known.ts) that
// the feed of changes keeps true (catalog.ts). Nothing is asked while nothing is to be done. Each call tries once, and again only where
// that brings it further: after a 401, from the byte where a transfer broke off, after an answer that was lost, and each request of a
// look at the place by itself.
// Left to others: trying again later (retrying.ts), and what it means that an object is missing.

import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { isCode, SignetError } from '../../base/errors.ts';
import type { DriveConnection } from '../connection.ts';
import { checkKey, refuseMirror } from '../keys.ts';
import type { CallOptions, NetworkRemote, RemoteEntry, RemoteKey } from '../remote.ts';
import { type Catalog, createCatalog, rootProblem } from './catalog.ts';
import { isRefused, placeName } from './classify.ts';
import { createDownloads } from './download.ts';
import type { GoogleEndpoints } from './endpoints.ts';
import { createFileCalls, type DriveFile, type FileCalls, isMadeAs, takenId } from './files.ts';
import { createFolders, type Folders } from './folders.ts';
import { chooseFolder } from './healing.ts';
import { createIdPool, type IdPool, idsNote } from './ids.ts';
import { type KnownObject, nameOf, type ObjectTable, objectsBelow, removedRow } from './known.ts';
import { createTransport, type ProxyVariables, type TokenSource, type Transport } from './transport.ts';
import { createUploads, type Uploads } from './upload.ts';

export type { KnownObject, ObjectTable } from './known.ts';

export interface DriveOptions {
  /** Name of the root folder in My Drive; looked for only while the connection names no folder. */
  readonly folder: string;
  readonly connection: DriveConnection;
  /** Keeps what was found out: the folder. */
  readonly saveConnection: (connection: DriveConnection) => Promise<void>;
  readonly auth: TokenSource;
  readonly objects: ObjectTable;
  /** The address of an upload is a capability: only so it is written down. */
  readonly sealSession: (bytes: Uint8Array) => Uint8Array;
  readonly openSession: (bytes: Uint8Array) => Uint8Array | undefined;
  readonly endpoints: Pick<GoogleEndpoints, 'apiRoot' | 'uploadRoot'>;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** "signet/0.1.0". */
  readonly userAgent: string;
  /** The environment, for HTTPS_PROXY and its kin; absent: no proxy. */
  readonly proxies?: ProxyVariables | undefined;
  /** Silence on a connection that ends a request; default a minute. */
  readonly inactivityMs?: number | undefined;
}

interface Wires {
  readonly transport: Transport;
  readonly calls: FileCalls;
  readonly ids: IdPool;
}

function wires(options: DriveOptions): Wires {
  const { endpoints, userAgent, clock, objects } = options;
  const transport = createTransport({
    tokens: options.auth,
    roots: [endpoints.apiRoot, endpoints.uploadRoot],
    clock,
    userAgent,
    proxies: options.proxies,
    inactivityMs: options.inactivityMs,
  });
  // Ids belong to the account they were drawn for: another one refuses them, each time.
  if (objects.note(accountNote) !== options.connection.accountId) {
    for (const name of [idsNote, plannedRootNote]) objects.setNote(name, undefined);
    objects.setNote(accountNote, options.connection.accountId);
  }
  const random = (): number => (options.randomBytes(1)[0] ?? 0) / 256;
  const calls = createFileCalls({ transport, apiRoot: endpoints.apiRoot, userAgent, clock, random });
  return { transport, calls, ids: createIdPool(calls, objects) };
}

/** The folder that was made for this name, if there is one: the connection with its id. Makes nothing. */
export function findDriveFolder(options: DriveOptions, call: CallOptions = {}): Promise<DriveConnection | undefined> {
  return findFolder(wires(options), options, call);
}

async function findFolder(
  wired: Wires,
  options: DriveOptions,
  call: CallOptions,
): Promise<DriveConnection | undefined> {
  if (options.connection.folderId !== null) return options.connection;
  const found = await searchRoot(wired, options, call);
  return found === undefined ? undefined : keepFolder(options, found.id);
}

/**
 * For set-up: the folder of this name that this app made, or a new one. Its id is drawn and written down first, so that a set-up that broke
 * off finds it again.
 *
 * @throws SignetError E_REMOTE_DENIED (params.reason 'trashed', 'gone') when the connection names a folder that is not to be seen
 */
export async function prepareDriveFolder(options: DriveOptions, call: CallOptions = {}): Promise<DriveConnection> {
  const { connection, folder, objects } = options;
  const wired = wires(options);
  const { calls, ids } = wired;
  if (connection.folderId !== null) {
    const root = await calls.find(connection.folderId, call);
    if (root === undefined || root.isTrashed) throw rootProblem(root === undefined ? 'gone' : 'trashed');
  }
  const found = await findFolder(wired, options, call);
  if (found !== undefined) return found;
  const id = await ids.take(call);
  objects.setNote(plannedRootNote, `${id} ${folder}`);
  const made = await calls
    .createFolder({ id, name: folder, parent: undefined, madeAs: folder }, call)
    .catch(async error => {
      const before = isRefused(error, 409) ? await calls.find(id, call) : undefined;
      if (before === undefined) throw error;
      if (isMadeAs(before, 'folder', folder)) return before;
      objects.setNote(plannedRootNote, undefined);
      ids.giveUp();
      throw takenId(folder);
    });
  return keepFolder(options, made.id);
}

/** Google's own id of the account that the table was last used for. */
const accountNote = 'account';

/** The id under which a folder of a name was to be made: a list may not show it yet. */
const plannedRootNote = 'planned root';

async function searchRoot(
  { calls }: Wires,
  { folder, objects }: DriveOptions,
  call: CallOptions,
): Promise<DriveFile | undefined> {
  const [plannedId = '', ...words] = (objects.note(plannedRootNote) ?? '').split(' ');
  if (plannedId !== '' && words.join(' ') === folder) {
    const planned = await calls.find(plannedId, call);
    if (planned !== undefined && !planned.isTrashed && planned.marker !== null) return planned;
  }
  const found: DriveFile[] = [];
  for (const each of await calls.rootFolders(folder, call)) {
    if (each.marker !== null || !(await isInside(each, calls, call))) found.push(each);
  }
  if (found.length < 2) return found[0];
  // Several of one name: the one that holds a backup, else the oldest.
  const used = new Set<string>();
  for await (const page of calls.children(
    found.map(({ id }) => id),
    call,
  )) {
    for (const file of page)
      if (file.kind === 'file' && file.name === 'config') for (const id of file.parents) used.add(id);
  }
  return chooseFolder(found.filter(({ id }) => used.has(id))) ?? chooseFolder(found);
}

/** A folder inside another one of ours, such as `data`, is no place of its own. My Drive itself is not visible to us. */
async function isInside({ parents }: DriveFile, calls: FileCalls, call: CallOptions): Promise<boolean> {
  const [parent] = parents;
  return parent !== undefined && (await calls.find(parent, call)) !== undefined;
}

async function keepFolder({ connection, saveConnection }: DriveOptions, folderId: string): Promise<DriveConnection> {
  const kept = { ...connection, folderId };
  await saveConnection(kept);
  return kept;
}

/** The row of an object that is there. */
type StoredRow = KnownObject & { readonly sizeBytes: number };

function isStored(row: KnownObject): row is StoredRow {
  return row.state === 'there' && row.sizeBytes !== null;
}

function entryOf({ key, sizeBytes, sha256 }: StoredRow): RemoteEntry {
  return sha256 === null ? { key, sizeBytes } : { key, sizeBytes, sha256 };
}

/** What needs the root folder's id. */
interface Opened {
  readonly catalog: Catalog;
  readonly folders: Folders;
  readonly uploads: Uploads;
}

/**
 * @throws SignetError, each call: E_REMOTE_DENIED with params.reason 'trashed' or 'gone' (the folder), 'scope', 'api-off', 'other-account',
 *   'permission', 'policy', 'refused'
 */
export function createDriveRemote(options: DriveOptions): NetworkRemote {
  const { objects: table, clock, endpoints, connection } = options;
  const wired = wires(options);
  const { transport, calls, ids } = wired;
  let folderId = connection.folderId;
  const downloads = createDownloads({ transport, apiRoot: endpoints.apiRoot });
  let opening: Promise<Opened> | undefined;
  /** Two writers of one key take turns. */
  const turns = new Map<RemoteKey, Promise<unknown>>();

  async function open(): Promise<Opened> {
    const found = await findFolder(wired, options, {});
    if (found?.folderId == null) throw rootProblem('gone');
    folderId = found.folderId;
    const catalog = createCatalog({ calls, table, rootId: folderId, clock });
    const folders = createFolders({ calls, table, ids, catalog });
    const uploads = createUploads({
      ...{ calls, transport, table, ids, folders, clock },
      uploadRoot: endpoints.uploadRoot,
      boundary: () => `signet-${toHex(options.randomBytes(16))}`,
      sealSession: options.sealSession,
      openSession: options.openSession,
      distrust: () => catalog.distrust(),
    });
    return { catalog, folders, uploads };
  }

  function opened(signal: AbortSignal | undefined): Promise<Opened> {
    signal?.throwIfAborted();
    opening ??= open().catch(error => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function inTurn<Result>(key: RemoteKey, action: () => Promise<Result>): Promise<Result> {
    const before = turns.get(key);
    const turn = (async () => {
      await before?.catch(() => undefined); // its caller was told
      return action();
    })();
    turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(key) === turn) turns.delete(key);
    }
  }

  function rowAt(key: RemoteKey): StoredRow | undefined {
    const row = table.get(key);
    return row !== undefined && isStored(row) ? row : undefined;
  }

  async function find(key: RemoteKey, { catalog }: Opened, call: CallOptions) {
    const known = rowAt(key);
    if (known !== undefined) return known;
    await catalog.refresh(call);
    const row = rowAt(key);
    if (row === undefined)
      throw new SignetError('E_MISSING', `${key}: no such object`, { params: { remote: placeName } });
    return row;
  }

  return {
    kind: 'drive',
    label: placeName,
    listsTogether: true,
    requests: () => transport.count(),

    async put(key, body, call) {
      checkKey(key);
      const { uploads, catalog } = await opened(call?.signal);
      await catalog.expectRoot(call);
      await inTurn(key, () => uploads.put(key, body, call));
      catalog.wrote();
      // The hash in its row is the one that Google told of what it stored.
      const row = rowAt(key);
      return row && entryOf(row);
    },

    async get(key, { maxBytes, offset = 0, length, copies, signal, pace }) {
      checkKey(key);
      refuseMirror(key, copies);
      const call = { signal, pace };
      const place = await opened(signal);
      for (let isAgain = false; ; isAgain = true) {
        const row = await find(key, place, call);
        const { id, sizeBytes, sha256 } = row;
        const end = length === undefined ? sizeBytes : offset + length;
        if (offset > sizeBytes || end > sizeBytes) {
          throw new SignetError('E_MISSING', `${key}: bytes ${offset} to ${end} were asked for, it has ${sizeBytes}`);
        }
        if (end - offset > maxBytes) {
          throw new SignetError('E_OBJECT_LIMIT', `${key}: ${end - offset} bytes, at most ${maxBytes} are read`);
        }
        try {
          return await downloads.read({ key, id, sizeBytes, offset, length: end - offset, sha256 }, call);
        } catch (error) {
          if (isAgain || !isCode(error, 'E_MISSING')) throw error;
          // Gone, forgotten by Google, or not what it was. It is told as missing only after a look for what took its place.
          await forget(row, call);
        }
      }
    },

    async stat(key, call = {}) {
      checkKey(key);
      const { catalog } = await opened(call.signal);
      await catalog.refresh(call);
      const row = rowAt(key);
      return row === undefined ? undefined : entryOf(row);
    },

    async *list(folder, call = {}) {
      if (folder !== '') checkKey(folder);
      const { catalog } = await opened(call.signal);
      await catalog.refresh(call);
      for (const row of objectsBelow(table, folder === '' ? '' : `${folder}/`)) {
        call.signal?.throwIfAborted();
        if (isStored(row)) yield entryOf(row);
      }
    },

    async remove(key, call = {}) {
      checkKey(key);
      const { catalog } = await opened(call.signal);
      await inTurn(key, async () => {
        if (table.get(key) === undefined) await catalog.refresh(call);
        const row = table.get(key);
        if (row === undefined) return;
        if (row.state === 'there' || (row.state === 'sent' && (await isOwn(row, call)))) {
          await calls.remove(row.id, call);
          table.put([removedRow(row.id)]);
        }
        table.remove([key]);
        catalog.wrote();
      });
    },

    async about(call = {}) {
      const { accountId, account, quota } = await calls.account(call);
      if (accountId !== connection.accountId) {
        throw new SignetError('E_REMOTE_DENIED', 'google drive belongs to another account than at set-up', {
          params: { remote: placeName, reason: 'other-account', account },
        });
      }
      // Only a grant of a project in testing has an end.
      const advice = connection.endsAt === undefined ? [] : ['project-in-testing'];
      return { account, quota, ...(folderId === null ? {} : { folderId }), advice };
    },
  };

  /** Of an upload whose end is not known: the id may be another file's, in a table that was set back or copied. */
  async function isOwn({ key, id }: KnownObject, call: CallOptions): Promise<boolean> {
    const file = await calls.find(id, call);
    return file !== undefined && isMadeAs(file, 'file', nameOf(key));
  }

  /** The row leads to nothing, or to another file than it says. */
  async function forget({ key, id }: KnownObject, call: CallOptions): Promise<void> {
    const file = await calls.find(id, call);
    if (table.get(key)?.id !== id) return;
    const isThere = file !== undefined && !file.isTrashed && file.kind === 'file';
    if (isThere)
      table.put([{ key, id, state: 'there', sizeBytes: file.sizeBytes, sha256: file.sha256, session: null }]);
    else table.remove([key]);
  }
}
