// The door to repositories in restic's format v2. The nouns are in model.ts; how the pieces fit is told in opened-repository.ts.

import type { Clock } from '../base/clock.ts';
import { SignetError, systemCode } from '../base/errors.ts';
import { ensurePrivateFolder } from '../base/files.ts';
import { wipeSealKey } from '../kernel/seal.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { readCopies } from './copies.ts';
import { isId } from './ids.ts';
import { limits } from './limits.ts';
import {
  type Config,
  createConfig,
  createKeyFile,
  fingerprintOf,
  openConfig,
  openMasterKey,
  randomMasterKey,
  sealConfig,
} from './master-key.ts';
import type { ObjectProblem, PackJournal, Repository } from './model.ts';
import { OpenedRepository } from './opened-repository.ts';
import { isLitter } from './own-objects.ts';

export {
  type CopyPlan,
  type CopyProgress,
  copyObjects,
  copyPlace,
  inspectTarget,
  isProven,
  listPlace,
  type PlaceListing,
  planCopy,
  type TargetState,
} from './copy-place.ts';

export { configDigest, deletePlace } from './delete-place.ts';
export { copyKeyFile, keyFromCopies, renewCopies } from './key-copies.ts';

export { maxObjectBytes } from './own-objects.ts';
export { type Deletable, deletable, type UnnamedNotes, unnamedMs } from './prune-plan.ts';

const defaultPackTargetBytes = 16 * 1024 * 1024;
const defaultOutboxLimitBytes = 256 * 1024 * 1024;

export interface RepositoryOptions {
  readonly remote: Remote;
  /** 32 bytes. restic's password is their 64 lower-case hex digits. Not kept; the caller wipes it. */
  readonly recoveryKey: Uint8Array;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Private folder for sealed packs on their way; belongs to this repository alone. */
  readonly outboxFolder: string;
  readonly journal: PackJournal;
  /** What locks say about this process. */
  readonly host: { readonly hostname: string; readonly pid: number };
  /** The key file to try first. */
  readonly keyFileId?: string | undefined;
  /** Default 16 MiB; 32 MiB on Drive. */
  readonly packTargetBytes?: number | undefined;
  /** What may lie in the outbox before saveBlob waits for uploads; default 256 MiB. */
  readonly outboxLimitBytes?: number | undefined;
  /**
   * Read index, snapshot and lock files stored as plain JSON, which stock restic may write and a hostile cloud could forge from
   * uncompressed blobs; each is reported in `problems`. Only for repositories without Signet heads. Default false.
   */
  readonly allowRawObjects?: boolean | undefined;
  /** Whether a process of this machine lives; tests inject one. */
  readonly isAlive?: ((pid: number) => boolean) | undefined;
  /** Stops uploads in the background. */
  readonly signal?: AbortSignal | undefined;
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/**
 * What a place holds, without any key: 'repository' also for a damaged one, so that nothing is ever created over it. Key files and
 * vaults alone are what a set-up that broke off leaves behind, and count as empty.
 */
export async function inspectPlace(
  remote: Pick<Remote, 'list'>,
  options: CallOptions = {},
): Promise<'empty' | 'repository' | 'other'> {
  let isEmpty = true;
  for await (const { key } of remote.list('', options)) {
    const [folder = '', name = ''] = key.split('/');
    if (key === 'config') return 'repository';
    if (key.startsWith('data/') || key.startsWith('index/') || key.startsWith('snapshots/')) {
      if (isId(key.slice(key.lastIndexOf('/') + 1))) return 'repository';
    }
    if ((folder === 'keys' && isId(name)) || key.startsWith('signet/vault/')) continue;
    if (!isLitter(key)) isEmpty = false;
  }
  return isEmpty ? 'empty' : 'other';
}

/** Whether a repository is there, as `inspectPlace` finds it; a sound one costs one small call. */
export async function holdsRepository(remote: Pick<Remote, 'list' | 'stat'>, options: CallOptions): Promise<boolean> {
  const isThere = (await remote.stat('config', options)) !== undefined;
  return isThere || (await inspectPlace(remote, options)) === 'repository';
}

/** A repository that is drawn but not written: its ids are known, the place is untouched. */
export interface PreparedRepository {
  readonly id: string;
  readonly keyFileId: string;
  readonly masterKeyFingerprint: string;
  /** Writes key file and config and opens the repository. To be called once. */
  create(): Promise<Repository>;
  /** Wipes the keys of one that is not going to be created. */
  forget(): void;
}

/**
 * Draws the keys and ids of a new repository, so that what names them can be stored before it exists.
 *
 * @throws SignetError E_ALREADY_SET_UP when a repository is there · E_TARGET_NOT_EMPTY for foreign files · what the remote throws
 */
export async function prepareRepository(options: RepositoryOptions): Promise<PreparedRepository> {
  const { remote, randomBytes, clock, recoveryKey, signal } = options;
  const place = await inspectPlace(remote, { signal });
  if (place === 'repository') throw new SignetError('E_ALREADY_SET_UP', `${remote.label} holds a repository already`);
  if (place === 'other') throw new SignetError('E_TARGET_NOT_EMPTY', `${remote.label} holds other files`);
  const masterKey = randomMasterKey(randomBytes);
  const keyFile = await createKeyFile(masterKey, recoveryKey, clock.now(), randomBytes);
  const { config, json } = createConfig(randomBytes);
  const sealedConfig = sealConfig(masterKey, randomBytes, json);
  return {
    id: config.id,
    keyFileId: keyFile.id,
    masterKeyFingerprint: fingerprintOf(masterKey),
    forget: () => wipeSealKey(masterKey),
    async create() {
      // A listing may have hidden it. Another config in its place would lock everyone out of what is there.
      if ((await remote.stat('config', { signal })) !== undefined) {
        throw new SignetError('E_ALREADY_SET_UP', `${remote.label} holds a repository already`);
      }
      await remote.put(`keys/${keyFile.id}`, keyFile.bytes, { signal });
      // config comes last: before it is there, the place counts as empty and set-up can be repeated.
      await remote.put('config', sealedConfig, { signal });
      return opened(options, { id: config.id, keyFileId: keyFile.id, masterKey, problems: [] });
    },
  };
}

/** Makes a new repository with a new master key and opens it. @throws as `prepareRepository` */
export async function createRepository(options: RepositoryOptions): Promise<Repository> {
  return (await prepareRepository(options)).create();
}

/**
 * Opens an existing repository. Nothing is listed but its key files; call refreshIndex under a lock before backing up.
 *
 * @throws SignetError E_NOT_FOUND (no repository) · E_WRONG_SECRET · E_MISSING, E_OBJECT_AUTH, E_OBJECT_TYPE, E_VERSION (config)
 *   · what the remote throws
 */
export async function openRepository(options: RepositoryOptions): Promise<Repository> {
  const { remote, recoveryKey, keyFileId, signal } = options;
  const problems: ObjectProblem[] = [];
  const report = (problem: ObjectProblem): void => {
    problems.push(problem);
  };
  const found = await openMasterKey(remote, recoveryKey, { keyFileId, report, signal });
  try {
    const judge = (stored: Uint8Array): Config => openConfig(found.masterKey, stored);
    const config = { key: 'config', judge, maxBytes: limits.configBytes, signal };
    const { id } = await readCopies({ remote, report }, config);
    return await opened(options, { id, ...found, problems });
  } catch (error) {
    wipeSealKey(found.masterKey);
    throw error;
  }
}

async function opened(
  options: RepositoryOptions,
  found: Pick<ConstructorParameters<typeof OpenedRepository>[0], 'id' | 'keyFileId' | 'masterKey' | 'problems'>,
): Promise<Repository> {
  await ensurePrivateFolder(options.outboxFolder);
  return new OpenedRepository({
    ...found,
    remote: options.remote,
    clock: options.clock,
    randomBytes: options.randomBytes,
    outboxFolder: options.outboxFolder,
    journal: options.journal,
    host: options.host,
    isAlive: options.isAlive ?? processLives,
    packTargetBytes: options.packTargetBytes ?? defaultPackTargetBytes,
    outboxLimitBytes: options.outboxLimitBytes ?? defaultOutboxLimitBytes,
    allowRawObjects: options.allowRawObjects ?? false,
    signal: options.signal,
  });
}
