// Two devices, each with its own copy of one folder that an app carries to the other one late and in any order: nobody is alarmed by what is
// only on its way, and everybody is by what is really gone: of its own at once, of the other's after a day.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Alarms } from '../../daemon/jobs/alarms.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { Device, type SharedPlace, sharedPlace } from '../support/shared-place.ts';

const rounds = process.env['SIGNET_LONG'] === undefined ? 40 : 400;
const hourMs = 3_600_000;
const seed = process.env['SIGNET_SEED'] ?? 'synced folder';

/** Carries new objects from each of two folders to the other one, a part of them at a time, shuffled. */
class SyncApp {
  readonly #folders: readonly [SharedPlace, SharedPlace];
  readonly #random: Seeded;
  /** What was in both. */
  readonly #known = new Set<string>();
  carried = 0;

  constructor(folders: readonly [SharedPlace, SharedPlace], random: Seeded) {
    this.#folders = folders;
    this.#random = random;
  }

  /** @param share of what waits that is carried now */
  run(share: number): void {
    const [a, b] = this.#folders;
    for (const [from, to] of [
      [a.remote.objects, b.remote.objects],
      [b.remote.objects, a.remote.objects],
    ] as const) {
      const waiting = [...from.keys()].filter(key => !to.has(key) && !key.startsWith('locks/'));
      for (const key of waiting) {
        if (!this.#random.chance(share)) continue;
        // What the other one had is gone there: so it goes here too.
        if (this.#known.has(key)) from.delete(key);
        else to.set(key, from.get(key) ?? new Uint8Array(0));
        this.carried += 1;
      }
    }
    for (const key of a.remote.objects.keys()) if (b.remote.objects.has(key)) this.#known.add(key);
  }
}

interface Computer {
  readonly device: Device;
  readonly place: SharedPlace;
  readonly alarms: Alarms;
}

function computerOf(device: Device, place: SharedPlace): Computer {
  const facts = new Map<string, string>([['pinned.repository', device.witness.repositoryId]]);
  const sealed = new Map<string, string>();
  const alarms: Alarms = new Alarms({
    state: { facts: tableOf(facts) as never, sealedFacts: tableOf(sealed) as never },
    clock: place.clock,
    log: { info: () => undefined, warn: () => undefined },
    self: device.id,
    place: () => ({ place: 'the folder copies', isSynced: true }),
    names: async () => undefined,
    async look() {
      const remembered = [...alarms.seen.snapshots.map(({ id }) => id), ...alarms.missedHeads];
      const witness = alarms.witnessed(device.witness);
      return { ...(await device.connection.sendRequest(engine.look, { witness, remembered })), lock: [] };
    },
    ownLock: () => undefined,
    isBusy: () => false,
    onChanged: () => undefined,
  });
  return { device, place, alarms };
}

function tableOf(map: Map<string, string>) {
  return {
    get: (name: string) => map.get(name),
    set: (name: string, value: string) => void map.set(name, value),
    delete: (name: string) => void map.delete(name),
  };
}

async function backUp({ device, alarms }: Computer, bytes: Uint8Array): Promise<string> {
  writeFileSync(join(device.source, 'chat'), bytes);
  const outcome = await device.backUp();
  alarms.saw(outcome);
  await alarms.look({ isForced: true });
  return outcome.snapshot ?? '';
}

async function twoComputers(t: ExecutionContext, random: Seeded) {
  const one = sharedPlace();
  const two: SharedPlace = { ...sharedPlace(), clock: one.clock };
  const app = new SyncApp([one, two], random);
  const first = computerOf(await Device.make(t, one, 'laptop'), one);
  app.run(1);
  const second = computerOf(await Device.make(t, two, 'tower'), two);
  return { app, clock: one.clock, computers: [first, second] as const };
}

test('a folder that is carried late and in any order alarms nobody', async t => {
  t.timeout(20 * 60_000);
  const random = seeded(`${seed} late`);
  const { app, clock, computers } = await twoComputers(t, random);
  const good: string[] = [];
  let late = 0;
  for (let round = 0; round < rounds; round++) {
    const computer = random.pick(computers);
    good.push(await backUp(computer, random.bytes(2000 + random.below(20_000))));
    await clock.advance((1 + random.below(3)) * hourMs);
    app.run(round % 5 === 4 ? 1 : random.below(10) / 10); // nothing is on its way for a whole day
    for (const { alarms } of computers) {
      await alarms.look({ isForced: true });
      t.deepEqual(alarms.standing, [], `round ${round}`);
      const isArriving = await Promise.resolve()
        .then(() => alarms.assertNone())
        .then(
          () => 0,
          () => 1,
        );
      late += isArriving;
    }
  }
  app.run(1);
  // Packs are looked through once a day, by a backup.
  await clock.advance(25 * hourMs);
  for (const computer of computers) good.push(await backUp(computer, random.bytes(2000)));
  app.run(1);
  for (const { device, alarms } of computers) {
    await alarms.look({ isForced: true });
    t.notThrows(() => alarms.assertNone());
    for (const id of good) {
      await device.restore(id, join(device.folder, 'back'));
      rmSync(join(device.folder, 'back'), { recursive: true });
    }
  }
  t.log(
    `seed ${seed}: ${rounds} rounds, ${app.carried} objects carried, ${late} looks at what was on its way, 0 alarms`,
  );
  t.true(late > 0, 'nothing was ever late');
});

test('what is really gone from a carried folder is told: of its own at once, of another after a day', async t => {
  const random = seeded(`${seed} gone`);
  const { app, clock, computers } = await twoComputers(t, random);
  const [owner, other] = computers;
  await backUp(owner, random.bytes(3000));
  const gone = await backUp(owner, random.bytes(3000));
  await backUp(other, random.bytes(3000));
  app.run(1);
  for (const { alarms } of computers) await alarms.look({ isForced: true });
  for (const { place } of computers) place.remote.objects.delete(`snapshots/${gone}`);
  for (const { alarms } of computers) await alarms.look({ isForced: true });
  t.is(owner.alarms.standing.length, 1, 'its own, at once');
  t.deepEqual(other.alarms.standing, []);
  t.throws(() => other.alarms.assertNone(), { code: 'E_ALARM' }, 'and nothing is deleted meanwhile');
  await clock.advance(23 * hourMs);
  await other.alarms.look({ isForced: true });
  t.deepEqual(other.alarms.standing, []);
  await clock.advance(hourMs);
  await other.alarms.look({ isForced: true });
  t.is(other.alarms.standing.length, 1, 'after a day');
  t.is(other.alarms.standing[0]?.backups?.[0]?.id, gone);
});
