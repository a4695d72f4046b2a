// What a capture gives when it is asked for the changes since a stored state.

import { appendFileSync, copyFileSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { addRows, makeDatabase } from '../support/databases.ts';
import { DeltaChain, tagKey } from '../support/delta-chain.ts';

const frameBytes = 24 + 4096;

function change(path: string, sql: string): void {
  const app = new DatabaseSync(path);
  app.exec(sql);
  app.close();
}

async function chain(t: ExecutionContext, journalMode: 'wal' | 'delete' = 'delete', rows = 2000): Promise<DeltaChain> {
  const made = new DeltaChain(t);
  makeDatabase(made.path, { journalMode, rows });
  return made;
}

for (const journalMode of ['delete', 'wal'] as const) {
  test(`appending, growing, shrinking, page 1 alone and nothing at all, of a closed database in ${journalMode} mode`, async t => {
    const c = await chain(t, journalMode);
    const first = await c.step();
    t.deepEqual([first.delta.kind, first.delta.tags.length], ['image', first.pageCount * 16]);
    for (const [what, sql] of [
      ['append', 'INSERT INTO entry (body) VALUES (hex(randomblob(100)))'],
      ['nothing', ''],
      ['grow', 'INSERT INTO entry (body) SELECT hex(randomblob(90)) FROM entry LIMIT 500'],
      ['shrink', 'DELETE FROM entry WHERE id > 700; VACUUM'],
      ['page 1', 'PRAGMA user_version = 7'],
      ['regrow', 'INSERT INTO entry (body) SELECT hex(randomblob(90)) FROM entry'],
    ] as const) {
      if (sql !== '') change(c.path, sql);
      const { delta, addedBytes, pageCount } = await c.step();
      t.is(delta.kind, 'frames', what);
      t.is(delta.tags.length, pageCount * 16);
      const isFirst = c.log.length === addedBytes && addedBytes > 0;
      t.is(addedBytes, delta.frames * frameBytes + (isFirst ? 32 : 0), what);
      if (what === 'page 1') t.is(delta.frames, 1);
      if (what === 'nothing') t.deepEqual([delta.frames, addedBytes], [0, 0]);
      await c.isWhole(t, what);
    }
  });
}

test('a squash against the base gives each changed page once', async t => {
  const c = await chain(t);
  await c.step();
  for (let i = 0; i < 5; i++) {
    change(c.path, `UPDATE entry SET body = 'x${i}' WHERE id = 3`);
    await c.step();
  }
  const before = c.log.length;
  const { delta } = await c.step({ squash: true });
  t.is(c.log.length, 32 + delta.frames * frameBytes);
  t.true(c.log.length < before);
  await c.isWhole(t);
});

test('more changed pages than are wanted as frames give the image, in the same capture', async t => {
  const c = await chain(t);
  const { pageCount } = await c.step();
  change(c.path, 'UPDATE entry SET body = hex(randomblob(90))');
  const { delta } = await c.step({ maxPages: Math.floor(pageCount / 2) });
  t.deepEqual([delta.kind, delta.frames, delta.log], ['image', 0, undefined]);
  await c.isWhole(t);
});

test('another page size gives the image', async t => {
  const c = await chain(t);
  await c.step();
  change(c.path, 'PRAGMA page_size = 8192; VACUUM');
  const { delta, pageSize } = await c.step();
  t.deepEqual([delta.kind, pageSize], ['image', 8192]);
  await c.isWhole(t);
});

test('a full check looks at the whole image and still gives frames alone', async t => {
  const c = await chain(t);
  await c.step();
  change(c.path, "UPDATE entry SET body = 'x' WHERE id = 3");
  const { delta, checked } = await c.step({ fullCheck: true });
  t.deepEqual([delta.kind, checked], ['frames', 'full']);
  await c.isWhole(t);
});

test('the log of an app tells what changed; every other page is left unread', async t => {
  const c = await chain(t, 'wal');
  const app = new DatabaseSync(c.path);
  t.teardown(() => app.close());
  addRows(app, 10);
  t.is((await c.step()).delta.route, 'scan');
  for (const rows of [1, 300, 0, 2]) {
    if (rows > 0) addRows(app, rows);
    const { delta } = await c.step();
    t.deepEqual([delta.kind, delta.route, delta.frames > 0], ['frames', 'log', rows > 0]);
    await c.isWhole(t);
  }
});

test('the log and the tags of all pages find the same pages', async t => {
  const c = await chain(t, 'wal');
  const app = new DatabaseSync(c.path);
  t.teardown(() => app.close());
  addRows(app, 10);
  await c.step();
  const { point, log } = c;
  addRows(app, 40);
  const byLog = await c.step();
  const logBytes = c.log;
  Object.assign(c, { point, log });
  const byScan = await c.step({ withoutPosition: true });
  t.deepEqual([byLog.delta.route, byScan.delta.route], ['log', 'scan']);
  t.true(logBytes.equals(c.log));
  t.deepEqual(byLog.delta.tags, byScan.delta.tags);
});

test('a log begun anew since, and a database that was replaced, are found by their pages', async t => {
  const c = await chain(t, 'wal');
  const app = new DatabaseSync(c.path);
  addRows(app, 10);
  await c.step();
  app.exec('PRAGMA wal_checkpoint(RESTART)');
  addRows(app, 10);
  t.is((await c.step()).delta.route, 'scan');
  await c.isWhole(t);
  app.close();
  copyFileSync(c.path, join(c.folder, 'other'));
  renameSync(join(c.folder, 'other'), c.path);
  const again = new DatabaseSync(c.path);
  t.teardown(() => again.close());
  addRows(again, 10);
  t.is((await c.step()).delta.route, 'scan');
  await c.isWhole(t);
});

test('where the pin cannot be had, the copy made behind the salt fence is compared', async t => {
  const c = new DeltaChain(t, { pinMs: 0 });
  makeDatabase(c.path, { rows: 500 });
  const app = new DatabaseSync(c.path);
  t.teardown(() => app.close());
  addRows(app, 10);
  await c.step();
  addRows(app, 1);
  const { delta, strategy } = await c.step();
  t.deepEqual([strategy, delta.kind, delta.route, delta.position], ['salt-fence', 'frames', 'scan', undefined]);
  await c.isWhole(t);
});

test('a database that ends within a page has no delta, and is given whole', async t => {
  const c = await chain(t);
  await c.step();
  appendFileSync(c.path, 'torn');
  const captured = await c.capture.capture(Buffer.from(c.path), {
    fullCheck: false,
    delta: { key: tagKey, from: c.point, maxPages: 100 },
  });
  if (captured.kind !== 'database') return t.fail();
  const bytes = Buffer.alloc(captured.image.sizeBytes);
  await captured.image.read(bytes, 0);
  await captured.image.close();
  t.is(captured.delta, undefined);
  t.true(bytes.equals(readFileSync(c.path)));
});

test('messages are counted in the source, under the pin, when nothing but frames is staged', async t => {
  const count = {
    candidates: [
      {
        requires: { entry: ['id'] },
        messages: 'SELECT count(*) AS messages FROM entry',
        conversations: 'SELECT 1 AS conversations',
      },
    ],
  };
  for (const journalMode of ['wal', 'delete'] as const) {
    const c = await chain(t, journalMode, 100);
    const app = new DatabaseSync(c.path);
    t.teardown(() => app.close());
    addRows(app, 1);
    await c.step();
    addRows(app, 1);
    const captured = await c.capture.capture(Buffer.from(c.path), {
      fullCheck: false,
      count,
      delta: { key: new Uint8Array(16), from: c.point, maxPages: 10_000 },
    });
    if (captured.kind !== 'database') return t.fail();
    await captured.image.close();
    t.is(captured.delta?.kind, 'frames');
    t.is(captured.counts?.messages, 102, journalMode);
    // Nothing holds the log once it is counted.
    if (journalMode === 'wal') t.is(app.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'], 0);
  }
});
