// The table of known objects after it was set back or copied: a machine that was restored from its own backup, a disk that runs in two
// computers. What it says it may still use was used meanwhile, and what others stored under such an id is never touched.

import { createHash, randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { utf8 } from '../../daemon/base/bytes.ts';
import { systemClock } from '../../daemon/base/clock.ts';
import { DriveAuth } from '../../daemon/remotes/drive/auth.ts';
import { createDriveRemote, type ObjectTable, prepareDriveFolder } from '../../daemon/remotes/drive/drive.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { type DriveBench, driveBench, driveOptions } from '../support/drive-bench.ts';
import { startDriveFake } from '../support/drive-fake/drive-fake.ts';
import { memoryObjects } from '../support/memory-objects.ts';

const maxBytes = 64 * 1024 * 1024;

function pack(sizeBytes: number): { readonly key: string; readonly bytes: Buffer } {
  const bytes = randomBytes(sizeBytes);
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { key: `data/aa/${hash}`, bytes };
}

/** As it is at this moment. */
function copyOf(objects: ObjectTable): ObjectTable {
  const copy = memoryObjects(objects.below(''));
  for (const name of ['ids', 'position', 'listing due', 'root', 'folder']) copy.setNote(name, objects.note(name));
  return copy;
}

/** A second computer with the same table. The first has its next ids at hand already, and both use them. */
async function twins(t: ExecutionContext): Promise<{ readonly bench: DriveBench; readonly other: ObjectTable }> {
  const bench = await driveBench(t);
  await bench.remote.put('data/aa/first', utf8('1'));
  const other = copyOf(bench.objects);
  return { bench, other };
}

const live = ({ fake }: DriveBench) => fake.files().filter(({ isTrashed, isFolder }) => !isTrashed && !isFolder);

for (const sizeBytes of [1000, 6 * 1024 * 1024]) {
  test(`an object of ${sizeBytes} bytes under an id that another object has meanwhile is stored under another, and that one stays`, async t => {
    const { bench, other } = await twins(t);
    const theirs = bench.open();
    const mine = bench.open({ objects: other });
    const stored = Array.from({ length: 3 }, () => pack(1000));
    for (const { key, bytes } of stored) await theirs.put(key, bytes);
    const { key, bytes } = pack(sizeBytes);
    // The first try tells that the id was taken, and each next one draws anew.
    await mine.put(key, bytes).catch(() => mine.put(key, bytes));
    for (const each of [...stored, { key, bytes }]) {
      t.true(
        live(bench).some(({ path }) => path === `Signet/${each.key}`),
        each.key,
      );
      t.true(each.bytes.equals(await bench.open({ objects: memoryObjects() }).get(each.key, { maxBytes })));
    }
    t.true(bytes.equals(await mine.get(key, { maxBytes })));
    t.is(bench.fake.files().filter(({ isTrashed }) => isTrashed).length, 0);
  });
}

test('an id that an object has meanwhile is not taken for the folder that was to bear it', async t => {
  const { bench, other } = await twins(t);
  const { key, bytes } = pack(1000);
  await bench.open().put(key, bytes);
  const mine = bench.open({ objects: other });
  const put = () => mine.put('index/x', utf8('x'));
  await put().catch(put);
  t.true(live(bench).some(({ path }) => path === 'Signet/index/x'));
  t.true(live(bench).some(({ path }) => path === `Signet/${key}`));
});

test('an object whose upload never ended is removed without the one that bears its id', async t => {
  const { bench, other } = await twins(t);
  const { key, bytes } = pack(1000);
  await bench.open().put(key, bytes);
  const mine = bench.open({ objects: other });
  bench.fake.fault({ do: 'reset', on: 'files.create.multipart' });
  await t.throwsAsync(mine.put('data/aa/never', utf8('x')), { code: 'E_UNREACHABLE' });
  await mine.remove('data/aa/never');
  t.true(live(bench).some(({ path }) => path === `Signet/${key}`));
  t.is(other.get('data/aa/never'), undefined);
});

test('an id that an object has meanwhile is not taken for the folder of a new backup', async t => {
  const { bench, other } = await twins(t);
  const { key, bytes } = pack(1000);
  await bench.open().put(key, bytes);
  const options = {
    ...bench.options,
    folder: 'Another',
    objects: other,
    connection: { ...bench.options.connection, folderId: null },
  };
  const { folderId } = await prepareDriveFolder(options).catch(() => prepareDriveFolder(options));
  t.deepEqual(
    bench.fake
      .files()
      .filter(({ id }) => id === folderId)
      .map(({ path }) => path),
    ['Another'],
  );
});

test('ids that were drawn for one account are not used in another that is signed in to later', async t => {
  const fake = await startDriveFake();
  t.teardown(() => fake.close());
  const objects = memoryObjects();
  await prepareDriveFolder(driveOptions(fake, objects));
  const connection = fake.connection({ account: fake.otherAccount.email });
  const auth = new DriveAuth({ connection, endpoints: googleEndpoints(fake.root), clock: systemClock, place: 'x' });
  const options = { ...driveOptions(fake, objects), connection, auth };
  const remote = createDriveRemote({ ...options, connection: await prepareDriveFolder(options) });
  await remote.put('data/aa/x', utf8('x'));
  t.true(fake.files(fake.otherAccount.email).some(({ path }) => path === 'Signet/data/aa/x'));
});
