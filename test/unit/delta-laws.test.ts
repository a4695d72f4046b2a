// Laws of the delta: whatever an app does to its database, base and log give the captured image byte for byte, by a decoder that shares no
// code with Signet and by SQLite itself, and so does every earlier length of the log. With SIGNET_LONG many more histories.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { tagPages } from '../../daemon/kernel/page-tags.ts';
import { mergeDelta } from '../../scripts/lib/merge-delta.mjs';
import { addRows, integrityOf, makeDatabase, rowsIn, startWriter } from '../support/databases.ts';
import { DeltaChain, tagKey } from '../support/delta-chain.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;
const seed = Number(process.env['SIGNET_SEED'] ?? 20_261_124);

const shapes = fc.record({
  pageSize: fc.constantFrom(512, 1024, 4096, 8192, 65_536),
  journal: fc.constantFrom('wal', 'wal', 'delete', 'truncate', 'persist'),
  autoVacuum: fc.constantFrom(0, 1, 2),
});

const deed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('insert' as const),
      rows: fc.integer({ min: 1, max: 120 }),
      bytes: fc.integer({ min: 1, max: 6000 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('delete' as const), every: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('update' as const), every: fc.integer({ min: 1, max: 40 }) }) },
  ...(['vacuum', 'incremental', 'page1', 'nothing', 'checkpoint', 'reopen', 'resize', 'vanish'] as const).map(does => ({
    weight: 1,
    arbitrary: fc.record({ does: fc.constant(does) }),
  })),
);
const step = fc.record({
  deeds: fc.array(deed, { minLength: 0, maxLength: 3 }),
  squash: fc.nat(5).map(n => n === 0),
  withoutPosition: fc.nat(5).map(n => n === 0),
  fullCheck: fc.nat(7).map(n => n === 0),
});

class App {
  readonly #path: string;
  readonly #journal: string;
  #database: DatabaseSync;
  #made = 0;

  constructor(
    path: string,
    { pageSize, journal, autoVacuum }: { pageSize: number; journal: string; autoVacuum: number },
  ) {
    this.#path = path;
    this.#journal = journal;
    this.#database = new DatabaseSync(path);
    this.#database.exec(`PRAGMA page_size=${pageSize}; PRAGMA auto_vacuum=${autoVacuum}; PRAGMA journal_mode=${journal};
      CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT); CREATE INDEX by_body ON entry (substr(body, 1, 12))`);
  }

  close(): void {
    this.#database.close();
  }

  do(what: typeof deed extends fc.Arbitrary<infer Deed> ? Deed : never): void {
    const sql = (text: string) => this.#database.exec(text);
    switch (what.does) {
      case 'insert': {
        const insert = this.#database.prepare('INSERT INTO entry (body) VALUES (?)');
        sql('BEGIN');
        for (let i = 0; i < what.rows; i++) insert.run(this.#text(what.bytes));
        sql('COMMIT');
        return;
      }
      case 'delete':
        sql(`DELETE FROM entry WHERE id % ${what.every} = 0`);
        return;
      case 'update':
        sql(`UPDATE entry SET body = '${this.#text(40)}' || id WHERE id % ${what.every} = 0`);
        return;
      case 'vacuum':
        sql('VACUUM');
        return;
      case 'incremental':
        sql('PRAGMA incremental_vacuum(20)');
        return;
      case 'page1':
        sql(`PRAGMA user_version=${++this.#made}`);
        return;
      case 'checkpoint':
        sql('PRAGMA wal_checkpoint(RESTART)');
        return;
      case 'vanish': // pages that come and go in one transaction are never written
        sql('BEGIN');
        sql('CREATE TABLE gone (body); INSERT INTO gone SELECT body FROM entry; DROP TABLE gone');
        sql('COMMIT');
        return;
      case 'reopen':
        this.#database.close();
        this.#database = new DatabaseSync(this.#path);
        sql(`PRAGMA journal_mode=${this.#journal}`);
        return;
      case 'resize': // only outside of WAL mode
        sql(`PRAGMA journal_mode=delete; PRAGMA page_size=${this.#made % 2 === 0 ? 2048 : 4096}; VACUUM`);
        sql(`PRAGMA journal_mode=${this.#journal}`);
        return;
      case 'nothing':
        return;
    }
  }

  #text(bytes: number): string {
    const word = createHash('sha256')
      .update(String(this.#made++))
      .digest('hex');
    return word.repeat(Math.ceil(bytes / word.length)).slice(0, bytes);
  }
}

function tagsOf(image: Uint8Array, pageSize: number): Uint8Array {
  const tags = new Uint8Array((image.length / pageSize) * 16);
  tagPages(tagKey, image, pageSize, tags);
  return tags;
}

test(`any history comes back byte for byte (SIGNET_SEED=${seed})`, async t => {
  t.timeout(isLong ? 3_600_000 : 120_000);
  const routes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(shapes, fc.array(step, { minLength: 3, maxLength: 7 }), async (shape, steps) => {
      const c = new DeltaChain(t);
      const app = new App(c.path, shape);
      try {
        const images: { readonly logBytes: number; readonly image: Buffer }[] = [];
        for (const { deeds, ...options } of steps) {
          for (const each of deeds) app.do(each);
          const { delta, pageSize } = await c.step(options);
          const image = await c.image();
          if (delta.kind === 'image' || options.squash) images.length = 0;
          images.push({ logBytes: c.log.length, image });
          if (!c.merged().equals(image)) throw new Error('the decoder gave another image');
          if (!c.mergedBySqlite().equals(image)) throw new Error('SQLite gave another image');
          if (!Buffer.from(tagsOf(image, pageSize)).equals(delta.tags))
            throw new Error('tags are not those of the image');
          const route = `${delta.kind} by ${delta.route}`;
          routes.set(route, (routes.get(route) ?? 0) + 1);
        }
        for (const { logBytes, image } of images) {
          if (!mergeDelta(c.base, c.log.subarray(0, logBytes)).equals(image))
            throw new Error('an earlier length differs');
        }
      } finally {
        app.close();
        await c.capture.stop();
        rmSync(c.folder, { recursive: true });
      }
    }),
    { seed, numRuns: isLong ? 1000 : 25 },
  );
  t.log([...routes].map(([route, steps]) => `${route}: ${steps}`).join(', '));
  for (const route of ['image by scan', 'frames by scan', 'frames by log']) t.true(routes.has(route), route);
});

test('beside a writer that never rests every step is a whole database that misses no row', async t => {
  const c = new DeltaChain(t);
  makeDatabase(c.path, { rows: 3000 });
  const before = rowsIn(c.path);
  const writer = await startWriter(t, c.path, 0);
  for (let round = 0; round < 6; round++) {
    const atLeast = before + writer.committed;
    const { delta, pageSize } = await c.step();
    const merged = c.merged();
    t.true(merged.equals(c.mergedBySqlite()));
    t.deepEqual(Buffer.from(delta.tags), Buffer.from(tagsOf(merged, pageSize)));
    const copy = join(c.folder, `copy-${round}.db`);
    writeFileSync(copy, merged);
    t.is(integrityOf(copy), 'ok');
    t.true(rowsIn(copy) >= atLeast, `round ${round}`);
  }
});

for (const pageSize of isLong ? [512, 4096, 65_536] : [65_536]) {
  test(`a database that grows over 1 GiB and shrinks again in pages of ${pageSize} never has a frame for the lock-byte page`, async t => {
    t.timeout(300_000);
    const c = new DeltaChain(t);
    const lockPage = 2 ** 30 / pageSize + 1;
    makeDatabase(c.path, { journalMode: 'delete', pageSize, rows: 10 });
    stretch(c.path, pageSize, lockPage - 3);
    const first = await c.stepWithoutBytes();
    t.deepEqual([first.delta?.kind, first.pageCount], ['image', lockPage - 3]);
    const base = join(c.folder, 'base.db');
    const pair = join(c.folder, 'pair.db');
    copySparsely(c.path, base);

    for (const what of ['grow', 'shrink'] as const) {
      const app = new DatabaseSync(c.path);
      if (what === 'grow') addRows(app, 400, 4000);
      else app.exec('VACUUM');
      app.close();
      const { delta, pageCount } = await c.step();
      t.is(delta.kind, 'frames');
      t.is(pageCount > lockPage, what === 'grow');
      t.false(framesIn(c.log, pageSize).includes(lockPage));
      if (what === 'grow')
        t.true(Buffer.from(delta.tags.subarray((lockPage - 1) * 16, lockPage * 16)).equals(Buffer.alloc(16)));
      copySparsely(base, pair);
      writeFileSync(`${pair}-wal`, c.log);
      const database = new DatabaseSync(pair);
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
      t.true(sameFiles(t, pair, c.path), what);
    }
  });
}

/** Makes SQLite believe that there are so many pages, which are a hole: what is added comes behind them. */
function stretch(path: string, pageSize: number, pages: number): void {
  const file = openSync(path, 'r+');
  const word = Buffer.alloc(4);
  word.writeUInt32BE(pages);
  writeSync(file, word, 0, 4, 28);
  ftruncateSync(file, pages * pageSize);
  closeSync(file);
}

function copySparsely(from: string, to: string): void {
  rmSync(to, { force: true });
  execFileSync('cp', ['--sparse=always', from, to]);
}

function framesIn(log: Buffer, pageSize: number): number[] {
  const pages: number[] = [];
  for (let at = 32; at < log.length; at += 24 + pageSize) pages.push(log.readUInt32BE(at));
  return pages;
}

function sameFiles(t: ExecutionContext, a: string, b: string): boolean {
  const [one, other] = [openSync(a, 'r'), openSync(b, 'r')];
  t.teardown(() => [one, other].forEach(closeSync));
  const [left, right] = [Buffer.alloc(2 ** 22), Buffer.alloc(2 ** 22)];
  for (let at = 0; ; ) {
    const [m, n] = [readSync(one, left, 0, left.length, at), readSync(other, right, 0, right.length, at)];
    if (m !== n || Buffer.compare(left.subarray(0, m), right.subarray(0, n)) !== 0) return false;
    if (m === 0) return true;
    at += m;
  }
}
