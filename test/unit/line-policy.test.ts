import test from 'ava';
import { type Loss, nextLook } from '../../extension/line-policy.ts';

const lost: Loss = { wasKilled: false, restarts: [], tries: 0, now: 1_000_000_000 };

test('a daemon that was killed is started again within a second', t => {
  t.deepEqual(nextLook({ ...lost, wasKilled: true }), { inMs: 500, start: true });
});

test('a daemon that was stopped stays stopped, and is looked for less and less', t => {
  const looks = Array.from({ length: 7 }, (_, tries) => nextLook({ ...lost, tries }));
  t.true(looks.every(({ start }) => !start));
  t.deepEqual(
    looks.map(({ inMs }) => inMs),
    [500, 1000, 2000, 5000, 10_000, 10_000, 10_000],
  );
});

test('one that falls again and again is left alone, and has a new chance later', t => {
  const restarts = [1, 2, 3].map(minutes => lost.now - minutes * 60_000);
  t.false(nextLook({ ...lost, wasKilled: true, restarts }).start);
  t.true(nextLook({ ...lost, wasKilled: true, restarts: restarts.slice(1) }).start);
  t.true(nextLook({ ...lost, wasKilled: true, restarts, now: lost.now + 10 * 60_000 }).start);
});

test('a newer daemon of another protocol is left alone, an older one at work is asked again', t => {
  const failure = (newer: string) => ({ code: 'E_DAEMON_INCOMPATIBLE', params: { newer } }) as const;
  t.deepEqual(nextLook({ ...lost, failure: failure('daemon') }), { inMs: 60_000, start: false });
  t.deepEqual(nextLook({ ...lost, failure: failure('client') }), { inMs: 10_000, start: true });
});
