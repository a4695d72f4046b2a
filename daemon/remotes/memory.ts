// A remote in memory: for tests, and the plainest reading of the contract in remote.ts.

import { readFile } from 'node:fs/promises';
import { SignetError } from '../base/errors.ts';
import { checkKey, isBelow, refuseMirror } from './keys.ts';
import type { Remote, RemoteKey } from './remote.ts';

export interface MemoryRemote extends Remote {
  /** The stored objects; a test may read and change them behind the adapter's back. */
  readonly objects: Map<RemoteKey, Uint8Array>;
}

export function createMemoryRemote(objects = new Map<RemoteKey, Uint8Array>()): MemoryRemote {
  return {
    kind: 'memory',
    label: 'memory',
    objects,

    async put(key, body, options) {
      options?.signal?.throwIfAborted();
      checkKey(key);
      const bytes = body instanceof Uint8Array ? new Uint8Array(body) : new Uint8Array(await readFile(body.path));
      if (!(body instanceof Uint8Array) && bytes.length !== body.sizeBytes) {
        throw new SignetError('E_INTERNAL', `${key}: the file has ${bytes.length} bytes, ${body.sizeBytes} were told`);
      }
      options?.signal?.throwIfAborted();
      objects.set(key, bytes);
    },

    async get(key, { maxBytes, offset = 0, length, copies, signal }) {
      signal?.throwIfAborted();
      checkKey(key);
      refuseMirror(key, copies);
      const whole = objects.get(key);
      if (whole === undefined) throw new SignetError('E_MISSING', `${key}: no such object`);
      const end = length === undefined ? whole.length : offset + length;
      if (offset > whole.length || end > whole.length) {
        throw new SignetError('E_MISSING', `${key}: bytes ${offset} to ${end} were asked for, it has ${whole.length}`);
      }
      if (end - offset > maxBytes) {
        throw new SignetError('E_OBJECT_LIMIT', `${key}: ${end - offset} bytes, at most ${maxBytes} are read`);
      }
      return new Uint8Array(whole.subarray(offset, end));
    },

    async stat(key, options) {
      options?.signal?.throwIfAborted();
      checkKey(key);
      const whole = objects.get(key);
      return whole === undefined ? undefined : { key, sizeBytes: whole.length };
    },

    async *list(folder, options) {
      for (const [key, bytes] of [...objects]) {
        options?.signal?.throwIfAborted();
        if (isBelow(folder, key)) yield { key, sizeBytes: bytes.length };
      }
    },

    async remove(key, options) {
      options?.signal?.throwIfAborted();
      checkKey(key);
      objects.delete(key);
    },
  };
}
