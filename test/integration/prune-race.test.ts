// One device prunes and another backs up, and neither sees the lock of the other: the one comes before each call to the place that the other
// makes, in turn. What is backed up counts on blobs that just then nothing else needs. Every backup comes back, then and 49 hours later.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { recoveryKey } from '../support/repository.ts';
import { Device, type SharedPlace, sharedPlace } from '../support/shared-place.ts';
import { hasRestic, restic, succeeded } from '../support/stock-restic.ts';
import { temporaryFolder } from '../support/temporary-home.ts';

const hourMs = 3_600_000;
const judgedEvery = 20;

type Contents = ReadonlyMap<string, string>;

function contentsOf(root: string): Contents {
  return new Map(readdirSync(root).map(name => [name, readFileSync(join(root, name)).toString('base64')] as const));
}

class Race {
  readonly place: SharedPlace = sharedPlace();
  readonly random: Seeded;
  readonly good = new Map<string, Contents>();
  judged = 0;
  deleted = 0;
  readonly #t: ExecutionContext;
  #own: string[] = [];

  constructor(t: ExecutionContext, name: string) {
    this.#t = t;
    this.random = seeded(`race ${name}`);
  }

  async backUp(device: Device): Promise<string> {
    const contents = contentsOf(device.source);
    const { snapshot = '', findings, filesUnreadable } = await device.backUp();
    this.#t.deepEqual([findings, filesUnreadable], [[], []]);
    this.#t.not(snapshot, '');
    this.good.set(snapshot, contents);
    return snapshot;
  }

  async forget(device: Device, ids: readonly string[]): Promise<void> {
    await device.forget(ids);
    for (const id of ids) this.good.delete(id);
  }

  async prune(device: Device): Promise<void> {
    this.deleted += (await device.prune()).packsDeleted;
  }

  /** What `first` had is in no backup any more and still named; `second` gets the same, and something new. */
  async prepare(first: Device, second: Device, at: number): Promise<void> {
    const { random } = this;
    const shared = [random.bytes(30_000), random.bytes(9000)];
    for (const [n, bytes] of shared.entries()) writeFileSync(join(first.source, `shared-${n}`), bytes);
    const having = await this.backUp(first);
    for (const n of shared.keys()) rmSync(join(first.source, `shared-${n}`));
    writeFileSync(join(first.source, 'own'), random.bytes(5000));
    await this.place.clock.advance(60_000);
    const without = await this.backUp(first);
    const old = this.#own;
    await this.forget(first, [...old, having]);
    this.#own = [without];
    for (const [n, bytes] of shared.entries()) writeFileSync(join(second.source, `got-${n}`), bytes);
    writeFileSync(join(second.source, `new-${at % 3}`), random.bytes(4000));
    await this.place.clock.advance(60_000);
  }

  async everythingComesBack(devices: readonly Device[]): Promise<void> {
    for (const [id, expected] of this.good) {
      const device = this.random.pick(devices);
      const target = join(device.folder, 'back');
      rmSync(target, { recursive: true, force: true });
      this.#t.deepEqual(contentsOf(await device.restore(id, target)), expected, `${id} came back different`);
    }
    for (const device of devices) this.#t.deepEqual(await device.findings(), []);
  }

  async judge(): Promise<void> {
    if (!hasRestic) return;
    const folder = await temporaryFolder(this.#t);
    for (const [key, bytes] of this.place.remote.objects) {
      mkdirSync(dirname(join(folder, key)), { recursive: true });
      writeFileSync(join(folder, key), bytes);
    }
    const password = Buffer.from(recoveryKey).toString('hex');
    const out = succeeded(this.#t, await restic(folder, password, ['check', '--read-data', '--no-lock']));
    this.#t.regex(out, /no errors were found/);
    this.judged += 1;
  }
}

for (const order of ['a prune comes in a backup', 'a backup comes in a prune'] as const) {
  test.serial(`wherever ${order} unseen, nothing is missing`, async t => {
    t.timeout(20 * 60_000);
    const race = new Race(t, order);
    const tower = await Device.make(t, race.place, 'tower');
    const laptop = await Device.make(t, race.place, 'laptop');
    for (const device of [tower, laptop]) {
      device.hidesLocks = true;
      writeFileSync(join(device.source, 'first'), race.random.bytes(7000));
      await race.backUp(device);
    }
    let points = 0;
    const calls = new Map<string, number>();
    let laptops = [...race.good.keys()].slice(1);
    for (let at = 0; ; at++) {
      await race.prepare(tower, laptop, at);
      const isInBackup = order === 'a prune comes in a backup';
      const disturbed = isInBackup ? laptop : tower;
      const begins = disturbed.calls;
      let isReached = false;
      disturbed.beforeCall = async (number, { kind }) => {
        if (isReached || number < begins + at) return;
        isReached = true;
        calls.set(kind, (calls.get(kind) ?? 0) + 1);
        await (isInBackup ? race.prune(tower) : race.backUp(laptop));
      };
      await (isInBackup ? race.backUp(laptop) : race.prune(tower));
      disturbed.beforeCall = undefined;
      if (!isReached) break;
      points += 1;
      await race.everythingComesBack([tower, laptop]);
      if (points % judgedEvery === 0) await race.judge();
      await race.place.clock.advance(49 * hourMs);
      await race.prune(tower);
      await race.everythingComesBack([tower, laptop]);
      // The last three of it stay.
      const all = [...race.good.keys()];
      laptops = [...laptops, ...all.slice(-1)];
      const gone = laptops.slice(0, -3);
      laptops = laptops.slice(-3);
      if (gone.length > 0)
        await race.forget(
          laptop,
          gone.filter(id => race.good.has(id)),
        );
    }
    await race.judge();
    const kinds = [...calls].map(([kind, count]) => `${kind} ${count}`).join(', ');
    t.log(`${order}: ${points} points (before ${kinds}), ${race.deleted} packs deleted, ${race.judged} times judged`);
    t.true(points > 10, `${points} points`);
    t.true(race.deleted > 0);
  });
}
