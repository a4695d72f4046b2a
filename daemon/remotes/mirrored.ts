// A place with further whole copies of it: what the place cannot give is read from a copy. Writing, listing and removing concern the place
// alone, so that what is new or hidden there is never judged by a copy; every caller proves what it reads, wherever it came from.

import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { type GetOptions, hashInKey, isAbsence, type Remote, type RemoteKey } from './remote.ts';
import { patience } from './retrying.ts';

/** Opens one of the copies; asked only when it is needed, and again after it could not be opened. */
export type OpenMirror = () => Promise<Pick<Remote, 'get'>>;

/**
 * `get` with `copies: 'mirror'` asks the copies alone, in turn, and passes over one whose whole object does not hash to its name; with
 * 'any' it asks them when the place does not answer: the place is tried as long as somebody who waits would, and once while it is away.
 *
 * @param mirrors those that there are at the moment
 */
export function mirrored<Place extends Remote>(main: Place, mirrors: () => readonly OpenMirror[]): Place {
  let isAway = false;
  return {
    ...main,
    async get(key: RemoteKey, options: GetOptions): Promise<Uint8Array> {
      const { copies = 'any' } = options;
      if (copies === 'remote') return main.get(key, options);
      if (copies === 'mirror') return fromMirrors(mirrors(), key, options);
      if (mirrors().length === 0) return main.get(key, options);
      try {
        const bytes = await main.get(key, { ...options, patienceMs: isAway ? 0 : patience.personMs });
        isAway = false;
        return bytes;
      } catch (error) {
        if (!isAbsence(error)) throw error;
        isAway = true;
        try {
          return await fromMirrors(mirrors(), key, options);
        } catch {
          options.signal?.throwIfAborted();
          throw error; // what is wrong with the place is what its owner can do something about
        }
      }
    },
  };
}

/** @throws E_MISSING when none has it · what kept the first one from answering, where no other has it */
async function fromMirrors(mirrors: readonly OpenMirror[], key: RemoteKey, options: GetOptions): Promise<Uint8Array> {
  let failure: unknown = new SignetError('E_MISSING', `${key}: there is no second place that has it`);
  let isFirst = true;
  for (const open of mirrors) {
    try {
      const bytes = await (await open()).get(key, { ...options, copies: 'any' });
      if (!isKnownToBeOther(key, bytes, options)) return bytes;
      throw new SignetError('E_OBJECT_ID', `${key}: its ${bytes.length} bytes do not hash to its name`);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isFirst) failure = error;
      isFirst = false;
    }
  }
  throw failure;
}

/** Of a part of an object nothing can be said here. */
function isKnownToBeOther(key: RemoteKey, bytes: Uint8Array, { offset, length }: GetOptions): boolean {
  const hash = hashInKey(key);
  return offset === undefined && length === undefined && hash !== undefined && sha256Hex(bytes) !== hash;
}
