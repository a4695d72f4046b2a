import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { utf8 } from '../../daemon/base/bytes.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { NetworkRemote, Remote } from '../../daemon/remotes/remote.ts';
import { driveRates, type Throttling, throttled } from '../../daemon/remotes/throttled.ts';
import { remoteContract } from '../contracts/remote.ts';
import { manualClock } from '../support/manual-clock.ts';
import { networked } from '../support/network-remote.ts';
import { drivenClock } from '../support/repository.ts';

const maxBytes = 1024 * 1024;
const unlimited = { uploadBytesPerSecond: () => 0, downloadBytesPerSecond: () => 0 };

remoteContract('throttled', async () =>
  throttled(networked(createMemoryRemote()), {
    clock: Object.assign(drivenClock(), { patienceMs: Number.POSITIVE_INFINITY }),
    ...driveRates,
    uploadBytesPerSecond: () => 100_000,
    downloadBytesPerSecond: () => 200_000,
  }),
);

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve));
};

/** Moves a body in pieces, as an adapter over a network does, and tells when each went. */
function inPieces(remote: Remote, pieceBytes: number, moved: (key: string, bytes: number) => void): NetworkRemote {
  return {
    ...networked(remote),
    async put(key, body, options) {
      const sizeBytes = body instanceof Uint8Array ? body.length : body.sizeBytes;
      for (let at = 0; at < sizeBytes; at += pieceBytes) {
        const piece = Math.min(pieceBytes, sizeBytes - at);
        await options?.pace?.(piece);
        moved(key, piece);
      }
      await remote.put(key, body, options);
    },
  };
}

function bench(changes: Partial<Throttling> = {}, place: NetworkRemote = networked(createMemoryRemote())) {
  const clock = manualClock();
  const start = clock.monotonic();
  return {
    clock,
    seconds: () => (clock.monotonic() - start) / 1000,
    remote: throttled(place, { clock, ...unlimited, ...changes }),
    /** Lets time pass in small steps until all is done. */
    async finish(calls: readonly Promise<unknown>[]): Promise<void> {
      let isDone = false;
      const all = Promise.all(calls).finally(() => {
        isDone = true;
      });
      for (await settled(); !isDone; await settled()) clock.advance(50);
      await all;
    },
  };
}

test('without limits nothing waits', async t => {
  const { remote, seconds } = bench();
  await Promise.all(Array.from({ length: 50 }, (_, i) => remote.put(`index/${i}`, randomBytes(1000))));
  t.is(seconds(), 0);
});

test('calls beyond the burst go out at the rate', async t => {
  const { remote, seconds, finish } = bench({ requests: { perSecond: 10, burst: 20 } });
  await finish(Array.from({ length: 50 }, (_, i) => remote.stat(`index/${i}`)));
  t.true(seconds() >= 2.9 && seconds() <= 3.1, `${seconds()} s`);
});

test('new objects have a rate of their own', async t => {
  const { remote, seconds, finish } = bench(driveRates);
  await finish(Array.from({ length: 12 }, (_, i) => remote.put(`index/${i}`, utf8('x'))));
  t.true(seconds() >= 2.9 && seconds() <= 3.2, `${seconds()} s`);
});

/** How exactly time is told below. */
const stepMs = 20;

test('over any stretch of time no more calls are let through than burst and rate allow', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 40 }),
      async (perSecond, burst, pauses) => {
        const at: number[] = [];
        const clock = manualClock();
        const place = networked(createMemoryRemote());
        const remote = throttled(
          {
            ...place,
            stat: async (...given) => {
              at.push(clock.monotonic());
              return place.stat(...given);
            },
          },
          { clock, ...unlimited, requests: { perSecond, burst } },
        );
        const calls: Promise<unknown>[] = [];
        for (const ms of pauses) {
          calls.push(remote.stat('config'));
          await settled();
          for (let passed = 0; passed < ms; passed += stepMs) {
            clock.advance(stepMs);
            await settled();
          }
        }
        while (at.length < calls.length) {
          clock.advance(stepMs);
          await settled();
        }
        await Promise.all(calls);
        for (const [first, from] of at.entries()) {
          for (let last = first; last < at.length; last++) {
            const allowed = burst + (((at[last] ?? 0) - from + stepMs) / 1000) * perSecond;
            if (last - first + 1 > allowed + 1e-6) return false;
          }
        }
        return true;
      },
    ),
    { numRuns: 50 },
  );
  t.pass();
});

test('a listing of many pages is charged to the calls after it', async t => {
  let pages = 0;
  const place = networked(createMemoryRemote());
  const { remote, seconds, finish } = bench(
    { requests: { perSecond: 10, burst: 1 } },
    {
      ...place,
      requests: () => place.requests() + pages,
      async *list(folder, options) {
        pages += 49;
        yield* place.list(folder, options);
      },
    },
  );
  for await (const _ of remote.list('data')) t.fail();
  const before = seconds();
  await finish([remote.stat('config')]);
  await finish([remote.stat('config')]);
  t.true(seconds() - before >= 4.8, `${seconds() - before} s`);
});

test('what needs no request costs nothing', async t => {
  const { remote, seconds } = bench(
    { requests: { perSecond: 10, burst: 1 } },
    { ...networked(createMemoryRemote()), requests: () => 0 },
  );
  for (let i = 0; i < 30; i++) await remote.stat('config');
  t.is(seconds(), 0);
});

test('an upload in pieces never runs ahead of the limit, and two of them share it', async t => {
  const moved: { readonly key: string; readonly at: number; readonly bytes: number }[] = [];
  let seconds = (): number => 0;
  const place = inPieces(createMemoryRemote(), 10_000, (key, bytes) => moved.push({ key, at: seconds(), bytes }));
  const all = bench({ uploadBytesPerSecond: () => 100_000 }, place);
  seconds = all.seconds;
  await all.finish([
    all.remote.put('data/aa/a', randomBytes(300_000)),
    all.remote.put('data/bb/b', randomBytes(300_000)),
  ]);
  t.true(seconds() >= 5.6 && seconds() <= 6.1, `${seconds()} s`);
  let sum = 0;
  for (const { at, bytes } of moved) {
    sum += bytes;
    t.true(sum <= 25_000 + at * 100_000 + 1, `${sum} bytes after ${at} s`);
  }
  const half = moved.slice(0, moved.length / 2).filter(({ key }) => key === 'data/aa/a').length;
  t.true(Math.abs(half - moved.length / 4) <= 2, `${half} of ${moved.length / 2} pieces`);
});

test('an adapter that moves bodies whole is held to the limit by pauses after them', async t => {
  const { remote, seconds, finish } = bench({
    uploadBytesPerSecond: () => 100_000,
    downloadBytesPerSecond: () => 50_000,
  });
  const store = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await remote.put(`index/${i}`, randomBytes(100_000));
  };
  await finish([store()]);
  t.true(seconds() >= 4 && seconds() <= 5.1, `${seconds()} s`);
  const before = seconds();
  const load = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await remote.get(`index/${i}`, { maxBytes });
  };
  await finish([load()]);
  t.true(seconds() - before >= 4 && seconds() - before <= 6.1, `${seconds() - before} s`);
});

test('a limit that its owner takes away or sets counts from the next piece on', async t => {
  let limit = 0;
  const { remote, seconds, finish } = bench({ uploadBytesPerSecond: () => limit });
  await remote.put('index/a', randomBytes(1_000_000));
  t.is(seconds(), 0);
  limit = 100_000;
  await finish([remote.put('index/b', randomBytes(100_000))]);
  limit = 0;
  const before = seconds();
  await remote.put('index/c', randomBytes(1_000_000));
  t.is(seconds(), before);
});

test('who stops while it waits is let go at once, and those behind do not wait for it', async t => {
  const { remote, clock } = bench({ requests: { perSecond: 1, burst: 1 } });
  await remote.stat('config');
  const stop = new AbortController();
  const waiting = remote.stat('config', { signal: stop.signal });
  await settled();
  stop.abort();
  await t.throwsAsync(waiting, { name: 'AbortError' });
  const next = remote.stat('config');
  await settled();
  clock.advance(1000);
  await t.notThrowsAsync(next);
});
