// Chance against a plain Map: two devices over one place back up, change their chats, forget, prune, restore and die at any moment, in an order
// that is drawn. The Map alone says what each backup must give back. After each step a backup is restored, and no device finds anything wrong
// with an honest place; nothing that was indexed when a backup began is stored by it again. A failure prints the seed and the steps.

import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { wireErrorOf } from '../../protocol/errors.ts';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { Device, type SharedPlace, sharedPlace } from '../support/shared-place.ts';

const isLong = process.env['SIGNET_LONG'] !== undefined;
/** In each of the two forms. */
const stepsEach = isLong ? 3000 : 505;
const seed = process.env['SIGNET_SEED'] ?? String(randomInt(1e9));
const minuteMs = 60_000;

/** Paths with what is in them. */
type Contents = ReadonlyMap<string, string>;

class Model {
  readonly t: ExecutionContext;
  readonly random: Seeded;
  readonly place: SharedPlace = sharedPlace();
  readonly devices: Device[] = [];
  /** What each backup that was reported must give back. */
  readonly good = new Map<string, Contents>();
  /** Of each device its own, oldest first. */
  readonly own = new Map<Device, string[]>();
  readonly told: string[] = [];
  readonly counts = new Map<string, number>();
  #files = 0;

  constructor(t: ExecutionContext, name: string) {
    this.t = t;
    this.random = seeded(`model ${name} ${seed}`);
  }

  async begin(hidesLocks: boolean): Promise<void> {
    for (const name of ['laptop', 'tower']) {
      const device = await Device.make(this.t, this.place, name);
      device.hidesLocks = hidesLocks;
      this.devices.push(device);
      this.own.set(device, []);
      for (let n = 0; n < 6; n++) this.addFile(device);
    }
  }

  note(step: string): void {
    this.told.push(`${this.told.length + 1} ${step}`);
  }

  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  files(device: Device): readonly string[] {
    const all = readdirSync(device.source, { recursive: true, encoding: 'utf8' });
    return all.filter(path => statSync(join(device.source, path)).isFile()).sort();
  }

  /** Media that both may have got, or something that nobody has. */
  addFile(device: Device): void {
    const { random } = this;
    const bytes = random.chance(0.4)
      ? seeded(`shared ${random.below(40)}`).bytes(3000 + random.below(5) * 2000)
      : random.bytes(100 + random.below(12_000));
    const folder = random.pick(['', 'media', join('media', 'deep')]);
    mkdirSync(join(device.source, folder), { recursive: true });
    writeFileSync(join(device.source, folder, `file-${++this.#files}`), bytes);
  }

  change(device: Device): string {
    const { random } = this;
    const files = this.files(device);
    const what = files.length < 3 ? 'add' : random.pick(['add', 'add', 'change', 'delete', 'rename']);
    if (what === 'add') this.addFile(device);
    else {
      const path = join(device.source, random.pick(files));
      if (what === 'change') writeFileSync(path, random.bytes(100 + random.below(9000)));
      else if (what === 'delete') rmSync(path);
      else renameSync(path, join(device.source, `renamed-${++this.#files}`));
    }
    return what;
  }

  contents(device: Device): Contents {
    return contentsOf(device.source);
  }

  /** A backup that nothing disturbs; or one that was broken off, of which nothing was reported. */
  async backUp(device: Device, isAlone = true): Promise<string> {
    // What an earlier run sealed is sent as it is, whoever stored the same since.
    const before = device.waitsToSend || !isAlone ? new Map<string, number>() : await this.place.indexed();
    const contents = this.contents(device);
    const { snapshot, memory, findings, filesUnreadable } = await device.backUp();
    this.t.deepEqual([findings, filesUnreadable], [[], []]);
    const after = await this.place.indexed();
    for (const [blob, copies] of after) {
      const had = before.get(blob);
      if (had !== undefined && copies > had) throw new Error(`${blob} was known, and stored again`);
    }
    // Without a change the newest one stands for this run; it may be one that a death left unreported.
    const id = snapshot ?? memory.snapshot;
    const known = this.good.get(id);
    if (known !== undefined) this.t.deepEqual([...contents], [...known], 'no change was seen, and there was one');
    this.good.set(id, contents);
    const own = this.own.get(device) ?? [];
    if (!own.includes(id)) own.push(id);
    return snapshot === undefined ? 'no change' : id.slice(0, 8);
  }

  async restore(device: Device, id: string): Promise<void> {
    const target = join(device.folder, 'back');
    rmSync(target, { recursive: true, force: true });
    const found = contentsOf(await device.restore(id, target));
    const expected = this.good.get(id) ?? new Map();
    if (JSON.stringify([...found]) !== JSON.stringify([...expected])) throw new Error(`${id} came back different`);
  }

  async findsNothing(device: Device): Promise<void> {
    this.t.deepEqual(await device.findings(), [], `${device.name} finds something`);
  }

  /** The device dies at one of its next calls, which may be done by then. */
  async dying(device: Device, work: () => Promise<unknown>): Promise<string> {
    const { random } = this;
    const at = device.calls + random.below(30);
    const isAfter = random.chance(0.5);
    let died = '';
    const die = (number: number, call: { kind: string; key: string }): void => {
      if (number < at || died !== '') return;
      died = `${isAfter ? 'after' : 'before'} ${call.kind} ${call.key.slice(0, 24)}`;
      device.kill();
    };
    if (isAfter) device.afterCall = die;
    else device.beforeCall = die;
    try {
      await work();
    } catch (error) {
      if (died === '') throw error;
    } finally {
      device.beforeCall = undefined;
      device.afterCall = undefined;
    }
    if (died === '') return 'lived';
    await device.start();
    return died;
  }
}

type Step = (model: Model, device: Device) => Promise<string>;

const steps: readonly { readonly name: string; readonly often: number; readonly step: Step }[] = [
  { name: 'change', often: 30, step: async (model, device) => model.change(device) },
  { name: 'backup', often: 22, step: (model, device) => unlessLocked(() => model.backUp(device)) },
  {
    name: 'dying backup',
    often: 6,
    step: (model, device) => model.dying(device, () => unlessLocked(() => model.backUp(device))),
  },
  {
    name: 'forget',
    often: 7,
    async step(model, device) {
      const own = model.own.get(device) ?? [];
      // The newest of a device always stays.
      const goes = own.slice(0, -1).filter(() => model.random.chance(0.4));
      if (goes.length === 0) return 'nothing';
      await unlessLocked(() => device.forget(goes));
      const listed = new Set([...model.place.remote.objects.keys()].map(key => key.replace('snapshots/', '')));
      const gone = goes.filter(id => !listed.has(id));
      for (const id of gone) model.good.delete(id);
      model.own.set(
        device,
        own.filter(id => !gone.includes(id)),
      );
      return `${gone.length} gone`;
    },
  },
  {
    name: 'prune',
    often: 6,
    step: async (_, device) => unlessLocked(() => device.prune()),
  },
  {
    name: 'dying prune',
    often: 3,
    step: (model, device) => model.dying(device, () => unlessLocked(() => device.prune())),
  },
  {
    name: 'prune in a backup',
    often: 3,
    async step(model, device) {
      const [other] = model.devices.filter(each => each !== device);
      const at = device.calls + model.random.below(25);
      let pruned = 'not reached';
      model.change(device);
      device.beforeCall = async number => {
        if (number < at || pruned !== 'not reached' || other === undefined) return;
        pruned = 'begun';
        pruned = await unlessLocked(() => other.prune());
      };
      try {
        return `${await unlessLocked(() => model.backUp(device, false))}, ${pruned}`;
      } finally {
        device.beforeCall = undefined;
      }
    },
  },
  {
    name: 'clock',
    often: 8,
    async step({ random, place }) {
      const minutes = random.pick([1, 30, 300, 1500, 4000]);
      await place.clock.advance(minutes * minuteMs);
      return `${minutes} min on`;
    },
  },
  {
    name: 'start again',
    often: 2,
    async step(_, device) {
      device.kill();
      await device.start();
      return '';
    },
  },
];

/** Where locks are seen, another's may forbid it. @returns what was said, or 'locked' */
async function unlessLocked(work: () => Promise<unknown>): Promise<string> {
  try {
    const said = await work();
    return typeof said === 'string' ? said : 'done';
  } catch (error) {
    if (wireErrorOf(error)?.code !== 'E_REPOSITORY_LOCKED') throw error;
    return 'locked';
  }
}

for (const hidesLocks of [false, true]) {
  const form = hidesLocks ? ', though nobody sees the locks of the other' : '';
  test.serial(`whatever two devices do in whatever order, every backup gives back what went in${form}`, async t => {
    t.timeout(60 * minuteMs);
    t.log(`seed ${seed} (SIGNET_SEED repeats it)`);
    const model = new Model(t, form);
    try {
      await model.begin(hidesLocks);
      const drawn = steps.flatMap(each => Array.from({ length: each.often }, () => each));
      for (let n = 0; n < stepsEach; n++) await oneStep(model, drawn);
      for (const id of model.good.keys()) for (const device of model.devices) await model.restore(device, id);
    } catch (error) {
      t.log(`seed ${seed}, steps:\n${model.told.join('\n')}`);
      throw error;
    }
    t.log(`${stepsEach} steps: ${[...model.counts].map(([kind, count]) => `${kind} ${count}`).join(', ')}`);
    t.true(model.good.size > 1);
  });
}

async function oneStep(model: Model, drawn: typeof steps): Promise<void> {
  const { random, devices } = model;
  const device = random.pick(devices);
  const { name, step } = random.pick(drawn);
  model.note(`${device.name}: ${name}`);
  model.count(name);
  const said = await step(model, device);
  model.told.push(`${model.told.pop()} ${said}`);
  await model.place.clock.advance(1000);
  await model.findsNothing(random.chance(0.7) ? device : random.pick(devices));
  const [any] = [...model.good.keys()].slice(-40).slice(random.below(Math.max(1, Math.min(40, model.good.size))));
  if (any !== undefined) await model.restore(random.pick(devices), any);
}

function contentsOf(root: string): Contents {
  const all = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    all
      .filter(path => statSync(join(root, path)).isFile())
      .map(path => [path, readFileSync(join(root, path)).toString('base64')]),
  );
}
