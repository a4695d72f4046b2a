// A database as it is stored, step by step: what its captures gave, kept as a base and a log, and three ways back: the independent
// decoder's, SQLite's own, and the image as it was.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ExecutionContext } from 'ava';
import {
  type CapturedDatabase,
  type CaptureSettings,
  type DatabaseCapture,
  type DeltaPoint,
  startDatabaseCapture,
} from '../../daemon/capture/capture.ts';
import { mergeDelta } from '../../scripts/lib/merge-delta.mjs';
import { scratch } from './databases.ts';

export const tagKey = Uint8Array.from({ length: 16 }, (_, i) => 0x85 ^ (i * 37));

export interface StepOptions {
  readonly maxPages?: number;
  readonly fullCheck?: boolean;
  /** The app's log is not looked at. */
  readonly withoutPosition?: boolean;
  /** Lay the frames on the base anew. */
  readonly squash?: boolean;
}

export class DeltaChain {
  readonly folder: string;
  readonly capture: DatabaseCapture;
  readonly path: string;
  base: Buffer = Buffer.alloc(0);
  log: Buffer = Buffer.alloc(0);
  point: DeltaPoint | undefined;
  #basePoint: DeltaPoint | undefined;
  #salt = 1;

  constructor(t: ExecutionContext, settings: Partial<CaptureSettings> = {}) {
    this.folder = scratch(t);
    this.path = join(this.folder, 'chat.db');
    this.capture = startDatabaseCapture({
      stagingFolder: join(this.folder, 'staging'),
      nodePath: process.execPath,
      ...settings,
    });
    t.teardown(() => this.capture.stop());
  }

  /** Captures, and appends what came of it. */
  async step({ maxPages = 2 ** 30, fullCheck = false, withoutPosition = false, squash = false }: StepOptions = {}) {
    const last = squash ? this.#basePoint : this.point;
    const from = last && withoutPosition ? { ...last, position: undefined } : last;
    const captured = await this.capture.capture(Buffer.from(this.path), {
      fullCheck,
      delta: { key: tagKey, from, maxPages },
    });
    if (captured.kind !== 'database') throw new Error(captured.reason);
    const bytes = await bytesOf(captured);
    const { delta } = captured;
    if (delta === undefined) throw new Error('no delta');
    if (delta.kind === 'image') {
      this.base = bytes;
      this.log = Buffer.alloc(0);
    } else this.log = Buffer.concat([squash ? Buffer.alloc(0) : this.log, bytes]);
    const salts = new Uint8Array(8).fill(this.#salt++);
    this.point = {
      pageSize: captured.pageSize,
      pageCount: captured.pageCount,
      tags: delta.tags,
      log: delta.log ?? { salts },
      position: delta.position,
    };
    if (delta.kind === 'image') this.#basePoint = { ...this.point, position: undefined };
    return { ...captured, delta, addedBytes: bytes.length };
  }

  /** Takes a first step whose image is too large to be held. */
  async stepWithoutBytes(): Promise<CapturedDatabase> {
    const captured = await this.capture.capture(Buffer.from(this.path), {
      fullCheck: false,
      delta: { key: tagKey, maxPages: 2 ** 30 },
    });
    if (captured.kind !== 'database' || captured.delta?.kind !== 'image') throw new Error('no image');
    await captured.image.close();
    const { pageSize, pageCount, delta } = captured;
    this.point = { pageSize, pageCount, tags: delta.tags, log: { salts: new Uint8Array(8).fill(this.#salt++) } };
    return captured;
  }

  /** By the decoder that shares no code with Signet. */
  merged(): Buffer {
    return mergeDelta(this.base, this.log);
  }

  /** By SQLite: the pair opened, checkpointed and closed. */
  mergedBySqlite(): Buffer {
    const copy = join(this.folder, 'pair.db');
    writeFileSync(copy, this.base);
    if (this.log.length > 0) {
      writeFileSync(`${copy}-wal`, this.log);
      const database = new DatabaseSync(copy);
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
    }
    const bytes = readFileSync(copy);
    for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true });
    return bytes;
  }

  /** The image by the way that knows nothing of deltas. */
  async image(): Promise<Buffer> {
    const captured = await this.capture.capture(Buffer.from(this.path), { fullCheck: false });
    if (captured.kind !== 'database') throw new Error(captured.reason);
    return await bytesOf(captured);
  }

  /** All three ways back give the same bytes. */
  async isWhole(t: ExecutionContext, what = ''): Promise<void> {
    const image = await this.image();
    t.true(this.merged().equals(image), `decoder ${what}`);
    t.true(this.mergedBySqlite().equals(image), `SQLite ${what}`);
  }
}

async function bytesOf({ image }: CapturedDatabase): Promise<Buffer> {
  try {
    const bytes = Buffer.alloc(image.sizeBytes);
    await image.read(bytes, 0);
    return bytes;
  } finally {
    await image.close();
  }
}
