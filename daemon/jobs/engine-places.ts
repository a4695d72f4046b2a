// The engine's places: what opens each of them, and the one adapter of each that all work shares. What opens a cloud is known from an order, as
// long as the computer is not set up, and afterwards from a file that is sealed under the key `signet/credentials/v1` of the repository. To
// read it before the cloud can be asked, the key comes from the recovery key and this computer's copies of config and key file.

import { join } from 'node:path';
import { fromUtf8, secretBytes, toHex, utf8, wipe } from '../base/bytes.ts';
import { isCode, SignetError } from '../base/errors.ts';
import { ensurePrivateFolder } from '../base/files.ts';
import { type Connection, connectionBytes, connectionFrom } from '../remotes/connection.ts';
import type { CallOptions, PlaceFacts, Remote } from '../remotes/remote.ts';
import { isBeside, type PlaceSpec, parsePlace } from '../remotes/spec.ts';
import type { Repository } from '../repository/model.ts';
import { configDigest, copyKeyFile, keyFromCopies, renewCopies } from '../repository/repository.ts';
import type { Home, ObjectRows } from '../state/model.ts';
import { openBox, SealedFiles, sealBox } from '../state/state.ts';
import type { PlaceLimits } from './engine-messages.ts';

/** A place as its adapter serves it, and what set-up and deleting ask about it besides its objects. */
export interface Place {
  /** @throws E_UNREACHABLE and the like; for a cloud also when the folder or bucket is missing */
  open(options?: CallOptions): Promise<Remote>;
  /** Account and room, where the place tells; one request. */
  about?(options?: CallOptions): Promise<PlaceFacts>;
  /** Before set-up. @throws E_USAGE when the place can never be one */
  check(options?: CallOptions): Promise<void>;
  /** Proves that a backup could be kept there, by writing and taking away something small. */
  probe?(options?: CallOptions): Promise<void>;
  /** Whether set-up could make the place. */
  isMissing(options?: CallOptions): Promise<boolean>;
  /** Makes the place ready for a new repository. */
  prepare(options?: CallOptions): Promise<void>;
  /** Before a repository there is deleted. @throws E_REMOTE_DENIED for a place that only a link leads to */
  checkDeletable(): Promise<void>;
  /** Takes the folders away that a deleted repository left empty, and the place itself when nothing else is in it. */
  removeEmpty(options?: CallOptions): Promise<void>;
}

/** What an adapter of a cloud works with. */
export interface CloudContext {
  /** As it is now. */
  readonly connection: () => Connection;
  /** A folder was found or made, or a token replaced: on disk when it returns, once a repository is open. */
  readonly changed: (connection: Connection) => Promise<void>;
  /** What this computer knows of its objects. */
  readonly rows: () => ObjectRows;
  /** For addresses of uploads, which open the place to whoever has them. */
  readonly seal: (secret: Uint8Array) => Uint8Array;
  /** Undefined for what was sealed under another key. */
  readonly unseal: (box: Uint8Array) => Uint8Array | undefined;
  readonly limits: () => PlaceLimits;
  /** Whether what runs has time, or somebody waits for an answer. */
  readonly isPatient: () => boolean;
  /** The place is there. */
  readonly onAnswer: () => void;
  /** The place asked for patience until then, milliseconds since 1970; undefined: not any longer. */
  readonly onWait: (until: number | undefined) => void;
}

export interface EnginePlacesOptions {
  readonly home: Home;
  /** Names the adapters. @param context of a cloud alone */
  readonly placeOf: (place: PlaceSpec, context: CloudContext | undefined) => Promise<Place>;
  readonly tables: (place: string) => ObjectRows;
  /** A remote over a local folder that is there. */
  readonly folder: (path: string) => Remote;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const credentialsLabel = 'signet/credentials/v1';
const sealedName = 'connections';
const sessionName = 'upload-session';
const mostConnections = 16;
const noLimits: PlaceLimits = { packTargetBytes: 0, maxUploadBytesPerSecond: 0, maxDownloadBytesPerSecond: 0 };

/** Of several places, by their specs; the caller wipes it. */
export function connectionsBytes(connections: ReadonlyMap<string, Connection>): Uint8Array {
  const entries = [...connections].map(([spec, connection]) => {
    const bytes = connectionBytes(connection);
    try {
      return `${JSON.stringify(spec)}:${fromUtf8(bytes)}`;
    } finally {
      wipe(bytes);
    }
  });
  const text = utf8(`{${entries.join()}}`);
  const secret = secretBytes(text.length);
  secret.set(text);
  wipe(text);
  return secret;
}

/** @throws E_STATE_CORRUPT; nothing of what was found is in the message */
export function connectionsFrom(bytes: Uint8Array): ReadonlyMap<string, Connection> {
  let found: unknown;
  try {
    found = JSON.parse(fromUtf8(bytes) ?? '');
  } catch {
    // The cause would quote what was found, and that may be a token.
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw unreadable();
  return new Map(
    Object.entries(found).map(([spec, value]) => {
      const one = utf8(JSON.stringify(value));
      try {
        return [spec, connectionFrom(one)];
      } finally {
        wipe(one);
      }
    }),
  );
}

function unreadable(): SignetError {
  return new SignetError(
    'E_STATE_CORRUPT',
    'what connects this computer to the cloud cannot be read: connect it again',
    {
      params: { what: 'connection' },
    },
  );
}

interface Opened {
  readonly place: Promise<Place>;
  remote?: Promise<Remote>;
}

export class EnginePlaces {
  /** Of the last order that named any. */
  limits: PlaceLimits = noLimits;
  /** Jobs that run. */
  jobs = 0;
  /** Whether somebody waits for the job that runs: a place is then given time only once it has answered. */
  isAttended = false;
  /** The places that answered since the job began. */
  readonly #answered = new Set<string>();
  onWait: (until: number | undefined) => void = () => undefined;
  readonly #options: EnginePlacesOptions;
  readonly #files: SealedFiles;
  /** By the place's spec. */
  readonly #connections = new Map<string, Connection>();
  readonly #opened = new Map<string, Opened>();
  /** Whether more is known than what is sealed. */
  #isUnsaved = false;
  #key: Uint8Array | undefined;
  /** Before there is a key of the repository. */
  readonly #ownKey: Uint8Array;
  /** The end of the last write. */
  #saved: Promise<void> = Promise.resolve();

  constructor(options: EnginePlacesOptions) {
    this.#options = options;
    this.#files = new SealedFiles(options.home);
    this.#ownKey = options.randomBytes(32);
  }

  jobBegins(isAttended: boolean): void {
    this.jobs += 1;
    this.isAttended = isAttended;
    this.#answered.clear();
  }

  jobEnds(): void {
    this.jobs -= 1;
  }

  /** Takes what an order gave; what is the same as before leaves the adapter in use. */
  give(bytes: Uint8Array): void {
    for (const [spec, connection] of connectionsFrom(bytes)) {
      if (isSame(this.#connections.get(spec), connection)) continue;
      this.#put(spec, connection);
    }
  }

  /** What opens the place now; undefined for a folder and for a cloud that was never connected or is locked. */
  connection(spec: string): Connection | undefined {
    return this.#connections.get(spec) ?? this.#inherited(spec);
  }

  /** Known to be one folder under two names, as its id tells. Lists in Google Drive lag, so a look there could take it for two. */
  isOneFolder(spec: string, other: string): boolean {
    const [a, b] = [spec, other].map(each => this.connection(each));
    return a?.kind === 'drive' && b?.kind === 'drive' && a.folderId !== null && a.folderId === b.folderId;
  }

  /** Whoever asks for the place next opens it anew: what it was is gone. Not for the place in use. */
  drop(spec: string): void {
    this.#opened.delete(spec);
  }

  /** All that is known, as bytes for `give` of another engine; the caller wipes them. */
  lend(): Uint8Array {
    return connectionsBytes(this.#connections);
  }

  /**
   * The place with its one adapter.
   * @throws E_VAULT_LOCKED for a cloud that may be connected, as long as nothing is open · E_SIGN_IN for one that is not
   */
  place(spec: string): Promise<Place> {
    return this.#open(spec).place;
  }

  remote(spec: string, options: CallOptions = {}): Promise<Remote> {
    const opened = this.#open(spec);
    opened.remote ??= opened.place.then(place => place.open(options));
    // What was away, or was stopped, may be there the next time.
    opened.remote.catch(() => {
      delete opened.remote;
    });
    return opened.remote;
  }

  /** A place opened in another way than the one in use, which stays as it is. */
  async trial(
    spec: string,
    connection: Connection,
  ): Promise<{ readonly place: Place; readonly connection: () => Connection }> {
    let own = connection;
    const changed = async (next: Connection): Promise<void> => {
      own = next;
    };
    const place = await this.#options.placeOf(
      parsePlace(spec),
      this.#context(spec, () => own, changed),
    );
    return { place, connection: () => own };
  }

  /** From now on the place is opened so; sealed on disk when it returns, once a repository is open. */
  async use(spec: string, connection: Connection): Promise<void> {
    this.#put(spec, connection);
    await this.#save();
  }

  /** Nothing opens the place any more, nor those beside it. */
  async forget(spec: string): Promise<void> {
    for (const known of [...this.#connections.keys(), spec]) {
      if (!isBeside(parsePlace(known), parsePlace(spec))) continue;
      this.#connections.delete(known);
      this.#opened.delete(known);
    }
    this.#isUnsaved = true;
    await this.#save();
  }

  /**
   * Before a cloud is opened with the recovery key: what is sealed is read with the help of the copies.
   * @throws E_SIGN_IN when nothing was ever sealed · E_STATE_CORRUPT when it cannot be read any more · E_WRONG_SECRET
   */
  async unseal(spec: string, recoveryKey: Uint8Array, options: CallOptions = {}): Promise<void> {
    if (parsePlace(spec).kind === 'folder' || this.connection(spec) !== undefined) return;
    const key = await this.#keyFromCopies(recoveryKey, options);
    try {
      await this.#load(key);
    } finally {
      wipe(key);
    }
    if (this.connection(spec) === undefined) throw notConnected(spec);
  }

  /**
   * The repository of the place is open: its key seals what was given, and gives what is sealed. Copies are renewed.
   * @throws E_REPO_MISMATCH when what was given is another account than the one that this place was connected to
   */
  async opened(spec: string, repository: Pick<Repository, 'deriveKey' | 'keyFileId'>): Promise<void> {
    const key = repository.deriveKey(credentialsLabel);
    try {
      const before = await this.#loadOrSetAside(key);
      for (const [place, sealed] of before) {
        const now = this.#connections.get(place);
        if (now !== undefined) refuseOtherAccount(sealed, now);
      }
      wipe(this.#key);
      this.#key = key;
    } catch (error) {
      wipe(key);
      throw error;
    }
    if (parsePlace(spec).kind !== 'folder') {
      await renewCopies(await this.remote(spec), await this.#copies(), repository.keyFileId);
    }
    if (this.#isUnsaved) await this.#save();
  }

  /** The key file is in the place and will soon be the one in use: with its copy either recovery key opens. */
  async copyKeyFile(spec: string, keyFileId: string): Promise<void> {
    if (parsePlace(spec).kind === 'folder') return;
    await copyKeyFile(await this.remote(spec), await this.#copies(), keyFileId);
  }

  /** The key file in use is this one alone. */
  async keyFileUsed(spec: string, keyFileId: string): Promise<void> {
    if (parsePlace(spec).kind === 'folder') return;
    await renewCopies(await this.remote(spec), await this.#copies(), keyFileId);
  }

  /** SHA-256 of the copy of config: says which repository is the one in use. */
  async copiedConfig(): Promise<string> {
    return configDigest(await this.#copies());
  }

  /** Forgets all that opens anything. What is under way with an adapter ends as it may. */
  async close(): Promise<void> {
    await this.#saved;
    wipe(this.#key);
    this.#key = undefined;
    this.#connections.clear();
    this.#isUnsaved = false;
    this.#opened.clear();
  }

  #put(spec: string, connection: Connection): void {
    if (!this.#connections.has(spec) && this.#connections.size >= mostConnections) {
      throw new SignetError('E_USAGE', `${mostConnections} clouds are connected, and no more can be: disconnect one`, {
        params: { detail: `${mostConnections} clouds are connected, and no more can be: disconnect one` },
      });
    }
    this.#connections.set(spec, connection);
    this.#opened.delete(spec);
    this.#isUnsaved = true;
  }

  /** A fresh backup lies beside the one before it, in the same account. */
  #inherited(spec: string): Connection | undefined {
    const place = parsePlace(spec);
    for (const [known, connection] of this.#connections) {
      if (!isBeside(parsePlace(known), place)) continue;
      return connection.kind === 'drive' ? { ...connection, folderId: null } : connection;
    }
    return undefined;
  }

  #open(spec: string): Opened {
    const known = this.#opened.get(spec);
    if (known !== undefined) return known;
    const place = parsePlace(spec);
    const connection = this.connection(spec);
    if (place.kind !== 'folder' && connection === undefined) {
      const isLocked = this.#key === undefined && this.#files.isThere(sealedName);
      throw isLocked ? new SignetError('E_VAULT_LOCKED', 'what opens the cloud is locked') : notConnected(spec);
    }
    const context =
      connection === undefined
        ? undefined
        : this.#context(
            spec,
            () => this.connection(spec) ?? connection,
            changed => this.#changed(spec, changed),
          );
    const opened: Opened = { place: this.#options.placeOf(place, context) };
    this.#opened.set(spec, opened);
    opened.place.catch(() => this.#opened.delete(spec)); // whoever asked is told
    return opened;
  }

  /** The adapter that tells of the change goes on: unlike `use` this does not replace it. */
  async #changed(spec: string, connection: Connection): Promise<void> {
    this.#connections.set(spec, connection);
    this.#isUnsaved = true;
    await this.#save();
  }

  #context(
    spec: string,
    connection: () => Connection,
    changed: (connection: Connection) => Promise<void>,
  ): CloudContext {
    return {
      connection,
      changed,
      rows: () => this.#options.tables(spec),
      seal: secret => sealBox(this.#key ?? this.#ownKey, sessionName, secret),
      unseal: box => openBox(this.#key ?? this.#ownKey, sessionName, box),
      limits: () => this.limits,
      isPatient: () => this.jobs > 0 && (!this.isAttended || this.#answered.has(spec)),
      onAnswer: () => this.#answered.add(spec),
      onWait: until => this.onWait(until),
    };
  }

  async #keyFromCopies(recoveryKey: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    try {
      return await keyFromCopies(await this.#copies(), recoveryKey, credentialsLabel, options);
    } catch (error) {
      if (isCode(error, 'E_WRONG_SECRET') || isCode(error, 'E_CANCELLED')) throw error;
      throw unreadable();
    }
  }

  async #copies(): Promise<Remote> {
    const path = join(this.#options.home.state, 'copies');
    await ensurePrivateFolder(path);
    return this.#options.folder(path);
  }

  /** What is sealed, beside what is known already. */
  async #load(key: Uint8Array): Promise<ReadonlyMap<string, Connection>> {
    const bytes = await this.#files.load(sealedName, key).catch(error => {
      throw isCode(error, 'E_STATE_CORRUPT') ? unreadable() : error;
    });
    if (bytes === undefined) return new Map();
    try {
      const found = connectionsFrom(bytes);
      for (const [spec, connection] of found) {
        if (!this.#connections.has(spec)) this.#connections.set(spec, connection);
      }
      return found;
    } finally {
      wipe(bytes);
    }
  }

  /** The repository is open without it: a place that it held is connected again. */
  async #loadOrSetAside(key: Uint8Array): Promise<ReadonlyMap<string, Connection>> {
    try {
      return await this.#load(key);
    } catch (error) {
      if (!isCode(error, 'E_STATE_CORRUPT')) throw error;
      await this.#files.setAside(sealedName, this.#options.now());
      this.#isUnsaved = true;
      return new Map();
    }
  }

  async #save(): Promise<void> {
    const turn = this.#saved.then(async () => {
      if (this.#key === undefined) return; // nothing is open yet: `opened` does it
      const bytes = this.lend();
      try {
        await this.#files.save(sealedName, this.#key, bytes);
        this.#isUnsaved = false;
      } finally {
        wipe(bytes);
      }
    });
    this.#saved = turn.catch(() => undefined); // its own caller is told
    await turn;
  }
}

function notConnected(spec: string): SignetError {
  return new SignetError('E_SIGN_IN', 'this cloud is not connected', { params: { remote: spec, why: 'never' } });
}

/** @throws E_REPO_MISMATCH */
export function refuseOtherAccount(before: Connection, now: Connection): void {
  if (before.kind === 'drive' && now.kind === 'drive' && before.accountId !== now.accountId) {
    throw new SignetError('E_REPO_MISMATCH', 'another account was signed in to than the one that holds the copies', {
      params: { account: now.account, expected: before.account },
    });
  }
}

function isSame(one: Connection | undefined, other: Connection): boolean {
  if (one === undefined) return false;
  const [a, b] = [one, other].map(each => connectionBytes(each.kind === 'drive' ? { ...each, folderId: null } : each));
  try {
    return a !== undefined && b !== undefined && toHex(a) === toHex(b);
  } finally {
    wipe(a, b);
  }
}
