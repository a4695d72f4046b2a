// What opens clouds, in the engine: given with orders, sealed under a key of the repository, read again with the help of the copies.

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type CloudContext, connectionsBytes, connectionsFrom, EnginePlaces } from '../../daemon/jobs/engine-places.ts';
import type { Connection, DriveConnection } from '../../daemon/remotes/connection.ts';
import { createFolderRemote } from '../../daemon/remotes/folder.ts';
import { createMemoryRemote } from '../../daemon/remotes/memory.ts';
import type { Repository } from '../../daemon/repository/model.ts';
import { placeOver } from '../support/engine-places.ts';
import { bench, fixedRandom, recoveryKey } from '../support/repository.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const spec = 'drive:Signet';
const bucket = 's3:https://s3.example/bucket';
const drive: DriveConnection = {
  v: 1,
  kind: 'drive',
  clientId: '100-x.apps.googleusercontent.com',
  clientSecret: 'the-client-secret',
  refreshToken: 'the-refresh-token',
  accountId: '0123',
  account: 'anna@example.org',
  folderId: null,
};
const s3: Connection = {
  v: 1,
  kind: 's3',
  region: null,
  pathStyle: true,
  keys: { accessKeyId: 'id', secretAccessKey: 'the-secret-key' },
};
const bytesOf = (...known: readonly (readonly [string, Connection])[]): Uint8Array => connectionsBytes(new Map(known));

interface Kit {
  /** Another engine on the same home. */
  places(): EnginePlaces;
  readonly repository: Repository;
  /** Adapters that were made so far, oldest first. */
  readonly made: { readonly spec: string; readonly context: CloudContext | undefined }[];
  readonly folder: string;
}

async function kit(t: ExecutionContext): Promise<Kit> {
  const home = await temporaryHome(t);
  mkdirSync(home.state, { recursive: true, mode: 0o700 });
  const remote = createMemoryRemote();
  const repository = await (await bench(t, { remote })).create();
  const made: Kit['made'] = [];
  return {
    repository,
    made,
    folder: home.state,
    places: () =>
      new EnginePlaces({
        home,
        placeOf: async (place, context) => {
          made.push({ spec: place.kind, context });
          return placeOver(remote);
        },
        tables: () => t.fail() as never,
        folder: createFolderRemote,
        randomBytes: fixedRandom(3),
        now: () => 7,
      }),
  };
}

test('a job that somebody waits for has patience with a place that answered since it began, one alone with any', async t => {
  const made = await kit(t);
  const places = made.places();
  places.give(bytesOf([spec, drive], [bucket, s3]));
  for (const each of [spec, bucket]) await places.place(each);
  const [first, second] = made.made.map(({ context }) => context);
  const patient = () => [first?.isPatient(), second?.isPatient()];
  first?.onAnswer();
  t.deepEqual(patient(), [false, false], 'there is no job');
  places.jobBegins(true);
  t.deepEqual(patient(), [false, false]);
  first?.onAnswer();
  t.deepEqual(patient(), [true, false]);
  places.jobEnds();
  t.deepEqual(patient(), [false, false]);
  places.jobBegins(true);
  t.deepEqual(patient(), [false, false], 'it answered an earlier one');
  places.jobEnds();
  places.jobBegins(false);
  t.deepEqual(patient(), [true, true]);
});

test('several connections are written down and read as they were', t => {
  const known = new Map<string, Connection>([
    [spec, drive],
    [bucket, s3],
  ]);
  t.deepEqual(connectionsFrom(connectionsBytes(known)), known);
  t.deepEqual(connectionsFrom(connectionsBytes(new Map())), new Map());
});

for (const [what, text] of Object.entries({
  'no JSON': '{"drive:x": {"refreshToken": "very secret',
  'a list': '[]',
  'another shape': '{"drive:x": {"v": 1, "kind": "drive", "refreshToken": "very secret"}}',
})) {
  test(`what is no list of connections (${what}) is refused without a word of it`, t => {
    const error = t.throws(() => connectionsFrom(Buffer.from(text)), { code: 'E_STATE_CORRUPT' });
    t.false(`${error?.message}${error?.cause}${error?.stack}`.includes('very secret'));
  });
}

test('a cloud that was never connected needs its owner; one that is sealed waits for the password', async t => {
  const { places, repository } = await kit(t);
  await t.throwsAsync(async () => places().place(spec), { code: 'E_SIGN_IN' });
  const first = places();
  first.give(bytesOf([spec, drive]));
  await first.opened(spec, repository);
  await t.throwsAsync(async () => places().place(spec), { code: 'E_VAULT_LOCKED' });
});

test('what was given is sealed when the repository is open, and read by another engine with the recovery key', async t => {
  const { places, repository, folder } = await kit(t);
  const first = places();
  first.give(bytesOf([spec, drive], [bucket, s3]));
  t.false(existsSync(join(folder, 'sealed')));
  await first.opened(spec, repository);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    t.is(statSync(path).mode & 0o077, 0, path);
    t.notRegex(readFileSync(path, 'latin1'), /the-(refresh-token|client-secret|secret-key)/, path);
  }
  const second = places();
  await second.unseal(spec, recoveryKey);
  t.deepEqual(second.connection(spec), drive);
  t.deepEqual(second.connection(bucket), s3);
  const third = places();
  await t.throwsAsync(third.unseal(spec, new Uint8Array(32).fill(9)), { code: 'E_WRONG_SECRET' });
});

test('a folder asks for nothing, before and after', async t => {
  const { places, repository, folder } = await kit(t);
  const here = places();
  await here.unseal('folder:/copies', recoveryKey);
  await here.opened('folder:/copies', repository);
  t.false(existsSync(join(folder, 'copies')));
  t.false(existsSync(join(folder, 'sealed')));
});

test('each place has one adapter, which the same connection given again leaves in use', async t => {
  const { places, made } = await kit(t);
  const here = places();
  here.give(bytesOf([spec, drive]));
  const remote = await here.remote(spec);
  await made[0]?.context?.changed({ ...drive, folderId: 'found' });
  here.give(bytesOf([spec, drive]));
  t.is(await here.remote(spec), remote);
  t.is(made.length, 1);
  t.like(here.connection(spec), { folderId: 'found' });
  here.give(bytesOf([spec, { ...drive, refreshToken: 'another' }]));
  await here.remote(spec);
  t.is(made.length, 2);
});

test('the folder that an adapter found is kept', async t => {
  const { places, repository, made } = await kit(t);
  const first = places();
  first.give(bytesOf([spec, drive]));
  await first.opened(spec, repository);
  await made[0]?.context?.changed({ ...drive, folderId: 'found' });
  const second = places();
  await second.unseal(spec, recoveryKey);
  t.like(second.connection(spec), { folderId: 'found' });
});

test('a fresh backup beside another place is opened by the same grant, in a folder of its own', async t => {
  const { places } = await kit(t);
  const here = places();
  here.give(bytesOf([spec, { ...drive, folderId: 'old' }], [bucket, s3]));
  t.deepEqual(here.connection('drive:Signet-20261123-ab12'), drive);
  t.deepEqual(here.connection(`${bucket}/signet-20261123-ab12`), s3);
  t.is(here.connection('drive:Another'), undefined);
  t.is(here.connection('s3:https://s3.example/another'), undefined);
});

test('another account for a place that is connected is refused, and what was sealed stays', async t => {
  const { places, repository } = await kit(t);
  const first = places();
  first.give(bytesOf([spec, drive]));
  await first.opened(spec, repository);
  const second = places();
  second.give(bytesOf([spec, { ...drive, accountId: '4567', refreshToken: 'of another' }]));
  await t.throwsAsync(second.opened(spec, repository), { code: 'E_REPO_MISMATCH' });
  const third = places();
  await third.unseal(spec, recoveryKey);
  t.deepEqual(third.connection(spec), drive);
});

test('what is sealed and damaged is left as it is, and connecting again is advised', async t => {
  const { places, repository, folder } = await kit(t);
  const first = places();
  first.give(bytesOf([spec, drive]));
  await first.opened(spec, repository);
  const path = join(folder, 'sealed', 'connections');
  writeFileSync(path, 'damaged');
  const error = await t.throwsAsync(places().unseal(spec, recoveryKey), { code: 'E_STATE_CORRUPT' });
  t.like(error, { params: { what: 'connection' } });
  t.is(readFileSync(path, 'utf8'), 'damaged');
  const again = places();
  again.give(bytesOf([spec, { ...drive, refreshToken: 'new' }]));
  await again.opened(spec, repository);
  t.is(readFileSync(`${path}.damaged-7`, 'utf8'), 'damaged');
  const later = places();
  await later.unseal(spec, recoveryKey);
  t.like(later.connection(spec), { refreshToken: 'new' });
});

test('without the copies nothing is unsealed, and the place can be connected again', async t => {
  const { places, repository, folder } = await kit(t);
  const first = places();
  first.give(bytesOf([spec, drive]));
  await first.opened(spec, repository);
  for (const name of readdirSync(join(folder, 'copies', 'keys'))) {
    writeFileSync(join(folder, 'copies', 'keys', name), 'damaged');
  }
  t.like(await t.throwsAsync(places().unseal(spec, recoveryKey)), { code: 'E_STATE_CORRUPT' });
});

test('who disconnects a place forgets what opens it and those beside it', async t => {
  const { places, repository } = await kit(t);
  const first = places();
  first.give(bytesOf([spec, drive], ['drive:Signet-20261123-ab12', drive], [bucket, s3]));
  await first.opened(spec, repository);
  await first.forget(spec);
  t.is(first.connection(spec), undefined);
  const second = places();
  await t.throwsAsync(second.unseal(spec, recoveryKey), { code: 'E_SIGN_IN' });
  t.deepEqual([second.connection('drive:Signet-20261123-ab12'), second.connection(bucket)], [undefined, s3]);
});

test('addresses of uploads are sealed, and those of another key are as good as lost', async t => {
  const { places, repository, made } = await kit(t);
  const here = places();
  here.give(bytesOf([spec, drive]));
  await here.place(spec);
  const [{ context } = { context: undefined }] = made;
  const secret = Buffer.from('https://upload.example/session');
  const before = context?.seal(secret) ?? new Uint8Array(0);
  t.false(Buffer.from(before).includes('session'));
  t.deepEqual(Buffer.from(context?.unseal(before) ?? []), secret);
  await here.opened(spec, repository);
  t.is(context?.unseal(before), undefined);
  const after = context?.seal(secret) ?? new Uint8Array(0);
  t.deepEqual(Buffer.from(context?.unseal(after) ?? []), secret);
});

test('what cannot be opened now is opened the next time', async t => {
  const home = await temporaryHome(t);
  let isAway = true;
  const remote = createMemoryRemote();
  const here = new EnginePlaces({
    home,
    placeOf: async () => ({
      ...placeOver(remote),
      open: async () => {
        if (isAway) throw new Error('away');
        return remote;
      },
    }),
    tables: () => t.fail() as never,
    folder: createFolderRemote,
    randomBytes: fixedRandom(3),
    now: () => 7,
  });
  await t.throwsAsync(here.remote('folder:/x'), { message: 'away' });
  isAway = false;
  t.is(await here.remote('folder:/x'), remote);
});
