// Who may do what when, with an engine that answers as a test wants.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { RequestType } from 'vscode-jsonrpc/node';
import { isCode, SignetError } from '../../daemon/base/errors.ts';
import { Engine } from '../../daemon/jobs/engine.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { Jobs } from '../../daemon/jobs/jobs.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import type { SourceSetting } from '../../daemon/state/model.ts';
import { defaultSettings, openState, type State } from '../../daemon/state/state.ts';
import { openVaultState } from '../../daemon/vault/vault.ts';
import type { Home } from '../../protocol/home.ts';
import { manualClock } from '../support/manual-clock.ts';
import { keptIn, MemoryKeychain } from '../support/memory-keychain.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { CountedKeyWork } from '../support/vault-kit.ts';

const recoveryKey = '07'.repeat(32);
const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const identity = { repositoryId: 'aa'.repeat(32), keyFileId: 'bb'.repeat(32), masterKeyFingerprint: 'cc'.repeat(8) };
const stateKey = new Uint8Array(32).fill(5);
const source = (name: string): SourceSetting => ({
  id: `generic-${name.repeat(8)}`,
  profile: 'generic',
  label: name,
  root: `/nowhere/${name}`,
});
const call = { progress: () => undefined, signal: new AbortController().signal };

type Answers = Record<string, (params: never, signal: AbortSignal | undefined) => unknown>;

interface Kit {
  readonly jobs: Jobs;
  readonly home: Home;
  readonly state: State;
  readonly clock: ReturnType<typeof manualClock>;
  /** Methods asked of the engine, and 'stop'. */
  readonly asked: string[];
  /** A step of the job that was asked last. */
  report(step: Pick<engine.EngineProgress, 'phase'>): void;
}

async function kit(t: ExecutionContext, answers: Answers, isSetUp = true): Promise<Kit> {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  if (isSetUp) {
    const remote = `folder:${join(home.state, '..', 'copies')}`;
    const schedule = { kind: 'manual', at: '03:30', onChange: false } as const;
    await state.settings.save({ ...defaultSettings('bench'), remote, sources: [source('a'), source('b')], schedule });
  }
  const asked: string[] = [];
  let stop = (): void => undefined;
  let report: (step: engine.EngineProgress) => void = () => undefined;
  const known: Answers = {
    open: () => ({ ...identity, stateKey: Uint8Array.from(stateKey) }),
    measure: () => ({ snapshots: 0, sizeBytes: 0 }),
    ...answers,
  };
  const fake = {
    async ask(
      type: RequestType<object, unknown, unknown>,
      params: object,
      { signal, onProgress }: Parameters<Engine['ask']>[2] = {},
    ) {
      asked.push(type.method);
      report = onProgress ?? report;
      const stopped = new Promise((_, reject) => {
        stop = () => reject(new SignetError('E_CANCELLED', 'the engine was stopped while it worked'));
      });
      stopped.catch(() => undefined);
      return Promise.race([known[type.method]?.(params as never, signal), stopped]);
    },
    async stop() {
      asked.push('stop');
      stop();
    },
  } as Pick<Engine, 'ask' | 'stop'>;
  const kept = keptIn(new MemoryKeychain('none'), { home, state, clock });
  const vault = await openVaultState({
    clock,
    keyWork: new CountedKeyWork(),
    copy: state.vaultCopy,
    phone: kept.phone,
    memory: () => ({ totalBytes: 8 << 30, availableBytes: 8 << 30 }),
  });
  const jobs = await Jobs.open({
    home,
    openBeside: async () => {
      throw new SignetError('E_INTERNAL', 'nothing is started afresh here');
    },
    state,
    vault,
    ...kept,
    engine: fake,
    clock,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    boot: { name: undefined, uptimeMs: () => 0 },
    machineId: 'bench',
    hostLabel: 'bench',
    homeFolders: [],
    newSource: async () => source('a'),
    discover: async () => [],
    syncedFolders: async () => [],
    syncAppOf: async () => undefined,
    startWatching: async () => ({ settling: () => undefined, close: async () => undefined }),
    openFolder: createFolderRemote,
    openFiles: async () => false,
    power: async () => ({ onBattery: undefined, isMetered: undefined }),
    randomBytes: count => new Uint8Array(count).fill(1),
    onStatus: () => undefined,
    around: { before: async () => undefined, after: async () => undefined, end: () => undefined },
  });
  const nothing = { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0, bytesUploaded: 0, item: '' };
  return { jobs, home, state, clock, asked, report: step => report({ ...nothing, ...step }) };
}

const unlock = ({ jobs }: Kit): Promise<void> => jobs.unlock({ recoveryKey: utf8(recoveryKey) });

function outcomeOf(order: engine.BackupOrder, changes: Partial<engine.BackupOutcome> = {}): engine.BackupOutcome {
  return {
    snapshot: 'dd'.repeat(32),
    at: '2026-11-23T00:00:00Z',
    reason: order.reason,
    filesNew: 1,
    filesChanged: 0,
    filesUnreadable: [],
    notVerified: [],
    bytesRead: 1,
    bytesAdded: 1,
    bytesUploaded: 1,
    requests: 1,
    durationMs: 1,
    sources: order.sources.map(({ id, captureNow }) => ({
      id,
      capturedAt: '2026-11-23T00:00:00Z',
      complete: true,
      verified: true,
      ...(!captureNow && { carriedFrom: { snapshot: 'ee'.repeat(32), reason: 'not-due' as const } }),
    })),
    memory: { snapshot: 'dd'.repeat(32), databases: {} },
    witness: { ...order.witness, ownHead: { seq: 7, sha256: 'ab'.repeat(32) } },
    snapshots: 1,
    repositoryBytes: 1,
    findings: [],
    seen: { heads: [], snapshots: [] },
    missing: [],
    packsLooked: true,
    devices: [],
    ...changes,
  };
}

test('locking while a backup ends seals nothing under a wiped key', async t => {
  const made = await kit(t, {
    backup(order: never) {
      setImmediate(() => void made.jobs.lock());
      return new Promise(resolve => setImmediate(resolve, outcomeOf(order)));
    },
  });
  await unlock(made);
  await made.jobs.backup('user');
  await made.jobs.lock();
  const witness = await made.state.loadWitness(stateKey);
  t.is(typeof witness === 'object' && witness.ownHead?.seq, 7);
  await t.notThrowsAsync(made.state.loadSealed('captures', stateKey));
  t.is(made.jobs.status().vault, 'locked');
});

test('locking lets what runs clean up after itself, and ends it when it does not', async t => {
  const cleaned = Promise.withResolvers<never>();
  const made = await kit(t, { restore: () => cleaned.promise });
  await unlock(made);
  const order = { snapshot: 'latest', target: '/nowhere/restored', include: [], dryRun: false };
  const restored = made.jobs.restore(order, call).catch((error: SignetError) => error.code);
  while (!made.asked.includes('restore')) await new Promise(setImmediate);
  const locked = made.jobs.lock();
  t.is(made.jobs.status().vault, 'locked', 'at once');
  t.false(made.asked.includes('stop'));
  cleaned.reject(new SignetError('E_CANCELLED', 'stopped'));
  t.is(await restored, 'E_CANCELLED');
  await locked;
  t.is(made.asked.at(-1), 'stop');

  const stuck = await kit(t, { restore: () => new Promise(() => undefined) });
  await unlock(stuck);
  const never = stuck.jobs.restore(order, call).catch((error: SignetError) => error.code);
  while (!stuck.asked.includes('restore')) await new Promise(setImmediate);
  const waiting = stuck.jobs.restore(order, call).catch((error: SignetError) => error.code);
  const ended = stuck.jobs.lock();
  await stuck.clock.timerWithin(10_000);
  stuck.clock.advance(10_000);
  await ended;
  t.is(await never, 'E_CANCELLED');
  t.is(await waiting, 'E_VAULT_LOCKED', 'what waited for its turn does not begin');
});

test('a state that cannot be read does not keep the keys from being forgotten', async t => {
  const made = await kit(t, {});
  await unlock(made);
  made.jobs.status = () => {
    throw new Error('disk I/O error');
  };
  await t.notThrowsAsync(made.jobs.lock());
  t.is(made.asked.at(-1), 'stop');
  await t.throwsAsync(made.jobs.browsing.snapshots({ offset: 0, limit: 1 }, call.signal), {
    message: 'the vault is locked',
  });
});

test('who joins a backup that waits for its turn is told of that backup, not of the job before', async t => {
  const restored = Promise.withResolvers<unknown>();
  const made = await kit(t, {
    restore: () => restored.promise,
    backup(order) {
      made.report({ phase: 'storing' });
      return outcomeOf(order);
    },
  });
  await unlock(made);
  const order = { snapshot: 'latest', target: '/nowhere/restored', include: [], dryRun: false };
  const restore = made.jobs.restore(order, call);
  while (!made.asked.includes('restore')) await new Promise(setImmediate);
  const heard: string[] = [];
  const first = made.jobs.backup('user');
  const second = made.jobs.backup('user', undefined, { progress: ({ kind }) => void heard.push(kind) });
  made.report({ phase: 'restoring' });
  restored.resolve({});
  await Promise.all([restore, first, second]);
  t.deepEqual(heard, ['backup']);
});

test('two clients that unlock at once open the backup once', async t => {
  const made = await kit(t, {});
  await Promise.all([unlock(made), unlock(made)]);
  t.is(made.asked.filter(method => method === 'open').length, 1);
});

test('a look whether the place answers does not stop an unlock beside it', async t => {
  const opened = Promise.withResolvers<unknown>();
  const made = await kit(t, { open: () => opened.promise, reachable: () => true });
  const unlocked = unlock(made);
  while (!made.asked.includes('open')) await new Promise(setImmediate);
  const checked = made.jobs.check();
  await new Promise(setImmediate);
  opened.resolve({ ...identity, stateKey: Uint8Array.from(stateKey) });
  await unlocked;
  t.is((await checked).vault, 'unlocked');
  t.false(made.asked.includes('stop'));
});

test('a recovery key that is not the one in use opens nothing that is open already', async t => {
  const made = await kit(t, {});
  await unlock(made);
  const error = await t.throwsAsync(made.jobs.unlock({ recoveryKey: utf8('08'.repeat(32)) }));
  t.true(isCode(error, 'E_WRONG_SECRET'));
  t.is(made.jobs.status().vault, 'unlocked');
  made.clock.advance(1000); // one try a second
  await t.notThrowsAsync(unlock(made));
});

test('of two clients that set up at once, the second finds it done and undoes nothing', async t => {
  const made = await kit(t, { inspect: () => 'repository' }, false);
  const order = { sources: [], remote: `folder:${made.home.state}-copies`, readOnly: true };
  const secrets = { recoveryKey: utf8(recoveryKey) };
  const [first, second] = await Promise.allSettled([
    made.jobs.setup(order, secrets, call),
    made.jobs.setup({ ...order, createOnly: true }, secrets, call),
  ]);
  t.is(first.status, 'fulfilled');
  t.true(second.status === 'rejected' && isCode(second.reason, 'E_ALREADY_SET_UP'));
  t.is(made.jobs.status().vault, 'unlocked');
});

test('before set-up a place tells what lies there, unless chats and copies would lie in one another', async t => {
  const bench = await kit(t, { inspect: () => 'repository' }, false);
  const copies = join(bench.home.state, '..', 'copies');
  const { signal } = new AbortController();
  const chats = join(bench.home.state, '..', 'chats');
  t.deepEqual(await bench.jobs.inspectPlace(`folder:${copies}`, [chats], signal), { holds: 'repository' });
  const error = await t.throwsAsync(() => bench.jobs.inspectPlace(`folder:${copies}`, [join(copies, 'chats')], signal));
  t.is((error as SignetError).code, 'E_USAGE');
  t.is((error as SignetError).params['folder'], copies);
  t.deepEqual(bench.asked, ['inspect'], 'what cannot be is not looked at');
});

test('a source that could not be read stays a problem until it is looked at again', async t => {
  const missing = { snapshot: 'ee'.repeat(32), reason: 'missing' as const };
  let isMissing = true;
  const made = await kit(t, {
    backup(order: engine.BackupOrder) {
      const outcome = outcomeOf(order);
      const sources = outcome.sources.map(each =>
        isMissing && each.id === source('b').id && each.carriedFrom === undefined
          ? { ...each, carriedFrom: missing }
          : each,
      );
      const isSeen = sources.some(each => each.carriedFrom?.reason === 'missing');
      return { ...outcome, sources, filesUnreadable: isSeen ? [{ path: 'b', reason: 'missing' as const }] : [] };
    },
  });
  await unlock(made);
  await made.jobs.backup('user');
  t.is(made.jobs.status().lastGoodAt, null);
  await made.jobs.backup('change', new Set([source('a').id]));
  t.is(made.jobs.status().lastGoodAt, null, 'a change elsewhere makes it no better');
  t.is(made.jobs.status().sources[1]?.problem, 'missing');
  isMissing = false;
  await made.jobs.backup('user');
  t.truthy(made.jobs.status().lastGoodAt);
  t.is(made.jobs.status().sources[1]?.problem, undefined);
});

test('an engine that dies fails what it was asked and leaves nothing staged; one that is stopped cancels it', async t => {
  const home = await temporaryHome(t);
  const failures: string[] = [];
  const program = new URL('../support/engine-that-dies.ts', import.meta.url);
  const made = new Engine({ googleRoot: undefined, program, home, onFailure: error => failures.push(error.code) });
  const died = await t.throwsAsync(made.ask(engine.measure, { devices: false }));
  t.true(isCode(died, 'E_INTERNAL'), String(died));
  t.deepEqual(failures, ['E_INTERNAL']);
  t.false(existsSync(join(home.staging, 'copy')));

  const asked = made.ask(engine.snapshots, { offset: 0, limit: 1 }).catch((error: unknown) => error);
  while (!existsSync(join(home.staging, 'copy', 'image'))) await new Promise(setImmediate);
  await made.stop();
  t.true(isCode(await asked, 'E_CANCELLED'));
  t.false(existsSync(join(home.staging, 'copy')));
});

test('the state tells of the computers, the last check and since when it is locked, also without the place', async t => {
  const laptop = { id: '', label: 'Laptop', number: 7, at: '2026-11-23T00:00:00Z' };
  const other = { id: '22'.repeat(8), label: 'Desktop', number: 3, at: '2026-11-22T00:00:00Z' };
  const made = await kit(t, {
    measure: ({ devices }: { readonly devices: boolean }) => ({
      snapshots: 3,
      sizeBytes: 0,
      ...(devices && { devices: [other] }),
    }),
    backup: (order: engine.BackupOrder) => outcomeOf(order, { devices: [other, { ...laptop, id: order.device.id }] }),
    verify: () => ({ type: 'result', ok: true, problems: [], snapshots: 1, packs: 1, bytesRead: 5 }),
    vaults: () => [],
  });
  const { jobs, clock } = made;
  t.is(jobs.status().devices, undefined);
  await unlock(made);
  t.deepEqual(jobs.status().devices, [{ ...other, isThis: false }]);
  await jobs.backup('user');
  t.deepEqual(
    jobs.status().devices?.map(({ label, number, isThis }) => [label, number, isThis]),
    [
      ['Laptop', 7, true],
      ['Desktop', 3, false],
    ],
  );
  await jobs.verifying.verify(0, call);
  const at = new Date(clock.now()).toISOString();
  clock.advance(60_000);
  t.is(jobs.status().dates?.lockedAt, undefined);
  await jobs.lock();
  const status = jobs.status();
  t.deepEqual(status.lastVerified, { at, bytesRead: 5, problems: 0 });
  t.is(status.dates?.lockedAt, new Date(clock.now()).toISOString());
  t.is(status.devices?.length, 2);
});
