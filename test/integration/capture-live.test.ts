import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import {
  type CapturedDatabase,
  type CaptureSettings,
  type DatabaseCapture,
  openStableFile,
  startDatabaseCapture,
} from '../../daemon/capture/capture.ts';
import { settledLook } from '../../daemon/capture/look.ts';
import { captureOpaque } from '../../daemon/capture/strategies.ts';
import { addRows, countRows, integrityOf, makeDatabase, rowsIn, scratch, startWriter } from '../support/databases.ts';

function start(t: ExecutionContext, folder: string, settings: Partial<CaptureSettings> = {}): DatabaseCapture {
  const stagingFolder = join(folder, 'staging');
  mkdirSync(stagingFolder, { mode: 0o700 });
  const capture = startDatabaseCapture({ stagingFolder, nodePath: process.execPath, ...settings });
  t.teardown(() => capture.stop());
  return capture;
}

async function save(captured: CapturedDatabase, path: string): Promise<void> {
  const bytes = new Uint8Array(captured.image.sizeBytes);
  await captured.image.read(bytes, 0);
  await captured.image.close();
  writeFileSync(path, bytes);
}

const rounds = 10;

for (const journalMode of ['wal', 'delete'] as const) {
  for (const everyMs of [0, 2, 20]) {
    test.serial(
      `${rounds} captures beside a writer (${journalMode}, a row each ${everyMs} ms) are whole and miss no row`,
      async t => {
        t.timeout(120_000);
        const folder = scratch(t);
        const path = join(folder, 'live.db');
        makeDatabase(path, { journalMode, rows: 12_000, rowBytes: 400 });
        const before = rowsIn(path);
        const writer = await startWriter(t, path, everyMs);
        const capture = start(t, folder);
        const strategies: string[] = [];
        let slowestMs = 0;
        for (let round = 0; round < rounds; round++) {
          const atLeast = before + writer.committed;
          const begun = performance.now();
          const captured = await capture.capture(Buffer.from(path), { fullCheck: round === 0 });
          slowestMs = Math.max(slowestMs, performance.now() - begun);
          if (captured.kind !== 'database') return t.fail(captured.reason);
          strategies.push(captured.strategy);
          t.is(captured.checked, round === 0 ? 'full' : 'pages');
          t.is(captured.image.sizeBytes, captured.pageCount * captured.pageSize);
          const copy = join(folder, `copy-${round}.db`);
          await save(captured, copy);
          t.is(integrityOf(copy), 'ok');
          t.true(rowsIn(copy) >= atLeast, `round ${round}: ${rowsIn(copy)} rows, ${atLeast} were committed before`);
        }
        // Beside a flat-out writer in rollback mode the lock itself is what is waited for.
        t.true(slowestMs < (journalMode === 'wal' ? 5_000 : 15_000), `slowest ${slowestMs} ms`);
        t.log(`slowest ${Math.round(slowestMs)} ms, writer failures ${writer.failures}: ${strategies.join(' ')}`);
      },
    );
  }
}

for (const everyMs of [0, 2]) {
  test.serial(`the salt fence alone gives whole images beside a writer (a row each ${everyMs} ms)`, async t => {
    t.timeout(120_000);
    const folder = scratch(t);
    const path = join(folder, 'live.db');
    makeDatabase(path, { rows: 12_000, rowBytes: 400 });
    const before = rowsIn(path);
    const writer = await startWriter(t, path, everyMs);
    const capture = start(t, folder, { pinMs: 0 });
    let busy = 0;
    for (let round = 0; round < rounds; round++) {
      const atLeast = before + writer.committed;
      const captured = await capture.capture(Buffer.from(path), { fullCheck: false });
      if (captured.kind !== 'database') return t.fail(captured.reason);
      const copy = join(folder, `copy-${round}.db`);
      await save(captured, copy);
      if (captured.checked === 'none') {
        busy += 1;
        t.is(captured.reason, 'busy');
        continue;
      }
      t.is(captured.strategy, 'salt-fence');
      t.is(integrityOf(copy), 'ok');
      t.true(rowsIn(copy) >= atLeast);
    }
    t.true(busy < rounds / 2, `${busy} of ${rounds} never held still`);
    t.log(`${busy} of ${rounds} busy`);
  });

  test.serial(
    `an encrypted database beside a writer (a row each ${everyMs} ms) opens with the log captured with it`,
    async t => {
      t.timeout(120_000);
      const folder = scratch(t);
      const path = join(folder, 'live.db');
      makeDatabase(path, { rows: 12_000, rowBytes: 400 });
      const before = rowsIn(path);
      const writer = await startWriter(t, path, everyMs);
      const staging = join(folder, 'staging');
      mkdirSync(staging);
      let busy = 0;
      for (let round = 0; round < rounds; round++) {
        const atLeast = before + writer.committed;
        writeFileSync(join(staging, 'image'), '');
        const options = { folder: staging, fullCheck: false, busyTimeoutMs: 0, pinMs: 0 };
        const captured = await captureOpaque(Buffer.from(path), await settledLook(Buffer.from(path)), options);
        if (captured.kind !== 'database') return t.fail(captured.reason);
        if (captured.reason === 'busy') {
          busy += 1;
          continue;
        }
        t.deepEqual([captured.strategy, captured.companions], ['salt-fence', ['-wal']]);
        t.is(integrityOf(join(staging, 'image')), 'ok');
        t.true(rowsIn(join(staging, 'image')) >= atLeast);
      }
      t.true(busy < rounds / 2, `${busy} of ${rounds} never held still`);
      t.log(`${busy} of ${rounds} busy`);
    },
  );
}

for (const journalMode of ['wal', 'delete'] as const) {
  test.serial(`reading the same files elsewhere in the daemon does not loosen the pin (${journalMode})`, async t => {
    const folder = scratch(t);
    const path = join(folder, 'live.db');
    const image = join(folder, 'image');
    writeFileSync(image, '');
    makeDatabase(path, { journalMode });
    const app = new DatabaseSync(path, { timeout: 0 });
    t.teardown(() => app.close());
    addRows(app, 10);
    const rows = countRows(app);

    const program = fileURLToPath(new URL('../support/pin-holder.ts', import.meta.url));
    const holder = spawn(process.execPath, ['--no-warnings', program, path, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.teardown(() => holder.kill('SIGKILL'));
    const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
    t.is((await lines.next()).value, 'pinned');

    for (const name of readdirSync(folder)) readFileSync(join(folder, name));
    await (await openStableFile(Buffer.from(path), { appendOnly: false })).close();
    if (journalMode === 'wal') {
      addRows(app, 10);
      t.is(app.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'], 1);
    } else {
      t.throws(() => addRows(app, 10), { message: /database is locked/ });
      app.exec('ROLLBACK');
    }
    holder.stdin.end();
    t.is((await lines.next()).value, 'pinned');
    await once(holder, 'exit');
    t.is(integrityOf(image), 'ok');
    t.is(rowsIn(image), rows);
    if (journalMode === 'wal') t.is(app.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'], 0);
    else t.notThrows(() => addRows(app, 10));
  });
}
