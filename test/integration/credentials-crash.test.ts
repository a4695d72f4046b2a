// A machine that dies at a write, for every write of each change of its keys: files of the state, rows of state.db, objects in the cloud. After
// each death the machine starts again: the old or the new secret opens, stock restic finds the place sound, and once it has finished or
// taken back what it began, nothing alarms and nothing of the other side is left.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isCode } from '../../daemon/base/errors.ts';
import { dyingDisk } from '../support/dying-disk.ts';
import { call, copyOf, given, type Machine, password, setUpMachine, startMachine } from '../support/key-bench.ts';
import { skip } from '../support/skip.ts';
import { hasRestic, restic } from '../support/stock-restic.ts';

const newPassword = 'ablaze tidal frosty mango untie clock';
const newPhone = '+12025550100';
/** Of the many writes of a fresh backup so many are sampled, spread evenly; the long form takes all. */
const sampled = process.env['SIGNET_LONG'] === undefined ? 24 : Number.POSITIVE_INFINITY;

const template = mkdtempSync(join(tmpdir(), 'signet-test-'));
test.before(() => setUpMachine(template));
test.after.always(() => rmSync(template, { recursive: true, force: true }));

interface Change {
  readonly name: string;
  readonly run: (machine: Machine) => Promise<unknown>;
  /** What opens before it and after it. */
  readonly old: Parameters<typeof given>[0];
  readonly next: Parameters<typeof given>[0];
  readonly most?: number;
}

const changes: readonly Change[] = [
  {
    name: 'a change of the password',
    run: ({ jobs }) => jobs.credentials.changePassword(given({ password, newPassword })),
    old: { password },
    next: { password: newPassword },
  },
  {
    name: 'a new password by the recovery key, on a locked computer',
    run: async machine => {
      const recoveryKey = await machine.recoveryKey();
      await machine.jobs.lock();
      return machine.jobs.credentials.changePassword(given({ recoveryKey, newPassword }));
    },
    old: { password },
    next: { password: newPassword },
  },
  {
    name: 'a change of the phone number',
    run: ({ jobs }) => jobs.credentials.changePhone(given({ password, newPhone })),
    old: { password },
    next: { password },
  },
  {
    name: 'a change of password on a computer that must be told the number',
    run: async machine => {
      await machine.state.phone.forget();
      return machine.jobs.credentials.changePassword(given({ password, phone: '+14155550123', newPassword }));
    },
    old: { password, phone: '+14155550123' },
    next: { password: newPassword, phone: '+14155550123' },
  },
  {
    name: 'a new recovery key',
    run: ({ jobs }) => jobs.credentials.renewRecoveryKey(given({ password })),
    old: { password },
    next: { password },
  },
  {
    name: 'a start afresh',
    run: ({ jobs }) => jobs.fresh.start(given({ password, newPassword, newPhone }), call),
    old: { password },
    next: { password: newPassword },
    most: sampled,
  },
];

for (const change of changes) {
  test.serial(
    `${change.name} that dies at any write leaves the old or the new secret, a sound place and no alarm`,
    async t => {
      if (!hasRestic) return skip(t, 'restic is not installed');
      t.timeout(20 * 60_000);
      const writes = await writesOf(t, change);
      const points = spread(writes, change.most ?? Number.POSITIVE_INFINITY);
      const won = { old: 0, next: 0 };
      for (const [turn, point] of points.entries()) {
        const winner = await dieAndStartAgain(t, change, point, turn % 2 === 0);
        won[winner] += 1;
        t.pass();
      }
      t.true(won.old > 0 && won.next > 0, 'both sides of the moment that decides were met');
      t.log(`${points.length} of ${writes} writes; the old secret opened after ${won.old}, the new after ${won.next}`);
    },
  );
}

/** How many there are when nothing dies. */
async function writesOf(t: ExecutionContext, change: Change): Promise<number> {
  const folder = await copyOf(t, template);
  const machine = await startMachine(folder);
  await machine.jobs.unlock(given({ password }));
  const { writes } = await dyingDisk(folder).dieAt(Number.POSITIVE_INFINITY, () => change.run(machine));
  await machine.end();
  t.true(writes > 5);
  return writes;
}

async function dieAndStartAgain(
  t: ExecutionContext,
  change: Change,
  point: number,
  oldFirst: boolean,
): Promise<'old' | 'next'> {
  const folder = await copyOf(t, template);
  const machine = await startMachine(folder);
  const oldKey = await machine.recoveryKey();
  const oldPlace = machine.remote();
  const { died } = await dyingDisk(folder).dieAt(point, async () => {
    await change.run(machine);
  });
  // How many packs and rows a backup takes varies a little: the last points may lie behind its end.
  t.true(died || change.most !== undefined, `write ${point} of ${change.name} was made`);
  await machine.end();

  const where = `${change.name}, dead at write ${point}`;
  const again = await startMachine(folder, machine.clock.now() + 3_600_000);
  t.teardown(() => again.end());
  const order = oldFirst ? ([change.old, change.next] as const) : ([change.next, change.old] as const);
  const secrets = (await opens(again, order[0])) ? order[0] : order[1];
  if (secrets === order[1]) t.true(await opens(again, secrets), `${where}: neither secret opens`);
  const key = await again.recoveryKey(given(secrets));
  const place = again.remote();

  const { problems } = await again.jobs.verifying.verify(100, call);
  t.deepEqual(problems, [], where);
  t.is(again.objects('signet/vault').length, 1, `${where}: vaults`);
  t.is(again.objects('keys').length, 1, `${where}: key files`);
  const { alarms } = await again.jobs.backup('user');
  t.deepEqual(alarms, [], where);
  await sound(t, place, key, where);
  if (change.name === 'a new recovery key' && key !== oldKey) {
    t.not((await restic(place, oldKey, ['--no-lock', 'snapshots'])).status, 0, `${where}: the old key still opens`);
  }
  if (place === oldPlace) {
    const others = readdirSync(folder).filter(name => /^copies-/.test(name));
    t.deepEqual(others, [], `${where}: a place that does not count was left`);
    t.false(existsSync(join(again.home.state, 'fresh')), where);
  } else {
    await sound(t, oldPlace, oldKey, `${where}, the old place`);
  }
  // What opened goes on opening, the password alone included, after everything is settled.
  await again.jobs.lock();
  t.true(await opens(again, { password: secrets.password ?? '' }), `${where}: opens no more`);
  await again.end();
  rmSync(folder, { recursive: true, force: true });
  const isOld =
    change.old.password === change.next.password ? again.vault.known?.generation === 1 : secrets === change.old;
  return isOld ? 'old' : 'next';
}

async function opens({ jobs }: Machine, secrets: Parameters<typeof given>[0]): Promise<boolean> {
  try {
    await jobs.unlock(given(secrets));
    return true;
  } catch (error) {
    if (isCode(error, 'E_WRONG_SECRET')) return false;
    throw error;
  }
}

async function sound(t: ExecutionContext, place: string, key: string, where: string): Promise<void> {
  const { status, out } = await restic(place, key, ['--no-lock', 'check']);
  t.is(status, 0, `${where}: restic check: ${out}`);
}

/** At most so many of the numbers below `count`, the first and the last among them. */
function spread(count: number, most: number): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: most }, (_, at) => Math.round((at * (count - 1)) / (most - 1)));
}
