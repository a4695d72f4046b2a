// Google Drive's own words: the calls of its API that carry no content, through the official client, and what a file looks like in
// their answers. The client's own HTTP, retries and sign-in are off: each of its requests goes through transport.ts.
// Guarantees: every call names its fields, every list leaves the trash out and follows its pages to the last, and nothing of an answer
// is used before it is checked.

import { createHash } from 'node:crypto';
import { drive } from '@googleapis/drive';
import { type Clock, pause } from '../../base/clock.ts';
import { SignetError } from '../../base/errors.ts';
import type { CallOptions } from '../remote.ts';
import { isRefused, placeName } from './classify.ts';
import type { Ask, Transport } from './transport.ts';

export const folderType = 'application/vnd.google-apps.folder';
export const contentType = 'application/octet-stream';
/** Documents, shortcuts, forms: things of Google's that have no bytes. */
const googleType = 'application/vnd.google-apps.';

export const fileFields =
  'id,name,mimeType,parents,trashed,explicitlyTrashed,size,sha256Checksum,createdTime,ownedByMe,appProperties';
/** Items in a page at most. */
const pageSize = 1000;
/** An empty page may lead to itself, though not for ever. */
const pageRepeats = 100;
/** Parents asked for in one list; the query grows by about 50 characters for each. */
export const parentsPerList = 40;

/** A file or folder as Drive tells it. */
export interface DriveFile {
  readonly id: string;
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'document';
  readonly parents: readonly string[];
  readonly isTrashed: boolean;
  /** In the trash only because a folder above it is. */
  readonly isTrashedAlong: boolean;
  /** 0 for what is not a file. */
  readonly sizeBytes: number;
  readonly sha256: string | null;
  /** RFC 3339 in UTC: sorts as text. */
  readonly createdAt: string;
  readonly isOurs: boolean;
  /** What marks a root folder. */
  readonly marker: string | null;
}

/** One entry of the feed: a file as it is now, or that it is gone for us. */
export interface DriveChange {
  readonly id: string;
  /** When, RFC 3339. */
  readonly at: string;
  readonly file: DriveFile | undefined;
}

export interface DriveAccount {
  readonly accountId: string;
  readonly account: string;
  readonly quota: { readonly limit: number | null; readonly used: number; readonly inTrash: number };
}

export interface FileCalls {
  generateIds(count: number, options?: CallOptions): Promise<readonly string[]>;
  /** A folder under an id of `generateIds`. Without a parent it lies in My Drive. */
  createFolder(folder: NewFolder, options?: CallOptions): Promise<DriveFile>;
  /** Undefined when there is none for us. A trashed one is answered as such. */
  find(id: string, options?: CallOptions): Promise<DriveFile | undefined>;
  /** What lies in the folders and not in the trash, page by page. */
  children(parents: readonly string[], options?: CallOptions): AsyncIterable<readonly DriveFile[]>;
  /** Folders that have that name, or were made under it and renamed since, wherever they lie. */
  rootFolders(name: string, options?: CallOptions): Promise<readonly DriveFile[]>;
  feedStart(options?: CallOptions): Promise<string>;
  /** All changes since the position, page by page; the last page says where the feed goes on. */
  changes(position: string, options?: CallOptions): AsyncIterable<ChangesPage>;
  move(id: string, from: string, to: string, options?: CallOptions): Promise<void>;
  trash(id: string, isTrashed: boolean, options?: CallOptions): Promise<void>;
  /** For ever. One that is not there is no error. */
  remove(id: string, options?: CallOptions): Promise<void>;
  account(options?: CallOptions): Promise<DriveAccount>;
}

export interface ChangesPage {
  readonly changes: readonly DriveChange[];
  readonly next: string | undefined;
}

export interface NewFolder {
  readonly id: string;
  readonly name: string;
  readonly parent: string | undefined;
  /** Marks a root folder: a reinstalled app finds it by the name it was made under, whatever it is called then. */
  readonly madeAs?: string;
}

const markerKey = 'signetFolder';

/** Key and value of a property have 124 bytes together, which a name may exceed. */
function markerOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

export interface FileCallsOptions {
  readonly transport: Transport;
  /** Ends with a slash. */
  readonly apiRoot: string;
  readonly userAgent: string;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/**
 * A look at the place is many requests, and begins anew when one fails. So each is tried again by itself where the place answered just before;
 * so often and no more, because who looks tries the whole again. Not after a long silence, nor before a time that the place named.
 */
const readTries = 3;
const justMs = 10_000;
const firstWaitMs = 1000;
const longestTryMs = 10_000;

export function createFileCalls(options: FileCallsOptions): FileCalls {
  const { transport, apiRoot, userAgent, clock, random } = options;
  const api = drive({
    version: 'v3',
    rootUrl: apiRoot,
    universeDomain: 'googleapis.com', // else a variable of the environment would move the calls elsewhere
    retry: false,
    responseType: 'json',
    validateStatus: () => true,
    fetchImplementation: async (url, request) => {
      const { method = 'GET', body } = request ?? {};
      const what = `${method} of ${new URL(String(url)).pathname.split('/').slice(3, 4)}`;
      const ask: Ask = {
        what,
        method: method as 'GET',
        url: String(url),
        headers: {
          // Google compresses for who says so here and, as the client does, beside its name (Drive guide, "Improve performance").
          'accept-encoding': 'gzip',
          'user-agent': `${userAgent} ${new Headers(request?.headers).get('user-agent') ?? '(gzip)'}`,
          ...(body == null ? {} : { 'content-type': 'application/json' }),
        },
        ...(body == null ? {} : { body: Buffer.from(String(body)) }),
        signal: request?.signal ?? undefined,
      };
      const { status, bytes } = await (method === 'GET' ? patiently(ask) : once(ask));
      return new Response(status === 204 ? null : new Uint8Array(bytes), { status });
    },
  });

  let answeredAt = Number.NEGATIVE_INFINITY;

  async function once(ask: Ask): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
    const answer = await transport.send(ask);
    const { status } = answer;
    if (status >= 300 || status < 200) throw await transport.refusal(ask, answer);
    const bytes = await answer.bytes();
    answeredAt = clock.monotonic();
    return { status, bytes };
  }

  async function patiently(ask: Ask): ReturnType<typeof once> {
    for (let tries = 1; ; tries++) {
      const startedAt = clock.monotonic();
      try {
        return await once(ask);
      } catch (error) {
        const isQuick = clock.monotonic() - startedAt < longestTryMs;
        const isBegun = startedAt - answeredAt < justMs;
        if (tries === readTries || !isQuick || !isBegun || !passesSoon(error)) throw error;
        await pause(clock, firstWaitMs * (2 ** (tries - 1) + random()), ask.signal);
      }
    }
  }

  /** The client wraps what our transport throws; this takes it out again. */
  async function call(request: () => Promise<{ readonly data: unknown }>): Promise<unknown> {
    try {
      return (await request()).data;
    } catch (error) {
      if (error instanceof Error && error.cause instanceof Error) throw error.cause;
      throw error;
    }
  }

  async function* pages(
    request: (pageToken: string | undefined) => Promise<{ readonly data: unknown }>,
  ): AsyncGenerator<Readonly<Record<string, unknown>>> {
    let repeats = 0;
    for (let token: string | undefined; ; ) {
      const page = objectOf(await call(() => request(token)));
      yield page;
      // Pages may be short or empty: only a missing token ends the list.
      const next = page['nextPageToken'];
      if (typeof next !== 'string' || next === '') return;
      if (next === token && ++repeats > pageRepeats) throw notGoogle();
      token = next;
    }
  }

  async function* list(q: string, { signal }: CallOptions): AsyncGenerator<readonly DriveFile[]> {
    const fields = `nextPageToken,files(${fileFields})`;
    const request = (pageToken: string | undefined) =>
      api.files.list(
        { q, fields, pageSize, spaces: 'drive', ...(pageToken === undefined ? {} : { pageToken }) },
        callOptions(signal),
      );
    for await (const page of pages(request)) yield arrayOf(page['files']).map(fileOf);
  }

  async function* childrenOf(parents: readonly string[], options: CallOptions): AsyncGenerator<readonly DriveFile[]> {
    try {
      yield* list(`(${parents.map(id => `'${id}' in parents`).join(' or ')}) and trashed = false`, options);
    } catch (error) {
      if (!isRefused(error, 404)) throw error;
      // One of them went away since it was found: not that an object is missing.
      throw new SignetError('E_UNREACHABLE', 'a folder in google drive went away while it was listed', {
        params: { remote: placeName },
        cause: error,
      });
    }
  }

  return {
    async generateIds(count, { signal } = {}) {
      const answer = objectOf(
        await call(() => api.files.generateIds({ count, space: 'drive', fields: 'ids' }, callOptions(signal))),
      );
      return arrayOf(answer['ids']).map(idOf);
    },

    async createFolder({ id, name, parent, madeAs }, { signal } = {}) {
      const requestBody = {
        id,
        name,
        mimeType: folderType,
        ...(parent === undefined ? {} : { parents: [parent] }),
        ...(madeAs === undefined ? {} : { appProperties: { [markerKey]: markerOf(madeAs) } }),
      };
      return fileOf(await call(() => api.files.create({ requestBody, fields: fileFields }, callOptions(signal))));
    },

    async find(id, { signal } = {}) {
      try {
        return fileOf(await call(() => api.files.get({ fileId: id, fields: fileFields }, callOptions(signal))));
      } catch (error) {
        if (error instanceof SignetError && error.code === 'E_MISSING') return undefined;
        throw error;
      }
    },

    async *children(parents, options = {}) {
      for (let at = 0; at < parents.length; at += parentsPerList) {
        const some = parents.slice(at, at + parentsPerList);
        const unseen = new Set(some);
        for await (const page of childrenOf(some, options)) {
          for (const { parents: found } of page) for (const id of found) unseen.delete(id);
          yield page;
        }
        // Drive answers such a query at times without the content of some of its parents, or of all (rclone issues 3114, 4289, 9810):
        // a folder with nothing in it is asked for by itself.
        if (some.length > 1) for (const id of unseen) yield* childrenOf([id], options);
      }
    },

    async rootFolders(name, options = {}) {
      const marker = markerOf(name);
      const text = `'${name.replace(/[\\']/g, '\\$&')}'`;
      const isNamed = `name = ${text} or appProperties has { key='${markerKey}' and value='${marker}' }`;
      const found: DriveFile[] = [];
      const q = `mimeType = '${folderType}' and trashed = false and (${isNamed})`;
      for await (const page of list(q, options)) found.push(...page);
      return found.filter(folder => folder.name === name || folder.marker === marker); // Drive's `name =` ignores case
    },

    async feedStart({ signal } = {}) {
      const fields = 'startPageToken';
      const answer = objectOf(await call(() => api.changes.getStartPageToken({ fields }, callOptions(signal))));
      return textOf(answer['startPageToken']);
    },

    async *changes(position, { signal } = {}) {
      const fields = `nextPageToken,newStartPageToken,changes(fileId,removed,changeType,time,file(${fileFields}))`;
      const request = (pageToken: string = position) =>
        api.changes.list({ pageToken, fields, pageSize, spaces: 'drive', includeRemoved: true }, callOptions(signal));
      for await (const page of pages(request)) {
        const next = page['newStartPageToken'];
        yield {
          changes: arrayOf(page['changes']).flatMap(changeOf),
          next: typeof next === 'string' && next !== '' ? next : undefined,
        };
      }
    },

    async move(id, from, to, { signal } = {}) {
      await call(() =>
        api.files.update({ fileId: id, addParents: to, removeParents: from, fields: 'id' }, callOptions(signal)),
      );
    },

    async trash(id, isTrashed, { signal } = {}) {
      const requestBody = { trashed: isTrashed };
      await call(() => api.files.update({ fileId: id, requestBody, fields: 'id' }, callOptions(signal)));
    },

    async remove(id, { signal } = {}) {
      try {
        await call(() => api.files.delete({ fileId: id }, callOptions(signal)));
      } catch (error) {
        // Removed already: by someone else, or by us in a request whose answer was lost.
        if (!(error instanceof SignetError && error.code === 'E_MISSING')) throw error;
      }
    },

    async account({ signal } = {}) {
      const fields = 'user(emailAddress,permissionId),storageQuota(limit,usage,usageInDriveTrash)';
      const answer = objectOf(await call(() => api.about.get({ fields }, callOptions(signal))));
      const user = objectOf(answer['user']);
      const quota = objectOf(answer['storageQuota']);
      return {
        accountId: textOf(user['permissionId']),
        account: textOf(user['emailAddress'] ?? user['permissionId']),
        quota: {
          limit: quota['limit'] == null ? null : numberOf(quota['limit']), // absent: an account without a limit
          used: numberOf(quota['usage'] ?? 0),
          inTrash: numberOf(quota['usageInDriveTrash'] ?? 0),
        },
      };
    },
  };
}

function passesSoon(error: unknown): boolean {
  if (!(error instanceof SignetError) || error.code !== 'E_UNREACHABLE') return false;
  return error.retryable && !(Number(error.params['retryAfterMs']) > 0);
}

/** Whether the file is what was to be made under its id. Its folder may be another: what lies in one of two of a name is moved. */
export function isMadeAs(file: DriveFile, kind: DriveFile['kind'], name: string): boolean {
  return file.kind === kind && file.name === name;
}

/** An id drawn for a new file is another file's, which stays as it is. */
export function takenId(what: string): SignetError {
  return new SignetError('E_UNREACHABLE', `${what}: google drive has another file under the id that was drawn for it`, {
    params: { remote: placeName },
  });
}

const callOptions = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

export function fileOf(value: unknown): DriveFile {
  const file = objectOf(value);
  const type = textOf(file['mimeType']);
  const kind = type === folderType ? 'folder' : type.startsWith(googleType) ? 'document' : 'file';
  const sha256 = file['sha256Checksum'];
  const marker = objectOf(file['appProperties'] ?? {})[markerKey];
  return {
    id: idOf(file['id']),
    name: textOf(file['name'] ?? ''),
    kind,
    parents: arrayOf(file['parents'] ?? []).map(textOf),
    isTrashed: file['trashed'] === true,
    isTrashedAlong: file['trashed'] === true && file['explicitlyTrashed'] === false,
    sizeBytes: kind === 'file' ? numberOf(file['size'] ?? 0) : 0,
    sha256: typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256) ? sha256.toLowerCase() : null,
    createdAt: textOf(file['createdTime'] ?? ''),
    isOurs: file['ownedByMe'] !== false, // absent: a file of someone else would say so
    marker: typeof marker === 'string' ? marker : null,
  };
}

function changeOf(value: unknown): readonly DriveChange[] {
  const change = objectOf(value);
  if (change['changeType'] === 'drive' || change['fileId'] == null) return []; // of a shared drive, not of a file
  const isGone = change['removed'] === true || change['file'] == null;
  const at = textOf(change['time'] ?? '');
  return [{ id: idOf(change['fileId']), at, file: isGone ? undefined : fileOf(change['file']) }];
}

/** @throws for what is not an answer of Google's: a page of a network that wants a login first */
function notGoogle(): SignetError {
  return new SignetError('E_UNREACHABLE', 'the answer is not one of google drive', { params: { remote: placeName } });
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw notGoogle();
  return value as Readonly<Record<string, unknown>>;
}

function arrayOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw notGoogle();
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw notGoogle();
  return value;
}

/** Ids go into queries and addresses. */
function idOf(value: unknown): string {
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(value)) throw notGoogle();
  return value;
}

/** All numbers of the API are texts. */
function numberOf(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) throw notGoogle();
  return number;
}
