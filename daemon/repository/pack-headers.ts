// What packs say of themselves, where no index does: their headers, read by range from the end of the file. Bounds come before memory,
// the seal before anything in it is believed.

import { SignetError } from '../base/errors.ts';
import { open, type SealKey, sealOverhead } from '../kernel/seal.ts';
import type { CallOptions, Remote } from '../remotes/remote.ts';
import { packKey } from './ids.ts';
import { limits } from './limits.ts';
import type { ObjectProblem, PackFile, PackId } from './model.ts';
import { decodeHeader, type PlacedBlob, trailerBytes } from './pack-format.ts';
import { problemFrom } from './problems.ts';

/** Of most packs this is the whole header, in one request. */
const firstReadBytes = 16 * 1024;

/** Every pack that data/ shows under its right name, by size; anything else there is not ours to judge. */
export async function listPacks(
  remote: Pick<Remote, 'list'>,
  { signal }: CallOptions,
): Promise<ReadonlyMap<PackId, number>> {
  const sizes = new Map<PackId, number>();
  for await (const { key, sizeBytes } of remote.list('data', { signal })) {
    const id = key.slice(key.lastIndexOf('/') + 1) as PackId; // judged by the next line
    if (/^[0-9a-f]{64}$/.test(id) && key === packKey(id)) sizes.set(id, sizeBytes);
    if (sizes.size > limits.listedObjects) {
      throw new SignetError('E_OBJECT_LIMIT', `data: more than ${limits.listedObjects} packs are listed`);
    }
  }
  return sizes;
}

/**
 * The blobs of a pack by its own header, or what is wrong with it.
 *
 * @throws what the remote throws, beyond what concerns this object
 */
export async function readPackHeader(
  remote: Pick<Remote, 'get'>,
  sealKey: SealKey,
  { id, sizeBytes }: PackFile,
  { signal }: CallOptions,
): Promise<readonly PlacedBlob[] | ObjectProblem> {
  const key = packKey(id);
  try {
    if (sizeBytes < sealOverhead + trailerBytes || sizeBytes > limits.packBytes) {
      throw new SignetError('E_OBJECT_LIMIT', `${key}: a pack of ${sizeBytes} bytes`);
    }
    const read = (length: number): Promise<Uint8Array> =>
      remote.get(key, { offset: sizeBytes - length, length, maxBytes: length, signal });
    const tail = await read(Math.min(firstReadBytes, sizeBytes));
    const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
    const length = view.getUint32(tail.length - trailerBytes, true);
    const end = length + trailerBytes;
    if (length < sealOverhead || length > limits.packHeaderBytes || end > sizeBytes) {
      throw new SignetError('E_OBJECT_LIMIT', `${key}: header says ${length} bytes, remote has ${sizeBytes}`);
    }
    const whole = end <= tail.length ? tail.subarray(tail.length - end) : await read(end);
    return decodeHeader(open(sealKey, whole.subarray(0, length), key), sizeBytes - end, key);
  } catch (error) {
    const problem = problemFrom(key, error);
    if (problem === undefined) throw error;
    return problem;
  }
}
