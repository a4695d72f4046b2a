import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { utf8 } from '../../daemon/base/bytes.ts';
import { SignetError } from '../../daemon/base/errors.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import type { NetworkRemote, Remote } from '../../daemon/remotes/remote.ts';
import { decide, patience, persistently, type Retrying, retrying } from '../../daemon/remotes/retrying.ts';
import { type ErrorCode, errorKinds } from '../../protocol/errors.ts';
import { remoteContract } from '../contracts/remote.ts';
import { faultyRemote } from '../support/faulty-remote.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { type CalledRemote, networked } from '../support/network-remote.ts';
import { drivenClock } from '../support/repository.ts';

const maxBytes = 1024;
const unreachable = (retryAfterMs?: number): SignetError =>
  new SignetError('E_UNREACHABLE', 'injected', retryAfterMs === undefined ? {} : { params: { retryAfterMs } });

/** All waits end by themselves, one after the other. */
const hasty = () => Object.assign(drivenClock(), { patienceMs: Number.POSITIVE_INFINITY });

remoteContract('retried', async () =>
  retrying(networked(createMemoryRemote()), { clock: hasty(), random: () => 0.5, patienceMs: () => 0 }),
);

remoteContract('retried, where two of three calls fail or lose their answer', async () => {
  let calls = 0;
  const flaky = faultyRemote(createMemoryRemote(), () => (['before', 'after', undefined] as const)[calls++ % 3]);
  const clock = hasty();
  return retrying(networked(flaky), { clock, random: () => 0.5, patienceMs: () => patience.jobMs });
});

// Decisions.

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const tries = fc.integer({ min: 1, max: 200 });
const elapsedMs = fc.integer({ min: 0, max: 3_600_000 });

test('waits double from one second, never exceed 64 seconds, and end in time', t => {
  fc.assert(
    fc.property(tries, elapsedMs, fc.integer({ min: 0, max: 3_600_000 }), random, (count, elapsed, most, chance) => {
      const decision = decide({ error: unreachable(), tries: count, elapsedMs: elapsed }, most, chance);
      const least = Math.min(1000 * 2 ** (count - 1), 64_000);
      if (decision === 'give-up') return elapsed + Math.min(least + 1000, 64_000) >= most;
      return (
        decision.waitMs >= least &&
        decision.waitMs <= Math.min(least + 1000, 64_000) &&
        elapsed + decision.waitMs <= most
      );
    }),
  );
  t.pass();
});

test('a place that names a time is never asked before it', t => {
  fc.assert(
    fc.property(tries, fc.integer({ min: 0, max: 600_000 }), random, (count, asked, chance) => {
      const decision = decide({ error: unreachable(asked), tries: count, elapsedMs: 0 }, patience.jobMs, chance);
      return decision !== 'give-up' && decision.waitMs >= asked && decision.waitMs <= Math.max(64_000, asked + 1000);
    }),
  );
  t.pass();
});

test('only what passes by itself is tried again', t => {
  for (const code of Object.keys(errorKinds) as ErrorCode[]) {
    const error = new SignetError(code, 'injected', { params: { retryAfterMs: 0 } });
    const decision = decide({ error, tries: 1, elapsedMs: 0 }, patience.jobMs, 0);
    t.is(decision === 'give-up', code !== 'E_UNREACHABLE', code);
  }
  const final = new SignetError('E_UNREACHABLE', 'injected', { retryable: false });
  t.is(decide({ error: final, tries: 1, elapsedMs: 0 }, patience.jobMs, 0), 'give-up');
  t.is(decide({ error: new DOMException('stop', 'AbortError'), tries: 1, elapsedMs: 0 }, patience.jobMs, 0), 'give-up');
});

test('an error that nobody has named is tried twice', t => {
  for (const error of [new TypeError('fetch failed'), 'text', undefined]) {
    t.deepEqual(decide({ error, tries: 1, elapsedMs: 0 }, patience.jobMs, 0), { waitMs: 1000 });
    t.is(decide({ error, tries: 2, elapsedMs: 0 }, patience.jobMs, 0), 'give-up');
  }
});

// Waiting.

interface Bench {
  readonly clock: ManualClock;
  readonly memory: MemoryRemote;
  readonly called: CalledRemote;
  readonly remote: NetworkRemote;
  /** What the coming calls throw, one each. */
  readonly failures: unknown[];
  /** What was told of waits, in seconds from the start. */
  readonly waits: (number | undefined)[];
}

function bench(changes: Partial<Retrying> & { place?: (memory: Remote) => Remote } = {}): Bench {
  const { place = same => same, ...policy } = changes;
  const clock = manualClock();
  const start = clock.now();
  const memory = createMemoryRemote();
  const failures: unknown[] = [];
  const waits: (number | undefined)[] = [];
  const inner = place(memory);
  const failing = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (failures.length > 0) throw failures.shift();
    return work();
  };
  const called = networked({
    ...inner,
    put: (...given) => failing(() => inner.put(...given)),
    get: (...given) => failing(() => inner.get(...given)),
    stat: (...given) => failing(() => inner.stat(...given)),
    remove: (...given) => failing(() => inner.remove(...given)),
  });
  const remote = retrying(called, {
    clock,
    random: () => 0,
    patienceMs: () => patience.jobMs,
    onWait: until => waits.push(until === undefined ? undefined : (until - start) / 1000),
    ...policy,
  });
  return { clock, memory, called, remote, failures, waits };
}

/** Whatever is not waiting for the clock has happened. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve));
};

async function keysOf(remote: Remote): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.list('')) keys.push(key);
  return keys;
}

/** The call ends only after these waits, one after the other. */
async function endsAfter(t: ExecutionContext, { clock }: Bench, call: Promise<unknown>, waitsMs: readonly number[]) {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  call.then(done, done);
  for (const ms of waitsMs) {
    await settled();
    clock.advance(ms - 1);
    await settled();
    t.false(isDone, `before ${ms} ms`);
    clock.advance(1);
  }
  await settled();
  t.true(isDone);
}

test('a call that fails is tried again after one, two and four seconds', async t => {
  const all = bench();
  all.failures.push(unreachable(), unreachable(), unreachable());
  const call = all.remote.put('config', utf8('x'));
  await endsAfter(t, all, call, [1000, 2000, 4000]);
  await call;
  t.is(all.memory.objects.size, 1);
  t.is(all.called.calls.length, 4);
  t.deepEqual(all.waits, []);
});

test('a place that does what it is asked, or asks for patience, answers; one that is not reached does not', async t => {
  let answers = 0;
  const { remote, failures, clock } = bench({ onAnswer: () => answers++ });
  failures.push(unreachable());
  const put = remote.put('config', utf8('x'));
  await settled();
  t.is(answers, 0);
  clock.advance(1000);
  await put;
  t.is(answers, 1);
  failures.push(unreachable(5000));
  const get = remote.get('config', { maxBytes: 10 });
  await settled();
  t.is(answers, 2);
  clock.advance(5000);
  await get;
  t.is(answers, 3);
  t.deepEqual(await keysOf(remote), ['config']);
  t.is(answers, 5, 'the key, and the end of the list');
});

test('someone who waits is told after twenty seconds, a job after a quarter of an hour', async t => {
  for (const patienceMs of [patience.personMs, patience.jobMs]) {
    const all = bench({ patienceMs: () => patienceMs });
    all.failures.push(...Array.from({ length: 100 }, () => unreachable()));
    const start = all.clock.now();
    let failure: unknown;
    all.remote.stat('config').catch(error => {
      failure = error;
    });
    while (failure === undefined) {
      await settled();
      all.clock.advance(500);
    }
    t.like(failure, { code: 'E_UNREACHABLE' });
    const tookMs = all.clock.now() - start;
    t.true(tookMs <= patienceMs && tookMs > patienceMs / 2, `${tookMs} of ${patienceMs} ms`);
  }
});

test('who can read elsewhere waits no longer than it says, however long a job would', async t => {
  for (const [patienceMs, tries] of [
    [0, 1],
    [patience.personMs, 5],
  ] as const) {
    const all = bench({ patienceMs: () => patience.jobMs });
    all.failures.push(...Array.from({ length: 100 }, () => unreachable()));
    let failure: unknown;
    all.remote.get('config', { maxBytes, patienceMs }).catch(error => {
      failure = error;
    });
    while (failure === undefined) {
      await settled();
      all.clock.advance(500);
    }
    t.like(failure, { code: 'E_UNREACHABLE' });
    t.is(all.called.calls.length, tries);
  }
});

test('an object that is missing or a place that is full is told at once', async t => {
  const all = bench();
  await t.throwsAsync(all.remote.get('config', { maxBytes }), { code: 'E_MISSING' });
  all.failures.push(new SignetError('E_REMOTE_FULL', 'injected'));
  await t.throwsAsync(all.remote.put('config', utf8('x')), { code: 'E_REMOTE_FULL' });
  t.is(all.called.calls.length, 2);
});

test('while the place asks for patience nothing is sent to it, and it is told until when', async t => {
  const all = bench();
  all.failures.push(unreachable(30_000));
  const first = all.remote.put('index/a', utf8('x'));
  await settled();
  const others = [
    all.remote.stat('index/a'),
    all.remote.get('index/b', { maxBytes }).catch(() => undefined),
    keysOf(all.remote),
  ];
  await settled();
  t.is(all.called.calls.length, 1);
  t.is(all.waits.at(-1), 30);
  all.clock.advance(29_999);
  await settled();
  t.is(all.called.calls.length, 1);
  all.clock.advance(1);
  await Promise.all([first, ...others]);
  t.is(all.called.calls.length, 5);
  t.is(all.waits.at(-1), undefined);
});

test('a place that asks for patience without a time makes all calls wait longer and longer', async t => {
  const all = bench();
  all.failures.push(unreachable(0), unreachable(0));
  const call = all.remote.stat('config');
  await endsAfter(t, all, call, [1000, 2000]);
  t.deepEqual(all.waits, [1, undefined, 3, undefined]);
});

test('patience that outlasts that of the caller is told at once, and still nothing is sent meanwhile', async t => {
  const all = bench({ patienceMs: () => patience.personMs });
  all.failures.push(unreachable(3_600_000));
  await t.throwsAsync(all.remote.stat('config'), { code: 'E_UNREACHABLE' });
  const later = await t.throwsAsync(all.remote.put('config', utf8('x')), { code: 'E_UNREACHABLE' });
  t.like(later, { params: { retryAfterMs: 3_600_000 } });
  t.is(all.called.calls.length, 1);
  all.clock.advance(3_600_000);
  await t.notThrowsAsync(all.remote.put('config', utf8('x')));
});

test('stopping ends every kind of wait at once', async t => {
  const all = bench();
  const stop = new AbortController();
  const { signal } = stop;
  all.failures.push(unreachable());
  const backingOff = all.remote.put('index/a', utf8('x'), { signal });
  await settled();
  all.failures.push(unreachable(60_000));
  const asked = all.remote.stat('index/a', { signal });
  await settled();
  const behind = all.remote.remove('index/a', { signal });
  await settled();
  stop.abort();
  for (const call of [backingOff, asked, behind]) await t.throwsAsync(call, { name: 'AbortError' });
  t.is(all.waits.at(-1), undefined);
  t.is(all.called.calls.length, 2);
});

test('a listing that breaks half-way is begun anew and yields every key once', async t => {
  let breaks = 3;
  const all = bench({
    place: memory => ({
      ...memory,
      async *list(folder, options) {
        let yielded = 0;
        for await (const entry of memory.list(folder, options)) {
          if (yielded++ === 4 - breaks && breaks-- > 0) throw unreachable();
          yield entry;
        }
      },
    }),
  });
  const keys = ['a', 'b', 'c', 'd', 'e'];
  for (const key of keys) await all.remote.put(key, utf8('x'));
  all.called.forget();
  const listing = keysOf(all.remote);
  // One that came further than before starts with a short wait again.
  await endsAfter(t, all, listing, [1000, 1000, 1000]);
  t.deepEqual(await listing, keys);
  t.is(all.called.calls.length, 4);
});

test('what the reader of a listing throws is not tried again, and the listing is ended', async t => {
  let isEnded = false;
  const all = bench({
    place: memory => ({
      ...memory,
      async *list(folder, options) {
        try {
          yield* memory.list(folder, options);
        } finally {
          isEnded = true;
        }
      },
    }),
  });
  await all.remote.put('a', utf8('x'));
  await t.throwsAsync(
    (async () => {
      for await (const { key } of all.remote.list('')) throw unreachable(Number(key.length));
    })(),
    { code: 'E_UNREACHABLE' },
  );
  t.true(isEnded);
  t.deepEqual(all.called.calls, ['put a', 'list']);
});

test('work beside the calls of a remote is done again by the same policy', async t => {
  const policy = { clock: hasty(), random: () => 0.5, patienceMs: () => patience.personMs };
  let times = 0;
  const failing = (until: number, error: () => Error) => async (): Promise<number> => {
    times++;
    if (times < until) throw error();
    return times;
  };
  t.is(await persistently(policy, failing(3, unreachable)), 3);
  times = 0;
  const refused = (): Error => new SignetError('E_REMOTE_DENIED', 'injected');
  await t.throwsAsync(persistently(policy, failing(3, refused)), { code: 'E_REMOTE_DENIED' });
  t.is(times, 1);
  times = 0;
  await t.throwsAsync(persistently(policy, failing(99, unreachable)), { code: 'E_UNREACHABLE' });
  t.true(times > 2 && times < 8, `${times} tries in 20 seconds`);
});
