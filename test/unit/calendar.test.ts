// Backups by the calendar, driven by two clocks: what is due, what holds it back, and what a restart remembers.

import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { AutomaticBackups, type AutomaticOptions, type DueChanges } from '../../daemon/jobs/automatic.ts';
import type { Memory } from '../../daemon/jobs/calendar.ts';
import { ClockWatch } from '../../daemon/jobs/clock-watch.ts';
import type { HistoryEntry, Settings } from '../../daemon/state/model.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import type { BackupReason } from '../../protocol/status.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { pastOf, textMemory } from '../support/schedule-kit.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** A Monday. */
const start = Date.parse('2026-11-23T00:00:00Z');
const slot = start + 3.5 * hourMs;
const iso = (at: number): string => new Date(at).toISOString();

const settings: Settings = {
  ...defaultSettings('bench'),
  remote: 'folder:/copies',
  sources: [{ id: 'generic-aaaaaaaa', profile: 'generic', label: 'chats', root: '/chats' }],
  schedule: { kind: 'daily', at: '03:30', onChange: false },
};

interface Kit {
  readonly automatic: AutomaticBackups;
  readonly clock: ManualClock;
  readonly runs: { readonly reason: BackupReason; readonly at: number }[];
  readonly entries: HistoryEntry[];
  readonly memory: Memory;
  due(changes: DueChanges): void;
  /** The next run throws this. */
  failNext(error: Error): void;
  told(): number;
  pass(ms: number): Promise<void>;
}

interface Past {
  readonly clock?: ManualClock;
  readonly entries?: HistoryEntry[];
  readonly memory?: Memory;
  readonly settings?: Settings;
}

/** Backups take no time, and end well unless they are told to fail. */
async function kit(options: Partial<AutomaticOptions> = {}, before: Past = {}): Promise<Kit> {
  const { clock = manualClock(start), entries = [], memory = textMemory() } = before;
  const past = pastOf(entries);
  const runs: Kit['runs'] = [];
  let due: (changes: DueChanges) => void = () => undefined;
  let failure: Error | undefined;
  let told = 0;
  const automatic = new AutomaticBackups({
    clock,
    startWatching: async (_, { onDue }) => {
      due = onDue;
      return { settling: () => undefined, close: async () => undefined };
    },
    async backUp(reason) {
      runs.push({ reason, at: clock.now() });
      const error = failure;
      failure = undefined;
      const at = iso(clock.now());
      if (error !== undefined) {
        if (error instanceof SignetError) past.record({ at, outcome: 'failed', error: error.toWire() });
        throw error;
      }
      past.record({ at, outcome: 'good' });
    },
    isUnlocked: () => true,
    onProblem: () => undefined,
    onChanged: () => {
      told += 1;
    },
    past,
    heldBack: () => undefined,
    signInSince: () => undefined,
    memory,
    power: async () => ({ onBattery: undefined, isMetered: undefined }),
    isReachable: async () => true,
    random: () => 0,
    timeZone: 'UTC',
    ...options,
  });
  await automatic.follow(before.settings ?? settings);
  await new Promise(setImmediate);
  return {
    automatic,
    clock,
    runs,
    entries,
    memory,
    due: changes => due(changes),
    failNext: error => {
      failure = error;
    },
    told: () => told,
    async pass(ms) {
      for (let left = ms; left > 0; left -= hourMs) {
        clock.advance(Math.min(left, hourMs));
        await new Promise(setImmediate);
      }
    },
  };
}

const times = ({ runs }: Kit): readonly string[] => runs.map(({ at }) => iso(at));
const unreachable = new SignetError('E_UNREACHABLE', 'the disk is away');

test('a daily backup begins at its time, once, and the state tells the next', async t => {
  const made = await kit();
  t.is(made.automatic.nextRun, iso(slot));
  await made.pass(slot - start - 1);
  t.deepEqual(times(made), []);
  await made.pass(1);
  t.deepEqual(made.runs, [{ reason: 'schedule', at: slot }]);
  t.is(made.automatic.nextRun, iso(slot + dayMs));
  await made.pass(dayMs - 1);
  t.is(made.runs.length, 1);
  await made.pass(1);
  t.is(made.runs.length, 2);
});

test('each slot begins up to the jitter later, on changes no later than their quiet time', async t => {
  const made = await kit({ random: () => 0.5 }, { settings: { ...settings, jitterMs: 40_000 } });
  await made.pass(slot - start + 20_000 - 1);
  t.is(made.runs.length, 0);
  await made.pass(1);
  t.is(made.runs.length, 1);
  const onChange = {
    ...settings,
    jitterMs: 40_000,
    quietMs: 10_000,
    schedule: { ...settings.schedule, onChange: true },
  };
  await made.automatic.follow(onChange);
  made.due({ sourceIds: new Set(['one']), changes: 1 });
  t.deepEqual(made.automatic.waiting, { reason: 'quiet', changes: 1, until: iso(made.clock.now() + 5000) });
  await made.pass(5000);
  t.deepEqual(made.runs.at(-1)?.reason, 'change');
});

test('what failed is tried again and does not move the schedule; a good backup by hand does', async t => {
  const made = await kit();
  made.failNext(unreachable);
  await made.pass(slot - start);
  t.deepEqual(made.automatic.waiting, { reason: 'retry', changes: 0, until: iso(slot + minuteMs) });
  made.failNext(unreachable);
  await made.pass(minuteMs);
  t.is(made.runs.length, 2);
  await made.pass(5 * minuteMs);
  t.is(made.runs.length, 3);
  t.is(made.automatic.waiting, null);
  await made.pass(dayMs - 7 * minuteMs);
  t.is(made.runs.length, 3);
  await made.pass(minuteMs);
  t.is(made.runs.length, 4);
});

test('a slot that was stopped by hand is over; the next one comes', async t => {
  const made = await kit();
  made.failNext(new SignetError('E_CANCELLED', 'stopped'));
  await made.pass(slot - start);
  await made.pass(dayMs - minuteMs);
  t.is(made.runs.length, 1);
  await made.pass(minuteMs);
  t.is(made.runs.length, 2);
});

test('files that cannot be read do not lead to a backup each minute: the slot is over, and the next one tries again', async t => {
  const entries: HistoryEntry[] = [];
  let runs = 0;
  const clock = manualClock(start);
  const past = pastOf(entries);
  const made = await kit(
    {
      past,
      backUp: async () => {
        runs += 1;
        past.record({ at: iso(clock.now()), outcome: 'partial' });
      },
    },
    { clock },
  );
  await made.pass(2 * dayMs);
  t.is(runs, 2);
  await made.pass(hourMs);
  t.like(made.automatic.overdue, { cause: 'failed', tries: 2, code: 'E_SOURCE_UNREADABLE' });
});

for (const monotonic of [false, true]) {
  test(`after sleep a missed slot is made up for once, half a minute after waking and when the place answers (monotonic clock ${monotonic ? 'goes on' : 'stands'})`, async t => {
    let isReachable = false;
    const made = await kit({ isReachable: async () => isReachable });
    await made.pass(hourMs);
    made.clock.sleep(3 * dayMs, monotonic);
    await made.pass(minuteMs);
    const woke = made.clock.now();
    t.deepEqual(made.automatic.waiting, { reason: 'network', changes: 0, until: iso(woke + 30_000) });
    await made.pass(30_000);
    t.deepEqual(made.automatic.waiting, { reason: 'network', changes: 0 });
    t.is(made.runs.length, 0);
    isReachable = true;
    await made.pass(minuteMs);
    t.is(made.runs.length, 1);
    await made.pass(hourMs);
    t.is(made.runs.length, 1);
    await made.pass(dayMs);
    t.is(made.runs.length, 2);
  });
}

test('a place that does not answer ten minutes after waking is tried, so that the failure is told', async t => {
  const made = await kit({ isReachable: async () => false });
  made.clock.sleep(2 * dayMs);
  await made.pass(minuteMs);
  made.failNext(unreachable);
  for (let n = 0; n < 11; n++) await made.pass(minuteMs);
  t.is(made.runs.length, 1);
  t.is(made.automatic.waiting?.reason, 'retry');
});

test('changes wait for the network after sleep, too', async t => {
  const made = await kit({}, { settings: { ...settings, schedule: { kind: 'manual', at: '03:30', onChange: true } } });
  made.clock.sleep(hourMs);
  await made.pass(minuteMs);
  made.due({ sourceIds: undefined, changes: 0 });
  t.is(made.automatic.waiting?.reason, 'network');
  await made.pass(30_000);
  t.is(made.runs.length, 1);
});

test('a restart makes up for the slot that was missed meanwhile, and for none that was served', async t => {
  const first = await kit();
  await first.pass(slot - start);
  t.is(first.runs.length, 1);
  await first.automatic.stop();
  const { clock, entries, memory } = first;
  const second = await kit({}, { clock, entries, memory });
  t.is(second.runs.length, 0);
  await second.automatic.stop();
  clock.sleep(2 * dayMs);
  const third = await kit({}, { clock, entries, memory });
  t.is(third.runs.length, 1);
  await third.pass(hourMs);
  t.is(third.runs.length, 1);
});

test('locked when it is due: the state says so, and the unlock runs it once', async t => {
  let isUnlocked = false;
  const made = await kit({ isUnlocked: () => isUnlocked });
  await made.pass(3 * dayMs);
  t.deepEqual(made.automatic.waiting, { reason: 'locked', changes: 0 });
  t.like(made.automatic.overdue, { since: iso(slot), cause: 'locked', causeSince: iso(start) });
  isUnlocked = true;
  made.automatic.unlocked();
  await new Promise(setImmediate);
  t.is(made.runs.length, 1);
  t.is(made.automatic.overdue, null);
});

test('since when it is locked outlives restarts, so that nine days behind a lock are not "not running"', async t => {
  const first = await kit({ isUnlocked: () => false });
  const { clock, entries, memory } = first;
  for (let day = 0; day < 9; day++) {
    const each = await kit({ isUnlocked: () => false }, { clock, entries, memory });
    await each.pass(8 * hourMs);
    await each.automatic.stop();
    clock.sleep(16 * hourMs);
  }
  const last = await kit({ isUnlocked: () => false }, { clock, entries, memory });
  t.like(last.automatic.overdue, { cause: 'locked', causeSince: iso(start) });
});

test('a pause outlives a restart, holds automatic backups back, and ends by itself or at a word', async t => {
  const first = await kit();
  first.automatic.pause(10 * hourMs);
  const { clock, entries, memory } = first;
  await first.automatic.stop();
  const made = await kit({}, { clock, entries, memory });
  const until = iso(start + 10 * hourMs);
  t.is(made.automatic.pausedUntil, until);
  await made.pass(slot - start + hourMs);
  t.deepEqual(made.automatic.waiting, { reason: 'paused', changes: 0, until });
  await made.pass(start + 10 * hourMs - clock.now());
  t.deepEqual(times(made), [until]);
  t.is(made.automatic.pausedUntil, null);
  made.automatic.pause(30 * dayMs);
  await made.pass(3 * dayMs);
  t.like(made.automatic.overdue, { cause: 'paused', causeSince: until });
  made.automatic.pause(0);
  await new Promise(setImmediate);
  t.is(made.runs.length, 2);
  t.is(made.memory.get('schedule.pause'), undefined);
});

test('a pause does not grow to years when the clock is set back', async t => {
  const made = await kit();
  made.automatic.pause(dayMs);
  made.clock.jumpTo(start - 400 * dayMs);
  t.is(made.automatic.pausedUntil, null);
});

test('on battery automatic backups wait if the settings say so, and the state says for what', async t => {
  let onBattery = true;
  const power = async () => ({ onBattery, isMetered: true });
  const patient = await kit({ power }, { settings: { ...settings, waitOnBattery: true } });
  await patient.pass(slot - start);
  t.deepEqual(patient.automatic.waiting, { reason: 'battery', changes: 0 });
  await patient.pass(3 * dayMs);
  t.like(patient.automatic.overdue, { cause: 'power', causeSince: iso(slot) });
  onBattery = false;
  await patient.pass(minuteMs);
  t.is(patient.runs.length, 1, 'a metered connection is nothing to a folder of this computer');
  const usual = await kit({ power: async () => ({ onBattery: true, isMetered: true }) });
  await usual.pass(slot - start);
  t.is(usual.runs.length, 1);
  const synced = await kit(
    { power: async () => ({ onBattery: true, isMetered: true }) },
    { settings: { ...settings, syncedBy: 'Dropbox' } },
  );
  await synced.pass(slot - start);
  t.is(synced.automatic.waiting?.reason, 'metered');
});

test('a clock set back by an hour serves no slot twice; one set forward for a day makes up for one, and goes on when it is right again', async t => {
  const made = await kit();
  await made.pass(slot - start);
  made.clock.jumpTo(slot - hourMs);
  await made.pass(2 * hourMs);
  t.is(made.runs.length, 1);
  await made.pass(23 * hourMs);
  t.deepEqual(times(made), [iso(slot), iso(slot + dayMs)]);
  made.clock.jumpTo(slot + 40 * dayMs + hourMs);
  await made.pass(2 * minuteMs);
  t.is(made.runs.length, 3);
  made.clock.jumpTo(slot + dayMs + 3 * hourMs);
  await made.pass(dayMs - 3 * hourMs);
  t.is(made.runs.length, 4, 'it does not wait until the date that only the wrong clock saw');
  t.is(times(made)[3], iso(slot + 2 * dayMs));
  t.is(made.automatic.overdue, null);
});

test('a clock that was set back for a while and is right again changes nothing in the end', async t => {
  const made = await kit();
  await made.pass(slot - start + hourMs);
  made.clock.jumpTo(start - 60 * dayMs);
  t.is(made.automatic.nextRun, iso(start - 60 * dayMs + 3.5 * hourMs));
  await made.pass(2 * minuteMs);
  made.clock.jumpTo(slot + 2 * hourMs);
  await made.pass(2 * minuteMs);
  t.is(made.runs.length, 1);
  t.is(made.automatic.nextRun, iso(slot + dayMs));
  t.is(made.automatic.overdue, null);
});

test('where the clock was found set back outlives a restart', async t => {
  const made = await kit();
  made.clock.jumpTo(start + 40 * dayMs);
  await made.pass(2 * minuteMs);
  t.is(made.runs.length, 1);
  made.clock.jumpTo(start);
  await made.pass(hourMs);
  await made.automatic.stop();
  const { clock, entries, memory } = made;
  clock.sleep(4 * hourMs);
  const next = await kit({}, { clock, entries, memory });
  t.is(next.runs.length, 1, 'the slot after the moment at which it was noticed was missed');
});

test('another time of day counts from when it was chosen; what is due already stays due', async t => {
  const made = await kit();
  await made.pass(12 * hourMs);
  t.is(made.runs.length, 1);
  const noon = { ...settings, schedule: { ...settings.schedule, at: '11:00' } };
  await made.automatic.follow(noon);
  await made.pass(hourMs);
  t.is(made.runs.length, 1, 'eleven was over when it was chosen');
  t.is(made.automatic.nextRun, iso(start + dayMs + 11 * hourMs));
  made.failNext(unreachable);
  await made.pass(22 * hourMs);
  t.is(made.automatic.waiting?.reason, 'retry');
  await made.automatic.follow({ ...noon, schedule: { ...noon.schedule, at: '10:00' } });
  await made.pass(minuteMs);
  t.is(made.runs.length, 3);
});

test('without calendar and changes nothing runs, is due, or looks at the clock', async t => {
  const made = await kit({}, { settings: { ...settings, schedule: { kind: 'manual', at: '03:30', onChange: false } } });
  await made.pass(100 * dayMs);
  t.is(made.runs.length, 0);
  t.deepEqual([made.automatic.nextRun, made.automatic.overdue, made.automatic.waiting], [null, null, null]);
});

test('clients are told when time alone has changed the state, and not each minute', async t => {
  const made = await kit({ isUnlocked: () => false });
  const before = made.told();
  await made.pass(3 * hourMs);
  t.is(made.told(), before);
  await made.pass(hourMs);
  t.is(made.told(), before + 1, 'due, and locked');
  await made.pass(3 * dayMs);
  t.true(made.told() >= before + 2 && made.told() <= before + 8, `${made.told() - before}`);
});

test('sleep, a clock set forward and one set back are told apart from a busy minute', t => {
  const clock = manualClock(start);
  const watch = new ClockWatch(clock);
  clock.advance(119_000);
  t.is(watch.look(minuteMs), 'steady');
  clock.advance(121_000);
  t.is(watch.look(minuteMs), 'slept', 'the timer came much too late');
  clock.advance(600_000);
  t.is(watch.look(), 'steady', 'a backup ran, and no timer was expected');
  clock.sleep(61_000);
  t.is(watch.look(), 'slept');
  clock.jumpTo(clock.now() - 61_000);
  t.is(watch.look(), 'set-back');
  clock.jumpTo(clock.now() - 59_000);
  t.is(watch.look(), 'steady');
});
