// Trial restores on the main thread: when they begin by themselves, what is remembered of them and told, and what verifying tells beside them.

import test, { type ExecutionContext } from 'ava';
import type { DrillLook } from '../../daemon/jobs/drill.ts';
import { Drills, drillNotices } from '../../daemon/jobs/drills.ts';
import type * as engine from '../../daemon/jobs/engine-messages.ts';
import { JobQueue } from '../../daemon/jobs/job-queue.ts';
import { pinFacts } from '../../daemon/jobs/opening.ts';
import { Remembered } from '../../daemon/jobs/remembered.ts';
import { scrub } from '../../daemon/repository/scrub.ts';
import { defaultSettings, openState } from '../../daemon/state/state.ts';
import { noticeWords } from '../../protocol/notice-words.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const minute = 60_000;
const day = 86_400_000;
const app = { id: 'whatsapp-aaaaaaaa', profile: 'whatsapp', label: 'WhatsApp', root: '/nowhere' };
const good: DrillLook = {
  type: 'result',
  ok: true,
  snapshot: 'aa'.repeat(32),
  at: '2026-11-23T08:00:00Z',
  sources: [{ id: app.id, label: app.label, files: 4, bytes: 40, ok: true }],
  databases: [{ path: `${app.id}/msgstore.db`, check: 'ok' }],
  problems: [],
};
const bad: DrillLook = {
  ...good,
  ok: false,
  sources: [{ id: app.id, label: app.label, files: 4, bytes: 40, ok: false }],
  problems: [{ path: `${app.id}/photo.jpg`, code: 'E_OBJECT_AUTH', detail: 'damaged' }],
};

async function kit(t: ExecutionContext, answer: (order: engine.DrillOrder) => DrillLook | null) {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  state.setFacts(pinFacts({ repositoryId: 'aa'.repeat(32), masterKeyFingerprint: 'cc'.repeat(8) }));
  const world = { isUnlocked: true, isWaiting: false, isMetered: false };
  const asked: engine.DrillOrder[] = [];
  const verified: number[] = [];
  const settings = { ...defaultSettings('bench'), remote: 's3:https://host/bucket', sources: [app] };
  const begin = () => {
    let drills: Drills | undefined;
    const queue = new JobQueue(clock, () => drills?.consider());
    const log = { info: () => undefined, warn: () => undefined };
    const remembered = new Remembered({ state, clock, log, onChanged: () => drills?.consider() });
    drills = new Drills({
      engine: {
        ask: (async (_: unknown, order: engine.DrillOrder) => {
          asked.push(order);
          return answer(order);
        }) as never,
      },
      clock,
      log,
      queue,
      facts: state.facts,
      deviceId: '11'.repeat(8),
      past: { lastGoodAt: () => clock.now() - minute, last: () => [] },
      remembered,
      settings: () => settings,
      isUnlocked: () => world.isUnlocked,
      isBackupWaiting: () => world.isWaiting,
      repositoryBytes: () => 1000,
      power: async () => ({ onBattery: false, isMetered: world.isMetered }),
      ready: async () => undefined,
      verify: async percent => {
        verified.push(percent);
        return { type: 'result', ok: true, problems: [], snapshots: 1, packs: 1, bytesRead: 5 };
      },
    });
    drills.consider();
    return { drills, queue, remembered };
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return { begin, advance, world, asked, verified, settings };
}

const call = { progress: () => undefined, signal: new AbortController().signal };

test('a trial begins by itself at a quiet moment, again after a week, and a restart changes nothing about that', async t => {
  const { begin, advance, asked, verified } = await kit(t, () => good);
  const first = begin();
  await advance(9 * minute);
  t.is(asked.length, 0, 'not before it has been quiet');
  await advance(2 * minute);
  t.deepEqual([asked.length, verified], [1, [2]], 'and a share of the packs is read with it');
  t.like(first.remembered.lastDrill, { ok: true, databases: 1, files: 4, provenAt: good.at });
  for (let passed = 0; passed < 3; passed++) await advance(day);
  t.is(asked.length, 1);
  first.drills.stop();
  const second = begin();
  t.like(second.remembered.lastDrill, { ok: true });
  await advance(day);
  t.is(asked.length, 1, 'four days after the last one');
  for (let passed = 0; passed < 40; passed++) await advance(2 * 60 * minute);
  t.is(asked.length, 2);
  t.deepEqual(
    asked.map(({ turn }) => turn),
    [0, 1],
    'each source has its turn',
  );
});

test('it waits while locked, on a metered connection, and for a backup that is due', async t => {
  const { begin, advance, world, asked } = await kit(t, () => good);
  world.isUnlocked = false;
  const { drills } = begin();
  await advance(60 * minute);
  world.isUnlocked = true;
  world.isWaiting = true;
  drills.consider();
  await advance(60 * minute);
  world.isWaiting = false;
  world.isMetered = true;
  await advance(60 * minute);
  t.is(asked.length, 0);
  world.isMetered = false;
  await advance(31 * minute);
  t.is(asked.length, 1);
});

test('after one that failed older backups are tried with the same files, and its owner is told of both', async t => {
  const older = { ...good, snapshot: 'bb'.repeat(32), at: '2026-11-20T08:00:00Z' };
  const told: unknown[] = [];
  const made = await kit(t, ({ back }) => {
    if (back === 1) told.push(begun.drills.notices[0]?.params);
    return back < 3 ? bad : older;
  });
  const begun = made.begin();
  const result = await begun.drills.run(undefined, call);
  t.deepEqual([result.ok, result.older], [false, { snapshot: older.snapshot, at: older.at }]);
  t.deepEqual(
    made.asked.map(({ back, must }) => [back, must.length]),
    [
      [0, 0],
      [1, 1],
      [2, 1],
      [3, 1],
    ],
  );
  t.deepEqual(told, [{ app: 'WhatsApp', code: 'E_OBJECT_AUTH', isTryingOlder: true }]);
  t.like(begun.remembered.lastDrill, { ok: false, failed: [app.id], provenAt: older.at, snapshot: bad.snapshot });
  const [notice] = begun.drills.notices;
  t.like(notice, { id: `drill-failed ${app.id}`, source: app.id });
  if (notice === undefined) return;
  const now = Date.parse('2026-11-23T12:00:00Z');
  t.regex(noticeWords(notice, now).message, /^A trial restore of WhatsApp failed: /);
  t.is(noticeWords(notice, now).advice, 'The backup made on 20 November came back whole.');
  const trying = { kind: 'drill-failed', params: { ...notice.params, isTryingOlder: true } } as const;
  t.is(noticeWords(trying, now).advice, 'Older backups are being checked.');
});

test('of five older backups none may come back whole, and no more are tried; a later good one ends the notice', async t => {
  let isGood = false;
  const { begin, asked } = await kit(t, () => (isGood ? good : bad));
  const { drills, remembered } = begin();
  const result = await drills.run(undefined, call);
  t.deepEqual([asked.length, result.older, remembered.lastDrill?.provenAt], [6, undefined, undefined]);
  isGood = true;
  await drills.run('generic-bbbbbbbb', call);
  t.is(drills.notices.length, 1, 'another source proves nothing about this one');
  await drills.run(app.id, call);
  t.deepEqual(drills.notices, []);
  t.like(remembered.lastDrill, { ok: true, provenAt: good.at });
});

test('without a backup there is nothing to try', async t => {
  const { begin } = await kit(t, () => null);
  await t.throwsAsync(begin().drills.run(undefined, call), { code: 'E_NOT_FOUND' });
});

test('whose part failed may not be known, as when the list of what there is cannot be read', t => {
  const last = { at: '2026-11-23T08:00:00Z', snapshot: 'aa', ok: false, files: 0, bytes: 0, databases: 0 };
  t.like(drillNotices(last, { sources: [app] })[0], { id: 'drill-failed', kind: 'drill-failed' });
});

test('what the place says of its objects is compared with their names, and nothing is said of those it is silent about', async t => {
  const [one, two] = ['11'.repeat(32), '22'.repeat(32)];
  async function* list() {
    yield { key: 'config', sizeBytes: 1, sha256: one };
    yield { key: `data/11/${one}`, sizeBytes: 1, sha256: one };
    yield { key: `data/22/${two}`, sizeBytes: 1, sha256: one };
    yield { key: `index/${two}`, sizeBytes: 1 };
    yield { key: `signet/heads/${'33'.repeat(8)}/7-${two}`, sizeBytes: 1, sha256: two };
    yield { key: `holiday/${two}`, sizeBytes: 1, sha256: one };
  }
  const { objects, problems } = await scrub({ list }, {});
  t.is(objects, 3);
  t.deepEqual(
    problems.map(({ key, code }) => [key, code]),
    [[`data/22/${two}`, 'E_OBJECT_ID']],
  );
});
