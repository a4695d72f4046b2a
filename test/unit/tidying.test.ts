// Tidying up as a job: what keeps it from beginning, what is handed to the engine and remembered, and when it begins by itself.

import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { Tidying } from '../../daemon/jobs/tidying.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import { pruneResult } from '../support/fake-handlers.ts';
import { freshWitness, repositoryId } from '../support/heads-kit.ts';
import { manualClock } from '../support/manual-clock.ts';

const day = 86_400_000;
const own = '0011223344556677';
const good = { filesUnreadable: [], alarms: [] };
const call = { progress: () => undefined, signal: new AbortController().signal };
const nobody = {
  password: undefined,
  phone: undefined,
  recoveryKey: undefined,
  newPassword: undefined,
  newPhone: undefined,
};

function kit(chosen: Partial<Settings> = {}) {
  const clock = manualClock();
  const facts = new Map<string, string>();
  const world = {
    asked: [] as { readonly method: string; readonly order: Record<string, unknown> }[],
    proved: 0,
    isUnlocked: true,
    isPaused: false,
    hasAlarm: false,
    isArriving: false,
    doubtedSince: undefined as number | undefined,
    fails: undefined as SignetError | undefined,
    notes: {} as Record<string, number>,
    confirmed: 0,
    saved: 0,
  };
  const memory = {
    get: (name: string) => facts.get(name),
    set: (name: string, value: string) => void facts.set(name, value),
    remove: (name: string) => void facts.delete(name),
  };
  const { type: _, dryRun: _dry, ...pruned } = pruneResult;
  const nothing = { findings: [], seen: { heads: [], snapshots: [] }, missing: [] };
  const settings = { ...defaultSettings('bench'), ...chosen, remote: 'folder:/memory' };
  const tidying = new Tidying({
    engine: {
      ask: (async (type: { readonly method: string }, order: Record<string, unknown>) => {
        world.asked.push({ method: type.method, order });
        if (world.fails !== undefined) throw world.fails;
        if (type.method === engine.prune.method) return { ...pruned, notes: world.notes, sizeBytes: 5 };
        return { ...nothing, keep: [], forget: [], witness: freshWitness(own), snapshots: 3, devices: [] };
      }) as never,
    },
    state: {
      facts: memory as never,
      sealedFacts: memory as never,
      saveWitness: async () => {
        world.saved += 1;
      },
    },
    clock,
    log: { info: () => undefined, warn: () => undefined },
    deviceId: own,
    session: {
      queue: { run: async (_kind, { signal }, work) => work(signal, () => undefined) },
      prove: async () => {
        world.proved += 1;
      },
      settings: () => settings,
      stateKey: () => new Uint8Array(32),
      identity: () => ({ repositoryId, keyFileId: '2a'.repeat(32), masterKeyFingerprint: '3b'.repeat(8) }),
      witness: async () => freshWitness(own),
      ready: async () => settings.remote,
      isUnlocked: () => world.isUnlocked,
      isPaused: () => world.isPaused,
    },
    alarms: {
      get standing() {
        return world.hasAlarm ? ([{}] as never) : [];
      },
      seen: { heads: [], snapshots: [] },
      saw: () => undefined,
      look: async () => undefined,
      assertNone: () => {
        if (world.hasAlarm) throw new SignetError('E_ALARM', 'one stands');
      },
      assertArrived: () => {
        if (world.isArriving) throw new SignetError('E_ALARM', 'it may only be late');
      },
    },
    clockTrust: {
      trustedUpTo: 7,
      doubtedSince: () => world.doubtedSince,
      assertRight: () => {
        if (world.doubtedSince !== undefined) throw new SignetError('E_CLOCK', 'it jumped');
      },
      confirm: () => {
        world.confirmed += 1;
      },
    },
    onPlace: () => undefined,
    sawDevices: () => undefined,
  });
  const methods = (): readonly string[] => world.asked.map(({ method }) => method);
  return { tidying, clock, world, methods };
}

test('while an alarm stands the engine is asked for nothing', async t => {
  const { tidying, world, methods } = kit();
  world.hasAlarm = true;
  await t.throwsAsync(tidying.forget({}, nobody, call), { code: 'E_ALARM' });
  await t.throwsAsync(tidying.forget({ snapshots: ['abcd'] }, nobody, call), { code: 'E_ALARM' });
  await t.throwsAsync(tidying.prune(false, call), { code: 'E_ALARM' });
  t.deepEqual(methods(), []);
});

test('while things may only be late the index is not repaired, and looked through all the same; an alarm is no hindrance', async t => {
  const { tidying, world, methods } = kit();
  world.isArriving = true;
  await t.throwsAsync(tidying.repairIndex(false, call), { code: 'E_ALARM' });
  t.deepEqual(methods(), []);
  await tidying.repairIndex(true, call);
  world.isArriving = false;
  world.hasAlarm = true;
  await tidying.repairIndex(false, call);
  t.is(methods().length, 2);
});

test('a clock in doubt keeps from forgetting by age and from deleting, until its owner says that it is right', async t => {
  const { tidying, world } = kit();
  world.doubtedSince = 1;
  await t.throwsAsync(tidying.forget({}, nobody, call), { code: 'E_CLOCK' });
  await tidying.forget({ snapshots: ['abcd'] }, nobody, call);
  t.is(world.asked[0]?.order['trustedUpTo'], 7);
  await tidying.prune(false, call);
  t.is(world.asked[1]?.order['mayDelete'], false);
  await tidying.forget({ clockIsRight: true, dryRun: true }, nobody, call);
  t.is(world.confirmed, 0, 'a dry run decides nothing');
  await tidying.forget({ clockIsRight: true }, nobody, call);
  t.is(world.confirmed, 1);
});

test("another computer's backups take the password, this one's do not", async t => {
  const { tidying, world, methods } = kit();
  await t.throwsAsync(tidying.forget({ device: 'ffeeddccbbaa9988' }, nobody, call), { code: 'E_USAGE' });
  t.deepEqual(methods(), []);
  const secrets = { ...nobody, password: new Uint8Array(3) };
  await tidying.forget({ device: 'ffeeddccbbaa9988' }, secrets, call);
  t.is(world.proved, 1);
  t.is(world.asked[0]?.order['of'], 'ffeeddccbbaa9988');
  await tidying.forget({ device: own }, nobody, call);
  t.is(world.proved, 1);
});

test('since when packs are seen unnamed is remembered, but not by a dry run, and begins anew with the clock', async t => {
  const { tidying, world } = kit();
  world.notes = { aa: 5 };
  await tidying.prune(true, call);
  await tidying.prune(false, call);
  t.deepEqual(world.asked[1]?.order['notes'], {});
  await tidying.prune(false, call);
  t.deepEqual(world.asked[2]?.order['notes'], { aa: 5 });
  await tidying.forget({ clockIsRight: true }, nobody, call);
  await tidying.prune(false, call);
  t.deepEqual(world.asked[4]?.order['notes'], {});
});

test('by itself it is done once a week after a good backup, where that was chosen', async t => {
  const never = kit();
  await never.tidying.follow(good);
  t.deepEqual(never.methods(), []);
  const { tidying, clock, methods, world } = kit({ tidyUp: true });
  await tidying.follow({ ...good, filesUnreadable: [{ path: 'a', reason: 'EACCES' }] });
  t.deepEqual(methods(), []);
  await tidying.follow(good);
  t.deepEqual(methods(), ['forget', 'prune']);
  clock.advance(6 * day);
  await tidying.follow(good);
  t.is(methods().length, 2);
  clock.advance(day);
  await tidying.follow(good);
  t.is(methods().length, 4);
  t.is(world.saved, 2);
});

test('what fails by itself is tried again a day later, and nobody is told', async t => {
  const { tidying, clock, methods, world } = kit({ tidyUp: true });
  world.fails = new SignetError('E_REPOSITORY_LOCKED', 'another computer backs up');
  await t.notThrowsAsync(tidying.follow(good));
  await tidying.follow(good);
  t.is(methods().length, 1);
  world.fails = undefined;
  clock.advance(day);
  await tidying.follow(good);
  t.deepEqual(methods(), ['forget', 'forget', 'prune']);
});

for (const [what, change] of [
  ['locked', { isUnlocked: false }],
  ['paused', { isPaused: true }],
  ['under an alarm', { hasAlarm: true }],
  ['with a clock in doubt', { doubtedSince: 1 }],
] as const) {
  test(`by itself nothing is done ${what}`, async t => {
    const { tidying, world, methods } = kit({ tidyUp: true });
    Object.assign(world, change);
    await tidying.follow(good);
    t.deepEqual(methods(), []);
  });
}
