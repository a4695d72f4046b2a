// Forgetting as the engine does it, over a place in memory: which snapshots go, what the heads say afterwards, and what keeps it from being done.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { Alarms } from '../../daemon/jobs/alarms.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { namesIn } from '../../daemon/jobs/presence.ts';
import { wireErrorOf } from '../../protocol/errors.ts';
import type { ForgetEntry } from '../../protocol/status.ts';
import { type EngineKit, engineKit, sourceId } from '../support/engine-kit.ts';
import { manualClock } from '../support/manual-clock.ts';

const hour = 3_600_000;
const day = 24 * hour;

async function refused(t: ExecutionContext, work: Promise<unknown>): Promise<string> {
  const error = await t.throwsAsync(work);
  return wireErrorOf(error)?.code ?? String(error);
}

const ids = (entries: readonly ForgetEntry[]): readonly string[] => entries.map(({ id }) => id);

function stored({ remote }: EngineKit): readonly string[] {
  return [...remote.objects.keys()].flatMap(key => (key.startsWith('snapshots/') ? [key.slice(10)] : []));
}

/** A backup with its own text, so long after the one before. */
async function backUpAfter(kit: EngineKit, ms: number, text: string): Promise<string> {
  await kit.clock.advance(ms);
  writeFileSync(join(kit.source, 'chat.txt'), text);
  return (await kit.backUp()).snapshot ?? '';
}

/** Five in the first two hours, and one a day later. */
async function sixBackups(t: ExecutionContext): Promise<EngineKit & { readonly made: readonly string[] }> {
  const kit = await engineKit(t);
  const made: string[] = [];
  for (const ms of [0, 20 * 60_000, 20 * 60_000, 30 * 60_000, 20 * 60_000, 26 * hour]) {
    made.push(await backUpAfter(kit, ms, `${made.length}`));
  }
  return Object.assign(kit, { made });
}

async function standing(kit: EngineKit): Promise<Readonly<Record<string, boolean>>> {
  const { entries } = await kit.connection.sendRequest(engine.snapshots, { offset: 0, limit: 500 });
  return Object.fromEntries(entries.map(({ id, announced }) => [id, announced]));
}

test('the dry run of sixty days says what then goes, and what stays can be read', async t => {
  const kit = await engineKit(t);
  const texts = new Map<string, string>();
  for (let n = 0; n < 60; n++) {
    for (const ms of [day - 20 * 60_000, 20 * 60_000]) {
      const text = `day ${n} ${ms}`;
      texts.set(await backUpAfter(kit, ms, text), text);
    }
  }
  const heads = [...kit.remote.objects.keys()].filter(key => key.startsWith('signet/heads/')).length;
  const plan = await kit.forget({ dryRun: true });
  t.is(stored(kit).length, 120);
  t.is([...kit.remote.objects.keys()].filter(key => key.startsWith('signet/heads/')).length, heads);
  const done = await kit.forget();
  t.deepEqual(done.forget, plan.forget);
  t.deepEqual(done.keep, plan.keep);
  t.deepEqual(stored(kit).toSorted(), ids(plan.keep).toSorted());
  t.is(done.snapshots, plan.keep.length);
  t.true(plan.forget.length > 50, `${plan.forget.length} go`);
  t.deepEqual((await kit.forget()).forget, [], 'to forget twice forgets nothing more');
  for (const id of stored(kit)) {
    const path = `${sourceId}/chat.txt`;
    const { bytes } = await kit.connection.sendRequest(engine.read, { snapshot: id, path, offset: 0, length: 100 });
    t.is(Buffer.from(bytes).toString(), texts.get(id) ?? '');
  }
  t.deepEqual(await kit.findings(), []);
  await backUpAfter(kit, hour, 'one more');
  t.deepEqual(await kit.findings(), []);
});

test('ages are measured against the newest backup: a year without one forgets nothing', async t => {
  const kit = await sixBackups(t);
  const [plan] = [await kit.forget({ dryRun: true })];
  await kit.clock.advance(365 * day);
  t.deepEqual((await kit.forget({ dryRun: true })).forget, plan?.forget);
  await kit.forget();
  await kit.clock.advance(365 * day);
  t.deepEqual((await kit.forget()).forget, [], 'the head that forgot makes nothing older');
});

test('the head stands before any snapshot goes, and what a crash leaves goes the next time', async t => {
  const kit = await sixBackups(t);
  const { remove } = kit.remote;
  const order: string[] = [];
  const { put } = kit.remote;
  kit.remote.put = async (key, ...rest) => {
    order.push(`put ${key.split('/')[1]}`);
    return put(key, ...rest);
  };
  kit.remote.remove = async (key, options) => {
    if (!key.startsWith('snapshots/')) return remove(key, options);
    order.push('remove');
    throw new SignetError('E_UNREACHABLE', 'the place is gone');
  };
  t.is(await refused(t, kit.forget()), 'E_UNREACHABLE');
  t.deepEqual(order.slice(-2), ['put heads', 'remove']);
  t.is(stored(kit).length, 6);
  Object.assign(kit.remote, { remove, put });
  const after = await standing(kit);
  const left = Object.keys(after).filter(id => after[id] === false);
  t.true(left.length > 0, 'no head names them any more');
  t.deepEqual(await kit.findings(), []);
  const again = await kit.forget();
  t.deepEqual(ids(again.forget).toSorted(), left.toSorted());
  t.deepEqual(stored(kit).toSorted(), ids(again.keep).toSorted());
  t.true(Object.values(await standing(kit)).every(announced => announced));
});

/** The board of this computer, locked: what it knows of the place are names and what it wrote down. */
function lockedBoard({ remote, witness }: EngineKit, kept: Map<string, string>): Alarms {
  const memory = {
    get: (name: string) => (name === 'alarms' ? kept.get(name) : witness.repositoryId),
    set: (name: string, value: string) => void kept.set(name, value),
  };
  return new Alarms({
    state: { facts: memory as never, sealedFacts: memory as never },
    clock: manualClock(),
    log: { info: () => undefined, warn: () => undefined },
    self: witness.device,
    place: () => ({ place: 'memory', isSynced: false }),
    names: () => namesIn(remote),
    look: async () => undefined,
    ownLock: () => undefined,
    isBusy: () => false,
    onChanged: () => undefined,
  });
}

test('what is found of packs while its owner decides about others stays an alarm', async t => {
  const kit = await engineKit(t);
  await backUpAfter(kit, 0, 'the first');
  const { seen } = await kit.connection.sendRequest(engine.look, { witness: kit.witness, remembered: [] });
  const board = lockedBoard(kit, new Map());
  const missing = (digit: string, objects: number) =>
    ({ id: digit.repeat(64), code: 'E_MISSING', objects, detail: `${objects} packs are missing` }) as const;
  board.saw({ seen, findings: [missing('1', 1)], missing: [], packsLooked: true });
  t.like(board.standing, [{ params: { count: 1 } }]);
  board.saw({ seen, findings: [missing('2', 400)], missing: [], packsLooked: true });
  board.settlePacks([missing('1', 1).id]);
  t.like(board.standing, [{ params: { count: 400 } }]);
  board.settlePacks([missing('2', 400).id]);
  t.deepEqual(board.standing, []);
});

test('killed in the middle of removing, what was forgotten is missed by nobody who knows names alone', async t => {
  const kit = await sixBackups(t);
  const kept = new Map<string, string>();
  const { seen, findings } = await kit.connection.sendRequest(engine.look, { witness: kit.witness, remembered: [] });
  lockedBoard(kit, kept).saw({ seen, findings, missing: [] });
  let told = 0;
  kit.onAnnounced = announced => {
    t.is(stored(kit).length, 6, 'every file is still there');
    lockedBoard(kit, kept).saw(announced);
    told += 1;
  };
  const { remove } = kit.remote;
  let removed = 0;
  kit.remote.remove = async (key, options) => {
    if (key.startsWith('snapshots/') && ++removed > 1) throw new SignetError('E_UNREACHABLE', 'killed here');
    return remove(key, options);
  };
  await refused(t, kit.forget());
  kit.remote.remove = remove;
  t.is(told, 1);
  t.is(stored(kit).length, 5);
  const after = lockedBoard(kit, kept);
  await after.look();
  t.deepEqual(after.standing, []);
  const [expected = ''] = after.seen.snapshots.map(({ id }) => id);
  await remove(`snapshots/${expected}`);
  await after.look();
  t.deepEqual(
    after.standing.map(({ code }) => code),
    ['E_WITHHELD'],
    'what stays would be missed',
  );
});

test('as long as it cannot be remembered what goes, nothing goes', async t => {
  const kit = await sixBackups(t);
  kit.onAnnounced = () => {
    throw new SignetError('E_DISK_FULL', 'no room for a memory');
  };
  await t.throwsAsync(kit.forget());
  t.is(stored(kit).length, 6);
  t.deepEqual(await kit.findings(), []);
});

test('what was forgotten and is put back goes again, without a head of its own', async t => {
  const kit = await sixBackups(t);
  const before = new Map(kit.remote.objects);
  const [gone = ''] = ids((await kit.forget()).forget);
  const file = before.get(`snapshots/${gone}`);
  if (file === undefined) return t.fail('it was there');
  kit.remote.objects.set(`snapshots/${gone}`, file);
  const { ownHead } = kit.witness;
  t.deepEqual(ids((await kit.forget()).forget), [gone]);
  t.deepEqual(kit.witness.ownHead, ownHead);
  t.false(stored(kit).includes(gone));
});

test('while anything is hidden nothing is forgotten', async t => {
  const kit = await sixBackups(t);
  const [hidden = ''] = kit.made;
  kit.remote.objects.delete(`snapshots/${hidden}`);
  const before = [...kit.remote.objects.keys()];
  t.is(await refused(t, kit.forget()), 'E_ALARM');
  t.is(await refused(t, kit.forget({ dryRun: true })), 'E_ALARM');
  t.is(await refused(t, kit.forget({ snapshots: [kit.made[1] ?? ''] })), 'E_ALARM');
  t.deepEqual([...kit.remote.objects.keys()], before, 'no lock is left either');
});

test('while another computer backs up nothing is forgotten', async t => {
  const kit = await sixBackups(t);
  const { put } = kit.remote;
  const locks = new Map<string, Uint8Array>();
  kit.remote.put = async (key, body, ...rest) => {
    if (key.startsWith('locks/') && body instanceof Uint8Array) locks.set(key, new Uint8Array(body));
    return put(key, body, ...rest);
  };
  await backUpAfter(kit, hour, 'meanwhile');
  // As that of a backup which still runs.
  for (const [key, bytes] of locks) kit.remote.objects.set(key, bytes);
  t.is(await refused(t, kit.forget()), 'E_REPOSITORY_LOCKED');
  t.is(stored(kit).length, 7);
  for (const key of locks.keys()) kit.remote.objects.delete(key);
  t.true((await kit.forget()).forget.length > 0);
});

test('those that are named go, but never the newest', async t => {
  const kit = await sixBackups(t);
  const [first = '', second = ''] = kit.made;
  const done = await kit.forget({ snapshots: [first.slice(0, 12), second] });
  t.deepEqual(ids(done.forget).toSorted(), [first, second].toSorted());
  t.true(done.keep.every(({ reasons }) => reasons.join() === 'not-named'));
  t.is(stored(kit).length, 4);
  t.is(await refused(t, kit.forget({ snapshots: ['latest'] })), 'E_USAGE');
  t.is(await refused(t, kit.forget({ snapshots: [first] })), 'E_NOT_FOUND');
  t.is(stored(kit).length, 4);
  t.deepEqual(await kit.findings(), []);
});

test("another computer's go only when that one is named, and are missed by nobody", async t => {
  const kit = await sixBackups(t);
  const other = { id: 'ffeeddccbbaa9988', label: 'old tower' };
  const sources = [{ id: 'generic-zyxwvuts', profile: 'generic', label: 'chats', root: kit.source, captureNow: true }];
  let witness: engine.BackupOrder['witness'] = { ...kit.witness, device: other.id, ownHead: null, seen: {} };
  const theirs: string[] = [];
  for (const text of ['a', 'b']) {
    await kit.clock.advance(60_000);
    writeFileSync(join(kit.source, 'chat.txt'), `theirs ${text}`);
    const order = { reason: 'user', device: other, sources, memory: null, witness, remembered: [] } as const;
    const outcome = await kit.connection.sendRequest(engine.backup, order);
    ({ witness } = outcome);
    theirs.push(outcome.snapshot ?? '');
  }
  await backUpAfter(kit, hour, 'ours');
  const own = await kit.forget();
  t.true(theirs.every(id => own.keep.some(each => each.id === id && each.reasons.join() === 'other-device')));
  t.is(await refused(t, kit.forget({ snapshots: theirs })), 'E_USAGE');
  t.is(await refused(t, kit.forget({ of: '0000000000000000' })), 'E_USAGE');

  const done = await kit.forget({ of: other.id, snapshots: theirs });
  t.deepEqual(ids(done.forget).toSorted(), theirs.toSorted());
  t.false(stored(kit).some(id => theirs.includes(id)));
  // Its own head goes on naming them. Neither it nor this computer misses them, however many heads follow.
  for (let n = 0; n < 3; n++) {
    t.deepEqual(await kit.findings(), []);
    t.deepEqual(await kit.findings(witness), []);
    await backUpAfter(kit, hour, `later ${n}`);
  }
});

test('what is missing of another computer in a synced folder may be on its way', async t => {
  const kit = await sixBackups(t);
  const witness = { ...kit.witness, seen: { ffeeddccbbaa9988: 3 } };
  const error = await t.throwsAsync(kit.forget({ witness, isSynced: true }));
  t.like(wireErrorOf(error), { code: 'E_ALARM', params: { alarm: 'E_ROLLBACK', arriving: true } });
  const plain = await t.throwsAsync(kit.forget({ witness }));
  t.is(wireErrorOf(plain)?.params['arriving'], undefined);
});

test('a backup that lies days ahead keeps ages from being told, until its owner says that the clock is right', async t => {
  const kit = await engineKit(t);
  for (const text of ['a', 'b', 'c']) await backUpAfter(kit, 20 * 60_000, text);
  const right = kit.clock.now();
  await backUpAfter(kit, 300 * day, 'in the future');
  kit.clock.now = () => right + hour;
  t.is(await refused(t, kit.forget()), 'E_CLOCK');
  const { forget } = await kit.forget({ trustedUpTo: Number.MAX_SAFE_INTEGER });
  t.deepEqual(forget, [], 'by the right clock they are an hour old');
});

test('the newest complete capture of each source stays, whatever its age', async t => {
  const kit = await engineKit(t);
  const made = [await backUpAfter(kit, 60_000, 'a')];
  // A second source, which is taken off the list later.
  const root = join(kit.source, '..', 'notes');
  mkdirSync(root);
  writeFileSync(join(root, 'note.txt'), 'kept');
  const device = { id: kit.witness.device, label: 'bench' };
  const sources = [
    { id: sourceId, profile: 'generic', label: 'chats', root: kit.source, captureNow: true },
    { id: 'generic-zyxwvuts', profile: 'generic', label: 'notes', root, captureNow: true },
  ];
  await kit.clock.advance(60_000);
  const both = await kit.backUp({ device, sources });
  made.push(both.snapshot ?? '');
  made.push(await backUpAfter(kit, 60_000, 'b'));
  made.push(await backUpAfter(kit, 400 * day, 'c'));
  const rules = { keepAllHours: 1, keepHourlyDays: 0, keepDailyDays: 0, keepWeeklyWeeks: 0, keepMonthlyMonths: 1 };
  const { forget, keep } = await kit.forget({ rules });
  t.deepEqual(ids(forget).toSorted(), [made[0] ?? '', made[2] ?? ''].toSorted());
  t.deepEqual(
    keep.map(({ id, reasons }) => [id, reasons.join()]),
    [
      [made[3], 'all,monthly,newest-complete,newest-verified'],
      [made[1], 'newest-complete,newest-verified'],
    ],
  );
  t.deepEqual((await kit.forget({ rules })).forget, []);
});

test('a listing that lacks snapshots only when it is asked what is needed lets nothing go', async t => {
  const kit = await engineKit(t);
  const first = await backUpAfter(kit, 0, 'the first');
  await backUpAfter(kit, hour, 'the second');
  const before = [...kit.remote.objects.keys()].filter(key => /^(?:data|index)\//.test(key));
  const { list } = kit.remote;
  let looks = 0;
  kit.remote.list = async function* (prefix, options) {
    const isShort = prefix === 'snapshots' && ++looks > 1;
    for await (const entry of list(prefix, options)) {
      if (!(isShort && entry.key.endsWith(first))) yield entry;
    }
  };
  const { witness } = kit;
  const order = { witness, isSynced: false, dryRun: false, notes: {}, mayDelete: true };
  t.is(await refused(t, kit.connection.sendRequest(engine.prune, order)), 'E_MISSING');
  t.true(looks > 1);
  const after = [...kit.remote.objects.keys()].filter(key => /^(?:data|index)\//.test(key));
  t.deepEqual(after, before);
});
