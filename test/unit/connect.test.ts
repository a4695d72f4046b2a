// The engine's part of connecting: nothing is taken into use that leads to another account or another backup.

import test, { type ExecutionContext } from 'ava';
import { SignetError } from '../../daemon/base/errors.ts';
import { connectPlace, disconnectPlace, type Grants } from '../../daemon/jobs/connect.ts';
import { EnginePlaces } from '../../daemon/jobs/engine-places.ts';
import type { Connection, DriveConnection } from '../../daemon/remotes/connection.ts';
import { createMemoryRemote, type MemoryRemote } from '../../daemon/remotes/memory.ts';
import { configDigest } from '../../daemon/repository/repository.ts';
import { placeOver } from '../support/engine-places.ts';
import { bench, fixedRandom } from '../support/repository.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const spec = 'drive:Signet';
const grant: DriveConnection = {
  v: 1,
  kind: 'drive',
  clientId: 'client',
  clientSecret: 'secret',
  refreshToken: 'token',
  accountId: '0123',
  account: 'anna@example.org',
  folderId: null,
};

interface Kit {
  readonly places: EnginePlaces;
  readonly remote: MemoryRemote;
  /** How much lay there at each probe. */
  readonly probes: readonly number[];
  /** Connections as sign-in was told of them. */
  readonly before: (Connection | undefined)[];
  readonly ended: Connection[];
  connect(granted: DriveConnection, configInUse?: string): ReturnType<typeof connectPlace>;
  disconnect(end?: Grants['end']): ReturnType<typeof disconnectPlace>;
}

async function kit(t: ExecutionContext): Promise<Kit> {
  const home = await temporaryHome(t);
  const remote = createMemoryRemote();
  const probes: number[] = [];
  const places = new EnginePlaces({
    home,
    placeOf: async () => ({ ...placeOver(remote), probe: async () => void probes.push(remote.objects.size) }),
    tables: () => t.fail() as never,
    folder: () => createMemoryRemote(),
    randomBytes: fixedRandom(2),
    now: () => 0,
  });
  const before: Kit['before'] = [];
  const ended: Connection[] = [];
  const { signal } = new AbortController();
  return {
    places,
    remote,
    probes,
    before,
    ended,
    connect: (granted, configInUse) =>
      connectPlace(
        { remote: spec, flow: 'browser' },
        {
          places,
          signal,
          grants: {
            async ask(_, known) {
              before.push(known);
              return granted;
            },
            end: async () => false,
          },
          configInUse: async () => configInUse,
          onAsked: () => undefined,
        },
      ),
    disconnect: (
      end = async connection => {
        ended.push(connection);
        return true;
      },
    ) => disconnectPlace(spec, { places, signal, grants: { ask: () => t.fail() as never, end } }),
  };
}

test('an empty place, one with a backup and one with other things are told apart', async t => {
  const { connect, remote, probes } = await kit(t);
  t.like(await connect(grant), { holds: 'empty', clientId: 'client', accountId: '0123' });
  remote.objects.set('holiday.jpg', new Uint8Array(1));
  t.is((await connect(grant)).holds, 'other');
  t.deepEqual(probes, [0, 1]);
  // Who joins only to restore may have keys that write nothing.
  remote.objects.set('config', new Uint8Array(1));
  t.is((await connect(grant)).holds, 'repository');
  t.is(probes.length, 2);
});

test('who signs in again keeps the folder, and a client that would not see it does not', async t => {
  const { connect, places, before } = await kit(t);
  await connect({ ...grant, folderId: 'mine' });
  await connect({ ...grant, refreshToken: 'newer' });
  t.like(places.connection(spec), { refreshToken: 'newer', folderId: 'mine' });
  t.like(before.at(-1), { folderId: 'mine' });
  await connect({ ...grant, clientId: 'another' });
  t.like(places.connection(spec), { clientId: 'another', folderId: null });
});

test('another account is refused, and what was in use stays', async t => {
  const { connect, places } = await kit(t);
  await connect(grant);
  const other = { ...grant, accountId: '4567', account: 'ben@example.org', refreshToken: 'of ben' };
  await t.throwsAsync(connect(other), { code: 'E_REPO_MISMATCH' });
  t.deepEqual(places.connection(spec), grant);
});

test('the open backup must be there for whoever signs in again', async t => {
  const { connect, places, remote } = await kit(t);
  await connect(grant);
  await (await bench(t, { remote })).create();
  const config = await configDigest(remote);
  await connect({ ...grant, refreshToken: 'newer' }, config);
  t.like(places.connection(spec), { refreshToken: 'newer' });
  const lost = { ...grant, refreshToken: 'newest' };
  t.like(await t.throwsAsync(connect(lost, 'ff'.repeat(32))), { code: 'E_REPO_MISMATCH', params: { found: 'other' } });
  remote.objects.delete('config');
  t.like(await t.throwsAsync(connect(lost, config)), { code: 'E_REPO_MISMATCH', params: { found: 'none' } });
  t.like(places.connection(spec), { refreshToken: 'newer' });
});

test('a place that was disconnected is forgotten, also when nobody could be told of it', async t => {
  const { connect, disconnect, places, ended } = await kit(t);
  await connect(grant);
  t.deepEqual(await disconnect(), { isRevoked: true });
  t.deepEqual(ended, [grant]);
  t.is(places.connection(spec), undefined);
  t.deepEqual(await disconnect(), { isRevoked: false });
  await connect(grant);
  const offline = async (): Promise<boolean> => {
    throw new SignetError('E_UNREACHABLE', 'no network');
  };
  t.deepEqual(await disconnect(offline), { isRevoked: false });
  t.is(places.connection(spec), undefined);
});
