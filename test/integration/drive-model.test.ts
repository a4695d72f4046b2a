// Two computers that keep objects in one folder of Google Drive at the same time, while requests fail, lists are late, processes start anew and
// folders come into being twice: compared with a plain Map. A failure prints its seed.

import { createHash } from 'node:crypto';
import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { type Device, driveKit, folderName, keysOf } from '../support/drive-kit.ts';
import { fixedRandom } from '../support/repository.ts';

const maxBytes = 1024 * 1024;
const rounds = 40;

function chance(seed: number) {
  const random = fixedRandom(seed);
  const below = (count: number): number => Buffer.from(random(4)).readUInt32LE(0) % count;
  return {
    below,
    bytes: random,
    among: <Value>(values: readonly Value[]): Value | undefined => values[below(values.length)],
  };
}

for (const seed of [1, 2, 3, 7]) {
  test(`two computers at once agree with a plain map in the end (seed ${seed})`, async t => {
    t.timeout(120_000);
    const { below, bytes, among } = chance(seed);
    const kit = await driveKit(t, { seed: `model ${seed}` });
    let devices: readonly Device[] = [await kit.device(), await kit.device()];
    const model = new Map<string, Uint8Array>();

    const put = async (device: Device): Promise<void> => {
      const content = bytes(1 + below(3000));
      const hash = createHash('sha256').update(content).digest('hex');
      const folder = among(['data/0', 'data/1', 'index', 'snapshots', 'locks']) ?? '';
      const key = `${folder.startsWith('data') ? `${folder}${below(3)}` : folder}/${hash}`;
      await device.remote.put(key, content);
      model.set(key, content);
      t.true((await keysOf(device.remote)).includes(key), `${key}, which was just put, is listed`);
    };
    const remove = async (device: Device): Promise<void> => {
      const key = among([...model.keys()]);
      // What lists do not tell of yet, another computer cannot remove.
      if (key === undefined || (await device.remote.stat(key)) === undefined) return;
      model.delete(key);
      await device.remote.remove(key);
      t.false((await keysOf(device.remote)).includes(key), `${key}, which was just removed, is not listed`);
    };
    const read = async (device: Device): Promise<void> => {
      const key = among([...model.keys()]);
      const expected = key === undefined ? undefined : model.get(key);
      if (key === undefined || expected === undefined) return;
      try {
        t.deepEqual(Buffer.from(await device.remote.get(key, { maxBytes })), Buffer.from(expected));
      } catch (error) {
        // The other computer removes it at this very moment, or its put is not told yet.
        if (!(error instanceof SignetError && error.code === 'E_MISSING')) throw error;
      }
    };
    const restart = async (): Promise<void> => {
      devices = await Promise.all(devices.map(device => device.restarted()));
    };

    for (let round = 0; round < rounds; round++) {
      kit.fake.set({
        rates: below(3) === 0 ? {} : { '*': 0.08, 'oauth.*': 0 },
        listLagMs: below(2) === 0 ? 0 : 4000,
        shortPages: below(4) === 0,
      });
      await Promise.all(devices.map(device => (below(3) === 0 ? read(device) : put(device))));
      if (below(3) === 0) await Promise.all(devices.slice(below(2)).slice(0, 1).map(remove));
      if (below(12) === 0) secondFolder();
      kit.fake.set({ rates: {} });
      if (below(8) === 0) await restart();
      if (below(6) === 0) kit.clock.pass(below(3) * 3_600_000);
    }

    kit.fake.set({ rates: {}, listLagMs: 0, shortPages: false });
    for (let look = 0; look < 4; look++) {
      kit.clock.pass(8 * 86_400_000);
      for (const device of devices) await keysOf(device.remote);
    }
    const expected = [...model.keys()].sort();
    for (const device of devices) {
      const found = await keysOf(device.remote);
      const more = found.filter(key => !model.has(key));
      const less = expected.filter(key => !found.includes(key));
      t.deepEqual({ more, less }, { more: [], less: [] });
    }
    t.deepEqual(
      kit.fake.paths(),
      expected.map(key => `${folderName}/${key}`).sort(),
      'nothing is there twice, nothing beside',
    );
    for (const [key, content] of model) {
      t.deepEqual(Buffer.from((await among(devices)?.remote.get(key, { maxBytes })) ?? []), Buffer.from(content));
    }
    const folders = kit.fake.files().filter(file => file.isFolder && !file.isTrashed);
    t.is(new Set(folders.map(({ path }) => path)).size, folders.length, 'each folder is there once');
    t.deepEqual(kit.fake.violations, []);

    /** As a third computer makes one at the same time. */
    function secondFolder(): void {
      const live = kit.fake.files().filter(file => file.isFolder && !file.isTrashed);
      const parent = live.find(({ path }) => path === (below(2) === 0 ? folderName : `${folderName}/data`));
      if (parent === undefined) return;
      const name = parent.name === 'data' ? `0${below(3)}` : 'data';
      const createdTime = new Date(kit.clock.now() - (below(2) === 0 ? 30 * 86_400_000 : 0)).toISOString();
      kit.fake.seedFolder(name, { parent: parent.id, createdTime });
    }
  });
}
