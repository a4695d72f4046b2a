// Moving and second copies as a person does them: through the command line, with the real daemon behind it.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { CopyResult, PlaceStatus, RestoreResult } from '../../protocol/status.ts';
import { type Installation, installation, password } from '../support/installation.ts';

async function withTwoBackups(t: ExecutionContext): Promise<Installation> {
  const signet = await installation(t);
  writeFileSync(join(signet.source, 'a.txt'), 'first');
  await signet.setUp();
  await signet.ok(['backup']);
  writeFileSync(join(signet.source, 'a.txt'), 'second');
  await signet.ok(['backup']);
  return signet;
}

async function restored(signet: Installation, snapshot: string): Promise<string> {
  const to = join(signet.folder, `back-${snapshot.slice(0, 6)}-${readdirSync(signet.folder).length}`);
  const { target } = await signet.ok<RestoreResult>(['restore', snapshot, '--to', to]);
  const [source = ''] = readdirSync(target);
  return readFileSync(join(target, source, 'a.txt'), 'utf8');
}

test('a backup moves to another folder with its history, and the old one goes when its name is typed', async t => {
  const signet = await withTwoBackups(t);
  const to = join(signet.folder, 'disk');
  const result = await signet.ok<CopyResult & { left: string }>(['remote', 'move', `folder:${to}`]);
  t.is(result.left, 'copies');
  t.true(result.objects > 5);
  const { places } = await signet.ok<{ places: readonly PlaceStatus[] }>(['remote', 'show']);
  t.deepEqual(
    places.map(({ remote, role }) => [remote, role]),
    [
      [`folder:${to}`, 'main'],
      [`folder:${signet.remote}`, 'left'],
    ],
  );
  t.deepEqual((await Promise.all((await signet.snapshots()).map(({ id }) => restored(signet, id)))).sort(), [
    'first',
    'second',
  ]);
  await signet.ok(['verify', '--read-data']);
  t.true(existsSync(join(signet.remote, 'config')));
  t.is((await signet.signet(['remote', 'delete-old', 'disk'], { password })).code, 2);
  await signet.ok(['remote', 'delete-old', 'copies'], { password });
  t.false(existsSync(signet.remote));
  const told = signet.start(['remote', 'move', `folder:${signet.remote}`]);
  let out = '';
  told.stderr?.on('data', chunk => {
    out += chunk;
  });
  told.stdout?.on('data', chunk => {
    out += chunk;
  });
  await new Promise(resolve => told.once('close', resolve));
  t.regex(out, /The backup has moved to .*copies/);
  t.regex(out, /Other computers still back up to the old place/);
  t.regex(out, /signet remote delete-old disk/);
});

test('a second copy is kept, shown, asked for what is lost, and takes the part of the first place', async t => {
  const signet = await withTwoBackups(t);
  const disk = join(signet.folder, 'disk');
  await signet.ok(['remote', 'mirror', 'add', `folder:${disk}`]);
  writeFileSync(join(signet.source, 'a.txt'), 'third');
  await signet.ok(['backup']);
  const packs = (place: string) =>
    readdirSync(join(place, 'data'), { recursive: true, encoding: 'utf8' }).filter(name => name.length > 60);
  await signet.until('the copy is complete', ({ job, mirrors }) => {
    const isWhole = packs(disk).length === packs(signet.remote).length;
    return job === null && mirrors[0]?.problem === undefined && isWhole;
  });
  rmSync(join(signet.remote, 'data', packs(signet.remote)[0] ?? ''));
  t.is((await signet.signet(['verify'])).code, 1);
  const { healed, problems } = await signet.ok<CopyResult>(['remote', 'mirror', 'sync']);
  t.deepEqual([healed, problems], [1, []]);
  await signet.ok(['verify', '--read-data']);

  renameSync(signet.remote, `${signet.remote}-burnt`);
  await signet.ok(['lock']);
  t.is((await signet.signet(['unlock'], { password })).code, 14);
  t.is((await signet.signet(['remote', 'move', `folder:${disk}`, '--lost'])).code, 2, 'the password is needed');
  await signet.ok(['remote', 'move', `folder:${disk}`, '--lost'], { password });
  t.is(await restored(signet, 'latest'), 'third');
  t.deepEqual((await signet.status()).mirrors, []);
  t.is((await signet.signet(['remote', 'mirror', 'sync'])).code, 2);
});
