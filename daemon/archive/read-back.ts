// Proves files by what the disk has: every byte that was written is read once more and hashed. Blobs arrive here authentic but not yet
// compared with their ids, so the one hash proves the blob and the disk together.

import { readSync } from 'node:fs';
import { release } from '../base/bytes.ts';
import { SignetError } from '../base/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import type { BlobId, Repository } from '../repository/model.ts';
import { atOnceBytes, readByThread, writeByThread } from './file-io.ts';
import type { PlannedNode } from './restore.ts';

/** Read at once; a larger blob is read whole. */
const readBackBytes = 1024 * 1024;

export interface ReadBackContext {
  readonly repository: Pick<Repository, 'find' | 'loadBlob'>;
  readonly signal: AbortSignal;
  /** Waits until the disk has what was written. */
  readonly sync: (fd: number) => Promise<void>;
}

export class ReadBack {
  readonly #context: ReadBackContext;
  readonly #buffer = Buffer.allocUnsafeSlow(atOnceBytes);
  /** Files that do not fit into the buffer are read back one after the other. */
  #largeReads: Promise<void> = Promise.resolve();

  constructor(context: ReadBackContext) {
    this.#context = context;
  }

  /**
   * Compares what the file has with the blobs' ids, which are SHA-256 of their content; a blob that is not right is loaded and written again.
   * @throws the loss when no copy of a blob is what its id says, E_INTERNAL when the disk does not keep it
   */
  async prove(fd: number, node: PlannedNode): Promise<void> {
    const { content = [], sizeBytes = 0 } = node;
    if (sizeBytes <= atOnceBytes) {
      const bytes = this.#buffer.subarray(0, sizeBytes);
      let filled = 0;
      while (filled < sizeBytes) {
        const count = readSync(fd, bytes, filled, sizeBytes - filled, filled);
        if (count === 0) break;
        filled += count;
      }
      const wrong = this.#wrongIn(bytes.subarray(0, filled), content);
      for (const { id, offset } of wrong) await this.#writeAgain(fd, id, offset);
      return;
    }
    const before = this.#largeReads;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#largeReads = promise;
    await before;
    try {
      await this.#readBackLarge(fd, content);
    } finally {
      resolve();
    }
  }

  /** Some blobs at a time; while they are hashed the next are read. */
  async #readBackLarge(fd: number, content: readonly BlobId[]): Promise<void> {
    const groups = this.#groupsOf(content);
    let spare: Buffer<ArrayBufferLike> = Buffer.allocUnsafeSlow(readBackBytes);
    let memory: Buffer<ArrayBufferLike> = Buffer.allocUnsafeSlow(readBackBytes);
    const begin = (): { readonly group: Group; readonly bytes: Promise<Buffer> } | undefined => {
      const next = groups.next();
      if (next.done === true) return undefined;
      const group = next.value;
      const target = spare.length < group.length ? Buffer.allocUnsafeSlow(group.length) : spare;
      [spare, memory] = [memory, target];
      const bytes = readByThread(fd, target.subarray(0, group.length), group.offset);
      bytes.catch(() => undefined); // awaited in the next turn
      return { group, bytes };
    };
    for (let reading = begin(); reading !== undefined; ) {
      const bytes = await reading.bytes;
      this.#context.signal.throwIfAborted();
      const { group } = reading;
      const following = begin();
      for (const { id, offset } of this.#wrongIn(bytes, group.ids)) {
        await this.#writeAgain(fd, id, group.offset + offset);
      }
      reading = following;
    }
    release(spare);
    release(memory);
  }

  *#groupsOf(content: readonly BlobId[]): Generator<Group, undefined> {
    let group = { offset: 0, length: 0, ids: [] as BlobId[] };
    for (const id of content) {
      const { plainBytes = 0 } = this.#context.repository.find('data', id) ?? {};
      if (group.length > 0 && group.length + plainBytes > readBackBytes) {
        yield group;
        group = { offset: group.offset + group.length, length: 0, ids: [] };
      }
      group.length += plainBytes;
      group.ids.push(id);
    }
    yield group;
    return undefined;
  }

  #wrongIn(bytes: Uint8Array, ids: readonly BlobId[]): readonly { readonly id: BlobId; readonly offset: number }[] {
    const wrong: { id: BlobId; offset: number }[] = [];
    let offset = 0;
    for (const id of ids) {
      const { plainBytes = 0 } = this.#context.repository.find('data', id) ?? {};
      if (sha256Hex(bytes.subarray(offset, offset + plainBytes)) !== id) wrong.push({ id, offset });
      offset += plainBytes;
    }
    return wrong;
  }

  /** @throws the loss when no copy of the blob is what its id says, E_INTERNAL when the disk does not keep it */
  async #writeAgain(fd: number, id: BlobId, position: number): Promise<void> {
    const bytes = await this.#context.repository.loadBlob('data', id, { signal: this.#context.signal });
    await writeByThread(fd, [bytes], position, bytes.length);
    await this.#context.sync(fd);
    const found = await readByThread(fd, Buffer.allocUnsafeSlow(bytes.length), position);
    if (sha256Hex(found) === id) return;
    throw new SignetError('E_INTERNAL', 'a restored file reads back from the disk differently from what was written');
  }
}

/** Blobs that follow one another in a file. */
interface Group {
  readonly offset: number;
  readonly length: number;
  readonly ids: readonly BlobId[];
}
