// When Signet locks by itself.

import test from 'ava';
import { AutoLock } from '../../daemon/jobs/auto-lock.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

const minute = 60_000;

function made(limits: { idleMs?: number; maxAgeMs?: number }) {
  const clock: ManualClock = manualClock();
  const seen = { locks: 0, isBusy: false };
  const lock = new AutoLock({
    clock,
    isBusy: () => seen.isBusy,
    lock: () => {
      seen.locks += 1;
      lock.closed();
    },
  });
  lock.follow({ idleMs: 0, maxAgeMs: 0, ...limits });
  return { lock, clock, seen };
}

test('without limits it never locks', t => {
  const { lock, clock, seen } = made({});
  lock.opened(clock.now());
  clock.advance(365 * 24 * 60 * minute);
  t.is(seen.locks, 0);
});

test('it locks so long after the last use, and a running job is use', t => {
  const { lock, clock, seen } = made({ idleMs: 10 * minute });
  lock.opened(clock.now());
  clock.advance(9 * minute);
  lock.used();
  clock.advance(9 * minute);
  t.is(seen.locks, 0);
  seen.isBusy = true;
  clock.advance(30 * minute);
  t.is(seen.locks, 0);
  seen.isBusy = false;
  clock.advance(9 * minute);
  t.is(seen.locks, 0);
  clock.advance(2 * minute);
  t.is(seen.locks, 1);
});

test('it locks so long after the password was given, whoever uses it, and a new password begins anew', t => {
  const { lock, clock, seen } = made({ maxAgeMs: 60 * minute });
  lock.opened(clock.now() - 30 * minute); // given to the daemon before
  clock.advance(29 * minute);
  lock.used();
  lock.opened(clock.now());
  clock.advance(59 * minute);
  t.is(seen.locks, 0);
  lock.used();
  clock.advance(minute);
  t.is(seen.locks, 1);
});

test('a sleep of the computer counts, and a clock that is set back does not help', t => {
  const slept = made({ idleMs: 10 * minute });
  slept.lock.opened(slept.clock.now());
  slept.clock.jumpTo(slept.clock.now() + 60 * minute); // the steady clock stood still
  slept.clock.advance(minute);
  t.is(slept.seen.locks, 1);

  const setBack = made({ maxAgeMs: 10 * minute });
  setBack.lock.opened(setBack.clock.now());
  setBack.clock.advance(5 * minute);
  setBack.clock.jumpTo(setBack.clock.now() - 24 * 60 * minute);
  setBack.clock.advance(5 * minute);
  t.is(setBack.seen.locks, 1);
});

test('a limit that is set while it is open counts from then on, also when it has passed already', t => {
  const { lock, clock, seen } = made({});
  lock.opened(clock.now());
  clock.advance(20 * minute);
  lock.follow({ idleMs: 0, maxAgeMs: 10 * minute });
  t.is(seen.locks, 1);
});

test('what is locked is not locked again', t => {
  const { lock, clock, seen } = made({ idleMs: minute });
  lock.opened(clock.now());
  lock.closed();
  clock.advance(10 * minute);
  t.is(seen.locks, 0);
});
