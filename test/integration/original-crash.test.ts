// A machine that dies at a write while files are put back into their place, and while that is undone: for every write of staging, journal,
// renames and tidying up. After each death the machine starts again: the state before comes back exactly, by an undo or by restoring again;
// no backup takes what lies there half; and beside the chats is nothing but what is kept.

import { hash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { treeOf as wholeTreeOf } from '../support/archive.ts';
import { dyingDisk } from '../support/dying-disk.ts';
import { call, copyOf, given, type Machine, password, setUpMachine, startMachine } from '../support/key-bench.ts';
import { skip } from '../support/skip.ts';

const sampled = process.env['SIGNET_LONG'] === undefined ? 20 : Number.POSITIVE_INFINITY;
const template = mkdtempSync(join(tmpdir(), 'signet-test-'));

const treeOf = (root: string): Map<string, string> =>
  new Map([...wholeTreeOf(root)].map(([path, is]) => [path, is.length < 60 ? is : hash('sha256', is)]));

test.before(async () => {
  await setUpMachine(template);
  const chats = join(template, 'chats');
  mkdirSync(join(chats, 'deep', 'empty'), { recursive: true });
  writeFileSync(join(chats, 'deep', 'c.txt'), 'three');
  writeFileSync(join(chats, 'deep', 'd.txt'), 'four');
  const database = new DatabaseSync(join(chats, 'chat.db'));
  database.exec('PRAGMA journal_mode=WAL; CREATE TABLE message (text); INSERT INTO message VALUES (1)');
  database.close();
  const machine = await startMachine(template);
  await machine.jobs.unlock(given({ password }));
  await machine.jobs.backup('user');
  await machine.jobs.lock();
  await machine.end();
});
test.after.always(() => rmSync(template, { recursive: true, force: true }));

interface Bench {
  readonly machine: Machine;
  readonly folder: string;
  readonly chats: string;
  readonly backedUp: ReadonlyMap<string, string>;
  /** As it is when the restore begins. */
  readonly before: ReadonlyMap<string, string>;
}

/** A machine with a backup, and chats that changed since. */
async function bench(t: ExecutionContext): Promise<Bench> {
  const folder = await copyOf(t, template);
  const chats = join(folder, 'chats');
  const backedUp = treeOf(chats);
  writeFileSync(join(chats, 'a.txt'), 'changed');
  unlinkSync(join(chats, 'b.txt'));
  rmSync(join(chats, 'deep', 'empty'), { recursive: true });
  unlinkSync(join(chats, 'deep', 'c.txt'));
  appendFileSync(join(chats, 'deep', 'd.txt'), ' and more');
  writeFileSync(join(chats, 'new.txt'), 'newer than the backup');
  leaveLog(join(chats, 'chat.db'));
  const machine = await startMachine(folder);
  await machine.jobs.unlock(given({ password }));
  return { machine, folder, chats, backedUp, before: treeOf(chats) };
}

/** An app that died: what it wrote last is in the log alone. */
function leaveLog(path: string): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA wal_autocheckpoint=0; INSERT INTO message VALUES (2)');
  for (const suffix of ['', '-wal', '-shm']) cpSync(`${path}${suffix}`, `${path}.kept${suffix}`);
  database.close();
  for (const suffix of ['', '-wal', '-shm']) {
    cpSync(`${path}.kept${suffix}`, `${path}${suffix}`);
    rmSync(`${path}.kept${suffix}`);
  }
}

const restoreOf = ({ jobs }: Machine) =>
  jobs.originals.restore(
    { snapshot: 'latest', source: jobs.status().sources[0]?.id ?? '', include: [], dryRun: false },
    call,
  );

/** Begins anew on what a death left, unlocked. */
async function startAgain(t: ExecutionContext, folder: string, now: number): Promise<Machine> {
  const machine = await startMachine(folder, now + 3_600_000);
  t.teardown(() => machine.end());
  await machine.jobs.unlock(given({ password }));
  return machine;
}

/** What Signet made beside the chats, but for folders of kept files that are known. */
async function unknownBeside({ jobs }: Machine, folder: string): Promise<readonly string[]> {
  const known = (await jobs.originals.list()).map(({ kept }) => kept);
  return readdirSync(folder).filter(name => name.startsWith('chats.signet-') && !known.includes(join(folder, name)));
}

function isRestored(now: ReadonlyMap<string, string>, { backedUp }: Bench): boolean {
  const without = new Map(now);
  without.delete('/new.txt');
  return JSON.stringify([...without].toSorted()) === JSON.stringify([...backedUp].toSorted());
}

test.serial(
  'a restore into the original place that dies at any write is undone, or done, by the next start',
  async t => {
    if (process.platform === 'win32') return skip(t, 'counts writes below /proc');
    t.timeout(20 * 60_000);
    const first = await bench(t);
    const { writes } = await dyingDisk(first.folder).dieAt(Number.POSITIVE_INFINITY, () => restoreOf(first.machine));
    t.true(isRestored(treeOf(first.chats), first));
    await first.machine.end();
    const met = { before: 0, unfinished: 0, done: 0 };
    for (const [turn, point] of spread(writes, sampled).entries()) {
      const made = await bench(t);
      const { folder, chats, before } = made;
      await dyingDisk(folder).dieAt(point, () => restoreOf(made.machine));
      await made.machine.end();
      const where = `dead at write ${point} of ${writes}`;
      const again = await startAgain(t, folder, made.machine.clock.now());
      const [undo] = await again.jobs.originals.list();
      if (undo === undefined) {
        met.before += 1;
        t.deepEqual(treeOf(chats), before, where);
      } else if (undo.isUnfinished) {
        met.unfinished += 1;
        t.is(again.jobs.status().notices.find(({ kind }) => kind === 'half-restored')?.source, undo.source, where);
        const backup = await again.jobs.backup('user');
        t.is(backup.snapshot, undefined, `${where}: the half of it was backed up`);
        if (turn % 2 === 0) await again.jobs.originals.undo(undo.id, call);
        else {
          await restoreOf(again);
          t.true(isRestored(treeOf(chats), made), where);
          await again.jobs.originals.undo(undefined, call);
        }
        t.deepEqual(treeOf(chats), before, where);
        t.deepEqual(
          again.jobs.status().notices.filter(({ kind }) => kind === 'half-restored'),
          [],
          where,
        );
      } else {
        met.done += 1;
        t.true(isRestored(treeOf(chats), made), where);
        await again.jobs.originals.undo(undo.id, call);
        t.deepEqual(treeOf(chats), before, where);
      }
      t.deepEqual(await unknownBeside(again, folder), [], where);
      await again.end();
    }
    t.log(JSON.stringify(met));
    t.true(met.before > 0 && met.unfinished > 0 && met.done > 0, 'all three sides were met');
  },
);

test.serial(
  'a restore into the original place that meets a bad disk at any write takes back what it did at once',
  async t => {
    if (process.platform === 'win32') return skip(t, 'counts writes below /proc');
    t.timeout(20 * 60_000);
    const first = await bench(t);
    const { writes } = await dyingDisk(first.folder).dieAt(Number.POSITIVE_INFINITY, () => restoreOf(first.machine));
    await first.machine.end();
    let atOnce = 0;
    for (const point of spread(writes, sampled)) {
      const { machine, folder, chats, before } = await bench(t);
      const thrown = await dyingDisk(folder).failAt(point, () => restoreOf(machine));
      const where = `bad at write ${point} of ${writes}`;
      const [undo] = await machine.jobs.originals.list();
      if (undo === undefined) atOnce += 1;
      // Only what tidies up afterwards may fail with the files in place: told as unfinished, or as done.
      else await machine.jobs.originals.undo(undo.id, call);
      t.true(thrown !== undefined || undo !== undefined, where);
      t.deepEqual(treeOf(chats), before, where);
      t.deepEqual(
        machine.jobs.status().notices.filter(({ kind }) => kind === 'half-restored'),
        [],
        where,
      );
      await machine.end();
      const again = await startAgain(t, folder, machine.clock.now());
      t.deepEqual(await unknownBeside(again, folder), [], where);
      await again.end();
    }
    t.true(atOnce > writes / 4, `${atOnce} of ${writes}`);
  },
);

test.serial('an undo that dies at any write is finished by the next', async t => {
  if (process.platform === 'win32') return skip(t, 'counts writes below /proc');
  t.timeout(20 * 60_000);
  const first = await bench(t);
  await restoreOf(first.machine);
  const { writes } = await dyingDisk(first.folder).dieAt(Number.POSITIVE_INFINITY, () =>
    first.machine.jobs.originals.undo(undefined, call),
  );
  t.deepEqual(treeOf(first.chats), first.before);
  await first.machine.end();
  const met = { begun: 0, done: 0 };
  for (const point of spread(writes, sampled)) {
    const made = await bench(t);
    const { folder, chats, before } = made;
    await restoreOf(made.machine);
    const [known] = await made.machine.jobs.originals.list();
    writeFileSync(join(chats, 'b.txt'), 'changed since');
    await dyingDisk(folder).dieAt(point, () => made.machine.jobs.originals.undo(undefined, call));
    await made.machine.end();
    const where = `dead at write ${point} of ${writes}`;
    const again = await startAgain(t, folder, made.machine.clock.now());
    const [undo] = await again.jobs.originals.list();
    if (undo?.isUnfinished || undo?.id === known?.id) {
      met.begun += 1;
      await again.jobs.originals.undo(undo?.id, call);
    } else met.done += 1;
    t.deepEqual(treeOf(chats), before, where);
    t.deepEqual(await unknownBeside(again, folder), [], where);
    // And it can be taken back in turn, with what had changed.
    await again.jobs.originals.undo(undefined, call);
    const back = treeOf(chats);
    t.is(Buffer.from(back.get('/b.txt') ?? '', 'base64').toString(), 'changed since', where);
    t.is(back.get('/a.txt'), made.backedUp.get('/a.txt'), where);
    await again.end();
  }
  t.log(JSON.stringify(met));
  t.true(met.begun > 0);
});

test.serial(
  'a restore to a new folder that dies leaves nothing beside it, and what only looks like it stays',
  async t => {
    if (process.platform === 'win32') return skip(t, 'counts writes below /proc');
    t.timeout(10 * 60_000);
    const made = await bench(t);
    const { folder } = made;
    const target = join(folder, 'back');
    const stranger = join(folder, 'back.signet-0123456789ab');
    mkdirSync(stranger);
    const wish = { snapshot: 'latest', target, include: [], dryRun: false };
    const { writes } = await dyingDisk(folder).dieAt(Number.POSITIVE_INFINITY, () =>
      made.machine.jobs.restore(wish, call),
    );
    rmSync(target, { recursive: true });
    for (const point of spread(writes - 1, 6)) {
      await dyingDisk(folder).dieAt(point, () => made.machine.jobs.restore(wish, call));
      rmSync(target, { recursive: true, force: true });
    }
    await made.machine.end();
    const again = await startAgain(t, folder, made.machine.clock.now());
    t.deepEqual(
      readdirSync(folder).filter(name => name.startsWith('back')),
      ['back.signet-0123456789ab'],
    );
    await again.end();
  },
);

/** At most so many of the numbers below `count`, the first and the last among them. */
function spread(count: number, most: number): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: most }, (_, at) => Math.round((at * (count - 1)) / (most - 1)));
}
