// A machine that dies at a write while its backup moves: at files of the state, rows of state.db, objects in the old and the new place. After
// each death it starts again with the old place in use and untouched, or with the new one whole; moving once more ends well.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dyingDisk } from '../support/dying-disk.ts';
import { call, copyOf, given, type Machine, password, setUpMachine, startMachine } from '../support/key-bench.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

/** So many writes are sampled, spread evenly; the long form takes all. */
const sampled = process.env['SIGNET_LONG'] === undefined ? 24 : Number.POSITIVE_INFINITY;

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.before(async () => {
  await setUpMachine(template);
  const machine = await startMachine(template);
  await machine.jobs.unlock(given({ password }));
  writeFileSync(join(template, 'chats', 'a.txt'), 'changed');
  await machine.jobs.backup('user');
  await machine.jobs.lock();
  await machine.end();
});
test.after.always(() => rmSync(template, { recursive: true, force: true }));

/** All files below a place, locks and what is being written left out. */
function placeOf(root: string): Map<string, string> {
  if (!existsSync(root)) return new Map();
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(path => !path.startsWith('locks') && !path.includes('.tmp-') && statSync(join(root, path)).isFile())
    .sort();
  return new Map(files.map(path => [path, readFileSync(join(root, path)).toString('base64')]));
}

async function unlocked(t: ExecutionContext, folder: string, at?: number): Promise<Machine> {
  const machine = await startMachine(folder, at);
  t.teardown(() => machine.end());
  await machine.jobs.unlock(given({ password }));
  return machine;
}

async function sound(t: ExecutionContext, machine: Machine, where: string): Promise<void> {
  t.deepEqual((await machine.jobs.verifying.verify(100, call)).problems, [], where);
  t.deepEqual((await machine.jobs.backup('user')).alarms, [], where);
  const { status, out } = await restic(machine.remote(), await machine.recoveryKey(), ['--no-lock', 'check']);
  t.is(status, 0, `${where}: ${out}`);
}

const move = ({ jobs, folder }: Machine) => jobs.moving.move(`folder:${join(folder, 'disk')}`, call);

test('a move that dies at any write leaves the old place untouched, and the one or the other in use and whole', async t => {
  if (!hasRestic) return skip(t, 'restic is not installed');
  t.timeout(20 * 60_000);
  const first = await copyOf(t, template);
  const whole = await unlocked(t, first);
  const { writes } = await dyingDisk(first).dieAt(Number.POSITIVE_INFINITY, () => move(whole));
  await whole.end();
  t.true(writes > 20);
  const used = { old: 0, next: 0 };
  const points = spread(writes, sampled);
  for (const point of points) {
    const where = `dead at write ${point}`;
    const folder = await copyOf(t, template);
    const machine = await unlocked(t, folder);
    const old = machine.remote();
    const before = placeOf(old);
    await dyingDisk(folder).dieAt(point, () => move(machine));
    await machine.end();
    t.deepEqual(placeOf(old), before, where);

    const again = await unlocked(t, folder, machine.clock.now() + 3_600_000);
    const isOld = again.remote() === old;
    used[isOld ? 'old' : 'next'] += 1;
    if (isOld) t.is((await move(again)).left, 'copies', where);
    t.deepEqual(placeOf(again.remote()), before, where);
    await sound(t, again, where);
    t.deepEqual(placeOf(old), before, where);
    await again.jobs.left.delete('copies', given({ password }));
    t.false(existsSync(old), where);
    await again.end();
    rmSync(folder, { recursive: true, force: true });
  }
  t.true(used.old > 0 && used.next > 0, 'both sides of the moment that decides were met');
  t.log(`${points.length} of ${writes} writes; the old place was in use after ${used.old}, the new after ${used.next}`);
});

/** At most so many of the numbers below `count`, the first and the last among them. */
function spread(count: number, most: number): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: most }, (_, at) => Math.round((at * (count - 1)) / (most - 1)));
}
