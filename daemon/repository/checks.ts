// Compares what the remote holds with what is known here. Copies in the cache are never taken for the remote's
// own. Everything wrong is named and nothing is changed.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { SealKey } from '../kernel/seal.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { type IndexedPack, packBytes } from './blob-index.ts';
import { idInKey, packKey } from './ids.ts';
import { decodeIndex } from './index-codec.ts';
import { limits } from './limits.ts';
import { openConfig } from './master-key.ts';
import type { ObjectProblem } from './model.ts';
import { noteIn } from './problems.ts';
import { decodeSnapshot } from './snapshot-codec.ts';
import { openUnpacked } from './unpacked.ts';

/** Every pack against the listing of data/: those that are missing or have another size than the index says. */
export async function checkPackSizes(
  remote: Pick<Remote, 'list'>,
  packs: Iterable<IndexedPack>,
  options: CallOptions,
): Promise<readonly { readonly pack: IndexedPack; readonly problem: ObjectProblem }[]> {
  const sizes = new Map<string, number>();
  for await (const { key, sizeBytes } of remote.list('data', options)) sizes.set(key, sizeBytes);
  return [...packs].flatMap((pack): { pack: IndexedPack; problem: ObjectProblem }[] => {
    const key = packKey(pack.id);
    const found = sizes.get(key);
    const wanted = packBytes(pack);
    if (pack.indexes.size === 0 || found === wanted) return [];
    const problem: ObjectProblem =
      found === undefined
        ? { key, code: 'E_MISSING', detail: 'the index names it, the remote lacks it' }
        : { key, code: 'E_OBJECT_ID', detail: `${found} bytes, the index says ${wanted}` };
    return [{ pack, problem }];
  });
}

/** Reads what is not packed as it is in the remote: config, the key file that was used, every index and snapshot. */
export async function checkSingleObjects(
  remote: Pick<Remote, 'get' | 'list'>,
  repository: {
    readonly id: string;
    readonly keyFileId: string;
    readonly sealKey: SealKey;
    readonly allowRawObjects: boolean;
  },
  options: CallOptions,
): Promise<readonly ObjectProblem[]> {
  const problems: ObjectProblem[] = [];
  const { sealKey, allowRawObjects } = repository;
  try {
    const stored = await remote.get('config', { maxBytes: limits.configBytes, copies: 'remote', ...options });
    const { id } = openConfig(sealKey, stored);
    if (id !== repository.id) problems.push({ key: 'config', code: 'E_OBJECT_ID', detail: 'of another repository' });
  } catch (error) {
    noteIn(problems, 'config')(error);
  }
  const keyFile = `keys/${repository.keyFileId}`;
  try {
    const bytes = await remote.get(keyFile, { maxBytes: limits.keyFileBytes, copies: 'remote', ...options });
    if (sha256Hex(bytes) !== repository.keyFileId) {
      throw new SignetError('E_OBJECT_ID', `${keyFile}: its ${bytes.length} bytes do not hash to its name`);
    }
  } catch (error) {
    noteIn(problems, keyFile)(error);
  }
  for (const folder of ['index', 'snapshots'] as const) {
    for await (const { key } of remote.list(folder, options)) {
      const id = idInKey(key);
      if (id === undefined || key !== `${folder}/${id}`) continue;
      try {
        const stored = await remote.get(key, { maxBytes: limits.unpackedSealedBytes, copies: 'remote', ...options });
        const { json } = await openUnpacked(sealKey, { key, id, stored }, allowRawObjects);
        const index = folder === 'index' ? decodeIndex(json) : undefined;
        for (const detail of index?.problems ?? []) problems.push({ key, code: 'E_OBJECT_LIMIT', detail });
        const decoded = folder === 'index' ? index : decodeSnapshot(json);
        if (decoded === undefined) {
          const what = folder === 'index' ? 'not an index' : 'not a snapshot';
          problems.push({ key, code: 'E_OBJECT_TYPE', detail: what });
        }
      } catch (error) {
        noteIn(problems, key)(error);
      }
    }
  }
  return problems;
}
