// Snapshots, indexes and locks by name: sealed and stored, loaded and judged. What is not what it claims to be is reported once, left
// out from then on, and never removed.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { SealKey } from '../kernel/seal.ts';
import type { Remote } from '../remotes/remote.ts';
import { idInKey } from './ids.ts';
import { limits } from './limits.ts';
import type { ObjectProblem } from './model.ts';
import type { SealedCache } from './sealed-cache.ts';
import { openUnpacked, sealUnpacked } from './unpacked.ts';

const maxProblems = 1000;
const problemCodes = [
  'E_OBJECT_AUTH',
  'E_OBJECT_ID',
  'E_OBJECT_TYPE',
  'E_OBJECT_LIMIT',
  'E_MISSING',
  'E_VERSION',
] as const;

/** The problem of one object, or undefined when the error is about something else (the remote, the caller). */
export function problemFrom(key: string, error: unknown): ObjectProblem | undefined {
  if (!(error instanceof SignetError)) return undefined;
  const code = problemCodes.find(known => known === error.code);
  return code === undefined ? undefined : { key, code, detail: error.message };
}

export interface ObjectStoreOptions {
  readonly remote: Remote;
  readonly masterKey: SealKey;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly allowRawObjects: boolean;
  readonly cache: SealedCache | undefined;
  /** Grows as objects are refused. */
  readonly problems: ObjectProblem[];
}

export class ObjectStore {
  readonly #options: ObjectStoreOptions;
  /** Keys that were read and refused: objects never change, so they are not read again. */
  readonly #refused = new Set<string>();

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
  }

  /** Seals and stores; answers the key. */
  async save(folder: 'index' | 'snapshots' | 'locks', json: string, signal: AbortSignal | undefined): Promise<string> {
    const { masterKey, randomBytes, remote, cache } = this.#options;
    const { id, bytes } = await sealUnpacked(masterKey, randomBytes, json);
    const key = `${folder}/${id}`;
    await remote.put(key, bytes, { signal });
    if (folder !== 'locks') await cache?.put(folder, id, bytes);
    return key;
  }

  /** The object's JSON, or undefined when it is not what it claims to be: then it is reported and not read again. */
  async load(key: string, id: string, signal: AbortSignal | undefined): Promise<unknown> {
    const { masterKey, remote, cache, allowRawObjects } = this.#options;
    if (this.#refused.has(key)) return undefined;
    const kind = key.startsWith('index/') ? 'index' : key.startsWith('snapshots/') ? 'snapshots' : undefined;
    const cached = kind === undefined ? undefined : await cache?.get(kind, id, limits.unpackedSealedBytes);
    const isCached = cached !== undefined && sha256Hex(cached) === id;
    let stored: Uint8Array;
    try {
      stored = isCached ? cached : await remote.get(key, { maxBytes: limits.unpackedSealedBytes, signal });
    } catch (error) {
      const problem = problemFrom(key, error);
      if (problem === undefined) throw error;
      // It may come back, so it is read again next time. Locks come and go all the time.
      if (kind !== undefined || problem.code !== 'E_MISSING') this.report(problem);
      return undefined;
    }
    try {
      const object = await openUnpacked(masterKey, { key, id, stored }, allowRawObjects);
      if (object.isRaw) this.report({ key, code: 'E_OBJECT_TYPE', detail: 'stored uncompressed: injection risk' });
      if (kind !== undefined && !isCached) await cache?.put(kind, id, stored);
      return object.json;
    } catch (error) {
      const problem = problemFrom(key, error);
      if (problem === undefined) throw error;
      this.refuse(problem);
      return undefined;
    }
  }

  /**
   * Ids of the objects directly in the folder; other names are not ours to judge.
   *
   * @throws SignetError E_OBJECT_LIMIT for more than a million, and what the remote throws
   */
  async list(folder: 'index' | 'snapshots', signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    for await (const { key } of this.#options.remote.list(folder, { signal })) {
      const id = idInKey(key);
      if (id !== undefined && key === `${folder}/${id}`) ids.add(id);
      if (ids.size > limits.listedObjects) {
        throw new SignetError('E_OBJECT_LIMIT', `${folder}: more than ${limits.listedObjects} files are listed`);
      }
    }
    return ids;
  }

  refuse(problem: ObjectProblem): void {
    this.#refused.add(problem.key);
    this.report(problem);
  }

  report(problem: ObjectProblem): void {
    const { problems } = this.#options;
    const isKnown = problems.some(
      ({ key, code, detail }) => key === problem.key && code === problem.code && detail === problem.detail,
    );
    if (!isKnown && problems.length < maxProblems) problems.push(problem);
  }
}
