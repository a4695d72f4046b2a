// Clouds on the main thread: what is held, lent and remembered, with an engine that answers as a test wants.

import test, { type ExecutionContext } from 'ava';
import type { RequestType } from 'vscode-jsonrpc/node';
import { SignetError } from '../../daemon/base/errors.ts';
import { Clouds } from '../../daemon/jobs/clouds.ts';
import type { Engine } from '../../daemon/jobs/engine.ts';
import * as engine from '../../daemon/jobs/engine-messages.ts';
import { JobQueue } from '../../daemon/jobs/job-queue.ts';
import type { Settings } from '../../daemon/state/model.ts';
import { defaultSettings, openState } from '../../daemon/state/state.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const remote = 'drive:Signet';
const call = { progress: () => undefined, signal: new AbortController().signal, signInAsked: () => undefined };
const grant = Buffer.from('{"drive:Signet":"a grant"}');
const connected = {
  account: 'anna@example.org',
  accountId: '0123',
  clientId: 'c',
  advice: [],
  holds: 'empty' as const,
};

interface Kit {
  readonly clouds: Clouds;
  readonly clock: ManualClock;
  /** What the engine was asked, with copies of what was lent. */
  readonly asked: { readonly method: string; readonly params: Record<string, unknown>; readonly lent: string }[];
  readonly did: string[];
  answers: Record<string, (params: never) => unknown>;
  settings: Settings;
  isUnlocked: boolean;
}

async function kit(t: ExecutionContext): Promise<Kit> {
  const home = await temporaryHome(t);
  const clock = manualClock();
  const state = await openState(home, { clock, hostLabel: 'bench' });
  t.teardown(() => state.close());
  const asked: Kit['asked'] = [];
  const did: string[] = [];
  const worker = {
    async ask(type: RequestType<object, unknown, unknown>, params: object) {
      const { connections } = params as engine.PlaceOrder;
      asked.push({ method: type.method, params: { ...params }, lent: Buffer.from(connections ?? []).toString() });
      return made.answers[type.method]?.(params as never);
    },
    stop: async () => undefined,
  } as Pick<Engine, 'ask' | 'stop'>;
  const clouds = new Clouds({
    engine: worker,
    facts: state.facts,
    clock,
    log: { info: () => undefined, warn: () => undefined },
    queue: new JobQueue(clock, () => undefined),
    settings: () => made.settings,
    isUnlocked: () => made.isUnlocked,
    reopen: async () => void did.push('reopen'),
    onConnectedLocked: () => void did.push('resume'),
    onChanged: () => undefined,
  });
  const made: Kit = {
    clouds,
    clock,
    asked,
    did,
    answers: {
      connect: () => ({ ...connected, ...(!made.isUnlocked && { connections: Buffer.from(grant) }) }),
      about: () => ({ account: 'anna@example.org', quota: { limit: 10, used: 4 }, advice: [] }),
      disconnect: () => ({ isRevoked: true }),
      lend: () => ({ connections: Buffer.from('{}') }),
    },
    settings: defaultSettings('bench'),
    isUnlocked: false,
  };
  return made;
}

const fails =
  (code: 'E_SIGN_IN' | 'E_UNREACHABLE' | 'E_REPO_MISMATCH' | 'E_STATE_CORRUPT', params = {}) =>
  () => {
    throw new SignetError(code, 'as the test wants', { params });
  };
const setUp = (made: Kit, isUnlocked: boolean): void => {
  made.settings = { ...made.settings, remote };
  made.isUnlocked = isUnlocked;
};
const look = (made: Kit) => made.clouds.engine.ask(engine.inspect, { remote });

test('before set-up what connects is lent with each order that names a place, for an hour', async t => {
  const made = await kit(t);
  const { holds, role } = await made.clouds.connect({ remote }, {}, call);
  t.deepEqual([holds, role], ['empty', 'unused']);
  await look(made);
  t.is(made.asked.at(-1)?.lent, grant.toString());
  t.like(made.clouds.places([]), [{ remote, role: 'unused', holds: 'empty', account: 'anna@example.org' }]);
  made.clock.advance(3_600_000);
  await look(made);
  t.is(made.asked.at(-1)?.lent, '');
  t.deepEqual(made.clouds.places([]), []);
});

test('once a repository is open nothing is held any more, and the place is still known', async t => {
  const made = await kit(t);
  await made.clouds.connect({ remote }, {}, call);
  setUp(made, true);
  made.clouds.opened();
  await look(made);
  t.is(made.asked.at(-1)?.lent, '');
  t.like(made.clouds.places([]), [{ remote, role: 'main' }]);
});

test('a computer that is set up and locked is not connected, unless nothing opens without it', async t => {
  const made = await kit(t);
  setUp(made, false);
  await t.throwsAsync(made.clouds.connect({ remote }, {}, call), { code: 'E_VAULT_LOCKED' });
  await t.throwsAsync(made.clouds.disconnect(undefined), { code: 'E_VAULT_LOCKED' });
  made.answers['open'] = fails('E_SIGN_IN');
  await t.throwsAsync(made.clouds.engine.ask(engine.open, { remote, recoveryKey: new Uint8Array(32) }));
  await made.clouds.connect({ remote }, {}, call);
  t.deepEqual(made.did, ['resume']);
  // It is the unlock that proves whether it leads to the backup.
  t.true(made.clouds.isSignInNeeded(remote));
  made.answers['open'] = () => ({});
  await made.clouds.engine.ask(engine.open, { remote, recoveryKey: new Uint8Array(32) });
  t.is(made.asked.at(-1)?.lent, grant.toString());
  t.false(made.clouds.isSignInNeeded(remote));
});

test('what was connected while locked and leads elsewhere is forgotten', async t => {
  const made = await kit(t);
  setUp(made, false);
  made.answers['open'] = fails('E_STATE_CORRUPT', { what: 'connection' });
  await t.throwsAsync(made.clouds.engine.ask(engine.open, { remote, recoveryKey: new Uint8Array(32) }));
  await made.clouds.connect({ remote }, {}, call);
  made.answers['open'] = fails('E_REPO_MISMATCH');
  await t.throwsAsync(made.clouds.engine.ask(engine.open, { remote, recoveryKey: new Uint8Array(32) }));
  await look(made);
  t.is(made.asked.at(-1)?.lent, '');
});

test('the account that a place was connected to is expected again', async t => {
  const made = await kit(t);
  setUp(made, true);
  await made.clouds.connect({ remote }, {}, call);
  await made.clouds.connect({ remote }, {}, call);
  t.deepEqual(
    made.asked.filter(({ method }) => method === 'connect').map(({ params }) => params['accountId']),
    [undefined, '0123'],
  );
  t.deepEqual(made.did, ['reopen', 'reopen']);
});

test('an answer that asks for a sign-in is remembered until a place that works proves otherwise', async t => {
  const made = await kit(t);
  setUp(made, true);
  made.answers['backup'] = fails('E_SIGN_IN', { why: 'weekly' });
  made.answers['measure'] = () => ({});
  await t.throwsAsync(made.clouds.engine.ask(engine.backup, {} as engine.BackupOrder));
  t.like(made.clouds.status(remote), { signIn: 'needed' });
  t.deepEqual(made.clouds.signedOut(remote), { since: made.clock.now(), why: 'weekly' });
  await made.clouds.engine.ask(engine.measure, { devices: false });
  t.like(made.clouds.status(remote), { signIn: 'needed' });
  made.answers['backup'] = () => ({});
  await made.clouds.engine.ask(engine.backup, {} as engine.BackupOrder);
  t.deepEqual(made.clouds.status(remote), {});
});

test('account and room are as of the last time that the place was asked', async t => {
  const made = await kit(t);
  setUp(made, true);
  t.deepEqual(made.clouds.status(remote), {});
  t.is(await made.clouds.look(remote), true);
  t.deepEqual(made.clouds.status(remote), { account: 'anna@example.org', quota: { limit: 10, used: 4 } });
  made.answers['about'] = fails('E_UNREACHABLE');
  t.is(await made.clouds.look(remote), false);
  made.answers['about'] = fails('E_SIGN_IN');
  t.is(await made.clouds.look(remote), null);
  t.like(made.clouds.status(remote), { quota: { limit: 10, used: 4 }, signIn: 'needed' });
});

test('after a backup only a place that tells of room is asked, and what it answers fails nothing', async t => {
  const made = await kit(t);
  setUp(made, true);
  await made.clouds.stored('s3:https://s3.example/bucket');
  await made.clouds.stored('folder:/copies');
  t.deepEqual(made.asked, []);
  await made.clouds.stored(remote);
  t.like(made.clouds.status(remote), { quota: { used: 4 } });
  t.is(made.asked.length, 1);
  made.clock.advance(3_599_000);
  await made.clouds.stored(remote);
  t.is(made.asked.length, 1, 'once an hour is enough');
  made.clock.advance(1_000);
  made.answers['about'] = fails('E_REPO_MISMATCH');
  await t.notThrowsAsync(made.clouds.stored(remote));
  t.is(made.asked.length, 2);
});

test('a place that was disconnected is unused, or needs its owner where it is in use', async t => {
  const made = await kit(t);
  setUp(made, true);
  await made.clouds.connect({ remote }, {}, call);
  await made.clouds.connect({ remote: 'drive:Another' }, {}, call);
  t.is(made.clouds.places([]).length, 2);
  t.true(await made.clouds.disconnect('drive:Another'));
  t.is(made.clouds.places([]).length, 1);
  t.true(await made.clouds.disconnect(undefined));
  t.like(made.clouds.places([]), [{ remote, role: 'main', signIn: 'needed' }]);
  t.is(made.clouds.places([])[0]?.account, undefined);
  t.is(made.clouds.signedOut(remote)?.why, 'disconnected');
});

test('a folder is not connected, and what names no place is refused', async t => {
  const made = await kit(t);
  await t.throwsAsync(made.clouds.connect({ remote: 'folder:/copies' }, {}, call), { code: 'E_USAGE' });
  await t.throwsAsync(made.clouds.connect({ remote: 'ftp:somewhere' }, {}, call), { code: 'E_USAGE' });
  await t.throwsAsync(made.clouds.disconnect(undefined), { code: 'E_USAGE' });
  t.deepEqual(made.asked, []);
});
