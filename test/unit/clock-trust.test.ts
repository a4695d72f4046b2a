import test from 'ava';
import { ClockTrust } from '../../daemon/jobs/clock-trust.ts';

const hour = 3_600_000;
const day = 24 * hour;
const begin = Date.UTC(2026, 10, 23);

/** A computer whose clock can be set, and which can sleep, be off, and start its daemon anew. */
function computer(newestAt?: () => number) {
  const facts = new Map<string, string>();
  let wall = begin;
  let uptime = hour;
  let boot = 'first';
  let writes = 0;
  const options = {
    memory: {
      get: (name: string) => facts.get(name),
      set: (name: string, value: string) => {
        writes += 1;
        facts.set(name, value);
      },
      remove: (name: string) => void facts.delete(name),
    },
    clock: { now: () => wall },
    get boot() {
      return { name: boot, uptimeMs: () => uptime };
    },
    log: { warn: () => undefined },
    newestAt: () => newestAt?.(),
  };
  return {
    start: () => new ClockTrust({ ...options, boot: options.boot }),
    /** Awake or asleep: both clocks go on. */
    pass: (ms: number) => {
      wall += ms;
      uptime += ms;
    },
    set: (ms: number) => {
      wall += ms;
    },
    reboot: (offMs: number) => {
      wall += offMs;
      uptime = 1000;
      boot = `${boot} again`;
    },
    now: () => wall,
    writes: () => writes,
  };
}

test('time that passes, asleep or off, leaves the clock believed, and is not written down each time', t => {
  const made = computer();
  const trust = made.start();
  t.is(trust.doubtedSince(), undefined);
  made.pass(30 * day);
  for (let n = 0; n < 10; n++) t.is(trust.doubtedSince(), undefined);
  t.is(made.writes(), 1);
  made.reboot(200 * day);
  t.is(made.start().doubtedSince(), undefined);
  t.deepEqual(made.start().notices, []);
});

for (const [how, ms, isJump] of [
  ['47 hours forward', 47 * hour, false],
  ['49 hours forward', 49 * hour, true],
  ['49 hours back', -49 * hour, true],
  ['an hour, as for summer', hour, false],
] as const) {
  test(`a clock that is set ${how} is ${isJump ? 'in doubt' : 'believed'}`, t => {
    const made = computer();
    const trust = made.start();
    trust.doubtedSince();
    made.set(ms);
    t.is(trust.doubtedSince() !== undefined, isJump);
    if (!isJump) {
      t.notThrows(() => trust.assertRight());
      return;
    }
    t.throws(() => trust.assertRight(), { code: 'E_CLOCK' });
    t.is(trust.notices[0]?.kind, 'clock-jumped');
  });
}

test('what was in doubt is so from the first moment on, over restarts and boots, until its owner says that it is right', t => {
  const made = computer();
  made.start().doubtedSince();
  made.set(300 * day);
  const since = made.start().doubtedSince();
  t.is(since, made.now());
  made.pass(hour);
  t.is(made.start().doubtedSince(), since);
  made.reboot(hour);
  t.is(made.start().doubtedSince(), since);
  made.pass(hour);
  const trust = made.start();
  t.is(trust.doubtedSince(), since, 'also at the second look of that boot');
  trust.confirm();
  t.is(trust.doubtedSince(), undefined);
  t.is(made.start().doubtedSince(), undefined);
});

test('a clock that is set right again within the boot is believed', t => {
  const made = computer();
  const trust = made.start();
  trust.doubtedSince();
  made.set(300 * day);
  t.not(trust.doubtedSince(), undefined);
  made.set(-300 * day);
  t.is(trust.doubtedSince(), undefined);
});

test('a backup that lies days ahead says that the clock was wrong, once its owner was asked no more', t => {
  const ahead = begin + 100 * day;
  const made = computer(() => ahead);
  const trust = made.start();
  t.is(trust.doubtedSince(), made.now());
  trust.confirm();
  t.is(trust.doubtedSince(), undefined);
  t.is(trust.trustedUpTo, ahead);
  t.is(made.start().doubtedSince(), undefined, 'after a restart, too');
});

test('where the system does not name its boots, only what lies ahead is seen', t => {
  let wall = begin;
  const memory = { get: () => undefined, set: () => undefined, remove: () => undefined };
  const boot = { name: undefined, uptimeMs: () => 5 };
  const log = { warn: () => undefined };
  const trust = new ClockTrust({ memory, clock: { now: () => wall }, boot, log, newestAt: () => begin });
  t.is(trust.doubtedSince(), undefined);
  wall += 400 * day;
  t.is(trust.doubtedSince(), undefined);
  wall = begin - 3 * day;
  t.is(trust.doubtedSince(), wall);
});
