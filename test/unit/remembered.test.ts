// What is told of the backup in use without asking anybody: over restarts, and of no other backup.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { deviceStatus, devicesOf, type KnownDevice } from '../../daemon/jobs/devices.ts';
import { pinFacts } from '../../daemon/jobs/opening.ts';
import { passwordProved } from '../../daemon/jobs/password-reminder.ts';
import { Remembered } from '../../daemon/jobs/remembered.ts';
import { openState, type State } from '../../daemon/state/state.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const repository = { repositoryId: 'aa'.repeat(32), masterKeyFingerprint: 'cc'.repeat(8) };
const laptop: KnownDevice = { id: '11'.repeat(8), label: 'Laptop', number: 412, at: '2026-11-23T08:55:00.000Z' };
const desktop: KnownDevice = { id: '22'.repeat(8), label: 'Kims Desktop', number: 7, at: '2026-11-23T09:00:00.000Z' };
const checked = { type: 'result', ok: false, snapshots: 5, packs: 9, bytesRead: 1_000_000 } as const;
const problem = { object: 'data/aa', code: 'E_MISSING', detail: 'gone' } as const;

async function kit(t: ExecutionContext) {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  state.setFacts(pinFacts(repository));
  let told = 0;
  const begin = (log: string[] = []): Remembered =>
    new Remembered({ state, clock, log: { warn: event => log.push(event) }, onChanged: () => told++ });
  return { home, clock, state, begin, told: () => told };
}

const now = (clock: { now(): number }): string => new Date(clock.now()).toISOString();

test('a restart tells the same, and another backup nothing', async t => {
  const { clock, state, begin } = await kit(t);
  const first = begin();
  t.deepEqual([first.devices, first.lastVerified, first.dates], [undefined, undefined, undefined]);
  first.sawDevices([laptop, desktop]);
  first.verified({ ...checked, problems: [problem], more: { problems: 2 } });
  first.passwordSet();
  const setAt = now(clock);
  clock.advance(60_000);
  passwordProved(state.facts, clock.now());
  first.sheetSeen();
  const again = begin();
  t.deepEqual(again.devices, [laptop, desktop]);
  t.deepEqual(again.lastVerified, { at: setAt, bytesRead: 1_000_000, problems: 3 });
  t.deepEqual(again.dates, { passwordSetAt: setAt, passwordConfirmedAt: now(clock), sheetAt: now(clock) });
  again.keyRenewed();
  t.is(begin().dates?.sheetAt, undefined, 'the sheet shows a key that opens nothing any more');

  state.setFacts(pinFacts({ ...repository, repositoryId: 'bb'.repeat(32) }));
  t.is(again.devices, undefined);
  t.is(begin().lastVerified, undefined);
  again.sawDevices([desktop]);
  t.deepEqual(begin().dates, { passwordConfirmedAt: now(clock) }, 'nothing of the other one is mixed in');
});

test('locked since says when it began, not when it was seen last', async t => {
  const { clock, begin } = await kit(t);
  const made = begin();
  made.locked();
  const at = now(clock);
  clock.advance(3_600_000);
  begin().locked();
  t.is(begin().dates?.lockedAt, at);
  const opened = begin();
  opened.unlocked();
  t.is(begin().dates, undefined);
});

test('the names of computers lie sealed, and what is seen again is not written again', async t => {
  const { home, state, begin, told } = await kit(t);
  const made = begin();
  made.sawDevices([laptop, desktop]);
  t.is(told(), 1);
  made.sawDevices([laptop, desktop]);
  t.is(told(), 1);
  for (const file of ['state.db', 'state.db-wal']) {
    t.false(readFileSync(join(home.state, file)).includes('Kims Desktop'), file);
  }
  t.truthy(state.facts.get('remembered'));
});

test('a disk that takes nothing more keeps nobody from going on', async t => {
  const { clock, state } = await kit(t);
  const full: Pick<State, 'facts' | 'sealedFacts'> = {
    facts: state.facts,
    sealedFacts: Object.assign(Object.create(state.sealedFacts), {
      get: () => undefined,
      set: () => {
        throw new Error('database or disk is full');
      },
    }),
  };
  const log: string[] = [];
  const warn = (event: string): number => log.push(event);
  const made = new Remembered({ state: full, clock, log: { warn }, onChanged: () => undefined });
  made.sawDevices([laptop]);
  t.deepEqual(made.devices, [laptop]);
  t.is(log.length, 1);
});

test('of each computer the newest head counts, this one comes first, and the time is that of its backup', t => {
  const head = (device: KnownDevice, time: string) => ({
    label: device.label,
    seq: device.number,
    time,
    snapshot: device.id,
  });
  const newest = new Map([laptop, desktop].map(each => [each.id, head(each, '2026-11-23T10:00:00.000Z')]));
  const found = {
    heads: { devices: () => [...newest.keys()], of: (id: string) => newest.get(id) },
    snapshots: [laptop].map(({ id, at }) => ({ id, snapshot: { time: at } })),
  } as unknown as Parameters<typeof devicesOf>[0];
  const seen = devicesOf(found);
  t.deepEqual(seen, [{ ...desktop, at: '2026-11-23T10:00:00.000Z' }, laptop]);
  t.deepEqual(
    deviceStatus(seen, laptop.id).map(({ label, isThis }) => [label, isThis]),
    [
      ['Laptop', true],
      ['Kims Desktop', false],
    ],
  );
  const own = { ...laptop, number: 413, at: '2026-11-24T09:00:00.000Z' };
  t.deepEqual(devicesOf(found, own)[0], own, 'its head is newer than those that were read before its backup');
});
