// Sessions without processes: a daemon that starts again is another Jobs over the same home and keychain.

import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { RequestType } from 'vscode-jsonrpc/node';
import { SignetError } from '../../daemon/base/errors.ts';
import type { Engine } from '../../daemon/jobs/engine.ts';
import { Jobs } from '../../daemon/jobs/jobs.ts';
import { LoginMarker } from '../../daemon/platform/platform.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings, openState } from '../../daemon/state/state.ts';
import { openVaultState } from '../../daemon/vault/vault.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Home } from '../../protocol/home.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { keptIn, MemoryKeychain } from '../support/memory-keychain.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { CountedKeyWork } from '../support/vault-kit.ts';

const minute = 60_000;
const recoveryKey = '07'.repeat(32);
const secrets = { recoveryKey: new Uint8Array(Buffer.from(recoveryKey)) };
const identity = { repositoryId: 'aa'.repeat(32), keyFileId: 'bb'.repeat(32), masterKeyFingerprint: 'cc'.repeat(8) };
const call = { progress: () => undefined, signal: new AbortController().signal };

/** The computer: what outlives a daemon. */
interface Computer {
  readonly home: Home;
  readonly clock: ManualClock;
  readonly keychain: MemoryKeychain;
  /** What the place of the copies answers when it is opened; nothing: it opens. */
  place: ErrorCode | undefined;
  /** Recovery keys and key files with which it was opened. */
  readonly opened: { readonly recoveryKey: string; readonly keyFileId: string | undefined }[];
}

async function computer(t: ExecutionContext, settings: Partial<Settings> = {}): Promise<Computer> {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  const remote = `folder:${join(home.state, '..', 'copies')}`;
  const schedule = { kind: 'manual', at: '03:30', onChange: false } as const;
  await state.settings.save({ ...defaultSettings('bench'), remote, schedule, ...settings });
  state.close();
  return { home, clock, keychain: new MemoryKeychain(), place: undefined, opened: [] };
}

async function start(t: ExecutionContext, on: Computer, login = 'boot 1'): Promise<Jobs> {
  const { home, clock } = on;
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  const kept = keptIn(on.keychain, { home, state, clock, login });
  const answers: Record<string, (params: { recoveryKey: Uint8Array; keyFileId?: string }) => unknown> = {
    open(params) {
      on.opened.push({ recoveryKey: Buffer.from(params.recoveryKey).toString('hex'), keyFileId: params.keyFileId });
      if (on.place !== undefined) throw new SignetError(on.place, 'not now');
      return { ...identity, stateKey: new Uint8Array(32).fill(5) };
    },
    measure: () => ({ snapshots: 0, sizeBytes: 0 }),
    snapshots: () => ({ entries: [], total: 0 }),
  };
  const engine = {
    ask: async (type: RequestType<object, unknown, unknown>, params: never) => answers[type.method]?.(params),
    stop: async () => undefined,
  } as unknown as Pick<Engine, 'ask' | 'stop'>;
  const jobs = await Jobs.open({
    home,
    openBeside: async () => {
      throw new Error('nothing is started afresh here');
    },
    state,
    ...kept,
    vault: await openVaultState({
      clock,
      keyWork: new CountedKeyWork(),
      copy: state.vaultCopy,
      phone: kept.phone,
      memory: () => ({ totalBytes: 8 << 30, availableBytes: 8 << 30 }),
    }),
    engine,
    clock,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    machineId: 'bench',
    discover: async () => [],
    syncedFolders: async () => [],
    syncAppOf: async () => undefined,
    hostLabel: 'bench',
    homeFolders: [],
    newSource: async () => {
      throw new Error('no source is made here');
    },
    startWatching: async () => ({ settling: () => undefined, close: async () => undefined }),
    openFolder: createFolderRemote,
    openFiles: async () => false,
    power: async () => ({ onBattery: undefined, isMetered: undefined }),
    around: { before: async () => undefined, after: async () => undefined, end: () => undefined },
    randomBytes: count => new Uint8Array(count).fill(1),
    onStatus: () => undefined,
  });
  await jobs.settled();
  return jobs;
}

const marker = ({ home }: Computer): string => join(home.runtime, 'session');

test('a daemon that ends in any way leaves the session to the next, which opens with the same key and no password', async t => {
  const on = await computer(t);
  const first = await start(t, on);
  t.deepEqual([first.status().vault, first.status().keychain], ['locked', 'session']);
  await first.unlock(secrets);
  const killed = await start(t, on);
  t.is(killed.status().vault, 'unlocked');
  t.deepEqual(on.opened.at(-1), { recoveryKey, keyFileId: identity.keyFileId });
  await killed.stop();
  t.is(killed.status().vault, 'locked', 'the one that ends has no keys any more');
  t.is((await start(t, on)).status().vault, 'unlocked');
});

const endings: readonly (readonly [string, (t: ExecutionContext, on: Computer, jobs: Jobs) => unknown])[] = [
  ['a lock', (_t, _on, jobs) => jobs.lock()],
  ['another boot', (t, on) => start(t, on, 'boot 2')],
  ['a logout', (_t, on) => rmSync(marker(on))],
  ['a marker that is not ours', (_t, on) => writeFileSync(marker(on), 'x')],
];
for (const [name, end] of endings) {
  test(`${name} ends the session for good`, async t => {
    const on = await computer(t);
    const jobs = await start(t, on);
    await jobs.unlock(secrets);
    await end(t, on, jobs);
    t.is((await start(t, on)).status().vault, 'locked');
    t.false(existsSync(marker(on)));
    t.is(on.keychain.items.size, 0);
    await jobs.lock();
  });
}

test('a place that cannot be reached keeps the session, which opens it as soon as it can', async t => {
  const on = await computer(t);
  await (await start(t, on)).unlock(secrets);
  on.place = 'E_UNREACHABLE';
  const jobs = await start(t, on);
  t.deepEqual([jobs.status().vault, jobs.status().remote?.reachable], ['locked', false]);
  on.clock.advance(10_000);
  await jobs.settled();
  t.is(on.opened.length, 3);
  on.place = undefined;
  on.clock.advance(minute);
  await jobs.settled();
  t.is(jobs.status().vault, 'unlocked');
});

test('no garbage and no entry of another installation opens anything, and nothing but our own entry is taken away', async t => {
  const other = await computer(t);
  await (await start(t, other)).unlock(secrets);
  const [foreign = new Uint8Array()] = other.keychain.items.values();
  const on = await computer(t);
  on.keychain.items.set('somebody/session', foreign);
  for (const garbage of ['', 'x', 'signet-session-9.AAAA', 'signet-session-1.AAAA', '{}', foreign]) {
    await (await start(t, on)).unlock(secrets);
    const ours = [...on.keychain.items.keys()].find(account => account !== 'somebody/session') ?? '';
    on.keychain.items.set(ours, typeof garbage === 'string' ? new Uint8Array(Buffer.from(garbage)) : garbage);
    t.is((await start(t, on)).status().vault, 'locked');
    t.deepEqual([...on.keychain.items.keys()], ['somebody/session']);
  }
});

test('a key that opens the place no longer is not kept', async t => {
  const on = await computer(t);
  await (await start(t, on)).unlock(secrets);
  on.place = 'E_WRONG_SECRET';
  t.is((await start(t, on)).status().vault, 'locked');
  on.place = undefined;
  t.is((await start(t, on)).status().vault, 'locked');
  t.is(on.keychain.items.size, 0);
});

test('an engine that dies is opened again by the session', async t => {
  const on = await computer(t);
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  jobs.engineFailed(new SignetError('E_INTERNAL', 'it died'));
  t.is(jobs.status().vault, 'locked');
  await on.clock.timerWithin(10_000);
  on.clock.advance(10_000);
  await jobs.settled();
  t.is(jobs.status().vault, 'unlocked');
});

test('the limits hold over restarts: so long after the password, so long after the last use', async t => {
  for (const limit of [{ lockAfterMs: 60 * minute }, { lockAfterIdleMs: 60 * minute }]) {
    const on = await computer(t, limit);
    const jobs = await start(t, on);
    await jobs.unlock(secrets);
    on.clock.advance(59 * minute);
    t.is(jobs.status().vault, 'unlocked');
    t.is((await start(t, on)).status().vault, 'unlocked', 'within the limit');
    on.clock.jumpTo(on.clock.now() + 61 * minute); // nobody was there to lock
    t.is((await start(t, on)).status().vault, 'locked', JSON.stringify(limit));
    t.is(on.keychain.items.size, 0);
  }
});

test('use holds the idle lock off, and locking by itself ends the session', async t => {
  const on = await computer(t, { lockAfterIdleMs: 10 * minute });
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  on.clock.advance(9 * minute);
  await jobs.browsing.snapshots({ offset: 0, limit: 1 }, call.signal);
  on.clock.advance(9 * minute);
  t.is(jobs.status().vault, 'unlocked');
  on.clock.advance(2 * minute);
  t.is(jobs.status().vault, 'locked');
  await jobs.lock();
  t.is(on.keychain.items.size, 0);
});

test('a keychain that does not work is said once and tried again at each unlock', async t => {
  const on = await computer(t);
  on.keychain.state = 'locked';
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  const { keychain, keychainBackend, notices } = jobs.status();
  t.deepEqual([keychain, keychainBackend], ['memory-only', 'keytar']);
  t.deepEqual(
    notices.map(notice => notice.kind),
    ['no-keychain'],
  );
  on.clock.advance(minute);
  await jobs.unlock(secrets);
  t.deepEqual(jobs.status().notices, notices, 'the same one');
  on.clock.advance(minute);
  on.keychain.state = 'works';
  await jobs.unlock(secrets);
  t.deepEqual([jobs.status().keychain, jobs.status().notices], ['session', []]);
  t.is((await start(t, on)).status().vault, 'unlocked');
});

test('without leave the keychain is not even asked, and nobody is told that it is missing', async t => {
  const on = await computer(t, { useKeychain: false });
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  t.deepEqual(
    [jobs.status().keychain, jobs.status().keychainBackend, jobs.status().notices],
    ['memory-only', null, []],
  );
  t.deepEqual(on.keychain.asked, []);
  t.is((await start(t, on)).status().vault, 'locked');
});

test('a runtime folder that takes no file does not keep anyone from unlocking', async t => {
  const on = await computer(t);
  const jobs = await start(t, on);
  mkdirSync(join(marker(on), 'in the way'), { recursive: true });
  await jobs.unlock(secrets);
  t.deepEqual([jobs.status().vault, jobs.status().keychain], ['unlocked', 'memory-only']);
  rmSync(marker(on), { recursive: true });
  await jobs.unlock(secrets);
  t.is(jobs.status().keychain, 'session');
});

test('a limit that is set while it is unlocked is kept with the session', async t => {
  const on = await computer(t);
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  const before = [...on.keychain.items.values()];
  await jobs.setSettings({ lockAfterMs: 60 * minute });
  t.notDeepEqual([...on.keychain.items.values()], before);
  on.clock.advance(59 * minute);
  t.is((await start(t, on)).status().vault, 'unlocked');
  on.clock.advance(minute);
  t.is(jobs.status().vault, 'locked');
  t.is((await start(t, on)).status().vault, 'locked');
});

test.serial('a lock that comes while the session is being kept ends it all the same', async t => {
  for (const during of ['marker', 'entry'] as const) {
    const on = await computer(t);
    const jobs = await start(t, on);
    let locked: Promise<void> | undefined;
    if (during === 'entry') {
      const { set } = on.keychain;
      on.keychain.set = async (account, value) => {
        const isKept = await set.call(on.keychain, account, value);
        if (account.endsWith('/session')) locked ??= jobs.lock();
        return isKept;
      };
    } else {
      const { save } = LoginMarker.prototype;
      LoginMarker.prototype.save = async function (half) {
        if (locked === undefined) {
          locked = jobs.lock();
          await immediate(); // so that the removal comes first
          while (on.keychain.asked.at(-1)?.startsWith('remove ') !== true) await immediate();
        }
        await save.call(this, half);
      };
      t.teardown(() => {
        LoginMarker.prototype.save = save;
      });
    }
    await jobs.unlock(secrets);
    await locked;
    t.not(locked, undefined);
    t.deepEqual([...on.keychain.items.keys()], [], during);
    t.false(existsSync(marker(on)), during);
    t.is((await start(t, on)).status().vault, 'locked', during);
  }
});

test('a last use that lies in the future counts as long ago: the clock was set back', async t => {
  const on = await computer(t, { lockAfterIdleMs: 60 * minute });
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  const inTwoHours = (on.clock.now() + 120 * minute) / 1000;
  utimesSync(marker(on), inTwoHours, inTwoHours);
  t.is((await start(t, on)).status().vault, 'locked');
  t.false(existsSync(marker(on)));
});

test.serial('a session that could not be ended is tried again by the next lock, not called ended', async t => {
  const on = await computer(t);
  const jobs = await start(t, on);
  await jobs.unlock(secrets);
  const { remove } = LoginMarker.prototype;
  LoginMarker.prototype.remove = async () => {
    throw Object.assign(new Error('read-only'), { code: 'EROFS' });
  };
  try {
    await t.throwsAsync(jobs.lock());
  } finally {
    LoginMarker.prototype.remove = remove;
  }
  await jobs.lock();
  t.false(existsSync(marker(on)));
});
