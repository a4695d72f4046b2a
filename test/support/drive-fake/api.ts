// Drive v3 as far as a backup uses it: what each request answers when nothing goes wrong. Strict where the real service is: unknown parameters,
// search terms, fields and properties are refused, and nothing is answered that was not asked for.

import { createHash } from 'node:crypto';
import type { Account } from './accounts.ts';
import { type Answer, invalid, notFound, refuse, refuseNamed } from './answers.ts';
import type { RequestType } from './faults.ts';
import { type Mask, masked, parseMask, type Shape } from './fields.ts';
import { parseQuery } from './query.ts';
import {
  contentOf,
  type FileState,
  folderType,
  type Lag,
  type Quota,
  type Storage,
  type StoredFile,
  type Viewer,
} from './storage.ts';
import { type NewFile, parseContentRange, parseMultipart, type Session, type Sessions } from './uploads.ts';

export interface ApiRequest {
  readonly type: RequestType;
  readonly url: URL;
  /** A name in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
}

export interface Caller extends Viewer {
  readonly scopes: readonly string[];
  readonly about: Account;
}

export interface ApiSettings {
  readonly quota: Quota;
  readonly lag: Lag;
  /** Whether all lists lag, or only those that ask for a name, which is what was seen of the real service. */
  readonly listLagOn: 'all' | 'names';
  readonly changesLagMs: number;
  readonly shortPages: boolean;
  readonly createdStatus: 200 | 201;
  /** How much of a chunk is kept. */
  readonly partialShare: number;
}

const person: Shape = {
  kind: true,
  displayName: true,
  photoLink: true,
  me: true,
  permissionId: true,
  emailAddress: true,
};
const fileShape: Shape = {
  kind: true,
  id: true,
  name: true,
  mimeType: true,
  description: true,
  starred: true,
  trashed: true,
  explicitlyTrashed: true,
  parents: true,
  properties: 'any',
  appProperties: 'any',
  spaces: true,
  version: true,
  webViewLink: true,
  createdTime: true,
  modifiedTime: true,
  owners: person,
  ownedByMe: true,
  capabilities: { canTrash: true, canDelete: true, canEdit: true, canDownload: true, canAddChildren: true },
  originalFilename: true,
  md5Checksum: true,
  sha1Checksum: true,
  sha256Checksum: true,
  size: true,
  quotaBytesUsed: true,
  headRevisionId: true,
  // Of other kinds of files: asked for by rclone, and never there.
  shortcutDetails: { targetId: true, targetMimeType: true, targetResourceKey: true },
  exportLinks: 'any',
  resourceKey: true,
};
const listShape: Shape = { kind: true, nextPageToken: true, incompleteSearch: true, files: fileShape };
const changesShape: Shape = {
  kind: true,
  nextPageToken: true,
  newStartPageToken: true,
  changes: { kind: true, changeType: true, type: true, time: true, removed: true, fileId: true, file: fileShape },
};
const aboutShape: Shape = {
  kind: true,
  user: person,
  storageQuota: { limit: true, usage: true, usageInDrive: true, usageInDriveTrash: true },
  maxUploadSize: true,
  appInstalled: true,
  canCreateDrives: true,
};
const usualFields = 'kind,id,name,mimeType';

const shared = ['alt', 'fields', 'prettyPrint', 'quotaUser', 'key', 'supportsAllDrives', 'supportsTeamDrives'];
const listing = ['pageSize', 'pageToken', 'spaces', 'includeItemsFromAllDrives', 'includeTeamDriveItems', 'corpora'];
const making = [
  'uploadType',
  'keepRevisionForever',
  'ignoreDefaultVisibility',
  'enforceSingleParent',
  'includePermissionsForView',
];
const parameters: { readonly [type in RequestType]?: readonly string[] } = {
  about: shared,
  'files.generateIds': [...shared, 'count', 'space', 'type'],
  'files.list': [...shared, ...listing, 'q', 'orderBy'],
  'files.get': [...shared, 'acknowledgeAbuse'],
  'files.download': [...shared, 'acknowledgeAbuse'],
  'files.create.folder': [...shared, ...making],
  'files.create.metadata': [...shared, ...making],
  'files.create.multipart': [...shared, ...making],
  'files.update': [...shared, ...making, 'addParents', 'removeParents'],
  'files.delete': shared,
  'upload.start': [...shared, ...making],
  'upload.chunk': [...shared, ...making, 'upload_id'],
  'upload.status': [...shared, ...making, 'upload_id'],
  'upload.cancel': [...shared, ...making, 'upload_id'],
  'changes.startPageToken': shared,
  'changes.list': [...shared, ...listing, 'includeRemoved', 'restrictToMyDrive', 'includeCorpusRemovals'],
};

const writable = new Set([
  'id',
  'name',
  'mimeType',
  'parents',
  'appProperties',
  'properties',
  'createdTime',
  'modifiedTime',
  'starred',
  'trashed',
  'description',
  'originalFilename',
]);

const reading = new Set<RequestType>([
  'about',
  'files.list',
  'files.get',
  'files.download',
  'changes.list',
  'changes.startPageToken',
]);
const largestMultipart = 5 * 1024 * 1024;

export class DriveApi {
  readonly #root: string;
  readonly #storage: Storage;
  readonly #sessions: Sessions;
  readonly #seed: string;
  readonly #settings: () => ApiSettings;
  readonly #violation: (rule: string) => void;
  readonly #pages = new Map<string, { readonly key: string; readonly ids: readonly string[] }>();
  #drawn = 0;

  constructor(options: {
    readonly root: string;
    readonly storage: Storage;
    readonly sessions: Sessions;
    readonly seed: string;
    readonly settings: () => ApiSettings;
    readonly violation: (rule: string) => void;
  }) {
    this.#root = options.root;
    this.#storage = options.storage;
    this.#sessions = options.sessions;
    this.#seed = options.seed;
    this.#settings = options.settings;
    this.#violation = options.violation;
  }

  /** @throws Refused */
  answer(caller: Caller, request: ApiRequest): Answer {
    const { type, url } = request;
    this.#checkScope(caller, type);
    const known = parameters[type];
    if (known === undefined) {
      this.#violation(`${url.pathname} is unknown`);
      throw refuse(404, 'notFound', 'Not Found');
    }
    for (const name of url.searchParams.keys()) {
      if (!known.includes(name)) throw invalid(name, `Unknown name "${name}": Cannot bind query parameter.`);
    }
    const id = decodeURIComponent(/^\/drive\/v3\/files\/([^/]+)$/.exec(url.pathname)?.[1] ?? '');
    switch (type) {
      case 'about':
        return this.#about(caller, url);
      case 'files.generateIds':
        return this.#generateIds(caller, url);
      case 'files.list':
        return this.#list(caller, url);
      case 'files.get':
        return this.#get(caller, url, id);
      case 'files.download':
        return this.#download(caller, request, id);
      case 'files.create.folder':
      case 'files.create.metadata':
        return this.#create(caller, request);
      case 'files.create.multipart':
        return this.#createWhole(caller, request);
      case 'files.update':
        return this.#update(caller, request, id);
      case 'files.delete':
        this.#storage.delete(this.#storage.find(caller, id).file);
        return { status: 204 };
      case 'upload.start':
        return this.#startUpload(caller, request);
      case 'changes.startPageToken':
        return this.#json(
          { kind: 'drive#startPageToken', startPageToken: this.#changesEnd() },
          this.#mask(url, { kind: true, startPageToken: true }),
        );
      case 'changes.list':
        return this.#changes(caller, url);
      default:
        throw refuse(404, 'notFound', 'Not Found');
    }
  }

  #checkScope(caller: Caller, type: RequestType): void {
    const has = (name: string): boolean => caller.scopes.includes(`https://www.googleapis.com/auth/${name}`);
    if (has('drive') || has('drive.file')) return;
    if (has('drive.readonly') && reading.has(type)) return;
    throw refuseNamed('insufficientPermissions');
  }

  #mask(url: URL, shape: Shape, usual?: string): Mask {
    const asked = url.searchParams.get('fields') ?? '';
    // Empty as rclone sends it: as if it were not there.
    if (asked === '') return usual === undefined ? true : parseMask(usual, shape);
    return parseMask(asked, shape);
  }

  #json(body: object, mask: Mask, status = 200): Answer {
    return { status, body: masked(body, mask) as object };
  }

  #fileAnswer(caller: Viewer, file: StoredFile, mask: Mask, status = 200): Answer {
    const state = this.#storage.state(file);
    if (state === null) throw notFound(file.id);
    return this.#json(this.#resource(caller, file, state), mask, status);
  }

  #resource(viewer: Viewer, file: StoredFile, state: FileState, lag?: Lag): object {
    const isFolder = state.mimeType === folderType;
    const parent = state.parent === null ? undefined : this.#storage.byId(state.parent);
    const above = parent && this.#storage.state(parent);
    const seesParent =
      parent !== undefined && above && (above.parent === null || this.#storage.sees(viewer, parent, above));
    const own = viewer.project === state.project ? state.appProperties : {};
    return {
      kind: 'drive#file',
      id: file.id,
      name: state.name,
      mimeType: state.mimeType,
      ...(state.description !== undefined && { description: state.description }),
      starred: state.starred,
      trashed: this.#storage.isTrashed(state, lag),
      explicitlyTrashed: state.explicitlyTrashed,
      ...(seesParent && { parents: [parent.id] }),
      ...(Object.keys(state.properties).length > 0 && { properties: state.properties }),
      ...(Object.keys(own).length > 0 && { appProperties: own }),
      spaces: ['drive'],
      version: String(file.versions.length),
      webViewLink: `https://drive.google.com/file/d/${file.id}/view`,
      createdTime: state.createdTime,
      modifiedTime: state.modifiedTime,
      ownedByMe: true,
      capabilities: {
        canTrash: true,
        canDelete: true,
        canEdit: true,
        canDownload: !isFolder,
        canAddChildren: isFolder,
      },
      quotaBytesUsed: String(state.content?.bytes.length ?? 0),
      ...(state.content !== null && {
        originalFilename: state.name,
        md5Checksum: state.content.md5,
        sha1Checksum: state.content.sha1,
        sha256Checksum: state.content.sha256,
        size: String(state.content.bytes.length),
        headRevisionId: `0B${file.id}`,
      }),
    };
  }

  #about(caller: Caller, url: URL): Answer {
    if (!url.searchParams.has('fields')) {
      throw refuse(400, 'required', "The 'fields' parameter is required for this method.", 'fields');
    }
    const { quota } = this.#settings();
    const usage = this.#storage.usage(caller.account);
    const body = {
      kind: 'drive#about',
      user: {
        kind: 'drive#user',
        displayName: caller.about.displayName,
        me: true,
        permissionId: caller.about.permissionId,
        emailAddress: caller.about.email,
      },
      storageQuota: {
        ...(quota.limit !== null && { limit: String(quota.limit) }),
        usage: String(usage + quota.elsewhere),
        usageInDrive: String(usage),
        usageInDriveTrash: String(this.#storage.usageInTrash(caller.account)),
      },
      maxUploadSize: '5242880000000',
      appInstalled: false,
      canCreateDrives: false,
    };
    return this.#json(body, this.#mask(url, aboutShape));
  }

  #generateIds(caller: Caller, url: URL): Answer {
    const count = Number(url.searchParams.get('count') ?? '10');
    if (!Number.isInteger(count) || count < 1 || count > 1000) throw invalid('count');
    if (!['drive', null].includes(url.searchParams.get('space'))) throw invalid('space');
    const ids = this.#storage.generateIds(caller.account, count);
    const mask = this.#mask(url, { kind: true, space: true, ids: true });
    return this.#json({ kind: 'drive#generatedIds', space: 'drive', ids }, mask);
  }

  #list(caller: Caller, url: URL): Answer {
    const params = url.searchParams;
    if (!params.has('fields')) this.#violation('a list without fields');
    const mask = this.#mask(url, listShape, `kind,incompleteSearch,nextPageToken,files(${usualFields})`);
    const pageSize = pageSizeOf(params);
    if (!['drive', null].includes(params.get('spaces'))) throw invalid('spaces');
    if (!['user', null].includes(params.get('corpora'))) throw invalid('corpora');
    const q = params.get('q') ?? '';
    const query = q === '' ? undefined : parseQuery(q, this.#storage.rootOf(caller.account));
    if (query?.asksTrashed !== true) this.#violation('a list that says nothing of the trash');
    for (const parent of query?.parents ?? []) this.#storage.parent(caller, parent);

    const { lag: everyLag, listLagOn } = this.#settings();
    const lag = listLagOn === 'all' || query?.asksName === true ? everyLag : { createMs: 0, updateMs: 0 };
    const candidates = (file: StoredFile): FileState | undefined => {
      const state = this.#storage.seen(file, lag);
      if (state === undefined || state.parent === null || !this.#storage.sees(caller, file, state)) return undefined;
      const matches =
        query === undefined ||
        query.matches({
          ...state,
          parents: [state.parent],
          trashed: this.#storage.isTrashed(state, lag),
          appProperties: caller.project === state.project ? state.appProperties : {},
        });
      return matches ? state : undefined;
    };
    const key = `${caller.account} ${caller.project} ${q} ${params.get('orderBy') ?? ''}`;
    const token = params.get('pageToken');
    const ids = token === null ? this.#order(caller, params.get('orderBy'), candidates) : this.#rest(token, key);
    const page = ids.slice(0, this.#pageLength(pageSize));
    const rest = ids.slice(page.length);
    const files = page.flatMap(id => {
      const file = this.#storage.byId(id);
      const state = file && candidates(file);
      return file && state ? [this.#resource(caller, file, state, lag)] : [];
    });
    const body = {
      kind: 'drive#fileList',
      incompleteSearch: false,
      ...(rest.length > 0 && { nextPageToken: this.#nextPage(key, rest) }),
      files,
    };
    return this.#json(body, mask);
  }

  /** In no order unless one is asked for, though the same each time. */
  #order(
    caller: Caller,
    orderBy: string | null,
    candidate: (file: StoredFile) => FileState | undefined,
  ): readonly string[] {
    const found = this.#storage.ever(caller.account).flatMap(file => {
      const state = candidate(file);
      return state === undefined ? [] : [{ id: file.id, state }];
    });
    const shuffled = (id: string): string => createHash('md5').update(`${this.#seed} ${id}`).digest('hex');
    const keys = (orderBy ?? '').split(',').filter(key => key !== '');
    found.sort((a, b) => (shuffled(a.id) < shuffled(b.id) ? -1 : 1));
    for (const key of keys.reverse()) {
      const [, field, descending] = /^(name|createdTime|modifiedTime|folder)( desc)?$/.exec(key.trim()) ?? [];
      if (field === undefined) throw invalid('orderBy');
      const value = ({ state }: { state: FileState }): string =>
        field === 'folder' ? (state.mimeType === folderType ? '0' : '1') : String(Reflect.get(state, field));
      const sign = descending === undefined ? 1 : -1;
      found.sort((a, b) => (value(a) === value(b) ? 0 : value(a) < value(b) ? -sign : sign));
    }
    return found.map(({ id }) => id);
  }

  #rest(token: string, key: string): readonly string[] {
    const page = this.#pages.get(token);
    if (page === undefined || page.key !== key) throw invalid('pageToken');
    return page.ids;
  }

  #nextPage(key: string, ids: readonly string[]): string {
    const token = `~!!~${createHash('sha256').update(`${this.#seed} page ${this.#pages.size}`).digest('base64')}`;
    this.#pages.set(token, { key, ids });
    return token;
  }

  /** Of short pages some are empty, and still not the last. */
  #pageLength(pageSize: number): number {
    if (!this.#settings().shortPages) return pageSize;
    this.#drawn++;
    const draw = createHash('sha256').update(`${this.#seed} page length ${this.#drawn}`).digest().readUInt32LE(0);
    return draw % 4 === 0 ? 0 : draw % (Math.min(pageSize, 200) + 1);
  }

  #get(caller: Caller, url: URL, id: string): Answer {
    if (!url.searchParams.has('fields')) this.#violation('a get without fields');
    return this.#fileAnswer(caller, this.#storage.find(caller, id).file, this.#mask(url, fileShape, usualFields));
  }

  #download(caller: Caller, request: ApiRequest, id: string): Answer {
    const { state } = this.#storage.find(caller, id);
    if (state.content === null) {
      throw refuse(403, 'fileNotDownloadable', 'Only files with binary content can be directly downloaded.', 'alt');
    }
    if (state.isAbusive && request.url.searchParams.get('acknowledgeAbuse') !== 'true') throw refuseNamed('abuse');
    const { bytes } = state.content;
    const type = { 'content-type': state.mimeType };
    const range = request.header('range');
    if (range === undefined) return { status: 200, headers: type, body: bytes };
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
    if (from === undefined || to === undefined || (from === '' && to === '')) {
      this.#violation('a Range that is none');
      return { status: 200, headers: type, body: bytes };
    }
    const first = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from);
    const last = from === '' || to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
    // Also every range of an empty file.
    if (first >= bytes.length || last < first) {
      const { answer } = refuse(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable', 'Range');
      return { ...answer, headers: { 'content-range': `bytes */${bytes.length}` } };
    }
    return {
      status: 206,
      headers: { ...type, 'content-range': `bytes ${first}-${last}/${bytes.length}` },
      body: bytes.subarray(first, last + 1),
    };
  }

  #create(caller: Caller, request: ApiRequest): Answer {
    this.#requireFields(request.url);
    const mask = this.#mask(request.url, fileShape, usualFields);
    const made = this.#newFile(caller, jsonOf(request.body, request.header('content-type')));
    const isFolder = made.given.mimeType === folderType;
    const given = isFolder ? made.given : { ...made.given, content: contentOf(new Uint8Array(0)) };
    return this.#fileAnswer(caller, this.#storage.create(caller.account, made.id, given, this.#settings().quota), mask);
  }

  #createWhole(caller: Caller, request: ApiRequest): Answer {
    this.#requireFields(request.url);
    const mask = this.#mask(request.url, fileShape, usualFields);
    const parts = parseMultipart(request.header('content-type') ?? '', request.body);
    if (parts.bytes.length > largestMultipart) this.#violation('more than 5 MiB in one multipart request');
    const made = this.#newFile(caller, jsonOf(Buffer.from(parts.metadata), 'application/json'));
    const given = withType(made.given, parts.type);
    const file = this.#storage.create(
      caller.account,
      made.id,
      { ...given, content: contentOf(parts.bytes) },
      this.#settings().quota,
    );
    return this.#fileAnswer(caller, file, mask, this.#settings().createdStatus);
  }

  #requireFields(url: URL): void {
    if (!url.searchParams.has('fields')) this.#violation('a create or update without fields');
  }

  /** @throws Refused */
  #newFile(caller: Caller, body: Readonly<Record<string, unknown>>): NewFile {
    for (const name of Object.keys(body)) {
      if (!writable.has(name)) throw refuse(403, 'fieldNotWritable', notWritable);
    }
    if (body['trashed'] === true) throw refuse(403, 'fieldNotWritable', notWritable);
    const id = stringOf(body, 'id');
    this.#storage.checkNewId(caller.account, id);
    const parents = body['parents'] ?? ['root'];
    if (!Array.isArray(parents) || !parents.every(each => typeof each === 'string')) throw invalid('parents');
    const [parent = 'root', ...more] = parents;
    if (more.length > 0) throw tooManyParents();
    return {
      id,
      given: {
        name: stringOf(body, 'name') ?? 'Untitled',
        mimeType: stringOf(body, 'mimeType') ?? 'application/octet-stream',
        parent: this.#storage.parent(caller, parent),
        project: caller.project,
        ...commonChanges(body, {}, {}),
      },
    };
  }

  #update(caller: Caller, request: ApiRequest, id: string): Answer {
    this.#requireFields(request.url);
    const { file, state } = this.#storage.find(caller, id);
    const mask = this.#mask(request.url, fileShape, usualFields);
    const body = request.body.length === 0 ? {} : jsonOf(request.body, request.header('content-type'));
    if (body['parents'] !== undefined) {
      throw refuse(
        403,
        'fieldNotWritable',
        'The parents field is not directly writable in update requests. Use the addParents and removeParents parameters instead.',
      );
    }
    for (const name of Object.keys(body)) {
      if (!writable.has(name) || name === 'id') throw refuse(403, 'fieldNotWritable', notWritable);
    }
    const list = (name: string): readonly string[] =>
      (request.url.searchParams.get(name) ?? '').split(',').filter(each => each !== '');
    const added = list('addParents').map(parent => this.#storage.parent(caller, parent));
    const removed = list('removeParents').map(parent => this.#storage.parent(caller, parent));
    const parents = new Set(state.parent === null ? [] : [state.parent]);
    for (const parent of removed) if (!parents.delete(parent)) throw invalid('removeParents');
    for (const parent of added) parents.add(parent);
    const [parent, ...more] = parents;
    if (more.length > 0 || parent === undefined) throw tooManyParents();
    const trashed = body['trashed'];
    if (trashed !== undefined && typeof trashed !== 'boolean') throw invalid('trashed');
    const name = stringOf(body, 'name');
    this.#storage.change(file, {
      parent,
      ...(name !== undefined && { name }),
      ...(trashed !== undefined && { explicitlyTrashed: trashed }),
      ...commonChanges(body, state.appProperties, state.properties),
    });
    return this.#fileAnswer(caller, file, mask);
  }

  #startUpload(caller: Caller, request: ApiRequest): Answer {
    this.#requireFields(request.url);
    const made = this.#newFile(caller, jsonOf(request.body, request.header('content-type')));
    const announced = request.header('x-upload-content-length');
    if (announced !== undefined && !/^\d+$/.test(announced)) throw invalid('X-Upload-Content-Length');
    const total = announced === undefined ? undefined : Number(announced);
    this.#storage.checkQuota(caller.account, total ?? 0, this.#settings().quota);
    const given = withType(made.given, request.header('x-upload-content-type'));
    const mask = this.#mask(request.url, fileShape, usualFields);
    const session = this.#sessions.start(caller, { id: made.id, given }, mask, total);
    const location = new URL('upload/drive/v3/files?uploadType=resumable', this.#root);
    location.searchParams.set('upload_id', session.id);
    return { status: 200, headers: { location: location.href, 'x-guploader-uploadid': session.id } };
  }

  /**
   * A PUT or DELETE to a session, which is a capability by itself.
   * @throws Refused
   */
  session(request: ApiRequest): Answer {
    const id = request.url.searchParams.get('upload_id');
    const session = this.#sessions.find(id);
    if (request.type === 'upload.cancel') {
      this.#sessions.remove(id);
      return { status: 499, reason: 'cancelled' };
    }
    const done = session.madeId === undefined ? undefined : this.#storage.byId(session.madeId);
    if (done !== undefined) return this.#fileAnswer(session.viewer, done, session.mask, this.#settings().createdStatus);
    const range = parseContentRange(request.header('content-range'));
    const { partialShare, quota, createdStatus } = this.#settings();
    const isWhole = this.#sessions.take(session, range, request.body, partialShare);
    if (!isWhole) {
      const kept = session.receivedBytes > 0 ? { range: `bytes=0-${session.receivedBytes - 1}` } : {};
      return { status: 308, headers: { 'x-guploader-uploadid': session.id, ...kept }, reason: 'resumeIncomplete' };
    }
    const { file } = session;
    const made = this.#storage.create(
      session.viewer.account,
      file.id,
      { ...file.given, content: contentOf(Buffer.concat(session.parts)) },
      quota,
    );
    session.madeId = made.id;
    session.parts.length = 0;
    return this.#fileAnswer(session.viewer, made, session.mask, createdStatus);
  }

  /** What had arrived of a PUT when its connection broke. */
  keep(request: ApiRequest): void {
    const session: Session = this.#sessions.find(request.url.searchParams.get('upload_id'));
    this.#sessions.keep(session, parseContentRange(request.header('content-range')), request.body);
  }

  #changesEnd(): string {
    return String(this.#storage.changesUntilNow(this.#settings().changesLagMs).length + 1);
  }

  #changes(caller: Caller, url: URL): Answer {
    const params = url.searchParams;
    if (!params.has('fields')) this.#violation('changes without fields');
    const usual = `kind,nextPageToken,newStartPageToken,changes(kind,changeType,type,time,removed,fileId,file(${usualFields}))`;
    const mask = this.#mask(url, changesShape, usual);
    const pageSize = pageSizeOf(params);
    const from = Number(params.get('pageToken') ?? 'NaN');
    const told = this.#storage.changesUntilNow(this.#settings().changesLagMs);
    if (!Number.isInteger(from) || from < 1 || from > told.length + 1) throw invalid('pageToken');
    const last = new Map(told.map(change => [change.id, change.seq]));
    const after = told.slice(from - 1);
    const rows: object[] = [];
    const most = this.#pageLength(pageSize);
    let next = from;
    for (const change of after) {
      if (rows.length >= most) break;
      next = change.seq + 1;
      const file = this.#storage.byId(change.id);
      // Of several changes of one file only the last is told.
      if (file === undefined || last.get(change.id) !== change.seq) continue;
      const known = file.versions.findLast(version => version.at <= change.at)?.state ?? null;
      // What the caller no longer sees is removed for it; what it never saw is not told.
      const sees = (state: FileState | null): boolean => state !== null && this.#storage.sees(caller, file, state);
      const state = sees(known) ? known : null;
      if (!file.versions.some(version => sees(version.state))) continue;
      if (state === null && params.get('includeRemoved') === 'false') continue;
      rows.push({
        kind: 'drive#change',
        changeType: 'file',
        type: 'file',
        time: new Date(change.at).toISOString(),
        removed: state === null,
        fileId: file.id,
        ...(state !== null && { file: this.#resource(caller, file, state) }),
      });
    }
    const isLast = next > told.length;
    const body = {
      kind: 'drive#changeList',
      ...(isLast ? { newStartPageToken: String(told.length + 1) } : { nextPageToken: String(next) }),
      changes: rows,
    };
    return this.#json(body, mask);
  }
}

const notWritable = 'The resource body includes fields which are not directly writable.';

const tooManyParents = () => refuse(403, 'cannotAddParent', 'Increasing the number of parents is not allowed');

function pageSizeOf(params: URLSearchParams): number {
  const pageSize = Number(params.get('pageSize') ?? '100');
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 1000) throw invalid('pageSize');
  return pageSize;
}

/** @throws Refused 400 */
function jsonOf(body: Uint8Array, contentType: string | undefined): Readonly<Record<string, unknown>> {
  if (!/^application\/json\b/i.test(contentType ?? ''))
    throw refuse(400, 'badContent', 'Unsupported content with type');
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Refused below like any other body that is no object.
  }
  throw refuse(400, 'parseError', 'Parse Error');
}

function stringOf(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(name);
  return value;
}

function withType(given: NewFile['given'], type: string | undefined): NewFile['given'] {
  return given.mimeType === 'application/octet-stream' && type !== undefined ? { ...given, mimeType: type } : given;
}

function commonChanges(
  body: Readonly<Record<string, unknown>>,
  appProperties: Readonly<Record<string, string>>,
  properties: Readonly<Record<string, string>>,
): Partial<FileState> {
  const description = stringOf(body, 'description');
  const starred = body['starred'];
  return {
    ...(body['appProperties'] !== undefined && { appProperties: withProperties(appProperties, body, 'appProperties') }),
    ...(body['properties'] !== undefined && { properties: withProperties(properties, body, 'properties') }),
    ...(description !== undefined && { description }),
    ...(typeof starred === 'boolean' && { starred }),
    ...timeOf(body, 'createdTime'),
    ...timeOf(body, 'modifiedTime'),
  };
}

function timeOf(body: Readonly<Record<string, unknown>>, name: 'createdTime' | 'modifiedTime'): Partial<FileState> {
  const text = stringOf(body, name);
  if (text === undefined) return {};
  if (Number.isNaN(Date.parse(text))) throw invalid(name);
  return { [name]: new Date(text).toISOString() };
}

/** Null removes; 124 bytes of key and value, 30 of them. */
function withProperties(
  old: Readonly<Record<string, string>>,
  body: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, string>> {
  const given = body[name];
  if (typeof given !== 'object' || given === null) throw invalid(name);
  const all = new Map(Object.entries(old));
  for (const [key, value] of Object.entries(given)) {
    if (value === null) all.delete(key);
    else if (typeof value !== 'string') throw invalid(name);
    else if (Buffer.byteLength(key + value) > 124)
      throw refuse(403, 'propertyLengthLimitExceeded', 'Property too long.');
    else all.set(key, value);
  }
  if (all.size > 30) throw refuse(403, 'propertyCountLimitExceeded', 'Too many properties.');
  return Object.fromEntries(all);
}
