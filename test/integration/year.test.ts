// A year of a computer that sleeps, is switched off, goes offline, fills its cloud, is locked for days, and whose clock is wrong at times.
// The schedule is judged by a calendar of its own (support/wall-calendar.ts) and by what the computer could have done.

import test from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { AutomaticBackups } from '../../daemon/jobs/automatic.ts';
import type { PastRuns } from '../../daemon/jobs/past-runs.ts';
import type { HistoryEntry, Settings } from '../../daemon/state/model.ts';
import { defaultSettings } from '../../daemon/state/state.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { OverdueCause } from '../../protocol/status.ts';
import { type Seeded, seeded } from '../../scripts/lib/seeded.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { pastOf, textMemory } from '../support/schedule-kit.ts';
import { wallSlots } from '../support/wall-calendar.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const isLong = process.env['SIGNET_LONG'] !== undefined;

/** The longest that a due backup may take to begin once nothing is in its way: an hour between tries, ten minutes for the network. */
const patienceMs = 75 * minuteMs;
const longestRunMs = 20 * minuteMs;
const allowanceMs = { daily: 2 * dayMs, weekly: 9 * dayMs, monthly: 33 * dayMs } as const;
const periodMs = { daily: 25 * hourMs, weekly: 169 * hourMs, monthly: 745 * hourMs } as const;

type Kind = 'daily' | 'weekly' | 'monthly';
type Trouble = 'asleep' | 'off' | 'locked' | 'offline' | 'full' | 'battery' | 'paused';

/** How often each trouble comes on average, and how long it lasts: mostly short, at times very long. */
const troubles: { readonly [trouble in Trouble]: readonly [everyMs: number, shortMs: number, longMs: number] } = {
  asleep: [14 * hourMs, 8 * hourMs, 70 * hourMs],
  off: [9 * dayMs, 10 * hourMs, 12 * dayMs],
  locked: [20 * dayMs, 5 * hourMs, 11 * dayMs],
  offline: [4 * dayMs, 3 * hourMs, 6 * dayMs],
  full: [60 * dayMs, 1 * dayMs, 8 * dayMs],
  battery: [6 * dayMs, 2 * hourMs, 4 * dayMs],
  paused: [45 * dayMs, 6 * hourMs, 5 * dayMs],
};

/** By how much the clock is wrong, and for how long. */
const wrongClocks: readonly (readonly [skewMs: number, lastsMs: number])[] = [
  [-2 * hourMs, 10 * hourMs],
  [5 * hourMs, 3 * hourMs],
  [3 * dayMs, 1 * dayMs],
  [-3 * dayMs, 30 * hourMs],
  [-45 * minuteMs, 4 * hourMs],
  [400 * dayMs, 5 * hourMs],
];

interface Change {
  readonly at: number;
  readonly what: Trouble | 'clock';
  readonly on: boolean;
  readonly skewMs: number;
}

/** What happens in the year, in order. The same trouble never overlaps itself. */
function changesOf(chance: Seeded, kind: Kind, start: number, end: number): readonly Change[] {
  const found: Change[] = [];
  for (const [what, [everyMs, shortMs, longMs]] of Object.entries(troubles) as [
    Trouble,
    (typeof troubles)[Trouble],
  ][]) {
    let at = start;
    for (;;) {
      at += Math.floor((0.3 + 1.4 * (chance.below(1000) / 1000)) * everyMs);
      const lasts = chance.chance(0.12) ? chance.below(longMs) : 5 * minuteMs + chance.below(2 * shortMs);
      if (at + lasts >= end) break;
      found.push({ at, what, on: true, skewMs: 0 }, { at: at + lasts, what, on: false, skewMs: 0 });
      at += lasts;
    }
  }
  const clocks = wrongClocks.slice(kind === 'monthly' ? -2 : 0); // after each, the months cannot be told for a while
  for (const [n, [skewMs, lasts]] of clocks.entries()) {
    const at = start + Math.floor(((n + 0.5) / clocks.length) * (end - start)) + chance.below(3 * dayMs);
    found.push({ at, what: 'clock', on: true, skewMs }, { at: at + lasts, what: 'clock', on: false, skewMs: 0 });
  }
  return found.sort((a, b) => a.at - b.at);
}

/** A backup that went through: when it ended, in truth and by the clock of the computer. */
interface Run {
  readonly endedAt: number;
  readonly wallAt: number;
}

interface Year {
  readonly runs: readonly Run[];
  /** Stretches of truth in which nothing stood in the way. */
  readonly able: readonly { readonly from: number; readonly to: number }[];
  /** Where the clock was wrong. */
  readonly wrong: readonly { readonly from: number; readonly to: number }[];
  readonly counts: { failures: number; sleeps: number; restarts: number; looks: number; overdue: number };
  readonly causes: ReadonlyMap<OverdueCause, number>;
  /** Where the state said something else than it should. */
  readonly lies: readonly string[];
}

async function live(kind: Kind, at: string, timeZone: string, seed: string, start: number, end: number): Promise<Year> {
  const chance = seeded(seed);
  const clock: ManualClock = manualClock(start);
  const entries: HistoryEntry[] = [];
  const memory = textMemory();
  const settings: Settings = {
    ...defaultSettings('bench'),
    remote: 'folder:/copies',
    sources: [{ id: 'generic-aaaaaaaa', profile: 'generic', label: 'chats', root: '/chats' }],
    schedule: { kind, at, onChange: false },
    waitOnBattery: true,
  };
  const now: { [trouble in Trouble]: boolean } = {
    ...{ asleep: false, off: false, locked: false, offline: false, full: false, battery: false, paused: false },
  };
  const counts = { failures: 0, sleeps: 0, restarts: 0, looks: 0, overdue: 0 };
  const causes = new Map<OverdueCause, number>();
  const runs: Run[] = [];
  const able: { from: number; to: number }[] = [];
  const wrong: { from: number; to: number }[] = [];
  const lies: string[] = [];
  let skewMs = 0;
  let isBusy = false;
  let past: PastRuns = pastOf(entries);
  let abort: () => void = () => undefined;

  const truth = () => clock.now() - skewMs;
  const record = (entry: HistoryEntry) => past.record(entry);
  const fail = (code: ErrorCode): never => {
    counts.failures += 1;
    const error = new SignetError(code, 'as the year has it');
    record({ at: new Date(clock.now()).toISOString(), outcome: 'failed', error: error.toWire() });
    throw error;
  };
  async function backUp(): Promise<void> {
    isBusy = true;
    if (now.offline) fail('E_UNREACHABLE');
    if (now.full) fail('E_REMOTE_FULL');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = clock.timer(minuteMs + chance.below(longestRunMs - minuteMs), () => {
      isBusy = true;
      const wallAt = clock.now();
      record({ at: new Date(wallAt).toISOString(), outcome: 'good' });
      runs.push({ endedAt: truth(), wallAt });
      resolve();
    });
    abort = () => {
      isBusy = true;
      cancel();
      reject(new SignetError('E_CANCELLED', 'stopped'));
    };
    await promise;
  }
  const begin = (): AutomaticBackups => {
    past = pastOf(entries);
    return new AutomaticBackups({
      clock,
      startWatching: async () => ({ settling: () => undefined, close: async () => undefined }),
      backUp,
      isUnlocked: () => !now.locked,
      onProblem: () => undefined,
      onChanged: () => undefined,
      past,
      heldBack: () => undefined,
      signInSince: () => undefined,
      memory,
      power: async () => {
        isBusy = true;
        return { onBattery: now.battery, isMetered: undefined };
      },
      isReachable: async () => {
        isBusy = true;
        return !now.offline;
      },
      random: () => chance.below(1000) / 1000,
      timeZone,
    });
  };
  const rest = async () => {
    while (isBusy) {
      isBusy = false;
      for (let n = 0; n < 3; n++) await new Promise(setImmediate);
    }
  };

  let automatic = begin();
  void automatic.follow(settings);
  const isAble = () => !Object.values(now).some(Boolean);
  let ableFrom: number | undefined = start;
  function apply(change: Change): void {
    const { what, on } = change;
    if (what === 'clock') {
      clock.jumpTo(clock.now() + change.skewMs - skewMs);
      skewMs = change.skewMs;
      if (on) wrong.push({ from: change.at, to: end });
      else wrong[wrong.length - 1] = { from: wrong.at(-1)?.from ?? start, to: change.at };
      return;
    }
    now[what] = on;
    if (what === 'asleep' && on) counts.sleeps += 1;
    if (what === 'off' && on) {
      abort();
      void automatic.stop();
    }
    if (what === 'off' && !on) {
      counts.restarts += 1;
      automatic = begin();
      void automatic.follow(settings);
    }
    if (what === 'locked' && on) abort();
    if (what === 'locked' && !on && !now.off) automatic.unlocked();
    // What the user wants of a pause is said as soon as the daemon is there to hear it.
    const isPaused = automatic.pausedUntil !== null;
    if (!now.off && isPaused !== now.paused) automatic.pause(now.paused ? 30 * dayMs : 0);
    isBusy = true;
  }

  for (const change of [...changesOf(chance, kind, start, end), { at: end } as Change]) {
    while (truth() < change.at) {
      const leftMs = change.at - truth();
      if (now.off || now.asleep) {
        clock.sleep(leftMs, chance.chance(0.5));
        continue;
      }
      clock.advance(Math.min(minuteMs, leftMs));
      if (isBusy) await rest();
      if (truth() % (30 * minuteMs) < minuteMs) look();
    }
    if (change.what === undefined) break;
    apply(change);
    await rest();
    if (!isAble() && ableFrom !== undefined) {
      able.push({ from: ableFrom, to: change.at });
      ableFrom = undefined;
    } else if (isAble()) ableFrom ??= change.at;
  }
  if (ableFrom !== undefined) able.push({ from: ableFrom, to: end });

  /** Only while the clock is right, and was at the last good backup, can the truth say what is overdue. */
  function look(): void {
    counts.looks += 1;
    const { overdue } = automatic;
    if (overdue !== null) {
      counts.overdue += 1;
      causes.set(overdue.cause, (causes.get(overdue.cause) ?? 0) + 1);
    }
    const last = runs.at(-1);
    const isRight = skewMs === 0 && (last === undefined || last.wallAt === last.endedAt);
    const should = clock.now() - (last?.wallAt ?? start) > allowanceMs[kind];
    if (isRight && should !== (overdue !== null)) {
      lies.push(`${new Date(clock.now()).toISOString()}: overdue ${String(overdue?.cause)}, should be ${should}`);
    }
  }
  await automatic.stop();
  return { runs, able, wrong, counts, causes, lies };
}

const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo'] as const;
/** In each zone a time that its clocks skip in spring or show twice in autumn. */
const skipped: { readonly [zone in (typeof zones)[number]]: string } = {
  'Europe/Berlin': '02:30',
  'America/New_York': '02:15',
  'Australia/Lord_Howe': '02:15',
  'Africa/Cairo': '00:20',
};
const cases = (['daily', 'weekly', 'monthly'] as const).flatMap((kind, n) =>
  zones.map((zone, z) => ({
    kind,
    zone,
    at: z === n || isLong ? skipped[zone] : '03:30',
    isShort: z === n || kind === 'daily',
  })),
);

for (const { kind, zone, at, isShort } of cases) {
  if (!isShort && !isLong) continue;
  for (let round = 0; round < (isLong ? 8 : 1); round += 1) {
    test.serial(
      `a year of ${kind} backups at ${at} in ${zone}: every due one ran once, none twice (seed ${round})`,
      async t => {
        t.timeout(300_000);
        const start = Date.UTC(2026, 1, 11, 9, 17);
        const end = start + 366 * dayMs;
        const year = await live(kind, at, zone, `${kind} ${zone} ${round}`, start, end);
        const slots = wallSlots({ kind, at }, zone, start, end);
        const judged = judge(year, kind, slots, end);
        const causes = [...year.causes].map(([cause, count]) => `${cause} ${count}`).join(', ');
        t.log(
          `${slots.length} slots: ${judged.served} ran in their time, ${judged.missed} could not and were made up for by the next; ` +
            `${year.runs.length} runs, ${year.counts.failures} failures, ${year.counts.sleeps} sleeps, ${year.counts.restarts} restarts, ` +
            `${year.wrong.length} wrong clocks; overdue at ${year.counts.overdue} of ${year.counts.looks} looks (${causes})`,
        );
        t.deepEqual(judged.problems, []);
        t.deepEqual(year.lies, []);
        t.true(judged.served > 0 && year.counts.restarts > 0 && (kind === 'monthly' || year.counts.failures > 0));
      },
    );
  }
}

function judge(
  { runs, able, wrong }: Year,
  kind: Kind,
  slots: readonly number[],
  end: number,
): { readonly served: number; readonly missed: number; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const text = (at: number) => new Date(at).toISOString();
  let [served, missed] = [0, 0];
  // A clock that was wrong is noticed when the computer is awake again, and then the calendar goes on within a period.
  const astray = wrong.map(({ from, to }) => {
    const noticedAt = Math.max(to, able.find(each => each.to > to)?.from ?? to);
    return { from, to: noticedAt + periodMs[kind] };
  });
  // Each slot, up to the next: at most one run, and one if there was time for it.
  for (const [n, slot] of slots.entries()) {
    const next = slots[n + 1] ?? end;
    if (astray.some(({ from, to }) => from < next && to > slot)) continue;
    // A backup that the wrong clock dated into this slot stands for it when the computer wakes only afterwards.
    if (runs.some(run => isWrong(run) && run.wallAt >= slot && run.wallAt < next)) continue;
    const ended = runs.filter(({ endedAt }) => endedAt >= slot && endedAt < next);
    if (ended.length > 1) problems.push(`${text(slot)} ran ${ended.length} times`);
    if (ended.length === 1) served += 1;
    else missed += 1;
    const chance = able.find(({ from, to }) => Math.min(to, next) - Math.max(from, slot) > patienceMs + longestRunMs);
    const latest = chance === undefined ? undefined : Math.max(chance.from, slot) + patienceMs + longestRunMs;
    const inTime = ended.some(({ endedAt }) => latest !== undefined && endedAt <= latest);
    if (latest !== undefined && !inTime) problems.push(`${text(slot)} did not run by ${text(latest)}`);
  }
  // By the computer's own clock no slot is served twice, unless the clock went back by more than a period.
  for (const [n, run] of runs.entries()) {
    const before = runs[n - 1];
    if (before === undefined || before.wallAt - run.wallAt > 0) continue;
    const wentBack = wrong.some(({ to, from }) => [to, from].some(at => at > before.endedAt && at <= run.endedAt));
    if (wentBack) continue;
    if (!slots.some(slot => slot > before.endedAt && slot <= run.endedAt) && !isWrong(run, before)) {
      problems.push(`${text(before.wallAt)} and ${text(run.wallAt)} served the same slot`);
    }
  }
  // Wrong clocks or not: with a free way of two periods there is a backup.
  for (const { from, to } of able) {
    for (let since = from; to - since > 2 * periodMs[kind] + patienceMs; ) {
      const next = runs.find(({ endedAt }) => endedAt > since)?.endedAt ?? Number.POSITIVE_INFINITY;
      if (next - since > 2 * periodMs[kind] + patienceMs + longestRunMs) problems.push(`nothing after ${text(since)}`);
      since = next;
    }
  }
  return { served, missed, problems };
}

function isWrong(...runs: readonly Run[]): boolean {
  return runs.some(({ endedAt, wallAt }) => endedAt !== wallAt);
}
