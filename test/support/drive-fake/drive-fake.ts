// Google Drive and Google's sign-in on a port of this computer, for tests: strict where the real services are, with every fault a backup must
// survive, and a log of each request. Nothing in it is Google's; what is known of the real ones is in Google's documentation of Drive v3 and of
// OAuth for installed apps. Everything drawn by chance repeats under the same seed.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Clock, pause, systemClock } from '../../../daemon/base/clock.ts';
import type { DriveConnection } from '../../../daemon/remotes/connection.ts';
import { type Account, Accounts, type Client, type Consent, type Lifetimes, scopePrefix } from './accounts.ts';
import { type Answer, namedError, oauthFault, Refused } from './answers.ts';
import { type ApiRequest, DriveApi } from './api.ts';
import { type Fault, Faults, fits, type Pattern, type Plan, type Rates, type RequestType } from './faults.ts';
import { contentOf, type FileState, folderType, Storage, type StoredFile } from './storage.ts';
import { Sessions } from './uploads.ts';

export type { Account, Client } from './accounts.ts';
export type { Fault, Pattern, Rates, RequestType } from './faults.ts';

export interface Settings extends Lifetimes, Consent {
  /** Chance of failure by type of request. */
  readonly rates: Rates;
  /** Said with every answer that asks to slow down, and watched. */
  readonly retryAfterSec: number | undefined;
  /** Until a new file is in lists; also until changes tell of anything, unless changesLagMs says otherwise. */
  readonly listLagMs: number;
  /** Until lists know of a change or deletion; as listLagMs unless given. */
  readonly listLagUpdateMs: number | undefined;
  readonly changesLagMs: number | undefined;
  readonly listLagOn: 'all' | 'names';
  readonly shortPages: boolean;
  /** Bytes; null for an account without limit. */
  readonly quotaLimit: number | null;
  /** Bytes of mail and photos. */
  readonly usedElsewhere: number;
  readonly createdStatus: 200 | 201;
  readonly upBytesPerSec: number | undefined;
  readonly downBytesPerSec: number | undefined;
}

const usualSettings: Settings = {
  rates: {},
  retryAfterSec: undefined,
  listLagMs: 0,
  listLagUpdateMs: undefined,
  changesLagMs: undefined,
  listLagOn: 'all',
  shortPages: false,
  quotaLimit: 15 * 1024 ** 3,
  usedElsewhere: 0,
  createdStatus: 200,
  upBytesPerSec: undefined,
  downBytesPerSec: undefined,
  tokenTtlSec: 3599,
  tokenTtlToldSec: undefined,
  refreshTtlSec: null,
  deviceIntervalSec: 5,
  deny: false,
  grantScopes: undefined,
  wrongState: false,
  account: 'anna@example.org',
  secondRedirect: false,
  pendingPolls: 1,
};

export interface LoggedRequest {
  type: RequestType;
  readonly method: string;
  /** Without parameters: they may hold tokens. */
  readonly path: string;
  /** Of the fake's clock. */
  readonly at: number;
  endedAt: number | undefined;
  /** 0 while there is none, and for a connection that broke. */
  status: number;
  reason: string | undefined;
  readonly userAgent: string;
  /** x-goog-api-client: what Google's own libraries say of themselves. */
  readonly apiClient: string;
  project: string | undefined;
  /** Body only. */
  bytesUp: number;
  bytesDown: number;
  readonly hadFields: boolean;
  /** The search of a list. */
  readonly q: string | undefined;
  /** Content-Range of an upload, Range of a download. */
  readonly range: string | undefined;
  /** How many were under way when it came, itself included. */
  readonly inFlight: number;
  /** A fault was injected. */
  hadFault: boolean;
}

export interface Violation {
  readonly type: RequestType;
  readonly rule: string;
}

export interface StoredObject {
  readonly id: string;
  /** From My Drive on, without a slash before it. */
  readonly path: string;
  readonly name: string;
  readonly isFolder: boolean;
  readonly parent: string | null;
  readonly sizeBytes: number;
  readonly sha256: string | undefined;
  /** Itself or a folder above it. */
  readonly isTrashed: boolean;
  readonly project: string | null;
  readonly appProperties: Readonly<Record<string, string>>;
  readonly createdTime: string;
  readonly bytes: Uint8Array | undefined;
}

export interface SeedOptions {
  /** Id of the folder; the account's root unless given. */
  readonly parent?: string;
  /** Who made it; this test's client unless given, null for a person. */
  readonly project?: string | null;
  readonly createdTime?: string;
  readonly appProperties?: Readonly<Record<string, string>>;
  /** E-mail address; the usual account unless given. */
  readonly account?: string;
}

export interface FilePatch {
  readonly name?: string;
  /** Id of a folder, or 'root'. */
  readonly parent?: string;
  readonly trashed?: boolean;
  /** Null: forgotten, hidden from the app that made it. */
  readonly project?: string | null;
  readonly isAbusive?: boolean;
}

export interface DriveFakeOptions {
  /** Default 'signet'. */
  readonly seed?: string;
  /** Times of tokens, lags, files and the log. Default the system's. */
  readonly clock?: Clock;
  /** 0: any free one. */
  readonly port?: number;
  readonly settings?: Partial<Settings>;
  /** Told of each request as it comes in, before anything else. */
  readonly onRequest?: (type: RequestType) => void;
}

export interface DriveFake {
  /** With a slash at its end: SIGNET_GOOGLE_ROOT. */
  readonly root: string;
  readonly client: Client;
  /** Of the same project, for the device flow. */
  readonly deviceClient: Client;
  /** Of another project. */
  readonly otherClient: Client;
  readonly account: Account;
  readonly otherAccount: Account;
  readonly log: readonly LoggedRequest[];
  readonly violations: readonly Violation[];
  readonly maxInFlight: number;
  /** Requests are being worked on; those that wait for the clock, or for ever, are not. */
  isBusy(): boolean;
  readonly settings: Settings;
  set(changes: Partial<Settings>): void;
  fault(...faults: readonly Fault[]): void;
  /** No set faults and no rates any more. */
  clearFaults(): void;
  /** Set faults that have not happened yet. */
  faultsLeft(): number;
  /** Empties log, violations and maxInFlight; what is stored stays. */
  clearLog(): void;
  count(pattern: Pattern): number;
  bytesUp(): number;
  bytesDown(): number;
  /** Resolves when it is so; asked after every step of every request. */
  until(isSo: () => boolean): Promise<void>;
  /** What a finished sign-in would leave, without one. */
  connection(changes?: {
    readonly clientId?: string;
    readonly account?: string;
    readonly scopes?: readonly string[];
  }): DriveConnection;
  /** Everything of the account, duplicates included, sorted by path. */
  files(account?: string): readonly StoredObject[];
  /** Paths of the files (no folders) that are not in the trash, duplicates included, sorted. */
  paths(): readonly string[];
  seedFolder(name: string, options?: SeedOptions): string;
  seedFile(name: string, bytes: Uint8Array, options?: SeedOptions): string;
  patchFile(id: string, patch: FilePatch): void;
  deleteFile(id: string): void;
  /** Flips a bit in the middle. With `rehash` the checksums are of the new bytes. */
  corrupt(id: string, options: { readonly rehash: boolean }): void;
  revokeRefreshTokens(): void;
  expireAccessTokens(): void;
  loseSessions(): void;
  unfinishedSessions(): number;
  /** Every secret so far: of clients, tokens, codes, and ids of uploads. */
  secrets(): readonly string[];
  /** Ends every grant of the app; its files stay, and with `forget` are no longer seen by it. */
  uninstallApp(options?: { readonly forget?: boolean }): void;
  /** What the second visit of the redirect address was answered, by `secondRedirect`. */
  readonly secondRedirects: readonly number[];
  close(): Promise<void>;
}

const client: Client = {
  id: '100-desktop.apps.googleusercontent.com',
  secret: 'GOCSPX-fake-desktop-secret',
  type: 'desktop',
  project: '100',
};
const deviceClient: Client = {
  id: '100-device.apps.googleusercontent.com',
  secret: 'GOCSPX-fake-device-secret',
  type: 'limited-input',
  project: '100',
};
const otherClient: Client = {
  id: '200-other.apps.googleusercontent.com',
  secret: 'GOCSPX-fake-other-secret',
  type: 'desktop',
  project: '200',
};
const account: Account = {
  email: 'anna@example.org',
  permissionId: '01234567890123456789',
  displayName: 'Anna Example',
};
const otherAccount: Account = {
  email: 'ben@example.org',
  permissionId: '98765432109876543210',
  displayName: 'Ben Example',
};

/** Larger than any object a test sends. */
const largestBody = 256 * 1024 * 1024;
/** A request on its way when "later" was answered is no offence. */
const retryAfterGraceMs = 500;

/** A connection that is to break, in place of an answer. */
class Broken extends Error {}

export async function startDriveFake(options: DriveFakeOptions = {}): Promise<DriveFake> {
  const { seed = 'signet', clock = systemClock, port = 0 } = options;
  const now = (): number => clock.now();
  let settings: Settings = { ...usualSettings, ...options.settings };
  let log: LoggedRequest[] = [];
  let violations: Violation[] = [];
  let inFlight = 0;
  let maxInFlight = 0;
  let idle = 0;
  const secondRedirects: number[] = [];
  /** By project: when it may ask again, and from when on asking earlier counts. */
  const told = new Map<string, { readonly since: number; readonly until: number }>();
  const closing = new AbortController();
  let waiting: { readonly isSo: () => boolean; readonly resolve: () => void }[] = [];
  /** The type of the request whose answer is being worked out; all of that is synchronous. */
  let current: RequestType = 'unknown';
  const violation = (rule: string): void => void violations.push({ type: current, rule });

  const storage = new Storage(now, seed);
  const sessions = new Sessions(now, seed, violation);
  const faults = new Faults(seed);
  const accounts = new Accounts({
    now,
    seed,
    clients: [client, deviceClient, otherClient],
    accounts: [account, otherAccount],
    consent: () => settings,
    lifetimes: () => settings,
    violation,
  });
  const server = createServer((request, response) => void serve(request, response));
  // A client that goes on with an idle connection must not meet its end.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  const root = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  let partialShare = 1;
  const api = new DriveApi({
    root,
    storage,
    sessions,
    seed,
    violation,
    settings: () => ({
      quota: { limit: settings.quotaLimit, elsewhere: settings.usedElsewhere },
      lag: { createMs: settings.listLagMs, updateMs: settings.listLagUpdateMs ?? settings.listLagMs },
      listLagOn: settings.listLagOn,
      changesLagMs: settings.changesLagMs ?? settings.listLagMs,
      shortPages: settings.shortPages,
      createdStatus: settings.createdStatus,
      partialShare,
    }),
  });

  /** Waits in a request that is under way; without `ms` until it is broken off. */
  async function rest(ms: number, signal: AbortSignal): Promise<void> {
    idle++;
    try {
      if (ms < Infinity) await pause(clock, ms, signal);
      else await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    } finally {
      idle--;
    }
  }

  function looked(): void {
    const ready = waiting.filter(({ isSo }) => isSo());
    waiting = waiting.filter(each => !ready.includes(each));
    for (const { resolve } of ready) resolve();
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A request that was broken off no longer has it.
    const { socket } = request;
    const url = new URL(request.url ?? '/', root);
    const type = typeOf(request.method ?? '', url, header(request, 'content-range'));
    options.onRequest?.(type);
    inFlight++;
    maxInFlight = Math.max(maxInFlight, inFlight);
    const entry: LoggedRequest = {
      type,
      method: request.method ?? '',
      path: url.pathname,
      at: now(),
      endedAt: undefined,
      status: 0,
      reason: undefined,
      userAgent: header(request, 'user-agent') ?? '',
      apiClient: header(request, 'x-goog-api-client') ?? '',
      project: undefined,
      bytesUp: 0,
      bytesDown: 0,
      hadFields: url.searchParams.has('fields'),
      q: url.searchParams.get('q') ?? undefined,
      range: header(request, 'content-range') ?? header(request, 'range'),
      inFlight,
      hadFault: false,
    };
    log.push(entry);
    looked();
    const gone = new AbortController();
    response.on('close', () => {
      gone.abort();
      inFlight--;
      entry.endedAt = now();
      looked();
    });
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    try {
      await exchange(request, response, url, entry, signal);
    } catch (error) {
      if (!(error instanceof Broken) && !signal.aborted) throw error;
      socket.destroy();
    }
    looked();
  }

  async function exchange(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    entry: LoggedRequest,
    signal: AbortSignal,
  ): Promise<void> {
    // What is to be made is told by the body alone.
    const early = entry.type === 'files.create.metadata' ? await read(request, entry, {}, signal) : undefined;
    if (early !== undefined && makesFolder(early.bytes)) entry.type = 'files.create.folder';
    const { type } = entry;
    const plan = faults.plan(type, settings.rates);
    entry.hadFault = Object.keys(plan).length > 0;
    if (plan.delayMs !== undefined) await rest(plan.delayMs, signal);
    if (plan.hangMs !== undefined) {
      await rest(plan.hangMs, signal);
      throw new Broken();
    }
    if (plan.reset === 'before') throw new Broken();
    const takesGzip =
      /\bgzip\b/.test(header(request, 'accept-encoding') ?? '') && /gzip/.test(header(request, 'user-agent') ?? '');
    const apiRequest = { type, url, header: (name: string) => header(request, name) };
    if (early !== undefined && plan.reset !== undefined) throw new Broken();
    const { bytes, isWhole } = early ?? (await read(request, entry, plan, signal));
    if (!isWhole) {
      await kept({ ...apiRequest, body: bytes }, type);
      throw new Broken();
    }
    const answer = answered({ ...apiRequest, body: bytes }, entry, plan);
    if (type === 'oauth.auth' && settings.secondRedirect && answer.headers?.['location'] !== undefined) {
      await visit(answer.headers['location']);
    }
    entry.reason = answer.reason;
    if (plan.dropResponse === true) throw new Broken();
    await send(response, takesGzip ? zipped(answer) : answer, entry, plan, signal);
  }

  /** The body, or what came of it before the connection broke. */
  async function read(
    request: IncomingMessage,
    entry: LoggedRequest,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<{ bytes: Uint8Array; isWhole: boolean }> {
    const length = Number(header(request, 'content-length') ?? '0');
    const stopAt = typeof plan.reset === 'object' ? Math.floor(length * plan.reset.upTo) : Infinity;
    const parts: Uint8Array[] = [];
    let isWhole = stopAt >= length && stopAt === Infinity;
    try {
      for await (const part of request as AsyncIterable<Uint8Array>) {
        parts.push(part);
        entry.bytesUp += part.length;
        looked();
        if (entry.bytesUp > largestBody) throw new Error('larger than the fake takes');
        if (entry.bytesUp >= stopAt) break;
        if (settings.upBytesPerSec !== undefined) {
          await rest((part.length / settings.upBytesPerSec) * 1000, signal);
        }
      }
      isWhole &&= request.complete;
    } catch {
      // The client went away in the middle of its body; what had come is what there is.
      isWhole = false;
    }
    return { bytes: Buffer.concat(parts).subarray(0, stopAt === Infinity ? undefined : stopAt), isWhole };
  }

  async function kept(request: ApiRequest, type: RequestType): Promise<void> {
    if (type !== 'upload.chunk') return;
    current = type;
    try {
      api.keep(request);
    } catch (error) {
      // The session is over: there is nothing to keep it in.
      if (!(error instanceof Refused)) throw error;
    }
  }

  function answered(request: ApiRequest, entry: LoggedRequest, plan: Plan): Answer {
    const { type } = entry;
    current = type;
    partialShare = plan.partialShare ?? 1;
    try {
      if (plan.error !== undefined) return faulty(plan.error, entry, request);
      if (type.startsWith('oauth.')) return signIn(type, request);
      if (type.startsWith('upload.') && type !== 'upload.start') {
        if (plan.sessionLost === true) sessions.remove(request.url.searchParams.get('upload_id'));
        // The address of a session is the permission; a token that comes along must still be a live one.
        if (request.header('authorization') !== undefined) {
          entry.project = accounts.bearer(request.header('authorization')).client.project;
        }
        watchMedia(entry);
        watchBackoff(entry);
        return api.session(request);
      }
      const grant = accounts.bearer(request.header('authorization'));
      entry.project = grant.client.project;
      watchMedia(entry);
      watchBackoff(entry);
      const seesAll = ['drive', 'drive.readonly'].some(name => grant.scopes.includes(`${scopePrefix}${name}`));
      return api.answer(
        {
          account: grant.account,
          project: grant.client.project,
          seesAll,
          scopes: grant.scopes,
          about: accounts.account(grant.account),
        },
        request,
      );
    } catch (error) {
      if (error instanceof Refused) return error.answer;
      throw error;
    }
  }

  function faulty(name: Exclude<Plan['error'], undefined>, entry: LoggedRequest, request: ApiRequest): Answer {
    if (entry.type.startsWith('oauth.')) return oauthFault(name);
    const project = projectOf(request);
    entry.project = project;
    watchBackoff(entry);
    const slowDown = ['userRateLimitExceeded', 'rateLimitExceeded', '403q', '429', '503'].includes(name);
    const { retryAfterSec } = settings;
    if (!slowDown || retryAfterSec === undefined) return namedError(name);
    if (project !== undefined) told.set(project, { since: now(), until: now() + retryAfterSec * 1000 });
    return namedError(name, { 'retry-after': String(retryAfterSec) });
  }

  function projectOf(request: ApiRequest): string | undefined {
    try {
      return accounts.bearer(request.header('authorization')).client.project;
    } catch {
      // An upload to a session needs no token.
      return undefined;
    }
  }

  function watchBackoff(entry: LoggedRequest): void {
    const wait = told.get(entry.project ?? client.project);
    if (wait === undefined) return;
    if (entry.at > wait.since + retryAfterGraceMs && entry.at < wait.until)
      violation('a request before Retry-After was over');
  }

  /** Google's client sends media to its own host whatever root it was given, and cannot resume. */
  function watchMedia(entry: LoggedRequest): void {
    const isMedia =
      entry.type.startsWith('upload.') || ['files.create.multipart', 'files.download'].includes(entry.type);
    if (isMedia && /\bgdcl\//.test(entry.apiClient)) violation('media sent by the metadata client');
  }

  function signIn(type: RequestType, request: ApiRequest): Answer {
    if (type === 'oauth.auth') return accounts.authorize(request.url.searchParams);
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.header('content-type') ?? '');
    const params = isForm ? new URLSearchParams(Buffer.from(request.body).toString()) : new URLSearchParams();
    if (type === 'oauth.device') return accounts.deviceCode(params);
    if (type === 'oauth.revoke') return accounts.revoke(params.has('token') ? params : request.url.searchParams);
    if ([...request.url.searchParams.keys()].length > 0) violation('secrets in the address of the token endpoint');
    return accounts.token(params);
  }

  async function visit(address: string): Promise<void> {
    try {
      secondRedirects.push((await fetch(address, { redirect: 'manual', signal: AbortSignal.timeout(5000) })).status);
    } catch {
      // Nobody listens any more.
      secondRedirects.push(0);
    }
  }

  async function send(
    response: ServerResponse,
    answer: Answer,
    entry: LoggedRequest,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<void> {
    const { body } = answer;
    const isJson = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
    const text = isJson ? JSON.stringify(body) : body;
    let bytes = text === undefined ? new Uint8Array(0) : typeof text === 'string' ? Buffer.from(text) : text;
    const isDownload = entry.type === 'files.download' && (answer.status === 200 || answer.status === 206);
    if (isDownload && plan.corrupt === true) bytes = withFlippedBit(bytes);
    const sentLength = isDownload && plan.truncate ? Math.floor(bytes.length * plan.truncate.share) : bytes.length;
    const breaks = isDownload && plan.truncate?.isHonest === true && bytes.length > 0;
    response.writeHead(answer.status, {
      ...(isJson && { 'content-type': 'application/json; charset=UTF-8' }),
      ...answer.headers,
      ...(answer.status !== 204 && { 'content-length': breaks ? bytes.length : sentLength }),
    });
    const rate = isDownload ? settings.downBytesPerSec : undefined;
    const step = rate === undefined ? 256 * 1024 : Math.max(1024, Math.floor(rate / 10));
    for (let at = 0; at < sentLength; at += step) {
      const part = bytes.subarray(at, Math.min(at + step, sentLength));
      await new Promise<void>(resolve => response.write(part, () => resolve()));
      entry.bytesDown += part.length;
      looked();
      if (rate !== undefined) await rest((part.length / rate) * 1000, signal);
    }
    entry.status = answer.status;
    if (breaks) throw new Broken();
    response.end();
  }

  function fileOf(id: string): StoredFile {
    const file = storage.byId(id);
    if (file === undefined) throw new Error(`there is no file ${id}`);
    return file;
  }

  function objectOf({ file, state }: { file: StoredFile; state: FileState }): StoredObject {
    return {
      id: file.id,
      path: storage.pathOf(state),
      name: state.name,
      isFolder: state.mimeType === folderType,
      parent: state.parent,
      sizeBytes: state.content?.bytes.length ?? 0,
      sha256: state.content?.sha256,
      isTrashed: storage.isTrashed(state),
      project: state.project,
      appProperties: state.appProperties,
      createdTime: state.createdTime,
      bytes: state.content?.bytes,
    };
  }

  function seeded(name: string, mimeType: string, content: FileState['content'], given: SeedOptions = {}): string {
    const owner = given.account ?? account.email;
    const parent = given.parent ?? storage.rootOf(owner);
    const file = storage.create(
      owner,
      undefined,
      {
        name,
        mimeType,
        content,
        parent,
        project: given.project === undefined ? client.project : given.project,
        ...(given.createdTime !== undefined && { createdTime: new Date(given.createdTime).toISOString() }),
        ...(given.appProperties !== undefined && { appProperties: given.appProperties }),
      },
      undefined,
    );
    return file.id;
  }

  const files = (owner = account.email): readonly StoredObject[] =>
    storage
      .all(owner)
      .map(objectOf)
      .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));

  return {
    root,
    client,
    deviceClient,
    otherClient,
    account,
    otherAccount,
    get log() {
      return log;
    },
    get violations() {
      return violations;
    },
    get maxInFlight() {
      return maxInFlight;
    },
    isBusy: () => inFlight > idle,
    get settings() {
      return settings;
    },
    secondRedirects,
    set(changes) {
      settings = { ...settings, ...changes };
    },
    fault(...more) {
      for (const fault of more) faults.add(fault);
    },
    clearFaults() {
      faults.clear();
      settings = { ...settings, rates: {} };
    },
    faultsLeft: () => faults.left(),
    clearLog() {
      log = [];
      violations = [];
      maxInFlight = inFlight;
    },
    count: pattern => log.filter(({ type }) => fits(pattern, type)).length,
    bytesUp: () => log.reduce((sum, entry) => sum + entry.bytesUp, 0),
    bytesDown: () => log.reduce((sum, entry) => sum + entry.bytesDown, 0),
    until(isSo) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ isSo, resolve });
      looked();
      return promise;
    },
    connection(changes = {}) {
      const { clientId = client.id, account: email = account.email, scopes = [`${scopePrefix}drive.file`] } = changes;
      const used = [client, deviceClient, otherClient].find(({ id }) => id === clientId);
      if (used === undefined) throw new Error(`there is no client ${clientId}`);
      return {
        v: 1,
        kind: 'drive',
        clientId,
        clientSecret: used.secret,
        refreshToken: accounts.grant(clientId, email, scopes).refreshToken,
        accountId: accounts.account(email).permissionId,
        account: email,
        folderId: null,
      };
    },
    files,
    paths: () =>
      files()
        .filter(file => !file.isFolder && !file.isTrashed)
        .map(({ path }) => path),
    seedFolder: (name, given) => seeded(name, folderType, null, given),
    seedFile: (name, bytes, given) =>
      seeded(name, 'application/octet-stream', contentOf(Uint8Array.from(bytes)), given),
    patchFile(id, { name, parent, trashed, project, isAbusive }) {
      const file = fileOf(id);
      storage.change(file, {
        ...(name !== undefined && { name }),
        ...(parent !== undefined && { parent: parent === 'root' ? storage.rootOf(file.account) : fileOf(parent).id }),
        ...(trashed !== undefined && { explicitlyTrashed: trashed }),
        ...(project !== undefined && { project }),
        ...(isAbusive !== undefined && { isAbusive }),
      });
    },
    deleteFile: id => storage.delete(fileOf(id)),
    corrupt(id, { rehash }) {
      const file = fileOf(id);
      const content = storage.state(file)?.content;
      if (!content) throw new Error(`${id} has no content`);
      const bytes = withFlippedBit(content.bytes);
      storage.change(file, { content: rehash ? contentOf(bytes) : { ...content, bytes } });
    },
    revokeRefreshTokens: () => accounts.revokeRefreshTokens(),
    expireAccessTokens: () => accounts.expireAccessTokens(),
    loseSessions: () => sessions.removeAll(),
    unfinishedSessions: () => sessions.unfinished(),
    secrets: () => [
      ...[client, deviceClient, otherClient].map(({ secret }) => secret),
      ...accounts.issued,
      ...sessions.issued,
    ],
    uninstallApp({ forget = false } = {}) {
      for (const owner of [account.email, otherAccount.email]) {
        accounts.revokeGrants(client.project, owner);
        for (const { file, state } of storage.all(owner)) {
          if (forget && state.project === client.project) storage.change(file, { project: null });
        }
      }
    },
    async close() {
      closing.abort();
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** As Google does for who says so in two places. */
function zipped(answer: Answer): Answer {
  const { body } = answer;
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return answer;
  const headers = { ...answer.headers, 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'gzip' };
  return { ...answer, headers, body: gzipSync(JSON.stringify(body)) };
}

function makesFolder(body: Uint8Array): boolean {
  return Buffer.from(body).includes(`"${folderType}"`);
}

function withFlippedBit(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

function typeOf(method: string, url: URL, contentRange: string | undefined): RequestType {
  const { pathname, searchParams } = url;
  const isFile = /^\/drive\/v3\/files\/[^/]+$/.test(pathname);
  const uploadType = searchParams.get('uploadType');
  switch (`${method} ${isFile && pathname !== '/drive/v3/files/generateIds' ? '/drive/v3/files/*' : pathname}`) {
    case 'GET /o/oauth2/v2/auth':
      return 'oauth.auth';
    case 'POST /token':
      return 'oauth.token';
    case 'POST /device/code':
      return 'oauth.device';
    case 'POST /revoke':
      return 'oauth.revoke';
    case 'GET /drive/v3/about':
      return 'about';
    case 'GET /drive/v3/files/generateIds':
      return 'files.generateIds';
    case 'GET /drive/v3/files':
      return 'files.list';
    case 'GET /drive/v3/files/*':
      return searchParams.get('alt') === 'media' ? 'files.download' : 'files.get';
    case 'POST /drive/v3/files':
      return 'files.create.metadata';
    case 'PATCH /drive/v3/files/*':
      return 'files.update';
    case 'DELETE /drive/v3/files/*':
      return 'files.delete';
    case 'GET /drive/v3/changes/startPageToken':
      return 'changes.startPageToken';
    case 'GET /drive/v3/changes':
      return 'changes.list';
    case 'POST /upload/drive/v3/files':
      if (uploadType === 'resumable') return 'upload.start';
      return uploadType === 'multipart' ? 'files.create.multipart' : 'unknown';
    case 'PUT /upload/drive/v3/files':
      return /^bytes \*\//.test(contentRange ?? '') ? 'upload.status' : 'upload.chunk';
    case 'DELETE /upload/drive/v3/files':
      return 'upload.cancel';
    default:
      return 'unknown';
  }
}
