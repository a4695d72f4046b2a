// The peak memory of the daemon while it reads every byte of a backup and while it brings all of it back: bounded by what is in flight, not
// by how many bytes there are (each file and piece costs what its name and place in the index take). VmHWM of the daemon's process, all threads, each job in a daemon of its own. With SIGNET_LONG over 2 GB.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import type { RestoreResult, VerifyResult } from '../../protocol/status.ts';
import { type Installation, installation } from '../support/installation.ts';
import { megabytes } from '../support/process-figures.ts';
import { skip } from '../support/skip.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;
const gateBytes = 200 << 20;
const size = isLong ? { mediaFiles: 900, notes: 6_000, rows: 90_000 } : { mediaFiles: 110, notes: 1_500, rows: 15_000 };

test.serial(
  'neither reading every byte nor restoring everything takes more than 200 MiB, whatever the bytes of some thousand files',
  async t => {
    if (process.platform !== 'linux') return skip(t, 'reads /proc');
    t.timeout(isLong ? 1_800_000 : 240_000);
    const signet = await installation(t);
    const written = writeChats(signet.source);
    await signet.ok(['setup', '--source', signet.source, '--remote', `folder:${signet.remote}`], secretsOf());
    await run(signet, ['backup']);

    const verified = await measured(signet, ['verify', '--read-data']);
    const { ok, bytesRead } = verified.result as VerifyResult;
    t.true(ok);
    const target = join(signet.folder, 'back');
    const restored = await measured(signet, ['restore', 'latest', '--to', target]);
    const { files, bytes, databases } = restored.result as RestoreResult;
    t.is(bytes, written);
    t.deepEqual(
      databases.map(({ check }) => check),
      ['ok'],
    );
    rmSync(target, { recursive: true });
    t.log(
      `${files} files · daemon at rest ${megabytes(restored.atRest)} · verify --read-data of ${megabytes(bytesRead)}: peak ${megabytes(verified.peak)} · ` +
        `restore of ${megabytes(bytes)}: peak ${megabytes(restored.peak)} · gate ${megabytes(gateBytes)}`,
    );
    t.true(verified.peak <= gateBytes, `verify --read-data took ${megabytes(verified.peak)}`);
    t.true(restored.peak <= gateBytes, `restore took ${megabytes(restored.peak)}`);
  },
);

function secretsOf(): object {
  return { password: 'ostrich velvet canyon 42 mosaic', phone: '+14155550123' };
}

/** In a daemon that has done nothing else. */
async function measured(
  signet: Installation,
  args: readonly string[],
): Promise<{ readonly result: unknown; readonly atRest: number; readonly peak: number }> {
  await signet.signet(['daemon', 'stop']);
  await signet.ok(['unlock'], { password: 'ostrich velvet canyon 42 mosaic' });
  const pid = (await signet.daemonPid()) ?? 0;
  const atRest = memoryOf(pid, 'VmRSS');
  writeFileSync(`/proc/${pid}/clear_refs`, '5'); // the peak from here on: what unlocking took is over
  const result = await run(signet, args);
  return { result, atRest, peak: memoryOf(pid, 'VmHWM') };
}

/** As long as it takes. */
async function run(signet: Installation, args: readonly string[]): Promise<unknown> {
  const child = signet.start([...args, '--json']);
  let out = '';
  let err = '';
  child.stdout?.on('data', chunk => {
    out = `${out}${chunk}`.slice(-(1 << 20));
  });
  child.stderr?.on('data', chunk => {
    err += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`signet ${args.join(' ')} ended with ${code}: ${err}${out.slice(-2000)}`);
  return JSON.parse(out.trim().split('\n').at(-1) ?? 'null');
}

/** proc(5): kilobytes. */
function memoryOf(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

/** Media that no compression makes smaller, many small texts, and one database. @returns how many bytes */
function writeChats(folder: string): number {
  let total = 0;
  const write = (path: string, bytes: Uint8Array): void => {
    writeFileSync(path, bytes);
    total += bytes.length;
  };
  mkdirSync(join(folder, 'media'));
  for (let index = 0; index < size.mediaFiles; index++) {
    write(join(folder, 'media', `${index}.bin`), randomBytes(index % 50 === 0 ? 24 << 20 : 1_500_000));
  }
  for (let index = 0; index < size.notes; index++) {
    const part = join(folder, `notes-${index % 100}`);
    if (index < 100) mkdirSync(part);
    write(join(part, `${index}.txt`), Buffer.from(`note ${index}\n${randomBytes(400).toString('hex')}\n`));
  }
  const path = join(folder, 'messages.db');
  const database = new DatabaseSync(path);
  database.exec('CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT, media BLOB); BEGIN');
  const insert = database.prepare('INSERT INTO messages (text, media) VALUES (?, ?)');
  for (let index = 0; index < size.rows; index++) insert.run(`message ${index}`, randomBytes(2000));
  database.exec('COMMIT');
  database.close();
  return total + readFileSync(path).length;
}
