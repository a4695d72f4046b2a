// The files of the fake's accounts: every state each of them had and since when, so that lists and changes can lag behind as the real
// service's do. Who sees what, what is in the trash and what counts against the quota is decided here.

import { createHash } from 'node:crypto';
import { invalid, notFound, refuse, refuseNamed } from './answers.ts';

export const folderType = 'application/vnd.google-apps.folder';

export interface FileState {
  readonly name: string;
  readonly mimeType: string;
  /** Null for the account's root folder. */
  readonly parent: string | null;
  /** Moved to the trash itself, not with a folder above it. */
  readonly explicitlyTrashed: boolean;
  /** The cloud project that made it; null when a person did, or when the service forgot. */
  readonly project: string | null;
  readonly appProperties: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly createdTime: string;
  readonly modifiedTime: string;
  readonly starred: boolean;
  readonly description: string | undefined;
  /** Null for folders. */
  readonly content: Content | null;
  readonly isAbusive: boolean;
}

export interface Content {
  readonly bytes: Uint8Array;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}

export interface StoredFile {
  readonly id: string;
  readonly account: string;
  readonly versions: { readonly at: number; readonly state: FileState | null }[];
}

/** What a caller may see. */
export interface Viewer {
  readonly account: string;
  readonly project: string;
  /** Scope `drive` or `drive.readonly`: also what others made. */
  readonly seesAll: boolean;
}

export interface Lag {
  readonly createMs: number;
  readonly updateMs: number;
}

export interface Quota {
  /** Null: an account without limit. */
  readonly limit: number | null;
  /** Bytes of mail and photos. */
  readonly elsewhere: number;
}

export interface Change {
  readonly seq: number;
  readonly at: number;
  readonly id: string;
}

export function contentOf(bytes: Uint8Array): Content {
  const digest = (name: string): string => createHash(name).update(bytes).digest('hex');
  return { bytes, md5: digest('md5'), sha1: digest('sha1'), sha256: digest('sha256') };
}

const noLag: Lag = { createMs: 0, updateMs: 0 };

export class Storage {
  readonly #files = new Map<string, StoredFile>();
  readonly #generated = new Map<string, string>();
  readonly #changes: Change[] = [];
  readonly #roots = new Map<string, string>();
  readonly #now: () => number;
  readonly #seed: string;
  #made = 0;

  constructor(now: () => number, seed: string) {
    this.#now = now;
    this.#seed = seed;
  }

  /** As long as Google's own, and in no order. */
  #newId(): string {
    this.#made++;
    return `1${createHash('sha256').update(`${this.#seed} file ${this.#made}`).digest('base64url').slice(0, 32)}`;
  }

  rootOf(account: string): string {
    const known = this.#roots.get(account);
    if (known !== undefined) return known;
    const id = `0A${createHash('sha256').update(`${this.#seed} root ${account}`).digest('base64url').slice(0, 15)}PVA`;
    this.#roots.set(account, id);
    const state = this.#fresh({ name: 'My Drive', mimeType: folderType, parent: null, project: null });
    this.#files.set(id, { id, account, versions: [{ at: 0, state }] });
    return id;
  }

  generateIds(account: string, count: number): readonly string[] {
    return Array.from({ length: count }, () => {
      const id = this.#newId();
      this.#generated.set(id, account);
      return id;
    });
  }

  #fresh(given: Partial<FileState> & Pick<FileState, 'name' | 'mimeType' | 'parent' | 'project'>): FileState {
    const time = new Date(this.#now()).toISOString();
    return {
      explicitlyTrashed: false,
      appProperties: {},
      properties: {},
      createdTime: time,
      modifiedTime: time,
      starred: false,
      description: undefined,
      content: null,
      isAbusive: false,
      ...given,
    };
  }

  /** @throws Refused 400 for an id that was not generated for this account, 409 for one that is taken */
  checkNewId(account: string, id: string | undefined): void {
    if (id === undefined) return;
    if (this.#files.has(id)) {
      throw refuse(409, 'fileIdInUse', 'A file already exists with the provided ID.', 'file.id');
    }
    if (this.#generated.get(id) !== account) throw invalid('file.id', 'The provided file ID is not usable.');
  }

  /** @throws Refused */
  create(
    account: string,
    id: string | undefined,
    given: Partial<FileState> & Pick<FileState, 'name' | 'mimeType' | 'parent' | 'project'>,
    quota: Quota | undefined,
  ): StoredFile {
    this.checkNewId(account, id);
    if (quota !== undefined) this.checkQuota(account, given.content?.bytes.length ?? 0, quota);
    const stored: StoredFile = {
      id: id ?? this.#newId(),
      account,
      versions: [{ at: this.#now(), state: this.#fresh(given) }],
    };
    this.#files.set(stored.id, stored);
    this.#note(stored);
    return stored;
  }

  /** @throws Refused 403 */
  checkQuota(account: string, more: number, quota: Quota): void {
    if (quota.limit !== null && more > 0 && this.usage(account) + quota.elsewhere + more > quota.limit) {
      throw refuseNamed('quota');
    }
  }

  change(file: StoredFile, changes: Partial<FileState>): void {
    const state = this.state(file);
    if (state === null) throw new Error(`${file.id} is deleted`);
    file.versions.push({ at: this.#now(), state: { ...state, ...changes } });
    this.#note(file);
  }

  /** With all that is below it. */
  delete(file: StoredFile): void {
    for (const child of this.childrenOf(file.id)) this.delete(child);
    file.versions.push({ at: this.#now(), state: null });
    this.#note(file);
  }

  #note(file: StoredFile): void {
    this.#changes.push({ seq: this.#changes.length + 1, at: this.#now(), id: file.id });
  }

  childrenOf(id: string): readonly StoredFile[] {
    return [...this.#files.values()].filter(file => this.state(file)?.parent === id);
  }

  state(file: StoredFile): FileState | null {
    return file.versions.at(-1)?.state ?? null;
  }

  /** As lists tell it; undefined while it is not told at all. */
  seen(file: StoredFile, lag: Lag): FileState | undefined {
    const now = this.#now();
    const [first] = file.versions;
    if (first === undefined || first.at + lag.createMs > now) return undefined;
    const known = file.versions.findLast(version => version.at + lag.updateMs <= now) ?? first;
    return known.state ?? undefined;
  }

  /** Itself or any folder above it is in the trash. */
  isTrashed(state: FileState, lag: Lag = noLag): boolean {
    if (state.explicitlyTrashed) return true;
    const parent = state.parent === null ? undefined : this.#files.get(state.parent);
    const above = parent && (this.seen(parent, lag) ?? this.state(parent));
    return above !== undefined && above !== null && this.isTrashed(above, lag);
  }

  byId(id: string): StoredFile | undefined {
    return this.#files.get(id);
  }

  /** @throws Refused 404 for what the viewer does not see, which is all the service ever says of it */
  find(viewer: Viewer, id: string, location?: string): { readonly file: StoredFile; readonly state: FileState } {
    const file = this.#files.get(id === 'root' && viewer.seesAll ? this.rootOf(viewer.account) : id);
    const state = file === undefined ? null : this.state(file);
    if (file === undefined || state === null || !this.sees(viewer, file, state)) throw notFound(id, location);
    return { file, state };
  }

  sees(viewer: Viewer, file: StoredFile, state: FileState): boolean {
    return file.account === viewer.account && (viewer.seesAll || state.project === viewer.project);
  }

  /**
   * The folder that a file is made in or moved to.
   * @throws Refused 404, 403 for what is no folder
   */
  parent(viewer: Viewer, id: string): string {
    const rootId = this.rootOf(viewer.account);
    // The alias and the root's own id work for everyone as a parent.
    if (id === 'root' || id === rootId) return rootId;
    const file = this.#files.get(id);
    const state = file === undefined ? null : this.state(file);
    if (file === undefined || state === null || !this.sees(viewer, file, state)) throw notFound('', 'fileId');
    if (state.mimeType !== folderType) {
      throw refuse(403, 'parentNotAFolder', 'The specified parent is not a folder.');
    }
    return file.id;
  }

  all(account: string): readonly { readonly file: StoredFile; readonly state: FileState }[] {
    return [...this.#files.values()].flatMap(file => {
      const state = this.state(file);
      return file.account === account && state !== null && state.parent !== null ? [{ file, state }] : [];
    });
  }

  /** What the account ever held, for lists that lag. */
  ever(account: string): readonly StoredFile[] {
    return [...this.#files.values()].filter(file => file.account === account);
  }

  usage(account: string): number {
    return this.all(account).reduce((sum, { state }) => sum + (state.content?.bytes.length ?? 0), 0);
  }

  usageInTrash(account: string): number {
    return this.all(account)
      .filter(({ state }) => this.isTrashed(state))
      .reduce((sum, { state }) => sum + (state.content?.bytes.length ?? 0), 0);
  }

  pathOf(state: FileState): string {
    const parent = state.parent === null ? undefined : this.#files.get(state.parent);
    const above = parent && this.state(parent);
    if (!above || above.parent === null) return state.name;
    return `${this.pathOf(above)}/${state.name}`;
  }

  /** Those that are told by now, in order. */
  changesUntilNow(lagMs: number): readonly Change[] {
    const now = this.#now();
    const end = this.#changes.findIndex(change => change.at + lagMs > now);
    return end === -1 ? this.#changes : this.#changes.slice(0, end);
  }
}
