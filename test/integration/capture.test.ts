import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import {
  type CapturedDatabase,
  type CapturedImage,
  type CaptureSettings,
  type DatabaseCapture,
  startDatabaseCapture,
  sweepStaging,
} from '../../daemon/capture/capture.ts';
import { captureDatabase } from '../../daemon/capture/strategies.ts';
import { addRows, countRows, integrityOf, makeDatabase, rowsIn, scratch, sha256Of } from '../support/databases.ts';
import { fixture, skip, withoutFixtures } from '../support/skip.ts';

interface Bench {
  readonly folder: string;
  readonly staging: string;
  readonly capture: DatabaseCapture;
}

function bench(t: ExecutionContext, settings: Partial<CaptureSettings> = {}): Bench {
  const folder = scratch(t);
  const staging = join(folder, 'staging');
  mkdirSync(staging, { mode: 0o700 });
  const source = join(folder, 'source');
  mkdirSync(source);
  const capture = startDatabaseCapture({ stagingFolder: staging, nodePath: process.execPath, ...settings });
  t.teardown(() => capture.stop());
  return { folder: source, staging, capture };
}

async function captureIt(t: ExecutionContext, from: Bench, path: string | Buffer): Promise<CapturedDatabase> {
  const captured = await from.capture.capture(Buffer.from(path), { fullCheck: true });
  if (captured.kind !== 'database') throw new Error(`not a database: ${captured.reason}`);
  t.teardown(async () => {
    for (const { image } of [captured, ...captured.companions]) await image.close();
  });
  t.deepEqual(readdirSync(from.staging), [], 'nothing is left in the staging folder');
  return captured;
}

async function bytesOf(image: CapturedImage): Promise<Buffer> {
  const bytes = Buffer.alloc(image.sizeBytes);
  await image.read(bytes, 0);
  await image.close();
  return bytes;
}

/** Captures and puts the image alone into a new place. */
async function restored(
  t: ExecutionContext,
  from: Bench,
  path: string | Buffer,
): Promise<CapturedDatabase & { readonly copy: string }> {
  const captured = await captureIt(t, from, path);
  const copy = join(scratch(t), 'copy.db');
  writeFileSync(copy, await bytesOf(captured.image));
  t.is(integrityOf(copy), 'ok');
  return { ...captured, copy };
}

function copyFixture(t: ExecutionContext, name: string, to: string): boolean {
  const from = fixture(name);
  if (from === undefined) {
    skip(t, withoutFixtures, 'no fixtures');
    return false;
  }
  for (const file of readdirSync(from)) writeFileSync(join(to, file), readFileSync(join(from, file)));
  return true;
}

/** An app that was killed: its log (or hot journal) stays beside the database. */
function leaveLog(path: string, rows: number): void {
  const app = new DatabaseSync(path);
  addRows(app, rows);
  for (const suffix of ['', '-wal']) cpSync(path + suffix, `${path}${suffix}.kept`);
  app.close();
  for (const suffix of ['', '-wal']) renameSync(`${path}${suffix}.kept`, path + suffix);
}

for (const { folder, file, table, rows } of [
  { folder: 'wal-only-rows', file: 'NoteStore.sqlite', table: 'ACHANGE', rows: 9 },
  { folder: 'mewe-ios', file: 'sgrouplesdb.sqlite', table: 'ZCHATMESSAGE', rows: 53 },
  { folder: 'whatsapp-ios', file: 'ChatStorage.sqlite', table: 'ZWAMESSAGE', rows: 32 },
  { folder: 'googlevoice-ios', file: 'threadingStore.sqlite', table: 'ThreadItem', rows: 152 },
]) {
  test.serial(
    `${folder}: the image alone holds the ${rows} rows read with the log, and the source keeps its bytes`,
    async t => {
      const b = bench(t);
      if (!copyFixture(t, folder, b.folder)) return;
      const path = join(b.folder, file);
      const before = new Map(readdirSync(b.folder).map(name => [name, sha256Of(join(b.folder, name))]));
      const { copy } = await restored(t, b, path);
      t.is(rowsIn(copy, table), rows);
      t.is(rowsIn(path, table), rows);
      for (const name of readdirSync(b.folder)) {
        if (name.endsWith('-shm')) continue;
        const was = before.get(name);
        if (was === undefined) t.is(statSync(join(b.folder, name)).size, 0, name);
        else t.is(sha256Of(join(b.folder, name)), was, name);
      }
    },
  );
}

test.serial('a log left by a killed app is folded in, and neither it nor the database is touched', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  leaveLog(path, 50);
  const hashes = [sha256Of(path), sha256Of(`${path}-wal`)];
  const { copy, strategy, checked, folded, companions } = await restored(t, b, path);
  t.is(rowsIn(copy), 150);
  t.deepEqual({ strategy, checked, companions }, { strategy: 'pinned', checked: 'full', companions: [] });
  t.true(folded.includes('-wal'));
  t.deepEqual([sha256Of(path), sha256Of(`${path}-wal`)], hashes);
  t.deepEqual(readdirSync(b.folder).sort(), ['chat.db', 'chat.db-shm', 'chat.db-wal']);
});

test.serial('a database in WAL mode whose app is closed leaves no trace of its capture', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  const hash = sha256Of(path);
  const { copy, strategy } = await restored(t, b, path);
  t.is(strategy, 'immutable');
  t.is(sha256Of(copy), hash, 'the image is the file');
  t.deepEqual(readdirSync(b.folder), ['chat.db']);
});

test.serial('the image is byte for byte what SQLite has after a checkpoint', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  leaveLog(path, 500);
  const { copy } = await restored(t, b, path);
  const app = new DatabaseSync(path);
  app.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  app.close();
  t.is(sha256Of(copy), sha256Of(path));
});

for (const pageSize of [512, 4096, 65536]) {
  for (const journalMode of ['wal', 'delete'] as const) {
    test.serial(`pages of ${pageSize} bytes in ${journalMode} mode`, async t => {
      const b = bench(t);
      const path = join(b.folder, 'chat.db');
      makeDatabase(path, { pageSize, journalMode, rows: 300 });
      if (journalMode === 'wal') leaveLog(path, 300);
      const { copy, pageSize: found, pageCount } = await restored(t, b, path);
      t.is(found, pageSize);
      t.is(statSync(copy).size, pageCount * pageSize);
      t.is(rowsIn(copy), journalMode === 'wal' ? 600 : 300);
    });
  }
}

test.serial('a database that shrank in its log is cut to its new size', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path, { rows: 2000 });
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  app.exec('DELETE FROM entry WHERE id > 10; VACUUM');
  const { copy, pageCount, strategy } = await restored(t, b, path);
  t.is(strategy, 'pinned');
  t.is(rowsIn(copy), 10);
  t.is(pageCount, Number(app.prepare('PRAGMA page_count').get()?.['page_count']));
  t.true(statSync(path).size > statSync(copy).size);
});

test.serial('a log that is already in the main file but not reset is not laid over it again', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  addRows(app, 100);
  app.exec('PRAGMA wal_checkpoint(PASSIVE)');
  t.is(rowsIn((await restored(t, b, path)).copy), 200);
  addRows(app, 1); // starts the log anew, over the old frames
  t.is(rowsIn((await restored(t, b, path)).copy), 201);
});

test.serial('a folder that may not be written to: the log is laid over a copy', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  leaveLog(path, 50);
  chmodSync(b.folder, 0o555);
  t.teardown(() => chmodSync(b.folder, 0o755));
  if (process.getuid?.() === 0) {
    // Root may write everywhere: let another user's child do it, as far as there is one to ask.
    const asNobody = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'true']);
    if (asNobody.status !== 0) return skip(t, 'running as root without setpriv', 'is root');
    const staging = scratch(t);
    const image = join(staging, 'image');
    writeFileSync(image, '');
    for (const each of [staging, join(b.folder, '..')]) chmodSync(each, 0o777);
    chmodSync(image, 0o666);
    const program = join(import.meta.dirname, '../support/capture-once.ts');
    const run = spawnSync(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '--no-warnings', program, path, staging],
      { encoding: 'utf8' },
    );
    if (run.status !== 0 && /EACCES|MODULE_NOT_FOUND|permission/i.test(run.stderr))
      return skip(t, 'the checkout cannot be read by another user', 'is root');
    t.is(run.stderr, '');
    t.is(JSON.parse(run.stdout).strategy, 'salt-fence');
    t.is(rowsIn(image), 150);
  } else {
    const { copy, strategy } = await restored(t, b, path);
    t.is(strategy, 'salt-fence');
    t.is(rowsIn(copy), 150);
  }
  t.deepEqual(readdirSync(b.folder).sort(), ['chat.db', 'chat.db-wal']);
});

test.serial('a hot journal is rolled back in a copy, never in the source', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path, { journalMode: 'delete', rows: 2000 });
  const app = new DatabaseSync(path);
  // A cache of one page spills the open transaction into the file; the copy taken now is what a crash leaves.
  app.exec("PRAGMA cache_size=1; BEGIN; UPDATE entry SET body = 'unfinished' || id");
  const crashed = join(b.folder, 'crashed.db');
  for (const suffix of ['', '-journal']) cpSync(path + suffix, crashed + suffix);
  app.exec('ROLLBACK');
  app.close();
  const hashes = [sha256Of(crashed), sha256Of(`${crashed}-journal`)];
  const { copy, strategy, checked } = await restored(t, b, crashed);
  t.deepEqual({ strategy, checked }, { strategy: 'copy', checked: 'full' });
  const image = new DatabaseSync(copy);
  t.teardown(() => image.close());
  t.is(countRows(image), 2000);
  t.is(image.prepare("SELECT count(*) AS n FROM entry WHERE body LIKE 'unfinished%'").get()?.['n'], 0);
  t.deepEqual([sha256Of(crashed), sha256Of(`${crashed}-journal`)], hashes);
});

test.serial('a journal that PERSIST mode left behind does not stop the fence', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path, { journalMode: 'persist' });
  t.true(statSync(`${path}-journal`).size > 0);
  const { copy, strategy } = await restored(t, b, path);
  t.is(strategy, 'counter-fence');
  t.is(rowsIn(copy), 100);
});

for (const { title, name } of [
  { title: 'SQLite under an odd name', name: Buffer.from('notes.jpg') },
  { title: 'a name with newline, emoji and URI signs', name: Buffer.from('a\n%41?mode=rw#🎈.db') },
  { title: 'a name that is not UTF-8', name: Buffer.from([0x61, 0xff, 0xfe, 0x2e, 0x64, 0x62]) },
]) {
  test.serial(`${title} is captured with its log`, async t => {
    const b = bench(t);
    const plain = join(b.folder, 'plain');
    makeDatabase(plain);
    leaveLog(plain, 20);
    const path = Buffer.concat([Buffer.from(`${b.folder}/`), name]);
    renameSync(plain, path);
    renameSync(`${plain}-wal`, Buffer.concat([path, Buffer.from('-wal')]));
    const { copy, signature } = await restored(t, b, path);
    t.is(rowsIn(copy), 120);
    t.is(await b.capture.signature(path), signature);
  });
}

for (const { title, content, reason } of [
  { title: 'an empty file', content: new Uint8Array(0), reason: 'empty' },
  { title: 'random bytes under .db', content: Buffer.from('b'.repeat(5000)), reason: 'no-magic' },
  { title: 'a text shorter than the magic', content: Buffer.from('SQLite'), reason: 'no-magic' },
] as const) {
  test.serial(`${title} is no database: ${reason}`, async t => {
    const b = bench(t);
    const path = join(b.folder, 'x.db');
    writeFileSync(path, content);
    t.deepEqual(await b.capture.capture(Buffer.from(path), { fullCheck: true }), { kind: 'not-a-database', reason });
    t.deepEqual(readdirSync(b.folder), ['x.db']);
    t.deepEqual(readdirSync(b.staging), []);
  });
}

for (const suffix of ['-wal', '-journal']) {
  test.serial(`a neighbour named ${suffix} that is something else is left alone`, async t => {
    const b = bench(t);
    const path = join(b.folder, 'x');
    makeDatabase(path, { journalMode: suffix === '-wal' ? 'wal' : 'delete' });
    makeDatabase(path + suffix);
    const hash = sha256Of(path + suffix);
    t.deepEqual(await b.capture.capture(Buffer.from(path), { fullCheck: true }), {
      kind: 'not-a-database',
      reason: 'foreign-wal',
    });
    t.is(sha256Of(path + suffix), hash);
  });
}

test.serial('an encrypted database is kept with its log as one whole, and said to be unverified', async t => {
  const b = bench(t);
  const path = join(b.folder, 'db.sqlite');
  makeDatabase(path);
  leaveLog(path, 50);
  const bytes = readFileSync(path);
  bytes.write('encrypted header', 0, 'latin1');
  writeFileSync(path, bytes);
  const captured = await captureIt(t, b, path);
  t.deepEqual(
    {
      strategy: captured.strategy,
      checked: captured.checked,
      reason: captured.reason,
      pageCount: captured.pageCount,
      folded: captured.folded,
    },
    { strategy: 'salt-fence', checked: 'none', reason: 'opaque', pageCount: 0, folded: ['-shm'] },
  );
  t.deepEqual(await bytesOf(captured.image), bytes);
  t.deepEqual(
    captured.companions.map(each => each.suffix),
    ['-wal'],
  );
  for (const { image } of captured.companions) t.deepEqual(await bytesOf(image), readFileSync(`${path}-wal`));
  t.deepEqual(readdirSync(b.folder).sort(), ['db.sqlite', 'db.sqlite-wal']);
});

test.serial('a damaged database is kept as it is, and said to be damaged', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path, { journalMode: 'delete', rows: 500 });
  const bytes = readFileSync(path);
  bytes.fill(0xaa, 4096, 4096 * 3);
  writeFileSync(path, bytes);
  const captured = await captureIt(t, b, path);
  t.deepEqual([captured.checked, captured.reason], ['none', 'damaged']);
  t.deepEqual(await bytesOf(captured.image), bytes);
});

test.serial(
  'the lock-byte page of a database over 1 GiB is zeros, and a sparse source needs no staging space',
  async t => {
    const b = bench(t);
    const path = join(b.folder, 'big.db');
    makeDatabase(path, { journalMode: 'delete', rows: 10 });
    truncateSync(path, 2 ** 30 + 4096 * 4);
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4096, 0x55), 0, 4096, 2 ** 30);
    writeSync(file, Buffer.alloc(4096, 0x66), 0, 4096, 2 ** 30 + 4096);
    const captured = await b.capture.capture(Buffer.from(path), { fullCheck: false });
    if (captured.kind !== 'database') return t.fail();
    const tail = Buffer.alloc(4096 * 4);
    await captured.image.read(tail, 2 ** 30);
    await captured.image.close();
    t.deepEqual([tail[0], tail[4095], tail[4096], tail[8191], tail[8192]], [0, 0, 0x66, 0x66, 0]);
    t.is(captured.image.sizeBytes, 2 ** 30 + 4096 * 4);
  },
);

test.serial('the signature stays while nothing happens and changes with a commit that only the log shows', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  leaveLog(path, 10);
  const { signature } = await captureIt(t, b, path);
  t.is(await b.capture.signature(Buffer.from(path)), signature, 'the traces of the capture itself do not count');
  const again = await captureIt(t, b, path);
  t.is(again.signature, signature);
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  addRows(app, 1);
  t.not(await b.capture.signature(Buffer.from(path)), signature);
  t.is(await b.capture.signature(Buffer.from(join(b.folder, 'none.db'))), undefined);
});

test.serial('a cancelled capture stops at once, leaves nothing staged, and the next one works', async t => {
  const b = bench(t);
  const path = join(b.folder, 'chat.db');
  makeDatabase(path, { journalMode: 'delete', rows: 40_000, rowBytes: 1000 });
  const stop = new AbortController();
  const running = b.capture.capture(Buffer.from(path), { fullCheck: true, signal: stop.signal });
  stop.abort();
  await t.throwsAsync(running, { instanceOf: SignetError, code: 'E_CANCELLED' });
  const later = new AbortController();
  await (await captureIt(t, b, path)).image.close();
  const cut = b.capture.capture(Buffer.from(path), { fullCheck: true, signal: later.signal });
  setImmediate(() => later.abort());
  await t.throwsAsync(cut, { instanceOf: SignetError, code: 'E_CANCELLED' });
  t.deepEqual(readdirSync(b.staging), []);
  const { checked } = await captureIt(t, b, path);
  t.is(checked, 'full');
});

test.serial('a capture past its deadline ends as unreadable and leaves nothing staged', async t => {
  const b = bench(t, { deadlineMs: 1 });
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  const error = await t.throwsAsync(b.capture.capture(Buffer.from(path), { fullCheck: true }));
  t.true(isCode(error, 'E_SOURCE_UNREADABLE'));
  t.deepEqual(readdirSync(b.staging), []);
});

test.serial('a capture process that dies fails the capture it was at, and a new one takes the next', async t => {
  const childFile = join(scratch(t), 'child.mjs');
  writeFileSync(childFile, "process.on('message', () => process.exit(7));");
  const b = bench(t, { childFile });
  const path = join(b.folder, 'chat.db');
  makeDatabase(path);
  for (let tries = 0; tries < 2; tries++) {
    const error = await t.throwsAsync(b.capture.capture(Buffer.from(path), { fullCheck: true }), {
      message: /exit status 7/,
    });
    t.true(isCode(error, 'E_SOURCE_UNREADABLE'));
  }
  t.deepEqual(readdirSync(b.staging), []);
});

test.serial('a database that vanished is reported as such', async t => {
  const b = bench(t);
  const error = await t.throwsAsync(b.capture.capture(Buffer.from(join(b.folder, 'none.db')), { fullCheck: true }));
  t.true(error instanceof SignetError && error.code === 'E_SOURCE_UNREADABLE' && error.params['reason'] === 'vanished');
});

test.serial('what a killed run left in the staging folder is swept', async t => {
  const staging = join(scratch(t), 'staging');
  mkdirSync(join(staging, 'left'), { recursive: true, mode: 0o700 });
  writeFileSync(join(staging, 'left', 'image'), 'plaintext');
  t.is(await sweepStaging(staging), 1);
  t.deepEqual(readdirSync(staging), []);
});

test.serial('a pin that lasts too long gives way to the salt fence', async t => {
  const folder = scratch(t);
  const path = join(folder, 'chat.db');
  makeDatabase(path, { rows: 3000 });
  leaveLog(path, 3000);
  const staging = scratch(t);
  writeFileSync(join(staging, 'image'), '');
  const outcome = await captureDatabase(Buffer.from(path), {
    folder: staging,
    fullCheck: true,
    busyTimeoutMs: 0,
    pinMs: 0,
  });
  t.is(outcome.kind === 'database' && outcome.strategy, 'salt-fence');
  t.is(outcome.kind === 'database' && outcome.checked, 'full');
  t.is(rowsIn(join(staging, 'image')), 6000);
});

test.serial('a database that another process keeps locked is kept unverified', async t => {
  const folder = scratch(t);
  const path = join(folder, 'chat.db');
  makeDatabase(path, { journalMode: 'delete' });
  const app = new DatabaseSync(path);
  t.teardown(() => app.close());
  app.exec("PRAGMA cache_size=1; BEGIN EXCLUSIVE; UPDATE entry SET body = 'x' || id");
  const staging = scratch(t);
  writeFileSync(join(staging, 'image'), '');
  const program = join(import.meta.dirname, '../support/capture-once.ts');
  const run = spawnSync(process.execPath, ['--no-warnings', program, path, staging], { encoding: 'utf8' });
  t.is(run.stderr, '');
  const { checked, reason, strategy } = JSON.parse(run.stdout);
  t.deepEqual({ checked, reason, strategy }, { checked: 'none', reason: 'busy', strategy: 'copy' });
});
