import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { parseDatabaseHeader } from '../../daemon/capture/sqlite-format.ts';
import { detectProfile, rulesOf } from '../../daemon/sources/sources.ts';
import { appendMessages, generateWhatsApp } from '../../scripts/lib/chat-generator.ts';
import { startLiveWriter } from '../../scripts/lib/live-writer.ts';
import { inCopy, integrityOf, rowsIn, scratch, sha256Of } from '../support/databases.ts';

const small = { databaseBytes: 3_000_000, mediaBytes: 4_000_000 };

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => statSync(join(folder, name)).isFile())
    .sort();
}

function hashes(folder: string): Record<string, string> {
  return Object.fromEntries(filesIn(folder).map(name => [name, sha256Of(join(folder, name))]));
}

test('the same seed gives the same bytes, another seed others', t => {
  const [one, two, other] = [scratch(t), scratch(t), scratch(t)];
  generateWhatsApp(one, small);
  generateWhatsApp(two, small);
  generateWhatsApp(other, { ...small, seed: 'other' });
  t.deepEqual(hashes(one), hashes(two));
  t.not(sha256Of(join(one, 'Databases/msgstore.db')), sha256Of(join(other, 'Databases/msgstore.db')));
});

test('it looks like the real folder: both message tables, WAL mode, auto-vacuum, media of real names, opaque copies', async t => {
  const folder = scratch(t);
  const { database, messages, mediaFiles } = generateWhatsApp(folder, small);
  t.is(await detectProfile(folder), 'whatsapp-android');
  t.is(integrityOf(database), 'ok');
  t.is(rowsIn(database, 'message'), messages);
  t.is(rowsIn(database, 'messages'), 1);
  const header = parseDatabaseHeader(readFileSync(database));
  t.deepEqual([header?.isWal, header?.pageSize], [true, 4096]);
  t.false(existsSync(`${database}-wal`));
  const { size } = statSync(database);
  t.true(size > 0.9 * small.databaseBytes && size < 1.4 * small.databaseBytes, `${size}`);

  const files = filesIn(folder);
  const rules = rulesOf({ profile: 'whatsapp-android' });
  const head = () => new Uint8Array(0);
  const siblings = () => [];
  t.true(
    files.every(
      name => rules.leftOut({ path: Buffer.from(name), kind: 'file', sizeBytes: 1, siblings, head }) === undefined,
    ),
  );
  const media = files.filter(name => name.startsWith('Media/'));
  t.is(media.length, mediaFiles);
  t.true(media.some(name => /^Media\/WhatsApp Images\/IMG-\d{8}-WA\d{4}\.jpg$/.test(name)));
  t.true(media.some(name => /^Media\/WhatsApp Voice Notes\/\d{6}\/PTT-\d{8}-WA\d{4}\.opus$/.test(name)));
  t.true(files.includes('Databases/msgstore.db.crypt15'));
  for (const name of media.filter(each => each.endsWith('.jpg'))) {
    t.is(readFileSync(join(folder, name)).subarray(0, 3).toString('hex'), 'ffd8ff');
  }
  const named = inCopy(database, copy =>
    copy.prepare('SELECT file_path AS path FROM message_media WHERE file_path IS NOT NULL').all(),
  );
  t.deepEqual(named.map(row => String(row['path'])).sort(), media, 'each file belongs to a message');
  const sums = inCopy(database, copy =>
    copy
      .prepare(
        'SELECT auto_vacuum AS v, (SELECT sum(length(thumbnail)) FROM message_thumbnail) AS thumbnails FROM pragma_auto_vacuum',
      )
      .get(),
  );
  t.is(sums?.['v'], 1);
  const share = Number(sums?.['thumbnails']) / size;
  t.true(share > 0.12 && share < 0.35, `thumbnails are ${share}`);
});

test('messages are appended after the newest, in as many transactions as asked for', t => {
  const folder = scratch(t);
  const { database, messages } = generateWhatsApp(folder, small);
  const open = new DatabaseSync(database);
  t.teardown(() => open.close());
  appendMessages(open, 30, { seed: 'a' });
  appendMessages(open, 30, { seed: 'b', transactions: 'one' });
  t.is(open.prepare('SELECT count(*) AS n FROM message').get()?.['n'], messages + 60);
  t.is(
    open
      .prepare(
        'SELECT count(*) AS n FROM message WHERE rowid > ? AND timestamp <= (SELECT max(timestamp) FROM message WHERE rowid <= ?)',
      )
      .get(messages, messages)?.['n'],
    0,
  );
  t.is(integrityOf(database), 'ok');
});

async function live(
  t: ExecutionContext,
  killed: boolean,
): Promise<{ database: string; rows: number; photos: number; folder: string; mediaFiles: number }> {
  const folder = scratch(t);
  const { database, messages, mediaFiles } = generateWhatsApp(folder, small);
  const writer = await startLiveWriter({ folder, everyMs: 0, photoEvery: 10, killed });
  await writer.committed(45);
  const { committed, photos } = await writer.stop();
  t.true(committed >= 45);
  t.is(photos, Math.floor(committed / 10));
  return { database, rows: messages + committed, photos, folder, mediaFiles };
}

test('a live writer reports exactly what it committed, and closes its database', async t => {
  const { database, rows, photos, folder, mediaFiles } = await live(t, false);
  t.false(existsSync(`${database}-wal`));
  t.is(rowsIn(database, 'message'), rows);
  t.is(filesIn(join(folder, 'Media')).length, mediaFiles + photos);
});

test('a live writer that ends as a killed app leaves its log, and the rows in it', async t => {
  const { database, rows } = await live(t, true);
  t.true(statSync(`${database}-wal`).size > 0);
  t.is(rowsIn(database, 'message'), rows);
});

test('a live writer stops by itself after the messages asked for', async t => {
  const folder = scratch(t);
  generateWhatsApp(folder, small);
  const writer = await startLiveWriter({ folder, everyMs: 0, count: 5 });
  await writer.committed(5);
  t.is((await writer.stop()).committed, 5);
  await t.throwsAsync(writer.committed(6), { message: /ended after 5/ });
});
