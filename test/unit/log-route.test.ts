// When the app's own log is believed to tell all that changed, on logs made for it.

import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { startFrames } from '../../daemon/capture/frames.ts';
import { deltaByLog, type PinnedLog } from '../../daemon/capture/log-route.ts';
import type { DeltaPoint, LogEnd, LogPosition } from '../../daemon/capture/model.ts';
import { scratch } from '../support/databases.ts';

const pageSize = 512;
const salts = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const place = { database: '10', log: '11', salts: '0102030405060708', stamp: '1024 5 5', backfilled: 0 };

interface Made {
  readonly log: PinnedLog;
  readonly from: DeltaPoint & { readonly position: LogPosition };
  readonly framesPath: string;
}

/** A log of two commits: pages 1 and 2 of three, which were captured; then `pages` of `pageCount`. */
function made(t: ExecutionContext, pages: readonly number[], pageCount: number): Made {
  const folder = scratch(t);
  const path = join(folder, 'wal');
  const writer = startFrames(path, pageSize, { salts });
  const at: LogEnd[] = [];
  for (const page of [1, 2]) writer.add(page, new Uint8Array(pageSize).fill(page));
  at.push(writer.finish(3));
  for (const page of pages) writer.add(page, new Uint8Array(pageSize).fill(0x80 + page));
  at.push(writer.finish(pageCount));
  writer.close();
  const fd = openSync(path, 'r');
  t.teardown(() => closeSync(fd));
  const [then, now] = at.map(end => end.checksum ?? { s0: 0, s1: 0 });
  const lastFrame = 2 + pages.length;
  return {
    log: {
      fd,
      lastFrame,
      pageCount,
      salts,
      checksum: now ?? { s0: 0, s1: 0 },
      position: { ...place, frames: lastFrame, ...(now ?? { s0: 0, s1: 0 }) },
    },
    from: {
      pageSize,
      pageCount: 3,
      tags: new Uint8Array(3 * 16).fill(7),
      log: { salts: new Uint8Array(8) },
      position: { ...place, frames: 2, ...(then ?? { s0: 0, s1: 0 }) },
    },
    framesPath: join(folder, 'frames'),
  };
}

function find(made: Made, maxPages = 100) {
  const order = { key: new Uint8Array(16).fill(9), from: made.from, maxPages };
  return deltaByLog(made.log, { order, framesPath: made.framesPath }, () => {});
}

/** A change of what was noted at the last capture, or of how things stand. */
function noted(m: Made, position: Partial<LogPosition>): Made {
  return { ...m, from: { ...m.from, position: { ...m.from.position, ...position } } };
}

test('frames behind the position are all that is read, and they alone get new tags', t => {
  const m = made(t, [1, 3], 3);
  const delta = find(m);
  t.deepEqual([delta?.kind, delta?.route, delta?.frames, delta?.position], ['frames', 'log', 2, m.log.position]);
  t.deepEqual(delta?.tags.subarray(16, 32), m.from.tags.subarray(16, 32));
  t.notDeepEqual(delta?.tags.subarray(0, 16), m.from.tags.subarray(0, 16));
  t.is(readFileSync(m.framesPath).length, 32 + 2 * (24 + pageSize));
});

test('a database that grew must have a frame for each new page', t => {
  t.is(find(made(t, [1, 4, 5], 5))?.frames, 3);
  t.is(find(made(t, [1, 5], 5)), undefined);
});

test('a database whose length changed must have a frame for page 1', t => {
  t.is(find(made(t, [1], 2))?.frames, 1);
  t.is(find(made(t, [2], 2)), undefined);
});

test('more changed pages than are wanted are left to the pass over all pages', t => {
  t.is(find(made(t, [1, 2, 3], 3), 3)?.frames, 3);
  t.is(find(made(t, [1, 2, 3], 3), 2), undefined);
});

test('another file, another generation, a shorter log or another running checksum is not believed', t => {
  const m = made(t, [1, 3], 3);
  for (const [what, position] of Object.entries({
    database: { database: '12' },
    log: { log: '12' },
    salts: { salts: '0102030405060709' },
    frames: { frames: 5 },
    'other frames': { frames: 1 },
    checksum: { s0: 1 },
  })) {
    t.is(find(noted(m, position)), undefined, what);
  }
  t.is(find({ ...m, log: { ...m.log, checksum: { s0: 1, s1: 1 } } }), undefined, 'the end');
  t.is(find({ ...m, log: { ...m.log, salts: new Uint8Array(8) } }), undefined, 'salts of the file');
});

test('a database file that was written to is believed only where a checkpoint can have done it', t => {
  const m = made(t, [1, 3], 3);
  t.is(find(noted(m, { stamp: '1024 4 4' })), undefined);
  const checkpointed = { ...m, log: { ...m.log, position: { ...m.log.position, backfilled: 2 } } };
  t.is(find(noted(checkpointed, { stamp: '1024 4 4' }))?.frames, 2);
  t.is(find(noted(checkpointed, { stamp: '1024 4 4', backfilled: 2 })), undefined);
});
