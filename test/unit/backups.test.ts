// Backups as jobs: what is asked of the engine for a source that was held back, and what is kept of the answer.

import test, { type ExecutionContext } from 'ava';
import type { RequestType } from 'vscode-jsonrpc/node';
import { SignetError } from '../../daemon/base/errors.ts';
import { acceptedName, Backups, putBackName } from '../../daemon/jobs/backups.ts';
import type { Engine } from '../../daemon/jobs/engine.ts';
import type * as engine from '../../daemon/jobs/engine-messages.ts';
import { JobQueue } from '../../daemon/jobs/job-queue.ts';
import { PastRuns } from '../../daemon/jobs/past-runs.ts';
import type { Witness } from '../../daemon/state/model.ts';
import { defaultSettings, openState, type State } from '../../daemon/state/state.ts';
import { manualClock } from '../support/manual-clock.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const id = 'whatsapp-android-abcdefgh';
const settings = {
  ...defaultSettings('bench'),
  sources: [{ id, profile: 'whatsapp-android', label: 'WhatsApp', root: '/nowhere' }],
};
const snapshot = 'dd'.repeat(32);
const shrunk = { snapshot, reason: 'shrunk' };

const witness: Witness = {
  v: 1,
  since: '2026-11-23T00:00:00.000Z',
  repositoryId: 'aa'.repeat(32),
  keyFileId: 'bb'.repeat(32),
  masterKeyFingerprint: 'cc'.repeat(8),
  vaultSha256: null,
  vaultGeneration: 0,
  device: 'dd'.repeat(8),
  ownHead: null,
  seen: {},
};

type Found = Partial<engine.BackupOutcome['sources'][number]>;

interface Kit {
  readonly state: State;
  readonly orders: engine.BackupOrder[];
  readonly clock: ReturnType<typeof manualClock>;
  backups: Backups;
  /** What the next backup finds; an error fails it. */
  next: Found | Error;
  /** Sources that a restore into their place left in the middle. */
  halfRestored: readonly string[];
  /** As after a restart: only what lies on the disk is known. */
  restart(): void;
}

async function kit(t: ExecutionContext): Promise<Kit> {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  const orders: engine.BackupOrder[] = [];
  const answering = {
    async ask(_type: RequestType<object, unknown, unknown>, order: engine.BackupOrder) {
      orders.push(order);
      if (made.next instanceof Error) throw made.next;
      return outcomeOf(order, made.next);
    },
  } as unknown as Pick<Engine, 'ask'>;
  const begin = (): Backups =>
    new Backups({
      engine: answering,
      state,
      clock,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      queue: new JobQueue(clock, () => undefined),
      past: new PastRuns(state.history),
      alarms: {
        standing: [],
        seen: { heads: [], snapshots: [] },
        missedHeads: [],
        saw: () => undefined,
        beforeBackup: async () => undefined,
        forget: () => undefined,
      },
      around: { before: async () => undefined, after: async () => undefined },
      deviceId: 'aa',
      settings: () => settings,
      isHalfRestored: id => made.halfRestored.includes(id),
      stateKey: () => new Uint8Array(32),
      witness: async () => witness,
      settle: async () => undefined,
      onPlace: () => undefined,
      sawDevices: () => undefined,
      onChanged: () => undefined,
    });
  const made: Kit = {
    halfRestored: [],
    state,
    orders,
    clock,
    backups: begin(),
    next: {},
    restart() {
      made.backups = begin();
    },
  };
  return made;
}

function outcomeOf(order: engine.BackupOrder, found: Found): engine.BackupOutcome {
  const source = { id, capturedAt: '2026-11-23T00:00:00Z', complete: true, verified: true, ...found };
  return {
    ...(found.carriedFrom === undefined && { snapshot }),
    at: '2026-11-23T00:00:00Z',
    reason: order.reason,
    filesNew: 1,
    filesChanged: 0,
    filesUnreadable: found.carriedFrom === undefined ? [] : [{ path: id, reason: found.carriedFrom.reason }],
    notVerified: [],
    bytesRead: 1,
    bytesAdded: 1,
    bytesUploaded: 1,
    requests: 1,
    durationMs: 1,
    messagesNew: 212,
    conversationsChanged: 9,
    sources: [source],
    memory: { snapshot, databases: {} },
    witness: order.witness,
    snapshots: 1,
    repositoryBytes: 1,
    findings: [],
    seen: { heads: [], snapshots: [] },
    missing: [],
    packsLooked: true,
    devices: [],
  };
}

test('a loss is accepted once: the next backup takes the source as it is, the one after asks again', async t => {
  const made = await kit(t);
  made.next = { carriedFrom: shrunk, loss: { of: 'messages', count: 950 } };
  await made.backups.run('user');
  t.false(made.orders[0]?.sources[0]?.lossAccepted);
  t.like(made.backups.notices, [{ kind: 'shrunk', source: id, params: { app: 'WhatsApp', count: 950 } }]);

  made.state.facts.set(acceptedName(id), 'yes');
  t.deepEqual(made.backups.notices, []);
  made.next = {};
  await made.backups.run('user');
  t.is(made.orders[1]?.sources[0]?.lossAccepted, 'in part');
  t.is(made.state.facts.get(acceptedName(id)), undefined);
  made.next = { carriedFrom: shrunk, loss: { of: 'messages', count: 40 } };
  await made.backups.run('user');
  t.false(made.orders[2]?.sources[0]?.lossAccepted);
  t.is(made.backups.notices.length, 1);
});

test('what was said stays said until a backup of the source went through', async t => {
  const made = await kit(t);
  made.next = { carriedFrom: shrunk };
  await made.backups.run('user');
  made.state.facts.set(acceptedName(id), 'yes');
  await made.backups.run('change', new Set());
  t.false(made.orders[1]?.sources[0]?.lossAccepted, 'it is not looked at');
  made.next = new SignetError('E_UNREACHABLE', 'gone');
  await t.throwsAsync(made.backups.run('user'));
  made.restart();
  made.next = {};
  await made.backups.run('user');
  t.is(made.orders[3]?.sources[0]?.lossAccepted, 'in part');
});

test('accepting that a few messages went does not accept the next loss', async t => {
  const made = await kit(t);
  made.next = { messagesFewer: 30 };
  await made.backups.run('user');
  t.like(made.backups.notices, [{ kind: 'fewer-messages', params: { count: 30 } }]);
  made.state.facts.set(acceptedName(id), 'yes');
  t.deepEqual(made.backups.notices, []);
  made.next = { carriedFrom: shrunk };
  await made.backups.run('user');
  t.false(made.orders[1]?.sources[0]?.lossAccepted);
  t.like(made.backups.notices, [{ kind: 'shrunk' }]);
});

test('older files that were put back are taken as they are, once, and their losses are not told', async t => {
  const made = await kit(t);
  made.state.facts.set(putBackName(id), 'yes');
  made.next = { messagesFewer: 5000 };
  await made.backups.run('user');
  t.is(made.orders[0]?.sources[0]?.lossAccepted, 'in part');
  t.deepEqual(made.backups.notices, []);
  t.is(made.state.facts.get(putBackName(id)), undefined);
  await made.backups.run('user');
  t.false(made.orders[1]?.sources[0]?.lossAccepted);
  t.like(made.backups.notices, [{ kind: 'fewer-messages' }]);
});

test('what a restore left in the middle is not looked at, and no run is good meanwhile', async t => {
  const made = await kit(t);
  made.halfRestored = [id];
  await made.backups.run('user');
  t.false(made.orders[0]?.sources[0]?.captureNow);
  t.is(made.backups.history(undefined, 1).runs[0]?.outcome, 'partial');
  made.halfRestored = [];
  await made.backups.run('user');
  t.true(made.orders[1]?.sources[0]?.captureNow);
  t.is(made.backups.history(undefined, 1).runs[0]?.outcome, 'good');
});

test('after a restart the state still tells of the sources and their notices', async t => {
  const made = await kit(t);
  made.next = { messages: 41_208, conversations: 128, sizeBytes: 4e9, leftOut: { files: 412, bytes: 3e9 } };
  await made.backups.run('user');
  made.next = { ...made.next, carriedFrom: { snapshot, reason: 'missing' } };
  await made.backups.run('user');
  const { notices, sources } = made.backups;
  made.restart();
  t.deepEqual(made.backups.notices, notices);
  t.deepEqual(made.backups.sources, sources);
  t.like(sources.get(id), { messages: 41_208, leftOut: { files: 412 }, problem: 'missing' });
});

test('a full disk of this computer fails no backup that was made', async t => {
  const made = await kit(t);
  made.state.facts.set = () => {
    throw new SignetError('E_DISK_FULL', 'no room');
  };
  made.next = { messages: 5 };
  t.is((await made.backups.run('user')).snapshot, snapshot);
  t.is(made.backups.sources.get(id)?.messages, 5);
  made.state.facts.set = () => {
    throw new Error('disk I/O error');
  };
  await t.throwsAsync(made.backups.run('user'));
});

test('the history comes newest first, page by page, whatever the clock did', async t => {
  const made = await kit(t);
  for (let n = 0; n < 5; n++) {
    await made.backups.run('user');
    await made.clock.advance(60_000);
  }
  made.next = new SignetError('E_UNREACHABLE', 'gone');
  await t.throwsAsync(made.backups.run('user'));
  const first = made.backups.history(undefined, 4);
  t.true(first.isMore);
  t.like(first.runs[0], { outcome: 'failed', code: 'E_UNREACHABLE' });
  t.like(first.runs[1], { outcome: 'good', snapshot, messagesNew: 212, filesNew: 1 });
  const second = made.backups.history(first.runs.at(-1)?.at, 4);
  t.false(second.isMore);
  const times = [...first.runs, ...second.runs].map(({ at }) => at);
  t.is(new Set(times).size, 6);
  t.deepEqual(times, times.toSorted().reverse());
  t.deepEqual(made.backups.history(times.at(-1), 4), { runs: [], isMore: false });
  t.is(made.backups.history('2100-01-01T00:00:00.000Z', 10).runs.length, 6, 'a time at which nothing ran');
});
