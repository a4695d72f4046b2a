import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import {
  AutomaticBackups,
  type AutomaticOptions,
  type DueChanges,
  type Watching,
} from '../../daemon/jobs/automatic.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import { manualClock } from '../support/manual-clock.ts';
import { pastOf, textMemory } from '../support/schedule-kit.ts';

const settings: Settings = {
  ...defaultSettings('bench'),
  remote: 'folder:/copies',
  sources: [{ id: 'generic-aaaaaaaa', profile: 'generic', label: 'chats', root: '/chats' }],
  schedule: { kind: 'manual', at: '03:30', onChange: true },
};
const one: DueChanges = { sourceIds: new Set(['one']), changes: 1 };
const other: DueChanges = { sourceIds: new Set(['other']), changes: 2 };

/** Backups that end when the test says so. */
async function setUp(changes: Partial<AutomaticOptions> = {}) {
  const clock = manualClock();
  const runs: { readonly sourceIds: readonly string[] | undefined; end(error?: Error): Promise<void> }[] = [];
  let watching = 0;
  let due: (changes: DueChanges) => void = () => undefined;
  let settling: ReturnType<Watching['settling']>;
  const automatic = new AutomaticBackups({
    clock,
    startWatching: async (_, { onDue }) => {
      watching += 1;
      due = onDue;
      return {
        settling: () => settling,
        close: async () => {
          settling = undefined;
          watching -= 1;
        },
      };
    },
    backUp: (_, sourceIds) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      runs.push({
        sourceIds: sourceIds && [...sourceIds],
        async end(error) {
          if (error === undefined) resolve();
          else reject(error);
          await new Promise(setImmediate);
        },
      });
      return promise;
    },
    isUnlocked: () => true,
    onProblem: () => undefined,
    onChanged: () => undefined,
    past: pastOf([]),
    heldBack: () => undefined,
    signInSince: () => undefined,
    memory: textMemory(),
    power: async () => ({ onBattery: undefined, isMetered: undefined }),
    isReachable: async () => true,
    random: () => 0,
    ...changes,
  });
  await automatic.follow(settings);
  return {
    automatic,
    clock,
    runs,
    due: (each: DueChanges) => due(each),
    watching: () => watching,
    settle: (each: typeof settling) => {
      settling = each;
    },
  };
}

test('what falls due while a backup runs leads to one more when it ends, and only one', async t => {
  const { runs, due } = await setUp();
  due(one);
  due(other);
  due(one);
  t.deepEqual(
    runs.map(run => run.sourceIds),
    [['one']],
  );
  await runs[0]?.end();
  t.deepEqual(
    runs.map(run => run.sourceIds),
    [['one'], ['other', 'one']],
  );
  await runs[1]?.end();
  t.is(runs.length, 2);
});

test('a failed backup is tried again after 1, 5, 15 and 60 minutes; the changes wait, and the status says until when', async t => {
  const { automatic, clock, runs, due } = await setUp();
  due(one);
  const unreachable = new SignetError('E_UNREACHABLE', 'the disk is away');
  for (const [at, minutes] of [1, 5, 15, 60, 60].entries()) {
    await runs[at]?.end(unreachable);
    const until = new Date(clock.now() + minutes * 60_000).toISOString();
    t.deepEqual(automatic.waiting, { reason: 'retry', changes: 1, until });
    clock.advance(minutes * 60_000 - 1);
    t.is(runs.length, at + 1);
    clock.advance(1);
    t.deepEqual(runs[at + 1]?.sourceIds, ['one']);
    t.is(automatic.waiting, null);
  }
});

test('a place that takes no more is tried again at the time it names, and not by changes before', async t => {
  const { automatic, clock, runs, due } = await setUp();
  due(one);
  const until = new Date(clock.now() + 5 * 3_600_000).toISOString();
  await runs[0]?.end(new SignetError('E_REMOTE_LIMIT', 'enough for today', { params: { until } }));
  t.deepEqual(automatic.waiting, { reason: 'limit', changes: 1, until });
  due(other);
  clock.advance(5 * 3_600_000 - 1);
  t.is(runs.length, 1);
  clock.advance(1);
  t.deepEqual(runs[1]?.sourceIds, ['one', 'other']);
  await runs[1]?.end();
  t.is(automatic.waiting, null);
});

for (const until of [undefined, 'soon', '2020-01-01T00:00:00Z']) {
  test(`a limit until ${until} is a failure like any other`, async t => {
    const { automatic, runs, due } = await setUp();
    due(one);
    const params = until === undefined ? {} : { until };
    await runs[0]?.end(new SignetError('E_REMOTE_LIMIT', 'enough', { params }));
    t.is(automatic.waiting?.reason, 'retry');
  });
}

test('while its owner has to sign in nothing runs, however long that takes; then what waited does', async t => {
  let since: number | undefined;
  const { automatic, clock, runs, due } = await setUp({ signInSince: () => since });
  due(one);
  since = clock.now();
  await runs[0]?.end(new SignetError('E_SIGN_IN', 'the grant has ended'));
  for (let hour = 0; hour < 48; hour++) clock.advance(3_600_000);
  due(other);
  t.is(runs.length, 1);
  t.deepEqual(automatic.waiting, { reason: 'sign-in', changes: 3 });
  since = undefined;
  automatic.unlocked();
  t.is(runs.length, 2);
  t.is(runs[1]?.sourceIds, undefined);
});

test('a change before the next try does not wait for it, and takes the failed one along', async t => {
  const { clock, runs, due } = await setUp();
  due(one);
  await runs[0]?.end(new SignetError('E_UNREACHABLE', 'the disk is away'));
  due(other);
  t.deepEqual(runs[1]?.sourceIds, ['one', 'other']);
  await runs[1]?.end();
  clock.advance(3_600_000);
  t.is(runs.length, 2);
});

test('a backup that was stopped on purpose does not begin again by itself; the next change takes its changes along', async t => {
  const { clock, runs, due } = await setUp();
  due(one);
  due(other);
  await runs[0]?.end(new SignetError('E_CANCELLED', 'stopped'));
  clock.advance(24 * 3_600_000);
  t.is(runs.length, 1);
  due(other);
  t.deepEqual([...(runs[1]?.sourceIds ?? [])].sort(), ['one', 'other']);
});

test('changes that still settle are counted with what they wait for; what holds everything back is told first', async t => {
  let isUnlocked = true;
  const { automatic, clock, due, settle } = await setUp({ isUnlocked: () => isUnlocked });
  const until = clock.now() + 5000;
  settle({ ...other, reason: 'interval', until });
  t.deepEqual(automatic.waiting, { reason: 'interval', changes: 2, until: new Date(until).toISOString() });
  isUnlocked = false;
  t.deepEqual(automatic.waiting, { reason: 'locked', changes: 2 });
  due(one);
  t.deepEqual(automatic.waiting, { reason: 'locked', changes: 3 });
  settle(undefined);
  t.deepEqual(automatic.waiting, { reason: 'locked', changes: 1 });
});

test('what settles when the sources or times change is not forgotten', async t => {
  const { automatic, clock, runs, settle } = await setUp();
  settle({ ...other, reason: 'quiet', until: clock.now() + 1 });
  await automatic.follow({ ...settings, quietMs: 7000 });
  t.like(automatic.waiting, { reason: 'quiet', changes: 2 });
  clock.advance(7000);
  t.deepEqual(runs[0]?.sourceIds, ['other']);
});

test('a source that its owner added or changed is backed up after the quiet time, with what else falls due', async t => {
  const { automatic, clock, runs, due } = await setUp();
  t.true(automatic.sourceDue('new'));
  const until = new Date(clock.now() + settings.quietMs).toISOString();
  t.deepEqual(automatic.waiting, { reason: 'quiet', changes: 0, until });
  t.true(automatic.sourceDue('newer'));
  due(one);
  clock.advance(settings.quietMs - 1);
  t.is(runs.length, 0);
  clock.advance(1);
  t.deepEqual(
    runs.map(run => run.sourceIds),
    [['new', 'newer', 'one']],
  );
  await runs[0]?.end();
  t.is(automatic.waiting, null);
});

test('with a calendar alone a changed source is backed up soon too; with manual and never it waits for a person', async t => {
  const { automatic, clock, runs } = await setUp();
  for (const kind of ['manual', 'never'] as const) {
    await automatic.follow({ ...settings, schedule: { kind, at: '03:30', onChange: false } });
    t.false(automatic.sourceDue('new'));
  }
  t.is(automatic.waiting, null);
  await automatic.follow({ ...settings, schedule: { kind: 'weekly', at: '03:30', onChange: false } });
  t.true(automatic.sourceDue('new'));
  clock.advance(settings.quietMs);
  t.deepEqual(runs[0]?.sourceIds, ['new']);
});

test('while locked changes are counted and nothing runs; after the unlock everything is looked at', async t => {
  let isUnlocked = false;
  const { automatic, runs, due } = await setUp({ isUnlocked: () => isUnlocked });
  due(one);
  due(other);
  t.deepEqual(automatic.waiting, { reason: 'locked', changes: 3 });
  t.is(runs.length, 0);
  isUnlocked = true;
  automatic.unlocked();
  t.deepEqual(
    runs.map(run => run.sourceIds),
    [undefined],
  );
});

test('what waits for the password is told as due, by what asks for it; unlocked or paused it is not', async t => {
  let isUnlocked = false;
  const { automatic, clock, due } = await setUp({ isUnlocked: () => isUnlocked, timeZone: 'UTC' });
  const lockedSince = clock.now();
  t.is(automatic.lockedDue, undefined, 'nothing is due');
  clock.advance(60_000);
  due(one);
  t.deepEqual(automatic.lockedDue, { schedule: 'changes', lockedSince, since: lockedSince + 60_000 });
  await automatic.follow({ ...settings, schedule: { kind: 'daily', at: '03:30', onChange: false } });
  clock.advance(24 * 3_600_000);
  t.like(automatic.lockedDue, { schedule: 'daily', lockedSince });
  automatic.pause(60_000);
  t.is(automatic.lockedDue, undefined);
  automatic.pause(0);
  isUnlocked = true;
  t.is(automatic.lockedDue, undefined);
});

test('switching on-change off ends the watching and forgets what waits, even when it is switched quickly', async t => {
  const { automatic, clock, runs, due, watching } = await setUp();
  due(one);
  await runs[0]?.end(new SignetError('E_UNREACHABLE', 'the disk is away'));
  const off = { ...settings, schedule: { ...settings.schedule, onChange: false } };
  await Promise.all([automatic.follow(off), automatic.follow(settings), automatic.follow(off)]);
  t.is(watching(), 0);
  t.is(automatic.waiting, null);
  clock.advance(3_600_000);
  t.is(runs.length, 1);
  await Promise.all([automatic.follow(settings), automatic.follow(off), automatic.follow(settings)]);
  t.is(watching(), 1);
  await automatic.stop();
  t.is(watching(), 0);
});
