// Snapshots, indexes and locks by name: sealed and stored, loaded and judged. What is not what it claims to be is reported once, left
// out from then on, and never removed.

import { SignetError } from '../base/errors.ts';
import type { SealKey } from '../kernel/seal.ts';
import { putProven, type Remote } from '../remotes/remote.ts';
import { readCopies } from './copies.ts';
import { idInKey } from './ids.ts';
import { limits } from './limits.ts';
import type { LookOptions, ObjectProblem } from './model.ts';
import { problemFrom } from './problems.ts';
import { openUnpacked, sealUnpacked, type UnpackedObject } from './unpacked.ts';

const maxProblems = 1000;

export interface ObjectStoreOptions {
  readonly remote: Remote;
  readonly masterKey: SealKey;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly allowRawObjects: boolean;
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

  /** Seals and stores; answers the key. A snapshot is what a backup is found by: it is proven to be in the place. */
  async save(folder: 'index' | 'snapshots' | 'locks', json: string, signal: AbortSignal | undefined): Promise<string> {
    const { masterKey, randomBytes, remote } = this.#options;
    const { id, bytes } = await sealUnpacked(masterKey, randomBytes, json);
    const key = `${folder}/${id}`;
    const options = { keep: folder !== 'locks', signal };
    if (folder === 'snapshots') await putProven(remote, key, bytes, options);
    else await remote.put(key, bytes, options);
    return key;
  }

  /** The object's JSON, or undefined when it is not what it claims to be: then it is reported and not read again. */
  async load(key: string, id: string, signal: AbortSignal | undefined): Promise<unknown> {
    const { masterKey, remote, allowRawObjects } = this.#options;
    if (this.#refused.has(key)) return undefined;
    const isLock = key.startsWith('locks/');
    const options = { maxBytes: limits.unpackedSealedBytes, keep: !isLock, signal };
    const judge = (stored: Uint8Array): Promise<UnpackedObject> =>
      openUnpacked(masterKey, { key, id, stored }, allowRawObjects);
    let object: UnpackedObject;
    try {
      object = isLock
        ? await judge(await remote.get(key, options))
        : await readCopies({ remote, report: problem => this.report(problem) }, { ...options, key, judge });
    } catch (error) {
      const problem = problemFrom(key, error);
      if (problem === undefined) throw error;
      // What is missing may come back, so it is read again next time. Locks come and go all the time.
      if (problem.code !== 'E_MISSING') this.refuse(problem);
      else if (!isLock) this.report(problem);
      return undefined;
    }
    if (object.isRaw) this.report({ key, code: 'E_OBJECT_TYPE', detail: 'stored uncompressed: injection risk' });
    return object.json;
  }

  /**
   * Ids of the objects directly in the folder; other names are not ours to judge.
   *
   * @throws SignetError E_OBJECT_LIMIT for more than a million, and what the remote throws
   */
  async list(
    folder: 'index' | 'snapshots',
    { shown = this.#options.remote, signal }: LookOptions,
  ): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    for await (const { key } of shown.list(folder, { signal })) {
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
